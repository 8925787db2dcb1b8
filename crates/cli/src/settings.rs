//! The user's settings and the environment: who is writing, where the store is, which clock.

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use dm_engine::{FixedSystem, RealSystem, Setting, System};
use dm_model::Timestamp;

use crate::failure::Failure;

/// The settings that a user can have for all stores.
pub const USER_KEYS: [&str; 4] = ["author", "fmt.width", "fmt.indent", "fmt.layout"];

/// The clock and dice: the real ones, unless a test sets `DM_NOW` (RFC 3339 or milliseconds) and `DM_SEED`.
///
/// # Errors
/// If `DM_NOW` is no time.
pub fn system() -> Result<Arc<dyn System>, Failure> {
    let Ok(now) = std::env::var("DM_NOW") else { return Ok(Arc::new(RealSystem)) };
    let ms = match now.parse::<i64>() {
        Ok(ms) => ms,
        Err(_) => now
            .parse::<jiff::Timestamp>()
            .map_err(|_| Failure::usage(format!("DM_NOW is `{now}`, neither milliseconds nor an RFC 3339 time")))?
            .as_millisecond(),
    };
    let seed = std::env::var("DM_SEED").unwrap_or_default();
    Ok(Arc::new(FixedSystem::new(Timestamp::from_ms(ms), seed)))
}

/// The folder that holds the store: the one named, else the nearest upwards from here.
///
/// # Errors
/// If the current folder cannot be told, or no store is found.
pub fn store_folder(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.to_path_buf());
    }
    let here = std::env::current_dir()
        .map_err(|error| Failure::unable(format!("the current folder cannot be told: {error}")))?;
    here.ancestors()
        .find(|folder| folder.join(dm_engine::STORE_FOLDER).is_dir())
        .map(Path::to_path_buf)
        .ok_or_else(|| dm_engine::EngineError::NoStore(here.clone()).into())
}

fn user_file() -> Option<PathBuf> {
    let base = match std::env::var_os("XDG_CONFIG_HOME").filter(|value| !value.is_empty()) {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(std::env::var_os("HOME").filter(|value| !value.is_empty())?).join(".config"),
    };
    Some(base.join("darkmatter").join("config.toml"))
}

fn user_table() -> Result<toml::Table, Failure> {
    let Some(path) = user_file() else { return Ok(toml::Table::new()) };
    match fs::read_to_string(&path) {
        Ok(text) => text.parse().map_err(|error: toml::de::Error| {
            Failure::usage(format!("{}: {}", path.display(), error.message())).hint("mend the file, or remove it")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(toml::Table::new()),
        Err(error) => Err(Failure::unable(format!("{}: {error}", path.display()))),
    }
}

/// A user's setting.
///
/// # Errors
/// If the settings file cannot be read.
pub fn user_setting(key: &str) -> Result<Option<String>, Failure> {
    Ok(user_table()?.get(key).and_then(toml::Value::as_str).map(str::to_owned))
}

/// All of the user's settings.
///
/// # Errors
/// If the settings file cannot be read.
pub fn user_settings() -> Result<Vec<Setting>, Failure> {
    let table = user_table()?;
    let settings = table.iter().filter_map(|(key, value)| {
        Some(Setting { key: key.clone(), value: value.as_str()?.to_owned(), source: "user".to_owned() })
    });
    Ok(settings.collect())
}

/// Writes a user's setting.
///
/// # Errors
/// If there is no such setting, or the file cannot be written.
pub fn set_user_setting(key: &str, value: &str, dry_run: bool) -> Result<PathBuf, Failure> {
    if !USER_KEYS.contains(&key) {
        let keys = USER_KEYS.join(", ");
        return Err(
            Failure::usage(format!("there is no setting `{key}` for all stores")).hint(format!("there are: {keys}"))
        );
    }
    if dm_engine::FORMAT_SETTINGS.contains(&key) {
        dm_engine::check_format_setting(key, value)?;
    }
    let path = user_file().ok_or_else(|| Failure::unable("neither XDG_CONFIG_HOME nor HOME is set"))?;
    let mut table = user_table()?;
    table.insert(key.to_owned(), toml::Value::String(value.to_owned()));
    if !dry_run {
        let fail = |error: std::io::Error| Failure::unable(format!("{}: {error}", path.display()));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        fs::write(&path, table.to_string()).map_err(fail)?;
    }
    Ok(path)
}

/// What the environment sets for one command.
#[must_use]
pub fn environment() -> Vec<Setting> {
    let author = std::env::var("DM_AUTHOR").ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let setting = |value| Setting { key: "author".to_owned(), value, source: "environment".to_owned() };
    author.map(setting).into_iter().collect()
}

/// Where an author's name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// A person said it: an option, a setting, or git's.
    Person,
    /// Nobody said one, so the login name stands in.
    Login,
}

/// Whose name patches bear, when a store is made: the one named, else the user's setting, else git's. Where there is none, it is
/// asked for on a terminal; nothing is asked elsewhere, and the login name stands in.
///
/// # Errors
/// If the settings file cannot be read, or there is no name at all.
pub fn author(named: Option<&str>) -> Result<(String, NamedBy), Failure> {
    let clean = |name: String| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
    if let Some(name) = named.and_then(|name| clean(name.to_owned())) {
        return Ok((name, NamedBy::Person));
    }
    if let Some(name) = user_setting("author")?.and_then(clean) {
        return Ok((name, NamedBy::Person));
    }
    if let Some(name) = output_of("git", &["config", "--get", "user.name"]).and_then(clean) {
        return Ok((name, NamedBy::Person));
    }
    if std::io::stdin().is_terminal()
        && let Some(name) = crate::output::ask("Whose name shall patches bear? ")?
    {
        return Ok((name, NamedBy::Person));
    }
    let login = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().and_then(clean));
    let login = login.or_else(|| output_of("id", &["-un"]).and_then(clean));
    login.map(|name| (name, NamedBy::Login)).ok_or_else(|| dm_engine::EngineError::NoAuthor.into())
}

/// What a program prints, if it is there and succeeds.
fn output_of(program: &str, args: &[&str]) -> Option<String> {
    let out = Command::new(program).args(args).output().ok().filter(|out| out.status.success())?;
    String::from_utf8(out.stdout).ok()
}

/// The machine's name, for people.
#[must_use]
pub fn host_name() -> String {
    let from_file = fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned());
    std::env::var("HOSTNAME").ok().or(from_file).filter(|name| !name.is_empty()).unwrap_or_else(|| "local".to_owned())
}
