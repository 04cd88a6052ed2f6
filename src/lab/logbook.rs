//! The script log while a play goes on: all actors write into it, and wait for what others write.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::lab::log::{Connection, Entry, FaultEntry, ScriptLog, What};
use crate::layer::Direction;

/// The log while the play goes on; all actors write into the same one.
#[derive(Debug, Clone)]
pub(crate) struct Logbook {
    start: Instant,
    /// The same moment on the clock of captures.
    began: Duration,
    entries: Arc<Mutex<Vec<Entry>>>,
    faults: Arc<Mutex<Vec<FaultEntry>>>,
    changed: Arc<watch::Sender<()>>,
    /// Those who are gone without a word: what is sent to them nobody waits for.
    lost: Arc<Mutex<Vec<Connection>>>,
    /// Who is at the other end is in no play, and writes nothing into this log: nobody waits for what is sent, and what
    /// comes is taken as it is.
    alone: bool,
}

/// A log that only one side writes keeps no more than this.
const MOST_ALONE: usize = 10_000;

impl Logbook {
    pub fn begin() -> Self {
        let (start, began) = now();
        Self {
            start,
            began,
            entries: Arc::default(),
            faults: Arc::default(),
            changed: Arc::default(),
            lost: Arc::default(),
            alone: false,
        }
    }

    /// A log that only one side writes.
    pub fn alone() -> Self {
        Self { alone: true, ..Self::begin() }
    }

    /// Notes what came from who is in no play.
    pub fn overhears(&self, connection: Connection, direction: Direction, what: What) {
        if !self.alone {
            return;
        }
        let actor = if direction == Direction::ToClient { connection.server } else { connection.client }.to_string();
        let at = self.start.elapsed();
        let entry =
            Entry { step: 0, at, received_at: Some(at), actor, connection, direction, what, is_given_up: false };
        self.keep(entry);
        self.poke();
    }

    /// Notes what is about to be sent; call it right before sending, so that the other side finds the entry.
    pub fn sent(&self, step: usize, actor: &str, connection: Connection, direction: Direction, what: What) {
        let entry = Entry {
            step,
            at: self.start.elapsed(),
            received_at: None,
            actor: actor.to_owned(),
            connection,
            direction,
            what,
            is_given_up: self.alone || self.lost.lock().unwrap_or_else(PoisonError::into_inner).contains(&connection),
        };
        self.keep(entry);
    }

    fn keep(&self, entry: Entry) {
        let mut entries = self.entries();
        if !self.alone || entries.len() < MOST_ALONE {
            entries.push(entry);
        }
    }

    /// Notes that the other side has it: the oldest thing under way there, if `what` fits it. Tells whether it did.
    pub fn received(&self, connection: Connection, direction: Direction, what: impl Fn(&What) -> bool) -> bool {
        if self.alone {
            return true;
        }
        let now = self.start.elapsed();
        let mut entries = self.entries();
        let under_way = entries.iter_mut().find(|entry| {
            entry.received_at.is_none() && entry.connection == connection && entry.direction == direction
        });
        match under_way {
            Some(entry) if what(&entry.what) => {
                entry.received_at = Some(now);
                true
            }
            _ => false,
        }
    }

    /// Notes what the wire does, or a receiver in its place.
    pub fn fault(&self, step: usize, direction: Direction, what: &dyn std::fmt::Display) {
        self.note(step, direction, what, false);
    }

    /// Notes what the wire loses by chance.
    #[cfg_attr(
        not(all(target_os = "linux", feature = "capture")),
        expect(dead_code, reason = "without a wire nothing is lost")
    )]
    pub fn loss(&self, step: usize, direction: Direction, what: &dyn std::fmt::Display) {
        self.note(step, direction, what, true);
    }

    fn note(&self, step: usize, direction: Direction, what: &dyn std::fmt::Display, is_loss: bool) {
        let entry = FaultEntry { step, at: self.start.elapsed(), direction, what: what.to_string(), is_loss };
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// Notes that nobody should wait for the datagram that is under way between these ports.
    #[cfg_attr(
        not(any(test, all(target_os = "linux", feature = "capture"))),
        expect(dead_code, reason = "without a wire there are no faults")
    )]
    pub fn gives_up(&self, direction: Direction, (source, destination): (u16, u16)) {
        let under_way = |entry: &&mut Entry| {
            let Connection { client, server } = entry.connection;
            let ports = match direction {
                Direction::ToServer => (client.port(), server.port()),
                Direction::ToClient => (server.port(), client.port()),
            };
            matches!(entry.what, What::Datagram(_))
                && (entry.direction, ports) == (direction, (source, destination))
                && entry.received_at.is_none()
                && !entry.is_given_up
        };
        if let Some(entry) = self.entries().iter_mut().find(under_way) {
            entry.is_given_up = true;
        }
        self.poke();
    }

    /// Notes that nobody should wait for the datagram under way that begins so.
    pub fn gives_up_with(&self, direction: Direction, beginning: &[u8]) {
        let is_it = |entry: &&mut Entry| {
            matches!(&entry.what, What::Datagram(payload) if payload.starts_with(beginning))
                && entry.direction == direction
                && !entry.is_settled()
        };
        if let Some(entry) = self.entries().iter_mut().find(is_it) {
            entry.is_given_up = true;
        }
        self.poke();
    }

    /// Notes that nobody should wait for those of these that are still under way.
    pub fn leaves_behind(&self, is_it: impl Fn(&Entry) -> bool) {
        self.entries().iter_mut().filter(|entry| !entry.is_settled() && is_it(entry)).for_each(|entry| {
            entry.is_given_up = true;
        });
        self.poke();
    }

    /// Notes that the other side has the oldest thing like this that is under way, and returns the line of the script that
    /// sent it; `None` if nobody did. What came before may be under way still: datagrams overtake each other. Of two that are
    /// alike, one of which the wire has taken, it is the other.
    pub fn came(&self, connection: Connection, direction: Direction, what: &What) -> Option<usize> {
        if self.alone {
            self.overhears(connection, direction, what.clone());
            return Some(0);
        }
        let now = self.start.elapsed();
        let is_it = |entry: &&mut Entry| {
            (entry.connection, entry.direction) == (connection, direction)
                && entry.received_at.is_none()
                && entry.what == *what
        };
        let line = self.entries().iter_mut().filter(is_it).min_by_key(|entry| entry.is_given_up).map(|entry| {
            entry.received_at = Some(now);
            entry.step
        });
        self.poke();
        line
    }

    /// Whether something like this is on its way.
    pub fn is_under_way(&self, connection: Connection, direction: Direction, what: &What) -> bool {
        let is_it =
            |entry: &Entry| (entry.connection, entry.direction) == (connection, direction) && entry.what == *what;
        self.alone || self.entries().iter().any(|entry| entry.received_at.is_none() && is_it(entry))
    }

    /// Wakes those who wait for something that the log does not have.
    pub fn poke(&self) {
        self.changed.send_replace(());
    }

    /// Waits until this is so.
    pub async fn until(&self, mut is_so: impl FnMut(&[Entry]) -> bool) {
        let mut changed = self.changed.subscribe();
        while !is_so(&self.entries()) {
            // The other end lives as long as this log.
            let _ = changed.changed().await;
        }
    }

    /// Looks at what is there.
    pub fn with_entries<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&self.entries())
    }

    /// From now on nobody waits for what is sent over this.
    pub fn loses(&self, connection: Connection) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Waits until so many datagrams of this kind have come or were given up.
    pub async fn datagrams(&self, count: usize, is_one: impl Fn(&Entry) -> bool) {
        let is_done = |entry: &&Entry| matches!(entry.what, What::Datagram(_)) && entry.is_settled() && is_one(entry);
        self.until(|entries| entries.iter().filter(is_done).count() >= count).await;
    }

    /// The ends of the connection that a client opened last.
    #[cfg_attr(
        not(all(target_os = "linux", feature = "capture")),
        expect(dead_code, reason = "without a wire nothing is reset")
    )]
    pub fn latest_of(&self, client: &str) -> Option<Connection> {
        let opens = |entry: &&Entry| entry.actor == client && entry.what == What::Opened;
        self.entries().iter().rev().find(opens).map(|entry| entry.connection)
    }

    /// Who opened a connection.
    pub fn actor_of(&self, connection: Connection) -> Option<String> {
        let opens = |entry: &&Entry| entry.connection == connection && entry.what == What::Opened;
        self.entries().iter().find(opens).map(|entry| entry.actor.clone())
    }

    /// Whether a client opened a connection from this address.
    pub fn is_of(&self, client: &str, address: SocketAddr) -> bool {
        self.entries().iter().any(|entry| entry.actor == client && entry.connection.client == address)
    }

    /// Where the datagrams of a client come from, if one has come.
    pub fn address_of(&self, client: &str) -> Option<SocketAddr> {
        let came = |entry: &&Entry| {
            matches!(entry.what, What::Datagram(_)) && entry.actor == client && entry.received_at.is_some()
        };
        self.entries().iter().find(came).map(|entry| entry.connection.client)
    }

    /// The log as it is now.
    pub fn so_far(&self) -> ScriptLog {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ScriptLog { began: self.began, entries: self.entries().clone(), faults }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        // A thread that panicked cannot have left a half-written entry behind.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One moment on two clocks: the one that only goes on, and the time since 1970. Should something come in between, it is
/// looked again.
fn now() -> (Instant, Duration) {
    let look = || {
        let before = Instant::now();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (before.elapsed(), before, since)
    };
    let (_, start, began) = (0..5).map(|_| look()).min_by_key(|(took, ..)| *took).unwrap_or_else(look);
    (start, began)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: Connection = Connection {
        client: SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 50000)),
        server: SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 8080)),
    };

    #[test]
    fn a_datagram_that_is_lost_is_not_taken_for_one_that_is_like_it() {
        let log = Logbook::begin();
        let alike = || What::Datagram(b"x".to_vec());
        let ports = (CONNECTION.client.port(), CONNECTION.server.port());
        log.sent(1, "ada", CONNECTION, Direction::ToServer, alike());
        log.gives_up(Direction::ToServer, ports);
        log.sent(2, "ada", CONNECTION, Direction::ToServer, alike());
        assert_eq!(log.came(CONNECTION, Direction::ToServer, &alike()), Some(2));
        // One that the wire only held comes in the end.
        assert_eq!(log.came(CONNECTION, Direction::ToServer, &alike()), Some(1));
        assert_eq!(log.came(CONNECTION, Direction::ToServer, &alike()), None);
    }

    #[test]
    fn things_arrive_in_the_order_of_sending() {
        let log = Logbook::begin();
        log.sent(1, "ada", CONNECTION, Direction::ToServer, What::Opened);
        log.sent(1, "ada", CONNECTION, Direction::ToServer, What::Closed);
        assert!(!log.received(CONNECTION, Direction::ToClient, |_| true));
        assert!(!log.received(CONNECTION, Direction::ToServer, |what| *what == What::Closed));
        assert!(log.received(CONNECTION, Direction::ToServer, |what| *what == What::Opened));
        assert!(log.received(CONNECTION, Direction::ToServer, |what| *what == What::Closed));
        assert!(!log.received(CONNECTION, Direction::ToServer, |_| true));
    }
}
