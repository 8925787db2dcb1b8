//! What envelopes say: patch revisions and facts about patches.
//!
//! A patch's status is derived from these facts and never stored in one (SEMANTICS R15).

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::id::{DefHash, EnvelopeId, InstanceId, OpId, PatchId, RevisionId};
use crate::op::Op;
use crate::time::Timestamp;

/// Most ops of one revision.
pub const REVISION_OPS_MAX: usize = 1 << 17;
/// Most bytes of an intent or a verdict's words.
pub const INTENT_BYTES_MAX: usize = 16 << 10;
/// Most bytes of an author's name.
pub const AUTHOR_BYTES_MAX: usize = 512;
/// Most patches that one fact or revision may name.
pub const PATCHES_MAX: usize = 1 << 16;
const OP_BYTES_MAX: usize = 2 << 20;

/// A frozen, signed state of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The patch.
    pub patch: PatchId,
    /// The revisions of the same patch that this one replaces, strictly ascending; none for a first one.
    pub replaces: Vec<RevisionId>,
    /// Whose work it is, as a name; the envelope's key vouches for it.
    pub author: String,
    /// Why, in words; never empty.
    pub intent: String,
    /// When the patch was begun.
    pub created_at: Timestamp,
    /// Patches that the author named as needed by hand, strictly ascending.
    pub depends: Vec<PatchId>,
    /// The ops, in the order of writing, each once.
    pub ops: Vec<Op>,
}

/// Puts revisions of patches into a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apply {
    /// The main, named by the instance that holds it.
    pub channel: InstanceId,
    /// The last facts on this main that its holder knew, strictly ascending: one, unless it joins a fork.
    pub onto: Vec<EnvelopeId>,
    /// Which revision of which patch, by patch, strictly ascending.
    pub patches: Vec<(PatchId, RevisionId)>,
    /// Why it was applied in spite of errors, in words; empty if there were none.
    pub forced: String,
}

/// Takes patches out of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unapply {
    /// The main, named by the instance that holds it.
    pub channel: InstanceId,
    /// As in [`Apply::onto`].
    pub onto: Vec<EnvelopeId>,
    /// The patches, strictly ascending.
    pub patches: Vec<PatchId>,
}

/// Takes a Ready revision back to Draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdraw {
    /// The patch.
    pub patch: PatchId,
    /// Its revision.
    pub revision: RevisionId,
}

/// What a reviewer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerdictKind {
    /// It may be applied.
    Approve,
    /// It may be applied once something changes.
    RequestChanges,
    /// It is not to be applied.
    Reject,
}

impl VerdictKind {
    const ALL: [Self; 3] = [Self::Approve, Self::RequestChanges, Self::Reject];

    const fn tag(self) -> u8 {
        match self {
            Self::Approve => 1,
            Self::RequestChanges => 2,
            Self::Reject => 3,
        }
    }
}

/// A review's outcome: a register per account and revision (SEMANTICS R15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The revision judged.
    pub revision: RevisionId,
    /// Who judged, as a name; the envelope's key vouches for it.
    pub author: String,
    /// What was decided.
    pub kind: VerdictKind,
    /// Why, in words.
    pub words: String,
    /// Earlier verdicts of the same author on the same revision that this one replaces, strictly ascending.
    pub supersedes: Vec<EnvelopeId>,
}

impl Revision {
    /// The ops that must be effective for this revision to be, each once, ascending, without its own (SEMANTICS R8).
    #[must_use]
    pub fn needs(&self) -> Vec<OpId> {
        let own: std::collections::BTreeSet<OpId> = self.ops.iter().map(Op::id).collect();
        let mut needs: Vec<_> = self.ops.iter().flat_map(Op::needs).filter(|need| !own.contains(need)).collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    /// The definitions that its ops name, each once, ascending.
    #[must_use]
    pub fn contents(&self) -> Vec<DefHash> {
        let mut contents: Vec<_> = self.ops.iter().filter_map(Op::content).collect();
        contents.sort_unstable();
        contents.dedup();
        contents
    }

    pub(crate) fn encode(&self, to: &mut Encoder) {
        to.patch_id(&self.patch);
        to.list(&self.replaces, Encoder::envelope_id);
        to.text(&self.author);
        to.text(&self.intent);
        to.time(self.created_at);
        to.list(&self.depends, Encoder::patch_id);
        to.list(&self.ops, |to, op| to.bytes(&op.encode()));
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let revision = Self {
            patch: from.patch_id()?,
            replaces: from.set(PATCHES_MAX, "replaced revisions", Decoder::envelope_id)?,
            author: from.text(AUTHOR_BYTES_MAX, "author")?.to_owned(),
            intent: from.text(INTENT_BYTES_MAX, "intent")?.to_owned(),
            created_at: from.time("creation time")?,
            depends: from.set(PATCHES_MAX, "dependencies", Decoder::patch_id)?,
            ops: from.list(REVISION_OPS_MAX, "ops", |from| Op::decode(from.bytes(OP_BYTES_MAX, "op")?))?,
        };
        if revision.intent.trim().is_empty() {
            return Err(from.not_canonical("a patch without an intent"));
        }
        let mut seen = std::collections::BTreeSet::new();
        if !revision.ops.iter().all(|op| seen.insert(op)) {
            return Err(from.not_canonical("one op twice in a revision"));
        }
        Ok(revision)
    }
}

impl Apply {
    pub(crate) fn encode(&self, to: &mut Encoder) {
        to.instance_id(&self.channel);
        to.list(&self.onto, Encoder::envelope_id);
        to.list(&self.patches, |to, (patch, revision)| {
            to.patch_id(patch);
            to.envelope_id(revision);
        });
        to.text(&self.forced);
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let apply = Self {
            channel: from.instance_id()?,
            onto: from.set(PATCHES_MAX, "predecessors", Decoder::envelope_id)?,
            patches: from.set(PATCHES_MAX, "applied patches", |from| Ok((from.patch_id()?, from.envelope_id()?)))?,
            forced: from.text(INTENT_BYTES_MAX, "reason for forcing")?.to_owned(),
        };
        let distinct = apply.patches.iter().zip(apply.patches.iter().skip(1)).all(|(a, b)| a.0 != b.0);
        if apply.patches.is_empty() || !distinct {
            return Err(from.not_canonical("an apply of no patch, or of one patch twice"));
        }
        Ok(apply)
    }
}

impl Unapply {
    pub(crate) fn encode(&self, to: &mut Encoder) {
        to.instance_id(&self.channel);
        to.list(&self.onto, Encoder::envelope_id);
        to.list(&self.patches, Encoder::patch_id);
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let unapply = Self {
            channel: from.instance_id()?,
            onto: from.set(PATCHES_MAX, "predecessors", Decoder::envelope_id)?,
            patches: from.set(PATCHES_MAX, "unapplied patches", Decoder::patch_id)?,
        };
        if unapply.patches.is_empty() {
            return Err(from.not_canonical("an unapply of no patch"));
        }
        Ok(unapply)
    }
}

impl Withdraw {
    pub(crate) fn encode(&self, to: &mut Encoder) {
        to.patch_id(&self.patch);
        to.envelope_id(&self.revision);
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self { patch: from.patch_id()?, revision: from.envelope_id()? })
    }
}

impl Verdict {
    pub(crate) fn encode(&self, to: &mut Encoder) {
        to.envelope_id(&self.revision);
        to.text(&self.author);
        to.byte(self.kind.tag());
        to.text(&self.words);
        to.list(&self.supersedes, Encoder::envelope_id);
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let revision = from.envelope_id()?;
        let author = from.text(AUTHOR_BYTES_MAX, "author")?.to_owned();
        let tag = from.byte("verdict")?;
        let kind = VerdictKind::ALL.into_iter().find(|kind| kind.tag() == tag);
        let kind = kind.ok_or_else(|| from.unknown("verdict", u64::from(tag)))?;
        let words = from.text(INTENT_BYTES_MAX, "words")?.to_owned();
        let supersedes = from.set(PATCHES_MAX, "superseded verdicts", Decoder::envelope_id)?;
        Ok(Self { revision, author, kind, words, supersedes })
    }
}
