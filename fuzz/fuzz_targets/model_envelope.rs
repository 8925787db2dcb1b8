//! Any bytes as an envelope: what decodes is kept to the byte, sealing what it says gives the same bytes but for the key, and
//! nothing opens without the right signature.

#![no_main]

use dm_model::{AuthorKey, Body, Envelope, Keypair, Op, Signature};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let unsigned = Signature::from_bytes([0; 64]);
    assert!(Envelope::open(data.to_vec(), unsigned).is_err(), "no key signs with zeros");
    let Ok(envelope) = Envelope::open_trusted(data.to_vec(), unsigned) else { return };
    assert_eq!(envelope.bytes(), data);
    assert_eq!(envelope.id(), Envelope::id_of(data));
    let keys = Keypair::from_secret(&[7; 32]);
    let header = envelope.header();
    let sealed = Envelope::seal(header.space, &keys, header.authored_at, envelope.body().clone());
    assert_eq!(with_key(sealed.bytes(), header.body_kind, &header.author_key), data, "only canonical bytes decode");
    assert_eq!(sealed.needs(), envelope.needs());
    if let Body::Revision(revision) = envelope.body() {
        let contents = revision.contents();
        assert!(contents.is_sorted_by(|left, right| left < right));
        let own: Vec<_> = revision.ops.iter().map(Op::id).collect();
        assert!(revision.needs().iter().all(|need| !own.contains(need)), "a revision does not need what it brings");
    }
});

/// An envelope's bytes with another author's key: it stands behind the format, the kind and the space.
fn with_key(bytes: &[u8], kind: u64, key: &AuthorKey) -> Vec<u8> {
    let groups = (64 - kind.leading_zeros() as usize).div_ceil(7).max(1);
    let start = 1 + groups + 16;
    let mut bytes = bytes.to_vec();
    bytes[start..start + 32].copy_from_slice(key.as_bytes());
    bytes
}
