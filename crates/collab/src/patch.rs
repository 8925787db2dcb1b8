//! Patches: status, what is applied together, what rolling back would block. All derived from facts, nothing stored beside them.

use std::collections::{BTreeMap, BTreeSet};

use dm_model::{
    Action, Apply, Body, EnvelopeId, OpId, PatchId, Revision, RevisionId, Space, Unapply, VerdictKind, Withdraw,
};

use crate::delta::Batch;
use crate::fold::{Effects, MemberChange, Revisions, effective_for};
use crate::read::{ProjectionRead, ReadError};
use crate::state::{Channel, Effect, Membership};
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

/// The revisions of a patch that no other of its space replaces, ascending. Several are a dispute, which only their author
/// settles.
///
/// # Errors
/// [`ReadError`].
pub fn latest(read: &dyn ProjectionRead, patch: &PatchId) -> Result<Vec<RevisionId>, ReadError> {
    let revisions = read.revisions(patch)?;
    if revisions.len() <= 1 {
        return Ok(revisions);
    }
    let mut replaced = BTreeSet::new();
    let mut spaces = BTreeMap::new();
    for revision in &revisions {
        if let Some(envelope) = read.envelope(revision)?
            && let Body::Revision(body) = envelope.body()
        {
            let space = envelope.header().space;
            replaced.extend(body.replaces.iter().map(|replaced| (space, *replaced)));
            spaces.insert(*revision, space);
        }
    }
    let is_replaced =
        |revision: &RevisionId| spaces.get(revision).is_some_and(|space| replaced.contains(&(*space, *revision)));
    Ok(revisions.into_iter().filter(|revision| !is_replaced(revision)).collect())
}

/// As [`latest`], of the patch of this id in one space.
///
/// # Errors
/// [`ReadError`].
pub fn latest_in(read: &dyn ProjectionRead, patch: &PatchId, space: Space) -> Result<Vec<RevisionId>, ReadError> {
    let mut latest = latest(read, patch)?;
    if read.any_private()? {
        let spaces: Vec<_> = latest.iter().map(|revision| read.space(revision)).collect::<Result<_, _>>()?;
        let mut spaces = spaces.into_iter();
        latest.retain(|_| spaces.next().flatten() == Some(space));
    }
    Ok(latest)
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
    let (signer, space) = (envelope.header().author_key, envelope.header().space);
    for fact in read.patch_facts(patch)? {
        let by = fact.header().author_key;
        let about = matches!(fact.body(), Body::Withdraw(Withdraw { revision: of, .. }) if of == revision);
        if !about || fact.header().space != space {
            continue;
        }
        if by == signer {
            return Ok(true);
        }
        let mut keys = read.key_facts(&body.author)?;
        keys.retain(|fact| space.reads(fact.header().space));
        if trust::follows(&body.author, &by, &signer, &keys) {
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
            && read.space(revision)? == Some(fact.header().space)
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
    if let Membership::In(_) = read.own_membership(patch)? {
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
    let (chosen, missing) = (BTreeMap::new(), BTreeSet::new());
    let mut search = GroupSearch { read, any_private: read.any_private()?, chosen, missing, members: Vec::new() };
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
    any_private: bool,
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
        let space = self.space(revision)?;
        let mut needed = Vec::new();
        for op in body.needs() {
            if !self.is_effective(&op, space)? {
                match self.carrier(&op, space)? {
                    Some(found) => needed.push(found),
                    None => {
                        self.missing.insert(op);
                    }
                }
            }
        }
        for patch in &body.depends {
            if self.read.own_membership(patch)? == (Membership::Out { touched: false })
                && let [revision] = latest(self.read, patch)?.as_slice()
                && self.is_read(space, revision)?
            {
                needed.push((*patch, *revision));
            }
        }
        self.used_by(&body, space, &mut needed)?;
        Ok(needed)
    }

    fn space(&self, revision: &RevisionId) -> Result<Space, ReadError> {
        let space = if self.any_private { self.read.space(revision)? } else { None };
        Ok(space.unwrap_or(Space::PUBLIC))
    }

    fn is_read(&self, space: Space, revision: &RevisionId) -> Result<bool, ReadError> {
        Ok(!self.any_private || space.reads(self.space(revision)?))
    }

    fn is_effective(&self, op: &OpId, space: Space) -> Result<bool, ReadError> {
        if self.any_private { effective_for(self.read, op, space) } else { self.read.op_effective(op) }
    }

    /// The patches that create what a revision's definitions use and the own main lacks.
    fn used_by(
        &mut self,
        body: &Revision,
        space: Space,
        needed: &mut Vec<(PatchId, RevisionId)>,
    ) -> Result<(), ReadError> {
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
                && let Some(found) = self.carrier(op, space)?
            {
                needed.push(found);
            }
        }
        Ok(())
    }

    /// The carrier of an op to take: one already chosen, else, of the patches' latest revisions that are not withdrawn, the least
    /// that some main has in, else the least: what nobody has applied does not slip in beside the very same op of another patch.
    /// Only what readers of the space read comes into question.
    fn carrier(&mut self, op: &OpId, space: Space) -> Result<Option<(PatchId, RevisionId)>, ReadError> {
        let mut best: Option<(bool, PatchId, RevisionId)> = None;
        for revision in self.read.carriers(op)? {
            if !self.is_read(space, &revision)? {
                continue;
            }
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

/// The facts that put these revisions into the own main: one per space, by space ascending.
///
/// # Errors
/// [`ReadError`].
pub fn apply_facts(
    read: &dyn ProjectionRead,
    members: &[(PatchId, RevisionId)],
    forced: &str,
) -> Result<Vec<(Space, Apply)>, ReadError> {
    let any_private = read.any_private()?;
    let mut by_space: BTreeMap<Space, BTreeMap<PatchId, RevisionId>> = BTreeMap::new();
    for (patch, revision) in members {
        let space = if any_private { read.space(revision)? } else { None };
        by_space.entry(space.unwrap_or(Space::PUBLIC)).or_default().insert(*patch, *revision);
    }
    let main = read.own_channel();
    let mut facts = Vec::with_capacity(by_space.len());
    for (space, patches) in by_space {
        let onto = read.leaves(&Channel { main, space })?;
        let patches = patches.into_iter().collect();
        facts.push((space, Apply { channel: main, onto, patches, forced: forced.to_owned() }));
    }
    Ok(facts)
}

/// The facts that take these patches, each of a space, out of the own main: one per space, by space ascending.
///
/// # Errors
/// [`ReadError`].
pub fn unapply_facts(
    read: &dyn ProjectionRead,
    patches: &[(Space, PatchId)],
) -> Result<Vec<(Space, Unapply)>, ReadError> {
    let main = read.own_channel();
    let mut by_space: BTreeMap<Space, BTreeSet<PatchId>> = BTreeMap::new();
    for (space, patch) in patches {
        by_space.entry(*space).or_default().insert(*patch);
    }
    let mut facts = Vec::with_capacity(by_space.len());
    for (space, patches) in by_space {
        let onto = read.leaves(&Channel { main, space })?;
        facts.push((space, Unapply { channel: main, onto, patches: patches.into_iter().collect() }));
    }
    Ok(facts)
}

/// The applied patches that would be blocked if these were taken out, ascending (SEMANTICS R11): those that take effect now and
/// would not, by the very rules of the fold.
///
/// # Errors
/// [`ReadError`].
pub fn blocked_without(read: &dyn ProjectionRead, patches: &[(Space, PatchId)]) -> Result<Vec<PatchId>, ReadError> {
    let main = read.own_channel();
    let mut changes = Vec::new();
    let mut revisions = Revisions::new(read, &Batch::default())?;
    for (space, patch) in patches {
        let channel = Channel { main, space: *space };
        if let Some(revision) = revisions.member(&channel, patch, &read.membership(&channel, patch)?)? {
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
