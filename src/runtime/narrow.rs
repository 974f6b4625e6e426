//! The search for the one record that a sink refuses.
//!
//! A refusal names no record: the broker takes or refuses whole batches. So a batch that was refused is tried again once
//! as it was, then in halves, until one record fails alone. After a part went through, the next may be twice as large,
//! until everything of the first refused batch is behind us. Failures of the world never come here: an outage must not
//! put records in quarantine. The trap: the note on the refused record may be refused too, and that must end the search.

use std::sync::Arc;

use super::pipeline::{Failure, Position};

/// How far the search is; at rest by default.
#[derive(Default)]
pub(super) struct Narrow {
    failures: u32,
    limit: Option<usize>,
    until: Vec<Position>,
    refused: Option<Position>,
}

impl Narrow {
    /// May a batch of so many records take another?
    pub(super) fn room(&self, records: usize) -> bool {
        self.limit.is_none_or(|most| records < most)
    }

    /// Is this the record that failed alone?
    pub(super) fn refuses(&self, topic: &Arc<str>, partition: i32, offset: i64) -> bool {
        self.refused
            .as_ref()
            .is_some_and(|found| found.first == offset && found.partition == partition && found.topic == *topic)
    }

    /// Partitions that went to somebody else are no longer searched, and what was found there is theirs to find.
    pub(super) fn forget(&mut self, gone: impl Fn(&str, i32) -> bool) {
        self.refused.take_if(|found| gone(&found.topic, found.partition));
        self.until.retain(|position| !gone(&position.topic, position.partition));
        if self.until.is_empty() {
            self.limit = None;
        }
    }

    /// A batch of these positions was refused.
    ///
    /// # Errors
    ///
    /// When it was the note on the record found.
    pub(super) fn failed(&mut self, positions: &[Position]) -> Result<(), Failure> {
        self.failures += 1;
        if self.take_found(positions) {
            return Err(Failure::session("the quarantine topic refuses the note on a refused record"));
        }
        match (positions, self.limit) {
            (_, None) if self.failures < 2 => {}
            ([alone], Some(1)) => self.refused = Some(alone.clone()),
            _ => {
                // Offsets have gaps, so this is an upper bound; it halves until it is one record.
                let offsets: i64 = positions.iter().map(|position| position.next - position.first).sum();
                let records = usize::try_from(offsets).unwrap_or(usize::MAX);
                self.limit = Some((self.limit.map_or(records, |limit| limit.min(records)) / 2).max(1));
                if self.until.is_empty() {
                    self.until = positions.to_vec();
                }
            }
        }
        Ok(())
    }

    /// Was the record found in a batch of these positions? It is then dealt with, one way or the other.
    fn take_found(&mut self, positions: &[Position]) -> bool {
        let holds = |found: &Position, p: &Position| {
            p.topic == found.topic && p.partition == found.partition && (p.first..p.next).contains(&found.first)
        };
        self.refused.take_if(|found| positions.iter().any(|position| holds(found, position))).is_some()
    }

    /// A batch of these positions was committed.
    pub(super) fn passed(&mut self, positions: &[Position]) {
        self.failures = 0;
        self.take_found(positions);
        self.until.retain(|until| {
            !positions.iter().any(|p| p.topic == until.topic && p.partition == until.partition && p.next >= until.next)
        });
        self.limit = if self.until.is_empty() { None } else { self.limit.map(|limit| limit.saturating_mul(2)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: i64, next: i64) -> Position {
        Position { topic: Arc::from("in"), partition: 0, first, next }
    }

    /// Reads offsets 0..1000 through a sink that refuses offset 700; returns tries and what was refused.
    fn search(poison: i64) -> (u32, Vec<i64>) {
        let (mut narrow, mut at, mut tries, mut refused) = (Narrow::default(), 0, 0, Vec::new());
        while at < 1000 {
            let mut end = at;
            while end < 1000 && narrow.room(usize::try_from(end - at).unwrap()) {
                end += 1;
            }
            tries += 1;
            assert!(tries < 100, "the search does not end");
            let found = narrow.refuses(&Arc::from("in"), 0, poison);
            if (at..end).contains(&poison) && !found {
                narrow.failed(&[span(at, end)]).unwrap();
            } else {
                refused.extend((at..end).contains(&poison).then_some(poison));
                narrow.passed(&[span(at, end)]);
                at = end;
            }
        }
        assert!(narrow.room(usize::MAX), "at rest again");
        (tries, refused)
    }

    #[test]
    fn finds_the_one_record_in_few_tries() {
        for poison in [0, 1, 499, 700, 999] {
            let (tries, refused) = search(poison);
            assert_eq!(refused, [poison]);
            assert!(tries <= 60, "{tries} tries for {poison}");
        }
    }

    #[test]
    fn one_failure_alone_changes_nothing() {
        let mut narrow = Narrow::default();
        narrow.failed(&[span(0, 100)]).unwrap();
        assert!(narrow.room(99));
        narrow.passed(&[span(0, 100)]);
        narrow.failed(&[span(100, 200)]).unwrap();
        assert!(narrow.room(99), "counts from the last success");
    }

    #[test]
    fn a_refused_note_ends_the_session() {
        let mut narrow = Narrow::default();
        for _ in 0..3 {
            narrow.failed(&[span(5, 6)]).unwrap();
        }
        assert!(narrow.refuses(&Arc::from("in"), 0, 5));
        assert!(narrow.failed(&[span(5, 6)]).is_err());
    }

    #[test]
    fn a_record_that_went_away_with_its_partition_is_nobody_s_note() {
        let mut narrow = Narrow::default();
        for _ in 0..3 {
            narrow.failed(&[span(5, 6)]).unwrap();
        }
        assert!(narrow.refuses(&Arc::from("in"), 0, 5));
        narrow.forget(|_, partition| partition == 0);
        assert!(!narrow.refuses(&Arc::from("in"), 0, 5), "whoever has it now finds it again");
        // Another partition's record is refused next: that is no word on the quarantine topic.
        let other = Position { topic: Arc::from("in"), partition: 1, first: 70, next: 80 };
        narrow.failed(&[other]).unwrap();
    }

    #[test]
    fn the_note_counts_as_refused_only_where_it_was_in_the_batch() {
        let mut narrow = Narrow::default();
        for _ in 0..3 {
            narrow.failed(&[span(5, 6)]).unwrap();
        }
        let other = Position { topic: Arc::from("in"), partition: 1, first: 70, next: 71 };
        narrow.failed(std::slice::from_ref(&other)).unwrap();
        narrow.passed(&[other]);
    }
}
