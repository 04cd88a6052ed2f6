//! What each side does in a step: one acts, the other sees to it that it has arrived.

use crate::lab::held::Held;
use crate::lab::host::Part;
use crate::lab::scenario::{Action, Utterance};
use crate::lab::socketio::SocketIoStep;
use crate::layer::Direction;

/// The parts of a step, and whose connection it is.
#[derive(Debug)]
pub struct Parts<'a> {
    pub client: &'a str,
    pub of_client: Part,
    pub of_server: Part,
}

impl<'a> Parts<'a> {
    /// What `held` keeps from being read is read later.
    pub fn of(action: &'a Action, held: &mut Held) -> Self {
        match action {
            Action::Connect { client, opening } => Self::both(client, Part::Open(opening.clone())),
            Action::Open { client, tls } => Self::both(client, Part::Tcp(*tls)),
            Action::Get { asked } => Self::both("", Part::Exchange(asked.clone())),
            Action::Subscribe { client, path, last, tls, fields } => {
                let (path, last, fields) = (path.clone(), last.clone(), fields.clone());
                Self::both(client, Part::Subscribe { path, last, tls: *tls, fields })
            }
            Action::Say { client, direction, what: Utterance::Raw { octets, refused: true } } => {
                Self::cast(client, *direction, Part::Provoke(octets.clone()), Part::Refuse)
            }
            Action::Say { client, direction, what } => {
                let hears = held.take(client, *direction, Part::Hear(what.clone()));
                Self::cast(client, *direction, Part::Say(what.clone()), hears)
            }
            Action::Write { client, direction, octets } => {
                let reads = held.take(client, *direction, Part::Read(octets.clone()));
                Self::cast(client, *direction, Part::Write(octets.clone()), reads)
            }
            Action::Publish { client, event } => {
                let hears = held.take(client, Direction::ToClient, Part::HearEvent(event.clone()));
                Self::cast(client, Direction::ToClient, Part::Publish(event.clone()), hears)
            }
            Action::Datagram { client, direction, payload } => {
                Self::cast(client, *direction, Part::SendDatagram(payload.clone()), Part::HearDatagram)
            }
            Action::Reading { client, direction, again: false } => {
                held.stop(client, *direction);
                Self::cast(client, *direction, Part::MakeRoom, Part::StandBy)
            }
            Action::Reading { client, direction, again: true } => {
                Self::cast(client, *direction, Part::StandBy, Part::ReadAgain(held.again(client, *direction)))
            }
            Action::SocketIo(step) => Self::of_socketio(step),
            Action::Forget { client, direction } => Self::cast(client, *direction, Part::Forget, Part::StandBy),
            Action::FindOut(what) => {
                let told = Self::of(what, held);
                let speaks = |part: Part| match part {
                    Part::Say(_) | Part::Write(_) => Part::FindOut(Box::new(part)),
                    _ => Part::StandBy,
                };
                Self { client: told.client, of_client: speaks(told.of_client), of_server: speaks(told.of_server) }
            }
            Action::CutOff { client } => Self::both(client, Part::SeeReset),
            Action::Close { .. } | Action::HangUp { .. } | Action::HalfClose { .. } => Self::of_end(action),
            // Without a wire who receives sees to it.
            Action::Fault(fault) => match fault.direction {
                Some(direction) => Self::cast("", direction, Part::StandBy, Part::Sieve(fault.clone())),
                None => Self::both("", Part::StandBy),
            },
            Action::Wait(_) => Self::both("", Part::StandBy),
        }
    }

    fn of_end(action: &'a Action) -> Self {
        match action {
            Action::Close { client, direction, reason } => {
                Self::cast(client, *direction, Part::Close(reason.clone()), Part::AnswerClose(reason.clone()))
            }
            Action::HangUp { client, direction, abort, websocket: false } => {
                Self::cast(client, *direction, Part::HangUp { abort: *abort }, Part::SeeEnd { abort: *abort })
            }
            Action::HangUp { client, direction, abort, websocket: true } => {
                Self::cast(client, *direction, Part::Drop { abort: *abort }, Part::SeeDrop { abort: *abort })
            }
            Action::HalfClose { client, direction } => {
                Self::cast(client, *direction, Part::HalfClose, Part::SeeHalfClose)
            }
            _ => Self::both("", Part::StandBy),
        }
    }

    fn of_socketio(step: &'a SocketIoStep) -> Self {
        let (active, passive) = (Part::SocketIo(step.clone()), Part::StandBy);
        match step {
            // Both do something: one ends it, the other sees it end.
            SocketIoStep::Leave { client, by_server: true }
            | SocketIoStep::Lose { client }
            | SocketIoStep::CutOff { client } => Self::both(client, active),
            step if step.is_servers() => Self { client: "", of_client: passive, of_server: active },
            _ => Self { client: "", of_client: active, of_server: passive },
        }
    }

    fn both(client: &'a str, part: Part) -> Self {
        Self { client, of_client: part.clone(), of_server: part }
    }

    /// The active part is the client's when things go to the server.
    fn cast(client: &'a str, direction: Direction, active: Part, passive: Part) -> Self {
        match direction {
            Direction::ToServer => Self { client, of_client: active, of_server: passive },
            Direction::ToClient => Self { client, of_client: passive, of_server: active },
        }
    }
}
