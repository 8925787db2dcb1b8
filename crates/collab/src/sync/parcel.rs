//! Parcels: envelopes and the content they name, as they travel, and the checks before they are stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_model::codec::{Domain, hash};
use dm_model::{
    Body, DecodeError, Decoder, DefHash, Definition, Encoder, Envelope, EnvelopeError, EnvelopeId, RevisionId,
    Signature, Space,
};

use super::{ExchangeRead, IDS_MAX, MESSAGE_BYTES_MAX, PAIRS_MAX, PARCEL_BYTES_FULL, ProtocolError, SyncError};
use crate::read::ReadError;

/// An envelope as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its author's signature.
    pub signature: Signature,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
}

impl Sealed {
    /// The id of what its bytes are, whether they are an envelope or not. Those of a later format have its version hashed in.
    #[must_use]
    pub fn id(&self) -> EnvelopeId {
        let version = self.bytes.first().copied().unwrap_or_default();
        EnvelopeId::from_bytes(hash(Domain::Envelope, version, &[&self.bytes]))
    }
}

/// Why an envelope did not pass its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// Its bytes are those of another id.
    OtherHash(EnvelopeId),
    /// They are no valid envelope.
    Invalid(EnvelopeError),
}

impl Flaw {
    /// Whether a later version of this program may find it whole: its hash holds, and its format is not known here.
    #[must_use]
    pub fn is_later_format(&self) -> bool {
        let Self::Invalid(EnvelopeError::Decode(DecodeError::Unknown { what, .. })) = self else { return false };
        *what == "envelope format"
    }
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OtherHash(id) => write!(f, "its bytes are those of {id}"),
            Self::Invalid(error) => error.fmt(f),
        }
    }
}

/// An envelope that arrived and did not pass its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The id under which it was asked for, else that of its bytes.
    pub id: EnvelopeId,
    /// What arrived.
    pub sealed: Sealed,
    /// What is wrong with it.
    pub flaw: Flaw,
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
    /// What did not pass its checks and is not to be stored with the rest.
    pub refused: Vec<Refused>,
}

impl Parcel {
    /// Packs as many of the first of these envelopes as fit, with the definitions that they name, and says how many. One of
    /// another space is left out.
    pub(super) fn pack(
        read: &dyn ExchangeRead,
        spaces: &[Space],
        ids: &[EnvelopeId],
    ) -> Result<(Self, usize), ReadError> {
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
            let Some(envelope) = read.envelope(id)?.filter(|envelope| spaces.contains(&envelope.header().space)) else {
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
        spaces: &[Space],
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
                named = Some((*revision, contents_of(read, spaces, revision)?));
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

/// The definitions that a held revision of these spaces names, ascending.
fn contents_of(read: &dyn ExchangeRead, spaces: &[Space], revision: &RevisionId) -> Result<Vec<DefHash>, ReadError> {
    Ok(match read.envelope(revision)? {
        Some(envelope) if spaces.contains(&envelope.header().space) => match envelope.body() {
            Body::Revision(revision) => revision.contents(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    })
}

/// Checks a parcel: hash, signature and bounds of each envelope, that it is of one of the spaces and `accepts` it; of each definition
/// that it decodes, and that an envelope of the parcel names it or `awaits` it. What is in it twice is handed out once.
///
/// # Errors
/// The first thing that is wrong; then nothing of the parcel may be stored.
pub fn check_parcel(
    parcel: &Parcel,
    spaces: &[Space],
    accepts: &dyn Fn(&Envelope) -> bool,
    awaits: &dyn Fn(&DefHash) -> Result<bool, ReadError>,
) -> Result<Received, SyncError> {
    let mut received = Received::default();
    let mut named: BTreeSet<DefHash> = BTreeSet::new();
    let (mut ids, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    for sealed in &parcel.envelopes {
        let envelope = Envelope::open(sealed.bytes.clone(), sealed.signature).map_err(ProtocolError::from)?;
        if !spaces.contains(&envelope.header().space) {
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
    /// Takes apart what passes its checks and what does not: of each envelope, that its bytes have this id and are a valid
    /// envelope; of each definition, that it decodes and an envelope names it. What is there twice is taken once.
    ///
    /// # Errors
    /// A valid envelope of another space, a definition that nothing names: no accident, but a peer that does not keep to the
    /// protocol.
    pub(super) fn sift(
        sealed: Vec<(EnvelopeId, Sealed)>,
        definitions: &[Vec<u8>],
        spaces: &[Space],
    ) -> Result<Self, SyncError> {
        let mut received = Self::default();
        let mut ids = BTreeSet::new();
        for (id, sealed) in sealed.into_iter().filter(|(id, _)| ids.insert(*id)) {
            match open(id, &sealed) {
                Ok(envelope) if spaces.contains(&envelope.header().space) => {
                    received.envelopes.push(Arc::new(envelope));
                }
                Ok(_) => return Err(ProtocolError::OtherSpace.into()),
                Err(flaw) => received.refused.push(Refused { id, sealed, flaw }),
            }
        }
        received.take_definitions(definitions, &|_| Ok(false), received.refused.is_empty())?;
        Ok(received)
    }

    /// Takes the definitions that its envelopes name or something `awaits`; one that does not decode is passed over, since what
    /// names it goes on waiting for it.
    ///
    /// # Errors
    /// One that nothing names or awaits, if that is `strict`ly forbidden; the own store.
    pub(super) fn take_definitions(
        &mut self,
        definitions: &[Vec<u8>],
        awaits: &dyn Fn(&DefHash) -> Result<bool, ReadError>,
        strict: bool,
    ) -> Result<(), SyncError> {
        let mut named: BTreeSet<DefHash> = BTreeSet::new();
        for envelope in &self.envelopes {
            if let Body::Revision(revision) = envelope.body() {
                named.extend(revision.contents());
            }
        }
        let mut taken: BTreeSet<DefHash> = self.definitions.iter().map(|(hash, _)| *hash).collect();
        for bytes in definitions {
            let Ok(definition) = Definition::decode(bytes) else { continue };
            let hash = Definition::hash_of(bytes);
            if !named.contains(&hash) && !awaits(&hash)? {
                if strict {
                    return Err(ProtocolError::UnaskedDefinition(hash).into());
                }
            } else if taken.insert(hash) {
                self.definitions.push((hash, Arc::new(definition)));
            }
        }
        Ok(())
    }

    /// The ids of what did not pass, ascending.
    pub(super) fn refused_ids(&self) -> Vec<EnvelopeId> {
        let ids: BTreeSet<EnvelopeId> = self.refused.iter().map(|refused| refused.id).collect();
        ids.into_iter().collect()
    }

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

/// The envelope that is asked for under an id, or what is wrong with what came.
fn open(id: EnvelopeId, sealed: &Sealed) -> Result<Envelope, Flaw> {
    let found = sealed.id();
    if found != id {
        return Err(Flaw::OtherHash(found));
    }
    Envelope::open(sealed.bytes.clone(), sealed.signature).map_err(Flaw::Invalid)
}

/// The content that the stored revisions still wait for.
pub(super) fn still_missing(
    received: &Received,
    read: &dyn ExchangeRead,
) -> Result<Vec<(RevisionId, DefHash)>, ReadError> {
    let mut missing = Vec::new();
    for envelope in &received.envelopes {
        let Body::Revision(revision) = envelope.body() else { continue };
        for hash in revision.contents() {
            if missing.len() < PAIRS_MAX && !read.content_present(&hash)? {
                missing.push((envelope.id(), hash));
            }
        }
    }
    Ok(missing)
}

pub(super) fn put_parcel(to: &mut Encoder, parcel: &Parcel) {
    to.list(&parcel.envelopes, put_sealed);
    to.list(&parcel.definitions, |to, bytes| to.bytes(bytes));
}

pub(super) fn get_parcel(from: &mut Decoder<'_>) -> Result<Parcel, DecodeError> {
    let envelopes = from.list(IDS_MAX, "envelopes", get_sealed)?;
    let definitions =
        from.list(IDS_MAX, "definitions", |from| Ok(from.bytes(MESSAGE_BYTES_MAX, "definition")?.to_vec()))?;
    Ok(Parcel { envelopes, definitions })
}

pub(super) fn put_sealed(to: &mut Encoder, sealed: &Sealed) {
    to.raw(sealed.signature.as_bytes());
    to.bytes(&sealed.bytes);
}

pub(super) fn get_sealed(from: &mut Decoder<'_>) -> Result<Sealed, DecodeError> {
    let signature = Signature::from_bytes(from.array("signature")?);
    Ok(Sealed { signature, bytes: from.bytes(MESSAGE_BYTES_MAX, "envelope")?.to_vec() })
}
