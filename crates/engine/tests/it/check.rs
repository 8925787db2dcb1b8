//! Checks of views and patches: what is found, and how far is looked.

use dm_engine::{CheckReport, CheckScope, EngineError, Impact, SaveRequest, Severity, SourceText};

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop

type Cents = { amount: Int64 }

type Price = Cents

let fee (cents: Cents) : Int64 = 390L

let total (price: Price) : Int64 = price.amount + fee price

let label (price: Price) : String = Builtin.int64ToString (total price)

val usual = fee (Cents { amount = 1L })

let apart (n: Int64) : Int64 = n + 1L
";

fn check(desk: &Desk, scope: &CheckScope) -> CheckReport {
    desk.engine.snapshot(&session("work")).unwrap().check(scope).unwrap()
}

/// Severity, code, where and the message of each.
fn found(report: &CheckReport) -> Vec<(Severity, &str, &str, &str)> {
    let problems = report.problems.iter();
    problems.map(|problem| (problem.severity, &*problem.code, &*problem.place.location, &*problem.message)).collect()
}

const FOCUSED: CheckScope = CheckScope::Patch(None);

#[test]
fn a_view_without_problems_is_valid() {
    let desk = Desk::with(CODE);
    let report = check(&desk, &CheckScope::View);
    assert!(report.valid && report.problems.is_empty(), "{:#?}", report.problems);
    assert_eq!(report.definitions, 7);
    assert_eq!(report.known, report.expressions);
}

#[test]
fn what_a_changed_signature_breaks_is_listed_with_its_place() {
    let desk = Desk::with(CODE);
    desk.save("work", "module Acme.Shop\n\nlet fee (cents: Cents) : String = \"390\"\n").unwrap();
    let report = check(&desk, &FOCUSED);
    assert_eq!(
        found(&report),
        [(Severity::Error, "operand", "Acme.Shop.total", "`+` is for numbers, and this is a `String`")]
    );
    let place = &report.problems[0].place;
    assert_eq!(
        (place.row, place.column, place.excerpt.trim_start()),
        (1, 51, "let total (price: Price) : Int64 = price.amount + fee price")
    );
    // `fee`, what calls it, and the value whose type hangs on it; not `label`, which sees `total` only.
    assert_eq!(report.definitions, 3);
    assert!(!report.valid && report.patch.is_some());
}

#[test]
fn a_changed_type_is_followed_through_aliases_and_signatures() {
    let desk = Desk::with(CODE);
    desk.save("work", "module Acme.Shop\n\ntype Cents = { sum: Int64 }\n").unwrap();
    let report = check(&desk, &FOCUSED);
    assert_eq!(
        found(&report),
        [
            (Severity::Error, "field", "Acme.Shop.total", "`Cents` has no field `amount`"),
            (Severity::Error, "field", "Acme.Shop.usual", "`Cents` lacks the field `sum`"),
            (Severity::Error, "field", "Acme.Shop.usual", "`Cents` has no field `amount`"),
        ]
    );
    assert_eq!(report.problems[0].hint.as_deref(), Some("its fields are `sum`"));
    // All but `apart`: the alias passes it on to `total`, whose signature passes it on to `label`.
    assert_eq!(report.definitions, 6);
    let said = report.problems[1].other.as_ref().unwrap();
    assert_eq!((&*said.location, said.row, &*said.note), ("Acme.Shop.Cents", 1, "`sum` is declared here"));
}

#[test]
fn a_change_that_nobody_sees_is_checked_alone() {
    let desk = Desk::with(CODE);
    let text = "module Acme.Shop\n\n/// What it costs.\nlet fee (all: Cents) : Int64 = all.amount / 100L\n";
    desk.save("work", text).unwrap();
    assert_eq!(check(&desk, &FOCUSED).definitions, 1);
    // A parameter of another type is seen, with another name it is not.
    desk.save("work", "module Acme.Shop\n\nlet fee (all: Int64) : Int64 = all\n").unwrap();
    let report = check(&desk, &FOCUSED);
    assert_eq!(report.definitions, 3);
    let codes: Vec<_> = found(&report).into_iter().map(|(_, code, location, _)| (code, location)).collect();
    assert_eq!(codes, [("argument", "Acme.Shop.total"), ("argument", "Acme.Shop.usual")]);
}

#[test]
fn deleted_and_deprecated_names_are_told() {
    let desk = Desk::with(CODE);
    desk.rm("work", "fee").unwrap();
    let report = check(&desk, &FOCUSED);
    let deleted = "`fee` is deleted (it was Acme.Shop.fee)";
    assert_eq!(
        found(&report),
        [
            (Severity::Error, "deleted", "Acme.Shop.total", deleted),
            (Severity::Error, "deleted", "Acme.Shop.usual", deleted),
        ]
    );

    let desk = Desk::with(CODE);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.deprecate("fee", "it is always 390", Some("apart"), Some("Deprecate")).unwrap();
    tx.commit().unwrap();
    let report = check(&desk, &CheckScope::Names(vec!["Acme.Shop.total".to_owned()]));
    assert_eq!(
        found(&report),
        [(Severity::Warning, "deprecated", "Acme.Shop.total", "`fee` is deprecated: it is always 390")]
    );
    assert_eq!(report.problems[0].hint.as_deref(), Some("use Acme.Shop.apart instead"));
    assert!(report.valid);
}

#[test]
fn places_are_those_of_the_text_that_is_shown() {
    let desk = Desk::with(CODE);
    desk.mv("work", "Acme.Shop.fee", "Acme.Somewhere.Else.fee").unwrap();
    desk.save("work", "module Acme.Somewhere.Else\n\nlet fee (cents: Acme.Shop.Cents) : String = \"390\"\n").unwrap();
    let report = check(&desk, &FOCUSED);
    let [problem] = report.problems.as_slice() else { panic!("{:#?}", report.problems) };
    let row = "let total (price: Price) : Int64 = price.amount + Somewhere.Else.fee price";
    assert_eq!(problem.place.excerpt, row);
    assert_eq!(problem.place.marks.trim_end().len(), row.len());
}

#[test]
fn what_is_not_there_cannot_be_checked() {
    let desk = Desk::with(CODE);
    let snapshot = desk.engine.snapshot(&session("work")).unwrap();
    let nowhere = snapshot.check(&CheckScope::Names(vec!["Acme.Nowhere".to_owned()]));
    assert!(matches!(nowhere, Err(EngineError::NoSuchName { .. })), "{nowhere:?}");
    assert!(matches!(snapshot.check(&FOCUSED), Err(EngineError::NoFocus)));
    drop(snapshot);
    // A module is all that is in it.
    assert_eq!(check(&desk, &CheckScope::Names(vec!["Acme".to_owned()])).definitions, 7);
}

// What goes into main.

/// The errors for which a patch is refused.
fn refused(desk: &Desk, name: &str) -> Vec<String> {
    let Err(EngineError::Invalid { errors, .. }) = desk.apply(name) else { return vec!["none".to_owned()] };
    errors.iter().map(|error| format!("{}: {}", error.place.location, error.code)).collect()
}

#[test]
fn what_is_not_valid_goes_into_main_by_force_only() {
    let desk = Desk::with(CODE);
    desk.save("work", "module Acme.Shop\n\nlet fee (cents: Cents) : String = \"390\"\n").unwrap();
    assert_eq!(refused(&desk, "work"), ["Acme.Shop.total: operand"]);
    // Nothing was written: the patch is a draft as before, and main as it was.
    assert_eq!(desk.text("other", "fee"), "let fee (cents: Cents) : Int64 = 390L");
    assert_eq!(desk.engine.snapshot(&session("work")).unwrap().patch(None).unwrap().patch.status, "draft");

    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    let report = tx.apply(None, true).unwrap();
    tx.commit().unwrap();
    assert_eq!(report.errors.len(), 1);
    let log = desk.engine.snapshot(&session("other")).unwrap().log(1, None).unwrap();
    assert_eq!(log[0].forced, "breaks Acme.Shop.total: `+` is for numbers, and this is a `String`");

    // What was wrong before is not held against who comes next, unless they write it anew.
    desk.save("other", "module Acme.Shop\n\nlet fee (cents: Cents) : String = \"391\"\n").unwrap();
    desk.apply("other").unwrap();
    desk.save("other", "module Acme.Shop\n\nlet total (price: Price) : Int64 = 1L + fee price\n").unwrap();
    assert_eq!(refused(&desk, "other"), ["Acme.Shop.total: operand"]);
    desk.save("other", "module Acme.Shop\n\nlet total (price: Price) : Int64 = price.amount\n").unwrap();
    desk.apply("other").unwrap();
}

#[test]
fn a_patch_is_judged_in_main_and_with_what_it_needs() {
    let desk = Desk::with(CODE);
    // Right where it was written, wrong in what main has become since.
    desk.save("work", "module Acme.Shop\n\nlet next (cents: Cents) : Int64 = fee cents + 1L\n").unwrap();
    desk.save("other", "module Acme.Shop\n\nlet fee (cents: Cents) : Float = 3.9\n").unwrap();
    desk.save("other", "module Acme.Shop\n\nlet total (price: Price) : Int64 = price.amount\n").unwrap();
    desk.apply("other").unwrap();
    assert_eq!(refused(&desk, "work"), ["Acme.Shop.next: operand"]);
    // And the other way round: a change of a type is right together with what follows it.
    let both = "module Acme.Shop\n\nlet fee (cents: Cents) : Int64 = 390L\n\nlet next (cents: Cents) : Int64 = fee cents + 1L\n";
    desk.save("work", both).unwrap();
    desk.apply("work").unwrap();
}

#[test]
fn a_patch_is_told_whole() {
    let desk = Desk::with(CODE);
    let mut impacts = Vec::new();
    for text in [
        "let fee (cents: Cents) : Int64 = 1L",
        "let fee (money: Price) : Int64 = 1L",
        "let fee (cents: Cents) : Bool = true",
    ] {
        desk.save("work", &format!("module Acme.Shop\n\n{text}\n")).unwrap();
        impacts.push(check(&desk, &FOCUSED).impact.unwrap());
    }
    assert_eq!(impacts, [Impact::Local, Impact::Dependents, Impact::Breaking]);

    // What others changed meanwhile is a conflict, and which op wrote what is wrong is said.
    desk.save("work", "module Acme.Shop\n\nlet fee (cents: Cents) : Int64 = true\n").unwrap();
    desk.save("other", "module Acme.Shop\n\nlet fee (cents: Cents) : Int64 = 7L\n").unwrap();
    desk.apply("other").unwrap();
    let report = check(&desk, &FOCUSED);
    assert!(!report.valid);
    assert_eq!(report.conflicts.len(), 1);
    assert!(report.conflicts[0].contains("Acme.Shop.fee"), "{:?}", report.conflicts);
    let op = report.problems[0].op.as_ref().unwrap();
    let ops = desk.engine.snapshot(&session("work")).unwrap().patch(None).unwrap().ops;
    assert!(ops.iter().any(|made| made.id.as_ref() == Some(op)), "{op} is not among {ops:?}");
}

#[test]
fn who_leads_there_by_a_name_that_meant_nothing_counts() {
    let desk = Desk::new();
    desk.write("src/shop.dark", "module Acme.Shop\n\nlet total (n: Int64) : Int64 = Later.extra n + 1L\n");
    desk.import("work", "src", |_| ()).unwrap();
    desk.save("work", "module Acme.Shop.Later\n\nlet extra (n: Int64) : String = \"x\"\n").unwrap();
    let report = check(&desk, &FOCUSED);
    assert_eq!(
        found(&report).iter().map(|(_, code, location, _)| (*code, *location)).collect::<Vec<_>>(),
        [("operand", "Acme.Shop.total"), ("bound-by-name", "Acme.Shop.total")]
    );
    assert_eq!(refused(&desk, "work"), ["Acme.Shop.total: operand"]);
}

#[test]
fn many_errors_are_recorded_in_short() {
    let desk = Desk::new();
    let users: String = (0..400).map(|n| format!("let user{n} (n: Int64) : Int64 = base n + 1L\n\n")).collect();
    desk.save("work", &format!("module Acme\n\nlet base (n: Int64) : Int64 = n\n\n{users}")).unwrap();
    desk.apply("work").unwrap();
    desk.save("work", "module Acme\n\nlet base (n: Int64) : String = \"x\"\n").unwrap();
    assert_eq!(refused(&desk, "work").len(), 400);
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    assert_eq!(tx.apply(None, true).unwrap().errors.len(), 400);
    tx.commit().unwrap();
    let log = desk.engine.snapshot(&session("work")).unwrap().log(1, None).unwrap();
    assert!(log[0].forced.starts_with("breaks Acme.user0: "), "{}", log[0].forced);
}

#[test]
fn a_dry_run_says_what_would_be_written_and_what_is_wrong_with_it() {
    let desk = Desk::with(CODE);
    let dry = |act: &dyn Fn(&mut dm_engine::Transaction<'_>) -> Result<dm_engine::Written, EngineError>| {
        let mut tx = desk.engine.begin(&session("work"), true).unwrap();
        let written = act(&mut tx).unwrap();
        tx.commit().unwrap();
        written
    };
    let text = "module Acme.Shop\n\nlet fee (cents: String) : String = cents\n";
    let written = dry(&|tx| {
        tx.save(&SaveRequest {
            text: SourceText { file: "-".to_owned(), text: text.to_owned() },
            module: None,
            intent: Some("Break".to_owned()),
            binds: Vec::new(),
            base: None,
        })
    });
    let ops: Vec<&str> = written.ops.iter().map(|op| op.op.as_str()).collect();
    assert_eq!(ops, ["AddContent", "UpdateName"]);
    let check = written.check.unwrap();
    assert!(!check.valid && check.impact == Some(dm_engine::Impact::Breaking), "{check:?}");
    assert!(check.problems.iter().any(|problem| problem.place.location == "Acme.Shop.total"), "{check:?}");
    let written = dry(&|tx| tx.mv("fee", "price", Some("Rename")));
    assert!(written.check.unwrap().valid);
    assert_eq!(written.ops[0].op, "MoveName");
    assert_eq!(desk.names("work").len(), Desk::with(CODE).names("work").len());
    assert!(desk.text("work", "fee").contains("Int64"), "nothing was written");
}
