//! Machines with a store, and what is asked of them again and again.

use std::path::{Path, PathBuf};

use dm_testkit::{Machine, Ran, Sandbox};
use serde_json::Value;

/// The root of the sources.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// An empty sandbox for the built program.
pub fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_dm"))
}

/// A machine with an empty store of Ada's.
pub fn ada() -> Machine {
    let machine = sandbox().machine("laptop");
    machine.dm(&["init", "--author", "Ada"]).succeeds();
    machine
}

/// The text of a small module: two functions, a value, a type, a test.
pub const MATH: &str = "module Ada.Math

/// A number with its unit.
type Length = { metres: Int64 }

/// Twice as much.
let twice (n: Int64) : Int64 =
  Builtin.int64Add n n

/// Four times as much.
let fourTimes (n: Int64) : Int64 =
  twice (twice n)

val four = 4L

/// Twice two is four
twice 2L = four
";

/// A machine with [`MATH`] in its main, imported from `src`.
pub fn ada_with_math() -> Machine {
    let machine = ada();
    machine.write("src/math.dark", MATH);
    machine.dm(&["import", "src", "--intent", "Begin"]).succeeds();
    machine
}

/// What a successful command printed, as JSON.
#[track_caller]
pub fn json(ran: &Ran) -> Value {
    assert!(ran.code.is_some_and(|code| code < 2), "{}\n{}{}", ran.typed, ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{}: {error}\n{}", ran.typed, ran.stdout))
}

/// Runs a command with `--json` and reads what it printed.
#[track_caller]
pub fn ask(machine: &Machine, args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.push("--json");
    json(&machine.dm(&all))
}

/// The texts at a key of each object of a list.
pub fn texts(list: &Value, key: &str) -> Vec<String> {
    list.as_array()
        .unwrap_or_else(|| panic!("no list: {list}"))
        .iter()
        .map(|entry| entry[key].as_str().unwrap_or_else(|| panic!("no text {key}: {entry}")).to_owned())
        .collect()
}

/// The text of a definition as the session shows it.
#[track_caller]
pub fn text_of(machine: &Machine, name: &str) -> String {
    ask(machine, &["show", name])["text"].as_str().unwrap_or_default().to_owned()
}

/// All that a person can see of a store: nothing of it changes where nothing is written.
pub fn everything(machine: &Machine) -> String {
    let mut seen = String::new();
    let verbs: [&[&str]; 11] = [
        &["status"],
        &["log"],
        &["ls", "--recursive"],
        &["session", "list"],
        &["patch", "list", "--all"],
        &["conflicts", "list"],
        &["remote", "list"],
        &["space", "list"],
        &["key", "show", "Ada"],
        &["config", "list"],
        &["verify"],
    ];
    for verb in verbs {
        let mut args = verb.to_vec();
        args.push("--json");
        let ran = machine.dm(&args);
        seen.push_str(&format!("{}\n{:?}\n{}\n", ran.typed, ran.code, ran.stdout));
    }
    seen
}
