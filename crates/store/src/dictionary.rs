//! The zstd dictionary that messages are packed with, and that stored bytes may be.
//!
//! It is part of two formats, so neither it nor its id ever changes: another one gets another id. `docs/formats/sync.md` says
//! how it was made.

/// The dictionary's id, as it stands in the dictionary and in each frame packed with it: a number from zstd's private range
/// that takes two bytes.
pub const DICTIONARY_ID: u32 = 54_273;

/// The dictionary: trained on definitions and envelopes of our own `packages/`.
pub const DICTIONARY: &[u8] = include_bytes!("dictionary/1.zdict");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_changes() {
        assert_eq!(DICTIONARY.len(), 16_384);
        assert_eq!(
            zstd::zstd_safe::get_dict_id_from_dict(DICTIONARY).map(std::num::NonZeroU32::get),
            Some(DICTIONARY_ID)
        );
        let expected = "eac8f72d268c343845e25d8beebc6c78955716e5484c0fc1956b8a53c6c3df3f";
        assert_eq!(blake3::hash(DICTIONARY).to_hex().as_str(), expected);
    }

    #[test]
    fn small_texts_of_ours_get_smaller_by_it() {
        let text = "let double (list: List<Int>) : List<Int> = Stdlib.List.map list (fun x -> Stdlib.Int.multiply x 2)";
        let mut with = zstd::bulk::Compressor::with_dictionary(3, DICTIONARY).unwrap();
        let packed = with.compress(text.as_bytes()).unwrap();
        assert!(packed.len() * 4 < zstd::bulk::compress(text.as_bytes(), 3).unwrap().len() * 3, "{}", packed.len());
        let mut unpack = zstd::bulk::Decompressor::with_dictionary(DICTIONARY).unwrap();
        assert_eq!(unpack.decompress(&packed, 1000).unwrap(), text.as_bytes());
    }
}
