//! What a search found.

use schemars::JsonSchema;
use serde::Serialize;

use super::Entry;

/// What a search found, best first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SearchReport {
    /// What fits.
    pub hits: Vec<SearchHit>,
    /// Whether more fits than was asked for.
    pub more: bool,
    /// Words that are nowhere, and what was sought instead.
    pub corrected: Vec<Correction>,
}

/// A definition that fits a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SearchHit {
    /// The definition.
    pub entry: Entry,
    /// The first line of its doc, at most 120 characters of it; empty if there is none.
    pub summary: String,
    /// Where each word of the search stands, the best place of each.
    pub matched: Vec<MatchedWord>,
    /// How its type fits, if one is sought: `same_type`, `reordered` (its parameters are in another order), `more_general` (its type
    /// variables must be filled in) or `more_parameters` (it also takes others).
    pub type_fit: Option<String>,
}

/// Where a word of a search stands in a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MatchedWord {
    /// The word, in lower case.
    pub word: String,
    /// The best place: `name` (it is the name), `name_beginning`, `name_part` (where a part of the name begins), `in_name`, `module`,
    /// `signature`, `doc`, or `corrected` (the name has one of the words sought instead).
    pub place: String,
}

/// A word that is nowhere, and what was sought instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Correction {
    /// The word, in lower case.
    pub word: String,
    /// Words of names that are a slip away, the nearest first.
    pub to: Vec<String>,
}
