//! Floor 0: the map for what is looked up with every frame. Its hash is quick, and seeded anew in each run, so that
//! nobody can choose keys that collide.

/// A map with a quick hash. Its order means nothing.
pub type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;
