//! Requests and answers over a TCP connection, and event streams: HTTP/1 as plain bytes, heads read by httparse.
//!
//! # References
//! - HTTP/1.1: RFC 9112. HTTP/1.0: RFC 1945. Event streams: WHATWG HTML §9.2.

use tokio::io::AsyncReadExt as _;

use crate::lab::endpoint::ActorError;
use crate::lab::handshake::{MAX_HEAD, MAX_HEADERS, logged_request};
use crate::lab::log::What;
use crate::lab::scenario::{Event, Exchange};
use crate::lab::tcp::TcpEnd;

impl TcpEnd {
    /// The client's part of an exchange, at first: asks.
    pub async fn ask(&mut self, line: usize, exchange: &Exchange) -> Result<(), ActorError> {
        let host = self.side.connection.server;
        let version = exchange.version();
        let fields = asked_with(&exchange.fields);
        let head = format!("GET {} {version}\r\nHost: {host}\r\n{fields}\r\n", exchange.path);
        self.request(line, &head).await
    }

    /// And then: takes the answer.
    pub async fn hear_answer(&mut self) -> Result<(), ActorError> {
        let (answered, mut body, len) = self.response().await?;
        let missing = self.take(len.saturating_sub(body.len())).await?;
        body.extend(missing);
        self.side.overhears(What::Response { status: answered, headers: Vec::new(), body: body.clone() });
        self.side.hears(
            |what| matches!(what, What::Response { status, body: sent, .. } if (*status, sent) == (answered, &body)),
        )
    }

    /// The server's part, once it has heard the request: answers.
    pub async fn answer(&mut self, line: usize, exchange: &Exchange) -> Result<(), ActorError> {
        let mut headers = Vec::new();
        if exchange.status != NO_CONTENT {
            headers.push(("Content-Type".to_owned(), "text/plain".to_owned()));
            headers.push(("Content-Length".to_owned(), exchange.body.len().to_string()));
        }
        let head = head(exchange.version(), exchange.status, &headers);
        let what = What::Response { status: exchange.status, headers, body: exchange.body.clone() };
        self.side.sends(line, what);
        self.put(&[head.as_bytes(), &exchange.body].concat()).await
    }

    /// The client's part of an event stream: asks for it, from behind the last event it has.
    pub async fn subscribe(
        &mut self,
        line: usize,
        (path, last): (&str, Option<&str>),
        fields: &[(String, String)],
    ) -> Result<(), ActorError> {
        let host = self.side.connection.server;
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        // Whatever else a client takes, here it asks for a stream.
        let others = fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("accept"));
        let fields = written(others);
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n{last}{fields}\r\n");
        self.request(line, &head).await?;
        let (answered, begun, _) = self.response().await?;
        (self.streams, self.behind) = (true, begun);
        self.side.hears(|what| matches!(what, What::Response { status, .. } if *status == answered))
    }

    /// The server's part: begins a response that goes on until one side ends it.
    pub async fn serve_events(&mut self, line: usize) -> Result<(), ActorError> {
        self.hear_request().await?;
        self.begin_events(line).await
    }

    /// The head of an event stream.
    pub async fn begin_events(&mut self, line: usize) -> Result<(), ActorError> {
        let headers: Vec<(String, String)> =
            [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("Transfer-Encoding", "chunked")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        let head = head("HTTP/1.1", 200, &headers);
        self.side.sends(line, What::Response { status: 200, headers, body: Vec::new() });
        self.streams = true;
        self.put(head.as_bytes()).await
    }

    /// The server's part of an event: one chunk.
    pub async fn publish(&mut self, line: usize, event: &Event) -> Result<(), ActorError> {
        self.side.sends(line, What::Event(event.clone()));
        self.put(&chunk(event)).await
    }

    /// The client's part of an event.
    pub async fn hear_event(&mut self, event: &Event) -> Result<(), ActorError> {
        let expected = chunk(event);
        let heard = self.take(expected.len()).await?;
        if heard != expected {
            return Err(ActorError::NotAsSent { actor: self.side.actor.clone() });
        }
        self.side.overhears(What::Event(event.clone()));
        self.side.hears(|what| heard == expected && matches!(what, What::Event(sent) if sent == event))
    }

    async fn request(&mut self, line: usize, head: &str) -> Result<(), ActorError> {
        self.side.sends(line, logged_request(head.as_bytes())?);
        self.put(head.as_bytes()).await
    }

    /// The server's part, at first: waits for the request.
    pub async fn hear_request(&mut self) -> Result<(), ActorError> {
        let mut octets = Vec::new();
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let parsed = httparse::Request::new(&mut headers).parse(&octets).map(|status| status.is_complete());
            match parsed {
                Ok(true) => break,
                Ok(false) => self.more(&mut octets, "the request").await?,
                Err(error) => return Err(ActorError::Unreadable(format!("the request: {error}"))),
            }
        }
        self.side.hears(|what| matches!(what, What::Request { .. }))
    }

    /// The answer's status, the beginning of its body, and how long that is.
    async fn response(&mut self) -> Result<(u16, Vec<u8>, usize), ActorError> {
        let mut octets = Vec::new();
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(&octets) {
                Ok(httparse::Status::Complete(head)) => {
                    let len = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
                    let len = len.and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok()).unwrap_or(0);
                    return Ok((response.code.unwrap_or(0), octets[head..].to_vec(), len));
                }
                Ok(httparse::Status::Partial) => {}
                Err(error) => return Err(ActorError::Unreadable(format!("the answer: {error}"))),
            }
            self.more(&mut octets, "the answer").await?;
        }
    }

    async fn more(&mut self, octets: &mut Vec<u8>, what: &str) -> Result<(), ActorError> {
        let read = self.stream.read_buf(octets).await.map_err(|source| ActorError::io("read", source))?;
        if read == 0 || octets.len() > MAX_HEAD {
            return Err(ActorError::Unreadable(format!("{what} has no end")));
        }
        Ok(())
    }
}

fn head(version: &str, status: u16, headers: &[(String, String)]) -> String {
    let reason = if status == NO_CONTENT { "No Content" } else { "OK" };
    let mut head = format!("{version} {status} {reason}\r\n");
    head.push_str(&written(headers));
    head + "\r\n"
}

/// The header fields of a request that takes anything, unless they say otherwise.
pub fn asked_with(fields: &[(String, String)]) -> String {
    let has_accept = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept"));
    let accept = if has_accept { "" } else { "Accept: */*\r\n" };
    accept.to_owned() + &written(fields)
}

/// Header fields, a line each.
fn written<'a>(fields: impl IntoIterator<Item = &'a (String, String)>) -> String {
    fields.into_iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

/// An event as a chunk of the body.
fn chunk(event: &Event) -> Vec<u8> {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| text.push_str(&format!("{name}: {value}\n"));
    event.id.iter().for_each(|id| field("id", id));
    event.kind.iter().for_each(|kind| field("event", kind));
    event.data.split('\n').for_each(|line| field("data", line));
    text.push('\n');
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

const NO_CONTENT: u16 = 204;
