//! Which keys an author's patches may be signed with: the first one seen, and those that were trusted by hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_model::{AuthorKey, Body, Envelope};
use dm_store::{AuthorKeyRecord, KeyState, ReadTx, WriteTx};

use crate::error::EngineError;
use crate::report::NewKey;
use crate::system::System;

/// The trusted keys, by author.
pub(crate) struct Trusted(BTreeSet<(String, AuthorKey)>);

impl Trusted {
    pub(crate) fn load(tx: &ReadTx<'_>) -> Result<Self, EngineError> {
        let keys = tx.keys()?.into_iter().filter(|known| known.state == KeyState::Trusted);
        Ok(Self(keys.map(|known| (known.author, known.key)).collect()))
    }

    /// Whether a revision's author may sign with its key.
    pub(crate) fn trusts(&self, envelope: &Envelope) -> bool {
        match envelope.body() {
            Body::Revision(revision) => self.0.contains(&(revision.author.clone(), envelope.header().author_key)),
            _ => true,
        }
    }
}

/// An author's name as a word to be typed.
pub(crate) fn as_word(author: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_.@".contains(letter);
    if author.chars().all(plain) { author.to_owned() } else { format!("\"{}\"", author.replace('"', "\\\"")) }
}

/// Notes the keys of revisions that arrived: an author's first key is trusted, another one is not until someone says so.
pub(crate) fn note_keys(
    tx: &mut WriteTx<'_>,
    arrived: &[Arc<Envelope>],
    system: &dyn System,
) -> Result<Vec<NewKey>, EngineError> {
    let mut noted = Vec::new();
    let mut known: BTreeSet<(String, AuthorKey)> =
        tx.keys()?.into_iter().map(|known| (known.author, known.key)).collect();
    let now = system.now();
    for envelope in arrived {
        let Body::Revision(body) = envelope.body() else { continue };
        let key = envelope.header().author_key;
        if known.contains(&(body.author.clone(), key)) {
            continue;
        }
        let first = !known.iter().any(|(author, _)| *author == body.author);
        let state = if first { KeyState::Trusted } else { KeyState::Seen };
        tx.put_key(&AuthorKeyRecord { author: body.author.clone(), key, state, first_seen: now })?;
        known.insert((body.author.clone(), key));
        noted.push(NewKey { author: body.author.clone(), key: key.to_string(), trusted: first });
    }
    Ok(noted)
}
