//! A WebSocket that compresses its messages, which tungstenite's does not: frames read and written with tungstenite's
//! headers, their payload by flate2.
//!
//! # References
//! - permessage-deflate: RFC 7692 §7.2.1 (compression), §7.2.2 (decompression), §7.1.1 (context takeover).

use std::io::{self, Cursor};

use base64::Engine as _;
use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tungstenite::Message;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::handshake::client::generate_key;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};

use crate::lab::line::Wire;
use crate::lab::quantity::MAX_SIZE;
use crate::lab::scenario::Compression;

/// What ends each flush of the compressor, and is left out in the frame.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// One end of a WebSocket on which permessage-deflate was agreed on.
#[derive(Debug)]
pub struct Compressed {
    wire: Wire,
    is_client: bool,
    takeover: bool,
    read: Vec<u8>,
    compress: Compress,
    decompress: Decompress,
    /// What must be answered at the next flush: the pong for a ping, the echo of a Close frame.
    due: Vec<Frame>,
}

impl Compressed {
    /// `rest` was read from the wire already.
    pub fn new(wire: Wire, is_client: bool, compression: Compression, rest: Vec<u8>) -> Self {
        let (compress, decompress) = (Compress::new(Level::default(), false), Decompress::new(false));
        Self { wire, is_client, takeover: compression.takeover, read: rest, compress, decompress, due: Vec::new() }
    }

    /// A message in so many frames: each has its part, compressed; only the first says so (RFC 7692 §6.1).
    pub fn fragments(&mut self, parts: &[String]) -> Result<Vec<Frame>, Error> {
        let frame = |(at, part): (usize, &String)| {
            let (data, last) = (if at == 0 { Data::Text } else { Data::Continue }, at + 1 == parts.len());
            let mut frame = Frame::message(self.deflate(part.as_bytes(), last)?, OpCode::Data(data), last);
            frame.header_mut().rsv1 = at == 0;
            Ok(frame)
        };
        parts.iter().enumerate().map(frame).collect()
    }

    /// Sends a message in one frame; a single frame as it is.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        let data = |payload: &[u8], data, this: &mut Self| {
            let mut frame = Frame::message(this.deflate(payload, true)?, OpCode::Data(data), true);
            frame.header_mut().rsv1 = true;
            Ok::<_, Error>(frame)
        };
        let frame = match message {
            Message::Text(text) => data(text.as_bytes(), Data::Text, self)?,
            Message::Binary(bytes) => data(&bytes, Data::Binary, self)?,
            // "It is not allowed to compress control frames" (RFC 7692 §6.1).
            Message::Ping(payload) => Frame::ping(payload),
            Message::Pong(payload) => Frame::pong(payload),
            Message::Close(reason) => Frame::close(reason),
            Message::Frame(frame) => frame,
        };
        self.put(frame).await
    }

    /// The next message; a ping or a Close frame is answered by [`Compressed::flush`].
    pub async fn next(&mut self) -> Result<Message, Error> {
        let mut whole: Option<(Data, bool, Vec<u8>)> = None;
        loop {
            let (header, payload) = self.frame().await?;
            match header.opcode {
                OpCode::Control(Control::Ping) => {
                    self.due.push(Frame::pong(payload.clone()));
                    return Ok(Message::Ping(payload.into()));
                }
                OpCode::Control(Control::Pong) => return Ok(Message::Pong(payload.into())),
                OpCode::Control(Control::Close) => {
                    let reason = close_frame(&payload)?;
                    self.due.push(Frame::close(reason.clone()));
                    return Ok(Message::Close(reason));
                }
                OpCode::Data(Data::Continue) => match &mut whole {
                    Some((.., octets)) => octets.extend(payload),
                    None => return Err(ProtocolError::UnexpectedContinueFrame.into()),
                },
                OpCode::Data(data) => whole = Some((data, header.rsv1, payload)),
                OpCode::Control(Control::Reserved(code)) => {
                    return Err(ProtocolError::UnknownControlFrameType(code).into());
                }
            }
            if header.is_final
                && let Some((data, is_compressed, octets)) = whole.take()
            {
                let octets = if is_compressed { self.inflate(&octets)? } else { octets };
                return match data {
                    Data::Text => {
                        let text = String::from_utf8(octets).map_err(|error| Error::Utf8(error.to_string()))?;
                        Ok(Message::text(text))
                    }
                    _ => Ok(Message::binary(octets)),
                };
            }
        }
    }

    /// Sends what is due.
    pub async fn flush(&mut self) -> Result<(), Error> {
        for frame in std::mem::take(&mut self.due) {
            self.put(frame).await?;
        }
        Ok(())
    }

    /// What is below the WebSocket.
    pub fn into_inner(self) -> Wire {
        self.wire
    }

    /// What is below the WebSocket, borrowed.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    async fn put(&mut self, mut frame: Frame) -> Result<(), Error> {
        frame.header_mut().mask = self.is_client.then(random_mask);
        let mut octets = Vec::with_capacity(frame.len());
        frame.format(&mut octets)?;
        self.wire.write_all(&octets).await?;
        self.wire.flush().await?;
        Ok(())
    }

    /// A whole frame, without its mask.
    async fn frame(&mut self) -> Result<(FrameHeader, Vec<u8>), Error> {
        loop {
            let mut cursor = Cursor::new(self.read.as_slice());
            if let Some((header, len)) = FrameHeader::parse(&mut cursor)? {
                let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
                let len = usize::try_from(len).ok().filter(|len| *len <= 2 * MAX_SIZE);
                let Some(end) = len.and_then(|len| start.checked_add(len)) else {
                    return Err(io::Error::other("a frame is larger than any that a script can send").into());
                };
                if end <= self.read.len() {
                    let mut frame: Vec<u8> = self.read.drain(..end).collect();
                    let mut payload = frame.split_off(start);
                    let key = header.mask.unwrap_or_default();
                    payload.iter_mut().zip(key.iter().cycle()).for_each(|(octet, key)| *octet ^= key);
                    return Ok((header, payload));
                }
            }
            if self.wire.read_buf(&mut self.read).await? == 0 {
                return Err(Error::ConnectionClosed);
            }
        }
    }

    /// What ends each flush is left out where the message ends.
    fn deflate(&mut self, octets: &[u8], last: bool) -> Result<Vec<u8>, Error> {
        let mut out = Vec::with_capacity(octets.len() + 64);
        let before = self.compress.total_in();
        loop {
            let done = (self.compress.total_in() - before) as usize;
            let flush = FlushCompress::Sync;
            self.compress.compress_vec(octets.get(done..).unwrap_or_default(), &mut out, flush).map_err(broken)?;
            if out.len() < out.capacity() {
                break;
            }
            out.reserve(out.len().max(256));
        }
        if last && out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        if last && !self.takeover {
            self.compress.reset();
        }
        Ok(out)
    }

    fn inflate(&mut self, octets: &[u8]) -> Result<Vec<u8>, Error> {
        let octets = [octets, &TAIL].concat();
        let mut out = Vec::with_capacity(octets.len() * 4);
        let before = self.decompress.total_in();
        loop {
            let done = (self.decompress.total_in() - before) as usize;
            if out.len() == out.capacity() {
                out.reserve(out.len().max(256));
            }
            let rest = octets.get(done..).unwrap_or_default();
            let status = self.decompress.decompress_vec(rest, &mut out, FlushDecompress::Sync).map_err(broken)?;
            if out.len() > 2 * MAX_SIZE {
                return Err(io::Error::other("a message is larger than any that a script can send").into());
            }
            let is_done = (self.decompress.total_in() - before) as usize == octets.len();
            if status == Status::StreamEnd || (is_done && out.len() < out.capacity()) {
                break;
            }
        }
        if !self.takeover {
            self.decompress.reset(false);
        }
        Ok(out)
    }
}

/// "the masking key needs to be unpredictable" (RFC 6455 §5.3): tungstenite makes keys of such octets.
fn random_mask() -> [u8; 4] {
    let octets = base64::engine::general_purpose::STANDARD.decode(generate_key());
    octets.ok().and_then(|octets| octets.first_chunk().copied()).unwrap_or_default()
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Io(io::Error::other(error))
}

fn close_frame(payload: &[u8]) -> Result<Option<CloseFrame>, Error> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else { return Ok(None) };
    let reason = std::str::from_utf8(reason).map_err(|error| Error::Utf8(error.to_string()))?;
    Ok(Some(CloseFrame { code: u16::from_be_bytes(*code).into(), reason: reason.into() }))
}
