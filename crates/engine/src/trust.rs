//! Whose keys are trusted: what was decided here, carried on by the facts about keys (`dm_collab::trust`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use dm_collab::Candidates;
use dm_collab::trust::{Keys, Standing};
use dm_model::{AuthorKey, Body, Envelope};
use dm_store::{AuthorKeyRecord, KeyState, ReadTx, WriteTx};

use crate::error::EngineError;
use crate::report::NewKey;
use crate::system::System;

/// The keys of authors, each looked up when first asked about.
pub(crate) struct Trusted<'t> {
    tx: &'t ReadTx<'t>,
    authors: RefCell<BTreeMap<String, Rc<Keys>>>,
    failure: RefCell<Option<EngineError>>,
}

/// The keys of one author, as seen here.
pub(crate) fn keys_of(tx: &ReadTx<'_>, author: &str) -> Result<Keys, EngineError> {
    Ok(Keys::of(author, &tx.trust_roots(author)?, &tx.key_facts_of(author)?))
}

impl<'t> Trusted<'t> {
    pub(crate) fn new(tx: &'t ReadTx<'t>) -> Self {
        Self { tx, authors: RefCell::default(), failure: RefCell::default() }
    }

    /// The keys of an author.
    pub(crate) fn keys(&self, author: &str) -> Result<Rc<Keys>, EngineError> {
        if let Some(keys) = self.authors.borrow().get(author) {
            return Ok(Rc::clone(keys));
        }
        let keys = Rc::new(keys_of(self.tx, author)?);
        self.authors.borrow_mut().insert(author.to_owned(), Rc::clone(&keys));
        Ok(keys)
    }

    /// Whether a revision is its author's.
    pub(crate) fn accepts(&self, envelope: &Envelope) -> Result<bool, EngineError> {
        match envelope.body() {
            Body::Revision(revision) => Ok(self.keys(&revision.author)?.accepts(envelope)),
            _ => Ok(true),
        }
    }

    /// As [`Trusted::accepts`], for who cannot be told of a failure: it is kept until [`Trusted::done`].
    fn trusts(&self, envelope: &Envelope) -> bool {
        self.accepts(envelope).unwrap_or_else(|failure| {
            self.failure.borrow_mut().get_or_insert(failure);
            false
        })
    }

    fn done(self) -> Result<(), EngineError> {
        self.failure.into_inner().map_or(Ok(()), Err)
    }
}

/// What other mains have and this one may take.
pub(crate) fn candidates<'t>(tx: &'t ReadTx<'t>) -> Result<Candidates<'t>, EngineError> {
    let trusted = Trusted::new(tx);
    let candidates = Candidates::of(tx, &|envelope| trusted.trusts(envelope))?;
    trusted.done()?;
    Ok(candidates)
}

/// An author's name as a word to be typed.
pub(crate) fn as_word(author: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_.@".contains(letter);
    if author.chars().all(plain) { author.to_owned() } else { format!("\"{}\"", author.replace('"', "\\\"")) }
}

/// Why a revision is not taken for its author's, in words, and what can be typed.
pub(crate) fn why_not(tx: &ReadTx<'_>, author: &str, key: &AuthorKey) -> Result<String, EngineError> {
    let keys = keys_of(tx, author)?;
    let short = key.fingerprint();
    let disputed = |former: &AuthorKey| matches!(keys.standing(former), Standing::Disputed(_));
    let how = match keys.standing(key) {
        Standing::Replaced(next) => {
            format!(
                "{author} has another key ({}) since, and does not stand by it: it is signed with the former one ({short})",
                next.fingerprint()
            )
        }
        Standing::Revoked => format!("it is signed with a key that {author} revoked ({short})"),
        Standing::Disputed(_) => {
            format!("it is signed with a key of {author} ({short}) that names several others to follow it")
        }
        Standing::Unknown if keys.predecessors(key).iter().any(disputed) => {
            format!("it is signed with one of several keys ({short}) that a key of {author} names to follow it")
        }
        Standing::Unknown | Standing::Trusted => format!("{author} signed it with another key ({short})"),
    };
    Ok(format!("{how}; `dm remote trust {} {short}` trusts it", as_word(author)))
}

/// Notes the keys that what arrived names: an author's first key is trusted, another one is if it follows that; else not until
/// someone says so.
pub(crate) fn note_keys(
    tx: &mut WriteTx<'_>,
    arrived: &[Arc<Envelope>],
    system: &dyn System,
) -> Result<Vec<NewKey>, EngineError> {
    let mut seen = Seen { now: system.now(), known: BTreeMap::new(), noted: Vec::new() };
    for envelope in arrived {
        if let Body::Revision(body) = envelope.body() {
            seen.note(tx, &body.author, envelope.header().author_key)?;
        }
    }
    let mut revoked = Vec::new();
    for envelope in arrived {
        let signer = envelope.header().author_key;
        match envelope.body() {
            Body::KeyChange(change) => {
                seen.note(tx, &change.author, signer)?;
                match change.successor {
                    Some(next) => seen.note(tx, &change.author, next.key)?,
                    None => revoked.push((change.author.clone(), signer)),
                }
            }
            Body::Vouch(vouch) => seen.note(tx, &vouch.author, signer)?,
            _ => {}
        }
    }
    seen.told(tx, revoked)
}

/// What is noted of the keys of one arrival.
struct Seen {
    now: dm_model::Timestamp,
    known: BTreeMap<String, Vec<AuthorKey>>,
    noted: Vec<(String, AuthorKey, bool)>,
}

impl Seen {
    fn note(&mut self, tx: &mut WriteTx<'_>, author: &str, key: AuthorKey) -> Result<(), EngineError> {
        if !self.known.contains_key(author) {
            let known = tx.keys_of(author)?.into_iter().map(|known| known.key).collect();
            self.known.insert(author.to_owned(), known);
        }
        let Some(known) = self.known.get_mut(author).filter(|known| !known.contains(&key)) else { return Ok(()) };
        let first = known.is_empty();
        known.push(key);
        let state = if first { KeyState::Trusted } else { KeyState::Seen };
        tx.put_key(&AuthorKeyRecord { author: author.to_owned(), key, state, first_seen: self.now })?;
        self.noted.push((author.to_owned(), key, first));
        Ok(())
    }

    /// What to tell people, once all facts are in.
    fn told(self, tx: &ReadTx<'_>, revoked: Vec<(String, AuthorKey)>) -> Result<Vec<NewKey>, EngineError> {
        let trusted = Trusted::new(tx);
        let mut told = Vec::new();
        for (author, key, first) in self.noted {
            let keys = trusted.keys(&author)?;
            let spoken = |former: &AuthorKey| keys.standing(former) != Standing::Unknown;
            let follows = keys.predecessors(&key).into_iter().find(spoken).filter(|_| !first);
            let revoked = keys.standing(&key) == Standing::Revoked;
            let (trusted, follows) = (keys.speaks(&key), follows.map(|former| former.to_string()));
            told.push(NewKey { author, key: key.to_string(), trusted, first, follows, revoked });
        }
        for (author, key) in revoked {
            let key = key.to_string();
            if !told.iter().any(|known| known.author == author && known.key == key) {
                told.push(NewKey { author, key, trusted: false, first: false, follows: None, revoked: true });
            }
        }
        Ok(told)
    }
}
