//! `dm serve`.

use std::process::ExitCode;

use crate::args::ServeArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// `dm serve`: prints its URL once it listens, then serves until it is told to stop.
pub fn serve(context: &Context, args: &ServeArgs) -> Result<ExitCode, Failure> {
    let engine = context.engine()?;
    let config = dm_server::ServeConfig { listen: args.listen.clone(), require_token: args.require_token };
    let json = context.global.json;
    dm_server::serve(engine, config, &mut |url: &str| {
        let line = if json { format!("{}\n", serde_json::json!({ "url": url })) } else { format!("serving at {url}\n") };
        // Whoever started the server may not read its output; that does not stop it.
        drop(output::print_text(&line));
    })
    .map_err(|error| Failure::unable(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
