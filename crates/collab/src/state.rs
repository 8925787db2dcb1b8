//! What a projection holds: registers, entities, membership, fingerprints.

use std::collections::BTreeMap;

use dm_model::{EntityId, InstanceId, Location, OpId, Register, RevisionId, Space, Value};

/// A write that nothing effective replaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    /// The op.
    pub op: OpId,
    /// What it wrote to the register.
    pub value: Value,
}

/// A multi-value register in a view: never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterState {
    /// The heads, by op id ascending.
    pub heads: Vec<Head>,
    /// The tips that R7 hides under a head, ascending: where there are any, a write over all heads is not the whole story.
    pub hidden: Vec<OpId>,
    /// The last agreed write below the heads, where they disagree and there is one.
    pub ancestor: Option<Head>,
}

/// The registers of an entity in a view; only those with an effective node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntityState {
    /// Register to state.
    pub registers: BTreeMap<Register, RegisterState>,
    /// Where the entity is found: sorted, more than one where moves conflict, none if deleted.
    pub live: Vec<Location>,
    /// For a deleting location head, the concurrent content heads (delete/edit).
    pub edited_while_deleted: BTreeMap<OpId, Vec<OpId>>,
    /// For a deprecating head, the concurrent content heads (deprecation/edit).
    pub edited_while_deprecated: BTreeMap<OpId, Vec<OpId>>,
}

/// Whether a revision takes effect in the own main.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Not a member.
    NotApplied,
    /// A member, all needs met.
    Effective,
    /// A member whose needs are not met: these ops are missing.
    Blocked(Vec<OpId>),
    /// A member with an op that only a newer version knows.
    NeedsNewer,
}

/// What one main says to the readers of one space: a chain of facts, about patches of that space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// The instance whose main it is.
    pub main: InstanceId,
    /// Who reads it.
    pub space: Space,
}

impl Channel {
    /// What a main says to everyone.
    #[must_use]
    pub const fn public(main: InstanceId) -> Self {
        Self { main, space: Space::PUBLIC }
    }
}

/// What a channel says of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// No fact, or the last one took it out (`touched`: there is a fact).
    Out {
        /// Whether any fact of the channel names the patch.
        touched: bool,
    },
    /// This revision is in.
    In(RevisionId),
    /// Facts disagree: counted as not applied. None stands for an unapply or no write.
    Disputed(Vec<Option<RevisionId>>),
}

/// A sum of hashes mod 2^256 with the count of what was summed: equal for equal sets, whatever the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Fingerprint {
    /// How many elements.
    pub count: u64,
    /// Their sum, little-endian.
    pub sum: [u8; 32],
}

impl Fingerprint {
    /// Adds an element's hash.
    pub fn add(&mut self, element: &[u8; 32]) {
        let mut carry = 0u16;
        for (sum, part) in self.sum.iter_mut().zip(element) {
            let total = u16::from(*sum) + u16::from(*part) + carry;
            *sum = (total & 0xff) as u8;
            carry = total >> 8;
        }
        self.count = self.count.wrapping_add(1);
    }

    /// Adds what another fingerprint sums up: of elements that are not in this one.
    pub fn merge(&mut self, other: &Self) {
        let count = self.count;
        self.add(&other.sum);
        self.count = count.wrapping_add(other.count);
    }

    /// Takes an element's hash away again.
    pub fn remove(&mut self, element: &[u8; 32]) {
        let mut borrow = 0i16;
        for (sum, part) in self.sum.iter_mut().zip(element) {
            let mut left = i16::from(*sum) - i16::from(*part) - borrow;
            borrow = i16::from(left < 0);
            if left < 0 {
                left += 256;
            }
            *sum = (left & 0xff) as u8;
        }
        self.count = self.count.wrapping_sub(1);
    }

    /// The hex form of count and sum hashed together: what people compare by eye.
    #[must_use]
    pub fn short(&self) -> String {
        let digest =
            dm_model::codec::hash(dm_model::codec::Domain::SetElement, 1, &[&self.count.to_be_bytes(), &self.sum]);
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl RegisterState {
    /// A register with one write in force.
    #[must_use]
    pub fn single(op: OpId, value: Value) -> Self {
        Self { heads: vec![Head { op, value }], hidden: Vec::new(), ancestor: None }
    }

    /// The distinct values of the heads, in order of their first head.
    #[must_use]
    pub fn values(&self) -> Vec<&Value> {
        let mut values: Vec<&Value> = Vec::new();
        for head in &self.heads {
            if !values.contains(&&head.value) {
                values.push(&head.value);
            }
        }
        values
    }

    /// Whether the heads disagree.
    #[must_use]
    pub fn is_contested(&self) -> bool {
        self.values().len() > 1
    }

    /// The value in force, conflict or not; a session's own preference is applied by its view.
    #[must_use]
    pub fn provisional(&self) -> Option<&Value> {
        if self.is_contested() {
            self.ancestor.as_ref().or(self.heads.first()).map(|head| &head.value)
        } else {
            self.heads.first().map(|head| &head.value)
        }
    }

    /// The ops of the heads that wrote this value.
    pub fn heads_with<'a>(&'a self, value: &'a Value) -> impl Iterator<Item = OpId> + 'a {
        self.heads.iter().filter(move |head| head.value == *value).map(|head| head.op)
    }
}

impl EntityState {
    /// The provisional content.
    #[must_use]
    pub fn content(&self) -> Option<dm_model::DefHash> {
        match self.registers.get(&Register::Content)?.provisional()? {
            Value::Content(hash) => Some(*hash),
            _ => None,
        }
    }

    /// Whether a live name leads to it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.live.is_empty()
    }

    /// Its part of the view fingerprint.
    #[must_use]
    pub fn digest(&self, entity: &EntityId) -> [u8; 32] {
        let mut to = dm_model::Encoder::new();
        to.entity_id(entity);
        to.count(self.registers.len());
        for (register, state) in &self.registers {
            let (tag, about) = match register {
                Register::Content => (1, None),
                Register::Location => (2, None),
                Register::Visibility => (3, None),
                Register::Deprecation => (4, None),
                Register::Pin(about) => (5, Some(about)),
                Register::Later { tag, about } => (*tag, Some(about)),
            };
            to.byte(tag);
            to.option(about, |to, about| to.entity_id(about));
            to.list(&state.heads, |to, head| to.op_id(&head.op));
        }
        dm_model::codec::hash(dm_model::codec::Domain::ViewState, 1, &[&to.finish()])
    }
}
