use super::{SWITCHING, UPGRADE, one, told};
use crate::layer::Severity;
use crate::packet::Flags;
use crate::trace::testing::{Conversation, TO_SERVER};

/// The rule says more than that the answer has no end, or is too long.
#[test]
fn an_answer_that_breaks_a_rule_is_told_with_the_rule() {
    for (answer, rule, spec) in [
        (
            "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
            "the size of a chunk is not a hexadecimal number",
            "RFC 9112 §7.1",
        ),
        (
            "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
            "several Content-Length values that differ",
            "RFC 9112 §6.3",
        ),
        (
            "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            "the body is not what Content-Encoding says",
            "RFC 9110 §8.4",
        ),
    ] {
        let mut talk = Conversation::new().open();
        talk.client("GET /x?y HTTP/1.1\r\nHost: x\r\n\r\n").server(format!("HTTP/1.1 200 OK\r\n{answer}"));
        let found = one(talk.close_by_server());
        let says = format!("the answer to GET /x cannot be relied on: {rule}");
        assert!(found.text.starts_with(&says), "{}", found.text);
        assert_eq!((found.severity, found.spec, found.frames), (Severity::Error, spec, vec![4, 5]));
    }
}

#[test]
fn a_handshake_that_no_client_may_take_is_told() {
    let opened = |answer: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("{UPGRADE}\r\n")).server(format!("{answer}\r\n"));
        talk.segment(TO_SERVER, Flags::FIN | Flags::ACK, b"");
        talk
    };
    let found = one(&opened(&SWITCHING.replace("s3pP", "aaaa")));
    let says =
        "the handshake of a WebSocket breaks a rule: Sec-WebSocket-Accept is not the Base64 of the SHA-1 of this key";
    assert!(found.text.starts_with(says) && found.text.ends_with("and this one left"), "{}", found.text);
    assert_eq!(found.frames, [5, 6]);
    let unasked = one(&opened(&format!("{SWITCHING}Sec-WebSocket-Protocol: zzz\r\n")));
    assert!(unasked.text.contains("the subprotocol zzz was not offered"), "{}", unasked.text);
    assert_eq!(told(&opened(SWITCHING)), [""; 0]);
}
