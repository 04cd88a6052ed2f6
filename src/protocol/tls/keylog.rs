//! The secrets of sessions, as programs log them: a line each, with what it is for, the client's random and the secret.
//!
//! ```text
//! CLIENT_TRAFFIC_SECRET_0 5c8e…32 octets a4f1…
//! ```
//!
//! # References
//! - The SSLKEYLOGFILE format for TLS (draft-ietf-tls-keylogfile).

use crate::map::Map;

/// A session has at most six of them; of more sessions than a capture could hold none is kept.
const MAX_SECRETS: usize = 1 << 18;
/// The longest is that of a suite with SHA-384, or the master secret of TLS 1.2: 48 octets.
const MAX_SECRET: usize = 64;
/// "the Random value of the ClientHello message", 32 octets.
const RANDOM_LEN: usize = 32;

/// What a secret is for, and the secret.
type Secret = (Box<str>, Box<[u8]>);

/// What is known of the secrets of sessions.
#[derive(Default)]
pub struct KeyLog {
    sessions: Map<[u8; RANDOM_LEN], Vec<Secret>>,
    len: usize,
}

/// A secret is not shown by chance.
impl std::fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyLog").field("secrets", &self.len).finish_non_exhaustive()
    }
}

impl KeyLog {
    /// Learns what these lines say; returns how many of them hold a secret. Comments, empty lines and whatever else there
    /// may be are passed over, as the format asks for.
    pub fn learn(&mut self, lines: &str) -> usize {
        lines.lines().filter(|line| self.learn_line(line).is_some()).count()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The secret for this, of the session whose client said this random.
    pub fn secret(&self, label: &str, random: &[u8]) -> Option<&[u8]> {
        let random: &[u8; RANDOM_LEN] = random.try_into().ok()?;
        let known = self.sessions.get(random)?.iter().find(|(known, _)| **known == *label);
        known.map(|(_, secret)| &**secret)
    }

    fn learn_line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_ascii_whitespace();
        let (label, random, secret) = (words.next()?, words.next()?, words.next()?);
        if label.starts_with('#') || words.next().is_some() || secret.len() > 2 * MAX_SECRET {
            return None;
        }
        let random: [u8; RANDOM_LEN] = octets(random)?.try_into().ok()?;
        let secret = octets(secret)?;
        let known = self.sessions.entry(random).or_default();
        match known.iter_mut().find(|(known, _)| **known == *label) {
            // Of two lines the later counts: a log is written on at its end.
            Some((_, before)) => *before = secret.into(),
            None if self.len < MAX_SECRETS => {
                known.push((label.into(), secret.into()));
                self.len += 1;
            }
            None => return None,
        }
        Some(())
    }
}

/// Octets written in hexadecimal digits.
fn octets(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::KeyLog;

    #[test]
    fn a_line_is_a_secret() {
        let random = "0A".repeat(32);
        let mut log = KeyLog::default();
        let lines =
            format!("# a comment\n\nCLIENT_RANDOM {random} 0102\r\nCLIENT_RANDOM {random} 0304\nOTHER {random} 05\n");
        assert_eq!(log.learn(&lines), 3);
        assert_eq!(log.secret("CLIENT_RANDOM", &[10; 32]), Some(&[3, 4][..]), "the later line counts");
        assert_eq!(log.secret("OTHER", &[10; 32]), Some(&[5][..]));
        assert_eq!(log.secret("OTHER", &[11; 32]), None);
        assert_eq!(log.secret("OTHER", &[10; 31]), None);
        assert_eq!(format!("{log:?}"), "KeyLog { secrets: 2, .. }");
    }

    #[test]
    fn what_is_no_secret_is_passed_over() {
        let random = "0a".repeat(32);
        for line in [
            "",
            "CLIENT_RANDOM",
            "CLIENT_RANDOM 0a 01",
            &format!("CLIENT_RANDOM {random}"),
            &format!("CLIENT_RANDOM {random} 0g"),
            &format!("CLIENT_RANDOM {random} 012"),
            &format!("CLIENT_RANDOM {random} 01 02"),
            &format!("#CLIENT_RANDOM {random} 01"),
            &format!("CLIENT_RANDOM {random} {}", "00".repeat(65)),
            &format!("CLIENT_RANDOM {random}é 01"),
        ] {
            let mut log = KeyLog::default();
            assert_eq!((log.learn(line), log.is_empty()), (0, true), "{line}");
        }
    }
}
