//! Published numbers on what ways of talking cost, beside what the same exchange weighs here. What is quoted is called so;
//! everything else is counted in a capture of a play, or is arithmetic on that, and is called so, too.

mod told;

use serde::Serialize;

use crate::trace::Trace;

/// A publication whose numbers are looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Lubbers and Greco on headers of polling against frames of WebSocket.
    QuantumLeap,
    /// Grigorik on what each transport puts around a message.
    Hpbn,
    /// Answers of long polling that hold several events.
    LongPollBatching,
    /// Skvorc and others on WebSocket against plain TCP.
    PlainTcp,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseTold {
    /// What it is about.
    pub title: &'static str,
    /// Who published it, and where.
    pub source: &'static str,
    /// The tables.
    pub tables: Vec<CaseTable>,
    /// What follows, and what differs from the publication.
    pub remarks: Vec<String>,
}

/// A table of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseTable {
    /// What it holds.
    pub title: String,
    /// The names of its columns.
    pub head: Vec<&'static str>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

/// What has to be played for a case: a name and a script.
pub type Play = (String, String);

/// How often an exchange is played: often enough that the first and the last do not matter.
const ROUNDS: usize = 10;
/// The update of the stock ticker in the article: "about 20 characters", `Content-Length: 21`.
const UPDATE: usize = 21;
/// The message of fifteen characters in High Performance Browser Networking.
const SHORT: usize = 15;
/// The pushes of B5, and the events that are batched.
const PUSH: usize = 20;
/// The time between two messages: long enough that each is acknowledged by itself, where nothing goes the other way.
const APART: &str = "50ms";
/// How many events are batched in all, how many milliseconds one comes after another, and how many an answer holds.
const BATCHED: usize = 50;
const EVERY: usize = 4;
const BATCHES: [usize; 3] = [1, 5, 25];

/// The request and the answer that the article prints, by lines.
pub(super) const REQUEST: [&str; 11] = [
    "GET /PollingStock//PollingStock HTTP/1.1",
    "Host: localhost:8080",
    "User-Agent: Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.9.1.5) Gecko/20091102 Firefox/3.5.5",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-us",
    "Accept-Encoding: gzip,deflate",
    "Accept-Charset: ISO-8859-1,utf-8;q=0.7,*;q=0.7",
    "Keep-Alive: 300",
    "Connection: keep-alive",
    "Referer: http://www.example.com/PollingStock/",
    "Cookie: showInheritedConstant=false; showInheritedProtectedConstant=false; showInheritedProperty=false; \
     showInheritedProtectedProperty=false; showInheritedMethod=false; showInheritedProtectedMethod=false; \
     showInheritedEvent=false; showInheritedStyle=false; showInheritedEffect=false",
];
const RESPONSE: [&str; 6] = [
    "HTTP/1.1 200 OK",
    "X-Powered-By: Servlet/2.5",
    "Server: Sun Java System Application Server 9.1_02",
    "Content-Type: text/html;charset=UTF-8",
    "Content-Length: 21",
    "Date: Sat, 07 Nov 2009 00:32:46 GMT",
];
/// One of the article's three cases.
struct Published {
    clients: u64,
    /// What it gives for each way, in Mbps of 2^20 bits.
    polling: &'static str,
    websocket: &'static str,
}

const ARTICLE: [Published; 3] = [
    Published { clients: 1_000, polling: "6.6 Mbps", websocket: "0.015 Mbps" },
    Published { clients: 10_000, polling: "66 Mbps", websocket: "0.153 Mbps" },
    Published { clients: 100_000, polling: "665 Mbps", websocket: "1.526 Mbps" },
];

impl Case {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::QuantumLeap, Self::Hpbn, Self::LongPollBatching, Self::PlainTcp];

    /// Its name: `quantum-leap`.
    pub fn name(self) -> &'static str {
        match self {
            Self::QuantumLeap => "quantum-leap",
            Self::Hpbn => "hpbn",
            Self::LongPollBatching => "long-poll-batching",
            Self::PlainTcp => "plain-tcp",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }

    /// What is played for it, in the language of lessons.
    pub fn plays(self) -> Vec<Play> {
        let pushes = |payload: usize| {
            let push = format!("{ROUNDS} times every {APART} server sends text of {payload} bytes");
            ("websocket".to_owned(), format!("ada connects\n{push}\nada closes 1000\n"))
        };
        match self {
            Self::QuantumLeap => vec![("polling".to_owned(), as_in_the_article()), pushes(UPDATE)],
            Self::Hpbn => vec![
                (
                    "sse".to_owned(),
                    format!(
                        "ada subscribes to /e\n{ROUNDS} times every {APART} server publishes text of {SHORT} bytes\nada closes\n"
                    ),
                ),
                pushes(SHORT),
                (
                    "websocket, to the server".to_owned(),
                    format!(
                        "ada connects\n{ROUNDS} times every {APART} ada sends text of {SHORT} bytes\nada closes 1000\n"
                    ),
                ),
                (
                    "websocket over TLS".to_owned(),
                    format!(
                        "ada connects over tls\n{ROUNDS} times every {APART} server sends text of {SHORT} bytes\nada closes 1000\n"
                    ),
                ),
                (
                    "polling".to_owned(),
                    format!(
                        "{ROUNDS} times every {APART} ada gets /e answered with text of {SHORT} bytes\nada closes\n"
                    ),
                ),
            ],
            Self::LongPollBatching => {
                let batch = |size: &usize| {
                    let (rounds, octets, held) = (BATCHED / size, size * PUSH, size * EVERY);
                    let script = format!(
                        "{rounds} times ada gets /e answered with text of {octets} bytes after {held}ms\nada closes\n"
                    );
                    (format!("{size}"), script)
                };
                let pushed = format!(
                    "ada connects\n{BATCHED} times every {EVERY}ms server sends text of {PUSH} bytes\nada closes 1000\n"
                );
                BATCHES.iter().map(batch).chain([("websocket".to_owned(), pushed)]).collect()
            }
            Self::PlainTcp => vec![
                (
                    "tcp".to_owned(),
                    format!("ada opens tcp\n{ROUNDS} times every {APART} server writes of {PUSH} bytes\nada closes\n"),
                ),
                pushes(PUSH),
            ],
        }
    }

    /// What the captures of the plays say, in their order.
    pub fn told(self, traces: &[Trace]) -> CaseTold {
        match self {
            Self::QuantumLeap => told::quantum_leap(traces),
            Self::Hpbn => told::hpbn(traces),
            Self::LongPollBatching => told::batching(traces),
            Self::PlainTcp => told::plain_tcp(traces),
        }
    }
}

/// The article's request and answer, byte by byte, again and again on one connection.
fn as_in_the_article() -> String {
    let quoted = |lines: &[&str], body: &str| {
        let text = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>() + "\r\n" + body;
        // Of such text the escapes of Rust are those of the script language.
        format!("{text:?}")
    };
    let (ask, answer) = (quoted(&REQUEST, ""), quoted(&RESPONSE, &"x".repeat(UPDATE)));
    let rounds = format!("repeat {ROUNDS} times every {APART}\nada writes {ask}\nserver writes {answer}\nend");
    format!("ada opens tcp\n{rounds}\nada closes\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a head its characters, and its bytes with the end of each line and the empty line.
    fn count(lines: &[&str]) -> (usize, usize) {
        let chars: usize = lines.iter().map(|line| line.len()).sum();
        (chars, chars + 2 * (lines.len() + 1))
    }

    /// What the article prints is what is played: 692 and 179 characters, 716 and 193 bytes.
    #[test]
    fn the_golden_heads_have_their_lengths() {
        let (asks, says) = (count(&REQUEST), count(&RESPONSE));
        assert_eq!((asks, says), ((692, 716), (179, 193)));
        assert_eq!((asks.0 + says.0, asks.1 + says.1), (871, 909));
    }

    /// The article's own table follows from those characters, or from two octets around a frame, with each client asking
    /// once a second, divided by 2^20: 6.6, 66 and 665 Mbps, and 0.015, 0.153 and 1.526.
    #[test]
    fn the_articles_table_follows_from_its_heads() {
        let header = count(&REQUEST).0 + count(&RESPONSE).0;
        for Published { clients, polling, websocket } in ARTICLE {
            for (octets, printed) in [(header, polling), (2, websocket)] {
                let number = printed.strip_suffix(" Mbps").unwrap();
                let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
                let bits = (clients * octets as u64 * 8) as f64;
                assert_eq!(format!("{:.decimals$}", told::mebi(bits)), number, "{clients} clients");
            }
        }
    }
}
