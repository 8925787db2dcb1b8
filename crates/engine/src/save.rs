//! Saving text: declarations become definitions, and these become rows of a draft.

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_collab::Head;
use dm_collab::view::FreePlace;
use dm_lang::{Bindings, Declaration, Entry as ScopeEntry, NameProblem, ProblemKind, StoredTest};
use dm_model::{DefHash, Definition, EntityId, Kind, Location, OpId, Register, Value, Visibility};
use dm_store::HashedDefinition;
use dm_syntax::{Code, Diagnostic, LineIndex, Mode, Parse, TextRange};

use crate::error::{EngineError, NameError, TextProblem};
use crate::look::{Found, Look};
use crate::report::{Change, NameWarning, Written};
use crate::scope::ViewScope;
use crate::sources::SourceText;
use crate::transaction::Transaction;

/// What an edit was made from: handed out with the text, handed back with the edited one (SEMANTICS R6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The entity.
    pub(crate) entity: EntityId,
    /// Where it was; a token does not say it.
    pub(crate) location: Option<Location>,
    /// The content writes that were shown.
    pub(crate) shown: Vec<Head>,
    /// The deletions and deprecations that were shown beside it.
    pub(crate) witness: Vec<OpId>,
}

impl Base {
    /// The base that a token means: the writes that `show` named with the text, all of one definition.
    pub(crate) fn of_token(look: &Look<'_>, token: &[String]) -> Result<Option<Self>, EngineError> {
        let mut base: Option<Self> = None;
        for text in token {
            let id: OpId = text.parse()?;
            // A draft's write that was replaced since is no more: what was shown is stale.
            let op = look.view.op(&id)?.ok_or_else(|| EngineError::NoSuchBase(text.clone()))?;
            let (shown, witness) = (Vec::new(), Vec::new());
            let base = base.get_or_insert(Self { entity: op.entity, location: None, shown, witness });
            if base.entity != op.entity {
                return Err(EngineError::NoSuchBase(text.clone()));
            }
            match op.action.value(Register::Content) {
                Some(value) => base.shown.push(dm_collab::Head { op: id, value }),
                None => base.witness.push(id),
            }
        }
        Ok(base)
    }

    /// Whether a declaration is what became of the text: the one at its place, or, where the place is not known, the only one.
    fn is_of(&self, declaration: &Declaration, source: &Source) -> bool {
        match &self.location {
            Some(location) => declaration.location == *location,
            None => source.declarations.len() == 1,
        }
    }

    /// The one content that was shown, if it was one.
    fn content(&self) -> Option<DefHash> {
        match self.shown.first().map(|head| &head.value) {
            Some(Value::Content(hash)) if self.shown.len() == 1 => Some(*hash),
            _ => None,
        }
    }
}

/// A definition opened for editing.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Where it is.
    pub location: String,
    /// Its rendering in a file of its module.
    pub text: String,
    /// What the text stands on.
    pub base: Base,
}

/// What is to be saved.
#[derive(Debug, Clone)]
pub struct SaveRequest {
    /// The text: one or more declarations in modules.
    pub text: SourceText,
    /// The module it stands in, where it names none.
    pub module: Option<String>,
    /// What the change is for.
    pub intent: Option<String>,
    /// What names mean: spelling and location.
    pub binds: Vec<(String, String)>,
    /// What the text was made from; what the view shows now, if not given.
    pub base: Option<Base>,
}

/// A text that parsed, with its declarations.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub file: String,
    pub parse: Arc<Parse>,
    pub declarations: Vec<Declaration>,
}

/// Parses a text in package mode and finds its declarations.
pub(crate) fn read_declarations(file: &str, text: &str) -> Result<Source, TextProblem> {
    let text = dm_lang::source::normalize(text);
    let parse = dm_syntax::parse(&text, Mode::Package);
    let mut diagnostics: Vec<Diagnostic> = errors(&parse.diagnostics);
    let mut declarations = Vec::new();
    if diagnostics.is_empty() {
        let extracted = dm_lang::extract(&parse);
        diagnostics = errors(&extracted.diagnostics);
        declarations = extracted.declarations;
    }
    if diagnostics.is_empty() {
        Ok(Source { file: file.to_owned(), parse: Arc::new(parse), declarations })
    } else {
        Err(TextProblem { file: file.to_owned(), text: text.into_owned(), diagnostics })
    }
}

/// The module header that was put in front of a text that names none.
struct Header(String);

impl Header {
    fn rows(&self) -> u32 {
        self.0.bytes().filter(|byte| *byte == b'\n').count().try_into().unwrap_or(0)
    }

    /// An error placed in the text as it was given.
    fn placed(&self, error: EngineError) -> EngineError {
        let back = |range: TextRange| {
            let bytes = u32::try_from(self.0.len()).unwrap_or(0);
            TextRange::new(range.start.saturating_sub(bytes), range.end.saturating_sub(bytes))
        };
        match error {
            EngineError::Text(mut problems) => {
                for problem in &mut problems {
                    problem.text = problem.text.get(self.0.len()..).unwrap_or_default().to_owned();
                    for diagnostic in &mut problem.diagnostics {
                        diagnostic.range = back(diagnostic.range);
                        diagnostic.related.iter_mut().for_each(|(range, _)| *range = back(*range));
                    }
                }
                EngineError::Text(problems)
            }
            EngineError::Names(mut names) => {
                names.iter_mut().for_each(|name| name.row = name.row.saturating_sub(self.rows()));
                EngineError::Names(names)
            }
            other => other,
        }
    }
}

/// Reads a text that stands in a module, unless it names one itself.
fn read_in_module(text: &SourceText, module: Option<&str>) -> Result<(Source, Header), EngineError> {
    let fail = |problem| EngineError::Text(vec![problem]);
    let Some(module) = module else {
        return Ok((read_declarations(&text.file, &text.text).map_err(fail)?, Header(String::new())));
    };
    // The name of a module is that of a location without its end.
    format!("{module}.x").parse::<Location>()?;
    match read_declarations(&text.file, &text.text) {
        Ok(source) => Ok((source, Header(String::new()))),
        Err(problem) if problem.diagnostics.iter().all(|diagnostic| diagnostic.code != Code::NoModule) => {
            Err(fail(problem))
        }
        Err(_) => {
            let header = Header(format!("module {module}\n\n"));
            let read = read_declarations(&text.file, &format!("{}{}", header.0, text.text));
            let source = read.map_err(|problem| header.placed(fail(problem)))?;
            Ok((source, header))
        }
    }
}

fn errors(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == dm_syntax::Severity::Error).cloned().collect()
}

/// Two declarations of one location are an error of the texts that they stand in.
pub(crate) fn check_duplicates(sources: &[Source]) -> Result<(), EngineError> {
    let declarations: Vec<&[Declaration]> = sources.iter().map(|source| source.declarations.as_slice()).collect();
    let mut problems: BTreeMap<usize, TextProblem> = BTreeMap::new();
    for duplicate in dm_lang::duplicates(&declarations) {
        let (first, (file, at)) = (duplicate.first, duplicate.second);
        let (Some(source), Some(earlier)) = (sources.get(file), sources.get(first.0)) else { continue };
        let Some(declaration) = source.declarations.get(at) else { continue };
        let problem = problems.entry(file).or_insert_with(|| TextProblem {
            file: source.file.clone(),
            text: source.parse.tree.text().to_owned(),
            diagnostics: Vec::new(),
        });
        problem.diagnostics.push(dm_lang::duplicate_diagnostic(declaration, &earlier.file));
    }
    if problems.is_empty() { Ok(()) } else { Err(EngineError::Text(problems.into_values().collect())) }
}

/// A problem with a name, placed in its file.
pub(crate) fn warning(source: &Source, declaration: &Declaration, problem: &NameProblem) -> NameWarning {
    let index = LineIndex::new(source.parse.tree.text());
    let at = index.line_col(source.parse.tree.text(), declaration.map.to_file(problem.start));
    NameWarning {
        location: declaration.location.to_string(),
        file: source.file.clone(),
        row: at.row + 1,
        column: at.col + 1,
        spelling: problem.spelling.clone(),
        reason: problem.kind.to_string(),
        suggestions: problem.suggestions.clone(),
    }
}

impl From<NameWarning> for NameError {
    fn from(warning: NameWarning) -> Self {
        let NameWarning { location, file, row, column, spelling, reason, suggestions } = warning;
        Self { location, file, row, column, spelling, reason, suggestions }
    }
}

/// What a declaration becomes, and what that stands on.
enum Outcome {
    Unchanged,
    Create(Definition, FreePlace),
    Update(Definition, Found, Box<Standing>),
}

/// What a write of a register stands on.
pub(crate) struct Standing {
    pub shown: Vec<Head>,
    pub witness: Vec<OpId>,
    pub creators: Vec<OpId>,
}

impl Standing {
    /// Of a write that was made from `base`, or from what the view shows.
    pub(crate) fn of(
        look: &Look<'_>,
        entity: &EntityId,
        register: Register,
        base: Option<&Base>,
    ) -> Result<Self, EngineError> {
        let (shown, witness) = match base {
            Some(base) => (base.shown.clone(), base.witness.clone()),
            None => (look.view.shown(entity, register)?, look.view.witness(entity, register)?),
        };
        Ok(Self { shown, witness, creators: look.view.creators(entity)? })
    }
}

impl Transaction<'_> {
    /// The base that the token of a shown definition means; none for an empty token.
    ///
    /// # Errors
    /// If a write of it is not known here, or they are of several definitions.
    pub fn base_of(&self, token: &[String]) -> Result<Option<Base>, EngineError> {
        Base::of_token(&self.look(None)?, token)
    }

    /// Saves text to the draft in focus.
    ///
    /// # Errors
    /// If the text has errors, a name is ambiguous, a definition changed since the edit began, or no intent is there for a new
    /// patch. Then nothing is written.
    pub fn save(&mut self, request: &SaveRequest) -> Result<Written, EngineError> {
        let (source, header) = read_in_module(&request.text, request.module.as_deref())?;
        let mut sources = [source];
        check_duplicates(&sources).map_err(|error| header.placed(error))?;
        let (at, new_patch) = self.draft_for(request.intent.as_deref())?;
        let [source] = &mut sources;
        self.settle_tests(at, source, request.base.as_ref())?;
        let judged = self.judge(at, source, request);
        let (outcomes, mut warnings) = judged.map_err(|error| header.placed(error))?;
        warnings.iter_mut().for_each(|warning| warning.row = warning.row.saturating_sub(header.rows()));
        let mut changes = Vec::new();
        let mut unchanged = Vec::new();
        let mut written = Vec::new();
        for (declaration, outcome) in source.declarations.iter().zip(outcomes) {
            match outcome {
                Outcome::Unchanged => unchanged.push(declaration.location.to_string()),
                Outcome::Create(definition, place) => {
                    written.push(self.create(at, &declaration.location, &definition, &place)?);
                    changes.push(change("create", declaration));
                }
                Outcome::Update(definition, found, standing) => {
                    let hash = self.keep(&definition)?;
                    self.write(at, &found, Register::Content, Value::Content(hash), &standing)?;
                    written.push(found.entity);
                    changes.push(change("edit", declaration));
                }
            }
        }
        let mut report = self.written(at, new_patch, &written, changes)?;
        report.unchanged = unchanged;
        report.warnings = warnings;
        report.notes.extend(renamed_note(source, request.base.as_ref()));
        Ok(report)
    }

    /// A patch that was begun and holds nothing was never begun: the focus is where it was.
    pub(crate) fn forget_patch(&mut self) -> Result<(), EngineError> {
        self.tx.take_back()?;
        if let Some(session) = self.tx.session(&self.workspace.session.id)? {
            self.workspace.session = session;
        }
        Ok(())
    }

    /// Gives the tests of a text their names: those of the stored tests that they are.
    fn settle_tests(&self, at: usize, source: &mut Source, base: Option<&Base>) -> Result<(), EngineError> {
        if source.declarations.iter().all(|declaration| declaration.kind != Kind::Test) {
            return Ok(());
        }
        let look = self.look(Some(at))?;
        if let ([only], Some(base)) = (source.declarations.as_mut_slice(), base)
            && only.kind == Kind::Test
            && let Some(location) = look.location_of(&base.entity)?
        {
            // A test opened for editing is itself, whatever its text has become.
            only.location = location;
            return Ok(());
        }
        let mut modules: Vec<String> =
            source.declarations.iter().map(|declaration| declaration.location.module_path().to_owned()).collect();
        modules.sort();
        modules.dedup();
        for module in modules {
            let stored = look.tests_in(&module)?;
            // A text of its own repeats stored tests, edits those that it names, or adds to them; only an import says what a
            // module has in all.
            let declared = |name: &str, text: &str| {
                source.declarations.iter().any(|declaration| {
                    declaration.kind == Kind::Test
                        && declaration.location.module_path() == module
                        && (declaration.text == text || declaration.location.name() == name)
                })
            };
            let same: Vec<StoredTest<'_>> = stored
                .iter()
                .filter(|(_, name, text)| declared(name, text))
                .map(|(entity, name, text)| StoredTest { entity: *entity, name, text })
                .collect();
            let taken = |location: &Location| look.entities_at(location).is_ok_and(|entities| !entities.is_empty());
            let mut of_module: Vec<&mut Declaration> = source
                .declarations
                .iter_mut()
                .filter(|declaration| declaration.location.module_path() == module)
                .collect();
            dm_lang::settle_tests(&mut of_module, &same, &taken);
        }
        Ok(())
    }

    /// What each declaration becomes, and the names in them that do not resolve.
    fn judge(
        &self,
        at: usize,
        source: &Source,
        request: &SaveRequest,
    ) -> Result<(Vec<Outcome>, Vec<NameWarning>), EngineError> {
        let look = self.look(Some(at))?;
        let asked = asked(&look, &request.binds)?;
        let mut scope = ViewScope::new(&look);
        let mut stored: Vec<Result<Found, FreePlace>> = Vec::new();
        for declaration in &source.declarations {
            let base = request.base.as_ref().filter(|base| base.is_of(declaration, source));
            stored.push(match stored_at(&look, &declaration.location, base)? {
                Some(found) => Ok(found),
                None => {
                    let place = look.view.free_place(&declaration.location)?;
                    let entity = dm_model::entity_id(&declaration.location, place.generation);
                    let entry = ScopeEntry { entity, kind: declaration.kind, visibility: Visibility::Public };
                    scope.add(&declaration.location, entry);
                    Err(place)
                }
            });
        }
        let bindings: Vec<Bindings> =
            source.declarations.iter().map(|_| Bindings::default().with_asked(&asked)).collect();
        let resolved = dm_lang::resolve_file(&source.parse, &source.declarations, &bindings, &scope);
        let mut outcomes = Vec::new();
        let mut warnings = Vec::new();
        let mut refused = Vec::new();
        for ((declaration, found), resolved) in source.declarations.iter().zip(stored).zip(resolved) {
            let (outcome, problems) = match found {
                Err(place) => {
                    let problems = resolved.problems.clone();
                    let definition = resolved.into_definition(declaration.kind, declaration.text.clone());
                    (Outcome::Create(definition, place), problems)
                }
                Ok(found) => {
                    let base = request.base.as_ref().filter(|base| base.entity == found.entity);
                    outcome_of_edit(&look, declaration, found, base, &asked, &scope)?
                }
            };
            for problem in problems.iter().filter(|problem| problem.kept.is_none()) {
                let placed = warning(source, declaration, problem);
                if let ProblemKind::Ambiguous(entities) = &problem.kind {
                    let mut refusal = NameError::from(placed);
                    for entity in entities {
                        refusal.suggestions.push(format!("{} ({})", entity.short(), look.last_location(entity)?));
                    }
                    refused.push(refusal);
                } else {
                    warnings.push(placed);
                }
            }
            outcomes.push(outcome);
        }
        scope.check()?;
        if refused.is_empty() { Ok((outcomes, warnings)) } else { Err(EngineError::Names(refused)) }
    }

    /// Records a new definition at a free location.
    pub(crate) fn create(
        &mut self,
        at: usize,
        location: &Location,
        definition: &Definition,
        place: &FreePlace,
    ) -> Result<EntityId, EngineError> {
        let hash = self.keep(definition)?;
        let born = (location.clone(), place.generation);
        let made = self.workspace.stack.create(at, born, &place.freed_by, (hash, Visibility::Public));
        made.map_err(|error| self.draft_error(error, location))
    }

    /// Records another text of a definition, made from what the view shows.
    pub(crate) fn update(&mut self, at: usize, found: &Found, definition: &Definition) -> Result<(), EngineError> {
        let hash = self.keep(definition)?;
        self.write_name(at, found, Register::Content, Value::Content(hash))
    }

    /// Keeps a definition's content for a draft.
    pub(crate) fn keep(&mut self, definition: &Definition) -> Result<DefHash, EngineError> {
        let hashed = HashedDefinition::new(definition.clone());
        let hash = hashed.hash();
        self.tx.put_draft_definitions(&[hashed])?;
        Ok(hash)
    }
}

fn change(change: &str, declaration: &Declaration) -> Change {
    Change {
        change: change.to_owned(),
        location: declaration.location.to_string(),
        from: None,
        kind: Some(declaration.kind.as_str().to_owned()),
    }
}

/// The entities that a person said names mean.
fn asked(look: &Look<'_>, binds: &[(String, String)]) -> Result<BTreeMap<String, EntityId>, EngineError> {
    let mut asked = BTreeMap::new();
    for (name, location) in binds {
        asked.insert(name.clone(), look.find(location)?.entity);
    }
    Ok(asked)
}

/// A text that was opened under one name and comes back under another makes a new definition: said, since it may surprise.
fn renamed_note(source: &Source, base: Option<&Base>) -> Option<String> {
    let base = base?;
    let was = base.location.as_ref()?;
    let kept = source.declarations.iter().any(|declaration| declaration.location == *was);
    let new = source.declarations.first().filter(|_| !kept)?;
    Some(format!("`{was}` stays as it was; `dm mv` renames, and keeps what uses it right: {}", new.location))
}

/// What stands at a location: of several, the one that the edit was made from. What an edit was made from is found by its
/// identity, wherever it is now, and even if it was deleted meanwhile: the edit is then in conflict with that.
fn stored_at(look: &Look<'_>, location: &Location, base: Option<&Base>) -> Result<Option<Found>, EngineError> {
    if let Some(base) = base
        && let (Some(state), Some(content)) = (look.state(&base.entity)?, look.content(&base.entity)?)
    {
        let now = look.location_of(&base.entity)?;
        return Ok(Some(Found {
            entity: base.entity,
            state,
            location: now.unwrap_or_else(|| location.clone()),
            content,
        }));
    }
    let entities = look.entities_at(location)?;
    let chosen = match entities.as_slice() {
        [] => return Ok(None),
        [one] => one,
        many => match many.iter().find(|entity| base.is_some_and(|base| base.entity == **entity)) {
            Some(entity) => entity,
            None => {
                let candidates = many.iter().map(|entity| format!("{location} (entity {})", entity.short())).collect();
                return Err(EngineError::AmbiguousName { name: location.to_string(), candidates });
            }
        },
    };
    look.found(chosen)
}

/// What a text makes of a definition that is there: names keep their stored spelling where the rendering was left alone.
fn outcome_of_edit(
    look: &Look<'_>,
    declaration: &Declaration,
    found: Found,
    base: Option<&Base>,
    asked: &BTreeMap<String, EntityId>,
    scope: &ViewScope<'_>,
) -> Result<(Outcome, Vec<NameProblem>), EngineError> {
    // What was opened, not what is there by now (SEMANTICS R6); of several contents, the one in force was opened.
    let opened = base.and_then(Base::content).unwrap_or(found.content);
    let stored = look.definition(&opened)?;
    let opened_at = base.and_then(|base| base.location.as_ref()).unwrap_or(&found.location);
    let rendering = dm_lang::render(&stored, opened_at, scope);
    let edit = dm_lang::resolve_edit(&stored, &rendering, &declaration.text, &declaration.location, asked, scope);
    match edit {
        Ok(dm_lang::Edit::Unchanged) => Ok((Outcome::Unchanged, Vec::new())),
        Ok(dm_lang::Edit::Changed { definition, problems }) => {
            if definition.hash() == found.content {
                return Ok((Outcome::Unchanged, problems));
            }
            let standing = Standing::of(look, &found.entity, Register::Content, base)?;
            Ok((Outcome::Update(definition, found, Box::new(standing)), problems))
        }
        Err(dm_lang::ResolveError::Syntax(diagnostics)) => Err(EngineError::Text(vec![TextProblem {
            file: declaration.location.to_string(),
            text: declaration.text.clone(),
            diagnostics,
        }])),
        Err(error @ dm_lang::ResolveError::NotOne(_)) => Err(EngineError::DamagedDraft(error.to_string())),
    }
}
