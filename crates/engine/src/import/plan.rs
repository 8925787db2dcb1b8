//! What an import is to do, found out before anything is written.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use dm_collab::{Head, ProjectionRead as _};
use dm_lang::{Declaration, Entry as ScopeEntry, NameProblem, NameTable, Resolved, Scope as _, StoredTest};
use dm_model::{DefHash, Definition, EntityId, Kind, Location, OpId, Register, Value, Visibility};
use dm_store::{HashedDefinition, ImportBase};
use rustc_hash::FxHashMap;

use super::ImportRequest;
use crate::error::EngineError;
use crate::look::Look;
use crate::report::NameWarning;
use crate::save::{Source, warning};
use crate::scope::visibility_of;
use crate::transaction::Transaction;

/// One change of one entity.
pub(crate) struct Step {
    pub entity: EntityId,
    /// Where it is in the folder.
    pub location: Location,
    /// The definition that comes with it.
    pub definition: Option<HashedDefinition>,
    pub act: Act,
}

/// What a step writes.
pub(crate) enum Act {
    Create {
        generation: u32,
        freed_by: Vec<OpId>,
    },
    Update {
        shown: Vec<Head>,
        witness: Vec<OpId>,
        creators: Vec<OpId>,
    },
    /// To another place, or to none.
    Move {
        to: Option<Location>,
        shown: Vec<Head>,
        witness: Vec<OpId>,
        creators: Vec<OpId>,
    },
}

/// Of more pairs of something gone and something new than this, those that look alike at first sight only are compared in full.
const PAIRS_RENDERED_MAX: usize = 20_000;

/// Whether a text is not that of a definition under another name, as far as names and lengths tell. One that was renamed and
/// has references spelled otherwise may be taken for another one.
fn surely_another(base: &ImportBase, definition: &Definition, declaration: &Declaration) -> bool {
    let (old, new) = (base.location.name(), declaration.location.name());
    if old == new {
        return false;
    }
    let longer = declaration.text.len().abs_diff(definition.text.len());
    match new.len().abs_diff(old.len()) {
        0 => longer != 0,
        // Its own name may occur in it more than once.
        each => longer == 0 || !longer.is_multiple_of(each),
    }
}

/// All that an import is to do.
#[derive(Default)]
pub(crate) struct Plan {
    pub steps: Vec<Step>,
    pub kinds: BTreeMap<Kind, u64>,
    pub unchanged: u64,
    /// What an earlier import brought and is not in the folder any more.
    pub gone: Vec<Location>,
    /// What changed here since, while the folder's text did not.
    pub kept: Vec<String>,
    pub warnings: Vec<NameWarning>,
    /// Base rows that are new or changed.
    pub bases: Vec<ImportBase>,
    /// Base rows that are no more.
    pub forgotten: Vec<Location>,
}

/// What a declaration meets in the store.
struct Met {
    entity: EntityId,
    content: DefHash,
    definition: Definition,
    base: Option<ImportBase>,
}

/// All live names of a view, and the content of those that are neither in conflict nor touched by the session: of these no view
/// need be asked.
#[derive(Default)]
pub(crate) struct Known {
    pub table: NameTable,
    pub plain: FxHashMap<EntityId, DefHash>,
}

/// How much of a folder the sources are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All of it: a module's tests are those given.
    Whole,
    /// The files that changed, whose former definitions the bases are.
    Part,
}

struct Planner<'a> {
    look: &'a Look<'a>,
    request: &'a ImportRequest<'a>,
    /// All live names, and those that come.
    table: NameTable,
    /// As in [`Known`].
    plain: FxHashMap<EntityId, DefHash>,
    extent: Extent,
    bases: BTreeMap<Location, ImportBase>,
    /// Those of files that are not among the sources.
    others: &'a BTreeMap<Location, ImportBase>,
    plan: Plan,
    turned_back: Vec<String>,
}

impl Transaction<'_> {
    pub(super) fn plan_import(&self, request: &ImportRequest<'_>) -> Result<Plan, EngineError> {
        let look = self.look(None)?;
        let root = self.engine.folder_key(&request.sources.root);
        let mut bases: BTreeMap<Location, ImportBase> =
            self.tx.import_bases(&root)?.into_iter().map(|base| (base.location.clone(), base)).collect();
        take_base_file(&look, &request.sources.bases, &mut bases)?;
        let mut known = Known::load(&look)?;
        plan(&look, request, &mut known, (bases, &BTreeMap::new()), Extent::Whole)
    }
}

/// What bringing in some files is to do, where `bases` are what those files had before, and `others` what all have.
pub(crate) fn plan_part(
    look: &Look<'_>,
    request: &ImportRequest<'_>,
    known: &mut Known,
    bases: BTreeMap<Location, ImportBase>,
    others: &BTreeMap<Location, ImportBase>,
) -> Result<Plan, EngineError> {
    plan(look, request, known, (bases, others), Extent::Part)
}

/// Afterwards `known` has the names that come as well; where it fails it is empty.
fn plan(
    look: &Look<'_>,
    request: &ImportRequest<'_>,
    known: &mut Known,
    (bases, others): (BTreeMap<Location, ImportBase>, &BTreeMap<Location, ImportBase>),
    extent: Extent,
) -> Result<Plan, EngineError> {
    let Known { table, plain } = std::mem::take(known);
    let (plan, turned_back) = (Plan::default(), Vec::new());
    let mut planner = Planner { look, request, table, plain, extent, bases, others, plan, turned_back };
    let sources = planner.settled_sources()?;
    planner.run(&sources)?;
    if !planner.turned_back.is_empty() {
        return Err(EngineError::WouldTurnBack(planner.turned_back));
    }
    *known = Known { table: planner.table, plain: planner.plain };
    Ok(planner.plan)
}

impl Known {
    /// Those of a view.
    pub(crate) fn load(look: &Look<'_>) -> Result<Self, EngineError> {
        let (table, plain) = names_and_contents(look)?;
        Ok(Self { table, plain })
    }

    /// Takes up what a plan did.
    pub(crate) fn follow(&mut self, plan: &Plan, flagged: &[EntityId]) {
        for step in &plan.steps {
            match (&step.act, &step.definition) {
                (Act::Move { to: None, .. }, _) => {
                    self.table.remove(step.entity);
                    self.plain.remove(&step.entity);
                }
                (_, Some(definition)) => {
                    self.plain.insert(step.entity, definition.hash());
                }
                _ => {}
            }
        }
        for entity in flagged {
            self.plain.remove(entity);
        }
    }
}

/// Adds what an exported folder says of itself: where the store remembers nothing, or where the folder was exported from just
/// what is here now.
fn take_base_file(
    look: &Look<'_>,
    file: &[ImportBase],
    bases: &mut BTreeMap<Location, ImportBase>,
) -> Result<(), EngineError> {
    for base in file {
        let fresh = look.content(&base.entity)? == Some(base.content);
        // A folder of another store may stand on what never came here.
        let known = fresh || look.tx.definition_head(&base.content)?.is_some();
        if known && (fresh || !bases.contains_key(&base.location)) {
            bases.insert(base.location.clone(), base.clone());
        }
    }
    Ok(())
}

/// All live names of a view, as the language wants them.
pub(crate) fn name_table(look: &Look<'_>) -> Result<NameTable, EngineError> {
    Ok(names_and_contents(look)?.0)
}

/// All live names of a view, and the content of those that are in no conflict and not the session's.
fn names_and_contents(look: &Look<'_>) -> Result<(NameTable, FxHashMap<EntityId, DefHash>), EngineError> {
    let mut table = NameTable::default();
    let mut plain = FxHashMap::default();
    let flagged: BTreeSet<EntityId> = look.tx.flagged()?.into_iter().collect();
    let touched: BTreeSet<EntityId> = look.view.changed().map(|(entity, _)| *entity).collect();
    for name in look.tx.live_names("")? {
        if !touched.contains(&name.entity) {
            let entry = ScopeEntry { entity: name.entity, kind: name.kind, visibility: name.visibility };
            table.insert(&name.location, entry);
            if !flagged.contains(&name.entity) {
                plain.insert(name.entity, name.content);
            }
        }
    }
    for entity in touched {
        if let (Some(location), Some(entry)) = (look.location_of(&entity)?, look.scope_entry(&entity)?) {
            table.insert(&location, entry);
        }
    }
    Ok((table, plain))
}

impl<'a> Planner<'a> {
    /// The sources with their tests named: those of a module that has stored tests take over their names.
    fn settled_sources(&self) -> Result<Vec<Cow<'a, Source>>, EngineError> {
        let mut sources: Vec<Cow<'a, Source>> = self.request.sources.texts.iter().map(Cow::Borrowed).collect();
        let mut modules = BTreeSet::new();
        for source in &sources {
            let tests = source.declarations.iter().filter(|declaration| declaration.kind == Kind::Test);
            modules.extend(tests.map(|declaration| declaration.location.module_path().to_owned()));
        }
        let based: BTreeSet<EntityId> = self.bases.values().map(|base| base.entity).collect();
        for module in modules {
            let mut stored = self.look.tests_in(&module)?;
            if self.extent == Extent::Part {
                stored.retain(|(entity, ..)| based.contains(entity));
            }
            let stored: Vec<StoredTest<'_>> =
                stored.iter().map(|(entity, name, text)| StoredTest { entity: *entity, name, text }).collect();
            let tests: BTreeSet<EntityId> = stored.iter().map(|test| test.entity).collect();
            let taken = |location: &Location| {
                let mut there = Vec::new();
                self.table.entries_at(location.as_str(), &mut there);
                there.iter().any(|entry| !tests.contains(&entry.entity))
            };
            let mut declarations: Vec<&mut Declaration> = Vec::new();
            for source in &mut sources {
                if source.declarations.iter().any(|declaration| declaration.location.module_path() == module) {
                    let of_module = source.to_mut().declarations.iter_mut();
                    declarations.extend(of_module.filter(|declaration| declaration.location.module_path() == module));
                }
            }
            dm_lang::settle_tests(&mut declarations, &stored, &taken);
        }
        Ok(sources)
    }

    fn run(&mut self, sources: &[Cow<'_, Source>]) -> Result<(), EngineError> {
        let declared: BTreeSet<&Location> =
            sources.iter().flat_map(|source| &source.declarations).map(|declaration| &declaration.location).collect();
        // What was not looked at this time is not gone.
        let skipped: BTreeSet<&str> = self.request.sources.skipped.iter().map(|file| file.path.as_str()).collect();
        let is_gone = |base: &&ImportBase| !declared.contains(&base.location) && !skipped.contains(base.file.as_str());
        let missing: Vec<ImportBase> = self.bases.values().filter(is_gone).cloned().collect();
        let mut met: Vec<Vec<Option<Met>>> = Vec::new();
        for source in sources {
            met.push(self.meet(source)?);
        }
        let moved = self.find_moves(sources, &mut met, &missing)?;
        self.announce(sources, &met)?;
        let resolved = self.resolve(sources, &met);
        for ((source, met), resolved) in sources.iter().zip(met).zip(resolved) {
            for ((declaration, met), resolved) in source.declarations.iter().zip(met).zip(resolved) {
                *self.plan.kinds.entry(declaration.kind).or_default() += 1;
                self.judge(source, declaration, met, resolved)?;
            }
        }
        for base in missing {
            self.plan.forgotten.push(base.location.clone());
            if !moved.contains(&base.entity) {
                self.miss(&base)?;
            }
        }
        self.rebind(&declared)
    }

    /// Definitions whose text stayed while what it names was deleted and made anew: they mean what the name gives now.
    fn rebind(&mut self, declared: &BTreeSet<&Location>) -> Result<(), EngineError> {
        let mut users: BTreeSet<EntityId> =
            self.look.view.deleted_dependencies()?.into_iter().map(|(user, _)| user).collect();
        if users.is_empty() {
            return Ok(());
        }
        for step in &self.plan.steps {
            users.remove(&step.entity);
        }
        let news: FxHashMap<EntityId, usize> =
            self.plan.bases.iter().enumerate().map(|(at, base)| (base.entity, at)).collect();
        for user in users {
            let Some(location) = self.look.location_of(&user)? else { continue };
            let known = match (declared.contains(&location), news.get(&user)) {
                (true, Some(at)) => self.plan.bases.get(*at),
                (true, None) => self.bases.get(&location),
                // A file that was left alone has its texts still; one that is gone from the folder says nothing.
                (false, _) if self.bases.contains_key(&location) => None,
                (false, _) => self.others.get(&location),
            };
            let Some(base) = known.filter(|base| base.entity == user) else { continue };
            let (file, content) = (base.file.clone(), base.content);
            let Some(met) = self.met(user, None)?.filter(|met| met.content == content) else { continue };
            let rendering = dm_lang::render(&met.definition, &location, &self.table);
            if rendering.overtaken.is_empty() {
                continue;
            }
            let (text, asked) = (&rendering.text, BTreeMap::new());
            match dm_lang::resolve_edit(&met.definition, &rendering, text, &location, &asked, &self.table) {
                Ok(dm_lang::Edit::Changed { definition, .. }) => {
                    if declared.contains(&location) {
                        self.plan.unchanged = self.plan.unchanged.saturating_sub(1);
                    }
                    self.update_step((&location, &file), &met, definition)?;
                    // The step's own base, which came last, takes the place of the old one.
                    if let Some(at) = news.get(&user) {
                        self.plan.bases.swap_remove(*at);
                    }
                }
                Ok(dm_lang::Edit::Unchanged) => {}
                Err(error) => return Err(EngineError::DamagedDraft(error.to_string())),
            }
        }
        Ok(())
    }

    /// What each declaration of a source meets: the entity that the base knows by this place, wherever it is now, else what
    /// stands there.
    fn meet(&self, source: &Source) -> Result<Vec<Option<Met>>, EngineError> {
        let mut met = Vec::new();
        for declaration in &source.declarations {
            let base = self.bases.get(&declaration.location);
            let mut entity = None;
            if let Some(base) = base
                && self.is_live(&base.entity)?
            {
                entity = Some(base.entity);
            }
            if entity.is_none() {
                let mut there = Vec::new();
                self.table.entries_at(declaration.location.as_str(), &mut there);
                entity = there.first().map(|entry| entry.entity);
            }
            met.push(match entity {
                Some(entity) => self.met(entity, base.cloned())?,
                None => None,
            });
        }
        Ok(met)
    }

    fn is_live(&self, entity: &EntityId) -> Result<bool, EngineError> {
        Ok(self.plain.contains_key(entity) || self.look.state(entity)?.is_some_and(|state| state.is_live()))
    }

    fn met(&self, entity: EntityId, base: Option<ImportBase>) -> Result<Option<Met>, EngineError> {
        let content = match self.plain.get(&entity) {
            Some(content) => Some(*content),
            None => self.look.content(&entity)?,
        };
        let Some(content) = content else { return Ok(None) };
        let definition = self.look.definition(&content)?;
        let base = base.filter(|base| base.entity == entity);
        Ok(Some(Met { entity, content, definition, base }))
    }

    /// Declarations at new places whose text is that of a definition that the folder no longer has elsewhere: it moved.
    fn find_moves(
        &mut self,
        sources: &[Cow<'_, Source>],
        met: &mut [Vec<Option<Met>>],
        missing: &[ImportBase],
    ) -> Result<BTreeSet<EntityId>, EngineError> {
        let mut moved = BTreeSet::new();
        if missing.is_empty() {
            return Ok(moved);
        }
        let mut left: Vec<(ImportBase, Definition)> = Vec::new();
        for base in missing {
            if self.is_live(&base.entity)? {
                left.push((base.clone(), self.look.definition(&base.content)?));
            }
        }
        let new = met.iter().flatten().filter(|met| met.is_none()).count();
        let many = left.len().saturating_mul(new) > PAIRS_RENDERED_MAX;
        for (source, met) in sources.iter().zip(met) {
            for (declaration, met) in source.declarations.iter().zip(met) {
                if met.is_some() {
                    continue;
                }
                let fits = |(base, definition): &(ImportBase, Definition)| {
                    definition.kind == declaration.kind
                        && (definition.text == declaration.text
                            || (!(many && surely_another(base, definition, declaration))
                                && dm_lang::render(definition, &declaration.location, &self.table).text
                                    == declaration.text))
                };
                let Some(at) = left.iter().position(fits) else { continue };
                let (base, _) = left.remove(at);
                *met = self.met(base.entity, Some(base.clone()))?;
                moved.insert(base.entity);
                self.move_step(base.entity, Some(declaration.location.clone()))?;
            }
        }
        Ok(moved)
    }

    /// Puts what comes into the table, so that everything in the folder resolves against everything in it.
    fn announce(&mut self, sources: &[Cow<'_, Source>], met: &[Vec<Option<Met>>]) -> Result<(), EngineError> {
        for (source, met) in sources.iter().zip(met) {
            for (declaration, met) in source.declarations.iter().zip(met) {
                let kind = declaration.kind;
                let (entity, visibility) = match met {
                    // What moved here since stays where it is here.
                    Some(met) if met.base.as_ref().is_none_or(|base| base.location == declaration.location) => continue,
                    Some(met) => {
                        let state = self.look.state(&met.entity)?;
                        (met.entity, state.as_ref().map_or(Visibility::Public, visibility_of))
                    }
                    None => {
                        let place = self.look.view.free_place(&declaration.location)?;
                        let entity = dm_model::entity_id(&declaration.location, place.generation);
                        (entity, Visibility::Public)
                    }
                };
                self.table.insert(&declaration.location, ScopeEntry { entity, kind, visibility });
            }
        }
        Ok(())
    }

    /// Resolves the names of all declarations that are new, on all cores.
    fn resolve(&self, sources: &[Cow<'_, Source>], met: &[Vec<Option<Met>>]) -> Vec<Vec<Option<Resolved>>> {
        let table = &self.table;
        let one = |source: &Source, met: &[Option<Met>]| -> Vec<Option<Resolved>> {
            let new = source.declarations.iter().zip(met).filter(|(_, met)| met.is_none());
            let chosen: Vec<Declaration> = new.map(|(declaration, _)| declaration.clone()).collect();
            let mut resolved = dm_lang::resolve_file(&source.parse, &chosen, &[], table).into_iter();
            met.iter().map(|met| if met.is_none() { resolved.next() } else { None }).collect()
        };
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let size = sources.len().div_ceil(workers).max(1);
        std::thread::scope(|scope| {
            let one = &one;
            let chunks = sources.chunks(size).zip(met.chunks(size));
            let running: Vec<_> = chunks
                .map(|(sources, met)| {
                    scope.spawn(move || -> Vec<_> {
                        sources.iter().zip(met).map(|(source, met)| one(source, met)).collect()
                    })
                })
                .collect();
            // A panic of a worker is our bug, and goes on here.
            running
                .into_iter()
                .flat_map(|worker| worker.join().unwrap_or_else(|bug| std::panic::resume_unwind(bug)))
                .collect()
        })
    }

    fn judge(
        &mut self,
        source: &Source,
        declaration: &Declaration,
        met: Option<Met>,
        resolved: Option<Resolved>,
    ) -> Result<(), EngineError> {
        let Some(met) = met else {
            let Some(resolved) = resolved else { return Ok(()) };
            self.warn(source, declaration, &resolved.problems);
            let definition = resolved.into_definition(declaration.kind, declaration.text.clone());
            return self.create_step(source, declaration, definition);
        };
        let same = met.definition.text == declaration.text
            || dm_lang::render(&met.definition, &self.place_of(&met, declaration)?, &self.table).text
                == declaration.text;
        if same {
            self.plan.unchanged += 1;
            return self.keep_base(source, declaration, &met, met.content);
        }
        let stored = match &met.base {
            Some(base) if base.content != met.content => self.look.definition(&base.content)?,
            _ => met.definition.clone(),
        };
        let rendering = dm_lang::render(&stored, &declaration.location, &self.table);
        if met.base.is_some() && (stored.text == declaration.text || rendering.text == declaration.text) {
            // The folder's text is that of the base: what changed, changed here.
            self.plan.kept.push(declaration.location.to_string());
            if let Some(base) = met.base.as_ref().filter(|base| base.file != source.file) {
                self.plan.bases.push(ImportBase { file: source.file.clone(), ..base.clone() });
            }
            return Ok(());
        }
        if met.base.is_none() && !self.request.overwrite {
            self.turned_back.push(declaration.location.to_string());
            return Ok(());
        }
        let asked = BTreeMap::new();
        let (text, location) = (&declaration.text, &declaration.location);
        match dm_lang::resolve_edit(&stored, &rendering, text, location, &asked, &self.table) {
            Ok(dm_lang::Edit::Unchanged) => {
                self.plan.unchanged += 1;
                match &met.base {
                    Some(base) if base.content != met.content => Ok(()),
                    _ => self.keep_base(source, declaration, &met, met.content),
                }
            }
            Ok(dm_lang::Edit::Changed { definition, problems }) => {
                self.warn(source, declaration, &problems);
                self.update_step((&declaration.location, &source.file), &met, definition)
            }
            Err(error) => Err(EngineError::DamagedDraft(error.to_string())),
        }
    }

    /// Notes the names that mean nothing, or several things.
    fn warn(&mut self, source: &Source, declaration: &Declaration, problems: &[NameProblem]) {
        for problem in problems.iter().filter(|problem| problem.kept.is_none()) {
            let placed = warning(source, declaration, problem);
            let file = self.request.sources.shown(&placed.file);
            self.plan.warnings.push(NameWarning { file, ..placed });
        }
    }

    fn place_of(&self, met: &Met, declaration: &Declaration) -> Result<Location, EngineError> {
        // What moves by this very import is judged where it will be.
        if met.base.as_ref().is_some_and(|base| base.location != declaration.location) {
            return Ok(declaration.location.clone());
        }
        Ok(self.look.location_of(&met.entity)?.unwrap_or_else(|| declaration.location.clone()))
    }

    /// Notes what the folder has, where that is news.
    fn keep_base(
        &mut self,
        source: &Source,
        declaration: &Declaration,
        met: &Met,
        content: DefHash,
    ) -> Result<(), EngineError> {
        let known = met.base.as_ref().is_some_and(|base| {
            base.content == content && base.location == declaration.location && base.file == source.file
        });
        if known {
            return Ok(());
        }
        let shown = self.look.view.shown(&met.entity, Register::Content)?;
        self.plan.bases.push(ImportBase {
            location: declaration.location.clone(),
            entity: met.entity,
            content,
            heads: shown.into_iter().map(|head| head.op).collect(),
            file: source.file.clone(),
        });
        Ok(())
    }

    fn create_step(
        &mut self,
        source: &Source,
        declaration: &Declaration,
        definition: Definition,
    ) -> Result<(), EngineError> {
        let place = self.look.view.free_place(&declaration.location)?;
        let entity = dm_model::entity_id(&declaration.location, place.generation);
        let definition = HashedDefinition::new(definition);
        self.plan.bases.push(ImportBase {
            location: declaration.location.clone(),
            entity,
            content: definition.hash(),
            heads: Vec::new(),
            file: source.file.clone(),
        });
        self.plan.steps.push(Step {
            entity,
            location: declaration.location.clone(),
            definition: Some(definition),
            act: Act::Create { generation: place.generation, freed_by: place.freed_by },
        });
        Ok(())
    }

    fn update_step(
        &mut self,
        (location, file): (&Location, &str),
        met: &Met,
        definition: Definition,
    ) -> Result<(), EngineError> {
        let shown = match &met.base {
            // Both sides changed it: the folder's text was made from the base, not from what is here now.
            Some(base) if base.content != met.content && !self.request.overwrite => {
                let Some(shown) = self.base_heads(base)? else {
                    self.turned_back.push(location.to_string());
                    return Ok(());
                };
                shown
            }
            _ => self.look.view.shown(&met.entity, Register::Content)?,
        };
        let definition = HashedDefinition::new(definition);
        self.plan.bases.push(ImportBase {
            location: location.clone(),
            entity: met.entity,
            content: definition.hash(),
            heads: Vec::new(),
            file: file.to_owned(),
        });
        let witness = self.look.view.witness(&met.entity, Register::Content)?;
        let creators = self.look.view.creators(&met.entity)?;
        self.plan.steps.push(Step {
            entity: met.entity,
            location: location.clone(),
            definition: Some(definition),
            act: Act::Update { shown, witness, creators },
        });
        Ok(())
    }

    /// The writes that a base stands on: those remembered, or, where they were a draft's that has changed since, those of the
    /// same content. None if nothing here wrote that content.
    fn base_heads(&self, base: &ImportBase) -> Result<Option<Vec<Head>>, EngineError> {
        let value = Value::Content(base.content);
        let mut known = Vec::new();
        for op in &base.heads {
            if self.look.view.op(op)?.is_some() {
                known.push(*op);
            }
        }
        if known.is_empty() || known.len() < base.heads.len() {
            let laid = self.look.view.overlay_ops().filter(|(_, op)| op.entity == base.entity);
            let mut writes: Vec<(OpId, Option<DefHash>)> = laid.map(|(id, op)| (*id, op.written_content())).collect();
            writes
                .extend(self.look.tx.entity_ops(&base.entity)?.into_iter().map(|(id, op)| (id, op.written_content())));
            known = writes.into_iter().filter(|(_, hash)| *hash == Some(base.content)).map(|(id, _)| id).collect();
            known.sort_unstable();
            known.dedup();
        }
        let heads: Vec<Head> = known.into_iter().map(|op| Head { op, value: value.clone() }).collect();
        Ok(if heads.is_empty() { None } else { Some(heads) })
    }

    fn move_step(&mut self, entity: EntityId, to: Option<Location>) -> Result<(), EngineError> {
        let Some(from) = self.look.location_of(&entity)? else { return Ok(()) };
        if to.as_ref() == Some(&from) {
            return Ok(());
        }
        let shown = self.look.view.shown(&entity, Register::Location)?;
        let witness = self.look.view.witness(&entity, Register::Location)?;
        let creators = self.look.view.creators(&entity)?;
        let location = to.clone().unwrap_or(from);
        self.plan.steps.push(Step {
            entity,
            location,
            definition: None,
            act: Act::Move { to, shown, witness, creators },
        });
        Ok(())
    }

    /// What an earlier import brought is not in the folder any more.
    fn miss(&mut self, base: &ImportBase) -> Result<(), EngineError> {
        let Some(state) = self.look.state(&base.entity)? else { return Ok(()) };
        if !state.is_live() {
            return Ok(());
        }
        self.plan.gone.push(base.location.clone());
        if self.request.prune {
            return self.move_step(base.entity, None);
        }
        // Not deleted, so the next import is told of it again.
        self.plan.forgotten.retain(|location| *location != base.location);
        Ok(())
    }
}
