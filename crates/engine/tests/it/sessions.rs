//! Sessions do not touch each other (SEMANTICS I12), and a write must be clear about which it means.

use dm_engine::{EngineError, SessionChoice};

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop\n\nval one = 1L\n\nval two = 2L\n";

#[test]
fn drafts_of_one_are_not_there_for_others() {
    let desk = Desk::with(CODE);
    let before = (desk.names("other"), desk.text("other", "one"), desk.conflicts("other").len());
    desk.save("work", "module Acme.Shop\n\nval one = 10L\n\nval three = 3L\n").unwrap();
    desk.mv("work", "two", "zwei").unwrap();
    assert_eq!((desk.names("other"), desk.text("other", "one"), desk.conflicts("other").len()), before);
    let others = desk.engine.snapshot(&session("other")).unwrap();
    assert!(others.patches(false).unwrap().is_empty());
    assert!(others.diff(None, None).unwrap().is_empty());
    drop(others);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.ready(None).unwrap();
    tx.commit().unwrap();
    assert_eq!((desk.names("other"), desk.text("other", "one"), desk.conflicts("other").len()), before);
    desk.apply("work").unwrap();
    assert_eq!(desk.names("other"), ["Acme.Shop.one", "Acme.Shop.three", "Acme.Shop.zwei"], "main is everyone's");
}

#[test]
fn a_write_says_which_of_several_sessions_it_means() {
    let desk = Desk::with(CODE);
    assert!(matches!(
        desk.engine.begin(&SessionChoice::CurrentIfSure, false).map(drop),
        Err(EngineError::AmbiguousSession(names)) if names.len() == 2
    ));
    desk.engine.snapshot(&SessionChoice::CurrentIfSure).map(drop).unwrap();
    desk.engine.begin(&SessionChoice::Current, false).map(drop).unwrap();
    assert!(matches!(
        desk.engine.begin(&session("nobody"), false).map(drop),
        Err(EngineError::NoSuchSession(name)) if name == "nobody"
    ));
}

#[test]
fn a_dropped_transaction_never_was() {
    let desk = Desk::with(CODE);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.new_patch("Never").unwrap();
    drop(tx);
    let mut tx = desk.engine.begin(&session("work"), true).unwrap();
    tx.new_patch("Never either").unwrap();
    tx.commit().unwrap();
    assert!(desk.engine.snapshot(&session("work")).unwrap().patches(false).unwrap().is_empty());
}

#[test]
fn a_patch_takes_along_what_it_stands_on() {
    let desk = Desk::with(CODE);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.new_patch("Lower").unwrap();
    tx.commit().unwrap();
    desk.save("work", "module Acme.Shop\n\nval three = 3L\n").unwrap();
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.new_patch("Upper").unwrap();
    tx.commit().unwrap();
    desk.save("work", "module Acme.Shop\n\nval six = Builtin.int64Add three three\n").unwrap();
    let report = desk.apply("work").unwrap();
    let intents: Vec<_> = report.applied.iter().map(|patch| patch.intent.as_str()).collect();
    assert_eq!(intents, ["Lower", "Upper"]);
    let log = desk.engine.snapshot(&session("work")).unwrap().log(9, None).unwrap();
    let intents: Vec<_> = log.iter().map(|entry| entry.patch.intent.as_str()).collect();
    assert_eq!(intents, ["Upper", "Lower", "Import: Acme.Shop"], "newest first, what stands on others above them");
}

#[test]
fn a_changed_lower_draft_is_a_conflict_in_the_upper_one() {
    let desk = Desk::with(CODE);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    let lower = tx.new_patch("Lower").unwrap();
    tx.commit().unwrap();
    desk.save("work", "module Acme.Shop\n\nval one = 10L\n").unwrap();
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.new_patch("Upper").unwrap();
    tx.commit().unwrap();
    desk.save("work", "module Acme.Shop\n\nval one = 11L\n").unwrap();
    assert!(desk.conflicts("work").is_empty());
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.focus(&lower.id).unwrap();
    tx.commit().unwrap();
    assert!(desk.open("work", "one").text.contains("10L"), "the view up to the focused patch is edited");
    desk.save("work", "module Acme.Shop\n\nval one = 12L\n").unwrap();
    assert_eq!(desk.kinds("work"), ["content"]);
}
