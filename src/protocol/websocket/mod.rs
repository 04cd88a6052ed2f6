//! WebSocket.
//!
//! # References
//! - Opening handshake: RFC 6455 §4. Frames: §5.2. Fragments: §5.4. Control frames: §5.5. Close codes: §7.4.
//!
//! A passive reader: what an endpoint would refuse is shown, with a note that names the clause it breaks.

mod begun;
mod check;
mod decoder;
mod deflate;
mod extensions;
mod farewell;
mod frame;
mod handshake;
mod joined;
mod message;
mod speaker;
mod stray;
mod unmasking;
mod utf8;

pub use frame::{Opcode, WebSocketFrame, close_meaning};
pub use handshake::{WebSocketHandshake, accept_for};
pub use message::WebSocketMessage;

use crate::layer::{Direction, FieldDef};
use crate::message::{Decoder, Dissector, Probe, Sink, Upgrade, Verdict};

crate::fields! {
    #[ours] HANDSHAKE_ACCEPTED = "websocket.handshake.accepted", Bool, "The server's answer passes every check a client must make: from here on both sides speak WebSocket.", "RFC 6455 §4.1";
    #[ours] HANDSHAKE_ACCEPT_VALID = "websocket.handshake.accept_valid", Bool, "Sec-WebSocket-Accept is the hash of this handshake's key.", "RFC 6455 §4.2.2";
    #[ours] HANDSHAKE_ACCEPT_COMPUTED = "websocket.handshake.accept_computed", Text, "What Sec-WebSocket-Accept must be, computed from the key that was sent.", "RFC 6455 §4.2.2";
    FIN = "websocket.fin", Bool, "This frame ends its message.", "RFC 6455 §5.2";
    RSV = "websocket.rsv", Uint(8), "Three bits kept for extensions.", "RFC 6455 §5.2";
    PMC = "websocket.pmc", Bool, "Where permessage-deflate was agreed on: the message that begins here is compressed.", "RFC 7692 §6";
    OPCODE = "websocket.opcode", Uint(8), "What the frame is: 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong.", "RFC 6455 §5.2";
    MASK = "websocket.mask", Bool, "The payload is masked, as all frames from a client must be.", "RFC 6455 §5.3";
    PAYLOAD_LENGTH = "websocket.payload_length", Uint(8), "The first length: up to 125 as it is, 126 and 127 announce a longer form.", "RFC 6455 §5.2";
    PAYLOAD_LENGTH_16 = "websocket.payload_length_ext_16", Uint(16), "The length in 16 bits, after a first length of 126.", "RFC 6455 §5.2";
    PAYLOAD_LENGTH_64 = "websocket.payload_length_ext_64", Uint(64), "The length in 64 bits, after a first length of 127.", "RFC 6455 §5.2";
    #[ours] PAYLOAD_LEN = "websocket.payload_len", Uint(64), "How many octets of payload the frame has, whichever form says it.", "RFC 6455 §5.2";
    MASKING_KEY = "websocket.masking_key", Bytes, "Four octets, new for each frame, with which the payload is combined by XOR.", "RFC 6455 §5.3";
    MASKED_PAYLOAD = "websocket.masked_payload", Presence, "The payload as it travelled.", "RFC 6455 §5.3";
    PAYLOAD = "websocket.payload", Presence, "The payload with the mask undone.", "RFC 6455 §5.2";
    TEXT = "websocket.payload.text", Text, "The text of a whole message.", "RFC 6455 §5.6";
    #[ours] BINARY = "websocket.payload.binary", Bytes, "The octets of a whole binary message.", "RFC 6455 §5.6";
    PING = "websocket.payload.ping", Bytes, "What the pong has to repeat.", "RFC 6455 §5.5.2";
    PONG = "websocket.payload.pong", Bytes, "What the ping held.", "RFC 6455 §5.5.3";
    CLOSE_CODE = "websocket.payload.close.status_code", Uint(16), "Why the connection is closed, as a number: 1000 is normal.", "RFC 6455 §7.4";
    CLOSE_REASON = "websocket.payload.close.reason", Text, "Why the connection is closed, in words.", "RFC 6455 §7.1.6";
    #[ours] FRAGMENTS = "websocket.message.fragments", Uint(64), "Of how many frames the message that ends here was put together.", "RFC 6455 §5.4";
}

/// The registered dissector. Connections come to it by upgrade; where the capture began after that, no octet of a frame
/// identifies it for certain.
pub(super) struct WebSocket;

impl Dissector for WebSocket {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn fields(&self) -> &'static [&'static FieldDef] {
        FIELDS
    }

    fn probe(&self, probe: Probe<'_>) -> Verdict {
        if probe.joined { joined::probe(probe) } else { Verdict::No }
    }

    fn decoder(&self) -> Option<Box<dyn Decoder>> {
        None
    }

    fn joined(&self, probe: Probe<'_>) -> Option<Box<dyn Decoder>> {
        joined::joined(probe).map(|joint| decoder::WebSocketDecoder::joining(joint).boxed())
    }

    fn upgraded(&self, upgrade: &Upgrade, sink: &mut dyn Sink) -> Option<Box<dyn Decoder>> {
        let handshake = handshake::judge(upgrade, sink);
        upgrade.switched.then(|| {
            let mut decoder = decoder::WebSocketDecoder::new(handshake.extensions.as_deref());
            if upgrade.request_range.is_none() {
                // With the request may be missing what its client said behind it.
                decoder.speakers[Direction::ToServer.index()].may_have_begun();
            }
            decoder.boxed()
        })
    }

    fn upgrade_token(&self) -> Option<&'static str> {
        Some("websocket")
    }
}

#[cfg(test)]
mod tests;
