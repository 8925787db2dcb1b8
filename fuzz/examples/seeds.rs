//! Writes the seeds of the decoders' targets anew: one of each kind, as this program writes them.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds`

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dm_collab::Fingerprint;
use dm_collab::draft::Stack;
use dm_collab::sync::{
    Claim, Delivery, Message, Parcel, Parts, Place, Range, RangeAnswer, Sealed, SpaceClaim, Verdict, v1,
};
use dm_model::{
    Action, Apply, Body, Definition, Deprecation, Envelope, Keypair, Kind, Location, Op, OpId, PatchId, Reference,
    ReferenceForm, Revision, Session, SessionId, SessionState, Space, Target, Timestamp, Unapply, VerdictKind,
    Visibility, Withdraw, entity_id,
};

type Seeds = Vec<(String, Vec<u8>)>;

fn location() -> Location {
    "Acme.Shop.total".parse().expect("a location")
}

fn definition() -> Definition {
    let reference = |start, length, form, target| Reference { start, length, form, target };
    Definition {
        kind: Kind::Fn,
        text: "let total (x: Int64) = Some (tax (abs x) + rate)\n".to_owned(),
        references: vec![
            reference(24, 4, ReferenceForm::Implicit, Target::Entity(entity_id(&location(), 1))),
            reference(30, 3, ReferenceForm::Path, Target::Entity(entity_id(&location(), 0))),
            reference(35, 3, ReferenceForm::Path, Target::Builtin { name: "abs".to_owned(), version: 1 }),
            reference(44, 4, ReferenceForm::Path, Target::Unresolved),
        ],
    }
}

fn ops() -> Vec<Op> {
    let (location, content) = (location(), definition().hash());
    let entity = entity_id(&location, 0);
    let visibility = Visibility::Public;
    let create = Op::new(entity, Action::CreateName { location: location.clone(), generation: 0, content, visibility });
    let first = create.id();
    let actions = [
        Action::UpdateName { old: Some(content), new: content },
        Action::MoveName { to: location },
        Action::DeleteName,
        Action::Deprecate(Deprecation { reason: "old".to_owned(), replacement: Some(entity) }),
        Action::Undeprecate,
        Action::SetVisibility(Visibility::Private),
        Action::Pin { dependency: entity, content },
        Action::Unpin { dependency: entity },
        Action::Unknown { kind: 99, registers: vec![dm_model::Register::Content], payload: vec![1, 2, 3] },
    ];
    let others = actions.map(|action| Op::new(entity, action).superseding([first]).witnessing([first]));
    std::iter::once(create).chain(others).collect()
}

fn envelopes() -> Vec<Envelope> {
    let keys = Keypair::from_secret(&[3; 32]);
    let (patch, channel, now) = (PatchId::from_bytes([5; 16]), keys.public().instance(), Timestamp::from_ms(1000));
    let seal = |body| Envelope::seal(Space::PUBLIC, &keys, now, body);
    let revision = seal(Body::Revision(Revision {
        patch,
        replaces: Vec::new(),
        author: "Ada".to_owned(),
        intent: "Add it up".to_owned(),
        created_at: now,
        depends: vec![PatchId::from_bytes([6; 16])],
        ops: ops(),
    }));
    let id = revision.id();
    let verdict = dm_model::Verdict {
        revision: id,
        author: "Ada".to_owned(),
        kind: VerdictKind::Reject,
        words: "no".to_owned(),
        supersedes: vec![id],
    };
    vec![
        revision,
        seal(Body::Apply(Apply { channel, onto: vec![id], patches: vec![(patch, id)], forced: "so be it".to_owned() })),
        seal(Body::Unapply(Unapply { channel, onto: vec![id], patches: vec![patch] })),
        seal(Body::Withdraw(Withdraw { patch, revision: id })),
        seal(Body::Verdict(verdict)),
        seal(Body::Unknown { kind: 99, bytes: vec![1, 2, 3] }),
    ]
}

fn journal() -> Seeds {
    let patch = PatchId::from_bytes([5; 16]);
    let session = Session {
        id: SessionId::from_bytes([9; 16]),
        name: "work".to_owned(),
        intent: "Tidy".to_owned(),
        owner: "Ada".to_owned(),
        state: SessionState::Suspended,
        patches: vec![patch],
        focused: Some(patch),
        pinned: vec![PatchId::from_bytes([6; 16])],
        environment: BTreeMap::from([("MODE".to_owned(), "test".to_owned())]),
        transferable: true,
        started_at: Timestamp::from_ms(1),
        last_active_at: Timestamp::from_ms(2),
    };
    let mut stack = Stack::new(Vec::new()).expect("an empty stack");
    stack.push(patch);
    let (content, freed) = (definition().hash(), OpId::from_bytes([4; 32]));
    stack.create(0, (location(), 1), &[freed], (content, Visibility::Internal)).expect("a free place");
    let drafted = stack.drafts().iter().flat_map(|draft| draft.entities.values()).map(|entity| entity.encode());
    let mut seeds = vec![("session".to_owned(), session.encode())];
    seeds.extend(drafted.map(|bytes| ("draft-entity".to_owned(), bytes)));
    seeds
}

fn messages() -> Vec<Vec<u8>> {
    let (envelopes, definition) = (envelopes(), definition());
    let id = envelopes[0].id();
    let (instance, space) = (Keypair::from_secret(&[3; 32]).public().instance(), Space::PUBLIC);
    let (all, known) = (Fingerprint { count: 3, sum: [8; 32] }, Fingerprint::default());
    let pairs = vec![(id, definition.hash())];
    let sealed = |envelope: &Envelope| Sealed { signature: *envelope.signature(), bytes: envelope.bytes().to_vec() };
    let parcel = Parcel {
        envelopes: envelopes.iter().take(2).map(sealed).collect(),
        definitions: vec![definition.encode()],
    };
    let delivery = Delivery {
        absent: vec![2],
        envelopes: (0..).zip(&parcel.envelopes).map(|(at, sealed)| (at, sealed.clone())).collect(),
        definitions: parcel.definitions.clone(),
    };
    let place = Place { time: 5, prefix: 6 };
    let parts = RangeAnswer::Parts(Parts { begins: vec![place], sums: vec![all, known] });
    let verdicts = vec![
        Verdict::Same,
        Verdict::AsKnown,
        Verdict::NotShared,
        Verdict::Differ(parts.clone()),
        Verdict::Ahead { of_known: true, offered: vec![id] },
    ];
    let (range, rest) = (Range { from: Place::FIRST, to: Some(place) }, Range { from: place, to: None });
    let ranges = vec![(range, Claim::Sum(all)), (rest, Claim::Ids(vec![id]))];
    let difference = RangeAnswer::Difference { offered: vec![id], lacking: vec![0] };
    let answers = vec![RangeAnswer::Same, RangeAnswer::Ids(vec![id]), parts, difference, RangeAnswer::Later];
    let second = [
        Message::Hello { instance, claims: vec![SpaceClaim { space, all, known }] },
        Message::Welcome { instance, verdicts, missing: pairs.clone() },
        Message::Compare { sections: vec![(space, ranges)] },
        Message::Compared { sections: vec![answers] },
        Message::Get { ids: vec![id] },
        Message::GetContent { pairs: pairs.clone() },
        Message::Delivery(delivery),
        Message::Put { parcel: parcel.clone(), finish: true },
        Message::Stored { missing: pairs.clone(), refused: vec![id] },
        Message::Finished { refused: Vec::new(), parcel: parcel.clone() },
    ];
    let first = [
        v1::Message::Hello { instance, space, all, known },
        v1::Message::Welcome { instance, verdict: v1::Verdict::Differ, missing: pairs.clone() },
        v1::Message::Have { space, ids: vec![id] },
        v1::Message::Difference { lacking: vec![id], offered: vec![id] },
        v1::Message::Get { ids: vec![id] },
        v1::Message::GetContent { pairs: pairs.clone() },
        v1::Message::Parcel(parcel.clone()),
        v1::Message::Put { parcel: parcel.clone(), finish: true },
        v1::Message::Stored { missing: pairs },
        v1::Message::Finished { parcel },
    ];
    first.iter().map(v1::Message::encode).chain(second.iter().map(Message::encode)).collect()
}

fn numbered(bytes: impl IntoIterator<Item = Vec<u8>>) -> Seeds {
    (0..).zip(bytes).map(|(n, bytes): (u32, _)| (format!("{n:02}"), bytes)).collect()
}

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let targets = [
        ("model_definition", numbered([definition().encode()])),
        ("model_op", numbered(ops().iter().map(Op::encode))),
        ("model_envelope", numbered(envelopes().iter().map(|envelope| envelope.bytes().to_vec()))),
        ("model_session", journal()),
        ("collab_message", numbered(messages())),
    ];
    for (target, seeds) in targets {
        let folder = root.join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
