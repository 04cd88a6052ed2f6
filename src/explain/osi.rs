//! Two ways to count layers. Real stacks have four (RFC 1122 §1.1.3); the seven of the OSI model (ISO/IEC 7498-1) are a
//! mapping of ours, and nothing here has a session or presentation layer of its own.

use crate::layer::OsiLayer;

/// The layers of the Internet's own model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InternetLayer {
    /// To the next machine.
    Link,
    /// To the machine at the other end.
    Internet,
    /// To the program at the other end.
    Transport,
    /// What the programs say.
    Application,
}

impl InternetLayer {
    /// Its name in RFC 1122.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Internet => "internet",
            Self::Transport => "transport",
            Self::Application => "application",
        }
    }
}

/// The layer of RFC 1122 for a layer of the OSI model.
pub fn internet_layer(osi: OsiLayer) -> InternetLayer {
    match osi {
        OsiLayer::DataLink => InternetLayer::Link,
        OsiLayer::Network => InternetLayer::Internet,
        OsiLayer::Transport => InternetLayer::Transport,
        OsiLayer::Application => InternetLayer::Application,
    }
}
