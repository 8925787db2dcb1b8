//! Taking in what someone made of a rendering.

use std::collections::BTreeMap;
use std::ops::Range;

use dm_model::{Definition, EntityId, Location, Reference, Target};
use dm_syntax::{Mode, parse};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::{Rendering, Respelled, apply, says_the_same, slice, span_of};
use crate::resolve::{Bindings, NameProblem, ResolveError, resolve_text};
use crate::scope::Scope;
use crate::spelling;

/// Between the first and the last change, so many tokens are compared one by one; where there are more, all count as
/// changed. Keeps the time for one save bounded.
const COMPARED_TOKENS_MAX: usize = 20_000;

/// What a save of a rendering comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Nothing is to be written.
    Unchanged,
    /// A new definition.
    Changed {
        /// It, with stored spellings where the rendering was left alone.
        definition: Definition,
        /// Names that do not mean exactly one thing; spans are in the edited text.
        problems: Vec<NameProblem>,
    },
}

/// What `edited` is, made from the `rendering` of `base` as it stands at `location`: the text of exactly one declaration, as
/// [`crate::extract`](mod@crate::extract) cuts it.
///
/// Names keep what they meant in the rendering where the view gives nothing better (SEMANTICS R27); `asked` are meanings
/// that a person gave for spellings.
///
/// # Errors
/// If `edited` is not exactly one declaration without syntax errors.
pub fn resolve_edit<S: Scope + ?Sized>(
    base: &Definition,
    rendering: &Rendering<'_>,
    edited: &str,
    location: &Location,
    asked: &BTreeMap<String, EntityId>,
    scope: &S,
) -> Result<Edit, ResolveError> {
    if edited == rendering.text && rendering.overtaken.is_empty() {
        return Ok(Edit::Unchanged);
    }
    let mut bindings = Bindings::default();
    for reference in &base.references {
        if let Target::Entity(entity) = reference.target {
            let shown = rendering.shown_span(span_of(reference));
            bindings.keep(&spelling::of_span(slice(&rendering.text, &shown)), entity);
        }
    }
    let (kind, mut resolved) = resolve_text(edited, location, &bindings.with_asked(asked), scope)?;
    let same = Unchanged::between(&rendering.text, edited);
    for &at in rendering.unfaithful.iter().filter(|at| !rendering.overtaken.contains(at)) {
        let Some(reference) = base.references.get(at) else { continue };
        let Some(span) = same.find(&rendering.shown_span(span_of(reference))) else { continue };
        if let Some(now) = resolved.references.iter_mut().find(|now| span_of(now) == span) {
            now.target = reference.target.clone();
            resolved.problems.retain(|problem| problem.start != span.start);
        }
    }
    let restored = restore(base, rendering, edited, &same, &resolved.references);
    let (text, references) = restored.unwrap_or_else(|| (edited.to_owned(), resolved.references));
    let definition = Definition { kind, text, references };
    if definition == *base {
        return Ok(Edit::Unchanged);
    }
    Ok(Edit::Changed { definition, problems: resolved.problems })
}

/// The edited text with the stored spelling of what was left alone, and the references in it. `None` if nothing is to be
/// put back, or if the result would say something else.
fn restore(
    base: &Definition,
    rendering: &Rendering<'_>,
    edited: &str,
    same: &Unchanged,
    references: &[Reference],
) -> Option<(String, Vec<Reference>)> {
    let means = |span: &Range<u32>| references.iter().find(|reference| span_of(reference) == *span).map(|r| &r.target);
    let meant = |span: &Range<u32>| base.references.iter().find(|r| span_of(r) == *span).map(|r| &r.target);
    let mut changes = Vec::new();
    for Respelled { stored, shown } in &rendering.respelled {
        if let Some(now) = same.find(shown)
            && means(&now) == meant(stored)
        {
            changes.push((now, slice(&base.text, stored).to_owned()));
        }
    }
    if changes.is_empty() {
        return None;
    }
    let (text, respelled) = apply(edited, &changes);
    if !says_the_same(edited, &text, &respelled) {
        return None;
    }
    let map = Rendering { text: text.as_str().into(), respelled, unfaithful: Vec::new(), overtaken: Vec::new() };
    let moved = references.iter().map(|reference| {
        let span = map.shown_span(span_of(reference));
        Reference { start: span.start, length: span.end - span.start, ..reference.clone() }
    });
    let moved = moved.collect();
    Some((text, moved))
}

/// The stretches of a text that are the same in another, token by token.
struct Unchanged {
    /// (start before, start after, length), ascending.
    runs: Vec<(u32, u32, u32)>,
}

impl Unchanged {
    fn between(before: &str, after: &str) -> Self {
        let (parsed_before, parsed_after) = (parse(before, Mode::Package), parse(after, Mode::Package));
        let old: Vec<&str> = parsed_before.tree.root().descendant_tokens().map(|token| token.text()).collect();
        let new: Vec<&str> = parsed_after.tree.root().descendant_tokens().map(|token| token.text()).collect();
        let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let tail = old.iter().skip(head).rev().zip(new.iter().skip(head).rev()).take_while(|(a, b)| a == b).count();
        let mut unchanged = Self { runs: Vec::new() };
        let (old_ends, new_ends) = (ends(&old), ends(&new));
        unchanged.push(&old_ends, &new_ends, 0, 0, head);
        let old_middle = old.get(head..old.len() - tail).unwrap_or_default();
        let new_middle = new.get(head..new.len() - tail).unwrap_or_default();
        if old_middle.len() + new_middle.len() <= COMPARED_TOKENS_MAX {
            for op in capture_diff_slices(Algorithm::Myers, old_middle, new_middle) {
                if let DiffOp::Equal { old_index, new_index, len } = op {
                    unchanged.push(&old_ends, &new_ends, head + old_index, head + new_index, len);
                }
            }
        }
        unchanged.push(&old_ends, &new_ends, old.len() - tail, new.len() - tail, tail);
        unchanged
    }

    fn push(&mut self, old_ends: &[u32], new_ends: &[u32], old: usize, new: usize, tokens: usize) {
        let at = |ends: &[u32], token: usize| ends.get(token).copied().unwrap_or_default();
        let (start, end) = (at(old_ends, old), at(old_ends, old + tokens));
        if end > start {
            self.runs.push((start, at(new_ends, new), end - start));
        }
    }

    /// Where a span of the text before is in the text after, if it is there as it was.
    fn find(&self, span: &Range<u32>) -> Option<Range<u32>> {
        let at = self.runs.partition_point(|run| run.0 <= span.start).checked_sub(1)?;
        let &(before, after, length) = self.runs.get(at)?;
        (span.end <= before + length).then(|| after + (span.start - before)..after + (span.end - before))
    }
}

/// Where each token begins, and where the last one ends.
fn ends(tokens: &[&str]) -> Vec<u32> {
    let mut at = 0_usize;
    let mut ends = vec![0];
    for token in tokens {
        at += token.len();
        ends.push(u32::try_from(at).unwrap_or(u32::MAX));
    }
    ends
}
