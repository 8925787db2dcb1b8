//! Arbitrary words of the model.

use dm_model::{
    Action, Apply, Body, DefHash, Definition, Deprecation, EntityId, EnvelopeId, InstanceId, KeyChange, Keypair, Kind,
    Location, Op, OpId, PatchId, Reference, ReferenceForm, Register, Revision, Successor, Target, Timestamp, Unapply,
    Verdict, VerdictKind, Visibility, Vouch, Withdraw, entity_id,
};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

macro_rules! id_strategy {
    ($($name:ident $id:ident $bytes:literal),*) => {$(
        pub fn $name() -> impl Strategy<Value = $id> {
            any::<[u8; $bytes]>().prop_map($id::from_bytes)
        }
    )*};
}
id_strategy!(def_hash DefHash 32, entity EntityId 32, op_id OpId 32, envelope_id EnvelopeId 32, patch_id PatchId 16);

pub fn keys() -> Keypair {
    Keypair::from_secret(&[7; 32])
}

pub fn channel() -> InstanceId {
    keys().public().instance()
}

pub fn location() -> impl Strategy<Value = Location> {
    "[A-Z][a-z]{0,3}(\\.[A-Z][a-z]{0,3}){0,3}\\.[a-z][a-zé']{0,5}".prop_map(|text| text.parse().expect("a location"))
}

pub fn definition() -> impl Strategy<Value = Definition> {
    let target = prop_oneof![
        Just(Target::Unresolved),
        entity().prop_map(Target::Entity),
        ("[a-z]{1,8}", 0..3u32).prop_map(|(name, version)| Target::Builtin { name, version }),
    ];
    let pieces = vec(("[a-zé \n]{0,6}", option::of(("[a-z]{1,6}", any::<bool>(), target))), 0..8);
    (0..4usize, pieces).prop_map(|(kind, pieces)| {
        let (mut text, mut references) = (String::new(), Vec::new());
        for (plain, reference) in pieces {
            text.push_str(&plain);
            if let Some((name, implicit, target)) = reference {
                let form = if implicit { ReferenceForm::Implicit } else { ReferenceForm::Path };
                let (start, length) = (text.len() as u32, name.len() as u32);
                references.push(Reference { start, length, form, target });
                text.push_str(&name);
            }
        }
        Definition { kind: Kind::ALL[kind], text, references }
    })
}

fn visibility() -> impl Strategy<Value = Visibility> {
    prop_oneof![Just(Visibility::Public), Just(Visibility::Internal), Just(Visibility::Private)]
}

fn action() -> impl Strategy<Value = (Option<EntityId>, Action)> {
    let create =
        (location(), 0..3u32, def_hash(), visibility()).prop_map(|(location, generation, content, visibility)| {
            (Some(entity_id(&location, generation)), Action::CreateName { location, generation, content, visibility })
        });
    let later = (10..500u64, entity(), vec(any::<u8>(), 0..40)).prop_map(|(kind, about, payload)| Action::Unknown {
        kind,
        registers: vec![Register::Content, Register::Later { tag: 9, about }],
        payload,
    });
    let rest = prop_oneof![
        (option::of(def_hash()), def_hash()).prop_map(|(old, new)| Action::UpdateName { old, new }),
        location().prop_map(|to| Action::MoveName { to }),
        Just(Action::DeleteName),
        (".{0,20}", option::of(entity()))
            .prop_map(|(reason, replacement)| Action::Deprecate(Deprecation { reason, replacement })),
        Just(Action::Undeprecate),
        visibility().prop_map(Action::SetVisibility),
        (entity(), def_hash()).prop_map(|(dependency, content)| Action::Pin { dependency, content }),
        entity().prop_map(|dependency| Action::Unpin { dependency }),
        later,
    ];
    prop_oneof![create, rest.prop_map(|action| (None, action))]
}

pub fn op() -> impl Strategy<Value = Op> {
    let ids = || vec(op_id(), 0..4);
    (action(), entity(), ids(), ids(), ids()).prop_map(|((born, action), other, supersedes, witness, after)| {
        let created = born.is_some();
        let op = Op::new(born.unwrap_or(other), action).witnessing(witness).after(after);
        if created { op } else { op.superseding(supersedes) }
    })
}

fn revision() -> impl Strategy<Value = Revision> {
    let replaces = btree_set(envelope_id(), 0..3);
    let depends = btree_set(patch_id(), 0..3);
    (patch_id(), replaces, "[a-z]{1,9}", "[a-zé]{1,20}", any::<i64>(), depends, vec(op(), 0..6)).prop_map(
        |(patch, replaces, author, intent, at, depends, mut ops)| {
            ops.sort();
            ops.dedup();
            let created_at = Timestamp::from_ms(at);
            let (replaces, depends) = (replaces.into_iter().collect(), depends.into_iter().collect());
            Revision { patch, replaces, author, intent, created_at, depends, ops }
        },
    )
}

pub fn body() -> impl Strategy<Value = Body> {
    let onto = || btree_set(envelope_id(), 0..3).prop_map(|set| set.into_iter().collect::<Vec<_>>());
    let applied = proptest::collection::btree_map(patch_id(), envelope_id(), 1..4);
    let verdict = prop_oneof![Just(VerdictKind::Approve), Just(VerdictKind::RequestChanges), Just(VerdictKind::Reject)];
    prop_oneof![
        revision().prop_map(Body::Revision),
        (onto(), applied, ".{0,9}").prop_map(|(onto, patches, forced)| {
            Body::Apply(Apply { channel: channel(), onto, patches: patches.into_iter().collect(), forced })
        }),
        (onto(), btree_set(patch_id(), 1..4)).prop_map(|(onto, patches)| {
            Body::Unapply(Unapply { channel: channel(), onto, patches: patches.into_iter().collect() })
        }),
        (patch_id(), envelope_id()).prop_map(|(patch, revision)| Body::Withdraw(Withdraw { patch, revision })),
        (envelope_id(), "[a-z]{1,9}", verdict, ".{0,9}", onto()).prop_map(
            |(revision, author, kind, words, supersedes)| {
                Body::Verdict(Verdict { revision, author, kind, words, supersedes })
            }
        ),
        ("[a-z]{1,9}", option::of(1..7u8), ".{0,9}").prop_map(|(author, next, words)| {
            let prove = |next: u8| Successor::prove(&author, &keys().public(), &Keypair::from_secret(&[next; 32]));
            Body::KeyChange(KeyChange { successor: next.map(prove), author, words })
        }),
        ("[a-z]{1,9}", btree_set(envelope_id(), 1..4)).prop_map(|(author, envelopes)| {
            Body::Vouch(Vouch { author, envelopes: envelopes.into_iter().collect() })
        }),
        (9..900u64, vec(any::<u8>(), 0..50)).prop_map(|(kind, bytes)| Body::Unknown { kind, bytes }),
    ]
}
