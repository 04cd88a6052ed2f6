//! Connection state recovery: what a server remembers of sessions that were cut off and of the events it sent, and what a
//! client must know to come back as the same. As the official server's in-memory adapter has it.
//!
//! # References
//! - <https://socket.io/docs/v4/connection-state-recovery>
//! - `SessionAwareAdapter` and `shouldIncludePacket` in socket.io-adapter 2.5, `in-memory-adapter.ts`; `yeast.ts` there for
//!   how offsets are written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::lab::socketio::Args;
use crate::lab::socketio::rules::OFFSET;

/// What a client keeps of a namespace, to come back as the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What the server knows it by: its private name.
    pub pid: String,
    /// The last event it had, if it had any.
    pub offset: Option<String>,
}

impl Ticket {
    /// What it says of itself when it comes back: this, and what it says anyway.
    pub fn shown_with(&self, auth: Option<&Value>) -> Value {
        let mut says = Map::new();
        says.insert(PID.to_owned(), self.pid.clone().into());
        says.extend(self.offset.clone().map(|offset| (OFFSET.to_owned(), offset.into())));
        says.extend(auth.and_then(Value::as_object).cloned().unwrap_or_default());
        says.into()
    }

    /// What of a client's words is one, for a server: without an offset nobody is taken back.
    pub fn read(auth: Option<&Value>) -> Option<(&str, &str)> {
        let says = |key: &str| auth?.get(key)?.as_str();
        says(PID).zip(says(OFFSET))
    }
}

/// Under this key a client is given its private name, and gives it back.
pub const PID: &str = "pid";

/// In which rooms one must be to get an event, if in any, and in which not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    pub rooms: BTreeSet<String>,
    pub except: BTreeSet<String>,
}

impl Reach {
    /// Whether it reaches who is in these.
    pub fn reaches(&self, rooms: &BTreeSet<String>) -> bool {
        (self.rooms.is_empty() || !self.rooms.is_disjoint(rooms)) && self.except.is_disjoint(rooms)
    }
}

/// An event that was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub event: String,
    /// What it carried, the offset apart.
    pub args: Args,
    pub offset: String,
}

/// Who was cut off, or has come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub namespace: String,
    pub sid: String,
    pub pid: String,
    pub rooms: BTreeSet<String>,
}

/// What a server remembers, for a while.
#[derive(Debug)]
pub struct Memory {
    lasts: Duration,
    sessions: BTreeMap<String, (Session, Instant)>,
    events: VecDeque<(Instant, String, Reach, Sent)>,
    offsets: Offsets,
    swept: Option<Instant>,
}

impl Memory {
    /// Of a server that remembers for so long. `seed` is what offsets begin with; else with the clock.
    pub fn new(lasts: Duration, seed: Option<u32>) -> Self {
        let offsets = Offsets { last: 0, seed };
        Self { lasts, sessions: BTreeMap::new(), events: VecDeque::new(), offsets, swept: None }
    }

    /// Remembers an event that is about to be sent; returns its offset.
    pub fn keep(&mut self, namespace: &str, reach: Reach, (event, args): (&str, &Args), now: Instant) -> String {
        self.sweep(now);
        if self.events.len() >= MOST_EVENTS {
            self.events.pop_front();
        }
        let offset = self.offsets.next();
        let sent = Sent { event: event.to_owned(), args: args.clone(), offset: offset.clone() };
        self.events.push_back((now, namespace.to_owned(), reach, sent));
        offset
    }

    /// Forgets old events, now and then: until then one is remembered, however old, as by the official server. How long ago
    /// somebody was cut off is what counts.
    fn sweep(&mut self, now: Instant) {
        if now.duration_since(*self.swept.get_or_insert(now)) < SWEEPS {
            return;
        }
        self.swept = Some(now);
        self.events.retain(|(at, ..)| now.duration_since(*at) <= self.lasts);
        self.sessions.retain(|_, (_, at)| now.duration_since(*at) <= self.lasts);
    }

    /// Remembers who was cut off.
    pub fn part(&mut self, session: Session, now: Instant) {
        self.sweep(now);
        if self.sessions.len() < MOST_SESSIONS {
            self.sessions.insert(session.pid.clone(), (session, now));
        }
    }

    /// Who comes back with this name, and what they have missed since this event. `None` if the name or the event is not
    /// remembered, or not any more.
    pub fn restore(
        &mut self,
        namespace: &str,
        (pid, offset): (&str, &str),
        now: Instant,
    ) -> Option<(Session, Vec<Sent>)> {
        self.sweep(now);
        let (session, at) = self.sessions.get(pid)?;
        if session.namespace != namespace || now.duration_since(*at) > self.lasts {
            return None;
        }
        let mut events = self.events.iter().filter(|(_, of, ..)| of == namespace);
        events.by_ref().find(|(.., sent)| sent.offset == offset)?;
        let missed = events.filter(|(_, _, reach, _)| reach.reaches(&session.rooms));
        let missed = missed.map(|(.., sent)| sent.clone()).collect();
        self.sessions.remove(pid).map(|(session, _)| (session, missed))
    }
}

/// So often the official server sweeps.
const SWEEPS: Duration = Duration::from_secs(60);

/// More than any script sends, and an end to what a stranger can make a server remember.
const MOST_EVENTS: usize = 10_000;
const MOST_SESSIONS: usize = 1_000;

/// Names of events: the time in milliseconds, and never the same one twice.
#[derive(Debug)]
struct Offsets {
    last: u64,
    seed: Option<u32>,
}

impl Offsets {
    fn next(&mut self) -> String {
        let now = match self.seed {
            Some(seed) => SEEDED | u64::from(seed) << 16,
            None => std::time::UNIX_EPOCH.elapsed().map_or(SEEDED, |since| since.as_millis() as u64),
        };
        self.last = now.max(self.last + 1);
        written(self.last)
    }
}

/// With this a number has as many digits as the clock's.
const SEEDED: u64 = 1 << 40;

/// A number in digits of which there are 64, the most significant first.
fn written(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(DIGITS[(number % 64) as usize]);
        number /= 64;
        if number == 0 {
            break;
        }
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn reach(inside: &[&str], except: &[&str]) -> Reach {
        Reach { rooms: rooms(inside), except: rooms(except) }
    }

    fn session() -> Session {
        let rooms = rooms(&["s", "r"]);
        Session { namespace: "/".to_owned(), sid: "s".to_owned(), pid: "p".to_owned(), rooms }
    }

    #[test]
    fn what_was_missed_is_what_would_have_come() {
        let now = Instant::now();
        let mut memory = Memory::new(Duration::from_secs(1), Some(7));
        let keep = |memory: &mut Memory, namespace: &str, name: &str, reach: Reach| {
            memory.keep(namespace, reach, (name, &Args::default()), now)
        };
        let early = keep(&mut memory, "/", "early", Reach::default());
        let had = keep(&mut memory, "/", "had", Reach::default());
        for (namespace, name, reach) in [
            ("/", "to all", Reach::default()),
            ("/", "to the room", reach(&["r", "other"], &[])),
            ("/", "to another room", reach(&["other"], &[])),
            ("/", "not to the room", reach(&[], &["r"])),
            ("/", "to one", reach(&["s"], &[])),
            ("/", "to another", reach(&["t"], &[])),
            ("/elsewhere", "to all there", Reach::default()),
        ] {
            keep(&mut memory, namespace, name, reach);
        }
        memory.part(session(), now);
        assert_eq!(memory.restore("/elsewhere", ("p", &had), now), None);
        assert_eq!(memory.restore("/", ("p", "never sent"), now), None);
        assert_eq!(memory.restore("/", ("q", &had), now), None);
        let (back, missed) = memory.restore("/", ("p", &had), now).unwrap();
        assert_eq!(back, session());
        let names: Vec<&str> = missed.iter().map(|sent| sent.event.as_str()).collect();
        assert_eq!(names, ["to all", "to the room", "to one"]);
        assert_eq!(memory.restore("/", ("p", &early), now), None, "nobody is two");
    }

    #[test]
    fn it_forgets() {
        let start = Instant::now();
        let mut memory = Memory::new(Duration::from_secs(1), None);
        let offset = memory.keep("/", Reach::default(), ("x", &Args::default()), start);
        memory.part(session(), start);
        assert_eq!(memory.restore("/", ("p", &offset), start + Duration::from_secs(2)), None);
        // The event may be as old as it likes, until the memory is swept.
        let later = start + Duration::from_secs(50);
        memory.part(session(), later);
        assert!(memory.restore("/", ("p", &offset), later).is_some());
        let swept = start + Duration::from_secs(61);
        memory.part(session(), swept);
        assert_eq!(memory.restore("/", ("p", &offset), swept), None);
        for _ in 0..MOST_EVENTS + 5 {
            memory.keep("/", Reach::default(), ("z", &Args::default()), start + Duration::from_secs(2));
        }
        assert_eq!(memory.events.len(), MOST_EVENTS);
    }

    #[test]
    fn no_two_offsets_are_alike() {
        let mut offsets = Offsets { last: 0, seed: None };
        let names: Vec<String> = (0..1000).map(|_| offsets.next()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 1000);
        assert!(names.iter().all(|name| name.len() == names[0].len()));
        let seeded = |seed| Offsets { last: 0, seed: Some(seed) }.next();
        assert_eq!((seeded(1), seeded(1)), (seeded(1), seeded(1)));
        assert_ne!(seeded(1), seeded(2));
        // socket.io-adapter's yeast.ts: "-" and "_" are the last two digits.
        assert_eq!((written(0), written(63), written(64 * 62 + 9)), ("0".into(), "_".into(), "-9".into()));
    }

    #[test]
    fn who_comes_back_shows_a_ticket() {
        let mut ticket = Ticket { pid: "p".to_owned(), offset: None };
        assert_eq!(ticket.shown_with(None), serde_json::json!({ "pid": "p" }));
        assert_eq!(Ticket::read(Some(&ticket.shown_with(None))), None);
        ticket.offset = Some("o".to_owned());
        let shown = ticket.shown_with(Some(&serde_json::json!({ "token": 1 })));
        assert_eq!(shown, serde_json::json!({ "pid": "p", "offset": "o", "token": 1 }));
        assert_eq!(Ticket::read(Some(&shown)), Some(("p", "o")));
        assert_eq!(Ticket::read(Some(&serde_json::json!({ "pid": 1, "offset": "o" }))), None);
        assert_eq!(Ticket::read(None), None);
    }
}
