use super::names;
use crate::flow::{Closing, Opening};
use crate::packet::Flags;
use crate::trace::testing::{
    Conversation, EMPTY_200, GET, HELLO, HI, SWITCHING, TO_CLIENT, TO_SERVER, UPGRADE, notes, told, trace,
};
use crate::trace::{Talk, layer_sums};

#[test]
fn a_whole_story() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).client(HELLO).server(HI);
    talk.client([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).server([0x88, 2, 0x03, 0xe8]); // close 1000, both ways
    talk.close_by_server();
    let trace = talk.trace();
    assert_eq!(
        told(&trace),
        [
            "[4] > GET /chat   Upgrade: websocket",
            "[5] < 101 Switching Protocols",
            "[5] < the key was answered: WebSocket from here on",
            "[6] > text \"Hello\"  masked 37 fa 21 3d",
            "[7] < text \"hi\"",
            "[8] > close 1000  masked 00 00 00 00",
            "[9] < close 1000",
        ]
    );
    assert_eq!(notes(&trace), []);
    assert_eq!(trace.talk(0), Talk::Known("websocket"));
    let connection = &trace.connections()[0];
    assert_eq!((connection.opening, connection.frames, connection.is_closed()), (Opening::Seen, 12, true));
    assert_eq!([TO_SERVER, TO_CLIENT].map(|d| connection.closing(d)), [Some(Closing::Fin(11)), Some(Closing::Fin(10))]);
    assert_eq!(connection.handshake.rtt(), Some(0.002));
    assert_eq!(layer_sums(&trace.ledger(6)), [("ip", 20), ("tcp", 20), ("websocket", 6), ("payload", 5)]);
    assert_eq!(layer_sums(&trace.ledger(5)), [("ip", 20), ("tcp", 20), ("http", SWITCHING.len() as u32)]);
    assert_eq!(names(&trace, 5), ["frame", "raw", "ip", "tcp", "http", "websocket.handshake"]);
}

#[test]
fn the_same_over_ipv6() {
    let mut talk = Conversation::between("[::1]:51544", "[::1]:8080").open();
    talk.client(UPGRADE).server(SWITCHING).client(HELLO);
    let trace = talk.trace();
    assert_eq!(told(&trace)[3], "[6] > text \"Hello\"  masked 37 fa 21 3d");
    assert_eq!(layer_sums(&trace.ledger(6)), [("ipv6", 40), ("tcp", 20), ("websocket", 6), ("payload", 5)]);
    assert_eq!(notes(&trace), []);
}

/// What shows that a Close frame never came is the end of whoever might have sent it, not the last acknowledgement.
#[test]
fn a_closing_handshake_that_is_missing_is_shown_by_the_end() {
    const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
    let shown = |end: &dyn Fn(&mut Conversation)| {
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE).server(SWITCHING).client(HELLO);
        end(&mut talk);
        let trace = talk.trace();
        let of_close = |(_, text): &(Option<u32>, &str)| text.contains("Close frame");
        notes(&trace).into_iter().find(of_close).and_then(|(frame, _)| frame)
    };
    let by_client = shown(&|talk| {
        talk.close();
    });
    assert_eq!(by_client, Some(7), "the first FIN");
    let broken_off = shown(&|talk| {
        talk.segment(TO_CLIENT, Flags::ACK, b"").segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
    });
    assert_eq!(broken_off, Some(8), "the RST");
    let unanswered = shown(&|talk| {
        talk.client(CLOSE).close();
    });
    assert_eq!(unanswered, Some(9), "the FIN of the server, which might have answered before");
    let gone = shown(&|talk| {
        talk.client(CLOSE).segment(TO_SERVER, Flags::RST | Flags::ACK, b"");
    });
    assert_eq!(gone, Some(8), "the server sent no end of its own");
}

/// Who has left hears no Close frame, and owes no answer.
#[test]
fn a_close_frame_behind_the_end_of_the_other_side_is_told_as_that() {
    let noted = |end: &dyn Fn(&mut Conversation)| {
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE).server(SWITCHING).client(HELLO);
        end(&mut talk);
        notes(&talk.trace()).into_iter().map(|(_, text)| text.to_owned()).collect::<Vec<_>>()
    };
    let late = noted(&|talk| {
        talk.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"").client([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).segment(
            TO_CLIENT,
            Flags::RST,
            b"",
        );
    });
    let says = "the server closed TCP without a Close frame, before it had one of the client's";
    assert!(late.iter().any(|text| text == says), "{late:?}");
    let asked = noted(&|talk| {
        talk.client([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).close_by_server();
    });
    assert_eq!(asked, ["the server never answered the client's Close frame"]);
}

/// RFC 6455 §7.1.5: what a program is told of such an end, 1006, is in no frame.
#[test]
fn a_websocket_that_ends_without_its_closing_handshake_is_told() {
    const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
    let noted = |end: &dyn Fn(&mut Conversation)| {
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE).server(SWITCHING).client(HELLO);
        end(&mut talk);
        notes(&talk.trace()).into_iter().map(|(_, text)| text.to_owned()).collect::<Vec<_>>()
    };
    let never = |how: &str| format!("{how} without a Close frame: the programs are told 1006, which never travels");
    let by_client = noted(&|talk| {
        talk.close();
    });
    let by_server = noted(&|talk| {
        talk.close_by_server();
    });
    assert_eq!([by_client, by_server], ["the client closed TCP", "the server closed TCP"].map(|how| vec![never(how)]));
    let never = never("the client broke off");
    let reset = noted(&|talk| {
        talk.segment(TO_SERVER, Flags::RST | Flags::ACK, b"");
    });
    assert!(reset.contains(&never), "{reset:?}");
    let one = noted(&|talk| {
        talk.client(CLOSE).close();
    });
    assert_eq!(one, ["the server never answered the client's Close frame"]);
    let broke_off = |closer: u8, breaker| {
        let texts = noted(&|talk| {
            match closer {
                0 => talk.client(CLOSE),
                _ => talk.server([0x88, 2, 0x03, 0xe8]),
            };
            talk.segment(breaker, Flags::RST | Flags::ACK, b"");
        });
        texts.into_iter().filter(|text| text.contains("Close frame")).collect::<Vec<_>>()
    };
    let server = "the server broke off before the client had answered its Close frame";
    assert_eq!(broke_off(1, TO_CLIENT), [server], "its RST leaves the client no way to answer");
    let client = "the client broke off before the server had answered its Close frame";
    assert_eq!(broke_off(0, TO_SERVER), [client]);
    assert_eq!(broke_off(1, TO_SERVER), ["the client never answered the server's Close frame"]);
    assert_eq!(broke_off(0, TO_CLIENT), ["the server never answered the client's Close frame"]);
    assert_eq!(
        noted(&|talk| {
            talk.client(CLOSE).server([0x88, 2, 0x03, 0xe8]).close();
        }),
        ["the client closed TCP first: the server should, so that not the client keeps the connection in TIME-WAIT"],
        "RFC 6455 §7.1.1"
    );
    assert_eq!(
        noted(&|talk| {
            talk.client(CLOSE).server([0x88, 2, 0x03, 0xe8]).close_by_server();
        }),
        [""; 0]
    );
    assert_eq!(noted(&|_| {}), [""; 0], "what goes on has not ended");
    let lost = noted(&|talk| {
        talk.client(CLOSE).lose().close();
    });
    assert!(!lost.iter().any(|text| text.contains("1006")), "it may have been in what is missing: {lost:?}");
}

#[test]
fn in_a_tunnel_nothing_is_missing() {
    let mut talk = Conversation::new().open();
    talk.client("CONNECT a:443 HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\n\r\n").client("??").server("!!");
    talk.client("lost").lose().client("??");
    let trace = talk.trace();
    let lacks = |frame| trace.lacks_before(trace.record(frame).unwrap().segment.as_ref().unwrap());
    assert_eq!([6, 7, 8].map(lacks), [false, false, true]);
    assert!(trace.ledger(6).iter().any(|share| share.owner == "data"), "but nobody here knows what it is");
}

#[test]
fn an_empty_capture() {
    let trace = trace(&[]);
    assert!(
        trace.is_empty() && trace.messages().is_empty() && trace.layers(1).is_empty() && trace.ledger(1).is_empty()
    );
}

#[test]
fn bytes_left_over_after_101_belong_to_the_new_protocol() {
    let mut talk = Conversation::new().open();
    // The client does not wait for the answer; the server's first frame comes with the 101.
    talk.client([UPGRADE.as_bytes(), HELLO].concat()).server([SWITCHING.as_bytes(), HI].concat());
    let trace = talk.trace();
    assert_eq!(
        told(&trace),
        [
            "[4] > GET /chat   Upgrade: websocket",
            "[4] > text \"Hello\"  masked 37 fa 21 3d",
            "[5] < 101 Switching Protocols",
            "[5] < the key was answered, but the handshake breaks a rule",
            "[5] < text \"hi\"",
        ]
    );
    let early = "octets from the client came before the answer, for which it must wait";
    assert!(notes(&trace).contains(&(Some(4), early)));
    let owners = [("ip", 20), ("tcp", 20), ("http", SWITCHING.len() as u32), ("websocket", 2), ("payload", 2)];
    assert_eq!(layer_sums(&trace.ledger(5)), owners);
}

#[test]
fn two_messages_may_end_in_one_frame() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING);
    talk.server(&HI[..3]).server([&HI[3..], HI, &HI[..1]].concat()).server(&HI[1..]);
    let trace = talk.trace();
    assert_eq!(told(&trace)[3..], ["[6, 7] < text \"hi\"", "[7] < text \"hi\"", "[7, 8] < text \"hi\""]);
    assert_eq!(names(&trace, 6), ["frame", "raw", "ip", "tcp"], "no message ends in frame 6");
    assert_eq!(names(&trace, 7), ["frame", "raw", "ip", "tcp", "websocket", "websocket"]);
    assert_eq!(layer_sums(&trace.ledger(7))[2..], [("payload", 3), ("websocket", 3)]);
    let layers = trace.layers(7);
    assert_eq!(trace.in_frames(layers[4].span.as_ref().unwrap()), [(6, 40..43), (7, 40..41)]);
}

#[test]
fn a_reused_port_is_a_new_connection() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server(EMPTY_200).close();
    talk.next = [99, 4_000_000_000];
    let mut talk = talk.open();
    talk.client(UPGRADE).server(SWITCHING).client(HELLO);
    let trace = talk.trace();
    assert_eq!(trace.connections().len(), 2);
    assert_eq!([trace.talk(0), trace.talk(1)], [Talk::Known("http"), Talk::Known("websocket")]);
    let of = |id| trace.messages().iter().filter(move |message| message.connection == id).count();
    assert_eq!((of(0), of(1)), (2, 4));
    assert_eq!(notes(&trace), []);
}

/// A SYN sent again has the number it had before.
#[test]
fn a_repeated_syn_opens_nothing_new() {
    let mut talk = Conversation::new().open();
    let syn = talk.frames[0].clone();
    talk.frames.insert(1, syn);
    talk.client(GET);
    assert_eq!(talk.trace().connections().len(), 1);
    assert_eq!(told(&talk.trace()), ["[5] > GET /"]);
}

#[test]
fn a_capture_may_begin_in_the_middle() {
    let mut talk = Conversation::new();
    talk.client(GET).server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[1] > GET /", "[2] < 200 OK"]);
    assert_eq!(trace.connections()[0].opening, Opening::Guessed);
    assert_eq!(notes(&trace).len(), 1, "and it is said that the sides are guessed");
    // After the request: the answer is read, and it is said that nobody asked.
    let mut talk = Conversation::new();
    talk.server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[1] < 200 OK"]);
    assert_eq!(notes(&trace).len(), 2);
    // In the middle of a body: nobody can tell what that is, and it is shown as such.
    let mut talk = Conversation::new();
    talk.server("of a page</html>").client(GET);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[1] < 16 octets of a message whose beginning is missing (incomplete)", "[2] > GET /"]);
    talk.server(EMPTY_200);
    let trace = talk.trace();
    let before = "16 octets before it belong to a message that began before the capture";
    assert_eq!((told(&trace)[2].as_str(), notes(&trace)[2]), ("[3] < 200 OK", (Some(3), before)));
    let owners = [("ip", 20), ("tcp", 20), ("http", 16)];
    assert_eq!(layer_sums(&trace.ledger(1)), owners, "it is not for nobody");
    // Until the server answers nobody knows what an upload is.
    let mut talk = Conversation::new();
    talk.client("the end of an upload").server(EMPTY_200).client(GET).server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!(told(&trace)[1..], ["[2] < 200 OK", "[3] > GET /", "[4] < 200 OK"]);
    assert_eq!(told(&trace)[0], "[1] > 20 octets of a message whose beginning is missing (incomplete)");
}

/// Too little is there to know what was spoken; but it was not nothing.
#[test]
fn few_octets_are_not_silence() {
    let mut talk = Conversation::new().open();
    assert_eq!(talk.trace().talk(0), Talk::Silent);
    talk.client("G");
    assert_eq!(talk.trace().talk(0), Talk::Unknown);
}
