//! The names of a view, as the language asks for them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use dm_lang::{Entry, RenderScope, Scope};
use dm_model::{EntityId, Location, Register, Value, Visibility};

use crate::error::EngineError;
use crate::look::Look;

/// Answers from a view, and from what is being created over it. Remembers what it was asked, since names repeat.
pub(crate) struct ViewScope<'a> {
    look: &'a Look<'a>,
    /// What is being created or moved over the view, by path. An empty list hides what the view has there.
    pending: BTreeMap<String, Vec<Entry>>,
    moved: BTreeMap<EntityId, Location>,
    known: RefCell<BTreeMap<String, Vec<Entry>>>,
    failure: RefCell<Option<EngineError>>,
}

impl<'a> ViewScope<'a> {
    pub(crate) fn new(look: &'a Look<'a>) -> Self {
        Self {
            look,
            pending: BTreeMap::new(),
            moved: BTreeMap::new(),
            known: RefCell::default(),
            failure: RefCell::default(),
        }
    }

    /// Adds what is being created.
    pub(crate) fn add(&mut self, location: &Location, entry: Entry) {
        self.pending.entry(location.as_str().to_owned()).or_default().push(entry);
        self.moved.insert(entry.entity, location.clone());
    }

    /// What went wrong while answering, if anything: a scope cannot say it itself.
    pub(crate) fn check(self) -> Result<(), EngineError> {
        self.failure.into_inner().map_or(Ok(()), Err)
    }

    fn guard<T: Default>(&self, answer: Result<T, EngineError>) -> T {
        answer.unwrap_or_else(|error| {
            self.failure.borrow_mut().get_or_insert(error);
            T::default()
        })
    }

    fn entries_in_view(&self, path: &str) -> Result<Vec<Entry>, EngineError> {
        // What is no location has nothing at it: the language tries paths without an owner too.
        let Ok(location) = path.parse::<Location>() else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        for entity in self.look.entities_at(&location)? {
            if let Some(entry) = self.look.scope_entry(&entity)? {
                entries.push(entry);
            }
        }
        Ok(entries)
    }
}

impl Scope for ViewScope<'_> {
    fn entries_at(&self, path: &str, into: &mut Vec<Entry>) {
        if let Some(pending) = self.pending.get(path) {
            into.extend(pending);
            return;
        }
        if let Some(known) = self.known.borrow().get(path) {
            into.extend(known);
            return;
        }
        let found = self.guard(self.entries_in_view(path));
        into.extend(&found);
        self.known.borrow_mut().insert(path.to_owned(), found);
    }

    fn locations_named(&self, name: &str) -> Vec<String> {
        let mut found = self.guard(self.look.locations_ending(name));
        found.extend(self.pending.keys().filter(|path| path.rsplit('.').next() == Some(name)).cloned());
        found
    }

    fn names_in(&self, module_path: &str) -> Vec<String> {
        self.guard(self.look.names_in(module_path))
    }
}

impl RenderScope for ViewScope<'_> {
    fn location_of(&self, entity: EntityId) -> Option<Location> {
        if let Some(location) = self.moved.get(&entity) {
            return Some(location.clone());
        }
        self.guard(self.look.location_of(&entity))
    }
}

/// The visibility that a state says; public where it says none.
pub(crate) fn visibility_of(state: &dm_collab::EntityState) -> Visibility {
    match state.registers.get(&Register::Visibility).and_then(dm_collab::RegisterState::provisional) {
        Some(Value::Visibility(visibility)) => *visibility,
        _ => Visibility::Public,
    }
}
