//! The verbs of TCP, UDP, HTTP and event streams, and how often a step is played: a small reader each.
//!
//! ```text
//! client "opens tcp"
//! actor  "writes" octets [ "to" client ]              ; a client writes to the server only
//! actor  "aborts" [ client ]
//! actor  "sends datagram" octets [ "to" client ]
//! client "gets" path [ "answered with" ( text / "text of" size / status ) ] [ "after" time ] [ "over http/1.0" ]
//! client "subscribes to" path [ "after" id ]
//! "server publishes" ( text / "text of" size ) [ "as" type ] [ "with id" id ] [ "to" client ]
//! number "times" [ "every" time ] step
//! octets = text / "of" size / "hex" digits
//! ```

use std::time::Duration;

use crate::lab::grammar::{some_bytes, some_text};
use crate::lab::reader::Reader;
use crate::lab::scenario::{Event, Exchange};
use crate::lab::udp::MAX_DATAGRAM;
use crate::mistake::Mistake;

/// Octets to write or to send.
pub fn octets(words: &mut Reader<'_>) -> Result<Vec<u8>, Mistake> {
    if words.keyword("of") {
        return words.size().map(some_bytes);
    }
    if words.keyword("hex") {
        return words.hex();
    }
    words.text("the text in quotes").map(String::into_bytes)
}

/// What a datagram carries.
pub fn datagram(words: &mut Reader<'_>) -> Result<Vec<u8>, Mistake> {
    let range = words.here();
    let payload = octets(words)?;
    if payload.len() > MAX_DATAGRAM {
        let message = format!("a datagram carries at most {MAX_DATAGRAM} bytes, this is {}", payload.len());
        return Err(
            Mistake::new(range, message).help("RFC 768, RFC 791: 65535 bytes with both headers; or write it into TCP")
        );
    }
    Ok(payload)
}

/// An exchange over HTTP; whether it needs a connection is seen later.
pub fn exchange(words: &mut Reader<'_>) -> Result<Exchange, Mistake> {
    let path = words.path()?;
    let mut exchange =
        Exchange { path, is_10: false, opens: false, status: 200, body: b"hello\n".to_vec(), held: Duration::ZERO };
    let mut said: Vec<&str> = Vec::new();
    while !words.at_end() {
        let here = words.here();
        let choice = words.one_of("how it is answered", &["answered", "after", "over"])?;
        match choice {
            "answered" => {
                words.expect("with")?;
                answer(words, &mut exchange)?;
            }
            "after" => exchange.held = words.time()?,
            _ => {
                words.expect("http/1.0")?;
                exchange.is_10 = true;
            }
        }
        if said.contains(&choice) {
            return Err(Mistake::new(here.start..words.behind(), "this was said before in the same step"));
        }
        said.push(choice);
    }
    Ok(exchange)
}

fn answer(words: &mut Reader<'_>, exchange: &mut Exchange) -> Result<(), Mistake> {
    if words.keyword("204") {
        (exchange.status, exchange.body) = (204, Vec::new());
    } else if words.keyword("text") {
        words.expect("of")?;
        exchange.body = some_text(words.size()?).into_bytes();
    } else {
        exchange.body = words.text("the text in quotes, `text of … bytes` or `204`")?.into_bytes();
    }
    Ok(())
}

/// The path of an event stream, and the id of the last event that the client has.
pub fn subscription(words: &mut Reader<'_>) -> Result<(String, Option<String>), Mistake> {
    words.expect("to")?;
    let path = words.path()?;
    let last = if words.keyword("after") { Some(words.header_text()?) } else { None };
    Ok((path, last))
}

/// An event.
pub fn event(words: &mut Reader<'_>) -> Result<Event, Mistake> {
    let range = words.here();
    let data = match words.keyword("text") {
        true => {
            words.expect("of")?;
            some_text(words.size()?)
        }
        false => words.text("the text in quotes")?,
    };
    if data.contains('\r') {
        return Err(Mistake::new(range, "an event cannot hold a carriage return")
            .help("WHATWG HTML §9.2: it ends a line there; what has several lines is parted with \\n"));
    }
    let mut event = Event { kind: None, data, id: None };
    if words.keyword("as") {
        event.kind = Some(words.header_text()?);
    }
    if words.keyword("with") {
        words.expect("id")?;
        event.id = Some(words.header_text()?);
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::words::sentences;

    fn read<T>(text: &str, verb: fn(&mut Reader<'_>) -> Result<T, Mistake>) -> Result<T, Mistake> {
        let sentences = sentences(text)?;
        let mut words = Reader::new(&sentences[0].words);
        let read = verb(&mut words)?;
        words.end().map(|()| read)
    }

    #[test]
    fn octets_come_as_text_size_or_hex() {
        assert_eq!(read("\"a\\u00e9\"", octets).unwrap(), "aé".as_bytes());
        assert_eq!(read("of 3 bytes", octets).unwrap().len(), 3);
        assert_eq!(read("hex 00ff", octets).unwrap(), [0, 0xff]);
        assert_eq!(read("3", octets).unwrap_err().message, "`3` is not the text in quotes");
        let error = read("of 65508 bytes", datagram).unwrap_err();
        assert_eq!(error.message, "a datagram carries at most 65507 bytes, this is 65508");
        assert_eq!(read("of 65507 bytes", datagram).unwrap().len(), 65_507);
    }

    #[test]
    fn exchanges() {
        let plain = read("/", exchange).unwrap();
        assert_eq!((plain.version(), plain.status, plain.body.as_slice()), ("HTTP/1.1", 200, &b"hello\n"[..]));
        let held = read("/news after 150ms answered with 204 over http/1.0", exchange).unwrap();
        assert_eq!((held.version(), held.status, held.held.as_millis()), ("HTTP/1.0", 204, 150));
        assert_eq!(read("/ answered with text of 30 bytes", exchange).unwrap().body.len(), 30);
        for (text, message) in [
            ("/ answered with 404", "`404` is not the text in quotes, `text of … bytes` or `204`"),
            ("/ over http/1.1", "here `http/1.0` was expected, not `http/1.1`"),
            ("/ after 1ms after 2ms", "this was said before in the same step"),
            ("/ later", "`later` is not how it is answered"),
        ] {
            assert_eq!(read(text, exchange).unwrap_err().message, message);
        }
    }

    #[test]
    fn events() {
        let expected = Event { kind: Some("price".into()), data: "7\n8".into(), id: Some("4".into()) };
        assert_eq!(read("\"7\\n8\" as \"price\" with id \"4\"", event).unwrap(), expected);
        assert_eq!(read("to /news after \"3\"", subscription).unwrap(), ("/news".into(), Some("3".into())));
        assert_eq!(read("\"a\\rb\"", event).unwrap_err().message, "an event cannot hold a carriage return");
    }
}
