//! Connections that do not last for ever: one on which nothing is answered for long is ended, however slowly it asks.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};

/// Listens as it did, with patience.
pub struct Patient {
    listener: TcpListener,
    limit: Duration,
}

impl Patient {
    /// Gives each connection so long between two answers, or until the first one.
    pub fn new(listener: TcpListener, limit: Duration) -> Self {
        Self { listener, limit }
    }
}

impl Listener for Patient {
    type Io = Bounded<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (Bounded::new(stream, self.limit), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection whose reading fails once nothing was written for too long.
pub struct Bounded<S> {
    stream: S,
    limit: Duration,
    end: Pin<Box<Sleep>>,
}

impl<S> Bounded<S> {
    fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, end: Box::pin(tokio::time::sleep(limit)) }
    }

    /// Something was answered: the time begins anew.
    fn answered(&mut self) {
        if let Some(end) = Instant::now().checked_add(self.limit) {
            self.end.as_mut().reset(end);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // First, so that one who asks byte by byte does not always have something to be read.
        if self.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if written.is_ready() {
            self.answered();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        if written.is_ready() {
            self.answered();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use axum::Router;
    use axum::routing::get;

    use super::*;

    /// A server with this patience, on a thread that ends with the test.
    fn served(limit: Duration) -> SocketAddr {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let app = Router::new().route("/", get(|| async { "hello" }));
                axum::serve(Patient::new(listener, limit), app).await.unwrap();
            });
        });
        told.recv().unwrap()
    }

    #[test]
    fn a_head_that_never_ends_is_given_up_and_one_that_is_answered_is_not() {
        let address = served(Duration::from_millis(400));
        let mut slow = std::net::TcpStream::connect(address).unwrap();
        slow.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let begun = std::time::Instant::now();
        slow.write_all(b"GET / HTTP/1.1\r\nhost: test\r\nx: ").unwrap();
        // A byte now and then: it is alive, and gets nowhere.
        let ended = loop {
            if slow.write_all(b"y").is_err() {
                break true;
            }
            match slow.read(&mut [0; 99]) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(_) => break true,
            }
            if begun.elapsed() > Duration::from_secs(20) {
                break false;
            }
        };
        assert!(ended && begun.elapsed() >= Duration::from_millis(350), "{:?}", begun.elapsed());
        // Each answer gives it as long again.
        let mut steady = std::net::TcpStream::connect(address).unwrap();
        for _ in 0..6 {
            steady.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
            let mut answer = [0; 1000];
            let read = steady.read(&mut answer).unwrap();
            assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{read}");
            // Nothing more comes, and it stays open.
            steady.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let nothing = steady.read(&mut answer).unwrap_err().kind();
            assert!(matches!(nothing, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{nothing}");
            steady.set_read_timeout(None).unwrap();
        }
    }
}
