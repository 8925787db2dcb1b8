//! The incremental fold against the naive model, after every envelope that anyone receives.

use dm_sim::history::anything;
use dm_sim::{Watch, World};
use proptest::prelude::*;

use crate::play::{agreed, config};

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn product_and_model_agree_after_every_envelope(steps in anything(1..40)) {
        agreed(World::new(3, Watch::Always).play(&steps))?;
    }
}
