//! Floor 0: numbers as people say and write them, with their nouns: `1 octet`, `2 octets`, and `1 448`.

use std::fmt::Display;

/// A number of things: `0 octets`, `1 octet`, `2 octets`. Nouns whose plural is more than an `s` are for [`plural`].
pub fn counted(n: impl TryInto<u64> + Display + Copy, noun: &str) -> String {
    let s = plural(n, "", "s");
    format!("{n} {noun}{s}")
}

/// The same for people who compare it with other numbers in tables: `1 448 octets`.
pub fn many(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), plural(n, "", "s"))
}

/// The word for one thing, or that for any other number of them: `is` or `are`.
pub fn plural<'a>(n: impl TryInto<u64>, one: &'a str, many: &'a str) -> &'a str {
    if n.try_into().is_ok_and(|n| n == 1) { one } else { many }
}

/// A number for people, its digits in groups of three: `1 448`. The spaces are such at which no line is broken. What programs
/// read has its numbers plain.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let mut out = head.to_owned();
    for (i, digit) in rest.chars().enumerate() {
        if i % 3 == 0 && !out.is_empty() {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!([0_usize, 1, 2].map(|n| counted(n, "octet")), ["0 octets", "1 octet", "2 octets"]);
        assert_eq!([0_u32, 1, u32::MAX].map(|n| plural(n, "is", "are")), ["are", "is", "are"]);
    }

    #[test]
    fn long_numbers_are_grouped() {
        let spaced = |n: u64| grouped(n).replace('\u{a0}', " ");
        assert_eq!([0, 999, 1_000, 10_000, 123_456].map(spaced), ["0", "999", "1 000", "10 000", "123 456"]);
        assert_eq!(spaced(u64::MAX), "18 446 744 073 709 551 615");
        assert!(!grouped(1_000).contains(' '), "no line is broken in a number");
    }
}
