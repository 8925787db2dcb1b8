//! Stores that older versions of this program wrote. Fixtures stay for good.

use std::fs;
use std::path::Path;

use dm_store::{Mode, Store};

/// A store of an older version, and what is in it.
struct Older {
    version: u32,
    packed: &'static [u8],
    view: &'static str,
    names: u64,
    sessions: usize,
    drafts: usize,
    remotes: usize,
    commands: usize,
}

/// 51 definitions in main, a draft, two sessions, a remote.
const VERSION_1: Older = Older {
    version: 1,
    packed: include_bytes!("../fixtures/store-v1.db.zst"),
    view: "0e5acf4180073b89",
    names: 51,
    sessions: 2,
    drafts: 1,
    remotes: 1,
    commands: 0,
};

/// 161 definitions in main, some from another instance, an undone apply, drafts in two sessions, a remote that holds most of it.
const VERSION_3: Older = Older {
    version: 3,
    packed: include_bytes!("../fixtures/store-v3.db.zst"),
    view: "11eae1aca00fa823",
    names: 161,
    sessions: 2,
    drafts: 2,
    remotes: 1,
    commands: 8,
};

/// 6 definitions in main, two of them with names that meant nothing when they were imported, one of which means something by now.
const VERSION_4: Older = Older {
    version: 4,
    packed: include_bytes!("../fixtures/store-v4.db.zst"),
    view: "c98163df28c5ace0",
    names: 6,
    sessions: 2,
    drafts: 1,
    remotes: 1,
    commands: 6,
};

/// 6 definitions in main, one of them deprecated, with memos of a search; a draft in another session.
const VERSION_5: Older = Older {
    version: 5,
    packed: include_bytes!("../fixtures/store-v5.db.zst"),
    view: "015ca67afeb9d551",
    names: 6,
    sessions: 2,
    drafts: 1,
    remotes: 1,
    commands: 6,
};

fn version(path: &Path) -> u32 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("SELECT version FROM meta", [], |row| row.get(0)).unwrap()
}

fn check(older: &Older) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    fs::write(&path, zstd::decode_all(older.packed).unwrap()).unwrap();
    assert_eq!(version(&path), older.version);
    for _ in 0..2 {
        let store = Store::open(&path, Mode::ReadWrite).unwrap();
        let mut tx = store.write().unwrap();
        assert_eq!(tx.verify(), Vec::new());
        assert_eq!(dm_collab::ProjectionRead::view_fingerprint(&*tx).unwrap().short(), older.view);
        assert_eq!(tx.counts().unwrap().names, older.names);
        assert_eq!(tx.sessions().unwrap().len(), older.sessions);
        assert_eq!(tx.draft_headers().unwrap().len(), older.drafts);
        assert_eq!(tx.remotes().unwrap().len(), older.remotes);
        assert_eq!(tx.commands(100).unwrap().len(), older.commands);
        let before = tx.dump_projections().unwrap();
        tx.rebuild().unwrap();
        assert_eq!(tx.dump_projections().unwrap(), before);
        tx.discard();
        store.close().unwrap();
        assert_eq!(version(&path), dm_store::SCHEMA_VERSION);
    }
}

#[test]
fn a_store_of_version_1_is_brought_up_to_date() {
    check(&VERSION_1);
}

#[test]
fn a_store_of_version_3_is_brought_up_to_date() {
    check(&VERSION_3);
}

#[test]
fn a_store_of_version_4_is_brought_up_to_date() {
    check(&VERSION_4);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    fs::write(&path, zstd::decode_all(VERSION_4.packed).unwrap()).unwrap();
    let store = Store::open(&path, Mode::ReadWrite).unwrap();
    assert_eq!(store.read().unwrap().with_unresolved_names().unwrap().len(), 2);
}

#[test]
fn a_store_of_version_5_is_brought_up_to_date() {
    check(&VERSION_5);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    fs::write(&path, zstd::decode_all(VERSION_5.packed).unwrap()).unwrap();
    let store = Store::open(&path, Mode::ReadWrite).unwrap();
    let tx = store.read().unwrap();
    assert_eq!(tx.entities_due().unwrap().len(), 6, "all names are to be indexed");
    assert_eq!(tx.memos_due(100).unwrap().len(), 6, "what was kept for searches is made again");
}
