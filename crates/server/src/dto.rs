//! The JSON of the simple doors.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dm_collab::sync::{Parcel, Sealed};
use dm_engine::Page;
use dm_model::{Action, Body, Envelope, Op, Signature};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// An envelope: its id, its exact bytes, and a readable view of them.
#[derive(Serialize)]
pub struct EnvelopeOut {
    id: String,
    bytes: String,
    signature: String,
    view: View,
}

/// What an envelope says, for reading: the bytes count.
#[derive(Serialize)]
struct View {
    kind: &'static str,
    author_key: String,
    authored_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// The key that takes the place of the one which signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_key: Option<String>,
    patches: Vec<String>,
    ops: Vec<OpView>,
}

#[derive(Serialize)]
struct OpView {
    id: String,
    op: String,
    entity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

/// A definition as canonical bytes.
#[derive(Serialize)]
struct DefinitionOut {
    hash: String,
    bytes: String,
}

/// Answer to a pull.
#[derive(Serialize)]
pub struct PageOut {
    cursor: String,
    more: bool,
    envelopes: Vec<EnvelopeOut>,
    definitions: Vec<DefinitionOut>,
}

/// A push.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushIn {
    envelopes: Vec<EnvelopeIn>,
    #[serde(default)]
    definitions: Vec<DefinitionIn>,
}

/// An envelope that is pushed; a view, if there is one, is not read.
#[derive(Deserialize)]
struct EnvelopeIn {
    bytes: String,
    signature: String,
}

#[derive(Deserialize)]
struct DefinitionIn {
    bytes: String,
}

/// What a page looks like.
pub fn page(page: Page) -> PageOut {
    let definition = |(hash, bytes): (dm_model::DefHash, Vec<u8>)| DefinitionOut {
        hash: hash.to_string(),
        bytes: STANDARD.encode(bytes),
    };
    PageOut {
        cursor: page.cursor,
        more: page.more,
        envelopes: page.envelopes.iter().map(envelope).collect(),
        definitions: page.definitions.into_iter().map(definition).collect(),
    }
}

fn envelope(envelope: &Arc<Envelope>) -> EnvelopeOut {
    EnvelopeOut {
        id: envelope.id().to_string(),
        bytes: STANDARD.encode(envelope.bytes()),
        signature: STANDARD.encode(envelope.signature().as_bytes()),
        view: view(envelope),
    }
}

fn view(envelope: &Envelope) -> View {
    let header = envelope.header();
    let mut view = View {
        kind: "unknown",
        author_key: header.author_key.to_string(),
        authored_at: header.authored_at.as_ms(),
        author: None,
        intent: None,
        channel: None,
        next_key: None,
        patches: Vec::new(),
        ops: Vec::new(),
    };
    match envelope.body() {
        Body::Revision(revision) => {
            view.kind = "revision";
            view.author = Some(revision.author.clone());
            view.intent = Some(revision.intent.clone());
            view.patches = vec![revision.patch.to_string()];
            view.ops = revision.ops.iter().map(op).collect();
        }
        Body::Apply(apply) => {
            view.kind = "apply";
            view.channel = Some(apply.channel.to_string());
            view.patches = apply.patches.iter().map(|(patch, _)| patch.to_string()).collect();
        }
        Body::Unapply(unapply) => {
            view.kind = "unapply";
            view.channel = Some(unapply.channel.to_string());
            view.patches = unapply.patches.iter().map(ToString::to_string).collect();
        }
        Body::Withdraw(withdraw) => {
            view.kind = "withdraw";
            view.patches = vec![withdraw.patch.to_string()];
        }
        Body::Verdict(verdict) => {
            view.kind = "verdict";
            view.author = Some(verdict.author.clone());
        }
        Body::KeyChange(change) => {
            view.kind = "key-change";
            view.author = Some(change.author.clone());
            view.next_key = change.successor.map(|next| next.key.to_string());
        }
        Body::Vouch(vouch) => {
            view.kind = "vouch";
            view.author = Some(vouch.author.clone());
        }
        Body::TakeOver(takes) => {
            view.kind = "take-over";
            view.channel = Some(takes.channel.to_string());
        }
        Body::Unknown { .. } => {}
    }
    view
}

fn op(op: &Op) -> OpView {
    let location = match &op.action {
        Action::CreateName { location, .. } | Action::MoveName { to: location } => Some(location.to_string()),
        _ => None,
    };
    OpView {
        id: op.id().to_string(),
        op: op.action.name().to_owned(),
        entity: op.entity.to_string(),
        location,
        content: op.content().map(|hash| hash.to_string()),
    }
}

/// The parcel that a push means.
///
/// # Errors
/// If something in it is not base64, or a signature has another length; says where.
pub fn parcel(push: PushIn) -> Result<Parcel, Failure> {
    let mut parcel = Parcel::default();
    for (at, envelope) in push.envelopes.into_iter().enumerate() {
        let bytes = decode(&envelope.bytes, || format!("envelopes[{at}].bytes"))?;
        let signature = decode(&envelope.signature, || format!("envelopes[{at}].signature"))?;
        let signature: [u8; 64] = signature
            .try_into()
            .map_err(|_| Failure::request(format!("envelopes[{at}].signature has not 64 bytes")))?;
        parcel.envelopes.push(Sealed { signature: Signature::from_bytes(signature), bytes });
    }
    for (at, definition) in push.definitions.into_iter().enumerate() {
        parcel.definitions.push(decode(&definition.bytes, || format!("definitions[{at}].bytes"))?);
    }
    Ok(parcel)
}

fn decode(text: &str, place: impl Fn() -> String) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text).map_err(|error| Failure::request(format!("{} is not base64: {error}", place())))
}
