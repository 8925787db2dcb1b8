//! How much a fold reads: as much as changes, however much there is.

use std::cell::Cell;
use std::sync::Arc;

use dm_collab::{
    Batch, Channel, Effect, EntityState, Fingerprint, Membership, Need, Presence, ProjectionRead, ReadError, fold,
};
use dm_model::{
    Body, DefHash, EntityId, Envelope, EnvelopeId, InstanceId, Kind, Location, Op, OpId, PatchId, RevisionId,
};

use crate::scene::{Scene, create, main_of, patch, update};
use dm_sim::Memory;

/// A projection that counts what is asked of it.
struct Counting<'m> {
    memory: &'m Memory,
    reads: Cell<usize>,
}

macro_rules! counted {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self $(, $arg: $type)*) -> Result<$answer, ReadError> {
            self.reads.set(self.reads.get() + 1);
            self.memory.$name($($arg),*)
        })*
    };
}

impl ProjectionRead for Counting<'_> {
    fn own_channel(&self) -> InstanceId {
        self.memory.own_channel()
    }
    fn any_pending(&self) -> Result<bool, ReadError> {
        Ok(!self.memory.pending.is_empty())
    }
    counted! {
        presence(envelope: &EnvelopeId) -> Presence;
        envelope(envelope: &EnvelopeId) -> Option<Arc<Envelope>>;
        content_present(content: &DefHash) -> bool;
        waiting_on(need: &Need) -> Vec<EnvelopeId>;
        op(op: &OpId) -> Option<Arc<Op>>;
        carriers(op: &OpId) -> Vec<RevisionId>;
        needing(op: &OpId) -> Vec<RevisionId>;
        entity_ops(entity: &EntityId) -> Vec<(OpId, Arc<Op>)>;
        op_effective(op: &OpId) -> bool;
        effect(revision: &RevisionId) -> Effect;
        membership(channel: &Channel, patch: &PatchId) -> Membership;
        leaves(channel: &Channel) -> Vec<EnvelopeId>;
        facts(channel: &Channel) -> Vec<Arc<Envelope>>;
        channels() -> Vec<Channel>;
        members(channel: &Channel) -> Vec<(PatchId, Membership)>;
        revisions(patch: &PatchId) -> Vec<RevisionId>;
        patch_facts(patch: &PatchId) -> Vec<Arc<Envelope>>;
        key_facts(author: &str) -> Vec<Arc<Envelope>>;
        entity(entity: &EntityId) -> Option<EntityState>;
        entities_at(location: &Location) -> Vec<EntityId>;
        flagged() -> Vec<EntityId>;
        collisions() -> Vec<Location>;
        deleted_dependencies() -> Vec<(EntityId, EntityId)>;
        dependents(entity: &EntityId) -> Vec<EntityId>;
        definition_head(content: &DefHash) -> Option<(Kind, Vec<EntityId>)>;
        view_fingerprint() -> Fingerprint;
        any_private() -> bool;
        blocked() -> Vec<RevisionId>;
    }
}

fn reads(memory: &Memory, batch: &Batch) -> usize {
    let counting = Counting { memory, reads: Cell::new(0) };
    fold(&counting, batch).unwrap();
    counting.reads.get()
}

#[test]
fn a_first_pull_asks_for_no_single_op_and_for_no_single_name() {
    let mut scene = Scene::default();
    for of in 0..4u8 {
        let births: Vec<Op> = (0..100).map(|at| create(&format!("A.f{of}x{at}"), "0")).collect();
        scene.applied(2, of, &births.iter().collect::<Vec<_>>());
    }
    let mut memory = Memory::new(main_of(1));
    memory.receive(&scene.log);
    let counting = Counting { memory: &memory, reads: Cell::new(0) };
    let selection = dm_collab::exchange::select(&counting, &|_| true).unwrap();
    assert_eq!((selection.apply.len(), selection.held.len()), (4, 0));
    assert!(counting.reads.get() < 50, "{} reads", counting.reads.get());
}

fn news(scene: &Scene, memory: &Memory) -> Batch {
    let mut news = scene.log.clone();
    news.envelopes.retain(|envelope| !memory.envelopes.contains_key(&envelope.id()));
    news.content.retain(|head| !memory.content_present(&head.hash).unwrap());
    news
}

#[test]
fn creating_costs_a_read_per_entity_and_editing_three() {
    let many = 2000;
    let mut scene = Scene::default();
    let births: Vec<Op> = (0..many).map(|at| create(&format!("A.f{at}"), &format!("{at}"))).collect();
    scene.applied(1, 1, &births.iter().collect::<Vec<_>>());
    let mut memory = Memory::new(main_of(1));
    let start = reads(&memory, &scene.log);
    assert!((many..many + 20).contains(&start), "{start} reads");
    memory.receive(&scene.log);

    let edits: Vec<Op> = births.iter().enumerate().map(|(at, op)| update(&format!("new {at}"), &[op])).collect();
    scene.applied(1, 2, &edits.iter().collect::<Vec<_>>());
    let bulk = reads(&memory, &news(&scene, &memory));
    assert!((many..4 * many + 20).contains(&bulk), "{bulk} reads");
    memory.receive(&scene.log);

    scene.applied(1, 3, &[&update("last", &[&edits[7]])]);
    let one = reads(&memory, &news(&scene, &memory));
    assert!(one < 20, "{one} reads for one edit");
    let is_effective = |memory: &Memory, of| memory.membership(&Channel::public(main_of(1)), &patch(of)).unwrap();
    memory.receive(&scene.log);
    assert!(matches!(is_effective(&memory, 3), Membership::In(_)));
    assert!(memory.envelopes.values().any(|envelope| matches!(envelope.body(), Body::Apply(_))));
}
