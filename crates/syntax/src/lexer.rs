//! Text to tokens.
//!
//! The lexer keeps everything: the raw tokens cover the text without gaps, trivia included. Beside them it gives the
//! significant tokens with the rows and columns that the layout rules need. Strings with interpolation become a start
//! token, text tokens, holes (an open token, the tokens of the hole, a close token) and an end token, always balanced, so
//! that the parser never has to lex again.

mod chars;
mod strings;

use crate::diagnostic::{Code, Diagnostic};
use crate::kind::SyntaxKind as K;
use crate::literal;
use crate::text::{TextRange, offset};

pub(crate) use chars::is_upper;

/// Interpolations may nest this deep.
const HOLE_DEPTH_MAX: u32 = 64;

/// Scanning for the end of an interpolation that has none may read this many times the length of the text in total;
/// later ones count as unclosed at once. Keeps hostile input linear.
const RESCAN_FACTOR: usize = 16;

/// No more than this many diagnostics are kept for one text; the first ones are the ones worth reading.
pub(crate) const DIAGNOSTICS_MAX: usize = 1000;

/// A token with its first byte; it ends where the next one begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    pub(crate) kind: K,
    pub(crate) start: u32,
}

/// A token that the grammar sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sig {
    pub(crate) kind: K,
    /// Whether trivia stands before it.
    pub(crate) gap: bool,
    /// Its place among the raw tokens.
    pub(crate) raw: u32,
    pub(crate) row: u32,
    pub(crate) col: u32,
    /// The row of its last character; differs from `row` only for strings.
    pub(crate) end_row: u32,
}

/// What the lexer makes of a text.
#[derive(Debug)]
pub(crate) struct Lexed {
    /// All tokens; the last is an end token at the length of the text.
    pub(crate) raw: Vec<Raw>,
    /// The significant tokens; the last is the end token.
    pub(crate) sig: Vec<Sig>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Bytes read more than once while looking for the ends of interpolations.
    pub(crate) rescanned: usize,
}

pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer::new(text);
    if text.starts_with('\u{feff}') {
        // A byte order mark is no character of the text: it has no column.
        lexer.pos = 3;
        lexer.row_start = 3;
        lexer.raw.push(Raw { kind: K::Whitespace, start: 0 });
    }
    lexer.run();
    let end = offset(text.len());
    lexer.significant(K::Eof, text.len());
    lexer.raw.pop();
    lexer.raw.push(Raw { kind: K::Eof, start: end });
    Lexed { raw: lexer.raw, sig: lexer.sig, diagnostics: lexer.diagnostics, rescanned: lexer.rescanned }
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    /// Where the text, or the hole being lexed, ends.
    limit: usize,
    row: u32,
    /// Where column 0 of the current row is.
    row_start: usize,
    /// Bytes of the current row so far minus its UTF-16 units so far.
    surplus: usize,
    raw: Vec<Raw>,
    sig: Vec<Sig>,
    diagnostics: Vec<Diagnostic>,
    hole_depth: u32,
    rescanned: usize,
    /// Below the current limit no plain string that begins here or later has an end.
    no_quote_from: usize,
    trivia_before: bool,
    /// A place, and the first end of a row after it.
    line_end_known: (usize, usize),
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            pos: 0,
            limit: text.len(),
            row: 0,
            row_start: 0,
            surplus: 0,
            raw: Vec::with_capacity(text.len() / 3 + 16),
            sig: Vec::with_capacity(text.len() / 5 + 16),
            diagnostics: Vec::new(),
            hole_depth: 0,
            rescanned: 0,
            no_quote_from: usize::MAX,
            trivia_before: false,
            line_end_known: (1, 0),
        }
    }

    /// The byte at `at`, 0 from the limit on.
    #[inline]
    fn byte(&self, at: usize) -> u8 {
        if at < self.limit { self.bytes.get(at).copied().unwrap_or(0) } else { 0 }
    }

    fn char_at(&self, at: usize) -> Option<char> {
        self.text.get(at..self.limit)?.chars().next()
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn error(&mut self, code: Code, start: usize, end: usize, message: impl Into<String>) {
        if self.diagnostics.len() < DIAGNOSTICS_MAX {
            let range = TextRange::new(offset(start), offset(end));
            self.diagnostics.push(Diagnostic::error(code, range, message));
        }
    }

    fn run(&mut self) {
        while self.pos < self.limit {
            self.token();
        }
    }

    fn token(&mut self) {
        let start = self.pos;
        match self.byte(start) {
            b' ' | b'\t' | b'\r' | b'\n' => self.whitespace(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            b'0'..=b'9' => self.number(),
            b'/' if self.byte(start + 1) == b'/' => self.line_comment(),
            b'(' if self.byte(start + 1) == b'*' && self.byte(start + 2) != b')' => self.block_comment(),
            b'"' => self.string(),
            b'$' if self.byte(start + 1) == b'"' => self.interpolated(),
            b'`' if self.byte(start + 1) == b'`' => self.quoted_name(),
            b'\'' => self.tick(),
            byte if byte < 0x80 => self.punctuation(byte),
            _ => match self.char_at(start) {
                Some(c) if chars::is_letter(c) => self.word(),
                _ => self.unknown(),
            },
        }
    }

    fn whitespace(&mut self) {
        let start = self.pos;
        let mut at = start;
        loop {
            match self.byte(at) {
                b' ' | b'\t' | b'\r' => at += 1,
                b'\n' => {
                    at += 1;
                    self.row += 1;
                    self.row_start = at;
                    self.surplus = 0;
                }
                _ => break,
            }
        }
        self.trivia(K::Whitespace, start, at);
    }

    /// Pushes a trivia token whose rows are already accounted for.
    fn trivia(&mut self, kind: K, start: usize, end: usize) {
        self.raw.push(Raw { kind, start: offset(start) });
        self.pos = end;
        self.trivia_before = true;
    }

    /// Pushes a significant token from the current position to `end`, then accounts for its rows if it can hold any.
    #[inline]
    fn significant(&mut self, kind: K, end: usize) {
        let start = self.pos;
        let raw = offset(self.raw.len());
        self.raw.push(Raw { kind, start: offset(start) });
        let (row, col) = (self.row, offset(start - self.row_start - self.surplus));
        let gap = std::mem::take(&mut self.trivia_before);
        self.sig.push(Sig { kind, gap, raw, row, col, end_row: row });
        self.pos = end;
    }

    /// A significant token that can hold line breaks or characters outside ASCII.
    fn significant_text(&mut self, kind: K, end: usize) {
        let start = self.pos;
        self.significant(kind, end);
        self.account(start, end);
        let row = self.row;
        if let Some(last) = self.sig.last_mut() {
            last.end_row = row;
        }
    }

    /// Moves the row and column over text that was skipped as a whole.
    fn account(&mut self, start: usize, end: usize) {
        let bytes = self.bytes.get(start..end).unwrap_or_default();
        let mut last = None;
        for lf in memchr::memchr_iter(b'\n', bytes) {
            self.row += 1;
            last = Some(lf);
        }
        let tail = match last {
            Some(lf) => {
                self.row_start = start + lf + 1;
                self.surplus = 0;
                bytes.get(lf + 1..).unwrap_or_default()
            }
            None => bytes,
        };
        if !tail.is_ascii() {
            let units =
                tail.iter().map(|&byte| usize::from(byte & 0xc0 != 0x80) + usize::from(byte >= 0xf0)).sum::<usize>();
            self.surplus += tail.len() - units;
        }
    }

    fn unknown(&mut self) {
        let start = self.pos;
        let c = self.char_at(start).unwrap_or('\u{fffd}');
        let end = start + c.len_utf8();
        self.error(Code::Lex, start, end, format!("unexpected character: '{}'", c.escape_debug()));
        self.account(start, end);
        self.trivia(K::Unknown, start, end);
    }

    fn line_comment(&mut self) {
        let start = self.pos;
        let rest = self.bytes.get(start..self.limit).unwrap_or_default();
        let mut end = start + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        if self.byte(end.saturating_sub(1)) == b'\r' && end > start + 2 {
            end -= 1;
        }
        let doc = self.byte(start + 2) == b'/' && self.byte(start + 3) != b'/';
        self.account(start, end);
        self.trivia(if doc { K::DocComment } else { K::LineComment }, start, end);
    }

    fn block_comment(&mut self) {
        let start = self.pos;
        let end = match chars::block_comment_end(self.bytes.get(..self.limit).unwrap_or_default(), start) {
            Some(end) => end,
            None => {
                self.error(Code::Lex, start, start + 2, "this comment is never closed");
                self.limit
            }
        };
        self.account(start, end);
        self.trivia(K::BlockComment, start, end);
    }

    fn word(&mut self) {
        let start = self.pos;
        let mut end = start;
        let mut ascii = true;
        loop {
            match self.byte(end) {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'\'' => end += 1,
                byte if byte < 0x80 => break,
                _ => match self.char_at(end).filter(|&c| chars::is_letter(c) || chars::is_digit(c)) {
                    Some(c) => {
                        ascii = false;
                        end += c.len_utf8();
                    }
                    None => break,
                },
            }
        }
        let text = self.slice(start, end);
        let kind = chars::keyword(text).unwrap_or_else(|| if is_upper(text) { K::UpperIdent } else { K::Ident });
        if ascii { self.significant(kind, end) } else { self.significant_text(kind, end) }
    }

    fn quoted_name(&mut self) {
        let start = self.pos;
        let row_end = self.line_end(start).max(start + 2);
        let line = self.bytes.get(start + 2..row_end).unwrap_or_default();
        match memchr::memmem::find(line, b"``") {
            Some(length) => {
                let content = self.slice(start + 2, start + 2 + length);
                let kind = if is_upper(content) { K::UpperIdent } else { K::Ident };
                self.significant_text(kind, start + 4 + length);
            }
            None => {
                let end = start + 2 + line.len();
                self.error(Code::Lex, start, end, "this quoted name is never closed");
                self.account(start, end);
                self.trivia(K::Unknown, start, end);
            }
        }
    }

    fn number(&mut self) {
        let start = self.pos;
        let digits = |lexer: &Self, mut at: usize| {
            while lexer.byte(at).is_ascii_digit() {
                at += 1;
            }
            at
        };
        let mut end = digits(self, start);
        let mut kind = K::Int;
        if self.byte(end) == b'.' && self.byte(end + 1).is_ascii_digit() {
            end = digits(self, end + 1);
            kind = K::Float;
        }
        if matches!(self.byte(end), b'e' | b'E') {
            let sign = usize::from(matches!(self.byte(end + 1), b'+' | b'-'));
            if self.byte(end + 1 + sign).is_ascii_digit() {
                end = digits(self, end + 1 + sign);
                kind = K::Float;
            }
        }
        if kind == K::Int {
            end += literal::suffix_of(self.slice(end, (end + 2).min(self.limit))).map_or(0, |(length, _)| length);
        }
        let clean = end;
        loop {
            match self.char_at(end) {
                Some(c) if c == '_' || c == '\'' || chars::is_letter(c) || chars::is_digit(c) => end += c.len_utf8(),
                _ => break,
            }
        }
        if end > clean {
            kind = K::BadNumber;
            self.error(Code::Lex, start, end, format!("malformed number: {}", chars::shorten(self.slice(start, end))));
        } else if kind == K::Float && !literal::exponent_in_range(self.slice(start, end)) {
            self.error(Code::Lex, start, end, "the exponent of a float must be between -400 and 400");
        }
        self.significant_text(kind, end);
    }

    fn punctuation(&mut self, byte: u8) {
        let start = self.pos;
        let (one, two) = (self.byte(start + 1), self.byte(start + 2));
        let (kind, length) = match (byte, one, two) {
            (b'~', b'~', b'~') => (K::Tildes, 3),
            (b'|', b'|', b'|') => (K::BarBarBar, 3),
            (b'.', b'.', b'.') => (K::Ellipsis, 3),
            (b'+', b'+', _) => (K::PlusPlus, 2),
            (b'-', b'>', _) => (K::Arrow, 2),
            (b'=', b'=', _) => (K::EqEq, 2),
            (b'!', b'=', _) => (K::NotEq, 2),
            (b'<', b'<', _) => (K::ShiftLeft, 2),
            (b'<', b'=', _) => (K::Le, 2),
            (b'>', b'>', _) => {
                self.significant(K::ShiftRight, start + 1);
                (K::Gt, 1)
            }
            (b'>', b'=', _) => (K::Ge, 2),
            (b'&', b'&', _) => (K::AndAnd, 2),
            (b'|', b'|', _) => (K::OrOr, 2),
            (b'|', b'>', _) => (K::PipeGt, 2),
            (b':', b':', _) => (K::ColonColon, 2),
            _ => match chars::single(byte) {
                Some(kind) => (kind, 1),
                None => return self.unknown(),
            },
        };
        self.significant(kind, self.pos + length);
    }
}
