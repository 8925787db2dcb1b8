//! Key files: readable by their owner only, and on disk before anything that they signed.
//!
//! `key` is the instance's first key; every other one, of authors and later ones of the instance, is in `keys`, named by its
//! public half. Which of them signs is said by the store.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use dm_model::{AuthorKey, EnvelopeId, Keypair};

use crate::error::EngineError;
use crate::system::System;

/// Name of the file of the instance's first key in `.darkmatter`.
pub const KEY_FILE: &str = "key";
/// Name of the folder of all other keys in `.darkmatter`.
pub const KEYS_FOLDER: &str = "keys";

/// Where the file of a key is that is not the instance's first one.
pub(crate) fn kept_path(folder: &Path, key: &AuthorKey) -> PathBuf {
    folder.join(KEYS_FOLDER).join(key.to_string())
}

/// A key from the dice.
pub(crate) fn make(system: &dyn System) -> Result<Keypair, EngineError> {
    Ok(Keypair::from_secret(&system.random().map_err(EngineError::NoRandomness)?))
}

/// Makes the instance's first key and its file.
pub(crate) fn create_first(folder: &Path, system: &dyn System) -> Result<Keypair, EngineError> {
    let path = folder.join(KEY_FILE);
    let keys = make(system)?;
    write_new(&path, &secret_hex(&keys)).map_err(|source| EngineError::File { path, source })?;
    Ok(keys)
}

/// Puts a key into its file and both onto the disk. One that is there already stays as it is.
pub(crate) fn keep(folder: &Path, keys: &Keypair) -> Result<(), EngineError> {
    let place = folder.join(KEYS_FOLDER);
    let path = kept_path(folder, &keys.public());
    let done = (|| {
        if !place.is_dir() {
            fs::create_dir_all(&place)?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(&place, fs::Permissions::from_mode(0o700))?;
            }
            sync_folder(folder)?;
        }
        publish(&path, &secret_hex(keys))
    })();
    done.map_err(|source| EngineError::File { path, source })
}

/// Reads the file of the instance's first key.
pub(crate) fn load_first(folder: &Path) -> Result<Keypair, EngineError> {
    read(&folder.join(KEY_FILE))
}

/// Reads the file of another key.
pub(crate) fn load_kept(folder: &Path, key: &AuthorKey) -> Result<Keypair, EngineError> {
    let path = kept_path(folder, key);
    let keys = read(&path)?;
    if keys.public() == *key { Ok(keys) } else { Err(EngineError::KeyMismatch(path)) }
}

fn read(path: &Path) -> Result<Keypair, EngineError> {
    let hex = fs::read_to_string(path).map_err(|source| EngineError::NoKey { path: path.to_path_buf(), source })?;
    let secret: EnvelopeId = hex.trim().parse().map_err(|_| EngineError::KeyMismatch(path.to_path_buf()))?;
    Ok(Keypair::from_secret(secret.as_bytes()))
}

/// The secret as it stands in a file.
pub(crate) fn secret_hex(keys: &Keypair) -> String {
    keys.secret().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file for its owner only and puts it and its folder onto the disk: under another name first, since a file that is cut
/// short must never be taken for a key.
pub(crate) fn publish(path: &Path, text: &str) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    if draft.exists() {
        fs::remove_file(&draft)?;
    }
    write_new(&draft, text)?;
    fs::rename(&draft, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_folder(folder)
}

/// Writes a file that was not there, for its owner only, and onto the disk.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
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
