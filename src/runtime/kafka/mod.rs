//! Kafka: workers that read, decide and write in transactions.
//!
//! * [`source`] is a consumer, [`transaction`] a producer; together they are the world of one
//!   [`pipeline`](crate::runtime::pipeline).
//! * `offsets` says where a partition begins, and halts its policy where that place is gone.
//! * [`worker`] is one session of the two, from creating the clients to losing them.
//! * [`client`] has the settings of both, [`preflight`] looks before the first poll.
//! * [`sample`] reads some records of a topic once, and leaves no trace.
//! * [`supervisor`] starts workers, starts them again with back-off, notices the one that hangs, and stops them all.
//!
//! Only stable transactional and static member ids make a restart quick and safe: both are made of group, instance and
//! the worker's number, and nothing here may change that.

pub mod client;
mod fault;
mod offsets;
pub mod preflight;
pub mod sample;
pub mod source;
pub mod supervisor;
pub mod transaction;
pub mod worker;

pub use supervisor::{Settings, Supervisor};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::runtime::pipeline::{Cause, Failure};

/// Is the record, or one that was sent with it, to blame for an error of producing it? Everything else is the world's
/// fault.
fn blames_record(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::PolicyViolation
            // What the client calls the neighbours of a bad record: the broker refused them all for its sake.
            | Code::InvalidDifferentRecord
    )
}

/// How much a failed delivery tells: of all reports on one batch, the weightiest says what happens next. The bad record
/// may stand anywhere in its batch, so the first report is as a rule that of a neighbour.
fn weight(code: Code) -> u8 {
    match produce_cause(code) {
        Cause::World => 0,
        Cause::Record if code == Code::InvalidDifferentRecord => 1,
        Cause::Record => 2,
        Cause::Session => 3,
    }
}

fn produce_cause(code: Code) -> Cause {
    if blames_record(code) {
        Cause::Record
    } else if matches!(code, Code::Fatal) || says_fenced(code) {
        Cause::Session
    } else {
        Cause::World
    }
}

/// Do these codes say that another process has taken over our transactional id?
fn says_fenced(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch | Code::TransactionCoordinatorFenced
    )
}

/// Do these codes say that records are damaged? The second is what the client says of a damaged version byte. It tells once and
/// goes on behind the batch, so whoever hears it has to stop there.
pub(in crate::runtime) fn says_damaged(code: Code) -> bool {
    matches!(code, Code::BadMessage | Code::NotImplemented)
}

/// The failure behind an error of producing a record to `topic`.
fn produce_failure(code: Code, topic: &str) -> Failure {
    let what = match code {
        Code::UnknownPartition => format!("topic {topic} has fewer partitions than the input: add partitions to it"),
        Code::UnknownTopicOrPartition | Code::UnknownTopic => format!("topic {topic} does not exist"),
        Code::TopicAuthorizationFailed => format!("writing to topic {topic} is not allowed: grant Write on it"),
        _ if blames_record(code) => format!(
            "topic {topic} refuses a batch for a record in it ({code}); that record is searched for and goes to \
             quarantine by its coordinates, the others go on"
        ),
        _ => format!("cannot write to topic {topic}: {code}"),
    };
    Failure { cause: produce_cause(code), what }
}

/// What an error says, without the crate's wrapping.
pub(in crate::runtime) fn words(error: &KafkaError) -> String {
    match error {
        KafkaError::Transaction(inner) => inner.string(),
        _ => error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string()),
    }
}
