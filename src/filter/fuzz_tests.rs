//! Whatever is written, nothing panics; what is printed is read back as the same.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::sample::Sample;
use super::{Expr, Filter, Mistake, syntax};

/// Pieces of both languages.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "tcp.port", "http", "http.host", "tcp.payload", "ip.addr", "frame.time_relative", "tcp.flags.syn", "==", "!=",
    "===", "<", ">=", "contains", "matches", "in", "not", "!", "&&", "or", "(", ")", "{", "}", ",", "..", "80",
    "0x1f90", "81:05", "\"a\\x81\"", "r\"\\d\"", "127.0.0.0/8", "any", "all", "count(", "value(", "where", "at",
    "nth(", "xor(", "len(", "lower(", "upper(tcp", "http.host[", "]", ":", "0:4", "-3-", "[-1:]", "20ms", "1.5", "+",
    "-", "*", "/", "é", "\"", "\\", "[", "true", "none",
    "&", " & 0x02", "bitwise_and", "[0:4][1]", "%", "tcp.len", "{tcp.len + 1}", "min(", "max(tcp.len, ", "abs(", "string(", "- 1",
    " < tcp.port < ", "1.5.0/2",
];

/// They, put together without sense.
fn pieces() -> impl Strategy<Value = String> {
    let piece = (0..PIECES.len()).prop_map(|i| PIECES[i]);
    proptest::collection::vec((piece, prop_oneof![Just(" "), Just("")]), 0..24)
        .prop_map(|parts| parts.into_iter().flat_map(|(piece, space)| [piece, space]).collect())
}

/// Slices that are right by construction.
fn slices() -> impl Strategy<Value = String> {
    let stretch = prop_oneof![
        any::<i32>().prop_filter("its size is no i32", |at| *at != i32::MIN).prop_map(|at| at.to_string()),
        (-40..40_i32, 1..=i32::MAX).prop_map(|(at, len)| format!("{at}:{len}")),
        (-40..40_i32, 0..40_i32).prop_map(|(at, more)| {
            // Whoever begins before the end may end behind the beginning.
            format!("{at}-{}", if at < 0 { (at + more).min(-1) } else { at + more })
        }),
        (-40..40_i32).prop_map(|at| format!("{at}:")),
        Just(":".to_owned()),
        Just(":3".to_owned()),
    ];
    proptest::collection::vec(stretch, 1..5).prop_map(|stretches| format!("[{}]", stretches.join(",")))
}

/// What yields octets.
fn operands() -> impl Strategy<Value = String> {
    let sliced = prop_oneof![
        Just("http.host"),
        Just("tcp.payload"),
        Just("eth.addr"),
        Just("ip.src"),
        Just("tcp"),
        Just("websocket"),
        Just("lower(http.host)"),
    ];
    let whole = prop_oneof![Just("http.host".to_owned()), Just("upper(http.host)".to_owned())];
    prop_oneof![whole, (sliced, slices()).prop_map(|(name, slice)| format!("{name}{slice}"))]
}

/// What may be calculated in a filter.
fn calculations() -> impl Strategy<Value = String> {
    let number = (0..=i32::MAX).prop_map(|number| number.to_string());
    let leaf = prop_oneof![Just("tcp.len".to_owned()), Just("len(http.host)".to_owned()), Just("-tcp.len".to_owned())];
    leaf.prop_recursive(5, 24, 4, move |inner| {
        let operator = prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("%"), Just("&")];
        let other = prop_oneof![inner.clone().prop_map(|a| format!("{{{a}}}")), number.clone()];
        let choice = prop_oneof![Just("min"), Just("max")];
        prop_oneof![
            (inner.clone(), operator, other).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
            (inner.clone(), choice, inner.clone()).prop_map(|(a, how, b)| format!("{how}({a}, {b})")),
            inner.clone().prop_map(|a| format!("abs({a})")),
            inner.prop_map(|a| format!("{{{a}}}")),
        ]
    })
}

/// Filters that are right by construction.
fn filters() -> impl Strategy<Value = String> {
    let test = prop_oneof![
        Just("http".to_owned()),
        any::<u16>().prop_map(|port| format!("tcp.port == {port}")),
        any::<(u16, u16)>().prop_map(|(a, b)| format!("any tcp.port not in {{{a}, {a}..{b}}}")),
        any::<Vec<u8>>().prop_map(|octets| format!("tcp.payload === \"{}\"", escaped(&octets))),
        ".*".prop_map(|text: String| format!("http.host != \"{}\"", escaped(text.as_bytes()))),
        (operands(), any::<Vec<u8>>()).prop_map(|(asked, octets)| format!("{asked} < \"{}\"", escaped(&octets))),
        // Text is compared with octets only if they are cut out of something.
        operands().prop_map(|a| format!("{a} == {a}")),
        (operands(), operands()).prop_map(|(a, b)| format!("{a}[0:4] == {b}[0:]")),
        (calculations(), 0..=i32::MAX).prop_map(|(a, number)| format!("{a} < {number}")),
        (calculations(), calculations()).prop_map(|(a, b)| format!("tcp.len <= {a} > {b} != 7")),
        ("(len|count)\\((http\\.host|tcp|tcp\\.payload)\\)", any::<u16>())
            .prop_map(|(made, n)| format!("{made} >= {n}")),
        slices().prop_map(|slice| format!("tcp.payload{slice}")),
        (slices(), slices(), any::<u8>()).prop_map(|(a, b, bits)| format!("tcp{a}{b} & {bits:02x} == {bits:02x}")),
        any::<(u16, u32)>().prop_map(|(a, b)| format!("tcp.len & {a} bitwise_and tcp.port != {b}")),
    ];
    test.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("{a} || {b}")),
        ]
    })
}

/// Expressions that are right by construction.
fn numbers() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(|n| n.to_string()),
        filters().prop_map(|filter| format!("count({filter})")),
        filters().prop_map(|filter| format!("sum(tcp.len where {filter})")),
        filters().prop_map(|filter| format!("nth({filter}, 2)")),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let operator = prop_oneof![Just("+"), Just("-"), Just("*"), Just("/")];
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            inner.prop_map(|a| format!("-{a}")),
        ]
    })
}

fn escaped(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("\\x{octet:02x}")).collect()
}

fn points_into(text: &str, error: &Mistake) -> bool {
    text.get(error.range.clone()).is_some() && !error.message.is_empty()
}

fn try_both(text: &str) {
    match Filter::parse(text, &Sample) {
        Ok(filter) => _ = filter.frames(&Sample).count(),
        Err(error) => assert!(points_into(text, &error), "{text:?}: {error:?}"),
    }
    match Expr::parse(text, &Sample) {
        Ok(expr) => _ = expr.evaluate(&Sample).value.to_string(),
        Err(error) => assert!(points_into(text, &error), "{text:?}: {error:?}"),
    }
    if let Ok(tree) = syntax::filter(text) {
        assert_eq!(syntax::filter(&tree.to_string()).as_ref(), Ok(&tree), "{text:?}");
    }
    if let Ok(tree) = syntax::formula(text) {
        assert_eq!(syntax::formula(&tree.to_string()).as_ref(), Ok(&tree), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in ".*") {
        try_both(&text);
    }

    #[test]
    fn any_pieces(text in pieces()) {
        try_both(&text);
    }

    #[test]
    fn right_filters(text in filters()) {
        Filter::parse(&text, &Sample).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        try_both(&text);
    }

    #[test]
    fn right_expressions(text in numbers()) {
        Expr::parse(&text, &Sample).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        try_both(&text);
    }
}
