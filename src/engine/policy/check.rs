//! Checks across the lines of one policy: what each line alone could not tell.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::action::Action;
use crate::engine::consent::signals::says::Known;
use crate::engine::consent::{PlaceSource, Purpose, Resolver};
use crate::engine::path::{Automaton, Step, Take};

use super::category::Category;
use super::draft::{Draft, DraftRoute, DraftRule};
use super::meet::{Meetings, Party, combinations, meetings};
use super::model::Source;
use super::nearest::nearest;
use super::problem::{Code, Problem, Span};

/// Where the record's timestamp is floored to when nothing says otherwise: a minute.
const MINUTE_MS: i64 = 60_000;

/// Milliseconds to which record timestamps must be floored so that they say no more than the event's own time does.
pub(super) struct Checked {
    pub(super) timestamp_step_ms: i64,
}

pub(super) fn check(draft: &Draft, problems: &mut Vec<Problem>) -> Checked {
    envelopes(draft, problems);
    indexes(draft, problems);
    law(draft, problems);
    domains(draft, problems);
    record(draft, problems);
    lints(draft, problems);
    super::lints::lints(draft, problems);
    signals(draft, problems);
    table(draft, problems);
    purposes(draft, problems);
    let selectors: Vec<_> = draft.rules.iter().map(|rule| &rule.selector).collect();
    let Ok((automaton, sets)) = combinations(&selectors) else {
        let span = draft.rules.first().map_or(Span { file: draft.file, start: 0, end: 0 }, |rule| rule.span);
        let problem = Problem::new(Code::TooComplex, span, "the selectors together are too complex");
        problems.push(
            problem
                .help("write fewer selectors, or fewer with `..` and `*`; thousands of different names are too many"),
        );
        return Checked { timestamp_step_ms: MINUTE_MS };
    };
    let parties: Vec<Party<'_>> = draft.rules.iter().map(party).collect();
    let met = meetings(&parties, &sets);
    conflicts(draft, &met, problems);
    applies(draft, &met, problems);
    needs(draft, problems);
    tokens(draft, &met, problems);
    super::lints::key(draft, &automaton, problems);
    super::lints::categories(draft, &sets, problems);
    let floor = time_step(draft, &automaton);
    if let Some(written) = &draft.record.timestamp
        && written.value < floor
        && !draft.rules_incomplete
    {
        let message = "the record's timestamp says more than the event's own time may";
        let problem = Problem::new(Code::TimestampFiner, written.span, message);
        problems.push(
            problem.help(format!("what leaves of `input.time` is floored to {}; do the same here", spoken(floor))),
        );
    }
    Checked { timestamp_step_ms: draft.record.timestamp.as_ref().map_or(floor, |at| at.value) }
}

fn party(rule: &DraftRule) -> Party<'_> {
    Party {
        action: &rule.action.value,
        category: rule.category.as_ref().map(|category| category.value.as_str()),
        has_needs: !rule.needs.is_empty(),
        routes: rule.routes,
    }
}

fn envelopes(draft: &Draft, problems: &mut Vec<Problem>) {
    if draft.has_split {
        return;
    }
    for span in &draft.envelopes {
        let message = "there is no envelope: `input.split` takes no batch apart";
        let help = "without `split` the record's value is the event: write `$…`";
        problems.push(Problem::new(Code::EnvelopeWithoutSplit, *span, message).help(help));
    }
}

/// An index alone would keep one element and shift the others away: which one it was is lost in the output.
fn indexes(draft: &Draft, problems: &mut Vec<Problem>) {
    // Where some rule has a wildcard step: what comes before it, and the routes of such rules.
    let mut wildcards: BTreeMap<(&[Step], bool), BTreeSet<u64>> = BTreeMap::new();
    for rule in &draft.rules {
        for (depth, step) in rule.selector.steps.iter().enumerate().filter(|(_, step)| step.take == Take::Any) {
            let before = rule.selector.steps.get(..depth).unwrap_or_default();
            wildcards.entry((before, step.descendant)).or_default().insert(rule.routes);
        }
    }
    for rule in &draft.rules {
        for (depth, step) in rule.selector.steps.iter().enumerate() {
            let Take::Index(index) = step.take else { continue };
            let before = rule.selector.steps.get(..depth).unwrap_or_default();
            let sibling = wildcards
                .get(&(before, step.descendant))
                .is_some_and(|siblings| siblings.iter().any(|routes| routes & rule.routes == rule.routes));
            if !sibling {
                let message = format!("`[{index}]` is ruled, and nothing is said about the other elements");
                let problem = Problem::new(Code::IndexAlone, rule.span, message);
                problems.push(problem.help("add a line with `[*]` in its place: what happens to every element"));
            }
        }
    }
}

fn law(draft: &Draft, problems: &mut Vec<Problem>) {
    if let Some(span) = draft.law.span
        && !draft.law.has_country
    {
        let message = "no country is read: every event is judged by the strictest rules of the preset";
        let help = "`law.country: $.context.geo.country`, or a fixed code such as `FR` for a one-market site";
        problems.push(Problem::new(Code::PlaceUnknown, span, message).help(help));
    }
    if let (Some(PlaceSource::Fixed(country)), Some(PlaceSource::Fixed(region))) =
        (&draft.law.country, &draft.law.region)
        && let Some((named, _)) = region.split_once('-')
        && named != country
        && let Some(span) = draft.law.span
    {
        let message = format!("the region `{region}` is not in `{country}`");
        problems.push(Problem::new(Code::BadPlace, span, message));
    }
}

/// A purpose that rests on consent in some place, and that neither a signal nor the table can grant, never opens there.
fn signals(draft: &Draft, problems: &mut Vec<Problem>) {
    let Some(preset) = &draft.law.preset else { return };
    let consent = &draft.consent;
    let mut told: Vec<&Purpose> = Vec::new();
    for purpose in draft.routes.iter().flat_map(|route| route.requires.iter()) {
        let granted = consent.table
            || consent.mapped().any(|mapped| *mapped == purpose.value)
            || consent.spoken().contains(Known::of(purpose.value.as_str()))
                && !Known::of(purpose.value.as_str()).is_empty();
        let asked = preset.rows().iter().any(|row| row.regime(&purpose.value) == crate::engine::consent::Regime::OptIn);
        if asked && !granted && !told.contains(&&purpose.value) {
            told.push(&purpose.value);
            let message = format!("no signal of this policy can grant `{}`", purpose.value);
            let problem =
                Problem::new(Code::NoSignal, purpose.span, message).label("closed wherever consent must be given");
            problems.push(problem.help("name the category that stands for it under `consent.categories.map`"));
        }
    }
}

/// What is beyond the bits of a set would never be permitted, and nobody would know why.
fn purposes(draft: &Draft, problems: &mut Vec<Problem>) {
    let routes = draft.routes.iter().flat_map(|route| route.requires.iter().chain(&route.serves));
    let named = routes.chain(draft.rules.iter().flat_map(|rule| &rule.needs));
    let mut seen: BTreeSet<&Purpose> = draft.consent.mapped().collect();
    let mapped = seen.len();
    let beyond = named.filter(|purpose| seen.insert(&purpose.value)).nth(Resolver::MAX_PURPOSES.saturating_sub(mapped));
    let span = beyond.map(|purpose| purpose.span).or(draft.consent_span.filter(|_| mapped > Resolver::MAX_PURPOSES));
    if let Some(span) = span {
        let message = format!("a policy names at most {} purposes", Resolver::MAX_PURPOSES);
        problems.push(Problem::new(Code::TooManyPurposes, span, message).help("split it into several policies"));
    }
}

/// A table that is asked needs somebody to ask about.
fn table(draft: &Draft, problems: &mut Vec<Problem>) {
    if let Some(span) = draft.table
        && draft.subjects.is_empty()
    {
        let message = "choices are to be looked up, and `subjects` says of nobody where their ids are";
        let help = "`subjects: {account: $.userId, device: $.anonymousId}`, or `table: none`";
        problems.push(Problem::new(Code::NoSubjects, span, message).help(help));
    }
}

fn domains(draft: &Draft, problems: &mut Vec<Problem>) {
    let names = draft.domains.iter().map(|(name, _)| name.value.as_str());
    for route in &draft.routes {
        let Some(domain) = &route.tokens else { continue };
        if names.clone().any(|name| name == domain.value) {
            continue;
        }
        let problem =
            Problem::new(Code::UnknownDomain, domain.span, format!("`tokens` declares no domain `{}`", domain.value));
        problems.push(match nearest(&domain.value, names.clone()) {
            Some(name) => problem.label(format!("did you mean `{name}`?")),
            None => problem.help(format!("declare it: `tokens: {{{}: {{}}}}`", domain.value)),
        });
    }
    for (name, _) in &draft.domains {
        let used =
            draft.routes.iter().any(|route| route.tokens.as_ref().is_some_and(|domain| domain.value == name.value));
        // A route whose domain is not known may mean this one.
        let known =
            |route: &DraftRoute| route.tokens.as_ref().is_some_and(|d| names.clone().any(|name| name == d.value));
        let unclear = draft.routes.is_empty() || draft.routes.iter().any(|route| route.has_tokens && !known(route));
        if !used && !unclear {
            let message = format!("no route uses the token domain `{}`", name.value);
            let help = format!("name it in a route (`tokens: {}`), or take it out", name.value);
            problems.push(Problem::new(Code::UnusedDomain, name.span, message).help(help));
        }
    }
}

fn record(draft: &Draft, problems: &mut Vec<Problem>) {
    let record = &draft.record;
    if let Some(partition) = &record.partition
        && partition.value == super::model::Partition::ByKey
        && !record.has_key
    {
        let message = "`partition: by_key` needs a key, and `record.key` is none";
        problems
            .push(Problem::new(Code::PartitionWithoutKey, partition.span, message).help("`key: {token: $.userId}`"));
    }
    let Some(tombstones) = record.tombstones else { return };
    let help = "`key: {token: key}` on routes whose token domain has no `rotate`: a tombstone says only by its key what it deletes";
    let Some(key) = &record.key else {
        if !record.has_key {
            let message = "`tombstones: forward` needs a record key";
            problems.push(Problem::new(Code::TombstoneKey, tombstones, message).help(help));
        }
        return;
    };
    if !matches!(key.value, Source::Key | Source::Header(_)) {
        let message = "a tombstone has no value that its key could be read from";
        let problem = Problem::new(Code::TombstoneKey, tombstones, message).other(key.span, "read from the value");
        problems.push(problem.help(help));
    }
    for route in &draft.routes {
        let Some(domain) = &route.tokens else { continue };
        let declared = draft.domains.iter().find(|(name, _)| name.value == domain.value);
        if let Some((name, rotation)) = declared
            && rotation.rotate_seconds.is_some()
        {
            let message =
                format!("`tombstones: forward` needs keys that stay, and the domain `{}` rotates", name.value);
            let problem = Problem::new(Code::TombstoneKey, tombstones, message);
            problems.push(problem.other(name.span, "rotates").other(domain.span, "used here").help(help));
        }
    }
}

fn lints(draft: &Draft, problems: &mut Vec<Problem>) {
    for rule in &draft.rules {
        let last = rule.selector.steps.last();
        if last.is_some_and(|step| step.descendant && step.take == Take::Any) && rule.action.value != Action::Drop {
            let message = format!("`{}` lets through whatever appears there, now and later", rule.written);
            let help = "name the fields that are needed: a register that says \"everything\" says nothing";
            problems.push(Problem::new(Code::EverythingBeneath, rule.span, message).help(help));
        }
        let asked = || rule.needs.iter().any(|purpose| purpose.value.as_str() == "sensitive.use");
        let required = || {
            let served = |index: usize| rule.routes & bit(index) != 0;
            let mut routes = draft.routes.iter().enumerate().filter(|(index, _)| served(*index));
            routes.all(|(_, route)| route.requires.iter().any(|purpose| purpose.value.as_str() == "sensitive.use"))
        };
        if let Some(category) = &rule.category
            && let Some(Category { id, level: level @ 3.. }) = Category::named(&category.value)
            && !asked()
            && !required()
        {
            let message = format!("`{id}` is kept as it came, and `sensitive.use` is not asked for");
            let problem =
                Problem::new(Code::SensitiveKept, category.span, message).label(format!("level {level} of 4"));
            problems.push(problem.help("add `needs: sensitive.use`, or do not keep it"));
        }
    }
    for (index, route) in draft.routes.iter().enumerate() {
        let bit = bit(index);
        let leaves = draft.rules.iter().any(|rule| rule.routes & bit != 0 && rule.action.value != Action::Drop);
        if !leaves && !draft.rules_incomplete {
            let message = format!("nothing can leave on `{}`: no rule lets a field through", route.topic.value);
            problems.push(
                Problem::new(Code::RouteWithoutRules, route.topic.span, message).help("what no rule names is dropped"),
            );
        }
    }
}

fn conflicts(draft: &Draft, met: &Meetings, problems: &mut Vec<Problem>) {
    for (first, second) in &met.conflicts {
        let (Some(one), Some(two)) = (draft.rules.get(*first), draft.rules.get(*second)) else { continue };
        let same = one.selector == two.selector;
        let message = if same {
            format!("two rules say different things about `{}`", two.written)
        } else {
            format!("`{}` and `{}` can meet on one field, and say different things", one.written, two.written)
        };
        let problem = Problem::new(Code::Conflict, two.span, message)
            .label(said(two))
            .other(one.span, said(one))
            .help("there is no order of lines: let one action stand, or choose selectors that do not meet");
        problems.push(problem);
    }
}

fn said(rule: &DraftRule) -> String {
    match &rule.category {
        Some(category) => format!("keep {}", category.value),
        None => super::describe::action(&rule.action.value),
    }
}

fn applies(draft: &Draft, met: &Meetings, problems: &mut Vec<Problem>) {
    for (index, rule) in draft.rules.iter().enumerate() {
        if met.decides.get(index).is_none_or(|routes| *routes != 0) || rule.routes == 0 {
            continue;
        }
        let problem = Problem::new(Code::NeverApplies, rule.span, format!("`{}` never decides anything", rule.written));
        let rival = met.beaten_by.get(index).copied().flatten().and_then(|rival| draft.rules.get(rival));
        problems.push(match rival {
            Some(rival) if rival.action.value == Action::Drop => problem.other(rival.span, "drops it all"),
            Some(rival) => problem.other(rival.span, "beats `keep` wherever they meet"),
            None => problem,
        });
    }
}

fn needs(draft: &Draft, problems: &mut Vec<Problem>) {
    for rule in draft.rules.iter().filter(|rule| !rule.needs.is_empty()) {
        let served = |index: usize| rule.routes & bit(index) != 0;
        let routes: Vec<_> =
            draft.routes.iter().enumerate().filter(|(index, _)| served(*index)).map(|(_, route)| route).collect();
        if routes.is_empty() || routes.iter().any(|route| !route.complete) {
            continue;
        }
        if routes.iter().any(|route| rule.needs.iter().all(|purpose| route.lists(&purpose.value))) {
            continue;
        }
        let missing = rule.needs.iter().find(|purpose| !routes.iter().any(|route| route.lists(&purpose.value)));
        let at = missing.or(rule.needs.first());
        let Some(at) = at else { continue };
        let message = match (missing, routes.as_slice()) {
            (Some(purpose), [route]) if !rule.shared => {
                format!(
                    "`{}` needs `{}`, which its route `{}` does not list",
                    rule.written, purpose.value, route.topic.value
                )
            }
            (Some(purpose), _) => format!("`{}` needs `{}`, which no route lists", rule.written, purpose.value),
            (None, _) => format!("no route lists everything that `{}` needs", rule.written),
        };
        let problem = Problem::new(Code::NeedsUnlisted, at.span, message).label("it would be dropped always");
        problems
            .push(problem.help("list the purpose under `serves` (or `requires`) of a route that may use the field"));
    }
}

/// Routes that make tokens must name a domain.
fn tokens(draft: &Draft, met: &Meetings, problems: &mut Vec<Problem>) {
    for (index, route) in draft.routes.iter().enumerate().filter(|(_, route)| !route.has_tokens) {
        let bit = bit(index);
        let rule = draft.rules.iter().enumerate().find(|(place, rule)| {
            matches!(rule.action.value, Action::Token { .. })
                && met.decides.get(*place).is_some_and(|routes| routes & bit != 0)
                && rule.needs.iter().all(|purpose| route.lists(&purpose.value))
        });
        let use_span = match (rule, &draft.record.key) {
            (Some((_, rule)), _) => rule.span,
            (None, Some(key)) => key.span,
            (None, None) => continue,
        };
        let message = format!("`{}` makes tokens and names no token domain", route.topic.value);
        let problem = Problem::new(Code::TokenWithoutDomain, route.topic.span, message).other(use_span, "a token here");
        let help = match draft.domains.as_slice() {
            [] => "declare a domain (`tokens: {web: {}}`) and name it in the route (`tokens: web`)".to_owned(),
            [(first, _), ..] => format!("name a domain in the route: `tokens: {}`", first.value),
        };
        problems.push(problem.help(help));
    }
}

/// How exactly the event's own time may leave, on the route where it leaves most coarsely.
fn time_step(draft: &Draft, automaton: &Automaton) -> i64 {
    let Some(Source::Event(path)) = draft.time.as_ref().map(|time| &time.value) else { return MINUTE_MS };
    let accepted = automaton.accepts(automaton.at(path));
    let rules: Vec<&DraftRule> = accepted.iter().filter_map(|rule| draft.rules.get(usize::from(*rule))).collect();
    let mut coarsest = 0;
    for index in 0..draft.routes.len() {
        let bit = bit(index);
        let here: Vec<&&DraftRule> = rules.iter().filter(|rule| rule.routes & bit != 0).collect();
        // Where the time leaves only sometimes, its absence must mean something.
        let conditional = here.iter().any(|rule| !rule.needs.is_empty());
        let round = here.iter().find_map(|rule| match rule.action.value {
            Action::RoundTime { step_ms, .. } => Some(step_ms),
            _ => None,
        });
        let only_keep = !here.is_empty() && here.iter().all(|rule| rule.action.value == Action::Keep);
        let dropped = here.iter().any(|rule| rule.action.value == Action::Drop);
        let step = match round {
            Some(step) if !dropped => step,
            None if only_keep => 1,
            _ => MINUTE_MS,
        };
        coarsest = coarsest.max(if conditional { step.max(MINUTE_MS) } else { step });
    }
    if coarsest == 0 { MINUTE_MS } else { coarsest }
}

/// The set that holds one route.
fn bit(route: usize) -> u64 {
    u32::try_from(route).ok().and_then(|shift| 1u64.checked_shl(shift)).unwrap_or(0)
}

/// A duration as a policy writes it.
fn spoken(milliseconds: i64) -> String {
    super::describe::duration(milliseconds / 1000)
}

/// Problems between policies: topics, names, token domains.
pub(super) fn across(drafts: &[Draft], problems: &mut Vec<Problem>) {
    let mut inputs: BTreeMap<&str, (usize, Span)> = BTreeMap::new();
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        if let Some(name) = &draft.name {
            if let Some(first) = names.get(name.value.as_str()) {
                let problem =
                    Problem::new(Code::PolicyTwice, name.span, format!("two policies are called `{}`", name.value));
                problems.push(
                    problem.label("again here").other(*first, "first here").help("metrics tell policies apart by name"),
                );
            } else {
                names.insert(&name.value, name.span);
            }
        }
        for topic in &draft.topics {
            match inputs.get(topic.value.as_str()) {
                // Twice in one list is a problem of its own.
                Some((earlier, _)) if *earlier == index => {}
                Some((_, first)) => {
                    let problem =
                        Problem::new(Code::TopicTwice, topic.span, format!("two policies read `{}`", topic.value));
                    problems
                        .push(problem.label("again here").other(*first, "first here").help("a topic has one policy"));
                }
                None => {
                    inputs.insert(&topic.value, (index, topic.span));
                }
            }
        }
    }
    for route in drafts.iter().flat_map(|draft| &draft.routes) {
        if let Some((_, input)) = inputs.get(route.topic.value.as_str()) {
            let message = format!("the output topic `{}` is read as input", route.topic.value);
            let problem = Problem::new(Code::OutputIsInput, route.topic.span, message).label("written here");
            problems.push(problem.other(*input, "read here").help("a pipeline that reads what it writes never ends"));
        }
    }
    shared_domains(drafts, problems);
}

fn shared_domains(drafts: &[Draft], problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<&str, (usize, Span, Option<u64>)> = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        for (name, domain) in &draft.domains {
            match first.get(name.value.as_str()) {
                None => {
                    first.insert(&name.value, (index, name.span, domain.rotate_seconds));
                }
                Some((earlier, _, _)) if *earlier == index => {}
                Some((_, span, rotate)) if *rotate == domain.rotate_seconds => {
                    let message = format!("policies share the token domain `{}`", name.value);
                    let problem =
                        Problem::new(Code::SharedDomain, name.span, message).other(*span, "declared here too");
                    problems.push(problem.help("their tokens can be joined; choose other names if that is not meant"));
                }
                Some((_, span, _)) => {
                    let message = format!("the token domain `{}` rotates differently in two policies", name.value);
                    let problem =
                        Problem::new(Code::DomainMismatch, name.span, message).other(*span, "declared here first");
                    problems.push(
                        problem.help("a domain has one key at a time: write the same `rotate`, or choose another name"),
                    );
                }
            }
        }
    }
}
