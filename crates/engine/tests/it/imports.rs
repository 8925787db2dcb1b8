//! Import and export: a folder against what the store has, three ways (SEMANTICS R6).

use dm_engine::{EngineError, ExportRequest, ImportReport};

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop

/// What sending costs.
let fee (cents: Int64) : Int64 =
  390L

val limit = 4000L

/// Sending costs something
fee 0L = 390L
";

fn changes(report: &ImportReport) -> Vec<(&str, u64)> {
    report.changes.iter().map(|change| (change.change.as_str(), change.count)).collect()
}

fn export(desk: &Desk, folder: &str) {
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.export(&ExportRequest { folder: desk.path(folder), module: None, force: false }).unwrap();
    tx.commit().unwrap();
}

fn edit_file(desk: &Desk, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(desk.path(file)).unwrap();
    assert!(text.contains(from), "{text}");
    desk.write(file, &text.replace(from, to));
}

#[test]
fn patches_are_by_module_of_up_to_three_segments_or_one() {
    let code = "module A\n\nmodule B =\n  val one = 1L\n  module C =\n    val two = 2L\n    module D =\n      val three = 3L\n";
    for (single, expected) in [(false, vec!["Import: A.B", "Import: A.B.C"]), (true, vec!["Import"])] {
        let desk = Desk::new();
        desk.write("src/code.dark", code);
        let report = desk.import("work", "src", |request| request.single = single).unwrap();
        let intents: Vec<_> = report.patches.iter().map(|patch| patch.intent.as_str()).collect();
        assert_eq!(intents, expected);
        assert!(report.applied && report.patches.iter().all(|patch| patch.status == "applied"));
    }
}

#[test]
fn drafts_are_asked_for_or_made_where_main_holds_something() {
    let desk = Desk::new();
    desk.write("src/code.dark", CODE);
    let report = desk.import("work", "src", |request| request.draft = true).unwrap();
    assert!(!report.applied && report.patches[0].status == "draft");
    assert_eq!(desk.engine.snapshot(&session("work")).unwrap().status().unwrap().definitions, 0);
    desk.apply("work").unwrap();
    desk.write("src/more.dark", "module Acme.More\n\nval one = 1L\n");
    let report = desk.import("work", "src", |_| ()).unwrap();
    assert!(!report.applied);
    assert_eq!((report.unchanged, changes(&report)), (3, vec![("create", 1)]));
}

#[test]
fn the_same_tree_again_changes_nothing() {
    let desk = Desk::with(CODE);
    for _ in 0..2 {
        let report = desk.import("work", "src", |request| request.intent = None).unwrap();
        assert_eq!((report.unchanged, report.patches.len(), changes(&report)), (3, 0, vec![]));
    }
    desk.write("copy/elsewhere.dark", CODE);
    let report = desk.import("work", "copy", |request| request.intent = None).unwrap();
    assert_eq!((report.unchanged, changes(&report)), (3, vec![]), "from another folder too");
}

#[test]
fn what_changed_here_is_never_turned_back() {
    let desk = Desk::with(CODE);
    desk.save("work", "module Acme.Shop\n\nval limit = 5000L\n").unwrap();
    desk.mv("work", "fee", "postage").unwrap();
    desk.apply("work").unwrap();
    let report = desk.import("work", "src", |request| request.intent = None).unwrap();
    assert_eq!((report.kept, changes_of(&report.changes)), (vec!["Acme.Shop.limit".to_owned()], 0));
    assert_eq!(desk.text("work", "limit"), "val limit = 5000L");
    assert!(desk.names("work").contains(&"Acme.Shop.postage".to_owned()));
}

fn changes_of(changes: &[dm_engine::ChangeCount]) -> u64 {
    changes.iter().map(|change| change.count).sum()
}

#[test]
fn changes_of_both_sides_are_a_conflict() {
    let desk = Desk::with(CODE);
    desk.save("work", "module Acme.Shop\n\nval limit = 5000L\n").unwrap();
    desk.apply("work").unwrap();
    edit_file(&desk, "src/begin.dark", "4000L", "6000L");
    let report = desk.import("work", "src", |_| ()).unwrap();
    assert_eq!(changes(&report), [("edit", 1)]);
    assert_eq!(desk.kinds("work"), ["content"]);
    assert_eq!(desk.text("other", "limit"), "val limit = 5000L");
}

#[test]
fn the_own_draft_is_not_turned_back_either() {
    let desk = Desk::with(CODE);
    edit_file(&desk, "src/begin.dark", "4000L", "5000L");
    desk.import("work", "src", |_| ()).unwrap();
    desk.save("work", "module Acme.Shop\n\nval limit = 5500L\n").unwrap();
    edit_file(&desk, "src/begin.dark", "5000L", "6000L");
    match desk.import("work", "src", |_| ()) {
        Err(EngineError::WouldTurnBack(locations)) => assert_eq!(locations, ["Acme.Shop.limit"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(desk.text("work", "limit"), "val limit = 5500L");
    desk.import("work", "src", |request| (request.overwrite, request.intent) = (true, None)).unwrap();
    assert_eq!(desk.text("work", "limit"), "val limit = 6000L");
}

#[test]
fn moves_are_found_and_what_is_gone_is_deleted_only_when_asked() {
    let desk = Desk::with(CODE);
    let entity = |name: &str| desk.engine.snapshot(&session("work")).unwrap().show(name).unwrap().entry.entity;
    let before = entity("fee");
    let (fee, rest) = CODE.split_once("val limit").unwrap();
    desk.write("src/begin.dark", &fee.replace("Acme.Shop", "Acme.Post"));
    let report = desk.import("work", "src", |_| ()).unwrap();
    assert_eq!(changes(&report), [("move", 1)]);
    assert_eq!(report.gone, ["Acme.Shop.limit", "Acme.Shop.sending_costs_something"]);
    assert_eq!(entity("Acme.Post.fee"), before);
    assert!(desk.names("work").contains(&"Acme.Shop.limit".to_owned()));
    let report = desk.import("work", "src", |request| request.prune = true).unwrap();
    assert_eq!(changes(&report), [("delete", 2)]);
    assert_eq!(desk.names("work"), ["Acme.Post.fee"]);
    assert!(!rest.is_empty());
}

#[test]
fn a_rename_in_the_folder_is_a_move_and_nothing_else() {
    let desk = Desk::with(CODE);
    edit_file(&desk, "src/begin.dark", "let fee", "let postage");
    edit_file(&desk, "src/begin.dark", "fee 0L", "postage 0L");
    let report = desk.import("work", "src", |_| ()).unwrap();
    assert_eq!((changes(&report), report.kept.len(), report.gone.len()), (vec![("move", 1)], 0, 0));
    desk.apply("work").unwrap();
    let report = desk.import("work", "src", |request| request.intent = None).unwrap();
    assert_eq!((report.unchanged, changes(&report), report.kept.len()), (3, vec![], 0));
}

#[test]
fn what_moved_here_is_edited_where_it_is_now() {
    let desk = Desk::with(CODE);
    desk.mv("work", "fee", "Acme.Post.postage").unwrap();
    desk.apply("work").unwrap();
    edit_file(&desk, "src/begin.dark", "  390L", "  290L");
    let report = desk.import("work", "src", |_| ()).unwrap();
    assert_eq!((changes(&report), report.kept.len(), report.gone.len()), (vec![("edit", 1)], 0, 0));
    assert_eq!(desk.names("work"), ["Acme.Post.postage", "Acme.Shop.limit", "Acme.Shop.sending_costs_something"]);
    assert!(desk.text("work", "postage").ends_with("let postage (cents: Int64) : Int64 =\n  290L"));
    desk.apply("work").unwrap();
    let report = desk.import("work", "src", |request| request.intent = None).unwrap();
    assert_eq!((report.unchanged + report.kept.len() as u64, changes(&report)), (3, vec![]));
}

#[test]
fn a_test_is_found_again_by_text_name_and_order() {
    let desk = Desk::with(CODE);
    edit_file(&desk, "src/begin.dark", "fee 0L = 390L", "fee 1L = 390L");
    let report = desk.import("work", "src", |_| ()).unwrap();
    assert_eq!(changes(&report), [("edit", 1)]);
    edit_file(&desk, "src/begin.dark", "/// Sending costs something\n", "");
    let report = desk.import("work", "src", |_| ()).unwrap();
    assert_eq!(changes(&report), [("edit", 1)], "its comment is part of it");
    assert!(desk.names("work").contains(&"Acme.Shop.sending_costs_something".to_owned()));
}

#[test]
fn an_export_is_its_own_base_wherever_it_goes() {
    let desk = Desk::with(CODE);
    export(&desk, "out");
    std::fs::rename(desk.path("out"), desk.path("moved")).unwrap();
    edit_file(&desk, "moved/acme/shop.dark", "4000L", "5000L");
    let report = desk.import("work", "moved", |_| ()).unwrap();
    assert_eq!((changes(&report), report.gone.len()), (vec![("edit", 1)], 0));
    desk.apply("work").unwrap();
    assert!(desk.conflicts("work").is_empty());
}

#[test]
fn an_export_that_fell_behind_is_in_conflict_with_what_came() {
    let desk = Desk::with(CODE);
    export(&desk, "out");
    std::fs::rename(desk.path("out"), desk.path("moved")).unwrap();
    desk.save("work", "module Acme.Shop\n\nval limit = 5000L\n").unwrap();
    desk.apply("work").unwrap();
    let report = desk.import("work", "moved", |request| request.intent = None).unwrap();
    assert_eq!(report.kept, ["Acme.Shop.limit"], "the folder did not change it");
    edit_file(&desk, "moved/acme/shop.dark", "4000L", "6000L");
    desk.import("work", "moved", |_| ()).unwrap();
    assert_eq!(desk.kinds("work"), ["content"]);
}

#[test]
fn a_store_and_its_folder_can_be_moved_together() {
    let desk = Desk::with(CODE);
    desk.write("store/src/shop.dark", CODE);
    desk.import("work", "store/src", |request| request.intent = None).unwrap();
    let desk = desk.moved();
    edit_file(&desk, "store/src/shop.dark", "4000L", "5000L");
    let report = desk.import("work", "store/src", |_| ()).unwrap();
    assert_eq!(changes(&report), [("edit", 1)]);
}

#[test]
fn without_a_base_nothing_is_guessed() {
    let desk = Desk::with(CODE);
    desk.write("foreign/shop.dark", &CODE.replace("4000L", "6000L"));
    match desk.import("work", "foreign", |_| ()) {
        Err(EngineError::WouldTurnBack(locations)) => assert_eq!(locations, ["Acme.Shop.limit"]),
        other => panic!("{other:?}"),
    }
    let report = desk.import("work", "foreign", |request| request.overwrite = true).unwrap();
    assert_eq!(changes(&report), [("edit", 1)]);
    assert!(desk.conflicts("work").is_empty());
}

#[test]
fn a_damaged_base_file_is_said() {
    let desk = Desk::with(CODE);
    export(&desk, "out");
    desk.write("out/.dm-base", "something else\n");
    assert!(matches!(desk.import("work", "out", |_| ()), Err(EngineError::BadBase { .. })));
}

#[test]
fn an_export_gives_back_the_exact_text() {
    let desk = Desk::with(CODE);
    export(&desk, "out");
    let there = |file: &str| std::fs::read_to_string(desk.path(file)).unwrap();
    let (code, test) = CODE.split_once("\n/// Sending").unwrap();
    assert_eq!(there("out/acme/shop.dark"), code);
    assert_eq!(there("out/acme/shop.tests.dark"), format!("module Acme.Shop\n\n/// Sending{test}"));
    desk.mv("work", "fee", "Acme.Post.postage").unwrap();
    export(&desk, "moved");
    assert!(there("moved/acme/shop.tests.dark").ends_with("Post.postage 0L = 390L\n"), "as it reads now");
    assert!(there("moved/acme/post.dark").contains("let postage (cents"));
}

#[test]
fn a_file_with_windows_line_ends_is_the_same_code() {
    let desk = Desk::with(CODE);
    desk.write("src/begin.dark", &CODE.replace('\n', "\r\n"));
    let report = desk.import("work", "src", |request| request.intent = None).unwrap();
    assert_eq!((report.unchanged, changes(&report)), (3, vec![]));
}

#[test]
fn a_file_that_is_skipped_is_not_gone() {
    let desk = Desk::with(CODE);
    desk.write("src/old_code.dark", "module Acme.Old_Code\n\nval old = 1L\n");
    let sources = dm_engine::read_sources(&desk.path("src"), true).unwrap();
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    let request = dm_engine::ImportRequest {
        sources: &sources,
        intent: Some("All".to_owned()),
        single: false,
        draft: false,
        prune: false,
        overwrite: false,
    };
    tx.import(&request).unwrap();
    tx.commit().unwrap();
    let report = desk.import("work", "src", |request| request.prune = true).unwrap();
    assert_eq!((report.skipped.len(), report.gone.len(), changes(&report)), (1, 0, vec![]));
    export(&desk, "out");
    let report = desk.import("work", "out", |request| request.prune = true).unwrap();
    assert_eq!((report.skipped.len(), report.unchanged, changes(&report)), (0, 4, vec![]), "an export is taken whole");
}

#[test]
fn a_name_made_anew_is_what_an_unchanged_text_means() {
    let desk = Desk::with(CODE);
    desk.write("src/user.dark", "module Acme.User\n\nlet all (cents: Int64) : Int64 =\n  Acme.Shop.fee cents\n");
    desk.import("work", "src", |request| request.draft = false).unwrap();
    desk.apply("work").unwrap();
    desk.rm("work", "Acme.Shop.fee").unwrap();
    assert_eq!(desk.kinds("work"), ["deleted-dependency", "deleted-dependency"]);
    let again = "module Acme.Shop\n\nlet fee (cents: Int64) : Int64 =\n  500L\n";
    desk.save("work", again).unwrap();
    assert_eq!(desk.kinds("work"), ["deleted-dependency", "deleted-dependency"], "nothing is bound anew unasked");
    // Saved as it reads, it means what it says.
    let saved = desk.save("work", &format!("module Acme.User\n\n{}", desk.text("work", "Acme.User.all"))).unwrap();
    assert_eq!(saved.changes.len(), 1, "{saved:?}");
    assert_eq!(desk.kinds("work"), ["deleted-dependency"]);
    let again = desk.save("work", &format!("module Acme.User\n\n{}", desk.text("work", "Acme.User.all"))).unwrap();
    assert_eq!((again.changes.len(), again.unchanged.len()), (0, 1));
    // And so does a folder whose texts are those that are here; its test is the other user.
    desk.write("src/begin.dark", &CODE.replace("390L", "500L").replace("/// What sending costs.\n", ""));
    desk.import("work", "src", |_| ()).unwrap();
    assert_eq!(desk.kinds("work"), Vec::<String>::new());
}
