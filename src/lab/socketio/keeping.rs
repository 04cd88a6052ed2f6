//! What a server does with its queue, if it has one: it keeps what goes to everyone before it is sent, and stores what is to be
//! acknowledged before that is done.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::lab::endpoint::ActorError;
use crate::lab::socketio::emitting::Meant;
use crate::lab::socketio::rules::{Emission, OFFSET, SERVER_OFFSET};
use crate::lab::socketio::server::{failed, locked};
use crate::lab::socketio::{Arg, Args, EventQueue, Kept};

/// What somebody has missed: events, and what they carry.
pub type Missed = Vec<(String, Args)>;

/// The queue of a server, or none.
#[derive(Debug, Clone)]
pub struct Keeping {
    queue: Option<Arc<Mutex<EventQueue>>>,
    /// So many acknowledgements are not sent.
    swallows: Arc<AtomicU32>,
}

impl Keeping {
    /// With the queue in this file, if one is named.
    pub fn open(file: Option<&Path>) -> rusqlite::Result<Self> {
        let queue = file.map(EventQueue::open).transpose()?;
        Ok(Self { queue: queue.map(|queue| Arc::new(Mutex::new(queue))), swallows: Arc::default() })
    }

    /// Keeps an event that is about to be sent, if such are kept; returns what it carries then. Kept first, sent then:
    /// whoever has it can name it, and whoever has not can ask for it.
    pub fn keep(&self, meant: Meant<'_>, emission: &Emission) -> Result<Args, ActorError> {
        let Emission { namespace, event, args, .. } = emission;
        match &self.queue {
            Some(queue) if meant.audience.is_kept(meant.except) => {
                let kept = locked(queue).keep(namespace, event, &args.to_json());
                Ok(numbered(args.clone(), kept.map_err(|error| failed("keep", error))?))
            }
            _ => Ok(args.clone()),
        }
    }

    /// The events behind the one that somebody had last, by their own words.
    pub fn missed(&self, namespace: &str, auth: Option<&Value>) -> Missed {
        let last = auth.and_then(|auth| auth.get(SERVER_OFFSET)?.as_i64());
        let (Some(queue), Some(last)) = (&self.queue, last) else { return Vec::new() };
        let missed = locked(queue).since(namespace, last).unwrap_or_default();
        let args = |args: Vec<Value>, id| numbered(Args(args.into_iter().map(Arg::of).collect()), id);
        missed.into_iter().map(|Kept { id, event, args: carried }| (event, args(carried, id))).collect()
    }

    /// Stores an event before it is acknowledged, if such are stored; returns what says so, with its number.
    pub fn store(&self, event: &str, args: &Args) -> Option<Args> {
        let args = args.to_json();
        let name = args.last().and_then(|last| last.get("id")?.as_str());
        let number = locked(self.queue.as_ref()?).store(name, event, &args).ok()?;
        Some(Args(vec![Arg::Json(serde_json::json!({ "stored": number }))]))
    }

    /// The next acknowledgement is not to be sent.
    pub fn swallow(&self) {
        self.swallows.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether this one is not.
    pub fn swallows(&self) -> bool {
        let swallowed = |count: u32| count.checked_sub(1);
        self.swallows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, swallowed).is_ok()
    }
}

/// An event that is kept carries its number last.
fn numbered(mut args: Args, id: i64) -> Args {
    args.0.push(Arg::Json(serde_json::json!({ OFFSET: id })));
    args
}
