//! `dm undo`, `dm redo`, `dm ops`.

use std::process::ExitCode;

use dm_engine::{CommandEntry, CommandShown, UndoReport};

use crate::args::{OpsArgs, OpsCommand, UndoArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, BOLD, DIM, ID, Page, WARN, styled};

/// `dm undo`.
pub fn undo(context: &Context, args: &UndoArgs) -> Result<ExitCode, Failure> {
    let report = context.write(args.dry_run, |transaction| transaction.undo(args.command.as_deref()))?;
    context.answer(&report, |report, page| undo_page(report, "undid", "would undo", page))
}

/// `dm redo`.
pub fn redo(context: &Context, dry_run: bool) -> Result<ExitCode, Failure> {
    let report = context.write(dry_run, |transaction| transaction.redo())?;
    context.answer(&report, |report, page| undo_page(report, "did again", "would do again", page))
}

fn undo_page(report: &UndoReport, done: &str, would: &str, page: &mut Page) {
    let said = if report.dry_run { would } else { done };
    let command = &report.command;
    page.line(format!("{said} {} {}: {}", number(command), styled(BOLD, &command.verb), command.words));
    for line in &report.wrote {
        page.line(format!("  {line}"));
    }
    for note in &report.notes {
        page.line(note);
    }
    page.line(format!("view {}", styled(DIM, &report.view_fingerprint)));
}

/// `dm ops`.
pub fn ops(context: &Context, args: &OpsArgs) -> Result<ExitCode, Failure> {
    if let Some(OpsCommand::Show { command }) = &args.command {
        let shown = context.read(|snapshot| snapshot.command(command))?;
        return context.answer(&shown, shown_page);
    }
    let commands = context.read(|snapshot| snapshot.commands(args.all, args.limit))?;
    context.answer(&commands, |commands, page| {
        for command in commands {
            page.line(command_line(command, args.all));
        }
        if commands.is_empty() {
            page.line("no commands wrote here yet");
        }
    })
}

fn number(command: &CommandEntry) -> String {
    styled(ID, &command.number.to_string())
}

fn command_line(command: &CommandEntry, with_session: bool) -> String {
    let state = match command.state.as_str() {
        "undone" => styled(WARN, " (undone)"),
        "final" => styled(DIM, " (cannot be undone)"),
        _ => String::new(),
    };
    let session = if with_session { format!(" [{}]", command.session) } else { String::new() };
    let at = styled(DIM, &output::time(command.at));
    format!("{} {at}{session} {}: {}{state}", number(command), styled(BOLD, &command.verb), command.words)
}

fn shown_page(shown: &CommandShown, page: &mut Page) {
    page.line(command_line(&shown.entry, true));
    for fact in &shown.facts {
        page.line(format!("  {fact}"));
    }
    for row in &shown.rows {
        page.line(format!("  changes {row}"));
    }
}
