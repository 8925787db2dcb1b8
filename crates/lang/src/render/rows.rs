//! Moving the rows below a respelled name, so that they keep their place relative to what stands behind it.

use std::ops::Range;

use dm_syntax::{Mode, SyntaxKind as K, parse};

/// The changes, and changes of the indentation of rows that hang on something behind a changed name on its row.
///
/// A row hangs on a name if it and all rows between begin further right than the name does. Whether the result says the
/// same is for the caller to check.
pub(super) fn with_rows_moved(text: &str, changes: &[(Range<u32>, String)]) -> Vec<(Range<u32>, String)> {
    let rows = rows(text);
    let movable = movable_rows(text);
    let mut shifts = vec![0_i64; rows.len()];
    for (span, shown) in changes {
        let Some(own) = rows.partition_point(|row| row.start <= span.start).checked_sub(1) else { continue };
        let Some(row) = rows.get(own) else { continue };
        let column = units(super::slice(text, &(row.start..span.start)));
        let delta = units(shown) - units(super::slice(text, span));
        for (row, shift) in rows.iter().zip(&mut shifts).skip(own + 1) {
            let content = super::slice(text, row);
            let indent = content.len() - content.trim_start_matches([' ', '\t']).len();
            if content.trim().is_empty() {
                continue;
            }
            if i64::try_from(indent).unwrap_or(i64::MAX) <= column {
                break;
            }
            *shift += delta;
        }
    }
    let mut all = changes.to_vec();
    for (row, shift) in rows.iter().zip(&shifts).filter(|(row, shift)| **shift != 0 && movable.contains(&row.start)) {
        let content = super::slice(text, row);
        let indent = content.len() - content.trim_start_matches([' ', '\t']).len();
        let wanted = usize::try_from(i64::try_from(indent).unwrap_or(0) + shift).unwrap_or(0).max(1);
        let end = row.start + u32::try_from(indent).unwrap_or(0);
        if indent > 0 {
            all.push((row.start..end, " ".repeat(wanted)));
        }
    }
    all.sort_by_key(|(span, _)| span.start);
    all
}

/// The rows, without their line ends.
fn rows(text: &str) -> Vec<Range<u32>> {
    let mut start = 0;
    let offset = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    text.split('\n')
        .map(|row| {
            let range = offset(start)..offset(start + row.len());
            start += row.len() + 1;
            range
        })
        .collect()
}

/// The starts of the rows that begin in the space between tokens.
fn movable_rows(text: &str) -> Vec<u32> {
    let parsed = parse(text, Mode::Package);
    let spaces = parsed.tree.root().descendant_tokens().filter(|token| token.kind() == K::Whitespace);
    spaces
        .flat_map(|space| {
            let start = space.range().start;
            space.text().match_indices('\n').map(move |(at, _)| start + u32::try_from(at).unwrap_or(0) + 1)
        })
        .collect()
}

fn units(text: &str) -> i64 {
    i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX)
}
