//! No edit is lost, what is settled stays settled, rolling back is exact, a patch is whole or not at all (I5, I7-I9, I11).

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::patch::{apply_facts, unapply_facts};
use dm_collab::{Candidates, Channel, Conflict, Effect, Membership, ProjectionRead as _, Subject, View};
use dm_model::{Body, OpId, PatchId, Register, RevisionId, Value};
use dm_sim::agreement::anyone;
use dm_sim::history::{What, anything, goodwill, shuffled};
use dm_sim::world::{Written, settling};
use dm_sim::{Edit, Memory, Watch, World};
use proptest::prelude::*;

use crate::play::{agreed, config};

/// What was written to one register of one entity: of each op its value and what it stands on.
type Writes = BTreeMap<OpId, (Value, Vec<OpId>)>;

fn below(writes: &Writes, op: OpId) -> BTreeSet<OpId> {
    let mut below = BTreeSet::new();
    let mut left = vec![op];
    while let Some(op) = left.pop() {
        left.extend(writes[&op].1.iter().filter(|parent| below.insert(**parent)));
    }
    below
}

/// An effective write that is neither in force, nor below something that is, nor hidden for a reason that R7 gives.
fn lost(memory: &Memory) -> Option<OpId> {
    for (entity, state) in &memory.entities {
        for (register, state) in &state.registers {
            let ops = memory.effective_entity_ops(entity).unwrap();
            let value = |op: &dm_model::Op| op.action.value(*register);
            let ids: BTreeSet<OpId> = ops.iter().filter(|(_, op)| value(op).is_some()).map(|(id, _)| *id).collect();
            let writes: Writes = ops
                .iter()
                .filter_map(|(id, op)| {
                    let parents = op.supersedes.iter().filter(|parent| ids.contains(parent)).copied().collect();
                    Some((*id, (value(op)?, parents)))
                })
                .collect();
            let built_upon = |hidden: &OpId| {
                state.heads.iter().map(|head| head.op).chain(state.hidden.iter().copied()).any(|over| {
                    let (past, own) = (below(&writes, over), below(&writes, *hidden));
                    over != *hidden && past.difference(&own).any(|node| writes[node].0 == writes[hidden].0)
                })
            };
            let mut kept: BTreeSet<OpId> = BTreeSet::new();
            let hidden = state.hidden.iter().copied().filter(built_upon);
            for tip in state.heads.iter().map(|head| head.op).chain(hidden) {
                kept.insert(tip);
                kept.extend(below(&writes, tip));
            }
            if let Some(lost) = writes.keys().find(|write| !kept.contains(write)) {
                return Some(*lost);
            }
        }
    }
    None
}

/// A revision that shows in part only.
fn torn(memory: &Memory) -> Option<RevisionId> {
    let mut carried = BTreeSet::new();
    for (revision, effect) in &memory.effects {
        let Body::Revision(body) = memory.envelopes[revision].body() else { continue };
        let ids: Vec<OpId> = body.ops.iter().map(dm_model::Op::id).collect();
        if *effect == Effect::Effective {
            if ids.iter().any(|id| !memory.effective.contains(id)) {
                return Some(*revision);
            }
            carried.extend(ids);
        }
    }
    // And nothing shows that no effective revision carries.
    let stray = memory.effective.iter().find(|op| !carried.contains(op));
    stray.map(|op| memory.carriers(op).unwrap()[0])
}

/// What rolling back must restore.
fn shown(memory: &Memory) -> impl PartialEq + std::fmt::Debug + use<> {
    (memory.entities.clone(), memory.effective.clone(), memory.effects.clone(), memory.fingerprint)
}

/// The heads that a conflict's register has in the view of main with all that is held.
fn values(world: &World, who: usize, conflict: &Conflict, register: Register) -> usize {
    let view = Candidates::of(&world.people[who].memory, &anyone).unwrap().union().unwrap();
    let state = view.entity(&conflict.entities[0]).unwrap().unwrap();
    state.registers[&register].values().len()
}

/// Two people settle a conflict at once, unseen by each other, and meet.
fn both_settle(world: &mut World, conflict: &Conflict, ways: [u8; 2]) -> Result<(), TestCaseError> {
    let people = world.people.len();
    for (who, way) in ways.into_iter().enumerate() {
        agreed(world.settle(who % people, conflict, way))?;
    }
    agreed(world.meet())
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn i5_no_edit_is_lost(history in anything(1..50)) {
        let mut world = World::new(3, Watch::Never);
        for step in history.iter() {
            // Also that an edit replaces nothing that its author was not shown.
            agreed(world.step(step))?;
            for person in &world.people {
                prop_assert_eq!(lost(&person.memory), None);
            }
        }
    }

    #[test]
    fn i7_a_resolution_clears_the_conflict_everywhere(
        history in goodwill(1..40),
        which in any::<prop::sample::Index>(),
        ways in any::<[u8; 2]>(),
    ) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        agreed(world.meet())?;
        let conflicts = world.conflicts(0);
        if conflicts.is_empty() {
            return Ok(());
        }
        let conflict = conflicts[which.index(conflicts.len())].clone();
        // Equal resolutions are one op.
        let mut equal = World::new(3, Watch::Never);
        agreed(equal.play(&history))?;
        agreed(equal.meet())?;
        both_settle(&mut equal, &conflict, [ways[0]; 2])?;
        for who in 0..3 {
            prop_assert!(equal.conflicts(who).iter().all(|other| other.id != conflict.id));
            if let Some(register) = conflict.register {
                prop_assert_eq!(values(&equal, who, &conflict, register), 1);
            }
        }
        // Different ones leave no more than their two values.
        both_settle(&mut world, &conflict, ways)?;
        for who in 0..3 {
            prop_assert!(world.conflicts(who).iter().all(|other| other.id != conflict.id));
            if let Some(register) = conflict.register {
                prop_assert!(values(&world, who, &conflict, register) <= 2);
            }
        }
    }

    #[test]
    fn i8_rolling_back_is_exact(history in anything(1..50), patch in any::<prop::sample::Index>(), who in 0..3usize) {
        let mut world = World::new(3, Watch::Never);
        agreed(world.play(&history))?;
        let memory = &world.people[who].memory;
        let here = |written: &&Written| memory.counted.contains(&written.revisions[0]);
        let here: Vec<&Written> = world.patches.iter().filter(here).collect();
        if here.is_empty() {
            return Ok(());
        }
        let Written { patch, revisions } = here[patch.index(here.len())].clone();
        let space = memory.envelopes[&revisions[0]].header().space;
        let channel = Channel { main: memory.own_channel(), space };
        // A fork that a fact joins is settled by it; along a chain, everything comes back.
        if memory.leaves(&channel).unwrap().len() > 1 {
            return Ok(());
        }
        let before = shown(memory);
        let now = memory.membership(&channel, &patch).unwrap();
        let put_in = |memory: &Memory, revision| Body::Apply(apply_facts(memory, &[(patch, revision)], "").unwrap()[0].1.clone());
        let take_out = |memory: &Memory| Body::Unapply(unapply_facts(memory, &[(space, patch)]).unwrap()[0].1.clone());
        match now {
            // Put in under a wrong name, it is not what comes back.
            Membership::In(revision) if memory.envelopes[&revision].header().space != space => return Ok(()),
            Membership::In(revision) => {
                agreed(world.seal(who, space, take_out(memory)).map(drop))?;
                let back = put_in(&world.people[who].memory, revision);
                agreed(world.seal(who, space, back).map(drop))?;
            }
            Membership::Out { .. } => {
                agreed(world.put_in(who, &[(patch, revisions[0])]))?;
                let back = take_out(&world.people[who].memory);
                agreed(world.seal(who, space, back).map(drop))?;
            }
            Membership::Disputed(_) => return Ok(()),
        }
        prop_assert_eq!(shown(&world.people[who].memory), before);
    }

    #[test]
    fn i9_a_patch_shows_whole_or_not_at_all(history in anything(1..50)) {
        let mut world = World::new(3, Watch::Never);
        for step in history.iter() {
            agreed(world.step(step))?;
            for person in &world.people {
                prop_assert_eq!(torn(&person.memory), None);
                for session in &person.sessions {
                    let drafts = session.stack.drafts().len();
                    session.see(drafts, |layers| {
                        let view = View::session(&person.memory, layers).unwrap();
                        for revision in session.ready.iter().chain(&session.pinned) {
                            let Body::Revision(body) = person.memory.envelopes[revision].body() else { continue };
                            let has = |op: &dm_model::Op| view.op_effective(&op.id()).unwrap();
                            let shown = body.ops.iter().filter(|op| has(op)).count();
                            let known = body.ops.iter().all(dm_model::Op::is_known);
                            prop_assert!(!known || shown == body.ops.len(), "{revision} shows in part");
                        }
                        Ok(())
                    })?;
                }
            }
        }
    }

    #[test]
    fn i11_patches_over_different_registers_go_in_in_any_order(
        values in prop::array::uniform4(0..5u8),
        seed in any::<u64>(),
        at_once in 1..5usize,
    ) {
        let put = |at, value| Edit { at, what: What::Put, value };
        let ground: Vec<Edit> = (0..5).map(|at| put(at, 0)).collect();
        // Content, visibility and pins of four entities, and the deprecation of a fifth: as many patches as registers.
        let mut patches: Vec<Edit> = vec![Edit { at: 4, what: What::Deprecate, value: values[0] }];
        for (at, value) in values.into_iter().enumerate() {
            let at = at as u8;
            patches.push(put(at, value.max(1)));
            for what in [What::Show, What::Pin] {
                patches.push(Edit { at, what, value });
            }
        }
        let mut world = World::new(1, Watch::Never);
        let mut orders = Vec::new();
        for shuffle in [None, Some(seed)] {
            world = World::new(1, Watch::Never);
            agreed(world.step(&written(&ground, true)))?;
            for edit in &patches {
                agreed(world.step(&written(&[*edit], false)))?;
            }
            let mut members: Vec<(PatchId, RevisionId)> =
                world.patches[1..].iter().map(|written| (written.patch, written.revisions[0])).collect();
            if let Some(seed) = shuffle {
                shuffled(&mut members, seed);
            }
            for group in members.chunks(at_once) {
                agreed(world.put_in(0, group))?;
            }
            orders.push((world.people[0].memory.entities.clone(), world.people[0].memory.fingerprint));
        }
        prop_assert_eq!(&orders[0], &orders[1]);
        prop_assert_eq!(world.conflicts(0), Vec::new());
    }
}

fn written(edits: &[Edit], apply: bool) -> dm_sim::Step {
    use dm_sim::history::{Base, Then};
    let then = if apply { Then::Apply } else { Then::Leave };
    dm_sim::Step::Write { who: 0, edits: edits.to_vec(), base: Base::Current, then }
}

#[test]
fn a_settling_op_is_the_same_whoever_writes_it() {
    let mut world = World::new(2, Watch::Always);
    let put = |value| [Edit { at: 0, what: What::Put, value }];
    world.step(&written(&put(0), true)).unwrap();
    world.meet().unwrap();
    world.step(&written(&put(1), true)).unwrap();
    let other = dm_sim::Step::Write {
        who: 1,
        edits: put(2).to_vec(),
        base: dm_sim::history::Base::Current,
        then: dm_sim::history::Then::Apply,
    };
    world.step(&other).unwrap();
    world.meet().unwrap();
    let op = |who: usize| {
        let view = Candidates::of(&world.people[who].memory, &anyone).unwrap().union().unwrap();
        let conflicts = world.conflicts(who);
        assert_eq!(conflicts.iter().map(|one| one.subject.clone()).collect::<Vec<_>>(), [Subject::Ops]);
        settling(&view, &conflicts[0], 1).unwrap().id()
    };
    assert_eq!(op(0), op(1));
}
