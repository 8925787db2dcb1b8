//! Which functions and values the runtime brings: what `Builtin.name` can mean, and the types of it.
//!
//! Deliberately absent: what they do, which is the runtime's.

mod table;

use table::BUILTINS;

/// A function or value of the runtime. Types are written as in the language; those that packages declare are given by their
/// whole names.
#[derive(Debug, PartialEq, Eq)]
pub struct Builtin {
    /// Its name, without version.
    pub name: &'static str,
    /// Its version.
    pub version: u32,
    /// Name and type of each parameter; none if it is a value.
    pub params: &'static [(&'static str, &'static str)],
    /// The type of the result, or of the value.
    pub result: &'static str,
}

/// The builtin of that name and version, if there is one.
#[must_use]
pub fn builtin(name: &str, version: u32) -> Option<&'static Builtin> {
    let at = BUILTINS.binary_search_by(|other| other.name.cmp(name).then(other.version.cmp(&version))).ok()?;
    BUILTINS.get(at)
}

/// Every builtin name, ascending.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|builtin| builtin.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::lower_signature;

    #[test]
    fn the_table_is_sorted_readable_and_found() {
        assert!(BUILTINS.is_sorted_by(|a, b| (a.name, a.version) < (b.name, b.version)));
        assert_eq!(builtin("int64Add", 0).map(|found| found.params.len()), Some(2));
        assert_eq!(builtin("int64Add", 1), None);
        assert_eq!(builtin("", 0), None);
        assert_eq!(builtin_names().count(), 739);
        for builtin in BUILTINS {
            let signature = lower_signature(builtin).unwrap_or_else(|| panic!("{}", builtin.name));
            assert_eq!(signature.params.len(), builtin.params.len(), "{}", builtin.name);
        }
    }
}
