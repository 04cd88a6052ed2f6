//! Opens records with the secrets of their session. With `protection.rs` the only door of the dissectors to a library of
//! ciphers.
//!
//! ```text
//! TLS 1.3: content … │ content type 1 │ zeros …                      all encrypted │ tag 16
//! TLS 1.2: nonce 8 (AES-GCM only) │ content …, encrypted │ tag 16
//! ```
//!
//! # References
//! - TLS 1.3: RFC 8446 §5.2, §5.3, §7.1 to §7.3. TLS 1.2: RFC 5246 §6.2.3.3, §6.3; RFC 5288 §3; RFC 7905 §2.

use ring::{aead, hkdf, hmac};

use super::record::HEADER_LEN;
use crate::layer::Direction;

/// How a suite encrypts, and the hash that its keys are derived with. Suites without authenticated encryption are not known.
#[derive(Debug, Clone, Copy)]
pub(in crate::protocol) struct Suite {
    aead: &'static aead::Algorithm,
    hash: Hash,
    /// Eight octets of the nonce stand in each record (RFC 5288 §3).
    with_nonce: bool,
}

#[derive(Debug, Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
}

/// Opens the records of one direction, in their order.
pub(super) struct Opener {
    key: aead::LessSafeKey,
    iv: [u8; aead::NONCE_LEN],
    /// How many records were opened.
    sequence: u64,
    with_nonce: bool,
    is_13: bool,
}

const EXPLICIT_NONCE: usize = 8;

impl Suite {
    /// The suite with this number.
    pub(in crate::protocol) fn of(number: u16) -> Option<Self> {
        let (aead, hash, with_nonce) = match number {
            0x1301 => (&aead::AES_128_GCM, Hash::Sha256, false),
            0x1302 => (&aead::AES_256_GCM, Hash::Sha384, false),
            0x1303 | 0xcca8..=0xccaa => (&aead::CHACHA20_POLY1305, Hash::Sha256, false),
            0x009c | 0x009e | 0xc02b | 0xc02f => (&aead::AES_128_GCM, Hash::Sha256, true),
            0x009d | 0x009f | 0xc02c | 0xc030 => (&aead::AES_256_GCM, Hash::Sha384, true),
            _ => return None,
        };
        Some(Self { aead, hash, with_nonce })
    }

    /// The secret that follows this one after a KeyUpdate (RFC 8446 §7.2).
    pub(super) fn next_secret(self, secret: &[u8]) -> Option<Vec<u8>> {
        let mut next = vec![0; secret.len()];
        self.expand(secret, b"traffic upd", &mut next)?;
        Some(next)
    }

    /// How it encrypts.
    pub(super) fn aead(self) -> &'static aead::Algorithm {
        self.aead
    }

    /// How long its secrets are in TLS 1.3.
    pub(super) fn secret_len(self) -> usize {
        match self.hash {
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
        }
    }

    /// HKDF-Expand-Label with its hash, and without a context.
    pub(super) fn expand(self, secret: &[u8], label: &[u8], out: &mut [u8]) -> Option<()> {
        let algorithm = match self.hash {
            Hash::Sha256 => hkdf::HKDF_SHA256,
            Hash::Sha384 => hkdf::HKDF_SHA384,
        };
        expand(&hkdf::Prk::new_less_safe(algorithm, secret), label, out)
    }

    /// The pseudorandom function of TLS 1.2 (RFC 5246 §5).
    fn prf(self, secret: &[u8], seed: &[&[u8]], out: &mut [u8]) {
        let algorithm = match self.hash {
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha384 => hmac::HMAC_SHA384,
        };
        let key = hmac::Key::new(algorithm, secret);
        let sign = |parts: &[&[u8]]| {
            let mut context = hmac::Context::with_key(&key);
            parts.iter().for_each(|part| context.update(part));
            context.sign()
        };
        let mut a = sign(seed);
        for chunk in out.chunks_mut(algorithm.digest_algorithm().output_len()) {
            let block = sign(&[&[a.as_ref()], seed].concat());
            chunk.iter_mut().zip(block.as_ref()).for_each(|(to, from)| *to = *from);
            a = sign(&[a.as_ref()]);
        }
    }
}

/// HKDF-Expand-Label without a context (RFC 8446 §7.1).
pub(super) fn expand(key: &hkdf::Prk, label: &[u8], out: &mut [u8]) -> Option<()> {
    const PREFIX: &[u8] = b"tls13 ";
    let len = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_len = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let info = [&len[..], &label_len, PREFIX, label, &[0]];
    key.expand(&info, Len(out.len())).ok()?.fill(out).ok()
}

/// How many octets are wanted.
struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

impl Opener {
    /// For a traffic secret of TLS 1.3 (RFC 8446 §7.3); `None` if it has not the length of the suite's secrets.
    pub(super) fn of_13(suite: Suite, secret: &[u8]) -> Option<Self> {
        if secret.len() != suite.secret_len() {
            return None;
        }
        let mut key = vec![0; suite.aead.key_len()];
        suite.expand(secret, b"key", &mut key)?;
        let mut iv = [0; aead::NONCE_LEN];
        suite.expand(secret, b"iv", &mut iv)?;
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(suite.aead, &key).ok()?);
        Some(Self { key, iv, sequence: 0, with_nonce: false, is_13: true })
    }

    /// For the master secret of TLS 1.2, the randoms of the client and the server, and one direction (RFC 5246 §6.3).
    pub(super) fn of_12(suite: Suite, master: &[u8], randoms: [&[u8]; 2], direction: Direction) -> Option<Self> {
        let key_len = suite.aead.key_len();
        let iv_len = if suite.with_nonce { aead::NONCE_LEN - EXPLICIT_NONCE } else { aead::NONCE_LEN };
        let mut block = vec![0; 2 * (key_len + iv_len)];
        suite.prf(master, &[b"key expansion", randoms[1], randoms[0]], &mut block);
        let d = direction.index();
        let key = block.get(d * key_len..(d + 1) * key_len)?;
        let fixed = block.get(2 * key_len + d * iv_len..2 * key_len + (d + 1) * iv_len)?;
        let mut iv = [0; aead::NONCE_LEN];
        iv.iter_mut().zip(fixed).for_each(|(to, from)| *to = *from);
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(suite.aead, key).ok()?);
        Some(Self { key, iv, sequence: 0, with_nonce: suite.with_nonce, is_13: false })
    }

    /// How many octets stand before the content in each record.
    pub(super) fn before(&self) -> usize {
        if self.with_nonce { EXPLICIT_NONCE } else { 0 }
    }

    /// Opens the next record; `None` if it was not made with this key, or is not the next.
    pub(super) fn open(&mut self, header: &[u8; HEADER_LEN], content: &[u8]) -> Option<Vec<u8>> {
        let (explicit, sealed) = content.split_at_checked(self.before())?;
        let len = u16::try_from(sealed.len().checked_sub(aead::MAX_TAG_LEN)?).ok()?;
        let mut nonce = self.iv;
        if self.with_nonce {
            nonce[aead::NONCE_LEN - EXPLICIT_NONCE..].copy_from_slice(explicit);
        } else {
            let sequence = self.sequence.to_be_bytes();
            nonce[aead::NONCE_LEN - sequence.len()..].iter_mut().zip(sequence).for_each(|(to, from)| *to ^= from);
        }
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let mut octets = sealed.to_vec();
        let len_12 = [&self.sequence.to_be_bytes()[..], &header[..3], &len.to_be_bytes()].concat();
        let associated = aead::Aad::from(if self.is_13 { &header[..] } else { &len_12 });
        let len = self.key.open_in_place(nonce, associated, &mut octets).ok()?.len();
        octets.truncate(len);
        self.sequence += 1;
        Some(octets)
    }
}
