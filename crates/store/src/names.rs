//! Names and what they lead to in the own main: listings, lookups.

use std::collections::BTreeMap;

use dm_model::{DefHash, EntityId, EnvelopeId, Kind, Location, Timestamp, Visibility};

use crate::error::StoreError;
use crate::tx::ReadTx;

/// A live name of the own main with its provisional definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveName {
    /// The location.
    pub location: Location,
    /// The entity there.
    pub entity: EntityId,
    /// Its provisional definition.
    pub content: DefHash,
    /// The definition's kind.
    pub kind: Kind,
    /// Who may refer to it.
    pub visibility: Visibility,
}

/// What lies directly in a module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModuleListing {
    /// The definitions, by location.
    pub names: Vec<LiveName>,
    /// The modules with how many definitions each holds, all levels down.
    pub modules: BTreeMap<String, u64>,
}

/// Where an entity was written first: the order in which people wrote things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrittenAt {
    /// When the envelope that created it says it was made.
    pub authored_at: Timestamp,
    /// The envelope.
    pub envelope: EnvelopeId,
    /// The op's place in it.
    pub position: u64,
}

const LIVE: &str = "SELECT n.path, e.hash, c.hash, c.kind, e.visibility
    FROM name n JOIN entity e ON e.id = n.entity JOIN content c ON c.id = e.content";

/// Columns of [`LIVE`] before they are checked.
type LiveRow = (String, EntityId, DefHash, u8, u8);

fn live_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<LiveRow> {
    Ok((
        row.get(0)?,
        EntityId::from_bytes(row.get(1)?),
        DefHash::from_bytes(row.get(2)?),
        row.get(3)?,
        row.get::<_, Option<u8>>(4)?.unwrap_or_default(),
    ))
}

/// The least text above all that begin with `prefix` and a dot.
fn range_of(module: &str) -> (String, String) {
    if module.is_empty() {
        (String::new(), char::MAX.to_string())
    } else {
        (format!("{module}."), format!("{module}/"))
    }
}

impl ReadTx<'_> {
    fn live_name(&self, (path, entity, content, kind, visibility): LiveRow) -> Result<LiveName, StoreError> {
        let wrong = |what: &str| self.damaged(format!("name `{path}`: {what}"));
        Ok(LiveName {
            location: path.parse().map_err(|_| wrong("no location"))?,
            entity,
            content,
            kind: Kind::from_tag(kind).ok_or_else(|| wrong("no such kind"))?,
            visibility: Visibility::from_tag(visibility).ok_or_else(|| wrong("no such visibility"))?,
        })
    }

    fn live_names_of(&self, clauses: &str, params: impl rusqlite::Params) -> Result<Vec<LiveName>, StoreError> {
        let rows = self.rows(&format!("{LIVE} {clauses}"), params, live_row)?;
        rows.into_iter().map(|row| self.live_name(row)).collect()
    }

    /// All live names below a module, by location; of the whole main if it is empty.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn live_names(&self, module: &str) -> Result<Vec<LiveName>, StoreError> {
        self.live_names_of("WHERE n.path >= ?1 AND n.path < ?2 ORDER BY n.path, n.entity", range_of(module))
    }

    /// The live names at a location; several if they collide.
    ///
    /// # Errors
    /// As [`ReadTx::live_names`].
    pub fn names_at(&self, location: &Location) -> Result<Vec<LiveName>, StoreError> {
        self.live_names_of("WHERE n.path = ?1 ORDER BY n.entity", [location.as_str()])
    }

    /// The live names of an entity; several if moves of it conflict.
    ///
    /// # Errors
    /// As [`ReadTx::live_names`].
    pub fn names_of(&self, entity: &EntityId) -> Result<Vec<LiveName>, StoreError> {
        let Some(state) = dm_collab::ProjectionRead::entity(self, entity)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for location in &state.live {
            names.extend(self.names_at(location)?.into_iter().filter(|name| name.entity == *entity));
        }
        Ok(names)
    }

    /// The live names whose last segment is this one.
    ///
    /// # Errors
    /// As [`ReadTx::live_names`].
    pub fn names_ending(&self, segment: &str) -> Result<Vec<LiveName>, StoreError> {
        let clauses = "WHERE substr(n.path, -length(?1)) = ?1 ORDER BY n.path, n.entity";
        self.live_names_of(clauses, [format!(".{segment}")])
    }

    /// What lies directly in a module; owners if it is empty.
    ///
    /// # Errors
    /// As [`ReadTx::live_names`].
    pub fn module_listing(&self, module: &str) -> Result<ModuleListing, StoreError> {
        let (from, to) = range_of(module);
        let paths = self
            .rows("SELECT path FROM name WHERE path >= ?1 AND path < ?2", (&from, to), |row| row.get::<_, String>(0))?;
        let mut listing = ModuleListing::default();
        let mut here: Vec<&str> = Vec::new();
        for path in &paths {
            match path.get(from.len()..).and_then(|rest| rest.split_once('.')) {
                Some((next, _)) => *listing.modules.entry(next.to_owned()).or_default() += 1,
                None => here.push(path),
            }
        }
        here.dedup();
        for path in here {
            listing.names.extend(self.live_names_of("WHERE n.path = ?1 ORDER BY n.entity", [path])?);
        }
        Ok(listing)
    }

    /// Where each entity of the own main was created first, for those that have a creation, in that order.
    ///
    /// # Errors
    /// The disk.
    pub fn order_of_writing(&self) -> Result<Vec<(EntityId, WrittenAt)>, StoreError> {
        let sql = "SELECT e.hash, v.authored_at, r.env, r.position FROM op o JOIN op_rev r ON r.op = o.id
            JOIN env v ON v.id = r.env JOIN op_e x ON x.op = o.id JOIN entity e ON e.id = x.entity
            WHERE o.kind = 1 AND o.effective = 1";
        self.first_written(sql, [])
    }

    /// Where an entity of the own main was created first, if it has a creation.
    ///
    /// # Errors
    /// The disk.
    pub fn written_at(&self, entity: &EntityId) -> Result<Option<WrittenAt>, StoreError> {
        let Some(local) = self.entity_local(entity)? else { return Ok(None) };
        let sql = "SELECT e.hash, v.authored_at, r.env, r.position FROM op_e x JOIN op o ON o.id = x.op
            JOIN op_rev r ON r.op = o.id JOIN env v ON v.id = r.env JOIN entity e ON e.id = x.entity
            WHERE x.entity = ?1 AND o.kind = 1 AND o.effective = 1";
        Ok(self.first_written(sql, [local])?.first().map(|(_, written)| *written))
    }

    fn first_written(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<(EntityId, WrittenAt)>, StoreError> {
        let rows = self.rows(sql, params, |row| {
            Ok((EntityId::from_bytes(row.get(0)?), row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
        })?;
        let mut first: BTreeMap<EntityId, WrittenAt> = BTreeMap::new();
        for (entity, authored_at, env, position) in rows {
            let written = WrittenAt {
                authored_at: Timestamp::from_ms(authored_at),
                envelope: self.log_global(env)?,
                position: position.cast_unsigned(),
            };
            let least = first.entry(entity).or_insert(written);
            *least = written.min(*least);
        }
        let mut ordered: Vec<_> = first.into_iter().collect();
        ordered.sort_unstable_by_key(|(entity, written)| (*written, *entity));
        Ok(ordered)
    }
}
