//! Edits of names: move, delete, deprecate.

use std::collections::BTreeSet;

use dm_collab::ProjectionRead as _;
use dm_collab::draft::Edit;
use dm_collab::view::View;
use dm_model::{Deprecation, EntityId, Kind, Location, Op, Register, Value};

use crate::check::check_change;
use crate::diff;
use crate::error::EngineError;
use crate::look::{Found, Look};
use crate::patches;
use crate::report::{Change, CheckReport, OpEntry, Written};
use crate::save::Standing;
use crate::signing::is_own;
use crate::transaction::Transaction;

impl Transaction<'_> {
    /// Moves a definition, or a whole module with all that is in it.
    ///
    /// # Errors
    /// If there is no such name, or the new place is taken.
    pub fn mv(&mut self, old: &str, new: &str, intent: Option<&str>) -> Result<Written, EngineError> {
        let (at, new_patch) = self.draft_for(intent)?;
        let mut moves = self.moves(at, old, new)?;
        self.check_free(at, &moves)?;
        let staying: Vec<String> =
            moves.iter().filter(|(found, to)| found.location == *to).map(|(_, to)| to.to_string()).collect();
        moves.retain(|(found, to)| found.location != *to);
        let mut changes = Vec::new();
        let (mut entities, notes) = self.settle_names_of(at, &moves, &mut changes)?;
        let mut standings = Vec::new();
        {
            // One view for all.
            let look = self.look(Some(at))?;
            for (found, to) in &moves {
                changes.push(Change {
                    change: "move".to_owned(),
                    location: to.to_string(),
                    from: Some(found.location.to_string()),
                    kind: look.kind(&found.content)?.map(|kind| kind.as_str().to_owned()),
                });
                standings.push(Standing::of(&look, &found.entity, Register::Location, None)?);
            }
        }
        for ((found, to), standing) in moves.iter().zip(&standings) {
            self.write(at, found, Register::Location, Value::Location(Some(to.clone())), standing)?;
        }
        entities.extend(moves.iter().map(|(found, _)| found.entity));
        let mut written = self.written(at, new_patch, &entities, changes)?;
        written.unchanged = staying;
        written.notes = notes;
        Ok(written)
    }

    /// Names that meant nothing when they were saved, and lead to what moves by now, are settled first: after the move they
    /// would lead nowhere (SEMANTICS R27).
    fn settle_names_of(
        &mut self,
        at: usize,
        moves: &[(Found, Location)],
        changes: &mut Vec<Change>,
    ) -> Result<(Vec<EntityId>, Vec<String>), EngineError> {
        let moving: BTreeSet<EntityId> = moves.iter().map(|(found, _)| found.entity).collect();
        let leading = self.look(Some(at))?.leading_to(&moving)?;
        let mut entities = Vec::new();
        let mut notes = Vec::new();
        for (found, definition) in leading {
            changes.push(Change {
                change: "edit".to_owned(),
                location: found.location.to_string(),
                from: None,
                kind: Some(definition.kind.as_str().to_owned()),
            });
            notes.push(format!("`{}` led there by name only; it refers to it now", found.location));
            self.update(at, &found, &definition)?;
            entities.push(found.entity);
        }
        Ok((entities, notes))
    }

    /// A place is free for a move if nothing stands there that does not move away with it.
    fn check_free(&self, at: usize, moves: &[(Found, Location)]) -> Result<(), EngineError> {
        let look = self.look(Some(at))?;
        let moving: BTreeSet<EntityId> = moves.iter().map(|(found, _)| found.entity).collect();
        for (_, to) in moves {
            if look.entities_at(to)?.iter().any(|taken| !moving.contains(taken)) {
                return Err(EngineError::LocationTaken { location: to.to_string() });
            }
        }
        Ok(())
    }

    /// What a move means: one definition, or every one below a module.
    fn moves(&self, at: usize, old: &str, new: &str) -> Result<Vec<(Found, Location)>, EngineError> {
        let look = self.look(Some(at))?;
        let exact = match old.parse::<Location>() {
            Ok(location) => !look.entities_at(&location)?.is_empty(),
            Err(_) => false,
        };
        // A module by its whole name comes before the end of a location.
        let below = if exact { Vec::new() } else { look.names_below(old)? };
        if below.is_empty() {
            let found = look.find(old)?;
            // A bare new name stays in the module.
            let to =
                if new.contains('.') { new.parse()? } else { Location::within(found.location.module_path(), new)? };
            fits(look.kind(&found.content)?, &to)?;
            return Ok(vec![(found, to)]);
        }
        // A bare new name stays beside the module, as one of a definition does.
        let new = match old.rsplit_once('.') {
            Some((around, _)) if !new.contains('.') => format!("{around}.{new}"),
            _ => new.to_owned(),
        };
        let mut moves = Vec::new();
        for (location, entity) in below {
            let rest = location.as_str().strip_prefix(old).unwrap_or_default();
            let to: Location = format!("{new}{rest}").parse()?;
            if let Some(found) = look.found(&entity)? {
                moves.push((found, to));
            }
        }
        Ok(moves)
    }

    /// Deletes a definition. One that others may have got already is deprecated instead, unless `published` says that it is
    /// known.
    ///
    /// # Errors
    /// If there is no such name, or it has left this store and `published` was not said.
    pub fn rm(&mut self, name: &str, published: bool, intent: Option<&str>) -> Result<Written, EngineError> {
        let (at, new_patch) = self.draft_for(intent)?;
        let found = self.look(Some(at))?.find(name)?;
        if !published && self.has_left(&found.entity)? {
            return Err(EngineError::Published { location: found.location.to_string() });
        }
        let mut notes = Vec::new();
        {
            let look = self.look(Some(at))?;
            for dependent in look.view.dependents(&found.entity)? {
                if dependent != found.entity {
                    notes.push(format!("still used by {}", look.last_location(&dependent)?));
                }
            }
            for (leading, _) in look.leading_to(&BTreeSet::from([found.entity]))? {
                notes.push(format!("still used by {}, by name only", leading.location));
            }
        }
        let change = self.change_of(at, "delete", &found)?;
        self.write_name(at, &found, Register::Location, Value::Location(None))?;
        let mut written = self.written(at, new_patch, &[found.entity], vec![change])?;
        written.notes = notes;
        Ok(written)
    }

    /// Says that a definition should no longer be used.
    ///
    /// # Errors
    /// If there is no such name, or no such replacement.
    pub fn deprecate(
        &mut self,
        name: &str,
        reason: &str,
        replacement: Option<&str>,
        intent: Option<&str>,
    ) -> Result<Written, EngineError> {
        if reason.trim().is_empty() || reason.len() > dm_model::op::REASON_BYTES_MAX {
            return Err(EngineError::BadDeprecation("it needs a reason of 1 to 4096 bytes"));
        }
        let (at, new_patch) = self.draft_for(intent)?;
        let look = self.look(Some(at))?;
        let found = look.find(name)?;
        let replacement = replacement.map(|name| look.find(name)).transpose()?.map(|found| found.entity);
        if replacement == Some(found.entity) {
            return Err(EngineError::BadDeprecation("nothing is a replacement of itself"));
        }
        drop(look);
        let reason = reason.trim().to_owned();
        let value = Value::Deprecation(Some(Deprecation { reason, replacement }));
        let change = self.change_of(at, "deprecate", &found)?;
        self.write_name(at, &found, Register::Deprecation, value)?;
        self.written(at, new_patch, &[found.entity], vec![change])
    }

    /// Takes a deprecation back.
    ///
    /// # Errors
    /// If there is no such name.
    pub fn undeprecate(&mut self, name: &str, intent: Option<&str>) -> Result<Written, EngineError> {
        let (at, new_patch) = self.draft_for(intent)?;
        let look = self.look(Some(at))?;
        let found = look.find(name)?;
        let now = look.view.value(&found.entity, Register::Deprecation)?;
        drop(look);
        if !matches!(now, Some(Value::Deprecation(Some(_)))) {
            let mut written = self.written(at, new_patch, &[], Vec::new())?;
            written.unchanged = vec![found.location.to_string()];
            return Ok(written);
        }
        let change = self.change_of(at, "undeprecate", &found)?;
        self.write_name(at, &found, Register::Deprecation, Value::Deprecation(None))?;
        self.written(at, new_patch, &[found.entity], vec![change])
    }

    /// Whether a revision with the entity came from elsewhere, or went to a remote.
    fn has_left(&self, entity: &EntityId) -> Result<bool, EngineError> {
        for (op, _) in self.tx.entity_ops(entity)? {
            for revision in self.tx.carriers(&op)? {
                let Some(summary) = self.tx.revision_summary(&revision)? else { continue };
                if !is_own(&self.tx, &summary.author, &summary.author_key)? || self.tx.is_known(&revision)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    pub(crate) fn change_of(&self, at: usize, change: &str, found: &Found) -> Result<Change, EngineError> {
        let kind = self.look(Some(at))?.kind(&found.content)?.map(|kind| kind.as_str().to_owned());
        Ok(Change { change: change.to_owned(), location: found.location.to_string(), from: None, kind })
    }

    /// Records a write of a register beside content, made from what the view shows now.
    pub(crate) fn write_name(
        &mut self,
        at: usize,
        found: &Found,
        register: Register,
        value: Value,
    ) -> Result<(), EngineError> {
        let standing = Standing::of(&self.look(Some(at))?, &found.entity, register, None)?;
        self.write(at, found, register, value, &standing)
    }

    /// Records a write of a register.
    pub(crate) fn write(
        &mut self,
        at: usize,
        found: &Found,
        register: Register,
        value: Value,
        standing: &Standing,
    ) -> Result<(), EngineError> {
        let edit = Edit {
            entity: found.entity,
            register,
            value,
            shown: &standing.shown,
            witness: &standing.witness,
            creators: &standing.creators,
        };
        self.workspace.stack.write(at, &edit).map_err(|error| self.draft_error(error, &found.location))
    }

    pub(crate) fn draft_error(&self, error: dm_collab::draft::DraftError, location: &Location) -> EngineError {
        use dm_collab::draft::DraftError;
        match error {
            DraftError::Stale(_) => EngineError::Stale { location: location.to_string() },
            DraftError::StandsOnDraft { patch, below } => EngineError::StandsOnDraft { patch, below },
            other => EngineError::DamagedDraft(other.to_string()),
        }
    }

    /// What a command that wrote these changes is called.
    fn tell_changes(&mut self, changes: &[Change]) {
        let Some(first) = changes.first() else { return };
        let verb = match first.change.as_str() {
            "move" => "mv",
            "delete" => "rm",
            "deprecate" => "deprecate",
            "undeprecate" => "undeprecate",
            "pin" => "pin",
            "unpin" => "unpin",
            "resolve" => "conflicts resolve",
            _ => "add",
        };
        let more = if changes.len() > 1 { format!(" and {} more", changes.len() - 1) } else { String::new() };
        let from = first.from.as_ref().map(|from| format!("{from} -> ")).unwrap_or_default();
        self.tell(verb, format!("{} {from}{}{more}", first.change, first.location));
    }

    /// Saves the rows and says what was written.
    pub(crate) fn written(
        &mut self,
        at: usize,
        new_patch: bool,
        entities: &[EntityId],
        changes: Vec<Change>,
    ) -> Result<Written, EngineError> {
        let patch = if changes.is_empty() && new_patch {
            // A patch that would hold nothing is not begun.
            self.forget_patch()?;
            None
        } else {
            if !changes.is_empty() {
                self.save_rows(at, entities)?;
                self.tell_changes(&changes);
            }
            let patch = self.patch_at(at)?;
            Some(patches::summary_in(&self.tx, &self.workspace, &patch)?)
        };
        let (mut ops, mut check) = (Vec::new(), None);
        if self.dry_run && !changes.is_empty() {
            let (would, report) = self.would_write(at, entities)?;
            (ops, check) = (would, Some(report));
        }
        Ok(Written {
            dry_run: self.dry_run,
            new_patch: new_patch && patch.is_some(),
            patch,
            changes,
            unchanged: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
            ops,
            check,
        })
    }

    /// The ops of a draft that write some entities, and what checking these finds.
    fn would_write(&self, at: usize, entities: &[EntityId]) -> Result<(Vec<OpEntry>, CheckReport), EngineError> {
        let touched: BTreeSet<EntityId> = entities.iter().copied().collect();
        let made = self.workspace.stack.ops(at).into_iter().filter(|made| touched.contains(&made.op.entity));
        let ops: Vec<Op> = made.map(|made| made.op.clone()).collect();
        let look = self.look(Some(at))?;
        let before = Look { tx: &self.tx, view: View::main(&*self.tx) };
        let (mut report, _) = check_change(&look, &before, &ops, &look.leads()?)?;
        for conflict in patches::conflicts_of(&*self.tx, &ops)? {
            report.conflicts.push(crate::conflicts::sentence(&look, &conflict)?);
        }
        report.valid &= report.conflicts.is_empty();
        Ok((diff::op_entries(&look, &ops)?, report))
    }
}

/// Types begin with an upper-case letter, all else with another: under a name of the other kind nothing would be found.
fn fits(kind: Option<Kind>, to: &Location) -> Result<(), EngineError> {
    let upper = to.name().starts_with(|first: char| first.is_ascii_uppercase());
    match kind {
        Some(kind) if (kind == Kind::Type) != upper => {
            Err(EngineError::NameUnfit { location: to.to_string(), kind: kind.as_str() })
        }
        _ => Ok(()),
    }
}
