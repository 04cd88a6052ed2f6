//! Floor 9: meaning → text. No decisions are made here; colours carry layers, and never meaning alone.

mod ladder;
mod lesson;
mod line;
mod markdown;
mod peel;
mod story;
mod table;

pub use ladder::ladder;
pub use lesson::{LessonPage, Shown};
pub use line::{Line, Page, Tone};
pub use markdown::markdown;
pub use peel::{fields, hex_dump, onion};
pub use story::{notes, packets, story};
pub use table::table;
