//! Which envelopes count (R2): the least fixpoint, woken by what newly counts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dm_model::{Envelope, EnvelopeId, OpId, RevisionId, Space};
use rustc_hash::{FxHashMap, FxHashSet};

use super::revisions::Revisions;
use crate::delta::Batch;
use crate::read::{Need, Presence, ProjectionRead, ReadError};

/// What came of the arrival.
pub(super) struct Arrived {
    /// Newly counting envelopes, needs first.
    pub counted: Vec<EnvelopeId>,
    /// Judged and found waiting, with what is missing.
    pub pending: BTreeMap<EnvelopeId, Vec<Need>>,
}

enum Work {
    Judge(EnvelopeId),
    Count(EnvelopeId),
}

struct Arrival<'a, 'r> {
    read: &'a dyn ProjectionRead,
    revisions: &'r mut Revisions<'a>,
    content: FxHashSet<dm_model::DefHash>,
    /// Whether envelopes from before may wait for something.
    earlier_wait: bool,
    work: VecDeque<Work>,
    judged: FxHashSet<EnvelopeId>,
    order: Vec<EnvelopeId>,
    counted: FxHashSet<EnvelopeId>,
    /// The ops that newly counting revisions of the public space carry.
    carried: FxHashSet<OpId>,
    /// Those that newly counting revisions of groups carry.
    carried_in: FxHashSet<(OpId, Space)>,
    missing: BTreeMap<EnvelopeId, BTreeSet<Need>>,
    /// Who waits for what, in which space.
    waiters: FxHashMap<Need, Vec<(EnvelopeId, Space)>>,
}

pub(super) fn count<'a>(
    read: &'a dyn ProjectionRead,
    batch: &Batch,
    revisions: &mut Revisions<'a>,
) -> Result<Arrived, ReadError> {
    let mut ids: Vec<EnvelopeId> = batch.envelopes.iter().map(|envelope| envelope.id()).collect();
    ids.sort_unstable();
    let mut arrival = Arrival {
        read,
        revisions,
        content: batch.content.iter().map(|head| head.hash).collect(),
        earlier_wait: read.any_pending()?,
        work: ids.into_iter().map(Work::Judge).collect(),
        judged: FxHashSet::default(),
        order: Vec::new(),
        counted: FxHashSet::default(),
        carried: FxHashSet::default(),
        carried_in: FxHashSet::default(),
        missing: BTreeMap::new(),
        waiters: FxHashMap::default(),
    };
    for head in &batch.content {
        arrival.wake(Need::Content(head.hash), Space::PUBLIC)?;
    }
    while let Some(work) = arrival.work.pop_front() {
        match work {
            Work::Judge(id) => arrival.judge(id)?,
            Work::Count(id) => arrival.count(id)?,
        }
    }
    let pending = arrival.missing.into_iter().map(|(id, missing)| (id, missing.into_iter().collect())).collect();
    Ok(Arrived { counted: arrival.order, pending })
}

impl Arrival<'_, '_> {
    /// Looks once at what an envelope needs; later it only waits for the rest.
    fn judge(&mut self, id: EnvelopeId) -> Result<(), ReadError> {
        if !self.judged.insert(id) {
            return Ok(());
        }
        let Some(envelope) = self.revisions.envelope(&id)? else { return Ok(()) };
        let space = envelope.header().space;
        let missing = self.missing_of(&id, &envelope)?;
        if missing.is_empty() {
            self.work.push_back(Work::Count(id));
            return Ok(());
        }
        for need in &missing {
            self.waiters.entry(*need).or_default().push((id, space));
        }
        self.missing.insert(id, missing);
        Ok(())
    }

    fn missing_of(&mut self, id: &EnvelopeId, envelope: &Envelope) -> Result<BTreeSet<Need>, ReadError> {
        let space = envelope.header().space;
        let mut missing = BTreeSet::new();
        for need in envelope.needs() {
            let counts = self.counted.contains(&need) || self.read.presence(&need)? == Presence::Counted;
            if !counts || !self.revisions.is_read(space, &need)? {
                missing.insert(Need::Envelope(need));
            }
        }
        let Some(revision) = self.revisions.revision(id)? else { return Ok(missing) };
        for op in &revision.needs {
            let carried = self.carried.contains(op) || self.carried_in.contains(&(*op, space));
            if !carried && !self.is_carried_in(space, &self.read.carriers(op)?)? {
                missing.insert(Need::Op(*op));
            }
        }
        for content in revision.ops().filter_map(|(_, op)| op.content()) {
            let arrives = self.content.contains(&content);
            if !arrives && !missing.contains(&Need::Content(content)) && !self.read.content_present(&content)? {
                missing.insert(Need::Content(content));
            }
        }
        Ok(missing)
    }

    /// Whether readers of a space read one of these carriers.
    fn is_carried_in(&self, space: Space, carriers: &[RevisionId]) -> Result<bool, ReadError> {
        for carrier in carriers {
            if self.revisions.is_read(space, carrier)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn count(&mut self, id: EnvelopeId) -> Result<(), ReadError> {
        self.order.push(id);
        self.counted.insert(id);
        let space = self.revisions.space(&id)?.unwrap_or(Space::PUBLIC);
        self.wake(Need::Envelope(id), space)?;
        if let Some(revision) = self.revisions.revision(&id)? {
            if space.is_public() {
                self.carried.extend(revision.ids.iter().copied());
            } else {
                self.carried_in.extend(revision.ids.iter().map(|op| (*op, space)));
            }
            for op in &revision.ids {
                self.wake(Need::Op(*op), space)?;
            }
        }
        Ok(())
    }

    /// Something is there now, for the readers of a space, that others may wait for.
    fn wake(&mut self, need: Need, space: Space) -> Result<(), ReadError> {
        if let Some(waiters) = self.waiters.get_mut(&need) {
            let woken: Vec<EnvelopeId> = waiters.extract_if(.., |(_, of)| of.reads(space)).map(|(id, _)| id).collect();
            if waiters.is_empty() {
                self.waiters.remove(&need);
            }
            for id in woken {
                let Some(missing) = self.missing.get_mut(&id) else { continue };
                missing.remove(&need);
                if missing.is_empty() {
                    self.missing.remove(&id);
                    self.work.push_back(Work::Count(id));
                }
            }
        }
        if self.earlier_wait {
            self.work.extend(self.read.waiting_on(&need)?.into_iter().map(Work::Judge));
        }
        Ok(())
    }
}
