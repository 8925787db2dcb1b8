//! `dm session`.

use std::process::ExitCode;

use dm_engine::SessionSummary;

use super::pages;
use crate::args::SessionCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, BOLD, DIM, Page, styled};

/// `dm session …`.
pub fn session(context: &Context, command: SessionCommand) -> Result<ExitCode, Failure> {
    match command {
        SessionCommand::New { name, intent, dry_run } => {
            let session = context.write_anywhere(dry_run, |transaction| transaction.session_new(&name, &intent))?;
            context.answer_write(dry_run, &session, |session, page| page.line(session_line(session)))
        }
        SessionCommand::List => {
            let sessions = context.read(|snapshot| snapshot.sessions())?;
            context.answer(&sessions, |sessions, page| {
                for session in sessions {
                    page.line(session_line(session));
                }
            })
        }
        SessionCommand::Switch { name, dry_run } => {
            let session = context.write_anywhere(dry_run, |transaction| transaction.session_switch(&name))?;
            context.answer_write(dry_run, &session, |session, page| page.line(session_line(session)))
        }
        SessionCommand::Show { name } => {
            let session = context.read(|snapshot| snapshot.session(name.as_deref()))?;
            context.answer(&session, session_page)
        }
    }
}

fn session_line(session: &SessionSummary) -> String {
    let current = if session.current { "* " } else { "  " };
    let patches = output::count(session.patches.len() as u64, "patch");
    let intent = if session.intent.is_empty() { String::new() } else { format!(": {}", session.intent) };
    let about = format!("({}, {}, {patches}, {})", session.short, session.state, session.owner);
    format!("{current}{}{intent} {}", styled(BOLD, &session.name), styled(DIM, &about))
}

fn session_page(session: &SessionSummary, page: &mut Page) {
    page.line(session_line(session));
    let times =
        format!("begun {}, last active {}", output::time(session.started_at), output::time(session.last_active_at));
    page.line(format!("  {}", styled(DIM, &times)));
    for patch in &session.patches {
        page.line(format!("  {}", pages::patch_line(patch)));
    }
}
