//! Housekeeping: what nothing names goes, everything else is as it was; and what a patch costs on the disk.

use std::path::Path;
use std::sync::Arc;

use dm_engine::{Direction, Engine, FixedSystem, OpenOptions, RemoteRequest, SessionChoice, System};
use dm_model::Timestamp;
use proptest::prelude::*;

use crate::support::{Desk, session};
use crate::undo::{Step, World, step, take};

/// Longer ago than anything.
const ALL_KEPT: u32 = 40_000;

/// All that is seen of a store: main, each session's view with its texts, patches and their history.
fn everything(engine: &Engine) -> String {
    let mut seen = String::new();
    let sessions = engine.snapshot(&SessionChoice::Current).unwrap().sessions().unwrap();
    for about in &sessions {
        let snapshot = engine.snapshot(&session(&about.id)).unwrap();
        let listing = snapshot.ls("", true).unwrap();
        for entry in &listing.definitions {
            let text = snapshot.show(&entry.entity).map(|shown| shown.text);
            seen.push_str(&format!("{} {} {} {:?}\n", about.name, entry.location, entry.hash, text.ok()));
        }
        let status = snapshot.status().unwrap();
        seen.push_str(&format!("{}\n{:?}\n", status.view_fingerprint, status.changes));
        seen.push_str(&format!("{:?}\n{:?}\n", snapshot.patches(true).unwrap(), snapshot.log(1000, None).unwrap()));
    }
    seen
}

/// The same store in another folder.
fn copy(from: &Desk) -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join(".darkmatter");
    copy_all(&from.path("store/.darkmatter"), &store);
    (folder, open(&store))
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn open(store: &Path) -> Engine {
    let system: Arc<dyn System> = Arc::new(FixedSystem::new(Timestamp::from_ms(1_767_225_700_000), "copy"));
    Engine::open(OpenOptions { folder: store.to_path_buf(), author: None, system }).unwrap()
}

fn undo(engine: &Engine) -> Result<(), String> {
    let mut tx = engine.begin(&SessionChoice::Current, false).map_err(|error| error.to_string())?;
    tx.undo(None).map_err(|error| error.to_string())?;
    tx.commit().map_err(|error| error.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_seen_or_can_be_undone_goes(
        steps in proptest::collection::vec((step(), any::<bool>()), 5..40)
    ) {
        let world = World::new();
        for (step, and_back) in &steps {
            // Not every step is possible as things stand.
            let done = take(&world, step);
            if done.is_ok() && *and_back && !matches!(step, Step::SessionSwitch { .. }) {
                undo(&world.engine).ok();
            }
        }
        let before = everything(&world.engine);
        let (_folder, untouched) = copy(&world.desk);
        world.engine.gc(ALL_KEPT, false).unwrap();
        prop_assert_eq!(everything(&world.engine), before);
        prop_assert_eq!(world.engine.verify().unwrap().findings, vec![]);
        // All commands can be undone still, down to the first.
        for _ in 0..steps.len() {
            let (left, right) = (undo(&world.engine), undo(&untouched));
            prop_assert_eq!(left.is_ok(), right.is_ok(), "{:?} {:?}", left, right);
            if left.is_err() {
                break;
            }
        }
        let names = |engine: &Engine| engine.snapshot(&SessionChoice::Current).unwrap().ls("", true).unwrap().definitions;
        prop_assert_eq!(names(&world.engine), names(&untouched));
        // And without them nothing is left to drop the second time.
        let before = everything(&world.engine);
        world.engine.gc(0, false).unwrap();
        prop_assert_eq!(everything(&world.engine), before);
        prop_assert_eq!(world.engine.verify().unwrap().findings, vec![]);
        let again = world.engine.gc(0, true).unwrap();
        prop_assert_eq!((again.definitions, again.commands, again.summaries), (0, 0, 0));
    }
}

fn word(n: usize) -> &'static str {
    ["order", "customer", "parcel", "invoice", "rebate", "delivery"].iter().cycle().nth(n % 6).unwrap()
}

/// A definition of some 300 bytes, as people write them.
fn definition(n: usize, salt: usize) -> String {
    let (one, two) = (word(n), word(n + salt));
    format!(
        "/// What the {one} of a {two} comes to, number {n}.\nlet {one}Total{n} (price: Int64) (count: Int64) : Int64 =\n  \
         let {two}Price = timesCount price {}L\n  let rest = minus {two}Price count\n  \
         if isMore rest {}L then\n    timesCount rest count\n  else\n    minus rest (minus price {}L)\n",
        salt * 31 + n,
        salt * 7,
        n * 3 + salt
    )
}

fn shop(count: usize) -> String {
    let mut text =
        "module Acme.Shop\n\nlet timesCount (a: Int64) (b: Int64) : Int64 =\n  Builtin.int64Multiply a b\n\n\
                    let minus (a: Int64) (b: Int64) : Int64 =\n  Builtin.int64Subtract a b\n\n\
                    let isMore (a: Int64) (b: Int64) : Bool =\n  Builtin.int64GreaterThan a b\n"
            .to_owned();
    for n in 0..count {
        text.push_str(&format!("\n{}", definition(n, 0)));
    }
    text
}

/// What a patch of one edit may cost, in bytes: the figure that is promised.
const PATCH_BYTES_MAX: u64 = 1536;
/// What undo may remember in all, in bytes.
const UNDO_BYTES_MAX: u64 = 300 << 10;

#[test]
fn an_applied_patch_costs_no_more_than_promised_and_a_discarded_draft_nothing() {
    const PATCHES: usize = 300;
    let desk = Desk::with(&shop(40));
    let length = definition(7, 7).len();
    assert!((280..=340).contains(&length), "{length} bytes");
    let small = desk.engine.gc(0, false).unwrap().bytes_after;
    for n in 0..PATCHES {
        desk.save("work", &format!("module Acme.Shop\n\n{}", definition(n % 40, n + 1))).unwrap();
        desk.apply("work").unwrap();
    }
    let with_undo = desk.engine.gc(ALL_KEPT, false).unwrap().bytes_after;
    let large = desk.engine.gc(0, false).unwrap().bytes_after;
    let each = (large - small) / PATCHES as u64;
    eprintln!("a patch {each} bytes, undo {} bytes", with_undo - large);
    assert!(each <= PATCH_BYTES_MAX, "{each} bytes a patch");
    assert!(with_undo - large <= UNDO_BYTES_MAX, "{} bytes to undo with", with_undo - large);

    // Received from another store they cost the same.
    let other = Desk::new();
    let url = desk.path("store").display().to_string();
    let mut tx = other.engine.begin(&session("work"), false).unwrap();
    tx.remote_add(&RemoteRequest { name: "home".to_owned(), url, token: None, timeout_s: 30 }).unwrap();
    tx.commit().unwrap();
    other.engine.exchange(None, Direction::PullOnly, false, &mut |_| ()).unwrap();
    assert_eq!(other.names("work").len(), 43);
    let received = other.engine.gc(0, false).unwrap().bytes_after;
    let each = received.saturating_sub(small) / PATCHES as u64;
    eprintln!("a patch received {each} bytes");
    assert!(each <= PATCH_BYTES_MAX, "{each} bytes a patch received");

    // Drafts that were never shared leave nothing.
    for n in 0..50 {
        desk.save("work", &format!("module Acme.Shop\n\n{}", definition(n % 40, n + 9000))).unwrap();
        desk.save("work", &format!("module Acme.New\n\nlet fresh{n} (a: Int64) : Int64 =\n  other{n} a\n")).unwrap();
        let mut tx = desk.engine.begin(&session("work"), false).unwrap();
        tx.undo(None).unwrap();
        tx.commit().unwrap();
        let mut tx = desk.engine.begin(&session("work"), false).unwrap();
        tx.undo(None).unwrap();
        tx.commit().unwrap();
    }
    let dropped = desk.engine.gc(0, false).unwrap();
    assert_eq!(dropped.definitions, 100);
    assert_eq!(dropped.bytes_after, large);
    assert_eq!(desk.engine.verify().unwrap().findings, vec![]);
}

#[test]
fn others_at_work_do_not_fail_while_it_drops() {
    let desk = Desk::with(&shop(20));
    let engines: Vec<Engine> = (0..2).map(|_| desk.engine.reopen().unwrap()).collect();
    let gc = desk.engine.reopen().unwrap();
    std::thread::scope(|scope| {
        for (at, engine) in engines.into_iter().enumerate() {
            let name = if at == 0 { "work" } else { "other" };
            scope.spawn(move || {
                for n in 0..40 {
                    let text = format!("module Acme.Shop\n\n{}", definition(at * 10 + n % 10, n + 1));
                    let mut tx = engine.begin(&session(name), false).unwrap();
                    let text = dm_engine::SourceText { file: "-".to_owned(), text };
                    let (module, binds, base) = (None, Vec::new(), None);
                    let intent = Some("Work on".to_owned());
                    tx.save(&dm_engine::SaveRequest { text, module, intent, binds, base }).unwrap();
                    tx.commit().unwrap();
                }
            });
        }
        scope.spawn(move || {
            for _ in 0..20 {
                gc.gc(0, false).unwrap();
            }
        });
    });
    assert_eq!(desk.engine.verify().unwrap().findings, vec![]);
    for (at, name) in ["work", "other"].into_iter().enumerate() {
        let text = desk.text(name, &format!("{}Total{}", word(at * 10 + 9), at * 10 + 9));
        assert!(text.contains("280L"), "{text}");
    }
}
