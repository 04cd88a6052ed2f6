//! The wire between two machines: it carries frames from one end to the other, and does to some of them what a script
//! says. Each fault is told, so that the log has it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::capture::live::{Active, Inactive};
use crate::lab::error::LabError;
pub use crate::lab::ethernet::Ethernet;
use crate::lab::ethernet::WIRE;
use crate::lab::fault::{Fault, Harm, Target};
use crate::lab::log::{Connection, LOSES_NOTHING_MORE};
use crate::lab::logbook::Logbook;
use crate::lab::loss::{Losses, MOST_LOST, Passing};
use crate::lab::reset::Latest;
use crate::layer::Direction;

/// What is to be done, and what was counted, for each direction.
#[derive(Debug, Default)]
struct Plan {
    faults: Vec<(usize, Fault, u32)>,
    /// Segments with data that were sent for the first time.
    sent: HashSet<(u16, u16, u32)>,
    delay: Duration,
    /// Nothing passes before this.
    down_until: Option<Instant>,
    /// Bits a second.
    rate: Option<u64>,
    /// How many frames are on their way.
    under_way: usize,
    /// What is lost by chance.
    losses: Losses,
    /// What was said last between these ports.
    latest: HashMap<(u16, u16), Latest>,
    /// What the wire says itself.
    own: Vec<Vec<u8>>,
}

/// A wire that carries frames until it is dropped.
pub struct Wire {
    plans: [Arc<Mutex<Plan>>; 2],
    stop: Vec<mpsc::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
    log: Logbook,
    /// What the choice of what is lost follows from.
    seed: u32,
    /// How long each loss may take.
    sends_again_within: Duration,
}

impl Wire {
    /// Begins to carry. What it loses, if it is told to, follows from the seed.
    pub fn begin(ethernet: &Arc<Ethernet>, log: &Logbook, seed: u32) -> Result<Self, LabError> {
        let mut wire = Self {
            plans: Default::default(),
            stop: Vec::new(),
            threads: Vec::new(),
            log: log.clone(),
            seed,
            sends_again_within: ethernet.sends_again_within.unwrap_or_default(),
        };
        for direction in [Direction::ToServer, Direction::ToClient] {
            let (stop, stopped) = mpsc::channel();
            let (armed, is_armed) = mpsc::channel();
            let (ethernet, log) = (Arc::clone(ethernet), log.clone());
            let plan = Arc::clone(&wire.plans[direction.index()]);
            let run = move || match Carrier::begin(&ethernet, direction, plan, log) {
                Ok(mut carrier) => {
                    let _ = armed.send(Ok(()));
                    // What cannot be sent any more had its machine taken down.
                    while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) && carrier.carry().is_ok() {}
                }
                Err(error) => drop(armed.send(Err(error))),
            };
            let spawned = thread::Builder::new().name(NAME.to_owned()).spawn(run);
            wire.threads.push(spawned.map_err(|source| LabError::Thread { name: NAME, source })?);
            wire.stop.push(stop);
            is_armed.recv().unwrap_or_else(|_| Err(LabError::ended(NAME)))?;
        }
        Ok(wire)
    }

    /// From now on this happens, because of that line of the script.
    pub fn plan(&self, line: usize, fault: &Fault) {
        let ways = [Direction::ToServer, Direction::ToClient];
        for direction in ways.into_iter().filter(|way| fault.direction.is_none_or(|only| only == *way)) {
            let mut plan = locked(&self.plans[direction.index()]);
            if fault.target != Target::Everything {
                plan.faults.push((line, fault.clone(), 0));
                continue;
            }
            match fault.harm {
                Harm::Delay(time) => plan.delay = time,
                Harm::Down(time) => plan.down_until = Some(Instant::now() + time),
                Harm::Rate(bits) => plan.rate = Some(bits),
                // What is lost is told when it is.
                Harm::Lose(percent) => {
                    plan.losses.begin(line, percent, self.seed, direction);
                    continue;
                }
                // Only what is counted is dropped, doubled, held or spoilt.
                Harm::Drop | Harm::Duplicate | Harm::Hold | Harm::Corrupt => {}
            }
            self.log.fault(line, direction, fault);
        }
    }

    /// Resets the connection that a client opened last: each end hears it in the name of the other, as from a firewall that
    /// has had enough.
    pub fn reset(&self, line: usize, client: &str) {
        let Some(Connection { client: from, server: to }) = self.log.latest_of(client) else { return };
        for direction in [Direction::ToServer, Direction::ToClient] {
            let ports = match direction {
                Direction::ToServer => (from.port(), to.port()),
                Direction::ToClient => (to.port(), from.port()),
            };
            let mut plan = locked(&self.plans[direction.index()]);
            if let Some(reset) = plan.latest.get(&ports).map(Latest::reset) {
                plan.own.push(reset);
                self.log.fault(line, direction, &format!("resets {client}"));
            }
        }
    }

    /// How much longer a play may take because of what was lost: TCP waits before it sends again.
    pub fn allowance(&self) -> Duration {
        self.plans.iter().map(|plan| self.sends_again_within * locked(plan).losses.count()).sum()
    }

    /// Waits until nothing is on its way any more.
    pub fn settle(&self) {
        let deadline = Instant::now() + SETTLING;
        while self.plans.iter().any(|plan| locked(plan).under_way > 0) && Instant::now() < deadline {
            thread::sleep(POLL);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A frame on its way: when it is to arrive, its number, and its octets.
type OnItsWay = Reverse<(Instant, u64, Vec<u8>)>;

/// One direction of the wire.
struct Carrier {
    from: Active,
    to: Active,
    direction: Direction,
    plan: Arc<Mutex<Plan>>,
    log: Logbook,
    on_its_way: BinaryHeap<OnItsWay>,
    /// What waits for another to pass, each until then at the most.
    held: Vec<(Instant, Vec<u8>)>,
    taken: u64,
    /// When the last frame is through, on a wire with a rate.
    free_at: Instant,
}

impl Carrier {
    fn begin(
        ethernet: &Ethernet,
        direction: Direction,
        plan: Arc<Mutex<Plan>>,
        log: Logbook,
    ) -> Result<Self, LabError> {
        ethernet.wire.enter().map_err(|source| LabError::Thread { name: NAME, source })?;
        let [client, server] = WIRE;
        let (from, to) = if direction == Direction::ToServer { (client, server) } else { (server, client) };
        let from = Inactive::new(from).forwarding().open()?;
        // Only to send: nothing has this type.
        let to = Inactive::new(to).filter("ether proto 0xffff").open()?;
        Ok(Self {
            from,
            to,
            direction,
            plan,
            log,
            on_its_way: BinaryHeap::new(),
            held: Vec::new(),
            taken: 0,
            free_at: Instant::now(),
        })
    }

    /// Takes what is there, and hands on what is due.
    fn carry(&mut self) -> Result<(), LabError> {
        let due = self.on_its_way.peek().map(|Reverse((at, ..))| at.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        let mut frames = Vec::new();
        self.from.drain(due.unwrap_or(POLL).min(POLL), |frame| frames.push(frame.data.to_vec()))?;
        frames.into_iter().for_each(|frame| self.take(frame));
        let own = std::mem::take(&mut locked(&self.plan).own);
        own.into_iter().for_each(|frame| self.dispatch(frame, Duration::ZERO));
        self.free(|until| until <= now);
        while let Some(Reverse((at, ..))) = self.on_its_way.peek()
            && *at <= Instant::now()
        {
            if let Some(Reverse((_, _, frame))) = self.on_its_way.pop() {
                self.to.send(&frame)?;
            }
        }
        locked(&self.plan).under_way = self.on_its_way.len() + self.held.len();
        Ok(())
    }

    fn take(&mut self, mut frame: Vec<u8>) {
        let (harm, more) = self.judge(&frame);
        match harm {
            Some(Harm::Drop | Harm::Down(_)) => return,
            Some(Harm::Hold) => return self.held.push((Instant::now() + HOLDING, frame)),
            Some(Harm::Duplicate) => self.dispatch(frame.clone(), more),
            Some(Harm::Corrupt) => {
                // The last octet is payload (of an empty datagram the checksum itself): only the checksum guards it.
                if let Some(last) = frame.last_mut() {
                    *last ^= 0x55;
                }
            }
            Some(Harm::Delay(_) | Harm::Rate(_) | Harm::Lose(_)) | None => {}
        }
        self.dispatch(frame, more);
        self.free(|_| true);
    }

    /// Lets go what was held until a time like this.
    fn free(&mut self, is_due: impl Fn(Instant) -> bool) {
        let freed: Vec<_> = self.held.extract_if(.., |(until, _)| is_due(*until)).collect();
        freed.into_iter().for_each(|(_, frame)| self.dispatch(frame, Duration::ZERO));
    }

    /// Sends a frame on its way, which takes so much more than that of others.
    fn dispatch(&mut self, frame: Vec<u8>, more: Duration) {
        let (delay, rate) = {
            let plan = locked(&self.plan);
            (plan.delay, plan.rate)
        };
        self.free_at =
            self.free_at.max(Instant::now()) + rate.map_or(Duration::ZERO, |rate| time_on(rate, frame.len()));
        self.taken += 1;
        self.on_its_way.push(Reverse((self.free_at + delay + more, self.taken, frame)));
    }

    /// What is to be done to a frame, and how much longer it takes by that.
    fn judge(&self, frame: &[u8]) -> (Option<Harm>, Duration) {
        let mut plan = locked(&self.plan);
        let kind = Kind::of(frame);
        if let Some((ports, latest)) = Latest::read(frame) {
            plan.latest.insert(ports, latest);
        }
        if let Some(left) = plan.down_until.and_then(|until| until.checked_duration_since(Instant::now())) {
            self.give_up(kind, Harm::Down(left));
            return (Some(Harm::Down(left)), Duration::ZERO);
        }
        let (harm, delay) = self.named(&mut plan, kind, frame);
        let lost = kind.passing().and_then(|passing| plan.losses.takes(passing, self.direction));
        match lost.filter(|_| harm.is_none()) {
            None => (harm, delay),
            Some(lost) => {
                let what = if matches!(kind, Kind::Data { .. }) { "segment" } else { "datagram" };
                let to = if self.direction == Direction::ToServer { "server" } else { "client" };
                self.log.loss(lost.line, self.direction, &format_args!("loses {what} {} to the {to}", lost.number));
                if lost.is_last {
                    let what = format_args!("{LOSES_NOTHING_MORE} to the {to}: {MOST_LOST} were lost");
                    self.log.fault(lost.line, self.direction, &what);
                }
                self.give_up(kind, Harm::Drop);
                (Some(Harm::Drop), delay)
            }
        }
    }

    /// What is to be done to a frame because it is the one that a script names.
    fn named(&self, plan: &mut Plan, kind: Kind, frame: &[u8]) -> (Option<Harm>, Duration) {
        let mut delay = Duration::ZERO;
        let is_new = match kind {
            Kind::Data { ports: (source, destination), seq, .. } => plan.sent.insert((source, destination, seq)),
            Kind::Datagram { .. } => true,
            Kind::Other => false,
        };
        if !is_new {
            return (None, delay);
        }
        let mut harm = None;
        for (line, fault, counted) in &mut plan.faults {
            let begins = |text: &str, at: usize| frame.get(at..).is_some_and(|data| data.starts_with(text.as_bytes()));
            let wanted = match (&fault.target, kind) {
                (Target::Segment(number), Kind::Data { .. }) | (Target::Datagram(number), Kind::Datagram { .. }) => {
                    *number
                }
                (Target::SegmentWith(text), Kind::Data { at, .. }) if begins(text, at) => 1,
                (Target::DatagramWith(text), Kind::Datagram { at, .. }) if begins(text, at) => 1,
                _ => continue,
            };
            *counted += 1;
            if *counted == wanted {
                self.log.fault(*line, self.direction, fault);
                self.give_up(kind, fault.harm);
                delay += fault.harm.time();
                harm = Some(fault.harm);
            }
        }
        (harm, delay)
    }

    fn give_up(&self, kind: Kind, harm: Harm) {
        if let (Kind::Datagram { ports, .. }, true) = (kind, comes_late_or_never(harm)) {
            self.log.gives_up(self.direction, ports);
        }
    }
}

/// What a frame is to a script, read from the few octets that say it: Ethernet, IPv4 without options, TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A TCP segment with data.
    Data {
        ports: (u16, u16),
        seq: u32,
        /// Where its data begins.
        at: usize,
    },
    /// A datagram of UDP, or the first fragment of one.
    Datagram {
        ports: (u16, u16),
        /// Where its data begins.
        at: usize,
    },
    Other,
}

impl Kind {
    fn of(frame: &[u8]) -> Self {
        Self::read(frame).unwrap_or(Self::Other)
    }

    /// What it is to a lossy link, if it has data.
    fn passing(self) -> Option<Passing> {
        match self {
            Self::Data { ports, seq, .. } => Some(Passing::Segment { ports, seq }),
            Self::Datagram { ports, .. } => Some(Passing::Datagram { ports }),
            Self::Other => None,
        }
    }

    fn read(frame: &[u8]) -> Option<Self> {
        let number = |at: usize| frame.get(at..)?.first_chunk().map(|octets| u16::from_be_bytes(*octets));
        if (number(12)?, *frame.get(14)?) != (0x0800, 0x45) {
            return None;
        }
        let ports = (number(34)?, number(36)?);
        match frame.get(23)? {
            17 if number(20)? & FRAGMENT_OFFSET == 0 => Some(Self::Datagram { ports, at: 42 }),
            6 => {
                let seq = frame.get(38..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))?;
                let header = 20 + usize::from(frame.get(46)? >> 4) * 4;
                let has_data = usize::from(number(16)?) > header;
                has_data.then_some(Self::Data { ports, seq, at: 14 + header })
            }
            _ => None,
        }
    }
}

/// Whether nobody should wait for a datagram that this was done to.
fn comes_late_or_never(harm: Harm) -> bool {
    matches!(harm, Harm::Drop | Harm::Corrupt | Harm::Hold | Harm::Down(_))
}

fn locked(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a frame takes to pass at so many bits a second.
fn time_on(rate: u64, octets: usize) -> Duration {
    let bits = u64::try_from(octets).unwrap_or(u64::MAX).saturating_mul(8);
    Duration::from_nanos(bits.saturating_mul(1_000_000_000) / rate.max(1))
}

const NAME: &str = "lab wire";
/// In the field with the flags (RFC 791 §3.1).
const FRAGMENT_OFFSET: u16 = 0x1fff;
/// What nothing overtakes arrives after this.
const HOLDING: Duration = Duration::from_millis(200);
/// How long a play may wait at its end for what is on the wire.
const SETTLING: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);
