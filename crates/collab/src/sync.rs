//! The sync machine: what two instances say to each other so that both end with the same envelopes.
//!
//! One side, the [`Initiator`], asks; the other, the [`Responder`], answers each message on its own and remembers nothing in
//! between, so that it may be any process of a server. Neither opens a connection or writes to a store: both hand back a
//! [`Step`] that says what the caller does next, and read through [`ExchangeRead`]. What arrives is checked (hash, signature,
//! bounds, and that it was asked for) before it is handed out to be stored.
//!
//! Equal sets are known equal after one message each way, by a fingerprint per space. Otherwise the answerer says what came to it
//! since, if that is the whole difference; else the sets are compared by ranges. The envelopes follow in bounded parcels, each
//! after what it needs. A parcel is stored whole before the next is asked for, so an exchange that was cut goes on where it
//! stopped: what is held already is not in the difference any more. An envelope that fails its checks is handed out apart and
//! stops nothing else. `docs/formats/sync.md` has the bytes, `docs/design/reconciliation.md` the reasons; [`v1`] is the machine of
//! the version before.

mod initiator;
mod message;
mod parcel;
mod ranges;
mod responder;
pub mod v1;

use dm_model::codec::{Domain, hash};
use dm_model::{DecodeError, DefHash, Definition, EnvelopeError, EnvelopeId, InstanceId, RevisionId, Space};

use crate::read::{ProjectionRead, ReadError};
use crate::state::Fingerprint;

pub use initiator::{Initiator, Plan};
pub use message::{BEHIND_IDS_MAX, Delivery, Message, PROTOCOL_VERSION, SPACES_MAX, Section, SpaceClaim, Verdict};
pub use parcel::{Flaw, Parcel, Received, Refused, Sealed, check_parcel};
pub use ranges::{
    CLAIMED_IDS_MAX, Claim, LIST_IDS, OFFERED_IDS_MAX, PARTS, Parts, Place, RANGES_MAX, Range, RangeAnswer,
};
pub use responder::Responder;

/// Most bytes of one message. An envelope of the greatest size fits, with some content beside it.
pub const MESSAGE_BYTES_MAX: usize = 48 << 20;
/// A sender closes a parcel once it holds so many bytes: it bounds what is lost when a connection is cut, and what both hold
/// in memory.
pub const PARCEL_BYTES_FULL: usize = 8 << 20;
/// Most ids in one message: 32 MiB of them.
pub const IDS_MAX: usize = 1 << 20;
/// Most (revision, definition) pairs in one message.
pub const PAIRS_MAX: usize = 1 << 18;
/// How many envelopes are asked for at once; the parcel that answers holds as many of them as fit.
pub(crate) const GET_IDS: usize = 4096;
/// How many definitions are asked for at once.
pub(crate) const GET_PAIRS: usize = 1 << 16;

/// What the machine asks of the log and the content, beyond the projection.
pub trait ExchangeRead: ProjectionRead {
    /// The fingerprint of all envelopes held of a space, pending ones too.
    ///
    /// # Errors
    /// As every method here: [`ReadError`] if the store cannot be read.
    fn set_fingerprint(&self, space: Space) -> Result<Fingerprint, ReadError>;
    /// The ids of all envelopes held of a space, ascending.
    fn envelope_ids(&self, space: Space) -> Result<Vec<EnvelopeId>, ReadError>;
    /// These ids, each after all that it needs, pending ones last; those not held are left out.
    fn ids_in_order(&self, ids: &[EnvelopeId]) -> Result<Vec<EnvelopeId>, ReadError>;
    /// A held definition.
    fn definition(&self, hash: &DefHash) -> Result<Option<Definition>, ReadError>;
    /// What waiting revisions of these spaces name and the content store lacks: at most `limit` of it.
    fn missing_contents(&self, spaces: &[Space], limit: usize) -> Result<Vec<(RevisionId, DefHash)>, ReadError>;
    /// The fingerprint of the envelopes held of a space that stand in a range.
    fn range_fingerprint(&self, space: Space, range: &Range) -> Result<Fingerprint, ReadError>;
    /// The envelopes held of a space that stand in a range, at most `limit` of them.
    fn range_ids(&self, space: Space, range: &Range, limit: usize) -> Result<Vec<EnvelopeId>, ReadError>;
    /// Places inside a range, ascending, that cut it into at most so many parts of about as many envelopes each; none if all
    /// stand at one place.
    fn range_cuts(&self, space: Space, range: &Range, parts: usize) -> Result<Vec<Place>, ReadError>;
    /// The newest envelopes of a space, the last that came here first: at most `limit` of them.
    fn newest_ids(&self, space: Space, limit: usize) -> Result<Vec<EnvelopeId>, ReadError>;
    /// The fingerprint of the envelopes that a peer is known to hold.
    fn known_fingerprint(&self, peer: &str, space: Space) -> Result<Fingerprint, ReadError>;
    /// The envelopes that a peer is not known to hold, ascending.
    fn unknown_ids(&self, peer: &str, space: Space) -> Result<Vec<EnvelopeId>, ReadError>;
}

/// Which way envelopes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the peer, then to it.
    Both,
    /// Only from the peer.
    PullOnly,
    /// Only to the peer.
    PushOnly,
}

impl Direction {
    pub(crate) fn pulls(self) -> bool {
        self != Self::PushOnly
    }

    pub(crate) fn pushes(self) -> bool {
        self != Self::PullOnly
    }
}

/// What the caller of a machine does next.
#[derive(Debug)]
#[must_use = "the exchange goes on only if the step is taken"]
pub enum Step<M = Message> {
    /// Send this; an initiator hands the answer to [`Initiator::handle`].
    Send(M),
    /// Store this, all or nothing, then call `stored`.
    Store(Received),
    /// Apply what does not conflict (SEMANTICS R25), then call `settled` with the envelopes that this made.
    Settle,
    /// The exchange is over.
    Done,
}

/// A message that has a name for its kind, for messages about messages.
pub trait Named {
    /// Its kind.
    fn kind(&self) -> &'static str;
}

/// What an exchange did so far; after an error too.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The peer's instance, once it answered.
    pub peer: Option<InstanceId>,
    /// What was sent, and stored there.
    pub sent: Vec<EnvelopeId>,
    /// What was received.
    pub received: Vec<EnvelopeId>,
    /// What the peer turned out to hold.
    pub known: Vec<EnvelopeId>,
    /// What came and did not pass its checks.
    pub quarantined: Vec<EnvelopeId>,
    /// What was sent and did not pass the peer's checks.
    pub refused: Vec<EnvelopeId>,
    /// The spaces that the peer does not share.
    pub not_shared: Vec<Space>,
    /// How many envelopes the peer offered and then did not have.
    pub withheld: usize,
    /// Whether the sets differ so much that the next exchange has to go on.
    pub incomplete: bool,
}

/// What an envelope adds to a fingerprint.
#[must_use]
pub fn set_element(id: &EnvelopeId) -> [u8; 32] {
    hash(Domain::SetElement, 1, &[id.as_bytes()])
}

/// What a peer did wrong. Nothing of the message in question is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The peer speaks another version.
    #[error("protocol version {found} is not known here, only {PROTOCOL_VERSION} and {}", v1::VERSION)]
    Version {
        /// The version it spoke.
        found: u8,
    },
    /// A message that does not decode.
    #[error("a message does not decode: {0}")]
    Decode(#[from] DecodeError),
    /// More bytes than a message may have.
    #[error("a message of {found} bytes is above the limit of {MESSAGE_BYTES_MAX}")]
    TooLarge {
        /// How many.
        found: usize,
    },
    /// An envelope that is not valid.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A definition that is not valid.
    #[error("a definition does not decode: {0}")]
    Definition(#[source] DecodeError),
    /// A message that does not belong here.
    #[error("a `{found}` message where it does not belong")]
    Unexpected {
        /// Its kind.
        found: &'static str,
    },
    /// An envelope that nobody asked for.
    #[error("envelope {0} was not asked for")]
    UnaskedEnvelope(EnvelopeId),
    /// A definition that no revision here waits for.
    #[error("definition {0} was not asked for")]
    UnaskedDefinition(DefHash),
    /// The peer offered envelopes and does not send them.
    #[error("{0} envelopes were offered and not sent")]
    Withheld(usize),
    /// What is said about a range does not fit it.
    #[error("what it says of a range {0}")]
    Range(&'static str),
    /// Ranges that are compared without end.
    #[error("{0} questions about ranges brought nothing: the comparison would never end")]
    NoEnd(u32),
    /// More envelopes that wait for others than a store takes.
    #[error("{0} envelopes would wait for others that did not come: what they need has to come first")]
    TooManyWaiting(u64),
    /// A space that is not shared.
    #[error("a space that is not shared here")]
    OtherSpace,
}

/// Why an exchange stops.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The peer's doing.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The own store's.
    #[error(transparent)]
    Read(#[from] ReadError),
}
