//! From the checkpoint, from the beginning, compacted or not: the same table.

use crate::broker::{shared, turn};
use crate::topic::{SOON, Table, Topic, choice};
use crate::wait::wait;

/// Choices of 300 people in three partitions, some of them twice, some in the wrong order; from `seed` on.
fn choices(seed: u64, count: u64) -> Vec<(i32, String, Option<String>)> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut below = |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % limit
    };
    let (purposes, stances) =
        (["ads.profile", "analytics.audience", "x.news"], ["granted", "denied", "withdrawn", "objected"]);
    let mut records = Vec::new();
    for number in 0..count {
        let partition = i32::try_from(below(3)).unwrap();
        let (purpose, stance) = (purposes[below(3) as usize], stances[below(4) as usize]);
        let record =
            choice(partition, &format!("c-{seed}-{number}"), below(300), purpose, stance, below(1_000_000) as i64);
        if below(10) == 0 {
            records.push(record.clone());
        }
        records.push(record);
    }
    records
}

/// What a start without a checkpoint knows.
fn cold(topic: &Topic) -> String {
    let table = topic.follow(None, 7);
    table.ready();
    table.consent().digest()
}

fn started(topic: &Topic, key: u8) -> Table {
    let table = topic.follow(Some(&topic.file()), key);
    table.ready();
    table
}

#[test]
fn a_restart_from_the_checkpoint_and_a_cold_start_give_the_same_table() {
    let Some(_turn) = turn() else { return };
    let topic = Topic::new("same", shared(), 3, &[("cleanup.policy", "compact")]);
    let _heart = topic.beat();
    topic.write(&choices(1, 3_000));
    topic.transact(&choices(2, 500), true);
    topic.transact(&choices(3, 500), false);
    let table = started(&topic, 7);
    let applied = table.sample("tamis_consent_choices_total{result=\"applied\"}");
    assert!(table.consent().subjects() == 300 && applied > 1_000.0, "{applied}");
    let first = table.stop();
    assert_eq!(first, cold(&topic));

    // While nobody follows, more arrives; the checkpoint must not hide it.
    topic.write(&choices(4, 1_000));
    topic.transact(&choices(5, 500), true);
    let table = started(&topic, 7);
    assert!(table.sample("tamis_consent_choices_total{result=\"applied\"}") < applied, "all of it was read again");
    let second = table.stop();
    assert!(second != first && second == cold(&topic));

    // A torn file is found out, and costs time only.
    let bytes = std::fs::read(topic.file()).unwrap();
    std::fs::write(topic.file(), &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(started(&topic, 7).stop(), second);
    let mut bytes = std::fs::read(topic.file()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(topic.file(), &bytes).unwrap();
    assert_eq!(started(&topic, 7).stop(), second);

    // One of another index key is of no use, and is replaced.
    let other = started(&topic, 8);
    assert_eq!(other.consent().subjects(), 300);
    assert_ne!(other.stop(), second, "other keys, other subjects");
    assert_eq!(started(&topic, 7).stop(), second);
}

#[test]
fn compaction_changes_nothing() {
    let Some(_turn) = turn() else { return };
    let settings = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("segment.ms", "500"),
        ("max.compaction.lag.ms", "1000"),
    ];
    let topic = Topic::new("compacted", shared(), 3, &settings);
    let heart = topic.beat();
    let records = choices(6, 500);
    // It follows from the beginning, so that it has read every record before any is gone.
    let table = started(&topic, 7);
    for _ in 0..4 {
        topic.write(&records);
    }
    let written = 4 * records.len();
    let read = |result: &str| table.sample(&format!("tamis_consent_choices_total{{result=\"{result}\"}}"));
    assert!(wait(SOON, || read("applied") + read("repeated") >= written as f64), "{}", read("applied"));
    let before = table.consent().digest();
    assert!(wait(SOON, || topic.count() < written - 500), "nothing was compacted: {} of {written}", topic.count());
    assert_eq!(cold(&topic), before);
    assert_eq!(table.stop(), before);
    assert_eq!(started(&topic, 7).stop(), before);
    drop(heart);
}

#[test]
fn a_topic_that_lost_records_is_read_again() {
    let Some(_turn) = turn() else { return };
    let topic = Topic::new("lost", shared(), 1, &[("retention.ms", "-1")]);
    topic.write(&[choice(0, "a", 1, "ads.profile", "denied", 5), choice(0, "b", 2, "ads.profile", "denied", 5)]);
    let heart = topic.beat();
    assert_eq!(started(&topic, 7).stop().len(), 64);
    drop(heart);
    // The next record to read is deleted before it was: what else is gone nobody can know.
    topic.write(&[choice(0, "c", 3, "ads.profile", "denied", 5), choice(0, "d", 4, "ads.profile", "denied", 5)]);
    let (_, end) = topic.ends(0);
    topic.delete_before(0, end - 1);
    let _heart = topic.beat();
    let table = started(&topic, 7);
    assert_eq!(table.consent().subjects(), 1, "only d is left");
    assert_eq!(table.stop(), cold(&topic));
}
