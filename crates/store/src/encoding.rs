//! How texts and envelopes lie in a column: raw or zstd, by a number beside them.
//!
//! Most of them are short, and a short text gets half as long only with a dictionary that knows what such texts are like. The
//! dictionary is made ready once in a process, the first time that one is packed or unpacked.

use std::borrow::Cow;
use std::sync::OnceLock;

use zstd::dict::{DecoderDictionary, EncoderDictionary};

use crate::dictionary::DICTIONARY;

/// The bytes as they are.
const RAW: i64 = 0;
/// One zstd frame without dictionary that states the length of what it holds.
const ZSTD: i64 = 1;
/// One zstd frame with dictionary 1 that states the length of what it holds.
const ZSTD_DICTIONARY: i64 = 2;
/// Shorter bytes stay raw: a frame's header and the cost of a call eat what is saved.
const COMPRESS_BYTES_MIN: usize = 96;
/// Longer bytes are packed without the dictionary: they are their own.
const DICTIONARY_BYTES_MAX: usize = 32 << 10;
/// Envelopes and definitions are bounded by the model's limits; nothing longer is ever written.
const UNPACKED_BYTES_MAX: usize = dm_model::envelope::ENVELOPE_BYTES_MAX;
/// The fastest level: without a dictionary the higher ones save 2 % of such short texts.
const LEVEL: i32 = 1;
/// With the dictionary this one saves a tenth more than the fastest.
const DICTIONARY_LEVEL: i32 = 3;

static ENCODER: OnceLock<EncoderDictionary<'static>> = OnceLock::new();
static DECODER: OnceLock<DecoderDictionary<'static>> = OnceLock::new();

/// Whether what is stored is worth compressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Long-lived: compress it if that saves something.
    Small,
    /// A draft's: soon replaced, leave it raw.
    Quick,
}

/// Packs and unpacks, keeping zstd's working memory from one call to the next.
#[derive(Default)]
pub(crate) struct Codec {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    dictionary_compressor: Option<zstd::bulk::Compressor<'static>>,
    dictionary_decompressor: Option<zstd::bulk::Decompressor<'static>>,
}

impl Codec {
    /// The number and the bytes to store.
    pub(crate) fn pack<'b>(&mut self, bytes: &'b [u8], packing: Packing) -> (i64, Cow<'b, [u8]>) {
        if packing == Packing::Quick || bytes.len() < COMPRESS_BYTES_MIN {
            return (RAW, Cow::Borrowed(bytes));
        }
        let (encoding, compressor) = if bytes.len() <= DICTIONARY_BYTES_MAX {
            if self.dictionary_compressor.is_none() {
                let dictionary = ENCODER.get_or_init(|| EncoderDictionary::copy(DICTIONARY, DICTIONARY_LEVEL));
                self.dictionary_compressor = zstd::bulk::Compressor::with_prepared_dictionary(dictionary).ok();
            }
            (ZSTD_DICTIONARY, self.dictionary_compressor.as_mut())
        } else {
            if self.compressor.is_none() {
                self.compressor = zstd::bulk::Compressor::new(LEVEL).ok();
            }
            (ZSTD, self.compressor.as_mut())
        };
        match compressor.and_then(|compressor| compressor.compress(bytes).ok()) {
            Some(packed) if packed.len() + packed.len() / 8 < bytes.len() => (encoding, Cow::Owned(packed)),
            _ => (RAW, Cow::Borrowed(bytes)),
        }
    }

    /// The bytes that were stored, or what is wrong with them.
    pub(crate) fn unpack(&mut self, encoding: i64, stored: &[u8]) -> Result<Vec<u8>, String> {
        match encoding {
            RAW => Ok(stored.to_vec()),
            ZSTD => {
                let length = stated_length(stored)?;
                if self.decompressor.is_none() {
                    self.decompressor = zstd::bulk::Decompressor::new().ok();
                }
                unpack(self.decompressor.as_mut(), stored, length)
            }
            ZSTD_DICTIONARY => {
                let length = stated_length(stored)?;
                if self.dictionary_decompressor.is_none() {
                    let dictionary = DECODER.get_or_init(|| DecoderDictionary::copy(DICTIONARY));
                    self.dictionary_decompressor = zstd::bulk::Decompressor::with_prepared_dictionary(dictionary).ok();
                }
                unpack(self.dictionary_decompressor.as_mut(), stored, length)
            }
            other => Err(format!("an encoding {other} that this program does not know")),
        }
    }
}

/// How long a frame says that its content is.
fn stated_length(stored: &[u8]) -> Result<usize, String> {
    let length = zstd::zstd_safe::get_frame_content_size(stored).ok().flatten();
    let length = length.and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= UNPACKED_BYTES_MAX);
    length.ok_or_else(|| "a compressed text without a length, or too long".to_owned())
}

fn unpack(
    decompressor: Option<&mut zstd::bulk::Decompressor<'static>>,
    stored: &[u8],
    length: usize,
) -> Result<Vec<u8>, String> {
    let decompressor = decompressor.ok_or("no memory to unpack a text")?;
    decompressor.decompress(stored, length).map_err(|error| format!("a compressed text: {error}"))
}

/// Bytes as they differ from others that are at hand: small where they share most.
pub(crate) fn delta(bytes: &[u8], from: &[u8]) -> Option<Vec<u8>> {
    zstd::bulk::Compressor::with_dictionary(LEVEL, from).ok()?.compress(bytes).ok()
}

/// What [`delta`] was made of.
pub(crate) fn undelta(delta: &[u8], from: &[u8]) -> Result<Vec<u8>, String> {
    let length = stated_length(delta)?;
    unpack(zstd::bulk::Decompressor::with_dictionary(from).ok().as_mut(), delta, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_damage_is_told() {
        let mut codec = Codec::default();
        let text = "let twice (x: Int64) : Int64 = Stdlib.Int64.multiply x 2L\n".repeat(40);
        let (encoding, stored) = codec.pack(text.as_bytes(), Packing::Small);
        assert_eq!(encoding, ZSTD_DICTIONARY);
        assert!(stored.len() < text.len() / 4);
        assert_eq!(codec.unpack(encoding, &stored).unwrap(), text.as_bytes());
        assert_eq!(codec.pack(text.as_bytes(), Packing::Quick).0, RAW);
        assert_eq!(codec.pack(b"short", Packing::Small).0, RAW);
        let noise: Vec<u8> = (0..500u32)
            .map(|n| dm_model::codec::hash(dm_model::codec::Domain::Op, 9, &[&n.to_be_bytes()])[0])
            .collect();
        assert_eq!(codec.pack(&noise, Packing::Small).0, RAW);
        assert!(codec.unpack(ZSTD_DICTIONARY, &stored[..20]).is_err());
        assert!(codec.unpack(ZSTD, &stored).is_err(), "it names a dictionary");
        let long = text.repeat(20);
        let (encoding, packed) = codec.pack(long.as_bytes(), Packing::Small);
        assert_eq!((encoding, codec.unpack(encoding, &packed)), (ZSTD, Ok(long.clone().into_bytes())));
        assert!(codec.unpack(ZSTD, b"nonsense").is_err());
        assert!(codec.unpack(7, b"").unwrap_err().contains("encoding 7"));
    }

    #[test]
    fn what_versions_before_packed_is_read() {
        // One frame of level 1 without dictionary, as version 3 of the store wrote it.
        let text = "val a = 1L\n".repeat(60);
        let frame = zstd::bulk::compress(text.as_bytes(), 1).unwrap();
        assert_eq!(Codec::default().unpack(ZSTD, &frame).unwrap(), text.as_bytes());
    }

    #[test]
    fn a_delta_is_small_and_gives_back_what_it_was_made_of() {
        let ids: Vec<u8> = (0..1000u32)
            .flat_map(|n| dm_model::codec::hash(dm_model::codec::Domain::Op, 9, &[&n.to_be_bytes()]))
            .collect();
        let longer: Vec<u8> = [b"head ", ids.as_slice(), b" one more"].concat();
        for (bytes, from) in [(&ids, &longer), (&longer, &ids)] {
            let delta = delta(bytes, from).unwrap();
            assert!(delta.len() < 100, "{}", delta.len());
            assert_eq!(&undelta(&delta, from).unwrap(), bytes);
            assert_ne!(undelta(&delta, &ids[7..]).ok().as_ref(), Some(bytes));
        }
        assert!(undelta(b"nonsense", &ids).is_err());
    }
}
