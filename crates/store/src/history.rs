//! The log as people and peers read it: envelopes, patches, revisions, the ops of an entity, what waits for what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::{Effect, Need, Presence, ProjectionRead as _};
use dm_model::{
    AuthorKey, Body, DefHash, EntityId, Envelope, EnvelopeId, Op, OpId, PatchId, RevisionId, Space, Timestamp,
};

use crate::error::StoreError;
use crate::read::{need_of_key, split_ids};
use crate::tx::ReadTx;

/// An envelope of the log.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// The envelope.
    pub envelope: Arc<Envelope>,
    /// Whether it counts or waits.
    pub presence: Presence,
}

/// What lists of patches show of a revision, without decoding its ops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionSummary {
    /// The revision.
    pub id: RevisionId,
    /// The patch.
    pub patch: PatchId,
    /// Whose work it says it is.
    pub author: String,
    /// The key that vouches for it.
    pub author_key: AuthorKey,
    /// Who may read it.
    pub space: Space,
    /// Why it was made.
    pub intent: String,
    /// When the patch was begun.
    pub created_at: Timestamp,
    /// When the revision was sealed.
    pub authored_at: Timestamp,
    /// How many ops it has.
    pub ops: u64,
    /// The revisions that it replaces.
    pub replaces: Vec<RevisionId>,
    /// Whether it counts or waits.
    pub presence: Presence,
    /// What it does in the own main.
    pub effect: Effect,
}

/// A patch with its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchSummary {
    /// The patch.
    pub patch: PatchId,
    /// Its revisions that no other one of it replaces: one, unless concurrent ones dispute it.
    pub latest: Vec<RevisionSummary>,
    /// All its revisions, oldest first, waiting ones too.
    pub revisions: Vec<RevisionSummary>,
}

/// A revision that carries an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Carrier {
    /// When the revision was sealed.
    pub authored_at: Timestamp,
    /// The revision.
    pub revision: RevisionId,
    /// The op's place in it.
    pub position: u64,
}

/// An op of an entity, with where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The op's id.
    pub id: OpId,
    /// The op.
    pub op: Arc<Op>,
    /// Whether it takes effect in the own main.
    pub effective: bool,
    /// The revisions that carry it, earliest first.
    pub carriers: Vec<Carrier>,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Live names of the own main.
    pub names: u64,
    /// Definitions, all versions and drafts.
    pub definitions: u64,
    /// Envelopes.
    pub envelopes: u64,
    /// Envelopes that wait.
    pub pending: u64,
    /// Patches with a revision.
    pub patches: u64,
    /// Ops of counting revisions.
    pub ops: u64,
}

const SUMMARY: &str =
    "SELECT l.hash, v.patch, v.author, v.author_key, v.space, v.intent, v.created_at, v.authored_at, v.ops,
    v.named, v.counted, v.effect, v.missing FROM env v JOIN log l ON l.id = v.id";

/// A summary's columns that need decoding: replaced revisions, effect and what it misses.
type Undecoded = (RevisionSummary, Vec<u8>, i64, Option<Vec<u8>>);

fn summary_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Undecoded> {
    let counted: i64 = row.get(10)?;
    let summary = RevisionSummary {
        id: RevisionId::from_bytes(row.get(0)?),
        patch: PatchId::from_bytes(row.get(1)?),
        author: row.get(2)?,
        author_key: AuthorKey::from_bytes(row.get(3)?),
        space: Space::from_bytes(row.get(4)?),
        intent: row.get(5)?,
        created_at: Timestamp::from_ms(row.get(6)?),
        authored_at: Timestamp::from_ms(row.get(7)?),
        ops: row.get::<_, i64>(8)?.cast_unsigned(),
        replaces: Vec::new(),
        presence: if counted > 0 { Presence::Counted } else { Presence::Pending },
        effect: Effect::NotApplied,
    };
    Ok((summary, row.get(9)?, row.get(11)?, row.get(12)?))
}

fn patch_of(mut revisions: Vec<RevisionSummary>) -> Option<PatchSummary> {
    revisions.sort_unstable_by_key(|revision| (revision.authored_at, revision.id));
    let patch = revisions.first()?.patch;
    let replaced: BTreeSet<RevisionId> = revisions.iter().flat_map(|revision| revision.replaces.clone()).collect();
    let latest = revisions.iter().filter(|revision| !replaced.contains(&revision.id)).cloned().collect();
    Some(PatchSummary { patch, latest, revisions })
}

impl ReadTx<'_> {
    fn summary_of(&self, (mut summary, named, effect, missing): Undecoded) -> Result<RevisionSummary, StoreError> {
        let wrong = || self.damaged(format!("row of revision {}", summary.id));
        summary.replaces = split_ids(&named, RevisionId::from_bytes).ok_or_else(wrong)?;
        if summary.presence == Presence::Counted {
            summary.effect = self.effect_from(&summary.id, effect, missing.as_deref())?;
        }
        Ok(summary)
    }

    fn summaries_of(&self, clauses: &str, params: impl rusqlite::Params) -> Result<Vec<RevisionSummary>, StoreError> {
        let rows = self.rows(&format!("{SUMMARY} {clauses}"), params, summary_row)?;
        rows.into_iter().map(|row| self.summary_of(row)).collect()
    }

    /// The patches that have a counting revision, ascending.
    ///
    /// # Errors
    /// The disk.
    pub fn patch_ids(&self) -> Result<Vec<PatchId>, StoreError> {
        let sql = "SELECT DISTINCT patch FROM patch_env WHERE kind = 1";
        let mut ids = self.rows(sql, [], |row| row.get(0).map(PatchId::from_spelled))?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// The patches with a counting revision that are next to this one in the order of their spelling: with no other one does it
    /// share a longer beginning.
    ///
    /// # Errors
    /// The disk.
    pub fn patches_beside(&self, patch: &PatchId) -> Result<Vec<PatchId>, StoreError> {
        let mut beside = Vec::new();
        for sql in [
            "SELECT patch FROM patch_env WHERE patch < ?1 AND kind = 1 ORDER BY patch DESC LIMIT 1",
            "SELECT patch FROM patch_env WHERE patch > ?1 AND kind = 1 ORDER BY patch LIMIT 1",
        ] {
            beside.extend(self.row(sql, [patch.spelled()], |row| row.get(0).map(PatchId::from_spelled))?);
        }
        Ok(beside)
    }

    /// The patches that have a revision which the own main has not in effect: open ones, older revisions. They are few, however
    /// many patches there are.
    ///
    /// # Errors
    /// The disk.
    pub fn patches_not_in_effect(&self) -> Result<BTreeSet<PatchId>, StoreError> {
        // As the index `env_open` says it.
        let sql = "SELECT patch FROM env WHERE kind = 1 AND effect <> 1";
        Ok(self.rows(sql, [], |row| row.get(0).map(PatchId::from_bytes))?.into_iter().collect())
    }

    /// Of these patches, those that the own main has in effect, with the revision: one look-up each.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn effective_members(&self, patches: &[PatchId]) -> Result<BTreeMap<PatchId, RevisionId>, StoreError> {
        let mut members = BTreeMap::new();
        let own = self.own_channel();
        let blocked = self.blocked()?;
        let sql = "SELECT m.revisions FROM channel c JOIN member m ON m.channel = c.id AND m.patch = ?2
                   WHERE c.hash = ?1 AND m.state = 1 ORDER BY c.space";
        for patch in patches {
            let params = (own.as_bytes(), patch.as_bytes());
            let revision = self.row(sql, params, |row| row.get(0).map(RevisionId::from_bytes))?;
            members.extend(revision.filter(|revision| !blocked.contains(revision)).map(|revision| (*patch, revision)));
        }
        Ok(members)
    }

    /// All patches that have a revision, oldest first.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn patches(&self) -> Result<Vec<PatchSummary>, StoreError> {
        let mut by_patch: BTreeMap<PatchId, Vec<RevisionSummary>> = BTreeMap::new();
        for summary in self.summaries_of("WHERE v.patch IS NOT NULL", [])? {
            by_patch.entry(summary.patch).or_default().push(summary);
        }
        let mut patches: Vec<PatchSummary> = by_patch.into_values().filter_map(patch_of).collect();
        patches.sort_by_key(|patch| (patch.revisions.first().map(|first| first.created_at), patch.patch));
        Ok(patches)
    }

    /// A patch, if it has a revision. One that waits for needs is found by [`ReadTx::patches`] only.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn patch(&self, patch: &PatchId) -> Result<Option<PatchSummary>, StoreError> {
        let clauses = "WHERE v.id IN (SELECT env FROM patch_env WHERE patch = ?1 AND kind = 1)";
        Ok(patch_of(self.summaries_of(clauses, [patch.spelled()])?))
    }

    /// What lists show of a revision, if it is held.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn revision_summary(&self, revision: &RevisionId) -> Result<Option<RevisionSummary>, StoreError> {
        let Some(local) = self.log_local(revision)? else { return Ok(None) };
        Ok(self.summaries_of("WHERE v.id = ?1 AND v.patch IS NOT NULL", [local])?.pop())
    }

    /// The ops of a held revision with their ids, in the order of writing; none if that envelope is no revision.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn revision_ops(&self, revision: &RevisionId) -> Result<Vec<(OpId, Op)>, StoreError> {
        match self.held_envelope(revision)?.as_deref().map(Envelope::body) {
            Some(Body::Revision(revision)) => Ok(revision.ops.iter().map(|op| (op.id(), op.clone())).collect()),
            _ => Ok(Vec::new()),
        }
    }

    /// The counting ops of an entity with the revisions that carry them, earliest first.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn history(&self, entity: &EntityId) -> Result<Vec<HistoryEntry>, StoreError> {
        let mut entries = Vec::new();
        for (id, op) in self.entity_ops(entity)? {
            let local = self.op_local(&id)?.ok_or_else(|| self.no_such("op", id))?;
            let effective = self.row("SELECT effective FROM op WHERE id = ?1", [local], |row| row.get(0))?;
            let sql = "SELECT v.authored_at, l.hash, r.position FROM op_rev r JOIN env v ON v.id = r.env
                JOIN log l ON l.id = r.env WHERE r.op = ?1";
            let mut carriers = self.rows(sql, [local], |row| {
                Ok(Carrier {
                    authored_at: Timestamp::from_ms(row.get(0)?),
                    revision: RevisionId::from_bytes(row.get(1)?),
                    position: row.get::<_, i64>(2)?.cast_unsigned(),
                })
            })?;
            carriers.sort_unstable();
            entries.push(HistoryEntry { id, op, effective: effective.unwrap_or(false), carriers });
        }
        entries.sort_by_key(|entry| (entry.carriers.first().copied(), entry.id));
        Ok(entries)
    }

    /// A page of the log, newest first: at most `limit` envelopes that come before `before` in this order.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn log(&self, before: Option<(Timestamp, EnvelopeId)>, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let sql = "SELECT v.id, v.counted FROM env v JOIN log l ON l.id = v.id
            WHERE v.authored_at <= ?1 AND (v.authored_at < ?1 OR l.hash < ?2)
            ORDER BY v.authored_at DESC, l.hash DESC LIMIT ?3";
        let (at, id) = before.map_or((i64::MAX, [0xff; 32]), |(at, id)| (at.as_ms(), *id.as_bytes()));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.rows(sql, (at, id, limit), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        let entry = |(local, counted): (i64, i64)| {
            let presence = if counted > 0 { Presence::Counted } else { Presence::Pending };
            Ok(LogEntry { envelope: self.envelope_local(local)?, presence })
        };
        rows.into_iter().map(entry).collect()
    }

    /// The ids of all envelopes held of a space, pending ones too, ascending.
    ///
    /// # Errors
    /// The disk.
    pub fn envelope_ids(&self, space: Space) -> Result<Vec<EnvelopeId>, StoreError> {
        self.envelope_ids_of("SELECT id FROM env WHERE space = ?1", [space.as_bytes()])
    }

    /// Held envelopes, each after all that it needs, pending ones last; those not held are left out.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn envelopes_in_order(&self, ids: &[EnvelopeId]) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let ordered = self.order_by_needs(ids)?;
        ordered.into_iter().map(|local| self.envelope_local(local)).collect()
    }

    /// These ids, each after all that it needs, pending ones last; those not held are left out.
    ///
    /// # Errors
    /// The disk.
    pub fn ids_in_order(&self, ids: &[EnvelopeId]) -> Result<Vec<EnvelopeId>, StoreError> {
        self.order_by_needs(ids)?.into_iter().map(|local| self.log_global(local)).collect()
    }

    /// An envelope counts after all it needs, so the order of counting is one that every subset can be sent in.
    fn order_by_needs(&self, ids: &[EnvelopeId]) -> Result<Vec<i64>, StoreError> {
        let mut placed = BTreeSet::new();
        for id in ids {
            let Some(local) = self.log_local(id)? else { continue };
            let counted = self.row("SELECT counted FROM env WHERE id = ?1", [local], |row| row.get::<_, i64>(0))?;
            placed.insert((counted.filter(|place| *place > 0).unwrap_or(i64::MAX), local));
        }
        Ok(placed.into_iter().map(|(_, local)| local).collect())
    }

    /// The envelopes that wait, ascending, with all that each misses.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn pending(&self) -> Result<BTreeMap<EnvelopeId, Vec<Need>>, StoreError> {
        let rows = self.rows("SELECT env, need FROM need ORDER BY need", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let mut pending: BTreeMap<EnvelopeId, Vec<Need>> = BTreeMap::new();
        for (local, key) in rows {
            let need = need_of_key(&key).ok_or_else(|| self.damaged(format!("a need of log row {local}")))?;
            pending.entry(self.log_global(local)?).or_default().push(need);
        }
        Ok(pending)
    }

    /// Envelopes of these spaces in the order in which they came here, with their places in it: at most `limit` behind `place`.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn envelopes_after(
        &self,
        place: i64,
        spaces: &[Space],
        limit: usize,
    ) -> Result<Vec<(i64, Arc<Envelope>)>, StoreError> {
        let mut locals = Vec::new();
        for space in spaces {
            let sql = "SELECT id FROM env WHERE id > ?1 AND space = ?2 ORDER BY id LIMIT ?3";
            let params = (place, space.as_bytes(), i64::try_from(limit).unwrap_or(i64::MAX));
            locals.extend(self.rows(sql, params, |row| row.get::<_, i64>(0))?);
        }
        locals.sort_unstable();
        locals.dedup();
        locals.truncate(limit);
        locals.into_iter().map(|local| Ok((local, self.envelope_local(local)?))).collect()
    }

    /// How many envelopes wait.
    ///
    /// # Errors
    /// The disk.
    pub fn pending_count(&self) -> Result<u64, StoreError> {
        let count = self.row("SELECT count(DISTINCT env) FROM need", [], |row| row.get::<_, i64>(0))?;
        Ok(count.unwrap_or_default().cast_unsigned())
    }

    /// The definitions that waiting revisions of these spaces name and that are not held, ascending: at most `limit` of them.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn missing_contents(&self, spaces: &[Space], limit: usize) -> Result<Vec<(RevisionId, DefHash)>, StoreError> {
        // In the table of needs all definitions stand together.
        let sql = "SELECT l.hash, n.need FROM need n JOIN env v ON v.id = n.env JOIN log l ON l.id = n.env
            WHERE n.need >= x'03' AND n.need < x'04' AND v.space = ?1 LIMIT ?2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut missing = Vec::new();
        for space in spaces {
            let rows = self.rows(sql, (space.as_bytes(), limit), |row| {
                Ok((RevisionId::from_bytes(row.get(0)?), row.get::<_, Vec<u8>>(1)?))
            })?;
            for (revision, key) in rows {
                match need_of_key(&key) {
                    Some(Need::Content(hash)) => missing.push((revision, hash)),
                    _ => return Err(self.damaged(format!("a need of revision {revision}"))),
                }
            }
        }
        missing.sort_unstable();
        missing.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(missing)
    }

    /// The definitions that a held revision names, ascending; none if that envelope is no revision, or not held.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn contents_of(&self, revision: &RevisionId) -> Result<Vec<DefHash>, StoreError> {
        match self.held_envelope(revision)?.as_deref().map(Envelope::body) {
            Some(Body::Revision(revision)) => Ok(revision.contents()),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether a definition may be served to someone who reads that revision: it is held, and the revision names it.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn reaches(&self, revision: &RevisionId, content: &DefHash) -> Result<bool, StoreError> {
        Ok(self.content_local(content)?.is_some() && self.contents_of(revision)?.binary_search(content).is_ok())
    }

    /// The facts that put patches into the own main from a time on, by that time ascending.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn applied_since(&self, since: Timestamp) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let sql = "SELECT v.id FROM env v WHERE v.authored_at >= ?1 AND EXISTS
            (SELECT 1 FROM channel c JOIN fact f ON f.channel = c.id AND f.env = v.id WHERE c.hash = ?2)";
        let mut facts = self.envelopes_of(sql, (since.as_ms(), self.own_channel().as_bytes()))?;
        facts.retain(|fact| matches!(fact.body(), Body::Apply(_)));
        facts.sort_by_key(|fact| fact.header().authored_at);
        Ok(facts)
    }

    /// How many live names the own main has.
    ///
    /// # Errors
    /// The disk.
    pub fn names_count(&self) -> Result<u64, StoreError> {
        Ok(self.row("SELECT names FROM meta", [], |row| row.get::<_, i64>(0))?.unwrap_or(0).cast_unsigned())
    }

    /// How much the store holds. Counts rows: a few milliseconds in a large store.
    ///
    /// # Errors
    /// The disk.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let sql = "SELECT (SELECT names FROM meta), (SELECT count(*) FROM content_h), (SELECT count(*) FROM log_h),
            (SELECT count(DISTINCT env) FROM need), (SELECT count(DISTINCT patch) FROM env), (SELECT count(*) FROM op_h)";
        let counts = self.row(sql, [], |row| {
            let count = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
            Ok(Counts {
                names: count(0)?,
                definitions: count(1)?,
                envelopes: count(2)?,
                pending: count(3)?,
                patches: count(4)?,
                ops: count(5)?,
            })
        })?;
        Ok(counts.unwrap_or_default())
    }
}
