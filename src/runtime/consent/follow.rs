//! Reads the consent topic: every partition, from the checkpoint or the beginning, for as long as the process lives.
//!
//! The consumer joins no group: every process needs every choice. It reads committed records only. The end that a
//! partition had is reached by its last record or when the client says so: behind the last record there may be marks of
//! transactions that nobody sees, and where records never stop coming the client never says so. Offsets that the broker
//! does not have mean that the topic is not what the table was made of: all of it is read anew. The trap:
//! what is new (a partition that was added) may hold denials, so the table is cold until that is read.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};

use super::apply::{Applier, Became, ChoiceResult, Taken};
use super::snapshot::{Identity, Mark, Refused};
use super::{Consent, Settings, sleep};
use crate::runtime::batch::now_ms;
use crate::runtime::kafka::source::log;
use crate::runtime::kafka::{says_damaged, words};
use crate::runtime::metrics::Metrics;
use crate::runtime::pipeline::lock;

/// One question to the brokers.
const ASK: Duration = Duration::from_secs(10);

/// How often partitions are counted.
const RECOUNT: Duration = Duration::from_secs(10);

/// How often metrics are shown and lines about records that cannot be read may be logged.
const SECOND: Duration = Duration::from_secs(1);

/// Most records between two looks at anything else.
const BURST: usize = 1024;

/// First and longest pause after the world failed.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Why reading ends before it is told to.
enum End {
    /// The world failed: again, later, from where we are.
    Failed(String),
    /// The topic is not the one that the table was made of: again, from the beginning.
    Anew(&'static str),
    /// Partitions were added: again, with them.
    Grown,
}

impl From<KafkaError> for End {
    fn from(error: KafkaError) -> End {
        End::Failed(match error.rdkafka_error_code() {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => "it does not exist".to_owned(),
            Some(Code::TopicAuthorizationFailed) => "reading it is not allowed: grant Read on it".to_owned(),
            _ => format!("cannot be read: {}", words(&error)),
        })
    }
}

/// Follows until the process stops.
pub(super) fn tend(consent: &Consent, settings: &Settings, metrics: &Metrics) {
    let mut follower = Follower {
        consent,
        settings,
        metrics,
        parts: Vec::new(),
        applier: Applier::default(),
        begun: false,
        damaged: false,
    };
    let mut failures = 0u32;
    while !consent.stopping() {
        let began = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| follower.session()));
        failures = if began.elapsed() > RECOUNT { 0 } else { failures };
        match ended.unwrap_or_else(|_| Err(End::Failed("a defect of ours ended it (the log says where)".to_owned()))) {
            Ok(()) => break,
            Err(End::Grown) => {
                tracing::info!("the consent topic has more partitions than before: reading those, too");
                consent.standing.cold();
                continue;
            }
            Err(End::Anew(why)) => {
                tracing::warn!("the consent topic is read again from the beginning: {why}");
                follower.parts.clear();
                consent.clear();
            }
            Err(End::Failed(what)) => consent.set_trouble(Some(what)),
        }
        consent.show(metrics);
        sleep(BACKOFF.0.saturating_mul(1 << failures.min(16)).min(BACKOFF.1), consent);
        failures = failures.saturating_add(1);
    }
}

/// One partition.
struct Part {
    next: i64,
    heartbeat_ms: Option<i64>,
    /// As of when its last heartbeat counts, by the clock of [`super::Standing`].
    as_of: Option<i64>,
    /// The end that it had when this session began.
    end: i64,
    /// That end was reached.
    caught_up: bool,
    /// Nothing was read since then.
    at_end: bool,
}

struct Follower<'a> {
    consent: &'a Consent,
    settings: &'a Settings,
    metrics: &'a Metrics,
    /// Kept from one session to the next.
    parts: Vec<Part>,
    applier: Applier,
    /// The checkpoint was looked at.
    begun: bool,
    /// Records that are damaged were met, and have not been read since.
    damaged: bool,
}

impl Follower<'_> {
    /// Reads until told to stop (`Ok`).
    fn session(&mut self) -> Result<(), End> {
        let consumer: BaseConsumer<Events> = self.settings.client.create_with_context(Events::default())?;
        self.identify(&consumer)?;
        self.plan(&consumer)?;
        self.assign(&consumer)?;
        self.publish();
        tracing::info!(
            partitions = self.parts.len(),
            records = self.parts.iter().map(|part| part.end.saturating_sub(part.next).max(0)).sum::<i64>(),
            "reads the consent topic"
        );
        let mut looked = Instant::now();
        let mut counted = Instant::now();
        let mut unread = Unread::default();
        while !self.consent.stopping() {
            self.burst(&consumer, &mut unread)?;
            self.publish();
            if looked.elapsed() >= SECOND {
                looked = Instant::now();
                self.look(&consumer);
                unread.tell();
            }
            if counted.elapsed() >= RECOUNT {
                counted = Instant::now();
                // Where nobody answers there is nothing new to know.
                if partitions(&consumer, &self.settings.topic, Duration::from_secs(2))
                    .is_ok_and(|count| count > self.parts.len())
                {
                    return Err(End::Grown);
                }
            }
        }
        Ok(())
    }

    /// Finds out whose topic it is, and the first time takes what the checkpoint has.
    fn identify(&mut self, consumer: &BaseConsumer<Events>) -> Result<(), End> {
        let Some(cluster) = consumer.client().fetch_cluster_id(ASK) else {
            return Err(End::Failed("no broker answers".to_owned()));
        };
        let key = self.consent.index.check;
        let identity = Identity { cluster, topic: self.settings.topic.clone(), key };
        let before = lock(&self.consent.identity).replace(identity.clone());
        if before.is_some_and(|before| before != identity) {
            return Err(End::Anew("the brokers are another cluster's"));
        }
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        let Some(path) = &self.settings.checkpoint else { return Ok(()) };
        let began = Instant::now();
        match self.consent.load(path, &identity) {
            Ok(marks) => {
                let now_ms = now_ms();
                self.parts = marks.iter().map(|mark| self.part(*mark, now_ms)).collect();
                tracing::info!(
                    subjects = self.consent.subjects(),
                    milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                    "checkpoint of the consent table read"
                );
            }
            Err(Refused::Absent) => tracing::info!("no checkpoint: the consent topic is read from the beginning"),
            Err(refused) => tracing::warn!(
                "the checkpoint of the consent table is not used, and the topic is read from the beginning: {refused}"
            ),
        }
        Ok(())
    }

    fn part(&self, mark: Mark, now_ms: i64) -> Part {
        let as_of = mark.heartbeat_ms.and_then(|said| self.consent.standing.heartbeat(said, now_ms));
        Part { next: mark.next, heartbeat_ms: mark.heartbeat_ms, as_of, end: i64::MAX, caught_up: false, at_end: false }
    }

    /// Where to begin in each partition, and where its end is.
    fn plan(&mut self, consumer: &BaseConsumer<Events>) -> Result<(), End> {
        let topic = &self.settings.topic;
        let count = partitions(consumer, topic, ASK)?;
        if count < self.parts.len() {
            return Err(End::Anew("it has fewer partitions than before"));
        }
        let mut ends = Vec::with_capacity(count);
        for number in 0..count {
            let (low, high) = consumer.fetch_watermarks(topic, i32::try_from(number).unwrap_or(i32::MAX), ASK)?;
            match self.parts.get_mut(number) {
                Some(part) if part.next < low => return Err(End::Anew("records were deleted that were never read")),
                Some(part) if part.next > high => return Err(End::Anew("it ends before what was read of it")),
                Some(_) => {}
                None => self.parts.push(self.part(Mark { next: low, heartbeat_ms: None }, 0)),
            }
            ends.push(high);
        }
        for (part, end) in self.parts.iter_mut().zip(ends) {
            (part.end, part.caught_up, part.at_end) = (end, part.next >= end, part.next >= end);
        }
        Ok(())
    }

    fn assign(&self, consumer: &BaseConsumer<Events>) -> Result<(), End> {
        let mut list = TopicPartitionList::new();
        for (number, part) in (0..).zip(&self.parts) {
            list.add_partition_offset(&self.settings.topic, number, Offset::Offset(part.next))?;
        }
        Ok(consumer.assign(&list)?)
    }

    /// What is there already, after a short wait if nothing is.
    fn burst(&mut self, consumer: &BaseConsumer<Events>, unread: &mut Unread) -> Result<(), End> {
        let mut wait = Duration::from_millis(50);
        let now_ms = now_ms();
        let mut well = false;
        for _ in 0..BURST {
            match consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    self.take(&message, now_ms, unread);
                    well = true;
                }
                Some(Err(KafkaError::PartitionEOF(number))) => {
                    if let Some(part) = usize::try_from(number).ok().and_then(|number| self.parts.get_mut(number)) {
                        (part.caught_up, part.at_end) = (true, true);
                        well = true;
                    }
                }
                Some(Err(error)) => self.complaint(error)?,
            }
            wait = Duration::ZERO;
        }
        // Other partitions are read meanwhile: it is over when all are behind where they ended.
        self.damaged &= !self.parts.iter().all(|part| part.caught_up);
        if well && !self.damaged {
            self.consent.set_trouble(None);
        }
        Ok(())
    }

    fn complaint(&mut self, error: KafkaError) -> Result<(), End> {
        match (&error, error.rdkafka_error_code()) {
            (_, Some(Code::AutoOffsetReset | Code::OffsetOutOfRange)) => {
                Err(End::Anew("it no longer has the records that are next"))
            }
            (_, Some(code)) if says_damaged(code) => {
                self.damaged = true;
                Err(End::Failed("records of it fail their checksum, and what is behind them must wait".to_owned()))
            }
            (KafkaError::MessageConsumptionFatal(_), _) => Err(error.into()),
            // The client goes on trying by itself.
            _ => {
                if let End::Failed(what) = End::from(error) {
                    self.consent.set_trouble(Some(what));
                }
                Ok(())
            }
        }
    }

    fn take(&mut self, message: &BorrowedMessage<'_>, now_ms: i64, unread: &mut Unread) {
        let number = message.partition();
        let live = self.parts.iter().all(|part| part.caught_up);
        let Some(part) = usize::try_from(number).ok().and_then(|number| self.parts.get_mut(number)) else { return };
        let taken = Taken {
            partition: number,
            offset: message.offset(),
            key: message.key(),
            value: message.payload(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(now_ms),
        };
        let withdrawals = &self.consent.withdrawals;
        let became = self.applier.apply(self.consent, &taken, &mut |row| {
            if live {
                // A writer's clock that is behind would make us look slow.
                withdrawals.arrived(row, taken.timestamp_ms.clamp(now_ms.saturating_sub(60_000), now_ms), now_ms);
            }
        });
        match became {
            Became::Heartbeat(at_ms) => {
                if let Some(as_of) = self.consent.standing.heartbeat(at_ms, now_ms)
                    && part.as_of.is_none_or(|before| as_of > before)
                {
                    (part.as_of, part.heartbeat_ms) = (Some(as_of), Some(at_ms));
                }
            }
            Became::Choice(result, reason) => {
                self.metrics.consent_choice(result);
                unread.note(result, reason.map_or("", |reason| reason.as_str()), &taken);
            }
        }
        part.next = taken.offset + 1;
        part.caught_up |= part.next >= part.end;
        part.at_end = false;
    }

    /// Says how far all partitions are, to the table's users and to the writer of checkpoints.
    fn publish(&self) {
        let mark = |part: &Part| Mark { next: part.next, heartbeat_ms: part.heartbeat_ms };
        *lock(&self.consent.marks) = Some(self.parts.iter().map(mark).collect());
        if !self.parts.is_empty() && self.parts.iter().all(|part| part.caught_up) {
            let oldest = self.parts.iter().map(|part| part.as_of).min().flatten();
            self.consent.standing.read_to_the_end(oldest);
        }
    }

    fn look(&self, consumer: &BaseConsumer<Events>) {
        let ends = lock(&consumer.context().ends);
        let behind = |(number, part): (i32, &Part)| match ends.get(&number) {
            Some(end) if !part.at_end => end.saturating_sub(part.next).max(0),
            _ => 0,
        };
        self.metrics.consent_lag((0..).zip(&self.parts).map(behind).sum());
        self.consent.show(self.metrics);
    }
}

fn partitions(consumer: &BaseConsumer<Events>, topic: &str, wait: Duration) -> Result<usize, End> {
    let metadata = consumer.fetch_metadata(Some(topic), wait)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let error = found.and_then(|found| found.error()).map(Code::from);
    match (error, found.map_or(0, |found| found.partitions().len())) {
        (Some(code), _) => Err(KafkaError::MetadataFetch(code).into()),
        (None, 0) => Err(End::Failed("it does not exist".to_owned())),
        (None, count) => Ok(count),
    }
}

/// Records that could not be taken, since the last line about them.
#[derive(Default)]
struct Unread {
    count: u64,
    last: String,
}

impl Unread {
    fn note(&mut self, result: ChoiceResult, reason: &str, taken: &Taken<'_>) {
        let unread = [ChoiceResult::UnreadableDenied, ChoiceResult::Unattributable, ChoiceResult::Misplaced];
        if unread.contains(&result) {
            self.count += 1;
            if self.count == 1 {
                self.last = format!("partition {}, offset {}: {result} {reason}", taken.partition, taken.offset);
            }
        }
    }

    fn tell(&mut self) {
        if self.count > 0 {
            tracing::error!(
                records = self.count,
                "records of the consent topic cannot be read; the first: {}",
                self.last
            );
            *self = Unread::default();
        }
    }
}

/// What the client tells by the way.
#[derive(Default)]
struct Events {
    /// The end of each partition, as of the last statistics.
    ends: Mutex<BTreeMap<i32, i64>>,
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(client = "consent", "{}: {reason}", words(&error));
    }

    fn stats(&self, statistics: Statistics) {
        let mut ends = lock(&self.ends);
        for (number, partition) in statistics.topics.values().flat_map(|topic| &topic.partitions) {
            if *number >= 0 && partition.ls_offset >= 0 {
                ends.insert(*number, partition.ls_offset);
            }
        }
    }
}

impl ConsumerContext for Events {}
