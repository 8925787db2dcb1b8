//! Comparing what was printed with what was expected, with wildcards.
//!
//! `[..]` stands for any text within a line, a line `...` for any number of lines.

use similar::TextDiff;

const ANY_TEXT: &str = "[..]";
const ANY_LINES: &str = "...";

/// Whether expected texts are to be rewritten instead of compared: the environment has `UPDATE_EXPECT=1`.
#[must_use]
pub fn update_wanted() -> bool {
    std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1")
}

/// Whether `actual` is what `expected` describes, wildcards counted. A missing line end at the very end does not matter.
#[must_use]
pub fn lines_match(expected: &str, actual: &str) -> bool {
    let expected: Vec<&str> = expected.lines().collect();
    let actual: Vec<&str> = actual.lines().collect();
    pieces_match(&expected, &actual, |piece| *piece == ANY_LINES, |pattern, line| line_matches(pattern, line))
}

/// A glob over slices, without backtracking further than to the last wildcard.
fn pieces_match<P, T>(pattern: &[P], text: &[T], any: impl Fn(&P) -> bool, same: impl Fn(&P, &T) -> bool) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut last_any: Option<(usize, usize)> = None;
    while let Some(piece) = text.get(from) {
        match pattern.get(at) {
            Some(wanted) if any(wanted) => {
                last_any = Some((at, from));
                at += 1;
            }
            Some(wanted) if same(wanted, piece) => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((any_at, any_from)) = last_any else { return false };
                last_any = Some((any_at, any_from + 1));
                at = any_at + 1;
                from = any_from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(any)
}

fn line_matches(pattern: &str, line: &str) -> bool {
    if !pattern.contains(ANY_TEXT) {
        return pattern.trim_end() == line.trim_end();
    }
    let mut wanted: Vec<Option<char>> = Vec::new();
    for (index, part) in pattern.trim_end().split(ANY_TEXT).enumerate() {
        if index > 0 {
            wanted.push(None);
        }
        wanted.extend(part.chars().map(Some));
    }
    let line: Vec<char> = line.trim_end().chars().collect();
    pieces_match(&wanted, &line, Option::is_none, |wanted, have| *wanted == Some(*have))
}

/// The text to write where `expected` no longer describes `actual`: what was printed, but each line that an expected line with
/// a wildcard still describes stays as it was written.
#[must_use]
pub fn merge_expected(expected: &str, actual: &str) -> String {
    if lines_match(expected, actual) {
        return expected.to_owned();
    }
    let mut patterns = expected.lines().filter(|line| line.contains(ANY_TEXT)).peekable();
    let mut merged = String::new();
    for line in actual.lines() {
        let mut rest = patterns.clone();
        if let Some(kept) = rest.find(|pattern| line_matches(pattern, line)) {
            merged.push_str(kept);
            patterns = rest;
        } else {
            merged.push_str(line.trim_end());
        }
        merged.push('\n');
    }
    merged
}

/// The difference of two texts, in the unified form, expected first.
#[must_use]
pub fn unified_diff(expected: &str, actual: &str) -> String {
    let ended =
        |text: &str| if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    let (expected, actual) = (ended(expected), ended(actual));
    TextDiff::from_lines(&expected, &actual).unified_diff().context_radius(3).header("expected", "actual").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_match_exactly_without_wildcards() {
        assert!(lines_match("a\nb\n", "a\nb"));
        assert!(lines_match("", ""));
        assert!(!lines_match("a\nb\n", "a\n"));
        assert!(!lines_match("a\n", "a\nb\n"));
        assert!(!lines_match("", "a\n"));
    }

    #[test]
    fn wildcards_match_within_their_bounds() {
        assert!(lines_match("patch [..] of [..]\n", "patch 1a2b of Ada\n"));
        assert!(lines_match("[..]x[..]x\n", "axbxcx\n"));
        assert!(!lines_match("[..]x\n", "axb\n"));
        assert!(lines_match("first\n...\nlast\n", "first\n1\n2\nlast\n"));
        assert!(lines_match("first\n...\nlast\n", "first\nlast\n"));
        assert!(!lines_match("first\n...\nlast\n", "first\n1\n2\n"));
        assert!(lines_match("...\n", ""));
        assert!(!lines_match("[..]\n", "one\ntwo\n"));
    }

    #[test]
    fn merging_keeps_lines_with_wildcards() {
        assert_eq!(merge_expected("at [..]\nold\n", "at 12:30\nnew\n"), "at [..]\nnew\n");
        assert_eq!(merge_expected("...\n", "anything\n"), "...\n");
        assert_eq!(merge_expected("a [..]\n", "b 1\na 2\n"), "b 1\na [..]\n");
    }

    #[test]
    fn differences_show_both_sides() {
        let shown = unified_diff("a\nb\n", "a\nc");
        assert!(shown.contains("-b\n") && shown.contains("+c\n"), "{shown}");
    }
}
