//! What refers to what in a view, at any distance.
//!
//! Nodes are what linking goes to: entities, and the versions that something is pinned to. Each is visited once, so a cycle ends
//! and the cost is that of what is found.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dm_lang::LinkNode;
use dm_model::{DefHash, Definition, EntityId, Target};

use crate::error::EngineError;
use crate::look::{Found, Leads, Look};
use crate::report::{DependencyEdge, DependencyGraph, DependencyNode};
use crate::snapshot::Snapshot;

/// Which way references are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Deps,
    Dependents,
}

impl Snapshot<'_> {
    /// What a definition refers to: within so many steps, 1 being what it refers to itself.
    ///
    /// # Errors
    /// If there is no such definition.
    pub fn deps(&self, name: &str, depth_max: u64) -> Result<DependencyGraph, EngineError> {
        graph(&self.look()?, name, Direction::Deps, depth_max)
    }

    /// What refers to a definition: within so many steps. Who stays on a version of it by a pin sees none of its changes, so what refers
    /// to that is not followed.
    ///
    /// # Errors
    /// If there is no such definition.
    pub fn dependents(&self, name: &str, depth_max: u64) -> Result<DependencyGraph, EngineError> {
        graph(&self.look()?, name, Direction::Dependents, depth_max)
    }
}

fn graph(look: &Look<'_>, name: &str, direction: Direction, depth_max: u64) -> Result<DependencyGraph, EngineError> {
    let found = look.find(name)?;
    let leads = match direction {
        // Only who refers is asked for, and that is in the texts.
        Direction::Deps => Leads::default(),
        Direction::Dependents => look.leads()?,
    };
    let root = Node { key: LinkNode::Entity(found.entity), of: found.entity };
    let mut walk = Walk { look, direction, leads, builtins: BTreeSet::new(), unresolved: BTreeSet::new() };
    let mut distances = BTreeMap::from([(root.key, 0)]);
    let mut followed = BTreeSet::from([root.key]);
    let none = || EngineError::NoSuchName { name: name.to_owned(), similar: Vec::new() };
    let shown_root = walk.shown(root, 0)?.ok_or_else(none)?;
    let mut nodes = Vec::new();
    let mut edges = Vec::new();
    let mut waiting = VecDeque::from([root]);
    while let Some(node) = waiting.pop_front() {
        let distance = distances.get(&node.key).copied().unwrap_or_default();
        if distance >= depth_max {
            continue;
        }
        for step in walk.steps(node)? {
            let (from, to) = match direction {
                Direction::Deps => (node, step.node),
                Direction::Dependents => (step.node, node),
            };
            let pinned = step.pinned.as_ref().map(ToString::to_string);
            edges.push(DependencyEdge { from: from.id(), to: to.id(), by_name: step.by_name, pinned });
            if let Entry::Vacant(vacant) = distances.entry(step.node.key) {
                vacant.insert(distance + 1);
                nodes.extend(walk.shown(step.node, distance + 1)?);
            }
            // Who stays on a version sees no change of what it is a version of.
            let sees = direction == Direction::Deps || step.pinned.is_none() || matches!(node.key, LinkNode::Pinned(_));
            if sees && followed.insert(step.node.key) {
                waiting.push_back(step.node);
            }
        }
    }
    nodes.sort_by(|left: &DependencyNode, right| {
        (left.distance, &left.entry.location, &left.id).cmp(&(right.distance, &right.entry.location, &right.id))
    });
    let known: BTreeSet<&str> = std::iter::once(&shown_root).chain(&nodes).map(|node| node.id.as_str()).collect();
    // What has no text here is no node.
    edges.retain(|edge: &DependencyEdge| known.contains(edge.from.as_str()) && known.contains(edge.to.as_str()));
    Ok(DependencyGraph {
        direction: match direction {
            Direction::Deps => "deps".to_owned(),
            Direction::Dependents => "dependents".to_owned(),
        },
        root: shown_root,
        definitions: nodes,
        edges,
        builtins: walk.builtins.into_iter().collect(),
        unresolved: walk.unresolved.into_iter().collect(),
    })
}

/// A node, and the entity that it is, or is a version of.
#[derive(Clone, Copy)]
struct Node {
    key: LinkNode,
    of: EntityId,
}

impl Node {
    fn id(&self) -> String {
        match self.key {
            LinkNode::Entity(entity) => entity.to_string(),
            LinkNode::Pinned(content) => format!("{}@{content}", self.of),
        }
    }
}

/// A reference that is followed.
struct Step {
    /// What is at its other end.
    node: Node,
    by_name: bool,
    pinned: Option<DefHash>,
}

struct Walk<'l> {
    look: &'l Look<'l>,
    direction: Direction,
    leads: Leads,
    builtins: BTreeSet<String>,
    unresolved: BTreeSet<String>,
}

impl Walk<'_> {
    /// A node for people; none if it has no text here.
    fn shown(&self, node: Node, distance: u64) -> Result<Option<DependencyNode>, EngineError> {
        let Some(found) = self.found(node)? else { return Ok(None) };
        let deleted = !found.state.is_live();
        let entry = self.look.entry(&found)?;
        Ok(Some(DependencyNode { id: node.id(), entry, distance, deleted }))
    }

    fn found(&self, node: Node) -> Result<Option<Found>, EngineError> {
        let Some(state) = self.look.state(&node.of)? else { return Ok(None) };
        let content = match node.key {
            LinkNode::Entity(entity) => self.look.content(&entity)?,
            LinkNode::Pinned(content) => Some(content),
        };
        let Some(content) = content else { return Ok(None) };
        let location = self.look.last_location(&node.of)?.parse()?;
        Ok(Some(Found { entity: node.of, state, location, content }))
    }

    /// What is followed from a node.
    fn steps(&mut self, node: Node) -> Result<Vec<Step>, EngineError> {
        if self.direction == Direction::Dependents {
            return self.dependents(node);
        }
        let Some(found) = self.found(node)? else { return Ok(Vec::new()) };
        let definition = self.look.definition(&found.content)?;
        self.note_others(&definition);
        self.deps(node, &found, &definition)
    }

    fn deps(&self, node: Node, found: &Found, definition: &Definition) -> Result<Vec<Step>, EngineError> {
        let uses = definition.uses();
        let mut led: Vec<(EntityId, bool)> = uses.iter().map(|entity| (*entity, false)).collect();
        let mut pins = Vec::new();
        // A version that something is pinned to has no place where its names could lead somewhere, and no pins.
        if let LinkNode::Entity(entity) = node.key {
            let by_name = self.look.bound_by_name(definition, &found.location)?;
            led.extend(by_name.into_iter().filter(|entity| !uses.contains(entity)).map(|entity| (entity, true)));
            pins = self.look.pins_of(&entity)?;
        }
        let step = |(of, by_name): (EntityId, bool)| {
            let pinned = pins.iter().find(|(pinned, _)| *pinned == of).map(|(_, content)| *content);
            let key = pinned.map_or(LinkNode::Entity(of), LinkNode::Pinned);
            Step { node: Node { key, of }, by_name, pinned }
        };
        Ok(led.into_iter().map(step).collect())
    }

    fn dependents(&self, node: Node) -> Result<Vec<Step>, EngineError> {
        let on = |by: EntityId| Node { key: LinkNode::Entity(by), of: by };
        let mut steps = Vec::new();
        match node.key {
            LinkNode::Entity(entity) => {
                let referring = self.look.view.dependents(&entity)?;
                for user in self.look.referring(entity, &self.leads)? {
                    let pins = self.leads.pins.iter();
                    let pinned = pins.clone().find(|pin| pin.by == user && pin.of == entity).map(|pin| pin.content);
                    steps.push(Step { node: on(user), by_name: !referring.contains(&user), pinned });
                }
                for pin in self.leads.through_pins(self.look, entity)? {
                    let key = LinkNode::Pinned(pin.content);
                    steps.push(Step { node: Node { key, of: pin.of }, by_name: false, pinned: None });
                }
            }
            LinkNode::Pinned(content) => {
                for pin in self.leads.pins.iter().filter(|pin| pin.content == content && pin.of == node.of) {
                    steps.push(Step { node: on(pin.by), by_name: false, pinned: Some(content) });
                }
            }
        }
        Ok(steps)
    }

    fn note_others(&mut self, definition: &Definition) {
        for reference in &definition.references {
            match &reference.target {
                Target::Entity(_) => {}
                Target::Builtin { name, version: 0 } => {
                    self.builtins.insert(format!("Builtin.{name}"));
                }
                Target::Builtin { name, version } => {
                    self.builtins.insert(format!("Builtin.{name}_v{version}"));
                }
                Target::Unresolved => {
                    let span = definition.text.get(reference.start as usize..reference.end() as usize);
                    self.unresolved.insert(span.unwrap_or_default().to_owned());
                }
            }
        }
    }
}
