//! Where the system has no network namespaces: every way into the lab is closed, and says so.

use std::io;

use crate::lab::refusal::{Refusal, Stage};

/// A network namespace; there is none on this system.
#[derive(Debug)]
pub enum Network {}

impl Network {
    pub fn create() -> Result<Self, Refusal> {
        Err(ABSENT)
    }

    pub fn enter(&self) -> io::Result<()> {
        match *self {}
    }
}

pub fn enter_user_namespace() -> Result<(), Refusal> {
    Err(ABSENT)
}

pub fn try_private(_with_user_namespace: bool) -> Result<(), Refusal> {
    Err(ABSENT)
}

pub fn may_capture() -> Result<(), Refusal> {
    Err(ABSENT)
}

#[cfg(feature = "capture")]
pub fn frames_on(_interface: &str) -> Option<(u64, u64)> {
    None
}

#[cfg(feature = "capture")]
pub const LOOPBACK: &str = "lo0";

const ABSENT: Refusal = Refusal::new(Stage::System, 0);
