//! Short ways of writing histories down.

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_collab::{Batch, ContentHead};
use dm_model::{
    Action, Apply, Body, DefHash, Deprecation, EntityId, Envelope, EnvelopeId, InstanceId, Keypair, Kind, Location, Op,
    OpId, PatchId, Revision, RevisionId, Space, Timestamp, Unapply, Verdict, VerdictKind, Visibility, entity_id,
};

pub fn location(path: &str) -> Location {
    path.parse().unwrap()
}

pub fn text(text: &str) -> DefHash {
    DefHash::from_bytes(*blake3_of(text))
}

/// Distinct bytes for distinct short texts: no hash is needed here.
fn blake3_of(text: &str) -> Box<[u8; 32]> {
    let mut bytes = Box::new([0u8; 32]);
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    bytes
}

pub fn entity(path: &str) -> EntityId {
    entity_id(&location(path), 0)
}

pub fn patch(number: u8) -> PatchId {
    PatchId::from_bytes([number; 16])
}

pub fn create(path: &str, content: &str) -> Op {
    create_again(path, 0, content)
}

pub fn create_again(path: &str, generation: u32, content: &str) -> Op {
    let location = location(path);
    let id = entity_id(&location, generation);
    let visibility = Visibility::Public;
    Op::new(id, Action::CreateName { location, generation, content: text(content), visibility })
}

/// An op on the entity of another op.
fn on(base: &Op, action: Action, over: &[&Op]) -> Op {
    Op::new(base.entity, action).superseding(over.iter().map(|op| op.id()))
}

pub fn update(content: &str, over: &[&Op]) -> Op {
    let old = match over {
        [one] => one.content(),
        _ => None,
    };
    on(over[0], Action::UpdateName { old, new: text(content) }, over)
}

pub fn rename(path: &str, over: &[&Op]) -> Op {
    on(over[0], Action::MoveName { to: location(path) }, over)
}

pub fn delete(over: &[&Op], saw: &[&Op]) -> Op {
    on(over[0], Action::DeleteName, over).witnessing(saw.iter().map(|op| op.id()))
}

pub fn deprecate(base: &Op, reason: &str, saw: &[&Op]) -> Op {
    let action = Action::Deprecate(Deprecation { reason: reason.into(), replacement: None });
    on(base, action, &[]).after([base.id()]).witnessing(saw.iter().map(|op| op.id()))
}

/// Everything ever written, by whom.
#[derive(Default)]
pub struct Scene {
    pub log: Batch,
    last: BTreeMap<InstanceId, EnvelopeId>,
    clock: i64,
}

pub fn keys(person: u8) -> Keypair {
    Keypair::from_secret(&[person; 32])
}

pub fn main_of(person: u8) -> InstanceId {
    keys(person).public().instance()
}

impl Scene {
    pub fn seal(&mut self, person: u8, body: Body) -> EnvelopeId {
        self.clock += 1;
        let envelope = Envelope::seal(Space::PUBLIC, &keys(person), Timestamp::from_ms(self.clock), body);
        let id = envelope.id();
        self.log.envelopes.push(Arc::new(envelope));
        id
    }

    pub fn define(&mut self, content: DefHash, uses: &[EntityId]) {
        if !self.log.content.iter().any(|head| head.hash == content) {
            let mut uses = uses.to_vec();
            uses.sort_unstable();
            self.log.content.push(ContentHead { hash: content, kind: Kind::Fn, uses });
        }
    }

    pub fn revision(&mut self, person: u8, of: u8, ops: &[&Op]) -> RevisionId {
        self.revise(person, of, &[], ops)
    }

    pub fn revise(&mut self, person: u8, of: u8, replaces: &[RevisionId], ops: &[&Op]) -> RevisionId {
        for content in ops.iter().filter_map(|op| op.content()) {
            self.define(content, &[]);
        }
        let ops = ops.iter().map(|op| (*op).clone()).collect();
        let revision = Revision {
            patch: patch(of),
            replaces: replaces.to_vec(),
            author: format!("person {person}"),
            intent: format!("patch {of}"),
            created_at: Timestamp::from_ms(self.clock),
            depends: Vec::new(),
            ops,
        };
        self.seal(person, Body::Revision(revision))
    }

    /// A revision that goes straight into its author's main.
    pub fn applied(&mut self, person: u8, of: u8, ops: &[&Op]) -> RevisionId {
        let revision = self.revision(person, of, ops);
        self.apply(person, &[(of, revision)]);
        revision
    }

    pub fn apply(&mut self, person: u8, patches: &[(u8, RevisionId)]) -> EnvelopeId {
        let onto = self.last.get(&main_of(person)).copied().into_iter().collect();
        self.apply_onto(person, onto, patches)
    }

    pub fn apply_onto(&mut self, person: u8, onto: Vec<EnvelopeId>, patches: &[(u8, RevisionId)]) -> EnvelopeId {
        let mut patches: Vec<_> = patches.iter().map(|(of, revision)| (patch(*of), *revision)).collect();
        patches.sort_unstable();
        let apply = Apply { channel: main_of(person), onto, patches, forced: String::new() };
        self.fact(person, Body::Apply(apply))
    }

    pub fn unapply(&mut self, person: u8, patches: &[u8]) -> EnvelopeId {
        let onto = self.last.get(&main_of(person)).copied().into_iter().collect();
        self.unapply_onto(person, onto, patches)
    }

    pub fn unapply_onto(&mut self, person: u8, onto: Vec<EnvelopeId>, patches: &[u8]) -> EnvelopeId {
        let patches = patches.iter().map(|of| patch(*of)).collect();
        self.fact(person, Body::Unapply(Unapply { channel: main_of(person), onto, patches }))
    }

    /// A fact on a main, which later ones then stand on.
    pub fn fact(&mut self, person: u8, body: Body) -> EnvelopeId {
        let id = self.seal(person, body);
        self.last.insert(main_of(person), id);
        id
    }

    pub fn verdict(&mut self, person: u8, revision: RevisionId, kind: VerdictKind, over: &[EnvelopeId]) -> EnvelopeId {
        let (author, words) = (format!("person {person}"), String::new());
        let supersedes = over.to_vec();
        self.seal(person, Body::Verdict(Verdict { revision, author, kind, words, supersedes }))
    }
}

/// The ids of ops.
pub fn ids(ops: &[&Op]) -> Vec<OpId> {
    let mut ids: Vec<OpId> = ops.iter().map(|op| op.id()).collect();
    ids.sort_unstable();
    ids
}
