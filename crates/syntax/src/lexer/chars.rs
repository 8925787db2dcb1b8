//! Which characters make words, and the fixed words and signs.

use crate::kind::SyntaxKind as K;

/// Letters in the sense of the general categories Lu, Ll, Lt, Lm and Lo, in the basic plane only.
pub(super) fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    c <= '\u{ffff}' && (unicode_ident::is_xid_start(c) && !is_start_without_letter(c) || is_letter_without_start(c))
}

/// Decimal digits (category Nd) of the basic plane.
pub(super) fn is_digit(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit();
    }
    c <= '\u{ffff}'
        && c.is_numeric()
        && unicode_ident::is_xid_continue(c)
        && !is_start_without_letter(c)
        && !is_letter(c)
        && !matches!(c, '\u{1369}'..='\u{1371}' | '\u{19da}')
}

/// May start an identifier by the Unicode annex on them, but is a letter number, mark or symbol.
fn is_start_without_letter(c: char) -> bool {
    matches!(c,
        '\u{16ee}'..='\u{16f0}' | '\u{1885}' | '\u{1886}' | '\u{2118}' | '\u{212e}' | '\u{2160}'..='\u{2182}'
        | '\u{2185}'..='\u{2188}' | '\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3038}'..='\u{303a}' | '\u{a6e6}'..='\u{a6ef}')
}

/// A letter that the annex leaves out of identifier starts because of its compatibility form.
fn is_letter_without_start(c: char) -> bool {
    matches!(
        c,
        '\u{37a}' | '\u{e33}' | '\u{eb3}' | '\u{2e2f}' | '\u{fc5e}'
            ..='\u{fc63}'
                | '\u{fdfa}'
                | '\u{fdfb}'
                | '\u{fe70}'
                | '\u{fe72}'
                | '\u{fe74}'
                | '\u{fe76}'
                | '\u{fe78}'
                | '\u{fe7a}'
                | '\u{fe7c}'
                | '\u{fe7e}'
                | '\u{ff9e}'
                | '\u{ff9f}'
    )
}

/// Whether a name begins with an upper-case letter, which makes it a module, type or case.
pub(crate) fn is_upper(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(byte) if byte.is_ascii() => byte.is_ascii_uppercase(),
        _ => name.chars().next().is_some_and(|c| c <= '\u{ffff}' && c.is_uppercase() && is_letter(c)),
    }
}

/// The reserved words, and the wildcard.
pub(super) fn keyword(text: &str) -> Option<K> {
    if text.len() > 5 {
        return None;
    }
    Some(match text {
        "let" => K::LetKw,
        "val" => K::ValKw,
        "in" => K::InKw,
        "if" => K::IfKw,
        "elif" => K::ElifKw,
        "then" => K::ThenKw,
        "else" => K::ElseKw,
        "type" => K::TypeKw,
        "of" => K::OfKw,
        "match" => K::MatchKw,
        "with" => K::WithKw,
        "fun" => K::FunKw,
        "when" => K::WhenKw,
        "true" => K::TrueKw,
        "false" => K::FalseKw,
        "_" => K::Wildcard,
        _ => return None,
    })
}

/// The signs of one character.
pub(super) fn single(byte: u8) -> Option<K> {
    Some(match byte {
        b'+' => K::Plus,
        b'-' => K::Minus,
        b'*' => K::Star,
        b'/' => K::Slash,
        b'(' => K::LParen,
        b')' => K::RParen,
        b'{' => K::LBrace,
        b'}' => K::RBrace,
        b'[' => K::LBracket,
        b']' => K::RBracket,
        b':' => K::Colon,
        b',' => K::Comma,
        b';' => K::Semicolon,
        b'.' => K::Dot,
        b'=' => K::Eq,
        b'!' => K::Bang,
        b'<' => K::Lt,
        b'>' => K::Gt,
        b'&' => K::Amp,
        b'^' => K::Caret,
        b'%' => K::Percent,
        b'@' => K::At,
        b'|' => K::Bar,
        _ => return None,
    })
}

/// One past the end of the nested block comment that begins at `start`; `None` if it never ends.
pub(super) fn block_comment_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 1_usize;
    let mut at = start + 2;
    loop {
        at += memchr::memchr2(b'(', b'*', bytes.get(at..)?)?;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'('), Some(b'*')) if bytes.get(at + 2) != Some(&b')') => {
                depth += 1;
                at += 2;
            }
            (Some(b'*'), Some(b')')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}

/// At most forty characters of a text, for messages; control characters as escapes.
pub(super) fn shorten(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN_MAX {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_debug()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_digits_are_those_of_the_general_categories() {
        for c in ['a', 'Z', 'é', 'ß', 'Ж', '日', 'ª', 'ʰ', '\u{37a}', '\u{e33}', '\u{2e2f}', 'ǅ'] {
            assert!(is_letter(c), "{c:?} is a letter");
        }
        for c in ['1', '_', 'Ⅷ', '\u{301}', '〇', '℮', '😀', '\u{10400}', '²', '\u{1885}', 'ⓐ'] {
            assert!(!is_letter(c), "{c:?} is no letter");
        }
        for c in ['0', '٣', '९', '０'] {
            assert!(is_digit(c), "{c:?} is a digit");
        }
        for c in ['²', 'Ⅷ', '〇', '½', '\u{1369}', 'a', '一'] {
            assert!(!is_digit(c), "{c:?} is no digit");
        }
    }

    #[test]
    fn case_decides_on_the_first_letter_only() {
        assert!(is_upper("Über") && is_upper("Ж") && is_upper("A'"));
        assert!(!is_upper("über") && !is_upper("_A") && !is_upper("日") && !is_upper("") && !is_upper("ǅ"));
    }
}
