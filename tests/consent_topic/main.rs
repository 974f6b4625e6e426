//! Following a consent topic on a real Apache Kafka: whatever way the table was made, it is the same table; and it may be
//! asked only when it is read to the end and fresh.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::print_stderr, reason = "a test that tells what it measured")]

#[path = "../kafka/broker.rs"]
mod broker;
mod damage;
mod fresh;
mod same;
#[path = "../kafka/segment.rs"]
mod segment;
mod topic;
#[path = "../kafka/wait.rs"]
mod wait;
