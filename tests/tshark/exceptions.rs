//! Where tshark and we differ, and why. Each exception is asserted to differ still; what is right instead is asserted
//! in `right.rs`.

/// A difference that is accepted.
#[derive(Debug)]
pub struct Exception {
    /// The capture.
    pub capture: &'static str,
    /// The frames; all if empty.
    pub frames: &'static [u32],
    /// The fields.
    pub fields: &'static [&'static str],
    /// Who is right, and why.
    #[expect(dead_code, reason = "for those who read a failure")]
    pub reason: &'static str,
}

impl Exception {
    /// Whether it speaks of this field of this frame.
    pub fn covers(&self, frame: u32, field: &str) -> bool {
        (self.frames.is_empty() || self.frames.contains(&frame)) && self.fields.contains(&field)
    }

    /// Those of a capture.
    pub fn of(capture: &str) -> Vec<&'static Self> {
        EXCEPTIONS.iter().filter(|exception| exception.capture == capture).collect()
    }
}

static EXCEPTIONS: &[Exception] = &[];
