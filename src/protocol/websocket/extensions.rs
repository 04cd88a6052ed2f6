//! The lists of extensions that are offered and agreed on, whichever extensions they name.
//!
//! # References
//! - The list and its grammar: RFC 6455 §9.1. What an extension may change: §9.2. A token: RFC 9110 §5.6.2.

use super::deflate::{NAME, split_unquoted};
use crate::protocol::text::quoted;

/// Of a part that is not as the grammar has it, so many characters are shown.
const SHOWN: usize = 40;

/// What of a list is not as the grammar has it, if anything: `1#extension`, each `extension-token *( ";" extension-param )`.
/// "the recipient of such malformed data MUST immediately _Fail the WebSocket Connection_" (§9.1).
pub(super) fn malformed(list: &str) -> Option<String> {
    // Nothing between two commas is nothing in the list (RFC 2616 §2.1, which §9.1 builds on).
    let mut named = split_unquoted(list, ',').map(str::trim).filter(|one| !one.is_empty()).peekable();
    if named.peek().is_none() {
        return Some("it names no extension".to_owned());
    }
    named.find_map(|one| {
        let mut parts = split_unquoted(one, ';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        if !is_token(name) {
            return Some(format!("{} is no name of an extension", quoted(name, SHOWN)));
        }
        let wrong = parts.find(|part| !is_param(part))?;
        Some(match wrong.is_empty() {
            true => format!("a semicolon without a parameter stands behind {}", quoted(name, SHOWN)),
            false => format!("{} is no parameter", quoted(wrong, SHOWN)),
        })
    })
}

/// The names of the extensions in a list that are not known here: what they change cannot be undone.
pub(super) fn unknown(list: &str) -> impl Iterator<Item = &str> {
    let names = split_unquoted(list, ',').filter_map(|one| split_unquoted(one, ';').next()).map(str::trim);
    names.filter(|name| !name.is_empty() && *name != NAME)
}

/// `token [ "=" ( token | quoted-string ) ]`; "the value after quoted-string unescaping MUST conform to the 'token' ABNF".
fn is_param(part: &str) -> bool {
    let Some((name, value)) = part.split_once('=') else { return is_token(part) };
    let value = value.trim_start();
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let is_value = match inner {
        Some(inner) => is_token(&inner.replace('\\', "")),
        None => is_token(value),
    };
    is_token(name.trim_end()) && is_value
}

/// Whether it is a token: at least one character, none of them a separator, a control or white space.
pub(super) fn is_token(text: &str) -> bool {
    let of_token = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    !text.is_empty() && text.bytes().all(of_token)
}

#[cfg(test)]
mod tests {
    use super::{malformed, unknown};

    #[test]
    fn decodes() {
        for list in [
            "permessage-deflate",
            "a; b; c=1, d;e = \"f\"",
            "a;b=\"c\\d\", , e",
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10,x-other",
        ] {
            assert_eq!(malformed(list), None, "{list}");
        }
        assert_eq!(unknown("a;b=\"x, y\", permessage-deflate;c, ,d").collect::<Vec<_>>(), ["a", "d"]);
    }

    #[test]
    fn empty() {
        for list in ["", " ", ",", ", ,"] {
            assert!(malformed(list).is_some(), "{list:?}");
            assert_eq!(unknown(list).count(), 0);
        }
    }

    #[test]
    fn what_is_against_the_grammar_is_found() {
        for list in ["a;;", "a;", ";a", "a b", "a;b c", "a;=1", "a;b=", "a;b=\"\"", "a;b=\"c d\"", "a;b=\"c", "é"] {
            assert!(malformed(list).is_some(), "{list}");
        }
    }
}
