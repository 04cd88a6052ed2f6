//! The stream inside a stream: what was decrypted is listened to as a connection of its own would be.
//!
//! Every octet keeps its place. The ciphers that are opened here encrypt octet by octet, so the stream inside knows for each
//! of its octets the frame and the place in it where that lies encrypted.

use super::ear::Ear;
use super::hand::Opened;
use super::lane::Lane;
use super::watch::Watch;
use crate::flow::Origin;
use crate::layer::Direction;

const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

impl<W: Watch> Ear<'_, W> {
    /// Lets those who speak inside hear what was opened.
    pub(super) fn listen_within(&mut self, opened: Opened) {
        let Opened { direction, offset, from, octets, closes, moment } = opened;
        let d = direction.index();
        let everything = self.needs.everything;
        let new = || Box::new(if everything { Lane::default() } else { Lane::passing() });
        let mut inner = self.lane.inside.take().unwrap_or_else(new);
        let stream = &mut inner.hearing.streams[d];
        let len = octets.len() as u64;
        let mut done = 0;
        // Nobody needs to know the frames: then there may be no chunks.
        for chunk in self.lane.hearing.streams[d].chunks(from..from + len) {
            let at = chunk.range.start - from;
            let here = octets.get(at as usize..(chunk.range.end - from) as usize).filter(|_| at == done);
            let Some(here) = here else { break };
            stream.add(offset + at, here, Origin { frame: chunk.frame, at: chunk.at, arrived: moment });
            done = chunk.range.end - from;
        }
        if let Some(rest) = octets.get(done as usize..).filter(|rest| !rest.is_empty()) {
            stream.add(offset + done, rest, Origin { frame: moment.frame, at: 0, arrived: moment });
        }
        if closes {
            inner.hearing.fin[d].get_or_insert((offset + len, moment));
        }
        self.within(&mut inner, |ear| ear.listen(direction));
        self.lane.inside = Some(inner);
    }

    /// Where nothing more will be read of a direction, nothing more will come inside.
    pub(super) fn pass_ends_on(&mut self) {
        let Some(mut inner) = self.lane.inside.take() else { return };
        for direction in BOTH {
            let d = direction.index();
            let cut = self.lane.hearing.ended(d) || self.lane.deaf[d];
            if cut && !inner.hearing.ended(d) {
                inner.hearing.cut[d] = true;
                self.within(&mut inner, |ear| ear.listen(direction));
            }
        }
        self.lane.inside = Some(inner);
    }

    /// The connection is over, or is not followed any longer.
    pub(super) fn finish_within(&mut self) {
        let Some(mut inner) = self.lane.inside.take() else { return };
        inner.hearing.over = true;
        self.within(&mut inner, |ear| BOTH.into_iter().for_each(|direction| ear.listen(direction)));
        self.lane.inside = Some(inner);
    }

    fn within(&mut self, lane: &mut Lane, listen: impl FnOnce(&mut Ear<'_, W>)) {
        listen(&mut Ear {
            connection: self.connection,
            lane,
            sessions: self.sessions,
            watch: self.watch,
            scratch: self.scratch,
            needs: self.needs,
            now: self.now,
            lent: None,
            secrets: self.secrets,
            within: true,
        });
    }
}
