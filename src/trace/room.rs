//! How much memory what is known of a connection takes, so that what all of them take is bounded: see
//! [`FlowTable::weigh`](crate::flow::FlowTable::weigh).

use super::lane::{Lane, Speech};
use super::pipeline::Pipeline;
use super::watch::Watch;
use crate::flow::{Flow, FlowId, Kept};

/// So many octets of memory a request takes of which it is known what it asks of Engine.IO, until it is answered.
const REQUEST: usize = 512;

impl Lane {
    /// How much memory it takes, about. Not what each lane takes.
    #[inline]
    pub(super) fn weight(&self) -> Kept {
        let [up, down] = &self.hearing.streams;
        let decoder = match &self.speech {
            Speech::Known(_, decoder) => decoder.kept(),
            Speech::Unheard | Speech::Unknown => 0,
        };
        let asked = self.carrier.requests.len() * REQUEST;
        let begins: usize = self.begins.iter().map(Vec::len).sum();
        let own = up
            .takes(self.read[0])
            .with(down.takes(self.read[1]))
            .with(Kept { state: decoder + asked, messages: begins });
        let own = own.with(self.streams.weight());
        self.inside.as_ref().map_or(own, |inside| own.with(inside.weight()))
    }
}

impl<W: Watch> Pipeline<W> {
    /// Takes note of how much is kept with a connection that was heard.
    #[inline]
    pub(super) fn weigh(&mut self, id: FlowId) {
        if let Some(Flow { with: lane, .. }) = self.flows.flow(id) {
            let weight = lane.weight();
            lane.held = weight.messages;
            self.flows.weigh(id, weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::intake::Portion;
    use super::super::testing::Conversation;
    use super::super::testing_http2::{PREFACE, frame};
    use super::super::watch::{Ended, Needs, Octets, Place, Seen, Sight};
    use super::*;
    use crate::capture::Frame;
    use crate::flow::FlowTable;
    use crate::layer::Note;
    use crate::packet::Packet;

    /// Hears of connections that are given up.
    struct GivenUp {
        needs: Needs,
        told: Vec<(u32, String)>,
        /// How many messages have too many octets.
        too_long: usize,
    }

    impl Watch for GivenUp {
        fn needs(&self) -> Needs {
            self.needs
        }

        fn frame(&mut self, _: &Sight<'_>) {}

        fn message(&mut self, _: &Seen<'_>) {}

        fn note(&mut self, on: Option<&Place>, note: &Note) {
            if note.text.contains("too much under way") {
                let place = on.expect("it is of a connection");
                self.told.push((place.moment.frame, format!("{:?}", place.ends)));
            }
            self.too_long += usize::from(note.text.contains("more octets than are kept"));
        }

        fn ended(&mut self, _: Ended) {}
    }

    const READING: Needs = Needs { octets: Octets::All, frames: true, ..Needs::NUMBERS };

    fn pipeline(needs: Needs, portion: Portion) -> Pipeline<GivenUp> {
        Pipeline::new(GivenUp { needs, told: Vec::new(), too_long: 0 }).sharing(portion)
    }

    /// How much is kept when this was heard, and the pipeline that keeps it.
    fn kept(frames: &[Frame], needs: Needs) -> usize {
        let mut pipeline = pipeline(needs, Portion::default());
        frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
        std::mem::take(&mut pipeline.flows).into_flows().iter().map(|flow| flow.with.weight().state).sum()
    }

    /// Requests on so many streams, with fields that one entry of the table stands for: some octets ask for 200 KB.
    fn much(port: u16, streams: u32) -> Conversation {
        let mut talk = Conversation::between(&format!("10.0.0.1:{port}"), "10.0.0.2:80").open();
        let value = vec![b'v'; 3900];
        // A literal that goes into the table: "x", and a length of 3900 in the prefix of seven bits (RFC 7541 §5.1).
        let entry = [&[0x40, 1, b'x', 0x7f, 0xbd, 0x1d], &value[..]].concat();
        let asked = [&b"\x82\x84\x86\x01\x01a"[..], &entry].concat();
        talk.client([PREFACE.to_vec(), frame(4, 0, 0, b""), frame(1, 4, 1, &asked)].concat());
        for stream in 1..streams {
            let asked = [&b"\x82\x84\x86\x01\x01a"[..], &[0xbe; 50]].concat();
            talk.client(frame(1, 4, 2 * stream + 1, &asked));
        }
        talk
    }

    #[test]
    fn header_fields_of_all_connections_have_one_bound() {
        let frames: Vec<Frame> = (1000..1400).flat_map(|port| much(port, 16).frames).collect();
        for needs in [Needs::NUMBERS, READING] {
            let told = |portion: Portion| {
                let mut pipeline = pipeline(needs, portion);
                let mut most = 0;
                for frame in &frames {
                    pipeline.push(frame.as_ref());
                    most = most.max(pipeline.flows.kept().state);
                }
                assert!(most < 16 * (36 << 20), "{most} octets are kept");
                pipeline.end().told
            };
            let all = told(Portion::default());
            assert!((200..400).contains(&all.len()), "{} are given up", all.len());
            let mut shared: Vec<_> = (0..2).flat_map(|part| told(Portion { part, of: 2 })).collect();
            shared.sort();
            let mut sorted = all.clone();
            sorted.sort();
            assert_eq!(shared, sorted, "however many share the work");
        }
    }

    /// Bodies that come at the same time, each of which could be kept if it came alone.
    #[test]
    fn messages_of_all_connections_have_one_bound() {
        let mut pipeline = pipeline(READING, Portion::default());
        let mut hear = |talk: &mut Conversation| {
            talk.frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
            talk.frames.clear();
            let kept = pipeline.flows.kept();
            assert!(kept.messages <= 65 << 20 && kept.state < 1 << 20, "{kept:?}");
            kept.messages
        };
        // As many as it takes to have some in one shard.
        let ports = (1000..2000).filter(|port| {
            let frame = &Conversation::between(&format!("10.0.0.1:{port}"), "10.0.0.2:80").open().frames[0];
            FlowTable::<()>::shard_of(&Packet::decode(frame.link, &frame.data, frame.len)) == Some(3)
        });
        let mut talks: Vec<Conversation> = ports
            .take(10)
            .map(|port| {
                let mut talk = Conversation::between(&format!("10.0.0.1:{port}"), "10.0.0.2:80").open();
                talk.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                talk.server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 8 << 20));
                talk
            })
            .collect();
        let piece = vec![b'x'; 32 << 10];
        for _ in 0..256 {
            talks.iter_mut().for_each(|talk| _ = hear(talk.server(&piece)));
        }
        assert_eq!(hear(&mut Conversation::new().open()), 0, "all of them have ended");
        let told = pipeline.end();
        assert!((1..=3).contains(&told.too_long), "{}", told.too_long);
        assert_eq!(told.told, [], "nobody is given up");
    }

    #[test]
    fn what_is_much_is_counted() {
        let websocket = |frames: &[&[u8]]| {
            let mut talk = Conversation::new().open();
            talk.client(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            );
            talk.server(
                "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            );
            frames.iter().for_each(|frame| _ = talk.server(frame));
            talk.frames
        };
        let answered = |head: &str, body: &[u8]| {
            let mut talk = Conversation::new().open();
            talk.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            talk.server([format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes(), body].concat());
            talk.frames
        };
        let event = [b"data: ", &[b'x'; 1 << 20][..], b"\n"].concat();
        let event = crate::protocol::gzip(&event);
        let part = &event[..event.len() - 8];
        let event = "Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\nContent-Length: 10000";
        assert!(kept(&answered(event, part), Needs::NUMBERS) > 500_000);
        assert!(kept(&websocket(&[]), Needs::NUMBERS) >= 2 * (16 << 10));
        // Text of 64 KiB, deflated, in a fragment that others are to follow.
        let deflated = {
            let mut deflater = flate2::Compress::new(flate2::Compression::best(), false);
            let mut out = Vec::with_capacity(4096);
            deflater.compress_vec(&[b'x'; 64 << 10], &mut out, flate2::FlushCompress::Sync).unwrap();
            out
        };
        let fragment = [&[0x41, 126], &(deflated.len() as u16).to_be_bytes()[..], &deflated].concat();
        assert!(kept(&websocket(&[&fragment]), READING) >= 5 * (32 << 10), "and the windows");
        let upgrade = "Upgrade: x\r\n".to_owned() + &"a: b\r\n".repeat(1000);
        let mut talk = Conversation::new().open();
        talk.client(format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n{upgrade}\r\n"));
        assert!(kept(&talk.frames, Needs::NUMBERS) >= 100_000);
        let mut talk = Conversation::new().open();
        (0..100).for_each(|_| _ = talk.client("x").lose().client("x"));
        assert!(kept(&talk.frames, Needs::NUMBERS) >= 10_000, "each piece takes more than its octet");
        assert!(kept(&much(1000, 2).frames, Needs::NUMBERS) > 200_000);
        let mut talk = Conversation::new().open();
        talk.client("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100));
        assert!(kept(&talk.frames, Needs::NUMBERS) > 50_000, "each waits for its answer");
        // What was answered takes nothing, nor does a connection of which nothing is under way.
        assert_eq!(kept(&answered("Content-Length: 2", b"ok"), Needs::NUMBERS), 0);
        assert_eq!(kept(&Conversation::new().open().frames, Needs::NUMBERS), 0);
    }
}
