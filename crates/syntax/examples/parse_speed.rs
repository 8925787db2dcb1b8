//! Parses every `.dark` file of a folder again and again and prints the speed: `parse_speed FOLDER [RUNS]`.
//!
//! Counts lexing, parsing, tree building and validation, on one core. Files whose path has a `_` below the folder are left
//! out, as the loader of packages does.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program for the command line: it reads files and the clock, and prints"
)]

use dm_syntax::{Mode, parse, render};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const RUNS: usize = 9;

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "dark") {
            found.push(path);
        }
    }
    Ok(())
}

fn run(folder: &Path, runs: usize) -> std::io::Result<bool> {
    let mut paths = Vec::new();
    files(folder, &mut paths)?;
    paths.retain(|path| !path.strip_prefix(folder).unwrap_or(path).to_string_lossy().contains('_'));
    paths.sort();
    let texts = paths.iter().map(std::fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut clean = true;
    for (path, text) in paths.iter().zip(&texts) {
        for diagnostic in parse(text, Mode::Package).diagnostics {
            clean = false;
            eprint!("{}", render(&diagnostic, &path.to_string_lossy(), text));
        }
    }
    let mut seconds = Vec::new();
    for _ in 0..runs.max(1) {
        let begin = Instant::now();
        let elements: usize = texts.iter().map(|text| parse(text, Mode::Package).tree.element_count()).sum();
        seconds.push(begin.elapsed().as_secs_f64());
        std::hint::black_box(elements);
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN);
    println!(
        "{} files, {bytes} bytes, median of {} runs: {:.1} MB/s",
        texts.len(),
        seconds.len(),
        bytes as f64 / median / 1e6
    );
    Ok(clean)
}

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(folder) = args.next() else {
        eprintln!("usage: parse_speed FOLDER [RUNS]");
        return ExitCode::from(2);
    };
    let runs = args.next().and_then(|runs| runs.to_str()?.parse().ok()).unwrap_or(RUNS);
    match run(Path::new(&folder), runs) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("parse_speed: {error}");
            ExitCode::FAILURE
        }
    }
}
