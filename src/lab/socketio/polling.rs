//! HTTP as an Engine.IO client uses it: one request after the other on a connection that is kept, answers with a length.

use base64::Engine as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::lab::endpoint::ActorError;
use crate::lab::http::asked_with;
use crate::lab::log::Connection;
use crate::lab::socketio::session::Frame;
use crate::lab::tcp::TcpEnd;

/// A connection kept for requests.
pub struct Poll {
    end: TcpEnd,
    read: Vec<u8>,
    /// What every request has in its head besides, written out.
    fields: String,
}

impl Poll {
    pub fn new(end: TcpEnd, fields: &[(String, String)]) -> Self {
        Self { end, read: Vec::new(), fields: asked_with(fields) }
    }

    pub fn connection(&self) -> Connection {
        self.end.side.connection
    }

    /// Asks for what the server has to say.
    pub async fn get(mut self, target: String) -> Result<(Self, Vec<Frame>), ActorError> {
        self.ask("GET", &target, None).await?;
        let (status, body) = self.answer().await?;
        let text = String::from_utf8(body).map_err(|_| unreadable("its answer is no text"))?;
        if status != 200 {
            return Err(unreadable(&format!("it answered {status}: {text}")));
        }
        let frames = text.split(SEPARATOR).map(read_frame).collect::<Option<Vec<_>>>();
        Ok((self, frames.ok_or_else(|| unreadable("its answer is no payload of Engine.IO"))?))
    }

    /// Says something to the server.
    pub async fn post(&mut self, target: &str, frames: &[Frame]) -> Result<(), ActorError> {
        let body: Vec<String> = frames.iter().map(written).collect();
        self.ask("POST", target, Some(&body.join(SEPARATOR))).await?;
        match self.answer().await? {
            (200, _) => Ok(()),
            (status, body) => Err(unreadable(&format!("it answered {status}: {}", String::from_utf8_lossy(&body)))),
        }
    }

    /// Ends the connection, with a FIN each way.
    pub async fn end(mut self) -> Result<(), ActorError> {
        let failed = |source| ActorError::io("close its connection", source);
        self.end.stream.shutdown().await.map_err(failed)?;
        self.end.stream.read_to_end(&mut self.read).await.map(|_| ()).map_err(failed)
    }

    async fn ask(&mut self, method: &str, target: &str, body: Option<&str>) -> Result<(), ActorError> {
        let host = self.connection().server;
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{}", self.fields);
        if let Some(body) = body {
            let len = body.len();
            request.push_str(&format!("Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {len}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        let sent = self.end.stream.write_whole(request.as_bytes()).await;
        sent.map_err(|source| ActorError::io("send a request", source))
    }

    async fn answer(&mut self) -> Result<(u16, Vec<u8>), ActorError> {
        let failed = |source| ActorError::io("read a response", source);
        loop {
            if let Some((status, head, len)) = head(&self.read)?
                && self.read.len() >= head + len
            {
                let body = self.read[head..head + len].to_vec();
                self.read.drain(..head + len);
                return Ok((status, body));
            }
            if self.end.stream.read_buf(&mut self.read).await.map_err(failed)? == 0 {
                return Err(unreadable("it ended the connection instead of answering"));
            }
        }
    }
}

/// Status, length of the head, and length of the body, once the head is there.
fn head(read: &[u8]) -> Result<Option<(u16, usize, usize)>, ActorError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(read).map_err(|error| unreadable(&format!("its answer is no HTTP: {error}")))?;
    let httparse::Status::Complete(head) = parsed else { return Ok(None) };
    let mut lengths = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("content-length"));
    let len = lengths.next().and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    let len = len.filter(|len| *len <= MAX_BODY).ok_or_else(|| unreadable("its answer has no length, or too much"))?;
    Ok(Some((response.code.unwrap_or_default(), head, len)))
}

/// A frame as polling carries it: octets in base64 behind a `b`.
fn written(frame: &Frame) -> String {
    match frame {
        Frame::Text(text) => text.clone(),
        Frame::Binary(octets) => format!("b{}", base64::engine::general_purpose::STANDARD.encode(octets)),
    }
}

fn read_frame(text: &str) -> Option<Frame> {
    match text.strip_prefix('b') {
        Some(octets) => base64::engine::general_purpose::STANDARD.decode(octets).ok().map(Frame::Binary),
        None => Some(Frame::Text(text.to_owned())),
    }
}

fn unreadable(why: &str) -> ActorError {
    ActorError::Unreadable(format!("the Engine.IO server: {why}"))
}

/// Between the packets of a payload.
const SEPARATOR: &str = "\u{1e}";
const MAX_HEADERS: usize = 32;
/// More than any script can make the server say at once.
const MAX_BODY: usize = 64 << 20;
