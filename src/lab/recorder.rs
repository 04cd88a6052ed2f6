//! The recorder: a thread that captures a whole play, and proves at the end that it has all of it.
//!
//! The end is marked by a sentinel: a frame of EtherType 0x88B5, which IEEE Std 802 keeps for local experiments and no
//! stack answers. When the capture has seen it, it has seen everything before it. The interface's own counter then
//! says how many frames there were.

use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::capture::live::{Active, Inactive};
use crate::capture::{Frame, FrameRef, Interface};
use crate::lab::error::LabError;
use crate::lab::namespace::{LOOPBACK, Network, frames_on};
use crate::lab::recording::{Completeness, Recorded};

/// Where to record.
pub enum Spot {
    /// On the loopback interface of a private network.
    Private(Arc<Network>),
    /// On the loopback interface of this machine, what goes to or from this port.
    Host(u16),
    /// On the card of a machine on an Ethernet.
    Card(Arc<Network>),
}

/// A capture under way.
pub struct Recorder {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Result<Recorded, LabError>>,
}

impl Recorder {
    /// Begins to record.
    pub fn arm(spot: Spot) -> Result<Self, LabError> {
        let (stop, stopped) = mpsc::channel();
        let (armed, is_armed) = mpsc::channel();
        let run = move || {
            let mut tape = Tape::begin(spot)?;
            // Whoever armed it is still waiting, or has given up and will stop it.
            let _ = armed.send(());
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                tape.run(POLL)?;
            }
            tape.finish()
        };
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(run);
        let thread = thread.map_err(|source| LabError::Thread { name: NAME, source })?;
        match is_armed.recv() {
            Ok(()) => Ok(Self { stop, thread }),
            // The thread ended before it could say anything but its error.
            Err(_) => Err(joined(thread).err().unwrap_or_else(|| LabError::ended(NAME))),
        }
    }

    /// Waits until all frames of the play are there, and ends the capture.
    pub fn finish(self) -> Result<Recorded, LabError> {
        drop(self.stop);
        joined(self.thread)
    }
}

fn joined(thread: JoinHandle<Result<Recorded, LabError>>) -> Result<Recorded, LabError> {
    thread.join().unwrap_or_else(|_| Err(LabError::ended(NAME)))
}

/// The capture with the frames it has so far.
struct Tape {
    capture: Active,
    frames: Vec<Frame>,
    /// The interface's count when the capture began; `None` where others use the interface too.
    counted_before: Option<u64>,
    sentinels_sent: u64,
    sentinels_seen: u64,
}

impl Tape {
    fn begin(spot: Spot) -> Result<Self, LabError> {
        let (network, interface, filter) = match spot {
            Spot::Private(network) => (Some(network), LOOPBACK, None),
            Spot::Host(port) => (None, LOOPBACK, Some(format!("port {port} or ether proto 0x88b5"))),
            Spot::Card(network) => (Some(network), CARD, None),
        };
        let is_private = network.is_some();
        if let Some(network) = network {
            network.enter().map_err(|source| LabError::Thread { name: NAME, source })?;
        }
        let mut capture = Inactive::new(interface);
        if let Some(filter) = filter {
            capture = capture.filter(filter);
        }
        let capture = capture.open()?;
        let counted_before = if is_private { counted_on(interface) } else { None };
        Ok(Self { capture, frames: Vec::new(), counted_before, sentinels_sent: 0, sentinels_seen: 0 })
    }

    /// Records for a while.
    fn run(&mut self, wait: Duration) -> Result<(), LabError> {
        let Self { capture, frames, sentinels_seen, .. } = self;
        capture.drain(wait, |frame| match sentinel_number(frame) {
            Some(_) => *sentinels_seen += 1,
            None => frames.push(frame.to_frame()),
        })?;
        Ok(())
    }

    fn finish(mut self) -> Result<Recorded, LabError> {
        let mut patience = Patience::new();
        if self.capture.interface() != LOOPBACK {
            self.run(SETTLING)?;
        }
        let Reading { counted, captured, end_seen } = last_reading(|| self.look(&mut patience))?;
        let completeness = Completeness { captured, counted, dropped_by_kernel: self.capture.stats()?.dropped };
        let interface = Interface {
            name: Some(self.capture.interface().to_owned()),
            link: self.capture.link(),
            snaplen: self.capture.snaplen(),
        };
        Ok(Recorded { frames: self.frames, interface, completeness, end_seen })
    }

    /// Records what is there by now, and then reads what the interface has counted.
    fn look(&mut self, patience: &mut Patience) -> Result<(Reading, bool), LabError> {
        let on_loopback = self.capture.interface() == LOOPBACK;
        let mark_seen = if on_loopback { self.mark_end(patience)? } else { self.run(POLL).map(|()| true)? };
        let (counted, captured) = (self.counted(), self.captured());
        // On a card no mark comes back to whoever sends it: there the count alone tells the end.
        let end_seen = mark_seen && (on_loopback || counted.is_none_or(|counted| counted == captured));
        Ok((Reading { counted, captured, end_seen }, mark_seen && patience.is_left()))
    }

    /// Sends a sentinel and records until it is seen; tells whether it was.
    fn mark_end(&mut self, patience: &mut Patience) -> Result<bool, LabError> {
        self.sentinels_sent += 1;
        self.capture.send(&sentinel(self.sentinels_sent))?;
        while self.sentinels_seen < self.sentinels_sent && patience.is_left() {
            self.run(POLL)?;
        }
        Ok(self.sentinels_seen == self.sentinels_sent)
    }

    fn captured(&self) -> u64 {
        self.frames.len() as u64
    }

    fn counted(&self) -> Option<u64> {
        let all = counted_on(self.capture.interface())?.checked_sub(self.counted_before?)?;
        all.checked_sub(self.sentinels_sent)
    }
}

/// How many frames an interface had counted, and how many of them were captured by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    /// `None` where others use the interface too.
    counted: Option<u64>,
    captured: u64,
    end_seen: bool,
}

/// Looks until all that was counted is captured (a late acknowledgement may slip in between a mark and the count), or a look
/// was the last. What was compared is what is told: a count that is read once more may be of frames that came since, as what
/// TCP acknowledges late does, 40 ms after the last answer, and were not lost.
fn last_reading(mut look: impl FnMut() -> Result<(Reading, bool), LabError>) -> Result<Reading, LabError> {
    loop {
        let (reading, may_look_again) = look()?;
        if !may_look_again || reading.counted.is_none_or(|counted| counted == reading.captured) {
            return Ok(reading);
        }
    }
}

/// How long the end of a play is waited for: a time, in which a busy machine may not let us look at all, and so often.
struct Patience {
    until: Instant,
    looks: u32,
}

impl Patience {
    fn new() -> Self {
        Self { until: Instant::now() + PATIENCE, looks: 0 }
    }

    /// Whether to look once more.
    fn is_left(&mut self) -> bool {
        self.looks += 1;
        Instant::now() < self.until || self.looks <= LOOKS
    }
}

/// How many frames passed an interface: on loopback each is received, on a card some are sent.
fn counted_on(interface: &str) -> Option<u64> {
    let (received, sent) = frames_on(interface)?;
    Some(if interface == LOOPBACK { received } else { received + sent })
}

/// Two zero addresses, the EtherType, a mark of this process, and a number.
fn sentinel(number: u64) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend(ETHERTYPE);
    frame.extend(mark());
    frame.extend(number.to_be_bytes());
    frame
}

/// The number of a sentinel of ours.
fn sentinel_number(frame: FrameRef<'_>) -> Option<u64> {
    let body = frame.data.get(12..)?.strip_prefix(&ETHERTYPE)?.strip_prefix(mark().as_slice())?;
    body.first_chunk().map(|number| u64::from_be_bytes(*number))
}

/// On the host's loopback another lab may mark its end too.
fn mark() -> [u8; 12] {
    let [a, b, c, d] = std::process::id().to_be_bytes();
    [b'w', b'i', b'r', b'e', b't', b'a', b'l', b'e', a, b, c, d]
}

const NAME: &str = "lab recorder";
const ETHERTYPE: [u8; 2] = [0x88, 0xb5];
/// The interface of a machine on an Ethernet.
pub const CARD: &str = "eth0";
const POLL: Duration = Duration::from_millis(2);
/// What was sent last may still be on its way to the capture.
const SETTLING: Duration = Duration::from_millis(20);
/// How long the end may take to arrive.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked for at the least.
const LOOKS: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{LinkType, Timestamp};

    #[test]
    fn who_was_not_let_look_is_patient() {
        let mut patience = Patience { until: Instant::now(), looks: 0 };
        assert_eq!((0..1000).take_while(|_| patience.is_left()).count(), LOOKS as usize);
        let mut patience = Patience { looks: LOOKS, ..Patience::new() };
        assert!(patience.is_left(), "there is time");
    }

    #[test]
    fn what_comes_after_the_last_look_is_not_missing() {
        // An interface on which something passes whenever nobody looks.
        let mut passed = 0;
        let mut behind = 3;
        let reading = last_reading(|| {
            passed += 2;
            behind -= 1;
            Ok((Reading { counted: Some(passed), captured: passed - behind, end_seen: true }, true))
        });
        assert_eq!(reading.unwrap(), Reading { counted: Some(6), captured: 6, end_seen: true });
        let lost = Reading { counted: Some(9), captured: 7, end_seen: true };
        assert_eq!(last_reading(|| Ok((lost, false))).unwrap(), lost);
        let shared = Reading { counted: None, captured: 7, end_seen: true };
        assert_eq!(last_reading(|| Ok((shared, true))).unwrap(), shared);
    }

    #[test]
    fn a_sentinel_is_known_by_its_mark() {
        let number = |data: &[u8]| {
            let (time, link) = (Timestamp(0), LinkType::ETHERNET);
            let (comments, timeless) = (&[][..], false);
            sentinel_number(FrameRef { time, timeless, link, interface: 0, len: 0, data, comments, secrets: None })
        };
        let whole = sentinel(7);
        assert_eq!(number(&whole), Some(7));
        for cut in 0..whole.len() {
            assert_eq!(number(&whole[..cut]), None);
        }
        let mut other = whole;
        other[14] = b'x';
        assert_eq!(number(&other), None);
    }
}
