//! What a block may point back to.

/// The farthest back a block may point (RFC 1951 §3.2.5); every smaller window lies within it.
const WINDOW: usize = 32 << 10;

/// The last 32 KiB that were inflated: a ring, once it is full.
#[derive(Debug, Default)]
pub(super) struct Window {
    octets: Vec<u8>,
    /// Where the oldest octet stands.
    oldest: usize,
}

impl Window {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(WINDOW)..];
        let (grow, wrap) = bytes.split_at(bytes.len().min(WINDOW - self.octets.len()));
        self.octets.extend_from_slice(grow);
        let (here, again) = wrap.split_at(wrap.len().min(self.octets.len() - self.oldest));
        self.octets[self.oldest..self.oldest + here.len()].copy_from_slice(here);
        self.octets[..again.len()].copy_from_slice(again);
        if !wrap.is_empty() {
            self.oldest = (self.oldest + wrap.len()) % WINDOW;
        }
    }

    /// How many octets it has.
    pub(super) fn len(&self) -> usize {
        self.octets.len()
    }

    pub(super) fn in_order(&mut self) -> &[u8] {
        self.octets.rotate_left(self.oldest);
        self.oldest = 0;
        &self.octets
    }

    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.oldest = 0;
    }
}
