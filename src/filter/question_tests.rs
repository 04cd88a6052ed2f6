//! What filters mean. All of [`WIRESHARK`] was run through tshark 4.0 on the capture that [`Sample`] copies.

use super::Filter;
use crate::filter::sample::Sample;
use crate::filter::syntax;

fn frames(text: &str) -> Vec<u32> {
    let filter = Filter::parse(text, &Sample).unwrap_or_else(|error| panic!("{text}: {error}"));
    filter.frames(&Sample).collect()
}

/// The text that the error points at, its message and its help.
fn error(text: &str) -> (String, String, String) {
    let error = Filter::parse(text, &Sample).expect_err(text);
    let at = text.get(error.range.clone()).unwrap_or_else(|| panic!("{text}: {:?}", error.range));
    (at.to_owned(), error.message, error.help.unwrap_or_default())
}

const ALL: &[u32] = &[1, 2, 3, 4, 5, 6, 7, 8];

/// Each filter, and the frames that tshark 4.0 shows for it.
#[rustfmt::skip]
const WIRESHARK: &[(&str, &[u32])] = &[
    // presence
    ("tcp", ALL),
    ("http", &[4, 5]),
    ("websocket", &[6, 7, 8]),
    ("http.host", &[4]),
    ("http.request", &[4]),
    ("tcp.flags.syn", ALL),
    ("tcp.analysis.retransmission", &[]),
    // a field that occurs twice: any value for most comparisons, all for != and ===, any for !==
    ("tcp.port == 8080", ALL),
    ("tcp.port != 8080", &[]),
    ("tcp.port !== 8080", ALL),
    ("tcp.port === 8080", &[]),
    ("tcp.port ~= 8080", ALL),
    ("tcp.srcport ~= 8080", &[1, 3, 4, 8]),
    ("all tcp.port ~= 8080", &[]),
    ("tcp.port != 1", ALL),
    ("!tcp.port == 8080", &[]),
    ("tcp.port < 9000", ALL),
    ("tcp.port > 9000", ALL),
    ("any tcp.port != 8080", ALL),
    ("all tcp.port == 8080", &[]),
    ("all tcp.port > 8000", ALL),
    ("any tcp.port === 8080", ALL),
    // a field that is absent: no comparison holds, and its contrary does
    ("http.response.code == 101", &[5]),
    ("http.response.code != 200", &[5]),
    ("http.response.code !== 200", &[5]),
    ("not http.response.code == 200", ALL),
    ("http.response.code in {101}", &[5]),
    ("http.response.code not in {200}", ALL),
    ("not http.response.code in {200}", ALL),
    // words and symbols
    ("tcp.srcport eq 8080", &[2, 5, 6, 7]),
    ("tcp.srcport ne 8080", &[1, 3, 4, 8]),
    ("frame.number lt 3", &[1, 2]),
    ("frame.number le 3", &[1, 2, 3]),
    ("frame.number gt 7", &[8]),
    ("frame.number ge 7", &[7, 8]),
    // not before and, and before or
    ("frame.number == 1 or frame.number == 2 and frame.number == 3", &[1]),
    ("(frame.number == 1 or frame.number == 2) and frame.number == 2", &[2]),
    ("frame.number <= 2 and not frame.number == 1 or frame.number == 5", &[2, 5]),
    ("frame.number == 3 || frame.number == 4 || frame.number==5 && http", &[3, 4, 5]),
    ("not frame.number == 1 && frame.number < 4", &[2, 3]),
    ("!!http", &[4, 5]),
    ("not(http)", &[1, 2, 3, 6, 7, 8]),
    ("tcp.port==8080&&http", &[4, 5]),
    // numbers, truth
    ("tcp.port == 0x1f90", ALL),
    ("tcp.port == 017620", ALL),
    ("tcp.flags.syn == 1", &[1, 2]),
    ("tcp.flags.syn == True", &[1, 2]),
    ("tcp.flags.syn != TRUE", &[3, 4, 5, 6, 7, 8]),
    ("tcp.flags.syn == False", &[3, 4, 5, 6, 7, 8]),
    ("tcp.flags.syn > 0", &[1, 2]),
    ("tcp.flags.syn == 1 && tcp.flags.ack == 0", &[1]),
    // time in nanoseconds
    ("frame.time_relative == 0.001", &[2]),
    ("frame.time_relative in {0.001..0.003}", &[2, 3, 4]),
    ("frame.time_relative < 0.002", &[1, 2]),
    ("frame.time_relative > -0.5", ALL),
    ("frame.time_relative in {-1..0.001}", &[1, 2]),
    // sets
    ("tcp.srcport in {1, 8000..8080}", &[2, 5, 6, 7]),
    ("tcp.srcport in{8080}", &[2, 5, 6, 7]),
    ("tcp.srcport in {8080 .. 8081}", &[2, 5, 6, 7]),
    ("http.request.method in {\"GET\", \"PUT\"}", &[4]),
    ("http.request.method in {\"A\"..\"H\"}", &[4]),
    ("tcp.port not in {1, 2}", ALL),
    ("all tcp.port in {8080}", &[]),
    ("any tcp.port in {8080}", ALL),
    ("all tcp.port not in {8080}", &[]),
    ("any tcp.port not in {8080}", &[]),
    ("all tcp.port not in {1}", ALL),
    ("all http.response.code not in {101}", &[1, 2, 3, 4, 6, 7, 8]),
    // text
    ("http.request.method == \"GET\"", &[4]),
    ("http.request.method == \"get\"", &[]),
    ("http.host > \"a\"", &[4]),
    ("http.host contains \"local\"", &[4]),
    ("http.host contains \"\\x6c\\157cal\"", &[4]),
    ("http.host contains r\"\\.\"", &[]),
    ("http.request.method matches \"^g.t$\"", &[4]),
    ("http.request.method ~ \"^g\"", &[4]),
    ("http.host matches \"\\\\d\"", &[4]),
    ("http.host matches r\"\\d\"", &[4]),
    // octets
    ("tcp.payload contains \"GET\"", &[4]),
    ("tcp.payload contains 47:45", &[4]),
    ("tcp.payload contains 47-45", &[4]),
    ("tcp.payload contains 47.45", &[4]),
    ("tcp.payload contains 474554", &[4]),
    ("tcp.payload contains 47", &[4, 5]),
    ("tcp.payload contains 0x47", &[4, 5]),
    ("tcp.payload contains \"\\x81\"", &[6]),
    ("tcp.payload matches \"get\"", &[4]),
    ("tcp.payload matches \"\\x00\"", &[7]),
    ("tcp.payload matches r\"\\x81\"", &[6]),
    ("tcp.payload == 81:12:73:6d:61:6c:6c:2d:75:6e:63:6f:6d:70:72:65:73:73:65:64", &[6]),
    ("tcp.payload < 81", &[]),
    ("tcp.payload > 81", &[4, 5, 6, 7, 8]),
    ("tcp.payload < ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff:ff", &[6]),
    ("websocket.masking_key < 12:00:00:00", &[8]),
    ("http.host < \"localhost:8080000\"", &[4]),
    ("tcp contains \"GET\"", &[4]),
    ("eth contains \"GET\"", &[4]),
    ("tcp matches \"websocket\"", &[4, 5]),
    ("websocket.masking_key == 11:22:33:44", &[8]),
    // addresses
    ("ip.addr == 127.0.0.1", ALL),
    ("ip.addr == 127.0.0.0/8", ALL),
    ("ip.addr != 10.0.0.0/8", ALL),
    ("ip.addr in {10.0.0.0/8}", &[]),
    ("ip.addr in {10.0.0.0/8, 127.0.0.1}", ALL),
    ("ip.addr > 127.0.0.0", ALL),
    ("ip.addr < 10.0.0.0/8", &[]),
    ("eth.addr == 00:00:00:00:00:00", ALL),
    ("eth.addr == 00-00-00-00-00-00", ALL),
    ("eth.addr == 0000.0000.0000", ALL),
    ("eth.addr contains 00:00", ALL),
    // two fields
    ("ip.src == ip.dst", ALL),
    ("tcp.srcport > tcp.dstport", &[1, 3, 4, 8]),
    ("tcp.port == tcp.srcport", ALL),
    ("tcp.port != tcp.srcport", &[]),
    ("tcp.len == frame.number", &[]),
];

#[test]
fn means_what_it_means_in_wireshark() {
    for (text, expected) in WIRESHARK {
        assert_eq!(frames(text), *expected, "{text}");
    }
}

/// Functions and slices, which `tests/tshark/filters.rs` asks of tshark.
#[rustfmt::skip]
const MADE: &[(&str, &[u32])] = &[
    ("tcp.payload[0] == 'G'", &[4]),
    ("tcp.payload[0] == '\\x47'", &[4]),
    ("tcp.payload[0] == '\\''", &[]),
    ("tcp.payload contains '\x7f'", &[]),
    ("tcp.port in {'\\x50', 'P'..'Q'}", &[]),
    ("tcp.len < '!'", &[1, 2, 3, 6, 7]),
    ("ip.src == ip.src[0:]", ALL),
    ("ip.src[0:3] == ip.src", &[]),
    ("len(http.host) == 14", &[4]),
    ("len(http.host) > 0xe", &[]),
    ("len(tcp.payload) > 100", &[4, 5]),
    ("len(tcp) == 20", ALL),
    ("len(ip.src) == 4", ALL),
    ("tcp.len == len(tcp.payload)", &[4, 5, 6, 7, 8]),
    ("len(http.host) == len(http.host)", &[4]),
    ("not len(http.host) > 0", &[1, 2, 3, 5, 6, 7, 8]),
    ("count(tcp.port) == 2", ALL),
    ("count(http.host) == 1", &[4]),
    ("count(http.host) == 0", &[]),
    ("count(http.request) == 1", &[4]),
    ("count(websocket) == 1", &[6, 7, 8]),
    ("lower(http.request.method) == \"get\"", &[4]),
    ("upper(http.host) contains \"LOCAL\"", &[4]),
    ("lower(http.host)[0:5] == \"local\"", &[4]),
    ("lower(http.host) == http.host", &[4]),
    ("upper(http.host) matches \"^l\"", &[4]),
    ("http.host[0:5] == \"local\"", &[4]),
    ("http.host[ : 5 ] == 6c:6f:63:61:6c", &[4]),
    ("http.host[0] == 6c", &[4]),
    ("http.host[-4:] == \"8080\"", &[4]),
    ("http.host[10-13] == \"8080\"", &[4]),
    ("http.host[-4--3] == \"80\"", &[4]),
    ("http.host[0:5,-5:1] == \"local:\"", &[4]),
    ("http.host[1:3] == http.host[1-3]", &[4]),
    ("http.host[0:100]", &[]),
    ("http.host[13:]", &[4]),
    ("!http.host[13:]", &[1, 2, 3, 5, 6, 7, 8]),
    ("http.host[14:] != 00", &[4]),
    ("http.host[0x8:012] contains \"t:8\"", &[]),
    ("http.host[0x8:06] contains \"t:8\"", &[4]),
    ("http.host[0:5] ~ \"LOCAL\"", &[4]),
    ("tcp.payload[0] == 81", &[6]),
    ("tcp.payload[:2] == \"GE\"", &[4]),
    ("tcp[13] == 2", &[1]),
    ("tcp[13] == 0x12", &[2]),
    ("ip[9] == 06 && eth[0:3] == 00:00:00", ALL),
    ("ip.src[0] == 7f", ALL),
    ("eth.addr[0:3] != 00:00:00", &[]),
    ("http.host[0:5][1:2] == \"oc\"", &[4]),
    ("http.host[0:5][1:2][1] == 63", &[4]),
    ("http.host[0:5][5:1]", &[]),
    ("lower(http.host)[-4:][:2] == \"80\"", &[4]),
    ("tcp[12:2][1] == 2", &[1]),
    ("tcp[13] & 2", &[1, 2]),
    ("tcp[13]&2", &[1, 2]),
    ("tcp[13] & 0x12 == 12", &[2]),
    ("tcp[12:2][1] bitwise_and 0x12 == 02", &[1]),
    ("!tcp[13] & 2", &[3, 4, 5, 6, 7, 8]),
    ("tcp[13] & 0x12 & 2 && tcp[13] & 0x10", &[2]),
    ("tcp.len & 0", &[]),
    ("tcp.len & tcp.len", &[4, 5, 6, 7, 8]),
    ("tcp.len == tcp.len & 0xffff", ALL),
    ("len(http.host) & 0xe == 14", &[4]),
    ("http && tcp.payload & 0x01", &[4]),
    ("ip.src & 255.0.0.0 == 127.0.0.0", ALL),
    ("all tcp.payload[0] == 48 || any len(tcp.payload) == 20", &[5, 6]),
];

#[test]
fn functions_and_slices() {
    for (text, expected) in MADE {
        assert_eq!(frames(text), *expected, "{text}");
        let tree = syntax::filter(text).unwrap();
        assert_eq!(syntax::filter(&tree.to_string()).unwrap(), tree, "{text}");
    }
    let filter = Filter::parse("len(tcp.payload) == lower(http.host)[0:2]", &Sample);
    assert_eq!(filter.unwrap_err().message, "len(tcp.payload) holds a number; lower(http.host)[0:2] holds bytes");
    let filter = Filter::parse("len(tcp.payload) > 2 && tcp[0:2] == 1f:90", &Sample).unwrap();
    assert_eq!(filter.fields().map(|def| def.name).collect::<Vec<_>>(), ["tcp.payload"]);
    assert!(filter.only_wireshark());
}

/// What is calculated, which `tests/tshark/filters.rs` asks of tshark, too.
#[rustfmt::skip]
const CALCULATED: &[(&str, &[u32])] = &[
    ("tcp.len + 1 == 1", &[1, 2, 3]),
    ("tcp.len+1==1", &[1, 2, 3]),
    ("tcp.len +1 == 1", &[1, 2, 3]),
    ("tcp.len - 1 == -1", &[1, 2, 3]),
    ("tcp.len -1 < 0", &[1, 2, 3]),
    ("tcp.len == 10 + 10", &[6]),
    ("tcp.len == {10 + 10}", &[6]),
    ("{tcp.len + 1} * 2 == 42", &[6]),
    ("tcp.len + 1 * 2 == 22", &[6]),
    ("tcp.len/2 == 10", &[6]),
    ("tcp.len / 3 * 3 + tcp.len % 3 == tcp.len", ALL),
    ("tcp.len / 0 == 1", &[]),
    ("!tcp.len / 0 == 1", ALL),
    ("tcp.len % 2", &[4, 5, 8]),
    ("tcp.len + 4294967295 > 0", &[1, 2, 3]),
    ("-tcp.len == -20", &[6]),
    ("- tcp.len == - 20", &[6]),
    ("tcp.len + -tcp.len == 0", ALL),
    ("tcp.len & 1 + 1 == 2", &[5]),
    ("{tcp.len & 1} + 1 == 2", &[4, 5, 8]),
    ("tcp.len & tcp.len & tcp.len == tcp.len", ALL),
    ("tcp.port + tcp.port == 16160", ALL),
    ("tcp.srcport + tcp.dstport == 48080", ALL),
    ("all tcp.port + 1 > 8081", &[]),
    ("all tcp.port + 1 > 8080", ALL),
    ("any {tcp.port + 1} == 8081", ALL),
    ("tcp.window_size_scalefactor + 1 == 0", &[]),
    ("frame.time_relative + 0.5 == 0.502", &[3]),
    ("-frame.time_relative == -0.002", &[3]),
    ("frame.time_relative - frame.time_relative", &[]),
    ("len(tcp.payload) - tcp.len == 0", &[4, 5, 6, 7, 8]),
    ("min(tcp.srcport, tcp.dstport) == 8080", ALL),
    ("max(tcp.port) == 40000", ALL),
    ("max(tcp.len, 20) == 20", &[1, 2, 3, 6]),
    ("min(tcp.len - 5, 0) == -5", &[1, 2, 3]),
    ("max(min(tcp.len, 30), 25) == 25", &[1, 2, 3, 6, 7]),
    ("max(http.host) == \"localhost:8080\"", &[4]),
    ("min(ip.src, ip.dst) == 127.0.0.1", ALL),
    ("abs(tcp.srcport - tcp.dstport) == 31920", ALL),
    ("abs(tcp.len) == 20", &[6]),
    ("string(frame.number) matches \"[13579]$\"", &[1, 3, 5, 7]),
    ("string(ip.src) == \"127.0.0.1\"", ALL),
    ("string(tcp.port)[0:2] == \"80\"", ALL),
    ("string(tcp.len) contains \"20\"", &[4, 6]),
    ("tcp.len < tcp.srcport < 9000", &[2, 5, 6, 7]),
    ("tcp.len < frame.number < tcp.port > 39999", &[1, 2, 3]),
    ("tcp.len + 1 < {frame.number} <= 3", &[2, 3]),
    ("tcp.srcport == tcp.port == tcp.dstport", ALL),
    ("tcp.srcport == tcp.port != tcp.dstport", &[]),
    ("{http}", &[4, 5]),
    ("{tcp.len} == 20", &[6]),
];

#[test]
fn what_is_calculated() {
    for (text, expected) in CALCULATED {
        assert_eq!(frames(text), *expected, "{text}");
        let tree = syntax::filter(text).unwrap();
        assert_eq!(syntax::filter(&tree.to_string()).unwrap(), tree, "{text}: {tree}");
    }
}

#[test]
fn printed_and_read_again_is_the_same() {
    for (text, _) in WIRESHARK {
        let tree = syntax::filter(text).unwrap();
        assert_eq!(syntax::filter(&tree.to_string()).unwrap(), tree, "{text}");
    }
}

#[test]
fn knows_what_it_asks_for() {
    let filter = Filter::parse(" tcp.port == 80 || http && tcp.port == tcp.srcport ", &Sample).unwrap();
    assert_eq!(filter.text(), "tcp.port == 80 || http && tcp.port == tcp.srcport");
    assert_eq!(filter.fields().map(|def| def.name).collect::<Vec<_>>(), ["tcp.port", "tcp.srcport"]);
    assert_eq!(filter.protocols().map(|protocol| protocol.name).collect::<Vec<_>>(), ["http"]);
    assert!(filter.only_wireshark());
    assert!(!Filter::parse("tcp && socketio.event == \"chat\"", &Sample).unwrap().only_wireshark());
    assert!(!Filter::parse("socketio", &Sample).unwrap().only_wireshark());
}

/// Each wrong filter, the part at fault, what is said and what is advised.
#[rustfmt::skip]
const WRONG: &[(&str, &str, &str, &str)] = &[
    ("tcp.prot == 1", "tcp.prot", "`tcp.prot` is neither a field nor a protocol", "did you mean `tcp.port`?"),
    ("tcp.syn", "tcp.syn", "`tcp.syn` is neither a field nor a protocol", "did you mean `tcp.flags.syn`?"),
    ("http && nothing.like.it", "nothing.like.it", "`nothing.like.it` is neither a field nor a protocol", "`wiretale fields` lists them"),
    ("time > 1", "time", "`time` is neither a field nor a protocol", "did you mean `frame.time_relative`?"),
    ("syn == 1", "syn", "`syn` is neither a field nor a protocol", "did you mean `tcp.flags.syn`?"),
    ("_ws.expert", "_ws.expert", "`_ws.expert` is neither a field nor a protocol", "`wiretale fields` lists them"),
    ("tcp.port == $port && tcp", "$port", "knobs are known only in the script", "ask the capture for what the knob does there, as in count(tcp) > 0"),
    ("tcp.port == \"abc\"", "\"abc\"", "tcp.port holds a number; \"abc\" is text", "write a whole number, such as 80 or 0x50"),
    ("tcp.port == abc", "abc", "tcp.port holds a number; abc is not", "write a whole number, such as 80 or 0x50"),
    ("tcp.port == -1", "-1", "-1 is too small for tcp.port, which holds numbers from 0 to 65535", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.port == 99999", "99999", "99999 is too large for tcp.port, which holds numbers from 0 to 65535", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.port == 0x10000", "0x10000", "0x10000 is too large for tcp.port, which holds numbers from 0 to 65535", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.port in {1..70000}", "70000", "70000 is too large for tcp.port, which holds numbers from 0 to 65535", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.port < 65536", "65536", "65536 is too large for tcp.port, which holds numbers from 0 to 65535", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.port & -1", "-1", "-1 is too small for tcp.port, which holds numbers from 0 to 65535", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.port & 65536 == 1", "65536", "65536 is too large for tcp.port, which holds numbers from 0 to 65535", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.len == 4294967296", "4294967296", "4294967296 is too large for tcp.len, which holds numbers from 0 to 4294967295", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.len == 99999999999999999999999999999999999999999", "99999999999999999999999999999999999999999", "99999999999999999999999999999999999999999 is too large for tcp.len, which holds numbers from 0 to 4294967295", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("len(http.host) == 4294967296", "4294967296", "4294967296 is too large for len(http.host), which holds numbers from 0 to 4294967295", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("count(tcp.port) > -1", "-1", "-1 is too small for count(tcp.port), which holds numbers from 0 to 4294967295", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.window_size_scalefactor == 2147483648", "2147483648", "2147483648 is too large for tcp.window_size_scalefactor, which holds numbers from -2147483648 to 2147483647", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.port == 08", "08", "tcp.port holds a number; 08 is not", "write a whole number, such as 80 or 0x50"),
    ("tcp.port == tcp.srcprt", "tcp.srcprt", "tcp.port holds a number; tcp.srcprt is not", "did you mean the field `tcp.srcport`?"),
    ("tcp.port == ip.src", "ip.src", "tcp.port holds a number; ip.src holds an IPv4 address", ""),
    ("tcp.port == http", "http", "tcp.port holds a number; http is not", "whether a protocol is there its name alone asks: http"),
    ("http.host == abc", "abc", "http.host holds text; abc is not in quotes", "write \"abc\""),
    ("socketio.type == 2", "2", "socketio.type holds text; 2 is not in quotes", "it is one of \"CONNECT\", \"EVENT\", \"ACK\""),
    ("socketio.type == EVENT", "EVENT", "socketio.type holds text; EVENT is not in quotes", "write \"EVENT\""),
    ("socketio.type in {event}", "event", "socketio.type holds text; event is not in quotes", "it is one of \"CONNECT\", \"EVENT\", \"ACK\""),
    ("http.host == 'abc'", "'", "text stands in double quotes", "write \"…\""),
    ("tcp.port == 'ab'", "'", "text stands in double quotes", "write \"…\""),
    ("tcp.port == ''", "'", "text stands in double quotes", "write \"…\""),
    ("tcp.port == 'é'", "'", "text stands in double quotes", "write \"…\""),
    ("tcp.port == 'a", "'", "text stands in double quotes", "write \"…\""),
    ("ip.src == '1'", "'1'", "ip.src holds an IPv4 address; '1' is not", "write an address such as 127.0.0.1, or a block such as 10.0.0.0/8"),
    ("frame.time_relative == '\\x01'", "'\\x01'", "frame.time_relative holds a number of seconds; '\\x01' is not", "write seconds without a unit, such as 0.02"),
    ("http.host matches '1'", "'1'", "`matches` needs a regular expression in quotes", "write \"1\""),
    ("http.host matches \"(?=a)\"", "\"(?=a)\"", "not a regular expression: look-around, including look-ahead and look-behind, is not supported", "Wireshark takes it; here join several tests: http.host matches \"a\" && !(http.host matches \"b\")"),
    ("http.host matches \"(a)\\\\1\"", "\"(a)\\\\1\"", "not a regular expression: backreferences are not supported", "Wireshark takes it; here join several tests: http.host matches \"a\" && !(http.host matches \"b\")"),
    ("ip.src[0] == 127", "127", "ip.src[0:1] holds bytes; 127 is not", "octets are hexadecimal: write 7f"),
    ("ip.src == tcp.payload", "tcp.payload", "ip.src holds an IPv4 address; tcp.payload holds bytes", ""),
    ("{tcp.port == 80}", "{", "`{…}` groups what is calculated, not tests", "write {tcp.len + 1} * 2 == 4; tests are grouped by (…)"),
    ("{tcp.port + 1", "{", "this is never closed; `}` is missing", ""),
    ("ip.src#1 == 10.0.0.1", "#", "which of several layers is meant cannot be asked", "ask for what tells them apart, as in ip.src == 10.0.0.1"),
    ("@ip.src == 7f:00:00:01", "@", "octets are asked for by a slice", "write ip.src[0:] == 7f:00:00:01"),
    ("tcp.flags.syn == 2", "2", "tcp.flags.syn holds true or false; 2 is not", "write 1 or 0, True or False"),
    ("tcp.flags.syn == true", "true", "tcp.flags.syn holds true or false; true is not", "write 1 or 0, True or False"),
    ("frame.time_relative < 20ms", "20ms", "frame.time_relative holds a number of seconds; 20ms is not", "write seconds without a unit, such as 0.02"),
    ("ip.addr == ::1", "::1", "ip.addr holds an IPv4 address; ::1 is not", "localhost is 127.0.0.1 or ::1: write ip.addr == 127.0.0.1 || ipv6.addr == ::1"),
    ("ip.addr in {127.0.0.1, fd00::/8}", "fd00::/8", "ip.addr holds an IPv4 address; fd00::/8 is not", "addresses of IPv6 stand in ipv6.addr"),
    ("ip.src & fd00::1", "fd00::1", "ip.src holds an IPv4 address; fd00::1 is not", "addresses of IPv6 stand in ipv6.src"),
    ("ip.addr == 127.1", "127.1", "ip.addr holds an IPv4 address; 127.1 is not", "write an address such as 127.0.0.1, or a block such as 10.0.0.0/8"),
    ("ip.addr == 10.0.0.0/33", "10.0.0.0/33", "ip.addr holds an IPv4 address; 10.0.0.0/33 is not", "write an address such as 127.0.0.1, or a block such as 10.0.0.0/8"),
    ("ip.addr in {10.0.0.0/8..11.0.0.0}", "10.0.0.0/8..11.0.0.0", "a block of addresses cannot be the end of a range", ""),
    ("eth.addr == 00:11", "00:11", "eth.addr holds an Ethernet address; 00:11 is not", "write six octets such as 00:1b:21:3c:4d:5e"),
    ("tcp.payload == 0x4745", "0x4745", "tcp.payload holds bytes; 0x4745 is not", "write octets such as 81:05, or text in quotes"),
    ("http == 1", "http", "http has no value of its own; it is there or not", "its name alone asks whether it is there: http"),
    ("http.request == 1", "http.request", "http.request has no value of its own; it is there or not", "its name alone asks whether it is there: http.request"),
    ("http.request contains 1", "http.request", "http.request has no value of its own; it is there or not", "its name alone asks whether it is there: http.request"),
    ("http.request ~ \"1\"", "http.request", "http.request has no value of its own; it is there or not", "its name alone asks whether it is there: http.request"),
    ("tcp.port contains \"80\"", "tcp.port", "`contains` looks into text and bytes; tcp.port holds a number", ""),
    ("tcp.port ~ \"80\"", "tcp.port", "`matches` looks into text and bytes; tcp.port holds a number", ""),
    ("tcp contains get", "get", "get is neither text nor bytes", "for text write \"get\", for bytes 81:05"),
    ("tcp contains \"\"", "\"\"", "every text contains the empty text", ""),
    ("http.host matches get", "get", "`matches` needs a regular expression in quotes", "write \"get\""),
    ("http.host matches \"(\"", "\"(\"", "not a regular expression: unclosed group", ""),
    ("http.host matches \"(a{1000}){1000}\"", "\"(a{1000}){1000}\"", "the regular expression is too large", ""),
    ("http.host matches \"\\d\"", "\\d", "`\\d` is not an escape", "double the backslash, or write r\"…\" to keep all backslashes"),
    ("http.host == \"abc", "\"", "this text is never closed; `\"` is missing", ""),
    ("80 == tcp.port", "80", "`80` is neither a field nor a protocol", "write the field first, as in tcp.port == 80"),
    ("80", "80", "80 is a value; a test begins with a field", "write the field first, as in tcp.port == 80"),
    ("frame.number > 1 < 4", "1", "1 is a value; between two comparisons stands a field", "write tcp.len < tcp.seq < 100, or a > 1 && a < 10"),
    ("tcp.port = 80", "=", "a single `=` compares nothing", "write =="),
    ("tcp.flags.syn & 1", "tcp.flags.syn", "tcp.flags.syn holds true or false, which has no bits to ask for", "numbers, octets, addresses and slices have: tcp.flags & 0x12 == 0x12, tcp[13] & 2"),
    ("tcp & 1", "tcp", "tcp has no value of its own; it is there or not", "its name alone asks whether it is there: tcp"),
    ("http.host & 1", "http.host", "http.host holds text, which has no bits to ask for", "numbers, octets, addresses and slices have: tcp.flags & 0x12 == 0x12, tcp[13] & 2"),
    ("tcp.len & http.host", "http.host", "tcp.len holds a number; http.host holds text", ""),
    ("tcp.len & ip.src == 1", "ip.src", "tcp.len holds a number; ip.src holds an IP address", ""),
    ("tcp.payload & http.host", "http.host", "tcp.payload holds bytes; http.host holds text", ""),
    ("tcp.len & \"a\"", "\"a\"", "tcp.len holds a number; \"a\" is text", "write a whole number, such as 80 or 0x50"),
    ("ip.src & 10.0.0.0/8", "10.0.0.0/8", "a block of addresses has no bits to ask for", ""),
    ("tcp.len & 2 in {2}", "tcp.len & 2", "`in` takes a field as it is", "compare with each value: tcp.len & 2 == … || tcp.len & 2 == …"),
    ("tcp.payload & 2 contains 2", "tcp.payload & 2", "`contains` does not look into what is calculated", "compare them: tcp.payload & 2 == …"),
    ("tcp.len &", "", "expected a value after `&`, but the text ends here", ""),
    ("(tcp.len & 2) == 2", "==", "a test is compared with nothing", "what is calculated is grouped by {…}: {tcp.len + 1} * 2 == 4"),
    ("tcp.port == \"a\"[0:2]", "[", "a slice stands behind a field of a filter", "write http.host[0:4] == \"chat\", or count(http.host[0:4] == \"chat\") > 0"),
    ("tcp.port[0] == 1f", "[0]", "tcp.port holds a number, which cannot be sliced", "slice text, octets, an address or a protocol: tcp[13] == 2"),
    ("len(http.host)[0] == 1", "[0]", "len(…) holds a number, which cannot be sliced", "slice text, octets, an address or a protocol: tcp[13] == 2"),
    ("http.request[0] == 1", "http.request", "http.request has no value of its own; it is there or not", "its name alone asks whether it is there: http.request"),
    ("http.host[] == \"a\"", "]", "expected which octets, as in [0:4], [2-5], [:4], [4:] or [-1], found `]`", ""),
    ("http.host[a] == \"a\"", "a", "a is not the number of an octet", "octets are counted from 0, and from -1 backwards from the end"),
    ("http.host[99999999999]", "99999999999", "99999999999 is not the number of an octet", "octets are counted from 0, and from -1 backwards from the end"),
    ("http.host[1:0] == \"a\"", "0", "a slice cannot have 0 octets", "behind the colon stands how many octets there are; [2-5] goes up to the fifth"),
    ("http.host[0:-1] == \"a\"", "-1", "a slice cannot have -1 octets", "behind the colon stands how many octets there are; [2-5] goes up to the fifth"),
    ("http.host[3-1] == \"a\"", "3-1", "the slice ends before it begins", "write the smaller number first"),
    ("http.host[1:2:3]", ":3", "expected `]`, found `:3`", ""),
    ("http.host[0:2", "[", "this is never closed; `]` is missing", ""),
    ("http.host[0:2] == abc", "abc", "http.host[0:2] holds bytes; abc is not", "write octets such as 81:05, or text in quotes"),
    ("http.host[0:2] in {\"lo\"}", "http.host[0:2]", "`in` takes a field as it is", "compare with each value: http.host[0:2] == … || http.host[0:2] == …"),
    ("len(http.hst) == 1", "http.hst", "`http.hst` is neither a field nor a protocol", "did you mean `http.host`?"),
    ("len(tcp.port) == 2", "tcp.port", "len takes text, octets, addresses and protocols; tcp.port holds a number", "compare the value itself: tcp.port == …"),
    ("len(http.request) == 2", "http.request", "len takes text, octets, addresses and protocols; http.request holds nothing", "whether it is there is asked by its name alone: http.request"),
    ("lower(tcp.port) == \"a\"", "tcp.port", "lower takes text; tcp.port holds a number", ""),
    ("upper(tcp.payload) == \"a\"", "tcp.payload", "upper takes text; tcp.payload holds bytes", "`matches` ignores the case of octets: tcp.payload matches \"…\""),
    ("upper(tcp) == \"a\"", "tcp", "upper takes text; tcp is a protocol", "`matches` ignores the case of octets: tcp matches \"…\""),
    ("lower(http.host[0:2]) == \"lo\"", "http.host", "lower takes a field as it is", "slice what comes of it: lower(http.host)[0:4]"),
    ("http && len(http.host)", "len(http.host)", "len gives a value, which is neither true nor false", "compare it: len(http.host) > 0"),
    ("lower(http.host)", "lower(http.host)", "lower gives a value, which is neither true nor false", "compare it: lower(http.host) == \"…\""),
    ("len(\"abc\") == 3", "\"", "expected a field, as in len(http.host), found `\"`", ""),
    ("len(http.host, tcp) == 3", ",", "expected `)`, found `,`", ""),
    ("len(http.host", "(", "this is never closed; `)` is missing", ""),
    ("sum(tcp.len) > 3", "sum", "no function `sum` asks a frame", "those that do are len, count, lower, upper, string, min, max, abs"),
    ("http.host contains lower(http.host)", "lower(http.host)", "`contains` looks for a value, not for lower(http.host)", "write http.host contains \"…\""),
    ("len(http.host) contains 1", "len(http.host)", "`contains` looks into text and bytes; len(http.host) holds a number", ""),
    ("tcp AND http", "AND", "`and` is written in small letters", "write and, or &&"),
    ("tcp.port == 80 81", "81", "expected `and`, `or` or the end of the filter, found `81`", ""),
    ("http xor tcp", "xor ", "`xor` does not join filters", "write (a && !b) || (!a && b)"),
    ("", "", "expected a field such as tcp.port, or a protocol, but the text ends here", ""),
    ("tcp &&", "", "expected a field such as tcp.port, or a protocol, but the text ends here", ""),
    ("tcp.port ==", "", "expected a value after `==`, but the text ends here", ""),
    ("(tcp || http", "(", "this is never closed; `)` is missing", ""),
    ("(tcp http)", "http", "expected `)`, found `http`", ""),
    ("tcp)", ")", "expected `and`, `or` or the end of the filter, found `)`", ""),
    ("()", ")", "expected a field such as tcp.port, or a protocol, found `)`", ""),
    ("tcp.port in 80", "80", "expected a set such as {80, 8000..8080}, found `80`", ""),
    ("tcp.port in {80", "{", "this is never closed; `}` is missing", ""),
    ("tcp.port in {}", "}", "expected a value, found `}`", ""),
    ("tcp.port in {80,}", "}", "expected a value, found `}`", ""),
    ("tcp.port == 80 é", "é", "expected `and`, `or` or the end of the filter, found `é`", "names have the letters a to z alone, and text stands in double quotes"),
    ("tcp.pört == 1", "ört", "expected `and`, `or` or the end of the filter, found `ört`", "names have the letters a to z alone, and text stands in double quotes"),
    ("tcp.port == TCP", "TCP", "tcp.port holds a number; TCP is not", "whether a protocol is there its name alone asks: tcp"),
    ("1 + tcp.len == 5", "1", "1 is a value; a calculation begins with a field", "write the field first, as in tcp.len + 1 == 5"),
    ("1 < tcp.len < 10", "1", "`1` is neither a field nor a protocol", "write the field first, as in tcp.port == 80"),
    ("any tcp.len < tcp.port < 10", "<", "`any` and `all` speak of one comparison", "write all a < b && all b < c"),
    ("tcp.len == tcp.len contains 1", "contains", "`contains` and `matches` stand in no chain of comparisons", "write a == b && b contains \"…\""),
    ("tcp.len < nothing < 3", "nothing", "tcp.len holds a number; nothing is not", "write a whole number, such as 80 or 0x50"),
    ("{\"a\"} == \"a\"", "{\"a\"}", "\"a\" is a value; a test begins with a field", "write the field first, as in http.host == \"a\""),
    ("http.host + 1 == 5", "http.host", "http.host holds text, with which nothing is calculated", "numbers and seconds are: tcp.seq + tcp.len == tcp.nxtseq"),
    ("-ip.src == 1.1.1.1", "ip.src", "ip.src holds an IP address, with which nothing is calculated", "numbers and seconds are: tcp.seq + tcp.len == tcp.nxtseq"),
    ("frame.time_relative * 2 == 1", "frame.time_relative", "frame.time_relative holds seconds, which are only added and subtracted", ""),
    ("tcp.len + frame.time_relative == 1", "frame.time_relative", "tcp.len holds a number; frame.time_relative holds a number of seconds", ""),
    ("tcp.len + 'a' == 1", "'a'", "'a' is nothing to calculate with", "write a number, or octets such as 47:45"),
    ("tcp.len + 4294967296 == 1", "4294967296", "4294967296 is too large for tcp.len, which holds numbers from 0 to 4294967295", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.port + 1 == 65536", "65536", "65536 is too large for tcp.port + 1, which holds numbers from -65536 to 65535", "compare with one that it can hold; whether a field is there at all, its name alone asks"),
    ("tcp.len + 2.5 == 1", "2.5", "tcp.len holds a number; 2.5 is not", "write a whole number, such as 80 or 0x50"),
    ("tcp.len == -{tcp.len}", "-", "a sign stands before a field or a number", "write {tcp.seq - tcp.ack} * -1"),
    ("tcp.len-1 == 2", "tcp.len-1", "`tcp.len-1` is neither a field nor a protocol", "blanks stand around a minus: tcp.len - …"),
    ("tcp.len +", "", "expected a value after `+`, but the text ends here", ""),
    ("tcp.len + == 1", "==", "expected a field such as tcp.port, or a value, found `==`", ""),
    ("{tcp.len + 1} in {2}", "{tcp.len + 1}", "`in` takes a field as it is", "compare with each value: tcp.len + 1 == … || tcp.len + 1 == …"),
    ("{http.payload}[0] == 1", "[", "a slice stands behind a field of a filter", "write http.host[0:4] == \"chat\", or count(http.host[0:4] == \"chat\") > 0"),
    ("max(tcp.port, tcp.len) == 1", "tcp.len", "max compares what is of one kind: tcp.port holds a number of 16 bits, tcp.len a number of 32 bits", ""),
    ("max(5, tcp.len) == 1", "5", "5 is a value; a calculation begins with a field", "write the field first, as in tcp.len + 5 == 5"),
    ("max(tcp.len, 1)", "max(tcp.len, 1)", "max gives a value, which is neither true nor false", "compare it: max(tcp.len, 1) > 0"),
    ("abs(http.host) == 1", "http.host", "http.host holds text, with which nothing is calculated", "numbers and seconds are: tcp.seq + tcp.len == tcp.nxtseq"),
    ("abs(tcp.len, 1) == 1", "abs(tcp.len, 1)", "abs takes one value", "write abs(tcp.seq - tcp.ack)"),
    ("min() == 1", ")", "expected a field such as tcp.port, or a value, found `)`", ""),
    ("string(http.host) == \"a\"", "http.host", "string takes numbers and addresses; http.host holds text", "it is text already: http.host matches \"…\""),
    ("string(tcp.flags.syn) == \"1\"", "tcp.flags.syn", "string takes numbers and addresses; tcp.flags.syn holds true or false", ""),
    ("tcp.payload == http.host", "http.host", "tcp.payload holds bytes; http.host holds text", ""),
    ("tcp.port in {80 81}", "81", "values are separated by commas", "write tcp.port in {80, 8080}; blanks alone have not sufficed since Wireshark 4"),
    ("frame.time_relative < -20ms", "-20ms", "frame.time_relative holds a number of seconds; -20ms is not", "write seconds without a unit, such as 0.02"),
];

#[test]
fn errors_say_where_what_and_how() {
    let mut bad = Vec::new();
    for (text, at, message, help) in WRONG {
        let want = ((*at).to_owned(), (*message).to_owned(), (*help).to_owned());
        match Filter::parse(text, &Sample) {
            Ok(_) => bad.push(format!("{text}: taken")),
            Err(_) if error(text) == want => {}
            Err(_) => bad.push(format!("{text}: {:?}", error(text))),
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn bounds() {
    let nested = |n: usize| format!("{}tcp{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(frames(&nested(64)), ALL);
    assert_eq!(error(&nested(65)).1, "nested deeper than 64 levels");
    assert_eq!(error(&format!("{}tcp", "!".repeat(60_000))).1, "nested deeper than 64 levels");
    assert_eq!(frames(&format!("tcp{}", " || tcp".repeat(9000))), ALL);
    let steps = |step: &str, n: usize| format!("tcp.payload{}", step.repeat(n));
    assert_eq!(frames(&format!("{} || tcp", steps("[0:]", 16))), ALL);
    assert_eq!(error(&steps("[0:]", 9000)).1, "slices are sliced 16 times at the most");
    assert_eq!(error(&steps(" & 01", 9000)).1, "a calculation has 16 steps in a row at the most");
    let nested = |n: usize| format!("{}tcp.len{} == 20", "{".repeat(n), "}".repeat(n));
    assert_eq!(frames(&nested(64)), [6]);
    assert_eq!(error(&nested(65)).1, "nested deeper than 64 levels");
    assert_eq!(error(&format!("{}tcp.len", "max(".repeat(9000))).1, "nested deeper than 64 levels");
    assert_eq!(error(&format!("max(tcp.len{}) == 1", ", 1".repeat(16))).1, "max takes 16 values at the most");
    assert_eq!(frames(&format!("tcp.len{} < 4", " < tcp.port > tcp.len".repeat(2000))), [1, 2, 3]);
    assert_eq!(error(&"x".repeat(65 * 1024)).1, "the text is longer than 65536 bytes");
    assert_eq!(error(&"x".repeat(64 * 1024)).2, "`wiretale fields` lists them", "nothing is compared with that");
}
