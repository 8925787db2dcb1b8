//! Twenty writers at once, each with commands of its own in a session of its own, some of them killed in the middle: none fails,
//! nothing that was acknowledged is lost, nothing of one shows in another.

use std::collections::BTreeSet;

use dm_testkit::{Cut, Machine};

use crate::support::{ada, ask, texts};

const WRITERS: u64 = 20;
const SAVES: u64 = 12;
/// One save in so many is killed.
const KILLED_ONE_IN: u64 = 3;
/// A save makes about so many writes to the file; it is killed at one of them.
const STEPS: u64 = 24;

/// SplitMix64 (Steele, Lea, Flood 2014): dice that are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What a writer was told is saved, and what it was not told of, being killed.
#[derive(Default)]
struct Saved {
    acknowledged: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

fn session(writer: u64) -> String {
    format!("writer{writer}")
}

fn save_all(machine: &Machine, writer: u64) -> Saved {
    let mut dice = Dice(writer);
    let mut saved = Saved::default();
    for n in 0..SAVES {
        let name = format!("Ada.Writer{writer}.f{n}");
        let file = format!("writer{writer}.dark");
        machine.write(&file, format!("module Ada.Writer{writer}\n\nlet f{n} (x: Int64) : Int64 = x\n"));
        let args = ["add", &file, "--session", &session(writer), "--intent", "Write"];
        if dice.below(KILLED_ONE_IN) > 0 {
            machine.dm(&args).succeeds();
            saved.acknowledged.insert(name);
            continue;
        }
        let step = 1 + u32::try_from(dice.below(STEPS)).unwrap_or(0);
        match machine.dm_cut("pwrite64", step, Cut::Kill, &args) {
            Some(ran) if ran.stdout.is_empty() => saved.unknown.insert(name),
            _ => saved.acknowledged.insert(name),
        };
    }
    saved
}

/// The names that a session sees.
fn names_in(machine: &Machine, session: &str) -> BTreeSet<String> {
    let listing = ask(machine, &["ls", "--recursive", "--session", session]);
    texts(&listing["definitions"], "location").into_iter().collect()
}

#[test]
fn twenty_writers_some_of_them_killed() {
    let machine = ada();
    for writer in 0..WRITERS {
        machine.dm(&["session", "new", &session(writer)]).succeeds();
    }
    let at_once = |work: &(dyn Fn(u64) -> Saved + Sync)| -> Vec<Saved> {
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || work(writer))).collect();
            writers.into_iter().map(|writer| writer.join().expect("a writer's checks hold")).collect()
        })
    };
    let saved = at_once(&|writer| save_all(&machine, writer));
    let killed: usize = saved.iter().map(|saved| saved.unknown.len()).sum();
    assert!(killed > 20, "only {killed} were killed before they answered");
    let mut all = BTreeSet::new();
    for (writer, saved) in (0..).zip(&saved) {
        let seen = names_in(&machine, &session(writer));
        let lost: Vec<_> = saved.acknowledged.difference(&seen).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let strange: Vec<_> = seen.iter().filter(|name| !saved.acknowledged.contains(*name)).collect();
        assert!(strange.iter().all(|name| saved.unknown.contains(*name)), "not this writer's: {strange:?}");
        all.extend(seen);
    }
    at_once(&|writer| {
        machine.dm(&["patch", "apply", "--session", &session(writer)]).succeeds();
        Saved::default()
    });
    machine.dm(&["session", "new", "reader"]).succeeds();
    assert_eq!(names_in(&machine, "reader"), all);
    assert_eq!(ask(&machine, &["verify"])["findings"], serde_json::json!([]));
    assert_eq!(ask(&machine, &["rebuild", "--dry-run"])["differed"], serde_json::json!([]));
}
