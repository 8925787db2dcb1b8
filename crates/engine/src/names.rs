//! Edits of names: move, delete, deprecate.

use dm_collab::draft::Edit;
use dm_model::{Deprecation, EntityId, Location, Register, Value};

use crate::error::EngineError;
use crate::look::Found;
use crate::patches;
use crate::report::{Change, Written};
use crate::transaction::Transaction;

impl Transaction<'_> {
    /// Moves a definition, or a whole module with all that is in it.
    ///
    /// # Errors
    /// If there is no such name, or the new place is taken.
    pub fn mv(&mut self, old: &str, new: &str, intent: Option<&str>) -> Result<Written, EngineError> {
        let (at, new_patch) = self.draft_for(intent)?;
        let moves = self.moves(at, old, new)?;
        let mut changes = Vec::new();
        for (found, to) in &moves {
            let look = self.look(Some(at))?;
            if let Some(taken) = look.entities_at(to)?.first()
                && *taken != found.entity
            {
                return Err(EngineError::LocationTaken { location: to.to_string() });
            }
            let kind = look.kind(&found.content)?.map(|kind| kind.as_str().to_owned());
            drop(look);
            self.write_name(at, found, Register::Location, Value::Location(Some(to.clone())))?;
            changes.push(Change {
                change: "move".to_owned(),
                location: to.to_string(),
                from: Some(found.location.to_string()),
                kind,
            });
        }
        let entities: Vec<EntityId> = moves.iter().map(|(found, _)| found.entity).collect();
        self.written(at, new_patch, &entities, changes)
    }

    /// What a move means: one definition, or every one below a module.
    fn moves(&self, at: usize, old: &str, new: &str) -> Result<Vec<(Found, Location)>, EngineError> {
        let look = self.look(Some(at))?;
        match look.find(old) {
            Ok(found) => {
                // A bare new name stays in the module.
                let to =
                    if new.contains('.') { new.parse()? } else { Location::within(found.location.module_path(), new)? };
                Ok(vec![(found, to)])
            }
            Err(EngineError::NoSuchName { name, similar }) => {
                let below = look.names_below(old)?;
                if below.is_empty() {
                    return Err(EngineError::NoSuchName { name, similar });
                }
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
            Err(error) => Err(error),
        }
    }

    /// Deletes a definition.
    ///
    /// # Errors
    /// If there is no such name.
    pub fn rm(&mut self, name: &str, intent: Option<&str>) -> Result<Written, EngineError> {
        let (at, new_patch) = self.draft_for(intent)?;
        let found = self.look(Some(at))?.find(name)?;
        let mut notes = Vec::new();
        {
            let look = self.look(Some(at))?;
            for dependent in look.view.dependents(&found.entity)? {
                if dependent != found.entity {
                    notes.push(format!("still used by {}", look.last_location(&dependent)?));
                }
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
        let (at, new_patch) = self.draft_for(intent)?;
        let look = self.look(Some(at))?;
        let found = look.find(name)?;
        let replacement = replacement.map(|name| look.find(name)).transpose()?.map(|found| found.entity);
        drop(look);
        let reason: String = reason.chars().take(dm_model::op::REASON_BYTES_MAX / 4).collect();
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

    fn change_of(&self, at: usize, change: &str, found: &Found) -> Result<Change, EngineError> {
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
        let look = self.look(Some(at))?;
        let shown = look.view.shown(&found.entity, register)?;
        let witness = look.view.witness(&found.entity, register)?;
        let creators = look.view.creators(&found.entity)?;
        drop(look);
        let edit =
            Edit { entity: found.entity, register, value, shown: &shown, witness: &witness, creators: &creators };
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

    /// Saves the rows and says what was written.
    pub(crate) fn written(
        &mut self,
        at: usize,
        new_patch: bool,
        entities: &[EntityId],
        changes: Vec<Change>,
    ) -> Result<Written, EngineError> {
        self.save_rows(at, entities)?;
        let patch = self.patch_at(at)?;
        let look = self.look(None)?;
        let summary = patches::summary(&look, &self.workspace, &patch)?;
        Ok(Written {
            dry_run: self.dry_run,
            patch: Some(summary),
            new_patch,
            changes,
            unchanged: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        })
    }
}
