//! How far a long run is, on standard error, for somebody who sits there. In a pipe nothing is shown.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that is gone when it is dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// For so many things.
    pub(super) fn new(total: usize) -> Self {
        let target =
            if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        if let Ok(style) = ProgressStyle::with_template("  {bar:20} {pos} of {len}  {wide_msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self(bar)
    }

    /// The next one begins.
    pub(super) fn begin(&self, name: &str) {
        self.0.set_message(name.to_owned());
        self.0.tick();
    }

    /// It is done.
    pub(super) fn done(&self) {
        self.0.inc(1);
    }

    /// Does something that writes to standard error, with the bar out of the way.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
