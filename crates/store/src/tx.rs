//! Transactions: one moment to read from, one lock to write under.
//!
//! All SQL of the crate goes through [`ReadTx::row`], [`ReadTx::rows`] and [`ReadTx::run`], which keep prepared statements and
//! put the file's path into every error.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use rusqlite::Params;
use rustc_hash::FxHashMap;

use dm_collab::EntityState;
use dm_model::{DefHash, EntityId, Envelope, EnvelopeId, Kind, OpId};

use crate::command::Row;
use crate::encoding::Codec;
use crate::error::StoreError;
use crate::store::Store;

/// A read transaction: everything read through it is of the moment of its first read.
pub struct ReadTx<'s> {
    pub(crate) store: &'s Store,
    pub(crate) caches: RefCell<Caches>,
    pub(crate) codec: RefCell<Codec>,
    open: bool,
}

/// A write transaction. It reads as [`ReadTx`] does, its own writes included.
#[must_use = "dropped without commit, nothing is written"]
pub struct WriteTx<'s> {
    tx: ReadTx<'s>,
    /// Entities that have a local id but no row yet.
    pub(crate) unborn: BTreeMap<i64, EntityId>,
    pub(crate) next: NextIds,
    /// The private rows that were written, as they were before.
    pub(crate) captured: BTreeMap<Row, Option<Vec<u8>>>,
    /// The remote from which what is appended comes.
    pub(crate) source: Option<i64>,
}

/// The next local id of each table, read once per transaction.
#[derive(Default)]
pub(crate) struct NextIds {
    pub(crate) content: Option<i64>,
    pub(crate) entity: Option<i64>,
    pub(crate) op: Option<i64>,
    pub(crate) log: Option<i64>,
}

/// What a transaction has looked up already. Local ids never change, so it holds for the transaction's life.
#[derive(Default)]
pub(crate) struct Caches {
    pub(crate) entities: IdMap<EntityId>,
    pub(crate) ops: IdMap<OpId>,
    pub(crate) contents: IdMap<DefHash>,
    pub(crate) logs: IdMap<EnvelopeId>,
    /// Decoded envelopes, dropped together once they hold too many bytes.
    pub(crate) envelopes: FxHashMap<EnvelopeId, Arc<Envelope>>,
    pub(crate) envelope_bytes: usize,
    /// The entities that a content row written here uses.
    pub(crate) uses: FxHashMap<i64, Vec<i64>>,
    /// The kinds of content rows.
    pub(crate) kinds: FxHashMap<i64, Kind>,
    /// What the own main says of entities, by local id. Unlike all else here it changes, with [`WriteTx::append`].
    pub(crate) states: FxHashMap<i64, Option<EntityState>>,
}

/// Most states that are kept: a command asks about the few that it touches several times.
const STATES_KEPT: usize = 4096;

impl Caches {
    pub(crate) fn keep_state(&mut self, local: i64, state: Option<EntityState>) {
        if self.states.len() >= STATES_KEPT {
            self.states.clear();
        }
        self.states.insert(local, state);
    }
}

/// Both directions between ids and local ids.
pub(crate) struct IdMap<T> {
    pub(crate) local: FxHashMap<T, i64>,
    pub(crate) global: FxHashMap<i64, T>,
    /// The table had no row when a bulk write began: what is not in the map is not there.
    pub(crate) complete: bool,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self { local: FxHashMap::default(), global: FxHashMap::default(), complete: false }
    }
}

impl<T: Copy + Eq + std::hash::Hash> IdMap<T> {
    pub(crate) fn put(&mut self, id: T, local: i64) {
        self.local.insert(id, local);
        self.global.insert(local, id);
    }
}

impl<'s> ReadTx<'s> {
    pub(crate) fn begin(store: &'s Store, begin: &str) -> Result<Self, StoreError> {
        store.connection.execute_batch(begin).map_err(|source| StoreError::from_sqlite(&store.path, source))?;
        // What the transaction before left is of another moment.
        store.noted_links.take();
        Ok(Self { store, caches: RefCell::default(), codec: RefCell::default(), open: true })
    }

    /// The store's file, for errors.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.store.path
    }

    /// The first row that the statement yields.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        each: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let found = (|| {
            let mut statement = self.store.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params)?;
            let found = rows.next()?.map(each).transpose();
            drop(rows);
            self.store.count_steps(&statement);
            found
        })();
        found.map_err(|source| self.failure(source))
    }

    /// All rows that the statement yields.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        each: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let found: rusqlite::Result<Vec<T>> = (|| {
            let mut statement = self.store.connection.prepare_cached(sql)?;
            let found = statement.query_map(params, each)?.collect();
            self.store.count_steps(&statement);
            found
        })();
        found.map_err(|source| self.failure(source))
    }

    /// Runs a statement that yields no rows, and tells how many rows it changed.
    pub(crate) fn run(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let changed = self.store.connection.prepare_cached(sql).and_then(|mut statement| {
            let changed = statement.execute(params)?;
            self.store.count_steps(&statement);
            Ok(changed)
        });
        changed.map_err(|source| self.failure(source))
    }

    pub(crate) fn failure(&self, source: rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(&self.store.path, source)
    }

    /// The error for a row that cannot be as it is.
    pub(crate) fn damaged(&self, what: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: self.store.path.clone(), what: what.into() }
    }

    /// The error for something named by the caller that is not there.
    #[expect(clippy::needless_pass_by_value, reason = "ids are Copy and texts borrowed: calls read better so")]
    pub(crate) fn no_such(&self, what: &'static str, id: impl ToString) -> StoreError {
        StoreError::NoSuch { path: self.store.path.clone(), what, id: id.to_string() }
    }
}

impl Drop for ReadTx<'_> {
    fn drop(&mut self) {
        if self.open {
            // SQLite has rolled back by itself after some errors, and then says so here.
            self.store.connection.execute_batch("ROLLBACK").ok();
        }
    }
}

impl<'s> WriteTx<'s> {
    pub(crate) fn begin(store: &'s Store) -> Result<Self, StoreError> {
        let tx = ReadTx::begin(store, "BEGIN IMMEDIATE")?;
        Ok(Self { tx, unborn: BTreeMap::new(), next: NextIds::default(), captured: BTreeMap::new(), source: None })
    }

    /// Makes everything written durable and visible to others, at once.
    ///
    /// # Errors
    /// The disk; then nothing was written.
    pub fn commit(mut self) -> Result<(), StoreError> {
        debug_assert!(self.unborn.is_empty(), "BUG: entities without a row");
        self.tx.run("COMMIT", [])?;
        self.tx.open = false;
        Ok(())
    }

    /// Leaves everything as it was. Dropping does the same.
    pub fn discard(self) {}

    /// Inserts rows of integers, many at a statement. The table's columns are these, in order; rows that are there stay.
    pub(crate) fn insert_integers<const N: usize>(&self, table: &str, rows: &[[i64; N]]) -> Result<(), StoreError> {
        const ROWS_AT_ONCE: usize = 32;
        let tuple = format!("({})", vec!["?"; N].join(","));
        let many =
            |count: usize| format!("INSERT OR IGNORE INTO {table} VALUES {}", vec![tuple.as_str(); count].join(","));
        let (whole, rest) = rows.split_at(rows.len() - rows.len() % ROWS_AT_ONCE);
        if !whole.is_empty() {
            let sql = many(ROWS_AT_ONCE);
            for chunk in whole.chunks_exact(ROWS_AT_ONCE) {
                self.run(&sql, rusqlite::params_from_iter(chunk.iter().flatten()))?;
            }
        }
        if !rest.is_empty() {
            let sql = many(1);
            for row in rest {
                self.run(&sql, rusqlite::params_from_iter(row))?;
            }
        }
        Ok(())
    }
}

impl<'s> Deref for WriteTx<'s> {
    type Target = ReadTx<'s>;

    fn deref(&self) -> &Self::Target {
        &self.tx
    }
}
