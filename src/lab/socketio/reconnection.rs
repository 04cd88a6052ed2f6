//! How a client comes back by itself to a server that was gone: again and again, and each time it waits twice as long.
//!
//! The official client waits 1 s before its first try, doubles that up to 5 s, and makes each wait up to a half longer or
//! shorter by chance, so that not all clients come at once (`reconnectionDelay`, `reconnectionDelayMax`,
//! `randomizationFactor`: <https://socket.io/docs/v4/client-options/#reconnectiondelay>). Here nothing is left to chance.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::lab::endpoint::ActorError;
use crate::lab::logbook::Logbook;
use crate::lab::socketio::{Rules, SocketIoClient, Transports, resuming};
use crate::lab::tls::Tls;

/// What a client does to come back.
#[derive(Debug, Clone)]
pub struct Reconnection {
    /// How it reaches the server.
    pub transports: Transports,
    /// How long it waits before it tries for the first time.
    pub first: Duration,
    /// What it had joined, in this order, and what it said of itself there.
    pub joined: Vec<(String, Option<Value>)>,
}

impl Reconnection {
    /// Tries until it is back where it was; with the number of the event that it had last, if the server keeps events.
    pub async fn come_back(
        &self,
        who: (&str, usize, SocketAddr),
        offset: Option<i64>,
        rules: &Arc<Rules>,
        lab: (Option<&Tls>, &Logbook),
    ) -> Result<SocketIoClient, ActorError> {
        let Some(((first, auth), others)) = self.joined.split_first() else {
            return Err(ActorError::Unreadable(format!("{} had joined nothing", who.0)));
        };
        let resuming = offset.map(resuming);
        let mut waits = self.first;
        let mut client = loop {
            tokio::time::sleep(waits).await;
            waits = (waits * 2).min(MOST);
            let wish = (first.as_str(), resuming.as_ref().or(auth.as_ref()));
            match SocketIoClient::begin(who, self.transports, wish, Arc::clone(rules), lab).await {
                Err(ActorError::Io { source, .. }) if source.kind() == ErrorKind::ConnectionRefused => {}
                begun => break begun?,
            }
        };
        for (namespace, auth) in others {
            client.join(who.1, namespace, auth.as_ref()).await?;
        }
        Ok(client)
    }
}

/// It never waits longer.
pub const MOST: Duration = Duration::from_secs(5);
