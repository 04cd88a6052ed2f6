//! Where there is no capture or there are no network namespaces there is no Ethernet of ours either.

use std::sync::Arc;
use std::time::Duration;

use crate::lab::error::LabError;
use crate::lab::fault::Fault;
use crate::lab::logbook::Logbook;
use crate::lab::namespace::Network;
use crate::lab::refusal::{Refusal, Stage};
use crate::lab::scenario::Scenario;

/// Two machines that cannot be made.
pub struct Ethernet {
    pub client: Arc<Network>,
    pub server: Arc<Network>,
}

impl Ethernet {
    pub fn create(_scenario: &Scenario) -> Result<Self, Refusal> {
        Err(Refusal::new(Stage::Network, 0))
    }
}

/// A wire that nothing passes.
pub struct Wire;

impl Wire {
    pub fn begin(_ethernet: &Arc<Ethernet>, _log: &Logbook, _seed: u32) -> Result<Self, LabError> {
        Err(LabError::NoCapture)
    }

    pub fn plan(&self, _line: usize, _fault: &Fault) {}

    pub fn reset(&self, _line: usize, _client: &str) {}

    pub fn allowance(&self) -> Duration {
        Duration::ZERO
    }

    pub fn settle(&self) {}
}
