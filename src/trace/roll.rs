//! What is followed under a name, found by it; and more quickly by who remembers its place.

use std::sync::Arc;

use crate::map::Map;

/// Things by name, each in a place of its own, which another takes when it goes.
pub(super) struct Roll<T> {
    places: Map<Arc<str>, usize>,
    things: Vec<(Arc<str>, T)>,
}

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self { places: Map::default(), things: Vec::new() }
    }
}

impl<T> Roll<T> {
    pub(super) fn len(&self) -> usize {
        self.things.len()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let place = *self.places.get(name)?;
        self.things.get_mut(place).map(|(_, thing)| thing)
    }

    /// As [`get_mut`](Self::get_mut). `place` is where it was the last time, and learns where it is now.
    #[inline]
    pub(super) fn get_at(&mut self, name: &str, place: &mut usize) -> Option<&mut T> {
        if self.things.get(*place).is_none_or(|(there, _)| **there != *name) {
            *place = *self.places.get(name)?;
        }
        self.things.get_mut(*place).map(|(_, thing)| thing)
    }

    /// Adds what has a name that is not there yet.
    pub(super) fn insert(&mut self, name: &Arc<str>, thing: T) {
        self.places.insert(Arc::clone(name), self.things.len());
        self.things.push((Arc::clone(name), thing));
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<T> {
        let place = self.places.remove(name)?;
        let (_, thing) = self.things.swap_remove(place);
        // The last one has taken its place.
        if let Some(place_of_moved) = self.things.get(place).and_then(|(moved, _)| self.places.get_mut(moved)) {
            *place_of_moved = place;
        }
        Some(thing)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        self.things.iter().map(|(name, thing)| (name, thing))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// It is a map, whatever places are remembered.
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0_u8..6, any::<u8>(), 0_usize..8), 0..60)) {
            let (mut roll, mut map) = (Roll::default(), BTreeMap::new());
            for (name, what, mut place) in steps {
                let name: Arc<str> = name.to_string().into();
                match what % 3 {
                    0 => prop_assert_eq!(roll.remove(&name), map.remove(&name)),
                    1 if map.insert(Arc::clone(&name), what).is_none() => roll.insert(&name, what),
                    1 => *roll.get_mut(&name).unwrap() = what,
                    _ => {
                        let before = place;
                        let expected = map.get_mut(&name);
                        let found = roll.get_at(&name, &mut place);
                        prop_assert_eq!(found.as_deref(), expected.as_deref());
                        prop_assert_eq!(found.is_none() || roll.things[place].0 == name, true);
                        prop_assert_eq!(map.contains_key(&name) || place == before, true);
                    }
                }
                prop_assert_eq!((roll.len(), roll.contains(&name)), (map.len(), map.contains_key(&name)));
                let all: BTreeMap<_, _> = roll.iter().map(|(name, thing)| (Arc::clone(name), *thing)).collect();
                prop_assert_eq!(&all, &map);
            }
        }
    }
}
