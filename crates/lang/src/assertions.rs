//! Names of tests: what a new one is called, and which stored one an imported one is.
//!
//! A test has no name of its own. It gets one at birth, from its `///` row or its text, and keeps it through edits; an import
//! finds it again by equal text, then by name, then by order among those of its module that are left.

use std::collections::BTreeSet;

use dm_model::{Definition, EntityId, Kind, Location};

use crate::extract::Declaration;

/// Names made from a `///` row are cut at this many characters.
pub const TEST_NAME_CHARS_MAX: usize = 60;

/// A test that the view has, with its text as rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredTest<'a> {
    /// The entity.
    pub entity: EntityId,
    /// Its name, without the module.
    pub name: &'a str,
    /// Its rendered text.
    pub text: &'a str,
}

/// What a test is to be called, before clashes: its `///` row as an identifier, else `test_` and 8 hex digits of its text.
#[must_use]
pub fn proposed_name(doc_row: Option<&str>, text: &str) -> String {
    let telling = doc_row.filter(|row| row.bytes().any(|b| b.is_ascii_alphanumeric()));
    telling.map(identifier).unwrap_or_else(|| {
        let definition = Definition { kind: Kind::Test, text: text.to_owned(), references: Vec::new() };
        format!("test_{}", definition.hash().short())
    })
}

fn identifier(row: &str) -> String {
    let mut name: String =
        row.trim().chars().take(TEST_NAME_CHARS_MAX).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    match name.bytes().next() {
        Some(b'A'..=b'Z') => {
            let first = name.remove(0).to_ascii_lowercase();
            name.insert(0, first);
        }
        Some(b'a'..=b'z') | None => {}
        // A digit or `_` cannot begin a name.
        Some(_) => {
            name.insert_str(0, "test_");
            name.truncate(TEST_NAME_CHARS_MAX);
        }
    }
    name
}

/// Which stored test each new one is, by index into `stored`; `None` for one that is new. `new` are the tests of one
/// module as (proposed name, text), in order; `stored` those of the same module, in their order.
#[must_use]
pub fn pair_tests(stored: &[StoredTest<'_>], new: &[(&str, &str)]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; new.len()];
    let mut left: Vec<bool> = vec![true; stored.len()];
    let mut pass = |same: &dyn Fn(&StoredTest<'_>, &(&str, &str)) -> bool| {
        let mut from = 0;
        for (pair, test) in pairs.iter_mut().zip(new).filter(|(pair, _)| pair.is_none()) {
            let fits =
                |(at, old): &(usize, &StoredTest<'_>)| left.get(*at).copied().unwrap_or(false) && same(old, test);
            let Some((at, _)) = stored.iter().enumerate().skip(from).find(fits) else { continue };
            *pair = Some(at);
            if let Some(free) = left.get_mut(at) {
                *free = false;
            }
            // Stored tests in front of the first free one need no second look.
            while left.get(from) == Some(&false) {
                from += 1;
            }
        }
    };
    pass(&|old, (_, text)| old.text == *text);
    pass(&|old, (name, _)| old.name == *name);
    pass(&|old, (name, _)| stem(old.name) == Some(name));
    pass(&|_, _| true);
    pairs
}

/// A name without the number that a clash gave it.
fn stem(name: &str) -> Option<&str> {
    let (stem, digits) = name.rsplit_once('_')?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(stem)
}

/// Settles the names of the tests among a module's declarations: pairs them with the stored tests of that module, whose
/// names they take, and gives the others names that are free. Answers for each test, in order, its index among the
/// declarations and the stored entity that it is.
///
/// `taken` says whether a location is held by anything but these tests and declarations.
pub fn settle_tests(
    declarations: &mut [&mut Declaration],
    stored: &[StoredTest<'_>],
    taken: &dyn Fn(&Location) -> bool,
) -> Vec<(usize, Option<EntityId>)> {
    let tests: Vec<usize> = indices(declarations, |kind| kind == Kind::Test);
    let described: Vec<(&str, &str)> = tests
        .iter()
        .filter_map(|&at| declarations.get(at))
        .map(|declaration| (declaration.location.name(), declaration.text.as_str()))
        .collect();
    let pairs = pair_tests(stored, &described);
    let mut held: BTreeSet<Location> = indices(declarations, |kind| kind != Kind::Test)
        .into_iter()
        .filter_map(|at| declarations.get(at))
        .map(|declaration| declaration.location.clone())
        .collect();
    let mut settled = Vec::with_capacity(tests.len());
    for (&at, pair) in tests.iter().zip(&pairs) {
        let old = pair.and_then(|pair| stored.get(pair));
        if let (Some(declaration), Some(old)) = (declarations.get_mut(at), old) {
            let module = declaration.location.module_path().to_owned();
            if let Ok(location) = Location::within(&module, old.name) {
                declaration.location = location;
            }
            held.insert(declaration.location.clone());
        }
        settled.push((at, old.map(|old| old.entity)));
    }
    for &(at, entity) in &settled {
        if let (Some(declaration), None) = (declarations.get_mut(at), entity) {
            let free = free_location(&declaration.location, &|location| held.contains(location) || taken(location));
            declaration.location = free.clone();
            held.insert(free);
        }
    }
    settled
}

fn indices(declarations: &[&mut Declaration], wanted: impl Fn(Kind) -> bool) -> Vec<usize> {
    declarations.iter().enumerate().filter(|(_, declaration)| wanted(declaration.kind)).map(|(at, _)| at).collect()
}

/// The location itself, or with `_2`, `_3`.. behind its name, whichever is free first.
fn free_location(wanted: &Location, taken: &dyn Fn(&Location) -> bool) -> Location {
    let mut location = wanted.clone();
    let mut number = 2_u32;
    while taken(&location) {
        let Ok(next) = format!("{wanted}_{number}").parse() else { break };
        location = next;
        number = number.saturating_add(1);
    }
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_doc_row_or_the_text() {
        assert_eq!(proposed_name(Some("Adds up."), "x"), "adds_up_");
        assert_eq!(proposed_name(Some("2 + 2"), "x"), "test_2___2");
        assert_eq!(proposed_name(Some(&"a".repeat(80)), "x").len(), 60);
        assert_eq!(proposed_name(Some("***"), "x"), proposed_name(None, "x"));
        let hashed = proposed_name(None, "f 1 = 2");
        assert!(hashed.starts_with("test_") && hashed.len() == 13, "{hashed}");
        assert_ne!(hashed, proposed_name(None, "f 1 = 3"));
    }

    #[test]
    fn tests_are_found_again_by_text_then_name_then_order() {
        let id = |n| EntityId::from_bytes([n; 32]);
        let stored = [
            StoredTest { entity: id(1), name: "one", text: "f 1 = 1" },
            StoredTest { entity: id(2), name: "two_2", text: "f 2 = 2" },
            StoredTest { entity: id(3), name: "three", text: "f 3 = 3" },
        ];
        let pairs = pair_tests(&stored, &[("three", "f 1 = 1"), ("x", "f 9 = 9"), ("two", "f 2 = 4")]);
        assert_eq!(pairs, [Some(0), Some(2), Some(1)]);
        assert_eq!(pair_tests(&stored, &[("a", "b"); 4]), [Some(0), Some(1), Some(2), None]);
        assert_eq!(pair_tests(&[], &[("a", "b")]), [None]);
    }
}
