//! Writing the rows of the index.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use dm_collab::{EntityState, RegisterState};
use dm_model::{DefHash, Kind, Location, Register, Value};

use super::words::{Folded, deprecated_tag, kind_tag, mark, module_tag, signature_rest, words_of};
use super::{DOC_BYTES_MAX, IN_NAMES, IN_TEXTS, Memo};
use crate::error::StoreError;
use crate::schema;
use crate::tx::{ReadTx, WriteTx};

/// Rows of names of one length lie together, the shortest first: their ids begin with it. That is the order in which the index answers.
const LENGTH_SHIFT: u32 = 40;
/// The version of the tables that SQLite makes for such an index.
const FTS_VERSION: i64 = 4;
/// Longer names lie with those of this length.
const LENGTH_MAX: usize = 255;

/// A row as it is to be.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    path: String,
    content: i64,
    kind: u8,
    deprecated: bool,
}

/// What is gathered before it is written, so that each table is written in its order.
#[derive(Default)]
struct Work {
    gone: Vec<i64>,
    new: Vec<(i64, i64, Row, Memo)>,
    done: Vec<i64>,
}

impl WriteTx<'_> {
    /// Keeps what searches need of held definitions.
    ///
    /// # Errors
    /// The disk; a definition that is not held.
    pub fn put_memos(&mut self, memos: impl IntoIterator<Item = (DefHash, Memo)>) -> Result<(), StoreError> {
        let sql =
            "INSERT OR REPLACE INTO summary (content, signature, doc, types, type_words) VALUES (?1, ?2, ?3, ?4, ?5)";
        for (content, memo) in memos {
            let local = self.content_local(&content)?.ok_or_else(|| self.no_such("definition", content))?;
            let end = memo.doc.floor_char_boundary(DOC_BYTES_MAX);
            let doc = memo.doc.get(..end).unwrap_or_default();
            self.run(sql, (local, memo.signature, doc, memo.types, memo.type_words.join(" ")))?;
        }
        Ok(())
    }

    /// Brings the index up to date for the first `limit` entities that are due, and says for how many. Those whose memo is missing
    /// stay due.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn index_due(&mut self, limit: usize) -> Result<usize, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let due: Vec<i64> =
            self.rows("SELECT entity FROM search_due ORDER BY entity LIMIT ?1", [limit], |row| row.get(0))?;
        let mut work = Work::default();
        let mut next: FxHashMap<i64, i64> = FxHashMap::default();
        for entity in due {
            self.gather(entity, &mut next, &mut work)?;
        }
        let done = work.done.len();
        self.write_work(work)?;
        Ok(done)
    }

    fn gather(&self, entity: i64, next: &mut FxHashMap<i64, i64>, work: &mut Work) -> Result<(), StoreError> {
        let state = self.entity_state_local(entity)?;
        let mut wanted = BTreeSet::new();
        let mut memo = None;
        if let Some(state) = state.filter(EntityState::is_live)
            && let Some(content) = state.content()
            && let Some(local) = self.content_local(&content)?
        {
            memo = self.memo(&content)?;
            if memo.is_none() {
                return Ok(());
            }
            let kind = self.kind_of_local(local)?;
            let deprecated = state.registers.get(&Register::Deprecation).and_then(RegisterState::provisional);
            let deprecated = matches!(deprecated, Some(Value::Deprecation(Some(_))));
            let row =
                |at: &Location| Row { path: at.as_str().to_owned(), content: local, kind: kind.tag(), deprecated };
            wanted.extend(state.live.iter().map(row));
        }
        let sql = "SELECT id, path, content, kind, deprecated FROM search_row WHERE entity = ?1";
        let found = self.rows(sql, [entity], |row| {
            let found = Row { path: row.get(1)?, content: row.get(2)?, kind: row.get(3)?, deprecated: row.get(4)? };
            Ok((row.get::<_, i64>(0)?, found))
        })?;
        for (id, row) in found {
            if !wanted.remove(&row) {
                work.gone.push(id);
            }
        }
        for row in wanted {
            let id = self.next_row(&row.path, next)?;
            work.new.push((id, entity, row, memo.clone().unwrap_or_default()));
        }
        work.done.push(entity);
        Ok(())
    }

    fn kind_of_local(&self, content: i64) -> Result<Kind, StoreError> {
        let tag = self.row("SELECT kind FROM content WHERE id = ?1", [content], |row| row.get::<_, u8>(0))?;
        tag.and_then(Kind::from_tag).ok_or_else(|| self.damaged(format!("content {content}: no such kind")))
    }

    /// A free id for a row of this path.
    fn next_row(&self, path: &str, next: &mut FxHashMap<i64, i64>) -> Result<i64, StoreError> {
        let letters = path.rsplit('.').next().unwrap_or(path).chars().count().min(LENGTH_MAX);
        let length = i64::try_from(letters).unwrap_or(0);
        let least = length << LENGTH_SHIFT;
        let id = match next.get(&length) {
            Some(id) => *id,
            None => {
                let sql = "SELECT max(id) FROM search_row WHERE id >= ?1 AND id < ?2";
                let last = self.row(sql, (least, (length + 1) << LENGTH_SHIFT), |row| row.get::<_, Option<i64>>(0))?;
                last.flatten().map_or(least, |last| last + 1)
            }
        };
        next.insert(length, id + 1);
        Ok(id)
    }

    fn write_work(&mut self, mut work: Work) -> Result<(), StoreError> {
        work.gone.sort_unstable();
        for id in &work.gone {
            self.run("DELETE FROM search WHERE rowid = ?1", [id])?;
            self.run("DELETE FROM search_row WHERE id = ?1", [id])?;
        }
        work.new.sort_unstable_by_key(|(id, ..)| *id);
        let mut known = Known::default();
        for (id, entity, row, memo) in &work.new {
            let words = self.words_of_row(row, memo, &mut known)?;
            self.run("INSERT INTO search (rowid, words) VALUES (?1, ?2)", (id, words))?;
            let sql =
                "INSERT INTO search_row (id, entity, path, content, kind, deprecated) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            self.run(sql, (id, entity, &row.path, row.content, row.kind, row.deprecated))?;
        }
        for (place, word) in &in_order(known) {
            self.run("INSERT OR IGNORE INTO search_word (place, word) VALUES (?1, ?2)", (place, word))?;
        }
        for entity in &work.done {
            self.run("DELETE FROM search_due WHERE entity = ?1", [entity])?;
        }
        Ok(())
    }

    /// Marks entities whose rows may be out of date.
    pub(crate) fn mark_search_due(&self, entities: &[[i64; 1]]) -> Result<(), StoreError> {
        self.insert_integers("search_due", entities)
    }

    /// Empties the index. What is live must be marked as due again.
    pub(crate) fn empty_search(&self) -> Result<(), StoreError> {
        // Whatever became of it: its own settings first, without which it does not even empty itself.
        self.run("DELETE FROM search_config", [])?;
        let sql = "INSERT INTO search_config (k, v) VALUES ('version', ?1), ('hashsize', ?2)";
        self.run(sql, (FTS_VERSION, schema::SEARCH_BYTES_HELD))?;
        self.run("INSERT INTO search (search) VALUES ('delete-all')", []).map(|_| ())
    }
}

impl ReadTx<'_> {
    /// The index's words of a row; those that `search_word` is to have are added to `known`.
    fn words_of_row(&self, row: &Row, memo: &Memo, known: &mut Known) -> Result<String, StoreError> {
        let wrong = |_| self.damaged(format!("name `{}`: no location", row.path));
        let location: Location = row.path.parse().map_err(wrong)?;
        let kind = Kind::from_tag(row.kind).unwrap_or(Kind::Value);
        let name = Folded::of(location.name());
        let mut words = format!("{} {} ", kind_tag(kind), deprecated_tag(row.deprecated));
        for word in &memo.type_words {
            words.push_str(word);
            words.push(' ');
        }
        for word in name.words() {
            note(IN_NAMES, word, known);
            words.push(mark::WORD);
            words.push_str(word);
            words.push(' ');
        }
        words.push(mark::NAME);
        words.push_str(&name.text);
        words.push(' ');
        name.grams(&mut words);
        let mut module = Some(location.module_path());
        while let Some(path) = module {
            words.push_str(&module_tag(path));
            words.push(' ');
            module = path.rsplit_once('.').map(|(shorter, _)| shorter);
        }
        let signature = signature_rest(kind, &memo.signature);
        let texts = [(mark::PATH, location.module_path()), (mark::SIGNATURE, signature), (mark::DOC, &memo.doc)];
        for (place, (mark, text)) in IN_TEXTS.iter().zip(texts) {
            words_of(text, |word| {
                note(*place, word, known);
                words.push(mark);
                words.push_str(word);
                words.push(' ');
            });
        }
        Ok(words)
    }

    /// The rows whose words are not the ones that the index has, or that the list of words lacks.
    ///
    /// The words of a row are compared by the sum of their hashes: all of them at once would fill the memory.
    pub(crate) fn wrong_words(&self) -> Result<BTreeSet<String>, StoreError> {
        let sql = "SELECT r.id, r.path, r.content, r.kind, r.deprecated, m.signature, m.doc, m.type_words
            FROM search_row r JOIN summary m ON m.content = r.content";
        let rows = self.rows(sql, [], |row| {
            let found = Row { path: row.get(1)?, content: row.get(2)?, kind: row.get(3)?, deprecated: row.get(4)? };
            let memo = Memo {
                signature: row.get(5)?,
                doc: row.get(6)?,
                types: Vec::new(),
                type_words: row.get::<_, String>(7)?.split_whitespace().map(str::to_owned).collect(),
            };
            Ok((row.get::<_, i64>(0)?, found, memo))
        })?;
        let mut sums: FxHashMap<i64, (u64, String)> = FxHashMap::default();
        let mut known = Known::default();
        for (id, row, memo) in rows {
            let words = self.words_of_row(&row, &memo, &mut known)?;
            sums.insert(id, (sum_of(&words), row.path));
        }
        self.run("CREATE VIRTUAL TABLE IF NOT EXISTS temp.search_term USING fts5vocab (main, search, instance)", [])?;
        self.rows("SELECT doc, term FROM temp.search_term", [], |row| {
            let hash = word_hash(row.get_ref(1)?.as_str()?);
            let sum = sums.entry(row.get(0)?).or_insert_with(|| (0, "words of no row".to_owned()));
            sum.0 = sum.0.wrapping_sub(hash);
            Ok(())
        })?;
        let mut wrong: BTreeSet<String> = BTreeSet::new();
        wrong.extend(sums.into_values().filter(|(sum, _)| *sum != 0).map(|(_, path)| path));
        let sql = "SELECT 1 FROM search_word WHERE place = ?1 AND word = ?2";
        for (place, word) in in_order(known) {
            if self.row(sql, (place, &word), |_| Ok(()))?.is_none() {
                wrong.insert(word);
            }
        }
        Ok(wrong)
    }
}

/// Words by their place.
type Known = [FxHashSet<String>; 4];

fn in_order(known: Known) -> Vec<(i64, String)> {
    let mut words: Vec<(i64, String)> = Vec::new();
    for (place, known) in (0..).zip(known) {
        words.extend(known.into_iter().map(|word| (place, word)));
    }
    words.sort_unstable();
    words
}

fn sum_of(words: &str) -> u64 {
    // As the index folds them.
    let words: BTreeSet<String> = words.split_whitespace().map(str::to_ascii_lowercase).collect();
    words.iter().fold(0, |sum, word| sum.wrapping_add(word_hash(word)))
}

fn word_hash(word: &str) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(word.as_bytes());
    hasher.finish()
}

fn note(place: i64, word: &str, known: &mut Known) {
    if let Some(words) = usize::try_from(place).ok().and_then(|place| known.get_mut(place))
        && !words.contains(word)
    {
        words.insert(word.to_owned());
    }
}
