//! Every test there is, step by step.

use std::process::Command;

use anyhow::Result;

use crate::step::{self, Counts, Steps};
use crate::workspace::Workspace;
use crate::{codegen, fuzz, tidy};

/// A program that the tests want and that cargo can install.
struct Tool {
    /// The subcommand of cargo that it adds.
    subcommand: &'static str,
    package: &'static str,
    version: &'static str,
}

/// All that is installed when it is missing. (`cargo nextest` is used where it is there, and else `cargo test`: building it takes
/// longer than it saves.)
const TOOLS: [Tool; 2] = [
    Tool { subcommand: "deny", package: "cargo-deny", version: "0.20.2" },
    Tool { subcommand: "fuzz", package: "cargo-fuzz", version: "0.13.2" },
];

/// Programs that the tests start, and that Debian packages bring under the same name: `strace` cuts commands at each of their steps, `git`
/// is what histories are brought from and to.
const PACKAGES: [&str; 2] = ["strace", "git"];

/// How long each fuzz target runs.
const FUZZ_SECONDS: u64 = 60;

fn has(workspace: &Workspace, subcommand: &str) -> bool {
    step::works(&mut workspace.cargo(&[subcommand, "--version"]))
}

/// Installs what is missing of [`PACKAGES`].
fn install_packages() -> Result<()> {
    let missing: Vec<&str> =
        PACKAGES.into_iter().filter(|name| !step::works(Command::new(name).arg("--version"))).collect();
    if missing.is_empty() {
        println!("{} are there", PACKAGES.join(", "));
        return Ok(());
    }
    println!("{} are being installed", missing.join(", "));
    step::run(Command::new("apt-get").args(["update", "-qq"]))?;
    step::run(Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends"]).args(missing))
}

fn install(workspace: &Workspace) -> Result<bool> {
    install_packages()?;
    for tool in TOOLS {
        if has(workspace, tool.subcommand) {
            println!("{} is there", tool.package);
            continue;
        }
        println!("{} {} is being installed", tool.package, tool.version);
        let args = ["install", "--quiet", "--locked", tool.package, "--version", tool.version];
        // The build folder of the workspace is not this program's.
        step::run(workspace.cargo(&args).env_remove("CARGO_TARGET_DIR"))?;
    }
    Ok(true)
}

/// Runs everything and prints the closing line. True if all passed.
pub fn test(workspace: &Workspace) -> Result<bool> {
    let mut steps = Steps::default();
    let run = |command: &mut Command| step::run(command).map(|()| true);
    steps.check("tools", || install(workspace));
    steps.check("layout", || run(&mut workspace.cargo(&["fmt", "--all", "--check"])));
    steps.check("lints", || {
        run(&mut workspace.cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
    steps.check("tidy", || tidy::tidy(workspace));
    steps.check("build", || run(&mut workspace.cargo(&["build", "--quiet", "--workspace"])));
    steps.counted("tests", || workspace_tests(workspace));
    steps.counted("documentation tests", || {
        step::run_tests(&mut workspace.cargo(&["test", "--quiet", "--workspace", "--doc", "--no-fail-fast"]))
    });
    steps.check("documentation", || {
        run(workspace.cargo(&["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    });
    steps.check("generated references", || codegen::codegen(workspace, codegen::Mode::Check));
    steps.check("licences, bans, sources", || {
        println!("advisories are not checked: their database is not among what this may fetch");
        run(&mut workspace.cargo(&["deny", "--log-level", "error", "check", "licenses", "bans", "sources"]))
    });
    steps.counted("fuzzing", || fuzz::fuzz(workspace, FUZZ_SECONDS));
    Ok(steps.close())
}

fn workspace_tests(workspace: &Workspace) -> Result<Counts> {
    if has(workspace, "nextest") {
        let args = [
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--status-level",
            "fail",
            "--final-status-level",
            "fail",
        ];
        return step::run_tests(workspace.cargo(&args).args(["--color", "never", "--show-progress", "none"]));
    }
    println!("cargo-nextest is not there: cargo test");
    step::run_tests(&mut workspace.cargo(&[
        "test",
        "--quiet",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--no-fail-fast",
    ]))
}

/// Runs the simulations with `cases` random histories each.
pub fn simulate(workspace: &Workspace, cases: u64) -> Result<Counts> {
    let mut command = workspace.cargo(&["test", "--release", "--package", "dm-sim"]);
    step::run_tests(command.env("DM_SIM_CASES", cases.to_string()))
}
