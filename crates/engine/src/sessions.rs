//! Sessions: begun, switched to.

use dm_model::SessionState;

use crate::engine::new_session;
use crate::error::{EngineError, NAME_BYTES_MAX};
use crate::report::SessionSummary;
use crate::snapshot::session_summary;
use crate::transaction::Transaction;
use crate::workspace::session_named;

impl Transaction<'_> {
    /// Begins a session and makes it the current one.
    ///
    /// # Errors
    /// If it has no name, one of that name is active, or the store cannot be written.
    pub fn session_new(&mut self, name: &str, intent: &str) -> Result<SessionSummary, EngineError> {
        let name = name.trim();
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(EngineError::BadName { what: "a session" });
        }
        let all = self.tx.sessions()?;
        if all.iter().any(|other| other.name == name && other.state == SessionState::Active) {
            return Err(EngineError::SessionExists(name.to_owned()));
        }
        let author = self.author()?;
        let session = new_session(name, intent, &author, self.engine.system())?;
        self.tx.put_session(&session)?;
        self.tx.set_current_session(Some(&session.id))?;
        self.tell("session new", name);
        let look = self.look(None)?;
        session_summary(&look, &self.workspace, &session, true)
    }

    /// Makes a session the current one.
    ///
    /// # Errors
    /// If there is no such session, or several.
    pub fn session_switch(&mut self, name: &str) -> Result<SessionSummary, EngineError> {
        let session = session_named(&self.tx, name)?;
        self.tx.set_current_session(Some(&session.id))?;
        self.tell("session switch", session.name.clone());
        let look = self.look(None)?;
        session_summary(&look, &self.workspace, &session, true)
    }
}
