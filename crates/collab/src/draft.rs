//! Drafts: private tables of new values over their bases (SEMANTICS R23). Ops and their ids come into being from them, always
//! the same from the same tables, lowest draft first.
//!
//! A row remembers what its author was shown: real ops, or the value that a draft below had then. If that draft has changed since,
//! the row's op stands beside the draft's op instead of replacing it: a conflict in the upper patch, never a lost edit.

use std::collections::BTreeMap;

use dm_model::op::{decode_location, decode_register, decode_value, encode_location, encode_register, encode_value};
use dm_model::{
    Action, DecodeError, Decoder, DefHash, Encoder, EntityId, Location, Op, OpId, PatchId, Register, Value, Visibility,
    entity_id,
};

use crate::state::Head;

const DRAFT_FORMAT: u8 = 1;
const ROWS_MAX: usize = 1 << 16;

/// A write that an author was shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// One in the set.
    Op(OpId),
    /// A row of a draft, as it was then.
    Draft {
        /// The draft's patch.
        patch: PatchId,
        /// The entity of the row.
        entity: EntityId,
        /// Its register.
        register: Register,
        /// The value it had.
        value: Value,
        /// The real writes beneath it then.
        under: Vec<OpId>,
    },
}

/// A new value of a register, over what its author was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftRow {
    /// The new value.
    pub value: Value,
    /// The value it was made from; none if there was none, or several that this settles.
    pub base: Option<Value>,
    /// The writes that it replaces.
    pub seen: Vec<Seen>,
    /// The writes that its author knew of besides (SEMANTICS R22).
    pub witness: Vec<Seen>,
    /// The creations of the entity, for a row that replaces nothing.
    pub creators: Vec<Seen>,
    /// Its place in the order of writing.
    pub order: u64,
}

/// How an entity comes to be in a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    /// Location at birth.
    pub location: Location,
    /// Generation at that location.
    pub generation: u32,
    /// The writes that freed the name.
    pub after: Vec<Seen>,
    /// Its place in the order of writing.
    pub order: u64,
}

/// What a draft writes of one entity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DraftEntity {
    /// How it comes to be, if it does so here.
    pub birth: Option<Birth>,
    /// The registers written.
    pub rows: BTreeMap<Register, DraftRow>,
}

/// A draft: what a patch writes while it can still be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The patch.
    pub patch: PatchId,
    /// What it writes, by entity.
    pub entities: BTreeMap<EntityId, DraftEntity>,
}

/// Why a row could not be written or a draft not made ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The text was made from something older than what the draft has now.
    #[error("the draft of entity {0} has changed since the edit began")]
    Stale(EntityId),
    /// The draft stands on another one that is not ready.
    #[error("patch {patch} stands on draft {below}")]
    StandsOnDraft {
        /// The patch.
        patch: PatchId,
        /// The draft below.
        below: PatchId,
    },
    /// No draft at that place of the stack.
    #[error("no draft at place {0} of the stack")]
    NoDraft(usize),
    /// An entity that comes to be without content: a damaged journal.
    #[error("entity {0} comes to be without content")]
    NoContent(EntityId),
}

/// Which rows stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Those whose value is not that of their base.
    Changes,
    /// Every one.
    All,
}

/// What an edit writes and what its author was shown.
#[derive(Debug, Clone)]
pub struct Edit<'a> {
    /// The entity.
    pub entity: EntityId,
    /// The register.
    pub register: Register,
    /// The new value.
    pub value: Value,
    /// The heads of the register that the edit was made from; all of them in a resolution.
    pub shown: &'a [Head],
    /// The heads that its author knew of besides: of content for a location or deprecation, of those for content.
    pub witness: &'a [OpId],
    /// The creations of the entity that its author was shown.
    pub creators: &'a [OpId],
}

impl Draft {
    /// The draft that makes these ops: those of a revision that is taken back. `known` has what they replace, for the values
    /// that they were made from. An op of a later version has no row, so a revision with one cannot be taken back whole.
    #[must_use]
    pub fn of_ops(patch: PatchId, ops: &[Op], known: &BTreeMap<OpId, Op>) -> Self {
        let mut entities: BTreeMap<EntityId, DraftEntity> = BTreeMap::new();
        let own: BTreeMap<OpId, &Op> = ops.iter().map(|op| (op.id(), op)).collect();
        for (order, op) in ops.iter().enumerate() {
            let order = order as u64;
            let outside = |ids: &[OpId]| -> Vec<Seen> {
                ids.iter().filter(|id| !own.contains_key(id)).map(|id| Seen::Op(*id)).collect()
            };
            let entity = entities.entry(op.entity).or_default();
            if let Action::CreateName { location, generation, .. } = &op.action {
                let (location, after) = (location.clone(), own_or_outside(op, patch, &own));
                entity.birth = Some(Birth { location, generation: *generation, after, order });
            }
            for register in op.action.registers() {
                let Some(value) = op.action.value(register) else { continue };
                let bases = op.supersedes.iter().filter_map(|id| known.get(id)?.action.value(register));
                let mut bases: Vec<Value> = bases.collect();
                bases.sort();
                bases.dedup();
                let base = if bases.len() == 1 { bases.pop() } else { None };
                let row = DraftRow {
                    value,
                    base,
                    seen: outside(&op.supersedes),
                    witness: outside(&op.witness),
                    creators: outside(&op.after),
                    order,
                };
                entity.rows.insert(register, row);
            }
        }
        Self { patch, entities }
    }
}

/// What freed the name that a creation takes: a write of the same draft, or one in the set.
fn own_or_outside(op: &Op, patch: PatchId, own: &BTreeMap<OpId, &Op>) -> Vec<Seen> {
    let seen = op.after.iter().map(|id| match own.get(id) {
        Some(made) => Seen::Draft {
            patch,
            entity: made.entity,
            register: Register::Location,
            value: made.action.value(Register::Location).unwrap_or(Value::Location(None)),
            under: made.supersedes.iter().filter(|id| !own.contains_key(id)).copied().collect(),
        },
        None => Seen::Op(*id),
    });
    seen.collect()
}

/// An op that a draft makes now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its place in the order of writing.
    pub order: u64,
    /// The op's id.
    pub id: OpId,
    /// The op.
    pub op: Op,
}

type MadeByEntity = BTreeMap<EntityId, Vec<Made>>;

/// The drafts of a session, lowest first, with the ops that they make now.
#[derive(Debug, Clone)]
pub struct Stack {
    drafts: Vec<Draft>,
    made: Vec<MadeByEntity>,
    /// Which row an op was made from.
    rows: BTreeMap<OpId, (usize, EntityId)>,
    next_order: u64,
}

impl Stack {
    /// The stack of these drafts, lowest first.
    ///
    /// # Errors
    /// [`DraftError::NoContent`] if a row is damaged.
    pub fn new(drafts: Vec<Draft>) -> Result<Self, DraftError> {
        let mut stack = Self { drafts, made: Vec::new(), rows: BTreeMap::new(), next_order: 0 };
        let entities = stack.drafts.iter().flat_map(|draft| draft.entities.values());
        let last = entities.filter_map(|entity| entity.orders().max()).max();
        stack.next_order = last.map_or(0, |order| order.saturating_add(1));
        stack.remake()?;
        Ok(stack)
    }

    /// The drafts, lowest first.
    #[must_use]
    pub fn drafts(&self) -> &[Draft] {
        &self.drafts
    }

    /// The place of a patch's draft.
    #[must_use]
    pub fn place(&self, patch: &PatchId) -> Option<usize> {
        self.drafts.iter().position(|draft| draft.patch == *patch)
    }

    /// The ops of the draft at a place, in the order of writing.
    #[must_use]
    pub fn ops(&self, at: usize) -> Vec<&Made> {
        let mut ops: Vec<&Made> = self.made.get(at).into_iter().flat_map(BTreeMap::values).flatten().collect();
        // Stable: the ops of one creation keep their order.
        ops.sort_by_key(|made| made.order);
        ops
    }

    /// The place of the draft that makes an op now.
    #[must_use]
    pub fn place_of(&self, op: &OpId) -> Option<usize> {
        self.rows.get(op).map(|(at, _)| *at)
    }

    /// Adds an empty draft on top.
    pub fn push(&mut self, patch: PatchId) -> usize {
        self.drafts.push(Draft { patch, entities: BTreeMap::new() });
        self.made.push(BTreeMap::new());
        self.drafts.len() - 1
    }

    /// What an op shown to an author is remembered as.
    #[must_use]
    pub fn seen(&self, op: &OpId, register: Register) -> Seen {
        let Some((at, entity)) = self.rows.get(op) else { return Seen::Op(*op) };
        let made = self.made_of(*at, entity).iter().find(|made| made.id == *op);
        let Some((draft, made)) = self.drafts.get(*at).zip(made) else { return Seen::Op(*op) };
        match made.op.action.value(register) {
            Some(value) => {
                let under = made.op.supersedes.iter().filter(|op| !self.rows.contains_key(op)).copied().collect();
                Seen::Draft { patch: draft.patch, entity: *entity, register, value, under }
            }
            None => Seen::Op(*op),
        }
    }

    fn made_of(&self, at: usize, entity: &EntityId) -> &[Made] {
        self.made.get(at).and_then(|made| made.get(entity)).map_or(&[], Vec::as_slice)
    }

    /// Records the creation of an entity. `after` names the location writes that freed the name.
    ///
    /// # Errors
    /// [`DraftError::NoDraft`].
    pub fn create(
        &mut self,
        at: usize,
        (location, generation): (Location, u32),
        after: &[OpId],
        (content, visibility): (DefHash, Visibility),
    ) -> Result<EntityId, DraftError> {
        let entity = entity_id(&location, generation);
        let after = after.iter().map(|op| self.seen(op, Register::Location)).collect();
        let order = self.take_order();
        let row =
            |value| DraftRow { value, base: None, seen: Vec::new(), witness: Vec::new(), creators: Vec::new(), order };
        let rows = BTreeMap::from([
            (Register::Content, row(Value::Content(content))),
            (Register::Location, row(Value::Location(Some(location.clone())))),
            (Register::Visibility, row(Value::Visibility(visibility))),
        ]);
        let birth = Some(Birth { location, generation, after, order });
        let draft = self.drafts.get_mut(at).ok_or(DraftError::NoDraft(at))?;
        draft.entities.insert(entity, DraftEntity { birth, rows });
        self.remake_entity(at, entity)?;
        Ok(entity)
    }

    /// Records an edit of an entity that the view shows. A value that goes back to its base leaves no row.
    ///
    /// # Errors
    /// [`DraftError::Stale`] if the draft has a row for the register that the author was not shown.
    pub fn write(&mut self, at: usize, edit: &Edit<'_>) -> Result<(), DraftError> {
        self.record(at, edit, Keep::Changes)
    }

    /// Records a resolution: as [`Stack::write`], but a value that was there before leaves a row too. Whoever deletes again what
    /// somebody edited says with it that the edit was seen (SEMANTICS R22).
    ///
    /// # Errors
    /// As [`Stack::write`].
    pub fn resolve(&mut self, at: usize, edit: &Edit<'_>) -> Result<(), DraftError> {
        self.record(at, edit, Keep::All)
    }

    fn record(&mut self, at: usize, edit: &Edit<'_>, keep: Keep) -> Result<(), DraftError> {
        let own: Vec<OpId> = self.made_of(at, &edit.entity).iter().map(|made| made.id).collect();
        let on_own = edit.shown.iter().any(|head| own.contains(&head.op));
        let others: Vec<&Head> = edit.shown.iter().filter(|head| !own.contains(&head.op)).collect();
        let old = self.drafts.get(at).and_then(|draft| draft.entities.get(&edit.entity));
        let born_here = old.is_some_and(|entity| entity.birth.is_some());
        let row = old.and_then(|entity| entity.rows.get(&edit.register));
        if row.is_some() && !on_own && !edit.shown.is_empty() {
            return Err(DraftError::Stale(edit.entity));
        }
        let mut seen: Vec<Seen> = others.iter().map(|head| self.seen(&head.op, edit.register)).collect();
        let mut base = single_value(&others);
        if let Some(row) = row {
            seen.extend(row.seen.iter().cloned());
            base = if others.is_empty() { row.base.clone() } else { None };
        }
        if keep == Keep::All {
            base = None;
        }
        seen.sort();
        seen.dedup();
        let settles = base.is_none();
        let nothing = matches!(edit.value, Value::Deprecation(None) | Value::Pin(None)) && seen.is_empty();
        let written = DraftRow {
            value: edit.value.clone(),
            seen,
            witness: self.seen_all(edit.witness, edit.register),
            creators: edit.creators.iter().map(|op| self.seen(op, Register::Content)).collect(),
            order: row.map_or(self.next_order, |row| row.order),
            base,
        };
        let back = nothing || (!born_here && !settles && written.base.as_ref() == Some(&written.value));
        self.put(at, edit, written, back)
    }

    fn put(&mut self, at: usize, edit: &Edit<'_>, row: DraftRow, back: bool) -> Result<(), DraftError> {
        self.take_order();
        let draft = self.drafts.get_mut(at).ok_or(DraftError::NoDraft(at))?;
        let frees = edit.register == Register::Location && draft.entities.values().any(|other| other.birth.is_some());
        let entity = draft.entities.entry(edit.entity).or_default();
        if back {
            entity.rows.remove(&edit.register);
        } else {
            entity.rows.insert(edit.register, row);
        }
        let gone = entity.rows.is_empty()
            || (entity.birth.is_some() && edit.register == Register::Location && edit.value == Value::Location(None));
        if gone {
            draft.entities.remove(&edit.entity);
        }
        if frees { self.remake() } else { self.remake_entity(at, edit.entity) }
    }

    /// Witnesses are of the registers beside the written one: content for a location or deprecation, and the other way round.
    fn seen_all(&self, ops: &[OpId], written: Register) -> Vec<Seen> {
        let beside = if written == Register::Content {
            [Register::Location, Register::Deprecation]
        } else {
            [Register::Content, Register::Content]
        };
        let mut seen = Vec::new();
        for op in ops {
            let found = beside.iter().map(|register| self.seen(op, *register));
            let found = found.reduce(|first, second| if matches!(first, Seen::Draft { .. }) { first } else { second });
            seen.extend(found);
        }
        seen.sort();
        seen.dedup();
        seen
    }

    fn take_order(&mut self) -> u64 {
        let order = self.next_order;
        self.next_order += 1;
        order
    }

    /// The lowest draft that this one stands on.
    #[must_use]
    pub fn stands_on(&self, at: usize) -> Option<PatchId> {
        let made = self.made.get(at).into_iter().flat_map(BTreeMap::values).flatten();
        let places = made.flat_map(|made| made.op.needs()).filter_map(|need| self.place_of(&need));
        let lowest = places.filter(|place| *place < at).min()?;
        self.drafts.get(lowest).map(|draft| draft.patch)
    }

    /// Takes the draft at a place out as ops, and turns what the drafts above saw of it into those ops.
    ///
    /// # Errors
    /// [`DraftError::StandsOnDraft`] if a draft below must become ready first.
    pub fn ready(&mut self, at: usize) -> Result<Vec<Op>, DraftError> {
        let patch = self.drafts.get(at).ok_or(DraftError::NoDraft(at))?.patch;
        if let Some(below) = self.stands_on(at) {
            return Err(DraftError::StandsOnDraft { patch, below });
        }
        let ops = self.ops(at).into_iter().map(|made| made.op.clone()).collect();
        let made = self.made.get(at).cloned().unwrap_or_default();
        self.drafts.remove(at);
        for draft in self.drafts.iter_mut().skip(at) {
            for entity in draft.entities.values_mut() {
                settle_entity(entity, patch, &made);
            }
        }
        self.remake()?;
        Ok(ops)
    }

    fn remake(&mut self) -> Result<(), DraftError> {
        self.made = vec![BTreeMap::new(); self.drafts.len()];
        self.rows.clear();
        for at in 0..self.drafts.len() {
            let Some(draft) = self.drafts.get(at) else { continue };
            // What frees a name is written before what takes it.
            let mut entities: Vec<(u64, EntityId)> =
                draft.entities.iter().map(|(id, entity)| (entity.orders().min().unwrap_or(0), *id)).collect();
            entities.sort_unstable();
            for (_, entity) in entities {
                self.make(at, entity)?;
            }
        }
        Ok(())
    }

    /// As [`Stack::remake`], where only one entity of one draft changed.
    fn remake_entity(&mut self, at: usize, entity: EntityId) -> Result<(), DraftError> {
        if at + 1 < self.drafts.len() {
            return self.remake();
        }
        if let Some(old) = self.made.get_mut(at).and_then(|made| made.remove(&entity)) {
            for made in old {
                self.rows.remove(&made.id);
            }
        }
        self.make(at, entity)
    }

    fn make(&mut self, at: usize, id: EntityId) -> Result<(), DraftError> {
        let Some(entity) = self.drafts.get(at).and_then(|draft| draft.entities.get(&id)) else { return Ok(()) };
        let mut made: Vec<Made> = Vec::new();
        if let Some(birth) = &entity.birth {
            let op = self.creation(id, entity, birth)?;
            made.push(Made { order: birth.order, id: op.id(), op });
        }
        let mut rows: Vec<_> = entity.rows.iter().filter(|(register, row)| !covered(entity, **register, row)).collect();
        // Content first: what sets the name aside witnesses it.
        rows.sort_by_key(|(register, row)| (**register != Register::Content, row.order));
        for (register, row) in rows {
            let born = made.first().filter(|_| entity.birth.is_some());
            if let Some(op) = self.change(at, id, (*register, row), (born, &made)) {
                made.push(Made { order: row.order, id: op.id(), op });
            }
        }
        self.rows.extend(made.iter().map(|made| (made.id, (at, id))));
        if let Some(all) = self.made.get_mut(at) {
            all.insert(id, made);
        }
        Ok(())
    }

    fn creation(&self, id: EntityId, entity: &DraftEntity, birth: &Birth) -> Result<Op, DraftError> {
        let content = entity.rows.get(&Register::Content).map(|row| &row.value);
        let Some(Value::Content(content)) = content else { return Err(DraftError::NoContent(id)) };
        let visibility = match entity.rows.get(&Register::Visibility).map(|row| &row.value) {
            Some(Value::Visibility(visibility)) => *visibility,
            _ => Visibility::Public,
        };
        let (location, generation) = (birth.location.clone(), birth.generation);
        let action = Action::CreateName { location, generation, content: *content, visibility };
        Ok(Op::new(id, action).after(birth.after.iter().flat_map(|seen| self.now(seen, false))))
    }

    fn change(
        &self,
        at: usize,
        id: EntityId,
        (register, row): (Register, &DraftRow),
        (born, made): (Option<&Made>, &[Made]),
    ) -> Option<Op> {
        let action = Action::writing(register, row.value.clone(), row.base.as_ref())?;
        let mut supersedes: Vec<OpId> = row.seen.iter().flat_map(|seen| self.now(seen, true)).collect();
        supersedes.extend(born.filter(|made| made.op.action.value(register).is_some()).map(|made| made.id));
        let mut witness: Vec<OpId> = row.witness.iter().flat_map(|seen| self.now(seen, true)).collect();
        if matches!(register, Register::Location | Register::Deprecation) {
            // Whoever writes both in one draft knows of both, in whatever order they were written.
            witness.extend(latest(made, Register::Content).map(|(id, _)| id));
        }
        let mut op = Op::new(id, action).witnessing(witness);
        if supersedes.is_empty() {
            let creators = row.creators.iter().flat_map(|seen| self.now(seen, false));
            op = op.after(creators.chain(born.map(|made| made.id)).chain(self.born_below(at, id)));
        }
        Some(op.superseding(supersedes))
    }

    /// The creation of an entity by a draft below.
    fn born_below(&self, at: usize, entity: EntityId) -> Option<OpId> {
        let made = self.made.iter().take(at).flat_map(|made| made.get(&entity).into_iter().flatten());
        let mut creations = made.filter(|made| matches!(made.op.action, Action::CreateName { .. }));
        creations.next().map(|made| made.id)
    }

    /// What is there now of something seen. With `same`, a draft's row counts only with the value that was seen; otherwise
    /// what was beneath it stands for it.
    fn now(&self, seen: &Seen, same: bool) -> Vec<OpId> {
        match seen {
            Seen::Op(op) => vec![*op],
            Seen::Draft { patch, entity, register, value, under } => {
                let below = self.place(patch).and_then(|at| self.made.get(at)?.get(entity));
                match below.and_then(|made| latest(made, *register)) {
                    Some((id, now)) if !same || now == *value => vec![id],
                    _ => under.clone(),
                }
            }
        }
    }
}

/// The last op of an entity's that writes a register, and its value.
fn latest(made: &[Made], register: Register) -> Option<(OpId, Value)> {
    made.iter().rev().find_map(|made| Some((made.id, made.op.action.value(register)?)))
}

/// Whether the creation says all that a row says.
fn covered(entity: &DraftEntity, register: Register, row: &DraftRow) -> bool {
    let Some(birth) = &entity.birth else { return false };
    match register {
        Register::Content | Register::Visibility => true,
        Register::Location => row.value == Value::Location(Some(birth.location.clone())),
        _ => false,
    }
}

fn single_value(heads: &[&Head]) -> Option<Value> {
    let (first, rest) = heads.split_first()?;
    rest.iter().all(|head| head.value == first.value).then(|| first.value.clone())
}

fn settle_entity(entity: &mut DraftEntity, patch: PatchId, ready: &MadeByEntity) {
    let settle = |all: &mut Vec<Seen>, same: bool| {
        let old = std::mem::take(all);
        for seen in old {
            match &seen {
                Seen::Draft { patch: of, entity, register, value, under } if *of == patch => {
                    match ready.get(entity).and_then(|made| latest(made, *register)) {
                        Some((id, now)) if !same || now == *value => all.push(Seen::Op(id)),
                        _ => all.extend(under.iter().map(|op| Seen::Op(*op))),
                    }
                }
                _ => all.push(seen),
            }
        }
        all.sort();
        all.dedup();
    };
    if let Some(birth) = &mut entity.birth {
        settle(&mut birth.after, false);
    }
    for row in entity.rows.values_mut() {
        settle(&mut row.seen, true);
        settle(&mut row.witness, true);
        settle(&mut row.creators, false);
    }
}

fn encode_seen(to: &mut Encoder, seen: &Seen) {
    match seen {
        Seen::Op(op) => {
            to.byte(0);
            to.op_id(op);
        }
        Seen::Draft { patch, entity, register, value, under } => {
            to.byte(1);
            to.patch_id(patch);
            to.entity_id(entity);
            encode_register(to, register);
            encode_value(to, value);
            to.list(under, Encoder::op_id);
        }
    }
}

fn decode_seen(from: &mut Decoder<'_>) -> Result<Seen, DecodeError> {
    match from.byte("what was seen")? {
        0 => Ok(Seen::Op(from.op_id()?)),
        1 => Ok(Seen::Draft {
            patch: from.patch_id()?,
            entity: from.entity_id()?,
            register: decode_register(from)?,
            value: decode_value(from)?,
            under: from.list(ROWS_MAX, "writes beneath", Decoder::op_id)?,
        }),
        other => Err(from.unknown("what was seen", u64::from(other))),
    }
}

fn encode_row(to: &mut Encoder, row: &DraftRow) {
    encode_value(to, &row.value);
    to.option(row.base.as_ref(), encode_value);
    to.list(&row.seen, encode_seen);
    to.list(&row.witness, encode_seen);
    to.list(&row.creators, encode_seen);
    to.uint(row.order);
}

fn decode_row(from: &mut Decoder<'_>) -> Result<DraftRow, DecodeError> {
    Ok(DraftRow {
        value: decode_value(from)?,
        base: from.option("base", decode_value)?,
        seen: from.list(ROWS_MAX, "what was seen", decode_seen)?,
        witness: from.list(ROWS_MAX, "witnesses", decode_seen)?,
        creators: from.list(ROWS_MAX, "creators", decode_seen)?,
        order: from.uint("order")?,
    })
}

impl DraftEntity {
    fn orders(&self) -> impl Iterator<Item = u64> + '_ {
        self.rows.values().map(|row| row.order).chain(self.birth.iter().map(|birth| birth.order))
    }

    /// The bytes that the journal keeps.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        to.byte(DRAFT_FORMAT);
        to.option(self.birth.as_ref(), |to, birth| {
            encode_location(to, &birth.location);
            to.uint(u64::from(birth.generation));
            to.list(&birth.after, encode_seen);
            to.uint(birth.order);
        });
        to.count(self.rows.len());
        for (register, row) in &self.rows {
            encode_register(&mut to, register);
            encode_row(&mut to, row);
        }
        to.finish()
    }

    /// What the journal kept.
    ///
    /// # Errors
    /// If the bytes are not exactly what [`DraftEntity::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let format = from.byte("draft format")?;
        if format != DRAFT_FORMAT {
            return Err(from.unknown("draft format", u64::from(format)));
        }
        let birth = from.option("birth", |from| {
            Ok(Birth {
                location: decode_location(from)?,
                generation: u32::try_from(from.count(u32::MAX as usize, "generation")?).unwrap_or(u32::MAX),
                after: from.list(ROWS_MAX, "what freed the name", decode_seen)?,
                order: from.uint("order")?,
            })
        })?;
        let rows = from.list(ROWS_MAX, "rows", |from| Ok((decode_register(from)?, decode_row(from)?)))?;
        from.finish()?;
        Ok(Self { birth, rows: rows.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests;
