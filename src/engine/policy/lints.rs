//! What reads well and does not do what it seems to: sources that no record fills, and rules that keep more, or less, than
//! they say.

use std::collections::BTreeSet;

use crate::engine::action::Action;
use crate::engine::consent::Purpose;
use crate::engine::detect::Kind;
use crate::engine::path::Automaton;

use super::draft::{At, Draft, DraftRule};
use super::model::Source;
use super::problem::{Code, Problem};

/// Headers that carry credentials or addresses, whatever the site.
const SENSITIVE_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-amz-security-token",
    "forwarded",
    "x-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "from",
];

pub(super) fn lints(draft: &Draft, problems: &mut Vec<Problem>) {
    for source in &draft.sources {
        self::source(draft, source, problems);
    }
    for header in draft.record.headers.iter().filter(|header| SENSITIVE_HEADERS.contains(&header.value.as_str())) {
        let message = format!("`{}` carries credentials or addresses, and leaves as it came", header.value);
        let help = "a header is kept whole: list those that say something about the record, not about the person";
        problems.push(Problem::new(Code::SensitiveHeader, header.span, message).help(help));
    }
    for rule in &draft.rules {
        if let Action::Ip { v4, v6 } = rule.action.value
            && (v4 == 32 || v6 == 128)
        {
            let which = if v4 == 32 { "`v4: 32`" } else { "`v6: 128`" };
            let message = format!("{which} keeps the whole address of `{}`", rule.written);
            let help = "`ip: {v4: 24, v6: 48}` still tells the network; where the address is needed, say so: `keep: id.network`";
            problems.push(Problem::new(Code::WholeAddress, rule.action.span, message).help(help));
        }
        // `.*` at the end is how people keep a flat map; what is under names that come is another thing.
        if rule.written.replace("..*", "").contains(".*.") && rule.action.value != Action::Drop {
            let message = format!("`{}` lets every key in the place of `*` through as it came", rule.written);
            let help = "name the members; for the elements of an array, write `[*]`";
            problems.push(Problem::new(Code::KeyAsItCame, rule.span, message).help(help));
        }
    }
}

/// A source that nothing can ever fill looks like a signal that nobody sends.
fn source(draft: &Draft, source: &At<Source>, problems: &mut Vec<Problem>) {
    match &source.value {
        Source::Timestamp if draft.time.as_ref().is_none_or(|time| time.span != source.span) => {
            let message = "the record's timestamp is a time, and nothing else can be read from it";
            let help = "only `input.time` is read from `timestamp`";
            problems.push(Problem::new(Code::TimestampAsSource, source.span, message).help(help));
        }
        Source::Envelope(path) => {
            let Some(split) = &draft.split else { return };
            let Some((_, holder)) = split.value.steps.split_last() else { return };
            if path.steps.starts_with(holder) {
                let message = "this is inside the batch, where only events are: it would never be found";
                let problem = Problem::new(Code::SourceInBatch, source.span, message).other(split.span, "the batch");
                problems.push(problem.help("what each event says is read from the event: write `$…`"));
            }
        }
        _ => {}
    }
}

/// The record's key takes the decision of the field that it is made of (see `compile::KeyRule`).
pub(super) fn key(draft: &Draft, automaton: &Automaton, problems: &mut Vec<Problem>) {
    let Some(At { value: Source::Event(path), span }) = &draft.record.key else { return };
    let accepted = automaton.accepts(automaton.at(path));
    let rules: Vec<&DraftRule> = accepted.iter().filter_map(|rule| draft.rules.get(usize::from(*rule))).collect();
    for (index, route) in draft.routes.iter().enumerate().filter(|(_, route)| route.complete) {
        let here = rules.iter().filter(|rule| rule.routes >> index & 1 != 0);
        let required = |purpose: &Purpose| route.requires.iter().any(|listed| listed.value == *purpose);
        for rule in here {
            let always = rule.action.value == Action::Drop || rule.needs.iter().any(|need| !route.lists(&need.value));
            let sometimes = rule.needs.iter().any(|need| !required(&need.value));
            if !always && !sometimes {
                continue;
            }
            let message = match always {
                true => {
                    format!("`{}` drops what the record key is made of: its records have no key", route.topic.value)
                }
                false => format!("records of `{}` have no key where `{}` is dropped", route.topic.value, rule.written),
            };
            let problem = Problem::new(Code::KeyWithheld, *span, message).other(rule.span, "dropped here");
            problems
                .push(problem.help("make the key of a field that the route may always have, or require its purpose"));
            break;
        }
    }
}

/// A category counts where every rule on the field expects it. One that never counts says what is not so.
pub(super) fn categories(draft: &Draft, sets: &BTreeSet<Vec<usize>>, problems: &mut Vec<Problem>) {
    let detected = |category: &str| Kind::ALL.iter().any(|kind| kind.category() == category);
    for (number, rule) in draft.rules.iter().enumerate() {
        let Some(category) = rule.category.as_ref().filter(|category| detected(&category.value)) else { continue };
        let mut rival = None;
        let ignored = sets.iter().filter(|set| set.contains(&number)).all(|set| {
            let other = set.iter().filter_map(|other| draft.rules.get(*other)).find(|other| {
                other.routes & rule.routes != 0 && other.action.value == Action::Keep && other.category.is_none()
            });
            rival = rival.or(other);
            other.is_some()
        });
        if let (true, Some(rival)) = (ignored, rival) {
            let message = format!("`{}` expects `{}`, and `{}` does not", rule.written, category.value, rival.written);
            let problem = Problem::new(Code::CategoryIgnored, category.span, message).label("masked all the same");
            problems.push(
                problem
                    .other(rival.span, "keeps the same field")
                    .help("a category counts where every rule on the field names it"),
            );
        }
    }
}
