//! Import: a folder of text against what the store has, three ways where an earlier import left a base (SEMANTICS R6).

pub(crate) mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::draft::{DraftError, Edit, Stack};
use dm_collab::{Channel, ProjectionRead as _};
use dm_model::{
    Action, Apply, Body, EntityId, Kind, Location, Op, OpId, PatchId, Register, Revision, Value, Visibility,
};
use dm_store::{Arrival, HashedDefinition};

use crate::error::EngineError;
use crate::patches;
use crate::report::{ChangeCount, ImportReport, KindCounts, PatchSummary};
use crate::sources::{Sources, patch_module};
use crate::system::new_patch_id;
use crate::transaction::Transaction;
pub(crate) use plan::name_table;
pub(crate) use plan::{Act, Known, Plan, Step, plan_part};

/// What is to be imported, and how.
#[derive(Debug, Clone)]
pub struct ImportRequest<'s> {
    /// What was read.
    pub sources: &'s Sources,
    /// What it is for.
    pub intent: Option<String>,
    /// One patch instead of one per module.
    pub single: bool,
    /// Drafts, even in an empty main.
    pub draft: bool,
    /// Delete what an earlier import brought and is gone there now.
    pub prune: bool,
    /// Take the folder's text where there is no common base.
    pub overwrite: bool,
}

impl Transaction<'_> {
    /// Imports a folder.
    ///
    /// # Errors
    /// If it would turn back what changed here without a common base, or needs an intent. Then nothing is written.
    pub fn import(&mut self, request: &ImportRequest<'_>) -> Result<ImportReport, EngineError> {
        let plan = self.plan_import(request)?;
        let mut report = ImportReport {
            dry_run: self.dry_run,
            files: request.sources.files,
            skipped: request.sources.skipped.clone(),
            definitions: counts(&plan),
            unchanged: plan.unchanged,
            patches: Vec::new(),
            applied: false,
            changes: change_counts(&plan.steps),
            gone: plan.gone.iter().map(ToString::to_string).collect(),
            kept: plan.kept.clone(),
            unresolved: plan.warnings.clone(),
        };
        let mut heads: BTreeMap<EntityId, Vec<OpId>> = BTreeMap::new();
        if !plan.steps.is_empty() {
            let fresh = self.tx.names_count()? == 0 && self.workspace.stack.drafts().is_empty();
            if fresh && !request.draft {
                report.patches = self.apply_fresh(request, &plan, &mut heads)?;
                report.applied = true;
            } else {
                report.patches = self.draft_import(request, &plan, &mut heads)?;
            }
        }
        self.keep_bases(request, &plan, &heads)?;
        let changes: Vec<String> =
            report.changes.iter().map(|count| format!("{} {}", count.count, count.change)).collect();
        let changes = if changes.is_empty() { "nothing new".to_owned() } else { changes.join(", ") };
        self.tell("import", format!("{}: {changes}", request.sources.root.display()));
        Ok(report)
    }

    /// Into an empty main: revisions at once, applied as one group.
    fn apply_fresh(
        &mut self,
        request: &ImportRequest<'_>,
        plan: &Plan,
        heads: &mut BTreeMap<EntityId, Vec<OpId>>,
    ) -> Result<Vec<PatchSummary>, EngineError> {
        let intent =
            request.intent.as_deref().filter(|intent| !intent.trim().is_empty()).ok_or(EngineError::NoIntent)?;
        let space = self.space_of_new()?;
        let author = self.author()?;
        let now = self.engine.system().now();
        let mut envelopes = Vec::new();
        let mut members = Vec::new();
        let mut contents: Vec<HashedDefinition> = Vec::new();
        for (intent, steps) in grouped(request, intent, &plan.steps) {
            let patch = new_patch_id(self.engine.system()).map_err(EngineError::NoRandomness)?;
            let mut ops = Vec::new();
            for step in steps {
                if let Some(op) = creation(step) {
                    heads.insert(step.entity, vec![op.id()]);
                    ops.push(op);
                }
                contents.extend(step.definition.clone());
            }
            self.check_readable(&patch, space, &ops)?;
            let revision = Revision {
                patch,
                replaces: Vec::new(),
                author: author.clone(),
                intent,
                created_at: now,
                depends: Vec::new(),
                ops,
            };
            let envelope = self.seal(space, now, Body::Revision(revision))?;
            members.push((patch, envelope.id()));
            envelopes.push(Arc::new(envelope));
        }
        let (channel, patches) = (self.tx.own_channel(), members.iter().copied().collect::<BTreeMap<_, _>>());
        let onto = self.tx.leaves(&Channel { main: channel, space })?;
        let fact = Apply { channel, onto, patches: patches.into_iter().collect(), forced: String::new() };
        envelopes.push(Arc::new(self.seal(space, now, Body::Apply(fact))?));
        self.appended.extend(envelopes.iter().map(|envelope| envelope.id()));
        self.tx.append(&Arrival { envelopes, definitions: contents })?;
        // They are main's from the start, and no session's: a session's cost grows with what it has open.
        self.summaries(members.iter().map(|(patch, _)| *patch))
    }

    fn summaries(&self, ids: impl Iterator<Item = PatchId>) -> Result<Vec<PatchSummary>, EngineError> {
        patches::summaries(&self.tx, &self.workspace, &ids.collect::<Vec<_>>())
    }

    /// Into a main that holds something: drafts of the session, one per module, or the one in focus.
    fn draft_import(
        &mut self,
        request: &ImportRequest<'_>,
        plan: &Plan,
        heads: &mut BTreeMap<EntityId, Vec<OpId>>,
    ) -> Result<Vec<PatchSummary>, EngineError> {
        let definitions: Vec<HashedDefinition> = plan.steps.iter().filter_map(|step| step.definition.clone()).collect();
        self.tx.put_draft_definitions(&definitions)?;
        let groups = match &request.intent {
            Some(intent) => grouped(request, intent, &plan.steps),
            None => vec![(String::new(), plan.steps.iter().collect())],
        };
        let mut written = Vec::new();
        for (intent, steps) in groups {
            let at = if request.intent.is_some() { self.begin_patch(&intent)? } else { self.draft_for(None)?.0 };
            let mut entities = Vec::new();
            for step in steps {
                self.draft_step(at, step)?;
                entities.push(step.entity);
            }
            self.save_rows(at, &entities)?;
            let touched: BTreeSet<EntityId> = entities.into_iter().collect();
            for made in self.workspace.stack.ops(at) {
                if touched.contains(&made.op.entity) && made.op.written_content().is_some() {
                    heads.insert(made.op.entity, vec![made.id]);
                }
            }
            written.push(self.patch_at(at)?);
        }
        self.summaries(written.into_iter())
    }

    fn draft_step(&mut self, at: usize, step: &Step) -> Result<(), EngineError> {
        let result = write_step(&mut self.workspace.stack, at, step);
        result.map_err(|error| self.draft_error(error, &step.location))
    }

    /// Keeps what the folder had, for the next import of the same folder.
    fn keep_bases(
        &mut self,
        request: &ImportRequest<'_>,
        plan: &Plan,
        heads: &BTreeMap<EntityId, Vec<OpId>>,
    ) -> Result<(), EngineError> {
        let root = self.engine.folder_key(&request.sources.root);
        let mut bases = Vec::new();
        for base in &plan.bases {
            let mut base = base.clone();
            if let Some(heads) = heads.get(&base.entity) {
                base.heads = heads.clone();
            }
            bases.push(base);
        }
        self.tx.put_import_bases(&root, &bases)?;
        let forgotten: Vec<Location> = plan.forgotten.clone();
        if !forgotten.is_empty() {
            self.tx.remove_import_bases(&root, &forgotten)?;
        }
        Ok(())
    }
}

/// Writes a step to a draft.
pub(crate) fn write_step(stack: &mut Stack, at: usize, step: &Step) -> Result<(), DraftError> {
    let content = step.definition.as_ref().map(HashedDefinition::hash);
    match (&step.act, content) {
        (Act::Create { generation, freed_by }, Some(content)) => {
            let born = (step.location.clone(), *generation);
            stack.create(at, born, freed_by, (content, Visibility::Public)).map(|_| ())
        }
        (Act::Update { shown, witness, creators }, Some(content)) => {
            let (entity, register, value) = (step.entity, Register::Content, Value::Content(content));
            stack.write(at, &Edit { entity, register, value, shown, witness, creators })
        }
        (Act::Move { to, shown, witness, creators }, _) => {
            let (entity, register, value) = (step.entity, Register::Location, Value::Location(to.clone()));
            stack.write(at, &Edit { entity, register, value, shown, witness, creators })
        }
        (Act::Create { .. } | Act::Update { .. }, None) => Ok(()),
    }
}

fn creation(step: &Step) -> Option<Op> {
    let Act::Create { generation, freed_by } = &step.act else { return None };
    let action = Action::CreateName {
        location: step.location.clone(),
        generation: *generation,
        content: step.definition.as_ref()?.hash(),
        visibility: Visibility::Public,
    };
    Some(Op::new(step.entity, action).after(freed_by.iter().copied()))
}

/// The steps by patch: one in all, or one per module of up to three segments, in the order of their first step.
fn grouped<'p>(request: &ImportRequest<'_>, intent: &str, steps: &'p [Step]) -> Vec<(String, Vec<&'p Step>)> {
    if request.single {
        return vec![(intent.to_owned(), steps.iter().collect())];
    }
    let mut order: Vec<&str> = Vec::new();
    let mut groups: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        let module = patch_module(step.location.module_path());
        groups.entry(module).or_insert_with(|| {
            order.push(module);
            Vec::new()
        });
        groups.entry(module).or_default().push(step);
    }
    let named = order.into_iter().filter_map(|module| Some((format!("{intent}: {module}"), groups.remove(module)?)));
    named.collect()
}

fn counts(plan: &Plan) -> KindCounts {
    let of = |kind: Kind| plan.kinds.get(&kind).copied().unwrap_or(0);
    KindCounts { functions: of(Kind::Fn), types: of(Kind::Type), values: of(Kind::Value), tests: of(Kind::Test) }
}

fn change_counts(steps: &[Step]) -> Vec<ChangeCount> {
    let mut counts = BTreeMap::new();
    count_changes(steps, &mut counts);
    counts.into_iter().map(|(change, count)| ChangeCount { change: change.to_owned(), count }).collect()
}

/// Adds what steps do to counts of it.
pub(crate) fn count_changes(steps: &[Step], counts: &mut BTreeMap<&'static str, u64>) {
    for step in steps {
        let change = match &step.act {
            Act::Create { .. } => "create",
            Act::Update { .. } => "edit",
            Act::Move { to: Some(_), .. } => "move",
            Act::Move { to: None, .. } => "delete",
        };
        *counts.entry(change).or_default() += 1;
    }
}
