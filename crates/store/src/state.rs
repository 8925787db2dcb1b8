//! An entity's state in its row: columns for the usual single heads, one blob for everything else.

use std::collections::BTreeMap;

use dm_collab::{EntityState, Head, RegisterState};
use dm_model::op::{decode_location, decode_register, decode_value, encode_location, encode_register, encode_value};
use dm_model::{DecodeError, Decoder, DefHash, Encoder, Location, OpId, Register, Value, Visibility};

const STATE_FORMAT: u8 = 1;
const ELEMENTS_MAX: usize = 1 << 20;

/// The state of an entity that has one head in each of content, location and visibility and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plain {
    pub content: (OpId, DefHash),
    pub location: (OpId, Option<Location>),
    pub visibility: (OpId, Visibility),
}

impl Plain {
    /// The plain form of a state, if it has one.
    pub(crate) fn of(state: &EntityState) -> Option<Self> {
        if state.registers.len() != 3
            || !state.edited_while_deleted.is_empty()
            || !state.edited_while_deprecated.is_empty()
        {
            return None;
        }
        let single = |register: Register| match state.registers.get(&register) {
            Some(RegisterState { heads, hidden, ancestor: None }) if hidden.is_empty() => match heads.as_slice() {
                [head] => Some(head),
                _ => None,
            },
            _ => None,
        };
        let content = single(Register::Content)?;
        let location = single(Register::Location)?;
        let visibility = single(Register::Visibility)?;
        match (&content.value, &location.value, &visibility.value) {
            (Value::Content(hash), Value::Location(at), Value::Visibility(who)) if state.live.iter().eq(at.iter()) => {
                Some(Self {
                    content: (content.op, *hash),
                    location: (location.op, at.clone()),
                    visibility: (visibility.op, *who),
                })
            }
            _ => None,
        }
    }

    /// The state it stands for.
    pub(crate) fn state(self) -> EntityState {
        let single = |op, value| RegisterState { heads: vec![Head { op, value }], hidden: Vec::new(), ancestor: None };
        let live = self.location.1.iter().cloned().collect();
        let registers = BTreeMap::from([
            (Register::Content, single(self.content.0, Value::Content(self.content.1))),
            (Register::Location, single(self.location.0, Value::Location(self.location.1))),
            (Register::Visibility, single(self.visibility.0, Value::Visibility(self.visibility.1))),
        ]);
        EntityState { registers, live, ..EntityState::default() }
    }
}

fn encode_head(to: &mut Encoder, head: &Head) {
    to.op_id(&head.op);
    encode_value(to, &head.value);
}

fn decode_head(from: &mut Decoder<'_>) -> Result<Head, DecodeError> {
    Ok(Head { op: from.op_id()?, value: decode_value(from)? })
}

fn encode_edits(to: &mut Encoder, edits: &BTreeMap<OpId, Vec<OpId>>) {
    to.count(edits.len());
    for (op, edits) in edits {
        to.op_id(op);
        to.list(edits, Encoder::op_id);
    }
}

fn decode_edits(from: &mut Decoder<'_>) -> Result<BTreeMap<OpId, Vec<OpId>>, DecodeError> {
    let edits = from.list(ELEMENTS_MAX, "edits beside", |from| {
        Ok((from.op_id()?, from.list(ELEMENTS_MAX, "edits", Decoder::op_id)?))
    })?;
    Ok(edits.into_iter().collect())
}

/// The bytes of a whole state, for the column `more`.
pub(crate) fn encode_state(state: &EntityState) -> Vec<u8> {
    let mut to = Encoder::new();
    to.byte(STATE_FORMAT);
    to.count(state.registers.len());
    for (register, state) in &state.registers {
        encode_register(&mut to, register);
        to.list(&state.heads, encode_head);
        to.list(&state.hidden, Encoder::op_id);
        to.option(state.ancestor.as_ref(), encode_head);
    }
    to.list(&state.live, encode_location);
    encode_edits(&mut to, &state.edited_while_deleted);
    encode_edits(&mut to, &state.edited_while_deprecated);
    to.finish()
}

/// The state in the column `more`.
pub(crate) fn decode_state(bytes: &[u8]) -> Result<EntityState, DecodeError> {
    let mut from = Decoder::new(bytes);
    let format = from.byte("state format")?;
    if format != STATE_FORMAT {
        return Err(from.unknown("state format", u64::from(format)));
    }
    let registers = from.list(ELEMENTS_MAX, "registers", |from| {
        let register = decode_register(from)?;
        let heads = from.list(ELEMENTS_MAX, "heads", decode_head)?;
        let hidden = from.list(ELEMENTS_MAX, "hidden tips", Decoder::op_id)?;
        let ancestor = from.option("ancestor", decode_head)?;
        Ok((register, RegisterState { heads, hidden, ancestor }))
    })?;
    let state = EntityState {
        registers: registers.into_iter().collect(),
        live: from.list(ELEMENTS_MAX, "live locations", decode_location)?,
        edited_while_deleted: decode_edits(&mut from)?,
        edited_while_deprecated: decode_edits(&mut from)?,
    };
    from.finish()?;
    Ok(state)
}

/// Whether people should look at the entity: contested, or edited beside a deletion or deprecation.
pub(crate) fn is_flagged(state: &EntityState) -> bool {
    state.registers.values().any(RegisterState::is_contested)
        || !state.edited_while_deleted.is_empty()
        || !state.edited_while_deprecated.is_empty()
}

/// The provisional visibility.
pub(crate) fn visibility_of(state: &EntityState) -> Option<Visibility> {
    match state.registers.get(&Register::Visibility)?.provisional()? {
        Value::Visibility(visibility) => Some(*visibility),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(n: u8) -> OpId {
        OpId::from_bytes([n; 32])
    }

    fn plain() -> Plain {
        Plain {
            content: (op(1), DefHash::from_bytes([2; 32])),
            location: (op(1), Some("Acme.Shop.total".parse().unwrap())),
            visibility: (op(3), Visibility::Internal),
        }
    }

    #[test]
    fn plain_states_come_back_and_others_do_not_pass_for_plain() {
        let state = plain().state();
        assert_eq!(Plain::of(&state), Some(plain()));
        assert!(state.is_live() && !is_flagged(&state));
        let deleted = Plain { location: (op(4), None), ..plain() }.state();
        assert!(!deleted.is_live());
        assert_eq!(Plain::of(&deleted).unwrap().location, (op(4), None));

        let mut pinned = state.clone();
        let about = dm_model::EntityId::from_bytes([7; 32]);
        let heads = vec![Head { op: op(9), value: Value::Pin(None) }];
        let pin = RegisterState { heads, hidden: Vec::new(), ancestor: None };
        pinned.registers.insert(Register::Pin(about), pin);
        assert_eq!(Plain::of(&pinned), None);

        let mut kept = state.clone();
        kept.live.push("Acme.Shop.sum".parse().unwrap());
        assert_eq!(Plain::of(&kept), None);
        let mut anchored = state;
        anchored.registers.get_mut(&Register::Content).unwrap().ancestor =
            Some(Head { op: op(8), value: Value::Content(DefHash::from_bytes([8; 32])) });
        assert_eq!(Plain::of(&anchored), None);
    }

    #[test]
    fn whole_states_come_back() {
        let mut state = plain().state();
        let contested = RegisterState {
            heads: vec![
                Head { op: op(1), value: Value::Content(DefHash::from_bytes([1; 32])) },
                Head { op: op(2), value: Value::Content(DefHash::from_bytes([2; 32])) },
            ],
            hidden: vec![op(3)],
            ancestor: Some(Head { op: op(0), value: Value::Content(DefHash::from_bytes([0; 32])) }),
        };
        state.registers.insert(Register::Content, contested);
        state.edited_while_deleted.insert(op(5), vec![op(1), op(2)]);
        state.edited_while_deprecated.insert(op(6), vec![]);
        let bytes = encode_state(&state);
        assert_eq!(decode_state(&bytes), Ok(state.clone()));
        assert!(is_flagged(&state));
        for cut in 0..bytes.len() {
            assert!(decode_state(&bytes[..cut]).is_err());
        }
    }
}
