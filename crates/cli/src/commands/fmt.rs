//! `dm fmt`: layout, where it is asked for.

use std::path::Path;
use std::process::ExitCode;

use dm_engine::{FormatOptions, SourceText};

use super::write;
use crate::args::FmtArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// `dm fmt`.
pub fn fmt(context: &Context, args: &FmtArgs) -> Result<ExitCode, Failure> {
    let is_file = |name: &&String| *name == "-" || Path::new(name).extension().is_some_and(|of| of == "dark");
    let files: Vec<&String> = args.names.iter().filter(is_file).collect();
    match files.as_slice() {
        [] => definitions(context, args),
        [file] if args.names.len() == 1 => {
            let source = write::read_text(Path::new(file), write::TEXT_BYTES_MAX)?;
            one_file(context, args, &source)
        }
        _ => Err(Failure::usage("one file at a time, and no definitions beside it")),
    }
}

/// A file has no place in the store: it is printed.
fn one_file(context: &Context, args: &FmtArgs, source: &SourceText) -> Result<ExitCode, Failure> {
    if context.global.json {
        return Err(Failure::usage("a file is printed as it is laid out; --json is for definitions of the store"));
    }
    let laid = dm_engine::format_file(source, &options(context)?)?;
    if args.check {
        let same = laid == source.text;
        output::say(format!("{}: {}", source.file, if same { "laid out" } else { "not laid out" }));
        return Ok(if same { ExitCode::SUCCESS } else { ExitCode::from(1) });
    }
    output::print_text(&laid)?;
    Ok(ExitCode::SUCCESS)
}

fn definitions(context: &Context, args: &FmtArgs) -> Result<ExitCode, Failure> {
    let options = options(context)?;
    let mut writing = args.writing.clone();
    if args.check {
        writing.dry_run = true;
        // Nothing is written, so nobody has to say why.
        writing.intent.get_or_insert_with(|| "Lay out".to_owned());
    }
    let report =
        write::with_intent(context, &writing, |transaction, intent| transaction.fmt(&args.names, &options, intent))?;
    let clean = report.changes.is_empty();
    let code = write::answer_written(context, &report)?;
    Ok(if args.check && !clean { ExitCode::from(1) } else { code })
}

/// The layout that is wanted: by the settings of the store, else of the user.
pub fn options(context: &Context) -> Result<FormatOptions, Failure> {
    Ok(dm_engine::format_options(&super::instance::all_settings(context)?)?)
}
