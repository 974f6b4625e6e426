//! A consumer as a [`Source`], and what happens when partitions are taken away from it.
//!
//! The group may take partitions back at any poll. The client then calls [`Events::rebalance`] in the middle of that
//! poll, and the batch is committed or undone there, before anybody else can read from those partitions.
//!
//! The trap: a halted topic is paused, but records of it may already be on their way; they are handed back by the batch
//! and read again ([`Source::rewind`] seeks, which must come before the pause).

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_resp_err_t as RDKafkaRespErr;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, ClientContext, Offset, Statistics, TopicPartitionList};

use super::offsets::{self, Group, Lost};
use super::transaction::Transaction;
use super::{says_damaged, words};
use crate::engine::Engine;
use crate::engine::outcome::QuarantineReason;
use crate::engine::record::{Header, Record};
use crate::runtime::batch::Batch;
use crate::runtime::pipeline::{BURST, Each, Failure, Position, Source, lock};
use crate::runtime::state::HaltReason;

/// How long a seek may take. It is answered by the client itself.
const SEEK: Duration = Duration::from_secs(5);

/// A client that has not complained for so long is well again.
const QUIET: Duration = Duration::from_secs(10);

/// One consumer.
pub struct Consuming {
    consumer: BaseConsumer<Events>,
    topics: Vec<String>,
    held: RefCell<BTreeSet<String>>,
    complained: Cell<Option<Instant>>,
    /// Records that fail their checksum were met: nothing behind them may be read.
    damaged: Cell<bool>,
}

/// What the client tells in the middle of a poll.
pub struct Events {
    batch: Arc<Mutex<Batch<Transaction>>>,
    worker: usize,
    reassigned: AtomicBool,
    closed: AtomicBool,
    /// Where the assigned partitions began.
    began: Mutex<TopicPartitionList>,
    group: Group,
}

impl Consuming {
    /// Joins the group. The transactions of the batch's producer must be initialised by now.
    pub fn subscribe(
        config: &ClientConfig,
        topics: Vec<String>,
        batch: Arc<Mutex<Batch<Transaction>>>,
        worker: usize,
    ) -> Result<Consuming, Failure> {
        let named = |setting| config.get(setting).unwrap_or_default().to_owned();
        let events = Events {
            batch,
            worker,
            reassigned: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            began: Mutex::new(TopicPartitionList::new()),
            group: Group { name: named("group.id"), brokers: named("bootstrap.servers") },
        };
        let consumer: BaseConsumer<Events> = config
            .create_with_context(events)
            .map_err(|error| Failure::session(format!("cannot create the consumer: {}", words(&error))))?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(|error| Failure::session(format!("cannot subscribe: {}", words(&error))))?;
        Ok(Consuming {
            consumer,
            topics,
            held: RefCell::default(),
            complained: Cell::new(None),
            damaged: Cell::new(false),
        })
    }

    /// The session is over: what the client still says while it closes no longer reaches the batch.
    pub fn close(&self) {
        self.consumer.context().closed.store(true, Ordering::Release);
    }

    fn complaint(&self, error: &KafkaError) -> Result<(), Failure> {
        let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
        let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        let what = match code {
            Code::FencedInstanceId => {
                "another process is in the group with our instance id: give every process its own \
                                       `instance`"
                    .to_owned()
            }
            Code::AutoOffsetReset => return self.out_of_range(),
            code if says_damaged(code) => {
                self.damaged.set(true);
                return Ok(());
            }
            Code::UnknownTopicOrPartition | Code::UnknownTopic => "an input topic does not exist".to_owned(),
            Code::TopicAuthorizationFailed => "reading an input topic is not allowed: grant Read on it".to_owned(),
            Code::GroupAuthorizationFailed => "joining the group is not allowed: grant Read on it".to_owned(),
            _ => format!("the consumer says: {}", words(error)),
        };
        if fatal || code == Code::FencedInstanceId {
            return Err(Failure::session(what));
        }
        let events = self.consumer.context();
        if self.complained.get().is_none() {
            tracing::warn!(worker = events.worker, "{what}");
        }
        lock(&events.batch).shared().state.trouble(events.worker, Some(format!("has trouble: {what}")));
        self.complained.set(Some(Instant::now()));
        Ok(())
    }

    /// Halts the policies of partitions whose place in the log is gone.
    fn out_of_range(&self) -> Result<(), Failure> {
        let events = self.consumer.context();
        let lost = offsets::lost(&self.consumer, &lock(&events.began), &events.group)?;
        if lost.is_empty() {
            return Err(Failure::session("a partition could not be read from where we were; it can be now"));
        }
        let shared = Arc::clone(lock(&events.batch).shared());
        for Lost { topic, partition, gap } in lost {
            let reads = |engine: &Arc<Engine>| engine.policy().input.topics.contains(&topic);
            let Some(policy) = shared.engines.iter().position(reads) else { continue };
            let what = gap.what.clone();
            let (records, news) = shared.state.gap(policy, &Arc::from(topic.as_str()), partition, gap);
            shared.metrics.gap(&topic, records);
            shared.metrics.halted(HaltReason::OffsetGap, true);
            if news {
                tracing::error!(worker = events.worker, "{what}");
            }
        }
        Ok(())
    }

    /// Commits what was read before damaged records, then ends the session: the next one reads them again, and whoever
    /// is to blame may have been the network.
    fn at_damage(&self, wait: Duration) -> Result<(), Failure> {
        if lock(&self.consumer.context().batch).remaining().is_some() {
            std::thread::sleep(wait);
            return Ok(());
        }
        Err(Failure::session(
            "records of an input topic fail their checksum: a broker's disk or the network damages them. Nothing behind \
             them is read until they are whole",
        ))
    }

    fn quiet(&self) {
        if self.complained.get().is_some_and(|at| at.elapsed() > QUIET) {
            self.complained.set(None);
            let events = self.consumer.context();
            lock(&events.batch).shared().state.trouble(events.worker, None);
        }
    }
}

/// Lends one message as a [`Record`]. A header whose name is not UTF-8 makes the crate panic; the record is then lent without
/// headers, and with the reason for which it is to be quarantined.
pub(super) fn lend<T>(
    message: &BorrowedMessage<'_>,
    each: impl FnOnce(&Record<'_>, Option<QuarantineReason>) -> T,
) -> T {
    let mut refuse = None;
    let headers: Vec<Header<'_>> = match message.headers() {
        None => Vec::new(),
        Some(headers) => {
            let read = || headers.iter().map(|header| Header { name: header.key, value: header.value }).collect();
            catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
                refuse = Some(QuarantineReason::InvalidJson);
                Vec::new()
            })
        }
    };
    let record = Record {
        topic: message.topic(),
        partition: message.partition(),
        offset: message.offset(),
        key: message.key(),
        headers: &headers,
        timestamp: message.timestamp().to_millis(),
        value: message.payload(),
    };
    each(&record, refuse)
}

impl Source for Consuming {
    type Reader = BaseConsumer<Events>;

    fn poll(&self, wait: Duration, each: &mut Each<'_>) -> Result<(), Failure> {
        if self.damaged.get() {
            return self.at_damage(wait);
        }
        let mut wait = wait;
        for _ in 0..BURST {
            match self.consumer.poll(wait) {
                None => break,
                Some(Err(error)) => {
                    self.complaint(&error)?;
                    if self.damaged.get() {
                        break;
                    }
                }
                Some(Ok(message)) => {
                    if lend(&message, |record, refuse| each(record, refuse)).is_break() {
                        break;
                    }
                }
            }
            wait = Duration::ZERO;
        }
        self.quiet();
        Ok(())
    }

    fn reader(&self) -> &Self::Reader {
        &self.consumer
    }

    fn rewind(&self, positions: &[Position]) -> Result<(), Failure> {
        if positions.is_empty() {
            return Ok(());
        }
        let mine = self.consumer.assignment().map_err(|error| Failure::session(words(&error)))?;
        let mut list = TopicPartitionList::new();
        for position in positions {
            if mine.find_partition(&position.topic, position.partition).is_some() {
                list.add_partition_offset(&position.topic, position.partition, Offset::Offset(position.first))
                    .map_err(|error| Failure::session(words(&error)))?;
            }
        }
        if list.count() == 0 {
            return Ok(());
        }
        let cannot = |what: String| Failure::session(format!("cannot read on from where the batch began: {what}"));
        let done = self.consumer.seek_partitions(list, SEEK).map_err(|error| cannot(words(&error)))?;
        for partition in done.elements() {
            partition.error().map_err(|error| cannot(words(&error)))?;
        }
        Ok(())
    }

    fn hold(&self, halted: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
        let reassigned = self.consumer.context().reassigned.swap(false, Ordering::AcqRel);
        let mut held = self.held.borrow_mut();
        if !reassigned && self.topics.iter().all(|topic| held.contains(topic) == halted(topic)) {
            return Ok(());
        }
        let mine = self.consumer.assignment().map_err(|error| Failure::session(words(&error)))?;
        for topic in &self.topics {
            let (was, is) = (held.contains(topic), halted(topic));
            if !is && !was {
                continue;
            }
            let mut list = TopicPartitionList::new();
            for element in mine.elements_for_topic(topic) {
                list.add_partition(topic, element.partition());
            }
            let done = if is { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
            done.map_err(|error| Failure::session(format!("cannot pause or resume topic {topic}: {}", words(&error))))?;
            if is {
                held.insert(topic.clone());
            } else {
                held.remove(topic);
            }
        }
        Ok(())
    }
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(client = "consumer", worker = self.worker, "{}: {reason}", words(&error));
    }

    #[expect(clippy::iter_over_hash_type, reason = "every partition sets a number of its own, in whatever order")]
    fn stats(&self, statistics: Statistics) {
        let batch = lock(&self.batch);
        let metrics = &batch.shared().metrics;
        for (topic, read) in &statistics.topics {
            for (number, partition) in &read.partitions {
                if *number < 0 || !partition.desired || partition.ls_offset < 0 {
                    continue;
                }
                let reached =
                    batch.reached(topic, *number).or((partition.app_offset >= 0).then_some(partition.app_offset));
                if let Some(reached) = reached {
                    metrics.lag(
                        &Arc::from(topic.as_str()),
                        *number,
                        u64::try_from(partition.ls_offset - reached).ok().or(Some(0)),
                    );
                }
            }
        }
    }
}

impl ConsumerContext for Events {
    /// Instead of the crate's own, which cannot say where partitions begin.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.reassigned.store(true, Ordering::Release);
        let closed = self.closed.load(Ordering::Acquire);
        let partitions = list.count();
        let done = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            tracing::info!(worker = self.worker, partitions, "partitions assigned");
            if !closed {
                self.begin(consumer, list);
            }
            consumer.assign(list)
        } else {
            tracing::info!(worker = self.worker, partitions, "partitions revoked");
            if !closed {
                let gone: Vec<(String, i32)> =
                    list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect();
                lock(&self.batch).release(&gone, consumer.assignment_lost(), consumer);
            }
            consumer.unassign()
        };
        if let Err(error) = done
            && !closed
        {
            lock(&self.batch).fail(Failure::session(format!("cannot take or give partitions: {}", words(&error))));
        }
    }
}

impl Events {
    /// The batch fails where nobody can tell; then the session ends before anything is read.
    fn begin(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        let shared = Arc::clone(lock(&self.batch).shared());
        match offsets::begin(consumer, list, &shared.state, self.worker) {
            Ok(()) => *lock(&self.began) = list.clone(),
            Err(failure) => lock(&self.batch).fail(failure),
        }
    }
}

/// The client's own log lines. They name brokers, topics and errors, never what is in a record. Most are about single
/// connections, again and again; what matters comes as an error, too.
pub(in crate::runtime) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        _ => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}
