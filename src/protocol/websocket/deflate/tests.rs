use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert_eq, proptest};

use super::{Agreement, Cause, InflateError, Inflater, Lack, Limits};
use crate::layer::Direction;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// One whole message.
fn inflate(inflater: &mut Inflater, message: &[u8]) -> Result<Vec<u8>, InflateError> {
    let mut out = Vec::new();
    inflater.push(message, true, &mut |piece| out.extend_from_slice(piece))?;
    Ok(out)
}

fn failed(cause: Cause, lasting: bool) -> InflateError {
    InflateError::Failed { cause, lasting }
}

#[test]
fn decodes() {
    // RFC 7692 §7.2.3, each "Hello": the message, and how it is made.
    for (message, how) in [
        ("f2 48 cd c9 c9 07 00", "§7.2.3.1: one block"),
        ("00 05 00 fa ff 48 65 6c 6c 6f 00", "§7.2.3.3: a block that is not compressed"),
        ("f3 48 cd c9 c9 07 00 00", "§7.2.3.4: a block with BFINAL set, and the 00 after it"),
        ("f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "§7.2.3.5: two blocks"),
    ] {
        for takeover in [false, true] {
            let mut inflater = Inflater::new(takeover);
            assert_eq!(inflate(&mut inflater, &hex(message)), Ok(b"Hello".to_vec()), "{how}");
            assert_eq!(inflate(&mut inflater, &hex(message)), Ok(b"Hello".to_vec()), "again: {how}");
        }
    }
}

#[test]
fn takeover_points_into_earlier_messages() {
    // RFC 7692 §7.2.3.2
    let mut inflater = Inflater::new(true);
    assert_eq!(inflate(&mut inflater, &hex("f2 48 cd c9 c9 07 00")), Ok(b"Hello".to_vec()));
    assert_eq!(inflate(&mut inflater, &hex("f2 00 11 00 00")), Ok(b"Hello".to_vec()));
    let mut without = Inflater::new(false);
    inflate(&mut without, &hex("f2 48 cd c9 c9 07 00")).unwrap();
    let error = inflate(&mut without, &hex("f2 00 11 00 00")).unwrap_err();
    assert!(matches!(error, InflateError::Failed { cause: Cause::Corrupt { .. }, lasting: false }), "{error:?}");
}

#[test]
fn takeover_goes_on_after_a_final_block() {
    // The second message points back over the end of the first, whose block is final.
    let mut inflater = Inflater::new(true);
    assert_eq!(inflate(&mut inflater, &hex("f3 48 cd c9 c9 07 00 00")), Ok(b"Hello".to_vec()));
    assert_eq!(inflate(&mut inflater, &hex("f2 00 11 00 00")), Ok(b"Hello".to_vec()));
    // Without the 00 the message can still be read.
    let mut out = Vec::new();
    let note = inflater.push(&hex("f3 48 cd c9 c9 07 00"), true, &mut |piece| out.extend_from_slice(piece));
    assert_eq!(note.unwrap().unwrap().text, "a final block without the 00 that has to follow it");
    assert_eq!(out, b"Hello");
    assert_eq!(inflate(&mut inflater, &hex("f2 00 11 00 00")), Ok(b"Hello".to_vec()));
}

#[test]
fn reads_what_the_ws_package_writes() {
    let hello = br#"42["hello","world"]"#;
    let mut takeover = Inflater::new(true);
    for (message, text) in [
        ("32318a56ca48cdc9c957d2512acf2fca49518a0500", &hello[..]),
        ("32c1140200", hello),
        ("c21052548a0500", br#"42["hello","world!"]"#),
        ("00", b""),
        // In three fragments: "Hel", "lo", and an empty last one.
        ("f248cd01000000ffff cac907000000ffff 00", b"Hello"),
    ] {
        assert_eq!(inflate(&mut takeover, &hex(message)), Ok(text.to_vec()));
    }
    let mut none = Inflater::new(false);
    for _ in 0..2 {
        let message = hex("32318a56ca48cdc9c957d2512acf2fca49518a0500");
        assert_eq!(inflate(&mut none, &message), Ok(hello.to_vec()));
    }
    // server_max_window_bits=9: 300 × a, 300 × b, 300 × a; then 20 × a
    let mut small = Inflater::new(true);
    let text = ["a".repeat(300), "b".repeat(300), "a".repeat(300)].concat();
    assert_eq!(inflate(&mut small, &hex("4a4c1c05c482a4514034481c0544030000")), Ok(text.into_bytes()));
    assert_eq!(inflate(&mut small, &hex("c2060000")), Ok(b"a".repeat(20)));
}

#[test]
fn empty() {
    for takeover in [false, true] {
        let mut inflater = Inflater::new(takeover);
        assert_eq!(inflate(&mut inflater, &[0]), Ok(vec![]), "§7.2.3.6");
        let note = inflater.push(&[], true, &mut |_| panic!("nothing to hand out")).unwrap().unwrap();
        assert_eq!(note.text, "a compressed message without an octet: an empty one is a single 00");
        assert_eq!(inflate(&mut inflater, &hex("f2 48 cd c9 c9 07 00")), Ok(b"Hello".to_vec()));
    }
}

#[test]
fn cut_short() {
    let message = hex("f2 48 cd c9 c9 07 00");
    for cut in 1..message.len() {
        let mut inflater = Inflater::new(false);
        let error = inflate(&mut inflater, &message[..cut]).unwrap_err();
        assert!(matches!(error, InflateError::Failed { lasting: false, .. }), "cut to {cut}: {error:?}");
        assert_eq!(inflate(&mut inflater, &message), Ok(b"Hello".to_vec()), "the next message resumes");
    }
    let stored = hex("00 05 00 fa ff 48 65 6c");
    assert_eq!(inflate(&mut Inflater::new(true), &stored), Err(failed(Cause::Unfinished, true)));
}

#[test]
fn wrong_length() {
    // A stored block whose length and its complement disagree.
    let message = hex("00 05 00 ff ff 48 65 6c 6c 6f 00");
    let error = inflate(&mut Inflater::new(false), &message).unwrap_err();
    assert_eq!(error, failed(Cause::Corrupt { at: 5 }, false));
    assert_eq!(
        error.note().unwrap().text,
        "this message cannot be inflated: its compressed octets make no sense from octet 5 on"
    );
}

#[test]
fn a_lost_direction_is_told_once() {
    let mut inflater = Inflater::new(true);
    let error = inflate(&mut inflater, &[0xff]).unwrap_err();
    assert!(error.note().unwrap().text.ends_with("; nor can any later message of this direction"), "{error:?}");
    assert!(inflater.is_lost());
    let error = inflate(&mut inflater, &hex("f2 48 cd c9 c9 07 00")).unwrap_err();
    assert_eq!((error, error.note()), (InflateError::Skipped, None));
    assert_eq!(inflater.gap(Lack::From(9)), None);

    let mut inflater = Inflater::new(false);
    assert!(inflater.push(&[0xff], false, &mut |_| {}).is_err());
    assert_eq!(inflater.push(&[0xff], false, &mut |_| {}), Err(InflateError::Skipped), "the rest of the message");
    assert_eq!(inflater.push(&[0xff], true, &mut |_| {}), Err(InflateError::Skipped));
    assert_eq!(inflate(&mut inflater, &hex("f2 48 cd c9 c9 07 00")), Ok(b"Hello".to_vec()));
}

#[test]
fn a_gap_ends_a_direction_with_takeover_only() {
    let message = hex("f2 48 cd c9 c9 07 00");
    for takeover in [false, true] {
        let mut inflater = Inflater::new(takeover);
        inflater.push(&message[..3], false, &mut |_| {}).unwrap();
        assert_eq!(inflater.gap(Lack::From(7)).is_some(), takeover);
        let expected = if takeover { Err(InflateError::Skipped) } else { Ok(b"Hello".to_vec()) };
        assert_eq!(inflate(&mut inflater, &message), expected);
    }
}

#[test]
fn bombs_are_cut_off() {
    let zeros = compress(&mut Compress::new(Compression::best(), false), &vec![0; 3 << 20], FlushCompress::Sync);
    assert!(zeros.len() < 4000);
    let limits = Limits { message: 1 << 20, ratio: 16, allowance: 1 << 20 };
    let mut out = 0;
    let mut inflater = Inflater::with_limits(false, limits);
    let error = inflater.push(&zeros, true, &mut |piece| out += piece.len()).unwrap_err();
    assert_eq!((error, out), (failed(Cause::TooLong { limit: 1 << 20 }, false), 1 << 20));

    let mut inflater = Inflater::with_limits(false, Limits { message: 64 << 20, ..limits });
    assert_eq!(inflate(&mut inflater, &zeros), Err(failed(Cause::TooDense { ratio: 16 }, true)));

    let ends = [0x03, 0x00].repeat(1000);
    assert_eq!(inflate(&mut Inflater::new(false), &ends), Err(failed(Cause::TooManyFinalBlocks, false)));
}

/// The octets of one message, its tail removed when it ends in one.
fn compress(compress: &mut Compress, text: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8 + 1024);
    compress.compress_vec(text, &mut out, flush).unwrap();
    match flush {
        FlushCompress::Finish => {
            compress.reset();
            out.push(0);
        }
        // Flushing twice writes nothing the second time.
        _ if out.is_empty() => out.push(0),
        _ => out.truncate(out.strip_suffix(&[0, 0, 0xff, 0xff]).expect("a flush ends in the tail").len()),
    }
    out
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b')], 0..3000),
        (1_usize..60_000).prop_map(|n| b"{\"price\":1}".iter().copied().cycle().take(n).collect()),
    ]
}

const FLUSHES: &[FlushCompress] = &[FlushCompress::Sync, FlushCompress::Full, FlushCompress::Finish];

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn gives_back_what_was_compressed(
        messages in prop::collection::vec((prop::collection::vec(text(), 1..3), prop::sample::select(FLUSHES)), 1..5),
        window_bits in 9_u8..=15,
        level in 0_u32..=9,
        takeover: bool,
    ) {
        let mut compressor = Compress::new_with_window_bits(Compression::new(level), false, window_bits);
        let mut inflater = Inflater::new(takeover);
        for (fragments, flush) in messages {
            let mut message = Vec::new();
            for fragment in &fragments {
                // What one fragment leaves out, the next one brings.
                if !message.is_empty() {
                    message.extend([0, 0, 0xff, 0xff]);
                }
                message.extend(compress(&mut compressor, fragment, flush));
            }
            if !takeover {
                compressor.reset();
            }
            prop_assert_eq!(inflate(&mut inflater, &message), Ok(fragments.concat()));
        }
    }

    #[test]
    fn any_split_gives_the_same(
        texts in prop::collection::vec(text(), 1..4),
        sizes in prop::collection::vec(1_usize..400, 1..20),
        takeover: bool,
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut compressor = Compress::new(Compression::fast(), false);
        let (mut whole, mut pieces) = (Inflater::new(takeover), Inflater::new(takeover));
        for text in texts {
            let mut message = compress(&mut compressor, &text, FlushCompress::Full);
            if let Some((at, value)) = damage {
                *at.get_mut(&mut message) = value;
            }
            let mut at_once = Vec::new();
            let told = whole.push(&message, true, &mut |piece| at_once.extend_from_slice(piece));
            let (mut out, mut rest, mut sizes) = (Vec::new(), &message[..], sizes.iter().cycle());
            let last = loop {
                let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                rest = after;
                let result = pieces.push(piece, rest.is_empty(), &mut |piece| out.extend_from_slice(piece));
                if rest.is_empty() || matches!(result, Err(InflateError::Failed { .. })) {
                    break result;
                }
            };
            if !rest.is_empty() {
                let _ = pieces.push(rest, true, &mut |_| panic!("skipped"));
            }
            prop_assert_eq!(last, told);
            prop_assert_eq!(out, at_once);
        }
    }

    #[test]
    fn random_bytes_never_panic(pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..80), any::<bool>()), 0..12), takeover: bool) {
        let mut inflater = Inflater::new(takeover);
        for (piece, last) in pieces {
            let _ = inflater.push(&piece, last, &mut |_| {});
        }
    }

    #[test]
    fn random_extensions_never_panic(text in "[a-z;=,\" \\\\_0-9]{0,60}") {
        for text in [text.clone(), format!("permessage-deflate{text}"), format!("permessage-deflate;{text}")] {
            if let Some(Ok(agreement)) = Agreement::from_response(&text) {
                agreement.check_offer(&text);
            }
        }
    }
}

#[test]
fn agreements() {
    let agreed = |text| Agreement::from_response(text).unwrap().unwrap();
    let plain = Agreement {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: None,
        client_max_window_bits: None,
    };
    assert_eq!(agreed("permessage-deflate"), plain);
    assert_eq!(agreed(" x-other; a=\"permessage-deflate, b\" ,permessage-deflate;"), plain);
    assert_eq!(
        agreed("permessage-deflate; server_no_context_takeover; client_max_window_bits = \"1\\0\""),
        Agreement { server_no_context_takeover: true, client_max_window_bits: Some(10), ..plain }
    );
    assert_eq!(Agreement::from_response(""), None);
    assert_eq!(Agreement::from_response("permessage-bzip2, x-webkit-deflate-frame"), None);
    assert!(inflate(&mut plain.inflater(Direction::ToClient), &[0]).is_ok());
}

#[test]
fn wrong_agreements_are_refused() {
    for (params, text) in [
        ("client_max_window_bits", "client_max_window_bits is a number from 8 to 15, nothing stands there"),
        ("server_max_window_bits=08", "server_max_window_bits is a number from 8 to 15, \"08\" stands there"),
        ("server_max_window_bits=16", "server_max_window_bits is a number from 8 to 15, \"16\" stands there"),
        ("server_max_window_bits=7", "server_max_window_bits is a number from 8 to 15, \"7\" stands there"),
        ("server_no_context_takeover=1", "server_no_context_takeover takes no value, \"1\" stands there"),
        (
            "client_no_context_takeover; client_no_context_takeover",
            "the parameter client_no_context_takeover stands there twice",
        ),
        ("level=9", "the parameter level is not one of permessage-deflate"),
    ] {
        let notes = Agreement::from_response(&format!("permessage-deflate; {params}")).unwrap().unwrap_err();
        assert_eq!(notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), [text]);
    }
    let twice = Agreement::from_response("permessage-deflate, permessage-deflate").unwrap().unwrap_err();
    assert_eq!(twice[0].text, "the answer agrees to permessage-deflate twice");
}

#[test]
fn the_answer_has_to_fit_an_offer() {
    let texts = |response, offer| {
        let agreement = Agreement::from_response(response).unwrap().unwrap();
        agreement.check_offer(offer).into_iter().map(|note| note.text).collect::<Vec<_>>()
    };
    // What browsers offer.
    let browser = "permessage-deflate; client_max_window_bits";
    assert!(texts("permessage-deflate; client_max_window_bits=12", browser).is_empty());
    assert!(texts("permessage-deflate; server_no_context_takeover; server_max_window_bits=9", browser).is_empty());
    assert_eq!(
        texts("permessage-deflate; client_max_window_bits=12", "permessage-deflate"),
        ["the answer limits the client's window, which the offer does not allow"]
    );
    assert_eq!(
        texts("permessage-deflate; server_max_window_bits=12", "permessage-deflate; server_max_window_bits=10"),
        ["the offer limits the server's window to 10 bits, the answer says 12"]
    );
    assert_eq!(
        texts("permessage-deflate", "permessage-deflate; server_max_window_bits=10"),
        ["the offer limits the server's window to 10 bits, the answer says nothing of it"]
    );
    assert_eq!(
        texts("permessage-deflate", "permessage-deflate; server_no_context_takeover"),
        ["the offer asks the server to use no context takeover, the answer does not agree to it"]
    );
    // RFC 7692 §7.1.3: an offer with a fallback.
    let two = "permessage-deflate; client_max_window_bits; server_max_window_bits=10, \
               permessage-deflate; client_max_window_bits";
    assert!(texts("permessage-deflate", two).is_empty());
    assert_eq!(texts("permessage-deflate", "x"), ["the extension permessage-deflate was not offered"]);
}

/// A message of `len` octets that do not repeat, but for the last hundred, which are those so far back.
fn repeating(back: usize) -> Vec<u8> {
    let mut seed = 1u32;
    let octet = |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let mut text: Vec<u8> = (0..back).map(octet).collect();
    text.extend_from_within(..100);
    text
}

/// Whatever points farther back than the window that was agreed on is told, to the octet, and inflated all the same.
#[test]
fn what_reaches_beyond_the_window_that_was_agreed_on_is_told() {
    let sides =
        [(Direction::ToClient, "server", "RFC 7692 §7.1.2.1"), (Direction::ToServer, "client", "RFC 7692 §7.1.2.2")];
    for (bits, (sender, name, spec)) in (8..=14).flat_map(|bits| sides.map(|side| (bits, side))) {
        let agreed = format!("permessage-deflate; {name}_max_window_bits={bits}");
        for (back, strategy) in [
            (1 << bits, Compression::best()),
            ((1 << bits) + 1, Compression::best()),
            (1 + (1 << bits), Compression::fast()),
        ] {
            let mut inflater = Agreement::from_response(&agreed).unwrap().unwrap().inflater(sender);
            let (text, mut compress) = (repeating(back), Compress::new(strategy, false));
            for n in 0..3 {
                let mut message = Vec::with_capacity(2 * text.len() + 64);
                // The second message points back into the first, all of it, if the window has it.
                compress.compress_vec(&text, &mut message, FlushCompress::Sync).unwrap();
                message.truncate(message.len() - 4);
                let (front, rest) = message.split_at(message.len() / 3);
                let mut out = Vec::new();
                let mut take = |piece: &[u8]| out.extend_from_slice(piece);
                assert_eq!(inflater.push(front, false, &mut take), Ok(None), "{agreed}");
                let note = inflater.push(rest, true, &mut take).unwrap();
                assert_eq!(out, text);
                let is_told = n > 0 || back > 1 << bits;
                assert_eq!(note.as_ref().map(|note| note.spec), is_told.then_some(spec), "{agreed}, {back}, {n}");
                let start = format!("it repeats what lies {back} octets back");
                assert!(n > 0 || note.is_none_or(|note| note.text.starts_with(&start)), "{start}");
            }
        }
    }
    // Nothing was agreed on, or all that is possible.
    for agreed in ["permessage-deflate", "permessage-deflate; server_max_window_bits=15"] {
        let mut inflater = Agreement::from_response(agreed).unwrap().unwrap().inflater(Direction::ToClient);
        let mut message = Vec::with_capacity(1 << 16);
        Compress::new(Compression::best(), false)
            .compress_vec(&repeating(20_000), &mut message, FlushCompress::Sync)
            .unwrap();
        assert_eq!(inflater.push(&message[..message.len() - 4], true, &mut |_| {}), Ok(None));
    }
}

/// The forms of blocks: stored, with the fixed codes, with their own, and final ones.
#[test]
fn the_window_is_looked_at_in_blocks_of_every_form() {
    let text = repeating(300);
    let again: Vec<u8> = text.iter().chain(b"abcabcabcabcabcabc").copied().collect();
    for (level, bytes, flush) in [
        (0, &text, FlushCompress::Sync),
        (9, &again, FlushCompress::Sync),
        (9, &again, FlushCompress::Finish),
        (1, &again, FlushCompress::Sync),
    ] {
        let mut compress = Compress::new(Compression::new(level), false);
        let mut message = Vec::with_capacity(4096);
        compress.compress_vec(bytes, &mut message, flush).unwrap();
        match flush {
            FlushCompress::Finish => message.push(0),
            _ => message.truncate(message.len() - 4),
        }
        for (bits, told) in [(8, level > 0), (9, false)] {
            let agreed = format!("permessage-deflate; server_no_context_takeover; server_max_window_bits={bits}");
            let mut inflater = Agreement::from_response(&agreed).unwrap().unwrap().inflater(Direction::ToClient);
            let note = inflater.push(&message, true, &mut |_| {}).unwrap();
            assert_eq!(note.is_some(), told, "level {level}, {bits} bits, {flush:?}");
        }
    }
    let inflater = Agreement::from_response("permessage-deflate; server_max_window_bits=8").unwrap().unwrap();
    let mut inflater = inflater.inflater(Direction::ToClient);
    assert_eq!(inflate(&mut inflater, &hex("f2 48 cd c9 c9 07 00")), Ok(b"Hello".to_vec()), "fixed codes");
}
