//! Who may be where, written from the rules (docs/consent.md, privacy.md §3.3) and not from the code: it keeps all that
//! anybody ever said, and looks through all of it for every question.

use std::collections::BTreeMap;

/// How long a grant lasts in these places.
const EXPIRY_MS: i64 = 183 * DAY_MS;

pub const DAY_MS: i64 = 86_400_000;

/// What people speak about here.
pub const PURPOSES: [&str; 5] = ["analytics.audience", "ads.basic", "ads.measure", "ads.profile", "sale_share"];

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Said {
    Granted,
    /// Denied, withdrawn or objected: where no purpose is exempt, all the same.
    Refused,
    /// By an opt-out signal.
    OptedOut,
}

/// A rule that can be left out, to see whether a year has events that hang on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rule {
    /// Opt-outs are remembered for the account.
    Remembered,
    /// Grants end.
    Expiry,
    /// A grant must have begun when the event happened.
    EventTime,
    /// A date is no more exact than it is said to be.
    Precision,
    /// A grant may override an opt-out signal.
    Override,
    /// Everybody whom the event is about is asked for refusals.
    EverySubject,
}

impl Rule {
    pub const ALL: [Rule; 6] =
        [Rule::Remembered, Rule::Expiry, Rule::EventTime, Rule::Precision, Rule::Override, Rule::EverySubject];
}

/// One thing that somebody said about one purpose.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    pub said: Said,
    pub purpose: &'static str,
    /// The first and the last millisecond at which it may have been said.
    pub from: i64,
    pub to: i64,
    pub over_gpc: bool,
    pub expires: Option<i64>,
}

impl Statement {
    fn covers(&self, at: i64) -> bool {
        let end = self.from + EXPIRY_MS;
        self.to <= at && at <= self.expires.map_or(end, |expires| expires.min(end))
    }
}

/// All that was ever said, by subject.
#[derive(Default)]
pub struct Everything(BTreeMap<String, Vec<Statement>>);

/// What else is asked with: now, what is perhaps said by now, and the rule that is left out.
#[derive(Clone, Copy)]
struct With<'a> {
    now: i64,
    also: &'a [(String, Statement)],
    without: Option<Rule>,
}

/// Where somebody is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Place {
    France,
    California,
    Indiana,
    /// No country, or none that there is.
    Nowhere,
}

impl Place {
    /// In the EEA nothing without a yes; where nobody knows, the strictest.
    fn asks_first(self) -> bool {
        matches!(self, Place::France | Place::Nowhere)
    }

    /// What Global Privacy Control denies there.
    pub fn signal_denies(self, purpose: &str) -> bool {
        purpose == "sale_share" || (self != Place::France && purpose.starts_with("ads."))
    }
}

/// What matters of an event.
#[derive(Clone, Debug)]
pub struct Seen {
    pub account: Option<String>,
    /// A device or a cookie.
    pub here: String,
    pub place: Place,
    pub gpc: bool,
    /// The earliest of all clocks; `None` if the event's own cannot be read.
    pub then: Option<i64>,
}

impl Seen {
    pub fn subjects(&self) -> impl Iterator<Item = &String> {
        self.account.iter().chain([&self.here])
    }
}

enum Answer {
    Silent,
    Refuses,
    Grants { over_gpc: bool },
}

impl Everything {
    pub fn add(&mut self, subject: &str, statement: Statement) {
        self.0.entry(subject.to_owned()).or_default().push(statement);
    }

    pub fn grants(&self, subject: &str) -> usize {
        self.0.get(subject).map_or(0, |all| all.iter().filter(|one| one.said == Said::Granted).count())
    }

    /// Whether the event may be in a route that needs these purposes, if `also` was said, too.
    pub fn permits(&self, purposes: &[&str], seen: &Seen, now: i64, also: &[(String, Statement)]) -> bool {
        let with = With { now, also, without: None };
        purposes.iter().all(|purpose| self.permits_one(purpose, seen, with))
    }

    /// The rules without which the answer would be another.
    pub fn hangs_on(&self, purposes: &[&str], seen: &Seen, now: i64) -> Vec<Rule> {
        let permitted = self.permits(purposes, seen, now, &[]);
        let other = |rule: &Rule| {
            let with = With { now, also: &[], without: Some(*rule) };
            permitted != purposes.iter().all(|purpose| self.permits_one(purpose, seen, with))
        };
        Rule::ALL.into_iter().filter(other).collect()
    }

    fn permits_one(&self, purpose: &str, seen: &Seen, with: With<'_>) -> bool {
        let (mut granted, mut over, mut refused) = (false, false, false);
        for (at, subject) in seen.subjects().enumerate() {
            match self.answer(subject, purpose, seen.then, with) {
                Answer::Silent => {}
                Answer::Refuses if at > 0 && with.without == Some(Rule::EverySubject) => {}
                Answer::Refuses => refused = true,
                Answer::Grants { over_gpc } => (granted, over) = (true, over || over_gpc),
            }
        }
        let signal = seen.gpc && seen.place.signal_denies(purpose) && !over;
        !refused && !signal && (granted || !seen.place.asks_first())
    }

    /// What an event with the signal teaches about its account: a refusal of each purpose that it denies there and that is
    /// not remembered yet, unless the person chose to override it.
    pub fn taught(&self, seen: &Seen, now: i64) -> Vec<(String, Statement)> {
        let Some(account) = seen.account.as_ref().filter(|_| seen.gpc) else { return Vec::new() };
        let fresh = |purpose: &&str| {
            let remembered = self.about(account, purpose, &[]).any(|one| one.said == Said::OptedOut);
            let with = With { now, also: &[], without: None };
            let over = matches!(self.answer(account, purpose, seen.then, with), Answer::Grants { over_gpc: true });
            seen.place.signal_denies(purpose) && !remembered && !over
        };
        let at = seen.then.unwrap_or(now);
        let opted_out =
            |purpose| Statement { said: Said::OptedOut, purpose, from: at, to: at, over_gpc: false, expires: None };
        PURPOSES.into_iter().filter(fresh).map(|purpose| (account.clone(), opted_out(purpose))).collect()
    }

    fn about<'a>(
        &'a self,
        subject: &'a str,
        purpose: &'a str,
        also: &'a [(String, Statement)],
    ) -> impl Iterator<Item = &'a Statement> {
        let more = also.iter().filter(move |(whose, _)| whose == subject).map(|(_, one)| one);
        self.0.get(subject).into_iter().flatten().chain(more).filter(move |one| one.purpose == purpose)
    }

    fn answer(&self, subject: &str, purpose: &str, then: Option<i64>, with: With<'_>) -> Answer {
        let without = |rule: Rule| with.without == Some(rule);
        let mut all: Vec<Statement> = self.about(subject, purpose, with.also).copied().collect();
        all.retain(|one| !(one.said == Said::OptedOut && without(Rule::Remembered)));
        for one in &mut all {
            one.to = if without(Rule::Precision) { one.from } else { one.to };
            one.over_gpc &= !without(Rule::Override);
        }
        let then = if without(Rule::EventTime) { Some(with.now) } else { then };
        let covers = |one: &Statement, at: i64| if without(Rule::Expiry) { one.to <= at } else { one.covers(at) };
        let last = |said: Said| all.iter().filter(|one| one.said == said).map(|one| one.to).max();
        let (refused, opted_out) = (last(Said::Refused), last(Said::OptedOut));
        // A grant counts if it is provably later than every refusal; over a signal only if it says so.
        let later: Vec<&Statement> = all
            .iter()
            .filter(|one| one.said == Said::Granted && refused.is_none_or(|refused| one.from > refused))
            .collect();
        let stands = |one: &Statement| opted_out.is_none_or(|signal| one.over_gpc && one.from > signal);
        let both = |which: &dyn Fn(&Statement) -> bool| {
            let at = |at: i64| later.iter().any(|one| which(one) && covers(one, at));
            then.is_some_and(at) && at(with.now)
        };
        if both(&stands) {
            return Answer::Grants { over_gpc: both(&|one| stands(one) && one.over_gpc) };
        }
        let refuses = opted_out.is_some() || (refused.is_some() && !both(&|_| true));
        if refuses { Answer::Refuses } else { Answer::Silent }
    }
}
