//! What a file that is no capture looks like, so that the error can say what to do with it.

/// What the first octets look like, and what to do with such a file.
pub(super) fn guess(bytes: &[u8]) -> (String, &'static str) {
    if let Some((_, looks, advice)) = KNOWN.iter().find(|(magic, _, _)| bytes.starts_with(magic)) {
        return ((*looks).to_owned(), advice);
    }
    if is_text(bytes) {
        return ("text".to_owned(), FROM_TEXT);
    }
    let first: Vec<String> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    (format!("something unknown: it begins with {}", first.join(" ")), UNKNOWN)
}

/// Text as far as it was read; the last character may be cut.
fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

type Known = (&'static [u8], &'static str, &'static str);

static KNOWN: &[Known] = &[
    (b"\x1f\x8b", "a gzip file", "it is compressed: decompress it first with gunzip"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", "it is compressed: decompress it first with zstd -d"),
    (b"\xfd7zXZ\0", "an xz file", "it is compressed: decompress it first with unxz"),
    (b"BZh", "a bzip2 file", "it is compressed: decompress it first with bunzip2"),
    (b"\x04\x22\x4d\x18", "an LZ4 file", "it is compressed: decompress it first with lz4 -d"),
    (b"PK\x03\x04", "a zip archive", "unpack it first with unzip"),
    (b"snoop\0\0\0", "a snoop capture", CONVERT),
    (b"GMBU", "a Network Monitor capture", CONVERT),
    (b"RTSS", "a Network Monitor capture", CONVERT),
    (b"TRSNIFF data", "a Sniffer capture", CONVERT),
    (b"XCP\0", "a NetXRay capture", CONVERT),
    (b"\x7fELF", "a program", UNKNOWN),
    (b"%PDF-", "a PDF document", UNKNOWN),
    (b"\x89PNG", "a picture", UNKNOWN),
];

const CONVERT: &str = "convert it first with editcap -F pcapng, which comes with Wireshark";
const FROM_TEXT: &str = "give the packets themselves, not a listing of them: `tcpdump -w file`, or `Save As` in Wireshark, writes such a file";
const UNKNOWN: &str = "give a file written by tcpdump -w, dumpcap, Wireshark or wiretale";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        assert_eq!(guess(b"\x1f\x8b\x08\x00").0, "a gzip file");
        assert!(guess(b"\x1f\x8b\x08\x00").1.contains("gunzip"));
        assert_eq!(guess(b"12:00:01 IP localhost.8080 > ").0, "text");
        assert_eq!(guess("gr\u{fc}".as_bytes()).0, "text");
        assert_eq!(guess(&"gr\u{fc}".as_bytes()[..3]).0, "text", "the last character is cut");
        assert_eq!(guess(&[1, 2, 3, 0xff, 5]).0, "something unknown: it begins with 01 02 03 ff");
    }
}
