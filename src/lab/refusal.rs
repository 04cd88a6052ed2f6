//! Why the system refused a private network: the stage, the true cause in plain words, and what would help.
//!
//! One error number has several causes. EPERM from unshare(2) may be AppArmor, seccomp, a chroot or a distribution's
//! own switch; so the switches in /proc are read as well (user_namespaces(7), and for the first two their packagers'
//! documentation).

use std::fs;

/// How far the attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The system has no namespaces.
    System,
    /// The attempt itself could not be made.
    Try,
    /// Entering a user namespace.
    User,
    /// Mapping the user to itself.
    Map,
    /// Entering a network namespace.
    Network,
    /// Bringing its loopback interface up.
    Loopback,
    /// Opening a packet socket, as a capture does.
    PacketSocket,
}

impl Stage {
    /// The stages of a private network, in order.
    pub const LADDER: [Self; 5] = [Self::User, Self::Map, Self::Network, Self::Loopback, Self::PacketSocket];

    /// What is done at this stage.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "network namespaces",
            Self::Try => "a child process to try in",
            Self::User => "a user namespace of one's own",
            Self::Map => "the same user inside it",
            Self::Network => "a network namespace of one's own",
            Self::Loopback => "its loopback interface",
            Self::PacketSocket => "a packet socket to capture with",
        }
    }

    /// A number for the way from one process to another; 0 is free.
    #[cfg(target_os = "linux")]
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The stage with this number.
    #[cfg(target_os = "linux")]
    pub fn from_number(number: u8) -> Self {
        Self::LADDER.into_iter().find(|stage| stage.number() == number).unwrap_or(Self::Try)
    }
}

/// A stage that was refused, and the system's error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub stage: Stage,
    pub errno: i32,
}

impl Refusal {
    pub const fn new(stage: Stage, errno: i32) -> Self {
        Self { stage, errno }
    }

    /// The cause in plain words, and the command that would change it, if one is known.
    pub fn explain(self, machine: &Machine) -> Cause {
        let stage = self.stage.name();
        if self.stage == Stage::System {
            return Cause { reason: "this system has no network namespaces; only Linux has".to_owned(), fix: None };
        }
        let (reason, fix) = match (Name::of(self.errno), self.stage) {
            (Name::Eperm, Stage::PacketSocket) => machine.no_net_raw(),
            (Name::Eperm | Name::Eacces, _) => machine.not_permitted(),
            (Name::Enospc | Name::Eusers, _) => machine.no_more(),
            (Name::Einval, Stage::User) => ("the program has more than one thread already".to_owned(), None),
            (Name::Einval | Name::Enosys, _) => ("this kernel was built without such namespaces".to_owned(), None),
            (Name::Other, _) => ("the system gave no other reason".to_owned(), None),
        };
        let error = std::io::Error::from_raw_os_error(self.errno);
        Cause { reason: format!("{stage} was refused: {reason} ({error})"), fix }
    }
}

/// A refusal in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Why.
    pub reason: String,
    /// The command that would change it.
    pub fix: Option<String>,
}

/// What this machine says of itself, as far as it decides about namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    /// Ubuntu's switch: 1 lets AppArmor take away what a user namespace would give.
    pub apparmor_restricts: bool,
    /// Debian's older switch: 0 forbids user namespaces to all but root.
    pub userns_forbidden: bool,
    /// 0 user namespaces are allowed at all.
    pub no_user_namespaces: bool,
    /// A seccomp filter watches this process, as container runtimes set one.
    pub seccomp: bool,
    /// Where this program lies.
    pub program: String,
}

impl Machine {
    /// Reads it from /proc.
    pub fn read() -> Self {
        let says = |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let program = std::env::current_exe().ok();
        Self {
            apparmor_restricts: says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
            userns_forbidden: says("/proc/sys/kernel/unprivileged_userns_clone", "0"),
            no_user_namespaces: says("/proc/sys/user/max_user_namespaces", "0"),
            seccomp: status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2")),
            program: program.map_or("wiretale".to_owned(), |path| path.display().to_string()),
        }
    }

    fn not_permitted(&self) -> (String, Option<String>) {
        let (reason, fix) = if self.apparmor_restricts {
            (
                "AppArmor keeps user namespaces from programs that root has not named",
                Some("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
            )
        } else if self.userns_forbidden {
            ("this system keeps user namespaces for root", Some("sudo sysctl -w kernel.unprivileged_userns_clone=1"))
        } else if self.seccomp {
            (
                "a seccomp filter forbids it, as a container's default profile does",
                Some("start the container with --security-opt seccomp=unconfined"),
            )
        } else {
            ("not permitted here; inside a chroot or container namespaces are often kept from programs", None)
        };
        (reason.to_owned(), fix.map(str::to_owned))
    }

    fn no_more(&self) -> (String, Option<String>) {
        let reason = if self.no_user_namespaces {
            "this system allows no user namespaces at all"
        } else {
            "all the namespaces this system allows are in use"
        };
        (reason.to_owned(), Some("sudo sysctl -w user.max_user_namespaces=15000".to_owned()))
    }

    fn no_net_raw(&self) -> (String, Option<String>) {
        let fix = format!("sudo setcap cap_net_raw,cap_net_admin+ep {}", quoted(&self.program));
        ("capturing needs the capability CAP_NET_RAW".to_owned(), Some(fix))
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    if path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte)) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

/// The error numbers that have a meaning here.
enum Name {
    Eperm,
    Eacces,
    Einval,
    Enospc,
    Enosys,
    Eusers,
    Other,
}

impl Name {
    #[cfg(target_os = "linux")]
    fn of(errno: i32) -> Self {
        match errno {
            libc::EPERM => Self::Eperm,
            libc::EACCES => Self::Eacces,
            libc::EINVAL => Self::Einval,
            libc::ENOSPC => Self::Enospc,
            libc::ENOSYS => Self::Enosys,
            libc::EUSERS => Self::Eusers,
            _ => Self::Other,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_errno: i32) -> Self {
        Self::Other
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn explain(stage: Stage, errno: i32, machine: &Machine) -> (String, Option<String>) {
        let cause = Refusal::new(stage, errno).explain(machine);
        (cause.reason, cause.fix)
    }

    #[test]
    fn the_true_cause_is_named() {
        let apparmor = Machine { apparmor_restricts: true, seccomp: true, ..Machine::default() };
        assert_eq!(
            explain(Stage::Network, libc::EPERM, &apparmor),
            (
                "a network namespace of one's own was refused: AppArmor keeps user namespaces from programs that root has \
                 not named (Operation not permitted (os error 1))"
                    .to_owned(),
                Some("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0".to_owned())
            )
        );
        let debian = Machine { userns_forbidden: true, ..Machine::default() };
        let (_, fix) = explain(Stage::User, libc::EPERM, &debian);
        assert_eq!(fix.unwrap(), "sudo sysctl -w kernel.unprivileged_userns_clone=1");
        let none = Machine { no_user_namespaces: true, ..Machine::default() };
        let (reason, fix) = explain(Stage::User, libc::ENOSPC, &none);
        assert!(reason.contains("this system allows no user namespaces at all"), "{reason}");
        assert_eq!(fix.unwrap(), "sudo sysctl -w user.max_user_namespaces=15000");
        let (reason, fix) = explain(Stage::User, libc::EINVAL, &Machine::default());
        assert!(reason.contains("more than one thread"), "{reason}");
        assert_eq!(fix, None);
        let container = Machine { seccomp: true, ..Machine::default() };
        let (reason, _) = explain(Stage::User, libc::EPERM, &container);
        assert!(reason.contains("seccomp"), "{reason}");
        let machine = Machine { program: "/opt/my tools/wiretale".to_owned(), ..Machine::default() };
        let (_, fix) = explain(Stage::PacketSocket, libc::EPERM, &machine);
        assert_eq!(fix.unwrap(), "sudo setcap cap_net_raw,cap_net_admin+ep '/opt/my tools/wiretale'");
    }

    #[test]
    fn a_stage_survives_the_way_between_processes() {
        for stage in Stage::LADDER {
            assert_eq!(Stage::from_number(stage.number()), stage);
        }
    }
}
