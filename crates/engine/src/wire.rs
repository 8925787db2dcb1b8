//! Message bodies as they go over HTTP: the machine's bytes, compressed.
//!
//! What carries texts is compressed with the store's dictionary; a first question is not, so that a peer of any version can read
//! which version it is.

use std::io::{self, Read as _};
use std::sync::OnceLock;

use dm_collab::sync::{MESSAGE_BYTES_MAX, Message};
use dm_store::{DICTIONARY, DICTIONARY_ID};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

/// What HTTP calls the bodies of a sync.
pub const SYNC_MEDIA_TYPE: &str = "application/vnd.darkmatter.sync";
/// Fast, and as small as a higher level within a few percent for texts of this size.
const LEVEL: i32 = 3;
/// The largest window that a peer may ask for, as a power of two: 128 MiB, which zstd itself allows without being told.
const WINDOW_LOG_MAX: u32 = 27;

/// A message as bytes, and how they are compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The machine's bytes.
    pub bytes: Vec<u8>,
    /// Whether they hold texts, and whoever reads them has the dictionary.
    pub texts: bool,
}

impl Spoken {
    /// A message of version 2.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let texts = matches!(message, Message::Delivery(_) | Message::Put { .. } | Message::Finished { .. });
        Self { bytes: message.encode(), texts }
    }

    /// The body that carries it.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        if self.texts { pack_texts(&self.bytes) } else { pack(&self.bytes) }
    }
}

/// Compresses a body.
#[must_use]
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    // It fails only where memory cannot be had or the level is none.
    zstd::encode_all(bytes, LEVEL).unwrap_or_default()
}

/// Compresses a body with the dictionary.
fn pack_texts(bytes: &[u8]) -> Vec<u8> {
    static PREPARED: OnceLock<Option<EncoderDictionary<'static>>> = OnceLock::new();
    let Some(dictionary) = PREPARED.get_or_init(|| EncoderDictionary::try_copy(DICTIONARY, LEVEL).ok()) else {
        return pack(bytes);
    };
    let packed =
        zstd::stream::write::Encoder::with_prepared_dictionary(Vec::new(), dictionary).and_then(|mut encoder| {
            encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
            io::Write::write_all(&mut encoder, bytes)?;
            encoder.finish()
        });
    packed.unwrap_or_default()
}

/// Takes a body apart again: never into more than a message may have.
///
/// # Errors
/// If the bytes are not compressed so, are cut off, or say more than [`MESSAGE_BYTES_MAX`].
pub fn unpack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    static PREPARED: OnceLock<DecoderDictionary<'static>> = OnceLock::new();
    match zstd::zstd_safe::get_dict_id_from_frame(bytes).map(std::num::NonZeroU32::get) {
        None => limited(zstd::stream::read::Decoder::with_buffer(bytes)?),
        Some(DICTIONARY_ID) => {
            let dictionary = PREPARED.get_or_init(|| DecoderDictionary::copy(DICTIONARY));
            limited(zstd::stream::read::Decoder::with_prepared_dictionary(bytes, dictionary)?)
        }
        Some(other) => Err(io::Error::other(format!("it needs the dictionary {other}, which is not known here"))),
    }
}

fn limited<'d>(mut decoder: zstd::stream::read::Decoder<'d, &[u8]>) -> io::Result<Vec<u8>> {
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    let mut unpacked = Vec::new();
    let limit = MESSAGE_BYTES_MAX as u64;
    decoder.take(limit + 1).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > limit {
        return Err(io::Error::other(format!("more than {limit} bytes")));
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(bytes: &[u8]) -> [Vec<u8>; 2] {
        [false, true].map(|texts| Spoken { bytes: bytes.to_vec(), texts }.pack())
    }

    #[test]
    fn what_is_packed_unpacks() {
        for text in ["", "a", &"many words ".repeat(1000)] {
            for packed in both(text.as_bytes()) {
                assert_eq!(unpack(&packed).unwrap(), text.as_bytes());
            }
        }
    }

    #[test]
    fn texts_are_packed_with_the_dictionary_and_only_with_this_one() {
        let text = b"let half (x: Int) : Int = Stdlib.Int.divide x 2";
        let [plain, packed] = both(text);
        assert!(packed.len() < plain.len(), "{} {}", packed.len(), plain.len());
        let id = zstd::zstd_safe::get_dict_id_from_frame(&packed).map(std::num::NonZeroU32::get);
        assert_eq!(id, Some(DICTIONARY_ID));
        let mut other = packed;
        // The two bytes behind the magic number and the frame's first byte.
        other[5..7].copy_from_slice(&60_000u16.to_le_bytes());
        assert!(unpack(&other).unwrap_err().to_string().contains("dictionary 60000"));
    }

    #[test]
    fn what_is_cut_off_or_foreign_is_an_error() {
        for packed in both(&[7; 500]) {
            for end in 0..packed.len() {
                assert!(unpack(&packed[..end]).is_err(), "cut at {end}");
            }
        }
        assert!(unpack(b"<html>no</html>").is_err());
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        for bomb in both(&vec![0; MESSAGE_BYTES_MAX + 1]) {
            assert!(bomb.len() < 100_000);
            let error = unpack(&bomb).unwrap_err().to_string();
            assert!(error.contains("more than"), "{error}");
        }
    }
}
