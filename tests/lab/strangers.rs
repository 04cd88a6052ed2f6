//! The lab's servers and clients without a play: the programs that `tests/interop` lets meet other people's stacks.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use wiretale::lab::{self, Opcode, Scenario, ScriptLog, Service, What};
use wiretale::layer::Direction;

/// Which service: `web`, `queue FILE`, `recovering`, `socketio`, or `socketio 300 200` with the milliseconds of its heartbeat.
const SERVICE: &str = "WIRETALE_TEST_SERVICE";
const PORT: &str = "WIRETALE_TEST_PORT";
const SCRIPT: &str = "WIRETALE_TEST_SCRIPT";

fn address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, std::env::var(PORT).unwrap().parse().unwrap()).into()
}

/// A program that serves until it is killed, and says when it listens.
pub fn serve() -> ExitCode {
    let wanted = std::env::var(SERVICE).unwrap();
    let words: Vec<&str> = wanted.split(' ').collect();
    let service = match words[..] {
        ["web"] => Service::Web,
        ["recovering"] => Service::Recovering { lasts: Duration::from_secs(10) },
        ["queue", file] => Service::Queue { file: file.into() },
        ["socketio"] => Service::SocketIo { heartbeat: None },
        ["socketio", every, within] => {
            let [every, within] = [every, within].map(|time| Duration::from_millis(time.parse().unwrap()));
            Service::SocketIo { heartbeat: Some((every, within)) }
        }
        _ => panic!("{SERVICE} is {wanted:?}"),
    };
    lab::serve(service, address(), |listening| println!("listening on {listening}")).unwrap();
    ExitCode::SUCCESS
}

/// A program that calls somebody's server as the script says, and prints its log as JSON.
pub fn call() -> ExitCode {
    let scenario = Scenario::parse(&std::env::var(SCRIPT).unwrap()).unwrap();
    let (log, called) = lab::call(address(), &scenario);
    println!("{}", serde_json::to_string(&log).unwrap());
    match called {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// A server in a process of its own, which ends with this.
struct Served(Child, SocketAddr);

impl Served {
    fn start(service: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(super::ROLE, "serve")
            .env(SERVICE, service)
            .env(PORT, "0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
        Self(child, address)
    }

    fn call(&self, script: &str) -> ScriptLog {
        let (log, called) = lab::call(self.1, &Scenario::parse(script).unwrap());
        called.unwrap_or_else(|why| panic!("{why}: {script}"));
        log
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Both halves of the lab without a play between them: each does what it would with a stranger.
pub fn our_clients_call_our_servers() {
    let web = Served::start("web");
    for compressed in ["", " to /deflate with compression", " to /deflate/apart with compression without takeover"] {
        let log = web.call(&format!(
            "ada connects{compressed}\nada sends text \"hello hello hello\"\nserver sends text \"x\"\n\
             ada sends binary of 70000 bytes\nserver sends binary of 1 bytes\nada pings \"?\"\nada closes 1000 \"bye\"\n"
        ));
        let said = |direction| -> Vec<_> {
            let messages = log.entries.iter().filter(|entry| entry.direction == direction);
            messages
                .filter_map(|entry| match &entry.what {
                    What::Message(said) if said.opcode != Opcode::Ping && said.opcode != Opcode::Pong => {
                        Some((said.opcode, said.payload.clone()))
                    }
                    _ => None,
                })
                .collect()
        };
        assert_eq!(said(Direction::ToClient), said(Direction::ToServer), "all comes back{compressed}");
    }
    let log = web.call(
        "dan gets / answered with \"hello\\n\"\ndan gets /again\ndan closes\neve subscribes to /\n\
         server publishes \"number 1\\nof 3\" with id \"1\"\nserver publishes \"number 2\\nof 3\" with id \"2\"\n",
    );
    let came = |what: &What| matches!(what, What::Event(_) | What::Response { status: 200, .. });
    assert_eq!(log.entries.iter().filter(|entry| came(&entry.what)).count(), 4, "{log:?}");

    let socketio = Served::start("socketio");
    for transport in ["", " over websocket", " over polling"] {
        let log = socketio.call(&format!(
            "ada connects to socket.io{transport} auth \"{{\\\"token\\\": 1}}\"\nada connects to socket.io namespace /custom\n\
             ada emits \"sum\" 1 \"2\" binary hex 00ff acknowledged\nada emits \"say\" \"é\" in /custom\n\
             ada emits \"ask me\"\nwait 300ms\nserver emits \"question\" to ada acknowledged with \"ada\"\nada disconnects\n"
        ));
        let came: Vec<String> = log
            .entries
            .iter()
            .filter(|entry| entry.direction == Direction::ToClient)
            .map(|entry| match &entry.what {
                What::Emitted { namespace, event, args, .. } => {
                    format!("{namespace} {event} {}", serde_json::Value::from(args.to_json()))
                }
                What::Acknowledged { namespace, args } => {
                    format!("{namespace} ack {}", serde_json::Value::from(args.to_json()))
                }
                other => format!("{other:?}"),
            })
            .collect();
        let expected = [
            "/ auth [{\"token\":1}]",
            "/custom auth [{}]",
            "/ ack [1,\"2\",{\"base64\":\"AP8=\"}]",
            "/custom say-back [\"é\"]",
            "/ question [\"who?\"]",
            "/ answered [\"ada\"]",
        ];
        assert_eq!(came, expected, "{transport}");
    }
    let gone = web.1;
    drop(web);
    let wrong = lab::call(gone, &Scenario::parse("\nada connects\n").unwrap()).1.unwrap_err();
    assert!(wrong.starts_with("line 2 of the script: could not connect"), "{wrong}");
}

/// The events of a client, each under a name of its own, as far as it was told that they are stored, and under which numbers.
/// One that was sent twice, because the first answer took long, is answered twice.
fn stored(log: &ScriptLog) -> Vec<i64> {
    let told = log.entries.iter().filter_map(|entry| match &entry.what {
        What::Acknowledged { args, .. } => args.to_json()[0]["stored"].as_i64(),
        _ => None,
    });
    let mut numbers: Vec<i64> = told.collect();
    numbers.dedup();
    numbers
}

/// Whether this text stands in a database, or in what is written ahead of it.
fn holds(file: &Path, text: &str) -> bool {
    let ahead = file.with_extension("sqlite-wal");
    let octets = [file, &ahead].map(|file| std::fs::read(file).unwrap_or_default()).concat();
    octets.windows(text.len()).any(|octets| octets == text.as_bytes())
}

/// Killed (SIGKILL) at any moment while clients send: what was acknowledged is on the disk, under the number that was told, and
/// what is sent again is stored once.
pub fn a_server_killed_between_steps_loses_nothing_it_acknowledged() {
    const EVENTS: usize = 12;
    let emits = (0..EVENTS)
        .map(|n| format!("ada emits \"pay\" {n} json \"{{\\\"id\\\": \\\"event {n}.\\\"}}\" until acknowledged"));
    let script = format!(
        "server keeps events\nada connects to socket.io over websocket\n{}\n",
        emits.collect::<Vec<_>>().join("\n")
    );
    let scenario = Scenario::parse(&script).unwrap();
    let mut cut_short = 0;
    // Killed as soon as so many of them are on the disk, whether or not that was told.
    for count in 0..=EVENTS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("events.sqlite");
        let service = format!("queue {}", file.display());
        let server = Served::start(&service);
        let (address, scenario_of_caller) = (server.1, scenario.clone());
        let caller = std::thread::spawn(move || lab::call(address, &scenario_of_caller));
        while count > 0 && !holds(&file, &format!("event {}.", count - 1)) && !caller.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(server);
        let (log, called) = caller.join().unwrap();
        let before = stored(&log);
        cut_short += usize::from(called.is_err() && !before.is_empty());
        // Another server on the same disk, and the client sends all of it again, for it cannot know what was stored.
        let server = Served::start(&service);
        let after = stored(&server.call(&script));
        assert_eq!(after[..before.len()], before, "killed with {count} stored");
        assert_eq!(after, (1..=EVENTS as i64).collect::<Vec<_>>(), "each is stored once, killed with {count} stored");
    }
    assert!(cut_short > 0, "the server was never killed while events were under way");
}
