//! What can happen to segments between two hosts: conversations for the analysis, and some thrown by dice.

use crate::plays::Dice;
use crate::wire::{ACK, Client, FIN, PSH, RST, Server, Talk};

/// Segments thrown by dice: mostly what a stack would do, now and then what none would. The same seed gives the same.
pub fn by_dice(seed: u64) -> Talk {
    let mut dice = Dice(seed * 7919 + 13);
    let mut talk = Talk::new("thrown by dice", 55_000 + seed as u16).of_no_protocol();
    if seed % 4 == 3 {
        talk = talk.starting_at(u32::MAX - 400, u32::MAX - 1_000);
    }
    if dice.below(5) > 0 {
        talk = talk.open();
    }
    // Nothing is to come from before the first octet, for which tshark's counting is not made.
    talk.says(Client, &[b'a'; 100]);
    talk.says(Server, &[b'b'; 100]);
    for _ in 0..60 {
        throw(&mut talk, &mut dice);
    }
    talk
}

fn throw(talk: &mut Talk, dice: &mut Dice) {
    let side = if dice.below(2) == 0 { Client } else { Server };
    let other = if side == Client { Server } else { Client };
    talk.wait([-990_000, -500_000, 0, 0, 0, 3_000_000, 30_000_000, 250_000_000][dice.below(8)]);
    talk.windows[side as usize] = [0x2000, 0x2000, 0x2000, 0x2000, 0x2001, 0, 8, 1][dice.below(8)];
    talk.ack_ahead[side as usize] = [0, 0, 0, 0, -10, -30, -60, 20][dice.below(8)];
    let payload = vec![b'x'; [1, 10, 10, 20, 50][dice.below(5)]];
    let flags = if dice.below(2) == 0 { ACK } else { ACK | PSH };
    match dice.below(20) {
        0..6 => {
            talk.segment(side, 0, flags, &payload);
            talk.advance(side, payload.len());
        }
        6..10 => talk.segment(side, 0, ACK, b""),
        10 => (0..4).for_each(|_| talk.segment(side, 0, ACK, b"")),
        11 | 12 => talk.segment(side, -[10, 20, 30, 60][dice.below(4)], flags, &payload),
        13 => talk.advance(side, 10),
        14 => {
            talk.advance(side, 20);
            talk.segment(side, -10, flags, &[b'y'; 10]);
            talk.segment(side, -20, flags, &[b'z'; 10]);
        }
        15 => talk.segment(side, -1, ACK, [&b""[..], b"\0"][dice.below(2)]),
        16 => {
            let sack = [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, dice.below(30) as u8];
            talk.raw(side, 0, ACK, &sack, b"");
        }
        17 => {
            talk.segment(other, 0, flags, &[b'p']);
            talk.segment(side, 0, ACK, b"");
        }
        18 if dice.below(4) == 0 => {
            talk.segment(side, 0, FIN | ACK, b"");
            talk.advance(side, 1);
        }
        19 if dice.below(8) == 0 => talk.segment(side, 0, RST | [0, ACK][dice.below(2)], b""),
        _ => talk.segment(side, 0, ACK, b""),
    }
}
