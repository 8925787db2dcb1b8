//! How texts and envelopes lie in a column: raw or zstd, by a number beside them.
//!
//! There is no dictionary: on real packages one saves 55 bytes a definition more than none, which does not pay for 50 µs in
//! each process that reads a text and a file that may never change. The numbers from 2 up are free for one.

use std::borrow::Cow;

/// The bytes as they are.
const RAW: i64 = 0;
/// One zstd frame without dictionary that states the length of what it holds.
const ZSTD: i64 = 1;
/// Shorter bytes stay raw: a frame's header and the cost of a call eat what is saved.
const COMPRESS_BYTES_MIN: usize = 384;
/// Envelopes and definitions are bounded by the model's limits; nothing longer is ever written.
const UNPACKED_BYTES_MAX: usize = dm_model::envelope::ENVELOPE_BYTES_MAX;
/// The fastest level: the higher ones save 2 % of such short texts.
const LEVEL: i32 = 1;

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
}

impl Codec {
    /// The number and the bytes to store.
    pub(crate) fn pack<'b>(&mut self, bytes: &'b [u8], packing: Packing) -> (i64, Cow<'b, [u8]>) {
        if packing == Packing::Quick || bytes.len() < COMPRESS_BYTES_MIN {
            return (RAW, Cow::Borrowed(bytes));
        }
        if self.compressor.is_none() {
            self.compressor = zstd::bulk::Compressor::new(LEVEL).ok();
        }
        let packed = self.compressor.as_mut().and_then(|compressor| compressor.compress(bytes).ok());
        match packed {
            Some(packed) if packed.len() + packed.len() / 8 < bytes.len() => (ZSTD, Cow::Owned(packed)),
            _ => (RAW, Cow::Borrowed(bytes)),
        }
    }

    /// The bytes that were stored, or what is wrong with them.
    pub(crate) fn unpack(&mut self, encoding: i64, stored: &[u8]) -> Result<Vec<u8>, String> {
        match encoding {
            RAW => Ok(stored.to_vec()),
            ZSTD => {
                let length = zstd::zstd_safe::get_frame_content_size(stored).ok().flatten();
                let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
                if length > UNPACKED_BYTES_MAX {
                    return Err("a compressed text without a length, or too long".to_owned());
                }
                if self.decompressor.is_none() {
                    self.decompressor = zstd::bulk::Decompressor::new().ok();
                }
                let decompressor = self.decompressor.as_mut().ok_or("no memory to unpack a text")?;
                decompressor.decompress(stored, length).map_err(|error| format!("a compressed text: {error}"))
            }
            other => Err(format!("an encoding {other} that this program does not know")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_damage_is_told() {
        let mut codec = Codec::default();
        let text = "let twice (x: Int64) : Int64 = Stdlib.Int64.multiply x 2L\n".repeat(40);
        let (encoding, stored) = codec.pack(text.as_bytes(), Packing::Small);
        assert_eq!(encoding, ZSTD);
        assert!(stored.len() < text.len() / 4);
        assert_eq!(codec.unpack(encoding, &stored).unwrap(), text.as_bytes());
        assert_eq!(codec.pack(text.as_bytes(), Packing::Quick).0, RAW);
        assert_eq!(codec.pack(b"short", Packing::Small).0, RAW);
        let noise: Vec<u8> = (0..500u32)
            .map(|n| dm_model::codec::hash(dm_model::codec::Domain::Op, 9, &[&n.to_be_bytes()])[0])
            .collect();
        assert_eq!(codec.pack(&noise, Packing::Small).0, RAW);
        assert!(codec.unpack(ZSTD, &stored[..20]).is_err());
        assert!(codec.unpack(ZSTD, b"nonsense").is_err());
        assert!(codec.unpack(7, b"").unwrap_err().contains("encoding 7"));
    }
}
