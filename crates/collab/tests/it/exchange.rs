//! What pulls apply and hold, told as exchanges between two mains.

use std::collections::BTreeSet;

use dm_collab::patch::{apply_facts, apply_group, blocked_without};
use dm_collab::{Candidates, ConflictKind, Held, ProjectionRead as _, Reason, Selection, View, exchange};
use dm_model::{Action, Body, Envelope, Op, Register, RevisionId, Space, VerdictKind};
use proptest::prelude::*;

use crate::scene::{Scene, create, delete, entity, ids, keys, location, main_of, patch, rename, text, update};
use dm_sim::Memory;

pub fn anyone(_: &Envelope) -> bool {
    true
}

/// Some people, each with a main; what one writes the others have once they meet.
pub struct People {
    pub scene: Scene,
    mains: Vec<Memory>,
}

impl People {
    pub fn new(count: u8) -> Self {
        Self { scene: Scene::default(), mains: (1..=count).map(|person| Memory::new(main_of(person))).collect() }
    }

    pub fn of(&self, person: u8) -> &Memory {
        &self.mains[usize::from(person) - 1]
    }

    /// Writes on one's own, unknown to the others.
    pub fn write<T>(&mut self, person: u8, write: impl FnOnce(&mut Scene) -> T) -> T {
        let (envelopes, content) = (self.scene.log.envelopes.len(), self.scene.log.content.len());
        let written = write(&mut self.scene);
        let mut news = self.scene.log.clone();
        news.envelopes.drain(..envelopes);
        news.content.drain(..content);
        self.mains[usize::from(person) - 1].receive(&news);
        written
    }

    pub fn applied(&mut self, person: u8, of: u8, ops: &[&Op]) -> RevisionId {
        self.write(person, |scene| scene.applied(person, of, ops))
    }

    pub fn everyone_meets(&mut self) {
        for main in &mut self.mains {
            main.receive(&self.scene.log);
        }
    }

    pub fn select(&self, person: u8) -> Selection {
        exchange::select(self.of(person), &anyone).unwrap()
    }

    /// Pulls: applies what does not conflict.
    fn pull(&mut self, person: u8) -> Selection {
        let selection = self.select(person);
        if !selection.apply.is_empty() {
            self.apply(person, &selection.apply);
        }
        selection
    }

    pub fn apply(&mut self, person: u8, members: &[(dm_model::PatchId, RevisionId)]) {
        for (_, fact) in apply_facts(self.of(person), members, "").unwrap() {
            self.write(person, |scene| scene.fact(person, Body::Apply(fact)));
        }
    }

    /// Meetings and pulls until nobody applies anything.
    pub fn settle(&mut self) {
        for _ in 0..6 {
            self.everyone_meets();
            let people = 1..=self.mains.len() as u8;
            if people.map(|person| self.pull(person)).all(|selection| selection.apply.is_empty()) {
                return;
            }
        }
        unreachable!("exchange does not come to rest");
    }

    pub fn conflicts(&self, person: u8) -> Vec<dm_collab::Conflict> {
        exchange::conflicts(self.of(person), &anyone).unwrap()
    }
}

#[test]
fn what_does_not_conflict_is_applied_on_both_sides() {
    let mut people = People::new(2);
    let birth = create("A.f", "0");
    people.applied(1, 1, &[&birth]);
    people.settle();
    people.applied(1, 2, &[&update("1", &[&birth])]);
    people.applied(2, 3, &[&rename("A.g", &[&birth])]);
    people.settle();
    assert!(people.conflicts(1).is_empty() && people.conflicts(2).is_empty());
    assert_eq!(people.of(1).fingerprint, people.of(2).fingerprint);
    assert_eq!(people.of(1).entities_at(&location("A.g")).unwrap(), [birth.entity]);
}

#[test]
fn a_conflict_is_listed_alike_and_its_resolution_ends_it_everywhere() {
    let mut people = People::new(2);
    let birth = create("A.f", "0");
    people.applied(1, 1, &[&birth]);
    people.settle();
    let (mine, theirs) = (update("mine", &[&birth]), update("theirs", &[&birth]));
    people.applied(1, 2, &[&mine]);
    people.applied(2, 3, &[&theirs]);
    people.settle();
    let conflicts = people.conflicts(1);
    assert_eq!(conflicts, people.conflicts(2));
    assert_eq!(conflicts[0].head_ops(), ids(&[&mine, &theirs]));
    let held = |person, of| Held {
        patch: patch(of),
        revision: people.of(person).revisions(&patch(of)).unwrap()[0],
        reason: Reason::Conflict(vec![conflicts[0].id]),
    };
    assert_eq!(people.select(1).held, [held(1, 3)]);
    assert_eq!(people.select(2).held, [held(2, 2)]);
    assert_eq!(View::main(people.of(1)).content(&birth.entity).unwrap(), Some(text("mine")));
    assert_eq!(View::main(people.of(2)).content(&birth.entity).unwrap(), Some(text("theirs")));

    let settled = update("both", &[&mine, &theirs]);
    let resolution = people.write(2, |scene| scene.revision(2, 4, &[&settled]));
    let group = apply_group(people.of(2), &[(patch(4), resolution)]).unwrap();
    assert_eq!(group.members.iter().map(|(of, _)| *of).collect::<Vec<_>>(), [patch(2), patch(4)]);
    people.apply(2, &group.members);
    people.settle();
    for person in [1, 2] {
        assert!(people.conflicts(person).is_empty() && people.select(person).held.is_empty());
        assert_eq!(View::main(people.of(person)).content(&birth.entity).unwrap(), Some(text("both")));
    }
    assert_eq!(people.of(1).fingerprint, people.of(2).fingerprint);
    assert_eq!(blocked_without(people.of(1), &[(Space::PUBLIC, patch(3))]).unwrap(), [patch(4)]);
}

#[test]
fn equal_resolutions_are_one_op_and_different_ones_a_smaller_conflict() {
    let birth = create("A.f", "0");
    let (mine, theirs) = (update("mine", &[&birth]), update("theirs", &[&birth]));
    assert_eq!(update("both", &[&mine, &theirs]).id(), update("both", &[&theirs, &mine]).id());
    for (first, second, left) in [("both", "both", 0), ("this", "that", 1)] {
        let mut people = People::new(2);
        people.applied(1, 1, &[&birth]);
        people.applied(1, 2, &[&mine]);
        people.settle();
        let (revision, group);
        revision = people.write(2, |scene| scene.revision(2, 3, &[&theirs]));
        group = [(patch(3), revision)];
        people.everyone_meets();
        people.apply(1, &group);
        people.apply(2, &group);
        people.applied(1, 4, &[&update(first, &[&mine, &theirs])]);
        people.applied(2, 5, &[&update(second, &[&mine, &theirs])]);
        people.settle();
        assert_eq!(people.conflicts(1).len(), left);
        assert_eq!(people.conflicts(1), people.conflicts(2));
        assert_eq!(people.of(1).fingerprint == people.of(2).fingerprint, left == 0);
    }
}

#[test]
fn what_stands_on_a_held_patch_is_held_with_it() {
    let mut people = People::new(2);
    let birth = create("A.f", "0");
    people.applied(1, 1, &[&birth]);
    people.settle();
    let theirs = update("theirs", &[&birth]);
    people.applied(1, 2, &[&update("mine", &[&birth])]);
    people.applied(2, 3, &[&theirs]);
    let other = create("A.g", "0");
    let moved = rename("A.h", &[&birth]).after([theirs.id()]);
    people.applied(2, 4, &[&moved, &other]);
    people.everyone_meets();
    let selection = people.select(1);
    assert!(selection.apply.is_empty());
    assert_eq!(selection.held[1].reason, Reason::NeedsHeld(patch(3)));
}

#[test]
fn a_collision_holds_who_moved_in() {
    let mut people = People::new(2);
    let (f, g) = (create("A.f", "0"), create("A.g", "0"));
    people.applied(1, 1, &[&f, &g]);
    people.settle();
    people.applied(1, 2, &[&rename("A.h", &[&f])]);
    people.applied(2, 3, &[&rename("A.h", &[&g])]);
    people.settle();
    let kinds: Vec<ConflictKind> = people.conflicts(1).iter().map(|conflict| conflict.kind).collect();
    assert_eq!(kinds, [ConflictKind::Collision]);
    assert_eq!(people.conflicts(1), people.conflicts(2));
    assert_eq!(people.select(1).held.len(), 1);
    assert_eq!(people.select(2).held.len(), 1);
}

#[test]
fn a_deletion_of_what_is_used_here_is_held() {
    let mut people = People::new(2);
    let (f, g) = (create("A.f", "f"), create("A.g", "g"));
    people.scene.define(text("uses g"), &[entity("A.g")]);
    people.applied(1, 1, &[&f, &g]);
    people.settle();
    let content = dm_collab::ContentHead { hash: text("uses g"), kind: dm_model::Kind::Fn, uses: vec![entity("A.g")] };
    people.mains[0].receive(&dm_collab::Batch { envelopes: Vec::new(), content: vec![content] });
    people.applied(1, 2, &[&update("uses g", &[&f])]);
    people.applied(2, 3, &[&delete(&[&g], &[&g])]);
    people.settle();
    let kinds: Vec<ConflictKind> = people.conflicts(1).iter().map(|conflict| conflict.kind).collect();
    assert_eq!(kinds, [ConflictKind::DeletedDependency]);
    assert_eq!(people.conflicts(1), people.conflicts(2));
    assert_eq!((people.select(1).held.len(), people.select(2).held.len()), (1, 1));
}

#[test]
fn what_was_refused_or_taken_out_here_is_no_candidate() {
    let mut people = People::new(2);
    let (f, g) = (create("A.f", "0"), create("A.g", "0"));
    let one = people.applied(2, 1, &[&f]);
    people.applied(2, 2, &[&g]);
    people.settle();
    people.write(1, |scene| scene.unapply(1, &[2]));
    assert!(people.select(1).apply.is_empty());
    let mut people = People::new(2);
    people.applied(2, 1, &[&f]);
    people.everyone_meets();
    let no = people.write(1, |scene| scene.verdict(1, one, VerdictKind::Reject, &[]));
    let candidates = Candidates::of(people.of(1), &anyone).unwrap();
    assert!(candidates.is_empty());
    people.write(1, |scene| scene.verdict(1, one, VerdictKind::Approve, &[no]));
    assert_eq!(people.select(1).apply, [(patch(1), one)]);
}

#[test]
fn untrusted_disputed_and_unknown_ones_are_held() {
    let mut people = People::new(3);
    let first = people.applied(2, 1, &[&create("A.f", "0")]);
    let trusts = |envelope: &Envelope| envelope.header().author_key != keys(2).public();
    people.everyone_meets();
    let selection = exchange::select(people.of(1), &trusts).unwrap();
    assert_eq!(selection.held, [Held { patch: patch(1), revision: first, reason: Reason::Untrusted }]);

    let second = people.applied(3, 1, &[&create("A.g", "0")]);
    people.everyone_meets();
    let selection = people.select(1);
    let mut disputed = [first, second];
    disputed.sort_unstable();
    assert_eq!(selection.held.iter().map(|held| held.revision).collect::<Vec<_>>(), disputed);
    assert!(selection.held.iter().all(|held| held.reason == Reason::Disputed));

    let mut people = People::new(2);
    let later = Action::Unknown { kind: 77, registers: vec![Register::Content], payload: vec![1] };
    people.applied(2, 1, &[&Op::new(entity("A.f"), later)]);
    people.everyone_meets();
    assert_eq!(people.select(1).held[0].reason, Reason::NeedsNewer);
}

#[test]
fn a_fact_that_names_a_revision_of_another_patch_offers_nothing() {
    let mut people = People::new(2);
    let revision = people.write(2, |scene| scene.revision(2, 1, &[&create("A.f", "0")]));
    people.write(2, |scene| scene.apply(2, &[(9, revision)]));
    people.everyone_meets();
    assert_eq!(people.select(1), Selection::default());
}

/// One person's edit of an entity as their own main shows it.
#[derive(Clone, Debug)]
struct Act {
    person: u8,
    place: u8,
    what: u8,
    value: u8,
    meet: bool,
}

fn act() -> impl Strategy<Value = Act> {
    (1..4u8, 0..4u8, 0..6u8, 0..3u8, prop::bool::weighted(0.3)).prop_map(|(person, place, what, value, meet)| Act {
        person,
        place,
        what,
        value,
        meet,
    })
}

/// The op that a person writes over what their main shows; none if there is nothing to write on.
fn written(view: &View<'_>, act: &Act) -> Option<Op> {
    let path = ["A.f", "A.g", "A.h", "B.f"][usize::from(act.place)];
    let content = ["0", "1", "2"][usize::from(act.value)];
    let Some(id) = view.entities_at(&location(path)).unwrap().first().copied() else {
        let free = view.free_place(&location(path)).unwrap();
        return Some(crate::scene::create_again(path, free.generation, content).after(free.freed_by));
    };
    let edit = |register, action| {
        let shown = view.shown(&id, register).unwrap();
        let old = shown.iter().all(|head| Some(&head.value) != action_value(&action, register).as_ref());
        old.then(|| {
            let ops = shown.iter().map(|head| head.op);
            Op::new(id, action).superseding(ops).witnessing(view.witness(&id, register).unwrap())
        })
    };
    match act.what {
        0 => edit(Register::Location, Action::DeleteName),
        1 => {
            let to = location(["A.g", "B.f", "B.g"][usize::from(act.value)]);
            edit(Register::Location, Action::MoveName { to })
        }
        _ => edit(Register::Content, Action::UpdateName { old: None, new: text(content) }),
    }
}

fn action_value(action: &Action, register: Register) -> Option<dm_model::Value> {
    action.value(register)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn people_who_meet_list_the_same_conflicts_and_without_any_have_the_same_code(
        acts in prop::collection::vec(act(), 1..25),
    ) {
        let mut people = People::new(3);
        let uses = entity("A.g");
        people.scene.define(text("2"), &[uses]);
        for (of, act) in acts.iter().enumerate() {
            if act.meet {
                people.settle();
            }
            let op = written(&View::main(people.of(act.person)), act);
            if let Some(op) = op {
                people.applied(act.person, of as u8, &[&op]);
            }
        }
        people.settle();
        let conflicts: Vec<_> = (1..4).map(|person| people.conflicts(person)).collect();
        prop_assert_eq!(&conflicts[0], &conflicts[1]);
        prop_assert_eq!(&conflicts[0], &conflicts[2]);
        for person in 1..4 {
            let held = people.select(person).held;
            let named = |reason: &Reason| match reason {
                Reason::Conflict(ids) => ids.clone(),
                _ => Vec::new(),
            };
            let listed: BTreeSet<_> = conflicts[0].iter().map(|conflict| conflict.id).collect();
            if conflicts[0].is_empty() {
                prop_assert!(held.is_empty());
                prop_assert_eq!(people.of(person).fingerprint, people.of(1).fingerprint);
            }
            prop_assert!(listed.is_empty() || held.iter().all(|held| !named(&held.reason).is_empty()
                || matches!(held.reason, Reason::NeedsHeld(_))));
        }
    }
}
