//! A session as loaded for one command: its drafts, and the view that they give over main.

use dm_collab::draft::Stack;
use dm_model::{PatchId, Session, SessionState};
use dm_store::{DraftHeader, ReadTx};

use crate::engine::SessionChoice;
use crate::error::EngineError;

/// A session with its drafts, lowest first.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// The session.
    pub session: Session,
    /// Its draft patches, in the order of the stack.
    pub headers: Vec<DraftHeader>,
    /// Their rows and ops.
    pub stack: Stack,
}

impl Workspace {
    /// Loads the session that is meant.
    pub(crate) fn load(tx: &ReadTx<'_>, choice: &SessionChoice, writing: bool) -> Result<Self, EngineError> {
        let session = find_session(tx, choice, writing)?;
        let mut headers = Vec::new();
        let mut drafts = Vec::new();
        let mut known = tx.drafts_of(&session.id)?;
        for patch in &session.patches {
            let Some(header) = known.remove(patch) else { continue };
            drafts.push(tx.draft(patch)?);
            headers.push(header);
        }
        let stack = Stack::new(drafts).map_err(|error| EngineError::DamagedDraft(error.to_string()))?;
        Ok(Self { session, headers, stack })
    }

    /// The header of a draft patch of this session.
    pub(crate) fn header(&self, patch: &PatchId) -> Option<&DraftHeader> {
        self.headers.iter().find(|header| header.patch == *patch)
    }
}

/// Finds a session by name or by the start of its id.
pub(crate) fn session_named(tx: &ReadTx<'_>, name: &str) -> Result<Session, EngineError> {
    let all = tx.sessions()?;
    let by_name: Vec<&Session> = all.iter().filter(|session| session.name == name).collect();
    let found = if by_name.is_empty() {
        all.iter().filter(|session| name.len() >= 4 && session.id.to_string().starts_with(name)).collect()
    } else {
        by_name
    };
    match found.as_slice() {
        [] => Err(EngineError::NoSuchSession(name.to_owned())),
        [one] => Ok((*one).clone()),
        many => Err(EngineError::AmbiguousSession(many.iter().map(|session| spelled(session)).collect())),
    }
}

fn spelled(session: &Session) -> String {
    format!("{} ({})", session.name, session.id.short())
}

fn find_session(tx: &ReadTx<'_>, choice: &SessionChoice, writing: bool) -> Result<Session, EngineError> {
    if let SessionChoice::Named(name) = choice {
        return session_named(tx, name);
    }
    if writing && *choice == SessionChoice::CurrentIfSure {
        let all = tx.sessions()?;
        let active: Vec<&Session> = all.iter().filter(|session| session.state == SessionState::Active).collect();
        if active.len() > 1 {
            return Err(EngineError::AmbiguousSession(active.into_iter().map(spelled).collect()));
        }
    }
    tx.current_session()?.ok_or_else(|| EngineError::NoSuchSession("current".to_owned()))
}
