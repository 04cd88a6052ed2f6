//! The Ethernet of two machines and its wire: what a card really sends, and what the kernel's TCP does when the wire fails it.

use std::collections::BTreeSet;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use wiretale::cli::{trace_frames, trace_recording};
use wiretale::filter::{Filter, TraceNames};
use wiretale::lab::{Place, Recording, Scenario, What};
use wiretale::layer::Direction;
use wiretale::trace::Trace;

use super::play;

/// Addresses, lengths and sums are those of an Ethernet: nothing is left to a card that is not there.
pub fn an_ethernet_is_one(place: &Place) {
    for recorded in ["", " recorded at the server"] {
        let script = format!(
            "network ethernet{recorded}\nada opens tcp\nada writes of 70000 bytes\nserver writes of 70000 bytes\n\
             bob sends datagram of 3000 bytes\nserver sends datagram \"\" to bob\nada closes\n"
        );
        let recording = play(place, &script);
        let mut seen = BTreeSet::new();
        for frame in &recording.frames {
            assert!(frame.data.len() <= 1514, "a frame of {} octets", frame.data.len());
            seen.insert(frame.data[6..12].to_vec());
            let packet = SlicedPacket::from_ethernet(&frame.data).unwrap();
            let Some(NetSlice::Ipv4(ip)) = &packet.net else { continue };
            let [source, destination] = [ip.header().source(), ip.header().destination()];
            assert_eq!(ip.header().header_checksum(), ip.header().to_header().calc_header_checksum());
            let (sum, expected) = match &packet.transport {
                Some(TransportSlice::Tcp(tcp)) => {
                    (tcp.checksum(), tcp.calc_checksum_ipv4(source, destination).unwrap())
                }
                Some(TransportSlice::Udp(udp)) => (
                    udp.checksum(),
                    udp.to_header().calc_checksum_ipv4_raw(source, destination, udp.payload()).unwrap(),
                ),
                // A fragment.
                _ => continue,
            };
            assert_eq!(sum, expected, "recorded{recorded}");
        }
        assert_eq!(seen, BTreeSet::from([vec![2, 0, 0, 0, 0, 1], vec![2, 0, 0, 0, 0, 2]]));
        let trace = trace_frames(&recording.frames);
        assert_eq!(frames(&trace, "arp").len(), 2, "one question, one answer");
        assert_eq!(frames(&trace, "ip.flags.mf == 1").len(), 2, "3 000 octets in three fragments");
    }
}

/// What the wire does to segments, where that is seen, and by which mark it is known there. TCP mends all of it.
pub fn tcp_mends_what_the_wire_does(place: &Place) {
    // Sent again at once, as after a selective acknowledgement, it counts as out of order.
    const AGAIN: &str = "tcp.analysis.retransmission || tcp.analysis.out_of_order";
    const ADA: &str = "ada opens tcp\nada writes \"one\"\n";
    for (fault, recorded, mark) in [
        ("drops segment 2 to the server", "client", AGAIN),
        ("duplicates segment 2 to the server", "server", "tcp.analysis.spurious_retransmission"),
        // Late by more than a few milliseconds, as on a busy machine, it looks like one that was sent again.
        ("holds segment 2 to the server", "server", AGAIN),
        ("corrupts segment 2 to the server", "server", "tcp.checksum.verdict == \"wrong\""),
        ("drops segment 1 to the client", "server", AGAIN),
        ("delays segment 2 to the server by 30ms", "server", "tcp.analysis.lost_segment"),
    ] {
        let script = format!(
            "network ethernet recorded at the {recorded}\nlink {fault}\n{ADA}ada writes of 3000 bytes\n\
             server writes \"two\"\nwait 40ms\nada closes\n"
        );
        let recording = play(place, &script);
        let faults: Vec<_> = recording.log.faults.iter().map(|fault| (fault.step, fault.what.as_str())).collect();
        assert_eq!(faults, [(2, fault)]);
        let trace = trace_frames(&recording.frames);
        // TCP on a busy machine may send the same more than once again.
        assert!(!frames(&trace, mark).is_empty(), "{fault}: {mark}");
        assert_eq!(super::seen::seen(&trace), super::seen::sent(&recording), "{fault}");
        assert!(recording.log.entries.iter().all(|entry| entry.received_at.is_some()), "{fault}");
    }
}

/// On loopback no wire loses anything: the receiver does not take it, behind the place where captures look. TCP sends it
/// again, and nobody sends a datagram again. The same words on an Ethernet mean the same.
pub fn what_is_not_taken_is_sent_again(place: &Place) {
    let script = "ada opens tcp\nbob connects\nada sends datagram \"zero\"\nlink drops segment with \"tw\" to the server\n\
        link drops datagram with \"tw\" to the server\nada writes \"one\"\nada writes \"two\"\nada writes \"twelve\"\n\
        ada sends datagram \"one\"\nada sends datagram \"two\"\nada sends datagram \"twelve\"\n\
        link drops segment with \"ba\" to the client\nserver writes \"back\" to ada\nada closes\nbob closes\n";
    for script in [script.to_owned(), on_ethernet(script)] {
        if script.starts_with("network") && !matches!(place, Place::Private { .. }) {
            continue;
        }
        let recording = play(place, &script);
        let trace = trace_frames(&recording.frames);
        let count = |filter: &str| frames(&trace, filter).len();
        let twice = ["tcp.payload == 74:77:6f", "tcp.payload == 62:61:63:6b"].map(count);
        // What the wire drops on its way to the clients is not seen there. On a machine that is very busy a filter may stay
        // until more than one copy was dropped, and TCP may send the same more than once again.
        let least = if script.starts_with("network") { [2, 1] } else { [2, 2] };
        assert!(twice.iter().zip(least).all(|(copies, least)| *copies >= least), "{twice:?}: {script}");
        assert_eq!(count("udp.payload == 74:77:6f"), 1, "{script}");
        let told: Vec<&str> = recording.log.faults.iter().map(|fault| fault.what.as_str()).collect();
        let expected = [
            "drops segment with \"tw\" to the server",
            "drops datagram with \"tw\" to the server",
            "drops segment with \"ba\" to the client",
        ];
        assert_eq!(told, expected, "{script}");
        let never: Vec<_> = recording.log.entries.iter().filter(|entry| entry.received_at.is_none()).collect();
        assert_eq!(never.len(), 1, "{never:?}");
        assert_eq!(never[0].what, What::Datagram(b"two".to_vec()));
        assert_eq!(super::seen::seen(&trace), super::seen::sent(&recording), "{script}");
    }
}

/// Who writes a fault waits for what it does. That it found nothing to do is said, and the play goes on.
pub fn a_fault_that_meets_nothing_is_told(place: &Place) {
    let script =
        "ada opens tcp\nlink drops segment with \"never said\" to the server\nada writes \"one\"\nada closes\n";
    let more = "network ethernet\nlink drops segment 1 to the server\nlink holds datagram 7 to the client\nada opens tcp\n\
                ada writes \"one\"\nada closes\n";
    let on_wire = matches!(place, Place::Private { .. });
    for (script, line, what) in [(script, 2, "drops segment with \"never said\" to the server")]
        .into_iter()
        .chain(on_wire.then_some((more, 3, "holds datagram 7 to the client")))
    {
        let recording = play(place, script);
        let note =
            format!("line {line} of the script did nothing: `link {what}`, and no such thing came by from there on");
        assert_eq!(recording.notes, [note], "{script}");
    }
}

/// What is lost on the way is there at one end and not at the other, and all of either was captured.
pub fn both_ends_are_recorded(place: &Place) {
    let script = "network ethernet recorded at both ends\nlink drops segment 2 to the server\nada opens tcp\n\
        ada writes \"one\"\nada writes \"two\"\nada closes\n";
    let recording = play(place, script);
    let at_server = recording.at_server.as_ref().unwrap();
    assert!(recording.is_complete() && at_server.completeness.is_complete());
    let ends = [trace_frames(&recording.frames), trace_frames(&at_server.frames)];
    let two = "tcp.payload == 74:77:6f";
    // Sent twice, received once; on a busy machine TCP may send it more than once again.
    let [sent, came] = ends.each_ref().map(|trace| frames(trace, two).len());
    assert!(came >= 1 && sent == came + 1, "sent {sent} times, received {came} times");
    assert!(!frames(&ends[0], "tcp.analysis.retransmission").is_empty());
    let sent = super::seen::sent(&recording);
    assert_eq!(ends.each_ref().map(super::seen::seen), [sent.clone(), sent]);
    assert!(play(place, "network ethernet\nada opens tcp\nada closes\n").at_server.is_none());
}

/// A reset that neither end has sent, as boxes on the way send them: each end has it in the name of the other.
pub fn a_wire_may_cut_in(place: &Place) {
    for opens in ["connects", "opens tcp", "gets /", "subscribes to /", "connects over tls"] {
        for (recorded, from) in [("client", "tcp.srcport"), ("server", "tcp.dstport")] {
            let script =
                format!("network ethernet recorded at the {recorded}\nada {opens}\nlink resets ada\nada opens tcp\n");
            let recording = play(place, &script);
            let told: Vec<_> = recording.log.faults.iter().map(|fault| (fault.step, fault.what.as_str())).collect();
            assert_eq!(told, [(3, "resets ada"), (3, "resets ada")]);
            assert!(recording.log.entries.iter().all(|entry| entry.what != What::Reset), "neither of them did it");
            let trace = trace_frames(&recording.frames);
            let reset = "tcp.flags.reset == 1 && tcp.stream == 0";
            assert_eq!(frames(&trace, &format!("{reset} && {from} == 8080")).len(), 1, "{script}");
            assert_eq!(frames(&trace, "tcp.checksum.verdict == \"wrong\"").len(), 0);
            assert_eq!(frames(&trace, "tcp.stream == 1 && tcp.flags.reset == 1").len(), 0, "the next is another");
        }
    }
}

/// A long wire, a wire that is cut for a while, and a slow one.
pub fn a_wire_has_a_length_and_a_width(place: &Place) {
    let long =
        play(place, "network ethernet\nlink delays everything by 20ms\nada opens tcp\nada writes \"x\"\nada closes\n");
    let trace = trace_frames(&long.frames);
    let syn = frames(&trace, "tcp.flags.syn == 1");
    let trip = trace.time(syn[1]).unwrap() - trace.time(syn[0]).unwrap();
    assert!(trip >= 0.04, "there and back again in {trip} s");
    assert_eq!(long.log.faults.len(), 2, "both ways: {:?}", long.log.faults);

    let cut =
        play(place, "network ethernet\nada opens tcp\nada writes \"x\"\nlink goes down for 250ms\nada writes \"y\"\n");
    let trace = trace_frames(&cut.frames);
    let tries = frames(&trace, "tcp.payload == 79");
    assert!(tries.len() >= 2, "sent once, and again when the wire is whole: {tries:?}");
    let silence = trace.time(*tries.last().unwrap()).unwrap() - trace.time(tries[0]).unwrap();
    assert!(silence >= 0.2, "no retransmission comes sooner than 200 ms on Linux: {silence} s");

    // From when it was sent: on a busy machine the first segment may come late, and the last no later for that.
    let slow = "network ethernet recorded at both ends\nada opens tcp\nlink carries 1Mbit/s\nada writes of 20000 bytes\nada closes\n";
    let recording = play(place, slow);
    let ends = [&recording.frames, &recording.at_server.as_ref().unwrap().frames].map(|frames| trace_frames(frames));
    let [sent, came] = ends.each_ref().map(|trace| {
        let data = frames(trace, "tcp.len > 0 && tcp.dstport == 8080");
        data.into_iter().map(|frame| trace.record(frame).unwrap().frame.time.0).collect::<Vec<_>>()
    });
    let time = (came.last().unwrap() - sent[0]) as f64 / 1e9;
    assert!(time >= 0.14, "20 000 octets less the first segment take 148 ms at 1 Mbit/s: {time} s");
}

/// Nobody mends what the wire does to datagrams.
pub fn nobody_mends_datagrams(place: &Place) {
    let script = "network ethernet recorded at the server\nlink duplicates datagram 1 to the server\n\
        link holds datagram 2 to the server\nlink drops datagram 4 to the server\nlink corrupts datagram 5 to the server\n\
        ada sends datagram \"1\"\nada sends datagram \"2\"\nada sends datagram \"3\"\nada sends datagram \"4\"\n\
        ada sends datagram \"5\"\nserver sends datagram \"6\" to ada\nlink goes down for 300ms\nada sends datagram \"7\"\n\
        wait 400ms\nlink holds datagram 1 to the server\nada sends datagram \"8\"\nlink drops datagram 1 to the client\n\
        server sends datagram of 4000 bytes to ada\nserver sends datagram \"9\" to ada\n";
    let recording = play(place, script);
    let trace = trace_frames(&recording.frames);
    let data = |frame: &u32| {
        let (packet, data) = trace.record(*frame).unwrap().whole();
        packet.payload.of(data).first().map_or(' ', |octet| char::from(*octet))
    };
    let came: String = frames(&trace, "udp.dstport == 8080").iter().map(data).collect();
    // The fifth came damaged: its last octet is another.
    assert_eq!(came, format!("1132{}8", char::from(b'5' ^ 0x55)));
    assert_eq!(frames(&trace, "udp.checksum.verdict == \"wrong\"").len(), 1);
    let never: Vec<usize> =
        recording.log.entries.iter().filter(|entry| entry.received_at.is_none()).map(|entry| entry.step).collect();
    assert_eq!(never, [9, 10, 13, 18], "{:?}", recording.log);
    assert!(recording.log.entries.iter().all(|entry| matches!(entry.what, What::Datagram(_))));
}

/// A wire that loses a share of what has data, either way: TCP mends it, and what the log says was lost is what one end has and
/// the other has not.
pub fn what_is_lost_by_chance_is_sent_again(place: &Place) {
    let scripts = super::seen::PLAYED_ANYWHERE;
    let lossy = |script: &str| format!("network ethernet recorded at both ends\nseed 5\nlink loses 20%\n{script}");
    for script in scripts.iter().map(|script| lossy(script)) {
        let recording = play(place, &script);
        let at_server = recording.at_server.as_ref().unwrap();
        assert!(recording.is_complete() && at_server.completeness.is_complete());
        let losses: Vec<_> = recording.log.faults.iter().filter(|fault| fault.is_loss).collect();
        assert_eq!((losses.len(), recording.log.faults.len()), (recording.log.lost(), losses.len()));
        assert!(losses.iter().all(|fault| fault.step == 3 && fault.what.starts_with("loses ")), "{losses:?}");
        assert!(!losses.is_empty(), "{script}");
        let ends = [trace_frames(&recording.frames), trace_frames(&at_server.frames)];
        for (direction, port, sender, receiver) in
            [(Direction::ToServer, "dstport", 0, 1), (Direction::ToClient, "srcport", 1, 0)]
        {
            let data = format!("(tcp.len > 0 && tcp.{port} == 8080) || udp.{port} == 8080");
            let [sent, came] = [sender, receiver].map(|end: usize| frames(&ends[end], &data).len());
            let lost = losses.iter().filter(|fault| fault.direction == direction).count();
            assert_eq!(sent - came, lost, "{direction:?}: {script}");
        }
        // Datagrams that are lost are the only thing that never came.
        let never = recording.log.entries.iter().filter(|entry| entry.received_at.is_none());
        let datagrams = losses.iter().filter(|fault| fault.what.starts_with("loses datagram")).count();
        assert_eq!(never.clone().count(), datagrams, "{script}");
        assert!(never.clone().all(|entry| matches!(entry.what, What::Datagram(_))), "{script}");
        let sent = super::seen::sent(&recording);
        assert_eq!(super::seen::seen(&trace_recording(&recording.as_sent(), false)), sent, "{script}");
    }
}

/// Where each side's waiting would make the other wait longer and longer, a play ends all the same.
pub fn half_is_lost_and_all_arrives(place: &Place) {
    let script = "network ethernet\nlink delays everything by 5ms\nseed 9\nlink loses 50%\n\
        15 times every 20ms ada and bob and cleo get /events answered with 204\nada closes\nbob closes\ncleo closes\n";
    let recording = play(place, script);
    assert!(recording.log.lost() > 30, "{} lost", recording.log.lost());
    assert!(recording.log.entries.iter().all(|entry| entry.received_at.is_some()));
    assert_eq!(super::seen::seen(&trace_frames(&recording.frames)), super::seen::sent(&recording));
}

/// The same seed loses the same, as far as both kernels cut the data alike; another seed loses other things.
pub fn the_same_seed_loses_the_same(place: &Place) {
    let lost = |seed: &str, steps: &str| -> Vec<String> {
        let script = format!("network ethernet\n{seed}link loses 20% to the server\n{steps}");
        play(place, &script).log.faults.into_iter().map(|fault| fault.what).collect()
    };
    let datagrams = "60 times ada sends datagram \"x\"\n";
    let [one, same, other, none, first] =
        ["seed 7\n", "seed 7\n", "seed 8\n", "", "seed 1\n"].map(|seed| lost(seed, datagrams));
    assert_eq!(one, same);
    assert!(one != other && (3..30).contains(&one.len()), "{one:?} {other:?}");
    assert_eq!(none, first, "without a seed it is 1");
    assert!(!one.contains(&"loses datagram 1 to the server".to_owned()));
    let segments = "ada opens tcp\n20 times ada writes \"x\"\nada closes\n";
    let [one, same] = ["seed 7\n"; 2].map(|seed| lost(seed, segments));
    // TCP on a busy machine may send more again, of which some is lost, too.
    let both = one.iter().zip(&same);
    assert!(both.len() > 0 && both.clone().all(|(one, same)| one == same), "{one:?} {same:?}");
}

/// What loses nothing says so, and what is said last holds.
pub fn a_link_may_stop_losing(place: &Place) {
    let script = "network ethernet\nlink loses 50%\nada sends datagram \"x\"\n20 times ada sends datagram \"y\"\n\
        link loses 0%\n20 times ada sends datagram \"z\"\nlink loses 1%\nada sends datagram \"z\"\n";
    let recording = play(place, script);
    assert!(recording.log.lost() > 0 && recording.log.faults.iter().all(|fault| fault.step == 2));
    let note =
        "line 7 of the script did nothing: `link loses 1%`, and its seed chose nothing of what came by from there on";
    assert_eq!(recording.notes, [note]);
    for script in ["link loses 5%\nada connects\n", "network loopback\nada opens tcp\nlink loses 5% to the server\n"] {
        let refused = Scenario::parse(script).unwrap_err();
        assert_eq!(refused.message, "there is no wire that could do this");
        assert!(refused.help.unwrap().contains("begin the script with `network ethernet`"));
    }
}

/// The same words on an Ethernet.
pub fn on_ethernet(script: &str) -> String {
    format!("network ethernet\n{script}")
}

/// A host's loopback has no wire, and says so.
pub fn without_private_networks_there_is_no_ethernet(_: &Place) {
    let scenario = Scenario::parse("network ethernet\nada connects\n").unwrap();
    let place = Place::HostLoopback { why: String::new() };
    let error = wiretale::lab::play(&place, &scenario).unwrap_err();
    assert!(error.to_string().contains("two machines"), "{error}");
}

/// The frames a filter finds.
fn frames(trace: &Trace, filter: &str) -> Vec<u32> {
    let filter = Filter::parse(filter, &TraceNames).unwrap();
    trace.records().map(|(number, _)| number).filter(|number| filter.matches(trace, *number)).collect()
}

/// Ten plays of a fault are the same ten times: what was sent, what the wire did, and that it was sent again.
pub fn faults_come_on_cue(place: &Place) {
    let script = "network ethernet\nlink drops segment 3 to the server\nlink holds segment 1 to the client\nada connects\n\
        ada sends text \"a\"\nada sends text \"b\"\nserver sends text \"c\"\nada closes 1000\n";
    for _ in 0..10 {
        let recording: Recording = play(place, script);
        let told: Vec<_> = recording.log.faults.iter().map(|fault| format!("{} {}", fault.step, fault.what)).collect();
        assert_eq!(told, ["3 holds segment 1 to the client", "2 drops segment 3 to the server"]);
        let trace = trace_frames(&recording.frames);
        let numbers = |filter: &str| -> Vec<u32> {
            let found = frames(&trace, filter).into_iter().map(|frame| &trace.record(frame).unwrap().whole().1[38..42]);
            found.map(|octets| u32::from_be_bytes(octets.try_into().unwrap())).collect()
        };
        let mut sent = numbers("tcp.len > 0 && tcp.dstport == 8080");
        sent.dedup();
        // On a busy machine TCP may send other segments again, too, and this one more than once.
        let again = numbers("tcp.analysis.retransmission && tcp.dstport == 8080");
        assert!(again.contains(&sent[2]), "{sent:?} {again:?}");
    }
}

/// Over TLS nothing of what is said stands in the frames, and the secrets to read it are kept beside them.
pub fn what_is_said_over_tls_is_not_in_the_frames(place: &Place) {
    let script = "ada connects to /chat over tls\nada sends text \"the secret word\"\nserver sends text \"heard\"\nada closes 1000\n\
        eve connects over tls 1.2\neve sends text \"the secret word\"\neve closes\n";
    let recording = play(place, script);
    assert!(recording.log.entries.iter().all(|entry| entry.received_at.is_some()), "{:?}", recording.log);
    let contains =
        |what: &[u8]| recording.frames.iter().any(|frame| frame.data.windows(what.len()).any(|it| it == what));
    assert!(contains(b"lab.example") && !contains(b"/chat") && !contains(b"heard"));
    let secrets = recording.secrets.unwrap();
    for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0", "CLIENT_RANDOM"] {
        assert!(secrets.lines().any(|line| line.starts_with(label)), "{label} is missing");
    }
    let trace = trace_frames(&recording.frames);
    assert_eq!(frames(&trace, "tls.handshake.type == 1").len(), 2);
    assert_eq!(frames(&trace, "websocket").len(), 0);
    assert!(play(place, "ada connects\nada closes\n").secrets.is_none());
}
