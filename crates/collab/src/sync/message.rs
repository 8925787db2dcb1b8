//! Messages of version 2 and their bytes.

use dm_model::{DecodeError, Decoder, DefHash, Encoder, EnvelopeId, InstanceId, RevisionId, Space};

use super::parcel::{get_parcel, get_sealed, put_parcel, put_sealed};
use super::ranges::{
    CLAIMED_IDS_MAX, Claim, OFFERED_IDS_MAX, RANGES_MAX, Range, RangeAnswer, get_answer, get_claim, get_sum,
    put_answer, put_claim, put_sum,
};
use super::{GET_IDS, GET_PAIRS, IDS_MAX, MESSAGE_BYTES_MAX, Named, PAIRS_MAX, Parcel, ProtocolError, Sealed};
use crate::state::Fingerprint;

/// Version of the messages; the first byte of each.
pub const PROTOCOL_VERSION: u8 = 2;
/// Most spaces in one exchange.
pub const SPACES_MAX: usize = 64;
/// Most ids that a welcome offers of one space, when the answerer holds just these besides what the asker said.
pub const BEHIND_IDS_MAX: usize = 4096;

/// What an asker says of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceClaim {
    /// Which.
    pub space: Space,
    /// All that it holds of it.
    pub all: Fingerprint,
    /// What it knows the other to hold.
    pub known: Fingerprint,
}

/// What an answerer says of a space that was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Both hold the same envelopes.
    Same,
    /// The answerer holds just what it is known to hold: it has nothing new, and lacks what it is not known to hold.
    AsKnown,
    /// Neither; what it says of the whole space, as of a range.
    Differ(RangeAnswer),
    /// It does not exchange this space with whoever asks, or never heard of it.
    NotShared,
    /// The answerer holds just what the asker said, and these, each after all that it needs.
    Ahead {
        /// What is meant by what the asker said: what it knows the other to hold, else all that it holds.
        of_known: bool,
        /// What else it holds.
        offered: Vec<EnvelopeId>,
    },
}

/// Envelopes that were asked for, each with its position in the question, and definitions that they name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    /// Positions of what is not held here, ascending.
    pub absent: Vec<u64>,
    /// Position and envelope; what has no room here is asked for again.
    pub envelopes: Vec<(u64, Sealed)>,
    /// Definitions, as canonical bytes.
    pub definitions: Vec<Vec<u8>>,
}

/// Ranges of a space, and what the asker says of each.
pub type Section = (Space, Vec<(Range, Claim)>);

/// What instances say to each other. Each question has one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Question: do we hold the same?
    Hello {
        /// Who asks.
        instance: InstanceId,
        /// Of which spaces, ascending.
        claims: Vec<SpaceClaim>,
    },
    /// Answer to `Hello`.
    Welcome {
        /// Who answers.
        instance: InstanceId,
        /// How the sets compare, space by space.
        verdicts: Vec<Verdict>,
        /// Content that the answerer's revisions wait for.
        missing: Vec<(RevisionId, DefHash)>,
    },
    /// Question: how do we compare in these ranges? Spaces ascend, ranges ascend and do not overlap.
    Compare {
        /// The ranges of each space.
        sections: Vec<Section>,
    },
    /// Answer to `Compare`: section by section, range by range.
    Compared {
        /// The answers.
        sections: Vec<Vec<RangeAnswer>>,
    },
    /// Question: these envelopes, please. Answered by a delivery.
    Get {
        /// Which.
        ids: Vec<EnvelopeId>,
    },
    /// Question: these definitions, please, each for a revision that names it. Answered by a delivery.
    GetContent {
        /// Which.
        pairs: Vec<(RevisionId, DefHash)>,
    },
    /// Answer to `Get` and `GetContent`.
    Delivery(Delivery),
    /// Question: will you store this? Answered by `Stored`, or by `Finished` if that was asked for and nothing is missing.
    Put {
        /// What.
        parcel: Parcel,
        /// Whether it is the last one.
        finish: bool,
    },
    /// Answer to `Put`: what passed its checks is stored.
    Stored {
        /// Content that is still missing.
        missing: Vec<(RevisionId, DefHash)>,
        /// What did not pass, ascending.
        refused: Vec<EnvelopeId>,
    },
    /// Answer to the last `Put`: what passed its checks is stored, and what does not conflict is applied.
    Finished {
        /// What did not pass, ascending.
        refused: Vec<EnvelopeId>,
        /// The answerer's new facts.
        parcel: Parcel,
    },
}

impl Named for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Welcome { .. } => "welcome",
            Self::Compare { .. } => "compare",
            Self::Compared { .. } => "compared",
            Self::Get { .. } => "get",
            Self::GetContent { .. } => "get-content",
            Self::Delivery(_) => "delivery",
            Self::Put { .. } => "put",
            Self::Stored { .. } => "stored",
            Self::Finished { .. } => "finished",
        }
    }
}

impl Message {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new();
        to.byte(PROTOCOL_VERSION);
        match self {
            Self::Hello { instance, claims } => {
                to.byte(1);
                to.instance_id(instance);
                to.list(claims, put_space_claim);
            }
            Self::Welcome { instance, verdicts, missing } => {
                to.byte(2);
                to.instance_id(instance);
                to.list(verdicts, put_verdict);
                put_pairs(&mut to, missing);
            }
            Self::Compare { sections } => {
                to.byte(3);
                to.list(sections, |to, (space, ranges)| {
                    to.raw(space.as_bytes());
                    to.list(ranges, put_claim);
                });
            }
            Self::Compared { sections } => {
                to.byte(4);
                to.list(sections, |to, answers| to.list(answers, put_answer));
            }
            Self::Get { ids } => {
                to.byte(5);
                to.list(ids, Encoder::envelope_id);
            }
            Self::GetContent { pairs } => {
                to.byte(6);
                put_pairs(&mut to, pairs);
            }
            Self::Delivery(delivery) => {
                to.byte(7);
                put_delivery(&mut to, delivery);
            }
            Self::Put { parcel, finish } => {
                to.byte(8);
                to.byte(u8::from(*finish));
                put_parcel(&mut to, parcel);
            }
            Self::Stored { missing, refused } => {
                to.byte(9);
                put_pairs(&mut to, missing);
                to.list(refused, Encoder::envelope_id);
            }
            Self::Finished { refused, parcel } => {
                to.byte(10);
                to.list(refused, Encoder::envelope_id);
                put_parcel(&mut to, parcel);
            }
        }
        to.finish()
    }

    /// Reads bytes from a peer.
    ///
    /// # Errors
    /// Another version, too many bytes, or bytes that are no message.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProtocolError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(ProtocolError::TooLarge { found: bytes.len() });
        }
        let mut from = Decoder::new(bytes);
        let found = from.byte("protocol version")?;
        if found != PROTOCOL_VERSION {
            return Err(ProtocolError::Version { found });
        }
        let message = Self::decode_body(&mut from)?;
        from.finish()?;
        Ok(message)
    }

    fn decode_body(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match from.byte("message kind")? {
            1 => Self::Hello { instance: from.instance_id()?, claims: get_space_claims(from)? },
            2 => Self::Welcome {
                instance: from.instance_id()?,
                verdicts: from.list(SPACES_MAX, "verdicts", get_verdict)?,
                missing: get_pairs(PAIRS_MAX, from)?,
            },
            3 => Self::Compare { sections: get_sections(from)? },
            4 => {
                let answers = |from: &mut Decoder<'_>| from.list(RANGES_MAX, "answers", get_answer);
                Self::Compared { sections: from.list(SPACES_MAX, "sections", answers)? }
            }
            5 => Self::Get { ids: from.list(GET_IDS, "ids wanted", Decoder::envelope_id)? },
            6 => Self::GetContent { pairs: get_pairs(GET_PAIRS, from)? },
            7 => Self::Delivery(get_delivery(from)?),
            8 => {
                let finish = get_flag(from, "finish")?;
                Self::Put { finish, parcel: get_parcel(from)? }
            }
            9 => Self::Stored { missing: get_pairs(PAIRS_MAX, from)?, refused: get_refused(from)? },
            10 => Self::Finished { refused: get_refused(from)?, parcel: get_parcel(from)? },
            other => return Err(from.unknown("message kind", u64::from(other))),
        })
    }
}

fn put_space_claim(to: &mut Encoder, claim: &SpaceClaim) {
    to.raw(claim.space.as_bytes());
    put_sum(to, &claim.all);
    put_sum(to, &claim.known);
}

fn get_space_claims(from: &mut Decoder<'_>) -> Result<Vec<SpaceClaim>, DecodeError> {
    let claims = from.list(SPACES_MAX, "spaces", |from| {
        let space = Space::from_bytes(from.array("space")?);
        Ok(SpaceClaim { space, all: get_sum(from)?, known: get_sum(from)? })
    })?;
    let ascending = claims.iter().zip(claims.iter().skip(1)).all(|(left, right)| left.space < right.space);
    if ascending { Ok(claims) } else { Err(from.not_canonical("spaces out of order")) }
}

fn put_verdict(to: &mut Encoder, verdict: &Verdict) {
    match verdict {
        Verdict::Same => to.byte(0),
        Verdict::AsKnown => to.byte(1),
        Verdict::Differ(answer) => {
            to.byte(2);
            put_answer(to, answer);
        }
        Verdict::NotShared => to.byte(3),
        Verdict::Ahead { of_known, offered } => {
            to.byte(4);
            to.byte(u8::from(*of_known));
            to.list(offered, Encoder::envelope_id);
        }
    }
}

fn get_verdict(from: &mut Decoder<'_>) -> Result<Verdict, DecodeError> {
    Ok(match from.byte("verdict")? {
        0 => Verdict::Same,
        1 => Verdict::AsKnown,
        2 => Verdict::Differ(get_answer(from)?),
        3 => Verdict::NotShared,
        4 => Verdict::Ahead {
            of_known: get_flag(from, "of known")?,
            offered: from.list(BEHIND_IDS_MAX, "ids offered", Decoder::envelope_id)?,
        },
        other => return Err(from.unknown("verdict", u64::from(other))),
    })
}

fn get_sections(from: &mut Decoder<'_>) -> Result<Vec<Section>, DecodeError> {
    let sections = from.list(SPACES_MAX, "sections", |from| {
        let space = Space::from_bytes(from.array("space")?);
        Ok((space, from.list(RANGES_MAX, "ranges", get_claim)?))
    })?;
    let ascending = sections.iter().zip(sections.iter().skip(1)).all(|(left, right)| left.0 < right.0);
    let ranges: usize = sections.iter().map(|(_, ranges)| ranges.len()).sum();
    if !ascending || !sections.iter().all(|(_, ranges)| super::ranges::in_order(ranges)) {
        return Err(from.not_canonical("sections or ranges out of order"));
    }
    if ranges > RANGES_MAX {
        return Err(DecodeError::TooLarge { what: "ranges", value: ranges as u64, limit: RANGES_MAX as u64 });
    }
    Ok(sections)
}

fn put_delivery(to: &mut Encoder, delivery: &Delivery) {
    to.list(&delivery.absent, |to, at| to.uint(*at));
    to.list(&delivery.envelopes, |to, (at, sealed)| {
        to.uint(*at);
        put_sealed(to, sealed);
    });
    to.list(&delivery.definitions, |to, bytes| to.bytes(bytes));
}

fn get_delivery(from: &mut Decoder<'_>) -> Result<Delivery, DecodeError> {
    Ok(Delivery {
        absent: from.set(GET_IDS, "absent", |from| from.uint("position"))?,
        envelopes: from.list(GET_IDS, "envelopes", |from| Ok((from.uint("position")?, get_sealed(from)?)))?,
        definitions: from
            .list(IDS_MAX, "definitions", |from| Ok(from.bytes(MESSAGE_BYTES_MAX, "definition")?.to_vec()))?,
    })
}

fn get_flag(from: &mut Decoder<'_>, what: &'static str) -> Result<bool, DecodeError> {
    match from.byte(what)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(from.not_canonical("a flag that is neither 0 nor 1")),
    }
}

fn put_pairs(to: &mut Encoder, pairs: &[(RevisionId, DefHash)]) {
    to.list(pairs, |to, (revision, content)| {
        to.envelope_id(revision);
        to.def_hash(content);
    });
}

fn get_pairs(limit: usize, from: &mut Decoder<'_>) -> Result<Vec<(RevisionId, DefHash)>, DecodeError> {
    from.list(limit, "pairs", |from| Ok((from.envelope_id()?, from.def_hash()?)))
}

fn get_refused(from: &mut Decoder<'_>) -> Result<Vec<EnvelopeId>, DecodeError> {
    from.set(IDS_MAX, "ids refused", Decoder::envelope_id)
}

// An answer with every range listed in full still fits.
const _: () = assert!(RANGES_MAX * (OFFERED_IDS_MAX + CLAIMED_IDS_MAX) * 32 + (1 << 20) < MESSAGE_BYTES_MAX);
