//! Entities: the lasting identity of a named thing.

use crate::codec::{self, Domain, Encoder};
use crate::id::EntityId;
use crate::location::Location;

/// The entity born at `location` as the `generation`-th of its name (SEMANTICS R5).
///
/// Two instances that create the same name independently mean the same entity; a name taken again after a move or a
/// deletion is a new one, one generation up.
#[must_use]
pub fn entity_id(location: &Location, generation: u32) -> EntityId {
    let mut encoder = Encoder::new();
    location.encode(&mut encoder);
    encoder.uint(u64::from(generation));
    EntityId::from_bytes(codec::hash(Domain::Entity, 1, &[&encoder.finish()]))
}
