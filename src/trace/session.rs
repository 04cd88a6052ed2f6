//! Engine.IO sessions over all their TCP connections: what the layer above says in each.
//!
//! A session is named by its sid and not by a connection: it begins with polling on several connections and moves to
//! a WebSocket of its own. So what its packets carry is followed here, where all connections meet, in the order of their
//! frames.
//!
//! # References
//! - Engine.IO protocol 4, "Handshake", "Upgrade"; Socket.IO protocol 5, "Exchange protocol".

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use super::awaited::{Unfinished, Why};
use super::carried::{Carried, Found};
use super::heart::Heart;
use super::missed::{Missed, Seen};
use super::roll::Roll;
use super::socket::Sockets;
use super::watch::Tally;
use super::within::BOTH;
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::Carries;
use crate::protocol::engineio::{Data, Kind, Open, Version};

/// More sessions than this are not followed at once: a peer can ask for any number of them.
const MAX_SESSIONS: usize = 1 << 14;
/// So many are forgotten together, so that it is not looked with each new one which was silent longest.
const FORGOTTEN: usize = MAX_SESSIONS / 16;
/// More octets of memory than this are not kept of all sessions together: attachments, names of namespaces, events that wait.
const MAX_KEPT: usize = 128 << 20;
/// So much is made free at once, so that it is not looked for with each packet.
const ROOM: usize = MAX_KEPT / 16;
/// A session that keeps less than this is left alone when there is too much: of all there may be they are a quarter of it.
const LITTLE: usize = MAX_KEPT / MAX_SESSIONS / 4;
/// Behind each other there are no more servers than this, which speak for the same session: those that are beyond are read as one.
const MAX_HOPS: usize = 3;

/// Follows every session of a capture.
#[derive(Default)]
pub(super) struct Sessions {
    sessions: Roll<Session>,
    /// Those in which a packet waits for attachments, by the connection on which its latest part came.
    awaits: BTreeSet<(u32, Arc<str>)>,
    /// A request of a session was seen.
    pub(super) noticed: bool,
    /// It was told that there are too many.
    told: bool,
    /// How many octets of memory all of them keep.
    kept: usize,
    /// How many packets and requests of sessions were heard.
    heard: u64,
    /// It was told that they keep too much.
    told_kept: bool,
    missed: Missed,
}

/// What is known of one session.
struct Session {
    /// Who was seen to open it.
    server: Option<SocketAddr>,
    /// A proxy says again what the server behind it says, so where both can be captured there are two conversations of one
    /// session, and each event, acknowledgement and attachment is in both. These are the others, each with who opened it.
    hops: Vec<Session>,
    heart: Heart,
    sockets: Sockets,
    /// How many octets of memory it keeps.
    kept: usize,
    /// Which of all packets and requests was its latest.
    heard: u64,
    /// Where it waits for attachments, of each direction.
    awaits: [Option<u32>; 2],
    /// It was said that it is over.
    closed: bool,
    /// Up to where it is settled which requests may have been missing in it.
    seen: Seen,
}

impl Session {
    fn new(heart: Version, sockets: Version) -> Self {
        Self {
            server: None,
            hops: Vec::new(),
            heart: Heart::new(heart),
            sockets: Sockets::new(sockets),
            kept: 0,
            heard: 0,
            awaits: [None; 2],
            closed: false,
            seen: Seen::default(),
        }
    }

    /// The session, with what it may lack by now.
    fn caught_up(&mut self, missed: &Missed) -> &mut Self {
        let server = self.server.filter(|_| self.hops.is_empty());
        if missed.since(&mut self.seen, server) {
            self.all().for_each(|(heart, sockets)| _ = (heart.doubt(), BOTH.map(|direction| sockets.doubt(direction))));
        }
        self
    }

    /// The conversation that is held with this server.
    fn at(&mut self, server: Option<SocketAddr>) -> &mut Self {
        match self.hops.iter().position(|hop| hop.server == server) {
            Some(hop) => &mut self.hops[hop],
            None => self,
        }
    }

    /// This server opens it: if another one has, that is the server behind it, or before.
    fn opened_at(&mut self, server: Option<SocketAddr>, version: Version) {
        match self.server {
            None => self.server = server,
            known if known == server || server.is_none() => {}
            _ if self.hops.len() >= MAX_HOPS || self.hops.iter().any(|hop| hop.server == server) => {}
            _ => self.hops.push(Self { server, ..Self::new(version, version) }),
        }
    }

    /// Takes note that it was heard, of one conversation, with what that adds to the sums over all sessions.
    fn note(&mut self, sid: &str, server: Option<SocketAddr>, heard: &mut u64, kept: &mut usize) {
        *heard += 1;
        self.heard = *heard;
        let hop = self.at(server);
        let before = std::mem::replace(&mut hop.kept, sid.len() + hop.sockets.kept());
        *kept = *kept - before + hop.kept;
    }

    /// How many octets of memory all its conversations keep.
    fn kept(&self) -> usize {
        self.kept + self.hops.iter().map(|hop| hop.kept).sum::<usize>()
    }

    /// All its conversations.
    fn all(&mut self) -> impl Iterator<Item = (&mut Heart, &mut Sockets)> {
        let hops = self.hops.iter_mut().map(|hop| (&mut hop.heart, &mut hop.sockets));
        std::iter::once((&mut self.heart, &mut self.sockets)).chain(hops)
    }

    /// Whether it was said in all its conversations that it is over, and nothing waits in them.
    fn is_over(&self) -> bool {
        let is_over = |one: &Self| one.closed && one.awaits == [None; 2];
        is_over(self) && self.hops.iter().all(is_over)
    }

    /// Takes note of where it waits for attachments, and adds that to where all sessions do.
    fn settle(&mut self, sid: &Arc<str>, all: &mut BTreeSet<(u32, Arc<str>)>) {
        let awaits = self.sockets.awaits();
        let before = std::mem::replace(&mut self.awaits, awaits);
        if before != awaits {
            before.into_iter().flatten().for_each(|id| _ = all.remove(&(id, Arc::clone(sid))));
            all.extend(awaits.into_iter().flatten().map(|id| (id, Arc::clone(sid))));
        }
    }
}

impl Sessions {
    /// Takes the packet that opens a session.
    pub(super) fn open(
        &mut self,
        carried: &Carried<'_>,
        sid: &Arc<str>,
        version: Version,
        open: &Open,
        found: &mut Found,
    ) {
        self.meet(sid, (version, version), found);
        if let Some(session) = self.sessions.get_mut(sid).map(|session| session.caught_up(&self.missed)) {
            let server = carried.server();
            session.opened_at(server, version);
            session.note(sid, server, &mut self.heard, &mut self.kept);
            let hop = session.at(server);
            hop.heart.open(open);
            hop.sockets.seen_from_open();
        }
    }

    /// Takes one into which the capture came in its middle. Who pings in it is not known: that is the version's.
    pub(super) fn join(&mut self, sid: &Arc<str>, found: &mut Found) {
        self.noticed = true;
        self.meet(sid, (Version::Other(0), Version::V4), found);
    }

    /// Octets of a session are missing in this direction: it is not known any longer what was said in it.
    pub(super) fn doubt(&mut self, sid: &str, direction: Direction) {
        for (heart, sockets) in self.sessions.get_mut(sid).into_iter().flat_map(Session::all) {
            heart.doubt();
            sockets.doubt(direction);
        }
    }

    /// A request is missing on a connection of these sessions; if of none, as where each poll has one of its own, of any here.
    pub(super) fn miss(&mut self, known: &BTreeSet<&str>, server: Option<SocketAddr>) {
        if known.is_empty() {
            return self.missed.note(server);
        }
        BOTH.into_iter().for_each(|direction| known.iter().for_each(|sid| self.doubt(sid, direction)));
    }

    /// Octets of a session had not come by now: whoever waits in it may have been answered.
    pub(super) fn unsettle(&mut self, sid: &str) {
        for (heart, _) in self.sessions.get_mut(sid).into_iter().flat_map(Session::all) {
            heart.doubt();
        }
    }

    /// Takes a message of Engine.IO, if there is nothing to say of it but what kind of packet of Socket.IO it is, and that only
    /// counts. Else nothing has happened. `place` is where the session is found, for who asks for it again.
    pub(super) fn pass(
        &mut self,
        carried: &Carried<'_>,
        (sid, place): (&Arc<str>, &mut usize),
        message: Carries<'_>,
        tally: &mut Tally,
    ) -> bool {
        // What may become too much is for who can say so.
        if self.kept + LITTLE + message.octets() > MAX_KEPT {
            return false;
        }
        let Some(session) = self.sessions.get_at(sid, place) else { return false };
        session.caught_up(&self.missed);
        let server = carried.server();
        let hop = session.at(server);
        let Some(passed) = hop.sockets.pass(carried, sid, message) else { return false };
        tally.count(passed);
        // Text that is whole waits for nothing, and nothing waited before it.
        if passed.is_none() || matches!(message, Carries::Octets(_)) {
            hop.settle(sid, &mut self.awaits);
        }
        session.note(sid, server, &mut self.heard, &mut self.kept);
        true
    }

    /// Takes a packet of a session: what Engine.IO asks of it, and what it carries.
    pub(super) fn hear(
        &mut self,
        carried: &Carried<'_>,
        sid: &Arc<str>,
        (version, kind): (Version, Kind),
        data: &Data<'_>,
        found: &mut Found,
    ) {
        self.meet(sid, (version, version), found);
        let Some(session) = self.sessions.get_mut(sid) else { return };
        let server = carried.server();
        let hop = session.caught_up(&self.missed).at(server);
        match (kind, data) {
            (Kind::Message, _) => {
                hop.sockets.hear(carried, sid, data, found);
                hop.settle(sid, &mut self.awaits);
            }
            // What waits is told when its connection has ended.
            (Kind::Close, _) => {
                hop.closed = true;
                if session.is_over() {
                    return self.forget(sid);
                }
            }
            (_, Data::Text(text)) => {
                if carried.lacks {
                    hop.heart.doubt();
                }
                let note = hop.heart.hear(kind, text, carried.direction, carried.moment);
                if let (Some(note), Some(ridden)) = (note, found.ridden.last_mut()) {
                    ridden.notes.push(note);
                }
            }
            (_, Data::Binary(_)) => {}
        }
        session.note(sid, server, &mut self.heard, &mut self.kept);
        if self.kept > MAX_KEPT {
            self.make_room(found);
        }
    }

    /// A connection has ended, or is not followed any longer: what waits for attachments, and came on it last, is given up.
    pub(super) fn part(&mut self, connection: u32, why: Why) -> Vec<Unfinished> {
        let mut told = Vec::new();
        while let Some((id, sid)) = self.awaits.range((connection, Arc::from(""))..).next().cloned()
            && id == connection
        {
            self.awaits.remove(&(id, Arc::clone(&sid)));
            let Some(session) = self.sessions.get_mut(&sid) else { continue };
            // It belongs to one conversation alone.
            let server = session.hops.iter().find(|hop| hop.awaits.contains(&Some(connection)));
            let server = server.map_or(session.server, |hop| hop.server);
            let hop = session.caught_up(&self.missed).at(server);
            hop.sockets.part(connection, if hop.closed { Why::Session } else { why }, &mut told);
            hop.awaits = hop.sockets.awaits();
            session.note(&sid, server, &mut self.heard, &mut self.kept);
            if session.is_over() {
                self.forget(&sid);
            }
        }
        told
    }

    fn forget(&mut self, sid: &str) {
        if let Some(session) = self.sessions.remove(sid) {
            self.kept -= session.kept();
            let awaits = session.hops.iter().map(|hop| hop.awaits).chain([session.awaits]).flatten().flatten();
            awaits.for_each(|id| _ = self.awaits.remove(&(id, Arc::from(sid))));
        }
    }

    /// Forgets the sessions that were silent longest, as there are too many. Should they speak again they are new.
    fn forget_silent(&mut self, found: &mut Found) {
        let all = self.sessions.iter().map(|(sid, session)| (session.heard, Arc::clone(sid)));
        let mut all: Vec<(u64, Arc<str>)> = all.collect();
        if all.len() > FORGOTTEN {
            all.select_nth_unstable(FORGOTTEN);
        }
        all.iter().take(FORGOTTEN).for_each(|(_, sid)| self.forget(sid));
        if !std::mem::replace(&mut self.told, true) {
            let text = format!(
                "more than {MAX_SESSIONS} sessions at once: those that were silent longest are forgotten, here and later; if they \
                 go on, they are read without what was said in them before"
            );
            found.remarks.push(Note::new(Severity::Warn, text, "").about(Group::Undecoded));
        }
    }

    /// Forgets the sessions that were silent longest, of those that keep much.
    fn make_room(&mut self, found: &mut Found) {
        let much = self.sessions.iter().filter(|(_, session)| session.kept() >= LITTLE);
        let mut much: Vec<(u64, Arc<str>)> = much.map(|(sid, session)| (session.heard, Arc::clone(sid))).collect();
        much.sort_unstable();
        for (_, sid) in much {
            if self.kept <= MAX_KEPT - ROOM {
                break;
            }
            self.forget(&sid);
        }
        if !std::mem::replace(&mut self.told_kept, true) {
            let text = format!(
                "more than {MAX_KEPT} octets are kept of all sessions together: those that were silent longest are forgotten, \
                 with what they wait for, here and later"
            );
            found.remarks.push(Note::new(Severity::Warn, text, "").about(Group::Undecoded));
        }
    }

    /// Takes a request of a session by polling.
    pub(super) fn ask(
        &mut self,
        carried: &Carried<'_>,
        (sid, place): (&Arc<str>, &mut usize),
        version: Version,
        is_post: bool,
        found: &mut Found,
    ) {
        let Some(connection) = carried.connection else { return };
        if self.sessions.get_at(sid, place).is_none() {
            self.meet(sid, (version, version), found);
        }
        let Some(session) = self.sessions.get_at(sid, place) else { return };
        session.note(sid, carried.server(), &mut self.heard, &mut self.kept);
        let hop = session.caught_up(&self.missed).at(carried.server());
        // Nor may it be known that this one is answered.
        if carried.lacks {
            return hop.heart.doubt();
        }
        let note = hop.heart.ask(connection.server, is_post);
        found.remarks.extend(note);
    }

    /// Takes its answer.
    pub(super) fn answer(
        &mut self,
        carried: &Carried<'_>,
        (sid, place): (&str, &mut usize),
        is_post: bool,
        (status, body): (u16, &[u8]),
        found: &mut Found,
    ) {
        let (Some(connection), Some(session)) = (carried.connection, self.sessions.get_at(sid, place)) else { return };
        session.note(sid, carried.server(), &mut self.heard, &mut self.kept);
        let hop = session.caught_up(&self.missed).at(carried.server());
        found.remarks.extend(hop.heart.answer(connection.server, is_post, status, body));
    }

    /// Follows a session from here on, if it is not yet. That others are forgotten for it is told once.
    fn meet(&mut self, sid: &Arc<str>, (heart, sockets): (Version, Version), found: &mut Found) {
        if self.sessions.contains(sid) {
            return;
        }
        if self.sessions.len() >= MAX_SESSIONS {
            self.forget_silent(found);
        }
        let mut session = Session { seen: self.missed.seen(), ..Session::new(heart, sockets) };
        session.note(sid, None, &mut self.heard, &mut self.kept);
        self.sessions.insert(sid, session);
        if self.kept > MAX_KEPT {
            self.make_room(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::capture::Moment;

    const UP: Direction = Direction::ToServer;
    const BINARY: &str = r#"52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;

    #[derive(Default)]
    struct Play {
        sessions: Sessions,
        found: Found,
        /// Whether someone reads what is said, and does not only count.
        wanted: bool,
    }

    impl Play {
        /// A message of a session.
        fn say(&mut self, sid: &str, data: &Data<'_>) {
            let carried = Carried { wanted: self.wanted, ..Carried::whole(None, UP, Moment::default()) };
            let what = (Version::V4, Kind::Message);
            self.sessions.hear(&carried, &Arc::from(sid), what, data, &mut self.found);
            if self.sessions.sessions.len() < 100 {
                self.check();
            }
        }

        fn check(&self) {
            let sum: usize = self.sessions.sessions.iter().map(|(_, session)| session.kept()).sum();
            assert_eq!(self.sessions.kept, sum);
            assert!(sum <= MAX_KEPT, "{sum} octets are kept");
        }

        fn text(&mut self, sid: &str, text: &str) {
            self.say(sid, &Data::Text(Cow::Borrowed(text)));
        }

        fn octets(&mut self, sid: &str, octets: &[u8]) {
            self.say(sid, &Data::Binary(Cow::Borrowed(octets)));
        }

        fn notes(&self) -> Vec<&str> {
            self.found.remarks.iter().map(|note| note.text.as_str()).collect()
        }
    }

    /// However many there are, the later ones are followed: what is forgotten are those that were silent longest.
    #[test]
    fn what_was_silent_longest_is_forgotten() {
        let mut play = Play::default();
        for n in 0..MAX_SESSIONS {
            play.text(&format!("s{n}"), "0");
        }
        play.text("s0", "2[\"still here\"]");
        assert_eq!((play.sessions.sessions.len(), play.notes().len()), (MAX_SESSIONS, 0));
        for n in 0..FORGOTTEN {
            play.found.ridden.clear();
            play.text(&format!("later {n}"), "0");
            assert_eq!(play.found.ridden.len(), 1);
        }
        play.check();
        let known = |sid: &str| play.sessions.sessions.contains(sid);
        let last = FORGOTTEN.to_string();
        assert_eq!(["s0", "s1", &format!("s{last}"), "later 0"].map(known), [true, false, false, true]);
        assert!(known(&format!("s{}", FORGOTTEN + 1)));
        let expected = "more than 16384 sessions at once: those that were silent longest are forgotten, here and later; if they \
                        go on, they are read without what was said in them before";
        assert_eq!(play.notes(), [expected]);
        play.text("another", "0");
        assert_eq!(play.notes().len(), 1, "it is told once");
        // Who was forgotten is read on, and not blamed for what was said before.
        play.found.ridden.clear();
        play.text("s1", "2[\"me too\"]");
        assert_eq!(play.found.ridden.iter().map(|ridden| ridden.notes.len()).collect::<Vec<_>>(), [0]);
    }

    /// However many sessions wait for attachments, what is kept has one bound, and who only counts forgets the same.
    #[test]
    fn what_all_sessions_keep_is_bounded() {
        let large = vec![0; 16 << 20];
        for wanted in [false, true] {
            let mut play = Play { wanted, ..Play::default() };
            play.text("quiet", "0");
            for n in 0..12 {
                let sid = format!("s{n}");
                play.text(&sid, "0");
                play.text(&sid, BINARY);
                play.octets(&sid, &large);
            }
            let known = |sid: &str| play.sessions.sessions.contains(sid);
            assert_eq!((known("s0"), known("s4"), known("s5"), known("s11")), (false, false, true, true), "{wanted}");
            assert!(known("quiet"), "who keeps little is not forgotten for it");
            let expected = "more than 134217728 octets are kept of all sessions together: those that were silent longest are \
                            forgotten, with what they wait for, here and later";
            assert_eq!(play.notes(), [expected]);
            play.found.ridden.clear();
            play.octets("s4", b"x");
            play.octets("s5", b"x");
            assert_eq!(play.found.ridden.len(), 1, "only one was waiting");
            assert_eq!(play.found.ridden[0].notes, []);
        }
    }

    /// So are names, and what waits for its acknowledgement; what is left and closed takes nothing.
    #[test]
    fn long_names_are_kept_within_the_same_bound() {
        let mut play = Play::default();
        let long = "n".repeat(1 << 20);
        for n in 0..70 {
            let sid = format!("s{}", n % 3);
            play.text(&sid, &format!("0/{long}{n},"));
            play.text(&sid, &format!("2/{long}{n},7[\"a\"]"));
        }
        assert_eq!(play.notes().len(), 1);
        for n in 0..70 {
            let sid = format!("s{}", n % 3);
            play.text(&sid, &format!("1/{long}{n},"));
        }
        assert!(play.sessions.kept > 1 << 20, "the events wait");
        for n in 0..3 {
            play.sessions.forget(&format!("s{n}"));
        }
        assert_eq!(play.sessions.kept, 0);
    }
}
