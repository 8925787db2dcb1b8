//! The fold: what counts, what is in, what takes effect, in any order of arrival.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::register::evaluate;
use dm_collab::{Batch, Channel, Effect, Fingerprint, Membership, Need, ProjectionRead as _};
use dm_model::{Body, EntityId, Op, OpId, Revision, RevisionId};
use proptest::prelude::*;

use crate::scene::{Scene, create, create_again, delete, deprecate, ids, keys, main_of, patch, rename, text, update};
use dm_sim::Memory;

pub fn all_at_once(scene: &Scene) -> Memory {
    let mut memory = Memory::new(main_of(1));
    memory.receive(&scene.log);
    memory
}

#[test]
fn an_op_carried_by_two_patches_outlives_one_of_them() {
    let mut scene = Scene::default();
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    scene.applied(1, 1, &[&birth]);
    scene.applied(1, 2, &[&edit]);
    let also = create("A.g", "0");
    scene.applied(1, 3, &[&edit, &also]);
    let before = all_at_once(&scene);
    scene.unapply(1, &[2]);
    let memory = all_at_once(&scene);
    assert!(memory.op_effective(&edit.id()).unwrap());
    assert_eq!(memory.fingerprint, before.fingerprint);
    scene.unapply(1, &[3]);
    let memory = all_at_once(&scene);
    assert!(!memory.op_effective(&edit.id()).unwrap());
    assert_eq!(memory.entities[&birth.entity].content(), Some(text("0")));
    assert!(!memory.entities.contains_key(&also.entity));
}

#[test]
fn a_blocked_revision_takes_effect_once_its_needs_are_met_and_ceases_with_them() {
    let mut scene = Scene::default();
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    let lower = scene.revision(1, 1, &[&birth]);
    let upper = scene.applied(1, 2, &[&edit]);
    let mut memory = Memory::new(main_of(1));
    memory.receive(&scene.log);
    assert_eq!(memory.effect(&upper).unwrap(), Effect::Blocked(ids(&[&birth])));
    assert!(memory.entities.is_empty());

    scene.apply(1, &[(1, lower)]);
    memory.receive(&scene.log);
    assert_eq!(memory.effect(&upper).unwrap(), Effect::Effective);
    assert_eq!(memory.entities[&birth.entity].content(), Some(text("1")));
    assert_eq!(memory, all_at_once(&scene));

    scene.unapply(1, &[1]);
    memory.receive(&scene.log);
    assert_eq!(memory.effect(&upper).unwrap(), Effect::Blocked(ids(&[&birth])));
    assert_eq!(memory.fingerprint, Fingerprint::default());
    assert_eq!(memory, all_at_once(&scene));
}

#[test]
fn revisions_do_not_bear_each_other_in_a_circle() {
    // `shared` is carried by the base and by the upper; what stands on it is carried by the middle, which the upper needs.
    let mut scene = Scene::default();
    let shared = create("A.f", "0");
    let (middle_birth, upper_edit);
    let middle_edit = update("1", &[&shared]);
    middle_birth = create("A.g", "0");
    upper_edit = update("1", &[&middle_birth]);
    scene.applied(1, 1, &[&shared]);
    let middle = scene.applied(1, 2, &[&middle_edit, &middle_birth]);
    let upper = scene.applied(1, 3, &[&shared, &upper_edit]);
    let mut memory = all_at_once(&scene);
    assert_eq!(memory.effect(&upper).unwrap(), Effect::Effective);
    scene.unapply(1, &[1]);
    memory.receive(&scene.log);
    assert_eq!(memory.effect(&middle).unwrap(), Effect::Blocked(ids(&[&shared])));
    assert_eq!(memory.effect(&upper).unwrap(), Effect::Blocked(ids(&[&middle_birth])));
    assert!(memory.entities.is_empty());
    assert_eq!(memory, all_at_once(&scene));
}

#[test]
fn a_forked_main_disputes_what_its_ends_say_differently_until_they_join() {
    let mut scene = Scene::default();
    let (one, two) = (create("A.f", "0"), create("A.g", "0"));
    let base = scene.revision(1, 1, &[&one]);
    let other = scene.revision(1, 2, &[&two]);
    let root = scene.apply(1, &[(1, base)]);
    let left = scene.apply_onto(1, vec![root], &[(2, other)]);
    let right = scene.unapply_onto(1, vec![root], &[1]);
    let mut memory = all_at_once(&scene);
    let own = Channel::public(main_of(1));
    let membership = |memory: &Memory, of| memory.membership(&own, &patch(of)).unwrap();
    assert_eq!(membership(&memory, 1), Membership::Disputed(vec![None, Some(base)]));
    assert_eq!(membership(&memory, 2), Membership::Disputed(vec![None, Some(other)]));
    assert!(memory.entities.is_empty());

    let mut ends = vec![left, right];
    ends.sort_unstable();
    assert_eq!(memory.leaves(&own).unwrap(), ends);
    scene.apply_onto(1, ends, &[(2, other)]);
    memory.receive(&scene.log);
    assert_eq!(membership(&memory, 1), Membership::Out { touched: true });
    assert_eq!(membership(&memory, 2), Membership::In(other));
    assert_eq!(memory, all_at_once(&scene));
}

#[test]
fn content_and_ops_are_waited_for() {
    let mut scene = Scene::default();
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    let lower = scene.applied(1, 1, &[&birth]);
    let upper = scene.applied(1, 2, &[&edit]);
    let mut memory = Memory::new(main_of(1));
    let without = |left_out: &dyn Fn(&RevisionId) -> bool| {
        let envelopes = scene.log.envelopes.iter().filter(|envelope| !left_out(&envelope.id())).cloned().collect();
        Batch { envelopes, content: Vec::new() }
    };
    memory.receive(&without(&|id| *id == lower));
    assert_eq!(memory.pending[&upper], [Need::Op(birth.id()), Need::Content(text("1"))]);
    memory.receive(&without(&|_| false));
    assert_eq!(memory.pending[&upper], [Need::Op(birth.id()), Need::Content(text("1"))]);
    memory.receive(&Batch { envelopes: Vec::new(), content: scene.log.content.clone() });
    assert!(memory.pending.is_empty());
    assert_eq!(memory, all_at_once(&scene));
}

#[test]
fn a_name_used_again_is_another_entity() {
    let mut scene = Scene::default();
    let birth = create("A.f", "0");
    let gone = delete(&[&birth], &[&birth]);
    let again = create_again("A.f", 1, "new").after([gone.id()]);
    scene.applied(1, 1, &[&birth]);
    scene.applied(1, 2, &[&gone]);
    scene.applied(1, 3, &[&again]);
    let memory = all_at_once(&scene);
    assert_eq!(memory.entities_at(&crate::scene::location("A.f")).unwrap(), [again.entity]);
    scene.unapply(1, &[2]);
    let memory = all_at_once(&scene);
    assert_eq!(memory.entities_at(&crate::scene::location("A.f")).unwrap(), [birth.entity]);
}

/// A write of random history, built on what was written before.
#[derive(Clone, Debug)]
pub enum Step {
    Revision { person: u8, of: u8, ops: Vec<(u8, u8, u8, u8)>, old: Option<u8> },
    Apply { person: u8, which: u8, stale: bool },
    Unapply { person: u8, of: u8, stale: bool },
}

pub fn step() -> impl Strategy<Value = Step> {
    let ops = prop::collection::vec((0..6u8, 0..3u8, 0..4u8, any::<u8>()), 1..4);
    prop_oneof![
        3 => (1..3u8, 0..8u8, ops, prop::option::weighted(0.2, any::<u8>()))
            .prop_map(|(person, of, ops, old)| Step::Revision { person, of, ops, old }),
        4 => (1..3u8, any::<u8>(), prop::bool::weighted(0.1))
            .prop_map(|(person, which, stale)| Step::Apply { person, which, stale }),
        1 => (1..3u8, 0..8u8, prop::bool::weighted(0.1))
            .prop_map(|(person, of, stale)| Step::Unapply { person, of, stale }),
    ]
}

pub fn pick<T: Clone>(from: &[T], by: u8) -> Option<T> {
    (!from.is_empty()).then(|| from[usize::from(by) % from.len()].clone())
}

/// An op on one of three entities: over one or two earlier ops of it, whether or not these are its heads.
fn random_op(earlier: &[Op], (action, place, over, value): (u8, u8, u8, u8)) -> Op {
    let path = ["A.f", "A.g", "A.h"][usize::from(place)];
    let content = ["0", "1", "2"][usize::from(value % 3)];
    let of_entity: Vec<Op> = earlier.iter().filter(|op| op.entity == crate::scene::entity(path)).cloned().collect();
    let (Some(one), Some(two)) = (pick(&of_entity, over.wrapping_add(value)), pick(&of_entity, value)) else {
        return create(path, content);
    };
    let over: Vec<&Op> = if over == 0 && one != two { vec![&one, &two] } else { vec![&one] };
    match action {
        0 => create(path, content),
        1 | 2 => update(content, &over),
        3 => rename(["B.f", "B.g", "A.f"][usize::from(value % 3)], &over),
        4 => delete(&over, &[&two]),
        _ => deprecate(&one, content, &[&two]),
    }
}

pub fn history(steps: &[Step]) -> Scene {
    let mut scene = Scene::default();
    let places = ["A.f", "A.g", "A.h"].map(crate::scene::entity);
    scene.define(text("1"), &places[1..2]);
    scene.define(text("2"), &[places[0], places[2]]);
    let mut ops: Vec<Op> = Vec::new();
    let mut revisions: Vec<(u8, RevisionId)> = Vec::new();
    let mut facts = Vec::new();
    for step in steps {
        match step {
            Step::Revision { person, of, ops: wanted, old } => {
                let mut new: Vec<Op> = Vec::new();
                for wanted in wanted {
                    let op = random_op(&ops, *wanted);
                    ops.push(op.clone());
                    new.push(op);
                }
                new.extend(old.and_then(|old| pick(&ops, old)));
                new.sort();
                new.dedup();
                let id = scene.revision(*person, *of, &new.iter().collect::<Vec<_>>());
                revisions.push((*of, id));
            }
            Step::Apply { person, which, stale } => {
                let Some(one) = pick(&revisions, *which) else { continue };
                let stale = pick(&facts, *which).filter(|_| *stale);
                let fact = match stale {
                    Some(onto) => scene.apply_onto(*person, vec![onto], &[one]),
                    None => scene.apply(*person, &[one]),
                };
                facts.push(fact);
            }
            Step::Unapply { person, of, stale } => {
                let stale = pick(&facts, *of).filter(|_| *stale);
                facts.push(match stale {
                    Some(onto) => scene.unapply_onto(*person, vec![onto], &[*of]),
                    None => scene.unapply(*person, &[*of]),
                });
            }
        }
    }
    scene
}

/// Everything in the order given by `keys`, cut into batches of `size`.
fn delivered(scene: &Scene, order: &[u32], size: usize) -> Memory {
    enum Part {
        Envelope(Arc<dm_model::Envelope>),
        Content(dm_collab::ContentHead),
    }
    let envelopes = scene.log.envelopes.iter().cloned().map(Part::Envelope);
    let mut parts: Vec<(u32, Part)> = envelopes
        .chain(scene.log.content.iter().cloned().map(Part::Content))
        .enumerate()
        .map(|(at, part)| (order[at % order.len()].wrapping_mul(at as u32 + 1), part))
        .collect();
    parts.sort_by_key(|(key, _)| *key);
    let mut memory = Memory::new(main_of(1));
    let mut parts = parts.into_iter().map(|(_, part)| part).peekable();
    while parts.peek().is_some() {
        let mut batch = Batch::default();
        for part in parts.by_ref().take(size) {
            match part {
                Part::Envelope(envelope) => batch.envelopes.push(envelope),
                Part::Content(head) => batch.content.push(head),
            }
        }
        memory.receive(&batch);
        check_views(&memory);
    }
    memory
}

fn body(memory: &Memory, id: &RevisionId) -> Revision {
    match memory.envelopes[id].body() {
        Body::Revision(revision) => revision.clone(),
        _ => unreachable!("a revision id"),
    }
}

/// What the projection says against the plain reading of the rules.
fn check_views(memory: &Memory) {
    let members: Vec<(RevisionId, Revision)> = memory
        .members(&Channel::public(main_of(1)))
        .unwrap()
        .into_iter()
        .filter_map(|(_, membership)| match membership {
            Membership::In(revision) => Some((revision, body(memory, &revision))),
            _ => None,
        })
        .collect();
    let mut effective: BTreeMap<OpId, Op> = BTreeMap::new();
    loop {
        let met = |revision: &Revision| revision.needs().iter().all(|need| effective.contains_key(need));
        let news: Vec<Op> = members.iter().filter(|(_, r)| met(r)).flat_map(|(_, r)| r.ops.clone()).collect();
        let before = effective.len();
        effective.extend(news.into_iter().map(|op| (op.id(), op)));
        if effective.len() == before {
            break;
        }
    }
    assert_eq!(memory.effective, effective.keys().copied().collect::<BTreeSet<_>>());
    for (id, revision) in &members {
        let missing: Vec<OpId> = revision.needs().into_iter().filter(|need| !effective.contains_key(need)).collect();
        let expected = if missing.is_empty() { Effect::Effective } else { Effect::Blocked(missing) };
        assert_eq!(memory.effect(id).unwrap(), expected);
    }
    let mut by_entity: BTreeMap<EntityId, Vec<(OpId, &Op)>> = BTreeMap::new();
    for (id, op) in &effective {
        by_entity.entry(op.entity).or_default().push((*id, op));
    }
    let mut fingerprint = Fingerprint::default();
    let states: BTreeMap<_, _> = by_entity
        .into_iter()
        .filter_map(|(entity, ops)| {
            let state = evaluate(ops)?;
            fingerprint.add(&state.digest(&entity));
            Some((entity, state))
        })
        .collect();
    assert_eq!(memory.entities, states);
    assert_eq!(memory.fingerprint, fingerprint);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_cut_give_one_projection(
        steps in prop::collection::vec(step(), 1..30),
        order in prop::collection::vec(any::<u32>(), 7..40),
        size in 1..12usize,
    ) {
        let scene = history(&steps);
        let whole = all_at_once(&scene);
        check_views(&whole);
        prop_assert_eq!(&delivered(&scene, &order, size), &whole);
        prop_assert_eq!(&delivered(&scene, &[1], 1), &whole);
    }

    #[test]
    fn unapplying_the_last_patch_restores_what_was(steps in prop::collection::vec(step(), 1..20), which in any::<u8>()) {
        let mut scene = history(&steps);
        let before = all_at_once(&scene);
        let op = create("Z.new", "0");
        let Some(old) = pick(&before.effective.iter().copied().collect::<Vec<_>>(), which) else { return Ok(()) };
        let on_old = before.op(&old).unwrap().unwrap();
        let edit = update("z", &[&on_old]);
        let revision = scene.revision(1, 99, &[&op, &edit]);
        let leaves = before.leaves(&Channel::public(main_of(1))).unwrap();
        let applied = scene.apply_onto(1, leaves, &[(99, revision)]);
        let mut memory = before.clone();
        memory.receive(&scene.log);
        prop_assert_eq!(memory.effect(&revision).unwrap(), Effect::Effective);
        scene.unapply_onto(1, vec![applied], &[99]);
        memory.receive(&scene.log);
        // A fork that the apply joined is settled by it; without one, everything is as before.
        if before.leaves(&Channel::public(main_of(1))).unwrap().len() == 1 {
            prop_assert_eq!(memory.entities, before.entities);
            prop_assert_eq!(memory.fingerprint, before.fingerprint);
        }
    }
}

#[test]
fn a_foreign_main_is_followed_but_changes_nothing_here() {
    let mut scene = Scene::default();
    let birth = create("A.f", "0");
    let revision = scene.applied(2, 1, &[&birth]);
    let memory = all_at_once(&scene);
    assert_eq!(
        memory.membership(&Channel::public(keys(2).public().instance()), &patch(1)).unwrap(),
        Membership::In(revision)
    );
    assert_eq!(memory.effect(&revision).unwrap(), Effect::NotApplied);
    assert!(memory.entities.is_empty());
}
