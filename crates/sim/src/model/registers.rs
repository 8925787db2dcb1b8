//! What a set of effective ops means, entity by entity and register by register.

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::{EntityState, Fingerprint, Head, RegisterState};
use dm_model::codec::{self, Domain};
use dm_model::{Encoder, EntityId, Location, Op, OpId, Register, Value};

use super::Ops;

/// One write of one register.
struct Node<'o> {
    op: &'o Op,
    value: Value,
    parents: Vec<OpId>,
}

/// The nodes of one register of one entity.
type Nodes<'o> = BTreeMap<OpId, Node<'o>>;

/// The states of all entities that have a node among these ops.
#[must_use]
pub fn states(ops: &Ops) -> BTreeMap<EntityId, EntityState> {
    let entities: BTreeSet<EntityId> = ops.values().map(|op| op.entity).collect();
    entities
        .into_iter()
        .map(|entity| (entity, state_of(ops, entity)))
        .filter(|(_, state)| !state.registers.is_empty())
        .collect()
}

fn state_of(ops: &Ops, entity: EntityId) -> EntityState {
    let of_entity = || ops.iter().filter(|(_, op)| op.entity == entity);
    let registers: BTreeSet<Register> = of_entity().flat_map(|(_, op)| op.action.registers()).collect();
    let mut state = EntityState::default();
    for register in registers {
        let nodes = nodes_of(ops, entity, register);
        if !nodes.is_empty() {
            state.registers.insert(register, register_of(&nodes));
        }
    }
    state.edited_while_deleted = edits_beside(ops, entity, &state, Register::Location);
    state.edited_while_deprecated = edits_beside(ops, entity, &state, Register::Deprecation);
    state.live = live(&nodes_of(ops, entity, Register::Location), &state);
    state
}

fn nodes_of(ops: &Ops, entity: EntityId, register: Register) -> Nodes<'_> {
    let mut nodes = Nodes::new();
    for (id, op) in ops.iter().filter(|(_, op)| op.entity == entity) {
        if let Some(value) = op.action.value(register) {
            nodes.insert(*id, Node { op, value, parents: Vec::new() });
        }
    }
    let ids: BTreeSet<OpId> = nodes.keys().copied().collect();
    for node in nodes.values_mut() {
        node.parents = node.op.supersedes.iter().filter(|parent| ids.contains(parent)).copied().collect();
    }
    nodes
}

/// All that a node reaches through parents, without itself. Nothing is reached from what is no node.
fn past(nodes: &Nodes<'_>, of: OpId) -> BTreeSet<OpId> {
    let mut past = BTreeSet::new();
    let mut left = vec![of];
    while let Some(next) = left.pop() {
        for parent in nodes.get(&next).iter().flat_map(|node| &node.parents) {
            if past.insert(*parent) {
                left.push(*parent);
            }
        }
    }
    past
}

fn register_of(nodes: &Nodes<'_>) -> RegisterState {
    let is_parent = |id: &OpId| nodes.values().any(|node| node.parents.contains(id));
    let tips: Vec<(OpId, BTreeSet<OpId>)> =
        nodes.keys().filter(|id| !is_parent(id)).map(|id| (*id, past(nodes, *id))).collect();
    let is_hidden = |tip: &(OpId, BTreeSet<OpId>)| tips.iter().any(|over| hides(nodes, over, tip));
    let heads: Vec<&(OpId, BTreeSet<OpId>)> = tips.iter().filter(|tip| !is_hidden(tip)).collect();
    let hidden = tips.iter().filter(|tip| is_hidden(tip)).map(|(id, _)| *id).collect();
    let head = |id: &OpId| Head { op: *id, value: nodes[id].value.clone() };
    let values: BTreeSet<&Value> = heads.iter().map(|(id, _)| &nodes[id].value).collect();
    let mut ancestor = None;
    if values.len() > 1 {
        let shared: Vec<OpId> =
            nodes.keys().filter(|id| heads.iter().all(|(_, past)| past.contains(id))).copied().collect();
        let covered = |id: &OpId| shared.iter().any(|other| past(nodes, *other).contains(id));
        let maximal: Vec<OpId> = shared.iter().filter(|id| !covered(id)).copied().collect();
        let values: BTreeSet<&Value> = maximal.iter().map(|id| &nodes[id].value).collect();
        ancestor = maximal.first().filter(|_| values.len() == 1).map(head);
    }
    RegisterState { heads: heads.iter().map(|(id, _)| head(id)).collect(), hidden, ancestor }
}

/// R7: whether tip `t` hides tip `s`.
fn hides(nodes: &Nodes<'_>, (t, past_t): &(OpId, BTreeSet<OpId>), (s, past_s): &(OpId, BTreeSet<OpId>)) -> bool {
    let value = |id: &OpId| &nodes[id].value;
    value(s) != value(t)
        && past_s.is_subset(past_t)
        && past_t.difference(past_s).any(|node| value(node) == value(s))
        && !past_s.iter().any(|node| value(node) == value(t))
}

/// R22: for each head of a register that deletes or deprecates, the content heads such that neither saw the other.
fn edits_beside(ops: &Ops, entity: EntityId, state: &EntityState, register: Register) -> BTreeMap<OpId, Vec<OpId>> {
    let content = nodes_of(ops, entity, Register::Content);
    let heads = |register| state.registers.get(&register).map(|state| state.heads.clone()).unwrap_or_default();
    let mut beside = BTreeMap::new();
    for setting in heads(register) {
        if !matches!(setting.value, Value::Location(None) | Value::Deprecation(Some(_))) {
            continue;
        }
        let witness = &ops[&setting.op].witness;
        let saw_edit = |edit: &OpId| witness.iter().any(|seen| seen == edit || past(&content, *seen).contains(edit));
        let was_seen = |edit: &OpId| {
            let mut below = past(&content, *edit);
            below.insert(*edit);
            below.iter().any(|node| content[node].op.witness.contains(&setting.op))
        };
        let edits = heads(Register::Content).into_iter().map(|edit| edit.op);
        let edits: Vec<OpId> = edits.filter(|edit| !saw_edit(edit) && !was_seen(edit)).collect();
        if !edits.is_empty() {
            beside.insert(setting.op, edits);
        }
    }
    beside
}

/// Where an entity is found.
fn live(locations: &Nodes<'_>, state: &EntityState) -> Vec<Location> {
    let mut live: BTreeSet<Location> = BTreeSet::new();
    for head in state.registers.get(&Register::Location).iter().flat_map(|state| &state.heads) {
        let mut found = vec![head.op];
        let mut first = true;
        while let Some(next) = found.pop() {
            let node = &locations[&next];
            match &node.value {
                Value::Location(Some(location)) => {
                    live.insert(location.clone());
                }
                // Through a deletion to what it stands on, if an edit beside the head keeps the entity.
                _ if !first || state.edited_while_deleted.contains_key(&head.op) => found.extend(&node.parents),
                _ => {}
            }
            first = false;
        }
    }
    live.into_iter().collect()
}

/// The value in force of a register, without a session's preference.
pub(super) fn in_force(state: &RegisterState) -> &Value {
    let first = &state.heads[0].value;
    match &state.ancestor {
        Some(ancestor) if state.heads.iter().any(|head| head.value != *first) => &ancestor.value,
        _ => first,
    }
}

/// The fingerprint of a view.
pub(super) fn fingerprint(entities: &BTreeMap<EntityId, EntityState>) -> Fingerprint {
    let mut sum = [0u8; 32];
    for (entity, state) in entities {
        let mut to = Encoder::new();
        to.entity_id(entity);
        to.count(state.registers.len());
        for (register, state) in &state.registers {
            let (tag, about) = match register {
                Register::Content => (1, None),
                Register::Location => (2, None),
                Register::Visibility => (3, None),
                Register::Deprecation => (4, None),
                Register::Pin(about) => (5, Some(*about)),
                Register::Later { tag, about } => (*tag, Some(*about)),
            };
            to.byte(tag);
            to.option(about.as_ref(), Encoder::entity_id);
            to.list(&state.heads, |to, head| to.op_id(&head.op));
        }
        let element = codec::hash(Domain::ViewState, 1, &[&to.finish()]);
        let mut carry = 0u32;
        for (byte, of) in sum.iter_mut().zip(element) {
            carry += u32::from(*byte) + u32::from(of);
            *byte = (carry % 256) as u8;
            carry /= 256;
        }
    }
    Fingerprint { count: entities.len() as u64, sum }
}
