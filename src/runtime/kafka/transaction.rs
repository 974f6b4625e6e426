//! A producer as a [`Sink`]: one Kafka transaction per batch, or at-least-once delivery where that was chosen.
//!
//! Exactly once: outputs, notes and input offsets commit in one transaction, or none of them do. At least once: offsets
//! are committed after the broker has acknowledged every output, so that a crash in between repeats some.
//!
//! The traps, all measured: the client's own `flush` and `commit` look for events every 100 ms only, so the queue must
//! be empty before they are called (`Transaction::flush`); and an abort waits for ever unless somebody else polls
//! (`Transaction::abort`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};

use super::{fault, produce_failure, says_fenced, source, weight, words};
use crate::engine::{LearnedDenial, Minimized, Placement, QuarantineNote};
use crate::runtime::pipeline::{Cause, Failure, Position, Sink, lock};
use crate::runtime::quarantine::{note_key, note_value};
use crate::runtime::state::State;

/// How a batch is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Outputs and offsets in one transaction. Needs input and output in one cluster.
    ExactlyOnce,
    /// Offsets after outputs.
    AtLeastOnce,
}

/// How long one call of the client may take before we look whether we are to stop, and call it again.
const CALL: Duration = Duration::from_secs(5);

/// How long a stop waits for the broker to finish the batch at hand. The whole process has 10 s.
const STOP_PATIENCE: Duration = Duration::from_secs(4);

/// Longest wait for a broker that does not answer, before the clients are given up: more than the 60 s after which the
/// broker ends our transaction by itself.
const PATIENCE: Duration = Duration::from_secs(90);

/// A client that tries again and again says so no more often than this.
const QUIET: Duration = Duration::from_secs(10);

/// First and longest pause between two looks at a queue that is not empty yet. Sleeping leaves the core to the client's
/// own threads; where a broker is gone for long, to whoever starts it again.
const LOOK: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(20));

/// A producer and the transaction it is in.
pub struct Transaction {
    producer: BaseProducer<Events>,
    delivery: Delivery,
    quarantine: Arc<str>,
    consent: Option<Arc<str>>,
    name: String,
    state: Arc<State>,
    worker: usize,
    begun: bool,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// What the client tells between calls.
#[derive(Default)]
pub struct Events {
    /// The weightiest failed delivery since it was last asked for.
    refused: Mutex<Option<(u8, Failure)>>,
    complained: Mutex<Option<Instant>>,
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        source::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut complained = lock(&self.complained);
        if complained.is_none_or(|at| at.elapsed() > QUIET) {
            *complained = Some(Instant::now());
            tracing::warn!("the producer says: {}: {reason}", words(&error));
        }
    }
}

impl ProducerContext for Events {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((error, message)) = result {
            let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
            if matches!(code, Code::PurgeQueue | Code::PurgeInflight) {
                return;
            }
            self.refuse(code, message.topic());
        }
    }
}

impl Events {
    fn refuse(&self, code: Code, topic: &str) {
        let mut refused = lock(&self.refused);
        if refused.as_ref().is_none_or(|(known, _)| *known < weight(code)) {
            *refused = Some((weight(code), produce_failure(code, topic)));
        }
    }
}

impl Transaction {
    /// Over a producer that has initialised its transactions ([`Transaction::open`]).
    fn new(
        producer: BaseProducer<Events>,
        delivery: Delivery,
        quarantine: &str,
        consent: Option<&str>,
        name: String,
        state: Arc<State>,
        worker: usize,
    ) -> Transaction {
        Transaction {
            producer,
            delivery,
            quarantine: Arc::from(quarantine),
            consent: consent.map(Arc::from),
            name,
            state,
            worker,
            begun: false,
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Makes the producer of one worker ready. Ends what an earlier holder of the same transactional id left open: call
    /// it before the consumer subscribes, so that no offset is read that this may still change.
    pub fn open(
        config: &rdkafka::ClientConfig,
        delivery: Delivery,
        quarantine: &str,
        consent: Option<&str>,
        state: Arc<State>,
        worker: usize,
    ) -> Result<Transaction, Failure> {
        let producer: BaseProducer<Events> = config
            .create_with_context(Events::default())
            .map_err(|error| Failure::session(format!("cannot create the producer: {}", words(&error))))?;
        let name = config.get("transactional.id").unwrap_or_default().to_owned();
        let this = Transaction::new(producer, delivery, quarantine, consent, name, state, worker);
        if delivery == Delivery::ExactlyOnce {
            this.call("start transactions", || this.producer.init_transactions(CALL))?;
        }
        Ok(this)
    }

    fn send(&self, record: BaseRecord<'_, [u8], [u8]>) -> Result<(), Failure> {
        let mut record = record;
        let started = Instant::now();
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) => {
                    let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
                    if code != Code::QueueFull {
                        return Err(self.judged(produce_failure(code, back.topic)));
                    }
                    if self.gives_up(started) {
                        return Err(Failure::session("the broker does not take what we send"));
                    }
                    self.producer.poll(Duration::ZERO);
                    look_again(started);
                    self.state.beat(self.worker);
                    record = back;
                }
            }
        }
    }

    /// Waits until the broker has every output. Works only because successes are not reported as events: nothing but
    /// the client's own threads is needed to empty the queue.
    fn flush(&self) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            // Does not wait: wakes the client's threads and makes them send without lingering.
            let _ = self.producer.flush(Duration::ZERO);
            self.serve();
            if self.producer.in_flight_count() == 0 {
                break;
            }
            if self.gives_up(started) {
                return Err(Failure::session("the broker does not acknowledge what we sent"));
            }
            self.state.beat(self.worker);
            look_again(started);
        }
        self.refusal()
    }

    /// Takes what the client has to tell: one thing a call. Its log lines come this way, too, and under `debug: all` each
    /// look at the queue makes some, behind which a failed delivery would never be heard.
    fn serve(&self) {
        (0..16).for_each(|_| {
            self.producer.poll(Duration::ZERO);
        });
    }

    fn refusal(&self) -> Result<(), Failure> {
        lock(&self.producer.context().refused).take().map_or(Ok(()), |(_, failure)| Err(failure))
    }

    /// Calls the client until it says yes or no; a call that ran out of time is continued by calling it again.
    fn call(&self, what: &str, call: impl Fn() -> KafkaResult<()>) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            self.state.beat(self.worker);
            let error = match call() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let KafkaError::Transaction(inner) = &error else {
                return Err(Failure::session(format!("cannot {what}: {}", words(&error))));
            };
            if inner.is_fatal() || says_fenced(inner.code()) {
                return Err(self.fatal(what, inner.code(), &words(&error)));
            }
            if inner.txn_requires_abort() {
                return Err(self.judged(Failure::world(format!("cannot {what}: {}", words(&error)))));
            }
            if !inner.is_retriable() || self.gives_up(started) {
                return Err(Failure::session(format!("cannot {what}: {}", words(&error))));
            }
            self.producer.poll(Duration::ZERO);
            // Some say at once that they cannot yet.
            look_again(started);
        }
    }

    /// A refused record is the reason for what the client says afterwards.
    fn judged(&self, failure: Failure) -> Failure {
        self.serve();
        match self.refusal() {
            Err(refused) if refused.cause == Cause::Record => refused,
            _ => failure,
        }
    }

    fn fatal(&self, what: &str, code: Code, words: &str) -> Failure {
        if !says_fenced(code) {
            return Failure::session(format!("cannot {what}: {words}"));
        }
        Failure::session(format!(
            "cannot {what}: another process runs with our transactional id {}, so the broker shut us out; nothing of \
             ours was written twice. Give every process of a group its own `instance`",
            self.name
        ))
    }

    fn gives_up(&self, started: Instant) -> bool {
        started.elapsed() > PATIENCE || self.state.stopping_for().is_some_and(|since| since > STOP_PATIENCE)
    }
}

/// Sleeps until the next look at what has been waited for since then: the longer, the less often.
fn look_again(started: Instant) {
    std::thread::sleep((started.elapsed() / 32).clamp(LOOK.0, LOOK.1));
}

impl Sink for Transaction {
    type Reader = BaseConsumer<source::Events>;

    fn begin(&mut self) -> Result<(), Failure> {
        if self.delivery == Delivery::ExactlyOnce {
            self.call("begin a transaction", || self.producer.begin_transaction())?;
        }
        self.begun = true;
        Ok(())
    }

    fn output(&mut self, output: &Minimized<'_>) -> Result<(), Failure> {
        let mut record = BaseRecord::to(output.topic());
        if let Placement::Same(partition) = output.placement() {
            record = record.partition(partition);
        }
        if let Some(key) = output.key() {
            record = record.key(key);
        }
        if let Some(value) = output.value() {
            record = record.payload(value);
        }
        if let Some(timestamp) = output.timestamp() {
            record = record.timestamp(timestamp);
        }
        let mut headers = OwnedHeaders::new_with_capacity(4);
        let mut any = false;
        for (name, value) in output.headers() {
            headers = headers.insert(Header { key: name, value: Some(value) });
            any = true;
        }
        if any {
            record = record.headers(headers);
        }
        self.send(record)
    }

    fn note(&mut self, note: &QuarantineNote<'_>, now_ms: i64) -> Result<(), Failure> {
        note_key(note, &mut self.key);
        note_value(note, now_ms, &mut self.value);
        let record = BaseRecord::to(&self.quarantine).key(&self.key[..]).payload(&self.value[..]).timestamp(now_ms);
        self.send(record)
    }

    fn learned(&mut self, denial: &LearnedDenial<'_>, now_ms: i64) -> Result<(), Failure> {
        // Nobody asks a table without a topic.
        let Some(topic) = &self.consent else { return Ok(()) };
        self.send(BaseRecord::to(topic).key(denial.key()).payload(denial.value()).timestamp(now_ms))
    }

    fn commit(&mut self, positions: &[Position], reader: &Self::Reader) -> Result<(), Failure> {
        if !self.begun {
            return Ok(());
        }
        self.flush()?;
        let mut offsets = TopicPartitionList::with_capacity(positions.len());
        for position in positions {
            offsets
                .add_partition_offset(&position.topic, position.partition, Offset::Offset(position.next))
                .map_err(|error| Failure::session(words(&error)))?;
        }
        match self.delivery {
            Delivery::ExactlyOnce => {
                fault::before_commit();
                if !fault::offsets_outside() {
                    // Fresh for each commit: it names the generation of the group, by which a worker that has lost its
                    // partitions is refused.
                    let Some(group) = reader.group_metadata() else {
                        return Err(Failure::session("the consumer is in no group"));
                    };
                    // Asked after the line above: a member that was put out has no generation any more, and a group that
                    // is empty by now takes offsets from whoever names none.
                    if reader.assignment_lost() {
                        return Err(Failure::world("the group gave our partitions away; they are read again"));
                    }
                    self.call("commit offsets", || self.producer.send_offsets_to_transaction(&offsets, &group, CALL))?;
                }
                self.call("commit", || self.producer.commit_transaction(CALL))?;
                if fault::offsets_outside() {
                    fault::before_outside_offsets();
                    let _ = reader.commit(&offsets, CommitMode::Sync);
                }
            }
            Delivery::AtLeastOnce => {
                fault::before_commit();
                if reader.assignment_lost() {
                    return Err(Failure::world("the group gave our partitions away; they are read again"));
                }
                if !positions.is_empty() {
                    reader
                        .commit(&offsets, CommitMode::Sync)
                        .map_err(|error| Failure::world(format!("cannot commit offsets: {}", words(&error))))?;
                }
            }
        }
        self.begun = false;
        Ok(())
    }

    fn abort(&mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.begun) {
            return Ok(());
        }
        let result = match self.delivery {
            // What was sent stays sent: wait until the queue is empty, so that order survives the second try.
            Delivery::AtLeastOnce => self.flush(),
            Delivery::ExactlyOnce => {
                let done = AtomicBool::new(false);
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        while !done.load(Ordering::Acquire) {
                            self.producer.poll(Duration::from_millis(5));
                        }
                    });
                    let result = self.call("abort", || self.producer.abort_transaction(CALL));
                    done.store(true, Ordering::Release);
                    result
                })
            }
        };
        self.serve();
        // What the abort itself threw away was reported too.
        let _ = self.refusal();
        match result {
            Err(failure) if failure.cause != Cause::Record || self.delivery == Delivery::ExactlyOnce => {
                Err(Failure::session(failure.what))
            }
            _ => Ok(()),
        }
    }

    fn idle(&mut self) {
        self.producer.poll(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_reports_on_a_batch_the_one_that_says_what_to_do_counts() {
        let says = |codes: &[Code]| {
            let events = Events::default();
            codes.iter().for_each(|code| events.refuse(*code, "lake"));
            events.refused.into_inner().unwrap().unwrap().1
        };
        // The culprit is not the first of its batch, and a neighbour may fail for another reason before.
        let found = says(&[Code::InvalidDifferentRecord, Code::InvalidTimestamp, Code::InvalidDifferentRecord]);
        assert_eq!(found.cause, Cause::Record);
        assert!(found.what.contains("InvalidTimestamp") && found.what.contains("goes to quarantine"), "{found}");
        assert_eq!(says(&[Code::InvalidDifferentRecord]).cause, Cause::Record);
        assert_eq!(says(&[Code::MessageTimedOut, Code::InvalidRecord]).cause, Cause::Record);
        assert_eq!(says(&[Code::InvalidRecord, Code::InvalidProducerEpoch]).cause, Cause::Session);
        assert_eq!(says(&[Code::InvalidProducerEpoch, Code::InvalidRecord]).cause, Cause::Session);
        assert_eq!(says(&[Code::MessageTimedOut]).cause, Cause::World);
    }
}
