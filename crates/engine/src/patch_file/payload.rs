//! What a patch file carries for programs, and its bytes.

use dm_collab::sync::{Parcel, Sealed};
use dm_model::{DecodeError, Decoder, Encoder, Location, OpId, PatchId, Signature};

use super::PatchFileError;
use crate::error::EngineError;
use crate::wire;

/// Version of the format; the first byte of a payload.
pub(super) const FORMAT: u8 = 1;
const ELEMENTS_MAX: usize = 1 << 20;
const BYTES_MAX: usize = 48 << 20;
const INTENT_BYTES_MAX: usize = dm_model::revision::INTENT_BYTES_MAX;

/// Envelopes and all that reading them takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Payload {
    /// The revisions, each after those that it needs, and the content that they name.
    pub parcel: Parcel,
    /// The definitions that edits were made from, as canonical bytes: for the diff.
    pub bases: Vec<Vec<u8>>,
    /// Where the entities are that are written.
    pub places: Vec<Place>,
    /// What is needed and not in the file.
    pub needs: Vec<NeedNote>,
}

/// Where an entity is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Where it was born: with the generation, what its id is the hash of.
    pub birth: Location,
    /// Its generation.
    pub generation: u32,
    /// Where it is in the sender's view, if elsewhere.
    pub now: Option<Location>,
}

/// An op that the receiver may lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NeedNote {
    pub op: OpId,
    /// A patch that carries it.
    pub patch: PatchId,
    /// That patch's intent.
    pub intent: String,
}

impl Payload {
    /// Its bytes, compressed.
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        to.byte(FORMAT);
        to.list(&self.parcel.envelopes, |to, sealed| {
            to.raw(sealed.signature.as_bytes());
            to.bytes(&sealed.bytes);
        });
        to.list(&self.parcel.definitions, |to, bytes| to.bytes(bytes));
        to.list(&self.bases, |to, bytes| to.bytes(bytes));
        to.list(&self.places, |to, place| {
            to.text(place.birth.as_str());
            to.uint(u64::from(place.generation));
            to.option(place.now.as_ref(), |to, now| to.text(now.as_str()));
        });
        to.list(&self.needs, |to, need| {
            to.op_id(&need.op);
            to.patch_id(&need.patch);
            to.text(&need.intent);
        });
        wire::pack(&to.finish())
    }

    /// Reads packed bytes.
    pub(super) fn unpack(packed: &[u8]) -> Result<Self, EngineError> {
        let altered = |what: String| EngineError::PatchFile(PatchFileError::Altered(what));
        let bytes = wire::unpack(packed).map_err(|error| altered(error.to_string()))?;
        match bytes.first() {
            Some(&FORMAT) => Self::decode(&bytes).map_err(|error| altered(error.to_string())),
            Some(&found) if found > FORMAT => Err(EngineError::PatchFile(PatchFileError::Newer { found })),
            _ => Err(altered("its payload is of no known format".to_owned())),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        from.byte("format")?;
        let raw = |from: &mut Decoder<'_>| from.bytes(BYTES_MAX, "bytes").map(<[u8]>::to_vec);
        let location = |from: &mut Decoder<'_>| {
            let text = from.text(BYTES_MAX, "location")?.to_owned();
            text.parse::<Location>().map_err(|_| from.not_canonical("a location"))
        };
        let payload = Self {
            parcel: Parcel {
                envelopes: from.list(ELEMENTS_MAX, "envelopes", |from| {
                    Ok(Sealed { signature: Signature::from_bytes(from.array("signature")?), bytes: raw(from)? })
                })?,
                definitions: from.list(ELEMENTS_MAX, "definitions", raw)?,
            },
            bases: from.list(ELEMENTS_MAX, "bases", raw)?,
            places: from.list(ELEMENTS_MAX, "places", |from| {
                let birth = location(from)?;
                let generation = from.uint("generation")?;
                let generation = u32::try_from(generation).map_err(|_| from.not_canonical("a generation"))?;
                Ok(Place { birth, generation, now: from.option("place", location)? })
            })?,
            needs: from.list(ELEMENTS_MAX, "needs", |from| {
                let (op, patch) = (from.op_id()?, from.patch_id()?);
                Ok(NeedNote { op, patch, intent: from.text(INTENT_BYTES_MAX, "intent")?.to_owned() })
            })?,
        };
        from.finish()?;
        Ok(payload)
    }
}
