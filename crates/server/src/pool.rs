//! Open stores for requests: each request has one to itself.

use std::sync::{Arc, Mutex, PoisonError};

use dm_engine::{Engine, EngineError};
use tokio::sync::Semaphore;

use crate::failure::Failure;

/// Requests that work at once; more of them wait. Writers queue for the store's lock anyway.
const REQUESTS_AT_ONCE: usize = 16;

/// Engines on one store, opened when needed and kept.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    idle: Mutex<Vec<Engine>>,
    /// One that stays, to open others like it.
    options: dm_engine::OpenOptions,
    turns: Semaphore,
}

impl Pool {
    /// A pool with one engine in it.
    pub fn new(engine: Engine) -> Self {
        let options = engine.options();
        Self(Arc::new(Inner { idle: Mutex::new(vec![engine]), options, turns: Semaphore::new(REQUESTS_AT_ONCE) }))
    }

    /// Runs work with an engine of its own, on a thread that may block. A panic of it fails this request and no other.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, Failure> {
        let _turn = self.0.turns.acquire().await.map_err(|_| Failure::bug("no turns are given any more"))?;
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            let idle = inner.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let engine = match idle {
                Some(engine) => engine,
                None => Engine::open(inner.options.clone())?,
            };
            let result = work(&engine);
            inner.idle.lock().unwrap_or_else(PoisonError::into_inner).push(engine);
            result
        });
        match done.await {
            Ok(result) => result.map_err(Failure::from),
            Err(_) => Err(Failure::bug("a request could not be finished")),
        }
    }
}
