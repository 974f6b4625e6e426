//! How long a denial takes from the consent topic to the first route that it closes: `withdrawal_enforcement_seconds`.
//!
//! A denial waits here from its arrival until an event of its subject finds a route closed. Most never meet one, so there
//! is room for few, and the newest take it. The trap: it is asked for every closed route, so it must cost nothing when
//! nothing waits, and it must hold nothing that anybody could read: subject keys alone.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::table::Row;
use crate::engine::consent::choice::SubjectKey;
use crate::runtime::pipeline::lock;

/// Denials that wait at the same time. An hour of a large site's, at 30 bytes each.
const MOST: usize = 65_536;

/// An event that comes later than this tells nothing about us.
const LATEST_MS: i64 = 3_600_000;

/// Denials that have not yet closed a route.
#[derive(Default)]
pub struct Withdrawals {
    count: AtomicUsize,
    waiting: Mutex<BTreeMap<Row, i64>>,
}

impl Withdrawals {
    /// A denial that was written to the topic at this time has arrived.
    pub(super) fn arrived(&self, row: Row, written_ms: i64, now_ms: i64) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= MOST {
            waiting.retain(|_, at| now_ms.saturating_sub(*at) < LATEST_MS);
            if waiting.len() >= MOST {
                waiting.clear();
            }
        }
        waiting.entry(row).or_insert(written_ms);
        self.count.store(waiting.len(), Ordering::Release);
    }

    /// Nothing waits.
    pub fn is_idle(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// A route was closed for an event of these subjects, by a denial that the table knows. Returns how long ago the
    /// oldest of their denials that waited was written.
    pub fn closed(&self, subjects: &[SubjectKey], now_ms: i64) -> Option<Duration> {
        if self.is_idle() {
            return None;
        }
        let mut waiting = lock(&self.waiting);
        let written = subjects.iter().filter_map(|subject| waiting.remove(&Row(*subject.bytes()))).min()?;
        self.count.store(waiting.len(), Ordering::Release);
        let took = now_ms.saturating_sub(written);
        (took < LATEST_MS).then(|| Duration::from_millis(u64::try_from(took).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u128) -> SubjectKey {
        SubjectKey::from_bytes(number.to_be_bytes())
    }

    fn arrived(withdrawals: &Withdrawals, number: u128, at: i64) {
        withdrawals.arrived(Row(*key(number).bytes()), at, at);
    }

    #[test]
    fn a_denial_is_measured_once_at_the_first_route_that_it_closes() {
        let withdrawals = Withdrawals::default();
        assert_eq!(withdrawals.closed(&[key(1)], 5), None);
        arrived(&withdrawals, 1, 1_000);
        arrived(&withdrawals, 1, 2_000);
        assert_eq!(withdrawals.closed(&[key(2)], 2_500), None);
        assert_eq!(withdrawals.closed(&[key(2), key(1)], 2_500), Some(Duration::from_millis(1_500)));
        assert_eq!(withdrawals.closed(&[key(1)], 2_600), None);
        arrived(&withdrawals, 1, 1_000);
        assert_eq!(withdrawals.closed(&[key(1)], 1_000 + LATEST_MS), None, "who was away for an hour tells nothing");
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let withdrawals = Withdrawals::default();
        for number in 0..200_000 {
            arrived(&withdrawals, number, 1_000);
        }
        assert!(lock(&withdrawals.waiting).len() <= MOST);
        assert!(withdrawals.closed(&[key(199_999)], 1_001).is_some());
    }
}
