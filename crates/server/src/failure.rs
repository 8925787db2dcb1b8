//! The one place that turns errors into statuses and words.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use dm_collab::sync::ProtocolError;
use dm_engine::{EngineError, StoreError};
use serde::Serialize;

/// A refusal, as a client sees it: `{"error": {"kind": …, "message": …}}`.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Body<'f> {
    error: Words<'f>,
}

#[derive(Serialize)]
struct Words<'f> {
    kind: &'f str,
    message: &'f str,
}

impl Failure {
    /// A request that is wrong in itself.
    pub fn request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "request", message: message.into() }
    }

    /// Another version of the protocol.
    pub fn version(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "protocol-version", message: message.into() }
    }

    /// A missing or wrong token.
    pub fn token(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, kind: "token", message: message.into() }
    }

    /// Nothing is there.
    pub fn nothing_there() -> Self {
        Self { status: StatusCode::NOT_FOUND, kind: "not-found", message: "there is nothing at this path".to_owned() }
    }

    /// Something is there, but not for this method.
    pub fn method() -> Self {
        let message = "this path does not take that method".to_owned();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, kind: "method", message }
    }

    /// A body of a type that the door does not take.
    pub fn media_type(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, kind: "media-type", message: message.into() }
    }

    /// A request that took too long.
    pub fn too_slow() -> Self {
        let message = "the request took too long and was given up".to_owned();
        Self { status: StatusCode::REQUEST_TIMEOUT, kind: "timeout", message }
    }

    /// A body with more bytes than one may have.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, kind: "too-large", message: message.into() }
    }

    /// Our own mistake.
    pub fn bug(what: &str) -> Self {
        let message = format!("BUG: {what}; the store is as it was");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, kind: "bug", message }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Peer(error @ ProtocolError::Version { .. }) => Self::version(error.to_string()),
            EngineError::Peer(error) => Self::request(error.to_string()),
            EngineError::ForeignCursor(_) => Self::request(format!("{error}; begin again without one")),
            EngineError::Store(StoreError::Busy { .. }) => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                kind: "busy",
                message: "the store is busy; try again".to_owned(),
            },
            EngineError::Store(StoreError::Full { .. }) => Self {
                status: StatusCode::INSUFFICIENT_STORAGE,
                kind: "full",
                message: "no space is left on the server's disk; nothing was stored".to_owned(),
            },
            // Where the store lies, and what is wrong with it, is the operator's: the server's own log has it.
            error => {
                eprintln!("a request failed: {error}");
                Self {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    kind: "store",
                    message: "the server's store failed; its operator finds the reason in its log".to_owned(),
                }
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = Body { error: Words { kind: self.kind, message: &self.message } };
        (self.status, Json(body)).into_response()
    }
}
