//! Strings, chars and interpolation: everything between quotes.

use super::{HOLE_DEPTH_MAX, Lexer, RESCAN_FACTOR, chars};
use crate::diagnostic::Code;
use crate::kind::SyntaxKind as K;
use crate::literal;
use unicode_segmentation::UnicodeSegmentation as _;

/// The parts of a string with interpolation: where each hole's braces are, in order.
struct Scanned {
    /// Offsets of `{` and of its `}`.
    holes: Vec<(usize, usize)>,
    /// Where the closing quotes begin; `None` if there are none.
    close: Option<usize>,
}

impl Lexer<'_> {
    pub(super) fn string(&mut self) {
        let start = self.pos;
        if self.quotes_at(start) {
            let end = match self.find_quotes(start + 3) {
                Some(close) => close + 3,
                None => {
                    self.error(Code::Lex, start, start + 3, "this string is never closed");
                    self.limit
                }
            };
            return self.significant_text(K::RawString, end);
        }
        let close =
            if start >= self.no_quote_from { None } else { plain_string_end(self.bytes, start + 1, self.limit) };
        let end = match close {
            Some(end) => {
                self.check_escapes(start + 1, end - 1);
                end
            }
            None => {
                self.no_quote_from = self.no_quote_from.min(start);
                let end = self.line_end(start);
                self.error(Code::Lex, start, end, "this string is never closed");
                end
            }
        };
        self.significant_text(K::String, end);
    }

    /// Where the current row ends, its line break left out.
    pub(super) fn line_end(&mut self, start: usize) -> usize {
        // Kept, because one long row may hold very many ends of strings and chars to look for.
        if start < self.line_end_known.0 || start > self.line_end_known.1 {
            let rest = self.bytes.get(start..).unwrap_or_default();
            self.line_end_known = (start, start + memchr::memchr(b'\n', rest).unwrap_or(rest.len()));
        }
        let end = self.line_end_known.1.min(self.limit);
        if end > start + 1 && self.byte(end - 1) == b'\r' { end - 1 } else { end }
    }

    fn quotes_at(&self, at: usize) -> bool {
        self.byte(at) == b'"' && self.byte(at + 1) == b'"' && self.byte(at + 2) == b'"'
    }

    fn find_quotes(&self, from: usize) -> Option<usize> {
        find_quotes(self.bytes, from, self.limit)
    }

    fn check_escapes(&mut self, start: usize, end: usize) {
        let text = self.slice(start, end);
        if memchr::memchr(b'\\', text.as_bytes()).is_none() {
            return;
        }
        for wrong in literal::wrong_escapes(text) {
            let (from, to) = (start + wrong.start, start + wrong.end);
            self.error(
                Code::Escape,
                from,
                to,
                format!("unknown or malformed escape: {}", chars::shorten(self.slice(from, to))),
            );
        }
    }

    /// After a `'`: a type variable where the token before allows one, else a char.
    pub(super) fn tick(&mut self) {
        let start = self.pos;
        let before = self.sig.last().map(|token| token.kind);
        let allowed =
            matches!(before, Some(K::LParen | K::Star | K::Lt | K::Comma | K::Colon | K::Arrow | K::Eq | K::OfKw));
        if allowed {
            let mut end = start + 1;
            while let Some(c) = self.char_at(end).filter(|&c| c == '_' || chars::is_letter(c) || chars::is_digit(c)) {
                end += c.len_utf8();
            }
            if end > start + 1 && self.byte(end) != b'\'' && self.one_grapheme_end(start + 1).is_none() {
                return self.significant_text(K::TypeVar, end);
            }
        }
        self.char_literal();
    }

    /// One past the closing `'` if exactly one grapheme and then a `'` stand at `at`.
    fn one_grapheme_end(&self, at: usize) -> Option<usize> {
        // No grapheme that anyone writes is longer; a bound keeps a run of joiners from being read again and again.
        const GRAPHEME_BYTES_MAX: usize = 256;
        let end = self.text.floor_char_boundary((at + GRAPHEME_BYTES_MAX).min(self.limit));
        let close = at + self.slice(at, end).graphemes(true).next()?.len();
        (self.byte(close) == b'\'').then_some(close + 1)
    }

    fn char_literal(&mut self) {
        let start = self.pos;
        let line_end = self.line_end(start);
        if self.byte(start + 1) != b'\\'
            && let Some(end) = self.one_grapheme_end(start + 1).filter(|&end| end <= line_end)
        {
            return self.significant_text(K::Char, end);
        }
        let skipped = match self.byte(start + 1) {
            b'\\' => 1 + self.char_at(start + 2).map_or(0, char::len_utf8),
            _ => 0,
        };
        let from = (start + 1 + skipped).min(line_end);
        let rest = self.bytes.get(from..line_end).unwrap_or_default();
        match memchr::memchr(b'\'', rest) {
            Some(length) => {
                let end = from + length + 1;
                if skipped == 0 {
                    self.error(Code::Lex, start, end, "a char holds exactly one character");
                } else if literal::decode_escape(self.slice(start + 1, end - 1))
                    .is_none_or(|(_, used)| used != end - start - 2)
                {
                    let shown = chars::shorten(self.slice(start + 1, end - 1));
                    self.error(Code::Escape, start + 1, end - 1, format!("unknown or malformed escape: {shown}"));
                }
                self.significant_text(K::Char, end);
            }
            None => {
                self.error(Code::Lex, start, line_end, "this char is never closed");
                self.significant_text(K::Char, line_end.max(start + 1));
            }
        }
    }

    /// A string with holes. First its extent is found, then its parts become tokens.
    pub(super) fn interpolated(&mut self) {
        let start = self.pos;
        let raw = self.quotes_at(start + 1);
        let open = if raw { 4 } else { 2 };
        let spent = self.rescanned > self.text.len().saturating_mul(RESCAN_FACTOR);
        let mut end = if spent && !raw { self.line_end(start) } else { self.limit };
        let mut scanned = self.scan(start + open, end, raw);
        if scanned.close.is_none() {
            self.rescanned += end - start;
            if !raw {
                end = self.line_end(start);
                scanned = self.scan(start + open, end, raw);
                scanned.close = None;
            }
            self.error(Code::Lex, start, end, "this string is never closed");
        }
        self.significant(K::InterpStart, start + open);
        for (from, to) in scanned.holes {
            self.interp_text(from, raw);
            self.hole(from, to);
        }
        self.interp_text(scanned.close.unwrap_or(end), raw);
        if let Some(close) = scanned.close {
            self.significant(K::InterpEnd, close + open - 1);
        }
    }

    /// Finds the holes and the closing quotes of a string whose text begins at `at`.
    fn scan(&self, mut at: usize, limit: usize, raw: bool) -> Scanned {
        let mut holes = Vec::new();
        loop {
            let rest = self.bytes.get(at..limit).unwrap_or_default();
            let Some(found) = rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'\\')) else {
                return Scanned { holes, close: None };
            };
            at += found;
            match rest.get(found) {
                Some(b'"') if !raw || rest.get(found..).is_some_and(|tail| tail.starts_with(b"\"\"\"")) => {
                    return Scanned { holes, close: Some(at) };
                }
                Some(b'\\') if !raw => at += 2,
                Some(b'{') if self.bytes.get(at + 1) == Some(&b'{') && at + 1 < limit => at += 2,
                Some(b'{') => match self.hole_end(at, limit) {
                    Some(close) => {
                        holes.push((at, close));
                        at = close + 1;
                    }
                    None => return Scanned { holes, close: None },
                },
                _ => at += 1,
            }
        }
    }

    /// The `}` that belongs to the `{` at `open`.
    fn hole_end(&self, open: usize, limit: usize) -> Option<usize> {
        let bytes = self.bytes.get(..limit)?;
        let mut depth = 1_usize;
        let mut at = open + 1;
        loop {
            let rest = bytes.get(at..)?;
            match rest {
                [] => return None,
                [b'{', ..] => {
                    depth += 1;
                    at += 1;
                }
                [b'}', ..] => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                    at += 1;
                }
                [b'/', b'/', ..] => at += memchr::memchr(b'\n', rest)?,
                [b'(', b'*', b')', ..] => at += 3,
                [b'(', b'*', ..] => at = chars::block_comment_end(bytes, at)?,
                [b'"', b'"', b'"', ..] => at = find_quotes(bytes, at + 3, limit)? + 3,
                [b'"', ..] => at = plain_string_end(bytes, at + 1, limit)?,
                [b'\'', b'\\', _, b'\'', ..] => at += 4,
                [b'\'', tail @ ..] => at += 1 + one_unit_char(tail),
                _ => at += 1,
            }
        }
    }

    /// The literal text up to `end`, if there is any.
    fn interp_text(&mut self, end: usize, raw: bool) {
        let start = self.pos;
        if end <= start {
            return;
        }
        let text = self.slice(start, end);
        for wrong in literal::lone_braces(text, raw) {
            self.error(
                Code::Interpolation,
                start + wrong,
                start + wrong + 1,
                "a lone `}` in a string with interpolation; write `}}` for a brace",
            );
        }
        if !raw {
            self.check_escapes(start, end);
        }
        self.significant_text(K::InterpText, end);
    }

    /// The tokens of the hole whose braces are at `from` and `to`.
    fn hole(&mut self, from: usize, to: usize) {
        self.significant(K::InterpOpen, from + 1);
        if self.hole_depth >= HOLE_DEPTH_MAX {
            self.error(Code::TooDeep, from, to + 1, format!("interpolations nest deeper than {HOLE_DEPTH_MAX}"));
            if to > self.pos {
                let start = self.pos;
                self.account(start, to);
                self.trivia(K::Unknown, start, to);
            }
        } else {
            let outer = (self.limit, self.no_quote_from);
            self.limit = to;
            self.no_quote_from = usize::MAX;
            self.hole_depth += 1;
            self.run();
            self.hole_depth -= 1;
            (self.limit, self.no_quote_from) = outer;
        }
        self.significant(K::InterpClose, to + 1);
    }
}

/// One past the closing quote of the plain string whose content begins at `at`.
fn plain_string_end(bytes: &[u8], mut at: usize, limit: usize) -> Option<usize> {
    let bytes = bytes.get(..limit)?;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn find_quotes(bytes: &[u8], from: usize, limit: usize) -> Option<usize> {
    memchr::memmem::find(bytes.get(from..limit)?, b"\"\"\"").map(|at| from + at)
}

/// Bytes of one UTF-16 unit and its closing `'`, if that is what follows a `'`; else 0.
fn one_unit_char(tail: &[u8]) -> usize {
    let length = match tail.first() {
        Some(0..0x80) => 1,
        Some(0xc0..0xe0) => 2,
        Some(0xe0..0xf0) => 3,
        _ => return 0,
    };
    if tail.get(length) == Some(&b'\'') { length + 1 } else { 0 }
}
