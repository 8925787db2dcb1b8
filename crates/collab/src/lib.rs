//! How concurrent work comes together: registers, views, the fold, conflicts, patch and draft rules, the sync machine.
//!
//! Everything here is a pure function of what it is given. Reading goes through [`ProjectionRead`], writing is handed back as
//! a [`ProjectionDelta`]; the network is a queue of messages. It knows no language: a definition is a kind, references and
//! opaque text. `docs/design/convergence.md` is the specification; `dm-sim` has a naive model of it that must agree.
//!
//! Start reading at [`state`], then `fold`.

pub mod conflict;
pub mod delta;
pub mod draft;
pub mod exchange;
pub mod fold;
pub mod meaning;
pub mod patch;
pub mod read;
pub mod register;
pub mod scope;
pub mod state;
pub mod sync;
pub mod trust;
pub mod view;

pub use conflict::{Conflict, ConflictId, ConflictKind, Subject, WayOut};
pub use delta::{Batch, ContentHead, ProjectionDelta};
pub use exchange::{Candidates, Held, Reason, Selection};
pub use fold::fold;
pub use meaning::{Clash, Meaning};
pub use read::{DisputedPatch, Need, Presence, ProjectionRead, ReadError, UnseenPatch};
pub use state::{Channel, Effect, EntityState, Fingerprint, Head, Membership, RegisterState};
pub use view::{Layer, Overlay, SessionLayers, View};
