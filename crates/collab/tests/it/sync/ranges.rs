//! Comparison by ranges: any two sets are told apart exactly, in few and bounded messages, by an answerer that remembers nothing.

use std::collections::BTreeSet;

use dm_collab::sync::{
    Claim, ExchangeRead, Initiator, Message, Outcome, Place, Plan, RANGES_MAX, Range, RangeAnswer, Responder, Step,
    Verdict, set_element,
};
use dm_collab::{Fingerprint, ReadError};
use dm_model::{DefHash, Definition, EnvelopeId, InstanceId, RevisionId, Space, Timestamp};
use proptest::prelude::*;

/// A set of ids with times, and nothing else: what a comparison reads.
struct Ids {
    placed: Vec<(Place, EnvelopeId)>,
    /// Sums of all from the beginning to each place in `placed`.
    sums: Vec<Fingerprint>,
    nothing: dm_sim::Memory,
}

fn id(n: u64) -> EnvelopeId {
    EnvelopeId::from_bytes(dm_model::codec::hash(dm_model::codec::Domain::Envelope, 1, &[&n.to_be_bytes()]))
}

impl Ids {
    fn of(all: impl IntoIterator<Item = (i64, u64)>) -> Self {
        let placed = all.into_iter().map(|(time, n)| (Place::at(Timestamp::from_ms(time), &id(n)), id(n)));
        let mut placed: Vec<_> = placed.collect();
        placed.sort_unstable();
        placed.dedup();
        let mut sum = Fingerprint::default();
        let mut sums = vec![sum];
        for (_, id) in &placed {
            sum.add(&set_element(id));
            sums.push(sum);
        }
        Self { placed, sums, nothing: dm_sim::Memory::new(InstanceId::from_bytes([1; 32])) }
    }

    fn span(&self, range: &Range) -> std::ops::Range<usize> {
        let begin = self.placed.partition_point(|(place, _)| *place < range.from);
        let end = range.to.map_or(self.placed.len(), |to| self.placed.partition_point(|(place, _)| *place < to));
        begin..end.max(begin)
    }

    fn ids(&self) -> BTreeSet<EnvelopeId> {
        self.placed.iter().map(|(_, id)| *id).collect()
    }
}

macro_rules! nothing {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $answer:ty;)*) => {
        impl dm_collab::ProjectionRead for Ids {
            fn presence(&self, envelope: &EnvelopeId) -> Result<dm_collab::Presence, ReadError> {
                let held = self.placed.iter().any(|(_, id)| id == envelope) && self.placed.len() < 3000;
                Ok(if held { dm_collab::Presence::Counted } else { dm_collab::Presence::Absent })
            }
            $(fn $name(&self $(, $argument: $type)*) -> $answer {
                self.nothing.$name($($argument),*)
            })*
        }
    };
}

nothing! {
    fn own_channel(&self) -> InstanceId;
    fn envelope(&self, envelope: &EnvelopeId) -> Result<Option<std::sync::Arc<dm_model::Envelope>>, ReadError>;
    fn content_present(&self, content: &DefHash) -> Result<bool, ReadError>;
    fn waiting_on(&self, need: &dm_collab::Need) -> Result<Vec<EnvelopeId>, ReadError>;
    fn op(&self, op: &dm_model::OpId) -> Result<Option<std::sync::Arc<dm_model::Op>>, ReadError>;
    fn carriers(&self, op: &dm_model::OpId) -> Result<Vec<RevisionId>, ReadError>;
    fn needing(&self, op: &dm_model::OpId) -> Result<Vec<RevisionId>, ReadError>;
    fn entity_ops(&self, entity: &dm_model::EntityId) -> Result<Vec<(dm_model::OpId, std::sync::Arc<dm_model::Op>)>, ReadError>;
    fn op_effective(&self, op: &dm_model::OpId) -> Result<bool, ReadError>;
    fn effect(&self, revision: &RevisionId) -> Result<dm_collab::Effect, ReadError>;
    fn membership(&self, channel: &dm_collab::Channel, patch: &dm_model::PatchId) -> Result<dm_collab::Membership, ReadError>;
    fn leaves(&self, channel: &dm_collab::Channel) -> Result<Vec<EnvelopeId>, ReadError>;
    fn facts(&self, channel: &dm_collab::Channel) -> Result<Vec<std::sync::Arc<dm_model::Envelope>>, ReadError>;
    fn channels(&self) -> Result<Vec<dm_collab::Channel>, ReadError>;
    fn members(&self, channel: &dm_collab::Channel) -> Result<Vec<(dm_model::PatchId, dm_collab::Membership)>, ReadError>;
    fn revisions(&self, patch: &dm_model::PatchId) -> Result<Vec<RevisionId>, ReadError>;
    fn patch_facts(&self, patch: &dm_model::PatchId) -> Result<Vec<std::sync::Arc<dm_model::Envelope>>, ReadError>;
    fn entity(&self, entity: &dm_model::EntityId) -> Result<Option<dm_collab::EntityState>, ReadError>;
    fn entities_at(&self, location: &dm_model::Location) -> Result<Vec<dm_model::EntityId>, ReadError>;
    fn flagged(&self) -> Result<Vec<dm_model::EntityId>, ReadError>;
    fn collisions(&self) -> Result<Vec<dm_model::Location>, ReadError>;
    fn deleted_dependencies(&self) -> Result<Vec<(dm_model::EntityId, dm_model::EntityId)>, ReadError>;
    fn dependents(&self, entity: &dm_model::EntityId) -> Result<Vec<dm_model::EntityId>, ReadError>;
    fn definition_head(&self, content: &DefHash) -> Result<Option<(dm_model::Kind, Vec<dm_model::EntityId>)>, ReadError>;
    fn view_fingerprint(&self) -> Result<Fingerprint, ReadError>;
    fn key_facts(&self, author: &str) -> Result<Vec<std::sync::Arc<dm_model::Envelope>>, ReadError>;
}

impl ExchangeRead for Ids {
    fn set_fingerprint(&self, _: Space) -> Result<Fingerprint, ReadError> {
        Ok(self.sums.last().copied().unwrap_or_default())
    }
    fn envelope_ids(&self, _: Space) -> Result<Vec<EnvelopeId>, ReadError> {
        Ok(self.ids().into_iter().collect())
    }
    fn ids_in_order(&self, ids: &[EnvelopeId]) -> Result<Vec<EnvelopeId>, ReadError> {
        Ok(ids.to_vec())
    }
    fn definition(&self, _: &DefHash) -> Result<Option<Definition>, ReadError> {
        Ok(None)
    }
    fn missing_contents(&self, _: &[Space], _: usize) -> Result<Vec<(RevisionId, DefHash)>, ReadError> {
        Ok(Vec::new())
    }
    fn range_fingerprint(&self, _: Space, range: &Range) -> Result<Fingerprint, ReadError> {
        let span = self.span(range);
        let mut sum = self.sums[span.end];
        let before = self.sums[span.start];
        let count = sum.count - before.count;
        sum.remove(&before.sum);
        Ok(Fingerprint { count, sum: sum.sum })
    }
    fn range_ids(&self, _: Space, range: &Range, limit: usize) -> Result<Vec<EnvelopeId>, ReadError> {
        Ok(self.placed[self.span(range)].iter().map(|(_, id)| *id).take(limit).collect())
    }
    fn range_cuts(&self, _: Space, range: &Range, parts: usize) -> Result<Vec<Place>, ReadError> {
        let placed = &self.placed[self.span(range)];
        let Some((first, _)) = placed.first() else { return Ok(Vec::new()) };
        let at = |part: usize| placed[part * placed.len() / parts].0;
        let cuts: BTreeSet<Place> = (1..parts).map(at).filter(|place| place > first).collect();
        Ok(cuts.into_iter().collect())
    }
    fn newest_ids(&self, _: Space, _: usize) -> Result<Vec<EnvelopeId>, ReadError> {
        // In no order of arrival that would say how they differ.
        Ok(Vec::new())
    }
    fn known_fingerprint(&self, _: &str, _: Space) -> Result<Fingerprint, ReadError> {
        Ok(Fingerprint { count: 7, sum: [7; 32] })
    }
    fn unknown_ids(&self, _: &str, _: Space) -> Result<Vec<EnvelopeId>, ReadError> {
        Ok(self.ids().into_iter().collect())
    }
}

/// What a comparison found out, and what it cost.
struct Compared {
    lacking: BTreeSet<EnvelopeId>,
    offered: BTreeSet<EnvelopeId>,
    questions: usize,
    bytes: usize,
}

/// Lets two sets be compared. Nothing is sent: of what the answerer offers, only that it is asked for counts.
fn compare(own: &Ids, theirs: &Ids) -> Compared {
    let direction = dm_collab::sync::Direction::PushOnly;
    let plan = Plan { peer: "peer".to_owned(), spaces: vec![Space::PUBLIC], direction, dry_run: true };
    let mut machine = Initiator::new(plan);
    let (mut questions, mut bytes) = (0, 0);
    let mut offered = BTreeSet::new();
    let mut step = machine.begin(own).unwrap();
    loop {
        step = match step {
            Step::Send(question) => {
                questions += 1;
                let asked = question.encode();
                let claims = match &question {
                    Message::Compare { sections } => sections.iter().flat_map(|(_, ranges)| ranges.clone()).collect(),
                    _ => Vec::new(),
                };
                assert!(claims.len() <= RANGES_MAX);
                let mut responder = Responder::new(vec![Space::PUBLIC]);
                let answer = match responder.handle(Message::decode(&asked).unwrap(), theirs).unwrap() {
                    Step::Settle => responder.settled(&[], theirs).unwrap(),
                    step => step,
                };
                let Step::Send(answer) = answer else { unreachable!("no answer") };
                let answered = answer.encode();
                bytes += asked.len() + answered.len();
                note(&answer, &claims, own, &mut offered);
                machine.handle(Message::decode(&answered).unwrap(), own).unwrap()
            }
            Step::Done => {
                let outcome: &Outcome = machine.outcome();
                assert!(!outcome.incomplete);
                let lacking = outcome.sent.iter().copied().collect();
                return Compared { lacking, offered, questions, bytes };
            }
            other => unreachable!("{other:?}"),
        };
    }
}

/// What the answerer told of what the asker lacks.
fn note(answer: &Message, claims: &[(Range, Claim)], own: &Ids, offered: &mut BTreeSet<EnvelopeId>) {
    let held = own.ids();
    let mut take = |answer: &RangeAnswer| match answer {
        RangeAnswer::Ids(ids) => offered.extend(ids.iter().filter(|id| !held.contains(id))),
        RangeAnswer::Difference { offered: ids, .. } => offered.extend(ids),
        _ => {}
    };
    match answer {
        Message::Welcome { verdicts, .. } => verdicts.iter().for_each(|verdict| match verdict {
            Verdict::Differ(answer) => take(answer),
            Verdict::Same => {}
            other => unreachable!("{other:?}"),
        }),
        Message::Compared { sections } => {
            let answers: Vec<&RangeAnswer> = sections.iter().flatten().collect();
            assert_eq!(answers.len(), claims.len());
            answers.into_iter().for_each(take);
        }
        other => unreachable!("{other:?}"),
    }
}

#[track_caller]
fn exact(own: &Ids, theirs: &Ids) -> Compared {
    let compared = compare(own, theirs);
    let (left, right) = (own.ids(), theirs.ids());
    assert_eq!(compared.lacking, left.difference(&right).copied().collect(), "what the answerer lacks");
    assert_eq!(compared.offered, right.difference(&left).copied().collect(), "what the asker lacks");
    let differ = compared.lacking.len() + compared.offered.len();
    let most = left.len().max(right.len()).max(2);
    let deep = most.ilog(16) as usize + 2;
    assert!(compared.questions <= 2 + deep + differ * 16 / RANGES_MAX, "{} for {differ} of {most}", compared.questions);
    let per = deep * 16 * 80 + 64 * 40;
    assert!(compared.bytes <= 400 + differ.max(1) * per, "{} bytes for {differ} of {most}", compared.bytes);
    compared
}

/// Times: spread, in a few clusters, all equal.
fn times() -> impl Strategy<Value = Vec<i64>> {
    prop_oneof![
        prop::collection::vec(any::<i64>(), 0..400),
        prop::collection::vec((0..4i64, 0..3i64).prop_map(|(cluster, off)| cluster * 1_000_000 + off), 0..400),
        (any::<i64>(), 0..400usize).prop_map(|(time, count)| vec![time; count]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn any_two_sets_are_told_apart_exactly(
        times in times(),
        seed in any::<u32>(),
        left in prop::collection::vec(0..5u8, 400),
        right in prop::collection::vec(0..5u8, 400),
        rare in any::<bool>(),
    ) {
        // Which is where: mostly in both if differences are rare.
        let has = |dice: &[u8], at: usize| if rare { dice[at] != 0 || !at.is_multiple_of(7) } else { dice[at] < 2 };
        let all = times.iter().enumerate().map(|(at, time)| (*time, u64::from(seed) << 32 | at as u64));
        let own = Ids::of(all.clone().enumerate().filter(|(at, _)| has(&left, *at)).map(|(_, one)| one));
        let theirs = Ids::of(all.enumerate().filter(|(at, _)| has(&right, *at)).map(|(_, one)| one));
        let compared = compare(&own, &theirs);
        let (left, right) = (own.ids(), theirs.ids());
        prop_assert_eq!(compared.lacking, left.difference(&right).copied().collect());
        prop_assert_eq!(compared.offered, right.difference(&left).copied().collect());
    }
}

#[test]
fn sets_of_which_one_is_empty() {
    let some = |count: u64| Ids::of((0..count).map(|n| (n as i64, n)));
    for count in [0, 1, 31, 32, 33, 1000, 5000] {
        exact(&some(count), &some(0));
        exact(&some(0), &some(count));
        exact(&some(count), &some(count));
    }
}

#[test]
fn a_few_of_very_many_are_found_in_few_small_messages() {
    const MANY: u64 = 100_000;
    for time in [|n: u64| n as i64 * 997, |n: u64| (n / 1000) as i64, |_: u64| 5] {
        let all = |without: &'static [u64]| Ids::of((0..MANY).filter(|n| !without.contains(n)).map(|n| (time(n), n)));
        let one = exact(&all(&[]), &all(&[77_777]));
        assert!(one.questions <= 5 && one.bytes < 8_000, "{} {}", one.questions, one.bytes);
        let ten = exact(&all(&[3, 10_000, 20_001, 30_002, 40_003]), &all(&[50_004, 60_005, 70_006, 80_007, 99_999]));
        assert!(ten.questions <= 6 && ten.bytes < 60_000, "{} {}", ten.questions, ten.bytes);
    }
}

#[test]
fn two_large_sets_with_nothing_in_common() {
    let half = |rest: u64| Ids::of((0..40_000).filter(|n| n % 2 == rest).map(|n| (n as i64, n)));
    exact(&half(0), &half(1));
}
