//! Stores that older versions of this program wrote.

use std::fs;

use dm_store::{Mode, Store};

/// A store as version 1 of the schema left it: 51 definitions in main, a draft, two sessions, a remote. Fixtures stay for good.
const VERSION_1: &[u8] = include_bytes!("../fixtures/store-v1.db.zst");

#[test]
fn a_store_of_version_1_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    fs::write(&path, zstd::decode_all(VERSION_1).unwrap()).unwrap();
    let version = |path: &std::path::Path| -> u32 {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.query_row("SELECT version FROM meta", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(version(&path), 1);
    for _ in 0..2 {
        let store = Store::open(&path, Mode::ReadWrite).unwrap();
        let mut tx = store.write().unwrap();
        assert_eq!(tx.verify(), Vec::new());
        assert_eq!(dm_collab::ProjectionRead::view_fingerprint(&*tx).unwrap().short(), "0e5acf4180073b89");
        assert_eq!(tx.counts().unwrap().names, 51);
        assert_eq!(tx.sessions().unwrap().len(), 2);
        assert_eq!(tx.draft_headers().unwrap().len(), 1);
        assert_eq!(tx.remotes().unwrap().len(), 1);
        assert_eq!(tx.commands(10).unwrap(), Vec::new());
        let before = tx.dump_projections().unwrap();
        tx.rebuild().unwrap();
        assert_eq!(tx.dump_projections().unwrap(), before);
        tx.discard();
        store.close().unwrap();
        assert_eq!(version(&path), dm_store::SCHEMA_VERSION);
    }
}
