//! The side that answers.

use dm_model::{DefHash, EnvelopeId, Space};

use super::SPACE;
use super::message::{Message, Verdict};
use crate::read::Need;
use crate::state::Fingerprint;
use crate::sync::parcel::{Parcel, Received, check_parcel, still_missing};
use crate::sync::{ExchangeRead, Named as _, PAIRS_MAX, ProtocolError, SyncError};

type Step = crate::sync::Step<Message>;

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
    Hello { space: Space, all: Fingerprint, known: Fingerprint },
    Put { received: Received, finish: bool },
}

impl Responder {
    /// A responder that waits for a question of someone who may read these spaces. Any other is answered as if it were not there.
    #[must_use]
    pub fn new(allowed: Vec<Space>) -> Self {
        Self { allowed, waiting: None }
    }

    fn shared(&self, space: Space) -> Result<Space, ProtocolError> {
        if space == SPACE && self.allowed.contains(&space) { Ok(space) } else { Err(ProtocolError::OtherSpace) }
    }

    /// The one space that there is to this version, if the asker may read it.
    fn public(&self) -> Result<Space, ProtocolError> {
        self.shared(SPACE)
    }

    /// Takes a question.
    ///
    /// # Errors
    /// A message that is no question, or whose content fails its checks; the own store.
    pub fn handle(&mut self, message: Message, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        let answer = match message {
            Message::Hello { space, all, known, .. } => {
                // An earlier exchange may have been cut before what it put was settled.
                self.waiting = Some(Waiting::Hello { space: self.shared(space)?, all, known });
                return Ok(Step::Settle);
            }
            Message::Have { space, ids } => {
                let own = read.envelope_ids(self.shared(space)?)?;
                let lacking = without(&ids, &own);
                let offered = read.ids_in_order(&without(&own, &ids))?;
                Message::Difference { lacking, offered }
            }
            Message::Get { ids } => Message::Parcel(Parcel::pack(read, &[self.public()?], &ids)?.0),
            Message::GetContent { pairs } => Message::Parcel(Parcel::pack_content(read, &[self.public()?], &pairs)?.0),
            Message::Put { parcel, finish } => return self.put(&parcel, finish, read),
            other => return Err(ProtocolError::Unexpected { found: other.kind() }.into()),
        };
        Ok(Step::Send(answer))
    }

    fn put(&mut self, parcel: &Parcel, finish: bool, read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        // What is held is harmless: somebody else may have put it a moment ago.
        let awaits =
            |hash: &DefHash| Ok(read.content_present(hash)? || !read.waiting_on(&Need::Content(*hash))?.is_empty());
        let received = check_parcel(parcel, &[self.public()?], &|_| true, &awaits)?;
        self.waiting = Some(Waiting::Put { received: received.clone(), finish });
        Ok(Step::Store(received))
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
        Ok(Step::Send(Message::Stored { missing }))
    }

    /// What does not conflict is applied; `made` are the own facts that say so.
    ///
    /// # Errors
    /// If settling was not asked for; the own store.
    pub fn settled(&mut self, made: &[EnvelopeId], read: &dyn ExchangeRead) -> Result<Step, SyncError> {
        let answer = match self.waiting.take() {
            Some(Waiting::Hello { space, all, known }) => {
                let own = read.set_fingerprint(space)?;
                let verdict = match own {
                    own if own == all => Verdict::Same,
                    own if own == known => Verdict::AsKnown,
                    _ => Verdict::Differ,
                };
                let missing = read.missing_contents(&[SPACE], PAIRS_MAX)?;
                Message::Welcome { instance: read.own_channel(), verdict, missing }
            }
            Some(Waiting::Put { .. }) => Message::Finished { parcel: Parcel::pack(read, &[SPACE], made)?.0 },
            None => return Err(ProtocolError::Unexpected { found: "settled" }.into()),
        };
        Ok(Step::Send(answer))
    }
}

/// The elements of one ascending list that another has not.
fn without(ids: &[EnvelopeId], others: &[EnvelopeId]) -> Vec<EnvelopeId> {
    ids.iter().filter(|id| others.binary_search(id).is_err()).copied().collect()
}
