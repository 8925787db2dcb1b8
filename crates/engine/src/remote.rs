//! The line to a remote: one HTTP request a question, over a kept connection; or, where the remote is a path, another store that
//! answers in this process.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use dm_collab::sync::{MESSAGE_BYTES_MAX, ProtocolError};
use dm_model::Space;
use serde::Deserialize;
use ureq::http::StatusCode;

use crate::engine::{Engine, OpenOptions};
use crate::error::EngineError;
use crate::wire::{self, SYNC_MEDIA_TYPE, Spoken};

/// A whole answer may take so many times the time-out of one silence: a slow line is not a dead one, but an endless drip is.
const WHOLE_ANSWER_TIMEOUTS: u32 = 20;
/// Most bytes of an error's body that are read.
const ERROR_BYTES_MAX: u64 = 64 << 10;
/// Most characters of a remote's own words that are shown.
const WORDS_MAX: usize = 400;

/// Why a remote could not be spoken with.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Nobody answers there.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("it did not answer within {0} s")]
    TimedOut(u64),
    /// The connection ended in the middle of an answer.
    #[error("the connection was cut: {0}")]
    Cut(String),
    /// It wants a key, or another one.
    #[error("it refuses the key: {0}")]
    NotAllowed(String),
    /// It speaks another version of the protocol.
    #[error("it speaks another version of the protocol: {0}")]
    Version(String),
    /// It refused, in its own words.
    #[error("it refused with status {status}: {words}")]
    Refused {
        /// HTTP's status code.
        status: u16,
        /// What it said.
        words: String,
    },
    /// The store at that path failed.
    #[error("the store there cannot be used: {0}")]
    Store(String),
    /// Whatever answers there, it is no Darkmatter server.
    #[error("what answers there is no Darkmatter server: {0}")]
    Foreign(String),
    /// An answer that fails its checks.
    #[error("its answer is not valid: {0}")]
    Invalid(#[from] ProtocolError),
}

/// A line to a remote.
pub(crate) struct Line {
    way: Way,
    /// The spaces that are exchanged over it.
    spaces: Vec<Space>,
    /// Questions asked.
    pub trips: u64,
    /// Bytes of bodies sent.
    pub bytes_sent: u64,
    /// Bytes of bodies received.
    pub bytes_received: u64,
}

/// How a remote is spoken with.
enum Way {
    Http(Http),
    /// Another store on this machine answers by itself, without a server.
    Store(Box<Engine>),
}

/// A connection to a server, kept between questions.
struct Http {
    agent: ureq::Agent,
    url: String,
    token: Option<String>,
    timeout_s: u64,
}

/// How a server words an error.
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorWords,
}

#[derive(Deserialize)]
struct ErrorWords {
    kind: String,
    message: String,
}

impl Line {
    /// A line that is opened with the first question: over HTTP, or straight into another store.
    pub(crate) fn to(remote: &dm_store::Remote, engine: &Engine, spaces: Vec<Space>) -> Result<Self, RemoteError> {
        let mut spaces = spaces;
        let way = match remote.url.strip_prefix("http") {
            Some(_) => Way::Http(Http::to(remote)),
            None => {
                let folder = PathBuf::from(&remote.url);
                let options = OpenOptions { folder, author: None, ..engine.options() };
                let failed = |error: EngineError| RemoteError::Store(error.to_string());
                let other = Engine::open(options).map_err(failed)?;
                // Of groups, what both list.
                let named = other.named_spaces().map_err(failed)?;
                spaces.retain(|space| space.is_public() || named.contains(space));
                Way::Store(Box::new(other))
            }
        };
        Ok(Self { way, spaces, trips: 0, bytes_sent: 0, bytes_received: 0 })
    }

    /// Asks a question and waits for its answer.
    pub(crate) fn ask(&mut self, question: &Spoken) -> Result<Vec<u8>, RemoteError> {
        self.trips += 1;
        match &self.way {
            Way::Store(engine) => {
                let answer = engine.respond(&question.bytes, &self.spaces).map_err(|error| match error {
                    EngineError::Peer(error) => RemoteError::Invalid(error),
                    error => RemoteError::Store(error.to_string()),
                })?;
                self.bytes_sent += question.bytes.len() as u64;
                self.bytes_received += answer.bytes.len() as u64;
                Ok(answer.bytes)
            }
            Way::Http(http) => {
                let body = question.pack();
                self.bytes_sent += body.len() as u64;
                let answer = http.post(&body, self.trips)?;
                self.bytes_received += answer.len() as u64;
                wire::unpack(&answer).map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => RemoteError::Cut(error.to_string()),
                    _ => RemoteError::Foreign(format!("its answer does not unpack: {error}")),
                })
            }
        }
    }
}

impl Http {
    fn to(remote: &dm_store::Remote) -> Self {
        let timeout = Duration::from_millis(remote.timeout_ms);
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(timeout))
            .timeout_per_read(Some(timeout))
            .timeout_per_write(Some(timeout))
            .timeout_recv_response(Some(timeout))
            .timeout_per_call(Some(timeout * WHOLE_ANSWER_TIMEOUTS))
            .user_agent(concat!("dm/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
            url: format!("{}/api/sync", remote.url),
            token: remote.token.clone(),
            timeout_s: remote.timeout_ms.div_ceil(1000),
        }
    }

    /// Sends a body and gives back the answer's; `trip` counts from 1.
    fn post(&self, body: &[u8], trip: u64) -> Result<Vec<u8>, RemoteError> {
        let phase = if trip > 1 { Phase::AskingAgain } else { Phase::Asking };
        let mut request = self.agent.post(&self.url).header("content-type", SYNC_MEDIA_TYPE);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.send(body).map_err(|error| self.failure(error, phase))?;
        let status = answer.status();
        if status != StatusCode::OK {
            let words = answer.body_mut().with_config().limit(ERROR_BYTES_MAX).read_to_string().unwrap_or_default();
            return Err(refusal(status, &words));
        }
        let media_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if media_type != SYNC_MEDIA_TYPE {
            return Err(RemoteError::Foreign(format!("its answer is `{}`", tame(media_type))));
        }
        let read = answer.body_mut().with_config().limit(MESSAGE_BYTES_MAX as u64).read_to_vec();
        read.map_err(|error| self.failure(error, Phase::Answering))
    }

    fn failure(&self, error: ureq::Error, phase: Phase) -> RemoteError {
        match error {
            ureq::Error::Timeout(_) => RemoteError::TimedOut(self.timeout_s),
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => RemoteError::TimedOut(self.timeout_s),
            ureq::Error::Io(error) if phase == Phase::Answering => RemoteError::Cut(plain(&error)),
            ureq::Error::Io(error)
                if error.kind() != io::ErrorKind::ConnectionRefused && phase == Phase::AskingAgain =>
            {
                RemoteError::Cut(plain(&error))
            }
            ureq::Error::Io(error) => RemoteError::Unreachable(plain(&error)),
            ureq::Error::Protocol(error) => RemoteError::Foreign(error.to_string()),
            ureq::Error::BodyExceedsLimit(_) => {
                RemoteError::Invalid(ProtocolError::TooLarge { found: MESSAGE_BYTES_MAX + 1 })
            }
            other => RemoteError::Unreachable(other.to_string()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Asking,
    /// On a connection that has answered before.
    AskingAgain,
    Answering,
}

/// What went wrong, without the number that each operating system has for it.
fn plain(error: &io::Error) -> String {
    if error.raw_os_error().is_some() { error.kind().to_string() } else { error.to_string() }
}

/// What a status other than 200 means.
fn refusal(status: StatusCode, body: &str) -> RemoteError {
    let Ok(ErrorBody { error }) = serde_json::from_str::<ErrorBody>(body) else {
        return RemoteError::Foreign(format!("it answers with status {status}"));
    };
    let words = tame(&error.message);
    match (status, error.kind.as_str()) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => RemoteError::NotAllowed(words),
        (_, "protocol-version") => RemoteError::Version(words),
        _ => RemoteError::Refused { status: status.as_u16(), words },
    }
}

/// A remote's words, fit for a terminal: one line, bounded, without control characters.
fn tame(words: &str) -> String {
    let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
    words.chars().take(WORDS_MAX).map(printable).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_remote_are_tamed() {
        assert_eq!(tame("no\u{1b}[2Jway\n"), "no [2Jway");
        assert_eq!(tame(&"x".repeat(1000)).len(), WORDS_MAX);
    }

    #[test]
    fn what_is_no_server_is_said_so() {
        let error = refusal(StatusCode::NOT_FOUND, "<html>404</html>");
        assert!(matches!(error, RemoteError::Foreign(_)), "{error}");
        let body = r#"{"error": {"kind": "token", "message": "no key was shown"}}"#;
        let error = refusal(StatusCode::UNAUTHORIZED, body);
        assert!(matches!(error, RemoteError::NotAllowed(_)), "{error}");
    }
}
