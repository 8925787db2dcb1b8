//! Two instances in memory, the line between them, and what they may hold at first.

use std::collections::BTreeMap;
use std::sync::Arc;

use dm_collab::patch::apply_facts;
use dm_collab::sync::v1::{Initiator, Message, Plan, Responder};
use dm_collab::sync::{Direction, MESSAGE_BYTES_MAX, Named as _, Outcome, Received, SyncError};

type Step = dm_collab::sync::Step<Message>;
use dm_collab::{Batch, ContentHead, ProjectionRead as _, exchange as r25};
use dm_model::{
    Action, Apply, Body, DefHash, Definition, Envelope, EnvelopeId, Kind, Op, Revision, Space, Timestamp, Visibility,
    entity_id,
};

use crate::scene::{keys, location, main_of, patch};
use dm_sim::Memory;

/// The name under which each remembers the other.
pub const PEER: &str = "peer";

/// An instance.
pub struct Peer {
    pub memory: Memory,
    person: u8,
    clock: i64,
}

/// Why an exchange stopped.
#[derive(Debug)]
pub enum Stop {
    Cut,
    Failed(SyncError),
}

impl From<SyncError> for Stop {
    fn from(error: SyncError) -> Self {
        Self::Failed(error)
    }
}

/// The line: where it is cut, what went over it, and what becomes of messages on their way.
pub struct Line<'t> {
    /// How many moments are left before it is cut.
    pub left: Option<usize>,
    pub questions: Vec<&'static str>,
    pub largest: usize,
    /// What arrives instead of an answer.
    pub answer: &'t mut dyn FnMut(Message) -> Vec<u8>,
    /// What arrives instead of a question.
    pub question: &'t mut dyn FnMut(Message) -> Vec<u8>,
}

impl Line<'_> {
    /// A moment at which the line may be cut.
    fn moment(&mut self) -> Result<(), Stop> {
        match &mut self.left {
            Some(0) => Err(Stop::Cut),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

pub fn head(hash: DefHash, definition: &Definition) -> ContentHead {
    let mut uses: Vec<_> = definition.references.iter().filter_map(dm_model::Reference::entity).collect();
    uses.sort_unstable();
    uses.dedup();
    ContentHead { hash, kind: definition.kind, uses }
}

impl Peer {
    pub fn new(person: u8) -> Self {
        Self { memory: Memory::new(main_of(person)), person, clock: 1_000_000 * i64::from(person) }
    }

    pub fn store(&mut self, received: &Received) {
        let content = received.definitions.iter().map(|(hash, definition)| head(*hash, definition)).collect();
        self.memory.receive(&Batch { envelopes: received.envelopes.clone(), content });
        self.memory.definitions.extend(received.definitions.iter().cloned());
    }

    pub fn settle(&mut self) -> Vec<EnvelopeId> {
        let selection = r25::select(&self.memory, &|_| true).unwrap();
        if selection.apply.is_empty() {
            return Vec::new();
        }
        let Some((_, fact)) = apply_facts(&self.memory, &selection.apply, "").unwrap().pop() else { return Vec::new() };
        self.clock += 1;
        let now = Timestamp::from_ms(self.clock);
        let envelope = Arc::new(Envelope::seal(Space::PUBLIC, &keys(self.person), now, Body::Apply(fact)));
        let id = envelope.id();
        self.store(&Received { envelopes: vec![envelope], ..Received::default() });
        vec![id]
    }

    fn note_known(&mut self, outcome: &Outcome) {
        self.memory.known.entry(PEER.to_owned()).or_default().extend(&outcome.known);
    }

    /// Answers a question as the engine does.
    pub fn answer(&mut self, question: Message, line: &mut Line<'_>) -> Result<Message, Stop> {
        let mut machine = Responder::new(vec![Space::PUBLIC]);
        let mut step = machine.handle(question, &self.memory)?;
        loop {
            step = match step {
                Step::Send(answer) => return Ok(answer),
                Step::Store(received) => {
                    line.moment()?;
                    self.store(&received);
                    machine.stored(&self.memory)?
                }
                Step::Settle => {
                    line.moment()?;
                    let made = self.settle();
                    machine.settled(&made, &self.memory)?
                }
                Step::Done => unreachable!("who answers has an answer"),
            };
        }
    }
}

pub fn plan(direction: Direction) -> Plan {
    Plan { peer: PEER.to_owned(), direction, dry_run: false }
}

/// One exchange, as the engine drives it.
pub fn exchange(
    asker: &mut Peer,
    answerer: &mut Peer,
    plan: &Plan,
    line: &mut Line<'_>,
) -> (Outcome, Result<(), Stop>) {
    let mut machine = Initiator::new(plan.clone());
    let mut unstored: Vec<Received> = Vec::new();
    let ended = drive(&mut machine, asker, answerer, line, plan.dry_run.then_some(&mut unstored));
    (machine.outcome().clone(), ended)
}

fn drive(
    machine: &mut Initiator,
    asker: &mut Peer,
    answerer: &mut Peer,
    line: &mut Line<'_>,
    mut unstored: Option<&mut Vec<Received>>,
) -> Result<(), Stop> {
    let mut step = machine.begin(&asker.memory)?;
    loop {
        step = match step {
            Step::Send(question) => {
                line.questions.push(question.kind());
                line.moment()?;
                let arrived = travel(&mut line.largest, line.question, question)?;
                let answer = answerer.answer(arrived, line)?;
                line.moment()?;
                let arrived = travel(&mut line.largest, line.answer, answer)?;
                machine.handle(arrived, &asker.memory)?
            }
            Step::Store(received) => {
                line.moment()?;
                match &mut unstored {
                    Some(kept) => kept.push(received),
                    None => {
                        asker.store(&received);
                        asker.note_known(machine.outcome());
                    }
                }
                machine.stored(&asker.memory)?
            }
            Step::Settle => {
                line.moment()?;
                let made = if unstored.is_some() { Vec::new() } else { asker.settle() };
                machine.settled(&made, &asker.memory)?
            }
            Step::Done => {
                if unstored.is_none() {
                    asker.note_known(machine.outcome());
                }
                return Ok(());
            }
        };
    }
}

fn travel(
    largest: &mut usize,
    change: &mut dyn FnMut(Message) -> Vec<u8>,
    message: Message,
) -> Result<Message, SyncError> {
    let bytes = change(message);
    *largest = bytes.len().max(*largest);
    assert!(bytes.len() <= MESSAGE_BYTES_MAX);
    Ok(Message::decode(&bytes)?)
}

/// An exchange over a good line: the questions that were asked, and what came of it.
pub fn meet(asker: &mut Peer, answerer: &mut Peer, direction: Direction) -> (Vec<&'static str>, Outcome) {
    let (questions, outcome, ended) = meet_until(asker, answerer, direction, None);
    ended.unwrap();
    (questions, outcome)
}

/// An exchange over a line that is cut after so many moments.
pub fn meet_until(
    asker: &mut Peer,
    answerer: &mut Peer,
    direction: Direction,
    left: Option<usize>,
) -> (Vec<&'static str>, Outcome, Result<(), Stop>) {
    let (answer, question) = (&mut |m: Message| m.encode(), &mut |m: Message| m.encode());
    let mut line = Line { left, questions: Vec::new(), largest: 0, answer, question };
    let (outcome, ended) = exchange(asker, answerer, &plan(direction), &mut line);
    (line.questions, outcome, ended)
}

/// Exchanges until nothing is left to be said; how many it took.
pub fn meet_until_quiet(asker: &mut Peer, answerer: &mut Peer) -> usize {
    for round in 1..5 {
        let (_, outcome) = meet(asker, answerer, Direction::Both);
        if outcome.sent.is_empty() && outcome.received.is_empty() {
            return round;
        }
    }
    unreachable!("exchange does not come to rest");
}

/// Everything that anyone ever wrote.
#[derive(Default)]
pub struct World {
    pub envelopes: Vec<Arc<Envelope>>,
    pub definitions: Vec<(DefHash, Arc<Definition>)>,
    clock: i64,
    births: BTreeMap<u8, Op>,
    last: BTreeMap<u8, Op>,
    facts: BTreeMap<u8, EnvelopeId>,
}

impl World {
    fn seal(&mut self, person: u8, body: Body) -> EnvelopeId {
        self.clock += 1;
        let envelope = Envelope::seal(Space::PUBLIC, &keys(person), Timestamp::from_ms(self.clock), body);
        let id = envelope.id();
        self.envelopes.push(Arc::new(envelope));
        id
    }

    /// A definition with this text.
    pub fn define(&mut self, text: &str) -> DefHash {
        let definition = Definition { kind: Kind::Fn, text: text.to_owned(), references: Vec::new() };
        let hash = definition.hash();
        if !self.definitions.iter().any(|(known, _)| *known == hash) {
            self.definitions.push((hash, Arc::new(definition)));
        }
        hash
    }

    /// A revision of a new patch that writes one place, over its last content or over the first one.
    pub fn write(&mut self, person: u8, place: u8, stale: bool, text: &str) -> (u8, EnvelopeId) {
        let content = self.define(text);
        let base = if stale { self.births.get(&place) } else { self.last.get(&place) };
        let op = match base {
            Some(base) => {
                let new = Action::UpdateName { old: base.content(), new: content };
                Op::new(base.entity, new).superseding([base.id()])
            }
            None => {
                let location = location(&format!("A.B.f{place}"));
                let visibility = Visibility::Public;
                let entity = entity_id(&location, 0);
                Op::new(entity, Action::CreateName { location, generation: 0, content, visibility })
            }
        };
        self.births.entry(place).or_insert_with(|| op.clone());
        self.last.insert(place, op.clone());
        self.revise(person, vec![op])
    }

    pub fn revise(&mut self, person: u8, mut ops: Vec<Op>) -> (u8, EnvelopeId) {
        let of = u8::try_from(self.envelopes.len()).unwrap();
        ops.sort();
        let revision = Revision {
            patch: patch(of),
            replaces: Vec::new(),
            author: format!("person {person}"),
            intent: format!("patch {of}"),
            created_at: Timestamp::from_ms(self.clock),
            depends: Vec::new(),
            ops,
        };
        (of, self.seal(person, Body::Revision(revision)))
    }

    /// Puts a revision into a main.
    pub fn apply(&mut self, person: u8, of: (u8, EnvelopeId)) -> EnvelopeId {
        let onto = self.facts.get(&person).copied().into_iter().collect();
        let apply = Apply { channel: main_of(person), onto, patches: vec![(patch(of.0), of.1)], forced: String::new() };
        let id = self.seal(person, Body::Apply(apply));
        self.facts.insert(person, id);
        id
    }

    /// Many patches of one person, applied in that person's main.
    pub fn patches(count: u8, person: u8) -> Self {
        let mut world = Self::default();
        for number in 0..count {
            let written = world.write(person, number, false, &format!("let f{number} () = {number}"));
            world.apply(person, written);
        }
        world
    }

    /// What of it a mask chooses: bit by bit, envelopes first.
    pub fn part(&self, choose: impl Fn(usize) -> bool) -> Received {
        let envelopes = self.envelopes.iter().enumerate().filter(|(at, _)| choose(*at));
        let definitions = self.definitions.iter().enumerate().filter(|(at, _)| choose(self.envelopes.len() + at));
        Received {
            envelopes: envelopes.map(|(_, envelope)| Arc::clone(envelope)).collect(),
            definitions: definitions.map(|(_, definition)| definition.clone()).collect(),
            ..Received::default()
        }
    }

    pub fn all(&self) -> Received {
        self.part(|_| true)
    }
}

/// Both hold the same, and all content that anyone held is where a revision names it.
pub fn assert_equal(left: &Peer, right: &Peer) {
    let ids = |peer: &Peer| peer.memory.envelopes.keys().copied().collect::<Vec<_>>();
    assert_eq!(ids(left), ids(right));
    let union: Vec<_> = left.memory.definitions.iter().chain(&right.memory.definitions).collect();
    for envelope in left.memory.envelopes.values() {
        let Body::Revision(revision) = envelope.body() else { continue };
        for hash in revision.contents().iter().filter(|hash| union.iter().any(|(known, _)| known == hash)) {
            assert!(left.memory.content_present(hash).unwrap(), "the left lacks {hash}");
            assert!(right.memory.content_present(hash).unwrap(), "the right lacks {hash}");
        }
    }
    assert_eq!(left.memory.counted, right.memory.counted);
}
