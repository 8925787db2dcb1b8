//! Short ways of trying laws.

use dm_sim::agreement::Disagreement;
use proptest::prelude::*;

/// The configuration of a law that is tried on so many cases, unless the environment says otherwise. What fails is printed as
/// steps that a named test can repeat.
pub fn config(quick: u32) -> ProptestConfig {
    ProptestConfig { cases: dm_sim::cases(quick), failure_persistence: None, ..ProptestConfig::default() }
}

/// Fails the case with what disagrees.
pub fn agreed<T>(outcome: Result<T, Disagreement>) -> Result<T, TestCaseError> {
    outcome.map_err(|disagreement| TestCaseError::fail(disagreement.to_string()))
}
