//! `dm key`.

use std::path::Path;
use std::process::ExitCode;

use dm_engine::{KeyChangeReport, KeyEntry, KeyShown, RotateRequest};

use super::{pages, write};
use crate::args::{KeyCommand, KeyRevokeArgs, KeyRotateArgs};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, BAD, BOLD, DIM, Page, WARN, styled};

/// How many digits of a key are shown where the whole is not asked for: enough to mean it.
const KEY_SHOWN: usize = 16;

/// `dm key …`.
pub fn key(context: &Context, command: KeyCommand) -> Result<ExitCode, Failure> {
    match command {
        KeyCommand::List { all } => {
            let engine = context.engine()?;
            let entries = engine.snapshot(&context.session())?.keys(&engine, all)?;
            context.answer(&entries, |entries, page| {
                for entry in entries {
                    page.line(entry_line(entry));
                }
            })
        }
        KeyCommand::Show { key } => {
            let engine = context.engine()?;
            let shown = engine.snapshot(&context.session())?.key(&engine, key.as_deref())?;
            context.answer(&shown, |shown, page| {
                for key in shown {
                    page.gap();
                    key_page(key, page);
                }
            })
        }
        KeyCommand::Rotate(args) => rotate(context, args),
        KeyCommand::Revoke(args) => revoke(context, &args),
        KeyCommand::Vouch { patches, author, dry_run } => {
            let vouch =
                |transaction: &mut dm_engine::Transaction<'_>| transaction.key_vouch(author.as_deref(), &patches);
            let report = context.write_anywhere(dry_run, vouch)?;
            context.answer_write(dry_run, &report, |report, page| {
                page.line(format!("{} stands by these with the key {}", report.author, short(&report.key)));
                for patch in &report.patches {
                    page.line(format!("  {}", pages::patch_line(patch)));
                }
            })
        }
        KeyCommand::Export { file, author, dry_run } => export(context, &file, author.as_deref(), dry_run),
        KeyCommand::Import { file, dry_run } => {
            let text = write::read_text(&file, dm_engine::KEY_TEXT_BYTES_MAX)?.text;
            let report = context.write_anywhere(dry_run, |transaction| transaction.key_import(&text))?;
            context.answer_write(dry_run, &report, change_page)
        }
    }
}

fn rotate(context: &Context, args: KeyRotateArgs) -> Result<ExitCode, Failure> {
    let dry_run = args.dry_run;
    let report = if args.instance {
        context.write_anywhere(dry_run, |transaction| transaction.key_rotate_instance())?
    } else {
        let words = args.why.unwrap_or_default();
        let request = RotateRequest { author: args.author, words, lost: args.lost, except: args.except };
        context.write_anywhere(dry_run, |transaction| transaction.key_rotate(&request))?
    };
    context.answer_write(dry_run, &report, |report, page| {
        change_page(report, page);
        if args.lost {
            trust_by_hand(report, page);
        }
    })
}

fn revoke(context: &Context, args: &KeyRevokeArgs) -> Result<ExitCode, Failure> {
    let why = args.why.as_deref().unwrap_or_default();
    let (author, key) = (args.author.as_deref(), args.key.as_deref());
    let report =
        context.write_anywhere(args.dry_run, |transaction| transaction.key_revoke(author, key, why, &args.except))?;
    context.answer_write(args.dry_run, &report, |report, page| {
        if let Some(old) = &report.old {
            page.line(format!("{} is revoked: what it signs from now on is held everywhere", short(old)));
        }
        change_page(report, page);
        trust_by_hand(report, page);
    })
}

/// What others must do where no key that they trust names the new one.
fn trust_by_hand(report: &KeyChangeReport, page: &mut Page) {
    if let Some(author) = &report.author {
        let word = if author.contains(' ') { format!("\"{author}\"") } else { author.clone() };
        page.line(format!(
            "nobody trusts the new key by itself: others say `dm remote trust {word} {}` once",
            short(&report.new)
        ));
    }
}

fn export(context: &Context, file: &Path, author: Option<&str>, dry_run: bool) -> Result<ExitCode, Failure> {
    let engine = context.engine()?;
    let (mut report, text) = engine.snapshot(&context.session())?.key_text(&engine, author)?;
    if file == Path::new("-") {
        if dry_run {
            return context.answer(&report, |report, page| {
                page.line(format!("would print the secret key of {}", report.author));
            });
        }
        output::print_text(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !dry_run {
        dm_engine::write_key_file(file, &text)?;
        report.path = Some(file.display().to_string());
    }
    context.answer(&report, |report, page| {
        let words = if dry_run { "would write" } else { "wrote" };
        page.line(format!("{words} the secret key of {} to {}", report.author, file.display()));
        if !dry_run {
            output::say("whoever has this file signs as this author: `dm key import` takes it, then remove it");
        }
    })
}

fn short(key: &str) -> String {
    key.chars().take(KEY_SHOWN).collect()
}

fn entry_line(entry: &KeyEntry) -> String {
    let whose = entry.author.as_deref().unwrap_or("this instance");
    let mut marks = vec![entry.standing.clone()];
    if entry.signs {
        marks.push("signs here".to_owned());
        if !entry.secret_here {
            marks.push(styled(WARN, "its file is gone"));
        }
    }
    format!("{} {} {}", short(&entry.key), styled(BOLD, whose), styled(DIM, &marks.join(", ")))
}

fn key_page(shown: &KeyShown, page: &mut Page) {
    page.line(entry_line(&shown.key));
    page.line(format!("  {}", shown.key.key));
    for former in &shown.key.follows {
        page.line(format!("  follows {}", short(former)));
    }
    for next in &shown.key.next {
        page.line(format!("  is followed by {}", short(next)));
    }
    for fact in &shown.facts {
        let valid = if fact.valid { String::new() } else { format!(" {}", styled(BAD, "does not verify")) };
        page.line(format!("  {} {}{valid}", styled(DIM, &output::time(fact.at)), fact.words));
    }
}

fn change_page(report: &KeyChangeReport, page: &mut Page) {
    let whose = report.author.as_deref().unwrap_or("this instance");
    let after = report.old.as_deref().filter(|old| *old != report.new).map(short);
    let after = after.map(|old| format!(" after {old}")).unwrap_or_default();
    page.line(format!("{whose} signs with {}{after}", styled(BOLD, &short(&report.new))));
    if report.stands_by > 0 {
        let patches = output::count(report.stands_by, "patch");
        page.line(format!("the new key stands by {patches} signed with the former one"));
    }
    if !report.left_out.is_empty() {
        page.line(format!("it does not stand by {}:", output::count(report.left_out.len() as u64, "patch")));
        for patch in &report.left_out {
            page.line(format!("  {patch}"));
        }
        page.line("`dm key vouch PATCH` stands by one");
    }
}
