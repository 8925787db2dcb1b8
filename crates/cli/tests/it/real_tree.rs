//! The whole package tree of Darklang, where there is a checkout of it (`DARKLANG_SRC`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use dm_testkit::Machine;
use serde_json::Value;

use crate::support::{ada, ask, json, texts};

/// The folder of the packages; `None`, and said so, where there is no checkout.
fn packages() -> Option<PathBuf> {
    let Some(source) = std::env::var_os("DARKLANG_SRC") else {
        println!("skipped: DARKLANG_SRC names no checkout of Darklang");
        return None;
    };
    Some(PathBuf::from(source).join("packages"))
}

/// Location to kind and hash, of everything in a store.
fn definitions(machine: &Machine) -> BTreeMap<String, (String, String)> {
    let listing = ask(machine, &["ls", "--recursive"]);
    let list = listing["definitions"].as_array().cloned().unwrap_or_default();
    let of = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    list.iter().map(|entry| (of(entry, "location"), (of(entry, "kind"), of(entry, "hash")))).collect()
}

#[test]
fn imports_whole_and_comes_back_exactly() {
    let Some(packages) = packages() else { return };
    let packages = packages.to_string_lossy().into_owned();
    let machine = ada();
    let report = json(&machine.dm(&["import", &packages, "--intent", "Bring it in", "--json"]));
    assert_eq!(report["files"], 449);
    let counts = &report["definitions"];
    assert_eq!((&counts["functions"], &counts["values"], &counts["types"]), (&4392.into(), &459.into(), &966.into()));
    let unresolved: BTreeSet<String> = texts(&report["unresolved"], "spelling").into_iter().collect();
    assert!(unresolved.len() <= 30, "{unresolved:?}");
    assert!(texts(&report["unresolved"], "reason").iter().all(|reason| !reason.is_empty()));
    assert_eq!(report["applied"], true);
    let largest =
        report["patches"].as_array().into_iter().flatten().filter_map(|patch| patch["changes"].as_u64()).max();
    println!(
        "{} patches, the largest of {} definitions",
        report["patches"].as_array().map_or(0, Vec::len),
        largest.unwrap_or(0)
    );

    let again = json(&machine.dm(&["import", &packages, "--json"]));
    assert_eq!((&again["unchanged"], &again["patches"]), (&5817.into(), &Value::Array(Vec::new())));

    let before = definitions(&machine);
    assert_eq!(before.len(), 5817);
    machine.dm(&["export", "out"]).succeeds();
    let back = json(&machine.dm(&["import", "out", "--json"]));
    assert_eq!((&back["unchanged"], &back["gone"]), (&5817.into(), &Value::Array(Vec::new())));
    let other = ada();
    let out = machine.folder().join("out").to_string_lossy().into_owned();
    other.dm(&["import", &out, "--intent", "From the export"]).succeeds();
    assert!(definitions(&other) == before, "the same kinds, texts and references at the same places");
}
