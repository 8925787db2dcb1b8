//! What channels say of patches (R9): leaves and membership, quick along a chain, by the whole graph where facts fork.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_model::{Body, Envelope, EnvelopeId, InstanceId, PatchId, RevisionId};
use rustc_hash::FxHashMap;

use super::effect::MemberChange;
use super::revisions::Revisions;
use crate::read::{ProjectionRead, ReadError};
use crate::state::Membership;

/// What changed.
#[derive(Default)]
pub(super) struct Channels {
    pub leaves: BTreeMap<InstanceId, Vec<EnvelopeId>>,
    pub membership: BTreeMap<(InstanceId, PatchId), Membership>,
}

/// A fact of a channel.
struct Fact {
    id: EnvelopeId,
    envelope: Arc<Envelope>,
}

impl Fact {
    fn onto(&self) -> &[EnvelopeId] {
        match self.envelope.body() {
            Body::Apply(apply) => &apply.onto,
            Body::Unapply(unapply) => &unapply.onto,
            _ => &[],
        }
    }

    fn writes(&self) -> Vec<(PatchId, Option<RevisionId>)> {
        match self.envelope.body() {
            Body::Apply(apply) => apply.patches.iter().map(|(patch, revision)| (*patch, Some(*revision))).collect(),
            Body::Unapply(unapply) => unapply.patches.iter().map(|patch| (*patch, None)).collect(),
            _ => Vec::new(),
        }
    }
}

fn channel_of(envelope: &Envelope) -> Option<InstanceId> {
    match envelope.body() {
        Body::Apply(apply) => Some(apply.channel),
        Body::Unapply(unapply) => Some(unapply.channel),
        _ => None,
    }
}

/// Moves the channels on by the facts among newly counting envelopes, which come needs first.
pub(super) fn advance(
    read: &dyn ProjectionRead,
    revisions: &mut Revisions<'_>,
    counted: &[EnvelopeId],
) -> Result<Channels, ReadError> {
    let mut facts: BTreeMap<InstanceId, Vec<Fact>> = BTreeMap::new();
    for id in counted {
        let Some(envelope) = revisions.envelope(id)? else { continue };
        if let Some(channel) = channel_of(&envelope) {
            facts.entry(channel).or_default().push(Fact { id: *id, envelope });
        }
    }
    let mut channels = Channels::default();
    for (channel, new) in facts {
        let before = read.leaves(&channel)?;
        let (leaves, membership) = match along_chain(&before, &new) {
            Some(outcome) => outcome,
            None => over_graph(read, &channel, new)?,
        };
        if leaves != before {
            channels.leaves.insert(channel, leaves);
        }
        for (patch, now) in membership {
            if read.membership(&channel, &patch)? != now {
                channels.membership.insert((channel, patch), now);
            }
        }
    }
    Ok(channels)
}

/// The revisions that enter and leave the own main.
pub(super) fn own_changes(
    read: &dyn ProjectionRead,
    revisions: &mut Revisions<'_>,
    channels: &Channels,
) -> Result<Vec<MemberChange>, ReadError> {
    let own = read.own_channel();
    let mut changes = Vec::new();
    for ((channel, patch), now) in &channels.membership {
        if *channel == own {
            let before = revisions.member(patch, &read.membership(channel, patch)?)?;
            let now = revisions.member(patch, now)?;
            if before != now {
                changes.push(MemberChange { leaves: before, enters: now });
            }
        }
    }
    Ok(changes)
}

type Outcome = (Vec<EnvelopeId>, BTreeMap<PatchId, Membership>);

fn in_or_out(value: Option<RevisionId>) -> Membership {
    value.map_or(Membership::Out { touched: true }, Membership::In)
}

/// The outcome if every fact stands on the one leaf that there is: the last write of each patch then holds.
fn along_chain(before: &[EnvelopeId], new: &[Fact]) -> Option<Outcome> {
    let mut leaf = match before {
        [] => None,
        [leaf] => Some(*leaf),
        _ => return None,
    };
    let mut membership = BTreeMap::new();
    for fact in new {
        if leaf.is_some_and(|leaf| !fact.onto().contains(&leaf)) {
            return None;
        }
        leaf = Some(fact.id);
        membership.extend(fact.writes().into_iter().map(|(patch, value)| (patch, in_or_out(value))));
    }
    Some((leaf.into_iter().collect(), membership))
}

/// The outcome from all facts of the channel.
fn over_graph(read: &dyn ProjectionRead, channel: &InstanceId, new: Vec<Fact>) -> Result<Outcome, ReadError> {
    let earlier = read.facts(channel)?.into_iter().map(|envelope| Fact { id: envelope.id(), envelope });
    let facts: Vec<Fact> = earlier.chain(new).collect();
    let graph = Graph::new(&facts);
    let leaves = graph.leaves();
    let mut writes: BTreeMap<PatchId, Vec<(usize, Option<RevisionId>)>> = BTreeMap::new();
    for (index, fact) in facts.iter().enumerate() {
        for (patch, value) in fact.writes() {
            writes.entry(patch).or_default().push((index, value));
        }
    }
    let membership = writes
        .into_iter()
        .map(|(patch, writes)| {
            let values: BTreeSet<Option<RevisionId>> =
                leaves.iter().flat_map(|leaf| graph.values_at(*leaf, &writes)).collect();
            let membership = match values.iter().collect::<Vec<_>>().as_slice() {
                [] => in_or_out(None),
                [value] => in_or_out(**value),
                _ => Membership::Disputed(values.into_iter().collect()),
            };
            (patch, membership)
        })
        .collect();
    let mut leaves: Vec<EnvelopeId> = leaves.iter().filter_map(|leaf| facts.get(*leaf)).map(|fact| fact.id).collect();
    leaves.sort_unstable();
    Ok((leaves, membership))
}

/// Facts cut into chains. What a fact has in its past is then one place per chain, not one mark per fact.
struct Graph {
    /// Chain and place (from 1) of each fact.
    place: Vec<(usize, u32)>,
    /// For each fact and chain, how far it reaches, itself included.
    reach: Vec<Vec<u32>>,
    has_successor: Vec<bool>,
}

impl Graph {
    fn new(facts: &[Fact]) -> Self {
        let index: FxHashMap<EnvelopeId, usize> = facts.iter().enumerate().map(|(at, fact)| (fact.id, at)).collect();
        let onto: Vec<Vec<usize>> =
            facts.iter().map(|fact| fact.onto().iter().filter_map(|id| index.get(id).copied()).collect()).collect();
        let mut graph = Self {
            place: vec![(0, 0); facts.len()],
            reach: vec![Vec::new(); facts.len()],
            has_successor: vec![false; facts.len()],
        };
        for before in onto.iter().flatten() {
            if let Some(mark) = graph.has_successor.get_mut(*before) {
                *mark = true;
            }
        }
        let mut tails: Vec<usize> = Vec::new();
        for fact in past_first(&onto) {
            graph.put(fact, onto.get(fact).map_or(&[], Vec::as_slice), &mut tails);
        }
        graph
    }

    /// Puts a fact behind the tail of a chain that it stands on, else opens a chain.
    fn put(&mut self, fact: usize, onto: &[usize], tails: &mut Vec<usize>) {
        let mut reach: Vec<u32> = Vec::new();
        for before in onto {
            for (chain, upto) in self.reach.get(*before).into_iter().flatten().enumerate() {
                if reach.len() <= chain {
                    reach.resize(chain + 1, 0);
                }
                if let Some(far) = reach.get_mut(chain) {
                    *far = (*far).max(*upto);
                }
            }
        }
        let chain = tails.iter().position(|tail| onto.contains(tail)).unwrap_or(tails.len());
        if reach.len() <= chain {
            reach.resize(chain + 1, 0);
        }
        let mut place = 1;
        if let Some(far) = reach.get_mut(chain) {
            *far += 1;
            place = *far;
        }
        match tails.get_mut(chain) {
            Some(tail) => *tail = fact,
            None => tails.push(fact),
        }
        if let (Some(slot), Some(own)) = (self.reach.get_mut(fact), self.place.get_mut(fact)) {
            *slot = reach;
            *own = (chain, place);
        }
    }

    /// Whether `fact` is `of` or in its past.
    fn reaches(&self, of: usize, fact: usize) -> bool {
        let Some((chain, place)) = self.place.get(fact) else { return false };
        self.reach.get(of).and_then(|reach| reach.get(*chain)).is_some_and(|upto| upto >= place)
    }

    fn leaves(&self) -> Vec<usize> {
        self.has_successor.iter().enumerate().filter(|(_, has)| !**has).map(|(fact, _)| fact).collect()
    }

    /// The values of a patch at a leaf: of its writes there that no other write there has in its past; none without a write.
    fn values_at(&self, leaf: usize, writes: &[(usize, Option<RevisionId>)]) -> BTreeSet<Option<RevisionId>> {
        let here: Vec<_> = writes.iter().filter(|(fact, _)| self.reaches(leaf, *fact)).collect();
        if here.is_empty() {
            return BTreeSet::from([None]);
        }
        let replaced = |write: usize| here.iter().any(|(other, _)| *other != write && self.reaches(*other, write));
        here.iter().filter(|(fact, _)| !replaced(*fact)).map(|(_, value)| *value).collect()
    }
}

/// The facts so that each comes after those it stands on.
fn past_first(onto: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(onto.len());
    let mut state = vec![0u8; onto.len()];
    for start in 0..onto.len() {
        let mut stack = vec![(start, false)];
        while let Some((fact, is_done)) = stack.pop() {
            let Some(mark) = state.get_mut(fact) else { continue };
            if is_done {
                order.push(fact);
            } else if *mark == 0 {
                *mark = 1;
                stack.push((fact, true));
                stack.extend(onto.get(fact).into_iter().flatten().map(|before| (*before, false)));
            }
        }
    }
    order
}
