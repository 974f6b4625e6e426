//! One event in words that can be read aloud.

use std::fmt::Write;

use super::words;
use crate::engine::explain::{Explanation, Known, PurposeExplained, RouteExplained};
use crate::engine::outcome::{Opening, Outcome};
use crate::engine::policy::action_in_words;
use crate::engine::policy::model::Policy;
use crate::engine::report::DetectAction;

pub(super) fn event(policy: &Policy, now_ms: i64, line: i64, explained: &Explanation) -> String {
    let mut out = String::new();
    let batched = policy.input.split.is_some();
    let index = explained.index.filter(|_| batched).map_or(String::new(), |index| format!(", event {index}"));
    let _ = writeln!(out, "line {line}{index}: {}", outcome(policy, explained));
    if let Some(known) = &explained.known {
        facts(policy, now_ms, known, &mut out);
    }
    let mut before: Vec<&PurposeExplained> = Vec::new();
    for (route, explained) in policy.routes.iter().zip(&explained.routes) {
        let _ = writeln!(out, "\n  {}: {}", route.topic, opening(explained.opening));
        for purpose in &explained.purposes {
            purpose_in_words(purpose, &before, &mut out);
            before.push(purpose);
        }
        fields(policy, explained, &mut out);
    }
    out
}

fn outcome(policy: &Policy, explained: &Explanation) -> String {
    match explained.outcome {
        Outcome::Forward => {
            let routes = policy.routes.iter().zip(&explained.routes);
            let open = routes.filter(|(_, it)| it.opening == Opening::Open).map(|(route, _)| route.topic.as_str());
            format!("goes to {}", open.collect::<Vec<_>>().join(" and "))
        }
        Outcome::Drop(reason) => format!("goes nowhere ({reason})"),
        Outcome::Quarantine(reason) => format!("is in quarantine ({reason})"),
    }
}

fn opening(opening: Opening) -> String {
    match opening {
        Opening::Open => "open".to_owned(),
        Opening::Closed(reason) => format!("closed ({reason})"),
        Opening::Dropped(reason) => format!("open, but there is nothing to send ({reason})"),
        Opening::Quarantined => "nothing, the event is in quarantine".to_owned(),
    }
}

fn facts(policy: &Policy, now_ms: i64, known: &Known, out: &mut String) {
    let mut fact = |name: &str, text: String| {
        let _ = writeln!(out, "  {name:<9}{text}");
    };
    let happened = known.event_ms.map_or_else(|| "at a time that cannot be known".to_owned(), words::time);
    fact("when", format!("{happened}, decided {}", words::time(now_ms)));
    let preset = &policy.law.preset.name;
    fact(
        "where",
        match (known.place_known, known.places.as_slice()) {
            (false, _) => format!("unknown, so the strictest of preset {preset}"),
            (true, [place]) => format!("{place} (preset {preset})"),
            (true, places) => format!("the strictest of {} (preset {preset})", places.join(" / ")),
        },
    );
    if let Some(subjects) = &known.subjects {
        let kinds: Vec<&str> = subjects.iter().map(|kind| words::subject(*kind)).collect();
        let who = if kinds.is_empty() { "nobody who could be asked".to_owned() } else { kinds.join(", ") };
        fact("who", if known.ambiguous { format!("{who}, and one that cannot be told") } else { who });
    }
    if let Some(age) = known.age {
        fact("age", words::age(age).to_owned());
    }
    for (kind, result) in &known.signals {
        fact("signal", format!("{}: {}", words::signal(*kind), words::signal_result(*result)));
    }
    if known.learned > 0 {
        fact("learned", "the opt-out is remembered for the account".to_owned());
    }
}

/// What was said `before` about this event is not said again.
fn purpose_in_words(explained: &PurposeExplained, before: &[&PurposeExplained], out: &mut String) {
    let (verb, why) = match explained.reason {
        None => ("may be used", words::permitted(explained.regime).to_owned()),
        Some(reason) => ("may not be used", format!("{} ({reason})", words::reason(reason))),
    };
    let need = if explained.required { "required" } else { "wanted by some fields" };
    let again = before.iter().any(|known| known.purpose == explained.purpose);
    let _ = writeln!(out, "    {}, {need}, {verb}: {why}{}", explained.purpose, if again { ", as above" } else { "" });
    if again {
        return;
    }
    let mut say = |who: &str, what: String| {
        let _ = writeln!(out, "      {who:<23}{what}");
    };
    let days = explained.expiry_ms / 86_400_000;
    say("law", format!("{}; a consent counts for {days} days", words::regime(explained.usual)));
    if explained.regime != explained.usual {
        say("law for this age", words::regime(explained.regime).to_owned());
    }
    let same = |known: &&&PurposeExplained| (&known.place, &known.source) == (&explained.place, &explained.source);
    match before.iter().find(same) {
        Some(known) => say("from", format!("the same line as for {}", known.purpose)),
        None => say("from", format!("{}: {}", explained.place, explained.source)),
    }
    for (kind, judged) in &explained.choices {
        say(words::subject(*kind), words::choice(*judged));
    }
    for (kind, stance, at) in &explained.signals {
        say(words::signal(*kind), words::says(*stance, *at));
    }
}

fn fields(policy: &Policy, explained: &RouteExplained, out: &mut String) {
    let mut lines: Vec<[String; 4]> = Vec::new();
    for (rule, effect, count) in &explained.fields {
        let done = format!("{count} {}", words::effect(*effect));
        let line = match rule.and_then(|rule| policy.rules.get(rule)) {
            Some(rule) => {
                let needs: Vec<&str> = rule.needs.iter().map(|purpose| purpose.as_str()).collect();
                let needs = if needs.is_empty() { String::new() } else { format!(" if {}", needs.join(" and ")) };
                let place = format!("{}:{}", rule.place.file, rule.place.line);
                [rule.written.clone(), format!("{}{needs}", action_in_words(&rule.action)), place, done]
            }
            None => ["no rule names it".to_owned(), "drop".to_owned(), "-".to_owned(), done],
        };
        lines.push(line);
    }
    if !lines.is_empty() {
        let _ = writeln!(out, "    fields");
    }
    let width =
        |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|it| it.chars().count()).max().unwrap_or(0);
    let (field, action, place) = (width(0), width(1), width(2));
    for [written, rule, at, done] in &lines {
        let _ = writeln!(out, "      {written:<field$}  {rule:<action$}  {at:<place$}  {done}");
    }
    for (kind, action, count) in &explained.found {
        let what = if *action == DetectAction::Mask { "masked" } else { "dropped" };
        let _ = writeln!(out, "      found {count} {}, {what}", kind.category());
    }
}
