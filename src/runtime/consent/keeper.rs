//! The thread that writes checkpoints: now and then, and when the process stops.
//!
//! A disk that is slow or full makes checkpoints late or absent, and nothing else: look-ups and reading go on.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Consent, sleep};
use crate::runtime::metrics::Metrics;

/// Writes until told to stop; then once more, when the follower has ended.
pub(super) fn keep(consent: &Consent, path: &Path, every: Duration, metrics: &Metrics, follower: JoinHandle<()>) {
    let mut trouble = String::new();
    loop {
        sleep(every, consent);
        let last = consent.stopping();
        while last && !follower.is_finished() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let told = write(consent, path, metrics).err().unwrap_or_default();
        if !told.is_empty() && (told != trouble || last) {
            tracing::error!("no checkpoint of the consent table is written: {told}");
        }
        trouble = told;
        if last {
            return;
        }
    }
}

fn write(consent: &Consent, path: &Path, metrics: &Metrics) -> Result<(), String> {
    let began = Instant::now();
    let written = consent.save(path);
    match &written {
        Ok(Some(bytes)) => {
            metrics.consent_checkpoint(Some(*bytes), began.elapsed());
            tracing::info!(
                subjects = consent.subjects(),
                bytes,
                milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                "checkpoint of the consent table written"
            );
        }
        Ok(None) => {}
        Err(_) => metrics.consent_checkpoint(None, began.elapsed()),
    }
    written.map(drop)
}
