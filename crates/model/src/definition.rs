//! Definitions: the exact text of one declaration and what its names mean.
//!
//! The text is opaque here. Which spans are references is decided by `dm-lang`; this crate only keeps and hashes them.

use crate::codec::{self, DecodeError, Decoder, Domain, Encoder};
use crate::id::{DefHash, EntityId};

/// Version of the definition format, part of every [`DefHash`].
pub const DEFINITION_FORMAT: u8 = 1;
/// Most bytes of one definition's text: far above any real one, small enough to hold in memory many times over.
pub const DEFINITION_TEXT_BYTES_MAX: usize = 4 << 20;
/// Most references of one definition.
pub const REFERENCES_MAX: usize = 1 << 20;
const BUILTIN_NAME_BYTES_MAX: usize = 512;

/// What a definition defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A function.
    Fn,
    /// A type.
    Type,
    /// A value.
    Value,
    /// An assertion.
    Test,
}

impl Kind {
    /// All kinds, in the order in which people read them.
    pub const ALL: [Self; 4] = [Self::Fn, Self::Type, Self::Value, Self::Test];

    /// The word for the kind, as in `--json` and messages: `fn`, `type`, `value`, `test`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fn => "fn",
            Self::Type => "type",
            Self::Value => "value",
            Self::Test => "test",
        }
    }

    /// The stable number of the kind, in formats and stores.
    #[must_use]
    pub const fn tag(self) -> u8 {
        match self {
            Self::Fn => 1,
            Self::Type => 2,
            Self::Value => 3,
            Self::Test => 4,
        }
    }

    /// The kind with that number.
    #[must_use]
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.tag() == tag)
    }
}

/// What a reference means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A named thing, by identity.
    Entity(EntityId),
    /// A function or value of the runtime.
    Builtin {
        /// Its name, without version.
        name: String,
        /// Its version.
        version: u32,
    },
    /// A name that meant nothing when it was written; looked up again when linking (SEMANTICS R27).
    Unresolved,
}

/// How the span spells its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceForm {
    /// The span is a name or dotted path that can be written otherwise (SEMANTICS R26).
    Path,
    /// The span means its target by the language's own rules (a bare `Some`, the `@` operator) and is never re-spelled.
    Implicit,
}

/// A span of a definition's text and what it means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// First byte of the span.
    pub start: u32,
    /// Length in bytes, at least 1.
    pub length: u32,
    /// How the span spells the target.
    pub form: ReferenceForm,
    /// What it means.
    pub target: Target,
}

impl Reference {
    /// Byte behind the span.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.start.saturating_add(self.length)
    }

    /// The entity meant, if it is one.
    #[must_use]
    pub fn entity(&self) -> Option<EntityId> {
        match self.target {
            Target::Entity(entity) => Some(entity),
            Target::Builtin { .. } | Target::Unresolved => None,
        }
    }
}

/// What an author wrote: the exact text of one declaration and what its names mean. Immutable, addressed by [`DefHash`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Definition {
    /// What it defines.
    pub kind: Kind,
    /// The text, lines ending in LF.
    pub text: String,
    /// References in order of their spans, which do not overlap.
    pub references: Vec<Reference>,
}

impl Definition {
    /// The canonical bytes, as stored and sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        to.byte(DEFINITION_FORMAT);
        to.byte(self.kind.tag());
        to.text(&self.text);
        let mut end = 0;
        to.list(&self.references, |to, reference| {
            to.uint(u64::from(reference.start - end));
            to.uint(u64::from(reference.length));
            encode_target(to, reference);
            end = reference.end();
        });
        to.finish()
    }

    /// The definition in these canonical bytes.
    ///
    /// # Errors
    /// If the bytes are not exactly what [`Definition::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let format = from.byte("definition format")?;
        if format != DEFINITION_FORMAT {
            return Err(from.unknown("definition format", u64::from(format)));
        }
        let tag = from.byte("kind")?;
        let kind = Kind::from_tag(tag).ok_or_else(|| from.unknown("kind", u64::from(tag)))?;
        let text = from.text(DEFINITION_TEXT_BYTES_MAX, "definition text")?.to_owned();
        if text.contains("\r\n") {
            return Err(from.not_canonical("a line ending that is not LF"));
        }
        let mut end = 0;
        let references = from.list(REFERENCES_MAX, "references", |from| {
            let reference = decode_reference(from, end, &text)?;
            end = reference.end();
            Ok(reference)
        })?;
        from.finish()?;
        Ok(Self { kind, text, references })
    }

    /// The hash of what was written.
    #[must_use]
    pub fn hash(&self) -> DefHash {
        Self::hash_of(&self.encode())
    }

    /// The hash of canonical bytes, which are not checked.
    #[must_use]
    pub fn hash_of(bytes: &[u8]) -> DefHash {
        DefHash::from_bytes(codec::hash(Domain::Definition, DEFINITION_FORMAT, &[bytes]))
    }

    /// The entities referred to, each once, ascending.
    #[must_use]
    pub fn uses(&self) -> Vec<EntityId> {
        let mut uses: Vec<_> = self.references.iter().filter_map(Reference::entity).collect();
        uses.sort_unstable();
        uses.dedup();
        uses
    }
}

fn encode_target(to: &mut Encoder, reference: &Reference) {
    let implicit = u8::from(reference.form == ReferenceForm::Implicit) << 4;
    match &reference.target {
        Target::Unresolved => to.byte(implicit),
        Target::Entity(entity) => {
            to.byte(implicit | 1);
            to.entity_id(entity);
        }
        Target::Builtin { name, version } => {
            to.byte(implicit | 2);
            to.text(name);
            to.uint(u64::from(*version));
        }
    }
}

fn decode_reference(from: &mut Decoder<'_>, end: u32, text: &str) -> Result<Reference, DecodeError> {
    let gap = from.count(DEFINITION_TEXT_BYTES_MAX, "gap before a reference")?;
    let length = from.count(DEFINITION_TEXT_BYTES_MAX, "reference length")?;
    let start = end as usize + gap;
    let inside = length > 0 && text.get(start..start + length).is_some();
    let (Ok(start), Ok(length), true) = (u32::try_from(start), u32::try_from(length), inside) else {
        return Err(from.not_canonical("a reference outside the text"));
    };
    let tag = from.byte("reference target")?;
    let form = if tag & 0x10 == 0 { ReferenceForm::Path } else { ReferenceForm::Implicit };
    let target = match tag & !0x10 {
        0 => Target::Unresolved,
        1 => Target::Entity(from.entity_id()?),
        2 => {
            let name = from.text(BUILTIN_NAME_BYTES_MAX, "builtin name")?.to_owned();
            let version = from.count(u32::MAX as usize, "builtin version")?;
            Target::Builtin { name, version: u32::try_from(version).unwrap_or(u32::MAX) }
        }
        _ => return Err(from.unknown("reference target", u64::from(tag))),
    };
    Ok(Reference { start, length, form, target })
}
