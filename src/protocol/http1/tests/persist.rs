use super::{TO_CLIENT, TO_SERVER, WARN, talk};
use crate::layer::Severity;

const NOTE: Severity = Severity::Note;

/// A request and its answer, each with these further header fields, so many times; and what is noted of which message.
fn noted(version: &str, asks: &str, says: &str, times: usize) -> Vec<(usize, Severity, &'static str)> {
    let mut talk = talk();
    for _ in 0..times {
        talk.client(format!("GET / {version}\r\nHost: a\r\n{asks}\r\n"));
        talk.server(format!("{version} 200 OK\r\nContent-Length: 2\r\n{says}\r\nhi"));
    }
    assert_eq!(talk.told().len(), 2 * times, "they are read all the same");
    let of = |(n, told): (usize, &crate::protocol::testing::Told)| {
        told.notes.iter().map(move |note| (n, note.severity, note.spec)).collect::<Vec<_>>()
    };
    talk.heard.messages.iter().enumerate().flat_map(of).collect()
}

#[test]
fn who_lasts_gets_no_note() {
    let stays = "Connection: keep-alive\r\n";
    assert_eq!(noted("HTTP/1.1", "", "", 4), []);
    assert_eq!(noted("HTTP/1.1", stays, stays, 4), []);
    assert_eq!(noted("HTTP/1.0", stays, stays, 4), [], "it opts in");
    assert_eq!(noted("HTTP/1.0", "connection: x, Keep-Alive\r\n", "CONNECTION: KEEP-ALIVE , y\r\n", 4), []);
    assert_eq!(noted("HTTP/1.0", "Proxy-Connection: Keep-Alive\r\n", "Proxy-Connection: keep-alive\r\n", 4), []);
    for (version, says) in
        [("HTTP/1.0", ""), ("HTTP/1.0", "Connection: close\r\n"), ("HTTP/1.1", "Connection: close\r\n")]
    {
        assert_eq!(noted(version, says, says, 1), [], "it ends where it says, {version} {says}");
    }
    assert_eq!(noted("HTTP/1.1", "Connection: closed\r\n", "Connection: not-close\r\n", 4), [], "no such option");
}

#[test]
fn what_comes_behind_the_last_message_is_told() {
    let close = "Connection: x, Close\r\n";
    let both = |severity, spec| vec![(2, severity, spec), (3, severity, spec)];
    assert_eq!(noted("HTTP/1.0", "", "", 4), both(NOTE, "RFC 9112 §9.3"), "once of each side");
    assert_eq!(noted("HTTP/1.1", close, close, 4), both(WARN, "RFC 9112 §9.6"));
    assert_eq!(noted("HTTP/1.0", "Connection: keep-alive, close\r\n", close, 2), both(WARN, "RFC 9112 §9.6"));
    assert_eq!(noted("HTTP/1.1", close, "", 4), [(2, WARN, "RFC 9112 §9.6")]);
    // A request may have been on its way; the server must not go on.
    let expected = vec![(2, NOTE, "RFC 9112 §9.6"), (3, WARN, "RFC 9112 §9.6")];
    assert_eq!(noted("HTTP/1.1", "", close, 2), expected);
    let stays = "Connection: keep-alive\r\n";
    assert_eq!(noted("HTTP/1.0", stays, "", 2), both(NOTE, "RFC 9112 §9.3"), "the answer decides");
    assert_eq!(noted("HTTP/1.0", "", stays, 2), [(2, NOTE, "RFC 9112 §9.3")]);
}

#[test]
fn an_interim_answer_is_not_the_last() {
    let mut talk = talk();
    talk.client("PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    talk.server("HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n").client("hi");
    talk.server("HTTP/1.1 103 Early Hints\r\n\r\n")
        .server("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        .close();
    let behind = |(severity, spec): &(Severity, &str)| *severity > Severity::Chat && spec.starts_with("RFC 9112 §9");
    assert!(!talk.notes().iter().any(behind), "{:?}", talk.notes());
}

/// What was asked before the answer came is not behind it; its own answer is.
#[test]
fn pipelined_requests_are_not_behind_an_answer() {
    let mut talk = talk();
    talk.client("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").close();
    assert_eq!(talk.notes(), []);
}

/// Where octets are missing it is not known what came behind what.
#[test]
fn behind_a_gap_nothing_is_concluded() {
    let get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for direction in [TO_SERVER, TO_CLIENT] {
        let mut talk = talk();
        talk.client(get).server("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let behind = if direction == TO_SERVER { get } else { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
        talk.skip(direction, 40, behind);
        assert!(talk.notes().iter().all(|(_, spec)| !spec.starts_with("RFC 9112 §9.6")), "{:?}", talk.notes());
    }
}
