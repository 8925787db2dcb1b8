//! decode ∘ encode = identity, and no bytes but the canonical ones decode.

use dm_model::{Body, Definition, Envelope, EnvelopeError, Op, Session, Signature, Space, Timestamp};
use proptest::prelude::*;

use crate::strategies::{body, definition, keys, op};

/// Cutting, extending or flipping a bit of canonical bytes gives an error or other canonical bytes, never the same value.
fn only_canonical<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    value: &T,
    at: usize,
    bit: u8,
    decode: impl Fn(&[u8]) -> Option<(T, Vec<u8>)>,
) {
    let at = at % bytes.len();
    assert!(decode(&bytes[..at]).is_none(), "cut bytes decode");
    assert!(decode(&[bytes, &[0]].concat()).is_none(), "longer bytes decode");
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 1 << (bit % 8);
    if let Some((other, again)) = decode(&flipped) {
        assert_ne!(&other, value, "two encodings of one value");
        assert_eq!(again, flipped, "bytes that decode are those that encode");
    }
}

proptest! {
    #[test]
    fn definitions(definition in definition(), at: usize, bit: u8) {
        let bytes = definition.encode();
        prop_assert_eq!(Definition::decode(&bytes), Ok(definition.clone()));
        only_canonical(&bytes, &definition, at, bit, |bytes| {
            Definition::decode(bytes).ok().map(|value| { let again = value.encode(); (value, again) })
        });
    }

    #[test]
    fn ops(op in op(), at: usize, bit: u8) {
        let bytes = op.encode();
        prop_assert_eq!(Op::decode(&bytes), Ok(op.clone()));
        only_canonical(&bytes, &op, at, bit, |bytes| {
            Op::decode(bytes).ok().map(|value| { let again = value.encode(); (value, again) })
        });
    }

    #[test]
    fn envelopes(body in body(), at: usize, bit: u8, ms: i64) {
        let envelope = Envelope::seal(Space::PUBLIC, &keys(), Timestamp::from_ms(ms), body);
        let opened = Envelope::open(envelope.bytes().to_vec(), *envelope.signature());
        prop_assert_eq!(opened.as_ref(), Ok(&envelope));
        let mut altered = envelope.bytes().to_vec();
        let at = at % altered.len();
        altered[at] ^= 1 << (bit % 8);
        prop_assert!(Envelope::open(altered, *envelope.signature()).is_err(), "altered bytes open");
        let mut signature = *envelope.signature().as_bytes();
        signature[at % 64] ^= 1 << (bit % 8);
        prop_assert!(Envelope::open(envelope.bytes().to_vec(), Signature::from_bytes(signature)).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(Definition::decode(&bytes));
        drop(Op::decode(&bytes));
        drop(Session::decode(&bytes));
        drop(Envelope::open(bytes, Signature::from_bytes([0; 64])));
    }
}

#[test]
fn a_main_is_written_by_its_holder_only() {
    let other = dm_model::Keypair::from_secret(&[8; 32]);
    let fact = dm_model::Unapply {
        channel: keys().public().instance(),
        onto: Vec::new(),
        patches: vec![dm_model::PatchId::from_bytes([1; 16])],
    };
    let envelope = Envelope::seal(Space::PUBLIC, &other, Timestamp::from_ms(0), Body::Unapply(fact));
    let opened = Envelope::open(envelope.bytes().to_vec(), *envelope.signature());
    assert_eq!(opened, Err(EnvelopeError::ForeignChannel { id: envelope.id() }));
}

#[test]
fn a_created_entity_is_the_one_its_location_gives() {
    let location = "Acme.Shop.total".parse().expect("a location");
    let action = dm_model::Action::CreateName {
        location,
        generation: 0,
        content: dm_model::DefHash::from_bytes([1; 32]),
        visibility: dm_model::Visibility::Public,
    };
    let forged = Op::new(dm_model::EntityId::from_bytes([9; 32]), action);
    assert!(Op::decode(&forged.encode()).is_err());
}
