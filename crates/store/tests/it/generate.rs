//! Random histories of three instances: every kind of op and fact, forks, shared ops, replaced revisions, ops of later versions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_model::{
    Action, Apply, Body, Deprecation, EntityId, Envelope, EnvelopeId, KeyChange, Keypair, Op, OpId, PatchId, Register,
    Revision, Space, Succession, Successor, TakeOver, Unapply, Verdict, VerdictKind, Visibility, Vouch, Withdraw,
    entity_id,
};
use dm_store::HashedDefinition;

use crate::support::{at, definition, keys, location};

pub const INSTANCES: u8 = 3;
/// The public space and two groups.
pub const SPACES: [Space; 3] = [Space::PUBLIC, Space::from_bytes([1; 16]), Space::from_bytes([2; 16])];
const NAMES: [&str; 6] = ["tax", "total", "sum", "Cart.add", "Cart.drop", "Cart.Line.price"];

/// Dice that follow a seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }

    fn some_of(&mut self, ids: &[OpId]) -> Vec<OpId> {
        ids.iter().copied().filter(|_| self.one_in(2)).collect()
    }
}

/// What a history consists of.
#[derive(Default)]
pub struct History {
    pub envelopes: Vec<Arc<Envelope>>,
    pub definitions: Vec<HashedDefinition>,
}

struct Generator {
    dice: Dice,
    keys: Vec<Keypair>,
    clock: i64,
    history: History,
    ops: Vec<(OpId, Op)>,
    patches: Vec<(PatchId, Vec<EnvelopeId>)>,
    spaces: BTreeMap<EnvelopeId, Space>,
    facts: BTreeMap<(u8, Space), Vec<EnvelopeId>>,
}

pub fn history(seed: u64, steps: usize) -> History {
    let mut generator = Generator {
        dice: Dice::new(seed),
        keys: (0..INSTANCES).map(keys).collect(),
        clock: 1_000,
        history: History::default(),
        ops: Vec::new(),
        patches: Vec::new(),
        spaces: BTreeMap::new(),
        facts: BTreeMap::new(),
    };
    for _ in 0..6 {
        generator.definition();
    }
    for _ in 0..steps {
        match generator.dice.below(23) {
            0..=9 => generator.revision(),
            10..=15 => generator.apply(),
            16 | 17 => generator.unapply(),
            18 => generator.verdict(),
            19 => generator.withdraw(),
            20 => generator.key_change(),
            21 => generator.vouch(),
            _ => generator.take_over(),
        }
    }
    generator.history
}

impl Generator {
    fn definition(&mut self) {
        let n = self.history.definitions.len();
        let used = *self.dice.pick(&NAMES).unwrap();
        let filler = "// so long that it is worth packing\n".repeat(self.dice.below(2) * 15);
        let entity = entity_id(&location(&format!("Acme.{used}")), 0);
        self.history.definitions.push(definition(&format!("{filler}let f{n} x = {used} x"), &[(used, entity)]));
    }

    fn content(&mut self) -> dm_model::DefHash {
        if self.dice.one_in(4) {
            self.definition();
        }
        self.dice.pick(&self.history.definitions).unwrap().hash()
    }

    /// Half of all is public.
    fn any_space(&mut self) -> Space {
        if self.dice.one_in(2) { Space::PUBLIC } else { SPACES[self.dice.below(SPACES.len())] }
    }

    /// The space of a revision, or now and then another.
    fn space_of(&mut self, revision: &EnvelopeId) -> Space {
        if self.dice.one_in(8) { self.any_space() } else { self.spaces[revision] }
    }

    fn seal(&mut self, key: u8, space: Space, body: Body) -> EnvelopeId {
        self.clock += i64::try_from(self.dice.below(3)).unwrap();
        let envelope = Envelope::seal(space, &self.keys[usize::from(key)], at(self.clock), body);
        let id = envelope.id();
        self.spaces.insert(id, space);
        if self.history.envelopes.iter().all(|known| known.id() != id) {
            self.history.envelopes.push(Arc::new(envelope));
        }
        id
    }

    fn any_key(&mut self) -> u8 {
        u8::try_from(self.dice.below(usize::from(INSTANCES))).unwrap()
    }

    fn writers(&self, entity: EntityId, register: Register) -> Vec<OpId> {
        let writes = |op: &Op| op.entity == entity && op.action.registers().contains(&register);
        self.ops.iter().filter(|(_, op)| writes(op)).map(|(id, _)| *id).collect()
    }

    fn new_entity(&mut self) -> Op {
        let name = *self.dice.pick(&NAMES).unwrap();
        let generation = u32::from(self.dice.one_in(5));
        let at = location(&format!("Acme.{name}"));
        let entity = entity_id(&at, generation);
        let content = self.content();
        let op = Op::new(
            entity,
            Action::CreateName { location: at.clone(), generation, content, visibility: Visibility::Public },
        );
        if generation == 0 {
            return op;
        }
        let freed = self.writers(entity_id(&at, 0), Register::Location);
        op.after(self.dice.some_of(&freed))
    }

    fn edit(&mut self) -> Op {
        let Some((creator, creation)) = self.dice.pick(&self.ops).cloned() else { return self.new_entity() };
        let entity = creation.entity;
        let names: Vec<String> = NAMES.iter().map(|name| format!("Acme.{name}")).collect();
        let action = match self.dice.below(12) {
            0..=4 => Action::UpdateName { old: None, new: self.content() },
            5 | 6 => Action::MoveName { to: location(self.dice.pick(&names).unwrap()) },
            7 => Action::DeleteName,
            8 => Action::Deprecate(Deprecation { reason: "old".into(), replacement: None }),
            9 => Action::SetVisibility(Visibility::Private),
            10 => Action::Pin { dependency: entity, content: self.content() },
            _ if self.dice.one_in(3) => {
                Action::Unknown { kind: 99, registers: vec![Register::Content], payload: vec![1, 2, 3] }
            }
            _ => Action::Undeprecate,
        };
        let register = action.registers()[0];
        let parents = self.writers(entity, register);
        let mut supersedes = self.dice.some_of(&parents);
        supersedes.extend(parents.last());
        let seen = self.writers(entity, Register::Content);
        let witness = self.dice.some_of(&seen);
        let op = Op::new(entity, action).witnessing(witness);
        if supersedes.is_empty() { op.after([creator]) } else { op.superseding(supersedes) }
    }

    fn revision(&mut self) {
        let mut ops: Vec<Op> = Vec::new();
        for _ in 0..=self.dice.below(4) {
            let op = match self.dice.below(10) {
                0 => self.dice.pick(&self.ops).map(|(_, op)| op.clone()),
                1..=3 => Some(self.new_entity()),
                _ => Some(self.edit()),
            };
            if let Some(op) = op
                && !ops.contains(&op)
            {
                if self.ops.iter().all(|(_, known)| *known != op) {
                    self.ops.push((op.id(), op.clone()));
                }
                ops.push(op);
            }
        }
        let again = self.dice.one_in(4) && !self.patches.is_empty();
        let at_patch = if again { self.dice.below(self.patches.len()) } else { self.patches.len() };
        if !again {
            let mut bytes = [0u8; 16];
            bytes[..8].copy_from_slice(&u64::try_from(at_patch).unwrap().to_be_bytes());
            self.patches.push((PatchId::from_bytes(bytes), Vec::new()));
        }
        let (patch, revisions) = self.patches[at_patch].clone();
        let replaces = if self.dice.one_in(5) { Vec::new() } else { revisions.last().copied().into_iter().collect() };
        let key = self.any_key();
        let body = Revision {
            patch,
            replaces,
            author: format!("author {key}"),
            intent: "a change".into(),
            created_at: at(self.clock),
            depends: Vec::new(),
            ops,
        };
        let space = self.any_space();
        let id = self.seal(key, space, Body::Revision(body));
        self.patches[at_patch].1.push(id);
    }

    fn onto(&mut self, key: u8, space: Space) -> Vec<EnvelopeId> {
        let facts = self.facts.get(&(key, space)).cloned().unwrap_or_default();
        let mut onto: BTreeSet<EnvelopeId> = facts.last().copied().into_iter().collect();
        match self.dice.below(8) {
            // A fork, and a fact that joins one.
            0 => onto = facts.iter().rev().nth(1).copied().into_iter().collect(),
            1 => onto.extend(facts.iter().rev().nth(1)),
            _ => {}
        }
        onto.into_iter().collect()
    }

    fn apply(&mut self) {
        let key = self.any_key();
        let mut chosen = BTreeMap::new();
        for _ in 0..=self.dice.below(3) {
            if let Some((patch, revisions)) = self.dice.pick(&self.patches).cloned() {
                chosen.extend(self.dice.pick(&revisions).map(|revision| (patch, *revision)));
            }
        }
        if chosen.is_empty() {
            return;
        }
        let first: EnvelopeId = *chosen.values().next().unwrap();
        let space = self.space_of(&first);
        if !self.dice.one_in(6) {
            chosen.retain(|_, revision| self.spaces[revision] == space);
        }
        if chosen.is_empty() {
            return;
        }
        let onto = self.onto(key, space);
        let channel = self.keys[usize::from(key)].public().instance();
        let apply = Apply { channel, onto, patches: chosen.into_iter().collect(), forced: String::new() };
        let id = self.seal(key, space, Body::Apply(apply));
        self.facts.entry((key, space)).or_default().push(id);
    }

    fn unapply(&mut self) {
        let Some((patch, _)) = self.dice.pick(&self.patches).cloned() else { return };
        let key = self.any_key();
        let space = self.any_space();
        let onto = self.onto(key, space);
        let channel = self.keys[usize::from(key)].public().instance();
        let id = self.seal(key, space, Body::Unapply(Unapply { channel, onto, patches: vec![patch] }));
        self.facts.entry((key, space)).or_default().push(id);
    }

    fn key_change(&mut self) {
        let (old, new) = (self.any_key(), self.any_key());
        let author = format!("author {}", self.any_key());
        let prove = |new: &Keypair| Successor::prove(&author, &self.keys[usize::from(old)].public(), new);
        let successor = (old != new).then(|| prove(&self.keys[usize::from(new)]));
        let space = self.any_space();
        self.seal(old, space, Body::KeyChange(KeyChange { author, successor, words: "moved".into() }));
    }

    fn vouch(&mut self) {
        let Some((_, revisions)) = self.dice.pick(&self.patches).cloned() else { return };
        let key = self.any_key();
        let envelopes: BTreeSet<EnvelopeId> = revisions.into_iter().collect();
        let author = format!("author {key}");
        let space = self.any_space();
        self.seal(key, space, Body::Vouch(Vouch { author, envelopes: envelopes.into_iter().collect() }));
    }

    /// Another key of an instance takes its main over; or takes a patch out, too.
    fn take_over(&mut self) {
        let key = self.any_key();
        let next = Keypair::from_secret(&[100 + key; 32]);
        let holder = &self.keys[usize::from(key)];
        let succession = Succession::of(holder.public()).then(holder, next.public()).unwrap();
        let channel = succession.instance();
        let space = self.any_space();
        let onto = self.onto(key, space);
        let body = match self.dice.pick(&self.patches).cloned() {
            Some((patch, _)) if self.dice.one_in(2) => Body::Unapply(Unapply { channel, onto, patches: vec![patch] }),
            _ => Body::TakeOver(TakeOver { channel, onto }),
        };
        self.clock += 1;
        let envelope = Envelope::seal_succeeded(space, &next, at(self.clock), succession, body);
        self.spaces.insert(envelope.id(), space);
        self.facts.entry((key, space)).or_default().push(envelope.id());
        self.history.envelopes.push(Arc::new(envelope));
    }

    fn verdict(&mut self) {
        let Some((_, revisions)) = self.dice.pick(&self.patches).cloned() else { return };
        let Some(revision) = self.dice.pick(&revisions).copied() else { return };
        let key = self.any_key();
        let verdict = Verdict {
            revision,
            author: format!("author {key}"),
            kind: VerdictKind::Reject,
            words: "no".into(),
            supersedes: Vec::new(),
        };
        let space = self.space_of(&revision);
        self.seal(key, space, Body::Verdict(verdict));
    }

    fn withdraw(&mut self) {
        let Some((patch, revisions)) = self.dice.pick(&self.patches).cloned() else { return };
        let Some(revision) = self.dice.pick(&revisions).copied() else { return };
        let key = self.any_key();
        let space = self.space_of(&revision);
        self.seal(key, space, Body::Withdraw(Withdraw { patch, revision }));
    }
}
