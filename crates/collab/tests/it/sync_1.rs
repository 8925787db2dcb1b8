//! Version 1 of the sync machine between two instances in memory, as it stays for peers that speak no other.

mod bytes;
mod hostile;
mod peer;

use std::sync::Arc;

use dm_collab::ProjectionRead as _;
use dm_collab::sync::v1::{self, Message};
use dm_collab::sync::{Direction, PARCEL_BYTES_FULL};
use proptest::prelude::*;

use self::peer::{Line, Peer, Stop, World, assert_equal, exchange, meet, meet_until, meet_until_quiet, plan};

/// Two instances of which the first holds what a world has.
fn with_news(world: &World) -> (Peer, Peer) {
    let (mut left, right) = (Peer::new(1), Peer::new(2));
    left.store(&world.all());
    left.settle();
    (left, right)
}

#[test]
fn equal_sets_are_known_equal_in_one_question() {
    let (mut left, mut right) = (Peer::new(1), Peer::new(2));
    assert_eq!(meet(&mut left, &mut right, Direction::Both).0, ["hello"]);
    let (mut left, mut right) = with_news(&World::patches(5, 3));
    meet(&mut left, &mut right, Direction::Both);
    for direction in [Direction::Both, Direction::PullOnly, Direction::PushOnly] {
        assert_eq!(meet(&mut left, &mut right, direction).0, ["hello"]);
        assert_eq!(meet(&mut right, &mut left, direction).0, ["hello"]);
    }
    assert_equal(&left, &right);
}

#[test]
fn what_is_new_here_only_costs_two_questions() {
    let mut world = World::patches(3, 3);
    let (mut left, mut right) = with_news(&world);
    meet(&mut left, &mut right, Direction::Both);
    let before = world.envelopes.len();
    let written = world.write(3, 0, false, "let f0 () = 100");
    world.apply(3, written);
    left.store(&world.part(|at| at >= before));
    let (questions, outcome) = meet(&mut left, &mut right, Direction::Both);
    assert_eq!(questions, ["hello", "put"]);
    assert_eq!((outcome.sent.len(), outcome.received.len()), (3, 1), "revision, fact and own fact; the peer's fact");
    assert_equal(&left, &right);
    assert_eq!(left.memory.fingerprint, right.memory.fingerprint);
}

#[test]
fn a_first_push_and_a_first_pull() {
    let (mut left, mut right) = with_news(&World::patches(4, 3));
    let (questions, outcome) = meet(&mut left, &mut right, Direction::PushOnly);
    assert_eq!(questions, ["hello", "put"]);
    assert_eq!((outcome.sent.len(), outcome.received.len()), (9, 0));
    let mut third = Peer::new(4);
    let (questions, outcome) = meet(&mut third, &mut right, Direction::PullOnly);
    assert_eq!(questions, ["hello", "have", "get"]);
    assert_eq!((outcome.sent.len(), outcome.received.len()), (0, 10));
    assert_eq!(left.memory.fingerprint, third.memory.fingerprint);
    assert_eq!(left.memory.fingerprint, right.memory.fingerprint);
}

#[test]
fn both_sides_have_news() {
    let mut world = World::patches(2, 3);
    let common = world.envelopes.len();
    let (mut left, mut right) = with_news(&world);
    meet(&mut left, &mut right, Direction::Both);
    let one = world.write(3, 0, false, "let f0 () = 1");
    world.apply(3, one);
    let middle = world.envelopes.len();
    let two = world.write(4, 1, false, "let f1 () = 2");
    world.apply(4, two);
    let of = |world: &World, range: std::ops::Range<usize>| {
        let envelopes = world.envelopes[range].to_vec();
        dm_collab::sync::Received { envelopes, definitions: world.definitions.clone(), ..Default::default() }
    };
    left.store(&of(&world, common..middle));
    right.store(&of(&world, middle..world.envelopes.len()));
    let (questions, _) = meet(&mut left, &mut right, Direction::Both);
    assert_eq!(questions, ["hello", "have", "get", "put"]);
    assert_equal(&left, &right);
    assert_eq!(left.memory.fingerprint, right.memory.fingerprint);
    assert_eq!(meet(&mut left, &mut right, Direction::Both).0, ["hello"]);
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_would_be_sent() {
    let world = World::patches(3, 3);
    let (mut left, mut right) = with_news(&world);
    let mut news = World::patches(1, 5);
    news.write(5, 9, false, "let f9 () = 9");
    right.store(&news.all());
    let (before_left, before_right) = (left.memory.clone(), right.memory.clone());
    right.settle();
    let settled = right.memory.clone();
    right.memory = before_right;
    let (answer, question) = (&mut |m: Message| m.encode(), &mut |m: Message| m.encode());
    let mut line = Line { left: None, questions: Vec::new(), largest: 0, answer, question };
    let dry = v1::Plan { dry_run: true, ..plan(Direction::Both) };
    let (outcome, ended) = exchange(&mut left, &mut right, &dry, &mut line);
    ended.unwrap();
    assert_eq!(outcome.sent.len(), 7);
    assert_eq!(
        outcome.received.len(),
        4,
        "two revisions, their fact, and the answerer's own of what it had not settled"
    );
    assert!(left.memory == before_left && right.memory.entities == settled.entities);
}

#[test]
fn what_was_stored_and_not_settled_before_a_cut_is_settled_by_the_next_question() {
    let (mut left, mut right) = with_news(&World::patches(2, 3));
    right.store(&dm_collab::sync::Received {
        envelopes: left.memory.envelopes.values().map(Arc::clone).collect(),
        definitions: left.memory.definitions.clone().into_iter().collect(),
        ..Default::default()
    });
    assert_eq!(left.memory.envelopes, right.memory.envelopes);
    meet(&mut left, &mut right, Direction::Both);
    assert_eq!(left.memory.fingerprint, right.memory.fingerprint);
    assert_equal(&left, &right);
}

#[test]
fn content_that_one_side_lacks_is_asked_for_and_blocks_nothing() {
    let world = World::patches(4, 3);
    let envelopes = world.envelopes.len();
    let without = |lacking: usize| world.part(move |at| at != envelopes + lacking);
    for (left_lacks, right_lacks) in [(0, 3), (2, 1)] {
        let (mut left, mut right) = (Peer::new(1), Peer::new(2));
        left.store(&without(left_lacks));
        right.store(&without(right_lacks));
        let (questions, _) = meet(&mut left, &mut right, Direction::Both);
        assert!(questions.contains(&"get-content"), "{questions:?}");
        meet_until_quiet(&mut left, &mut right);
        assert_equal(&left, &right);
        assert!(left.memory.pending.is_empty() && right.memory.pending.is_empty());
    }
}

#[test]
fn content_that_nobody_has_blocks_nothing_else() {
    let world = World::patches(4, 3);
    let lacking = world.envelopes.len() + 1;
    for direction in [Direction::Both, Direction::PushOnly] {
        let (mut left, mut right) = (Peer::new(1), Peer::new(2));
        left.store(&world.part(|at| at != lacking));
        left.settle();
        meet(&mut left, &mut right, direction);
        assert_eq!(left.memory.fingerprint, right.memory.fingerprint);
        assert_eq!(left.memory.pending.keys().collect::<Vec<_>>(), right.memory.pending.keys().collect::<Vec<_>>());
        assert!(!right.memory.pending.is_empty());
        // It comes with whoever has it, and what waited for it counts.
        let mut third = Peer::new(5);
        third.store(&world.all());
        meet_until_quiet(&mut third, &mut right);
        assert!(right.memory.pending.is_empty());
    }
}

#[test]
fn parcels_are_bounded_and_each_is_kept() {
    let mut world = World::default();
    for number in 0..12u8 {
        // Of three million bytes each: three in a parcel.
        let written = world.write(3, number, false, &format!("let f{number} () = \"{}\"", "x".repeat(3_000_000)));
        world.apply(3, written);
    }
    for direction in [Direction::PushOnly, Direction::PullOnly] {
        let (mut left, mut right) = with_news(&world);
        let (asker, answerer) =
            if direction == Direction::PushOnly { (&mut left, &mut right) } else { (&mut right, &mut left) };
        let (answer, question) = (&mut |m: Message| m.encode(), &mut |m: Message| m.encode());
        let mut line = Line { left: None, questions: Vec::new(), largest: 0, answer, question };
        exchange(asker, answerer, &plan(direction), &mut line).1.unwrap();
        assert!((PARCEL_BYTES_FULL / 2..PARCEL_BYTES_FULL + 3_100_000).contains(&line.largest), "{}", line.largest);
        assert!((4..9).contains(&line.questions.iter().filter(|kind| ["put", "get"].contains(kind)).count()));
        assert_eq!(left.memory.fingerprint, right.memory.fingerprint);
    }
}

#[test]
fn one_revision_with_more_content_than_a_parcel_holds_comes_in_several() {
    let mut world = World::default();
    let ops = (0..8).map(|number| {
        let content = world.define(&format!("let f{number} () = \"{}\"", "x".repeat(3_000_000)));
        let location = crate::scene::location(&format!("A.f{number}"));
        let entity = dm_model::entity_id(&location, 0);
        let visibility = dm_model::Visibility::Public;
        dm_model::Op::new(entity, dm_model::Action::CreateName { location, generation: 0, content, visibility })
    });
    let ops = ops.collect();
    let written = world.revise(3, ops);
    world.apply(3, written);
    let (mut left, mut right) = with_news(&world);
    let (questions, _) = meet(&mut left, &mut right, Direction::PushOnly);
    assert_eq!(questions, ["hello", "put", "put", "put", "put"], "the revision, its content, the facts");
    let mut third = Peer::new(5);
    let (questions, _) = meet(&mut third, &mut right, Direction::PullOnly);
    assert_eq!(questions, ["hello", "have", "get", "get-content", "get-content", "get"]);
    assert_eq!(left.memory.fingerprint, right.memory.fingerprint);
    assert_eq!(left.memory.fingerprint, third.memory.fingerprint);
    assert_eq!(right.memory.entities.len(), 8);
}

#[test]
fn whatever_moment_it_is_cut_at_the_next_exchange_ends_it() {
    let mut world = World::patches(3, 3);
    let written = world.write(4, 0, true, "let f0 () = 7");
    world.apply(4, written);
    for direction in [Direction::Both, Direction::PullOnly, Direction::PushOnly] {
        for moment in 0.. {
            let (mut left, mut right) = (Peer::new(1), Peer::new(2));
            left.store(&world.part(|at| at % 3 != 0));
            right.store(&world.part(|at| at % 3 == 0 || at % 2 == 0));
            let (_, _, ended) = meet_until(&mut left, &mut right, direction, Some(moment));
            meet_until_quiet(&mut left, &mut right);
            assert_equal(&left, &right);
            assert_eq!(left.memory.envelopes.len(), world.envelopes.len() + own_facts(&left));
            match ended {
                Ok(()) => {
                    assert!(moment > 3, "there were moments to cut at");
                    break;
                }
                Err(Stop::Cut) => {}
                Err(Stop::Failed(error)) => unreachable!("cut at {moment}: {error}"),
            }
        }
    }
}

/// Facts that the two who exchange made themselves.
fn own_facts(peer: &Peer) -> usize {
    let own = [1, 2].map(crate::scene::main_of);
    own.iter().map(|main| peer.memory.facts(&dm_collab::Channel::public(*main)).unwrap().len()).sum()
}

/// Who writes what where, and whether it goes into a main.
#[derive(Clone, Debug)]
struct Written {
    person: u8,
    place: u8,
    stale: bool,
    text: u8,
    applied: Option<u8>,
}

fn written() -> impl Strategy<Value = Written> {
    (1..5u8, 0..4u8, any::<bool>(), 0..6u8, prop::option::of(3..5u8))
        .prop_map(|(person, place, stale, text, applied)| Written { person, place, stale, text, applied })
}

fn world_of(writes: &[Written]) -> World {
    let mut world = World::default();
    for write in writes {
        let text = format!("let f{} () = {}", write.place, write.text);
        let written = world.write(write.person, write.place, write.stale, &text);
        if let Some(person) = write.applied {
            world.apply(person, written);
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_two_sets_end_equal_wherever_exchanges_are_cut(
        writes in prop::collection::vec(written(), 1..10),
        left_has in any::<u64>(),
        right_has in any::<u64>(),
        cuts in prop::collection::vec((0..14usize, 0..3u8, any::<bool>()), 0..4),
    ) {
        let world = world_of(&writes);
        let (mut left, mut right) = (Peer::new(1), Peer::new(2));
        left.store(&world.part(|at| left_has >> (at % 64) & 1 == 1));
        right.store(&world.part(|at| right_has >> (at % 64) & 1 == 1));
        let held = left.memory.envelopes.keys().chain(right.memory.envelopes.keys()).copied();
        let held: std::collections::BTreeSet<_> = held.collect();
        for (moment, direction, turned) in cuts {
            let direction = [Direction::Both, Direction::PullOnly, Direction::PushOnly][usize::from(direction)];
            let (asker, answerer) = if turned { (&mut right, &mut left) } else { (&mut left, &mut right) };
            let (_, _, ended) = meet_until(asker, answerer, direction, Some(moment));
            prop_assert!(!matches!(ended, Err(Stop::Failed(_))), "{ended:?}");
        }
        meet_until_quiet(&mut left, &mut right);
        assert_equal(&left, &right);
        prop_assert!(held.iter().all(|id| left.memory.envelopes.contains_key(id)), "something is lost");
        prop_assert_eq!(
            r25_conflicts(&left), r25_conflicts(&right), "both list the same conflicts"
        );
        if r25_conflicts(&left).is_empty() {
            prop_assert_eq!(left.memory.fingerprint, right.memory.fingerprint);
        }
    }
}

fn r25_conflicts(peer: &Peer) -> Vec<dm_collab::Conflict> {
    dm_collab::exchange::conflicts(&peer.memory, &|_| true).unwrap()
}
