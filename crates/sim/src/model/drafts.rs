//! The ops that a stack of drafts makes (R23).

use dm_collab::draft::{Draft, DraftEntity, Seen};
use dm_model::{Action, EntityId, Op, OpId, PatchId, Register, Value, Visibility};

/// What has been made so far: of which draft, of which entity, in the order of making.
type Made = Vec<(PatchId, EntityId, OpId, Op)>;

/// The ops of each draft of a stack, lowest first, each in the order of writing.
#[must_use]
pub fn drafted(drafts: &[Draft]) -> Vec<Vec<(OpId, Op)>> {
    let mut made = Made::new();
    let mut stack = Vec::new();
    for draft in drafts {
        let mut entities: Vec<(u64, &EntityId, &DraftEntity)> = draft
            .entities
            .iter()
            .map(|(id, entity)| {
                let orders = entity.rows.values().map(|row| row.order);
                (orders.chain(entity.birth.iter().map(|birth| birth.order)).min().unwrap_or(0), id, entity)
            })
            .collect();
        entities.sort_by_key(|(order, id, _)| (*order, **id));
        let mut ordered = Vec::new();
        for (_, id, entity) in entities {
            for (order, op) in ops_of(&made, draft.patch, *id, entity) {
                made.push((draft.patch, *id, op.id(), op.clone()));
                ordered.push((order, *id, (op.id(), op)));
            }
        }
        ordered.sort_by_key(|(order, entity, _)| (*order, *entity));
        stack.push(ordered.into_iter().map(|(_, _, made)| made).collect());
    }
    stack
}

fn ops_of(made: &Made, patch: PatchId, id: EntityId, entity: &DraftEntity) -> Vec<(u64, Op)> {
    let value = |register| entity.rows.get(&register).map(|row| row.value.clone());
    let mut ops = Vec::new();
    let mut birth: Option<(OpId, Option<Value>)> = None;
    if let Some(born) = &entity.birth {
        let visibility = match value(Register::Visibility) {
            Some(Value::Visibility(visibility)) => visibility,
            _ => Visibility::Public,
        };
        let Some(Value::Content(content)) = value(Register::Content) else { return ops };
        let (location, generation) = (born.location.clone(), born.generation);
        let op = Op::new(id, Action::CreateName { location, generation, content, visibility })
            .after(born.after.iter().flat_map(|seen| now(made, seen, false)));
        birth = Some((op.id(), op.action.value(Register::Location)));
        ops.push((born.order, op));
    }
    let mut rows: Vec<_> = entity.rows.iter().collect();
    // What sets a name aside knows of the edit in its own draft, whichever came first.
    rows.sort_by_key(|(register, row)| (**register != Register::Content, row.order));
    for (register, row) in rows {
        let said_at_birth = match (&birth, register) {
            (Some(_), Register::Content | Register::Visibility) => true,
            (Some((_, location)), Register::Location) => *location == Some(row.value.clone()),
            _ => false,
        };
        let action = Action::writing(*register, row.value.clone(), row.base.as_ref());
        let Some(action) = action.filter(|_| !said_at_birth) else { continue };
        let born = birth.as_ref().map(|(id, _)| *id);
        let replaced = born.filter(|_| *register == Register::Location);
        let supersedes: Vec<OpId> = row.seen.iter().flat_map(|seen| now(made, seen, true)).chain(replaced).collect();
        let edited = ops.iter().rev().find(|(_, op)| op.action.value(Register::Content).is_some());
        let edited = edited.filter(|_| matches!(register, Register::Location | Register::Deprecation));
        let witness = row.witness.iter().flat_map(|seen| now(made, seen, true));
        let mut op = Op::new(id, action).witnessing(witness.chain(edited.map(|(_, op)| op.id())));
        if supersedes.is_empty() {
            let is_birth = |op: &Op| matches!(op.action, Action::CreateName { .. });
            let below = made.iter().find(|(of, entity, _, op)| *of != patch && *entity == id && is_birth(op));
            let creators = row.creators.iter().flat_map(|seen| now(made, seen, false));
            op = op.after(creators.chain(born).chain(below.map(|(_, _, id, _)| *id)));
        }
        ops.push((row.order, op.superseding(supersedes)));
    }
    ops
}

/// What is there now of something that an author was shown.
fn now(made: &Made, seen: &Seen, same: bool) -> Vec<OpId> {
    let (patch, entity, register, value, under) = match seen {
        Seen::Op(op) => return vec![*op],
        Seen::Draft { patch, entity, register, value, under } => (patch, entity, *register, value, under),
    };
    let writes = made.iter().filter(|(of, id, _, _)| of == patch && id == entity);
    let last: Option<(OpId, Value)> =
        writes.filter_map(|(_, _, id, op)| Some((*id, op.action.value(register)?))).next_back();
    match last {
        Some((id, written)) if !same || written == *value => vec![id],
        _ => under.clone(),
    }
}
