//! Histories: small abstract steps that a [`World`](crate::World) plays, and strategies that make random ones.
//!
//! Numbers in a step pick among what is there, modulo how much there is, so every part of a history is a history: proptest
//! can shrink one by leaving steps out. The `Debug` form of a step is Rust that a named test can repeat.

use proptest::collection::vec;
use proptest::prelude::*;

/// What an edit does to the entity at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Writes another definition, or a new entity where the place is free.
    Put,
    /// Moves it to the place of that number.
    Move,
    /// Deletes it.
    Delete,
    /// Brings back an entity that was born at the place.
    Restore,
    /// Deprecates it.
    Deprecate,
    /// Takes the deprecation back.
    Undeprecate,
    /// Sets its visibility.
    Show,
    /// Pins one of its dependencies.
    Pin,
    /// Unpins it.
    Unpin,
}

/// An edit of what is at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which place.
    pub at: u8,
    /// What is done.
    pub what: What,
    /// The new value.
    pub value: u8,
}

/// What an edit is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// What main shows now.
    Current,
    /// What main showed when its author last opened it.
    Stale,
}

/// What happens to a patch that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing yet: it is ready.
    Leave,
    /// Its author applies it, alone.
    Apply,
}

/// Which of what one person has another receives, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// A mask over what is lacking; all of it is sent if the mask is full.
    pub part: u32,
    /// The order: 0 as received, 1 reversed, else shuffled by this.
    pub order: u8,
    /// How many envelopes arrive at once.
    pub at_once: u8,
    /// Whether the definitions come with it.
    pub content: bool,
}

impl Share {
    /// Everything, as it was received, one envelope after the other.
    pub const ALL: Self = Self { part: u32::MAX, order: 0, at_once: 1, content: true };
}

/// Something that happens.
#[expect(missing_docs, reason = "the sentence of a step says what its fields are")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A person writes a patch over their main.
    Write { who: u8, edits: Vec<Edit>, base: Base, then: Then },
    /// A person writes for the readers of another space from now on; a careless one even what these cannot stand on.
    Turn { who: u8, space: u8, careless: bool },
    /// A person opens what their main shows, to edit it later.
    Open { who: u8 },
    /// A person edits in a draft of one of their sessions.
    Draft { who: u8, session: u8, draft: u8, edit: Edit },
    /// A draft becomes ready, and is applied with what it needs if so wanted.
    Ready { who: u8, session: u8, draft: u8, then: Then },
    /// A session pins a patch.
    Pin { who: u8, session: u8, patch: u8 },
    /// A person writes a new revision of a patch: some of its ops, and further edits; and applies it, if so wanted.
    Revise { who: u8, patch: u8, keep: u8, edits: Vec<Edit>, then: Then },
    /// A person applies a patch: with all that it needs and uses, or just as it is.
    Apply { who: u8, patch: u8, revision: u8, group: bool },
    /// A person takes a patch out.
    Unapply { who: u8, patch: u8 },
    /// A copy of a person's store writes a fact onto one of the earlier ones.
    Fork { who: u8, onto: u8, patch: u8, then: Then },
    /// A person's instance gets another key, which takes the main over.
    Rotate { who: u8 },
    /// A thief of one of a person's keys writes a fact onto one of the earlier ones, or lets the key name one of the thief's own and
    /// writes with that.
    Stolen { who: u8, key: u8, usurps: bool, onto: u8, patch: u8, then: Then },
    /// A faulty program applies a revision of one patch under the name of another.
    Misname { who: u8, patch: u8, name: u8 },
    /// A person judges a patch.
    Verdict { who: u8, patch: u8, reject: bool, over: bool },
    /// A person takes a ready patch back.
    Withdraw { who: u8, patch: u8 },
    /// A newer version writes an op of a kind that is unknown here.
    Newer { who: u8, at: u8, edits: Vec<Edit>, then: Then },
    /// A person settles one of the conflicts they list, and applies that.
    Resolve { who: u8, conflict: u8, way: u8 },
    /// A person applies what a pull applies.
    Pull { who: u8 },
    /// One person gives another what they have.
    Send { from: u8, to: u8, share: Share },
    /// Everybody exchanges everything and pulls until nothing moves.
    Meet,
}

/// Steps in their order; printed as a list that a named test can repeat.
#[derive(Clone, PartialEq, Eq)]
pub struct History(pub Vec<Step>);

impl std::ops::Deref for History {
    type Target = [Step];
    fn deref(&self) -> &[Step] {
        &self.0
    }
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "[")?;
        self.0.iter().try_for_each(|step| writeln!(f, "    {step:?},"))?;
        write!(f, "]")
    }
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        10 => Just(What::Put),
        4 => Just(What::Move),
        4 => Just(What::Delete),
        2 => Just(What::Restore),
        3 => Just(What::Deprecate),
        1 => Just(What::Undeprecate),
        2 => Just(What::Show),
        2 => Just(What::Pin),
        1 => Just(What::Unpin),
    ]
}

/// People work at few places, else they would hardly meet.
fn at() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0), 2 => Just(1), 2 => 2..5u8]
}

/// A random edit.
pub fn edit() -> impl Strategy<Value = Edit> {
    (at(), what(), 0..5u8).prop_map(|(at, what, value)| Edit { at, what, value })
}

/// Edits of one patch: anywhere, or one after the other of one definition.
fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let one_by_one = (at(), vec(0..4u8, 2..4))
        .prop_map(|(at, values)| values.into_iter().map(|value| Edit { at, what: What::Put, value }).collect());
    prop_oneof![3 => vec(edit(), 1..4), 1 => one_by_one]
}

/// What everybody has to begin with: definitions at the first places.
fn ground() -> impl Strategy<Value = Vec<Step>> {
    vec(0..5u8, 0..6).prop_map(|values| {
        let edits: Vec<Edit> =
            values.into_iter().zip(0..).map(|(value, at)| Edit { at, what: What::Put, value }).collect();
        vec![Step::Write { who: 0, edits, base: Base::Current, then: Then::Apply }, Step::Meet]
    })
}

/// Two people write one register at once, differently, which by chance alone they hardly ever do.
fn clash() -> impl Strategy<Value = Vec<Step>> {
    let what = prop::sample::select(vec![What::Put, What::Move, What::Delete, What::Deprecate, What::Show, What::Pin]);
    (who(), at(), what, 0..5u8).prop_map(|(first, at, what, value)| {
        let write = |who: u8, value| Step::Write {
            who: who % 3,
            edits: vec![Edit { at, what, value }],
            base: Base::Current,
            then: Then::Apply,
        };
        vec![write(first, value), write(first + 1, value + 1)]
    })
}

fn on_ground(step: impl Strategy<Value = Step>, steps: std::ops::Range<usize>) -> impl Strategy<Value = History> {
    let steps = vec(prop_oneof![12 => step.prop_map(|step| vec![step]), 1 => clash()], steps);
    (ground(), steps).prop_map(|(ground, steps)| History(ground.into_iter().chain(steps.concat()).collect()))
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![1 => Just(Then::Leave), 3 => Just(Then::Apply)]
}

fn share() -> impl Strategy<Value = Share> {
    let part = prop_oneof![2 => Just(u32::MAX), 1 => any::<u32>()];
    (part, 0..4u8, 1..5u8, prop::bool::weighted(0.8)).prop_map(|(part, order, at_once, content)| Share {
        part,
        order,
        at_once,
        content,
    })
}

fn who() -> std::ops::Range<u8> {
    0..3
}

fn write() -> impl Strategy<Value = Step> {
    let base = prop_oneof![3 => Just(Base::Current), 1 => Just(Base::Stale)];
    (who(), edits(), base, then()).prop_map(|(who, edits, base, then)| Step::Write { who, edits, base, then })
}

fn draft() -> impl Strategy<Value = Step> {
    (who(), 0..2u8, 0..3u8, edit()).prop_map(|(who, session, draft, edit)| Step::Draft { who, session, draft, edit })
}

fn ready() -> impl Strategy<Value = Step> {
    (who(), 0..2u8, 0..2u8, then()).prop_map(|(who, session, draft, then)| Step::Ready { who, session, draft, then })
}

fn open() -> impl Strategy<Value = Step> {
    who().prop_map(|who| Step::Open { who })
}

fn turn(careless: impl Strategy<Value = bool>) -> impl Strategy<Value = Step> {
    (who(), 0..3u8, careless).prop_map(|(who, space, careless)| Step::Turn { who, space, careless })
}

fn pin() -> impl Strategy<Value = Step> {
    (who(), 0..2u8, any::<u8>()).prop_map(|(who, session, patch)| Step::Pin { who, session, patch })
}

fn revise() -> impl Strategy<Value = Step> {
    let edits = vec(edit(), 0..2);
    (who(), any::<u8>(), any::<u8>(), edits, then()).prop_map(|(who, patch, keep, edits, then)| Step::Revise {
        who,
        patch,
        keep,
        edits,
        then,
    })
}

fn apply(group: impl Strategy<Value = bool>) -> impl Strategy<Value = Step> {
    (who(), any::<u8>(), 0..2u8, group).prop_map(|(who, patch, revision, group)| Step::Apply {
        who,
        patch,
        revision,
        group,
    })
}

fn resolve() -> impl Strategy<Value = Step> {
    (who(), any::<u8>(), 0..4u8).prop_map(|(who, conflict, way)| Step::Resolve { who, conflict, way })
}

fn send() -> impl Strategy<Value = Step> {
    (who(), who(), share()).prop_map(|(from, to, share)| Step::Send { from, to, share })
}

fn pull() -> impl Strategy<Value = Step> {
    who().prop_map(|who| Step::Pull { who })
}

fn facts() -> impl Strategy<Value = Step> {
    let one = (who(), any::<u8>());
    prop_oneof![
        4 => one.clone().prop_map(|(who, patch)| Step::Unapply { who, patch }),
        1 => (one.clone(), any::<u8>(), then())
            .prop_map(|((who, patch), onto, then)| Step::Fork { who, onto, patch, then }),
        1 => who().prop_map(|who| Step::Rotate { who }),
        1 => (one.clone(), any::<u8>(), prop::bool::weighted(0.3), any::<u8>(), then()).prop_map(
            |((who, patch), key, usurps, onto, then)| Step::Stolen { who, key, usurps, onto, patch, then }
        ),
        1 => (one.clone(), any::<u8>()).prop_map(|((who, patch), name)| Step::Misname { who, patch, name }),
        1 => (one.clone(), any::<bool>(), any::<bool>())
            .prop_map(|((who, patch), reject, over)| Step::Verdict { who, patch, reject, over }),
        1 => one.prop_map(|(who, patch)| Step::Withdraw { who, patch }),
        1 => (who(), 0..5u8, vec(edit(), 0..2), then())
            .prop_map(|(who, at, edits, then)| Step::Newer { who, at, edits, then }),
    ]
}

/// Histories of three people in which everything happens.
pub fn anything(steps: std::ops::Range<usize>) -> impl Strategy<Value = History> {
    let step = prop_oneof![
        14 => write(),
        3 => turn(prop::bool::weighted(0.4)),
        2 => open(),
        5 => draft(),
        3 => ready(),
        1 => pin(),
        4 => revise(),
        7 => apply(any::<bool>()),
        6 => facts(),
        2 => resolve(),
        3 => pull(),
        6 => send(),
        1 => Just(Step::Meet),
    ];
    on_ground(step, steps)
}

/// Histories of three people of good will: nobody takes out, rejects or revises what others apply, nobody's store is copied, and
/// what is applied is applied with all that it needs. The laws about two mains (I6, I19) are about these.
pub fn goodwill(steps: std::ops::Range<usize>) -> impl Strategy<Value = History> {
    let step = prop_oneof![
        8 => write(),
        1 => turn(Just(false)),
        2 => open(),
        4 => draft(),
        3 => ready(),
        2 => apply(Just(true)),
        3 => resolve(),
        3 => pull(),
        5 => send(),
        1 => Just(Step::Meet),
    ];
    on_ground(step, steps)
}

/// Puts a list into an order that follows from a seed.
pub fn shuffled<T>(list: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..list.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        list.swap(last, (state >> 33) as usize % (last + 1));
    }
}
