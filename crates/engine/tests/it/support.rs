//! A store in a temporary folder, and short ways to use it.

use std::path::PathBuf;
use std::sync::Arc;

use dm_engine::{
    ApplyReport, ConflictSummary, Engine, EngineError, FixedSystem, ImportReport, ImportRequest, InitOptions,
    OpenOptions, Opened, SaveRequest, SessionChoice, SourceText, System, Written,
};
use dm_model::Timestamp;

/// A store of Ada's.
pub struct Desk {
    folder: tempfile::TempDir,
    pub engine: Engine,
}

/// A session by name.
pub fn session(name: &str) -> SessionChoice {
    SessionChoice::Named(name.to_owned())
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy_folder(&path, &target) } else { std::fs::copy(&path, &target).map(drop).unwrap() }
    }
}

impl Desk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let system: Arc<dyn System> = Arc::new(FixedSystem::new(Timestamp::from_ms(1_767_225_600_000), "engine"));
        let options = InitOptions {
            folder: folder.path().join("store"),
            author: "Ada".to_owned(),
            name: "desk".to_owned(),
            dry_run: false,
        };
        dm_engine::init(&options, system.as_ref()).unwrap();
        let engine = Engine::open(OpenOptions { folder: folder.path().join("store"), author: None, system }).unwrap();
        Self { folder, engine }
    }

    /// The same in another folder.
    pub fn moved(self) -> Self {
        let Self { folder, engine } = self;
        let mut options = engine.options();
        drop(engine);
        let new = tempfile::tempdir().unwrap();
        std::fs::rename(folder.path().join("store"), new.path().join("store")).unwrap();
        options.folder = new.path().join("store");
        Self { folder: new, engine: Engine::open(options).unwrap() }
    }

    /// A store with a module in main, and a second session `other`.
    pub fn with(text: &str) -> Self {
        let desk = Self::new();
        desk.write("src/begin.dark", text);
        desk.import("work", "src", |_| ()).unwrap();
        let mut tx = desk.engine.begin(&session("work"), false).unwrap();
        tx.session_new("other", "").unwrap();
        tx.commit().unwrap();
        desk
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn import(
        &self,
        name: &str,
        folder: &str,
        how: impl FnOnce(&mut ImportRequest<'_>),
    ) -> Result<ImportReport, EngineError> {
        let sources = dm_engine::read_sources(&self.path(folder), false)?;
        let mut request = ImportRequest {
            sources: &sources,
            intent: Some("Import".to_owned()),
            single: false,
            draft: false,
            prune: false,
            overwrite: false,
        };
        how(&mut request);
        let mut tx = self.engine.begin(&session(name), false)?;
        let report = tx.import(&request)?;
        tx.commit()?;
        Ok(report)
    }

    fn request(text: &str) -> SaveRequest {
        SaveRequest {
            text: SourceText { file: "-".to_owned(), text: text.to_owned() },
            module: None,
            intent: Some("Change".to_owned()),
            binds: Vec::new(),
            base: None,
        }
    }

    /// Saves text in a session.
    pub fn save(&self, name: &str, text: &str) -> Result<Written, EngineError> {
        let mut tx = self.engine.begin(&session(name), false)?;
        let written = tx.save(&Self::request(text))?;
        tx.commit()?;
        Ok(written)
    }

    /// Opens a definition for editing.
    pub fn open(&self, name: &str, definition: &str) -> Opened {
        self.engine.snapshot(&session(name)).unwrap().open_for_edit(definition).unwrap()
    }

    /// Saves what someone made of an opened definition.
    pub fn save_opened(&self, name: &str, opened: &Opened, from: &str, to: &str) -> Result<Written, EngineError> {
        assert!(opened.text.contains(from), "{}", opened.text);
        let request = SaveRequest { base: Some(opened.base.clone()), ..Self::request(&opened.text.replace(from, to)) };
        let mut tx = self.engine.begin(&session(name), false)?;
        let written = tx.save(&request)?;
        tx.commit()?;
        Ok(written)
    }

    pub fn apply(&self, name: &str) -> Result<ApplyReport, EngineError> {
        let mut tx = self.engine.begin(&session(name), false)?;
        let report = tx.apply(None, false)?;
        tx.commit()?;
        Ok(report)
    }

    pub fn mv(&self, name: &str, old: &str, new: &str) -> Result<Written, EngineError> {
        let mut tx = self.engine.begin(&session(name), false)?;
        let written = tx.mv(old, new, Some("Move"))?;
        tx.commit()?;
        Ok(written)
    }

    pub fn rm(&self, name: &str, definition: &str) -> Result<Written, EngineError> {
        let mut tx = self.engine.begin(&session(name), false)?;
        let written = tx.rm(definition, false, Some("Delete"))?;
        tx.commit()?;
        Ok(written)
    }

    /// A definition's text in a session's view.
    pub fn text(&self, name: &str, definition: &str) -> String {
        self.engine.snapshot(&session(name)).unwrap().show(definition).unwrap().text
    }

    /// All locations of a session's view.
    pub fn names(&self, name: &str) -> Vec<String> {
        let listing = self.engine.snapshot(&session(name)).unwrap().ls("", true).unwrap();
        listing.definitions.into_iter().map(|entry| entry.location).collect()
    }

    pub fn conflicts(&self, name: &str) -> Vec<ConflictSummary> {
        self.engine.snapshot(&session(name)).unwrap().conflicts().unwrap()
    }

    /// The kinds of conflict in a session's view.
    pub fn kinds(&self, name: &str) -> Vec<String> {
        self.conflicts(name).into_iter().map(|conflict| conflict.kind).collect()
    }
}
