//! How names are written: segments, dots, double backticks.

use std::borrow::Cow;

use dm_syntax::{Mode, SyntaxKind, TextRange, parse, written::Path};

/// The words that cannot stand bare where a name is meant.
const RESERVED: [&str; 16] = [
    "let", "val", "in", "if", "elif", "then", "else", "type", "of", "match", "with", "fun", "when", "true", "false",
    "_",
];

/// The dotted spelling of a written path: without backticks and without the space and comments between its segments.
pub(crate) fn of_path(path: Path<'_>) -> Cow<'_, str> {
    let text = path.syntax().text();
    if is_plain(text) { Cow::Borrowed(text) } else { Cow::Owned(path.dotted()) }
}

/// The dotted spelling of the text of a reference's span.
///
/// A span that is no path at all (an operator) is its own spelling.
#[must_use]
pub fn of_span(span: &str) -> Cow<'_, str> {
    if is_plain(span) {
        return Cow::Borrowed(span);
    }
    let parsed = parse(span, Mode::Script);
    let names: Vec<_> = parsed
        .tree
        .root()
        .descendant_tokens()
        .filter(|token| token.kind().is_name())
        .map(|token| bare(token.text()))
        .collect();
    if names.is_empty() { Cow::Borrowed(span) } else { Cow::Owned(names.join(".")) }
}

/// The name that a token means.
pub(crate) fn bare(token: &str) -> &str {
    let quoted = token.strip_prefix("``").and_then(|rest| rest.strip_suffix("``"));
    quoted.unwrap_or(if token == "___" { "" } else { token })
}

/// A dotted spelling as it can stand in a text.
pub(crate) fn written(spelling: &str) -> String {
    spelling.split('.').map(quote).collect::<Vec<_>>().join(".")
}

/// One segment as it can stand in a text: in double backticks where it would not be read as that name.
#[must_use]
pub fn quote(segment: &str) -> Cow<'_, str> {
    let first = segment.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    let rest = segment.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '\'');
    if first && rest && !RESERVED.contains(&segment) {
        Cow::Borrowed(segment)
    } else {
        Cow::Owned(format!("``{segment}``"))
    }
}

/// Whether the last segment of a spelling begins with an upper-case letter.
pub(crate) fn is_upper(spelling: &str) -> bool {
    last(spelling).chars().next().is_some_and(char::is_uppercase)
}

/// The last segment.
pub(crate) fn last(spelling: &str) -> &str {
    spelling.rsplit('.').next().unwrap_or_default()
}

/// The range of a path without its last segment; `None` for a path of one.
pub(crate) fn qualifier_range(path: Path<'_>) -> Option<TextRange> {
    let mut names = path.syntax().tokens().filter(|token| token.kind().is_name());
    let first = names.next()?.range();
    let mut ends = first.end;
    let mut last = names.next()?.range();
    for name in names {
        ends = last.end;
        last = name.range();
    }
    Some(TextRange::new(first.start, ends))
}

/// Whether a text is already its own spelling.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'\''))
        && !(text.contains("___") && text.split('.').any(|segment| segment == "___"))
}

/// The token of a declaration's own name.
pub(crate) fn own_name(node: dm_syntax::SyntaxNode<'_>) -> Option<TextRange> {
    match node.kind() {
        SyntaxKind::FnDef | SyntaxKind::ValueDef | SyntaxKind::TypeDef | SyntaxKind::DbDef => {
            node.tokens().find(|token| token.kind().is_name()).map(|token| token.range())
        }
        _ => None,
    }
}
