//! Choices: dated statements of people, kept apart from the events that they decide about.
//!
//! A [`Choice`] is one record of the consent topic: one subject, some purposes, one date. What is kept of a subject is the
//! *set* of its statements ([`history`], [`judge`]), never a "current state": records arrive late, twice and in any order, and the
//! answer must not depend on that. Pure: the table that holds ten million of these sets belongs to the runtime.
//! The trap: a choice is personal data even when its subject is a pseudonym. Nothing here can be printed or serialized but
//! words of closed lists, and the consent topic's own records, which name their subject by its key.

mod ask;
pub mod history;
pub mod judge;
pub mod record;
mod statement;
pub mod subject;

pub use ask::{Answers, Book, Choices, Unavailable};
pub use history::{Purposes, insert};
pub use judge::{History, Judged};
pub use record::{ConsentRecord, OptOutSource, Unreadable, UnreadableReason};
pub use subject::{IndexKey, SubjectKey};

use super::Purpose;
use super::signals::says::{AgeBand, Moment};
use crate::engine::outcome::closed_list;

closed_list! {
    /// What a person said about a purpose. Denials are in the order of their strictness, strictest last.
    Stance {
        /// Yes.
        Granted = "granted",
        /// No, when asked.
        Denied = "denied",
        /// No, unasked: an objection (GDPR article 21), which closes exempt purposes, too.
        Objected = "objected",
        /// A yes taken back (GDPR article 7(3)).
        Withdrawn = "withdrawn",
        /// An opt-out signal that arrived with this subject: only a later grant that says it overrides one lifts it.
        OptOut = "opt_out",
    }
}

impl Stance {
    /// A person's own no, of any kind; an opt-out signal is not one.
    pub fn is_denial(self) -> bool {
        matches!(self, Stance::Denied | Stance::Objected | Stance::Withdrawn)
    }
}

/// One dated statement about one subject. What it says is what it is: the id of its record is read and forgotten, so a
/// record that came twice is one choice. No `Debug`: it is about a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Choice {
    /// About whom.
    pub subject: SubjectKey,
    /// What about which purposes; a purpose at most once.
    pub statements: Vec<(Purpose, Stance)>,
    /// About every purpose there is or will be: what a record that cannot be read says.
    pub everything_denied: bool,
    /// When the person said it.
    pub at: Moment,
    /// The last millisecond at which its grants count; `None`: as long as the policy's expiry lets them.
    pub expires_ms: Option<i64>,
    /// How old the person is.
    pub age: Option<AgeBand>,
    /// A parent or guardian said it, or agreed to it, with evidence that the writer keeps.
    pub guardian: bool,
    /// The person was told of their opt-out signal and chose to override it (11 CCR § 7025(c)(3)–(4)).
    pub overrides_gpc: bool,
}

impl Choice {
    /// What is remembered when a record about `subject` cannot be read: no, to everything, since `at`.
    ///
    /// `at` must come again when the record is read again: the broker's time of the record. Where there is none, the
    /// time of the first reading: too late a date only denies for longer.
    pub fn deny_all(subject: SubjectKey, at: Moment) -> Choice {
        Choice {
            subject,
            statements: Vec::new(),
            everything_denied: true,
            at,
            expires_ms: None,
            age: None,
            guardian: false,
            overrides_gpc: false,
        }
    }
}
