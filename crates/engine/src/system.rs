//! The outside world as the engine needs it: the time and dice. A front end hands one in; tests hand in a fixed one.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use dm_model::{PatchId, SessionId, Timestamp};

/// Clock and randomness.
pub trait System: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Random bytes.
    ///
    /// # Errors
    /// If the operating system has none to give.
    fn random(&self) -> std::io::Result<[u8; 32]>;
}

/// The real clock and the operating system's randomness.
#[derive(Debug, Default)]
pub struct RealSystem;

impl System for RealSystem {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn random(&self) -> std::io::Result<[u8; 32]> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        Ok(bytes)
    }
}

/// A clock that stands where it was put and moves one millisecond a reading, and dice that follow a seed.
#[derive(Debug)]
pub struct FixedSystem {
    state: Mutex<(i64, u64)>,
    seed: String,
}

impl FixedSystem {
    /// A clock at `now`, dice of `seed`.
    #[must_use]
    pub fn new(now: Timestamp, seed: impl Into<String>) -> Self {
        Self { state: Mutex::new((now.as_ms(), 0)), seed: seed.into() }
    }
}

impl System for FixedSystem {
    fn now(&self) -> Timestamp {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0 += 1;
        Timestamp::from_ms(state.0)
    }

    fn random(&self) -> std::io::Result<[u8; 32]> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.1 += 1;
        let seed = format!("{}/{}", self.seed, state.1);
        Ok(dm_model::codec::hash(dm_model::codec::Domain::SetElement, 0, &[seed.as_bytes()]))
    }
}

fn uuid_v7(system: &dyn System) -> std::io::Result<[u8; 16]> {
    let random = system.random()?;
    let mut tail = [0u8; 10];
    for (to, from) in tail.iter_mut().zip(random) {
        *to = from;
    }
    let ms = u64::try_from(system.now().as_ms()).unwrap_or(0);
    Ok(*uuid::Builder::from_unix_timestamp_millis(ms, &tail).as_uuid().as_bytes())
}

/// A new patch's id.
///
/// # Errors
/// If there is no randomness.
pub fn new_patch_id(system: &dyn System) -> std::io::Result<PatchId> {
    uuid_v7(system).map(PatchId::from_bytes)
}

/// A new session's id.
///
/// # Errors
/// If there is no randomness.
pub fn new_session_id(system: &dyn System) -> std::io::Result<SessionId> {
    uuid_v7(system).map(SessionId::from_bytes)
}
