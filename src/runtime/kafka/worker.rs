//! One session of a worker: its clients from creation to loss.
//!
//! The order is what makes restarts exact and quick: the producer first ends what its predecessor left open
//! (`init_transactions`), only then does the consumer join and read the committed offsets. When a session fails nothing
//! is repaired; both clients go, and the next session begins from what is committed.

use std::sync::{Arc, Mutex};

use super::source::Consuming;
use super::supervisor::Settings;
use super::transaction::Transaction;
use crate::runtime::batch::{Batch, Shared};
use crate::runtime::pipeline::{self, Failure};

/// Runs until told to stop (`Ok`), or until the clients cannot be used any more.
pub(super) fn session(settings: &Settings, shared: &Arc<Shared>, worker: usize) -> Result<(), Failure> {
    let state = &shared.state;
    let (Some(producer), Some(consumer)) = (settings.producers.get(worker), settings.consumers.get(worker)) else {
        return Err(Failure::session("the worker has no client settings"));
    };
    let transaction = Transaction::open(
        producer,
        settings.delivery,
        &settings.quarantine,
        settings.consent.as_deref(),
        Arc::clone(state),
        worker,
    )?;
    if state.stopping() {
        return Ok(());
    }
    let batch = Arc::new(Mutex::new(Batch::new(transaction, Arc::clone(shared), settings.bounds, worker)));
    let topics = shared.engines.iter().flat_map(|engine| engine.policy().input.topics.iter().cloned()).collect();
    let source = Consuming::subscribe(consumer, topics, Arc::clone(&batch), worker)?;
    tracing::info!(worker, "polls");
    state.trouble(worker, None);
    let result = pipeline::run(&source, &batch, state, worker);
    source.close();
    result
}
