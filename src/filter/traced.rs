//! A trace answers filters: the names are those of all registered fields and protocols.

use super::records::{Names, Protocol, Records};
use crate::layer::{FieldDef, Value};
use crate::trace::{Trace, all_fields, field, protocols};

/// Names that only this program knows as protocols.
const OURS: [&str; 4] = ["sse", "websocket.handshake", "engineio", "socketio"];

/// The names of all fields and protocols there are.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceNames;

impl Names for TraceNames {
    fn field(&self, name: &str) -> Option<&'static FieldDef> {
        field(name)
    }

    fn protocol(&self, name: &str) -> Option<Protocol> {
        let name = protocols().find(|known| *known == name)?;
        Some(Protocol { name, wireshark: !OURS.contains(&name) })
    }

    fn all(&self) -> Vec<&'static str> {
        all_fields().map(|def| def.name).chain(protocols()).collect()
    }
}

impl Records for Trace {
    fn frames(&self) -> u32 {
        self.len()
    }

    fn time(&self, frame: u32) -> i128 {
        self.nanoseconds(frame).unwrap_or(0)
    }

    fn values(&self, frame: u32, def: &'static FieldDef, visit: &mut dyn FnMut(&Value)) {
        let layers = self.layers(frame);
        layers
            .iter()
            .flat_map(|layer| &layer.fields)
            .filter(|found| found.def.name == def.name)
            .for_each(|found| visit(&found.value));
    }

    fn has_protocol(&self, frame: u32, protocol: &str) -> bool {
        self.record(frame).is_some()
            && (protocol == "frame" || self.layers(frame).iter().any(|layer| layer.protocol == protocol))
    }

    /// A protocol's octets run to the end of the frame, except those of messages, which may come from several frames.
    fn protocol_bytes(&self, frame: u32, protocol: &str, visit: &mut dyn FnMut(&[u8])) {
        let Some(record) = self.record(frame) else { return };
        let data = record.frame.data.as_slice();
        if protocol == "frame" {
            return visit(data);
        }
        if let Some((_, header)) = record.packet.headers().find(|(name, _)| *name == protocol) {
            return visit(data.get(header.start as usize..).unwrap_or_default());
        }
        for message in self.messages_in(frame).iter().filter(|message| message.payload.protocol() == protocol) {
            visit(self.bytes(message));
        }
    }

    fn own_bytes(&self, frame: u32, protocol: &str, visit: &mut dyn FnMut(&[u8])) {
        if protocol == "frame" {
            return self.record(frame).into_iter().for_each(|record| visit(&record.frame.data));
        }
        let layers = self.layers(frame);
        let spans = layers.iter().filter(|layer| layer.protocol == protocol).filter_map(|layer| layer.span.as_ref());
        spans.for_each(|span| visit(self.octets(span)));
    }
}

#[cfg(test)]
mod tests {
    use super::{Trace, TraceNames};
    use crate::capture::{LinkType, Timestamp};
    use crate::filter::{Expr, Filter};
    use crate::trace::testing::{frame, trace};

    /// Frames at these nanoseconds since 1970.
    fn at(times: &[i64]) -> Trace {
        let frames: Vec<_> = times
            .iter()
            .map(|time| crate::capture::Frame { time: Timestamp(*time), ..frame(0, LinkType::RAW, vec![]) })
            .collect();
        trace(&frames)
    }

    #[test]
    fn a_frame_without_a_time_has_no_fields_of_it() {
        let trace = at(&[0, 1_700_000_000_000_000_000, 1_700_000_000_500_000_000, 0]).partly_without_times();
        let cases: [(&str, &[u32]); 5] = [
            ("frame.number", &[1, 2, 3, 4]),
            ("frame.time_epoch", &[2, 3]),
            ("frame.time_relative == 0", &[2]),
            ("frame.time_relative", &[2, 3]),
            ("frame.time_delta", &[3]),
        ];
        for (text, expected) in cases {
            let filter = Filter::parse(text, &TraceNames).unwrap();
            assert_eq!(filter.frames(&trace).collect::<Vec<_>>(), expected, "{text}");
        }
        assert_eq!((trace.seconds(), trace.time(1), trace.time(3)), (0.5, None, Some(0.5)));
        assert_eq!(at(&[0, 0]).partly_without_times().seconds(), 0.0);
        assert_eq!(at(&[2_000_000_000, 500_000_000, 1_000_000_000]).seconds(), 1.5);
    }

    /// A float of 64 bits knows the time since 1970 to some 240 nanoseconds only.
    #[test]
    fn the_time_of_a_frame_is_exact() {
        let trace = at(&[1_700_000_000_004_999_999, 1_700_000_000_005_000_000, 1_700_000_000_005_000_001]);
        let cases: [(&str, &[u32]); 5] = [
            ("frame.time_epoch == 1700000000.005", &[2]),
            ("frame.time_epoch >= 1700000000.005", &[2, 3]),
            ("frame.time_epoch < 1700000000.005", &[1]),
            ("frame.time_epoch in {1700000000.004999999..1700000000.005}", &[1, 2]),
            ("frame.time_delta == 0.000000001", &[2, 3]),
        ];
        for (text, frames) in cases {
            let filter = Filter::parse(text, &TraceNames).unwrap();
            assert_eq!(filter.frames(&trace).collect::<Vec<_>>(), frames, "{text}");
        }
        let shown = |frame: u32| trace.layers(frame)[0].value("frame.time_epoch").unwrap().to_string();
        assert_eq!([1, 2].map(shown), ["1700000000.004999999", "1700000000.005000000"]);
        let between = "max(frame.time_epoch) - min(frame.time_epoch)";
        let outcome = Expr::parse(between, &TraceNames).unwrap().evaluate(&trace);
        assert_eq!(outcome.value.to_string(), "0.000002 ms");
    }

    #[test]
    fn numbers_may_have_a_sign() {
        let mut talk = crate::trace::testing::Conversation::new();
        talk.client("hello").server("hi");
        let trace = talk.trace();
        let frames = |text: &str| Filter::parse(text, &TraceNames).unwrap().frames(&trace).count();
        assert_eq!(frames("tcp.window_size_scalefactor == -1"), 2);
        assert_eq!(frames("tcp.window_size_scalefactor in {-2..0}"), 2);
        assert_eq!(frames("tcp.window_size_scalefactor > 0"), 0);
        let sum = Expr::parse("sum(tcp.window_size_scalefactor)", &TraceNames).unwrap().evaluate(&trace);
        assert_eq!(sum.value.to_string(), "-2");
    }

    /// A client that asks for a cookie of Fast Open on its first SYN and shows it on the next.
    #[test]
    fn fast_open_is_found_as_in_wireshark() {
        let syn = |n: u16, options: &[u8]| {
            let words = (20 + options.len() as u8) / 4;
            let mut data = vec![0x45, 0, 0, 40 + options.len() as u8, 0, 0, 0x40, 0, 64, 6, 0, 0];
            data.extend([127, 0, 0, 1, 127, 0, 0, 1]);
            data.extend([&(50_000 + n).to_be_bytes()[..], &[0, 80, 0, 0, 0, 1, 0, 0, 0, 0]].concat());
            data.extend([&[words << 4, 2, 2, 0, 0, 0, 0, 0][..], options].concat());
            frame(usize::from(n), LinkType::RAW, data)
        };
        let shown = syn(1, &[34, 6, 0xab, 1, 2, 3, 1, 1]);
        let trace = trace(&[syn(0, &[34, 2, 1, 1]), shown, syn(2, &[])]);
        let frames = |text: &str| Filter::parse(text, &TraceNames).unwrap().frames(&trace).collect::<Vec<_>>();
        assert_eq!(frames("tcp.options.tfo.request"), [1]);
        assert_eq!(frames("tcp.options.tfo.cookie"), [2]);
        assert_eq!(frames("tcp.options.tfo.cookie == ab:01:02:03"), [2]);
        assert_eq!(frames("tcp.analysis.tfo_syn && !tcp.options.tfo.request"), [2]);
    }

    /// A cookie, how long a request waited, and which protocols there are: as people ask in Wireshark.
    #[test]
    fn what_an_exchange_says_of_itself() {
        let mut talk = crate::trace::testing::Conversation::new();
        talk.client("GET / HTTP/1.1\r\nHost: h\r\nCookie: theme=dark; id=7\r\n\r\n");
        talk.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let trace = talk.trace();
        let frames = |text: &str| Filter::parse(text, &TraceNames).unwrap().frames(&trace).collect::<Vec<_>>();
        let (asked, answered) = (frames("http.request"), frames("http.response"));
        assert_eq!((asked.len(), answered.len()), (1, 1));
        assert_eq!(frames("http.cookie contains \"id=7\""), asked);
        assert_eq!(frames("http.time > 0"), answered);
        let waited = trace.nanoseconds(answered[0]).unwrap() - trace.nanoseconds(asked[0]).unwrap();
        assert_eq!(frames(&format!("http.time == 0.{waited:09}")), answered);
        assert_eq!(frames("frame.protocols contains \":ip:tcp:http\"").len(), 2);
        assert_eq!(frames("frame.protocols matches \"tcp$\"").len(), trace.len() as usize - 2);
    }

    #[test]
    fn times_before_1970_have_a_sign() {
        let trace = at(&[-1_500_000_000]);
        assert_eq!(trace.layers(1)[0].value("frame.time_epoch").unwrap().to_string(), "-1.500000000");
    }
}
