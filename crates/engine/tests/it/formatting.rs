//! Layout on demand: what is laid out, what stays, and that no meaning changes.

use dm_engine::{EngineError, Form, FormatOptions, Layout, Written};

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop

let fee (cents:Int64):Int64=cents

/// In all.
let total (cents: Int64) : Int64 =
     // and no tax
     fee   cents

let laid (cents: Int64) : Int64 = cents
";

fn fmt(desk: &Desk, names: &[&str], dry_run: bool) -> Result<Written, EngineError> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut tx = desk.engine.begin(&session("work"), dry_run)?;
    let written = tx.fmt(&names, &FormatOptions::default(), Some("Lay out"))?;
    tx.commit()?;
    Ok(written)
}

fn changed(written: &Written) -> Vec<&str> {
    written.changes.iter().map(|change| change.location.as_str()).collect()
}

fn links(desk: &Desk) -> Vec<String> {
    let link = |name: &&str| desk.engine.snapshot(&session("work")).unwrap().show_as(name, Form::Program).unwrap().link;
    ["fee", "total", "laid"].iter().map(|name| link(name).unwrap()).collect()
}

#[test]
fn what_is_named_is_laid_out_and_means_what_it_meant() {
    let desk = Desk::with(CODE);
    let before = links(&desk);
    assert_eq!(changed(&fmt(&desk, &["Acme"], true).unwrap()), ["Acme.Shop.fee", "Acme.Shop.total"]);
    assert!(desk.text("work", "fee").contains(":Int64="), "nothing was written");
    assert_eq!(changed(&fmt(&desk, &["fee"], false).unwrap()), ["Acme.Shop.fee"]);
    assert_eq!(desk.text("work", "fee"), "let fee (cents: Int64) : Int64 = cents");
    let rest = fmt(&desk, &["Acme.Shop"], false).unwrap();
    assert_eq!((changed(&rest), rest.notes.join("; ").as_str()), (vec!["Acme.Shop.total"], "laid out already: 2"));
    assert_eq!(
        desk.text("work", "total"),
        "/// In all.\nlet total (cents: Int64) : Int64 =\n  // and no tax\n  fee cents"
    );
    assert_eq!(links(&desk), before);
    assert!(fmt(&desk, &["Acme.Shop"], false).unwrap().changes.is_empty());
    desk.apply("work").unwrap();
    assert_eq!(links(&desk), before);
}

#[test]
fn without_a_name_it_is_the_draft() {
    let desk = Desk::with(CODE);
    assert!(matches!(fmt(&desk, &[], false), Err(EngineError::NothingToLayOut)));
    desk.save("work", "module Acme.Shop\n\nlet fee (cents:Int64):Int64=cents+1L\n").unwrap();
    assert_eq!(changed(&fmt(&desk, &[], false).unwrap()), ["Acme.Shop.fee"]);
    assert!(matches!(fmt(&desk, &["nobody"], false), Err(EngineError::NoSuchName { .. })));
}

#[test]
fn pretty_shows_and_writes_nothing() {
    let desk = Desk::with(CODE);
    let options = FormatOptions { width: 20, indent: 4, layout: Layout::Fit };
    let shown = desk.engine.snapshot(&session("work")).unwrap().show_as("fee", Form::Pretty(options)).unwrap();
    assert_eq!(shown.text, "let fee\n    (cents: Int64)\n    : Int64 = cents");
    assert_eq!(shown.form, "pretty");
    assert!(desk.text("work", "fee").contains(":Int64="));
}

#[test]
fn names_that_are_spelled_for_elsewhere_stay_what_they_are() {
    let desk = Desk::with(CODE);
    desk.mv("work", "fee", "Acme.Money.price").unwrap();
    let before = desk.text("work", "total");
    assert!(before.contains("Money.price"), "{before}");
    fmt(&desk, &["total"], false).unwrap();
    assert!(
        desk.text("work", "total").contains("  // and no tax\n  Money.price cents"),
        "{}",
        desk.text("work", "total")
    );
}
