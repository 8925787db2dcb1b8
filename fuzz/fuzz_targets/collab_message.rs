//! Any bytes as a message of a peer: what decodes is written back the same, and no envelope of it is taken unchecked.

#![no_main]

use dm_collab::sync::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::decode(data) else { return };
    assert_eq!(message.encode(), data, "only canonical bytes decode");
    assert!(!message.kind().is_empty());
});
