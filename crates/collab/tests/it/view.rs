//! Views over an overlay against the plain reading of the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::conflict::{self, Conflict};
use dm_collab::register::evaluate;
use dm_collab::{
    ConflictKind, EntityState, Fingerprint, Layer, Overlay, ProjectionRead as _, SessionLayers, View, WayOut,
};
use dm_model::{EntityId, Location, Op, OpId, Register, Value};
use proptest::prelude::*;

use crate::fold::{all_at_once, history, step};
use crate::scene::{Scene, create, delete, entity, ids, location, rename, text, update};
use dm_sim::Memory;

/// All conflicts of a map of states, by looking at everything.
fn plain_conflicts(memory: &Memory, states: &BTreeMap<EntityId, EntityState>) -> Vec<Conflict> {
    let mut conflicts: Vec<Conflict> =
        states.iter().flat_map(|(entity, state)| conflict::of_entity(*entity, state)).collect();
    let mut at: BTreeMap<Location, Vec<EntityId>> = BTreeMap::new();
    for (entity, state) in states {
        for location in &state.live {
            at.entry(location.clone()).or_default().push(*entity);
        }
        let uses = state.content().and_then(|content| memory.definition_head(&content).unwrap());
        for used in uses.into_iter().flat_map(|(_, uses)| uses).filter(|_| state.is_live()) {
            if states.get(&used).is_some_and(|used| !used.is_live()) {
                conflicts.push(Conflict::deleted_dependency(*entity, used));
            }
        }
    }
    let several = at.into_iter().filter(|(_, entities)| entities.len() > 1);
    conflicts.extend(several.map(|(location, entities)| Conflict::collision(location, entities)));
    conflicts.sort_by_key(|conflict| (conflict.kind, conflict.id));
    conflicts
}

fn states_of(ops: &BTreeMap<OpId, Arc<Op>>) -> BTreeMap<EntityId, EntityState> {
    let entities: BTreeSet<EntityId> = ops.values().map(|op| op.entity).collect();
    let of = |entity: EntityId| ops.iter().filter(move |(_, op)| op.entity == entity).map(|(id, op)| (*id, &**op));
    entities.into_iter().filter_map(|entity| Some((entity, evaluate(of(entity))?))).collect()
}

fn overlay(ops: &[&Op]) -> Overlay {
    let mut overlay = Overlay::default();
    for op in ops {
        overlay.add(op.id(), Arc::new((*op).clone()));
    }
    overlay
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_view_is_what_its_ops_mean(steps in prop::collection::vec(step(), 1..30), chosen in any::<u64>()) {
        let memory = all_at_once(&history(&steps));
        let mut ops: BTreeMap<OpId, Arc<Op>> =
            memory.effective.iter().map(|id| (*id, memory.op(id).unwrap().unwrap())).collect();
        let mut laid = Overlay::default();
        let other = memory.all_ops().filter(|(at, _)| chosen >> (at % 64) & 1 == 1).map(|(_, op)| op);
        for op in other {
            laid.add(op.id(), Arc::clone(op));
            ops.insert(op.id(), Arc::clone(op));
        }
        let view = View::over(&memory, laid).unwrap();
        let states = states_of(&ops);
        let mut fingerprint = Fingerprint::default();
        for (entity, state) in &states {
            fingerprint.add(&state.digest(entity));
            prop_assert_eq!(&view.entity(entity).unwrap().unwrap(), state);
            let users: Vec<EntityId> = states
                .iter()
                .filter(|(_, state)| state.is_live())
                .filter(|(user, _)| view.uses(user).unwrap().contains(entity))
                .map(|(user, _)| *user)
                .collect();
            prop_assert_eq!(view.dependents(entity).unwrap(), users);
        }
        prop_assert_eq!(view.fingerprint().unwrap(), fingerprint);
        prop_assert_eq!(view.conflicts().unwrap(), plain_conflicts(&memory, &states));
        for place in ["A.f", "A.g", "A.h", "B.f", "B.g"].map(location) {
            let live: Vec<EntityId> =
                states.iter().filter(|(_, state)| state.live.contains(&place)).map(|(entity, _)| *entity).collect();
            prop_assert_eq!(view.entities_at(&place).unwrap(), live);
        }
    }
}

#[test]
fn the_main_alone_is_the_projection() {
    let mut scene = Scene::default();
    let birth = create("A.f", "0");
    let (one, two) = (update("1", &[&birth]), update("2", &[&birth]));
    scene.applied(1, 1, &[&birth, &one, &two]);
    let memory = all_at_once(&scene);
    let view = View::main(&memory);
    assert_eq!(view.content(&birth.entity).unwrap(), Some(text("0")));
    assert_eq!(view.fingerprint().unwrap(), memory.fingerprint);
    let conflicts = view.conflicts().unwrap();
    assert_eq!(conflicts.iter().map(|conflict| conflict.kind).collect::<Vec<_>>(), [ConflictKind::Content]);
    assert_eq!(conflicts[0].head_ops(), ids(&[&one, &two]));
    assert_eq!(conflicts[0].ancestor.as_ref().map(|head| head.op), Some(birth.id()));
    assert!(conflicts[0].ways_out().contains(&WayOut::Take(one.id())));
}

#[test]
fn a_session_prefers_its_own_highest_write_and_others_the_ancestor() {
    let mut scene = Scene::default();
    let birth = create("A.f", "0");
    let (theirs, lower, upper) = (update("t", &[&birth]), update("l", &[&birth]), update("u", &[&birth]));
    scene.applied(1, 1, &[&birth]);
    scene.applied(1, 2, &[&theirs]);
    let applied = scene.applied(1, 3, &[&lower]);
    let ready = scene.revision(1, 4, &[&upper]);
    let memory = all_at_once(&scene);
    let content = |own: Vec<Layer<'_>>| {
        let layers = SessionLayers { own, ..SessionLayers::default() };
        View::session(&memory, &layers).unwrap().content(&birth.entity).unwrap()
    };
    assert_eq!(content(Vec::new()), Some(text("0")));
    assert_eq!(content(vec![Layer::Ready(applied)]), Some(text("l")));
    assert_eq!(content(vec![Layer::Ready(applied), Layer::Ready(ready)]), Some(text("u")));
    assert_eq!(content(vec![Layer::Ready(ready), Layer::Ready(applied)]), Some(text("l")));
    // Said to be in effect, it is not looked into, and preferred all the same.
    assert_eq!(content(vec![Layer::Effective(applied), Layer::Ready(ready)]), Some(text("u")));
    assert_eq!(content(vec![Layer::Ready(ready), Layer::Effective(applied)]), Some(text("l")));
    let draft = update("d", &[&birth]);
    let made = [(draft.id(), draft)];
    assert_eq!(content(vec![Layer::Ready(ready), Layer::Draft(&made)]), Some(text("d")));
}

#[test]
fn a_session_keeps_what_its_patches_need_even_where_main_took_it_back() {
    let mut scene = Scene::default();
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    let next = update("2", &[&edit]);
    scene.applied(1, 1, &[&birth]);
    scene.applied(1, 2, &[&edit]);
    let own = scene.revision(1, 3, &[&next]);
    scene.unapply(1, &[1]);
    let memory = all_at_once(&scene);
    assert!(memory.entities.is_empty());
    for layers in [
        SessionLayers { own: vec![Layer::Ready(own)], ..SessionLayers::default() },
        SessionLayers { pinned: vec![own], ..SessionLayers::default() },
    ] {
        let view = View::session(&memory, &layers).unwrap();
        assert_eq!(view.content(&birth.entity).unwrap(), Some(text("2")));
        assert!(view.conflicts().unwrap().is_empty());
    }
}

#[test]
fn an_edit_of_what_is_shown_replaces_just_that() {
    let birth = create("A.f", "0");
    let (one, two) = (update("1", &[&birth]), update("2", &[&birth]));
    let memory = all_at_once(&Scene::default());
    let shown = |overlay: Overlay| {
        let view = View::over(&memory, overlay).unwrap();
        view.shown(&birth.entity, Register::Content).unwrap().iter().map(|head| head.op).collect::<Vec<_>>()
    };
    assert_eq!(shown(overlay(&[&birth])), [birth.id()]);
    assert_eq!(shown(overlay(&[&birth, &one, &two])), [birth.id()], "the ancestor is what is shown");
    let mut own = overlay(&[&birth, &one]);
    own.add_own(0, two.id(), Arc::new(two.clone()));
    assert_eq!(shown(own), [two.id()]);
}

#[test]
fn a_free_place_names_what_freed_it() {
    let birth = create("A.f", "0");
    let moved = rename("A.g", &[&birth]);
    let gone = delete(&[&moved], &[&birth]);
    let memory = all_at_once(&Scene::default());
    let place = |ops: &[&Op]| View::over(&memory, overlay(ops)).unwrap().free_place(&location("A.f")).unwrap();
    assert_eq!((place(&[]).generation, place(&[]).freed_by), (0, Vec::new()));
    assert_eq!((place(&[&birth, &moved]).generation, place(&[&birth, &moved]).freed_by), (1, ids(&[&moved])));
    assert_eq!(place(&[&birth, &moved, &gone]).freed_by, ids(&[&gone]));
}

#[test]
fn what_is_witnessed_is_the_other_side_of_r22() {
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    let old = crate::scene::deprecate(&birth, "old", &[&edit]);
    let memory = all_at_once(&Scene::default());
    let view = View::over(&memory, overlay(&[&birth, &edit, &old])).unwrap();
    assert_eq!(view.witness(&birth.entity, Register::Location).unwrap(), [edit.id()]);
    assert_eq!(view.witness(&birth.entity, Register::Content).unwrap(), [old.id()]);
    assert_eq!(view.creators(&birth.entity).unwrap(), [birth.id()]);
}

#[test]
fn two_entities_at_one_place_and_a_used_one_without_a_name_are_conflicts() {
    let mut scene = Scene::default();
    let (f, g, h) = (create("A.f", "f"), create("A.g", "g"), create("A.h", "h"));
    scene.define(text("f"), &[entity("A.g")]);
    scene.applied(1, 1, &[&f, &g, &h]);
    let memory = all_at_once(&scene);
    let gone = delete(&[&g], &[&g]);
    let crowd = rename("A.f", &[&h]);
    let view = View::over(&memory, overlay(&[&gone, &crowd])).unwrap();
    let conflicts = view.conflicts().unwrap();
    assert_eq!(
        conflicts.iter().map(|conflict| conflict.kind).collect::<Vec<_>>(),
        [ConflictKind::Collision, ConflictKind::DeletedDependency]
    );
    assert_eq!(conflicts[0].location, Some(location("A.f")));
    assert_eq!(conflicts[1].entities, [f.entity, g.entity]);
    assert_eq!(view.value(&h.entity, Register::Location).unwrap(), Some(Value::Location(Some(location("A.f")))));
}
