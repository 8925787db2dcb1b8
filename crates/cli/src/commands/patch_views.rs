//! `dm patch show` as an impact tree and as a timeline, and `dm blame`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use dm_engine::{Blame, ImpactNode, PatchImpact, PatchTimeline};

use super::{check, pages};
use crate::args::BlameArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, BAD, DIM, GOOD, ID, Page, WARN, styled};

/// So many lines of a tree are written out; JSON has them all.
const TREE_LINES_MAX: usize = 400;

/// `dm patch show --view impact`.
pub fn impact(context: &Context, patch: Option<&str>) -> Result<ExitCode, Failure> {
    let impact = context.read(|snapshot| snapshot.patch_impact(patch))?;
    context.answer(&impact, impact_page)
}

fn impact_page(impact: &PatchImpact, page: &mut Page) {
    page.line(pages::patch_long(&impact.patch));
    page.line(check::impact_words(impact.impact));
    page.gap();
    let mut below: BTreeMap<&str, Vec<&ImpactNode>> = BTreeMap::new();
    for node in &impact.definitions {
        below.entry(node.through.as_deref().unwrap_or_default()).or_default().push(node);
    }
    let mut waiting: Vec<(&ImpactNode, usize)> = Vec::new();
    waiting.extend(below.get("").into_iter().flatten().rev().map(|node| (*node, 0)));
    let mut lines = 0;
    while let Some((node, depth)) = waiting.pop() {
        if lines == TREE_LINES_MAX {
            let more = impact.definitions.len() - lines;
            page.line(styled(DIM, &format!("… and {more} more (--json lists all)")));
            break;
        }
        lines += 1;
        page.line(format!("{}{}", "  ".repeat(depth), impact_line(node)));
        let next = below.get(node.entity.as_str()).into_iter().flatten().rev();
        waiting.extend(next.map(|node| (*node, depth + 1)));
    }
    if !impact.problems.is_empty() {
        page.gap();
    }
    check::problems(&impact.problems, page);
}

fn impact_line(node: &ImpactNode) -> String {
    let kind = node.kind.as_deref().map(|kind| format!("{kind} ")).unwrap_or_default();
    match node.effect.as_str() {
        "changed" => format!("{} {kind}{}", styled(WARN, &node.changes.join(", ")), node.location),
        "breaks" => format!("{kind}{} {}", node.location, styled(BAD, "(no longer fits)")),
        "rechecked" => format!("{kind}{} {}", node.location, styled(GOOD, "(sees the change, and fits)")),
        _ => format!("{kind}{}", node.location),
    }
}

/// `dm patch show --view timeline`.
pub fn timeline(context: &Context, patch: Option<&str>) -> Result<ExitCode, Failure> {
    let timeline = context.read(|snapshot| snapshot.patch_timeline(patch))?;
    context.answer(&timeline, timeline_page)
}

fn timeline_page(timeline: &PatchTimeline, page: &mut Page) {
    page.line(pages::patch_long(&timeline.patch));
    page.gap();
    for event in &timeline.events {
        let revision = event.revision.as_deref().map(short).map(|short| format!(" revision {}", styled(ID, &short)));
        let words = if event.words.is_empty() { String::new() } else { format!(": {}", event.words) };
        let by = styled(DIM, &format!("({})", event.by));
        let (time, what) = (output::time(event.at), &event.what);
        page.line(format!("{time} {what}{} {by}{words}", revision.unwrap_or_default()));
    }
}

fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

/// `dm blame`.
pub fn blame(context: &Context, args: &BlameArgs) -> Result<ExitCode, Failure> {
    let blame = context.read(|snapshot| snapshot.blame(&args.name))?;
    context.answer(&blame, blame_page)
}

fn blame_page(blame: &Blame, page: &mut Page) {
    page.line(styled(DIM, &format!("// {} {}", blame.entry.kind, blame.entry.location)));
    let of = |id: &str| blame.patches.iter().find(|patch| patch.id == id);
    let author = |id: &str| of(id).map(|patch| patch.author.chars().take(12).collect()).unwrap_or_else(String::new);
    let wide = blame.patches.iter().map(|patch| patch.author.chars().take(12).count()).max().unwrap_or_default();
    let last = blame.parts.last().map_or(0, |part| part.first + part.lines.len() as u64);
    let digits = last.to_string().len();
    for part in &blame.parts {
        let patch = part.patch.as_deref().and_then(of);
        let short = patch.map_or("", |patch| patch.short.as_str());
        let author = part.patch.as_deref().map(author).unwrap_or_default();
        for (number, line) in (part.first..).zip(&part.lines) {
            let row = format!("{} {author:wide$} {number:digits$} | {line}", styled(ID, &format!("{short:6}")));
            page.line(row.trim_end());
        }
    }
    page.gap();
    for patch in &blame.patches {
        page.line(pages::patch_long(patch));
    }
}
