//! `dm import`, `dm export`.

use std::process::ExitCode;

use dm_engine::{ExportRequest, ImportReport, ImportRequest, KindCounts};

use super::{pages, write};
use crate::args::{ExportArgs, ImportArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, DIM, Page, WARN, styled};
use crate::settings;

/// `dm import`.
pub fn import(context: &Context, args: &ImportArgs) -> Result<ExitCode, Failure> {
    // Without a store nothing is read: that it is missing is the news.
    settings::store_folder(context.global.store.as_deref())?;
    let sources = dm_engine::read_sources(&args.path, args.all)?;
    let report = write::with_intent(context, &args.writing, |transaction, intent| {
        transaction.import(&ImportRequest {
            sources: &sources,
            intent: intent.map(str::to_owned),
            single: args.single,
            draft: args.draft,
            prune: args.prune,
            overwrite: args.overwrite,
        })
    })?;
    let code = context.answer(&report, import_page)?;
    Ok(if args.strict && !report.unresolved.is_empty() { ExitCode::from(1) } else { code })
}

fn kinds(counts: KindCounts) -> String {
    let KindCounts { functions, types, values, tests } = counts;
    let parts = [(functions, "function"), (types, "type"), (values, "value"), (tests, "test")];
    let parts: Vec<String> =
        parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, noun)| output::count(n, noun)).collect();
    let all = output::count(functions + types + values + tests, "definition");
    if parts.is_empty() { all } else { format!("{all} ({})", parts.join(", ")) }
}

fn import_page(report: &ImportReport, page: &mut Page) {
    for skipped in &report.skipped {
        page.line(format!("skipped {}: {}", skipped.path, skipped.reason));
    }
    for location in &report.gone {
        page.line(format!("gone there: {location}"));
    }
    if !report.gone.is_empty() && !report.changes.iter().any(|change| change.change == "delete") {
        page.line("what is gone there stays here; --prune deletes it");
    }
    for location in &report.kept {
        page.line(format!("changed here, stays: {location}"));
    }
    pages::warnings(&report.unresolved, page);
    page.line(format!("read {}, {}", output::count(report.files, "file"), kinds(report.definitions)));
    let changes: Vec<String> =
        report.changes.iter().map(|change| format!("{} {}", change.count, change.change)).collect();
    if report.patches.is_empty() {
        page.line("nothing changed");
        return;
    }
    page.line(format!("changes: {}", changes.join(", ")));
    pages::listed("  ", report.patches.iter().map(pages::patch_line), "--json", page);
    let patches = output::count(report.patches.len() as u64, "patch");
    match (report.dry_run, report.applied) {
        (true, _) => page.line(format!("{patches} would be made; nothing was written")),
        (false, true) => page.line(format!("{patches} made and applied to main as one group")),
        (false, false) => page.line(format!("{patches} made; `dm patch apply` puts one into main")),
    }
    if !report.unresolved.is_empty() {
        page.line(format!("{} {}", styled(WARN, "warning:"), pages::warning_count(&report.unresolved)));
    }
}

/// `dm export`.
pub fn export(context: &Context, args: &ExportArgs) -> Result<ExitCode, Failure> {
    let request = ExportRequest { folder: args.path.clone(), module: args.module.clone(), force: args.force };
    let report = context.write_anywhere(args.dry_run, |transaction| transaction.export(&request))?;
    context.answer(&report, |report, page| {
        let wrote = if report.dry_run { "would write" } else { "wrote" };
        let files = output::count(report.written.len() as u64, "file");
        page.line(format!("{wrote} {files}, {} in all, to {}", kinds(report.definitions), report.path));
        if report.unchanged > 0 {
            let were = if report.unchanged == 1 { "it was" } else { "they were" };
            page.line(styled(DIM, &format!("{} as {were}", output::count(report.unchanged, "file"))));
        }
    })
}
