//! Any bytes as an op: what decodes is written back the same, and what is said of it fits its bytes.

#![no_main]

use dm_model::{Op, Register};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(op) = Op::decode(data) else { return };
    assert_eq!(op.encode(), data, "only canonical bytes decode");
    assert_eq!(op.id(), Op::id_of(data));
    for register in op.action.registers() {
        let value = op.action.value(register);
        assert!(value.is_some() || !op.is_known(), "a known op has a value for each of its registers");
    }
    assert!(op.content().is_none_or(|_| op.action.registers().iter().any(writes_content)));
    assert!(op.needs().count() <= op.supersedes.len() + op.after.len());
});

fn writes_content(register: &Register) -> bool {
    matches!(register, Register::Content | Register::Pin(_))
}
