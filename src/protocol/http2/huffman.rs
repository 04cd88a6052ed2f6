//! The Huffman code of HPACK. It is canonical: codes of one length follow each other in the order of their octets, and the
//! lengths alone say all.
//!
//! # References
//! - RFC 7541 §5.2 and appendix B.

/// The longest code has 30 bits.
const MAX_BITS: usize = 30;
/// The last symbol only ends a text; its beginning pads the last octet.
const END: usize = 256;

/// How many bits the code of each octet has, and that of the end.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The code as a table: of each length the first code, how many there are, and where their symbols begin.
struct Code {
    first: [u32; MAX_BITS + 1],
    count: [u32; MAX_BITS + 1],
    start: [usize; MAX_BITS + 1],
    symbols: [u16; LENGTHS.len()],
}

const CODE: Code = code();

const fn code() -> Code {
    let mut code = Code { first: [0; 31], count: [0; 31], start: [0; 31], symbols: [0; LENGTHS.len()] };
    let (mut next, mut placed, mut bits) = (0, 0, 1);
    while bits <= MAX_BITS {
        next <<= 1;
        (code.first[bits], code.start[bits]) = (next, placed);
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == bits {
                code.symbols[placed] = symbol as u16;
                code.count[bits] += 1;
                placed += 1;
                next += 1;
            }
            symbol += 1;
        }
        bits += 1;
    }
    code
}

/// The octets that this code stands for; `None` if it is none, or is padded otherwise than with the beginning of the end.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    // The shortest code has five bits.
    let mut octets = Vec::with_capacity(coded.len() * 8 / 5);
    let (mut value, mut bits) = (0_u32, 0);
    for octet in coded {
        for shift in (0..8).rev() {
            value = value << 1 | u32::from(octet >> shift & 1);
            bits += 1;
            if bits > MAX_BITS {
                return None;
            }
            let place = value.wrapping_sub(CODE.first[bits]);
            if place < CODE.count[bits] {
                let symbol = CODE.symbols[CODE.start[bits] + place as usize];
                if usize::from(symbol) == END {
                    return None;
                }
                octets.push(symbol as u8);
                (value, bits) = (0, 0);
            }
        }
    }
    // "A padding strictly longer than 7 bits MUST be treated as a decoding error", and it is all ones.
    (bits < 8 && value == (1 << bits) - 1).then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::hex;

    #[test]
    fn decodes() {
        let text = |coded: &str| decode(&hex(coded)).map(|octets| String::from_utf8(octets).unwrap());
        assert_eq!(text("f1e3 c2e5 f23a 6ba0 ab90 f4ff").as_deref(), Some("www.example.com"));
        assert_eq!(text("6402").as_deref(), Some("302"));
        assert_eq!(text("").as_deref(), Some(""));
    }

    #[test]
    fn what_is_no_code() {
        for coded in ["ff", "ffff ffff", "00", "f1e3 c2e5 f23a 6ba0 ab90 f400", "f1e3 c2e5 f23a 6ba0 ab90 f4ff ff"] {
            assert_eq!(decode(&hex(coded)), None, "{coded}");
        }
    }

    /// Kraft's sum of a complete code is one: every string of bits begins with exactly one code.
    #[test]
    fn the_code_is_complete() {
        let sum: u64 = LENGTHS.iter().map(|bits| 1 << (MAX_BITS - usize::from(*bits))).sum();
        assert_eq!(sum, 1 << MAX_BITS);
    }
}
