//! Who does not read: what is sent to them waits in the kernel's buffers until they read again.

use std::collections::BTreeMap;
use std::io;

use tokio::net::TcpStream;

use crate::lab::host::Part;
use crate::layer::Direction;

/// What those who do not read have still to read, by client and by the direction that is not read.
#[derive(Debug, Default)]
pub struct Held(BTreeMap<(String, usize), Vec<Part>>);

impl Held {
    /// Nobody reads this direction from now on.
    pub fn stop(&mut self, client: &str, direction: Direction) {
        self.0.insert((client.to_owned(), direction.index()), Vec::new());
    }

    /// Takes the part of who should read, if it does not: it is done later.
    pub fn take(&mut self, client: &str, direction: Direction, part: Part) -> Part {
        match self.0.get_mut(&(client.to_owned(), direction.index())) {
            Some(waiting) => {
                waiting.push(part);
                Part::StandBy
            }
            None => part,
        }
    }

    /// What is to be read when this direction is read again.
    pub fn again(&mut self, client: &str, direction: Direction) -> Vec<Part> {
        self.0.remove(&(client.to_owned(), direction.index())).unwrap_or_default()
    }
}

/// So much may be sent to who does not read: it has to fit into the buffers of both ends.
pub const MAX_HELD: usize = 200 << 10;
/// What who sends can leave with the kernel, about: Linux allows as much without any rights.
#[cfg(target_os = "linux")]
const ROOM: usize = 200 << 10;

/// Makes the buffer large from which the kernel sends. That into which it reads stays as it is: a window that was told
/// cannot be taken back (RFC 9293 §3.8.6), and what came for it would be thrown away.
#[cfg(target_os = "linux")]
pub fn make_room(stream: &TcpStream) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt};
    setsockopt(stream, sockopt::SndBuf, &ROOM).map_err(io::Error::from)
}

/// Elsewhere it stays as it is.
#[cfg(not(target_os = "linux"))]
pub fn make_room(_stream: &TcpStream) -> io::Result<()> {
    Ok(())
}
