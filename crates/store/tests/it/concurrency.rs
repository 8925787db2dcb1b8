//! Several threads and several processes on one store: none fails, nothing is lost, nothing is half there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dm_collab::ProjectionRead as _;
use dm_store::{Mode, Store};

use crate::support::{TestResult, apply, arrival, create, definition, keys, patch_id, revision, temp_store};

const WRITERS: u8 = 4;
const SAVES: u8 = 12;

/// What a child process is told through the environment: the store's path, and which writer it is.
const STORE: &str = "DM_TEST_STORE";
const WRITER: &str = "DM_TEST_WRITER";

/// Saves one after the other, each in a store opened anew as a command does: a function, its patch, and the fact that applies
/// it to the writer's own channel.
fn write_all(path: &Path, writer: u8) {
    let mut leaf = Vec::new();
    for n in 0..SAVES {
        let text = definition(&format!("let f (x: Int64) : Int64 = x + {writer}L * {n}L"), &[]);
        let op = create(&format!("Acme.Writer{writer}.f{n}"), text.hash());
        let patch = writer * SAVES + n;
        let revision = revision(writer, patch, i64::from(n), vec![op]);
        let fact = apply(writer, 1000 + i64::from(n), leaf, vec![(patch_id(patch), revision.id())]);
        leaf = vec![fact.id()];
        let store = Store::open(path, Mode::ReadWrite).unwrap();
        let mut tx = store.write().unwrap();
        tx.append(&arrival(&[&revision, &fact], &[&text])).unwrap();
        tx.put_setting(&format!("writer {writer}"), Some(&n.to_string())).unwrap();
        tx.commit().unwrap();
        store.close().unwrap();
    }
}

/// All that all writers wrote is there, once, and the store is whole.
fn check(path: &Path) {
    let store = Store::open(path, Mode::ReadWrite).unwrap();
    let tx = store.read().unwrap();
    let all = u64::from(WRITERS) * u64::from(SAVES);
    let counts = tx.counts().unwrap();
    assert_eq!((counts.envelopes, counts.patches, counts.ops, counts.pending), (2 * all, all, all, 0));
    for writer in 1..=WRITERS {
        let last = (SAVES - 1).to_string();
        assert_eq!(tx.setting(&format!("writer {writer}")).unwrap(), Some(last));
        let channel = dm_collab::Channel::public(keys(writer).public().instance());
        assert_eq!(tx.members(&channel).unwrap().len(), usize::from(SAVES));
        assert_eq!(tx.leaves(&channel).unwrap().len(), 1, "the facts of a writer are a chain");
    }
    // Only the first writer's channel is this store's main.
    assert_eq!(tx.names_count().unwrap(), u64::from(SAVES));
    assert_eq!(tx.verify(), []);
}

/// A process of this very test program that does only what `child_writes` does.
fn child(path: &Path, writer: u8) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "concurrency::child_writes", "--test-threads=1"]);
    command.env(STORE, path).env(WRITER, writer.to_string()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The work of a child process. In an ordinary run there is no store to write to and it checks just that it was not told one.
#[test]
fn child_writes() {
    match (std::env::var_os(STORE), std::env::var(WRITER)) {
        (Some(path), Ok(writer)) => write_all(&PathBuf::from(path), writer.parse().unwrap()),
        (path, _) => assert_eq!(path, None),
    }
}

#[test]
fn threads_write_at_once() {
    let temp = temp_store(1);
    let path = temp.path();
    std::thread::scope(|scope| {
        for writer in 1..=WRITERS {
            let path = &path;
            scope.spawn(move || write_all(path, writer));
        }
    });
    check(&path);
}

#[test]
fn processes_write_at_once() {
    let temp = temp_store(1);
    let path = temp.path();
    temp.store.close().unwrap();
    let children: Vec<_> = (1..=WRITERS).map(|writer| child(&path, writer).spawn().unwrap()).collect();
    for child in children {
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    check(&path);
}

/// A process that is killed in the middle leaves each of its commands whole or undone, and the store usable.
#[test]
fn a_killed_process_leaves_a_whole_store() {
    let temp = temp_store(1);
    let path = temp.path();
    for saves_before in [0, 1, 4] {
        let mut victim = child(&path, 1).spawn().unwrap();
        // Not after some time but after so many of its commands: until then another reader just looks.
        let written = |path: &Path| {
            let store = Store::open(path, Mode::ReadOnly).unwrap();
            store.read().unwrap().counts().unwrap().patches
        };
        while written(&path) < saves_before && victim.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        let store = Store::open(&path, Mode::ReadWrite).unwrap();
        let tx = store.read().unwrap();
        let counts = tx.counts().unwrap();
        assert!(counts.patches >= saves_before);
        assert_eq!((counts.envelopes, counts.names), (2 * counts.patches, counts.patches), "whole commands only");
        assert_eq!(tx.verify(), []);
    }
    // What was interrupted can be done again: what is there already is skipped.
    write_all(&path, 1);
    assert_eq!(Store::open(&path, Mode::ReadOnly).unwrap().read().unwrap().names_count().unwrap(), u64::from(SAVES));
}

#[test]
fn readers_always_see_whole_commands() -> TestResult {
    let temp = temp_store(1);
    let path = temp.path();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_all(&path, 1));
        let mut seen = BTreeSet::new();
        while !writer.is_finished() {
            let store = Store::open(&path, Mode::ReadOnly).unwrap();
            let tx = store.read().unwrap();
            let counts = tx.counts().unwrap();
            assert_eq!((counts.envelopes, counts.names), (2 * counts.patches, counts.patches));
            assert_eq!(tx.live_names("").unwrap().len() as u64, counts.names);
            seen.insert(counts.names);
        }
        writer.join().unwrap();
        assert!(seen.iter().all(|names| *names <= u64::from(SAVES)));
    });
    Ok(())
}

#[test]
fn of_two_processes_that_make_a_store_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let made: Vec<bool> = std::thread::scope(|scope| {
        let making: Vec<_> = (1..=WRITERS)
            .map(|n| {
                let path = &path;
                scope.spawn(move || Store::create(path, &crate::support::new_store(n)).is_ok())
            })
            .collect();
        making.into_iter().map(|made| made.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|made| **made).count(), 1, "{made:?}");
    assert_eq!(Store::open(&path, Mode::ReadWrite).unwrap().read().unwrap().verify(), []);
}
