//! Any bytes as what the private journal keeps: a session, or what a draft writes of one entity.

#![no_main]

use dm_collab::draft::DraftEntity;
use dm_model::Session;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(session) = Session::decode(data) {
        assert_eq!(session.encode(), data, "only canonical bytes decode");
    }
    if let Ok(written) = DraftEntity::decode(data) {
        // The journal is the program's own, so what it reads need not be canonical; what it writes comes back.
        assert_eq!(DraftEntity::decode(&written.encode()).as_ref(), Ok(&written));
    }
});
