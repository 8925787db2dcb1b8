//! Offsets of a file and of the text that was cut out of it.

/// A stretch of the text that is a stretch of the file, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    text: u32,
    file: u32,
    length: u32,
}

/// From offsets of a file to offsets of a declaration's text and back. Both go up together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetMap {
    runs: Vec<Run>,
}

impl OffsetMap {
    /// The map of a text that is the whole file.
    #[must_use]
    pub fn identity(length: usize) -> Self {
        let mut map = Self::default();
        map.push(0, 0, length);
        map
    }

    pub(super) fn push(&mut self, text: usize, file: usize, length: usize) {
        let as_offset = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        self.runs.push(Run { text: as_offset(text), file: as_offset(file), length: as_offset(length) });
    }

    /// The offset in the text of a byte of the file; `None` if that byte is not in the text.
    #[must_use]
    pub fn to_text(&self, file: u32) -> Option<u32> {
        let at = self.runs.partition_point(|run| run.file <= file).checked_sub(1)?;
        let run = self.runs.get(at)?;
        let inside = file - run.file;
        (inside < run.length).then(|| run.text + inside)
    }

    /// The offset in the text behind the byte before `file`: for the ends of ranges.
    #[must_use]
    pub fn to_text_end(&self, file: u32) -> Option<u32> {
        self.to_text(file.checked_sub(1)?).map(|at| at + 1)
    }

    /// The offset in the file of a byte of the text, or of the nearest byte before it that comes from the file; the end
    /// of the text gives the end of its last stretch.
    #[must_use]
    pub fn to_file(&self, text: u32) -> u32 {
        let at = self.runs.partition_point(|run| run.text <= text).saturating_sub(1);
        self.runs.get(at).map_or(0, |run| run.file + text.saturating_sub(run.text).min(run.length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_go_both_ways() {
        let mut map = OffsetMap::default();
        map.push(0, 10, 5);
        map.push(5, 17, 3);
        assert_eq!((map.to_text(9), map.to_text(10), map.to_text(14), map.to_text(15)), (None, Some(0), Some(4), None));
        assert_eq!((map.to_text(17), map.to_text_end(20), map.to_text_end(21)), (Some(5), Some(8), None));
        assert_eq!((map.to_file(0), map.to_file(4), map.to_file(5), map.to_file(8)), (10, 14, 17, 20));
    }
}
