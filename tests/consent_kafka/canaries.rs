//! Records of the consent topic that cannot be read are full of what must not leave: nothing of them is in logs at their
//! loudest (the client library's lines among them), in metrics, in `/readyz` and in what leaves.

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use crate::broker::{shared, turn};
use crate::deploy::{Deployment, Event, SOON, choice};
use crate::hunt::{CANARY, found_in, quiet};
use crate::wait::wait;

/// Records that cannot be read, each wrong in a way of its own: key, value, and the reason that is given.
fn records() -> Vec<(String, Vec<u8>, &'static str)> {
    let good = choice(CANARY, CANARY, &["ads.profile"], "granted", "").1;
    let with = |from: &str, to: &str| {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from} is in it");
        changed.into_bytes()
    };
    let subject = format!("\"subject\":{{\"account\":\"{CANARY}\"}}");
    let id = format!("\"id\":\"{CANARY}\"");
    let mut broken = with("\"form\"", "\"fo?rm\"");
    if let Some(byte) = broken.iter_mut().find(|byte| **byte == b'?') {
        *byte = 0xff;
    }
    let all: Vec<(Vec<u8>, &str)> = vec![
        (CANARY.as_bytes().to_vec(), "invalid_json"),
        (good.as_bytes()[..good.len() - 9].to_vec(), "invalid_json"),
        (broken, "not_utf8"),
        (with("\"form\"", &format!("\"{}\"", CANARY.repeat(4_000))), "too_large"),
        (format!("[{good},\"{CANARY}\"]").into_bytes(), "shape"),
        (format!("\"{CANARY}\"").into_bytes(), "shape"),
        (with(&id, &format!("{id},{id}")), "duplicate"),
        (with(&id, &format!("{id},\"{CANARY}\":\"{CANARY}\"")), "unknown_member"),
        (with(&format!(",{subject}"), ""), "missing"),
        (with("\"v\":1", &format!("\"v\":\"{CANARY}\"")), "version"),
        (with(&subject, &format!("\"subject\":\"{CANARY}\"")), "subject"),
        (with(&subject, &format!("\"subject\":{{\"{CANARY}\":\"{CANARY}\"}}")), "subject"),
        (with("ads.profile", CANARY), "purpose"),
        (with("granted", CANARY), "stance"),
        (with("\"at\":\"", &format!("\"at\":\"{CANARY}")), "time"),
        (with("\"ms\"", &format!("\"{CANARY}\"")), "precision"),
        (with("\"form\"", &format!("[\"{CANARY}\"]")), "source"),
        (with("\"source\"", &format!("\"age_band\":\"{CANARY}\",\"source\"")), "age_band"),
        (with("\"source\"", &format!("\"guardian\":\"{CANARY}\",\"source\"")), "guardian"),
        (with("\"source\"", &format!("\"overrides\":[\"{CANARY}\"],\"source\"")), "overrides"),
    ];
    let mut all: Vec<_> = all.into_iter().map(|(value, reason)| (CANARY.to_owned(), value, reason)).collect();
    all.push((format!("other-{CANARY}"), good.into_bytes(), "key"));
    all.push((format!("hb/{CANARY}"), format!("{{\"v\":1,\"hb\":\"{CANARY}\"}}").into_bytes(), "heartbeat"));
    all
}

#[test]
fn nothing_of_a_choice_that_cannot_be_read_is_anywhere() {
    let Some(_turn) = turn() else { return };
    let mut world = Deployment::new("canaries", shared(), 2);
    world.loud = true;
    let _heart = world.beat();
    let tamis = world.start("a", "");
    assert!(tamis.ready(SOON), "{}", quiet(&tamis.log_text()));
    let records = records();
    for (number, (key, value, reason)) in (0i32..).zip(&records) {
        let headers = OwnedHeaders::new().insert(Header { key: CANARY, value: Some(CANARY) });
        let topic = world.topic("consent");
        let record = BaseRecord::<str, [u8]>::to(&topic).partition(number % 2).key(key).payload(value).headers(headers);
        world.producer.send(record).map_err(|(error, _)| error).unwrap();
        // One at a time: of many in a second only the first is said.
        world.flush();
        let said = || {
            let log = tamis.log_text();
            let mut lines = log.lines().filter(|line| line.contains("cannot be read; the first:"));
            lines.nth(number as usize).is_some_and(|line| line.contains(&format!(" {reason} ")))
        };
        assert!(wait(SOON, said), "{reason} was to be tried: {}", quiet(&tamis.log_text()));
    }
    // The person whom they name is denied, and comes in events, too.
    let event = |number, account: &str| Event {
        number,
        account: Some(account.to_owned()),
        device: "d".to_owned(),
        gpc: number == 2,
    };
    world.events([event(1, CANARY), event(2, CANARY), event(3, "u-1")]);
    world.settles_at("stats", &[3], &tamis);
    world.settles_at("ads", &[3], &tamis);

    let page = |page: &str| tamis.get(page).map(|(_, text)| text).unwrap_or_default();
    let (metrics, ready) = (page("/metrics"), page("/readyz"));
    let unread = ["unreadable_denied", "unattributable"]
        .map(|result| tamis.sum(&format!("tamis_consent_choices_total{{result=\"{result}\"}}")));
    assert!(unread[0] > 10.0 && unread[0] + unread[1] == records.len() as f64, "{unread:?}");
    let log = tamis.log_text();
    assert!(log.contains("librdkafka") || log.contains("facility"), "its lines are among them");
    let everything = |which: &str| world.kcat(which, "read_uncommitted", "%k %h %s\n").join("\n");
    assert!(found_in(&everything("consent")).is_some(), "the hunt finds them where they are");
    for (place, text) in [
        ("the log", log),
        ("the metrics", metrics),
        ("readyz", ready),
        ("an output", everything("stats") + &everything("ads")),
    ] {
        assert_eq!(found_in(&text), None, "in {place}");
    }
    tamis.terminate();
    let log = std::fs::read_to_string(world.file("a.log")).unwrap();
    assert_eq!(found_in(&log), None, "in the last words");
}
