//! Conflicts of meaning (`dm_collab::meaning`) with the language's own checker: between mains, and between a session and its main.

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::meaning::{self, Apart, Clash, Meaning};
use dm_collab::patch::revision_body;
use dm_collab::{Candidates, Conflict, ConflictKind, ProjectionRead as _, Selection};
use dm_lang::{LinkNode, LinkSource as _};
use dm_model::{Body, DefHash, Definition, EntityId, OpId, Reference, Register, RevisionId, Target, Timestamp, Value};
use dm_store::ReadTx;

use crate::check;
use crate::error::EngineError;
use crate::look::Look;
use crate::meaning::ViewLinks;
use crate::scope::ViewScope;
use crate::workspace::Workspace;

/// A view as Darklang's checker sees it.
pub(crate) struct Checked<'l>(pub &'l Look<'l>);

impl Meaning for Checked<'_> {
    type Error = EngineError;

    fn version(&self) -> u64 {
        dm_lang::CHECKER_VERSION
    }

    fn same_interface(&self, before: &DefHash, now: &DefHash) -> Result<bool, EngineError> {
        let mut links = ViewLinks::new(self.0);
        let (before, now) = (links.skeleton(LinkNode::Pinned(*before))?, links.skeleton(LinkNode::Pinned(*now))?);
        Ok(before.zip(now).is_some_and(|(before, now)| now.shows_the_same(&before)))
    }

    fn check(&self, entity: &EntityId, instead: &BTreeMap<EntityId, DefHash>) -> Result<Vec<Clash>, EngineError> {
        check::clashes(self.0, *entity, instead)
    }

    /// Merges the texts line by line; what comes out must parse, mean one thing everywhere, and fit.
    fn merge3(&self, entity: &EntityId, ancestor: &DefHash, heads: &[DefHash]) -> Result<Option<String>, EngineError> {
        let look = self.0;
        let Some(location) = look.location_of(entity)? else { return Ok(None) };
        let ended = |definition: &Definition| look.render(definition, &location).map(|text| format!("{text}\n"));
        let ancestor = look.definition(ancestor)?;
        let base = ended(&ancestor)?;
        let mut heads = heads.iter();
        let Some(first) = heads.next() else { return Ok(None) };
        let mut merged = ended(&look.definition(first)?)?;
        for head in heads {
            match diffy::merge(&base, &merged, &ended(&look.definition(head)?)?) {
                Ok(text) => merged = text,
                Err(_) => return Ok(None),
            }
        }
        let scope = ViewScope::new(look);
        let bindings = dm_lang::Bindings::of_base(&ancestor);
        let resolved = dm_lang::resolve_text(merged.trim_end(), &location, &bindings, &scope);
        scope.check()?;
        let Ok((_, resolved)) = resolved else { return Ok(None) };
        // A name that one side brought may be hidden by what the other one wrote.
        let unresolved =
            |definition: &[Reference]| definition.iter().filter(|of| of.target == Target::Unresolved).count();
        if unresolved(&resolved.references) > unresolved(&ancestor.references) {
            return Ok(None);
        }
        let definition =
            Definition { kind: ancestor.kind, text: merged.trim_end().to_owned(), references: resolved.references };
        Ok(check::fits(look, *entity, &definition)?.then_some(definition.text))
    }
}

/// The conflicts of meaning between what other mains have given and this one, in the view of both.
pub(crate) fn between_mains(look: &Look<'_>, fresh: &BTreeSet<EntityId>) -> Result<Vec<Conflict>, EngineError> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let mut apart = Apart::new(look.tx)?;
    let mut concurrent = |one: &OpId, other: &OpId| Ok(apart.made_apart(one, other)?);
    meaning::conflicts(&look.view, fresh, &Checked(look), &mut concurrent)
}

/// What to apply of what other mains have, and what to hold.
pub(crate) fn select<'t>(tx: &'t ReadTx<'t>, candidates: &Candidates<'t>) -> Result<Selection, EngineError> {
    candidates.select_by(&mut |view, fresh| between_mains(&Look { tx, view }, fresh))
}

/// The conflicts of meaning between a session's own open patches and what went into its main since they were begun.
pub(crate) fn with_main(look: &Look<'_>, workspace: &Workspace) -> Result<Vec<Conflict>, EngineError> {
    let mut drafted = BTreeMap::new();
    for (at, draft) in workspace.stack.drafts().iter().enumerate() {
        let Some(header) = workspace.header(&draft.patch) else { continue };
        drafted.extend(workspace.stack.ops(at).into_iter().map(|made| (made.id, header.created_at)));
    }
    let mut began = BTreeMap::new();
    let mut fresh = BTreeSet::new();
    for (entity, changed) in look.view.changed() {
        for head in changed.after.registers.get(&Register::Content).map_or(&[][..], |content| &content.heads) {
            let at = match drafted.get(&head.op) {
                Some(at) => Some(*at),
                None => begun_at(look, &head.op)?,
            };
            if let Some(at) = at {
                began.insert(head.op, at);
                fresh.insert(*entity);
            }
        }
    }
    let Some(first) = began.values().min() else { return Ok(Vec::new()) };
    let mut landed: BTreeMap<RevisionId, Timestamp> = BTreeMap::new();
    for fact in look.tx.applied_since(*first)? {
        if let Body::Apply(apply) = fact.body() {
            landed.extend(apply.patches.iter().map(|(_, revision)| (*revision, fact.header().authored_at)));
        }
    }
    if landed.is_empty() {
        return Ok(Vec::new());
    }
    let after = |own: &OpId, other: &OpId| -> Result<bool, EngineError> {
        let Some(began) = began.get(own) else { return Ok(false) };
        let carriers = look.tx.carriers(other)?;
        Ok(!carry(&carriers, look, own)? && carriers.iter().filter_map(|of| landed.get(of)).any(|at| at > began))
    };
    let mut concurrent = |one: &OpId, other: &OpId| Ok(after(one, other)? || after(other, one)?);
    meaning::conflicts(&look.view, &fresh, &Checked(look), &mut concurrent)
}

/// Whether one of these revisions carries an op.
fn carry(carriers: &[RevisionId], look: &Look<'_>, op: &OpId) -> Result<bool, EngineError> {
    Ok(look.tx.carriers(op)?.iter().any(|revision| carriers.contains(revision)))
}

/// When the Ready patch of this session that an op is in was begun, if it is in one and main has it not.
fn begun_at(look: &Look<'_>, op: &OpId) -> Result<Option<Timestamp>, EngineError> {
    if look.tx.op_effective(op)? || look.view.place_of(op)?.is_none() {
        return Ok(None);
    }
    let Some(revision) = look.tx.carriers(op)?.first().copied() else { return Ok(None) };
    Ok(revision_body(look.tx, &revision)?.map(|body| body.created_at))
}

/// The text that settles a conflict by itself: one that has what all sides did, where they did it in different places.
pub(crate) fn merged(look: &Look<'_>, conflict: &Conflict) -> Result<Option<String>, EngineError> {
    let (ConflictKind::Content, Some(entity), Some(ancestor)) =
        (conflict.kind, conflict.entities.first(), &conflict.ancestor)
    else {
        return Ok(None);
    };
    let mut contents = Vec::new();
    for head in std::iter::once(ancestor).chain(&conflict.heads) {
        match head.value {
            Value::Content(content) if look.tx.definition(&content)?.is_some() => contents.push(content),
            _ => return Ok(None),
        }
    }
    match contents.split_first() {
        Some((ancestor, heads)) => Checked(look).merge3(entity, ancestor, heads),
        None => Ok(None),
    }
}
