//! Floor 7: Wireshark display-filter syntax, and the small expression language on top of it.
