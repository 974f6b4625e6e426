//! Asking for what people chose: the engine's side of the consent table.
//!
//! The engine asks per record, in terms of subject keys, and gets histories; where they are kept is the runtime's, or a
//! [`Book`]'s, which is enough for files and tests. The trap: "nobody knows" and "cannot be asked now" look alike to a
//! caller in a hurry; the second is a value of its own ([`Unavailable`]) and ends the record without a decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::{self, ConsentRecord, Unreadable};
use super::{Choice, History, IndexKey, Purposes, SubjectKey, insert};
use crate::engine::consent::signals::says::{Moment, Precision};

/// Choices that can be asked for.
pub trait Choices: Send + Sync {
    /// Hands the history of each subject to `each`, in order; `None` where there is none.
    ///
    /// # Errors
    /// [`Unavailable`]: they cannot be asked now, and what `each` was handed counts for nothing.
    fn ask(&self, subjects: &[SubjectKey], each: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), Unavailable>;

    /// The numbers of purposes in those histories, now. They only grow.
    fn purposes(&self) -> Arc<Purposes>;

    /// What makes subject keys.
    fn index(&self) -> &IndexKey;
}

/// Choices cannot be asked for now: nothing may be decided on the ground that nobody said anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the consent table cannot be asked now")]
pub struct Unavailable;

/// Histories copied out of the table, in the order of the questions. Reused from record to record; no `Debug`.
#[derive(Default)]
pub struct Answers {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Answers {
    /// None.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// The next answer; `None`: nobody ever said anything.
    pub fn push(&mut self, history: Option<&[u8]>) {
        self.bytes.extend_from_slice(history.unwrap_or_default());
        self.ends.push(self.bytes.len());
    }

    /// The answer to a question; an empty history where there is none.
    pub fn get(&self, question: usize) -> History<'_> {
        let start = question.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(question).copied().unwrap_or(start);
        History(self.bytes.get(start..end).unwrap_or_default())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// Choices in memory, all of them known: what a file of consent records says.
pub struct Book {
    index: IndexKey,
    rows: BTreeMap<SubjectKey, Vec<u8>>,
    purposes: Arc<Purposes>,
}

impl Book {
    /// An empty book, whose subjects are keyed by `index`.
    pub fn new(index: IndexKey) -> Book {
        Book { index, rows: BTreeMap::new(), purposes: Arc::default() }
    }

    /// Adds one record of the consent topic, as the table does: one that cannot be read denies everything to every
    /// subject that it names, since `received_ms`. Heartbeats are read and forgotten.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn add(&mut self, key: Option<&[u8]>, value: &[u8], received_ms: i64) -> Result<(), Unreadable> {
        match record::read(key, value, &self.index) {
            Ok(ConsentRecord::Choice(choice)) => {
                self.insert(&choice);
                Ok(())
            }
            Ok(ConsentRecord::Heartbeat { .. }) => Ok(()),
            Err(unreadable) => {
                for subject in &unreadable.subjects {
                    self.insert(&Choice::deny_all(*subject, Moment::new(received_ms, Precision::Ms)));
                }
                Err(unreadable)
            }
        }
    }

    fn insert(&mut self, choice: &Choice) {
        let purposes = Arc::make_mut(&mut self.purposes);
        for (purpose, _) in &choice.statements {
            purposes.learn(purpose);
        }
        insert(self.rows.entry(choice.subject).or_default(), choice, purposes);
    }

    /// How many subjects it knows.
    pub fn subjects(&self) -> usize {
        self.rows.len()
    }
}

impl Choices for Book {
    fn ask(&self, subjects: &[SubjectKey], each: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), Unavailable> {
        for subject in subjects {
            each(self.rows.get(subject).map(Vec::as_slice));
        }
        Ok(())
    }

    fn purposes(&self) -> Arc<Purposes> {
        Arc::clone(&self.purposes)
    }

    fn index(&self) -> &IndexKey {
        &self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_keep_the_order_of_the_questions_and_are_empty_beyond() {
        let mut answers = Answers::default();
        answers.push(Some(b"one"));
        answers.push(None);
        answers.push(Some(b"three"));
        assert_eq!((0..5).map(|at| answers.get(at).0).collect::<Vec<_>>(), [&b"one"[..], b"", b"three", b"", b""]);
        answers.clear();
        assert!(answers.is_empty() && answers.get(0).0.is_empty());
    }
}
