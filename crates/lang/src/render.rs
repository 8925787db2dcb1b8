//! A stored definition as it reads in a view (SEMANTICS R26), and back.
//!
//! The stored text keeps the names that its author wrote. Where one of them no longer gives the entity that it means, the
//! rendering shows the shortest one that does; the definition's own name is shown as its location has it. What someone
//! then makes of a rendering goes back through [`resolve_edit`], which puts the stored spelling back wherever the rendering
//! was left alone.
//!
//! Deliberately absent: differences between definitions, and any choice of layout; rows move only to keep their meaning.

mod edit;
mod rows;
mod spell;

use std::borrow::Cow;
use std::ops::Range;

use dm_model::{Definition, Location, Reference, ReferenceForm, Target};
use dm_syntax::{Mode, TextRange, parse};

use crate::lookup::Lookup;
use crate::scope::RenderScope;
use crate::{extract, shape, spelling};

pub use edit::{Edit, resolve_edit};

/// A definition as it reads in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendering<'d> {
    /// The text to show.
    pub text: Cow<'d, str>,
    /// The stretches that read otherwise than stored, ascending.
    pub respelled: Vec<Respelled>,
    /// References, by index, whose entity no spelling gives in this view (it is deleted, ambiguous or hidden): shown as
    /// stored.
    pub unfaithful: Vec<usize>,
    /// Those of them whose entity is nowhere in this view while their spelling gives another one: saved again, even as it
    /// reads, the definition means that one.
    pub overtaken: Vec<usize>,
}

/// A stretch of a rendering that reads otherwise than stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Respelled {
    /// Its bytes in the stored text.
    pub stored: Range<u32>,
    /// Its bytes in the rendering.
    pub shown: Range<u32>,
}

impl Rendering<'_> {
    /// Whether it reads as stored.
    #[must_use]
    pub fn is_verbatim(&self) -> bool {
        self.respelled.is_empty()
    }

    /// The offset in the rendering of an offset in the stored text; inside a respelled stretch, its start.
    #[must_use]
    pub fn to_shown(&self, stored: u32) -> u32 {
        self.across(stored, |respelled| (&respelled.stored, &respelled.shown))
    }

    /// The offset in the stored text of an offset in the rendering; inside a respelled stretch, its start.
    #[must_use]
    pub fn to_stored(&self, shown: u32) -> u32 {
        self.across(shown, |respelled| (&respelled.shown, &respelled.stored))
    }

    /// The bytes in the rendering of a span of the stored text that is respelled as a whole or not at all.
    #[must_use]
    pub fn shown_span(&self, stored: Range<u32>) -> Range<u32> {
        match self.respelled.iter().find(|respelled| respelled.stored == stored) {
            Some(respelled) => respelled.shown.clone(),
            None => self.to_shown(stored.start)..self.to_shown(stored.end),
        }
    }

    fn across(&self, at: u32, sides: impl Fn(&Respelled) -> (&Range<u32>, &Range<u32>)) -> u32 {
        let before = self.respelled.partition_point(|respelled| sides(respelled).0.end <= at);
        let base = before.checked_sub(1).and_then(|last| self.respelled.get(last)).map(&sides);
        if let Some((from, to)) = self.respelled.get(before).map(&sides)
            && from.contains(&at)
        {
            return to.start;
        }
        base.map_or(at, |(from, to)| to.end + (at - from.end))
    }
}

/// Renders a definition that stands at `location`.
#[must_use]
pub fn render<'d, S: RenderScope + ?Sized>(
    definition: &'d Definition,
    location: &Location,
    scope: &S,
) -> Rendering<'d> {
    let mut lookup = Lookup::new(scope, location.module_path());
    render_with(definition, location, scope, &mut lookup)
}

/// Renders many definitions, each with its location; fastest when those of a module follow each other.
#[must_use]
pub fn render_all<'d, S: RenderScope + ?Sized>(
    definitions: impl IntoIterator<Item = (&'d Definition, &'d Location)>,
    scope: &S,
) -> Vec<Rendering<'d>> {
    let mut lookup = Lookup::new(scope, "");
    let mut renderings = Vec::new();
    for (definition, location) in definitions {
        if lookup.module_path() != location.module_path() {
            lookup = Lookup::new(scope, location.module_path());
        }
        renderings.push(render_with(definition, location, scope, &mut lookup));
    }
    renderings
}

fn render_with<'d, S: RenderScope + ?Sized>(
    definition: &'d Definition,
    location: &Location,
    scope: &S,
    lookup: &mut Lookup<'_, S>,
) -> Rendering<'d> {
    let mut plan =
        Plan { definition, changes: Vec::new(), about: Vec::new(), unfaithful: Vec::new(), overtaken: Vec::new() };
    let own = spell::own_name_in(&definition.text);
    if let Some(own) = own.filter(|_| definition.kind != dm_model::Kind::Test)
        && spelling::bare(slice(&definition.text, &own)) != location.name()
    {
        plan.change(own, spelling::quote(location.name()).into_owned(), None);
    }
    let mut locals = spell::LocalNames::new(&definition.text);
    for (at, reference) in definition.references.iter().enumerate() {
        let (ReferenceForm::Path, Target::Entity(entity)) = (reference.form, &reference.target) else { continue };
        let span = span_of(reference);
        let stored = spelling::of_span(slice(&definition.text, &span));
        if spell::gives(lookup, &stored, *entity) {
            continue;
        }
        let now = scope.location_of(*entity);
        if now.is_none() && spell::gives_one(lookup, &stored) {
            plan.overtaken.push(at);
        }
        match now.and_then(|now| spell::shortest(lookup, &mut locals, &now, *entity)) {
            Some(shown) => plan.change(span, spelling::written(&shown), Some(at)),
            None => plan.unfaithful.push(at),
        }
    }
    plan.carry_out()
}

/// Changes that are to be made, checked together before they are.
struct Plan<'d> {
    definition: &'d Definition,
    /// Ascending, not overlapping.
    changes: Vec<(Range<u32>, String)>,
    /// The reference that each change is about; none for the own name.
    about: Vec<Option<usize>>,
    unfaithful: Vec<usize>,
    overtaken: Vec<usize>,
}

impl<'d> Plan<'d> {
    fn change(&mut self, span: Range<u32>, shown: String, about: Option<usize>) {
        self.changes.push((span, shown));
        self.about.push(about);
    }

    /// The rendering; one that would read otherwise than the stored text in more than names is given up.
    fn carry_out(mut self) -> Rendering<'d> {
        let text = &self.definition.text;
        if self.changes.is_empty() {
            return self.verbatim();
        }
        // The own name stands before all references but those of comments, which have none.
        self.changes.sort_by_key(|(span, _)| span.start);
        for changes in [self.changes.clone(), rows::with_rows_moved(text, &self.changes)] {
            let (shown, respelled) = apply(text, &changes);
            if says_the_same(text, &shown, &respelled) {
                let Self { unfaithful, overtaken, .. } = self;
                return Rendering { text: Cow::Owned(shown), respelled, unfaithful, overtaken };
            }
        }
        let given_up: Vec<usize> = self.about.iter().flatten().copied().collect();
        self.unfaithful.extend(given_up);
        self.unfaithful.sort_unstable();
        self.verbatim()
    }

    fn verbatim(self) -> Rendering<'d> {
        let text = Cow::Borrowed(self.definition.text.as_str());
        Rendering { text, respelled: Vec::new(), unfaithful: self.unfaithful, overtaken: self.overtaken }
    }
}

/// Whether two texts differ in nothing but the respelled stretches.
fn says_the_same(stored: &str, shown: &str, respelled: &[Respelled]) -> bool {
    let (a, b) = (parse(stored, Mode::Package), parse(shown, Mode::Package));
    let side = |pick: fn(&Respelled) -> &Range<u32>| -> Vec<TextRange> {
        respelled.iter().map(pick).map(|range| TextRange::new(range.start, range.end)).collect()
    };
    let one = extract::declaration_nodes(&b).len() == 1;
    let (in_a, in_b) = (side(|r| &r.stored), side(|r| &r.shown));
    one && a.is_clean() == b.is_clean() && shape::alike_but(a.tree.root(), &in_a, b.tree.root(), &in_b)
}

/// A text with stretches replaced, and where they are then.
pub(crate) fn apply(text: &str, changes: &[(Range<u32>, String)]) -> (String, Vec<Respelled>) {
    let mut out = String::with_capacity(text.len());
    let mut respelled = Vec::with_capacity(changes.len());
    let mut at = 0;
    let length = |out: &String| u32::try_from(out.len()).unwrap_or(u32::MAX);
    for (span, shown) in changes {
        out.push_str(slice(text, &(at..span.start)));
        let start = length(&out);
        out.push_str(shown);
        respelled.push(Respelled { stored: span.clone(), shown: start..length(&out) });
        at = span.end;
    }
    out.push_str(text.get(at as usize..).unwrap_or_default());
    (out, respelled)
}

pub(crate) fn slice<'t>(text: &'t str, span: &Range<u32>) -> &'t str {
    text.get(span.start as usize..span.end as usize).unwrap_or_default()
}

pub(crate) fn span_of(reference: &Reference) -> Range<u32> {
    reference.start..reference.end()
}
