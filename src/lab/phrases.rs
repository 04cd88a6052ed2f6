//! Who acts together, what is said on a WebSocket, and how one is opened and closed: the phrases around the verbs.

use crate::lab::reader::{Name, Reader};
use crate::lab::scenario::{Closing, Compression, Key, Opening, Utterance};
use crate::lab::verbs;
use crate::mistake::Mistake;

/// RFC 6455 §5.5.
const MAX_CONTROL: usize = 125;

/// How a client asks for a WebSocket.
pub fn opening(words: &mut Reader<'_>) -> Result<Opening, Mistake> {
    let mut opening = Opening::default();
    if words.keyword("to") {
        opening.path = words.path()?;
    }
    let (mut key, mut version) = (false, false);
    while !words.at_end() {
        let here = words.here();
        let repeated = match words.one_of("how it connects", &["with", "without", "offering", "over"])? {
            "offering" => opening.offering.replace(words.protocols()?).is_some(),
            "over" => opening.tls.replace(verbs::tls(words)?).is_some(),
            "without" => {
                words.expect("key")?;
                opening.key = Key::Missing;
                std::mem::replace(&mut key, true)
            }
            _ => match words.one_of("what it connects with", &["key", "version", "compression"])? {
                "key" => {
                    opening.key = Key::Fixed(words.header_text()?);
                    std::mem::replace(&mut key, true)
                }
                "compression" => {
                    let takeover = !words.phrase(&["without", "takeover"]);
                    opening.compression.replace(Compression { takeover }).is_some()
                }
                _ => {
                    opening.version = words.version()?;
                    std::mem::replace(&mut version, true)
                }
            },
        };
        if repeated {
            return Err(Mistake::new(here.start..words.behind(), "this was said before in the same step"));
        }
    }
    Ok(opening)
}

/// What is sent.
pub fn said(words: &mut Reader<'_>) -> Result<Utterance, Mistake> {
    match words.one_of("what is sent", &["text", "binary", "fragments", "raw"])? {
        "raw" => verbs::raw(words),
        "fragments" => fragments(words),
        "binary" if words.one_of("what the bytes are", &["hex", "of"])? == "hex" => Ok(Utterance::Binary(words.hex()?)),
        "binary" => Ok(Utterance::Binary(some_bytes(words.size()?))),
        _ if words.keyword("of") => Ok(Utterance::Text(some_text(words.size()?))),
        _ => Ok(Utterance::Text(words.text("the text in quotes")?)),
    }
}

fn fragments(words: &mut Reader<'_>) -> Result<Utterance, Mistake> {
    let start = words.here();
    let mut parts = Vec::new();
    while let Some(part) = words.text_if_any()? {
        parts.push(part);
    }
    if parts.len() < 2 {
        return Err(Mistake::new(start, "a message in fragments has at least two")
            .help(r#"give each fragment in quotes: `ada sends fragments "Hel" "lo"`"#));
    }
    Ok(Utterance::Fragments(parts))
}

/// What a ping carries.
pub fn ping(words: &mut Reader<'_>) -> Result<Utterance, Mistake> {
    let range = words.here();
    let payload = words.text_if_any()?.unwrap_or_default().into_bytes();
    if payload.len() > MAX_CONTROL {
        return Err(Mistake::new(range, format!("a ping carries at most 125 bytes, this is {}", payload.len()))
            .help("RFC 6455 §5.5: all control frames have a payload of 125 bytes or less"));
    }
    Ok(Utterance::Ping(payload))
}

/// Code and reason of a Close frame, if there are any.
pub fn closing(words: &mut Reader<'_>) -> Result<Option<Closing>, Mistake> {
    if words.at_end() {
        return Ok(None);
    }
    let code = words.close_code()?;
    let range = words.here();
    let reason = words.text_if_any()?.unwrap_or_default();
    if reason.len() > MAX_CONTROL - 2 {
        return Err(Mistake::new(range, format!("a reason has at most 123 bytes, this is {}", reason.len()))
            .help("RFC 6455 §5.5: a Close frame carries 125 bytes or less, and two of them are the code"));
    }
    Ok(Some(Closing { code, reason }))
}

/// Text whose content does not matter: the alphabet, over and over.
pub fn some_text(len: usize) -> String {
    ('a'..='z').cycle().take(len).collect()
}

/// Bytes whose content does not matter, the same for the same length: splitmix64, seeded with the length.
pub fn some_bytes(len: usize) -> Vec<u8> {
    let mut state = len as u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(len);
    bytes
}

/// Who else is named with `and`.
pub fn several(words: &mut Reader<'_>, first: &Name) -> Result<Vec<Name>, Mistake> {
    let mut others: Vec<Name> = Vec::new();
    while words.keyword("and") {
        let client = words.client()?;
        if others.iter().chain([first]).any(|known| known.name == client.name) {
            let message = format!("`{}` is named already", client.name);
            return Err(Mistake::new(client.range, message).help("who asks asks once in a step"));
        }
        others.push(client);
    }
    Ok(others)
}
