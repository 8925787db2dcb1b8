//! The ways in which a patch or a definition's past is looked at.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Entry, Impact, PatchSummary, Problem};

/// Whom a patch reaches.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PatchImpact {
    /// The patch.
    pub patch: PatchSummary,
    /// How far it reaches.
    pub impact: Impact,
    /// What it changes and whom that reaches, nearest first, then by location.
    pub definitions: Vec<ImpactNode>,
    /// What it breaks, and what else is wrong in what it writes.
    pub problems: Vec<Problem>,
}

/// A definition that a patch changes or reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImpactNode {
    /// The entity.
    pub entity: String,
    /// Where it is.
    pub location: String,
    /// Its kind, where it is known.
    pub kind: Option<String>,
    /// `changed`: the patch writes it; `breaks`: it no longer fits; `rechecked`: it sees another interface and fits; `reached`:
    /// what it does may be another.
    pub effect: String,
    /// What the patch does to it, as in the source diff; empty if it is only reached.
    pub changes: Vec<String>,
    /// The entity through which the patch reaches it; none if it is changed.
    pub through: Option<String>,
    /// How many references lie between it and a change, at least.
    pub distance: u64,
}

/// What happened to a patch.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PatchTimeline {
    /// The patch.
    pub patch: PatchSummary,
    /// What happened, oldest first.
    pub events: Vec<PatchEvent>,
}

/// Something that happened to a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PatchEvent {
    /// When, in milliseconds since 1970, as whoever did it says.
    pub at: i64,
    /// `begun`, `changed`, `ready`, `withdrawn`, `applied`, `unapplied` or `reviewed`.
    pub what: String,
    /// Who did it: the author, or the main.
    pub by: String,
    /// What is to be said besides, in words; may be empty.
    pub words: String,
    /// The revision that it is about.
    pub revision: Option<String>,
    /// The fact that says so; none for what only this store knows.
    pub fact: Option<String>,
}

/// Who wrote which part of a definition.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Blame {
    /// The definition.
    pub entry: Entry,
    /// Its lines, those that one op wrote together.
    pub parts: Vec<BlamePart>,
    /// The patches that wrote them, newest first.
    pub patches: Vec<PatchSummary>,
}

/// Lines that one op wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BlamePart {
    /// The number of the first, from 1.
    pub first: u64,
    /// The lines.
    pub lines: Vec<String>,
    /// The op that wrote them.
    pub op: String,
    /// Its patch, by id; none if no patch here carries it.
    pub patch: Option<String>,
}
