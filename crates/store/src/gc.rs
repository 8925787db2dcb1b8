//! Dropping what nothing names any more, and giving the disk its space back.
//!
//! What a patch, a draft, a base of an import, or the image of a command that can be undone names stays; so does the log, whole.

use std::collections::BTreeSet;

use dm_collab::draft::{DraftEntity, Seen};
use dm_model::{Body, DefHash, Timestamp, Value};

use crate::command::{Row, decode_base};
use crate::error::StoreError;
use crate::store::Store;
use crate::tx::{Caches, ReadTx, WriteTx};

/// A larger file with fewer free pages than one in so many is not written anew: that would take longer than it saves.
const FREE_SHARE_MIN: u64 = 10;
/// A file up to this size is written anew for any free page: that takes less than a second.
const SMALL_BYTES: u64 = 64 << 20;
/// A larger file is not written anew: others would wait for longer than they are willing to.
const COMPACTED_BYTES_MAX: u64 = 4 << 30;
/// How long the last step waits for readers to let go of what was copied back.
const CHECKPOINT_WAIT_MS: u64 = 2000;

/// What was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Garbage {
    /// Commands that can no longer be undone.
    pub commands: u64,
    /// Definitions.
    pub definitions: u64,
    /// Memos of them.
    pub summaries: u64,
    /// Entities that only they referred to.
    pub entities: u64,
    /// The bytes of all that, without what the tables add.
    pub bytes: u64,
}

/// How large the file was, and is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Before.
    pub bytes_before: u64,
    /// After.
    pub bytes_after: u64,
}

impl WriteTx<'_> {
    /// Drops the commands given before a moment, and what then nothing names.
    ///
    /// # Errors
    /// The disk; a damaged log, draft or command: then it is not known what is named, and nothing may be dropped.
    pub fn collect_garbage(&mut self, before: Timestamp) -> Result<Garbage, StoreError> {
        let mut garbage = Garbage::default();
        let sql = "SELECT count(*), coalesce(sum(length(data) + length(words)), 0) FROM command WHERE at < ?1";
        let commands = self.row(sql, [before.as_ms()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        let (count, bytes) = commands.unwrap_or_default();
        garbage.commands = count.unsigned_abs();
        garbage.bytes = bytes.unsigned_abs();
        self.run("DELETE FROM command WHERE at < ?1", [before.as_ms()])?;
        let named = self.named_contents()?;
        self.drop_contents(&named, &mut garbage)?;
        self.drop_entities(&mut garbage)?;
        // Local ids of what is gone may be given again.
        *self.caches.borrow_mut() = Caches::default();
        self.next = Default::default();
        Ok(garbage)
    }

    fn drop_contents(&self, named: &BTreeSet<DefHash>, garbage: &mut Garbage) -> Result<(), StoreError> {
        let sql = "SELECT id, hash, length(text) + length(refs) FROM content";
        let rows = self.rows(sql, [], |row| {
            Ok((row.get::<_, i64>(0)?, DefHash::from_bytes(row.get(1)?), row.get::<_, i64>(2)?))
        })?;
        for (local, hash, bytes) in rows.into_iter().filter(|(_, hash, _)| !named.contains(hash)) {
            self.run("DELETE FROM content WHERE id = ?1", [local])?;
            self.run("DELETE FROM content_h WHERE h8 = ?1 AND id = ?2", (hash.prefix64(), local))?;
            garbage.summaries += self.run("DELETE FROM summary WHERE content = ?1", [local])? as u64;
            garbage.definitions += 1;
            garbage.bytes += bytes.unsigned_abs();
        }
        Ok(())
    }

    /// Entities that nothing has any more: no op is about them, no definition refers to them.
    fn drop_entities(&self, garbage: &mut Garbage) -> Result<(), StoreError> {
        let mut used: BTreeSet<i64> = BTreeSet::new();
        for local in self.rows("SELECT id FROM content", [], |row| row.get::<_, i64>(0))? {
            used.extend(self.uses_stored(local)?);
        }
        let sql = "SELECT e.id, e.hash FROM entity e
            WHERE coalesce(e.content, e.content_op, e.path, e.location_op, e.visibility, e.visibility_op, e.more) IS NULL
              AND NOT EXISTS (SELECT 1 FROM op_e x WHERE x.entity = e.id)
              AND NOT EXISTS (SELECT 1 FROM import_base b WHERE b.entity = e.id)";
        let idle = self.rows(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)))?;
        for (local, hash) in idle.into_iter().filter(|(local, _)| !used.contains(local)) {
            let prefix = dm_model::EntityId::from_bytes(hash).prefix64();
            self.run("DELETE FROM entity WHERE id = ?1", [local])?;
            self.run("DELETE FROM entity_h WHERE h8 = ?1 AND id = ?2", (prefix, local))?;
            garbage.entities += 1;
            garbage.bytes += hash.len() as u64;
        }
        Ok(())
    }
}

impl ReadTx<'_> {
    /// The definitions that must stay.
    fn named_contents(&self) -> Result<BTreeSet<DefHash>, StoreError> {
        let mut named = BTreeSet::new();
        for local in self.log_locals()? {
            let (bytes, signature) = self.envelope_bytes_local(local)?;
            let envelope = dm_model::Envelope::open_trusted(bytes, signature);
            let envelope = envelope.map_err(|error| self.damaged(format!("log row {local}: {error}")))?;
            if let Body::Revision(revision) = envelope.body() {
                named.extend(revision.contents());
            }
        }
        let sql = "SELECT c.hash FROM import_base b JOIN content c ON c.id = b.content";
        named.extend(self.rows(sql, [], |row| row.get(0).map(DefHash::from_bytes))?);
        let sql = "SELECT c.hash FROM entity e JOIN content c ON c.id = e.content";
        named.extend(self.rows(sql, [], |row| row.get(0).map(DefHash::from_bytes))?);
        for data in self.rows("SELECT data FROM draft_entity", [], |row| row.get::<_, Vec<u8>>(0))? {
            let written = DraftEntity::decode(&data).map_err(|error| self.damaged(format!("a draft: {error}")))?;
            contents_of(&written, &mut named);
        }
        self.named_by_commands(&mut named)?;
        Ok(named)
    }

    /// What undoing the commands would bring back.
    fn named_by_commands(&self, named: &mut BTreeSet<DefHash>) -> Result<(), StoreError> {
        for summary in self.commands(usize::MAX)? {
            let Some(command) = self.command(summary.id)? else { continue };
            let wrong = |error| self.damaged(format!("command {}: {error}", summary.id));
            for (row, bytes) in command.images.iter().filter_map(|image| Some((&image.row, image.whole()?))) {
                match row {
                    Row::DraftEntity(..) => contents_of(&DraftEntity::decode(bytes).map_err(wrong)?, named),
                    Row::Base(..) => {
                        named.insert(decode_base(bytes).map_err(wrong)?.content);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// The definitions that a draft's rows name: the new ones, those that they were made from, and those that were seen.
fn contents_of(written: &DraftEntity, named: &mut BTreeSet<DefHash>) {
    let mut take = |value: &Value| {
        if let Value::Content(hash) | Value::Pin(Some(hash)) = value {
            named.insert(*hash);
        }
    };
    for row in written.rows.values() {
        take(&row.value);
        row.base.iter().for_each(&mut take);
        for seen in row.seen.iter().chain(&row.witness).chain(&row.creators) {
            if let Seen::Draft { value, .. } = seen {
                take(value);
            }
        }
    }
}

impl Store {
    /// Writes the file anew without its free pages, where it is small or these are many. Others wait meanwhile; none fails. A cut leaves the
    /// file as it was.
    ///
    /// # Errors
    /// The disk; [`StoreError::Busy`] if others write all the time.
    pub fn compact(&self) -> Result<Compacted, StoreError> {
        let fail = |source| StoreError::from_sqlite(&self.path, source);
        let count = |what: &str| -> Result<u64, StoreError> {
            let pages: i64 =
                self.connection.query_row(&format!("PRAGMA {what}"), [], |row| row.get(0)).map_err(fail)?;
            Ok(pages.unsigned_abs())
        };
        let (page, pages, free) = (count("page_size")?, count("page_count")?, count("freelist_count")?);
        let bytes_before = page * pages;
        let pays = free * FREE_SHARE_MIN >= pages || (free > 0 && bytes_before <= SMALL_BYTES);
        if pays && bytes_before <= COMPACTED_BYTES_MAX {
            self.connection.execute_batch("VACUUM").map_err(fail)?;
        }
        let bytes_after = page * count("page_count")?;
        self.give_back().map_err(fail)?;
        Ok(Compacted { bytes_before, bytes_after })
    }

    /// Copies the WAL back into the file, if no reader holds on to it.
    fn give_back(&self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(std::time::Duration::from_millis(CHECKPOINT_WAIT_MS))?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }
}
