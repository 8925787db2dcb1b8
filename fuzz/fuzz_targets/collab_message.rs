//! Any bytes as a message of a peer, in either version: what decodes is written back the same, and no envelope of it is taken
//! unchecked.

#![no_main]

use dm_collab::sync::{Message, Named as _, v1};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(message) = Message::decode(data) {
        assert_eq!(message.encode(), data, "only canonical bytes decode");
        assert!(!message.kind().is_empty());
    }
    if let Ok(message) = v1::Message::decode(data) {
        assert_eq!(message.encode(), data, "only canonical bytes decode");
        assert!(!message.kind().is_empty());
    }
});
