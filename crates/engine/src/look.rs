//! One view and what is asked of it again and again: names, states, texts.

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::view::View;
use dm_collab::{EntityState, ProjectionRead as _};
use dm_lang::Entry as ScopeEntry;
use dm_model::{DefHash, Definition, EntityId, Kind, Location, Op, Reference, Register, Target, Value};
use dm_store::ReadTx;

use crate::error::EngineError;
use crate::report::Entry;
use crate::scope::{ViewScope, visibility_of};

/// Fewest digits by which an entity is named.
const ENTITY_DIGITS_MIN: usize = 8;

/// A view over a transaction.
pub(crate) struct Look<'a> {
    /// What it reads from.
    pub tx: &'a ReadTx<'a>,
    /// The view.
    pub view: View<'a>,
}

/// A definition of a view with all that is asked about it together.
#[derive(Clone)]
pub(crate) struct Found {
    pub entity: EntityId,
    pub state: EntityState,
    pub location: Location,
    pub content: DefHash,
}

/// A definition that stays on a version of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub by: EntityId,
    pub of: EntityId,
    pub content: DefHash,
}

/// By what else than the references in their texts definitions lead to others.
#[derive(Default)]
pub(crate) struct Leads {
    /// Those with names that meant nothing when they were saved, by the last segments of what those may lead to.
    by_leaf: BTreeMap<String, BTreeSet<EntityId>>,
    pub pins: Vec<Pinned>,
}

impl Leads {
    /// The pins on versions that refer to an entity.
    pub(crate) fn through_pins(
        &self,
        look: &Look<'_>,
        entity: EntityId,
    ) -> Result<impl Iterator<Item = Pinned>, EngineError> {
        let mut through = Vec::new();
        for pin in &self.pins {
            let head = look.tx.definition_head(&pin.content)?;
            if head.is_some_and(|(_, uses)| uses.contains(&entity)) {
                through.push(*pin);
            }
        }
        Ok(through.into_iter())
    }
}

impl<'a> Look<'a> {
    pub(crate) fn state(&self, entity: &EntityId) -> Result<Option<EntityState>, EngineError> {
        Ok(self.view.entity(entity)?)
    }

    pub(crate) fn entities_at(&self, location: &Location) -> Result<Vec<EntityId>, EngineError> {
        Ok(self.view.entities_at(location)?)
    }

    /// The content in force, the session's own where it disagrees with others.
    pub(crate) fn content(&self, entity: &EntityId) -> Result<Option<DefHash>, EngineError> {
        Ok(self.view.content(entity)?)
    }

    /// Where an entity is; of several places the one in force.
    pub(crate) fn location_of(&self, entity: &EntityId) -> Result<Option<Location>, EngineError> {
        let Some(state) = self.state(entity)? else { return Ok(None) };
        if state.live.len() > 1
            && let Some(Value::Location(Some(location))) = self.view.value(entity, Register::Location)?
        {
            return Ok(Some(location));
        }
        Ok(state.live.first().cloned())
    }

    /// Where an entity is, or was last, or was born: for words about it.
    pub(crate) fn last_location(&self, entity: &EntityId) -> Result<String, EngineError> {
        if let Some(location) = self.location_of(entity)? {
            return Ok(location.to_string());
        }
        let place = |op: &Op| match op.action.value(Register::Location) {
            Some(Value::Location(Some(location))) => Some(location.to_string()),
            _ => None,
        };
        // Where it was when it was deleted.
        for head in self.view.heads(entity, Register::Location)? {
            let Some(deletion) = self.view.op(&head.op)? else { continue };
            for parent in &deletion.supersedes {
                if let Some(location) = self.view.op(parent)?.as_deref().and_then(place) {
                    return Ok(location);
                }
            }
        }
        // It is not in this view at all: any place that it ever had.
        let ops = self.tx.entity_ops(entity)?;
        let known = ops.iter().find_map(|(_, op)| place(op));
        Ok(known.unwrap_or_else(|| format!("entity {}", entity.short())))
    }

    pub(crate) fn definition(&self, hash: &DefHash) -> Result<Definition, EngineError> {
        let found = self.tx.definition(hash)?;
        found.ok_or_else(|| EngineError::MissingContent(*hash))
    }

    pub(crate) fn kind(&self, hash: &DefHash) -> Result<Option<Kind>, EngineError> {
        Ok(self.tx.definition_kind(hash)?)
    }

    /// What the language is told of an entity.
    pub(crate) fn scope_entry(&self, entity: &EntityId) -> Result<Option<ScopeEntry>, EngineError> {
        let Some(state) = self.state(entity)? else { return Ok(None) };
        let Some(content) = self.content(entity)? else { return Ok(None) };
        let Some(kind) = self.kind(&content)? else { return Ok(None) };
        Ok(Some(ScopeEntry { entity: *entity, kind, visibility: visibility_of(&state) }))
    }

    /// The live entities whose id starts with a text: how one of several at a place is named.
    fn entities_starting(&self, prefix: &str) -> Result<Vec<EntityId>, EngineError> {
        let hex = prefix.len() >= ENTITY_DIGITS_MIN && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hex {
            return Ok(Vec::new());
        }
        let mut entities: Vec<EntityId> = self.names_below("")?.into_iter().map(|(_, entity)| entity).collect();
        entities.retain(|entity| entity.to_string().starts_with(prefix));
        entities.sort_unstable();
        entities.dedup();
        Ok(entities)
    }

    /// The definition that a name means: a location, the end of one that is unique, or the start of an entity's id.
    pub(crate) fn find(&self, name: &str) -> Result<Found, EngineError> {
        let mut entities = match name.parse::<Location>() {
            Ok(location) => self.entities_at(&location)?,
            Err(_) => Vec::new(),
        };
        if entities.is_empty() {
            let ending: BTreeSet<EntityId> = self.ending(name)?.into_iter().map(|(_, entity)| entity).collect();
            entities = ending.into_iter().collect();
        }
        if entities.is_empty() {
            entities = self.entities_starting(name)?;
        }
        match entities.as_slice() {
            [] if !name.is_empty() && !self.names_below(name)?.is_empty() => {
                Err(EngineError::IsModule(name.to_owned()))
            }
            [] => Err(EngineError::NoSuchName { name: name.to_owned(), similar: self.similar(name)? }),
            [entity] => self
                .found(entity)?
                .ok_or_else(|| EngineError::NoSuchName { name: name.to_owned(), similar: Vec::new() }),
            many => {
                let mut candidates = Vec::new();
                for entity in many.iter().take(20) {
                    candidates.push(self.last_location(entity)?);
                }
                candidates.sort();
                Err(EngineError::AmbiguousName { name: name.to_owned(), candidates })
            }
        }
    }

    /// A live entity with its place and content.
    pub(crate) fn found(&self, entity: &EntityId) -> Result<Option<Found>, EngineError> {
        let Some(state) = self.state(entity)? else { return Ok(None) };
        let (Some(location), Some(content)) = (self.location_of(entity)?, self.content(entity)?) else {
            return Ok(None);
        };
        Ok(Some(Found { entity: *entity, state, location, content }))
    }

    /// Live locations that are a text, or end in a dot and it.
    fn ending(&self, name: &str) -> Result<Vec<(Location, EntityId)>, EngineError> {
        let mut found = Vec::new();
        let leaf = name.rsplit('.').next().unwrap_or(name);
        let dotted = format!(".{name}");
        for (location, entity) in self.named(leaf)? {
            if location.as_str().ends_with(&dotted) {
                found.push((location, entity));
            }
        }
        Ok(found)
    }

    /// Live names whose last segment is this.
    fn named(&self, leaf: &str) -> Result<Vec<(Location, EntityId)>, EngineError> {
        let mut found = Vec::new();
        let touched = self.touched();
        for name in self.tx.names_ending(leaf)? {
            if !touched.contains(&name.entity) {
                found.push((name.location, name.entity));
            }
        }
        for (location, entity) in self.overlay_names() {
            if location.name() == leaf {
                found.push((location, entity));
            }
        }
        Ok(found)
    }

    fn touched(&self) -> BTreeSet<EntityId> {
        self.view.changed().map(|(entity, _)| *entity).collect()
    }

    /// The live names of entities that the overlay touches.
    fn overlay_names(&self) -> Vec<(Location, EntityId)> {
        let changed = self.view.changed();
        let names = changed.flat_map(|(entity, changed)| changed.after.live.iter().map(|at| (at.clone(), *entity)));
        names.collect()
    }

    /// All live names below a module path, or all with none; by location.
    pub(crate) fn names_below(&self, module: &str) -> Result<Vec<(Location, EntityId)>, EngineError> {
        let mut names = Vec::new();
        let touched = self.touched();
        for name in self.tx.live_names(module)? {
            if !touched.contains(&name.entity) {
                names.push((name.location, name.entity));
            }
        }
        let below = |location: &Location| {
            module.is_empty() || location.as_str().strip_prefix(module).is_some_and(|rest| rest.starts_with('.'))
        };
        names.extend(self.overlay_names().into_iter().filter(|(location, _)| below(location)));
        names.sort();
        Ok(names)
    }

    pub(crate) fn locations_ending(&self, leaf: &str) -> Result<Vec<String>, EngineError> {
        let mut found: Vec<String> = self.named(leaf)?.into_iter().map(|(location, _)| location.to_string()).collect();
        found.sort();
        found.truncate(24);
        Ok(found)
    }

    /// Names directly in a module.
    pub(crate) fn names_in(&self, module: &str) -> Result<Vec<String>, EngineError> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for (location, _) in self.names_below(module)? {
            if location.module_path() == module {
                names.insert(location.name().to_owned());
            }
        }
        Ok(names.into_iter().collect())
    }

    /// Names like a text that names nothing.
    fn similar(&self, name: &str) -> Result<Vec<String>, EngineError> {
        let leaf = name.rsplit('.').next().unwrap_or(name);
        let mut similar = self.locations_ending(leaf)?;
        if similar.is_empty() && leaf.len() > 2 {
            similar = self.names_like(leaf, 3)?;
        }
        similar.truncate(3);
        Ok(similar)
    }

    /// The tests directly in a module, with their names and renderings, in the order of writing.
    pub(crate) fn tests_in(&self, module: &str) -> Result<Vec<(EntityId, String, String)>, EngineError> {
        let mut tests = Vec::new();
        for (location, entity) in self.names_below(module)? {
            if location.module_path() != module {
                continue;
            }
            let Some(content) = self.content(&entity)? else { continue };
            if self.kind(&content)? == Some(Kind::Test) {
                let text = self.render(&self.definition(&content)?, &location)?;
                tests.push((entity, location.name().to_owned(), text));
            }
        }
        Ok(tests)
    }

    /// What the unresolved names of a definition lead to in this view (SEMANTICS R27): references by index, and what they mean
    /// now.
    pub(crate) fn unresolved_now(
        &self,
        definition: &Definition,
        at: &Location,
    ) -> Result<Vec<(usize, EntityId)>, EngineError> {
        let unresolved = |reference: &Reference| reference.target == Target::Unresolved;
        if !definition.references.iter().any(unresolved) {
            return Ok(Vec::new());
        }
        let scope = ViewScope::new(self);
        let now = dm_lang::resolve_text(&definition.text, at, &dm_lang::Bindings::of_base(definition), &scope);
        scope.check()?;
        let Ok((_, now)) = now else { return Ok(Vec::new()) };
        let mut bound = Vec::new();
        for (index, stored) in definition.references.iter().enumerate().filter(|(_, stored)| unresolved(stored)) {
            let again = now.references.iter().find(|again| (again.start, again.form) == (stored.start, stored.form));
            if let Some(Target::Entity(entity)) = again.map(|again| &again.target) {
                bound.push((index, *entity));
            }
        }
        Ok(bound)
    }

    /// The entities that the unresolved names of a definition lead to in this view.
    pub(crate) fn bound_by_name(&self, definition: &Definition, at: &Location) -> Result<Vec<EntityId>, EngineError> {
        let mut bound: Vec<EntityId> =
            self.unresolved_now(definition, at)?.into_iter().map(|(_, entity)| entity).collect();
        bound.sort_unstable();
        bound.dedup();
        Ok(bound)
    }

    /// The definitions that lead to some of these entities by an unresolved name, each as it would be with those names settled.
    pub(crate) fn leading_to(&self, entities: &BTreeSet<EntityId>) -> Result<Vec<(Found, Definition)>, EngineError> {
        let mut leading = Vec::new();
        for candidate in self.with_unresolved_names()? {
            let Some(found) = self.found(&candidate)? else { continue };
            let mut definition = self.definition(&found.content)?;
            let mut bound = self.unresolved_now(&definition, &found.location)?;
            bound.retain(|(_, entity)| entities.contains(entity));
            for (index, entity) in &bound {
                if let Some(reference) = definition.references.get_mut(*index) {
                    reference.target = Target::Entity(*entity);
                }
            }
            if !bound.is_empty() {
                leading.push((found, definition));
            }
        }
        Ok(leading)
    }

    /// By what else than the references in their texts definitions lead to others.
    pub(crate) fn leads(&self) -> Result<Leads, EngineError> {
        let mut leads = Leads::default();
        for candidate in self.with_unresolved_names()? {
            let Some(content) = self.content(&candidate)? else { continue };
            let definition = self.definition(&content)?;
            let unresolved = definition.references.iter().filter(|reference| reference.target == Target::Unresolved);
            for reference in unresolved {
                let span = definition.text.get(reference.start as usize..reference.end() as usize).unwrap_or_default();
                for leaf in dm_lang::lookup::leaves(span, reference.form) {
                    leads.by_leaf.entry(leaf).or_default().insert(candidate);
                }
            }
        }
        leads.pins = self.pins()?;
        Ok(leads)
    }

    /// Who stays on what, ascending.
    pub(crate) fn pins(&self) -> Result<Vec<Pinned>, EngineError> {
        let mut candidates: BTreeSet<EntityId> = self.tx.with_pins()?;
        candidates.extend(self.touched());
        let mut pins = Vec::new();
        for by in candidates {
            if self.location_of(&by)?.is_some() {
                pins.extend(self.pins_of(&by)?.into_iter().map(|(of, content)| Pinned { by, of, content }));
            }
        }
        Ok(pins)
    }

    /// What an entity stays on a version of, and on which.
    pub(crate) fn pins_of(&self, entity: &EntityId) -> Result<Vec<(EntityId, DefHash)>, EngineError> {
        self.state(entity)?.map_or_else(|| Ok(Vec::new()), |state| self.pins_in(&state))
    }

    /// The same of an entity in this state.
    pub(crate) fn pins_in(&self, state: &EntityState) -> Result<Vec<(EntityId, DefHash)>, EngineError> {
        let mut pins = Vec::new();
        for (register, is) in &state.registers {
            if let Register::Pin(of) = register
                && let Some(Value::Pin(Some(content))) = self.view.in_force(is)?
            {
                pins.push((*of, content));
            }
        }
        Ok(pins)
    }

    fn with_unresolved_names(&self) -> Result<BTreeSet<EntityId>, EngineError> {
        let mut candidates: BTreeSet<EntityId> = self.tx.with_unresolved_names()?.into_iter().collect();
        candidates.extend(self.touched());
        Ok(candidates)
    }

    /// Who refers to an entity, those too that lead to it by a name that meant nothing when they were saved.
    pub(crate) fn referring(&self, entity: EntityId, leads: &Leads) -> Result<BTreeSet<EntityId>, EngineError> {
        let mut users: BTreeSet<EntityId> = self.view.dependents(&entity)?.into_iter().collect();
        let Some(at) = self.location_of(&entity)? else { return Ok(users) };
        for candidate in leads.by_leaf.get(at.name()).into_iter().flatten() {
            let Some(found) = self.found(candidate)? else { continue };
            if self.bound_by_name(&self.definition(&found.content)?, &found.location)?.contains(&entity) {
                users.insert(*candidate);
            }
        }
        Ok(users)
    }

    /// Who may see a change of an entity: who refers to it, and who stays on a version of something that does.
    pub(crate) fn users(&self, entity: EntityId, leads: &Leads) -> Result<BTreeSet<EntityId>, EngineError> {
        let mut users = self.referring(entity, leads)?;
        users.extend(leads.through_pins(self, entity)?.map(|pin| pin.by));
        Ok(users)
    }

    /// The rendering of a definition at a location.
    pub(crate) fn render(&self, definition: &Definition, at: &Location) -> Result<String, EngineError> {
        let scope = ViewScope::new(self);
        let text = dm_lang::render(definition, at, &scope).text.into_owned();
        scope.check()?;
        Ok(text)
    }

    /// The rendering of what an entity has in force.
    pub(crate) fn text_of(&self, found: &Found) -> Result<String, EngineError> {
        self.render(&self.definition(&found.content)?, &found.location)
    }

    /// A definition for a listing.
    pub(crate) fn entry(&self, found: &Found) -> Result<Entry, EngineError> {
        let definition = self.definition(&found.content)?;
        let outline = dm_lang::outline(&definition.text);
        let texts = outline.map(|outline| (outline.signature, outline.doc)).unwrap_or_default();
        self.entry_with(found, definition.kind, texts)
    }

    /// As [`Look::entry`], with the definition's kind, signature and doc at hand.
    pub(crate) fn entry_with(
        &self,
        found: &Found,
        kind: Kind,
        (signature, doc): (String, String),
    ) -> Result<Entry, EngineError> {
        let deprecation = match self.view.value(&found.entity, Register::Deprecation)? {
            Some(Value::Deprecation(deprecation)) => deprecation,
            _ => None,
        };
        let replacement = deprecation.as_ref().and_then(|deprecation| deprecation.replacement);
        let replacement = replacement.map(|entity| self.last_location(&entity)).transpose()?;
        Ok(Entry {
            location: found.location.to_string(),
            kind: kind.as_str().to_owned(),
            entity: found.entity.to_string(),
            hash: found.content.to_string(),
            signature,
            doc,
            deprecated: deprecation.map(|deprecation| deprecation.reason),
            replacement,
            visibility: visibility_of(&found.state).as_str().to_owned(),
        })
    }
}
