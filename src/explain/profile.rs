//! Who asks: the header fields that a kind of client sends with each request, besides those that HTTP needs.

use super::case::REQUEST;

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Only what HTTP needs.
    Minimal,
    /// A browser of today: what Chrome 120 on Linux sends from a page of the same origin, without its hints (`sec-ch-ua`).
    Browser,
    /// The browser of the article that `compare --case quantum-leap` looks into, with the cookie of its page.
    Firefox2009,
}

impl Profile {
    /// Its name: `browser`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Browser => "browser",
            Self::Firefox2009 => "firefox-2009",
        }
    }

    /// Its header fields, as lines without their ends.
    pub fn fields(self) -> Vec<&'static str> {
        // What a client of any kind says by itself.
        let is_own = |line: &&str| ["GET ", "Host:", "Connection:"].iter().any(|own| line.starts_with(own));
        match self {
            Self::Minimal => Vec::new(),
            Self::Browser => BROWSER.to_vec(),
            Self::Firefox2009 => REQUEST.into_iter().filter(|line| !is_own(line)).collect(),
        }
    }
}

const BROWSER: [&str; 9] = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Accept: */*",
    "Referer: http://127.0.0.1:8080/",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Dest: empty",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: en-US,en;q=0.9",
    "Cookie: session=0123456789abcdef0123456789abcdef",
];
