//! Which spelling gives an entity from a module.

use std::collections::BTreeSet;
use std::ops::Range;

use dm_model::{EntityId, Location};
use dm_syntax::written::Primitive;
use dm_syntax::{Mode, SyntaxKind as K, parse};

use crate::lookup::{Found, Lookup, Wanted};
use crate::scope::Scope;
use crate::spelling;

/// Whether a spelling gives the entity wherever in the text it stands, locals aside.
pub(super) fn gives<S: Scope + ?Sized>(lookup: &mut Lookup<'_, S>, spelling: &str, entity: EntityId) -> bool {
    wanted(spelling).iter().all(|wanted| lookup.find(spelling, *wanted) == Found::Entity(entity))
}

/// Whether a spelling gives one entity, whichever, wherever in the text it stands, locals aside.
pub(super) fn gives_one<S: Scope + ?Sized>(lookup: &mut Lookup<'_, S>, spelling: &str) -> bool {
    let first = wanted(spelling).first().map(|wanted| lookup.find(spelling, *wanted));
    matches!(first, Some(Found::Entity(entity)) if gives(lookup, spelling, entity))
}

fn wanted(spelling: &str) -> &'static [Wanted] {
    if spelling::is_upper(spelling) { &[Wanted::Type] } else { &[Wanted::ValueThenFn, Wanted::FnThenValue] }
}

/// The shortest spelling that gives the entity at `location`: without the modules that the place shares with it, or from
/// `Stdlib`, else in full.
pub(super) fn shortest<S: Scope + ?Sized>(
    lookup: &mut Lookup<'_, S>,
    locals: &mut LocalNames<'_>,
    location: &Location,
    entity: EntityId,
) -> Option<String> {
    let path = location.as_str();
    let mut spellings: Vec<&str> = Vec::new();
    let mut shared = lookup.module_path();
    while !shared.is_empty() {
        spellings.extend(path.strip_prefix(shared).and_then(|rest| rest.strip_prefix('.')));
        shared = shared.rsplit_once('.').map_or("", |(shorter, _)| shorter);
    }
    spellings.extend(path.strip_prefix("Darklang.").filter(|rest| rest.starts_with("Stdlib.")));
    spellings.push(path);
    let fits =
        |spelling: &&&str| !is_language_name(spelling) && !locals.hide(spelling) && gives(lookup, spelling, entity);
    spellings.iter().find(fits).map(|spelling| (*spelling).to_owned())
}

/// Whether an unqualified name means something of the language's own.
fn is_language_name(spelling: &str) -> bool {
    Primitive::named(spelling).is_some() || matches!(spelling, "List" | "Dict" | "Stream" | "DB")
}

/// The names that a definition binds anywhere in its text, found when first asked for.
pub(super) struct LocalNames<'t> {
    text: &'t str,
    names: Option<BTreeSet<String>>,
}

impl<'t> LocalNames<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, names: None }
    }

    /// Whether a spelling could be read as a local name, or a field of one, somewhere in the text.
    fn hide(&mut self, spelling: &str) -> bool {
        let first = spelling.split('.').next().unwrap_or_default();
        if first.starts_with(|c: char| c.is_uppercase()) && spelling.contains('.') {
            return false;
        }
        self.names.get_or_insert_with(|| bound_names(self.text)).contains(first)
    }
}

fn bound_names(text: &str) -> BTreeSet<String> {
    let parsed = parse(text, Mode::Package);
    let binders = parsed
        .tree
        .root()
        .descendants()
        .filter(|node| matches!(node.kind(), K::Param | K::LocalParam | K::LocalFn | K::LetVar | K::VarPat));
    let names = binders.filter_map(|node| node.tokens().find(|token| token.kind().is_name()));
    names.map(|token| spelling::bare(token.text()).to_owned()).collect()
}

/// The bytes of the name that a text of one declaration declares; `None` if it begins with no declaring word.
///
/// Reads no further than the name, since every definition shown is asked.
pub(crate) fn own_name_in(text: &str) -> Option<Range<u32>> {
    let keyword = skip_trivia(text, 0)?;
    let rest = text.get(keyword..)?;
    let word = ["let", "val", "type"].into_iter().find(|word| {
        let behind = rest.strip_prefix(word).and_then(|rest| rest.chars().next());
        behind.is_some_and(|c| c.is_whitespace() || matches!(c, '(' | '/' | '`'))
    })?;
    let start = skip_trivia(text, keyword + word.len())?;
    let name = text.get(start..)?;
    let length = match name.strip_prefix("``") {
        Some(quoted) => quoted.find("``")? + 4,
        None => name.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '\'').unwrap_or(name.len()),
    };
    let range = u32::try_from(start).ok()?..u32::try_from(start + length).ok()?;
    (length > 0).then_some(range)
}

/// The offset of the first byte from `at` on that is neither space nor comment.
fn skip_trivia(text: &str, mut at: usize) -> Option<usize> {
    loop {
        let rest = text.get(at..)?;
        let space = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        let rest = rest.get(space..)?;
        at += space;
        if rest.starts_with("//") {
            at += rest.find('\n')?;
        } else if rest.starts_with("(*") && !rest.starts_with("(*)") {
            at += block_comment_length(rest)?;
        } else {
            return Some(at);
        }
    }
}

fn block_comment_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_u32;
    let mut at = 0;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'(', Some(b'*')) if bytes.get(at + 2) != Some(&b')') => {
                depth += 1;
                at += 2;
            }
            (b'*', Some(b')')) => {
                depth = depth.saturating_sub(1);
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_name_is_found_without_parsing() {
        let named =
            |text: &str| own_name_in(text).map(|range| text[range.start as usize..range.end as usize].to_owned());
        assert_eq!(named("let f (x: Int) : Int = x"), Some("f".into()));
        assert_eq!(named("// let g\n/// x\n(* (* let h *) *) val (* a *) b' = 1"), Some("b'".into()));
        assert_eq!(named("type Tree<'a> = | Leaf"), Some("Tree".into()));
        assert_eq!(named("let ``mod`` (x: Int) : Int = x"), Some("``mod``".into()));
        assert_eq!(named("letter = 1"), None);
        assert_eq!(named("f 1 = 2"), None);
        assert_eq!(named("(* open"), None);
        assert_eq!(named("// only"), None);
        assert_eq!(named("let"), None);
    }
}
