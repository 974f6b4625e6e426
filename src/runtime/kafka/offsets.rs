//! Where an input partition is read from, and what to say when that place is gone.
//!
//! A partition is read on from the offset that the group committed. Where it never committed any, reading begins at the
//! earliest record; that is the only place where we choose. An offset that is there and out of range means that records
//! were deleted before they were read, or that the topic was made anew: going on by itself would lose them without a
//! word (or write everything twice), so the policy halts, and a person moves the offset.
//!
//! The trap: the client's own `auto.offset.reset` cannot tell the two apart, so it is set to `error`.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::{Offset, TopicPartitionList};

use super::words;
use crate::runtime::pipeline::Failure;
use crate::runtime::state::{Gap, State};

/// One question to the brokers, after which we look whether we are to stop, and ask again.
const ASK: Duration = Duration::from_secs(5);

/// Longest wait for the committed offsets: more than the 60 s for which the open transaction of a dead worker may hide
/// them.
const PATIENCE: Duration = Duration::from_secs(90);

/// Sets where each assigned partition begins.
pub(super) fn begin<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    assigned: &mut TopicPartitionList,
    state: &State,
    worker: usize,
) -> Result<(), Failure> {
    let committed = committed(consumer, assigned, state, worker)?;
    for element in committed.elements() {
        let place = match element.offset() {
            Offset::Offset(next) => Offset::Offset(next),
            _ => Offset::Beginning,
        };
        assigned
            .set_partition_offset(element.topic(), element.partition(), place)
            .map_err(|error| Failure::session(format!("cannot begin to read: {}", words(&error))))?;
    }
    Ok(())
}

fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    assigned: &TopicPartitionList,
    state: &State,
    worker: usize,
) -> Result<TopicPartitionList, Failure> {
    let started = Instant::now();
    loop {
        state.beat(worker);
        let found = consumer.committed_offsets(assigned.clone(), ASK).and_then(|found| {
            found.elements().iter().try_for_each(|element| element.error())?;
            Ok(found)
        });
        match found {
            Ok(found) => return Ok(found),
            Err(error) if state.stopping() || started.elapsed() > PATIENCE => {
                return Err(Failure::session(format!(
                    "cannot read the group's offsets: {}. If that goes on, a transaction that the brokers lost hides \
                     them; kafka-transactions.sh find-hanging lists it",
                    words(&error)
                )));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// A partition and what is gone of it.
pub(super) struct Lost {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) gap: Gap,
}

/// The assigned partitions whose place is out of range. `began`: where each of them began, as [`begin`] set it; what was
/// read since then moves that.
pub(super) fn lost<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    began: &TopicPartitionList,
    group: &Group,
) -> Result<Vec<Lost>, Failure> {
    let cannot = |error| Failure::session(format!("cannot tell which records are gone: {}", words(&error)));
    let positions = consumer.position().map_err(cannot)?;
    let mut all = Vec::new();
    for element in began.elements() {
        let (topic, partition) = (element.topic(), element.partition());
        let read = positions.find_partition(topic, partition).and_then(|position| position.offset().to_raw());
        let next = match (read, element.offset()) {
            (Some(next), _) if next >= 0 => next,
            (_, Offset::Offset(next)) => next,
            // It began at the earliest record and has read none: nothing that was promised is gone.
            _ => continue,
        };
        let (low, high) = consumer.fetch_watermarks(topic, partition, ASK).map_err(cannot)?;
        if let Some(gap) = gap(topic, partition, next, (low, high), group) {
            all.push(Lost { topic: topic.to_owned(), partition, gap });
        }
    }
    Ok(all)
}

/// What the sentences for the operator name.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) brokers: String,
}

/// What is gone when reading is to go on at `next`, and the partition has the offsets from `low` up to `high`.
fn gap(topic: &str, partition: i32, next: i64, (low, high): (i64, i64), group: &Group) -> Option<Gap> {
    let Group { name, brokers } = group;
    let (records, happened, otherwise) = if next < low {
        let records = u64::try_from(low - next).unwrap_or(0);
        (
            records,
            format!("and begins at {low} now: {records} records were deleted before they were read"),
            "go on without them",
        )
    } else if next > high {
        (0, format!("and ends at {high} now: the topic was made anew, or cut"), "read it from its beginning")
    } else {
        return None;
    };
    let what = format!(
        "topic {topic} is halted: partition {partition} was read up to offset {next}, {happened}. To {otherwise}, stop \
         every process of the group and start them again after\n  kafka-consumer-groups.sh --bootstrap-server {brokers} \
         --group {name} --topic {topic}:{partition} --reset-offsets --to-earliest --execute"
    );
    Some(Gap { records, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(next: i64) -> Option<Gap> {
        let group = Group { name: "lake".to_owned(), brokers: "kafka:9092".to_owned() };
        gap("collector.web", 3, next, (100, 200), &group)
    }

    #[test]
    fn a_place_within_the_log_or_at_its_end_is_fine() {
        assert_eq!((of(100), of(150), of(200)), (None, None, None));
    }

    #[test]
    fn what_is_gone_is_counted_and_the_way_out_is_named() {
        let gone = of(60).unwrap();
        assert_eq!(gone.records, 40);
        assert_eq!(
            gone.what,
            "topic collector.web is halted: partition 3 was read up to offset 60, and begins at 100 now: 40 records were \
             deleted before they were read. To go on without them, stop every process of the group and start them again \
             after\n  kafka-consumer-groups.sh --bootstrap-server kafka:9092 --group lake --topic collector.web:3 \
             --reset-offsets --to-earliest --execute"
        );
        let cut = of(201).unwrap();
        assert!(
            cut.records == 0 && cut.what.contains("ends at 200 now: the topic was made anew, or cut"),
            "{}",
            cut.what
        );
    }
}
