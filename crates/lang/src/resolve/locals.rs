//! The local names that are in force at each place of a declaration.

/// A local name and where it is in force.
#[derive(Debug, Clone, Copy)]
struct Local<'t> {
    name: &'t str,
    from: u32,
    to: u32,
    certainty: Certainty,
}

/// Whether a local name hides a definition of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    /// It hides everything.
    Bound,
    /// It is meant only if the view has no such name: a local function inside its own value.
    IfNothingElse,
}

/// Local names, innermost last. The walk goes forward through the text, and names are bound by nested stretches of it.
#[derive(Debug, Default)]
pub(super) struct Locals<'t> {
    stack: Vec<Local<'t>>,
}

impl<'t> Locals<'t> {
    /// Binds a name from one place to another.
    pub(super) fn bind(&mut self, name: &'t str, from: u32, to: u32, certainty: Certainty) {
        if !name.is_empty() {
            self.stack.push(Local { name, from, to, certainty });
        }
    }

    /// Forgets what ends at or before a place; nothing before it is asked for any more.
    pub(super) fn advance(&mut self, at: u32) {
        while self.stack.last().is_some_and(|local| local.to <= at) {
            self.stack.pop();
        }
    }

    /// Whether a name is local at a place; certain bindings go before the others.
    pub(super) fn at(&self, name: &str, place: u32) -> Option<Certainty> {
        let mut weak = None;
        for local in self.stack.iter().rev() {
            if local.name == name && local.from <= place && place < local.to {
                match local.certainty {
                    Certainty::Bound => return Some(Certainty::Bound),
                    Certainty::IfNothingElse => weak = Some(Certainty::IfNothingElse),
                }
            }
        }
        weak
    }
}
