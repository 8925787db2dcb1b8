//! What a fold changes: values that the caller writes in the log's own transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_model::{DefHash, EntityId, Envelope, EnvelopeId, Kind, OpId, PatchId, RevisionId};

use crate::read::Need;
use crate::state::{Channel, Effect, EntityState, Fingerprint, Membership};

/// The head of a definition that arrives: what the fold must know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentHead {
    /// Its hash.
    pub hash: DefHash,
    /// Its kind.
    pub kind: Kind,
    /// The entities it uses, ascending.
    pub uses: Vec<EntityId>,
}

/// What arrives at once: checked, not held before, in any order.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Envelopes; each was opened by `Envelope::open`.
    pub envelopes: Vec<Arc<Envelope>>,
    /// Definitions.
    pub content: Vec<ContentHead>,
}

/// Changes of the exact projections. The caller stores the batch itself (envelopes, content) with it, in one transaction.
///
/// What follows from the bodies of `counted` alone (which ops a revision carries and needs, which facts a channel or
/// patch has) is not repeated here; neither are the name and dependency rows that follow from `entities`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectionDelta {
    /// Envelopes that count from now on, needs first: of this batch, or pending before.
    pub counted: Vec<EnvelopeId>,
    /// Envelopes of this batch, or pending before, that wait, with all that is missing, ascending.
    pub pending: BTreeMap<EnvelopeId, Vec<Need>>,
    /// Channels whose leaves changed.
    pub leaves: BTreeMap<Channel, Vec<EnvelopeId>>,
    /// Patches whose membership changed.
    pub membership: BTreeMap<(Channel, PatchId), Membership>,
    /// Revisions whose effect in the own main changed.
    pub effects: BTreeMap<RevisionId, Effect>,
    /// Ops that became effective in the own main (true) or ceased to be (false).
    pub op_effective: BTreeMap<OpId, bool>,
    /// Entities whose state in the own main changed; without registers: no longer exists.
    pub entities: BTreeMap<EntityId, EntityState>,
    /// The own main's view fingerprint after the fold.
    pub view_fingerprint: Fingerprint,
}
