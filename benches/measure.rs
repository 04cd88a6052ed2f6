//! What a program costs: CPU seconds, seconds, memory.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// What one run of a program cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cost {
    /// User and system time.
    pub cpu: f64,
    pub wall: f64,
    /// The largest resident size, in KiB.
    pub memory: i64,
}

impl Cost {
    /// The lower of each.
    pub fn best(self, other: Self) -> Self {
        Self { cpu: self.cpu.min(other.cpu), wall: self.wall.min(other.wall), memory: self.memory.min(other.memory) }
    }
}

/// Runs a program that writes to nowhere, in a process of its own between, whose only child it is: so its numbers are
/// its own. `None` if it is not installed or fails.
pub fn cost(command: &[&str]) -> Option<Cost> {
    let own = std::env::current_exe().ok()?;
    let output = Command::new(own).arg("cost").args(command).stderr(Stdio::null()).output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// The process between: runs the program and prints what it cost.
pub fn tell_cost(command: &[String]) {
    let begun = Instant::now();
    let status = Command::new(&command[0]).args(&command[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let wall = begun.elapsed().as_secs_f64();
    if !status.is_ok_and(|status| status.success()) {
        std::process::exit(1);
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    println!("{}", serde_json::to_string(&Cost { cpu, wall, memory: usage.max_rss() }).unwrap());
}

/// Walks over the records of a pcap file in blocks of 1 MiB: the least that any reader does.
pub fn walk(file: &Path) -> u64 {
    let mut file = File::open(file).unwrap();
    let mut block = vec![0; 1 << 20];
    let (mut there, mut at, mut records, mut octets) = (0, 24, 0u64, 0u64);
    loop {
        let read = file.read(&mut block[there..]).unwrap();
        there += read;
        while at + 16 <= there {
            let len = u32::from_le_bytes(block[at + 8..at + 12].try_into().unwrap()) as usize;
            if at + 16 + len > there {
                break;
            }
            records += 1;
            octets += u64::from(block[at + 16 + len / 2]);
            at += 16 + len;
        }
        if read == 0 {
            return records ^ (octets << 40);
        }
        block.copy_within(at..there, 0);
        (there, at) = (there - at, 0);
    }
}
