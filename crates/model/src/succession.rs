//! Keys that take the place of others: of an author, as facts of their own; of an instance, as a chain that each fact of its
//! main carries (`docs/design/keys.md`).
//!
//! What these say is checked here, from the bytes alone. Whether a key is trusted is decided elsewhere.

use std::collections::BTreeSet;

use crate::codec::{self, DecodeError, Decoder, Domain, Encoder};
use crate::id::{EnvelopeId, InstanceId};
use crate::key::{AuthorKey, Keypair, Signature};
use crate::revision::{AUTHOR_BYTES_MAX, INTENT_BYTES_MAX, PATCHES_MAX};

/// Most keys that one instance may have had before its present one: each costs every fact of its main 96 bytes and a check.
pub const SUCCESSION_MAX: usize = 64;

/// An author's key is given up; the key that signs the envelope is the one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// Whose key, as a name.
    pub author: String,
    /// The key that speaks for the author from now on; none if the key is revoked and nothing follows it.
    pub successor: Option<Successor>,
    /// Why, in words; may be empty.
    pub words: String,
}

/// A key with the proof that whoever holds it agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Successor {
    /// The key.
    pub key: AuthorKey,
    /// Its own signature over author, old and new key.
    pub proof: Signature,
}

/// An author says of envelopes that bear the author's name, signed with whatever key, that they are the author's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouch {
    /// Whose, as a name.
    pub author: String,
    /// Revisions and earlier vouchings, strictly ascending.
    pub envelopes: Vec<EnvelopeId>,
}

/// A fact of a main by which a later key of its instance takes over, and no more: it stands on all that the main had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeOver {
    /// The main, named by the instance that holds it.
    pub channel: InstanceId,
    /// The last facts on this main that its holder knew, strictly ascending.
    pub onto: Vec<EnvelopeId>,
}

/// The keys of an instance, the first one first: each names the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession {
    first: AuthorKey,
    links: Vec<Link>,
}

/// A key, and the signature of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    key: AuthorKey,
    by_former: Signature,
}

/// What an author's next key signs to show that it is held by who agreed.
fn author_digest(author: &str, old: &AuthorKey, new: &AuthorKey) -> EnvelopeId {
    let mut to = Encoder::new();
    to.byte(1);
    to.text(author);
    to.raw(old.as_bytes());
    to.raw(new.as_bytes());
    EnvelopeId::from_bytes(codec::hash(Domain::KeyChange, 1, &[&to.finish()]))
}

/// What an instance's key signs to name the next one.
fn instance_digest(instance: &InstanceId, old: &AuthorKey, new: &AuthorKey) -> EnvelopeId {
    let mut to = Encoder::new();
    to.byte(2);
    to.raw(instance.as_bytes());
    to.raw(old.as_bytes());
    to.raw(new.as_bytes());
    EnvelopeId::from_bytes(codec::hash(Domain::KeyChange, 1, &[&to.finish()]))
}

impl Successor {
    /// The successor of a key, proved with its own secret.
    #[must_use]
    pub fn prove(author: &str, old: &AuthorKey, new: &Keypair) -> Self {
        let key = new.public();
        Self { key, proof: new.sign(&author_digest(author, old, &key)) }
    }
}

impl KeyChange {
    /// Whether the next key agreed to follow that old one, and is another.
    #[must_use]
    pub fn is_proved(&self, old: &AuthorKey) -> bool {
        self.successor.is_none_or(|next| {
            next.key != *old && next.key.verifies(&author_digest(&self.author, old, &next.key), &next.proof)
        })
    }

    pub(crate) fn encode(&self, to: &mut Encoder) {
        to.text(&self.author);
        to.option(self.successor.as_ref(), |to, next| {
            to.raw(next.key.as_bytes());
            to.raw(next.proof.as_bytes());
        });
        to.text(&self.words);
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let author = from.text(AUTHOR_BYTES_MAX, "author")?.to_owned();
        let successor = from.option("successor", |from| {
            let key = AuthorKey::from_bytes(from.array("next key")?);
            Ok(Successor { key, proof: Signature::from_bytes(from.array("proof of the next key")?) })
        })?;
        let words = from.text(INTENT_BYTES_MAX, "words")?.to_owned();
        if author.is_empty() {
            return Err(from.not_canonical("a key of an author without a name"));
        }
        Ok(Self { author, successor, words })
    }
}

impl Vouch {
    pub(crate) fn encode(&self, to: &mut Encoder) {
        to.text(&self.author);
        to.list(&self.envelopes, Encoder::envelope_id);
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let author = from.text(AUTHOR_BYTES_MAX, "author")?.to_owned();
        let envelopes = from.set(PATCHES_MAX, "vouched envelopes", Decoder::envelope_id)?;
        if author.is_empty() || envelopes.is_empty() {
            return Err(from.not_canonical("a vouching by nobody, or for nothing"));
        }
        Ok(Self { author, envelopes })
    }
}

impl TakeOver {
    pub(crate) fn encode(&self, to: &mut Encoder) {
        to.instance_id(&self.channel);
        to.list(&self.onto, Encoder::envelope_id);
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self { channel: from.instance_id()?, onto: from.set(PATCHES_MAX, "predecessors", Decoder::envelope_id)? })
    }
}

impl Succession {
    /// An instance that has its first key still.
    #[must_use]
    pub fn of(first: AuthorKey) -> Self {
        Self { first, links: Vec::new() }
    }

    /// These keys and a further one; none if `last` is not the last one of them, the next one was one of them before, or
    /// they are too many.
    #[must_use]
    pub fn then(&self, last: &Keypair, next: AuthorKey) -> Option<Self> {
        if last.public() != *self.last() || self.keys().any(|key| key == next) || self.links.len() >= SUCCESSION_MAX {
            return None;
        }
        let by_former = last.sign(&instance_digest(&self.instance(), self.last(), &next));
        let mut longer = self.clone();
        longer.links.push(Link { key: next, by_former });
        Some(longer)
    }

    /// Whose keys they are.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        self.first.instance()
    }

    /// All keys, the first one first.
    pub fn keys(&self) -> impl Iterator<Item = AuthorKey> + '_ {
        std::iter::once(self.first).chain(self.links.iter().map(|link| link.key))
    }

    /// The key that signs now.
    #[must_use]
    pub fn last(&self) -> &AuthorKey {
        self.links.last().map_or(&self.first, |link| &link.key)
    }

    /// How often the key was changed.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.links.len()
    }

    /// Whether each key was named by the one before it.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        let instance = self.instance();
        self.keys()
            .zip(&self.links)
            .all(|(former, link)| former.verifies(&instance_digest(&instance, &former, &link.key), &link.by_former))
    }

    /// The bytes, for keeping beside the key.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        self.encode(&mut to);
        to.finish()
    }

    /// What [`Succession::to_bytes`] wrote, and proved.
    ///
    /// # Errors
    /// If these are other bytes, or a key was not named by the one before it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let succession = Self::decode(&mut from)?;
        let proved = if succession.is_proved() { Ok(()) } else { Err(from.not_canonical("keys that nobody named")) };
        from.finish()?;
        proved.map(|()| succession)
    }

    pub(crate) fn encode(&self, to: &mut Encoder) {
        to.raw(self.first.as_bytes());
        to.list(&self.links, |to, link| {
            to.raw(link.key.as_bytes());
            to.raw(link.by_former.as_bytes());
        });
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let first = AuthorKey::from_bytes(from.array("first key")?);
        let links = from.list(SUCCESSION_MAX, "later keys", |from| {
            let key = AuthorKey::from_bytes(from.array("later key")?);
            Ok(Link { key, by_former: Signature::from_bytes(from.array("signature of the key before")?) })
        })?;
        let succession = Self { first, links };
        let mut seen = BTreeSet::new();
        if !succession.keys().all(|key| seen.insert(key)) {
            return Err(from.not_canonical("a key that follows itself"));
        }
        Ok(succession)
    }
}
