//! wiretale lets people see the conversation under their sockets.
//!
//! The modules stand in the order in which data flows; each imports only from those above it
//! (`tests/architecture.rs` holds that).

pub mod layer;

pub mod capture;

pub mod packet;

pub mod flow;

pub mod message;

pub mod protocol;

pub mod trace;

pub mod filter;

pub mod explain;

pub mod view;

pub mod lab;

pub mod cli;
