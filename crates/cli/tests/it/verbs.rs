//! Every verb, from the program's own list of them: writing ones write nothing with `--dry-run`, all that answer answer in the
//! documented JSON.

use std::collections::{BTreeMap, BTreeSet};

use dm_testkit::{Machine, Ran, Server};
use serde_json::Value;

use crate::cut::difference;
use crate::support::{MATH, ada_with_math, everything, json, sandbox};

/// A verb that answers, and arguments for it on the [`stage`].
pub struct Case {
    pub verb: &'static str,
    args: &'static [&'static str],
    /// What it needs besides the stage.
    needs: &'static [&'static [&'static str]],
}

const fn case(verb: &'static str, args: &'static [&'static str]) -> Case {
    Case { verb, args, needs: &[] }
}

const fn after(verb: &'static str, args: &'static [&'static str], needs: &'static [&'static [&'static str]]) -> Case {
    Case { verb, args, needs }
}

/// Verbs that only read.
const READING: [Case; 30] = [
    case("status", &[]),
    case("diff", &[]),
    case("log", &[]),
    case("show", &["twice"]),
    case("blame", &["twice"]),
    case("ls", &["Ada.Math"]),
    case("tree", &[]),
    case("search", &["twice"]),
    case("search", &["--type", "Int64 -> Int64", "--owner", "Ada"]),
    case("deps", &["fourTimes"]),
    case("dependents", &["twice"]),
    case("check", &["--all"]),
    case("session list", &[]),
    case("session show", &[]),
    case("patch list", &["--all"]),
    case("patch show", &[]),
    case("conflicts", &[]),
    case("conflicts list", &[]),
    case("conflicts show", &["twice", "--session", "work"]),
    case("key list", &["--all"]),
    case("key show", &["Ada"]),
    case("remote list", &[]),
    case("remote quarantine", &[]),
    case("space list", &[]),
    case("space show", &["public"]),
    case("config get", &["author"]),
    case("config list", &[]),
    case("verify", &[]),
    case("ops", &[]),
    case("ops show", &["1"]),
];

/// Verbs that write to the store, and can be seen to.
pub const WRITING: [Case; 39] = [
    case("import", &["src", "--intent", "Follow"]),
    case("session new", &["third"]),
    after("session switch", &["work"], &[&["session", "switch", "other"]]),
    case("patch new", &["Another"]),
    after("patch focus", &["[PATCH]"], &[&["patch", "new", "Another"]]),
    case("patch ready", &[]),
    after("patch draft", &[], &[&["patch", "ready"]]),
    case("patch apply", &["--force"]),
    case("add", &["new.dark"]),
    case("edit", &["fourTimes"]),
    case("mv", &["fourTimes", "twiceTwice"]),
    case("rm", &["fourTimes"]),
    case("deprecate", &["fourTimes", "--reason", "old"]),
    after("undeprecate", &["fourTimes"], &[&["deprecate", "fourTimes", "--reason", "old"]]),
    case("pin", &["fourTimes", "twice"]),
    after("unpin", &["fourTimes", "twice"], &[&["pin", "fourTimes", "twice"]]),
    after("fmt", &["Ada.Math"], &[&["config", "set", "fmt.width", "20"]]),
    case("conflicts resolve", &["twice", "--ours"]),
    case("key rotate", &["--why", "A new laptop"]),
    case("key rotate", &["--instance"]),
    case("key revoke", &[]),
    after("key vouch", &["[PATCH]"], &[&["patch", "ready"]]),
    case("key import", &["ada.key"]),
    case("remote add", &["away", "http://127.0.0.1:9"]),
    case("remote remove", &["home"]),
    case("space new", &["team"]),
    case("space join", &["team", "00112233445566778899aabbccddeeff"]),
    after("space forget", &["team"], &[&["space", "new", "team"]]),
    after("space share", &["team", "home"], &[&["space", "new", "team"]]),
    case("space unshare", &["public", "home"]),
    after("space move", &["team"], &[&["space", "new", "team"]]),
    after("space publish", &["[PATCH]"], &[&["space", "new", "team"], &["space", "move", "team"], &["patch", "ready"]]),
    case("config set", &["author", "Zoe"]),
    case("patch import", &["away.patch"]),
    case("undo", &[]),
    after("redo", &[], &[&["undo"]]),
    case("sync", &[]),
    case("push", &[]),
    case("pull", &[]),
];

/// Verbs that write what the store does not show, or nothing that could be seen here; each has a test of its own below.
pub const WRITING_UNSEEN: [&str; 10] = [
    "init",
    "export",
    "git import",
    "git export",
    "key export",
    "patch export",
    "token create",
    "rebuild",
    "gc",
    "remote trust",
];

/// Verbs that answer nothing.
const SILENT: [&str; 3] = ["demo", "serve", "completions"];

/// A store with a draft in focus, another session that has put an edit of the same function into main, a changed folder, and a
/// remote with a server behind it. The session in use is `work`.
struct Stage {
    machine: Machine,
    /// Held for as long as it is asked.
    _server: (Server, Machine),
}

/// A key of Ada's from another machine.
const ADA_ELSEWHERE: &str = "darkmatter author key 1
author Ada
key ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c
secret 0707070707070707070707070707070707070707070707070707070707070707
";

/// An instance elsewhere, with a patch of its own; answers that as a patch file.
pub fn home_with_a_patch(home: &Machine) -> String {
    home.dm(&["init"]).succeeds();
    home.write("away.dark", "module Home.Away\n\nval one = 1L\n");
    home.dm(&["add", "away.dark", "--intent", "Far away"]).succeeds();
    let away = json(&home.dm(&["patch", "ready", "--json"]))["id"].as_str().unwrap_or_default().to_owned();
    home.dm(&["patch", "export", &away]).succeeds().stdout
}

/// A machine on the stage, with that patch file and a remote `home` at `url`.
pub fn on_stage(machine: &Machine, away: &str, url: &str) -> Machine {
    machine.write("src/math.dark", MATH.replace("4L", "5L"));
    machine.write("new.dark", "module Ada.Math\n\nval six = 6L\n");
    let edit = |session: &str, text: &str, intent: &str| {
        machine.write("edit.dark", MATH.replace("Twice as much.", text));
        machine.dm(&["add", "edit.dark", "--session", session, "--intent", intent]).succeeds();
    };
    edit("work", "Two times.", "In words");
    machine.dm(&["session", "new", "other"]).succeeds();
    edit("other", "Doubled.", "In one word");
    machine.dm(&["patch", "apply", "--session", "other"]).succeeds();
    machine.dm(&["session", "switch", "work"]).succeeds();
    machine.write("away.patch", away);
    machine.write("ada.key", ADA_ELSEWHERE);
    machine.dm(&["remote", "add", "home", url]).succeeds();
    machine.with_env("DM_SESSION", "work").with_env("EDITOR", "sed -i s/much/much,/")
}

fn stage() -> Stage {
    let home = sandbox().machine("home").with_env("DM_AUTHOR", "home");
    let away = home_with_a_patch(&home);
    let server = home.serve(&["serve", "--listen", "127.0.0.1:0"]);
    let machine = on_stage(&ada_with_math(), &away, &server.url());
    Stage { machine, _server: (server, home) }
}

/// The arguments of a case as they are typed.
pub fn typed(machine: &Machine, case: &Case) -> Vec<String> {
    let patches = json(&machine.dm(&["patch", "list", "--json"]));
    let first = patches[0]["id"].as_str().unwrap_or_default();
    let args = case.verb.split(' ').chain(case.args.iter().copied());
    args.map(|arg| if arg == "[PATCH]" { first } else { arg }.to_owned()).collect()
}

/// Runs what a case needs before.
pub fn ready_for(machine: &Machine, case: &Case) {
    for need in case.needs {
        machine.dm(need).succeeds();
    }
}

fn run(machine: &Machine, case: &Case, more: &[&str]) -> Ran {
    let typed = typed(machine, case);
    let args: Vec<&str> = typed.iter().map(String::as_str).chain(more.iter().copied()).collect();
    machine.dm(&args)
}

/// A copy of the stage with what a case needs besides.
fn prepare(stage: &Stage, case: &Case) -> Machine {
    let copy = stage.machine.beside(&case.verb.replace(' ', "-"));
    copy.copy_folder(stage.machine.folder(), ".");
    ready_for(&copy, case);
    copy
}

/// The verbs that the program says it has, with the section about each.
fn manual() -> BTreeMap<String, String> {
    let printed = sandbox().machine("laptop").dm(&["doc-gen", "cli"]).succeeds().stdout;
    let sections = printed.split("\n## `dm ").skip(1);
    let verbs = sections.filter_map(|section| section.split_once("`\n"));
    verbs.map(|(verb, about)| (verb.to_owned(), about.to_owned())).collect()
}

#[test]
fn every_verb_is_tested_here() {
    let known: BTreeSet<String> = manual().into_keys().collect();
    let here = READING.iter().chain(&WRITING).map(|case| case.verb).chain(WRITING_UNSEEN).chain(SILENT);
    let here: BTreeSet<String> = here.map(str::to_owned).collect();
    assert_eq!(known, here);
}

#[test]
fn every_verb_that_writes_has_a_dry_run() {
    let manual = manual();
    for verb in WRITING.iter().map(|case| case.verb).chain(WRITING_UNSEEN) {
        assert!(manual[verb].contains("`--dry-run`"), "dm {verb}");
    }
    for verb in READING.iter().map(|case| case.verb).chain(SILENT) {
        assert!(!manual[verb].contains("`--dry-run`"), "dm {verb} writes, so it belongs to the others");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let stage = stage();
    for case in &WRITING {
        let machine = prepare(&stage, case);
        let before = everything(&machine);
        let dry = run(&machine, case, &["--dry-run"]).succeeds();
        let words = format!("{}{}", dry.stdout, dry.stderr);
        let told = words.contains("would ") || words.contains("nothing ") || words.contains("no new patch");
        assert!(told, "{}: {words}", dry.typed);
        assert_eq!(everything(&machine), before, "dm {} --dry-run", case.verb);
        run(&machine, case, &[]).succeeds();
        if case.verb != "pull" {
            assert!(everything(&machine) != before, "dm {} without --dry-run wrote nothing", case.verb);
        }
    }
}

/// Verbs of which `undo` says that they stay, before it takes back the one before.
const FINAL: [&str; 5] = ["key rotate", "key revoke", "key vouch", "key import", "patch import"];
/// Verbs that write a patch of their own: taken out of main, it is a draft in the list.
const LEAVING_A_DRAFT: [&str; 2] = ["patch apply", "space publish"];
/// Verbs whose effect depends on what the server has: `exchange.rs` undoes them.
const EXCHANGING: [&str; 3] = ["sync", "push", "pull"];

/// All that can be seen, but for times, revisions, and counts of what is kept for ever or until `gc`.
fn seen(machine: &Machine) -> String {
    let kept = ["_at\": ", "\"envelopes\": ", "\"definitions\": ", "\"waiting\": ", "\"revision\": "];
    let all = everything(machine);
    all.lines().filter(|line| !kept.iter().any(|word| line.contains(word))).map(|line| format!("{line}\n")).collect()
}

/// What the view has.
fn view(machine: &Machine) -> String {
    let shown = ["status", "ls", "conflicts"].map(|verb| machine.dm(&[verb]).stdout).concat();
    // What waits to be sent only grows.
    shown.lines().filter(|line| !line.starts_with("remote ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_verb_is_taken_back_or_says_that_it_stays() {
    let stage = stage();
    for case in &WRITING {
        let verb = case.verb;
        if ["undo", "redo"].contains(&verb) || EXCHANGING.contains(&verb) {
            continue;
        }
        let look = if LEAVING_A_DRAFT.contains(&verb) { view } else { seen };
        let machine = prepare(&stage, case);
        // What makes another session current is a command of that session, and so is taking that back.
        let (session, again): (&[&str], &[&str]) = match verb {
            "session new" => (&["--session", "third"], &[]),
            "session switch" => (&["--session", "work"], &["--session", "other"]),
            _ => (&[], &[]),
        };
        let before = look(&machine);
        run(&machine, case, &[]).succeeds();
        let after = look(&machine);
        let undo = machine.dm(&[&["undo"], session].concat()).succeeds();
        if FINAL.contains(&verb) {
            undo.prints(&format!("`{verb}` stays: ")).prints("; it cannot be undone");
            continue;
        }
        let undone = look(&machine);
        assert!(undone == before, "dm {verb}: {}{}", undo.stdout, difference(&before, &undone));
        let redo = machine.dm(&[&["redo"], again].concat()).succeeds();
        let redone = look(&machine);
        assert!(redone == after, "dm {verb}: {}{}", redo.stdout, difference(&after, &redone));
    }
}

#[test]
fn reading_writes_nothing() {
    let Stage { machine, _server } = stage();
    let before = everything(&machine);
    for case in &READING {
        run(&machine, case, &[]).succeeds();
        assert_eq!(everything(&machine), before, "dm {}", case.verb);
    }
}

#[test]
fn init_and_export_make_no_folder_in_a_dry_run() {
    let machine = sandbox().machine("laptop").with_env("DM_AUTHOR", "Ada");
    machine.dm(&["init", "new", "--dry-run"]).succeeds();
    assert!(!machine.folder().join("new").exists());
    machine.dm(&["init", "new"]).succeeds();
    assert!(machine.folder().join("new/.darkmatter/store.db").exists());
    let machine = ada_with_math();
    let before = everything(&machine);
    machine.dm(&["export", "out", "--dry-run"]).succeeds().prints("would write 2 files");
    assert!(!machine.folder().join("out").exists());
    machine.dm(&["export", "out"]).succeeds();
    assert!(machine.folder().join("out/ada/math.dark").exists());
    assert_eq!(everything(&machine), before);
}

#[test]
fn a_patch_is_shown_in_each_view_in_the_documented_shape() {
    let Stage { machine, _server } = stage();
    let shapes = Shapes::read();
    for (view, shape) in [("diff", ""), ("ops", ""), ("impact", " --view impact"), ("timeline", " --view timeline")] {
        let printed = json(&machine.dm(&["patch", "show", "--view", view, "--json"]));
        shapes.check(&printed, &shapes.verbs[&format!("patch show{shape}")], view);
        assert!(!machine.dm(&["patch", "show", "--view", view]).succeeds().stdout.is_empty());
    }
}

#[test]
fn a_patch_file_is_not_written_in_a_dry_run() {
    let machine = ada_with_math();
    let patch = json(&machine.dm(&["patch", "list", "--all", "--json"]))[0]["id"].as_str().unwrap().to_owned();
    let args = ["patch", "export", &patch, "--output", "math.patch"];
    machine.dm(&[&args[..], &["--dry-run"]].concat()).succeeds().prints("would write 1 patch");
    assert!(!machine.folder().join("math.patch").exists());
    let shapes = Shapes::read();
    shapes.check(&json(&machine.dm(&[&args[..], &["--json"]].concat())), &shapes.verbs["patch export"], "patch export");
    let written = std::fs::read_to_string(machine.folder().join("math.patch")).unwrap();
    assert_eq!(machine.dm(&args[..3]).succeeds().stdout, written);
}

#[test]
fn an_empty_folder_becomes_a_repository_where_it_is() {
    let ada = ada_with_math();
    std::fs::create_dir(ada.folder().join("bare")).unwrap();
    let inside = ada.at("bare");
    let first = json(&inside.dm(&["git", "export", ".", "--json"]));
    assert_eq!(first["written"].as_array().map(Vec::len), Some(1));
    assert!(ada.folder().join("bare/HEAD").exists());
    let again = json(&inside.dm(&["git", "export", ".", "--json"]));
    assert_eq!((&again["written"], &again["head"]), (&serde_json::json!([]), &first["head"]));
}

#[test]
fn the_bridge_to_git_writes_nothing_in_a_dry_run() {
    let machine = ada_with_math();
    let shapes = Shapes::read();
    let before = everything(&machine);
    machine.dm(&["git", "export", "out.git", "--dry-run"]).succeeds().prints("1 commit would be written");
    assert!(!machine.folder().join("out.git").exists());
    assert_eq!(everything(&machine), before);
    let printed = json(&machine.dm(&["git", "export", "out.git", "--json"]));
    shapes.check(&printed, &shapes.verbs["git export"], "git export");
    let export = machine.dm(&["git", "export", "out.git"]).succeeds();
    assert!(export.stdout.contains("nothing new for branch darkmatter"), "{}", export.stdout);
    let other = machine.beside("other").with_env("DM_AUTHOR", "Bo");
    other.copy_folder(machine.folder().join("out.git"), "in.git");
    other.dm(&["init"]).succeeds();
    let before = everything(&other);
    let import = ["git", "import", "in.git", "--branch", "darkmatter"];
    other.dm(&[&import[..], &["--dry-run"]].concat()).succeeds().prints("1 patch would be made; nothing was written");
    assert_eq!(everything(&other), before);
    let printed = json(&other.dm(&[&import[..], &["--json"]].concat()));
    shapes.check(&printed, &shapes.verbs["git import"], "git import");
    assert!(everything(&other) != before);
    other.dm(&["git", "import", "nowhere"]).exits(2);
    other.dm(&["git", "export", "in.git"]).exits(1);
}

#[test]
fn a_secret_goes_to_a_new_file_of_its_owner_only() {
    let machine = ada_with_math();
    let args = ["key", "export", "my.key"];
    machine.dm(&[&args[..], &["--dry-run"]].concat()).succeeds().prints("would write the secret key of Ada");
    machine.dm(&["key", "export", "-", "--dry-run"]).succeeds().prints("would print the secret key of Ada");
    let path = machine.folder().join("my.key");
    assert!(!path.exists());
    let shapes = Shapes::read();
    shapes.check(&json(&machine.dm(&[&args[..], &["--json"]].concat())), &shapes.verbs["key export"], "key export");
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(machine.dm(&["key", "export", "-"]).succeeds().stdout, written);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    machine.dm(&args).exits(1);
    let secret = written.lines().last().and_then(|line| line.strip_prefix("secret ")).unwrap();
    let shown = machine.dm(&["key", "show", "Ada", "--json"]).succeeds().stdout;
    assert!(!everything(&machine).contains(secret) && !shown.contains(secret));
}

#[test]
fn gc_drops_nothing_in_a_dry_run() {
    let machine = ada_with_math();
    let shapes = Shapes::read();
    machine.write("try.dark", "module Ada.Try\n\nval one = 1L\n");
    machine.dm(&["add", "try.dark", "--intent", "Try"]).succeeds();
    machine.dm(&["undo"]).succeeds();
    let before = everything(&machine);
    machine.dm(&["gc", "--days", "0", "--dry-run"]).succeeds().prints("would drop 1 definition that nothing names");
    assert_eq!(everything(&machine), before);
    machine.dm(&["redo"]).succeeds();
    machine.dm(&["undo"]).succeeds();
    let printed = json(&machine.dm(&["gc", "--days", "0", "--json"]));
    shapes.check(&printed, &shapes.verbs["gc"], "gc");
    assert_eq!(printed["definitions"], 1);
    machine.dm(&["redo"]).exits(1);
    machine.dm(&["gc"]).succeeds().prints("nothing to drop");
    machine.dm(&["verify"]).succeeds();
}

#[test]
fn a_token_is_not_made_in_a_dry_run() {
    let machine = ada_with_math();
    machine.dm(&["token", "create", "ben", "--dry-run"]).succeeds().prints("nothing was made");
    let first = json(&machine.dm(&["token", "create", "ben", "--json"]));
    assert_eq!(first["replaces"], false);
    let second = json(&machine.dm(&["token", "create", "ben", "--json"]));
    assert_eq!(second["replaces"], true);
    assert_ne!(first["token"], second["token"]);
}

#[test]
fn rebuild_finds_nothing_to_do() {
    let Stage { machine, _server } = stage();
    let before = everything(&machine);
    for args in [&["rebuild", "--dry-run", "--json"] as &[&str], &["rebuild", "--json"]] {
        let report = json(&machine.dm(args));
        assert_eq!(report["differed"], Value::Array(Vec::new()), "{args:?}");
        assert_eq!(everything(&machine), before);
    }
}

/// The documented shapes: which verb prints what, and what the fields of each are.
struct Shapes {
    verbs: BTreeMap<String, String>,
    types: BTreeMap<String, BTreeMap<String, String>>,
}

impl Shapes {
    fn read() -> Self {
        let text = sandbox().machine("laptop").dm(&["doc-gen", "json"]).succeeds().stdout;
        let (table, types) = text.split_once("\n## ").expect("types follow the verbs");
        let mut verbs = BTreeMap::new();
        for (names, shape) in table.lines().filter_map(row).map(|cells| (cells[0].clone(), cells[1].clone())) {
            verbs.extend(names.split(", ").map(|name| (name.to_owned(), shape.clone())));
        }
        let mut all = BTreeMap::new();
        for section in types.split("\n## ") {
            let name = section.lines().next().unwrap_or_default().to_owned();
            let fields = section.lines().filter_map(row).map(|cells| (cells[0].clone(), cells[1].clone()));
            all.insert(name, fields.collect());
        }
        Self { verbs, types: all }
    }

    /// Whether a value is of a shape as it stands in the document.
    fn check(&self, value: &Value, shape: &str, place: &str) {
        if let Some(of) = shape.strip_prefix("list of ") {
            let list = value.as_array().unwrap_or_else(|| panic!("{place} is no {shape}: {value}"));
            list.iter().enumerate().for_each(|(at, value)| self.check(value, of, &format!("{place}[{at}]")));
            return;
        }
        if let Some(of) = shape.strip_suffix(" or null") {
            if !value.is_null() {
                self.check(value, of, place);
            }
            return;
        }
        let name = shape.strip_prefix('[').and_then(|rest| rest.split(']').next());
        let fits = match shape {
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            // A list of words instead of fields.
            _ => value.is_object() || (value.is_string() && name.is_some_and(|name| self.types[name].is_empty())),
        };
        assert!(fits, "{place} is no {shape}: {value}");
        if let Some(name) = name.filter(|_| value.is_object()) {
            self.check_fields(value, name, place);
        }
    }

    fn check_fields(&self, value: &Value, name: &str, place: &str) {
        let fields = self.types.get(name).unwrap_or_else(|| panic!("{place}: {name} is not documented"));
        let printed: BTreeSet<&String> = value.as_object().into_iter().flat_map(|object| object.keys()).collect();
        assert_eq!(printed, fields.keys().collect(), "{place}: fields of {name}");
        for (field, shape) in fields {
            self.check(&value[field], shape, &format!("{place}.{field}"));
        }
    }
}

/// The cells of a table's row, without the ticks around the first.
fn row(line: &str) -> Option<Vec<String>> {
    let cells = line.strip_prefix("| `")?.strip_suffix(" |")?;
    let (first, rest) = cells.split_once("` | ")?;
    Some(std::iter::once(first).chain(rest.split(" | ")).map(str::to_owned).collect())
}

#[test]
fn what_is_printed_as_json_has_the_documented_shape() {
    let shapes = Shapes::read();
    let stage = stage();
    let machine = &stage.machine;
    let silent: BTreeSet<&str> = SILENT.into();
    let wanted: BTreeSet<String> = manual().into_keys().filter(|verb| !silent.contains(verb.as_str())).collect();
    // With an option of its own shape, a verb is there twice.
    let documented = shapes.verbs.keys().filter(|verb| !verb.contains(" --")).cloned();
    assert_eq!(documented.collect::<BTreeSet<_>>(), wanted, "verbs with a documented shape");
    for case in &READING {
        let printed = json(&run(machine, case, &["--json"]));
        // Only a peer that sends what is damaged fills the quarantine; the server's tests have one.
        let checked = printed.as_array().is_none_or(|list| !list.is_empty()) || case.verb == "remote quarantine";
        assert!(checked, "dm {}: nothing to check", case.verb);
        shapes.check(&printed, &shapes.verbs[case.verb], case.verb);
    }
    for case in &WRITING {
        let machine = prepare(&stage, case);
        let printed = json(&run(&machine, case, &["--json"]));
        shapes.check(&printed, &shapes.verbs[case.verb], case.verb);
    }
    let unseen: [&[&str]; 4] = [&["init", "new"], &["export", "out"], &["token", "create", "ben"], &["rebuild"]];
    for args in unseen {
        let mut all = args.to_vec();
        all.push("--json");
        let verb = if args[0] == "token" { "token create" } else { args[0] };
        shapes.check(&json(&machine.dm(&all)), &shapes.verbs[verb], verb);
    }
}

#[test]
fn scripts_find_kind_and_location_of_every_definition() {
    let machine = ada_with_math();
    let listing = json(&machine.dm(&["ls", "--recursive", "--json"]));
    let found: Vec<(&str, &str)> = listing["definitions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some((entry["location"].as_str()?, entry["kind"].as_str()?)))
        .collect();
    let expected = [
        ("Ada.Math.Length", "type"),
        ("Ada.Math.four", "value"),
        ("Ada.Math.fourTimes", "fn"),
        ("Ada.Math.twice", "fn"),
        ("Ada.Math.twice_two_is_four", "test"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn conflicts_alone_lists_them() {
    let Stage { machine, _server } = stage();
    let alone = machine.dm(&["conflicts"]).succeeds();
    assert_eq!(alone.stdout, machine.dm(&["conflicts", "list"]).succeeds().stdout);
    assert!(alone.stdout.contains("was edited twice"), "{}", alone.stdout);
}

#[test]
fn wrong_usage_is_2() {
    let machine = ada_with_math();
    for args in [&["frobnicate"] as &[&str], &["show"], &["log", "--limit", "many"], &["conflicts", "resolve", "x"]] {
        machine.dm(args).exits(2);
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let printed = sandbox().machine("laptop").dm(&["completions", shell]).succeeds().stdout;
        assert!(printed.contains("dependents"), "{shell}");
    }
}
