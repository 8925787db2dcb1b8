//! Checks: what is certainly wrong in the definitions of a view, and what a patch breaks.
//!
//! A patch is checked with what it changes and everything that sees a changed interface: dependents, and theirs in turn where the
//! change shows in their own signatures (SEMANTICS R20). The rest of the view cannot have been broken by it and is not looked at.
//!
//! Deliberately absent: the rules of types, which are `dm_lang`'s, and tests.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use dm_collab::Clash;
use dm_collab::view::{Overlay, View};
use dm_lang::program::{Item, TypeShape};
use dm_lang::{CheckSource, Checker, LinkNode, LinkSource as _, OtherPlace, Program, SlotTarget, TypeProblem, Wanted};
use dm_model::{DefHash, Definition, EntityId, Op, Target};
use dm_store::ReadTx;
use dm_syntax::{LineIndex, TextRange};
use rustc_hash::FxHashMap;

use crate::diff;
use crate::error::EngineError;
use crate::look::{Found, Leads, Look};
use crate::meaning::ViewLinks;
use crate::patches;
use crate::report::{CheckReport, Impact, Problem, ProblemPlace, Severity};
use crate::scope::ViewScope;
use crate::snapshot::Snapshot;

/// The code of a use of what is deleted.
const DELETED: &str = "deleted";

/// What is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckScope {
    /// Everything in the view.
    View,
    /// Definitions, or all in a module, by name.
    Names(Vec<String>),
    /// What a patch changes and what that can break: by the start of its id, or the one in focus.
    Patch(Option<String>),
}

impl Snapshot<'_> {
    /// Checks definitions as they are in this session's view.
    ///
    /// # Errors
    /// If something named is not there.
    pub fn check(&self, scope: &CheckScope) -> Result<CheckReport, EngineError> {
        let look = self.look()?;
        let entities = match scope {
            CheckScope::View => look.names_below("")?.into_iter().map(|(_, entity)| entity).collect(),
            CheckScope::Names(names) => look.named_or_below(names)?,
            CheckScope::Patch(prefix) => {
                let id = patches::find_or_focused(&self.tx, &self.workspace, prefix.as_deref())?;
                let ops = diff::ops_of(&look, &self.workspace, &id)?;
                let before = Look { tx: &self.tx, view: View::main(&self.tx) };
                let (mut report, _) = check_change(&look, &before, &ops, &look.leads()?)?;
                report.patch = Some(patches::summary(&look, &self.workspace, &id)?);
                for conflict in patches::conflicts_of(&self.tx, &ops)? {
                    report.conflicts.push(crate::conflicts::sentence(&look, &conflict)?);
                }
                for needed in diff::needed_patches(&look, &self.workspace, &id)? {
                    report.needs.push(patches::summary(&look, &self.workspace, &needed)?);
                }
                report.valid &= report.conflicts.is_empty();
                return Ok(report);
            }
        };
        check(&look, ViewLinks::new(&look), &entities, &entities)?.into_report(&look)
    }
}

/// The errors that ops bring into main: all in what they write, and elsewhere those that main has not.
pub(crate) fn broken_by(tx: &ReadTx<'_>, ops: &[Op]) -> Result<Vec<Problem>, EngineError> {
    let mut overlay = Overlay::default();
    ops.iter().for_each(|op| overlay.add(op.id(), Arc::new(op.clone())));
    let after = Look { tx, view: View::over(tx, overlay)? };
    let before = Look { tx, view: View::main(tx) };
    let (report, _) = check_change(&after, &before, ops, &after.leads()?)?;
    let mut errors = report.problems;
    // What is deleted is a conflict, which is told as one.
    errors.retain(|problem| problem.severity == Severity::Error && problem.code != DELETED);
    Ok(errors)
}

/// What ops write, and what that can break.
pub(crate) struct Cone {
    /// What they write a definition of.
    pub written: BTreeSet<EntityId>,
    /// What they write otherwise, and who sees another interface; with what is written.
    pub seen: BTreeSet<EntityId>,
    /// Whether someone sees it whom they do not write.
    reaches: bool,
}

impl Cone {
    fn of(
        after: &Look<'_>,
        before: &Look<'_>,
        ops: &[Op],
        leads: &Leads,
        links: &mut ViewLinks<'_>,
    ) -> Result<Self, EngineError> {
        let (mut written, mut otherwise) = (BTreeSet::new(), BTreeSet::new());
        for op in ops {
            let of = if op.written_content().is_some() { &mut written } else { &mut otherwise };
            of.insert(op.entity);
        }
        let mut seen: BTreeSet<EntityId> = written.union(&otherwise).copied().collect();
        let own = seen.len();
        let mut shown = Vec::new();
        for entity in &seen {
            // Nobody who could see a difference: what it was need not be read.
            let alone = after.users(*entity, leads)?.is_empty();
            if !alone && (otherwise.contains(entity) || !shows_as_before(links, before, *entity)?) {
                shown.push(*entity);
            }
        }
        let mut expanded: BTreeSet<EntityId> = shown.iter().copied().collect();
        while let Some(entity) = shown.pop() {
            for user in after.users(entity, leads)? {
                seen.insert(user);
                if !expanded.contains(&user) && shows(links, user, entity)? {
                    expanded.insert(user);
                    shown.push(user);
                }
            }
        }
        Ok(Self { reaches: seen.len() > own, written, seen })
    }
}

/// Checks what ops change and what that can break. Of what they do not write, only what `before` does not have is a problem.
pub(crate) fn check_change(
    after: &Look<'_>,
    before: &Look<'_>,
    ops: &[Op],
    leads: &Leads,
) -> Result<(CheckReport, Cone), EngineError> {
    let mut links = ViewLinks::new(after);
    let cone = Cone::of(after, before, ops, leads, &mut links)?;
    let mut found = check(after, links, &cone.seen, &cone.written)?;
    // The op that wrote a definition last.
    let contents = ops.iter().filter(|op| op.written_content().is_some());
    let written: BTreeMap<String, String> = contents.map(|op| (op.entity.to_string(), op.id().to_string())).collect();
    let elsewhere = found.problems.iter().filter(|(problem, _)| !written.contains_key(&problem.entity));
    let others: BTreeSet<&str> = elsewhere.map(|(problem, _)| &*problem.entity).collect();
    if !others.is_empty() {
        let others = others.into_iter().map(str::parse).collect::<Result<BTreeSet<EntityId>, _>>()?;
        retain_new(&mut found.problems, check(before, ViewLinks::new(before), &others, &BTreeSet::new())?, &written);
    }
    for (problem, _) in &mut found.problems {
        problem.op = written.get(&problem.entity).cloned();
    }
    let breaks = found.problems.iter().any(|(problem, _)| problem.severity == Severity::Error && problem.op.is_none());
    found.report.impact = Some(match (ops.is_empty(), breaks, cone.reaches) {
        (true, ..) => Impact::None,
        (_, true, _) => Impact::Breaking,
        (_, _, true) => Impact::Dependents,
        _ => Impact::Local,
    });
    Ok((found.into_report(after)?, cone))
}

/// Drops the problems of what is not written that there were before. Of two that read alike, only as many are old as there were.
fn retain_new(problems: &mut Vec<(Problem, Option<String>)>, before: Findings, written: &BTreeMap<String, String>) {
    let same = |of: &Problem| (of.entity.clone(), of.code.clone(), of.message.clone());
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    for (problem, _) in before.problems {
        *known.entry(same(&problem)).or_default() += 1;
    }
    problems.retain(|(problem, _)| {
        written.contains_key(&problem.entity)
            || match known.get_mut(&same(problem)) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    false
                }
                _ => true,
            }
    });
}

/// Whether others see the same of a definition as before, as long as what that speaks of is the same.
fn shows_as_before(links: &mut ViewLinks<'_>, before: &Look<'_>, entity: EntityId) -> Result<bool, EngineError> {
    let Some(before) = before.content(&entity)? else { return Ok(false) };
    let (now, before) = (links.skeleton(LinkNode::Entity(entity))?, links.skeleton(LinkNode::Pinned(before))?);
    Ok(now.zip(before).is_some_and(|(now, before)| now.shows_the_same(&before)))
}

/// Whether what others see of a definition says something of an entity.
fn shows(links: &mut ViewLinks<'_>, user: EntityId, entity: EntityId) -> Result<bool, EngineError> {
    let node = LinkNode::Entity(user);
    let Some(program) = links.declared(node)? else { return Ok(false) };
    let mut signature = Vec::new();
    match &program.item {
        // A value has no declared type: what it is hangs on all of it.
        Item::Value(_) => return Ok(true),
        Item::Test(_) => return Ok(false),
        Item::Fn(function) => {
            signature.extend(function.params.iter().map(|param| &param.of));
            signature.push(&function.result);
        }
        Item::Type(declaration) => match &declaration.shape {
            TypeShape::Alias(of) => signature.push(of),
            TypeShape::Record(fields) => signature.extend(fields.iter().map(|field| &field.of)),
            TypeShape::Enum(cases) => {
                signature.extend(cases.iter().flat_map(|case| &case.fields).map(|(_, of)| of));
            }
        },
    }
    let mut names = Vec::new();
    signature.iter().for_each(|of| of.names(&mut names));
    for name in names {
        let target = match &name.target {
            Target::Entity(target) if *target == entity => return Ok(true),
            Target::Unresolved => SlotTarget::Unresolved { spelling: name.spelling.clone(), wanted: Wanted::Type },
            Target::Entity(_) | Target::Builtin { .. } => continue,
        };
        if links.led(node, &target)?.is_some_and(|(led, _)| led == LinkNode::Entity(entity)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Checks entities of a view.
///
/// Warnings on how a definition is written are told of those in `written`.
fn check<'l>(
    look: &'l Look<'l>,
    links: ViewLinks<'l>,
    entities: &BTreeSet<EntityId>,
    written: &BTreeSet<EntityId>,
) -> Result<Findings, EngineError> {
    let types = ViewTypes { links: RefCell::new(links), look, failure: RefCell::default() };
    let checker = Checker::new(&types);
    let mut report = CheckReport::default();
    let mut problems_found = Vec::new();
    let mut pages = Pages::default();
    for &entity in entities {
        let Some(found) = look.found(&entity)? else { continue };
        report.definitions += 1;
        let definition = look.definition(&found.content)?;
        let mut problems = Vec::new();
        uses(&types, &definition, &found, &mut problems)?;
        let node = LinkNode::Entity(entity);
        match types.program(node) {
            Some(program) => {
                let checked = checker.check(node, &program);
                report.expressions += checked.expressions as u64;
                report.known += checked.known as u64;
                problems.extend(checked.problems.into_iter().map(|problem| Raw::of(Severity::Error, problem)));
                if written.contains(&entity) {
                    problems.extend(checked.warnings.into_iter().map(|problem| Raw::of(Severity::Warning, problem)));
                }
            }
            None => problems.push(syntax(&definition)),
        }
        if !problems.is_empty() {
            let Some(page) = page_of(look, entity, &mut pages)? else { continue };
            for mut raw in problems {
                let other = match &raw.problem.other {
                    Some(other) => place(look, &page, other, &mut pages)?,
                    None => None,
                };
                let unknown = raw.unknown.take();
                problems_found.push((page.problem(raw, other), unknown));
            }
        }
    }
    types.done()?;
    Ok(Findings { report, problems: problems_found })
}

/// What is certainly wrong with the types of an entity's definition, were these entities at these versions.
pub(crate) fn clashes(
    look: &Look<'_>,
    entity: EntityId,
    instead: &BTreeMap<EntityId, DefHash>,
) -> Result<Vec<Clash>, EngineError> {
    let node = LinkNode::Entity(entity);
    let links = RefCell::new(ViewLinks::with(look, instead.clone()));
    let types = ViewTypes { links, look, failure: RefCell::default() };
    let problems = types.program(node).map(|program| Checker::new(&types).check(node, &program).problems);
    types.done()?;
    let clash = |problem: TypeProblem| {
        let (expected, actual) = problem.types.unzip();
        Clash { expected, actual, message: problem.message }
    };
    Ok(problems.into_iter().flatten().map(clash).collect())
}

/// Whether a definition, were it an entity's, is certainly right as far as can be told.
pub(crate) fn fits(look: &Look<'_>, entity: EntityId, definition: &Definition) -> Result<bool, EngineError> {
    let types = ViewTypes { links: RefCell::new(ViewLinks::new(look)), look, failure: RefCell::default() };
    let Ok(program) = dm_lang::lower(definition) else { return Ok(false) };
    let fits = Checker::new(&types).check(LinkNode::Entity(entity), &program).problems.is_empty();
    types.done()?;
    Ok(fits)
}

/// What checking found, before it is put in order.
struct Findings {
    report: CheckReport,
    /// With the name that means nothing, if that is the problem.
    problems: Vec<(Problem, Option<String>)>,
}

/// For so many unknown names is said what may have been meant: each takes a look at all names.
const SUGGESTED_MAX: usize = 16;

impl Findings {
    fn into_report(mut self, look: &Look<'_>) -> Result<CheckReport, EngineError> {
        let at = |problem: &Problem| {
            (problem.severity, problem.place.location.clone(), problem.place.row, problem.place.column)
        };
        self.problems.sort_by_cached_key(|(problem, _)| at(problem));
        let unknown = self.problems.iter_mut().filter_map(|(problem, unknown)| Some((problem, unknown.as_ref()?)));
        let scope = ViewScope::new(look);
        for (problem, spelled) in unknown.take(SUGGESTED_MAX) {
            let module = problem.place.location.rsplit_once('.').map_or("", |(module, _)| module);
            let near = dm_lang::lookup::suggest(&scope, module, spelled);
            problem.hint = near.first().map(|name| format!("did you mean `{name}`?"));
        }
        scope.check()?;
        let mut report = self.report;
        report.problems = self.problems.into_iter().map(|(problem, _)| problem).collect();
        report.errors = report.problems.iter().filter(|problem| problem.severity == Severity::Error).count() as u64;
        report.warnings = report.problems.len() as u64 - report.errors;
        report.valid = report.errors == 0;
        Ok(report)
    }
}

/// A problem before it is placed.
struct Raw {
    severity: Severity,
    code: &'static str,
    problem: TypeProblem,
    /// The name that means nothing, for which another may have been meant.
    unknown: Option<String>,
}

impl Raw {
    fn of(severity: Severity, problem: TypeProblem) -> Self {
        Self { severity, code: problem.code.as_str(), problem, unknown: None }
    }

    fn named(severity: Severity, code: &'static str, range: TextRange, message: String, hint: Option<String>) -> Self {
        // The code of types is not shown.
        let problem = TypeProblem { code: dm_lang::TypeCode::Type, range, message, other: None, hint, types: None };
        Self { severity, code, problem, unknown: None }
    }
}

/// What is wrong with a text that has no resolved tree. Only a peer can have sent one.
fn syntax(definition: &Definition) -> Raw {
    let message = match dm_lang::lower(definition) {
        Ok(_) => "the text cannot be read".to_owned(),
        Err(error) => error.to_string(),
    };
    let range = TextRange { start: 0, end: u32::try_from(definition.text.len()).unwrap_or(u32::MAX) };
    Raw::named(Severity::Error, "syntax", range, message, None)
}

/// What is wrong with the names that a definition uses: unknown, deleted, deprecated.
fn uses(types: &ViewTypes<'_>, definition: &Definition, found: &Found, into: &mut Vec<Raw>) -> Result<(), EngineError> {
    let look = types.look;
    let bound = look.unresolved_now(definition, &found.location)?;
    for (index, reference) in definition.references.iter().enumerate() {
        let range = TextRange { start: reference.start, end: reference.end() };
        let spelled = definition.text.get(range.start as usize..range.end as usize).unwrap_or_default();
        match &reference.target {
            Target::Builtin { .. } => {}
            Target::Unresolved => {
                if let Some((_, entity)) = bound.iter().find(|(other, _)| *other == index) {
                    let name = look.last_location(entity)?;
                    let message =
                        format!("`{spelled}` meant nothing when this was saved, and is bound by name to {name}");
                    let hint = Some("the next save of this definition fixes it".to_owned());
                    into.push(Raw::named(Severity::Warning, "bound-by-name", range, message, hint));
                } else {
                    let message = format!("`{spelled}` means nothing here");
                    let mut raw = Raw::named(Severity::Warning, "unknown-name", range, message, None);
                    raw.unknown = Some(spelled.to_owned());
                    into.push(raw);
                }
            }
            Target::Entity(entity) => {
                let standing = types.links.borrow_mut().standing(*entity)?;
                if !standing.lives {
                    let name = look.last_location(entity)?;
                    let message = format!("`{spelled}` is deleted (it was {name})");
                    into.push(Raw::named(Severity::Error, DELETED, range, message, None));
                } else if let Some(deprecation) = standing.deprecation.as_ref().filter(|_| *entity != found.entity) {
                    let message = format!("`{spelled}` is deprecated: {}", deprecation.reason);
                    let instead = deprecation.replacement.map(|instead| look.last_location(&instead)).transpose()?;
                    let hint = instead.map(|instead| format!("use {instead} instead"));
                    into.push(Raw::named(Severity::Warning, "deprecated", range, message, hint));
                }
            }
        }
    }
    Ok(())
}

/// A definition as people see it, and the way there from the stored text.
struct Page {
    location: String,
    kind: String,
    entity: String,
    text: String,
    index: LineIndex,
    respelled: Vec<dm_lang::Respelled>,
}

impl Page {
    fn of(look: &Look<'_>, found: &Found, definition: &Definition) -> Result<Self, EngineError> {
        let scope = ViewScope::new(look);
        let rendering = dm_lang::render(definition, &found.location, &scope);
        let (text, respelled) = (rendering.text.into_owned(), rendering.respelled);
        scope.check()?;
        Ok(Self {
            location: found.location.to_string(),
            kind: definition.kind.as_str().to_owned(),
            entity: found.entity.to_string(),
            index: LineIndex::new(&text),
            text,
            respelled,
        })
    }

    /// A place of the stored text in the rendering.
    fn shown(&self, at: u32) -> u32 {
        let mut shift = 0_i64;
        for stretch in &self.respelled {
            if at >= stretch.stored.end {
                shift = i64::from(stretch.shown.end) - i64::from(stretch.stored.end);
            } else if at > stretch.stored.start {
                return stretch.shown.end.min(stretch.shown.start + (at - stretch.stored.start));
            } else {
                break;
            }
        }
        u32::try_from(i64::from(at) + shift).unwrap_or(0)
    }

    fn place(&self, range: TextRange, note: String) -> ProblemPlace {
        let (start, end) = (self.shown(range.start), self.shown(range.end));
        let from = self.index.line_col(&self.text, start);
        let to = self.index.line_col(&self.text, end);
        let (excerpt, marks) = dm_syntax::excerpt_at(&self.text, TextRange { start, end });
        ProblemPlace {
            location: self.location.clone(),
            row: from.row + 1,
            column: from.col + 1,
            end_row: to.row + 1,
            end_column: to.col + 1,
            excerpt,
            marks,
            note,
        }
    }

    fn problem(&self, raw: Raw, other: Option<ProblemPlace>) -> Problem {
        let place = self.place(raw.problem.range, String::new());
        Problem {
            severity: raw.severity,
            code: raw.code.to_owned(),
            op: None,
            kind: self.kind.clone(),
            entity: self.entity.clone(),
            place,
            expected: raw.problem.types.as_ref().map(|(expected, _)| expected.clone()),
            actual: raw.problem.types.map(|(_, actual)| actual),
            message: raw.problem.message,
            hint: raw.problem.hint,
            other,
        }
    }
}

/// The pages of definitions that problems speak of, each made once: a declared type may be spoken of by thousands.
type Pages = FxHashMap<EntityId, Option<Rc<Page>>>;

fn page_of(look: &Look<'_>, entity: EntityId, pages: &mut Pages) -> Result<Option<Rc<Page>>, EngineError> {
    if let Some(known) = pages.get(&entity) {
        return Ok(known.clone());
    }
    let page = match look.found(&entity)? {
        Some(found) => Some(Rc::new(Page::of(look, &found, &look.definition(&found.content)?)?)),
        None => None,
    };
    pages.insert(entity, page.clone());
    Ok(page)
}

/// Where something was said that a problem contradicts.
fn place(
    look: &Look<'_>,
    page: &Page,
    other: &OtherPlace,
    pages: &mut Pages,
) -> Result<Option<ProblemPlace>, EngineError> {
    let note = || other.note.clone();
    Ok(match other.node {
        None => Some(page.place(other.range, note())),
        Some(LinkNode::Entity(entity)) => page_of(look, entity, pages)?.map(|page| page.place(other.range, note())),
        // An older text, which has no place in the view.
        Some(LinkNode::Pinned(_)) => None,
    })
}

/// A view as checking asks it.
struct ViewTypes<'l> {
    look: &'l Look<'l>,
    links: RefCell<ViewLinks<'l>>,
    failure: RefCell<Option<EngineError>>,
}

impl ViewTypes<'_> {
    /// What went wrong meanwhile, if anything did.
    fn done(self) -> Result<(), EngineError> {
        self.failure.into_inner().map_or(Ok(()), Err)?;
        self.links.into_inner().done()
    }

    fn guard<T: Default>(&self, answer: Result<T, EngineError>) -> T {
        answer.unwrap_or_else(|error| {
            self.failure.borrow_mut().get_or_insert(error);
            T::default()
        })
    }
}

impl CheckSource for ViewTypes<'_> {
    fn follow(&self, from: LinkNode, target: &SlotTarget) -> Option<LinkNode> {
        let led = self.links.borrow_mut().led(from, target);
        self.guard(led).map(|(node, _)| node)
    }

    fn program(&self, node: LinkNode) -> Option<Arc<Program>> {
        let program = self.links.borrow_mut().program(node);
        self.guard(program)
    }

    fn declared(&self, node: LinkNode) -> Option<Arc<Program>> {
        let program = self.links.borrow_mut().declared(node);
        self.guard(program)
    }

    fn same_type(&self, one: LinkNode, other: LinkNode) -> bool {
        let mut links = self.links.borrow_mut();
        let (one, other) = (links.link(one), links.link(other));
        let (one, other) = (self.guard(one), self.guard(other));
        one.is_some() && one == other
    }

    fn name(&self, node: LinkNode) -> String {
        match node {
            LinkNode::Entity(entity) => {
                let name = self.guard(self.look.last_location(&entity));
                name.rsplit('.').next().unwrap_or_default().to_owned()
            }
            LinkNode::Pinned(content) => format!("an older type ({})", content.short()),
        }
    }

    fn standard(&self, location: &str, wanted: Wanted) -> Option<LinkNode> {
        let entity = dm_lang::meaning_of(&self.links.borrow().scope, "", location, wanted);
        entity.map(LinkNode::Entity)
    }
}
