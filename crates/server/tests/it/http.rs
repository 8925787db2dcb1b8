//! HTTP as plain bytes over a socket, so that tests can send what no client library would.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it is a refusal of that status and kind, in the shape that the documentation promises; gives its words.
    #[track_caller]
    pub fn refuses(&self, status: u16, kind: &str) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        let json = self.json();
        assert_eq!(json["error"]["kind"], kind, "{json}");
        json["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// A request as bytes; the connection ends with its answer.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

fn host(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

/// Sends bytes, says that no more will come, and reads what comes back until the other side ends.
pub fn send(url: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(host(url)).unwrap();
    let mut answer = Vec::new();
    // A server that refuses a body early may end before it took all of it.
    if stream.write_all(bytes).is_ok() {
        drop(stream.shutdown(Shutdown::Write));
    }
    drop(stream.read_to_end(&mut answer));
    answer
}

/// Sends a request and reads its answer.
#[track_caller]
pub fn ask(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let bytes = request(method, path, headers, body);
    let mut stream = TcpStream::connect(host(url)).unwrap();
    drop(stream.write_all(&bytes));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    parse(&answer).unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&answer)))
}

pub fn get(url: &str, path: &str) -> Answer {
    ask(url, "GET", path, &[], &[])
}

/// An answer out of its bytes, if they are whole.
pub fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let body = bytes[end + 4..].to_vec();
    Some(Answer { status, head, body })
}
