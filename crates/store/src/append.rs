//! Appending to the log: what arrives and what follows from it, in one transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_collab::{Batch, Fingerprint, ProjectionDelta};
use dm_model::codec::{Domain, hash};
use dm_model::{Body, Envelope, EnvelopeId, Space};

use crate::content::HashedDefinition;
use crate::encoding::Packing;
use crate::error::StoreError;
use crate::ids::Fresh;
use crate::read::join_ids;
use crate::tx::{ReadTx, WriteTx};

/// A batch of at least this many envelopes, ops or definitions is written the way that suits many.
const BULK_MIN: usize = 64;
/// SQLite's page cache while many rows are written, in KiB; its own is 2 MB.
const BULK_CACHE_KIB: i64 = 64 << 10;

/// What arrives together, checked by whoever received or made it, in any order. What is held already is skipped.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// Envelopes, each opened by `Envelope::open` or made by `Envelope::seal`.
    pub envelopes: Vec<Arc<Envelope>>,
    /// Definitions, in the order in which they should lie beside each other.
    pub definitions: Vec<HashedDefinition>,
}

/// What an envelope adds to the fingerprint of its space.
pub(crate) fn set_element(id: &EnvelopeId) -> [u8; 32] {
    hash(Domain::SetElement, 1, &[id.as_bytes()])
}

/// How much there is to write.
fn weight(arrival: &Arrival) -> usize {
    let ops = arrival.envelopes.iter().map(|envelope| match envelope.body() {
        Body::Revision(revision) => revision.ops.len(),
        _ => 1,
    });
    arrival.definitions.len() + ops.sum::<usize>()
}

impl WriteTx<'_> {
    /// Stores what arrives, folds it into the projections, and answers what changed in them. Appending the same again changes
    /// nothing.
    ///
    /// # Errors
    /// The disk, a damaged store; then the transaction must be dropped.
    pub fn append(&mut self, arrival: &Arrival) -> Result<ProjectionDelta, StoreError> {
        if weight(arrival) >= BULK_MIN {
            self.learn_emptiness()?;
            self.enlarge_cache()?;
        }
        let fresh = self.without_held(arrival)?;
        let batch = Batch {
            envelopes: fresh.envelopes.clone(),
            content: fresh.definitions.iter().map(HashedDefinition::head).collect(),
        };
        if batch.envelopes.is_empty() && batch.content.is_empty() {
            return Ok(ProjectionDelta {
                view_fingerprint: dm_collab::ProjectionRead::view_fingerprint(&**self)?,
                ..ProjectionDelta::default()
            });
        }
        let delta = dm_collab::fold(&**self, &batch)?;
        self.put_content(&fresh.definitions, Packing::Small)?;
        self.pack_drafted(&fresh)?;
        let judged = self.put_envelopes(&fresh.envelopes, &delta)?;
        self.write_delta(&judged, &delta)?;
        self.bear_entities()?;
        Ok(delta)
    }

    /// Stores definitions that only drafts name so far: raw, since most are soon replaced.
    ///
    /// # Errors
    /// As [`WriteTx::append`].
    pub fn put_draft_definitions(&mut self, definitions: &[HashedDefinition]) -> Result<(), StoreError> {
        if dm_collab::ProjectionRead::any_pending(&**self)? {
            // A revision of someone else's may wait for just this content.
            let arrival = Arrival { envelopes: Vec::new(), definitions: definitions.to_vec() };
            return self.append(&arrival).map(|_| ());
        }
        self.put_content(definitions, Packing::Quick)?;
        self.bear_entities()
    }

    /// Packs the definitions that lay here raw, as drafts', and are named by a patch from now on.
    fn pack_drafted(&self, fresh: &Arrival) -> Result<(), StoreError> {
        let arrived: BTreeSet<_> = fresh.definitions.iter().map(HashedDefinition::hash).collect();
        for envelope in &fresh.envelopes {
            let Body::Revision(revision) = envelope.body() else { continue };
            for hash in revision.contents().into_iter().filter(|hash| !arrived.contains(hash)) {
                if let Some(local) = self.content_local(&hash)? {
                    self.pack_content(local)?;
                }
            }
        }
        Ok(())
    }

    fn without_held(&self, arrival: &Arrival) -> Result<Arrival, StoreError> {
        let mut fresh = Arrival::default();
        let mut seen = BTreeSet::new();
        for envelope in &arrival.envelopes {
            if seen.insert(envelope.id()) && self.log_local(&envelope.id())?.is_none() {
                fresh.envelopes.push(Arc::clone(envelope));
            }
        }
        let mut seen = BTreeSet::new();
        for definition in &arrival.definitions {
            if seen.insert(definition.hash()) && self.content_local(&definition.hash())?.is_none() {
                fresh.definitions.push(definition.clone());
            }
        }
        Ok(fresh)
    }

    fn enlarge_cache(&self) -> Result<(), StoreError> {
        let set = self.store.connection.pragma_update(None, "cache_size", -BULK_CACHE_KIB);
        set.map_err(|source| self.failure(source))
    }

    /// Writes envelopes to the log, those that count first and needs first. Answers all that the delta judges, so ordered.
    fn put_envelopes(
        &mut self,
        envelopes: &[Arc<Envelope>],
        delta: &ProjectionDelta,
    ) -> Result<Vec<(i64, Arc<Envelope>)>, StoreError> {
        let new: std::collections::BTreeMap<EnvelopeId, &Arc<Envelope>> =
            envelopes.iter().map(|envelope| (envelope.id(), envelope)).collect();
        let mut judged = Vec::with_capacity(new.len());
        let mut prefixes = Vec::with_capacity(new.len());
        for id in delta.counted.iter().chain(delta.pending.keys()) {
            let Some(envelope) = new.get(id) else {
                let local = self.log_local(id)?.ok_or_else(|| self.no_such("envelope", id))?;
                judged.push((local, self.envelope_local(local)?));
                continue;
            };
            let local = self.put_envelope(envelope)?;
            prefixes.push([id.prefix64(), local]);
            judged.push((local, Arc::clone(envelope)));
        }
        self.insert_prefixes("log_h", prefixes.into_iter())?;
        self.add_to_spaces(envelopes)?;
        let added: Vec<_> = judged.iter().filter(|(_, envelope)| new.contains_key(&envelope.id())).cloned().collect();
        self.add_to_ranges(&added)?;
        self.add_unsent(&added)?;
        self.release(new.keys().copied())?;
        Ok(judged)
    }

    fn put_envelope(&mut self, envelope: &Envelope) -> Result<i64, StoreError> {
        let local = self.fresh(Fresh::Log)?;
        let (encoding, bytes) = self.pack_bytes(envelope.bytes(), Packing::Small);
        self.run(
            "INSERT INTO log (id, hash, signature, enc, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
            (local, envelope.id().as_bytes(), envelope.signature().as_bytes(), encoding, bytes),
        )?;
        self.caches.borrow_mut().logs.put(envelope.id(), local);
        Ok(local)
    }

    /// Writes the row of each envelope: what it is, and for a revision what lists of patches show without decoding it.
    pub(crate) fn put_env_row(&self, local: i64, envelope: &Envelope, counted: i64) -> Result<(), StoreError> {
        let header = envelope.header();
        let revision = match envelope.body() {
            Body::Revision(revision) => Some(revision),
            _ => None,
        };
        let named = match envelope.body() {
            Body::Revision(revision) => join_ids(revision.replaces.iter().map(EnvelopeId::as_bytes)),
            _ => Vec::new(),
        };
        let inserted = self.run(
            "INSERT INTO env (id, counted, kind, space, author_key, authored_at, patch, author, intent, created_at, ops, named, effect)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0) ON CONFLICT (id) DO UPDATE SET counted = ?2",
            rusqlite::params![
                local,
                counted,
                header.body_kind.cast_signed(),
                header.space.as_bytes(),
                // Only revisions are looked for by key; of the others the log has it.
                revision.map_or(&[][..], |_| header.author_key.as_bytes().as_slice()),
                header.authored_at.as_ms(),
                revision.map(|revision| revision.patch.as_bytes().as_slice()),
                revision.map(|revision| revision.author.as_str()),
                revision.map(|revision| revision.intent.as_str()),
                revision.map(|revision| revision.created_at.as_ms()),
                revision.map(|revision| i64::try_from(revision.ops.len()).unwrap_or(i64::MAX)),
                named,
            ],
        )?;
        debug_assert_eq!(inserted, 1);
        Ok(())
    }

    /// Adds envelopes to the fingerprints of their spaces.
    pub(crate) fn add_to_spaces(&self, envelopes: &[Arc<Envelope>]) -> Result<(), StoreError> {
        let spaces: BTreeSet<Space> = envelopes.iter().map(|envelope| envelope.header().space).collect();
        for space in spaces {
            let mut fingerprint = self.set_fingerprint(space)?;
            for envelope in envelopes.iter().filter(|envelope| envelope.header().space == space) {
                fingerprint.add(&set_element(&envelope.id()));
            }
            self.run(
                "INSERT OR REPLACE INTO space (space, count, sum) VALUES (?1, ?2, ?3)",
                (space.as_bytes(), fingerprint.count.cast_signed(), fingerprint.sum),
            )?;
        }
        Ok(())
    }
}

impl ReadTx<'_> {
    /// The fingerprint of all envelopes held of a space, pending ones too.
    ///
    /// # Errors
    /// The disk.
    pub fn set_fingerprint(&self, space: Space) -> Result<Fingerprint, StoreError> {
        let sql = "SELECT count, sum FROM space WHERE space = ?1";
        let found = self.row(sql, [space.as_bytes()], |row| {
            Ok(Fingerprint { count: row.get::<_, i64>(0)?.cast_unsigned(), sum: row.get(1)? })
        })?;
        Ok(found.unwrap_or_default())
    }
}
