use super::{Conversation, diagnose, later};
use crate::explain::diagnosis::Finding;
use crate::layer::Severity;
use crate::packet::Flags;
use crate::trace::testing::{TO_CLIENT, TO_SERVER};

/// Connections, each so many milliseconds behind the one before, and whether they are refused.
fn tries(pause: i64, refused: &[bool]) -> Conversation {
    let mut all = Conversation::new();
    for (port, is_refused) in (50_001..).zip(refused) {
        let talk = attempt(&format!("127.0.0.1:{port}"), "127.0.0.1:8080", *is_refused);
        append(&mut all, talk, pause);
    }
    all
}

fn attempt(client: &str, server: &str, is_refused: bool) -> Conversation {
    let mut talk = Conversation::between(client, server);
    if is_refused {
        talk.segment(TO_SERVER, Flags::SYN, b"").segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
        return talk;
    }
    talk.open()
}

fn append(all: &mut Conversation, mut talk: Conversation, pause: i64) {
    let after = all.frames.last().map_or(0, |last| last.time.0 - talk.frames[0].time.0 + pause * 1_000_000);
    talk.frames.iter_mut().for_each(|frame| frame.time.0 += after);
    all.frames.append(&mut talk.frames);
}

fn of_loop(talk: &Conversation) -> Option<Finding> {
    diagnose(&talk.trace()).into_iter().find(|found| found.text.contains("tried to connect"))
}

#[test]
fn a_client_that_is_refused_again_and_again_is_told_once() {
    let found = of_loop(&tries(1000, &[true; 4])).unwrap();
    let says = "127.0.0.1 tried to connect to 127.0.0.1:8080 4 times in 3.0 s, and each time a RST answered its SYN: nobody \
                listens there, or something on the way refuses it. Likely its program connects anew until it succeeds";
    assert_eq!((found.text.as_str(), found.spec), (says, "RFC 9293 §3.5.2"));
    assert_eq!(found.frames, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(of_loop(&tries(1000, &[true; 2])), None, "twice may be chance");
    assert_eq!(of_loop(&tries(100_000, &[true; 4])), None, "who comes much later comes for something else");
    assert_eq!(of_loop(&tries(10, &[true; 4])), None, "several at once are no loop");
    assert_eq!(of_loop(&tries(1000, &[true, false, true, false])), None);
    let found = of_loop(&tries(1000, &[true, true, true, false])).unwrap();
    assert!(found.text.contains(" Then it was let in, in frame 8. Likely"), "{}", found.text);
    assert_eq!(found.frames, [1, 2, 3, 4, 5, 6, 8]);
}

/// Of a host with two addresses a client tries both, each time.
#[test]
fn who_finds_its_server_at_another_address_is_not_refused() {
    let both = |is_refused: bool| {
        let mut all = Conversation::new();
        for port in 50_001..50_005 {
            append(&mut all, attempt(&format!("[::1]:{port}"), "[::1]:8080", true), 1000);
            append(&mut all, attempt(&format!("127.0.0.1:{port}"), "127.0.0.1:8080", is_refused), 1);
        }
        all
    };
    let found = diagnose(&both(false).trace());
    assert_eq!(found.len(), 1, "{found:?}");
    let says = "nobody listens at [::1]:8080, and the client found 127.0.0.1:8080 next: ";
    assert!(found[0].text.starts_with(says) && found[0].severity == Severity::Note, "{found:?}");
    assert_eq!(found[0].frames[..3], [1, 2, 4]);
    assert!(of_loop(&both(true)).unwrap().text.starts_with("::1 tried to connect to [::1]:8080 4 times"));
}

/// What breaks a connection off that was open refuses nobody, nor does a client that resets its own.
#[test]
fn other_resets_refuse_nobody() {
    let mut all = Conversation::new();
    for port in 50_001..50_005 {
        let mut talk = Conversation::between(&format!("127.0.0.1:{port}"), "127.0.0.1:8080").open();
        talk.segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
        append(&mut all, talk, 1000);
    }
    assert_eq!(of_loop(&all), None);
    let mut all = Conversation::new();
    for port in 50_001..50_005 {
        let mut talk = Conversation::between(&format!("127.0.0.1:{port}"), "127.0.0.1:8080");
        talk.segment(TO_SERVER, Flags::SYN, b"").segment(TO_CLIENT, Flags::SYN | Flags::ACK, b"");
        talk.segment(TO_SERVER, Flags::RST, b"");
        later(&mut talk, 3, 1);
        append(&mut all, talk, 1000);
    }
    assert_eq!(of_loop(&all), None);
}

/// Who let somebody in and refuses then does not listen any more: once is enough to say so.
#[test]
fn a_server_that_listens_no_more_is_told() {
    // Its SYN/ACK is in frame 2.
    let found = diagnose(&tries(1000, &[false, true]).trace());
    let says = "127.0.0.1:8080 let 127.0.0.1 in until frame 2, and since frame 4 a RST answered its SYN, once: nobody listens \
                there any more, as when the server's program has ended or begins anew, or something on the way refuses it";
    assert_eq!(found.iter().map(|one| (&*one.text, &*one.frames)).collect::<Vec<_>>(), [(says, &[2, 4, 5][..])]);
    let found = diagnose(&tries(1000, &[false, true, true, true, false, true]).trace());
    assert_eq!(found.len(), 2, "each time it ends");
    assert!(found[0].text.contains("SYN, 3 times: ") && found[0].text.ends_with(". Then it was let in, in frame 11"));
    assert_eq!(found[0].frames, [2, 4, 5, 6, 7, 8, 9, 11]);
    assert!(found[1].text.starts_with("127.0.0.1:8080 let 127.0.0.1 in until frame 11, and since frame 13"));
    assert_eq!(diagnose(&tries(1000, &[true, false]).trace()), [], "it was not there before");
}

/// Where the capture has both sides of a proxy, what it met behind it is the cause of what it says.
#[test]
fn a_proxy_says_what_it_met() {
    let told = |head: &str, status: &str, behind: &[Conversation]| {
        let mut all = Conversation::between("10.0.0.9:50000", "127.0.0.1:80").open();
        all.client(format!("GET /chat HTTP/1.1\r\nHost: x\r\n{head}\r\n"));
        for talk in behind {
            all.frames.extend(talk.frames.iter().cloned());
        }
        all.server(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        let found = diagnose(&all.trace());
        let answered = found.into_iter().find(|found| found.text.starts_with("GET /chat was answered with")).unwrap();
        (answered.text, answered.frames)
    };
    let refused = || attempt("127.0.0.1:50001", "127.0.0.1:3000", true);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (head, so) in [("", ""), (upgrade, ", and no WebSocket was opened")] {
        let (text, frames) = told(head, "502 Bad Gateway", &[refused()]);
        let says = format!(
            "GET /chat was answered with 502 Bad Gateway{so}: likely the proxy did not reach who is behind it. While the \
             request waited, 127.0.0.1:3000 refused a connection: a RST answered its SYN, so nobody listens there"
        );
        assert_eq!((text, &frames[..]), (says, &[4, 5, 6, 7][..]));
    }
    let mut silent = Conversation::between("127.0.0.1:50002", "127.0.0.1:3001");
    silent.segment(TO_SERVER, Flags::SYN, b"");
    let (text, frames) = told("", "504 Gateway Time-out", &[silent]);
    assert!(text.ends_with("While the request waited, 127.0.0.1:3001 did not answer a SYN"), "{text}");
    assert_eq!(frames, [4, 5, 6]);
    // Another host's attempt, one at the proxy itself, one that was let in, another status.
    let elsewhere = attempt("10.0.0.9:50001", "127.0.0.1:3000", true);
    let itself = attempt("127.0.0.1:50001", "127.0.0.1:80", true);
    let let_in = attempt("127.0.0.1:50001", "127.0.0.1:3000", false);
    assert_eq!(told("", "502 Bad Gateway", &[elsewhere, itself, let_in]).1, [4, 12]);
    assert_eq!(told("", "500 Internal Server Error", &[refused()]).1, [4, 7]);
}
