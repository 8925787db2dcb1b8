//! Canonical bytes: one value has one encoding, and nothing else decodes.
//!
//! Integers are LEB128 varints in their shortest form, text is a length and UTF-8, lists are a count and their elements,
//! sets are strictly ascending lists. Everything a decoder reads is bounded by what is left to read, so a lying length
//! costs nothing. `docs/formats` has a page for each format made of these.

use crate::id::{DefHash, EntityId, EnvelopeId, InstanceId, OpId, PatchId, SessionId};
use crate::time::Timestamp;

/// What is being hashed; the first byte of every hash input, followed by a format version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// A definition as written.
    Definition = 1,
    /// An op.
    Op = 2,
    /// An envelope.
    Envelope = 3,
    /// An entity's birth.
    Entity = 4,
    /// An instance's first public key.
    Instance = 5,
    /// The state of an entity in a view, summed into the view fingerprint.
    ViewState = 6,
    /// A conflict's identity.
    Conflict = 7,
    /// An element of a set fingerprint.
    SetElement = 8,
    /// What keys sign to name others, or to agree to follow them.
    KeyChange = 9,
    /// What a definition means in a view.
    Link = 10,
}

/// BLAKE3-256 over the domain, the version byte and the parts in order.
#[must_use]
pub fn hash(domain: Domain, version: u8, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[domain as u8, version]);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Bytes that are not the canonical encoding of what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("the bytes end at {at}, inside {what}")]
    Truncated {
        /// Offset of the missing byte.
        at: usize,
        /// What was being read.
        what: &'static str,
    },
    /// Bytes follow the value.
    #[error("{extra} bytes follow the end at {at}")]
    Trailing {
        /// Offset of the first byte too many.
        at: usize,
        /// How many bytes follow.
        extra: usize,
    },
    /// The bytes are not the shortest or ordered form, or a value is out of range.
    #[error("not canonical at {at}: {what}")]
    NotCanonical {
        /// Offset behind the offending value.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A tag or version that this program does not know.
    #[error("unknown {what} {value} at {at}")]
    Unknown {
        /// Offset behind the tag.
        at: usize,
        /// What the tag selects.
        what: &'static str,
        /// The tag.
        value: u64,
    },
    /// A count or length above the format's limit.
    #[error("{what} of {value} is above the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The value read.
        value: u64,
        /// The most that the format allows.
        limit: u64,
    },
}

/// Writes canonical bytes.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An empty encoder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes are written.
    #[must_use]
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// One byte.
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// An unsigned integer, LEB128.
    pub fn uint(&mut self, mut value: u64) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                self.bytes.push(low);
                return;
            }
            self.bytes.push(low | 0x80);
        }
    }

    /// A length or count.
    pub fn count(&mut self, value: usize) {
        self.uint(value as u64);
    }

    /// Bytes of a length known to the format.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes behind their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    /// Text behind its length in bytes.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A time, 8 bytes big-endian.
    pub fn time(&mut self, time: Timestamp) {
        self.raw(&time.as_ms().to_be_bytes());
    }

    /// A list: count, then each element.
    pub fn list<T>(&mut self, elements: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.count(elements.len());
        for element in elements {
            each(self, element);
        }
    }

    /// Nothing (0) or a value (1, value).
    pub fn option<T>(&mut self, value: Option<&T>, each: impl FnOnce(&mut Self, &T)) {
        match value {
            None => self.byte(0),
            Some(value) => {
                self.byte(1);
                each(self, value);
            }
        }
    }
}

/// Reads canonical bytes; every method moves forward or fails.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// A decoder at the start of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// The error for a value that was read but may not stand here.
    #[must_use]
    pub fn not_canonical(&self, what: &'static str) -> DecodeError {
        DecodeError::NotCanonical { at: self.at, what }
    }

    /// The error for a tag that is not known.
    #[must_use]
    pub fn unknown(&self, what: &'static str, value: u64) -> DecodeError {
        DecodeError::Unknown { at: self.at, what, value }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] if bytes are left.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            extra => Err(DecodeError::Trailing { at: self.at, extra }),
        }
    }

    /// Bytes of a known length.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn raw(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(length);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => Err(DecodeError::Truncated { at: self.bytes.len(), what }),
        }
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] at the end.
    pub fn byte(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        let taken = self.raw(1, what)?;
        taken.first().copied().ok_or(DecodeError::Truncated { at: self.at, what })
    }

    /// An unsigned integer in its shortest LEB128 form.
    ///
    /// # Errors
    /// Truncated, longer than needed, or above `u64`.
    pub fn uint(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(what)?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(self.not_canonical("integer above 64 bits"));
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(self.not_canonical("integer longer than needed"));
                }
                return Ok(value);
            }
        }
        Err(self.not_canonical("integer above 64 bits"))
    }

    /// A length or count of at most `limit`.
    ///
    /// # Errors
    /// As [`Decoder::uint`], or [`DecodeError::TooLarge`].
    pub fn count(&mut self, limit: usize, what: &'static str) -> Result<usize, DecodeError> {
        let value = self.uint(what)?;
        match usize::try_from(value) {
            Ok(count) if count <= limit => Ok(count),
            _ => Err(DecodeError::TooLarge { what, value, limit: limit as u64 }),
        }
    }

    /// Bytes behind their length.
    ///
    /// # Errors
    /// Truncated or longer than `limit`.
    pub fn bytes(&mut self, limit: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = self.count(limit, what)?;
        self.raw(length, what)
    }

    /// Text behind its length in bytes.
    ///
    /// # Errors
    /// Truncated, longer than `limit`, or not UTF-8.
    pub fn text(&mut self, limit: usize, what: &'static str) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes(limit, what)?;
        std::str::from_utf8(bytes).map_err(|_| self.not_canonical("text that is not UTF-8"))
    }

    /// A time.
    ///
    /// # Errors
    /// Truncated.
    pub fn time(&mut self, what: &'static str) -> Result<Timestamp, DecodeError> {
        let bytes = self.array::<8>(what)?;
        Ok(Timestamp::from_ms(i64::from_be_bytes(bytes)))
    }

    /// A fixed number of bytes.
    ///
    /// # Errors
    /// Truncated.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let taken = self.raw(N, what)?;
        taken.try_into().map_err(|_| DecodeError::Truncated { at: self.at, what })
    }

    /// A list of at most `limit` elements.
    ///
    /// # Errors
    /// As the elements, or too many of them.
    pub fn list<T>(
        &mut self,
        limit: usize,
        what: &'static str,
        mut each: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.count(limit, what)?;
        // An element has at least one byte, so a lying count cannot reserve more than was sent.
        let mut elements = Vec::with_capacity(count.min(self.remaining()));
        for _ in 0..count {
            elements.push(each(self)?);
        }
        Ok(elements)
    }

    /// A set: a list whose elements ascend strictly.
    ///
    /// # Errors
    /// As [`Decoder::list`], or out of order.
    pub fn set<T: Ord>(
        &mut self,
        limit: usize,
        what: &'static str,
        each: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let elements = self.list(limit, what, each)?;
        let ascending = elements.iter().zip(elements.iter().skip(1)).all(|(left, right)| left < right);
        if ascending { Ok(elements) } else { Err(self.not_canonical("a set out of order")) }
    }

    /// Nothing or a value.
    ///
    /// # Errors
    /// As the value, or a tag that is neither 0 nor 1.
    pub fn option<T>(
        &mut self,
        what: &'static str,
        each: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.byte(what)? {
            0 => Ok(None),
            1 => each(self).map(Some),
            _ => Err(self.not_canonical("an option that is neither 0 nor 1")),
        }
    }
}

macro_rules! id_codec {
    ($($name:ident $lower:ident),*) => {
        impl Encoder {
            $(
                #[doc = concat!("A [`", stringify!($name), "`], raw.")]
                pub fn $lower(&mut self, id: &$name) {
                    self.raw(id.as_bytes());
                }
            )*
        }
        impl Decoder<'_> {
            $(
                #[doc = concat!("A [`", stringify!($name), "`].")]
                ///
                /// # Errors
                /// Truncated.
                pub fn $lower(&mut self) -> Result<$name, DecodeError> {
                    self.array(stringify!($lower)).map($name::from_bytes)
                }
            )*
        }
    };
}

id_codec!(
    DefHash def_hash, EntityId entity_id, OpId op_id, EnvelopeId envelope_id, InstanceId instance_id, PatchId patch_id,
    SessionId session_id
);
