//! The place where reading goes on is gone: nothing is skipped in silence, and nothing is written again.

use std::io::{Read, Write};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::broker::{shared, turn};
use crate::process::Tamis;
use crate::wait::wait;
use crate::world::{World, write};

const SOON: Duration = Duration::from_secs(120);

fn events(world: &World, numbers: std::ops::Range<u64>) {
    let values: Vec<String> = numbers.map(|number| format!("{{\"n\":{number}}}")).collect();
    let borrowed: Vec<(&str, Option<i64>)> = values.iter().map(|value| (value.as_str(), None)).collect();
    write(&world.input, &world.topic("in"), &borrowed);
}

/// What retention does: partition 0 of the input begins at this offset.
fn delete_before(world: &World, offset: i64) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &world.input).create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let deleted = runtime.block_on(admin.delete_records(&at(world, offset), &AdminOptions::new())).unwrap();
    deleted.elements().iter().for_each(|element| element.error().unwrap());
}

/// What `kafka-consumer-groups.sh --reset-offsets` does, while no process of the group runs.
fn move_group(world: &World, offset: i64) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &world.input).set("group.id", &world.name).create().unwrap();
    // Members that stopped a moment ago are static ones: the group forgets them when their session has ended.
    let done = wait(SOON, || consumer.commit(&at(world, offset), CommitMode::Sync).is_ok());
    assert!(done, "the group's offset cannot be moved");
}

fn at(world: &World, offset: i64) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&world.topic("in"), 0, Offset::Offset(offset)).unwrap();
    list
}

fn out(world: &World) -> Vec<u64> {
    world.numbers("out", "read_committed").remove(&0).unwrap_or_default()
}

fn arrives(world: &World, tamis: &Tamis, expected: std::ops::Range<u64>) {
    let expected: Vec<u64> = expected.collect();
    assert!(wait(SOON, || out(world) == expected), "{:?}\n{}", out(world), tamis.log_text());
}

/// What the admin listener answers, header and body.
pub fn get(tamis: &Tamis, path: &str) -> String {
    let log = tamis.log_text();
    let address = log.split("admin=").nth(1).unwrap().split_whitespace().next().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: tests\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn records_deleted_before_they_were_read_halt_their_policy_until_somebody_decides() {
    let Some(_turn) = turn() else { return };
    let world = World::new("deleted", shared());
    events(&world, 0..100);
    let tamis = world.start("a", "");
    arrives(&world, &tamis, 0..100);
    tamis.terminate();

    events(&world, 100..150);
    delete_before(&world, 130);
    let tamis = world.start("a", "");
    let said = "partition 0 was read up to offset 100, and begins at 130 now: 30 records were deleted";
    assert!(tamis.wait_log(said, SOON), "{}", tamis.log_text());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(out(&world), (0..100).collect::<Vec<_>>(), "it must not go on as if nothing were missing");
    let ready = get(&tamis, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains(said), "{ready}");
    let way_out = format!("--group {0} --topic {0}.in:0 --reset-offsets --to-earliest --execute", world.name);
    assert!(ready.contains(&way_out), "{ready}");
    let metrics = get(&tamis, "/metrics");
    assert!(metrics.contains("tamis_halted{reason=\"offset_gap\"} 1"), "{metrics}");
    assert!(metrics.contains(&format!("tamis_gap_records{{topic=\"{}\"}} 30", world.topic("in"))), "{metrics}");
    tamis.terminate();

    move_group(&world, 130);
    let tamis = world.start("a", "");
    let expected: Vec<u64> = (0..100).chain(130..150).collect();
    assert!(wait(SOON, || out(&world) == expected), "{:?}\n{}", out(&world), tamis.log_text());
    tamis.terminate();
}

#[test]
fn an_offset_beyond_the_end_halts_and_nothing_is_written_again() {
    let Some(_turn) = turn() else { return };
    let world = World::new("beyond", shared());
    events(&world, 0..10);
    move_group(&world, 1_000);
    let tamis = world.start("a", "");
    let said = "partition 0 was read up to offset 1000, and ends at 10 now: the topic was made anew, or cut";
    assert!(tamis.wait_log(said, SOON), "{}", tamis.log_text());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(out(&world), [0u64; 0], "these may have been written already");
    tamis.terminate();
}

#[test]
fn a_new_group_begins_at_the_earliest_record_wherever_that_is() {
    let Some(_turn) = turn() else { return };
    let world = World::new("fresh", shared());
    events(&world, 0..20);
    delete_before(&world, 5);
    let tamis = world.start("a", "");
    arrives(&world, &tamis, 5..20);
    assert!(!tamis.log_text().contains("halted"), "{}", tamis.log_text());
    tamis.terminate();
}
