//! Export: the view as .dark files, one per module, tests in files of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use dm_lang::Shown;
use dm_model::{Definition, EntityId, Kind, Location};

use crate::error::EngineError;
use crate::import::name_table;
use crate::report::{ExportReport, KindCounts};
use crate::snapshot::Snapshot;

/// What is to be exported, and how.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The folder to write to; made if missing.
    pub folder: PathBuf,
    /// Only what is in this module.
    pub module: Option<String>,
    /// Replace files that are there and differ.
    pub force: bool,
    /// Whether nothing is written.
    pub dry_run: bool,
}

impl Snapshot<'_> {
    /// Writes the view as .dark files, definitions in the order of writing.
    ///
    /// # Errors
    /// If there is no such module, a file is there and differs, or the disk refuses. Nothing is written before all is checked.
    pub fn export(&self, request: &ExportRequest) -> Result<ExportReport, EngineError> {
        let module = request.module.as_deref().unwrap_or_default();
        let definitions = self.in_order(module)?;
        if definitions.is_empty() && !module.is_empty() {
            return Err(EngineError::NoSuchName { name: module.to_owned(), similar: Vec::new() });
        }
        let look = self.look()?;
        let table = name_table(&look)?;
        let renderings =
            dm_lang::render_all(definitions.iter().map(|(location, definition)| (definition, location)), &table);
        let shown: Vec<Shown<'_>> = definitions
            .iter()
            .zip(&renderings)
            .map(|((location, definition), rendering)| Shown { location, kind: definition.kind, text: &rendering.text })
            .collect();
        let files = dm_lang::layout(&shown);
        let mut report = ExportReport {
            dry_run: request.dry_run,
            path: request.folder.display().to_string(),
            written: Vec::new(),
            unchanged: 0,
            definitions: counts(&definitions),
        };
        let mut to_write: Vec<(PathBuf, &str)> = Vec::new();
        for file in &files {
            let path = inside(&request.folder, &file.path)?;
            match fs::read(&path) {
                Ok(there) if there == file.text.as_bytes() => report.unchanged += 1,
                Ok(_) if !request.force => return Err(EngineError::FileDiffers(path)),
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(EngineError::File { path, source: error });
                }
                _ => {
                    report.written.push(file.path.clone());
                    to_write.push((path, &file.text));
                }
            }
        }
        if !request.dry_run {
            for (path, text) in to_write {
                write(&path, text)?;
            }
        }
        Ok(report)
    }

    /// The definitions below a module in the order of writing.
    fn in_order(&self, module: &str) -> Result<Vec<(Location, Definition)>, EngineError> {
        let look = self.look()?;
        let order: BTreeMap<EntityId, usize> =
            self.tx.order_of_writing()?.into_iter().enumerate().map(|(at, (entity, _))| (entity, at)).collect();
        let mut names = look.names_below(module)?;
        // What only the session has comes last, by name.
        names.sort_by_key(|(location, entity)| (order.get(entity).copied().unwrap_or(usize::MAX), location.clone()));
        let mut definitions = Vec::new();
        for (location, entity) in names {
            if let Some(content) = look.content(&entity)? {
                definitions.push((location, look.definition(&content)?));
            }
        }
        Ok(definitions)
    }
}

fn counts(definitions: &[(Location, Definition)]) -> KindCounts {
    let of = |kind: Kind| definitions.iter().filter(|(_, definition)| definition.kind == kind).count() as u64;
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
    let draft = path.with_extension("dark.new");
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, path)).map_err(fail)
}
