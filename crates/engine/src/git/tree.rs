//! The files that an export of main writes, kept up to date from one moment of its history to the next.
//!
//! The whole tree is rendered once; after that a change costs what it touches. What a definition's rendering depends on is
//! known: its text, and what stands at the names that its references are, or could be, spelled with.

use std::collections::{BTreeMap, BTreeSet};

use dm_lang::{Entry as ScopeEntry, NameTable, Shown};
use dm_model::{Definition, EntityId, Location, ReferenceForm};
use dm_store::{ReadTx, WrittenAt};

use crate::error::EngineError;
use crate::look::Look;
use crate::scope::visibility_of;

/// A live definition as it is shown.
struct Placed {
    /// Where it is, ascending; several if moves of it conflict.
    locations: Vec<Location>,
    entry: ScopeEntry,
    definition: Definition,
    order: Option<WrittenAt>,
    /// Its rendering at each location.
    texts: Vec<String>,
}

/// The files, by what they are made of.
#[derive(Default)]
pub(crate) struct Tree {
    table: NameTable,
    placed: BTreeMap<EntityId, Placed>,
    modules: BTreeMap<String, BTreeSet<EntityId>>,
    /// Definitions by the words in the paths that they refer by.
    spelled: BTreeMap<String, BTreeSet<EntityId>>,
    /// Definitions by what they refer to.
    users: BTreeMap<EntityId, BTreeSet<EntityId>>,
    /// Entities by the last segment of where they are.
    named: BTreeMap<String, BTreeSet<EntityId>>,
    files: BTreeMap<String, BTreeMap<String, String>>,
}

/// A file that is other than it was; none: it is gone.
pub(crate) type Changed = BTreeMap<String, Option<String>>;

/// What a change touches.
#[derive(Default)]
struct Touched {
    modules: BTreeSet<String>,
    names: BTreeSet<String>,
    moved: BTreeSet<EntityId>,
    render: BTreeSet<EntityId>,
}

impl Tree {
    /// Follows entities to what `look` shows of them now, their definitions taken from `contents`.
    pub(crate) fn follow(
        &mut self,
        look: &Look<'_>,
        contents: &ReadTx<'_>,
        entities: impl Iterator<Item = EntityId>,
    ) -> Result<Changed, EngineError> {
        let mut touched = Touched::default();
        for entity in entities {
            let new = placed(look, contents, &entity)?;
            self.replace(entity, new, &mut touched);
        }
        for name in &touched.names {
            touched.render.extend(self.spelled.get(name).into_iter().flatten());
            for entity in self.named.get(name).into_iter().flatten() {
                touched.render.extend(self.users.get(entity).into_iter().flatten());
            }
        }
        for entity in &touched.moved {
            touched.render.extend(self.users.get(entity).into_iter().flatten());
        }
        self.render(&mut touched);
        Ok(self.lay_out(&touched.modules))
    }

    /// Takes an entity's old state out of everything, and its new one in.
    fn replace(&mut self, entity: EntityId, new: Option<Placed>, touched: &mut Touched) {
        let old = self.placed.remove(&entity);
        let places = |placed: &Option<Placed>| placed.as_ref().map(|placed| (placed.locations.clone(), placed.entry));
        if places(&old) != places(&new) {
            touched.moved.insert(entity);
            for placed in old.iter().chain(&new) {
                touched.names.extend(placed.locations.iter().map(|location| location.name().to_owned()));
            }
        }
        if let Some(old) = old {
            self.table.remove(entity);
            for location in &old.locations {
                touched.modules.insert(location.module_path().to_owned());
                take(&mut self.modules, location.module_path(), &entity);
                take(&mut self.named, location.name(), &entity);
            }
            for (word, target) in references(&old.definition) {
                for word in word.split('.') {
                    take(&mut self.spelled, word, &entity);
                }
                take(&mut self.users, &target, &entity);
            }
        }
        let Some(new) = new else { return };
        for location in &new.locations {
            self.table.insert(location, new.entry);
            touched.modules.insert(location.module_path().to_owned());
            self.modules.entry(location.module_path().to_owned()).or_default().insert(entity);
            self.named.entry(location.name().to_owned()).or_default().insert(entity);
        }
        for (word, target) in references(&new.definition) {
            for word in word.split('.') {
                self.spelled.entry(word.to_owned()).or_default().insert(entity);
            }
            self.users.entry(target).or_default().insert(entity);
        }
        touched.render.insert(entity);
        self.placed.insert(entity, new);
    }

    /// Renders what may be shown otherwise now.
    fn render(&mut self, touched: &mut Touched) {
        let mut wanted: Vec<(EntityId, &Definition, &Location)> = Vec::new();
        for entity in &touched.render {
            let Some(placed) = self.placed.get(entity) else { continue };
            wanted.extend(placed.locations.iter().map(|location| (*entity, &placed.definition, location)));
        }
        // Those of a module one after the other, but an entity's places in their order.
        wanted.sort_by(|left, right| left.2.cmp(right.2));
        let renderings = dm_lang::render_all(wanted.iter().map(|(_, definition, at)| (*definition, *at)), &self.table);
        let mut texts: BTreeMap<EntityId, Vec<String>> = BTreeMap::new();
        for ((entity, ..), rendering) in wanted.iter().zip(renderings) {
            texts.entry(*entity).or_default().push(rendering.text.into_owned());
        }
        for (entity, texts) in texts {
            let Some(placed) = self.placed.get_mut(&entity) else { continue };
            if placed.texts != texts {
                touched.modules.extend(placed.locations.iter().map(|location| location.module_path().to_owned()));
                placed.texts = texts;
            }
        }
    }

    /// Lays the modules out again that changed; all of them where two have paths that differ in case alone.
    fn lay_out(&mut self, modules: &BTreeSet<String>) -> Changed {
        let mut stems: BTreeSet<String> = BTreeSet::new();
        let stems_meet = !self.modules.keys().all(|module| stems.insert(dm_lang::module_stem(module).to_lowercase()));
        let met_before = {
            let mut stems: BTreeSet<String> = BTreeSet::new();
            !self.files.keys().all(|module| stems.insert(dm_lang::module_stem(module).to_lowercase()))
        };
        let all: BTreeSet<String>;
        let modules = if stems_meet || met_before {
            all = self.modules.keys().chain(self.files.keys()).cloned().collect();
            &all
        } else {
            modules
        };
        let mut changed = Changed::new();
        let mut new: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (module, path, text) in self.laid_out(modules) {
            new.entry(module).or_default().insert(path, text);
        }
        for module in modules {
            for path in self.files.remove(module).into_iter().flatten().map(|(path, _)| path) {
                changed.entry(path).or_insert(None);
            }
        }
        for (module, files) in new {
            for (path, text) in &files {
                changed.insert(path.clone(), Some(text.clone()));
            }
            self.files.insert(module, files);
        }
        changed
    }

    fn laid_out(&self, modules: &BTreeSet<String>) -> Vec<(String, String, String)> {
        let mut members: Vec<(Option<WrittenAt>, &Location, EntityId, &Placed, usize)> = Vec::new();
        for module in modules {
            for entity in self.modules.get(module).into_iter().flatten() {
                let Some(placed) = self.placed.get(entity) else { continue };
                for (at, location) in placed.locations.iter().enumerate() {
                    if location.module_path() == module {
                        members.push((placed.order, location, *entity, placed, at));
                    }
                }
            }
        }
        // As an export has them: in the order of writing; what has none comes last, by name.
        members.sort_by_key(|(order, location, entity, ..)| (order.is_none(), *order, *location, *entity));
        let shown: Vec<Shown<'_>> = members
            .iter()
            .map(|(_, location, _, placed, at)| Shown {
                location,
                kind: placed.definition.kind,
                text: placed.texts.get(*at).map_or("", String::as_str),
            })
            .collect();
        let files = dm_lang::layout(&shown).into_iter();
        files.map(|file| (file.module_path, file.path, file.text)).collect()
    }
}

fn take<K: Ord + ToOwned<Owned = O> + ?Sized, O: Ord + std::borrow::Borrow<K>>(
    map: &mut BTreeMap<O, BTreeSet<EntityId>>,
    key: &K,
    entity: &EntityId,
) {
    if let Some(entities) = map.get_mut(key) {
        entities.remove(entity);
        if entities.is_empty() {
            map.remove(key);
        }
    }
}

/// The paths that can be spelled otherwise, and what they lead to.
fn references(definition: &Definition) -> impl Iterator<Item = (&str, EntityId)> {
    let of_path = definition.references.iter().filter(|reference| reference.form == ReferenceForm::Path);
    of_path.filter_map(|reference| {
        let span = reference.start as usize..reference.end() as usize;
        Some((definition.text.get(span)?, reference.entity()?))
    })
}

fn placed(look: &Look<'_>, contents: &ReadTx<'_>, entity: &EntityId) -> Result<Option<Placed>, EngineError> {
    let Some(state) = look.state(entity)?.filter(dm_collab::EntityState::is_live) else { return Ok(None) };
    let Some(content) = look.content(entity)? else { return Ok(None) };
    let definition = contents.definition(&content)?.ok_or(EngineError::MissingContent(content))?;
    let mut locations = state.live.clone();
    locations.sort();
    let entry = ScopeEntry { entity: *entity, kind: definition.kind, visibility: visibility_of(&state) };
    let order = look.tx.written_at(entity)?;
    Ok(Some(Placed { locations, entry, definition, order, texts: Vec::new() }))
}
