//! Exchange: what arrives is stored, its keys noted, and what does not conflict is applied (SEMANTICS R25).
//!
//! The machines of `dm_collab::sync` say what comes next; here it is done: messages go over a line, parcels into the store,
//! each in a transaction of its own, so that a cut loses at most the parcel under way.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_collab::exchange::{Candidates, Selection};
use dm_collab::patch::apply_fact;
use dm_collab::sync::{self, Initiator, Message, Parcel, Plan, Responder, Step, SyncError};
use dm_model::{Body, Envelope, EnvelopeId, PatchId, Space};
use dm_store::{Arrival, HashedDefinition, ReadTx, Remote};

use crate::engine::{Engine, SessionChoice};
use crate::error::EngineError;
use crate::instance::remote_named;
use crate::patches;
use crate::remote::Line;
use crate::report::{ExchangeReport, NewKey, PatchSummary, Received};
use crate::snapshot::{conflict_summaries, held_patch};
use crate::transaction::Transaction;
use crate::trust;

pub use dm_collab::sync::Direction;

/// What was received and is to be settled.
#[derive(Default)]
struct Arrived {
    ids: Vec<EnvelopeId>,
    new_keys: Vec<NewKey>,
    /// What a dry run keeps instead of storing it.
    unstored: Vec<sync::Received>,
}

impl Transaction<'_> {
    /// Stores what a machine has checked, and notes the keys of its authors.
    pub(crate) fn store_received(&mut self, received: sync::Received) -> Result<Vec<NewKey>, EngineError> {
        let definitions = received.definitions.into_iter();
        let definitions = definitions.map(|(hash, definition)| HashedDefinition::of_hash(hash, definition)).collect();
        let arrival = Arrival { envelopes: received.envelopes, definitions };
        self.tx.append(&arrival)?;
        trust::note_keys(&mut self.tx, &arrival.envelopes, self.engine.system())
    }

    /// What another main has and what does not conflict goes into the own one. Answers what was judged, and the facts made.
    fn apply_received(&mut self) -> Result<(Selection, Vec<EnvelopeId>), EngineError> {
        let selection = selection(&self.tx)?;
        let mut made = Vec::new();
        if !selection.apply.is_empty() {
            let fact = apply_fact(&*self.tx, &selection.apply, String::new())?;
            made = self.append(vec![Body::Apply(fact)])?;
            self.tell("serve", format!("applied {} that came in", counted(selection.apply.len(), "patch")));
        }
        Ok((selection, made))
    }

    /// Applies what another main has and what does not conflict, and says in words what came and what is held. Answers the
    /// facts that this made, too.
    pub(crate) fn settle_received(
        &mut self,
        arrived: &[EnvelopeId],
        new_keys: Vec<NewKey>,
    ) -> Result<(Received, Vec<EnvelopeId>), EngineError> {
        let (selection, made) = self.apply_received()?;
        let brought = revisions_of(&self.tx, arrived)?.into_iter().collect();
        let look = self.look(None)?;
        let all: Vec<String> = patches::all_patches(&self.tx)?.iter().map(ToString::to_string).collect();
        let summarize = |ids: &BTreeSet<PatchId>| -> Result<Vec<PatchSummary>, EngineError> {
            ids.iter().map(|patch| patches::summary_among(&look, &self.workspace, patch, &all)).collect()
        };
        let applied = selection.apply.iter().map(|(patch, _)| *patch).collect();
        let mut held = Vec::new();
        for patch in &selection.held {
            held.push(held_patch(&look, &self.workspace, patch)?);
        }
        let received = Received {
            patches: summarize(&brought)?,
            applied: summarize(&applied)?,
            held,
            conflicts: conflict_summaries(&look, &self.workspace)?,
            new_keys,
            pending: look.tx.pending_count()?,
        };
        Ok((received, made))
    }

    /// Does what an answering machine asks for, until it has its answer.
    fn answer(&mut self, machine: &mut Responder, mut step: Step) -> Result<Message, EngineError> {
        loop {
            step = match step {
                Step::Send(answer) => return Ok(answer),
                Step::Store(received) => {
                    self.store_received(received)?;
                    machine.stored(&*self.tx)
                }
                Step::Settle => {
                    let (_, made) = self.apply_received()?;
                    machine.settled(&made, &*self.tx)
                }
                Step::Done => return Err(EngineError::Peer(sync::ProtocolError::Unexpected { found: "nothing" })),
            }
            .map_err(sync_failure)?;
        }
    }
}

/// The spaces that are exchanged with a remote.
#[expect(clippy::unnecessary_wraps, reason = "which spaces a remote shares will be read from the store")]
pub(crate) fn shared_spaces(_tx: &ReadTx<'_>, _remote: &Remote) -> Result<Vec<Space>, EngineError> {
    Ok(vec![Space::PUBLIC])
}

/// What a pull would apply now, and hold.
fn selection(tx: &ReadTx<'_>) -> Result<Selection, EngineError> {
    let trusted = trust::Trusted::load(tx)?;
    Ok(Candidates::of(tx, &|envelope| trusted.trusts(envelope))?.select()?)
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
fn progress_words(remote: &str, question: &Message, coming: usize, going: usize) -> String {
    match question {
        Message::Hello { .. } => format!("asking {remote}"),
        Message::Have { .. } => format!("comparing with {remote}"),
        Message::Get { .. } => format!("receiving from {remote}: {coming} to come"),
        Message::GetContent { .. } => format!("receiving definitions from {remote}"),
        _ if going == 0 => format!("sending to {remote}"),
        _ => format!("sending to {remote}: {going} more to go"),
    }
}

/// An exchange under way: a machine, the line it speaks over, and what came of it.
struct Exchange<'e> {
    engine: &'e Engine,
    remote: Remote,
    machine: Initiator,
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
        let remote = remote_named(&self.store().read()?, remote)?;
        let spaces = shared_spaces(&self.store().read()?, &remote)?;
        let plan = Plan { peer: remote.name.clone(), spaces, direction, dry_run };
        let line = Line::to(&remote, self, plan.spaces.clone()).map_err(|source| remote_failure(&remote, source))?;
        let mut exchange = Exchange {
            engine: self,
            line,
            remote,
            machine: Initiator::new(plan),
            dry_run,
            arrived: Arrived::default(),
            received: Received::default(),
            received_facts: 0,
            noted: 0,
        };
        exchange.run(progress)?;
        exchange.report()
    }

    /// Answers a question of another instance that may read these spaces. What it puts is stored and applied in one transaction.
    ///
    /// # Errors
    /// If the question is not valid; then nothing was stored. If the store fails.
    pub fn answer(&self, question: Message, allowed: &[Space]) -> Result<Message, EngineError> {
        let mut machine = Responder::new(allowed.to_vec());
        let step = {
            let tx = self.store().read()?;
            match machine.handle(question, &tx).map_err(sync_failure)? {
                Step::Settle if selection(&tx)?.apply.is_empty() => machine.settled(&[], &tx).map_err(sync_failure)?,
                step => step,
            }
        };
        if let Step::Send(answer) = step {
            return Ok(answer);
        }
        let mut tx = self.begin(&SessionChoice::Current, false)?;
        let answer = tx.answer(&mut machine, step)?;
        tx.commit()?;
        Ok(answer)
    }

    /// Takes a parcel that came by the simple door: stores it, applies what does not conflict, and says what came of it.
    ///
    /// # Errors
    /// As [`Engine::answer`].
    pub fn take(&self, parcel: Parcel, allowed: &[Space]) -> Result<Received, EngineError> {
        let mut machine = Responder::new(allowed.to_vec());
        let put = Message::Put { parcel, finish: true };
        let step = machine.handle(put, &self.store().read()?).map_err(sync_failure)?;
        let mut tx = self.begin(&SessionChoice::Current, false)?;
        let (mut ids, mut new_keys) = (Vec::new(), Vec::new());
        if let Step::Store(received) = step {
            ids.extend(received.envelopes.iter().map(|envelope| envelope.id()));
            new_keys = tx.store_received(received)?;
        }
        let (received, _) = tx.settle_received(&ids, new_keys)?;
        tx.commit()?;
        Ok(received)
    }
}

impl Exchange<'_> {
    fn run(&mut self, progress: &mut dyn FnMut(&str)) -> Result<(), EngineError> {
        let engine = self.engine;
        let mut step = self.machine.begin(&engine.store().read()?);
        loop {
            step = match self.checked(step)? {
                Step::Send(question) => {
                    let (coming, going) = self.machine.ahead();
                    progress(&progress_words(&self.remote.name, &question, coming, going));
                    let answer = self.line.ask(&question).map_err(|source| self.failure(source))?;
                    self.machine.handle(answer, &engine.store().read()?)
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

    fn failure(&self, source: crate::remote::RemoteError) -> EngineError {
        remote_failure(&self.remote, source)
    }

    fn checked(&self, step: Result<Step, SyncError>) -> Result<Step, EngineError> {
        step.map_err(|error| match error {
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
        self.arrived.new_keys.extend(tx.store_received(received)?);
        self.noted = note_known(&mut tx, &self.remote, &self.machine, self.noted)?;
        tx.commit()
    }

    fn settle(&mut self) -> Result<Vec<EnvelopeId>, EngineError> {
        let mut tx = self.engine.begin(&SessionChoice::Current, self.dry_run)?;
        for received in std::mem::take(&mut self.arrived.unstored) {
            self.arrived.new_keys.extend(tx.store_received(received)?);
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

    /// Notes what the remote is known to hold now, and when.
    fn close(&mut self) -> Result<(), EngineError> {
        if self.dry_run {
            return Ok(());
        }
        let mut tx = self.engine.begin(&SessionChoice::Current, false)?;
        self.noted = note_known(&mut tx, &self.remote, &self.machine, self.noted)?;
        self.remote.last_sync = Some(self.engine.system().now());
        tx.tx.put_remote(&self.remote)?;
        let sent = self.machine.outcome().sent.len();
        if sent > 0 {
            tx.tell_final("push", format!("sent {} to {}", counted(sent, "envelope"), self.remote.name));
        }
        tx.commit()
    }

    fn report(self) -> Result<ExchangeReport, EngineError> {
        let outcome = self.machine.outcome();
        let snapshot = self.engine.snapshot(&SessionChoice::Current)?;
        let look = snapshot.look()?;
        let ids: Vec<String> = patches::all_patches(&snapshot.tx)?.iter().map(ToString::to_string).collect();
        let revisions = revisions_of(&snapshot.tx, &outcome.sent)?;
        let sent_revisions = revisions.len();
        let mut sent = Vec::new();
        for patch in revisions.into_iter().collect::<BTreeSet<PatchId>>() {
            sent.push(patches::summary_among(&look, &snapshot.workspace, &patch, &ids)?);
        }
        Ok(ExchangeReport {
            remote: self.remote.name,
            dry_run: self.dry_run,
            sent,
            sent_envelopes: outcome.sent.len() as u64,
            sent_facts: outcome.sent.len().saturating_sub(sent_revisions) as u64,
            received_envelopes: outcome.received.len() as u64,
            received_facts: self.received_facts,
            received: self.received,
            round_trips: self.line.trips,
            bytes_sent: self.line.bytes_sent,
            bytes_received: self.line.bytes_received,
            view_fingerprint: dm_collab::ProjectionRead::view_fingerprint(&snapshot.tx)?.short(),
        })
    }
}

/// `1 patch`, `2 patches`.
fn counted(count: usize, noun: &str) -> String {
    let plural = if noun.ends_with("ch") { "es" } else { "s" };
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}{plural}") }
}

fn remote_failure(remote: &Remote, source: crate::remote::RemoteError) -> EngineError {
    EngineError::Remote { name: remote.name.clone(), url: remote.url.clone(), source: Box::new(source) }
}

fn note_known(
    tx: &mut Transaction<'_>,
    remote: &Remote,
    machine: &Initiator,
    noted: usize,
) -> Result<usize, EngineError> {
    let known = &machine.outcome().known;
    tx.tx.add_known(&remote.name, known.get(noted..).unwrap_or_default())?;
    Ok(known.len())
}

fn sync_failure(error: SyncError) -> EngineError {
    match error {
        SyncError::Protocol(error) => EngineError::Peer(error),
        SyncError::Read(error) => error.into(),
    }
}
