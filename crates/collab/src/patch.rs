//! Patches: status, what is applied together, what rolling back would block. All derived from facts, nothing stored beside them.

use std::collections::{BTreeMap, BTreeSet};

use dm_model::{
    Action, Apply, Body, EnvelopeId, InstanceId, OpId, PatchId, Revision, RevisionId, Unapply, VerdictKind, Withdraw,
};

use crate::delta::Batch;
use crate::fold::{Effects, MemberChange, Revisions};
use crate::read::{ProjectionRead, ReadError};
use crate::state::{Effect, Membership};
use crate::trust;

/// Where a patch is in its life (SEMANTICS R15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Its author still changes it: no revision counts, or the last one was withdrawn.
    Draft,
    /// Frozen, for review and applying.
    Ready,
    /// In the own main.
    Applied,
    /// A reviewer of this instance said no to its last revision.
    Rejected,
}

impl Status {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Ready => "ready",
            Self::Applied => "applied",
            Self::Rejected => "rejected",
        }
    }
}

/// The revisions of a patch that no other replaces, ascending. Several are a dispute, which only their author settles.
///
/// # Errors
/// [`ReadError`].
pub fn latest(read: &dyn ProjectionRead, patch: &PatchId) -> Result<Vec<RevisionId>, ReadError> {
    let revisions = read.revisions(patch)?;
    if revisions.len() <= 1 {
        return Ok(revisions);
    }
    let mut replaced = BTreeSet::new();
    for revision in &revisions {
        if let Some(envelope) = read.envelope(revision)?
            && let Body::Revision(body) = envelope.body()
        {
            replaced.extend(body.replaces.iter().copied());
        }
    }
    Ok(revisions.into_iter().filter(|revision| !replaced.contains(revision)).collect())
}

/// What a revision says, if it is held.
///
/// # Errors
/// [`ReadError`].
pub fn revision_body(read: &dyn ProjectionRead, revision: &RevisionId) -> Result<Option<Revision>, ReadError> {
    Ok(read.envelope(revision)?.and_then(|envelope| match envelope.body() {
        Body::Revision(revision) => Some(revision.clone()),
        _ => None,
    }))
}

/// Whether the author took a revision back to draft, with the key that signed it or one that follows that.
///
/// # Errors
/// [`ReadError`].
pub fn is_withdrawn(read: &dyn ProjectionRead, patch: &PatchId, revision: &RevisionId) -> Result<bool, ReadError> {
    let Some(envelope) = read.envelope(revision)? else { return Ok(false) };
    let Body::Revision(body) = envelope.body() else { return Ok(false) };
    let signer = envelope.header().author_key;
    for fact in read.patch_facts(patch)? {
        let by = fact.header().author_key;
        let about = matches!(fact.body(), Body::Withdraw(Withdraw { revision: of, .. }) if of == revision);
        if about && (by == signer || trust::follows(&body.author, &by, &signer, &read.key_facts(&body.author)?)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether this instance's verdict on a revision is no: of concurrent verdicts the stricter counts.
pub(crate) fn is_rejected(
    read: &dyn ProjectionRead,
    patch: &PatchId,
    revision: &RevisionId,
) -> Result<bool, ReadError> {
    let own = read.own_channel();
    let mut verdicts = Vec::new();
    for fact in read.patch_facts(patch)? {
        if let Body::Verdict(verdict) = fact.body()
            && verdict.revision == *revision
            && fact.header().author_key.instance() == own
        {
            verdicts.push((fact.id(), verdict.kind, verdict.supersedes.clone()));
        }
    }
    let superseded: BTreeSet<&EnvelopeId> = verdicts.iter().flat_map(|(_, _, over)| over).collect();
    Ok(verdicts.iter().any(|(id, kind, _)| *kind == VerdictKind::Reject && !superseded.contains(id)))
}

/// Where a patch is in its life, seen from the own main.
///
/// # Errors
/// [`ReadError`].
pub fn status(read: &dyn ProjectionRead, patch: &PatchId) -> Result<Status, ReadError> {
    if let Membership::In(_) = read.membership(&read.own_channel(), patch)? {
        return Ok(Status::Applied);
    }
    let latest = latest(read, patch)?;
    let mut open = false;
    for revision in &latest {
        if is_rejected(read, patch, revision)? {
            return Ok(Status::Rejected);
        }
        open |= !is_withdrawn(read, patch, revision)?;
    }
    Ok(if open { Status::Ready } else { Status::Draft })
}

/// The patches that go into a main together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApplyGroup {
    /// Patches and revisions, those that others need first.
    pub members: Vec<(PatchId, RevisionId)>,
    /// Needed ops that no counting revision carries, ascending.
    pub missing: Vec<OpId>,
}

/// What applying these revisions brings along: every patch that carries an op they need and that creates an entity they use,
/// as far as the own main lacks it, and so on; cycles go in together.
///
/// # Errors
/// [`ReadError`].
pub fn apply_group(read: &dyn ProjectionRead, targets: &[(PatchId, RevisionId)]) -> Result<ApplyGroup, ReadError> {
    let mut search = GroupSearch { read, chosen: BTreeMap::new(), missing: BTreeSet::new(), members: Vec::new() };
    for (patch, revision) in targets {
        search.chosen.insert(*patch, *revision);
    }
    let mut placed = BTreeSet::new();
    for (patch, revision) in targets {
        search.visit(*patch, *revision, &mut placed)?;
    }
    Ok(ApplyGroup { members: search.members, missing: search.missing.into_iter().collect() })
}

struct GroupSearch<'a> {
    read: &'a dyn ProjectionRead,
    chosen: BTreeMap<PatchId, RevisionId>,
    missing: BTreeSet<OpId>,
    members: Vec<(PatchId, RevisionId)>,
}

impl GroupSearch<'_> {
    /// Depth first with a stack of its own: a long chain of patches is no deep recursion. A patch is placed when all that it
    /// needs is; in a cycle, the first one met comes last.
    fn visit(&mut self, patch: PatchId, revision: RevisionId, placed: &mut BTreeSet<PatchId>) -> Result<(), ReadError> {
        let mut open = BTreeSet::new();
        let mut stack = vec![(patch, revision, false)];
        while let Some((patch, revision, done)) = stack.pop() {
            if done {
                self.members.push((patch, revision));
                continue;
            }
            if !open.insert(patch) || !placed.insert(patch) {
                continue;
            }
            stack.push((patch, revision, true));
            let needed = self.needed_by(&revision)?;
            stack.extend(needed.into_iter().rev().map(|(patch, revision)| (patch, revision, false)));
        }
        Ok(())
    }

    fn needed_by(&mut self, revision: &RevisionId) -> Result<Vec<(PatchId, RevisionId)>, ReadError> {
        let Some(body) = revision_body(self.read, revision)? else { return Ok(Vec::new()) };
        let mut needed = Vec::new();
        for op in body.needs() {
            if !self.read.op_effective(&op)? {
                match self.carrier(&op)? {
                    Some(found) => needed.push(found),
                    None => {
                        self.missing.insert(op);
                    }
                }
            }
        }
        for patch in &body.depends {
            if self.read.membership(&self.read.own_channel(), patch)? == (Membership::Out { touched: false })
                && let [revision] = latest(self.read, patch)?.as_slice()
            {
                needed.push((*patch, *revision));
            }
        }
        self.used_by(&body, &mut needed)?;
        Ok(needed)
    }

    /// The patches that create what a revision's definitions use and the own main lacks.
    fn used_by(&mut self, body: &Revision, needed: &mut Vec<(PatchId, RevisionId)>) -> Result<(), ReadError> {
        let mut used = BTreeSet::new();
        for content in body.contents() {
            used.extend(self.read.definition_head(&content)?.into_iter().flat_map(|(_, uses)| uses));
        }
        for op in &body.ops {
            used.remove(&op.entity);
        }
        for entity in used {
            if self.read.entity(&entity)?.is_some() {
                continue;
            }
            let ops = self.read.entity_ops(&entity)?;
            let creation = ops.iter().find(|(_, op)| matches!(op.action, Action::CreateName { .. }));
            if let Some((op, _)) = creation
                && let Some(found) = self.carrier(op)?
            {
                needed.push(found);
            }
        }
        Ok(())
    }

    /// The carrier of an op to take: one already chosen, else, of the patches' latest revisions that are not withdrawn, the least
    /// that some main has in, else the least: what nobody has applied does not slip in beside the very same op of another patch.
    fn carrier(&mut self, op: &OpId) -> Result<Option<(PatchId, RevisionId)>, ReadError> {
        let mut best: Option<(bool, PatchId, RevisionId)> = None;
        for revision in self.read.carriers(op)? {
            let Some(body) = revision_body(self.read, &revision)? else { continue };
            if self.chosen.get(&body.patch) == Some(&revision) {
                return Ok(Some((body.patch, revision)));
            }
            let current = latest(self.read, &body.patch)?.contains(&revision);
            if !current || is_withdrawn(self.read, &body.patch, &revision)? {
                continue;
            }
            let applied = is_applied_anywhere(self.read, &body.patch, &revision)?;
            if best.is_none_or(|(known, _, _)| applied && !known) {
                best = Some((applied, body.patch, revision));
            }
        }
        let best = best.map(|(_, patch, revision)| (patch, revision));
        if let Some((patch, revision)) = best {
            self.chosen.insert(patch, revision);
        }
        Ok(best)
    }
}

/// Whether a main, the own or another, has this revision in.
fn is_applied_anywhere(read: &dyn ProjectionRead, patch: &PatchId, revision: &RevisionId) -> Result<bool, ReadError> {
    for channel in read.channels()? {
        if read.membership(&channel, patch)? == Membership::In(*revision) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The fact that puts these revisions into the own main.
///
/// # Errors
/// [`ReadError`].
pub fn apply_fact(
    read: &dyn ProjectionRead,
    members: &[(PatchId, RevisionId)],
    forced: String,
) -> Result<Apply, ReadError> {
    let channel = read.own_channel();
    let patches: BTreeMap<PatchId, RevisionId> = members.iter().copied().collect();
    Ok(Apply { channel, onto: read.leaves(&channel)?, patches: patches.into_iter().collect(), forced })
}

/// The fact that takes these patches out of the own main.
///
/// # Errors
/// [`ReadError`].
pub fn unapply_fact(read: &dyn ProjectionRead, patches: &[PatchId]) -> Result<Unapply, ReadError> {
    let channel: InstanceId = read.own_channel();
    let patches: BTreeSet<PatchId> = patches.iter().copied().collect();
    Ok(Unapply { channel, onto: read.leaves(&channel)?, patches: patches.into_iter().collect() })
}

/// The applied patches that would be blocked if these were taken out, ascending (SEMANTICS R11): those that take effect now and
/// would not, by the very rules of the fold.
///
/// # Errors
/// [`ReadError`].
pub fn blocked_without(read: &dyn ProjectionRead, patches: &[PatchId]) -> Result<Vec<PatchId>, ReadError> {
    let own = read.own_channel();
    let mut changes = Vec::new();
    let mut revisions = Revisions::new(read, &Batch::default());
    for patch in patches {
        if let Some(revision) = revisions.member(patch, &read.membership(&own, patch)?)? {
            changes.push(MemberChange { leaves: Some(revision), enters: None });
        }
    }
    let mut effects = Effects::new(read, &mut revisions);
    effects.change(&changes)?;
    let mut blocked = BTreeSet::new();
    for (revision, effect) in effects.finish()?.revisions {
        if matches!(effect, Effect::Blocked(_))
            && read.effect(&revision)? == Effect::Effective
            && let Some(revision) = revisions.revision(&revision)?
        {
            blocked.extend(revision.revision().map(|revision| revision.patch));
        }
    }
    Ok(blocked.into_iter().collect())
}
