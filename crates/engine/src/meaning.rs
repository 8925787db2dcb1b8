//! What definitions mean in a view: their resolved trees, and their links.
//!
//! Links are kept in the store from one reader to the next (`dm_store::LinkNotes` says which, and when they hold): one is worked out from
//! what its definition reaches and is not kept. In a session, whatever reaches what the session changed is worked out anew.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use dm_collab::ProjectionRead as _;
use dm_lang::{Lead, LinkNode, LinkSource, Linked, Program, Skeleton, SlotTarget};
use dm_model::{DefHash, EntityId, LinkHash, Register, Target, Value};
use dm_store::LinkNotes;
use dm_syntax::FormatOptions;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::EngineError;
use crate::look::Look;
use crate::scope::ViewScope;

impl Look<'_> {
    /// What a content's resolved tree says, with the names that this view has.
    pub(crate) fn program_text(&self, content: &DefHash) -> Result<String, EngineError> {
        let definition = self.definition(content)?;
        let program = dm_lang::lower(&definition)
            .map_err(|error| EngineError::Unreadable { content: *content, why: error.to_string() })?;
        let mut names = FxHashMap::default();
        for target in definition.uses() {
            names.insert(target, self.last_location(&target)?);
        }
        Ok(program.print(&|target| match target {
            Target::Entity(entity) => names.get(entity).cloned(),
            _ => None,
        }))
    }

    /// What an entity means in this view; `None` if its text cannot be read.
    pub(crate) fn link(&self, entity: &EntityId) -> Result<Option<LinkHash>, EngineError> {
        let node = LinkNode::Entity(*entity);
        let mut links = ViewLinks::new(self);
        let link = links.link(node)?;
        links.done()?;
        Ok(link)
    }

    /// How many kept links hold in this view, and which of them are not what they are worked out to be from nothing: none, or the memo is
    /// damaged.
    pub(crate) fn wrong_links(&self) -> Result<(u64, Vec<EntityId>), EngineError> {
        let mut kept = ViewLinks::new(self);
        let mut anew = ViewLinks::new(self);
        anew.from_nothing = true;
        let (mut holding, mut wrong) = (0, Vec::new());
        for entity in self.tx.with_kept_links()? {
            let Some(holds) = kept.kept(entity)? else { continue };
            holding += 1;
            if anew.linked(LinkNode::Entity(entity))? != Some(holds) {
                wrong.push(entity);
            }
        }
        anew.scope.check()?;
        Ok((holding, wrong))
    }
}

/// A view as linking asks it. Keeps what it worked out.
pub(crate) struct ViewLinks<'l> {
    look: &'l Look<'l>,
    pub(crate) scope: ViewScope<'l>,
    /// By content: several may have the same.
    programs: FxHashMap<DefHash, Option<Arc<Program>>>,
    /// As far as others need them.
    declared: FxHashMap<DefHash, Option<Arc<Program>>>,
    skeletons: FxHashMap<DefHash, Option<Arc<Skeleton>>>,
    known: FxHashMap<LinkNode, Linked>,
    entities: FxHashMap<EntityId, Rc<Standing>>,
    /// Versions that entities are taken at, whatever they have in the view.
    instead: BTreeMap<EntityId, DefHash>,
    /// Whether kept links are left alone.
    from_nothing: bool,
    changes: Option<Changes>,
    /// What was linked here.
    fresh: Vec<LinkNode>,
}

/// What changed since links were kept, by main and by the session.
struct Changes {
    due: Vec<EntityId>,
    /// Whose kept links do not hold any more.
    stale: FxHashSet<EntityId>,
    /// And whose do not hold in this session.
    hidden: FxHashSet<EntityId>,
}

/// Fewer links than these are worked out as fast as they are kept, and fewer changes as fast looked at as forgotten.
const KEPT_MIN: usize = 16;

/// How an entity stands in a view.
#[derive(Default)]
pub(crate) struct Standing {
    content: Option<DefHash>,
    /// Whether a name leads to it.
    pub(crate) lives: bool,
    /// Why it should no longer be used.
    pub(crate) deprecation: Option<dm_model::Deprecation>,
    /// Whether people disagree on what it is.
    contested: bool,
    /// What it stays on, by what is pinned.
    pins: Vec<(EntityId, DefHash)>,
}

impl<'l> ViewLinks<'l> {
    pub(crate) fn new(look: &'l Look<'l>) -> Self {
        Self::with(look, BTreeMap::new())
    }

    /// As if these entities were at these versions, to all who refer to them.
    pub(crate) fn with(look: &'l Look<'l>, instead: BTreeMap<EntityId, DefHash>) -> Self {
        Self {
            from_nothing: !instead.is_empty(),
            instead,
            changes: None,
            fresh: Vec::new(),
            look,
            scope: ViewScope::new(look),
            programs: FxHashMap::default(),
            declared: FxHashMap::default(),
            skeletons: FxHashMap::default(),
            known: FxHashMap::default(),
            entities: FxHashMap::default(),
        }
    }

    pub(crate) fn standing(&mut self, entity: EntityId) -> Result<Rc<Standing>, EngineError> {
        if let Some(known) = self.entities.get(&entity) {
            return Ok(Rc::clone(known));
        }
        let mut standing = Standing::default();
        if let Some(state) = self.look.state(&entity)? {
            standing.lives = state.is_live();
            if state.registers.contains_key(&Register::Deprecation)
                && let Some(Value::Deprecation(deprecation)) = self.look.view.value(&entity, Register::Deprecation)?
            {
                standing.deprecation = deprecation;
            }
            if let Some(content) = state.registers.get(&Register::Content) {
                standing.contested = content.is_contested();
                if let Some(Value::Content(hash)) = self.look.view.in_force(content)? {
                    standing.content = Some(hash);
                }
            }
            standing.pins = self.look.pins_in(&state)?;
        }
        let standing = Rc::new(standing);
        self.entities.insert(entity, Rc::clone(&standing));
        Ok(standing)
    }

    /// What something means; `None` if its text cannot be read.
    pub(crate) fn link(&mut self, node: LinkNode) -> Result<Option<LinkHash>, EngineError> {
        Ok(self.linked(node)?.map(|linked| linked.link))
    }

    fn linked(&mut self, node: LinkNode) -> Result<Option<Linked>, EngineError> {
        if let Some(known) = LinkSource::known(self, node)? {
            return Ok(Some(known));
        }
        let linked = dm_lang::link(self, [node])?;
        self.fresh.extend(linked.keys().copied());
        self.known.extend(linked);
        Ok(self.known.get(&node).copied())
    }

    /// The end of all questions. What was worked out is left for the next reader.
    pub(crate) fn done(mut self) -> Result<(), EngineError> {
        let due = self.changes.as_ref().map_or(0, |changes| changes.due.len());
        if self.fresh.len().max(due) >= KEPT_MIN && !self.from_nothing {
            self.note()?;
        }
        self.scope.check()
    }

    fn note(&mut self) -> Result<(), EngineError> {
        let mut links = Vec::new();
        for entity in self.lasting()? {
            if let Some(linked) = self.known.get(&LinkNode::Entity(entity)) {
                links.push((entity, (linked.link, linked.interface)));
            }
        }
        let Some(changes) = &self.changes else { return Ok(()) };
        self.look.tx.note_links(LinkNotes {
            read: self.look.tx.main_read()?,
            format: dm_lang::LINK_FORMAT,
            due: changes.due.clone(),
            stale: changes.stale.iter().copied().collect(),
            links,
        });
        Ok(())
    }

    /// What was linked here and holds in main until a definition changes: it reaches only what lives, is agreed on, has no pin, and
    /// refers only to such.
    fn lasting(&mut self) -> Result<BTreeSet<EntityId>, EngineError> {
        let mut reaches = BTreeMap::new();
        for node in std::mem::take(&mut self.fresh) {
            let LinkNode::Entity(entity) = node else { continue };
            let content = self.look.tx.entity(&entity)?.as_ref().and_then(dm_store::linked_content);
            let changed = self.look.view.changed().any(|(changed, _)| *changed == entity);
            if content.is_none() || changed {
                continue;
            }
            let Some(skeleton) = self.skeleton(node)? else { continue };
            reaches.insert(entity, skeleton);
        }
        let mut reached_by: BTreeMap<EntityId, Vec<EntityId>> = BTreeMap::new();
        let mut gone = Vec::new();
        for (entity, skeleton) in &reaches {
            for target in skeleton.targets() {
                match target {
                    SlotTarget::Entity(target) if reaches.contains_key(target) => {
                        reached_by.entry(*target).or_default().push(*entity);
                    }
                    SlotTarget::Entity(target) if self.kept(*target)?.is_some() => {}
                    SlotTarget::Entity(_) | SlotTarget::Unresolved { .. } => gone.push(*entity),
                }
            }
        }
        // Whoever reaches what does not last does not last.
        let mut lasting: BTreeSet<EntityId> = reaches.keys().copied().collect();
        while let Some(entity) = gone.pop() {
            if lasting.remove(&entity) {
                gone.extend(reached_by.get(&entity).into_iter().flatten());
            }
        }
        Ok(lasting)
    }

    /// The kept link of an entity, if it holds here.
    fn kept(&mut self, entity: EntityId) -> Result<Option<Linked>, EngineError> {
        if self.from_nothing {
            return Ok(None);
        }
        if self.changes.is_none() {
            let due = self.look.tx.links_due()?;
            let stale = self.reaching(&due)?;
            let changed: Vec<EntityId> = self.look.view.changed().map(|(entity, _)| *entity).collect();
            let hidden = self.reaching(&changed)?;
            self.changes = Some(Changes { due, stale, hidden });
        }
        let holds = |changes: &Changes| !changes.stale.contains(&entity) && !changes.hidden.contains(&entity);
        if !self.changes.as_ref().is_some_and(holds) {
            return Ok(None);
        }
        let kept = self.look.tx.kept_link(&entity, dm_lang::LINK_FORMAT)?;
        Ok(kept.map(|(link, interface)| Linked { link, interface }))
    }

    /// These and all in main that reach them through what has a kept link: all whose kept links are in question.
    fn reaching(&self, entities: &[EntityId]) -> Result<FxHashSet<EntityId>, EngineError> {
        let mut found: FxHashSet<EntityId> = entities.iter().copied().collect();
        let mut waiting = entities.to_vec();
        while let Some(entity) = waiting.pop() {
            for user in self.look.tx.dependents(&entity)? {
                if !found.contains(&user) && self.look.tx.kept_link(&user, dm_lang::LINK_FORMAT)?.is_some() {
                    found.insert(user);
                    waiting.push(user);
                }
            }
        }
        Ok(found)
    }

    fn content(&mut self, node: LinkNode) -> Result<Option<DefHash>, EngineError> {
        match node {
            LinkNode::Entity(entity) => Ok(self.standing(entity)?.content),
            LinkNode::Pinned(content) => Ok(Some(content)),
        }
    }

    /// The resolved tree of something; `None` if its text cannot be read.
    pub(crate) fn program(&mut self, node: LinkNode) -> Result<Option<Arc<Program>>, EngineError> {
        match self.content(node)? {
            Some(content) => self.program_of(content),
            None => Ok(None),
        }
    }

    fn program_of(&mut self, content: DefHash) -> Result<Option<Arc<Program>>, EngineError> {
        if let Some(known) = self.programs.get(&content) {
            return Ok(known.clone());
        }
        let definition = self.look.definition(&content)?;
        let program = dm_lang::lower(&definition).ok().map(Arc::new);
        self.programs.insert(content, program.clone());
        Ok(program)
    }

    /// The same, of a function maybe without its body; `None` if its head cannot be read.
    pub(crate) fn declared(&mut self, node: LinkNode) -> Result<Option<Arc<Program>>, EngineError> {
        let Some(content) = self.content(node)? else { return Ok(None) };
        if let Some(known) = self.programs.get(&content).or_else(|| self.declared.get(&content)) {
            return Ok(known.clone());
        }
        let definition = self.look.definition(&content)?;
        let program = dm_lang::lower_declared(&definition).ok().map(Arc::new);
        self.declared.insert(content, program.clone());
        Ok(program)
    }

    /// What a reference leads to, readable or not, and whether people disagree on it.
    pub(crate) fn led(&mut self, from: LinkNode, target: &SlotTarget) -> Result<Option<(LinkNode, bool)>, EngineError> {
        let entity = match target {
            SlotTarget::Entity(entity) => Some(*entity),
            SlotTarget::Unresolved { spelling, wanted } => match from {
                LinkNode::Entity(from) => self
                    .look
                    .location_of(&from)?
                    .and_then(|location| dm_lang::meaning_of(&self.scope, location.module_path(), spelling, *wanted)),
                LinkNode::Pinned(_) => None,
            },
        };
        let Some(entity) = entity else { return Ok(None) };
        let pin = self.pin(from, entity)?.or_else(|| self.instead.get(&entity).copied());
        Ok(Some(match pin {
            Some(content) => (LinkNode::Pinned(content), false),
            None => (LinkNode::Entity(entity), self.standing(entity)?.contested),
        }))
    }

    fn skeleton_of(&mut self, content: DefHash) -> Result<Option<Arc<Skeleton>>, EngineError> {
        if let Some(known) = self.skeletons.get(&content) {
            return Ok(known.clone());
        }
        let skeleton = self.program_of(content)?.map(|program| Arc::new(Skeleton::of(&program)));
        self.skeletons.insert(content, skeleton.clone());
        Ok(skeleton)
    }

    /// The content on which one thing stays of another.
    fn pin(&mut self, from: LinkNode, target: EntityId) -> Result<Option<DefHash>, EngineError> {
        let LinkNode::Entity(from) = from else { return Ok(None) };
        let standing = self.standing(from)?;
        Ok(standing.pins.iter().find(|(pinned, _)| *pinned == target).map(|(_, content)| *content))
    }
}

impl LinkSource for ViewLinks<'_> {
    type Error = EngineError;

    fn skeleton(&mut self, node: LinkNode) -> Result<Option<Arc<Skeleton>>, EngineError> {
        match self.content(node)? {
            Some(content) => self.skeleton_of(content),
            None => Ok(None),
        }
    }

    fn follow(&mut self, from: LinkNode, target: &SlotTarget) -> Result<Lead, EngineError> {
        let Some((node, contested)) = self.led(from, target)? else { return Ok(Lead::Nowhere) };
        let readable = LinkSource::known(self, node)?.is_some() || self.program(node)?.is_some();
        Ok(if readable { Lead::To { node, contested } } else { Lead::Nowhere })
    }

    fn known(&mut self, node: LinkNode) -> Result<Option<Linked>, EngineError> {
        if let Some(known) = self.known.get(&node) {
            return Ok(Some(*known));
        }
        let LinkNode::Entity(entity) = node else { return Ok(None) };
        let kept = self.kept(entity)?;
        if let Some(kept) = kept {
            self.known.insert(node, kept);
        }
        Ok(kept)
    }
}

/// How a definition is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Its text, with names as they resolve in the view.
    #[default]
    Source,
    /// The syntax tree of that text.
    Written,
    /// The resolved tree.
    Program,
    /// Its text, laid out.
    Pretty(FormatOptions),
}

impl Form {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Written => "written",
            Self::Program => "program",
            Self::Pretty(_) => "pretty",
        }
    }
}

/// The syntax tree of a rendering.
pub(crate) fn written(text: &str) -> String {
    dm_syntax::parse(text, dm_syntax::Mode::Package).tree.dump()
}
