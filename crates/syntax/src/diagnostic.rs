//! What can be wrong with a text, and how that is shown.
//!
//! Codes are stable: scripts and editors may depend on them. A tree with any diagnostic is never executed.

use crate::text::{LineIndex, TextRange, offset, utf16_len};
use std::fmt::Write as _;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// The most columns of a source line that are shown; longer lines are cut around the place meant.
const LINE_COLUMNS_MAX: usize = 120;

/// A tab is shown as this many spaces.
const TAB_COLUMNS: usize = 4;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What a diagnostic is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable spelling.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

codes! {
    /// A character, comment or literal that is no token.
    Lex = "LEX",
    /// The grammar wants something that is not there.
    Expected = "PARSE-EXPECTED",
    /// A bracket without its partner.
    Unclosed = "PARSE-UNCLOSED",
    /// An escape that does not exist or names no character.
    Escape = "PARSE-ESCAPE",
    /// An integer outside its type.
    IntRange = "PARSE-INT-RANGE",
    /// More nesting than [`crate::NESTING_MAX`] or [`crate::CHAIN_MAX`]; the parse was given up there.
    TooDeep = "PARSE-TOO-DEEP",
    /// A token that fits nowhere.
    Unexpected = "PARSE-UNEXPECTED",
    /// Something after `|>` that a value cannot be piped into.
    PipeSegment = "PARSE-PIPE-SEGMENT",
    /// A malformed pattern.
    Pattern = "PARSE-PATTERN",
    /// A malformed interpolation in a string.
    Interpolation = "PARSE-INTERPOLATION",
    /// The parser made no progress: a bug of the parser, caught by its fuel.
    InternalLoop = "PARSE-INTERNAL-LOOP",
    /// A name bound twice in one pattern or parameter list.
    DuplicateBinder = "VALIDATION-DUPLICATE-BINDER",
    /// Alternatives of an or-pattern that bind different names.
    OrBindings = "VALIDATION-OR-BINDINGS",
    /// An or-pattern with fewer than two alternatives.
    OrPattern = "VALIDATION-OR-PATTERN",
    /// A missing part in a tree without other diagnostics: a bug of the parser.
    RecoveryHole = "VALIDATION-RECOVERY-HOLE",
    /// A lambda without parameters.
    Lambda = "VALIDATION-LAMBDA",
    /// A match without arms.
    Match = "VALIDATION-MATCH",
    /// A record without its type name.
    AnonymousRecord = "VALIDATION-ANONYMOUS-RECORD",
    /// A record update that updates nothing.
    RecordUpdate = "VALIDATION-RECORD-UPDATE",
    /// A bare expression in a package file.
    PackageExpr = "VALIDATION-PACKAGE-EXPR",
    /// A bare expression in a test file.
    TestAssertion = "VALIDATION-TEST-ASSERTION",
    /// A datastore outside a test file.
    DbMode = "VALIDATION-DB-MODE",
    /// A datastore that is not declared by one plain type.
    DbShape = "VALIDATION-DB-SHAPE",
    /// An assertion outside a test file.
    TestMode = "VALIDATION-TEST-MODE",
    /// A declaration outside any module: it has no owner. Told by `dm-lang`.
    NoModule = "NAMES-NO-MODULE",
    /// A declared name that can stand in no location. Told by `dm-lang`.
    BadName = "NAMES-LOCATION",
    /// A location that is declared twice in one import. Told by `dm-lang`.
    Duplicate = "NAMES-DUPLICATE",
    /// A type in a search that is not there, or several are. Told by `dm-engine`.
    UnknownType = "NAMES-UNKNOWN-TYPE",
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The text cannot be used.
    Error,
    /// The text can be used and probably means something else than intended.
    Warning,
}

impl Severity {
    /// The word shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of thing.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// Where; may be empty where something is missing.
    pub range: TextRange,
    /// One line for people, without a full stop.
    pub message: String,
    /// What to do about it, if known.
    pub hint: Option<String>,
    /// Other places that matter, each with a word on why.
    pub related: Vec<(TextRange, String)>,
}

impl Diagnostic {
    /// An error without hint and related places.
    pub fn error(code: Code, range: TextRange, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, range, message: message.into(), hint: None, related: Vec::new() }
    }

    /// With a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a related place.
    #[must_use]
    pub fn with_related(mut self, range: TextRange, message: impl Into<String>) -> Self {
        self.related.push((range, message.into()));
        self
    }
}

/// The diagnostic for people: `error[CODE] at path:line:col: message`, the source line, carets under the place, then
/// `note:` lines for related places and a `hint:` line. Lines and columns shown are 1-based, columns in UTF-16 units.
/// Tabs are shown as spaces, control characters as `·`, wide characters get two carets, long lines are cut.
pub fn render(diagnostic: &Diagnostic, path: &str, text: &str) -> String {
    let index = LineIndex::new(text);
    let mut out = String::new();
    let place = index.line_col(text, diagnostic.range.start);
    let (severity, code) = (diagnostic.severity.as_str(), diagnostic.code.as_str());
    let _ = writeln!(out, "{severity}[{code}] at {path}:{}:{}: {}", place.row + 1, place.col + 1, diagnostic.message);
    if let Some(row) = index.row_range(text, place.row) {
        let (line, carets) = excerpt(text, row, diagnostic.range);
        let number = (place.row + 1).to_string();
        let pad = " ".repeat(number.len());
        let _ = writeln!(out, " {number} | {line}");
        let _ = writeln!(out, " {pad} | {carets}");
    }
    for (range, message) in &diagnostic.related {
        let place = index.line_col(text, range.start);
        let _ = writeln!(out, "note: {path}:{}:{}: {message}", place.row + 1, place.col + 1);
    }
    if let Some(hint) = &diagnostic.hint {
        let _ = writeln!(out, "hint: {hint}");
    }
    out
}

/// The first row of a stretch of a text as it is shown, and the carets below it.
pub fn excerpt_at(text: &str, range: TextRange) -> (String, String) {
    let index = LineIndex::new(text);
    let row = index.row_range(text, index.line_col(text, range.start).row);
    row.map_or_else(Default::default, |row| excerpt(text, row, range))
}

/// The line as shown and the carets below it.
fn excerpt(text: &str, row: TextRange, range: TextRange) -> (String, String) {
    let line = row.slice(text).trim_end_matches(['\n', '\r']);
    let line_end = row.start + offset(line.len());
    let from = range.start.clamp(row.start, line_end);
    let to = range.end.clamp(from, line_end);
    let cells = |part: TextRange| part.slice(text).graphemes(true).map(shown).collect::<Vec<_>>();
    // Only a window of the line is ever expanded: a line can be the whole file.
    let window = offset(LINE_COLUMNS_MAX * 8);
    let first = offset(text.floor_char_boundary(from.saturating_sub(window).max(row.start) as usize));
    let last = offset(text.ceil_char_boundary(from.saturating_add(window).min(line_end) as usize));
    let (mut before, mut meant) = (cells(TextRange::new(first, from)), cells(TextRange::new(from, to.min(last))));
    let mut after = cells(TextRange::new(to.min(last), last));
    let (mut cut_left, mut cut_right) = (first > row.start, last < line_end);
    let width = |cells: &[(String, usize)]| cells.iter().map(|cell| cell.1).sum::<usize>();
    while width(&before) > LINE_COLUMNS_MAX / 2 && width(&before) + width(&meant) + width(&after) > LINE_COLUMNS_MAX {
        before.remove(0);
        cut_left = true;
    }
    cut_right |= keep_columns(&mut meant, LINE_COLUMNS_MAX.saturating_sub(width(&before)).max(1));
    cut_right |= keep_columns(&mut after, LINE_COLUMNS_MAX.saturating_sub(width(&before) + width(&meant)));
    let mut shown_line = String::new();
    let mut carets = String::new();
    if cut_left {
        shown_line.push('…');
        carets.push(' ');
    }
    carets.push_str(&" ".repeat(width(&before)));
    carets.push_str(&"^".repeat(width(&meant).max(1)));
    for (cell, _) in before.iter().chain(&meant).chain(&after) {
        shown_line.push_str(cell);
    }
    if cut_right {
        shown_line.push('…');
    }
    (shown_line, carets)
}

/// Keeps the cells that fit; whether any was cut off.
fn keep_columns(cells: &mut Vec<(String, usize)>, columns: usize) -> bool {
    let mut used = 0;
    let fits = cells.iter().take_while(|cell| {
        used += cell.1;
        used <= columns
    });
    let count = fits.count();
    let cut = count < cells.len();
    cells.truncate(count);
    cut
}

/// One grapheme as shown, with its width in columns.
fn shown(grapheme: &str) -> (String, usize) {
    if grapheme == "\t" {
        return (" ".repeat(TAB_COLUMNS), TAB_COLUMNS);
    }
    if grapheme.chars().any(char::is_control) {
        return ("·".to_owned(), 1);
    }
    match grapheme.width() {
        // A lone combining mark takes a place of its own here, so that a caret can stand below it.
        0 => (format!("\u{25cc}{grapheme}"), 1),
        width => (grapheme.to_owned(), width.min(utf16_len(grapheme).max(1) as usize * 2)),
    }
}
