//! `dm`: Darkmatter from a terminal.
//!
//! This crate turns what is typed into calls of the engine and what the engine answers into text or JSON. It holds no rule of
//! its own: if another front end would need a decision too, it is the engine's. Start reading at `args`, then `commands`.

mod args;
mod commands;
mod context;
mod editor;
mod failure;
mod output;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, ColorWhen};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match cli.global.color {
        ColorWhen::Auto => {}
        ColorWhen::Always => anstream::ColorChoice::Always.write_global(),
        ColorWhen::Never => anstream::ColorChoice::Never.write_global(),
    }
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => {
            failure.show();
            ExitCode::from(failure.exit_code())
        }
    }
}
