//! Running commands one after the other, with their names, seconds and counts.

use std::io::{self, Read as _, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

/// How many tests did what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
}

/// Steps, and what has come of them so far.
#[derive(Debug, Default)]
pub struct Steps {
    counts: Counts,
    failed: Vec<String>,
}

impl Steps {
    /// Does a step that counts tests. A step that fails without a failed test counts as one.
    pub fn counted(&mut self, name: &str, step: impl FnOnce() -> Result<Counts>) {
        println!("\n== {name}");
        let begin = Instant::now();
        let done = step();
        let word = match &done {
            Ok(counts) if counts.failed == 0 => "ok".to_owned(),
            Ok(counts) => format!("{} FAILED", counts.failed),
            Err(error) => format!("FAILED: {error:#}"),
        };
        println!("== {name}: {word}, {:.1} s", begin.elapsed().as_secs_f64());
        let counts = done.unwrap_or(Counts { passed: 0, failed: 1 });
        self.counts.passed += counts.passed;
        self.counts.failed += counts.failed;
        if counts.failed > 0 {
            self.failed.push(name.to_owned());
        }
    }

    /// Does a step that is a check and counts nothing while all is well.
    pub fn check(&mut self, name: &str, step: impl FnOnce() -> Result<bool>) {
        self.counted(name, || match step()? {
            true => Ok(Counts::default()),
            false => Ok(Counts { passed: 0, failed: 1 }),
        });
    }

    /// Prints what failed, and the closing line. True if nothing did.
    pub fn close(self) -> bool {
        println!();
        if !self.failed.is_empty() {
            println!("failed: {}", self.failed.join(", "));
        }
        println!("{} passed, {} failed", self.counts.passed, self.counts.failed);
        self.counts.failed == 0
    }
}

fn named(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a command to its end; anything but success is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{} could not be started", named(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", named(command));
    }
    Ok(())
}

/// What a command printed to standard output; anything but success is an error.
pub fn read(command: &mut Command) -> Result<String> {
    let done = command.output().with_context(|| format!("{} could not be started", named(command)))?;
    if !done.status.success() {
        bail!("{} ended with {}\n{}", named(command), done.status, String::from_utf8_lossy(&done.stderr));
    }
    String::from_utf8(done.stdout).with_context(|| format!("{} printed no text", named(command)))
}

/// Whether a command can be run at all, successfully.
pub fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs a test runner, shows what it prints, and adds up what it counts.
pub fn run_tests(command: &mut Command) -> Result<Counts> {
    run_tests_into(command, &mut io::stdout())
}

fn run_tests_into(command: &mut Command, shown: &mut dyn Write) -> Result<Counts> {
    let (mut reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let name = named(command);
    let mut child = command.spawn().with_context(|| format!("{name} could not be started"))?;
    // The command holds the writing ends; reading would never end with them open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (mut printed, mut chunk) = (Vec::new(), [0u8; 8192]);
    loop {
        let length = reader.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        let bytes = chunk.get(..length).unwrap_or_default();
        printed.extend_from_slice(bytes);
        shown.write_all(bytes)?;
        shown.flush()?;
    }
    let status = child.wait()?;
    let counts = counts_of(&String::from_utf8_lossy(&printed));
    if !status.success() && counts.failed == 0 {
        bail!("{name} ended with {status}");
    }
    Ok(counts)
}

/// The sum of the closing lines of `cargo test` and `cargo nextest`.
fn counts_of(printed: &str) -> Counts {
    let mut counts = Counts::default();
    for line in printed.lines() {
        let parts: Vec<String> = if let Some((_, rest)) = line.split_once("test result: ") {
            let rest = rest.split_once(". ").map_or(rest, |(_, rest)| rest);
            rest.split(';').map(str::to_owned).collect()
        } else if let Some((_, rest)) = line.split_once("tests run: ").or_else(|| line.split_once("test run: ")) {
            without_parentheses(rest).split(',').map(str::to_owned).collect()
        } else {
            continue;
        };
        for part in parts {
            let Some((number, word)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word.trim() {
                "passed" => counts.passed += number,
                "failed" | "timed out" | "exec failed" => counts.failed += number,
                _ => {}
            }
        }
    }
    counts
}

/// What nextest puts in parentheses is said elsewhere in its line.
fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|letter| {
            match letter {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_both_runners_are_summed() {
        let cargo = "running 3 tests\ntest result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.1s\n\
                     test result: ok. 5 passed; 0 failed; 0 ignored\n";
        assert_eq!(counts_of(cargo), Counts { passed: 7, failed: 1 });
        let nextest =
            "     Summary [   1.234s] 31 tests run: 28 passed (1 slow, 2 leaky), 2 failed, 1 timed out, 3 skipped\n";
        assert_eq!(counts_of(nextest), Counts { passed: 28, failed: 3 });
        assert_eq!(
            counts_of("     Summary [   0.1s] 1 test run: 1 passed, 0 skipped\n"),
            Counts { passed: 1, failed: 0 }
        );
        assert_eq!(counts_of("5 passed by\n"), Counts::default());
    }

    #[test]
    fn a_step_that_fails_counts_as_one() {
        let mut steps = Steps::default();
        steps.counted("tests", || Ok(Counts { passed: 3, failed: 0 }));
        steps.check("fine", || Ok(true));
        assert_eq!(steps.counts, Counts { passed: 3, failed: 0 });
        steps.check("not fine", || Ok(false));
        steps.check("broken", || bail!("no"));
        assert_eq!(steps.counts, Counts { passed: 3, failed: 2 });
        assert_eq!(steps.failed, ["not fine", "broken"]);
        assert!(!steps.close());
    }

    #[test]
    fn a_runner_that_fails_without_a_count_is_an_error() {
        let run = |script: &str| run_tests_into(Command::new("sh").args(["-c", script]), &mut io::sink());
        assert!(run("echo nothing; exit 3").is_err());
        let counted = run("echo 'test result: FAILED. 1 passed; 2 failed;'; exit 101");
        assert_eq!(counted.unwrap(), Counts { passed: 1, failed: 2 });
    }
}
