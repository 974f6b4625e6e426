//! A table that cannot be asked: partitions wait, nothing is guessed, and on recovery nothing is lost or doubled.

use std::time::Duration;

use crate::broker::{Broker, shared, turn};
use crate::deploy::{Deployment, Event, SOON, choice};
use crate::process::Tamis;
use crate::wait::wait;

const STALE: &str = "tamis_halted{reason=\"consent_stale\"}";

fn event(number: u64) -> Event {
    Event { number, account: Some(format!("u-{}", number % 50)), device: format!("d-{number}"), gpc: false }
}

fn withdrawal(account: u64) -> (String, String) {
    choice(&format!("w-{account}"), &format!("u-{account}"), &["ads.profile"], "withdrawn", "")
}

fn says(tamis: &Tamis, words: &str) -> bool {
    wait(SOON, || tamis.get("/readyz").is_some_and(|(status, text)| status == 503 && text.contains(words)))
}

fn halted(tamis: &Tamis) -> bool {
    wait(SOON, || tamis.sum(STALE) == 1.0)
}

#[test]
fn without_heartbeats_and_without_a_broker_partitions_wait_and_go_on() {
    let Some(_turn) = turn() else { return };
    let mut broker = Broker::start("halting");
    let world = Deployment::new("halting", &broker.address, 2);
    let heart = world.beat();
    let tamis = world.start("a", "");
    world.events((0..500).map(event));
    let mut open: Vec<u64> = (0..500).collect();
    world.settles_at("ads", &open, &tamis);
    assert!(tamis.ready(SOON), "{}", tamis.log_text());

    // The writer of the topic falls silent; a withdrawal gets through, as it may from a writer that is cut off.
    drop(heart);
    assert!(halted(&tamis), "{}", tamis.log_text());
    assert!(says(&tamis, "has had no heartbeat for longer than consent.max_staleness"));
    world.events((500..1_000).map(event));
    world.choices(&[withdrawal(7)]);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(world.numbers("ads"), open, "it must wait");
    let heart = world.beat();
    open.extend((500..1_000).filter(|number| number % 50 != 7));
    world.settles_at("ads", &open, &tamis);
    assert_eq!(world.numbers("stats"), (0..1_000).collect::<Vec<_>>());
    assert!(tamis.ready(SOON) && tamis.sum(STALE) == 0.0);

    // The broker of the topic dies.
    broker.kill();
    assert!(halted(&tamis), "{}", tamis.log_text());
    assert!(says(&tamis, "has had no heartbeat for longer than consent.max_staleness"));
    broker.restart();
    world.choices(&[withdrawal(8)]);
    world.events((1_000..1_500).map(event));
    let back = || tamis.sum(STALE) == 0.0;
    assert!(wait(SOON, back), "{}", tamis.log_text());
    world.settles_at("stats", &(0..1_500).collect::<Vec<_>>(), &tamis);
    open.extend((1_000..1_500).filter(|number| ![7, 8].contains(&(number % 50))));
    world.settles_at("ads", &open, &tamis);
    assert!(tamis.ready(SOON) && tamis.sum("tamis_conservation_error") == 0.0);
    tamis.terminate();
    drop(heart);
}

#[test]
fn a_cold_start_writes_nothing_before_the_topic_is_read_to_its_end() {
    let Some(_turn) = turn() else { return };
    let world = Deployment::new("cold", shared(), 2);
    // In the United States silence is no refusal: whoever decides before the last record is read, decides wrongly.
    world.events((0..2_000).map(event));
    let crowd: Vec<_> =
        (0..20_000).map(|n| choice(&format!("c-{n}"), &format!("x-{n}"), &["x.news"], "denied", "")).collect();
    world.choices(&crowd);
    world.choices(&(0..50).filter(|account| account % 2 == 0).map(withdrawal).collect::<Vec<_>>());
    let tamis = world.start("a", "");
    assert!(says(&tamis, "policy site is halted"), "{}", tamis.log_text());
    // Read to the end, and never a heartbeat: not ready either.
    assert!(halted(&tamis), "{}", tamis.log_text());
    assert!(tamis.log_text().contains("reason=consent_cold"), "{}", tamis.log_text());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!((world.numbers("ads").len(), world.numbers("stats").len()), (0, 0));
    let _heart = world.beat();
    world.settles_at("stats", &(0..2_000).collect::<Vec<_>>(), &tamis);
    world.settles_at("ads", &(0..2_000).filter(|number| number % 2 == 1).collect::<Vec<_>>(), &tamis);
    tamis.terminate();
}
