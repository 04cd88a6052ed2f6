//! Floor 0: numbers with their nouns, as people say them: `1 octet`, `2 octets`.

use std::fmt::Display;

/// A number of things: `0 octets`, `1 octet`, `2 octets`. Nouns whose plural is more than an `s` are for [`plural`].
pub fn counted(n: impl TryInto<u64> + Display + Copy, noun: &str) -> String {
    let s = plural(n, "", "s");
    format!("{n} {noun}{s}")
}

/// The word for one thing, or that for any other number of them: `is` or `are`.
pub fn plural<'a>(n: impl TryInto<u64>, one: &'a str, many: &'a str) -> &'a str {
    if n.try_into().is_ok_and(|n| n == 1) { one } else { many }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!([0_usize, 1, 2].map(|n| counted(n, "octet")), ["0 octets", "1 octet", "2 octets"]);
        assert_eq!([0_u32, 1, u32::MAX].map(|n| plural(n, "is", "are")), ["are", "is", "are"]);
    }
}
