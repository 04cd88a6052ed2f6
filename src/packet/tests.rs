use super::*;

/// An Ethernet, IPv4 and TCP header and "hi", the TCP checksum as Linux leaves it on loopback.
fn frame() -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x08, 0x00]); // EtherType: IPv4
    frame.extend([0x45, 0, 0, 42]); // version 4, 5 words; total length 42
    frame.extend([0x12, 0x34, 0x40, 0]); // identification; do not fragment
    frame.extend([64, 6, 0, 0]); // TTL 64, TCP, checksum left out
    frame.extend([127, 0, 0, 1, 127, 0, 0, 1]);
    frame.extend([0xc9, 0x38, 0x1f, 0x90]); // 51512 → 8080
    frame.extend([0, 0, 0, 1, 0, 0, 0, 2]); // seq 1, ack 2
    frame.extend([0x50, 0x18, 0x02, 0x00]); // 5 words; PSH ACK; window 512
    frame.extend([0xfe, 0x1e, 0, 0]); // checksum: pseudo-header only; urgent pointer
    frame.extend(b"hi");
    frame
}

fn decode(data: &[u8]) -> Packet {
    Packet::decode(LinkType::ETHERNET, data, data.len() as u32)
}

#[test]
fn decodes() {
    let frame = frame();
    let packet = decode(&frame);
    let (tcp, from, to) = packet.tcp().unwrap();
    assert_eq!(from, "127.0.0.1:51512".parse().unwrap());
    assert_eq!(to, "127.0.0.1:8080".parse().unwrap());
    assert_eq!((tcp.seq, tcp.ack, tcp.window, tcp.payload_len), (1, 2, 512, 2));
    assert_eq!(tcp.flags.to_string(), "PSH ACK");
    assert_eq!(packet.payload.of(&frame), b"hi");
    assert_eq!(packet.fault, None);
    let owners: Vec<_> = packet.headers().map(|(name, extent)| (name, extent.len())).collect();
    assert_eq!(owners, [("eth", 14), ("ip", 20), ("tcp", 20)]);
}

#[test]
fn every_field_names_the_bytes_it_came_from() {
    let frame = frame();
    let layers = describe(&decode(&frame), 1, &frame);
    let tcp = &layers[2];
    let seq = tcp.fields.iter().find(|f| f.def.name == "tcp.seq_raw").unwrap();
    assert_eq!(seq.span, Some(Span::new(Buffer::Frame(1), 38..42)));
    assert_eq!(tcp.value("tcp.flags.push"), Some(&Value::Bool(true)));
    assert_eq!(tcp.value("tcp.flags.syn"), Some(&Value::Bool(false)));
}

#[test]
fn a_loopback_checksum_is_not_called_wrong() {
    let mut frame = frame();
    // Pseudo-header: 7f00 + 0001 + 7f00 + 0001 + length 0016 + protocol 0006 = fe1e; Linux stores it as it is.
    assert_eq!(decode(&frame).checksum(&frame), ChecksumVerdict::NotYetComputed);
    assert_eq!(statuses(&frame), [3, 1], "left to a card both, as Wireshark counts since 4.2");
    let rest: u32 = frame[34..].chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(c[1])).sum::<u32>();
    let folded = (rest & 0xffff) + (rest >> 16);
    frame[50..52].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    assert_eq!(decode(&frame).checksum(&frame), ChecksumVerdict::Valid);
    assert_eq!(statuses(&frame), [3, 1]);
    frame[55] ^= 1;
    assert_eq!(decode(&frame).checksum(&frame), ChecksumVerdict::Wrong);
    frame[25] = 1;
    assert_eq!(statuses(&frame), [0, 0]);
    assert_eq!(statuses(&frame[..55]), [0, 2], "the last octet was not captured");
}

/// What is said of the sums of IP and TCP, in Wireshark's numbers.
fn statuses(frame: &[u8]) -> [u64; 2] {
    let layers = describe(&Packet::decode(LinkType::ETHERNET, frame, 56), 1, frame);
    ["ip.checksum.status", "tcp.checksum.status"].map(|name| match layers.iter().find_map(|layer| layer.value(name)) {
        Some(Value::Uint(status)) => *status,
        other => panic!("{name}: {other:?}"),
    })
}

/// RFC 2474 §3, RFC 3168 §5, RFC 791 §3.1; and the options as they stand, RFC 9293 §3.1.
#[test]
fn parts_of_fields_have_names() {
    let mut frame = frame();
    frame[15] = 46 << 2 | 3;
    frame[20] = 0xc0;
    frame[16..18].copy_from_slice(&50_u16.to_be_bytes());
    frame[46] = 0x70;
    frame.splice(54..54, [1, 3, 3, 7, 254, 2, 0, 9]);
    frame[1] = 3;
    let layers = describe(&decode(&frame), 1, &frame);
    let all = |name: &str| {
        let fields = layers.iter().flat_map(|layer| &layer.fields).filter(|field| field.def.name == name);
        fields.map(|field| field.value.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((all("ip.dsfield.dscp"), all("ip.dsfield.ecn")), ("46".into(), "3".into()));
    assert_eq!((all("ip.flags"), all("ip.flags.rb"), all("ip.flags.df")), ("6".into(), "1".into(), "1".into()));
    assert_eq!((all("eth.lg"), all("eth.ig")), ("0 0".into(), "0 0".into()));
    assert_eq!(all("tcp.options"), "01:03:03:07:fe:02:00:09");
    assert_eq!((all("tcp.option_kind"), all("tcp.option_len")), ("1 3 254 0".into(), "3 2".into()));
    frame[0] = 3;
    let layers = describe(&decode(&frame), 1, &frame);
    assert_eq!(
        (layers[0].value("eth.lg"), layers[0].value("eth.ig")),
        (Some(&Value::Bool(true)), Some(&Value::Bool(true)))
    );
}

#[test]
fn empty() {
    let packet = Packet::decode(LinkType::ETHERNET, &[], 60);
    assert_eq!(packet.fault, Some(Fault::Short { header: "Ethernet header", needed: 14, had: 0 }));
    assert_eq!(packet.missing, 60);
}

#[test]
fn cut_short() {
    let frame = frame();
    for cut in 0..frame.len() {
        let packet = Packet::decode(LinkType::ETHERNET, &frame[..cut], frame.len() as u32);
        describe(&packet, 1, &frame[..cut]);
        assert!(packet.payload.end as usize <= cut, "at {cut}: nothing is read past the captured octets");
        assert_eq!(packet.fault.is_some(), cut < 54, "at {cut}");
    }
}

#[test]
fn wrong_length() {
    let mut frame = frame();
    frame[17] = 8; // total length smaller than the header
    assert_eq!(decode(&frame).fault, Some(Fault::Invalid { field: "IPv4 total length", value: 8 }));
    frame[17] = 0; // "segment to be cut by the card": the captured length counts
    assert_eq!(decode(&frame).payload.of(&frame), b"hi");
    frame[17] = 42;
    frame[46] = 0x40; // TCP header of 4 words
    let fault = decode(&frame).fault;
    assert_eq!(fault, Some(Fault::Invalid { field: "TCP header length (in words of 4 octets)", value: 4 }));
}

#[test]
fn padding_after_ip_is_not_payload() {
    let mut frame = frame();
    frame.extend([0; 6]);
    let packet = decode(&frame);
    assert_eq!(packet.payload.of(&frame), b"hi");
    assert_eq!(packet.trailer.len(), 6);
}

/// The same segment over IPv6, from ::1 to itself.
fn over_ipv6() -> Vec<u8> {
    let tcp = &frame()[34..];
    let mut data = vec![0x60, 0, 0, 0, 0, tcp.len() as u8, 6, 64];
    data.extend([[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]; 2].concat());
    data.extend(tcp);
    data
}

#[test]
fn other_links_lead_to_the_same_packet() {
    let (v4, v6) = (frame()[14..].to_vec(), over_ipv6());
    let cooked = |ether_type: [u8; 2]| [&[0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0][..], &ether_type].concat();
    // AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS.
    let families = [(2, &v4), (10, &v6), (24, &v6), (28, &v6), (30, &v6)];
    let mut cases = vec![
        (LinkType::IPV4, vec![], &v4),
        (LinkType::IPV6, vec![], &v6),
        (LinkType::LINUX_SLL, cooked([0x08, 0x00]), &v4),
        (LinkType::LINUX_SLL, cooked([0x86, 0xdd]), &v6),
    ];
    for (family, ip) in families {
        // The order of octets is that of the host that captured; of LOOP always the most significant one first.
        cases.push((LinkType::NULL, u32::to_le_bytes(family).to_vec(), ip));
        cases.push((LinkType::NULL, u32::to_be_bytes(family).to_vec(), ip));
        cases.push((LinkType::LOOP, u32::to_be_bytes(family).to_vec(), ip));
    }
    for raw in [LinkType(12), LinkType(14), LinkType(101)] {
        cases.extend([(raw, vec![], &v4), (raw, vec![], &v6)]);
    }
    for (link, header, ip) in cases {
        let data = [&header, &ip[..]].concat();
        let packet = Packet::decode(link, &data, data.len() as u32);
        let what = format!("{link}, {header:?}");
        assert_eq!(packet.fault, None, "{what}");
        let (tcp, from, _) = packet.tcp().unwrap();
        assert_eq!((tcp.destination_port, from.is_ipv6()), (8080, ip[0] == 0x60), "{what}");
        assert_eq!(packet.payload.of(&data), b"hi", "{what}");
        let layers = describe(&packet, 1, &data);
        assert_eq!(layers.len(), 3, "{what}");
        let family = layers[0].value("null.family");
        let said = [LinkType::NULL, LinkType::LOOP].contains(&link);
        assert_eq!(family, said.then(|| Value::Uint(header.iter().map(|octet| u64::from(*octet)).sum())).as_ref());
    }
    let packet = Packet::decode(LinkType(147), &v4, v4.len() as u32);
    assert_eq!(packet.fault, Some(Fault::Unknown { what: "link type", number: 147 }));
    let other = [&[0, 0, 0, 7][..], &v4].concat();
    let packet = Packet::decode(LinkType::NULL, &other, other.len() as u32);
    assert_eq!(packet.fault, Some(Fault::Unknown { what: "address family", number: 7 }));
}

#[test]
fn ipv6_extension_headers_are_walked_over() {
    let mut data = vec![0x60, 0, 0, 0, 0, 8 + 20, 0, 64];
    data.extend([0; 15]);
    data.push(1);
    data.extend([0; 15]);
    data.push(1);
    data.extend([6, 0, 1, 4, 0, 0, 0, 0]); // hop-by-hop options, padding only; TCP follows
    data.extend([0x1f, 0x90, 0xc9, 0x38, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
    let packet = Packet::decode(LinkType::RAW, &data, data.len() as u32);
    assert!(packet.tcp().unwrap().0.flags.has(Flags::SYN));
    assert_eq!(packet.net.unwrap().header.len(), 48);
    for cut in 0..data.len() {
        let packet = Packet::decode(LinkType::RAW, &data[..cut], data.len() as u32);
        describe(&packet, 1, &data[..cut]);
    }
}

#[test]
fn syn_options_are_read() {
    let mut data = frame()[14..34].to_vec();
    data[3] = 60;
    data.extend([0xc9, 0x38, 0x1f, 0x90, 0, 0, 0, 1, 0, 0, 0, 0, 0xa0, 0x02, 0xff, 0xd7, 0, 0, 0, 0]);
    data.extend([2, 4, 0xff, 0xd7]); // MSS 65495
    data.extend([4, 2]); // SACK permitted
    data.extend([8, 10, 0, 0, 0, 9, 0, 0, 0, 0]); // timestamps
    data.extend([1]); // no operation
    data.extend([3, 3, 7]); // window scale 7
    let packet = Packet::decode(LinkType::RAW, &data, 60);
    let (tcp, ..) = packet.tcp().unwrap();
    assert_eq!(tcp.syn_options(&data), SynOptions { mss: Some(65495), window_scale: Some(7), cut: false });
    let layer = describe(&packet, 1, &data).pop().unwrap();
    assert_eq!(layer.value("tcp.options.mss_val"), Some(&Value::Uint(65495)));
    assert_eq!(layer.value("tcp.options.sack_perm"), Some(&Value::Present));
    assert_eq!(layer.value("tcp.options.timestamp.tsval"), Some(&Value::Uint(9)));
}

/// Where the capture ends within the options what stands before that is read, and the header is as long as it says.
#[test]
fn options_that_the_capture_cut_hide_no_header() {
    let mut data = frame()[14..34].to_vec();
    data[3] = 62; // 20 of IP, 40 of TCP, and "hi"
    data.extend([0xc9, 0x38, 0x1f, 0x90, 0, 0, 0, 1, 0, 0, 0, 2, 0xa0, 0x12, 0x02, 0x00, 0, 0, 0, 0]);
    data.extend([2, 4, 0x05, 0xb4, 4, 2, 8, 10]); // MSS 1460, SACK permitted, and of the timestamps the beginning
    let packet = Packet::decode(LinkType::RAW, &data, 62);
    let (tcp, from, _) = packet.tcp().unwrap();
    assert_eq!((from.port(), tcp.seq, tcp.ack, tcp.window, tcp.payload_len), (51512, 1, 2, 512, 2));
    assert_eq!(
        (tcp.flags.to_string(), tcp.header, packet.payload),
        ("SYN ACK".into(), Extent::new(20, 48), Extent::new(48, 48))
    );
    assert_eq!(tcp.syn_options(&data), SynOptions { mss: Some(1460), window_scale: None, cut: true });
    assert_eq!(packet.fault, Some(Fault::Short { header: "TCP header", needed: 40, had: 28 }));
    assert_eq!(packet.checksum(&data), ChecksumVerdict::Unverified);
    let layer = describe(&packet, 1, &data).pop().unwrap();
    assert_eq!(
        (layer.value("tcp.hdr_len"), layer.value("tcp.options.mss_val")),
        (Some(&Value::Uint(40)), Some(&Value::Uint(1460)))
    );
    assert_eq!(layer.notes[0].severity, Severity::Note, "it is not the sender's fault");
    // Without the fixed part, where nothing was cut, and where IP has no room for such a header there is none.
    for (len, total, kept) in [(62, 62, 39), (48, 62, 48), (62, 59, 48)] {
        data[3] = total;
        let packet = Packet::decode(LinkType::RAW, &data[..kept], len);
        assert_eq!((packet.transport, packet.fault.is_some()), (None, true), "{len}, {total}, {kept}");
    }
}

/// The TCP header of a SYN with these options, which fill whole words, as a layer.
fn syn_with(options: &[u8]) -> Layer {
    let mut data = frame()[14..34].to_vec();
    data[3] = 40 + options.len() as u8;
    let words = (20 + options.len() as u8) / 4;
    data.extend([0xc9, 0x38, 0x1f, 0x90, 0, 0, 0, 1, 0, 0, 0, 0, words << 4, 0x02, 0xff, 0xd7, 0, 0, 0, 0]);
    data.extend(options);
    describe(&Packet::decode(LinkType::RAW, &data, data.len() as u32), 1, &data).pop().unwrap()
}

/// Data may ride on a SYN that shows a cookie (RFC 7413 §4.1.1); before it had a number of its own the option was an
/// experiment with a number behind it (§7).
#[test]
fn fast_open_options_are_read() {
    let cookie = [1, 2, 3, 4, 5, 6, 7, 8];
    let with = |before: &[u8], after: &[u8]| [before, &cookie, after].concat();
    let cases = [
        (vec![34, 2, 1, 1], None),
        (with(&[34, 10], &[1, 1]), Some(22..30)),
        (vec![254, 4, 0xf9, 0x89], None),
        (with(&[254, 12, 0xf9, 0x89], &[]), Some(24..32)),
    ];
    for (options, at) in cases {
        let layer = syn_with(&options);
        let (asked, shown) = (layer.value("tcp.options.tfo.request"), layer.value("tcp.options.tfo.cookie"));
        let expected = Value::Bytes(cookie.to_vec());
        match at {
            None => assert_eq!((asked, shown), (Some(&Value::Present), None), "{options:?}"),
            Some(at) => {
                assert_eq!((asked, shown), (None, Some(&expected)), "{options:?}");
                let field = layer.fields.iter().find(|field| field.def.name == "tcp.options.tfo.cookie").unwrap();
                // The TCP header stands behind 20 octets of IP.
                assert_eq!(field.span, Some(Span::new(Buffer::Frame(1), 20 + at.start..20 + at.end)));
            }
        }
    }
    // Another experiment, an option that is longer than the header, and an option of nothing.
    for options in [&[254, 4, 0xf9, 0x8a][..], &[34, 10, 1, 2], &[254, 2, 1, 1], &[254, 3, 0xf9, 1]] {
        let layer = syn_with(options);
        assert!(!layer.fields.iter().any(|field| field.def.name.contains("tfo")), "{options:?}");
    }
}

/// A field is only there if its octets are.
#[test]
fn a_cut_link_header_has_no_fields() {
    for (link, needed) in
        [(LinkType::NULL, 4), (LinkType::LOOP, 4), (LinkType::ETHERNET, 14), (LinkType::LINUX_SLL, 16)]
    {
        for cut in 0..needed {
            let data = vec![0; cut];
            let layers = describe(&Packet::decode(link, &data, 60), 1, &data);
            assert_eq!(layers[0].fields, [], "{link}, {cut} octets");
            assert_eq!(layers[0].notes.len(), 1, "{link}, {cut} octets: and it is said why");
        }
    }
}

/// IPv4 (20 octets) with UDP, port 1000 to 53: length, checksum left out, and the payload.
fn udp(length: u16, payload: &[u8]) -> Vec<u8> {
    let mut data = vec![0x45, 0, 0, 28 + payload.len() as u8]; // version 4, 5 words; total length
    data.extend([0, 0, 0x40, 0, 64, 17, 0, 0]); // do not fragment; TTL 64, UDP, checksum left out
    data.extend([127, 0, 0, 1, 127, 0, 0, 1]);
    data.extend([0x03, 0xe8, 0, 53]);
    data.extend(length.to_be_bytes());
    data.extend([0, 0]);
    data.extend(payload);
    data
}

#[test]
fn udp_decodes() {
    let data = udp(10, b"hi");
    let packet = Packet::decode(LinkType::RAW, &data, 30);
    let Some(Transport::Udp(udp)) = packet.transport else { panic!("no UDP") };
    assert_eq!((udp.source_port, udp.destination_port, udp.length, udp.checksum), (1000, 53, 10, 0));
    assert_eq!((packet.payload.of(&data), packet.fault), (&b"hi"[..], None));
    assert_eq!(packet.checksum(&data), ChecksumVerdict::Absent);
}

#[test]
fn udp_empty() {
    let data = udp(8, b"");
    let packet = Packet::decode(LinkType::RAW, &data, 28);
    assert_eq!((packet.payload.is_empty(), packet.fault), (true, None));
}

#[test]
fn udp_cut_short() {
    let data = udp(10, b"hi");
    for cut in 0..data.len() {
        let packet = Packet::decode(LinkType::RAW, &data[..cut], 30);
        describe(&packet, 1, &data[..cut]);
        assert_eq!(packet.fault.is_some(), cut < 28, "at {cut}");
        assert_eq!(packet.missing, 30 - cut as u32);
        assert_ne!(packet.checksum(&data[..cut]), ChecksumVerdict::Wrong, "what was not captured is not judged");
    }
}

#[test]
fn udp_wrong_length() {
    let cases: [(u16, &[u8]); 4] = [
        (9, b"h"),    // shorter than the packet: the rest is a trailer
        (200, b"hi"), // longer than the packet: what is there
        (7, b"hi"),   // shorter than its own header
        (0, b"hi"),   // as in jumbograms
    ];
    for (length, payload) in cases {
        let data = udp(length, b"hi");
        let packet = Packet::decode(LinkType::RAW, &data, 30);
        assert_eq!(packet.payload.of(&data), payload, "{length}");
        describe(&packet, 1, &data);
    }
}

/// Ports are only in the first fragment, and no fragment holds the whole: none is read as TCP.
#[test]
fn fragments_are_told_and_not_read() {
    for (flags, offset) in [([0x20, 0], 0), ([0x20, 1], 8), ([0, 100], 800)] {
        let mut data = frame()[14..].to_vec();
        data[6..8].copy_from_slice(&flags);
        let packet = Packet::decode(LinkType::RAW, &data, data.len() as u32);
        assert_eq!((packet.transport, packet.fault), (None, Some(Fault::Fragment { offset })));
        assert_eq!(packet.payload.len(), 22, "what it carries is a payload of IP");
    }
}

/// A frame that continues after it was cut: never read past what was kept, and what was on the wire is known.
#[test]
fn the_wire_length_of_a_cut_segment_is_known() {
    let frame = frame();
    let packet = Packet::decode(LinkType::ETHERNET, &frame[..55], frame.len() as u32);
    let (tcp, ..) = packet.tcp().unwrap();
    assert_eq!((tcp.payload_len, packet.payload.len(), packet.missing), (2, 1, 1));
    assert_eq!(packet.checksum(&frame[..55]), ChecksumVerdict::Unverified);
}
