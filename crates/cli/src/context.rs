//! What a verb works with: the store that is meant, the session that is meant, and how to answer.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use dm_engine::{Engine, OpenOptions, SessionChoice, Snapshot, System, Transaction};
use serde::Serialize;

use crate::args::Global;
use crate::failure::Failure;
use crate::output::{self, Page};
use crate::settings;

/// What a verb works with.
pub struct Context {
    /// The options of every verb.
    pub global: Global,
    /// Clock and dice.
    pub system: Arc<dyn System>,
}

impl Context {
    /// Opens the store that is meant.
    ///
    /// # Errors
    /// If there is none, or it does not open.
    pub fn engine(&self) -> Result<Engine, Failure> {
        let folder = settings::store_folder(self.global.store.as_deref())?;
        let author = std::env::var("DM_AUTHOR").ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Ok(Engine::open(OpenOptions { folder, author, system: Arc::clone(&self.system) })?)
    }

    /// The session that is meant.
    #[must_use]
    pub fn session(&self) -> SessionChoice {
        match &self.global.session {
            Some(name) => SessionChoice::Named(name.clone()),
            // Text may be piped in while a person watches.
            None if std::io::stdin().is_terminal() || std::io::stderr().is_terminal() => SessionChoice::Current,
            None => SessionChoice::CurrentIfSure,
        }
    }

    /// Reads: one consistent moment of the store, through the session's view.
    ///
    /// # Errors
    /// As the engine, or as `read`.
    pub fn read<T>(&self, read: impl FnOnce(&Snapshot) -> Result<T, dm_engine::EngineError>) -> Result<T, Failure> {
        let engine = self.engine()?;
        let snapshot = engine.snapshot(&self.session())?;
        let answer = read(&snapshot)?;
        drop(snapshot);
        engine.keep_memos()?;
        Ok(answer)
    }

    /// Writes: all of it or nothing; nothing where `dry_run`.
    ///
    /// # Errors
    /// As the engine, or as `write`.
    pub fn write<T>(
        &self,
        dry_run: bool,
        write: impl FnOnce(&mut Transaction<'_>) -> Result<T, dm_engine::EngineError>,
    ) -> Result<T, Failure> {
        let engine = self.engine()?;
        let mut transaction = engine.begin(&self.session(), dry_run)?;
        let report = write(&mut transaction)?;
        transaction.commit()?;
        Ok(report)
    }

    /// Writes what belongs to the store and not to a session: nobody has to say which session.
    ///
    /// # Errors
    /// As the engine, or as `write`.
    pub fn write_anywhere<T>(
        &self,
        dry_run: bool,
        write: impl FnOnce(&mut Transaction<'_>) -> Result<T, dm_engine::EngineError>,
    ) -> Result<T, Failure> {
        let engine = self.engine()?;
        let mut transaction = engine.begin(&SessionChoice::Current, dry_run)?;
        let report = write(&mut transaction)?;
        transaction.commit()?;
        Ok(report)
    }

    /// As [`Context::answer`], for a verb whose words do not tell a dry run from a real one.
    ///
    /// # Errors
    /// If standard output is full.
    pub fn answer_write<T: Serialize>(
        &self,
        dry_run: bool,
        report: &T,
        page: impl FnOnce(&T, &mut Page),
    ) -> Result<ExitCode, Failure> {
        let code = self.answer(report, page)?;
        if dry_run && !self.global.json {
            output::say("a dry run: nothing was written");
        }
        Ok(code)
    }

    /// Answers with JSON or with a page.
    ///
    /// # Errors
    /// If standard output is full.
    pub fn answer<T: Serialize>(&self, report: &T, page: impl FnOnce(&T, &mut Page)) -> Result<ExitCode, Failure> {
        if self.global.json {
            output::print_json(report)?;
        } else {
            let mut text = Page::new();
            page(report, &mut text);
            text.print()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
