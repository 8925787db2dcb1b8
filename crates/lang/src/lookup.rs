//! What a written name means from a module: the candidate paths, in order, and who may see what.
//!
//! The written path is tried behind the whole module path, then behind each shorter prefix of it, then alone (where
//! `Builtin.name` means the runtime's); then `Stdlib..` behind `Darklang`; then `Option` and `Result` in the standard
//! library. The first hit of the wanted kind wins. A name with a version suffix (`name_v2`) that means nothing as written
//! is tried without it.
//!
//! Deliberately absent: local variables, which are the walk's in [`crate::resolve`].

use dm_model::{EntityId, Kind, ReferenceForm, Visibility};
use rustc_hash::FxHashMap;

use crate::builtins::builtin;
use crate::scope::{Entry, Scope};
use crate::spelling;

/// What kinds of definition a name can mean at its place, and which of them first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// A type.
    Type,
    /// A value, else a function: a name that is not applied.
    ValueThenFn,
    /// A function, else a value: a name that is applied.
    FnThenValue,
    /// A function: a name that something is piped into.
    Fn,
}

/// What a name turned out to mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// One entity.
    Entity(EntityId),
    /// A function or value of the runtime.
    Builtin(&'static str, u32),
    /// Several entities at one location.
    Ambiguous(Vec<EntityId>),
    /// An entity that may not be referred to from here.
    NotVisible(EntityId),
    /// The last segment can be no name of the wanted kind.
    Invalid,
    /// Nothing.
    Nothing,
}

/// Looks names up from one module, each only once.
pub(crate) struct Lookup<'s, S: Scope + ?Sized> {
    scope: &'s S,
    module_path: &'s str,
    cache: FxHashMap<Box<str>, [Option<Found>; 4]>,
    path: String,
    entries: Vec<Entry>,
    suggested: FxHashMap<Box<str>, Vec<String>>,
}

impl<'s, S: Scope + ?Sized> Lookup<'s, S> {
    pub(crate) fn new(scope: &'s S, module_path: &'s str) -> Self {
        Self {
            scope,
            module_path,
            cache: FxHashMap::default(),
            path: String::new(),
            entries: Vec::new(),
            suggested: FxHashMap::default(),
        }
    }

    /// The module looked from.
    pub(crate) fn module_path(&self) -> &'s str {
        self.module_path
    }

    /// What a dotted spelling means.
    pub(crate) fn find(&mut self, spelling: &str, wanted: Wanted) -> Found {
        let slot = wanted as usize;
        if let Some(found) = self.cache.get(spelling).and_then(|row| row.get(slot)).and_then(Option::as_ref) {
            return found.clone();
        }
        let found = self.search(spelling, wanted);
        let row = self.cache.entry(spelling.into()).or_default();
        if let Some(cell) = row.get_mut(slot) {
            *cell = Some(found.clone());
        }
        found
    }

    /// What stands at exactly this path.
    pub(crate) fn find_exact(&mut self, path: &str, wanted: Wanted) -> Found {
        let (mut second, mut hidden) = (None, None);
        let found = self.at(&[path], wanted, &mut second, &mut hidden);
        found.or(second).unwrap_or(hidden.map_or(Found::Nothing, Found::NotVisible))
    }

    fn search(&mut self, spelling: &str, wanted: Wanted) -> Found {
        let Some(version) = well_formed(spelling, wanted) else { return Found::Invalid };
        let found = self.candidates(spelling, 0, wanted);
        match (found, version) {
            (Found::Nothing, Some((stem, version))) => self.candidates(stem, version, wanted),
            (found, _) => found,
        }
    }

    fn candidates(&mut self, spelling: &str, version: u32, wanted: Wanted) -> Found {
        let mut second = None;
        let mut hidden = None;
        let mut prefix = Some(self.module_path);
        while let Some(module) = prefix {
            let shorter = module.rsplit_once('.').map(|(shorter, _)| shorter);
            prefix = if module.is_empty() { None } else { Some(shorter.unwrap_or_default()) };
            if module.is_empty() && wanted != Wanted::Type {
                let name = spelling.strip_prefix("Builtin.").filter(|name| !name.contains('.'));
                if let Some(found) = name.and_then(|name| builtin(name, version)) {
                    return Found::Builtin(found.name, found.version);
                }
            }
            if let Some(found) = self.at(&[module, spelling], wanted, &mut second, &mut hidden) {
                return found;
            }
        }
        if spelling.starts_with("Stdlib.")
            && let Some(found) = self.at(&["Darklang", spelling], wanted, &mut second, &mut hidden)
        {
            return found;
        }
        let common = match spelling {
            "Option" | "Option.Option" => Some(OPTION),
            "Result" | "Result.Result" => Some(RESULT),
            _ => None,
        };
        if let Some(path) = common
            && let Some(found) = self.at(&[path], wanted, &mut second, &mut hidden)
        {
            return found;
        }
        second.unwrap_or(hidden.map_or(Found::Nothing, Found::NotVisible))
    }

    /// What stands at one candidate path. A hit of the second choice is noted, as is one that cannot be seen.
    fn at(
        &mut self,
        parts: &[&str],
        wanted: Wanted,
        second: &mut Option<Found>,
        hidden: &mut Option<EntityId>,
    ) -> Option<Found> {
        self.path.clear();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(part);
        }
        // A path of one segment is an owner, never a definition.
        if !self.path.contains('.') {
            return None;
        }
        self.entries.clear();
        self.scope.entries_at(&self.path, &mut self.entries);
        let rank = self.entries.iter().filter_map(|entry| rank(wanted, entry.kind)).min()?;
        let module = self.path.rsplit_once('.').map_or("", |(module, _)| module);
        let mut seen: Vec<EntityId> = self
            .entries
            .iter()
            .filter(|entry| visible(self.module_path, module, entry.visibility))
            .map(|entry| entry.entity)
            .collect();
        seen.sort_unstable();
        seen.dedup();
        let found = match seen.as_slice() {
            [] => {
                *hidden = hidden.or(self.entries.first().map(|entry| entry.entity));
                return None;
            }
            [one] => Found::Entity(*one),
            _ => Found::Ambiguous(seen),
        };
        if rank == 0 {
            return Some(found);
        }
        second.get_or_insert(found);
        None
    }

    /// Spellings near a name that means nothing, best first; for the first few such names only.
    pub(crate) fn suggest(&mut self, spelling: &str) -> Vec<String> {
        if let Some(known) = self.suggested.get(spelling) {
            return known.clone();
        }
        if self.suggested.len() >= SUGGESTED_NAMES_MAX {
            return Vec::new();
        }
        let near = suggest(self.scope, self.module_path, spelling);
        self.suggested.insert(spelling.into(), near.clone());
        near
    }
}

/// The last segments that the name can have which a stretch of a text may come to mean: its own, that without a version, or
/// that of what the language means by it.
#[must_use]
pub fn leaves(span: &str, form: ReferenceForm) -> Vec<String> {
    if form == ReferenceForm::Implicit {
        return [OPTION, RESULT, APPEND].map(|path| spelling::last(path).to_owned()).to_vec();
    }
    let own = spelling::last(&spelling::of_span(span)).to_owned();
    let unversioned = own.rsplit_once("_v").map(|(stem, _)| stem.to_owned());
    std::iter::once(own).chain(unversioned).collect()
}

/// The standard library's `Option`.
pub(crate) const OPTION: &str = "Darklang.Stdlib.Option.Option";
/// The standard library's `Result`.
pub(crate) const RESULT: &str = "Darklang.Stdlib.Result.Result";
/// What the `@` operator calls.
pub(crate) const APPEND: &str = "Darklang.Stdlib.List.append";

/// Of so many different unknown names of a module is asked what they may mean; a tree without its standard library has
/// thousands.
const SUGGESTED_NAMES_MAX: usize = 8;
/// Most suggestions for one name.
const SUGGESTIONS_MAX: usize = 3;

/// Whether the kind is wanted: 0 as first choice, 1 as second.
fn rank(wanted: Wanted, kind: Kind) -> Option<u8> {
    match (wanted, kind) {
        (Wanted::Type, Kind::Type) | (Wanted::ValueThenFn, Kind::Value) => Some(0),
        (Wanted::FnThenValue | Wanted::Fn, Kind::Fn) => Some(0),
        (Wanted::ValueThenFn, Kind::Fn) | (Wanted::FnThenValue, Kind::Value) => Some(1),
        _ => None,
    }
}

/// The one entity that a spelling means from a module in a view.
#[must_use]
pub fn meaning_of<S: Scope + ?Sized>(scope: &S, module_path: &str, spelling: &str, wanted: Wanted) -> Option<EntityId> {
    match Lookup::new(scope, module_path).find(spelling, wanted) {
        Found::Entity(entity) => Some(entity),
        _ => None,
    }
}

/// Whether a definition in module `from` may refer to one in module `target` of this visibility.
///
/// A nested module is inside the modules around it.
#[must_use]
pub fn visible(from: &str, target: &str, visibility: Visibility) -> bool {
    match visibility {
        Visibility::Public => true,
        Visibility::Internal => from.split('.').next() == target.split('.').next(),
        Visibility::Private => from.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
    }
}

/// Whether the last segment can be a name of the wanted kind; inside, what is left of it without a version suffix.
#[expect(clippy::option_option, reason = "malformed, without a version, and with one are three answers")]
fn well_formed(spelling: &str, wanted: Wanted) -> Option<Option<(&str, u32)>> {
    let name = spelling::last(spelling);
    let core = name.strip_suffix('\'').unwrap_or(name);
    let mut bytes = core.bytes();
    let first = bytes.next()?;
    let first_fits = if wanted == Wanted::Type { first.is_ascii_uppercase() } else { first.is_ascii_lowercase() };
    if !first_fits || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') || spelling.starts_with("PACKAGE.") {
        return None;
    }
    let suffix = spelling.rsplit_once("_v").filter(|(_, digits)| digits.bytes().all(|b| b.is_ascii_digit()));
    Some(suffix.and_then(|(stem, digits)| Some((stem, digits.parse().ok()?))).filter(|(stem, _)| !stem.ends_with('.')))
}

/// Spellings that may be meant by a name that means nothing in a module, best first.
pub fn suggest<S: Scope + ?Sized>(scope: &S, module_path: &str, spelling: &str) -> Vec<String> {
    let name = spelling::last(spelling);
    let mut near: Vec<(usize, String)> = Vec::new();
    for path in scope.locations_named(name) {
        // A place that ends as the name was written is nearer than one that only begins as the module does.
        let shared = shared_segments(&path, module_path) + 4 * shared_end(&path, spelling).saturating_sub(1);
        near.push((24usize.saturating_sub(shared), path));
    }
    let qualifier = spelling.rsplit_once('.').map(|(qualifier, _)| qualifier);
    if qualifier == Some("Builtin") {
        near.extend(builtins_like(name));
    }
    for module in modules_meant(module_path, qualifier) {
        for other in scope.names_in(&module) {
            if let Some(distance) = close(name, &other) {
                let written = qualifier.map_or_else(|| other.clone(), |qualifier| format!("{qualifier}.{other}"));
                near.push((distance, written));
            }
        }
    }
    near.sort();
    near.dedup_by(|a, b| a.1 == b.1);
    near.into_iter().map(|(_, path)| path).take(SUGGESTIONS_MAX).collect()
}

fn builtins_like(name: &str) -> impl Iterator<Item = (usize, String)> {
    crate::builtins::builtin_names().filter_map(move |other| Some((close(name, other)?, format!("Builtin.{other}"))))
}

/// The modules that a qualifier can mean.
fn modules_meant(module_path: &str, qualifier: Option<&str>) -> Vec<String> {
    let prefixes = std::iter::successors(Some(module_path), |path| path.rsplit_once('.').map(|(shorter, _)| shorter));
    let Some(qualifier) = qualifier else { return prefixes.map(str::to_owned).collect() };
    let mut modules: Vec<_> = prefixes.map(|prefix| format!("{prefix}.{qualifier}")).collect();
    modules.push(qualifier.to_owned());
    modules.push(format!("Darklang.{qualifier}"));
    modules
}

fn shared_segments(a: &str, b: &str) -> usize {
    a.split('.').zip(b.split('.')).take_while(|(a, b)| a == b).count()
}

fn shared_end(a: &str, b: &str) -> usize {
    a.rsplit('.').zip(b.rsplit('.')).take_while(|(a, b)| a == b).count()
}

/// The edit distance of two names if it is small for their length.
fn close(a: &str, b: &str) -> Option<usize> {
    const NAME_CHARS_MAX: usize = 64;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let limit = match a.len().min(b.len()) {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    if a.len().abs_diff(b.len()) > limit || a.len().max(b.len()) > NAME_CHARS_MAX || a == b {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (to, &above) in b.iter().zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(from != to);
            left = replaced.min(above + 1).min(left + 1);
            next.push(left);
            diagonal = above;
        }
        row = next;
    }
    row.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_may_come_to_mean_ends_in_one_of_its_leaves() {
        let path = |span| leaves(span, ReferenceForm::Path);
        assert_eq!(path("A.b"), ["b"]);
        assert_eq!(path("A.f_v2"), ["f_v2", "f"]);
        assert_eq!(path("A.``odd.one``").len(), 1);
        assert_eq!(leaves("@", ReferenceForm::Implicit), ["Option", "Result", "append"]);
    }

    #[test]
    fn visibility_counts_modules_from_the_owner() {
        assert!(visible("Acme.Shop.Cart", "Acme.Shop", Visibility::Private));
        assert!(!visible("Acme.Shop", "Acme.Shop.Cart", Visibility::Private));
        assert!(!visible("Acme.Shopping", "Acme.Shop", Visibility::Private));
        assert!(visible("Acme.A", "Acme.B", Visibility::Internal));
        assert!(!visible("Acme2.A", "Acme.B", Visibility::Internal));
    }

    #[test]
    fn names_are_well_formed_by_kind() {
        assert_eq!(well_formed("M.f", Wanted::Fn), Some(None));
        assert_eq!(well_formed("f_v2", Wanted::Fn), Some(Some(("f", 2))));
        assert_eq!(well_formed("f_very", Wanted::Fn), Some(None));
        assert_eq!(well_formed("f'", Wanted::Fn), Some(None));
        assert_eq!(well_formed("f'g", Wanted::Fn), None);
        assert_eq!(well_formed("_f", Wanted::Fn), None);
        assert_eq!(well_formed("f", Wanted::Type), None);
        assert_eq!(well_formed("PACKAGE.A.f", Wanted::Fn), None);
    }

    #[test]
    fn near_names_are_near() {
        assert_eq!(close("total", "totl"), Some(1));
        assert_eq!(close("total", "tally"), None);
        assert_eq!(close("length", "lenght"), Some(2));
        assert_eq!(close("ab", "ac"), None);
    }
}
