//! Writing a fold's delta: the exact projections, in the log's own transaction.
//!
//! Each table is written in its own order, side tables sorted first, so that many rows cost little each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use dm_collab::{Channel, Effect, EntityState, Membership, ProjectionDelta, ProjectionRead as _};
use dm_model::{Body, EntityId, Envelope, EnvelopeId, Op, OpId, PatchId, Revision};

use crate::error::StoreError;
use crate::ids::Fresh;
use crate::read::{
    BLOCKED, DISPUTED, EFFECTIVE, IN, MARK_BLOCKED, MARK_COLLISION, MARK_DISPUTED, MARK_FLAGGED, MARK_LOST,
    NEEDS_NEWER, NOT_APPLIED, OUT, encode_values, join_ids, need_key,
};
use crate::state::{Plain, encode_state, is_flagged, visibility_of};
use crate::tx::WriteTx;

/// Ops of an envelope of at most so many bytes are read from it: unpacking it costs no more than a row does, and most patches
/// are so small.
const SMALL_ENVELOPE_BYTES: usize = 1024;

/// Where the bytes of an op lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OpBytes {
    /// In its row.
    InRow,
    /// In the envelope only; the row has none.
    InLog,
}

/// Rows of the op tables, gathered before they are written.
#[derive(Default)]
struct OpRows {
    prefixes: Vec<[i64; 2]>,
    entities: Vec<[i64; 2]>,
    carriers: Vec<[i64; 3]>,
    needs: Vec<[i64; 2]>,
}

/// What changed of an entity that other rows follow from.
struct Moved {
    local: i64,
    lived: bool,
    lives: bool,
    exists: bool,
    uses: Vec<i64>,
}

impl WriteTx<'_> {
    /// Writes all that follows from a fold. `judged`: the envelopes that the delta counts, needs first, then those that wait.
    pub(crate) fn write_delta(
        &mut self,
        judged: &[(i64, Arc<Envelope>)],
        delta: &ProjectionDelta,
    ) -> Result<(), StoreError> {
        let (counted, pending) = judged.split_at(delta.counted.len().min(judged.len()));
        self.write_counted(counted)?;
        self.write_pending(pending, delta)?;
        self.write_ops(counted, delta)?;
        self.write_channels(delta)?;
        self.write_unseen(delta)?;
        self.write_effects(delta)?;
        self.write_entities(&delta.entities)?;
        self.run(
            "UPDATE meta SET view_count = ?1, view_sum = ?2",
            (delta.view_fingerprint.count.cast_signed(), delta.view_fingerprint.sum),
        )?;
        Ok(())
    }

    fn write_counted(&mut self, counted: &[(i64, Arc<Envelope>)]) -> Result<(), StoreError> {
        if counted.is_empty() {
            return Ok(());
        }
        let mut place: i64 = self.row("SELECT counted FROM meta", [], |row| row.get(0))?.unwrap_or(0);
        for (local, envelope) in counted {
            place += 1;
            self.drop_needs(*local)?;
            self.put_env_row(*local, envelope, place)?;
            self.write_patch_facts(*local, envelope)?;
        }
        self.run("UPDATE meta SET counted = ?1", [place])?;
        Ok(())
    }

    /// Which patch's lists an envelope stands in, and which channel's facts.
    fn write_patch_facts(&mut self, local: i64, envelope: &Envelope) -> Result<(), StoreError> {
        let mut patches = BTreeSet::new();
        let space = envelope.header().space;
        match envelope.body() {
            Body::Revision(revision) => {
                patches.insert(revision.patch);
            }
            Body::Withdraw(withdraw) => {
                patches.insert(withdraw.patch);
                patches.extend(self.patch_of(&withdraw.revision)?);
            }
            Body::Verdict(verdict) => patches.extend(self.patch_of(&verdict.revision)?),
            Body::Apply(apply) => self.write_fact(&Channel { main: apply.channel, space }, local)?,
            Body::Unapply(unapply) => self.write_fact(&Channel { main: unapply.channel, space }, local)?,
            Body::TakeOver(takes) => self.write_fact(&Channel { main: takes.channel, space }, local)?,
            Body::KeyChange(change) => self.write_key_fact(&change.author, local)?,
            Body::Vouch(vouch) => self.write_key_fact(&vouch.author, local)?,
            Body::Unknown { .. } => {}
        }
        for patch in patches {
            let kind = envelope.body().kind().cast_signed();
            self.run(
                "INSERT OR IGNORE INTO patch_env (patch, kind, env) VALUES (?1, ?2, ?3)",
                (patch.spelled(), kind, local),
            )?;
        }
        Ok(())
    }

    fn patch_of(&self, revision: &EnvelopeId) -> Result<Option<PatchId>, StoreError> {
        let Some(local) = self.log_local(revision)? else { return Ok(None) };
        let sql = "SELECT patch FROM env WHERE id = ?1 AND patch IS NOT NULL";
        self.row(sql, [local], |row| row.get(0).map(PatchId::from_bytes))
    }

    fn write_fact(&mut self, channel: &Channel, local: i64) -> Result<(), StoreError> {
        let channel = self.channel_interned(channel)?;
        self.insert_integers("fact", &[[channel, local]])
    }

    fn write_key_fact(&self, author: &str, local: i64) -> Result<(), StoreError> {
        self.run("INSERT OR IGNORE INTO key_fact (author, env) VALUES (?1, ?2)", (author, local)).map(|_| ())
    }

    fn channel_interned(&self, channel: &Channel) -> Result<i64, StoreError> {
        if let Some(local) = self.channel_local(channel)? {
            return Ok(local);
        }
        let sql = "INSERT INTO channel (hash, space, leaves) VALUES (?1, ?2, x'')";
        self.run(sql, (channel.main.as_bytes(), channel.space.as_bytes()))?;
        Ok(self.store.connection.last_insert_rowid())
    }

    fn write_pending(&mut self, pending: &[(i64, Arc<Envelope>)], delta: &ProjectionDelta) -> Result<(), StoreError> {
        for (local, envelope) in pending {
            self.drop_needs(*local)?;
            self.put_env_row(*local, envelope, 0)?;
            let needs: Vec<Vec<u8>> = delta.pending.get(&envelope.id()).into_iter().flatten().map(need_key).collect();
            self.run("UPDATE env SET missing = ?2 WHERE id = ?1", (local, needs.concat()))?;
            for need in &needs {
                self.run("INSERT INTO need (need, env) VALUES (?1, ?2)", (need, local))?;
            }
        }
        Ok(())
    }

    /// Forgets what an envelope waited for.
    fn drop_needs(&self, local: i64) -> Result<(), StoreError> {
        let missing = self.row("SELECT missing FROM env WHERE id = ?1 AND counted = 0", [local], |row| {
            row.get::<_, Option<Vec<u8>>>(0)
        })?;
        let Some(missing) = missing.flatten() else { return Ok(()) };
        for need in missing.chunks(1 + dm_model::OpId::LEN) {
            self.run("DELETE FROM need WHERE need = ?1 AND env = ?2", (need, local))?;
        }
        self.run("UPDATE env SET missing = NULL WHERE id = ?1", [local])?;
        Ok(())
    }

    fn write_ops(&mut self, counted: &[(i64, Arc<Envelope>)], delta: &ProjectionDelta) -> Result<(), StoreError> {
        let mut rows = OpRows::default();
        let mut fresh = FxHashMap::default();
        for (local, envelope) in counted {
            if let Body::Revision(revision) = envelope.body() {
                let place =
                    if envelope.bytes().len() <= SMALL_ENVELOPE_BYTES { OpBytes::InLog } else { OpBytes::InRow };
                self.write_revision_ops(*local, (revision, place), delta, &mut rows, &mut fresh)?;
            }
        }
        for (op, effective) in &delta.op_effective {
            if !fresh.contains_key(op) {
                let local = self.op_local(op)?.ok_or_else(|| self.no_such("op", op))?;
                self.run("UPDATE op SET effective = ?2 WHERE id = ?1", (local, effective))?;
            }
        }
        self.insert_prefixes("op_h", rows.prefixes.into_iter())?;
        rows.entities.sort_unstable();
        self.insert_integers("op_e", &rows.entities)?;
        rows.carriers.sort_unstable();
        self.insert_integers("op_rev", &rows.carriers)?;
        rows.needs.sort_unstable();
        self.insert_integers("rev_need", &rows.needs)
    }

    fn write_revision_ops(
        &mut self,
        env: i64,
        (revision, place): (&Revision, OpBytes),
        delta: &ProjectionDelta,
        rows: &mut OpRows,
        fresh: &mut FxHashMap<OpId, i64>,
    ) -> Result<(), StoreError> {
        let mut needs = BTreeSet::new();
        let mut own = BTreeSet::new();
        for (position, op) in revision.ops.iter().enumerate() {
            let bytes = op.encode();
            let id = Op::id_of(&bytes);
            needs.extend(op.needs());
            own.insert(id);
            let local = match self.op_local(&id)? {
                Some(local) => local,
                None => {
                    let local = self.fresh(Fresh::Op)?;
                    let effective = delta.op_effective.get(&id).copied().unwrap_or(false);
                    let bytes = if place == OpBytes::InLog { Vec::new() } else { bytes };
                    self.run(
                        "INSERT INTO op (id, hash, kind, effective, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
                        (local, id.as_bytes(), op.action.kind().cast_signed(), effective, bytes),
                    )?;
                    self.caches.borrow_mut().ops.put(id, local);
                    fresh.insert(id, local);
                    rows.prefixes.push([id.prefix64(), local]);
                    rows.entities.push([self.entity_interned(&op.entity)?, local]);
                    local
                }
            };
            rows.carriers.push([local, env, i64::try_from(position).unwrap_or(i64::MAX)]);
        }
        for need in needs.difference(&own) {
            // A counting revision's needs are carried by counting revisions, so their rows are there.
            let local = self.op_local(need)?.ok_or_else(|| self.no_such("op", need))?;
            rows.needs.push([local, env]);
        }
        Ok(())
    }

    fn write_channels(&mut self, delta: &ProjectionDelta) -> Result<(), StoreError> {
        for (channel, leaves) in &delta.leaves {
            let local = self.channel_interned(channel)?;
            let leaves = join_ids(leaves.iter().map(EnvelopeId::as_bytes));
            self.run("UPDATE channel SET leaves = ?2 WHERE id = ?1", (local, leaves))?;
        }
        for ((channel, patch), membership) in &delta.membership {
            let local = self.channel_interned(channel)?;
            let (state, revisions) = match membership {
                Membership::Out { touched: true } => (OUT, Vec::new()),
                Membership::In(revision) => (IN, revision.as_bytes().to_vec()),
                Membership::Disputed(values) => (DISPUTED, encode_values(values)),
                Membership::Out { touched: false } => {
                    let sql = "DELETE FROM member WHERE channel = ?1 AND patch = ?2";
                    self.run(sql, (local, patch.as_bytes()))?;
                    continue;
                }
            };
            self.run(
                "INSERT OR REPLACE INTO member (channel, patch, state, revisions) VALUES (?1, ?2, ?3, ?4)",
                (local, patch.as_bytes(), state, revisions),
            )?;
        }
        self.mark_disputed(delta)
    }

    /// Marks the patches that the facts of the own main disagree about: every status asks for them, and they are few where
    /// members are many.
    fn mark_disputed(&self, delta: &ProjectionDelta) -> Result<(), StoreError> {
        let own = self.own_channel();
        let any = self.row("SELECT 1 FROM mark WHERE kind = ?1 LIMIT 1", [MARK_DISPUTED], |_| Ok(()))?.is_some();
        for ((_, patch), membership) in delta.membership.iter().filter(|((channel, _), _)| channel.main == own) {
            // Where there is no mark, none need be taken away.
            if !any && !matches!(membership, Membership::Disputed(_)) {
                continue;
            }
            let patch = patch.as_bytes().as_slice();
            let sql = "SELECT 1 FROM channel c CROSS JOIN member m ON m.channel = c.id AND m.patch = ?1
                       WHERE c.hash = ?2 AND m.state = ?3 LIMIT 1";
            let disputed = self.row(sql, (patch, own.as_bytes(), DISPUTED), |_| Ok(()))?.is_some();
            self.set_mark(MARK_DISPUTED, patch, disputed)?;
        }
        Ok(())
    }

    /// Keeps the list of what other mains have in and the own one never touched.
    fn write_unseen(&self, delta: &ProjectionDelta) -> Result<(), StoreError> {
        let own = self.own_channel();
        for (channel, patch) in delta.membership.keys().filter(|(channel, _)| channel.main == own) {
            let sql = "DELETE FROM unseen WHERE patch = ?1 AND channel IN (SELECT id FROM channel WHERE space = ?2)";
            self.run(sql, (patch.as_bytes(), channel.space.as_bytes()))?;
        }
        for ((channel, patch), membership) in delta.membership.iter().filter(|((channel, _), _)| channel.main != own) {
            let local = self.channel_interned(channel)?;
            let own_local = self.channel_local(&Channel { main: own, space: channel.space })?.unwrap_or(0);
            let sql = "SELECT 1 FROM member WHERE channel = ?1 AND patch = ?2";
            let known = self.row(sql, (own_local, patch.as_bytes()), |_| Ok(()))?.is_some();
            let sql = if !known && matches!(membership, Membership::In(_)) {
                "INSERT OR IGNORE INTO unseen (patch, channel) VALUES (?1, ?2)"
            } else {
                "DELETE FROM unseen WHERE patch = ?1 AND channel = ?2"
            };
            self.run(sql, (patch.as_bytes(), local))?;
        }
        Ok(())
    }

    fn write_effects(&mut self, delta: &ProjectionDelta) -> Result<(), StoreError> {
        for (revision, effect) in &delta.effects {
            let local = self.log_local(revision)?.ok_or_else(|| self.no_such("revision", revision))?;
            let (number, missing) = match effect {
                Effect::NotApplied => (NOT_APPLIED, None),
                Effect::Effective => (EFFECTIVE, None),
                Effect::Blocked(ops) => (BLOCKED, Some(join_ids(ops.iter().map(OpId::as_bytes)))),
                Effect::NeedsNewer => (NEEDS_NEWER, None),
            };
            self.run("UPDATE env SET effect = ?2, missing = ?3 WHERE id = ?1", (local, number, missing))?;
            let blocked = matches!(effect, Effect::Blocked(_) | Effect::NeedsNewer);
            self.set_mark(MARK_BLOCKED, local, blocked)?;
        }
        Ok(())
    }

    fn set_mark(&self, kind: i64, a: impl rusqlite::ToSql, on: bool) -> Result<(), StoreError> {
        if on {
            self.run("INSERT OR IGNORE INTO mark (kind, a, b) VALUES (?1, ?2, 0)", (kind, a))?;
        } else {
            self.run("DELETE FROM mark WHERE kind = ?1 AND a = ?2", (kind, a))?;
        }
        Ok(())
    }

    fn write_entities(&mut self, entities: &BTreeMap<EntityId, EntityState>) -> Result<(), StoreError> {
        let mut ordered = Vec::with_capacity(entities.len());
        for (id, state) in entities {
            ordered.push((self.entity_interned(id)?, id, state));
        }
        ordered.sort_unstable_by_key(|(local, ..)| *local);
        let mut names = NameRows::default();
        let mut moved = Vec::with_capacity(ordered.len());
        let mut prefixes = Vec::new();
        for (local, id, state) in ordered {
            let born = self.unborn.remove(&local).is_some();
            moved.push(self.write_entity(local, id, state, born, &mut names)?);
            if born {
                prefixes.push([id.prefix64(), local]);
            }
        }
        self.insert_prefixes("entity_h", prefixes.into_iter())?;
        self.write_names(names)?;
        let due = moved.iter().filter(|entity| entity.lived || entity.lives).map(|entity| [entity.local]);
        self.mark_search_due(&due.collect::<Vec<_>>())?;
        self.write_lost(&moved)
    }

    fn write_entity(
        &mut self,
        local: i64,
        id: &EntityId,
        state: &EntityState,
        born: bool,
        names: &mut NameRows,
    ) -> Result<Moved, StoreError> {
        let before = if born { None } else { self.entity_state_local(local)? };
        let was_live = before.as_ref().is_some_and(EntityState::is_live);
        let old_content = before.as_ref().filter(|state| state.is_live()).and_then(EntityState::content);
        let new_content = state.content().filter(|_| state.is_live());
        let old_uses = self.uses_of(old_content)?;
        let new_uses = if old_content == new_content { old_uses.clone() } else { self.uses_of(new_content)? };
        self.put_entity_row(local, id, state, born)?;
        if !born {
            self.lose_link(local, before.as_ref(), state)?;
        }

        let old_live = before.as_ref().map_or(&[][..], |state| &state.live);
        for location in old_live.iter().filter(|location| !state.live.contains(location)) {
            names.gone.push((location.as_str().to_owned(), local));
        }
        for location in state.live.iter().filter(|location| !old_live.contains(location)) {
            names.new.push((location.as_str().to_owned(), local));
        }
        names.deps_gone.extend(old_uses.difference(&new_uses).map(|target| [*target, local]));
        names.deps_new.extend(new_uses.difference(&old_uses).map(|target| [*target, local]));
        if before.as_ref().is_some_and(is_flagged) != is_flagged(state) {
            self.set_mark(MARK_FLAGGED, local, is_flagged(state))?;
        }
        Ok(Moved {
            local,
            lived: was_live,
            lives: state.is_live(),
            exists: !state.registers.is_empty(),
            uses: new_uses.into_iter().collect(),
        })
    }

    fn uses_of(&mut self, content: Option<dm_model::DefHash>) -> Result<BTreeSet<i64>, StoreError> {
        let Some(content) = content else { return Ok(BTreeSet::new()) };
        let Some(local) = self.content_local(&content)? else { return Ok(BTreeSet::new()) };
        self.uses_ids(local)
    }

    fn put_entity_row(&self, local: i64, id: &EntityId, state: &EntityState, born: bool) -> Result<(), StoreError> {
        self.caches.borrow_mut().states.remove(&local);
        let sql = if born {
            "INSERT INTO entity (id, hash, content, content_op, path, location_op, visibility, visibility_op, more)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        } else {
            "UPDATE entity SET hash = ?2, content = ?3, content_op = ?4, path = ?5, location_op = ?6, visibility = ?7,
             visibility_op = ?8, more = ?9 WHERE id = ?1"
        };
        let content = match state.content() {
            Some(content) => self.content_local(&content)?,
            None => None,
        };
        let id = id.as_bytes();
        let path = state.live.first().map(dm_model::Location::as_str);
        let visibility = visibility_of(state).map(dm_model::Visibility::tag);
        let none = rusqlite::types::Null;
        match Plain::of(state) {
            Some(plain) => {
                let content_op = self.op_known(&plain.content.0)?;
                let location_op = self.op_known(&plain.location.0)?;
                let visibility_op = self.op_known(&plain.visibility.0)?;
                self.run(sql, (local, id, content, content_op, path, location_op, visibility, visibility_op, none))?;
            }
            None if state.registers.is_empty() => {
                self.run(sql, (local, id, none, none, none, none, none, none, none))?;
            }
            None => {
                self.run(sql, (local, id, content, none, path, none, visibility, none, encode_state(state)))?;
            }
        }
        Ok(())
    }

    fn op_known(&self, op: &OpId) -> Result<i64, StoreError> {
        self.op_local(op)?.ok_or_else(|| self.no_such("op", op))
    }

    fn write_names(&mut self, mut names: NameRows) -> Result<(), StoreError> {
        let mut touched = BTreeSet::new();
        names.new.sort_unstable();
        let mut more = i64::try_from(names.new.len()).unwrap_or(i64::MAX);
        for (path, entity) in &names.gone {
            let gone = self.run("DELETE FROM name WHERE path = ?1 AND entity = ?2", (path, entity))?;
            more -= i64::try_from(gone).unwrap_or(0);
            touched.insert(path.as_str());
        }
        let empty =
            self.row("SELECT NOT EXISTS (SELECT 1 FROM name)", [], |row| row.get::<_, bool>(0))?.unwrap_or(false);
        for (path, entity) in &names.new {
            self.run("INSERT INTO name (path, entity) VALUES (?1, ?2)", (path, entity))?;
            if !empty {
                touched.insert(path.as_str());
            }
        }
        if empty {
            // Only the new names among themselves can collide.
            let pairs = names.new.iter().zip(names.new.iter().skip(1));
            touched.extend(pairs.filter(|(left, right)| left.0 == right.0).map(|(left, _)| left.0.as_str()));
        }
        if more != 0 {
            self.run("UPDATE meta SET names = names + ?1", [more])?;
        }
        for path in touched {
            let sql = "SELECT count(*) FROM (SELECT 1 FROM name WHERE path = ?1 LIMIT 2)";
            let live: i64 = self.row(sql, [path], |row| row.get(0))?.unwrap_or(0);
            self.set_mark(MARK_COLLISION, path, live > 1)?;
        }
        for [target, source] in &names.deps_gone {
            self.run("DELETE FROM dep WHERE target = ?1 AND source = ?2", (target, source))?;
        }
        names.deps_new.sort_unstable();
        self.insert_integers("dep", &names.deps_new)
    }

    /// Keeps the pairs of a live user and a used entity that exists and is not live.
    fn write_lost(&mut self, moved: &[Moved]) -> Result<(), StoreError> {
        let any_lost = self.row("SELECT 1 FROM mark WHERE kind = ?1 LIMIT 1", [MARK_LOST], |_| Ok(()))?.is_some();
        let changed: FxHashMap<i64, bool> = moved.iter().map(|m| (m.local, m.exists && !m.lives)).collect();
        let mut gone: FxHashMap<i64, bool> = FxHashMap::default();
        for entity in moved {
            if entity.lived && any_lost {
                self.run("DELETE FROM mark WHERE kind = ?1 AND a = ?2", (MARK_LOST, entity.local))?;
            }
            if entity.lives {
                for used in &entity.uses {
                    let is_gone = match changed.get(used).or_else(|| gone.get(used)) {
                        Some(is_gone) => *is_gone,
                        None => *gone.entry(*used).or_insert(self.is_gone(*used)?),
                    };
                    if is_gone {
                        self.insert_lost(entity.local, *used)?;
                    }
                }
            }
        }
        for entity in moved {
            // Deps are written, so these are all live users, those of this very delta too.
            if entity.exists && !entity.lives {
                for user in self.rows("SELECT source FROM dep WHERE target = ?1", [entity.local], |row| row.get(0))? {
                    self.insert_lost(user, entity.local)?;
                }
            } else if !entity.lived && any_lost {
                self.run("DELETE FROM mark WHERE kind = ?1 AND b = ?2", (MARK_LOST, entity.local))?;
            }
        }
        Ok(())
    }

    fn insert_lost(&self, user: i64, used: i64) -> Result<(), StoreError> {
        self.run("INSERT OR IGNORE INTO mark (kind, a, b) VALUES (?1, ?2, ?3)", (MARK_LOST, user, used))?;
        Ok(())
    }

    /// Whether an entity exists in the own main and no name leads to it.
    fn is_gone(&self, local: i64) -> Result<bool, StoreError> {
        let sql = "SELECT path IS NULL AND (location_op IS NOT NULL OR more IS NOT NULL) FROM entity WHERE id = ?1";
        Ok(self.row(sql, [local], |row| row.get(0))?.unwrap_or(false))
    }
}

/// Rows of the name and dependency tables, gathered before they are written.
#[derive(Default)]
struct NameRows {
    gone: Vec<(String, i64)>,
    new: Vec<(String, i64)>,
    deps_gone: Vec<[i64; 2]>,
    deps_new: Vec<[i64; 2]>,
}
