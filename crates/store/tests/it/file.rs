//! The file itself: made, opened, closed, refused.

use std::fs;
use std::path::Path;

use dm_store::{Mode, SCHEMA_VERSION, Store, StoreError};
use rusqlite::Connection;

use crate::support::{TempStore, TestResult, keys, new_store, shop, temp_store};

/// The file as SQLite sees it, behind the store's back.
fn raw(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, Mode::ReadWrite)
}

/// A store of this version in `meta`, closed.
fn store_of_version(version: u32) -> (tempfile::TempDir, std::path::PathBuf) {
    let TempStore { folder, store } = temp_store(1);
    let path = store.path().to_path_buf();
    store.close().unwrap();
    raw(&path).execute("UPDATE meta SET version = ?1", [version]).unwrap();
    (folder, path)
}

#[test]
fn a_new_store_knows_whose_it_is_and_is_whole() -> TestResult {
    let temp = temp_store(3);
    let instance = temp.store.instance();
    assert_eq!(instance.key, keys(3).public());
    assert_eq!(instance.id, keys(3).public().instance());
    assert_eq!((instance.name.as_str(), instance.created_at.as_ms()), ("instance 3", 1));
    let again = temp.again();
    assert_eq!(again.instance(), instance);
    assert_eq!(again.read()?.verify(), []);
    assert_eq!(again.read()?.counts()?, dm_store::Counts::default());
    Ok(())
}

#[test]
fn a_store_is_never_made_over_a_file() -> TestResult {
    let temp = temp_store(1);
    let path = temp.path();
    assert!(matches!(Store::create(&path, &new_store(2)), Err(StoreError::Exists { .. })));
    assert_eq!(temp.again().instance().key, keys(1).public());
    let other = temp.folder.path().join("notes.txt");
    fs::write(&other, "mine")?;
    assert!(matches!(Store::create(&other, &new_store(2)), Err(StoreError::Exists { .. })));
    assert_eq!(fs::read_to_string(&other)?, "mine");
    Ok(())
}

#[test]
fn making_a_store_leaves_nothing_else_behind() -> TestResult {
    let temp = temp_store(1);
    temp.store.close()?;
    let mut names: Vec<String> = fs::read_dir(temp.folder.path())?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    assert_eq!(names, ["store.db"]);

    let missing = temp.folder.path().join("nowhere/store.db");
    assert!(Store::create(&missing, &new_store(1)).is_err());
    assert!(!missing.exists());
    Ok(())
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    assert!(matches!(open(&path("missing.db")), Err(StoreError::NotFound { .. })));
    assert!(!path("missing.db").exists());

    fs::write(path("text.db"), "not a database, but long enough to be taken for a header of one\n".repeat(99))?;
    assert!(matches!(open(&path("text.db")), Err(StoreError::Foreign { .. })));

    fs::write(path("empty.db"), "")?;
    let error = open(&path("empty.db")).unwrap_err();
    assert!(matches!(&error, StoreError::Foreign { what, .. } if what == "an empty file"), "{error}");
    assert_eq!(fs::metadata(path("empty.db"))?.len(), 0);

    raw(&path("other.db")).execute_batch("CREATE TABLE song (name TEXT)")?;
    let before = fs::read(path("other.db"))?;
    let error = open(&path("other.db")).unwrap_err();
    assert!(matches!(&error, StoreError::Foreign { what, .. } if what.contains("another program")), "{error}");
    assert_eq!(fs::read(path("other.db"))?, before);

    fs::create_dir(path("folder.db"))?;
    assert!(matches!(open(&path("folder.db")), Err(StoreError::Foreign { .. })));
    Ok(())
}

#[test]
fn a_newer_store_is_refused_and_left_alone() -> TestResult {
    let (_folder, path) = store_of_version(SCHEMA_VERSION + 1);
    let before = fs::read(&path)?;
    for mode in [Mode::ReadOnly, Mode::ReadWrite] {
        let error = Store::open(&path, mode).unwrap_err();
        let fits =
            matches!(error, StoreError::Newer { found, known, .. } if found == known + 1 && known == SCHEMA_VERSION);
        assert!(fits, "{error}");
    }
    assert_eq!(fs::read(&path)?, before);
    Ok(())
}

#[test]
fn a_newer_store_may_have_any_other_shape() -> TestResult {
    let (_folder, path) = store_of_version(SCHEMA_VERSION + 7);
    raw(&path).execute_batch("ALTER TABLE meta DROP COLUMN instance_name; DROP TABLE member")?;
    assert!(matches!(open(&path), Err(StoreError::Newer { .. })));
    Ok(())
}

#[test]
fn a_version_that_never_was_is_damage() -> TestResult {
    let (_folder, path) = store_of_version(0);
    let error = open(&path).unwrap_err();
    assert!(matches!(&error, StoreError::Damaged { what, .. } if what.contains("version 0")), "{error}");
    assert_eq!(raw(&path).query_row("SELECT version FROM meta", [], |row| row.get::<_, u32>(0))?, 0);
    Ok(())
}

#[test]
fn a_store_without_its_first_table_is_damaged() -> TestResult {
    for sql in ["DELETE FROM meta", "DROP TABLE meta"] {
        let TempStore { folder: _folder, store } = temp_store(1);
        let path = store.path().to_path_buf();
        store.close()?;
        raw(&path).execute_batch(sql)?;
        let error = open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{sql}: {error}");
    }
    Ok(())
}

#[test]
fn a_truncated_file_is_told_and_never_panics() -> TestResult {
    let temp = temp_store(1);
    temp.append(&shop().arrival());
    let path = temp.path();
    temp.store.close()?;
    raw(&path).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let whole = fs::read(&path)?;
    for length in [1, 50, 100, 4096, 5000, whole.len() / 2, whole.len() - 4096] {
        let cut = temp.folder.path().join(format!("cut-{length}.db"));
        fs::write(&cut, &whole[..length])?;
        let found = open(&cut).and_then(|store| Ok(store.read()?.verify()));
        assert!(!matches!(found.as_deref(), Ok([])), "{length} of {} bytes pass for a whole store", whole.len());
    }
    Ok(())
}

#[test]
fn closing_keeps_a_short_wal_and_copies_a_long_one_back() -> TestResult {
    let temp = temp_store(1);
    let path = temp.path();
    let wal = temp.folder.path().join("store.db-wal");
    temp.store.close()?;

    let short = open(&path)?;
    let mut tx = short.write()?;
    tx.put_setting("a", Some("b"))?;
    tx.commit()?;
    short.close()?;
    assert!(fs::metadata(&wal)?.len() > 0, "a short WAL stays for the next one");
    assert_eq!(open(&path)?.read()?.setting("a")?.as_deref(), Some("b"));

    let long = open(&path)?;
    let mut tx = long.write()?;
    tx.put_setting("long", Some(&"x".repeat(2 << 20)))?;
    tx.commit()?;
    long.close()?;
    assert!(!wal.exists() || fs::metadata(&wal)?.len() == 0, "a long WAL is copied back");
    let store = open(&path)?;
    assert_eq!(store.read()?.setting("long")?.map(|text| text.len()), Some(2 << 20));
    Ok(())
}

#[test]
fn opened_for_reading_it_cannot_be_written() -> TestResult {
    let temp = temp_store(1);
    temp.append(&shop().arrival());
    let reader = Store::open(&temp.path(), Mode::ReadOnly)?;
    assert_eq!(reader.read()?.counts()?.names, 2);
    assert!(matches!(reader.write().map(|_| ()), Err(StoreError::ReadOnly { .. })));
    reader.close()?;
    Ok(())
}

#[test]
fn dropped_without_commit_nothing_was_written() -> TestResult {
    let temp = temp_store(1);
    let before = temp.store.read()?.dump_projections()?;
    for discard in [true, false] {
        let mut tx = temp.store.write()?;
        tx.append(&shop().arrival())?;
        tx.put_setting("a", Some("b"))?;
        assert_eq!(tx.counts()?.names, 2, "a transaction reads what it wrote");
        if discard {
            tx.discard();
        } else {
            drop(tx);
        }
        let tx = temp.store.read()?;
        assert_eq!((tx.setting("a")?, tx.dump_projections()?), (None, before.clone()));
        assert_eq!(tx.verify(), []);
    }
    Ok(())
}

/// `docs/formats/store.md` explains every table and every column that the file has.
#[test]
fn the_page_of_the_format_names_every_table_and_column() -> TestResult {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/store.md"))?;
    let temp = temp_store(1);
    let raw = raw(&temp.path());
    let tables: Vec<String> = raw
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    assert!(tables.len() > 30, "{tables:?}");
    let mut missing = Vec::new();
    for table in tables {
        // The rows of the page that belong to the table: from its own to the next table's.
        let mut rows = String::new();
        let mut within = false;
        for line in page.lines().filter(|line| line.starts_with('|')) {
            let first = line.split('|').nth(1).unwrap_or_default().trim();
            within = if first.is_empty() { within } else { first == format!("`{table}`") };
            if within {
                rows.push_str(line);
            }
        }
        if table.ends_with("_h") && page.contains(&format!("`{table}`")) {
            rows = "`h8` `id`".to_owned();
        }
        let columns: Vec<String> = raw
            .prepare(&format!("PRAGMA table_info({table})"))?
            .query_map([], |row| row.get(1))?
            .collect::<Result<_, _>>()?;
        // Local ids are explained once for all tables.
        let known = |column: &String| rows.contains(&format!("`{column}`")) || matches!(column.as_str(), "id" | "one");
        if rows.is_empty() {
            missing.push(table.clone());
        }
        missing.extend(columns.iter().filter(|column| !known(column)).map(|column| format!("{table}.{column}")));
    }
    assert_eq!(missing, Vec::<String>::new(), "docs/formats/store.md does not name them");
    Ok(())
}
