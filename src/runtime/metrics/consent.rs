//! What the consent table counts. Its series begin when there is a table, so that an alert on one that is not ready does
//! not sound where none was asked for.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use super::{Metrics, counter, gauge, histogram, table};
use crate::runtime::consent::ChoiceResult;

/// See `metrics/table.rs`.
pub(super) struct Series {
    ready: IntGaugeVec,
    subjects: IntGaugeVec,
    choices: IntCounterVec,
    lag: IntGaugeVec,
    heartbeat: IntGaugeVec,
    withdrawal: HistogramVec,
    checkpoint_time: IntGaugeVec,
    checkpoint_bytes: IntGaugeVec,
    checkpoint_seconds: HistogramVec,
    checkpoint_failures: IntCounterVec,
}

const NONE: &[&str] = &[];

impl Series {
    pub(super) fn new(registry: &Registry) -> Series {
        Series {
            ready: gauge(registry, &table::CONSENT_READY),
            subjects: gauge(registry, &table::CONSENT_SUBJECTS),
            choices: counter(registry, &table::CONSENT_CHOICES),
            lag: gauge(registry, &table::CONSENT_LAG),
            heartbeat: gauge(registry, &table::CONSENT_HEARTBEAT),
            withdrawal: histogram(registry, &table::WITHDRAWAL),
            checkpoint_time: gauge(registry, &table::CONSENT_CHECKPOINT_TIME),
            checkpoint_bytes: gauge(registry, &table::CONSENT_CHECKPOINT_BYTES),
            checkpoint_seconds: histogram(registry, &table::CONSENT_CHECKPOINT_SECONDS),
            checkpoint_failures: counter(registry, &table::CONSENT_CHECKPOINT_FAILURES),
        }
    }
}

impl Metrics {
    /// There is a consent table, and it is cold.
    pub fn consent_begin(&self) {
        let series = &self.consent;
        for result in ChoiceResult::ALL {
            series.choices.with_label_values(&[result.as_str()]);
        }
        for gauge in [&series.lag, &series.checkpoint_time, &series.checkpoint_bytes] {
            gauge.with_label_values(NONE);
        }
        for histogram in [&series.withdrawal, &series.checkpoint_seconds] {
            histogram.with_label_values(NONE);
        }
        series.checkpoint_failures.with_label_values(NONE);
        self.consent_state(false, None, 0);
    }

    /// A record of the consent topic was taken.
    pub fn consent_choice(&self, result: ChoiceResult) {
        self.consent.choices.with_label_values(&[result.as_str()]).inc();
    }

    /// Records of the consent topic that are not read yet.
    pub fn consent_lag(&self, records: i64) {
        self.consent.lag.with_label_values(NONE).set(records);
    }

    /// Whether the table may be asked, the age of its oldest last heartbeat, and how many subjects it has.
    pub fn consent_state(&self, ready: bool, age: Option<Duration>, subjects: usize) {
        let seconds = age.map_or(-1, |age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        self.consent.ready.with_label_values(NONE).set(i64::from(ready));
        self.consent.heartbeat.with_label_values(NONE).set(seconds);
        self.consent.subjects.with_label_values(NONE).set(i64::try_from(subjects).unwrap_or(i64::MAX));
    }

    /// A denial closed its first route, so long after it was written.
    pub fn withdrawal(&self, took: Duration) {
        self.consent.withdrawal.with_label_values(NONE).observe(took.as_secs_f64());
    }

    /// A checkpoint of so many bytes was written; `None`: it failed.
    pub fn consent_checkpoint(&self, bytes: Option<u64>, took: Duration) {
        self.consent.checkpoint_seconds.with_label_values(NONE).observe(took.as_secs_f64());
        let Some(bytes) = bytes else { return self.consent.checkpoint_failures.with_label_values(NONE).inc() };
        let now = super::super::batch::now_ms() / 1000;
        self.consent.checkpoint_time.with_label_values(NONE).set(now);
        self.consent.checkpoint_bytes.with_label_values(NONE).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
