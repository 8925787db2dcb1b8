//! What definitions mean in a view: their resolved trees, and their links.
//!
//! Deliberately absent: anything kept between calls. A link is worked out from all that its definition reaches, each time.

use std::sync::Arc;

use dm_lang::{Lead, LinkNode, LinkSource, Linked, Skeleton, SlotTarget};
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
        let mut links = ViewLinks { look: self, scope: ViewScope::new(self), skeletons: FxHashMap::default() };
        let linked = dm_lang::link(&mut links, [node])?;
        links.scope.check()?;
        Ok(linked.get(&node).map(|linked| linked.link))
    }
}

/// A view as linking asks it.
struct ViewLinks<'l> {
    look: &'l Look<'l>,
    scope: ViewScope<'l>,
    /// By content: several may have the same.
    skeletons: FxHashMap<DefHash, Option<Arc<Skeleton>>>,
}

impl ViewLinks<'_> {
    fn content(&self, node: LinkNode) -> Result<Option<DefHash>, EngineError> {
        match node {
            LinkNode::Entity(entity) => self.look.content(&entity),
            LinkNode::Pinned(content) => Ok(Some(content)),
        }
    }

    fn skeleton_of(&mut self, content: DefHash) -> Result<Option<Arc<Skeleton>>, EngineError> {
        if let Some(known) = self.skeletons.get(&content) {
            return Ok(known.clone());
        }
        let definition = self.look.definition(&content)?;
        let skeleton = dm_lang::lower(&definition).ok().map(|program| Arc::new(Skeleton::of(&program)));
        self.skeletons.insert(content, skeleton.clone());
        Ok(skeleton)
    }

    /// The content on which one thing stays of another.
    fn pin(&self, from: LinkNode, target: EntityId) -> Result<Option<DefHash>, EngineError> {
        let LinkNode::Entity(from) = from else { return Ok(None) };
        Ok(match self.look.view.value(&from, Register::Pin(target))? {
            Some(Value::Pin(pinned)) => pinned,
            _ => None,
        })
    }

    /// Whether people disagree on what an entity is.
    fn contested(&self, entity: &EntityId) -> Result<bool, EngineError> {
        let heads = self.look.view.heads(entity, Register::Content)?;
        Ok(heads.windows(2).any(|pair| matches!(pair, [one, other] if one.value != other.value)))
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
        let Some(entity) = entity else { return Ok(Lead::Nowhere) };
        let pin = self.pin(from, entity)?;
        let (node, contested) = match pin {
            Some(content) => (LinkNode::Pinned(content), false),
            None => (LinkNode::Entity(entity), self.contested(&entity)?),
        };
        let readable = match self.content(node)? {
            Some(content) => self.skeleton_of(content)?.is_some(),
            None => false,
        };
        Ok(if readable { Lead::To { node, contested } } else { Lead::Nowhere })
    }

    fn known(&mut self, _node: LinkNode) -> Result<Option<Linked>, EngineError> {
        Ok(None)
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
