use super::{EMPTY_200, ERROR, GET, SWITCHING, TO_CLIENT, TO_SERVER, UPGRADE, answered, asked, bodies, joined, talk};
use crate::layer::Severity;
use crate::protocol::testing::Talk;

#[test]
fn connect_leads_to_a_tunnel() {
    let mut talk = asked("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16\x03\x01");
    assert_eq!(talk.told(), ["> CONNECT a:443"], "what follows waits for the answer");
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x16\x03\x03").client("\x17\x03\x03");
    assert_eq!(talk.told(), ["> CONNECT a:443", "< 200 OK"], "the bytes in the tunnel are not HTTP");
    assert_eq!(talk.notes(), [(Severity::Chat, "RFC 9110 §9.3.6")], "and it is said whose they are");
    assert_eq!((talk.left(TO_SERVER), talk.left(TO_CLIENT)), (&b"\x16\x03\x01\x17\x03\x03"[..], &b"\x16\x03\x03"[..]));
    assert!(talk.switched, "whoever speaks in it is found out anew");
}

#[test]
fn a_refused_connect_stays_http() {
    let mut talk = asked("CONNECT a:443 HTTP/1.1\r\n\r\n");
    talk.server("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno");
    talk.client(GET).server(EMPTY_200);
    assert_eq!((talk.told().len(), talk.notes(), bodies(&talk)), (4, vec![], vec!["no".into(), String::new()]));
}

#[test]
fn after_101_what_follows_belongs_to_the_new_protocol() {
    // In the same segment as the request, and as the response.
    let mut talk = asked(&[UPGRADE, "client's"].concat());
    talk.server([SWITCHING, "server's"].concat());
    assert!(talk.switched);
    assert_eq!(talk.told(), ["> GET /chat   Upgrade: WebSocket/13", "< 101 Switching Protocols"]);
    assert_eq!((talk.left(TO_SERVER), talk.left(TO_CLIENT)), (&b"client's"[..], &b"server's"[..]));
    let upgrade = &talk.heard.upgrades[0];
    assert_eq!((upgrade.token.as_str(), upgrade.switched), ("websocket", true));
    assert_eq!((&*upgrade.request.start, &*upgrade.response.start), ("GET", "101"));
    assert_eq!(upgrade.response_range, 0..SWITCHING.len() as u64);
    assert!(upgrade.request.has_token("Connection", "upgrade"), "a list of tokens, in any case");
}

#[test]
fn a_client_that_does_not_wait_for_the_101_is_noticed() {
    let spoke_early = |talk: &Talk| talk.heard.upgrades[0].spoke_early;
    assert!(spoke_early(asked(UPGRADE).client("early").server(SWITCHING)));
    assert!(!spoke_early(asked(UPGRADE).server([SWITCHING, "server's"].concat()).client("in time")));
    assert!(!spoke_early(asked(UPGRADE).server(&SWITCHING[..20]).server(&SWITCHING[20..])));
}

#[test]
fn a_failed_upgrade_stays_http() {
    let mut talk = asked(UPGRADE);
    talk.client(GET);
    assert_eq!(talk.told().len(), 1, "the client has to wait for the answer");
    talk.server("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno").server(EMPTY_200);
    assert!(!talk.switched && !talk.heard.upgrades[0].switched);
    assert_eq!(talk.told()[1..], ["< 426 Upgrade Required", "> GET /", "< 200 OK"]);
    assert_eq!(talk.notes(), []);
}

#[test]
fn an_upgrade_nobody_answers_is_told() {
    let mut talk = asked(&[UPGRADE, "client's"].concat());
    talk.cut();
    assert_eq!(talk.heard.messages.len(), 2);
    assert_eq!(talk.notes().len(), 1);
}

#[test]
fn a_101_alone_is_a_change_too() {
    let mut talk = talk();
    talk.server([SWITCHING, "rest"].concat());
    assert!(!talk.switched, "its request may have been captured too late");
    talk.cut();
    assert!(talk.switched);
    assert_eq!((talk.heard.upgrades[0].token.as_str(), talk.left(TO_CLIENT)), ("websocket", &b"rest"[..]));
    assert!(talk.heard.upgrades[0].request.headers.is_empty());
}

#[test]
fn a_101_that_is_captured_before_its_request_waits_for_it() {
    for (before, behind) in [(UPGRADE.len(), ""), (0, "client's"), (30, "client's"), (0, "")] {
        let mut talk = talk();
        talk.client(&UPGRADE[..UPGRADE.len() - before]).server([SWITCHING, "server's"].concat());
        talk.client([&UPGRADE[UPGRADE.len() - before..], behind].concat());
        assert!(talk.switched, "{before}");
        assert_eq!((talk.told().len(), talk.notes()), (2, vec![]), "{before}");
        let upgrade = &talk.heard.upgrades[0];
        assert_eq!((upgrade.request_range.clone(), upgrade.spoke_early), (Some(0..UPGRADE.len() as u64), false));
        assert_eq!((talk.left(TO_SERVER), talk.left(TO_CLIENT)), (behind.as_bytes(), &b"server's"[..]));
    }
    // Not for ever, and not where the request is known to be missing.
    assert!(talk().server(SWITCHING).server([0; 20_000]).switched);
    assert!(talk().server(SWITCHING).skip(TO_SERVER, 100, "").switched);
    assert!(joined().server(SWITCHING).switched);
    // Where it is not known whether a request was answered, none is waited for.
    assert!(answered(&[EMPTY_200, EMPTY_200, SWITCHING].concat()).switched);
}

#[test]
fn the_answer_says_which_of_the_protocols_was_chosen() {
    let get = |offered: &str| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n{offered}\r\n");
    let answer =
        |token: &str| format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {token}\r\n\r\n");
    for (offered, chosen) in [
        ("Upgrade: foo, websocket\r\n", "websocket"),
        ("Upgrade: foo/1\r\nUpgrade: websocket\r\n", "websocket"),
        ("Upgrade: websocket, h2c\r\n", "h2c"),
    ] {
        let mut talk = asked(&get(offered));
        talk.server(answer(chosen));
        assert_eq!((talk.heard.upgrades[0].token.as_str(), talk.notes()), (chosen, vec![]), "{offered}");
    }
    let mut talk = asked(&get("Upgrade: h2c\r\n"));
    talk.server(answer("websocket"));
    assert_eq!(talk.notes(), [(ERROR, "RFC 9110 §7.8")], "it was not asked for");
    // Of a refusal it is told what was asked for that anyone here knows.
    let mut talk = asked(&get("Upgrade: foo, websocket\r\n"));
    talk.server(EMPTY_200);
    assert_eq!((talk.heard.upgrades[0].token.as_str(), talk.heard.upgrades[0].switched), ("websocket", false));
}

#[test]
fn a_101_has_to_say_to_what() {
    let mut talk = asked(GET);
    talk.server("HTTP/1.1 101 Switching Protocols\r\n\r\nrest");
    assert_eq!(talk.notes(), [(ERROR, "RFC 9110 §15.2.2")]);
    assert_eq!(talk.told().len(), 2, "what follows is not HTTP, and nobody knows what it is");
}
