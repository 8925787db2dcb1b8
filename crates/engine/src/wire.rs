//! Message bodies as they go over HTTP: the machine's bytes, compressed.

use std::io::{self, Read as _};

use dm_collab::sync::MESSAGE_BYTES_MAX;

/// What HTTP calls the bodies of a sync.
pub const SYNC_MEDIA_TYPE: &str = "application/vnd.darkmatter.sync";
/// Fast, and as small as a higher level within a few percent for texts of this size.
const LEVEL: i32 = 3;
/// The largest window that a peer may ask for, as a power of two: 128 MiB, which zstd itself allows without being told.
const WINDOW_LOG_MAX: u32 = 27;

/// Compresses a body.
#[must_use]
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    // It fails only where memory cannot be had or the level is none.
    zstd::encode_all(bytes, LEVEL).unwrap_or_default()
}

/// Takes a body apart again: never into more than a message may have.
///
/// # Errors
/// If the bytes are not compressed so, are cut off, or say more than [`MESSAGE_BYTES_MAX`].
pub fn unpack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
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

    #[test]
    fn what_is_packed_unpacks() {
        for text in ["", "a", &"many words ".repeat(1000)] {
            assert_eq!(unpack(&pack(text.as_bytes())).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn what_is_cut_off_or_foreign_is_an_error() {
        let packed = pack(&[7; 500]);
        for end in 0..packed.len() {
            assert!(unpack(&packed[..end]).is_err(), "cut at {end}");
        }
        assert!(unpack(b"<html>no</html>").is_err());
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = pack(&vec![0; MESSAGE_BYTES_MAX + 1]);
        assert!(bomb.len() < 100_000);
        let error = unpack(&bomb).unwrap_err().to_string();
        assert!(error.contains("more than"), "{error}");
    }
}
