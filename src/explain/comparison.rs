//! The same events over several transports, side by side.

use std::time::Duration;

use super::cost::Cost;
use super::profile::Profile;
use crate::count::{counted, many};
use crate::layer::Direction;
use crate::trace::{Record, Trace};

/// One transport with what it took.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Contender {
    /// The transport's name.
    pub transport: String,
    /// What it cost.
    pub cost: Cost,
    /// How many events were sent, as the programs noted them.
    pub sent: usize,
    /// How many of them arrived.
    pub arrived: usize,
    /// How many segments and datagrams with data the wire lost, whatever they carried and whichever way; none if it was not to
    /// lose any.
    pub lost: Option<usize>,
    /// Nanoseconds from sending to receiving, of each event of all runs that arrived, as the two programs noted them; sorted.
    pub latencies: Vec<u64>,
    /// Of how many events the capture's own clock has the frame between the programs' notes of sending and receiving, and of
    /// how many both are known; none where the capture has another number of events than the log.
    pub between: Option<(usize, usize)>,
    /// How complete the capture is.
    pub completeness: String,
    /// Octets in all of each run, sorted; the costs above are those of the run in the middle.
    pub runs: Vec<u64>,
    /// Every frame, for drawing.
    #[serde(skip)]
    pub packets: Vec<Packet>,
}

/// A frame as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Packet {
    /// Seconds since the first.
    pub at: f64,
    /// Octets on the wire.
    pub len: u32,
    /// Whether it goes to the client.
    pub to_client: bool,
}

impl Packet {
    /// Every frame of a capture.
    pub fn all(trace: &Trace) -> Vec<Self> {
        let server = trace.records().find_map(|(_, record)| record.whole().0.udp().map(|(_, _, to)| to));
        let packet = |(number, record): (u32, &Record)| {
            let to_client = match &record.segment {
                Some(segment) => segment.direction == Direction::ToClient,
                None => record.whole().0.udp().is_some_and(|(_, from, _)| Some(from) == server),
            };
            Self { at: trace.time(number).unwrap_or(0.0), len: record.frame.len, to_client }
        };
        trace.records().map(packet).collect()
    }
}

/// What was played, and what each transport took.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Comparison {
    /// How many events.
    pub events: usize,
    /// Seconds before each.
    pub every: f64,
    /// Octets of payload in each.
    pub payload: usize,
    /// Which way they went, or both.
    pub directions: Vec<Direction>,
    /// To how many clients, or from how many.
    pub clients: usize,
    /// Whose header fields the clients send.
    pub profile: &'static str,
    /// Of 100 segments and datagrams with data so many were to be lost; none if nothing was.
    pub loss: Option<u8>,
    /// What the choice of those followed from.
    pub seed: Option<u32>,
    /// Seconds in which nothing happened, behind the last.
    pub idle: f64,
    /// Seconds between two questions of a client that polls.
    pub asked_every: f64,
    /// Where it was staged.
    pub place: String,
    /// Those compared, in the order in which they were asked for.
    pub contenders: Vec<Contender>,
}

impl Contender {
    /// The time within which so many of 100 events were there: 0 is the fastest, 50 the median, 100 the slowest (nearest
    /// rank).
    pub fn latency(&self, percent: usize) -> Option<Duration> {
        let rank = (self.latencies.len() * percent).div_ceil(100).max(1);
        self.latencies.get(rank - 1).copied().map(Duration::from_nanos)
    }

    /// Octets on the wire for each octet of payload, set-up and end included.
    pub fn overhead(&self, payload: u64) -> Option<f64> {
        (payload > 0).then(|| self.cost.octets as f64 / payload as f64)
    }
}

impl Contender {
    /// One of several runs of the same: the one in the middle by its octets, with the latencies of all.
    pub fn middle(mut runs: Vec<Self>) -> Option<Self> {
        runs.sort_by_key(|run| run.cost.octets);
        let octets = runs.iter().map(|run| run.cost.octets).collect();
        let mut latencies: Vec<u64> = runs.iter().flat_map(|run| run.latencies.iter().copied()).collect();
        latencies.sort_unstable();
        let middle = runs.len() / 2;
        let chosen = runs.into_iter().nth(middle)?;
        Some(Self { runs: octets, latencies, ..chosen })
    }

    /// What one client would take in a minute with so many events in it, in octets: arithmetic on what was measured, events
    /// and idling. A client that polls asks on, whatever happens: there an event costs what it adds to an empty answer.
    pub fn octets_a_minute(&self, events: f64, compared: &Comparison) -> Option<f64> {
        let clients = compared.clients.max(1) as f64;
        let idle = self.cost.idle_per_minute? / clients;
        let each = self.cost.per_event?;
        let Some(asked_every) = self.asks_every(compared) else { return Some(idle + events * each) };
        let empty = idle * asked_every / 60.0;
        let asked_between = compared.every / asked_every;
        Some(idle + events * (each - asked_between * empty).max(0.0))
    }

    /// Seconds between two questions of a client that asks again and again whether there is something, and is answered at once.
    pub fn asks_every(&self, compared: &Comparison) -> Option<f64> {
        match self.transport.as_str() {
            "short-poll" => Some(compared.asked_every),
            "http10" | "http11" => Some(compared.every),
            _ => None,
        }
    }

    /// What so many clients would take at this pace, in bits a second: arithmetic on what one took.
    pub fn bits_a_second(&self, clients: u64, every: f64) -> Option<f64> {
        let each = self.cost.per_event.filter(|_| every > 0.0)?;
        Some(each * 8.0 * clients as f64 / every)
    }
}

impl Comparison {
    /// Events a minute, from few to many, for [`Contender::octets_a_minute`].
    pub const RATES: [f64; 5] = [0.1, 1.0, 10.0, 100.0, 1000.0];

    /// Who takes least with so many events a minute, if idling was measured.
    pub fn cheapest_at(&self, events: f64) -> Option<&Contender> {
        let taken = |one: &&Contender| one.octets_a_minute(events, self).unwrap_or(f64::INFINITY);
        let measured = self.contenders.iter().filter(|one| one.octets_a_minute(events, self).is_some());
        measured.min_by(|one, other| taken(one).total_cmp(&taken(other)))
    }

    /// Those that carry events in HTTP, each with the number of events from which on WebSocket has cost less, if there is one;
    /// nobody where WebSocket is not compared.
    pub fn pay_offs(&self) -> Vec<(&Contender, Option<u64>)> {
        let Some(websocket) = self.get("websocket") else { return Vec::new() };
        let others =
            ["long-poll", "short-poll", "http10", "http11", "sse"].into_iter().filter_map(|name| self.get(name));
        others.map(|other| (other, websocket.cost.pays_off_against(&other.cost))).collect()
    }

    /// Of how many events the capture has the frame between the programs' notes, and of how many that is known, over all.
    pub fn between(&self) -> (usize, usize) {
        let between = self.contenders.iter().filter_map(|one| one.between);
        between.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Octets that were to be said.
    pub fn payload_octets(&self) -> u64 {
        let each = self.directions.len() * self.clients;
        self.events as u64 * self.payload as u64 * each as u64
    }

    /// What was played, in a few words.
    pub fn what(&self) -> String {
        let clients = match self.clients {
            1 => "the client".to_owned(),
            clients => format!("each of {clients} clients"),
        };
        let way = match self.directions[..] {
            [Direction::ToClient] => format!("to {clients}"),
            [Direction::ToServer] => format!("from {clients}"),
            _ => format!("each way for {clients}"),
        };
        let every = Duration::from_secs_f64(self.every);
        let (events, payload) = (self.events, self.payload);
        let (events, octets) = (counted(events, "event"), many(payload as u64, "octet"));
        let mut what = format!("{events} {way}, one every {every:?}, {octets} each");
        if self.profile != Profile::Minimal.name() {
            what.push_str(&format!(", header fields of {}", self.profile));
        }
        if let (Some(loss), Some(seed)) = (self.loss, self.seed) {
            what.push_str(&format!(", over a link that loses {loss} % (seed {seed})"));
        }
        if self.idle > 0.0 {
            what.push_str(&format!(", then nothing for {:?}", Duration::from_secs_f64(self.idle)));
        }
        what
    }

    /// The one with this name.
    pub fn get(&self, transport: &str) -> Option<&Contender> {
        self.contenders.iter().find(|contender| contender.transport == transport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(transport: &str, per_event: f64, idle: f64) -> Contender {
        let cost = Cost { per_event: Some(per_event), idle_per_minute: Some(idle), ..Cost::default() };
        Contender {
            transport: transport.to_owned(),
            cost,
            sent: 20,
            arrived: 20,
            lost: None,
            latencies: (1..=20).collect(),
            between: None,
            completeness: String::new(),
            runs: Vec::new(),
            packets: Vec::new(),
        }
    }

    fn comparison() -> Comparison {
        Comparison {
            events: 10,
            every: 2.0,
            payload: 50,
            directions: vec![Direction::ToClient],
            clients: 1,
            profile: Profile::Minimal.name(),
            loss: None,
            seed: None,
            idle: 10.0,
            asked_every: 0.5,
            place: String::new(),
            // Asked twice a second for 200 octets each: 24 000 a minute; of four questions one finds 300 octets.
            contenders: vec![contender("short-poll", 900.0, 24_000.0), contender("websocket", 200.0, 60.0)],
        }
    }

    #[test]
    fn who_polls_pays_for_asking_whatever_happens() {
        let compared = comparison();
        let taken = |n: usize, events| compared.contenders[n].octets_a_minute(events, &compared).unwrap();
        assert_eq!((taken(0, 0.0), taken(0, 10.0)), (24_000.0, 25_000.0), "an event adds 100 octets to an answer");
        assert_eq!((taken(1, 0.0), taken(1, 10.0)), (60.0, 2060.0));
        assert_eq!(compared.cheapest_at(1.0).unwrap().transport, "websocket");
        assert_eq!(
            compared.cheapest_at(1000.0).unwrap().transport,
            "short-poll",
            "where every question finds something"
        );
    }

    #[test]
    fn only_who_asks_at_a_pace_asks_every_so_often() {
        let compared = comparison();
        let asks = |name: &str| contender(name, 1.0, 1.0).asks_every(&compared);
        assert_eq!(["short-poll", "http10", "http11"].map(asks), [Some(0.5), Some(2.0), Some(2.0)]);
        assert_eq!(["long-poll", "sse", "websocket", "tcp"].map(asks), [None; 4]);
    }

    #[test]
    fn websocket_is_held_against_what_http_carries() {
        let mut compared = comparison();
        let names = |compared: &Comparison| {
            compared.pay_offs().into_iter().map(|(one, _)| one.transport.clone()).collect::<Vec<_>>()
        };
        compared.contenders.push(contender("udp", 1.0, 1.0));
        compared.contenders.insert(0, contender("sse", 1.0, 1.0));
        assert_eq!(names(&compared), ["short-poll", "sse"], "no datagrams, and not itself");
        compared.contenders.retain(|one| one.transport != "websocket");
        assert_eq!(names(&compared), [""; 0]);
    }

    #[test]
    fn what_is_between_is_summed_where_it_is_known() {
        let mut compared = comparison();
        assert_eq!(compared.between(), (0, 0));
        (compared.contenders[0].between, compared.contenders[1].between) = (Some((3, 4)), Some((5, 5)));
        compared.contenders.push(contender("udp", 1.0, 1.0));
        assert_eq!(compared.between(), (8, 9));
    }

    /// The nearest rank, as "95 of 100" says.
    #[test]
    fn times_are_told_by_rank() {
        let one = contender("tcp", 1.0, 1.0);
        let times = [0, 50, 95, 100].map(|percent| one.latency(percent).unwrap().as_nanos());
        assert_eq!(times, [1, 10, 19, 20]);
    }

    /// Frames, octets and what arrived are those of one run; of times there are never enough.
    #[test]
    fn of_several_runs_one_is_told() {
        let run = |octets, arrived: usize| Contender {
            cost: Cost { octets, ..Cost::default() },
            sent: 10,
            arrived,
            latencies: (1..=arrived as u64).collect(),
            ..contender("udp", 1.0, 1.0)
        };
        let middle = Contender::middle(vec![run(300, 8), run(100, 10), run(200, 9)]).expect("there were runs");
        assert_eq!((middle.cost.octets, middle.sent, middle.arrived), (200, 10, 9));
        assert_eq!((middle.latencies.len(), middle.runs), (27, vec![100, 200, 300]));
    }
}
