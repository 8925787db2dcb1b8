//! `dm remote`, `dm sync`, `dm push`, `dm pull`.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use dm_engine::{Direction, ExchangeReport, Received, RemoteRequest};

use super::pages;
use crate::args::{RemoteCommand, SyncArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, BOLD, DIM, Page, WARN, styled};

/// `dm remote …`.
pub fn remote(context: &Context, command: RemoteCommand) -> Result<ExitCode, Failure> {
    match command {
        RemoteCommand::Add { name, url, token, timeout, dry_run } => {
            let request = RemoteRequest { name, url, token, timeout_s: timeout };
            let remote = context.write_anywhere(dry_run, |transaction| transaction.remote_add(&request))?;
            context.answer(&remote, |remote, page| page.line(format!("remote {} is {}", remote.name, remote.url)))
        }
        RemoteCommand::List => {
            let remotes = context.read(|snapshot| snapshot.remotes())?;
            context.answer(&remotes, |remotes, page| {
                for remote in remotes {
                    let synced = remote.last_sync_at.map_or_else(|| "never synced".to_owned(), output::time);
                    page.line(format!("{} {} {}", styled(BOLD, &remote.name), remote.url, styled(DIM, &synced)));
                }
            })
        }
        RemoteCommand::Remove { name, dry_run } => {
            let remote = context.write_anywhere(dry_run, |transaction| transaction.remote_remove(&name))?;
            context.answer(&remote, |remote, page| page.line(format!("forgot remote {} ({})", remote.name, remote.url)))
        }
        RemoteCommand::Trust { author, key, dry_run } => {
            let received = context.write_anywhere(dry_run, |transaction| transaction.trust(&author, &key))?;
            context.answer(&received, |received, page| {
                page.line(format!("trusts the key {key} of {author} from now on"));
                received_page(received, page);
            })
        }
    }
}

/// `dm sync`, `dm push`, `dm pull`.
pub fn exchange(context: &Context, args: &SyncArgs, direction: Direction) -> Result<ExitCode, Failure> {
    let engine = context.engine()?;
    let bar = std::io::stderr().is_terminal().then(|| {
        let bar = indicatif::ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    });
    let report = engine.exchange(args.remote.as_deref(), direction, args.dry_run, &mut |words: &str| {
        if let Some(bar) = &bar {
            bar.set_message(words.to_owned());
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let report = report?;
    let code = context.answer(&report, |report, page| exchange_page(report, direction, page))?;
    let clean = report.received.held.is_empty() && report.received.conflicts.is_empty();
    Ok(if args.check && !clean { ExitCode::from(1) } else { code })
}

fn exchange_page(report: &ExchangeReport, direction: Direction, page: &mut Page) {
    if direction != Direction::PullOnly {
        let words = if report.dry_run { "would send" } else { "sent" };
        for patch in &report.sent {
            page.line(format!("{words} {}", pages::patch_line(patch)));
        }
        if report.sent_envelopes == 0 {
            page.line(format!("nothing to send to {}", report.remote));
        } else {
            let patches = output::count(report.sent.len() as u64, "patch");
            let envelopes = output::count(report.sent_envelopes, "envelope");
            page.line(format!("{words} {patches} in {envelopes} to {}", report.remote));
        }
    }
    if direction != Direction::PushOnly {
        if report.received_envelopes == 0 {
            page.line(format!("nothing new from {}", report.remote));
        } else {
            let words = if report.dry_run { "would come" } else { "came" };
            let envelopes = output::count(report.received_envelopes, "envelope");
            page.line(format!("{envelopes} {words} from {}", report.remote));
        }
        received_page(&report.received, page);
    }
    page.line(format!("view {}", styled(DIM, &report.view_fingerprint)));
}

fn received_page(received: &Received, page: &mut Page) {
    for key in &received.new_keys {
        let words =
            if key.trusted { "first key seen, trusted from now on" } else { "another key; its patches are held" };
        page.line(format!("{} {} key {}: {words}", styled(WARN, "key"), key.author, key.key));
        if !key.trusted {
            page.line(format!("  `dm remote trust {} {}` trusts it", key.author, key.key));
        }
    }
    for patch in &received.applied {
        page.line(format!("applied {} by {}", pages::patch_line(patch), patch.author));
    }
    for held in &received.held {
        pages::held(held, page);
    }
    for conflict in &received.conflicts {
        page.line(format!("{} {}", styled(WARN, "conflict"), pages::conflict_line(conflict)));
    }
    if received.pending > 0 {
        page.line(format!("{} for what they need", output::count(received.pending, "envelope waiting")));
    }
    if !received.conflicts.is_empty() {
        page.line("`dm conflicts show ID` shows one with its ways out");
    }
}
