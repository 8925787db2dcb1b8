//! Every writing verb, killed and failing at each step that it makes towards the disk: the store is then as before or as after,
//! never between, what was acknowledged is there, and the same command goes through the next time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dm_testkit::{Cut, Machine, Ran};

use crate::support::{ada_with_math, ask, everything, json, sandbox};
use crate::verbs::{Case, WRITING, home_with_a_patch, on_stage, ready_for, typed};

/// The steps towards the disk, and how one fails. A step that fails keeps failing, as on a full or broken disk.
const STEPS: [(&str, &str); 7] = [
    ("pwrite64", "ENOSPC"),
    ("write", "ENOSPC"),
    ("fsync", "EIO"),
    ("fdatasync", "EIO"),
    ("ftruncate", "EIO"),
    ("?rename", "EACCES"),
    ("?mkdir", "EACCES"),
];

/// Verbs that take several transactions, or write files too. Cut between two, they leave what was done until then, and the same
/// command does the rest.
const STEPWISE: [&str; 3] = ["sync", "push", "pull"];

/// In how many parts the verbs are tested, so that they run side by side.
const PARTS: usize = 4;

/// Where a verb is cut.
struct Place {
    machine: Machine,
    /// The same machine, at a moment and with dice that are the same for each attempt.
    attempt: Machine,
    /// Another store that the verb may write to.
    home: Machine,
    args: Vec<String>,
    is_stepwise: bool,
}

impl Place {
    fn of(case: &Case) -> Self {
        let ada = ada_with_math();
        let home = ada.at("../home").with_env("DM_AUTHOR", "home");
        let away = home_with_a_patch(&home);
        let machine = on_stage(&ada, &away, "../home");
        ready_for(&machine, case);
        let args = typed(&machine, case);
        let attempt = machine.with_env("DM_NOW", "1800000000000").with_env("DM_SEED", "cut");
        Self { machine, attempt, home, args, is_stepwise: STEPWISE.contains(&case.verb) }
    }

    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    /// All that can be seen of the store, which is whole. Of an exchange, both stores, but not when what was done: it may have
    /// been the attempt before that did it.
    fn seen(&self) -> String {
        if !self.is_stepwise {
            return whole(&self.machine) + &self.machine.dm(&["ops"]).succeeds().stdout;
        }
        let seen = whole(&self.machine) + &whole(&self.home);
        seen.lines().filter(|line| !line.contains("_at\": ")).map(|line| format!("{line}\n")).collect()
    }

    /// Cuts the verb at each step of that name in turn.
    fn cut(&self, call: &str, how: Cut) -> u32 {
        let kept = self.machine.keep();
        let before = self.seen();
        self.attempt.dm(&self.args()).succeeds();
        let after = self.seen();
        assert!(before != after || self.is_stepwise, "{:?} wrote nothing", self.args);
        let mut cuts = 0;
        loop {
            self.machine.restore(&kept);
            let Some(ran) = self.attempt.dm_cut(call, cuts + 1, how, &self.args()) else {
                self.machine.restore(&kept);
                return cuts;
            };
            cuts += 1;
            self.check(&ran, &before, &after);
        }
    }

    fn check(&self, ran: &Ran, before: &str, after: &str) {
        let now = self.seen();
        let told = format!("{}\n{:?}\n{}{}", ran.typed, ran.code, ran.stdout, ran.stderr);
        let acknowledged = ran.code == Some(0) || (ran.code.is_none() && !ran.stdout.is_empty());
        assert!(!acknowledged || now == after, "acknowledged, but not there: {told}\n{}", difference(after, &now));
        assert!(now == before || now == after || self.is_stepwise, "between: {told}\n{}", difference(after, &now));
        let is_clear = ran.code.is_none() || acknowledged || ran.stderr.contains("error: ");
        assert!(is_clear && !ran.stderr.contains("BUG:"), "no clear error: {told}");
        if now != after {
            self.attempt.dm(&self.args()).succeeds();
            let again = self.seen();
            assert!(again == after, "the same command after it was cut: {told}\n{}", difference(after, &again));
        }
    }
}

/// All that can be seen of a store in which nothing is damaged.
fn whole(machine: &Machine) -> String {
    let seen = everything(machine);
    assert!(seen.contains("\"findings\": []"), "{}", machine.dm(&["verify"]).stdout);
    seen
}

pub fn difference(wanted: &str, found: &str) -> String {
    dm_testkit::unified_diff(wanted, found)
}

/// Cuts the verbs of one part.
fn cut_part(part: usize) {
    for case in WRITING.iter().skip(part).step_by(PARTS) {
        let place = Place::of(case);
        for (call, error) in STEPS {
            let killed = place.cut(call, Cut::Kill);
            assert!(killed > 0 || call != "pwrite64", "dm {} was never killed", case.verb);
            // A full disk does not fill the terminal.
            let failed = if call == "write" { killed } else { place.cut(call, Cut::Fail(error)) };
            assert_eq!(killed > 0, failed > 0, "dm {}: {call}", case.verb);
        }
    }
}

#[test]
fn verbs_cut_at_each_step_1() {
    cut_part(0);
}

#[test]
fn verbs_cut_at_each_step_2() {
    cut_part(1);
}

#[test]
fn verbs_cut_at_each_step_3() {
    cut_part(2);
}

#[test]
fn verbs_cut_at_each_step_4() {
    cut_part(3);
}

/// Verbs that write files, or what no reading verb shows.
const FILES: [&[&str]; 6] = [
    &["init", "new", "--author", "Ada"],
    &["export", "out"],
    &["key", "export", "ada.key"],
    &["patch", "export", "[PATCH]", "--output", "math.patch"],
    &["rebuild"],
    &["token", "create", "ben"],
];

/// The files below a folder, but for those of a store.
fn files(machine: &Machine) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![machine.folder().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with(".darkmatter") {
                folders.push(path);
            } else if path.is_file() {
                found.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn verbs_that_write_files_go_through_after_a_cut() {
    let machine = ada_with_math();
    let attempt = machine.with_env("DM_NOW", "1800000000000").with_env("DM_SEED", "cut");
    let patch = ask(&machine, &["patch", "list", "--all"])[0]["id"].as_str().unwrap_or_default().to_owned();
    let kept = machine.keep();
    for args in FILES {
        let args: Vec<&str> = args.iter().map(|arg| if *arg == "[PATCH]" { &patch } else { *arg }).collect();
        let args = args.as_slice();
        attempt.dm(args).succeeds();
        let after = files(&machine);
        for (call, error) in STEPS {
            for how in [Cut::Kill, Cut::Fail(error)] {
                if how != Cut::Kill && call == "write" && args[0] == "token" {
                    continue;
                }
                for nth in 1.. {
                    machine.restore(&kept);
                    let Some(ran) = attempt.dm_cut(call, nth, how, args) else { break };
                    let told = format!("{}\n{:?}\n{}{}", ran.typed, ran.code, ran.stdout, ran.stderr);
                    assert!(!ran.stderr.contains("BUG:"), "{told}");
                    whole(&machine);
                    let again = attempt.dm(args);
                    assert!(again.code == Some(0) || again.stderr.contains("already"), "{told}\n{}", again.stderr);
                    assert_eq!(files(&machine), after, "{told}");
                    let store = if args[0] == "init" { machine.at("new") } else { machine.clone() };
                    whole(&store);
                }
                machine.restore(&kept);
            }
        }
    }
}

/// What the bridge to git leaves in a store: its patches, in order, and what they make.
fn history(machine: &Machine) -> String {
    whole(machine) + &machine.dm(&["log", "--json"]).succeeds().stdout
}

#[test]
fn a_bridge_to_git_that_is_killed_goes_on() {
    let ada = ada_with_math();
    for number in 0..6 {
        ada.write("more.dark", format!("module Ada.More\n\nval n{number} = {number}L\n"));
        ada.dm(&["add", "more.dark", "--intent", &format!("Number {number}")]).succeeds();
        ada.dm(&["patch", "apply"]).succeeds();
    }
    let export: &[&str] = &["git", "export", "out.git"];
    let kept = ada.keep();
    let written = json(&ada.dm(&["git", "export", "out.git", "--json"]))["head"].clone();
    assert!(written.is_string(), "{written}");
    let mut cuts = 0;
    for nth in (1..).step_by(5) {
        ada.restore(&kept);
        let Some(ran) = ada.dm_cut("pwrite64,write,fsync,fdatasync,?rename", nth, Cut::Kill, export) else { break };
        cuts += 1;
        ada.dm(export).succeeds();
        assert_eq!(names_in(&ada.folder().join("out.git")), ["refs/heads/darkmatter"], "{}", ran.typed);
        let head = json(&ada.dm(&["git", "export", "out.git", "--json"]))["head"].clone();
        assert_eq!(head, written, "{}", ran.typed);
        whole(&ada);
    }
    assert!(cuts > 5, "{cuts} cuts");
    ada.restore(&kept);
    ada.dm(export).succeeds();

    let import: &[&str] = &["git", "import", "in.git", "--branch", "darkmatter"];
    let ben = ada.beside("ben").with_env("DM_AUTHOR", "Ben");
    let attempt = ben.with_env("DM_NOW", "1800000000000").with_env("DM_SEED", "cut");
    ben.copy_folder(ada.folder().join("out.git"), "in.git");
    ben.dm(&["init"]).succeeds();
    let kept = ben.keep();
    attempt.dm(import).succeeds();
    let after = history(&ben);
    let mut cuts = 0;
    for nth in (1..).step_by(3) {
        ben.restore(&kept);
        let Some(ran) = attempt.dm_cut("pwrite64,fdatasync,fsync", nth, Cut::Kill, import) else { break };
        cuts += 1;
        whole(&ben);
        attempt.dm(import).succeeds();
        let again = history(&ben);
        assert!(again == after, "{}\n{}", ran.typed, difference(&after, &again));
    }
    assert!(cuts > 5, "{cuts} cuts");
}

/// The names that a git repository has.
fn names_in(repository: &Path) -> Vec<String> {
    let mut git = Command::new("git");
    git.arg("--git-dir").arg(repository).args(["for-each-ref", "--format=%(refname)"]);
    let names = git.output().unwrap();
    assert!(names.status.success(), "{}", String::from_utf8_lossy(&names.stderr));
    String::from_utf8(names.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What an exchange leaves on both sides, apart from when it was.
fn views(machines: [&Machine; 2]) -> [serde_json::Value; 2] {
    machines.map(|machine| ask(machine, &["rebuild", "--dry-run"])["view_fingerprint"].clone())
}

#[test]
fn a_server_killed_at_each_step_of_a_push() {
    let home = sandbox().machine("home").with_env("DM_AUTHOR", "home");
    home.dm(&["init"]).succeeds();
    let kept = home.keep();
    let ada = ada_with_math();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    for nth in 1.. {
        home.restore(&kept);
        let mut was_cut = true;
        if let Some(mut server) = home.serve_cut("pwrite64", nth, &serve) {
            ada.dm(&["remote", "add", "home", &server.url()]).succeeds();
            let pushed = ada.dm(&["push"]);
            was_cut = pushed.code != Some(0) || server.has_ended();
            assert!(pushed.code == Some(0) || pushed.stderr.contains("error: "), "{}\n{}", pushed.typed, pushed.stderr);
            ada.dm(&["remote", "remove", "home"]).succeeds();
        }
        whole(&home);
        let server = home.serve(&serve);
        ada.dm(&["remote", "add", "home", &server.url()]).succeeds();
        ada.dm(&["push"]).succeeds();
        let [here, there] = views([&ada, &home]);
        assert_eq!(here, there, "cut at write {nth}");
        ada.dm(&["remote", "remove", "home"]).succeeds();
        if !was_cut {
            assert!(nth > 10, "cut only {nth} times");
            return;
        }
    }
}
