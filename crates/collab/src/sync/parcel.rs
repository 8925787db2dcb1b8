//! Parcels: envelopes and the content they name, as they travel, and the checks before they are stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_model::{Body, DefHash, Definition, Envelope, EnvelopeId, RevisionId, Signature, Space};

use super::{ExchangeRead, PARCEL_BYTES_FULL, ProtocolError, SyncError};
use crate::read::ReadError;

/// An envelope as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its author's signature.
    pub signature: Signature,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
}

/// Envelopes, each after all that it needs, and definitions that they name, as canonical bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parcel {
    /// The envelopes.
    pub envelopes: Vec<Sealed>,
    /// The definitions.
    pub definitions: Vec<Vec<u8>>,
}

/// What a checked parcel held.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// The envelopes.
    pub envelopes: Vec<Arc<Envelope>>,
    /// The definitions, each with its hash.
    pub definitions: Vec<(DefHash, Arc<Definition>)>,
}

impl Parcel {
    /// Packs as many of the first of these envelopes as fit, with the definitions that they name, and says how many. One of
    /// another space is left out.
    pub(super) fn pack(read: &dyn ExchangeRead, space: Space, ids: &[EnvelopeId]) -> Result<(Self, usize), ReadError> {
        let mut parcel = Self::default();
        let (mut packed_ids, mut packed) = (BTreeSet::new(), BTreeSet::new());
        let (mut bytes, mut taken) = (0, 0);
        for id in ids {
            if bytes >= PARCEL_BYTES_FULL {
                break;
            }
            taken += 1;
            if !packed_ids.insert(*id) {
                continue;
            }
            let Some(envelope) = read.envelope(id)?.filter(|envelope| envelope.header().space == space) else {
                continue;
            };
            // Its content comes along while there is room; the receiver asks for the rest.
            bytes += envelope.bytes().len();
            if let Body::Revision(revision) = envelope.body() {
                for hash in revision.contents() {
                    if bytes < PARCEL_BYTES_FULL && packed.insert(hash) {
                        bytes += parcel.add(read, &hash)?;
                    }
                }
            }
            parcel.envelopes.push(Sealed { signature: *envelope.signature(), bytes: envelope.bytes().to_vec() });
        }
        Ok((parcel, taken))
    }

    /// Packs as many of the first of these definitions as fit, and says how many. One whose revision does not name it, or is
    /// of another space, is left out: content is served only through what reaches it.
    pub(super) fn pack_content(
        read: &dyn ExchangeRead,
        space: Space,
        pairs: &[(RevisionId, DefHash)],
    ) -> Result<(Self, usize), ReadError> {
        let mut parcel = Self::default();
        let mut named: Option<(RevisionId, Vec<DefHash>)> = None;
        let mut packed = BTreeSet::new();
        let (mut bytes, mut taken) = (0, 0);
        for (revision, hash) in pairs {
            if bytes >= PARCEL_BYTES_FULL {
                break;
            }
            taken += 1;
            if named.as_ref().is_none_or(|(known, _)| known != revision) {
                named = Some((*revision, contents_of(read, space, revision)?));
            }
            let reached = named.as_ref().is_some_and(|(_, contents)| contents.binary_search(hash).is_ok());
            if reached && packed.insert(*hash) {
                bytes += parcel.add(read, hash)?;
            }
        }
        Ok((parcel, taken))
    }

    fn add(&mut self, read: &dyn ExchangeRead, hash: &DefHash) -> Result<usize, ReadError> {
        let Some(definition) = read.definition(hash)? else { return Ok(0) };
        let bytes = definition.encode();
        let length = bytes.len();
        self.definitions.push(bytes);
        Ok(length)
    }
}

/// The definitions that a held revision of a space names, ascending.
fn contents_of(read: &dyn ExchangeRead, space: Space, revision: &RevisionId) -> Result<Vec<DefHash>, ReadError> {
    Ok(match read.envelope(revision)? {
        Some(envelope) if envelope.header().space == space => match envelope.body() {
            Body::Revision(revision) => revision.contents(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    })
}

/// Checks a parcel: hash, signature and bounds of each envelope, that it is of the space and `accepts` it; of each definition
/// that it decodes, and that an envelope of the parcel names it or `awaits` it. What is in it twice is handed out once.
///
/// # Errors
/// The first thing that is wrong; then nothing of the parcel may be stored.
pub fn check_parcel(
    parcel: &Parcel,
    space: Space,
    accepts: &dyn Fn(&Envelope) -> bool,
    awaits: &dyn Fn(&DefHash) -> Result<bool, ReadError>,
) -> Result<Received, SyncError> {
    let mut received = Received::default();
    let mut named: BTreeSet<DefHash> = BTreeSet::new();
    let (mut ids, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    for sealed in &parcel.envelopes {
        let envelope = Envelope::open(sealed.bytes.clone(), sealed.signature).map_err(ProtocolError::from)?;
        if envelope.header().space != space {
            return Err(ProtocolError::OtherSpace.into());
        }
        if !accepts(&envelope) {
            return Err(ProtocolError::UnaskedEnvelope(envelope.id()).into());
        }
        if let Body::Revision(revision) = envelope.body() {
            named.extend(revision.contents());
        }
        if ids.insert(envelope.id()) {
            received.envelopes.push(Arc::new(envelope));
        }
    }
    for bytes in &parcel.definitions {
        let definition = Definition::decode(bytes).map_err(ProtocolError::Definition)?;
        let hash = Definition::hash_of(bytes);
        if !named.contains(&hash) && !awaits(&hash)? {
            return Err(ProtocolError::UnaskedDefinition(hash).into());
        }
        if hashes.insert(hash) {
            received.definitions.push((hash, Arc::new(definition)));
        }
    }
    Ok(received)
}

impl Received {
    /// The definitions that its revisions name and that neither it nor the store holds, revision by revision.
    pub(super) fn missing(&self, read: &dyn ExchangeRead) -> Result<Vec<(RevisionId, DefHash)>, ReadError> {
        let held: BTreeSet<DefHash> = self.definitions.iter().map(|(hash, _)| *hash).collect();
        let mut missing = Vec::new();
        for envelope in &self.envelopes {
            let Body::Revision(revision) = envelope.body() else { continue };
            for hash in revision.contents() {
                if !held.contains(&hash) && !read.content_present(&hash)? {
                    missing.push((envelope.id(), hash));
                }
            }
        }
        Ok(missing)
    }
}
