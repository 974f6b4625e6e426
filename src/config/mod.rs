//! The deployment file, resolved: where Kafka is, which policies run, how they are delivered, who may look.
//!
//! It decides nothing about data: that is the policy's. It knows no broker either: `tamis check` reads it without one,
//! and what only a broker can tell is preflight's. The trap: a setting of the Kafka client can undo a promise (an
//! automatic commit loses records), so those that the promises rest on are refused by name in [`settings`].

pub mod problem;
mod reader;
pub mod settings;
mod written;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroize;

use crate::engine::policy::problem::Span;
use crate::engine::policy::{SourceFile, tree};
use problem::{Code, Problem, Problems};

/// Reads a deployment file, and the files with secrets that it names. `Err` holds every problem.
pub fn read(path: &Path) -> Result<Config, Problems> {
    read_as(path, written::config)
}

/// Reads only how to reach the cluster that records are read from: the file may be of a deployment whose policies are not written
/// yet. `Err` holds every problem of that part.
pub fn cluster(path: &Path) -> Result<Cluster, Problems> {
    read_as(path, written::input)
}

/// [`read`] of a text; relative paths in it start at `base`.
pub fn parse(file: SourceFile, base: &Path) -> Result<Config, Problems> {
    parse_as(file, base, written::config)
}

/// What is made of a file.
type Make<T> = fn(&mut reader::Reader, &tree::Node) -> T;

fn read_as<T>(path: &Path, make: Make<T>) -> Result<T, Problems> {
    let name = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
            let base = absolute.parent().map(Path::to_path_buf).unwrap_or_default();
            parse_as(SourceFile::from_bytes(name, &bytes), &base, make)
        }
        Err(error) => {
            let message = format!("{name} cannot be read: {error}");
            let problem = Problem::new(Code::Unreadable, Span { file: 0, start: 0, end: 0 }, message);
            Err(Problems { file: SourceFile { name, text: String::new() }, list: vec![problem] })
        }
    }
}

fn parse_as<T>(file: SourceFile, base: &Path, make: Make<T>) -> Result<T, Problems> {
    let root = match tree::parse(0, &file.text) {
        Ok(root) => root,
        Err(problem) => {
            let problem = Problem::new(Code::Yaml, problem.at.span, problem.message);
            return Err(Problems { file, list: vec![problem] });
        }
    };
    let mut reader = reader::Reader { base: base.to_path_buf(), problems: Vec::new(), hidden: Vec::new() };
    let made = make(&mut reader, &root);
    if reader.problems.is_empty() {
        return Ok(made);
    }
    let mut list = reader.problems;
    list.sort_by_key(|problem| problem.span.start);
    let text = hide(&file.text, &reader.hidden);
    Err(Problems { file: SourceFile { text, ..file }, list })
}

/// The text with stars for every byte of these stretches, so that places stay.
fn hide(text: &str, hidden: &[Span]) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        if letter != '\n' && hidden.iter().any(|span| (span.start..span.end).contains(&at)) {
            out.extend(std::iter::repeat_n('*', letter.len_utf8()));
        } else {
            out.push(letter);
        }
    }
    out
}

/// A deployment without problems: no `Option` is left that was settled.
#[derive(Clone)]
pub struct Config {
    /// `kafka.brokers`, `kafka.client`: where records are read, and written unless [`Config::output`] says otherwise.
    pub input: Cluster,
    /// `kafka.output`: another cluster to write to; only with [`Delivery::AtLeastOnce`].
    pub output: Option<Cluster>,
    /// `group`: the consumer group, `[A-Za-z0-9._-]`, 1 to 128 characters.
    pub group: String,
    /// `instance`: names this process in the group, the same after a restart; as [`Config::group`].
    pub instance: String,
    /// `policies`: files, absolute or beside the deployment file; at least one.
    pub policies: Vec<PathBuf>,
    /// `keys`: the token key file; always there under [`Delivery::AtLeastOnce`].
    pub keys: Option<PathBuf>,
    /// `delivery`
    pub delivery: Delivery,
    /// `workers`: at least 1; the machine's cores unless said.
    pub workers: usize,
    /// `transaction`
    pub transaction: Transaction,
    /// `consent`: the topic of choices; always with [`Config::keys`].
    pub consent: Option<Consent>,
    /// `quarantine`
    pub quarantine: Quarantine,
    /// `admin`
    pub admin: Admin,
    /// `log`
    pub log: Log,
}

impl Config {
    /// The cluster that outputs and quarantine notes go to.
    pub fn output_cluster(&self) -> &Cluster {
        self.output.as_ref().unwrap_or(&self.input)
    }

    /// `transactional.id` of one worker: group, instance and worker number, so that a restart ends its own dead
    /// transaction. `/` is in neither name, so two deployments cannot meet on one id.
    pub fn transactional_id(&self, worker: usize) -> String {
        format!("{}/{}/{worker}", self.group, self.instance)
    }

    /// `group.instance.id` of one worker (brokers take `[A-Za-z0-9._-]` only); unique within the group.
    pub fn group_instance_id(&self, worker: usize) -> String {
        format!("{}.{worker}", self.instance)
    }
}

/// One Kafka cluster and how to reach it.
#[derive(Clone)]
pub struct Cluster {
    /// `host:port`, comma separated: `bootstrap.servers`.
    pub brokers: String,
    /// Settings passed through to the client by librdkafka's names, checked against [`settings::REFUSED`].
    pub client: BTreeMap<String, String>,
    /// Settings that are secrets, read from files, by librdkafka's names.
    pub secrets: BTreeMap<String, Secret>,
}

/// `delivery`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Outputs, quarantine notes and input offsets commit in one transaction.
    #[default]
    ExactlyOnce,
    /// Offsets are committed after the outputs were acknowledged; outputs carry `tamis-event-id`.
    AtLeastOnce,
}

/// `transaction`: a batch is committed when either bound is reached. The same bounds hold for the batches of
/// [`Delivery::AtLeastOnce`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Longest time from its first record to the commit: [`Transaction::MIN_INTERVAL`] to [`Transaction::MAX_INTERVAL`].
    pub max_interval: Duration,
    /// Bytes read into one transaction before it is committed: [`Transaction::MIN_BYTES`] to [`Transaction::MAX_BYTES`].
    pub max_bytes: usize,
}

impl Transaction {
    /// Default interval: a read_committed reader sees an event within about 130 ms (p99, measured on loopback).
    pub const INTERVAL: Duration = Duration::from_millis(100);
    /// Below this, the commit (6 to 10 ms) costs more than the work.
    pub const MIN_INTERVAL: Duration = Duration::from_millis(5);
    /// Above this, readers of the lake would wait noticeably behind an open transaction.
    pub const MAX_INTERVAL: Duration = Duration::from_millis(500);
    /// Default bytes: 100 ms of reading and writing at 640 MB/s, more than one worker does. At 16 MiB a worker that catches
    /// up commits every 60 ms, which took a tenth of its speed (docs/performance.md).
    pub const BYTES: usize = 64 << 20;
    /// Room for one record of the default broker limit.
    pub const MIN_BYTES: usize = 1 << 20;
    /// A batch is held in memory, once per worker.
    pub const MAX_BYTES: usize = 256 << 20;
}

/// `consent`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The topic of choices, in the cluster that outputs go to: what is learned is written to it with them.
    pub topic: String,
    /// The file that makes the next start short; without it, every start reads the whole topic.
    pub checkpoint: Option<PathBuf>,
    /// How old the last heartbeat of a partition may be: [`Consent::MIN_STALENESS`] to [`Consent::MAX_STALENESS`].
    pub max_staleness: Duration,
}

impl Consent {
    /// Default: heartbeats are written every 10 seconds or so, and a few may be late.
    pub const STALENESS: Duration = Duration::from_secs(60);
    /// Below this, the pauses of any machine would halt policies.
    pub const MIN_STALENESS: Duration = Duration::from_secs(1);
    /// Above this, a withdrawal could be missing for a day.
    pub const MAX_STALENESS: Duration = Duration::from_secs(86_400);
}

/// `quarantine`
#[derive(Clone, Debug, PartialEq)]
pub struct Quarantine {
    /// The topic for coordinates of what could not be processed; no values go there.
    pub topic: String,
    /// Share of a policy's events in quarantine over a minute, above which the policy is halted; over 0, at most 1.
    pub max_ratio: f64,
}

impl Quarantine {
    /// Default ratio: 5 %.
    pub const RATIO: f64 = 0.05;
}

/// `admin`
#[derive(Clone)]
pub struct Admin {
    /// Where `/metrics`, health and the admin calls listen; loopback unless the file says otherwise.
    pub listen: SocketAddr,
    /// From `token_file`; without it the calls that change something are not offered beyond loopback.
    pub token: Option<Secret>,
}

/// `log`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// `format`
    pub format: LogFormat,
    /// `level`: this and everything more important.
    pub level: tracing::Level,
}

/// `log.format`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// A password or token. It has no `Debug`, no `Display` and no `Serialize`, and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps what was read from a file.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text itself, for the one place that must hand it on.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
