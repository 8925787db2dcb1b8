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
