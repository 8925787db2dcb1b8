//! What can go wrong with a store: data for the front ends' words.

use std::path::{Path, PathBuf};

use dm_collab::ReadError;

/// Why a store could not be made, opened, read or written. Every variant names the file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store at that path.
    #[error("{}: no store here", path.display())]
    NotFound {
        /// The store's file.
        path: PathBuf,
    },
    /// A store was to be made where a file is already.
    #[error("{}: a file is here already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else than a store.
    #[error("{}: not a Darkmatter store: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        what: String,
    },
    /// A newer program wrote the store.
    #[error("{}: the store has schema version {found}, this program knows up to {known}", path.display())]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// The schema version of the store.
        found: u32,
        /// The highest schema version that this program knows.
        known: u32,
    },
    /// The store is damaged.
    #[error("{}: the store is damaged: {what}", path.display())]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What is wrong, and in which table or row.
        what: String,
    },
    /// No space is left on the disk; nothing of the transaction was written.
    #[error("{}: no space is left on the disk", path.display())]
    Full {
        /// The store's file.
        path: PathBuf,
    },
    /// Writing is not permitted: the file, its folder, or the mode it was opened in.
    #[error("{}: the store cannot be written here: {what}", path.display())]
    ReadOnly {
        /// The store's file.
        path: PathBuf,
        /// What stands in the way.
        what: String,
    },
    /// Other processes held the store's lock all the time.
    #[error("{}: the store was busy for {waited_ms} ms", path.display())]
    Busy {
        /// The store's file.
        path: PathBuf,
        /// How long this process waited at most, in milliseconds.
        waited_ms: u64,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// SQLite refused for a reason that has no variant of its own.
    #[error("{}: {source}", path.display())]
    Sqlite {
        /// The store's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// Something named in the call is not in the store.
    #[error("{}: there is no {what} {id}", path.display())]
    NoSuch {
        /// The store's file.
        path: PathBuf,
        /// What kind of thing.
        what: &'static str,
        /// Its id or name.
        id: String,
    },
    /// The fold failed.
    #[error(transparent)]
    Fold(#[from] ReadError),
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Fold(inner) => inner,
            other => Self(Box::new(other)),
        }
    }
}

impl StoreError {
    /// The error for what SQLite answered about the file at `path`.
    pub(crate) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path = path.to_path_buf();
        match &source {
            rusqlite::Error::SqliteFailure(code, words) => {
                let words = words.clone().unwrap_or_else(|| code.to_string());
                match code.code {
                    ErrorCode::DiskFull => Self::Full { path },
                    ErrorCode::DatabaseCorrupt => Self::Damaged { path, what: words },
                    ErrorCode::NotADatabase => Self::Foreign { path, what: "no SQLite file".to_owned() },
                    ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
                        Self::ReadOnly { path, what: words }
                    }
                    ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                        Self::Busy { path, waited_ms: crate::store::BUSY_WAIT_MS_MAX }
                    }
                    _ => Self::Sqlite { path, source },
                }
            }
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => Self::Damaged { path, what: source.to_string() },
            _ => Self::Sqlite { path, source },
        }
    }

    /// The error for what the operating system answered about the file at `path`.
    pub(crate) fn from_io(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            std::io::ErrorKind::StorageFull => Self::Full { path },
            std::io::ErrorKind::NotFound => Self::NotFound { path },
            std::io::ErrorKind::AlreadyExists => Self::Exists { path },
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path, what: source.to_string() }
            }
            _ => Self::Io { path, source },
        }
    }
}
