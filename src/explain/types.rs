//! How many packets there are of each type, whatever types there are.

use std::collections::BTreeMap;
use std::fmt::Display;

/// So many types that no protocol knows are told by what they are. Of more those come first whose names do; one that was let
/// go has so many before it that it can never come back, so the counts are exact in whichever order packets come.
const KEPT: usize = 16;

/// Counts of the types that a protocol knows, in its order, and of others that came.
#[derive(Debug, Clone)]
pub(super) struct Types<const N: usize> {
    known: [u64; N],
    /// How many others there are.
    others: u64,
    named: BTreeMap<String, u64>,
}

impl<const N: usize> Default for Types<N> {
    fn default() -> Self {
        Self { known: [0; N], others: 0, named: BTreeMap::new() }
    }
}

impl<const N: usize> Types<N> {
    /// Counts so many of a type; `list` are those that the protocol knows.
    pub(super) fn add<T: PartialEq + Display>(&mut self, list: &[T; N], of: &T, more: u64) {
        match list.iter().position(|known| known == of) {
            Some(place) => self.known[place] += more,
            None => {
                self.others += more;
                self.name(of.to_string(), more);
            }
        }
    }

    /// Counts so many of the type that stands here among those that the protocol knows.
    pub(super) fn add_known(&mut self, place: usize, more: u64) {
        self.known[place] += more;
    }

    fn name(&mut self, name: String, more: u64) {
        *self.named.entry(name).or_default() += more;
        if self.named.len() > KEPT {
            self.named.pop_last();
        }
    }

    /// Adds the counts of another part of the same capture.
    pub(super) fn join(&mut self, other: Self) {
        self.known.iter_mut().zip(other.known).for_each(|(own, more)| *own += more);
        self.others += other.others;
        other.named.into_iter().for_each(|(name, more)| self.name(name, more));
    }

    /// The types that came, by the names they have everywhere, with their counts.
    pub(super) fn list<T: Display>(&self, list: &[T; N]) -> Vec<(String, u64)> {
        let known = list.iter().map(ToString::to_string).zip(self.known);
        let named = self.named.iter().map(|(name, count)| (name.clone(), *count));
        let rest = self.others - self.named.values().sum::<u64>();
        known.chain(named).chain([("other".to_owned(), rest)]).filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_nobody_knows_have_their_names_up_to_a_bound() {
        let count = |kinds: &[char]| {
            let mut types = Types::default();
            kinds.iter().for_each(|kind| types.add(&['a', 'b'], kind, 1));
            types
        };
        let listed = |types: &Types<2>| types.list(&['a', 'b']);
        assert_eq!(listed(&count(&['b', 'x', 'b', 'h'])), [("b".into(), 2), ("h".into(), 1), ("x".into(), 1)]);
        let many: Vec<char> = ('a'..='z').chain('m'..='z').collect();
        let all = count(&many);
        assert_eq!(listed(&all).len(), 2 + KEPT + 1);
        assert_eq!(listed(&all).last(), Some(&("other".to_owned(), 16)), "{:?}", listed(&all));
        for at in [1, 9, 30] {
            let (one, other) = many.split_at(at);
            let mut joined = count(other);
            joined.join(count(one));
            assert_eq!(listed(&joined), listed(&all), "in parts, too");
        }
    }
}
