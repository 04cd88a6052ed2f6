//! `wiretale peel`: one frame, layer by layer.

use super::Ending;
use super::arguments::PeelArguments;
use super::failure::Failure;
use super::load;
use super::output::Output;
use crate::count::counted;
use crate::explain::Peel;
use crate::protocol::quic::{self, QuicPacket};
use crate::protocol::{SocketIoPacket, SseEventMessage, TlsRecord};
use crate::trace::{Message, QuicMessage, Trace};
use crate::view::{self, Line, Tone};

pub(super) fn run(arguments: &PeelArguments, out: &mut Output) -> Result<Ending, Failure> {
    let loaded = load::given(&arguments.capture)?;
    let file = arguments.capture.file.display();
    let frame = match &arguments.event {
        Some(name) => event(&loaded.trace, name, &file.to_string(), out)?,
        None => arguments.frame.unwrap_or(0),
    };
    let Some(peel) = Peel::new(&loaded.trace, frame) else {
        let message = format!("cannot peel frame {frame} of `{file}`: it has {}", counted(loaded.trace.len(), "frame"));
        return Err(Failure::request(
            message,
            format!("`wiretale replay {file} --packets` lists them; they count from 1"),
        ));
    };
    out.lines(view::onion(&peel, out.width))?;
    out.text("")?;
    out.lines(view::hex_dump(&peel, out.width))?;
    out.text("")?;
    out.lines(view::fields(&loaded.trace, &peel, out.width))?;
    out.flush()?;
    Ok(Ending::Done)
}

/// The first frame in which an event of this name ends; says in which others one does.
fn event(trace: &Trace, name: &str, file: &str, out: &mut Output) -> Result<u32, Failure> {
    let is_it = |message: &&Message| {
        let socketio = message.payload_as::<SocketIoPacket>().and_then(SocketIoPacket::event);
        let sse = message.payload_as::<SseEventMessage>().and_then(SseEventMessage::event);
        socketio.is_some_and(|event| event.name == name) || sse.is_some_and(|event| event.event == name)
    };
    let over_quic = |message: &QuicMessage| {
        let packet = message.payload.as_any().downcast_ref::<SocketIoPacket>();
        packet.and_then(SocketIoPacket::event).is_some_and(|event| event.name == name)
    };
    let spoken = trace.records().filter(|(_, record)| record.over_quic.iter().any(over_quic));
    let mut frames: Vec<u32> = trace.messages().iter().filter(is_it).map(Message::frame).collect();
    frames.extend(spoken.map(|(frame, _)| frame));
    frames.sort_unstable();
    let Some((first, others)) = frames.split_first() else {
        let message = format!("cannot find an event `{name}` in `{file}`");
        let mut help = format!("`wiretale export {file} --kinds socketio.packet,sse.event` lists the events");
        if has_closed(trace) {
            help += "; of what is encrypted in it not all was opened, and `--keylog FILE` names a file with secrets";
        }
        return Err(Failure::request(message, help));
    };
    if !others.is_empty() {
        let list: Vec<String> = others.iter().take(LISTED).map(u32::to_string).collect();
        let more = if others.len() > LISTED { ", …" } else { "" };
        let text = format!("`{name}` is also in {}{more}", list.join(", "));
        out.line(&Line::of(Tone::Dim, text))?;
    }
    Ok(*first)
}

/// Whether the capture has what is encrypted with TLS or QUIC, and was not opened.
fn has_closed(trace: &Trace) -> bool {
    let of_quic = |packet: &QuicPacket| packet.kind == quic::Kind::Short && packet.opened.is_none();
    let of_tls = |record: &TlsRecord| record.encrypted && record.opened.is_none();
    trace.records().any(|(_, record)| record.quic.iter().flatten().any(of_quic))
        || trace.messages().iter().filter_map(Message::payload_as).any(of_tls)
}

/// How many other frames are named.
const LISTED: usize = 8;
