//! The hash of what a definition means, in the views of sessions and in main.

use dm_engine::{EngineError, Form};
use proptest::prelude::*;

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop

type Cents = { amount: Int64 }

let fee (cents: Cents) : Int64 = 390L

let total (cents: Cents) : Int64 = fee cents + Later.extra cents

let other (cents: Cents) : Int64 = cents.amount
";

fn link(desk: &Desk, name: &str, definition: &str) -> String {
    let shown = desk.engine.snapshot(&session(name)).unwrap().show_as(definition, Form::Program).unwrap();
    shown.link.unwrap()
}

fn links(desk: &Desk, name: &str) -> [String; 4] {
    ["Cents", "fee", "total", "other"].map(|definition| link(desk, name, definition))
}

/// Which of two lists of links differ: of `Cents`, `fee`, `total`, `other`.
fn differ(one: &[String; 4], other: &[String; 4]) -> [bool; 4] {
    let mut pairs = one.iter().zip(other);
    std::array::from_fn(|_| pairs.next().is_some_and(|(one, other)| one != other))
}

fn fee(body: &str) -> String {
    format!("module Acme.Shop\n\nlet fee (cents: Cents) : Int64 = {body}\n")
}

#[test]
fn it_follows_from_the_meaning_wherever_that_is() {
    let desk = Desk::with(CODE);
    let before = links(&desk, "work");
    assert_eq!(links(&Desk::with(CODE), "work"), before, "another store");

    // A draft is of its session until it is applied.
    desk.save("work", &fee("2L")).unwrap();
    let after = links(&desk, "work");
    assert_eq!(differ(&before, &after), [false, true, true, false]);
    assert_eq!(links(&desk, "other"), before);
    desk.apply("work").unwrap();
    assert_eq!(links(&desk, "other"), after);

    // Moves and comments say nothing new.
    desk.mv("work", "fee", "Acme.Money.price").unwrap();
    let text = "module Acme.Shop\n\n/// Just that.\nlet other (cents: Cents) : Int64 =\n  // so\n  (cents.amount)\n";
    desk.save("work", text).unwrap();
    let moved = ["Cents", "price", "total", "other"].map(|definition| link(&desk, "work", definition));
    assert_eq!(moved, after);

    // And what went back means what it meant.
    desk.save("other", &fee("390L")).unwrap();
    assert_eq!(links(&desk, "other"), before);
}

#[test]
fn a_type_is_all_of_it() {
    let desk = Desk::with(CODE);
    let before = links(&desk, "work");
    desk.save("work", "module Acme.Shop\n\ntype Cents = { amount: Int64; currency: String }\n").unwrap();
    assert_eq!(differ(&before, &links(&desk, "work")), [true, true, true, true]);
}

#[test]
fn a_name_that_meant_nothing_is_looked_up_again() {
    let desk = Desk::with(CODE);
    let before = links(&desk, "work");
    desk.save("work", "module Acme.Shop.Later\n\nlet extra (cents: Cents) : Int64 = 1L\n").unwrap();
    assert_eq!(differ(&before, &links(&desk, "work")), [false, false, true, false]);
    assert_eq!(links(&desk, "other"), before);
}

#[test]
fn what_is_disputed_is_neither_side() {
    let desk = Desk::with(CODE);
    desk.save("work", &fee("2L")).unwrap();
    let work = links(&desk, "work");
    desk.save("other", &fee("1L")).unwrap();
    let other = links(&desk, "other");
    desk.apply("work").unwrap();
    assert_eq!(desk.kinds("other"), ["content"]);
    let disputed = links(&desk, "other");
    // The session's own text is in force, and what uses it says that this is not settled.
    assert_eq!(disputed[1], other[1]);
    assert!(disputed[2] != other[2] && disputed[2] != work[2]);
}

#[test]
fn what_is_deleted_is_what_it_was() {
    let desk = Desk::with(CODE);
    let before = links(&desk, "work");
    desk.rm("work", "fee").unwrap();
    assert_eq!(link(&desk, "work", "total"), before[2]);
}

#[test]
fn forms_are_of_one_definition() {
    let desk = Desk::with(CODE);
    let snapshot = desk.engine.snapshot(&session("work")).unwrap();
    let show = |form| snapshot.show_as("total", form).unwrap();
    let source = show(Form::Source);
    assert_eq!((source.form.as_str(), source.link), ("source", None));
    let written = show(Form::Written);
    assert!(written.text.starts_with("File 0.."), "{}", written.text);
    let program = show(Form::Program).text;
    let expected = "fn
  parameter cents : Acme.Shop.Cents
  result Int64
  infix
    apply
      Acme.Shop.fee
      argument cents
    +
      apply
        Later.extra (means nothing)
        argument cents
";
    assert_eq!(program, expected);
    assert!(matches!(snapshot.show_as("nothing", Form::Program), Err(EngineError::NoSuchName { .. })));
}

/// A code base in which `f0` reaches most of the others.
fn chain() -> String {
    let mut text = "module Acme.Chain\n\ntype Cents = { amount: Int64 }\n".to_owned();
    for at in 0..24 {
        text.push_str(&format!("\nlet f{at} (cents: Cents) : Int64 = {}\n", body(at, at + 1, 0)));
    }
    text
}

/// A body of `f{at}` that refers to another one.
fn body(at: usize, to: usize, number: u64) -> String {
    if to == at || to > 23 { format!("cents.amount + {number}L") } else { format!("f{to} cents + {number}L") }
}

/// Asks what `f0` and the others mean in both sessions, and keeps what was worked out.
fn ask_and_check(desk: &Desk) -> u64 {
    let mut holding = 0;
    for name in ["work", "other"] {
        for definition in ["f0", "f12"] {
            let shown = desk.engine.snapshot(&session(name)).unwrap().show_as(definition, Form::Program);
            assert!(shown.is_ok() || matches!(shown, Err(EngineError::NoSuchName { .. })), "{shown:?}");
            desk.engine.keep_memos().unwrap();
        }
    }
    for name in ["work", "other"] {
        let (held, wrong) = desk.engine.snapshot(&session(name)).unwrap().wrong_links().unwrap();
        assert_eq!(wrong, Vec::<String>::new(), "in {name}");
        holding += held;
    }
    assert_eq!(desk.engine.verify().unwrap().findings, []);
    holding
}

#[derive(Debug, Clone)]
enum Step {
    Edit { other: bool, at: usize, to: usize, number: u64 },
    Type { other: bool, field: u8 },
    Move { other: bool, at: usize },
    Delete { other: bool, at: usize },
    Pin { other: bool, at: usize },
    Deprecate { other: bool, at: usize },
    Apply { other: bool, force: bool },
    Undo { other: bool },
    Rebuild,
}

fn step() -> impl Strategy<Value = Step> {
    let who = any::<bool>();
    prop_oneof![
        6 => (who, 0usize..24, 0usize..25, 0u64..3)
            .prop_map(|(other, at, to, number)| Step::Edit { other, at, to, number }),
        1 => (who, 0u8..3).prop_map(|(other, field)| Step::Type { other, field }),
        1 => (who, 0usize..24).prop_map(|(other, at)| Step::Move { other, at }),
        1 => (who, 1usize..24).prop_map(|(other, at)| Step::Delete { other, at }),
        1 => (who, 0usize..24).prop_map(|(other, at)| Step::Pin { other, at }),
        1 => (who, 0usize..24).prop_map(|(other, at)| Step::Deprecate { other, at }),
        4 => (who, any::<bool>()).prop_map(|(other, force)| Step::Apply { other, force }),
        1 => who.prop_map(|other| Step::Undo { other }),
        1 => Just(Step::Rebuild),
    ]
}

/// Takes a step; one that the present state does not allow is none.
fn take(desk: &Desk, step: &Step) {
    let act = |other: bool, act: &dyn Fn(&mut dm_engine::Transaction<'_>) -> Result<(), EngineError>| {
        let name = if other { "other" } else { "work" };
        let mut tx = desk.engine.begin(&session(name), false).unwrap();
        if act(&mut tx).is_ok() {
            tx.commit().unwrap();
        }
    };
    let intent = Some("Step");
    match step {
        Step::Edit { other, at, to, number } => {
            let text = format!("module Acme.Chain\n\nlet f{at} (cents: Cents) : Int64 = {}\n", body(*at, *to, *number));
            desk.save(if *other { "other" } else { "work" }, &text).ok();
        }
        Step::Type { other, field } => {
            let text = format!("module Acme.Chain\n\ntype Cents = {{ amount: Int64; more{field}: Bool }}\n");
            desk.save(if *other { "other" } else { "work" }, &text).ok();
        }
        Step::Move { other, at } => {
            act(*other, &|tx| tx.mv(&format!("f{at}"), &format!("Acme.Moved.f{at}"), intent).map(drop));
        }
        Step::Delete { other, at } => act(*other, &|tx| tx.rm(&format!("f{at}"), false, intent).map(drop)),
        Step::Pin { other, at } => {
            act(*other, &|tx| tx.pin(&format!("f{at}"), &format!("f{}", at + 1), None, intent).map(drop));
        }
        Step::Deprecate { other, at } => {
            act(*other, &|tx| tx.deprecate(&format!("f{at}"), "old", None, intent).map(drop));
        }
        Step::Apply { other, force } => act(*other, &|tx| tx.apply(None, *force).map(drop)),
        Step::Undo { other } => act(*other, &|tx| match tx.undo(None)?.command.verb.as_str() {
            // The sessions stay.
            "session new" => Err(EngineError::NoIntent),
            _ => Ok(()),
        }),
        Step::Rebuild => drop(desk.engine.rebuild(false).unwrap()),
    }
}

#[test]
fn links_are_kept_and_a_change_costs_those_that_reach_it() {
    let desk = Desk::with(&chain());
    assert_eq!(ask_and_check(&desk), 50, "all of both views");
    // In the middle of the chain: those before it do not hold in that session, and all do in the other one.
    take(&desk, &Step::Edit { other: false, at: 11, to: 12, number: 7 });
    assert_eq!(ask_and_check(&desk), 50 - 12);
    // In main: dropped, and worked out anew by the next one who asks for so many.
    take(&desk, &Step::Apply { other: false, force: false });
    let (holding, _) = desk.engine.snapshot(&session("work")).unwrap().wrong_links().unwrap();
    assert_eq!(holding, 25 - 12);
    take(&desk, &Step::Edit { other: false, at: 23, to: 23, number: 9 });
    take(&desk, &Step::Apply { other: false, force: false });
    assert_eq!(ask_and_check(&desk), 50);
}

/// What a reader worked out before main changed, was read by others, and went back is kept by nobody.
#[test]
fn what_was_read_before_main_went_there_and_back_is_not_kept() {
    let desk = Desk::with(&format!("{}\nlet g (cents: Cents) : Int64 = f5 cents\n", chain()));
    let other = dm_engine::Engine::open(desk.engine.options()).unwrap();
    let ask = |engine: &dm_engine::Engine, name: &str| {
        engine.snapshot(&session("work")).unwrap().show_as(name, Form::Program).unwrap();
    };
    let edit = |number| {
        take(&desk, &Step::Edit { other: false, at: 23, to: 23, number });
        take(&desk, &Step::Apply { other: false, force: false });
    };
    ask_and_check(&desk);
    edit(7);
    // Read, and not kept yet.
    ask(&other, "f0");
    edit(8);
    for name in ["g", "f0"] {
        ask(&desk.engine, name);
        desk.engine.keep_memos().unwrap();
    }
    take(&desk, &Step::Undo { other: false });
    other.keep_memos().unwrap();
    let (_, wrong) = desk.engine.snapshot(&session("other")).unwrap().wrong_links().unwrap();
    assert_eq!(wrong, Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// What is kept is what linking from nothing gives, whatever happened since (SEMANTICS R20).
    #[test]
    fn incremental_is_from_nothing(steps in prop::collection::vec(step(), 1..16)) {
        let desk = Desk::with(&chain());
        ask_and_check(&desk);
        for step in &steps {
            take(&desk, step);
            ask_and_check(&desk);
        }
    }
}
