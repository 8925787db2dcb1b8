//! What a pull applies and what it holds (SEMANTICS R25).
//!
//! Both sides of an exchange judge the same union of patches, so they list the same conflicts, each applying on its own what
//! is in none of them. Applying itself is the caller's, with [`crate::patch::apply_facts`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_model::{EntityId, Envelope, Op, OpId, PatchId, RevisionId, Space};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::conflict::{self, Conflict, ConflictId};
use crate::fold::{RevisionOps, effective_for};
use crate::patch::is_rejected;
use crate::read::{ProjectionRead, ReadError};
use crate::view::{Overlay, View};

/// Whether local policy lets a revision be applied: its author's key is trusted.
pub type Trusts<'t> = &'t dyn Fn(&Envelope) -> bool;

/// Finds conflicts besides in a view where these entities got a content that the own main does not give them.
pub type Besides<'b, 'a, E> = &'b mut dyn FnMut(View<'a>, &BTreeSet<EntityId>) -> Result<Vec<Conflict>, E>;

/// Why a patch that is applied elsewhere is not applied here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is in these conflicts, which the own main has not; ascending.
    Conflict(Vec<ConflictId>),
    /// It needs these ops, which no applied patch carries; ascending.
    Blocked(Vec<OpId>),
    /// It needs this patch, which is held.
    NeedsHeld(PatchId),
    /// Local policy refuses its author's key.
    Untrusted,
    /// Other mains have several of its revisions in.
    Disputed,
    /// It has an op that only a newer version of this program knows.
    NeedsNewer,
}

/// A revision that is applied elsewhere and held here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The patch.
    pub patch: PatchId,
    /// Its revision.
    pub revision: RevisionId,
    /// Why.
    pub reason: Reason,
}

/// What to apply, in one fact per space, and what to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// To apply, by patch ascending.
    pub apply: Vec<(PatchId, RevisionId)>,
    /// Held, by patch, then revision, ascending.
    pub held: Vec<Held>,
}

/// What other mains have and the own main may take.
pub struct Candidates<'a> {
    read: &'a dyn ProjectionRead,
    /// Whether no op is effective in the own main.
    main_is_empty: bool,
    /// Whether spaces have to be told apart.
    any_private: bool,
    open: Vec<Candidate>,
    refused: Vec<Held>,
    /// Which candidates carry an op.
    carriers: FxHashMap<OpId, Vec<usize>>,
    /// Which candidates carry an op that is effective in the own main, but for other readers.
    also: FxHashMap<OpId, Vec<usize>>,
}

struct Candidate {
    patch: PatchId,
    revision: RevisionId,
    space: Space,
    /// Its ops that are not effective in the own main.
    ops: Vec<(OpId, Arc<Op>)>,
    /// Its ops that are, but not for all readers of its space.
    also: Vec<OpId>,
    /// Needed ops that are not effective in the own main for the readers of its space.
    unmet: Vec<OpId>,
    known: bool,
}

impl<'a> Candidates<'a> {
    /// The candidates of the own main.
    ///
    /// # Errors
    /// [`ReadError`], as for all here.
    pub fn of(read: &'a dyn ProjectionRead, trusts: Trusts<'_>) -> Result<Self, ReadError> {
        let mut candidates = Self {
            read,
            main_is_empty: read.view_fingerprint()?.count == 0,
            any_private: read.any_private()?,
            open: Vec::new(),
            refused: Vec::new(),
            carriers: FxHashMap::default(),
            also: FxHashMap::default(),
        };
        for (space, patch, named) in read.unseen()? {
            let mut revisions = Vec::with_capacity(named.len());
            for revision in named {
                // A fact may name what it likes; only a revision of the very patch, of the fact's space, is one.
                let Some(envelope) = read.envelope(&revision)? else { continue };
                let Some(body) = RevisionOps::new(Arc::clone(&envelope)) else { continue };
                if body.space() == space && body.revision().is_some_and(|body| body.patch == patch) {
                    revisions.push((revision, envelope, body));
                }
            }
            let disputed = revisions.len() > 1;
            for (revision, envelope, body) in revisions {
                let refused = match (disputed, trusts(&envelope)) {
                    (true, _) => Some(Reason::Disputed),
                    (false, false) => Some(Reason::Untrusted),
                    (false, true) => None,
                };
                candidates.consider(patch, revision, &body, refused)?;
            }
        }
        for (at, candidate) in candidates.open.iter().enumerate() {
            for (op, _) in &candidate.ops {
                candidates.carriers.entry(*op).or_default().push(at);
            }
            for op in &candidate.also {
                candidates.also.entry(*op).or_default().push(at);
            }
        }
        Ok(candidates)
    }

    fn consider(
        &mut self,
        patch: PatchId,
        revision: RevisionId,
        body: &RevisionOps,
        refused: Option<Reason>,
    ) -> Result<(), ReadError> {
        if is_rejected(self.read, &patch, &revision)? {
            return Ok(());
        }
        if let Some(reason) = refused {
            self.refused.push(Held { patch, revision, reason });
            return Ok(());
        }
        let space = body.space();
        let (mut ops, mut also) = (Vec::new(), Vec::new());
        for (id, op) in body.ops() {
            if !self.is_effective(&id)? {
                ops.push((id, Arc::new(op.clone())));
            } else if !self.is_effective_for(&id, space)? {
                also.push(id);
            }
        }
        let mut unmet = Vec::new();
        for need in &body.needs {
            if !self.is_effective_for(need, space)? {
                unmet.push(*need);
            }
        }
        self.open.push(Candidate { patch, revision, space, ops, also, unmet, known: body.known });
        Ok(())
    }

    fn is_effective_for(&self, op: &OpId, space: Space) -> Result<bool, ReadError> {
        if self.any_private && !self.main_is_empty {
            effective_for(self.read, op, space)
        } else {
            self.is_effective(op)
        }
    }

    fn is_effective(&self, op: &OpId) -> Result<bool, ReadError> {
        if self.main_is_empty { Ok(false) } else { self.read.op_effective(op) }
    }

    /// Whether there is nothing to judge.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.refused.is_empty()
    }

    /// What the own main and all candidates mean together, held or not: the view whose conflicts both sides list.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn union(&self) -> Result<View<'a>, ReadError> {
        self.view(&self.effective(&BTreeMap::new()))
    }

    /// What to apply and what to hold.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn select(&self) -> Result<Selection, ReadError> {
        self.select_by(&mut |_, _| Ok(Vec::new()))
    }

    /// As [`Candidates::select`], with the conflicts that someone finds besides.
    ///
    /// # Errors
    /// [`ReadError`]; what that one gives.
    pub fn select_by<E: From<ReadError>>(&self, besides: Besides<'_, 'a, E>) -> Result<Selection, E> {
        if self.open.is_empty() {
            return Ok(Selection { apply: Vec::new(), held: self.sorted_refused() });
        }
        let accepted: BTreeSet<ConflictId> =
            View::main(self.read).conflicts()?.into_iter().map(|conflict| conflict.id).collect();
        let mut held: BTreeMap<usize, BTreeSet<ConflictId>> = BTreeMap::new();
        let effective = loop {
            let effective = self.effective(&held);
            let before = held.len();
            let view = self.view(&effective)?;
            let mut conflicts = view.conflicts()?;
            if !self.main_is_empty {
                conflicts.extend(besides(view, &self.written(&effective))?);
            }
            for conflict in conflicts {
                if !accepted.contains(&conflict.id) {
                    self.blame(&conflict, &effective, &mut held);
                }
            }
            if held.len() == before {
                break effective;
            }
        };
        let mut selection = Selection { apply: Vec::new(), held: self.refused.clone() };
        for (at, candidate) in self.open.iter().enumerate() {
            let (patch, revision) = (candidate.patch, candidate.revision);
            match (held.get(&at), effective.has.get(at)) {
                (None, Some(true)) => selection.apply.push((patch, revision)),
                (conflicts, _) => {
                    let conflicts = conflicts.map(|ids| Reason::Conflict(ids.iter().copied().collect()));
                    let reason = conflicts.unwrap_or_else(|| self.why_not(candidate, &effective));
                    selection.held.push(Held { patch, revision, reason });
                }
            }
        }
        selection.held.sort_by_key(|held| (held.patch, held.revision));
        Ok(selection)
    }

    fn sorted_refused(&self) -> Vec<Held> {
        let mut refused = self.refused.clone();
        refused.sort_by_key(|held| (held.patch, held.revision));
        refused
    }

    /// The candidates not held that take effect together with the own main: the least fixpoint.
    fn effective(&self, held: &BTreeMap<usize, BTreeSet<ConflictId>>) -> Effective {
        let mut effective = Effective { has: vec![false; self.open.len()], ops: Borne::default() };
        let mut unmet: Vec<usize> = self.open.iter().map(|candidate| candidate.unmet.len()).collect();
        let mut waiting: FxHashMap<OpId, Vec<(usize, Space)>> = FxHashMap::default();
        let mut ready = Vec::new();
        for (at, candidate) in self.open.iter().enumerate() {
            if !candidate.known || held.contains_key(&at) {
                continue;
            }
            if candidate.unmet.is_empty() {
                ready.push(at);
            }
            for need in &candidate.unmet {
                waiting.entry(*need).or_default().push((at, candidate.space));
            }
        }
        while let Some(at) = ready.pop() {
            let (Some(candidate), Some(has)) = (self.open.get(at), effective.has.get_mut(at)) else { continue };
            *has = true;
            for op in candidate.ops.iter().map(|(op, _)| op).chain(&candidate.also) {
                if !effective.ops.add(*op, candidate.space) {
                    continue;
                }
                let Some(waiters) = waiting.get_mut(op) else { continue };
                for (waiter, _) in waiters.extract_if(.., |(_, space)| space.reads(candidate.space)) {
                    let Some(left) = unmet.get_mut(waiter) else { continue };
                    *left -= 1;
                    if *left == 0 {
                        ready.push(waiter);
                    }
                }
            }
        }
        effective
    }

    /// The entities whose content is written by what takes effect.
    fn written(&self, effective: &Effective) -> BTreeSet<EntityId> {
        let taking = self.open.iter().zip(&effective.has).filter(|(_, has)| **has);
        let ops = taking.flat_map(|(candidate, _)| &candidate.ops);
        ops.filter(|(_, op)| op.written_content().is_some()).map(|(_, op)| op.entity).collect()
    }

    /// The union, and the entities whose content is written by candidates: none if the own main is empty, where nothing can have been made
    /// beside them.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn union_written(&self) -> Result<(View<'a>, BTreeSet<EntityId>), ReadError> {
        let effective = self.effective(&BTreeMap::new());
        let written = if self.main_is_empty { BTreeSet::new() } else { self.written(&effective) };
        Ok((self.view(&effective)?, written))
    }

    fn view(&self, effective: &Effective) -> Result<View<'a>, ReadError> {
        let mut overlay = Overlay::default();
        for (candidate, _) in self.open.iter().zip(&effective.has).filter(|(_, has)| **has) {
            for (id, op) in &candidate.ops {
                overlay.add(*id, Arc::clone(op));
            }
        }
        View::over(self.read, overlay)
    }

    /// Holds the candidates in effect that carry a head of a conflict or, where it has none, write one of its entities.
    fn blame(&self, conflict: &Conflict, effective: &Effective, held: &mut BTreeMap<usize, BTreeSet<ConflictId>>) {
        let mut blamed: BTreeSet<usize> = BTreeSet::new();
        for head in &conflict.heads {
            blamed.extend(self.carriers.get(&head.op).into_iter().flatten());
        }
        if conflict.heads.is_empty() {
            let writes =
                |candidate: &Candidate| candidate.ops.iter().any(|(_, op)| conflict.entities.contains(&op.entity));
            let writing = self.open.iter().enumerate().filter(|(_, candidate)| writes(candidate));
            blamed.extend(writing.map(|(at, _)| at));
        }
        for at in blamed.into_iter().filter(|at| effective.has.get(*at) == Some(&true)) {
            held.entry(at).or_default().insert(conflict.id);
        }
    }

    /// Why a candidate that is in no conflict takes no effect.
    fn why_not(&self, candidate: &Candidate, effective: &Effective) -> Reason {
        if !candidate.known {
            return Reason::NeedsNewer;
        }
        let met = |need: &OpId| effective.ops.for_readers_of(need, candidate.space);
        let missing: Vec<OpId> = candidate.unmet.iter().filter(|need| !met(need)).copied().collect();
        let carriers = |need| self.carriers.get(need).into_iter().chain(self.also.get(need)).flatten();
        let carrying = missing.iter().flat_map(carriers).filter_map(|at| self.open.get(*at));
        let held = carrying.filter(|other| candidate.space.reads(other.space)).map(|other| other.patch).min();
        held.map_or(Reason::Blocked(missing), Reason::NeedsHeld)
    }
}

/// Which candidates take effect, and the ops that they bring.
struct Effective {
    has: Vec<bool>,
    ops: Borne,
}

/// Ops with the spaces in which they are borne.
#[derive(Default)]
struct Borne {
    public: FxHashSet<OpId>,
    groups: FxHashSet<(OpId, Space)>,
}

impl Borne {
    /// True if it was not borne there.
    fn add(&mut self, op: OpId, space: Space) -> bool {
        if space.is_public() { self.public.insert(op) } else { self.groups.insert((op, space)) }
    }

    fn for_readers_of(&self, op: &OpId, space: Space) -> bool {
        self.public.contains(op) || self.groups.contains(&(*op, space))
    }
}

/// What a pull applies to the own main and what it holds, until people have settled what conflicts.
///
/// # Errors
/// [`ReadError`].
pub fn select(read: &dyn ProjectionRead, trusts: Trusts<'_>) -> Result<Selection, ReadError> {
    Candidates::of(read, trusts)?.select()
}

/// The conflicts that an instance lists: of its main together with all that is held for it, and of its main's facts.
///
/// # Errors
/// [`ReadError`].
pub fn conflicts(read: &dyn ProjectionRead, trusts: Trusts<'_>) -> Result<Vec<Conflict>, ReadError> {
    let mut conflicts = Candidates::of(read, trusts)?.union()?.conflicts()?;
    conflicts.extend(conflict::of_channel(read)?);
    Ok(conflicts)
}
