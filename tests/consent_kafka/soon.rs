//! How soon a denial is in force: from its record in the consent topic to the first route that it closes, under load.
//!
//! p99 has to be under a second, which `TAMIS_LOAD` demands on a machine that has nothing else to do; without it only a
//! gross change for the worse is noticed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::asked_for;
use crate::broker::{shared, turn};
use crate::deploy::{Deployment, Event, SOON, choice};
use crate::wait::wait;

const SERIES: &str = "tamis_withdrawal_enforcement_seconds";

/// Withdrawals a second. Every account withdraws once, and each has an event in turn, so often that its own silence
/// counts for little: at 2,000 events a second one comes every 200 ms.
const WITHDRAWALS: u64 = 40;
const ACCOUNTS: u64 = 400;

#[test]
#[ignore = "a measurement: by hand, with TAMIS_LOAD, where nothing else runs"]
fn a_denial_is_in_force_soon_under_load() {
    let Some(_turn) = turn() else { return };
    let load = asked_for("TAMIS_LOAD", 2_000);
    let world = Deployment::new("soon", shared(), 2);
    let _heart = world.beat();
    let tamis = world.start("a", "");
    assert!(tamis.ready(SOON), "{}", tamis.log_text());
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let feeder = scope.spawn(|| {
            let (began, mut number) = (Instant::now(), 0);
            while !stop.load(Ordering::Relaxed) {
                let due = began.elapsed().as_micros() as u64 * load / 1_000_000;
                while number < due {
                    let account = Some(format!("u-{}", number % ACCOUNTS));
                    world.event(&Event { number, account, device: format!("d-{}", number % 9_000), gpc: false });
                    number += 1;
                }
                world.producer.poll(Duration::ZERO);
                std::thread::sleep(Duration::from_millis(2));
            }
            world.flush();
            (number, began.elapsed())
        });
        std::thread::sleep(Duration::from_secs(2));
        for account in 0..ACCOUNTS {
            let name = format!("u-{account}");
            let (id, value) = choice(&format!("w-{account}"), &name, &["ads.profile"], "withdrawn", "");
            // Not flushed: that would wait for the events, too, which never end.
            world.send(&world.topic("consent"), (account % 2) as i32, Some(&id), &value, false, None);
            std::thread::sleep(Duration::from_millis(1_000 / WITHDRAWALS));
        }
        // What is missing after that is told below.
        wait(Duration::from_secs(20), || tamis.sum(&format!("{SERIES}_count")) >= ACCOUNTS as f64);
        stop.store(true, Ordering::Relaxed);
        feeder.join().unwrap()
    });
    let scrape = tamis.get("/metrics").unwrap().1;
    let buckets: Vec<(f64, f64)> = scrape
        .lines()
        .filter_map(|line| {
            let (le, count) = line.strip_prefix(&format!("{SERIES}_bucket{{le=\""))?.split_once("\"} ")?;
            Some((le.parse().unwrap_or(f64::INFINITY), count.parse().ok()?))
        })
        .collect();
    let count = tamis.sum(&format!("{SERIES}_count"));
    let quantile = |share: f64| buckets.iter().find(|(_, below)| *below >= count * share).map(|(le, _)| *le).unwrap();
    let mean = tamis.sum(&format!("{SERIES}_sum")) / count;
    eprintln!(
        "{:.0} events a second for {:.0} s, {count} withdrawals: mean {mean:.3} s, p50 <= {} s, p99 <= {} s, all <= {} s",
        written.0 as f64 / written.1.as_secs_f64(),
        written.1.as_secs_f64(),
        quantile(0.5),
        quantile(0.99),
        quantile(1.0)
    );
    assert_eq!(
        count,
        ACCOUNTS as f64,
        "each withdrawal closed a route, once; {} records behind\n{}",
        tamis.sum("tamis_lag_records"),
        tamis.log_text()
    );
    // On a machine that does other things at the same time, the next event of an account may itself be late.
    let limit = if std::env::var_os("TAMIS_LOAD").is_some() { 1.0 } else { 5.0 };
    assert!(quantile(0.99) <= limit, "{buckets:?}");
    // Nobody was let through after that: the accounts are all closed now.
    let last = written.0;
    world.events((last..last + ACCOUNTS).map(|number| Event {
        number,
        account: Some(format!("u-{}", number % ACCOUNTS)),
        device: "d-0".to_owned(),
        gpc: false,
    }));
    world.settles_at("stats", &(0..last + ACCOUNTS).collect::<Vec<_>>(), &tamis);
    assert!(world.numbers("ads").iter().all(|number| *number < last));
    tamis.terminate();
}
