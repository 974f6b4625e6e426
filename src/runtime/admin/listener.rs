//! A listener that slow or many callers cannot hold up: at most [`MOST`] connections, and a request, once begun, must
//! be there whole within [`REQUEST`]; a connection that neither says nor takes anything ends after [`IDLE`].
//!
//! `axum::serve` has no such bounds of its own. The trap: the clock of a request starts at its first byte and is only
//! stopped by our answer, so a caller who sends one byte now and then gains nothing.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Connections at a time: several Prometheus servers, probes, and people.
const MOST: usize = 64;

/// From the first byte of a request to its last.
const REQUEST: Duration = Duration::from_secs(5);

/// Between requests: longer than the usual scrape interval.
const IDLE: Duration = Duration::from_secs(90);

pub(super) struct Guarded {
    socket: TcpListener,
    room: Arc<Semaphore>,
}

impl Guarded {
    pub(super) fn new(socket: TcpListener) -> Guarded {
        Guarded { socket, room: Arc::new(Semaphore::new(MOST)) }
    }
}

impl axum::serve::Listener for Guarded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            // The semaphore is never closed; if it were, nobody would be let in.
            let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else {
                std::future::pending::<()>().await;
                continue;
            };
            match self.socket.accept().await {
                Ok((stream, address)) => return (Connection::new(stream, permit), address),
                // Out of files or a caller that left already: neither ends the listener.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

pub(super) struct Connection {
    stream: TcpStream,
    clock: Pin<Box<Sleep>>,
    in_request: bool,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TcpStream, permit: OwnedSemaphorePermit) -> Connection {
        Connection { stream, clock: Box::pin(tokio::time::sleep(REQUEST)), in_request: true, _permit: permit }
    }

    fn restart(&mut self, limit: Duration) {
        self.clock.as_mut().reset(Instant::now() + limit);
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if !this.in_request && buf.filled().len() > before {
            this.in_request = true;
            this.restart(REQUEST);
        }
        if this.clock.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        if self.in_request || wrote.is_ready() {
            self.in_request = false;
            self.restart(IDLE);
        }
        if wrote.is_pending() && self.clock.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        wrote
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
