//! Records that cannot be processed are full of what must not leave: nothing of them is in what leaves, in notes, in
//! logs at their loudest (the client library's lines among them), in metrics and in `/readyz`.

use std::process::Command;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::broker::{shared, turn};
use crate::hunt::{CANARY, base64, found_in, quiet};
use crate::offsets::get;
use crate::wait::wait;
use crate::world::World;

const SOON: Duration = Duration::from_secs(120);

const POLICY: &str = "tamis: 1\npolicy: canaries\ninput: {topics: [NAME.in], split: '$.batch[*]', time: $.when}\n\
    law: {preset: eea-us/2026-01, country: FR}\nconsent:\n  table: none\n  gpc: {at: header.sec-gpc}\n  \
    tcf: {at: $.tcf, reader: publisher}\n  categories: {at: $.choices, map: {A: analytics.audience}}\n\
    tokens: {web: {}}\nroutes:\n  NAME.out: {requires: [security.essential], tokens: web}\nfields:\n  $.n: keep\n  \
    $.id: token\n  $.when: {round: 1m}\n  $.url: url\n  $.ip: {ip: {v4: 24, v6: 40}}\n";

/// Values of records, each wrong in a way of its own.
fn values() -> Vec<Vec<u8>> {
    let nested = format!("{{\"batch\":[{}\"{CANARY}\"{}]}}", "[".repeat(400), "]".repeat(400));
    let framed = [b"\0\0\0\0\x07", CANARY.as_bytes()].concat();
    let broken_utf8 = [b"{\"batch\":[{\"id\":\"".as_slice(), CANARY.as_bytes(), b"\xff\xfe\"}]}"].concat();
    let texts = [
        CANARY.to_owned(),
        format!("{{\"batch\":[{{\"id\":\"{CANARY}\""),
        format!("{{\"batch\":\"{CANARY}\"}}"),
        format!("{{\"{CANARY}\":[{{\"n\":1}}]}}"),
        format!("{{\"batch\":[{{\"n\":1}},\"{CANARY}\",{{\"{CANARY}\":{{\"{CANARY}\":1}}}}]}}"),
        format!("{{\"batch\":[{{\"n\":1,\"{CANARY}\":1,\"{CANARY}\":2}}]}}"),
        format!("{{\"batch\":[{{\"n\":1,\"id\":{{\"{CANARY}\":\"{CANARY}\"}},\"id\":[\"{CANARY}\"]}}]}}"),
        format!("{{\"batch\":[{{\"n\":1,\"when\":\"{CANARY}\",\"ip\":\"{CANARY}\",\"url\":\"http://[{CANARY}\"}}]}}"),
        format!("{{\"batch\":[{{\"n\":1,\"url\":\"https://{CANARY}@www.example.com/?q={CANARY}#{CANARY}\"}}]}}"),
        format!(
            "{{\"batch\":[{{\"n\":1,\"tcf\":\"{CANARY}\",\"choices\":{{\"A\":\"{CANARY}\",\"{CANARY}\":true}}}}]}}"
        ),
        format!("{{\"batch\":[{{\"n\":1,\"tcf\":[\"{CANARY}\"],\"choices\":\"{CANARY}\"}}]}}"),
        format!("{{\"batch\":[{{\"n\":1,\"id\":\"\\ud800{CANARY}\"}}]}}"),
        format!("{{\"batch\":[{{\"n\":1}}]}} {CANARY}"),
        nested,
    ];
    let mut all: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    all.extend([framed, broken_utf8]);
    all
}

/// Everything of every record of a topic, as a reader that is not ours shows it.
fn all_of(world: &World, topic: &str) -> String {
    let out = Command::new("kcat")
        .args(["-C", "-b", &world.output, "-t", &world.topic(topic), "-o", "beginning", "-e", "-q", "-m", "60"])
        .args(["-f", "%T %k %h %s\n", "-X", "isolation.level=read_uncommitted"])
        .output()
        .unwrap();
    assert!(out.status.success(), "kcat: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn nothing_of_a_record_that_cannot_be_processed_is_anywhere() {
    let Some(_turn) = turn() else { return };
    // The output refuses old records, so that the client library has something to say of one, too.
    let settings = [("message.timestamp.before.max.ms", "3600000")];
    let mut world = World::across("canaries", shared(), shared(), "exactly_once", &settings);
    world.loud = true;
    std::fs::write(world.file("policy.yaml"), POLICY.replace("NAME", &world.name)).unwrap();

    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &world.input).create().unwrap();
    let topic = world.topic("in");
    let values = values();
    let old = format!("{{\"batch\":[{{\"n\":1,\"id\":\"{CANARY}\"}}]}}");
    let last = "{\"batch\":[{\"n\":424242}]}";
    let mut records: Vec<(&[u8], Option<i64>)> = values.iter().map(|value| (value.as_slice(), None)).collect();
    records.push((old.as_bytes(), Some(1_577_836_800_000)));
    records.push((last.as_bytes(), None));
    for (value, timestamp) in &records {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "sec-gpc", value: Some(CANARY) })
            .insert(Header { key: CANARY, value: Some(CANARY) });
        let mut record = BaseRecord::<str, [u8]>::to(&topic).partition(0).key(CANARY).payload(value).headers(headers);
        record.timestamp = *timestamp;
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
    assert!(found_in(&all_of(&world, "in")).is_some(), "the hunt finds them where they are");
    assert!(found_in(&format!("x {} y", base64(format!("ab{CANARY}yz").as_bytes()))).is_some());

    let tamis = world.start("a", "");
    assert!(wait(SOON, || all_of(&world, "out").contains("424242")), "{}", quiet(&tamis.log_text()));
    let notes = all_of(&world, "quarantine");
    for reason in ["invalid_json", "framed_value", "too_deep", "shape", "refused"] {
        assert!(notes.contains(&format!("\"reason\":\"{reason}\"")), "{reason} was to be tried: {notes}");
    }
    let (metrics, ready) = (get(&tamis, "/metrics"), get(&tamis, "/readyz"));
    assert!(metrics.contains("tamis_quarantined_total"));
    let log = tamis.log_text();
    assert!(log.contains("librdkafka") || log.contains("facility"), "its lines are among them");
    for (place, text) in [
        ("the output", all_of(&world, "out")),
        ("the notes", notes),
        ("the metrics", metrics),
        ("readyz", ready),
        ("the log", log),
    ] {
        assert_eq!(found_in(&text), None, "in {place}");
    }
    tamis.terminate();
    assert_eq!(found_in(&world.log("a")), None, "in the last words");
}
