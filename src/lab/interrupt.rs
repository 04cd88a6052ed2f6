//! Ctrl-C while a play goes on: the play ends where it is, and what was recorded is kept. A second one ends the program at
//! once, as it would without us.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often somebody who waits looks whether to go on.
pub const GLANCE: Duration = Duration::from_millis(50);

/// Whether somebody wants the play to end. While it lives the first Ctrl-C is taken here.
#[derive(Debug, Default)]
pub struct Interrupt {
    wanted: Arc<AtomicBool>,
    #[cfg(unix)]
    registered: Vec<signal_hook::SigId>,
}

impl Interrupt {
    /// Takes note of SIGINT and SIGTERM from now on. Where that is not possible they do what they always did.
    #[cfg(unix)]
    pub fn watch() -> Self {
        use signal_hook::consts::{SIGINT, SIGTERM};
        use signal_hook::flag;
        let wanted = Arc::<AtomicBool>::default();
        let mut registered = Vec::new();
        for signal in [SIGINT, SIGTERM] {
            // The order counts: the second one finds the flag set.
            registered.extend(flag::register_conditional_default(signal, Arc::clone(&wanted)));
            registered.extend(flag::register(signal, Arc::clone(&wanted)));
        }
        Self { wanted, registered }
    }

    /// Elsewhere nobody is listened to.
    #[cfg(not(unix))]
    pub fn watch() -> Self {
        Self::default()
    }

    /// Whether the play is to end.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Waits, unless the play is to end. Returns whether it has waited to the end.
    pub fn sleep(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if self.is_wanted() {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(GLANCE));
        }
    }
}

#[cfg(unix)]
impl Drop for Interrupt {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}
