//! Dropping the projections and making them anew from the log and the content, and writing them out for comparison.

use std::collections::BTreeMap;

use dm_collab::{Batch, ProjectionDelta};
use dm_model::EnvelopeId;

use crate::error::StoreError;
use crate::schema::PROJECTIONS;
use crate::tx::{Caches, ReadTx, WriteTx};

/// Per projection, a query for its rows as text with hashes instead of local ids, so that two stores of one set agree.
const ROWS: &[(&str, &str)] = &[
    ("meta", "SELECT view_count || ' ' || quote(view_sum) || ' ' || names FROM meta"),
    ("space", "SELECT quote(space) || ' ' || count || ' ' || quote(sum) FROM space"),
    (
        "env",
        "SELECT quote(l.hash) || ' ' || (v.counted > 0) || ' ' || v.kind || ' ' || quote(v.space) || ' ' || quote(v.author_key)
            || ' ' || v.authored_at || ' ' || quote(v.patch) || ' ' || quote(v.author) || ' ' || quote(v.intent) || ' '
            || quote(v.created_at) || ' ' || quote(v.ops) || ' ' || quote(v.named) || ' ' || v.effect || ' ' || quote(v.missing)
         FROM env v LEFT JOIN log l ON l.id = v.id",
    ),
    ("need", "SELECT quote(n.need) || ' ' || quote(l.hash) FROM need n LEFT JOIN log l ON l.id = n.env"),
    // Its bytes are checked by themselves: which of several envelopes was first decides whether the row has them.
    ("op", "SELECT quote(hash) || ' ' || kind || ' ' || effective FROM op"),
    (
        "op_e",
        "SELECT quote(e.hash) || ' ' || quote(o.hash) FROM op_e x LEFT JOIN entity e ON e.id = x.entity LEFT JOIN op o ON o.id = x.op",
    ),
    (
        "op_rev",
        "SELECT quote(o.hash) || ' ' || quote(l.hash) || ' ' || x.position
         FROM op_rev x LEFT JOIN op o ON o.id = x.op LEFT JOIN log l ON l.id = x.env",
    ),
    (
        "rev_need",
        "SELECT quote(o.hash) || ' ' || quote(l.hash) FROM rev_need x LEFT JOIN op o ON o.id = x.op LEFT JOIN log l ON l.id = x.env",
    ),
    (
        "patch_env",
        "SELECT quote(x.patch) || ' ' || x.kind || ' ' || quote(l.hash) FROM patch_env x LEFT JOIN log l ON l.id = x.env",
    ),
    ("channel", "SELECT quote(hash) || ' ' || quote(space) || ' ' || quote(leaves) FROM channel"),
    (
        "fact",
        "SELECT quote(c.hash) || ' ' || quote(c.space) || ' ' || quote(l.hash) FROM fact x LEFT JOIN channel c ON c.id = x.channel LEFT JOIN log l ON l.id = x.env",
    ),
    ("key_fact", "SELECT quote(x.author) || ' ' || quote(l.hash) FROM key_fact x LEFT JOIN log l ON l.id = x.env"),
    (
        "member",
        "SELECT quote(c.hash) || ' ' || quote(c.space) || ' ' || quote(x.patch) || ' ' || x.state || ' ' || quote(x.revisions)
         FROM member x LEFT JOIN channel c ON c.id = x.channel",
    ),
    (
        "entity",
        "SELECT quote(e.hash) || ' ' || quote(c.hash) || ' ' || quote(co.hash) || ' ' || quote(e.path) || ' ' || quote(lo.hash)
            || ' ' || quote(e.visibility) || ' ' || quote(vo.hash) || ' ' || quote(e.more)
         FROM entity e LEFT JOIN content c ON c.id = e.content LEFT JOIN op co ON co.id = e.content_op
            LEFT JOIN op lo ON lo.id = e.location_op LEFT JOIN op vo ON vo.id = e.visibility_op
         WHERE coalesce(e.content, e.content_op, e.path, e.location_op, e.visibility, e.visibility_op, e.more) IS NOT NULL",
    ),
    ("name", "SELECT quote(x.path) || ' ' || quote(e.hash) FROM name x LEFT JOIN entity e ON e.id = x.entity"),
    (
        "dep",
        "SELECT quote(t.hash) || ' ' || quote(s.hash) FROM dep x LEFT JOIN entity t ON t.id = x.target LEFT JOIN entity s ON s.id = x.source",
    ),
    (
        "env_at",
        "SELECT quote(s.space) || ' ' || x.time || ' ' || x.h8 || ' ' || quote(l.hash)
         FROM env_at x LEFT JOIN space_no s ON s.id = x.space LEFT JOIN log l ON l.id = x.env",
    ),
    // Where buckets begin follows from the order of arrival; what they sum up is looked at by itself.
    ("bucket", "SELECT quote(s.space) || ' ' || sum(x.count) FROM bucket x LEFT JOIN space_no s ON s.id = x.space GROUP BY x.space"),
    (
        "unseen",
        "SELECT quote(x.patch) || ' ' || quote(c.hash) || ' ' || quote(c.space) FROM unseen x LEFT JOIN channel c ON c.id = x.channel",
    ),
    (
        "mark",
        "SELECT x.kind || ' ' || CASE x.kind WHEN 2 THEN quote(x.a) WHEN 5 THEN quote(x.a)
            WHEN 4 THEN (SELECT quote(l.hash) FROM log l WHERE l.id = x.a)
            ELSE coalesce((SELECT quote(e.hash) FROM entity e WHERE e.id = x.a), '?') END || ' '
            || CASE x.kind WHEN 3 THEN coalesce((SELECT quote(e.hash) FROM entity e WHERE e.id = x.b), '?') ELSE x.b END
         FROM mark x",
    ),
];

impl ReadTx<'_> {
    /// The rows of every projection as sorted lines, without local ids: equal for equal projections, for comparing stores.
    ///
    /// # Errors
    /// The disk.
    pub fn dump_projections(&self) -> Result<BTreeMap<&'static str, Vec<String>>, StoreError> {
        let mut dump = BTreeMap::new();
        for (table, sql) in ROWS {
            let read = |row: &rusqlite::Row<'_>| Ok(row.get::<_, Option<String>>(0)?.unwrap_or_else(|| "?".to_owned()));
            let mut rows = self.rows(sql, [], read)?;
            rows.sort_unstable();
            dump.insert(*table, rows);
        }
        Ok(dump)
    }

    /// All local ids of the log, oldest first.
    pub(crate) fn log_locals(&self) -> Result<Vec<i64>, StoreError> {
        self.rows("SELECT id FROM log ORDER BY id", [], |row| row.get(0))
    }
}

impl WriteTx<'_> {
    /// Drops every projection and makes it anew from the log and the content. Truth is not touched.
    ///
    /// # Errors
    /// The disk; a damaged log or content.
    pub fn rebuild(&mut self) -> Result<(), StoreError> {
        for table in PROJECTIONS {
            self.run(&format!("DELETE FROM {table}"), [])?;
        }
        self.empty_search()?;
        self.run(
            "UPDATE entity SET content = NULL, content_op = NULL, path = NULL, location_op = NULL, visibility = NULL,
             visibility_op = NULL, more = NULL WHERE coalesce(content, path, location_op, more) IS NOT NULL",
            [],
        )?;
        self.run("UPDATE meta SET view_count = 0, view_sum = zeroblob(32), names = 0, counted = 0", [])?;
        *self.caches.borrow_mut() = Caches::default();
        self.next = Default::default();
        self.refill_side_tables()?;
        self.learn_emptiness()?;

        let mut envelopes = Vec::new();
        let mut locals: BTreeMap<EnvelopeId, i64> = BTreeMap::new();
        for local in self.log_locals()? {
            let envelope = self.envelope_local(local)?;
            locals.insert(envelope.id(), local);
            envelopes.push(envelope);
        }
        let batch = Batch { envelopes, content: Vec::new() };
        let delta =
            if batch.envelopes.is_empty() { ProjectionDelta::default() } else { dm_collab::fold(&**self, &batch)? };
        let by_id: BTreeMap<EnvelopeId, _> = batch.envelopes.iter().map(|envelope| (envelope.id(), envelope)).collect();
        let judged = delta.counted.iter().chain(delta.pending.keys());
        let judged: Vec<_> =
            judged.filter_map(|id| Some((*locals.get(id)?, std::sync::Arc::clone(by_id.get(id)?)))).collect();
        self.add_to_spaces(&batch.envelopes)?;
        self.add_to_ranges(&judged)?;
        self.write_delta(&judged, &delta)?;
        self.bear_entities()
    }

    /// Fills the tables that find rows by hash.
    fn refill_side_tables(&self) -> Result<(), StoreError> {
        for (table, side) in [("log", "log_h"), ("content", "content_h"), ("entity", "entity_h")] {
            self.run(&format!("DELETE FROM {side}"), [])?;
            let rows = self.rows(&format!("SELECT id, hash FROM {table}"), [], |row| {
                Ok([EnvelopeId::from_bytes(row.get(1)?).prefix64(), row.get(0)?])
            })?;
            self.insert_prefixes(side, rows.into_iter())?;
        }
        Ok(())
    }
}
