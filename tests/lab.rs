//! Plays real scripts in the lab. A harness of its own: the lab must be entered before any thread starts.
//!
//! What needs another place or another user runs in a child process of this same program.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a check fails by panicking, as in any test")]

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::Instant;

use wiretale::lab::{self, LabError, Message, Opcode, Place, Recording, Scenario, What};
use wiretale::layer::Direction;

#[path = "lab/net.rs"]
mod net;
#[path = "lab/rules.rs"]
mod rules;
#[path = "lab/seen.rs"]
mod seen;
#[path = "lab/socketio.rs"]
mod socketio;
#[path = "lab/strangers.rs"]
mod strangers;

type Check = (&'static str, fn());
type PlayCheck = (&'static str, fn(&Place));

const LADDER: &[Check] = &[
    ("saved_means_no_live_capture", saved_means_no_live_capture),
    ("an_unknown_step_of_the_ladder_is_named", an_unknown_step_of_the_ladder_is_named),
    ("host_means_the_shared_loopback", host_means_the_shared_loopback),
    ("the_doctor_agrees_with_the_ladder", the_doctor_agrees_with_the_ladder),
    ("no_root_is_needed", no_root_is_needed),
    ("a_build_without_capture_says_so", a_build_without_capture_says_so),
    ("our_clients_call_our_servers", strangers::our_clients_call_our_servers),
    (
        "a_server_killed_between_steps_loses_nothing_it_acknowledged",
        strangers::a_server_killed_between_steps_loses_nothing_it_acknowledged,
    ),
    ("a_kill_loses_nothing_that_was_promised", socketio::a_kill_loses_nothing_that_was_promised),
];

const PLAYS: &[PlayCheck] = &[
    ("the_upgrade_and_two_broken_ones", the_upgrade_and_two_broken_ones),
    ("everything_that_can_be_said", everything_that_can_be_said),
    ("two_clients_and_a_reconnect", two_clients_and_a_reconnect),
    ("a_large_message_is_whole", a_large_message_is_whole),
    ("what_stays_open_is_not_closed_on_record", what_stays_open_is_not_closed_on_record),
    ("a_failed_step_keeps_the_recording", a_failed_step_keeps_the_recording),
    ("twenty_plays_lose_no_frame", twenty_plays_lose_no_frame),
    ("what_was_sent_is_what_is_seen", seen::what_was_sent_is_what_is_seen),
    ("a_seed_leaves_nothing_to_chance", seen::a_seed_leaves_nothing_to_chance),
    ("a_seed_names_sessions", seen::a_seed_names_sessions),
    ("several_wait_at_the_same_time", seen::several_wait_at_the_same_time),
    ("ten_plays_are_alike", seen::ten_plays_are_alike),
    ("what_was_emitted_is_what_is_seen", socketio::what_was_emitted_is_what_is_seen),
    ("hearts_beat_as_the_script_says", socketio::hearts_beat_as_the_script_says),
    ("ten_sessions_are_alike", socketio::ten_sessions_are_alike),
    ("who_comes_back_waits_twice_as_long_each_time", socketio::who_comes_back_waits_twice_as_long_each_time),
    ("what_is_kept_is_not_missed", socketio::what_is_kept_is_not_missed),
    ("a_lost_acknowledgement_doubles_what_has_no_name", socketio::a_lost_acknowledgement_doubles_what_has_no_name),
    ("who_is_cut_off_is_recovered", socketio::who_is_cut_off_is_recovered),
    ("who_polls_is_recovered_too", socketio::who_polls_is_recovered_too),
    ("each_namespace_counts_what_it_asks", socketio::each_namespace_counts_what_it_asks),
    ("who_is_reset_comes_back", socketio::who_is_reset_comes_back),
    ("a_server_forgets_after_its_time", socketio::a_server_forgets_after_its_time),
    ("an_event_reaches_whom_it_is_for", socketio::an_event_reaches_whom_it_is_for),
    ("what_is_volatile_is_dropped_for_something_newer", socketio::what_is_volatile_is_dropped_for_something_newer),
    ("transports_are_those_asked_for", socketio::transports_are_those_asked_for),
    ("a_namespace_may_be_refused", socketio::a_namespace_may_be_refused),
    ("what_breaks_a_rule_is_refused", rules::what_breaks_a_rule_is_refused),
    ("who_does_not_read_closes_the_window", rules::who_does_not_read_closes_the_window),
    ("a_crash_is_found_out_by_who_speaks", rules::a_crash_is_found_out_by_who_speaks),
    ("what_is_not_taken_is_sent_again", net::what_is_not_taken_is_sent_again),
    ("a_fault_that_meets_nothing_is_told", net::a_fault_that_meets_nothing_is_told),
    ("both_ends_are_recorded", net::both_ends_are_recorded),
    ("a_wire_may_cut_in", net::a_wire_may_cut_in),
    ("an_ethernet_is_one", net::an_ethernet_is_one),
    ("tcp_mends_what_the_wire_does", net::tcp_mends_what_the_wire_does),
    ("a_wire_has_a_length_and_a_width", net::a_wire_has_a_length_and_a_width),
    ("nobody_mends_datagrams", net::nobody_mends_datagrams),
    ("what_is_lost_by_chance_is_sent_again", net::what_is_lost_by_chance_is_sent_again),
    ("half_is_lost_and_all_arrives", net::half_is_lost_and_all_arrives),
    ("the_same_seed_loses_the_same", net::the_same_seed_loses_the_same),
    ("a_link_may_stop_losing", net::a_link_may_stop_losing),
    ("what_is_said_over_tls_is_not_in_the_frames", net::what_is_said_over_tls_is_not_in_the_frames),
    ("faults_come_on_cue", net::faults_come_on_cue),
    ("without_private_networks_there_is_no_ethernet", net::without_private_networks_there_is_no_ethernet),
];

fn main() -> ExitCode {
    match std::env::var(ROLE).as_deref() {
        Ok("place") => announce(),
        Ok("doctor") => diagnose(),
        Ok("play") => play_once(),
        Ok("queue") => socketio::promise_until_killed(),
        Ok("serve") => strangers::serve(),
        Ok("call") => strangers::call(),
        Ok("plays") => run_share(),
        _ => run(),
    }
}

// The harness.

/// Plays wait for most of their time: so many are run beside each other, each lot in a process of its own.
const SHARES: usize = 2;
/// Which lot: its number.
const SHARE: &str = "WIRETALE_TEST_SHARE";

fn run() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        LADDER.iter().for_each(|(name, _)| println!("{name}: test"));
        PLAYS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    let mut score = Score::default();
    // Nobody enters the lab in this process, so it may have threads.
    std::thread::scope(|scope| {
        let played = scope.spawn(|| {
            plays(|| {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(std::env::args().skip(1));
                command
            })
        });
        for (name, check) in LADDER {
            score.count(name, wanted(name), check);
        }
        for output in played.join().unwrap() {
            let told = String::from_utf8_lossy(&output.stdout);
            told.lines().filter(|line| !line.ends_with(" left out")).for_each(|line| println!("{line}"));
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            score.add(&told);
            // One that did not come to its end has failed, whatever it told.
            score.failed += usize::from(!output.status.success() && !told.contains("... FAILED"));
        }
    });
    let Score { passed, failed, left_out } = score;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {left_out} filtered out; \
         finished in {seconds:.2}s\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether a check is among those named on the command line, if any are.
fn wanted(name: &str) -> bool {
    let mut named = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    named.peek().is_none() || named.any(|part| name.contains(part.as_str()))
}

/// Runs the plays that its arguments name, or all, in processes made of such a command.
fn plays(command: impl Fn() -> Command) -> Vec<Output> {
    let begin = |share: usize| {
        let mut command = command();
        command.env(ROLE, "plays").env(SHARE, share.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<Child> = (0..SHARES).map(begin).collect();
    // Both pipes of each are emptied, while the others go on.
    std::thread::scope(|scope| {
        let waiting = children.into_iter().map(|child| scope.spawn(move || child.wait_with_output().unwrap()));
        waiting.collect::<Vec<_>>().into_iter().map(|child| child.join().unwrap()).collect()
    })
}

/// One lot of the plays.
fn run_share() -> ExitCode {
    let share: usize = std::env::var(SHARE).unwrap().parse().unwrap();
    let place = lab::enter();
    let live = !matches!(place, Place::Nowhere { .. });
    if !live {
        println!("\nNOTE: nothing can be played on this machine, so only the ladder was tested: {place}\n");
    }
    let mut score = Score::default();
    for (name, check) in PLAYS.iter().skip(share).step_by(SHARES) {
        score.count(name, live && wanted(name), || check(&place));
    }
    println!("{} left out", score.left_out);
    if score.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Score {
    passed: usize,
    failed: usize,
    left_out: usize,
}

impl Score {
    fn count(&mut self, name: &str, wanted: bool, check: impl FnOnce()) {
        if !wanted {
            self.left_out += 1;
            return;
        }
        let passed = catch_unwind(AssertUnwindSafe(check)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        *(if passed { &mut self.passed } else { &mut self.failed }) += 1;
    }

    /// Adds what a lot of the plays told.
    fn add(&mut self, told: &str) {
        let lines = |end: &str| told.lines().filter(|line| line.starts_with("test ") && line.ends_with(end)).count();
        self.passed += lines(" ... ok");
        self.failed += lines(" ... FAILED");
        let left_out = told.lines().filter_map(|line| line.strip_suffix(" left out")?.parse::<usize>().ok());
        self.left_out += left_out.sum::<usize>();
    }
}

// The ladder, each step in a process of its own.

const ROLE: &str = "WIRETALE_TEST_ROLE";

fn announce() -> ExitCode {
    println!("{:?}", lab::enter());
    ExitCode::SUCCESS
}

fn diagnose() -> ExitCode {
    let report = lab::doctor();
    println!("{:#?}", report.checks);
    println!("agrees: {}", report.place == lab::enter());
    ExitCode::SUCCESS
}

fn play_once() -> ExitCode {
    let place = lab::enter();
    // A program of this machine has the port already.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let scenario = Scenario::parse(&format!("server listens on {port}\nada connects\nada closes")).unwrap();
    match lab::play(&place, &scenario) {
        Ok(recording) => {
            println!(
                "{} {:?} {:?}",
                recording.completeness.is_complete(),
                recording.completeness.counted,
                recording.notes
            );
            println!("syns: {}, sent: {}", syns(&recording), recording.log.entries.len());
        }
        Err(error) => println!("{error}"),
    }
    ExitCode::SUCCESS
}

fn child(role: &str, step: Option<&str>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, role).env_remove(lab::VARIABLE);
    if let Some(step) = step {
        command.env(lab::VARIABLE, step);
    }
    printed(&command.output().unwrap())
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn saved_means_no_live_capture() {
    assert_eq!(child("place", Some("saved")), "Nowhere { why: [\"WIRETALE_LAB=saved asks for none\"] }\n");
    let played = child("play", Some("saved"));
    if cfg!(feature = "capture") {
        assert_eq!(played, "cannot play the script: WIRETALE_LAB=saved asks for none\n");
    }
}

fn an_unknown_step_of_the_ladder_is_named() {
    let expected = "Nowhere { why: [\"WIRETALE_LAB is `moon`, but must be `private`, `host` or `saved`\"] }\n";
    assert_eq!(child("place", Some("moon")), expected);
}

fn host_means_the_shared_loopback() {
    let place = child("place", Some("host"));
    if !cfg!(feature = "capture") {
        return assert!(place.contains("this build cannot capture"), "{place}");
    }
    if !place.starts_with("HostLoopback") {
        assert!(place.contains("WIRETALE_LAB=host asks for it"), "{place}");
        assert!(place.contains("CAP_NET_RAW"), "{place}");
        println!("NOTE: the host's loopback may not be captured here: {}", place.trim());
        return;
    }
    assert_eq!(place, "HostLoopback { why: \"WIRETALE_LAB=host asks for it\" }\n");
    let played = child("play", Some("host"));
    assert!(played.starts_with("true None [\"port "), "{played}");
    assert!(played.contains("Address already in use"), "{played}");
    assert!(played.ends_with("syns: 1, sent: 7\n"), "{played}");
}

fn the_doctor_agrees_with_the_ladder() {
    let told = child("doctor", None);
    assert!(told.ends_with("agrees: true\n"), "{told}");
    assert!(told.contains("\"a network namespace of one's own\""), "{told}");
}

#[cfg(target_os = "linux")]
fn no_root_is_needed() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = child("place", None);
    if !nix::unistd::geteuid().is_root() {
        return assert_private(&place);
    }
    // The build folder may be closed to other users: the program runs from a folder that is not.
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("lab");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = |step: &str| {
        let mut command = Command::new(&program);
        command.env(lab::VARIABLE, step).current_dir("/");
        become_nobody(&mut command);
        command
    };
    let place = |step: &str| nobody(step).env(ROLE, "place").output();
    if let Err(error) = place("private") {
        return println!("NOTE: root may not become another user here, so that was not tested: {error}");
    }
    let place = |step| printed(&place(step).unwrap());
    let host = place("host");
    let place = place("private");
    assert_private(&place);
    let reason = if cfg!(feature = "capture") { "CAP_NET_RAW" } else { "this build cannot capture" };
    assert!(host.starts_with("Nowhere") && host.contains(reason), "{host}");
    if place.starts_with("Private") {
        let mut score = Score::default();
        let mut failed = Vec::new();
        for output in plays(|| nobody("private")) {
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            let told = String::from_utf8_lossy(&output.stdout);
            score.add(&told);
            failed.extend(told.lines().filter(|line| line.ends_with(" ... FAILED")).map(str::to_owned));
        }
        assert_eq!((score.passed, score.failed), (PLAYS.len(), 0), "not as root: {failed:?}, for the reasons above");
    }
}

fn a_build_without_capture_says_so() {
    let place = child("place", None);
    let played = child("play", None);
    let expected = "cannot play the script: this build cannot capture\n";
    assert_eq!(played == expected, !cfg!(feature = "capture"), "{played}");
    assert_eq!(place.contains("this build cannot capture"), !cfg!(feature = "capture"), "{place}");
}

#[cfg(not(target_os = "linux"))]
fn no_root_is_needed() {}

#[cfg(target_os = "linux")]
fn assert_private(place: &str) {
    if place.starts_with("Private") {
        return assert_eq!(place, "Private { rootless: true }\n");
    }
    println!("\nNOTE: THIS MACHINE ALLOWS NO NAMESPACES WITHOUT ROOT: {}\n", place.trim());
    assert!(place.contains(" was refused: ") || place.contains("cannot capture"), "{place}");
}

/// User 65534, and no capability that could ever come back.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "rights are given up between fork and exec")]
fn become_nobody(command: &mut Command) {
    use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
    use std::os::unix::process::CommandExt as _;

    const NOBODY: u32 = 65534;
    let give_up = || {
        for capability in 0..64_u64 {
            // SAFETY: PR_CAPBSET_DROP takes a number; one that is not known is refused.
            unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0_u64, 0_u64, 0_u64) };
        }
        setgroups(&[])?;
        setgid(Gid::from_raw(NOBODY))?;
        setuid(Uid::from_raw(NOBODY))?;
        nix::sys::prctl::set_no_new_privs()?;
        Ok(())
    };
    // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(give_up) };
}

// The plays.

fn play(place: &Place, script: &str) -> Recording {
    let recording = lab::play(place, &Scenario::parse(script).unwrap()).unwrap();
    assert!(recording.completeness.is_complete(), "{}", recording.completeness);
    if matches!(place, Place::Private { .. }) {
        assert_eq!(recording.completeness.counted, Some(recording.frames.len() as u64));
    }
    recording
}

/// The log as lines: step, who, what; with `!` where the other side never had it.
fn told(recording: &Recording) -> Vec<String> {
    let line = |entry: &lab::Entry| {
        let arrived = if entry.received_at.is_some_and(|time| time >= entry.at) { "" } else { " !" };
        let what = match &entry.what {
            What::Opened => "opens".to_owned(),
            What::Request { method, target, .. } => format!("{method} {target}"),
            What::Response { status, .. } => status.to_string(),
            What::Message(message) => shown(message),
            What::Joined { .. } | What::Emitted { .. } | What::Acknowledged { .. } | What::Left { .. } => {
                format!("{:?}", entry.what)
            }
            What::Closed => "ends".to_owned(),
            What::Octets(octets) => format!("{} octets", octets.len()),
            What::Datagram(payload) => format!("datagram of {}", payload.len()),
            What::Event(event) => format!("event {}", event.data),
            What::Reset => "breaks off".to_owned(),
        };
        let expected = if entry.actor == "server" { Direction::ToClient } else { Direction::ToServer };
        assert_eq!(entry.direction, expected);
        format!("{} {} {what}{arrived}", entry.step, entry.actor)
    };
    recording.log.entries.iter().map(line).collect()
}

fn shown(message: &Message) -> String {
    let Message { opcode, payload, fragments, close_code, close_reason } = message;
    assert_eq!(fragments.iter().sum::<usize>(), payload.len());
    match opcode {
        Opcode::Close => format!("Close {close_code:?} {close_reason:?}"),
        _ if payload.len() > 30 => format!("{opcode:?} of {}", payload.len()),
        _ => format!("{opcode:?} {:?} {fragments:?}", String::from_utf8_lossy(payload)),
    }
}

fn headers_of(recording: &Recording, actor: &str, line: usize) -> Vec<(String, String)> {
    let entries = recording.log.entries.iter().filter(|entry| entry.actor == actor && entry.step == line);
    let mut headers = entries.filter_map(|entry| match &entry.what {
        What::Request { headers, .. } | What::Response { headers, .. } => Some(headers.clone()),
        _ => None,
    });
    headers.next().unwrap()
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The TCP header's facts of a frame, as a library that is not ours reads them.
fn tcp(frame: &[u8]) -> (u16, u16, bool, bool, bool, Vec<u8>) {
    let sliced = etherparse::SlicedPacket::from_ethernet(frame).unwrap();
    let Some(etherparse::TransportSlice::Tcp(tcp)) = sliced.transport else { panic!("not TCP: {frame:02x?}") };
    let (from, to) = (tcp.source_port(), tcp.destination_port());
    (from, to, tcp.syn() && !tcp.ack(), tcp.fin(), tcp.rst(), tcp.payload().to_vec())
}

fn syns(recording: &Recording) -> usize {
    recording.frames.iter().filter(|frame| tcp(&frame.data).2).count()
}

fn the_upgrade_and_two_broken_ones(place: &Place) {
    let script = concat!(
        "server listens on 8080\n",
        "ada connects to /chat with key \"dGhlIHNhbXBsZSBub25jZQ==\"\n",
        "ada sends text \"hello\"\n",
        "server sends text \"hi\"\n",
        "ada closes 1000 \"bye\"\n",
        "bob connects without key\n",
        "eve connects with version 9\n",
    );
    let recording = play(place, script);
    let expected = [
        "2 ada opens",
        "2 ada GET /chat",
        "2 server 101",
        "3 ada Text \"hello\" [5]",
        "4 server Text \"hi\" [2]",
        "5 ada Close Some(1000) Some(\"bye\")",
        "5 server Close Some(1000) Some(\"bye\")",
        "5 server ends",
        "5 ada ends",
        "6 bob opens",
        "6 bob GET /",
        "6 server 400",
        "6 server ends",
        "6 bob ends",
        "7 eve opens",
        "7 eve GET /",
        "7 server 426",
        "7 server ends",
        "7 eve ends",
    ];
    assert_eq!(told(&recording), expected);
    check_heads(&recording);

    // On the wire, as another library reads it: one connection each, ended by FIN from both sides, server first.
    assert_eq!(syns(&recording), 3);
    let ends: Vec<u16> =
        recording.frames.iter().map(|frame| tcp(&frame.data)).filter(|tcp| tcp.3).map(|tcp| tcp.0).collect();
    assert_eq!(ends.len(), 6);
    let port = recording.names[0].0.port();
    assert!(ends.iter().step_by(2).all(|from| *from == port), "{ends:?}");
    assert!(recording.frames.iter().all(|frame| !tcp(&frame.data).4), "a connection was reset");
    let to_ada: Vec<u8> = recording
        .frames
        .iter()
        .map(|frame| tcp(&frame.data))
        .filter(|tcp| tcp.0 == port)
        .flat_map(|tcp| tcp.5)
        .collect();
    assert!(to_ada.windows(4).any(|bytes| bytes == b"\x81\x02hi"));
    assert!(recording.frames.iter().all(|frame| frame.len as usize == frame.data.len()));

    let names: Vec<(SocketAddr, &str)> =
        recording.names.iter().map(|(address, name)| (*address, name.as_str())).collect();
    let spoken: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
    assert_eq!(spoken, ["server", "ada", "bob", "eve"]);
    assert_eq!(names[0].0, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(recording.notes, Vec::<String>::new());
    assert_eq!(recording.interface.name.as_deref(), Some("lo"));
}

fn check_heads(recording: &Recording) {
    let expected = owned(&[
        ("Host", "127.0.0.1:8080"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]);
    assert_eq!(headers_of(recording, "ada", 2), expected);
    // The answer to the key of RFC 6455 §1.3.
    let expected = owned(&[
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ]);
    assert_eq!(headers_of(recording, "server", 2), expected);
    let keyless = headers_of(recording, "bob", 6);
    assert!(keyless.iter().all(|(name, _)| name != "Sec-WebSocket-Key"), "{keyless:?}");
    let refusal = headers_of(recording, "server", 6);
    assert!(refusal.contains(&("Connection".to_owned(), "close".to_owned())), "{refusal:?}");
    let refusal = headers_of(recording, "server", 7);
    assert!(refusal.contains(&("Sec-WebSocket-Version".to_owned(), "13".to_owned())), "{refusal:?}");
}

fn everything_that_can_be_said(place: &Place) {
    let script = concat!(
        "ada connects to /a?b=c offering \"chat, other\"\n",
        "ada sends fragments \"Hel\" \"\" \"lo\"\n",
        "ada sends binary hex 00ff10\n",
        "ada sends binary of 300 bytes · ada sends text of 126 bytes\n",
        "ada sends text \"\"\n",
        "ada pings \"hi\"\n",
        "server pings \"x\" to ada · server pings\n",
        "server sends fragments \"a\" \"b\"\n",
        "wait 5ms\n",
        "server closes ada 4000 \"enough\"\n",
    );
    let recording = play(place, script);
    let expected = [
        "1 ada opens",
        "1 ada GET /a?b=c",
        "1 server 101",
        "2 ada Text \"Hello\" [3, 0, 2]",
        "3 ada Binary \"\\0\u{fffd}\\u{10}\" [3]",
        "4 ada Binary of 300",
        "4 ada Text of 126",
        "5 ada Text \"\" [0]",
        "6 ada Ping \"hi\" [2]",
        "6 server Pong \"hi\" [2]",
        "7 server Ping \"x\" [1]",
        "7 ada Pong \"x\" [1]",
        "7 server Ping \"\" [0]",
        "7 ada Pong \"\" [0]",
        "8 server Text \"ab\" [1, 1]",
        "10 server Close Some(4000) Some(\"enough\")",
        "10 ada Close Some(4000) Some(\"enough\")",
        "10 server ends",
        "10 ada ends",
    ];
    assert_eq!(told(&recording), expected);
    let answer = headers_of(&recording, "server", 1);
    assert!(answer.contains(&("Sec-WebSocket-Protocol".to_owned(), "chat".to_owned())), "{answer:?}");
}

fn two_clients_and_a_reconnect(place: &Place) {
    let script = concat!(
        "ada connects with key \"short\" · ada connects · bob connects\n",
        "server sends text \"1\" to bob · server sends text \"2\" to ada\n",
        "ada closes · bob pings · ada connects\n",
        "ada sends text \"3\" · server closes ada · server closes\n",
    );
    let recording = play(place, script);
    let expected = [
        "1 ada opens",
        "1 ada GET /",
        "1 server 400",
        "1 server ends",
        "1 ada ends",
        "1 ada opens",
        "1 ada GET /",
        "1 server 101",
        "1 bob opens",
        "1 bob GET /",
        "1 server 101",
        "2 server Text \"1\" [1]",
        "2 server Text \"2\" [1]",
        "3 ada Close None None",
        "3 server Close None None",
        "3 server ends",
        "3 ada ends",
        "3 bob Ping \"\" [0]",
        "3 server Pong \"\" [0]",
        "3 ada opens",
        "3 ada GET /",
        "3 server 101",
        "4 ada Text \"3\" [1]",
        "4 server Close None None",
        "4 ada Close None None",
        "4 server ends",
        "4 ada ends",
        "4 server Close None None",
        "4 bob Close None None",
        "4 server ends",
        "4 bob ends",
    ];
    assert_eq!(told(&recording), expected);
    assert_eq!(syns(&recording), 4);
    assert_eq!(recording.names.len(), 5);
}

fn a_large_message_is_whole(place: &Place) {
    let script = "ada connects · ada sends binary of 1048576 bytes · server sends text of 1048576 bytes · ada closes";
    let recording = play(place, script);
    let octets: usize = recording.frames.iter().map(|frame| tcp(&frame.data).5.len()).sum();
    assert!(octets > 2 << 20, "{octets}");
    assert!(recording.frames.iter().all(|frame| frame.len as usize == frame.data.len()));
}

fn what_stays_open_is_not_closed_on_record(place: &Place) {
    let recording = play(place, "ada connects · ada sends text \"hello\"");
    assert_eq!(told(&recording).last().unwrap(), "1 ada Text \"hello\" [5]");
    assert!(recording.frames.iter().all(|frame| !tcp(&frame.data).3 && !tcp(&frame.data).4));
}

fn a_failed_step_keeps_the_recording(place: &Place) {
    // Longer than any HTTP library takes a target.
    let long = "a".repeat(70_000);
    let script = format!("ada connects\nada sends text \"hello\"\nbob connects to /{long}\nada closes");
    let error = lab::play(place, &Scenario::parse(&script).unwrap()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot play line 3 of the script: the client: could not make the opening handshake: "),
        "{error}"
    );
    assert!(matches!(error, LabError::Step { line: 3, .. }));
    let recording = error.recording().unwrap();
    assert_eq!(
        told(recording),
        ["1 ada opens", "1 ada GET /", "1 server 101", "2 ada Text \"hello\" [5]", "3 bob opens"]
    );
    assert!(recording.completeness.is_complete(), "{}", recording.completeness);
}

fn twenty_plays_lose_no_frame(place: &Place) {
    let script = concat!(
        "ada connects to /chat\nada sends text \"hello\"\nserver sends text \"hi\"\nada closes 1000 \"bye\"\n",
        "bob connects without key\neve connects with version 9\n",
    );
    let mut times = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        let recording = play(place, script);
        times.push(started.elapsed());
        let first = tcp(&recording.frames[0].data);
        let last = recording.frames.iter().map(|frame| tcp(&frame.data)).filter(|tcp| tcp.3).count();
        assert!(first.2 && last == 6, "the beginning or the end is missing");
    }
    times.sort();
    println!("20 of 20 plays complete; median {:?}, slowest {:?}", times[10], times[19]);
}
