//! The words that every part of Darkmatter shares, and their canonical bytes.
//!
//! This crate defines what is hashed, signed, stored and sent: ids, [`Location`], [`Definition`], [`Op`], [`Envelope`] and
//! its bodies, [`Session`]. Whoever needs bytes of one of these asks this crate ([`codec`]); no other crate makes any.
//!
//! It never reads a clock, rolls dice, opens a file or knows the language: a definition's text is opaque here. It holds no
//! rule of merging either; that is `dm-collab`.
//!
//! Start reading at [`op`], then [`envelope`].

pub mod codec;
pub mod definition;
pub mod entity;
pub mod envelope;
pub mod id;
pub mod key;
pub mod location;
pub mod op;
pub mod revision;
pub mod session;
pub mod succession;
pub mod time;

pub use codec::{DecodeError, Decoder, Encoder};
pub use definition::{Definition, Kind, Reference, ReferenceForm, Target};
pub use entity::entity_id;
pub use envelope::{Body, Envelope, EnvelopeError, Header, Space};
pub use id::{DefHash, EntityId, EnvelopeId, IdParseError, InstanceId, LinkHash, OpId, PatchId, RevisionId, SessionId};
pub use key::{AuthorKey, Keypair, Signature};
pub use location::{Location, LocationError};
pub use op::{Action, Deprecation, Op, Register, Value, Visibility};
pub use revision::{Apply, Revision, Unapply, Verdict, VerdictKind, Withdraw};
pub use session::{Session, SessionState};
pub use succession::{KeyChange, Succession, Successor, TakeOver, Vouch};
pub use time::Timestamp;
