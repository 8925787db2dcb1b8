//! Linking: the hash of what a definition means in a view (SEMANTICS R18, R19).
//!
//! A [`Skeleton`] is what a definition means but for what it refers to. Its hash is taken with a link in each hole: the
//! [`LinkHash`] of what the view has there. Definitions that lead to one another are hashed each from its own side: its skeleton,
//! then those of the others in the order in which the walk from it first meets them, and inside the group a link is that order. So
//! neither names nor the order in which anything was given can enter, and members that get equal hashes are interchangeable.
//!
//! [`link`](fn@link) goes through what is asked for and all that leads on from there, but not past what is known already
//! ([`LinkSource::known`]). Groups are found with Tarjan's algorithm (SIAM J. Comput. 1(2), 1972), kept on a heap of its own, since
//! references go as deep as a code base likes.
//!
//! Deliberately absent: which definitions a change makes it necessary to link again, which the caller knows from its edges (R20).

mod skeleton;

use std::ops::Range;
use std::sync::Arc;

use dm_model::codec::{Domain, Encoder, hash};
use dm_model::{DefHash, EntityId, LinkHash};
use rustc_hash::{FxHashMap, FxHashSet};

use skeleton::Slot;
pub use skeleton::{Skeleton, SlotTarget};
pub(crate) use skeleton::{primitive_of_tag, primitive_tag};

/// Version of the encoding, part of every [`LinkHash`].
pub const LINK_FORMAT: u8 = 1;

/// What is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkNode {
    /// The content that an entity has in the view.
    Entity(EntityId),
    /// A content that a pin holds. What it refers to is looked up in the same view: pins are shallow.
    Pinned(DefHash),
}

/// What a reference leads to in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// Something with content.
    To {
        /// What it is.
        node: LinkNode,
        /// Whether people disagree on its content, so that this is only the provisional one.
        contested: bool,
    },
    /// Nothing that has content here.
    Nowhere,
}

/// What a definition means in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Linked {
    /// The hash of all of it.
    pub link: LinkHash,
    /// The hash of what others see of it: a function's signature, all of a type. None where it cannot be told without checking.
    pub interface: Option<LinkHash>,
}

/// A view, as linking asks it.
pub trait LinkSource {
    /// Why a question cannot be answered.
    type Error;

    /// What something means but for its references; `None` if the view has no content for it, or none that can be read.
    ///
    /// # Errors
    /// If the view cannot be read.
    fn skeleton(&mut self, node: LinkNode) -> Result<Option<Arc<Skeleton>>, Self::Error>;

    /// What a reference of a node leads to. Where it leads to something, that has a skeleton.
    ///
    /// # Errors
    /// If the view cannot be read.
    fn follow(&mut self, from: LinkNode, target: &SlotTarget) -> Result<Lead, Self::Error>;

    /// What is known of something from before and still holds.
    ///
    /// # Errors
    /// If the view cannot be read.
    fn known(&mut self, node: LinkNode) -> Result<Option<Linked>, Self::Error>;
}

/// Links things, and all that they lead to and that is not known. Answers what was linked anew.
///
/// # Errors
/// If the view cannot be read.
pub fn link<S: LinkSource>(
    source: &mut S,
    roots: impl IntoIterator<Item = LinkNode>,
) -> Result<FxHashMap<LinkNode, Linked>, S::Error> {
    let mut linker = Linker { source, nodes: Vec::new(), index: FxHashMap::default(), open: Vec::new() };
    for root in roots {
        linker.walk(root)?;
    }
    let done = linker.nodes.iter().filter(|node| node.skeleton.is_some());
    Ok(done.filter_map(|node| Some((node.node, node.linked?))).collect())
}

/// What a reference was found to lead to.
#[derive(Debug, Clone, Copy)]
enum Link {
    /// To the node at this place.
    Node {
        at: usize,
        contested: bool,
    },
    Nowhere,
}

const TO: u8 = 1;
const TO_CONTESTED: u8 = 2;
const NO_CONTENT: u8 = 3;
const NO_MEANING: u8 = 4;
const IN_GROUP: u8 = 5;
const IN_GROUP_CONTESTED: u8 = 7;

/// Something met on the way.
struct Node {
    node: LinkNode,
    /// None if it was known before, or has no content.
    skeleton: Option<Arc<Skeleton>>,
    /// One for each hole; filled as the walk goes on.
    links: Vec<Link>,
    linked: Option<Linked>,
    /// The place of the earliest node that it was seen to lead back to; nodes are kept in the order in which they are met.
    low: usize,
    /// Whether it is not yet known to which group it belongs.
    open: bool,
}

struct Linker<'s, S> {
    source: &'s mut S,
    nodes: Vec<Node>,
    index: FxHashMap<LinkNode, usize>,
    /// The places of the open ones.
    open: Vec<usize>,
}

impl<S: LinkSource> Linker<'_, S> {
    /// Goes through all that a root leads to, dependencies first.
    fn walk(&mut self, root: LinkNode) -> Result<(), S::Error> {
        if self.index.contains_key(&root) {
            return Ok(());
        }
        let mut path = vec![self.enter(root)?];
        while let Some(&at) = path.last() {
            let Some(target) = self.next_target(at) else {
                path.pop();
                self.leave(at);
                if let Some(&above) = path.last() {
                    let low = self.low(at);
                    self.lower(above, low);
                }
                continue;
            };
            let from = self.nodes.get(at).map_or(root, |node| node.node);
            match self.source.follow(from, &target)? {
                Lead::Nowhere => self.add_link(at, Link::Nowhere),
                Lead::To { node, contested } => match self.index.get(&node) {
                    Some(&known) => {
                        self.add_link(at, Link::Node { at: known, contested });
                        if self.nodes.get(known).is_some_and(|node| node.open) {
                            self.lower(at, known);
                        }
                    }
                    None => {
                        let entered = self.enter(node)?;
                        self.add_link(at, Link::Node { at: entered, contested });
                        path.push(entered);
                    }
                },
            }
        }
        Ok(())
    }

    fn enter(&mut self, node: LinkNode) -> Result<usize, S::Error> {
        let linked = self.source.known(node)?;
        let skeleton = if linked.is_some() { None } else { self.source.skeleton(node)? };
        let at = self.nodes.len();
        let open = skeleton.is_some();
        if open {
            self.open.push(at);
        }
        self.nodes.push(Node { node, skeleton, links: Vec::new(), linked, low: at, open });
        self.index.insert(node, at);
        Ok(at)
    }

    /// The first hole whose link has not been looked up.
    fn next_target(&self, at: usize) -> Option<SlotTarget> {
        let node = self.nodes.get(at)?;
        let slot = node.skeleton.as_ref()?.slots.get(node.links.len())?;
        Some(slot.target.clone())
    }

    fn add_link(&mut self, at: usize, link: Link) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.links.push(link);
        }
    }

    fn low(&self, at: usize) -> usize {
        self.nodes.get(at).filter(|node| node.open).map_or(usize::MAX, |node| node.low)
    }

    fn lower(&mut self, at: usize, to: usize) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.low = node.low.min(to);
        }
    }

    /// All that a node leads to has been gone through. If it leads back to nothing earlier, it closes a group.
    fn leave(&mut self, at: usize) {
        if self.low(at) != at {
            return;
        }
        // Open places go up, and a group ends the list.
        let group = self.open.split_off(self.open.partition_point(|open| *open < at));
        let members: FxHashSet<usize> = group.iter().copied().collect();
        let linked: Vec<(usize, Linked)> = group.iter().map(|&member| (member, self.hash(member, &members))).collect();
        for (member, linked) in linked {
            if let Some(node) = self.nodes.get_mut(member) {
                (node.linked, node.open) = (Some(linked), false);
            }
        }
    }

    /// What a member of a group means, all of whose links out of the group are known.
    fn hash(&self, root: usize, group: &FxHashSet<usize>) -> Linked {
        let mut writing = Writing { to: Encoder::new(), group, order: vec![root], numbers: FxHashMap::default() };
        writing.numbers.insert(root, 0);
        let mut interface = None;
        let mut at = 0;
        while let Some(&member) = writing.order.get(at) {
            at += 1;
            let Some(node) = self.nodes.get(member) else { continue };
            let Some(skeleton) = node.skeleton.as_deref() else { continue };
            let signature = skeleton.slots.partition_point(|slot| slot.at < skeleton.interface);
            let holes: Vec<_> = skeleton.slots.iter().zip(node.links.iter().copied()).collect();
            let (seen, hidden) = holes.split_at_checked(signature).unwrap_or((&holes, &[]));
            self.write_part(&skeleton.bytes, 0..skeleton.interface, seen, &mut writing);
            if at == 1 && skeleton.interface > 0 {
                let within = |link: &Link| matches!(link, Link::Node { at, .. } if group.contains(at));
                interface = Some((writing.to.length(), seen.iter().any(|(_, link)| within(link))));
            }
            self.write_part(&skeleton.bytes, skeleton.interface..skeleton.bytes.len(), hidden, &mut writing);
        }
        let bytes = writing.to.finish();
        let of = |bytes: &[u8]| LinkHash::from_bytes(hash(Domain::Link, LINK_FORMAT, &[bytes]));
        let link = of(&bytes);
        let interface = interface.map(|(end, within_group)| {
            // What leads back into its group means something only with all of the group.
            if within_group { link } else { of(bytes.get(..end).unwrap_or_default()) }
        });
        Linked { link, interface }
    }

    /// Some bytes of a skeleton with the links that stand in them.
    fn write_part(&self, bytes: &[u8], part: Range<usize>, holes: &[(&Slot, Link)], writing: &mut Writing<'_>) {
        let mut done = part.start;
        for (slot, link) in holes {
            writing.to.raw(bytes.get(done..slot.at).unwrap_or_default());
            done = slot.at;
            self.write_link(&slot.target, *link, writing);
        }
        writing.to.raw(bytes.get(done..part.end).unwrap_or_default());
    }

    fn write_link(&self, target: &SlotTarget, link: Link, writing: &mut Writing<'_>) {
        if let Link::Node { at, contested } = link {
            if writing.group.contains(&at) {
                writing.to.byte(if contested { IN_GROUP_CONTESTED } else { IN_GROUP });
                let number = writing.number(at);
                writing.to.uint(number);
                return;
            }
            if let Some(linked) = self.nodes.get(at).and_then(|node| node.linked) {
                writing.to.byte(if contested { TO_CONTESTED } else { TO });
                writing.to.raw(linked.link.as_bytes());
                return;
            }
        }
        match target {
            SlotTarget::Entity(entity) => {
                writing.to.byte(NO_CONTENT);
                writing.to.entity_id(entity);
            }
            SlotTarget::Unresolved { spelling, wanted } => {
                writing.to.byte(NO_MEANING);
                writing.to.byte(skeleton::wanted_tag(*wanted));
                writing.to.text(spelling);
            }
        }
    }
}

/// The hash input of one member of a group.
struct Writing<'g> {
    to: Encoder,
    group: &'g FxHashSet<usize>,
    /// Members in the order in which they are met.
    order: Vec<usize>,
    numbers: FxHashMap<usize, u64>,
}

impl Writing<'_> {
    fn number(&mut self, member: usize) -> u64 {
        let next = self.order.len() as u64;
        *self.numbers.entry(member).or_insert_with(|| {
            self.order.push(member);
            next
        })
    }
}
