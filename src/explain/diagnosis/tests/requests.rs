use super::{one, told};
use crate::trace::testing::Conversation;

#[test]
fn a_request_says_once_which_site_is_meant() {
    let asked = |head: &str, status: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("GET /a HTTP/1.1\r\n{head}\r\n"))
            .server(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        told(&talk)
    };
    let must = "a server must answer such a request of HTTP/1.1 with 400";
    let none = "GET /a has no Host, so nothing says which site is meant";
    assert_eq!(asked("", "200 OK"), [format!("{none}: {must}; it was answered with 200")]);
    assert!(asked("", "400 Bad Request").contains(&format!("{none}: {must}, as it did here")));
    let twice = asked("Host: a\r\nHost: b\r\n", "200 OK");
    assert!(
        twice[0].starts_with("GET /a has Host 2 times (a, b), of which each on the way may heed another: "),
        "{twice:?}"
    );
    let mut again = Conversation::new().open();
    for _ in 0..3 {
        again.client("GET /a HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    let found = one(&again);
    assert!(found.text.starts_with(&format!("{none} (and so with 2 more): ")), "{}", found.text);
    assert_eq!(found.frames, [4, 5, 6, 7, 8, 9]);
    let mut old = Conversation::new().open();
    old.client("GET /a HTTP/1.0\r\n\r\n").server("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(told(&old), [""; 0]);
}

#[test]
fn an_event_stream_has_its_type() {
    let answered = |accept: &str, says: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("GET /events?a HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n"));
        talk.server(format!("HTTP/1.1 200 OK\r\n{says}Content-Length: 0\r\n\r\n"));
        told(&talk)
    };
    let stream = "text/event-stream";
    let said = answered(stream, "Content-Type: text/plain; charset=utf-8\r\n");
    assert!(said[0].starts_with("GET /events?a asks for an event stream, and its answer is text/plain: "), "{said:?}");
    assert!(answered(stream, "Content-Type: text/html\r\n")[0].contains("likely a page that is served for any path"));
    assert!(answered(stream, "")[0].contains("its answer has no Content-Type"));
    assert_eq!(answered(stream, "Content-Type: Text/Event-Stream;charset=utf-8\r\n"), [""; 0]);
    assert_eq!(answered("application/json, text/event-stream", "Content-Type: application/json\r\n"), [""; 0]);
}
