//! What Engine.IO asks of both sides of a session: whose turn it is to ping, that a ping is answered in time, and that no
//! two requests of a kind wait at once.
//!
//! # References
//! - Engine.IO protocol 4, "Heartbeat", "Transports: HTTP long-polling"; 3, "Encoding: Packet, 2 ping".

use std::net::SocketAddr;

use crate::capture::Moment;
use crate::layer::{Direction, Group, Note, Severity};
use crate::protocol::engineio::{Kind, Open, Version};

/// A session is asked for at no more servers than this, a few proxies before it included.
const MAX_SERVERS: usize = 8;

/// The rules of one session.
pub(super) struct Heart {
    version: Version,
    /// How many nanoseconds a ping may wait for its pong, once the server has said so.
    patience: Option<i64>,
    /// The ping that waits.
    pinged: Option<Moment>,
    /// How many GETs and POSTs wait for their answers, at each server that is asked: a proxy's requests are those of its
    /// clients once more.
    waiting: Vec<(SocketAddr, [u32; 2])>,
}

impl Heart {
    pub(super) fn new(version: Version) -> Self {
        Self { version, patience: None, pinged: None, waiting: Vec::new() }
    }

    /// The server has opened the session.
    pub(super) fn open(&mut self, open: &Open) {
        let milliseconds = open.ping_timeout.and_then(|timeout| i64::try_from(timeout).ok());
        self.patience = milliseconds.and_then(|timeout| timeout.checked_mul(1_000_000));
    }

    /// Octets of the session are missing: whoever waits in it may have been answered in them.
    pub(super) fn doubt(&mut self) {
        self.pinged = None;
        self.waiting.clear();
    }

    /// A packet of the session; says what is wrong with its time or its direction.
    pub(super) fn hear(&mut self, kind: Kind, text: &str, direction: Direction, now: Moment) -> Option<Note> {
        // The client probes a new transport with a ping in all versions.
        if text == "probe" {
            return None;
        }
        match kind {
            Kind::Ping => {
                let before = self.pinged.replace(now);
                self.wrong_way(direction).or_else(|| {
                    let before = before?;
                    let text = format!("the ping before, in frame {}, was never answered", before.frame);
                    Some(Note::new(Severity::Warn, text, self.version.heartbeat()))
                })
            }
            Kind::Pong => {
                let waited = now.time.0.saturating_sub(self.pinged.take()?.time.0);
                let patience = self.patience.filter(|patience| waited > *patience)?;
                let text = format!(
                    "the pong came {} ms after its ping, and pingTimeout is {} ms: the other side may have given up",
                    waited / 1_000_000,
                    patience / 1_000_000
                );
                Some(Note::new(Severity::Warn, text, self.version.heartbeat()))
            }
            _ => None,
        }
    }

    /// "PING DIRECTION": the client in version 3, the server in version 4.
    fn wrong_way(&self, direction: Direction) -> Option<Note> {
        let (pinger, number) = match self.version {
            Version::V3 => (Direction::ToServer, 3),
            Version::V4 => (Direction::ToClient, 4),
            Version::Other(_) => return None,
        };
        let side = if pinger == Direction::ToServer { "client" } else { "server" };
        (direction != pinger).then(|| {
            let text = format!("a ping from the wrong side: in Engine.IO {number} the {side} pings");
            Note::new(Severity::Warn, text, self.version.heartbeat())
        })
    }

    /// A request of the session by polling. "a second GET while one is open … the server closes the session".
    pub(super) fn ask(&mut self, server: SocketAddr, is_post: bool) -> Option<Note> {
        let waiting = self.waiting_at(server, is_post)?;
        *waiting = waiting.saturating_add(1);
        (*waiting > 1).then(|| {
            let method = if is_post { "POST" } else { "GET" };
            let text =
                format!("a {method} while another one of the same session waits: the server refuses, and closes it");
            Note::new(Severity::Error, text, self.version.polling())
        })
    }

    fn waiting_at(&mut self, server: SocketAddr, is_post: bool) -> Option<&mut u32> {
        let known = self.waiting.iter().position(|(at, _)| *at == server);
        let place = known.or_else(|| {
            (self.waiting.len() < MAX_SERVERS).then(|| {
                self.waiting.push((server, [0; 2]));
                self.waiting.len() - 1
            })
        })?;
        Some(&mut self.waiting[place].1[usize::from(is_post)])
    }

    /// Its answer. What a POST is answered with has no meaning but this one.
    pub(super) fn answer(&mut self, server: SocketAddr, is_post: bool, status: u16, body: &[u8]) -> Option<Note> {
        if let Some(waiting) = self.waiting_at(server, is_post) {
            *waiting = waiting.saturating_sub(1);
        }
        match status {
            // "ok" it is, and python-engineio says "OK": clients look at the status.
            200 if is_post && !body.eq_ignore_ascii_case(b"ok") => Some(
                Note::new(Severity::Note, "the answer to a POST should be `ok`", self.version.polling())
                    .about(Group::Response),
            ),
            413 => {
                let text = "the body is larger than maxPayload allows: the server refuses it";
                Some(Note::new(Severity::Error, text, "Engine.IO protocol 4, Handshake").about(Group::Response))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Timestamp;

    const TO_SERVER: Direction = Direction::ToServer;
    const TO_CLIENT: Direction = Direction::ToClient;

    fn at(milliseconds: i64) -> Moment {
        Moment { frame: 7, time: Timestamp(milliseconds * 1_000_000) }
    }

    fn beating(version: Version) -> Heart {
        let mut heart = Heart::new(version);
        heart.open(&Open { ping_timeout: Some(200), ..Open::default() });
        heart
    }

    fn text(note: Option<Note>) -> Option<String> {
        note.map(|note| note.text)
    }

    #[test]
    fn pings_come_from_one_side_by_version() {
        for (version, right) in [(Version::V3, TO_SERVER), (Version::V4, TO_CLIENT)] {
            let mut heart = beating(version);
            assert_eq!(heart.hear(Kind::Ping, "", right, at(0)), None);
            assert_eq!(heart.hear(Kind::Pong, "", right.reverse(), at(200)), None, "just in time");
            let wrong = text(heart.hear(Kind::Ping, "", right.reverse(), at(300))).unwrap();
            assert!(wrong.starts_with("a ping from the wrong side"), "{wrong}");
            let spec = heart.hear(Kind::Ping, "", right.reverse(), at(300)).map(|note| note.spec).unwrap_or_default();
            assert!(spec.starts_with(&format!("Engine.IO protocol {}, ", version.number())), "{spec}");
            assert_eq!(heart.hear(Kind::Ping, "probe", TO_SERVER, at(301)), None, "a probe is the client's in both");
        }
    }

    #[test]
    fn a_ping_wants_its_pong_in_time() {
        let mut heart = beating(Version::V4);
        assert_eq!(heart.hear(Kind::Ping, "", TO_CLIENT, at(0)), None);
        let late = text(heart.hear(Kind::Pong, "", TO_SERVER, at(201))).unwrap();
        assert!(late.contains("201 ms after its ping, and pingTimeout is 200 ms"), "{late}");
        assert_eq!(heart.hear(Kind::Ping, "", TO_CLIENT, at(300)), None);
        let never = text(heart.hear(Kind::Ping, "", TO_CLIENT, at(600)));
        assert_eq!(never.as_deref(), Some("the ping before, in frame 7, was never answered"));
        assert_eq!(heart.hear(Kind::Pong, "", TO_SERVER, at(601)), None);
        assert_eq!(heart.hear(Kind::Pong, "", TO_SERVER, at(602)), None, "a pong alone is harmless");
    }

    #[test]
    fn one_get_and_one_post_may_wait_at_once() {
        let mut heart = beating(Version::V4);
        let [proxy, server] = [8080, 3000].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!((heart.ask(server, false), heart.ask(server, true)), (None, None));
        assert_eq!((heart.ask(proxy, false), heart.ask(proxy, true)), (None, None), "the same ones, seen twice");
        assert!(heart.ask(server, false).is_some() && heart.ask(server, true).is_some());
        assert_eq!(heart.answer(server, false, 400, b""), None);
        assert_eq!(heart.answer(server, false, 200, b"6"), None);
        assert_eq!(heart.ask(server, false), None);
        assert_eq!(
            text(heart.answer(server, true, 200, b"no")).as_deref(),
            Some("the answer to a POST should be `ok`")
        );
        assert!(heart.answer(server, true, 413, b"").is_some());
        assert_eq!([&b"ok"[..], b"OK"].map(|body| heart.answer(server, true, 200, body)), [None, None]);
        // Who asks for it at many servers is not remembered at all of them.
        (0..100).for_each(|port| drop(heart.ask(SocketAddr::from(([127, 0, 0, 1], port)), true)));
        assert_eq!(heart.waiting.len(), MAX_SERVERS);
    }
}
