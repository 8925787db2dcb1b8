//! Instances on a network that loses, doubles, delays, alters and cuts what they say: [`SimCluster`].
//!
//! Everything follows from one seed: who writes what, who speaks to whom, and what becomes of it. Both ends of an exchange run the
//! product's own machine (`dm_collab::sync`), message by message, many exchanges at once.

use std::collections::BTreeSet;

use dm_collab::Batch;
use dm_collab::sync::{Direction, Initiator, Message, Outcome, Plan, Received, Responder, Step as Next, SyncError};
use dm_model::{EnvelopeId, Space};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::agreement::{self, Disagreement};
use crate::history::{History, Step, anything, goodwill};
use crate::person::{Watch, content_head};
use crate::world::World;

/// Exchanges over a good network until nothing moves take fewer rounds than this.
const ROUNDS_MAX: usize = 60;
const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;

/// What people do to each other's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Everything that can happen.
    Any,
    /// Nobody takes out, rejects or revises what others have applied.
    Good,
}

/// Dice that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % bound.max(1)
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// An exchange under way, and the message that is on its way.
struct Flight {
    from: usize,
    to: usize,
    machine: Initiator,
    message: Vec<u8>,
    is_question: bool,
}

/// How often things happened; a network that never failed proves little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mishaps {
    /// Exchanges that came to their end.
    pub finished: u32,
    /// Messages lost, and the exchange with them.
    pub lost: u32,
    /// Questions that arrived twice.
    pub doubled: u32,
    /// Questions that arrived after their exchange was over.
    pub late: u32,
    /// Messages that arrived altered.
    pub altered: u32,
    /// Altered messages that were refused.
    pub refused: u32,
    /// Exchanges that an instance forgot because it was started again.
    pub forgotten: u32,
    /// Messages that a parted network held back.
    pub parted: u32,
}

/// Instances on a bad network.
pub struct SimCluster {
    /// The people and their instances.
    pub world: World,
    /// What became of what they said.
    pub mishaps: Mishaps,
    dice: Dice,
    steps: Vec<Step>,
    flights: Vec<Flight>,
    /// Copies of questions, to whom they go.
    late: Vec<(usize, Vec<u8>)>,
    /// Whether instances with this bit in their number, and those without, hear nothing of each other.
    parted: Option<usize>,
}

/// Clocks that are a year off, one way or the other.
fn skewed(tick: i64, who: usize) -> i64 {
    let years = [0, 1, -1][who % 3];
    2 * YEAR_MS + years * YEAR_MS + tick * 1000
}

impl SimCluster {
    /// The cluster of a seed: two to seven instances.
    #[must_use]
    pub fn new(seed: u64, manners: Manners) -> Self {
        let mut dice = Dice(seed);
        let people = 2 + dice.below(6) as u8;
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &secret);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let history: History = match manners {
            Manners::Any => anything(30..80).new_tree(&mut runner).unwrap().current(),
            Manners::Good => goodwill(30..80).new_tree(&mut runner).unwrap().current(),
        };
        let world = World::with_clock(people, Watch::Never, skewed);
        let (flights, late) = (Vec::new(), Vec::new());
        Self { world, mishaps: Mishaps::default(), dice, steps: history.0, flights, late, parted: None }
    }

    /// Lets everything happen: people write, exchanges begin, advance, fail. The model is asked now and then.
    ///
    /// # Errors
    /// If product and model disagree.
    pub fn run(&mut self) -> Result<(), Disagreement> {
        let mut steps = std::mem::take(&mut self.steps).into_iter();
        loop {
            match self.dice.below(20) {
                0..=2 => match steps.next() {
                    // Exchange is the network's.
                    Some(Step::Send { .. } | Step::Meet) => self.begin(),
                    Some(step) => {
                        let step = self.by_anyone(step);
                        self.world.step(&step)?;
                    }
                    None => return Ok(()),
                },
                3 | 4 => self.begin(),
                5 if self.dice.one_in(4) => self.start_again(),
                6 if self.dice.one_in(3) => self.part(),
                7 => self.deliver_late()?,
                _ => self.advance()?,
            }
            if self.dice.one_in(12) {
                self.check(1)?;
            }
        }
    }

    /// The network is good from now on: everyone speaks to everyone until nothing moves. Then all hold the same.
    ///
    /// # Errors
    /// If product and model disagree, or if somebody lacks something then.
    pub fn heal(&mut self) -> Result<(), Disagreement> {
        (self.parted, self.late) = (None, Vec::new());
        self.flights.clear();
        for round in 0.. {
            let mut moved = false;
            for from in 0..self.world.people.len() {
                for to in (0..self.world.people.len()).filter(|to| *to != from) {
                    let outcome = self.speak(from, to)?;
                    moved |= !outcome.sent.is_empty() || !outcome.received.is_empty();
                }
            }
            if !moved {
                break;
            }
            if round == ROUNDS_MAX {
                return Err(wrong("exchanges come to no rest", round, self.mishaps));
            }
        }
        self.check(self.world.people.len())?;
        let all: BTreeSet<EnvelopeId> = self.world.log.envelopes.iter().map(|envelope| envelope.id()).collect();
        for person in &self.world.people {
            let held: BTreeSet<EnvelopeId> = person.memory.envelopes.keys().copied().collect();
            if held != all {
                return Err(wrong("an envelope was lost", held.len(), all.len()));
            }
        }
        Ok(())
    }

    /// Asks the model about so many of the instances, beginning anywhere.
    fn check(&mut self, of: usize) -> Result<(), Disagreement> {
        let people = self.world.people.len();
        let first = self.dice.below(people);
        (0..of).try_for_each(|at| {
            let person = &self.world.people[(first + at) % people];
            agreement::check(&person.memory, &person.holdings)?;
            person.check_sessions()
        })
    }

    /// The step, by anyone: histories know of three people only.
    fn by_anyone(&mut self, mut step: Step) -> Step {
        let anyone = self.dice.below(self.world.people.len()) as u8;
        match &mut step {
            Step::Write { who, .. }
            | Step::Open { who }
            | Step::Draft { who, .. }
            | Step::Ready { who, .. }
            | Step::Pin { who, .. }
            | Step::Revise { who, .. }
            | Step::Apply { who, .. }
            | Step::Unapply { who, .. }
            | Step::Fork { who, .. }
            | Step::Rotate { who }
            | Step::Stolen { who, .. }
            | Step::Misname { who, .. }
            | Step::Verdict { who, .. }
            | Step::Withdraw { who, .. }
            | Step::Newer { who, .. }
            | Step::Resolve { who, .. }
            | Step::Pull { who } => *who = anyone,
            // What these networks exchange is public.
            Step::Turn { who, space, .. } => (*who, *space) = (anyone, 0),
            Step::Send { .. } | Step::Meet => {}
        }
        step
    }

    /// Somebody begins an exchange with somebody.
    fn begin(&mut self) {
        let people = self.world.people.len();
        let from = self.dice.below(people);
        let to = (from + 1 + self.dice.below(people - 1)) % people;
        let direction = [Direction::Both, Direction::PullOnly, Direction::PushOnly][self.dice.below(3)];
        let mut machine = Initiator::new(plan(to, direction));
        self.world.people[from].keep_definitions();
        if let Next::Send(question) = machine.begin(&self.world.people[from].memory).unwrap() {
            let message = question.encode();
            self.flights.push(Flight { from, to, machine, message, is_question: true });
        }
    }

    /// An instance is started again: what it holds stays, exchanges it had begun are forgotten.
    fn start_again(&mut self) {
        let who = self.dice.below(self.world.people.len());
        let before = self.flights.len();
        self.flights.retain(|flight| flight.from != who);
        self.mishaps.forgotten += (before - self.flights.len()) as u32;
    }

    /// The network parts, or is whole again.
    fn part(&mut self) {
        self.parted = match self.parted {
            Some(_) => None,
            None => Some(1 << self.dice.below(2)),
        };
    }

    fn is_parted(&self, from: usize, to: usize) -> bool {
        self.parted.is_some_and(|bit| (from & bit == 0) != (to & bit == 0))
    }

    /// A copy of an old question arrives; nobody waits for the answer.
    fn deliver_late(&mut self) -> Result<(), Disagreement> {
        if self.late.is_empty() {
            return Ok(());
        }
        let (to, question) = self.late.swap_remove(self.dice.below(self.late.len()));
        self.mishaps.late += 1;
        self.answer(to, &question).map(drop)
    }

    /// One message of one exchange arrives, or does not.
    fn advance(&mut self) -> Result<(), Disagreement> {
        if self.flights.is_empty() {
            return Ok(());
        }
        let mut flight = self.flights.swap_remove(self.dice.below(self.flights.len()));
        if self.is_parted(flight.from, flight.to) {
            self.mishaps.parted += 1;
            return Ok(());
        }
        let mut altered = false;
        match self.dice.below(40) {
            0 => {
                self.mishaps.lost += 1;
                return Ok(());
            }
            1 => {
                let at = self.dice.below(flight.message.len());
                flight.message[at] ^= 1 << self.dice.below(8);
                self.mishaps.altered += 1;
                altered = true;
            }
            2 if flight.is_question => {
                self.mishaps.doubled += 1;
                self.answer(flight.to, &flight.message)?.ok();
            }
            3 if flight.is_question => self.late.push((flight.to, flight.message.clone())),
            _ => {}
        }
        let next =
            if flight.is_question { self.answer(flight.to, &flight.message)? } else { self.take_answer(&mut flight)? };
        match next {
            Ok(Some(message)) => {
                (flight.message, flight.is_question) = (message, !flight.is_question);
                self.flights.push(flight);
            }
            Ok(None) => self.mishaps.finished += 1,
            Err(SyncError::Protocol(_)) => self.mishaps.refused += u32::from(altered),
            Err(error @ SyncError::Read(_)) => return Err(wrong("a store in memory fails", error, "")),
        }
        Ok(())
    }

    /// One whole exchange over a good network.
    fn speak(&mut self, from: usize, to: usize) -> Result<Outcome, Disagreement> {
        self.world.people[from].keep_definitions();
        let mut machine = Initiator::new(plan(to, Direction::Both));
        let Ok(Next::Send(question)) = machine.begin(&self.world.people[from].memory) else {
            return Err(wrong("an exchange does not begin", from, to));
        };
        let mut flight = Flight { from, to, machine, message: question.encode(), is_question: true };
        loop {
            let next =
                if flight.is_question { self.answer(to, &flight.message)? } else { self.take_answer(&mut flight)? };
            match next {
                Ok(Some(message)) => (flight.message, flight.is_question) = (message, !flight.is_question),
                Ok(None) => return Ok(flight.machine.outcome().clone()),
                Err(error) => return Err(wrong("an exchange over a good network fails", error, "")),
            }
        }
    }

    /// An instance answers a question.
    fn answer(&mut self, who: usize, question: &[u8]) -> Result<Result<Option<Vec<u8>>, SyncError>, Disagreement> {
        self.world.people[who].keep_definitions();
        let mut machine = Responder::new(vec![Space::PUBLIC]);
        let question = match Message::decode(question) {
            Ok(question) => question,
            Err(error) => return Ok(Err(error.into())),
        };
        let mut next = machine.handle(question, &self.world.people[who].memory);
        loop {
            next = match next {
                Ok(Next::Send(answer)) => return Ok(Ok(Some(answer.encode()))),
                Ok(Next::Store(received)) => {
                    self.store(who, &received)?;
                    machine.stored(&self.world.people[who].memory)
                }
                Ok(Next::Settle) => {
                    let made: Vec<EnvelopeId> = self.world.pull(who)?.into_iter().collect();
                    machine.settled(&made, &self.world.people[who].memory)
                }
                Ok(Next::Done) => return Ok(Ok(None)),
                Err(error) => return Ok(Err(error)),
            };
        }
    }

    /// Who asked takes an answer; gives the next question, if there is one.
    fn take_answer(&mut self, flight: &mut Flight) -> Result<Result<Option<Vec<u8>>, SyncError>, Disagreement> {
        let who = flight.from;
        self.world.people[who].keep_definitions();
        let answer = match Message::decode(&flight.message) {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error.into())),
        };
        let mut next = flight.machine.handle(answer, &self.world.people[who].memory);
        let ended = loop {
            next = match next {
                Ok(Next::Send(question)) => break Ok(Some(question.encode())),
                Ok(Next::Store(received)) => {
                    self.store(who, &received)?;
                    flight.machine.stored(&self.world.people[who].memory)
                }
                Ok(Next::Settle) => {
                    let made: Vec<EnvelopeId> = self.world.pull(who)?.into_iter().collect();
                    flight.machine.settled(&made, &self.world.people[who].memory)
                }
                Ok(Next::Done) => break Ok(None),
                Err(error) => break Err(error),
            };
        };
        let known = self.world.people[who].memory.known.entry(name(flight.to)).or_default();
        known.extend(&flight.machine.outcome().known);
        Ok(ended)
    }

    fn store(&mut self, who: usize, received: &Received) -> Result<(), Disagreement> {
        let content = received.definitions.iter().map(|(hash, _)| content_head(*hash)).collect();
        let batch = Batch { envelopes: received.envelopes.clone(), content };
        self.world.people[who].receive(&batch)?;
        self.world.people[who].keep_definitions();
        Ok(())
    }

    /// The conflicts that each instance lists.
    #[must_use]
    pub fn conflicts(&self) -> Vec<Vec<dm_collab::Conflict>> {
        (0..self.world.people.len()).map(|who| self.world.conflicts(who)).collect()
    }
}

fn name(who: usize) -> String {
    format!("person {who}")
}

fn plan(to: usize, direction: Direction) -> Plan {
    Plan { peer: name(to), spaces: vec![Space::PUBLIC], direction, dry_run: false }
}

fn wrong(about: &'static str, product: impl std::fmt::Debug, model: impl std::fmt::Debug) -> Disagreement {
    Disagreement { about, product: format!("{product:?}"), model: format!("{model:?}") }
}
