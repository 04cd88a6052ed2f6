//! Ways to the server: connections for polling, WebSockets, and whether one carries.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::{self, HeaderName, HeaderValue};

use crate::lab::endpoint::ActorError;
use crate::lab::line::Wire;
use crate::lab::log::Connection;
use crate::lab::logbook::Logbook;
use crate::lab::seed::{Chance, Masks};
use crate::lab::socketio::polling::Poll;
use crate::lab::socketio::session::Frame;
use crate::lab::tcp::{self, TcpEnd};
use crate::lab::tls::{Tls, TlsVersion};

/// Who opens connections, because of which line, to whom.
#[derive(Debug, Clone)]
pub struct Way {
    pub client: String,
    pub line: usize,
    pub server: SocketAddr,
    /// With which TLS connections are opened, if any.
    pub secure: Option<(TlsVersion, Tls)>,
    /// Header fields that every request has besides.
    pub fields: Vec<(String, String)>,
    /// What key and masks of its WebSocket follow from; else they are left to chance.
    pub chance: Option<Chance>,
    pub log: Logbook,
}

pub type WebSocket = WebSocketStream<Wire>;

impl Way {
    /// Opens a WebSocket, for a new session or for one that is there.
    pub async fn websocket(&self, sid: Option<&str>) -> Result<(WebSocket, Connection), ActorError> {
        let end = self.open().await?;
        let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
        let address = format!("ws://{}{PATH}&transport=websocket{sid}", self.server);
        let failed = |source| ActorError::websocket("open a WebSocket", source);
        let mut request = address.into_client_request().map_err(failed)?;
        for (name, value) in &self.fields {
            let name = HeaderName::try_from(name.as_str()).map_err(|error| failed(http::Error::from(error).into()))?;
            let value =
                HeaderValue::try_from(value.as_str()).map_err(|error| failed(http::Error::from(error).into()))?;
            request.headers_mut().append(name, value);
        }
        let masks = self.chance.map(|mut chance| (chance.key(), Masks::new(chance)));
        if let Some((key, _)) = &masks {
            let key = HeaderValue::try_from(key).map_err(|error| failed(http::Error::from(error).into()))?;
            request.headers_mut().insert("Sec-WebSocket-Key", key);
        }
        let stream = end.stream.with_masks(masks.map(|(_, masks)| masks));
        let opened = tokio_tungstenite::client_async(request, stream).await;
        let (socket, _) = opened.map_err(failed)?;
        Ok((socket, end.side.connection))
    }

    pub async fn poll(&self) -> Result<Poll, ActorError> {
        Ok(Poll::new(self.open().await?, &self.fields))
    }

    /// Opens a connection.
    async fn open(&self) -> Result<TcpEnd, ActorError> {
        let end = tcp::open(self.line, &self.client, self.server, &self.log).await?;
        match &self.secure {
            Some((version, tls)) => end.secure(*version, tls).await,
            None => Ok(end),
        }
    }

    /// Opens a WebSocket for a session, and asks whether it carries.
    pub async fn probe(self, sid: String) -> Result<WebSocket, ActorError> {
        let (mut socket, _) = self.websocket(Some(&sid)).await?;
        say(&mut socket, &[Frame::Text("2probe".to_owned())]).await?;
        match next(&mut socket).await? {
            Some(Frame::Text(answer)) if answer == "3probe" => Ok(socket),
            other => Err(ActorError::Unreadable(format!("the server answered the probe with {other:?}"))),
        }
    }
}

pub async fn say(socket: &mut WebSocket, frames: &[Frame]) -> Result<(), ActorError> {
    for frame in frames {
        let message = match frame {
            Frame::Text(text) => Message::text(text.clone()),
            Frame::Binary(octets) => Message::binary(octets.clone()),
        };
        socket.send(message).await.map_err(|source| ActorError::websocket("send a message", source))?;
    }
    Ok(())
}

/// The next message; `None` once the other side has ended the connection.
pub async fn next(socket: &mut WebSocket) -> Result<Option<Frame>, ActorError> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(Some(Frame::Text(text.to_string()))),
            Some(Ok(Message::Binary(octets))) => return Ok(Some(Frame::Binary(octets.to_vec()))),
            Some(Ok(_)) => {}
            Some(Err(tungstenite::Error::ConnectionClosed)) | None => return Ok(None),
            Some(Err(source)) => return Err(ActorError::websocket("read a message", source)),
        }
    }
}

/// Where an Engine.IO server is asked for.
pub const PATH: &str = "/socket.io/?EIO=4";
