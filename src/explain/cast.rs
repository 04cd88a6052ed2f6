//! Who is who: names for the ends of connections. A saved capture carries them in its comments, where Wireshark shows
//! them too.

use std::net::SocketAddr;

/// Names of addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cast {
    names: Vec<(SocketAddr, String)>,
}

impl Cast {
    /// A cast with these names.
    pub fn new(names: impl IntoIterator<Item = (SocketAddr, String)>) -> Self {
        Self { names: names.into_iter().collect() }
    }

    /// Reads the names from a capture's comments; lines that are no names are passed over.
    pub fn from_comments<'a>(comments: impl IntoIterator<Item = &'a str>) -> Self {
        let lines = comments.into_iter().flat_map(str::lines);
        Self::new(lines.filter_map(|line| {
            let (name, address) = line.strip_prefix("actor ")?.split_once(" = ")?;
            let plain = name.len() <= 32 && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
            plain.then_some((address.trim().parse().ok()?, name.to_owned()))
        }))
    }

    /// The names as a comment, one line each: `actor ada = 127.0.0.1:51544`.
    pub fn to_comment(&self) -> String {
        let lines: Vec<_> = self.names.iter().map(|(address, name)| format!("actor {name} = {address}")).collect();
        lines.join("\n")
    }

    /// The name of this address.
    pub fn name(&self, address: SocketAddr) -> Option<&str> {
        self.names.iter().find(|(known, _)| *known == address).map(|(_, name)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_comment() {
        let cast = Cast::new([
            ("127.0.0.1:51544".parse().unwrap(), "ada".into()),
            ("[::1]:8080".parse().unwrap(), "server".into()),
        ]);
        let comment = format!("made by hand\n{}", cast.to_comment());
        assert_eq!(Cast::from_comments([comment.as_str()]), cast);
        assert_eq!(cast.name("127.0.0.1:51544".parse().unwrap()), Some("ada"));
    }

    #[test]
    fn a_hostile_comment_names_nobody() {
        assert_eq!(Cast::from_comments(["actor \u{1b}[31m = 127.0.0.1:1", "actor a = b", "actor"]), Cast::default());
    }
}
