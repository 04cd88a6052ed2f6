//! Namespaces: a network of one's own, without root. The system calls, in the order in which they work.
//!
//! user_namespaces(7), network_namespaces(7), unshare(2), netdevice(7). The user namespace maps the one user to itself,
//! so file ownership and `$HOME` stay as they were. It is entered by the whole process before any other thread
//! exists; a network namespace is entered by single threads, and the main thread stays in the host's network.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::thread;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getegid, geteuid, pipe};

use crate::lab::refusal::{Refusal, Stage};

/// A network namespace with its loopback interface up; it lasts as long as this handle or a thread inside it.
#[derive(Debug)]
pub struct Network(OwnedFd);

impl Network {
    /// A fresh one. The calling thread stays where it is.
    pub fn create() -> Result<Self, Refusal> {
        // A thread that ends afterwards needs no way back, and so no step that could fail halfway.
        let made = thread::spawn(|| {
            private_network()?;
            let namespace = fs::File::open("/proc/thread-self/ns/net");
            namespace.map(|file| Self(file.into())).map_err(|error| Refusal::new(Stage::Network, errno(&error)))
        });
        made.join().unwrap_or(Err(Refusal::new(Stage::Network, Errno::UnknownErrno as i32)))
    }

    /// What the kernel knows it by.
    #[cfg(feature = "capture")]
    pub fn descriptor(&self) -> &OwnedFd {
        &self.0
    }

    /// Moves the calling thread, and the threads it starts from now on, into this network.
    pub fn enter(&self) -> io::Result<()> {
        Ok(setns(&self.0, CloneFlags::CLONE_NEWNET)?)
    }
}

/// Moves this process into a user namespace of its own. It must have one thread only.
pub fn enter_user_namespace() -> Result<(), Refusal> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| Refusal::new(Stage::User, error as i32))?;
    // A program with file capabilities is not "dumpable", and then its /proc files belong to root. The capabilities
    // are gone with the old namespace, so nothing is left that this would have to protect.
    let _ = nix::sys::prctl::set_dumpable(true);
    let write = |path, text: String| fs::write(path, text).map_err(|error| Refusal::new(Stage::Map, errno(&error)));
    // "Writing "deny" to the /proc/pid/setgroups file before writing to /proc/pid/gid_map will permanently disable
    // setgroups(2) in a user namespace and allow writing to gid_map without having the CAP_SETGID capability."
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

/// Tries a whole private network in a child process, so that a refusal at any stage leaves this process as it was.
///
/// A child is needed because some systems allow the first stage and refuse a later one, with no way back.
pub fn try_private(with_user_namespace: bool) -> Result<(), Refusal> {
    if !alone() {
        return Err(Refusal::new(Stage::User, Errno::EINVAL as i32));
    }
    let cannot_try = |error: Errno| Refusal::new(Stage::Try, error as i32);
    let (reader, writer) = pipe().map_err(cannot_try)?;
    #[expect(unsafe_code, reason = "fork(2) is the only way to try this without becoming it")]
    // SAFETY: this process has one thread (checked above), so no lock is held by another and the child may allocate;
    // it leaves by _exit(2), so none of this process's exit handlers and destructors run twice.
    let child = match unsafe { fork() }.map_err(cannot_try)? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            drop(reader);
            let tried = whole_attempt(with_user_namespace);
            let _ = fs::File::from(writer).write_all(&report(tried));
            // SAFETY: _exit(2) only ends the child.
            unsafe { libc::_exit(0) }
        }
    };
    drop(writer);
    let mut answer = Vec::new();
    let read = fs::File::from(reader).read_to_end(&mut answer);
    let _ = waitpid(child, None);
    read.map_err(|error| Refusal::new(Stage::Try, errno(&error)))?;
    match answer.first_chunk::<5>() {
        // No answer: the child was killed, as some sandboxes do with a forbidden call.
        None => Err(Refusal::new(Stage::Try, Errno::ECHILD as i32)),
        Some([0, ..]) => Ok(()),
        Some([stage, number @ ..]) => Err(Refusal::new(Stage::from_number(*stage), i32::from_ne_bytes(*number))),
    }
}

/// Whether this process may capture in the network it is in (packet(7): needs CAP_NET_RAW).
pub fn may_capture() -> Result<(), Refusal> {
    let opened = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None);
    opened.map(drop).map_err(|error| Refusal::new(Stage::PacketSocket, error as i32))
}

/// How many frames an interface of the calling thread's network has received and sent since it exists.
#[cfg(feature = "capture")]
pub fn frames_on(interface: &str) -> Option<(u64, u64)> {
    let table = fs::read_to_string("/proc/thread-self/net/dev").ok()?;
    let of = |line: &str| {
        line.trim_start().strip_prefix(interface).and_then(|rest| rest.strip_prefix(':')).map(str::to_owned)
    };
    let counters = table.lines().find_map(of)?;
    let number = |place| counters.split_whitespace().nth(place)?.parse().ok();
    Some((number(1)?, number(9)?))
}

/// The name of the loopback interface.
pub const LOOPBACK: &str = "lo";

/// Whether this process has one thread only.
fn alone() -> bool {
    fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

fn whole_attempt(with_user_namespace: bool) -> Result<(), Refusal> {
    if with_user_namespace {
        enter_user_namespace()?;
    }
    private_network()?;
    may_capture()
}

/// Moves the calling thread into a fresh network and brings its loopback interface up.
fn private_network() -> Result<(), Refusal> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|error| Refusal::new(Stage::Network, error as i32))?;
    // TCP waits for its retransmission timeout before it sends the last segment again, and no shorter: RFC 8985 §7 lets it
    // probe after two round trips, which here take a tenth of a millisecond, so that a probe would come whenever the machine
    // is busy for a moment. Where nothing may be set (in a container, say) it is left.
    let _ = fs::write("/proc/sys/net/ipv4/tcp_early_retrans", "0");
    loopback_up().map_err(|error| Refusal::new(Stage::Loopback, error as i32))
}

fn loopback_up() -> Result<(), Errno> {
    let any_socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
    let mut request =
        libc::ifreq { ifr_name: [0; libc::IFNAMSIZ], ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags } };
    for (to, from) in request.ifr_name.iter_mut().zip(LOOPBACK.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    #[expect(unsafe_code, reason = "an interface is brought up by ioctl(2)")]
    // SAFETY: SIOCSIFFLAGS reads one `ifreq`, which lives through the call, and the descriptor is an open socket.
    let done = unsafe { libc::ioctl(any_socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    Errno::result(done).map(drop)
}

/// What the child tells: the stage (0 when all went well) and the error number.
fn report(tried: Result<(), Refusal>) -> [u8; 5] {
    let (stage, number) = tried.err().map_or((0, 0), |refusal| (refusal.stage.number(), refusal.errno));
    let [a, b, c, d] = number.to_ne_bytes();
    [stage, a, b, c, d]
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::UnknownErrno as i32)
}
