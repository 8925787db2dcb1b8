//! Which keys speak for an author: what people of this store decided, carried on by the author's own facts about keys
//! (`docs/design/keys.md`).
//!
//! A pure function of those decisions and of the *set* of facts. It takes no part in what a set means: two stores that hold the
//! same may trust differently.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_model::{AuthorKey, Body, Envelope, EnvelopeId};

/// A key that somebody here decided to trust for an author.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// The key.
    pub key: AuthorKey,
    /// The facts about it that were known then, and that it is trusted in spite of.
    pub in_spite_of: BTreeSet<EnvelopeId>,
}

/// What a key is to an author, as seen here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It speaks for the author.
    Trusted,
    /// It spoke for the author, who has another one now.
    Replaced(AuthorKey),
    /// It spoke for the author, and names several to follow it: at most one of them is the author's own wish. Ascending.
    Disputed(Vec<AuthorKey>),
    /// It spoke for the author, who revoked it.
    Revoked,
    /// Nobody here trusts it, and no trusted key names it.
    Unknown,
}

/// What the facts say of one key.
#[derive(Debug, Default)]
struct Said {
    /// The keys that it names to follow it, with the facts that say so.
    successors: BTreeMap<AuthorKey, BTreeSet<EnvelopeId>>,
    /// The facts that revoke it.
    revoked: BTreeSet<EnvelopeId>,
}

/// The keys of one author.
#[derive(Debug, Default)]
pub struct Keys {
    said: BTreeMap<AuthorKey, Said>,
    roots: BTreeMap<AuthorKey, BTreeSet<EnvelopeId>>,
    /// The keys that speak for the author, or did until they were given up.
    spoke: BTreeSet<AuthorKey>,
    /// What keys that speak for the author stand by, whatever key signed it.
    vouched: BTreeSet<EnvelopeId>,
}

impl Keys {
    /// The keys of an author, from what was decided here and all facts about keys of that name that are held.
    #[must_use]
    pub fn of(author: &str, roots: &[Root], facts: &[Arc<Envelope>]) -> Self {
        let mut keys = Self::default();
        for root in roots {
            keys.roots.entry(root.key).or_default().extend(root.in_spite_of.iter().copied());
        }
        let mut vouchings: BTreeMap<EnvelopeId, (AuthorKey, &[EnvelopeId])> = BTreeMap::new();
        for fact in facts {
            let signer = fact.header().author_key;
            match fact.body() {
                Body::KeyChange(change) if change.author == author && change.is_proved(&signer) => {
                    let said = keys.said.entry(signer).or_default();
                    match change.successor {
                        Some(next) => said.successors.entry(next.key).or_default().insert(fact.id()),
                        None => said.revoked.insert(fact.id()),
                    };
                }
                Body::Vouch(vouch) if vouch.author == author => {
                    vouchings.insert(fact.id(), (signer, &vouch.envelopes));
                }
                _ => {}
            }
        }
        keys.follow();
        keys.gather(&vouchings);
        keys
    }

    /// Every key that one which spoke for the author names as the only one to follow it speaks for the author too, unless the
    /// naming one was revoked: whoever stole it can name keys as well as its owner.
    fn follow(&mut self) {
        let mut open: Vec<AuthorKey> = self.roots.keys().copied().collect();
        while let Some(key) = open.pop() {
            if !self.spoke.insert(key) {
                continue;
            }
            let Some(said) = self.said.get(&key).filter(|said| said.revoked.is_empty()) else { continue };
            if let [next] = said.successors.keys().collect::<Vec<_>>().as_slice() {
                open.push(**next);
            }
        }
    }

    /// What trusted keys vouch for, and what the vouchings that they vouch for do.
    fn gather(&mut self, vouchings: &BTreeMap<EnvelopeId, (AuthorKey, &[EnvelopeId])>) {
        let trusted = vouchings.iter().filter(|(_, (signer, _))| self.speaks(signer));
        let mut open: Vec<EnvelopeId> = trusted.map(|(id, _)| *id).collect();
        let mut seen: BTreeSet<EnvelopeId> = BTreeSet::new();
        while let Some(id) = open.pop() {
            if let Some((_, named)) = vouchings.get(&id).filter(|_| seen.insert(id)) {
                self.vouched.extend(named.iter().copied());
                open.extend(named.iter().filter(|id| vouchings.contains_key(*id)));
            }
        }
    }

    /// What a key is to the author now.
    #[must_use]
    pub fn standing(&self, key: &AuthorKey) -> Standing {
        if !self.spoke.contains(key) {
            return Standing::Unknown;
        }
        let Some(said) = self.said.get(key) else { return Standing::Trusted };
        let overruled = self.roots.get(key);
        let holds =
            |facts: &BTreeSet<EnvelopeId>| facts.iter().any(|fact| overruled.is_none_or(|by| !by.contains(fact)));
        if holds(&said.revoked) {
            return Standing::Revoked;
        }
        if !said.successors.values().any(holds) {
            return Standing::Trusted;
        }
        match said.successors.keys().collect::<Vec<_>>().as_slice() {
            [next] => Standing::Replaced(**next),
            several => Standing::Disputed(several.iter().map(|next| **next).collect()),
        }
    }

    /// Whether what a key signs now under the author's name is the author's.
    #[must_use]
    pub fn speaks(&self, key: &AuthorKey) -> bool {
        self.standing(key) == Standing::Trusted
    }

    /// Whether an envelope that bears the author's name is the author's: a key signed it that speaks for the author, or such a key
    /// stands by it.
    #[must_use]
    pub fn accepts(&self, envelope: &Envelope) -> bool {
        self.speaks(&envelope.header().author_key) || self.vouched.contains(&envelope.id())
    }

    /// Whether a key that speaks for the author stands by an envelope, whatever key signed it.
    #[must_use]
    pub fn vouches_for(&self, envelope: &EnvelopeId) -> bool {
        self.vouched.contains(envelope)
    }

    /// The facts that say that a key was given up.
    #[must_use]
    pub fn changes_of(&self, key: &AuthorKey) -> BTreeSet<EnvelopeId> {
        let said = self.said.get(key);
        said.into_iter().flat_map(|said| said.successors.values().flatten().chain(&said.revoked).copied()).collect()
    }

    /// The keys that name this one to follow them, ascending.
    #[must_use]
    pub fn predecessors(&self, key: &AuthorKey) -> Vec<AuthorKey> {
        self.said.iter().filter(|(_, said)| said.successors.contains_key(key)).map(|(key, _)| *key).collect()
    }

    /// All keys that facts or decisions name, ascending.
    #[must_use]
    pub fn all(&self) -> BTreeSet<AuthorKey> {
        let named = self.said.iter().flat_map(|(key, said)| std::iter::once(key).chain(said.successors.keys()));
        named.chain(self.roots.keys()).copied().collect()
    }
}

/// Whether one key of an author is another one, or follows it, by the facts alone: of several that follow, each does.
#[must_use]
pub fn follows(author: &str, later: &AuthorKey, former: &AuthorKey, facts: &[Arc<Envelope>]) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![*former];
    while let Some(key) = open.pop() {
        if key == *later {
            return true;
        }
        if !seen.insert(key) {
            continue;
        }
        for fact in facts.iter().filter(|fact| fact.header().author_key == key) {
            if let Body::KeyChange(change) = fact.body()
                && change.author == author
                && change.is_proved(&key)
            {
                open.extend(change.successor.map(|next| next.key));
            }
        }
    }
    false
}
