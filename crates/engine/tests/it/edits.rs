//! Saving what was opened: never over what came meanwhile (SEMANTICS R6).

use dm_engine::EngineError;

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop

/// What sending costs.
let fee (cents: Int64) : Int64 =
  390L

let total (cents: Int64) : Int64 =
  Builtin.int64Add cents (fee cents)
";

fn fee(cost: &str) -> String {
    format!("module Acme.Shop\n\n/// What sending costs.\nlet fee (cents: Int64) : Int64 =\n  {cost}\n")
}

#[test]
fn main_that_moved_meanwhile_is_a_conflict_and_not_written_over() {
    let desk = Desk::with(CODE);
    let opened = desk.open("work", "fee");
    desk.save("other", &fee("290L")).unwrap();
    desk.apply("other").unwrap();
    desk.save_opened("work", &opened, "390L", "0L").unwrap();
    assert_eq!(desk.kinds("work"), ["content"]);
    assert!(desk.text("work", "fee").contains("0L"), "the session shows its own");
    assert!(desk.text("other", "fee").contains("290L"), "main keeps what it has");
    assert!(matches!(desk.apply("work"), Err(EngineError::Conflicts { .. })));
    let texts: Vec<_> = desk.conflicts("work").remove(0).candidates.into_iter().filter_map(|side| side.text).collect();
    assert!(
        texts.iter().any(|text| text.contains("290L")) && texts.iter().any(|text| text.contains("  0L")),
        "{texts:?}"
    );
}

#[test]
fn the_own_draft_that_changed_meanwhile_is_not_written_over() {
    let desk = Desk::with(CODE);
    desk.save("work", &fee("290L")).unwrap();
    let opened = desk.open("work", "fee");
    desk.save("work", &fee("190L")).unwrap();
    assert!(matches!(desk.save_opened("work", &opened, "290L", "0L"), Err(EngineError::Stale { .. })));
    assert!(desk.text("work", "fee").contains("190L"));
    let opened = desk.open("work", "fee");
    desk.save_opened("work", &opened, "190L", "0L").unwrap();
    assert!(desk.text("work", "fee").contains("0L"));
}

#[test]
fn what_moved_meanwhile_is_edited_where_it_is_now() {
    let desk = Desk::with(CODE);
    let opened = desk.open("work", "fee");
    desk.mv("other", "fee", "Acme.Post.postage").unwrap();
    desk.apply("other").unwrap();
    desk.save_opened("work", &opened, "390L", "290L").unwrap();
    assert_eq!(desk.names("work"), ["Acme.Post.postage", "Acme.Shop.total"]);
    assert_eq!(desk.text("work", "postage"), "/// What sending costs.\nlet postage (cents: Int64) : Int64 =\n  290L");
    assert!(desk.conflicts("work").is_empty());
    desk.apply("work").unwrap();
}

#[test]
fn what_was_deleted_meanwhile_is_in_conflict_with_that() {
    let desk = Desk::with(CODE);
    let opened = desk.open("work", "total");
    desk.rm("other", "total").unwrap();
    desk.apply("other").unwrap();
    desk.save_opened("work", &opened, "let total", "/// In all.\nlet total").unwrap();
    assert_eq!(desk.kinds("work"), ["delete-edit"]);
    assert!(desk.text("work", "total").contains("In all"), "kept until somebody decides");
}

#[test]
fn the_same_edit_made_elsewhere_writes_nothing() {
    let desk = Desk::with(CODE);
    let opened = desk.open("work", "fee");
    desk.save("other", &fee("290L")).unwrap();
    desk.apply("other").unwrap();
    let written = desk.save_opened("work", &opened, "390L", "290L").unwrap();
    assert_eq!(written.unchanged, ["Acme.Shop.fee"]);
    assert!(written.patch.is_none() && !written.new_patch);
    assert!(desk.conflicts("work").is_empty());
}

#[test]
fn text_that_is_as_it_was_begins_no_patch() {
    let desk = Desk::with(CODE);
    let written = desk.save("work", CODE).unwrap();
    assert!(written.patch.is_none() && written.changes.is_empty());
    assert!(desk.engine.snapshot(&session("work")).unwrap().patches(false).unwrap().is_empty());
}

#[test]
fn an_edit_keeps_the_spelling_that_was_stored() {
    let desk = Desk::with(CODE);
    desk.mv("work", "fee", "Acme.Post.postage").unwrap();
    desk.apply("work").unwrap();
    let opened = desk.open("work", "total");
    assert!(opened.text.contains("(Post.postage cents)"), "{}", opened.text);
    desk.save_opened("work", &opened, "let total", "/// In all.\nlet total").unwrap();
    assert!(desk.text("work", "total").contains("(Post.postage cents)"));
    desk.mv("work", "postage", "Acme.Shop.fee").unwrap();
    assert!(desk.text("work", "total").contains("(fee cents)"), "no spelling was put in between");
}

#[test]
fn an_ordinary_save_on_a_contested_definition_settles_nothing() {
    let desk = Desk::with(CODE);
    desk.save("work", &fee("290L")).unwrap();
    desk.save("other", &fee("190L")).unwrap();
    desk.apply("other").unwrap();
    desk.save("work", &fee("90L")).unwrap();
    assert_eq!(desk.kinds("work"), ["content"], "it replaces only the side that was shown");
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.resolve("fee", &dm_engine::Way::Ours, None).unwrap();
    tx.commit().unwrap();
    assert!(desk.conflicts("work").is_empty());
    assert!(desk.text("work", "fee").contains("90L"));
    desk.save("work", &fee("80L")).unwrap();
    assert!(desk.conflicts("work").is_empty(), "a save after the resolution in its draft stays one");
    desk.apply("work").unwrap();
    assert!(desk.text("other", "fee").contains("80L"));
}

#[test]
fn created_edited_deprecated_and_deleted_in_one_draft_is_no_conflict() {
    let desk = Desk::with(CODE);
    desk.save("work", "module Acme.New\n\nval one = 1L\n").unwrap();
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.deprecate("Acme.New.one", "old", Some("fee"), None).unwrap();
    tx.deprecate("fee", "old", None, None).unwrap();
    tx.commit().unwrap();
    desk.save("work", "module Acme.New\n\nval one = 2L\n").unwrap();
    desk.save("work", &fee("290L")).unwrap();
    assert!(desk.conflicts("work").is_empty());
    let shown = desk.engine.snapshot(&session("work")).unwrap().show("Acme.New.one").unwrap();
    assert_eq!(shown.entry.replacement.as_deref(), Some("Acme.Shop.fee"));
    desk.rm("work", "fee").unwrap();
    desk.rm("work", "Acme.New.one").unwrap();
    assert_eq!(desk.kinds("work"), ["deleted-dependency"], "total still uses fee");
    assert_eq!(desk.names("work"), ["Acme.Shop.total"]);
}

#[test]
fn a_test_is_named_at_birth_and_keeps_its_name() {
    let desk = Desk::with(CODE);
    desk.save("work", "module Acme.Shop\n\n/// Shipping is 390 cents!\nfee 0L = 390L\n").unwrap();
    assert!(desk.names("work").contains(&"Acme.Shop.shipping_is_390_cents_".to_owned()), "{:?}", desk.names("work"));
    desk.save("work", "module Acme.Shop\n\n/// Shipping is 390 cents!\nfee 1L = 390L\n").unwrap();
    assert_eq!(desk.names("work").len(), 3, "an edit, and no second test");
    let opened = desk.open("work", "shipping_is_390_cents_");
    desk.save_opened("work", &opened, "/// Shipping is 390 cents!", "/// Something else").unwrap();
    assert!(desk.names("work").contains(&"Acme.Shop.shipping_is_390_cents_".to_owned()), "{:?}", desk.names("work"));
}

#[test]
fn a_patch_taken_back_to_draft_is_what_it_was() {
    let desk = Desk::with(CODE);
    desk.save("work", &fee("290L")).unwrap();
    let before = desk.text("work", "fee");
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    let ready = tx.ready(None).unwrap();
    tx.commit().unwrap();
    assert_eq!((ready.status.as_str(), desk.text("work", "fee")), ("ready", before.clone()));
    assert!(matches!(desk.rm("work", "total").map(|written| written.new_patch), Ok(true)), "an intent begins another");
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    let draft = tx.draft(Some(&ready.id)).unwrap();
    tx.commit().unwrap();
    assert_eq!((draft.status.as_str(), draft.id, desk.text("work", "fee")), ("draft", ready.id, before));
}

/// Saves text that was made from what a token says.
fn save_from(desk: &Desk, token: &[String], text: &str) -> Result<dm_engine::Written, EngineError> {
    let mut tx = desk.engine.begin(&session("work"), false)?;
    let base = tx.base_of(token)?;
    let text = dm_engine::SourceText { file: "-".to_owned(), text: text.to_owned() };
    let intent = Some("From a token".to_owned());
    let request = dm_engine::SaveRequest { text, module: None, intent, binds: Vec::new(), base };
    let written = tx.save(&request)?;
    tx.commit()?;
    Ok(written)
}

#[test]
fn a_text_says_by_a_token_what_it_was_made_from() {
    let token = |desk: &Desk| desk.engine.snapshot(&session("work")).unwrap().show("fee").unwrap().base;
    let desk = Desk::with(CODE);
    let before = token(&desk);
    desk.save("other", &fee("290L")).unwrap();
    desk.apply("other").unwrap();
    save_from(&desk, &before, &fee("0L")).unwrap();
    assert_eq!(desk.kinds("work"), ["content"], "main moved meanwhile");

    let desk = Desk::with(CODE);
    desk.save("work", &fee("290L")).unwrap();
    let before = token(&desk);
    desk.save("work", &fee("190L")).unwrap();
    assert!(matches!(save_from(&desk, &before, &fee("0L")), Err(EngineError::NoSuchBase(_))), "the own draft moved");
    assert!(matches!(save_from(&desk, &["xy".to_owned()], &fee("0L")), Err(EngineError::Id(_))));
    assert!(desk.text("work", "fee").contains("190L"));

    let desk = Desk::with(CODE);
    let before = token(&desk);
    desk.mv("work", "fee", "Acme.Post.postage").unwrap();
    save_from(&desk, &before, &fee("0L")).unwrap();
    assert_eq!(desk.names("work"), ["Acme.Post.postage", "Acme.Shop.total"]);
    assert!(desk.text("work", "postage").contains("0L"));

    let desk = Desk::with(CODE);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.deprecate("fee", "old", None, Some("Deprecate")).unwrap();
    tx.commit().unwrap();
    desk.apply("work").unwrap();
    let before = token(&desk);
    save_from(&desk, &before, &fee("0L")).unwrap();
    assert!(desk.conflicts("work").is_empty(), "who edits what is deprecated knows it");
}

#[test]
fn a_module_that_is_given_moves_no_position() {
    let desk = Desk::with(CODE);
    let save = |text: &str, module: &str| -> Result<dm_engine::Written, EngineError> {
        let mut tx = desk.engine.begin(&session("work"), false)?;
        let text = dm_engine::SourceText { file: "-".to_owned(), text: text.to_owned() };
        let module = Some(module.to_owned());
        let request =
            dm_engine::SaveRequest { text, module, intent: Some("x".to_owned()), binds: Vec::new(), base: None };
        let written = tx.save(&request)?;
        tx.commit()?;
        Ok(written)
    };
    let written = save("val one = missing\n", "Acme.New").unwrap();
    assert_eq!((written.warnings[0].row, written.warnings[0].column), (1, 11));
    let Err(EngineError::Text(problems)) = save("val two = 2L\n\nval two = 3L\n", "Acme.New") else { panic!("taken") };
    let place = problems[0].diagnostics[0].range;
    assert_eq!(&problems[0].text[place.start as usize..place.end as usize], "two");
    assert_eq!(place.start, 18, "in the text as it was given");
    let Err(EngineError::Text(problems)) = save("val three = \n", "Acme.New") else { panic!("taken") };
    assert_eq!(problems[0].text, "val three = \n");
    assert!(matches!(save("val four = 4L\n", "No Module"), Err(EngineError::Location(_))));
    let written = save("module Acme.Own\n\nval five = 5L\n", "Acme.New").unwrap();
    assert_eq!(written.changes[0].location, "Acme.Own.five", "a text that names its module stands there");
}

#[test]
fn names_and_reasons_must_fit() {
    let desk = Desk::with(CODE);
    assert!(matches!(desk.mv("work", "fee", "Fee"), Err(EngineError::NameUnfit { .. })));
    assert!(matches!(desk.rm("work", "Acme.Shop"), Err(EngineError::IsModule(_))));
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    let intent = Some("x");
    assert!(matches!(tx.deprecate("fee", " ", None, intent), Err(EngineError::BadDeprecation(_))));
    assert!(matches!(tx.deprecate("fee", "old", Some("fee"), intent), Err(EngineError::BadDeprecation(_))));
    assert!(matches!(tx.new_patch(&"x".repeat(20_000)), Err(EngineError::LongIntent)));
    drop(tx);
    desk.save("work", "module Acme.Other\n\nval shop = 1L\n").unwrap();
    desk.mv("work", "Acme", "Ajax").unwrap();
    assert!(desk.names("work").iter().all(|name| name.starts_with("Ajax.")), "{:?}", desk.names("work"));
}
