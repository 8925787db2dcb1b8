//! The side that answers.

use std::collections::BTreeSet;

use dm_model::{DefHash, EnvelopeId, RevisionId, Space};

use super::message::{BEHIND_IDS_MAX, Delivery, Message, Section, SpaceClaim, Verdict};
use super::parcel::{Parcel, Received, still_missing};
use super::ranges::{self, Claim, LIST_IDS, Range, RangeAnswer};
use super::{ExchangeRead, GET_PAIRS, Named as _, ProtocolError, Step, SyncError, set_element};
use crate::read::{Need, ReadError};
use crate::state::Fingerprint;

/// Answers one question. A new one is made for each: between questions there is nothing to remember.
#[derive(Debug)]
pub struct Responder {
    /// The spaces that the asker may read and write to.
    allowed: Vec<Space>,
    waiting: Option<Waiting>,
}

/// What the question is, while the caller stores or settles.
#[derive(Debug)]
enum Waiting {
    Hello(Vec<SpaceClaim>),
    Put { received: Received, finish: bool },
}

impl Responder {
    /// A responder that waits for a question of someone who may read these spaces. Any other is answered as if it were not there.
    #[must_use]
    pub fn new(allowed: Vec<Space>) -> Self {
        Self { allowed, waiting: None }
    }

    /// Takes a question.
    ///
    /// # Errors
    /// A message that is no question, or whose content fails its checks; the own store.
    pub fn handle(&mut self, message: Message, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        let answer = match message {
            Message::Hello { claims, .. } => {
                // An earlier exchange may have been cut before what it put was settled.
                self.waiting = Some(Waiting::Hello(claims));
                return Ok(Step::Settle);
            }
            Message::Compare { sections } => self.compare(&sections, read)?,
            Message::Get { ids } => Message::Delivery(self.deliver(&ids, read)?),
            Message::GetContent { pairs } => {
                let (parcel, _) = Parcel::pack_content(read, &self.allowed, &pairs)?;
                Message::Delivery(Delivery { definitions: parcel.definitions, ..Delivery::default() })
            }
            Message::Put { parcel, finish } => return self.put(parcel, finish, read),
            other => return Err(ProtocolError::Unexpected { found: other.kind() }.into()),
        };
        Ok(Step::Send(answer))
    }

    fn compare(&self, sections: &[Section], read: &dyn ExchangeRead) -> Result<Message, SyncError> {
        let mut listed = 0;
        let mut answers = Vec::with_capacity(sections.len());
        for (space, ranges) in sections {
            if !self.allowed.contains(space) {
                return Err(ProtocolError::OtherSpace.into());
            }
            let section: Result<Vec<RangeAnswer>, ReadError> =
                ranges.iter().map(|range| ranges::answer(read, *space, range, &mut listed)).collect();
            answers.push(section?);
        }
        Ok(Message::Compared { sections: answers })
    }

    /// What is held of these, each after what it needs.
    fn deliver(&self, ids: &[EnvelopeId], read: &dyn ExchangeRead) -> Result<Delivery, ReadError> {
        let ordered = read.ids_in_order(ids)?;
        let (parcel, taken) = Parcel::pack(read, &self.allowed, &ordered)?;
        // What was packed says which positions it answers; what was left out for lack of room is neither there nor absent.
        let packed: Vec<EnvelopeId> = parcel.envelopes.iter().map(super::Sealed::id).collect();
        let left: BTreeSet<EnvelopeId> = ordered.into_iter().skip(taken).collect();
        let mut places: std::collections::BTreeMap<EnvelopeId, u64> = std::collections::BTreeMap::new();
        let mut absent = Vec::new();
        for (at, id) in (0u64..).zip(ids) {
            if packed.contains(id) && !places.contains_key(id) {
                places.insert(*id, at);
            } else if !left.contains(id) && !places.contains_key(id) {
                absent.push(at);
            }
        }
        let envelopes = parcel.envelopes.into_iter().zip(packed);
        let envelopes = envelopes.filter_map(|(sealed, id)| Some((*places.get(&id)?, sealed))).collect();
        Ok(Delivery { absent, envelopes, definitions: parcel.definitions })
    }

    fn put(&mut self, parcel: Parcel, finish: bool, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        let sealed = parcel.envelopes.into_iter().map(|sealed| (sealed.id(), sealed)).collect();
        let mut received = Received::sift(sealed, &[], &self.allowed)?;
        // What nothing here waits for is passed over, whether it is held or not: so nobody learns that it is.
        let awaits = |hash: &DefHash| self.awaits(hash, read);
        received.take_definitions(&parcel.definitions, &awaits, false)?;
        self.waiting = Some(Waiting::Put { received: received.clone(), finish });
        Ok(Step::Store(received))
    }

    /// Whether a revision that the asker may read waits for a definition.
    fn awaits(&self, hash: &DefHash, read: &dyn ExchangeRead) -> Result<bool, ReadError> {
        for id in read.waiting_on(&Need::Content(*hash))? {
            if read.envelope(&id)?.is_some_and(|envelope| self.allowed.contains(&envelope.header().space)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What was handed out is stored.
    ///
    /// # Errors
    /// If nothing was handed out; the own store.
    pub fn stored(&mut self, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        let Some(Waiting::Put { received, finish }) = self.waiting.take() else {
            return Err(ProtocolError::Unexpected { found: "stored" }.into());
        };
        let missing = still_missing(&received, read)?;
        if finish && missing.is_empty() {
            self.waiting = Some(Waiting::Put { received, finish });
            return Ok(Step::Settle);
        }
        Ok(Step::Send(Message::Stored { missing, refused: received.refused_ids() }))
    }

    /// What does not conflict is applied; `made` are the own facts that say so.
    ///
    /// # Errors
    /// If settling was not asked for; the own store.
    pub fn settled(&mut self, made: &[EnvelopeId], read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        let answer = match self.waiting.take() {
            Some(Waiting::Hello(claims)) => self.welcome(&claims, read)?,
            Some(Waiting::Put { received, .. }) => Message::Finished {
                refused: received.refused_ids(),
                parcel: Parcel::pack(read, &self.allowed, made)?.0,
            },
            None => return Err(ProtocolError::Unexpected { found: "settled" }.into()),
        };
        Ok(Step::Send(answer))
    }

    fn welcome(&self, claims: &[SpaceClaim], read: &dyn ExchangeRead) -> Result<Message, ReadError> {
        let mut verdicts = Vec::with_capacity(claims.len());
        for claim in claims {
            let allowed = self.allowed.contains(&claim.space);
            verdicts.push(if allowed { verdict(claim, read)? } else { Verdict::NotShared });
        }
        let shared: Vec<Space> =
            claims.iter().map(|claim| claim.space).filter(|space| self.allowed.contains(space)).collect();
        let missing: Vec<(RevisionId, DefHash)> = read.missing_contents(&shared, GET_PAIRS)?;
        Ok(Message::Welcome { instance: read.own_channel(), verdicts, missing })
    }
}

/// How the own set compares with what an asker says.
fn verdict(claim: &SpaceClaim, read: &dyn ExchangeRead) -> Result<Verdict, ReadError> {
    let own = read.set_fingerprint(claim.space)?;
    if own == claim.all {
        return Ok(Verdict::Same);
    }
    if own == claim.known {
        return Ok(Verdict::AsKnown);
    }
    if let Some(ahead) = ahead(own, claim, read)? {
        return Ok(ahead);
    }
    let answer = ranges::answer(read, claim.space, &(Range::ALL, Claim::Sum(claim.all)), &mut 0)?;
    Ok(Verdict::Differ(answer))
}

/// Whether the own set is what the asker says, and what came here since.
fn ahead(own: Fingerprint, claim: &SpaceClaim, read: &dyn ExchangeRead) -> Result<Option<Verdict>, ReadError> {
    let more = |theirs: &Fingerprint| own.count.checked_sub(theirs.count).filter(|more| *more <= BEHIND_IDS_MAX as u64);
    let [all, known] = [more(&claim.all), more(&claim.known)];
    let Some(most) = all.max(known) else { return Ok(None) };
    let newest = read.newest_ids(claim.space, usize::try_from(most).unwrap_or(0))?;
    let mut before = own;
    let mut found = None;
    for (count, id) in (1u64..).zip(&newest) {
        before.remove(&set_element(id));
        // With all that the asker holds it lacks nothing here; else what it is not known to hold goes there.
        if Some(count) == all && before == claim.all {
            found = Some((false, count));
            break;
        }
        if Some(count) == known && before == claim.known {
            found = Some((true, count));
        }
    }
    let Some((of_known, count)) = found else { return Ok(None) };
    // Of what is offered the asker may hold as many as it has not sent. If that could be most of it, ranges cost less.
    let unsent = claim.all.count.saturating_sub(claim.known.count);
    if of_known && count > LIST_IDS as u64 && unsent > count / 2 {
        return Ok(None);
    }
    let newest = newest.get(..usize::try_from(count).unwrap_or(0)).unwrap_or_default();
    Ok(Some(Verdict::Ahead { of_known, offered: read.ids_in_order(newest)? }))
}
