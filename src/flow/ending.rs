//! How a connection ended, and what is worth a remark about its beginning and end, each told once.

use super::connection::{Connection, Opening};
use crate::capture::Moment;
use crate::layer::{Direction, Group, Note, Severity};

/// What makes it harmless where a client breaks off before anything was said.
const SILENT: &str =
    "before either side had said anything: who looks for open ports does so, or for a server that is there";

/// How a connection ended, with the frames that show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It did not, as far as the capture shows.
    Open,
    /// The SYN was never answered.
    Unanswered {
        /// The first SYN.
        syn: u32,
    },
    /// The SYN met a connection that was known between the same ends, and that answered: nothing was opened (RFC 9293 §3.10.7.4).
    Challenged {
        /// The first SYN.
        syn: u32,
        /// The number of the other connection.
        older: u32,
        /// The challenge ACK.
        ack: u32,
    },
    /// The SYN ACK was never acknowledged.
    NotCompleted {
        /// The SYN ACK.
        syn_ack: u32,
    },
    /// A RST answered the SYN: nobody listens there, or whoever does would not have it (RFC 9293 §3.5.2).
    Refused {
        /// Which way the RST went.
        by: Direction,
        /// The RST.
        rst: u32,
    },
    /// A RST came before the handshake was completed, behind the SYN ACK (RFC 9293 §3.10.7.4): who looks for open ports does so.
    GivenUp {
        /// Which way the RST went.
        by: Direction,
        /// The RST.
        rst: u32,
    },
    /// One side ended its sending, the other did not: a half close (RFC 9293 §3.6.1).
    HalfClosed {
        /// Which way the FIN went.
        by: Direction,
        /// The FIN.
        fin: u32,
    },
    /// Both sides ended with FIN.
    Closed {
        /// Which way the first FIN went: that side keeps the connection in TIME-WAIT.
        first: Direction,
        /// The FINs, the first first.
        fins: [u32; 2],
        /// Whether neither FIN knew of the other (RFC 9293 §3.6, case 3): both sides are in TIME-WAIT then.
        simultaneous: bool,
    },
    /// One side broke off what was open (RFC 9293 §3.10.5).
    Aborted {
        /// Which way the RST went.
        by: Direction,
        /// The RST.
        rst: u32,
    },
    /// A RST when one side had sent its FIN: what still came was not wanted any more.
    ResetAfterFin {
        /// Which way the RST went.
        by: Direction,
        /// The first FIN.
        fin: u32,
        /// The RST.
        rst: u32,
    },
}

impl Connection {
    /// How it ended, as far as it was captured.
    pub fn ending(&self) -> Ending {
        let first_of = |frames: [Option<u32>; 2]| {
            let directions = [Direction::ToServer, Direction::ToClient];
            directions.into_iter().filter_map(|d| Some((frames[d.index()]?, d))).min_by_key(|(frame, _)| *frame)
        };
        let [client, server] = self.ends_halves();
        let fins = [client, server].map(|half| half.fin().map(|fin| fin.frame));
        let first_fin = first_of(fins);
        if let Some((rst, by)) =
            first_of([client, server].map(|half| half.broke_off().map(|(frame, _)| frame))).filter(|_| !self.is_over())
        {
            let asked = &self.halves[by.index()];
            return match first_fin.filter(|(fin, _)| *fin < rst) {
                Some((fin, _)) => Ending::ResetAfterFin { by, fin, rst },
                // Who was sent a SYN ACK had asked, even if its SYN was not captured.
                None if self.opening == Opening::Seen
                    && self.handshake.syn_ack.is_none()
                    && !asked.syn_seen
                    && !asked.has_data =>
                {
                    Ending::Refused { by, rst }
                }
                None if self.handshake.syn_ack.is_some() && !self.was_completed() => Ending::GivenUp { by, rst },
                None => Ending::Aborted { by, rst },
            };
        }
        match (first_fin, client.fin().zip(server.fin())) {
            (Some((_, captured_first)), Some((to_server, to_client))) => {
                // The capture may have them in the wrong order: which knows of the other counts.
                let first = match (to_client.is_behind(&to_server), to_server.is_behind(&to_client)) {
                    (true, false) => Some(Direction::ToServer),
                    (false, true) => Some(Direction::ToClient),
                    _ => None,
                };
                let simultaneous = first.is_none() && !self.is_with_itself();
                let first = first.unwrap_or(captured_first);
                let fins = match first {
                    Direction::ToServer => [to_server.frame, to_client.frame],
                    Direction::ToClient => [to_client.frame, to_server.frame],
                };
                Ending::Closed { first, fins, simultaneous }
            }
            (Some((fin, by)), None) => Ending::HalfClosed { by, fin },
            _ => self.unfinished(),
        }
    }

    /// Whether neither side said anything, in the capture or out of it.
    fn was_silent(&self) -> bool {
        let has_said = |way: Direction| {
            self.halves[way.index()].has_data || self.acknowledged(way).is_some_and(|acknowledged| acknowledged > 0)
        };
        self.opening == Opening::Seen && ![Direction::ToServer, Direction::ToClient].into_iter().any(has_said)
    }

    /// Whether anything shows that the SYN ACK was acknowledged; a RST does not.
    fn was_completed(&self) -> bool {
        self.handshake.ack.is_some() || self.halves.iter().any(|half| half.has_data)
    }

    /// The first FIN or RST, or that of one side if it sent one, and which way it went.
    pub fn end_shown_by(&self, side: Option<Direction>) -> Option<(Moment, Direction)> {
        let end_of = |direction: Direction| {
            let half = &self.halves[direction.index()];
            let ends = [half.fin().map(|fin| (fin.frame, fin.time)), half.broke_off()];
            let (frame, time) = ends.into_iter().flatten().min_by_key(|(frame, _)| *frame)?;
            Some((Moment { frame, time }, direction))
        };
        let ends = || [Direction::ToServer, Direction::ToClient].into_iter().filter_map(end_of);
        side.and_then(end_of).or_else(|| ends().min_by_key(|(moment, _)| moment.frame))
    }

    fn unfinished(&self) -> Ending {
        let [client, server] = self.ends_halves();
        let answered = server.syn_seen || server.acknowledged.is_some() || client.acknowledged.is_some();
        let completed = client.acknowledged.is_some() || server.has_data;
        match (self.handshake.syn, self.handshake.syn_ack) {
            (Some((syn, _)), _) if !answered => match self.challenged {
                Some((older, ack)) => Ending::Challenged { syn, older, ack },
                None => Ending::Unanswered { syn },
            },
            (_, Some((syn_ack, _))) if !completed => Ending::NotCompleted { syn_ack },
            _ => Ending::Open,
        }
    }

    /// What is worth a remark about its beginning and its end, with the frame it belongs to and which way that went. To be
    /// asked when the capture is over. `excuse` is what makes it harmless to break the connection off as it was at its end, if anything does.
    pub fn remarks(&self, excuse: Option<&str>) -> Vec<(Moment, Direction, Note)> {
        let mut remarks = Vec::new();
        let id = self.id;
        if self.opening == Opening::Guessed {
            let text = format!(
                "connection {id} began before the capture: {} is taken for the client because of its port",
                self.client
            );
            let first = Moment { frame: self.first.0, time: self.first.1 };
            remarks.push((first, self.ways[0], Note::new(Severity::Note, text, "").about(Group::Sequence)));
        }
        remarks.extend(self.remark_on_beginning());
        remarks.extend(self.remark_on_end(excuse));
        remarks
    }

    /// That it did not begin as connections do, between one who asks and one who listens.
    fn remark_on_beginning(&self) -> Option<(Moment, Direction, Note)> {
        let id = self.id;
        let (frame, way, text) = if self.is_with_itself() {
            let text = format!(
                "connection {id} is {} with itself: the socket's own port was the one it connected to, so what it sends is what \
                 it receives; no server is there",
                self.client
            );
            (self.first.0, Direction::ToServer, text)
        } else {
            let (frame, _) = self.handshake.syn_of_both?;
            let text = format!(
                "both sides of connection {id} opened at once: each sent its SYN before it had the other's, and no server \
                 listened"
            );
            (frame, Direction::ToClient, text)
        };
        let note = Note::new(Severity::Note, text, "RFC 9293 §3.5").about(Group::Sequence);
        Some((self.moment_of(frame), way, note))
    }

    fn remark_on_end(&self, excuse: Option<&str>) -> Option<(Moment, Direction, Note)> {
        let id = self.id;
        let who = |direction| if direction == Direction::ToServer { self.client } else { self.server };
        let (frame, way, severity, text, spec) = match self.ending() {
            Ending::Closed { fins: [_, second], simultaneous: true, .. } => {
                let text = format!(
                    "both sides of connection {id} closed at once: neither FIN knew of the other, so both ends stay in TIME-WAIT"
                );
                let by_server = self.halves[Direction::ToClient.index()].fin().is_some_and(|fin| fin.frame == second);
                let way = if by_server { Direction::ToClient } else { Direction::ToServer };
                (second, way, Severity::Note, text, "RFC 9293 §3.6")
            }
            Ending::Closed { .. } => return None,
            Ending::Open => {
                let text = format!("connection {id}: still open when {}", self.last_seen());
                (self.last.0, self.ways[1], Severity::Note, text, "")
            }
            ending @ (Ending::Unanswered { .. }
            | Ending::Challenged { .. }
            | Ending::NotCompleted { .. }
            | Ending::Refused { .. }
            | Ending::GivenUp { .. }) => return self.remark_on_no_opening(ending),
            Ending::HalfClosed { by, fin } => {
                let other = by.reverse();
                let rest = match self.acknowledged(other).is_some_and(|acknowledged| acknowledged > self.sent(other)) {
                    true => format!("how the other direction of connection {id} ended was not captured"),
                    false => format!("the other direction of connection {id} was open when {}", self.last_seen()),
                };
                let text = format!("{} ended its sending; {rest}", who(by));
                (fin, by, Severity::Note, text, "RFC 9293 §3.6.1")
            }
            Ending::Aborted { by, rst } => {
                let silent = (by == Direction::ToServer && self.was_silent()).then_some(SILENT);
                let excuse = excuse.or(silent);
                let severity = if excuse.is_some() { Severity::Note } else { Severity::Warn };
                let rest = excuse.map(|excuse| format!(", {excuse}")).unwrap_or_default();
                let text = format!("{} broke connection {id} off while open{rest}", who(by));
                (rst, by, severity, text, "RFC 9293 §3.10.5")
            }
            Ending::ResetAfterFin { by, fin, rst } => {
                let text = format!("{} reset connection {id}, which had begun to close in frame {fin}", who(by));
                (rst, by, Severity::Note, text, "RFC 9293 §3.10.7.4")
            }
        };
        Some((self.moment_of(frame), way, Note::new(severity, text, spec).about(Group::Sequence)))
    }

    /// That nothing was opened.
    fn remark_on_no_opening(&self, ending: Ending) -> Option<(Moment, Direction, Note)> {
        let id = self.id;
        let who = |direction| if direction == Direction::ToServer { self.client } else { self.server };
        let (frame, way, severity, text, spec) = match ending {
            Ending::Unanswered { syn } => {
                let text = format!("nobody answered the SYN of connection {id}");
                (syn, Direction::ToServer, Severity::Warn, text, "RFC 9293 §3.5")
            }
            Ending::Challenged { syn, older, ack } => {
                let text = format!(
                    "the SYN of connection {id} opened nothing: the other side still had connection {older} between the same ports, \
                     and said so with a challenge ACK, in frame {ack}"
                );
                (syn, Direction::ToServer, Severity::Warn, text, "RFC 9293 §3.10.7.4")
            }
            Ending::NotCompleted { syn_ack } => {
                let text = format!("the handshake of connection {id} was never completed: this SYN ACK got no ACK");
                (syn_ack, Direction::ToClient, Severity::Warn, text, "RFC 9293 §3.5")
            }
            Ending::Refused { by, rst } => {
                let text = format!("{} refused connection {id}: a RST answers the SYN", who(by));
                (rst, by, Severity::Warn, text, "RFC 9293 §3.5.2")
            }
            Ending::GivenUp { by, rst } => {
                let why = match self.replaced {
                    Some(syn) if syn < rst => format!(": it had begun anew by then, in frame {syn}"),
                    _ if by == Direction::ToServer => {
                        ", though it was answered: who looks for open ports with SYNs alone does so (a half-open scan), or who \
                         waits no longer"
                            .to_owned()
                    }
                    _ => String::new(),
                };
                let text =
                    format!("{} gave connection {id} up with a RST before its handshake was completed{why}", who(by));
                (rst, by, Severity::Note, text, "RFC 9293 §3.10.7.4")
            }
            _ => return None,
        };
        Some((self.moment_of(frame), way, Note::new(severity, text, spec).about(Group::Sequence)))
    }

    /// Up to when a connection is followed that does not end.
    fn last_seen(&self) -> String {
        let replaced = self.replaced.map(|frame| format!("another began between the same ports, in frame {frame}"));
        replaced.unwrap_or_else(|| "the capture ended".to_owned())
    }

    /// When one of the frames that an ending names was captured.
    fn moment_of(&self, frame: u32) -> Moment {
        let handshake = &self.handshake;
        let syns = [handshake.syn, handshake.syn_again, handshake.syn_of_both, handshake.syn_ack];
        let opening = [Some(self.first), Some(self.last)].into_iter().chain(syns);
        let ends = self.halves.iter().flat_map(|half| [half.broke_off(), half.fin().map(|fin| (fin.frame, fin.time))]);
        let known = opening.chain(ends).flatten().find(|(known, _)| *known == frame);
        Moment { frame, time: known.map(|(_, time)| time).unwrap_or_default() }
    }
}
