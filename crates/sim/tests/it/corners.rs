//! The cases that the rules were written for, each told as a story of a few people. The model watches every envelope.

use dm_collab::exchange::select;
use dm_collab::{Channel, Conflict, ConflictKind, Effect, Membership, ProjectionRead as _, Reason, View};
use dm_model::{Body, DefHash, EntityId, Op, OpId, Register, entity_id};
use dm_sim::agreement::anyone;
use dm_sim::history::{Base, Then, What};
use dm_sim::person::{content, place};
use dm_sim::{Edit, Memory, Share, Step, Watch, World};

/// Somebody's edit of what is at place 0.
const fn put(value: u8) -> Edit {
    Edit { at: 0, what: What::Put, value }
}

const fn edit(at: u8, what: What, value: u8) -> Edit {
    Edit { at, what, value }
}

fn born(at: u8) -> EntityId {
    entity_id(&place(at), 0)
}

/// A world of people who speak in short.
struct Story(World);

impl Story {
    /// People who all have value 0 at place 0.
    fn begun(people: u8) -> Self {
        let mut story = Self(World::new(people, Watch::Always));
        story.applies(0, &[put(0)]);
        story.meet();
        story
    }

    fn step(&mut self, step: &Step) {
        self.0.step(step).unwrap();
    }

    fn writes(&mut self, who: u8, edits: &[Edit], base: Base, then: Then) {
        self.step(&Step::Write { who, edits: edits.to_vec(), base, then });
    }

    /// A person writes a patch over what main shows, and applies it.
    fn applies(&mut self, who: u8, edits: &[Edit]) {
        self.writes(who, edits, Base::Current, Then::Apply);
    }

    fn sends(&mut self, from: u8, to: u8) {
        self.step(&Step::Send { from, to, share: Share::ALL });
    }

    fn drafts(&mut self, who: u8, draft: u8, edit: Edit) {
        self.step(&Step::Draft { who, session: 0, draft, edit });
    }

    fn meet(&mut self) {
        self.step(&Step::Meet);
    }

    fn memory(&self, who: usize) -> &Memory {
        &self.0.people[who].memory
    }

    fn content(&self, who: usize, entity: EntityId) -> Option<DefHash> {
        View::main(self.memory(who)).content(&entity).unwrap()
    }

    fn kinds(&self, who: usize) -> Vec<ConflictKind> {
        self.0.conflicts(who).iter().map(|conflict| conflict.kind).collect()
    }

    /// The conflicts, which everybody lists alike.
    fn conflicts(&self) -> Vec<Conflict> {
        let all: Vec<_> = (0..self.0.people.len()).map(|who| self.0.conflicts(who)).collect();
        assert!(all.iter().all(|conflicts| *conflicts == all[0]), "not alike: {all:#?}");
        all[0].clone()
    }

    /// Everybody has the same code, and nothing is held.
    fn is_settled(&self) -> bool {
        let equal = self.0.people.iter().all(|one| one.memory.fingerprint == self.memory(0).fingerprint);
        equal && self.0.people.iter().all(|one| select(&one.memory, &anyone).unwrap().held.is_empty())
    }

    fn effect(&self, who: usize, patch: usize) -> Effect {
        self.memory(who).effect(&self.0.patches[patch].revisions[0]).unwrap()
    }
}

#[test]
fn a_save_on_a_stale_base_is_a_conflict_and_loses_nothing() {
    let mut story = Story::begun(2);
    story.step(&Step::Open { who: 0 });
    story.applies(1, &[put(1)]);
    story.meet();
    assert_eq!(story.content(0, born(0)), Some(content(1)));
    // The text that was opened before is saved now.
    story.writes(0, &[put(4)], Base::Stale, Then::Apply);
    story.meet();
    let conflicts = story.conflicts();
    assert_eq!(conflicts.iter().map(|conflict| conflict.kind).collect::<Vec<_>>(), [ConflictKind::Content]);
    assert_eq!(conflicts[0].heads.len(), 2);
    assert_eq!(story.content(0, born(0)), Some(content(0)), "the last agreed value is in force");
}

#[test]
fn an_ordinary_save_in_a_conflict_replaces_only_what_was_shown() {
    let mut story = Story::begun(1);
    story.step(&Step::Open { who: 0 });
    story.applies(0, &[put(1)]);
    story.writes(0, &[put(2)], Base::Stale, Then::Apply);
    assert_eq!(story.conflicts()[0].heads.len(), 2);
    story.applies(0, &[put(4)]);
    assert_eq!(story.conflicts()[0].heads.len(), 3, "what was shown is the ancestor, and both sides stay");
}

#[test]
fn a_save_on_the_present_base_is_none() {
    let mut story = Story::begun(2);
    story.applies(1, &[put(1)]);
    story.meet();
    story.step(&Step::Open { who: 0 });
    story.writes(0, &[put(4)], Base::Stale, Then::Apply);
    story.meet();
    assert_eq!(story.conflicts(), []);
    assert_eq!(story.content(1, born(0)), Some(content(4)));
}

#[test]
fn who_edits_a_copy_of_the_same_change_made_elsewhere_is_in_no_conflict() {
    let mut story = Story::begun(3);
    story.applies(0, &[put(1)]);
    // The copy comes to the same text by a way of its own, else it would be the very same op.
    story.applies(1, &[put(2), put(1)]);
    story.sends(1, 2);
    story.step(&Step::Pull { who: 2 });
    story.applies(2, &[put(4)]);
    story.meet();
    assert_eq!(story.conflicts(), []);
    assert!(story.is_settled());
    assert_eq!(story.content(0, born(0)), Some(content(4)));
    let state = story.memory(0).entities[&born(0)].registers[&Register::Content].clone();
    assert_eq!((state.heads.len(), state.hidden.len()), (1, 1), "the other copy is hidden, not lost");
}

#[test]
fn reverting_a_change_does_not_undo_the_same_change_made_by_another() {
    let mut story = Story::begun(2);
    story.applies(0, &[put(1)]);
    story.applies(0, &[put(0)]);
    story.applies(1, &[put(2), put(1)]);
    story.meet();
    assert_eq!(story.conflicts().len(), 1);
    // Nor where the other made it from the very same text: another op only because its author knew of a deprecation.
    let mut story = Story::begun(2);
    story.applies(0, &[put(1)]);
    story.applies(0, &[put(0)]);
    story.applies(1, &[edit(0, What::Deprecate, 0)]);
    story.applies(1, &[put(1)]);
    story.meet();
    let conflicts = story.conflicts();
    assert_eq!(conflicts[0].kind, ConflictKind::Content);
    assert_eq!(conflicts[0].heads.len(), 2);
}

#[test]
fn a_change_landed_again_after_a_revert_conflicts_with_an_edit_of_what_was_reverted_to() {
    let mut story = Story::begun(2);
    story.applies(0, &[put(1)]);
    story.applies(0, &[put(0)]);
    story.meet();
    // One lands it again, another edits what it was reverted to.
    story.applies(0, &[put(1)]);
    story.applies(1, &[put(4)]);
    story.meet();
    let conflicts = story.conflicts();
    assert_eq!(conflicts.len(), 1);
    let sides: Vec<_> = conflicts[0].heads.iter().map(|head| head.value.clone()).collect();
    assert!(sides.contains(&dm_model::Value::Content(content(1))), "{sides:?}");
    assert!(sides.contains(&dm_model::Value::Content(content(4))), "{sides:?}");
}

#[test]
fn a_name_used_again_is_another_entity_and_falls_with_what_freed_the_name() {
    let mut story = Story::begun(2);
    story.applies(0, &[edit(0, What::Delete, 0)]);
    story.applies(0, &[put(4)]);
    story.meet();
    let again = entity_id(&place(0), 1);
    assert_eq!(story.memory(1).entities_at(&place(0)).unwrap(), [again]);
    // Taking the deletion back brings the old one, and never two of one name.
    story.step(&Step::Unapply { who: 1, patch: 1 });
    assert_eq!(story.memory(1).entities_at(&place(0)).unwrap(), [born(0)]);
    assert!(matches!(story.effect(1, 2), Effect::Blocked(missing) if missing.len() == 1));
}

#[test]
fn a_name_taken_by_two_after_it_was_freed_is_one_entity() {
    let mut story = Story::begun(2);
    story.applies(0, &[edit(0, What::Delete, 0)]);
    story.meet();
    story.applies(0, &[put(1)]);
    story.applies(1, &[put(1)]);
    story.meet();
    assert_eq!(story.conflicts(), [], "equal adds are one op");
    story.applies(0, &[edit(1, What::Put, 1)]);
    story.applies(1, &[edit(1, What::Put, 4)]);
    story.meet();
    assert_eq!(story.kinds(0), [ConflictKind::Content], "unequal adds are an ordinary conflict");
    assert_eq!(story.conflicts()[0].ancestor, None);
}

#[test]
fn an_upper_draft_stands_beside_a_lower_one_that_changed_under_it() {
    let mut story = Story::begun(1);
    story.drafts(0, 0, put(1));
    story.drafts(0, 1, put(2));
    let session = &story.0.people[0].sessions[0];
    assert_eq!(session.stack.stands_on(1), Some(session.stack.drafts()[0].patch));
    let conflicts = |story: &Story| {
        let session = &story.0.people[0].sessions[0];
        session.see(session.stack.drafts().len(), |layers| {
            let view = View::session(story.memory(0), layers).unwrap();
            (view.conflicts().unwrap(), view.content(&born(0)).unwrap())
        })
    };
    assert_eq!(conflicts(&story), (Vec::new(), Some(content(2))));
    story.drafts(0, 0, put(4));
    let (found, shown) = conflicts(&story);
    assert_eq!(found.iter().map(|conflict| conflict.kind).collect::<Vec<_>>(), [ConflictKind::Content]);
    assert_eq!((found[0].heads.len(), shown), (2, Some(content(2))), "the session prefers its upper one");
    // The same when both are frozen, and applied.
    for _ in 0..2 {
        story.step(&Step::Ready { who: 0, session: 0, draft: 0, then: Then::Apply });
    }
    assert_eq!(conflicts(&story).0.iter().map(|conflict| conflict.id).collect::<Vec<_>>(), [found[0].id]);
    assert_eq!(story.kinds(0), [ConflictKind::Content]);
    assert_eq!(story.content(0, born(0)), Some(content(0)), "main has no preference");
}

#[test]
fn a_lower_draft_that_comes_back_to_what_was_seen_carries_the_upper_one_again() {
    let mut story = Story::begun(1);
    story.drafts(0, 0, put(1));
    story.drafts(0, 1, put(2));
    story.drafts(0, 0, put(4));
    story.drafts(0, 0, put(1));
    let session = &story.0.people[0].sessions[0];
    assert_eq!(session.stack.stands_on(1), Some(session.stack.drafts()[0].patch));
}

#[test]
fn deleting_beside_an_edit_keeps_the_definition_and_says_so() {
    let mut story = Story::begun(2);
    story.applies(0, &[edit(0, What::Delete, 0)]);
    story.applies(1, &[put(1)]);
    story.meet();
    assert_eq!(story.conflicts().iter().map(|one| one.kind).collect::<Vec<_>>(), [ConflictKind::DeleteEdit]);
    // Both settle it by deleting, having seen the edit: one op, and nothing is left.
    story.step(&Step::Resolve { who: 0, conflict: 0, way: 0 });
    story.step(&Step::Resolve { who: 1, conflict: 0, way: 0 });
    story.meet();
    assert_eq!(story.conflicts(), []);
    assert!(story.is_settled());
    assert_eq!(story.memory(0).entities_at(&place(0)).unwrap(), []);
}

#[test]
fn deleting_what_one_has_seen_deletes() {
    let mut story = Story::begun(2);
    story.applies(1, &[put(1)]);
    story.meet();
    story.applies(0, &[edit(0, What::Delete, 0)]);
    story.meet();
    assert_eq!(story.conflicts(), []);
    assert_eq!(story.memory(1).entities_at(&place(0)).unwrap(), []);
}

#[test]
fn editing_what_one_knows_to_be_deprecated_is_no_conflict_and_editing_beside_it_is() {
    let mut story = Story::begun(2);
    story.applies(0, &[edit(0, What::Deprecate, 0)]);
    story.meet();
    story.applies(1, &[put(1)]);
    story.meet();
    assert_eq!(story.conflicts(), []);
    story.applies(0, &[edit(0, What::Deprecate, 1)]);
    story.applies(1, &[put(4)]);
    story.meet();
    assert_eq!(story.kinds(1), [ConflictKind::DeprecationEdit]);
}

#[test]
fn what_stands_on_something_taken_out_is_blocked_with_the_culprit_named_and_comes_back() {
    let mut story = Story::begun(2);
    story.applies(0, &[put(1)]);
    story.applies(0, &[put(2), edit(1, What::Put, 0)]);
    let before = story.memory(0).entities.clone();
    let lower = story.0.patches[1].revisions[0];
    let Body::Revision(body) = story.memory(0).envelopes[&lower].body().clone() else { unreachable!("a revision") };
    story.step(&Step::Unapply { who: 0, patch: 1 });
    assert_eq!(story.effect(0, 2), Effect::Blocked(vec![body.ops[0].id()]));
    assert_eq!(story.kinds(0), [ConflictKind::Blocked]);
    assert_eq!(story.content(0, born(0)), Some(content(0)));
    assert!(!story.memory(0).entities.contains_key(&born(1)), "a patch shows whole or not at all");
    // What comes later and needs it is blocked too, never lost.
    story.step(&Step::Apply { who: 0, patch: 1, revision: 0, group: false });
    assert_eq!(story.memory(0).entities, before);
}

#[test]
fn a_copied_store_makes_a_dispute_that_the_next_fact_settles() {
    let mut story = Story::begun(2);
    story.writes(0, &[edit(1, What::Put, 1)], Base::Current, Then::Leave);
    let (patch, revision) = (story.0.patches[1].patch, story.0.patches[1].revisions[0]);
    story.step(&Step::Apply { who: 0, patch: 1, revision: 0, group: false });
    // The copy was taken before that, and took the patch out there.
    story.step(&Step::Fork { who: 0, onto: 0, patch: 1, then: Then::Leave });
    story.sends(0, 1);
    let own = Channel::public(story.memory(0).own_channel());
    for who in 0..2 {
        let says = story.memory(who).membership(&own, &patch).unwrap();
        assert_eq!(says, Membership::Disputed(vec![None, Some(revision)]));
    }
    assert!(!story.memory(0).entities.contains_key(&born(1)), "counted as not applied");
    assert_eq!(story.kinds(0), [ConflictKind::Disputed]);
    assert!(select(story.memory(1), &anyone).unwrap().apply.is_empty(), "and no candidate for others");
    story.step(&Step::Apply { who: 0, patch: 1, revision: 0, group: false });
    story.meet();
    assert_eq!(story.kinds(0), []);
    assert!(story.memory(1).entities.contains_key(&born(1)));
}

#[test]
fn a_resolution_brings_both_sides_along() {
    let mut story = Story::begun(3);
    story.applies(0, &[put(1)]);
    story.applies(1, &[put(4)]);
    story.meet();
    assert_eq!(story.conflicts().len(), 1);
    for who in 0..3 {
        let held = select(story.memory(who), &anyone).unwrap().held;
        assert_eq!(held.len(), if who == 2 { 2 } else { 1 }, "who wrote neither holds both");
    }
    story.step(&Step::Resolve { who: 2, conflict: 0, way: 0 });
    story.meet();
    assert_eq!(story.conflicts(), []);
    assert!(story.is_settled());
}

#[test]
fn equal_resolutions_are_one_op_and_different_ones_a_smaller_conflict() {
    for (ways, left) in [([1, 1], 0), ([0, 1], 1)] {
        let mut story = Story::begun(3);
        story.applies(0, &[put(1)]);
        story.applies(1, &[put(2)]);
        story.applies(2, &[put(4)]);
        story.meet();
        assert_eq!(story.conflicts()[0].heads.len(), 3);
        story.step(&Step::Resolve { who: 0, conflict: 0, way: ways[0] });
        story.step(&Step::Resolve { who: 1, conflict: 0, way: ways[1] });
        story.meet();
        let conflicts = story.conflicts();
        assert_eq!(conflicts.len(), left);
        assert!(conflicts.iter().all(|conflict| conflict.heads.len() == 2));
        assert_eq!(story.is_settled(), left == 0);
    }
}

#[test]
fn a_session_s_own_side_of_a_conflict_in_main_decides_who_uses_what_there() {
    // The own side uses what is at place 1; main, where both sides are, shows the ancestor, which uses nothing.
    let mut story = Story::begun(1);
    story.applies(0, &[edit(1, What::Put, 0)]);
    story.step(&Step::Open { who: 0 });
    story.applies(0, &[put(4)]);
    story.drafts(0, 0, edit(2, What::Put, 0));
    story.writes(0, &[put(2)], Base::Stale, Then::Apply);
    let own = story.0.patches[3].revisions[0];
    story.0.people[0].sessions[0].ready.push(own);
    story.0.people[0].check_sessions().unwrap();
    let session = &story.0.people[0].sessions[0];
    let users = session.see(1, |layers| View::session(story.memory(0), layers).unwrap().dependents(&born(1)).unwrap());
    assert_eq!(users, [born(0)]);
    assert_eq!(View::main(story.memory(0)).dependents(&born(1)).unwrap(), []);
}

#[test]
fn a_resolution_replaces_what_is_hidden_too_so_that_it_does_not_come_back() {
    let mut story = Story::begun(3);
    // Place 0 has a copy of 1 hidden under 4, as in the example of R7, beside 2.
    story.applies(0, &[put(1)]);
    story.applies(1, &[put(3), put(1)]);
    story.sends(1, 2);
    story.step(&Step::Pull { who: 2 });
    story.applies(2, &[put(4)]);
    story.step(&Step::Open { who: 0 });
    story.meet();
    let hidden: Vec<OpId> = story.memory(0).entities[&born(0)].registers[&Register::Content].hidden.clone();
    assert_eq!(hidden.len(), 1);
    // Going back to 0, which the hidden side has in its past, would bring it back.
    let view = View::main(story.memory(0));
    let tips: Vec<OpId> = view.tips(&born(0), Register::Content).unwrap().iter().map(|tip| tip.op).collect();
    assert!(hidden.iter().all(|op| tips.contains(op)) && tips.len() == 2);
    story.applies(0, &[put(0)]);
    assert_eq!(story.kinds(0), [ConflictKind::Content], "an ordinary edit replaces what was shown only");
    story.step(&Step::Resolve { who: 0, conflict: 0, way: 0 });
    story.meet();
    assert_eq!(story.conflicts(), []);
    assert!(story.is_settled());
}

#[test]
fn a_group_takes_what_somebody_applied_before_what_nobody_did() {
    // The patch that nobody applied carries the same creation, and an edit above it.
    for seed in 0..6u8 {
        let mut story = Story(World::new(3, Watch::Always));
        story.writes(2, &[put(3), put(seed % 2)], Base::Current, Then::Leave);
        story.applies(1, &[put(3), edit(1, What::Put, seed)]);
        story.applies(0, &[put(0)]);
        story.meet();
        story.step(&Step::Resolve { who: 0, conflict: 0, way: 0 });
        story.meet();
        assert_eq!(story.conflicts(), []);
        let unwanted = story.0.patches[0].revisions[0];
        assert!((0..3).all(|who| story.memory(who).effect(&unwanted).unwrap() == Effect::NotApplied));
    }
}

#[test]
fn a_move_and_an_edit_commute_and_a_place_taken_twice_is_a_collision() {
    let mut story = Story::begun(2);
    story.applies(0, &[edit(0, What::Move, 1)]);
    story.applies(1, &[put(1)]);
    story.meet();
    assert_eq!(story.conflicts(), []);
    assert_eq!(story.content(0, born(0)), Some(content(1)));
    assert_eq!(story.memory(1).entities_at(&place(1)).unwrap(), [born(0)]);
    story.applies(0, &[edit(1, What::Move, 3)]);
    story.applies(1, &[edit(3, What::Put, 1)]);
    story.meet();
    assert_eq!(story.kinds(0), [ConflictKind::Collision]);
    story.step(&Step::Resolve { who: 1, conflict: 0, way: 0 });
    story.meet();
    assert_eq!(story.conflicts(), []);
    assert!(story.is_settled());
}

#[test]
fn a_session_passes_over_a_carrier_that_only_a_newer_version_knows() {
    // What is pinned needs the creation of place 1, which two patches carry: one of them also has an op of a later version.
    let mut greatest_was_needed = false;
    for seed in 0..8u8 {
        let mut story = Story(World::new(1, Watch::Always));
        let birth = edit(1, What::Put, seed);
        story.step(&Step::Newer { who: 0, at: 0, edits: vec![birth], then: Then::Leave });
        story.writes(0, &[birth], Base::Current, Then::Leave);
        let ops = match story.memory(0).envelopes[&story.0.patches[1].revisions[0]].body() {
            Body::Revision(body) => body.ops.clone(),
            _ => unreachable!("a revision"),
        };
        let action = dm_model::Action::UpdateName { old: None, new: content(4) };
        let above = Op::new(ops[0].entity, action).superseding([ops[0].id()]);
        let patch = dm_model::PatchId::from_bytes([seed; 16]);
        let pinned = story.0.freeze(0, patch, Vec::new(), vec![above]).unwrap();
        story.0.people[0].sessions[0].pinned.push(pinned);
        story.0.people[0].check_sessions().unwrap();
        let session = &story.0.people[0].sessions[0];
        let shown = session.see(0, |layers| View::session(story.memory(0), layers).unwrap().content(&born(1)).unwrap());
        assert_eq!(shown, Some(content(4)));
        let carriers = story.memory(0).carriers(&ops[0].id()).unwrap();
        greatest_was_needed |= carriers.last() == Some(&story.0.patches[1].revisions[0]);
    }
    assert!(greatest_was_needed);
}

#[test]
fn what_was_rejected_here_is_not_applied_until_that_is_taken_back() {
    let mut story = Story::begun(2);
    story.applies(0, &[put(1)]);
    story.sends(0, 1);
    story.step(&Step::Verdict { who: 1, patch: 1, reject: true, over: false });
    story.step(&Step::Pull { who: 1 });
    assert_eq!(select(story.memory(1), &anyone).unwrap().apply, []);
    assert_eq!(story.content(1, born(0)), Some(content(0)));
    // A second opinion beside it changes nothing: the stricter counts. One over it does.
    story.step(&Step::Verdict { who: 1, patch: 1, reject: false, over: false });
    assert_eq!(select(story.memory(1), &anyone).unwrap().apply, []);
    story.step(&Step::Verdict { who: 1, patch: 1, reject: false, over: true });
    story.meet();
    assert_eq!(story.content(1, born(0)), Some(content(1)));
}

#[test]
fn two_revisions_of_one_patch_on_two_mains_are_held_until_their_author_chooses() {
    let mut story = Story::begun(3);
    story.writes(0, &[edit(1, What::Put, 1)], Base::Current, Then::Leave);
    story.sends(0, 1);
    story.step(&Step::Revise { who: 0, patch: 1, keep: 0, edits: vec![edit(2, What::Put, 1)], then: Then::Apply });
    story.step(&Step::Apply { who: 1, patch: 1, revision: 0, group: false });
    story.0.exchange().unwrap();
    let selection = select(story.memory(2), &anyone).unwrap();
    assert_eq!(selection.apply, []);
    let mut revisions = story.0.patches[1].revisions.clone();
    revisions.sort_unstable();
    assert_eq!(selection.held.iter().map(|held| held.revision).collect::<Vec<_>>(), revisions);
    assert!(selection.held.iter().all(|held| held.reason == Reason::Disputed));
    // One of the two mains goes over to the other's.
    story.step(&Step::Apply { who: 1, patch: 1, revision: 1, group: false });
    story.meet();
    assert!(story.is_settled());
    assert!(story.memory(2).entities.contains_key(&born(2)));
}

#[test]
fn a_fact_that_puts_one_revision_in_under_two_patches_is_kept_up_right() {
    let mut story = Story::begun(1);
    story.writes(0, &[put(1)], Base::Current, Then::Leave);
    let (patch, revision) = (story.0.patches[1].patch, story.0.patches[1].revisions[0]);
    let other = dm_model::PatchId::from_bytes([9; 16]);
    story.0.put_in(0, &[(other, revision)]).unwrap();
    story.0.put_in(0, &[(patch, revision)]).unwrap();
    let public = dm_model::Space::PUBLIC;
    let out = dm_collab::patch::unapply_facts(story.memory(0), &[(public, other)]).unwrap();
    story.0.seal(0, public, Body::Unapply(out[0].1.clone())).unwrap();
    assert_eq!(story.content(0, born(0)), Some(content(1)));
}

#[test]
fn a_revision_that_is_blocked_is_listed_once_however_many_names_it_has() {
    let mut story = Story::begun(1);
    story.applies(0, &[put(1)]);
    story.applies(0, &[put(2)]);
    let revision = story.0.patches[2].revisions[0];
    story.0.put_in(0, &[(dm_model::PatchId::from_bytes([9; 16]), revision)]).unwrap();
    story.step(&Step::Unapply { who: 0, patch: 1 });
    assert_eq!(story.kinds(0), [ConflictKind::Blocked]);
}

#[test]
fn a_former_key_of_an_instance_writes_nothing_into_a_main_that_has_gone_on() {
    let mut story = Story::begun(2);
    story.applies(0, &[put(1)]);
    story.step(&Step::Rotate { who: 0 });
    story.applies(0, &[put(2)]);
    let before = story.memory(0).membership.clone();
    // A thief of the first key takes the last patch out, onto the fact before the change of keys and onto the very last one.
    for onto in [0, 1, 3] {
        story.step(&Step::Stolen { who: 0, key: 0, usurps: false, onto, patch: 2, then: Then::Leave });
    }
    assert_eq!(story.memory(0).membership, before);
    assert_eq!(story.memory(0).leaves[&Channel::public(story.0.people[0].main())].len(), 1);
    story.meet();
    assert_eq!(story.content(1, born(0)), Some(content(2)));
    assert!(story.is_settled());
}

#[test]
fn what_a_key_wrote_before_it_gave_way_stays_if_the_next_one_knew_of_it() {
    let mut story = Story::begun(2);
    // The thief writes first: the owner's next key has that in its past, so it counts until it is taken out.
    story.writes(0, &[put(1)], Base::Current, Then::Leave);
    story.step(&Step::Stolen { who: 0, key: 0, usurps: false, onto: 0, patch: 1, then: Then::Apply });
    story.step(&Step::Rotate { who: 0 });
    assert_eq!(story.content(0, born(0)), Some(content(1)));
    story.step(&Step::Unapply { who: 0, patch: 1 });
    assert_eq!(story.content(0, born(0)), Some(content(0)));
}

#[test]
fn a_thief_who_lets_a_former_key_name_another_makes_a_fork_that_everyone_sees() {
    let mut story = Story::begun(2);
    story.applies(0, &[put(1)]);
    story.step(&Step::Rotate { who: 0 });
    story.applies(0, &[edit(1, What::Put, 1)]);
    story.step(&Step::Stolen { who: 0, key: 0, usurps: true, onto: 1, patch: 1, then: Then::Leave });
    assert!(!story.0.people[0].has_given_way());
    assert!(story.kinds(0).contains(&ConflictKind::Disputed), "{:?}", story.kinds(0));
    // Both lines count: what the owner's key says of patch 2 the thief's knows nothing of, and of patch 1 they disagree.
    assert_eq!(story.memory(0).leaves[&Channel::public(story.0.people[0].main())].len(), 2);
}

#[test]
fn an_instance_whose_last_key_was_stolen_takes_its_main_back_with_another() {
    let mut story = Story::begun(2);
    story.applies(0, &[put(1)]);
    story.step(&Step::Rotate { who: 0 });
    story.step(&Step::Stolen { who: 0, key: 1, usurps: true, onto: 2, patch: 1, then: Then::Leave });
    assert!(story.0.people[0].has_given_way());
    assert_eq!(story.content(0, born(0)), Some(content(0)), "the thief took it out");
    // What the stolen key writes counts for nothing now, so the owner's next fact is by another key.
    let keys = story.0.people[0].keys();
    story.step(&Step::Apply { who: 0, patch: 1, revision: 0, group: false });
    assert_eq!(story.0.people[0].keys(), keys + 1);
    assert!(!story.0.people[0].has_given_way());
    assert_eq!(story.content(0, born(0)), Some(content(1)));
}
