//! The verbs that only read.

use std::process::ExitCode;

use dm_engine::{Correction, Form, Listing, SearchHit, SearchQuery, SearchReport, Shown, Status};
use dm_model::Kind;

use super::pages;
use crate::args::{DiffArgs, KindArg, LogArgs, LsArgs, SearchArgs, ShowArgs, ShowForm, StatusArgs, TreeArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, BOLD, DIM, Page, WARN, styled};

/// `dm status`.
pub fn status(context: &Context, args: &StatusArgs) -> Result<ExitCode, Failure> {
    let status = context.read(|snapshot| snapshot.status())?;
    let code = context.answer(&status, status_page)?;
    let clean = status.held.is_empty() && status.conflicts.is_empty();
    Ok(if args.check && !clean { ExitCode::from(1) } else { code })
}

fn status_page(status: &Status, page: &mut Page) {
    let intent = if status.session.intent.is_empty() { String::new() } else { format!(": {}", status.session.intent) };
    page.line(format!("session {}{intent} {}", styled(BOLD, &status.session.name), styled(DIM, &status.session.state)));
    match &status.focused {
        Some(patch) => page.line(format!("patch   {}", pages::patch_line(patch))),
        None => page.line("patch   none in focus; `dm patch new INTENT` begins one"),
    }
    for patch in status.session.patches.iter().filter(|patch| patch.status == "ready" && !patch.focused) {
        page.line(format!("patch   {}", pages::patch_line(patch)));
    }
    for remote in &status.remotes {
        let synced =
            remote.last_sync_at.map_or_else(|| "never synced".to_owned(), |at| format!("synced {}", output::time(at)));
        let waiting = match remote.waiting {
            0 => "nothing waits to be pushed".to_owned(),
            n => format!("{} to be pushed", output::count(n, "envelope")),
        };
        let spaces = pages::spaces_of(remote);
        page.line(format!("remote  {} {}; {synced}; {waiting}{spaces}", remote.name, styled(DIM, &remote.url)));
    }
    let definitions = output::count(status.definitions, "definition");
    page.line(format!("main    {definitions}, view {}", styled(DIM, &status.view_fingerprint)));
    match status.pending {
        0 => {}
        1 => page.line("1 envelope waits for something that it needs"),
        n => page.line(format!("{n} envelopes wait for something that they need")),
    }
    if status.quarantined > 0 {
        let some = output::count(status.quarantined, "envelope");
        page.line(format!("{some} in quarantine: `dm remote quarantine` shows why"));
    }
    if !status.pins.is_empty() {
        let line = |pin: &dm_engine::PinEntry| {
            let version: String = pin.version.chars().take(8).collect();
            let moved_on = if pin.moved_on { styled(WARN, ", which has moved on") } else { String::new() };
            format!("pinned  {} stays on {version} of {}{moved_on}", pin.location, pin.dependency)
        };
        pages::listed("", status.pins.iter().map(line), "--json", page);
    }
    for group in status.changes.iter().filter(|group| !group.changes.is_empty()) {
        page.gap();
        page.line(pages::patch_line(&group.patch));
        for change in &group.changes {
            page.line(format!("  {}", pages::change_line(change)));
        }
    }
    if !status.held.is_empty() {
        page.gap();
        pages::held(&status.held, page);
    }
    if !status.conflicts.is_empty() {
        page.gap();
        pages::conflicts(&status.conflicts, page);
    }
}

/// `dm diff`.
pub fn diff(context: &Context, args: &DiffArgs) -> Result<ExitCode, Failure> {
    let diffs = context.read(|snapshot| snapshot.diff(args.patch.as_deref(), args.name.as_deref()))?;
    context.answer(&diffs, |diffs, page| {
        if diffs.iter().all(|diff| diff.definitions.is_empty()) {
            output::say("no changes");
        }
        for diff in diffs {
            if diffs.len() > 1 {
                page.line(pages::patch_line(&diff.patch));
                page.gap();
            }
            for definition in &diff.definitions {
                pages::definition_diff(definition, page);
            }
        }
    })
}

/// `dm log`.
pub fn log(context: &Context, args: &LogArgs) -> Result<ExitCode, Failure> {
    let name = args.name.as_deref();
    let entries = context.read(|snapshot| match args.signatures {
        true => snapshot.signed_log(args.limit, name),
        false => snapshot.log(args.limit, name),
    })?;
    context.answer(&entries, |entries, page| {
        if entries.is_empty() && args.limit > 0 {
            output::say("nothing was put into main yet");
        }
        for entry in entries {
            page.line(format!("{} {}", output::time(entry.applied_at), pages::patch_long(&entry.patch)));
            if !entry.forced.is_empty() {
                page.line(format!("  forced: {}", entry.forced));
            }
            for signature in &entry.signatures {
                page.line(format!("  {}", pages::signature_line(signature)));
            }
        }
    })
}

/// `dm show`.
pub fn show(context: &Context, args: &ShowArgs) -> Result<ExitCode, Failure> {
    let form = match args.form {
        ShowForm::Pretty => Form::Pretty(super::fmt::options(context)?),
        ShowForm::Source => Form::Source,
        ShowForm::Written => Form::Written,
        ShowForm::Program => Form::Program,
    };
    let shown = context.read(|snapshot| snapshot.show_as(&args.name, form))?;
    context.answer(&shown, show_page)
}

fn show_page(shown: &Shown, page: &mut Page) {
    page.line(styled(DIM, &format!("// {} {}", shown.entry.kind, shown.entry.location)));
    if let Some(patch) = &shown.written_by {
        let written = format!("// {} by {}, {}", patch.short, patch.author, patch.intent);
        page.line(styled(DIM, &written));
    }
    if let Some(reason) = &shown.entry.deprecated {
        let instead = shown.entry.replacement.as_ref().map(|instead| format!("; use {instead}")).unwrap_or_default();
        page.line(styled(WARN, &format!("// deprecated: {reason}{instead}")));
    }
    for conflict in &shown.conflicts {
        let short: String = conflict.chars().take(8).collect();
        page.line(styled(WARN, &format!("// in conflict {short}: `dm conflicts show {short}`")));
    }
    if let Some(link) = &shown.link {
        page.line(styled(DIM, &format!("// means {link}")));
    }
    page.block(&shown.text);
}

/// `dm ls`.
pub fn ls(context: &Context, args: &LsArgs) -> Result<ExitCode, Failure> {
    let listing = context.read(|snapshot| snapshot.ls(args.module.as_deref().unwrap_or_default(), args.recursive))?;
    context.answer(&listing, |listing, page| {
        for module in &listing.modules {
            let count = output::count(module.definitions, "definition");
            page.line(format!("{}. {}", styled(BOLD, &module.path), styled(DIM, &count)));
        }
        for entry in &listing.definitions {
            page.line(pages::entry_line(entry));
        }
    })
}

/// `dm tree`.
pub fn tree(context: &Context, args: &TreeArgs) -> Result<ExitCode, Failure> {
    let listing = context.read(|snapshot| snapshot.ls(args.module.as_deref().unwrap_or_default(), true))?;
    context.answer(&listing, |listing, page| tree_page(listing, args.depth.unwrap_or(usize::MAX), page))
}

/// Modules are shown by indentation; a recursive listing is sorted by location.
fn tree_page(listing: &Listing, depth_max: usize, page: &mut Page) {
    let mut open: Vec<&str> = Vec::new();
    for entry in &listing.definitions {
        let segments: Vec<&str> = entry.location.split('.').collect();
        let Some((name, modules)) = segments.split_last() else { continue };
        let common = open.iter().zip(modules).take_while(|(left, right)| left == right).count();
        open.truncate(common);
        for module in modules.iter().skip(common) {
            if open.len() < depth_max {
                page.line(format!("{}{}", "  ".repeat(open.len()), styled(BOLD, module)));
            }
            open.push(module);
        }
        if open.len() < depth_max {
            page.line(format!("{}{name} {}", "  ".repeat(open.len()), styled(DIM, &entry.kind)));
        }
    }
}

/// `dm search`.
pub fn search(context: &Context, args: &SearchArgs) -> Result<ExitCode, Failure> {
    let kind = args.kind.map(|kind| match kind {
        KindArg::Fn => Kind::Fn,
        KindArg::Type => Kind::Type,
        KindArg::Value => Kind::Value,
        KindArg::Test => Kind::Test,
    });
    // No word that is sought has an arrow in it.
    let (types, words): (Vec<&String>, Vec<&String>) = args.words.iter().partition(|word| word.contains("->"));
    let mut types = args.of_type.iter().chain(types);
    let of_type = types.next().cloned();
    if types.next().is_some() {
        return Err(
            Failure::usage("several types, where one can be sought").hint("quote the whole type as one argument")
        );
    }
    let query = SearchQuery {
        words: words.into_iter().cloned().collect(),
        of_type,
        kind,
        below: args.owner.iter().chain(&args.module).cloned().collect(),
        deprecated: (args.deprecated || args.no_deprecated).then_some(args.deprecated),
        limit: args.limit,
    };
    let report = context.engine()?.search(&context.session(), &query)?;
    context.answer(&report, |report, page| search_page(report, query.of_type.is_some(), page))
}

fn search_page(report: &SearchReport, by_type: bool, page: &mut Page) {
    for Correction { word, to } in &report.corrected {
        output::say(format!("`{word}` is nowhere; sought {}", to.join(", ")));
    }
    if report.hits.is_empty() {
        output::say("nothing fits");
    }
    for SearchHit { entry, summary, type_fit, .. } in &report.hits {
        page.line(pages::entry_line(entry));
        if by_type {
            let how = match type_fit.as_deref() {
                Some("reordered") => ", parameters in another order",
                Some("more_general") => ", more general",
                Some("more_parameters") => ", with more parameters",
                _ => "",
            };
            page.line(format!("      {}{}", entry.signature, styled(DIM, how)));
        }
        if !summary.is_empty() {
            page.line(format!("      {}", styled(DIM, summary)));
        }
    }
    if report.more {
        output::say("more fits; --limit COUNT shows more");
    }
}
