//! What a pull applies (R25).

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::{Channel, Conflict, ConflictId, Held as HeldBack, Membership, Reason, Selection};
use dm_model::{Body, Envelope, OpId, PatchId, RevisionId, Space, Verdict, VerdictKind};

use super::conflicts::Meaning;
use super::{Held, Model, effective_of};

struct Candidate<'h> {
    patch: PatchId,
    held: &'h Held,
}

impl Candidate<'_> {
    fn carries(&self, op: &OpId) -> bool {
        self.held.ops.iter().any(|(id, _)| id == op)
    }
}

impl Model<'_> {
    /// What a pull applies and holds.
    #[must_use]
    pub fn select(&self, trusts: &dyn Fn(&Envelope) -> bool) -> Selection {
        let (candidates, mut held) = self.candidates(trusts);
        let accepted: BTreeSet<ConflictId> = self.main().conflicts().iter().map(|conflict| conflict.id).collect();
        let mut blamed: BTreeMap<RevisionId, BTreeSet<ConflictId>> = BTreeMap::new();
        let in_effect = loop {
            let open = candidates.iter().filter(|candidate| !blamed.contains_key(&candidate.held.id()));
            let open: Vec<&Held> = open.map(|candidate| candidate.held).collect();
            let borne = effective_of(&open, &self.bearers);
            let meaning = Meaning::of(borne.ops(&|_| true), &self.holdings.content);
            let before = blamed.len();
            for conflict in meaning.conflicts().iter().filter(|conflict| !accepted.contains(&conflict.id)) {
                for candidate in candidates.iter().filter(|candidate| self.is_in(candidate, conflict)) {
                    let space = candidate.held.space();
                    let met = candidate.held.needs().iter().all(|need| borne.meets(need, space));
                    let in_effect = met && candidate.held.is_known();
                    if in_effect && open.iter().any(|held| held.id() == candidate.held.id()) {
                        blamed.entry(candidate.held.id()).or_default().insert(conflict.id);
                    }
                }
            }
            if blamed.len() == before {
                break borne;
            }
        };
        let mut selection = Selection::default();
        for candidate in &candidates {
            let (patch, revision) = (candidate.patch, candidate.held.id());
            let space = candidate.held.space();
            let missing: Vec<OpId> =
                candidate.held.needs().into_iter().filter(|need| !in_effect.meets(need, space)).collect();
            let mut read = candidates.iter().filter(|other| space.reads(other.held.space()));
            let carrier = read.find(|other| missing.iter().any(|need| other.carries(need)));
            let reason = match (blamed.get(&revision), candidate.held.is_known(), missing.is_empty(), carrier) {
                (Some(conflicts), ..) => Reason::Conflict(conflicts.iter().copied().collect()),
                (None, false, ..) => Reason::NeedsNewer,
                (None, true, true, _) => {
                    selection.apply.push((patch, revision));
                    continue;
                }
                (None, true, false, Some(carrier)) => Reason::NeedsHeld(carrier.patch),
                (None, true, false, None) => Reason::Blocked(missing),
            };
            held.push(HeldBack { patch, revision, reason });
        }
        held.sort_by_key(|held| (held.patch, held.revision));
        selection.held = held;
        selection
    }

    /// What the own main means with all candidates, held or not.
    #[must_use]
    pub fn union(&self, trusts: &dyn Fn(&Envelope) -> bool) -> Meaning {
        self.union_for(trusts, &|_| true)
    }

    /// The same for whoever reads some of the spaces.
    #[must_use]
    pub fn union_for(&self, trusts: &dyn Fn(&Envelope) -> bool, reads: &dyn Fn(Space) -> bool) -> Meaning {
        let (candidates, _) = self.candidates(trusts);
        let all: Vec<&Held> = candidates.iter().map(|candidate| candidate.held).collect();
        Meaning::of(effective_of(&all, &self.bearers).ops(reads), &self.holdings.content)
    }

    /// The conflicts that the instance lists: of its main with all candidates, then of its main's facts.
    #[must_use]
    pub fn conflicts(&self, trusts: &dyn Fn(&Envelope) -> bool) -> Vec<Conflict> {
        let mut conflicts = self.union(trusts).conflicts();
        conflicts.extend(self.channel_conflicts());
        conflicts
    }

    /// Whether a candidate brings a side of a conflict.
    fn is_in(&self, candidate: &Candidate<'_>, conflict: &Conflict) -> bool {
        candidate.held.ops.iter().filter(|(id, _)| !self.effective.contains_key(id)).any(|(id, op)| {
            let is_head = conflict.heads.iter().any(|head| head.op == *id);
            is_head || (conflict.heads.is_empty() && conflict.entities.contains(&op.entity))
        })
    }

    /// The candidates by patch, and those that are refused.
    fn candidates(&self, trusts: &dyn Fn(&Envelope) -> bool) -> (Vec<Candidate<'_>>, Vec<HeldBack>) {
        let mut offered: BTreeMap<(PatchId, Space), BTreeSet<RevisionId>> = BTreeMap::new();
        for ((channel, patch), says) in &self.membership {
            if let (true, Membership::In(revision)) = (channel.main != self.own, says) {
                let is_of_patch = |revision: &dm_model::Revision| revision.patch == *patch;
                let held = self.holdings.get(revision).filter(|held| held.space() == channel.space);
                let real = held.and_then(Held::revision).is_some_and(is_of_patch);
                let here = Channel { main: self.own, space: channel.space };
                if real && !self.membership.contains_key(&(here, *patch)) {
                    offered.entry((*patch, channel.space)).or_default().insert(*revision);
                }
            }
        }
        let (mut candidates, mut refused) = (Vec::new(), Vec::new());
        for ((patch, _), revisions) in offered {
            let disputed = revisions.len() > 1;
            for revision in revisions.into_iter().filter(|revision| !self.is_rejected(revision)) {
                let Some(held) = self.holdings.get(&revision) else { continue };
                if disputed {
                    refused.push(HeldBack { patch, revision, reason: Reason::Disputed });
                } else if trusts(&held.envelope) {
                    candidates.push(Candidate { patch, held });
                } else {
                    refused.push(HeldBack { patch, revision, reason: Reason::Untrusted });
                }
            }
        }
        (candidates, refused)
    }

    /// Whether the own instance's verdict on a revision is no.
    fn is_rejected(&self, revision: &RevisionId) -> bool {
        let counted = self.holdings.envelopes.iter().filter(|held| self.counting.contains(&held.id()));
        let space = self.holdings.get(revision).map(Held::space);
        let counted = counted.filter(|held| Some(held.space()) == space);
        let verdicts: Vec<(&Held, &Verdict)> = counted
            .filter(|held| held.envelope.header().author_key.instance() == self.own)
            .filter_map(|held| match held.envelope.body() {
                Body::Verdict(verdict) if verdict.revision == *revision => Some((held, verdict)),
                _ => None,
            })
            .collect();
        let superseded = |held: &Held| verdicts.iter().any(|(_, other)| other.supersedes.contains(&held.id()));
        verdicts.iter().any(|(held, verdict)| verdict.kind == VerdictKind::Reject && !superseded(held))
    }
}
