//! Whether the table may be asked: read to the end, and fresh.
//!
//! *Cold*: some partition of the consent topic has not been read to the end that it had when reading began. *Stale*: for
//! some partition the last heartbeat is older than `max_staleness`, so a withdrawal may have been written that we have
//! not seen. An idle partition without heartbeats is stale, because it looks the same as one that is cut off.
//!
//! The trap: clocks. A heartbeat counts with the age that it had when it arrived, and ages by a clock that never goes
//! back; one that is dated in the future counts as of now, and far in the future not at all, or a writer whose clock is
//! a year ahead would keep us fresh for a year.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// May the table be asked?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It may.
    Ready,
    /// It has not been read to the end.
    Cold,
    /// It has, but too long ago, for all we know.
    Stale,
}

/// `as_of_ms` of a table that is cold, and of one that is not but never had a heartbeat on some partition.
const COLD: i64 = i64::MIN;
const NEVER: i64 = i64::MIN + 1;

/// See the module. Asked by every batch: two loads and a look at the clock.
pub struct Standing {
    began: Instant,
    max_staleness_ms: i64,
    /// Everything written before this moment, in milliseconds since `began`, has been read.
    as_of_ms: AtomicI64,
}

impl Standing {
    /// Cold.
    pub fn new(max_staleness: Duration) -> Standing {
        Standing { began: Instant::now(), max_staleness_ms: ms(max_staleness), as_of_ms: AtomicI64::new(COLD) }
    }

    /// The answer of now.
    pub fn word(&self) -> Word {
        self.word_at(self.elapsed_ms())
    }

    fn word_at(&self, now_ms: i64) -> Word {
        match self.as_of_ms.load(Ordering::Acquire) {
            COLD => Word::Cold,
            NEVER => Word::Stale,
            as_of if now_ms.saturating_sub(as_of) <= self.max_staleness_ms => Word::Ready,
            _ => Word::Stale,
        }
    }

    /// How old the oldest of the partitions' last heartbeats is; `None` if some partition never had one, or while cold.
    pub fn age(&self) -> Option<Duration> {
        match self.as_of_ms.load(Ordering::Acquire) {
            COLD | NEVER => None,
            as_of => u64::try_from(self.elapsed_ms().saturating_sub(as_of)).ok().map(Duration::from_millis),
        }
    }

    /// A heartbeat that says `said_ms` arrived when the clock on the wall said `now_ms`: as of when it counts.
    pub(super) fn heartbeat(&self, said_ms: i64, now_ms: i64) -> Option<i64> {
        let age = now_ms.saturating_sub(said_ms);
        (age >= -self.max_staleness_ms).then(|| self.elapsed_ms().saturating_sub(age.max(0)))
    }

    /// All partitions are read to the end, and this is the oldest of their heartbeats.
    pub(super) fn read_to_the_end(&self, oldest: Option<i64>) {
        self.as_of_ms.store(oldest.map_or(NEVER, |at| at.max(NEVER + 1)), Ordering::Release);
    }

    /// The table is, or is about to be, incomplete.
    pub(super) fn cold(&self) {
        self.as_of_ms.store(COLD, Ordering::Release);
    }

    fn elapsed_ms(&self) -> i64 {
        ms(self.began.elapsed())
    }
}

fn ms(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_when_read_to_the_end_and_fresh() {
        let standing = Standing::new(Duration::from_secs(60));
        assert_eq!((standing.word(), standing.age()), (Word::Cold, None));
        standing.read_to_the_end(None);
        assert_eq!((standing.word(), standing.age()), (Word::Stale, None), "a partition without heartbeats");
        standing.read_to_the_end(Some(1_000));
        assert_eq!(standing.word_at(1_000), Word::Ready);
        assert_eq!(standing.word_at(61_000), Word::Ready);
        assert_eq!(standing.word_at(61_001), Word::Stale);
        standing.cold();
        assert_eq!(standing.word_at(1_000), Word::Cold);
    }

    #[test]
    fn a_heartbeat_counts_with_the_age_that_it_has() {
        let standing = Standing::new(Duration::from_secs(60));
        let (wall, now) = (1_790_000_000_000, standing.elapsed_ms());
        let counted = |said: i64| standing.heartbeat(said, wall);
        assert!(counted(wall).unwrap() >= now);
        let old = counted(wall - 50_000).unwrap();
        assert!((now - 50_000..=now - 49_000).contains(&old), "{old}");
        standing.read_to_the_end(Some(old));
        assert_eq!(standing.word(), Word::Ready);
        standing.read_to_the_end(counted(wall - 61_000));
        assert_eq!(standing.word(), Word::Stale);
    }

    #[test]
    fn a_heartbeat_of_the_future_counts_as_of_now_and_not_at_all_if_it_is_far() {
        let standing = Standing::new(Duration::from_secs(60));
        let wall = 1_790_000_000_000;
        let ahead = standing.heartbeat(wall + 59_000, wall).unwrap();
        assert!(ahead <= standing.elapsed_ms());
        assert_eq!(standing.heartbeat(wall + 60_001, wall), None);
        for extreme in [i64::MIN, i64::MAX] {
            let counted = standing.heartbeat(extreme, wall);
            standing.read_to_the_end(counted);
            assert_eq!(standing.word(), Word::Stale, "{extreme}");
        }
    }
}
