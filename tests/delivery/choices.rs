//! The explicit other choice: at-least-once delivery, also from one cluster to another.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::broker::{Broker, shared, turn};
use crate::wait::wait;
use crate::world::{Feeder, World, reached};

#[test]
fn at_least_once_across_two_clusters_loses_nothing_and_names_what_it_repeats() {
    let Some(_turn) = turn() else { return };
    let events = 20_000;
    let other = Broker::start("other");
    let world = World::across("across", shared(), &other.address, "at_least_once", &[]);
    let feeder = Feeder::new(&world, 5_000);
    feeder.write(events);
    // Killed when the outputs are acknowledged and the offsets are not committed.
    let mark = world.file("mark");
    let tamis = world.start("a", &format!("pause_before_commit=1:60000;mark={}", mark.display()));
    assert!(reached(&mark, Duration::from_secs(120)), "{}", tamis.log_text());
    tamis.kill();
    let tamis = world.start("a", "");
    feeder.finish();

    let mut ids: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let complete = wait(Duration::from_secs(180), || {
        ids.clear();
        for (_, text) in world.kcat(&world.topic("out"), "read_committed") {
            let (headers, value) = text.split_once("|{\"n\":").unwrap();
            let id = headers.split(',').find_map(|header| header.strip_prefix("tamis-event-id=")).unwrap();
            ids.entry(value.trim_end_matches('}').parse().unwrap()).or_default().push(id.to_owned());
        }
        ids.len() as u64 == events
    });
    assert!(complete, "{} of {events} events arrived: {}", ids.len(), tamis.log_text());
    let repeated: Vec<_> = ids.values().filter(|ids| ids.len() > 1).collect();
    eprintln!("at least once: {} of {events} events came twice", repeated.len());
    assert!(!repeated.is_empty(), "the kill was to make some come twice");
    assert!(ids.values().all(|ids| ids.iter().all(|id| *id == ids[0])), "an event keeps its id");
    let distinct: std::collections::BTreeSet<_> = ids.values().map(|ids| &ids[0]).collect();
    assert_eq!(distinct.len() as u64, events, "and no other has it");
    tamis.terminate();
}
