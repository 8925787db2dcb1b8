//! Messages and their bytes.

use dm_model::{DecodeError, Decoder, DefHash, Encoder, EnvelopeId, InstanceId, RevisionId, Space};

use super::VERSION;
use crate::state::Fingerprint;
use crate::sync::parcel::{get_parcel, put_parcel};
use crate::sync::{IDS_MAX, MESSAGE_BYTES_MAX, Named, PAIRS_MAX, Parcel, ProtocolError};

/// What a peer says of two sets that it compared by fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Both hold the same envelopes.
    Same,
    /// The peer holds just what it is known to hold: it has nothing new, and lacks what it is not known to hold.
    AsKnown,
    /// Neither.
    Differ,
}

/// What instances say to each other. Each question has one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Question: do we hold the same?
    Hello {
        /// Who asks.
        instance: InstanceId,
        /// Of which space.
        space: Space,
        /// All that the asker holds.
        all: Fingerprint,
        /// What the asker knows the other to hold.
        known: Fingerprint,
    },
    /// Answer to `Hello`.
    Welcome {
        /// Who answers.
        instance: InstanceId,
        /// How the sets compare.
        verdict: Verdict,
        /// Content that the answerer's revisions wait for.
        missing: Vec<(RevisionId, DefHash)>,
    },
    /// Question: how do our sets differ? Answered by `Difference`.
    Have {
        /// Of which space.
        space: Space,
        /// All ids that the asker holds, ascending.
        ids: Vec<EnvelopeId>,
    },
    /// Answer to `Have`.
    Difference {
        /// What the answerer lacks, ascending.
        lacking: Vec<EnvelopeId>,
        /// What the asker lacks, needs first.
        offered: Vec<EnvelopeId>,
    },
    /// Question: these envelopes, please. Answered by a parcel with as many of the first ones as fit.
    Get {
        /// Which.
        ids: Vec<EnvelopeId>,
    },
    /// Question: these definitions, please, each for a revision that names it. Answered by a parcel.
    GetContent {
        /// Which.
        pairs: Vec<(RevisionId, DefHash)>,
    },
    /// Answer to `Get` and `GetContent`.
    Parcel(Parcel),
    /// Question: will you store this? Answered by `Stored`, or by `Finished` if that was asked for and nothing is missing.
    Put {
        /// What.
        parcel: Parcel,
        /// Whether it is the last one.
        finish: bool,
    },
    /// Answer to `Put`: it is stored.
    Stored {
        /// Content that is still missing.
        missing: Vec<(RevisionId, DefHash)>,
    },
    /// Answer to the last `Put`: it is stored, and what does not conflict is applied.
    Finished {
        /// The answerer's new facts.
        parcel: Parcel,
    },
}

impl Named for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Welcome { .. } => "welcome",
            Self::Have { .. } => "have",
            Self::Difference { .. } => "difference",
            Self::Get { .. } => "get",
            Self::GetContent { .. } => "get-content",
            Self::Parcel(_) => "parcel",
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
        to.byte(VERSION);
        match self {
            Self::Hello { instance, space, all, known } => {
                to.byte(1);
                to.instance_id(instance);
                to.raw(space.as_bytes());
                fingerprint(&mut to, all);
                fingerprint(&mut to, known);
            }
            Self::Welcome { instance, verdict, missing } => {
                to.byte(2);
                to.instance_id(instance);
                to.byte(match verdict {
                    Verdict::Same => 0,
                    Verdict::AsKnown => 1,
                    Verdict::Differ => 2,
                });
                pairs(&mut to, missing);
            }
            Self::Have { space, ids } => {
                to.byte(3);
                to.raw(space.as_bytes());
                to.list(ids, Encoder::envelope_id);
            }
            Self::Difference { lacking, offered } => {
                to.byte(4);
                to.list(lacking, Encoder::envelope_id);
                to.list(offered, Encoder::envelope_id);
            }
            Self::Get { ids } => {
                to.byte(5);
                to.list(ids, Encoder::envelope_id);
            }
            Self::GetContent { pairs: wanted } => {
                to.byte(6);
                pairs(&mut to, wanted);
            }
            Self::Parcel(parcel) => {
                to.byte(7);
                put_parcel(&mut to, parcel);
            }
            Self::Put { parcel, finish } => {
                to.byte(8);
                to.byte(u8::from(*finish));
                put_parcel(&mut to, parcel);
            }
            Self::Stored { missing } => {
                to.byte(9);
                pairs(&mut to, missing);
            }
            Self::Finished { parcel } => {
                to.byte(10);
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
        if found != VERSION {
            return Err(ProtocolError::Version { found });
        }
        let message = Self::decode_body(&mut from)?;
        from.finish()?;
        Ok(message)
    }

    fn decode_body(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let ids = |from: &mut Decoder<'_>, what| from.list(IDS_MAX, what, Decoder::envelope_id);
        Ok(match from.byte("message kind")? {
            1 => Self::Hello {
                instance: from.instance_id()?,
                space: Space::from_bytes(from.array("space")?),
                all: get_fingerprint(from)?,
                known: get_fingerprint(from)?,
            },
            2 => Self::Welcome {
                instance: from.instance_id()?,
                verdict: match from.byte("verdict")? {
                    0 => Verdict::Same,
                    1 => Verdict::AsKnown,
                    2 => Verdict::Differ,
                    other => return Err(from.unknown("verdict", u64::from(other))),
                },
                missing: get_pairs(from)?,
            },
            3 => Self::Have {
                space: Space::from_bytes(from.array("space")?),
                ids: from.set(IDS_MAX, "ids held", Decoder::envelope_id)?,
            },
            4 => Self::Difference {
                lacking: from.set(IDS_MAX, "ids lacking", Decoder::envelope_id)?,
                offered: ids(from, "ids offered")?,
            },
            5 => Self::Get { ids: ids(from, "ids wanted")? },
            6 => Self::GetContent { pairs: get_pairs(from)? },
            7 => Self::Parcel(get_parcel(from)?),
            8 => {
                let finish = match from.byte("finish")? {
                    0 => false,
                    1 => true,
                    _ => return Err(from.not_canonical("a flag that is neither 0 nor 1")),
                };
                Self::Put { finish, parcel: get_parcel(from)? }
            }
            9 => Self::Stored { missing: get_pairs(from)? },
            10 => Self::Finished { parcel: get_parcel(from)? },
            other => return Err(from.unknown("message kind", u64::from(other))),
        })
    }
}

fn fingerprint(to: &mut Encoder, fingerprint: &Fingerprint) {
    to.uint(fingerprint.count);
    to.raw(&fingerprint.sum);
}

fn get_fingerprint(from: &mut Decoder<'_>) -> Result<Fingerprint, DecodeError> {
    Ok(Fingerprint { count: from.uint("count")?, sum: from.array("sum")? })
}

fn pairs(to: &mut Encoder, pairs: &[(RevisionId, DefHash)]) {
    to.list(pairs, |to, (revision, content)| {
        to.envelope_id(revision);
        to.def_hash(content);
    });
}

fn get_pairs(from: &mut Decoder<'_>) -> Result<Vec<(RevisionId, DefHash)>, DecodeError> {
    from.list(PAIRS_MAX, "pairs", |from| Ok((from.envelope_id()?, from.def_hash()?)))
}
