//! Damage: `verify` finds it in every table and says where, `rebuild` mends the projections, and nothing panics.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dm_collab::draft::Stack;
use dm_model::{EntityId, LinkHash, PatchId, Session, SessionId, SessionState, Succession, Visibility};
use dm_store::{
    Arrival, CommandKind, DraftHeader, Finding, ImportBase, Memo, Mode, NamedSpace, NewCommand, Remedy, Remote,
    RemoteMode, Store, StoreError, Token, WriteTx,
};
use rusqlite::Connection;
use rusqlite::types::Value as Cell;

use crate::generate::history;
use crate::support::{TempStore, TestResult, at, keys, temp_store};

mod list;

use list::{Damage, How};

/// A history that leaves something in every projection: conflicts, what waits, what is blocked.
const SEED: u64 = 16;
const STEPS: usize = 150;

/// Columns that nothing else in the store repeats, so nothing can tell that they are not what was written. `verify` reads them
/// all the same, and tells what it cannot read.
const UNCHECKED: &[&str] = &[
    "meta.version",
    "meta.instance",
    "meta.instance_key",
    "meta.instance_name",
    "meta.created_at",
    "meta.counted",
    "summary.signature",
    "summary.doc",
    "summary.types",
    "summary.type_words",
    // Checked by who knows the language.
    "link.format",
    "link.hash",
    "link.interface",
    // Words in them.
    "session.data",
    "draft.data",
    "draft.author",
    "draft.intent",
    "draft.created_at",
    "draft.updated_at",
    "remote.id",
    "remote.name",
    "remote.url",
    "remote.token",
    "remote.timeout_ms",
    "remote.mode",
    "remote.last_sync",
    "token.hash",
    "token.created_at",
    "import_root.id",
    "import_root.root",
    "import_base.root",
    "import_base.location",
    "import_base.heads",
    "import_base.file",
    // What a command was called and when it was is told by it alone.
    "command.id",
    "command.session",
    "command.at",
    "command.kind",
    "command.target",
    "command.verb",
    "command.words",
    "command.data",
    "config.key",
    "config.value",
    // What git has is told by git alone.
    "git_source.head",
    "git_lag.file",
    "git_lag.reason",
    "git_target.repository",
    "git_target.branch",
    "git_mark.object",
    // The order in which envelopes count is the store's own.
    "env.counted",
    // What a space is called, and where it goes.
    "space_name.space",
    "space_name.name",
    "space_name.since",
    "remote_space.space",
    "remote_space.shared",
    "token_space.space",
    // Local ids that nothing names.
    "channel.id",
];

/// A store with rows in every table of the log, the content and the projections, and in the books that are checked.
fn full_store() -> TempStore {
    let temp = temp_store(0);
    let history = history(SEED, STEPS);
    // The last definition does not arrive, so that something waits.
    let held = history.definitions.len() - 1;
    temp.append(&Arrival { envelopes: history.envelopes, definitions: history.definitions[..held].to_vec() });
    assert!(temp.store.read().unwrap().pending_count().unwrap() > 0, "another seed would make something wait");
    let mut tx = temp.store.write().unwrap();
    let (patch, session) = (PatchId::from_bytes([200; 16]), SessionId::from_bytes([9; 16]));
    tx.put_session(&Session {
        id: session,
        name: "work".to_owned(),
        intent: String::new(),
        owner: "Ada".to_owned(),
        state: SessionState::Active,
        patches: vec![patch],
        focused: Some(patch),
        pinned: Vec::new(),
        environment: std::collections::BTreeMap::new(),
        transferable: true,
        started_at: at(1),
        last_active_at: at(2),
    })
    .unwrap();
    tx.set_current_session(Some(&session)).unwrap();
    tx.put_draft_header(&DraftHeader {
        patch,
        session,
        author: "Ada".to_owned(),
        intent: "Try".to_owned(),
        created_at: at(1),
        updated_at: at(2),
        depends: Vec::new(),
        todos: vec![("test it".to_owned(), true)],
        tags: Vec::new(),
        space: dm_model::Space::PUBLIC,
    })
    .unwrap();
    let mut stack = Stack::new(Vec::new()).unwrap();
    stack.push(patch);
    let content = history.definitions[0].hash();
    stack.create(0, ("Acme.Draft.f".parse().unwrap(), 0), &[], (content, Visibility::Public)).unwrap();
    tx.put_draft(&stack.drafts()[0]).unwrap();
    let memo = || Memo { signature: "f".to_owned(), doc: "a doc".to_owned(), ..Memo::default() };
    let due = tx.memos_due(usize::MAX).unwrap();
    tx.put_memos(due.into_iter().chain([content]).map(|content| (content, memo()))).unwrap();
    // One entity stays due, so that there is a row of that too.
    let due = tx.entities_due().unwrap().len();
    assert_eq!(tx.index_due(due - 1).unwrap(), due - 1);
    tx.put_setting("author", Some("Ada")).unwrap();
    let names: Vec<_> = tx.live_names("").unwrap().into_iter().map(|name| name.entity).take(2).collect();
    let linked = |of: &EntityId| (*of, (LinkHash::from_bytes([5; 32]), Some(LinkHash::from_bytes([6; 32]))));
    tx.put_links(1, &names.iter().map(linked).collect::<Vec<_>>(), &names).unwrap();
    let name = tx.live_names("").unwrap().remove(0);
    let base = ImportBase {
        location: name.location,
        entity: name.entity,
        content: name.content,
        heads: Vec::new(),
        file: "a.dark".to_owned(),
    };
    tx.put_import_bases("/home/ada/packages", &[base]).unwrap();
    fill_peers(&mut tx);
    tx.put_git_head("/home/ada/packages", &[7; 20]).unwrap();
    tx.put_git_lag("/home/ada/packages", "a.dark", Some("row 1: nothing can be read")).unwrap();
    let fact = tx.own_facts().unwrap().remove(0);
    tx.put_git_marks("./out.git", "darkmatter", &[(fact, vec![8; 20])]).unwrap();
    let (at, kind, target) = (at(9), CommandKind::Plain, None);
    let (verb, words) = ("add".to_owned(), "a function".to_owned());
    tx.record(&NewCommand { session, at, kind, target, verb, words }, &[]).unwrap().unwrap();
    tx.commit().unwrap();
    assert_eq!(temp.store.read().unwrap().verify(), []);
    temp
}

/// What is known of other instances, and of the keys of this one.
fn fill_peers(tx: &mut WriteTx<'_>) {
    let succession = Succession::of(keys(0).public()).then(&keys(0), keys(50).public()).unwrap();
    tx.put_succession(&succession).unwrap();
    let (name, url) = ("home".to_owned(), "http://home.example".to_owned());
    let (token, timeout_ms, mode, last_sync) = (None, 1000, RemoteMode::Manual, None);
    tx.put_remote(&Remote { name, url, token, timeout_ms, mode, last_sync }).unwrap();
    let space = dm_model::Space::from_bytes([1; 16]);
    tx.put_named_space(&NamedSpace { space, name: "team".to_owned(), since: at(3) }).unwrap();
    tx.put_share("home", space, Some(true)).unwrap();
    let (name, hash) = ("bob".to_owned(), [7; 32]);
    tx.put_token(&Token { name, hash, created_at: at(4), expires_at: None }).unwrap();
    tx.put_token_spaces("bob", &[space]).unwrap();
    let known = tx.set_fingerprint(dm_model::Space::PUBLIC).unwrap();
    assert!(known.count > 0);
    let ids = tx.unknown_ids("home", dm_model::Space::PUBLIC).unwrap();
    tx.add_known("home", &ids[..ids.len() / 2]).unwrap();
}

/// The file of a full store, whole and without a WAL, to make damaged copies of.
struct Original {
    folder: tempfile::TempDir,
    path: std::path::PathBuf,
}

fn original() -> Original {
    let TempStore { folder, store } = full_store();
    let path = store.path().to_path_buf();
    store.close().unwrap();
    let raw = Connection::open(&path).unwrap();
    raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    Original { folder, path }
}

impl Original {
    /// A copy under another name, changed behind the store's back.
    fn damaged(&self, name: &str, damage: impl FnOnce(&Connection)) -> std::path::PathBuf {
        let copy = self.folder.path().join(name);
        // What a copy before this one left would be taken for a part of it.
        for leftover in ["-wal", "-shm"] {
            fs::remove_file(self.folder.path().join(format!("{name}{leftover}"))).ok();
        }
        fs::copy(&self.path, &copy).unwrap();
        let raw = Connection::open(&copy).unwrap();
        damage(&raw);
        copy
    }
}

fn verify(path: &Path) -> Result<Vec<Finding>, StoreError> {
    let store = Store::open(path, Mode::ReadWrite)?;
    let findings = store.read()?.verify();
    Ok(findings)
}

fn rebuild(path: &Path) -> Result<(), StoreError> {
    let store = Store::open(path, Mode::ReadWrite)?;
    let mut tx = store.write()?;
    tx.rebuild()?;
    tx.commit()
}

/// What SQLite keeps of a full-text index. It checks that itself; the list of damages has some of each.
const INDEX_PARTS: &[&str] = &["search_config", "search_data", "search_docsize", "search_idx"];

/// All tables with their columns.
fn columns(path: &Path) -> Vec<(String, Vec<String>)> {
    let raw = Connection::open(path).unwrap();
    let mut tables = raw
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'
             AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
        )
        .unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let tables = tables.into_iter().filter(|table| !INDEX_PARTS.contains(&table.as_str()));
    let of = |table: String| {
        let mut info = raw.prepare(&format!("PRAGMA table_info({table})")).unwrap();
        let names = info.query_map([], |row| row.get(1)).unwrap().collect::<Result<_, _>>().unwrap();
        (table, names)
    };
    tables.map(of).collect()
}

/// Another value of the same type: one bit flipped, a letter changed, a number added.
fn flipped(cell: Cell) -> Option<Cell> {
    match cell {
        Cell::Null => None,
        Cell::Integer(n) => Some(Cell::Integer(n.wrapping_add(1 << 40))),
        Cell::Real(n) => Some(Cell::Real(n + 1.0)),
        Cell::Text(text) => Some(Cell::Text(format!("{text}x"))),
        Cell::Blob(mut bytes) => {
            let middle = bytes.len() / 2;
            match bytes.get_mut(middle) {
                Some(byte) => *byte ^= 0x10,
                None => bytes.push(1),
            }
            Some(Cell::Blob(bytes))
        }
    }
}

/// Changes the column in one row of the table, the last one that has a value. False if there is none.
fn damage(raw: &Connection, table: &str, column: &str) -> bool {
    let keys = keys_of(raw, table);
    let order = keys.iter().map(|key| format!("{key} DESC")).collect::<Vec<_>>().join(", ");
    let select = format!(
        "SELECT {column}, {} FROM {table} WHERE {column} IS NOT NULL ORDER BY {order} LIMIT 1",
        keys.join(", ")
    );
    let row: Result<Vec<Cell>, _> = raw.query_row(&select, [], |row| (0..=keys.len()).map(|at| row.get(at)).collect());
    let Ok(row) = row else { return false };
    let Some(value) = flipped(row[0].clone()) else { return false };
    let chosen: Vec<String> = (2..).zip(&keys).map(|(at, key)| format!("{key} = ?{at}")).collect();
    let update = format!("UPDATE {table} SET {column} = ?1 WHERE {}", chosen.join(" AND "));
    let mut params = vec![value];
    params.extend(row.into_iter().skip(1));
    raw.execute(&update, rusqlite::params_from_iter(params)).unwrap() == 1
}

fn keys_of(raw: &Connection, table: &str) -> Vec<String> {
    let mut info = raw.prepare(&format!("PRAGMA table_info({table})")).unwrap();
    let rows = info.query_map([], |row| Ok((row.get::<_, i64>(5)?, row.get::<_, String>(1)?))).unwrap();
    let mut keys: Vec<(i64, String)> = rows.collect::<Result<_, _>>().unwrap();
    keys.retain(|(place, _)| *place > 0);
    keys.sort();
    keys.into_iter().map(|(_, name)| name).collect()
}

#[test]
fn a_changed_value_is_found_in_every_checked_column() {
    let original = original();
    let (mut missed, mut tables) = (Vec::new(), BTreeSet::new());
    for (table, columns) in columns(&original.path) {
        // SQLite itself keeps `one` as it is.
        for column in columns.into_iter().filter(|column| column != "one") {
            let name = format!("{table}.{column}");
            let mut done = false;
            let copy = original.damaged("damaged.db", |raw| done = damage(raw, &table, &column));
            if !done {
                continue;
            }
            tables.insert(table.clone());
            // A store that does not open says so too.
            let Ok(findings) = verify(&copy) else { continue };
            let unchecked = UNCHECKED.contains(&name.as_str());
            if findings.is_empty() && !unchecked {
                missed.push(name);
            } else if findings.iter().any(|finding| finding.remedy != Remedy::Rebuild) || findings.is_empty() {
                // It was truth: the finding says what else helps.
            } else {
                rebuild(&copy).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(verify(&copy).unwrap(), [], "{name} is mended by a rebuild");
            }
        }
    }
    assert_eq!(missed, Vec::<String>::new(), "changes that nobody noticed");
    // The history reaches every projection; only some books have no row here.
    let all: BTreeSet<String> = self::columns(&original.path).into_iter().map(|(table, _)| table).collect();
    let without: Vec<&String> = all.difference(&tables).collect();
    assert_eq!(without, ["overruled", "own_key", "peer", "quarantine", "trusted_key"]);
}

#[test]
fn a_lost_row_is_found_in_every_checked_table() {
    let original = original();
    let books = [
        "command",
        "config",
        "draft_entity",
        "git_lag",
        "git_mark",
        "git_source",
        "git_target",
        "import_base",
        "import_root",
        "link",
        "link_due",
        "overruled",
        "own_key",
        "peer",
        "quarantine",
        "remote",
        "remote_space",
        "space_name",
        "succession",
        "summary",
        "token_space",
        "trusted_key",
    ];
    for (table, _) in columns(&original.path) {
        if books.contains(&table.as_str()) || table == "meta" {
            continue;
        }
        let copy = original.damaged("lost.db", |raw| {
            let keys = keys_of(raw, &table).join(", ");
            let sql =
                format!("DELETE FROM {table} WHERE ({keys}) IN (SELECT {keys} FROM {table} ORDER BY {keys} LIMIT 1)");
            assert_eq!(raw.execute(&sql, []).unwrap(), 1, "{table}");
        });
        let findings = verify(&copy).unwrap();
        assert!(!findings.is_empty(), "{table} lost a row and nobody noticed");
        if findings.iter().all(|finding| finding.remedy == Remedy::Rebuild) {
            rebuild(&copy).unwrap();
            assert_eq!(verify(&copy).unwrap(), [], "{table} is mended by a rebuild");
        }
    }
}

/// What is found in a copy that was damaged, or why it does not open.
fn after(original: &Original, damage: &Damage) -> (std::path::PathBuf, Result<Vec<Finding>, StoreError>) {
    let copy = match damage.how {
        How::Sql(sql) => original.damaged("listed.db", |raw| {
            // So that a statement that hits nothing is no damage.
            let changed = raw.total_changes();
            let done = raw.execute_batch(sql);
            assert!(done.is_ok(), "{}: {done:?}", damage.name);
            assert!(raw.total_changes() > changed, "{}: nothing is changed", damage.name);
        }),
        How::File(change) => {
            let copy = original.damaged("listed.db", |_| ());
            let mut bytes = fs::read(&copy).unwrap();
            change(&mut bytes);
            fs::write(&copy, bytes).unwrap();
            copy
        }
    };
    for leftover in ["listed.db-wal", "listed.db-shm"] {
        fs::remove_file(original.folder.path().join(leftover)).ok();
    }
    let found = verify(&copy);
    (copy, found)
}

#[test]
fn every_damage_of_the_list_is_found_and_named_with_what_helps() {
    let original = original();
    let mut wrong = Vec::new();
    for damage in list::DAMAGES {
        let (copy, found) = after(&original, damage);
        let findings = match found {
            Err(error) => {
                if !matches!(damage.table, "open" | "file") {
                    wrong.push(format!("{}: it does not open: {error}", damage.name));
                }
                continue;
            }
            Ok(findings) => findings,
        };
        let fits = |finding: &Finding| {
            (damage.table.is_empty() || finding.table == damage.table)
                && finding.remedy == damage.remedy
                && finding.what.contains(damage.words)
        };
        if !findings.iter().any(fits) {
            let first: Vec<&Finding> = findings.iter().take(4).collect();
            wrong.push(format!("{}: {first:?}", damage.name));
        } else if findings.iter().all(|finding| finding.remedy == Remedy::Rebuild) {
            match rebuild(&copy).and_then(|()| verify(&copy)) {
                Ok(left) if left.is_empty() => {}
                left => wrong.push(format!("{}: a rebuild does not mend it: {left:?}", damage.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_table_has_a_damage_in_the_list() {
    let original = original();
    let named: BTreeSet<&str> = list::DAMAGES.iter().map(|damage| damage.table).collect();
    let hit = |table: &str| {
        named.contains(table)
            || list::DAMAGES.iter().any(|damage| match damage.how {
                How::Sql(sql) => sql.starts_with(&format!("UPDATE {table} ")),
                How::File(_) => false,
            })
    };
    let without: Vec<String> =
        columns(&original.path).into_iter().map(|(table, _)| table).filter(|table| !hit(table)).collect();
    assert_eq!(without, Vec::<String>::new(), "tables that no damage of the list is about");
    let names: BTreeSet<&str> = list::DAMAGES.iter().map(|damage| damage.name).collect();
    assert_eq!(names.len(), list::DAMAGES.len(), "two damages have one name");
}

#[test]
fn a_damaged_envelope_is_named_by_its_id() -> TestResult {
    let original = original();
    // A damaged row of the log is named by its id.
    let copy = original.damaged("case.db", |raw| {
        raw.execute_batch("UPDATE log SET signature = zeroblob(64) WHERE id = 3").unwrap();
    });
    let hash: Vec<u8> =
        Connection::open(&copy)?.query_row("SELECT hash FROM log WHERE id = 3", [], |row| row.get(0))?;
    let id = dm_model::EnvelopeId::from_slice(&hash).map(|id| id.to_string()).unwrap_or_default();
    assert!(verify(&copy)?.iter().any(|finding| finding.row == id));
    Ok(())
}

#[test]
fn a_rebuild_makes_all_projections_anew_and_touches_no_truth() -> TestResult {
    let original = original();
    let whole = Store::open(&original.path, Mode::ReadOnly)?;
    let expected = whole.read()?.dump_projections()?;
    let copy = original.damaged("empty.db", |raw| {
        for table in expected.keys().filter(|table| !matches!(**table, "meta" | "entity")) {
            raw.execute_batch(&format!("DELETE FROM {table}")).unwrap();
        }
        raw.execute_batch(
            "UPDATE meta SET names = 0, view_count = 77; DELETE FROM op_h; DELETE FROM log_h; DELETE FROM content_h;
             DELETE FROM entity_h; UPDATE entity SET path = NULL, more = NULL, content = 1",
        )
        .unwrap();
    });
    assert!(!verify(&copy)?.is_empty());
    let truth = ["log", "content", "session", "draft", "draft_entity", "config", "remote", "unsent", "import_base"];
    let rows = |path: &Path| -> Vec<Vec<Vec<Cell>>> {
        let raw = Connection::open(path).unwrap();
        let of = |table: &&str| {
            let mut statement = raw.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let width = statement.column_count();
            let read = |row: &rusqlite::Row<'_>| (0..width).map(|at| row.get(at)).collect();
            statement.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap()
        };
        truth.iter().map(of).collect()
    };
    let before = rows(&copy);
    rebuild(&copy)?;
    assert_eq!(verify(&copy)?, []);
    assert_eq!(rows(&copy), before);
    assert_eq!(Store::open(&copy, Mode::ReadOnly)?.read()?.dump_projections()?, expected);
    Ok(())
}

/// A byte of the file flipped anywhere: either it is told, or it lies where nothing is read and every answer is as before.
#[test]
fn a_flipped_byte_is_told_or_does_not_matter() -> TestResult {
    let original = original();
    let bytes = fs::read(&original.path)?;
    let expected = answers(&original.path)?;
    let mut told = 0;
    // A step that shares no factor with the page size, so that every place within a page comes up.
    let step = (bytes.len() / 150) | 1;
    for at in (0..bytes.len()).step_by(step) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        let copy = original.folder.path().join("flipped.db");
        fs::write(&copy, damaged)?;
        match verify(&copy) {
            Ok(findings) if findings.is_empty() => {
                let found = answers(&copy)?;
                let unchecked_only = found.0 == expected.0;
                assert!(unchecked_only, "byte {at} changed an answer and nobody noticed");
            }
            _ => told += 1,
        }
        for leftover in ["flipped.db-wal", "flipped.db-shm"] {
            fs::remove_file(original.folder.path().join(leftover)).ok();
        }
    }
    assert!(told > 40, "only {told} flipped bytes were told");
    Ok(())
}

type Answers = (std::collections::BTreeMap<&'static str, Vec<String>>, dm_store::Counts);

fn answers(path: &Path) -> Result<Answers, StoreError> {
    let store = Store::open(path, Mode::ReadOnly)?;
    let tx = store.read()?;
    Ok((tx.dump_projections()?, tx.counts()?))
}
