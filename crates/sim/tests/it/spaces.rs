//! Who reads only some of the spaces has the part of the whole that these carry (I16), and hears nothing of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::exchange::{conflicts, select};
use dm_collab::scope::view_fingerprint_for;
use dm_collab::{Batch, Channel, Effect, Membership, ProjectionRead as _, Subject};
use dm_model::{Body, EnvelopeId, RevisionId, Space};
use dm_sim::agreement::anyone;
use dm_sim::history::{Base, Then, What, anything, goodwill};
use dm_sim::model::Model;
use dm_sim::person::{SPACES, place};
use dm_sim::{Edit, Memory, Person, Step, Watch, World};
use proptest::prelude::*;

use crate::play::{agreed, config};

/// The unions of spaces that have the public one.
fn unions() -> Vec<Vec<Space>> {
    vec![vec![SPACES[0]], vec![SPACES[0], SPACES[1]], vec![SPACES[0], SPACES[2]], SPACES.to_vec()]
}

/// What a person would hold who had got these spaces only.
fn partly(person: &Person, spaces: &[Space]) -> Memory {
    let held = person.memory.envelopes.values();
    let envelopes = held.filter(|envelope| spaces.contains(&envelope.header().space)).map(Arc::clone).collect();
    let mut memory = Memory::new(person.main());
    memory.receive(&Batch { envelopes, content: person.memory.content().collect() });
    memory
}

fn restricted<K: Ord + Clone, V: Clone>(all: &BTreeMap<K, V>, keeps: impl Fn(&K) -> bool) -> BTreeMap<K, V> {
    all.iter().filter(|(key, _)| keeps(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The whole restricted to a union of spaces is what the union alone gives.
fn check(person: &Person, spaces: &[Space]) -> Result<(), TestCaseError> {
    let (whole, part) = (&person.memory, partly(person, spaces));
    let reads = |space: Space| spaces.contains(&space);
    let of = |id: &EnvelopeId| reads(whole.envelopes[id].header().space);
    prop_assert_eq!(&part.counted, &whole.counted.iter().filter(|id| of(id)).copied().collect::<BTreeSet<_>>());
    prop_assert_eq!(&part.pending, &restricted(&whole.pending, of));
    prop_assert_eq!(&part.leaves, &restricted(&whole.leaves, |channel| reads(channel.space)));
    prop_assert_eq!(&part.membership, &restricted(&whole.membership, |(channel, _)| reads(channel.space)));
    prop_assert_eq!(&part.effects, &restricted(&whole.effects, of));

    let model = Model::of(person.main(), &person.holdings);
    let main = model.main_for(&reads);
    prop_assert_eq!(&part.effective, &main.ops.keys().copied().collect::<BTreeSet<_>>());
    prop_assert_eq!(&part.entities, &main.entities);
    prop_assert_eq!(part.fingerprint, main.fingerprint());
    // What a server says of its main to who may read these.
    prop_assert_eq!(view_fingerprint_for(whole, spaces).unwrap(), part.fingerprint);

    let mut expected = model.union_for(&anyone, &reads).conflicts();
    let readable = |subject: &Subject| match subject {
        Subject::Ops | Subject::Meaning { .. } => false,
        Subject::Revision { revision, .. } => of(revision),
        Subject::Patch { space, .. } => reads(*space),
    };
    let of_channel = conflicts(whole, &anyone).unwrap().into_iter().filter(|conflict| readable(&conflict.subject));
    expected.extend(of_channel);
    prop_assert_eq!(conflicts(&part, &anyone).unwrap(), expected);
    Ok(())
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn i16_a_part_is_the_whole_restricted_to_it(history in anything(1..50)) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        for person in &world.people {
            for spaces in unions() {
                check(person, &spaces)?;
            }
        }
    }

    #[test]
    fn i16_holds_after_everybody_has_met(history in goodwill(1..40)) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        agreed(world.meet())?;
        for spaces in unions() {
            check(&world.people[0], &spaces)?;
        }
    }

    #[test]
    fn a_fact_names_nothing_of_another_space(history in goodwill(1..40)) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        agreed(world.meet())?;
        let space_of: BTreeMap<EnvelopeId, Space> =
            world.log.envelopes.iter().map(|envelope| (envelope.id(), envelope.header().space)).collect();
        for envelope in &world.log.envelopes {
            let space = envelope.header().space;
            let named = envelope.needs();
            prop_assert!(named.iter().all(|id| space.reads(space_of[id])), "{:?}", envelope.body());
            if let Body::Apply(apply) = envelope.body() {
                prop_assert!(apply.patches.iter().all(|(_, revision)| space_of[revision] == space));
                prop_assert!(apply.onto.iter().all(|fact| space_of[fact] == space));
            }
        }
    }
}

fn put(at: u8, value: u8) -> Edit {
    Edit { at, what: What::Put, value }
}

fn write(who: u8, edits: Vec<Edit>) -> Step {
    Step::Write { who, edits, base: Base::Current, then: Then::Apply }
}

fn turn(who: u8, space: u8) -> Step {
    Step::Turn { who, space, careless: false }
}

fn has(memory: &Memory, at: u8) -> bool {
    !memory.entities_at(&place(at)).unwrap().is_empty()
}

fn effect(world: &World, who: usize, revision: RevisionId) -> Effect {
    world.people[who].memory.effect(&revision).unwrap()
}

/// A public function, an edit of it by a group, and one that only the group has.
fn group() -> World {
    let mut world = World::new(2, Watch::Always);
    let steps = [
        write(0, vec![put(0, 0)]),
        turn(0, 1),
        write(0, vec![put(0, 1)]),
        write(0, vec![put(1, 2)]),
        turn(0, 0),
        write(0, vec![put(2, 3)]),
    ];
    world.play(&steps).unwrap();
    world
}

#[test]
fn who_is_outside_sees_a_whole_main_and_no_word_of_the_group() {
    let world = group();
    let part = partly(&world.people[0], &[Space::PUBLIC]);
    assert!(has(&part, 0) && has(&part, 2) && !has(&part, 1));
    let main = Channel::public(world.people[0].main());
    assert_eq!(part.leaves(&main).unwrap().len(), 1, "one chain without gaps");
    assert!(part.pending.is_empty());
    let secret: Vec<[u8; 32]> = world
        .log
        .envelopes
        .iter()
        .filter(|one| !one.header().space.is_public())
        .map(|one| *one.id().as_bytes())
        .collect();
    assert_eq!(secret.len(), 4);
    for envelope in part.envelopes.values() {
        assert!(secret.iter().all(|id| envelope.bytes().windows(32).all(|bytes| bytes != id)));
    }
}

#[test]
fn a_public_patch_over_what_a_group_wrote_waits_for_everyone() {
    let mut world = group();
    world.step(&Step::Turn { who: 0, space: 0, careless: true }).unwrap();
    world.step(&write(0, vec![put(0, 4)])).unwrap();
    let last = world.patches.last().unwrap().clone();
    assert!(world.people[0].memory.pending.contains_key(&last.revisions[0]), "its author waits like everyone");
    world.exchange().unwrap();
    assert!(world.people[1].memory.pending.contains_key(&last.revisions[0]));
}

#[test]
fn publishing_lets_a_public_patch_stand_on_it() {
    let mut world = group();
    // Over both groups' work: none reads the other's, so it is published first.
    world.play(&[turn(0, 2), write(0, vec![put(3, 3)]), write(0, vec![put(0, 3), put(3, 1)])]).unwrap();
    let last = world.patches.last().unwrap().revisions[0];
    let memory = &world.people[0].memory;
    assert!(memory.envelopes[&last].header().space.is_public());
    assert_eq!(effect(&world, 0, last), Effect::Effective);
    assert!(memory.pending.is_empty());
    let part = partly(&world.people[0], &[Space::PUBLIC]);
    assert_eq!(
        part.entities.get(&dm_model::entity_id(&place(0), 0)),
        memory.entities.get(&dm_model::entity_id(&place(0), 0))
    );
    assert!(!has(&part, 1));
}

#[test]
fn a_need_is_not_met_by_what_other_readers_have() {
    let mut world = group();
    let memory = &world.people[0].memory;
    let edited = world.patches[1].revisions[0];
    let Body::Revision(body) = memory.envelopes[&edited].body().clone() else { panic!("a revision") };
    // The same ops, public, and not applied: the group's own carries them for the group only.
    let published = world.freeze(0, dm_model::PatchId::from_bytes([7; 16]), Vec::new(), body.ops).unwrap();
    world.step(&write(0, vec![put(0, 4)])).unwrap();
    let above = world.patches.last().unwrap().revisions[0];
    assert_eq!(effect(&world, 0, edited), Effect::Effective);
    assert!(matches!(effect(&world, 0, above), Effect::Blocked(_)));
    let patch = world.patches[world.patches.len() - 2].patch;
    world.put_in(0, &[(patch, published)]).unwrap();
    assert_eq!(effect(&world, 0, above), Effect::Effective);
    // And without the group's one it stays so.
    let group = world.patches[1].patch;
    let own = Channel { main: world.people[0].main(), space: SPACES[1] };
    assert_eq!(world.people[0].memory.membership(&own, &group).unwrap(), Membership::In(edited));
    world.step(&Step::Unapply { who: 0, patch: 1 }).unwrap();
    assert_eq!(world.people[0].memory.membership(&own, &group).unwrap(), Membership::Out { touched: true });
    assert_eq!(effect(&world, 0, above), Effect::Effective);
    assert!(select(&world.people[0].memory, &anyone).unwrap().held.is_empty());
}
