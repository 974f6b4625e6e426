//! Waiting for what another process does.

use std::time::{Duration, Instant};

/// Looks whether it holds: every 5 ms, or three times as long apart as a look takes. Looks that follow one another would
/// starve the broker that they wait for.
pub fn wait(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < limit {
        let looked = Instant::now();
        if holds() {
            return true;
        }
        std::thread::sleep((looked.elapsed() * 3).clamp(Duration::from_millis(5), Duration::from_secs(2)));
    }
    false
}
