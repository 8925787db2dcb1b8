//! Which revisions and ops take effect in the own main (R10, R11), kept up in both directions.
//!
//! Taking out: all that stands on what leaves is taken out too, then what is still borne is put back, so that nothing is
//! left bearing itself in a circle. Putting in: a revision enters once its needs are met, and wakes those it completes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use dm_model::{EntityId, Op, OpId, RevisionId};
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
    carrier: Rc<RevisionOps>,
    place: usize,
}

impl TouchedOp {
    /// What it does.
    pub(crate) fn body(&self) -> Option<&Op> {
        self.carrier.op(self.place)
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
                let now = self.is_borne_without(op, &doomed)?;
                self.touch(*op, Some(true), now, &ops, place);
            }
        }
        Ok(doomed)
    }

    fn is_borne_without(&self, op: &OpId, doomed: &BTreeSet<RevisionId>) -> Result<bool, ReadError> {
        for carrier in self.read.carriers(op)? {
            if !doomed.contains(&carrier) && self.read.effect(&carrier)? == Effect::Effective {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes an op's effect; true if it was not known to be so.
    fn touch(&mut self, id: OpId, before: Option<bool>, now: bool, carrier: &Rc<RevisionOps>, place: usize) -> bool {
        if let Some(touched) = self.index.get(&id).and_then(|at| self.touched.get_mut(*at)) {
            return std::mem::replace(&mut touched.now, now) != now;
        }
        self.index.insert(id, self.touched.len());
        self.touched.push(TouchedOp { id, before, now, carrier: Rc::clone(carrier), place });
        true
    }

    fn is_effective(&self, op: &OpId) -> Result<bool, ReadError> {
        match self.index.get(op).and_then(|at| self.touched.get(*at)) {
            Some(touched) => Ok(touched.now),
            None => self.read.op_effective(op),
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
            if !self.is_effective(need)? {
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
            if self.touch(*op, None, true, &ops, place) {
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
