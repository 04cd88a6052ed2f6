//! Which server of Socket.IO a play has: socketioxide, or where sessions are to be recovered, which that one cannot, ours.

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::lab::endpoint::ActorError;
use crate::lab::logbook::Logbook;
use crate::lab::socketio::recovering::RecoveringServer;
use crate::lab::socketio::server::SocketIoServer;
use crate::lab::socketio::{Rules, SocketIoStep};
use crate::lab::tls::Tls;

/// A server of Socket.IO, as long as it lives.
pub enum Serving {
    Library(SocketIoServer),
    Recovering(RecoveringServer),
}

impl Serving {
    /// Begins to serve.
    pub fn start(listener: TcpListener, rules: &Arc<Rules>, lab: (Option<&Tls>, &Logbook)) -> rusqlite::Result<Self> {
        Ok(match rules.recovers {
            Some(_) => Self::Recovering(RecoveringServer::start(listener, rules, lab)?),
            None => Self::Library(SocketIoServer::start(listener, rules, lab)?),
        })
    }

    /// Does what the script says.
    pub async fn perform(&mut self, line: usize, step: &SocketIoStep) -> Result<(), ActorError> {
        match self {
            Self::Library(server) => server.perform(line, step).await,
            Self::Recovering(server) => server.perform(line, step).await,
        }
    }
}
