//! The bytes of messages: one encoding each, which nothing else decodes to.

use dm_collab::Fingerprint;
use dm_collab::sync::{
    CLAIMED_IDS_MAX, Claim, Delivery, MESSAGE_BYTES_MAX, Message, Named as _, PROTOCOL_VERSION, Parcel, Parts, Place,
    ProtocolError, RANGES_MAX, Range, RangeAnswer, SPACES_MAX, Sealed, SpaceClaim, Verdict,
};
use dm_model::{DecodeError, DefHash, EnvelopeId, InstanceId, Signature, Space};
use proptest::collection::{btree_map, btree_set, vec};
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

fn space() -> impl Strategy<Value = Space> {
    any::<[u8; 16]>().prop_map(Space::from_bytes)
}

fn sealed() -> impl Strategy<Value = Sealed> {
    (vec(any::<u8>(), 64), vec(any::<u8>(), 0..200)).prop_map(|(signature, bytes)| Sealed {
        signature: Signature::from_bytes(signature.try_into().unwrap()),
        bytes,
    })
}

fn parcel() -> impl Strategy<Value = Parcel> {
    (vec(sealed(), 0..4), vec(vec(any::<u8>(), 0..200), 0..4))
        .prop_map(|(envelopes, definitions)| Parcel { envelopes, definitions })
}

fn place() -> impl Strategy<Value = Place> {
    (any::<i64>(), any::<u64>()).prop_map(|(time, prefix)| Place { time, prefix })
}

fn parts() -> impl Strategy<Value = Parts> {
    btree_map(place(), fingerprint(), 0..15).prop_flat_map(|parts| (Just(parts), fingerprint())).prop_map(
        |(parts, last)| {
            let (begins, mut sums): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            sums.push(last);
            Parts { begins, sums }
        },
    )
}

fn answer() -> impl Strategy<Value = RangeAnswer> {
    let positions = btree_set(0..200u64, 0..5).prop_map(|all| all.into_iter().collect());
    prop_oneof![
        Just(RangeAnswer::Same),
        ascending().prop_map(RangeAnswer::Ids),
        parts().prop_map(RangeAnswer::Parts),
        (ascending(), positions).prop_map(|(offered, lacking)| RangeAnswer::Difference { offered, lacking }),
        Just(RangeAnswer::Later),
    ]
}

/// Ranges one behind the other.
fn ranges() -> impl Strategy<Value = Vec<(Range, Claim)>> {
    let claim = || prop_oneof![fingerprint().prop_map(Claim::Sum), ascending().prop_map(Claim::Ids)];
    (btree_map(place(), claim(), 0..6), any::<bool>()).prop_map(|(claims, open)| {
        let places: Vec<Place> = claims.keys().copied().collect();
        let ends = places.iter().skip(1).copied().map(Some).chain([None]);
        let ranges = claims.into_iter().zip(ends).map(|((from, claim), to)| (Range { from, to }, claim));
        let mut ranges: Vec<_> = ranges.collect();
        if !open {
            ranges.pop();
        }
        ranges
    })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Same),
        Just(Verdict::AsKnown),
        answer().prop_map(Verdict::Differ),
        Just(Verdict::NotShared),
        (any::<bool>(), ids()).prop_map(|(of_known, offered)| Verdict::Ahead { of_known, offered }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let instance = || any::<[u8; 32]>().prop_map(InstanceId::from_bytes);
    let claims = btree_map(space(), (fingerprint(), fingerprint()), 0..4).prop_map(|claims| {
        claims.into_iter().map(|(space, (all, known))| SpaceClaim { space, all, known }).collect::<Vec<_>>()
    });
    let sections = btree_map(space(), ranges(), 0..3).prop_map(|sections| sections.into_iter().collect::<Vec<_>>());
    let absent = btree_set(0..4000u64, 0..5).prop_map(|all| all.into_iter().collect::<Vec<_>>());
    let delivery = (absent, vec((any::<u64>(), sealed()), 0..4), vec(vec(any::<u8>(), 0..200), 0..4));
    prop_oneof![
        (instance(), claims).prop_map(|(instance, claims)| Message::Hello { instance, claims }),
        (instance(), vec(verdict(), 0..4), pairs()).prop_map(|(instance, verdicts, missing)| Message::Welcome {
            instance,
            verdicts,
            missing
        }),
        sections.prop_map(|sections| Message::Compare { sections }),
        vec(vec(answer(), 0..4), 0..3).prop_map(|sections| Message::Compared { sections }),
        ids().prop_map(|ids| Message::Get { ids }),
        pairs().prop_map(|pairs| Message::GetContent { pairs }),
        delivery.prop_map(|(absent, envelopes, definitions)| Message::Delivery(Delivery {
            absent,
            envelopes,
            definitions
        })),
        (parcel(), any::<bool>()).prop_map(|(parcel, finish)| Message::Put { parcel, finish }),
        (pairs(), ascending()).prop_map(|(missing, refused)| Message::Stored { missing, refused }),
        (ascending(), parcel()).prop_map(|(refused, parcel)| Message::Finished { refused, parcel }),
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
    let parcel = Parcel { envelopes: vec![sealed.clone()], definitions: vec![vec![9], Vec::new()] };
    let place = |time, prefix| Place { time, prefix };
    let range = Range { from: place(-1, 2), to: Some(place(3, 4)) };
    let rest = Range { from: place(3, 4), to: None };
    let claim = |space| SpaceClaim { space, all: print(300), known: print(1) };
    let team = Space::from_bytes([7; 16]);
    let (zeroes, sevens) = ("00".repeat(16), "07".repeat(16));
    let (from, to) = ("ffffffffffffffff0000000000000002", "00000000000000030000000000000004");
    let welcome = |verdicts| Message::Welcome { instance, verdicts, missing: vec![pair] };
    let parts = Parts { begins: vec![place(3, 4)], sums: vec![print(5), print(6)] };
    let difference = RangeAnswer::Difference { offered: vec![id(0xd4)], lacking: vec![0, 200] };
    let ahead = Verdict::Ahead { of_known: true, offered: vec![id(0xd4), id(0xb2)] };
    let goldens = [
        (
            Message::Hello { instance, claims: vec![claim(Space::PUBLIC), claim(team)] },
            format!("0201<C>02{zeroes}ac02<D>01<D>{sevens}ac02<D>01<D>"),
        ),
        (
            welcome(vec![Verdict::Same, Verdict::AsKnown, Verdict::NotShared, ahead]),
            "0202<C>04000103040102<D><B>01<A><B>".to_owned(),
        ),
        (
            welcome(vec![Verdict::Differ(RangeAnswer::Parts(parts.clone()))]),
            format!("0202<C>01020201{to}05<D>06<D>01<A><B>"),
        ),
        (
            Message::Compare {
                sections: vec![(team, vec![(range, Claim::Sum(print(300))), (rest, Claim::Ids(vec![id(0xa1)]))])],
            },
            format!("020301{sevens}02{from}01{to}00ac02<D>{to}000101<A>"),
        ),
        (
            Message::Compared {
                sections: vec![vec![
                    RangeAnswer::Same,
                    RangeAnswer::Ids(vec![id(0xa1), id(0xb2)]),
                    RangeAnswer::Parts(parts),
                    difference,
                    RangeAnswer::Later,
                ]],
            },
            format!("02040105000102<A><B>0201{to}05<D>06<D>0301<D>0200c80104"),
        ),
        (Message::Get { ids: vec![id(0xa1)] }, "020501<A>".to_owned()),
        (Message::GetContent { pairs: vec![pair] }, "020601<A><B>".to_owned()),
        (
            Message::Delivery(Delivery {
                absent: vec![1, 300],
                envelopes: vec![(2, sealed)],
                definitions: vec![vec![9], Vec::new()],
            }),
            "02070201ac020102<A><A>0301020302010900".to_owned(),
        ),
        (Message::Put { parcel: parcel.clone(), finish: true }, "02080101<A><A>0301020302010900".to_owned()),
        (Message::Stored { missing: vec![pair], refused: vec![id(0xd4)] }, "020901<A><B>01<D>".to_owned()),
        (Message::Finished { refused: vec![id(0xd4)], parcel }, "020a01<D>01<A><A>0301020302010900".to_owned()),
        (Message::Put { parcel: Parcel::default(), finish: false }, "0208000000".to_owned()),
    ];
    for (message, bytes) in goldens {
        assert_eq!(golden(&message), bytes, "{}", message.kind());
    }
}

#[test]
fn other_versions_kinds_and_flags_are_refused() {
    let decode = |bytes: &[u8]| Message::decode(bytes).unwrap_err();
    for found in [0, 1, 3] {
        assert_eq!(decode(&[found, 1]), ProtocolError::Version { found });
    }
    assert!(matches!(decode(&[]), ProtocolError::Decode(DecodeError::Truncated { .. })));
    assert!(matches!(decode(&[2, 11]), ProtocolError::Decode(DecodeError::Unknown { value: 11, .. })));
    assert!(matches!(decode(&[2, 8, 2, 0, 0]), ProtocolError::Decode(DecodeError::NotCanonical { .. })));
    let verdict = [&[2, 2][..], &[0; 32], &[1, 5, 0]].concat();
    assert!(matches!(decode(&verdict), ProtocolError::Decode(DecodeError::Unknown { value: 5, .. })));
    assert!(matches!(decode(&[2, 4, 1, 1, 5]), ProtocolError::Decode(DecodeError::Unknown { value: 5, .. })));
    let large = vec![PROTOCOL_VERSION; MESSAGE_BYTES_MAX + 1];
    assert_eq!(decode(&large), ProtocolError::TooLarge { found: MESSAGE_BYTES_MAX + 1 });
}

fn refused(message: &Message) -> ProtocolError {
    Message::decode(&message.encode()).unwrap_err()
}

#[test]
fn spaces_and_ranges_are_in_order_and_bounded() {
    let sum = Claim::Sum(Fingerprint::default());
    let range = |from: i64, to: Option<i64>| {
        let place = |time| Place { time, prefix: 0 };
        (Range { from: place(from), to: to.map(place) }, sum.clone())
    };
    let compare = |ranges| Message::Compare { sections: vec![(Space::PUBLIC, ranges)] };
    assert!(Message::decode(&compare(vec![range(1, Some(2)), range(2, Some(3)), range(7, None)]).encode()).is_ok());
    for wrong in [
        vec![range(2, Some(2))],
        vec![range(2, Some(1))],
        vec![range(1, None), range(5, None)],
        vec![range(1, Some(3)), range(2, Some(4))],
        vec![range(4, Some(5)), range(1, Some(2))],
    ] {
        let error = refused(&compare(wrong));
        assert!(matches!(error, ProtocolError::Decode(DecodeError::NotCanonical { .. })), "{error}");
    }
    let many = (0..=RANGES_MAX as i64).map(|at| range(at, Some(at + 1))).collect::<Vec<_>>();
    assert!(matches!(refused(&compare(many.clone())), ProtocolError::Decode(DecodeError::TooLarge { .. })));
    let two = many.chunks(RANGES_MAX / 2 + 1).zip([1, 2]).map(|(part, n)| (Space::from_bytes([n; 16]), part.to_vec()));
    let error = refused(&Message::Compare { sections: two.collect() });
    assert!(matches!(error, ProtocolError::Decode(DecodeError::TooLarge { what: "ranges", .. })), "{error}");

    let claim = |n: usize| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
        SpaceClaim { space: Space::from_bytes(bytes), all: Fingerprint::default(), known: Fingerprint::default() }
    };
    let hello = |claims| Message::Hello { instance: InstanceId::from_bytes([0; 32]), claims };
    let error = refused(&hello((0..=SPACES_MAX).map(claim).collect()));
    assert!(matches!(error, ProtocolError::Decode(DecodeError::TooLarge { .. })), "{error}");
    for wrong in [vec![claim(1), claim(1)], vec![claim(2), claim(1)]] {
        assert!(matches!(refused(&hello(wrong)), ProtocolError::Decode(DecodeError::NotCanonical { .. })));
    }
    let ids = (0..=CLAIMED_IDS_MAX as u64).map(|n| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        EnvelopeId::from_bytes(bytes)
    });
    let error = refused(&compare(vec![(Range::ALL, Claim::Ids(ids.collect()))]));
    assert!(matches!(error, ProtocolError::Decode(DecodeError::TooLarge { .. })), "{error}");
}
