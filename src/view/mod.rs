//! Floor 9: meaning → text. No decisions are made here; colours carry layers, and never meaning alone.

mod case;
mod compare;
mod export;
mod fields;
mod glossary;
mod json;
mod ladder;
mod lesson;
mod line;
mod markdown;
mod pair;
mod peel;
mod plot;
mod quiz;
mod report;
mod story;
mod summary;
mod table;

pub use case::{case, case_csv, case_json};
pub use compare::{comparison, comparison_csv, comparison_json, comparison_markdown};
pub use export::{Exporter, KINDS, Table, Wanted, export, keys_of};
pub use fields::field_list;
pub use glossary::{term, terms};
pub use json::{CheckRecord, CheckResult, check_json, lesson_json};
pub use ladder::ladder;
pub use lesson::{LessonPage, Review, Shown, shell_word};
pub use line::{Line, Page, Tone};
pub use markdown::markdown;
pub use pair::{pair, pair_json};
pub use peel::{fields, hex_dump, onion};
pub use plot::{Plot, plots};
pub use quiz::{answer as quiz_answer, hint as quiz_hint, question as quiz_question, quiz_json, score as quiz_score};
pub use report::report;
pub use story::{comments, findings, habits, notes, packets, story};
pub use summary::{summary, summary_json};
pub use table::table;
