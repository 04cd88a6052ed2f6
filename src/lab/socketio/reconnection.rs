//! How a client comes back by itself to a server that was gone: again and again, and each time it waits twice as long.
//!
//! The official client waits 1 s before its first try, doubles that up to 5 s, and makes each wait up to a half longer or
//! shorter by chance, so that not all clients come at once (`reconnectionDelay`, `reconnectionDelayMax`,
//! `randomizationFactor`: <https://socket.io/docs/v4/client-options/#reconnectiondelay>). Here nothing is left to chance.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::lab::endpoint::ActorError;
use crate::lab::logbook::Logbook;
use crate::lab::socketio::recovery::Ticket;
use crate::lab::socketio::rules::resuming;
use crate::lab::socketio::{Rules, SocketIoClient, Transports};
use crate::lab::tls::Tls;

/// What a client has to come back with.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// The number of the last event it had, of those that the server keeps on the disk.
    pub offset: Option<i64>,
    /// What it keeps of each namespace of a server that recovers connections.
    pub tickets: BTreeMap<String, Ticket>,
}

impl Remembered {
    /// What it says of itself in the first namespace that it joins again, and what it would say anyway.
    pub fn says(&self, namespace: &str, auth: Option<&Value>) -> Option<Value> {
        let resuming = self.offset.map(resuming);
        let auth = resuming.as_ref().or(auth);
        self.tickets.get(namespace).map(|ticket| ticket.shown_with(auth)).or_else(|| auth.cloned())
    }

    /// With what is newer.
    pub fn updated(mut self, newer: Self) -> Self {
        self.tickets.extend(newer.tickets);
        Self { offset: newer.offset.or(self.offset), tickets: self.tickets }
    }
}

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
    /// Tries until it is back where it was; as the same, or with the number of the event that it had last, if the server
    /// keeps any.
    pub async fn come_back(
        &self,
        who: (&str, usize, SocketAddr),
        remembered: &Remembered,
        rules: &Arc<Rules>,
        lab: (Option<&Tls>, &Logbook),
    ) -> Result<SocketIoClient, ActorError> {
        let Some(((first, auth), others)) = self.joined.split_first() else {
            return Err(ActorError::Unreadable(format!("{} had joined nothing", who.0)));
        };
        let mut waits = self.first;
        let mut client = loop {
            tokio::time::sleep(waits).await;
            waits = (waits * 2).min(MOST);
            let auth = remembered.says(first, auth.as_ref());
            let how = (self.transports, remembered.clone());
            match SocketIoClient::begin(who, how, (first, auth.as_ref()), Arc::clone(rules), lab).await {
                Err(ActorError::Io { source, .. }) if source.kind() == ErrorKind::ConnectionRefused => {}
                begun => break begun?,
            }
        };
        for (namespace, auth) in others {
            let auth = match remembered.tickets.get(namespace) {
                Some(ticket) => Some(ticket.shown_with(auth.as_ref())),
                None => auth.clone(),
            };
            client.join(who.1, namespace, auth.as_ref()).await?;
        }
        Ok(client)
    }
}

/// It never waits longer.
pub const MOST: Duration = Duration::from_secs(5);
