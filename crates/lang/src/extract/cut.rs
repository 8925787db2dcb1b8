//! The exact text of a declaration, cut out of its file.
//!
//! Indentation comes off all rows of the declaration alike or not at all, since the language reads columns relative to each
//! other. Rows inside strings and block comments are never touched; where something follows on the row on which one ends,
//! the text is parsed again to see that nothing moved.

use dm_syntax::{Mode, SyntaxElement, SyntaxKind as K, SyntaxNode, TextRange, parse};

use super::offsets::OffsetMap;
use super::pieces::{Part, Piece, Role, column};

pub(super) struct Cut {
    pub(super) text: String,
    pub(super) map: OffsetMap,
    pub(super) range: TextRange,
}

pub(super) fn cut(file: &str, piece: &Piece<'_>) -> Cut {
    let stretches = stretches(&piece.parts);
    let own = stretches.iter().find(|parts| parts.iter().any(|part| part.role == Role::Declaration));
    let start_column = own.map_or(0, |parts| start_column(file, piece.node, parts));
    let mut rows = Rows::default();
    if start_column > 0 {
        rows = Rows::of(file, piece.node, start_column);
    }
    let mut cut = build(file, &stretches, piece.node, rows.indentation, start_column);
    if rows.uncertain && rows.indentation > 0 && !reads_alike(piece.node, &cut.text) {
        cut = build(file, &stretches, piece.node, 0, start_column);
    }
    cut
}

/// The parts between module headers.
fn stretches(parts: &[Part]) -> Vec<&[Part]> {
    parts.chunk_by(|a, b| a.stretch == b.stretch).collect()
}

/// How far right the declaration's first row begins: its indentation, or the column of what comes first where the row
/// begins with something that is cut away.
fn start_column(file: &str, node: SyntaxNode<'_>, parts: &[Part]) -> u32 {
    let row = row_start(file, node.range().start);
    let (indent, first) = indentation(file, row);
    match parts.first() {
        Some(part) if first < part.range.start => column(file, part.range.start),
        _ => indent,
    }
}

/// What the rows of a declaration allow to take off.
#[derive(Debug, Default)]
struct Rows {
    indentation: u32,
    /// Whether something stands behind a string or comment of several rows, so that its column does not move with the rest.
    uncertain: bool,
}

impl Rows {
    fn of(file: &str, node: SyntaxNode<'_>, start_column: u32) -> Self {
        let mut rows = Self { indentation: start_column, uncertain: false };
        let mut behind_tall = false;
        for_parts(node, |kind, range| {
            let text = range.slice(file);
            let tall = text.contains('\n');
            if kind == K::Whitespace {
                if tall {
                    behind_tall = false;
                    if !matches!(file.get(range.end as usize..), Some(rest) if rest.starts_with("//")) {
                        rows.indentation = rows.indentation.min(last_row_length(text));
                    }
                }
                return;
            }
            rows.uncertain |= behind_tall && !kind.is_trivia();
            behind_tall |= tall;
        });
        rows
    }
}

/// The tokens of a declaration in order, an interpolated string as one.
fn for_parts(node: SyntaxNode<'_>, mut see: impl FnMut(K, TextRange)) {
    let mut until = 0;
    for element in node.descendant_elements() {
        let range = element.range();
        match element {
            SyntaxElement::Node(inner) if inner.kind() == K::InterpExpr && range.start >= until => {
                see(K::InterpExpr, range);
                until = range.end;
            }
            SyntaxElement::Token(token) if range.start >= until => see(token.kind(), range),
            _ => {}
        }
    }
}

fn build(file: &str, stretches: &[&[Part]], node: SyntaxNode<'_>, indent: u32, start_column: u32) -> Cut {
    let mut text = String::new();
    let mut map = OffsetMap::default();
    for parts in stretches {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { continue };
        if !text.is_empty() {
            text.push('\n');
        }
        let row = row_start(file, first.range.start);
        let (space, begins) = indentation(file, row);
        let begin = if begins == first.range.start {
            row + indent.min(space)
        } else {
            let own_row = row == row_start(file, node.range().start);
            let pad = if own_row { start_column.saturating_sub(indent) } else { 0 };
            text.extend(std::iter::repeat_n(' ', pad as usize));
            first.range.start
        };
        let mut at = begin;
        if indent > 0 {
            for_row_starts(file, parts, node, |start, space| {
                copy(file, at, start, &mut text, &mut map);
                at = start + space.min(indent);
            });
        }
        copy(file, at, last.range.end, &mut text, &mut map);
    }
    let all = |pick: fn(TextRange, TextRange) -> TextRange| {
        stretches.iter().flat_map(|parts| parts.iter()).map(|part| part.range).reduce(pick).unwrap_or_default()
    };
    Cut { text, map, range: all(TextRange::cover) }
}

fn copy(file: &str, from: u32, to: u32, text: &mut String, map: &mut OffsetMap) {
    let part = TextRange::new(from, to).slice(file);
    if !part.is_empty() {
        map.push(text.len(), from as usize, part.len());
        text.push_str(part);
    }
}

/// The starts of rows that begin in space between tokens, each with the length of that space.
fn for_row_starts(file: &str, parts: &[Part], node: SyntaxNode<'_>, mut see: impl FnMut(u32, u32)) {
    let mut gap = |gap: TextRange| {
        let text = gap.slice(file);
        for (at, _) in text.match_indices('\n') {
            let rest = text.get(at + 1..).unwrap_or_default();
            let space = rest.find('\n').unwrap_or(rest.len());
            see(gap.start + as_offset(at) + 1, as_offset(space));
        }
    };
    let mut end = None;
    for part in parts {
        if let Some(end) = end {
            gap(TextRange::new(end, part.range.start));
        }
        if part.role == Role::Declaration {
            for_parts(node, |kind, range| {
                if kind == K::Whitespace {
                    gap(range);
                }
            });
        }
        end = Some(part.range.end);
    }
}

/// Whether a text parses to one declaration of the same structure and tokens.
fn reads_alike(node: SyntaxNode<'_>, text: &str) -> bool {
    let parsed = parse(text, Mode::Package);
    let mut nodes = Vec::new();
    super::pieces::declared(parsed.tree.root(), &mut nodes);
    let [other] = nodes.as_slice() else { return false };
    crate::shape::alike(node, *other)
}

fn row_start(file: &str, at: u32) -> u32 {
    let before = TextRange::new(0, at).slice(file);
    before.rfind('\n').map_or(0, |lf| as_offset(lf) + 1)
}

/// The length of the space at the start of a row, and the offset behind it.
fn indentation(file: &str, row: u32) -> (u32, u32) {
    let rest = file.get(row as usize..).unwrap_or_default();
    let space = rest.bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
    (as_offset(space), row + as_offset(space))
}

fn last_row_length(space: &str) -> u32 {
    as_offset(space.len() - space.rfind('\n').map_or(0, |lf| lf + 1))
}

fn as_offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
