//! `cargo xtask VERB`: the tasks of the repository.
//!
//! It builds, checks, measures and packs; it holds nothing that the product needs. Start reading at `test`, which is what CI runs.

mod bench;
mod codegen;
mod dist;
mod fuzz;
mod step;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

const USAGE: &str = "usage: cargo xtask VERB

  test (or ci)             every test there is, as CI runs it
  tidy                     direction of dependencies, purity, sizes, forbidden words, links
  codegen [--check]        write the generated references, or say which are out of date
  fuzz [--seconds N]       run every fuzz target, 60 seconds each unless told otherwise
  sim [--seeds N]          run the simulations with more random histories, 2000 unless told otherwise
  bench [--check] [--only TEXT,TEXT] [--program PATH] [--tool PATH]
                           measure, print a table, write docs/bench.json; or compare with it
  bench --peers [--peer NAME] [--only TEXT,TEXT]
                           measure git, jj and pijul at the same jobs, as far as they are installed
  dist                     pack the release binary with completions, manual and licence";

/// What was typed after the verb.
struct Options {
    flags: Vec<String>,
    values: Vec<(String, String)>,
}

impl Options {
    /// Takes `--flag`s and `--name value`s; everything must be known.
    fn parse(args: &[String], flags: &[&str], values: &[&str]) -> Result<Self> {
        let mut options = Self { flags: Vec::new(), values: Vec::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if flags.contains(&arg.as_str()) {
                options.flags.push(arg.clone());
            } else if values.contains(&arg.as_str()) {
                let Some(value) = args.next() else { bail!("{arg} wants a value\n\n{USAGE}") };
                options.values.push((arg.clone(), value.clone()));
            } else {
                bail!("{arg} is not known here\n\n{USAGE}");
            }
        }
        Ok(options)
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().rfind(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str, default: u64) -> Result<u64> {
        match self.value(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| anyhow::anyhow!("{name} wants a number, not {value}")),
        }
    }
}

fn run(args: &[String]) -> Result<bool> {
    let Some((verb, args)) = args.split_first() else { bail!("{USAGE}") };
    let workspace = Workspace::load()?;
    match verb.as_str() {
        "test" | "ci" => {
            Options::parse(args, &[], &[])?;
            test::test(&workspace)
        }
        "tidy" => {
            Options::parse(args, &[], &[])?;
            tidy::tidy(&workspace)
        }
        "codegen" => {
            let options = Options::parse(args, &["--check"], &[])?;
            codegen::codegen(
                &workspace,
                if options.has("--check") { codegen::Mode::Check } else { codegen::Mode::Write },
            )
        }
        "fuzz" => {
            let options = Options::parse(args, &[], &["--seconds"])?;
            fuzz::fuzz(&workspace, options.number("--seconds", 60)?).map(|counts| counts.failed == 0)
        }
        "sim" => {
            let options = Options::parse(args, &[], &["--seeds"])?;
            test::simulate(&workspace, options.number("--seeds", 2000)?).map(|counts| counts.failed == 0)
        }
        "bench" => {
            let options = Options::parse(args, &["--check", "--peers"], &["--only", "--program", "--tool", "--peer"])?;
            let mode = if options.has("--check") { bench::Mode::Check } else { bench::Mode::Write };
            let value = |name: &str| options.value(name).map(str::to_owned);
            let choice = bench::Choice {
                only: value("--only"),
                program: value("--program"),
                tool: value("--tool"),
                peer: value("--peer"),
            };
            if options.has("--peers") {
                return bench::bench_peers(&workspace, &choice);
            }
            bench::bench(&workspace, mode, &choice)
        }
        "dist" => {
            Options::parse(args, &[], &[])?;
            dist::dist(&workspace)
        }
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(true)
        }
        other => bail!("{other} is no verb\n\n{USAGE}"),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
