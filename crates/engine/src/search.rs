//! Searching a view: by words and by type.
//!
//! The store's index knows main as it was when it was last brought up to date, so [`Engine::search`] does that first, without holding
//! others up while definitions are read. What the session changed is judged here, one by one, and hides what the index has of it.
//! `docs/design/search.md` says what fits and in which order.

mod types;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use dm_lang::{Fitness, Signature};
use dm_model::{DefHash, Definition, EntityId, Kind, Location, Register, Value};
use dm_store::{Candidate, Class, Memo, SearchFilter, StoreError, Word, is_near, words_of_name};

use crate::engine::{Engine, SessionChoice};
use crate::error::EngineError;
use crate::look::{Found, Look};
use crate::report::{Correction, MatchedWord, SearchHit, SearchReport};
use crate::snapshot::Snapshot;

/// Most words of a search: each is a condition on every candidate.
pub const SEARCH_WORDS_MAX: usize = 16;
/// So many entities are brought up to date in one transaction: others wait for it.
const INDEXED_AT_ONCE: usize = 8192;
/// So many candidates are looked at for one way to fit a type; few types have as many with their heads.
const TYPES_MAX: usize = 1000;
/// Fewer candidates than so many are all looked at, whatever the way in which they fit.
const FEW: usize = 256;
/// So many candidates are looked at for one way to fit words, besides four for each hit that is wanted.
const WORDS_ROWS: usize = 64;
/// Whether a word is anywhere is decided on so many candidates: the index seldom gives one that does not have it.
const CONFIRMED_AMONG: usize = 16;
/// Characters of a hit's line of doc.
const SUMMARY_CHARS_MAX: usize = 120;

/// What to search for.
#[derive(Debug, Clone, Default)]
pub struct SearchQuery {
    /// All of these, anywhere in name, module path, signature or doc, whatever their case.
    pub words: Vec<String>,
    /// Only what has this type, as it is written: `'a -> List<'a> -> Bool`.
    pub of_type: Option<String>,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only what is below all of these: owners, modules.
    pub below: Vec<String>,
    /// Only what is deprecated, or only what is not.
    pub deprecated: Option<bool>,
    /// At most so many.
    pub limit: usize,
}

/// What is searched of a definition besides its location.
pub(crate) fn memo_of(definition: &Definition) -> Memo {
    let Some(glance) = dm_lang::glance(definition) else { return Memo::default() };
    let (types, type_words) = match &glance.signature {
        Some(signature) => (signature.encode(), signature.words()),
        None => (Vec::new(), Vec::new()),
    };
    Memo { signature: glance.outline.signature, doc: glance.outline.doc, types, type_words }
}

impl Engine {
    /// Definitions that fit a search, best first. The index lags behind main; who searches brings it up to date.
    ///
    /// # Errors
    /// As [`Engine::snapshot`]; a type that cannot be read or speaks of what is not there; too many words.
    pub fn search(&self, choice: &SessionChoice, query: &SearchQuery) -> Result<SearchReport, EngineError> {
        match self.bring_index_up_to_date() {
            // Then what is due is judged by itself.
            Ok(()) | Err(EngineError::Store(StoreError::Busy { .. } | StoreError::ReadOnly { .. })) => {}
            Err(error) => return Err(error),
        }
        self.snapshot(choice)?.search(query)
    }

    fn bring_index_up_to_date(&self) -> Result<(), EngineError> {
        loop {
            let mut memos = Vec::new();
            {
                let tx = self.store().read()?;
                if !tx.is_search_due()? {
                    return Ok(());
                }
                for hash in tx.memos_due(INDEXED_AT_ONCE)? {
                    if let Some(definition) = tx.definition(&hash)? {
                        memos.push((hash, memo_of(&definition)));
                    }
                }
            }
            let mut tx = self.store().write()?;
            let read = memos.len();
            tx.put_memos(memos)?;
            let done = tx.index_due(INDEXED_AT_ONCE)?;
            tx.commit()?;
            if done == 0 && read == 0 {
                return Ok(());
            }
        }
    }
}

impl Snapshot<'_> {
    /// Definitions that fit a search, best first.
    ///
    /// # Errors
    /// If the store cannot be read; see [`Engine::search`].
    pub(crate) fn search(&self, query: &SearchQuery) -> Result<SearchReport, EngineError> {
        self.look()?.search(query)
    }
}

/// Something that the index does not know as the view has it.
struct Own {
    location: Location,
    found: Found,
    kind: Kind,
    deprecated: bool,
    memo: Memo,
}

/// Where a hit stands among others, the best first.
type Rank = (Option<Fitness>, Vec<Class>, usize, String, usize, Location);

/// A hit before it is written out.
struct Hit {
    rank: Rank,
    entity: EntityId,
    /// Of each word, in the order of the words.
    classes: Vec<Class>,
    kind: Kind,
    content: DefHash,
    memo: Memo,
}

/// What is sought, made ready.
struct Sought {
    words: Vec<Word>,
    signature: Option<Signature>,
    filter: SearchFilter,
}

impl Sought {
    /// How well a definition fits, if it does.
    fn hit(&self, location: &Location, entity: EntityId, (kind, content): (Kind, DefHash), memo: &Memo) -> Option<Hit> {
        let fitness = match &self.signature {
            None => None,
            Some(_) if memo.types.is_empty() => return None,
            Some(signature) => Some(signature.fitness(&Signature::decode(&memo.types).ok()?)?),
        };
        let classes = self.words.iter().map(|word| word.class_in(location, kind, memo)).collect::<Option<Vec<_>>>()?;
        let mut sorted = classes.clone();
        sorted.sort_unstable();
        let name = location.name();
        let length = location.as_str().chars().count();
        let rank = (fitness, sorted, name.chars().count(), name.to_owned(), length, location.clone());
        Some(Hit { rank, entity, classes, kind, content, memo: memo.clone() })
    }

    /// Of each word, the question for whatever has it anywhere.
    fn any_questions(&self) -> Vec<String> {
        self.words.iter().map(|word| format!("({})", word.any_question())).collect()
    }

    /// The questions to the index, the best answers first, and how many candidates each is worth.
    fn questions(&self, limit: usize) -> Vec<(String, usize)> {
        let any = self.any_questions();
        if let Some(signature) = &self.signature {
            let with_words = |types: String| {
                let mut parts = vec![format!("({types})")];
                parts.extend(any.iter().cloned());
                (parts.join(" AND "), TYPES_MAX.max(limit.saturating_mul(4)))
            };
            return signature.questions().into_iter().map(with_words).collect();
        }
        let mut questions = Vec::new();
        let worth = limit.saturating_mul(4).saturating_add(WORDS_ROWS);
        for class in Class::ALL {
            let mut ways = Vec::new();
            for (at, word) in self.words.iter().enumerate() {
                let Some(this) = word.question(class) else { continue };
                let others = any.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, any)| any.as_str());
                let this = format!("({this})");
                let way: Vec<&str> = std::iter::once(this.as_str()).chain(others).collect();
                ways.push(format!("({})", way.join(" AND ")));
            }
            if !ways.is_empty() {
                questions.push((ways.join(" OR "), worth));
            }
        }
        questions
    }
}

impl Look<'_> {
    /// Definitions that fit a search, best first. What the index does not know as the view has it is judged one by one.
    pub(crate) fn search(&self, query: &SearchQuery) -> Result<SearchReport, EngineError> {
        let asked: Vec<Word> = query.words.iter().flat_map(|words| Word::all_in(words)).collect();
        if asked.len() > SEARCH_WORDS_MAX {
            return Err(EngineError::LongSearch);
        }
        let own = self.unknown_to_index()?;
        let signature = match &query.of_type {
            Some(text) => Some(self.signature_asked(text, &own)?),
            None => None,
        };
        let mut report = SearchReport { hits: Vec::new(), more: false, corrected: Vec::new() };
        let filter = SearchFilter { kind: query.kind, below: query.below.clone(), deprecated: query.deprecated };
        let mut sought = Sought { words: Vec::new(), signature, filter };
        for word in asked {
            sought.words.push(self.tx.completed(word)?);
        }
        if sought.words.is_empty() && sought.signature.is_none() {
            return Ok(report);
        }
        let mut hits = self.hits(&sought, &own, query.limit)?;
        if hits.is_empty() && self.correct(&mut sought.words, &own, &mut report.corrected)? {
            hits = self.hits(&sought, &own, query.limit)?;
        }
        hits.sort_by(|left, right| left.rank.cmp(&right.rank));
        report.more = hits.len() > query.limit;
        hits.truncate(query.limit);
        for hit in hits {
            report.hits.extend(self.written_out(hit, &sought)?);
        }
        Ok(report)
    }

    /// What the session changed, and what the index lags behind with.
    fn unknown_to_index(&self) -> Result<BTreeMap<EntityId, Vec<Own>>, EngineError> {
        let mut entities: BTreeSet<EntityId> = self.view.changed().map(|(entity, _)| *entity).collect();
        entities.extend(self.tx.entities_due()?);
        let mut own = BTreeMap::new();
        for entity in entities {
            let all: &mut Vec<Own> = own.entry(entity).or_default();
            let Some(found) = self.found(&entity)? else { continue };
            let Some(kind) = self.kind(&found.content)? else { continue };
            let memo = match self.tx.memo(&found.content)? {
                Some(memo) => memo,
                None => memo_of(&self.definition(&found.content)?),
            };
            let deprecated =
                matches!(self.view.value(&entity, Register::Deprecation)?, Some(Value::Deprecation(Some(_))));
            for location in &found.state.live {
                let found = Found { location: location.clone(), ..found.clone() };
                all.push(Own { location: location.clone(), found, kind, deprecated, memo: memo.clone() });
            }
        }
        Ok(own)
    }

    /// Puts what is a slip away in the place of words that are nowhere. False if there is nothing to correct, or a word is nowhere and
    /// nothing is near it.
    fn correct(
        &self,
        words: &mut [Word],
        own: &BTreeMap<EntityId, Vec<Own>>,
        corrected: &mut Vec<Correction>,
    ) -> Result<bool, EngineError> {
        let mut corrections = Vec::new();
        for word in words {
            if self.is_anywhere(word, own)? {
                continue;
            }
            let mut near: Vec<String> = Vec::new();
            for other in self.tx.words_near(word.as_str())? {
                if self.is_anywhere(&word.clone().corrected(vec![other.clone()]), own)? {
                    near.push(other);
                }
            }
            let names = own.values().flatten().flat_map(|own| words_of_name(own.location.name()));
            near.extend(names.filter(|other| is_near(word.as_str(), other)));
            let mut seen = BTreeSet::new();
            near.retain(|other| seen.insert(other.clone()));
            if near.is_empty() {
                return Ok(false);
            }
            corrections.push(Correction { word: word.as_str().to_owned(), to: near.clone() });
            *word = word.clone().corrected(near);
        }
        *corrected = corrections;
        Ok(!corrected.is_empty())
    }

    /// Whether a word is in anything of the view.
    fn is_anywhere(&self, word: &Word, own: &BTreeMap<EntityId, Vec<Own>>) -> Result<bool, EngineError> {
        if own.values().flatten().any(|own| word.class_in(&own.location, own.kind, &own.memo).is_some()) {
            return Ok(true);
        }
        let most = own.len().saturating_add(CONFIRMED_AMONG);
        let candidates = self.tx.candidates(&word.any_question(), &SearchFilter::default(), most)?;
        let fits = |candidate: &Candidate| {
            let Candidate { entity, location, kind, memo, .. } = candidate;
            !own.contains_key(entity) && word.class_in(location, *kind, memo).is_some()
        };
        Ok(candidates.iter().any(fits))
    }

    fn hits(&self, sought: &Sought, own: &BTreeMap<EntityId, Vec<Own>>, limit: usize) -> Result<Vec<Hit>, EngineError> {
        let mut hits = Vec::new();
        let mut seen: BTreeSet<(EntityId, Location)> = BTreeSet::new();
        let mut take = |candidates: Vec<Candidate>, hits: &mut Vec<Hit>| {
            for candidate in candidates {
                let Candidate { location, entity, content, kind, deprecated, memo } = candidate;
                let known = own.contains_key(&entity) || seen.contains(&(entity, location.clone()));
                if known || !sought.filter.takes(&location, kind, deprecated) {
                    continue;
                }
                if let Some(hit) = sought.hit(&location, entity, (kind, content), &memo) {
                    seen.insert((entity, location));
                    hits.push(hit);
                }
            }
        };
        // Where little fits, one question gives it all.
        let few = match &sought.signature {
            None => self.tx.few_candidates(&sought.any_questions().join(" AND "), &sought.filter, FEW)?,
            Some(_) => None,
        };
        if let Some(candidates) = few {
            take(candidates, &mut hits);
        } else {
            for (question, worth) in sought.questions(limit) {
                take(self.tx.candidates(&question, &sought.filter, worth.saturating_add(own.len()))?, &mut hits);
                if hits.len() > limit {
                    break;
                }
            }
        }
        for own in own.values().flatten() {
            if sought.filter.takes(&own.location, own.kind, own.deprecated) {
                let (entity, content) = (own.found.entity, own.found.content);
                hits.extend(sought.hit(&own.location, entity, (own.kind, content), &own.memo));
            }
        }
        Ok(hits)
    }

    fn written_out(&self, hit: Hit, sought: &Sought) -> Result<Option<SearchHit>, EngineError> {
        let Hit { rank: (fitness, .., location), entity, classes, kind, content, memo } = hit;
        let Some(found) = self.found(&entity)?.filter(|found| found.content == content) else { return Ok(None) };
        let words = sought.words.iter().zip(classes);
        let matched =
            words.map(|(word, class)| MatchedWord { word: word.as_str().to_owned(), place: class.as_str().to_owned() });
        let summary: String = memo.doc.chars().take(SUMMARY_CHARS_MAX).collect();
        let entry = self.entry_with(&Found { location, ..found }, kind, (memo.signature, memo.doc))?;
        let type_fit = fitness.map(|fitness| fitness.fit.as_str().to_owned());
        Ok(Some(SearchHit { entry, summary, matched: matched.collect(), type_fit }))
    }

    /// Names like one that names nothing, the likest first.
    pub(crate) fn names_like(&self, name: &str, limit: usize) -> Result<Vec<String>, EngineError> {
        let leaf = name.rsplit('.').next().unwrap_or(name);
        if self.tx.is_search_due()? {
            return self.names_like_among_all(leaf, limit);
        }
        let query = SearchQuery { words: vec![leaf.to_owned()], limit, ..SearchQuery::default() };
        let report = self.search(&query)?;
        Ok(report.hits.into_iter().map(|hit| hit.entry.location).collect())
    }

    /// The same without the index, which only who searches brings up to date.
    fn names_like_among_all(&self, leaf: &str, limit: usize) -> Result<Vec<String>, EngineError> {
        let folded = leaf.to_lowercase();
        let mut like = Vec::new();
        for (location, _) in self.names_below("")? {
            let name = location.name().to_lowercase();
            let near = is_near(&folded, &name);
            if near || name.contains(&folded) {
                like.push((Reverse(near), name.len(), location.to_string()));
            }
        }
        like.sort();
        Ok(like.into_iter().map(|(.., location)| location).take(limit).collect())
    }
}
