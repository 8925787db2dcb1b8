//! The rules of one entity's registers, case by case.

use dm_collab::register::evaluate;
use dm_collab::{EntityState, RegisterState};
use dm_model::{Op, OpId, Register, Value};

use crate::scene::{create, delete, deprecate, ids, rename, text, update};

fn state(ops: &[&Op]) -> EntityState {
    evaluate(ops.iter().map(|op| (op.id(), *op))).unwrap()
}

fn content(ops: &[&Op]) -> RegisterState {
    state(ops).registers.remove(&Register::Content).unwrap()
}

fn heads(register: &RegisterState) -> Vec<OpId> {
    register.heads.iter().map(|head| head.op).collect()
}

#[test]
fn nothing_effective_is_nothing() {
    assert_eq!(evaluate([]), None);
}

#[test]
fn a_write_on_the_head_is_the_head() {
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    let register = content(&[&birth, &edit]);
    assert_eq!(heads(&register), ids(&[&edit]));
    assert_eq!((register.is_contested(), register.ancestor), (false, None));
}

#[test]
fn a_save_on_a_stale_base_is_a_conflict_over_the_agreed_value() {
    let birth = create("A.f", "0");
    let mine = update("mine", &[&birth]);
    let theirs = update("theirs", &[&birth]);
    let register = content(&[&birth, &mine, &theirs]);
    assert_eq!(heads(&register), ids(&[&mine, &theirs]));
    assert_eq!(register.ancestor.as_ref().map(|head| head.op), Some(birth.id()));
    assert_eq!(register.provisional(), Some(&Value::Content(text("0"))));
}

#[test]
fn equal_concurrent_edits_are_two_heads_of_one_value() {
    let birth = create("A.f", "0");
    let first = update("1", &[&birth]);
    let detour = update("x", &[&birth]);
    let second = update("1", &[&detour]);
    let register = content(&[&birth, &first, &detour, &second]);
    assert_eq!(heads(&register), ids(&[&first, &second]));
    assert!(!register.is_contested());
    assert_eq!(register.provisional(), Some(&Value::Content(text("1"))));
}

#[test]
fn who_built_on_the_same_change_hides_it() {
    // A and B both write h1, C edits B's copy to h2.
    let birth = create("A.f", "0");
    let elsewhere = update("h1", &[&birth]);
    // B's copy has a base of its own, else it would be the very same op.
    let detour = update("d", &[&birth]);
    let copy = update("h1", &[&detour]);
    let on_top = update("h2", &[&copy]);
    let register = content(&[&birth, &elsewhere, &detour, &copy, &on_top]);
    assert_eq!(heads(&register), ids(&[&on_top]));
    assert_eq!(register.hidden, ids(&[&elsewhere]));
}

#[test]
fn a_revert_does_not_hide_the_same_change_made_again() {
    // A writes h1 and reverts to b while B writes h1.
    let birth = create("A.f", "b");
    let change = update("h1", &[&birth]);
    let revert = update("b", &[&change]);
    let detour = update("d", &[&birth]);
    let other = update("h1", &[&detour]);
    let register = content(&[&birth, &change, &revert, &detour, &other]);
    assert_eq!(heads(&register), ids(&[&revert, &other]));
    assert!(register.is_contested());
}

#[test]
fn a_change_landed_again_after_a_revert_conflicts_with_an_edit_of_what_was_reverted_to() {
    // h1 once applied and reverted, A re-lands h1 while B edits h0 to h2.
    let birth = create("A.f", "h0");
    let first = update("h1", &[&birth]);
    let revert = update("h0", &[&first]);
    let again = update("h1", &[&revert]);
    let edit = update("h2", &[&revert]);
    let register = content(&[&birth, &first, &revert, &again, &edit]);
    assert_eq!(heads(&register), ids(&[&again, &edit]));
    assert_eq!(register.ancestor.map(|head| head.op), Some(revert.id()));
}

#[test]
fn a_hidden_tip_comes_back_when_all_heads_go_back_to_another_value() {
    let birth = create("A.f", "0");
    let elsewhere = update("h1", &[&birth]);
    let detour = update("d", &[&birth]);
    let copy = update("h1", &[&detour]);
    let on_top = update("h2", &[&copy]);
    let back = update("0", &[&on_top]);
    let register = content(&[&birth, &elsewhere, &detour, &copy, &on_top, &back]);
    assert_eq!(heads(&register), ids(&[&elsewhere, &back]));
}

#[test]
fn rename_and_edit_commute() {
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    let moved = rename("A.g", &[&birth]);
    let state = state(&[&birth, &edit, &moved]);
    assert_eq!(state.live, [crate::scene::location("A.g")]);
    assert_eq!(state.content(), Some(text("1")));
    assert!(state.registers.values().all(|register| !register.is_contested()));
}

#[test]
fn an_entity_moved_twice_is_found_at_both_places() {
    let birth = create("A.f", "0");
    let (one, two) = (rename("A.g", &[&birth]), rename("A.h", &[&birth]));
    let state = state(&[&birth, &one, &two]);
    assert_eq!(state.live, [crate::scene::location("A.g"), crate::scene::location("A.h")]);
    assert!(state.registers[&Register::Location].is_contested());
}

#[test]
fn deleting_what_was_seen_deletes() {
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    let gone = delete(&[&birth], &[&edit]);
    let state = state(&[&birth, &edit, &gone]);
    assert!(state.live.is_empty() && state.edited_while_deleted.is_empty());
}

#[test]
fn deleting_beside_an_edit_keeps_the_definition() {
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    let gone = delete(&[&birth], &[&birth]);
    let state = state(&[&birth, &edit, &gone]);
    assert_eq!(state.live, [crate::scene::location("A.f")]);
    assert_eq!(state.edited_while_deleted.get(&gone.id()), Some(&ids(&[&edit])));
}

#[test]
fn a_deletion_of_a_deletion_keeps_the_place_below() {
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    let gone = delete(&[&birth], &[&birth]);
    let again = delete(&[&gone], &[&birth]);
    let state = state(&[&birth, &edit, &gone, &again]);
    assert_eq!(state.live, [crate::scene::location("A.f")]);
    assert_eq!(state.edited_while_deleted.keys().collect::<Vec<_>>(), [&again.id()]);
}

#[test]
fn deprecating_beside_an_edit_is_flagged() {
    let birth = create("A.f", "0");
    let edit = update("1", &[&birth]);
    let old = deprecate(&birth, "old", &[&birth]);
    let state = state(&[&birth, &edit, &old]);
    assert_eq!(state.edited_while_deprecated.get(&old.id()), Some(&ids(&[&edit])));
    assert!(state.is_live());
}

#[test]
fn editing_what_is_known_to_be_deprecated_is_no_conflict_nor_are_edits_of_that() {
    let birth = create("A.f", "0");
    let old = deprecate(&birth, "old", &[&birth]);
    let edit = update("1", &[&birth]).witnessing([old.id()]);
    let next = update("2", &[&edit]);
    assert!(state(&[&birth, &old, &edit, &next]).edited_while_deprecated.is_empty());
}

#[test]
fn a_write_over_something_not_effective_stands_alone() {
    let birth = create("A.f", "0");
    let missing = update("x", &[&birth]);
    let edit = update("1", &[&missing]);
    assert_eq!(heads(&content(&[&birth, &edit])), ids(&[&birth, &edit]));
}
