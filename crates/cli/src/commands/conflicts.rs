//! `dm conflicts`.

use std::process::ExitCode;

use dm_engine::{Candidate, ConflictSummary, Way};

use super::{pages, write};
use crate::args::{ConflictsCommand, ResolveWay, Writing};
use crate::context::Context;
use crate::editor;
use crate::failure::Failure;
use crate::output::{BAD, BOLD, DIM, Page, styled};

/// `dm conflicts …`.
pub fn conflicts(context: &Context, command: ConflictsCommand) -> Result<ExitCode, Failure> {
    match command {
        ConflictsCommand::List { check } => {
            let conflicts = context.read(|snapshot| snapshot.conflicts())?;
            let code = context.answer(&conflicts, |conflicts, page| {
                for conflict in conflicts {
                    page.line(pages::conflict_line(conflict));
                }
                if conflicts.is_empty() {
                    page.line("no conflicts");
                }
            })?;
            Ok(if check && !conflicts.is_empty() { ExitCode::from(1) } else { code })
        }
        ConflictsCommand::Show { conflict } => {
            let conflict = context.read(|snapshot| snapshot.conflict(&conflict))?;
            context.answer(&conflict, conflict_page)
        }
        ConflictsCommand::Resolve { conflict, way, writing } => resolve(context, &conflict, &way, &writing),
    }
}

fn resolve(context: &Context, conflict: &str, way: &ResolveWay, writing: &Writing) -> Result<ExitCode, Failure> {
    let mut typed = None;
    let way = match way {
        ResolveWay { ours: true, .. } => Way::Ours,
        ResolveWay { theirs: true, .. } => Way::Theirs,
        ResolveWay { merge: true, .. } => Way::Merge,
        ResolveWay { take: Some(candidate), .. } => Way::Take(candidate.clone()),
        ResolveWay { rename: Some(location), .. } => Way::Rename(location.clone()),
        _ => {
            let (text, folder) = edited(context, conflict)?;
            typed = Some(folder);
            Way::Text(text)
        }
    };
    let done = write::with_intent(context, writing, |transaction, intent| transaction.resolve(conflict, &way, intent));
    let report = done.map_err(|failure| match typed {
        // What was typed is never lost with the temporary folder.
        Some(folder) => failure.hint(format!("your text is kept in {}", folder.keep().join(RESOLUTION).display())),
        None => failure,
    })?;
    context.answer(&report, |report, page| {
        pages::written(report, page);
        if let (Some(patch), false) = (&report.patch, report.dry_run) {
            page.line(format!("`dm patch apply {}` puts it into main with what it settles", patch.short));
        }
    })
}

/// Name of the file in which a resolution is written by hand.
const RESOLUTION: &str = "resolution.dark";

/// The candidates go to the editor, each below a mark; what comes back is the resolution.
fn edited(context: &Context, conflict: &str) -> Result<(String, tempfile::TempDir), Failure> {
    let draft = context.read(|snapshot| snapshot.conflict_draft(conflict))?;
    let folder = tempfile::Builder::new()
        .prefix("dm-resolve-")
        .tempdir()
        .map_err(|error| Failure::unable(format!("no temporary folder: {error}")))?;
    let path = folder.path().join(RESOLUTION);
    let fail = |error: std::io::Error| Failure::unable(format!("{}: {error}", path.display()));
    std::fs::write(&path, &draft).map_err(fail)?;
    editor::edit(&path)?;
    let text = std::fs::read_to_string(&path).map_err(fail)?;
    if text == draft {
        return Err(Failure::refused("the text was not edited; nothing was written"));
    }
    Ok((text, folder))
}

fn conflict_page(conflict: &ConflictSummary, page: &mut Page) {
    page.line(pages::conflict_line(conflict));
    if let Some(ancestor) = &conflict.ancestor {
        page.gap();
        page.line(styled(BOLD, "last agreed"));
        candidate(ancestor, page);
    }
    for side in &conflict.candidates {
        page.gap();
        let whose = if side.ours { "ours" } else { "theirs" };
        page.line(styled(BOLD, &format!("candidate {} ({whose})", side.number)));
        if conflict.kind == "collision" {
            page.line(styled(DIM, &side.value));
        }
        candidate(side, page);
    }
    if !conflict.clashes.is_empty() {
        page.gap();
    }
    for clash in &conflict.clashes {
        page.line(format!("{} {}: {}", styled(BAD, "does not fit:"), clash.location, clash.message));
    }
    page.gap();
    if conflict.self_resolving {
        page.line("the sides changed different places; --merge takes both");
    }
    page.line("ways out:");
    for way in &conflict.ways {
        page.line(format!("  {way}"));
    }
}

fn candidate(side: &Candidate, page: &mut Page) {
    if let Some(patch) = &side.patch {
        page.line(format!("{} {}", pages::patch_line(patch), styled(DIM, &format!("by {}", patch.author))));
    }
    match &side.text {
        Some(text) => page.block(text),
        None => page.line(&side.value),
    }
}
