//! How a file's text is brought to the form in which it is parsed and kept.
//!
//! Rows end in LF alone and there is no byte order mark. Nothing else is changed.

use std::borrow::Cow;

/// The text with every row ending in LF: each run of CR before an LF goes, and so does a byte order mark at the start.
#[must_use]
pub fn normalize(text: &str) -> Cow<'_, str> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !body.contains("\r\n") {
        return Cow::Borrowed(body);
    }
    let mut out = String::with_capacity(body.len());
    for row in body.split_inclusive('\n') {
        match row.strip_suffix('\n') {
            Some(content) => {
                out.push_str(content.trim_end_matches('\r'));
                out.push('\n');
            }
            None => out.push_str(row),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_ends_and_the_mark_change() {
        assert_eq!(normalize("\u{feff}a\r\nb\r\r\nc\rd\n\r"), "a\nb\nc\rd\n\r");
        assert!(matches!(normalize("a\rb\n"), Cow::Borrowed("a\rb\n")));
    }
}
