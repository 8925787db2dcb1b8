//! What the type of a search means in a view.

use std::collections::{BTreeMap, BTreeSet};

use dm_lang::{AskedSignature, Signature, Wanted};
use dm_model::{EntityId, Kind};
use dm_store::{Class, SearchFilter, Word};
use dm_syntax::{Code, Diagnostic, TextRange};

use super::{Own, SearchQuery};
use crate::error::{EngineError, TextProblem};
use crate::look::Look;
use crate::scope::ViewScope;

/// Types of one name that are looked at: more are told apart by more of their location only.
const NAMESAKES_MAX: usize = 256;
/// Types named in a message.
const NAMED_MAX: usize = 3;

impl Look<'_> {
    /// The signature that a text means in this view: names are those of types, or ends of them.
    pub(super) fn signature_asked(
        &self,
        text: &str,
        own: &BTreeMap<EntityId, Vec<Own>>,
    ) -> Result<Signature, EngineError> {
        let wrong = |diagnostics: Vec<Diagnostic>| {
            EngineError::BadType(TextProblem { file: "type".to_owned(), text: text.to_owned(), diagnostics })
        };
        let asked = AskedSignature::read(text).map_err(wrong)?;
        let mut meanings = BTreeMap::new();
        let mut problems = Vec::new();
        for (spelling, range) in asked.names() {
            match self.type_meant(spelling, own)?.as_slice() {
                [one] => {
                    meanings.insert(spelling.to_owned(), *one);
                }
                [] => problems.push(self.no_such_type(spelling, range)?),
                several => problems.push(self.several_types(spelling, range, several)?),
            }
        }
        if problems.is_empty() { Ok(asked.meaning(meanings)) } else { Err(wrong(problems)) }
    }

    /// The types that a name may mean: the one that the language itself means by it, else all that end so.
    fn type_meant(&self, spelling: &str, own: &BTreeMap<EntityId, Vec<Own>>) -> Result<Vec<EntityId>, EngineError> {
        let scope = ViewScope::new(self);
        let meant = dm_lang::meaning_of(&scope, "", spelling, Wanted::Type);
        scope.check()?;
        if let Some(entity) = meant {
            return Ok(vec![entity]);
        }
        let ending = format!(".{spelling}");
        let mut found = BTreeSet::new();
        let leaf = spelling.rsplit('.').next().unwrap_or(spelling);
        if let [word] = Word::all_in(leaf).as_slice()
            && let Some(question) = word.question(Class::Name)
        {
            let filter = SearchFilter { kind: Some(Kind::Type), ..SearchFilter::default() };
            for candidate in self.tx.candidates(&question, &filter, NAMESAKES_MAX.saturating_add(own.len()))? {
                if candidate.location.as_str().ends_with(&ending) && !own.contains_key(&candidate.entity) {
                    found.insert(candidate.entity);
                }
            }
        }
        let own = own.values().flatten().filter(|own| own.kind == Kind::Type);
        found.extend(own.filter(|own| own.location.as_str().ends_with(&ending)).map(|own| own.found.entity));
        Ok(found.into_iter().collect())
    }

    fn no_such_type(&self, spelling: &str, range: TextRange) -> Result<Diagnostic, EngineError> {
        let leaf = spelling.rsplit('.').next().unwrap_or(spelling);
        let query = SearchQuery {
            words: vec![leaf.to_owned()],
            kind: Some(Kind::Type),
            limit: NAMED_MAX,
            ..SearchQuery::default()
        };
        let like: Vec<String> = self.search(&query)?.hits.into_iter().map(|hit| hit.entry.location).collect();
        let diagnostic = Diagnostic::error(Code::UnknownType, range, format!("no type is called `{spelling}`"));
        Ok(match like.as_slice() {
            [] => diagnostic.with_hint("`dm search --kind type WORDS` finds types by other words"),
            _ => diagnostic.with_hint(format!("did you mean {}?", like.join(", "))),
        })
    }

    fn several_types(&self, spelling: &str, range: TextRange, several: &[EntityId]) -> Result<Diagnostic, EngineError> {
        let mut locations = Vec::new();
        for entity in several {
            locations.push(self.last_location(entity)?);
        }
        locations.sort_by_key(|location| (location.len(), location.clone()));
        let more = locations.len().saturating_sub(NAMED_MAX);
        locations.truncate(NAMED_MAX);
        let more = if more > 0 { format!(" or {more} more") } else { String::new() };
        let message = format!("{} types are called `{spelling}`", several.len());
        let hint = format!("write more of its location: {}{more}", locations.join(", "));
        Ok(Diagnostic::error(Code::UnknownType, range, message).with_hint(hint))
    }
}
