//! The yardstick for Kafka to Kafka: fills a topic, and copies it exactly once with a plain loop.
//!
//!     cargo run --release --example kafka_yardstick -- fill BROKERS TOPIC PARTITIONS EVENTS
//!     cargo run --release --example kafka_yardstick -- copy BROKERS FROM TO EVENTS [INTERVAL_MS]
//!     cargo run --release --example kafka_yardstick -- topic BROKERS TOPIC PARTITIONS
//!     cargo run --release --example kafka_yardstick -- watch ADMIN EVENTS SECONDS
//!
//! `fill` takes events per second as a fifth argument; such a topic forgets what is older than 300 MB per partition.
//! `watch` reads `/metrics` of a `tamis run` until it has committed so many records or the time is over. `copy` reads, writes and commits as `tamis run` does with one worker: same client settings, same transactions, same
//! way to wait for the broker. It decides nothing, so what `tamis run` is slower by is the price of deciding. Prints one
//! JSON line. `scripts/bench-kafka` runs both.

#![allow(clippy::print_stdout, reason = "a program")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["topic", brokers, topic, partitions] => create(brokers, topic, partitions.parse()?),
        ["fill", brokers, topic, partitions, events] => {
            create(brokers, topic, partitions.parse()?)?;
            fill(brokers, topic, partitions.parse()?, events.parse()?, u64::MAX)
        }
        ["fill", brokers, topic, partitions, events, rate] => {
            fill(brokers, topic, partitions.parse()?, events.parse()?, rate.parse()?)
        }
        ["watch", admin, events, seconds] => watch(admin, events.parse()?, Duration::from_secs(seconds.parse()?)),
        ["copy", brokers, from, to, events] => copy(brokers, from, to, events.parse()?, 100),
        ["copy", brokers, from, to, events, interval] => copy(brokers, from, to, events.parse()?, interval.parse()?),
        _ => bail!(
            "fill BROKERS TOPIC PARTITIONS EVENTS | copy BROKERS FROM TO EVENTS [MS] | topic BROKERS TOPIC PARTITIONS"
        ),
    }
}

fn create(brokers: &str, topic: &str, partitions: i32) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    let topics = [NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
        .set("retention.bytes", "300000000")
        .set("segment.bytes", "50000000")];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for result in runtime.block_on(admin.create_topics(&topics, &AdminOptions::new()))? {
        if let Err((topic, code)) = result {
            bail!("cannot create {topic}: {code}");
        }
    }
    Ok(())
}

/// Made-up events of a shop, Segment-like, about 1.7 KB; the same for the same number.
fn event(number: u64, out: &mut String) {
    use std::fmt::Write as _;
    let mut seed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0xD1B5_4A32_D192_ED03);
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let (user, device) = (random(50_000), random(1 << 40));
    let products: String = (0..4)
        .map(|i| {
            let separator = if i == 0 { "" } else { "," };
            format!(
                r#"{separator}{{"product_id":"p-{}","sku":"SKU-{}","name":"Made-up product {}","category":"Games","brand":"Example","price":{}.99,"quantity":{},"url":"https://shop.example.com/p/{}?utm_source=mail","position":{i}}}"#,
                random(9_000), random(90_000), random(500), random(400), 1 + random(4), random(9_000)
            )
        })
        .collect();
    out.clear();
    let _ = write!(
        out,
        r#"{{"type":"track","event":"Order Completed","messageId":"m-{number:012}","n":{number},"userId":"u-{user}","anonymousId":"{device:016x}","timestamp":"2026-11-{:02}T{:02}:{:02}:{:02}.{:03}Z","context":{{"active":true,"ip":"192.0.2.{}","locale":"en-US","timezone":"Europe/Paris","userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36","geo":{{"country":"FR"}},"consent":{{"categoryPreferences":{{"Analytics":true,"Advertising":false}}}},"page":{{"path":"/checkout/done","referrer":"https://www.example.org/search?q=shoes","search":"?order={}","title":"Thank you","url":"https://shop.example.com/checkout/done?order={}&page=3&email=user{user}%40example.com"}},"library":{{"name":"analytics.js","version":"4.1.0"}},"campaign":{{"name":"autumn","source":"newsletter","medium":"mail","term":"{}"}}}},"traits":{{"email":"user{user}@example.com","firstName":"Ada","lastName":"Example","phone":"+3361234{:04}"}},"properties":{{"order_id":"o-{}","total":{}.5,"revenue":{}.25,"shipping":3,"tax":2.1,"discount":0,"coupon":"none","currency":"EUR","value":{},"products":[{products}]}},"integrations":{{"All":true}}}}"#,
        1 + random(28),
        random(24),
        random(60),
        random(60),
        random(1000),
        random(255),
        random(1 << 30),
        random(1 << 30),
        random(1000),
        random(10_000),
        random(1 << 30),
        random(900),
        random(900),
        random(1000)
    );
}

fn fill(brokers: &str, topic: &str, partitions: i32, events: u64, rate: u64) -> Result<()> {
    let started = Instant::now();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("batch.size", "1000000")
        .set("delivery.report.only.error", "true")
        .create()?;
    let (mut value, mut bytes) = (String::new(), 0);
    for number in 0..events {
        let due = Duration::from_micros(number.saturating_mul(1_000_000) / rate);
        if number % 100 == 0 && started.elapsed() < due {
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
        event(number, &mut value);
        bytes += value.len();
        let partition = i32::try_from(number % u64::try_from(partitions)?)?;
        let mut record = BaseRecord::<(), str>::to(topic).partition(partition).payload(&value);
        while let Err((error, back)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(rdkafka::error::RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            producer.poll(Duration::from_millis(5));
            record = back;
        }
    }
    producer.flush(Duration::from_secs(120))?;
    println!("{{\"filled\":{events},\"bytes\":{bytes}}}");
    Ok(())
}

fn copy(brokers: &str, from: &str, to: &str, events: u64, interval_ms: u64) -> Result<()> {
    let mut producer = ClientConfig::new();
    producer
        .set("bootstrap.servers", brokers)
        .set("transactional.id", format!("yardstick-{to}"))
        .set("linger.ms", "5")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.messages", "1000000")
        .set("queue.buffering.max.kbytes", "131072")
        .set("delivery.report.only.error", "true");
    for pair in std::env::var("YARDSTICK_PRODUCER").unwrap_or_default().split_whitespace() {
        let (name, value) = pair.split_once('=').context("NAME=VALUE")?;
        producer.set(name, value);
    }
    let producer: BaseProducer = producer.create()?;
    producer.init_transactions(Duration::from_secs(30))?;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", format!("yardstick-{to}"))
        .set("group.instance.id", "yardstick")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "roundrobin")
        .set("fetch.queue.backoff.ms", "10")
        .set("queued.max.messages.kbytes", "32768")
        .create()?;
    consumer.subscribe(&[from])?;
    let interval = Duration::from_millis(interval_ms);
    let (mut copied, mut commits, mut started) = (0, Vec::new(), None);
    while copied < events {
        let mut opened: Option<Instant> = None;
        let mut offsets = TopicPartitionList::new();
        let mut next = [0i64; 1024];
        loop {
            let wait = opened.map_or(interval, |at| interval.saturating_sub(at.elapsed()));
            let message = consumer.poll(if opened.is_some() {
                Duration::ZERO.max(wait.min(Duration::from_millis(1)))
            } else {
                wait
            });
            if let Some(message) = message {
                let message = message?;
                if opened.is_none() {
                    producer.begin_transaction()?;
                    opened = Some(Instant::now());
                }
                let mut record = BaseRecord::<[u8], [u8]>::to(to).partition(message.partition());
                record.payload = message.payload();
                while let Err((error, back)) = producer.send(record) {
                    if error.rdkafka_error_code() != Some(rdkafka::error::RDKafkaErrorCode::QueueFull) {
                        return Err(error.into());
                    }
                    producer.poll(Duration::ZERO);
                    std::thread::sleep(Duration::from_micros(200));
                    record = back;
                }
                next[usize::try_from(message.partition())?] = message.offset() + 1;
                copied += 1;
            }
            if copied == events || opened.is_some_and(|at| at.elapsed() >= interval) {
                break;
            }
        }
        for (partition, next) in next.iter().enumerate().filter(|(_, next)| **next > 0) {
            offsets.add_partition_offset(from, i32::try_from(partition)?, Offset::Offset(*next))?;
        }
        let at = Instant::now();
        loop {
            let _ = producer.flush(Duration::ZERO);
            producer.poll(Duration::ZERO);
            if producer.in_flight_count() == 0 {
                break;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        let group = consumer.group_metadata().context("no group")?;
        producer.send_offsets_to_transaction(&offsets, &group, Duration::from_secs(30))?;
        producer.commit_transaction(Duration::from_secs(30))?;
        commits.push(at.elapsed());
        // As `watch` does it: from the first commit, and without what came in it.
        started.get_or_insert((Instant::now(), copied));
    }
    let (first, before) = started.context("nothing to copy")?;
    let seconds = first.elapsed().as_secs_f64();
    commits.sort();
    let (cpu, rss) = usage()?;
    let p50 = commits.get(commits.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e3;
    let rate = (copied - before) as f64 / seconds;
    println!(
        "{{\"events\":{copied},\"seconds\":{seconds:.3},\"events_per_second\":{rate:.0},\"cpu_seconds\":{cpu:.2},\"rss_mib\":{rss},\"transactions\":{},\"commit_p50_ms\":{p50:.1}}}",
        commits.len()
    );
    Ok(())
}

fn watch(admin: &str, events: u64, limit: Duration) -> Result<()> {
    let begun = Instant::now();
    let mut first: Option<(Instant, f64)> = None;
    loop {
        let text = metrics(admin).unwrap_or_default();
        let records = sum(&text, "tamis_records_total");
        let (at, before) =
            if records > 0.0 { *first.get_or_insert((Instant::now(), records)) } else { (Instant::now(), 0.0) };
        if records >= events as f64 || begun.elapsed() > limit {
            let seconds = at.elapsed().as_secs_f64();
            println!(
                "{{\"events\":{records},\"seconds\":{seconds:.3},\"events_per_second\":{:.0},\"cpu_seconds\":{:.2},\"rss_mib\":{:.0},\"transactions\":{},\"aborted\":{}}}",
                (records - before) / seconds,
                sum(&text, "process_cpu_seconds_total"),
                sum(&text, "process_resident_memory_bytes") / 1_048_576.0,
                sum(&text, "tamis_transactions_total{result=\"committed\"}"),
                sum(&text, "tamis_transactions_total{result=\"aborted\"}"),
            );
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn metrics(admin: &str) -> Result<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(admin)?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// The sum of all series that begin so.
fn sum(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// CPU seconds and resident MiB of this process.
fn usage() -> Result<(f64, u64)> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("stat")?.split_whitespace().collect();
    let ticks: f64 =
        fields.get(11).context("utime")?.parse::<f64>()? + fields.get(12).context("stime")?.parse::<f64>()?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok((ticks / 100.0, rss.trim().trim_end_matches(" kB").trim().parse::<u64>()? / 1024))
}
