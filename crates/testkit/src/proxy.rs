//! A bad network on the loopback: a proxy that cuts connections after so many bytes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Most bytes that are carried at once.
const CHUNK_BYTES: usize = 4096;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// A proxy before a server. It ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    listening: Option<JoinHandle<()>>,
}

struct State {
    target: String,
    /// How many bytes it still carries each way; no limit if none.
    left: [Option<u64>; 2],
    carried: [u64; 2],
    /// Most bytes that are carried at once.
    chunk: usize,
    /// What happens at the cut, just before both ends hear of it.
    at_cut: Option<Box<dyn FnOnce() + Send>>,
    /// After a cut, nothing more is carried.
    cut: bool,
    ended: bool,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// A proxy before a server at that address (`127.0.0.1:7777`, or its URL), which carries everything until told otherwise.
    ///
    /// # Panics
    /// If the loopback has no port.
    #[must_use]
    pub fn to(server: &str) -> Self {
        let target = server.strip_prefix("http://").unwrap_or(server).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("no loopback port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("a socket without address: {error}"));
        let state = Arc::new(Mutex::new(State {
            target,
            left: [None, None],
            carried: [0, 0],
            chunk: CHUNK_BYTES,
            at_cut: None,
            cut: false,
            ended: false,
        }));
        let shared = Arc::clone(&state);
        let listening = std::thread::spawn(move || {
            for client in listener.incoming() {
                if locked(&shared).ended {
                    return;
                }
                // A client that is gone already, or a server that is not there, is what is being tested.
                if let Ok(client) = client {
                    drop(connect(client, &shared));
                }
            }
        });
        Self { address, state, listening: Some(listening) }
    }

    /// Its URL: what a remote is named with.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection once so many more bytes were carried that way.
    pub fn cut_after(&self, way: Way, bytes: u64) {
        self.cut_after_then(way, bytes, || {});
    }

    /// Cuts as [`Proxy::cut_after`] does, and does something else just before.
    pub fn cut_after_then(&self, way: Way, bytes: u64, at_cut: impl FnOnce() + Send + 'static) {
        let mut state = locked(&self.state);
        state.left = [None, None];
        let [up, down] = &mut state.left;
        *(if way == Way::Up { up } else { down }) = Some(bytes);
        state.at_cut = Some(Box::new(at_cut));
        state.cut = false;
    }

    /// Carries at most so many bytes at once.
    pub fn drip(&self, bytes: usize) {
        locked(&self.state).chunk = bytes.clamp(1, CHUNK_BYTES);
    }

    /// Carries everything from now on.
    pub fn heal(&self) {
        let mut state = locked(&self.state);
        state.left = [None, None];
        state.cut = false;
        state.at_cut = None;
        state.carried = [0, 0];
    }

    /// Another server stands behind it from now on.
    pub fn turn_to(&self, server: &str) {
        locked(&self.state).target = server.strip_prefix("http://").unwrap_or(server).to_owned();
    }

    /// How many bytes went up and down since it was made or healed.
    #[must_use]
    pub fn carried(&self) -> (u64, u64) {
        let [up, down] = locked(&self.state).carried;
        (up, down)
    }

    /// Whether a connection was cut.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        locked(&self.state).cut
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        locked(&self.state).ended = true;
        // Wakes the listener; it fails only if that has ended already.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            drop(listening.join());
        }
    }
}

/// Carries bytes both ways until either side ends.
fn connect(client: TcpStream, state: &Arc<Mutex<State>>) -> io::Result<()> {
    if locked(state).cut {
        return client.shutdown(Shutdown::Both);
    }
    let target = locked(state).target.clone();
    let server = match TcpStream::connect(target) {
        Ok(server) => server,
        Err(error) => {
            client.shutdown(Shutdown::Both)?;
            return Err(error);
        }
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (up, down) = ((client.try_clone()?, server.try_clone()?), (server, client));
    for (way, (from, to)) in [(Way::Up, up), (Way::Down, down)] {
        let state = Arc::clone(state);
        // It ends with its connection.
        drop(std::thread::spawn(move || carry(way, from, to, &state)));
    }
    Ok(())
}

fn carry(way: Way, mut from: TcpStream, mut to: TcpStream, state: &Mutex<State>) {
    let mut buffer = [0; CHUNK_BYTES];
    loop {
        let chunk = locked(state).chunk;
        let room = buffer.get_mut(..chunk).unwrap_or_default();
        let read = match from.read(room) {
            Ok(0) | Err(_) => {
                drop(to.shutdown(Shutdown::Write));
                return;
            }
            Ok(read) => read,
        };
        let (allowed, at_cut) = allow(way, read, &mut locked(state));
        let sent = to.write_all(buffer.get(..allowed).unwrap_or_default());
        if allowed < read {
            if let Some(at_cut) = at_cut {
                at_cut();
            }
            drop(from.shutdown(Shutdown::Both));
            drop(to.shutdown(Shutdown::Both));
            return;
        }
        if sent.is_err() {
            drop(from.shutdown(Shutdown::Both));
            return;
        }
    }
}

type AtCut = Option<Box<dyn FnOnce() + Send>>;

/// How many of the bytes are carried; fewer than all is the cut.
fn allow(way: Way, read: usize, state: &mut State) -> (usize, AtCut) {
    if state.cut {
        return (0, None);
    }
    let place = usize::from(way == Way::Down);
    let left = state.left.get(place).copied().flatten();
    let allowed = left.map_or(read, |left| usize::try_from(left).map_or(read, |left| left.min(read)));
    if let Some(Some(left)) = state.left.get_mut(place) {
        *left -= allowed as u64;
    }
    if let Some(carried) = state.carried.get_mut(place) {
        *carried += allowed as u64;
    }
    if allowed == read {
        return (allowed, None);
    }
    state.cut = true;
    (allowed, state.at_cut.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says back what it hears.
    fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut from = stream.unwrap();
                let mut to = from.try_clone().unwrap();
                drop(io::copy(&mut from, &mut to));
                drop(to.shutdown(Shutdown::Both));
            }
        });
        address
    }

    fn say(proxy: &Proxy, words: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(proxy.address).unwrap();
        drop(stream.write_all(words));
        drop(stream.shutdown(Shutdown::Write));
        let mut heard = Vec::new();
        drop(stream.read_to_end(&mut heard));
        heard
    }

    #[test]
    fn it_carries_cuts_and_heals() {
        let proxy = Proxy::to(&echo());
        assert_eq!(say(&proxy, b"hello"), b"hello");
        assert_eq!(proxy.carried(), (5, 5));
        let (tell, told) = std::sync::mpsc::channel();
        proxy.cut_after_then(Way::Down, 3, move || tell.send(()).unwrap());
        assert_eq!(say(&proxy, b"hello"), b"hel");
        told.recv().unwrap();
        assert!(proxy.has_cut());
        assert_eq!(say(&proxy, b"hello"), b"");
        proxy.heal();
        proxy.drip(1);
        assert_eq!(say(&proxy, b"hello"), b"hello");
        proxy.cut_after(Way::Up, 0);
        assert_eq!(say(&proxy, b"hello"), b"");
        proxy.heal();
        proxy.turn_to(&echo());
        assert_eq!(say(&proxy, b"again"), b"again");
    }
}
