//! Bytes and hashes that must never change: a difference here is a new format version, with a design note.

use dm_model::{
    Action, Body, Definition, Envelope, KeyChange, Keypair, Kind, Op, PatchId, Reference, ReferenceForm, Revision,
    Space, Succession, Successor, TakeOver, Target, Timestamp, Unapply, Visibility, Vouch, entity_id,
};

use crate::strategies::keys;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sample_definition() -> Definition {
    let reference = |start, target| Reference { start, length: 3, form: ReferenceForm::Path, target };
    let total = entity_id(&"Acme.Shop.sum".parse().expect("a location"), 0);
    Definition {
        kind: Kind::Fn,
        text: "let f (x: Int) : Int =\n  sum (abs x)\n".to_owned(),
        references: vec![
            reference(25, Target::Entity(total)),
            reference(30, Target::Builtin { name: "abs".to_owned(), version: 1 }),
        ],
    }
}

fn sample_op() -> Op {
    let location: dm_model::Location = "Acme.Shop.f".parse().expect("a location");
    let content = sample_definition().hash();
    let entity = entity_id(&location, 0);
    Op::new(entity, Action::CreateName { location, generation: 0, content, visibility: Visibility::Public })
}

#[test]
fn definition_bytes() {
    let definition = sample_definition();
    assert_eq!(
        hex(&definition.encode()),
        "0101256c657420662028783a20496e7429203a20496e74203d0a202073756d20286162732078290a02190301903616daaeaa99612fb6f5859d46ab08025a1f952d9f3633f42e5debdff5fe810203020361627301"
    );
    assert_eq!(definition.hash().to_string(), "4709ff6d0f62aee221f9252f640507037fc85a48c672bf007dbf504d8050ba2d");
}

#[test]
fn op_bytes() {
    let op = sample_op();
    assert_eq!(
        hex(&op.encode()),
        "0101a36f0a460c509f498d855301c4d652fc4e2f1fdd0c72eba5020e2fc30e3f5071030102030000002e0b41636d652e53686f702e66004709ff6d0f62aee221f9252f640507037fc85a48c672bf007dbf504d8050ba2d00"
    );
    assert_eq!(op.id().to_string(), "c3e4feeac41b9add87c8fcdf3a42f08bb9967ebee0834ba75b782077eee8f640");
}

#[test]
fn envelope_bytes() {
    let revision = Revision {
        patch: PatchId::from_bytes([5; 16]),
        replaces: Vec::new(),
        author: "Ada".to_owned(),
        intent: "Add f".to_owned(),
        created_at: Timestamp::from_ms(1_000),
        depends: Vec::new(),
        ops: vec![sample_op()],
    };
    let envelope = Envelope::seal(Space::PUBLIC, &keys(), Timestamp::from_ms(2_000), Body::Revision(revision));
    assert_eq!(envelope.id().to_string(), "749a79b3d44d42b118b48fb552e78ef66d0080fb5f88684f5af1ac9d58f248e7");
    assert_eq!(
        hex(envelope.signature().as_bytes()),
        "218512f616810ed025e3123ec3f19fd1db47ae992bb61f7337830a2931720ece6efedd7c3c7c688a49d94ddac0f1b5f95348df36c209f8860e788b6ea6525104"
    );
    assert_eq!(
        keys().public().instance().to_string(),
        "2967fb775af86f90dda2e4846f2d311913494b44c4e77d6e32c47bfb56bbd725"
    );
}

/// Id, signature and bytes of an envelope, each behind the other.
fn sealed(envelope: &Envelope) -> [String; 3] {
    [envelope.id().to_string(), hex(envelope.signature().as_bytes()), hex(envelope.bytes())]
}

#[test]
fn key_change_bytes() {
    let next = Keypair::from_secret(&[8; 32]);
    let successor = Some(Successor::prove("Ada", &keys().public(), &next));
    let at = Timestamp::from_ms(2_000);
    let change = |successor, words: &str| {
        Body::KeyChange(KeyChange { author: "Ada".to_owned(), successor, words: words.to_owned() })
    };
    assert_eq!(
        sealed(&Envelope::seal(Space::PUBLIC, &keys(), at, change(successor, ""))),
        [
            "5a3b13919ff5edbc9bfd3e398d3c9fc92930c20ccee1f67e54fb19308086bc11",
            "615f32cd975bf7f83816be90898944c9e6446f8d07bd1d8cad7ea479910cd0cc2a6873dc1a58d88a03d199ebab563b512f05a9cb26e5889c4306f4a4d1e2fc0f",
            "010600000000000000000000000000000000ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c00000000000007d06603416461011398f62c6d1a457c51ba6a4b5f3dbd2f69fca93216218dc8997e416bd17d93caaa2856a35a6c244e558445f27a691040e9da985a5d35511d5dcc203a87312fde76a52806f3bb42a22e38cd074bae481d92b49e978377fcc0b9cf60c6a092d80f00"
        ]
    );
    assert_eq!(
        sealed(&Envelope::seal(Space::PUBLIC, &keys(), at, change(None, "stolen"))),
        [
            "48cf758416c669d852495fef59f944247f55b411102694fe503e975552169fd7",
            "099b6fb595464572aa2cc6125541563b3c7197bc5a088bbd11580ca2156461ba928d33a9de7ba073880d8aa1aa7a9a8cb49d4247ecaa2d56e92ec45d7b21dd0c",
            "010600000000000000000000000000000000ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c00000000000007d00c03416461000673746f6c656e"
        ]
    );
    let envelopes = vec![dm_model::EnvelopeId::from_bytes([1; 32]), dm_model::EnvelopeId::from_bytes([2; 32])];
    let vouch = Body::Vouch(Vouch { author: "Ada".to_owned(), envelopes });
    assert_eq!(
        sealed(&Envelope::seal(Space::PUBLIC, &next, at, vouch)),
        [
            "c4b736e06b410b059c2b930f0a929274f03d2e5ae22b555424c4d9dd79105111",
            "e535916807d71666cf71ea0de966300693d19a6298c8f6eebeafa7d37df977d551f4f9b03af066cb30d4728f6041b13f19f81f3c62de8b17f344a3f2b5fdff06",
            "0107000000000000000000000000000000001398f62c6d1a457c51ba6a4b5f3dbd2f69fca93216218dc8997e416bd17d93ca00000000000007d045034164610201010101010101010101010101010101010101010101010101010101010101010202020202020202020202020202020202020202020202020202020202020202"
        ]
    );
}

#[test]
fn bytes_of_a_fact_under_a_later_key() {
    let next = Keypair::from_secret(&[8; 32]);
    let succession = Succession::of(keys().public()).then(&keys(), next.public()).expect("another key");
    let channel = succession.instance();
    let seal =
        |body| Envelope::seal_succeeded(Space::PUBLIC, &next, Timestamp::from_ms(2_000), succession.clone(), body);
    let onto = vec![dm_model::EnvelopeId::from_bytes([1; 32])];
    let takes = seal(Body::TakeOver(TakeOver { channel, onto: onto.clone() }));
    assert_eq!(
        sealed(&takes),
        [
            "03612ae48a4f02535c8547fc186eed16f50a686e35393a350d591310ca273d2c",
            "9af67200bd71ce39d2c7e6d88cadbbe626d5a021d5235ecf95f6fb1ea82c1daab268608f8dc34aeeee173f7ec2e2d81d57ef9c5d4b7f8155a0254cc558bd1c03",
            "0108000000000000000000000000000000001398f62c6d1a457c51ba6a4b5f3dbd2f69fca93216218dc8997e416bd17d93ca00000000000007d0c401ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c011398f62c6d1a457c51ba6a4b5f3dbd2f69fca93216218dc8997e416bd17d93caf21d90e0a7fb8032c77997e406d8680e781d36a42e550fd2c47a85bc469757c6af32a8d765e7699ead46b54a7096a27f0966e171a103d7001157bc996e484d0400412967fb775af86f90dda2e4846f2d311913494b44c4e77d6e32c47bfb56bbd725010101010101010101010101010101010101010101010101010101010101010101"
        ]
    );
    let out = seal(Body::Unapply(Unapply { channel, onto, patches: vec![PatchId::from_bytes([5; 16])] }));
    assert_eq!(
        sealed(&out),
        [
            "315c7bdbbf2769f6eab1d6d0fb15489e822c36d16e1a4cc8e10701013be770d6",
            "eed4a72c33fe3a3b20c9fdfc517e5f20de25f15bd4d58a741df5ef41ac85219f7745e3df98a3be56e6150f979cb941bc0b2e73fe20ac599273b971b9781ba507",
            "0108000000000000000000000000000000001398f62c6d1a457c51ba6a4b5f3dbd2f69fca93216218dc8997e416bd17d93ca00000000000007d0d501ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c011398f62c6d1a457c51ba6a4b5f3dbd2f69fca93216218dc8997e416bd17d93caf21d90e0a7fb8032c77997e406d8680e781d36a42e550fd2c47a85bc469757c6af32a8d765e7699ead46b54a7096a27f0966e171a103d7001157bc996e484d0403522967fb775af86f90dda2e4846f2d311913494b44c4e77d6e32c47bfb56bbd7250101010101010101010101010101010101010101010101010101010101010101010105050505050505050505050505050505"
        ]
    );
}
