//! Running every fuzz target for a while, two at a time.

use std::collections::VecDeque;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};

use crate::step::{self, Counts};
use crate::workspace::Workspace;

const TARGETS_AT_ONCE: usize = 2;
/// Longer inputs are slower and find nothing that shorter ones do not.
const INPUT_BYTES_MAX: usize = 4096;

/// `cargo fuzz VERB` on the project's targets. The instrumentation wants unstable flags of the compiler.
fn cargo_fuzz(workspace: &Workspace, verb: &str) -> Command {
    let mut command = workspace.cargo(&["fuzz", verb, "--fuzz-dir"]);
    command.arg(workspace.root.join("fuzz")).arg("--target-dir").arg(workspace.target.join("fuzz"));
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}

/// The names of the targets.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace.root.join("fuzz/fuzz_targets")).context("there are no fuzz targets")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "there are no fuzz targets");
    Ok(names)
}

/// Runs each target for so many seconds; a target that finds nothing counts as passed.
pub fn fuzz(workspace: &Workspace, seconds: u64) -> Result<Counts> {
    let names = targets(workspace)?;
    step::run(&mut cargo_fuzz(workspace, "build"))?;
    let queue = Mutex::new(VecDeque::from(names));
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..TARGETS_AT_ONCE {
            scope.spawn(|| {
                let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front();
                while let Some(name) = next() {
                    let found = run_target(workspace, &name, seconds);
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((name, found));
                }
            });
        }
    });
    let mut counts = Counts::default();
    for (name, found) in results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        match found {
            Ok(last) => {
                counts.passed += 1;
                println!("{name}: nothing found, {last}");
            }
            Err(error) => {
                counts.failed += 1;
                println!("{name}: {error:#}");
            }
        }
    }
    Ok(counts)
}

/// Fuzzes one target and gives back the fuzzer's last line.
fn run_target(workspace: &Workspace, name: &str, seconds: u64) -> Result<String> {
    let corpus = workspace.root.join("fuzz/corpus").join(name);
    fs::create_dir_all(&corpus)?;
    let mut command = cargo_fuzz(workspace, "run");
    // The fuzzer puts what it learns into the first folder; the second is only read.
    command.arg(name).arg(corpus);
    let seeds = workspace.root.join("fuzz/seeds").join(name);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.args(["--", &format!("-max_total_time={seconds}"), &format!("-max_len={INPUT_BYTES_MAX}"), "-timeout=10"]);
    let done = command.stdin(Stdio::null()).output().context("cargo fuzz could not be started")?;
    let printed = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.status.success(), "found something\n{printed}");
    let last = printed.lines().rfind(|line| line.starts_with("Done ")).unwrap_or("done");
    Ok(last.to_owned())
}
