//! The opening handshake from both sides (RFC 6455 §4.1 and §4.2): HTTP, and then a WebSocket or an honest refusal.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_tungstenite::client_async;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::handshake::client::{generate_key, generate_request};
use tungstenite::handshake::machine::TryParse as _;
use tungstenite::handshake::server::{Request, create_response};
use tungstenite::protocol::Role;

use crate::lab::endpoint::{ActorError, Endpoint, Side, Socket};
use crate::lab::line::Wire;
use crate::lab::log::What;
use crate::lab::logbook::Logbook;
use crate::lab::scenario::{Compression, Key, Opening};
use crate::lab::seed::Masks;
use crate::lab::tcp::{self, TcpEnd};
use crate::lab::tls::Tls;

/// The client's part: connects, asks, and takes the answer. `None` if the server rightly refused.
pub async fn connect(
    line: usize,
    client: &str,
    server: SocketAddr,
    opening: &Opening,
    (tls, log): (Option<&Tls>, &Logbook),
) -> Result<Option<Endpoint>, ActorError> {
    let TcpEnd { side, stream, .. } = tcp::open(line, client, server, log).await?;
    let stream = match (opening.tls, tls) {
        (Some(version), Some(tls)) => tls.secure(stream.into_plain()?, version, &side).await?,
        _ => stream,
    };
    let stream = stream.with_masks(opening.masks.map(Masks::new));
    if opening.is_good() {
        return ask_well(line, side, stream, opening).await.map(Some);
    }
    ask_badly(line, &side, stream, opening).await.map(|()| None)
}

/// A handshake by the book, all of it tungstenite's.
async fn ask_well(line: usize, side: Side, stream: Wire, opening: &Opening) -> Result<Endpoint, ActorError> {
    let failed = |source| ActorError::websocket("make the opening handshake", source);
    let server = side.connection.server;
    // With `wss` tungstenite would want to make the TLS handshake itself; here that is done already.
    let mut request = Request::builder().uri(format!("ws://{server}{}", opening.path));
    for (name, value) in fields(server, opening) {
        request = request.header(name, value);
    }
    let request = request.body(()).map_err(|error| failed(error.into()))?;
    // The same function makes the bytes that `client_async` sends.
    let (head, _) = generate_request(request.clone()).map_err(failed)?;
    side.sends(line, logged_request(&head)?);
    let (socket, response) = client_async(request, stream).await.map_err(failed)?;
    let answered = response.status().as_u16();
    side.hears(|what| matches!(what, What::Response { status, .. } if *status == answered))?;
    let socket = match opening.compression {
        None => Socket::Plain(Box::new(socket)),
        // The server speaks only when it is asked: nothing that belongs to the WebSocket was read yet.
        Some(_) => Socket::new(socket.into_inner(), Role::Client, opening.compression, Vec::new()).await,
    };
    Ok(Endpoint { side, socket })
}

/// A handshake that breaks a rule, which tungstenite would not send: plain bytes, a plain answer, and the end.
async fn ask_badly(line: usize, side: &Side, mut stream: Wire, opening: &Opening) -> Result<(), ActorError> {
    let mut head = format!("GET {} HTTP/1.1\r\n", opening.path);
    for (name, value) in fields(side.connection.server, opening) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    side.sends(line, logged_request(head.as_bytes())?);
    stream.write_whole(head.as_bytes()).await.map_err(|source| ActorError::io("send the request", source))?;
    let mut bytes = Vec::new();
    // The server says `Connection: close`, so the response ends where the connection does.
    stream.read_to_end(&mut bytes).await.map_err(|source| ActorError::io("read the response", source))?;
    let (answered, answer) = read_response(&bytes)?;
    side.hears(|what| matches!(what, What::Response { status, body, .. } if *status == answered && *body == answer))?;
    if answered < 400 {
        return Err(ActorError::Status { status: answered, expected: "a refusal" });
    }
    side.hang_up(line, &mut stream).await
}

/// The server's part: takes the connection of the client that is due, reads its request and answers it.
pub async fn accept(
    line: usize,
    listener: &TcpListener,
    opening: &Opening,
    (tls, log): (Option<&Tls>, &Logbook),
) -> Result<Option<Endpoint>, ActorError> {
    let TcpEnd { side, stream, .. } = tcp::accept(listener, log).await?;
    let mut stream = match (opening.tls, tls) {
        (Some(version), Some(tls)) => tls.secure(stream.into_plain()?, version, &side).await?,
        _ => stream,
    };
    let (request, rest) = read_request(&mut stream).await?;
    side.hears(|what| matches!(what, What::Request { .. }))?;
    let answer = answer(&request, opening.compression);
    let is_refusal = answer.status != 101;
    let bytes = answer.to_bytes();
    side.sends(line, What::Response { status: answer.status, headers: answer.headers, body: answer.body });
    stream.write_whole(&bytes).await.map_err(|source| ActorError::io("send the response", source))?;
    if is_refusal {
        side.hang_up(line, &mut stream).await?;
        return Ok(None);
    }
    let socket = Socket::new(stream, Role::Server, opening.compression, rest).await;
    Ok(Some(Endpoint { side, socket }))
}

/// The header fields of a request, in the order in which tungstenite sends them.
fn fields(server: SocketAddr, opening: &Opening) -> Vec<(&str, String)> {
    let key = match &opening.key {
        Key::Random => Some(generate_key()),
        Key::Fixed(text) => Some(text.clone()),
        Key::Missing => None,
    };
    let mut fields = vec![
        ("Host", server.to_string()),
        ("Connection", "Upgrade".to_owned()),
        ("Upgrade", "websocket".to_owned()),
        ("Sec-WebSocket-Version", opening.version.to_string()),
    ];
    fields.extend(key.map(|key| ("Sec-WebSocket-Key", key)));
    fields.extend(opening.offering.clone().map(|names| ("Sec-WebSocket-Protocol", names)));
    fields.extend(opening.compression.map(|how| ("Sec-WebSocket-Extensions", how.header().to_owned())));
    fields.extend(opening.fields.iter().map(|(name, value)| (name.as_str(), value.clone())));
    fields
}

/// An HTTP response.
pub struct Answer {
    pub status: u16,
    reason: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, self.reason);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// Tungstenite decides; the answer is written with the names as the RFC spells them.
pub fn answer(request: &Request, compression: Option<Compression>) -> Answer {
    let own = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    match create_response(request) {
        Ok(response) => {
            let accept = response.headers().get("Sec-WebSocket-Accept").and_then(|value| value.to_str().ok());
            let mut headers = own(&[("Upgrade", "websocket"), ("Connection", "Upgrade")]);
            headers.extend(own(&[("Sec-WebSocket-Accept", accept.unwrap_or_default())]));
            // The server speaks whatever is offered first.
            if let Some(first) = header("Sec-WebSocket-Protocol").and_then(|names| names.split(',').next()) {
                headers.extend(own(&[("Sec-WebSocket-Protocol", first.trim())]));
            }
            headers.extend(own(compression.map(|how| ("Sec-WebSocket-Extensions", how.header())).as_slice()));
            Answer { status: 101, reason: "Switching Protocols", headers, body: Vec::new() }
        }
        // RFC 6455 §4.2.2: "an appropriate HTTP error code (such as 426 Upgrade Required) and a |Sec-WebSocket-Version|
        // header field indicating the version(s) the server is capable of understanding".
        Err(Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader)) => refusal(
            426,
            "Upgrade Required",
            own(&[("Upgrade", "websocket"), ("Connection", "Upgrade, close"), ("Sec-WebSocket-Version", "13")]),
            "This server speaks version 13 of the WebSocket protocol only.\n",
        ),
        Err(Error::Protocol(ProtocolError::MissingSecWebSocketKey)) => {
            refusal(400, "Bad Request", own(&[CLOSE]), "The header Sec-WebSocket-Key is missing.\n")
        }
        Err(Error::Protocol(ProtocolError::InvalidSecWebSocketKey)) => {
            refusal(400, "Bad Request", own(&[CLOSE]), "The header Sec-WebSocket-Key is not 16 octets in base64.\n")
        }
        Err(_) => refusal(400, "Bad Request", own(&[CLOSE]), "This is not a WebSocket opening handshake.\n"),
    }
}

fn refusal(status: u16, reason: &'static str, mut headers: Vec<(String, String)>, text: &str) -> Answer {
    headers.push(("Content-Type".to_owned(), "text/plain".to_owned()));
    headers.push(("Content-Length".to_owned(), text.len().to_string()));
    Answer { status, reason, headers, body: text.as_bytes().to_vec() }
}

/// Reads until the head of a request is whole; what was read beyond it belongs to the WebSocket.
pub async fn read_request(stream: &mut Wire) -> Result<(Request, Vec<u8>), ActorError> {
    let mut bytes = Vec::new();
    loop {
        let read = stream.read_buf(&mut bytes).await.map_err(|source| ActorError::io("read the request", source))?;
        let parsed = Request::try_parse(&bytes).map_err(|source| ActorError::websocket("read the request", source))?;
        if let Some((head, request)) = parsed {
            return Ok((request, bytes.split_off(head)));
        }
        if read == 0 || bytes.len() > MAX_HEAD {
            return Err(ActorError::Unreadable("the request has no end".to_owned()));
        }
    }
}

fn read_response(bytes: &[u8]) -> Result<(u16, Vec<u8>), ActorError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match (response.parse(bytes), response.code) {
        (Ok(httparse::Status::Complete(head)), Some(status)) => Ok((status, bytes[head..].to_vec())),
        _ => Err(ActorError::Unreadable("the server's answer is not an HTTP response".to_owned())),
    }
}

/// The request in these bytes, as the log keeps it.
pub fn logged_request(head: &[u8]) -> Result<What, ActorError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(head).map_err(|error| ActorError::Unreadable(format!("the request: {error}")))?;
    let (true, Some(method), Some(target)) = (parsed.is_complete(), request.method, request.path) else {
        return Err(ActorError::Unreadable("the request has no end".to_owned()));
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = request.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect();
    Ok(What::Request { method: method.to_owned(), target: target.to_owned(), headers })
}

/// What the server is called.
pub const SERVER: &str = "server";
const CLOSE: (&str, &str) = ("Connection", "close");
pub const MAX_HEAD: usize = 64 << 10;
pub const MAX_HEADERS: usize = 32;
