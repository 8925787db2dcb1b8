//! Exchange: what arrives is stored, its keys noted, and what does not conflict is applied (SEMANTICS R25).
//!
//! The machines of `dm_collab::sync` say what comes next; here it is done: messages go over a line, parcels into the store,
//! each in a transaction of its own, so that a cut loses at most the parcel under way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dm_collab::exchange::Selection;
use dm_collab::sync::{self, Initiator, Parcel, Plan, ProtocolError, Refused, Responder, Step, SyncError, v1};
use dm_model::{Body, Envelope, EnvelopeId, PatchId, Space};
use dm_store::{Arrival, HashedDefinition, QuarantineReason, Quarantined, ReadTx, Remote};

use crate::engine::{Engine, SessionChoice};
use crate::error::EngineError;
use crate::instance::remote_named;
use crate::machines::{Answering, Asking, Doing};
use crate::meaning_conflicts;
use crate::patches;
use crate::remote::{Line, RemoteError};
use crate::report::{ExchangeReport, NewKey, PatchSummary, Received};
use crate::snapshot::{conflict_summaries, held_patch};
use crate::transaction::Transaction;
use crate::trust;
use crate::wire::Spoken;

pub use dm_collab::sync::Direction;

/// Most envelopes that may wait for others once something has arrived, unless the engine was told otherwise: a peer that sends what
/// can never count fills no disk. Honest histories come in the order of their authors' clocks, so many may wait for a while.
pub const WAITING_MAX: u64 = 1 << 18;
/// How long a remote that spoke version 1 is not asked for a later one.
const OLD_VERSION_MS: i64 = 24 * 3600 * 1000;
/// Who put what came to the server's own doors.
const PUSHED: &str = "(pushed)";

/// What was received and is to be settled.
#[derive(Default)]
struct Arrived {
    ids: Vec<EnvelopeId>,
    new_keys: Vec<NewKey>,
    /// What a dry run keeps instead of storing it.
    unstored: Vec<sync::Received>,
}

impl Transaction<'_> {
    /// Stores what a machine has checked, notes the keys of its authors, and puts what did not pass into quarantine, `from` whom
    /// it came.
    pub(crate) fn store_received(&mut self, received: sync::Received, from: &str) -> Result<Vec<NewKey>, EngineError> {
        for refused in received.refused {
            self.quarantine(refused, from)?;
        }
        let definitions = received.definitions.into_iter();
        let definitions = definitions.map(|(hash, definition)| HashedDefinition::of_hash(hash, definition)).collect();
        let arrival = Arrival { envelopes: received.envelopes, definitions };
        let delta = self.tx.append(&arrival)?;
        if !delta.pending.is_empty() {
            let waiting = self.tx.pending_count()?;
            if waiting > self.engine.waiting_max() {
                return Err(EngineError::Peer(ProtocolError::TooManyWaiting(waiting)));
            }
        }
        trust::note_keys(&mut self.tx, &arrival.envelopes, self.engine.system())
    }

    /// What another main has and what does not conflict goes into the own one. Answers what was judged, and the facts made.
    fn apply_received(&mut self) -> Result<(Selection, Vec<EnvelopeId>), EngineError> {
        let selection = selection(&self.tx)?;
        let mut made = Vec::new();
        if !selection.apply.is_empty() {
            made = self.apply_members(&selection.apply, "")?;
            self.tell("serve", format!("applied {} that came in", counted(selection.apply.len(), "patch")));
        }
        Ok((selection, made))
    }

    fn quarantine(&mut self, refused: Refused, from: &str) -> Result<(), EngineError> {
        let reason = match &refused.flaw {
            flaw if flaw.is_later_format() => QuarantineReason::Newer,
            sync::Flaw::Invalid(
                dm_model::EnvelopeError::BadSignature { .. } | dm_model::EnvelopeError::ForeignChannel { .. },
            ) => QuarantineReason::Signature,
            _ => QuarantineReason::Damaged,
        };
        let now = self.engine.system().now();
        Ok(self.tx.quarantine(&Quarantined {
            id: refused.id,
            remote: from.to_owned(),
            reason,
            words: refused.flaw.to_string(),
            signature: refused.sealed.signature,
            bytes: Some(refused.sealed.bytes),
            first_seen: now,
            last_seen: now,
            tries: 1,
        })?)
    }

    /// Stores what is in quarantine and passes its checks by now: this program may be newer than the one that put it there.
    fn reopen_quarantined(&mut self) -> Result<(), EngineError> {
        let newer = self.tx.quarantined()?.into_iter().filter(|one| one.reason == QuarantineReason::Newer);
        let opened = newer.filter_map(|one| Envelope::open(one.bytes?, one.signature).ok());
        let received = sync::Received { envelopes: opened.map(Arc::new).collect(), ..sync::Received::default() };
        if !received.envelopes.is_empty() {
            self.store_received(received, "")?;
        }
        Ok(())
    }

    /// Applies what another main has and what does not conflict, and says in words what came and what is held. Answers the
    /// facts that this made, too.
    pub(crate) fn settle_received(
        &mut self,
        arrived: &[EnvelopeId],
        new_keys: Vec<NewKey>,
    ) -> Result<(Received, Vec<EnvelopeId>), EngineError> {
        let (selection, made) = self.apply_received()?;
        let brought: BTreeSet<PatchId> = revisions_of(&self.tx, arrived)?.into_iter().collect();
        let look = self.look(None)?;
        let applied: BTreeSet<PatchId> = selection.apply.iter().map(|(patch, _)| *patch).collect();
        // Most of what came was applied: each is summarized once.
        let told: Vec<PatchId> = applied.union(&brought).copied().collect();
        let summaries = patches::summaries(&self.tx, &self.workspace, &told)?;
        let summaries: BTreeMap<PatchId, PatchSummary> = told.into_iter().zip(summaries).collect();
        let of = |ids: &BTreeSet<PatchId>| ids.iter().filter_map(|id| summaries.get(id).cloned()).collect();
        let mut held = Vec::new();
        for patch in &selection.held {
            held.push(held_patch(&look, &self.workspace, patch)?);
        }
        let received = Received {
            patches: of(&brought),
            applied: of(&applied),
            held,
            conflicts: conflict_summaries(&look, &self.workspace)?,
            new_keys,
            pending: look.tx.pending_count()?,
        };
        Ok((received, made))
    }

    /// Does what an answering machine asks for, until it has its answer.
    fn answer<M: Answering>(&mut self, machine: &mut M, mut step: Step<M::Message>) -> Result<M::Message, EngineError> {
        loop {
            step = match step {
                Step::Send(answer) => return Ok(answer),
                Step::Store(received) => {
                    self.store_received(received, PUSHED)?;
                    machine.stored(&*self.tx)
                }
                Step::Settle => {
                    let (_, made) = self.apply_received()?;
                    machine.settled(&made, &*self.tx)
                }
                Step::Done => return Err(EngineError::Peer(ProtocolError::Unexpected { found: "nothing" })),
            }
            .map_err(sync_failure)?;
        }
    }
}

/// The spaces that are exchanged with a remote.
pub(crate) fn shared_spaces(tx: &ReadTx<'_>, remote: &Remote) -> Result<Vec<Space>, EngineError> {
    Ok(tx.shared_spaces(&remote.name)?)
}

/// What a pull would apply now, and hold.
fn selection(tx: &ReadTx<'_>) -> Result<Selection, EngineError> {
    meaning_conflicts::select(tx, &trust::candidates(tx)?)
}

/// The patch of each of these envelopes that is a revision, waiting ones too.
fn revisions_of(tx: &ReadTx<'_>, ids: &[EnvelopeId]) -> Result<Vec<PatchId>, EngineError> {
    let mut patches = Vec::new();
    for id in ids {
        patches.extend(tx.revision_summary(id)?.map(|summary| summary.patch));
    }
    Ok(patches)
}

/// How far an exchange is, for a person who waits.
fn progress_words(remote: &str, doing: Doing, coming: usize, going: usize) -> String {
    match doing {
        Doing::Asking => format!("asking {remote}"),
        Doing::Comparing => format!("comparing with {remote}"),
        Doing::Receiving => format!("receiving from {remote}: {coming} to come"),
        Doing::ReceivingContent => format!("receiving definitions from {remote}"),
        Doing::Sending if going == 0 => format!("sending to {remote}"),
        Doing::Sending => format!("sending to {remote}: {going} more to go"),
    }
}

/// An exchange under way: a machine, the line it speaks over, and what came of it.
struct Exchange<'e, M> {
    engine: &'e Engine,
    remote: Remote,
    machine: M,
    line: Line,
    dry_run: bool,
    arrived: Arrived,
    received: Received,
    received_facts: u64,
    /// How many of the outcome's known envelopes are noted already.
    noted: usize,
}

impl Engine {
    /// Exchanges with a remote: the one named, else the only one. `progress` hears in words how far it is.
    ///
    /// # Errors
    /// If there is no such remote, it cannot be spoken with, or it does not keep to the protocol. What was received and checked
    /// until then stays.
    pub fn exchange(
        &self,
        remote: Option<&str>,
        direction: Direction,
        dry_run: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<ExchangeReport, EngineError> {
        let (remote, spaces, protocol, quarantined) = {
            let tx = self.store().read()?;
            let remote = remote_named(&tx, remote)?;
            let (spaces, protocol) = (shared_spaces(&tx, &remote)?, tx.protocol_of(&remote.name)?);
            (remote, spaces, protocol, tx.quarantined_count()?)
        };
        if quarantined > 0 && !dry_run {
            let mut tx = self.begin(&SessionChoice::Current, false)?;
            tx.reopen_quarantined()?;
            tx.commit()?;
        }
        let now = self.system().now().as_ms();
        let is_old = protocol.is_some_and(|(version, at)| {
            version == v1::VERSION && (0..OLD_VERSION_MS).contains(&now.saturating_sub(at.as_ms()))
        });
        if !is_old {
            let plan = Plan { peer: remote.name.clone(), spaces: spaces.clone(), direction, dry_run };
            match self.exchange_with(&remote, Initiator::new(plan), spaces.clone(), dry_run, progress) {
                // It speaks no version 2, and says so to the first question: nothing was exchanged yet.
                Err(EngineError::Remote { source, .. }) if matches!(*source, RemoteError::Version(_)) => {}
                done => return done,
            }
        }
        if !spaces.contains(&Space::PUBLIC) {
            let words = "version 1, which knows the public space only, and that one is not exchanged with it";
            return Err(remote_failure(&remote, RemoteError::Version(words.to_owned())));
        }
        let plan = v1::Plan { peer: remote.name.clone(), direction, dry_run };
        self.exchange_with(&remote, v1::Initiator::new(plan), vec![Space::PUBLIC], dry_run, progress)
    }

    fn exchange_with<M: Asking>(
        &self,
        remote: &Remote,
        machine: M,
        spaces: Vec<Space>,
        dry_run: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<ExchangeReport, EngineError> {
        let line = Line::to(remote, self, spaces).map_err(|source| remote_failure(remote, source))?;
        let mut exchange = Exchange {
            engine: self,
            line,
            remote: remote.clone(),
            machine,
            dry_run,
            arrived: Arrived::default(),
            received: Received::default(),
            received_facts: 0,
            noted: 0,
        };
        exchange.run(progress)?;
        exchange.report()
    }

    /// Answers a question of another instance that may read these spaces, in the version in which it asks. What it puts is
    /// stored and applied in one transaction.
    ///
    /// # Errors
    /// If the question is not valid; then nothing was stored. If the store fails.
    pub fn respond(&self, question: &[u8], allowed: &[Space]) -> Result<Spoken, EngineError> {
        match question.first() {
            Some(&v1::VERSION) => self.answer::<v1::Responder>(question, allowed),
            _ => self.answer::<Responder>(question, allowed),
        }
    }

    fn answer<M: Answering>(&self, question: &[u8], allowed: &[Space]) -> Result<Spoken, EngineError> {
        let question = M::decode(question).map_err(EngineError::Peer)?;
        let mut machine = M::new(allowed);
        let step = {
            let tx = self.store().read()?;
            match machine.handle(question, &tx).map_err(sync_failure)? {
                Step::Settle if selection(&tx)?.apply.is_empty() => machine.settled(&[], &tx).map_err(sync_failure)?,
                step => step,
            }
        };
        if let Step::Send(answer) = step {
            return Ok(M::spoken(&answer));
        }
        let mut tx = self.begin(&SessionChoice::Current, false)?;
        let answer = tx.answer(&mut machine, step)?;
        tx.commit()?;
        Ok(M::spoken(&answer))
    }

    /// Takes a parcel that came by the simple door: stores it, applies what does not conflict, and says what came of it.
    ///
    /// # Errors
    /// As [`Engine::respond`]; if anything in it fails its checks.
    pub fn take(&self, parcel: Parcel, allowed: &[Space]) -> Result<Received, EngineError> {
        let mut machine = v1::Responder::new(allowed.to_vec());
        let put = v1::Message::Put { parcel, finish: true };
        let step = machine.handle(put, &self.store().read()?).map_err(sync_failure)?;
        let mut tx = self.begin(&SessionChoice::Current, false)?;
        let (mut ids, mut new_keys) = (Vec::new(), Vec::new());
        if let Step::Store(received) = step {
            ids.extend(received.envelopes.iter().map(|envelope| envelope.id()));
            new_keys = tx.store_received(received, PUSHED)?;
        }
        let (received, _) = tx.settle_received(&ids, new_keys)?;
        tx.commit()?;
        Ok(received)
    }
}

impl<M: Asking> Exchange<'_, M> {
    fn run(&mut self, progress: &mut dyn FnMut(&str)) -> Result<(), EngineError> {
        let engine = self.engine;
        let mut step = self.machine.begin(&engine.store().read()?);
        loop {
            step = match self.checked(step)? {
                Step::Send(question) => {
                    let (coming, going) = self.machine.ahead();
                    progress(&progress_words(&self.remote.name, M::doing(&question), coming, going));
                    let answer = self.line.ask(&M::spoken(&question)).map_err(|source| self.failure(source))?;
                    self.machine.handle(&answer, &engine.store().read()?)
                }
                Step::Store(received) => {
                    self.store(received)?;
                    self.machine.stored(&engine.store().read()?)
                }
                Step::Settle => {
                    let made = self.settle()?;
                    self.machine.settled(&made, &engine.store().read()?)
                }
                Step::Done => return self.close(),
            };
        }
    }

    fn failure(&self, source: RemoteError) -> EngineError {
        remote_failure(&self.remote, source)
    }

    fn checked(&self, step: Result<Step<M::Message>, SyncError>) -> Result<Step<M::Message>, EngineError> {
        step.map_err(|error| match error {
            SyncError::Protocol(error @ ProtocolError::Version { .. }) => {
                self.failure(RemoteError::Version(error.to_string()))
            }
            SyncError::Protocol(error) => self.failure(error.into()),
            SyncError::Read(error) => error.into(),
        })
    }

    fn store(&mut self, received: sync::Received) -> Result<(), EngineError> {
        let fact = |envelope: &&Arc<Envelope>| !matches!(envelope.body(), Body::Revision(_));
        self.received_facts += received.envelopes.iter().filter(fact).count() as u64;
        self.arrived.ids.extend(received.envelopes.iter().map(|envelope| envelope.id()));
        if self.dry_run {
            self.arrived.unstored.push(received);
            return Ok(());
        }
        let mut tx = self.engine.begin(&SessionChoice::Current, false)?;
        tx.tx.comes_from(&self.remote.name)?;
        let stored = tx.store_received(received, &self.remote.name);
        self.arrived.new_keys.extend(stored.map_err(|error| match error {
            EngineError::Peer(error) => self.failure(error.into()),
            error => error,
        })?);
        self.noted = note_known(&mut tx, &self.remote, self.machine.outcome(), self.noted)?;
        tx.commit()
    }

    fn settle(&mut self) -> Result<Vec<EnvelopeId>, EngineError> {
        let mut tx = self.engine.begin(&SessionChoice::Current, self.dry_run)?;
        for received in std::mem::take(&mut self.arrived.unstored) {
            self.arrived.new_keys.extend(tx.store_received(received, &self.remote.name)?);
        }
        let (received, made) = tx.settle_received(&self.arrived.ids, std::mem::take(&mut self.arrived.new_keys))?;
        self.received = received;
        if !made.is_empty() {
            let applied = counted(self.received.applied.len(), "patch");
            tx.tell("pull", format!("applied {applied} from {}", self.remote.name));
        }
        tx.commit()?;
        Ok(if self.dry_run { Vec::new() } else { made })
    }

    /// Notes what the remote is known to hold now, which version it speaks, and when.
    fn close(&mut self) -> Result<(), EngineError> {
        if self.dry_run {
            return Ok(());
        }
        let mut tx = self.engine.begin(&SessionChoice::Current, false)?;
        self.noted = note_known(&mut tx, &self.remote, self.machine.outcome(), self.noted)?;
        let now = self.engine.system().now();
        self.remote.last_sync = Some(now);
        tx.tx.put_remote(&self.remote)?;
        if tx.tx.protocol_of(&self.remote.name)?.is_none_or(|(version, _)| version != M::VERSION) {
            tx.tx.put_protocol(&self.remote.name, M::VERSION, now)?;
        }
        let sent = self.machine.outcome().sent.len();
        if sent > 0 {
            tx.tell_final("push", format!("sent {} to {}", counted(sent, "envelope"), self.remote.name));
        }
        tx.commit()
    }

    fn report(self) -> Result<ExchangeReport, EngineError> {
        let outcome = self.machine.outcome();
        let snapshot = self.engine.snapshot(&SessionChoice::Current)?;
        let revisions = revisions_of(&snapshot.tx, &outcome.sent)?;
        let sent_revisions = revisions.len();
        let sent: Vec<PatchId> = revisions.into_iter().collect::<BTreeSet<PatchId>>().into_iter().collect();
        let sent = patches::summaries(&snapshot.tx, &snapshot.workspace, &sent)?;
        Ok(ExchangeReport {
            remote: self.remote.name,
            dry_run: self.dry_run,
            protocol: u64::from(M::VERSION),
            sent,
            sent_envelopes: outcome.sent.len() as u64,
            sent_facts: outcome.sent.len().saturating_sub(sent_revisions) as u64,
            received_envelopes: outcome.received.len() as u64,
            received_facts: self.received_facts,
            received: self.received,
            quarantined: outcome.quarantined.iter().map(ToString::to_string).collect(),
            refused: outcome.refused.iter().map(ToString::to_string).collect(),
            withheld: outcome.withheld as u64,
            not_shared: outcome.not_shared.iter().map(space_hex).collect(),
            incomplete: outcome.incomplete,
            round_trips: self.line.trips,
            bytes_sent: self.line.bytes_sent,
            bytes_received: self.line.bytes_received,
            view_fingerprint: dm_collab::ProjectionRead::view_fingerprint(&snapshot.tx)?.short(),
        })
    }
}

/// A space's id as people see it where it has no name.
fn space_hex(space: &Space) -> String {
    space.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `1 patch`, `2 patches`.
fn counted(count: usize, noun: &str) -> String {
    let plural = if noun.ends_with("ch") { "es" } else { "s" };
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}{plural}") }
}

fn remote_failure(remote: &Remote, source: RemoteError) -> EngineError {
    EngineError::Remote { name: remote.name.clone(), url: remote.url.clone(), source: Box::new(source) }
}

fn note_known(
    tx: &mut Transaction<'_>,
    remote: &Remote,
    outcome: &sync::Outcome,
    noted: usize,
) -> Result<usize, EngineError> {
    let known = &outcome.known;
    tx.tx.add_known(&remote.name, known.get(noted..).unwrap_or_default())?;
    Ok(known.len())
}

fn sync_failure(error: SyncError) -> EngineError {
    match error {
        SyncError::Protocol(error) => EngineError::Peer(error),
        SyncError::Read(error) => error.into(),
    }
}
