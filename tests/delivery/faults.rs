//! What one bad record, or one bad neighbour, does to the rest: nothing.

use std::time::Duration;

use crate::broker::{shared, turn};
use crate::process::Tamis;
use crate::wait::wait;
use crate::world::{Feeder, World, write};

const SOON: Duration = Duration::from_secs(180);

/// The output topic refuses records older than an hour; nothing that could be checked before producing.
const YOUNG: &[(&str, &str)] = &[("message.timestamp.before.max.ms", "3600000")];

/// Writes 1,000 events to partition 0; those of the list are of long ago.
fn write_with_old(world: &World, old: &[u64]) {
    let value = |number| format!("{{\"n\":{number},\"name\":\"Ada Example\"}}");
    let values: Vec<String> = (0..1_000).map(value).collect();
    let at = |number: u64| old.contains(&number).then_some(1_577_836_800_000);
    let records: Vec<(&str, Option<i64>)> =
        values.iter().zip(0..).map(|(value, number)| (value.as_str(), at(number))).collect();
    write(&world.input, &world.topic("in"), &records);
}

fn all_but(bad: &[u64]) -> Vec<u64> {
    (0..1_000).filter(|number| !bad.contains(number)).collect()
}

/// Waits until these offsets of partition 0, and no others, are in quarantine for this reason.
fn quarantined(world: &World, tamis: &Tamis, bad: &[u64], reasons: &[&str]) {
    let notes = || world.kcat(&world.topic("quarantine"), "read_committed");
    assert!(wait(SOON, || notes().len() >= bad.len()), "{:?}\n{}", notes(), tamis.log_text());
    for ((_, note), bad) in notes().iter().zip(bad) {
        assert!(note.contains(&format!("\"partition\":0,\"offset\":{bad},")), "{note}");
        assert!(reasons.iter().any(|reason| note.contains(&format!("\"reason\":\"{reason}\""))), "{note}");
        assert!(!note.contains("Ada"), "a note has no values");
    }
    assert_eq!(notes().len(), bad.len());
}

#[test]
fn records_that_the_broker_refuses_are_quarantined_alone_wherever_they_stand() {
    let Some(_turn) = turn() else { return };
    // One: the broker's reason is that of the record. Two in one batch: the client calls both InvalidRecord.
    for bad in [&[700][..], &[430, 431], &[120, 333, 999]] {
        let world = World::across("refused", shared(), shared(), "exactly_once", YOUNG);
        write_with_old(&world, bad);
        let tamis = world.start("a", "");
        quarantined(&world, &tamis, bad, &["refused"]);
        let out = || world.numbers("out", "read_committed").remove(&0).unwrap_or_default();
        assert!(wait(SOON, || out() == all_but(bad)), "{}", tamis.log_text());
        assert!(tamis.log_text().contains("goes to quarantine by its coordinates"), "{}", tamis.log_text());
        tamis.terminate();
    }
}

#[test]
fn at_least_once_a_refused_record_does_not_flood_the_lake() {
    let Some(_turn) = turn() else { return };
    let bad = [333, 700];
    let world = World::across("flood", shared(), shared(), "at_least_once", YOUNG);
    write_with_old(&world, &bad);
    let tamis = world.start("a", "");
    quarantined(&world, &tamis, &bad, &["refused"]);
    let out = || world.numbers("out", "read_committed").remove(&0).unwrap_or_default();
    let distinct = || out().into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    assert!(wait(SOON, || distinct() == all_but(&bad)), "{}", tamis.log_text());
    std::thread::sleep(Duration::from_secs(2));
    // Other batches of a refused transaction were taken: each try of the search may write them once more.
    assert!(out().len() < 20 * 1_000, "{} records for 998 events", out().len());
    tamis.terminate();
}

#[test]
fn a_compacted_output_takes_all_that_have_a_key_when_some_have_none() {
    let Some(_turn) = turn() else { return };
    let world = World::across("compacted", shared(), shared(), "exactly_once", &[("cleanup.policy", "compact")]);
    let policy = std::fs::read_to_string(world.file("policy.yaml")).unwrap();
    let keyed = policy
        .replace("routes:\n", "tokens: {web: {}}\nroutes:\n")
        .replace("requires: [security.essential]\n", "requires: [security.essential]\n    tokens: web\n")
        + "record: {key: {token: $.uid}, partition: same}\n";
    std::fs::write(world.file("policy.yaml"), keyed).unwrap();
    let bad = [251, 252, 700];
    let values: Vec<String> = (0..1_000)
        .map(|n| if bad.contains(&n) { format!("{{\"n\":{n}}}") } else { format!("{{\"n\":{n},\"uid\":\"u-{n}\"}}") })
        .collect();
    let records: Vec<(&str, Option<i64>)> = values.iter().map(|value| (value.as_str(), None)).collect();
    write(&world.input, &world.topic("in"), &records);
    let tamis = world.start("a", "");
    // Whether the engine asks for the key or the broker does: the note says where, and the others go on.
    quarantined(&world, &tamis, &bad, &["refused"]);
    let out = || world.numbers("out", "read_committed").remove(&0).unwrap_or_default();
    assert!(wait(SOON, || out() == all_but(&bad)), "{}", tamis.log_text());
    tamis.terminate();
}

#[test]
fn a_second_process_of_the_same_name_shuts_the_first_out_and_says_so() {
    let Some(_turn) = turn() else { return };
    let events = 60_000;
    let world = World::new("fenced", shared());
    let feeder = Feeder::new(&world, 6_000);
    feeder.write(events);
    let first = world.start("a", "");
    world.wait_written(0, &first, SOON);
    // Same group, same instance, as two deployments by mistake.
    let second = world.start("a", "");
    assert!(
        first.wait_log("Give every process of a group its own `instance`", SOON)
            || first.wait_log("give every process its own `instance`", Duration::from_millis(100)),
        "{}",
        first.log_text()
    );
    std::thread::sleep(Duration::from_secs(2));
    second.kill();
    feeder.finish();
    assert_eq!(world.differs(events, SOON), None, "{}", world.log("a"));
    drop(first);
}

#[test]
fn too_much_quarantine_halts_and_the_rest_waits() {
    let Some(_turn) = turn() else { return };
    let world = World::new("breaker", shared());
    let bad: Vec<(&str, Option<i64>)> = vec![("{not json", None); 300];
    write(&world.input, &world.topic("in"), &bad);
    let tamis = world.start("a", "");
    assert!(tamis.wait_log("halted: too many events went to quarantine", SOON), "{}", tamis.log_text());
    let notes = world.kcat(&world.topic("quarantine"), "read_committed").len();
    write(&world.input, &world.topic("in"), &[("{\"n\":0}", None), ("{\"n\":4}", None)]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.numbers("out", "read_committed").len(), 0, "it must wait");
    assert!(tamis.terminate() < Duration::from_secs(10));

    // A restart lifts the halt; what came after the bad ones is read.
    let tamis = world.start("a", "");
    assert!(wait(SOON, || world.numbers("out", "read_committed").get(&0) == Some(&vec![0, 4])), "{}", tamis.log_text());
    let after = world.kcat(&world.topic("quarantine"), "read_committed").len();
    assert!(notes >= 100 && after == 300, "{notes} notes, then {after}");
}
