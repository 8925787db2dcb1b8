//! The naive reference model: what a set of envelopes means, by lists and loops (`docs/design/convergence.md`).
//!
//! Nothing is kept between two answers and nothing is quick. It shares the types of the answers with `dm-collab`, and none of
//! its algorithms. [`Model::of`] computes what counts, what channels say, what takes effect and what that means; the modules
//! below have the rules of registers, conflicts, pulls and sessions.

mod conflicts;
mod drafts;
mod pull;
mod registers;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::{Batch, Channel, Effect, EntityState, Fingerprint, Membership, Need};
use dm_model::{
    AuthorKey, Body, DefHash, EntityId, Envelope, EnvelopeId, InstanceId, Op, OpId, PatchId, Revision, RevisionId,
    Space,
};

pub use conflicts::Meaning;
pub use drafts::drafted;
pub use registers::states;

/// A set of ops with their ids.
pub type Ops = BTreeMap<OpId, Arc<Op>>;

/// An envelope that is held.
#[derive(Clone, Debug)]
pub struct Held {
    /// The envelope.
    pub envelope: Arc<Envelope>,
    /// The ops of its revision, if it carries one.
    ops: Arc<Vec<(OpId, Arc<Op>)>>,
}

/// All that an instance holds: the only thing that the model is a function of.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Envelopes, in the order of their arrival, which means nothing.
    pub envelopes: Vec<Held>,
    /// The entities that each held definition uses.
    pub content: BTreeMap<DefHash, Vec<EntityId>>,
}

/// What an instance's holdings mean for its main.
#[derive(Debug)]
pub struct Model<'h> {
    own: InstanceId,
    holdings: &'h Holdings,
    /// The envelopes that count.
    pub counting: BTreeSet<EnvelopeId>,
    /// The others, with what is missing, ascending.
    pub pending: BTreeMap<EnvelopeId, Vec<Need>>,
    /// The leaves of each channel that has counting facts.
    pub leaves: BTreeMap<Channel, Vec<EnvelopeId>>,
    /// What channels say of the patches that they have facts about.
    pub membership: BTreeMap<(Channel, PatchId), Membership>,
    /// What the member revisions of the own main do.
    pub effects: BTreeMap<RevisionId, Effect>,
    /// The ops that are effective in the own main.
    pub effective: Ops,
    /// The same, with the spaces in which they are borne.
    bearers: Bearers,
    /// What these mean.
    pub entities: BTreeMap<EntityId, EntityState>,
}

impl Held {
    fn new(envelope: &Arc<Envelope>) -> Self {
        let ops = match envelope.body() {
            Body::Revision(revision) => revision.ops.iter().map(|op| (op.id(), Arc::new(op.clone()))).collect(),
            _ => Vec::new(),
        };
        Self { envelope: Arc::clone(envelope), ops: Arc::new(ops) }
    }

    fn id(&self) -> EnvelopeId {
        self.envelope.id()
    }

    fn revision(&self) -> Option<&Revision> {
        match self.envelope.body() {
            Body::Revision(revision) => Some(revision),
            _ => None,
        }
    }

    /// Whether this version knows all its ops.
    fn is_known(&self) -> bool {
        self.ops.iter().all(|(_, op)| op.is_known())
    }

    /// The ops it needs and does not carry.
    fn needs(&self) -> BTreeSet<OpId> {
        let needs = self.ops.iter().flat_map(|(_, op)| op.supersedes.iter().chain(&op.after)).copied();
        needs.filter(|need| self.ops.iter().all(|(own, _)| own != need)).collect()
    }

    fn space(&self) -> Space {
        self.envelope.header().space
    }

    /// The channel that it is a fact of, the facts it stands on, and what it says of patches.
    fn fact(&self) -> Option<Fact<'_>> {
        let keys = match self.envelope.succession() {
            Some(keys) => keys.keys().collect(),
            None => vec![self.envelope.header().author_key],
        };
        match self.envelope.body() {
            Body::Apply(apply) => {
                let writes = apply.patches.iter().map(|(patch, revision)| (*patch, Some(*revision))).collect();
                let channel = Channel { main: apply.channel, space: self.space() };
                Some(Fact { id: self.id(), channel, keys, onto: &apply.onto, writes })
            }
            Body::Unapply(unapply) => {
                let writes = unapply.patches.iter().map(|patch| (*patch, None)).collect();
                let channel = Channel { main: unapply.channel, space: self.space() };
                Some(Fact { id: self.id(), channel, keys, onto: &unapply.onto, writes })
            }
            Body::TakeOver(takes) => {
                let channel = Channel { main: takes.channel, space: self.space() };
                Some(Fact { id: self.id(), channel, keys, onto: &takes.onto, writes: BTreeMap::new() })
            }
            _ => None,
        }
    }
}

struct Fact<'h> {
    id: EnvelopeId,
    channel: Channel,
    /// The keys of the instance up to the one that signed it.
    keys: Vec<AuthorKey>,
    onto: &'h [EnvelopeId],
    writes: BTreeMap<PatchId, Option<RevisionId>>,
}

impl Holdings {
    /// Adds what is not held yet.
    pub fn add(&mut self, batch: &Batch) {
        for envelope in &batch.envelopes {
            if self.envelopes.iter().all(|held| held.id() != envelope.id()) {
                self.envelopes.push(Held::new(envelope));
            }
        }
        self.content.extend(batch.content.iter().map(|head| (head.hash, head.uses.clone())));
    }

    fn get(&self, id: &EnvelopeId) -> Option<&Held> {
        self.envelopes.iter().find(|held| held.id() == *id)
    }
}

impl<'h> Model<'h> {
    /// What these holdings mean for the main of an instance.
    #[must_use]
    pub fn of(own: InstanceId, holdings: &'h Holdings) -> Self {
        let (counting, pending) = counting(holdings);
        let (leaves, membership) = channels(holdings, &counting);
        let (effects, bearers) = effects(own, holdings, &membership);
        let effective = bearers.ops(&|_| true);
        let entities = states(&effective);
        Self { own, holdings, counting, pending, leaves, membership, effects, effective, bearers, entities }
    }

    /// The fingerprint of the own main's view.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        registers::fingerprint(&self.entities)
    }

    /// What the own main means to whoever reads some of the spaces.
    #[must_use]
    pub fn main_for(&self, reads: &dyn Fn(Space) -> bool) -> Meaning {
        Meaning::of(self.bearers.ops(reads), &self.holdings.content)
    }

    /// The counting revisions, by revision.
    fn revisions(&self) -> BTreeMap<RevisionId, &'h Held> {
        let counts = |held: &&Held| held.revision().is_some() && self.counting.contains(&held.id());
        self.holdings.envelopes.iter().filter(counts).map(|held| (held.id(), held)).collect()
    }
}

/// Which envelopes count (R2), and what the others wait for.
fn counting(holdings: &Holdings) -> (BTreeSet<EnvelopeId>, BTreeMap<EnvelopeId, Vec<Need>>) {
    let mut counting = BTreeSet::new();
    let mut carried: BTreeSet<(OpId, Space)> = BTreeSet::new();
    loop {
        let before = counting.len();
        let mut pending = BTreeMap::new();
        for held in &holdings.envelopes {
            if counting.contains(&held.id()) {
                continue;
            }
            let is_read = |need: &EnvelopeId| holdings.get(need).is_some_and(|need| held.space().reads(need.space()));
            let envelopes = held.envelope.needs().into_iter();
            let envelopes = envelopes.filter(|need| !counting.contains(need) || !is_read(need));
            let is_carried = |op: &OpId| carried.iter().any(|(id, space)| id == op && held.space().reads(*space));
            let ops = held.needs().into_iter().filter(|need| !is_carried(need));
            let contents = held.ops.iter().filter_map(|(_, op)| op.content());
            let contents = contents.filter(|content| !holdings.content.contains_key(content));
            let missing: BTreeSet<Need> =
                envelopes.map(Need::Envelope).chain(ops.map(Need::Op)).chain(contents.map(Need::Content)).collect();
            if missing.is_empty() {
                counting.insert(held.id());
                carried.extend(held.ops.iter().map(|(id, _)| (*id, held.space())));
            } else {
                pending.insert(held.id(), missing.into_iter().collect());
            }
        }
        if counting.len() == before {
            return (counting, pending);
        }
    }
}

type Channels = (BTreeMap<Channel, Vec<EnvelopeId>>, BTreeMap<(Channel, PatchId), Membership>);

/// What channels say of patches (R9).
fn channels(holdings: &Holdings, counting: &BTreeSet<EnvelopeId>) -> Channels {
    let counted = holdings.envelopes.iter().filter(|held| counting.contains(&held.id()));
    let mut by_channel: BTreeMap<Channel, Vec<Fact<'_>>> = BTreeMap::new();
    for fact in counted.filter_map(Held::fact) {
        by_channel.entry(fact.channel).or_default().push(fact);
    }
    let (mut leaves, mut membership) = (BTreeMap::new(), BTreeMap::new());
    for (channel, facts) in by_channel {
        let valid: Vec<&Fact<'_>> = facts.iter().filter(|fact| !is_void(&facts, fact)).collect();
        let is_past = |fact: &Fact<'_>| valid.iter().any(|other| past_of_fact(&facts, other.id).contains(&fact.id));
        let last: BTreeSet<EnvelopeId> = valid.iter().filter(|fact| !is_past(fact)).map(|fact| fact.id).collect();
        let patches: BTreeSet<PatchId> = valid.iter().flat_map(|fact| fact.writes.keys().copied()).collect();
        for patch in patches {
            let values: BTreeSet<_> = last.iter().flat_map(|leaf| values_at(&facts, *leaf, patch)).collect();
            let values: Vec<Option<RevisionId>> = values.into_iter().collect();
            let says = match values.as_slice() {
                [Some(revision)] => Membership::In(*revision),
                [None] => Membership::Out { touched: true },
                _ => Membership::Disputed(values),
            };
            membership.insert((channel, patch), says);
        }
        leaves.insert(channel, last.into_iter().collect());
    }
    (leaves, membership)
}

/// Whether a fact counts for nothing: facts by a later key count, and none of them has it in its past.
fn is_void(facts: &[Fact<'_>], fact: &Fact<'_>) -> bool {
    let is_later = |other: &&Fact<'_>| other.keys.len() > fact.keys.len() && other.keys.starts_with(&fact.keys);
    let later: Vec<&Fact<'_>> = facts.iter().filter(is_later).filter(|other| !is_void(facts, other)).collect();
    !later.is_empty() && later.iter().all(|other| !past_of_fact(facts, other.id).contains(&fact.id))
}

/// The values of a patch at a leaf of its channel's facts.
fn values_at(facts: &[Fact<'_>], leaf: EnvelopeId, patch: PatchId) -> BTreeSet<Option<RevisionId>> {
    let mut here = past_of_fact(facts, leaf);
    here.insert(leaf);
    let writes: Vec<(EnvelopeId, Option<RevisionId>)> = facts
        .iter()
        .filter(|fact| here.contains(&fact.id) && !is_void(facts, fact))
        .filter_map(|fact| fact.writes.get(&patch).map(|value| (fact.id, *value)))
        .collect();
    if writes.is_empty() {
        return BTreeSet::from([None]);
    }
    let replaced = |write: &EnvelopeId| writes.iter().any(|(other, _)| past_of_fact(facts, *other).contains(write));
    writes.iter().filter(|(fact, _)| !replaced(fact)).map(|(_, value)| *value).collect()
}

fn past_of_fact(facts: &[Fact<'_>], of: EnvelopeId) -> BTreeSet<EnvelopeId> {
    let mut past = BTreeSet::new();
    let mut left = vec![of];
    while let Some(next) = left.pop() {
        for fact in facts.iter().filter(|fact| fact.id == next) {
            left.extend(fact.onto.iter().filter(|before| facts.iter().any(|fact| fact.id == **before)));
            past.extend(fact.onto.iter().filter(|before| facts.iter().any(|fact| fact.id == **before)));
        }
    }
    past
}

type Effects = (BTreeMap<RevisionId, Effect>, Bearers);

/// The ops that take effect, each with the spaces of what carries it.
#[derive(Debug, Clone, Default)]
pub struct Bearers(pub BTreeMap<OpId, (Arc<Op>, BTreeSet<Space>)>);

impl Bearers {
    /// Whether an op takes effect for the readers of a space.
    fn meets(&self, op: &OpId, space: Space) -> bool {
        self.0.get(op).is_some_and(|(_, spaces)| spaces.iter().any(|other| space.reads(*other)))
    }

    /// Those of any of these spaces.
    #[must_use]
    pub fn ops(&self, of: &dyn Fn(Space) -> bool) -> Ops {
        let borne = self.0.iter().filter(|(_, (_, spaces))| spaces.iter().any(|space| of(*space)));
        borne.map(|(id, (op, _))| (*id, Arc::clone(op))).collect()
    }
}

/// Which members of the own main take effect (R10), and their ops.
fn effects(own: InstanceId, holdings: &Holdings, membership: &BTreeMap<(Channel, PatchId), Membership>) -> Effects {
    let members: Vec<&Held> = membership
        .iter()
        .filter(|((channel, _), _)| channel.main == own)
        .filter_map(|((channel, patch), says)| match says {
            Membership::In(revision) => Some((channel, patch, holdings.get(revision)?)),
            _ => None,
        })
        .filter(|(channel, patch, held)| {
            held.space() == channel.space && held.revision().is_some_and(|body| body.patch == **patch)
        })
        .map(|(_, _, held)| held)
        .collect();
    let effective = effective_of(&members, &Bearers::default());
    let effect = |held: &Held| {
        let needs = held.needs().into_iter();
        let missing: Vec<OpId> = needs.filter(|need| !effective.meets(need, held.space())).collect();
        match (held.is_known(), missing.is_empty()) {
            (false, _) => Effect::NeedsNewer,
            (true, true) => Effect::Effective,
            (true, false) => Effect::Blocked(missing),
        }
    };
    (members.iter().map(|held| (held.id(), effect(held))).collect(), effective)
}

/// The ops of those of these revisions that take effect together, above what is in effect already: with that.
fn effective_of(revisions: &[&Held], base: &Bearers) -> Bearers {
    let mut effective = base.clone();
    loop {
        let before: usize = effective.0.values().map(|(_, spaces)| spaces.len()).sum();
        for held in revisions.iter().filter(|held| held.is_known()) {
            if held.needs().iter().all(|need| effective.meets(need, held.space())) {
                for (id, op) in held.ops.iter() {
                    let borne = effective.0.entry(*id).or_insert_with(|| (Arc::clone(op), BTreeSet::new()));
                    borne.1.insert(held.space());
                }
            }
        }
        if effective.0.values().map(|(_, spaces)| spaces.len()).sum::<usize>() == before {
            return effective;
        }
    }
}
