//! Settings of this store, and the bases that imports are compared with (SEMANTICS R6).

use dm_model::{DefHash, EntityId, Location, OpId};

use crate::command::{BASES_IMAGED_MAX, Row};
use crate::error::StoreError;
use crate::read::{join_ids, split_ids};
use crate::tx::{ReadTx, WriteTx};

/// What an import or export of a folder last had at a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportBase {
    /// The location.
    pub location: Location,
    /// The entity.
    pub entity: EntityId,
    /// Its definition then.
    pub content: DefHash,
    /// The content heads that the folder's text was made from, ascending.
    pub heads: Vec<OpId>,
    /// The file it stood in, relative to the folder.
    pub file: String,
}

const BASE: &str =
    "SELECT b.location, e.hash, c.hash, b.heads, b.file FROM import_base b JOIN entity e ON e.id = b.entity
    JOIN content c ON c.id = b.content";

/// Location, entity, content, heads, file.
type BaseRow = (String, EntityId, DefHash, Vec<u8>, String);

fn base_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<BaseRow> {
    let (entity, content) = (EntityId::from_bytes(row.get(1)?), DefHash::from_bytes(row.get(2)?));
    Ok((row.get(0)?, entity, content, row.get(3)?, row.get(4)?))
}

impl ReadTx<'_> {
    /// A setting.
    ///
    /// # Errors
    /// The disk.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.row("SELECT value FROM config WHERE key = ?1", [key], |row| row.get(0))
    }

    /// All settings, by key.
    ///
    /// # Errors
    /// The disk.
    pub fn settings(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.rows("SELECT key, value FROM config ORDER BY key", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn import_root(&self, root: &str) -> Result<Option<i64>, StoreError> {
        self.row("SELECT id FROM import_root WHERE root = ?1", [root], |row| row.get(0))
    }

    /// The folders that have bases, by key.
    ///
    /// # Errors
    /// The disk.
    pub fn import_roots(&self) -> Result<Vec<String>, StoreError> {
        self.rows("SELECT root FROM import_root ORDER BY root", [], |row| row.get(0))
    }

    /// The bases of a folder, by location.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn import_bases(&self, root: &str) -> Result<Vec<ImportBase>, StoreError> {
        let Some(root) = self.import_root(root)? else { return Ok(Vec::new()) };
        let rows = self.rows(&format!("{BASE} WHERE b.root = ?1 ORDER BY b.location"), [root], base_row)?;
        rows.into_iter().map(|row| self.base_of(row)).collect()
    }

    /// The base of a folder at a location.
    pub(crate) fn import_base(&self, root: &str, location: &str) -> Result<Option<ImportBase>, StoreError> {
        let Some(root) = self.import_root(root)? else { return Ok(None) };
        let row = self.row(&format!("{BASE} WHERE b.root = ?1 AND b.location = ?2"), (root, location), base_row)?;
        row.map(|row| self.base_of(row)).transpose()
    }

    fn base_of(&self, (path, entity, content, heads, file): BaseRow) -> Result<ImportBase, StoreError> {
        let wrong = || self.damaged(format!("import base of `{path}`"));
        let location = path.parse().map_err(|_| wrong())?;
        let heads = split_ids(&heads, OpId::from_bytes).ok_or_else(wrong)?;
        Ok(ImportBase { location, entity, content, heads, file })
    }
}

impl WriteTx<'_> {
    /// Writes a setting; nothing removes it.
    ///
    /// # Errors
    /// The disk.
    pub fn put_setting(&mut self, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        self.capture(Row::Setting(key.to_owned()))?;
        match value {
            Some(value) => self.run("INSERT OR REPLACE INTO config (key, value) VALUES (?1, ?2)", (key, value))?,
            None => self.run("DELETE FROM config WHERE key = ?1", [key])?,
        };
        Ok(())
    }

    /// Changes the instance's name. The open [`crate::Store`] goes on telling the old one.
    ///
    /// # Errors
    /// The disk.
    pub fn rename_instance(&mut self, name: &str) -> Result<(), StoreError> {
        self.run("UPDATE meta SET instance_name = ?1", [name])?;
        Ok(())
    }

    /// Writes bases of a folder; other locations of it stay.
    ///
    /// # Errors
    /// The disk; a definition that is not held.
    pub fn put_import_bases(&mut self, root: &str, bases: &[ImportBase]) -> Result<(), StoreError> {
        self.capture_bases(root, bases.iter().map(|base| &base.location), bases.len())?;
        self.run("INSERT OR IGNORE INTO import_root (root) VALUES (?1)", [root])?;
        let root = self.import_root(root)?.ok_or_else(|| self.no_such("folder", root))?;
        let mut ordered: Vec<&ImportBase> = bases.iter().collect();
        ordered.sort_by(|left, right| left.location.cmp(&right.location));
        for base in ordered {
            let content = self.content_local(&base.content)?.ok_or_else(|| self.no_such("definition", base.content))?;
            let entity = self.entity_interned(&base.entity)?;
            self.run(
                "INSERT OR REPLACE INTO import_base (root, location, entity, content, heads, file) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (root, base.location.as_str(), entity, content, join_ids(base.heads.iter().map(OpId::as_bytes)), &base.file),
            )?;
        }
        self.bear_entities()
    }

    /// Forgets a folder's bases at these locations.
    ///
    /// # Errors
    /// The disk.
    pub fn remove_import_bases(&mut self, root: &str, locations: &[Location]) -> Result<(), StoreError> {
        self.capture_bases(root, locations.iter(), locations.len())?;
        let Some(root) = self.import_root(root)? else { return Ok(()) };
        for location in locations {
            let sql = "DELETE FROM import_base WHERE root = ?1 AND location = ?2";
            self.run(sql, (root, location.as_str()))?;
        }
        Ok(())
    }

    /// Keeps images of a few bases; of many it keeps that the folder's bases changed.
    fn capture_bases<'l>(
        &mut self,
        root: &str,
        locations: impl Iterator<Item = &'l Location>,
        count: usize,
    ) -> Result<(), StoreError> {
        if count > BASES_IMAGED_MAX {
            return self.capture(Row::Bases(root.to_owned()));
        }
        for location in locations {
            self.capture(Row::Base(root.to_owned(), location.as_str().to_owned()))?;
        }
        Ok(())
    }

    /// Forgets all of a folder's bases.
    ///
    /// # Errors
    /// The disk.
    pub fn forget_import_root(&mut self, root: &str) -> Result<(), StoreError> {
        self.capture(Row::Bases(root.to_owned()))?;
        let Some(root) = self.import_root(root)? else { return Ok(()) };
        self.run("DELETE FROM import_base WHERE root = ?1", [root])?;
        self.run("DELETE FROM import_root WHERE id = ?1", [root])?;
        Ok(())
    }
}
