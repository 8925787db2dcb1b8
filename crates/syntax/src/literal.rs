//! What the text of a literal stands for.
//!
//! Integers stay decimal text of any length, floats stay digits: this crate computes with neither. Strings and chars are
//! normalised to Unicode normalisation form C after their escapes are resolved.

use std::ops::Range;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// The type that the suffix of an integer literal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named after the Darklang types")]
pub enum IntKind {
    Int,
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Int128,
    UInt128,
}

impl IntKind {
    /// The suffix as written, empty for `Int`.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Int => "",
            Self::Int8 => "y",
            Self::UInt8 => "uy",
            Self::Int16 => "s",
            Self::UInt16 => "us",
            Self::Int32 => "l",
            Self::UInt32 => "ul",
            Self::Int64 => "L",
            Self::UInt64 => "UL",
            Self::Int128 => "Q",
            Self::UInt128 => "Z",
        }
    }

    /// The name of the type.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Int => "Int",
            Self::Int8 => "Int8",
            Self::UInt8 => "UInt8",
            Self::Int16 => "Int16",
            Self::UInt16 => "UInt16",
            Self::Int32 => "Int32",
            Self::UInt32 => "UInt32",
            Self::Int64 => "Int64",
            Self::UInt64 => "UInt64",
            Self::Int128 => "Int128",
            Self::UInt128 => "UInt128",
        }
    }

    /// Whether the type has negative values.
    pub const fn is_signed(self) -> bool {
        !matches!(self, Self::UInt8 | Self::UInt16 | Self::UInt32 | Self::UInt64 | Self::UInt128)
    }

    /// The greatest value; `None` for `Int`, which has none.
    pub const fn max(self) -> Option<u128> {
        Some(match self {
            Self::Int => return None,
            Self::Int8 => i8::MAX as u128,
            Self::UInt8 => u8::MAX as u128,
            Self::Int16 => i16::MAX as u128,
            Self::UInt16 => u16::MAX as u128,
            Self::Int32 => i32::MAX as u128,
            Self::UInt32 => u32::MAX as u128,
            Self::Int64 => i64::MAX as u128,
            Self::UInt64 => u64::MAX as u128,
            Self::Int128 => i128::MAX as u128,
            Self::UInt128 => u128::MAX,
        })
    }
}

/// What a literal stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LiteralValue {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int {
        /// Decimal digits without leading zeros, with a `-` in front if negative; zero is `0`.
        decimal: String,
        /// The type its suffix names.
        kind: IntKind,
    },
    /// A float.
    Float(FloatValue),
    /// A string, escapes resolved and normalised.
    String(String),
    /// One extended grapheme cluster, normalised.
    Char(String),
}

/// A float as its digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FloatValue {
    /// Whether a `-` is applied to it.
    pub negative: bool,
    /// Digits before the point; at least one.
    pub whole: String,
    /// Digits after the point; at least one.
    pub fraction: String,
}

/// How an integer literal relates to the range of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntFit {
    Fits,
    /// Only the negated value fits: the magnitude of the least value of a signed type.
    OnlyNegated,
    TooLarge,
}

/// The integer suffix at the start of a text and its length, if there is one; the first match in the order of the language.
pub(crate) fn suffix_of(text: &str) -> Option<(usize, IntKind)> {
    Some(match text.as_bytes() {
        [b'u', b'y', ..] => (2, IntKind::UInt8),
        [b'u', b's', ..] => (2, IntKind::UInt16),
        [b'u', b'l', ..] => (2, IntKind::UInt32),
        [b'U', b'L', ..] => (2, IntKind::UInt64),
        [b'L', ..] => (1, IntKind::Int64),
        [b'Q', ..] => (1, IntKind::Int128),
        [b'Z', ..] => (1, IntKind::UInt128),
        [b'y', ..] => (1, IntKind::Int8),
        [b's', ..] => (1, IntKind::Int16),
        [b'l', ..] => (1, IntKind::Int32),
        _ => return None,
    })
}

/// Digits without leading zeros and the kind of an integer token.
pub(crate) fn split_int(text: &str) -> (&str, IntKind) {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, suffix) = text.split_at_checked(length).unwrap_or((text, ""));
    let kind = suffix_of(suffix).map_or(IntKind::Int, |(_, kind)| kind);
    let trimmed = digits.trim_start_matches('0');
    (if trimmed.is_empty() { "0" } else { trimmed }, kind)
}

pub(crate) fn int_fit(text: &str) -> IntFit {
    let (digits, kind) = split_int(text);
    let Some(max) = kind.max() else { return IntFit::Fits };
    match digits.parse::<u128>() {
        Ok(value) if value <= max => IntFit::Fits,
        Ok(value) if kind.is_signed() && value == max + 1 => IntFit::OnlyNegated,
        _ => IntFit::TooLarge,
    }
}

pub(crate) fn decode_int(text: &str, negative: bool) -> LiteralValue {
    let (digits, kind) = split_int(text);
    let sign = if negative && digits != "0" { "-" } else { "" };
    LiteralValue::Int { decimal: format!("{sign}{digits}"), kind }
}

/// Whether the exponent of a float token, if it has one, is between -400 and 400.
pub(crate) fn exponent_in_range(text: &str) -> bool {
    exponent_of(text).is_some()
}

fn exponent_of(text: &str) -> Option<i32> {
    const EXPONENT_MAX: i32 = 400;
    match text.find(['e', 'E']) {
        None => Some(0),
        Some(at) => {
            let digits = text.get(at + 1..)?;
            let negative = digits.starts_with('-');
            let digits = digits.trim_start_matches(['+', '-']).trim_start_matches('0');
            let value = if digits.is_empty() { 0 } else { digits.parse::<i32>().ok()? };
            (value <= EXPONENT_MAX).then_some(if negative { -value } else { value })
        }
    }
}

/// The digits of a float token: those of the shortest decimal that reads back as the same 64-bit float where that needs no
/// exponent (from 0.0001 up to below 1e15), else the written digits with the point moved.
pub(crate) fn decode_float(text: &str, negative: bool) -> FloatValue {
    let value: f64 = text.parse().unwrap_or(0.0);
    if value == 0.0 || (1e-4..1e15).contains(&value) {
        let shortest = value.to_string();
        let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, "0"));
        return FloatValue { negative, whole: whole.to_owned(), fraction: fraction.to_owned() };
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shift = exponent_of(text).unwrap_or(0);
    let steps = shift.unsigned_abs() as usize;
    let (whole, fraction) = if shift >= 0 {
        let moved = fraction.len().min(steps);
        let (left, right) = fraction.split_at_checked(moved).unwrap_or((fraction, ""));
        (format!("{whole}{left}{}", "0".repeat(steps - moved)), right.to_owned())
    } else {
        let kept = whole.len().saturating_sub(steps);
        let (left, right) = whole.split_at_checked(kept).unwrap_or((whole, ""));
        let zeros = "0".repeat(steps - (whole.len() - kept));
        (if left.is_empty() { "0".to_owned() } else { left.to_owned() }, format!("{zeros}{right}{fraction}"))
    };
    FloatValue { negative, whole, fraction: if fraction.is_empty() { "0".to_owned() } else { fraction } }
}

/// The escape at the start of `text` (its `\` included): the character meant and the bytes used.
pub(crate) fn decode_escape(text: &str) -> Option<(char, usize)> {
    let second = *text.as_bytes().get(1)?;
    let plain = |c: char| Some((c, 2));
    match second {
        b'n' => plain('\n'),
        b't' => plain('\t'),
        b'r' => plain('\r'),
        b'a' => plain('\u{7}'),
        b'b' => plain('\u{8}'),
        b'v' => plain('\u{b}'),
        b'f' => plain('\u{c}'),
        b'0' => plain('\0'),
        b'\\' | b'"' | b'\'' | b'/' | b'{' | b'}' => plain(char::from(second)),
        b'x' => hex_escape(text, 2),
        b'X' | b'u' => hex_escape(text, 4),
        b'U' => hex_escape(text, 8),
        _ => None,
    }
}

fn hex_escape(text: &str, digits: usize) -> Option<(char, usize)> {
    let hex = text.get(2..2 + digits)?;
    if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, 2 + digits))
}

/// The byte ranges of the escapes in `text` that mean nothing.
pub(crate) fn wrong_escapes(text: &str) -> Vec<Range<usize>> {
    let mut wrong = Vec::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr(b'\\', rest.as_bytes())) {
        let start = at + found;
        let rest = text.get(start..).unwrap_or_default();
        at = match decode_escape(rest) {
            Some((_, used)) => start + used,
            None => {
                let end = start + 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
                wrong.push(start..end);
                end
            }
        };
    }
    wrong
}

/// The offsets of each `}` in the literal text of an interpolated string that is not written twice.
pub(crate) fn lone_braces(text: &str, raw: bool) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut lone = Vec::new();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'}', b'\\', rest)) {
        at += found;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'}'), Some(b'}')) => at += 2,
            (Some(b'}'), _) => {
                lone.push(at);
                at += 1;
            }
            _ => at += if raw { 1 } else { 2 },
        }
    }
    lone
}

/// Whether escapes mean something in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escapes {
    Resolved,
    Raw,
}

/// Whether doubled braces stand for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Braces {
    Plain,
    Doubled,
}

/// The text between quotes as the string it stands for. An escape that means nothing stays as written.
pub(crate) fn decode_text(text: &str, escapes: Escapes, braces: Braces) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let used = match c {
            '\\' if escapes == Escapes::Resolved => match decode_escape(rest) {
                Some((meant, used)) => {
                    out.push(meant);
                    used
                }
                None => {
                    out.push(c);
                    1
                }
            },
            '{' | '}' if braces == Braces::Doubled && rest.chars().nth(1) == Some(c) => {
                out.push(c);
                2
            }
            _ => {
                out.push(c);
                c.len_utf8()
            }
        };
        rest = rest.get(used..).unwrap_or_default();
    }
    normalise(out)
}

/// Normalisation form C.
pub(crate) fn normalise(text: String) -> String {
    if text.is_ascii() || is_nfc(&text) { text } else { text.nfc().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(text: &str) -> (String, String) {
        let value = decode_float(text, false);
        (value.whole, value.fraction)
    }

    #[test]
    fn floats_keep_the_digits_of_the_shortest_decimal_or_of_the_source() {
        let pairs = [
            ("4.0", "4", "0"),
            ("2.50", "2", "5"),
            ("00.1", "0", "1"),
            ("1e3", "1000", "0"),
            ("1.5e-3", "0", "0015"),
            ("0.0001", "0", "0001"),
            ("0.00001", "0", "00001"),
            ("1.25e-7", "0", "000000125"),
            ("999999999999999.0", "999999999999999", "0"),
            ("1e15", "1000000000000000", "0"),
            ("1.50e16", "15000000000000000", "0"),
            ("12345678901234567.125", "12345678901234567", "125"),
            ("1.5e400", &format!("15{}", "0".repeat(399)), "0"),
            ("0.1", "0", "1"),
            ("123.456e20", "12345600000000000000000", "0"),
            ("1234.5e-8", "0", "000012345"),
        ];
        for (text, whole, fraction) in pairs {
            assert_eq!(float(text), (whole.to_owned(), fraction.to_owned()), "{text}");
        }
        assert!(!exponent_in_range("1e401") && !exponent_in_range("1e-99999999999") && exponent_in_range("1e-0400"));
    }

    #[test]
    fn integers_are_checked_against_their_suffix() {
        for (text, fit) in [
            ("127y", IntFit::Fits),
            ("128y", IntFit::OnlyNegated),
            ("129y", IntFit::TooLarge),
            ("256uy", IntFit::TooLarge),
            ("0000255uy", IntFit::Fits),
            ("2147483648l", IntFit::OnlyNegated),
            ("170141183460469231731687303715884105728Q", IntFit::OnlyNegated),
            ("340282366920938463463374607431768211455Z", IntFit::Fits),
            ("340282366920938463463374607431768211456Z", IntFit::TooLarge),
            ("999999999999999999999999999999999999999999999", IntFit::Fits),
        ] {
            assert_eq!(int_fit(text), fit, "{text}");
        }
        assert_eq!(decode_int("007L", true), LiteralValue::Int { decimal: "-7".into(), kind: IntKind::Int64 });
        assert_eq!(decode_int("00", true), LiteralValue::Int { decimal: "0".into(), kind: IntKind::Int });
    }

    #[test]
    fn text_is_decoded_and_normalised() {
        let decoded = |text| decode_text(text, Escapes::Resolved, Braces::Plain);
        assert_eq!(decoded(r#"a\n\t\"\\\x41\u00e9\U0001F600{{"#), "a\n\t\"\\Aé😀{{");
        assert_eq!(decoded("e\u{301}"), "é");
        assert_eq!(decode_text(r"\n", Escapes::Raw, Braces::Plain), r"\n");
        assert_eq!(decode_text(r"{{\{\{}}", Escapes::Resolved, Braces::Doubled), "{{{}");
        assert_eq!(wrong_escapes(r"\q \ud800 \x4 \n \U00110000"), vec![0..2, 3..5, 10..12, 17..19]);
    }
}
