//! The bytes of messages: one encoding each, which nothing else decodes to.

use dm_collab::Fingerprint;
use dm_collab::sync::v1::{Message, VERSION as PROTOCOL_VERSION, Verdict};
use dm_collab::sync::{IDS_MAX, MESSAGE_BYTES_MAX, Named as _, PAIRS_MAX, Parcel, ProtocolError, Sealed};
use dm_model::{DecodeError, DefHash, EnvelopeId, InstanceId, Signature, Space};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

fn id() -> impl Strategy<Value = EnvelopeId> {
    any::<[u8; 32]>().prop_map(EnvelopeId::from_bytes)
}

fn ids() -> impl Strategy<Value = Vec<EnvelopeId>> {
    vec(id(), 0..5)
}

fn ascending() -> impl Strategy<Value = Vec<EnvelopeId>> {
    btree_set(id(), 0..5).prop_map(|ids| ids.into_iter().collect())
}

fn pairs() -> impl Strategy<Value = Vec<(EnvelopeId, DefHash)>> {
    vec((id(), any::<[u8; 32]>().prop_map(DefHash::from_bytes)), 0..5)
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    (any::<u64>(), any::<[u8; 32]>()).prop_map(|(count, sum)| Fingerprint { count, sum })
}

fn parcel() -> impl Strategy<Value = Parcel> {
    let bytes = || vec(any::<u8>(), 0..200);
    let sealed = (vec(any::<u8>(), 64), bytes()).prop_map(|(signature, bytes)| Sealed {
        signature: Signature::from_bytes(signature.try_into().unwrap()),
        bytes,
    });
    (vec(sealed, 0..4), vec(bytes(), 0..4)).prop_map(|(envelopes, definitions)| Parcel { envelopes, definitions })
}

fn message() -> impl Strategy<Value = Message> {
    let instance = || any::<[u8; 32]>().prop_map(InstanceId::from_bytes);
    let space = || any::<[u8; 16]>().prop_map(Space::from_bytes);
    let verdict = prop_oneof![Just(Verdict::Same), Just(Verdict::AsKnown), Just(Verdict::Differ)];
    prop_oneof![
        (instance(), space(), fingerprint(), fingerprint()).prop_map(|(instance, space, all, known)| Message::Hello {
            instance,
            space,
            all,
            known
        }),
        (instance(), verdict, pairs()).prop_map(|(instance, verdict, missing)| Message::Welcome {
            instance,
            verdict,
            missing
        }),
        (space(), ascending()).prop_map(|(space, ids)| Message::Have { space, ids }),
        (ascending(), ids()).prop_map(|(lacking, offered)| Message::Difference { lacking, offered }),
        ids().prop_map(|ids| Message::Get { ids }),
        pairs().prop_map(|pairs| Message::GetContent { pairs }),
        parcel().prop_map(Message::Parcel),
        (parcel(), any::<bool>()).prop_map(|(parcel, finish)| Message::Put { parcel, finish }),
        pairs().prop_map(|missing| Message::Stored { missing }),
        parcel().prop_map(|parcel| Message::Finished { parcel }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_decodes_to_the_same(message in message()) {
        prop_assert_eq!(Message::decode(&message.encode()).unwrap(), message);
    }

    #[test]
    fn only_what_is_whole_decodes(message in message(), cut in any::<prop::sample::Index>(), more in any::<u8>()) {
        let mut bytes = message.encode();
        prop_assert!(Message::decode(&bytes[..cut.index(bytes.len())]).is_err());
        bytes.push(more);
        prop_assert!(Message::decode(&bytes).is_err());
    }

    #[test]
    fn what_decodes_is_canonical(bytes in vec(any::<u8>(), 0..300), message in message(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = bytes;
        bytes.insert(0, PROTOCOL_VERSION);
        if let Ok(decoded) = Message::decode(&bytes) {
            prop_assert_eq!(decoded.encode(), bytes);
        }
        let mut altered = message.encode();
        let at = at.index(altered.len());
        altered[at] ^= 1 << bit;
        if let Ok(decoded) = Message::decode(&altered) {
            prop_assert_eq!(decoded.encode(), altered);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What stands for 32 times one byte in the golden texts.
fn golden(message: &Message) -> String {
    let mut text = hex(&message.encode());
    for (byte, name) in [(0xa1, "<A>"), (0xb2, "<B>"), (0xc3, "<C>"), (0xd4, "<D>")] {
        text = text.replace(&hex(&[byte; 32]), name);
    }
    text
}

#[test]
fn bytes_never_change_within_a_version() {
    let id = |byte| EnvelopeId::from_bytes([byte; 32]);
    let pair = (id(0xa1), DefHash::from_bytes([0xb2; 32]));
    let instance = InstanceId::from_bytes([0xc3; 32]);
    let print = |count| Fingerprint { count, sum: [0xd4; 32] };
    let sealed = Sealed { signature: Signature::from_bytes([0xa1; 64]), bytes: vec![1, 2, 3] };
    let parcel = Parcel { envelopes: vec![sealed], definitions: vec![vec![9], Vec::new()] };
    let hello = Message::Hello { instance, space: Space::PUBLIC, all: print(300), known: print(1) };
    let welcome = |verdict| Message::Welcome { instance, verdict, missing: vec![pair] };
    let zeroes = "00".repeat(16);
    let goldens = [
        (hello, format!("0101<C>{zeroes}ac02<D>01<D>")),
        (welcome(Verdict::Same), "0102<C>0001<A><B>".to_owned()),
        (welcome(Verdict::AsKnown), "0102<C>0101<A><B>".to_owned()),
        (welcome(Verdict::Differ), "0102<C>0201<A><B>".to_owned()),
        (
            Message::Have { space: Space::from_bytes([7; 16]), ids: vec![id(0xa1), id(0xb2)] },
            format!("0103{}02<A><B>", "07".repeat(16)),
        ),
        (
            Message::Difference { lacking: vec![id(0xa1)], offered: vec![id(0xd4), id(0xb2)] },
            "010401<A>02<D><B>".to_owned(),
        ),
        (Message::Get { ids: vec![id(0xa1)] }, "010501<A>".to_owned()),
        (Message::GetContent { pairs: vec![pair] }, "010601<A><B>".to_owned()),
        (Message::Parcel(parcel.clone()), "010701<A><A>0301020302010900".to_owned()),
        (Message::Put { parcel: parcel.clone(), finish: true }, "01080101<A><A>0301020302010900".to_owned()),
        (Message::Stored { missing: vec![pair] }, "010901<A><B>".to_owned()),
        (Message::Finished { parcel }, "010a01<A><A>0301020302010900".to_owned()),
        (Message::Put { parcel: Parcel::default(), finish: false }, "0108000000".to_owned()),
    ];
    for (message, bytes) in goldens {
        assert_eq!(golden(&message), bytes, "{}", message.kind());
    }
}

#[test]
fn other_versions_kinds_and_flags_are_refused() {
    let decode = |bytes: &[u8]| Message::decode(bytes).unwrap_err();
    assert_eq!(decode(&[2, 1]), ProtocolError::Version { found: 2 });
    assert_eq!(decode(&[0]), ProtocolError::Version { found: 0 });
    assert!(matches!(decode(&[]), ProtocolError::Decode(DecodeError::Truncated { .. })));
    assert!(matches!(decode(&[1, 11]), ProtocolError::Decode(DecodeError::Unknown { value: 11, .. })));
    assert!(matches!(decode(&[1, 8, 2, 0, 0]), ProtocolError::Decode(DecodeError::NotCanonical { .. })));
    let verdict = [&[1, 2][..], &[0; 32], &[3, 0]].concat();
    assert!(matches!(decode(&verdict), ProtocolError::Decode(DecodeError::Unknown { value: 3, .. })));
}

#[test]
fn sets_are_ascending_and_counts_are_bounded() {
    let decode = |bytes: &[u8]| Message::decode(bytes).unwrap_err();
    let (low, high) = ([1; 32], [2; 32]);
    for wrong in [[high, low], [low, low]] {
        let have = [&[1, 3][..], &[0; 16], &[2], &wrong.concat()].concat();
        assert!(matches!(decode(&have), ProtocolError::Decode(DecodeError::NotCanonical { .. })));
        let difference = [&[1, 4, 2][..], &wrong.concat(), &[0]].concat();
        assert!(matches!(decode(&difference), ProtocolError::Decode(DecodeError::NotCanonical { .. })));
    }
    let count = |mut value: usize| {
        let mut bytes = Vec::new();
        while value > 0x7f {
            bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    for (kind, limit) in [(5, IDS_MAX), (6, PAIRS_MAX), (7, IDS_MAX), (9, PAIRS_MAX)] {
        let over = [vec![1, kind], count(limit + 1)].concat();
        assert!(matches!(decode(&over), ProtocolError::Decode(DecodeError::TooLarge { .. })), "kind {kind}");
        let lying = [vec![1, kind], count(limit)].concat();
        assert!(matches!(decode(&lying), ProtocolError::Decode(DecodeError::Truncated { .. })), "kind {kind}");
    }
    let large = vec![PROTOCOL_VERSION; MESSAGE_BYTES_MAX + 1];
    assert_eq!(decode(&large), ProtocolError::TooLarge { found: MESSAGE_BYTES_MAX + 1 });
}
