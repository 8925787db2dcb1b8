//! Making, opening and closing a store's file.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, StatementStatus};

use dm_model::{AuthorKey, InstanceId, Timestamp};

use crate::error::StoreError;
use crate::links::LinkNotes;
use crate::schema::{self, APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION};
use crate::tx::{ReadTx, WriteTx};

/// How long a process waits for others at most, in milliseconds.
pub const BUSY_WAIT_MS_MAX: u64 = 30_000;
/// First pause of the busy handler, in nanoseconds; each next one is 1.3 times as long.
const BUSY_PAUSE_FIRST_NS: f64 = 150_000.0;
/// Longest pause of the busy handler, in nanoseconds.
const BUSY_PAUSE_NS_MAX: f64 = 4_000_000.0;
const BUSY_PAUSE_GROWTH: f64 = 1.3;
/// A writer that closes leaves a WAL of fewer frames to the next one: copying it back each time costs four more fsyncs.
const WAL_FRAMES_KEPT: u64 = 250;
const PAGE_BYTES: u64 = 4096;
const WAL_HEADER_BYTES: u64 = 32;
const WAL_FRAME_BYTES: u64 = PAGE_BYTES + 24;
/// Statements that one command may use, so that none is prepared twice.
const STATEMENTS_KEPT: usize = 160;

/// How many stores this process has begun to make.
static MAKERS: AtomicU64 = AtomicU64::new(0);

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reading: closing never copies the WAL back.
    ReadOnly,
    /// Reading and writing.
    ReadWrite,
}

/// What a new store is told about its instance.
#[derive(Debug, Clone)]
pub struct NewStore {
    /// The instance's first public key, of which its id is made.
    pub key: AuthorKey,
    /// The instance's name, for people.
    pub name: String,
    /// When it is made.
    pub created_at: Timestamp,
}

/// Whose store it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The id, which also names its main.
    pub id: InstanceId,
    /// The public key that signs here.
    pub key: AuthorKey,
    /// The name, for people.
    pub name: String,
    /// When the store was made.
    pub created_at: Timestamp,
}

/// An open store: one SQLite file. Any number of processes may have it open.
#[derive(Debug)]
pub struct Store {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    mode: Mode,
    instance: Instance,
    steps: Cell<u64>,
    /// Links that a reader worked out.
    pub(crate) noted_links: RefCell<Option<LinkNotes>>,
}

impl Store {
    /// Makes a store at `path` and opens it for writing. The file appears whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is a file already; no permission, no space.
    pub fn create(path: &Path, new: &NewStore) -> Result<Self, StoreError> {
        if path.exists() {
            return Err(StoreError::Exists { path: path.to_path_buf() });
        }
        let mut draft_name = path.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        // No two makers share it: not processes, not threads of one.
        let maker = MAKERS.fetch_add(1, Ordering::Relaxed);
        draft_name.push(format!(".new-{}-{maker}", std::process::id()));
        let draft = path.with_file_name(draft_name);
        let made = create_file(&draft, new).and_then(|()| publish(&draft, path));
        for leftover in [draft.clone(), beside(&draft, "-wal"), beside(&draft, "-shm")] {
            // Nothing to say if it is not there, and a better error is on its way if the folder is gone.
            fs::remove_file(leftover).ok();
        }
        made?;
        Self::open(path, Mode::ReadWrite)
    }

    /// Opens the store at `path`; one of an older schema version is brought up to date first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Foreign`], [`StoreError::Newer`], [`StoreError::Damaged`], [`StoreError::Busy`];
    /// no permission.
    pub fn open(path: &Path, mode: Mode) -> Result<Self, StoreError> {
        let fail = |source| StoreError::from_sqlite(path, source);
        let connection = connect(path, mode)?;
        match read_meta(&connection, path) {
            Ok((SCHEMA_VERSION, instance)) => Ok(Self::of(connection, path, mode, instance)),
            Ok((older, _)) => {
                drop(connection);
                migrate(path, older)?;
                let connection = connect(path, mode)?;
                let (_, instance) = read_meta(&connection, path)?;
                Ok(Self::of(connection, path, mode, instance))
            }
            Err(error) => {
                // A failed open leaves the file, and a WAL beside it, as they are.
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(fail)?;
                Err(error)
            }
        }
    }

    fn of(connection: Connection, path: &Path, mode: Mode, instance: Instance) -> Self {
        let (steps, noted_links) = (Cell::new(0), RefCell::default());
        Self { connection, path: path.to_path_buf(), mode, instance, steps, noted_links }
    }

    /// An empty store of the same instance that is gone when dropped: for computing projections anew.
    pub(crate) fn in_memory(like: &Self) -> Result<Self, StoreError> {
        let new =
            NewStore { key: like.instance.key, name: like.instance.name.clone(), created_at: like.instance.created_at };
        let mut store = Self::scratch(&like.path, &new)?;
        store.instance = like.instance.clone();
        Ok(store)
    }

    /// An empty store of an instance that is gone when dropped: for finding out what main was once. Errors name `path`.
    ///
    /// # Errors
    /// No memory.
    pub fn scratch(path: &Path, new: &NewStore) -> Result<Self, StoreError> {
        let fail = |source| StoreError::from_sqlite(path, source);
        let connection = idle_connection(path)?;
        keep_plans(&connection).map_err(fail)?;
        schema::create(&connection).map_err(fail)?;
        insert_meta(&connection, new).map_err(fail)?;
        let (key, name, created_at) = (new.key, new.name.clone(), new.created_at);
        let instance = Instance { id: key.instance(), key, name, created_at };
        Ok(Self {
            connection,
            path: path.to_path_buf(),
            mode: Mode::ReadWrite,
            instance,
            steps: Cell::new(0),
            noted_links: RefCell::default(),
        })
    }

    /// The store's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it was opened for.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whose store it is.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// How many steps SQLite's machine took for this open store so far. It says how the cost of a command grows, whatever else the
    /// computer does meanwhile.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps.get()
    }

    pub(crate) fn count_steps(&self, statement: &rusqlite::Statement<'_>) {
        let steps = u64::try_from(statement.reset_status(StatementStatus::VmStep)).unwrap_or(0);
        self.steps.set(self.steps.get() + steps);
    }

    /// Begins reading: all that is read through the answer is of one moment. One transaction at a time is open on a `Store`.
    ///
    /// # Errors
    /// The disk; another transaction is open on this `Store`.
    pub fn read(&self) -> Result<ReadTx<'_>, StoreError> {
        ReadTx::begin(self, "BEGIN")
    }

    /// Begins writing: waits for the store's one write lock. Dropped without [`WriteTx::commit`], nothing was written.
    ///
    /// # Errors
    /// [`StoreError::Busy`] after [`BUSY_WAIT_MS_MAX`]; [`StoreError::ReadOnly`] if opened so; the disk.
    pub fn write(&self) -> Result<WriteTx<'_>, StoreError> {
        if self.mode == Mode::ReadOnly {
            return Err(StoreError::ReadOnly { path: self.path.clone(), what: "it was opened for reading".to_owned() });
        }
        WriteTx::begin(self)
    }

    /// Closes the store. Dropping it does the same and forgets the error.
    ///
    /// # Errors
    /// If the WAL could not be copied back; what was committed is safe all the same.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.choose_checkpoint();
        let connection = std::mem::replace(&mut self.connection, idle_connection(&self.path)?);
        connection.close().map_err(|(_, source)| StoreError::from_sqlite(&self.path, source))
    }

    /// The closing rule: readers, and writers that leave a short WAL, do not copy it back.
    fn choose_checkpoint(&self) {
        let keep = self.mode == Mode::ReadOnly || {
            let length = fs::metadata(beside(&self.path, "-wal")).map_or(0, |metadata| metadata.len());
            length.saturating_sub(WAL_HEADER_BYTES) / WAL_FRAME_BYTES < WAL_FRAMES_KEPT
        };
        if keep {
            // If SQLite refuses, it copies the WAL back: slower, never wrong.
            self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.choose_checkpoint();
    }
}

/// What stands in for a connection that has been closed.
fn idle_connection(path: &Path) -> Result<Connection, StoreError> {
    Connection::open_in_memory().map_err(|source| StoreError::from_sqlite(path, source))
}

/// The file that SQLite keeps beside the store.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// Waits as the busy handler says: longer each time, with jitter so that waiting processes do not move in step.
fn wait_for_others(count: i32, since: &mut Option<Instant>) -> bool {
    let began = *since.get_or_insert_with(Instant::now);
    if count == 0 {
        *since = Some(Instant::now());
    } else if began.elapsed() >= Duration::from_millis(BUSY_WAIT_MS_MAX) {
        return false;
    }
    let full = (BUSY_PAUSE_FIRST_NS * BUSY_PAUSE_GROWTH.powi(count.clamp(0, 64))).min(BUSY_PAUSE_NS_MAX);
    let noise = f64::from(jitter()) / f64::from(u32::MAX);
    std::thread::sleep(Duration::from_nanos((full * (0.5 + 0.5 * noise)) as u64));
    true
}

/// Bits that differ between processes, threads and moments. They decide nothing but the length of a pause.
fn jitter() -> u32 {
    use std::hash::{BuildHasher as _, Hasher as _};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    (hasher.finish() & u64::from(u32::MAX)) as u32
}

fn connect(path: &Path, mode: Mode) -> Result<Connection, StoreError> {
    let fail = |source| StoreError::from_sqlite(path, source);
    let access = match mode {
        Mode::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Mode::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let metadata = fs::metadata(path).map_err(|source| StoreError::from_io(path, source))?;
    if !metadata.is_file() {
        return Err(StoreError::Foreign { path: path.to_path_buf(), what: "a folder".to_owned() });
    }
    let mut connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fail)?;
    let mut since = None;
    connection.busy_handler(Some(move |count| wait_for_others(count, &mut since))).map_err(fail)?;
    keep_plans(&connection).map_err(fail)?;
    Ok(connection)
}

/// Statements are compiled once. Without a stable plan SQLite compiles most of them anew whenever another value is bound: for
/// statistics that this store does not keep.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

/// Reads the version and the instance, or says why this is no store that this program can use.
fn read_meta(connection: &Connection, path: &Path) -> Result<(u32, Instance), StoreError> {
    let foreign = |what: &str| StoreError::Foreign { path: path.to_path_buf(), what: what.to_owned() };
    let fail = |source| StoreError::from_sqlite(path, source);
    let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(fail)?;
    if application != APPLICATION_ID {
        let empty = fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0);
        return Err(foreign(if empty { "an empty file" } else { "an SQLite file of another program" }));
    }
    let damaged = |what: &str| StoreError::Damaged { path: path.to_path_buf(), what: what.to_owned() };
    // The version stands alone, so that any later shape of the table still tells it.
    let version: Option<u32> = connection
        .query_row("SELECT version FROM meta", [], |row| row.get(0))
        .optional()
        .map_err(|source| refine_missing(path, source))?;
    let version = version.ok_or_else(|| damaged("table meta is empty"))?;
    if version > SCHEMA_VERSION {
        return Err(StoreError::Newer { path: path.to_path_buf(), found: version, known: SCHEMA_VERSION });
    }
    let row = connection
        .query_row("SELECT instance, instance_key, instance_name, created_at FROM meta", [], |row| {
            Ok((
                row.get::<_, [u8; 32]>(0)?,
                row.get::<_, [u8; 32]>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, i64>(3)?,
            ))
        })
        .map_err(|source| refine_missing(path, source))?;
    let (id, key, name, created_at) = row;
    let instance = Instance {
        id: InstanceId::from_bytes(id),
        key: AuthorKey::from_bytes(key),
        name,
        created_at: Timestamp::from_ms(created_at),
    };
    Ok((version, instance))
}

/// A store whose first table is gone is damaged, whatever words SQLite has for it.
fn refine_missing(path: &Path, source: rusqlite::Error) -> StoreError {
    match StoreError::from_sqlite(path, source) {
        StoreError::Sqlite { path, source } => StoreError::Damaged { path, what: source.to_string() },
        other => other,
    }
}

fn create_file(path: &Path, new: &NewStore) -> Result<(), StoreError> {
    let fail = |source| StoreError::from_sqlite(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES.cast_signed()).map_err(fail)?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(fail)?;
    schema::create(&connection).map_err(fail)?;
    insert_meta(&connection, new).map_err(fail)?;
    connection.execute_batch("COMMIT").map_err(fail)?;
    // Last, so that no WAL stands beside the file when it gets its name.
    let mode: String = connection.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0)).map_err(fail)?;
    if mode != "wal" {
        return Err(StoreError::ReadOnly { path: path.to_path_buf(), what: format!("no WAL here, only `{mode}`") });
    }
    connection.close().map_err(|(_, source)| fail(source))
}

fn insert_meta(connection: &Connection, new: &NewStore) -> rusqlite::Result<usize> {
    let id = new.key.instance();
    let created_at = new.created_at.as_ms();
    connection.execute(
        "INSERT INTO meta (one, version, instance, instance_key, instance_name, created_at, view_count, view_sum, names, counted)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, 0, zeroblob(32), 0, 0)",
        rusqlite::params![SCHEMA_VERSION, id.as_bytes(), new.key.as_bytes(), new.name, created_at],
    )
}

/// Gives the finished file its name, unless another process was first.
fn publish(draft: &Path, path: &Path) -> Result<(), StoreError> {
    match fs::hard_link(draft, path) {
        Ok(()) => {}
        Err(source) if source.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(StoreError::Exists { path: path.to_path_buf() });
        }
        // A file system without hard links.
        Err(_) => fs::rename(draft, path).map_err(|source| StoreError::from_io(path, source))?,
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_folder(folder).map_err(|source| StoreError::from_io(folder, source))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file; its entries are durable with the file's own.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Brings an older store up to date in one transaction.
fn migrate(path: &Path, found: u32) -> Result<(), StoreError> {
    let fail = |source| StoreError::from_sqlite(path, source);
    let connection = connect(path, Mode::ReadWrite)?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(fail)?;
    // Another process may have been first.
    let mut version: u32 = connection.query_row("SELECT version FROM meta", [], |row| row.get(0)).map_err(fail)?;
    while version < SCHEMA_VERSION {
        let step = MIGRATIONS.iter().find(|step| step.from == version).ok_or_else(|| StoreError::Damaged {
            path: path.to_path_buf(),
            what: format!("schema version {found}, from which no step leads on"),
        })?;
        step.sql.iter().try_for_each(|sql| connection.execute_batch(sql)).map_err(fail)?;
        version += 1;
    }
    if found < 4 {
        crate::ranges::fill(&connection).map_err(fail)?;
    }
    if found < 5 {
        crate::content::fill_nowhere(&connection).map_err(fail)?;
    }
    connection.execute("UPDATE meta SET version = ?1", [version]).map_err(fail)?;
    connection.execute_batch("COMMIT").map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_older_version_has_a_step() {
        let from: Vec<u32> = MIGRATIONS.iter().map(|step| step.from).collect();
        assert_eq!(from, (1..SCHEMA_VERSION).collect::<Vec<_>>());
    }

    #[test]
    fn waiting_ends() {
        let mut since = Some(Instant::now() - Duration::from_millis(BUSY_WAIT_MS_MAX));
        assert!(!wait_for_others(9, &mut since));
        assert!(wait_for_others(0, &mut since));
        assert!(wait_for_others(1, &mut since));
    }
}
