//! What expressions yield, on which frames they rest, and what is said about wrong ones.

use super::Expr;
use crate::filter::sample::Sample;
use crate::filter::syntax;
use crate::filter::uses::Aggregate;
use crate::filter::value::Type;

/// Each expression, its value as it is printed, and its evidence as it is printed.
#[rustfmt::skip]
const RIGHT: &[(&str, &str, &str)] = &[
    // frames
    ("count(http)", "2", "frames 4, 5"),
    ("count(tcp.flags.syn == 1 && tcp.flags.ack == 0) == 1", "true", "frame 1"),
    ("count(tcp.analysis.retransmission) == 0", "true", "none of 8 frames"),
    ("first(websocket)", "6", "frame 6"),
    ("last(websocket)", "8", "frame 8"),
    ("nth(websocket, 2)", "7", "frame 7"),
    ("nth(websocket, 4)", "none", "none of 8 frames"),
    ("nth(websocket, 0)", "none", ""),
    ("first(http) < first(websocket)", "true", "frames 4, 6"),
    ("first(http.request) < first(http.response.code) < first(websocket)", "true", "frames 4–6"),
    ("first(http) < last(http) < 5", "false", "frames 4, 5"),
    ("first(websocket) - first(http)", "2", "frames 4, 6"),
    // none
    ("first(tcp.analysis.retransmission)", "none", "none of 8 frames"),
    ("first(tcp.analysis.retransmission) == 1", "false", "none of 8 frames"),
    ("first(tcp.analysis.retransmission) != 1", "false", "none of 8 frames"),
    ("first(tcp.analysis.retransmission) + 1", "none", "none of 8 frames"),
    ("first(tcp.analysis.retransmission) not in {1}", "false", "none of 8 frames"),
    ("time(first(tcp.analysis.retransmission))", "none", "none of 8 frames"),
    ("-first(tcp.analysis.retransmission) * 1", "none", "none of 8 frames"),
    ("1 / 0", "none", ""),
    ("time(9)", "none", ""),
    ("time(0)", "none", ""),
    ("value(tcp.len at 99)", "none", ""),
    // time
    ("time(first(websocket))", "5 ms", "frame 6"),
    ("time(2) - time(1)", "1 ms", "frames 1, 2"),
    ("time(2) - time(1) == 1ms", "true", "frames 1, 2"),
    ("time(3) - time(1) < 300us", "false", "frames 1, 3"),
    ("time(8) in 1ms..1.5s", "true", "frame 8"),
    ("time(1) == 0", "true", "frame 1"),
    ("0.1s + 0.2s == 0.3s", "true", ""),
    ("2 * 20ms", "40 ms", ""),
    ("1s / 20ms", "50", ""),
    ("sum(tcp.len) / time(8)", "64714.286", "frames 1–8"),
    ("max(frame.time_relative where http)", "4 ms", "frame 5"),
    // values of fields
    ("sum(frame.len)", "885", "frames 1–8"),
    ("sum(tcp.len where websocket)", "77", "frames 6–8"),
    ("sum(tcp.len where tcp.analysis.retransmission)", "0", "none of 8 frames"),
    ("min(tcp.len where tcp.analysis.retransmission)", "none", "none of 8 frames"),
    ("min(frame.len)", "54", "frame 1"),
    ("max(frame.len)", "255", "frame 4"),
    ("value(http.host)", "localhost:8080", "frame 4"),
    ("value(tcp.srcport where websocket)", "8080", "frame 6"),
    ("value(tcp.len at first(websocket))", "20", "frame 6"),
    ("value(websocket.masking_key)", "11 22 33 44", "frame 8"),
    ("value(tcp.flags.syn at 1)", "true", "frame 1"),
    ("values(tcp.srcport)", "40000, 8080", "frames 1–8"),
    ("values(http.host where websocket)", "none", "none of 8 frames"),
    ("distinct(tcp.port)", "2", "frames 1–8"),
    ("distinct(ip.addr) == 1", "true", "frames 1–8"),
    ("distinct(http.host where websocket)", "0", "none of 8 frames"),
    // octets
    ("len(value(tcp.payload at 6))", "20", "frame 6"),
    ("len(values(tcp.port))", "2", "frames 1–8"),
    ("len(\"é\")", "2", ""),
    ("xor(0x5f9f4d5158, 37:fa:21:3d)", "68 65 6c 6c 6f", ""),
    ("text(xor(0x5f9f4d5158, 0x37fa213d)) == \"hello\"", "true", ""),
    ("xor(0x5f9f4d5158, 0x37fa213d) == \"hello\"", "true", ""),
    ("xor(\"\", 0x00)", "none", ""),
    ("text(value(tcp.payload at 6)) contains \"small\"", "true", "frame 6"),
    ("value(tcp.payload at 6) contains 81:12", "true", "frame 6"),
    ("hex(\"hi\")", "68 69", ""),
    ("hex(value(tcp.srcport at 2))", "0x1f90", "frame 2"),
    ("hex(-255)", "-0xff", ""),
    // literals take the type of what stands beside them
    ("value(tcp.srcport at 2) == 0x1f90", "true", "frame 2"),
    ("value(websocket.masking_key) == 0x11223344", "true", "frame 8"),
    ("0x11223344 == value(websocket.masking_key)", "true", "frame 8"),
    ("value(eth.addr) == 00:00:00:00:00:00", "true", "frame 1"),
    ("value(ip.src) == 127.0.0.1", "true", "frame 1"),
    ("value(ip.src) == ::1", "false", "frame 1"),
    ("value(ip.src) != ::1", "true", "frame 1"),
    ("value(tcp.flags.syn at 1) == 1", "true", "frame 1"),
    ("value(tcp.flags.syn at 1) && true", "true", "frame 1"),
    ("first(http) == 0x04", "true", "frame 4"),
    // sets
    ("count(http) in {1, 2}", "true", "frames 4, 5"),
    ("count(http) in 3..5", "false", "frames 4, 5"),
    ("count(http) not in 3..5", "true", "frames 4, 5"),
    ("value(http.request.method) in {\"GET\", \"PUT\"}", "true", "frame 4"),
    // arithmetic and logic
    ("1 + 2 * 3 - 4 / 2", "5", ""),
    ("(1 + 2) * 3", "9", ""),
    ("7 / 2", "3.5", ""),
    ("-2 - -3", "1", ""),
    ("10 - 3 - 2", "5", ""),
    ("18446744073709551615 + 1", "18446744073709551616", ""),
    ("1 < 2 && !(2 < 1) || false", "true", ""),
    ("not 1 == 2 and 1 == 1", "true", ""),
    ("count(http) == 1 || count(websocket) == 3", "true", "frames 4–8"),
    ("true == false", "false", ""),
    ("\"a\" < \"b\"", "true", ""),
];

#[test]
fn yields_and_rests_on() {
    for (text, value, evidence) in RIGHT {
        let expr = Expr::parse(text, &Sample).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let outcome = expr.evaluate(&Sample);
        assert_eq!(
            (outcome.value.to_string().as_str(), outcome.evidence.to_string().as_str()),
            (*value, *evidence),
            "{text}"
        );
    }
}

#[test]
fn printed_and_read_again_is_the_same() {
    for (text, ..) in RIGHT {
        let tree = syntax::formula(text).unwrap();
        assert_eq!(syntax::formula(&tree.to_string()).unwrap(), tree, "{text}");
    }
}

#[test]
fn names_its_filters() {
    let text = "count( (tcp || http) && ip.addr == 127.0.0.0/8 ) > value(tcp.len where socketio) + nth(http, 2)";
    let expr = Expr::parse(text, &Sample).unwrap();
    let filters: Vec<_> =
        expr.filters().iter().map(|used| (used.text.as_str(), used.aggregate, used.only_wireshark)).collect();
    assert_eq!(
        filters,
        [
            ("(tcp || http) && ip.addr == 127.0.0.0/8", Aggregate::Count, true),
            ("socketio", Aggregate::Value, false),
            ("http", Aggregate::Nth, true),
        ]
    );
    assert_eq!(expr.filters()[1].field.map(|def| def.name), Some("tcp.len"));
    assert_eq!(expr.fields().map(|def| def.name).collect::<Vec<_>>(), ["ip.addr", "tcp.len"]);
    assert_eq!(expr.protocols().map(|p| p.name).collect::<Vec<_>>(), ["tcp", "http", "socketio"]);
    assert!(!expr.only_wireshark());
    assert!(Expr::parse("count(http)", &Sample).unwrap().only_wireshark());
}

#[test]
fn claims_are_true_or_false() {
    let claim = Expr::parse_claim(" count(http) == 2 ", &Sample).unwrap();
    assert_eq!((claim.text(), claim.sort()), ("count(http) == 2", Type::Bool));
    assert!(claim.evaluate(&Sample).holds());
    for constant in ["true", "1 == 1", "(2 + 2) == 4 && true", "\"a\" contains \"a\""] {
        let error = Expr::parse_claim(constant, &Sample).unwrap_err();
        assert_eq!(error.message, "this is so of every capture: it asks nothing of the packets", "{constant}");
    }
    for asked in ["time(2) - time(1) < 1s", "count(http) == 2 && true"] {
        assert!(Expr::parse_claim(asked, &Sample).is_ok(), "{asked}");
    }
    let error = Expr::parse_claim(" count(http) ", &Sample).unwrap_err();
    assert_eq!(error.range, 1..12);
    assert_eq!(error.message, "a claim is true or false; this is a number");
    assert_eq!(error.help.as_deref(), Some("compare it with something: count(http) == …"));
}

/// Each wrong expression, the part at fault, what is said and what is advised.
#[rustfmt::skip]
const WRONG: &[(&str, &str, &str, &str)] = &[
    ("http", "http", "this is a filter: it speaks of one frame, not of the capture", "say how often: count(http) > 0"),
    (" tcp.port == 80 and http ", "tcp.port == 80 and http", "this is a filter: it speaks of one frame, not of the capture", "say how often: count(tcp.port == 80 and http) > 0"),
    ("lower(http.host) == \"a\"", "lower(http.host) == \"a\"", "this is a filter: it speaks of one frame, not of the capture", "say how often: count(lower(http.host) == \"a\") > 0"),
    ("count(http) > 0 && tcp.port", "tcp.port", "`tcp.port` speaks of one frame, not of the capture", "say how often: count(tcp.port), or which value: value(tcp.port where …)"),
    ("count(htp) == 1", "htp", "`htp` is neither a field nor a protocol", "did you mean `http`?"),
    ("count(tcp.port == \"x\") == 1", "\"x\"", "tcp.port holds a number; \"x\" is text", "write a whole number, such as 80 or 0x50"),
    ("counts(http) == 1", "counts", "there is no function `counts`", "the functions are count, first, last, nth, sum, min, max, value, values, distinct, time, len, hex, text, xor"),
    ("count(http) == \"2\"", "\"2\"", "a number cannot be compared with text", ""),
    ("time(2) < 20", "20", "a number of seconds cannot be compared with a number", "say the unit: 20ms, 1.5s, 300us"),
    ("time(2) + 20", "20", "`+` cannot join a number of seconds and a number", "say the unit: 20ms, 1.5s, 300us"),
    ("time(2) * time(1)", "time(1)", "`*` cannot join a number of seconds and a number of seconds", "say the unit: 20ms, 1.5s, 300us"),
    ("\"a\" + 1", "1", "`+` cannot join text and a number", ""),
    ("first(http) == none", "none", "nothing is equal to none", "write count(…) == 0"),
    ("count(http) && true", "count(http)", "expected true or false; this is a number", ""),
    ("true < false", "false", "neither of true and false is the greater", ""),
    ("values(tcp.port) == 80", "80", "a list is only for reading; distinct(…) counts it", ""),
    ("sum(http.host)", "http.host", "sum needs numbers; http.host holds text", ""),
    ("value(http)", "http", "http has no value of its own; it is there or not", "its name alone asks whether it is there: http"),
    ("value(tcp.len at \"x\")", "\"x\"", "expected a frame or a number; this is text", ""),
    ("len(5)", "5", "len needs text or bytes; this is a number", ""),
    ("xor(0x00)", "xor(0x00)", "xor takes two values, not 1", ""),
    ("time(1, 2)", "time(1, 2)", "time takes one value, not 2", ""),
    ("nth(http)", ")", "expected `,` and which one: nth(http, 2), found `)`", ""),
    ("count()", ")", "expected a field such as tcp.port, or a protocol, found `)`", ""),
    ("count(http", "(", "this is never closed; `)` is missing", ""),
    ("count(http) = 1", "=", "a single `=` compares nothing", "write =="),
    ("count(http) == $asked", "$asked", "knobs are known only in the script", "ask the capture for what the knob does there, as in count(tcp) > 0"),
    ("$", "$", "knobs are known only in the script", "ask the capture for what the knob does there, as in count(tcp) > 0"),
    ("1 + not == 2", "not", "expected a value, or a negation in parentheses, found `not`", ""),
    ("not/ 80", "not", "expected a value, or a negation in parentheses, found `not`", ""),
    ("and/ 80", "and", "expected a value or a function such as count(…), found `and`", ""),
    ("count(http) == ", "", "expected a value or a function such as count(…), but the text ends here", ""),
    ("count(http) in 3", "", "expected `..`, but the text ends here", ""),
    ("value(http.host) matches \"x\"", "matches", "`matches` belongs in a filter", "put it inside a function: count(http.host matches \"…\")"),
    ("0x123", "0x123", "`0x123` is no value", "values are such as 42, 0.5, 20ms, \"text\", 0x5f9f, 5f:9f, 127.0.0.1, true"),
    ("99999999999999999999 > 1", "99999999999999999999", "`99999999999999999999` is no value", "values are such as 42, 0.5, 20ms, \"text\", 0x5f9f, 5f:9f, 127.0.0.1, true"),
    ("", "", "expected a value or a function such as count(…), but the text ends here", ""),
];

#[test]
fn errors_say_where_what_and_how() {
    for (text, at, message, help) in WRONG {
        let error = Expr::parse(text, &Sample).expect_err(text);
        let found = text.get(error.range.clone()).unwrap_or_else(|| panic!("{text}: {:?}", error.range));
        assert_eq!(
            (found, error.message.as_str(), error.help.as_deref().unwrap_or_default()),
            (*at, *message, *help),
            "{text}"
        );
    }
}

#[test]
fn bounds() {
    let message = |text: String| Expr::parse(&text, &Sample).unwrap_err().message;
    assert_eq!(message(format!("{}1", "-".repeat(60_000))), "nested deeper than 64 levels");
    assert_eq!(message(format!("{}1", "len(".repeat(9_000))), "nested deeper than 64 levels");
    assert_eq!(message(format!("{}1", "(".repeat(60_000))), "nested deeper than 64 levels");
    let nested = format!("{}1{} == 1", "(".repeat(64), ")".repeat(64));
    assert!(Expr::parse(&nested, &Sample).unwrap().evaluate(&Sample).holds());
    let long = format!("1{} == 30001", " +1".repeat(20_000));
    assert!(!Expr::parse(&long, &Sample).unwrap().evaluate(&Sample).holds());
}
