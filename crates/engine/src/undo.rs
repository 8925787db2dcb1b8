//! Undo and redo: what a command wrote, taken back (SEMANTICS section 10, I12, I13).
//!
//! Private rows become again what they were. Facts of the log are never removed: each is answered by the opposing fact (a
//! patch that went into main leaves it, a revision is withdrawn), which travels like any other. What a session can undo is what
//! was done in it, so that sessions do not undo each other's work.

use std::collections::BTreeMap;

use dm_collab::patch::{self, Status};
use dm_collab::{Channel, Membership, ProjectionRead as _};
use dm_model::{Body, PatchId, Revision, RevisionId, Space, Withdraw};
use dm_store::{Command, CommandKind, CommandSummary, ReadTx, Row};

use crate::engine::SessionChoice;
use crate::error::EngineError;
use crate::patches;
use crate::report::{CommandEntry, CommandShown, UndoReport};
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use crate::workspace::Workspace;

/// Words of a command are for one line.
const WORDS_MAX: usize = 200;

/// What a command of this transaction is called, once a verb has said it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub kind: CommandKind,
    pub target: Option<u64>,
    pub verb: &'static str,
    pub words: String,
}

/// How the commands of a session stand, newest first.
struct History {
    commands: Vec<CommandSummary>,
    /// The newest undo or redo of each plain command that has one.
    newest: BTreeMap<u64, CommandSummary>,
}

impl History {
    fn load(tx: &ReadTx<'_>, workspace: &Workspace) -> Result<Self, EngineError> {
        let all = tx.commands(usize::MAX)?;
        let mut newest: BTreeMap<u64, CommandSummary> = BTreeMap::new();
        // An undo that makes another session current is that one's command, whosever it is about.
        for command in &all {
            if let Some(target) = command.target {
                newest.entry(target).or_insert_with(|| command.clone());
            }
        }
        let own = workspace.session.id;
        let commands = all.into_iter().filter(|command| command.session == own).collect();
        Ok(Self { commands, newest })
    }

    fn is_undone(&self, plain: u64) -> bool {
        self.newest.get(&plain).is_some_and(|newest| newest.kind == CommandKind::Undo)
    }

    /// The plain command that an undo is about, and the final ones newer than it.
    fn to_undo(&self) -> (Option<&CommandSummary>, Vec<&CommandSummary>) {
        let mut passed = Vec::new();
        for command in &self.commands {
            match command.kind {
                CommandKind::Final => passed.push(command),
                CommandKind::Plain if !self.is_undone(command.id) => return (Some(command), passed),
                _ => {}
            }
        }
        (None, passed)
    }

    /// The plain command that a redo is about: the one undone last, unless something was done since.
    fn to_redo(&self) -> Option<u64> {
        let since = self.commands.iter().take_while(|command| command.kind != CommandKind::Plain);
        let mut undone = since.filter(|command| command.kind == CommandKind::Undo).filter_map(|command| {
            let target = command.target?;
            (self.newest.get(&target).map(|newest| newest.id) == Some(command.id)).then_some(target)
        });
        undone.next()
    }

    /// The command whose effect is in force for a plain one: itself, or the newest undo or redo of it.
    fn in_force(&self, plain: u64) -> u64 {
        self.newest.get(&plain).map_or(plain, |newest| newest.id)
    }
}

impl Snapshot<'_> {
    /// The commands that wrote here, newest first: those of the session, or of all.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn commands(&self, all: bool, limit: usize) -> Result<Vec<CommandEntry>, EngineError> {
        let history = History::load(&self.tx, &self.workspace)?;
        let listed = if all { self.tx.commands(limit)? } else { history.commands.clone() };
        let names: BTreeMap<_, _> = self.tx.sessions()?.into_iter().map(|session| (session.id, session.name)).collect();
        let entry = |command: CommandSummary| {
            let session = names.get(&command.session).cloned().unwrap_or_else(|| command.session.short());
            entry(&command, session, history.is_undone(command.id))
        };
        Ok(listed.into_iter().take(limit).map(entry).collect())
    }

    /// One command: by its number.
    ///
    /// # Errors
    /// If there is none of that number.
    pub fn command(&self, number: &str) -> Result<CommandShown, EngineError> {
        let command = command_numbered(&self.tx, number)?;
        let entries = self.commands(true, usize::MAX)?;
        let entry = entries.into_iter().find(|entry| entry.number == command.summary.id);
        let entry = entry.ok_or_else(|| EngineError::NoSuchCommand(number.to_owned()))?;
        let mut facts = Vec::new();
        for id in &command.envelopes {
            facts.extend(fact_words(&self.tx, id)?);
        }
        let rows = rows_words(command.images.iter().map(|image| &image.row));
        Ok(CommandShown { entry, facts, rows })
    }
}

fn command_numbered(tx: &ReadTx<'_>, number: &str) -> Result<Command, EngineError> {
    let found = number.parse().ok().map(|id| tx.command(id)).transpose()?.flatten();
    found.ok_or_else(|| EngineError::NoSuchCommand(number.to_owned()))
}

fn entry(command: &CommandSummary, session: String, undone: bool) -> CommandEntry {
    let state = match command.kind {
        CommandKind::Plain if undone => "undone",
        CommandKind::Plain => "done",
        CommandKind::Undo => "undo",
        CommandKind::Redo => "redo",
        CommandKind::Final => "final",
    };
    CommandEntry {
        number: command.id,
        at: command.at.as_ms(),
        session,
        verb: command.verb.clone(),
        words: command.words.clone(),
        state: state.to_owned(),
        about: command.target,
    }
}

/// What an envelope that a command wrote says, in words.
fn fact_words(tx: &ReadTx<'_>, id: &dm_model::EnvelopeId) -> Result<Option<String>, EngineError> {
    let Some(envelope) = tx.envelope(id)? else { return Ok(None) };
    let patches = |count: usize| if count == 1 { "1 patch".to_owned() } else { format!("{count} patches") };
    Ok(match envelope.body() {
        Body::Revision(revision) => {
            Some(format!("makes patch {} ready: {}", revision.patch.short(), patches::headed(&revision.intent).0))
        }
        Body::Apply(apply) => Some(format!("puts {} into main", patches(apply.patches.len()))),
        Body::Unapply(unapply) => Some(format!("takes {} out of main", patches(unapply.patches.len()))),
        Body::Withdraw(withdraw) => Some(format!("takes patch {} back to draft", withdraw.patch.short())),
        Body::Verdict(_) => Some("gives a verdict".to_owned()),
        Body::KeyChange(change) => Some(match change.successor {
            Some(next) => format!("gives {} the key {}", change.author, next.key.fingerprint()),
            None => format!("revokes the key {} of {}", envelope.header().author_key.fingerprint(), change.author),
        }),
        Body::Vouch(vouch) => {
            Some(format!("{} stands by {}", vouch.author, crate::own_keys::signed(vouch.envelopes.len())))
        }
        Body::TakeOver(_) => Some("takes main over with another key".to_owned()),
        Body::Unknown { .. } => None,
    })
}

/// The private rows of a command, in words: what belongs together on one line. The session's own record is left out where
/// there is anything else: it changes with every command.
fn rows_words<'r>(rows: impl Iterator<Item = &'r Row>) -> Vec<String> {
    let mut counts: BTreeMap<(u8, String), usize> = BTreeMap::new();
    for row in rows {
        let (place, words) = match row {
            Row::Draft(patch) => (0, format!("draft {}", patch.short())),
            Row::DraftEntity(patch, _) => (0, format!("draft {}", patch.short())),
            Row::Remote(name) => (1, format!("remote {name}")),
            Row::Setting(key) => (2, format!("setting {key}")),
            Row::Base(root, _) | Row::Bases(root) => (3, format!("what an import of {root} compares with")),
            Row::CurrentSession => (4, "which session is current".to_owned()),
            Row::Session(id) => (5, format!("session {}", id.short())),
            Row::SpaceName(space) => (6, format!("what space {} is called", space.short())),
            Row::Share(remote, space) => (7, format!("whether {remote} gets space {}", space.short())),
        };
        *counts.entry((place, words)).or_default() += usize::from(matches!(row, Row::DraftEntity(..)));
    }
    let sessions_only = counts.keys().all(|(place, _)| *place == 5);
    let words = counts.into_iter().filter(|((place, _), _)| sessions_only || *place != 5);
    words
        .map(|((_, words), entities)| match entities {
            0 => words,
            1 => format!("{words}, 1 definition"),
            many => format!("{words}, {many} definitions"),
        })
        .collect()
}

impl Transaction<'_> {
    /// Says what this command is, for `ops` and `undo`. The last word counts.
    pub(crate) fn tell(&mut self, verb: &'static str, words: impl Into<String>) {
        let words: String = words.into().chars().take(WORDS_MAX).collect();
        self.told = Some(Told { kind: CommandKind::Plain, target: None, verb, words });
    }

    /// Says what this command is, if it cannot be undone.
    pub(crate) fn tell_final(&mut self, verb: &'static str, words: impl Into<String>) {
        self.tell(verb, words);
        if let Some(told) = &mut self.told {
            told.kind = CommandKind::Final;
        }
    }

    /// Undoes a command of this session: the one with that number, else the last one that is not undone.
    ///
    /// # Errors
    /// If there is none, something changed since what it wrote, or a patch in main needs what would be taken out. Then nothing
    /// is written.
    pub fn undo(&mut self, number: Option<&str>) -> Result<UndoReport, EngineError> {
        let history = History::load(&self.tx, &self.workspace)?;
        let mut notes = Vec::new();
        let plain = match number {
            Some(number) => self.numbered(&history, number)?,
            None => {
                let (found, passed) = history.to_undo();
                notes = passed
                    .iter()
                    .map(|command| format!("`{}` stays: {}; it cannot be undone", command.verb, command.words))
                    .collect();
                found.cloned().ok_or(EngineError::NothingToUndo("undo"))?
            }
        };
        let about = self.invert(&history, &plain)?;
        let session = self.workspace.session.name.clone();
        let words = format!("{}: {}", plain.verb, plain.words);
        self.told = Some(Told { kind: CommandKind::Undo, target: Some(plain.id), verb: "undo", words });
        self.undo_report(entry(&plain, session, true), about, notes)
    }

    /// Does again what was undone last in this session.
    ///
    /// # Errors
    /// If nothing was undone, or something was done since; else as [`Transaction::undo`].
    pub fn redo(&mut self) -> Result<UndoReport, EngineError> {
        let history = History::load(&self.tx, &self.workspace)?;
        let target = history.to_redo().ok_or(EngineError::NothingToUndo("redo"))?;
        let command = self.tx.command(target)?.ok_or(EngineError::NothingToUndo("redo"))?;
        let plain = command.summary;
        let about = self.invert(&history, &plain)?;
        let session = self.workspace.session.name.clone();
        let words = format!("{}: {}", plain.verb, plain.words);
        self.told = Some(Told { kind: CommandKind::Redo, target: Some(plain.id), verb: "redo", words });
        self.undo_report(entry(&plain, session, false), about, Vec::new())
    }

    fn numbered(&self, history: &History, number: &str) -> Result<CommandSummary, EngineError> {
        let command = command_numbered(&self.tx, number)?.summary;
        let own = history.commands.iter().any(|own| own.id == command.id);
        match command.kind {
            CommandKind::Final => Err(EngineError::CannotUndo { verb: command.verb, words: command.words }),
            CommandKind::Plain if own && !history.is_undone(command.id) => Ok(command),
            _ => Err(EngineError::NoSuchCommand(number.to_owned())),
        }
    }

    /// Takes back what is in force of a plain command, and says what that wrote.
    fn invert(&mut self, history: &History, plain: &CommandSummary) -> Result<Vec<String>, EngineError> {
        let in_force = self.tx.command(history.in_force(plain.id))?;
        let command = in_force.ok_or_else(|| EngineError::NoSuchCommand(plain.id.to_string()))?;
        let elsewhere = rows_words(self.tx.changed_since(&command)?.into_iter());
        if !elsewhere.is_empty() {
            return Err(EngineError::ChangedSince { verb: plain.verb.clone(), what: elsewhere });
        }
        for id in command.envelopes.iter().rev() {
            let opposing = self.opposing(id)?;
            self.append(opposing)?;
        }
        self.tx.restore(&command)?;
        let session = self.tx.session(&self.workspace.session.id)?.map(|session| session.id.to_string());
        let choice = session.map_or(SessionChoice::Current, SessionChoice::Named);
        self.workspace = Workspace::load(&self.tx, &choice, false)?;
        let mut words = Vec::new();
        for id in self.appended.clone() {
            words.extend(fact_words(&self.tx, &id)?);
        }
        let rows = rows_words(command.images.iter().map(|image| &image.row));
        words.extend(rows.into_iter().map(|row| format!("restores {row}")));
        Ok(words)
    }

    /// The facts that answer one, each for the readers of a space, if it still has an effect.
    fn opposing(&self, id: &dm_model::EnvelopeId) -> Result<Vec<(Space, Body)>, EngineError> {
        let Some(envelope) = self.tx.envelope(id)? else { return Ok(Vec::new()) };
        let space = envelope.header().space;
        let opposing = match envelope.body() {
            Body::Apply(apply) => return self.leave(space, &apply.patches),
            Body::Unapply(unapply) => return self.enter(space, &unapply.patches),
            Body::Revision(revision) if patch::status(&*self.tx, &revision.patch)? == Status::Ready => {
                Some(Body::Withdraw(Withdraw { patch: revision.patch, revision: *id }))
            }
            Body::Withdraw(withdraw) => {
                let replaces = patch::latest_in(&*self.tx, &withdraw.patch, space)?;
                let body = patch::revision_body(&*self.tx, &withdraw.revision)?;
                body.map(|body| Body::Revision(Revision { replaces, ..body }))
            }
            _ => None,
        };
        Ok(opposing.into_iter().map(|body| (space, body)).collect())
    }

    /// What takes patches of a space out of main that a fact put in and that are still in as it put them.
    fn leave(&self, space: Space, members: &[(PatchId, RevisionId)]) -> Result<Vec<(Space, Body)>, EngineError> {
        let own = Channel { main: self.tx.own_channel(), space };
        let mut leaving = Vec::new();
        for (patch, revision) in members {
            if self.tx.membership(&own, patch)? == Membership::In(*revision) {
                leaving.push((space, *patch));
            }
        }
        if leaving.is_empty() {
            return Ok(Vec::new());
        }
        let blocked = patch::blocked_without(&*self.tx, &leaving)?;
        if !blocked.is_empty() {
            let look = self.look(None)?;
            let mut needing = Vec::new();
            for patch in &blocked {
                let summary = patches::summary(&look, &self.workspace, patch)?;
                needing.push(format!("{} {}", summary.short, summary.intent));
            }
            return Err(EngineError::NeededByOthers(needing));
        }
        let facts = patch::unapply_facts(&*self.tx, &leaving)?;
        Ok(facts.into_iter().map(|(space, fact)| (space, Body::Unapply(fact))).collect())
    }

    /// What puts patches of a space into main again that a fact took out.
    fn enter(&self, space: Space, leaving: &[PatchId]) -> Result<Vec<(Space, Body)>, EngineError> {
        let own = Channel { main: self.tx.own_channel(), space };
        let mut members = Vec::new();
        for patch in leaving {
            if matches!(self.tx.membership(&own, patch)?, Membership::In(_)) {
                continue;
            }
            members.extend(patches::open_revision(&*self.tx, patch)?.map(|revision| (*patch, revision)));
        }
        let Some((first, _)) = members.first() else { return Ok(Vec::new()) };
        self.check_trust(&members)?;
        let conflicts = patches::new_conflicts(&*self.tx, &members)?;
        if !conflicts.is_empty() {
            return Err(self.conflicts_error(first, &conflicts)?);
        }
        let facts = patch::apply_facts(&*self.tx, &members, "")?;
        Ok(facts.into_iter().map(|(space, fact)| (space, Body::Apply(fact))).collect())
    }

    fn undo_report(
        &self,
        command: CommandEntry,
        wrote: Vec<String>,
        notes: Vec<String>,
    ) -> Result<UndoReport, EngineError> {
        let view_fingerprint = self.tx.view_fingerprint()?.short();
        Ok(UndoReport { dry_run: self.dry_run, command, wrote, notes, view_fingerprint })
    }
}
