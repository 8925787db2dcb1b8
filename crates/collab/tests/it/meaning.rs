//! Conflicts of meaning, with a toy for a language: `i1w0` shows interface 1 and wants 0 of all that it uses, `w-` wants nothing.

use std::collections::{BTreeMap, BTreeSet};

use dm_collab::meaning::{self, Apart, Clash, Meaning};
use dm_collab::{Candidates, Conflict, ConflictKind, ReadError, Reason, Selection, Subject, View, WayOut};
use dm_model::{DefHash, EntityId, Op, OpId};

use crate::exchange::{People, anyone};
use crate::scene::{create, delete, deprecate, text, update};

struct Toy<'v> {
    view: &'v View<'v>,
}

fn interface(of: &DefHash) -> u8 {
    of.as_bytes()[1]
}

fn wanted(of: &DefHash) -> Option<u8> {
    Some(of.as_bytes()[3]).filter(|wanted| *wanted != b'-')
}

impl Meaning for Toy<'_> {
    type Error = ReadError;

    fn version(&self) -> u64 {
        7
    }

    fn same_interface(&self, before: &DefHash, now: &DefHash) -> Result<bool, ReadError> {
        Ok(interface(before) == interface(now))
    }

    fn check(&self, entity: &EntityId, instead: &BTreeMap<EntityId, DefHash>) -> Result<Vec<Clash>, ReadError> {
        let Some(content) = self.view.content(entity)? else { return Ok(Vec::new()) };
        let Some(wanted) = wanted(&content) else { return Ok(Vec::new()) };
        let mut clashes = Vec::new();
        for used in self.view.uses(entity)? {
            let content = match instead.get(&used) {
                Some(content) => Some(*content),
                None => self.view.content(&used)?,
            };
            if let Some(shown) = content.as_ref().map(interface).filter(|shown| *shown != wanted) {
                let tell = |of: u8| Some(char::from(of).to_string());
                clashes.push(Clash { expected: tell(wanted), actual: tell(shown), message: "another".into() });
            }
        }
        Ok(clashes)
    }

    fn merge3(&self, _: &EntityId, _: &DefHash, _: &[DefHash]) -> Result<Option<String>, ReadError> {
        Ok(None)
    }
}

fn besides(people: &People, person: u8, view: &View<'_>, fresh: &BTreeSet<EntityId>) -> Vec<Conflict> {
    let mut apart = Apart::new(people.of(person)).unwrap();
    let mut concurrent = |one: &OpId, other: &OpId| apart.made_apart(one, other);
    meaning::conflicts(view, fresh, &Toy { view }, &mut concurrent).unwrap()
}

fn select(people: &People, person: u8) -> Selection {
    let candidates = Candidates::of(people.of(person), &anyone).unwrap();
    let selected = candidates.select_by::<ReadError>(&mut |view, fresh| Ok(besides(people, person, &view, fresh)));
    selected.unwrap()
}

/// All conflicts that a person lists.
fn conflicts(people: &People, person: u8) -> Vec<Conflict> {
    let candidates = Candidates::of(people.of(person), &anyone).unwrap();
    let (view, fresh) = candidates.union_written().unwrap();
    let mut conflicts = view.conflicts().unwrap();
    conflicts.extend(besides(people, person, &view, &fresh));
    conflicts
}

/// Meetings and pulls until nobody applies anything.
fn settle(people: &mut People) {
    for _ in 0..6 {
        people.everyone_meets();
        let mut rests = true;
        for person in [1, 2] {
            let selection = select(people, person);
            rests &= selection.apply.is_empty();
            people.apply(person, &selection.apply);
        }
        if rests {
            return;
        }
    }
    unreachable!("exchange does not come to rest");
}

/// A dependency `A.x` in both mains; person 1 then changes it, person 2 writes `A.y`, which uses it.
struct Begun {
    people: People,
    x: Op,
    changed: Op,
    y: Op,
}

fn begun(changed: &str, y: &str) -> Begun {
    let mut people = People::new(2);
    let x = create("A.x", "i0w-");
    people.applied(1, 1, &[&x]);
    settle(&mut people);
    let changed = update(changed, &[&x]);
    people.applied(1, 2, &[&changed]);
    let written = create("A.y", y);
    let uses = [x.entity];
    people.write(2, |scene| scene.define(text(y), &uses));
    people.applied(2, 3, &[&written]);
    settle(&mut people);
    Begun { people, x, changed, y: written }
}

fn kinds(conflicts: &[Conflict]) -> Vec<ConflictKind> {
    conflicts.iter().map(|conflict| conflict.kind).collect()
}

#[test]
fn an_interface_and_its_use_changed_apart_are_held_and_listed_alike() {
    let Begun { mut people, x, changed, y } = begun("i1w-", "i0w0");
    let listed = conflicts(&people, 1);
    assert_eq!(listed, conflicts(&people, 2));
    assert_eq!(kinds(&listed), [ConflictKind::DependencyBreaking]);
    let conflict = &listed[0];
    assert_eq!(conflict.entities, [x.entity, y.entity]);
    let mut heads = [changed.id(), y.id()];
    heads.sort_unstable();
    assert_eq!(conflict.head_ops(), heads);
    assert_eq!(conflict.ancestor.as_ref().map(|head| head.op), Some(x.id()));
    let Subject::Meaning { checker: 7, clashes } = &conflict.subject else { panic!("{conflict:?}") };
    assert_eq!(clashes[0].1[0].expected.as_deref(), Some("0"));
    assert!(conflict.ways_out().contains(&WayOut::Pin(y.entity)));
    for person in [1, 2] {
        let held = select(&people, person).held;
        assert_eq!(held.len(), 1, "each holds the other's");
        assert_eq!(held[0].reason, Reason::Conflict(vec![conflict.id]));
    }
    // Whoever mends it brings both sides along.
    people.write(2, |scene| scene.define(text("i0w1"), &[x.entity]));
    people.applied(2, 4, &[&update("i0w1", &[&y])]);
    settle(&mut people);
    for person in [1, 2] {
        assert_eq!((conflicts(&people, person), select(&people, person).held), (Vec::new(), Vec::new()));
    }
    assert_eq!(people.of(1).fingerprint, people.of(2).fingerprint);
}

#[test]
fn what_shows_no_difference_or_fits_either_way_is_no_conflict() {
    for (changed, y) in [("i0w-b", "i0w0"), ("i1w-", "i0w-"), ("i1w-", "i0w1")] {
        let Begun { people, .. } = begun(changed, y);
        assert_eq!(kinds(&conflicts(&people, 1)), [], "{changed} {y}");
        assert_eq!(people.of(1).fingerprint, people.of(2).fingerprint);
    }
}

#[test]
fn what_somebody_accepted_is_caught_up_with_in_silence() {
    let mut people = People::new(2);
    let x = create("A.x", "i0w-");
    let y = create("A.y", "i0w0");
    people.write(1, |scene| scene.define(text("i0w0"), &[x.entity]));
    people.applied(1, 1, &[&x, &y]);
    settle(&mut people);
    // Person 1 knows of `A.y` and breaks it.
    people.applied(1, 2, &[&update("i1w-", &[&x])]);
    settle(&mut people);
    assert_eq!((conflicts(&people, 2), select(&people, 2).held), (Vec::new(), Vec::new()));
    assert_eq!(people.of(1).fingerprint, people.of(2).fingerprint);
}

#[test]
fn of_several_changes_the_one_is_blamed_that_breaks() {
    let mut people = People::new(2);
    let (x, z) = (create("A.x", "i0w-"), create("A.z", "i0w-b"));
    people.applied(1, 1, &[&x, &z]);
    settle(&mut people);
    // Two steps, of which the second one breaks; and another dependency that shows the same.
    let step = update("i0w-c", &[&x]);
    people.applied(1, 2, &[&step]);
    people.applied(1, 3, &[&update("i1w-", &[&step])]);
    people.applied(1, 4, &[&update("i0w-d", &[&z])]);
    people.write(2, |scene| scene.define(text("i0w0"), &[x.entity, z.entity]));
    let y = create("A.y", "i0w0");
    people.applied(2, 5, &[&y]);
    settle(&mut people);
    let listed = conflicts(&people, 1);
    assert_eq!(listed, conflicts(&people, 2));
    assert_eq!((listed.len(), listed[0].entities.as_slice()), (1, &[x.entity, y.entity][..]));
    assert_eq!(listed[0].ancestor.as_ref().map(|head| head.op), Some(step.id()), "the last one that both have");
}

#[test]
fn it_stands_beside_conflicts_of_registers() {
    // Beside an edit of the user, a deletion of it, a deprecation of it, and an edit of the dependency.
    for other in [ConflictKind::Content, ConflictKind::DeleteEdit, ConflictKind::DeprecationEdit] {
        let Begun { mut people, x, y, .. } = begun("i1w-", "i0w0");
        // What person 2 holds is mended there by nobody; a third thing is edited on both sides.
        let third = create("B.z", "i0w-");
        people.applied(1, 5, &[&third]);
        settle(&mut people);
        let edit = update("i0w-e", &[&third]);
        people.applied(1, 6, &[&edit]);
        match other {
            ConflictKind::Content => people.applied(2, 7, &[&update("i0w-f", &[&third])]),
            ConflictKind::DeleteEdit => people.applied(2, 7, &[&delete(&[&third], &[&third])]),
            _ => people.applied(2, 7, &[&deprecate(&third, "old", &[&third])]),
        };
        settle(&mut people);
        let listed = conflicts(&people, 1);
        assert_eq!(listed, conflicts(&people, 2));
        assert_eq!(kinds(&listed).len(), 2, "{listed:?}");
        assert!(kinds(&listed).contains(&other) && kinds(&listed).contains(&ConflictKind::DependencyBreaking));
        let meant = listed.iter().find(|conflict| conflict.kind == ConflictKind::DependencyBreaking).unwrap();
        assert_eq!(meant.entities, [x.entity, y.entity]);
    }
}

#[test]
fn a_dependency_on_which_people_disagree_is_that_conflict_only() {
    let Begun { mut people, x, .. } = begun("i1w-", "i0w0");
    people.applied(2, 6, &[&update("i2w-", &[&x])]);
    settle(&mut people);
    for person in [1, 2] {
        assert_eq!(kinds(&conflicts(&people, person)), [ConflictKind::Content]);
    }
}
