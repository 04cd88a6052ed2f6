//! The frames that an answer rests on.

use std::collections::BTreeSet;
use std::fmt;

use crate::count::counted;

/// What proves an answer: frames, or that all were searched in vain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// The frames it rests on, in order.
    pub frames: Vec<u32>,
    /// How many frames were searched, if some part of the expression found nothing in any of them.
    pub searched: Option<u32>,
}

/// Evidence while it is gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) frames: BTreeSet<u32>,
    pub(super) in_vain: bool,
}

impl Gathered {
    pub(super) fn finish(self, searched: u32) -> Evidence {
        Evidence { frames: self.frames.into_iter().collect(), searched: self.in_vain.then_some(searched) }
    }
}

/// `frame 1`, `frames 4, 6–9`, `none of 54 frames`, or nothing for what rests on no frame.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.frames.as_slice(), self.searched) {
            ([], Some(searched)) => write!(f, "none of {}", counted(searched, "frame")),
            ([], None) => Ok(()),
            ([frame], _) => write!(f, "frame {frame}"),
            (frames, _) => write!(f, "frames {}", runs(frames)),
        }
    }
}

/// A sentence names no more stretches of frames than this; of more it names the first ones, the last, and how many there are.
const MAX_RUNS: usize = 10;

/// The numbers, three or more in a row as a range.
fn runs(frames: &[u32]) -> String {
    let runs = frames.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let text = |run: &[u32]| match run {
        [first, _, .., last] => format!("{first}–{last}"),
        short => short.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut runs: Vec<String> = runs.map(text).collect();
    if let (true, Some(last)) = (runs.len() > MAX_RUNS, frames.last()) {
        runs.truncate(MAX_RUNS - 2);
        return format!("{}, … {last} ({} in all)", runs.join(", "), frames.len());
    }
    runs.join(", ")
}

#[cfg(test)]
mod tests {
    use super::Evidence;

    #[test]
    fn says_which_frames() {
        let evidence = |frames: &[u32], searched| Evidence { frames: frames.to_vec(), searched }.to_string();
        assert_eq!(evidence(&[1], None), "frame 1");
        assert_eq!(evidence(&[8, 9], None), "frames 8, 9");
        assert_eq!(evidence(&[1, 4, 5, 6, u32::MAX], None), "frames 1, 4–6, 4294967295");
        let many: Vec<u32> = (1..=40).map(|n| 2 * n).collect();
        assert_eq!(evidence(&many, None), "frames 2, 4, 6, 8, 10, 12, 14, 16, … 80 (40 in all)");
        assert_eq!(evidence(&[], Some(54)), "none of 54 frames");
        assert_eq!(evidence(&[], None), "");
        assert_eq!(evidence(&[3], Some(54)), "frame 3");
    }
}
