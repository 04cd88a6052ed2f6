//! The verbs of TCP, UDP, HTTP and event streams, and how often a step is played: a small reader each.
//!
//! ```text
//! client "opens tcp" [ "over" tls ]
//! actor  "writes" octets [ "to" client ]              ; a client writes to the server only
//! actor  "aborts" [ client ]
//! actor  "sends datagram" octets [ "to" client ]
//! ( client "gets" / client 1*( "and" client ) "get" ) path [ "answered with" ( text / "text of" size / status ) ] [ "after" time ] [ "over http/1.0" ] [ "over" tls ]
//! client "subscribes to" path [ "after" id ] [ "over" tls ]
//! actor  "half-closes" [ client ] / actor "hangs up" [ client ]
//! client "forgets the server" / "server forgets" [ client ]
//! client "stops reading" / "server stops reading" client
//! client "reads again" / "server reads" client "again"
//! "server publishes" ( text / "text of" size ) [ "as" type ] [ "with id" id ] [ "to" client ]
//! "network" ( "loopback" / "ethernet" [ "recorded at" ( "the server" / "the client" / "both ends" ) ] )
//! "link" ( "drops" / "duplicates" / "holds" / "corrupts" ) which "to the" ( "server" / "client" )
//! which = ( "segment" / "datagram" ) ( number / "with" text )
//! "link delays" ( … number "to the" … / "everything" [ "to the" … ] ) "by" time
//! "link goes down for" time
//! "link resets" client
//! "link carries" number ( "kbit/s" / "Mbit/s" )
//! "link loses" number "%" [ "to the" ( "server" / "client" ) ]
//! "seed" number                                       ; keys and masks
//! "clients add" 1*text                                ; header fields
//! number "times" [ "every" time ] step
//! "repeat" number "times" [ "every" time ], then steps, then "end"
//! tls = "tls" [ "1.2" ]
//! octets = text / "of" size / "hex" digits
//! ```

use std::time::Duration;

use crate::lab::fault::{Fault, Harm, Target};
use crate::lab::grammar::Verb;
use crate::lab::ground::{Ground, Vantage};
use crate::lab::phrases::{some_bytes, some_text};
use crate::lab::reader::Reader;
use crate::lab::scenario::{Event, Exchange, Utterance};
use crate::lab::tls::TlsVersion;
use crate::lab::udp::MAX_DATAGRAM;
use crate::layer::Direction;
use crate::mistake::Mistake;

/// Behind `wait`.
pub fn wait(words: &mut Reader<'_>) -> Result<Duration, Mistake> {
    let is_time = words.bare().is_none_or(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    words.time().map_err(|error| {
        if is_time {
            return error;
        }
        error.help("write how long, such as `wait 20ms`; a step that sends waits by itself until it has arrived")
    })
}

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

/// What is written into a stream.
pub fn written(words: &mut Reader<'_>) -> Result<Vec<u8>, Mistake> {
    let range = words.here();
    let octets = octets(words)?;
    if octets.is_empty() {
        let message = "a stream carries no empty message: nothing would be sent";
        return Err(Mistake::new(range.start..words.behind(), message)
            .help("a datagram may be empty, and so may a WebSocket's message"));
    }
    Ok(octets)
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

/// Header fields that every request has besides: RFC 9110 §5.
pub fn fields(words: &mut Reader<'_>) -> Result<Vec<(String, String)>, Mistake> {
    words.expect("add")?;
    let mut fields = Vec::new();
    while fields.is_empty() || !words.at_end() {
        let range = words.here();
        let text = words.text("a header field in quotes")?;
        let wrong = |message: String, help: &str| Err(Mistake::new(range.clone(), message).help(help));
        let Some((name, value)) = text.split_once(':').map(|(name, value)| (name, value.trim())) else {
            return wrong("a header field has a name, a colon and a value".to_owned(), "such as \"User-Agent: me\"");
        };
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(is_token) {
            return wrong(
                format!("`{name}` is no name of a header field"),
                "letters, digits and `-`, as \"User-Agent\"",
            );
        }
        if !value.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return wrong(format!("the value of `{name}` has more than visible ASCII"), "leave out what is not ASCII");
        }
        let lower = name.to_ascii_lowercase();
        if OWN_FIELDS.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
            return wrong(format!("`{name}` is the client's own business"), "it says how the message is to be read");
        }
        fields.push((name.to_owned(), value.to_owned()));
    }
    Ok(fields)
}

/// Whether these are few enough: every request carries them.
pub fn are_bounded(fields: &[(String, String)]) -> bool {
    fields.len() <= 16 && fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= 4096
}

/// What the lab's clients say themselves.
const OWN_FIELDS: [&str; 8] =
    ["host", "connection", "upgrade", "content-length", "content-type", "transfer-encoding", "last-event-id", "expect"];

/// An exchange over HTTP; whether it needs a connection is seen later.
pub fn exchange(words: &mut Reader<'_>) -> Result<Exchange, Mistake> {
    let path = words.path()?;
    let mut exchange = Exchange {
        path,
        is_10: false,
        opens: false,
        status: 200,
        body: b"hello\n".to_vec(),
        held: Duration::ZERO,
        tls: None,
        fields: Vec::new(),
    };
    let mut said: Vec<&str> = Vec::new();
    while !words.at_end() {
        let here = words.here();
        let mut choice = words.one_of("how it is answered", &["answered", "after", "over"])?;
        match choice {
            "answered" => {
                words.expect("with")?;
                answer(words, &mut exchange)?;
            }
            "after" => exchange.held = words.time()?,
            _ if words.range_of("tls").is_some() => {
                choice = "tls";
                exchange.tls = Some(tls(words)?);
            }
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

/// `tls`, `tls 1.2`.
pub fn tls(words: &mut Reader<'_>) -> Result<TlsVersion, Mistake> {
    words.expect("tls")?;
    Ok(if words.keyword("1.2") { TlsVersion::V12 } else { TlsVersion::V13 })
}

/// `over tls`, if it is said.
pub fn over_tls(words: &mut Reader<'_>) -> Result<Option<TlsVersion>, Mistake> {
    if words.keyword("over") { tls(words).map(Some) } else { Ok(None) }
}

/// The path of an event stream, the id of the last event that the client has, and how it is opened.
pub fn subscription(words: &mut Reader<'_>) -> Result<(String, Option<String>, Option<TlsVersion>), Mistake> {
    words.expect("to")?;
    let path = words.path()?;
    let last = if words.keyword("after") { Some(words.header_text()?) } else { None };
    Ok((path, last, over_tls(words)?))
}

/// Octets that are written past the WebSocket.
pub fn raw(words: &mut Reader<'_>) -> Result<Utterance, Mistake> {
    let octets = octets(words)?;
    Ok(Utterance::Raw { octets, refused: words.keyword("refused") })
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

/// The kind of network.
pub fn ground(words: &mut Reader<'_>) -> Result<Verb, Mistake> {
    let (ground, mut recorded_at) = match words.one_of("a network", &["loopback", "ethernet"])? {
        "ethernet" => (Ground::Ethernet, Vantage::Client),
        _ => (Ground::Loopback, Vantage::Client),
    };
    if ground == Ground::Ethernet && words.keyword("recorded") {
        words.expect("at")?;
        recorded_at = if words.phrase(&["both", "ends"]) {
            Vantage::Both
        } else {
            words.expect("the")?;
            match words.one_of("a machine", &["server", "client"])? {
                "server" => Vantage::Server,
                _ => Vantage::Client,
            }
        };
    }
    Ok(Verb::Ground { ground, recorded_at })
}

/// What the wire does, and to what.
pub fn fault(words: &mut Reader<'_>) -> Result<Fault, Mistake> {
    let verbs = ["drops", "duplicates", "holds", "corrupts", "delays", "goes", "carries", "loses", "resets"];
    let verb = words.one_of("what a wire does", &verbs)?;
    let whole = |harm| Fault { harm, target: Target::Everything, direction: None };
    if verb == "goes" {
        words.expect("down")?;
        words.expect("for")?;
        return Ok(whole(Harm::Down(words.time()?)));
    }
    if verb == "carries" {
        return Ok(whole(Harm::Rate(words.rate()?)));
    }
    if verb == "loses" {
        let lost = whole(Harm::Lose(words.percent()?));
        return Ok(if words.at_end() { lost } else { Fault { direction: Some(way(words)?), ..lost } });
    }
    let targets: &[&str] =
        if verb == "delays" { &["segment", "datagram", "everything"] } else { &["segment", "datagram"] };
    let target = match words.one_of("what that is done to", targets)? {
        "segment" if words.keyword("with") => Target::SegmentWith(beginning(words)?),
        "datagram" if words.keyword("with") => Target::DatagramWith(beginning(words)?),
        "segment" => Target::Segment(words.ordinal()?),
        "datagram" => Target::Datagram(words.ordinal()?),
        _ => Target::Everything,
    };
    let mut direction = None;
    if target != Target::Everything || words.range_of("to").is_some() {
        direction = Some(way(words)?);
    }
    let harm = match verb {
        "drops" => Harm::Drop,
        "duplicates" => Harm::Duplicate,
        "holds" => Harm::Hold,
        "corrupts" => Harm::Corrupt,
        _ => {
            words.expect("by")?;
            Harm::Delay(words.time()?)
        }
    };
    Ok(Fault { harm, target, direction })
}

/// `to the server`, `to the client`.
fn way(words: &mut Reader<'_>) -> Result<Direction, Mistake> {
    words.expect("to")?;
    words.expect("the")?;
    Ok(match words.one_of("where it goes", &["server", "client"])? {
        "server" => Direction::ToServer,
        _ => Direction::ToClient,
    })
}

/// How what is meant begins.
fn beginning(words: &mut Reader<'_>) -> Result<String, Mistake> {
    let range = words.here();
    let text = words.text("how it begins, in quotes")?;
    if text.is_empty() || text.len() > MOST_TOLD {
        let message = format!("how it begins is told with 1 to {MOST_TOLD} bytes");
        return Err(Mistake::new(range, message).help("name it by its number instead: `segment 2`"));
    }
    Ok(text)
}

/// What a socket's filter compares takes instructions, of which it has a bounded number.
const MOST_TOLD: usize = 64;

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
            ("/ over tls over tls 1.2", "this was said before in the same step"),
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
        assert_eq!(read("to /news after \"3\"", subscription).unwrap(), ("/news".into(), Some("3".into()), None));
        assert_eq!(read("\"a\\rb\"", event).unwrap_err().message, "an event cannot hold a carriage return");
    }

    #[test]
    fn faults() {
        for text in [
            "drops segment 3 to the server",
            "duplicates datagram 2 to the client",
            "holds segment 1 to the server",
            "corrupts segment 1 to the client",
            "delays segment 4 to the server by 40ms",
            "drops segment with \"tw\" to the server",
            "holds datagram with \"a\\\"b\" to the client",
            "delays everything by 25ms",
            "delays everything to the client by 25ms",
            "goes down for 300ms",
            "carries 64kbit/s",
            "carries 10Mbit/s",
            "loses 5%",
            "loses 50% to the server",
            "loses 0% to the client",
        ] {
            assert_eq!(read(text, fault).unwrap().to_string(), text);
        }
        for (text, message) in [
            ("eats segment 1 to the server", "`eats` is not what a wire does"),
            ("drops segment 0 to the server", "`0` is not a number"),
            ("drops segment with \"\" to the server", "how it begins is told with 1 to 64 bytes"),
            ("drops everything by 3ms", "`everything` is not what that is done to"),
            ("drops segment 1", "`to` is missing"),
            ("carries 0kbit/s", "`0kbit/s` is not a rate"),
            ("carries much", "`much` is not a rate"),
            ("loses 5", "`5` is not a share"),
            ("loses -1%", "`-1%` is not a share"),
            ("loses 51%", "a link loses at most 50%, this is 51%"),
            ("loses 1000000000000%", "a link loses at most 50%, this is 1000000000000%"),
            ("loses segment 1 to the client", "`segment` is not a share"),
            ("loses 5% on its way", "here `to` was expected, not `on`"),
        ] {
            assert_eq!(read(text, fault).unwrap_err().message, message);
        }
    }
}
