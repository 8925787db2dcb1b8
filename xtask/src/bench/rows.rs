//! What a figure is. The figures themselves stand in files of their own, by what they are measured on.

use anyhow::Result;

use super::ground::Ground;
use super::sample::Sample;
use super::{bundle, disk, meaning, network, scale, search, tree, writers};

/// A figure.
pub struct Row {
    pub name: &'static str,
    pub what: &'static str,
    /// In its unit: at most so much, or at least so much where more is better.
    pub goal: f64,
    pub unit: Unit,
    /// Whether it is measured on the public Darklang sources.
    pub needs_sources: bool,
    /// Goals in relation to other programs that do the same: at most so many times what they take.
    pub against: &'static [(&'static str, f64)],
    /// Whether it is the time of one process, so that what starting any process costs is in it.
    pub of_a_process: bool,
    pub measure: fn(&Ground) -> Result<Sample>,
}

impl Row {
    pub const fn new(
        name: &'static str,
        what: &'static str,
        goal: f64,
        unit: Unit,
        measure: fn(&Ground) -> Result<Sample>,
    ) -> Self {
        let of_a_process = matches!(unit, Unit::Milliseconds);
        Self { name, what, goal, unit, needs_sources: false, against: &[], of_a_process, measure }
    }

    /// The same figure, in which no start of a process is.
    pub const fn without_start(mut self) -> Self {
        self.of_a_process = false;
        self
    }

    /// The same figure, on the public Darklang sources.
    pub const fn of_sources(mut self) -> Self {
        self.needs_sources = true;
        self
    }

    /// The same figure with goals in relation to other programs.
    pub const fn against(mut self, against: &'static [(&'static str, f64)]) -> Self {
        self.against = against;
        self
    }
}

/// All figures, in the order of the table.
pub fn all() -> Vec<&'static Row> {
    let files: [&'static [Row]; 8] = [
        &tree::ROWS,
        &meaning::ROWS,
        &scale::ROWS,
        &search::ROWS,
        &bundle::ROWS,
        &disk::ROWS,
        &network::ROWS,
        &writers::ROWS,
    ];
    files.into_iter().flatten().collect()
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
    Megabytes,
    Bytes,
    MegabytesPerSecond,
    /// So many a second.
    PerSecond,
    /// So many of 1,000; more is better.
    PerThousand,
    /// A count of whatever the row says.
    Count,
    /// One figure divided by another.
    Times,
}

impl Unit {
    pub fn spelled(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Megabytes => "MB",
            Self::Bytes => "B",
            Self::MegabytesPerSecond => "MB/s",
            Self::PerSecond => "/s",
            Self::PerThousand => "‰",
            Self::Count => "",
            Self::Times => "x",
        }
    }

    /// Whether the first value is better than the second.
    pub fn is_better(self, first: f64, second: f64) -> bool {
        match self {
            Self::MegabytesPerSecond | Self::PerSecond | Self::PerThousand => first > second,
            Self::Seconds | Self::Milliseconds | Self::Megabytes | Self::Bytes | Self::Count | Self::Times => {
                first < second
            }
        }
    }

    /// A difference that may be chance.
    pub fn noise(self) -> f64 {
        match self {
            Self::Seconds => 0.02,
            Self::Milliseconds => 0.3,
            Self::Megabytes => 1.0,
            Self::Bytes => 64.0,
            Self::MegabytesPerSecond => 2.0,
            Self::PerSecond | Self::PerThousand => 10.0,
            Self::Count => 0.5,
            Self::Times => 0.1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_figures_have_one_name() {
        let rows = all();
        let names: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
    }
}
