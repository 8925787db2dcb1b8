//! `dm init`, `dm token`, `dm verify`, `dm rebuild`, `dm config`.

use std::process::ExitCode;

use dm_engine::{InitOptions, Setting};

use crate::args::{ConfigCommand, GcArgs, InitArgs, RebuildArgs, TokenCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, BAD, BOLD, DIM, styled};
use crate::settings;

/// `dm init`.
pub fn init(context: &Context, args: &InitArgs) -> Result<ExitCode, Failure> {
    let (author, named_by) = settings::author(args.author.as_deref())?;
    let name = args.name.clone().unwrap_or_else(settings::host_name);
    let options = InitOptions { folder: args.dir.clone(), author, name, dry_run: args.dry_run };
    let report = dm_engine::init(&options, context.system.as_ref())?;
    context.answer(&report, |report, page| {
        let made = if report.dry_run { "would make" } else { "made" };
        page.line(format!("{made} the store {}", styled(BOLD, &report.store)));
        page.line(format!(
            "patches bear the name {}; session `{}` is current",
            styled(BOLD, &report.author),
            report.session
        ));
        if !report.dry_run {
            page.line(styled(DIM, &format!("instance {} ({}), key {}", report.instance, report.name, report.key)));
        }
        if named_by == settings::NamedBy::Login {
            output::say("that is the login name; `dm config set author NAME` changes it");
        }
    })
}

/// `dm token …`.
pub fn token(context: &Context, command: &TokenCommand) -> Result<ExitCode, Failure> {
    let TokenCommand::Create { name, space, dry_run } = command;
    let report = context.write_anywhere(*dry_run, |transaction| transaction.create_token(name, space))?;
    context.answer(&report, |report, page| {
        if report.dry_run {
            page.line(format!("would make a key for {}; nothing was made", report.name));
        } else {
            page.line(&report.token);
            output::say(format!(
                "the key of {}: it is shown only now; from now on this store asks for one",
                report.name
            ));
            output::say(format!("it opens: {}", report.spaces.join(", ")));
            if report.replaces {
                output::say("its earlier key stops working");
            }
        }
    })
}

/// `dm verify`.
pub fn verify(context: &Context) -> Result<ExitCode, Failure> {
    let report = context.engine()?.verify()?;
    let code = context.answer(&report, |report, page| {
        for finding in &report.findings {
            page.line(format!("{} {} {}", styled(BAD, "damaged"), styled(BOLD, &finding.place), finding.what));
            page.line(format!("  {}", finding.next));
        }
        let envelopes = output::count(report.envelopes, "envelope");
        let definitions = output::count(report.definitions, "definition");
        let findings = output::count(report.findings.len() as u64, "finding");
        page.line(format!("checked {envelopes} and {definitions}: {findings}"));
    })?;
    Ok(if report.findings.is_empty() { code } else { ExitCode::from(1) })
}

/// `dm rebuild`.
pub fn rebuild(context: &Context, args: &RebuildArgs) -> Result<ExitCode, Failure> {
    let report = context.engine()?.rebuild(args.dry_run)?;
    context.answer(&report, |report, page| {
        for table in &report.differed {
            page.line(format!("differed: {table}"));
        }
        let done = if report.dry_run { "nothing was written" } else { "all projections were made anew" };
        page.line(format!("{done}; view {}", styled(DIM, &report.view_fingerprint)));
    })
}

/// `dm gc`.
pub fn gc(context: &Context, args: &GcArgs) -> Result<ExitCode, Failure> {
    let report = context.engine()?.gc(args.days, args.dry_run)?;
    context.answer(&report, |report, page| {
        let (drop, would) = if report.dry_run { ("would drop", true) } else { ("dropped", false) };
        let commands = output::count(report.commands, "command");
        let definitions = output::count(report.definitions, "definition");
        if report.commands + report.definitions == 0 {
            page.line("nothing to drop: all that is here is named by something");
        } else {
            let older = output::count(u64::from(report.days), "day");
            page.line(format!("{drop} {definitions} that nothing names, {commands} of more than {older}"));
        }
        if would {
            page.line(format!("{} bytes; nothing was dropped. What is dropped cannot be brought back", report.bytes));
        } else {
            let (before, after) = (report.bytes_before / 1024, report.bytes_after / 1024);
            page.line(styled(DIM, &format!("the store has {after} KiB; it had {before} KiB")));
        }
    })
}

/// `dm config …`.
pub fn config(context: &Context, command: ConfigCommand) -> Result<ExitCode, Failure> {
    match command {
        ConfigCommand::Get { key } => {
            let all = all_settings(context)?;
            let setting = all.into_iter().find(|setting| setting.key == key);
            let setting = setting.ok_or(dm_engine::EngineError::NoSuchSetting(key))?;
            context.answer(&setting, |setting, page| page.line(&setting.value))
        }
        ConfigCommand::Set { key, value, user: true, dry_run } => {
            let path = settings::set_user_setting(&key, &value, dry_run)?;
            let source = format!("user ({})", path.display());
            let setting = Setting { key, value, source };
            context.answer_write(dry_run, &setting, |setting, page| {
                page.line(format!("{} = {}", setting.key, setting.value));
            })
        }
        ConfigCommand::Set { key, value, user: false, dry_run } => {
            let setting = context.write_anywhere(dry_run, |transaction| transaction.set_setting(&key, &value))?;
            context.answer_write(dry_run, &setting, |setting, page| {
                page.line(format!("{} = {}", setting.key, setting.value));
            })
        }
        ConfigCommand::List => {
            let all = all_settings(context)?;
            context.answer(&all, |all, page| {
                for setting in all {
                    page.line(format!("{} = {} {}", setting.key, setting.value, styled(DIM, &setting.source)));
                }
            })
        }
    }
}

/// The settings in force: the environment's, then the store's, then the user's. Without a store, the user's and the environment's.
pub fn all_settings(context: &Context) -> Result<Vec<Setting>, Failure> {
    let mut all = match settings::store_folder(context.global.store.as_deref()) {
        Ok(_) => context.read(|snapshot| snapshot.settings())?,
        Err(_) => Vec::new(),
    };
    for setting in settings::environment() {
        all.retain(|other| other.key != setting.key);
        all.push(setting);
    }
    for setting in settings::user_settings()? {
        if !all.iter().any(|other| other.key == setting.key) {
            all.push(setting);
        }
    }
    Ok(all)
}
