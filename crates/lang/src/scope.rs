//! What this crate asks of a view: which entities stand where.
//!
//! [`Scope`] and [`RenderScope`] are the ports; [`NameTable`] is a plain table that implements both, for tests and for what is
//! being created in an import. A scope answers by exact dotted path; which paths to try is decided in [`crate::lookup`].

use std::sync::OnceLock;

use dm_model::{EntityId, Kind, Location, Visibility};
use rustc_hash::FxHashMap;

/// What stands at a location in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The entity.
    pub entity: EntityId,
    /// The kind of its content in the view.
    pub kind: Kind,
    /// Who may refer to it.
    pub visibility: Visibility,
}

/// The names of a view.
pub trait Scope {
    /// Appends every live entity at exactly this dotted path (`Owner.Module.name`). More than one is a name collision.
    fn entries_at(&self, path: &str, into: &mut Vec<Entry>);

    /// The locations of this last segment, at most a few dozen, for "did you mean". Asked only for names with a problem.
    fn locations_named(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }

    /// The names directly in a module, for "did you mean". Asked only for names with a problem.
    fn names_in(&self, _module_path: &str) -> Vec<String> {
        Vec::new()
    }
}

/// The names of a view, and where each entity is now.
pub trait RenderScope: Scope {
    /// The location of an entity in the view; `None` if it is deleted or unknown. Of several (a move conflict), the one
    /// in force.
    fn location_of(&self, entity: EntityId) -> Option<Location>;
}

/// A table of names in memory.
#[derive(Debug, Clone, Default)]
pub struct NameTable {
    by_path: FxHashMap<String, Vec<Entry>>,
    by_entity: FxHashMap<EntityId, Location>,
    near: OnceLock<Near>,
}

/// The paths of a table in other orders, made when the first name with a problem asks.
#[derive(Debug, Clone, Default)]
struct Near {
    /// Paths by last segment, ascending.
    named: FxHashMap<String, Vec<String>>,
    /// Names by module, ascending.
    within: FxHashMap<String, Vec<String>>,
}

impl Near {
    fn of<'p>(paths: impl Iterator<Item = &'p String>) -> Self {
        let mut paths: Vec<&String> = paths.collect();
        paths.sort_unstable();
        let mut near = Self::default();
        for path in paths {
            let (module, name) = path.rsplit_once('.').unwrap_or(("", path));
            near.named.entry(name.to_owned()).or_default().push(path.clone());
            near.within.entry(module.to_owned()).or_default().push(name.to_owned());
        }
        near
    }
}

impl NameTable {
    /// Puts an entity at a location; one that was elsewhere moves there.
    pub fn insert(&mut self, location: &Location, entry: Entry) {
        self.remove(entry.entity);
        self.near.take();
        self.by_path.entry(location.as_str().to_owned()).or_default().push(entry);
        self.by_entity.insert(entry.entity, location.clone());
    }

    /// Takes an entity away.
    pub fn remove(&mut self, entity: EntityId) {
        let Some(location) = self.by_entity.remove(&entity) else { return };
        self.near.take();
        if let Some(entries) = self.by_path.get_mut(location.as_str()) {
            entries.retain(|entry| entry.entity != entity);
            if entries.is_empty() {
                self.by_path.remove(location.as_str());
            }
        }
    }

    /// All locations, ascending, each with what stands there.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&str, Entry)> {
        let mut all: Vec<_> = self
            .by_path
            .iter()
            .flat_map(|(path, entries)| entries.iter().map(move |entry| (path.as_str(), *entry)))
            .collect();
        all.sort_by(|a, b| a.0.cmp(b.0).then(a.1.entity.cmp(&b.1.entity)));
        all
    }

    fn near(&self) -> &Near {
        self.near.get_or_init(|| Near::of(self.by_path.keys()))
    }
}

impl Scope for NameTable {
    fn entries_at(&self, path: &str, into: &mut Vec<Entry>) {
        into.extend(self.by_path.get(path).into_iter().flatten());
    }

    fn locations_named(&self, name: &str) -> Vec<String> {
        self.near().named.get(name).cloned().unwrap_or_default()
    }

    fn names_in(&self, module_path: &str) -> Vec<String> {
        self.near().within.get(module_path).cloned().unwrap_or_default()
    }
}

impl RenderScope for NameTable {
    fn location_of(&self, entity: EntityId) -> Option<Location> {
        self.by_entity.get(&entity).cloned()
    }
}
