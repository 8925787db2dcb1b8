//! Which functions and values the runtime brings: what `Builtin.name` can mean.
//!
//! Deliberately absent: their types and behaviour, which are the runtime's.

mod table;

use table::BUILTINS;

/// The builtin of that name and version, if there is one; the name comes back with a lifetime of its own.
#[must_use]
pub fn builtin(name: &str, version: u32) -> Option<(&'static str, u32)> {
    let at = BUILTINS.binary_search_by(|&(other, v)| other.cmp(name).then(v.cmp(&version))).ok()?;
    BUILTINS.get(at).copied()
}

/// Every builtin name, ascending.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|&(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_found() {
        assert!(BUILTINS.is_sorted_by(|a, b| a < b));
        assert_eq!(builtin("int64Add", 0), Some(("int64Add", 0)));
        assert_eq!(builtin("int64Add", 1), None);
        assert_eq!(builtin("", 0), None);
        assert_eq!(builtin_names().count(), 739);
    }
}
