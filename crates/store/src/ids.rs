//! Local integer ids: narrow keys for ids of 32 bytes. They never leave the store.
//!
//! Each hash is in its row once and found through a table of (first 8 bytes, local id), which can be filled in sorted order.
//! The 8 bytes are not unique; all 32 are compared.

use dm_model::{DefHash, EntityId, EnvelopeId, OpId};

use crate::error::StoreError;
use crate::tx::{Caches, ReadTx, WriteTx};

macro_rules! local_ids {
    ($($id:ident: $local:ident, $cache:ident, $table:literal;)*) => {
        impl ReadTx<'_> {
            $(
                #[doc = concat!("The local id of a `", stringify!($id), "`, if the store has a row for it.")]
                pub(crate) fn $local(&self, id: &$id) -> Result<Option<i64>, StoreError> {
                    {
                        let caches = self.caches.borrow();
                        if let Some(local) = caches.$cache.local.get(id) {
                            return Ok(Some(*local));
                        }
                        if caches.$cache.complete {
                            return Ok(None);
                        }
                    }
                    let sql = concat!(
                        "SELECT t.id FROM ", $table, "_h h JOIN ", $table, " t ON t.id = h.id WHERE h.h8 = ?1 AND t.hash = ?2"
                    );
                    let local = self.row(sql, (id.prefix64(), id.as_bytes()), |row| row.get(0))?;
                    if let Some(local) = local {
                        self.caches.borrow_mut().$cache.put(*id, local);
                    }
                    Ok(local)
                }
            )*
        }
    };
}

macro_rules! global_ids {
    ($($id:ident: $global:ident, $cache:ident, $table:literal;)*) => {
        impl ReadTx<'_> {
            $(
                #[doc = concat!("The `", stringify!($id), "` with that local id.")]
                pub(crate) fn $global(&self, local: i64) -> Result<$id, StoreError> {
                    if let Some(id) = self.caches.borrow().$cache.global.get(&local) {
                        return Ok(*id);
                    }
                    let sql = concat!("SELECT hash FROM ", $table, " WHERE id = ?1");
                    let id = self.row(sql, [local], |row| row.get(0).map($id::from_bytes))?;
                    let id = id.ok_or_else(|| self.damaged(format!(concat!("table ", $table, " has no row {}"), local)))?;
                    self.caches.borrow_mut().$cache.put(id, local);
                    Ok(id)
                }
            )*
        }
    };
}

local_ids! {
    EntityId: entity_local, entities, "entity";
    OpId: op_local, ops, "op";
    DefHash: content_local, contents, "content";
    EnvelopeId: log_local, logs, "log";
}

global_ids! {
    EntityId: entity_global, entities, "entity";
    EnvelopeId: log_global, logs, "log";
}

impl WriteTx<'_> {
    /// Learns which tables are empty, so that a bulk write asks them nothing.
    pub(crate) fn learn_emptiness(&self) -> Result<(), StoreError> {
        for (table, choose) in [
            ("entity", (|caches: &mut Caches| &mut caches.entities.complete) as fn(&mut Caches) -> &mut bool),
            ("op", |caches| &mut caches.ops.complete),
            ("content", |caches| &mut caches.contents.complete),
            ("log", |caches| &mut caches.logs.complete),
        ] {
            let sql = format!("SELECT NOT EXISTS (SELECT 1 FROM {table})");
            let empty = self.row(&sql, [], |row| row.get(0))?.unwrap_or(false);
            *choose(&mut self.caches.borrow_mut()) |= empty;
        }
        Ok(())
    }

    /// The next free local id of a table.
    pub(crate) fn fresh(&mut self, table: Fresh) -> Result<i64, StoreError> {
        let (slot, sql) = match table {
            Fresh::Content => (self.next.content, "SELECT coalesce(max(id), 0) + 1 FROM content"),
            Fresh::Entity => (self.next.entity, "SELECT coalesce(max(id), 0) + 1 FROM entity"),
            Fresh::Op => (self.next.op, "SELECT coalesce(max(id), 0) + 1 FROM op"),
            Fresh::Log => (self.next.log, "SELECT coalesce(max(id), 0) + 1 FROM log"),
        };
        let id = match slot {
            Some(id) => id,
            None => self.row(sql, [], |row| row.get(0))?.unwrap_or(1),
        };
        let next = match table {
            Fresh::Content => &mut self.next.content,
            Fresh::Entity => &mut self.next.entity,
            Fresh::Op => &mut self.next.op,
            Fresh::Log => &mut self.next.log,
        };
        *next = Some(id + 1);
        Ok(id)
    }

    /// The local id of an entity, which gets a row with the next [`WriteTx::bear_entities`] if it has none.
    pub(crate) fn entity_interned(&mut self, id: &EntityId) -> Result<i64, StoreError> {
        if let Some(local) = self.entity_local(id)? {
            return Ok(local);
        }
        let local = self.fresh(Fresh::Entity)?;
        self.caches.borrow_mut().entities.put(*id, local);
        self.unborn.insert(local, *id);
        Ok(local)
    }

    /// Gives every interned entity that is left its row: a name that is only referred to.
    pub(crate) fn bear_entities(&mut self) -> Result<(), StoreError> {
        let unborn = std::mem::take(&mut self.unborn);
        for (local, id) in &unborn {
            self.caches.borrow_mut().states.remove(local);
            self.run("INSERT INTO entity (id, hash) VALUES (?1, ?2)", (local, id.as_bytes()))?;
        }
        self.insert_prefixes("entity_h", unborn.iter().map(|(local, id)| [id.prefix64(), *local]))
    }

    /// Fills a side table in its own order.
    pub(crate) fn insert_prefixes(&self, table: &str, rows: impl Iterator<Item = [i64; 2]>) -> Result<(), StoreError> {
        let mut rows: Vec<[i64; 2]> = rows.collect();
        rows.sort_unstable();
        self.insert_integers(table, &rows)
    }
}

/// Which table's next id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fresh {
    Content,
    Entity,
    Op,
    Log,
}
