//! Signing: which key signs what, and how a key comes to be (`docs/design/keys.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::fold::has_given_way;
use dm_collab::trust::{Keys, Root, Standing, follows};
use dm_collab::{Membership, ProjectionRead as _};
use dm_model::{
    AuthorKey, Body, Envelope, EnvelopeId, KeyChange, Keypair, PatchId, Revision, RevisionId, Space, Succession,
    Successor, Timestamp, Vouch,
};
use dm_store::{Arrival, AuthorKeyRecord, KeyState, ReadTx};

use crate::error::EngineError;
use crate::keys;
use crate::transaction::Transaction;

/// The keys that a transaction has signed with.
#[derive(Default)]
pub(crate) struct Signers {
    authors: BTreeMap<String, Arc<Keypair>>,
    instance: Option<(Arc<Keypair>, Succession)>,
}

/// What a new key of an author stands by of the former one's.
#[derive(Debug, Default)]
pub(crate) struct Stood {
    /// The envelopes, revisions and vouchings.
    pub envelopes: BTreeSet<EnvelopeId>,
    /// The patches of them.
    pub patches: BTreeSet<PatchId>,
    /// Patches signed with the former key that it does not stand by.
    pub left_out: BTreeSet<PatchId>,
}

/// Whether an author's key is still the one to sign with; else what became of it.
pub(crate) fn standing_of_own(tx: &ReadTx<'_>, author: &str, key: &AuthorKey) -> Result<Standing, EngineError> {
    let facts = tx.key_facts_of(author)?;
    if facts.is_empty() {
        return Ok(Standing::Trusted);
    }
    let mut roots = tx.trust_roots(author)?;
    roots.push(Root { key: *key, in_spite_of: BTreeSet::new() });
    Ok(Keys::of(author, &roots, &facts).standing(key))
}

/// Whether a revision was signed here: with a key of this store, present or former.
pub(crate) fn is_own(tx: &ReadTx<'_>, author: &str, key: &AuthorKey) -> Result<bool, EngineError> {
    if *key == tx.instance().key {
        return Ok(true);
    }
    let Some(own) = tx.own_key(author)? else { return Ok(false) };
    Ok(own == *key || follows(author, &own, key, &tx.key_facts_of(author)?))
}

impl Transaction<'_> {
    /// The key that signs for an author. The first time, it is made.
    pub(crate) fn author_signer(&mut self, author: &str) -> Result<Arc<Keypair>, EngineError> {
        if let Some(known) = self.signers.authors.get(author) {
            return Ok(Arc::clone(known));
        }
        let signer = match self.tx.own_key(author)? {
            Some(key) => {
                let standing = standing_of_own(&self.tx, author, &key)?;
                if standing != Standing::Trusted {
                    let (author, key) = (author.to_owned(), key.fingerprint());
                    return Err(EngineError::KeyGivenUp { author, key, standing });
                }
                keys::load_kept(self.engine.folder(), &key)?
            }
            None => self.first_author_key(author)?,
        };
        let signer = Arc::new(signer);
        self.signers.authors.insert(author.to_owned(), Arc::clone(&signer));
        Ok(signer)
    }

    /// Makes an author's key. Where the instance's key signed for the author until now (in a store of an older version, or what was
    /// brought in from git), the new one follows it.
    fn first_author_key(&mut self, author: &str) -> Result<Keypair, EngineError> {
        let signer = self.new_key()?;
        let former = self.tx.succession()?.map_or(self.tx.instance().key, |keys| *keys.last());
        self.own(author, &signer.public())?;
        if self.tx.has_signed(author, &former)? {
            let (instance, _) = self.engine.instance_keys(&self.tx)?;
            let stood = self.stand_by(author, &former, &BTreeSet::new())?;
            let now = self.engine.system().now();
            self.seal_change(author, &instance, Some(&signer), String::new(), now)?;
            self.seal_vouch(author, &signer, &stood.envelopes, now)?;
        }
        Ok(signer)
    }

    /// A key from the dice, in its file; in a dry run, in none.
    pub(crate) fn new_key(&self) -> Result<Keypair, EngineError> {
        let made = keys::make(self.engine.system())?;
        self.keep_key(&made)?;
        Ok(made)
    }

    pub(crate) fn keep_key(&self, made: &Keypair) -> Result<(), EngineError> {
        if self.dry_run { Ok(()) } else { keys::keep(self.engine.folder(), made) }
    }

    /// Signs with that key for an author from now on, and trusts it.
    pub(crate) fn own(&mut self, author: &str, key: &AuthorKey) -> Result<(), EngineError> {
        self.signers.authors.remove(author);
        self.tx.put_own_key(author, Some(key))?;
        let (author, first_seen) = (author.to_owned(), self.engine.system().now());
        Ok(self.tx.put_key(&AuthorKeyRecord { author, key: *key, state: KeyState::Trusted, first_seen })?)
    }

    /// What of that which a key signed for an author is the author's, as far as this store can tell: what is in main, what was
    /// made in a session here, and what the key stood by itself.
    pub(crate) fn stand_by(
        &self,
        author: &str,
        key: &AuthorKey,
        except: &BTreeSet<PatchId>,
    ) -> Result<Stood, EngineError> {
        let made: BTreeSet<PatchId> = self.tx.sessions()?.into_iter().flat_map(|session| session.patches).collect();
        let mut stood = Stood::default();
        for (revision, patch) in self.tx.revisions_signed(author, key)? {
            let is_in = self.tx.own_membership(&patch)? == Membership::In(revision);
            if !except.contains(&patch) && (is_in || made.contains(&patch)) {
                stood.patches.insert(patch);
                stood.envelopes.insert(revision);
            } else {
                stood.left_out.insert(patch);
            }
        }
        stood.left_out = stood.left_out.difference(&stood.patches).copied().collect();
        for fact in self.tx.key_facts_of(author)? {
            if fact.header().author_key == *key && matches!(fact.body(), Body::Vouch(_)) {
                stood.envelopes.insert(fact.id());
            }
        }
        Ok(stood)
    }

    /// Gives an author's key up, for another one or none.
    pub(crate) fn seal_change(
        &mut self,
        author: &str,
        old: &Keypair,
        new: Option<&Keypair>,
        words: String,
        at: Timestamp,
    ) -> Result<EnvelopeId, EngineError> {
        let successor = new.map(|new| Successor::prove(author, &old.public(), new));
        let body = KeyChange { author: author.to_owned(), successor, words };
        self.take_in(Envelope::seal(Space::PUBLIC, old, at, Body::KeyChange(body)))
    }

    /// Stands by envelopes with an author's key, in as many facts as that takes.
    pub(crate) fn seal_vouch(
        &mut self,
        author: &str,
        keys: &Keypair,
        envelopes: &BTreeSet<EnvelopeId>,
        at: Timestamp,
    ) -> Result<(), EngineError> {
        // To the readers of each, and to nobody else: the public ones learn no id of a group's.
        let mut by_space: BTreeMap<Space, Vec<EnvelopeId>> = BTreeMap::new();
        for id in envelopes {
            by_space.entry(self.tx.space(id)?.unwrap_or(Space::PUBLIC)).or_default().push(*id);
        }
        for (space, all) in by_space {
            for some in all.chunks(dm_model::revision::PATCHES_MAX) {
                let body = Vouch { author: author.to_owned(), envelopes: some.to_vec() };
                self.take_in(Envelope::seal(space, keys, at, Body::Vouch(body)))?;
            }
        }
        Ok(())
    }

    /// The instance's key with those that lead to it, if what it writes into main counts.
    fn instance_signer(&mut self) -> Result<(Arc<Keypair>, Succession), EngineError> {
        if let Some((signer, keys)) = &self.signers.instance {
            return Ok((Arc::clone(signer), keys.clone()));
        }
        let (signer, keys) = self.engine.instance_keys(&self.tx)?;
        for channel in self.tx.own_channels()? {
            if has_given_way(&*self.tx, &channel, &keys)? {
                return Err(EngineError::MainTakenOver);
            }
        }
        let signer = Arc::new(signer);
        self.signers.instance = Some((Arc::clone(&signer), keys.clone()));
        Ok((signer, keys))
    }

    /// Signs facts of main with another key from now on.
    pub(crate) fn hold_with(&mut self, signer: Keypair, keys: Succession) -> Result<Arc<Keypair>, EngineError> {
        self.tx.put_succession(&keys)?;
        let signer = Arc::new(signer);
        self.signers.instance = Some((Arc::clone(&signer), keys));
        Ok(signer)
    }

    /// Seals a body with the key that signs such.
    pub(crate) fn seal(&mut self, space: Space, at: Timestamp, body: Body) -> Result<Envelope, EngineError> {
        if body.channel().is_some() {
            let (signer, keys) = self.instance_signer()?;
            return Ok(Envelope::seal_succeeded(space, &signer, at, keys, body));
        }
        let signer = match &body {
            Body::Revision(revision) => self.author_signer(&revision.author.clone())?,
            Body::Withdraw(withdraw) => self.withdrawing(&withdraw.revision)?,
            // A verdict is the instance's own.
            _ => Arc::new(self.engine.first_key()?),
        };
        Ok(Envelope::seal(space, &signer, at, body))
    }

    /// Seals a revision that this store brings in from elsewhere, under whatever name it has there: with the author's key if this
    /// store has one, else with the instance's.
    pub(crate) fn seal_brought(
        &mut self,
        space: Space,
        at: Timestamp,
        revision: Revision,
    ) -> Result<Envelope, EngineError> {
        let signer = match self.tx.own_key(&revision.author)? {
            Some(_) => self.author_signer(&revision.author)?,
            None => self.instance_signer()?.0,
        };
        Ok(Envelope::seal(space, &signer, at, Body::Revision(revision)))
    }

    /// The key that takes a revision back: that of its author, if it is the one which signed it or follows that; else that one itself.
    fn withdrawing(&mut self, revision: &RevisionId) -> Result<Arc<Keypair>, EngineError> {
        let envelope = self.tx.envelope(revision)?.ok_or_else(|| EngineError::NoSuchPatch(revision.to_string()))?;
        let Body::Revision(body) = envelope.body() else {
            return Err(EngineError::NoSuchPatch(revision.to_string()));
        };
        let former = envelope.header().author_key;
        let own = self.tx.own_key(&body.author)?;
        let follows = |own| -> Result<bool, EngineError> {
            Ok(follows(&body.author, &own, &former, &self.tx.key_facts_of(&body.author)?))
        };
        if own.map_or(Ok(former == self.tx.instance().key), follows)? {
            return self.author_signer(&body.author);
        }
        // After a revocation only the revoked key itself is heard.
        keys::load_kept(self.engine.folder(), &former)
            .map(Arc::new)
            .map_err(|_| EngineError::SignedElsewhere { author: body.author.clone(), key: former.fingerprint() })
    }

    /// Adds a sealed envelope to the log.
    pub(crate) fn take_in(&mut self, envelope: Envelope) -> Result<EnvelopeId, EngineError> {
        let id = envelope.id();
        self.tx.append(&Arrival { envelopes: vec![Arc::new(envelope)], definitions: Vec::new() })?;
        self.appended.push(id);
        Ok(id)
    }
}
