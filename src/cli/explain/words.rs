//! Reasons, choices and effects as a person would say them.

use crate::engine::consent::choice::{Judged, Stance};
use crate::engine::consent::signals::says::{AgeBand, Moment, Precision};
use crate::engine::consent::{Regime, SubjectKind};
use crate::engine::outcome::{CloseReason, Effect};
use crate::engine::report::{SignalKind, SignalResult};

/// Why a purpose may not be used.
pub(super) fn reason(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Withdrawn => "the consent was taken back",
        CloseReason::Objected => "somebody objected",
        CloseReason::Denied => "it was refused",
        CloseReason::OptOutSignal => "an opt-out signal speaks against it",
        CloseReason::Prohibited => "nobody may do this here, or not with this person's data",
        CloseReason::Ambiguous => "the event names a person twice, or unreadably, so that nobody knows whom to ask",
        CloseReason::NoSubject => "people may opt out here, and the event names nobody who could be asked",
        CloseReason::Expired => "consent was given, and no longer counts",
        CloseReason::NotYetGranted => "consent was given after the event happened, or the event has no usable time",
        CloseReason::NoGuardian => "consent was given by somebody too young to give it alone",
        CloseReason::UnknownPlace => "nobody consented, and the place, where it may not have been needed, is unknown",
        CloseReason::NoSignal => "nobody consented",
    }
}

/// Why it may be used.
pub(super) fn permitted(regime: Regime) -> &'static str {
    match regime {
        Regime::Exempt => "nobody has to be asked, and nobody objected",
        Regime::OptOut => "nobody refused it",
        Regime::OptIn => "somebody consented",
        Regime::Prohibited => "never",
    }
}

/// What a regime means.
pub(super) fn regime(regime: Regime) -> &'static str {
    match regime {
        Regime::Exempt => "exempt: strictly necessary, no choice is asked",
        Regime::OptOut => "opt_out: allowed until somebody refuses",
        Regime::OptIn => "opt_in: only with consent",
        Regime::Prohibited => "prohibited: never",
    }
}

/// What somebody chose.
pub(super) fn choice(judged: Judged) -> String {
    match judged {
        Judged::Silent => "chose nothing about this".to_owned(),
        Judged::Granted { at, over_gpc, guardian, .. } => {
            let guardian = if guardian { ", with a guardian" } else { "" };
            let over = if over_gpc { ", overriding their opt-out signal" } else { "" };
            format!("consented {}{guardian}{over}", moment(at))
        }
        Judged::NotYet { at } => format!("consented {}, too late for this event", moment(at)),
        Judged::Expired { at } => format!("consented {}, which no longer counts", moment(at)),
        Judged::Denied { stance, at, .. } => format!("{} {}", stance_past(stance), moment(at)),
    }
}

fn stance_past(stance: Stance) -> &'static str {
    match stance {
        Stance::Granted => "consented",
        Stance::Denied => "refused",
        Stance::Objected => "objected",
        Stance::Withdrawn => "took their consent back",
        Stance::OptOut => "opted out by a signal, which is remembered,",
    }
}

/// What a signal of the event says.
pub(super) fn says(stance: Stance, at: Option<Moment>) -> String {
    let word = match stance {
        Stance::Granted => "says yes",
        Stance::Denied | Stance::Withdrawn => "says no",
        Stance::Objected | Stance::OptOut => "opts out",
    };
    at.map_or_else(|| word.to_owned(), |at| format!("{word}, given {}", moment(at)))
}

/// "at 2026-03-01T10:00:00Z"
pub(super) fn moment(at: Moment) -> String {
    let text = time(at.earliest());
    match at.precision {
        Precision::Ms => format!("at {text}"),
        Precision::Second => format!("in the second of {text}"),
        Precision::Day => format!("on the day that begins {text}"),
    }
}

pub(super) fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |at| at.to_string())
}

pub(super) fn age(age: AgeBand) -> &'static str {
    match age {
        AgeBand::Child => "a child under 13",
        AgeBand::Teen => "from 13 to 15 years old",
        AgeBand::Adult => "16 or older",
    }
}

pub(super) fn subject(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Account => "account",
        SubjectKind::Device => "device",
        SubjectKind::Cookie => "cookie",
        SubjectKind::AdId => "advertising id",
        SubjectKind::Email => "e-mail address",
        SubjectKind::Phone => "telephone number",
        SubjectKind::Network => "network address",
    }
}

pub(super) fn signal(kind: SignalKind) -> &'static str {
    match kind {
        SignalKind::Any => "any signal",
        SignalKind::Tcf => "TC string",
        SignalKind::Gpp => "GPP string",
        SignalKind::UsPrivacy => "US Privacy string",
        SignalKind::Gpc => "Global Privacy Control",
        SignalKind::Gcs => "Google gcs",
        SignalKind::Gcd => "Google gcd",
        SignalKind::Google => "Google consent mode",
        SignalKind::Categories => "categories",
        SignalKind::OneTrust => "OneTrust groups",
        SignalKind::ConsentIds => "consent ids",
        SignalKind::Snowplow => "Snowplow preferences",
        SignalKind::Age => "declared age",
    }
}

pub(super) fn signal_result(result: SignalResult) -> String {
    match result {
        SignalResult::Absent => "absent".to_owned(),
        SignalResult::Ok => "read".to_owned(),
        SignalResult::Unmapped => "names an id that the policy does not map".to_owned(),
        SignalResult::Strict => "read in part, the rest in the strictest way".to_owned(),
        SignalResult::Refused(refusal) => format!("counts as none ({refusal})"),
    }
}

/// What was done to a field.
pub(super) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Keep => "kept",
        Effect::Drop => "dropped",
        Effect::Token => "replaced by a token",
        Effect::Mask => "masked",
        Effect::Round => "rounded",
        Effect::Bucket => "put in a bucket",
        Effect::Ip => "cut to its network",
        Effect::Url => "cut down",
        Effect::UserAgent => "reduced to browser and version",
        Effect::OneOf => "kept, it is on the list",
        Effect::Fixed => "replaced by a fixed value",
        Effect::DropType => "dropped, its form does not fit",
        Effect::DropShape => "dropped, it is not a single value",
        Effect::DropNeeds => "dropped, a purpose that it needs is not permitted",
        Effect::DropUnlisted => "dropped, it is not on the list",
        Effect::DropEpochGone => "dropped, the token key of its time is gone",
        Effect::DropDetected => "dropped, personal data was found in it",
    }
}
