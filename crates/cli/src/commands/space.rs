//! `dm space`.

use std::process::ExitCode;

use dm_engine::{RemoteSummary, SpaceSummary};

use super::pages;
use crate::args::SpaceCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, BOLD, DIM, Page, styled};

/// `dm space …`.
pub fn space(context: &Context, command: SpaceCommand) -> Result<ExitCode, Failure> {
    match command {
        SpaceCommand::New { name, dry_run } => {
            let space = context.write_anywhere(dry_run, |transaction| transaction.space_new(&name))?;
            context.answer_write(dry_run, &space, |space, page| {
                page.line(format!("space {} {}", styled(BOLD, &space.name), space.id));
                if !dry_run {
                    output::say(format!("whoever is to read it types `dm space join {} {}`", space.name, space.id));
                }
            })
        }
        SpaceCommand::Join { name, id, dry_run } => {
            let space = context.write_anywhere(dry_run, |transaction| transaction.space_join(&name, &id))?;
            context.answer_write(dry_run, &space, |space, page| {
                page.line(format!("space {} {}", styled(BOLD, &space.name), space.id));
            })
        }
        SpaceCommand::List => {
            let spaces = context.read(|snapshot| snapshot.spaces())?;
            context.answer(&spaces, |spaces, page| spaces.iter().for_each(|space| space_line(space, page)))
        }
        SpaceCommand::Show { name } => {
            let space = context.read(|snapshot| snapshot.space(&name))?;
            context.answer(&space, space_page)
        }
        SpaceCommand::Forget { name, dry_run } => {
            let space = context.write_anywhere(dry_run, |transaction| transaction.space_forget(&name))?;
            context.answer_write(dry_run, &space, |space, page| {
                page.line(format!("forgot what space {} is called and where it goes", space.id));
                if space.envelopes > 0 {
                    page.line("what is held of it stays");
                }
            })
        }
        SpaceCommand::Share { name, remote, dry_run } => share(context, &name, &remote, true, dry_run),
        SpaceCommand::Unshare { name, remote, dry_run } => share(context, &name, &remote, false, dry_run),
        SpaceCommand::Move { name, patch, dry_run } => {
            let patch = context.write(dry_run, |transaction| transaction.space_move(&name, patch.as_deref()))?;
            context.answer_write(dry_run, &patch, |patch, page| page.line(pages::patch_line(patch)))
        }
        SpaceCommand::Publish { patches, with_needs, dry_run } => {
            let report = context.write(dry_run, |transaction| transaction.publish(&patches, with_needs))?;
            context.answer_write(dry_run, &report, |report, page| {
                for patch in &report.applied {
                    page.line(pages::patch_line(patch));
                }
                let made = output::count(report.applied.len() as u64, "patch");
                let words = match (dry_run, report.applied.len()) {
                    (true, _) => "would be",
                    (false, 1) => "is",
                    (false, _) => "are",
                };
                page.line(format!("{made} with the same changes {words} in the public space"));
            })
        }
    }
}

fn share(context: &Context, name: &str, remote: &str, shared: bool, dry_run: bool) -> Result<ExitCode, Failure> {
    let remote = context.write_anywhere(dry_run, |transaction| transaction.space_share(name, remote, shared))?;
    context.answer_write(dry_run, &remote, |remote, page| page.line(shared_words(remote)))
}

/// What is exchanged with a remote.
fn shared_words(remote: &RemoteSummary) -> String {
    match remote.spaces.as_slice() {
        [] => format!("nothing is exchanged with {}", remote.name),
        spaces => format!("exchanged with {}: {}", remote.name, spaces.join(", ")),
    }
}

fn space_line(space: &SpaceSummary, page: &mut Page) {
    let id = if space.public || !space.named { String::new() } else { format!(" {}", space.id) };
    let remotes = match space.remotes.as_slice() {
        [] => "goes to no remote".to_owned(),
        remotes => format!("goes to {}", remotes.join(", ")),
    };
    let about = format!("{}; {remotes}", output::count(space.envelopes, "envelope"));
    page.line(format!("{}{id} {}", styled(BOLD, &space.name), styled(DIM, &about)));
}

fn space_page(space: &SpaceSummary, page: &mut Page) {
    space_line(space, page);
    if space.drafts > 0 {
        page.line(output::count(space.drafts, "draft"));
    }
    if !space.tokens.is_empty() {
        page.line(format!("open to the keys of {}", space.tokens.join(", ")));
    }
}
