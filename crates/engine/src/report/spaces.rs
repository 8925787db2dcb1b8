//! Spaces, and the keys that open them.

use schemars::JsonSchema;
use serde::Serialize;

/// A space: who reads what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SpaceSummary {
    /// Its id, the same for everyone.
    pub id: String,
    /// What it is called here; its id, where it has no name.
    pub name: String,
    /// Whether it has a name here.
    pub named: bool,
    /// Whether everyone reads it.
    pub public: bool,
    /// Envelopes held of it.
    pub envelopes: u64,
    /// Drafts that are to be in it, of all sessions.
    pub drafts: u64,
    /// The remotes that it is exchanged with.
    pub remotes: Vec<String>,
    /// The keys of this store's server that open it.
    pub tokens: Vec<String>,
}

/// A key was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TokenReport {
    /// Whose it is.
    pub name: String,
    /// The key, shown only now.
    pub token: String,
    /// The spaces that it opens, by name.
    pub spaces: Vec<String>,
    /// Whether an earlier key of that name stops working.
    pub replaces: bool,
    /// Whether nothing was made.
    pub dry_run: bool,
}
