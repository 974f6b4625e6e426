//! One event as JSON: the words of the metrics, times in RFC 3339, subjects by kind.

use serde_json::{Value, json};

use super::words;
use crate::engine::consent::choice::Judged;
use crate::engine::consent::signals::says::Moment;
use crate::engine::explain::{Explanation, PurposeExplained, RouteExplained};
use crate::engine::outcome::{Opening, Outcome};
use crate::engine::policy::action_in_words;
use crate::engine::policy::model::Policy;

pub(super) fn json(policy: &Policy, now_ms: i64, line: i64, explained: &Explanation) -> Value {
    let (outcome, reason) = match explained.outcome {
        Outcome::Forward => ("forward", None),
        Outcome::Drop(reason) => ("drop", Some(reason.as_str())),
        Outcome::Quarantine(reason) => ("quarantine", Some(reason.as_str())),
    };
    let known = explained.known.as_ref().map(|known| {
        let subjects = known.subjects.as_ref().map(|kinds| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
        let signals =
            known.signals.iter().map(|(kind, result)| json!({"kind": kind.as_str(), "result": result.as_str()}));
        json!({
            "time": known.event_ms.map(words::time),
            "places": known.places,
            "place_known": known.place_known,
            "subjects": subjects,
            "ambiguous": known.ambiguous,
            "age": known.age.map(|age| age.as_str()),
            "signals": signals.collect::<Vec<_>>(),
            "learned": known.learned,
        })
    });
    let routes = policy.routes.iter().zip(&explained.routes);
    json!({
        "line": line,
        "event": explained.index,
        "policy": policy.name,
        "digest": policy.digest,
        "preset": policy.law.preset.name,
        "now": words::time(now_ms),
        "outcome": outcome,
        "reason": reason,
        "known": known,
        "routes": routes.map(|(route, explained)| on_route(policy, &route.topic, explained)).collect::<Vec<_>>(),
    })
}

fn on_route(policy: &Policy, topic: &str, explained: &RouteExplained) -> Value {
    let (result, reason) = match explained.opening {
        Opening::Open => ("open", None),
        Opening::Closed(reason) => ("closed", Some(reason.as_str())),
        Opening::Dropped(reason) => ("dropped", Some(reason.as_str())),
        Opening::Quarantined => ("quarantined", None),
    };
    let fields = explained.fields.iter().map(|(rule, effect, count)| {
        let rule = rule.and_then(|rule| policy.rules.get(rule));
        json!({
            "rule": rule.map(|rule| rule.written.as_str()),
            "file": rule.map(|rule| rule.place.file.as_str()),
            "line": rule.map(|rule| rule.place.line),
            "action": rule.map(|rule| action_in_words(&rule.action)),
            "needs": rule.map(|rule| rule.needs.iter().map(|purpose| purpose.as_str()).collect::<Vec<_>>()),
            "effect": effect.as_str(),
            "count": count,
        })
    });
    let found = explained.found.iter();
    json!({
        "route": topic,
        "result": result,
        "reason": reason,
        "purposes": explained.purposes.iter().map(purpose).collect::<Vec<_>>(),
        "fields": fields.collect::<Vec<_>>(),
        "detected": found
            .map(|(kind, action, count)| json!({"kind": kind.as_str(), "action": action.as_str(), "count": count}))
            .collect::<Vec<_>>(),
    })
}

fn purpose(explained: &PurposeExplained) -> Value {
    let choices = explained.choices.iter().map(|(kind, judged)| {
        let (says, at) = match judged {
            Judged::Silent => ("nothing", None),
            Judged::Granted { at, .. } => ("granted", Some(*at)),
            Judged::NotYet { at } => ("not_yet_granted", Some(*at)),
            Judged::Expired { at } => ("expired", Some(*at)),
            Judged::Denied { stance, at, .. } => (stance.as_str(), Some(*at)),
        };
        said("subject", kind.as_str(), says, at)
    });
    let signals =
        explained.signals.iter().map(|(kind, stance, at)| said("signal", kind.as_str(), stance.as_str(), *at));
    json!({
        "purpose": explained.purpose.as_str(),
        "required": explained.required,
        "permitted": explained.reason.is_none(),
        "reason": explained.reason.map(|reason| reason.as_str()),
        "regime": explained.regime.as_str(),
        "regime_for_adults": explained.usual.as_str(),
        "place": explained.place,
        "source": explained.source,
        "expiry_days": explained.expiry_ms / 86_400_000,
        "said": choices.chain(signals).collect::<Vec<_>>(),
    })
}

fn said(what: &str, kind: &str, says: &str, at: Option<Moment>) -> Value {
    json!({
        what: kind,
        "says": says,
        "at": at.map(|at| words::time(at.earliest())),
        "precision": at.map(|at| at.precision.as_str()),
    })
}
