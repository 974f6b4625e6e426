//! Opt-out signals that arrive with an account are remembered for it: once, in the transaction of their event.
//!
//! What is proven, and no more: one process remembers an account and signal once, however many of its events come in
//! however many partitions, and a process that is killed and started again remembers nothing twice. Two processes that
//! meet the same account before either has read what the other wrote may each write it: at most one record a process.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::asked_for;
use crate::broker::{shared, turn};
use crate::deploy::{Deployment, Event, PARTITIONS, SOON, Seeded, choice};
use crate::process::Tamis;
use crate::wait::wait;

const ACCOUNTS: u64 = 900;

const EVENTS: u64 = 2_000;

/// What Global Privacy Control denies in California.
const DENIED: [&str; 4] = ["ads.basic", "ads.measure", "ads.profile", "sale_share"];

/// Accounts whose number ends in 9 never send the signal; of the others, every third event does. Every fourth event is of
/// an account that was not there before, so that whatever transaction is killed has something to learn.
fn event(number: u64, prefix: &str) -> Event {
    let account = if number.is_multiple_of(4) { ACCOUNTS + number } else { number / 2 * 7 % ACCOUNTS };
    Event {
        number,
        account: Some(format!("{prefix}-{account}")),
        device: format!("d-{}", number % 5_000),
        gpc: account % 10 != 9 && number.is_multiple_of(3),
    }
}

/// How many records remember each account, under an isolation level.
fn remembered(world: &Deployment, isolation: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for key in world.kcat("consent", isolation, "%k\n") {
        if let Some(rest) = key.strip_prefix("learned/gpc/") {
            *counts.entry(rest.split('/').next().unwrap().to_owned()).or_default() += 1;
        }
    }
    counts
}

/// Starts an instance that stops between the acknowledged outputs and the commit of some transaction, writes events until
/// it is there, and kills it. Returns how many events there are then.
fn kill_before_commit(world: &Deployment, mut events: u64, transaction: u64) -> u64 {
    let mark = world.file(&format!("mark-{events}"));
    let tamis = world.start("a", &format!("pause_before_commit={transaction}:60000;mark={}", mark.display()));
    let began = Instant::now();
    while !mark.exists() {
        assert!(began.elapsed() < SOON, "no commit was reached: {}", tamis.log_text());
        world.events((events..events + 100).map(|number| event(number, "u")));
        events += 100;
        std::thread::sleep(Duration::from_millis(20));
    }
    tamis.kill();
    events
}

/// Offsets behind the last records of an output, committed or not.
fn written(world: &Deployment) -> usize {
    world.kcat("stats", "read_uncommitted", "%o\n").len()
}

fn closed_by_signal(tamis: &Tamis) -> f64 {
    // A process that has just been started may find that all is done, and not listen yet.
    let mut answer = None;
    wait(SOON, || {
        answer = tamis.get("/metrics");
        answer.is_some()
    });
    let openings = answer.unwrap_or_else(|| panic!("/metrics does not answer: {}", tamis.log_text())).1;
    let lines = openings.lines().filter(|line| line.starts_with("tamis_openings_total{"));
    let closed = lines.filter(|line| line.contains(".ads\"") && line.contains("reason=\"opt_out_signal\""));
    closed.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[test]
fn an_opt_out_is_remembered_once_for_its_account_through_kills() {
    let Some(_turn) = turn() else { return };
    let world = Deployment::new("learned", shared(), 2);
    let _heart = world.beat();
    let kills = asked_for("TAMIS_KILLS", 6);
    let mut seeded = Seeded(11);
    let mut events = 0;
    for kill in 0..kills {
        world.events((events..events + EVENTS).map(|number| event(number, "u")));
        events += EVENTS;
        if kill % 2 == 0 {
            // The first transactions of a process may be empty: it waits for the table.
            events = kill_before_commit(&world, events, 3 + seeded.below(4));
        } else {
            let before = written(&world);
            let tamis = world.start("a", "");
            assert!(wait(SOON, || written(&world) > before + 100), "nothing is written: {}", tamis.log_text());
            std::thread::sleep(Duration::from_millis(seeded.below(300)));
            tamis.kill();
        }
    }
    let tamis = world.start("a", "");
    world.settles_at("stats", &(0..events).collect::<Vec<_>>(), &tamis);

    let signalled: BTreeSet<String> = (0..events)
        .map(|number| event(number, "u"))
        .filter(|event| event.gpc)
        .filter_map(|event| event.account)
        .collect();
    let counts = remembered(&world, "read_committed");
    let more: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(more.is_empty(), "remembered more than once: {more:?}");
    assert_eq!(counts.len(), signalled.len(), "each account that sent the signal, and no other");
    let aborted = remembered(&world, "read_uncommitted").values().sum::<usize>() - counts.len();
    eprintln!("learned: {kills} kills, {events} events, {} accounts remembered once; aborted: {aborted}", counts.len());
    assert!(aborted > 0, "no kill hit a transaction that had learned");
    let allowed: Vec<u64> = world.numbers("ads");
    assert!(allowed.iter().all(|number| !event(*number, "u").gpc), "an event with the signal is in ads");

    // Other devices of the same accounts, without the signal.
    let before = (closed_by_signal(&tamis), events);
    let later = |number: u64| Event { gpc: false, device: format!("other-{number}"), ..event(number, "u") };
    let after = events + 2 * ACCOUNTS;
    world.events((events..after).map(later));
    world.settles_at("stats", &(0..after).collect::<Vec<_>>(), &tamis);
    let open = |number: &u64| *number >= before.1;
    let expected: Vec<u64> =
        (events..after).filter(|number| !signalled.contains(&later(*number).account.unwrap())).collect();
    let found: Vec<u64> = world.numbers("ads").into_iter().filter(open).collect();
    assert_eq!(found, expected, "only accounts that never sent it");
    let closed = (events..after).filter(|number| !expected.contains(number)).count();
    assert!(wait(SOON, || closed_by_signal(&tamis) - before.0 >= closed as f64));
    assert_eq!(closed_by_signal(&tamis) - before.0, closed as f64, "each closed as opt_out_signal");

    // Half of them choose to override it: their events are open, with the signal or without, and nothing is learned.
    let overridden: Vec<u64> = (0..ACCOUNTS).filter(|account| account % 2 == 0).collect();
    let grants: Vec<_> = overridden
        .iter()
        .map(|account| {
            let id = format!("over-{account}");
            choice(&id, &format!("u-{account}"), &DENIED, "granted", ",\"overrides\":[\"gpc\"]")
        })
        .collect();
    let applied = tamis.sum("tamis_consent_choices_total{result=\"applied\"}");
    world.choices(&grants);
    let all = || tamis.sum("tamis_consent_choices_total{result=\"applied\"}") - applied >= grants.len() as f64;
    assert!(wait(SOON, all), "the grants were not read");
    let last = after + 2 * overridden.len() as u64;
    let again = |number: u64| Event {
        account: Some(format!("u-{}", overridden[(number - after) as usize / 2])),
        gpc: number.is_multiple_of(2),
        ..event(number, "u")
    };
    world.events((after..last).map(again));
    world.settles_at("stats", &(0..last).collect::<Vec<_>>(), &tamis);
    let found: Vec<u64> = world.numbers("ads").into_iter().filter(|number| *number >= after).collect();
    assert_eq!(found, (after..last).collect::<Vec<_>>(), "the grant overrides the signal");
    assert_eq!(remembered(&world, "read_committed"), counts, "nothing was learned again");
    tamis.terminate();
}

#[test]
fn two_processes_remember_an_account_at_most_once_each() {
    let Some(_turn) = turn() else { return };
    let world = Deployment::new("two", shared(), 1);
    let _heart = world.beat();
    let (one, other) = (world.start("a", ""), world.start("b", ""));
    assert!(one.ready(SOON) && other.ready(SOON), "{}{}", one.log_text(), other.log_text());
    assert!(wait(SOON, || {
        let assigned = |tamis: &Tamis| tamis.log_text().contains("partitions assigned");
        assigned(&one) && assigned(&other)
    }));
    // Both meet each account at the same time: an account's first events are neighbours, in neighbouring partitions.
    let events = 2 * EVENTS;
    let meet =
        |number: u64| Event { gpc: true, account: Some(format!("u-{}", number / PARTITIONS)), ..event(number, "u") };
    world.events((0..events).map(meet));
    world.settles_at("stats", &(0..events).collect::<Vec<_>>(), &one);
    let counts = remembered(&world, "read_committed");
    let twice = counts.values().filter(|count| **count == 2).count();
    eprintln!("learned by two processes: {} accounts, {twice} of them by both", counts.len());
    assert_eq!(counts.len() as u64, events / PARTITIONS);
    assert!(counts.values().all(|count| *count <= 2), "{counts:?}");
    assert_eq!(world.numbers("ads"), Vec::<u64>::new(), "every event had the signal");
    one.terminate();
    other.terminate();
}
