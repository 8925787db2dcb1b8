//! `dm remote`, `dm sync`, `dm push`, `dm pull`.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use dm_engine::{Direction, ExchangeReport, NewKey, Received, RemoteRequest};

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
            context.answer_write(dry_run, &remote, |remote, page| {
                page.line(format!("remote {} is {}", remote.name, remote.url));
            })
        }
        RemoteCommand::List => {
            let remotes = context.read(|snapshot| snapshot.remotes())?;
            context.answer(&remotes, |remotes, page| {
                for remote in remotes {
                    let synced = remote.last_sync_at.map_or_else(|| "never synced".to_owned(), output::time);
                    let spaces = pages::spaces_of(remote);
                    let about = styled(DIM, &format!("{synced}{spaces}"));
                    page.line(format!("{} {} {about}", styled(BOLD, &remote.name), remote.url));
                }
            })
        }
        RemoteCommand::Quarantine => {
            let entries = context.read(|snapshot| snapshot.quarantine())?;
            context.answer(&entries, |entries, page| {
                for entry in entries {
                    let short: String = entry.id.chars().take(12).collect();
                    let when = output::time(entry.last_seen_at);
                    page.line(format!("{} from {}: {}", styled(WARN, &short), entry.remote, entry.words));
                    page.line(styled(DIM, &format!("  came {}, last {when}", output::count(entry.tries, "time"))));
                }
                if entries.is_empty() {
                    page.line("nothing is in quarantine");
                }
            })
        }
        RemoteCommand::Remove { name, dry_run } => {
            let remote = context.write_anywhere(dry_run, |transaction| transaction.remote_remove(&name))?;
            context.answer_write(dry_run, &remote, |remote, page| {
                page.line(format!("forgot remote {} ({})", remote.name, remote.url));
            })
        }
        RemoteCommand::Trust { author, key, dry_run } => {
            let received = context.write_anywhere(dry_run, |transaction| transaction.trust(&author, &key))?;
            context.answer_write(dry_run, &received, |received, page| {
                page.line(format!("trusts the key {key} of {author} from now on"));
                received_page(received, dry_run, page);
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

/// How many digits of a key are shown: enough to trust it by.
const KEY_SHOWN: usize = 16;

fn exchange_page(report: &ExchangeReport, direction: Direction, page: &mut Page) {
    let (pulls, pushes) = (direction != Direction::PushOnly, direction != Direction::PullOnly);
    let remote = &report.remote;
    if pulls && pushes && report.received_envelopes == 0 && report.sent_envelopes == 0 {
        page.line(format!("nothing to exchange: {remote} holds the same"));
    } else if pulls {
        page.line(match (report.received.patches.len() as u64, report.dry_run) {
            (0, _) => format!("no new patch from {remote}"),
            (patches, true) => format!("would come from {remote}: {}", output::count(patches, "patch")),
            (patches, false) => format!("came from {remote}: {}", output::count(patches, "patch")),
        });
    }
    if pulls {
        received_page(&report.received, report.dry_run, page);
    }
    if pushes {
        sent_page(report, pulls, page);
    }
    failed_page(report, page);
    page.line(format!("view {}", styled(DIM, &report.view_fingerprint)));
}

/// What did not go as it should, and stopped nothing.
fn failed_page(report: &ExchangeReport, page: &mut Page) {
    let remote = &report.remote;
    if !report.quarantined.is_empty() {
        let some = output::count(report.quarantined.len() as u64, "envelope");
        page.line(format!(
            "{} {some} from {remote} failed the checks: `dm remote quarantine` shows why",
            styled(WARN, "quarantine")
        ));
    }
    if !report.refused.is_empty() {
        let some = output::count(report.refused.len() as u64, "envelope");
        page.line(format!("{} {remote} refuses {some}: it may need a newer dm", styled(WARN, "refused")));
    }
    if report.withheld > 0 {
        let some = output::count(report.withheld, "envelope");
        page.line(format!("{} {remote} offered {some} and did not have them", styled(WARN, "withheld")));
    }
    for space in &report.not_shared {
        page.line(format!("{} {remote} does not share the space {space}", styled(WARN, "not shared")));
    }
    if report.incomplete {
        page.line(format!("not all differences with {remote} are found yet: the next exchange goes on"));
    }
}

fn sent_page(report: &ExchangeReport, pulls: bool, page: &mut Page) {
    let remote = &report.remote;
    match (report.sent.len() as u64, report.dry_run) {
        // Facts, such as that something is applied here.
        (0, false) if report.sent_envelopes > 0 => page.line(format!("told {remote} what is applied here")),
        (0, true) if report.sent_envelopes > 0 => page.line(format!("would tell {remote} what is applied here")),
        // The first line has said so.
        (0, _) if pulls && report.received_envelopes == 0 => {}
        (0, _) => page.line(format!("nothing to send to {remote}")),
        (patches, true) => page.line(format!("would send to {remote}: {}", output::count(patches, "patch"))),
        (patches, false) => page.line(format!("sent to {remote}: {}", output::count(patches, "patch"))),
    }
    pages::listed("  ", report.sent.iter().map(pages::patch_line), "--json", page);
}

/// Keys that were seen for the first time.
pub fn keys_page(keys: &[NewKey], dry_run: bool, page: &mut Page) {
    for key in keys {
        let short: String = key.key.chars().take(KEY_SHOWN).collect();
        let words = if key.revoked {
            "is revoked: what it signs is held from now on".to_owned()
        } else if let Some(former) = &key.follows {
            let former: String = former.chars().take(KEY_SHOWN).collect();
            let so = if key.trusted { "trusted like it" } else { "not trusted by itself" };
            format!("follows {former}: {so}")
        } else if key.first && dry_run {
            "is the first one seen: it would be trusted from then on".to_owned()
        } else if key.first {
            "is the first one seen: trusted from now on".to_owned()
        } else {
            "is another one: what it signed is held".to_owned()
        };
        page.line(format!("{} {short} of {} {words}", styled(WARN, "key"), key.author));
    }
}

fn received_page(received: &Received, dry_run: bool, page: &mut Page) {
    keys_page(&received.new_keys, dry_run, page);
    if !received.applied.is_empty() {
        let words = if dry_run { "would apply" } else { "applied" };
        page.line(format!("{words} {}", output::count(received.applied.len() as u64, "patch")));
        pages::listed("  ", received.applied.iter().map(pages::patch_of), "--json", page);
    }
    pages::held(&received.held, page);
    if received.pending > 0 {
        page.line(format!("{} for what they need", output::count(received.pending, "envelope waiting")));
    }
    pages::conflicts(&received.conflicts, page);
}
