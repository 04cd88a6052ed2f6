//! Floor 8: a trace → meaning. Nothing is printed here.

mod case;
mod cast;
mod comparison;
mod cost;
mod diagnosis;
pub mod glossary;
mod habit;
mod heartbeat;
pub mod lesson;
mod osi;
mod pair;
mod peel;
mod profile;
mod quic_story;
pub mod quiz;
mod random;
mod remark;
mod story;
mod summary;
mod types;

pub use case::{Case, CaseTable, CaseTold};
pub use cast::Cast;
pub use comparison::{Comparison, Contender, Packet};
pub use cost::{Cost, CostLayer, Played};
pub use diagnosis::{Finding, diagnose};
pub use habit::{Confidence, Habit, Recognised, habits};
pub use heartbeat::Heartbeat;
pub use osi::{InternetLayer, internet_layer, owner_title};
pub use pair::{Pair, Parting, Untold};
pub use peel::{Peel, Row, Unmask};
pub use profile::Profile;
pub use quiz::Quiz;
pub(crate) use remark::without_numbers;
pub use remark::{Remark, Remarks};
pub use story::{Chapter, Line, Phase, Story};
pub use summary::{Row as ConnectionRow, Summary};
