//! What sessions are called under a seed. Engine.IO's server makes their ids by chance and takes none from anyone; so each is
//! exchanged for one of the same length that follows from the seed: below the server, where what it writes goes to the kernel
//! (or to TLS), and above HTTP, where a request names its session. The server never sees the new name, the wire never the old
//! id.
//!
//! # References
//! - <https://github.com/socketio/engine.io-protocol#handshake>: the server's first packet, `0{"sid":"…"`, in the body of an
//!   answer or in a WebSocket's first frame; requests name the session in their query, `sid=…`.
//! - socketioxide calls a client in each namespace as its session: `40{"sid":"…"}`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use crate::lab::handshake::SERVER;
use crate::lab::seed::Chance;
use crate::lab::socketio::server::locked;

/// The names that a play gives, whichever server of it is running.
#[derive(Debug)]
pub struct Names {
    seed: u32,
    given: Mutex<Given>,
}

#[derive(Debug, Default)]
struct Given {
    /// How many times each client was given any.
    times: BTreeMap<String, u64>,
    /// The server's id of a session, by the name that the wire has for it.
    ids: BTreeMap<String, String>,
    /// The same names, the oldest first.
    order: VecDeque<String>,
}

impl Names {
    /// Those that follow from this seed.
    pub fn new(seed: u32) -> Self {
        Self { seed, given: Mutex::default() }
    }

    /// What the next names of a client follow from: who comes when must not matter, but how often each came.
    pub fn next(&self, client: &str) -> Chance {
        let mut given = locked(&self.given);
        let times = given.times.entry(client.to_owned()).or_default();
        *times += 1;
        Chance::of(self.seed.into(), &format!("{SERVER} {client}"), *times)
    }

    fn remember(&self, name: &str, id: &str) {
        let mut given = locked(&self.given);
        if given.order.len() >= MOST_SESSIONS
            && let Some(oldest) = given.order.pop_front()
        {
            given.ids.remove(&oldest);
        }
        given.order.push_back(name.to_owned());
        given.ids.insert(name.to_owned(), id.to_owned());
    }

    fn id_of(&self, name: &str) -> Option<String> {
        locked(&self.given).ids.get(name).cloned()
    }
}

/// More sessions than any play has at once; of older ones nobody speaks any more.
const MOST_SESSIONS: usize = 10_000;

/// What is exchanged on one connection.
#[derive(Debug)]
pub struct Exchange {
    names: Arc<Names>,
    client: String,
    session: Session,
}

#[derive(Debug)]
enum Session {
    /// No session is spoken of.
    None,
    /// The answer opens one, which is to have this name: how much of what stands before its id was written, and of the id.
    Opens { name: String, seen: usize, id: String },
    /// This one is spoken of. `held` is written and may be the beginning of its id.
    Known { name: String, id: String, held: Vec<u8> },
}

/// What stands before the id of a new session.
const OPENS: &[u8] = b"0{\"sid\":\"";
/// How long an id is.
const LEN: usize = 16;

impl Exchange {
    /// For a connection of this client.
    pub fn new(names: Arc<Names>, client: String) -> Self {
        Self { names, client, session: Session::None }
    }

    /// Takes the query of a request; returns what the server is to see in its place.
    pub fn ask(&mut self, query: &str) -> String {
        let named = query.split('&').find_map(|part| part.strip_prefix("sid="));
        let Some(name) = named else {
            let name = self.names.next(&self.client).sid();
            self.session = Session::Opens { name, seen: 0, id: String::new() };
            return query.to_owned();
        };
        let Some(id) = self.names.id_of(name) else {
            self.session = Session::None;
            return query.to_owned();
        };
        let of_server = |part: &str| match part.strip_prefix("sid=") {
            Some(said) if said == name => format!("sid={id}"),
            _ => part.to_owned(),
        };
        let asked = query.split('&').map(of_server).collect::<Vec<_>>().join("&");
        self.session = Session::Known { name: name.to_owned(), id, held: Vec::new() };
        asked
    }

    /// Takes what the server writes next; returns what is to be written instead, which may wait for the rest of an id.
    pub fn pass(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len());
        octets.iter().for_each(|octet| self.take(*octet, &mut out));
        out
    }

    /// What waits, as it is: nobody flushes half an id.
    pub fn release(&mut self) -> Vec<u8> {
        match &mut self.session {
            Session::Known { held, .. } => std::mem::take(held),
            Session::None | Session::Opens { .. } => Vec::new(),
        }
    }

    fn take(&mut self, octet: u8, out: &mut Vec<u8>) {
        match &mut self.session {
            Session::None => out.push(octet),
            Session::Opens { seen, .. } if *seen < OPENS.len() => {
                out.push(octet);
                // Its first octet does not come again in it.
                *seen = if octet == OPENS[*seen] { *seen + 1 } else { usize::from(octet == OPENS[0]) };
            }
            Session::Opens { name, id, .. } => {
                // The new name is known before the old one is: nothing has to wait.
                out.push(name.as_bytes()[id.len()]);
                id.push(char::from(octet));
                if id.len() == LEN {
                    let (name, id) = (std::mem::take(name), std::mem::take(id));
                    self.names.remember(&name, &id);
                    self.session = Session::Known { name, id, held: Vec::new() };
                }
            }
            Session::Known { name, id, held } => {
                held.push(octet);
                while !id.as_bytes().starts_with(held) {
                    out.push(held.remove(0));
                }
                if held.len() == id.len() {
                    held.clear();
                    out.extend_from_slice(name.as_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    const ID: &str = "AAABAAABAAACAAAB";

    fn exchange(names: &Arc<Names>) -> Exchange {
        Exchange::new(Arc::clone(names), "ada".to_owned())
    }

    /// What comes out of pieces of these lengths, each flushed or not.
    fn passed(exchange: &mut Exchange, octets: &[u8], cuts: &[usize]) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::new(), octets);
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            out.extend(exchange.pass(piece));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        out.extend(exchange.release());
        out
    }

    proptest! {
        /// Whatever pieces it is written in, each id becomes its name, and nothing else changes.
        #[test]
        fn an_id_is_exchanged_wherever_it_stands(
            cuts in vec(1_usize..40, 1..10),
            between in vec("[AB0\"C{]{0,20}", 1..5),
        ) {
            let names = Arc::new(Names::new(7));
            let name = Names::new(7).next("ada").sid();
            let mut first = exchange(&names);
            prop_assert_eq!(first.ask("EIO=4&transport=polling"), "EIO=4&transport=polling");
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
            let opens = |id: &str| format!("{head}0{{\"sid\":\"{id}\",\"upgrades\":[]}}");
            let opened = passed(&mut first, opens(ID).as_bytes(), &cuts);
            prop_assert_eq!(String::from_utf8(opened).unwrap(), opens(&name));
            let says = |id: &str| between.iter().map(|text| format!("{text}{id}")).collect::<String>() + "AAABAAA";
            // What stands between may itself be the beginning of an id, or of another.
            let expected = says(ID).replace(ID, &name);
            let on_another = &mut exchange(&names);
            prop_assert_eq!(
                on_another.ask(&format!("EIO=4&sid={name}&transport=polling")),
                format!("EIO=4&sid={ID}&transport=polling")
            );
            for known in [&mut first, on_another] {
                let said = passed(known, says(ID).as_bytes(), &cuts);
                prop_assert_eq!(String::from_utf8(said).unwrap(), expected.clone());
            }
        }
    }

    #[test]
    fn what_opens_no_session_is_left_alone() {
        let names = Arc::new(Names::new(7));
        let mut exchange = exchange(&names);
        let text = format!("42[\"x\",0{{\"sid\":\"{ID}\"}}]");
        assert_eq!(exchange.ask("EIO=4&sid=nobody&transport=polling"), "EIO=4&sid=nobody&transport=polling");
        assert_eq!(exchange.pass(text.as_bytes()), text.as_bytes());
        assert!(names.id_of(ID).is_none());
    }

    #[test]
    fn names_differ_by_seed_client_and_time() {
        let (one, other) = (Names::new(7), Names::new(8));
        let all = [one.next("ada"), one.next("ada"), one.next("bob"), other.next("ada")].map(|mut chance| chance.sid());
        assert!(all.iter().all(|name| name.len() == LEN), "{all:?}");
        assert!((0..4).all(|one| (0..one).all(|other| all[one] != all[other])), "{all:?}");
        assert_eq!(Names::new(7).next("ada").sid(), all[0]);
    }

    #[test]
    fn old_sessions_are_forgotten() {
        let names = Names::new(7);
        (0..=MOST_SESSIONS).for_each(|number| names.remember(&number.to_string(), ID));
        let given = locked(&names.given);
        assert_eq!((given.ids.len(), given.order.len()), (MOST_SESSIONS, MOST_SESSIONS));
        assert!(!given.ids.contains_key("0") && given.ids.contains_key("1"));
    }
}
