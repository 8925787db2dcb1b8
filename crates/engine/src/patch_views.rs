//! A patch as an impact tree and as a timeline.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dm_collab::ProjectionRead as _;
use dm_collab::view::View;
use dm_model::{Action, Body, EntityId, Envelope, InstanceId, Op, PatchId, RevisionId};

use crate::check::check_change;
use crate::diff;
use crate::error::EngineError;
use crate::look::{Leads, Look};
use crate::patches;
use crate::report::{Change, Impact, ImpactNode, PatchEvent, PatchImpact, PatchTimeline, Severity};
use crate::snapshot::Snapshot;

impl Snapshot<'_> {
    /// What a patch changes, and whom that reaches: who no longer fits, who sees another interface, and who may do something else because
    /// something that they use does.
    ///
    /// # Errors
    /// If there is no such patch.
    pub fn patch_impact(&self, prefix: Option<&str>) -> Result<PatchImpact, EngineError> {
        let look = self.look()?;
        let id = patches::find_or_focused(&self.tx, &self.workspace, prefix)?;
        let ops = diff::ops_of(&look, &self.workspace, &id)?;
        let before = Look { tx: &self.tx, view: View::main(&self.tx) };
        let leads = look.leads()?;
        let (report, cone) = check_change(&look, &before, &ops, &leads)?;
        let breaks = report.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let breaks: BTreeSet<&str> = breaks.map(|problem| problem.entity.as_str()).collect();
        let changes = diff::changes_by_entity(&look, &self.workspace, &ops)?;
        let mut definitions = Vec::new();
        for (entity, reached) in reached(&look, &leads, &ops)? {
            let changes = changes.get(&entity).map(Vec::as_slice).unwrap_or_default();
            let name = entity.to_string();
            let effect = match (&reached.through, breaks.contains(name.as_str()), cone.seen.contains(&entity)) {
                (None, ..) => "changed",
                (_, true, _) => "breaks",
                (_, _, true) => "rechecked",
                _ => "reached",
            };
            definitions.push(node(&look, entity, &reached, effect, changes)?);
        }
        definitions.sort_by(|left, right| {
            (left.distance, &left.location, &left.entity).cmp(&(right.distance, &right.location, &right.entity))
        });
        Ok(PatchImpact {
            patch: patches::summary(&look, &self.workspace, &id)?,
            impact: report.impact.unwrap_or(Impact::None),
            definitions,
            problems: report.problems,
        })
    }

    /// What happened to a patch, oldest first: what its author did, and which mains took it.
    ///
    /// # Errors
    /// If there is no such patch.
    pub fn patch_timeline(&self, prefix: Option<&str>) -> Result<PatchTimeline, EngineError> {
        let look = self.look()?;
        let id = patches::find_or_focused(&self.tx, &self.workspace, prefix)?;
        let patch = patches::summary(&look, &self.workspace, &id)?;
        let mut events = vec![PatchEvent {
            at: patch.created_at,
            what: "begun".to_owned(),
            by: patch.author.clone(),
            words: patch.intent.clone(),
            revision: None,
            fact: None,
        }];
        for revision in self.tx.revisions(&id)? {
            events.extend(self.frozen(&revision)?);
        }
        let mut facts = self.tx.patch_facts(&id)?;
        // What went into a main is said of many patches at once, so all of its facts are read.
        for channel in self.tx.channels()? {
            facts.extend(self.tx.facts(&channel)?);
        }
        for fact in &facts {
            events.extend(self.event(fact, &id, &patch.author));
        }
        if patch.status == "draft" && patch.updated_at > patch.created_at {
            events.push(PatchEvent {
                at: patch.updated_at,
                what: "changed".to_owned(),
                by: patch.author.clone(),
                words: String::new(),
                revision: None,
                fact: None,
            });
        }
        // Of what is said to have happened at one time, the list above has the order.
        events.sort_by_key(|event| event.at);
        Ok(PatchTimeline { patch, events })
    }

    /// What a revision says of its patch.
    fn frozen(&self, revision: &RevisionId) -> Result<Option<PatchEvent>, EngineError> {
        let Some(envelope) = self.tx.envelope(revision)? else { return Ok(None) };
        let Body::Revision(body) = envelope.body() else { return Ok(None) };
        Ok(Some(PatchEvent {
            at: envelope.header().authored_at.as_ms(),
            what: "ready".to_owned(),
            by: body.author.clone(),
            words: format!("{} ops", body.ops.len()),
            revision: Some(revision.to_string()),
            fact: None,
        }))
    }

    /// What a fact says of a patch, if it is about it.
    fn event(&self, fact: &Envelope, patch: &PatchId, author: &str) -> Option<PatchEvent> {
        let (what, by, words, revision) = match fact.body() {
            Body::Apply(apply) => {
                let (_, revision) = apply.patches.iter().find(|(id, _)| id == patch)?;
                ("applied", self.main_name(&apply.channel), apply.forced.clone(), Some(*revision))
            }
            Body::Unapply(unapply) if unapply.patches.contains(patch) => {
                ("unapplied", self.main_name(&unapply.channel), String::new(), None)
            }
            Body::Withdraw(withdraw) => ("withdrawn", author.to_owned(), String::new(), Some(withdraw.revision)),
            Body::Verdict(verdict) => {
                ("reviewed", verdict.author.clone(), verdict.words.clone(), Some(verdict.revision))
            }
            _ => return None,
        };
        Some(PatchEvent {
            at: fact.header().authored_at.as_ms(),
            what: what.to_owned(),
            by,
            words,
            revision: revision.map(|revision| revision.to_string()),
            fact: Some(fact.id().to_string()),
        })
    }

    /// A main for people.
    fn main_name(&self, channel: &InstanceId) -> String {
        if self.tx.own_channel() == *channel { "main here".to_owned() } else { format!("main of {}", channel.short()) }
    }
}

/// How something is reached.
struct Reached {
    through: Option<EntityId>,
    distance: u64,
}

/// What ops change, and who refers to that at any distance. Whoever stays on a version by a pin is not reached by what goes on.
fn reached(look: &Look<'_>, leads: &Leads, ops: &[Op]) -> Result<BTreeMap<EntityId, Reached>, EngineError> {
    let mut reached = BTreeMap::new();
    let mut waiting = VecDeque::new();
    for op in ops {
        reached.insert(op.entity, Reached { through: None, distance: 0 });
        // Where something stands, who may see it and whether it should be used changes no meaning.
        if op.written_content().is_some()
            || matches!(op.action, Action::Pin { .. } | Action::Unpin { .. } | Action::DeleteName)
        {
            waiting.push_back(op.entity);
        }
    }
    while let Some(entity) = waiting.pop_front() {
        let distance = reached.get(&entity).map_or(0, |reached| reached.distance);
        for user in look.users(entity, leads)? {
            let stays = leads.pins.iter().any(|pin| pin.by == user && pin.of == entity);
            if !stays && !reached.contains_key(&user) {
                reached.insert(user, Reached { through: Some(entity), distance: distance + 1 });
                waiting.push_back(user);
            }
        }
    }
    Ok(reached)
}

fn node(
    look: &Look<'_>,
    entity: EntityId,
    reached: &Reached,
    effect: &str,
    changes: &[Change],
) -> Result<ImpactNode, EngineError> {
    let kind = match look.content(&entity)? {
        Some(content) => look.kind(&content)?.map(|kind| kind.as_str().to_owned()),
        None => None,
    };
    Ok(ImpactNode {
        entity: entity.to_string(),
        location: look.last_location(&entity)?,
        kind,
        effect: effect.to_owned(),
        changes: changes.iter().map(|change| change.change.clone()).collect(),
        through: reached.through.map(|through| through.to_string()),
        distance: reached.distance,
    })
}
