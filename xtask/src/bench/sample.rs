//! Running programs and taking their time and memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use wait4::Wait4 as _;

/// How often a long command is run.
pub const LONG_RUNS: usize = 7;
/// How often a short command is run, after how many runs that do not count.
const SHORT_RUNS: usize = 200;
const WARM_UP_RUNS: usize = 20;

/// The results of repeated measurements, in order of size.
#[derive(Debug, Clone)]
pub struct Sample {
    values: Vec<f64>,
    /// The middle one of the processor times, in the same unit.
    cpu: Option<f64>,
}

impl Sample {
    /// Of at least one value.
    pub fn new(mut values: Vec<f64>) -> Result<Self> {
        ensure!(!values.is_empty(), "nothing was measured");
        values.sort_by(f64::total_cmp);
        Ok(Self { values, cpu: None })
    }

    /// Times of processes, in a unit of which a second has so many.
    pub fn of_times(used: &[Usage], in_a_second: f64) -> Result<Self> {
        let sample = Self::new(used.iter().map(|used| used.seconds * in_a_second).collect())?;
        let cpu = Self::new(used.iter().map(|used| used.cpu * in_a_second).collect())?;
        Ok(Self { cpu: Some(cpu.median()), ..sample })
    }

    /// The middle one of the processor times: what a busy machine changes least.
    pub fn cpu(&self) -> Option<f64> {
        self.cpu
    }

    /// How often it was measured.
    pub fn runs(&self) -> usize {
        self.values.len()
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// The one that 95 of 100 do not exceed.
    pub fn p95(&self) -> f64 {
        self.at(0.95)
    }

    /// The same measurements, each less what something else takes that is in all of them.
    #[must_use]
    pub fn less(mut self, floor: &Self) -> Self {
        self.values.iter_mut().for_each(|value| *value -= floor.median());
        self.cpu = self.cpu.zip(floor.cpu).map(|(cpu, floor)| cpu - floor);
        self
    }

    /// The one that so great a part of all do not exceed.
    pub fn at(&self, part: f64) -> f64 {
        let index = ((self.values.len() - 1) as f64 * part).round();
        // An index within the list, so it is small and not negative.
        self.values.get(index as usize).copied().unwrap_or(f64::NAN)
    }
}

/// What a whole process took.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub seconds: f64,
    /// Seconds of processor time, the program's and the system's for it, on all cores.
    pub cpu: f64,
    /// The most memory that it had at once, in bytes.
    pub memory: u64,
}

/// Runs a command to its successful end, and says what it took from before its start to after its end.
pub fn run(command: &mut Command) -> Result<Usage> {
    run_into(command, Stdio::null(), &[0])
}

/// As [`run`], where to say no is an answer too.
pub fn run_asking(command: &mut Command) -> Result<Usage> {
    run_into(command, Stdio::null(), &[0, 1])
}

/// As [`run`], with what the command printed; it is kept in a file of this folder meanwhile.
pub fn run_and_read(command: &mut Command, folder: &Path) -> Result<(Usage, String)> {
    let path = folder.join("printed");
    let used = run_into(command, fs::File::create(&path)?.into(), &[0])?;
    Ok((used, fs::read_to_string(&path)?))
}

fn run_into(command: &mut Command, printed: Stdio, fine: &[i32]) -> Result<Usage> {
    command.stdout(printed).stderr(Stdio::null());
    let begin = Instant::now();
    let child = command.spawn().context("the program could not be started")?;
    let used = child.wait4().context("the program could not be waited for")?;
    let seconds = begin.elapsed().as_secs_f64();
    if !used.status.code().is_some_and(|code| fine.contains(&code)) {
        bail!("{} ended with {}{}", named(command), used.status, said(command));
    }
    let cpu = (used.rusage.utime + used.rusage.stime).as_secs_f64();
    Ok(Usage { seconds, cpu, memory: used.rusage.maxrss })
}

/// The time of a short command, run again and again; each run may differ by its number.
pub fn short(mut run: impl FnMut(usize) -> Result<Usage>) -> Result<Sample> {
    for number in 0..WARM_UP_RUNS {
        run(number)?;
    }
    let used = (0..SHORT_RUNS).map(|number| run(WARM_UP_RUNS + number)).collect::<Result<Vec<_>>>()?;
    Sample::of_times(&used, 1e3)
}

/// What a failed command says when it is run once more.
fn said(command: &mut Command) -> String {
    let done = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let words = done.map(|done| String::from_utf8_lossy(&done.stderr).trim().to_owned()).unwrap_or_default();
    words.lines().next().map(|line| format!(": {line}")).unwrap_or_default()
}

fn named(command: &Command) -> String {
    let args = command.get_args().take(3).map(|arg| arg.to_string_lossy());
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_p95_are_taken_by_rank() {
        let sample = Sample::new((1..=101).rev().map(f64::from).collect()).unwrap();
        assert_eq!((sample.median(), sample.p95(), sample.runs()), (51.0, 96.0, 101));
        assert_eq!(Sample::new(vec![7.0]).unwrap().p95(), 7.0);
        assert!(Sample::new(Vec::new()).is_err());
    }

    #[test]
    fn a_process_is_measured_and_a_failure_told() {
        let used = run(Command::new("sh").args(["-c", "exit 0"])).unwrap();
        assert!(used.seconds > 0.0 && used.cpu > 0.0 && used.memory > 100_000, "{used:?}");
        let error = run(Command::new("sh").args(["-c", "echo no store >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("no store"), "{error}");
    }
}
