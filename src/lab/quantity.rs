//! What a script measures: octets, times, rates, each with its unit and its bound.

use std::time::Duration;

use crate::lab::reader::Reader;
use crate::mistake::Mistake;

impl Reader<'_> {
    /// `N bytes`.
    pub fn size(&mut self) -> Result<usize, Mistake> {
        let range = self.here();
        let size = self.number("a number of bytes", "write it as `300 bytes`", |_: &usize| true)?;
        if size > MAX_SIZE {
            return Err(Mistake::new(range, format!("a message has at most {MAX_SIZE} bytes")));
        }
        self.expect("bytes")?;
        Ok(size)
    }

    pub fn hex(&mut self) -> Result<Vec<u8>, Mistake> {
        let range = self.here();
        let word = self.value("bytes in hex", Some("write them as `00ff10`"))?;
        let digits: Option<Vec<u8>> =
            word.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        let digits = digits.ok_or_else(|| {
            Mistake::new(range.clone(), format!("`{word}` is not hex")).help("write bytes as `00ff10`")
        })?;
        if digits.len() % 2 != 0 {
            return Err(Mistake::new(range, format!("`{word}` is not a whole number of bytes in hex")));
        }
        if digits.len() / 2 > MAX_SIZE {
            return Err(Mistake::new(range, format!("a message has at most {MAX_SIZE} bytes")));
        }
        Ok(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect())
    }

    pub fn time(&mut self) -> Result<Duration, Mistake> {
        let range = self.here();
        let help = "write it as `20ms` or `2s`";
        let word = self.value("a time", Some(help))?;
        let time = match (word.strip_suffix("ms"), word.strip_suffix('s')) {
            (Some(number), _) => number.parse().ok().map(Duration::from_millis),
            (None, Some(number)) => number.parse().ok().map(Duration::from_secs),
            (None, None) => None,
        };
        match time {
            None => Err(Mistake::new(range, format!("`{word}` is not a time")).help(help)),
            Some(time) if time > MAX_WAIT => {
                Err(Mistake::new(range, "one wait lasts at most 10 seconds").help(LONGEST))
            }
            Some(time) => Ok(time),
        }
    }

    /// How many of 100 are lost.
    pub fn percent(&mut self) -> Result<u8, Mistake> {
        let range = self.here();
        let help = "write it as `link loses 5%`: of 100 so many";
        let word = self.value("a share", Some(help))?;
        let digits = word.strip_suffix('%').filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
        let Some(digits) = digits else {
            return Err(Mistake::new(range, format!("`{word}` is not a share")).help(help));
        };
        digits.parse().ok().filter(|percent| *percent <= MOST_LOST_OF_100).ok_or_else(|| {
            let message = format!("a link loses at most {MOST_LOST_OF_100}%, this is {word}");
            Mistake::new(range, message)
                .help("with more TCP does little but wait; `link goes down for 2s` lets nothing pass for a while")
        })
    }

    /// Bits a second.
    pub fn rate(&mut self) -> Result<u64, Mistake> {
        let range = self.here();
        let help = "write it as `64kbit/s` or `10Mbit/s`, up to 1000Mbit/s";
        let word = self.value("a rate", Some(help))?;
        let rate = match (word.strip_suffix("kbit/s"), word.strip_suffix("Mbit/s")) {
            (Some(number), _) => number.parse().ok().and_then(|number: u64| number.checked_mul(1000)),
            (None, Some(number)) => number.parse().ok().and_then(|number: u64| number.checked_mul(1_000_000)),
            (None, None) => None,
        };
        rate.filter(|rate| (1000..=1_000_000_000).contains(rate))
            .ok_or_else(|| Mistake::new(range, format!("`{word}` is not a rate")).help(help))
    }
}

/// The largest message.
pub const MAX_SIZE: usize = 1 << 20;
/// The largest share that a link loses: over one that loses more TCP does little but wait.
pub const MOST_LOST_OF_100: u8 = 50;
/// The longest single wait.
const MAX_WAIT: Duration = Duration::from_secs(10);
const LONGEST: &str = "several may follow each other, 30 seconds in all";
