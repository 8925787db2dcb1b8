//! What definitions mean in a view: their resolved trees, and their links.
//!
//! Deliberately absent: anything kept between calls. A link is worked out from all that its definition reaches, each time.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use dm_lang::{Lead, LinkNode, LinkSource, Linked, Program, Skeleton, SlotTarget};
use dm_model::{DefHash, EntityId, LinkHash, Register, Target, Value};
use rustc_hash::FxHashMap;

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
        links.scope.check()?;
        Ok(link)
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
}

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
            instead,
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
            standing.content = self.look.content(&entity)?;
            standing.lives = state.is_live();
            if state.registers.contains_key(&Register::Deprecation)
                && let Some(Value::Deprecation(deprecation)) = self.look.view.value(&entity, Register::Deprecation)?
            {
                standing.deprecation = deprecation;
            }
            let heads = self.look.view.heads(&entity, Register::Content)?;
            standing.contested = heads.windows(2).any(|pair| matches!(pair, [one, other] if one.value != other.value));
            standing.pins = self.look.pins_of(&entity)?;
        }
        let standing = Rc::new(standing);
        self.entities.insert(entity, Rc::clone(&standing));
        Ok(standing)
    }

    /// What something means; `None` if its text cannot be read.
    pub(crate) fn link(&mut self, node: LinkNode) -> Result<Option<LinkHash>, EngineError> {
        if !self.known.contains_key(&node) {
            let linked = dm_lang::link(self, [node])?;
            self.known.extend(linked);
        }
        Ok(self.known.get(&node).map(|linked| linked.link))
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
        Ok(if self.program(node)?.is_some() { Lead::To { node, contested } } else { Lead::Nowhere })
    }

    fn known(&mut self, node: LinkNode) -> Result<Option<Linked>, EngineError> {
        Ok(self.known.get(&node).copied())
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
}

impl Form {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Written => "written",
            Self::Program => "program",
        }
    }
}

/// The syntax tree of a rendering.
pub(crate) fn written(text: &str) -> String {
    dm_syntax::parse(text, dm_syntax::Mode::Package).tree.dump()
}
