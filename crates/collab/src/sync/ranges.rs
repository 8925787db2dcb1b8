//! Ranges of a set: where one begins and ends, what two sides say of it, and how it is cut where they differ.
//!
//! The envelopes of a space are put in one order: by the time that their authors wrote, then by the first eight bytes of their
//! ids. Two envelopes that agree in both stand at one place and are never parted. A range is all places from one to before
//! another. Its fingerprint tells whether two sides hold the same there; where they do not, the range is cut into parts whose
//! fingerprints are compared in turn, until a part is short enough to list ids.

use dm_model::{DecodeError, Decoder, Encoder, Envelope, EnvelopeId, Space, Timestamp};

use super::{ExchangeRead, ProtocolError, SyncError};
use crate::read::ReadError;
use crate::state::Fingerprint;

/// Into how many parts a range is cut.
pub const PARTS: usize = 16;
/// A range of so few envelopes is not cut: their ids are listed.
pub const LIST_IDS: usize = 32;
/// Most ids that an asker lists of one range: those of [`LIST_IDS`], and others that stand at the same places.
pub const CLAIMED_IDS_MAX: usize = 256;
/// Most ids that are listed of one range to someone who has nothing there: 128 KiB of them.
pub const OFFERED_IDS_MAX: usize = 4096;
/// Most ranges of one question. With the ones before it bounds the work of an answer: each range is read once at most, and two
/// sums of a few hundred envelopes at its ends.
pub const RANGES_MAX: usize = 128;
/// An answer that has so many ids puts the other ranges off.
pub(super) const ANSWER_IDS_FULL: usize = 16_384;

/// A place in the order of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// When the author says an envelope was made, in milliseconds.
    pub time: i64,
    /// The first eight bytes of its id, as a big-endian number.
    pub prefix: u64,
}

/// All places from one to before another, or to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// The first place in it.
    pub from: Place,
    /// The first place behind it.
    pub to: Option<Place>,
}

impl Place {
    /// Before all others.
    pub const FIRST: Self = Self { time: i64::MIN, prefix: 0 };

    /// Where an envelope stands.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Self {
        Self::at(envelope.header().authored_at, &envelope.id())
    }

    /// Where an envelope of this time and id stands.
    #[must_use]
    pub fn at(time: Timestamp, id: &EnvelopeId) -> Self {
        let prefix = id.as_bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        Self { time: time.as_ms(), prefix }
    }
}

impl Range {
    /// All places.
    pub const ALL: Self = Self { from: Place::FIRST, to: None };

    /// Whether a place lies in it.
    #[must_use]
    pub fn has(&self, place: Place) -> bool {
        place >= self.from && self.to.is_none_or(|to| place < to)
    }

    /// Whether no place lies in it.
    fn is_empty(&self) -> bool {
        self.to.is_some_and(|to| to <= self.from)
    }

    /// The parts between these places, which ascend and lie inside.
    pub(super) fn cut(&self, places: &[Place]) -> Vec<Self> {
        let mut parts = Vec::with_capacity(places.len() + 1);
        let mut from = self.from;
        for place in places {
            parts.push(Self { from, to: Some(*place) });
            from = *place;
        }
        parts.push(Self { from, to: self.to });
        parts
    }
}

/// What an asker says that it holds of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// So many, with this sum.
    Sum(Fingerprint),
    /// These, ascending.
    Ids(Vec<EnvelopeId>),
}

/// What an answerer says of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeAnswer {
    /// Both hold the same there.
    Same,
    /// It holds these, ascending: an answer to a sum.
    Ids(Vec<EnvelopeId>),
    /// It holds so much of each part; every part begins where the one before ends. An answer to a sum.
    Parts(Parts),
    /// The answer is full: to be asked again.
    Later,
    /// An answer to ids.
    Difference {
        /// What the asker lacks, ascending.
        offered: Vec<EnvelopeId>,
        /// What the answerer lacks: positions in the asker's list, ascending.
        lacking: Vec<u64>,
    },
}

/// A range in parts: where the second and each next one begins, and what is held of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Where parts begin, ascending, all inside the range.
    pub begins: Vec<Place>,
    /// The fingerprint of each part: one more than there are beginnings.
    pub sums: Vec<Fingerprint>,
}

impl Parts {
    /// The parts of a range as this side holds it; none if it cannot be cut.
    pub(super) fn of(read: &dyn ExchangeRead, space: Space, range: &Range) -> Result<Option<Self>, ReadError> {
        let begins = read.range_cuts(space, range, PARTS)?;
        if begins.is_empty() {
            return Ok(None);
        }
        let parts = range.cut(&begins);
        let sums = parts.iter().map(|part| read.range_fingerprint(space, part)).collect::<Result<_, _>>()?;
        Ok(Some(Self { begins, sums }))
    }
}

/// What this side, the answerer, says of a range.
pub(super) fn answer(
    read: &dyn ExchangeRead,
    space: Space,
    (range, claim): &(Range, Claim),
    listed: &mut usize,
) -> Result<RangeAnswer, ReadError> {
    let claimed = match claim {
        Claim::Ids(ids) => return difference(read, space, range, ids, listed),
        Claim::Sum(claimed) => claimed,
    };
    let own = read.range_fingerprint(space, range)?;
    if own == *claimed {
        return Ok(RangeAnswer::Same);
    }
    let few = if claimed.count == 0 { OFFERED_IDS_MAX } else { LIST_IDS } as u64;
    if own.count > few
        && let Some(parts) = Parts::of(read, space, range)?
    {
        return Ok(RangeAnswer::Parts(parts));
    }
    if *listed >= ANSWER_IDS_FULL {
        return Ok(RangeAnswer::Later);
    }
    let mut ids = read.range_ids(space, range, OFFERED_IDS_MAX)?;
    ids.sort_unstable();
    *listed += ids.len();
    Ok(RangeAnswer::Ids(ids))
}

fn difference(
    read: &dyn ExchangeRead,
    space: Space,
    range: &Range,
    ids: &[EnvelopeId],
    listed: &mut usize,
) -> Result<RangeAnswer, ReadError> {
    if *listed >= ANSWER_IDS_FULL {
        return Ok(RangeAnswer::Later);
    }
    let mut offered = read.range_ids(space, range, OFFERED_IDS_MAX)?;
    offered.sort_unstable();
    let lacks = |(_, id): &(u64, &EnvelopeId)| offered.binary_search(id).is_err();
    let lacking = (0u64..).zip(ids).filter(lacks).map(|(at, _)| at).collect();
    offered.retain(|id| ids.binary_search(id).is_err());
    *listed += offered.len();
    Ok(RangeAnswer::Difference { offered, lacking })
}

/// What an asker learns from the answer about one range.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// What the peer has and this side has not.
    pub offered: Vec<EnvelopeId>,
    /// What this side has and the peer has not.
    pub lacking: Vec<EnvelopeId>,
    /// What is to be asked next.
    pub next: Vec<(Range, Claim)>,
}

/// Takes the answer about a range.
///
/// # Errors
/// An answer that does not fit, or that would never come to an end; the own store.
pub(super) fn learn(
    read: &dyn ExchangeRead,
    space: Space,
    (range, claim): &(Range, Claim),
    answer: RangeAnswer,
    learned: &mut Learned,
) -> Result<(), SyncError> {
    match (claim, answer) {
        (_, RangeAnswer::Same) => {}
        (_, RangeAnswer::Later) => learned.next.push((*range, claim.clone())),
        (Claim::Sum(_), RangeAnswer::Ids(theirs)) => {
            let mut own = read.range_ids(space, range, usize::MAX)?;
            own.sort_unstable();
            learned.offered.extend(theirs.iter().filter(|id| own.binary_search(id).is_err()));
            learned.lacking.extend(own.iter().filter(|id| theirs.binary_search(id).is_err()));
        }
        (Claim::Sum(_), RangeAnswer::Parts(parts)) => split(read, space, range, &parts, learned)?,
        (Claim::Ids(ids), RangeAnswer::Difference { offered, lacking }) => {
            if offered.iter().any(|id| ids.binary_search(id).is_ok()) {
                return Err(ProtocolError::Range("offers what was listed").into());
            }
            for at in lacking {
                let id = usize::try_from(at).ok().and_then(|at| ids.get(at));
                learned.lacking.push(*id.ok_or(ProtocolError::Range("lacks what was not listed"))?);
            }
            learned.offered.extend(offered);
        }
        _ => return Err(ProtocolError::Range("answers something else than was asked").into()),
    }
    Ok(())
}

/// Compares the parts of a range, and says what to ask of those that differ.
pub(super) fn split(
    read: &dyn ExchangeRead,
    space: Space,
    range: &Range,
    parts: &Parts,
    learned: &mut Learned,
) -> Result<(), SyncError> {
    let inside = |place: &Place| *place > range.from && range.to.is_none_or(|to| *place < to);
    let ascending = parts.begins.iter().zip(parts.begins.iter().skip(1)).all(|(left, right)| left < right);
    // Two parts at least: so no range is cut without end.
    if parts.begins.is_empty()
        || !ascending
        || !parts.begins.iter().all(inside)
        || parts.sums.len() != parts.begins.len() + 1
    {
        return Err(ProtocolError::Range("has parts that are none of it").into());
    }
    for (part, theirs) in range.cut(&parts.begins).into_iter().zip(&parts.sums) {
        let own = read.range_fingerprint(space, &part)?;
        if own == *theirs {
            continue;
        }
        if theirs.count == 0 {
            learned.lacking.extend(read.range_ids(space, &part, usize::MAX)?);
            continue;
        }
        if own.count == 0 {
            learned.next.push((part, Claim::Sum(own)));
            continue;
        }
        ask(read, space, part, own, learned)?;
    }
    Ok(())
}

/// Says what to ask of a range in which something is held that differs.
fn ask(
    read: &dyn ExchangeRead,
    space: Space,
    range: Range,
    own: Fingerprint,
    learned: &mut Learned,
) -> Result<(), ReadError> {
    let cuts = if own.count > LIST_IDS as u64 { read.range_cuts(space, &range, PARTS)? } else { Vec::new() };
    if cuts.is_empty() {
        let mut ids = read.range_ids(space, &range, CLAIMED_IDS_MAX)?;
        ids.sort_unstable();
        learned.next.push((range, Claim::Ids(ids)));
        return Ok(());
    }
    for part in range.cut(&cuts) {
        let sum = read.range_fingerprint(space, &part)?;
        learned.next.push((part, Claim::Sum(sum)));
    }
    Ok(())
}

/// Whether ranges ascend and do not touch each other, so that each place is asked about once.
pub(super) fn in_order(ranges: &[(Range, Claim)]) -> bool {
    let whole = ranges.iter().all(|(range, _)| !range.is_empty());
    let apart = |(left, right): (&(Range, Claim), &(Range, Claim))| left.0.to.is_some_and(|to| to <= right.0.from);
    whole && ranges.iter().zip(ranges.iter().skip(1)).all(apart)
}

fn put_place(to: &mut Encoder, place: &Place) {
    to.time(Timestamp::from_ms(place.time));
    to.raw(&place.prefix.to_be_bytes());
}

fn get_place(from: &mut Decoder<'_>) -> Result<Place, DecodeError> {
    Ok(Place { time: from.time("time of a place")?.as_ms(), prefix: u64::from_be_bytes(from.array("prefix")?) })
}

pub(super) fn put_sum(to: &mut Encoder, sum: &Fingerprint) {
    to.uint(sum.count);
    to.raw(&sum.sum);
}

pub(super) fn get_sum(from: &mut Decoder<'_>) -> Result<Fingerprint, DecodeError> {
    Ok(Fingerprint { count: from.uint("count")?, sum: from.array("sum")? })
}

pub(super) fn put_claim(to: &mut Encoder, (range, claim): &(Range, Claim)) {
    put_place(to, &range.from);
    to.option(range.to.as_ref(), put_place);
    match claim {
        Claim::Sum(sum) => {
            to.byte(0);
            put_sum(to, sum);
        }
        Claim::Ids(ids) => {
            to.byte(1);
            to.list(ids, Encoder::envelope_id);
        }
    }
}

pub(super) fn get_claim(from: &mut Decoder<'_>) -> Result<(Range, Claim), DecodeError> {
    let range = Range { from: get_place(from)?, to: from.option("end of a range", get_place)? };
    let claim = match from.byte("claim")? {
        0 => Claim::Sum(get_sum(from)?),
        1 => Claim::Ids(from.set(CLAIMED_IDS_MAX, "ids claimed", Decoder::envelope_id)?),
        other => return Err(from.unknown("claim", u64::from(other))),
    };
    Ok((range, claim))
}

pub(super) fn put_parts(to: &mut Encoder, parts: &Parts) {
    to.list(&parts.begins, put_place);
    for sum in &parts.sums {
        put_sum(to, sum);
    }
}

pub(super) fn get_parts(from: &mut Decoder<'_>) -> Result<Parts, DecodeError> {
    let begins = from.set(PARTS - 1, "parts", get_place)?;
    let sums = (0..=begins.len()).map(|_| get_sum(from)).collect::<Result<_, _>>()?;
    Ok(Parts { begins, sums })
}

pub(super) fn put_answer(to: &mut Encoder, answer: &RangeAnswer) {
    match answer {
        RangeAnswer::Same => to.byte(0),
        RangeAnswer::Ids(ids) => {
            to.byte(1);
            to.list(ids, Encoder::envelope_id);
        }
        RangeAnswer::Parts(parts) => {
            to.byte(2);
            put_parts(to, parts);
        }
        RangeAnswer::Difference { offered, lacking } => {
            to.byte(3);
            to.list(offered, Encoder::envelope_id);
            to.list(lacking, |to, at| to.uint(*at));
        }
        RangeAnswer::Later => to.byte(4),
    }
}

pub(super) fn get_answer(from: &mut Decoder<'_>) -> Result<RangeAnswer, DecodeError> {
    Ok(match from.byte("answer about a range")? {
        0 => RangeAnswer::Same,
        1 => RangeAnswer::Ids(from.set(OFFERED_IDS_MAX, "ids held", Decoder::envelope_id)?),
        2 => RangeAnswer::Parts(get_parts(from)?),
        3 => RangeAnswer::Difference {
            offered: from.set(OFFERED_IDS_MAX, "ids offered", Decoder::envelope_id)?,
            lacking: from.set(CLAIMED_IDS_MAX, "ids lacking", |from| from.uint("position"))?,
        },
        4 => RangeAnswer::Later,
        other => return Err(from.unknown("answer about a range", u64::from(other))),
    })
}
