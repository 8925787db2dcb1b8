//! A patch as an impact tree and a timeline; who wrote which line.

use dm_engine::{Blame, Impact, PatchImpact};

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop

let rate (cents: Int64) : Int64 =
  Builtin.int64Divide cents 10L

let fee (cents: Int64) : Int64 = rate cents

let total (cents: Int64) : Int64 = Builtin.int64Add cents (fee cents)

let label (text: String) : String = text
";

fn impact(desk: &Desk) -> PatchImpact {
    desk.engine.snapshot(&session("work")).unwrap().patch_impact(None).unwrap()
}

fn effects(impact: &PatchImpact) -> Vec<(&str, &str, u64)> {
    let of = impact.definitions.iter();
    of.map(|node| (node.location.rsplit('.').next().unwrap(), node.effect.as_str(), node.distance)).collect()
}

fn blame(desk: &Desk, name: &str) -> Vec<(u64, usize, String)> {
    let Blame { parts, patches, .. } = desk.engine.snapshot(&session("work")).unwrap().blame(name).unwrap();
    let intent =
        |id: &Option<String>| patches.iter().find(|patch| Some(&patch.id) == id.as_ref()).unwrap().intent.clone();
    parts.iter().map(|part| (part.first, part.lines.len(), intent(&part.patch))).collect()
}

fn edit(desk: &Desk, name: &str, from: &str, to: &str, intent: &str) {
    let opened = desk.open("work", name);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.new_patch(intent).unwrap();
    tx.commit().unwrap();
    desk.save_opened("work", &opened, from, to).unwrap();
}

#[test]
fn a_body_reaches_who_uses_it_and_breaks_nobody() {
    let desk = Desk::with(CODE);
    edit(&desk, "rate", "10L", "20L", "Cheaper");
    let impact = impact(&desk);
    assert_eq!(effects(&impact), [("rate", "changed", 0), ("fee", "reached", 1), ("total", "reached", 2)]);
    assert_eq!(impact.impact, Impact::Local);
    assert_eq!(impact.definitions[2].through.as_ref(), Some(&impact.definitions[1].entity));
}

#[test]
fn an_interface_breaks_who_no_longer_fits() {
    let desk = Desk::with(CODE);
    edit(
        &desk,
        "rate",
        "(cents: Int64) : Int64 =\n  Builtin.int64Divide cents 10L",
        "(cents: String) : String =\n  cents",
        "Text",
    );
    let impact = impact(&desk);
    assert_eq!(effects(&impact), [("rate", "changed", 0), ("fee", "breaks", 1), ("total", "reached", 2)]);
    assert_eq!(impact.impact, Impact::Breaking);
    assert!(!impact.problems.is_empty());
}

#[test]
fn a_move_reaches_nobody() {
    let desk = Desk::with(CODE);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.mv("rate", "quote", Some("Rename")).unwrap();
    tx.commit().unwrap();
    assert_eq!(effects(&impact(&desk)), [("quote", "changed", 0)]);
}

#[test]
fn who_stays_by_a_pin_is_not_reached() {
    let desk = Desk::with(CODE);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.pin("fee", "rate", None, Some("Stay")).unwrap();
    tx.commit().unwrap();
    desk.apply("work").unwrap();
    edit(&desk, "rate", "10L", "20L", "Cheaper");
    assert_eq!(effects(&impact(&desk)), [("rate", "changed", 0)]);
}

#[test]
fn a_timeline_tells_what_happened_in_order() {
    let desk = Desk::with(CODE);
    edit(&desk, "rate", "10L", "20L", "Cheaper");
    let act = |what: &str| {
        let mut tx = desk.engine.begin(&session("work"), false).unwrap();
        let patch = match what {
            "ready" => tx.ready(None).unwrap(),
            "draft" => tx.draft(None).unwrap(),
            _ => tx.apply(None, false).unwrap().applied.remove(0),
        };
        tx.commit().unwrap();
        patch.id
    };
    act("ready");
    act("draft");
    let id = act("apply");
    let timeline = desk.engine.snapshot(&session("work")).unwrap().patch_timeline(Some(&id)).unwrap();
    let happened: Vec<&str> = timeline.events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(happened, ["begun", "ready", "withdrawn", "ready", "applied"]);
    assert_eq!(timeline.events[4].by, "main here");
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.undo(None).unwrap();
    tx.commit().unwrap();
    let timeline = desk.engine.snapshot(&session("work")).unwrap().patch_timeline(Some(&id)).unwrap();
    assert!(timeline.events.iter().any(|event| event.what == "unapplied"), "{timeline:?}");
}

#[test]
fn lines_are_told_by_who_wrote_them_through_moves_and_merges() {
    let desk = Desk::with(CODE);
    edit(&desk, "rate", "let rate", "/// A tenth.\nlet rate", "Say what");
    desk.apply("work").unwrap();
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.mv("rate", "Acme.Post.quote", Some("Move")).unwrap();
    tx.commit().unwrap();
    desk.apply("work").unwrap();
    edit(&desk, "quote", "10L", "20L", "Cheaper");
    assert_eq!(
        blame(&desk, "quote"),
        [(1, 1, "Say what".to_owned()), (2, 1, "Import: Acme.Shop".to_owned()), (3, 1, "Cheaper".to_owned())]
    );
    // The last line is still the import's when another one is written after it.
    edit(&desk, "label", "= text", "= text\n  |> Builtin.stringTrim", "Trim");
    let lines = blame(&desk, "label");
    assert_eq!(lines.last().map(|(first, count, intent)| (*first, *count, intent.as_str())), Some((2, 1, "Trim")));
    // What comes back is its first writer's no longer: someone wrote it anew.
    edit(&desk, "quote", "20L", "10L", "Dearer");
    assert_eq!(blame(&desk, "quote")[2].2, "Dearer");
}
