//! `dm serve`.

use std::net::SocketAddr;
use std::process::ExitCode;

use dm_engine::Access;
use dm_server::{PROTOCOL_VERSION, ServeConfig, ServeError};

use crate::args::ServeArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// `dm serve`: prints its URL once it listens, then serves until it is told to stop.
pub fn serve(context: &Context, args: &ServeArgs) -> Result<ExitCode, Failure> {
    let engine = context.engine()?;
    let config =
        ServeConfig { listen: args.listen.clone(), require_token: args.require_token, protocol_max: PROTOCOL_VERSION };
    let json = context.global.json;
    let open_to_all = matches!(engine.access(None, args.require_token)?, Access::Granted(_));
    dm_server::serve(engine, &config, &mut |url: &str| {
        let line =
            if json { format!("{}\n", serde_json::json!({ "url": url })) } else { format!("serving at {url}\n") };
        if open_to_all && !is_local(url) {
            output::say(format!(
                "{} everyone who reaches {url} can read and write here; `dm token create NAME` makes a key, from the first one on \
                 everyone must show one",
                output::styled(output::WARN, "warning:")
            ));
        }
        // Whoever started the server may not read its output; that does not stop it.
        drop(output::print_text(&line));
    })
    .map_err(|error| serve_failure(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// Whether only this machine reaches a URL.
fn is_local(url: &str) -> bool {
    let address = url.strip_prefix("http://").and_then(|address| address.parse::<SocketAddr>().ok());
    address.is_some_and(|address| address.ip().is_loopback())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_local() {
        for local in ["http://127.0.0.1:7777", "http://[::1]:80"] {
            assert!(is_local(local), "{local}");
        }
        for wide in ["http://0.0.0.0:7777", "http://192.168.1.4:7777", "http://[::]:7777", "nonsense"] {
            assert!(!is_local(wide), "{wide}");
        }
    }
}
