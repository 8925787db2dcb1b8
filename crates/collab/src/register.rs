//! The registers of one entity over a set of effective ops: tips, what R7 hides, ancestors, live locations, R22.
//!
//! [`evaluate`] computes an entity from all its effective ops. `restate` gives the same from its last state and what came
//! or went, without looking at history where a write stands on exactly the present heads, as nearly all do.

use std::collections::{BTreeMap, BTreeSet};

use dm_model::{Action, EntityId, Location, Op, OpId, Register, Value};

use crate::read::{ProjectionRead, ReadError};
use crate::state::{EntityState, Head, RegisterState};

/// Above this many new ops of one entity, evaluating once is cheaper than extending one by one.
const EXTEND_MAX: usize = 32;

/// The state of an entity in which exactly these ops are effective; none if there is no known op among them.
///
/// All ops are of one entity, in any order; one given twice counts once.
#[must_use]
pub fn evaluate<'o>(ops: impl IntoIterator<Item = (OpId, &'o Op)>) -> Option<EntityState> {
    let ops: BTreeMap<OpId, &Op> = ops.into_iter().filter(|(_, op)| op.is_known()).collect();
    let mut graphs: BTreeMap<Register, Graph<'_>> = BTreeMap::new();
    for (id, op) in &ops {
        for register in op.action.registers() {
            if let Some(value) = op.action.value(register) {
                graphs.entry(register).or_default().push(*id, op, value);
            }
        }
    }
    if graphs.is_empty() {
        return None;
    }
    let mut state = EntityState::default();
    for (register, graph) in &mut graphs {
        graph.connect();
        state.registers.insert(*register, graph.state());
    }
    let empty = Graph::default();
    let content = graphs.get(&Register::Content).unwrap_or(&empty);
    if let (Some(graph), Some(deprecation)) =
        (graphs.get(&Register::Deprecation), state.registers.get(&Register::Deprecation))
    {
        let heads = content_heads(&state);
        state.edited_while_deprecated =
            concurrent_edits(graph, deprecation, content, &heads, |value| matches!(value, Value::Deprecation(Some(_))));
    }
    if let (Some(graph), Some(location)) = (graphs.get(&Register::Location), state.registers.get(&Register::Location)) {
        let heads = content_heads(&state);
        let edited = concurrent_edits(graph, location, content, &heads, |value| *value == Value::Location(None));
        state.live = live_locations(graph, location, &edited);
        state.edited_while_deleted = edited;
    }
    Some(state)
}

/// The state of an entity after ops came or went, from its state `before`; none if nothing effective is left of it.
///
/// `added` were not effective before and are now, `removed` were and are not. The rest of the entity's ops are those that are
/// effective in the own main.
pub(crate) fn restate(
    read: &dyn ProjectionRead,
    entity: &EntityId,
    before: Option<&EntityState>,
    added: &[(OpId, &Op)],
    removed: &BTreeSet<OpId>,
) -> Result<Option<EntityState>, ReadError> {
    if removed.is_empty() {
        if let Some(state) = extend_all(before, added) {
            return Ok(Some(state));
        }
        if before.is_none() {
            return Ok(evaluate(added.iter().copied()));
        }
    }
    let rest = read.effective_entity_ops(entity)?;
    let rest = rest.iter().filter(|(id, _)| !removed.contains(id)).map(|(id, op)| (*id, &**op));
    Ok(evaluate(rest.chain(added.iter().copied())))
}

/// The state after these writes, if each of them stands on exactly the heads that the ones before it left.
fn extend_all(before: Option<&EntityState>, added: &[(OpId, &Op)]) -> Option<EntityState> {
    if added.len() > EXTEND_MAX {
        return None;
    }
    let mut state = before.cloned().unwrap_or_default();
    if let [(id, op)] = added {
        return extend(&mut state, *id, op).then_some(state);
    }
    let mut left: Vec<&(OpId, &Op)> = added.iter().collect();
    while !left.is_empty() {
        let next = left.iter().position(|(id, op)| extend(&mut state, *id, op))?;
        left.swap_remove(next);
    }
    Some(state)
}

/// Adds a write to a state, if that needs no history: true if it did, else the state is untouched.
///
/// A write over all heads of a register, none of them hiding anything, leaves one tip, whatever lies below. Where an edit
/// meets a deletion or deprecation, and for everything else out of the ordinary, history decides.
fn extend(state: &mut EntityState, id: OpId, op: &Op) -> bool {
    if let Action::CreateName { location, .. } = &op.action {
        if !state.registers.is_empty() {
            return false;
        }
        for register in [Register::Content, Register::Location, Register::Visibility] {
            if let Some(value) = op.action.value(register) {
                state.registers.insert(register, RegisterState::single(id, value));
            }
        }
        state.live = vec![location.clone()];
        return true;
    }
    let &[register] = op.action.registers().as_slice() else { return false };
    let Some(value) = op.action.value(register) else { return false };
    let current = state.registers.get(&register);
    let on_heads = current.map_or(op.supersedes.is_empty() && !state.registers.is_empty(), |current| {
        current.hidden.is_empty() && current.heads.iter().map(|head| &head.op).eq(&op.supersedes)
    });
    if !on_heads {
        return false;
    }
    let all_seen = || content_heads(state).iter().all(|head| op.witness.contains(head));
    match &value {
        Value::Content(_) if !state.edits_are_plain() => return false,
        Value::Location(None) | Value::Deprecation(Some(_)) if !all_seen() => return false,
        _ => {}
    }
    match &value {
        Value::Location(location) => {
            state.live = location.iter().cloned().collect();
            state.edited_while_deleted.clear();
        }
        Value::Deprecation(_) => state.edited_while_deprecated.clear(),
        _ => {}
    }
    state.registers.insert(register, RegisterState::single(id, value));
    true
}

impl EntityState {
    /// Whether no head deletes or deprecates, so that an edit cannot be concurrent with one that does.
    fn edits_are_plain(&self) -> bool {
        let sets = |register, set: fn(&Value) -> bool| {
            self.registers.get(&register).is_some_and(|state| state.heads.iter().any(|head| set(&head.value)))
        };
        !sets(Register::Location, |value| *value == Value::Location(None))
            && !sets(Register::Deprecation, |value| matches!(value, Value::Deprecation(Some(_))))
    }
}

fn content_heads(state: &EntityState) -> Vec<OpId> {
    let heads = state.registers.get(&Register::Content).map_or(&[][..], |content| &content.heads);
    heads.iter().map(|head| head.op).collect()
}

/// The nodes of one register, by op id ascending, and what stands on what.
#[derive(Default)]
struct Graph<'o> {
    nodes: Vec<Node<'o>>,
    index: BTreeMap<OpId, usize>,
}

struct Node<'o> {
    id: OpId,
    op: &'o Op,
    value: Value,
    parents: Vec<usize>,
    has_child: bool,
}

/// A set of nodes of one graph.
struct Marks(Vec<bool>);

impl Marks {
    fn has(&self, node: usize) -> bool {
        self.0.get(node).copied().unwrap_or(false)
    }

    fn mark(&mut self, node: usize) -> bool {
        self.0.get_mut(node).is_some_and(|mark| !std::mem::replace(mark, true))
    }

    fn nodes(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().filter(|(_, mark)| **mark).map(|(node, _)| node)
    }
}

impl<'o> Graph<'o> {
    fn push(&mut self, id: OpId, op: &'o Op, value: Value) {
        self.index.insert(id, self.nodes.len());
        self.nodes.push(Node { id, op, value, parents: Vec::new(), has_child: false });
    }

    fn connect(&mut self) {
        let mut parents_of: Vec<Vec<usize>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            parents_of.push(node.op.supersedes.iter().filter_map(|parent| self.index.get(parent).copied()).collect());
        }
        for parent in parents_of.iter().flatten() {
            if let Some(node) = self.nodes.get_mut(*parent) {
                node.has_child = true;
            }
        }
        for (node, parents) in self.nodes.iter_mut().zip(parents_of) {
            node.parents = parents;
        }
    }

    fn head(&self, node: usize) -> Option<Head> {
        self.nodes.get(node).map(|node| Head { op: node.id, value: node.value.clone() })
    }

    fn value(&self, node: usize) -> Option<&Value> {
        self.nodes.get(node).map(|node| &node.value)
    }

    fn parents(&self, node: usize) -> &[usize] {
        self.nodes.get(node).map_or(&[], |node| &node.parents)
    }

    /// What these nodes reach through parents; they themselves are in it only if another of them reaches them.
    fn past(&self, of: impl IntoIterator<Item = usize>) -> Marks {
        let mut marks = Marks(vec![false; self.nodes.len()]);
        let mut left: Vec<usize> = of.into_iter().collect();
        while let Some(node) = left.pop() {
            left.extend(self.parents(node).iter().filter(|parent| marks.mark(**parent)));
        }
        marks
    }

    fn state(&self) -> RegisterState {
        let tips: Vec<usize> =
            self.nodes.iter().enumerate().filter(|(_, node)| !node.has_child).map(|(index, _)| index).collect();
        if let [tip] = tips.as_slice() {
            let heads = self.head(*tip).into_iter().collect();
            return RegisterState { heads, hidden: Vec::new(), ancestor: None };
        }
        let tips: Vec<(usize, Marks)> = tips.into_iter().map(|tip| (tip, self.past([tip]))).collect();
        let (hidden, heads): (Vec<_>, Vec<_>) =
            tips.iter().partition(|(s, past_s)| tips.iter().any(|(t, past_t)| self.hides(*t, past_t, *s, past_s)));
        let mut state = RegisterState {
            heads: heads.iter().filter_map(|(head, _)| self.head(*head)).collect(),
            hidden: hidden.iter().filter_map(|(tip, _)| self.nodes.get(*tip)).map(|node| node.id).collect(),
            ancestor: None,
        };
        if state.is_contested() {
            let pasts: Vec<&Marks> = heads.iter().map(|(_, past)| past).collect();
            state.ancestor = self.ancestor(&pasts);
        }
        state
    }

    /// R7: whether tip `t` was made on top of the very change that tip `s` proposes, made elsewhere.
    fn hides(&self, t: usize, past_t: &Marks, s: usize, past_s: &Marks) -> bool {
        let (value_s, value_t) = (self.value(s), self.value(t));
        value_s != value_t
            && past_s.nodes().all(|node| past_t.has(node))
            && past_t.nodes().any(|node| !past_s.has(node) && self.value(node) == value_s)
            && past_s.nodes().all(|node| self.value(node) != value_t)
    }

    /// The least maximal node below all heads, if the maximal ones agree.
    fn ancestor(&self, pasts: &[&Marks]) -> Option<Head> {
        let shared = |node: usize| pasts.iter().all(|past| past.has(node));
        // The shared nodes are closed under parents, so one is maximal exactly if no child of it is shared.
        let mut covered = Marks(vec![false; self.nodes.len()]);
        for node in (0..self.nodes.len()).filter(|node| shared(*node)) {
            for parent in self.parents(node) {
                covered.mark(*parent);
            }
        }
        let mut maximal = (0..self.nodes.len()).filter(|node| shared(*node) && !covered.has(*node));
        let least = maximal.next()?;
        maximal.all(|node| self.value(node) == self.value(least)).then(|| self.head(least)).flatten()
    }

    /// These ops and all below them, as far as they are nodes here; ops that are none are just themselves.
    fn closed_past(&self, ops: &[OpId]) -> BTreeSet<OpId> {
        let marks = self.past(ops.iter().filter_map(|op| self.index.get(op).copied()));
        let below = marks.nodes().filter_map(|node| self.nodes.get(node)).map(|node| node.id);
        below.chain(ops.iter().copied()).collect()
    }
}

/// R22: for each head that `sets` (deletes, deprecates), the content heads such that neither saw the other.
fn concurrent_edits(
    graph: &Graph<'_>,
    state: &RegisterState,
    content: &Graph<'_>,
    content_heads: &[OpId],
    sets: impl Fn(&Value) -> bool,
) -> BTreeMap<OpId, Vec<OpId>> {
    let mut edits = BTreeMap::new();
    for head in state.heads.iter().filter(|head| sets(&head.value)) {
        let witness = graph.index.get(&head.op).and_then(|node| graph.nodes.get(*node)).map(|node| &node.op.witness);
        let seen = content.closed_past(witness.map_or(&[], Vec::as_slice));
        let concurrent: Vec<OpId> = content_heads
            .iter()
            .filter(|edit| !seen.contains(edit) && !edit_saw(content, **edit, head.op))
            .copied()
            .collect();
        if !concurrent.is_empty() {
            edits.insert(head.op, concurrent);
        }
    }
    edits
}

/// Whether a content node, or one below it, was written in sight of a deletion or deprecation.
fn edit_saw(content: &Graph<'_>, edit: OpId, head: OpId) -> bool {
    let below = content.closed_past(&[edit]);
    let mut nodes = below.iter().filter_map(|op| content.index.get(op)).filter_map(|node| content.nodes.get(*node));
    nodes.any(|node| node.op.witness.contains(&head))
}

/// Where an entity is found. A deletion that an edit is concurrent with keeps the entity where the deletion found it.
fn live_locations(graph: &Graph<'_>, state: &RegisterState, edited: &BTreeMap<OpId, Vec<OpId>>) -> Vec<Location> {
    let mut live = BTreeSet::new();
    for head in &state.heads {
        match &head.value {
            Value::Location(Some(location)) => {
                live.insert(location.clone());
            }
            _ if edited.contains_key(&head.op) => kept_locations(graph, head.op, &mut live),
            _ => {}
        }
    }
    live.into_iter().collect()
}

fn kept_locations(graph: &Graph<'_>, deletion: OpId, live: &mut BTreeSet<Location>) {
    let mut seen = Marks(vec![false; graph.nodes.len()]);
    let mut left: Vec<usize> = graph.index.get(&deletion).into_iter().copied().collect();
    while let Some(node) = left.pop() {
        for parent in graph.parents(node) {
            match graph.value(*parent) {
                Some(Value::Location(Some(location))) => {
                    live.insert(location.clone());
                }
                _ if seen.mark(*parent) => left.push(*parent),
                _ => {}
            }
        }
    }
}
