//! The engine and its facts for verbs that need no Kafka: from a policy, a key file and a file of choices.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use crate::cli::{Exit, choices, load};
use crate::engine::policy::model::Policy;
use crate::engine::record::Record;
use crate::engine::{Engine, Facts};
use crate::runtime::keys;

/// What decides the events of stdin.
pub(in crate::cli) struct Offline {
    pub(in crate::cli) engine: Engine,
    pub(in crate::cli) facts: Facts,
}

impl Offline {
    /// `now`: the time that counts as now, if it is not now; `tokens_shown`: the answer has tokens in it, so it is said where
    /// they come from.
    pub(in crate::cli) fn new(
        policy: Policy,
        keys: Option<&Path>,
        consent: Option<&Path>,
        now: Option<jiff::Timestamp>,
        tokens_shown: bool,
    ) -> Result<Offline, Exit> {
        let mut talk = anstream::stderr();
        let now_ms = now.unwrap_or_else(jiff::Timestamp::now).as_millisecond();
        let keys = match keys {
            Some(path) => load::keys(path, std::slice::from_ref(&policy))?,
            None => {
                if tokens_shown && !policy.tokens.is_empty() {
                    let _ = writeln!(talk, "without --keys: tokens are made with a throw-away key");
                }
                keys::throw_away([&policy], now_ms).map_err(|error| {
                    let _ = writeln!(talk, "{error}");
                    Exit::Failure
                })?
            }
        };
        let engine = Engine::new(policy).map_err(|error| {
            let _ = writeln!(talk, "{error}");
            Exit::Usage
        })?;
        let choices = choices::load(consent, engine.policy(), now_ms)?;
        let facts = Facts::new(now_ms, Arc::new(keys)).with_choices(Some(choices));
        if let Err(halt) = engine.ready(&facts) {
            let _ = writeln!(talk, "{halt}; `tamis keys add-epoch` adds it");
            return Err(Exit::Usage);
        }
        Ok(Offline { engine, facts })
    }
}

/// A line of stdin as a record of this topic: its value, at the place of the line, of now.
pub(in crate::cli) fn plain<'a>(topic: &'a str, line: i64, now_ms: i64, value: &'a [u8]) -> Record<'a> {
    Record {
        topic,
        partition: 0,
        offset: line - 1,
        key: None,
        headers: &[],
        timestamp: Some(now_ms),
        value: Some(value),
    }
}
