//! One end of an open WebSocket: it says what the script says, hears what the other end said, and logs both.
//!
//! The WebSocket is tungstenite's. It answers a ping, or a Close frame, by itself at the next flush (RFC 6455 §5.5.2,
//! §5.5.1); the answer is logged right before that flush.

use std::io;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::Role;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};

use crate::lab::deflate::Compressed;
use crate::lab::line::Wire;
use crate::lab::log::{Connection, Message, Opcode, What};
use crate::lab::logbook::Logbook;
use crate::lab::scenario::{Closing, Compression, Utterance};
use crate::lab::tcp::TcpEnd;
use crate::layer::Direction;

/// One side of a TCP connection, and where what it sends is noted.
#[derive(Debug, Clone)]
pub struct Side {
    pub actor: String,
    pub connection: Connection,
    /// Which way this side sends.
    pub direction: Direction,
    pub log: Logbook,
}

impl Side {
    /// Notes what this side is about to send.
    pub fn sends(&self, line: usize, what: What) {
        self.log.sent(line, &self.actor, self.connection, self.direction, what);
    }

    /// Notes that this side has what the other one sent.
    pub fn hears(&self, what: impl Fn(&What) -> bool) -> Result<(), ActorError> {
        if self.log.received(self.connection, self.direction.reverse(), what) {
            return Ok(());
        }
        Err(ActorError::NotAsSent { actor: self.actor.clone() })
    }

    /// Notes what came from who is in no play.
    pub fn overhears(&self, what: What) {
        self.log.overhears(self.connection, self.direction.reverse(), what);
    }

    /// Ends the TCP connection: the server sends its FIN first, the client waits for that.
    ///
    /// RFC 6455 §7.1.1: "The underlying TCP connection, in most normal cases, SHOULD be closed first by the server".
    pub async fn hang_up(&self, line: usize, stream: &mut Wire) -> Result<(), ActorError> {
        let failed = |source| ActorError::io("close its connection", source);
        let is_server = self.direction == Direction::ToClient;
        if is_server {
            self.sends(line, What::Closed);
            stream.shutdown().await.map_err(failed)?;
        }
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.map_err(failed)?;
        self.hears(|what| *what == What::Closed)?;
        if !is_server {
            self.sends(line, What::Closed);
            stream.shutdown().await.map_err(failed)?;
        }
        Ok(())
    }
}

/// One end of an open WebSocket.
#[derive(Debug)]
pub struct Endpoint {
    pub side: Side,
    pub socket: Socket,
}

/// A WebSocket: tungstenite's, or, where messages are compressed, one of its frames.
#[derive(Debug)]
pub enum Socket {
    Plain(Box<WebSocketStream<Wire>>),
    Compressed(Box<Compressed>),
}

impl Socket {
    /// `rest` was read from the wire already.
    pub async fn new(wire: Wire, role: Role, compression: Option<Compression>, rest: Vec<u8>) -> Self {
        match compression {
            None => Self::Plain(Box::new(WebSocketStream::from_partially_read(wire, rest, role, None).await)),
            Some(how) => Self::Compressed(Box::new(Compressed::new(wire, role == Role::Client, how, rest))),
        }
    }

    pub async fn send(&mut self, message: tungstenite::Message) -> Result<(), tungstenite::Error> {
        match self {
            Self::Plain(socket) => socket.send(message).await,
            Self::Compressed(socket) => socket.send(message).await,
        }
    }

    /// A message in so many frames.
    pub fn fragments(&mut self, parts: &[String]) -> Result<Vec<Frame>, tungstenite::Error> {
        let frame = |(at, part): (usize, &String)| {
            let opcode = if at == 0 { Data::Text } else { Data::Continue };
            Frame::message(part.clone(), OpCode::Data(opcode), at + 1 == parts.len())
        };
        match self {
            Self::Plain(_) => Ok(parts.iter().enumerate().map(frame).collect()),
            Self::Compressed(socket) => socket.fragments(parts),
        }
    }

    pub async fn next(&mut self) -> Result<tungstenite::Message, tungstenite::Error> {
        match self {
            Self::Plain(socket) => socket.next().await.unwrap_or(Err(tungstenite::Error::ConnectionClosed)),
            Self::Compressed(socket) => socket.next().await,
        }
    }

    pub async fn flush(&mut self) -> Result<(), tungstenite::Error> {
        match self {
            Self::Plain(socket) => socket.flush().await,
            Self::Compressed(socket) => socket.flush().await,
        }
    }

    pub fn into_inner(self) -> Wire {
        match self {
            Self::Plain(socket) => socket.into_inner(),
            Self::Compressed(socket) => socket.into_inner(),
        }
    }

    /// What is below the WebSocket.
    pub fn wire(&mut self) -> &mut Wire {
        match self {
            Self::Plain(socket) => socket.get_mut(),
            Self::Compressed(socket) => socket.wire(),
        }
    }
}

impl Endpoint {
    /// Says it; after a ping, waits for the pong.
    pub async fn say(&mut self, line: usize, what: &Utterance) -> Result<(), ActorError> {
        match what {
            Utterance::Text(text) => self.send(line, tungstenite::Message::text(text.clone())).await,
            Utterance::Binary(bytes) => self.send(line, tungstenite::Message::binary(bytes.clone())).await,
            Utterance::Fragments(parts) => self.send_fragments(line, parts).await,
            Utterance::Raw { octets, .. } => self.send_raw(line, octets).await,
            Utterance::Ping(payload) => {
                self.send(line, tungstenite::Message::Ping(payload.clone().into())).await?;
                self.take(Opcode::Pong).await
            }
        }
    }

    /// Hears one message; answers if it is a ping.
    pub async fn hear(&mut self, line: usize, what: &Utterance) -> Result<(), ActorError> {
        match what {
            Utterance::Text(_) | Utterance::Fragments(_) => self.take(Opcode::Text).await,
            Utterance::Binary(_) => self.take(Opcode::Binary).await,
            // What becomes of them shows in what comes next.
            Utterance::Raw { .. } => Ok(()),
            Utterance::Ping(payload) => {
                self.take(Opcode::Ping).await?;
                self.side.sends(line, What::Message(Message::whole(Opcode::Pong, payload)));
                self.flush().await
            }
        }
    }

    /// Begins the closing handshake, waits for the answer, and ends the TCP connection.
    pub async fn close(mut self, line: usize, reason: Option<&Closing>) -> Result<(), ActorError> {
        let frame =
            reason.map(|closing| CloseFrame { code: closing.code.into(), reason: closing.reason.clone().into() });
        self.send(line, tungstenite::Message::Close(frame)).await?;
        self.take(Opcode::Close).await?;
        self.hang_up(line).await
    }

    /// Waits for a Close frame, answers it, and ends the TCP connection.
    pub async fn answer_close(mut self, line: usize, reason: Option<&Closing>) -> Result<(), ActorError> {
        self.take(Opcode::Close).await?;
        // "When sending a Close frame in response, the endpoint typically echos the status code it received."
        let echo = Message::close(reason.map(|closing| (closing.code, closing.reason.as_str())));
        self.side.sends(line, What::Message(echo));
        self.flush().await?;
        self.hang_up(line).await
    }

    /// Writes octets past the WebSocket.
    async fn send_raw(&mut self, line: usize, octets: &[u8]) -> Result<(), ActorError> {
        self.side.sends(line, What::Octets(octets.to_vec()));
        let written = self.socket.wire().write_as_it_is(octets).await;
        written.map_err(|source| ActorError::io("write octets", source))
    }

    /// Sends octets that break a rule, and sees the connection fail: whatever the other side says then is its own affair.
    pub async fn provoke(mut self, line: usize, octets: &[u8]) -> Result<(), ActorError> {
        self.send_raw(line, octets).await?;
        let failed = |source| ActorError::io("read how it is refused", source);
        let mut rest = Vec::new();
        let mut wire = self.socket.into_inner();
        wire.read_to_end(&mut rest).await.map_err(failed)?;
        self.side.hears(|what| matches!(what, What::Message(said) if said.opcode == Opcode::Close))?;
        self.side.hears(|what| *what == What::Closed)?;
        self.side.sends(line, What::Closed);
        wire.shutdown().await.map_err(failed)
    }

    /// Finds that a rule is broken, and fails the connection: a Close frame with the code for it, and the end of TCP
    /// (RFC 6455 §7.1.7).
    pub async fn refuse(mut self, line: usize) -> Result<(), ActorError> {
        use tungstenite::error::{CapacityError, Error};
        let code = match self.socket.next().await {
            Err(Error::Utf8(_)) => 1007,
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => 1009,
            Err(Error::Protocol(_)) => 1002,
            Err(source) => return Err(ActorError::websocket("read what breaks a rule", source)),
            Ok(_) => return Err(ActorError::Unreadable("these octets break no rule".to_owned())),
        };
        self.side.hears(|what| matches!(what, What::Octets(_)))?;
        let mut frame = Frame::close(Some(CloseFrame { code: code.into(), reason: "".into() }));
        if self.side.direction == Direction::ToServer {
            // A key that is known beforehand hides nothing; there is nothing to hide.
            frame.header_mut().mask = Some([0; 4]);
        }
        let mut octets = Vec::new();
        frame.format(&mut octets).map_err(|source| ActorError::websocket("say why it is refused", source))?;
        self.side.sends(line, What::Message(Message::close(Some((code, "")))));
        let failed = |source| ActorError::io("say why it is refused", source);
        let mut wire = self.socket.into_inner();
        wire.write_all(&octets).await.map_err(failed)?;
        self.side.sends(line, What::Closed);
        wire.shutdown().await.map_err(failed)?;
        let mut rest = Vec::new();
        wire.read_to_end(&mut rest).await.map_err(failed)?;
        self.side.hears(|what| *what == What::Closed)
    }

    /// The TCP connection under the WebSocket, which is over without a closing handshake.
    pub fn into_tcp(self) -> TcpEnd {
        TcpEnd::new(self.side, self.socket.into_inner())
    }

    async fn hang_up(self, line: usize) -> Result<(), ActorError> {
        self.side.hang_up(line, &mut self.socket.into_inner()).await
    }

    async fn send(&mut self, line: usize, message: tungstenite::Message) -> Result<(), ActorError> {
        self.side.sends(line, What::Message(as_logged(&message)));
        self.socket.send(message).await.map_err(|source| ActorError::websocket("send a message", source))
    }

    async fn send_fragments(&mut self, line: usize, parts: &[String]) -> Result<(), ActorError> {
        let whole = Message::whole(Opcode::Text, parts.concat().as_bytes());
        let frames = self.socket.fragments(parts).map_err(|source| ActorError::websocket("compress", source))?;
        let fragments = frames.iter().map(|frame| frame.payload().len()).collect();
        self.side.sends(line, What::Message(Message { fragments, ..whole }));
        for frame in frames {
            let last = frame.header().is_final;
            let sent = self.socket.send(tungstenite::Message::Frame(frame)).await;
            sent.map_err(|source| ActorError::websocket("send a fragment", source))?;
            if !last {
                // Tungstenite shows whole messages only, so nobody can tell when a fragment has arrived.
                tokio::time::sleep(GAP).await;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ActorError> {
        self.socket.flush().await.map_err(|source| ActorError::websocket("send its answer", source))
    }

    /// The next message must be of this kind, and be what the other end sent.
    async fn take(&mut self, expected: Opcode) -> Result<(), ActorError> {
        let message = self.socket.next().await.map_err(|source| ActorError::websocket("read a message", source))?;
        let heard = as_logged(&message);
        self.side.overhears(What::Message(heard.clone()));
        let same =
            |sent: &Message| sent.opcode == heard.opcode && sent.opcode == expected && sent.payload == heard.payload;
        self.side.hears(|what| matches!(what, What::Message(sent) if same(sent)))
    }
}

/// The message as the log keeps it.
fn as_logged(message: &tungstenite::Message) -> Message {
    match message {
        tungstenite::Message::Text(text) => Message::whole(Opcode::Text, text.as_bytes()),
        tungstenite::Message::Binary(bytes) => Message::whole(Opcode::Binary, bytes),
        tungstenite::Message::Ping(bytes) => Message::whole(Opcode::Ping, bytes),
        tungstenite::Message::Pong(bytes) => Message::whole(Opcode::Pong, bytes),
        tungstenite::Message::Close(frame) => {
            Message::close(frame.as_ref().map(|frame| (u16::from(frame.code), frame.reason.as_str())))
        }
        // Single frames are only ever sent, and logged as the message they make up.
        tungstenite::Message::Frame(frame) => Message::whole(Opcode::Binary, frame.payload()),
    }
}

/// What went wrong for an actor.
#[derive(Debug, Error)]
pub enum ActorError {
    #[error("could not {doing}: {source}")]
    Io { doing: &'static str, source: io::Error },
    #[error("could not {doing}: {source}")]
    WebSocket { doing: &'static str, source: Box<tungstenite::Error> },
    #[error("{actor} received something else than what was sent to it")]
    NotAsSent { actor: String },
    #[error("the server answered {status} where {expected} was expected")]
    Status { status: u16, expected: &'static str },
    #[error("{0}")]
    Unreadable(String),
}

impl ActorError {
    pub fn io(doing: &'static str, source: io::Error) -> Self {
        Self::Io { doing, source }
    }

    pub fn websocket(doing: &'static str, source: tungstenite::Error) -> Self {
        Self::WebSocket { doing, source: Box::new(source) }
    }
}

/// The time between two steps, so that what belongs to one is over before the next begins.
pub const GAP: Duration = Duration::from_millis(3);
