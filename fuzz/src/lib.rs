//! What the fuzz targets share. Each target makes a capture (or a text) of whatever octets it is handed, lets the
//! program read and show all of it, and checks what must hold for every input: what does not is a crash.
//!
//! - [`targets`]: one function per target; the files in `fuzz_targets/` only call them.
//! - [`turns`]: octets → who says what, in which order, with what lost or repeated.
//! - [`wire`]: what is said → frames. [`quic`]: the same over QUIC.
//! - [`check`]: what holds for every trace, every page and every mistake.
//! - [`render`]: everything the program can show of a trace.
//! - [`seeds`]: the other way round: captures, lessons and filters → octets for the targets to begin with.

pub mod check;
pub mod quic;
pub mod render;
pub mod seeds;
pub mod targets;
pub mod turns;
pub mod wire;
