//! What of Socket.IO can be played where it stands: who has joined what, and what a server can keep.

use std::ops::Range;

use serde_json::Value;

use crate::lab::cast::{Cast, Link};
use crate::lab::grammar::Speaker;
use crate::lab::reader::Name;
use crate::lab::socketio::grammar::Spoken;
use crate::lab::socketio::{Arg, Back, SocketIoStep, Transports};
use crate::mistake::Mistake;

impl Cast {
    /// Whoever is named must have joined; whoever joins must not.
    pub fn socketio(&mut self, Spoken { step, names }: Spoken, range: &Range<usize>) -> Result<SocketIoStep, Mistake> {
        if let (SocketIoStep::Join { client, transports, namespace, reconnects, back, .. }, [name]) =
            (&step, &names[..])
        {
            self.check_back(name, *back)?;
            match (self.link(client) == Link::SocketIo, reconnects) {
                (true, None) => {}
                (true, Some(_)) => {
                    return Err(Mistake::new(name.range.clone(), format!("`{client}` has a session already"))
                        .help("`reconnecting` is said with the step that begins it"));
                }
                (false, _) => {
                    self.open(name, Link::SocketIo)?;
                    self.polling.remove(client);
                    self.polling.extend((*transports == Transports::Polling).then(|| client.clone()));
                    self.reconnecting.extend(reconnects.is_some().then(|| client.clone()));
                }
            }
            let joined = self.joined.entry(client.clone()).or_default();
            if !self.refused.contains_key(namespace) && !joined.insert(namespace.clone()) {
                return Err(Mistake::new(name.range.clone(), format!("`{client}` is in {namespace} already"))
                    .help("let it disconnect first, or join another namespace"));
            }
            return Ok(step);
        }
        self.check_kept(&step, range)?;
        self.check_offset(&step, range)?;
        if let SocketIoStep::ClientEmit { emission, .. } | SocketIoStep::ServerEmit { emission, .. } = &step {
            // To many it goes once to each.
            let copies = if step.is_servers() { self.joined.len().max(1) } else { 1 };
            self.count(emission.octets().saturating_mul(copies))?;
            self.wait(emission.unanswered.unwrap_or_default())?;
        }
        if let SocketIoStep::Restart { after } = &step {
            self.wait(*after)?;
            // Who comes back by itself is there again when the step is over.
            let stays = |client: &String| self.reconnecting.contains(client);
            self.joined.retain(|client, _| stays(client));
            self.links.iter_mut().filter(|(client, _)| !stays(client)).for_each(|(_, link)| *link = Link::Gone);
        }
        for name in names {
            let by = Speaker::Client(name.clone());
            let (client, _) = self.speaker(by, Link::SocketIo, range)?;
            if let Some(namespace) = step.namespace()
                && !self.joined.get(&client).is_some_and(|joined| joined.contains(namespace))
            {
                return Err(Mistake::new(name.range, format!("`{client}` is not in {namespace}"))
                    .help(format!("let it join before: `{client} connects to socket.io namespace {namespace}`")));
            }
            if matches!(step, SocketIoStep::Leave { .. } | SocketIoStep::Lose { .. }) {
                self.joined.remove(&client);
                self.reconnecting.remove(&client);
                self.links.insert(client, Link::Gone);
            }
        }
        self.speaks(true, range)?;
        Ok(step)
    }

    /// Who comes back as the same must have been there, and the server must remember it.
    fn check_back(&self, name: &Name, back: Back) -> Result<(), Mistake> {
        let wrong = |message: String, help: &str| Err(Mistake::new(name.range.clone(), message).help(help));
        match back {
            Back::Recovering if !self.recovers => wrong(
                "the server recovers no connections".to_owned(),
                "let it before anyone connects: `server recovers connections`; or let it keep events on the disk, \
                 and the client resume: `server keeps events`, `ada connects to socket.io resuming`",
            ),
            Back::Resuming if !self.keeps_events => {
                wrong("the server keeps nothing".to_owned(), "let it before anyone connects: `server keeps events`")
            }
            Back::Recovering if !self.links.contains_key(&name.name) => wrong(
                format!("`{}` was not there before", name.name),
                "who connects for the first time has nothing to recover",
            ),
            _ => Ok(()),
        }
    }

    /// What a client would take for an offset: the official one takes the last text of each event that asks for nothing.
    fn check_offset(&self, step: &SocketIoStep, range: &Range<usize>) -> Result<(), Mistake> {
        match step {
            SocketIoStep::ServerEmit { emission, .. }
                if self.recovers
                    && emission.volatile
                    && emission.burst == 0
                    && emission.args.0.last().is_none_or(|last| matches!(last, Arg::Json(Value::String(_)))) =>
            {
                let message = "a client would take the last text of a volatile event, be it the name, for an offset, which it has not";
                Err(Mistake::new(range.clone(), message).help("put something else behind it: a number, `true`"))
            }
            _ => Ok(()),
        }
    }

    /// What is only for servers that keep events, and what they cannot keep.
    fn check_kept(&self, step: &SocketIoStep, range: &Range<usize>) -> Result<(), Mistake> {
        let emission = match step {
            SocketIoStep::ClientEmit { emission, .. } if emission.again || (self.keeps_events && emission.asks()) => {
                Some(emission)
            }
            SocketIoStep::ServerEmit { audience, except, emission }
                if self.keeps_events && audience.is_kept(except) =>
            {
                Some(emission)
            }
            SocketIoStep::Swallow => None,
            _ => return Ok(()),
        };
        if !self.keeps_events {
            return Err(Mistake::new(range.clone(), "the server keeps nothing")
                .help("let it before anyone connects: `server keeps events`"));
        }
        if let (SocketIoStep::ClientEmit { .. }, Some(emission)) = (step, emission)
            && (emission.unanswered.is_some() || emission.answer.as_ref().is_some_and(|args| !args.0.is_empty()))
        {
            let message = "a server that keeps events stores what asks, and says its number: that is the answer";
            return Err(Mistake::new(range.clone(), message)
                .help("say `acknowledged` alone; for an answer that does not come, `server swallows the next acknowledgement`"));
        }
        if emission.is_some_and(|emission| emission.volatile || emission.burst > 0) {
            return Err(Mistake::new(range.clone(), "an event that is kept is neither volatile nor one of many")
                .help("leave that out; for many, say the step many times: `10 times …`"));
        }
        Ok(())
    }
}
