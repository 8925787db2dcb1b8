//! `dm patch`.

use std::path::Path;
use std::process::ExitCode;

use dm_engine::{ApplyReport, PatchShown, PatchSummary};

use super::{check, exchange, pages, patch_views, write};
use crate::args::{PatchCommand, PatchExportArgs, PatchView, PatchWrite};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, DIM, Page, WARN, styled};

/// `dm patch …`.
pub fn patch(context: &Context, command: PatchCommand) -> Result<ExitCode, Failure> {
    match command {
        PatchCommand::New { intent, space, dry_run } => {
            let patch = context.write(dry_run, |transaction| {
                transaction.in_space(space.as_deref())?;
                transaction.new_patch(&intent)
            })?;
            one_patch(context, dry_run, &patch)
        }
        PatchCommand::List { all } => {
            let patches = context.read(|snapshot| snapshot.patches(all))?;
            context.answer(&patches, |patches, page| {
                if patches.is_empty() {
                    output::say(if all { "no patches yet" } else { "no open patches; --all lists applied ones too" });
                }
                for patch in patches {
                    page.line(pages::patch_long(patch));
                    if let Some(reason) = &patch.held {
                        page.line(format!("  held: {reason}"));
                    }
                }
            })
        }
        PatchCommand::Show { patch, view: PatchView::Impact } => patch_views::impact(context, patch.as_deref()),
        PatchCommand::Show { patch, view: PatchView::Timeline } => patch_views::timeline(context, patch.as_deref()),
        PatchCommand::Show { patch, view } => {
            let shown = context.read(|snapshot| snapshot.patch(patch.as_deref()))?;
            context.answer(&shown, |shown, page| patch_page(shown, view, page))
        }
        PatchCommand::Focus { patch, dry_run } => {
            let patch = context.write(dry_run, |transaction| transaction.focus(&patch))?;
            one_patch(context, dry_run, &patch)
        }
        PatchCommand::Export(args) => export(context, &args),
        PatchCommand::Import { file, apply, dry_run } => import(context, &file, apply, dry_run),
        PatchCommand::Ready(PatchWrite { patch, dry_run }) => {
            let patch = context.write(dry_run, |transaction| transaction.ready(patch.as_deref()))?;
            one_patch(context, dry_run, &patch)
        }
        PatchCommand::Draft(PatchWrite { patch, dry_run }) => {
            let patch = context.write(dry_run, |transaction| transaction.draft(patch.as_deref()))?;
            one_patch(context, dry_run, &patch)
        }
        PatchCommand::Apply { patch: PatchWrite { patch, dry_run }, force } => {
            let report = context.write(dry_run, |transaction| transaction.apply(patch.as_deref(), force))?;
            context.answer(&report, apply_page)
        }
    }
}

fn export(context: &Context, args: &PatchExportArgs) -> Result<ExitCode, Failure> {
    let mut report = context.read(|snapshot| snapshot.patch_file(&args.patches, args.with_needs))?;
    if let Some(path) = &args.output {
        report.path = Some(path.display().to_string());
        if !args.dry_run {
            std::fs::write(path, &report.text)
                .map_err(|error| Failure::unable(format!("{}: {error}", path.display())))?;
        }
    }
    context.answer(&report, |report, page| {
        let Some(path) = &report.path else { return page.block(&report.text) };
        let words = if args.dry_run { "would write" } else { "wrote" };
        page.line(format!("{words} {} to {path}", output::count(report.patches.len() as u64, "patch")));
        if report.needs > 0 {
            page.line("they need patches that are not in it; --with-needs takes those along");
        }
    })
}

fn import(context: &Context, file: &Path, apply: bool, dry_run: bool) -> Result<ExitCode, Failure> {
    let text = write::read_text(file, dm_engine::PATCH_FILE_BYTES_MAX)?.text;
    let report = context.write(dry_run, |transaction| match apply {
        true => transaction.apply_patch_file(&text),
        false => transaction.import_patch_file(&text),
    })?;
    context.answer(&report, |report, page| {
        exchange::keys_page(&report.new_keys, report.dry_run, page);
        if let Some(applied) = &report.applied {
            return apply_page(applied, page);
        }
        for patch in &report.patches {
            page.line(pages::patch_long(patch));
        }
        match (report.fresh, report.dry_run) {
            (0, _) => page.line("all of it was here already"),
            (_, true) => page.line("nothing was written"),
            (_, false) => page.line("`dm patch show ID` shows one, `dm patch apply ID` puts it into main"),
        }
        for patch in &report.waits_for {
            page.line(format!("{} for patch {patch}", styled(WARN, "waits")));
        }
    })
}

fn one_patch(context: &Context, dry_run: bool, patch: &PatchSummary) -> Result<ExitCode, Failure> {
    context.answer_write(dry_run, patch, |patch, page| page.line(pages::patch_line(patch)))
}

fn patch_page(shown: &PatchShown, view: PatchView, page: &mut Page) {
    page.line(pages::patch_long(&shown.patch));
    if let Some(reason) = &shown.patch.held {
        page.line(format!("held: {reason}"));
    }
    if let Some(body) = &shown.patch.body {
        page.gap();
        for row in body.lines() {
            page.line(if row.is_empty() { String::new() } else { format!("  {row}") });
        }
        page.gap();
    }
    for needed in &shown.needs {
        page.line(format!("needs {}", pages::patch_line(needed)));
    }
    page.gap();
    match view {
        PatchView::Ops => {
            for op in &shown.ops {
                let id: String = op.id.as_deref().unwrap_or("").chars().take(12).collect();
                page.line(format!(
                    "{} {} {} {}",
                    styled(DIM, &format!("{id:12}")),
                    op.op,
                    op.location,
                    styled(DIM, &op.value)
                ));
            }
        }
        _ => {
            for definition in &shown.definitions {
                pages::definition_diff(definition, page);
            }
        }
    }
}

fn apply_page(report: &ApplyReport, page: &mut Page) {
    for patch in &report.applied {
        page.line(pages::patch_line(patch));
    }
    for overridden in &report.overridden {
        page.line(format!("overrides {overridden}"));
    }
    check::problems(&report.errors, page);
    for settled in &report.settled {
        page.line(format!("settles {settled}"));
    }
    let patches = output::count(report.applied.len() as u64, "patch");
    if report.dry_run {
        page.line(format!("{patches} would go into main; nothing was written"));
    } else {
        page.line(format!("{patches} in main; view {}", styled(DIM, &report.view_fingerprint)));
    }
}
