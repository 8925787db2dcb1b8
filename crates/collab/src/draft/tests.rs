use std::collections::BTreeSet;

use super::*;

type TestResult = Result<(), Box<dyn std::error::Error>>;

const LOWER: PatchId = PatchId::from_bytes([1; 16]);
const UPPER: PatchId = PatchId::from_bytes([2; 16]);

fn content(n: u8) -> Value {
    Value::Content(DefHash::from_bytes([n; 32]))
}

fn real(n: u8) -> OpId {
    OpId::from_bytes([n; 32])
}

fn stack() -> Result<Stack, DraftError> {
    let mut stack = Stack::new(Vec::new())?;
    stack.push(LOWER);
    stack.push(UPPER);
    Ok(stack)
}

fn entity() -> EntityId {
    EntityId::from_bytes([7; 32])
}

fn edit(stack: &mut Stack, at: usize, value: Value, shown: &[Head]) -> Result<(), DraftError> {
    let register = Register::Content;
    stack.write(at, &Edit { entity: entity(), register, value, shown, witness: &[], creators: &[real(1)] })
}

fn only(stack: &Stack, at: usize) -> Option<Made> {
    stack.ops(at).first().map(|made| (*made).clone())
}

fn head(made: &Made) -> Head {
    Head { op: made.id, value: made.op.action.value(Register::Content).expect("writes content") }
}

#[test]
fn an_upper_draft_replaces_the_lower_one_it_was_made_from() -> TestResult {
    let mut stack = stack()?;
    edit(&mut stack, 0, content(2), &[Head { op: real(1), value: content(1) }])?;
    let lower = only(&stack, 0).ok_or("no op")?;
    assert_eq!(lower.op.supersedes, [real(1)]);
    edit(&mut stack, 1, content(3), &[head(&lower)])?;
    let upper = only(&stack, 1).ok_or("no op")?;
    assert_eq!(upper.op.supersedes, [lower.id]);
    assert_eq!(stack.stands_on(1), Some(LOWER));
    assert_eq!(stack.clone().ready(1), Err(DraftError::StandsOnDraft { patch: UPPER, below: LOWER }));
    assert_eq!(stack.ready(0)?, std::slice::from_ref(&lower.op));
    assert_eq!(only(&stack, 0).map(|made| made.id), Some(upper.id), "ready changes no id above");
    Ok(())
}

#[test]
fn a_lower_draft_changed_stands_beside_the_upper_one() -> TestResult {
    let mut stack = stack()?;
    edit(&mut stack, 0, content(2), &[Head { op: real(1), value: content(1) }])?;
    let lower = only(&stack, 0).ok_or("no op")?;
    edit(&mut stack, 1, content(3), &[head(&lower)])?;
    edit(&mut stack, 0, content(4), &[head(&lower)])?;
    let changed = only(&stack, 0).ok_or("no op")?;
    assert_eq!(changed.op.supersedes, [real(1)], "an edit on the own draft keeps its base");
    let upper = only(&stack, 1).ok_or("no op")?;
    assert_eq!(upper.op.supersedes, [real(1)], "beside the lower draft's op, not over it");
    stack.ready(0)?;
    assert_eq!(only(&stack, 0), Some(upper), "and so it stays once the lower one is ready");
    Ok(())
}

#[test]
fn going_back_to_the_base_leaves_no_row() -> TestResult {
    let mut stack = stack()?;
    edit(&mut stack, 0, content(2), &[Head { op: real(1), value: content(1) }])?;
    let lower = only(&stack, 0).ok_or("no op")?;
    edit(&mut stack, 0, content(1), &[head(&lower)])?;
    assert!(stack.ops(0).is_empty());
    assert!(stack.drafts().iter().all(|draft| draft.entities.is_empty()));
    Ok(())
}

#[test]
fn an_edit_made_from_an_older_draft_is_refused() -> TestResult {
    let mut stack = stack()?;
    let base = [Head { op: real(1), value: content(1) }];
    edit(&mut stack, 0, content(2), &base)?;
    assert_eq!(edit(&mut stack, 0, content(3), &base), Err(DraftError::Stale(entity())));
    Ok(())
}

#[test]
fn a_resolution_replaces_all_heads() -> TestResult {
    let mut stack = stack()?;
    let heads = [Head { op: real(1), value: content(1) }, Head { op: real(2), value: content(2) }];
    edit(&mut stack, 0, content(1), &heads)?;
    let made = only(&stack, 0).ok_or("no op")?;
    assert_eq!(made.op.supersedes, [real(1), real(2)]);
    let new = DefHash::from_bytes([1; 32]);
    assert_eq!(made.op.action, Action::UpdateName { old: None, new });
    Ok(())
}

#[test]
fn a_resolution_may_say_again_what_is_there() -> TestResult {
    let mut stack = stack()?;
    let (register, value) = (Register::Location, Value::Location(None));
    let shown = [Head { op: real(1), value: value.clone() }];
    let witness = [real(5)];
    let again = Edit { entity: entity(), register, value, shown: &shown, witness: &witness, creators: &[] };
    stack.write(0, &again)?;
    assert!(stack.ops(0).is_empty(), "an edit that changes nothing leaves no row");
    stack.resolve(0, &again)?;
    let made = only(&stack, 0).ok_or("no op")?;
    assert_eq!((made.op.supersedes, made.op.witness), (vec![real(1)], vec![real(5)]));
    Ok(())
}

#[test]
fn what_is_created_can_be_edited_moved_and_taken_back() -> TestResult {
    let mut stack = stack()?;
    let location: Location = "Acme.Shop.total".parse()?;
    let new = (DefHash::from_bytes([1; 32]), Visibility::Public);
    let entity = stack.create(0, (location, 0), &[real(9)], new)?;
    let created = only(&stack, 0).ok_or("no op")?;
    assert_eq!(created.op.after, [real(9)]);
    let to = Value::Location(Some("Acme.Shop.sum".parse()?));
    let register = Register::Location;
    let shown = [Head { op: created.id, value: to.clone() }];
    let mut moved = Edit { entity, register, value: to, shown: &shown, witness: &[], creators: &[] };
    stack.write(0, &moved)?;
    let ops = stack.ops(0);
    let names: Vec<_> = ops.iter().map(|made| made.op.action.name()).collect();
    assert_eq!(names, ["CreateName", "MoveName"]);
    let again = Stack::new(stack.drafts().to_vec())?;
    assert_eq!(again.ops(0), ops, "the same rows make the same ops");
    let shown = [Head { op: ops[1].id, value: moved.value.clone() }];
    (moved.value, moved.shown) = (Value::Location(None), &shown);
    stack.write(0, &moved)?;
    assert!(stack.ops(0).is_empty(), "created and deleted in one draft: nothing");
    Ok(())
}

#[test]
fn what_sets_a_name_aside_knows_of_the_edit_in_its_own_draft() -> TestResult {
    let mut stack = stack()?;
    let base = [Head { op: real(1), value: content(1) }];
    edit(&mut stack, 0, content(2), &base)?;
    let edited = only(&stack, 0).ok_or("no op")?;
    let (register, value) = (Register::Location, Value::Location(None));
    let shown = [Head { op: real(1), value: Value::Location(Some("Acme.Shop.total".parse()?)) }];
    let witness = [edited.id];
    stack.write(0, &Edit { entity: entity(), register, value, shown: &shown, witness: &witness, creators: &[] })?;
    let witness_of = |stack: &Stack| -> Vec<(OpId, BTreeSet<OpId>)> {
        let content = stack.ops(0).into_iter().find(|made| made.op.content().is_some()).map(|made| made.id);
        let deleted = stack.ops(0).into_iter().find(|made| made.op.content().is_none());
        content.zip(deleted.map(|made| made.op.witness.iter().copied().collect())).into_iter().collect()
    };
    let seen = |of: &Made| [(of.id, BTreeSet::from([real(1), of.id]))];
    assert_eq!(witness_of(&stack), seen(&edited));
    edit(&mut stack, 0, content(3), &[head(&edited)])?;
    let again = only(&stack, 0).ok_or("no op")?;
    assert_eq!(witness_of(&stack), seen(&again), "an edit after the deletion too");
    Ok(())
}

#[test]
fn what_is_created_and_deprecated_in_one_draft_is_no_conflict() -> TestResult {
    let mut stack = stack()?;
    let new = (DefHash::from_bytes([1; 32]), Visibility::Public);
    let entity = stack.create(0, ("Acme.Shop.total".parse()?, 0), &[], new)?;
    let created = only(&stack, 0).ok_or("no op")?;
    let value = Value::Deprecation(Some(dm_model::Deprecation { reason: "old".to_owned(), replacement: None }));
    let register = Register::Deprecation;
    let witness = [created.id];
    stack.write(0, &Edit { entity, register, value, shown: &[], witness: &witness, creators: &[created.id] })?;
    let deprecated = stack.ops(0).last().map(|made| made.op.witness.clone());
    assert_eq!(deprecated, Some(vec![created.id]));
    Ok(())
}

#[test]
fn a_revision_taken_back_makes_the_same_ops() -> TestResult {
    let mut stack = stack()?;
    edit(&mut stack, 0, content(2), &[Head { op: real(1), value: content(1) }])?;
    stack.create(0, ("Acme.Shop.total".parse()?, 0), &[real(9)], (DefHash::from_bytes([1; 32]), Visibility::Public))?;
    let ops: Vec<Op> = stack.ops(0).into_iter().map(|made| made.op.clone()).collect();
    let base = Op::new(entity(), Action::UpdateName { old: None, new: DefHash::from_bytes([1; 32]) });
    let known = BTreeMap::from([(real(1), base)]);
    let again = Stack::new(vec![Draft::of_ops(LOWER, &ops, &known)])?;
    assert_eq!(again.ops(0).into_iter().map(|made| made.op.clone()).collect::<Vec<_>>(), ops);
    Ok(())
}

#[test]
fn the_journal_reads_back() -> TestResult {
    let mut stack = stack()?;
    edit(&mut stack, 0, content(2), &[Head { op: real(1), value: content(1) }])?;
    let lower = only(&stack, 0).ok_or("no op")?;
    edit(&mut stack, 1, content(3), &[head(&lower)])?;
    let new = (DefHash::from_bytes([1; 32]), Visibility::Private);
    stack.create(1, ("Acme.Shop.total".parse()?, 3), &[], new)?;
    for entity in stack.drafts().iter().flat_map(|draft| draft.entities.values()) {
        assert_eq!(&DraftEntity::decode(&entity.encode())?, entity);
    }
    Ok(())
}
