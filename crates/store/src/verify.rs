//! Looking for damage: every hash, signature and row, and the projections against fresh ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::Fingerprint;
use dm_collab::draft::DraftEntity;
use dm_model::{DefHash, Definition, Envelope, EnvelopeId, Session, SessionId, Space, entity_id};

use crate::append::{Arrival, set_element};
use crate::content::HashedDefinition;
use crate::error::StoreError;
use crate::store::Store;
use crate::tx::ReadTx;

/// How many lines SQLite's own check may give.
const INTEGRITY_LINES_MAX: usize = 100;

/// What helps against a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// `rebuild` makes it anew from what is whole.
    Rebuild,
    /// A remote or a copy that has the same envelope or definition can give it again.
    FetchAgain,
    /// Only a copy of the file helps: it was here alone.
    RestoreCopy,
}

/// Something wrong in a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The table, or `file`.
    pub table: String,
    /// The row, by its hash, id or name.
    pub row: String,
    /// What is wrong there.
    pub what: String,
    /// What helps.
    pub remedy: Remedy,
}

/// What is whole, gathered while looking.
#[derive(Default)]
struct Whole {
    arrival: Arrival,
    contents: BTreeSet<DefHash>,
}

/// Tables of books: what names a row, when it is wrong, and what is then said of it.
const BOOKS: &[(&str, &str, &str, &str)] = &[
    ("config", "key", "key = '' OR typeof(value) <> 'text'", "a setting that is no text"),
    ("summary", "content", "typeof(signature) <> 'text' OR typeof(doc) <> 'text'", "a memo that is no text"),
    ("token", "name", "length(hash) <> 32", "a hash of the wrong length"),
    ("trusted_key", "author", "length(key) <> 32", "a key of the wrong length"),
    ("own_key", "author", "length(key) <> 32", "a key of the wrong length"),
    ("overruled", "author", "length(key) <> 32 OR length(change) <> 32", "a key or an id of the wrong length"),
    ("succession", "one", "length(bytes) = 0", "nothing where keys that followed each other belong"),
    ("remote", "name", "mode NOT IN (0, 1, 2)", "a mode that this program does not know"),
    ("remote", "name", "name = '' OR url = '' OR timeout_ms < 0", "a remote without a name, an address or a time-out"),
    ("peer", "remote", "remote NOT IN (SELECT id FROM remote)", "its row of remote is gone"),
    (
        "quarantine",
        "hex(id)",
        "length(id) <> 32 OR length(signature) <> 64",
        "an id or a signature of the wrong length",
    ),
    ("import_root", "id", "root = ''", "a folder with no path"),
    ("import_base", "location", "root NOT IN (SELECT id FROM import_root)", "its row of import_root is gone"),
    ("import_base", "location", "length(heads) % 32 <> 0", "ids of writes of the wrong length"),
    ("space_name", "name", "length(space) <> 16 OR name = ''", "a space without a name, or an id of the wrong length"),
    ("remote_space", "remote", "length(space) <> 16", "a space's id of the wrong length"),
    ("token_space", "token", "length(space) <> 16", "a space's id of the wrong length"),
    ("git_target", "id", "repository = '' OR branch = ''", "a branch with no name or no repository"),
];

/// Rows of the index for searches that cannot be as they are.
const SEARCH_ROWS: &[(&str, &str)] = &[
    (
        "SELECT n.path FROM name n JOIN entity e ON e.id = n.entity JOIN content c ON c.id = e.content
         WHERE n.entity NOT IN (SELECT entity FROM search_due) AND NOT EXISTS (SELECT 1 FROM search_row r
            WHERE r.entity = n.entity AND r.path = n.path AND r.content = e.content AND r.kind = c.kind)",
        "a name that searches do not find as it is",
    ),
    (
        "SELECT r.path FROM search_row r WHERE r.entity NOT IN (SELECT entity FROM search_due)
            AND NOT EXISTS (SELECT 1 FROM name n WHERE n.entity = r.entity AND n.path = r.path)",
        "found by searches, and not there",
    ),
    (
        "SELECT r.path FROM search_row r WHERE r.id NOT IN (SELECT id FROM search_docsize)",
        "a row whose words are not indexed",
    ),
    ("SELECT '' || d.id FROM search_docsize d WHERE d.id NOT IN (SELECT id FROM search_row)", "words of no row"),
];

struct Verification<'t, 's> {
    tx: &'t ReadTx<'s>,
    findings: Vec<Finding>,
    whole: Whole,
}

impl ReadTx<'_> {
    /// Checks everything and tells what is wrong, where, and what helps; nothing if the store is whole. Holds the log and the
    /// content in memory meanwhile.
    ///
    /// What cannot be read is a finding as well.
    #[must_use]
    pub fn verify(&self) -> Vec<Finding> {
        let mut verification = Verification { tx: self, findings: Vec::new(), whole: Whole::default() };
        let file = verification.file();
        verification.note("file", file);
        let log = verification.log();
        verification.note("log", log);
        let content = verification.content();
        verification.note("content", content);
        let side_tables = verification.side_tables();
        verification.note("entity", side_tables);
        let ops = verification.ops();
        verification.note("op", ops);
        let journal = verification.journal();
        verification.note("session", journal);
        let commands = verification.commands();
        verification.note("command", commands);
        let peers = verification.peers();
        verification.note("unsent", peers);
        let books = verification.books();
        verification.note("config", books);
        let bridges = verification.bridges();
        verification.note("git_mark", bridges);
        let search = verification.search();
        verification.note("search_row", search);
        let projections = verification.projections();
        verification.note("entity", projections);
        verification.findings.sort();
        verification.findings.dedup();
        verification.findings
    }
}

impl Verification<'_, '_> {
    #[expect(clippy::needless_pass_by_value, reason = "ids are Copy and texts borrowed: calls read better so")]
    fn find(&mut self, table: &str, row: impl ToString, what: impl Into<String>, remedy: Remedy) {
        self.findings.push(Finding { table: table.to_owned(), row: row.to_string(), what: what.into(), remedy });
    }

    /// A step that could not go on is a finding too.
    fn note(&mut self, table: &str, outcome: Result<(), StoreError>) {
        if let Err(error) = outcome {
            self.find(table, "?", error.to_string(), Remedy::RestoreCopy);
        }
    }

    /// SQLite's own check of pages and trees.
    fn file(&mut self) -> Result<(), StoreError> {
        let sql = format!("PRAGMA integrity_check({INTEGRITY_LINES_MAX})");
        for line in self.tx.rows(&sql, [], |row| row.get::<_, String>(0))? {
            if line.contains("FTS5 table") {
                self.find("search", "", line, Remedy::Rebuild);
            } else if line != "ok" {
                self.find("file", "", line, Remedy::RestoreCopy);
            }
        }
        Ok(())
    }

    /// Bytes, hash, canonical form and signature of every envelope.
    fn log(&mut self) -> Result<(), StoreError> {
        for local in self.tx.log_locals()? {
            let hash = self.tx.row("SELECT hash FROM log WHERE id = ?1", [local], |row| row.get::<_, Vec<u8>>(0))?;
            let Some(id) = hash.as_deref().and_then(EnvelopeId::from_slice) else {
                self.find("log", local, "a hash of the wrong length", Remedy::FetchAgain);
                continue;
            };
            let opened = match self.tx.envelope_bytes_local(local) {
                Ok((bytes, signature)) => Envelope::open(bytes, signature).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match opened {
                Ok(envelope) if envelope.id() == id => self.whole.arrival.envelopes.push(Arc::new(envelope)),
                Ok(envelope) => {
                    let what = format!("its bytes have the hash {}", envelope.id());
                    self.find("log", id, what, Remedy::FetchAgain);
                }
                Err(what) => self.find("log", id, what, Remedy::FetchAgain),
            }
        }
        Ok(())
    }

    /// Text, references and hash of every definition.
    fn content(&mut self) -> Result<(), StoreError> {
        let rows = self.tx.rows("SELECT id, hash FROM content ORDER BY id", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        for (local, hash) in rows {
            let Some(hash) = DefHash::from_slice(&hash) else {
                self.find("content", local, "a hash of the wrong length", Remedy::FetchAgain);
                continue;
            };
            let checked =
                self.tx.definition_unchecked(local).map_err(|error| error.to_string()).and_then(|definition| {
                    let bytes = definition.encode();
                    let found = Definition::hash_of(&bytes);
                    if found != hash {
                        return Err(format!("what is stored has the hash {found}"));
                    }
                    Definition::decode(&bytes).map_err(|error| error.to_string())
                });
            match checked {
                Ok(definition) => {
                    self.whole.contents.insert(hash);
                    self.whole.arrival.definitions.push(HashedDefinition::new(definition));
                }
                Err(what) => self.find("content", hash, what, Remedy::FetchAgain),
            }
        }
        Ok(())
    }

    /// The tables that find rows by hash, against those rows.
    fn side_tables(&mut self) -> Result<(), StoreError> {
        for table in ["log", "content", "entity", "op"] {
            let rows = self.tx.rows(&format!("SELECT id, hash FROM {table}"), [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })?;
            let side: BTreeSet<(i64, i64)> = self
                .tx
                .rows(&format!("SELECT h8, id FROM {table}_h"), [], |row| Ok((row.get(0)?, row.get(1)?)))?
                .into_iter()
                .collect();
            let mut expected = BTreeSet::new();
            let mut hashes: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
            for (local, hash) in rows {
                let Some(id) = EnvelopeId::from_slice(&hash) else {
                    self.find(table, local, "a hash of the wrong length", Remedy::RestoreCopy);
                    continue;
                };
                expected.insert((id.prefix64(), local));
                if hashes.insert(hash, local).is_some() {
                    self.find(table, id, "two rows have this hash", Remedy::RestoreCopy);
                }
            }
            let side_name = format!("{table}_h");
            for (_, local) in expected.difference(&side) {
                self.find(
                    &side_name,
                    local,
                    format!("row {local} of {table} is not found by its hash"),
                    Remedy::Rebuild,
                );
            }
            for (_, local) in side.difference(&expected) {
                self.find(
                    &side_name,
                    local,
                    format!("leads to row {local} of {table}, which has another hash or is gone"),
                    Remedy::Rebuild,
                );
            }
        }
        Ok(())
    }

    /// The bytes of ops that are not read from an envelope.
    fn ops(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT hash, bytes FROM op WHERE length(bytes) > 0";
        let rows = self.tx.rows(sql, [], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        for (hash, bytes) in rows {
            let id = dm_model::OpId::from_slice(&hash);
            if id != Some(dm_model::Op::id_of(&bytes)) || dm_model::Op::decode(&bytes).is_err() {
                let row = id.map_or_else(|| "?".to_owned(), |id| id.to_string());
                self.find("op", row, "its bytes are not those of its hash", Remedy::Rebuild);
            }
        }
        Ok(())
    }

    /// Sessions and drafts.
    fn journal(&mut self) -> Result<(), StoreError> {
        let mut sessions = BTreeSet::new();
        let rows = self.tx.rows("SELECT id, data, name, state, active_at FROM session", [], |row| {
            let repeated = (row.get::<_, String>(2)?, row.get::<_, i64>(3)?, row.get::<_, i64>(4)?);
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?, repeated))
        })?;
        for (id, data, repeated) in rows {
            let name = SessionId::from_slice(&id).map_or_else(|| "?".to_owned(), |id| id.to_string());
            match Session::decode(&data) {
                Ok(session) if session.id.as_bytes().as_slice() != id => {
                    self.find("session", name, "its data is another session's", Remedy::RestoreCopy);
                }
                Ok(session) => {
                    let state = crate::journal::state_tag(session.state);
                    if repeated != (session.name, state, session.last_active_at.as_ms()) {
                        self.find("session", name, "its columns are not what its data says", Remedy::RestoreCopy);
                    }
                }
                Err(error) => self.find("session", name, error.to_string(), Remedy::RestoreCopy),
            }
            sessions.insert(id);
        }
        let current = self.tx.row("SELECT session FROM meta", [], |row| row.get::<_, Option<Vec<u8>>>(0))?;
        if current.flatten().is_some_and(|current| !sessions.contains(&current)) {
            self.find("meta", "session", "the current session is gone", Remedy::RestoreCopy);
        }
        self.drafts(&sessions)
    }

    /// What the remembered commands would be undone with, and with which keys facts of the main are signed.
    fn commands(&mut self) -> Result<(), StoreError> {
        if let Err(error) = self.tx.succession() {
            self.find("succession", "1", error.to_string(), Remedy::RestoreCopy);
        }
        for id in self.tx.rows("SELECT id FROM command", [], |row| row.get::<_, i64>(0))? {
            if let Err(error) = self.tx.command(id.cast_unsigned()) {
                self.find("command", id, error.to_string(), Remedy::RestoreCopy);
            }
        }
        Ok(())
    }

    fn drafts(&mut self, sessions: &BTreeSet<Vec<u8>>) -> Result<(), StoreError> {
        let mut drafts = BTreeSet::new();
        match self.tx.draft_headers() {
            Ok(headers) => {
                for header in headers {
                    drafts.insert(header.patch);
                    if !sessions.contains(header.session.as_bytes().as_slice()) {
                        self.find(
                            "draft",
                            header.patch,
                            format!("its session {} is gone", header.session),
                            Remedy::RestoreCopy,
                        );
                    }
                }
            }
            Err(error) => self.find("draft", "?", error.to_string(), Remedy::RestoreCopy),
        }
        let rows = self.tx.rows("SELECT patch, entity, data FROM draft_entity", [], |row| {
            let patch = dm_model::PatchId::from_bytes(row.get(0)?);
            Ok((patch, dm_model::EntityId::from_bytes(row.get(1)?), row.get::<_, Vec<u8>>(2)?))
        })?;
        for (patch, entity, data) in rows {
            let row = format!("{patch} {entity}");
            if !drafts.contains(&patch) {
                self.find("draft_entity", &row, "its draft is gone", Remedy::RestoreCopy);
            }
            match DraftEntity::decode(&data) {
                Err(error) => self.find("draft_entity", row, error.to_string(), Remedy::RestoreCopy),
                Ok(written) => {
                    let born = written.birth.as_ref().map(|birth| entity_id(&birth.location, birth.generation));
                    if born.is_some_and(|born| born != entity) {
                        self.find("draft_entity", &row, "it is another entity that comes to be", Remedy::RestoreCopy);
                    }
                    for value in written.rows.into_values().map(|row| row.value) {
                        if let dm_model::Value::Content(hash) = value
                            && !self.whole.contents.contains(&hash)
                        {
                            self.find("draft_entity", &row, format!("definition {hash} is gone"), Remedy::RestoreCopy);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// What is known of remotes, and what settings refer to.
    fn peers(&mut self) -> Result<(), StoreError> {
        let rows = self.tx.rows(
            "SELECT r.id, l.hash, v.space FROM remote r, env v JOIN log l ON l.id = v.id WHERE NOT EXISTS
               (SELECT 1 FROM unsent u JOIN space_no s ON s.id = u.space WHERE u.remote = r.id AND s.space = v.space AND u.env = v.id)",
            [],
            |row| {
                let space = row.get::<_, Option<[u8; 16]>>(2)?;
                Ok((row.get::<_, i64>(0)?, row.get::<_, Option<[u8; 32]>>(1)?, space))
            },
        )?;
        let mut expected: BTreeMap<(i64, Space), Fingerprint> = BTreeMap::new();
        for (remote, hash, space) in rows {
            match (hash, space) {
                (Some(hash), Some(space)) => {
                    let element = set_element(&EnvelopeId::from_bytes(hash));
                    expected.entry((remote, Space::from_bytes(space))).or_default().add(&element);
                }
                _ => self.find("known_space", remote, "an envelope without hash or space", Remedy::RestoreCopy),
            }
        }
        let stored: BTreeMap<(i64, Space), Fingerprint> = self
            .tx
            .rows("SELECT remote, space, count, sum FROM known_space", [], |row| {
                let fingerprint = Fingerprint { count: row.get::<_, i64>(2)?.cast_unsigned(), sum: row.get(3)? };
                Ok(((row.get(0)?, Space::from_bytes(row.get(1)?)), fingerprint))
            })?
            .into_iter()
            .collect();
        for local in self
            .tx
            .rows("SELECT env FROM unsent WHERE env NOT IN (SELECT id FROM log)", [], |row| row.get::<_, i64>(0))?
        {
            self.find("unsent", local, "names an envelope that is not in the log", Remedy::RestoreCopy);
        }
        if stored.into_iter().filter(|(_, known)| known.count > 0).collect::<BTreeMap<_, _>>() != expected {
            self.find("known_space", "", "not the fingerprints of what unsent leaves", Remedy::RestoreCopy);
        }
        let gone = "entity NOT IN (SELECT id FROM entity)";
        let unfit = "typeof(hash) <> 'blob' OR length(hash) <> 32 OR length(coalesce(interface, hash)) <> 32
            OR typeof(format) <> 'integer'";
        for (table, wrong, what) in [
            ("link", gone, "its row of entity is gone"),
            ("link_due", gone, "its row of entity is gone"),
            ("link", unfit, "a hash of the wrong length"),
        ] {
            let sql = format!("SELECT entity FROM {table} WHERE {wrong}");
            for local in self.tx.rows(&sql, [], |row| row.get::<_, i64>(0))? {
                self.find(table, local, what, Remedy::Rebuild);
            }
        }
        for (table, column, target) in [
            ("summary", "content", "content"),
            ("import_base", "content", "content"),
            ("import_base", "entity", "entity"),
        ] {
            let sql = format!(
                "SELECT x.{column} FROM {table} x WHERE NOT EXISTS (SELECT 1 FROM {target} t WHERE t.id = x.{column})"
            );
            for local in self.tx.rows(&sql, [], |row| row.get::<_, i64>(0))? {
                self.find(table, local, format!("its row of {target} is gone"), Remedy::RestoreCopy);
            }
        }
        for (table, column, target) in [("remote_space", "remote", "remote"), ("token_space", "token", "token")] {
            let sql = format!(
                "SELECT x.{column} FROM {table} x WHERE NOT EXISTS (SELECT 1 FROM {target} t WHERE t.name = x.{column})"
            );
            for name in self.tx.rows(&sql, [], |row| row.get::<_, String>(0))? {
                self.find(table, name, format!("its row of {target} is gone"), Remedy::RestoreCopy);
            }
        }
        Ok(())
    }

    /// Books that nothing else repeats: what can be told is that a row cannot be what it should be.
    fn books(&mut self) -> Result<(), StoreError> {
        for (table, row, wrong, what) in BOOKS {
            let sql = format!("SELECT {row} FROM {table} WHERE {wrong}");
            let rows = self.tx.rows(&sql, [], |row| {
                Ok(match row.get_ref(0)? {
                    rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    rusqlite::types::ValueRef::Integer(id) => id.to_string(),
                    _ => "?".to_owned(),
                })
            })?;
            for row in rows {
                self.find(table, row, *what, Remedy::RestoreCopy);
            }
        }
        Ok(())
    }

    /// The index for searches against the names, but for what is due; and its rows against what it finds.
    fn search(&mut self) -> Result<(), StoreError> {
        for (sql, what) in SEARCH_ROWS {
            for row in self.tx.rows(sql, [], |row| row.get::<_, String>(0))? {
                self.find("search_row", row, *what, Remedy::Rebuild);
            }
        }
        match self.tx.wrong_words() {
            Ok(rows) => {
                for row in rows {
                    self.find("search", row, "not found by its own words", Remedy::Rebuild);
                }
            }
            // Whatever is wrong there follows from other tables.
            Err(error) => self.find("search", "", error.to_string(), Remedy::Rebuild),
        }
        Ok(())
    }

    /// How far histories of git were brought in and written out.
    fn bridges(&mut self) -> Result<(), StoreError> {
        for table in ["git_source", "git_lag"] {
            let sql = format!(
                "SELECT DISTINCT x.root FROM {table} x WHERE NOT EXISTS (SELECT 1 FROM import_root r WHERE r.id = x.root)"
            );
            for root in self.tx.rows(&sql, [], |row| row.get::<_, i64>(0))? {
                self.find(table, root, "its row of import_root is gone", Remedy::RestoreCopy);
            }
        }
        let sql =
            "SELECT m.target, m.fact, t.id IS NULL, v.kind FROM git_mark m LEFT JOIN git_target t ON t.id = m.target
            LEFT JOIN env v ON v.id = m.fact";
        let rows = self.tx.rows(sql, [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, bool>(2)?, row.get::<_, Option<i64>>(3)?))
        })?;
        for (target, fact, lost, kind) in rows {
            let row = format!("{target} {fact}");
            if lost {
                self.find("git_mark", &row, "its row of git_target is gone", Remedy::RestoreCopy);
            }
            if !matches!(kind, Some(2 | 3)) {
                self.find("git_mark", &row, "names what is no fact of a main", Remedy::RestoreCopy);
            }
        }
        for (table, column) in [("git_source", "head"), ("git_mark", "object")] {
            let sql = format!("SELECT count(*) FROM {table} WHERE length({column}) NOT IN (20, 32)");
            if self.tx.row(&sql, [], |row| row.get::<_, i64>(0))?.unwrap_or(0) > 0 {
                self.find(table, column, "the id of a commit has the wrong length", Remedy::RestoreCopy);
            }
        }
        Ok(())
    }

    /// The projections against those that the whole part of log and content gives.
    fn projections(&mut self) -> Result<(), StoreError> {
        let fresh = Store::in_memory(self.tx.store)?;
        let mut write = fresh.write()?;
        let arrival = std::mem::take(&mut self.whole.arrival);
        write.append(&arrival)?;
        let expected = write.dump_projections()?;
        write.commit()?;
        for bucket in self.tx.wrong_buckets()? {
            self.find("bucket", bucket, "not the sum of what stands there", Remedy::Rebuild);
        }
        let found = self.tx.dump_projections()?;
        for (table, rows) in expected {
            let rows: BTreeSet<String> = rows.into_iter().collect();
            let found: BTreeSet<String> = found.get(table).into_iter().flatten().cloned().collect();
            for row in rows.difference(&found) {
                self.find(table, short(row), "a row is missing or differs", Remedy::Rebuild);
            }
            for row in found.difference(&rows) {
                self.find(table, short(row), "a row that the log does not give", Remedy::Rebuild);
            }
        }
        Ok(())
    }
}

/// Enough of a row to find it by.
fn short(row: &str) -> String {
    row.chars().take(160).collect()
}
