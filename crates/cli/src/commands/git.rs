//! `dm git import`, `dm git export`.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dm_engine::{GitExportReport, GitExportRequest, GitImportReport, GitImportRequest};

use crate::args::{GitCommand, GitExportArgs, GitImportArgs};
use crate::commands::pages;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, DIM, Page, WARN, styled};

/// How many files, or commits, are listed.
const SHOWN: usize = 12;
/// How often the progress is drawn anew.
const DRAWN: Duration = Duration::from_millis(100);

/// `dm git …`.
pub fn git(context: &Context, command: GitCommand) -> Result<ExitCode, Failure> {
    match command {
        GitCommand::Import(args) => import(context, args),
        GitCommand::Export(args) => export(context, args),
    }
}

/// A line on the terminal that says how far it is; nothing where nobody watches.
struct Progress {
    shown: bool,
    drawn: Option<Instant>,
}

impl Progress {
    fn new() -> Self {
        Self { shown: std::io::stderr().is_terminal(), drawn: None }
    }

    fn tell(&mut self, done: u64, total: u64) {
        if self.shown && (done == total || self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAWN)) {
            self.drawn = Some(Instant::now());
            drop(write!(std::io::stderr(), "\r{done} of {}", output::count(total, "commit")));
        }
    }

    fn clear(&self) {
        if self.drawn.is_some() {
            drop(write!(std::io::stderr(), "\r\x1b[K"));
        }
    }
}

fn import(context: &Context, args: GitImportArgs) -> Result<ExitCode, Failure> {
    let engine = context.engine()?;
    let GitImportArgs { repository, path, branch, all, dry_run } = args;
    let request = GitImportRequest { repository, path, branch, all, dry_run };
    let mut progress = Progress::new();
    let report = engine.git_import(&request, &mut |done, total| progress.tell(done, total));
    progress.clear();
    context.answer(&report?, import_page)
}

fn import_page(report: &GitImportReport, page: &mut Page) {
    if report.rewritten {
        page.line("the history no longer goes on from the commit that was brought in last: what it lost is taken back");
    }
    let lines = report.lagging.iter().map(|one| format!("not taken as it is now: {}: {}", one.file, one.reason));
    pages::listed("", lines, "--json", page);
    let made = output::count(report.patches, "patch");
    let outcome = if report.dry_run { "would be made; nothing was written" } else { "made and applied to main" };
    let commits = output::count(report.commits, "commit");
    page.line(format!("{commits} of {} gone through: {made} {outcome}", report.branch));
    if report.without_effect > 0 {
        let change = if report.without_effect == 1 { "changes" } else { "change" };
        page.line(format!("{} {change} no definition", output::count(report.without_effect, "commit")));
    }
    let changes: Vec<String> =
        report.changes.iter().map(|change| format!("{} {}", change.count, change.change)).collect();
    if !changes.is_empty() {
        page.line(format!("changes: {}", changes.join(", ")));
    }
    if report.texts > 0 {
        let share = percent(report.texts_taken, report.texts);
        page.line(format!(
            "taken: {} of {} of files ({share})",
            report.texts_taken,
            output::count(report.texts, "text")
        ));
    }
    let lagging = report.lagging.len() as u64;
    let now = report.files.saturating_sub(lagging);
    let share = percent(now, report.files);
    let here = &report.head.chars().take(12).collect::<String>();
    page.line(format!("at {here}: {now} of {} taken as they are ({share})", output::count(report.files, "file")));
    if report.patches > 0 {
        page.line(styled(DIM, "the patches bear their authors' names and are signed by this instance, not by them"));
    }
    if report.kept > 0 {
        page.line(format!("{} changed here and stayed", output::count(report.kept, "definition")));
    }
    if report.conflicts > 0 {
        let conflicts = output::count(report.conflicts, "conflict");
        page.line(format!("{} {conflicts} in main; `dm conflicts` lists them", styled(WARN, "warning:")));
    }
}

/// A share as people write it; all of nothing is all.
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "100 %".to_owned();
    }
    let tenths = part.saturating_mul(1000) / whole;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn export(context: &Context, args: GitExportArgs) -> Result<ExitCode, Failure> {
    let engine = context.engine()?;
    let GitExportArgs { repository, branch, dry_run } = args;
    let mut progress = Progress::new();
    let request = GitExportRequest { repository, branch, dry_run };
    let report = engine.git_export(&request, &mut |done, total| progress.tell(done, total));
    progress.clear();
    context.answer(&report?, export_page)
}

fn export_page(report: &GitExportReport, page: &mut Page) {
    let written = report.written.len();
    if written > SHOWN {
        page.line(format!("… {} before", output::count((written - SHOWN) as u64, "commit")));
    }
    for commit in report.written.iter().skip(written.saturating_sub(SHOWN)) {
        let short: String = commit.commit.chars().take(12).collect();
        page.line(format!("{} {}", styled(DIM, if short.is_empty() { "new" } else { &short }), commit.subject));
    }
    let commits = output::count(written as u64, "commit");
    let place = format!("branch {} of {}", report.branch, report.repository);
    match (report.dry_run, written) {
        (_, 0) => page.line(format!("nothing new for {place}")),
        (true, _) => page.line(format!("{commits} would be written to {place}; nothing was written")),
        (false, _) => page.line(format!("{commits} written to {place}")),
    }
    if report.there > 0 {
        let were = if report.there == 1 { "was" } else { "were" };
        page.line(styled(DIM, &format!("{} {were} there", output::count(report.there, "commit"))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_down() {
        assert_eq!(percent(0, 0), "100 %");
        assert_eq!(percent(999, 1000), "99.9 %");
        assert_eq!(percent(1999, 2000), "99.9 %");
        assert_eq!(percent(1, 3), "33.3 %");
    }
}
