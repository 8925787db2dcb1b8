//! Byte ranges of a text, and the rows and columns people and editors count in.
//!
//! Offsets are bytes in UTF-8. Rows are 0-based and end at LF only. Columns are 0-based UTF-16 code units (a tab is one, a
//! CR is one), which is the unit of the layout rules and of language servers.

/// A half-open range of bytes of one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextRange {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl TextRange {
    /// The range from `start` to `end`; an `end` before `start` gives an empty range at `start`.
    #[inline]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end: if end < start { start } else { end } }
    }

    /// Length in bytes.
    #[inline]
    pub const fn len(self) -> u32 {
        self.end - self.start
    }

    /// Whether it covers no byte.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.end == self.start
    }

    /// Whether `offset` lies inside, or at the end.
    #[inline]
    pub const fn touches(self, offset: u32) -> bool {
        self.start <= offset && offset <= self.end
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn cover(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The text it covers; empty when it does not lie on character bounds inside `text`.
    #[inline]
    pub fn slice(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A place in a text as people and editors count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineCol {
    /// 0-based row.
    pub row: u32,
    /// 0-based column in UTF-16 code units.
    pub col: u32,
}

/// Where each row of a text begins; answers many position questions about one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    /// Finds the row starts of `text`; one pass.
    pub fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| offset(at + 1)));
        Self { starts }
    }

    /// Number of rows; at least one.
    pub fn row_count(&self) -> u32 {
        offset(self.starts.len())
    }

    /// The bytes of row `row`, its line end included; `None` past the last row.
    pub fn row_range(&self, text: &str, row: u32) -> Option<TextRange> {
        let start = *self.starts.get(row as usize)?;
        let end = self.starts.get(row as usize + 1).copied().unwrap_or_else(|| offset(text.len()));
        Some(TextRange::new(start, end))
    }

    /// Row and column of a byte offset of the same `text`. Offsets past the end count as the end; an offset inside a
    /// character counts as the start of that character.
    pub fn line_col(&self, text: &str, at: u32) -> LineCol {
        let at = floor_char(text, at);
        let row = self.starts.partition_point(|&start| start <= at).saturating_sub(1);
        let start = self.starts.get(row).copied().unwrap_or(0);
        LineCol { row: offset(row), col: utf16_len(TextRange::new(start, at).slice(text)) }
    }

    /// The byte offset of a row and column of the same `text`: columns past the end of the row give its end before the
    /// line break, rows past the last the end of the text, a column inside a surrogate pair the start of its character.
    pub fn offset(&self, text: &str, place: LineCol) -> u32 {
        let Some(range) = self.row_range(text, place.row) else {
            return offset(text.len());
        };
        let line = range.slice(text);
        let line = line.strip_suffix('\n').unwrap_or(line);
        let mut units = 0;
        for (at, c) in line.char_indices() {
            units += offset(c.len_utf16());
            if units > place.col {
                return range.start + offset(at);
            }
        }
        range.start + offset(line.len())
    }
}

/// Row and column of one byte offset; for more than a few use a [`LineIndex`].
pub fn line_col(text: &str, at: u32) -> LineCol {
    let at = floor_char(text, at);
    let before = TextRange::new(0, at).slice(text);
    let row = memchr::memchr_iter(b'\n', before.as_bytes()).count();
    let start = before.rfind('\n').map_or(0, |lf| lf + 1);
    LineCol { row: offset(row), col: utf16_len(before.get(start..).unwrap_or_default()) }
}

/// A length or index as a 32-bit offset; texts are limited so that it always fits.
#[inline]
pub(crate) fn offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Length in UTF-16 code units.
pub(crate) fn utf16_len(text: &str) -> u32 {
    if text.is_ascii() { offset(text.len()) } else { offset(text.chars().map(char::len_utf16).sum()) }
}

fn floor_char(text: &str, at: u32) -> u32 {
    offset(text.floor_char_boundary(at as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_utf16_units_and_only_lf_ends_a_row() {
        let text = "a\tb\r\n😀é x";
        let index = LineIndex::new(text);
        for (at, row, col) in
            [(0, 0, 0), (2, 0, 2), (4, 0, 4), (5, 1, 0), (9, 1, 2), (11, 1, 3), (12, 1, 4), (99, 1, 5)]
        {
            assert_eq!(index.line_col(text, at), LineCol { row, col }, "offset {at}");
            assert_eq!(line_col(text, at), LineCol { row, col }, "offset {at}");
        }
        assert_eq!(index.line_col(text, 7), LineCol { row: 1, col: 0 });
        assert_eq!(index.offset(text, LineCol { row: 1, col: 1 }), 5);
        assert_eq!(index.offset(text, LineCol { row: 1, col: 3 }), 11);
        assert_eq!(index.offset(text, LineCol { row: 0, col: 90 }), 4);
        assert_eq!(index.offset(text, LineCol { row: 9, col: 0 }), 13);
    }
}
