//! The proposal as a file: a policy with a reason behind every line.

use std::fmt::Write;

use super::{Proposal, Slot};
use crate::cli::scan::paths::written;
use crate::cli::scan::table::grouped;

/// More rules than this are no register that a person reads; the fields that were seen most come first.
const MOST_RULES: usize = 500;

/// Fields that are dropped are told up to here; they need no line.
const MOST_DROPPED: usize = 1000;

/// Reasons stand in one column up to here.
const COLUMN: usize = 64;

/// The text of the policy, or `None` where no field could be kept; `topic` is where the events came from.
pub(in crate::cli::scan) fn policy(proposal: &Proposal<'_>, topic: Option<&str>) -> Option<String> {
    let rules = rules(proposal)?;
    let mut out = String::new();
    let events = grouped(proposal.events);
    let _ = writeln!(
        out,
        "# Proposed by `tamis scan` from {events} event{}: a draft for a person to read, line by line. What no line names is\n\
         # dropped. Lines with DECIDE ask for somebody who knows the field; those that begin with # are not kept, and say why.\n\
         # Then: `tamis check --table`, and cases beside it for `tamis test`.\n",
        if proposal.events == 1 { "" } else { "s" }
    );
    out.push_str("tamis: 1\npolicy: proposed\n\ninput:\n");
    let _ = match topic {
        Some(topic) => writeln!(out, "  topics: [{}]", scalar(topic)),
        None => writeln!(out, "  topics: [collector.events]   # DECIDE: the topic that these events are in"),
    };
    if let Some(split) = &proposal.split {
        let _ = writeln!(out, "  split: {}   # one output record for each", scalar(&written(split, false)));
    }
    if let Some(time) = proposal.source(Slot::Time) {
        let _ = writeln!(out, "  time: {}", scalar(time));
    }
    out.push('\n');
    let subjects: Vec<String> = proposal
        .sources
        .iter()
        .filter_map(|(slot, (source, _))| match slot {
            Slot::Subject(kind) => Some(format!("{kind}: {}", scalar(source))),
            _ => None,
        })
        .collect();
    if !subjects.is_empty() {
        let _ = writeln!(
            out,
            "# Who an event is about: whom consent is asked for.\nsubjects: {{{}}}\n",
            subjects.join(", ")
        );
    }
    law(proposal, &mut out);
    consent(proposal, &mut out);
    let tokens = rules.iter().any(|rule| rule.written.contains("token"));
    if tokens {
        out.push_str(
            "tokens:\n  lake: {rotate: 30d}   # DECIDE: nobody can be followed for longer; `{}` keeps one key\n\n",
        );
    }
    out.push_str(
        "routes:\n  lake.events:   # DECIDE: its name, and what it is for\n    requires: [analytics.audience]\n",
    );
    let mut serves: Vec<&str> = rules.iter().filter_map(|rule| rule.needs).collect();
    serves.sort_unstable();
    serves.dedup();
    if !serves.is_empty() {
        let _ = writeln!(out, "    serves: [{}]", serves.join(", "));
    }
    if tokens {
        out.push_str("    tokens: lake\n");
    }
    out.push_str("\nfields:\n");
    let width =
        rules.iter().map(|rule| rule.written.chars().count()).filter(|width| *width <= COLUMN).max().unwrap_or(0);
    let mut dropped = 0;
    for Rule { written, why, .. } in &rules {
        dropped += usize::from(written.starts_with('#'));
        if dropped <= MOST_DROPPED || !written.starts_with('#') {
            let _ = writeln!(out, "  {written:<width$}  # {why}");
        }
    }
    if dropped > MOST_DROPPED {
        let _ = writeln!(
            out,
            "  # … and {} more that are dropped: `tamis scan` lists them",
            grouped((dropped - MOST_DROPPED) as u64)
        );
    }
    out.push_str("\nrecord: {key: none, partition: same, timestamp: {round: 1m}, headers: []}\n");
    out.push_str("detect: {kinds: all, on_hit: mask}   # in what the lines above keep\n");
    Some(out)
}

/// A line under `fields`.
struct Rule {
    written: String,
    why: String,
    needs: Option<&'static str>,
}

/// `None` if no line keeps anything.
fn rules(proposal: &Proposal<'_>) -> Option<Vec<Rule>> {
    let inside = || proposal.fields.iter().filter(|field| field.selector.as_deref().is_some_and(|path| path != "$"));
    let mut seen: Vec<u64> =
        inside().filter(|field| field.verdict.rule.is_some()).map(|field| field.entry.stats.values).collect();
    if seen.is_empty() {
        return None;
    }
    seen.sort_unstable_by(|a, b| b.cmp(a));
    let least = seen.get(MOST_RULES).map_or(0, |most| most + 1);
    let rules = inside().map(|field| {
        let verdict = &field.verdict;
        let selector = field.selector.as_deref().unwrap_or_default();
        let decide = if verdict.decide { "DECIDE: " } else { "" };
        // The language's own bound on the text of a selector.
        match &verdict.rule {
            Some(rule) if field.entry.stats.values >= least && selector.len() <= 1024 => Rule {
                written: format!("{}: {rule}", scalar(selector)),
                why: format!("{decide}{}", verdict.why),
                needs: verdict.needs,
            },
            Some(_) => Rule {
                written: format!("# {selector}"),
                why: "DECIDE: seen less often than the 500 lines that are proposed".to_owned(),
                needs: None,
            },
            None => Rule { written: format!("# {selector}"), why: format!("{decide}{}", verdict.why), needs: None },
        }
    });
    Some(rules.collect())
}

fn law(proposal: &Proposal<'_>, out: &mut String) {
    let (country, region) = (proposal.source(Slot::Country), proposal.source(Slot::Region));
    let mut parts = vec!["preset: eea-us/2026-01".to_owned()];
    parts.extend(country.iter().map(|source| format!("country: {}", scalar(source))));
    parts.extend(country.and(region).map(|source| format!("region: {}", scalar(source))));
    parts.push("otherwise: strictest".to_owned());
    let why = match country {
        Some(_) => "# Which law applies. DECIDE whether whoever writes the country can be trusted with that.",
        None => {
            "# Which law applies. DECIDE where the country comes from: none was seen, so the strictest rules apply to all."
        }
    };
    let _ = writeln!(out, "{why}\nlaw: {{{}}}\n", parts.join(", "));
}

fn consent(proposal: &Proposal<'_>, out: &mut String) {
    out.push_str(
        "consent:\n  table: none   # the event carries all the consent there is; `required` looks choices up\n",
    );
    for (line, why) in &proposal.signals.lines {
        let _ = writeln!(out, "  {line}   # {why}");
    }
    if proposal.signals.lines.iter().all(|(line, _)| line.starts_with("gpc:")) {
        out.push_str("  # DECIDE where consent comes from: no signal of it was seen, so nothing leaves where it must be asked for.\n");
    }
    out.push('\n');
}

/// A scalar of YAML: plain where that is safe.
pub(super) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '$' | '.' | '_' | '-');
    let named = text.starts_with(|c: char| c == '$' || c.is_ascii_alphabetic());
    let plain = named && text.replace("[*]", "").chars().all(plain) && !text.ends_with("[*]");
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}
