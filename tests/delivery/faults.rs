//! What one bad record, or one bad neighbour, does to the rest: nothing.

use std::time::Duration;

use crate::broker::{shared, turn};
use crate::world::{Feeder, World, wait, write};

const SOON: Duration = Duration::from_secs(180);

#[test]
fn a_record_that_the_broker_refuses_is_quarantined_alone() {
    let Some(_turn) = turn() else { return };
    // The output topic refuses records older than an hour; nothing that could be checked before producing.
    let settings = [("message.timestamp.before.max.ms", "3600000")];
    let world = World::across("refused", shared(), shared(), "exactly_once", &settings);
    let old = Some(1_577_836_800_000);
    for number in 0..1_000 {
        let poison = if number == 700 { old } else { None };
        write_number(&world, number, poison);
    }
    let tamis = world.start("a", "");
    let notes = || world.kcat(&world.topic("quarantine"), "read_committed");
    assert!(wait(SOON, || notes().len() == 1), "{}", tamis.log_text());
    let note = &notes()[0].1;
    assert!(note.contains("\"partition\":0,\"offset\":700,\"index\":null,\"reason\":\"refused\""), "{note}");
    assert!(!note.contains("Ada"), "a note has no values");
    let expected: Vec<u64> = (0..1_000).filter(|number| *number != 700).collect();
    assert!(wait(SOON, || world.numbers("out", "read_committed").get(&0) == Some(&expected)), "{}", tamis.log_text());
    assert_eq!(tamis.terminate().1, Some(0));
}

fn write_number(world: &World, number: u64, timestamp: Option<i64>) {
    thread_local! {
        static VALUES: std::cell::RefCell<Vec<(String, Option<i64>)>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    VALUES.with_borrow_mut(|values| {
        values.push((format!("{{\"n\":{number},\"name\":\"Ada Example\"}}"), timestamp));
        if values.len() == 1_000 {
            let borrowed: Vec<(&str, Option<i64>)> = values.iter().map(|(text, at)| (text.as_str(), *at)).collect();
            write(&world.input, &world.topic("in"), &borrowed);
            values.clear();
        }
    });
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
    assert!(tamis.terminate().0 < Duration::from_secs(10));

    // A restart lifts the halt; what came after the bad ones is read.
    let tamis = world.start("a", "");
    assert!(wait(SOON, || world.numbers("out", "read_committed").get(&0) == Some(&vec![0, 4])), "{}", tamis.log_text());
    let after = world.kcat(&world.topic("quarantine"), "read_committed").len();
    assert!(notes >= 100 && after == 300, "{notes} notes, then {after}");
}
