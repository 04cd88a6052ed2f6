//! The content of a message (RFC 9110 §6.4): its body, without the framing of chunks and with its codings undone.

use std::borrow::Cow;

use super::{HttpMessage, Written};
use crate::layer::Note;
use crate::message::Head;
use crate::protocol::http1::coding;

impl HttpMessage {
    /// The body with its content codings undone; `None` if it has none, or they cannot be undone.
    pub fn decoded_body(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        // Most messages have none, and their bodies are not copied to see that.
        self.header(bytes, "content-encoding")?;
        let body = self.body(bytes);
        coding::decode(&self.codings(bytes, &body)?, &body).0
    }

    /// The body as its sender meant it: with its content codings undone, if it has any; `None` if they cannot be undone.
    pub fn meant_body<'a>(&self, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let body = self.body(bytes);
        let codings = self.header(bytes, "content-encoding").and_then(|_| self.codings(bytes, &body));
        match codings {
            None => Some(body),
            Some(codings) => coding::decode(&codings, &body).0.map(Cow::from),
        }
    }

    /// The codings that are to be undone in the body.
    fn codings(&self, bytes: &[u8], body: &[u8]) -> Option<Vec<String>> {
        let head = match &self.head {
            Written::Packed(head) => head.to_head(),
            _ => self.head(bytes)?.to_ruling_head(bytes),
        };
        coding::to_undo(&head, body)
    }

    /// The same, whose header fields that matter are at hand.
    pub(in crate::protocol::http1) fn with(self, head: &Head) -> Self {
        Self { is_plain: head.get("content-encoding").is_none(), ..self }
    }

    /// Whether its body may have a content coding.
    pub fn may_be_coded(&self) -> bool {
        !self.is_plain
    }

    /// What is wrong with the content codings of the whole message.
    pub(in crate::protocol) fn coding_note(&self, head: &Head, bytes: &[u8]) -> Option<Note> {
        // Most messages have none, and their bodies are not copied to see that.
        Some(head).filter(|_| self.may_be_coded())?.get("content-encoding")?;
        let body = self.body(bytes);
        coding::decode(&coding::to_undo(head, &body)?, &body).1.map(|fault| fault.note())
    }

    /// The body with chunk framing taken away.
    pub fn body<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let end = bytes.len() - (self.tail_len() as usize).min(bytes.len());
        let raw = bytes.get(self.head_len as usize..end).unwrap_or_default();
        match &self.chunks {
            Some(chunks) => Cow::Owned(chunks.join(raw)),
            None => Cow::Borrowed(raw),
        }
    }

    /// How many octets the body of a message of so many has; `None` if they came in chunks, and are not at hand.
    pub fn body_len(&self, message: u64) -> Option<u64> {
        self.chunks.is_none().then(|| message.saturating_sub(self.head_len + self.tail_len()))
    }
}
