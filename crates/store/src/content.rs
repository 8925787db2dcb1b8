//! Definitions: packed in rows, given back exactly.
//!
//! A row holds the text and its references with local entity ids, a fifth of their canonical size. The canonical bytes are
//! rebuilt from it; their hash is checked in debug builds and by `verify`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use dm_collab::ContentHead;
use dm_model::{Decoder, DefHash, Definition, Encoder, EntityId, Kind, OpId, Reference, ReferenceForm, Target};

use crate::encoding::{Codec, Packing};
use crate::error::StoreError;
use crate::ids::Fresh;
use crate::tx::{ReadTx, WriteTx};

const IMPLICIT: u8 = 0x10;
const UNRESOLVED: u8 = 0;
const ENTITY: u8 = 1;
const BUILTIN: u8 = 2;
const NAME_BYTES_MAX: usize = 1 << 16;
/// Fewer texts are not worth a thread.
const PACKED_AT_ONCE_MIN: usize = 256;

/// A definition with its hash, ready to be stored.
#[derive(Debug, Clone)]
pub struct HashedDefinition {
    hash: DefHash,
    definition: Arc<Definition>,
}

impl HashedDefinition {
    /// Hashes a definition.
    #[must_use]
    pub fn new(definition: impl Into<Arc<Definition>>) -> Self {
        let definition = definition.into();
        Self { hash: definition.hash(), definition }
    }

    /// A definition that came as canonical bytes, whose hash is known from them.
    #[must_use]
    pub fn of_hash(hash: DefHash, definition: Arc<Definition>) -> Self {
        debug_assert_eq!(definition.hash(), hash, "BUG: a definition under another's hash");
        Self { hash, definition }
    }

    /// The hash.
    #[must_use]
    pub fn hash(&self) -> DefHash {
        self.hash
    }

    /// The definition.
    #[must_use]
    pub fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    pub(crate) fn head(&self) -> ContentHead {
        ContentHead { hash: self.hash, kind: self.definition.kind, uses: self.definition.uses() }
    }
}

/// A row of `content`.
struct Stored {
    hash: DefHash,
    kind: u8,
    encoding: i64,
    text: Vec<u8>,
    refs: Vec<u8>,
}

const STORED: &str = "SELECT hash, kind, enc, text, refs FROM content WHERE id = ?1";

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        hash: DefHash::from_bytes(row.get(0)?),
        kind: row.get(1)?,
        encoding: row.get(2)?,
        text: row.get(3)?,
        refs: row.get(4)?,
    })
}

impl ReadTx<'_> {
    /// A held definition, drafts' ones included.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn definition(&self, hash: &DefHash) -> Result<Option<Definition>, StoreError> {
        self.content_local(hash)?
            .map(|local| self.definition_local(local).map(|(_, definition)| definition))
            .transpose()
    }

    /// What kind a held definition is.
    ///
    /// # Errors
    /// As [`ReadTx::definition`].
    pub fn definition_kind(&self, hash: &DefHash) -> Result<Option<Kind>, StoreError> {
        let Some(local) = self.content_local(hash)? else { return Ok(None) };
        if let Some(known) = self.caches.borrow().kinds.get(&local) {
            return Ok(Some(*known));
        }
        let tag = self.row("SELECT kind FROM content WHERE id = ?1", [local], |row| row.get::<_, u8>(0))?;
        let kind = tag.and_then(Kind::from_tag);
        let kind = kind.ok_or_else(|| self.damaged(format!("content row {local}: kind {tag:?}")))?;
        self.caches.borrow_mut().kinds.insert(local, kind);
        Ok(Some(kind))
    }

    /// Held definitions, in the order asked for.
    ///
    /// # Errors
    /// As [`ReadTx::definition`].
    pub fn definitions(&self, hashes: &[DefHash]) -> Result<Vec<Option<Definition>>, StoreError> {
        hashes.iter().map(|hash| self.definition(hash)).collect()
    }

    /// The canonical bytes of a held definition.
    ///
    /// # Errors
    /// As [`ReadTx::definition`].
    pub fn definition_bytes(&self, hash: &DefHash) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.definition(hash)?.map(|definition| definition.encode()))
    }

    /// The definition of a row, and its hash as the row has it.
    pub(crate) fn definition_local(&self, local: i64) -> Result<(DefHash, Definition), StoreError> {
        let row = self.row(STORED, [local], stored)?;
        let row = row.ok_or_else(|| self.damaged(format!("table content has no row {local}")))?;
        let hash = row.hash;
        let definition = self.unpack(&row)?;
        debug_assert_eq!(definition.hash(), hash, "BUG: content row {local} is not what was stored");
        Ok((hash, definition))
    }

    /// As [`ReadTx::definition_local`], leaving the hash unchecked for the caller to judge.
    pub(crate) fn definition_unchecked(&self, local: i64) -> Result<Definition, StoreError> {
        let row = self.row(STORED, [local], stored)?;
        self.unpack(&row.ok_or_else(|| self.damaged(format!("table content has no row {local}")))?)
    }

    /// The entities live in the own main whose definition has a name that meant nothing when it was saved, ascending.
    ///
    /// # Errors
    /// The disk.
    pub fn with_unresolved_names(&self) -> Result<Vec<EntityId>, StoreError> {
        self.entity_ids_of("SELECT source FROM dep WHERE target = ?1", [NOWHERE])
    }

    /// The entities that a pin in effect was written of.
    ///
    /// # Errors
    /// The disk; a damaged row.
    pub fn with_pins(&self) -> Result<BTreeSet<EntityId>, StoreError> {
        let sql = "SELECT hash, bytes FROM op WHERE kind = 8 AND effective = 1";
        let rows = self.rows(sql, [], |row| Ok((OpId::from_bytes(row.get(0)?), row.get::<_, Vec<u8>>(1)?)))?;
        rows.into_iter().map(|(id, bytes)| Ok(self.op_of(&id, &bytes)?.entity)).collect()
    }

    fn unpack(&self, row: &Stored) -> Result<Definition, StoreError> {
        let wrong = |what: String| self.damaged(format!("definition {}: {what}", row.hash));
        let kind = Kind::from_tag(row.kind).ok_or_else(|| wrong(format!("kind {}", row.kind)))?;
        let text = self.codec.borrow_mut().unpack(row.encoding, &row.text).map_err(wrong)?;
        let text = String::from_utf8(text).map_err(|_| wrong("a text that is not UTF-8".to_owned()))?;
        let references = self.unpack_references(&row.refs).map_err(|error| match error {
            Unpack::Decode(error) => wrong(error.to_string()),
            Unpack::Store(error) => error,
        })?;
        if let Some(reference) = references.iter().find(|r| text.get(r.start as usize..r.end() as usize).is_none()) {
            return Err(wrong(format!("a reference at {} outside its text", reference.start)));
        }
        Ok(Definition { kind, text, references })
    }

    fn unpack_references(&self, packed: &[u8]) -> Result<Vec<Reference>, Unpack> {
        let mut references = Vec::new();
        for Packed { start, length, form, target } in unpack_all(packed)? {
            let target = match target {
                PackedTarget::Other(target) => target,
                PackedTarget::Entity(local) => Target::Entity(self.entity_global(local).map_err(Unpack::Store)?),
            };
            references.push(Reference { start, length, form, target });
        }
        Ok(references)
    }

    /// The local ids of the entities that a row's definition uses; [`NOWHERE`] among them if it has a name that means nothing.
    pub(crate) fn uses_ids(&self, local: i64) -> Result<BTreeSet<i64>, StoreError> {
        if let Some(uses) = self.caches.borrow().uses.get(&local) {
            return Ok(uses.iter().copied().collect());
        }
        let refs = self.row("SELECT refs FROM content WHERE id = ?1", [local], |row| row.get::<_, Vec<u8>>(0))?;
        let refs = refs.ok_or_else(|| self.damaged(format!("table content has no row {local}")))?;
        let packed = unpack_all(&refs).map_err(|error| self.damaged(format!("content row {local}: {error}")))?;
        Ok(packed.iter().filter_map(leads_to).collect())
    }

    /// The local ids of the entities that a row's definition uses, as it stands in the row.
    pub(crate) fn uses_stored(&self, local: i64) -> Result<Vec<i64>, StoreError> {
        let refs = self.row("SELECT refs FROM content WHERE id = ?1", [local], |row| row.get::<_, Vec<u8>>(0))?;
        let packed = unpack_all(&refs.unwrap_or_default());
        let packed = packed.map_err(|error| self.damaged(format!("content row {local}: {error}")))?;
        let entity = |packed: Packed| match packed.target {
            PackedTarget::Entity(local) => Some(local),
            PackedTarget::Other(_) => None,
        };
        Ok(packed.into_iter().filter_map(entity).collect())
    }

    fn unpack_failure(&self, local: i64, error: Unpack) -> StoreError {
        match error {
            Unpack::Decode(error) => self.damaged(format!("content row {local}: {error}")),
            Unpack::Store(error) => error,
        }
    }

    /// The entities that a row's definition uses, ascending by id.
    pub(crate) fn uses_local(&self, local: i64) -> Result<(Kind, Vec<EntityId>), StoreError> {
        let row = self.row("SELECT kind, refs FROM content WHERE id = ?1", [local], |row| {
            Ok((row.get::<_, u8>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let (kind, refs) = row.ok_or_else(|| self.damaged(format!("table content has no row {local}")))?;
        let wrong = |what: String| self.damaged(format!("content row {local}: {what}"));
        let kind = Kind::from_tag(kind).ok_or_else(|| wrong(format!("kind {kind}")))?;
        let references = self.unpack_references(&refs).map_err(|error| self.unpack_failure(local, error))?;
        let mut uses: Vec<EntityId> = references.iter().filter_map(Reference::entity).collect();
        uses.sort_unstable();
        uses.dedup();
        Ok((kind, uses))
    }
}

/// What a name leads to that means nothing, in place of an entity's local id; those begin at 1.
pub(crate) const NOWHERE: i64 = 0;

impl WriteTx<'_> {
    /// Stores definitions that are not held yet. What waited for them does not notice: that is the fold's business.
    pub(crate) fn put_content(&mut self, definitions: &[HashedDefinition], packing: Packing) -> Result<(), StoreError> {
        let mut prefixes = Vec::with_capacity(definitions.len());
        let packed = pack_texts(definitions, packing);
        for (HashedDefinition { hash, definition }, (encoding, text)) in definitions.iter().zip(packed) {
            if self.content_local(hash)?.is_some() {
                continue;
            }
            let local = self.fresh(Fresh::Content)?;
            let refs = self.pack_references(&definition.references)?;
            self.run(
                "INSERT INTO content (id, hash, kind, enc, text, refs) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (local, hash.as_bytes(), definition.kind.tag(), encoding, text, refs),
            )?;
            let mut caches = self.caches.borrow_mut();
            caches.contents.put(*hash, local);
            let uses = definition.references.iter().filter_map(|reference| match &reference.target {
                Target::Entity(entity) => caches.entities.local.get(entity).copied(),
                Target::Unresolved => Some(NOWHERE),
                Target::Builtin { .. } => None,
            });
            let uses: BTreeSet<i64> = uses.collect();
            caches.uses.insert(local, uses.into_iter().collect());
            prefixes.push([hash.prefix64(), local]);
        }
        self.insert_prefixes("content_h", prefixes.into_iter())
    }

    /// Packs the text of a row that lies raw, if that saves something.
    pub(crate) fn pack_content(&self, local: i64) -> Result<(), StoreError> {
        let sql = "SELECT text FROM content WHERE id = ?1 AND enc = 0";
        let Some(text) = self.row(sql, [local], |row| row.get::<_, Vec<u8>>(0))? else { return Ok(()) };
        let (encoding, packed) = self.pack_bytes(&text, Packing::Small);
        if packed.len() < text.len() {
            self.run("UPDATE content SET enc = ?2, text = ?3 WHERE id = ?1", (local, encoding, packed))?;
        }
        Ok(())
    }

    pub(crate) fn pack_bytes<'b>(&self, bytes: &'b [u8], packing: Packing) -> (i64, Cow<'b, [u8]>) {
        self.codec.borrow_mut().pack(bytes, packing)
    }

    fn pack_references(&mut self, references: &[Reference]) -> Result<Vec<u8>, StoreError> {
        let mut to = Encoder::new();
        let mut end = 0;
        for reference in references {
            to.uint(u64::from(reference.start.saturating_sub(end)));
            to.uint(u64::from(reference.length));
            end = reference.end();
            let implicit = if reference.form == ReferenceForm::Implicit { IMPLICIT } else { 0 };
            match &reference.target {
                Target::Unresolved => to.byte(implicit | UNRESOLVED),
                Target::Entity(entity) => {
                    to.byte(implicit | ENTITY);
                    to.uint(self.entity_interned(entity)?.unsigned_abs());
                }
                Target::Builtin { name, version } => {
                    to.byte(implicit | BUILTIN);
                    to.text(name);
                    to.uint(u64::from(*version));
                }
            }
        }
        Ok(to.finish())
    }
}

/// Packs texts; many of them on all cores, since that takes as long as writing them.
fn pack_texts(definitions: &[HashedDefinition], packing: Packing) -> Vec<(i64, Cow<'_, [u8]>)> {
    fn pack(definitions: &[HashedDefinition], packing: Packing) -> Vec<(i64, Cow<'_, [u8]>)> {
        let mut codec = Codec::default();
        definitions.iter().map(|hashed| codec.pack(hashed.definition.text.as_bytes(), packing)).collect()
    }
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = definitions.len().div_ceil(workers).max(PACKED_AT_ONCE_MIN);
    if packing == Packing::Quick || size >= definitions.len() {
        return pack(definitions, packing);
    }
    std::thread::scope(|scope| {
        let chunks = definitions.chunks(size);
        let running: Vec<_> = chunks.map(|chunk| scope.spawn(move || pack(chunk, packing))).collect();
        // A panic of a worker is our bug, and goes on here.
        running
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|bug| std::panic::resume_unwind(bug)))
            .collect()
    })
}

/// A reference as it lies in a row.
struct Packed {
    start: u32,
    length: u32,
    form: ReferenceForm,
    target: PackedTarget,
}

enum PackedTarget {
    Entity(i64),
    Other(Target),
}

fn unpack_all(packed: &[u8]) -> Result<Vec<Packed>, dm_model::DecodeError> {
    let mut from = Decoder::new(packed);
    let mut references = Vec::new();
    let mut end = 0u32;
    while from.remaining() > 0 {
        let start = end.saturating_add(u32_of(from.uint("gap")?));
        let length = u32_of(from.uint("length")?);
        let tag = from.byte("target")?;
        let form = if tag & IMPLICIT == 0 { ReferenceForm::Path } else { ReferenceForm::Implicit };
        let target = match tag & !IMPLICIT {
            UNRESOLVED => PackedTarget::Other(Target::Unresolved),
            ENTITY => PackedTarget::Entity(i64::try_from(from.uint("entity")?).unwrap_or(i64::MAX)),
            BUILTIN => {
                let name = from.text(NAME_BYTES_MAX, "builtin")?.to_owned();
                PackedTarget::Other(Target::Builtin { name, version: u32_of(from.uint("version")?) })
            }
            other => return Err(from.unknown("packed target", u64::from(other))),
        };
        end = start.saturating_add(length);
        references.push(Packed { start, length, form, target });
    }
    Ok(references)
}

/// What a reference leads to, as `dep` has it.
fn leads_to(reference: &Packed) -> Option<i64> {
    match reference.target {
        PackedTarget::Entity(local) => Some(local),
        PackedTarget::Other(Target::Unresolved) => Some(NOWHERE),
        PackedTarget::Other(_) => None,
    }
}

/// Fills in for a store of a version before 5 which definitions have names that mean nothing.
pub(crate) fn fill_nowhere(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    let sql =
        "SELECT DISTINCT e.id, c.refs FROM name n JOIN entity e ON e.id = n.entity JOIN content c ON c.id = e.content";
    let mut rows = connection.prepare(sql)?;
    let mut insert = connection.prepare("INSERT OR IGNORE INTO dep (target, source) VALUES (?1, ?2)")?;
    let all = rows.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    for row in all {
        let (entity, refs) = row?;
        // What cannot be read is found by `verify`.
        if unpack_all(&refs).is_ok_and(|packed| packed.iter().any(|reference| leads_to(reference) == Some(NOWHERE))) {
            insert.execute((NOWHERE, entity))?;
        }
    }
    Ok(())
}

/// Why packed references do not unpack.
enum Unpack {
    Decode(dm_model::DecodeError),
    Store(StoreError),
}

impl From<dm_model::DecodeError> for Unpack {
    fn from(error: dm_model::DecodeError) -> Self {
        Self::Decode(error)
    }
}

fn u32_of(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
