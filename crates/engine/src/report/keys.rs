//! Reports about keys and signatures.

use schemars::JsonSchema;
use serde::Serialize;

use super::PatchSummary;

/// A signature of something, checked now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SignatureEntry {
    /// What is signed: `revision`, or the fact that put it into main, `apply`.
    pub what: String,
    /// Its id.
    pub id: String,
    /// Whose it is, as a name; none of a fact of a main.
    pub author: Option<String>,
    /// Whose main it is a fact of; none of a revision.
    pub instance: Option<String>,
    /// The key that signed it.
    pub key: String,
    /// What that key is here, in words; of a fact of a main, whether it is the instance's first one or a later one.
    pub standing: String,
    /// Whether the signature verifies, and the key may sign this.
    pub valid: bool,
}

/// A key that is known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyEntry {
    /// Whose, as a name; none of a key of this instance.
    pub author: Option<String>,
    /// The public key.
    pub key: String,
    /// What it is here: `trusted`, `not trusted`, `replaced by …`, `disputed`, `revoked`.
    pub standing: String,
    /// Whether this store signs with it.
    pub signs: bool,
    /// Whether its secret is in this store.
    pub secret_here: bool,
    /// The keys that name it to follow them.
    pub follows: Vec<String>,
    /// The keys that it names to follow it.
    pub next: Vec<String>,
    /// When it was first seen here under that name.
    pub first_seen_at: Option<i64>,
}

/// A fact about an author's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyFact {
    /// Its envelope's id.
    pub id: String,
    /// When its author says it was made.
    pub at: i64,
    /// What it says, in words.
    pub words: String,
    /// Whether the signature verifies, and the next key agreed.
    pub valid: bool,
}

/// A key with the facts about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyShown {
    /// The key.
    pub key: KeyEntry,
    /// What the log says of it, oldest first.
    pub facts: Vec<KeyFact>,
}

/// What a change of a key did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyChangeReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whose, as a name; none of the instance.
    pub author: Option<String>,
    /// The key that is given up, if there was one.
    pub old: Option<String>,
    /// The key that signs from now on.
    pub new: String,
    /// The fact that says so; none where no former key names it.
    pub fact: Option<String>,
    /// How many patches signed with the former key the new one stands by.
    pub stands_by: u64,
    /// Patches signed with the former key that the new one does not stand by, by id.
    pub left_out: Vec<String>,
}

/// What an author stands by from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VouchReport {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Who stands by it.
    pub author: String,
    /// With which key.
    pub key: String,
    /// The patches.
    pub patches: Vec<PatchSummary>,
}

/// An exported key; the secret itself is in the file, or printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyExport {
    /// Whose.
    pub author: String,
    /// The public key.
    pub key: String,
    /// The file that it was written to; none in a dry run.
    pub path: Option<String>,
}
