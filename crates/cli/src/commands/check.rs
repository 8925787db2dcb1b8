//! `dm check`: what is wrong in what is written.

use std::process::ExitCode;

use dm_engine::{CheckReport, CheckScope, EngineError, Impact, Problem, ProblemPlace, Severity};

use super::pages;
use crate::args::CheckArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{BAD, DIM, GOOD, Page, WARN, count, styled};

/// So many problems of a severity are written out; JSON has them all.
const SHOWN_MAX: usize = 50;

/// `dm check`.
pub fn check(context: &Context, args: &CheckArgs) -> Result<ExitCode, Failure> {
    let scope = if !args.names.is_empty() {
        CheckScope::Names(args.names.clone())
    } else if args.all {
        CheckScope::View
    } else {
        CheckScope::Patch(args.patch.clone())
    };
    let report = context.read(|snapshot| match (snapshot.check(&scope), &scope) {
        // Nothing in focus: there is no change to check, but there is the view.
        (Err(EngineError::NoFocus), CheckScope::Patch(None)) => snapshot.check(&CheckScope::View),
        (report, _) => report,
    })?;
    let valid = report.valid;
    let code = context.answer(&report, page)?;
    Ok(if valid { code } else { ExitCode::from(1) })
}

fn page(report: &CheckReport, page: &mut Page) {
    if let Some(patch) = &report.patch {
        page.line(pages::patch_line(patch));
    }
    for needed in report.needs.iter().filter(|needed| needed.status != "applied") {
        page.line(format!("needs {}", pages::patch_line(needed)));
    }
    for conflict in &report.conflicts {
        page.line(format!("{} {conflict}", styled(BAD, "conflict:")));
    }
    problems(&report.problems, page);
    if let Some(impact) = report.impact {
        page.line(impact_words(impact));
    }
    let looked = format!("{} checked", count(report.definitions, "definition"));
    let counts = [(report.conflicts.len() as u64, "conflict"), (report.errors, "error"), (report.warnings, "warning")];
    let told: Vec<String> =
        counts.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| count(number, what)).collect();
    let found = match (told.as_slice(), report.valid) {
        ([], _) => styled(GOOD, "nothing wrong"),
        (told, true) => styled(WARN, &told.join(", ")),
        (told, false) => styled(BAD, &told.join(", ")),
    };
    page.line(format!("{looked}: {found}"));
}

/// How far a patch reaches, in words.
pub const fn impact_words(impact: Impact) -> &'static str {
    match impact {
        Impact::None => "changes nothing",
        Impact::Local => "nobody else sees a difference",
        Impact::Dependents => "others see it, and still fit",
        Impact::Breaking => "breaks others",
    }
}

/// Problems with their places; of very many, the first of each severity.
pub fn problems(problems: &[Problem], page: &mut Page) {
    for severity in [Severity::Error, Severity::Warning] {
        let all = problems.iter().filter(|problem| problem.severity == severity);
        all.clone().take(SHOWN_MAX).for_each(|shown| problem(shown, page));
        let more = all.count().saturating_sub(SHOWN_MAX);
        if more > 0 {
            let what = if severity == Severity::Error { "errors" } else { "warnings" };
            page.line(styled(DIM, &format!("{more} more {what}; `dm check --json` lists all")));
        }
    }
}

fn problem(problem: &Problem, page: &mut Page) {
    let (style, word) = match problem.severity {
        Severity::Error => (BAD, "error"),
        Severity::Warning => (WARN, "warning"),
    };
    let place = &problem.place;
    let head = styled(style, &format!("{word}[{}]", problem.code));
    page.line(format!("{head} at {}: {}", at(place), problem.message));
    excerpt(place, page);
    if let Some(other) = &problem.other {
        page.line(format!("note: {}: {}", at(other), other.note));
        excerpt(other, page);
    }
    if let Some(hint) = &problem.hint {
        page.line(format!("hint: {hint}"));
    }
    page.line(String::new());
}

fn at(place: &ProblemPlace) -> String {
    format!("{}:{}:{}", place.location, place.row, place.column)
}

fn excerpt(place: &ProblemPlace, page: &mut Page) {
    let number = place.row.to_string();
    page.line(format!(" {number} | {}", place.excerpt));
    page.line(format!(" {} | {}", " ".repeat(number.len()), place.marks));
}
