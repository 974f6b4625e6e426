//! From a record of the consent topic to the table.
//!
//! The engine reads the record; here its choice becomes part of its subject's history. What cannot be read denies
//! everything to every subject that it names. The trap: nothing of a record may be said, not even why it cannot be read
//! in its own words; results and reasons are closed lists.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Consent;
use super::table::Row;
use crate::engine::consent::choice::record::read;
use crate::engine::consent::choice::{Choice, ConsentRecord, Stance, Unreadable, UnreadableReason, insert};
use crate::engine::consent::signals::says::{Moment, Precision};
use crate::engine::outcome::closed_list;
use crate::runtime::pipeline::lock;

closed_list! {
    /// What a record of the consent topic came to: the label of `tamis_consent_choices_total`.
    ChoiceResult {
        /// It changed what is known of its subject.
        Applied = "applied",
        /// It changed nothing: it was there already, or what is known overrules it.
        Repeated = "repeated",
        /// It cannot be read; the subjects that it names are denied everything.
        UnreadableDenied = "unreadable_denied",
        /// It cannot be read and names no subject: nobody was denied what it may have been about.
        Unattributable = "unattributable",
        /// It has no value, and says nothing.
        Tombstone = "tombstone",
        /// A heartbeat of one partition that stands in another: it proves nothing about either.
        Misplaced = "misplaced",
    }
}

/// One record of the topic.
pub(super) struct Taken<'a> {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    /// The broker's time of it, or where there is none, of its arrival.
    pub(super) timestamp_ms: i64,
}

/// What became of it.
pub(super) enum Became {
    /// A heartbeat of this partition, and what it says.
    Heartbeat(i64),
    /// Anything else, with the reason where it cannot be read.
    Choice(ChoiceResult, Option<UnreadableReason>),
}

/// Puts records into a table; holds what can be used again.
#[derive(Default)]
pub(super) struct Applier {
    scratch: Vec<u8>,
}

impl Applier {
    /// See the module. `denied` hears of every subject that was denied anything it was not denied before.
    pub(super) fn apply(&mut self, consent: &Consent, taken: &Taken<'_>, denied: &mut dyn FnMut(Row)) -> Became {
        let Some(value) = taken.value else { return Became::Choice(ChoiceResult::Tombstone, None) };
        // A fault of ours in reading one record must not end the reading of all.
        let record = catch_unwind(AssertUnwindSafe(|| read(taken.key, value, consent.index())));
        let nobody = Unreadable { subjects: Vec::new(), reason: UnreadableReason::Shape };
        match record.unwrap_or(Err(nobody)) {
            Ok(ConsentRecord::Heartbeat { partition, at_ms }) if partition == taken.partition => {
                Became::Heartbeat(at_ms)
            }
            Ok(ConsentRecord::Heartbeat { .. }) => Became::Choice(ChoiceResult::Misplaced, None),
            Ok(ConsentRecord::Choice(choice)) => {
                let changed = self.insert(consent, &choice);
                if changed && choice.statements.iter().any(|(_, stance)| *stance != Stance::Granted) {
                    denied(Row(*choice.subject.bytes()));
                }
                Became::Choice(if changed { ChoiceResult::Applied } else { ChoiceResult::Repeated }, None)
            }
            Err(Unreadable { subjects, reason }) => {
                let at = Moment::new(taken.timestamp_ms, Precision::Ms);
                for subject in &subjects {
                    if self.insert(consent, &Choice::deny_all(*subject, at)) {
                        denied(Row(*subject.bytes()));
                    }
                }
                let result =
                    if subjects.is_empty() { ChoiceResult::Unattributable } else { ChoiceResult::UnreadableDenied };
                Became::Choice(result, Some(reason))
            }
        }
    }

    fn insert(&mut self, consent: &Consent, choice: &Choice) -> bool {
        let mut purposes = consent.purposes();
        if !purposes.know(choice) {
            let mut more = (*purposes).clone();
            for (purpose, _) in &choice.statements {
                // Beyond the most that can be numbered, the engine takes a denial as one of everything.
                more.learn(purpose);
            }
            purposes = Arc::new(more);
            // Before the row: who finds a number in a row must find what it stands for.
            *lock(&consent.purposes) = Arc::clone(&purposes);
        }
        let row = Row(*choice.subject.bytes());
        consent.table.change(row, &mut self.scratch, |bytes| insert(bytes, choice, &purposes))
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
