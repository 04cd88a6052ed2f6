use super::{ERROR, HELLO, WARN, masked};
use crate::layer::Direction;
use crate::protocol::testing::{Talk, hex};
use crate::protocol::websocket::decoder::WebSocketDecoder;

const HELLO_AGAIN: &str = "c105 f200110000";

#[test]
fn compressed_messages_are_inflated() {
    let mut talk = Talk::new(WebSocketDecoder::new(Some("permessage-deflate")).boxed());
    talk.server(hex(HELLO)).server(hex(HELLO_AGAIN)).server(hex("8101 61"));
    // In two frames (§7.2.3.3's octets, divided as §7.2.1 allows).
    talk.server(hex("4103 f248cd 8004 c9c90700"));
    let told = talk.told();
    assert_eq!(told[0], "< text 7 octets, compressed");
    assert_eq!(told[1], "< text \"Hello\", inflated 7 → 5");
    assert_eq!(told[3], "< text \"Hello\", inflated 5 → 5");
    assert_eq!(told[4], "< text \"a\"", "the next message may be plain");
    assert_eq!(told[7], "< text \"Hello\" from 2 frames, inflated 7 → 5");
    assert_eq!(talk.notes(), []);
    talk.layers(1);
    talk.server(hex("c900"));
    assert_eq!(talk.notes(), [(ERROR, "RFC 7692 §6.1")], "control frames are never compressed");
    // Nor says a later fragment so; a bit that nothing was agreed on for is another matter.
    talk.server(hex("4103 f248cd c004 c9c90700"));
    assert_eq!(talk.notes()[1..], [(ERROR, "RFC 7692 §6.1")]);
    talk.server(hex("a900"));
    assert_eq!(talk.notes()[2..], [(ERROR, "RFC 6455 §5.2")]);
}

#[test]
fn without_takeover_each_message_stands_alone() {
    let agreed = "permessage-deflate; server_no_context_takeover";
    let mut talk = Talk::new(WebSocketDecoder::new(Some(agreed)).boxed());
    talk.server(hex(HELLO)).server(hex(HELLO));
    assert_eq!(talk.told()[3], "< text \"Hello\", inflated 7 → 5");
    talk.server(hex(HELLO_AGAIN));
    assert_eq!(talk.notes(), [(ERROR, "RFC 7692 §7.2.2")], "what it repeats is not there");
}

#[test]
fn what_cannot_be_inflated_is_shown_compressed_and_told_once() {
    let mut talk = Talk::new(WebSocketDecoder::new(Some("permessage-deflate")).boxed());
    talk.server(hex("c103 ffffff")).server(hex(HELLO)).server(hex(HELLO));
    assert_eq!(talk.told()[1], "< text 3 octets, compressed");
    assert_eq!(talk.told()[3], "< text 7 octets, compressed");
    assert_eq!(talk.notes(), [(ERROR, "RFC 7692 §7.2.2")]);
    talk.client(masked(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], [1, 2, 3, 4]));
    assert_eq!(talk.told().last().unwrap(), "> text \"Hello\", inflated 7 → 5", "the other direction goes on");
}

#[test]
fn inflated_text_must_be_utf8_too() {
    let mut talk = Talk::new(WebSocketDecoder::new(Some("permessage-deflate")).boxed());
    talk.server(hex("c107 00 0100 feff ff 00")); // a stored block with the octet ff, then the empty one
    assert_eq!(talk.notes(), [(ERROR, "RFC 6455 §8.1")], "{:?}", talk.told());
}

/// What is missing behind a part of a control frame may be of the message in which that stands.
#[test]
fn a_loss_in_a_control_frame_is_one_of_the_message_around_it() {
    let cases = [
        ("permessage-deflate; server_no_context_takeover", "< text \"Hello\", inflated 7 → 5", vec![]),
        ("permessage-deflate", "< text 7 octets, compressed", vec![(WARN, "RFC 7692 §7.1.1")]),
    ];
    for (agreed, last, lost) in cases {
        let mut talk = Talk::new(WebSocketDecoder::new(Some(agreed)).boxed());
        // A ping of nine octets between the frames of a message: six of them are missing.
        talk.server(hex("4103 f248cd 8909 616263")).skip(Direction::ToClient, 6, "");
        talk.server(hex("8004 c9c90700")).server(hex(HELLO));
        assert_eq!(talk.told().last().unwrap(), last, "{agreed}");
        assert!(talk.notes().iter().all(|(severity, _)| *severity != ERROR), "{agreed}: {:?}", talk.notes());
        let of_inflating: Vec<_> = talk.notes().into_iter().filter(|(_, spec)| spec.starts_with("RFC 7692")).collect();
        assert_eq!(of_inflating, lost, "{agreed}");
    }
}
