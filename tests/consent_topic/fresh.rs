//! May the table be asked? Not before its end, not without heartbeats, not without a broker; and then again.

use std::time::Duration;

use tamis::runtime::consent::Word;

use crate::broker::{Broker, shared, turn};
use crate::topic::{SOON, STALENESS, Topic, choice, heartbeat};

const LATER: Duration = Duration::from_secs(10);

#[test]
fn an_idle_topic_is_stale_until_every_partition_has_a_heartbeat() {
    let Some(_turn) = turn() else { return };
    let topic = Topic::new("idle", shared(), 2, &[("cleanup.policy", "compact")]);
    let table = topic.follow(None, 7);
    assert!(table.is(Word::Stale, SOON), "{:?}", table.consent().trouble());
    topic.write(&[heartbeat(0, 0)]);
    assert!(!table.is(Word::Ready, Duration::from_secs(1)), "the other partition has none");
    topic.write(&[heartbeat(1, 0)]);
    assert!(!table.is(Word::Ready, Duration::from_secs(1)), "one in the wrong partition proves nothing");
    topic.write(&[heartbeat(0, 0), heartbeat(1, 1)]);
    assert!(table.is(Word::Ready, LATER));
    assert_eq!(table.sample("tamis_consent_choices_total{result=\"misplaced\"}"), 1.0);
    // No more of them.
    assert!(table.is(Word::Stale, STALENESS + LATER));
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(table.sample("tamis_consent_ready"), 0.0);
    assert!(table.sample("tamis_consent_heartbeat_age_seconds") >= 4.0);
    let _heart = topic.beat();
    assert!(table.is(Word::Ready, LATER));
}

#[test]
fn a_broker_that_is_gone_makes_the_table_stale_and_one_that_is_back_ready() {
    let Some(_turn) = turn() else { return };
    let mut broker = Broker::start("gone");
    let topic = Topic::new("gone", &broker.address, 2, &[("cleanup.policy", "compact")]);
    let heart = topic.beat();
    topic.write(&[choice(0, "a", 1, "ads.profile", "granted", 5)]);
    let table = topic.follow(None, 7);
    table.ready();
    broker.kill();
    assert!(table.is(Word::Stale, STALENESS + LATER));
    assert_eq!(table.consent().subjects(), 1, "what is known is kept");
    broker.restart();
    table.ready();
    topic.write(&[choice(1, "b", 2, "ads.profile", "withdrawn", 6)]);
    assert!(crate::wait::wait(SOON, || table.consent().subjects() == 2));
    drop(heart);
}

#[test]
fn a_partition_that_is_added_is_read_before_anything_is_answered() {
    let Some(_turn) = turn() else { return };
    let topic = Topic::new("grown", shared(), 1, &[("cleanup.policy", "compact")]);
    let _heart = topic.beat();
    let table = topic.follow(None, 7);
    table.ready();
    topic.grow(2);
    topic.write(&[choice(1, "a", 1, "ads.profile", "denied", 5)]);
    assert!(!table.is(Word::Stale, Duration::from_millis(1)));
    assert!(table.is(Word::Stale, SOON), "the new partition has no heartbeat");
    assert_eq!(table.consent().subjects(), 1);
    topic.beat_in(2);
    assert!(table.is(Word::Ready, LATER));
}

#[test]
fn a_topic_that_is_not_there_is_cold_and_says_why() {
    let Some(_turn) = turn() else { return };
    let mut topic = Topic::new("there", shared(), 1, &[]);
    topic.name = format!("not-{}", topic.name);
    let table = topic.follow(None, 7);
    assert!(crate::wait::wait(SOON, || table.consent().trouble().as_deref() == Some("it does not exist")));
    assert_eq!(table.consent().word(), Word::Cold);
}
