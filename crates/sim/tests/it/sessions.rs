//! Sessions do not touch each other (I12), and drafts make the same ops whoever asks, and when (R23).

use std::collections::BTreeMap;

use dm_collab::draft::{Draft, DraftEntity, Stack};
use dm_collab::{Conflict, Fingerprint, View};
use dm_model::{EntityId, OpId, Register, Value};
use dm_sim::history::{Then, anything, edit};
use dm_sim::{Person, Step, Watch, World};
use proptest::prelude::*;

use crate::play::{agreed, config};

/// What a session sees.
#[derive(Debug, PartialEq)]
struct Seen {
    fingerprint: Fingerprint,
    conflicts: Vec<Conflict>,
    in_force: BTreeMap<(EntityId, Register), Option<Value>>,
}

fn seen(person: &Person, session: usize) -> Seen {
    let session = &person.sessions[session];
    session.see(session.stack.drafts().len(), |layers| {
        let view = View::session(&person.memory, layers).unwrap();
        let changed = view.changed().map(|(entity, _)| *entity);
        let entities: Vec<EntityId> = person.memory.entities.keys().copied().chain(changed).collect();
        let mut in_force = BTreeMap::new();
        for entity in entities {
            for register in view.entity(&entity).unwrap().unwrap().registers.into_keys() {
                in_force.insert((entity, register), view.value(&entity, register).unwrap());
            }
        }
        Seen { fingerprint: view.fingerprint().unwrap(), conflicts: view.conflicts().unwrap(), in_force }
    })
}

/// What happens in the first session of the first person.
fn in_one_session() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3u8, edit()).prop_map(|(draft, edit)| Step::Draft { who: 0, session: 0, draft, edit }),
        2 => (0..3u8).prop_map(|draft| Step::Ready { who: 0, session: 0, draft, then: Then::Leave }),
        1 => any::<u8>().prop_map(|patch| Step::Pin { who: 0, session: 0, patch }),
    ]
}

fn ids(stack: &Stack) -> Vec<Vec<OpId>> {
    (0..stack.drafts().len()).map(|at| stack.ops(at).into_iter().map(|made| made.id).collect()).collect()
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn i12_nothing_in_one_session_changes_what_another_sees(
        history in anything(1..40),
        steps in prop::collection::vec(in_one_session(), 1..12),
    ) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        let (before, main) = (seen(&world.people[0], 1), world.people[0].memory.entities.clone());
        for step in &steps {
            agreed(world.step(step))?;
            prop_assert_eq!(&seen(&world.people[0], 1), &before);
            prop_assert_eq!(&world.people[0].memory.entities, &main);
        }
    }

    #[test]
    fn what_a_journal_kept_makes_the_same_ops(history in anything(1..40)) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        for session in world.people.iter().flat_map(|person| &person.sessions) {
            let again = |entity: &DraftEntity| DraftEntity::decode(&entity.encode()).unwrap();
            let kept = session.stack.drafts().iter().map(|draft| {
                let entities = draft.entities.iter().map(|(id, entity)| (*id, again(entity))).collect();
                Draft { patch: draft.patch, entities }
            });
            prop_assert_eq!(ids(&Stack::new(kept.collect()).unwrap()), ids(&session.stack));
        }
    }

    #[test]
    fn freezing_the_lowest_draft_changes_no_op_of_those_above(history in anything(1..40)) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        for session in world.people.iter().flat_map(|person| &person.sessions) {
            let mut stack = session.stack.clone();
            let mut above = ids(&stack);
            while !stack.drafts().is_empty() {
                let lowest = above.remove(0);
                let frozen: Vec<OpId> = stack.ready(0).unwrap().iter().map(dm_model::Op::id).collect();
                prop_assert_eq!(frozen, lowest);
                prop_assert_eq!(&ids(&stack), &above);
            }
        }
    }
}
