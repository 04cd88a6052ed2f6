//! What the generated conversations say: HTTP and WebSocket in all the forms their documents allow, and TCP in moods.

use wiretale::capture::LinkType;

use crate::wire::{ACK, Client, FIN, PSH, RST, Server, Side, Talk};

const GET: &[u8] = b"GET /here?a=1 HTTP/1.1\r\nHost: ada.example\r\nUser-Agent: test/1\r\n\r\n";
pub const UPGRADE: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: ada.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
pub const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

/// An exchange of HTTP, request and response each in one segment.
fn exchange(name: &'static str, port: u16, turns: &[(Side, &[u8])], last: Side) -> Talk {
    let mut talk = Talk::new(name, port).open();
    for (side, text) in turns {
        talk.says(*side, text);
    }
    talk.close(last, b"");
    talk
}

/// HTTP: bodies with content codings. Four times `the quick brown fox `, and an event stream.
fn coded() -> Vec<Talk> {
    const GZIP: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: 43\r\n\r\n\
        \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03+\xc9HU(,\xcdL\xceVH*\xca/\xcfSH\xcb\xafP(\xa1@\x0c\x00\xb0\x1b\xdd\x95P\x00\x00\x00";
    const ZLIB: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: deflate\r\nContent-Length: 31\r\n\r\n\
        x\xda+\xc9HU(,\xcdL\xceVH*\xca/\xcfSH\xcb\xafP(\xa1@\x0c\x00\xaa\xac\x1dM";
    const BARE: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: deflate\r\nContent-Length: 25\r\n\r\n\
        +\xc9HU(,\xcdL\xceVH*\xca/\xcfSH\xcb\xafP(\xa1@\x0c\x00";
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: x-gzip\r\n\
        Transfer-Encoding: chunked\r\n\r\n15\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03+\xc9HU(,\xcdL\xceVH\r\n16\r\n*\xca/\xcfSH\xcb\xafP(\xa1@\x0c\x00\xb0\x1b\xdd\x95P\x00\x00\x00\r\n0\r\n\r\n";
    const BROTLI: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: br\r\nContent-Length: 9\r\n\r\n\
        \x0b\x02\x80hello\x03";
    const EVENTS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
        9\r\ndata: one\r\n9\r\n\n\nid: 2\nd\r\n8\r\nata: a\n\n\r\n0\r\n\r\n";
    let bodies = [GZIP, ZLIB, BARE, CHUNKED, BROTLI, EVENTS];
    let talk = |(port, body): (u16, &&[u8])| exchange("coded", port, &[(Client, GET), (Server, *body)], Client);
    (41_020..).zip(&bodies).map(talk).collect()
}

/// HTTP: bodies with all sorts of ends.
pub fn http() -> Vec<Talk> {
    let post = b"POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world";
    let ok = b"HTTP/1.1 200 OK\r\nServer: s/2\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n\
        5;name=value\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 7\r\n\r\n";
    let chunked_post = b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let pair = |a: &'static [u8], b: &'static [u8]| [(Client, a), (Server, b)];
    let head = b"HEAD /here HTTP/1.1\r\nHost: h\r\n\r\n";
    let expecting = b"POST /big HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let old = b"GET /old HTTP/1.0\r\n\r\n";
    let mut talks = vec![
        exchange("length", 41_000, &pair(post, ok), Client),
        exchange("chunked with extension and trailer", 41_001, &pair(GET, chunked), Client),
        exchange("chunked request", 41_002, &pair(chunked_post, ok), Client),
        exchange("204", 41_003, &pair(GET, b"HTTP/1.1 204 No Content\r\n\r\n"), Client),
        exchange("304", 41_004, &pair(GET, b"HTTP/1.1 304 Not Modified\r\nDate: x\r\n\r\n"), Client),
        exchange("HEAD", 41_005, &pair(head, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"), Client),
        exchange(
            "redirect",
            41_006,
            &pair(GET, b"HTTP/1.1 301 Moved Permanently\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
            Server,
        ),
        exchange(
            "100-continue",
            41_007,
            &[(Client, expecting), (Server, b"HTTP/1.1 100 Continue\r\n\r\n"), (Client, b"four"), (Server, ok)],
            Client,
        ),
        exchange("pipelined", 41_008, &[(Client, &[GET, GET].concat()), (Server, &[&ok[..], ok].concat())], Client),
        exchange("keep-alive", 41_009, &[(Client, GET), (Server, ok), (Client, post), (Server, chunked)], Client),
        exchange(
            "until close",
            41_010,
            &pair(GET, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end"),
            Server,
        ),
        exchange("HTTP/1.0", 41_011, &pair(old, b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold"), Server),
        exchange("not found", 41_012, &pair(GET, b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"), Server),
        split_http("in small segments", 41_013, post, chunked, 7),
        split_http("in single octets", 41_014, GET, ok, 1),
    ];
    talks.extend(coded());
    talks
}

fn split_http(name: &'static str, port: u16, request: &[u8], response: &[u8], size: usize) -> Talk {
    let mut talk = Talk::new(name, port).open();
    talk.dribbles(Client, request, size);
    talk.dribbles(Server, response, size);
    talk.close(Client, b"");
    talk
}

/// A WebSocket frame. The client's are masked with a key made from the payload.
pub fn frame(from: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    let form = match payload.len() {
        0..126 => 7,
        126..65_536 => 16,
        _ => 64,
    };
    frame_in(from, first, payload, form)
}

/// A WebSocket frame with its length in 7, 16 or 64 bits.
fn frame_in(from: Side, first: u8, payload: &[u8], bits: u8) -> Vec<u8> {
    let mask = if from == Client { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match bits {
        7 => bytes.push(mask | payload.len() as u8),
        16 => {
            bytes.push(mask | 126);
            bytes.extend((payload.len() as u16).to_be_bytes());
        }
        _ => {
            bytes.push(mask | 127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    if from == Server {
        bytes.extend(payload);
        return bytes;
    }
    let key = [0x37, 0xfa ^ payload.len() as u8, 0x21, first];
    bytes.extend(key);
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key));
    bytes
}

pub const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// First and middle frames of a message, and its last.
const TEXT_BEGINS: u8 = 0x01;
const GOES_ON: u8 = 0x00;
const ENDS: u8 = 0x80;

/// A connection that speaks WebSocket already.
pub fn upgraded(name: &'static str, port: u16) -> Talk {
    let mut talk = Talk::new(name, port).open();
    talk.says(Client, UPGRADE);
    talk.says(Server, SWITCH);
    talk
}

fn frames(name: &'static str, port: u16, list: &[(Side, u8, &[u8])]) -> Talk {
    let mut talk = upgraded(name, port);
    for (side, first, payload) in list {
        talk.says(*side, &frame(*side, *first, payload));
    }
    talk.close(Server, b"");
    talk
}

/// WebSocket: all forms of frames.
pub fn websocket() -> Vec<Talk> {
    let bye = b"\x03\xe8bye";
    let mut talks = vec![
        frames(
            "short",
            42_000,
            &[(Client, TEXT, b"hi"), (Server, TEXT, b"hi you"), (Client, TEXT, "größe €".as_bytes())],
        ),
        frames("empty", 42_001, &[(Client, TEXT, b""), (Server, TEXT, b""), (Server, PING, b""), (Client, PONG, b"")]),
        frames("ping and pong", 42_002, &[(Server, PING, b"abc"), (Client, PONG, b"abc"), (Client, PONG, b"unasked")]),
        frames("close with reason", 42_003, &[(Client, CLOSE, bye), (Server, CLOSE, b"\x03\xe8")]),
        frames("close without code", 42_004, &[(Server, CLOSE, b""), (Client, CLOSE, b"")]),
        frames("16 bits", 42_005, &[(Client, TEXT, &[b'a'; 126]), (Server, TEXT, &[b'b'; 1_000])]),
        frames("125", 42_006, &[(Client, TEXT, &[b'a'; 125]), (Server, PING, &[b'b'; 125])]),
        frames(
            "binary",
            42_007,
            &[(Client, BINARY, &[1, 2, 0, 255]), (Server, BINARY, &[0; 130]), (Server, BINARY, b"")],
        ),
        frames(
            "fragments with a ping between",
            42_008,
            &[
                (Server, TEXT_BEGINS, b"Hel"),
                (Server, PING, b"hi"),
                (Server, GOES_ON, b"lo "),
                (Client, PONG, b"hi"),
                (Server, ENDS, b"you"),
                (Server, TEXT, b"next"),
            ],
        ),
    ];
    talks.extend(websocket_in_segments());
    talks
}

fn websocket_in_segments() -> Vec<Talk> {
    let mut large = upgraded("64 bits, in many segments", 42_020);
    large.dribbles(Client, &frame(Client, TEXT, &[b'x'; 66_000]), 1_400);
    large.dribbles(Server, &frame(Server, TEXT, &[b'y'; 65_536]), 1_400);
    let mut several = upgraded("several frames in a segment", 42_021);
    let three = [frame(Client, TEXT, b"one"), frame(Client, TEXT, b"two"), frame(Client, PING, b"3")].concat();
    several.says(Client, &three);
    several.says(Server, &[frame(Server, PONG, b"3"), frame(Server, TEXT, &[b'z'; 200])].concat());
    let mut octets = upgraded("one octet in a segment", 42_022);
    octets.dribbles(Client, &three, 1);
    octets.dribbles(Server, &[frame(Server, TEXT, &[b'z'; 130]), frame(Server, TEXT, b"end")].concat(), 1);
    let mut halves = upgraded("across segments", 42_023);
    halves.dribbles(Client, &[&three[..], &three, &three].concat(), 10);
    let mut together = Talk::new("101 and frame in one segment", 42_024).open();
    together.says(Client, UPGRADE);
    together.says(Server, &[SWITCH, &frame(Server, TEXT, b"at once")].concat());
    together.says(Client, &frame(Client, TEXT, b"then"));
    let mut refused = Talk::new("an upgrade that is refused", 42_025).open();
    refused.says(Client, UPGRADE);
    refused.says(Server, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno\n");
    refused.says(Client, GET);
    refused.says(Server, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut longer = upgraded("lengths in longer forms than needed", 42_026);
    longer.says(Client, &frame_in(Client, TEXT, b"sixteen", 16));
    longer.says(Server, &frame_in(Server, TEXT, b"sixty-four", 64));
    vec![large, several, octets, halves, together, refused, longer]
}

/// TCP: what happens to segments.
pub fn tcp() -> Vec<Talk> {
    let text = |from, text: &[u8]| frame(from, TEXT, text);
    let mut wrapping = Talk::new("numbers that wrap", 43_000).starting_at(u32::MAX - 60, u32::MAX - 3).open();
    wrapping.says(Client, UPGRADE);
    wrapping.says(Server, SWITCH);
    wrapping.says(Server, &text(Server, b"after the wrap"));
    wrapping.close(Client, b"");
    let mut twice = upgraded("a segment twice", 43_001);
    let hello = text(Server, b"hello");
    twice.pushes(Server, &hello);
    twice.segment(Server, -(hello.len() as i64), PSH | ACK, &hello);
    twice.segment(Client, 0, ACK, b"");
    twice.says(Client, &text(Client, b"once"));
    let mut reset = upgraded("a reset", 43_002);
    reset.says(Client, &text(Client, b"hello"));
    reset.segment(Server, 0, RST | ACK, b"");
    let mut farewell = Talk::new("data on the FIN", 43_003).open();
    farewell.says(Client, b"GET / HTTP/1.0\r\n\r\n");
    farewell.pushes(Server, b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nso ");
    farewell.close(Server, b"long");
    let mut hurried = Talk::new("data on the SYN", 43_004);
    hurried.syn(Client, GET);
    hurried.syn(Server, b"");
    hurried.segment(Client, 0, ACK, b"");
    hurried.says(Server, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    hurried.close(Client, b"");
    let mut refused = Talk::new("a port where nobody listens", 43_005);
    refused.syn(Client, b"");
    refused.segment(Server, 0, RST | ACK, b"");
    let mut impatient = Talk::new("a SYN sent again", 43_006);
    impatient.syn(Client, b"");
    impatient.advance(Client, u32::MAX as usize);
    impatient.syn(Client, b"");
    impatient.syn(Server, b"");
    impatient.segment(Client, 0, ACK, b"");
    impatient.says(Client, GET);
    impatient.says(Server, b"HTTP/1.1 204 No Content\r\n\r\n");
    let mut half = Talk::new("a half-close", 43_007).open();
    half.says(Client, GET);
    half.segment(Client, 0, FIN | ACK, b"");
    half.advance(Client, 1);
    half.says(Server, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
    half.segment(Server, 0, FIN | ACK, b"");
    half.advance(Server, 1);
    half.segment(Client, 0, ACK, b"");
    let mut strange = Talk::new("not HTTP at all", 43_008).open();
    strange.says(Client, b"\x00\x01\x02\x03 binary \xff");
    strange.says(Server, b"\x10\x20");
    vec![wrapping, twice, reset, farewell, hurried, refused, impatient, half, strange]
}

/// The same two ends twice, with new numbers.
pub fn port_reuse() -> Vec<Talk> {
    let first = exchange("first", 44_000, &[(Client, GET), (Server, b"HTTP/1.1 204 No Content\r\n\r\n")], Client);
    let mut second = Talk::new("second", 44_000).starting_at(77, 99).open();
    second.says(Client, UPGRADE);
    second.says(Server, SWITCH);
    second.says(Client, &frame(Client, TEXT, b"again"));
    vec![first, second]
}

/// Segments that arrive in another order than they were sent.
pub fn out_of_order() -> Vec<Talk> {
    let mut early = upgraded("the second before the first", 45_000);
    let (one, two) = (frame(Server, TEXT, b"one"), frame(Server, TEXT, b"two"));
    early.segment(Server, one.len() as i64, PSH | ACK, &two);
    early.raw(Client, 0, ACK, &[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9], b"");
    early.pushes(Server, &one);
    early.advance(Server, two.len());
    early.segment(Client, 0, ACK, b"");
    early.says(Server, &frame(Server, TEXT, b"three"));
    let mut http = Talk::new("the halves of a response swapped", 45_001).open();
    http.says(Client, GET);
    let response = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n0123456789";
    let (head, tail) = response.split_at(30);
    http.segment(Server, head.len() as i64, PSH | ACK, tail);
    http.pushes(Server, head);
    http.advance(Server, tail.len());
    http.segment(Client, 0, ACK, b"");
    vec![early, http]
}

/// The same conversation on every link and over IPv6.
pub fn links() -> Vec<Talk> {
    let v4 = ["10.0.0.1", "10.0.0.2"];
    let v6 = ["fd00::1", "fd00::2"];
    let mut talks = Vec::new();
    for link in [LinkType::ETHERNET, LinkType::NULL, LinkType::RAW, LinkType::LINUX_SLL] {
        for hosts in [v4, v6] {
            let mut talk = Talk::between("a link", link, hosts, 46_000 + talks.len() as u16).open();
            talk.says(Client, UPGRADE);
            talk.says(Server, SWITCH);
            talk.says(Client, &frame(Client, TEXT, b"hello"));
            talk.says(Server, &frame(Server, CLOSE, b"\x03\xe9"));
            talk.close(Server, b"");
            talks.push(talk);
        }
    }
    talks
}

/// Messages and cuts thrown by dice; the same seed gives the same conversation.
pub fn random(seed: u64) -> Talk {
    let mut dice = Dice(seed);
    let mut talk = upgraded("thrown by dice", 50_000 + seed as u16);
    let mut spoken = [Vec::new(), Vec::new()];
    for _ in 0..30 {
        let side = if dice.below(2) == 0 { Client } else { Server };
        let len = [0, 1, 5, 125, 126, 300][dice.below(6)];
        let payload = vec![b'a' + dice.below(26) as u8; len];
        let first = [TEXT, TEXT, TEXT, PING, PONG][dice.below(5)];
        let payload = if first == TEXT { &payload[..] } else { &payload[..len.min(125)] };
        spoken[side as usize].extend(frame(side, first, payload));
    }
    let mut left = spoken.map(|bytes| bytes.into_iter().peekable());
    while left.iter_mut().any(|bytes| bytes.peek().is_some()) {
        let side = if dice.below(2) == 0 { Client } else { Server };
        let size = 1 + dice.below(200);
        let part: Vec<u8> = left[side as usize].by_ref().take(size).collect();
        if !part.is_empty() {
            talk.says(side, &part);
        }
    }
    talk.close(Client, b"");
    talk
}

/// SplitMix64: small, and the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}
