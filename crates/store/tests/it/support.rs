//! Stores in temporary folders, and short ways to say what is in them.

use std::path::PathBuf;
use std::sync::Arc;

use dm_model::{
    Action, Apply, Body, DefHash, Definition, EntityId, Envelope, EnvelopeId, Keypair, Kind, Location, Op, PatchId,
    Reference, ReferenceForm, Revision, RevisionId, Space, Target, Timestamp, Visibility, entity_id,
};
use dm_store::{Arrival, HashedDefinition, Mode, NewStore, Store};

pub type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A store that is removed with its folder.
pub struct TempStore {
    pub folder: tempfile::TempDir,
    pub store: Store,
}

pub fn keys(n: u8) -> Keypair {
    Keypair::from_secret(&[n; 32])
}

pub fn new_store(n: u8) -> NewStore {
    NewStore { key: keys(n).public(), name: format!("instance {n}"), created_at: at(1) }
}

pub fn temp_store(n: u8) -> TempStore {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(&folder.path().join("store.db"), &new_store(n)).unwrap();
    TempStore { folder, store }
}

impl TempStore {
    pub fn path(&self) -> PathBuf {
        self.store.path().to_path_buf()
    }

    pub fn append(&self, arrival: &Arrival) {
        let mut tx = self.store.write().unwrap();
        tx.append(arrival).unwrap();
        tx.commit().unwrap();
    }

    /// The same file, opened once more.
    pub fn again(&self) -> Store {
        Store::open(self.store.path(), Mode::ReadWrite).unwrap()
    }
}

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

pub fn location(path: &str) -> Location {
    path.parse().unwrap()
}

pub fn patch_id(n: u8) -> PatchId {
    PatchId::from_bytes([n; 16])
}

/// A function of this text that uses these entities, each by a name of the text.
pub fn definition(text: &str, uses: &[(&str, EntityId)]) -> HashedDefinition {
    let mut references: Vec<Reference> = uses
        .iter()
        .map(|(name, entity)| Reference {
            start: u32::try_from(text.find(name).unwrap()).unwrap(),
            length: u32::try_from(name.len()).unwrap(),
            form: ReferenceForm::Path,
            target: Target::Entity(*entity),
        })
        .collect();
    references.sort();
    HashedDefinition::new(Definition { kind: Kind::Fn, text: text.to_owned(), references })
}

pub fn create(path: &str, content: DefHash) -> Op {
    let at = location(path);
    let entity = entity_id(&at, 0);
    Op::new(entity, Action::CreateName { location: at, generation: 0, content, visibility: Visibility::Public })
}

pub fn entity(path: &str) -> EntityId {
    entity_id(&location(path), 0)
}

pub fn revision(key: u8, patch: u8, ms: i64, ops: Vec<Op>) -> Arc<Envelope> {
    replacing(key, patch, ms, ops, Vec::new())
}

pub fn replacing(key: u8, patch: u8, ms: i64, ops: Vec<Op>, replaces: Vec<RevisionId>) -> Arc<Envelope> {
    let revision = Revision {
        patch: patch_id(patch),
        replaces,
        author: format!("author {key}"),
        intent: format!("patch {patch}"),
        created_at: at(ms),
        depends: Vec::new(),
        ops,
    };
    Arc::new(Envelope::seal(Space::PUBLIC, &keys(key), at(ms), Body::Revision(revision)))
}

pub fn apply(key: u8, ms: i64, onto: Vec<EnvelopeId>, mut patches: Vec<(PatchId, RevisionId)>) -> Arc<Envelope> {
    patches.sort();
    let channel = keys(key).public().instance();
    let apply = Apply { channel, onto, patches, forced: String::new() };
    Arc::new(Envelope::seal(Space::PUBLIC, &keys(key), at(ms), Body::Apply(apply)))
}

pub fn arrival(envelopes: &[&Arc<Envelope>], definitions: &[&HashedDefinition]) -> Arrival {
    Arrival {
        envelopes: envelopes.iter().map(|envelope| Arc::clone(envelope)).collect(),
        definitions: definitions.iter().map(|definition| (*definition).clone()).collect(),
    }
}

/// A small shop, applied: `total` uses `tax`; both of patch 1, key 1.
pub struct Shop {
    pub tax: HashedDefinition,
    pub total: HashedDefinition,
    pub created: Arc<Envelope>,
    pub applied: Arc<Envelope>,
}

pub fn shop() -> Shop {
    let tax = definition("let tax (x: Int64) : Int64 = x / 5L", &[]);
    let total = definition("let total (x: Int64) : Int64 = x + tax x", &[("tax", entity("Acme.Shop.tax"))]);
    let ops = vec![create("Acme.Shop.tax", tax.hash()), create("Acme.Shop.Cart.total", total.hash())];
    let created = revision(1, 1, 100, ops);
    let applied = apply(1, 101, Vec::new(), vec![(patch_id(1), created.id())]);
    Shop { tax, total, created, applied }
}

impl Shop {
    pub fn arrival(&self) -> Arrival {
        arrival(&[&self.created, &self.applied], &[&self.tax, &self.total])
    }
}
