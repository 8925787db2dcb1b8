//! What checking found.

use schemars::JsonSchema;
use serde::Serialize;

use super::PatchSummary;

/// How far a patch reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Impact {
    /// It changes nothing.
    None,
    /// Nobody else sees a difference.
    Local,
    /// Others see it, and go on to work as far as can be told.
    Dependents,
    /// Others no longer fit.
    Breaking,
}

impl Impact {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Local => "local",
            Self::Dependents => "dependents",
            Self::Breaking => "breaking",
        }
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is certainly wrong.
    Error,
    /// It may be wrong, or will be.
    Warning,
}

/// A place that a problem speaks of, in a definition as the view shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProblemPlace {
    /// In which definition.
    pub location: String,
    /// First row, from 1.
    pub row: u32,
    /// First column there, from 1, in UTF-16 units.
    pub column: u32,
    /// Last row.
    pub end_row: u32,
    /// The column after the last.
    pub end_column: u32,
    /// The first row for people: control characters replaced, cut if it is long.
    pub excerpt: String,
    /// Carets to stand below the excerpt.
    pub marks: String,
    /// What it says there; empty for the problem's own place.
    pub note: String,
}

/// Something that checking found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// What kind of thing is wrong; a word that stays the same between versions.
    pub code: String,
    /// The op of the patch that wrote that definition; none where it is only touched by what the patch does elsewhere, or where no patch
    /// is checked.
    pub op: Option<String>,
    /// What kind of definition it is in.
    pub kind: String,
    /// That definition's lasting identity.
    pub entity: String,
    /// Where.
    pub place: ProblemPlace,
    /// What is wrong.
    pub message: String,
    /// Where two types clash, the one that is wanted.
    pub expected: Option<String>,
    /// And the one that there is.
    pub actual: Option<String>,
    /// What is likely to mend it.
    pub hint: Option<String>,
    /// Where what it contradicts was said.
    pub other: Option<ProblemPlace>,
}

/// What checking found.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct CheckReport {
    /// The patch that was checked, if one was.
    pub patch: Option<PatchSummary>,
    /// Whether there is no error and no conflict.
    pub valid: bool,
    /// How far a patch reaches.
    pub impact: Option<Impact>,
    /// The conflicts that a patch would bring into main, each in a sentence.
    pub conflicts: Vec<String>,
    /// The patches that a patch needs, those in main too.
    pub needs: Vec<PatchSummary>,
    /// How many definitions were looked at.
    pub definitions: u64,
    /// How many expressions they have.
    pub expressions: u64,
    /// Of how many of them the type is known, with no part unknown.
    pub known: u64,
    /// How many errors there are.
    pub errors: u64,
    /// How many warnings there are.
    pub warnings: u64,
    /// Errors first, each by location and place.
    pub problems: Vec<Problem>,
}
