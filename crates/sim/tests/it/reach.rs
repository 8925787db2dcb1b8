//! What random histories reach: a law proves nothing about what its histories never make.

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::exchange::select;
use dm_collab::{Channel, ConflictKind, Effect, Need, ProjectionRead as _, Reason};
use dm_model::{Action, EnvelopeId};
use dm_sim::agreement::anyone;
use dm_sim::history::anything;
use dm_sim::{History, Memory, Watch, World};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

/// Whether a fact is one of these, or in the past of one of them.
fn in_past(memory: &Memory, of: &[EnvelopeId], fact: EnvelopeId) -> bool {
    let mut open = of.to_vec();
    while let Some(next) = open.pop() {
        if next == fact {
            return true;
        }
        open.extend(memory.envelopes.get(&next).into_iter().flat_map(|envelope| envelope.needs()));
    }
    false
}

/// How often each thing that a rule is about occurs.
fn count(histories: &[History]) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut saw = |what: String| *counts.entry(what).or_default() += 1;
    for history in histories {
        let mut world = World::new(3, Watch::Never);
        world.play(history).unwrap();
        for (who, person) in world.people.iter().enumerate() {
            world.conflicts(who).iter().for_each(|conflict| saw(conflict.kind.as_str().to_owned()));
            count_registers(&person.memory, &mut saw);
            count_effects(&person.memory, &mut saw);
            count_spaces(&person.memory, &mut saw);
            count_mains(&person.memory, &mut saw);
        }
    }
    counts
}

fn count_registers(memory: &Memory, saw: &mut impl FnMut(String)) {
    for state in memory.entities.values().flat_map(|state| state.registers.values()) {
        if !state.hidden.is_empty() {
            saw("hidden by R7".to_owned());
        }
        if state.heads.len() > 1 && !state.is_contested() {
            saw("equal heads".to_owned());
        }
        if state.is_contested() {
            saw(format!("contested, ancestor: {}", state.ancestor.is_some()));
        }
    }
    for (_, op) in memory.all_ops() {
        if matches!(op.action, Action::CreateName { generation: 1.., .. }) {
            saw("a name used again".to_owned());
        }
    }
}

fn count_effects(memory: &Memory, saw: &mut impl FnMut(String)) {
    for effect in memory.effects.values() {
        saw(match effect {
            Effect::NotApplied => "not applied".to_owned(),
            Effect::Effective => "effective".to_owned(),
            Effect::Blocked(_) => "member blocked".to_owned(),
            Effect::NeedsNewer => "member needs newer".to_owned(),
        });
    }
    for held in select(memory, &anyone).unwrap().held {
        saw(match held.reason {
            Reason::Conflict(_) => "held: conflict".to_owned(),
            Reason::Blocked(_) => "held: blocked".to_owned(),
            Reason::NeedsHeld(_) => "held: needs held".to_owned(),
            Reason::Untrusted => "held: untrusted".to_owned(),
            Reason::Disputed => "held: disputed".to_owned(),
            Reason::NeedsNewer => "held: needs newer".to_owned(),
        });
    }
}

fn count_spaces(memory: &Memory, saw: &mut impl FnMut(String)) {
    if !memory.pending.is_empty() {
        saw("pending".to_owned());
    }
    let unread = |(id, needs): (&EnvelopeId, &Vec<Need>)| {
        let space = memory.envelopes[id].header().space;
        needs.iter().any(|need| match need {
            Need::Op(op) => !memory.carriers(op).unwrap().is_empty(),
            Need::Envelope(need) => memory.envelopes.get(need).is_some_and(|need| !space.reads(need.header().space)),
            Need::Content(_) => false,
        })
    };
    if memory.pending.iter().any(unread) {
        saw("pending: what it needs is another group's".to_owned());
    }
    let mut spaces: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (channel, patch) in memory.membership.keys() {
        spaces.entry((channel.main, *patch)).or_default().insert(channel.space);
    }
    if spaces.values().any(|spaces| spaces.len() > 1) {
        saw("one patch id in two spaces".to_owned());
    }
    for (revision, effect) in &memory.effects {
        let space = memory.envelopes[revision].header().space;
        match effect {
            Effect::Effective if !space.is_public() => saw("effective in a group".to_owned()),
            Effect::Blocked(missing) if missing.iter().any(|op| memory.effective.contains(op)) => {
                saw("blocked: what it needs is effective for others".to_owned());
            }
            _ => {}
        }
    }
    if memory.leaves.keys().map(|channel| channel.space).collect::<BTreeSet<_>>().len() > 2 {
        saw("facts in three spaces".to_owned());
    }
}

fn count_mains(memory: &Memory, saw: &mut impl FnMut(String)) {
    if memory.leaves.values().any(|leaves| leaves.len() > 1) {
        saw("a forked main".to_owned());
    }
    for envelope in memory.envelopes.values().filter(|envelope| envelope.succession().is_some()) {
        saw("a fact by a later key".to_owned());
        let channel = Channel { main: envelope.body().channel().unwrap(), space: envelope.header().space };
        let leaves = memory.leaves.get(&channel);
        if leaves.is_none_or(|leaves| !in_past(memory, leaves, envelope.id())) {
            saw("a fact by a later key that has given way".to_owned());
        }
    }
    for channel in memory.own_channels().unwrap() {
        for fact in memory.facts(&channel).unwrap() {
            if fact.succession().is_none() && !in_past(memory, &memory.leaves[&channel], fact.id()) {
                saw("a fact by a first key that has given way".to_owned());
            }
        }
    }
}

#[test]
fn random_histories_reach_every_rule() {
    let mut runner = TestRunner::deterministic();
    let strategy = anything(1..60);
    let histories: Vec<History> = (0..300).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let counts = count(&histories);
    let kinds = [
        ConflictKind::Content,
        ConflictKind::Move,
        ConflictKind::Deprecation,
        ConflictKind::Visibility,
        ConflictKind::Pin,
        ConflictKind::DeleteEdit,
        ConflictKind::DeprecationEdit,
        ConflictKind::Collision,
        ConflictKind::DeletedDependency,
        ConflictKind::Blocked,
        ConflictKind::Disputed,
    ];
    let others = [
        "hidden by R7",
        "equal heads",
        "contested, ancestor: true",
        "contested, ancestor: false",
        "member blocked",
        "member needs newer",
        "held: conflict",
        "held: blocked",
        "held: needs held",
        "held: disputed",
        "held: needs newer",
        "pending",
        "a forked main",
        "a name used again",
        "a fact by a later key",
        "a fact by a later key that has given way",
        "a fact by a first key that has given way",
        "pending: what it needs is another group's",
        "one patch id in two spaces",
        "effective in a group",
        "blocked: what it needs is effective for others",
        "facts in three spaces",
    ];
    let wanted = kinds.into_iter().map(ConflictKind::as_str).chain(others);
    let rare: Vec<&str> = wanted.filter(|what| counts.get(*what).copied().unwrap_or(0) < 2).collect();
    assert!(rare.is_empty(), "too rare: {rare:?} in {counts:#?}");
}
