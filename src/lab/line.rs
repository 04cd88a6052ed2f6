//! What an actor speaks over: TCP, with TLS or without, and where a seed says so with masks and names of its own.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::lab::endpoint::ActorError;
use crate::lab::seed::Masks;
use crate::lab::socketio::Exchange;

/// One end of a connection.
#[derive(Debug)]
pub struct Wire {
    layer: Layer,
    /// What is written otherwise than its writer has it.
    change: Option<Change>,
    /// What was taken from who writes, and not yet by the kernel; only where something is changed.
    waiting: Vec<u8>,
    /// How much is left of each write that it belongs to. The layer below has them one by one, also where a change has kept the
    /// end of one for a while: of each TLS makes a record, and what is kept may be a matter of chance.
    writes: VecDeque<usize>,
}

/// What makes of octets others, and as many.
#[derive(Debug)]
enum Change {
    /// Gives the frames of a client other masks.
    Masks(Masks),
    /// Gives the sessions of a server other names.
    Names(Arc<Mutex<Exchange>>),
}

impl Change {
    fn pass(&mut self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Masks(masks) => masks.pass(octets),
            Self::Names(exchange) => locked(exchange).pass(octets),
        }
    }

    /// What has to go now, whatever comes.
    fn release(&mut self) -> Vec<u8> {
        match self {
            Self::Masks(_) => Vec::new(),
            Self::Names(exchange) => locked(exchange).release(),
        }
    }
}

fn locked(exchange: &Mutex<Exchange>) -> MutexGuard<'_, Exchange> {
    exchange.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
enum Layer {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// TCP alone.
    pub fn plain(stream: TcpStream) -> Self {
        Self { layer: Layer::Plain(stream), change: None, waiting: Vec::new(), writes: VecDeque::new() }
    }

    /// With TLS.
    pub fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self { layer: Layer::Tls(Box::new(stream)), change: None, waiting: Vec::new(), writes: VecDeque::new() }
    }

    /// From here on the frames of a client have these masks. The request for the WebSocket comes first.
    pub fn with_masks(self, masks: Option<Masks>) -> Self {
        Self { change: masks.map(Change::Masks), ..self }
    }

    /// From here on sessions have the names that this exchange gives them.
    pub fn with_names(self, exchange: Option<Arc<Mutex<Exchange>>>) -> Self {
        Self { change: exchange.map(Change::Names), ..self }
    }

    /// Writes octets, all of them: TLS takes more than the kernel has room for, and keeps what is over until it is flushed.
    pub async fn write_whole(&mut self, octets: &[u8]) -> io::Result<()> {
        self.write_all(octets).await?;
        self.flush().await
    }

    /// Writes octets that keep what masks they have.
    pub async fn write_as_it_is(&mut self, octets: &[u8]) -> io::Result<()> {
        self.flush().await?;
        let change = self.change.take();
        let written = self.write_all(octets).await;
        self.change = change;
        written?;
        self.flush().await
    }

    /// The TCP connection, on which no TLS is spoken yet.
    pub fn into_plain(self) -> Result<TcpStream, ActorError> {
        match self.layer {
            Layer::Plain(stream) => Ok(stream),
            Layer::Tls(_) => Err(ActorError::Unreadable("TLS is spoken already".to_owned())),
        }
    }

    /// The TCP connection below.
    pub fn tcp(&self) -> &TcpStream {
        match &self.layer {
            Layer::Plain(stream) => stream,
            Layer::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Hands on all that waits, also what a change has kept.
    fn hand_on_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.waiting.extend(self.change.as_mut().map(Change::release).unwrap_or_default());
        self.hand_on(cx, true)
    }

    /// Hands on the writes that wait as a whole, or whatever waits.
    fn hand_on(&mut self, cx: &mut Context<'_>, all: bool) -> Poll<io::Result<()>> {
        while let Some(left) = self.writes.front_mut() {
            let here = self.waiting.len().min(*left);
            if here < *left && (here == 0 || !all) {
                break;
            }
            if here > 0 {
                let written = ready!(self.layer.poll_write(cx, &self.waiting[..here]))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.waiting.drain(..written);
                *left -= written;
            }
            if *left == 0 {
                self.writes.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Layer {
    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Layer::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.hand_on(cx, false))?;
        let Some(change) = &mut this.change else { return this.layer.poll_write(cx, buf) };
        this.waiting.extend(change.pass(buf));
        this.writes.push_back(buf.len());
        // It is taken; what the kernel has no room for goes with what comes next, or with the flush.
        match this.hand_on(cx, false) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(buf.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.hand_on_all(cx))?;
        match &mut this.layer {
            Layer::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Layer::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.hand_on_all(cx))?;
        match &mut this.layer {
            Layer::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Layer::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
