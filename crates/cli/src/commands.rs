//! One function a verb: arguments in, engine calls, an answer out.

pub mod check;
mod conflicts;
mod demo;
mod docs;
mod exchange;
mod fmt;
mod git;
mod graph;
mod import;
mod instance;
mod key;
mod pages;
mod patch;
mod patch_views;
mod read;
mod serve;
mod session;
mod space;
mod undo;
mod write;

use std::process::ExitCode;

use dm_engine::Direction;

use crate::args::{Cli, Command, ConflictsCommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::settings;

/// Runs a verb.
///
/// # Errors
/// Whatever keeps it from being done, in words.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let context = Context { global: cli.global, system: settings::system()? };
    let context = &context;
    match cli.command {
        Command::Init(args) => instance::init(context, &args),
        Command::Import(args) => import::import(context, &args),
        Command::Export(args) => import::export(context, &args),
        Command::Git(command) => git::git(context, command),
        Command::Demo(args) => demo::demo(&args),
        Command::Session(command) => session::session(context, command),
        Command::Patch(command) => patch::patch(context, command),
        Command::Add(args) => write::add(context, &args),
        Command::Edit(args) => write::edit(context, &args),
        Command::Mv(args) => write::mv(context, &args),
        Command::Rm(args) => write::rm(context, &args),
        Command::Deprecate(args) => write::deprecate(context, &args),
        Command::Undeprecate(args) => write::undeprecate(context, &args),
        Command::Pin(args) => write::pin(context, &args),
        Command::Unpin(args) => write::unpin(context, &args),
        Command::Undo(args) => undo::undo(context, &args),
        Command::Redo { dry_run } => undo::redo(context, dry_run),
        Command::Ops(args) => undo::ops(context, &args),
        Command::Status(args) => read::status(context, &args),
        Command::Diff(args) => read::diff(context, &args),
        Command::Log(args) => read::log(context, &args),
        Command::Show(args) => read::show(context, &args),
        Command::Ls(args) => read::ls(context, &args),
        Command::Tree(args) => read::tree(context, &args),
        Command::Search(args) => read::search(context, &args),
        Command::Fmt(args) => fmt::fmt(context, &args),
        Command::Blame(args) => patch_views::blame(context, &args),
        Command::Deps(args) => graph::deps(context, &args),
        Command::Dependents(args) => graph::dependents(context, &args),
        Command::Check(args) => check::check(context, &args),
        Command::Conflicts { command } => {
            conflicts::conflicts(context, command.unwrap_or(ConflictsCommand::List { check: false }))
        }
        Command::Key(command) => key::key(context, command),
        Command::Remote(command) => exchange::remote(context, command),
        Command::Space(command) => space::space(context, command),
        Command::Sync(args) => exchange::exchange(context, &args, Direction::Both),
        Command::Push(args) => exchange::exchange(context, &args, Direction::PushOnly),
        Command::Pull(args) => exchange::exchange(context, &args, Direction::PullOnly),
        Command::Serve(args) => serve::serve(context, &args),
        Command::Token(command) => instance::token(context, &command),
        Command::Verify(_) => instance::verify(context),
        Command::Rebuild(args) => instance::rebuild(context, &args),
        Command::Gc(args) => instance::gc(context, &args),
        Command::Config(command) => instance::config(context, command),
        Command::Completions { shell } => docs::completions(shell),
        Command::DocGen(what) => docs::generate(what),
    }
}
