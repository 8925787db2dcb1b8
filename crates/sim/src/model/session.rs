//! What a session sees (R24).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::{Layer, SessionLayers};
use dm_model::{OpId, RevisionId};

use super::conflicts::Meaning;
use super::{Held, Model, Ops};

impl Model<'_> {
    /// What a session with these layers over the own main sees.
    #[must_use]
    pub fn session(&self, layers: &SessionLayers<'_>) -> Meaning {
        let revisions = self.revisions();
        let known: BTreeMap<RevisionId, &Held> = revisions.into_iter().filter(|(_, held)| held.is_known()).collect();
        let mut ops = self.effective.clone();
        let mut wanted: BTreeSet<OpId> = BTreeSet::new();
        let mut places: BTreeMap<OpId, usize> = BTreeMap::new();
        let mut add = |held: &Held, ops: &mut Ops| {
            ops.extend(held.ops.iter().cloned());
            wanted.extend(held.needs());
        };
        for (place, layer) in layers.own.iter().enumerate() {
            match layer {
                Layer::Ready(revision) | Layer::Effective(revision) => {
                    if let Some(held) = known.get(revision) {
                        add(held, &mut ops);
                        places.extend(held.ops.iter().map(|(id, _)| (*id, place)));
                    }
                }
                Layer::Draft(drafted) => {
                    ops.extend(drafted.iter().map(|(id, op)| (*id, Arc::new(op.clone()))));
                    places.extend(drafted.iter().map(|(id, _)| (*id, place)));
                }
            }
        }
        for revision in layers.pinned.iter().filter_map(|revision| known.get(revision)) {
            add(revision, &mut ops);
        }
        for layer in &layers.own {
            if let Layer::Draft(drafted) = layer {
                wanted.extend(drafted.iter().flat_map(|(_, op)| op.supersedes.iter().chain(&op.after)));
            }
        }
        while !wanted.is_empty() {
            let missing: Vec<OpId> = wanted.iter().filter(|op| !ops.contains_key(op)).copied().collect();
            wanted.clear();
            for op in missing {
                let carries = |held: &&&Held| held.ops.iter().any(|(id, _)| *id == op);
                if let Some(carrier) = known.values().find(carries) {
                    ops.extend(carrier.ops.iter().cloned());
                    wanted.extend(carrier.needs());
                }
            }
        }
        let mut meaning = Meaning::of(ops, &self.holdings.content);
        meaning.places = places;
        meaning.content.extend(layers.definitions.iter().map(|head| (head.hash, head.uses.clone())));
        meaning
    }
}
