//! What a person or the base text says that a name means.

use std::collections::BTreeMap;

use dm_model::{Definition, EntityId, Target};

use crate::spelling;

/// Meanings of spellings that go before, or stand in for, those of the view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings {
    /// Said by a person (`--bind NAME=ENTITY`): always in force where the name is not local.
    asked: BTreeMap<String, EntityId>,
    /// What the base text meant: in force where the view does not give exactly one entity. Two meanings are none.
    base: BTreeMap<String, Option<EntityId>>,
}

impl Bindings {
    /// What the references of a definition mean, by their spelling in its text.
    #[must_use]
    pub fn of_base(base: &Definition) -> Self {
        let mut bindings = Self::default();
        for reference in &base.references {
            let span = base.text.get(reference.start as usize..reference.end() as usize);
            if let (Some(span), Target::Entity(entity)) = (span, &reference.target) {
                bindings.keep(&spelling::of_span(span), *entity);
            }
        }
        bindings
    }

    /// Adds what the base text meant by a spelling.
    pub(crate) fn keep(&mut self, spelling: &str, entity: EntityId) {
        let known = self.base.entry(spelling.to_owned()).or_insert(Some(entity));
        if *known != Some(entity) {
            *known = None;
        }
    }

    /// Says that a spelling means an entity, whatever the view says.
    pub fn bind(&mut self, spelling: &str, entity: EntityId) {
        self.asked.insert(spelling.to_owned(), entity);
    }

    /// The bindings a person asked for, in force beside these.
    #[must_use]
    pub fn with_asked(mut self, asked: &BTreeMap<String, EntityId>) -> Self {
        self.asked.extend(asked.iter().map(|(name, entity)| (name.clone(), *entity)));
        self
    }

    pub(super) fn asked(&self, spelling: &str) -> Option<EntityId> {
        if self.asked.is_empty() {
            return None;
        }
        self.asked.get(spelling).copied()
    }

    pub(super) fn kept(&self, spelling: &str) -> Option<EntityId> {
        self.base.get(spelling).copied().flatten()
    }
}
