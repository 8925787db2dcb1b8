//! What an exchange brings can be taken back, and what is a group's goes to its readers only: over a path and in a file too.

use dm_testkit::{Machine, Ran};

use crate::support::{ada_with_math, ask, json, texts};

/// A machine beside another one, with an empty store.
fn beside(machine: &Machine, name: &str) -> Machine {
    let new = machine.beside(&name.to_lowercase());
    new.dm(&["init", "--author", name]).succeeds();
    new
}

/// The names in a machine's current session.
fn names(machine: &Machine) -> Vec<String> {
    texts(&ask(machine, &["ls", "--recursive"])["definitions"], "location")
}

fn fingerprint(machine: &Machine) -> String {
    ask(machine, &["status"])["view_fingerprint"].as_str().unwrap().to_owned()
}

/// The path of a machine's store, for a remote.
fn store_of(machine: &Machine) -> String {
    machine.folder().join(".darkmatter").display().to_string()
}

#[test]
fn a_pull_is_taken_back_and_stays_back() {
    for verb in ["pull", "sync"] {
        let ada = ada_with_math();
        let ben = beside(&ada, "Ben");
        ben.dm(&["remote", "add", "ada", &store_of(&ada)]).succeeds();
        let before = fingerprint(&ben);
        ben.dm(&[verb]).succeeds().prints("1 patch");
        let after = fingerprint(&ben);
        assert_eq!(after, fingerprint(&ada));

        ben.dm(&["undo"]).succeeds();
        assert_eq!((fingerprint(&ben), names(&ben)), (before.clone(), Vec::new()), "dm {verb}");
        // What somebody took out on purpose, no exchange puts in again.
        ben.dm(&[verb]).succeeds();
        assert_eq!(fingerprint(&ben), before, "dm {verb}");
        let patch = ask(&ben, &["patch", "list", "--all"])[0]["id"].as_str().unwrap().to_owned();
        ben.dm(&["patch", "apply", &patch]).succeeds();
        assert_eq!(fingerprint(&ben), after, "dm {verb}");

        let cleo = beside(&ada, "Cleo");
        cleo.dm(&["remote", "add", "ada", &store_of(&ada)]).succeeds();
        cleo.dm(&[verb]).succeeds();
        cleo.dm(&["undo"]).succeeds();
        cleo.dm(&["redo"]).succeeds();
        assert_eq!(fingerprint(&cleo), after, "dm {verb}");
        cleo.dm(&["verify"]).succeeds();
    }
}

#[test]
fn a_push_is_nothing_to_take_back() {
    let ada = ada_with_math();
    let ben = beside(&ada, "Ben");
    ada.dm(&["remote", "add", "ben", &store_of(&ben)]).succeeds();
    ada.dm(&["push"]).succeeds();
    // What is undone is the command before it.
    let undo = ada.dm(&["undo"]).succeeds().prints("undid 2 remote add");
    undo.prints("`push` stays: sent 2 envelopes to ben; it cannot be undone");
    assert_eq!(fingerprint(&ada), fingerprint(&ben));
}

/// Ada with one patch for everyone and one for a space of hers, and the space's id.
fn ada_with_a_group() -> (Machine, String) {
    let ada = ada_with_math();
    let space = json(&ada.dm(&["space", "new", "launch", "--json"]))["id"].as_str().unwrap().to_owned();
    ada.write("sale.dark", "module Ada.Sale\n\nlet half (n: Int64) : Int64 =\n  Ada.Math.twice n\n");
    ada.dm(&["add", "sale.dark", "--intent", "Half the price", "--space", "launch"]).succeeds();
    ada.dm(&["patch", "apply"]).succeeds();
    (ada, space)
}

#[test]
fn a_group_over_a_path() {
    let (ada, space) = ada_with_a_group();
    let ben = beside(&ada, "Ben");
    let sale = "Ada.Sale.half".to_owned();
    ben.dm(&["remote", "add", "ada", &store_of(&ada)]).succeeds();
    ben.dm(&["pull"]).succeeds().prints("1 patch");
    assert!(!names(&ben).contains(&sale));
    assert!(!held(&ben).contains(&space), "who was not told of a space holds nothing of it");

    // Joined, but not shared with that remote: it does not go there, and does not come from there.
    ben.dm(&["space", "join", "launch", &space]).succeeds();
    ben.dm(&["pull"]).succeeds();
    assert!(!names(&ben).contains(&sale));
    ben.dm(&["space", "share", "launch", "ada"]).succeeds();
    ben.dm(&["pull"]).succeeds();
    assert!(names(&ben).contains(&sale));
    assert_eq!(fingerprint(&ben), fingerprint(&ada));

    // Back again, from a store of which only one side names the other.
    ben.write("more.dark", "module Ada.Sale\n\nlet quarter (n: Int64) : Int64 =\n  half n\n");
    ben.dm(&["add", "more.dark", "--intent", "A quarter", "--space", "launch"]).succeeds();
    ben.dm(&["patch", "apply"]).succeeds();
    ben.dm(&["push"]).succeeds();
    assert_eq!(fingerprint(&ben), fingerprint(&ada));
    let cleo = beside(&ada, "Cleo");
    cleo.dm(&["remote", "add", "ben", &store_of(&ben)]).succeeds();
    cleo.dm(&["pull"]).succeeds();
    assert!(names(&cleo).iter().all(|name| name.starts_with("Ada.Math.")));
    for machine in [&ada, &ben, &cleo] {
        machine.dm(&["verify"]).succeeds();
    }
}

/// All that a store says of its spaces.
fn held(machine: &Machine) -> String {
    ask(machine, &["space", "list"]).to_string()
}

#[test]
fn a_group_s_patch_in_a_file() {
    let (ada, space) = ada_with_a_group();
    let patches = ask(&ada, &["patch", "list", "--all"]);
    let sale = patches.as_array().unwrap().iter().find(|patch| patch["intent"] == "Half the price").unwrap();
    let sale = sale["id"].as_str().unwrap();
    ada.dm(&["patch", "export", sale, "--output", "sale.patch"]).succeeds();
    let file = ada.read("sale.patch");
    assert!(file.contains(&format!("for the readers of space {space}")), "{file}");

    let ben = beside(&ada, "Ben");
    ben.write("sale.patch", &file);
    let before = crate::support::everything(&ben);
    let refused: Ran = ben.dm(&["patch", "import", "sale.patch"]).exits(1);
    refused.says(&format!("dm space join NAME {space}"));
    assert_eq!(crate::support::everything(&ben), before);

    ben.dm(&["space", "join", "launch", &space]).succeeds();
    ben.dm(&["patch", "import", "sale.patch"]).succeeds();
    // It stands on a public patch, which is not in the file: it waits for that one.
    ben.dm(&["remote", "add", "ada", &store_of(&ada)]).succeeds();
    ben.dm(&["pull"]).succeeds();
    ben.dm(&["patch", "apply", sale]);
    assert_eq!(fingerprint(&ben), fingerprint(&ada));
    ben.dm(&["verify"]).succeeds();

    // Nor does it go on to who may not read it.
    let cleo = beside(&ada, "Cleo");
    cleo.dm(&["remote", "add", "ben", &store_of(&ben)]).succeeds();
    cleo.dm(&["pull"]).succeeds();
    assert!(names(&cleo).iter().all(|name| name.starts_with("Ada.Math.")));
}

#[test]
fn many_held_patches_are_told_in_short() {
    let ada = ada_with_math();
    for number in 0..20 {
        let text = format!("module Ada.N{number}\n\nval n = {number}L\n");
        ada.dm_with_input(&["add", "-", "--intent", &format!("Number {number}")], &text).succeeds();
        ada.dm(&["patch", "apply"]).succeeds();
    }
    // The same name on another machine, whose key nobody vouched for.
    let elsewhere = beside(&ada, "Ada");
    elsewhere.dm(&["remote", "add", "laptop", &store_of(&ada)]).succeeds();
    for verb in ["pull", "status"] {
        let told = elsewhere.dm(&[verb]).succeeds().prints("… and 13 more (`dm patch list` lists all)").stdout;
        assert_eq!(told.matches("held ").count(), 8, "{told}");
        assert_eq!(told.matches("`dm remote trust Ada").count(), 1, "{told}");
    }
    assert_eq!(ask(&elsewhere, &["status"])["held"].as_array().map(Vec::len), Some(21));
}
