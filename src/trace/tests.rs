use super::testing::{
    Conversation, DATA, EMPTY_200, GET, HELLO, HI, SWITCHING, TO_CLIENT, TO_SERVER, UPGRADE, frame, notes, told, trace,
};
use super::{Talk, layer_sums};
use crate::capture::LinkType;
use crate::flow::{Closing, Opening};
use crate::layer::Severity;
use crate::packet::Flags;

/// Names of a frame's layers, outermost first.
fn names(trace: &super::Trace, number: u32) -> Vec<&'static str> {
    trace.layers(number).iter().map(|layer| layer.protocol).collect()
}

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
    let never = "the connection ended without a Close frame: the programs are told 1006, which never travels";
    assert_eq!(
        noted(&|talk| {
            talk.close();
        }),
        [never]
    );
    let reset = noted(&|talk| {
        talk.segment(TO_SERVER, Flags::RST | Flags::ACK, b"");
    });
    assert!(reset.contains(&never.to_owned()), "{reset:?}");
    let one = noted(&|talk| {
        talk.client(CLOSE).close();
    });
    assert_eq!(one, ["the server never answered the client's Close frame"]);
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
    assert!(!lost.contains(&never.to_owned()), "it may have been in what is missing: {lost:?}");
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
    assert_eq!(trace.extent_in(layers[4].span.as_ref().unwrap(), 7), vec![40..41]);
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

#[test]
fn a_gap_is_told() {
    let mut talk = Conversation::new().open();
    talk.client(GET).client(GET).lose().client(GET).server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4] > GET /", "[5] > GET /", "[6] < 200 OK"], "a whole head begins behind it");
    let lost = format!("{} octets of this stream were not captured", GET.len());
    let text = format!("{lost}, though the other side acknowledged them: the capture lost them, not the network");
    assert_eq!(
        notes(&trace),
        [(Some(5), "bytes that belong in front of it had not come by then"), (Some(5), text.as_str())]
    );
    assert_eq!(layer_sums(&trace.ledger(5))[2], ("http", GET.len() as u32));
    assert_eq!(names(&trace, 5).last(), Some(&"http"));
}

#[test]
fn a_gap_that_nobody_acknowledged_may_be_the_networks() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(HI).lose().server("no frame at all");
    let text = format!(
        "{} octets of this stream were not captured, and the other side did not acknowledge them; \
         what follows in this direction cannot be read",
        HI.len()
    );
    let trace = talk.trace();
    assert_eq!(notes(&trace)[1], (Some(6), text.as_str()));
    assert_eq!(layer_sums(&trace.ledger(6))[2], ("data", 15));
    assert_eq!(names(&trace, 6).last(), Some(&"data"));
}

#[test]
fn octets_acknowledged_but_never_seen_are_told() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server(EMPTY_200).lose().segment(TO_SERVER, Flags::ACK, b"");
    let text = format!(
        "the last {} octets that 127.0.0.1:8080 numbered were not captured (a FIN counts as one), \
         though the other side acknowledged them: the capture lost them, not the network",
        EMPTY_200.len()
    );
    assert_eq!(notes(&talk.trace()), [(Some(5), text.as_str())]);
}

/// What the capture lacks is given up while it runs: what comes behind it is read, and is late when it comes after all.
#[test]
fn an_acknowledged_gap_does_not_hold_up_what_follows() {
    let mut talk = Conversation::new().open();
    let seq = talk.next[0];
    talk.client("one").lose();
    for _ in 0..4 {
        talk.client("two").segment(TO_CLIENT, Flags::ACK, b"");
    }
    talk.at(TO_SERVER, seq, DATA, b"one");
    let trace = talk.trace();
    let stream = trace.stream(0, TO_SERVER).unwrap();
    assert_eq!((stream.gaps(), stream.slice(3..20)), (&[0..3][..], &b"twotwotwotwo"[..]));
    let late = "its bytes were given up for missing, and told to be, before it came: they are not read";
    assert!(notes(&trace).contains(&(Some(12), late)), "{:?}", notes(&trace));
    assert_eq!(layer_sums(&trace.ledger(12))[2], ("late", 3));
}

/// Lost bytes are told whoever reads, or does not read, what is around them.
#[test]
fn no_gap_is_silent() {
    type Play = fn(&mut Conversation);
    let cases: &[(&str, usize, Play)] = &[
        ("on a connection nobody can read", 1, |talk| {
            talk.client("\x16\x03\x01").client("lost").lose().client("more");
        }),
        ("before the first byte", 1, |talk| {
            talk.client(GET).lose().client(GET);
        }),
        ("behind another gap", 2, |talk| {
            talk.client(GET).client(GET).lose().client(GET).client("lost").lose().client("more");
        }),
        ("before the end", 1, |talk| {
            talk.client(GET).server(EMPTY_200).server("lost").lose();
        }),
        ("all there was", 1, |talk| {
            talk.client("lost").lose();
        }),
        ("after unreadable bytes", 1, |talk| {
            talk.client("GET / HTTP/1.1\r\n\r\n\0\0\r\n\r\n").client("lost").lose().client("more");
        }),
    ];
    for (what, gaps, play) in cases {
        for (end, close) in [("open", false), ("closed", true)] {
            let mut talk = Conversation::new().open();
            play(&mut talk);
            if close {
                talk.close();
            } else {
                talk.segment(TO_SERVER, Flags::ACK, b"").segment(TO_CLIENT, Flags::ACK, b"");
            }
            let trace = talk.trace();
            let told = notes(&trace).into_iter().filter(|(_, text)| text.contains("not captured")).count();
            assert_eq!(told, *gaps, "{what}, {end}: {:?}", notes(&trace));
        }
    }
}

#[test]
fn a_frame_cut_by_the_capture_is_told() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(HI).server(HI).close();
    talk.frames[5].data.truncate(43); // of frame 6 one octet of payload is missing
    let trace = talk.trace();
    assert_eq!(told(&trace)[3], "[6] < text \"h\" (incomplete)");
    assert!(notes(&trace).contains(&(Some(6), "the capture kept 43 of the frame's 44 octets")));
    assert!(notes(&trace).iter().any(|(_, text)| text.starts_with("1 octet of this stream was not captured")));
    // By the length of the cut frame the next one is found all the same.
    assert_eq!(told(&trace)[4], "[7] < text \"hi\"");
    assert_eq!(layer_sums(&trace.ledger(7))[2], ("websocket", 2));
}

#[test]
fn bytes_sent_again_are_not_read_twice() {
    let mut talk = Conversation::new().open();
    let seq = talk.next[0];
    talk.client(GET).at(TO_SERVER, seq, DATA, GET.as_bytes());
    // Sent again with something new behind it: only that is new.
    let both = [GET, "GET /2 HTTP/1.1\r\n\r\n"].concat();
    talk.at(TO_SERVER, seq, DATA, both.as_bytes());
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4] > GET /", "[6] > GET /2"]);
    assert_eq!(notes(&trace), [(Some(5), "bytes came before it for the same place: sent again, or captured twice")]);
    assert_eq!(layer_sums(&trace.ledger(5))[2], ("repeated", GET.len() as u32));
    assert_eq!(layer_sums(&trace.ledger(6))[2..], [("repeated", GET.len() as u32), ("http", 19)]);
}

#[test]
fn bytes_that_come_again_as_others_are_told() {
    let mut talk = Conversation::new().open();
    let seq = talk.next[0];
    let (first, rest) = GET.as_bytes().split_at(10);
    let other = String::from_utf8_lossy(rest).replace("Host: a", "Host: b");
    talk.at(TO_SERVER, seq + 10, DATA, rest).at(TO_SERVER, seq + 10, DATA, other.as_bytes());
    talk.at(TO_SERVER, seq, DATA, first);
    // What came in order every receiver has: whatever comes for it now changes nothing.
    talk.at(TO_SERVER, seq + 10, DATA, other.as_bytes());
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4, 6] > GET /"]);
    let said = notes(&trace);
    let differing: Vec<_> = said.iter().filter(|(_, text)| text.contains("something else than")).collect();
    assert_eq!(differing.len(), 1, "{said:?}");
    let (frame, text) = differing[0];
    assert_eq!(*frame, Some(5));
    assert!(text.starts_with("from octet 22 of the stream on it says something else than what came first"), "{text}");
}

#[test]
fn a_segment_that_comes_early_waits() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).client(&HELLO[..4]).client(&HELLO[4..]);
    talk.frames.swap(5, 6);
    let trace = talk.trace();
    assert_eq!(told(&trace)[3], "[6, 7] > text \"Hello\"  masked 37 fa 21 3d");
    assert_eq!(trace.messages()[3].frame(), 7);
    assert_eq!(notes(&trace), [(Some(6), "bytes that belong in front of it had not come by then")]);
}

/// A FIN has a place in the stream too: the stream is not over while bytes in front of it are missing.
#[test]
fn a_fin_that_comes_early_ends_nothing() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server("HTTP/1.0 200 OK\r\n\r\nhello").server(" world").close();
    let late = talk.frames.remove(5);
    talk.frames.push(late);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4] > GET /", "[5, 9] < 200 OK"]);
    assert!(trace.bytes(&trace.messages()[1]).ends_with(b"hello world"));
    assert_eq!(notes(&trace), []);
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole_only_after_a_fin() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server("HTTP/1.0 200 OK\r\n\r\nhello");
    assert_eq!(told(&talk.trace())[1], "[5] < 200 OK (incomplete)", "the capture ended");
    talk.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    assert_eq!(told(&talk.trace())[1], "[5] < 200 OK");
    let trace = talk.trace();
    assert_eq!(notes(&trace), []);
}

#[test]
fn a_reset_that_its_receiver_does_not_heed_ends_nothing() {
    // In the second its receiver has not acknowledged what is on its way.
    for (ahead, ack) in [(-40_i32, 0), (-1, 2), (9, 0), (1 << 25, 0)] {
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE).server(SWITCHING).server(HI);
        talk.next[1] = talk.next[1].wrapping_sub(ack);
        talk.segment(TO_SERVER, Flags::ACK, b"");
        talk.next[1] = talk.next[1].wrapping_add(ack);
        let seq = talk.next[1].wrapping_add_signed(ahead);
        talk.at(TO_CLIENT, seq, Flags::RST, b"").server(HI).client(HELLO);
        let trace = talk.trace();
        assert_eq!(
            told(&trace)[3..],
            ["[6] < text \"hi\"", "[9] < text \"hi\"", "[10] > text \"Hello\"  masked 37 fa 21 3d"],
            "{ahead}"
        );
        assert_eq!(trace.connections()[0].closing(TO_CLIENT), None);
        let odd = if ahead == -40 { Some(8) } else { Some(9) };
        assert!(notes(&trace).iter().any(|(frame, text)| *frame == odd && text.contains("RST")), "{:?}", notes(&trace));
    }
}

#[test]
fn a_reset_in_the_middle_of_a_message_shows_it_as_incomplete() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(&HI[..3]).segment(TO_CLIENT, Flags::RST, b"");
    // What was under way comes after all: it is shown, and not taken for a new frame.
    talk.server(HI);
    let trace = talk.trace();
    assert_eq!(told(&trace)[3..], ["[6] < text \"h\" (incomplete)"]);
    assert_eq!(trace.connections()[0].closing(TO_CLIENT), Some(Closing::Reset(7)));
    assert_eq!(trace.messages()[3].notes[0].severity, Severity::Warn);
    assert_eq!(notes(&trace)[1], (Some(7), "127.0.0.1:8080 broke connection 0 off while open"));
    assert_eq!(notes(&trace)[2], (Some(8), "payload after the connection was reset: it is not read"));
    assert_eq!(layer_sums(&trace.ledger(8))[2], ("data", 4));
    assert_eq!(trace.talk(0), Talk::Known("websocket"));
}

#[test]
fn connections_do_not_mix() {
    let mut first = Conversation::new().open();
    let mut second = Conversation::between("127.0.0.1:8080", "127.0.0.1:80").open();
    first.client(GET).server(EMPTY_200);
    second.client(UPGRADE).server(SWITCHING);
    let frames: Vec<_> = first.frames.iter().zip(&second.frames).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let trace = trace(&frames);
    assert_eq!(trace.connections().len(), 2);
    assert_eq!(trace.messages().iter().map(|message| message.connection).collect::<Vec<_>>(), [0, 1, 0, 1, 1]);
}

/// Both ends may have the same address and port: then every segment seems to come from the client.
#[test]
fn a_host_may_talk_to_itself() {
    let mut talk = Conversation::between("10.0.0.1:80", "10.0.0.1:80");
    talk.segment(TO_SERVER, Flags::SYN, b"").client(GET);
    talk.trace();
}

#[test]
fn what_is_no_tcp_is_shown_too() {
    // IPv4 and UDP, port 1000 to 53, length 10, no checksum, "hi", and two octets of padding.
    let mut udp = vec![0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
    udp.extend([0x03, 0xe8, 0, 53, 0, 10, 0, 0, b'h', b'i', 0, 0]);
    let arp = [[0xff; 6].as_slice(), &[2; 6], &[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat();
    let trace = trace(&[frame(0, LinkType::RAW, udp), frame(1, LinkType::ETHERNET, arp)]);
    assert_eq!(layer_sums(&trace.ledger(1)), [("ip", 20), ("udp", 8), ("payload", 2), ("padding", 2)]);
    assert_eq!(layer_sums(&trace.ledger(2)), [("eth", 14), ("arp", 28)]);
    assert_eq!(names(&trace, 2), ["frame", "eth", "arp"]);
}

/// Adds options to a frame of the builder that has no payload: the TCP header grows, and the packet with it.
fn add_options(frame: &mut crate::capture::Frame, options: &[u8]) {
    frame.data.extend(options);
    frame.len += options.len() as u32;
    frame.data[3] += options.len() as u8; // IPv4 total length
    frame.data[32] += (options.len() as u8 / 4) << 4; // TCP data offset, in words
}

/// A window that may have to be multiplied is told to be one, where its sender's SYN is missing.
#[test]
fn an_unknown_scale_of_a_window_is_said() {
    let factor = |trace: &super::Trace, frame: u32| {
        let layers = trace.layers(frame);
        let tcp = layers.iter().find(|layer| layer.protocol == "tcp").unwrap();
        let said = tcp.notes.iter().filter(|note| note.text.contains("multiplied")).count();
        (tcp.value("tcp.window_size_scalefactor").map(ToString::to_string), said)
    };
    let mut open = Conversation::new().open();
    for n in 0..2 {
        add_options(&mut open.frames[n], &[1, 3, 3, 7]); // no operation; window scale 7
    }
    assert_eq!([1, 2, 3].map(|frame| factor(&open.trace(), frame)), [(None, 0), (None, 0), (Some("128".into()), 0)]);
    assert_eq!(factor(&Conversation::new().open().trace(), 3), (Some("-2".into()), 0), "nobody offered to");

    let mut middle = Conversation::new();
    middle.client("hello").segment(crate::layer::Direction::ToClient, Flags::RST | Flags::ACK, b"");
    let trace = middle.trace();
    assert_eq!(factor(&trace, 1), (Some("-1".into()), 1));
    assert_eq!(factor(&trace, 2), (Some("-1".into()), 0), "the window of a RST says nothing");
    let layers = trace.layers(1);
    let field = layers.iter().flat_map(|layer| &layer.fields).find(|field| field.def.name.ends_with("scalefactor"));
    assert_eq!(field.unwrap().span.as_ref().map(crate::layer::Span::len), Some(2));
}

#[test]
fn the_window_is_scaled_only_if_both_sides_offered_to() {
    let scaled = |client: bool, server: bool| {
        let mut talk = Conversation::new().open();
        for (n, offers) in [(0, client), (1, server)] {
            if offers {
                add_options(&mut talk.frames[n], &[1, 3, 3, 7]); // no operation; window scale 7
            }
        }
        let windows = |(_, record): (u32, &super::Record)| record.segment.as_ref().unwrap().window;
        talk.trace().records().map(windows).collect::<Vec<_>>()
    };
    assert_eq!(scaled(true, true), [512, 512, 512 << 7], "and never on a SYN");
    assert_eq!(scaled(true, false), [512; 3]);
    assert_eq!(scaled(false, true), [512; 3]);
}

#[test]
fn numbers_are_counted_from_the_start_and_go_round() {
    let mut talk = Conversation::new().open();
    // The client's number passes 2^32 in the middle of this.
    talk.client([b'a'; 150]).server("x").client([b'b'; 150]).server("y");
    let trace = talk.trace();
    let numbers = trace.records().map(|(_, record)| record.segment.as_ref().unwrap()).map(|s| (s.seq, s.ack, s.offset));
    assert_eq!(
        numbers.collect::<Vec<_>>(),
        [
            (0, None, Some(0)),
            (0, Some(1), Some(0)),
            (1, Some(1), Some(0)),
            (1, Some(1), Some(0)),
            (1, Some(151), Some(0)),
            (151, Some(2), Some(150)),
            (2, Some(301), Some(1)),
        ]
    );
    assert_eq!(trace.stream(0, TO_SERVER).unwrap().end(), 300);
}

/// RFC 9293 §3.5: both SYNs cross on their way.
#[test]
fn two_sides_may_open_at_once() {
    let mut talk = Conversation::new();
    talk.segment(TO_SERVER, Flags::SYN, b"").segment(TO_CLIENT, Flags::SYN, b"");
    talk.segment(TO_SERVER, Flags::ACK, b"").segment(TO_CLIENT, Flags::ACK, b"");
    talk.client(GET).server(EMPTY_200).close();
    let trace = talk.trace();
    assert_eq!(trace.connections().len(), 1);
    assert_eq!((told(&trace), notes(&trace)), (vec!["[5] > GET /".into(), "[6] < 200 OK".into()], vec![]));
}

#[test]
fn a_refused_connection_may_be_tried_again() {
    let mut talk = Conversation::new();
    talk.segment(TO_SERVER, Flags::SYN, b"").segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
    talk.next[0] -= 1;
    let mut talk = talk.open();
    talk.client(GET).server(EMPTY_200);
    assert_eq!(told(&talk.trace()), ["[6] > GET /", "[7] < 200 OK"]);
}

/// A keep-alive repeats the last number, with one octet or none (RFC 9293 §3.8.4): nothing new.
#[test]
fn a_keep_alive_brings_nothing() {
    let mut talk = Conversation::new().open();
    talk.client(GET);
    let last = talk.next[0].wrapping_sub(1);
    talk.at(TO_SERVER, last, Flags::ACK, b"\0").at(TO_SERVER, last, Flags::ACK, b"").server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4] > GET /", "[7] < 200 OK"]);
    assert_eq!(layer_sums(&trace.ledger(5))[2], ("repeated", 1));
    // Before the first octet there is the SYN's number: what claims to lie there belongs to no stream.
    let mut talk = Conversation::new().open();
    let syn = talk.next[0].wrapping_sub(1);
    talk.at(TO_SERVER, syn, Flags::ACK, b"\0").client(GET);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[5] > GET /"]);
    assert_eq!(layer_sums(&trace.ledger(4))[2], ("data", 1));
    assert_eq!(notes(&trace).len(), 1);
}

#[test]
fn octets_missing_in_a_body_do_not_end_the_reading() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n0123456789");
    talk.next[1] = talk.next[1].wrapping_add(20);
    talk.segment(TO_CLIENT, DATA, b"abcdefghijklmnopqrstuvwxyz0123");
    talk.client(GET).server(EMPTY_200).close();
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4] > GET /", "[5] < 200 OK (incomplete)", "[7] > GET /", "[8] < 200 OK"]);
    assert_eq!(layer_sums(&trace.ledger(6))[2], ("data", 30), "what comes behind the gap belongs to no message");
}

#[test]
fn a_websocket_joined_in_its_middle_is_read_and_how_sure_that_is_is_told() {
    let mut talk = Conversation::new();
    talk.client(HELLO).server(HI).client(HELLO).server(HI);
    let trace = talk.trace();
    assert_eq!(trace.talk(0), Talk::Known("websocket"));
    assert_eq!(told(&trace).len(), 4);
    let said = notes(&trace).into_iter().find(|(_, text)| text.contains("read as WebSocket")).unwrap();
    assert_eq!(
        said.1,
        "the capture began after the handshake: read as WebSocket from here on because 2 frames in a row fit; likely, not certain"
    );
    // The same octets from the beginning of a connection are none: nobody changed to WebSocket.
    let mut talk = Conversation::new().open();
    talk.client(HELLO).server(HI).client(HELLO).server(HI);
    assert_eq!(talk.trace().talk(0), Talk::Unknown);
    // And other octets are none either.
    for octets in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"\x16\x03\x01\x00\x05abcde", &[0; 40]] {
        let mut talk = Conversation::new();
        talk.client(octets).server(octets).client(octets);
        assert_eq!(talk.trace().talk(0), Talk::Unknown);
    }
}

#[test]
fn a_websocket_joined_in_the_middle_of_a_frame_is_read_from_the_next_one_on() {
    let mut talk = Conversation::new();
    talk.server("the end of a frame").client(&HELLO[3..]);
    for _ in 0..3 {
        talk.server(HI).client(HELLO);
    }
    let trace = talk.trace();
    assert_eq!(trace.talk(0), Talk::Known("websocket"));
    assert_eq!(told(&trace).len(), 6, "{:?}", told(&trace));
    assert_eq!(told(&trace)[0], "[3] < text \"hi\"");
    let skipped = |n, on| (Some(on), format!("the {n} octets before it end a frame that began before the capture"));
    for (on, text) in [skipped(18, 3), skipped(8, 4)] {
        assert!(notes(&trace).contains(&(on, &text)), "{text}: {:?}", notes(&trace));
    }
    assert_eq!(layer_sums(&trace.ledger(1)).last(), Some(&("data", 18)));
    // A few octets that might be frames somewhere in others are none.
    let mut talk = Conversation::new();
    talk.server([b"SSH-2.0-x\r\n", HI, HI, HI, b"more"].concat()).client("SSH-2.0-y\r\n");
    assert_eq!(talk.trace().talk(0), Talk::Unknown);
}

/// However small the segments are: each of them asked anew, this would take minutes.
#[test]
fn what_is_spoken_is_not_looked_for_with_each_octet() {
    let mut talk = Conversation::new();
    talk.server("l");
    for octet in b"\x81\x7e\x07\xfc".repeat(1500) {
        talk.server([octet]);
    }
    talk.client("x");
    assert_eq!(talk.trace().talk(0), Talk::Unknown);
}

/// Nor is it missed where the other side begins to speak.
#[test]
fn an_upload_that_was_joined_is_known_by_its_answer() {
    let mut talk = Conversation::new();
    b"no head in it ".repeat(300).chunks(7).for_each(|piece| _ = talk.client(piece));
    talk.server(EMPTY_200).client(GET).server(EMPTY_200);
    let told = told(&talk.trace());
    assert!(told.ends_with(&["[602] > GET /".to_owned(), "[603] < 200 OK".to_owned()]), "{told:?}");
}

/// Who speaks in a tunnel is found out as at the beginning of a connection, be it in the segment of the answer or later.
#[test]
fn in_a_tunnel_begins_another_conversation() {
    const CONNECT: &str = "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n";
    const GRANTED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
    let mut talk = Conversation::new().open();
    talk.client(CONNECT).server(GRANTED).client(UPGRADE).server(SWITCHING).client(HELLO).server(HI);
    let trace = talk.trace();
    assert_eq!(trace.talk(0), Talk::Known("websocket"));
    assert_eq!(told(&trace).len(), 7, "{:#?}", told(&trace));
    assert!(told(&trace)[5].contains("text \"Hello\""), "{:#?}", told(&trace));
    // A client that does not wait for the answer.
    let mut talk = Conversation::new().open();
    talk.client([CONNECT, GET].concat()).server([GRANTED, EMPTY_200].concat()).client(GET).server(EMPTY_200);
    let trace = talk.trace();
    let lines = ["[4] > CONNECT a:80", "[5] < 200 Connection established", "[4] > GET /", "[5] < 200 OK"];
    lines.iter().for_each(|line| assert!(told(&trace).contains(&(*line).to_owned()), "{line}: {:#?}", told(&trace)));
    assert_eq!(told(&trace).len(), 6);
    // What nobody knows stays so.
    let mut talk = Conversation::new().open();
    talk.client(CONNECT).server(GRANTED).server("SSH-2.0-OpenSSH_9.2\r\n").client("SSH-2.0-x\r\n");
    assert_eq!(talk.trace().talk(0), Talk::Unknown);
}

#[test]
fn compression_that_was_agreed_on_before_the_capture_is_told() {
    let mut talk = Conversation::new();
    talk.server(HI).server(HI).server([0xc1, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]).server(HI);
    let trace = talk.trace();
    assert_eq!(told(&trace).len(), 5, "{:?}", told(&trace));
    assert!(notes(&trace).iter().any(|(frame, text)| *frame == Some(3) && text.contains("can be inflated")));
}

#[test]
fn behind_missing_segments_frames_are_found_again() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(HI);
    talk.next[1] = talk.next[1].wrapping_add(400);
    talk.segment(TO_CLIENT, DATA, HI).server(HI).close();
    let trace = talk.trace();
    assert_eq!(told(&trace)[3..], ["[6] < text \"hi\"", "[7] < text \"hi\"", "[8] < text \"hi\""]);
    let said = notes(&trace).into_iter().find(|(_, text)| text.contains("read as WebSocket")).unwrap();
    assert_eq!(said.0, Some(7));
    assert!(said.1.contains("octets before this frame are missing"), "{}", said.1);
    // What does not look like a frame is not made one.
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(HI);
    talk.next[1] = talk.next[1].wrapping_add(400);
    talk.segment(TO_CLIENT, DATA, b"no frame at all").server(HI).close();
    let trace = talk.trace();
    assert_eq!(told(&trace).len(), 4);
    assert!(notes(&trace).iter().any(|(_, text)| text.contains("what follows in this direction cannot be read")));
}

/// Whether it was offered the request says.
#[test]
fn what_was_chosen_is_not_judged_without_the_request() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
                  Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let mut talk = Conversation::new();
    talk.server(answer).server([0x81, 2, b'h', b'i']);
    let trace = talk.trace();
    let notes = notes(&trace);
    assert!(notes.iter().any(|(_, text)| text.contains("the request was not captured")), "{notes:?}");
    assert!(!notes.iter().any(|(_, text)| text.contains("not offered")), "{notes:?}");
}
