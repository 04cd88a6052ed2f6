//! Requests that are missing on connections of no known session, as where each poll has a connection of its own: each session at
//! their server may have lacked them. There may be many of both, so each session asks for itself, when it is heard next.

use std::net::SocketAddr;

use crate::map::Map;

/// At no more servers than this they are told apart.
const MAX_SERVERS: usize = 1 << 8;

/// How many are missing, and where.
#[derive(Debug, Default)]
pub(super) struct Missed {
    count: u64,
    /// Up to the latest at each server, and at any other.
    at: Map<SocketAddr, u64>,
    elsewhere: u64,
}

/// How many were missing when a session last asked.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Seen(u64);

impl Missed {
    /// One is missing at this server, or nobody knows where.
    pub(super) fn note(&mut self, server: Option<SocketAddr>) {
        self.count += 1;
        match server {
            Some(server) if self.at.len() < MAX_SERVERS || self.at.contains_key(&server) => {
                self.at.insert(server, self.count);
            }
            _ => self.elsewhere = self.count,
        }
    }

    /// Where a session stands that begins now.
    pub(super) fn seen(&self) -> Seen {
        Seen(self.count)
    }

    /// Whether one was missing since this session asked, which is held at this server, or nobody knows at which.
    #[inline]
    pub(super) fn since(&self, seen: &mut Seen, server: Option<SocketAddr>) -> bool {
        if seen.0 == self.count {
            return false;
        }
        let before = std::mem::replace(&mut seen.0, self.count);
        let here = server.map_or(self.count, |server| self.at.get(&server).copied().unwrap_or_default());
        here.max(self.elsewhere) > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_asked_about_once() {
        let server = |port: u16| Some(SocketAddr::from(([10, 0, 0, 1], port)));
        let mut missed = Missed::default();
        missed.note(server(1));
        let [mut here, mut there, mut anywhere] = [missed.seen(); 3];
        assert!(!missed.since(&mut here, server(1)), "it began later");
        missed.note(server(1));
        assert!(missed.since(&mut here, server(1)) && !missed.since(&mut here, server(1)));
        assert!(!missed.since(&mut there, server(2)) && missed.since(&mut anywhere, None));
        (0..1000).for_each(|port| missed.note(server(port)));
        assert!(
            missed.at.len() == MAX_SERVERS && missed.since(&mut there, server(5000)),
            "where is not known any more"
        );
    }
}
