use super::{Http1, HttpMessage};
use crate::layer::{Direction, Severity};
use crate::message::{Dissector, Probe, Verdict};
use crate::protocol::testing::Talk;

const WARN: Severity = Severity::Warn;
const NOTE: Severity = Severity::Note;
const TO_SERVER: Direction = Direction::ToServer;
const TO_CLIENT: Direction = Direction::ToClient;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const TAIL: &str = "the rest of a body</html>";
const LEFT: &str = "25 octets of a message whose beginning is missing (incomplete)";
const BEGAN_BEFORE: &str = "the message that this belongs to began before the capture: it is not read";
const NOT_KNOWN: &str = "octets are missing: which request this answers is not known";

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn joined() -> Talk {
    Talk::new(Http1.joined(Probe { to_server: b"", to_client: b"", end: false, joined: true }).unwrap())
}

fn talk() -> Talk {
    Talk::new(Http1.decoder().unwrap())
}

/// Of each response the target of the request that it is taken to answer.
fn pairs(talk: &Talk) -> Vec<String> {
    let is_response = |told: &&crate::protocol::testing::Told| told.direction == TO_CLIENT;
    let target = |told: &crate::protocol::testing::Told| {
        let message: &HttpMessage = told.payload.as_any().downcast_ref().unwrap();
        let asked = message.answers.clone()?;
        let request =
            talk.heard.messages.iter().find(|one| one.direction == TO_SERVER && one.range.start == asked.start)?;
        let message: &HttpMessage = request.payload.as_any().downcast_ref().unwrap();
        message.start(talk.bytes(request)).map(|(_, target)| target.into_owned())
    };
    let responses = talk.heard.messages.iter().filter(is_response);
    responses.map(|told| target(told).unwrap_or_else(|| "-".to_owned())).collect()
}

fn texts(talk: &Talk) -> Vec<&str> {
    talk.heard.messages.iter().flat_map(|told| &told.notes).map(|note| note.text.as_str()).collect()
}

#[test]
fn a_capture_that_begins_in_a_response_goes_on_at_the_next_one() {
    let mut talk = joined();
    talk.server(TAIL).client(get("/1")).server(OK).client(get("/2")).server(OK).close();
    assert_eq!(talk.told(), [&format!("< {LEFT}"), "> GET /1", "< 200 OK", "> GET /2", "< 200 OK"]);
    assert_eq!(pairs(&talk), ["-", "/1", "/2"]);
    assert_eq!(texts(&talk), [BEGAN_BEFORE, "25 octets before it belong to a message that began before the capture"]);
    assert_eq!(talk.notes(), [(NOTE, ""), (NOTE, "")], "nobody did anything wrong");
    (0..5).for_each(|n| drop(talk.layers(n)));
}

#[test]
fn a_capture_that_begins_in_a_request_goes_on_at_the_next_one() {
    let mut talk = joined();
    talk.client(TAIL).client("and more").server(OK).client(get("/1")).server(OK).close();
    let more = "> 8 octets of a message whose beginning is missing (incomplete)";
    assert_eq!(talk.told(), [&format!("> {LEFT}"), more, "< 200 OK", "> GET /1", "< 200 OK"]);
    assert_eq!(pairs(&talk), ["-", "/1"]);
    let unasked = "a response without a request: the capture may have begun in the middle";
    let before = "33 octets before it belong to a message that began before the capture";
    assert_eq!(texts(&talk), [BEGAN_BEFORE, unasked, before]);
}

#[test]
fn a_capture_may_begin_between_messages() {
    let mut talk = joined();
    talk.client(&get("/1")[..9]).client(&get("/1")[9..]).server(&OK[..3]).server(&OK[3..20]).server(&OK[20..]);
    assert_eq!((pairs(&talk), talk.notes()), (vec!["/1".to_owned()], vec![]));
    // What begins like a message and is none is told as everywhere.
    let mut talk = joined();
    talk.client("GET / HTTP/1.1\r\nno field\r\n\r\n");
    assert_eq!(talk.notes(), [(Severity::Error, "RFC 9112 §2.1")]);
}

#[test]
fn only_a_whole_head_is_believed() {
    let none = [
        "HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20x\r\n\r\n",
        "\r\n0\r\n\r\n",
        "H",
        "HTTP/1.1 ",
    ];
    for text in none {
        let mut talk = joined();
        talk.server(TAIL).server(text).close();
        assert_eq!(talk.heard.messages.len(), 2, "{text:?}");
        assert!(talk.told()[1].ends_with("whose beginning is missing (incomplete)"), "{text:?}");
        assert_eq!(talk.notes().len(), 1, "{text:?}");
    }
    for text in
        ["GET", "GET / and more text", "GET  HTTP/1.1\r\n\r\n", "got / HTTP/1.1\r\n\r\n", "GET / HTTP/2\r\n\r\n"]
    {
        let mut talk = joined();
        talk.client(TAIL).client(text).close();
        assert!(talk.told()[1].ends_with("whose beginning is missing (incomplete)"), "{text:?}");
    }
    let mut talk = joined();
    talk.server(TAIL).server("HTTP/1.1 200 OK\r\nServer: a\r\nContent-Le").cut();
    assert_eq!(talk.told()[1], "< 200 OK (incomplete)", "the capture ended in the head");
    assert_eq!(talk.notes(), [(NOTE, ""), (NOTE, ""), (WARN, "RFC 9112 §2.1")]);
}

#[test]
fn an_answer_that_was_passed_over_is_not_paired() {
    let mut talk = joined();
    // The second piece is of the answer to /1, whose head did not begin what came together.
    talk.client(get("/1")).server(TAIL).server(TAIL).client(get("/2")).server(OK);
    assert_eq!(pairs(&talk), ["-", "-", "/2"]);
}

#[test]
fn the_probe_waits_for_the_other_side() {
    let probe =
        |to_server: &[u8], to_client: &[u8], joined, end| Http1.probe(Probe { to_server, to_client, end, joined });
    let (tail, ok) = (TAIL.as_bytes(), OK.as_bytes());
    assert_eq!(probe(tail, b"", true, false), Verdict::NeedMore);
    assert_eq!(probe(tail, ok, true, false), Verdict::Yes);
    assert_eq!(probe(b"", tail, true, false), Verdict::NeedMore);
    assert_eq!(probe(tail, tail, true, false), Verdict::No);
    assert_eq!(probe(tail, b"", true, true), Verdict::No);
    assert_eq!(probe(&vec![0; 256 << 10], b"", true, false), Verdict::No, "not for ever");
    for to_client in [&b""[..], ok] {
        assert_eq!(
            probe(tail, to_client, false, false),
            Verdict::No,
            "the beginning is there, and is another protocol's"
        );
    }
}

#[test]
fn behind_a_gap_requests_go_on_with_a_whole_head() {
    let mut talk = talk();
    talk.client(get("/1")).server(OK);
    // The answer to what is missing comes before it is known to be missing, and so do those to what waits behind it.
    talk.server(OK).server(OK).skip(TO_SERVER, 40, &get("/late"));
    talk.client(get("/2")).server(OK).client(get("/3")).server(OK);
    assert_eq!(pairs(&talk), ["/1", "-", "-", "/2", "/3"]);
    assert_eq!(talk.told().iter().filter(|line| line.starts_with("> GET")).count(), 4);
    let mut talk = self::talk();
    talk.client(get("/1")).skip(TO_SERVER, 40, TAIL).client(get("/2")).server(OK).server(OK);
    assert_eq!(pairs(&talk), ["/1", "-"], "whether /2 or what is missing is answered by the second nobody knows");
    let passed = "octets are missing of the message that this belongs to: it is not read";
    assert_eq!(texts(&talk), [passed, "25 octets before it belong to a message that is not all there", NOT_KNOWN]);
}

#[test]
fn behind_a_gap_responses_go_on_with_a_whole_head() {
    // The first answer is missing, and perhaps others.
    let mut talk = talk();
    talk.client(get("/1")).client(get("/2")).skip(TO_CLIENT, 40, OK).client(get("/3")).server(OK);
    assert_eq!((pairs(&talk), texts(&talk)), (vec!["-".to_owned(), "/3".to_owned()], vec![NOT_KNOWN]));
    // Who does not wait for answers may be owed several.
    let mut talk = self::talk();
    talk.client([get("/1"), get("/2")].concat()).skip(TO_CLIENT, 40, OK).client(get("/3")).server(OK);
    assert_eq!((pairs(&talk), texts(&talk)), (vec!["-".to_owned(), "-".to_owned()], vec![NOT_KNOWN, NOT_KNOWN]));

    let mut talk = self::talk();
    talk.client(get("/1")).server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe");
    talk.skip(TO_CLIENT, 40, "lo\r\n0\r\n\r\n").client(get("/2")).server(OK);
    assert_eq!(pairs(&talk), ["/1", "-", "/2"]);
    assert!(!talk.deaf[0] && !talk.deaf[1]);
}

#[test]
fn behind_a_gap_only_who_waits_is_paired() {
    let mut talk = talk();
    talk.client(get("/1")).server(OK).skip(TO_CLIENT, 40, OK);
    // The second stands directly behind the first.
    talk.client([get("/2"), get("/3")].concat()).server(OK).server(OK).client(get("/4")).server(OK);
    assert_eq!(pairs(&talk), ["/1", "-", "-", "-", "-"]);
}

#[test]
fn a_long_body_and_what_was_late_are_no_pipelining() {
    let mut talk = talk();
    let body = format!("{:x}\r\n{}\r\n", 70_000, "a".repeat(70_000));
    talk.client(["POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", &body, "5\r\nhe"].concat());
    talk.client("llo\r\n0\r\n\r\n").server(OK);
    // What waits behind a gap comes all at once.
    talk.skip(TO_SERVER, 40, &[get("/late"), get("/late")].concat()).server(OK).server(OK);
    // So it is no wonder that two wait: the answer to the first is missing.
    talk.client(get("/1")).client(get("/2")).skip(TO_CLIENT, 40, OK).client(get("/3")).server(OK);
    assert_eq!(pairs(&talk), ["/", "-", "-", "-", "/3"]);
}

#[test]
fn a_body_of_known_length_hides_a_gap() {
    let mut talk = talk();
    talk.client(get("/1")).server(OK);
    talk.client("POST /2 HTTP/1.1\r\nContent-Length: 50\r\n\r\nabc").skip(TO_SERVER, 40, "defghij").server(OK);
    talk.client(get("/3")).server(OK);
    assert_eq!(pairs(&talk), ["/1", "/2", "/3"]);
    assert_eq!(talk.notes(), [(WARN, "RFC 9112 §8")]);
}

/// What comes behind the hole cannot be read before it is given up, and its answers are.
#[test]
fn answers_to_what_a_gap_in_a_body_holds_up_are_not_paired_with_others() {
    let post = "POST /0 HTTP/1.1\r\nContent-Length: 90\r\n\r\nabc";
    let behind = ["the last of the body", &get("/1"), &get("/2")].concat();
    for (before, expected) in
        [(1, vec!["/0", "/1", "/2", "/3"]), (2, vec!["/0", "-", "/2", "/3"]), (3, vec!["/0", "-", "-", "/3"])]
    {
        let mut talk = talk();
        talk.client(post);
        (0..before).for_each(|_| _ = talk.server(OK));
        talk.skip(TO_SERVER, 67, &behind);
        (before..3).for_each(|_| _ = talk.server(OK));
        talk.client(get("/3")).server(OK);
        assert_eq!(pairs(&talk), expected, "{before} were answered before");
        assert_eq!(talk.told().iter().filter(|line| line.starts_with("> GET")).count(), 3);
    }
    // An interim response answers nothing.
    let mut talk = talk();
    talk.client(post).server(OK).server("HTTP/1.1 103 Early Hints\r\n\r\n").skip(TO_SERVER, 67, &behind).server(OK);
    assert_eq!(pairs(&talk), ["/0", "-", "/1"]);
    // That they come all at once is no pipelining: it does not matter later.
    talk.client(get("/3")).client(get("/4")).skip(TO_CLIENT, 40, OK).client(get("/5")).server(OK);
    assert_eq!(pairs(&talk), ["/0", "-", "/1", "-", "/5"]);
}

/// Two segments in the wrong order, as a capture may have them: nothing is missing.
#[test]
fn a_response_that_is_captured_before_its_request_does_not_shift_the_others() {
    let unasked = "a response without a request: the capture has the beginning of the connection, and none that was read \
                   before asks for it. If the next one came late, or behind octets that are missing, this may be its answer: \
                   it is paired with none";
    let mut talk = talk();
    talk.client(get("/1")).server(OK).server(OK).client(get("/2"));
    talk.client(get("/3")).server(OK).client(get("/4")).server(OK);
    assert_eq!((pairs(&talk), texts(&talk)), (vec!["/1".into(), "-".into(), "/3".into(), "/4".into()], vec![unasked]));
    // Only the end of the request comes too late.
    let mut talk = self::talk();
    talk.client(get("/1")).server(OK).client(&get("/2")[..20]).server(OK).client(&get("/2")[20..]);
    talk.client(get("/3")).server(OK);
    assert_eq!(pairs(&talk), ["/1", "-", "/3"]);
    // Or the request comes between the pieces of the response.
    let mut talk = self::talk();
    talk.client(get("/1")).server(OK).server(&OK[..40]).client(get("/2")).server(&OK[40..]);
    talk.client(get("/3")).server(OK);
    assert_eq!(pairs(&talk), ["/1", "-", "/3"]);
    // From the beginning, each of them: the second may as well answer /1.
    let mut talk = self::talk();
    talk.server(OK).client(get("/1")).server(OK).client(get("/2")).server(OK).client(get("/3"));
    let unknown = "which request this answers is not known: a response before it came without a request";
    assert_eq!((pairs(&talk), texts(&talk)), (vec!["-".to_owned(); 3], vec![unasked, unknown, unknown]));
    talk.client(get("/4")).server(OK);
    assert_eq!(pairs(&talk)[3], "/4", "a client that waits has got its answer to /3");
}

/// The same order, where the second response was nobody's: then /2 is answered later, or never.
#[test]
fn behind_a_response_that_may_be_nobodys_pipelined_requests_are_not_paired() {
    let mut talk = talk();
    talk.client(get("/1")).server(OK).server(OK).client([get("/2"), get("/3"), get("/4")].concat());
    talk.server(OK).server(OK).server(OK).client(get("/5")).server(OK);
    assert_eq!(pairs(&talk), ["/1", "-", "-", "-", "-", "-"]);
    // Whoever asked again without an answer once may do so now.
    let mut talk = self::talk();
    talk.client(get("/1")).client(get("/2")).server(OK).server(OK).server(OK);
    talk.client(get("/3")).client(get("/4")).server(OK).server(OK);
    assert_eq!(pairs(&talk), ["/1", "/2", "-", "-", "-"]);
    // What an interim response announces is still to come.
    let mut talk = self::talk();
    talk.client(get("/1")).server(OK).server("HTTP/1.1 103 Early Hints\r\n\r\n").client(get("/2")).server(OK);
    assert_eq!(pairs(&talk), ["/1", "-", "/2"]);
}

/// Whether an answer has a body depends on what was asked: where that is not known, what follows tells.
#[test]
fn behind_a_gap_an_answer_that_another_follows_at_once_has_no_body() {
    let mut talk = talk();
    talk.client(format!("{}HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n{}", get("/1"), get("/3")));
    talk.skip(TO_CLIENT, OK.len(), &format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{OK}")).close();
    assert_eq!(pairs(&talk), ["-", "-"]);
    assert_eq!(talk.notes(), [(NOTE, "RFC 9112 §9.2"), (NOTE, "RFC 9112 §9.2")]);
}

#[test]
fn behind_a_gap_nobody_is_blamed_for_another_protocol() {
    // The answer to the upgrade is missing: what the client says then is HTTP or not.
    let mut talk = talk();
    talk.client(UPGRADE).client("\u{1}\u{2}\u{3}").skip(TO_CLIENT, 129, "\u{1}\u{2}").close();
    assert!(talk.told()[1..].iter().all(|line| line.ends_with("whose beginning is missing (incomplete)")));
    assert_eq!(talk.notes(), [(NOTE, ""), (NOTE, "")]);
    // A 101 tells that it was changed all the same.
    let mut talk = self::talk();
    talk.client(get("/1")).skip(TO_SERVER, 100, "");
    talk.server(OK).server("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert!(talk.switched);
    assert_eq!(pairs(&talk), ["/1", "-"]);
}
