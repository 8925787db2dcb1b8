//! Conflicts that only someone who knows the language sees (SEMANTICS section 6).
//!
//! One patch changes what others see of a definition; another one, made without knowing of that, writes or keeps a definition
//! that uses it, fitted before, and does not fit now. Neither register is contested, so no fold finds it. What a definition
//! shows and whether one fits is asked through [`Meaning`], which the caller supplies. The answers hang on a version of a checker, so these
//! conflicts stand outside fingerprints and the laws of convergence; instances with the same checker list the same ones.
//!
//! What a patch breaks that its author could have seen is no conflict but an error of the patch, and is not looked for here.

use std::collections::{BTreeMap, BTreeSet};

use dm_model::{DefHash, EntityId, Kind, OpId, PatchId, Register, RevisionId, Value};
use rustc_hash::FxHashMap;

use crate::conflict::{Conflict, ConflictKind, Subject, conflict_id};
use crate::patch::revision_body;
use crate::read::{ProjectionRead, ReadError};
use crate::state::{Channel, Head, Membership};
use crate::view::View;

/// Where a definition is asked what it was before others changed it, so many writes are gone back at most.
const WRITES_BACK_MAX: usize = 64;

/// What is wrong with a definition that uses another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clash {
    /// Where two types clash, the one that is wanted.
    pub expected: Option<String>,
    /// And the one that there is.
    pub actual: Option<String>,
    /// What is wrong, in a sentence.
    pub message: String,
}

/// What definitions mean in one view.
pub trait Meaning {
    /// What stops the work.
    type Error: From<ReadError>;

    /// The version of the checker: another one may answer otherwise.
    fn version(&self) -> u64;

    /// Whether two versions of a definition have one interface: whoever uses it sees no difference, as long as what they speak of
    /// is the same.
    ///
    /// # Errors
    /// If they cannot be read.
    fn same_interface(&self, before: &DefHash, now: &DefHash) -> Result<bool, Self::Error>;

    /// What is certainly wrong with an entity's definition in the view, were these entities at these versions.
    ///
    /// # Errors
    /// If it cannot be read.
    fn check(&self, entity: &EntityId, instead: &BTreeMap<EntityId, DefHash>) -> Result<Vec<Clash>, Self::Error>;

    /// One text that has what several did to an ancestor, if they did it in different places and the result fits the view.
    ///
    /// # Errors
    /// If they cannot be read.
    fn merge3(&self, entity: &EntityId, ancestor: &DefHash, heads: &[DefHash]) -> Result<Option<String>, Self::Error>;
}

/// Tells whether two writes were made without knowing of each other.
pub type Concurrent<'c, E> = &'c mut dyn FnMut(&OpId, &OpId) -> Result<bool, E>;

/// The conflicts of meaning in the view of a [`Meaning`], between what was written afresh and everything else there.
///
/// `fresh` are the entities whose content was.
///
/// # Errors
/// [`ReadError`]; what [`Meaning`] gives.
pub fn conflicts<M: Meaning>(
    view: &View<'_>,
    fresh: &BTreeSet<EntityId>,
    meaning: &M,
    concurrent: Concurrent<'_, M::Error>,
) -> Result<Vec<Conflict>, M::Error> {
    let mut suspects: BTreeMap<EntityId, Vec<Suspect>> = BTreeMap::new();
    let mut sought = Sought { view, meaning, concurrent, same: FxHashMap::default() };
    for entity in fresh {
        for user in view.dependents(entity)? {
            if let Some(suspect) = sought.suspect(&user, entity)? {
                suspects.entry(user).or_default().push(suspect);
            }
        }
        for used in view.uses(entity)?.into_iter().filter(|used| !fresh.contains(used)) {
            if let Some(suspect) = sought.suspect(entity, &used)? {
                suspects.entry(*entity).or_default().push(suspect);
            }
        }
    }
    let mut broken: BTreeMap<EntityId, (Suspect, BTreeMap<EntityId, Vec<Clash>>)> = BTreeMap::new();
    for (user, suspects) in suspects {
        let clashes = meaning.check(&user, &BTreeMap::new())?;
        let before = |suspects: &[Suspect]| -> Result<usize, M::Error> {
            let instead = suspects.iter().map(|suspect| (suspect.used, suspect.before)).collect();
            Ok(meaning.check(&user, &instead)?.len())
        };
        // What was wrong anyway, or is wrong for another reason.
        if clashes.is_empty() || before(&suspects)? >= clashes.len() {
            continue;
        }
        let mut blamed = Vec::new();
        for suspect in &suspects {
            if before(std::slice::from_ref(suspect))? < clashes.len() {
                blamed.push(suspect.clone());
            }
        }
        for suspect in if blamed.is_empty() { suspects } else { blamed } {
            let (_, users) = broken.entry(suspect.used).or_insert_with(|| (suspect, BTreeMap::new()));
            users.insert(user, clashes.clone());
        }
    }
    let mut conflicts = Vec::new();
    for (_, (suspect, users)) in broken {
        conflicts.push(conflict(view, suspect, users, meaning.version())?);
    }
    conflicts.sort_by_key(|conflict| (conflict.kind, conflict.id));
    Ok(conflicts)
}

/// Tells which writes of patches were made apart. Keeps what it found out.
pub struct Apart<'a> {
    read: &'a dyn ProjectionRead,
    channels: Vec<Channel>,
    patches: FxHashMap<RevisionId, Option<PatchId>>,
    /// In which mains a patch is.
    mains: FxHashMap<PatchId, BTreeSet<Channel>>,
}

impl<'a> Apart<'a> {
    /// Nothing found out yet.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn new(read: &'a dyn ProjectionRead) -> Result<Self, ReadError> {
        Ok(Self { read, channels: read.channels()?, patches: FxHashMap::default(), mains: FxHashMap::default() })
    }

    /// Whether two writes come from different patches of which no main has both: who made the one need not have known the other, and
    /// nobody has accepted them together.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn made_apart(&mut self, one: &OpId, other: &OpId) -> Result<bool, ReadError> {
        let (ones, others) = (self.patches_with(one)?, self.patches_with(other)?);
        if !ones.is_disjoint(&others) {
            return Ok(false);
        }
        Ok(self.mains_with(&ones)?.is_disjoint(&self.mains_with(&others)?))
    }

    fn patches_with(&mut self, op: &OpId) -> Result<BTreeSet<PatchId>, ReadError> {
        let mut with = BTreeSet::new();
        for revision in self.read.carriers(op)? {
            let known = match self.patches.get(&revision) {
                Some(known) => *known,
                None => revision_body(self.read, &revision)?.map(|body| body.patch),
            };
            self.patches.insert(revision, known);
            with.extend(known);
        }
        Ok(with)
    }

    fn mains_with(&mut self, patches: &BTreeSet<PatchId>) -> Result<BTreeSet<Channel>, ReadError> {
        let mut with = BTreeSet::new();
        for patch in patches {
            if !self.mains.contains_key(patch) {
                let mut mains = BTreeSet::new();
                for channel in &self.channels {
                    if matches!(self.read.membership(channel, patch)?, Membership::In(_)) {
                        mains.insert(*channel);
                    }
                }
                self.mains.insert(*patch, mains);
            }
            with.extend(self.mains.get(patch).into_iter().flatten().copied());
        }
        Ok(with)
    }
}

/// Something used that others changed meanwhile.
#[derive(Clone)]
struct Suspect {
    used: EntityId,
    /// The write that is in force, and what it wrote.
    now: Head,
    content: DefHash,
    /// The write that the user's author could see, and what that wrote.
    ancestor: Head,
    before: DefHash,
}

struct Sought<'s, 'v, M: Meaning> {
    view: &'s View<'v>,
    meaning: &'s M,
    concurrent: Concurrent<'s, M::Error>,
    /// Whether two versions show the same.
    same: FxHashMap<(DefHash, DefHash), bool>,
}

impl<M: Meaning> Sought<'_, '_, M> {
    /// A definition that is used, if it was changed by someone who did not know the using one's author's work, nor that one theirs.
    fn suspect(&mut self, user: &EntityId, used: &EntityId) -> Result<Option<Suspect>, M::Error> {
        if user == used {
            return Ok(None);
        }
        let Some(now) = self.head(used)? else { return Ok(None) };
        let Some(first) = self.before(&now.op)? else { return Ok(None) };
        let Some(written) = self.head(user)? else { return Ok(None) };
        if !(self.concurrent)(&now.op, &written.op)? {
            return Ok(None);
        }
        // The last write that the user's author could see.
        let mut ancestor = first;
        for _ in 0..WRITES_BACK_MAX {
            if !(self.concurrent)(&ancestor.op, &written.op)? {
                break;
            }
            let Some(earlier) = self.before(&ancestor.op)? else { break };
            ancestor = earlier;
        }
        let (Value::Content(before), Value::Content(content)) = (ancestor.value.clone(), now.value.clone()) else {
            return Ok(None);
        };
        let same = match self.same.get(&(before, content)) {
            Some(same) => *same,
            None => before == content || self.meaning.same_interface(&before, &content)?,
        };
        self.same.insert((before, content), same);
        Ok((!same).then_some(Suspect { used: *used, now, content, ancestor, before }))
    }

    /// The write of a content that is in force; none where people disagree on it, which is a conflict of its own.
    fn head(&self, entity: &EntityId) -> Result<Option<Head>, ReadError> {
        let mut heads = self.view.heads(entity, Register::Content)?.into_iter();
        let first = heads.next();
        Ok(first.filter(|first| heads.all(|other| other.value == first.value)))
    }

    /// The write that a write of a content replaces; the least of several.
    fn before(&self, op: &OpId) -> Result<Option<Head>, ReadError> {
        let Some(op) = self.view.op(op)? else { return Ok(None) };
        for parent in &op.supersedes {
            if let Some(value) = self.view.op(parent)?.and_then(|op| op.action.value(Register::Content)) {
                return Ok(Some(Head { op: *parent, value }));
            }
        }
        Ok(None)
    }
}

fn conflict(
    view: &View<'_>,
    suspect: Suspect,
    users: BTreeMap<EntityId, Vec<Clash>>,
    checker: u64,
) -> Result<Conflict, ReadError> {
    let kind = match view.definition_head(&suspect.content)?.map(|(kind, _)| kind) {
        Some(Kind::Type) => ConflictKind::TypeIncompatibility,
        _ => ConflictKind::DependencyBreaking,
    };
    let mut entities = vec![suspect.used];
    let mut heads = vec![suspect.now];
    for user in users.keys() {
        entities.push(*user);
        heads.extend(view.heads(user, Register::Content)?);
    }
    heads.sort_unstable();
    let ids: Vec<OpId> = heads.iter().map(|head| head.op).collect();
    Ok(Conflict {
        id: conflict_id(kind, &entities, None, &ids),
        kind,
        entities,
        register: None,
        location: None,
        heads,
        ancestor: Some(suspect.ancestor),
        subject: Subject::Meaning { checker, clashes: users.into_iter().collect() },
    })
}
