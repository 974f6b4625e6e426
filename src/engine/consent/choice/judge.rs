//! What the statements of a subject mean for one purpose, at one event, now.
//!
//! The rules (DESIGN §6; privacy.md §3.3, rules 3–6 and 8):
//!
//! * A grant *stands* if it was made provably after every denial: its earliest millisecond is later than their latest.
//!   Against an opt-out signal it also has to say that it overrides one; without that it never stands, whatever its date.
//! * A grant *covers* a time from its latest millisecond to its limit, the earlier of its own `expires` and its earliest
//!   millisecond plus the policy's expiry, both included.
//! * Permitted is what standing grants cover *then* (at the event) and *now* (at the decision). They need not be one and
//!   the same: a renewal does not close what came in under the grant that it renews.
//! * A grant that does not cover lifts nothing. So a denial before an expired grant, or before one that is later than the
//!   event, is in force; only where nobody ever denied is the answer "expired" or "not yet".
//!
//! The trap: two statements of one day, one of them known only to the day, are in no order, so the denial wins.

use super::Stance;
use super::statement::{AGE, EVERYTHING, Statement};
use crate::engine::consent::signals::says::{AgeBand, Moment};

/// The answer for one subject and one purpose. `at` is the date of the statement that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Nothing was ever said.
    Silent,
    /// Granted then and now.
    Granted {
        /// Start of the earliest grant that stands.
        since_ms: i64,
        /// So it is if only grants count that override an opt-out signal.
        over_gpc: bool,
        /// So it is if only grants count that a guardian made or agreed to.
        guardian: bool,
        /// So it is if only grants count that are both.
        both: bool,
        /// The latest grant that stands.
        at: Moment,
    },
    /// Granted, but later than the event, or the event has no usable time; and never denied.
    NotYet {
        /// The earliest grant.
        at: Moment,
    },
    /// Granted, but that was over, then or now; and never denied.
    Expired {
        /// The grant that ended last.
        at: Moment,
    },
    /// Denied, and no grant has lifted it.
    Denied {
        /// The last denial; that of an opt-out signal only where nothing else keeps it closed.
        stance: Stance,
        /// Someone objected or opted out, or may have: closes exempt purposes, too.
        objects: bool,
        /// Its date.
        at: Moment,
    },
}

/// The statements of one subject, read where they lie.
#[derive(Clone, Copy)]
pub struct History<'a>(pub &'a [u8]);

/// When an event happened, when it is decided, how long grants count.
#[derive(Clone, Copy)]
struct Clocks {
    event_ms: Option<i64>,
    now_ms: i64,
    expiry_ms: i64,
}

/// A grant with the time it covers.
#[derive(Clone, Copy)]
struct Grant {
    said: Statement,
    begins_ms: i64,
    limit_ms: i64,
    /// The event itself carries it.
    carried: bool,
}

/// Whether grants cover both times.
#[derive(Clone, Copy, Default)]
struct Cover {
    then: bool,
    now: bool,
}

impl<'a> History<'a> {
    /// What was said about the purpose with this number. `event_ms`: time of the event, `None` if it is unusable.
    /// `expiry_ms`: how long grants count under the policy.
    #[inline]
    pub fn judge(&self, purpose: u8, event_ms: Option<i64>, now_ms: i64, expiry_ms: i64) -> Judged {
        self.judge_with(purpose, None, event_ms, now_ms, expiry_ms)
    }

    /// As [`History::judge`], for an event that itself carries a grant by this subject, made at `carried`: one more member
    /// of the set, which covers the event that carries it whatever the event's time.
    pub fn judge_with(
        &self,
        purpose: u8,
        carried: Option<Moment>,
        event_ms: Option<i64>,
        now_ms: i64,
        expiry_ms: i64,
    ) -> Judged {
        let clocks = Clocks { event_ms, now_ms, expiry_ms };
        let rank = |of: &Statement| (of.at.latest(), of.stance(), of.order());
        let (mut denial, mut opt_out) = (None::<Statement>, None::<Statement>);
        let (mut objects, mut grants) = (false, carried.is_some());
        for (about, said) in self.about(purpose) {
            let stance = said.stance();
            let last = match stance {
                Stance::Granted => {
                    grants = true;
                    continue;
                }
                Stance::OptOut => &mut opt_out,
                _ => &mut denial,
            };
            // What denied everything may have been an objection.
            objects |= about == EVERYTHING || !matches!(stance, Stance::Denied | Stance::Withdrawn);
            if last.is_none_or(|last| rank(&said) > rank(&last)) {
                *last = Some(said);
            }
        }
        let mut found = Found::default();
        if grants {
            let after = denial.map_or(i64::MIN, |denial| denial.at.latest());
            let signal = opt_out.map(|signal| signal.at.latest());
            for grant in self.grants(purpose, carried, clocks).filter(|grant| grant.said.at.earliest() > after) {
                let over = |signal| grant.said.over_gpc && grant.said.at.earliest() > signal;
                found.add(&grant, clocks.covered(&grant), signal.is_none_or(over));
            }
            if let Some(granted) = found.granted() {
                return granted;
            }
        }
        let lifted = found.lifted.whole();
        // A person's own denial is the reason before an opt-out signal, unless a grant has lifted it.
        match denial.filter(|_| !lifted).or(opt_out) {
            Some(last) => Judged::Denied { stance: last.stance(), objects, at: last.at },
            None if grants => clocks.unmet(found.lifted, self.grants(purpose, carried, clocks)),
            None => Judged::Silent,
        }
    }

    /// Whether an opt-out signal about this purpose is remembered, lifted or not: what was learned is not learned again.
    pub fn opted_out(&self, purpose: u8) -> bool {
        self.about(purpose).any(|(_, said)| said.stance() == Stance::OptOut)
    }

    /// How old the person is: the latest word on it. Of several that may be the latest, the youngest.
    pub fn age(&self) -> Option<AgeBand> {
        let ages = || self.statements().filter(|(about, _)| *about == AGE).map(|(_, said)| said);
        let newest = ages().map(|said| said.at.earliest()).max()?;
        ages().filter(|said| said.at.latest() >= newest).map(|said| said.band()).min()
    }

    /// Whether the bytes are whole statements in order, as [`insert`](super::insert) leaves them: for a snapshot that is
    /// read back.
    pub fn is_whole(&self) -> bool {
        let (mut rest, mut last) = (self.0, 0);
        while let Some((about, _, behind)) = Statement::read(rest) {
            if about < last {
                return false;
            }
            (rest, last) = (behind, about);
        }
        rest.is_empty()
    }

    fn statements(&self) -> impl Iterator<Item = (u8, Statement)> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (about, said, behind) = Statement::read(rest)?;
            rest = behind;
            Some((about, said))
        })
    }

    /// What is about one purpose, or about everything.
    #[inline]
    fn about(&self, purpose: u8) -> impl Iterator<Item = (u8, Statement)> + use<'a> {
        self.statements().filter(move |(about, _)| *about == EVERYTHING || (*about == purpose && purpose != AGE))
    }

    fn grants(&self, purpose: u8, carried: Option<Moment>, clocks: Clocks) -> impl Iterator<Item = Grant> + use<'a> {
        let grant = move |said: Statement, carried: bool| Grant {
            said,
            begins_ms: if carried { said.at.earliest() } else { said.at.latest() },
            limit_ms: said.limit_ms(clocks.expiry_ms),
            carried,
        };
        let stored = self.about(purpose).map(|(_, said)| said).filter(|said| said.stance() == Stance::Granted);
        let own = carried.map(|at| grant(Statement::grant(at, false, false, None), true));
        stored.map(move |said| grant(said, false)).chain(own)
    }
}

impl Grant {
    fn covers(&self, ms: i64) -> bool {
        self.begins_ms <= ms && ms <= self.limit_ms
    }
}

impl Cover {
    fn whole(self) -> bool {
        self.then && self.now
    }

    fn add(&mut self, other: Cover) {
        self.then |= other.then;
        self.now |= other.now;
    }
}

/// What grants later than every denial cover between them.
#[derive(Clone, Copy, Default)]
struct Found {
    /// All of them.
    lifted: Cover,
    /// Those that stand: an opt-out signal does not hold them back, either.
    standing: Cover,
    over_gpc: Cover,
    guardian: Cover,
    both: Cover,
    since_ms: Option<i64>,
    last: Option<Statement>,
}

impl Found {
    #[inline]
    fn add(&mut self, grant: &Grant, cover: Cover, stands: bool) {
        self.lifted.add(cover);
        if !stands {
            return;
        }
        let said = grant.said;
        self.standing.add(cover);
        for (of, wanted) in [
            (&mut self.over_gpc, said.over_gpc),
            (&mut self.guardian, said.guardian),
            (&mut self.both, said.over_gpc && said.guardian),
        ] {
            if wanted {
                of.add(cover);
            }
        }
        self.since_ms = Some(self.since_ms.map_or(grant.begins_ms, |since| since.min(grant.begins_ms)));
        if self.last.is_none_or(|last| said.order() > last.order()) {
            self.last = Some(said);
        }
    }

    /// The answer, if what stands covers both times.
    fn granted(&self) -> Option<Judged> {
        let (since_ms, at) = (self.since_ms?, self.last?.at);
        let (over_gpc, guardian, both) = (self.over_gpc.whole(), self.guardian.whole(), self.both.whole());
        self.standing.whole().then_some(Judged::Granted { since_ms, over_gpc, guardian, both, at })
    }
}

impl Clocks {
    /// Which of the two times a grant covers.
    #[inline]
    fn covered(self, grant: &Grant) -> Cover {
        let then = match self.event_ms {
            // It was said by then, whatever the event's time; without one, it may be any, and the last is now.
            event if grant.carried => grant.begins_ms <= self.now_ms && event.unwrap_or(self.now_ms) <= grant.limit_ms,
            Some(event_ms) => grant.covers(event_ms),
            None => false,
        };
        Cover { then, now: grant.covers(self.now_ms) }
    }

    /// Why grants that nobody denied do not permit: at the time that they leave open, none had begun, or all had ended.
    fn unmet(self, cover: Cover, grants: impl Iterator<Item = Grant>) -> Judged {
        let open_ms = if cover.then { self.now_ms } else { self.event_ms.unwrap_or(i64::MIN) };
        let (mut first, mut ended) = (None::<Grant>, None::<Grant>);
        for grant in grants {
            if first.is_none_or(|first| grant.begins_ms < first.begins_ms) {
                first = Some(grant);
            }
            if grant.begins_ms <= open_ms && ended.is_none_or(|ended| grant.limit_ms > ended.limit_ms) {
                ended = Some(grant);
            }
        }
        match (ended, first) {
            (Some(ended), _) => Judged::Expired { at: ended.said.at },
            (None, Some(first)) => Judged::NotYet { at: first.said.at },
            (None, None) => Judged::Silent,
        }
    }
}
