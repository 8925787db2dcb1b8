//! Any bytes as a definition: what decodes is written back the same, so only one form of each is accepted, and its spans lie in its text.

#![no_main]

use dm_model::Definition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(definition) = Definition::decode(data) else { return };
    assert_eq!(definition.encode(), data, "only canonical bytes decode");
    assert_eq!(definition.hash(), Definition::hash_of(data));
    for reference in &definition.references {
        assert!(definition.text.get(reference.start as usize..reference.end() as usize).is_some());
    }
    let uses = definition.uses();
    assert!(uses.is_sorted_by(|left, right| left < right));
});
