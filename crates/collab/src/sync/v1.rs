//! Version 1 of the protocol, for peers that speak no other: the public space only, and sets compared by whole lists of ids.
//!
//! Its bytes stay as they are for good; `docs/formats/sync.md` has them in an appendix.

mod initiator;
mod message;
mod responder;

pub use initiator::{Initiator, Plan};
pub use message::{Message, Verdict};
pub use responder::Responder;

/// The first byte of its messages.
pub const VERSION: u8 = 1;
/// The one space that it exchanges.
const SPACE: dm_model::Space = dm_model::Space::PUBLIC;
