//! The instance's key file: readable by its owner only.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use dm_model::Keypair;

use crate::error::EngineError;
use crate::system::System;

/// Name of the key file in `.darkmatter`.
pub const KEY_FILE: &str = "key";

fn path_in(folder: &Path) -> PathBuf {
    folder.join(KEY_FILE)
}

/// Makes a key and its file.
pub(crate) fn create(folder: &Path, system: &dyn System) -> Result<Keypair, EngineError> {
    let path = path_in(folder);
    let keys = Keypair::from_secret(&system.random().map_err(EngineError::NoRandomness)?);
    let fail = |source| EngineError::File { path: path.clone(), source };
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&path).map_err(fail)?;
    let hex: String = keys.secret().iter().map(|byte| format!("{byte:02x}")).collect();
    file.write_all(hex.as_bytes()).and_then(|()| file.sync_all()).map_err(fail)?;
    Ok(keys)
}

/// Reads the key file.
pub(crate) fn load(folder: &Path) -> Result<Keypair, EngineError> {
    let path = path_in(folder);
    let hex = fs::read_to_string(&path).map_err(|source| EngineError::NoKey { path: path.clone(), source })?;
    let secret: dm_model::EnvelopeId = hex.trim().parse().map_err(|_| EngineError::KeyMismatch(path))?;
    Ok(Keypair::from_secret(secret.as_bytes()))
}
