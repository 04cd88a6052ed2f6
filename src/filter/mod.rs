//! Floor 7: Wireshark display-filter syntax, and the small expression language on top of it.
//!
//! A [`Filter`] asks one frame a question (`tcp.flags.syn == 1 && !tcp.flags.ack`), in the words of
//! wireshark-filter(4), version 4.0. An [`Expr`] asks the whole capture (`count(tcp.flags.syn == 1) == 1`) and says with
//! each answer on which frames it rests.
//!
//! ```text
//! text ── syntax ──▶ ast ── check (names, types, constants) ──▶ plan ── eval over Records ──▶ answer + evidence
//! ```
//!
//! What is asked about comes in through two traits, so this floor knows no trace: [`Names`] says which fields there
//! are, [`Records`] what they hold in each frame.

mod ast;
mod check;
mod eval;
mod expr;
mod plan;
mod question;
mod records;
mod syntax;
mod traced;
mod uses;
mod value;

pub use crate::mistake::Mistake;
pub use eval::evidence::Evidence;
pub use expr::{Expr, Outcome};
pub use question::Filter;
pub use records::{Names, Protocol, Records};
pub use traced::TraceNames;
pub use uses::{Aggregate, FilterUse};
pub use value::{ExprValue, Type};

#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod sample;
