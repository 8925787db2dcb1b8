//! The projection as `dm-collab` reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::{
    Channel, DisputedPatch, Effect, EntityState, Fingerprint, Membership, Need, Presence, ProjectionRead, ReadError,
    UnseenPatch,
};
use dm_model::{
    Body, DefHash, EntityId, Envelope, EnvelopeId, InstanceId, Kind, Location, Op, OpId, PatchId, RevisionId,
    Signature, Space, Visibility,
};

use crate::error::StoreError;
use crate::state::{Plain, decode_state};
use crate::tx::{ReadTx, WriteTx};

/// `need`'s first byte: what is needed.
const NEED_ENVELOPE: u8 = 1;
const NEED_OP: u8 = 2;
const NEED_CONTENT: u8 = 3;

/// `env.effect`.
pub(crate) const NOT_APPLIED: i64 = 0;
pub(crate) const EFFECTIVE: i64 = 1;
pub(crate) const BLOCKED: i64 = 2;
pub(crate) const NEEDS_NEWER: i64 = 3;

/// `member.state`.
pub(crate) const OUT: i64 = 0;
pub(crate) const IN: i64 = 1;
pub(crate) const DISPUTED: i64 = 2;

/// `mark.kind`: short lists that are asked for as a whole.
pub(crate) const MARK_FLAGGED: i64 = 1;
pub(crate) const MARK_COLLISION: i64 = 2;
pub(crate) const MARK_LOST: i64 = 3;
pub(crate) const MARK_BLOCKED: i64 = 4;
/// A patch that the facts of the own main disagree about.
pub(crate) const MARK_DISPUTED: i64 = 5;

/// Decoded envelopes are kept for the transaction up to this many bytes.
const ENVELOPES_KEPT_BYTES: usize = 64 << 20;

pub(crate) fn need_key(need: &Need) -> Vec<u8> {
    let (tag, id) = match need {
        Need::Envelope(id) => (NEED_ENVELOPE, id.as_bytes()),
        Need::Op(id) => (NEED_OP, id.as_bytes()),
        Need::Content(id) => (NEED_CONTENT, id.as_bytes()),
    };
    let mut key = Vec::with_capacity(33);
    key.push(tag);
    key.extend_from_slice(id);
    key
}

pub(crate) fn need_of_key(key: &[u8]) -> Option<Need> {
    let (tag, id) = key.split_first()?;
    match *tag {
        NEED_ENVELOPE => EnvelopeId::from_slice(id).map(Need::Envelope),
        NEED_OP => OpId::from_slice(id).map(Need::Op),
        NEED_CONTENT => DefHash::from_slice(id).map(Need::Content),
        _ => None,
    }
}

/// Ids one behind the other.
pub(crate) fn join_ids<'i>(ids: impl IntoIterator<Item = &'i [u8; 32]>) -> Vec<u8> {
    ids.into_iter().flatten().copied().collect()
}

/// The ids in such bytes; none if they are no whole number of them.
pub(crate) fn split_ids<T>(bytes: &[u8], each: impl Fn([u8; 32]) -> T) -> Option<Vec<T>> {
    let chunks = bytes.chunks(32).map(|chunk| chunk.try_into().ok().map(&each));
    chunks.collect()
}

/// The bytes of a disputed membership: per value a flag and, where it is 1, a revision.
pub(crate) fn encode_values(values: &[Option<RevisionId>]) -> Vec<u8> {
    let mut to = dm_model::Encoder::new();
    to.list(values, |to, value| to.option(value.as_ref(), |to, id| to.envelope_id(id)));
    to.finish()
}

fn decode_values(bytes: &[u8]) -> Result<Vec<Option<RevisionId>>, dm_model::DecodeError> {
    let mut from = dm_model::Decoder::new(bytes);
    let values = from.list(bytes.len(), "values", |from| from.option("value", dm_model::Decoder::envelope_id))?;
    from.finish()?;
    Ok(values)
}

impl ReadTx<'_> {
    /// A held envelope.
    pub(crate) fn held_envelope(&self, id: &EnvelopeId) -> Result<Option<Arc<Envelope>>, StoreError> {
        if let Some(envelope) = self.caches.borrow().envelopes.get(id) {
            return Ok(Some(Arc::clone(envelope)));
        }
        let Some(local) = self.log_local(id)? else { return Ok(None) };
        self.envelope_local(local).map(Some)
    }

    /// The envelope of a row of the log.
    pub(crate) fn envelope_local(&self, local: i64) -> Result<Arc<Envelope>, StoreError> {
        let id = self.log_global(local)?;
        if let Some(envelope) = self.caches.borrow().envelopes.get(&id) {
            return Ok(Arc::clone(envelope));
        }
        let (bytes, signature) = self.envelope_bytes_local(local)?;
        let length = bytes.len();
        let wrong = |what: String| self.damaged(format!("envelope {id}: {what}"));
        let envelope = Envelope::open_trusted(bytes, signature).map_err(|error| wrong(error.to_string()))?;
        if envelope.id() != id {
            return Err(wrong(format!("its bytes are those of {}", envelope.id())));
        }
        let envelope = Arc::new(envelope);
        let mut caches = self.caches.borrow_mut();
        if caches.envelope_bytes + length > ENVELOPES_KEPT_BYTES {
            caches.envelopes.clear();
            caches.envelope_bytes = 0;
        }
        caches.envelope_bytes += length;
        caches.envelopes.insert(id, Arc::clone(&envelope));
        Ok(envelope)
    }

    /// Exact bytes and signature of a row of the log.
    pub(crate) fn envelope_bytes_local(&self, local: i64) -> Result<(Vec<u8>, Signature), StoreError> {
        let row = self.row("SELECT signature, enc, bytes FROM log WHERE id = ?1", [local], |row| {
            Ok((row.get::<_, [u8; 64]>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
        })?;
        let (signature, encoding, bytes) = row.ok_or_else(|| self.damaged(format!("table log has no row {local}")))?;
        let bytes = self.codec.borrow_mut().unpack(encoding, &bytes);
        let bytes = bytes.map_err(|what| self.damaged(format!("log row {local}: {what}")))?;
        Ok((bytes, Signature::from_bytes(signature)))
    }

    /// Envelope ids of a query that yields local ids, ascending.
    pub(crate) fn envelope_ids_of(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<EnvelopeId>, StoreError> {
        let locals = self.rows(sql, params, |row| row.get::<_, i64>(0))?;
        let mut ids = locals.into_iter().map(|local| self.log_global(local)).collect::<Result<Vec<_>, _>>()?;
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    pub(crate) fn envelopes_of(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let locals = self.rows(sql, params, |row| row.get::<_, i64>(0))?;
        let mut found = locals.into_iter().map(|local| self.envelope_local(local)).collect::<Result<Vec<_>, _>>()?;
        found.sort_unstable_by_key(|envelope| envelope.id());
        Ok(found)
    }

    pub(crate) fn entity_ids_of(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<EntityId>, StoreError> {
        let locals = self.rows(sql, params, |row| row.get::<_, i64>(0))?;
        let mut ids = locals.into_iter().map(|local| self.entity_global(local)).collect::<Result<Vec<_>, _>>()?;
        ids.sort_unstable();
        Ok(ids)
    }

    fn ops_of(&self, sql: &str, local: i64) -> Result<Vec<(OpId, Arc<Op>)>, StoreError> {
        let rows = self.rows(sql, [local], |row| Ok((OpId::from_bytes(row.get(0)?), row.get::<_, Vec<u8>>(1)?)))?;
        let mut ops = Vec::with_capacity(rows.len());
        for (id, bytes) in rows {
            ops.push((id, Arc::new(self.op_of(&id, &bytes)?)));
        }
        ops.sort_unstable_by_key(|(id, _)| *id);
        Ok(ops)
    }

    /// The op of a row: of a small envelope it is read where it is signed.
    pub(crate) fn op_of(&self, id: &OpId, bytes: &[u8]) -> Result<Op, StoreError> {
        if !bytes.is_empty() {
            return self.decode_op(id, bytes);
        }
        let local = self.op_local(id)?.ok_or_else(|| self.no_such("op", id))?;
        let sql = "SELECT env, position FROM op_rev WHERE op = ?1 LIMIT 1";
        let place = self.row(sql, [local], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        let wrong = || self.damaged(format!("op {id} is in no envelope"));
        let (env, position) = place.ok_or_else(wrong)?;
        let envelope = self.envelope_local(env)?;
        let Body::Revision(revision) = envelope.body() else { return Err(wrong()) };
        let op = usize::try_from(position).ok().and_then(|position| revision.ops.get(position)).ok_or_else(wrong)?;
        debug_assert_eq!(op.id(), *id, "BUG: an op row leads to another op");
        Ok(op.clone())
    }

    pub(crate) fn decode_op(&self, id: &OpId, bytes: &[u8]) -> Result<Op, StoreError> {
        Op::decode(bytes).map_err(|error| self.damaged(format!("op {id}: {error}")))
    }

    pub(crate) fn channel_local(&self, channel: &Channel) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT id FROM channel WHERE hash = ?1 AND space = ?2";
        self.row(sql, (channel.main.as_bytes(), channel.space.as_bytes()), |row| row.get(0))
    }

    fn channels_of(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Channel>, StoreError> {
        let mut channels = self.rows(sql, params, |row| {
            Ok(Channel { main: InstanceId::from_bytes(row.get(0)?), space: Space::from_bytes(row.get(1)?) })
        })?;
        channels.sort_unstable();
        Ok(channels)
    }

    fn membership_of(&self, patch: &PatchId, state: i64, revisions: &[u8]) -> Result<Membership, StoreError> {
        let wrong = || self.damaged(format!("membership of patch {patch}"));
        match state {
            OUT => Ok(Membership::Out { touched: true }),
            IN => RevisionId::from_slice(revisions).map(Membership::In).ok_or_else(wrong),
            DISPUTED => decode_values(revisions).map(Membership::Disputed).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }

    /// An entity's state in the own main.
    pub(crate) fn entity_state_local(&self, local: i64) -> Result<Option<EntityState>, StoreError> {
        if let Some(known) = self.caches.borrow().states.get(&local) {
            return Ok(known.clone());
        }
        let state = self.entity_state_stored(local)?;
        self.caches.borrow_mut().keep_state(local, state.clone());
        Ok(state)
    }

    fn entity_state_stored(&self, local: i64) -> Result<Option<EntityState>, StoreError> {
        // The hashes come along: four statements of their own would cost three times as much.
        let row = self.row(
            "SELECT e.content, e.content_op, e.path, e.location_op, e.visibility, e.visibility_op, e.more,
                    c.hash, co.hash, lo.hash, vo.hash, c.kind
             FROM entity e LEFT JOIN content c ON c.id = e.content LEFT JOIN op co ON co.id = e.content_op
             LEFT JOIN op lo ON lo.id = e.location_op LEFT JOIN op vo ON vo.id = e.visibility_op WHERE e.id = ?1",
            [local],
            |row| {
                Ok((
                    (row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?),
                    (row.get::<_, Option<String>>(2)?, row.get::<_, Option<i64>>(3)?),
                    (row.get::<_, Option<u8>>(4)?, row.get::<_, Option<i64>>(5)?),
                    row.get::<_, Option<Vec<u8>>>(6)?,
                    row.get::<_, Option<[u8; 32]>>(7)?.map(DefHash::from_bytes),
                    [row.get::<_, Option<[u8; 32]>>(8)?, row.get(9)?, row.get(10)?].map(|id| id.map(OpId::from_bytes)),
                    row.get::<_, Option<u8>>(11)?.and_then(Kind::from_tag),
                ))
            },
        )?;
        // An entity of this transaction may have an id and no row yet.
        let Some((content, location, visibility, more, hash, ops, kind)) = row else { return Ok(None) };
        let wrong = |what: &str| self.damaged(format!("entity row {local}: {what}"));
        if let Some(more) = more {
            return decode_state(&more).map(Some).map_err(|error| wrong(&error.to_string()));
        }
        let (Some(location_op), Some(content_op), Some(visibility_op)) = (location.1, content.1, visibility.1) else {
            return Ok(None);
        };
        let content = content.0.ok_or_else(|| wrong("no content"))?;
        let who = visibility.0.and_then(Visibility::from_tag).ok_or_else(|| wrong("no such visibility"))?;
        let at = location.0.map(|path| path.parse::<Location>()).transpose();
        let at = at.map_err(|error| wrong(&error.to_string()))?;
        let (Some(hash), [Some(wrote_content), Some(wrote_location), Some(wrote_visibility)]) = (hash, ops) else {
            return Err(wrong("what it names is not there"));
        };
        let mut caches = self.caches.borrow_mut();
        caches.contents.put(hash, content);
        if let Some(kind) = kind {
            caches.kinds.insert(content, kind);
        }
        for (op, local) in
            [(wrote_content, content_op), (wrote_location, location_op), (wrote_visibility, visibility_op)]
        {
            caches.ops.put(op, local);
        }
        let plain = Plain {
            content: (wrote_content, hash),
            location: (wrote_location, at),
            visibility: (wrote_visibility, who),
        };
        Ok(Some(plain.state()))
    }

    /// Whether an entity exists and is live nowhere: what is asked of all that a draft uses.
    fn is_deleted_local(&self, local: i64) -> Result<bool, StoreError> {
        if let Some(known) = self.caches.borrow().states.get(&local) {
            return Ok(known.as_ref().is_some_and(|state| !state.is_live()));
        }
        let sql = "SELECT path IS NULL AND location_op IS NOT NULL, more IS NOT NULL FROM entity WHERE id = ?1";
        let row = self.row(sql, [local], |row| Ok((row.get::<_, bool>(0)?, row.get::<_, bool>(1)?)))?;
        match row {
            Some((_, true)) => Ok(self.entity_state_local(local)?.is_some_and(|state| !state.is_live())),
            Some((deleted, false)) => Ok(deleted),
            None => Ok(false),
        }
    }

    fn effect_of(&self, revision: &RevisionId) -> Result<Effect, StoreError> {
        let Some(local) = self.log_local(revision)? else { return Ok(Effect::NotApplied) };
        let row = self.row("SELECT effect, missing FROM env WHERE id = ?1", [local], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<Vec<u8>>>(1)?))
        })?;
        let (effect, missing) = row.unwrap_or((NOT_APPLIED, None));
        self.effect_from(revision, effect, missing.as_deref())
    }

    pub(crate) fn effect_from(
        &self,
        revision: &RevisionId,
        effect: i64,
        missing: Option<&[u8]>,
    ) -> Result<Effect, StoreError> {
        let wrong = || self.damaged(format!("effect of revision {revision}"));
        match effect {
            NOT_APPLIED => Ok(Effect::NotApplied),
            EFFECTIVE => Ok(Effect::Effective),
            BLOCKED => split_ids(missing.unwrap_or_default(), OpId::from_bytes).map(Effect::Blocked).ok_or_else(wrong),
            NEEDS_NEWER => Ok(Effect::NeedsNewer),
            _ => Err(wrong()),
        }
    }
}

impl ProjectionRead for ReadTx<'_> {
    fn own_channel(&self) -> InstanceId {
        self.store.instance().id
    }

    fn presence(&self, envelope: &EnvelopeId) -> Result<Presence, ReadError> {
        let Some(local) = self.log_local(envelope)? else { return Ok(Presence::Absent) };
        let counted = self.row("SELECT counted FROM env WHERE id = ?1", [local], |row| row.get::<_, i64>(0))?;
        Ok(match counted {
            // In the log and not yet judged: only while a rebuild is under way.
            None => Presence::Absent,
            Some(0) => Presence::Pending,
            Some(_) => Presence::Counted,
        })
    }

    fn envelope(&self, envelope: &EnvelopeId) -> Result<Option<Arc<Envelope>>, ReadError> {
        Ok(self.held_envelope(envelope)?)
    }

    fn content_present(&self, content: &DefHash) -> Result<bool, ReadError> {
        Ok(self.content_local(content)?.is_some())
    }

    fn waiting_on(&self, need: &Need) -> Result<Vec<EnvelopeId>, ReadError> {
        Ok(self.envelope_ids_of("SELECT env FROM need WHERE need = ?1", [need_key(need)])?)
    }

    fn op(&self, op: &OpId) -> Result<Option<Arc<Op>>, ReadError> {
        let Some(local) = self.op_local(op)? else { return Ok(None) };
        let bytes = self.row("SELECT bytes FROM op WHERE id = ?1", [local], |row| row.get::<_, Vec<u8>>(0))?;
        let bytes = bytes.ok_or_else(|| self.damaged(format!("table op has no row {local}")))?;
        Ok(Some(Arc::new(self.op_of(op, &bytes)?)))
    }

    fn carriers(&self, op: &OpId) -> Result<Vec<RevisionId>, ReadError> {
        let Some(local) = self.op_local(op)? else { return Ok(Vec::new()) };
        Ok(self.envelope_ids_of("SELECT env FROM op_rev WHERE op = ?1", [local])?)
    }

    fn needing(&self, op: &OpId) -> Result<Vec<RevisionId>, ReadError> {
        let Some(local) = self.op_local(op)? else { return Ok(Vec::new()) };
        Ok(self.envelope_ids_of("SELECT env FROM rev_need WHERE op = ?1", [local])?)
    }

    fn entity_ops(&self, entity: &EntityId) -> Result<Vec<(OpId, Arc<Op>)>, ReadError> {
        let Some(local) = self.entity_local(entity)? else { return Ok(Vec::new()) };
        Ok(self.ops_of("SELECT o.hash, o.bytes FROM op_e e JOIN op o ON o.id = e.op WHERE e.entity = ?1", local)?)
    }

    fn op_effective(&self, op: &OpId) -> Result<bool, ReadError> {
        let known = {
            let caches = self.caches.borrow();
            let known = caches.ops.local.get(op).copied();
            if known.is_none() && caches.ops.complete {
                return Ok(false);
            }
            known
        };
        let effective = match known {
            Some(local) => self.row("SELECT effective FROM op WHERE id = ?1", [local], |row| row.get(0))?,
            None => {
                let sql =
                    "SELECT o.effective, o.id FROM op_h h JOIN op o ON o.id = h.id WHERE h.h8 = ?1 AND o.hash = ?2";
                let row = self.row(sql, (op.prefix64(), op.as_bytes()), |row| Ok((row.get(0)?, row.get(1)?)))?;
                if let Some((_, local)) = row {
                    self.caches.borrow_mut().ops.put(*op, local);
                }
                row.map(|(effective, _)| effective)
            }
        };
        Ok(effective.unwrap_or(false))
    }

    fn effect(&self, revision: &RevisionId) -> Result<Effect, ReadError> {
        Ok(self.effect_of(revision)?)
    }

    fn membership(&self, channel: &Channel, patch: &PatchId) -> Result<Membership, ReadError> {
        let Some(local) = self.channel_local(channel)? else { return Ok(Membership::Out { touched: false }) };
        let sql = "SELECT state, revisions FROM member WHERE channel = ?1 AND patch = ?2";
        let row = self.row(sql, (local, patch.as_bytes()), |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        match row {
            None => Ok(Membership::Out { touched: false }),
            Some((state, revisions)) => Ok(self.membership_of(patch, state, &revisions)?),
        }
    }

    fn leaves(&self, channel: &Channel) -> Result<Vec<EnvelopeId>, ReadError> {
        let sql = "SELECT leaves FROM channel WHERE hash = ?1 AND space = ?2";
        let params = (channel.main.as_bytes(), channel.space.as_bytes());
        let leaves = self.row(sql, params, |row| row.get::<_, Vec<u8>>(0))?.unwrap_or_default();
        let leaves = split_ids(&leaves, EnvelopeId::from_bytes);
        Ok(leaves.ok_or_else(|| self.damaged(format!("leaves of channel {}", channel.main)))?)
    }

    fn facts(&self, channel: &Channel) -> Result<Vec<Arc<Envelope>>, ReadError> {
        let Some(local) = self.channel_local(channel)? else { return Ok(Vec::new()) };
        Ok(self.envelopes_of("SELECT env FROM fact WHERE channel = ?1", [local])?)
    }

    fn channels(&self) -> Result<Vec<Channel>, ReadError> {
        Ok(self.channels_of("SELECT hash, space FROM channel", [])?)
    }

    fn members(&self, channel: &Channel) -> Result<Vec<(PatchId, Membership)>, ReadError> {
        let Some(local) = self.channel_local(channel)? else { return Ok(Vec::new()) };
        let sql = "SELECT patch, state, revisions FROM member WHERE channel = ?1 AND state <> 0 ORDER BY patch";
        let rows = self.rows(sql, [local], |row| {
            Ok((PatchId::from_bytes(row.get(0)?), row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
        })?;
        rows.into_iter()
            .map(|(patch, state, revisions)| Ok((patch, self.membership_of(&patch, state, &revisions)?)))
            .collect()
    }

    fn revisions(&self, patch: &PatchId) -> Result<Vec<RevisionId>, ReadError> {
        let sql = "SELECT env FROM patch_env WHERE patch = ?1 AND kind = 1";
        Ok(self.envelope_ids_of(sql, [patch.spelled()])?)
    }

    fn patch_facts(&self, patch: &PatchId) -> Result<Vec<Arc<Envelope>>, ReadError> {
        Ok(self.envelopes_of("SELECT env FROM patch_env WHERE patch = ?1 AND kind <> 1", [patch.spelled()])?)
    }

    fn key_facts(&self, author: &str) -> Result<Vec<Arc<Envelope>>, ReadError> {
        Ok(self.key_facts_of(author)?)
    }

    fn entity(&self, entity: &EntityId) -> Result<Option<EntityState>, ReadError> {
        let Some(local) = self.entity_local(entity)? else { return Ok(None) };
        Ok(self.entity_state_local(local)?)
    }

    fn is_deleted(&self, entity: &EntityId) -> Result<bool, ReadError> {
        let Some(local) = self.entity_local(entity)? else { return Ok(false) };
        Ok(self.is_deleted_local(local)?)
    }

    fn entities_at(&self, location: &Location) -> Result<Vec<EntityId>, ReadError> {
        Ok(self.entity_ids_of("SELECT entity FROM name WHERE path = ?1", [location.as_str()])?)
    }

    fn flagged(&self) -> Result<Vec<EntityId>, ReadError> {
        Ok(self.entity_ids_of("SELECT a FROM mark WHERE kind = ?1", [MARK_FLAGGED])?)
    }

    fn collisions(&self) -> Result<Vec<Location>, ReadError> {
        let paths = self
            .rows("SELECT a FROM mark WHERE kind = ?1 ORDER BY a", [MARK_COLLISION], |row| row.get::<_, String>(0))?;
        let parse = |path: String| path.parse().map_err(|_| self.damaged(format!("`{path}` in table mark")).into());
        paths.into_iter().map(parse).collect()
    }

    fn deleted_dependencies(&self) -> Result<Vec<(EntityId, EntityId)>, ReadError> {
        let rows = self.rows("SELECT a, b FROM mark WHERE kind = ?1", [MARK_LOST], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let mut pairs = rows
            .into_iter()
            .map(|(user, used)| Ok((self.entity_global(user)?, self.entity_global(used)?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        pairs.sort_unstable();
        Ok(pairs)
    }

    fn dependents(&self, entity: &EntityId) -> Result<Vec<EntityId>, ReadError> {
        let Some(local) = self.entity_local(entity)? else { return Ok(Vec::new()) };
        Ok(self.entity_ids_of("SELECT source FROM dep WHERE target = ?1", [local])?)
    }

    fn definition_head(&self, content: &DefHash) -> Result<Option<(Kind, Vec<EntityId>)>, ReadError> {
        let Some(local) = self.content_local(content)? else { return Ok(None) };
        Ok(Some(self.uses_local(local)?))
    }

    fn view_fingerprint(&self) -> Result<Fingerprint, ReadError> {
        let fingerprint = self.row("SELECT view_count, view_sum FROM meta", [], |row| {
            Ok(Fingerprint { count: row.get::<_, i64>(0)?.cast_unsigned(), sum: row.get(1)? })
        })?;
        Ok(fingerprint.ok_or_else(|| self.damaged("table meta is empty"))?)
    }

    fn any_pending(&self) -> Result<bool, ReadError> {
        Ok(self.row("SELECT 1 FROM need LIMIT 1", [], |_| Ok(()))?.is_some())
    }

    fn effective_entity_ops(&self, entity: &EntityId) -> Result<Vec<(OpId, Arc<Op>)>, ReadError> {
        let Some(local) = self.entity_local(entity)? else { return Ok(Vec::new()) };
        let sql = "SELECT o.hash, o.bytes FROM op_e e JOIN op o ON o.id = e.op WHERE e.entity = ?1 AND o.effective = 1";
        Ok(self.ops_of(sql, local)?)
    }

    fn blocked(&self) -> Result<Vec<RevisionId>, ReadError> {
        Ok(self.envelope_ids_of("SELECT a FROM mark WHERE kind = ?1", [MARK_BLOCKED])?)
    }

    fn any_private(&self) -> Result<bool, ReadError> {
        let sql = "SELECT 1 FROM space WHERE space <> zeroblob(16) LIMIT 1";
        Ok(self.row(sql, [], |_| Ok(()))?.is_some())
    }

    fn space(&self, envelope: &EnvelopeId) -> Result<Option<Space>, ReadError> {
        let Some(local) = self.log_local(envelope)? else { return Ok(None) };
        let known =
            self.row("SELECT space FROM env WHERE id = ?1", [local], |row| row.get(0).map(Space::from_bytes))?;
        match known {
            Some(space) => Ok(Some(space)),
            // In the log and not yet judged: only while a rebuild is under way.
            None => Ok(Some(self.envelope_local(local)?.header().space)),
        }
    }

    fn own_channels(&self) -> Result<Vec<Channel>, ReadError> {
        let sql = "SELECT hash, space FROM channel WHERE hash = ?1";
        Ok(self.channels_of(sql, [self.own_channel().as_bytes()])?)
    }

    fn own_membership(&self, patch: &PatchId) -> Result<Membership, ReadError> {
        let sql = "SELECT m.state, m.revisions FROM channel c JOIN member m ON m.channel = c.id AND m.patch = ?2
                   WHERE c.hash = ?1 ORDER BY c.space";
        let rows = self.rows(sql, (self.own_channel().as_bytes(), patch.as_bytes()), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let first = |wanted| rows.iter().find(|(state, _)| *state == wanted);
        match first(IN).or_else(|| first(DISPUTED)).or_else(|| rows.first()) {
            None => Ok(Membership::Out { touched: false }),
            Some((state, revisions)) => Ok(self.membership_of(patch, *state, revisions)?),
        }
    }

    fn disputed(&self) -> Result<Vec<DisputedPatch>, ReadError> {
        let sql = "SELECT c.space, m.patch, m.revisions FROM mark k CROSS JOIN channel c
                   CROSS JOIN member m ON m.channel = c.id AND m.patch = k.a
                   WHERE k.kind = ?1 AND c.hash = ?2 AND m.state = ?3 ORDER BY c.space, m.patch";
        let rows = self.rows(sql, (MARK_DISPUTED, self.own_channel().as_bytes(), DISPUTED), |row| {
            Ok((Space::from_bytes(row.get(0)?), PatchId::from_bytes(row.get(1)?), row.get::<_, Vec<u8>>(2)?))
        })?;
        let values = |(space, patch, bytes): (Space, PatchId, Vec<u8>)| {
            let values = decode_values(&bytes).map_err(|_| self.damaged(format!("membership of patch {patch}")))?;
            Ok((space, patch, values))
        };
        rows.into_iter().map(values).collect()
    }

    fn unseen(&self) -> Result<Vec<UnseenPatch>, ReadError> {
        let sql = "SELECT c.space, m.patch, m.revisions FROM unseen u CROSS JOIN channel c ON c.id = u.channel
                   CROSS JOIN member m ON m.channel = u.channel AND m.patch = u.patch";
        let rows = self.rows(sql, [], |row| {
            let patch = PatchId::from_bytes(row.get(1)?);
            Ok((patch, Space::from_bytes(row.get(0)?), row.get(2).map(RevisionId::from_bytes)?))
        })?;
        let mut unseen: BTreeMap<(PatchId, Space), BTreeSet<RevisionId>> = BTreeMap::new();
        for (patch, space, revision) in rows {
            unseen.entry((patch, space)).or_default().insert(revision);
        }
        let revisions = |of: BTreeSet<RevisionId>| of.into_iter().collect();
        Ok(unseen.into_iter().map(|((patch, space), of)| (space, patch, revisions(of))).collect())
    }
}

/// A write transaction reads as the read transaction inside it does.
macro_rules! read_through {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $answer:ty;)*) => {
        impl ProjectionRead for WriteTx<'_> {
            $(fn $name(&self $(, $argument: $type)*) -> $answer {
                ProjectionRead::$name(&**self $(, $argument)*)
            })*
        }
    };
}

read_through! {
    fn own_channel(&self) -> InstanceId;
    fn presence(&self, envelope: &EnvelopeId) -> Result<Presence, ReadError>;
    fn envelope(&self, envelope: &EnvelopeId) -> Result<Option<Arc<Envelope>>, ReadError>;
    fn content_present(&self, content: &DefHash) -> Result<bool, ReadError>;
    fn waiting_on(&self, need: &Need) -> Result<Vec<EnvelopeId>, ReadError>;
    fn op(&self, op: &OpId) -> Result<Option<Arc<Op>>, ReadError>;
    fn carriers(&self, op: &OpId) -> Result<Vec<RevisionId>, ReadError>;
    fn needing(&self, op: &OpId) -> Result<Vec<RevisionId>, ReadError>;
    fn entity_ops(&self, entity: &EntityId) -> Result<Vec<(OpId, Arc<Op>)>, ReadError>;
    fn op_effective(&self, op: &OpId) -> Result<bool, ReadError>;
    fn effect(&self, revision: &RevisionId) -> Result<Effect, ReadError>;
    fn membership(&self, channel: &Channel, patch: &PatchId) -> Result<Membership, ReadError>;
    fn leaves(&self, channel: &Channel) -> Result<Vec<EnvelopeId>, ReadError>;
    fn facts(&self, channel: &Channel) -> Result<Vec<Arc<Envelope>>, ReadError>;
    fn channels(&self) -> Result<Vec<Channel>, ReadError>;
    fn members(&self, channel: &Channel) -> Result<Vec<(PatchId, Membership)>, ReadError>;
    fn revisions(&self, patch: &PatchId) -> Result<Vec<RevisionId>, ReadError>;
    fn patch_facts(&self, patch: &PatchId) -> Result<Vec<Arc<Envelope>>, ReadError>;
    fn key_facts(&self, author: &str) -> Result<Vec<Arc<Envelope>>, ReadError>;
    fn entity(&self, entity: &EntityId) -> Result<Option<EntityState>, ReadError>;
    fn is_deleted(&self, entity: &EntityId) -> Result<bool, ReadError>;
    fn entities_at(&self, location: &Location) -> Result<Vec<EntityId>, ReadError>;
    fn flagged(&self) -> Result<Vec<EntityId>, ReadError>;
    fn collisions(&self) -> Result<Vec<Location>, ReadError>;
    fn deleted_dependencies(&self) -> Result<Vec<(EntityId, EntityId)>, ReadError>;
    fn dependents(&self, entity: &EntityId) -> Result<Vec<EntityId>, ReadError>;
    fn definition_head(&self, content: &DefHash) -> Result<Option<(Kind, Vec<EntityId>)>, ReadError>;
    fn view_fingerprint(&self) -> Result<Fingerprint, ReadError>;
    fn any_pending(&self) -> Result<bool, ReadError>;
    fn effective_entity_ops(&self, entity: &EntityId) -> Result<Vec<(OpId, Arc<Op>)>, ReadError>;
    fn blocked(&self) -> Result<Vec<RevisionId>, ReadError>;
    fn any_private(&self) -> Result<bool, ReadError>;
    fn space(&self, envelope: &EnvelopeId) -> Result<Option<Space>, ReadError>;
    fn own_channels(&self) -> Result<Vec<Channel>, ReadError>;
    fn own_membership(&self, patch: &PatchId) -> Result<Membership, ReadError>;
    fn disputed(&self) -> Result<Vec<DisputedPatch>, ReadError>;
    fn unseen(&self) -> Result<Vec<UnseenPatch>, ReadError>;
}
