use super::{ERROR, MASKED_HELLO, WARN, close, frame, masked, server, talk};
use crate::layer::Value;
use crate::protocol::testing::hex;
use crate::protocol::websocket::{Opcode, WebSocketFrame, WebSocketMessage, accept_for};

#[test]
fn decodes() {
    let mut talk = talk();
    talk.client(hex(MASKED_HELLO)).server(hex("8105 48656c6c6f"));
    assert_eq!(talk.told(), ["> text \"Hello\"  masked 37 fa 21 3d", "< text \"Hello\""]);
    assert_eq!(talk.notes(), []);
    let layer = &talk.layers(0)[0];
    assert_eq!(layer.value("websocket.opcode"), Some(&Value::Uint(1)));
    assert_eq!(layer.value("websocket.mask"), Some(&Value::Bool(true)));
    assert_eq!(layer.value("websocket.payload_len"), Some(&Value::Uint(5)));
    assert_eq!(layer.value("websocket.payload.text"), Some(&Value::Text("Hello".into())));
    assert_eq!(layer.derived[0].bytes, b"Hello");
    assert_eq!(layer.derived[0].from.range, 6..11, "the masked octets on the wire");
}

#[test]
fn empty() {
    assert_eq!(server(&[]).told(), [] as [&str; 0]);
    assert_eq!(server(&hex("8100")).told(), ["< text \"\""]);
    assert_eq!(server(&hex("8200")).told(), ["< binary empty"]);
    assert_eq!(server(&hex("8800")).told(), ["< close without a code"]);
    assert_eq!(server(&hex("8900")).told(), ["< ping empty"]);
}

/// One case for each cut point: more is waited for, and if no more comes, what is there is shown.
#[test]
fn cut_short() {
    let frames = [
        hex("8105 48656c6c6f"),
        hex(MASKED_HELLO),
        frame(0x82, &[7; 126]),
        frame(0x82, &[7; 65536]),
        masked(0x82, &[7; 130], [1, 2, 3, 4]),
        close(1000, b"bye"),
    ];
    for bytes in frames {
        // The last 65,000 octets of the largest are all the same to the decoder.
        for cut in (1..bytes.len().min(200)).chain([bytes.len() - 1]) {
            let mut talk = talk();
            talk.server(&bytes[..cut]);
            assert_eq!(talk.told(), [] as [&str; 0], "{cut} octets");
            talk.cut();
            assert_eq!(talk.heard.messages.len(), 1, "{cut} octets");
            assert!(talk.told()[0].ends_with("(incomplete)"), "{cut} octets");
            assert_eq!(talk.notes()[0].0, WARN, "{cut} octets");
            talk.layers(0);
        }
    }
}

#[test]
fn a_frame_may_come_octet_by_octet() {
    let bytes = [hex("0103 48656c"), hex("8902 6869"), hex("8002 6c6f"), close(1000, b"bye")].concat();
    let mut slow = talk();
    for octet in &bytes {
        slow.server([*octet]);
    }
    assert_eq!(slow.told(), server(&bytes).told());
}

#[test]
fn wrong_length() {
    // A length that fits in a shorter form.
    assert_eq!(server(&[&[0x82, 126, 0, 125][..], &[0; 125]].concat()).notes(), [(ERROR, "RFC 6455 §5.2")]);
    assert_eq!(
        server(&[&[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 5][..], &[0; 5]].concat()).notes(),
        [(ERROR, "RFC 6455 §5.2")]
    );
    // A length of 2^64 - 1: nothing is allocated for it, and it is shown as cut.
    let huge = server(&hex("82 7f ffffffffffffffff 0102"));
    assert_eq!(huge.notes(), [(WARN, ""), (ERROR, "RFC 6455 §5.2")]);
    assert_eq!(huge.heard.messages[0].range, 0..12);
    // A close frame with half a code.
    assert_eq!(server(&hex("8801 03")).notes(), [(ERROR, "RFC 6455 §5.5.1")]);
    // A ping of 126 octets.
    assert_eq!(server(&frame(0x89, &[0; 126])).notes(), [(ERROR, "RFC 6455 §5.5")]);
}

#[test]
fn accept_is_the_hash_of_the_key() {
    assert_eq!(accept_for("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn three_forms_of_length_both_ways() {
    let cases = [(0, "00"), (125, "7d"), (126, "7e 007e"), (65535, "7e ffff"), (65536, "7f 0000000000010000")];
    for (len, form) in cases {
        let payload = vec![b'.'; len];
        let bytes = frame(0x82, &payload);
        assert_eq!(bytes[1..bytes.len() - len], hex(form), "{len}");
        let mut talk = talk();
        talk.server(&bytes).client(masked(0x82, &payload, [1, 2, 3, 4]));
        assert_eq!(talk.notes(), [], "{len}");
        for told in &talk.heard.messages {
            let frame = told.payload.as_any().downcast_ref::<WebSocketFrame>().unwrap();
            assert_eq!(frame.payload_len, len as u64);
            assert_eq!(frame.payload(talk.bytes(told)), payload);
        }
        talk.layers(0);
        talk.layers(1);
    }
}

#[test]
fn fragments_with_a_ping_between_them() {
    let talk = server(&[hex("0103 48656c"), hex("8902 6869"), hex("8002 6c6f")].concat());
    assert_eq!(
        talk.told(),
        ["< text \"Hel\", more to come", "< ping \"hi\"", "< continuation \"lo\"", "< text \"Hello\" from 2 frames",]
    );
    assert_eq!(talk.notes(), []);
    assert_eq!(talk.heard.messages[3].range, 0..13, "from the first octet of the first frame to the last of the last");
    let whole = talk.heard.messages[3].payload.as_any().downcast_ref::<WebSocketMessage>().unwrap();
    assert_eq!(
        (whole.opcode, whole.payload(talk.bytes(&talk.heard.messages[3]))),
        (Opcode::Text, Some(b"Hello".to_vec()))
    );
    assert_eq!(talk.layers(3)[0].value("websocket.message.fragments"), Some(&Value::Uint(2)));
}

#[test]
fn each_fragment_has_a_mask_of_its_own() {
    let mut talk = talk();
    talk.client(masked(0x01, b"Hel", [1, 2, 3, 4])).client(masked(0x80, b"lo", [9, 8, 7, 6]));
    assert_eq!(talk.told()[2], "> text \"Hello\" from 2 frames");
}

#[test]
fn the_last_fragment_may_be_empty() {
    let talk = server(&[hex("0203 010203"), hex("8000")].concat());
    assert_eq!(talk.told()[2], "< binary 3 octets from 2 frames");
    assert_eq!(talk.notes(), []);
    let all_empty = server(&hex("0100 0000 8000"));
    assert_eq!(all_empty.told()[3], "< text \"\" from 3 frames");
    all_empty.layers(3);
}

#[test]
fn both_directions_have_fragments_of_their_own() {
    let mut talk = talk();
    talk.server(hex("0101 61")).client(masked(0x01, b"x", [0; 4]));
    talk.server(hex("8001 62")).client(masked(0x80, b"y", [0; 4]));
    assert_eq!(talk.notes(), []);
    let told = talk.told();
    assert_eq!((told[3].as_str(), told[5].as_str()), ("< text \"ab\" from 2 frames", "> text \"xy\" from 2 frames"));
}

/// RFC 6455 §5.2: every number is an opcode, defined or reserved, and is written as it was read.
#[test]
fn every_opcode_has_its_number() {
    let defined = [
        (0, Opcode::Continuation),
        (1, Opcode::Text),
        (2, Opcode::Binary),
        (8, Opcode::Close),
        (9, Opcode::Ping),
        (10, Opcode::Pong),
    ];
    for bits in 0..16 {
        let known = defined.iter().find(|(number, _)| *number == bits).map(|(_, opcode)| *opcode);
        let opcode = Opcode::from_bits(0xf0 | bits);
        assert_eq!((opcode, opcode.bits()), (known.unwrap_or(Opcode::Reserved(bits)), bits));
        assert_eq!(opcode.is_control(), bits >= 8);
    }
}
