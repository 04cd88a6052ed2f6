//! wiretale lets people see the conversation under their sockets: it stages a real exchange between scripted programs
//! (or reads a capture), and tells what happened, layer by layer, each sentence tied to the bytes that prove it.
//!
//! A tour in the order in which data flows. A module imports only from those above it in this list, and
//! `tests/architecture.rs` holds that:
//!
//! 1. [`layer`]: the words every floor hands upward: [`layer::Layer`], [`layer::Field`], [`layer::Span`]; [`map`]; [`count`];
//!    and [`mistake`]: what is wrong with a text that a person wrote, and where.
//! 2. [`capture`]: frames, from files or from a live interface.
//! 3. [`packet`]: one frame, its headers.
//! 4. [`flow`]: connections and their bytes in order.
//! 5. [`message`]: the contract between ordered bytes and the protocols that read them.
//! 6. [`protocol`]: HTTP/1 to HTTP/3, event streams, WebSocket, Engine.IO, Socket.IO, TLS and QUIC.
//! 7. [`trace`]: all of it, kept and tied together. [`trace::Pipeline`] is where frames go in.
//! 8. [`filter`]: questions to a frame, and to the whole capture.
//! 9. [`explain`]: what it means. [`view`]: how it is shown.
//! 10. [`lab`]: the other world, where real programs put packets on a private wire. [`cli`]: where both meet.
//!
//! ```
//! use wiretale::capture::{Frame, LinkType, Timestamp};
//! use wiretale::trace::Pipeline;
//!
//! // IPv4 (20 octets) and TCP (20 octets): a SYN from port 51544 to port 8080.
//! let syn = [
//!     0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1,
//!     0xc9, 0x58, 0x1f, 0x90, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0,
//! ];
//! let mut pipeline = Pipeline::default();
//! let (time, link, comments) = (Timestamp(0), LinkType::RAW, Vec::new());
//! pipeline.push(Frame { time, link, interface: 0, len: 40, data: syn.to_vec(), comments }.as_ref());
//! let trace = pipeline.finish();
//!
//! assert_eq!(trace.connections()[0].server.port(), 8080);
//! let tcp = trace.layers(1).pop().unwrap();
//! assert_eq!(tcp.summary, "51544 → 8080, SYN, seq 0, len 0");
//! let owners: Vec<_> = trace.ledger(1).iter().map(|share| (share.owner, share.len())).collect();
//! assert_eq!(owners, [("ip", 20), ("tcp", 20)]);
//! ```

pub mod layer;

pub mod map;

pub mod count;

pub mod mistake;

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
