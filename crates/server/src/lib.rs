//! An instance over HTTP: the sync door, the simple doors for scripts, health.
//!
//! This is the one async crate. Each request enters the engine on a blocking thread with a store connection of its own, so that
//! a slow one keeps nobody waiting; what the engine decides is answered, what it refuses is put into words here
//! (`failure`), and nothing else is decided. Deliberately absent: TLS (a reverse proxy's), accounts, events, web pages.
//!
//! Start reading at [`serve`], then `doors`.

mod doors;
mod dto;
mod failure;
mod patience;
mod pool;

use std::future::IntoFuture as _;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use dm_engine::Engine;
use tokio::signal::unix::{SignalKind, signal};

pub use dm_collab::sync::PROTOCOL_VERSION;

use crate::pool::Pool;

/// Threads that turn requests into answers; the work is done on blocking threads beside them.
const WORKER_THREADS: usize = 2;
/// How long a connection lasts on which nothing is answered: longer than a request may take once its head is there, so that this
/// only ends heads that never arrive whole, and connections that nobody uses.
const CONNECTION_SECONDS_MAX: u64 = 330;
/// How long requests under way may take to be answered once the server is told to stop: one that never arrives whole must not
/// keep it. Work on the store is finished in any case.
const STOP_SECONDS_MAX: u64 = 5;

/// How a store is served.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// Whether a token is asked for even before the first one was made.
    pub require_token: bool,
    /// The latest version of the protocol that is spoken: [`PROTOCOL_VERSION`], unless peers are to meet an older server.
    pub protocol_max: u8,
}

/// Why a store is not served, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is none.
    #[error("`{listen}` is no address to listen at: {source}")]
    Address {
        /// What was given.
        listen: String,
        /// Why.
        source: std::io::Error,
    },
    /// The port is taken, or not permitted.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system refuses threads, signals or sockets.
    #[error("the server cannot run: {0}")]
    Run(#[from] std::io::Error),
}

/// Serves a store until the process is told to stop (SIGINT, SIGTERM); requests under way are answered first, as far as that
/// takes a few seconds only. `ready` hears the URL once it listens.
///
/// # Errors
/// If it cannot listen there.
pub fn serve(engine: Engine, config: &ServeConfig, ready: &mut dyn FnMut(&str)) -> Result<(), ServeError> {
    run(engine, config, ready, || {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    })
}

/// Serves a store as [`serve`] does, until `stop` is over.
///
/// # Errors
/// If it cannot listen there.
pub fn serve_until(
    engine: Engine,
    config: &ServeConfig,
    ready: &mut dyn FnMut(&str),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    run(engine, config, ready, || Ok(stop))
}

fn run<S: Future<Output = ()>>(
    engine: Engine,
    config: &ServeConfig,
    ready: &mut dyn FnMut(&str),
    stop: impl FnOnce() -> std::io::Result<S>,
) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKER_THREADS).enable_all().build()?;
    let address = |source| ServeError::Address { listen: config.listen.clone(), source };
    let resolved = config.listen.to_socket_addrs().map_err(address)?.next();
    let resolved = resolved.ok_or_else(|| address(std::io::Error::other("it names no host")))?;
    let app = doors::router(Pool::new(engine), config.require_token, config.protocol_max);
    runtime.block_on(async {
        // Asked for before anyone is told where to connect, so that no signal after that is missed.
        let stop = stop()?;
        let listening = tokio::net::TcpListener::bind(resolved).await;
        let listener = listening.map_err(|source| ServeError::Listen { address: resolved, source })?;
        ready(&format!("http://{}", listener.local_addr()?));
        let (tell, told) = tokio::sync::oneshot::channel();
        let listener = patience::Patient::new(listener, Duration::from_secs(CONNECTION_SECONDS_MAX));
        let serving = axum::serve(listener, app).with_graceful_shutdown(async { drop(told.await) });
        let overdue = async move {
            stop.await;
            // Nobody hears it where the server has ended by itself.
            let _ = tell.send(());
            tokio::time::sleep(Duration::from_secs(STOP_SECONDS_MAX)).await;
        };
        tokio::select! {
            served = serving.into_future() => served?,
            () = overdue => {}
        }
        Ok(())
    })
}
