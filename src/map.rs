//! Floor 0: the map for what is looked up with every frame. Its hash is quick, and seeded anew in each run, so that
//! nobody can choose keys that collide.

/// A map with a quick hash. Its order means nothing.
pub type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// A map with less room keeps it.
const SPARE: usize = 64;

/// Gives memory back where a map holds little that held much.
pub fn spare<K: Eq + std::hash::Hash, V>(map: &mut Map<K, V>) {
    if map.capacity() > SPARE && map.len() * 8 < map.capacity() {
        map.shrink_to(map.len() * 2);
    }
}
