//! The rules for choices, written to be read: everything that was ever said is kept, and asked anew each time.
//!
//! From DESIGN §6 and privacy.md §3.3 (rules 3, 4, 5, 6, 8, 10), not from the code. Two formulations: [`judge`] by
//! quantifiers over all statements, and [`fold`] by sorting them and going through time, for dates known exactly.

use tamis::engine::consent::choice::{Judged, Stance};
use tamis::engine::consent::signals::says::{AgeBand, Moment, Precision};

/// One statement about one purpose, or (`None`) about every purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    pub purpose: Option<u8>,
    pub stance: Stance,
    pub at: Moment,
    pub expires_ms: Option<i64>,
    pub over_gpc: bool,
    pub guardian: bool,
    /// The event itself carries it.
    pub carried: bool,
}

/// The first and the last instant that a date may mean.
pub fn interval(at: Moment) -> (i64, i64) {
    let length = match at.precision {
        Precision::Ms => 1,
        Precision::Second => 1_000,
        Precision::Day => 86_400_000,
    };
    (at.ms, at.ms + length - 1)
}

fn provably_after(later: Moment, earlier: Moment) -> bool {
    interval(later).0 > interval(earlier).1
}

/// Is this a yes that no denial undoes?
fn stands(grant: &Said, all: &[Said]) -> bool {
    all.iter().all(|other| match other.stance {
        Stance::Granted => true,
        Stance::OptOut => grant.over_gpc && provably_after(grant.at, other.at),
        Stance::Denied | Stance::Objected | Stance::Withdrawn => provably_after(grant.at, other.at),
    })
}

/// Certainly begun, and not older than the expiry allows.
fn covers(grant: &Said, ms: i64, expiry_ms: i64) -> bool {
    begins(grant) <= ms && ms <= limit(grant, expiry_ms)
}

/// What the event carries was said by then; any other date may mean its last instant.
fn begins(grant: &Said) -> i64 {
    let (first, last) = interval(grant.at);
    if grant.carried { first } else { last }
}

fn limit(grant: &Said, expiry_ms: i64) -> i64 {
    grant.expires_ms.unwrap_or(i64::MAX).min(interval(grant.at).0 + expiry_ms)
}

/// What the event carries covers it, whatever its time: if it was made by now, and lasts until then, or until now where the
/// time is not known.
fn covers_then(grant: &Said, event: Option<i64>, now: i64, expiry_ms: i64) -> bool {
    if grant.carried {
        return begins(grant) <= now && event.unwrap_or(now) <= limit(grant, expiry_ms);
    }
    event.is_some_and(|event| covers(grant, event, expiry_ms))
}

/// Permitted then and now, by grants of a kind.
fn permitted(all: &[Said], event: Option<i64>, now: i64, expiry: i64, kind: impl Fn(&Said) -> bool) -> bool {
    let standing: Vec<&Said> =
        all.iter().filter(|said| said.stance == Stance::Granted && kind(said) && stands(said, all)).collect();
    standing.iter().any(|grant| covers_then(grant, event, now, expiry))
        && standing.iter().any(|grant| covers(grant, now, expiry))
}

/// What is known about one purpose of one subject.
pub fn judge(everything: &[Said], purpose: u8, event: Option<i64>, now: i64, expiry: i64) -> Judged {
    let all: Vec<Said> =
        everything.iter().copied().filter(|said| said.purpose.is_none_or(|about| about == purpose)).collect();
    let grants: Vec<&Said> = all.iter().filter(|said| said.stance == Stance::Granted).collect();
    let permitted_by = |kind: fn(&Said) -> bool| permitted(&all, event, now, expiry, kind);
    if permitted_by(|_| true) {
        let standing = grants.iter().filter(|grant| stands(grant, &all));
        return Judged::Granted {
            since_ms: standing.clone().map(|grant| begins(grant)).min().expect("a grant stands"),
            over_gpc: permitted_by(|grant| grant.over_gpc),
            guardian: permitted_by(|grant| grant.guardian),
            both: permitted_by(|grant| grant.over_gpc && grant.guardian),
            at: standing.map(|grant| grant.at).max_by_key(|at| (at.ms, at.precision)).expect("a grant stands"),
        };
    }
    // A person's own denial, unless a grant lifted all of them and only an opt-out signal is left.
    let own: Vec<Said> = all.iter().copied().filter(|said| said.stance != Stance::OptOut).collect();
    let own_lifted = permitted(&own, event, now, expiry, |_| true);
    let denials = |of: fn(Stance) -> bool| all.iter().filter(move |said| of(said.stance));
    let last = |of: fn(Stance) -> bool| denials(of).max_by_key(|said| (interval(said.at).1, said.stance, said.at.ms));
    let denial = last(|stance| matches!(stance, Stance::Denied | Stance::Objected | Stance::Withdrawn));
    let signal = last(|stance| stance == Stance::OptOut);
    if let Some(last) = if own_lifted { signal } else { denial.or(signal) } {
        let objects = denials(|stance| stance != Stance::Granted)
            .any(|said| said.purpose.is_none() || matches!(said.stance, Stance::Objected | Stance::OptOut));
        return Judged::Denied { stance: last.stance, objects, at: last.at };
    }
    // Nobody denied. What is wrong at the time that is not covered: not yet begun, or ended?
    let Some(first) = grants.iter().map(|grant| grant.at).min_by_key(|at| (interval(*at).1, at.ms)) else {
        return Judged::Silent;
    };
    let then = grants.iter().any(|grant| covers_then(grant, event, now, expiry));
    let begun = |ms: i64| grants.iter().filter(move |grant| begins(grant) <= ms);
    let open = if then { Some(now) } else { event };
    match open.and_then(|ms| begun(ms).map(|grant| limit(grant, expiry)).max()) {
        // Which of several that ended together is named does not matter: the test compares the kind of answer.
        Some(_) => Judged::Expired { at: first },
        None => Judged::NotYet { at: first },
    }
}

/// Going through time, for exact dates and without opt-out signals: a denial empties the list of grants, a grant joins it.
/// Returns whether the purpose is permitted.
pub fn fold(everything: &[Said], purpose: u8, event: i64, now: i64, expiry: i64) -> bool {
    let mut all: Vec<&Said> =
        everything.iter().filter(|said| said.purpose.is_none_or(|about| about == purpose)).collect();
    // At one instant, the denial comes last and has the last word.
    all.sort_by_key(|said| (said.at.ms, said.stance != Stance::Granted));
    let mut grants: Vec<&Said> = Vec::new();
    for said in all {
        match said.stance {
            Stance::Granted => grants.push(said),
            _ => grants.clear(),
        }
    }
    let at = |ms: i64| grants.iter().any(|grant| covers(grant, ms, expiry));
    at(event) && at(now)
}

/// The youngest of what may be the latest word on an age.
pub fn age(all: &[(AgeBand, Moment)]) -> Option<AgeBand> {
    let newest = |(_, at): &&(AgeBand, Moment)| all.iter().all(|(_, other)| !provably_after(*other, *at));
    all.iter().filter(newest).map(|(band, _)| *band).min()
}
