//! Files that this program did not write, or not this version of it.

use std::fs;

use dm_store::{Mode, Store, StoreError};

use crate::support::{new_store, temp_store};

#[test]
fn a_newer_store_is_left_alone() {
    let temp = temp_store(1);
    let path = temp.path();
    let _folder = temp.folder;
    temp.store.close().unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE meta SET version = version + 1", []).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    for mode in [Mode::ReadOnly, Mode::ReadWrite] {
        match Store::open(&path, mode) {
            Err(StoreError::Newer { found, known, .. }) => assert_eq!(found, known + 1),
            other => panic!("{:?}", other.err()),
        }
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_no_store_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    assert!(matches!(Store::open(&path, Mode::ReadWrite), Err(StoreError::NotFound { .. } | StoreError::Io { .. })));
    fs::write(&path, "").unwrap();
    assert!(matches!(Store::open(&path, Mode::ReadWrite), Err(StoreError::Foreign { .. })));
    fs::write(&path, "text").unwrap();
    assert!(matches!(
        Store::open(&path, Mode::ReadWrite),
        Err(StoreError::Foreign { .. } | StoreError::Damaged { .. })
    ));
    fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE meta (version)").unwrap();
    assert!(matches!(Store::open(&path, Mode::ReadWrite), Err(StoreError::Foreign { .. })));
    assert!(matches!(Store::create(&path, &new_store(1)), Err(StoreError::Exists { .. })));
}

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
