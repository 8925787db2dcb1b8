//! Sums over ranges of a space's envelopes, for exchanges (`dm_collab::sync`).
//!
//! `env_at` has the envelopes of each space in the order of their places; `bucket` has the sum of each stretch of some hundred of
//! them, so that the sum of a range costs the buckets in it and two ends. A bucket that grows too long is cut, so where buckets
//! begin follows from the order of arrival; what they sum up does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_collab::Fingerprint;
use dm_collab::sync::{Place, Range};
use dm_model::{Envelope, EnvelopeId, Space, Timestamp};
use rusqlite::Connection;

use crate::append::set_element;
use crate::error::StoreError;
use crate::tx::{ReadTx, WriteTx};

/// A bucket with more envelopes is cut.
const BUCKET_MAX: u64 = 256;
/// So many envelopes has a bucket after a cut.
const BUCKET_CUT: usize = 128;
/// With so many buckets in it a range is cut where they begin; with fewer, where envelopes stand.
const BUCKETS_TO_CUT: usize = 4;
/// How far back in the log newest envelopes of a space are looked for.
const NEWEST_ROWS_MAX: i64 = 1 << 16;

/// A place as the two columns have it: integers in its order.
type Columns = (i64, i64);

const SIGN: u64 = 1 << 63;

fn columns(place: Place) -> Columns {
    (place.time, (place.prefix ^ SIGN).cast_signed())
}

fn place((time, h8): Columns) -> Place {
    Place { time, prefix: h8.cast_unsigned() ^ SIGN }
}

/// The columns of both ends of a range: without an end, the last place there can be.
fn ends(range: &Range) -> (i64, i64, i64, i64) {
    let (time, h8) = columns(range.from);
    let (to_time, to_h8) = range.to.map_or((i64::MAX, i64::MAX), columns);
    (time, h8, to_time, to_h8)
}

/// The condition for rows inside a range, of which `?2` to `?5` are the [`ends`]: both bounds are looked up in the key.
fn inside(range: &Range) -> &'static str {
    match range.to {
        Some(_) => "(a.time, a.h8) >= (?2, ?3) AND (a.time, a.h8) < (?4, ?5)",
        None => "(a.time, a.h8) >= (?2, ?3) AND (a.time, a.h8) <= (?4, ?5)",
    }
}

impl ReadTx<'_> {
    /// The number that a space has in tables, if it has one.
    pub(crate) fn space_local(&self, space: Space) -> Result<Option<i64>, StoreError> {
        if space == Space::PUBLIC {
            return Ok(Some(0));
        }
        self.row("SELECT id FROM space_no WHERE space = ?1", [space.as_bytes()], |row| row.get(0))
    }

    /// The envelopes of a range with their places, in order; of those at one place by id.
    fn placed(&self, space: i64, range: &Range) -> Result<Vec<(Place, EnvelopeId)>, StoreError> {
        let within = inside(range);
        let sql = format!(
            "SELECT a.time, a.h8, l.hash FROM env_at a JOIN log l ON l.id = a.env WHERE a.space = ?1 AND {within}
             ORDER BY a.time, a.h8"
        );
        let (time, h8, to_time, to_h8) = ends(range);
        let mut rows = self.rows(&sql, (space, time, h8, to_time, to_h8), |row| {
            Ok((place((row.get(0)?, row.get(1)?)), EnvelopeId::from_bytes(row.get(2)?)))
        })?;
        rows.sort_unstable();
        Ok(rows)
    }

    fn naive_sum(&self, space: i64, range: &Range) -> Result<Fingerprint, StoreError> {
        let mut sum = Fingerprint::default();
        for (_, id) in self.placed(space, range)? {
            sum.add(&set_element(&id));
        }
        Ok(sum)
    }

    /// The buckets that begin in a range.
    fn buckets(&self, space: i64, range: &Range) -> Result<Vec<(Place, Fingerprint)>, StoreError> {
        let within = inside(range);
        let sql = format!(
            "SELECT a.time, a.h8, a.count, a.sum FROM bucket a WHERE a.space = ?1 AND {within} ORDER BY a.time, a.h8"
        );
        let (time, h8, to_time, to_h8) = ends(range);
        self.rows(&sql, (space, time, h8, to_time, to_h8), |row| {
            let sum = Fingerprint { count: row.get::<_, i64>(2)?.cast_unsigned(), sum: row.get(3)? };
            Ok((place((row.get(0)?, row.get(1)?)), sum))
        })
    }

    /// The fingerprint of the envelopes held of a space that stand in a range.
    ///
    /// # Errors
    /// The disk.
    pub fn range_fingerprint(&self, space: Space, range: &Range) -> Result<Fingerprint, StoreError> {
        if *range == Range::ALL {
            return self.set_fingerprint(space);
        }
        let Some(local) = self.space_local(space)? else { return Ok(Fingerprint::default()) };
        let buckets = self.buckets(local, range)?;
        let Some((first, _)) = buckets.first() else { return self.naive_sum(local, range) };
        // Up to the first bucket that begins inside, then whole buckets, then what the last one has of it.
        let mut sum = self.naive_sum(local, &Range { from: range.from, to: Some(*first) })?;
        let whole = if range.to.is_none() { buckets.len() } else { buckets.len() - 1 };
        for (_, bucket) in buckets.iter().take(whole) {
            sum.merge(bucket);
        }
        if let Some((last, _)) = buckets.get(whole) {
            sum.merge(&self.naive_sum(local, &Range { from: *last, to: range.to })?);
        }
        Ok(sum)
    }

    /// The ids of the envelopes held of a space that stand in a range, by place: at most `limit` of them.
    ///
    /// # Errors
    /// The disk.
    pub fn range_ids(&self, space: Space, range: &Range, limit: usize) -> Result<Vec<EnvelopeId>, StoreError> {
        let Some(local) = self.space_local(space)? else { return Ok(Vec::new()) };
        let within = inside(range);
        let sql = format!(
            "SELECT l.hash FROM env_at a JOIN log l ON l.id = a.env WHERE a.space = ?1 AND {within}
             ORDER BY a.time, a.h8, a.env LIMIT ?6"
        );
        let (time, h8, to_time, to_h8) = ends(range);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.rows(&sql, (local, time, h8, to_time, to_h8, limit), |row| row.get(0).map(EnvelopeId::from_bytes))
    }

    /// Places inside a range that cut it into so many parts at most, of about as many envelopes each. None if all of them stand
    /// at one place.
    ///
    /// # Errors
    /// The disk.
    pub fn range_cuts(&self, space: Space, range: &Range, parts: usize) -> Result<Vec<Place>, StoreError> {
        let Some(local) = self.space_local(space)? else { return Ok(Vec::new()) };
        let mut buckets = self.buckets(local, range)?;
        buckets.retain(|(begin, _)| *begin > range.from);
        if buckets.len() >= BUCKETS_TO_CUT {
            let counts: Vec<(Place, u64)> = buckets.iter().map(|(begin, sum)| (*begin, sum.count)).collect();
            return Ok(even(&counts, BUCKET_CUT as u64, parts));
        }
        let placed = self.placed(local, range)?;
        let mut places: BTreeMap<Place, u64> = BTreeMap::new();
        for (place, _) in placed {
            *places.entry(place).or_default() += 1;
        }
        // The first part begins with the range.
        let first = places.pop_first().map_or(0, |(_, count)| count);
        Ok(even(&places.into_iter().collect::<Vec<_>>(), first, parts))
    }

    /// The newest envelopes of a space, the last that came here first.
    ///
    /// # Errors
    /// The disk.
    pub fn newest_ids(&self, space: Space, limit: usize) -> Result<Vec<EnvelopeId>, StoreError> {
        let sql = "SELECT l.hash FROM env v JOIN log l ON l.id = v.id
            WHERE v.space = ?1 AND v.id > (SELECT coalesce(max(id), 0) FROM env) - ?2 ORDER BY v.id DESC LIMIT ?3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.rows(sql, (space.as_bytes(), NEWEST_ROWS_MAX, limit), |row| row.get(0).map(EnvelopeId::from_bytes))
    }

    /// What is wrong with buckets: each that does not sum up what stands in it.
    pub(crate) fn wrong_buckets(&self) -> Result<Vec<String>, StoreError> {
        let mut wrong = Vec::new();
        let spaces =
            self.rows("SELECT DISTINCT space FROM bucket UNION SELECT DISTINCT space FROM env_at", [], |row| {
                row.get::<_, i64>(0)
            })?;
        for space in spaces {
            let buckets = self.buckets(space, &Range::ALL)?;
            if buckets.first().is_none_or(|(begin, _)| *begin != Place::FIRST) {
                wrong.push(format!("{space} has no first bucket"));
            }
            let ends = buckets.iter().skip(1).map(|(begin, _)| Some(*begin)).chain([None]);
            for ((begin, sum), to) in buckets.iter().zip(ends) {
                if self.naive_sum(space, &Range { from: *begin, to })? != *sum {
                    wrong.push(format!("{space} {} {:016x}", begin.time, begin.prefix));
                }
            }
        }
        Ok(wrong)
    }
}

/// Where new parts begin, so that all have about as many: of places that each come with how many stand from there to the next
/// one, behind `before` others.
fn even(begins: &[(Place, u64)], mut before: u64, parts: usize) -> Vec<Place> {
    if begins.len() < parts {
        return begins.iter().map(|(begin, _)| *begin).collect();
    }
    let total: u64 = before + begins.iter().map(|(_, count)| count).sum::<u64>();
    let each = total.div_ceil(parts as u64).max(1);
    let mut cuts = Vec::with_capacity(parts);
    for (begin, count) in begins {
        if before >= each * (cuts.len() as u64 + 1) && cuts.len() + 1 < parts {
            cuts.push(*begin);
        }
        before += count;
    }
    if cuts.is_empty() {
        cuts.extend(begins.last().map(|(begin, _)| *begin));
    }
    cuts
}

impl WriteTx<'_> {
    /// The number of a space in tables; a new one gets one.
    pub(crate) fn space_interned(&self, space: Space) -> Result<i64, StoreError> {
        if let Some(local) = self.space_local(space)? {
            return Ok(local);
        }
        self.run("INSERT INTO space_no (space) VALUES (?1)", [space.as_bytes()])?;
        Ok(self.store.connection.last_insert_rowid())
    }

    /// Puts envelopes into the order of their spaces, and into the sums.
    pub(crate) fn add_to_ranges(&self, envelopes: &[(i64, Arc<Envelope>)]) -> Result<(), StoreError> {
        let mut spaces: BTreeMap<Space, Vec<(Place, i64, EnvelopeId)>> = BTreeMap::new();
        for (local, envelope) in envelopes {
            let row = (Place::of(envelope), *local, envelope.id());
            spaces.entry(envelope.header().space).or_default().push(row);
        }
        for (space, mut rows) in spaces {
            rows.sort_unstable();
            let space = self.space_interned(space)?;
            let placed = rows.iter().map(|(place, local, _)| {
                let (time, h8) = columns(*place);
                [space, time, h8, *local]
            });
            self.insert_integers("env_at", &placed.collect::<Vec<_>>())?;
            let mut rows = rows.as_slice();
            while let Some((first, _, _)) = rows.first() {
                let bucket = self.bucket_of(space, *first)?;
                let inside = rows.partition_point(|(place, _, _)| bucket.has(*place));
                let (these, rest) = rows.split_at(inside);
                self.add_to_bucket(space, &bucket, these)?;
                rows = rest;
            }
        }
        Ok(())
    }

    /// The stretch of the bucket in which a place lies.
    fn bucket_of(&self, space: i64, of: Place) -> Result<Range, StoreError> {
        let (time, h8) = columns(of);
        let sql = "SELECT time, h8 FROM bucket WHERE space = ?1 AND (time, h8) <= (?2, ?3) ORDER BY time DESC, h8 DESC LIMIT 1";
        let begin = self.row(sql, (space, time, h8), |row| Ok(place((row.get(0)?, row.get(1)?))))?;
        let sql = "SELECT time, h8 FROM bucket WHERE space = ?1 AND (time, h8) > (?2, ?3) ORDER BY time, h8 LIMIT 1";
        let to = self.row(sql, (space, time, h8), |row| Ok(place((row.get(0)?, row.get(1)?))))?;
        Ok(Range { from: begin.unwrap_or(Place::FIRST), to })
    }

    fn add_to_bucket(&self, space: i64, bucket: &Range, rows: &[(Place, i64, EnvelopeId)]) -> Result<(), StoreError> {
        let (time, h8) = columns(bucket.from);
        let sql = "SELECT count, sum FROM bucket WHERE space = ?1 AND time = ?2 AND h8 = ?3";
        let sum = self.row(sql, (space, time, h8), |row| {
            Ok(Fingerprint { count: row.get::<_, i64>(0)?.cast_unsigned(), sum: row.get(1)? })
        })?;
        let mut sum = sum.unwrap_or_default();
        if sum.count + rows.len() as u64 > BUCKET_MAX {
            let placed = self.placed(space, bucket)?;
            return cut_buckets(&placed, bucket.from, |begin, sum| self.put_bucket(space, begin, sum));
        }
        for (_, _, id) in rows {
            sum.add(&set_element(id));
        }
        self.put_bucket(space, bucket.from, &sum)
    }

    fn put_bucket(&self, space: i64, begin: Place, sum: &Fingerprint) -> Result<(), StoreError> {
        let (time, h8) = columns(begin);
        self.run(
            "INSERT OR REPLACE INTO bucket (space, time, h8, count, sum) VALUES (?1, ?2, ?3, ?4, ?5)",
            (space, time, h8, sum.count.cast_signed(), sum.sum),
        )?;
        Ok(())
    }
}

/// Cuts what stands in a stretch into buckets: the first begins where the stretch does. Envelopes at one place stay together.
fn cut_buckets<E>(
    placed: &[(Place, EnvelopeId)],
    from: Place,
    mut put: impl FnMut(Place, &Fingerprint) -> Result<(), E>,
) -> Result<(), E> {
    let (mut begin, mut sum, mut before) = (from, Fingerprint::default(), None);
    for (place, id) in placed {
        if sum.count >= BUCKET_CUT as u64 && before != Some(*place) {
            put(begin, &sum)?;
            (begin, sum) = (*place, Fingerprint::default());
        }
        sum.add(&set_element(id));
        before = Some(*place);
    }
    put(begin, &sum)
}

/// Fills the buckets of a store that had none; `env_at` is filled.
pub(crate) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT DISTINCT space FROM env_at")?;
    let spaces: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut of_space = connection.prepare(
        "SELECT v.authored_at, l.hash FROM env_at a JOIN log l ON l.id = a.env JOIN env v ON v.id = a.env WHERE a.space = ?1",
    )?;
    let mut insert =
        connection.prepare("INSERT INTO bucket (space, time, h8, count, sum) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for space in spaces {
        let mut placed: Vec<(Place, EnvelopeId)> = of_space
            .query_map([space], |row| {
                let id = EnvelopeId::from_bytes(row.get(1)?);
                Ok((Place::at(Timestamp::from_ms(row.get(0)?), &id), id))
            })?
            .collect::<rusqlite::Result<_>>()?;
        placed.sort_unstable();
        cut_buckets(&placed, Place::FIRST, |begin, sum| {
            let (time, h8) = columns(begin);
            insert.execute((space, time, h8, sum.count.cast_signed(), sum.sum)).map(|_| ())
        })?;
    }
    Ok(())
}
