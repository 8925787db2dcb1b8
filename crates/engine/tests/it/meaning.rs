//! The hash of what a definition means, in the views of sessions and in main.

use dm_engine::{EngineError, Form};

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
