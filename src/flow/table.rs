//! Which connection a segment belongs to. The key is both ends with their ports, so that one connection is found from
//! either direction, also when both ends have the same address.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::{Connection, Segment};
use crate::capture::Timestamp;
use crate::packet::Packet;

type Key = (SocketAddr, SocketAddr);

/// All TCP connections of a capture, in order of their first packet.
#[derive(Debug, Clone, Default)]
pub struct FlowTable {
    current: HashMap<Key, usize>,
    connections: Vec<Connection>,
}

impl FlowTable {
    /// Finds or opens the connection of a packet and reads the segment in its light; `None` if it is not TCP.
    pub fn push(&mut self, packet: &Packet, data: &[u8], frame: u32, time: Timestamp) -> Option<Segment> {
        let (tcp, from, to) = packet.tcp()?;
        let key = if from <= to { (from, to) } else { (to, from) };
        let before = self.current.get(&key).copied();
        let known = before.filter(|i| !self.connections[*i].is_reopened_by(tcp, from));
        let index = known.unwrap_or_else(|| {
            let id = self.connections.len();
            let connection = Connection::new(id as u32, tcp, from, to, frame, time);
            self.connections.push(if before.is_some() { connection.reusing() } else { connection });
            self.current.insert(key, id);
            id
        });
        let connection = &mut self.connections[index];
        let direction = connection.direction(from);
        Some(connection.push(tcp, data, direction, frame, time))
    }

    /// The connections seen so far; a connection's place is its `id`.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// Gives the connections away.
    pub fn into_connections(self) -> Vec<Connection> {
        self.connections
    }
}
