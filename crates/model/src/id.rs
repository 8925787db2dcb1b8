//! One newtype per id, all made by one macro, so that no two can be confused.
//!
//! Hash ids are 32 bytes of BLAKE3; patch and session ids are the 16 bytes of a UUIDv7. All print as lower-case hex and
//! order by their bytes. A UUIDv7 begins with its time, which ids of one day share, so it is spelled from its random end:
//! the shortest unique prefix stays short.

use std::fmt;
use std::str::FromStr;

/// A text that is not the hex form of an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} hex digits, found {found:?}")]
pub struct IdParseError {
    /// How many hex digits the id has.
    pub digits: usize,
    /// The text that was given.
    pub found: String,
}

pub(crate) fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], IdParseError> {
    let bad = || IdParseError { digits: N * 2, found: text.chars().take(80).collect() };
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return Err(bad());
    }
    let mut bytes = [0u8; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else {
            return Err(bad());
        };
        let (Some(high), Some(low)) = (hex_value(high), hex_value(low)) else {
            return Err(bad());
        };
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

/// Only lower-case digits: an id has one spelling.
fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// How a hash is spelled.
fn in_order<const N: usize>(bytes: [u8; N]) -> [u8; N] {
    bytes
}

/// How a UUIDv7 is spelled; its own inverse.
fn random_end_first<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    bytes.reverse();
    bytes
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $spelled:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $bytes;

            /// The id with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The bytes of the id.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// The id in a slice, if it has the right length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The first 8 bytes as an integer: the key of narrow indexes, not unique.
            #[must_use]
            pub fn prefix64(&self) -> i64 {
                let mut first = [0u8; 8];
                for (to, from) in first.iter_mut().zip(self.0.iter()) {
                    *to = *from;
                }
                i64::from_be_bytes(first)
            }

            /// The bytes in the order in which they are spelled.
            #[must_use]
            pub fn spelled(&self) -> [u8; $bytes] {
                $spelled(self.0)
            }

            /// The id whose bytes are these in the order in which they are spelled.
            #[must_use]
            pub fn from_spelled(bytes: [u8; $bytes]) -> Self {
                Self($spelled(bytes))
            }

            /// The first 8 hex digits, for reading; not unique.
            #[must_use]
            pub fn short(&self) -> String {
                self.to_string().chars().take(8).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $spelled(self.0).iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdParseError;
            fn from_str(text: &str) -> Result<Self, IdParseError> {
                parse_hex(text).map(|bytes| Self($spelled(bytes)))
            }
        }
    };
}

id!(
    /// Hash of what was written: kind, text and references of one definition.
    DefHash, 32, in_order
);
id!(
    /// Hash of what a definition means in a view (SEMANTICS R18).
    LinkHash, 32, in_order
);
id!(
    /// Lasting identity of a named thing (SEMANTICS R5).
    EntityId, 32, in_order
);
id!(
    /// Hash of an op: entity, registers, values, supersedes, witness; never patch, author, time or space (SEMANTICS R6).
    OpId, 32, in_order
);
id!(
    /// Hash of an envelope's canonical bytes.
    EnvelopeId, 32, in_order
);
id!(
    /// Hash of the first public key of an instance; also the name of its main.
    InstanceId, 32, in_order
);
id!(
    /// A patch, across all its revisions: the bytes of a UUIDv7.
    PatchId, 16, random_end_first
);
id!(
    /// A session: the bytes of a UUIDv7.
    SessionId, 16, random_end_first
);

/// A revision is the envelope that carries it.
pub type RevisionId = EnvelopeId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_through_hex_and_refuse_other_spellings() {
        let id = PatchId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.to_string().parse::<PatchId>(), Ok(id));
        assert!("12".parse::<PatchId>().is_err());
        assert!("é23456789abcdef0123456789abcde".parse::<PatchId>().is_err());
        assert!("AF".repeat(16).parse::<PatchId>().is_err());
    }
}
