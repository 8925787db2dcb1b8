//! The private journal: sessions and their drafts. It never leaves the instance by itself.

use std::collections::BTreeMap;

use dm_collab::draft::{Draft, DraftEntity};
use dm_model::{DecodeError, Decoder, Encoder, EntityId, PatchId, Session, SessionId, SessionState, Space, Timestamp};

use crate::command::Row;
use crate::error::StoreError;
use crate::tx::{ReadTx, WriteTx};

/// The data of a draft of the public space, and of one of a group.
const DRAFT_DATA_FORMAT: u8 = 1;
const GROUP_DRAFT_DATA_FORMAT: u8 = 2;
const ELEMENTS_MAX: usize = 1 << 16;
const TEXT_BYTES_MAX: usize = 1 << 20;

/// What a draft is besides its writes: a patch that can still be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftHeader {
    /// The patch.
    pub patch: PatchId,
    /// The session it is made in; the session's `patches` say at which place.
    pub session: SessionId,
    /// Whose work it is.
    pub author: String,
    /// Why, in words.
    pub intent: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Patches named as needed by hand, ascending.
    pub depends: Vec<PatchId>,
    /// What is left to do, with whether it is done.
    pub todos: Vec<(String, bool)>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Who reads it once it is ready.
    pub space: Space,
}

impl DraftHeader {
    /// All of it, as an image of a command has it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        to.patch_id(&self.patch);
        to.session_id(&self.session);
        to.text(&self.author);
        to.text(&self.intent);
        to.time(self.created_at);
        to.time(self.updated_at);
        to.bytes(&encode_data(self));
        to.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let mut header = Self {
            patch: from.patch_id()?,
            session: from.session_id()?,
            author: from.text(TEXT_BYTES_MAX, "author")?.to_owned(),
            intent: from.text(TEXT_BYTES_MAX, "intent")?.to_owned(),
            created_at: from.time("created-at")?,
            updated_at: from.time("updated-at")?,
            depends: Vec::new(),
            todos: Vec::new(),
            tags: Vec::new(),
            space: Space::PUBLIC,
        };
        let data = from.bytes(TEXT_BYTES_MAX, "draft data")?;
        from.finish()?;
        decode_data(data, &mut header)?;
        Ok(header)
    }
}

fn encode_data(header: &DraftHeader) -> Vec<u8> {
    let mut to = Encoder::new();
    if header.space.is_public() {
        to.byte(DRAFT_DATA_FORMAT);
    } else {
        to.byte(GROUP_DRAFT_DATA_FORMAT);
        to.raw(header.space.as_bytes());
    }
    to.list(&header.depends, Encoder::patch_id);
    to.list(&header.todos, |to, (text, done)| {
        to.text(text);
        to.byte(u8::from(*done));
    });
    to.list(&header.tags, |to, tag| to.text(tag));
    to.finish()
}

fn decode_data(bytes: &[u8], header: &mut DraftHeader) -> Result<(), DecodeError> {
    let mut from = Decoder::new(bytes);
    header.space = match from.byte("draft format")? {
        DRAFT_DATA_FORMAT => Space::PUBLIC,
        GROUP_DRAFT_DATA_FORMAT => Space::from_bytes(from.array("space")?),
        format => return Err(from.unknown("draft format", u64::from(format))),
    };
    if header.space.is_public() != (bytes.first() == Some(&DRAFT_DATA_FORMAT)) {
        return Err(from.not_canonical("a group's draft of the public space"));
    }
    header.depends = from.list(ELEMENTS_MAX, "dependencies", Decoder::patch_id)?;
    header.todos = from.list(ELEMENTS_MAX, "todos", |from| {
        let text = from.text(TEXT_BYTES_MAX, "todo")?.to_owned();
        Ok((text, from.byte("todo")? == 1))
    })?;
    header.tags = from.list(ELEMENTS_MAX, "tags", |from| Ok(from.text(TEXT_BYTES_MAX, "tag")?.to_owned()))?;
    from.finish()
}

/// `session.state`.
pub(crate) fn state_tag(state: SessionState) -> i64 {
    match state {
        SessionState::Active => 0,
        SessionState::Suspended => 1,
        SessionState::Completed => 2,
    }
}

const HEADER: &str = "SELECT patch, session, author, intent, created_at, updated_at, data FROM draft";

fn header_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(DraftHeader, Vec<u8>)> {
    let header = DraftHeader {
        patch: PatchId::from_bytes(row.get(0)?),
        session: SessionId::from_bytes(row.get(1)?),
        author: row.get(2)?,
        intent: row.get(3)?,
        created_at: Timestamp::from_ms(row.get(4)?),
        updated_at: Timestamp::from_ms(row.get(5)?),
        depends: Vec::new(),
        todos: Vec::new(),
        tags: Vec::new(),
        space: Space::PUBLIC,
    };
    Ok((header, row.get(6)?))
}

impl ReadTx<'_> {
    fn decode_session(&self, bytes: &[u8]) -> Result<Session, StoreError> {
        Session::decode(bytes).map_err(|error| self.damaged(format!("a session: {error}")))
    }

    /// The session that is current here, if one is.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn current_session(&self) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT s.data FROM meta m JOIN session s ON s.id = m.session";
        let bytes = self.row(sql, [], |row| row.get::<_, Vec<u8>>(0))?;
        bytes.map(|bytes| self.decode_session(&bytes)).transpose()
    }

    /// A session.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn session(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let bytes =
            self.row("SELECT data FROM session WHERE id = ?1", [id.as_bytes()], |row| row.get::<_, Vec<u8>>(0))?;
        bytes.map(|bytes| self.decode_session(&bytes)).transpose()
    }

    /// All sessions, last used first.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        let sql = "SELECT data FROM session ORDER BY active_at DESC, id";
        let rows = self.rows(sql, [], |row| row.get::<_, Vec<u8>>(0))?;
        rows.iter().map(|bytes| self.decode_session(bytes)).collect()
    }

    /// The ids of all sessions.
    ///
    /// # Errors
    /// The disk.
    pub fn session_ids(&self) -> Result<Vec<SessionId>, StoreError> {
        self.rows("SELECT id FROM session", [], |row| row.get(0).map(SessionId::from_bytes))
    }

    fn draft_header_of(&self, (mut header, data): (DraftHeader, Vec<u8>)) -> Result<DraftHeader, StoreError> {
        let decoded = decode_data(&data, &mut header);
        decoded.map_err(|error| self.damaged(format!("draft {}: {error}", header.patch)))?;
        Ok(header)
    }

    /// What a draft is, if the patch has one.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn draft_header(&self, patch: &PatchId) -> Result<Option<DraftHeader>, StoreError> {
        let row = self.row(&format!("{HEADER} WHERE patch = ?1"), [patch.as_bytes()], header_row)?;
        row.map(|row| self.draft_header_of(row)).transpose()
    }

    /// The drafts of a session, by patch.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn drafts_of(&self, session: &SessionId) -> Result<BTreeMap<PatchId, DraftHeader>, StoreError> {
        let rows = self.rows(&format!("{HEADER} WHERE session = ?1"), [session.as_bytes()], header_row)?;
        let headers = rows.into_iter().map(|row| self.draft_header_of(row).map(|header| (header.patch, header)));
        headers.collect()
    }

    /// All drafts of all sessions, oldest first.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn draft_headers(&self) -> Result<Vec<DraftHeader>, StoreError> {
        let rows = self.rows(&format!("{HEADER} ORDER BY created_at, patch"), [], header_row)?;
        rows.into_iter().map(|row| self.draft_header_of(row)).collect()
    }

    /// The patches that have a draft, of all sessions, ascending.
    ///
    /// # Errors
    /// The disk.
    pub fn draft_ids(&self) -> Result<Vec<PatchId>, StoreError> {
        self.rows("SELECT patch FROM draft ORDER BY patch", [], |row| row.get(0).map(PatchId::from_bytes))
    }

    /// The writes of a draft; of a patch without one, none.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn draft(&self, patch: &PatchId) -> Result<Draft, StoreError> {
        let rows = self.rows("SELECT entity, data FROM draft_entity WHERE patch = ?1", [patch.as_bytes()], |row| {
            Ok((EntityId::from_bytes(row.get(0)?), row.get::<_, Vec<u8>>(1)?))
        })?;
        let mut draft = Draft { patch: *patch, entities: BTreeMap::new() };
        for (entity, data) in rows {
            let decoded = DraftEntity::decode(&data);
            let decoded = decoded.map_err(|error| self.damaged(format!("draft {patch}, entity {entity}: {error}")))?;
            draft.entities.insert(entity, decoded);
        }
        Ok(draft)
    }

    /// How many entities a draft writes.
    ///
    /// # Errors
    /// The disk.
    pub fn draft_size(&self, patch: &PatchId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM draft_entity WHERE patch = ?1";
        Ok(self.row(sql, [patch.as_bytes()], |row| row.get::<_, i64>(0))?.unwrap_or(0).cast_unsigned())
    }
}

impl WriteTx<'_> {
    /// Writes a session, new or changed.
    ///
    /// # Errors
    /// The disk.
    pub fn put_session(&mut self, session: &Session) -> Result<(), StoreError> {
        let state = state_tag(session.state);
        self.capture(Row::Session(session.id))?;
        self.run(
            "INSERT OR REPLACE INTO session (id, name, state, active_at, data) VALUES (?1, ?2, ?3, ?4, ?5)",
            (session.id.as_bytes(), &session.name, state, session.last_active_at.as_ms(), session.encode()),
        )?;
        Ok(())
    }

    /// Removes a session with all its drafts; if it was current, none is.
    ///
    /// # Errors
    /// The disk.
    pub fn remove_session(&mut self, id: &SessionId) -> Result<(), StoreError> {
        let drafts =
            self.rows("SELECT patch FROM draft WHERE session = ?1 ORDER BY patch", [id.as_bytes()], |row| {
                row.get(0).map(PatchId::from_bytes)
            })?;
        for patch in drafts {
            self.remove_draft(&patch)?;
        }
        self.capture(Row::Session(*id))?;
        self.capture(Row::CurrentSession)?;
        self.run("DELETE FROM session WHERE id = ?1", [id.as_bytes()])?;
        self.run("UPDATE meta SET session = NULL WHERE session = ?1", [id.as_bytes()])?;
        Ok(())
    }

    /// Makes a session current, or none.
    ///
    /// # Errors
    /// The disk; a session that is not there.
    pub fn set_current_session(&mut self, id: Option<&SessionId>) -> Result<(), StoreError> {
        if let Some(id) = id {
            let known = self.row("SELECT 1 FROM session WHERE id = ?1", [id.as_bytes()], |_| Ok(()))?;
            known.ok_or_else(|| self.no_such("session", id))?;
        }
        self.capture(Row::CurrentSession)?;
        self.run("UPDATE meta SET session = ?1", [id.map(|id| id.as_bytes().as_slice())])?;
        Ok(())
    }

    /// Writes what a draft is, new or changed; its writes stay.
    ///
    /// # Errors
    /// The disk.
    pub fn put_draft_header(&mut self, header: &DraftHeader) -> Result<(), StoreError> {
        self.capture(Row::Draft(header.patch))?;
        self.run(
            "INSERT OR REPLACE INTO draft (patch, session, author, intent, created_at, updated_at, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                header.patch.as_bytes(),
                header.session.as_bytes(),
                &header.author,
                &header.intent,
                header.created_at.as_ms(),
                header.updated_at.as_ms(),
                encode_data(header),
            ),
        )?;
        Ok(())
    }

    /// Notes that a draft was changed.
    ///
    /// # Errors
    /// The disk; a patch without draft.
    pub fn touch_draft(&mut self, patch: &PatchId, now: Timestamp) -> Result<(), StoreError> {
        self.capture(Row::Draft(*patch))?;
        let sql = "UPDATE draft SET updated_at = ?2 WHERE patch = ?1";
        match self.run(sql, (patch.as_bytes(), now.as_ms()))? {
            0 => Err(self.no_such("draft", patch)),
            _ => Ok(()),
        }
    }

    /// Writes what a draft writes of one entity; nothing takes the entity out of it.
    ///
    /// # Errors
    /// The disk.
    pub fn put_draft_entity(
        &mut self,
        patch: &PatchId,
        entity: &EntityId,
        written: Option<&DraftEntity>,
    ) -> Result<(), StoreError> {
        self.capture(Row::DraftEntity(*patch, *entity))?;
        match written {
            Some(written) => self.run(
                "INSERT OR REPLACE INTO draft_entity (patch, entity, data) VALUES (?1, ?2, ?3)",
                (patch.as_bytes(), entity.as_bytes(), written.encode()),
            )?,
            None => {
                let sql = "DELETE FROM draft_entity WHERE patch = ?1 AND entity = ?2";
                self.run(sql, (patch.as_bytes(), entity.as_bytes()))?
            }
        };
        Ok(())
    }

    /// Makes the journal's writes of a patch exactly those of the draft.
    ///
    /// # Errors
    /// The disk.
    pub fn put_draft(&mut self, draft: &Draft) -> Result<(), StoreError> {
        let before = self.draft(&draft.patch)?;
        for entity in before.entities.keys().filter(|entity| !draft.entities.contains_key(entity)) {
            self.put_draft_entity(&draft.patch, entity, None)?;
        }
        for (entity, written) in &draft.entities {
            if before.entities.get(entity) != Some(written) {
                self.put_draft_entity(&draft.patch, entity, Some(written))?;
            }
        }
        Ok(())
    }

    /// Removes a draft with all it writes.
    ///
    /// # Errors
    /// The disk.
    pub fn remove_draft(&mut self, patch: &PatchId) -> Result<(), StoreError> {
        let entities = self.rows("SELECT entity FROM draft_entity WHERE patch = ?1", [patch.as_bytes()], |row| {
            row.get(0).map(EntityId::from_bytes)
        })?;
        for entity in entities {
            self.capture(Row::DraftEntity(*patch, entity))?;
        }
        self.capture(Row::Draft(*patch))?;
        self.run("DELETE FROM draft_entity WHERE patch = ?1", [patch.as_bytes()])?;
        self.run("DELETE FROM draft WHERE patch = ?1", [patch.as_bytes()])?;
        Ok(())
    }
}
