//! A world of a few people who write, exchange and pull, as the steps of a history say.

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_collab::exchange::{self, Candidates};
use dm_collab::patch::{apply_facts, apply_group, unapply_facts};
use dm_collab::{Batch, Channel, Conflict, ConflictKind, Overlay, Presence, ProjectionRead as _, Subject, View};
use dm_model::{
    Action, Apply, Body, Envelope, EnvelopeId, Location, Op, OpId, PatchId, Register, Revision, RevisionId, Space,
    TakeOver, Timestamp, Unapply, Value, Verdict, VerdictKind, Withdraw, entity_id,
};

use crate::agreement::{Disagreement, anyone};
use crate::history::{Base, Edit, Share, Step, Then};
use crate::memory::Memory;
use crate::person::{Person, SPACES, Wanted, Watch, content, content_head, opened, place, space};

/// Exchanges and pulls until nothing moves take fewer rounds than this: every round applies a patch, somewhere.
const ROUNDS_MAX: usize = 200;

/// What time it is for a person at a tick of the world's clock.
pub type Clock = fn(tick: i64, who: usize) -> i64;

/// A patch and its revisions, in the order of writing.
#[derive(Clone, Debug)]
pub struct Written {
    /// The patch.
    pub patch: PatchId,
    /// Its revisions.
    pub revisions: Vec<RevisionId>,
}

/// A few people, and all that any of them ever wrote.
pub struct World {
    /// The people.
    pub people: Vec<Person>,
    /// All patches that became ready, in the order of writing.
    pub patches: Vec<Written>,
    /// All envelopes, in the order of writing, with the definitions they name.
    pub log: Batch,
    clock: Clock,
    tick: i64,
    begun: u16,
}

/// Two people's clocks agree, and run.
fn honest(tick: i64, _: usize) -> i64 {
    tick
}

/// One of these, chosen by a number.
fn pick<T>(from: &[T], by: u8) -> Option<&T> {
    from.get(usize::from(by) % from.len().max(1))
}

impl World {
    /// This many people with empty stores.
    #[must_use]
    pub fn new(people: u8, watch: Watch) -> Self {
        Self::with_clock(people, watch, honest)
    }

    /// People whose clocks show something else.
    #[must_use]
    pub fn with_clock(people: u8, watch: Watch, clock: Clock) -> Self {
        let people = (0..people).map(|number| Person::new(number, watch)).collect();
        Self { people, patches: Vec::new(), log: Batch::default(), clock, tick: 0, begun: 0 }
    }

    /// Plays a history.
    ///
    /// # Errors
    /// The first disagreement of product and model.
    pub fn play(&mut self, steps: &[Step]) -> Result<(), Disagreement> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    /// Plays a step. One that means nothing here does nothing.
    ///
    /// # Errors
    /// If product and model disagree afterwards.
    pub fn step(&mut self, step: &Step) -> Result<(), Disagreement> {
        match step {
            Step::Write { who, edits, base, then } => self.write(self.who(*who), edits, *base, *then),
            Step::Turn { who, space: number, careless } => {
                let who = self.who(*who);
                (self.people[who].space, self.people[who].careless) = (space(*number), *careless);
                Ok(())
            }
            Step::Open { who } => {
                let who = self.who(*who);
                self.people[who].opened = self.people[who].memory.clone();
                Ok(())
            }
            Step::Draft { who, session, draft, edit } => {
                let (who, patch) = (self.who(*who), self.new_patch());
                self.people[who].draft(usize::from(*session % 2), usize::from(*draft), patch, *edit);
                self.people[who].check_sessions()
            }
            Step::Ready { who, session, draft, then } => self.ready(self.who(*who), *session, *draft, *then),
            Step::Pin { who, session, patch } => self.pin(self.who(*who), *session, *patch),
            Step::Revise { who, patch, keep, edits, then } => self.revise(self.who(*who), *patch, *keep, edits, *then),
            Step::Apply { who, patch, revision, group } => self.apply(self.who(*who), *patch, *revision, *group),
            Step::Unapply { who, patch } => self.unapply(self.who(*who), *patch),
            Step::Fork { who, onto, patch, then } => self.fork(self.who(*who), *onto, *patch, *then),
            Step::Rotate { who } => self.rotate(self.who(*who)),
            Step::Stolen { who, key, usurps, onto, patch, then } => {
                self.stolen(self.who(*who), *key, *usurps, *onto, *patch, *then)
            }
            Step::Misname { who, patch, name } => self.misname(self.who(*who), *patch, *name),
            Step::Verdict { who, patch, reject, over } => self.judge(self.who(*who), *patch, *reject, *over),
            Step::Withdraw { who, patch } => self.withdraw(self.who(*who), *patch),
            Step::Newer { who, at, edits, then } => self.newer(self.who(*who), *at, edits, *then),
            Step::Resolve { who, conflict, way } => self.resolve(self.who(*who), *conflict, *way),
            Step::Pull { who } => self.pull(self.who(*who)).map(drop),
            Step::Send { from, to, share } => self.send(self.who(*from), self.who(*to), *share),
            Step::Meet => self.meet(),
        }
    }

    fn who(&self, number: u8) -> usize {
        usize::from(number) % self.people.len()
    }

    fn new_patch(&mut self) -> PatchId {
        self.begun += 1;
        let mut bytes = [0u8; 16];
        bytes[..2].copy_from_slice(&self.begun.to_be_bytes());
        PatchId::from_bytes(bytes)
    }

    fn now(&mut self, who: usize) -> Timestamp {
        self.tick += 1;
        Timestamp::from_ms((self.clock)(self.tick, who))
    }

    /// A person writes an envelope, whose definitions they have.
    ///
    /// # Errors
    /// If product and model disagree about it.
    pub fn seal(&mut self, who: usize, space: Space, body: Body) -> Result<EnvelopeId, Disagreement> {
        let now = self.now(who);
        let envelope = self.people[who].seal(space, now, body);
        self.take(who, envelope)
    }

    /// A person takes in an envelope of their own.
    fn take(&mut self, who: usize, envelope: Arc<Envelope>) -> Result<EnvelopeId, Disagreement> {
        let id = envelope.id();
        let content = contents_of(&envelope).collect();
        if self.log.envelopes.iter().all(|known| known.id() != id) {
            self.log.envelopes.push(Arc::clone(&envelope));
        }
        let known: BTreeSet<_> = self.log.content.iter().map(|head| head.hash).collect();
        self.log.content.extend(contents_of(&envelope).filter(|head| !known.contains(&head.hash)));
        self.people[who].receive(&Batch { envelopes: vec![envelope], content })?;
        Ok(id)
    }

    /// Whether the readers of a space have what these ops need.
    fn fits(&self, who: usize, space: Space, ops: &[Op]) -> bool {
        let memory = &self.people[who].memory;
        let own: Vec<OpId> = ops.iter().map(Op::id).collect();
        ops.iter().flat_map(Op::needs).filter(|need| !own.contains(need)).all(|need| {
            let carriers = memory.carriers(&need).unwrap();
            let is_read = |carrier: &RevisionId| space.reads(memory.envelopes[carrier].header().space);
            carriers.is_empty() || carriers.iter().any(is_read)
        })
    }

    /// The space in which a person writes these ops: the one they mean, unless its readers lack something, and then another. Where
    /// none fits, what the ops stand on is published first.
    fn space_for(&mut self, who: usize, ops: &[Op]) -> Result<Space, Disagreement> {
        let person = &self.people[who];
        if person.careless || self.fits(who, person.space, ops) {
            return Ok(person.space);
        }
        if let Some(space) = SPACES.into_iter().find(|space| self.fits(who, *space, ops)) {
            return Ok(space);
        }
        self.publish(who, ops)?;
        Ok(Space::PUBLIC)
    }

    /// A person writes what these ops stand on, as far as not everyone reads it, into the public space, and applies it.
    fn publish(&mut self, who: usize, ops: &[Op]) -> Result<(), Disagreement> {
        let memory = &self.people[who].memory;
        let mut copied: Vec<Op> = Vec::new();
        let mut left: Vec<OpId> = ops.iter().flat_map(Op::needs).collect();
        while let Some(need) = left.pop() {
            let carriers = memory.carriers(&need).unwrap();
            let is_public = |carrier: &RevisionId| memory.envelopes[carrier].header().space.is_public();
            let Some(op) = memory.op(&need).unwrap().filter(|_| !carriers.iter().any(is_public)) else { continue };
            if !copied.contains(&op) {
                left.extend(op.needs());
                copied.push((*op).clone());
            }
        }
        let patch = self.new_patch();
        let revision = self.freeze_in(who, Space::PUBLIC, patch, Vec::new(), copied)?;
        self.put_in_group(who, patch, revision)
    }

    /// A person freezes ops as a revision of a patch.
    ///
    /// # Errors
    /// If product and model disagree about it.
    pub fn freeze(
        &mut self,
        who: usize,
        patch: PatchId,
        replaces: Vec<RevisionId>,
        ops: Vec<Op>,
    ) -> Result<RevisionId, Disagreement> {
        let space = self.space_for(who, &ops)?;
        self.freeze_in(who, space, patch, replaces, ops)
    }

    fn freeze_in(
        &mut self,
        who: usize,
        space: Space,
        patch: PatchId,
        replaces: Vec<RevisionId>,
        ops: Vec<Op>,
    ) -> Result<RevisionId, Disagreement> {
        let created_at = self.now(who);
        let (author, intent) = (format!("person {who}"), "as the step says".to_owned());
        let revision = Revision { patch, replaces, author, intent, created_at, depends: Vec::new(), ops };
        let id = self.seal(who, space, Body::Revision(revision))?;
        match self.patches.iter_mut().find(|written| written.patch == patch) {
            Some(written) if written.revisions.contains(&id) => {}
            Some(written) => written.revisions.push(id),
            None => self.patches.push(Written { patch, revisions: vec![id] }),
        }
        Ok(id)
    }

    /// A person applies revisions as they are, in one fact per space; none if there are none. Answers the last fact.
    ///
    /// # Errors
    /// If product and model disagree about it.
    pub fn put_in(
        &mut self,
        who: usize,
        members: &[(PatchId, RevisionId)],
    ) -> Result<Option<EnvelopeId>, Disagreement> {
        if !members.is_empty() {
            self.hold_main(who)?;
        }
        let mut last = None;
        for (space, fact) in apply_facts(&self.people[who].memory, members, "").unwrap() {
            last = Some(self.seal(who, space, Body::Apply(fact))?);
        }
        Ok(last)
    }

    /// A person applies a revision with all that it needs and uses.
    ///
    /// # Errors
    /// If product and model disagree about it.
    pub fn put_in_group(&mut self, who: usize, patch: PatchId, revision: RevisionId) -> Result<(), Disagreement> {
        let group = apply_group(&self.people[who].memory, &[(patch, revision)]).unwrap();
        self.put_in(who, &group.members).map(drop)
    }

    /// The ops that edits come to, each made from what the ones before it left.
    fn ops_of(base: &Memory, edits: &[Edit]) -> Result<Vec<Op>, Disagreement> {
        let mut overlay = Overlay::default();
        let mut ops: Vec<Op> = Vec::new();
        for edit in edits {
            let view = View::over(base, overlay.clone()).unwrap();
            let Some(op) = Wanted::of(&view, *edit).and_then(Wanted::into_op) else { continue };
            replaces_what_was_shown(base, &ops, &op)?;
            creates_what_is_new(base, &ops, &op)?;
            overlay.add(op.id(), Arc::new(op.clone()));
            if !ops.contains(&op) {
                ops.push(op);
            }
        }
        Ok(ops)
    }

    fn write(&mut self, who: usize, edits: &[Edit], base: Base, then: Then) -> Result<(), Disagreement> {
        let base = match base {
            Base::Current => &self.people[who].memory,
            Base::Stale => &self.people[who].opened,
        };
        let ops = Self::ops_of(base, edits)?;
        if ops.is_empty() {
            return Ok(());
        }
        let patch = self.new_patch();
        let revision = self.freeze(who, patch, Vec::new(), ops)?;
        if then == Then::Apply { self.put_in(who, &[(patch, revision)]).map(drop) } else { Ok(()) }
    }

    fn ready(&mut self, who: usize, session: u8, draft: u8, then: Then) -> Result<(), Disagreement> {
        let session = usize::from(session % 2);
        let stack = &mut self.people[who].sessions[session].stack;
        let at = usize::from(draft) % stack.drafts().len().max(1);
        let Some(patch) = stack.drafts().get(at).map(|draft| draft.patch) else { return Ok(()) };
        // One that stands on another draft stays.
        let Ok(ops) = stack.ready(at) else { return Ok(()) };
        if ops.is_empty() {
            return Ok(());
        }
        let revision = self.freeze(who, patch, Vec::new(), ops)?;
        self.people[who].sessions[session].ready.push(revision);
        if then == Then::Apply {
            self.put_in_group(who, patch, revision)?;
        }
        self.people[who].check_sessions()
    }

    /// A revision that counts for a person.
    fn revision(&self, who: usize, patch: u8, revision: u8) -> Option<(PatchId, RevisionId)> {
        let written = pick(&self.patches, patch)?;
        let revision = *pick(&written.revisions, revision)?;
        let counts = self.people[who].memory.presence(&revision).unwrap() == Presence::Counted;
        counts.then_some((written.patch, revision))
    }

    fn pin(&mut self, who: usize, session: u8, patch: u8) -> Result<(), Disagreement> {
        let Some((_, revision)) = self.revision(who, patch, 0) else { return Ok(()) };
        self.people[who].sessions[usize::from(session % 2)].pinned.push(revision);
        self.people[who].check_sessions()
    }

    fn revise(&mut self, who: usize, patch: u8, keep: u8, edits: &[Edit], then: Then) -> Result<(), Disagreement> {
        let Some((patch, old)) = self.revision(who, patch, keep) else { return Ok(()) };
        let memory = &self.people[who].memory;
        let Body::Revision(body) = memory.envelopes[&old].body() else { return Ok(()) };
        let kept = body.ops.iter().zip(0u32..).filter(|(_, at)| keep >> (at % 8) & 1 == 1);
        let mut ops: Vec<Op> = kept.map(|(op, _)| op.clone()).collect();
        for op in Self::ops_of(memory, edits)? {
            if !ops.contains(&op) {
                ops.push(op);
            }
        }
        if ops.is_empty() {
            return Ok(());
        }
        let revision = self.freeze(who, patch, vec![old], ops)?;
        if then == Then::Apply { self.put_in(who, &[(patch, revision)]).map(drop) } else { Ok(()) }
    }

    fn apply(&mut self, who: usize, patch: u8, revision: u8, group: bool) -> Result<(), Disagreement> {
        let Some((patch, revision)) = self.revision(who, patch, revision) else { return Ok(()) };
        if group { self.put_in_group(who, patch, revision) } else { self.put_in(who, &[(patch, revision)]).map(drop) }
    }

    fn unapply(&mut self, who: usize, patch: u8) -> Result<(), Disagreement> {
        let Some(patch) = pick(&self.patches, patch).map(|written| written.patch) else { return Ok(()) };
        self.take_out(who, patch)
    }

    /// A person takes a patch out, of whichever spaces have a revision of it.
    fn take_out(&mut self, who: usize, patch: PatchId) -> Result<(), Disagreement> {
        self.hold_main(who)?;
        let memory = &self.people[who].memory;
        let revisions = memory.revisions(&patch).unwrap();
        let mut out: Vec<(Space, PatchId)> =
            revisions.iter().map(|revision| (memory.envelopes[revision].header().space, patch)).collect();
        if out.is_empty() {
            out.push((self.people[who].space, patch));
        }
        for (space, fact) in unapply_facts(memory, &out).unwrap() {
            self.seal(who, space, Body::Unapply(fact))?;
        }
        Ok(())
    }

    /// Takes the main back if a thief's key writes there, so that what comes next counts.
    fn hold_main(&mut self, who: usize) -> Result<(), Disagreement> {
        if self.people[who].has_given_way() { self.rotate(who) } else { Ok(()) }
    }

    fn fork(&mut self, who: usize, onto: u8, patch: u8, then: Then) -> Result<(), Disagreement> {
        let Some(body) = self.forking(who, onto, patch, then) else { return Ok(()) };
        self.seal(who, self.people[who].space, body).map(drop)
    }

    /// A fact of a person's main onto one of the earlier ones.
    fn forking(&self, who: usize, onto: u8, patch: u8, then: Then) -> Option<Body> {
        let channel = self.people[who].main();
        // Of any space: a careless copy writes a fact of one onto one of another, and about patches of yet another.
        let mut facts: Vec<EnvelopeId> = Vec::new();
        for space in SPACES {
            let of = self.people[who].memory.facts(&Channel { main: channel, space }).unwrap();
            facts.extend(of.iter().map(|fact| fact.id()));
        }
        // By the order of writing: ids know nothing of it.
        let written = self.log.envelopes.iter().map(|envelope| envelope.id()).filter(|id| facts.contains(id));
        let onto = pick(&written.collect::<Vec<_>>(), onto).copied().into_iter().collect();
        let (patch, revision) = self.revision(who, patch, 0)?;
        Some(match then {
            Then::Apply => {
                Body::Apply(Apply { channel, onto, patches: vec![(patch, revision)], forced: String::new() })
            }
            Then::Leave => Body::Unapply(Unapply { channel, onto, patches: vec![patch] }),
        })
    }

    fn rotate(&mut self, who: usize) -> Result<(), Disagreement> {
        if !self.people[who].rotate() {
            return Ok(());
        }
        // In every space in which the main says something.
        let mut channels = self.people[who].memory.own_channels().unwrap();
        if channels.is_empty() {
            channels.push(Channel::public(self.people[who].main()));
        }
        for channel in channels {
            let onto = self.people[who].memory.leaves(&channel).unwrap();
            let takes = TakeOver { channel: channel.main, onto };
            self.seal(who, channel.space, Body::TakeOver(takes))?;
        }
        Ok(())
    }

    fn stolen(
        &mut self,
        who: usize,
        key: u8,
        usurps: bool,
        onto: u8,
        patch: u8,
        then: Then,
    ) -> Result<(), Disagreement> {
        let key = usize::from(key) % self.people[who].keys();
        let Some(body) = self.forking(who, onto, patch, then) else { return Ok(()) };
        let (now, space) = (self.now(who), self.people[who].space);
        let envelope = if usurps {
            let Some((succession, keys)) = self.people[who].usurper(key) else { return Ok(()) };
            opened(&Envelope::seal_succeeded(space, &keys, now, succession, body))
        } else {
            self.people[who].seal_with(key, space, now, body)
        };
        self.take(who, envelope).map(drop)
    }

    fn misname(&mut self, who: usize, patch: u8, name: u8) -> Result<(), Disagreement> {
        let Some((_, revision)) = self.revision(who, patch, 0) else { return Ok(()) };
        let Some(name) = pick(&self.patches, name).map(|written| written.patch) else { return Ok(()) };
        self.put_in(who, &[(name, revision)]).map(drop)
    }

    fn judge(&mut self, who: usize, patch: u8, reject: bool, over: bool) -> Result<(), Disagreement> {
        let Some((patch, revision)) = self.revision(who, patch, 0) else { return Ok(()) };
        let kind = if reject { VerdictKind::Reject } else { VerdictKind::Approve };
        let person = &self.people[who];
        let earlier = person.memory.patch_facts(&patch).unwrap().into_iter().filter(|fact| {
            let own = fact.header().author_key.instance() == person.main();
            own && matches!(fact.body(), Body::Verdict(verdict) if verdict.revision == revision)
        });
        let supersedes = earlier.map(|fact| fact.id()).filter(|_| over).collect();
        let (author, words) = (format!("person {who}"), String::new());
        let space = self.space_of(who, &revision);
        self.seal(who, space, Body::Verdict(Verdict { revision, author, kind, words, supersedes })).map(drop)
    }

    fn withdraw(&mut self, who: usize, patch: u8) -> Result<(), Disagreement> {
        let Some((patch, revision)) = self.revision(who, patch, 0) else { return Ok(()) };
        let space = self.space_of(who, &revision);
        self.seal(who, space, Body::Withdraw(Withdraw { patch, revision })).map(drop)
    }

    /// The space of what a person says about a revision: its own, or any other if the person is careless.
    fn space_of(&self, who: usize, revision: &RevisionId) -> Space {
        let person = &self.people[who];
        if person.careless { person.space } else { person.memory.envelopes[revision].header().space }
    }

    fn newer(&mut self, who: usize, at: u8, edits: &[Edit], then: Then) -> Result<(), Disagreement> {
        let mut ops = Self::ops_of(&self.people[who].memory, edits)?;
        let entity = entity_id(&place(at), 0);
        let action = Action::Unknown { kind: 77, registers: vec![Register::Content], payload: vec![at] };
        let over = self.people[who].memory.entity(&entity).unwrap();
        let over = over.and_then(|state| state.registers.get(&Register::Content).map(|state| state.heads[0].op));
        ops.push(Op::new(entity, action).superseding(over));
        let patch = self.new_patch();
        let revision = self.freeze(who, patch, Vec::new(), ops)?;
        if then == Then::Apply { self.put_in(who, &[(patch, revision)]).map(drop) } else { Ok(()) }
    }

    /// The conflicts that a person lists.
    #[must_use]
    pub fn conflicts(&self, who: usize) -> Vec<Conflict> {
        exchange::conflicts(&self.people[who].memory, &anyone).unwrap()
    }

    fn resolve(&mut self, who: usize, conflict: u8, way: u8) -> Result<(), Disagreement> {
        let conflicts = self.conflicts(who);
        match pick(&conflicts, conflict) {
            Some(conflict) => self.settle(who, conflict, way),
            None => Ok(()),
        }
    }

    /// A person settles a conflict one way or another.
    ///
    /// # Errors
    /// If product and model disagree about it.
    pub fn settle(&mut self, who: usize, conflict: &Conflict, way: u8) -> Result<(), Disagreement> {
        let memory = &self.people[who].memory;
        match &conflict.subject {
            Subject::Ops => {
                let view = Candidates::of(memory, &anyone).unwrap().union().unwrap();
                let Some(op) = settling(&view, conflict, way) else { return Ok(()) };
                let patch = self.new_patch();
                let revision = self.freeze(who, patch, Vec::new(), vec![op])?;
                self.put_in_group(who, patch, revision)
            }
            // The model knows no language.
            Subject::Meaning { .. } => Ok(()),
            Subject::Revision { revision, .. } => match memory.envelopes[revision].body() {
                Body::Revision(body) => self.put_in_group(who, body.patch, *revision),
                _ => Ok(()),
            },
            Subject::Patch { patch, space, values } => match pick(values, way).copied().flatten() {
                Some(revision) => self.put_in(who, &[(*patch, revision)]).map(drop),
                None => {
                    self.hold_main(who)?;
                    for (space, fact) in unapply_facts(&self.people[who].memory, &[(*space, *patch)]).unwrap() {
                        self.seal(who, space, Body::Unapply(fact))?;
                    }
                    Ok(())
                }
            },
        }
    }

    /// A person applies what a pull applies; none if that is nothing.
    ///
    /// # Errors
    /// If product and model disagree about it.
    pub fn pull(&mut self, who: usize) -> Result<Option<EnvelopeId>, Disagreement> {
        let chosen = exchange::select(&self.people[who].memory, &anyone).unwrap().apply;
        self.put_in(who, &chosen)
    }

    /// Gives one person some of what another has.
    ///
    /// # Errors
    /// If product and model disagree about it.
    pub fn send(&mut self, from: usize, to: usize, share: Share) -> Result<(), Disagreement> {
        let has = |who: usize, id: &EnvelopeId| self.people[who].memory.envelopes.contains_key(id);
        let lacking = self.people[from].holdings.envelopes.iter().map(|held| &held.envelope);
        let lacking = lacking.filter(|envelope| !has(to, &envelope.id()));
        let mut sent: Vec<Arc<Envelope>> = lacking
            .zip(0u32..)
            .filter(|(_, at)| share.part >> (at % 32) & 1 == 1)
            .map(|(one, _)| one.clone())
            .collect();
        match share.order {
            0 => {}
            1 => sent.reverse(),
            by => sent.sort_by_cached_key(|envelope| {
                let written = self.log.envelopes.iter().position(|one| one.id() == envelope.id()).unwrap_or_default();
                (written as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(u32::from(by) * 7)
            }),
        }
        // What is held already comes once more: it must change nothing.
        let twice = self.people[to].holdings.envelopes.last().map(|held| Arc::clone(&held.envelope));
        sent.extend(twice);
        for envelopes in sent.chunks(usize::from(share.at_once.max(1))) {
            let held =
                |hash: &dm_model::DefHash| share.content && self.people[from].memory.content_present(hash).unwrap();
            let content = envelopes.iter().flat_map(|envelope| contents_of(envelope)).filter(|head| held(&head.hash));
            let batch = Batch { envelopes: envelopes.to_vec(), content: content.collect() };
            self.people[to].receive(&batch)?;
        }
        if share.content {
            let held: Vec<_> = self.people[from].memory.content().collect();
            self.people[to].receive(&Batch { envelopes: Vec::new(), content: held })?;
        }
        self.people[to].check_sessions()
    }

    /// Everybody has everything that was ever written.
    ///
    /// # Errors
    /// If product and model disagree about it.
    pub fn exchange(&mut self) -> Result<(), Disagreement> {
        for who in 0..self.people.len() {
            let news: Vec<_> = self
                .log
                .envelopes
                .iter()
                .filter(|one| !self.people[who].memory.envelopes.contains_key(&one.id()))
                .cloned()
                .collect();
            let content: BTreeSet<_> = self.people[who].memory.content().map(|head| head.hash).collect();
            let lacking = self.log.content.iter().filter(|head| !content.contains(&head.hash));
            let batch = Batch { envelopes: news, content: lacking.cloned().collect() };
            if !batch.envelopes.is_empty() || !batch.content.is_empty() {
                self.people[who].receive(&batch)?;
            }
        }
        Ok(())
    }

    /// Exchanges and pulls until nothing moves.
    ///
    /// # Errors
    /// If product and model disagree about it.
    ///
    /// # Panics
    /// If it never comes to rest.
    pub fn meet(&mut self) -> Result<(), Disagreement> {
        for _ in 0..ROUNDS_MAX {
            self.exchange()?;
            let mut moved = false;
            for who in 0..self.people.len() {
                moved |= self.pull(who)?.is_some();
            }
            if !moved {
                return Ok(());
            }
        }
        panic!("exchanges and pulls do not come to rest");
    }
}

/// That an edit replaces writes that were in effect where its author looked, and of several values only one (SEMANTICS R6).
fn replaces_what_was_shown(base: &Memory, before: &[Op], op: &Op) -> Result<(), Disagreement> {
    let mut values = BTreeSet::new();
    for replaced in &op.supersedes {
        let made = before.iter().find(|made| made.id() == *replaced).cloned();
        let shown = base.effective.contains(replaced).then(|| base.op(replaced).unwrap()).flatten();
        let Some(shown) = made.or(shown.map(|op| (*op).clone())) else {
            let (product, model) = (format!("{op:?}"), replaced.to_string());
            return Err(Disagreement { about: "an edit replaces what was not in effect", product, model });
        };
        values.extend(op.action.registers().into_iter().filter_map(|register| shown.action.value(register)));
    }
    if values.len() > 1 {
        let (product, model) = (format!("{op:?}"), format!("{values:?}"));
        return Err(Disagreement { about: "an edit replaces a side that was not shown", product, model });
    }
    Ok(())
}

/// That a creation is of the first generation at its place that its author did not know of (SEMANTICS R5).
fn creates_what_is_new(base: &Memory, before: &[Op], op: &Op) -> Result<(), Disagreement> {
    let Action::CreateName { location, generation, .. } = &op.action else { return Ok(()) };
    let is_known = |generation: u32| {
        let entity = entity_id(location, generation);
        base.entities.contains_key(&entity) || before.iter().any(|made| made.entity == entity)
    };
    let first = (0..).find(|generation| !is_known(*generation));
    if first == Some(*generation) {
        return Ok(());
    }
    let (product, model) = (format!("{generation}"), format!("{first:?}"));
    Err(Disagreement { about: "the generation of a new entity", product, model })
}

/// The definitions that an envelope names.
fn contents_of(envelope: &Envelope) -> impl Iterator<Item = dm_collab::ContentHead> {
    let contents = match envelope.body() {
        Body::Revision(revision) => revision.contents(),
        _ => Vec::new(),
    };
    contents.into_iter().map(content_head)
}

/// The op that settles a conflict one way or another, over all its sides; the same for everyone who chooses alike.
#[must_use]
pub fn settling(view: &View<'_>, conflict: &Conflict, way: u8) -> Option<Op> {
    let first = *conflict.entities.first()?;
    let fresh: Location = format!("R.n{}", conflict.id.short()).parse().unwrap();
    let (entity, register, value) = match conflict.kind {
        ConflictKind::Collision => {
            let entity = *pick(&conflict.entities, way)?;
            (entity, Register::Location, Value::Location(Some(fresh)))
        }
        ConflictKind::DeletedDependency => {
            (*conflict.entities.get(1)?, Register::Location, Value::Location(Some(fresh)))
        }
        ConflictKind::DeleteEdit if way.is_multiple_of(2) => (first, Register::Location, Value::Location(None)),
        ConflictKind::DeleteEdit => {
            let kept = view.entity(&first).unwrap()?.live.first().cloned().unwrap_or(fresh);
            (first, Register::Location, Value::Location(Some(kept)))
        }
        ConflictKind::DeprecationEdit => {
            let deprecation = conflict.heads.iter().find(|head| matches!(head.value, Value::Deprecation(_)))?;
            let value = if way.is_multiple_of(2) { deprecation.value.clone() } else { Value::Deprecation(None) };
            (first, Register::Deprecation, value)
        }
        ConflictKind::Content if way == 3 => (first, Register::Content, Value::Content(content(4))),
        _ => (first, conflict.register?, pick(&conflict.heads, way)?.value.clone()),
    };
    let tips = view.tips(&entity, register).unwrap();
    let action = Action::writing(register, value, None)?;
    let witness = view.witness(&entity, register).unwrap();
    Some(Op::new(entity, action).superseding(tips.iter().map(|tip| tip.op)).witnessing(witness))
}
