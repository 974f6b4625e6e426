//! The engine decides what may leave. It is pure: no I/O, async, clock, randomness, environment or logging.
//!
//! [`Engine::read`] scans a record once and leaves spans on a tape; [`Engine::minimize`] takes what the runtime looked
//! up ([`Facts`]) and decides, per event: evidence → permits → per route: opened or closed → per field: its action,
//! detectors over what is kept → key, headers, timestamp → outcome. A failure on any route puts the event in
//! quarantine on all of them; its siblings in the batch go on.

// Tests may panic; what runs on records may not. clippy.toml says what is disallowed, and why.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::panic,
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros
    )
)]

pub mod action;
mod compile;
pub mod consent;
pub mod detect;
mod evidence;
pub mod explain;
pub mod json;
pub mod limits;
mod listed;
pub mod outcome;
mod output;
pub mod path;
pub mod policy;
mod read;
pub mod record;
mod redact;
pub mod report;
mod route;
mod sources;
mod tape;
pub mod token;
mod work;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use compile::Compiled;
use consent::choice::{Choices, Purposes, Unavailable};
use consent::{Asked, Permits};
use evidence::{Abouts, to_remember};
use json::scan::Span;
use limits::Limits;
use outcome::{DropReason, Opening, Outcome, QuarantineReason};
use path::TooComplex;
use policy::model::{Policy, Source};
use record::{Header, Record};
use report::{Layout, Report};
use tape::EventTape;
use token::KeyRing;
pub use work::{EventResult, LearnedDenial, Minimized, Placement, QuarantineNote, Work};
use work::{Note, Results};

/// One policy, ready for records. Shared by workers.
pub struct Engine {
    compiled: Arc<Compiled>,
    limits: Limits,
}

/// What the runtime looked up for a batch.
#[derive(Clone)]
pub struct Facts {
    /// Now, Unix milliseconds.
    pub now_ms: i64,
    /// Token keys as they are loaded.
    pub keys: Arc<KeyRing>,
    /// Outputs carry a `tamis-event-id` (under at-least-once delivery, for deduplication).
    pub event_ids: bool,
    /// Choices that can be asked for; `None` where there is no consent table.
    pub choices: Option<Arc<dyn Choices>>,
}

impl Facts {
    /// Without event ids and without a consent table.
    pub fn new(now_ms: i64, keys: Arc<KeyRing>) -> Facts {
        Facts { now_ms, keys, event_ids: false, choices: None }
    }

    /// With event ids, or without.
    #[must_use]
    pub fn with_event_ids(self, event_ids: bool) -> Facts {
        Facts { event_ids, ..self }
    }

    /// With choices that can be asked for.
    #[must_use]
    pub fn with_choices(self, choices: Option<Arc<dyn Choices>>) -> Facts {
        Facts { choices, ..self }
    }
}

/// What [`Engine::read`] says of a record's value. No `Debug`: it holds the value.
#[derive(Clone, Copy)]
pub enum Scanned<'a> {
    /// There is none.
    Tombstone,
    /// One JSON text; what matters of it is on the tape.
    Text(&'a str),
    /// It cannot be read.
    Refused(QuarantineReason),
}

/// Why nothing can be decided now: the runtime stops reading until it is mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// A token domain of the policy has no key for the epoch of now.
    #[error("token domain `{domain}` has no key for epoch {epoch}, which is now")]
    TokenKey {
        /// The domain.
        domain: String,
        /// The epoch.
        epoch: u64,
    },
    /// The policy looks choices up, and there is no table.
    #[error("the policy looks choices up, and there is no consent table")]
    NoChoices,
}

/// What looking at a signal costs besides its bytes.
const AROUND: usize = 64;

/// What looking at a header's name costs.
const HEADER: usize = 8;

/// Nobody has spoken about a purpose of their own.
static NO_PURPOSES: Purposes = Purposes::NONE;

impl Engine {
    /// Compiles a checked policy, with the default [`Limits`].
    pub fn new(policy: Policy) -> Result<Engine, TooComplex> {
        Engine::with_limits(policy, Limits::default())
    }

    /// Compiles a checked policy.
    pub fn with_limits(policy: Policy, limits: Limits) -> Result<Engine, TooComplex> {
        Ok(Engine { compiled: Arc::new(Compiled::new(policy)?), limits })
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.compiled.policy
    }

    /// The bounds on one record.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether events of now can be decided. Ask before each batch.
    pub fn ready(&self, facts: &Facts) -> Result<(), Halt> {
        if self.policy().consent.table && facts.choices.is_none() {
            return Err(Halt::NoChoices);
        }
        for domain in self.policy().tokens.keys() {
            let keys = facts.keys.domain(domain);
            let epoch = keys.map_or(0, |keys| keys.epoch_at(facts.now_ms));
            if keys.and_then(|keys| keys.key(epoch)).is_none() {
                return Err(Halt::TokenKey { domain: domain.clone(), epoch });
            }
        }
        Ok(())
    }

    /// Reads, asks for the choices of those whom the record is about, and minimizes; a panic in between is caught, and the
    /// record is in quarantine.
    ///
    /// # Errors
    /// [`Unavailable`]: choices cannot be asked for now. Nothing was decided or counted; the record must come again.
    pub fn process(
        &self,
        record: &Record<'_>,
        facts: &Facts,
        work: &mut Work,
        report: &mut Report,
    ) -> Result<(), Unavailable> {
        let done = catch_unwind(AssertUnwindSafe(|| {
            let scanned = self.read(record, work);
            self.ask(record, scanned, facts, work)?;
            self.minimize(record, scanned, facts, work, report);
            Ok(())
        }));
        done.unwrap_or_else(|_| {
            *work = Work::new();
            self.refuse(record, QuarantineReason::Panic, work, report);
            Ok(())
        })
    }

    /// Asks for the choices of everybody whom the events of a record are about; answers stay in `work`.
    ///
    /// # Errors
    /// [`Unavailable`]: they cannot be asked for now.
    pub fn ask(
        &self,
        record: &Record<'_>,
        scanned: Scanned<'_>,
        facts: &Facts,
        work: &mut Work,
    ) -> Result<(), Unavailable> {
        let (true, Scanned::Text(value)) = (self.policy().consent.table, scanned) else { return Ok(()) };
        let choices = facts.choices.as_ref().ok_or(Unavailable)?;
        let questions = &mut work.questions;
        questions.ask(&self.compiled, record, value, &work.tape, choices.index());
        let mut answers = std::mem::take(&mut questions.answers);
        let asked = choices.ask(questions.subjects(), &mut |history| answers.push(history));
        questions.answers = answers;
        work.purposes = Some(choices.purposes());
        asked
    }

    /// Scans a record's bytes once; what it finds stays in `work` for [`Self::minimize`].
    pub fn read<'a>(&self, record: &Record<'a>, work: &mut Work) -> Scanned<'a> {
        work.begin(&self.compiled, record);
        let Some(value) = record.value else { return Scanned::Tombstone };
        if value.len() > self.limits.record_bytes {
            return Scanned::Refused(QuarantineReason::TooLarge);
        }
        if value.first() == Some(&0) {
            return Scanned::Refused(QuarantineReason::FramedValue);
        }
        let Ok(text) = std::str::from_utf8(value) else { return Scanned::Refused(QuarantineReason::InvalidJson) };
        match read::read(&self.compiled, &self.limits, text, &mut work.read, &mut work.tape) {
            // What stands around a batch is looked at again for each of its events.
            Ok(())
                if self.around(record, text, work).saturating_mul(work.tape.events.len())
                    > self.limits.around_bytes =>
            {
                Scanned::Refused(QuarantineReason::TooMuchWork)
            }
            Ok(()) => Scanned::Text(text),
            Err(reason) => Scanned::Refused(reason),
        }
    }

    /// Bytes that each event of a batch has to look at although they are not its own.
    fn around(&self, record: &Record<'_>, value: &str, work: &Work) -> usize {
        if work.tape.events.len() < 2 {
            return 0;
        }
        let envelope: usize =
            work.tape.envelope_captures.iter().map(|capture| AROUND + capture.span.text(value).len()).sum();
        let headers = self.compiled.sources.record.iter().filter_map(|(source, _)| match source {
            Source::Header(name) => Some(name),
            _ => None,
        });
        let bytes = |name: &String| -> usize {
            let value = |header: &Header<'_>| match header.name.eq_ignore_ascii_case(name) {
                true => AROUND + header.value.map_or(0, <[u8]>::len),
                false => HEADER,
            };
            record.headers.iter().map(value).sum()
        };
        envelope + headers.map(bytes).sum::<usize>() + record.key.map_or(0, <[u8]>::len)
    }

    /// Decides a record that was just read into `work`; results stay there, counts are added to `report`.
    pub fn minimize(
        &self,
        record: &Record<'_>,
        scanned: Scanned<'_>,
        facts: &Facts,
        work: &mut Work,
        report: &mut Report,
    ) {
        match scanned {
            Scanned::Refused(reason) => return self.refuse(record, reason, work, report),
            Scanned::Tombstone => self.tombstone(record, facts, work),
            Scanned::Text(value) => {
                for index in 0..work.tape.events.len() {
                    if let Some(&event) = work.tape.events.get(index) {
                        self.event(record, value, index as u32, event, facts, work);
                    }
                }
            }
        }
        finish(record, &mut work.results, report);
    }

    /// Puts a whole record in quarantine by its coordinates: one event, without an index.
    pub fn refuse(&self, record: &Record<'_>, reason: QuarantineReason, work: &mut Work, report: &mut Report) {
        work.begin(&self.compiled, record);
        self.quarantine(None, reason, &mut work.results);
        finish(record, &mut work.results, report);
    }

    fn event(&self, record: &Record<'_>, value: &str, index: u32, event: EventTape, facts: &Facts, work: &mut Work) {
        let compiled = &*self.compiled;
        work.gathered.gather(compiled, record, value, &work.tape, &event, facts.now_ms);
        work.gathered.signals.count(compiled, &mut work.results);
        let permits = self.permits(record, index as usize, facts, work);
        let before = work.results.mark();
        let openings = work.results.openings.len();
        let range = self.range(value, event, work);
        let moment = output::Moment::new(record, facts, &work.gathered);
        for (number, route) in compiled.routes.iter().enumerate() {
            let opening = match permits.close_reason(route.requires) {
                Some(reason) => Ok(Opening::Closed(reason)),
                None => {
                    let permitted = permits.permitted();
                    let on = output::OnRoute { engine: self, record, facts, moment, number, index, permitted };
                    on.send(value, event.root, range, work)
                }
            };
            match opening {
                Ok(opening) => work.results.openings.push(opening),
                Err(reason) => {
                    work.results.return_to(before);
                    work.results.openings.truncate(openings);
                    return self.quarantine(Some(index), reason, &mut work.results);
                }
            }
        }
        self.close_event(openings, &mut work.results);
    }

    /// What is copied of a record for one event: all of it, or the event inside its batch.
    fn range(&self, value: &str, event: EventTape, work: &Work) -> Span {
        match self.compiled.envelope {
            None => Span::new(0, value.len()),
            Some(_) => work.tape.nodes.get(event.root as usize).map_or(Span::default(), |root| root.span),
        }
    }

    /// What one event permits, and what its opt-out signals teach about its account.
    fn permits(&self, record: &Record<'_>, event: usize, facts: &Facts, work: &mut Work) -> Permits {
        let compiled = &*self.compiled;
        if !self.policy().consent.table {
            return compiled.resolver.decide(&work.gathered.evidence(compiled, record, facts.now_ms, None));
        }
        let abouts = work.questions.abouts(event);
        let asked = self.asked(&abouts, work.purposes.as_deref());
        let evidence = work.gathered.evidence(compiled, record, facts.now_ms, asked);
        let permits = compiled.resolver.decide(&evidence);
        if let (Some(asked), Some((account, about))) = (&asked, work.questions.account(event)) {
            let gpc = compiled.resolver.gpc_denies(evidence.country, evidence.region);
            let expiry_ms = compiled.resolver.expiry_ms(evidence.country, evidence.region);
            let at_ms = evidence.event_ms.unwrap_or(facts.now_ms);
            for (source, denied) in work.gathered.signals.opt_outs(gpc) {
                let unknown = to_remember(&about, asked.purposes, denied, &evidence, expiry_ms);
                work.results.learn(account, source, &unknown, at_ms);
            }
        }
        permits
    }

    /// The answers about one event; `None`: the policy asks nobody.
    fn asked<'a>(&self, abouts: &'a Abouts<'a>, purposes: Option<&'a Purposes>) -> Option<Asked<'a>> {
        self.policy().consent.table.then(|| Asked {
            purposes: purposes.unwrap_or(&NO_PURPOSES),
            subjects: abouts.all(),
            ambiguous: abouts.ambiguous || purposes.is_none(),
        })
    }

    /// Dropped, or forwarded under a token key where the policy says so. It carries no data, so consent is not asked.
    fn tombstone(&self, record: &Record<'_>, facts: &Facts, work: &mut Work) {
        let compiled = &*self.compiled;
        let openings = work.results.openings.len();
        work.gathered.gather_outside(compiled, record);
        let moment = output::Moment::new(record, facts, &work.gathered);
        for number in 0..compiled.routes.len() {
            let permitted = Default::default();
            let on = output::OnRoute { engine: self, record, facts, moment, number, index: 0, permitted };
            let opening = on.send_tombstone(work);
            work.results.openings.push(opening);
        }
        self.close_event(openings, &mut work.results);
    }

    /// Concludes an event from its openings.
    fn close_event(&self, openings: usize, results: &mut Results) {
        let on_routes = results.openings.get(openings..).unwrap_or(&[]);
        let outcome = if on_routes.contains(&Opening::Open) {
            Outcome::Forward
        } else {
            let dropped = on_routes.iter().find_map(|opening| match opening {
                Opening::Dropped(reason) => Some(*reason),
                _ => None,
            });
            Outcome::Drop(dropped.unwrap_or(DropReason::AllClosed))
        };
        for (route, opening) in on_routes.iter().enumerate() {
            results.journal.push((Layout::opening(route, *opening), 1));
        }
        conclude(outcome, results);
    }

    fn quarantine(&self, index: Option<u32>, reason: QuarantineReason, results: &mut Results) {
        for route in 0..self.compiled.routes.len() {
            results.openings.push(Opening::Quarantined);
            results.count(Layout::opening(route, Opening::Quarantined), 1);
        }
        results.notes.push(Note { index, reason });
        conclude(Outcome::Quarantine(reason), results);
    }

    pub(in crate::engine) fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    pub(in crate::engine) fn layout(&self) -> Layout {
        Layout::new(self.compiled.routes.len(), self.compiled.policy.rules.len())
    }
}

fn conclude(outcome: Outcome, results: &mut Results) {
    for id in Layout::outcome(outcome) {
        results.count(id, 1);
    }
    results.events.push(EventResult { outcome });
}

/// Counts move only when a record is done: one that panics half-way leaves none.
fn finish(record: &Record<'_>, results: &mut Results, report: &mut Report) {
    for &(id, by) in &results.journal {
        report.count(id, u64::from(by));
    }
    results.journal.clear();
    let sent = results.outputs.iter().filter_map(|output| output.value.as_ref()).map(ExactSizeIterator::len).sum();
    report.record(record.value.map_or(0, <[u8]>::len), sent);
}
