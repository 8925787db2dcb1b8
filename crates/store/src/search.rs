//! Searching main: an index of names, docs and signatures, brought up to date later than the names themselves.
//!
//! A write marks the entities whose rows may be out of date (`search_due`); a reader brings them up to date first, in three steps:
//! [`ReadTx::memos_due`] says which definitions nobody has read yet, the caller makes what is kept of them ([`Memo`]), and
//! [`WriteTx::index_due`] writes the rows. The store parses nothing.
//!
//! An answer of the index is a list of candidates: [`Word::class_in`] has the last word. `docs/design/search.md` says why it is so.

mod index;
mod words;

use dm_model::{DefHash, EntityId, Kind, Location};

pub use words::{COMPLETIONS_MAX, Class, Word};

use crate::error::StoreError;
use crate::tx::ReadTx;
use words::{Slips, deprecated_tag, kind_tag, module_tag};

/// Most bytes of a doc that are kept and searched.
pub const DOC_BYTES_MAX: usize = 16 << 10;
/// So many words of names are looked at for a correction; a search is to answer at once.
const LOOKED_AT_MAX: usize = 800;
/// Most words that one is corrected to.
const CORRECTIONS_MAX: usize = 8;
/// Words of names, in `search_word`.
const IN_NAMES: i64 = 0;
/// Words of module paths, of signatures, of docs.
const IN_TEXTS: [i64; 3] = [1, 2, 3];

/// What is kept of a definition for searches. It follows from the definition alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memo {
    /// One line that says what it is.
    pub signature: String,
    /// Its doc.
    pub doc: String,
    /// The types of its parameters and its result, encoded by whoever made this; empty if it has none.
    pub types: Vec<u8>,
    /// The words by which those are found: `t`, and letters and digits.
    pub type_words: Vec<String>,
}

/// Which definitions are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchFilter {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only what is below all of these: owners, modules.
    pub below: Vec<String>,
    /// Only what is deprecated, or only what is not.
    pub deprecated: Option<bool>,
}

impl SearchFilter {
    /// Whether a definition is wanted.
    #[must_use]
    pub fn takes(&self, location: &Location, kind: Kind, deprecated: bool) -> bool {
        let below = |module: &String| location.as_str().strip_prefix(module).is_some_and(|rest| rest.starts_with('.'));
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.deprecated.is_none_or(|wanted| wanted == deprecated)
            && self.below.iter().all(below)
    }

    fn question(&self) -> Option<String> {
        let mut tags: Vec<String> = self.below.iter().map(|module| module_tag(module)).collect();
        tags.extend(self.kind.map(kind_tag));
        tags.extend(self.deprecated.map(deprecated_tag));
        let tags: Vec<String> = tags.iter().map(|tag| format!("\"{tag}\"")).collect();
        (!tags.is_empty()).then(|| tags.join(" AND "))
    }
}

/// What the index gives for a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where it is.
    pub location: Location,
    /// The entity there.
    pub entity: EntityId,
    /// Its definition.
    pub content: DefHash,
    /// The definition's kind.
    pub kind: Kind,
    /// Whether it is deprecated.
    pub deprecated: bool,
    /// What is kept of it.
    pub memo: Memo,
}

/// Columns of a candidate before they are checked.
type Columns = (String, EntityId, DefHash, u8, bool, Memo);

fn columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<Columns> {
    let memo = Memo { signature: row.get(5)?, doc: row.get(6)?, types: row.get(7)?, type_words: Vec::new() };
    let (entity, content) = (EntityId::from_bytes(row.get(1)?), DefHash::from_bytes(row.get(2)?));
    Ok((row.get(0)?, entity, content, row.get(3)?, row.get(4)?, memo))
}

impl ReadTx<'_> {
    /// What the index has for a question and a filter, at most `limit`: shorter names first, those of one length in no certain order.
    /// Its rows are of the moment when they were last brought up to date.
    ///
    /// # Errors
    /// The disk; a damaged row; a question that the index does not understand.
    pub fn candidates(
        &self,
        question: &str,
        filter: &SearchFilter,
        limit: usize,
    ) -> Result<Vec<Candidate>, StoreError> {
        let question = filtered(question, filter);
        let sql = "SELECT r.path, e.hash, c.hash, r.kind, r.deprecated, m.signature, m.doc, m.types
            FROM search s CROSS JOIN search_row r ON r.id = s.rowid CROSS JOIN entity e ON e.id = r.entity
            CROSS JOIN content c ON c.id = r.content CROSS JOIN summary m ON m.content = r.content
            WHERE s.search MATCH ?1 ORDER BY s.rowid LIMIT ?2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.rows(sql, (question, limit), columns)?;
        rows.into_iter().map(|row| self.candidate(row)).collect()
    }

    /// All that the index has for a question and a filter if that is fewer than `most`.
    ///
    /// # Errors
    /// As [`ReadTx::candidates`].
    pub fn few_candidates(
        &self,
        question: &str,
        filter: &SearchFilter,
        most: usize,
    ) -> Result<Option<Vec<Candidate>>, StoreError> {
        let sql = "SELECT rowid FROM search WHERE search MATCH ?1 ORDER BY rowid LIMIT ?2";
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let ids = self.rows(sql, (filtered(question, filter), limit), |row| row.get::<_, i64>(0))?;
        if ids.len() >= most {
            return Ok(None);
        }
        let sql = "SELECT r.path, e.hash, c.hash, r.kind, r.deprecated, m.signature, m.doc, m.types
            FROM search_row r CROSS JOIN entity e ON e.id = r.entity CROSS JOIN content c ON c.id = r.content
            CROSS JOIN summary m ON m.content = r.content WHERE r.id = ?1";
        let mut candidates = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(found) = self.row(sql, [id], columns)? {
                candidates.push(self.candidate(found)?);
            }
        }
        Ok(Some(candidates))
    }

    fn candidate(&self, (path, entity, content, kind, deprecated, memo): Columns) -> Result<Candidate, StoreError> {
        let wrong = |what: &str| self.damaged(format!("search row `{path}`: {what}"));
        let location = path.parse().map_err(|_| wrong("no location"))?;
        let kind = Kind::from_tag(kind).ok_or_else(|| wrong("no such kind"))?;
        Ok(Candidate { location, entity, content, kind, deprecated, memo })
    }

    /// The word with the longer ones of paths, signatures and docs that begin so, at most [`COMPLETIONS_MAX`] of each.
    ///
    /// # Errors
    /// The disk.
    pub fn completed(&self, mut word: Word) -> Result<Word, StoreError> {
        let end = format!("{}{}", word.as_str(), char::MAX);
        let sql = "SELECT word FROM search_word WHERE place = ?1 AND word >= ?2 AND word < ?3 ORDER BY word LIMIT ?4";
        let limit = i64::try_from(COMPLETIONS_MAX).unwrap_or(i64::MAX);
        let mut completions = <[Vec<String>; 3]>::default();
        for (place, words) in IN_TEXTS.iter().zip(&mut completions) {
            *words = self.rows(sql, (place, word.as_str(), &end, limit), |row| row.get(0))?;
        }
        word.completions = completions;
        Ok(word)
    }

    /// Words of names that lie a small slip from one: a slip in four letters or more, two in eight or more if one is not enough.
    /// With two, the first letter is taken to be right. Nearest first, at most eight.
    ///
    /// # Errors
    /// The disk.
    pub fn words_near(&self, word: &str) -> Result<Vec<String>, StoreError> {
        let letters: Vec<char> = word.chars().collect();
        for most in 1..=slips_taken(letters.len()) {
            let first: String = if most == 1 { String::new() } else { letters.iter().take(1).collect() };
            let near = self.words_within(&letters, most, &first)?;
            if !near.is_empty() {
                return Ok(near);
            }
        }
        Ok(Vec::new())
    }

    /// Goes through the words in their order, past all that begin as no near word does.
    fn words_within(&self, letters: &[char], most: usize, first: &str) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT word FROM search_word WHERE place = ?1 AND word >= ?2 ORDER BY word LIMIT 1";
        let mut near: Vec<(usize, String)> = Vec::new();
        let mut slips = Slips::new(letters, most);
        let mut from = first.to_owned();
        for _ in 0..LOOKED_AT_MAX {
            let found = self.row(sql, (IN_NAMES, &from), |row| row.get::<_, String>(0))?;
            let Some(word) = found.filter(|word| word.starts_with(first)) else { break };
            from = match slips.to(&word) {
                Ok(count) => {
                    near.push((count, word.clone()));
                    format!("{word}\0")
                }
                Err(certain) => match word.char_indices().nth(certain) {
                    None => format!("{word}\0"),
                    Some((end, _)) => match after_all_with(word.get(..end).unwrap_or_default()) {
                        Some(next) => next,
                        None => break,
                    },
                },
            };
        }
        near.sort();
        Ok(near.into_iter().map(|(_, word)| word).take(CORRECTIONS_MAX).collect())
    }

    /// What is kept of a definition.
    ///
    /// # Errors
    /// The disk.
    pub fn memo(&self, content: &DefHash) -> Result<Option<Memo>, StoreError> {
        let Some(local) = self.content_local(content)? else { return Ok(None) };
        let sql = "SELECT signature, doc, types, type_words FROM summary WHERE content = ?1";
        self.row(sql, [local], |row| {
            let type_words: String = row.get(3)?;
            let type_words = type_words.split_whitespace().map(str::to_owned).collect();
            Ok(Memo { signature: row.get(0)?, doc: row.get(1)?, types: row.get(2)?, type_words })
        })
    }

    /// Whether the index lags behind main.
    ///
    /// # Errors
    /// The disk.
    pub fn is_search_due(&self) -> Result<bool, StoreError> {
        Ok(self.row("SELECT 1 FROM search_due LIMIT 1", [], |_| Ok(()))?.is_some())
    }

    /// The entities of which the index may say what is no longer so.
    ///
    /// # Errors
    /// The disk.
    pub fn entities_due(&self) -> Result<Vec<EntityId>, StoreError> {
        let sql = "SELECT e.hash FROM search_due d JOIN entity e ON e.id = d.entity ORDER BY d.entity";
        self.rows(sql, [], |row| row.get(0).map(EntityId::from_bytes))
    }

    /// Of the first so many entities that are due: the definitions of which nothing is kept yet.
    ///
    /// # Errors
    /// The disk.
    pub fn memos_due(&self, limit: usize) -> Result<Vec<DefHash>, StoreError> {
        let sql = "SELECT DISTINCT c.hash FROM (SELECT entity FROM search_due ORDER BY entity LIMIT ?1) d
            JOIN entity e ON e.id = d.entity JOIN content c ON c.id = e.content
            WHERE e.path IS NOT NULL AND NOT EXISTS (SELECT 1 FROM summary m WHERE m.content = c.id) ORDER BY c.id";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.rows(sql, [limit], |row| row.get(0).map(DefHash::from_bytes))
    }
}

/// How many slips a word of so many letters may have.
#[must_use]
pub const fn slips_taken(letters: usize) -> usize {
    match letters {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

/// Whether one word is a small slip from the other.
#[must_use]
pub fn is_near(word: &str, other: &str) -> bool {
    let word: Vec<char> = word.chars().collect();
    let taken = slips_taken(word.len());
    taken > 0 && Slips::new(&word, taken).to(other).is_ok()
}

fn filtered(question: &str, filter: &SearchFilter) -> String {
    match filter.question() {
        Some(tags) => format!("({question}) AND ({tags})"),
        None => question.to_owned(),
    }
}

/// The words of a name, by which it may be meant.
#[must_use]
pub fn words_of_name(name: &str) -> Vec<String> {
    words::Folded::of(name).words().map(str::to_owned).collect()
}

/// The least text behind all that begin so.
fn after_all_with(beginning: &str) -> Option<String> {
    let mut letters: Vec<char> = beginning.chars().collect();
    while let Some(last) = letters.pop() {
        let next = u32::from(last) + 1;
        // The gap in the middle holds no letters.
        let next = if next == 0xd800 { 0xe000 } else { next };
        if let Some(next) = char::from_u32(next) {
            return Some(letters.iter().chain([&next]).collect());
        }
    }
    None
}
