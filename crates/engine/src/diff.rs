//! What a patch changes: in words, as ops, as text before and after.

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::ProjectionRead as _;
use dm_collab::patch::revision_body;
use dm_model::{Action, DefHash, EntityId, Location, Op, OpId, PatchId, Register, Value};
use similar::TextDiff;

use crate::conflicts::words;
use crate::error::EngineError;
use crate::look::Look;
use crate::patches;
use crate::report::{Change, DefinitionDiff, OpEntry};
use crate::workspace::Workspace;

/// Lines of context around a change.
const CONTEXT_LINES: usize = 3;

/// The ops of a patch: its draft's, else its open or latest revision's.
pub(crate) fn ops_of(look: &Look<'_>, workspace: &Workspace, id: &PatchId) -> Result<Vec<Op>, EngineError> {
    if let Some(at) = workspace.stack.place(id) {
        return Ok(workspace.stack.ops(at).into_iter().map(|made| made.op.clone()).collect());
    }
    if look.tx.draft_header(id)?.is_some() {
        // A draft of another session, on its own.
        let stack = dm_collab::draft::Stack::new(vec![look.tx.draft(id)?]);
        let stack = stack.map_err(|error| EngineError::DamagedDraft(error.to_string()))?;
        return Ok(stack.ops(0).into_iter().map(|made| made.op.clone()).collect());
    }
    let revision = match patches::open_revision(look.tx, id)? {
        Some(revision) => Some(revision),
        None => dm_collab::patch::latest(look.tx, id)?.first().copied(),
    };
    let Some(revision) = revision else { return Ok(Vec::new()) };
    Ok(revision_body(look.tx, &revision)?.map(|body| body.ops).unwrap_or_default())
}

/// Other patches that carry what a patch needs, ascending.
pub(crate) fn needed_patches(
    look: &Look<'_>,
    workspace: &Workspace,
    id: &PatchId,
) -> Result<Vec<PatchId>, EngineError> {
    let mut needed = BTreeSet::new();
    for op in ops_of(look, workspace, id)?.iter().flat_map(Op::needs).collect::<BTreeSet<_>>() {
        if let Some(at) = workspace.stack.place_of(&op) {
            needed.extend(workspace.stack.drafts().get(at).map(|draft| draft.patch));
        } else if let Some(revision) = look.tx.carriers(&op)?.first()
            && let Some(body) = revision_body(look.tx, revision)?
        {
            needed.insert(body.patch);
        }
    }
    needed.remove(id);
    Ok(needed.into_iter().collect())
}

/// An op by id, wherever it is.
fn op(look: &Look<'_>, workspace: &Workspace, id: &OpId) -> Result<Option<Op>, EngineError> {
    if let Some(at) = workspace.stack.place_of(id) {
        return Ok(workspace.stack.ops(at).into_iter().find(|made| made.id == *id).map(|made| made.op.clone()));
    }
    Ok(look.tx.op(id)?.map(|op| (*op).clone()))
}

/// A register's value as an op's author saw it: that of what the op replaces.
fn replaced(
    look: &Look<'_>,
    workspace: &Workspace,
    supersedes: &[OpId],
    register: Register,
) -> Result<Option<Value>, EngineError> {
    for id in supersedes {
        if let Some(value) = op(look, workspace, id)?.and_then(|op| op.action.value(register)) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// What a patch does to one entity.
#[derive(Default)]
struct Effect {
    created: bool,
    settles: bool,
    content: Option<DefHash>,
    /// The writes that the content was made from; what they had is looked up only for a diff.
    supersedes: Vec<OpId>,
    location: Option<(Option<Location>, Option<Location>)>,
    others: Vec<&'static str>,
}

fn effects(look: &Look<'_>, workspace: &Workspace, ops: &[Op]) -> Result<Vec<(EntityId, Effect)>, EngineError> {
    let mut order = Vec::new();
    let mut effects: BTreeMap<EntityId, Effect> = BTreeMap::new();
    for op in ops {
        let effect = effects.entry(op.entity).or_insert_with(|| {
            order.push(op.entity);
            Effect::default()
        });
        effect.settles |= op.supersedes.len() > 1;
        match &op.action {
            Action::CreateName { location, content, .. } => {
                effect.created = true;
                effect.content = Some(*content);
                effect.location = Some((None, Some(location.clone())));
            }
            Action::UpdateName { new, .. } => {
                effect.content = Some(*new);
                effect.supersedes.clone_from(&op.supersedes);
            }
            Action::MoveName { .. } | Action::DeleteName => {
                let before = match replaced(look, workspace, &op.supersedes, Register::Location)? {
                    Some(Value::Location(location)) => location,
                    _ => None,
                };
                let now = if let Action::MoveName { to } = &op.action { Some(to.clone()) } else { None };
                effect.location = Some((before, now));
            }
            Action::Deprecate(_) => effect.others.push("deprecate"),
            Action::Undeprecate => effect.others.push("undeprecate"),
            Action::SetVisibility(_) => effect.others.push("visibility"),
            Action::Pin { .. } => effect.others.push("pin"),
            Action::Unpin { .. } => effect.others.push("unpin"),
            Action::Unknown { .. } => effect.others.push("unknown"),
        }
    }
    Ok(order.into_iter().filter_map(|entity| Some((entity, effects.remove(&entity)?))).collect())
}

/// The changes that a draft makes, one line each.
pub(crate) fn draft_changes(look: &Look<'_>, workspace: &Workspace, at: usize) -> Result<Vec<Change>, EngineError> {
    let ops: Vec<Op> = workspace.stack.ops(at).into_iter().map(|made| made.op.clone()).collect();
    let mut changes = Vec::new();
    for (entity, effect) in effects(look, workspace, &ops)? {
        changes.extend(changes_of(look, entity, &effect)?);
    }
    Ok(changes)
}

/// The changes that ops make, by entity.
pub(crate) fn changes_by_entity(
    look: &Look<'_>,
    workspace: &Workspace,
    ops: &[Op],
) -> Result<BTreeMap<EntityId, Vec<Change>>, EngineError> {
    let mut changes = BTreeMap::new();
    for (entity, effect) in effects(look, workspace, ops)? {
        changes.insert(entity, changes_of(look, entity, &effect)?);
    }
    Ok(changes)
}

fn changes_of(look: &Look<'_>, entity: EntityId, effect: &Effect) -> Result<Vec<Change>, EngineError> {
    let hash = match effect.content {
        Some(hash) => Some(hash),
        None => look.content(&entity)?,
    };
    let kind = hash.map(|hash| look.kind(&hash)).transpose()?.flatten().map(|kind| kind.as_str().to_owned());
    let now = look.last_location(&entity)?;
    let change = |change: &str, location: String, from: Option<String>| Change {
        change: change.to_owned(),
        location,
        from,
        kind: kind.clone(),
    };
    let mut changes = Vec::new();
    if effect.created {
        changes.push(change("create", now.clone(), None));
    } else if effect.content.is_some() {
        changes.push(change(if effect.settles { "resolve" } else { "edit" }, now.clone(), None));
    }
    match &effect.location {
        Some((from, Some(to))) if !effect.created => {
            changes.push(change("move", to.to_string(), from.as_ref().map(ToString::to_string)));
        }
        Some((from, None)) => {
            let gone = from.as_ref().map_or_else(|| now.clone(), ToString::to_string);
            changes.push(change("delete", gone, None));
        }
        _ => {}
    }
    changes.extend(effect.others.iter().map(|other| change(other, now.clone(), None)));
    Ok(changes)
}

/// Before and after of each definition that a patch changes.
pub(crate) fn patch_diff(
    look: &Look<'_>,
    workspace: &Workspace,
    id: &PatchId,
) -> Result<Vec<DefinitionDiff>, EngineError> {
    let ops = ops_of(look, workspace, id)?;
    let mut diffs = Vec::new();
    for (entity, effect) in effects(look, workspace, &ops)? {
        let at: Location = look.last_location(&entity)?.parse()?;
        let deleted = matches!(effect.location, Some((_, None)));
        let (before, after) = match effect.content {
            Some(after) => match replaced(look, workspace, &effect.supersedes, Register::Content)? {
                Some(Value::Content(before)) => (Some(before), Some(after)),
                _ => (None, Some(after)),
            },
            None => (look.content(&entity)?, look.content(&entity)?),
        };
        let render = |hash: Option<DefHash>| -> Result<Option<String>, EngineError> {
            hash.map(|hash| look.render(&look.definition(&hash)?, &at)).transpose()
        };
        let before = if effect.created { None } else { render(before)? };
        let after = if deleted { None } else { render(after)? };
        let unified = unified(before.as_deref(), after.as_deref());
        for change in changes_of(look, entity, &effect)? {
            let first = diffs.last().is_none_or(|last: &DefinitionDiff| last.change.location != change.location);
            let unified = if first { unified.clone() } else { String::new() };
            diffs.push(DefinitionDiff { change, before: before.clone(), after: after.clone(), unified });
        }
    }
    Ok(diffs)
}

/// Two texts as a unified diff without file names; empty if they are the same.
pub(crate) fn unified(before: Option<&str>, after: Option<&str>) -> String {
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    if before == after {
        return String::new();
    }
    let end = |text: &str| if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    let (before, after) = (end(before), end(after));
    let diff = TextDiff::from_lines(&before, &after);
    diff.unified_diff().context_radius(CONTEXT_LINES).missing_newline_hint(false).to_string()
}

/// Ops for people: what each writes, and the content that comes with it.
pub(crate) fn op_entries(look: &Look<'_>, ops: &[Op]) -> Result<Vec<OpEntry>, EngineError> {
    let mut entries = Vec::new();
    for op in ops {
        let location = look.last_location(&op.entity)?;
        let entity = op.entity.to_string();
        if let Some(hash) = op.content() {
            entries.push(OpEntry {
                id: None,
                op: "AddContent".to_owned(),
                location: location.clone(),
                entity: entity.clone(),
                value: words(&Value::Content(hash)),
                supersedes: Vec::new(),
            });
        }
        let registers = op.action.registers();
        let values = registers.iter().filter_map(|register| op.action.value(*register)).map(|value| words(&value));
        entries.push(OpEntry {
            id: Some(op.id().to_string()),
            op: op.action.name().to_owned(),
            location,
            entity,
            value: values.collect::<Vec<_>>().join(", "),
            supersedes: op.supersedes.iter().map(ToString::to_string).collect(),
        });
    }
    Ok(entries)
}
