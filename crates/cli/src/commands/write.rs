//! The verbs that write names.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::process::ExitCode;

use dm_engine::{EngineError, SaveRequest, SourceText, Transaction, Written};

use super::pages;
use crate::args::{AddArgs, DeprecateArgs, EditArgs, MvArgs, NameWrite, PinArgs, RmArgs, UnpinArgs, Writing};
use crate::context::Context;
use crate::editor;
use crate::failure::Failure;
use crate::output;

/// Runs a write; asks for the intent on a terminal where one is needed and none was given.
pub fn with_intent<T>(
    context: &Context,
    writing: &Writing,
    mut write: impl FnMut(&mut Transaction<'_>, Option<&str>) -> Result<T, EngineError>,
) -> Result<T, Failure> {
    let mut intent = writing.intent.clone();
    loop {
        let engine = context.engine()?;
        let mut transaction = engine.begin(&context.session(), writing.dry_run)?;
        transaction.in_space(writing.space.as_deref())?;
        match write(&mut transaction, intent.as_deref()) {
            Ok(report) => {
                transaction.commit()?;
                return Ok(report);
            }
            Err(EngineError::NoIntent) if intent.is_none() && std::io::stdin().is_terminal() => {
                drop(transaction);
                intent = Some(ask_intent()?);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Asks what the change is for.
fn ask_intent() -> Result<String, Failure> {
    output::ask("What is this change for? ")?.ok_or_else(|| EngineError::NoIntent.into())
}

pub fn answer_written(context: &Context, report: &Written) -> Result<ExitCode, Failure> {
    context.answer(report, pages::written)
}

/// The most bytes that `add` reads: no definition is larger.
pub const TEXT_BYTES_MAX: u64 = 64 << 20;

/// Reads a file, or standard input for `-`: at most so many bytes, which must be UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<SourceText, Failure> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let read = if name == "-" {
        std::io::stdin().lock().take(bytes_max + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::unable(format!("{name}: {error}")))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Failure::unable(format!("{name}: more than {} MB", bytes_max >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::from(EngineError::NotUtf8 { path: path.to_path_buf(), at: error.utf8_error().valid_up_to() })
    })?;
    Ok(SourceText { file: name, text })
}

/// `dm add`.
pub fn add(context: &Context, args: &AddArgs) -> Result<ExitCode, Failure> {
    let text = read_text(&args.file, TEXT_BYTES_MAX)?;
    let mut binds = Vec::new();
    for bind in &args.bind {
        let Some((name, location)) = bind.split_once('=') else {
            return Err(Failure::usage(format!("--bind {bind}: write NAME=MEANING")));
        };
        binds.push((name.to_owned(), location.to_owned()));
    }
    let report = with_intent(context, &args.writing, |transaction, intent| {
        transaction.save(&SaveRequest {
            text: text.clone(),
            module: args.module.clone(),
            intent: intent.map(str::to_owned),
            binds: binds.clone(),
            base: transaction.base_of(&args.base)?,
        })
    })?;
    answer_written(context, &report)
}

/// `dm edit`: the rendering goes to the editor, and comes back with the base it was made from.
pub fn edit(context: &Context, args: &EditArgs) -> Result<ExitCode, Failure> {
    let mut writing = args.writing.clone();
    // Asked before anything is typed: where the text goes, and why.
    let (opened, may_write) = {
        let engine = context.engine()?;
        let snapshot = engine.snapshot_for_writing(&context.session())?;
        (snapshot.open_for_edit(&args.name)?, snapshot.may_write(writing.intent.as_deref()))
    };
    match may_write {
        Err(EngineError::NoIntent) if std::io::stdin().is_terminal() => writing.intent = Some(ask_intent()?),
        other => other?,
    }
    let folder = tempfile::Builder::new()
        .prefix("dm-edit-")
        .tempdir()
        .map_err(|error| Failure::unable(format!("no temporary folder: {error}")))?;
    let path = folder.path().join(format!("{}.dark", opened.location));
    let fail = |error: std::io::Error| Failure::unable(format!("{}: {error}", path.display()));
    std::fs::write(&path, &opened.text).map_err(fail)?;
    editor::edit(&path)?;
    let text = std::fs::read_to_string(&path).map_err(fail)?;
    if text == opened.text {
        output::say("nothing was changed");
        return Ok(ExitCode::SUCCESS);
    }
    if text.trim().is_empty() {
        return Err(Failure::refused("the text is empty; nothing was written")
            .hint(format!("`dm rm {}` deletes the definition", opened.location)));
    }
    let request = |intent: Option<&str>| SaveRequest {
        text: SourceText { file: format!("{}.dark", opened.location), text: text.clone() },
        module: None,
        intent: intent.map(str::to_owned),
        binds: Vec::new(),
        base: Some(opened.base.clone()),
    };
    match with_intent(context, &writing, |transaction, intent| transaction.save(&request(intent))) {
        Ok(report) => answer_written(context, &report),
        Err(failure) => {
            // What was typed is never lost with the temporary folder.
            let kept = folder.keep().join(format!("{}.dark", opened.location));
            Err(failure.hint(format!("your text is kept in {}", kept.display())))
        }
    }
}

/// `dm mv`.
pub fn mv(context: &Context, args: &MvArgs) -> Result<ExitCode, Failure> {
    let report =
        with_intent(context, &args.writing, |transaction, intent| transaction.mv(&args.old, &args.new, intent))?;
    answer_written(context, &report)
}

/// `dm rm`.
pub fn rm(context: &Context, args: &RmArgs) -> Result<ExitCode, Failure> {
    let report =
        with_intent(context, &args.writing, |transaction, intent| transaction.rm(&args.name, args.published, intent))?;
    answer_written(context, &report)
}

/// `dm deprecate`.
pub fn deprecate(context: &Context, args: &DeprecateArgs) -> Result<ExitCode, Failure> {
    let report = with_intent(context, &args.writing, |transaction, intent| {
        transaction.deprecate(&args.name, &args.reason, args.replacement.as_deref(), intent)
    })?;
    answer_written(context, &report)
}

/// `dm undeprecate`.
pub fn undeprecate(context: &Context, args: &NameWrite) -> Result<ExitCode, Failure> {
    let report =
        with_intent(context, &args.writing, |transaction, intent| transaction.undeprecate(&args.name, intent))?;
    answer_written(context, &report)
}

/// `dm pin`.
pub fn pin(context: &Context, args: &PinArgs) -> Result<ExitCode, Failure> {
    let report = with_intent(context, &args.writing, |transaction, intent| {
        transaction.pin(&args.name, &args.dependency, args.version.as_deref(), intent)
    })?;
    answer_written(context, &report)
}

/// `dm unpin`.
pub fn unpin(context: &Context, args: &UnpinArgs) -> Result<ExitCode, Failure> {
    let report = with_intent(context, &args.writing, |transaction, intent| {
        transaction.unpin(&args.name, &args.dependency, intent)
    })?;
    answer_written(context, &report)
}
