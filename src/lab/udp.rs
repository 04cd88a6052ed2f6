//! Datagrams: nothing is opened, and nothing is closed.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;

use crate::lab::endpoint::{ActorError, Side};
use crate::lab::handshake::SERVER;
use crate::lab::log::{Connection, Logbook, What};
use crate::layer::Direction;

/// The sockets of one host: the server's one, or one for each client.
#[derive(Debug, Default)]
pub struct Datagrams {
    server: Option<UdpSocket>,
    clients: BTreeMap<String, UdpSocket>,
    /// Where the datagrams of each client came from.
    met: BTreeMap<String, SocketAddr>,
}

/// The largest payload of a datagram over IPv4: 65 535 octets without the headers (RFC 768, RFC 791).
pub const MAX_DATAGRAM: usize = 65_507;

impl Datagrams {
    /// Those of the server.
    pub fn of_server(socket: UdpSocket) -> Self {
        Self { server: Some(socket), ..Self::default() }
    }

    /// Sends one: a client to the server, or the server to a client it has heard of.
    pub async fn send(
        &mut self,
        line: usize,
        client: &str,
        server: SocketAddr,
        payload: &[u8],
        log: &Logbook,
    ) -> Result<(), ActorError> {
        let failed = |source| ActorError::io("send a datagram", source);
        let what = What::Datagram(payload.to_vec());
        if let Some(socket) = &self.server {
            let to = self.met.get(client).copied().ok_or_else(|| unmet(client))?;
            side(SERVER, Connection { client: to, server }, Direction::ToClient, log).sends(line, what);
            return socket.send_to(payload, to).await.map(|_| ()).map_err(failed);
        }
        if !self.clients.contains_key(client) {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
            self.clients.insert(client.to_owned(), socket);
        }
        let socket = self.clients.get(client).ok_or_else(|| unmet(client))?;
        let from = socket.local_addr().map_err(failed)?;
        side(client, Connection { client: from, server }, Direction::ToServer, log).sends(line, what);
        socket.send_to(payload, server).await.map(|_| ()).map_err(failed)
    }

    /// Waits for one.
    pub async fn hear(&mut self, client: &str, server: SocketAddr, log: &Logbook) -> Result<(), ActorError> {
        let failed = |source| ActorError::io("receive a datagram", source);
        let mut buffer = vec![0; MAX_DATAGRAM];
        let is_server = self.server.is_some();
        let socket = self.server.as_ref().or_else(|| self.clients.get(client)).ok_or_else(|| unmet(client))?;
        let own = socket.local_addr().map_err(failed)?;
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.map_err(failed)?;
            let (actor, ends, direction) = match is_server {
                true => (SERVER, Connection { client: from, server }, Direction::ToClient),
                false => (client, Connection { client: own, server }, Direction::ToServer),
            };
            let heard = side(actor, ends, direction, log)
                .hears(|what| matches!(what, What::Datagram(sent) if *sent == buffer[..len]));
            // On the host's loopback any program may send one; those that nobody in the play has sent are left alone.
            if heard.is_ok() {
                if is_server {
                    self.met.insert(client.to_owned(), from);
                }
                return Ok(());
            }
        }
    }
}

fn side(actor: &str, connection: Connection, direction: Direction, log: &Logbook) -> Side {
    Side { actor: actor.to_owned(), connection, direction, log: log.clone() }
}

fn unmet(client: &str) -> ActorError {
    ActorError::Unreadable(format!("no datagram of {client} has come, so there is no address to send one to"))
}
