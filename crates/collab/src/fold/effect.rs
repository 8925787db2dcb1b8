//! Which revisions and ops take effect in the own main (R10, R11), kept up in both directions.
//!
//! Taking out: all that stands on what leaves is taken out too, then what is still borne is put back, so that nothing is
//! left bearing itself in a circle. Putting in: a revision enters once its needs are met, and wakes those it completes.
//! What meets a need is borne in a space that the needing revision's readers read, so the spaces that bear an op are kept apart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use dm_model::{EntityId, Op, OpId, RevisionId, Space};
use rustc_hash::{FxHashMap, FxHashSet};

use super::EffectChanges;
use super::revisions::{RevisionOps, Revisions};
use crate::read::{ProjectionRead, ReadError};
use crate::state::Effect;

/// A patch's member revision before and after.
pub(crate) struct MemberChange {
    /// The revision that leaves.
    pub leaves: Option<RevisionId>,
    /// The revision that enters.
    pub enters: Option<RevisionId>,
}

/// An op whose effect may have changed.
pub(crate) struct TouchedOp {
    /// Its id.
    pub id: OpId,
    /// Whether it was effective, where that is known.
    pub before: Option<bool>,
    /// Whether it is.
    pub now: bool,
    /// Where it is borne.
    bearing: Bearing,
    carrier: Rc<RevisionOps>,
    place: usize,
}

impl TouchedOp {
    /// What it does.
    pub(crate) fn body(&self) -> Option<&Op> {
        self.carrier.op(self.place)
    }
}

/// The spaces of the effective revisions that carry an op.
#[derive(Default)]
struct Bearing {
    public: bool,
    groups: Vec<Space>,
}

impl Bearing {
    /// True if it was not borne there.
    fn add(&mut self, space: Space) -> bool {
        if space.is_public() {
            return !std::mem::replace(&mut self.public, true);
        }
        let is_new = !self.groups.contains(&space);
        if is_new {
            self.groups.push(space);
        }
        is_new
    }

    fn anywhere(&self) -> bool {
        self.public || !self.groups.is_empty()
    }

    fn for_readers_of(&self, space: Space) -> bool {
        self.public || self.groups.contains(&space)
    }
}

/// The change of effects under way.
pub(crate) struct Effects<'a, 'r> {
    read: &'a dyn ProjectionRead,
    revisions: &'r mut Revisions<'a>,
    touched: Vec<TouchedOp>,
    index: FxHashMap<OpId, usize>,
    now: BTreeMap<RevisionId, Effect>,
    /// Members that wait, by what they wait for.
    waiting: FxHashMap<OpId, Vec<RevisionId>>,
    work: VecDeque<RevisionId>,
    /// Whether members from before may wait for something.
    earlier_blocked: bool,
}

impl<'a, 'r> Effects<'a, 'r> {
    pub(crate) fn new(read: &'a dyn ProjectionRead, revisions: &'r mut Revisions<'a>) -> Self {
        Self {
            read,
            revisions,
            touched: Vec::new(),
            index: FxHashMap::default(),
            now: BTreeMap::new(),
            waiting: FxHashMap::default(),
            work: VecDeque::new(),
            earlier_blocked: false,
        }
    }

    /// Moves members in and out; to be called once.
    pub(crate) fn change(&mut self, changes: &[MemberChange]) -> Result<(), ReadError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.earlier_blocked = !self.read.blocked()?.is_empty();
        let leaving: BTreeSet<RevisionId> = changes.iter().filter_map(|change| change.leaves).collect();
        let doomed = self.take_out(&leaving)?;
        for revision in &leaving {
            self.now.insert(*revision, Effect::NotApplied);
        }
        self.work.extend(doomed.difference(&leaving));
        self.work.extend(changes.iter().filter_map(|change| change.enters));
        let mut examined = FxHashSet::default();
        while let Some(revision) = self.work.pop_front() {
            let first = examined.insert(revision);
            let waits = matches!(self.now.get(&revision), Some(Effect::Blocked(_)));
            if first || waits {
                self.examine(revision)?;
            }
        }
        Ok(())
    }

    /// What changed, without what came out as it was.
    pub(crate) fn finish(self) -> Result<EffectChanges, ReadError> {
        let mut revisions = BTreeMap::new();
        for (revision, now) in self.now {
            if self.read.effect(&revision)? != now {
                revisions.insert(revision, now);
            }
        }
        let mut ops: BTreeMap<EntityId, Vec<TouchedOp>> = BTreeMap::new();
        for touched in self.touched {
            if let Some(entity) = touched.body().map(|op| op.entity) {
                ops.entry(entity).or_default().push(touched);
            }
        }
        Ok(EffectChanges { revisions, ops })
    }

    /// Takes effective revisions out, with all that stands on them.
    fn take_out(&mut self, leaving: &BTreeSet<RevisionId>) -> Result<BTreeSet<RevisionId>, ReadError> {
        let mut doomed = BTreeSet::new();
        let mut left = Vec::new();
        for revision in leaving {
            if self.read.effect(revision)? == Effect::Effective {
                doomed.insert(*revision);
                left.push(*revision);
            }
        }
        while let Some(revision) = left.pop() {
            let Some(ops) = self.revisions.revision(&revision)? else { continue };
            for op in &ops.ids {
                for dependent in self.read.needing(op)? {
                    match self.read.effect(&dependent)? {
                        Effect::Effective if doomed.insert(dependent) => left.push(dependent),
                        // Its culprits may be more now.
                        Effect::Blocked(_) if !leaving.contains(&dependent) => self.work.push_back(dependent),
                        _ => {}
                    }
                }
            }
        }
        for revision in &doomed {
            let Some(ops) = self.revisions.revision(revision)? else { continue };
            for (place, op) in ops.ids.iter().enumerate() {
                if !self.index.contains_key(op) {
                    let bearing = self.bearing_without(op, &doomed)?;
                    self.touch(*op, Some(true), bearing, &ops, place);
                }
            }
        }
        Ok(doomed)
    }

    /// The spaces in which an op was borne by others than the doomed. Where all is public, one is enough to know.
    fn bearing_without(&self, op: &OpId, doomed: &BTreeSet<RevisionId>) -> Result<Bearing, ReadError> {
        let mut bearing = Bearing::default();
        for carrier in self.read.carriers(op)? {
            if !doomed.contains(&carrier) && self.read.effect(&carrier)? == Effect::Effective {
                bearing.add(self.revisions.space(&carrier)?.unwrap_or(Space::PUBLIC));
                if !self.revisions.any_private() {
                    break;
                }
            }
        }
        Ok(bearing)
    }

    /// Notes an op that changes for the first time.
    fn touch(&mut self, id: OpId, before: Option<bool>, bearing: Bearing, carrier: &Rc<RevisionOps>, place: usize) {
        self.index.insert(id, self.touched.len());
        let now = bearing.anywhere();
        self.touched.push(TouchedOp { id, before, now, bearing, carrier: Rc::clone(carrier), place });
    }

    /// Notes that an effective revision of a space carries an op; true if that was not known to be so.
    fn bear(&mut self, id: OpId, carrier: &Rc<RevisionOps>, place: usize) -> Result<bool, ReadError> {
        let space = carrier.space();
        if let Some(touched) = self.index.get(&id).and_then(|at| self.touched.get_mut(*at)) {
            touched.now = true;
            return Ok(touched.bearing.add(space));
        }
        // Nothing of what bore it has left: what leaves was noted before.
        let mut bearing = Bearing::default();
        if self.revisions.any_private() {
            bearing = self.bearing_without(&id, &BTreeSet::new())?;
        }
        let is_new = bearing.add(space);
        self.touch(id, None, bearing, carrier, place);
        Ok(is_new)
    }

    /// Whether an op is effective for the readers of a space.
    fn is_effective(&self, op: &OpId, space: Space) -> Result<bool, ReadError> {
        match self.index.get(op).and_then(|at| self.touched.get(*at)) {
            Some(touched) => Ok(touched.bearing.for_readers_of(space)),
            None if !self.revisions.any_private() => self.read.op_effective(op),
            None => effective_for(self.read, op, space),
        }
    }

    /// Lets a member take effect if its needs are met, else makes it wait.
    fn examine(&mut self, revision: RevisionId) -> Result<(), ReadError> {
        let Some(ops) = self.revisions.revision(&revision)? else { return Ok(()) };
        if !ops.known {
            self.now.insert(revision, Effect::NeedsNewer);
            return Ok(());
        }
        let mut missing = Vec::new();
        for need in &ops.needs {
            if !self.is_effective(need, ops.space())? {
                missing.push(*need);
                self.waiting.entry(*need).or_default().push(revision);
            }
        }
        if !missing.is_empty() {
            self.now.insert(revision, Effect::Blocked(missing));
            return Ok(());
        }
        self.now.insert(revision, Effect::Effective);
        for (place, op) in ops.ids.iter().enumerate() {
            if self.bear(*op, &ops, place)? {
                self.wake(op)?;
            }
        }
        Ok(())
    }

    /// An op is effective now: those that waited for it look again.
    fn wake(&mut self, op: &OpId) -> Result<(), ReadError> {
        if let Some(waiting) = self.waiting.remove(op) {
            self.work.extend(waiting);
        }
        if self.earlier_blocked {
            for dependent in self.read.needing(op)? {
                let unknown = !self.now.contains_key(&dependent);
                if unknown && matches!(self.read.effect(&dependent)?, Effect::Blocked(_)) {
                    self.work.push_back(dependent);
                }
            }
        }
        Ok(())
    }
}

/// Whether an op is effective in the own main for the readers of a space: an effective revision that they read carries it.
pub(crate) fn effective_for(read: &dyn ProjectionRead, op: &OpId, space: Space) -> Result<bool, ReadError> {
    if !read.op_effective(op)? {
        return Ok(false);
    }
    for carrier in read.carriers(op)? {
        let is_read = read.space(&carrier)?.is_some_and(|other| space.reads(other));
        if is_read && read.effect(&carrier)? == Effect::Effective {
            return Ok(true);
        }
    }
    Ok(false)
}
