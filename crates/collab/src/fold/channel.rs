//! What channels say of patches (R9): leaves and membership, quick along a chain, by the whole graph where facts fork.
//!
//! Once a later key of an instance has signed a fact of its main, facts by a former one count only in the past of such a fact: a
//! stolen key writes nothing into a main that has gone on without it (`docs/design/keys.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_model::{AuthorKey, Body, Envelope, EnvelopeId, PatchId, RevisionId};
use rustc_hash::FxHashMap;

use super::effect::MemberChange;
use super::revisions::Revisions;
use crate::read::{ProjectionRead, ReadError};
use crate::state::{Channel, Membership};

/// What changed.
#[derive(Default)]
pub(super) struct Channels {
    pub leaves: BTreeMap<Channel, Vec<EnvelopeId>>,
    pub membership: BTreeMap<(Channel, PatchId), Membership>,
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
            Body::TakeOver(takes) => &takes.onto,
            _ => &[],
        }
    }

    /// The keys of the instance up to the one that signed it.
    fn keys(&self) -> Vec<AuthorKey> {
        keys_of(&self.envelope)
    }

    fn writes(&self) -> Vec<(PatchId, Option<RevisionId>)> {
        match self.envelope.body() {
            Body::Apply(apply) => apply.patches.iter().map(|(patch, revision)| (*patch, Some(*revision))).collect(),
            Body::Unapply(unapply) => unapply.patches.iter().map(|patch| (*patch, None)).collect(),
            _ => Vec::new(),
        }
    }
}

/// A main has one chain of facts per space, so that who reads only some of them has these whole.
fn channel_of(envelope: &Envelope) -> Option<Channel> {
    Some(Channel { main: envelope.body().channel()?, space: envelope.header().space })
}

fn keys_of(envelope: &Envelope) -> Vec<AuthorKey> {
    envelope.succession().map_or_else(|| vec![envelope.header().author_key], |keys| keys.keys().collect())
}

/// Whether the keys of one fact go on from those of another.
fn go_on(later: &[AuthorKey], former: &[AuthorKey]) -> bool {
    later.len() > former.len() && later.starts_with(former)
}

/// Whether what these keys of an instance write into its main now, for the readers of the channel, would count for nothing, since
/// a later key writes there: if they are the keys of whoever asks, then somebody else had the last one. Another key to follow it
/// takes the main back.
///
/// # Errors
/// [`ReadError`].
pub fn has_given_way(
    read: &dyn ProjectionRead,
    channel: &Channel,
    keys: &dm_model::Succession,
) -> Result<bool, ReadError> {
    let keys: Vec<AuthorKey> = keys.keys().collect();
    for leaf in read.leaves(channel)? {
        let Some(envelope) = read.envelope(&leaf)? else { continue };
        // Nothing by a later key counts where every leaf is by these keys or former ones.
        if !keys.starts_with(&keys_of(&envelope)) {
            return Ok(read.facts(channel)?.iter().any(|fact| go_on(&keys_of(fact), &keys)));
        }
    }
    Ok(false)
}

/// Moves the channels on by the facts among newly counting envelopes, which come needs first.
pub(super) fn advance(
    read: &dyn ProjectionRead,
    revisions: &mut Revisions<'_>,
    counted: &[EnvelopeId],
) -> Result<Channels, ReadError> {
    let mut facts: BTreeMap<Channel, Vec<Fact>> = BTreeMap::new();
    for id in counted {
        let Some(envelope) = revisions.envelope(id)? else { continue };
        if let Some(channel) = channel_of(&envelope) {
            facts.entry(channel).or_default().push(Fact { id: *id, envelope });
        }
    }
    let mut channels = Channels::default();
    for (channel, new) in facts {
        let before = read.leaves(&channel)?;
        let (leaves, membership) = match along_chain(revisions, &before, &new)? {
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
        if channel.main == own {
            let before = revisions.member(channel, patch, &read.membership(channel, patch)?)?;
            let now = revisions.member(channel, patch, now)?;
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

/// The outcome if every fact stands on the one leaf that there is, and no key is given up and used again: the last write of each
/// patch then holds.
fn along_chain(
    revisions: &mut Revisions<'_>,
    before: &[EnvelopeId],
    new: &[Fact],
) -> Result<Option<Outcome>, ReadError> {
    let mut leaf = match before {
        [] => None,
        [leaf] => revisions.envelope(leaf)?.map(|envelope| (*leaf, keys_of(&envelope))),
        _ => return Ok(None),
    };
    let mut membership = BTreeMap::new();
    for fact in new {
        let keys = fact.keys();
        if let Some((leaf, former)) = &leaf {
            // All that counts is in the past of the only leaf, so that no fact of these keys can be left out by this one.
            let goes_on = keys.starts_with(former) && fact.onto().contains(leaf);
            if !goes_on || (keys.len() > 1 && fact.onto().len() > 1) {
                return Ok(None);
            }
        }
        leaf = Some((fact.id, keys));
        membership.extend(fact.writes().into_iter().map(|(patch, value)| (patch, in_or_out(value))));
    }
    Ok(Some((leaf.into_iter().map(|(leaf, _)| leaf).collect(), membership)))
}

/// The outcome from all facts of the channel.
fn over_graph(read: &dyn ProjectionRead, channel: &Channel, new: Vec<Fact>) -> Result<Outcome, ReadError> {
    let earlier = read.facts(channel)?.into_iter().map(|envelope| Fact { id: envelope.id(), envelope });
    let facts: Vec<Fact> = earlier.chain(new).collect();
    let graph = Graph::new(&facts);
    let void = graph.void(&facts);
    let leaves = graph.leaves(&void);
    let mut writes: BTreeMap<PatchId, Vec<(usize, Option<RevisionId>)>> = BTreeMap::new();
    for (index, fact) in facts.iter().enumerate() {
        for (patch, value) in fact.writes() {
            let writes = writes.entry(patch).or_default();
            if !is_set(&void, index) {
                writes.push((index, value));
            }
        }
    }
    let membership = writes
        .into_iter()
        .map(|(patch, writes)| {
            if writes.is_empty() {
                return (patch, Membership::Out { touched: false });
            }
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

fn is_set(marks: &[bool], at: usize) -> bool {
    marks.get(at).copied().unwrap_or(false)
}

/// Facts cut into chains. What a fact has in its past is then one place per chain, not one mark per fact.
struct Graph {
    /// Chain and place (from 1) of each fact.
    place: Vec<(usize, u32)>,
    /// For each fact and chain, how far it reaches, itself included.
    reach: Vec<Vec<u32>>,
    /// The facts that each one stands on.
    onto: Vec<Vec<usize>>,
    /// The facts so that each comes after those it stands on.
    order: Vec<usize>,
}

impl Graph {
    fn new(facts: &[Fact]) -> Self {
        let index: FxHashMap<EnvelopeId, usize> = facts.iter().enumerate().map(|(at, fact)| (fact.id, at)).collect();
        let onto: Vec<Vec<usize>> =
            facts.iter().map(|fact| fact.onto().iter().filter_map(|id| index.get(id).copied()).collect()).collect();
        let mut graph = Self {
            place: vec![(0, 0); facts.len()],
            reach: vec![Vec::new(); facts.len()],
            order: past_first(&onto),
            onto: Vec::new(),
        };
        let mut tails: Vec<usize> = Vec::new();
        for fact in graph.order.clone() {
            graph.put(fact, onto.get(fact).map_or(&[], Vec::as_slice), &mut tails);
        }
        graph.onto = onto;
        graph
    }

    /// The facts that count for nothing: by a key that has given way to another one, of whose facts that count none has them in
    /// its past. Judged from the latest keys down, so that a stolen later key that has given way itself leaves nothing out.
    fn void(&self, facts: &[Fact]) -> Vec<bool> {
        let mut void = vec![false; facts.len()];
        let mut by_keys: BTreeMap<Vec<AuthorKey>, Vec<usize>> = BTreeMap::new();
        for (at, fact) in facts.iter().enumerate() {
            by_keys.entry(fact.keys()).or_default().push(at);
        }
        let mut lines: Vec<&Vec<AuthorKey>> = by_keys.keys().collect();
        lines.sort_by_key(|keys| std::cmp::Reverse(keys.len()));
        for keys in lines {
            let later = by_keys.iter().filter(|(later, _)| go_on(later, keys)).flat_map(|(_, facts)| facts);
            let counting: Vec<usize> = later.copied().filter(|fact| !is_set(&void, *fact)).collect();
            if counting.is_empty() {
                continue;
            }
            let covered = self.past_of(&counting);
            for fact in by_keys.get(keys).into_iter().flatten() {
                let (chain, place) = self.place.get(*fact).copied().unwrap_or_default();
                if let Some(mark) = void.get_mut(*fact) {
                    *mark = covered.get(chain).is_none_or(|upto| *upto < place);
                }
            }
        }
        void
    }

    /// How far these facts reach together, by chain.
    fn past_of(&self, facts: &[usize]) -> Vec<u32> {
        let mut covered: Vec<u32> = Vec::new();
        for reach in facts.iter().filter_map(|fact| self.reach.get(*fact)) {
            covered.resize(covered.len().max(reach.len()), 0);
            for (far, upto) in covered.iter_mut().zip(reach) {
                *far = (*far).max(*upto);
            }
        }
        covered
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

    /// The facts that count and that no other one which counts has in its past.
    fn leaves(&self, void: &[bool]) -> Vec<usize> {
        let mut is_past = vec![false; self.place.len()];
        for fact in self.order.iter().rev() {
            if is_set(void, *fact) && !is_set(&is_past, *fact) {
                continue;
            }
            for before in self.onto.get(*fact).into_iter().flatten() {
                if let Some(mark) = is_past.get_mut(*before) {
                    *mark = true;
                }
            }
        }
        (0..self.place.len()).filter(|fact| !is_set(&is_past, *fact) && !is_set(void, *fact)).collect()
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
