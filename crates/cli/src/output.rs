//! Printing: data to standard output, talk to standard error, colour only as decoration.

use std::io::{BufRead as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::Failure;

/// Weak text: ids, hashes, hints.
pub const DIM: Style = Style::new().dimmed();
/// Headings and names.
pub const BOLD: Style = Style::new().bold();
/// Added text, success.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Removed text, failure.
pub const BAD: Style = AnsiColor::Red.on_default();
/// What wants attention.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// Ids.
pub const ID: Style = AnsiColor::Cyan.on_default();

/// Text in a style; the stream takes the style away where it does not belong.
#[must_use]
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Collects what a verb prints and writes it at once.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line.
    pub fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// Adds text as it is, ending the line if it does not end in one.
    pub fn block(&mut self, text: &str) {
        self.text.push_str(text);
        if !text.is_empty() && !text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Adds an empty line, unless the page is empty or ends in one.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// The page as text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Writes the page to standard output.
    ///
    /// # Errors
    /// If standard output is closed or full.
    pub fn print(self) -> Result<(), Failure> {
        print_text(&self.text)
    }
}

/// Writes text to standard output.
///
/// # Errors
/// If standard output is full; a closed pipe is no error, its reader has seen enough.
pub fn print_text(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::output(&error)),
        _ => Ok(()),
    }
}

/// Writes a report as JSON.
///
/// # Errors
/// If standard output is full.
pub fn print_json<T: Serialize>(report: &T) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(report).map_err(|error| Failure::bug(&error.to_string()))?;
    text.push('\n');
    print_text(&text)
}

/// Says something on standard error; nobody listening is no error.
pub fn say(text: impl AsRef<str>) {
    drop(writeln!(anstream::stderr(), "{}", text.as_ref()));
}

/// Asks a person on the terminal; none if nothing is answered.
///
/// # Errors
/// If the terminal cannot be read or written.
pub fn ask(question: &str) -> Result<Option<String>, Failure> {
    let fail = |error: std::io::Error| Failure::unable(format!("could not ask: {error}"));
    let mut err = std::io::stderr();
    err.write_all(question.as_bytes()).and_then(|()| err.flush()).map_err(fail)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(fail)?;
    Ok(Some(line.trim().to_owned()).filter(|answer| !answer.is_empty()))
}

/// `1 patch`, `2 patches`: a count with its noun.
#[must_use]
pub fn count(n: u64, noun: &str) -> String {
    if n == 1 {
        return format!("1 {noun}");
    }
    match noun {
        _ if noun.ends_with("ch") || noun.ends_with('s') => format!("{n} {noun}es"),
        _ if noun.ends_with('y') && !noun.trim_end_matches('y').ends_with(['a', 'e', 'o', 'u']) => {
            format!("{n} {}ies", noun.trim_end_matches('y'))
        }
        _ => format!("{n} {noun}s"),
    }
}

/// A time for people: UTC, to the minute.
#[must_use]
pub fn time(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_nouns() {
        assert_eq!(count(1, "patch"), "1 patch");
        assert_eq!(count(2, "patch"), "2 patches");
        assert_eq!(count(0, "definition"), "0 definitions");
        assert_eq!(count(3, "reply"), "3 replies");
        assert_eq!(count(0, "day"), "0 days");
        assert_eq!(count(2, "key"), "2 keys");
    }

    #[test]
    fn times_are_utc_to_the_minute() {
        assert_eq!(time(0), "1970-01-01 00:00");
        assert_eq!(time(i64::MAX), format!("{} ms", i64::MAX));
    }
}
