//! What refers to what at any distance, and pins.

use std::collections::BTreeSet;

use dm_engine::{CheckScope, DependencyGraph, EngineError, Form};
use proptest::prelude::*;

use crate::support::{Desk, session};

const CODE: &str = "module Acme.Shop

let rate (cents: Int64) : Int64 = Builtin.int64Divide cents 10L

let fee (cents: Int64) : Int64 = rate cents

let total (cents: Int64) : Int64 = Builtin.int64Add cents (fee cents)

let isEven (n: Int64) : Bool = isOdd n

let isOdd (n: Int64) : Bool = isEven n
";

fn names(graph: &DependencyGraph) -> Vec<(String, u64)> {
    graph.definitions.iter().map(|node| (node.entry.location.clone(), node.distance)).collect()
}

fn named(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    names.iter().map(|(name, distance)| (format!("Acme.Shop.{name}"), *distance)).collect()
}

fn deps(desk: &Desk, name: &str, depth: u64) -> DependencyGraph {
    desk.engine.snapshot(&session("work")).unwrap().deps(name, depth).unwrap()
}

fn dependents(desk: &Desk, name: &str, depth: u64) -> DependencyGraph {
    desk.engine.snapshot(&session("work")).unwrap().dependents(name, depth).unwrap()
}

fn pin(desk: &Desk, name: &str, dependency: &str, version: Option<&str>) -> Result<Vec<String>, EngineError> {
    let mut tx = desk.engine.begin(&session("work"), false)?;
    let written = tx.pin(name, dependency, version, Some("Stay"))?;
    tx.commit()?;
    Ok(written.notes)
}

fn link(desk: &Desk, name: &str) -> String {
    desk.engine.snapshot(&session("work")).unwrap().show_as(name, Form::Program).unwrap().link.unwrap()
}

#[test]
fn graphs_reach_as_far_as_they_are_asked_to() {
    let desk = Desk::with(CODE);
    assert_eq!(names(&deps(&desk, "total", 0)), named(&[]));
    assert_eq!(names(&deps(&desk, "total", 1)), named(&[("fee", 1)]));
    assert_eq!(names(&deps(&desk, "total", u64::MAX)), named(&[("fee", 1), ("rate", 2)]));
    assert_eq!(deps(&desk, "total", 1).builtins, ["Builtin.int64Add"]);
    assert_eq!(names(&dependents(&desk, "rate", 1)), named(&[("fee", 1)]));
    assert_eq!(names(&dependents(&desk, "rate", u64::MAX)), named(&[("fee", 1), ("total", 2)]));
}

#[test]
fn a_cycle_ends() {
    let desk = Desk::with(CODE);
    let graph = deps(&desk, "isEven", u64::MAX);
    assert_eq!((names(&graph), graph.edges.len()), (named(&[("isOdd", 1)]), 2));
    let graph = dependents(&desk, "isEven", u64::MAX);
    assert_eq!((names(&graph), graph.edges.len()), (named(&[("isOdd", 1)]), 2));
}

#[test]
fn a_deleted_dependency_is_told_as_one() {
    let desk = Desk::with(CODE);
    desk.rm("work", "fee").unwrap();
    let graph = deps(&desk, "total", 1);
    assert_eq!(names(&graph), named(&[("fee", 1)]));
    assert!(graph.definitions[0].deleted);
}

#[test]
fn who_is_pinned_stays_while_the_other_goes_on() {
    let desk = Desk::with(CODE);
    let before = link(&desk, "total");
    let first = deps(&desk, "total", 1).definitions[0].entry.hash.clone();
    let notes = pin(&desk, "total", "fee", None).unwrap();
    assert_eq!(
        notes,
        [
            format!("stays on {} of Acme.Shop.fee", &first[..8]),
            "what that refers to still moves: Acme.Shop.rate".into()
        ]
    );
    let opened = desk.open("work", "fee");
    desk.save_opened("work", &opened, "rate cents", "Builtin.int64Add 1L cents").unwrap();
    assert_eq!(link(&desk, "total"), before, "it means what it meant");
    let graph = deps(&desk, "total", u64::MAX);
    assert_eq!(names(&graph), named(&[("fee", 1), ("rate", 2)]), "the version is followed, not what it became");
    assert_eq!(graph.edges[0].pinned.as_deref(), Some(first.as_str()));
    let status = desk.engine.snapshot(&session("work")).unwrap().status().unwrap();
    assert_eq!((status.pins[0].dependency.as_str(), status.pins[0].moved_on), ("Acme.Shop.fee", true));
    // Who asks what a change of `rate` reaches finds it through the version.
    assert_eq!(names(&dependents(&desk, "rate", u64::MAX)), named(&[("fee", 1), ("total", 2)]));
    // A change of `fee` does not reach it.
    let graph = dependents(&desk, "fee", u64::MAX);
    assert_eq!((names(&graph), graph.edges[0].pinned.is_some()), (named(&[("total", 1)]), true));
    // It goes on, or to a version by name.
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.unpin("total", "fee", None).unwrap();
    tx.commit().unwrap();
    assert_ne!(link(&desk, "total"), before);
    pin(&desk, "total", "fee", Some(&first[..10])).unwrap();
    assert_eq!(link(&desk, "total"), before);
    desk.apply("work").unwrap();
    assert_eq!(link(&desk, "total"), before, "in main too");
}

#[test]
fn a_pin_is_checked_like_what_it_brings() {
    let desk = Desk::with(CODE);
    pin(&desk, "total", "fee", None).unwrap();
    let opened = desk.open("work", "fee");
    desk.save_opened("work", &opened, "(cents: Int64) : Int64 = rate cents", "(cents: String) : String = cents")
        .unwrap();
    let check = |desk: &Desk| {
        let report = desk.engine.snapshot(&session("work")).unwrap().check(&CheckScope::Patch(None)).unwrap();
        report.problems.into_iter().map(|problem| problem.place.location).collect::<Vec<_>>()
    };
    assert_eq!(check(&desk), Vec::<String>::new(), "it stays on what fits");
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    tx.unpin("total", "Shop.fee", None).unwrap();
    tx.commit().unwrap();
    assert!(check(&desk).iter().all(|location| location == "Acme.Shop.total"));
    assert!(!check(&desk).is_empty());
}

#[test]
fn pins_on_nothing_are_refused() {
    let desk = Desk::with(CODE);
    assert!(matches!(pin(&desk, "total", "rate", None), Err(EngineError::NoDependency { .. })));
    assert!(matches!(pin(&desk, "total", "fee", Some("00")), Err(EngineError::NoSuchVersion { .. })));
    assert!(matches!(pin(&desk, "total", "fee", Some("")), Err(EngineError::NoSuchVersion { .. })));
    let mut tx = desk.engine.begin(&session("work"), false).unwrap();
    assert!(matches!(tx.unpin("total", "fee", Some("Go on")), Err(EngineError::NotPinned { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// All steps at once find what one step after the other finds, both ways.
    #[test]
    fn far_is_near_repeated(uses in prop::collection::vec(prop::collection::vec(0usize..8, 0..3), 8)) {
        let mut text = "module Acme.Shop\n".to_owned();
        for (at, uses) in uses.iter().enumerate() {
            let calls: Vec<String> = uses.iter().map(|used| format!("f{used} n")).collect();
            text.push_str(&format!("\nlet f{at} (n: Int64) : List<Int64> = [{}]\n", calls.join("; ")));
        }
        let desk = Desk::with(&text);
        for back in [false, true] {
            let ask = |name: &str, depth| if back { dependents(&desk, name, depth) } else { deps(&desk, name, depth) };
            let mut found = BTreeSet::from(["Acme.Shop.f0".to_owned()]);
            let mut waiting = vec!["Acme.Shop.f0".to_owned()];
            while let Some(name) = waiting.pop() {
                let near = names(&ask(&name, 1)).into_iter().map(|(name, _)| name);
                waiting.extend(near.filter(|name| found.insert(name.clone())));
            }
            found.remove("Acme.Shop.f0");
            let far: BTreeSet<String> = names(&ask("f0", u64::MAX)).into_iter().map(|(name, _)| name).collect();
            prop_assert_eq!(found, far);
        }
    }
}
