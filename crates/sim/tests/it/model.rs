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

#[test]
fn some_are_not_trusted_where_pulls_are_wary() {
    let world = World::new(3, Watch::Never);
    let first = world.people.iter().map(|person| {
        let body = dm_model::Body::Unknown { kind: 99, bytes: Vec::new() };
        person.seal(dm_model::Space::PUBLIC, dm_model::Timestamp::from_ms(0), body).header().author_key.as_bytes()[0]
            % 2
    });
    let parities: std::collections::BTreeSet<u8> = first.collect();
    assert_eq!(parities.len(), 2);
}
