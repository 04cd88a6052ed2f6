//! A reset in somebody's name, made from what it said last: as firewalls and other boxes on the way make them.
//!
//! # References
//! - RFC 9293 §3.5.2: whose reset is believed. RFC 5961 §3.2: "If the RST bit is set and the sequence number exactly matches
//!   the next expected sequence number (RCV.NXT), then TCP endpoints MUST reset the connection".

/// Both addresses and the type of Ethernet.
const ETHERNET: usize = 14;
/// The headers of IPv4 and TCP without options.
const IP: usize = 20;
const TCP: usize = 20;
const RST_AND_ACK: u8 = 0x14;

/// The latest TCP segment of one side of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// Its headers, without their options.
    headers: [u8; ETHERNET + IP + TCP],
    /// The number after its last.
    next: u32,
}

impl Latest {
    /// Reads it from a frame, with the ports it comes from and goes to; `None` if it is no segment in one piece.
    pub fn read(frame: &[u8]) -> Option<((u16, u16), Self)> {
        let headers: [u8; ETHERNET + IP + TCP] = *frame.first_chunk()?;
        let is_tcp = headers[12..15] == [0x08, 0x00, 0x45] && headers[23] == 6;
        let is_whole = u16::from_be_bytes([headers[20], headers[21]]) & 0x3fff == 0;
        if !is_tcp || !is_whole {
            return None;
        }
        let ports = (u16::from_be_bytes([headers[34], headers[35]]), u16::from_be_bytes([headers[36], headers[37]]));
        let seq = u32::from_be_bytes([headers[38], headers[39], headers[40], headers[41]]);
        let len = u16::from_be_bytes([headers[16], headers[17]]);
        let head = IP as u16 + u16::from(headers[46] >> 4) * 4;
        let (fin, syn) = (headers[47] & 1, headers[47] >> 1 & 1);
        let takes = u32::from(len.checked_sub(head)?) + u32::from(fin) + u32::from(syn);
        Some((ports, Self { headers, next: seq.wrapping_add(takes) }))
    }

    /// A frame with a reset that comes next.
    pub fn reset(&self) -> Vec<u8> {
        let mut frame = self.headers.to_vec();
        let (ip, tcp) = (ETHERNET, ETHERNET + IP);
        frame[ip + 2..ip + 4].copy_from_slice(&((IP + TCP) as u16).to_be_bytes());
        frame[ip + 10..ip + 12].fill(0);
        let sum = checksum(&frame[ip..tcp], 0);
        frame[ip + 10..ip + 12].copy_from_slice(&sum.to_be_bytes());
        frame[tcp + 4..tcp + 8].copy_from_slice(&self.next.to_be_bytes());
        frame[tcp + 12] = ((TCP / 4) as u8) << 4;
        frame[tcp + 13] = RST_AND_ACK;
        // Window, checksum and urgent pointer.
        frame[tcp + 14..tcp + 20].fill(0);
        let addresses: u32 = frame[ip + 12..tcp].chunks(2).map(word).sum();
        let sum = checksum(&frame[tcp..], addresses + 6 + TCP as u32);
        frame[tcp + 16..tcp + 18].copy_from_slice(&sum.to_be_bytes());
        frame
    }
}

fn word(octets: &[u8]) -> u32 {
    octets.iter().fold(0, |word, octet| word << 8 | u32::from(*octet))
}

/// The checksum of the internet (RFC 1071) over an even number of octets, and what is added to them.
fn checksum(octets: &[u8], more: u32) -> u16 {
    let mut sum: u32 = octets.chunks(2).map(word).sum::<u32>() + more;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's own segment of five octets, its checksum as it was on the wire.
    #[test]
    fn a_reset_follows_what_was_said_last() {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        frame.extend([0x45, 0, 0, 57, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0xc3, 0x50, 0x1f, 0x90, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 9, 0x80, 0x18, 1, 0, 0, 0, 0, 0]);
        frame.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
        frame.extend(b"Hello");
        let (ports, latest) = Latest::read(&frame).unwrap();
        assert_eq!(ports, (50_000, 8080));
        assert_eq!(latest.next, 3, "numbers wrap");
        let reset = latest.reset();
        assert_eq!(reset.len(), 54);
        assert_eq!(reset[38..48], [0, 0, 0, 3, 0, 0, 0, 9, 0x50, 0x14]);
        // A header with a right checksum adds up to all ones.
        assert_eq!(checksum(&reset[14..34], 0), 0);
        let addresses: u32 = reset[26..34].chunks(2).map(word).sum();
        assert_eq!(checksum(&reset[34..], addresses + 6 + 20), 0);
        for cut in 0..54 {
            assert_eq!(Latest::read(&frame[..cut]), None);
        }
    }
}
