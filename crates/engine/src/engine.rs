//! Opening a store, and the two ways in: a [`Snapshot`] to read from, a [`Transaction`] to write with.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dm_model::{Keypair, Session, SessionState, Succession};
use dm_store::{Mode, NewStore, ReadTx, Store};

use crate::error::EngineError;
use crate::keys;
use crate::report::InitReport;
use crate::snapshot::Snapshot;
use crate::system::{System, new_session_id};
use crate::transaction::Transaction;
use crate::workspace::Workspace;

/// Name of the folder that holds a store.
pub const STORE_FOLDER: &str = ".darkmatter";
/// Name of the store's file in it.
pub const STORE_FILE: &str = "store.db";
/// Name of the session that every store begins with.
pub const FIRST_SESSION: &str = "work";

/// What a new store is made of.
#[derive(Debug, Clone)]
pub struct InitOptions {
    /// Where; made if missing.
    pub folder: PathBuf,
    /// Whose name patches bear.
    pub author: String,
    /// The instance's name, for people.
    pub name: String,
    /// Whether nothing is made.
    pub dry_run: bool,
}

/// How a store is opened.
#[derive(Clone)]
pub struct OpenOptions {
    /// The folder that holds `.darkmatter`, or that folder itself.
    pub folder: PathBuf,
    /// Whose name patches bear, if not the store's own setting.
    pub author: Option<String>,
    /// Clock and dice.
    pub system: Arc<dyn System>,
}

/// Which session is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionChoice {
    /// The one of this name or id.
    Named(String),
    /// The store's current one.
    Current,
    /// The store's current one, but a write asks which if several are active.
    CurrentIfSure,
}

/// An open store, as front ends see it.
pub struct Engine {
    store: Store,
    folder: PathBuf,
    author: Option<String>,
    system: Arc<dyn System>,
    waiting_max: u64,
}

/// Makes a store: its folder, its key, its file, its first session.
///
/// # Errors
/// If there is one, the author has no name, or the disk refuses.
pub fn init(options: &InitOptions, system: &dyn System) -> Result<InitReport, EngineError> {
    let author = options.author.trim();
    if author.is_empty() || author.len() > dm_model::revision::AUTHOR_BYTES_MAX {
        return Err(EngineError::NoAuthor);
    }
    let around = std::path::absolute(&options.folder)
        .map_err(|source| EngineError::File { path: options.folder.clone(), source })?;
    let folder = around.components().collect::<PathBuf>().join(STORE_FOLDER);
    if folder.join(STORE_FILE).exists() {
        return Err(EngineError::StoreExists(folder));
    }
    let mut report = InitReport {
        store: folder.display().to_string(),
        instance: String::new(),
        name: options.name.clone(),
        key: String::new(),
        author_key: String::new(),
        author: author.to_owned(),
        session: FIRST_SESSION.to_owned(),
        dry_run: options.dry_run,
    };
    if options.dry_run {
        return Ok(report);
    }
    make_folder(&folder)?;
    // A key without a store is left by a broken init: its store never existed, so nothing was signed with it.
    let stale = folder.join(keys::KEY_FILE);
    if stale.exists() {
        fs::remove_file(&stale).map_err(|source| EngineError::File { path: stale, source })?;
    }
    let keypair = keys::create_first(&folder, system)?;
    let new = NewStore { key: keypair.public(), name: options.name.clone(), created_at: system.now() };
    let store = Store::create(&folder.join(STORE_FILE), &new)?;
    let mut tx = store.write()?;
    let session = new_session(FIRST_SESSION, "", author, system)?;
    tx.put_session(&session)?;
    tx.set_current_session(Some(&session.id))?;
    tx.put_setting("author", Some(author))?;
    // From the start, so that nobody else's key is the first one seen under this name.
    let signer = keys::make(system)?;
    keys::keep(&folder, &signer)?;
    tx.put_own_key(author, Some(&signer.public()))?;
    tx.put_key(&dm_store::AuthorKeyRecord {
        author: author.to_owned(),
        key: signer.public(),
        state: dm_store::KeyState::Trusted,
        first_seen: system.now(),
    })?;
    tx.commit()?;
    report.author_key = signer.public().to_string();
    report.instance = store.instance().id.to_string();
    report.key = keypair.public().to_string();
    store.close()?;
    Ok(report)
}

fn make_folder(folder: &Path) -> Result<(), EngineError> {
    let fail = |source| EngineError::File { path: folder.to_path_buf(), source };
    fs::create_dir_all(folder).map_err(fail)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(fail)?;
    }
    Ok(())
}

/// A session that begins now.
pub(crate) fn new_session(name: &str, intent: &str, owner: &str, system: &dyn System) -> Result<Session, EngineError> {
    let now = system.now();
    Ok(Session {
        id: new_session_id(system).map_err(EngineError::NoRandomness)?,
        name: name.to_owned(),
        intent: intent.to_owned(),
        owner: owner.to_owned(),
        state: SessionState::Active,
        patches: Vec::new(),
        focused: None,
        pinned: Vec::new(),
        environment: std::collections::BTreeMap::new(),
        transferable: true,
        started_at: now,
        last_active_at: now,
    })
}

impl Engine {
    /// Opens a store.
    ///
    /// # Errors
    /// If there is none, or it does not open.
    pub fn open(options: OpenOptions) -> Result<Self, EngineError> {
        let named = options.folder.file_name().is_some_and(|name| name == STORE_FOLDER);
        let folder = if named { options.folder.clone() } else { options.folder.join(STORE_FOLDER) };
        if !folder.join(STORE_FILE).exists() {
            return Err(EngineError::NoStore(options.folder));
        }
        let store = Store::open(&folder.join(STORE_FILE), Mode::ReadWrite)?;
        Ok(Self {
            store,
            folder,
            author: options.author,
            system: options.system,
            waiting_max: crate::exchange::WAITING_MAX,
        })
    }

    /// The same store opened anew, for another thread.
    ///
    /// # Errors
    /// If it does not open.
    pub fn reopen(&self) -> Result<Self, EngineError> {
        Self::open(OpenOptions {
            folder: self.folder.clone(),
            author: self.author.clone(),
            system: Arc::clone(&self.system),
        })
    }

    /// How it was opened: what another thread needs to open it again.
    #[must_use]
    pub fn options(&self) -> OpenOptions {
        OpenOptions { folder: self.folder.clone(), author: self.author.clone(), system: Arc::clone(&self.system) }
    }

    /// Takes nothing from peers that leaves more envelopes than that waiting for others.
    pub fn limit_waiting(&mut self, most: u64) {
        self.waiting_max = most;
    }

    /// How many envelopes may wait for others.
    pub(crate) fn waiting_max(&self) -> u64 {
        self.waiting_max
    }

    /// What was done in the store so far, as [`Store::steps`] counts it.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.store.steps()
    }

    /// The store.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Clock and dice.
    pub(crate) fn system(&self) -> &dyn System {
        self.system.as_ref()
    }

    /// What the store remembers a folder of files by: its path from where the store is, if it is beside the store, so that both
    /// can be moved together.
    pub(crate) fn folder_key(&self, folder: &Path) -> String {
        let around = fs::canonicalize(&self.folder).ok().and_then(|store| store.parent().map(Path::to_path_buf));
        let below = around.and_then(|around| Some(Path::new(".").join(folder.strip_prefix(around).ok()?)));
        below.as_deref().unwrap_or(folder).to_string_lossy().into_owned()
    }

    /// The folder of the store, where its keys are, too.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The instance's first key.
    pub(crate) fn first_key(&self) -> Result<Keypair, EngineError> {
        let keypair = keys::load_first(&self.folder)?;
        if keypair.public().instance() != self.store.instance().id {
            return Err(EngineError::KeyMismatch(self.folder.join(keys::KEY_FILE)));
        }
        Ok(keypair)
    }

    /// The instance's present key, with those that lead to it.
    pub(crate) fn instance_keys(&self, tx: &ReadTx<'_>) -> Result<(Keypair, Succession), EngineError> {
        match tx.succession()? {
            Some(keys) => Ok((keys::load_kept(&self.folder, keys.last())?, keys)),
            None => {
                let first = self.first_key()?;
                let keys = Succession::of(first.public());
                Ok((first, keys))
            }
        }
    }

    /// The author that was asked for when opening, if any.
    pub(crate) fn author(&self) -> Option<&str> {
        self.author.as_deref()
    }

    /// Reads: one moment of the store, through a session's view.
    ///
    /// # Errors
    /// If there is no such session, or the store cannot be read.
    pub fn snapshot(&self, choice: &SessionChoice) -> Result<Snapshot<'_>, EngineError> {
        let tx = self.store.read()?;
        let workspace = Workspace::load(&tx, choice, false)?;
        Ok(Snapshot::new(tx, workspace))
    }

    /// As [`Engine::snapshot`], for what is to be written later: a session that is not clear is asked about now.
    ///
    /// # Errors
    /// If the session is not clear, or the store cannot be read.
    pub fn snapshot_for_writing(&self, choice: &SessionChoice) -> Result<Snapshot<'_>, EngineError> {
        let tx = self.store.read()?;
        let workspace = Workspace::load(&tx, choice, true)?;
        Ok(Snapshot::new(tx, workspace))
    }

    /// Keeps for the next readers what the last one worked out. To be called once its snapshot is gone; it writes little, and only if nothing
    /// changed meanwhile.
    ///
    /// # Errors
    /// The disk; a damaged store.
    pub fn keep_memos(&self) -> Result<(), EngineError> {
        Ok(self.store.keep_noted_links()?)
    }

    /// Writes: nothing is there for others before [`Transaction::commit`], and nothing at all if `dry_run`.
    ///
    /// # Errors
    /// If the session is not clear, or the store is busy or cannot be written.
    pub fn begin(&self, choice: &SessionChoice, dry_run: bool) -> Result<Transaction<'_>, EngineError> {
        let tx = self.store.write()?;
        let workspace = Workspace::load(&tx, choice, true)?;
        Ok(Transaction::new(self, tx, workspace, dry_run))
    }
}
