//! Conflicts in words, and ways out of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use dm_collab::conflict::{Conflict, ConflictKind, of_channel};
use dm_collab::draft::Edit;
use dm_collab::exchange::Candidates;
use dm_collab::patch::revision_body;
use dm_collab::{Head, ProjectionRead as _, Subject};
use dm_model::{EntityId, Kind, Location, OpId, PatchId, Register, Target, Value};

use crate::error::EngineError;
use crate::look::Look;
use crate::meaning_conflicts;
use crate::patches;
use crate::report::{Candidate, Change, ConflictClash, ConflictSummary, NameWarning, PatchSummary, Written};
use crate::save::SaveRequest;
use crate::sources::SourceText;
use crate::transaction::Transaction;
use crate::trust;
use crate::workspace::Workspace;

/// A way out of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// What is in force here.
    Ours,
    /// What the other side wrote.
    Theirs,
    /// The candidate with this number or op id.
    Take(String),
    /// The text that has what all sides did, where they did it in different places.
    Merge,
    /// Another text.
    Text(String),
    /// Another place.
    Rename(String),
}

/// The conflicts of main with all that is held for it, and of a session's view; by kind, then by id.
pub(crate) fn listed(look: &Look<'_>, workspace: &Workspace) -> Result<Vec<Conflict>, EngineError> {
    listed_with(look, workspace, &trust::candidates(look.tx)?)
}

/// As [`listed`], with what other mains have given.
pub(crate) fn listed_with(
    look: &Look<'_>,
    workspace: &Workspace,
    candidates: &Candidates<'_>,
) -> Result<Vec<Conflict>, EngineError> {
    let (view, fresh) = candidates.union_written()?;
    let union = Look { tx: look.tx, view };
    let mut all = union.view.conflicts()?;
    all.extend(meaning_conflicts::between_mains(&union, &fresh)?);
    all.extend(of_channel(look.tx)?);
    all.extend(look.view.conflicts()?);
    all.extend(meaning_conflicts::with_main(look, workspace)?);
    all.sort_by_key(|conflict| (conflict.kind, conflict.id));
    all.dedup_by_key(|conflict| conflict.id);
    Ok(all)
}

/// What disagrees, in a sentence.
pub(crate) fn sentence(look: &Look<'_>, conflict: &Conflict) -> Result<String, EngineError> {
    let mut names = Vec::new();
    for entity in &conflict.entities {
        names.push(format!("`{}`", look.last_location(entity)?));
    }
    let first = names.first().cloned().unwrap_or_default();
    let second = names.get(1).cloned().unwrap_or_default();
    Ok(match conflict.kind {
        ConflictKind::Content if content_kind(look, conflict)? == Some(Kind::Value) => {
            format!("{first} was changed twice, to different values")
        }
        ConflictKind::Content => format!("{first} was edited twice, differently"),
        ConflictKind::Move => {
            let places: Vec<String> = conflict.heads.iter().map(|head| words(&head.value)).collect();
            format!("{first} was moved twice: {}", places.join(" and "))
        }
        ConflictKind::Deprecation => format!("{first} was deprecated twice, differently"),
        ConflictKind::Visibility => format!("{first} was given two visibilities"),
        ConflictKind::Pin => format!("{first} was pinned to two versions of a dependency"),
        ConflictKind::DeleteEdit => format!("{first} was deleted on one side and edited on the other"),
        ConflictKind::DeprecationEdit => format!("{first} was deprecated on one side and edited on the other"),
        ConflictKind::Collision => {
            let place = conflict.location.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} different definitions are named `{place}`", conflict.entities.len())
        }
        ConflictKind::DeletedDependency => format!("{first} uses {second}, which was deleted"),
        ConflictKind::TypeIncompatibility => {
            format!("the type {first} was changed, and {} written for it as it was", told(names.get(1..)))
        }
        ConflictKind::DependencyBreaking => {
            format!("{first} was changed, and {} written for it as it was", told(names.get(1..)))
        }
        ConflictKind::Blocked => "a patch in main waits for what it needs".to_owned(),
        ConflictKind::Disputed => "the facts of main disagree about a patch".to_owned(),
    })
}

/// Some names, with the verb.
fn told(names: Option<&[String]>) -> String {
    match names.unwrap_or_default() {
        [] => "nothing was".to_owned(),
        [one] => format!("{one} was"),
        [one, others @ ..] => format!("{one} and {} more were", others.len()),
    }
}

fn content_kind(look: &Look<'_>, conflict: &Conflict) -> Result<Option<Kind>, EngineError> {
    for head in &conflict.heads {
        if let Value::Content(hash) = &head.value {
            return look.kind(hash);
        }
    }
    Ok(None)
}

/// A register's value in words.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Content(hash) => format!("definition {}", hash.short()),
        Value::Location(Some(location)) => format!("to {location}"),
        Value::Location(None) => "deleted".to_owned(),
        Value::Visibility(visibility) => visibility.as_str().to_owned(),
        Value::Deprecation(Some(deprecation)) => format!("deprecated: {}", deprecation.reason),
        Value::Deprecation(None) => "not deprecated".to_owned(),
        Value::Pin(Some(hash)) => format!("pinned to {}", hash.short()),
        Value::Pin(None) => "not pinned".to_owned(),
    }
}

/// Patches on a line, each made once: many conflicts are between a few.
pub(crate) struct Told<'l> {
    look: &'l Look<'l>,
    workspace: &'l Workspace,
    known: RefCell<BTreeMap<PatchId, PatchSummary>>,
}

impl<'l> Told<'l> {
    pub(crate) fn new(look: &'l Look<'l>, workspace: &'l Workspace) -> Self {
        Self { look, workspace, known: RefCell::default() }
    }

    /// The patch that made a write.
    fn writer(&self, op: &OpId) -> Result<Option<PatchSummary>, EngineError> {
        let Some(patch) = writer(self.look, self.workspace, op)? else { return Ok(None) };
        if let Some(known) = self.known.borrow().get(&patch) {
            return Ok(Some(known.clone()));
        }
        let summary = patches::summary(self.look, self.workspace, &patch)?;
        self.known.borrow_mut().insert(patch, summary.clone());
        Ok(Some(summary))
    }
}

/// A conflict for people and programs.
pub(crate) fn summary(told: &Told<'_>, conflict: &Conflict, ids: &[String]) -> Result<ConflictSummary, EngineError> {
    let look = told.look;
    let mut candidates = Vec::new();
    let ours = ours(look, conflict)?;
    for (at, head) in conflict.heads.iter().enumerate() {
        candidates.push(candidate(told, at, head, ours.contains(&head.op))?);
    }
    if conflict.kind == ConflictKind::Collision {
        let (ours, _) = sides_of_collision(look, conflict)?;
        for (at, entity) in conflict.entities.iter().enumerate() {
            candidates.push(collided(told, at, entity, ours.contains(entity))?);
        }
    }
    let mut locations = Vec::new();
    for entity in &conflict.entities {
        locations.push(look.last_location(entity)?);
    }
    let ancestor = match &conflict.ancestor {
        Some(head) => Some(candidate(told, 0, head, true)?),
        None => None,
    };
    let merges = meaning_conflicts::merged(look, conflict)?.is_some();
    let id = conflict.id.to_string();
    let short = patches::short(&id, ids);
    let mut ways = ways(conflict, &short, &locations);
    if merges {
        ways.insert(0, format!("dm conflicts resolve {short} --merge"));
    }
    let (checker, clashes) = match &conflict.subject {
        Subject::Meaning { checker, clashes } => (Some(*checker), clashes.as_slice()),
        _ => (None, &[][..]),
    };
    let mut told = Vec::new();
    for (entity, clashes) in clashes {
        let location = look.last_location(entity)?;
        told.extend(clashes.iter().map(|clash| ConflictClash {
            location: location.clone(),
            expected: clash.expected.clone(),
            actual: clash.actual.clone(),
            message: clash.message.clone(),
        }));
    }
    Ok(ConflictSummary {
        short,
        id,
        kind: conflict.kind.as_str().to_owned(),
        locations,
        sentence: sentence(look, conflict)?,
        candidates,
        ancestor,
        self_resolving: merges,
        checker,
        clashes: told,
        ways,
    })
}

/// The heads that are this side's: those of the session's own patches that are not in main, else those in effect in main; where
/// the session disagrees with itself, the one highest in its stack.
fn ours(look: &Look<'_>, conflict: &Conflict) -> Result<BTreeSet<OpId>, EngineError> {
    let mut own = BTreeSet::new();
    let mut main = BTreeSet::new();
    let mut highest = None;
    for head in &conflict.heads {
        if look.tx.op_effective(&head.op)? {
            main.insert(head.op);
        } else if let Some(place) = look.view.place_of(&head.op)? {
            own.insert(head.op);
            highest = highest.max(Some((place, head.op)));
        }
    }
    Ok(match highest {
        None => main,
        Some((_, op)) if own.len() == conflict.heads.len() => BTreeSet::from([op]),
        Some(_) => own,
    })
}

fn candidate(told: &Told<'_>, at: usize, head: &Head, ours: bool) -> Result<Candidate, EngineError> {
    let look = told.look;
    let text = match &head.value {
        Value::Content(hash) => Some(look.definition(hash)?.text),
        _ => None,
    };
    Ok(Candidate {
        number: at as u64 + 1,
        op: head.op.to_string(),
        patch: told.writer(&head.op)?,
        value: words(&head.value),
        text,
        ours,
    })
}

/// The entities of a name collision: this side's and the other's. Where a session's own patches bring one to the place, that is
/// this side's; else it is what main has there.
fn sides_of_collision(look: &Look<'_>, conflict: &Conflict) -> Result<(Vec<EntityId>, Vec<EntityId>), EngineError> {
    let mut own = Vec::new();
    let mut main = Vec::new();
    for entity in &conflict.entities {
        let Some(location) = &conflict.location else { break };
        if look.tx.names_at(location)?.iter().any(|name| name.entity == *entity) {
            main.push(*entity);
        } else if look.view.entity(entity)?.is_some_and(|state| state.live.contains(location)) {
            own.push(*entity);
        }
    }
    let all = conflict.entities.len();
    let ours = match (own.len(), main.len()) {
        (n, _) if n > 0 && n < all => own,
        (_, n) if n > 0 && n < all => main,
        _ => conflict.entities.iter().take(1).copied().collect(),
    };
    let theirs = conflict.entities.iter().filter(|entity| !ours.contains(entity)).copied().collect();
    Ok((ours, theirs))
}

fn collided(told: &Told<'_>, at: usize, entity: &EntityId, ours: bool) -> Result<Candidate, EngineError> {
    let look = told.look;
    let heads = look.view.heads(entity, Register::Location)?;
    let placed = match heads.first() {
        Some(head) => Some(head.op),
        None => look.tx.entity_ops(entity)?.first().map(|(op, _)| *op),
    };
    let patch = match placed {
        Some(op) => told.writer(&op)?,
        None => None,
    };
    let content = match look.content(entity)? {
        Some(content) => Some(content),
        None => look.tx.entity_ops(entity)?.into_iter().filter_map(|(_, op)| op.written_content()).next_back(),
    };
    Ok(Candidate {
        number: at as u64 + 1,
        op: entity.to_string(),
        patch,
        value: format!("entity {}", entity.short()),
        text: content.map(|hash| look.definition(&hash)).transpose()?.map(|definition| definition.text),
        ours,
    })
}

/// The patch that made a write.
fn writer(look: &Look<'_>, workspace: &Workspace, op: &OpId) -> Result<Option<PatchId>, EngineError> {
    Ok(match look.tx.carriers(op)?.first() {
        Some(revision) => revision_body(look.tx, revision)?.map(|body| body.patch),
        None => workspace.stack.place_of(op).and_then(|at| workspace.stack.drafts().get(at)).map(|draft| draft.patch),
    })
}

/// What can be typed.
fn ways(conflict: &Conflict, short: &str, locations: &[String]) -> Vec<String> {
    let resolve = |way: &str| format!("dm conflicts resolve {short} {way}");
    let first = locations.first().map_or("NAME", String::as_str);
    match conflict.kind {
        ConflictKind::Content => {
            vec![resolve("--ours"), resolve("--theirs"), resolve("--take NUMBER"), resolve("--edit")]
        }
        ConflictKind::Move => {
            vec![resolve("--ours"), resolve("--theirs"), resolve("--take NUMBER"), resolve("--rename LOCATION")]
        }
        ConflictKind::Collision => vec![resolve("--rename LOCATION"), resolve("--ours"), resolve("--theirs")],
        ConflictKind::DeletedDependency => vec![resolve("--rename LOCATION"), format!("dm edit {first}")],
        ConflictKind::TypeIncompatibility | ConflictKind::DependencyBreaking => {
            let version = match conflict.ancestor.as_ref().map(|head| &head.value) {
                Some(Value::Content(hash)) => format!(" --version {}", hash.short()),
                _ => String::new(),
            };
            let users = locations.get(1..).unwrap_or_default();
            let edits = users.iter().map(|user| format!("dm edit {user}"));
            let pins = users.iter().map(|user| format!("dm pin {user} {first}{version}"));
            edits.chain(pins).chain([format!("dm edit {first}")]).collect()
        }
        ConflictKind::Blocked => vec!["dm pull".to_owned()],
        ConflictKind::Disputed => vec!["dm patch apply PATCH".to_owned()],
        _ => vec![resolve("--ours"), resolve("--theirs"), resolve("--take NUMBER")],
    }
}

/// The conflict that an id, the start of one, or the name of a definition with just one conflict means.
pub(crate) fn find(look: &Look<'_>, workspace: &Workspace, name: &str) -> Result<Conflict, EngineError> {
    let all = listed(look, workspace)?;
    let by_id: Vec<&Conflict> =
        all.iter().filter(|conflict| name.len() >= 4 && conflict.id.to_string().starts_with(name)).collect();
    if let [one] = by_id.as_slice() {
        return Ok((*one).clone());
    }
    let mut by_name = Vec::new();
    for conflict in &all {
        for entity in &conflict.entities {
            let location = look.last_location(entity)?;
            if location == name || location.ends_with(&format!(".{name}")) {
                by_name.push(conflict);
                break;
            }
        }
    }
    match by_name.as_slice() {
        [one] => Ok((*one).clone()),
        _ => Err(EngineError::NoSuchConflict(name.to_owned())),
    }
}

impl Transaction<'_> {
    pub(crate) fn listed_conflicts(&self) -> Result<Vec<Conflict>, EngineError> {
        listed(&self.look(None)?, &self.workspace)
    }

    /// The writes that a conflict is about.
    fn sides(&self, conflict: &Conflict) -> Result<Vec<OpId>, EngineError> {
        let look = self.look(None)?;
        let mut sides = conflict.head_ops();
        for entity in conflict.entities.iter().filter(|_| sides.is_empty()).collect::<Vec<_>>() {
            sides.extend(look.view.heads(entity, Register::Location)?.iter().map(|head| head.op));
        }
        Ok(sides)
    }

    /// Settles a conflict in the draft in focus: one write over all that disagree.
    ///
    /// # Errors
    /// If there is no such conflict, or the way does not fit it.
    pub fn resolve(&mut self, name: &str, way: &Way, intent: Option<&str>) -> Result<Written, EngineError> {
        let conflict = find(&self.look(None)?, &self.workspace, name)?;
        if self.space.is_none() && self.workspace.session.focused.is_none() {
            self.space = self.space_over(&self.sides(&conflict)?)?;
        }
        let (at, new_patch) = self.draft_for(intent)?;
        let mut warnings = Vec::new();
        let touched = match conflict.kind {
            ConflictKind::Collision => self.resolve_collision(at, &conflict, way)?,
            ConflictKind::DeletedDependency => self.restore(at, &conflict, way)?,
            ConflictKind::DeleteEdit | ConflictKind::DeprecationEdit => self.resolve_beside(at, &conflict, way)?,
            ConflictKind::Blocked
            | ConflictKind::Disputed
            | ConflictKind::TypeIncompatibility
            | ConflictKind::DependencyBreaking => return Err(does_not_fit(way, &conflict)),
            _ => match (way, conflict.register, conflict.entities.first()) {
                (Way::Text(text), Some(Register::Content), Some(entity)) => {
                    warnings = self.settle_text(at, *entity, &conflict, text)?;
                    vec![*entity]
                }
                (Way::Merge, Some(Register::Content), Some(entity)) => {
                    let merged = meaning_conflicts::merged(&self.look(Some(at))?, &conflict)?;
                    let merged = merged.ok_or_else(|| does_not_fit(way, &conflict))?;
                    let module = self.look(Some(at))?.last_location(entity)?.parse::<Location>()?;
                    let text = dm_lang::print_file(module.module_path(), &[&merged]);
                    warnings = self.settle_text(at, *entity, &conflict, &text)?;
                    vec![*entity]
                }
                _ => self.resolve_register(at, &conflict, way)?,
            },
        };
        let look = self.look(None)?;
        let mut changes = Vec::new();
        for entity in &touched {
            changes.push(Change {
                change: "resolve".to_owned(),
                location: look.last_location(entity)?,
                from: None,
                kind: None,
            });
        }
        drop(look);
        let mut written = self.written(at, new_patch, &touched, changes)?;
        written.warnings = warnings;
        Ok(written)
    }

    /// One register, several heads: one value over all of them.
    fn resolve_register(&mut self, at: usize, conflict: &Conflict, way: &Way) -> Result<Vec<EntityId>, EngineError> {
        let (Some(entity), Some(register)) = (conflict.entities.first().copied(), conflict.register) else {
            return Err(does_not_fit(way, conflict));
        };
        let value = match (way, register) {
            (Way::Rename(place), Register::Location) => Value::Location(Some(place.parse()?)),
            (Way::Ours | Way::Theirs | Way::Take(_), _) => self.chosen(conflict, way)?.value,
            _ => return Err(does_not_fit(way, conflict)),
        };
        self.settle(at, entity, register, value, &conflict.heads)?;
        Ok(vec![entity])
    }

    /// The head that a way means.
    fn chosen(&self, conflict: &Conflict, way: &Way) -> Result<Head, EngineError> {
        let look = self.look(None)?;
        let ours = ours(&look, conflict)?;
        let heads = conflict.heads.iter();
        let fits: Vec<&Head> = match way {
            Way::Ours => heads.filter(|head| ours.contains(&head.op)).collect(),
            Way::Theirs => heads.filter(|head| !ours.contains(&head.op)).collect(),
            Way::Take(name) => {
                let number = name.parse::<usize>().ok().filter(|_| name.len() < 4);
                let by_number = number.and_then(|number| conflict.heads.get(number.checked_sub(1)?));
                match by_number {
                    Some(head) => vec![head],
                    None => heads.filter(|head| head.op.to_string().starts_with(name)).collect(),
                }
            }
            Way::Text(_) | Way::Rename(_) | Way::Merge => Vec::new(),
        };
        match fits.split_first() {
            Some((first, others)) if others.iter().all(|other| other.value == first.value) => Ok((*first).clone()),
            _ => Err(does_not_fit(way, conflict)),
        }
    }

    /// A resolution by hand: settled on one side, whose text then becomes this one, by the rules of any other save.
    fn settle_text(
        &mut self,
        at: usize,
        entity: EntityId,
        conflict: &Conflict,
        text: &str,
    ) -> Result<Vec<NameWarning>, EngineError> {
        let Some(first) = conflict.heads.first() else { return Ok(Vec::new()) };
        self.settle(at, entity, Register::Content, first.value.clone(), &conflict.heads)?;
        self.save_rows(at, &[entity])?;
        let location = self.look(Some(at))?.last_location(&entity)?;
        let saved = self.save(&SaveRequest {
            text: SourceText { file: "resolution".to_owned(), text: without_marks(text) },
            module: None,
            intent: None,
            binds: Vec::new(),
            base: None,
        })?;
        let changed = saved.changes.iter().map(|change| &change.location);
        if !changed.chain(&saved.unchanged).any(|named| *named == location) {
            return Err(EngineError::NoSuchName { name: location, similar: Vec::new() });
        }
        Ok(saved.warnings)
    }

    /// Writes a register over all these heads.
    fn settle(
        &mut self,
        at: usize,
        entity: EntityId,
        register: Register,
        value: Value,
        heads: &[Head],
    ) -> Result<(), EngineError> {
        let look = self.look(Some(at))?;
        let mut witness = look.view.witness(&entity, register)?;
        if register != Register::Content {
            // A conflict may be with what is held: that is seen too.
            witness.extend(heads.iter().filter(|head| matches!(head.value, Value::Content(_))).map(|head| head.op));
        }
        let creators = look.view.creators(&entity)?;
        let location = look.last_location(&entity)?;
        drop(look);
        let mut shown: Vec<Head> = heads
            .iter()
            .filter(|head| Register::of(&head.value, None) == Register::of(&value, None))
            .cloned()
            .collect();
        shown.extend(self.hidden_under(&entity, register, &shown)?);
        let edit = Edit { entity, register, value, shown: &shown, witness: &witness, creators: &creators };
        let location: Location = location.parse()?;
        self.workspace.stack.resolve(at, &edit).map_err(|error| self.draft_error(error, &location))
    }

    /// The tips that these heads hide (SEMANTICS R7) in the view whose heads they are: a resolution replaces them too (R13), or one
    /// might come back beside it.
    fn hidden_under(&self, entity: &EntityId, register: Register, heads: &[Head]) -> Result<Vec<Head>, EngineError> {
        let union = trust::candidates(&self.tx)?.union()?;
        let session = self.look(None)?.view;
        for view in [&union, &session] {
            if view.heads(entity, register)? == heads {
                let tips = view.tips(entity, register)?;
                return Ok(tips.into_iter().filter(|tip| !heads.contains(tip)).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Deleted or deprecated beside an edit: keep it, or set it aside having seen the edit.
    fn resolve_beside(&mut self, at: usize, conflict: &Conflict, way: &Way) -> Result<Vec<EntityId>, EngineError> {
        let Some(entity) = conflict.entities.first().copied() else { return Err(does_not_fit(way, conflict)) };
        let chosen = self.chosen(conflict, way)?;
        let deletion = conflict.kind == ConflictKind::DeleteEdit;
        let register = if deletion { Register::Location } else { Register::Deprecation };
        let value = beside(&self.look(Some(at))?, conflict, &chosen)?;
        self.settle(at, entity, register, value, &conflict.heads)?;
        Ok(vec![entity])
    }

    /// A definition in use whose name is gone gets one again.
    fn restore(&mut self, at: usize, conflict: &Conflict, way: &Way) -> Result<Vec<EntityId>, EngineError> {
        let (Way::Rename(place), Some(used)) = (way, conflict.entities.get(1).copied()) else {
            return Err(does_not_fit(way, conflict));
        };
        let heads = self.look(Some(at))?.view.heads(&used, Register::Location)?;
        self.settle(at, used, Register::Location, Value::Location(Some(place.parse()?)), &heads)?;
        Ok(vec![used])
    }

    /// Several definitions at one name: another name for one, or one goes and those that used it use the other.
    fn resolve_collision(&mut self, at: usize, conflict: &Conflict, way: &Way) -> Result<Vec<EntityId>, EngineError> {
        let (ours, theirs) = sides_of_collision(&self.look(None)?, conflict)?;
        let ([ours], [theirs]) = (ours.as_slice(), theirs.as_slice()) else { return Err(does_not_fit(way, conflict)) };
        let (kept, gone, place) = match way {
            // What main has at the place stays there.
            Way::Rename(place) => {
                let moved = self.newcomer(conflict, ours, theirs)?;
                (if moved == *ours { *theirs } else { *ours }, moved, Some(place.parse::<Location>()?))
            }
            Way::Ours => (*ours, *theirs, None),
            Way::Theirs => (*theirs, *ours, None),
            Way::Take(_) | Way::Text(_) | Way::Merge => return Err(does_not_fit(way, conflict)),
        };
        if let Some(place) = &place
            && !self.look(Some(at))?.entities_at(place)?.is_empty()
        {
            return Err(EngineError::LocationTaken { location: place.to_string() });
        }
        let heads = self.union_heads(&gone)?;
        let renamed = place.is_some();
        self.settle(at, gone, Register::Location, Value::Location(place), &heads)?;
        let mut touched = vec![gone];
        if !renamed {
            touched.extend(self.repoint(at, gone, kept)?);
        }
        Ok(touched)
    }

    /// The one of two colliding entities that main does not have at the place.
    fn newcomer(&self, conflict: &Conflict, ours: &EntityId, theirs: &EntityId) -> Result<EntityId, EngineError> {
        let Some(location) = &conflict.location else { return Ok(*theirs) };
        let in_main = self.tx.names_at(location)?;
        let ours_is_in_main = in_main.iter().any(|name| name.entity == *ours);
        let theirs_is_in_main = in_main.iter().any(|name| name.entity == *theirs);
        Ok(if theirs_is_in_main && !ours_is_in_main { *ours } else { *theirs })
    }

    /// The location heads of an entity, which may be in a held patch only; those of the session where it has written some.
    fn union_heads(&self, entity: &EntityId) -> Result<Vec<Head>, EngineError> {
        let shown = self.look(None)?.view.heads(entity, Register::Location)?;
        for head in &shown {
            if !self.tx.op_effective(&head.op)? {
                return Ok(shown);
            }
        }
        let union = trust::candidates(&self.tx)?.union()?;
        let heads = union.heads(entity, Register::Location)?;
        Ok(if heads.is_empty() { shown } else { heads })
    }

    /// Those that used one entity use another from now on.
    fn repoint(&mut self, at: usize, from: EntityId, to: EntityId) -> Result<Vec<EntityId>, EngineError> {
        let look = self.look(Some(at))?;
        let mut edits = Vec::new();
        for user in look.view.dependents(&from)? {
            let Some(found) = look.found(&user)? else { continue };
            let mut definition = look.definition(&found.content)?;
            for reference in &mut definition.references {
                if reference.target == Target::Entity(from) {
                    reference.target = Target::Entity(to);
                }
            }
            edits.push((found, definition));
        }
        drop(look);
        let mut touched = Vec::new();
        for (found, definition) in edits {
            self.update(at, &found, &definition)?;
            touched.push(found.entity);
        }
        Ok(touched)
    }
}

/// What stands above each candidate in a text that is to be resolved by hand.
const MARK: &str = "keep one, or merge them";

/// The line above a candidate.
pub(crate) fn mark(number: usize) -> String {
    format!("// candidate {number}: {MARK}")
}

/// The text without the lines above candidates.
fn without_marks(text: &str) -> String {
    let is_mark = |line: &&str| line.starts_with("// candidate ") && line.trim_end().ends_with(MARK);
    text.lines().filter(|line| !is_mark(line)).map(|line| format!("{line}\n")).collect()
}

/// What settles a deletion or deprecation beside an edit: set aside having seen the edit, or kept where it was.
pub(crate) fn beside(look: &Look<'_>, conflict: &Conflict, chosen: &Head) -> Result<Value, EngineError> {
    if dm_collab::conflict::sets_aside(&chosen.value) {
        return Ok(chosen.value.clone());
    }
    if conflict.kind != ConflictKind::DeleteEdit {
        return Ok(Value::Deprecation(None));
    }
    let Some(entity) = conflict.entities.first() else { return Ok(chosen.value.clone()) };
    Ok(Value::Location(Some(look.last_location(entity)?.parse()?)))
}

fn does_not_fit(way: &Way, conflict: &Conflict) -> EngineError {
    let way = match way {
        Way::Ours => "--ours".to_owned(),
        Way::Theirs => "--theirs".to_owned(),
        Way::Take(name) => format!("--take {name}"),
        Way::Text(_) => "--edit".to_owned(),
        Way::Merge => "--merge".to_owned(),
        Way::Rename(place) => format!("--rename {place}"),
    };
    EngineError::WayDoesNotFit { way, kind: conflict.kind.as_str() }
}
