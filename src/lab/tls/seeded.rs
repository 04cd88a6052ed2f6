//! What TLS makes up, from a seed: the certificate's key, the random octets of hellos and session ids, the order of a hello's
//! extensions, the private keys of the key exchange. All else follows from these: Ed25519 signs without chance, and the lab
//! has no session tickets.
//!
//! Such keys are no secret, and need not be: those of a play are in its capture anyway.
//!
//! # References
//! - RFC 7748 §5, §6.1: X25519. RFC 8446 §7.4.2: a shared secret of zeros ends the handshake.
//! - RFC 8410 §7, RFC 5958 §2: the private key of Ed25519 in PKCS #8.
//! - RFC 8032 §5.1.6: a signature follows from the key and what is signed alone.

use std::cell::RefCell;

use rcgen::{CertificateParams, CertifiedKey, KeyPair, PKCS_ED25519};
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup,
};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{Error, NamedGroup, PeerMisbehaved};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::lab::seed::Chance;

tokio::task_local! {
    /// What the handshake that is being polled takes its octets from. rustls wants sources that last as long as the program,
    /// and tells them nothing of the connection: so there is one source for all, which looks here.
    static CHANCE: RefCell<Chance>;
}

/// Lets a handshake take all that it makes up from this.
pub async fn with<T>(chance: Chance, handshake: impl Future<Output = T>) -> T {
    CHANCE.scope(RefCell::new(chance), handshake).await
}

/// ring's provider, but for what it makes up. It works within [`with`] only.
pub fn provider() -> CryptoProvider {
    let usual = rustls::crypto::ring::default_provider();
    // What it offers and prefers stays: both ends of the lab take the first, which is X25519.
    let kx_groups = usual.kx_groups.into_iter().map(|group| match group.name() {
        NamedGroup::X25519 => &Seeded as &dyn SupportedKxGroup,
        _ => group,
    });
    CryptoProvider { kx_groups: kx_groups.collect(), secure_random: &Seeded, ..usual }
}

/// A certificate for a name, with its key. rcgen makes the serial number of the key, and has the same validity for all.
pub fn certificate(mut chance: Chance, name: &str) -> Result<CertifiedKey<KeyPair>, rcgen::Error> {
    let mut key = [0; 32];
    chance.fill(&mut key);
    let key = PrivatePkcs8KeyDer::from([PKCS8_ED25519, key.as_slice()].concat());
    let signing_key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ED25519)?;
    let cert = CertificateParams::new([name.to_owned()])?.self_signed(&signing_key)?;
    Ok(CertifiedKey { cert, signing_key })
}

/// What stands in front of the 32 octets: `OneAsymmetricKey`, version 1, id-Ed25519, `CurvePrivateKey`.
const PKCS8_ED25519: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The source for all.
#[derive(Debug)]
struct Seeded;

impl SecureRandom for Seeded {
    fn fill(&self, octets: &mut [u8]) -> Result<(), GetRandomFailed> {
        CHANCE.try_with(|chance| chance.borrow_mut().fill(octets)).map_err(|_| GetRandomFailed)
    }
}

impl SupportedKxGroup for Seeded {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut private = [0; 32];
        self.fill(&mut private)?;
        Ok(Box::new(KeyExchange::new(private)))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// An X25519 that waits for the other's public key.
struct KeyExchange {
    private: StaticSecret,
    public: PublicKey,
}

impl KeyExchange {
    fn new(private: [u8; 32]) -> Self {
        let private = StaticSecret::from(private);
        Self { public: PublicKey::from(&private), private }
    }
}

impl ActiveKeyExchange for KeyExchange {
    fn complete(self: Box<Self>, other: &[u8]) -> Result<SharedSecret, Error> {
        let other: [u8; 32] = other.try_into().map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let secret = self.private.diffie_hellman(&PublicKey::from(other));
        if !secret.was_contributory() {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(secret.as_bytes().as_slice()))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(hex: &str) -> [u8; 32] {
        let octets = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        octets.collect::<Vec<u8>>().try_into().unwrap()
    }

    fn complete(private: &str, public: &[u8]) -> Result<Vec<u8>, Error> {
        Box::new(KeyExchange::new(octets(private))).complete(public).map(|secret| secret.secret_bytes().to_vec())
    }

    const ALICE: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    const BOB: &str = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";

    /// RFC 7748 §5.2, the first two.
    #[test]
    fn multiplies_as_the_rfc_does() {
        for (scalar, u, product) in [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
            ),
        ] {
            assert_eq!(complete(scalar, &octets(u)).unwrap(), octets(product), "{scalar}");
        }
    }

    /// RFC 7748 §6.1.
    #[test]
    fn exchanges_keys_as_the_rfc_does() {
        let publics = [ALICE, BOB].map(|private| KeyExchange::new(octets(private)).pub_key().to_vec());
        assert_eq!(publics[0], octets("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
        assert_eq!(publics[1], octets("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
        let secret = octets("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        assert_eq!(complete(ALICE, &publics[1]).unwrap(), secret);
        assert_eq!(complete(BOB, &publics[0]).unwrap(), secret);
    }

    #[test]
    fn takes_no_key_that_is_none() {
        // The point 0 is of order 1 or less; the others are too short, too long.
        for wrong in [&[0; 32][..], &[9; 31], &[9; 33], &[]] {
            assert_eq!(complete(ALICE, wrong).unwrap_err(), PeerMisbehaved::InvalidKeyShare.into(), "{wrong:?}");
        }
    }

    #[test]
    fn a_seed_makes_one_certificate() {
        let of = |seed| certificate(Chance::of(seed, "a", 0), "lab.example").unwrap();
        let der = |seed| of(seed).cert.der().to_vec();
        assert_eq!(der(7), der(7));
        assert_ne!(der(7), der(8));
        assert_eq!(of(7).signing_key.serialize_der(), of(7).signing_key.serialize_der());
    }

    /// Where nothing says from what, nothing is made up.
    #[test]
    fn beyond_a_handshake_there_is_no_chance() {
        assert!(Seeded.fill(&mut [0; 4]).is_err());
        assert!(Seeded.start().is_err());
        let made =
            || CHANCE.sync_scope(RefCell::new(Chance::of(7, "a", 0)), || Seeded.start().unwrap().pub_key().to_vec());
        assert_eq!(made(), made());
    }
}
