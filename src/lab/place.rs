//! Where a play can be staged: the ladder from a private network down to the saved capture, each step announced.

use std::fmt;

use crate::lab::ground::Ground;
use crate::lab::namespace;
use crate::lab::refusal::{Machine, Refusal, Stage};
use crate::lab::scenario::Scenario;

/// Where plays are staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A network of the lab's own: nothing else on the machine is seen or touched, and no packet can leave.
    Private {
        /// Whether it was had without root's rights, in a user namespace.
        rootless: bool,
    },
    /// The loopback interface everybody on this machine shares; the capture is filtered to the port of the script.
    HostLoopback {
        /// Why no private network.
        why: String,
    },
    /// No live capture at all: show a saved one.
    Nowhere {
        /// Why, one reason for each step of the ladder that failed.
        why: Vec<String>,
    },
}

impl Place {
    /// Where this script can be played: the host's loopback has no second machine.
    pub fn fit(self, scenario: &Scenario) -> Self {
        match (self, scenario.ground) {
            (Self::HostLoopback { why }, Ground::Ethernet) => {
                let needs = "the script needs two machines, which only private networks have".to_owned();
                Self::Nowhere { why: vec![why, needs] }
            }
            (place, _) => place,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private { rootless: true } => f.write_str("private network, no root"),
            Self::Private { rootless: false } => f.write_str("private network"),
            Self::HostLoopback { why } => write!(f, "this machine's own loopback ({why})"),
            Self::Nowhere { why } => write!(f, "no live capture ({})", why.join("; ")),
        }
    }
}

/// Finds the best place this machine allows, and goes there. Call it in `main`, before any thread is started.
///
/// The main thread stays in the host's network either way. The environment variable `WIRETALE_LAB` says at which step
/// of the ladder to begin: `private` (the default), `host`, or `saved` for no live capture at all.
pub fn enter() -> Place {
    let choice = std::env::var_os(VARIABLE).unwrap_or_default();
    match choice.to_str() {
        Some("" | "private") => climb_down(&Machine::read()),
        Some("host") => host_loopback(&Machine::read(), format!("{VARIABLE}=host asks for it")),
        Some("saved") => Place::Nowhere { why: vec![format!("{VARIABLE}=saved asks for none")] },
        _ => {
            let said = choice.to_string_lossy();
            Place::Nowhere { why: vec![format!("{VARIABLE} is `{said}`, but must be `private`, `host` or `saved`")] }
        }
    }
}

/// The environment variable that chooses the step of the ladder to begin at.
pub const VARIABLE: &str = "WIRETALE_LAB";

fn climb_down(machine: &Machine) -> Place {
    if !cfg!(feature = "capture") {
        return Place::Nowhere { why: vec![NO_CAPTURE.to_owned()] };
    }
    // Root needs no user namespace, and is better off without: inside one it could not write where only root may.
    if namespace::try_private(false).is_ok() {
        return Place::Private { rootless: false };
    }
    match namespace::try_private(true).and_then(|()| namespace::enter_user_namespace()) {
        Ok(()) => Place::Private { rootless: true },
        Err(refusal) => host_loopback(machine, refusal.explain(machine).reason),
    }
}

fn host_loopback(machine: &Machine, why: String) -> Place {
    if !cfg!(feature = "capture") {
        return Place::Nowhere { why: vec![why, NO_CAPTURE.to_owned()] };
    }
    match namespace::may_capture() {
        Ok(()) => Place::HostLoopback { why },
        Err(refusal) => {
            let refused = format!("the host's loopback: {}", refusal.explain(machine).reason);
            Place::Nowhere { why: vec![why, refused] }
        }
    }
}

/// What this machine allows: every step of the ladder, tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The steps, in the order in which they are tried.
    pub checks: Vec<Check>,
    /// Where a play would be staged.
    pub place: Place,
}

/// One step, tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was tried.
    pub name: String,
    /// Whether it works; `None` if an earlier step kept it from being tried.
    pub works: Option<bool>,
    /// Why not, in plain words.
    pub reason: Option<String>,
    /// The exact command that would improve it.
    pub fix: Option<String>,
}

impl Check {
    fn new(name: &str, works: Option<bool>) -> Self {
        Self { name: name.to_owned(), works, reason: None, fix: None }
    }

    fn refused(name: &str, refusal: Refusal, machine: &Machine) -> Self {
        let cause = refusal.explain(machine);
        Self { name: name.to_owned(), works: Some(false), reason: Some(cause.reason), fix: cause.fix }
    }
}

/// Tries every step of the ladder without leaving anything changed. Call it before any thread is started.
pub fn doctor() -> Report {
    let machine = Machine::read();
    let as_root = namespace::try_private(false);
    let rootless = namespace::try_private(true);
    let on_host = namespace::may_capture();
    let mut checks = vec![capture_check()];
    checks.extend(ladder(rootless.err(), &machine));
    checks.push(match as_root {
        Ok(()) => Check::new(AS_ROOT, Some(true)),
        Err(_) => {
            Check { reason: Some("only root may; it is not needed".to_owned()), ..Check::new(AS_ROOT, Some(false)) }
        }
    });
    checks.push(match on_host {
        Ok(()) => Check::new(ON_HOST, Some(true)),
        Err(refusal) => Check::refused(ON_HOST, refusal, &machine),
    });
    let place = match (as_root, rootless) {
        _ if !cfg!(feature = "capture") => Place::Nowhere { why: vec![NO_CAPTURE.to_owned()] },
        (Ok(()), _) => Place::Private { rootless: false },
        (_, Ok(())) => Place::Private { rootless: true },
        (_, Err(refusal)) => host_loopback(&machine, refusal.explain(&machine).reason),
    };
    Report { checks, place }
}

fn capture_check() -> Check {
    if cfg!(feature = "capture") {
        return Check::new(CAPTURE, Some(true));
    }
    let fix = Some("cargo build --release --features capture".to_owned());
    Check { reason: Some(NO_CAPTURE.to_owned()), fix, ..Check::new(CAPTURE, Some(false)) }
}

/// The stages of a private network without root: those before the refused one work, those after it were not tried.
fn ladder(refused: Option<Refusal>, machine: &Machine) -> Vec<Check> {
    if let Some(refusal) = refused.filter(|refusal| !Stage::LADDER.contains(&refusal.stage)) {
        return vec![Check::refused(refusal.stage.name(), refusal, machine)];
    }
    let check = |stage: Stage| match refused {
        None => Check::new(stage.name(), Some(true)),
        Some(refusal) if stage == refusal.stage => Check::refused(stage.name(), refusal, machine),
        Some(refusal) => Check::new(stage.name(), (stage < refusal.stage).then_some(true)),
    };
    Stage::LADDER.into_iter().map(check).collect()
}

const CAPTURE: &str = "live capture in this build";
const AS_ROOT: &str = "a network namespace without a user namespace";
const ON_HOST: &str = "capturing on the host's loopback";
/// Why a build without the feature `capture` stages nothing.
pub const NO_CAPTURE: &str = "this build cannot capture: it was made without the feature `capture`";

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_shows_how_far_it_went() {
        let refusal = Refusal::new(Stage::Network, libc::EPERM);
        let machine = Machine { apparmor_restricts: true, ..Machine::default() };
        let checks = ladder(Some(refusal), &machine);
        let works: Vec<Option<bool>> = checks.iter().map(|check| check.works).collect();
        assert_eq!(works, [Some(true), Some(true), Some(false), None, None]);
        assert_eq!(checks[2].fix.as_deref(), Some("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"));
    }

    #[test]
    fn places_announce_themselves() {
        assert_eq!(Place::Private { rootless: true }.to_string(), "private network, no root");
        assert_eq!(Place::Private { rootless: false }.to_string(), "private network");
        let host = Place::HostLoopback { why: "for a reason".to_owned() };
        assert_eq!(host.to_string(), "this machine's own loopback (for a reason)");
        let nowhere = Place::Nowhere { why: vec!["one".to_owned(), "two".to_owned()] };
        assert_eq!(nowhere.to_string(), "no live capture (one; two)");
    }
}
