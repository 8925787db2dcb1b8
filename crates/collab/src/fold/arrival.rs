//! Which envelopes count (R2): the least fixpoint, woken by what newly counts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dm_model::{EnvelopeId, OpId};
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
    carried: FxHashSet<OpId>,
    missing: BTreeMap<EnvelopeId, BTreeSet<Need>>,
    waiters: FxHashMap<Need, Vec<EnvelopeId>>,
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
        missing: BTreeMap::new(),
        waiters: FxHashMap::default(),
    };
    for head in &batch.content {
        arrival.wake(Need::Content(head.hash))?;
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
        if self.revisions.envelope(&id)?.is_none() {
            return Ok(());
        }
        let missing = self.missing_of(&id)?;
        if missing.is_empty() {
            self.work.push_back(Work::Count(id));
            return Ok(());
        }
        for need in &missing {
            self.waiters.entry(*need).or_default().push(id);
        }
        self.missing.insert(id, missing);
        Ok(())
    }

    fn missing_of(&mut self, id: &EnvelopeId) -> Result<BTreeSet<Need>, ReadError> {
        let mut missing = BTreeSet::new();
        let Some(envelope) = self.revisions.envelope(id)? else { return Ok(missing) };
        for need in envelope.needs() {
            if !self.counted.contains(&need) && self.read.presence(&need)? != Presence::Counted {
                missing.insert(Need::Envelope(need));
            }
        }
        let Some(revision) = self.revisions.revision(id)? else { return Ok(missing) };
        for op in &revision.needs {
            if !self.carried.contains(op) && self.read.carriers(op)?.is_empty() {
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

    fn count(&mut self, id: EnvelopeId) -> Result<(), ReadError> {
        self.order.push(id);
        self.counted.insert(id);
        self.wake(Need::Envelope(id))?;
        if let Some(revision) = self.revisions.revision(&id)? {
            self.carried.extend(revision.ids.iter().copied());
            for op in &revision.ids {
                self.wake(Need::Op(*op))?;
            }
        }
        Ok(())
    }

    /// Something is there now that others may wait for.
    fn wake(&mut self, need: Need) -> Result<(), ReadError> {
        for id in self.waiters.remove(&need).unwrap_or_default() {
            let Some(missing) = self.missing.get_mut(&id) else { continue };
            missing.remove(&need);
            if missing.is_empty() {
                self.missing.remove(&id);
                self.work.push_back(Work::Count(id));
            }
        }
        if self.earlier_wait {
            self.work.extend(self.read.waiting_on(&need)?.into_iter().map(Work::Judge));
        }
        Ok(())
    }
}
