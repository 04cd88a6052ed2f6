//! Without the feature `capture` nothing can be recorded, and the attempt says so.

use std::sync::Arc;

use crate::lab::error::LabError;
use crate::lab::namespace::Network;
use crate::lab::recording::Recorded;

/// Where to record.
#[expect(dead_code, reason = "nothing is recorded")]
pub enum Spot {
    Private(Arc<Network>),
    Host(u16),
    Card(Arc<Network>),
}

/// A capture under way; there is none in this build.
pub enum Recorder {}

impl Recorder {
    pub fn arm(_spot: Spot) -> Result<Self, LabError> {
        Err(LabError::NoCapture)
    }

    pub fn finish(self) -> Result<Recorded, LabError> {
        match self {}
    }
}
