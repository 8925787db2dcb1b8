//! One person with an instance and two sessions.

use std::sync::{Arc, OnceLock};

use dm_collab::draft::{self, Stack};
use dm_collab::{Batch, ContentHead, Head, Layer, ProjectionRead as _, SessionLayers, View};
use dm_model::{
    Action, Body, DefHash, Definition, Deprecation, EntityId, Envelope, InstanceId, Keypair, Kind, Location, Op, OpId,
    PatchId, Reference, ReferenceForm, Register, RevisionId, Space, Succession, Target, Timestamp, Value, Visibility,
    entity_id,
};

use crate::agreement::{self, Disagreement};
use crate::history::{Edit, What};
use crate::memory::Memory;
use crate::model::{self, Holdings};

/// Where things are born and moved to.
pub const PLACES: [&str; 5] = ["A.f", "A.g", "A.h", "B.f", "B.g"];
/// The spaces that people write in.
pub const SPACES: [Space; 3] = [Space::PUBLIC, Space::from_bytes([1; 16]), Space::from_bytes([2; 16])];
/// How many definitions there are to write.
pub const CONTENTS: u8 = 5;

/// Whether the model is asked after every envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// It is.
    Always,
    /// It is not: a law is on trial, and agreement is proved elsewhere.
    Never,
}

/// The place of a number.
#[must_use]
pub fn place(number: u8) -> Location {
    PLACES[usize::from(number) % PLACES.len()].parse().unwrap()
}

/// The space of a number.
#[must_use]
pub fn space(number: u8) -> Space {
    SPACES[usize::from(number) % SPACES.len()]
}

/// The definitions that people write: two of them use what is born at some of the places.
#[must_use]
pub fn library() -> &'static [(Definition, ContentHead)] {
    static LIBRARY: OnceLock<Vec<(Definition, ContentHead)>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        (0..CONTENTS)
            .map(|number| {
                let used: &[u8] = match number {
                    2 => &[1],
                    3 => &[0, 3],
                    _ => &[],
                };
                let mut text = format!("let x = {number}");
                let mut references = Vec::new();
                for at in used {
                    let (start, length) = (text.len() as u32 + 1, 1);
                    let target = Target::Entity(entity_id(&place(*at), 0));
                    references.push(Reference { start, length, form: ReferenceForm::Path, target });
                    text.push_str(" f");
                }
                let definition = Definition { kind: Kind::Fn, text, references };
                let head = ContentHead { hash: definition.hash(), kind: Kind::Fn, uses: definition.uses() };
                (definition, head)
            })
            .collect()
    })
}

/// The hash of the definition of a number.
#[must_use]
pub fn content(number: u8) -> DefHash {
    library()[usize::from(number % CONTENTS)].1.hash
}

/// The definition with this hash.
#[must_use]
pub fn content_head(hash: DefHash) -> ContentHead {
    library().iter().find(|(_, head)| head.hash == hash).unwrap().1.clone()
}

/// All definitions.
#[must_use]
pub fn contents() -> Vec<ContentHead> {
    library().iter().map(|(_, head)| head.clone()).collect()
}

/// A working context: patches that are ready, drafts above them, patches of others.
#[derive(Clone, Debug)]
pub struct Session {
    /// The drafts.
    pub stack: Stack,
    /// Its ready revisions, lowest first.
    pub ready: Vec<RevisionId>,
    /// The revisions it has pinned.
    pub pinned: Vec<RevisionId>,
}

impl Session {
    fn new() -> Self {
        Self { stack: Stack::new(Vec::new()).unwrap(), ready: Vec::new(), pinned: Vec::new() }
    }

    /// The ops of the drafts below and up to a place.
    fn drafted(&self, drafts: usize) -> Vec<Vec<(OpId, Op)>> {
        let ops = |at| self.stack.ops(at).into_iter().map(|made| (made.id, made.op.clone())).collect();
        (0..drafts).map(ops).collect()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.pinned.is_empty() && self.stack.drafts().is_empty()
    }

    /// Asks what the session sees with its lowest drafts.
    pub fn see<T>(&self, drafts: usize, ask: impl FnOnce(&SessionLayers<'_>) -> T) -> T {
        let drafted = self.drafted(drafts);
        let ready = self.ready.iter().map(|revision| Layer::Ready(*revision));
        let own = ready.chain(drafted.iter().map(|ops| Layer::Draft(ops))).collect();
        ask(&SessionLayers { own, pinned: self.pinned.clone(), definitions: contents() })
    }
}

/// What is sealed as everyone gets it: opened, hence checked.
pub(crate) fn opened(sealed: &Envelope) -> Arc<Envelope> {
    Arc::new(Envelope::open(sealed.bytes().to_vec(), *sealed.signature()).unwrap())
}

/// One person with an instance.
pub struct Person {
    number: u8,
    /// The instance's keys, the first one first; what a person writes besides facts of the main is signed with the first.
    keys: Vec<Keypair>,
    /// For each key, those that lead to it.
    successions: Vec<Succession>,
    /// What the instance holds, and its projection.
    pub memory: Memory,
    /// The same for the model.
    pub holdings: Holdings,
    /// Main as it was when the person last opened it.
    pub opened: Memory,
    /// The sessions.
    pub sessions: [Session; 2],
    /// Who is to read what the person writes.
    pub space: Space,
    /// Whether the person's program writes it there even if those readers lack what it needs.
    pub careless: bool,
    watch: Watch,
}

impl Person {
    /// The person of a number, whose store is empty.
    #[must_use]
    pub fn new(number: u8, watch: Watch) -> Self {
        let keys = Keypair::from_secret(&[number + 1; 32]);
        let memory = Memory::new(keys.public().instance());
        let sessions = [Session::new(), Session::new()];
        let (successions, keys) = (vec![Succession::of(keys.public())], vec![keys]);
        Self {
            number,
            keys,
            successions,
            opened: memory.clone(),
            memory,
            holdings: Holdings::default(),
            sessions,
            space: Space::PUBLIC,
            careless: false,
            watch,
        }
    }

    /// The name of the main.
    #[must_use]
    pub fn main(&self) -> InstanceId {
        self.memory.own_channel()
    }

    /// Seals an envelope, facts of the main with the instance's present key; whoever opens it checks it.
    #[must_use]
    pub fn seal(&self, space: Space, at: Timestamp, body: Body) -> Arc<Envelope> {
        let present = if body.channel().is_some() { self.keys.len() - 1 } else { 0 };
        self.seal_with(present, space, at, body)
    }

    /// Seals a fact of the main with one of the instance's keys, former ones too.
    #[must_use]
    pub fn seal_with(&self, key: usize, space: Space, at: Timestamp, body: Body) -> Arc<Envelope> {
        opened(&Envelope::seal_succeeded(space, &self.keys[key], at, self.successions[key].clone(), body))
    }

    /// Seals something as an envelope was sealed that this person or a thief of their keys wrote.
    #[must_use]
    pub fn seal_like(&self, like: &Envelope, at: Timestamp, body: Body) -> Arc<Envelope> {
        let space = like.header().space;
        let Some(succession) = like.succession() else { return self.seal_with(0, space, at, body) };
        let thieves = (0..self.keys.len()).filter_map(|key| self.usurper(key));
        let known =
            self.successions.iter().cloned().zip(self.keys.iter().map(|key| Keypair::from_secret(&key.secret())));
        let (_, signer) = known.chain(thieves).find(|(known, _)| known == succession).unwrap();
        opened(&Envelope::seal_succeeded(space, &signer, at, succession.clone(), body))
    }

    /// How many keys the instance had.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Whether a thief's key writes in the main now, for the readers of some space, and not the instance's own.
    #[must_use]
    pub fn has_given_way(&self) -> bool {
        let keys = self.successions.last().unwrap();
        let channels = self.memory.own_channels().unwrap();
        channels.iter().any(|channel| dm_collab::fold::has_given_way(&self.memory, channel, keys).unwrap())
    }

    /// Gives the instance another key; false if it has had as many as there may be.
    pub fn rotate(&mut self) -> bool {
        let next = self.key_numbered(self.keys.len());
        let longer = self.successions.last().and_then(|keys| keys.then(self.keys.last()?, next.public()));
        let Some(longer) = longer else { return false };
        self.keys.push(next);
        self.successions.push(longer);
        true
    }

    /// A thief of a key lets it name a key of the thief's own.
    #[must_use]
    pub fn usurper(&self, key: usize) -> Option<(Succession, Keypair)> {
        let own = self.key_numbered(100 + key);
        let longer = self.successions.get(key)?.then(self.keys.get(key)?, own.public())?;
        Some((longer, own))
    }

    fn key_numbered(&self, place: usize) -> Keypair {
        let mut secret = [self.number + 1; 32];
        secret[1] = u8::try_from(place).unwrap_or(u8::MAX).wrapping_add(50);
        Keypair::from_secret(&secret)
    }

    /// Receives what arrives at once.
    ///
    /// # Errors
    /// If product and model disagree about it.
    pub fn receive(&mut self, batch: &Batch) -> Result<(), Disagreement> {
        self.memory.receive(batch);
        self.holdings.add(batch);
        if self.watch == Watch::Always { agreement::check(&self.memory, &self.holdings) } else { Ok(()) }
    }

    /// Holds the definitions themselves, too, of which the projection knows the heads only: an exchange gives them away.
    pub fn keep_definitions(&mut self) {
        let heads: Vec<ContentHead> = self.memory.content().collect();
        for (definition, head) in library() {
            if heads.iter().any(|held| held.hash == head.hash) {
                self.memory.definitions.entry(head.hash).or_insert_with(|| Arc::new(definition.clone()));
            }
        }
    }

    /// Compares what the sessions see, and the ops that their drafts make.
    ///
    /// # Errors
    /// If product and model disagree about it.
    pub fn check_sessions(&self) -> Result<(), Disagreement> {
        for session in self.sessions.iter().filter(|session| !session.is_empty()) {
            let drafts = session.stack.drafts();
            agreement::check_drafts(&session.drafted(drafts.len()), &model::drafted(drafts))?;
            session.see(drafts.len(), |layers| agreement::check_session(&self.memory, &self.holdings, layers))?;
        }
        Ok(())
    }

    /// Edits in a draft of a session as its view up to that draft shows it. The draft is made if there is none at the place.
    pub fn draft(&mut self, session: usize, at: usize, patch: PatchId, edit: Edit) {
        let session = &mut self.sessions[session];
        let at = if at < session.stack.drafts().len() { at } else { session.stack.push(patch) };
        let asked = session.see(at + 1, |layers| {
            let view = View::session(&self.memory, layers).unwrap();
            Wanted::of(&view, edit)
        });
        match asked {
            Some(Wanted::Birth { location, generation, freed_by, content }) => {
                let content = (content, Visibility::Public);
                session.stack.create(at, (location, generation), &freed_by, content).unwrap();
            }
            Some(Wanted::Write { entity, register, value, shown, witness, creators }) => {
                let edit =
                    draft::Edit { entity, register, value, shown: &shown, witness: &witness, creators: &creators };
                // Stale: the own row is hidden by what others wrote. The person would be told, and nothing is written.
                let _ = session.stack.write(at, &edit);
            }
            None => {}
        }
    }
}

/// What an edit comes to in a view.
pub enum Wanted {
    /// A new entity.
    Birth {
        /// Where.
        location: Location,
        /// The generation.
        generation: u32,
        /// What freed the name.
        freed_by: Vec<OpId>,
        /// The definition.
        content: DefHash,
    },
    /// Another value of a register.
    Write {
        /// The entity.
        entity: EntityId,
        /// The register.
        register: Register,
        /// The new value.
        value: Value,
        /// What its author was shown.
        shown: Vec<Head>,
        /// What its author knew of besides.
        witness: Vec<OpId>,
        /// The creations of the entity.
        creators: Vec<OpId>,
    },
}

impl Wanted {
    /// What an edit comes to; none if there is nothing to do.
    #[must_use]
    pub fn of(view: &View<'_>, edit: Edit) -> Option<Self> {
        let location = place(edit.at);
        let found = view.entities_at(&location).unwrap();
        let entity = found.get(usize::from(edit.value) % found.len().max(1)).copied();
        let (register, value) = match edit.what {
            What::Put if entity.is_none() => {
                let free = view.free_place(&location).unwrap();
                let (generation, freed_by) = (free.generation, free.freed_by);
                return Some(Self::Birth { location, generation, freed_by, content: content(edit.value) });
            }
            What::Put => (Register::Content, Value::Content(content(edit.value))),
            What::Move => (Register::Location, Value::Location(Some(place(edit.value)))),
            What::Delete => (Register::Location, Value::Location(None)),
            What::Restore => return Self::restore(view, edit),
            What::Deprecate => {
                let replacement = (edit.value > 2).then(|| entity_id(&place(edit.value), 0));
                let reason = format!("reason {}", edit.value);
                (Register::Deprecation, Value::Deprecation(Some(Deprecation { reason, replacement })))
            }
            What::Undeprecate => (Register::Deprecation, Value::Deprecation(None)),
            What::Show => {
                use Visibility::{Internal, Private, Public};
                let all = [Internal, Private, Internal, Private, Public];
                (Register::Visibility, Value::Visibility(all[usize::from(edit.value) % all.len()]))
            }
            What::Pin => (Register::Pin(entity_id(&place(0), 0)), Value::Pin(Some(content(edit.value)))),
            What::Unpin => (Register::Pin(entity_id(&place(0), 0)), Value::Pin(None)),
        };
        Self::write(view, entity?, register, value)
    }

    /// A write of a register over what the view shows; none if it shows that value.
    fn write(view: &View<'_>, entity: EntityId, register: Register, value: Value) -> Option<Self> {
        let shown = view.shown(&entity, register).unwrap();
        if shown.iter().any(|head| head.value == value) {
            return None;
        }
        let nothing = matches!(value, Value::Deprecation(None) | Value::Pin(None));
        if nothing && shown.is_empty() {
            return None;
        }
        let witness = view.witness(&entity, register).unwrap();
        let creators = view.creators(&entity).unwrap();
        Some(Self::Write { entity, register, value, shown, witness, creators })
    }

    /// Brings back an entity that was born at the place and is gone.
    fn restore(view: &View<'_>, edit: Edit) -> Option<Self> {
        let location = place(edit.at);
        let entity = entity_id(&location, u32::from(edit.value % 2));
        let state = view.entity(&entity).unwrap()?;
        if state.is_live() {
            return None;
        }
        Self::write(view, entity, Register::Location, Value::Location(Some(location)))
    }

    /// The op that writes it.
    #[must_use]
    pub fn into_op(self) -> Option<Op> {
        match self {
            Self::Birth { location, generation, freed_by, content } => {
                let entity = entity_id(&location, generation);
                let visibility = Visibility::Public;
                Some(Op::new(entity, Action::CreateName { location, generation, content, visibility }).after(freed_by))
            }
            Self::Write { entity, register, value, shown, witness, creators } => {
                let first = shown.first().map(|head| &head.value);
                let action = Action::writing(register, value, first)?;
                let op = Op::new(entity, action).witnessing(witness);
                Some(if shown.is_empty() {
                    op.after(creators)
                } else {
                    op.superseding(shown.iter().map(|head| head.op))
                })
            }
        }
    }
}
