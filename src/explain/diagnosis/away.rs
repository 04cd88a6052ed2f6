//! Servers that say on a connection of HTTP/2 that they answer no more on its streams.
//!
//! # References
//! - RFC 9113 §6.8 (GOAWAY).

use super::{Case, Finding};
use crate::flow::Connection;
use crate::layer::Direction;
use crate::protocol::{Http2Frame, HttpMessage, Side};
use crate::trace::Message;

/// Why a server answers no request on a stream.
pub(super) enum Refused {
    /// It answers in another protocol, of which a remark tells.
    Otherwise,
    /// It goes away, which it says in this frame; `last` is the last stream that it answers.
    Away { frame: u32, last: u32, why: String },
}

impl Refused {
    /// What is to be said of a request that was not dealt with, if anything is.
    pub(super) fn finding(&self, what: &str, asked: u32, connection: &Connection) -> Option<Finding> {
        let Self::Away { frame, last, why } = self else { return None };
        let text = format!(
            "{what} was not dealt with: {} said in frame {frame} that it goes away ({why}), and that stream {last} is the last it \
             answers. The client may ask once more, on another connection",
            connection.server
        );
        Some(Finding::warn(text, "RFC 9113 §6.8", vec![asked.min(*frame), asked.max(*frame)]))
    }
}

/// Whether a server said on the connection of a request that it does not answer on its stream.
pub(super) fn refused(case: &Case<'_>, request: &Message) -> Option<Refused> {
    let stream = request.stream?;
    let on_connection = |message: &&&Message| {
        message.direction == Direction::ToClient && message.inside == request.inside && message.stream.is_none()
    };
    case.messages_of(request.connection).iter().filter(on_connection).find_map(|message| {
        if message.payload_as::<HttpMessage>().is_some_and(|http| http.side == Side::Unreadable) {
            return Some(Refused::Otherwise);
        }
        let (last, why) = message.payload_as::<Http2Frame>()?.goes_away().filter(|(last, _)| *last < stream)?;
        Some(Refused::Away { frame: message.frame(), last, why })
    })
}
