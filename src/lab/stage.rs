//! The stage: plays a scenario in a place, records it, and compares what was captured with what was counted.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::endpoint::GAP;
use crate::lab::error::LabError;
use crate::lab::fault::Harm;
use crate::lab::ground::{Ground, Vantage};
use crate::lab::held::Held;
use crate::lab::host::{Host, Order, PortWish, Report, Side, Wish};
use crate::lab::interrupt::{GLANCE, Interrupt};
use crate::lab::log::ScriptLog;
use crate::lab::logbook::Logbook;
use crate::lab::namespace::Network;
use crate::lab::parts::Parts;
use crate::lab::place::Place;
use crate::lab::recorder::{Recorder, Spot};
use crate::lab::recording::{OtherEnd, Recorded, Recording};
use crate::lab::refusal::{self, Refusal};
use crate::lab::scenario::{Action, Scenario, Step};
use crate::lab::socketio::{Rules, Shelf, SocketIoStep};
use crate::lab::tls::Tls;
use crate::lab::wire::{Ethernet, Wire};

/// Plays a scenario and records it.
///
/// Steps follow each other strictly: one is done when the other side has noticed its effect. A connection that the
/// script leaves open stays open until the recording has ended, so that nothing is on record that nobody did.
pub fn play(place: &Place, scenario: &Scenario) -> Result<Recording, LabError> {
    let mut notes = Vec::new();
    let place = &place.clone().fit(scenario);
    let log = Logbook::begin();
    let Hall { client, server: machine, spot, other_spot, wire } = Hall::open(place, scenario, &log)?;
    let (done, reports) = mpsc::channel();
    let tls = if scenario.has_tls() { Some(Tls::create(scenario.seed).map_err(LabError::Tls)?) } else { None };
    let shelf = scenario.keeps_events.then(Shelf::create).transpose().map_err(LabError::Disk)?;
    let rules = Rules::of(scenario, shelf.as_ref()).map(Arc::new);
    let (server, address) =
        start_server(machine.as_ref(), scenario, (rules.as_ref(), tls.as_ref()), (&log, &done), &mut notes)?;
    let recorder = Recorder::arm(spot.unwrap_or(Spot::Host(address.port())))?;
    let other_recorder = other_spot.map(Recorder::arm).transpose()?;
    let started = |source| LabError::Thread { name: "lab clients", source };
    let client =
        Host::client(client, address, (rules.clone(), tls.clone()), log.clone(), done.clone()).map_err(started)?;
    let limit = scenario.waits() + PATIENCE;
    let again = || {
        let wish = wish(scenario, PortWish::This(address.port()), (rules.as_ref(), tls.as_ref()));
        Host::server(machine.clone(), wish, log.clone(), done.clone()).map(|(host, _)| host)
    };
    let server = Some(server);
    let interrupt = Interrupt::watch();
    let mut director = Director {
        server,
        again: &again,
        client,
        reports,
        wire,
        held: Held::default(),
        interrupt: &interrupt,
        deadline: Instant::now() + limit,
    };
    let played = director.play(scenario);
    let limit = limit + director.allowance();
    let recorded = recorder.finish()?;
    let at_server = other_recorder.map(Recorder::finish).transpose()?;
    drop(director);
    let mut recording = recording((recorded, at_server), place, address, &log, notes);
    recording.secrets = tls.map(|tls| tls.secrets());
    match played {
        Ok(()) => {
            recording.notes.extend(unmet(scenario, &recording.log));
            recording.notes.extend(recording.log.given_up().map(|fault| format!("the wire {}", fault.what)));
            Ok(recording)
        }
        Err(Trouble { line, .. }) if interrupt.is_wanted() => {
            Err(LabError::Interrupted { line, recording: Box::new(recording) })
        }
        Err(Trouble { line, cause: Some(cause) }) => {
            Err(LabError::Step { line, cause, recording: Box::new(recording) })
        }
        Err(Trouble { line, cause: None }) => Err(LabError::Late { line, limit, recording: Box::new(recording) }),
    }
}

/// The faults of a script that nothing met: whoever wrote them waits for what did not happen.
fn unmet<'a>(scenario: &'a Scenario, log: &'a ScriptLog) -> impl Iterator<Item = String> + use<'a> {
    scenario.steps.iter().filter_map(|step| {
        let Action::Fault(fault) = &step.action else { return None };
        let was_met = log.faults.iter().any(|entry| entry.step == step.line);
        let line = step.line;
        let why = match fault.harm {
            Harm::Lose(_) => "its seed chose nothing of what came by from there on",
            _ => "no such thing came by from there on",
        };
        (!was_met && fault.harm != Harm::Lose(0))
            .then(|| format!("line {line} of the script did nothing: `link {fault}`, and {why}"))
    })
}

/// Where each side lives, where it is recorded, and what lies between them.
struct Hall {
    client: Option<Arc<Network>>,
    server: Option<Arc<Network>>,
    /// `None` is the host's loopback interface.
    spot: Option<Spot>,
    /// The server's end, if both are recorded.
    other_spot: Option<Spot>,
    wire: Option<Wire>,
}

impl Hall {
    fn open(place: &Place, scenario: &Scenario, log: &Logbook) -> Result<Self, LabError> {
        if !cfg!(feature = "capture") {
            return Err(LabError::NoCapture);
        }
        match (place, scenario.ground) {
            (Place::Private { .. }, Ground::Loopback) => {
                let network = Network::create().map(Arc::new).map_err(unmade)?;
                let spot = Some(Spot::Private(Arc::clone(&network)));
                Ok(Self {
                    client: Some(Arc::clone(&network)),
                    server: Some(network),
                    spot,
                    other_spot: None,
                    wire: None,
                })
            }
            (Place::Private { .. }, Ground::Ethernet) => {
                let ethernet = Ethernet::create(scenario).map(Arc::new).map_err(unmade)?;
                let wire = Some(Wire::begin(&ethernet, log, scenario.seed.unwrap_or(DEFAULT_SEED))?);
                let (client, server) = (Arc::clone(&ethernet.client), Arc::clone(&ethernet.server));
                let recorded = if scenario.recorded_at == Vantage::Server { &server } else { &client };
                let spot = Some(Spot::Card(Arc::clone(recorded)));
                let other_spot = (scenario.recorded_at == Vantage::Both).then(|| Spot::Card(Arc::clone(&server)));
                Ok(Self { client: Some(client), server: Some(server), spot, other_spot, wire })
            }
            (Place::HostLoopback { .. }, _) => {
                Ok(Self { client: None, server: None, spot: None, other_spot: None, wire: None })
            }
            (Place::Nowhere { why }, _) => Err(LabError::Nowhere { why: why.join("; ") }),
        }
    }
}

fn unmade(refusal: Refusal) -> LabError {
    let cause = refusal.explain(&refusal::Machine::read());
    LabError::Network { reason: cause.reason, fix: cause.fix }
}

/// Starts the server on the port of the script; on the host, where others may have it, else on a free one.
fn start_server(
    network: Option<&Arc<Network>>,
    scenario: &Scenario,
    spoken: (Option<&Arc<Rules>>, Option<&Tls>),
    (log, done): (&Logbook, &mpsc::Sender<Report>),
    notes: &mut Vec<String>,
) -> Result<(Host, SocketAddr), LabError> {
    let port = scenario.port;
    let start = |port| Host::server(network.cloned(), wish(scenario, port, spoken), log.clone(), done.clone());
    let address = SocketAddr::from((scenario.ground.server(), port));
    let failed = |source| LabError::Listen { address, source };
    match start(PortWish::This(port)) {
        Err(error) if network.is_none() && is_taken(&error) => {
            let (host, address) = start(PortWish::AnyFree).map_err(failed)?;
            let instead = address.port();
            notes.push(format!("port {port} cannot be had on this machine ({error}); the server listens on {instead}"));
            Ok((host, address))
        }
        started => started.map_err(failed),
    }
}

fn wish(scenario: &Scenario, port: PortWish, (rules, tls): (Option<&Arc<Rules>>, Option<&Tls>)) -> Wish {
    Wish {
        ground: scenario.ground,
        port,
        has_datagrams: scenario.has_datagrams(),
        socketio: rules.cloned(),
        tls: tls.cloned(),
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

fn recording(
    (recorded, at_server): (Recorded, Option<Recorded>),
    place: &Place,
    server: SocketAddr,
    log: &Logbook,
    mut notes: Vec<String>,
) -> Recording {
    let Recorded { frames, interface, completeness, end_seen } = recorded;
    if !end_seen || at_server.as_ref().is_some_and(|other| !other.end_seen) {
        notes.push("the mark at the end of the capture was not seen: the last frames may be missing".to_owned());
    }
    let log = log.so_far();
    let names = Recording::names(server, &log);
    let at_server =
        at_server.map(|Recorded { frames, interface, completeness, .. }| OtherEnd { frames, interface, completeness });
    let place = place.to_string();
    Recording { frames, interface, log, completeness, at_server, names, notes, place, secrets: None }
}

/// Gives both hosts their parts, step by step.
struct Director<'a> {
    /// `None` only while it is restarted.
    server: Option<Host>,
    /// Starts the server again, on the same port.
    again: &'a dyn Fn() -> io::Result<Host>,
    client: Host,
    reports: mpsc::Receiver<Report>,
    wire: Option<Wire>,
    held: Held,
    interrupt: &'a Interrupt,
    deadline: Instant,
}

/// The step that failed, and why; without a cause it was late.
struct Trouble {
    line: usize,
    cause: Option<String>,
}

impl Director<'_> {
    fn play(&mut self, scenario: &Scenario) -> Result<(), Trouble> {
        scenario.steps.iter().try_for_each(|step| {
            self.perform(step).map_err(|cause| Trouble { line: step.line, cause })?;
            thread::sleep(GAP);
            Ok(())
        })?;
        // What is still on the wire belongs to the play.
        if let Some(wire) = &self.wire {
            wire.settle();
            thread::sleep(GAP);
        }
        Ok(())
    }

    fn perform(&mut self, step: &Step) -> Result<(), Option<String>> {
        match &step.action {
            Action::Wait(time) => {
                return if self.interrupt.sleep(*time) { Ok(()) } else { Err(None) };
            }
            Action::Fault(fault) => {
                if let Some(wire) = &self.wire {
                    wire.plan(step.line, fault);
                    return Ok(());
                }
            }
            Action::SocketIo(SocketIoStep::Restart { after }) => return self.restart(step, *after),
            Action::SocketIo(SocketIoStep::CutOff { client }) => {
                self.wire.iter().for_each(|wire| wire.reset(step.line, client));
                // Before the server has seen it nobody comes back.
                return [Side::Server, Side::Client].into_iter().try_for_each(|side| {
                    self.order(step, &[side])?;
                    self.wait_for_one(None).and_then(|report| cause(report).map_or(Ok(()), |cause| Err(Some(cause))))
                });
            }
            Action::CutOff { client } => self.wire.iter().for_each(|wire| wire.reset(step.line, client)),
            _ => {}
        }
        self.order(step, &[Side::Server, Side::Client])?;
        self.wait_for_both()
    }

    /// Gives these sides their parts of a step.
    fn order(&mut self, step: &Step, sides: &[Side]) -> Result<(), Option<String>> {
        let Parts { client, of_client, of_server } = Parts::of(&step.action, &mut self.held);
        let order = |part| Order { line: step.line, client: client.to_owned(), part };
        if sides.contains(&Side::Server) {
            let Some(server) = &self.server else { return Err(Some("the server is not there".to_owned())) };
            server.order(order(of_server));
        }
        if sides.contains(&Side::Client) {
            self.client.order(order(of_client));
        }
        Ok(())
    }

    /// Ends the server's host with all that it had open, as a kill ends a program, and starts another. Clients notice, and
    /// may try to come back, while it is not there.
    fn restart(&mut self, step: &Step, after: Duration) -> Result<(), Option<String>> {
        self.server = None;
        self.order(step, &[Side::Client])?;
        if !self.interrupt.sleep(after) {
            return Err(None);
        }
        let again = (self.again)().map_err(|error| Some(format!("the server did not start again: {error}")))?;
        self.server = Some(again);
        self.order(step, &[Side::Server])?;
        self.wait_for_both()
    }

    /// How much longer the play may take because of what the wire lost.
    fn allowance(&self) -> Duration {
        self.wire.as_ref().map_or(Duration::ZERO, Wire::allowance)
    }

    /// Waits until both sides have done their part. When one fails the other often fails for that reason: both are told.
    fn wait_for_both(&self) -> Result<(), Option<String>> {
        let first = self.wait_for_one(None)?;
        let failed = first.done.is_err();
        let second = self.wait_for_one(failed.then(|| Instant::now() + GRACE));
        let mut reports = vec![first];
        match second {
            Ok(report) => reports.push(report),
            Err(_) if failed => {}
            Err(cause) => return Err(cause),
        }
        reports.sort_by_key(|report| report.side);
        let causes: Vec<String> = reports.into_iter().filter_map(cause).collect();
        if causes.is_empty() { Ok(()) } else { Err(Some(causes.join("; "))) }
    }

    /// Waits for one of them, until then, or until it is too late for the play, or somebody wants it to end.
    fn wait_for_one(&self, until: Option<Instant>) -> Result<Report, Option<String>> {
        loop {
            let deadline = until.unwrap_or_else(|| self.deadline + self.allowance());
            let left = deadline.saturating_duration_since(Instant::now());
            match self.reports.recv_timeout(left.min(GLANCE)) {
                Ok(report) => return Ok(report),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(Some("the hosts of the lab ended".to_owned()));
                }
                Err(mpsc::RecvTimeoutError::Timeout) if left.is_zero() || self.interrupt.is_wanted() => {
                    return Err(None);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

fn cause(report: Report) -> Option<String> {
    let error = report.done.err()?;
    Some(match report.side {
        Side::Client => format!("the client: {error}"),
        Side::Server => format!("the server: {error}"),
    })
}

/// What a wire loses follows from this, unless the script has a seed.
const DEFAULT_SEED: u32 = 1;
/// How long a play may take besides the waits it asks for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a side may take to fail after the other one did.
const GRACE: Duration = Duration::from_millis(100);
