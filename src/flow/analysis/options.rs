//! The TCP options that the analysis needs, beyond those of floor 2.

use crate::packet::Tcp;

/// What the options of one segment say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Options {
    /// How many octets the SACK blocks cover (RFC 2018 §3).
    pub(crate) sacked: u32,
    /// Whether there is a Fast Open cookie (RFC 7413 §4.1.1).
    pub(crate) cookie: bool,
}

mod kind {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const SACK: u8 = 5;
    pub(super) const TIMESTAMPS: u8 = 8;
    pub(super) const FAST_OPEN: u8 = 34;
    /// Shared by experiments, which put their own number first (RFC 6994 §3).
    pub(super) const EXPERIMENT: u8 = 254;
}

/// Fast Open's number while it was an experiment (RFC 7413 §7).
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];
const FIXED_LEN: usize = 20;

impl Options {
    /// Reads them from the frame of this header.
    #[inline]
    pub(crate) fn of(tcp: &Tcp, data: &[u8]) -> Self {
        let options = tcp.header.of(data).get(FIXED_LEN..).unwrap_or_default();
        // Time stamps alone, as nearly all segments have them (RFC 7323 appendix A).
        match options.first_chunk() {
            Some([kind::NO_OPERATION, kind::NO_OPERATION, kind::TIMESTAMPS, 10]) if options.len() == 12 => {
                Self::default()
            }
            _ => Self::read_all(options),
        }
    }

    fn read_all(mut rest: &[u8]) -> Self {
        let mut found = Self::default();
        while let [kind, after @ ..] = rest {
            if *kind == kind::NO_OPERATION {
                rest = after;
                continue;
            }
            let Some(len) = after.first().map(|len| usize::from(*len)).filter(|len| *kind != kind::END && *len >= 2)
            else {
                break;
            };
            let Some((option, behind)) = rest.split_at_checked(len) else { break };
            found.read(*kind, &option[2..]);
            rest = behind;
        }
        found
    }

    fn read(&mut self, kind: u8, body: &[u8]) {
        match kind {
            kind::SACK => self.sacked = sacked(body),
            kind::FAST_OPEN => self.cookie = !body.is_empty(),
            kind::EXPERIMENT => self.cookie |= body.starts_with(&FAST_OPEN_EXPERIMENT) && body.len() > 2,
            _ => {}
        }
    }
}

fn sacked(blocks: &[u8]) -> u32 {
    let width = |block: &[u8]| match *block {
        [a, b, c, d, e, f, g, h] => u32::from_be_bytes([e, f, g, h]).wrapping_sub(u32::from_be_bytes([a, b, c, d])),
        _ => 0,
    };
    blocks.chunks(8).map(width).fold(0, u32::wrapping_add)
}
