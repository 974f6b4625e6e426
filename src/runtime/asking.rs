//! The consent table in the hands of the batch loop: who has to wait for it, what it is taught, how soon it is obeyed.
//!
//! A denial that an opt-out signal taught (`LearnedDenial`) is written in the transaction of its event, and put into the table
//! when that has committed. The trap: many events of one account are on their way at the same time, in other batches,
//! too. Whoever is first claims the account; the others say nothing, and when the first has to begin again, so does its
//! event, which says it again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::engine::consent::choice::record::read;
use crate::engine::consent::choice::{
    Choices, ConsentRecord, History, IndexKey, OptOutSource, Purposes, SubjectKey, Unavailable,
};
use crate::engine::outcome::{CloseReason, Opening};
use crate::engine::{LearnedDenial, Work};
use crate::runtime::batch::Clock;
use crate::runtime::consent::{Consent, Word};
use crate::runtime::metrics::Metrics;
use crate::runtime::pipeline::lock;
use crate::runtime::state::{HaltReason, State};

/// A consent table, and who asks it.
pub struct Asked {
    /// The table.
    table: Arc<Consent>,
    /// Policies that say `consent.table: required`, by their place among the engines.
    policies: Vec<usize>,
    /// Denials that are on their way to the topic.
    claimed: Mutex<BTreeSet<Claim>>,
}

type Claim = (SubjectKey, OptOutSource);

/// What a batch has sent to the consent topic.
#[derive(Default)]
pub struct Taught {
    denials: Vec<(Claim, Vec<u8>, Vec<u8>)>,
}

impl Choices for Consent {
    fn ask(&self, subjects: &[SubjectKey], each: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), Unavailable> {
        match Consent::ask(self, subjects, each) {
            Word::Ready => Ok(()),
            Word::Cold | Word::Stale => Err(Unavailable),
        }
    }

    fn purposes(&self) -> Arc<Purposes> {
        Consent::purposes(self)
    }

    fn index(&self) -> &IndexKey {
        Consent::index(self)
    }
}

impl Asked {
    /// A table that these policies ask.
    pub fn new(table: Arc<Consent>, policies: Vec<usize>) -> Asked {
        Asked { table, policies, claimed: Mutex::default() }
    }

    /// For the engine.
    pub fn choices(&self) -> Arc<dyn Choices> {
        Arc::clone(&self.table) as Arc<dyn Choices>
    }

    /// Halts the policies that need the table while it may not be asked, and lets them go on when it may: what it does
    /// not say now may be a withdrawal.
    pub fn review(&self, state: &State, metrics: &Metrics) {
        let word = self.table.word();
        for (reason, halts) in [(HaltReason::ConsentCold, Word::Cold), (HaltReason::ConsentStale, Word::Stale)] {
            let mut changed = false;
            for policy in &self.policies {
                changed |= state.halt(*policy, reason, word == halts);
            }
            if !changed {
                continue;
            }
            metrics.halted(reason, state.halts(reason));
            if word == halts {
                tracing::error!(%reason, "halted: policies that need the consent table wait for it");
            } else {
                tracing::info!(%reason, "goes on: the consent table is there");
            }
        }
    }

    /// Measures how long the denials of those whom a record is about took to close a route, if they did.
    pub fn enforced(&self, work: &Work, routes: usize, metrics: &Metrics, clock: &Clock) {
        if work.subjects().is_empty() || self.table.withdrawals().is_idle() {
            return;
        }
        let by_person = |reason| {
            matches!(
                reason,
                CloseReason::Withdrawn | CloseReason::Objected | CloseReason::Denied | CloseReason::OptOutSignal
            )
        };
        let closed = (0..work.events().len()).any(|event| {
            (0..routes)
                .any(|route| matches!(work.opening(event, route), Some(Opening::Closed(reason)) if by_person(reason)))
        });
        if closed && let Some(took) = self.table.withdrawals().closed(work.subjects(), clock.now_ms()) {
            metrics.withdrawal(took);
        }
    }

    /// Whether this denial is to be written: nobody else is about to, or has since the table was asked.
    pub fn claim(&self, denial: &LearnedDenial<'_>, taught: &mut Taught) -> bool {
        let claim = (denial.subject(), denial.source());
        if !lock(&self.claimed).insert(claim) {
            return false;
        }
        if self.remembers(denial) {
            lock(&self.claimed).remove(&claim);
            return false;
        }
        taught.denials.push((claim, denial.key().to_vec(), denial.value().to_vec()));
        true
    }

    /// Whether the table knows it by now. Another worker may have committed it between our question and our claim; who
    /// gives a claim up has told the table before.
    fn remembers(&self, denial: &LearnedDenial<'_>) -> bool {
        let Ok(ConsentRecord::Choice(choice)) = read(Some(denial.key()), denial.value(), self.table.index()) else {
            return false;
        };
        let mut history = Vec::new();
        let word = self.table.ask(&[choice.subject], |bytes| history.extend_from_slice(bytes.unwrap_or_default()));
        let purposes = self.table.purposes();
        let known = |purpose| purposes.number(purpose).is_some_and(|number| History(&history).opted_out(number));
        word == Word::Ready && choice.statements.iter().all(|(purpose, _)| known(purpose))
    }

    /// The batch is committed, or undone: what it taught is in force, or was never said.
    pub fn conclude(&self, taught: &mut Taught, committed: bool, now_ms: i64) {
        for (claim, key, value) in taught.denials.drain(..) {
            if committed {
                self.table.learn(Some(&key), Some(&value), now_ms);
            }
            lock(&self.claimed).remove(&claim);
        }
    }
}
