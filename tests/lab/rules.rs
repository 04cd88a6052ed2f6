//! What breaks a rule, and who does not read: what the other side, and the kernel, make of it.

use wiretale::cli::{trace_frames, trace_recording};
use wiretale::filter::{Filter, TraceNames};
use wiretale::lab::{self, Opcode, Scenario};
use wiretale::lab::{LabError, Place, What};
use wiretale::layer::Severity;
use wiretale::protocol::WebSocketFrame;

use super::play;

/// Frames that RFC 6455 forbids: the stack that gets one fails the connection with this code, and we say which clause it is.
pub fn what_breaks_a_rule_is_refused(place: &Place) {
    for (octets, code, clause) in [
        ("830500000000", 1002, "RFC 6455 §5.2"),
        ("c18000000000", 1002, "RFC 6455 §5.2"),
        ("098000000000", 1002, "RFC 6455 §5.5"),
        ("808000000000", 1002, "RFC 6455 §5.4"),
        ("818100000000ff", 1007, "RFC 6455 §8.1"),
        ("8101ff", 1002, "RFC 6455 §5.1"),
    ] {
        let script = format!("ada connects\nada sends text \"fine\"\nada sends raw hex {octets} refused\n");
        let recording = play(place, &script);
        let closed = recording.log.entries.iter().find_map(|entry| match &entry.what {
            What::Message(message) if message.opcode == Opcode::Close => message.close_code,
            _ => None,
        });
        assert_eq!(closed, Some(code), "{octets}");
        let trace = trace_frames(&recording.frames);
        let wrong = |message: &&wiretale::trace::Message| {
            message.payload_as::<WebSocketFrame>().is_some()
                && message.notes.iter().any(|note| note.severity == Severity::Error)
        };
        let found = trace.messages().iter().find(wrong).unwrap_or_else(|| panic!("{octets}: {:?}", trace.notes()));
        let clauses: Vec<&str> = found.notes.iter().map(|note| note.spec).collect();
        assert!(clauses.iter().any(|known| known.starts_with(clause)), "{octets}: {clauses:?}");
    }
    // What breaks none is not refused, and the play says so.
    let scenario = Scenario::parse("ada connects\nada sends raw hex 818100000000ff00 refused\n").unwrap();
    assert!(lab::play(place, &scenario).is_ok(), "one octet too many waits for more");
    let scenario = Scenario::parse("ada connects\nada sends raw hex 818000000000 refused\n").unwrap();
    let Err(LabError::Step { cause, .. }) = lab::play(place, &scenario) else { panic!("an empty text breaks no rule") };
    assert!(cause.contains("these octets break no rule"), "{cause}");
}

/// The receiver's buffer fills, its window closes, and opens again when it reads.
pub fn who_does_not_read_closes_the_window(place: &Place) {
    let script = "ada opens tcp\nserver stops reading ada\n3 times ada writes of 60000 bytes\nwait 300ms\n\
        server reads ada again\nada writes \"more\"\nada closes\n";
    let trace = trace_frames(&play(place, script).frames);
    let frames = |filter: &str| -> Vec<u32> { Filter::parse(filter, &TraceNames).unwrap().frames(&trace).collect() };
    let closed = frames("tcp.analysis.zero_window");
    assert!(!closed.is_empty(), "the window is never 0");
    let last = *closed.last().unwrap();
    assert!(frames("tcp.analysis.window_update").iter().any(|frame| *frame > last), "it never opens again");
    assert!(frames("tcp.analysis.retransmission").is_empty(), "nothing is lost for it");
}

/// One end is gone without a word: nothing is on the wire until the other speaks, and then a reset says so.
pub fn a_crash_is_found_out_by_who_speaks(place: &Place) {
    for (script, from_server) in [
        ("ada connects\nada forgets the server\nwait 20ms\nserver sends text \"?\"\nada connects\nada closes\n", true),
        ("ada connects\nserver forgets ada\nada sends text \"?\"\n", false),
        ("ada opens tcp\nada writes \"x\"\nada forgets the server\nserver writes \"?\"\n", true),
        ("network ethernet\nada opens tcp\nserver forgets ada\nada writes \"?\"\n", false),
        ("ada connects over tls\nserver forgets ada\nada sends text \"?\"\n", false),
    ] {
        if script.starts_with("network") && !matches!(place, Place::Private { .. }) {
            continue;
        }
        let recording = play(place, script);
        let trace = trace_frames(&recording.frames);
        let found = |filter: &str| -> Vec<u32> {
            let filter = Filter::parse(filter, &TraceNames).unwrap();
            trace.records().map(|(number, _)| number).filter(|number| filter.matches(&trace, *number)).collect()
        };
        let (who, other) = if from_server { ("src", "dst") } else { ("dst", "src") };
        let resets = found(&format!("tcp.stream == 0 && tcp.flags.reset == 1 && tcp.{other}port == 8080"));
        assert_eq!(resets.len(), 1, "{script}");
        assert_eq!(found("tcp.stream == 0 && tcp.flags.fin == 1").len(), 0, "{script}");
        let asked = found(&format!("tcp.stream == 0 && tcp.len > 0 && tcp.{who}port == 8080"));
        assert!(asked.last().unwrap() < &resets[0], "it answers what the other side sent: {script}");
        let told: Vec<&str> = recording.log.faults.iter().map(|fault| fault.what.as_str()).collect();
        assert_eq!(told, [if from_server { "ada forgets the server" } else { "server forgets ada" }], "{script}");
        let never = recording.log.entries.iter().filter(|entry| entry.received_at.is_none()).count();
        assert_eq!(never, 1, "what was sent into the void: {script}");
        let (sent, seen) = (super::seen::sent(&recording), super::seen::seen(&trace_recording(&recording, false)));
        assert_eq!(seen, sent, "{script}");
    }
    let half_open = play(place, "ada connects\nada forgets the server\nwait 20ms\n");
    let trace = trace_frames(&half_open.frames);
    assert!(trace.connections().iter().all(|connection| !connection.is_closed()), "nobody has said anything");
}
