//! Pins: a definition stays on a version of another while that goes on.

use std::collections::BTreeSet;

use dm_collab::ProjectionRead as _;
use dm_model::{DefHash, EntityId, Register, Value};

use crate::error::EngineError;
use crate::look::{Found, Look};
use crate::report::{PinEntry, Written};
use crate::transaction::Transaction;

impl Transaction<'_> {
    /// Makes a definition stay on a version of one that it refers to: the present one, or one that it had, by the start of its
    /// hash. Pins are shallow: what that version refers to itself goes on.
    ///
    /// # Errors
    /// If there is no such name or version, or the one does not refer to the other.
    pub fn pin(
        &mut self,
        name: &str,
        dependency: &str,
        version: Option<&str>,
        intent: Option<&str>,
    ) -> Result<Written, EngineError> {
        let (at, new_patch) = self.draft_for(intent)?;
        let look = self.look(Some(at))?;
        let (found, of) = (look.find(name)?, look.find(dependency)?);
        let definition = look.definition(&found.content)?;
        let refers = definition.uses().contains(&of.entity)
            || look.bound_by_name(&definition, &found.location)?.contains(&of.entity);
        if !refers {
            let (location, dependency) = (found.location.to_string(), of.location.to_string());
            return Err(EngineError::NoDependency { location, dependency });
        }
        let content = match version {
            Some(prefix) => version_of(&look, &of, prefix)?,
            None => of.content,
        };
        let now = look.pins_of(&found.entity)?;
        let mut moving = Vec::new();
        for entity in look.definition(&content)?.uses().into_iter().filter(|entity| *entity != of.entity) {
            moving.push(look.last_location(&entity)?);
        }
        drop(look);
        if now.contains(&(of.entity, content)) {
            return self.pinned_already(at, new_patch, &found);
        }
        let change = self.change_of(at, "pin", &found)?;
        self.write_name(at, &found, Register::Pin(of.entity), Value::Pin(Some(content)))?;
        let mut written = self.written(at, new_patch, &[found.entity], vec![change])?;
        written.notes = vec![format!("stays on {} of {}", content.short(), of.location)];
        if !moving.is_empty() {
            moving.sort();
            written.notes.push(format!("what that refers to still moves: {}", moving.join(", ")));
        }
        Ok(written)
    }

    /// Lets a definition follow one again that it was pinned to a version of.
    ///
    /// # Errors
    /// If there is no such name, or it is not pinned so.
    pub fn unpin(&mut self, name: &str, dependency: &str, intent: Option<&str>) -> Result<Written, EngineError> {
        let (at, new_patch) = self.draft_for(intent)?;
        let look = self.look(Some(at))?;
        let found = look.find(name)?;
        let pins: BTreeSet<EntityId> = look.pins_of(&found.entity)?.into_iter().map(|(of, _)| of).collect();
        let mut meant = Vec::new();
        for of in &pins {
            let location = look.last_location(of)?;
            // The dependency may be deleted by now, so it is sought among the pins only.
            if location == dependency || location.ends_with(&format!(".{dependency}")) {
                meant.push(*of);
            }
        }
        drop(look);
        let [of] = meant.as_slice() else {
            let (location, dependency) = (found.location.to_string(), dependency.to_owned());
            return Err(EngineError::NotPinned { location, dependency });
        };
        let change = self.change_of(at, "unpin", &found)?;
        self.write_name(at, &found, Register::Pin(*of), Value::Pin(None))?;
        self.written(at, new_patch, &[found.entity], vec![change])
    }

    fn pinned_already(&mut self, at: usize, new_patch: bool, found: &Found) -> Result<Written, EngineError> {
        let mut written = self.written(at, new_patch, &[], Vec::new())?;
        written.unchanged = vec![found.location.to_string()];
        Ok(written)
    }
}

/// The version of a definition, among those that it had, whose hash begins so.
fn version_of(look: &Look<'_>, of: &Found, prefix: &str) -> Result<DefHash, EngineError> {
    let mut versions = BTreeSet::from([of.content]);
    let overlay = look.view.overlay_ops().filter(|(_, op)| op.entity == of.entity);
    let mut values: Vec<Option<Value>> = overlay.map(|(_, op)| op.action.value(Register::Content)).collect();
    values.extend(look.tx.entity_ops(&of.entity)?.into_iter().map(|(_, op)| op.action.value(Register::Content)));
    for value in values.into_iter().flatten() {
        if let Value::Content(content) = value {
            versions.insert(content);
        }
    }
    let fits: Vec<DefHash> = versions.iter().copied().filter(|hash| hash.to_string().starts_with(prefix)).collect();
    match fits.as_slice() {
        [version] if !prefix.is_empty() => Ok(*version),
        _ => Err(EngineError::NoSuchVersion {
            location: of.location.to_string(),
            version: prefix.to_owned(),
            known: versions.iter().map(DefHash::short).collect(),
        }),
    }
}

/// All pins of a view, by location.
pub(crate) fn entries(look: &Look<'_>) -> Result<Vec<PinEntry>, EngineError> {
    let mut entries = Vec::new();
    for pin in look.pins()? {
        entries.push(PinEntry {
            location: look.last_location(&pin.by)?,
            dependency: look.last_location(&pin.of)?,
            version: pin.content.to_string(),
            moved_on: look.content(&pin.of)? != Some(pin.content),
        });
    }
    entries.sort_by(|left, right| (&left.location, &left.dependency).cmp(&(&right.location, &right.dependency)));
    Ok(entries)
}
