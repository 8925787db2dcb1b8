//! Conflicts as data: found, never stored, with an id that is the same for everyone who has the same ops in effect.
//!
//! A conflict says what disagrees and which ways out there are. Words for people, and whether two texts merge by themselves,
//! belong to those who know the language.

use std::fmt;
use std::str::FromStr;

use dm_model::codec::{self, Domain};
use dm_model::{Encoder, EntityId, IdParseError, Location, OpId, PatchId, Register, RevisionId, Space, Value};

use crate::meaning::Clash;
use crate::read::{ProjectionRead, ReadError};
use crate::state::{Effect, EntityState, Head};

const CONFLICT_FORMAT: u8 = 1;

/// A conflict's identity: kind, entities, location and heads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConflictId([u8; 32]);

impl ConflictId {
    /// The bytes of the id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first 8 hex digits, for reading; not unique.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConflictId({self})")
    }
}

impl FromStr for ConflictId {
    type Err = IdParseError;
    fn from_str(text: &str) -> Result<Self, IdParseError> {
        // The spelling of a hash, which the model's ids have already.
        text.parse::<OpId>().map(|id| Self(*id.as_bytes()))
    }
}

/// What disagrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConflictKind {
    /// One definition edited twice.
    Content,
    /// One entity moved twice, or moved and deleted.
    Move,
    /// Deprecated twice, or deprecated and not.
    Deprecation,
    /// Two visibilities.
    Visibility,
    /// Two versions of one dependency to stay on.
    Pin,
    /// Deleted beside an edit that the deletion did not see.
    DeleteEdit,
    /// Deprecated beside an edit.
    DeprecationEdit,
    /// Several entities at one location.
    Collision,
    /// A definition in use whose name is gone.
    DeletedDependency,
    /// A type was changed while someone else used it as it was.
    TypeIncompatibility,
    /// What others see of a function or value was changed while someone else used it as it was.
    DependencyBreaking,
    /// A patch that is applied, with needs that are not met.
    Blocked,
    /// A patch of which a main's facts say different things.
    Disputed,
}

impl ConflictKind {
    /// The word for it, in ids, `--json` and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Move => "move",
            Self::Deprecation => "deprecation",
            Self::Visibility => "visibility",
            Self::Pin => "pin",
            Self::DeleteEdit => "delete-edit",
            Self::DeprecationEdit => "deprecation-edit",
            Self::Collision => "collision",
            Self::DeletedDependency => "deleted-dependency",
            Self::TypeIncompatibility => "type-incompatibility",
            Self::DependencyBreaking => "dependency-breaking",
            Self::Blocked => "blocked",
            Self::Disputed => "disputed",
        }
    }

    /// The kind of a contested register; none for those of a later version.
    #[must_use]
    pub const fn of_register(register: &Register) -> Option<Self> {
        match register {
            Register::Content => Some(Self::Content),
            Register::Location => Some(Self::Move),
            Register::Deprecation => Some(Self::Deprecation),
            Register::Visibility => Some(Self::Visibility),
            Register::Pin(_) => Some(Self::Pin),
            Register::Later { .. } => None,
        }
    }
}

/// What of a channel a conflict is about, where it is about no entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Ops are in conflict, not facts.
    Ops,
    /// Definitions that do not fit what they use.
    Meaning {
        /// The version of the checker that says so.
        checker: u64,
        /// What is wrong with each, by entity.
        clashes: Vec<(EntityId, Vec<Clash>)>,
    },
    /// A member revision that waits for these ops; none if it waits for a newer version of this program.
    Revision {
        /// The revision.
        revision: RevisionId,
        /// The missing ops, ascending.
        missing: Vec<OpId>,
    },
    /// A patch with what the facts say of it: revisions, or that it is out.
    Patch {
        /// The patch.
        patch: PatchId,
        /// Its space.
        space: Space,
        /// What is said.
        values: Vec<Option<RevisionId>>,
    },
}

/// A disagreement in a view, or on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its identity.
    pub id: ConflictId,
    /// What disagrees.
    pub kind: ConflictKind,
    /// The entities concerned, ascending; for a deleted dependency the user, then the used one; where an interface was changed that one's,
    /// then its users, ascending.
    pub entities: Vec<EntityId>,
    /// The register, where one is contested.
    pub register: Option<Register>,
    /// The location, of a collision.
    pub location: Option<Location>,
    /// The writes that disagree, by op id ascending.
    pub heads: Vec<Head>,
    /// The last agreed write below a contested register, if there is one.
    pub ancestor: Option<Head>,
    /// What of a channel it is about.
    pub subject: Subject,
}

/// A way out of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WayOut {
    /// Settle on what this head wrote.
    Take(OpId),
    /// Merge the heads' texts, where that goes.
    Merge,
    /// Write something else.
    Edit(EntityId),
    /// Keep the entity under a name.
    Keep(EntityId),
    /// Delete the entity, having seen the edits.
    Delete(EntityId),
    /// Give the entity another name.
    Rename(EntityId),
    /// Let the entity stay on the version that it was written for.
    Pin(EntityId),
    /// Apply what the patch needs.
    ApplyNeeded,
    /// Apply this revision anew.
    Apply(RevisionId),
    /// Take the patch out.
    Unapply,
}

/// The id of a conflict of ops. `entities` as in [`Conflict::entities`], `heads` ascending.
#[must_use]
pub fn conflict_id(
    kind: ConflictKind,
    entities: &[EntityId],
    location: Option<&Location>,
    heads: &[OpId],
) -> ConflictId {
    let mut to = Encoder::new();
    to.text(kind.as_str());
    to.list(entities, Encoder::entity_id);
    let location: Vec<&str> = location.iter().map(|location| location.as_str()).collect();
    to.list(&location, |to, location| to.text(location));
    to.list(heads, Encoder::op_id);
    ConflictId(codec::hash(Domain::Conflict, CONFLICT_FORMAT, &[&to.finish()]))
}

fn channel_conflict_id(kind: ConflictKind, subject: &[u8]) -> ConflictId {
    let mut to = Encoder::new();
    to.text(kind.as_str());
    for _ in 0..3 {
        to.count(0);
    }
    to.raw(subject);
    ConflictId(codec::hash(Domain::Conflict, CONFLICT_FORMAT, &[&to.finish()]))
}

impl Conflict {
    fn of_heads(
        kind: ConflictKind,
        entity: EntityId,
        register: Option<Register>,
        mut heads: Vec<Head>,
        ancestor: Option<Head>,
    ) -> Self {
        heads.sort_unstable();
        let ids: Vec<OpId> = heads.iter().map(|head| head.op).collect();
        let id = conflict_id(kind, &[entity], None, &ids);
        Self { id, kind, entities: vec![entity], register, location: None, heads, ancestor, subject: Subject::Ops }
    }

    fn of_entities(kind: ConflictKind, entities: Vec<EntityId>, location: Option<Location>) -> Self {
        let id = conflict_id(kind, &entities, location.as_ref(), &[]);
        Self { id, kind, entities, register: None, location, heads: Vec::new(), ancestor: None, subject: Subject::Ops }
    }

    /// Several entities at one location.
    #[must_use]
    pub fn collision(location: Location, mut entities: Vec<EntityId>) -> Self {
        entities.sort_unstable();
        Self::of_entities(ConflictKind::Collision, entities, Some(location))
    }

    /// A used entity whose name is gone.
    #[must_use]
    pub fn deleted_dependency(user: EntityId, used: EntityId) -> Self {
        Self::of_entities(ConflictKind::DeletedDependency, vec![user, used], None)
    }

    fn of_channel(kind: ConflictKind, id: ConflictId, subject: Subject) -> Self {
        Self { id, subject, ..Self::of_entities(kind, Vec::new(), None) }
    }

    /// The ops of the heads, ascending.
    #[must_use]
    pub fn head_ops(&self) -> Vec<OpId> {
        self.heads.iter().map(|head| head.op).collect()
    }

    /// What can be done about it.
    #[must_use]
    pub fn ways_out(&self) -> Vec<WayOut> {
        let take = || self.heads.iter().map(|head| WayOut::Take(head.op));
        let entities = || self.entities.iter().copied();
        match self.kind {
            ConflictKind::Content => take().chain([WayOut::Merge]).chain(entities().map(WayOut::Edit)).collect(),
            ConflictKind::Move | ConflictKind::Deprecation | ConflictKind::Visibility | ConflictKind::Pin => {
                take().collect()
            }
            ConflictKind::DeleteEdit | ConflictKind::DeprecationEdit => {
                let delete = self.kind == ConflictKind::DeleteEdit;
                let settle = move |entity| if delete { WayOut::Delete(entity) } else { WayOut::Edit(entity) };
                entities().flat_map(|entity| [WayOut::Keep(entity), settle(entity)]).collect()
            }
            ConflictKind::Collision => {
                entities().flat_map(|entity| [WayOut::Rename(entity), WayOut::Keep(entity)]).collect()
            }
            ConflictKind::DeletedDependency => match self.entities.as_slice() {
                [user, used] => vec![WayOut::Edit(*user), WayOut::Keep(*used)],
                _ => Vec::new(),
            },
            ConflictKind::TypeIncompatibility | ConflictKind::DependencyBreaking => {
                let users = entities().skip(1).flat_map(|user| [WayOut::Edit(user), WayOut::Pin(user)]);
                users.chain(entities().take(1).map(WayOut::Edit)).collect()
            }
            ConflictKind::Blocked => vec![WayOut::ApplyNeeded, WayOut::Unapply],
            ConflictKind::Disputed => match &self.subject {
                Subject::Patch { values, .. } => {
                    values.iter().flatten().map(|revision| WayOut::Apply(*revision)).chain([WayOut::Unapply]).collect()
                }
                _ => Vec::new(),
            },
        }
    }
}

/// The conflicts of one entity's registers.
#[must_use]
pub fn of_entity(entity: EntityId, state: &EntityState) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for (register, contested) in state.registers.iter().filter(|(_, state)| state.is_contested()) {
        if let Some(kind) = ConflictKind::of_register(register) {
            let (heads, ancestor) = (contested.heads.clone(), contested.ancestor.clone());
            conflicts.push(Conflict::of_heads(kind, entity, Some(*register), heads, ancestor));
        }
    }
    let beside = [
        (ConflictKind::DeleteEdit, Register::Location, &state.edited_while_deleted),
        (ConflictKind::DeprecationEdit, Register::Deprecation, &state.edited_while_deprecated),
    ];
    for (kind, register, edits) in beside {
        for (head, edits) in edits {
            let of = |register: Register| state.registers.get(&register).map_or(&[][..], |state| &state.heads);
            let setting = of(register).iter().filter(|other| other.op == *head);
            let editing = of(Register::Content).iter().filter(|edit| edits.contains(&edit.op));
            let heads = setting.chain(editing).cloned().collect();
            conflicts.push(Conflict::of_heads(kind, entity, None, heads, None));
        }
    }
    conflicts
}

/// The conflicts of the own main's facts: blocked revisions and disputed patches.
///
/// # Errors
/// [`ReadError`].
pub fn of_channel(read: &dyn ProjectionRead) -> Result<Vec<Conflict>, ReadError> {
    let mut conflicts = Vec::new();
    for revision in read.blocked()? {
        let missing = match read.effect(&revision)? {
            Effect::Blocked(missing) => missing,
            _ => Vec::new(),
        };
        let id = channel_conflict_id(ConflictKind::Blocked, revision.as_bytes());
        conflicts.push(Conflict::of_channel(ConflictKind::Blocked, id, Subject::Revision { revision, missing }));
    }
    for (space, patch, values) in read.disputed()? {
        let mut subject = patch.as_bytes().to_vec();
        if !space.is_public() {
            subject.extend(space.as_bytes());
        }
        let id = channel_conflict_id(ConflictKind::Disputed, &subject);
        conflicts.push(Conflict::of_channel(ConflictKind::Disputed, id, Subject::Patch { patch, space, values }));
    }
    Ok(conflicts)
}

/// Whether an entity's state has any conflict of its own.
#[must_use]
pub fn is_flagged(state: &EntityState) -> bool {
    !state.edited_while_deleted.is_empty()
        || !state.edited_while_deprecated.is_empty()
        || state.registers.values().any(crate::state::RegisterState::is_contested)
}

/// Whether a value takes the name away or marks the entity as not to be used: what R22 sets against edits.
#[must_use]
pub fn sets_aside(value: &Value) -> bool {
    matches!(value, Value::Location(None) | Value::Deprecation(Some(_)))
}
