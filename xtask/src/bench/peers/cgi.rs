//! Serving a git repository over HTTP: the least that `git http-backend` needs around it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Most bytes of a request's body that are taken.
const BODY_BYTES_MAX: u64 = 1 << 30;

/// Serves the repositories in a folder until the process ends.
pub fn serve(root: &Path) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let root = root.to_path_buf();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { break };
            let root = root.clone();
            // A request that fails ends its connection, which the client sees.
            std::thread::spawn(move || answer(stream, &root).ok());
        }
    });
    Ok(address)
}

/// A request's first line and what the backend wants to know of its head.
#[derive(Default)]
struct Head {
    method: String,
    target: String,
    length: Option<u64>,
    chunked: bool,
    content_type: String,
    encoding: String,
    protocol: String,
}

fn head(from: &mut BufReader<TcpStream>) -> Result<Head> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let mut head = Head {
        method: words.next().context("no method")?.to_owned(),
        target: words.next().context("no target")?.to_owned(),
        ..Head::default()
    };
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(head) };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = Some(value.parse()?),
            "transfer-encoding" => head.chunked = value.eq_ignore_ascii_case("chunked"),
            "content-type" => value.clone_into(&mut head.content_type),
            "content-encoding" => value.clone_into(&mut head.encoding),
            "git-protocol" => value.clone_into(&mut head.protocol),
            "expect" => from.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?,
            _ => {}
        }
    }
}

fn body(from: &mut BufReader<TcpStream>, head: &Head) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if !head.chunked {
        from.take(head.length.unwrap_or(0).min(BODY_BYTES_MAX)).read_to_end(&mut body)?;
        return Ok(body);
    }
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).context("a chunk without a size")?;
        if body.len() as u64 + size > BODY_BYTES_MAX {
            bail!("a body that is too large");
        }
        from.by_ref().take(size).read_to_end(&mut body)?;
        from.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn answer(mut stream: TcpStream, root: &PathBuf) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut from = BufReader::new(stream.try_clone()?);
    let head = head(&mut from)?;
    let body = body(&mut from, &head)?;
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    let mut backend = Command::new("git");
    backend.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1").env("PATH_INFO", path);
    backend.env("QUERY_STRING", query).env("REQUEST_METHOD", &head.method).env("CONTENT_TYPE", &head.content_type);
    backend.env("CONTENT_LENGTH", body.len().to_string()).env("REMOTE_ADDR", "127.0.0.1");
    if !head.encoding.is_empty() {
        backend.env("HTTP_CONTENT_ENCODING", &head.encoding);
    }
    if !head.protocol.is_empty() {
        backend.env("GIT_PROTOCOL", &head.protocol);
    }
    let mut child = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    child.stdin.take().context("the backend has no input")?.write_all(&body)?;
    let mut printed = BufReader::new(child.stdout.take().context("the backend has no output")?);
    let (mut status, mut headers) = ("200 OK".to_owned(), String::new());
    loop {
        let mut line = String::new();
        printed.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some(("Status", found)) => found.clone_into(&mut status),
            Some((name, value)) => headers.push_str(&format!("{name}: {value}\r\n")),
            None => break,
        }
    }
    stream.write_all(format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n").as_bytes())?;
    std::io::copy(&mut printed, &mut stream)?;
    stream.shutdown(Shutdown::Write).ok();
    child.wait()?;
    Ok(())
}
