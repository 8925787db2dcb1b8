//! What refers to what, for front ends.

use schemars::JsonSchema;
use serde::Serialize;

use super::Entry;

/// What a definition refers to, or what refers to it: directly, or at any distance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DependencyGraph {
    /// `deps` or `dependents`.
    pub direction: String,
    /// The definition asked about.
    pub root: DependencyNode,
    /// The definitions found, nearest first, then by location.
    pub definitions: Vec<DependencyNode>,
    /// Who refers to whom among all of them.
    pub edges: Vec<DependencyEdge>,
    /// Functions and values of the runtime that the root and the definitions found refer to; none for `dependents`.
    pub builtins: Vec<String>,
    /// Names in them that meant nothing, or not one thing, when they were saved; none for `dependents`.
    pub unresolved: Vec<String>,
}

/// A definition in a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DependencyNode {
    /// The entity, or `ENTITY@HASH` for a version that something is pinned to.
    pub id: String,
    /// The definition.
    pub entry: Entry,
    /// How many references lie between it and the root, at least.
    pub distance: u64,
    /// Whether its name is gone.
    pub deleted: bool,
}

/// One definition refers to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DependencyEdge {
    /// Who refers, by [`DependencyNode::id`].
    pub from: String,
    /// To what, by [`DependencyNode::id`].
    pub to: String,
    /// Whether by a name that meant nothing when it was saved and leads there by now; the next save takes it.
    pub by_name: bool,
    /// The version that it is pinned to.
    pub pinned: Option<String>,
}

/// A definition that stays on a version of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PinEntry {
    /// Who stays.
    pub location: String,
    /// Of what.
    pub dependency: String,
    /// On which version: the hash of its definition.
    pub version: String,
    /// Whether the dependency is another by now.
    pub moved_on: bool,
}
