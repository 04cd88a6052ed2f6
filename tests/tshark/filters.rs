//! Functions and slices in display filters find the same frames in tshark, and what it refuses we refuse.

use std::path::Path;

use wiretale::filter::{Filter, TraceNames};

use crate::compare::load;
use crate::tool::{self, Passes};

/// Of the length of TCP and WebSocket tshark itself says now one thing, now another: its items end where they end when the
/// filter is asked, and that depends on what else is asked.
const FOUND: &[&str] = &[
    "len(http.host) == 14",
    "len(http.host) > 0xe",
    "len(http.request.uri) > 40",
    "len(tcp.payload) > 100",
    "len(ip.src) == 4",
    "len(frame) > 200",
    "len(eth) == 14",
    "len(http) > 150",
    "tcp.len == len(tcp.payload)",
    "not len(http.host) > 0",
    "all len(http.host) > 1",
    "count(tcp.port) == 2",
    "count(tcp.options.timestamp.tsval) == 1",
    "count(http.host) == 0",
    "count(http.request) == 1",
    "count(websocket) > 1",
    "count(ip) == 1",
    "lower(http.request.method) == \"get\"",
    "upper(http.connection) contains \"UPGRADE\"",
    "lower(http.upgrade)[0:3] == \"web\"",
    "lower(http.connection) == http.connection",
    "lower(http.request.method) matches \"^g\"",
    "http.host[0:3] == \"127\"",
    "http.host[0:3] == 31:32:37",
    "http.host[ 0 : 3 ] == \"127\"",
    "http.host[0] == 31",
    "http.host[0x0:03] == \"127\"",
    "http.host[0-2] == \"127\"",
    "http.host[-4:] != \"8080\"",
    "http.host[-3--1] contains \"0\"",
    "http.host[0:2,-2:2] contains \"12\"",
    "http.host[0:3,50:2] == \"127\"",
    "http.host[50:2,0:3] == \"127\"",
    "http.host[100:2]",
    "http.host[100:2] != \"aa\"",
    "http.host[3-100]",
    "http.host[-30:2] != \"a\"",
    "!http.host[0:3]",
    "http.host[0:3] === \"127\"",
    "http.host[0:3] ~ \"^1\"",
    "http.host[0:3] == http.host[0-2]",
    "http.host[0:2] > \"0\"",
    "tcp.payload[0:4] == \"GET \"",
    "tcp.payload[2-3] == 54:20",
    "tcp.payload[:] matches \"upgrade\"",
    "tcp.payload[1:] contains \"GET\"",
    "tcp[13] == 2",
    "tcp[13] == 0x12",
    "ip[9] == 06",
    "frame[-2:] == 0d:0a",
    "http[0:4] == \"GET \"",
    "http[-2:] == 0d:0a",
    "websocket[0] == 81",
    "ip.src[0] == 7f",
    "ip.dst[0:2] == 7f:00",
    "ipv6.src[0:2] == fd:00",
    "eth.addr[0:3] != 00:00:00",
    "http.cookie[0:1]",
    "http.host[0:5][1:2]",
    "http.host[0:5][1:2][0] == 32",
    "http.host[0:3][5:1]",
    "lower(http.upgrade)[0:5][1:2] == \"eb\"",
    "tcp[12:4][1] == 02",
    "ip.src[0:3][2] == 00",
    "http.host == http.host[0:20][0:14]",
    "http.host[-9:][:4] == http.host[-9:4]",
    "tcp.flags & 0x02",
    "tcp.flags & 0x12 == 0x12",
    "tcp.flags bitwise_and 2",
    "tcp.flags&2",
    "tcp.flags & tcp.flags",
    "tcp.flags & 2 && http",
    "!tcp.flags & 2",
    "not (tcp.flags & 2)",
    "tcp.flags & 2 & 2",
    "tcp.flags & 0x12 & 2 == 2",
    "tcp.flags & 0x10 == tcp.flags",
    "tcp.flags == tcp.flags & 0x10",
    "tcp.flags & tcp.len == 0",
    "tcp.flags & 0x02 != 0",
    "tcp.flags & 0",
    "tcp.port & 1",
    "all tcp.port & 1 == 1",
    "tcp.port & 1 != 1",
    "tcp.seq & 1",
    "ip.ttl & 0x40",
    "tcp.payload & 0x01",
    "tcp.payload[0] & 0x01",
    "tcp.payload[0:2] & 00:01 == 00:01",
    "tcp[13] & 2",
    "tcp[13] & 2 == 2",
    "tcp[12:2][1] & 0x12 == 12",
    "ip.src & 255.0.0.0 == 127.0.0.0",
    "ip.src & 0.0.0.2",
    "len(http.host) & 1",
    "tcp.len & len(http.host)",
    "count(tcp.port) & 2",
    "http.response.code & 1",
    "http.time > 0.0001",
    "all tcp.port not in {80, 8080}",
    "all udp.port not in {53, 9306}",
    "tcp.port ~= 8080",
    "all tcp.len ~= 0",
    "frame.time_delta > -1",
    "frame.time_delta in {-1..0.001}",
    "frame.protocols[0:3] == \"eth\"",
    "frame.protocols contains \":http\"",
    "lower(frame.protocols) contains \"websocket\"",
    "tcp.port < 65535",
    "ip.ttl <= 255",
    "tcp.seq <= 4294967295",
    "tcp.flags & 65535",
    "tcp.len == ip.hdr_len",
    "tcp.port > tcp.len",
    "tcp.window_size & tcp.flags",
];

const REFUSED: &[&str] = &[
    "http.host[0:3] in {\"127\"}",
    "lower(http.request.method) in {\"get\", \"post\"}",
    "len(http.host)",
    "lower(http.host)",
    "len(http.host)[0] == 1",
    "lower(http.host[0:2]) == \"12\"",
    "lower(tcp.port) == \"a\"",
    "lower(tcp.payload) == \"a\"",
    "http.host == lower(\"A\")",
    "tcp.port[0] == 1",
    "tcp.flags.syn[0] == 1",
    "frame.time_epoch[0] == 1",
    "http.host[1:0] == \"a\"",
    "http.host[0:-1] == \"a\"",
    "http.host[2-1] == \"a\"",
    "http.host[] == \"a\"",
    "http.host[a]",
    "http.host[1:2:3]",
    "http.host[99999999999]",
    "len(http.host, http.host) == 1",
    "len() == 1",
    "foo(http.host) == 1",
    "ip.addr == ::1",
    "ip.src in {10.0.0.0/8, fd00::/8}",
    "ipv6.dst == 127.0.0.1",
    "ip.src == ipv6.src",
    "tcp.analysis.flags contains 01",
    "tcp.analysis.duplicate_ack matches \".\"",
    "tcp.flags.syn == len(http.host)",
    "2 & tcp.flags == 2",
    "tcp.flags & \"a\"",
    "tcp.flags & http.host",
    "http.host & 1",
    "tcp.flags.syn & 1",
    "tcp.flags & 0x02 in {2}",
    "tcp.flags & 0x02 contains 2",
    "tcp.payload & 0x02 contains 2",
    "frame.time_relative & 1",
    "eth.addr & 1",
    "tcp & 2",
    "tcp.flags &",
    "tcp.flags & (2)",
    "(tcp.flags & 2) == 2",
    "len(http.host[0:3]) == 3",
    "tcp.port == 65536",
    "tcp.port < 0x10000",
    "tcp.port in {1..70000}",
    "tcp.port in {70000}",
    "tcp.flags & 65536",
    "ip.ttl == 256",
    "ip.version == 256",
    "tcp.hdr_len > 256",
    "tcp.seq == 4294967296",
    "tcp.len == 99999999999999999999",
    "frame.number == 4294967296",
    "websocket.payload_length_ext_64 == 18446744073709551616",
    "len(http.host) == 4294967296",
    "count(tcp.port) == 4294967296",
    "tcp.window_size_scalefactor == 2147483648",
    "data.len == 4294967296",
];

#[test]
fn functions_and_slices_find_the_same_frames() {
    if !tool::is_here() {
        return;
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let captures = [
        "captures/09-upgrade.pcapng",
        "captures/14-socketio.pcapng",
        "captures/16-audience.pcapng",
        "captures/04-loss.pcapng",
    ];
    let mut wrong = Vec::new();
    for path in captures.map(|name| home.join(name)) {
        let trace = load(&path);
        for (filter, theirs) in FOUND.iter().zip(tool::filtered(&path, Passes::Two, FOUND)) {
            let ours = Filter::parse(filter, &TraceNames).map(|filter| filter.frames(&trace).collect::<Vec<_>>());
            let ours = ours.map_err(|error| error.to_string());
            if ours.is_err() || ours != theirs {
                wrong.push(format!("{}: {filter}\n  we find {ours:?}, tshark {theirs:?}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Newer versions of tshark take more.
#[test]
fn what_tshark_refuses_is_refused() {
    if !tool::is_here() || tool::version() != (4, 0) {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/01-packet.pcapng");
    for (filter, theirs) in REFUSED.iter().zip(tool::filtered(&path, Passes::One, REFUSED)) {
        assert!(theirs.is_err(), "tshark takes {filter}");
        assert!(Filter::parse(filter, &TraceNames).is_err(), "we take {filter}");
    }
}
