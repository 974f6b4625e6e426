//! Some records of a topic, read once by a consumer that leaves no trace.
//!
//! Partitions are assigned, so no group is joined, and nothing is committed: what the deployment has read stays as it is.
//! Committed records only. What is asked for is spread over the partitions: the latest of each, or the first. The trap: the end
//! of a partition moves while it is read, and behind its last record there may be marks that nobody sees; so reading ends
//! where the end was when it began, or where the client says that there is nothing more.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::client::{self, Complaints};
use super::source::lend;
use super::{says_damaged, words};
use crate::config::Cluster;
use crate::config::settings::For;
use crate::engine::record::Record;

/// The client asks for a name although no group is joined under it.
const GROUP: &str = "tamis-scan";

/// One question to the brokers.
const ASK: Duration = Duration::from_secs(5);

/// How long brokers that do not answer are tried, and how long a partition may say nothing.
const REACH: Duration = Duration::from_secs(20);

/// What to read.
pub struct Sample<'a> {
    /// The topic.
    pub topic: &'a str,
    /// Most records, of all partitions together; at least 1.
    pub limit: u64,
    /// Which of them.
    pub begin: Begin,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At the first records that the topic still has.
    Beginning,
    /// So far from its end that what is asked for is the latest.
    End,
}

/// What is read of one partition: offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    from: i64,
    end: i64,
    done: bool,
}

/// Reads the sample record by record. An error says in words what the brokers say; it holds nothing of a record.
pub fn read(cluster: &Cluster, sample: &Sample<'_>, each: &mut dyn FnMut(&Record<'_>)) -> Result<(), String> {
    let complaints = Complaints::default();
    let mut settings = client::base(cluster, Some(For::Consumer), &[], tracing::Level::ERROR);
    settings
        .set("group.id", GROUP)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true")
        .set("enable.partition.eof", "true");
    let consumer: BaseConsumer<Complaints> =
        settings.create_with_context(complaints.clone()).map_err(|error| match error {
            // The library's own words may quote the value, which may be a secret.
            KafkaError::ClientConfig(_, _, name, _) => format!("the Kafka client does not take the value of {name}"),
            error => words(&error),
        })?;
    let ranges = ranges(&consumer, cluster, sample.topic, &complaints)?;
    let mut parts = spread(&ranges, sample.limit, sample.begin);
    let mut list = TopicPartitionList::new();
    for (number, part) in (0..).zip(&parts).filter(|(_, part)| !part.done) {
        let added = list.add_partition_offset(sample.topic, number, Offset::Offset(part.from));
        added.map_err(|error| words(&error))?;
    }
    consumer.assign(&list).map_err(|error| words(&error))?;
    let (mut left, mut heard) = (sample.limit, Instant::now());
    while left > 0 && parts.iter().any(|part| !part.done) {
        match consumer.poll(Duration::from_millis(100)) {
            None if heard.elapsed() > REACH => {
                let explained = complaints.explained(&cluster.brokers);
                return Err(explained.unwrap_or_else(|| "the brokers send nothing more".to_owned()));
            }
            None => continue,
            Some(Ok(message)) => {
                let part = usize::try_from(message.partition()).ok().and_then(|number| parts.get_mut(number));
                let Some(part) = part.filter(|part| !part.done) else { continue };
                part.done = message.offset() + 1 >= part.end;
                if message.offset() < part.end {
                    // Headers that cannot be read leave the value what it is.
                    lend(&message, |record, _| each(record));
                    left -= 1;
                }
            }
            Some(Err(KafkaError::PartitionEOF(number))) => {
                if let Some(part) = usize::try_from(number).ok().and_then(|number| parts.get_mut(number)) {
                    part.done = true;
                }
            }
            Some(Err(error)) => match error.rdkafka_error_code() {
                // Whether we may use a group does not matter: none is used.
                Some(Code::GroupAuthorizationFailed) => continue,
                Some(Code::TopicAuthorizationFailed) => {
                    return Err("reading it is not allowed: grant Read on it".to_owned());
                }
                Some(code) if says_damaged(code) => return Err("records of it fail their checksum".to_owned()),
                Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                    return Err("records were deleted while they were to be read: try again".to_owned());
                }
                _ if heard.elapsed() > REACH => return Err(words(&error)),
                // The client goes on trying by itself.
                _ => continue,
            },
        }
        heard = Instant::now();
    }
    Ok(())
}

/// First and next offset of each partition.
fn ranges(
    consumer: &BaseConsumer<Complaints>,
    cluster: &Cluster,
    topic: &str,
    complaints: &Complaints,
) -> Result<Vec<(i64, i64)>, String> {
    let started = Instant::now();
    loop {
        let asked = consumer.fetch_metadata(Some(topic), ASK).and_then(|metadata| {
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            match found.and_then(|found| found.error()).map(Code::from) {
                Some(code) => Err(KafkaError::MetadataFetch(code)),
                None => Ok(found.map_or(0, |found| found.partitions().len())),
            }
        });
        let ranges = asked.and_then(|count| {
            let range = |number| consumer.fetch_watermarks(topic, i32::try_from(number).unwrap_or(i32::MAX), ASK);
            (0..count).map(range).collect::<Result<Vec<_>, _>>()
        });
        let error = match ranges {
            Ok(ranges) if !ranges.is_empty() => return Ok(ranges),
            Ok(_) => KafkaError::MetadataFetch(Code::UnknownTopicOrPartition),
            Err(error) => error,
        };
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Err("there is no such topic".to_owned()),
            Some(Code::TopicAuthorizationFailed) => {
                return Err("looking at it is not allowed: grant Read on it".to_owned());
            }
            _ => {}
        }
        // Complaints are told one a poll.
        consumer.poll(Duration::from_millis(200));
        if complaints.hopeless() || started.elapsed() > REACH {
            return Err(complaints.explained(&cluster.brokers).unwrap_or_else(|| words(&error)));
        }
    }
}

/// Spreads the limit over the partitions: as even as they allow, and all of it where there are so many records.
fn spread(ranges: &[(i64, i64)], limit: u64, begin: Begin) -> Vec<Part> {
    let lengths: Vec<u64> =
        ranges.iter().map(|(low, high)| u64::try_from(high.saturating_sub(*low)).unwrap_or(0)).collect();
    // Short partitions leave their share to the longer ones.
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|number| lengths.get(*number).copied());
    let mut shares = vec![0; lengths.len()];
    let mut left = limit;
    for (at, number) in order.iter().enumerate() {
        let fair = left.div_ceil((order.len() - at) as u64);
        let share = lengths[*number].min(fair);
        shares[*number] = share;
        left -= share;
    }
    ranges
        .iter()
        .zip(shares)
        .map(|(&(low, high), share)| {
            let share = i64::try_from(share).unwrap_or(i64::MAX);
            match begin {
                Begin::Beginning => Part { from: low, end: low.saturating_add(share).min(high), done: share == 0 },
                Begin::End => Part { from: high.saturating_sub(share).max(low), end: high, done: share == 0 },
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(ranges: &[(i64, i64)], limit: u64, begin: Begin) -> Vec<(i64, i64)> {
        spread(ranges, limit, begin).iter().map(|part| (part.from, part.end)).collect()
    }

    #[test]
    fn the_limit_is_spread_and_short_partitions_leave_their_share() {
        let ranges = [(0, 100), (50, 53), (7, 7), (0, 1000)];
        assert_eq!(spans(&ranges, 43, Begin::End), [(80, 100), (50, 53), (7, 7), (980, 1000)]);
        assert_eq!(spans(&ranges, 43, Begin::Beginning), [(0, 20), (50, 53), (7, 7), (0, 20)]);
        assert_eq!(spans(&ranges, 5000, Begin::End), [(0, 100), (50, 53), (7, 7), (0, 1000)]);
        assert_eq!(spans(&ranges, 1, Begin::End), [(100, 100), (52, 53), (7, 7), (1000, 1000)]);
    }

    #[test]
    fn partitions_without_a_share_are_done() {
        assert!(spread(&[(3, 3)], 10, Begin::End).iter().all(|part| part.done));
    }
}
