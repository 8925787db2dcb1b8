//! Bytes and hashes that must never change: a difference here is a new format version, with a design note.

use dm_model::{
    Action, Body, Definition, Envelope, Kind, Op, PatchId, Reference, ReferenceForm, Revision, Space, Target,
    Timestamp, Visibility, entity_id,
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
