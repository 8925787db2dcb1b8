//! How the engine's words look on a terminal; shared by the verbs.

use std::collections::HashMap;

use dm_engine::{
    Change, ConflictSummary, DefinitionDiff, Entry, HeldPatch, NameWarning, PatchSummary, RemoteSummary,
    SignatureEntry, Written,
};

use super::check;
use crate::output::{self, BAD, BOLD, DIM, GOOD, ID, Page, WARN, styled};

/// A patch on a line: short id, status, intent.
#[must_use]
pub fn patch_line(patch: &PatchSummary) -> String {
    let status = match patch.status.as_str() {
        "applied" => styled(GOOD, "applied"),
        "rejected" => styled(BAD, "rejected"),
        other => styled(WARN, other),
    };
    let focus = if patch.focused { " *" } else { "" };
    format!("{} {status} {}{}{focus}", styled(ID, &patch.short), patch.intent, space_of(patch))
}

/// The space of a patch, where not everyone reads it.
fn space_of(patch: &PatchSummary) -> String {
    patch.space.as_deref().map(|space| styled(WARN, &format!(" [{space}]"))).unwrap_or_default()
}

/// What is exchanged with a remote, where that is not just the public space.
#[must_use]
pub fn spaces_of(remote: &RemoteSummary) -> String {
    match remote.spaces.as_slice() {
        [] => "; exchanges nothing".to_owned(),
        [only] if only == "public" => String::new(),
        spaces => format!("; exchanges {}", spaces.join(", ")),
    }
}

/// A patch and whose it is.
#[must_use]
pub fn patch_of(patch: &PatchSummary) -> String {
    let about = styled(DIM, &format!("({})", patch.author));
    format!("{} {}{} {about}", styled(ID, &patch.short), patch.intent, space_of(patch))
}

/// A patch with author and time.
#[must_use]
pub fn patch_long(patch: &PatchSummary) -> String {
    let about =
        format!("({}, {}, {})", patch.author, output::time(patch.updated_at), output::count(patch.changes, "change"));
    format!("{} {}", patch_line(patch), styled(DIM, &about))
}

/// A change on a line.
#[must_use]
pub fn change_line(change: &Change) -> String {
    let kind = change.kind.as_deref().map(|kind| format!("{kind} ")).unwrap_or_default();
    let mark = match change.change.as_str() {
        "create" => styled(GOOD, "create"),
        "delete" => styled(BAD, "delete"),
        other => styled(WARN, other),
    };
    match &change.from {
        Some(from) => format!("{mark} {kind}{from} -> {}", change.location),
        None => format!("{mark} {kind}{}", change.location),
    }
}

/// A definition on a line.
#[must_use]
pub fn entry_line(entry: &Entry) -> String {
    let deprecated = if entry.deprecated.is_some() { styled(WARN, " (deprecated)") } else { String::new() };
    format!("{:5} {}{deprecated}", entry.kind, entry.location)
}

/// Names that do not resolve, each once with its first place.
pub fn warnings(warnings: &[NameWarning], page: &mut Page) {
    const SHOWN: usize = 30;
    let names = by_name(warnings);
    for (name, places) in names.iter().take(SHOWN) {
        let place =
            if name.file.is_empty() { String::new() } else { format!("{}:{}:{}: ", name.file, name.row, name.column) };
        let hint = name.suggestions.first().map(|other| format!("; did you mean {other}?")).unwrap_or_default();
        let more = match places - 1 {
            0 => String::new(),
            more => format!(" (and in {})", output::count(more, "other place")),
        };
        let label = styled(WARN, "warning:");
        page.line(format!("{label} {place}in {}: `{}`: {}{more}{hint}", name.location, name.spelling, name.reason));
    }
    if names.len() > SHOWN {
        page.line(format!("… and {} more names that do not resolve (--json lists all)", names.len() - SHOWN));
    }
}

/// How many names do not resolve.
#[must_use]
pub fn warning_count(warnings: &[NameWarning]) -> String {
    let names = by_name(warnings).len() as u64;
    let resolve = if names == 1 { "resolves" } else { "resolve" };
    let places = output::count(warnings.len() as u64, "place");
    format!("{} {resolve} to nothing yet, in {places}", output::count(names, "name"))
}

/// Each name with the reason that it does not resolve for, at its first place, and in how many places it stands.
fn by_name(warnings: &[NameWarning]) -> Vec<(&NameWarning, u64)> {
    let mut names: Vec<(&NameWarning, u64)> = Vec::new();
    for warning in warnings {
        let same =
            |(name, _): &&mut (&NameWarning, u64)| name.spelling == warning.spelling && name.reason == warning.reason;
        match names.iter_mut().find(same) {
            Some((_, places)) => *places += 1,
            None => names.push((warning, 1)),
        }
    }
    names
}

/// What a writing verb wrote.
pub fn written(report: &Written, page: &mut Page) {
    for change in &report.changes {
        page.line(change_line(change));
    }
    for location in &report.unchanged {
        page.line(format!("as it was: {location}"));
    }
    warnings(&report.warnings, page);
    listed("", report.notes.iter().cloned(), "--json", page);
    if let Some(check) = &report.check {
        for conflict in &check.conflicts {
            page.line(format!("{} {conflict}", styled(BAD, "conflict:")));
        }
        check::problems(&check.problems, page);
    }
    match &report.patch {
        _ if report.changes.is_empty() => page.line("nothing to write"),
        Some(patch) if report.dry_run => {
            page.line(format!("would be written to {}; nothing was written", patch_line(patch)));
        }
        Some(patch) if report.new_patch => page.line(format!("in new patch {}", patch_line(patch))),
        Some(patch) => page.line(format!("in patch {}", patch_line(patch))),
        None => page.line("nothing to write"),
    }
}

/// The first of many lines, and how many more there are, with what lists them.
pub fn listed(indent: &str, lines: impl ExactSizeIterator<Item = String>, all: &str, page: &mut Page) {
    const LISTED_MAX: usize = 8;
    // One more would take as much room as saying so.
    let shown = if lines.len() == LISTED_MAX + 1 { lines.len() } else { LISTED_MAX };
    let more = lines.len().saturating_sub(shown);
    for line in lines.take(shown) {
        page.line(format!("{indent}{line}"));
    }
    if more > 0 {
        page.line(format!("{indent}… and {more} more ({all} lists all)"));
    }
}

/// Held patches, those of one reason together.
pub fn held(held: &[HeldPatch], page: &mut Page) {
    const REASONS_MAX: usize = 8;
    let mut reasons = Vec::new();
    let mut of_reason: HashMap<&str, Vec<&HeldPatch>> = HashMap::new();
    for one in held {
        let alike = of_reason.entry(&one.reason).or_default();
        if alike.is_empty() {
            reasons.push(&one.reason);
        }
        alike.push(one);
    }
    for reason in reasons.into_iter().take(REASONS_MAX) {
        let alike = of_reason.remove(reason.as_str()).unwrap_or_default();
        let lines = alike.into_iter().map(|held| format!("held {}", patch_long(&held.patch)));
        listed("", lines, "`dm patch list`", page);
        page.line(format!("  {reason}"));
    }
    // Those for other reasons.
    let more: usize = of_reason.values().map(Vec::len).sum();
    if more > 0 {
        page.line(format!("… and {more} more held (`dm patch list` lists all)"));
    }
}

/// Conflicts, and where more is said of one.
pub fn conflicts(conflicts: &[ConflictSummary], page: &mut Page) {
    let line = |conflict| format!("{} {}", styled(WARN, "conflict"), conflict_line(conflict));
    listed("", conflicts.iter().map(line), "`dm conflicts`", page);
    if !conflicts.is_empty() {
        page.line("`dm conflicts show ID` shows one with its ways out");
    }
}

/// A conflict on a line.
#[must_use]
pub fn conflict_line(conflict: &ConflictSummary) -> String {
    format!("{} {} {}", styled(ID, &conflict.short), styled(WARN, &conflict.kind), conflict.sentence)
}

/// A unified diff with colours as decoration.
pub fn definition_diff(diff: &DefinitionDiff, page: &mut Page) {
    page.line(styled(BOLD, &change_line(&diff.change)));
    for line in diff.unified.lines() {
        let style = match line.as_bytes().first() {
            Some(b'+') => GOOD,
            Some(b'-') => BAD,
            Some(b'@') => ID,
            _ => {
                page.line(line);
                continue;
            }
        };
        page.line(styled(style, line));
    }
    page.gap();
}

/// A signature on a line: what is signed, by whom, and whether that holds.
pub fn signature_line(signature: &SignatureEntry) -> String {
    let key: String = signature.key.chars().take(16).collect();
    let whose = match (&signature.author, &signature.instance) {
        (Some(author), _) => format!("by {author}"),
        (None, Some(instance)) => format!("on the main of {}", instance.chars().take(12).collect::<String>()),
        (None, None) => String::new(),
    };
    let holds = if signature.valid { "verified".to_owned() } else { styled(BAD, "does not verify") };
    let standing = styled(DIM, &format!("({})", signature.standing));
    format!("{} {whose} with {key} {standing} {holds}", signature.what)
}
