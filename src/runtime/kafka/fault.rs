//! Faults that the delivery tests inject into a real process, in debug builds only.
//!
//! `TAMIS_FAULT` is a list of `name=value`, separated by `;`. In a release build nothing here exists.
//!
//! * `pause_before_commit=N:MS`: in the N-th transaction of the process, waits so long between the last acknowledged
//!   output and the commit;
//! * `mark=FILE`: writes FILE when that pause begins, so that a test knows when to strike;
//! * `offsets_outside`: commits the input offsets after the transaction instead of in it, with the pause in between.
//!   With it the delivery test must fail: that is how we know that the test can see a duplicate.

/// Waits between the last output and the commit, if a test asked for it.
pub(super) fn before_commit() {
    #[cfg(debug_assertions)]
    if !offsets_outside() {
        injected::pause();
    }
}

/// Waits between the transaction and the offsets, if a test asked for both.
pub(super) fn before_outside_offsets() {
    #[cfg(debug_assertions)]
    injected::pause();
}

/// Must offsets stay out of the transaction? Never in a release build.
pub(super) fn offsets_outside() -> bool {
    #[cfg(debug_assertions)]
    return injected::get().offsets_outside;
    #[cfg(not(debug_assertions))]
    false
}

#[cfg(debug_assertions)]
mod injected {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    #[derive(Default)]
    pub(super) struct Faults {
        pause: Option<(u64, Duration)>,
        mark: Option<String>,
        pub(super) offsets_outside: bool,
    }

    pub(super) fn get() -> &'static Faults {
        static FAULTS: OnceLock<Faults> = OnceLock::new();
        FAULTS.get_or_init(|| parse(&std::env::var("TAMIS_FAULT").unwrap_or_default()))
    }

    fn parse(text: &str) -> Faults {
        let mut faults = Faults::default();
        for part in text.split(';') {
            match part.split_once('=') {
                Some(("pause_before_commit", value)) => {
                    faults.pause = value.split_once(':').and_then(|(number, length)| {
                        Some((number.parse().ok()?, Duration::from_millis(length.parse().ok()?)))
                    });
                }
                Some(("mark", file)) => faults.mark = Some(file.to_owned()),
                _ => faults.offsets_outside |= part == "offsets_outside",
            }
        }
        faults
    }

    pub(super) fn pause() {
        static TRANSACTIONS: AtomicU64 = AtomicU64::new(0);
        let Some((number, length)) = get().pause else { return };
        if TRANSACTIONS.fetch_add(1, Ordering::Relaxed) + 1 == number {
            if let Some(file) = &get().mark {
                let _ = std::fs::write(file, b"paused");
            }
            std::thread::sleep(length);
        }
    }
}
