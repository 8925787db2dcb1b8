//! Who wrote which part of a definition.
//!
//! Each version of a definition names the versions that it was made from. A line that stands unchanged in one of those (by a
//! line diff) was not written by the version; so lines go back version by version until one has it from nowhere. That is what
//! `git blame` does with commits; here it follows the definition through renames and moves, because these are not edits of it.

use std::collections::{BTreeMap, BTreeSet};

use dm_model::{DefHash, OpId, Register, Value};
use similar::{DiffTag, TextDiff};

use crate::error::EngineError;
use crate::look::Look;
use crate::report::{Blame, BlamePart, PatchSummary};
use crate::snapshot::Snapshot;

/// A version is left at most so often; more would need a history that goes in circles.
const VERSIONS_MAX: usize = 100_000;

impl Snapshot<'_> {
    /// The lines of a definition, each with the op and the patch that wrote it.
    ///
    /// # Errors
    /// If there is no such definition.
    pub fn blame(&self, name: &str) -> Result<Blame, EngineError> {
        let look = self.look()?;
        let found = look.find(name)?;
        let shown = look.text_of(&found)?;
        let heads = look.view.shown(&found.entity, Register::Content)?;
        let stored = look.definition(&found.content)?.text;
        let writers = match heads.first() {
            Some(head) => writers(&look, head.op, found.content, stored.lines().count())?,
            None => Vec::new(),
        };
        let mut parts: Vec<BlamePart> = Vec::new();
        let mut patches: BTreeMap<String, PatchSummary> = BTreeMap::new();
        // Rendering spells names anew and moves no line.
        for (at, (line, writer)) in shown.lines().zip(&writers).enumerate() {
            let op = writer.to_string();
            if let Some(part) = parts.last_mut().filter(|part| part.op == op) {
                part.lines.push(line.to_owned());
                continue;
            }
            let patch = self.writer(&look, writer)?;
            let id = patch.as_ref().map(|patch| patch.id.clone());
            patches.extend(patch.map(|patch| (patch.id.clone(), patch)));
            parts.push(BlamePart { first: at as u64 + 1, lines: vec![line.to_owned()], op, patch: id });
        }
        let mut patches: Vec<PatchSummary> = patches.into_values().collect();
        patches.sort_by(|left, right| (right.updated_at, &right.id).cmp(&(left.updated_at, &left.id)));
        Ok(Blame { entry: look.entry(&found)?, parts, patches })
    }
}

/// The op that wrote each line of a version.
fn writers(look: &Look<'_>, tip: OpId, content: DefHash, lines: usize) -> Result<Vec<OpId>, EngineError> {
    let mut writers = vec![tip; lines];
    // The lines of the tip that each version has still to answer for, and where they stand in it.
    let mut waiting = vec![(tip, content, (0..lines).map(|line| (line, line)).collect::<BTreeMap<usize, usize>>())];
    let mut steps = 0;
    while let Some((op, content, mut open)) = waiting.pop() {
        steps += 1;
        let mut parents = BTreeSet::new();
        if let Some(op) = look.view.op(&op)? {
            parents.extend(op.supersedes.iter().copied());
        }
        for parent in parents {
            if open.is_empty() || steps > VERSIONS_MAX {
                break;
            }
            let Some(Value::Content(before)) = look.view.op(&parent)?.and_then(|op| op.action.value(Register::Content))
            else {
                continue;
            };
            let kept = kept(look, before, content, &open)?;
            for line in kept.keys() {
                open.remove(line);
            }
            if !kept.is_empty() {
                waiting.push((parent, before, kept));
            }
        }
        for line in open.keys() {
            if let Some(writer) = writers.get_mut(*line) {
                *writer = op;
            }
        }
    }
    Ok(writers)
}

/// Those of the open lines that an earlier version has too, and where they stand in it.
fn kept(
    look: &Look<'_>,
    before: DefHash,
    after: DefHash,
    open: &BTreeMap<usize, usize>,
) -> Result<BTreeMap<usize, usize>, EngineError> {
    if before == after {
        return Ok(open.clone());
    }
    // A version whose text has left the store answers for nothing.
    let (Some(before), Some(after)) = (look.tx.definition(&before)?, look.tx.definition(&after)?) else {
        return Ok(BTreeMap::new());
    };
    let mut stood = BTreeMap::new();
    // The last line is the same whether or not another one follows it.
    let (before, after) = (format!("{}\n", before.text), format!("{}\n", after.text));
    for op in TextDiff::from_lines(&before, &after).ops() {
        if op.tag() == DiffTag::Equal {
            stood.extend(op.new_range().zip(op.old_range()));
        }
    }
    let kept = open.iter().filter_map(|(line, at)| Some((*line, *stood.get(at)?)));
    Ok(kept.collect())
}
