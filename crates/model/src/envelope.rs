//! Envelopes: one event of the log as it travels, hashed and signed (SEMANTICS R1, R3).
//!
//! An envelope keeps the exact bytes it came in. Nothing re-encodes signed bytes, and a body of a later version is kept and
//! forwarded as it is.

use std::fmt;
use std::str::FromStr;

use crate::codec::{self, DecodeError, Decoder, Domain, Encoder};
use crate::id::{EnvelopeId, IdParseError, InstanceId, parse_hex};
use crate::key::{AuthorKey, Keypair, Signature};
use crate::revision::{Apply, Revision, Unapply, Verdict, Withdraw};
use crate::succession::{KeyChange, Succession, TakeOver, Vouch};
use crate::time::Timestamp;

/// Version of the envelope format, part of every [`EnvelopeId`].
pub const ENVELOPE_FORMAT: u8 = 1;
/// Most bytes of one envelope: a revision of the most ops that are ever useful at once, and a bound on what a peer can ask
/// a receiver to hold.
pub const ENVELOPE_BYTES_MAX: usize = 32 << 20;

/// Who reads an envelope: everyone, or a named group (SEMANTICS R21).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Space([u8; 16]);

impl Space {
    /// The space that everyone reads.
    pub const PUBLIC: Self = Self([0; 16]);

    /// The space with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the space's id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether everyone reads it.
    #[must_use]
    pub fn is_public(&self) -> bool {
        *self == Self::PUBLIC
    }

    /// Whether all readers of this space read the other: it is the same, or the public one.
    #[must_use]
    pub fn reads(&self, other: Self) -> bool {
        other.is_public() || *self == other
    }

    /// The first 8 hex digits, for reading; not unique.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_public() { f.write_str("Space(public)") } else { write!(f, "Space({self})") }
    }
}

impl FromStr for Space {
    type Err = IdParseError;
    fn from_str(text: &str) -> Result<Self, IdParseError> {
        parse_hex(text).map(Self)
    }
}

/// The part of an envelope that every version reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Who reads it.
    pub space: Space,
    /// The key that signed it.
    pub author_key: AuthorKey,
    /// When its author says it was made: for reading and as a range key, never for deciding.
    pub authored_at: Timestamp,
    /// The stable number of the body's kind.
    pub body_kind: u64,
}

/// What an envelope says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A frozen state of a patch.
    Revision(Revision),
    /// Patches go into a main.
    Apply(Apply),
    /// Patches leave a main.
    Unapply(Unapply),
    /// A Ready revision goes back to Draft.
    Withdraw(Withdraw),
    /// A review's outcome.
    Verdict(Verdict),
    /// An author's key is given up, for another one or for none.
    KeyChange(KeyChange),
    /// An author stands by envelopes that other keys signed.
    Vouch(Vouch),
    /// A later key of an instance takes over its main; only ever under a [`Succession`].
    TakeOver(TakeOver),
    /// A body of a later version: kept and forwarded, without effect.
    Unknown {
        /// Its kind.
        kind: u64,
        /// Its bytes.
        bytes: Vec<u8>,
    },
}

/// Why bytes are not a valid envelope; the same for everyone, in any order (SEMANTICS R3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The bytes do not decode.
    #[error("the envelope does not decode: {0}")]
    Decode(#[from] DecodeError),
    /// Too many bytes.
    #[error("an envelope of {found} bytes is above the limit of {ENVELOPE_BYTES_MAX}")]
    TooLarge {
        /// How many there are.
        found: usize,
    },
    /// The signature is not the author key's over these bytes.
    #[error("the signature of envelope {id} does not verify")]
    BadSignature {
        /// The envelope.
        id: EnvelopeId,
    },
    /// A fact on a main that another instance's key signed.
    #[error("envelope {id} changes a main that its key does not hold")]
    ForeignChannel {
        /// The envelope.
        id: EnvelopeId,
    },
    /// A key names itself as the next one, or the next one did not agree; or an instance's keys do not follow each other.
    #[error("envelope {id} names a key that does not follow")]
    BadKeyChange {
        /// The envelope.
        id: EnvelopeId,
    },
}

/// The kind of a main's fact that a later key of its instance signed: the fact itself lies within.
const SUCCEEDED: u64 = 8;

/// A signed event: exact bytes, their hash, and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    id: EnvelopeId,
    bytes: Vec<u8>,
    signature: Signature,
    header: Header,
    /// The keys of the instance, where a later one than the first signed a fact of its main.
    succession: Option<Succession>,
    body: Body,
}

impl Body {
    /// The stable number of the kind.
    #[must_use]
    pub fn kind(&self) -> u64 {
        match self {
            Self::Revision(_) => 1,
            Self::Apply(_) => 2,
            Self::Unapply(_) => 3,
            Self::Withdraw(_) => 4,
            Self::Verdict(_) => 5,
            Self::KeyChange(_) => 6,
            Self::Vouch(_) => 7,
            Self::TakeOver(_) => 0,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        match self {
            Self::Revision(revision) => revision.encode(&mut to),
            Self::Apply(apply) => apply.encode(&mut to),
            Self::Unapply(unapply) => unapply.encode(&mut to),
            Self::Withdraw(withdraw) => withdraw.encode(&mut to),
            Self::Verdict(verdict) => verdict.encode(&mut to),
            Self::KeyChange(change) => change.encode(&mut to),
            Self::Vouch(vouch) => vouch.encode(&mut to),
            Self::TakeOver(takes) => takes.encode(&mut to),
            Self::Unknown { bytes, .. } => to.raw(bytes),
        }
        to.finish()
    }

    fn decode(kind: u64, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let body = match kind {
            1 => Self::Revision(Revision::decode(&mut from)?),
            2 => Self::Apply(Apply::decode(&mut from)?),
            3 => Self::Unapply(Unapply::decode(&mut from)?),
            4 => Self::Withdraw(Withdraw::decode(&mut from)?),
            5 => Self::Verdict(Verdict::decode(&mut from)?),
            6 => Self::KeyChange(KeyChange::decode(&mut from)?),
            7 => Self::Vouch(Vouch::decode(&mut from)?),
            _ => {
                return Ok(Self::Unknown { kind, bytes: bytes.to_vec() });
            }
        };
        from.finish()?;
        Ok(body)
    }

    /// The channel that this is a fact of.
    #[must_use]
    pub fn channel(&self) -> Option<InstanceId> {
        match self {
            Self::Apply(apply) => Some(apply.channel),
            Self::Unapply(unapply) => Some(unapply.channel),
            Self::TakeOver(takes) => Some(takes.channel),
            _ => None,
        }
    }

    fn encode_succeeded(&self, succession: &Succession) -> Vec<u8> {
        let mut to = Encoder::new();
        succession.encode(&mut to);
        to.uint(self.kind());
        to.bytes(&self.encode());
        to.finish()
    }

    fn decode_succeeded(bytes: &[u8]) -> Result<(Succession, Self), DecodeError> {
        let mut from = Decoder::new(bytes);
        let succession = Succession::decode(&mut from)?;
        let kind = from.uint("kind of the fact")?;
        let fact = from.bytes(ENVELOPE_BYTES_MAX, "fact")?;
        if succession.changes() == 0 {
            return Err(from.not_canonical("a succession of one key"));
        }
        let body = match kind {
            0 => {
                let mut within = Decoder::new(fact);
                let takes = TakeOver::decode(&mut within)?;
                within.finish()?;
                Self::TakeOver(takes)
            }
            2 | 3 => Self::decode(kind, fact)?,
            other => return Err(from.unknown("kind of the fact", other)),
        };
        from.finish()?;
        Ok((succession, body))
    }
}

impl Envelope {
    /// Seals a body: encodes, hashes and signs it.
    #[must_use]
    pub fn seal(space: Space, keys: &Keypair, authored_at: Timestamp, body: Body) -> Self {
        Self::seal_with(space, keys, authored_at, None, body)
    }

    /// Seals a fact of a main with a later key of its instance, which these keys lead to.
    #[must_use]
    pub fn seal_succeeded(
        space: Space,
        keys: &Keypair,
        authored_at: Timestamp,
        succession: Succession,
        body: Body,
    ) -> Self {
        Self::seal_with(space, keys, authored_at, Some(succession).filter(|keys| keys.changes() > 0), body)
    }

    fn seal_with(
        space: Space,
        keys: &Keypair,
        authored_at: Timestamp,
        succession: Option<Succession>,
        body: Body,
    ) -> Self {
        let body_kind = if succession.is_some() { SUCCEEDED } else { body.kind() };
        let header = Header { space, author_key: keys.public(), authored_at, body_kind };
        let mut to = Encoder::new();
        to.byte(ENVELOPE_FORMAT);
        to.uint(header.body_kind);
        to.raw(space.as_bytes());
        to.raw(header.author_key.as_bytes());
        to.time(authored_at);
        to.bytes(&succession.as_ref().map_or_else(|| body.encode(), |keys| body.encode_succeeded(keys)));
        let bytes = to.finish();
        let id = Self::id_of(&bytes);
        let signature = keys.sign(&id);
        Self { id, bytes, signature, header, succession, body }
    }

    /// Opens bytes from a peer or a file: decodes them and checks hash, signature and bounds.
    ///
    /// # Errors
    /// What is wrong with them; the verdict depends on nothing but the bytes and the signature.
    pub fn open(bytes: Vec<u8>, signature: Signature) -> Result<Self, EnvelopeError> {
        let envelope = Self::open_trusted(bytes, signature)?;
        if !envelope.header.author_key.verifies(&envelope.id, &signature) {
            return Err(EnvelopeError::BadSignature { id: envelope.id });
        }
        envelope.check_keys()?;
        Ok(envelope)
    }

    /// Opens bytes that this program has checked and stored before: decodes, but verifies no signature.
    ///
    /// # Errors
    /// If the bytes do not decode.
    pub fn open_trusted(bytes: Vec<u8>, signature: Signature) -> Result<Self, EnvelopeError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLarge { found: bytes.len() });
        }
        let id = Self::id_of(&bytes);
        let (header, succession, body) = decode_parts(&bytes)?;
        Ok(Self { id, bytes, signature, header, succession, body })
    }

    /// That its key may say this: a main is written by its holder only, and keys follow those that named them.
    fn check_keys(&self) -> Result<(), EnvelopeError> {
        let signer = &self.header.author_key;
        if let Some(keys) = &self.succession
            && (keys.last() != signer || !keys.is_proved())
        {
            return Err(EnvelopeError::BadKeyChange { id: self.id });
        }
        if let Some(channel) = self.body.channel()
            && channel != self.succession.as_ref().map_or_else(|| signer.instance(), Succession::instance)
        {
            return Err(EnvelopeError::ForeignChannel { id: self.id });
        }
        match &self.body {
            Body::KeyChange(change) if !change.is_proved(signer) => Err(EnvelopeError::BadKeyChange { id: self.id }),
            _ => Ok(()),
        }
    }

    /// The hash of canonical bytes, which are not checked.
    #[must_use]
    pub fn id_of(bytes: &[u8]) -> EnvelopeId {
        EnvelopeId::from_bytes(codec::hash(Domain::Envelope, ENVELOPE_FORMAT, &[bytes]))
    }

    /// Hash of the bytes.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        self.id
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The author key's signature over the id.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The part that every version reads.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The keys of the instance, the first one first, that lead to the one which signed this fact of its main; none if that was
    /// the first.
    #[must_use]
    pub fn succession(&self) -> Option<&Succession> {
        self.succession.as_ref()
    }

    /// What it says; of a fact under a [`Succession`], the fact itself.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The envelopes that must be present for this one to count (SEMANTICS R2), apart from the ops a revision needs.
    #[must_use]
    pub fn needs(&self) -> Vec<EnvelopeId> {
        let mut needs = match &self.body {
            Body::Revision(revision) => revision.replaces.clone(),
            Body::Apply(apply) => {
                apply.onto.iter().copied().chain(apply.patches.iter().map(|(_, revision)| *revision)).collect()
            }
            Body::Unapply(unapply) => unapply.onto.clone(),
            Body::Withdraw(withdraw) => vec![withdraw.revision],
            Body::Verdict(verdict) => {
                verdict.supersedes.iter().copied().chain(std::iter::once(verdict.revision)).collect()
            }
            Body::TakeOver(takes) => takes.onto.clone(),
            // What they name may be of any space, or never have come here: what they say of it holds by itself.
            Body::KeyChange(_) | Body::Vouch(_) | Body::Unknown { .. } => Vec::new(),
        };
        needs.sort_unstable();
        needs.dedup();
        needs
    }
}

fn decode_parts(bytes: &[u8]) -> Result<(Header, Option<Succession>, Body), DecodeError> {
    let mut from = Decoder::new(bytes);
    let format = from.byte("envelope format")?;
    if format != ENVELOPE_FORMAT {
        return Err(from.unknown("envelope format", u64::from(format)));
    }
    let body_kind = from.uint("body kind")?;
    let space = Space::from_bytes(from.array("space")?);
    let author_key = AuthorKey::from_bytes(from.array("author key")?);
    let authored_at = from.time("authored-at")?;
    let body = from.bytes(ENVELOPE_BYTES_MAX, "body")?;
    from.finish()?;
    let (succession, body) = if body_kind == SUCCEEDED {
        let (succession, body) = Body::decode_succeeded(body)?;
        (Some(succession), body)
    } else {
        (None, Body::decode(body_kind, body)?)
    };
    Ok((Header { space, author_key, authored_at, body_kind }, succession, body))
}
