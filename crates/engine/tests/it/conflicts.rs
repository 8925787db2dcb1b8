//! Each kind of conflict that two sessions can make, and the ways out of it.

use dm_engine::{EngineError, Way, Written};

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop

let fee (cents: Int64) : Int64 = 390L

let total (cents: Int64) : Int64 = fee cents

let other (cents: Int64) : Int64 = cents
";

fn resolve(desk: &Desk, name: &str, conflict: &str, way: &Way) -> Result<Written, EngineError> {
    let mut tx = desk.engine.begin(&session(name), false)?;
    let written = tx.resolve(conflict, way, Some("Settle"))?;
    tx.commit()?;
    Ok(written)
}

fn deprecate(desk: &Desk, name: &str, definition: &str, reason: &str) {
    let mut tx = desk.engine.begin(&session(name), false).unwrap();
    tx.deprecate(definition, reason, None, Some("Deprecate")).unwrap();
    tx.commit().unwrap();
}

/// A settled conflict is gone in the session, stays gone in main, and is gone for the other session.
fn settled(desk: &Desk) {
    assert!(desk.conflicts("other").is_empty(), "{:?}", desk.kinds("other"));
    desk.apply("other").unwrap();
    for name in ["work", "other"] {
        assert!(desk.conflicts(name).is_empty(), "{name}: {:?}", desk.kinds(name));
    }
}

fn fee(body: &str) -> String {
    format!("module Acme.Shop\n\nlet fee (cents: Int64) : Int64 = {body}\n")
}

#[test]
fn edited_twice() {
    for (way, expected) in [(Way::Ours, "1L"), (Way::Theirs, "2L"), (Way::Text(fee("3L")), "3L")] {
        let desk = Desk::with(CODE);
        desk.save("work", &fee("2L")).unwrap();
        desk.save("other", &fee("1L")).unwrap();
        desk.apply("work").unwrap();
        assert_eq!(desk.kinds("other"), ["content"]);
        assert!(desk.conflicts("work").is_empty(), "main has none");
        resolve(&desk, "other", "fee", &way).unwrap();
        settled(&desk);
        assert!(desk.text("work", "fee").ends_with(expected), "{way:?}");
    }
}

#[test]
fn a_candidate_is_taken_by_number_or_op() {
    let desk = Desk::with(CODE);
    desk.save("work", &fee("2L")).unwrap();
    desk.save("other", &fee("1L")).unwrap();
    desk.apply("work").unwrap();
    let conflict = desk.conflicts("other").remove(0);
    let theirs = conflict.candidates.iter().find(|side| !side.ours).unwrap();
    assert!(matches!(
        resolve(&desk, "other", &conflict.id, &Way::Take("9".to_owned())),
        Err(EngineError::WayDoesNotFit { .. })
    ));
    resolve(&desk, "other", &conflict.short, &Way::Take(theirs.number.to_string())).unwrap();
    assert!(desk.text("other", "fee").ends_with("2L"));
    let desk = Desk::with(CODE);
    desk.save("work", &fee("2L")).unwrap();
    desk.save("other", &fee("1L")).unwrap();
    desk.apply("work").unwrap();
    let conflict = desk.conflicts("other").remove(0);
    let ours = conflict.candidates.iter().find(|side| side.ours).unwrap();
    resolve(&desk, "other", "Acme.Shop.fee", &Way::Take(ours.op.clone())).unwrap();
    settled(&desk);
    assert!(desk.text("work", "fee").ends_with("1L"));
}

#[test]
fn moved_twice() {
    for (way, expected) in [
        (Way::Ours, "Acme.Shop.price"),
        (Way::Theirs, "Acme.Shop.cost"),
        (Way::Rename("Acme.Post.postage".to_owned()), "Acme.Post.postage"),
    ] {
        let desk = Desk::with(CODE);
        desk.mv("work", "fee", "cost").unwrap();
        desk.mv("other", "fee", "price").unwrap();
        desk.apply("work").unwrap();
        assert_eq!(desk.kinds("other"), ["move"]);
        let conflict = desk.conflicts("other").remove(0);
        resolve(&desk, "other", &conflict.id, &way).unwrap();
        settled(&desk);
        assert!(desk.names("work").contains(&expected.to_owned()), "{:?}", desk.names("work"));
        assert_eq!(desk.names("work").len(), 3);
    }
}

#[test]
fn deleted_and_edited() {
    for (way, kept) in [(Way::Ours, true), (Way::Theirs, false)] {
        let desk = Desk::with(CODE);
        desk.rm("work", "other").unwrap();
        desk.save("other", "module Acme.Shop\n\nlet other (cents: Int64) : Int64 = 2L\n").unwrap();
        desk.apply("work").unwrap();
        assert_eq!(desk.kinds("other"), ["delete-edit"]);
        resolve(&desk, "other", "Acme.Shop.other", &way).unwrap();
        settled(&desk);
        assert_eq!(desk.names("work").contains(&"Acme.Shop.other".to_owned()), kept, "{way:?}");
    }
}

#[test]
fn deprecated_and_edited() {
    for (way, stays) in [(Way::Ours, None), (Way::Theirs, Some("old".to_owned()))] {
        let desk = Desk::with(CODE);
        deprecate(&desk, "work", "fee", "old");
        desk.save("other", &fee("2L")).unwrap();
        desk.apply("work").unwrap();
        assert_eq!(desk.kinds("other"), ["deprecation-edit"]);
        resolve(&desk, "other", "fee", &way).unwrap();
        settled(&desk);
        let shown = desk.engine.snapshot(&session("work")).unwrap().show("fee").unwrap();
        assert_eq!(shown.entry.deprecated, stays, "{way:?}");
        assert!(shown.text.ends_with("2L"), "the edit stays either way");
    }
}

#[test]
fn deprecated_twice() {
    let desk = Desk::with(CODE);
    deprecate(&desk, "work", "fee", "slow");
    deprecate(&desk, "other", "fee", "wrong");
    desk.apply("work").unwrap();
    assert_eq!(desk.kinds("other"), ["deprecation"]);
    resolve(&desk, "other", "fee", &Way::Ours).unwrap();
    settled(&desk);
    let shown = desk.engine.snapshot(&session("work")).unwrap().show("fee").unwrap();
    assert_eq!(shown.entry.deprecated.as_deref(), Some("wrong"));
}

#[test]
fn a_deleted_dependency_gets_a_name_again() {
    let desk = Desk::with(CODE);
    desk.rm("other", "fee").unwrap();
    assert_eq!(desk.kinds("other"), ["deleted-dependency"]);
    let conflict = desk.conflicts("other").remove(0);
    assert!(matches!(resolve(&desk, "other", &conflict.id, &Way::Ours), Err(EngineError::WayDoesNotFit { .. })));
    resolve(&desk, "other", &conflict.id, &Way::Rename("Acme.Shop.cost".to_owned())).unwrap();
    settled(&desk);
    assert!(desk.text("work", "total").ends_with("cost cents"));
}

/// In main and in session `other`, different definitions are named `Acme.Shop.same`; each has a user.
fn collision() -> Desk {
    let desk = Desk::with(CODE);
    desk.mv("work", "fee", "same").unwrap();
    desk.mv("other", "other", "same").unwrap();
    desk.apply("work").unwrap();
    assert_eq!(desk.kinds("other"), ["collision"]);
    desk
}

#[test]
fn two_definitions_at_one_name_one_moves() {
    let desk = collision();
    let conflict = desk.conflicts("other").remove(0);
    let taken = Way::Rename("Acme.Shop.total".to_owned());
    assert!(matches!(resolve(&desk, "other", &conflict.id, &taken), Err(EngineError::LocationTaken { .. })));
    resolve(&desk, "other", &conflict.id, &Way::Rename("Acme.Shop.mine".to_owned())).unwrap();
    settled(&desk);
    assert_eq!(desk.names("work"), ["Acme.Shop.mine", "Acme.Shop.same", "Acme.Shop.total"]);
    assert!(desk.text("work", "total").ends_with("same cents"), "what main had keeps the name");
}

#[test]
fn two_definitions_at_one_name_one_goes() {
    for (way, body) in [(Way::Ours, "= cents"), (Way::Theirs, "= 390L")] {
        let desk = collision();
        let conflict = desk.conflicts("other").remove(0);
        assert_eq!(conflict.candidates.iter().filter(|side| side.ours).count(), 1);
        resolve(&desk, "other", &conflict.id, &way).unwrap();
        settled(&desk);
        assert_eq!(desk.names("work"), ["Acme.Shop.same", "Acme.Shop.total"]);
        assert!(desk.text("work", "same").ends_with(body), "{way:?}: {}", desk.text("work", "same"));
        let deps = desk.engine.snapshot(&session("work")).unwrap().deps("total", 1).unwrap();
        assert_eq!(deps.definitions.len(), 1, "who used the one uses the other");
        assert_eq!(deps.definitions[0].entry.location, "Acme.Shop.same");
    }
}

#[test]
fn force_lets_the_incoming_patch_win_and_says_what_it_overrides() {
    let desk = Desk::with(CODE);
    desk.save("work", &fee("2L")).unwrap();
    desk.save("other", &fee("1L")).unwrap();
    desk.apply("work").unwrap();
    let mut tx = desk.engine.begin(&session("other"), false).unwrap();
    let report = tx.apply(None, true).unwrap();
    tx.commit().unwrap();
    assert_eq!((report.applied.len(), report.overridden.len()), (2, 1));
    assert!(desk.text("work", "fee").ends_with("1L"));
    assert!(desk.conflicts("work").is_empty());
    let log = desk.engine.snapshot(&session("work")).unwrap().log(9, Some("fee")).unwrap();
    assert_eq!(log.len(), 4, "nothing leaves the history");
    assert!(!log[0].forced.is_empty());
}

#[test]
fn a_conflict_has_one_id_for_everyone_and_words() {
    let desk = Desk::with(CODE);
    desk.save("work", &fee("2L")).unwrap();
    desk.save("other", &fee("1L")).unwrap();
    desk.apply("work").unwrap();
    let conflict = desk.conflicts("other").remove(0);
    assert_eq!(conflict.sentence, "`Acme.Shop.fee` was edited twice, differently");
    assert!(conflict.id.starts_with(&conflict.short) && conflict.short.len() >= 6);
    assert_eq!(conflict.ancestor.and_then(|side| side.text).as_deref(), Some("let fee (cents: Int64) : Int64 = 390L"));
    let status = desk.engine.snapshot(&session("other")).unwrap().status().unwrap();
    assert_eq!(status.conflicts.len(), 1);
    assert_eq!(status.conflicts[0].id, conflict.id);
}

fn force(desk: &Desk, name: &str) -> dm_engine::ApplyReport {
    let mut tx = desk.engine.begin(&session(name), false).unwrap();
    let report = tx.apply(None, true).unwrap();
    tx.commit().unwrap();
    report
}

#[test]
fn force_settles_a_deletion_beside_an_edit_either_way() {
    let edit = "module Acme.Shop\n\nlet other (cents: Int64) : Int64 = 2L\n";
    let desk = Desk::with(CODE);
    desk.save("work", edit).unwrap();
    desk.rm("other", "other").unwrap();
    desk.apply("work").unwrap();
    assert_eq!(force(&desk, "other").overridden.len(), 1);
    assert!(desk.conflicts("work").is_empty(), "{:?}", desk.kinds("work"));
    assert!(!desk.names("work").contains(&"Acme.Shop.other".to_owned()));
    let desk = Desk::with(CODE);
    desk.rm("work", "other").unwrap();
    desk.save("other", edit).unwrap();
    desk.apply("work").unwrap();
    assert_eq!(force(&desk, "other").overridden.len(), 1);
    assert!(desk.conflicts("work").is_empty(), "{:?}", desk.kinds("work"));
    assert!(desk.text("work", "other").ends_with("2L"));
}

#[test]
fn force_takes_what_no_write_settles_as_it_is() {
    let desk = Desk::with(CODE);
    desk.rm("other", "fee").unwrap();
    assert!(matches!(desk.apply("other"), Err(EngineError::Conflicts { .. })));
    let report = force(&desk, "other");
    assert_eq!((report.applied.len(), report.overridden.len()), (1, 1));
    assert_eq!(desk.kinds("work"), ["deleted-dependency"], "and stays listed");
    let log = desk.engine.snapshot(&session("work")).unwrap().log(1, None).unwrap();
    assert!(log[0].forced.contains("uses `Acme.Shop.fee`, which was deleted"), "{}", log[0].forced);
}

#[test]
fn a_resolution_by_hand_is_one_text() {
    let desk = Desk::with(CODE);
    desk.save("work", &fee("2L")).unwrap();
    desk.save("other", &fee("1L")).unwrap();
    desk.apply("work").unwrap();
    let draft = desk.engine.snapshot(&session("other")).unwrap().conflict_draft("fee").unwrap();
    assert!(draft.contains("= 1L") && draft.contains("= 2L"), "{draft}");
    let both = resolve(&desk, "other", "fee", &Way::Text(format!("{draft}// and more\n")));
    assert!(matches!(both, Err(EngineError::Text(_))), "two candidates left standing");
    let nothing = resolve(&desk, "other", "fee", &Way::Text("module Acme.Shop\n".to_owned()));
    assert!(matches!(nothing, Err(EngineError::NoSuchName { .. })));
    let first = draft.find("// candidate 2").unwrap();
    resolve(&desk, "other", "fee", &Way::Text(draft[..first].replace("cents:", "all:"))).unwrap();
    let text = desk.text("other", "fee");
    assert!(text.contains("(all: Int64)") && !text.contains("candidate"), "{text}");
    settled(&desk);
}
