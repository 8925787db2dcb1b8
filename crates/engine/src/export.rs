//! Export: the view as .dark files, one per module, tests in files of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use dm_lang::{ModuleFile, Shown};
use dm_model::{DefHash, Definition, EntityId, Kind, Location, OpId, Register};
use dm_store::ImportBase;

use crate::base::{self, BASE_FILE};
use crate::error::EngineError;
use crate::import::name_table;
use crate::look::Look;
use crate::report::{ExportReport, KindCounts};
use crate::transaction::Transaction;

/// What is to be exported, and how.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The folder to write to; made if missing.
    pub folder: PathBuf,
    /// Only what is in this module.
    pub module: Option<String>,
    /// Replace files that are there and differ.
    pub force: bool,
}

/// A definition that is exported: where it is, what it is, and what an edit of it stands on.
struct Exported {
    location: Location,
    entity: EntityId,
    hash: DefHash,
    definition: Definition,
}

impl Transaction<'_> {
    /// Writes the view as .dark files, definitions in the order of writing, and beside them the base file that a later import
    /// of the folder is compared with (SEMANTICS R6).
    ///
    /// # Errors
    /// If there is no such module, a file is there and differs, or the disk refuses. Nothing is written before all is checked.
    pub fn export(&mut self, request: &ExportRequest) -> Result<ExportReport, EngineError> {
        let module = request.module.as_deref().unwrap_or_default();
        let look = self.look(None)?;
        let definitions = in_order(&look, module)?;
        if definitions.is_empty() && !module.is_empty() {
            return Err(EngineError::NoSuchName { name: module.to_owned(), similar: Vec::new() });
        }
        let table = name_table(&look)?;
        let pairs = definitions.iter().map(|exported| (&exported.definition, &exported.location));
        let renderings = dm_lang::render_all(pairs, &table);
        let shown: Vec<Shown<'_>> = definitions
            .iter()
            .zip(&renderings)
            .map(|(exported, rendering)| Shown {
                location: &exported.location,
                kind: exported.definition.kind,
                text: &rendering.text,
            })
            .collect();
        let files = dm_lang::layout(&shown);
        let mut report = ExportReport {
            dry_run: self.dry_run,
            path: request.folder.display().to_string(),
            written: Vec::new(),
            unchanged: 0,
            definitions: counts(&definitions),
        };
        let to_write = compare(&files, request, &mut report)?;
        let bases = bases(&look, &definitions, &files)?;
        drop(look);
        if self.dry_run {
            return Ok(report);
        }
        for (path, text) in to_write {
            write(&path, text)?;
        }
        fs::create_dir_all(&request.folder)
            .map_err(|source| EngineError::File { path: request.folder.clone(), source })?;
        if module.is_empty() {
            write(&request.folder.join(BASE_FILE), &base::print(&bases))?;
        } else {
            let kept = base::read(&request.folder)?.into_iter().filter(|base| !is_below(&base.location, module));
            let mut all: Vec<ImportBase> = kept.chain(bases.iter().cloned()).collect();
            all.sort_by(|left, right| left.location.cmp(&right.location));
            write(&request.folder.join(BASE_FILE), &base::print(&all))?;
        }
        self.remember_bases(&request.folder, module, &bases)?;
        self.tell_final("export", request.folder.display().to_string());
        Ok(report)
    }

    /// Keeps in the store too what the folder has now, in place of what an earlier import or export of it left.
    fn remember_bases(&mut self, folder: &Path, module: &str, bases: &[ImportBase]) -> Result<(), EngineError> {
        let folder =
            fs::canonicalize(folder).map_err(|source| EngineError::File { path: folder.to_path_buf(), source })?;
        let root = self.engine.folder_key(&folder);
        let known = self.tx.import_bases(&root)?.into_iter().map(|base| base.location);
        let stale: Vec<Location> = known.filter(|location| module.is_empty() || is_below(location, module)).collect();
        self.tx.remove_import_bases(&root, &stale)?;
        Ok(self.tx.put_import_bases(&root, bases)?)
    }
}

fn is_below(location: &Location, module: &str) -> bool {
    location.as_str().strip_prefix(module).is_some_and(|rest| rest.starts_with('.'))
}

/// The files that are to be written: those that are not there, or differ and are to be replaced.
fn compare<'f>(
    files: &'f [ModuleFile],
    request: &ExportRequest,
    report: &mut ExportReport,
) -> Result<Vec<(PathBuf, &'f str)>, EngineError> {
    let mut to_write: Vec<(PathBuf, &str)> = Vec::new();
    let mut differing = Vec::new();
    for file in files {
        let path = inside(&request.folder, &file.path)?;
        match fs::read(&path) {
            Ok(there) if there == file.text.as_bytes() => report.unchanged += 1,
            Ok(_) if !request.force => differing.push(path),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(EngineError::File { path, source: error });
            }
            _ => {
                report.written.push(file.path.clone());
                to_write.push((path, &file.text));
            }
        }
    }
    if differing.is_empty() { Ok(to_write) } else { Err(EngineError::FilesDiffer(differing)) }
}

/// What each definition's text was made from.
fn bases(look: &Look<'_>, definitions: &[Exported], files: &[ModuleFile]) -> Result<Vec<ImportBase>, EngineError> {
    let mut bases = Vec::new();
    let placed = files.iter().flat_map(|file| file.definitions.iter().map(move |at| (*at, file)));
    for (at, file) in placed {
        let Some(exported) = definitions.get(at) else { continue };
        let shown = look.view.shown(&exported.entity, Register::Content)?;
        let mut heads: Vec<OpId> = shown.into_iter().map(|head| head.op).collect();
        heads.sort_unstable();
        bases.push(ImportBase {
            location: exported.location.clone(),
            entity: exported.entity,
            content: exported.hash,
            heads,
            file: file.path.clone(),
        });
    }
    bases.sort_by(|left, right| left.location.cmp(&right.location));
    Ok(bases)
}

/// The definitions below a module in the order of writing.
fn in_order(look: &Look<'_>, module: &str) -> Result<Vec<Exported>, EngineError> {
    let order: BTreeMap<EntityId, usize> =
        look.tx.order_of_writing()?.into_iter().enumerate().map(|(at, (entity, _))| (entity, at)).collect();
    let mut names = look.names_below(module)?;
    // What only the session has comes last, by name.
    names.sort_by_key(|(location, entity)| (order.get(entity).copied().unwrap_or(usize::MAX), location.clone()));
    let mut definitions = Vec::new();
    for (location, entity) in names {
        if let Some(hash) = look.content(&entity)? {
            definitions.push(Exported { location, entity, hash, definition: look.definition(&hash)? });
        }
    }
    Ok(definitions)
}

fn counts(definitions: &[Exported]) -> KindCounts {
    let of = |kind: Kind| definitions.iter().filter(|exported| exported.definition.kind == kind).count() as u64;
    KindCounts { functions: of(Kind::Fn), types: of(Kind::Type), values: of(Kind::Value), tests: of(Kind::Test) }
}

/// A path below a folder; names come from people, so one that would lead out is refused.
fn inside(folder: &Path, below: &str) -> Result<PathBuf, EngineError> {
    let below = Path::new(below);
    if below.components().any(|component| !matches!(component, Component::Normal(_))) {
        return Err(EngineError::OutsideFolder { path: below.to_path_buf(), root: folder.to_path_buf() });
    }
    Ok(folder.join(below))
}

/// Writes a file so that it is there whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), EngineError> {
    let fail = |source| EngineError::File { path: path.to_path_buf(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, path)).map_err(fail)
}
