//! The side that asks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dm_model::{Body, DefHash, Envelope, EnvelopeId, RevisionId};

use super::SPACE;
use super::message::{Message, Verdict};
use crate::read::ReadError;
use crate::sync::parcel::{Parcel, Received, check_parcel};
use crate::sync::{
    Direction, ExchangeRead, GET_IDS, GET_PAIRS, Named as _, Outcome, PAIRS_MAX, ProtocolError, SyncError,
};

type Step = crate::sync::Step<Message>;

/// What an exchange is for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The peer, by the name under which the store remembers what it holds.
    pub peer: String,
    /// Which way.
    pub direction: Direction,
    /// Whether nothing is put: [`Outcome::sent`] then says what would be.
    pub dry_run: bool,
}

/// What the initiator waits for.
#[derive(Debug)]
enum State {
    Idle,
    Welcome,
    Difference,
    /// A parcel of these envelopes.
    Envelopes(Vec<EnvelopeId>),
    /// A parcel of these definitions.
    Content(Vec<(RevisionId, DefHash)>),
    /// That the caller stores what was received while pulling.
    Storing,
    Settling,
    /// An answer to a put.
    Put(Put),
    /// That the caller stores the peer's last facts.
    Finishing,
    Over,
}

/// A parcel on its way to the peer.
#[derive(Debug)]
struct Put {
    /// The envelopes in it.
    sent: Vec<EnvelopeId>,
    /// Whether nothing is in it: its only answer is that all is finished.
    empty: bool,
    /// Whether it is the last one.
    finish: bool,
}

/// The side that asks: one exchange, from `begin` to [`Step::Done`].
#[derive(Debug)]
pub struct Initiator {
    plan: Plan,
    state: State,
    /// Envelopes to be asked for, needs first.
    wanted: VecDeque<EnvelopeId>,
    /// Content to be asked for.
    lacked: VecDeque<(RevisionId, DefHash)>,
    /// Envelopes to be put, needs first.
    to_send: VecDeque<EnvelopeId>,
    /// Content that the peer said it waits for, before it was seen what is held here.
    claimed: Vec<(RevisionId, DefHash)>,
    /// Content that the peer waits for and that is held here.
    owed: VecDeque<(RevisionId, DefHash)>,
    /// All content that was ever owed: it is given once, whatever the peer says.
    given: BTreeSet<(RevisionId, DefHash)>,
    /// Whether anything was put that was not finished.
    unfinished: bool,
    outcome: Outcome,
}

impl Initiator {
    /// An exchange that has not begun.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            state: State::Idle,
            wanted: VecDeque::new(),
            lacked: VecDeque::new(),
            to_send: VecDeque::new(),
            claimed: Vec::new(),
            owed: VecDeque::new(),
            given: BTreeSet::new(),
            unfinished: false,
            outcome: Outcome::default(),
        }
    }

    /// What it did so far.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// How many envelopes are still to be received and to be sent, as far as is known.
    #[must_use]
    pub fn ahead(&self) -> (usize, usize) {
        (self.wanted.len(), self.to_send.len())
    }

    /// Begins.
    ///
    /// # Errors
    /// The own store.
    pub fn begin(&mut self, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        self.state = State::Welcome;
        let space = SPACE;
        Ok(Step::Send(Message::Hello {
            instance: read.own_channel(),
            space,
            all: read.set_fingerprint(space)?,
            known: read.known_fingerprint(&self.plan.peer, space)?,
        }))
    }

    /// Takes the peer's answer.
    ///
    /// # Errors
    /// An answer that does not fit the question or fails its checks; the own store.
    pub fn handle(&mut self, message: Message, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, message) {
            (State::Welcome, Message::Welcome { instance, verdict, missing }) => {
                self.outcome.peer = Some(instance);
                self.claimed = missing;
                self.welcomed(verdict, read)
            }
            (State::Difference, Message::Difference { lacking, offered }) => self.compared(&lacking, offered, read),
            (State::Envelopes(asked), Message::Parcel(parcel)) => self.fetched(&asked, &parcel, read),
            (State::Content(asked), Message::Parcel(parcel)) => self.fetched_content(&asked, &parcel, read),
            // The last put is answered so too where content is missing: the peer has not settled yet.
            (State::Put(put), Message::Stored { missing }) if !put.empty => self.put_done(put.sent, missing, read),
            (State::Put(put), Message::Finished { parcel }) if put.finish => self.finished(put.sent, &parcel, read),
            (_, other) => Err(ProtocolError::Unexpected { found: other.kind() }.into()),
        }
    }

    fn welcomed(&mut self, verdict: Verdict, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        if self.plan.direction.pulls() {
            self.lacked.extend(read.missing_contents(&[SPACE], PAIRS_MAX)?);
        }
        match verdict {
            Verdict::Same => self.outcome.known = read.unknown_ids(&self.plan.peer, SPACE)?,
            Verdict::AsKnown if self.plan.direction.pushes() => {
                let unknown = read.unknown_ids(&self.plan.peer, SPACE)?;
                self.to_send.extend(read.ids_in_order(&unknown)?);
            }
            Verdict::AsKnown => {}
            Verdict::Differ => {
                self.state = State::Difference;
                let space = SPACE;
                return Ok(Step::Send(Message::Have { space, ids: read.envelope_ids(space)? }));
            }
        }
        self.fetch(read)
    }

    fn compared(
        &mut self,
        lacking: &[EnvelopeId],
        offered: Vec<EnvelopeId>,
        read: &dyn ExchangeRead,
    ) -> Result<Step, SyncError> {
        let own: BTreeSet<EnvelopeId> = read.envelope_ids(SPACE)?.into_iter().collect();
        let lacking: BTreeSet<EnvelopeId> = lacking.iter().copied().filter(|id| own.contains(id)).collect();
        self.outcome.known = own.difference(&lacking).copied().collect();
        if self.plan.direction.pushes() {
            let lacking: Vec<EnvelopeId> = lacking.into_iter().collect();
            self.to_send.extend(read.ids_in_order(&lacking)?);
        }
        if self.plan.direction.pulls() {
            let mut seen = own;
            self.wanted.extend(offered.into_iter().filter(|id| seen.insert(*id)));
        }
        self.fetch(read)
    }

    /// Asks for what is lacking, content first; once nothing is, settles or puts.
    fn fetch(&mut self, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        if !self.lacked.is_empty() {
            let asked: Vec<_> = self.lacked.iter().take(GET_PAIRS).copied().collect();
            self.state = State::Content(asked.clone());
            return Ok(Step::Send(Message::GetContent { pairs: asked }));
        }
        if !self.wanted.is_empty() {
            let asked: Vec<_> = self.wanted.iter().take(GET_IDS).copied().collect();
            self.state = State::Envelopes(asked.clone());
            return Ok(Step::Send(Message::Get { ids: asked }));
        }
        if self.plan.direction.pulls() {
            // Even with nothing new: an earlier exchange may have been cut before this.
            self.state = State::Settling;
            return Ok(Step::Settle);
        }
        self.put(read)
    }

    fn fetched(&mut self, asked: &[EnvelopeId], parcel: &Parcel, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        let wanted: BTreeSet<EnvelopeId> = asked.iter().copied().collect();
        let nothing = |_: &DefHash| Ok(false);
        let accepts = |envelope: &Envelope| wanted.contains(&envelope.id());
        let received = check_parcel(parcel, &[SPACE], &accepts, &nothing)?;
        if received.envelopes.is_empty() {
            return Err(ProtocolError::Withheld(asked.len()).into());
        }
        let came: BTreeSet<EnvelopeId> = received.envelopes.iter().map(|envelope| envelope.id()).collect();
        self.wanted.retain(|id| !came.contains(id));
        self.lacked.extend(received.missing(read)?);
        self.store(received, State::Storing)
    }

    fn fetched_content(
        &mut self,
        asked: &[(RevisionId, DefHash)],
        parcel: &Parcel,
        read: &dyn ExchangeRead,
    ) -> Result<Step, SyncError> {
        let hashes: BTreeSet<DefHash> = asked.iter().map(|(_, hash)| *hash).collect();
        let awaits = |hash: &DefHash| Ok(hashes.contains(hash));
        let received = check_parcel(parcel, &[SPACE], &|_| false, &awaits)?;
        let came: BTreeSet<DefHash> = received.definitions.iter().map(|(hash, _)| *hash).collect();
        if came.is_empty() {
            // The peer lacks it too: its revisions stay pending until someone has it.
            let given_up: BTreeSet<_> = asked.iter().collect();
            self.lacked.retain(|pair| !given_up.contains(pair));
            return self.fetch(read);
        }
        self.lacked.retain(|(_, hash)| !came.contains(hash));
        self.store(received, State::Storing)
    }

    fn store(&mut self, received: Received, next: State) -> Result<Step, SyncError> {
        let ids = received.envelopes.iter().map(|envelope| envelope.id());
        self.outcome.received.extend(ids.clone());
        self.outcome.known.extend(ids);
        self.state = next;
        Ok(Step::Store(received))
    }

    /// What was handed out is stored.
    ///
    /// # Errors
    /// If nothing was handed out; the own store.
    pub fn stored(&mut self, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Storing => self.fetch(read),
            State::Finishing => Ok(Step::Done),
            _ => Err(ProtocolError::Unexpected { found: "stored" }.into()),
        }
    }

    /// What does not conflict is applied; `made` are the own facts that say so.
    ///
    /// # Errors
    /// If settling was not asked for; the own store.
    pub fn settled(&mut self, made: &[EnvelopeId], read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Settling => {
                if self.plan.direction.pushes() {
                    self.to_send.extend(made);
                }
                self.put(read)
            }
            _ => Err(ProtocolError::Unexpected { found: "settled" }.into()),
        }
    }

    /// Puts the next parcel, if there is anything left to put.
    fn put(&mut self, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        if self.plan.dry_run {
            self.outcome.sent.extend(self.to_send.drain(..));
            return Ok(Step::Done);
        }
        if !self.plan.direction.pushes() {
            return Ok(Step::Done);
        }
        // Only now: what the peer waits for may have come from it a moment ago.
        let claimed = std::mem::take(&mut self.claimed);
        self.owe(claimed, read)?;
        let (parcel, sent) = self.next_parcel(read)?;
        let empty = parcel == Parcel::default();
        if empty && !self.unfinished {
            return Ok(Step::Done);
        }
        let finish = self.owed.is_empty() && self.to_send.is_empty();
        self.unfinished = true;
        self.state = State::Put(Put { sent, empty, finish });
        Ok(Step::Send(Message::Put { parcel, finish }))
    }

    /// What is owed first; then envelopes, needs first. Empty only if there is nothing left.
    fn next_parcel(&mut self, read: &dyn ExchangeRead) -> Result<(Parcel, Vec<EnvelopeId>), ReadError> {
        while !self.owed.is_empty() {
            let (parcel, taken) = Parcel::pack_content(read, &[SPACE], self.owed.make_contiguous())?;
            self.owed.drain(..taken);
            // A peer may claim to wait for content with a revision that does not name it.
            if parcel != Parcel::default() {
                return Ok((parcel, Vec::new()));
            }
        }
        let (parcel, taken) = Parcel::pack(read, &[SPACE], self.to_send.make_contiguous())?;
        Ok((parcel, self.to_send.drain(..taken).collect()))
    }

    fn put_done(
        &mut self,
        sent: Vec<EnvelopeId>,
        missing: Vec<(RevisionId, DefHash)>,
        read: &dyn ExchangeRead,
    ) -> Result<Step, SyncError> {
        self.note_sent(sent);
        self.owe(missing, read)?;
        // With nothing left, an empty last put tells the peer to settle what it has: what it still misses nobody here has.
        self.put(read)
    }

    fn note_sent(&mut self, sent: Vec<EnvelopeId>) {
        self.outcome.known.extend(&sent);
        self.outcome.sent.extend(sent);
    }

    /// Notes what the peer waits for and this side holds.
    fn owe(&mut self, missing: Vec<(RevisionId, DefHash)>, read: &dyn ExchangeRead) -> Result<(), ReadError> {
        let mut by_revision: BTreeMap<RevisionId, BTreeSet<DefHash>> = BTreeMap::new();
        for (revision, hash) in missing {
            if read.content_present(&hash)?
                && read.envelope(&revision)?.is_some()
                && self.given.insert((revision, hash))
            {
                by_revision.entry(revision).or_default().insert(hash);
            }
        }
        let pairs =
            by_revision.into_iter().flat_map(|(revision, hashes)| hashes.into_iter().map(move |hash| (revision, hash)));
        self.owed.extend(pairs);
        Ok(())
    }

    fn finished(&mut self, sent: Vec<EnvelopeId>, parcel: &Parcel, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        self.unfinished = false;
        self.note_sent(sent);
        if !self.plan.direction.pulls() {
            return Ok(Step::Done);
        }
        let peer = self.outcome.peer;
        let accepts = |envelope: &Envelope| match envelope.body() {
            Body::Apply(apply) => Some(apply.channel) == peer,
            _ => false,
        };
        let mut received = check_parcel(parcel, &[SPACE], &accepts, &|_| Ok(false))?;
        let mut new = Vec::new();
        for envelope in received.envelopes {
            if read.envelope(&envelope.id())?.is_none() {
                new.push(envelope);
            }
        }
        received.envelopes = new;
        if received.envelopes.is_empty() {
            return Ok(Step::Done);
        }
        self.store(received, State::Finishing)
    }
}
