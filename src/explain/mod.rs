//! Floor 8: a trace → meaning. Nothing is printed here.

mod cast;
pub mod lesson;
mod osi;
mod peel;
mod story;

pub use cast::Cast;
pub use osi::{InternetLayer, internet_layer, owner_title};
pub use peel::{Peel, Row, Unmask};
pub use story::{Chapter, Line, Phase, Story};
