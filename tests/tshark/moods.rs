//! Conversations and packets that are seldom seen: odd but legal, or cut.

use wiretale::capture::LinkType;

use crate::plays::{TEXT, frame, upgraded};
use crate::wire::{ACK, Client, FIN, PSH, RST, SYN, Server, Talk};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// HTTP at the edges of its grammar.
pub fn http() -> Vec<Talk> {
    let simple = |name, port, request: &[u8], response: &[u8]| {
        let mut talk = Talk::new(name, port).open();
        talk.says(Client, request);
        talk.says(Server, response);
        talk.close(Server, b"");
        talk
    };
    let mut early = Talk::new("an answer before the request is complete", 51_000).open();
    early.says(Client, b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234");
    early.says(Server, b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n");
    early.says(Client, b"56789");
    let mut hints = Talk::new("early hints", 51_001).open();
    hints.says(Client, GET);
    hints.says(Server, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    hints.says(Server, EMPTY);
    let mut tunnel = Talk::new("a tunnel", 51_002).open();
    tunnel.says(Client, b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
    tunnel.says(Server, b"HTTP/1.1 200 Connection established\r\n\r\n");
    tunnel.says(Client, b"\x01insid");
    tunnel.says(Server, b"\x02too");
    let mut middle = Talk::new("from the middle, a response first", 51_003);
    middle.says(Server, EMPTY);
    middle.says(Client, GET);
    middle.says(Server, EMPTY);
    let mut request_first = Talk::new("from the middle, a request first", 51_004);
    request_first.says(Client, GET);
    request_first.says(Server, EMPTY);
    vec![
        early,
        hints,
        tunnel,
        middle,
        request_first,
        simple("small letters", 51_005, b"GET / HTTP/1.1\r\nhost:  h  \r\nuser-agent:x\r\n\r\n", EMPTY),
        simple(
            "options",
            51_006,
            b"OPTIONS * HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            EMPTY,
        ),
        simple("absolute", 51_007, b"GET http://h/a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", EMPTY),
        simple(
            "twice the same field",
            51_008,
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: a\r\nConnection: b\r\n\r\n",
            EMPTY,
        ),
        simple("an empty field", 51_009, b"GET / HTTP/1.1\r\nHost:\r\nUser-Agent: \r\n\r\n", EMPTY),
        simple("line feeds only", 51_010, b"GET / HTTP/1.1\nHost: h\n\n", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
        simple("no reason", 51_011, GET, b"HTTP/1.1 204\r\n\r\n"),
    ]
}

/// WebSocket where the sides do not wait.
pub fn websocket() -> Vec<Talk> {
    let mut hasty = Talk::new("the client does not wait for the 101", 52_000).open();
    hasty.pushes(Client, crate::plays::UPGRADE);
    hasty.pushes(Client, &frame(Client, TEXT, b"hasty"));
    hasty.says(Server, crate::plays::SWITCH);
    hasty.says(Client, &frame(Client, TEXT, b"then"));
    let mut cut = upgraded("the capture ends in a frame", 52_001);
    cut.says(Client, &frame(Client, TEXT, b"whole"));
    cut.says(Client, &frame(Client, TEXT, b"not whole")[..9]);
    let mut other = Talk::new("an upgrade to another protocol", 52_002).open();
    other.says(Client, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: strange/1\r\n\r\n");
    other.says(Server, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: strange/1\r\n\r\n");
    other.says(Server, b"\x01\x02strange");
    vec![hasty, cut, other]
}

/// TCP as it may be.
pub fn tcp() -> Vec<Talk> {
    let hello = frame(Server, TEXT, b"hello");
    let world = frame(Server, TEXT, b"world");
    let both = [&hello[..], &world].concat();
    let mut overlap = upgraded("the second segment repeats the first", 53_000);
    overlap.pushes(Server, &hello);
    overlap.segment(Server, -(hello.len() as i64), PSH | ACK, &both);
    overlap.advance(Server, world.len());
    overlap.segment(Client, 0, ACK, b"");
    overlap.says(Client, &frame(Client, TEXT, b"ok"));
    let mut alive = upgraded("a keep-alive", 53_001);
    alive.says(Server, &hello);
    alive.segment(Server, -1, ACK, b"\0");
    alive.segment(Client, 0, ACK, b"");
    alive.segment(Client, -1, ACK, b"");
    alive.segment(Server, 0, ACK, b"");
    alive.says(Server, &world);
    let mut early_fin = upgraded("a FIN before the last octets", 53_002);
    early_fin.segment(Server, both.len() as i64, FIN | ACK, b"");
    early_fin.pushes(Server, &both);
    early_fin.advance(Server, 1);
    early_fin.segment(Client, 0, FIN | ACK, b"");
    let mut server_first = Talk::new("the SYN was not captured", 53_003);
    server_first.advance(Client, 1);
    server_first.syn(Server, b"");
    server_first.segment(Client, 0, ACK, b"");
    server_first.says(Client, GET);
    server_first.says(Server, EMPTY);
    let mut unscaled = Talk::new("no options", 53_004);
    unscaled.raw(Client, 0, SYN, &[], b"");
    unscaled.advance(Client, 1);
    unscaled.raw(Server, 0, SYN | ACK, &[2, 4, 5, 180, 1, 3, 3, 9], b"");
    unscaled.advance(Server, 1);
    unscaled.segment(Client, 0, ACK, b"");
    unscaled.says(Client, GET);
    unscaled.says(Server, EMPTY);
    unscaled.segment(Client, 0, RST, b"");
    let mut early_end = Talk::new("a body until close, its FIN first", 53_005).open();
    early_end.says(Client, GET);
    early_end.pushes(Server, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nso ");
    early_end.segment(Server, 4, FIN | ACK, b"");
    early_end.pushes(Server, b"long");
    early_end.advance(Server, 1);
    early_end.segment(Client, 0, FIN | ACK, b"");
    vec![overlap, alive, early_fin, server_first, unscaled, early_end]
}

/// Packets one by one: padding, other protocols, options, fragments.
pub fn packets() -> Vec<Talk> {
    let mut talk = Talk::new("padding to 60 octets", 54_000).open();
    talk.segment(Client, 0, ACK, b"");
    for (_, frame) in &mut talk.frames {
        frame.resize(frame.len().max(60) + 6, 0);
    }
    talk.says(Client, GET);
    let [client, server] = [[10, 0, 0, 1], [10, 0, 0, 2]];
    let ethernet = |kind: u16, rest: &[u8]| {
        let addresses = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        (LinkType::ETHERNET, [&addresses[..], &kind.to_be_bytes(), rest].concat())
    };
    let udp = [0x30, 0x39, 0x30, 0x3a, 0, 10, 0, 0, b'h', b'i'];
    let ip = |first: u8, flags: [u8; 2], protocol: u8, options: &[u8], payload: &[u8]| {
        let len = (20 + options.len() + payload.len()) as u8;
        let header = [first, 0xb8, 0, len, 0, 7, flags[0], flags[1], 64, protocol, 0, 0];
        [&header[..], &client, &server, options, payload].concat()
    };
    let fd = |last: u8| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let ip6 = |next: u8, payload: &[u8]| {
        let head = [0x6a, 0xb1, 0x23, 0x45, 0, payload.len() as u8, next, 9];
        [&head[..], &fd(1), &fd(2), payload].concat()
    };
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1][..], &client, &[0; 6], &server].concat();
    talk.frames.extend([
        ethernet(0x0800, &ip(0x45, [0x40, 0], 17, &[], &udp)),
        ethernet(0x0800, &ip(0x46, [0, 0], 17, &[1, 1, 1, 0], &udp)),
        ethernet(0x0800, &ip(0x45, [0x20, 0], 17, &[], &udp)),
        ethernet(0x0800, &ip(0x45, [0, 1], 17, &[], b"the rest")),
        ethernet(0x0800, &ip(0x45, [0, 0], 1, &[], &[8, 0, 0xf7, 0xff, 0, 0, 0, 0])),
        ethernet(0x0806, &arp),
        ethernet(0x86dd, &ip6(17, &udp)),
        ethernet(0x86dd, &ip6(0, &[&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp].concat())),
        ethernet(0x86dd, &ip6(60, &[&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp].concat())),
    ]);
    vec![talk]
}
