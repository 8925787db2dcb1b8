//! Sessions: working contexts that run in parallel on one store.
//!
//! A session's drafts are not here: they are rows of the store's journal. Nor is its workspace state (open files, cursors),
//! which comes with the editor.

use std::collections::BTreeMap;

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::id::{PatchId, SessionId};
use crate::time::Timestamp;

const SESSION_FORMAT: u8 = 1;
const TEXT_BYTES_MAX: usize = 64 << 10;
const SESSION_LIST_MAX: usize = 1 << 16;

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionState {
    /// In use.
    Active,
    /// Laid aside.
    Suspended,
    /// Done.
    Completed,
}

impl SessionState {
    /// The word for it: `active`, `suspended`, `completed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Completed => "completed",
        }
    }

    const fn tag(self) -> u8 {
        match self {
            Self::Active => 0,
            Self::Suspended => 1,
            Self::Completed => 2,
        }
    }
}

/// A working context: its own patches over a base main, in an order, one of them in focus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Which session.
    pub id: SessionId,
    /// Its name, for people; two sessions may share one.
    pub name: String,
    /// What it is for, in words; may be empty.
    pub intent: String,
    /// Whose it is.
    pub owner: String,
    /// Where it is in its life.
    pub state: SessionState,
    /// Its own patches, lowest first.
    pub patches: Vec<PatchId>,
    /// The patch that edits go to.
    pub focused: Option<PatchId>,
    /// Patches of others that it builds on, strictly ascending.
    pub pinned: Vec<PatchId>,
    /// Variables for programs run in it.
    pub environment: BTreeMap<String, String>,
    /// Whether it may be opened on another machine.
    pub transferable: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last written to.
    pub last_active_at: Timestamp,
}

/// Variables, each name once.
fn decode_environment(from: &mut Decoder<'_>) -> Result<BTreeMap<String, String>, DecodeError> {
    let pairs = from.set(SESSION_LIST_MAX, "environment", |from| {
        let name = from.text(TEXT_BYTES_MAX, "variable")?.to_owned();
        Ok((name, from.text(TEXT_BYTES_MAX, "value")?.to_owned()))
    })?;
    let count = pairs.len();
    let environment: BTreeMap<String, String> = pairs.into_iter().collect();
    if environment.len() == count { Ok(environment) } else { Err(from.not_canonical("a variable with two values")) }
}

impl Session {
    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        to.byte(SESSION_FORMAT);
        to.session_id(&self.id);
        to.text(&self.name);
        to.text(&self.intent);
        to.text(&self.owner);
        to.byte(self.state.tag());
        to.list(&self.patches, Encoder::patch_id);
        to.option(self.focused.as_ref(), Encoder::patch_id);
        to.list(&self.pinned, Encoder::patch_id);
        let environment: Vec<_> = self.environment.iter().collect();
        to.list(&environment, |to, (name, value)| {
            to.text(name);
            to.text(value);
        });
        to.byte(u8::from(self.transferable));
        to.time(self.started_at);
        to.time(self.last_active_at);
        to.finish()
    }

    /// The session in these canonical bytes.
    ///
    /// # Errors
    /// If the bytes are not exactly what [`Session::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let format = from.byte("session format")?;
        if format != SESSION_FORMAT {
            return Err(from.unknown("session format", u64::from(format)));
        }
        let session = Self {
            id: from.session_id()?,
            name: from.text(TEXT_BYTES_MAX, "session name")?.to_owned(),
            intent: from.text(TEXT_BYTES_MAX, "session intent")?.to_owned(),
            owner: from.text(TEXT_BYTES_MAX, "session owner")?.to_owned(),
            state: match from.byte("session state")? {
                0 => SessionState::Active,
                1 => SessionState::Suspended,
                2 => SessionState::Completed,
                other => return Err(from.unknown("session state", u64::from(other))),
            },
            patches: from.list(SESSION_LIST_MAX, "session patches", Decoder::patch_id)?,
            focused: from.option("focused patch", Decoder::patch_id)?,
            pinned: from.set(SESSION_LIST_MAX, "pinned patches", Decoder::patch_id)?,
            environment: decode_environment(&mut from)?,
            transferable: match from.byte("transferable")? {
                0 => false,
                1 => true,
                _ => return Err(from.not_canonical("a flag that is neither 0 nor 1")),
            },
            started_at: from.time("start")?,
            last_active_at: from.time("last activity")?,
        };
        from.finish()?;
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_one_value() {
        let environment = |pairs: &[(&str, &str)]| {
            let mut to = Encoder::new();
            to.list(pairs, |to, (name, value)| {
                to.text(name);
                to.text(value);
            });
            let bytes = to.finish();
            decode_environment(&mut Decoder::new(&bytes)).map(|read| read.len())
        };
        assert_eq!(environment(&[("A", "1"), ("B", "1")]), Ok(2));
        assert!(environment(&[("A", "1"), ("A", "2")]).is_err());
    }
}
