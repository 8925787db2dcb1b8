//! Names that mean nothing yet, or several things (SEMANTICS R27).

use dm_engine::EngineError;

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop

let total (cents: Int64) : Int64 =
  postage (postage cents)
";

const POSTAGE: &str = "module Acme.Shop\n\nlet postage (cents: Int64) : Int64 = cents\n";

fn dependents(desk: &Desk, name: &str) -> Vec<String> {
    let entries = desk.engine.snapshot(&session("work")).unwrap().dependents(name, 1).unwrap();
    entries.definitions.into_iter().map(|node| node.entry.location).collect()
}

#[test]
fn a_name_that_comes_to_be_is_led_to() {
    let desk = Desk::with(CODE);
    desk.save("work", POSTAGE).unwrap();
    let deps = desk.engine.snapshot(&session("work")).unwrap().deps("total", 1).unwrap();
    assert_eq!(deps.definitions[0].entry.location, "Acme.Shop.postage");
    assert!(deps.edges[0].by_name, "{deps:?}");
    assert_eq!(deps.unresolved, ["postage"]);
    assert_eq!(dependents(&desk, "postage"), ["Acme.Shop.total"]);
    desk.apply("work").unwrap();
    assert_eq!(dependents(&desk, "postage"), ["Acme.Shop.total"], "in main too");
}

#[test]
fn a_move_settles_the_names_that_lead_to_it() {
    let desk = Desk::with(CODE);
    desk.save("work", POSTAGE).unwrap();
    desk.apply("work").unwrap();
    let written = desk.mv("work", "postage", "Acme.Post.fee").unwrap();
    assert_eq!(written.notes, ["`Acme.Shop.total` led there by name only; it refers to it now"]);
    assert!(desk.text("work", "total").contains("Post.fee (Post.fee cents)"), "{}", desk.text("work", "total"));
    assert_eq!(dependents(&desk, "fee"), ["Acme.Shop.total"]);
    desk.apply("work").unwrap();
    assert!(desk.text("other", "total").contains("Post.fee (Post.fee cents)"));
}

#[test]
fn a_deletion_lists_who_leads_there_by_name() {
    let desk = Desk::with(CODE);
    desk.save("work", POSTAGE).unwrap();
    desk.apply("work").unwrap();
    let written = desk.rm("work", "postage").unwrap();
    assert_eq!(written.notes, ["still used by Acme.Shop.total, by name only"]);
}

#[test]
fn the_next_save_takes_the_name() {
    let desk = Desk::with(CODE);
    desk.save("work", POSTAGE).unwrap();
    desk.save("work", &CODE.replace("let total", "/// In all.\nlet total")).unwrap();
    let deps = desk.engine.snapshot(&session("work")).unwrap().deps("total", 1).unwrap();
    assert_eq!((deps.definitions.len(), deps.edges[0].by_name, deps.unresolved.len()), (1, false, 0));
}

#[test]
fn an_ambiguous_name_is_refused_unless_the_text_had_it_before() {
    let desk = Desk::with("module Acme.A\n\nval one = 1L\n\nval two = 2L\n\nval sum = Builtin.int64Add one 0L\n");
    desk.mv("work", "Acme.A.two", "Acme.B.thing").unwrap();
    desk.mv("other", "Acme.A.one", "Acme.B.thing").unwrap();
    desk.apply("work").unwrap();
    assert_eq!(desk.kinds("other"), ["collision"]);
    match desk.save("other", "module Acme.C\n\nval three = Acme.B.thing\n") {
        Err(EngineError::Names(names)) => assert_eq!(names[0].suggestions.len(), 2, "{names:?}"),
        other => panic!("{other:?}"),
    }
    let opened = desk.open("other", "sum");
    desk.save_opened("other", &opened, "0L", "1L").unwrap();
    let deps = desk.engine.snapshot(&session("other")).unwrap().deps("sum", 1).unwrap();
    assert_eq!(deps.definitions.len(), 1, "what the text meant before, it means still");
}
