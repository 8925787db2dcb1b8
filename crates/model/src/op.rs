//! Ops: each writes registers of one entity and names the writes it replaces.
//!
//! An op's bytes open with a header that every version can read (kind, entity, registers, supersedes, witness, after), so an
//! op of a later version is kept, forwarded and counted in needs, never half understood (SEMANTICS R3).
//!
//! `AddContent` of the design is not spelled out in bytes: an op that names a [`DefHash`] adds that content, and whoever
//! lists ops shows it. One fact is stored once.

use crate::codec::{self, DecodeError, Decoder, Domain, Encoder};
use crate::entity::entity_id;
use crate::id::{DefHash, EntityId, OpId};
use crate::location::Location;

/// Version of the op format, part of every [`OpId`].
pub const OP_FORMAT: u8 = 1;
/// Most ops that one op may name in each of its lists.
pub const OP_PARENTS_MAX: usize = 4096;
/// Most bytes of a deprecation's reason.
pub const REASON_BYTES_MAX: usize = 4096;
const PAYLOAD_BYTES_MAX: usize = 1 << 20;
const REGISTERS_MAX: usize = 16;

/// Who may refer to a name; never who may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Visibility {
    /// Everyone.
    Public,
    /// Definitions of the same owner.
    Internal,
    /// Definitions of the same module.
    Private,
}

impl Visibility {
    /// The word for it: `public`, `internal`, `private`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Private => "private",
        }
    }

    /// The stable number of it, in formats and stores.
    #[must_use]
    pub const fn tag(self) -> u8 {
        match self {
            Self::Public => 0,
            Self::Internal => 1,
            Self::Private => 2,
        }
    }

    /// The visibility with that number.
    #[must_use]
    pub fn from_tag(tag: u8) -> Option<Self> {
        [Self::Public, Self::Internal, Self::Private].into_iter().find(|v| v.tag() == tag)
    }
}

/// A register of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// Which definition it is.
    Content,
    /// Where it is; none means deleted.
    Location,
    /// Who may refer to it.
    Visibility,
    /// Whether it should still be used.
    Deprecation,
    /// On which version of a dependency it stays.
    Pin(EntityId),
    /// A register of a later version: only ops of unknown kinds write one.
    Later {
        /// Its number, above those known here.
        tag: u8,
        /// The entity it is about.
        about: EntityId,
    },
}

/// Why a thing should no longer be used, and what to use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deprecation {
    /// Why, in words.
    pub reason: String,
    /// What to use instead.
    pub replacement: Option<EntityId>,
}

/// A value of a register.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Of [`Register::Content`].
    Content(DefHash),
    /// Of [`Register::Location`]; none is deleted.
    Location(Option<Location>),
    /// Of [`Register::Visibility`].
    Visibility(Visibility),
    /// Of [`Register::Deprecation`]; none is not deprecated.
    Deprecation(Option<Deprecation>),
    /// Of [`Register::Pin`]; none is not pinned.
    Pin(Option<DefHash>),
}

/// What an op does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Writes content, location and visibility of a new entity.
    CreateName {
        /// Location at birth.
        location: Location,
        /// How many entities were born here before, as far as the author knew.
        generation: u32,
        /// The definition.
        content: DefHash,
        /// Who may refer to it.
        visibility: Visibility,
    },
    /// Writes content (also known as RepointName or UpdateNamePointer).
    UpdateName {
        /// The definition that the new one was made from; none in a resolution, which has several.
        old: Option<DefHash>,
        /// The new definition.
        new: DefHash,
    },
    /// Writes location.
    MoveName {
        /// The new location.
        to: Location,
    },
    /// Writes location: none.
    DeleteName,
    /// Writes deprecation.
    Deprecate(Deprecation),
    /// Writes deprecation: none.
    Undeprecate,
    /// Writes visibility.
    SetVisibility(Visibility),
    /// Writes the pin of a dependency.
    Pin {
        /// The dependency.
        dependency: EntityId,
        /// The version to stay on.
        content: DefHash,
    },
    /// Writes the pin of a dependency: none.
    Unpin {
        /// The dependency.
        dependency: EntityId,
    },
    /// An op of a later version: kept and forwarded, never effective.
    Unknown {
        /// Its kind.
        kind: u64,
        /// The registers it writes, as its header says.
        registers: Vec<Register>,
        /// The rest, opaque.
        payload: Vec<u8>,
    },
}

/// One write of registers of one entity. [`Op::id`] covers every field and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Op {
    /// The entity written.
    pub entity: EntityId,
    /// What is written.
    pub action: Action,
    /// The tips that the edit was made from, which this op replaces; strictly ascending.
    pub supersedes: Vec<OpId>,
    /// Of a location or deprecation: the content tips that the author saw; of a content: the deleting and deprecating tips
    /// (SEMANTICS R22); strictly ascending, no dependency.
    pub witness: Vec<OpId>,
    /// Other ops this one builds on: creators where nothing is superseded, ops that freed the name taken; strictly ascending.
    pub after: Vec<OpId>,
}

impl Register {
    /// The register that a value belongs to; pins need to be told of what.
    #[must_use]
    pub fn of(value: &Value, pinned: Option<EntityId>) -> Option<Self> {
        match value {
            Value::Content(_) => Some(Self::Content),
            Value::Location(_) => Some(Self::Location),
            Value::Visibility(_) => Some(Self::Visibility),
            Value::Deprecation(_) => Some(Self::Deprecation),
            Value::Pin(_) => pinned.map(Self::Pin),
        }
    }
}

impl Action {
    /// The action that writes this value to this register of an entity that is there, if there is one.
    #[must_use]
    pub fn writing(register: Register, value: Value, base: Option<&Value>) -> Option<Self> {
        match (register, value) {
            (Register::Content, Value::Content(new)) => {
                let old = match base {
                    Some(Value::Content(old)) => Some(*old),
                    _ => None,
                };
                Some(Self::UpdateName { old, new })
            }
            (Register::Location, Value::Location(Some(to))) => Some(Self::MoveName { to }),
            (Register::Location, Value::Location(None)) => Some(Self::DeleteName),
            (Register::Visibility, Value::Visibility(visibility)) => Some(Self::SetVisibility(visibility)),
            (Register::Deprecation, Value::Deprecation(Some(deprecation))) => Some(Self::Deprecate(deprecation)),
            (Register::Deprecation, Value::Deprecation(None)) => Some(Self::Undeprecate),
            (Register::Pin(dependency), Value::Pin(Some(content))) => Some(Self::Pin { dependency, content }),
            (Register::Pin(dependency), Value::Pin(None)) => Some(Self::Unpin { dependency }),
            _ => None,
        }
    }

    /// The stable number of the kind.
    #[must_use]
    pub fn kind(&self) -> u64 {
        match self {
            Self::CreateName { .. } => 1,
            Self::UpdateName { .. } => 2,
            Self::MoveName { .. } => 3,
            Self::DeleteName => 4,
            Self::Deprecate(_) => 5,
            Self::Undeprecate => 6,
            Self::SetVisibility(_) => 7,
            Self::Pin { .. } => 8,
            Self::Unpin { .. } => 9,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// The name of the kind, as people read it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateName { .. } => "CreateName",
            Self::UpdateName { .. } => "UpdateName",
            Self::MoveName { .. } => "MoveName",
            Self::DeleteName => "DeleteName",
            Self::Deprecate(_) => "Deprecate",
            Self::Undeprecate => "Undeprecate",
            Self::SetVisibility(_) => "SetVisibility",
            Self::Pin { .. } => "Pin",
            Self::Unpin { .. } => "Unpin",
            Self::Unknown { .. } => "Unknown",
        }
    }

    /// The registers written, ascending.
    #[must_use]
    pub fn registers(&self) -> Vec<Register> {
        match self {
            Self::CreateName { .. } => {
                vec![Register::Content, Register::Location, Register::Visibility]
            }
            Self::UpdateName { .. } => vec![Register::Content],
            Self::MoveName { .. } | Self::DeleteName => vec![Register::Location],
            Self::Deprecate(_) | Self::Undeprecate => vec![Register::Deprecation],
            Self::SetVisibility(_) => vec![Register::Visibility],
            Self::Pin { dependency, .. } | Self::Unpin { dependency } => {
                vec![Register::Pin(*dependency)]
            }
            Self::Unknown { registers, .. } => registers.clone(),
        }
    }

    /// The value written to a register, if this action writes it and is known.
    #[must_use]
    pub fn value(&self, register: Register) -> Option<Value> {
        match (self, register) {
            (Self::CreateName { content, .. }, Register::Content) => Some(Value::Content(*content)),
            (Self::CreateName { location, .. }, Register::Location) => Some(Value::Location(Some(location.clone()))),
            (Self::CreateName { visibility, .. } | Self::SetVisibility(visibility), Register::Visibility) => {
                Some(Value::Visibility(*visibility))
            }
            (Self::UpdateName { new, .. }, Register::Content) => Some(Value::Content(*new)),
            (Self::MoveName { to }, Register::Location) => Some(Value::Location(Some(to.clone()))),
            (Self::DeleteName, Register::Location) => Some(Value::Location(None)),
            (Self::Deprecate(deprecation), Register::Deprecation) => {
                Some(Value::Deprecation(Some(deprecation.clone())))
            }
            (Self::Undeprecate, Register::Deprecation) => Some(Value::Deprecation(None)),
            (Self::Pin { dependency, content }, Register::Pin(of)) if *dependency == of => {
                Some(Value::Pin(Some(*content)))
            }
            (Self::Unpin { dependency }, Register::Pin(of)) if *dependency == of => Some(Value::Pin(None)),
            _ => None,
        }
    }

    fn encode_payload(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        match self {
            Self::CreateName { location, generation, content, visibility } => {
                location.encode(&mut to);
                to.uint(u64::from(*generation));
                to.def_hash(content);
                to.byte(visibility.tag());
            }
            Self::UpdateName { old, new } => {
                to.option(old.as_ref(), Encoder::def_hash);
                to.def_hash(new);
            }
            Self::MoveName { to: location } => location.encode(&mut to),
            Self::DeleteName | Self::Undeprecate | Self::Unpin { .. } => {}
            Self::Deprecate(Deprecation { reason, replacement }) => {
                to.text(reason);
                to.option(replacement.as_ref(), Encoder::entity_id);
            }
            Self::SetVisibility(visibility) => to.byte(visibility.tag()),
            Self::Pin { content, .. } => to.def_hash(content),
            Self::Unknown { payload, .. } => to.raw(payload),
        }
        to.finish()
    }
}

/// Writes a register, as in an op's header.
pub fn encode_register(to: &mut Encoder, register: &Register) {
    match register {
        Register::Content => to.byte(1),
        Register::Location => to.byte(2),
        Register::Visibility => to.byte(3),
        Register::Deprecation => to.byte(4),
        Register::Pin(entity) => {
            to.byte(5);
            to.entity_id(entity);
        }
        Register::Later { tag, about } => {
            to.byte(*tag);
            to.entity_id(about);
        }
    }
}

/// Reads a register, as in an op's header.
///
/// # Errors
/// If the bytes are not canonical.
pub fn decode_register(from: &mut Decoder<'_>) -> Result<Register, DecodeError> {
    match from.byte("register")? {
        1 => Ok(Register::Content),
        2 => Ok(Register::Location),
        3 => Ok(Register::Visibility),
        4 => Ok(Register::Deprecation),
        5 => Ok(Register::Pin(from.entity_id()?)),
        0 => Err(from.not_canonical("register 0")),
        tag => Ok(Register::Later { tag, about: from.entity_id()? }),
    }
}

fn decode_visibility(from: &mut Decoder<'_>) -> Result<Visibility, DecodeError> {
    let tag = from.byte("visibility")?;
    Visibility::from_tag(tag).ok_or_else(|| from.unknown("visibility", u64::from(tag)))
}

/// Writes a value of a register: journals keep these, ops have their own forms.
pub fn encode_value(to: &mut Encoder, value: &Value) {
    match value {
        Value::Content(hash) => {
            to.byte(1);
            to.def_hash(hash);
        }
        Value::Location(location) => {
            to.byte(2);
            to.option(location.as_ref(), |to, location| location.encode(to));
        }
        Value::Visibility(visibility) => {
            to.byte(3);
            to.byte(visibility.tag());
        }
        Value::Deprecation(deprecation) => {
            to.byte(4);
            to.option(deprecation.as_ref(), encode_deprecation);
        }
        Value::Pin(hash) => {
            to.byte(5);
            to.option(hash.as_ref(), Encoder::def_hash);
        }
    }
}

/// Reads a value of a register.
///
/// # Errors
/// If the bytes are not canonical.
pub fn decode_value(from: &mut Decoder<'_>) -> Result<Value, DecodeError> {
    match from.byte("value")? {
        1 => Ok(Value::Content(from.def_hash()?)),
        2 => Ok(Value::Location(from.option("location", Location::decode)?)),
        3 => Ok(Value::Visibility(decode_visibility(from)?)),
        4 => Ok(Value::Deprecation(from.option("deprecation", decode_deprecation)?)),
        5 => Ok(Value::Pin(from.option("pin", Decoder::def_hash)?)),
        other => Err(from.unknown("value", u64::from(other))),
    }
}

fn encode_deprecation(to: &mut Encoder, Deprecation { reason, replacement }: &Deprecation) {
    to.text(reason);
    to.option(replacement.as_ref(), Encoder::entity_id);
}

fn decode_deprecation(from: &mut Decoder<'_>) -> Result<Deprecation, DecodeError> {
    let reason = from.text(REASON_BYTES_MAX, "reason")?.to_owned();
    Ok(Deprecation { reason, replacement: from.option("replacement", Decoder::entity_id)? })
}

/// Writes a location.
pub fn encode_location(to: &mut Encoder, location: &Location) {
    location.encode(to);
}

/// Reads a location.
///
/// # Errors
/// If the bytes are not a canonical location.
pub fn decode_location(from: &mut Decoder<'_>) -> Result<Location, DecodeError> {
    Location::decode(from)
}

/// The one register of an op that writes a pin.
fn pin_dependency(from: &Decoder<'_>, registers: &[Register]) -> Result<EntityId, DecodeError> {
    match registers {
        [Register::Pin(dependency)] => Ok(*dependency),
        _ => Err(from.not_canonical("a pin that writes other registers")),
    }
}

fn decode_action(kind: u64, registers: Vec<Register>, payload: &[u8]) -> Result<Action, DecodeError> {
    let mut from = Decoder::new(payload);
    let action = match kind {
        1 => Action::CreateName {
            location: Location::decode(&mut from)?,
            generation: u32::try_from(from.count(u32::MAX as usize, "generation")?).unwrap_or(u32::MAX),
            content: from.def_hash()?,
            visibility: decode_visibility(&mut from)?,
        },
        2 => Action::UpdateName { old: from.option("old content", Decoder::def_hash)?, new: from.def_hash()? },
        3 => Action::MoveName { to: Location::decode(&mut from)? },
        4 => Action::DeleteName,
        5 => Action::Deprecate(decode_deprecation(&mut from)?),
        6 => Action::Undeprecate,
        7 => Action::SetVisibility(decode_visibility(&mut from)?),
        8 => Action::Pin { dependency: pin_dependency(&from, &registers)?, content: from.def_hash()? },
        9 => Action::Unpin { dependency: pin_dependency(&from, &registers)? },
        _ => {
            return Ok(Action::Unknown { kind, registers, payload: payload.to_vec() });
        }
    };
    if action.registers() != registers {
        return Err(from.not_canonical("an op whose header names other registers than it writes"));
    }
    from.finish()?;
    Ok(action)
}

impl Op {
    /// The op with its lists put in order.
    #[must_use]
    pub fn new(entity: EntityId, action: Action) -> Self {
        Self { entity, action, supersedes: Vec::new(), witness: Vec::new(), after: Vec::new() }
    }

    /// The same op, superseding these tips.
    #[must_use]
    pub fn superseding(mut self, tips: impl IntoIterator<Item = OpId>) -> Self {
        self.supersedes = ordered(tips);
        self
    }

    /// The same op, whose author saw these content tips.
    #[must_use]
    pub fn witnessing(mut self, tips: impl IntoIterator<Item = OpId>) -> Self {
        self.witness = ordered(tips);
        self
    }

    /// The same op, building on these others.
    #[must_use]
    pub fn after(mut self, ops: impl IntoIterator<Item = OpId>) -> Self {
        self.after = ordered(ops);
        self
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        to.byte(OP_FORMAT);
        to.uint(self.action.kind());
        to.entity_id(&self.entity);
        to.list(&self.action.registers(), encode_register);
        to.list(&self.supersedes, Encoder::op_id);
        to.list(&self.witness, Encoder::op_id);
        to.list(&self.after, Encoder::op_id);
        to.bytes(&self.action.encode_payload());
        to.finish()
    }

    /// The op in these canonical bytes.
    ///
    /// # Errors
    /// If the bytes are not exactly what [`Op::encode`] writes, or a created entity is not the one its location gives.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let op = Self::decode_from(&mut from)?;
        from.finish()?;
        Ok(op)
    }

    fn decode_from(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let format = from.byte("op format")?;
        if format != OP_FORMAT {
            return Err(from.unknown("op format", u64::from(format)));
        }
        let kind = from.uint("op kind")?;
        let entity = from.entity_id()?;
        let registers = from.set(REGISTERS_MAX, "registers", decode_register)?;
        let supersedes = from.set(OP_PARENTS_MAX, "superseded ops", Decoder::op_id)?;
        let witness = from.set(OP_PARENTS_MAX, "witnessed ops", Decoder::op_id)?;
        let after = from.set(OP_PARENTS_MAX, "ops built on", Decoder::op_id)?;
        let payload = from.bytes(PAYLOAD_BYTES_MAX, "op payload")?;
        let action = decode_action(kind, registers, payload)?;
        if let Action::CreateName { location, generation, .. } = &action
            && (entity != entity_id(location, *generation) || !supersedes.is_empty())
        {
            return Err(from.not_canonical("a created entity that its location does not give"));
        }
        Ok(Self { entity, action, supersedes, witness, after })
    }

    /// The hash of the op.
    #[must_use]
    pub fn id(&self) -> OpId {
        Self::id_of(&self.encode())
    }

    /// The hash of canonical bytes, which are not checked.
    #[must_use]
    pub fn id_of(bytes: &[u8]) -> OpId {
        OpId::from_bytes(codec::hash(Domain::Op, OP_FORMAT, &[bytes]))
    }

    /// The ops that must be effective for this one to be: superseded ones and those it builds on (SEMANTICS R8).
    pub fn needs(&self) -> impl Iterator<Item = OpId> + '_ {
        self.supersedes.iter().chain(&self.after).copied()
    }

    /// The content that comes with this op (`AddContent`): what it writes, or what it pins to.
    #[must_use]
    pub fn content(&self) -> Option<DefHash> {
        match self.action {
            Action::CreateName { content, .. } | Action::Pin { content, .. } => Some(content),
            Action::UpdateName { new, .. } => Some(new),
            _ => None,
        }
    }

    /// The definition that the op gives its entity.
    #[must_use]
    pub fn written_content(&self) -> Option<DefHash> {
        match self.action {
            Action::CreateName { content, .. } | Action::UpdateName { new: content, .. } => Some(content),
            _ => None,
        }
    }

    /// Whether this version knows what the op does.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !matches!(self.action, Action::Unknown { .. })
    }
}

fn ordered(ids: impl IntoIterator<Item = OpId>) -> Vec<OpId> {
    let mut ids: Vec<_> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
