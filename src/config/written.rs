//! The keys of a deployment file, one function per section: as written → resolved.
//!
//! Defaults are settled here and nowhere else. A value that is wrong is reported and replaced by a default, so that the
//! rest is still read; a configuration with any problem is never handed over.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

use super::problem::{Code, Problem};
use super::reader::{Fields, Reader};
use super::settings::{self, Setting, setting};
use super::{Admin, Cluster, Config, Consent, Delivery, Log, LogFormat, Quarantine, Transaction};
use crate::engine::policy::nearest::nearest;
use crate::engine::policy::problem::Span;
use crate::engine::policy::tree::Node;

const KEYS: &[&str] = &[
    "kafka",
    "group",
    "instance",
    "policies",
    "keys",
    "delivery",
    "workers",
    "transaction",
    "consent",
    "quarantine",
    "admin",
    "log",
];

/// Where the admin listener is unless said: loopback.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// More workers than this are a typing slip: each has two clients and their buffers.
const MOST_WORKERS: usize = 256;

pub(super) fn config(reader: &mut Reader, root: &Node) -> Config {
    let start = Span { file: root.span.file, start: 0, end: 0 };
    let fields = reader.fields(root, "", start, KEYS, &[]);
    let delivery = delivery(reader, &fields);
    let (input, output) = kafka(reader, &fields, delivery);
    Config {
        input,
        output,
        group: group(reader, &fields),
        instance: instance(reader, &fields, start),
        policies: policies(reader, &fields),
        keys: keys(reader, &fields, delivery),
        delivery,
        workers: workers(reader, &fields),
        transaction: transaction(reader, &fields),
        consent: consent(reader, &fields),
        quarantine: quarantine(reader, &fields),
        admin: admin(reader, &fields),
        log: log(reader, &fields),
    }
}

/// The cluster that records are read from, and nothing else of the file.
pub(super) fn input(reader: &mut Reader, root: &Node) -> Cluster {
    let start = Span { file: root.span.file, start: 0, end: 0 };
    let fields = reader.fields(root, "", start, KEYS, &[]);
    // Where outputs would go does not matter here.
    kafka(reader, &fields, Delivery::AtLeastOnce).0
}

fn delivery(reader: &mut Reader, fields: &Fields<'_>) -> Delivery {
    let choices = [("exactly_once", Delivery::ExactlyOnce), ("at_least_once", Delivery::AtLeastOnce)];
    fields.get("delivery").and_then(|node| reader.one_of(node, "delivery", &choices)).unwrap_or_default()
}

fn kafka(reader: &mut Reader, fields: &Fields<'_>, delivery: Delivery) -> (Cluster, Option<Cluster>) {
    let what = "the cluster: `{brokers: host:port}`";
    let Some(node) = reader.required(fields, "kafka", what) else { return (nowhere(), None) };
    let kafka = reader.fields(node, "kafka", fields.key_span("kafka"), &["brokers", "client", "output"], &[]);
    let input = cluster(reader, &kafka, "kafka");
    let output = kafka.get("output").map(|node| {
        let span = kafka.key_span("output");
        if delivery == Delivery::ExactlyOnce {
            let help = "one transaction cannot span two clusters: set `delivery: at_least_once`, and let readers find \
                        duplicates by the header tamis-event-id; or remove `output`";
            reader.report(
                Code::TwoClusters,
                span,
                "`kafka.output` is another cluster, and delivery is exactly_once",
                help,
            );
        }
        let output = reader.fields(node, "kafka.output", span, &["brokers", "client"], &[]);
        cluster(reader, &output, "kafka.output")
    });
    (input, output)
}

fn nowhere() -> Cluster {
    Cluster { brokers: String::new(), client: BTreeMap::new(), secrets: BTreeMap::new() }
}

fn cluster(reader: &mut Reader, fields: &Fields<'_>, name: &str) -> Cluster {
    let mut cluster = nowhere();
    if let Some(node) = reader.required(fields, "brokers", "`host:port`, one or a list") {
        let brokers = reader.words(node, &format!("{name}.brokers"));
        for (broker, span) in &brokers {
            for one in broker.split(',') {
                let port = one.trim().rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then_some(port));
                if port.and_then(|port| port.parse::<u16>().ok()).is_none_or(|port| port == 0) {
                    let message = format!("`{}` is not a broker", one.trim());
                    reader.report(Code::BadValue, *span, message, "write `host:port`");
                }
            }
        }
        let joined: Vec<&str> = brokers.iter().map(|(broker, _)| *broker).collect();
        cluster.brokers = joined.join(",").replace(' ', "");
    }
    if let Some(node) = fields.get("client") {
        client(reader, node, &format!("{name}.client"), fields.key_span("client"), &mut cluster);
    }
    cluster
}

fn client(reader: &mut Reader, node: &Node, name: &str, span: Span, cluster: &mut Cluster) {
    for entry in reader.mapping(node, name, span).iter() {
        let key = entry.key.as_str();
        if let Some(secret) = key.strip_suffix("_file")
            && (setting(secret) == Setting::Secret || secret == "sasl.username")
        {
            if let Some(text) = reader.secret(&entry.value, key) {
                cluster.secrets.insert(secret.to_owned(), text);
            }
            continue;
        }
        match setting(key) {
            Setting::Taken(_) => {
                if let Some(value) = reader.word(&entry.value, key) {
                    let is_path = (key.ends_with(".location") || key.ends_with(".file")) && value != "probe";
                    let value = if is_path { reader.base.join(value).display().to_string() } else { value.to_owned() };
                    cluster.client.insert(key.to_owned(), value);
                }
            }
            Setting::Secret => {
                reader.hidden.push(entry.value.span);
                let help = format!("write it to a file that only its owner can read, and name the file: `{key}_file`");
                reader.report(Code::InlineSecret, entry.key_span, format!("`{key}` is a secret"), help);
            }
            Setting::Refused(why) => {
                let problem =
                    Problem::new(Code::RefusedSetting, entry.key_span, format!("`{key}` cannot be set: {why}"));
                reader.problems.push(problem);
            }
            Setting::Unknown => {
                let names: Vec<String> = settings::names().collect();
                let help = match nearest(key, names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "names are those of librdkafka 2.12".to_owned(),
                };
                reader.report(
                    Code::UnknownSetting,
                    entry.key_span,
                    format!("the Kafka client has no setting `{key}`"),
                    help,
                );
            }
        }
    }
}

fn group(reader: &mut Reader, fields: &Fields<'_>) -> String {
    match reader.required(fields, "group", "the name of the consumer group") {
        Some(node) => name(reader, node, "group"),
        None => String::new(),
    }
}

/// A word that can stand in every id that we make of it.
fn name(reader: &mut Reader, node: &Node, key: &str) -> String {
    let Some(word) = reader.word(node, key) else { return String::new() };
    if !is_name(word) {
        let help = "letters, digits, `.`, `_` and `-`, at most 128";
        reader.report(Code::BadValue, node.span, format!("`{key}` cannot be `{word}`"), help);
    }
    word.to_owned()
}

fn is_name(word: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !word.is_empty() && word.len() <= 128 && word.bytes().all(fits)
}

/// As written, else the host's name: in a StatefulSet, that is stable over restarts.
fn instance(reader: &mut Reader, fields: &Fields<'_>, start: Span) -> String {
    if let Some(node) = fields.get("instance") {
        return name(reader, node, "instance");
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    if !is_name(host) {
        let help = "`instance`: a name for this process that no other of the group has, the same after a restart";
        reader.report(Code::MissingKey, start, "the file has no `instance`, and the host's name cannot be used", help);
    }
    host.to_owned()
}

fn policies(reader: &mut Reader, fields: &Fields<'_>) -> Vec<std::path::PathBuf> {
    let Some(node) = reader.required(fields, "policies", "a list of policy files") else { return Vec::new() };
    let words = reader.words(node, "policies");
    let paths = words.into_iter().map(|(word, span)| (reader.base.join(word), span)).collect::<Vec<_>>();
    paths.into_iter().filter(|(path, span)| reader.is_there(path, *span, "policies")).map(|(path, _)| path).collect()
}

fn keys(reader: &mut Reader, fields: &Fields<'_>, delivery: Delivery) -> Option<std::path::PathBuf> {
    let Some(node) = fields.get("keys") else {
        if delivery == Delivery::AtLeastOnce {
            let help = "`tamis keys new` makes one; then name it: `keys: <file>`";
            let message = "delivery at_least_once makes event ids, and the file has no `keys` to make them with";
            reader.report(Code::NoEventKey, fields.key_span("delivery"), message, help);
        }
        return None;
    };
    reader.existing(node, "keys")
}

fn workers(reader: &mut Reader, fields: &Fields<'_>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_WORKERS);
    let Some(node) = fields.get("workers") else { return cores };
    let Some(word) = reader.word(node, "workers") else { return cores };
    match word.parse::<usize>() {
        Ok(workers) if (1..=MOST_WORKERS).contains(&workers) && !word.starts_with('+') => workers,
        _ => {
            let help = format!("a whole number, 1 to {MOST_WORKERS}; without the key, the machine's cores");
            reader.report(Code::BadValue, node.span, format!("`workers` cannot be `{word}`"), help);
            cores
        }
    }
}

fn transaction(reader: &mut Reader, fields: &Fields<'_>) -> Transaction {
    let mut resolved = Transaction { max_interval: Transaction::INTERVAL, max_bytes: Transaction::BYTES };
    let Some(node) = fields.get("transaction") else { return resolved };
    let span = fields.key_span("transaction");
    let section = reader.fields(node, "transaction", span, &["max_interval", "max_bytes"], &[]);
    if let Some(node) = section.get("max_interval") {
        let (least, most) = (Transaction::MIN_INTERVAL, Transaction::MAX_INTERVAL);
        resolved.max_interval =
            reader.duration(node, "transaction.max_interval", least, most).unwrap_or(resolved.max_interval);
    }
    if let Some(node) = section.get("max_bytes") {
        let (least, most) = (Transaction::MIN_BYTES, Transaction::MAX_BYTES);
        resolved.max_bytes = reader.bytes(node, "transaction.max_bytes", least, most).unwrap_or(resolved.max_bytes);
    }
    resolved
}

fn consent(reader: &mut Reader, fields: &Fields<'_>) -> Option<Consent> {
    let node = fields.get("consent")?;
    let span = fields.key_span("consent");
    let section = reader.fields(node, "consent", span, &["topic", "checkpoint", "max_staleness"], &[]);
    let mut resolved = Consent { topic: String::new(), checkpoint: None, max_staleness: Consent::STALENESS };
    if let Some(node) = reader.required(&section, "topic", "the topic of choices") {
        resolved.topic = topic(reader, node, "consent.topic");
    }
    if let Some(node) = section.get("checkpoint") {
        resolved.checkpoint = reader.writable(node, "consent.checkpoint");
    }
    if let Some(node) = section.get("max_staleness") {
        let (least, most) = (Consent::MIN_STALENESS, Consent::MAX_STALENESS);
        resolved.max_staleness =
            reader.duration(node, "consent.max_staleness", least, most).unwrap_or(resolved.max_staleness);
    }
    if fields.get("keys").is_none() {
        let help = "`tamis keys new` makes one; then name it: `keys: <file>`";
        let message = "subjects in the consent topic are known by a key, and the file has no `keys` to know them by";
        reader.report(Code::NoIndexKey, span, message, help);
    }
    Some(resolved)
}

/// The name of a topic.
fn topic(reader: &mut Reader, node: &Node, key: &str) -> String {
    let Some(word) = reader.word(node, key) else { return String::new() };
    if !is_name(word) || word.chars().all(|letter| letter == '.') {
        let help = "letters, digits, `.`, `_` and `-`";
        reader.report(Code::BadValue, node.span, format!("`{word}` is not a topic's name"), help);
    }
    word.to_owned()
}

fn quarantine(reader: &mut Reader, fields: &Fields<'_>) -> Quarantine {
    let mut resolved = Quarantine { topic: String::new(), max_ratio: Quarantine::RATIO };
    let what = "`{topic: name}`: where the coordinates of what cannot be processed go";
    let Some(node) = reader.required(fields, "quarantine", what) else { return resolved };
    let span = fields.key_span("quarantine");
    let section = reader.fields(node, "quarantine", span, &["topic", "max_ratio"], &[]);
    if let Some(node) = reader.required(&section, "topic", "a topic's name") {
        resolved.topic = topic(reader, node, "quarantine.topic");
    }
    if let Some(node) = section.get("max_ratio")
        && let Some(word) = reader.word(node, "quarantine.max_ratio")
    {
        match word.parse::<f64>() {
            Ok(ratio) if ratio > 0.0 && ratio <= 1.0 => resolved.max_ratio = ratio,
            _ => {
                let help = "a share of the events, over 0 and at most 1: `0.05`";
                reader.report(Code::BadValue, node.span, format!("`quarantine.max_ratio` cannot be `{word}`"), help);
            }
        }
    }
    resolved
}

fn admin(reader: &mut Reader, fields: &Fields<'_>) -> Admin {
    let mut resolved = Admin { listen: LISTEN, token: None };
    let Some(node) = fields.get("admin") else { return resolved };
    let section = reader.fields(node, "admin", fields.key_span("admin"), &["listen", "token_file"], &[]);
    if let Some(node) = section.get("listen") {
        if let Some(word) = reader.word(node, "admin.listen") {
            match word.parse() {
                Ok(listen) => resolved.listen = listen,
                Err(_) => {
                    let help = "an address and a port: `127.0.0.1:9464`, or `0.0.0.0:9464` for every interface";
                    reader.report(Code::BadValue, node.span, format!("`admin.listen` cannot be `{word}`"), help);
                }
            }
        }
        if !resolved.listen.ip().is_loopback() && section.get("token_file").is_none() {
            let message =
                format!("`admin.listen` is open to other machines at {}, and no token protects it", resolved.listen);
            let help = "name a file with a token under `admin.token_file`: metrics and health are read without it, calls \
                        that change something need it";
            reader.report(Code::OpenAdmin, node.span, message, help);
        }
    }
    if let Some(node) = section.get("token_file") {
        resolved.token = reader.secret(node, "admin.token_file");
        let length = resolved.token.as_ref().map_or(usize::MAX, |token| token.expose().len());
        if length < 16 {
            let help = "`openssl rand -base64 32` makes one";
            reader.report(
                Code::BadValue,
                node.span,
                "the token of `admin.token_file` has fewer than 16 characters",
                help,
            );
        }
    }
    resolved
}

fn log(reader: &mut Reader, fields: &Fields<'_>) -> Log {
    let mut resolved = Log { format: LogFormat::Text, level: tracing::Level::INFO };
    let Some(node) = fields.get("log") else { return resolved };
    let section = reader.fields(node, "log", fields.key_span("log"), &["format", "level"], &[]);
    if let Some(node) = section.get("format") {
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        resolved.format = reader.one_of(node, "log.format", &formats).unwrap_or(resolved.format);
    }
    if let Some(node) = section.get("level") {
        let levels = [
            ("error", tracing::Level::ERROR),
            ("warn", tracing::Level::WARN),
            ("info", tracing::Level::INFO),
            ("debug", tracing::Level::DEBUG),
            ("trace", tracing::Level::TRACE),
        ];
        resolved.level = reader.one_of(node, "log.level", &levels).unwrap_or(resolved.level);
    }
    resolved
}
