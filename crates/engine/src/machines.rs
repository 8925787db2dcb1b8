//! The two versions of the sync machine under one name: what drives one of them drives the other.

use dm_collab::sync::{self, ExchangeRead, Message, Outcome, ProtocolError, Step, SyncError, v1};
use dm_model::{EnvelopeId, Space};

use crate::wire::Spoken;

/// A machine that asks.
pub(crate) trait Asking {
    /// Its messages.
    type Message;
    /// The version of the protocol.
    const VERSION: u8;
    fn begin(&mut self, read: &dyn ExchangeRead) -> Result<Step<Self::Message>, SyncError>;
    fn handle(&mut self, answer: &[u8], read: &dyn ExchangeRead) -> Result<Step<Self::Message>, SyncError>;
    fn stored(&mut self, read: &dyn ExchangeRead) -> Result<Step<Self::Message>, SyncError>;
    fn settled(&mut self, made: &[EnvelopeId], read: &dyn ExchangeRead) -> Result<Step<Self::Message>, SyncError>;
    fn outcome(&self) -> &Outcome;
    fn ahead(&self) -> (usize, usize);
    /// A question as it is sent.
    fn spoken(question: &Self::Message) -> Spoken;
    /// What a question does, in words that a remote's name follows.
    fn doing(question: &Self::Message) -> Doing;
}

/// What an exchange is doing, for a person who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Asking,
    Comparing,
    Receiving,
    ReceivingContent,
    Sending,
}

/// A machine that answers.
pub(crate) trait Answering: Sized {
    /// Its messages.
    type Message;
    fn new(allowed: &[Space]) -> Self;
    fn handle(&mut self, question: Self::Message, read: &dyn ExchangeRead) -> Result<Step<Self::Message>, SyncError>;
    fn stored(&mut self, read: &dyn ExchangeRead) -> Result<Step<Self::Message>, SyncError>;
    fn settled(&mut self, made: &[EnvelopeId], read: &dyn ExchangeRead) -> Result<Step<Self::Message>, SyncError>;
    fn decode(question: &[u8]) -> Result<Self::Message, ProtocolError>;
    fn spoken(answer: &Self::Message) -> Spoken;
}

macro_rules! machines {
    ($initiator:ty, $responder:ty, $message:ty, $version:expr, $spoken:expr, $doing:expr) => {
        impl Asking for $initiator {
            type Message = $message;
            const VERSION: u8 = $version;
            fn begin(&mut self, read: &dyn ExchangeRead) -> Result<Step<$message>, SyncError> {
                <$initiator>::begin(self, read)
            }
            fn handle(&mut self, answer: &[u8], read: &dyn ExchangeRead) -> Result<Step<$message>, SyncError> {
                <$initiator>::handle(self, <$message>::decode(answer)?, read)
            }
            fn stored(&mut self, read: &dyn ExchangeRead) -> Result<Step<$message>, SyncError> {
                <$initiator>::stored(self, read)
            }
            fn settled(&mut self, made: &[EnvelopeId], read: &dyn ExchangeRead) -> Result<Step<$message>, SyncError> {
                <$initiator>::settled(self, made, read)
            }
            fn outcome(&self) -> &Outcome {
                <$initiator>::outcome(self)
            }
            fn ahead(&self) -> (usize, usize) {
                <$initiator>::ahead(self)
            }
            fn spoken(question: &$message) -> Spoken {
                $spoken(question)
            }
            fn doing(question: &$message) -> Doing {
                $doing(question)
            }
        }

        impl Answering for $responder {
            type Message = $message;
            fn new(allowed: &[Space]) -> Self {
                <$responder>::new(allowed.to_vec())
            }
            fn handle(&mut self, question: $message, read: &dyn ExchangeRead) -> Result<Step<$message>, SyncError> {
                <$responder>::handle(self, question, read)
            }
            fn stored(&mut self, read: &dyn ExchangeRead) -> Result<Step<$message>, SyncError> {
                <$responder>::stored(self, read)
            }
            fn settled(&mut self, made: &[EnvelopeId], read: &dyn ExchangeRead) -> Result<Step<$message>, SyncError> {
                <$responder>::settled(self, made, read)
            }
            fn decode(question: &[u8]) -> Result<$message, ProtocolError> {
                <$message>::decode(question)
            }
            fn spoken(answer: &$message) -> Spoken {
                $spoken(answer)
            }
        }
    };
}

machines!(sync::Initiator, sync::Responder, Message, sync::PROTOCOL_VERSION, Spoken::of, doing);
machines!(v1::Initiator, v1::Responder, v1::Message, v1::VERSION, spoken_1, doing_1);

/// Version 1 knows no dictionary.
fn spoken_1(message: &v1::Message) -> Spoken {
    Spoken { bytes: message.encode(), texts: false }
}

fn doing(question: &Message) -> Doing {
    match question {
        Message::Hello { .. } => Doing::Asking,
        Message::Compare { .. } => Doing::Comparing,
        Message::Get { .. } => Doing::Receiving,
        Message::GetContent { .. } => Doing::ReceivingContent,
        _ => Doing::Sending,
    }
}

fn doing_1(question: &v1::Message) -> Doing {
    match question {
        v1::Message::Hello { .. } => Doing::Asking,
        v1::Message::Have { .. } => Doing::Comparing,
        v1::Message::Get { .. } => Doing::Receiving,
        v1::Message::GetContent { .. } => Doing::ReceivingContent,
        _ => Doing::Sending,
    }
}
