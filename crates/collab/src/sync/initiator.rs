//! The side that asks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dm_model::{Body, DefHash, Envelope, EnvelopeId, RevisionId, Space};

use super::message::{Delivery, Message, Section, SpaceClaim, Verdict};
use super::parcel::{Parcel, Received, check_parcel};
use super::ranges::{self, Claim, LIST_IDS, Learned, RANGES_MAX, Range, RangeAnswer};
use super::{
    Direction, ExchangeRead, GET_IDS, GET_PAIRS, Named as _, Outcome, PAIRS_MAX, ProtocolError, Step, SyncError,
};
use crate::read::{Presence, ReadError};

/// So many questions about ranges in a row may bring nothing: an honest comparison brings something every few.
const IDLE_QUESTIONS_MAX: u32 = 64;
/// Most questions about ranges in one exchange; what they did not reach is the next one's.
const QUESTIONS_MAX: u32 = 4096;
/// Most envelopes that a peer may offer and then not have: between two messages it may have cleaned up, but not that much.
const WITHHELD_MAX: usize = 1000;

/// What an exchange is for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The peer, by the name under which the store remembers what it holds.
    pub peer: String,
    /// Which spaces.
    pub spaces: Vec<Space>,
    /// Which way.
    pub direction: Direction,
    /// Whether nothing is put: [`Outcome::sent`] then says what would be.
    pub dry_run: bool,
}

/// What the initiator waits for.
#[derive(Debug)]
enum State {
    Idle,
    Welcome(Vec<SpaceClaim>),
    /// What is said of these ranges.
    Compared(Vec<Section>),
    /// A delivery of these envelopes.
    Envelopes(Vec<EnvelopeId>),
    /// A delivery of these definitions.
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
    /// What the peer was not known to hold when the exchange began.
    unknown: BTreeMap<Space, Vec<EnvelopeId>>,
    /// Ranges that are still to be compared; the last first, so that the comparison goes deep before it goes on.
    ranges: Vec<(Space, Range, Claim)>,
    /// What the comparison found the peer to lack, in spaces that are compared.
    lacking: BTreeSet<EnvelopeId>,
    /// The spaces that are compared by ranges.
    compared: Vec<Space>,
    /// Questions about ranges, and those since something was found last.
    questions: u32,
    idle: u32,
    /// Envelopes to be asked for.
    wanted: VecDeque<EnvelopeId>,
    /// All that ever was to be asked for: nothing is asked for twice.
    seen: BTreeSet<EnvelopeId>,
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
    pub fn new(mut plan: Plan) -> Self {
        plan.spaces.sort_unstable();
        plan.spaces.dedup();
        plan.spaces.truncate(super::SPACES_MAX);
        Self {
            plan,
            state: State::Idle,
            unknown: BTreeMap::new(),
            ranges: Vec::new(),
            lacking: BTreeSet::new(),
            compared: Vec::new(),
            questions: 0,
            idle: 0,
            wanted: VecDeque::new(),
            seen: BTreeSet::new(),
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
        let mut claims = Vec::with_capacity(self.plan.spaces.len());
        for space in &self.plan.spaces {
            let all = read.set_fingerprint(*space)?;
            let known = read.known_fingerprint(&self.plan.peer, *space)?;
            claims.push(SpaceClaim { space: *space, all, known });
            self.unknown.insert(*space, read.unknown_ids(&self.plan.peer, *space)?);
        }
        self.state = State::Welcome(claims.clone());
        Ok(Step::Send(Message::Hello { instance: read.own_channel(), claims }))
    }

    /// Takes the peer's answer.
    ///
    /// # Errors
    /// An answer that does not fit the question or fails its checks; the own store.
    pub fn handle(&mut self, message: Message, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, message) {
            (State::Welcome(claims), Message::Welcome { instance, verdicts, missing })
                if verdicts.len() == claims.len() =>
            {
                self.outcome.peer = Some(instance);
                self.claimed = missing;
                self.welcomed(&claims, verdicts, read)
            }
            (State::Compared(asked), Message::Compared { sections }) => self.take_comparison(&asked, sections, read),
            (State::Envelopes(asked), Message::Delivery(delivery)) => self.fetched(&asked, &delivery, read),
            (State::Content(asked), Message::Delivery(delivery)) => self.fetched_content(&asked, &delivery, read),
            // The last put is answered so too where content is missing: the peer has not settled yet.
            (State::Put(put), Message::Stored { missing, refused }) if !put.empty => {
                self.note_sent(put.sent, refused);
                self.owe(missing, read)?;
                // With nothing left, an empty last put tells the peer to settle what it has: what it still misses nobody here has.
                self.put(read)
            }
            (State::Put(put), Message::Finished { refused, parcel }) if put.finish => {
                self.note_sent(put.sent, refused);
                self.finished(&parcel, read)
            }
            (_, other) => Err(ProtocolError::Unexpected { found: other.kind() }.into()),
        }
    }

    fn welcomed(
        &mut self,
        claims: &[SpaceClaim],
        verdicts: Vec<Verdict>,
        read: &dyn ExchangeRead,
    ) -> Result<Step, SyncError> {
        for (claim, verdict) in claims.iter().zip(verdicts) {
            self.judge(claim, verdict, read)?;
        }
        let refused = |space: &Space| self.outcome.not_shared.contains(space);
        let shared: Vec<Space> = self.plan.spaces.iter().copied().filter(|space| !refused(space)).collect();
        self.plan.spaces = shared;
        if self.plan.direction.pulls() {
            self.lacked.extend(read.missing_contents(&self.plan.spaces, PAIRS_MAX)?);
        }
        self.go_on(read)
    }

    /// What a verdict about a space means.
    fn judge(&mut self, claim: &SpaceClaim, verdict: Verdict, read: &dyn ExchangeRead) -> Result<(), SyncError> {
        let unknown = self.unknown.get(&claim.space).cloned().unwrap_or_default();
        match verdict {
            Verdict::Same => self.outcome.known.extend(unknown),
            Verdict::AsKnown => self.lacking.extend(unknown),
            Verdict::NotShared => self.outcome.not_shared.push(claim.space),
            Verdict::Ahead { of_known: false, offered } => {
                self.outcome.known.extend(unknown);
                self.want(offered, read)?;
            }
            Verdict::Ahead { of_known: true, offered } => {
                let theirs: BTreeSet<EnvelopeId> = offered.iter().copied().collect();
                for id in unknown {
                    if theirs.contains(&id) {
                        self.outcome.known.push(id);
                    } else {
                        self.lacking.insert(id);
                    }
                }
                self.want(offered, read)?;
            }
            Verdict::Differ(answer) => {
                self.compared.push(claim.space);
                let asked = (Range::ALL, Claim::Sum(claim.all));
                self.learn(claim.space, &asked, answer, read)?;
            }
        }
        Ok(())
    }

    fn learn(
        &mut self,
        space: Space,
        asked: &(Range, Claim),
        answer: RangeAnswer,
        read: &dyn ExchangeRead,
    ) -> Result<(), SyncError> {
        let mut learned = Learned::default();
        ranges::learn(read, space, asked, answer, &mut learned)?;
        let before = self.lacking.len() + self.seen.len();
        self.lacking.extend(learned.lacking);
        self.want(learned.offered, read)?;
        if self.lacking.len() + self.seen.len() > before {
            self.idle = 0;
        }
        self.ranges.extend(learned.next.into_iter().map(|(range, claim)| (space, range, claim)));
        Ok(())
    }

    /// Notes what the peer offers and is not held.
    fn want(&mut self, offered: Vec<EnvelopeId>, read: &dyn ExchangeRead) -> Result<(), ReadError> {
        if !self.plan.direction.pulls() {
            return Ok(());
        }
        for id in offered {
            if read.presence(&id)? == Presence::Absent && self.seen.insert(id) {
                self.wanted.push_back(id);
            }
        }
        Ok(())
    }

    /// What comes next: content, envelopes, comparing, and once nothing is left of these, settling or putting.
    fn go_on(&mut self, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        if !self.lacked.is_empty() {
            let asked: Vec<_> = self.lacked.iter().take(GET_PAIRS).copied().collect();
            self.state = State::Content(asked.clone());
            return Ok(Step::Send(Message::GetContent { pairs: asked }));
        }
        if self.questions >= QUESTIONS_MAX && !self.ranges.is_empty() {
            self.ranges.clear();
            self.outcome.incomplete = true;
        }
        let full = self.wanted.len() >= GET_IDS || self.idle >= IDLE_QUESTIONS_MAX;
        if !self.wanted.is_empty() && (self.ranges.is_empty() || full) {
            let asked: Vec<_> = self.wanted.iter().take(GET_IDS).copied().collect();
            self.state = State::Envelopes(asked.clone());
            return Ok(Step::Send(Message::Get { ids: asked }));
        }
        if !self.ranges.is_empty() {
            return self.compare();
        }
        self.conclude(read)?;
        if self.plan.direction.pulls() {
            // Even with nothing new: an earlier exchange may have been cut before this.
            self.state = State::Settling;
            return Ok(Step::Settle);
        }
        self.put(read)
    }

    /// Asks about the next ranges.
    fn compare(&mut self) -> Result<Step, SyncError> {
        if self.idle >= IDLE_QUESTIONS_MAX {
            return Err(ProtocolError::NoEnd(IDLE_QUESTIONS_MAX).into());
        }
        self.questions += 1;
        self.idle += 1;
        let mut sections: BTreeMap<Space, Vec<(Range, Claim)>> = BTreeMap::new();
        for (space, range, claim) in self.ranges.split_off(self.ranges.len().saturating_sub(RANGES_MAX)) {
            sections.entry(space).or_default().push((range, claim));
        }
        let mut sections: Vec<Section> = sections.into_iter().collect();
        for (_, ranges) in &mut sections {
            ranges.sort_by_key(|(range, _)| range.from);
        }
        self.state = State::Compared(sections.clone());
        Ok(Step::Send(Message::Compare { sections }))
    }

    fn take_comparison(
        &mut self,
        asked: &[Section],
        sections: Vec<Vec<RangeAnswer>>,
        read: &dyn ExchangeRead,
    ) -> Result<Step, SyncError> {
        let fits = asked.iter().map(|(_, ranges)| ranges.len()).eq(sections.iter().map(Vec::len));
        if !fits {
            return Err(ProtocolError::Range("answers something else than was asked").into());
        }
        for ((space, ranges), answers) in asked.iter().zip(sections) {
            for (range, answer) in ranges.iter().zip(answers) {
                self.learn(*space, range, answer, read)?;
            }
        }
        self.go_on(read)
    }

    /// All is compared: what the peer holds of what it was not known to hold, and what is to be sent.
    fn conclude(&mut self, read: &dyn ExchangeRead) -> Result<(), ReadError> {
        let lacking = std::mem::take(&mut self.lacking);
        if !self.outcome.incomplete {
            for space in &self.compared {
                let unknown = self.unknown.get(space).into_iter().flatten();
                self.outcome.known.extend(unknown.filter(|id| !lacking.contains(id)));
            }
        }
        if self.plan.direction.pushes() {
            let lacking: Vec<EnvelopeId> = lacking.into_iter().collect();
            self.to_send.extend(read.ids_in_order(&lacking)?);
        }
        Ok(())
    }

    fn fetched(
        &mut self,
        asked: &[EnvelopeId],
        delivery: &Delivery,
        read: &dyn ExchangeRead,
    ) -> Result<Step, SyncError> {
        let position = |at: u64| usize::try_from(at).ok().and_then(|at| asked.get(at)).copied();
        let mut gone = BTreeSet::new();
        for at in &delivery.absent {
            gone.insert(position(*at).ok_or(ProtocolError::Range("is without what was not asked for"))?);
        }
        self.outcome.withheld += gone.len();
        if delivery.envelopes.is_empty() || self.outcome.withheld > WITHHELD_MAX {
            return Err(ProtocolError::Withheld(gone.len().max(asked.len())).into());
        }
        let mut sealed = Vec::with_capacity(delivery.envelopes.len());
        for (at, one) in &delivery.envelopes {
            let id = position(*at).ok_or(ProtocolError::Range("sends what was not asked for"))?;
            if gone.insert(id) {
                sealed.push((id, one.clone()));
            }
        }
        let received = Received::sift(sealed, &delivery.definitions, &self.plan.spaces)?;
        self.wanted.retain(|id| !gone.contains(id));
        self.lacked.extend(received.missing(read)?);
        self.idle = 0;
        self.store(received, State::Storing)
    }

    fn fetched_content(
        &mut self,
        asked: &[(RevisionId, DefHash)],
        delivery: &Delivery,
        read: &dyn ExchangeRead,
    ) -> Result<Step, SyncError> {
        if !delivery.envelopes.is_empty() || !delivery.absent.is_empty() {
            return Err(ProtocolError::Range("sends what was not asked for").into());
        }
        let hashes: BTreeSet<DefHash> = asked.iter().map(|(_, hash)| *hash).collect();
        let mut received = Received::default();
        received.take_definitions(&delivery.definitions, &|hash| Ok(hashes.contains(hash)), true)?;
        let came: BTreeSet<DefHash> = received.definitions.iter().map(|(hash, _)| *hash).collect();
        if came.is_empty() {
            // The peer lacks it too: its revisions stay pending until someone has it.
            let given_up: BTreeSet<_> = asked.iter().collect();
            self.lacked.retain(|pair| !given_up.contains(pair));
            return self.go_on(read);
        }
        self.lacked.retain(|(_, hash)| !came.contains(hash));
        self.store(received, State::Storing)
    }

    fn store(&mut self, received: Received, next: State) -> Result<Step, SyncError> {
        let ids = received.envelopes.iter().map(|envelope| envelope.id());
        self.outcome.received.extend(ids.clone());
        self.outcome.known.extend(ids);
        self.outcome.quarantined.extend(received.refused.iter().map(|refused| refused.id));
        self.state = next;
        Ok(Step::Store(received))
    }

    /// What was handed out is stored.
    ///
    /// # Errors
    /// If nothing was handed out; the own store.
    pub fn stored(&mut self, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Storing => self.go_on(read),
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
                    for id in made {
                        if in_spaces(read, &self.plan.spaces, id)? {
                            self.to_send.push_back(*id);
                        }
                    }
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
            let (parcel, taken) = Parcel::pack_content(read, &self.plan.spaces, self.owed.make_contiguous())?;
            self.owed.drain(..taken);
            // A peer may claim to wait for content with a revision that does not name it.
            if parcel != Parcel::default() {
                return Ok((parcel, Vec::new()));
            }
        }
        let (parcel, taken) = Parcel::pack(read, &self.plan.spaces, self.to_send.make_contiguous())?;
        Ok((parcel, self.to_send.drain(..taken).collect()))
    }

    fn note_sent(&mut self, sent: Vec<EnvelopeId>, refused: Vec<EnvelopeId>) {
        for id in sent.into_iter().filter(|id| refused.binary_search(id).is_err()) {
            self.outcome.known.push(id);
            self.outcome.sent.push(id);
        }
        self.outcome.refused.extend(refused);
    }

    /// Notes what the peer waits for and this side holds.
    fn owe(&mut self, missing: Vec<(RevisionId, DefHash)>, read: &dyn ExchangeRead) -> Result<(), ReadError> {
        let mut by_revision: BTreeMap<RevisionId, BTreeSet<DefHash>> = BTreeMap::new();
        for (revision, hash) in missing {
            if read.content_present(&hash)?
                && in_spaces(read, &self.plan.spaces, &revision)?
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

    fn finished(&mut self, parcel: &Parcel, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        self.unfinished = false;
        if !self.plan.direction.pulls() {
            return Ok(Step::Done);
        }
        let peer = self.outcome.peer;
        let accepts = |envelope: &Envelope| match envelope.body() {
            Body::Apply(apply) => Some(apply.channel) == peer,
            _ => false,
        };
        let mut received = check_parcel(parcel, &self.plan.spaces, &accepts, &|_| Ok(false))?;
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

/// Whether an envelope is held and of one of these spaces.
fn in_spaces(read: &dyn ExchangeRead, spaces: &[Space], id: &EnvelopeId) -> Result<bool, ReadError> {
    Ok(read.envelope(id)?.is_some_and(|envelope| spaces.contains(&envelope.header().space)))
}

const _: () = assert!(LIST_IDS < GET_IDS);
