//! Two and more mains (I6, I19): what is exchanged is the same for everyone, as long as nobody takes out, rejects or revises what
//! others have applied.

use std::collections::BTreeSet;

use dm_collab::exchange::select;
use dm_collab::{ConflictId, Membership};
use dm_model::{PatchId, RevisionId};
use dm_sim::agreement::anyone;
use dm_sim::history::goodwill;
use dm_sim::{Share, Step, Watch, World};
use proptest::prelude::*;

use crate::play::{agreed, config};

/// How many conflicts people settle, one after the other, before they must be done.
const SETTLED_MAX: usize = 120;

/// The patches that an instance has applied or holds.
fn patches(world: &World, who: usize) -> BTreeSet<(PatchId, RevisionId)> {
    let person = &world.people[who];
    let members = person.memory.membership.iter().filter(|((channel, _), _)| channel.main == person.main());
    let applied = members.filter_map(|((_, patch), says)| match says {
        Membership::In(revision) => Some((*patch, *revision)),
        _ => None,
    });
    let held = select(&person.memory, &anyone).unwrap().held;
    applied.chain(held.iter().map(|held| (held.patch, held.revision))).collect()
}

fn ids(world: &World, who: usize) -> BTreeSet<ConflictId> {
    world.conflicts(who).iter().map(|conflict| conflict.id).collect()
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn i6_catching_up_is_silent(history in goodwill(1..30), more in goodwill(1..20), also in any::<bool>()) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        agreed(world.meet())?;
        // The others go on, among themselves; the last one only listens.
        for step in more.iter() {
            let step = match step.clone() {
                Step::Write { who, edits, base, then } => Step::Write { who: who % 2, edits, base, then },
                Step::Open { who } => Step::Open { who: who % 2 },
                Step::Draft { who, session, draft, edit } => Step::Draft { who: who % 2, session, draft, edit },
                Step::Ready { who, session, draft, then } => Step::Ready { who: who % 2, session, draft, then },
                Step::Resolve { who, conflict, way } => Step::Resolve { who: who % 2, conflict, way },
                Step::Pull { who } => Step::Pull { who: who % 2 },
                Step::Send { share, .. } if also => Step::Send { from: 1, to: 0, share },
                _ => continue,
            };
            agreed(world.step(&step))?;
        }
        agreed(world.send(0, 2, Share::ALL))?;
        while agreed(world.pull(2))?.is_some() {}
        let (source, listener) = (ids(&world, 0), ids(&world, 2));
        prop_assert!(listener.is_subset(&source), "{listener:?} and not only {source:?}");
    }

    #[test]
    fn i19_mains_that_met_agree_and_once_all_is_settled_they_are_equal(
        history in goodwill(1..50),
        ways in prop::collection::vec(any::<u8>(), 1..6),
    ) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        agreed(world.meet())?;
        for round in 0..=SETTLED_MAX {
            for who in 1..3 {
                prop_assert_eq!(patches(&world, who), patches(&world, 0));
                prop_assert_eq!(world.conflicts(who), world.conflicts(0));
            }
            let conflicts = world.conflicts(0);
            let Some(conflict) = conflicts.get(round % conflicts.len().max(1)) else { break };
            prop_assert!(round < SETTLED_MAX, "never done");
            let conflict = conflict.clone();
            agreed(world.settle(round % 3, &conflict, ways[round % ways.len()]))?;
            agreed(world.meet())?;
        }
        for who in 0..3 {
            prop_assert_eq!(select(&world.people[who].memory, &anyone).unwrap().held, Vec::new());
            prop_assert_eq!(&world.people[who].memory.entities, &world.people[0].memory.entities);
            prop_assert_eq!(world.people[who].memory.fingerprint, world.people[0].memory.fingerprint);
        }
    }
}
