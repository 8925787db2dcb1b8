//! A relay between a program and a server that counts the bytes of both directions.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};

/// A relay. It ends with the process: connections that nobody makes cost nothing.
pub struct Relay {
    pub address: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Relay {
    /// Begins to relay to a server on this machine.
    pub fn to(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&bytes);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let Ok(near) = near else { break };
                // A connection that cannot be made is closed, which the program sees.
                let Ok(far) = TcpStream::connect(server) else { continue };
                near.set_nodelay(true).ok();
                far.set_nodelay(true).ok();
                let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { continue };
                let there = Arc::clone(&counted);
                let back = Arc::clone(&counted);
                std::thread::spawn(move || pass_on(near, far, &there));
                std::thread::spawn(move || pass_on(far_too, near_too, &back));
            }
        });
        Ok(Self { address, bytes })
    }

    /// The bytes that went through since the last time this was asked.
    pub fn take_bytes(&self) -> u64 {
        self.bytes.swap(0, Ordering::SeqCst)
    }
}

/// Passes on what comes, until either side closes.
fn pass_on(mut from: TcpStream, mut to: TcpStream, counted: &AtomicU64) {
    let mut chunk = vec![0u8; 64 << 10];
    while let Ok(length) = from.read(&mut chunk) {
        let Some(read) = chunk.get(..length).filter(|read| !read.is_empty()) else { break };
        counted.fetch_add(length as u64, Ordering::SeqCst);
        if to.write_all(read).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Write).ok();
}

/// The address in a URL as `http://127.0.0.1:1234/…`.
pub fn address_in(url: &str) -> Result<SocketAddr> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address = rest.split('/').next().unwrap_or_default();
    address.parse().with_context(|| format!("{url} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_both_directions_are_counted() {
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let relay = Relay::to(server.local_addr().unwrap()).unwrap();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let mut question = [0u8; 5];
            stream.read_exact(&mut question).unwrap();
            stream.write_all(b"answer!").unwrap();
            question
        });
        let mut stream = TcpStream::connect(relay.address).unwrap();
        stream.write_all(b"asked").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!((answer.as_str(), &answering.join().unwrap()), ("answer!", b"asked"));
        assert_eq!((relay.take_bytes(), relay.take_bytes()), (12, 0));
        assert_eq!(address_in("http://127.0.0.1:81/x").unwrap().port(), 81);
    }
}
