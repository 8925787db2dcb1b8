//! `dm serve`.

use std::process::ExitCode;

use dm_server::{ServeConfig, ServeError};

use crate::args::ServeArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// `dm serve`: prints its URL once it listens, then serves until it is told to stop.
pub fn serve(context: &Context, args: &ServeArgs) -> Result<ExitCode, Failure> {
    let engine = context.engine()?;
    let config = ServeConfig { listen: args.listen.clone(), require_token: args.require_token };
    let json = context.global.json;
    dm_server::serve(engine, &config, &mut |url: &str| {
        let line =
            if json { format!("{}\n", serde_json::json!({ "url": url })) } else { format!("serving at {url}\n") };
        // Whoever started the server may not read its output; that does not stop it.
        drop(output::print_text(&line));
    })
    .map_err(|error| serve_failure(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn serve_failure(error: &ServeError) -> Failure {
    match error {
        ServeError::Address { .. } => Failure::usage(error.to_string()).hint("write HOST:PORT, such as 127.0.0.1:7777"),
        ServeError::Listen { .. } => {
            Failure::unable(error.to_string()).hint("choose another port with --listen; port 0 takes a free one")
        }
        ServeError::Run(_) => Failure::unable(error.to_string()),
    }
}
