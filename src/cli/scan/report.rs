//! What was seen, as a table for people or JSON for programs. Counts and paths; no value has a way into this file.

use serde_json::{Map, Value, json};

use super::Seen;
use super::find::Confidence;
use super::kinds;
use super::paths::{Tree, written};
use super::propose::{Field, Proposal, Verdict};
use super::stats::{Found, Stats, TYPES};
use super::table::{aligned, grouped};

/// The table, with a line of totals before it and what it does not show behind it.
pub(super) fn text(seen: &Seen, tree: &Tree, proposal: &Proposal<'_>) -> String {
    let mut out = format!("{} record{}", grouped(seen.records), if seen.records == 1 { "" } else { "s" });
    if let Some(split) = &proposal.split {
        let events = grouped(proposal.events);
        out.push_str(&format!(" with {events} events, which are {}", written(split, false)));
    }
    let found: u64 =
        proposal.fields.iter().map(|field| total(&field.entry.stats.found) + total(&field.entry.stats.in_key)).sum();
    let paths = proposal.fields.iter().filter(|field| is_hit(field.entry.stats)).count();
    out.push_str(&match found {
        0 => "; nothing personal was recognized\n".to_owned(),
        _ => format!("; {} finds on {paths} of {} paths\n", grouped(found), proposal.fields.len()),
    });
    for (reason, count) in &seen.unreadable {
        out.push_str(&format!("{} could not be read: {reason}\n", grouped(*count)));
    }
    if seen.tombstones > 0 {
        out.push_str(&format!("{} without a value\n", grouped(seen.tombstones)));
    }
    out.push('\n');
    let head = ["PATH", "SEEN", "TYPES", "FOUND", "PROPOSED"].map(str::to_owned).to_vec();
    let rows = proposal.fields.iter().map(|field| {
        let (count, of) = field.seen(proposal, seen.records);
        let seen = format!("{} of {}", grouped(count), grouped(of));
        vec![
            field.path.clone(),
            seen,
            types(field.entry.stats),
            found_in_words(field.entry.stats),
            note(&field.verdict),
        ]
    });
    out.push_str(&aligned(std::iter::once(head).chain(rows).collect()));
    if tree.beyond.0 > 0 || tree.beyond.1 > 0 {
        let (values, hit) = tree.beyond;
        let beyond = format!("\nToo many paths: {} values are in none of these", grouped(values));
        out.push_str(&format!("{beyond}, {} of them with a find\n", grouped(hit)));
    }
    out
}

/// The same for programs.
pub(super) fn json(seen: &Seen, tree: &Tree, proposal: &Proposal<'_>, policy: Option<&str>) -> Value {
    let paths: Vec<Value> = proposal.fields.iter().map(|field| path(field, seen, proposal)).collect();
    json!({
        "records": seen.records,
        "events": proposal.events,
        "split": proposal.split.as_deref().map(|split| written(split, false)),
        "unreadable": seen.unreadable.iter().map(|(reason, count)| ((*reason).to_owned(), json!(count))).collect::<Map<_, _>>(),
        "tombstones": seen.tombstones,
        "paths": paths,
        "beyond": {"values": tree.beyond.0, "found": tree.beyond.1},
        "policy": policy,
    })
}

fn path(field: &Field<'_>, seen: &Seen, proposal: &Proposal<'_>) -> Value {
    let stats = field.entry.stats;
    let (count, of) = field.seen(proposal, seen.records);
    let types = TYPES.iter().zip(stats.types).filter(|(_, count)| *count > 0);
    json!({
        "path": field.path,
        "seen": count,
        "of": of,
        "values": stats.values,
        "types": types.map(|(name, count)| ((*name).to_owned(), json!(count))).collect::<Map<_, _>>(),
        "found": found_in_json(&stats.found),
        "found_in_keys": found_in_json(&stats.in_key),
        "proposed": field.verdict.rule,
        "decide": field.verdict.decide,
        "why": field.verdict.why,
    })
}

fn found_in_json(found: &Found) -> Vec<Value> {
    let of = |counts: &[u64]| -> Map<String, Value> {
        let named = Confidence::ALL.iter().zip(counts).filter(|(_, count)| **count > 0);
        named.map(|(confidence, count)| (confidence.as_str().to_owned(), json!(count))).collect()
    };
    let kind = |(kind, counts): (&crate::engine::detect::Kind, &[u64; Confidence::ALL.len()])| {
        json!({
            "kind": kind.as_str(),
            "category": kind.category(),
            "level": kinds::level(*kind),
            "count": counts.iter().sum::<u64>(),
            "confidence": of(counts),
        })
    };
    found.iter().map(kind).collect()
}

fn types(stats: &Stats) -> String {
    let names = TYPES.iter().zip(stats.types).filter(|(_, count)| *count > 0).map(|(name, _)| *name);
    names.collect::<Vec<_>>().join(", ")
}

/// `email 37 high, phone 2 medium; in keys email 3 high`
fn found_in_words(stats: &Stats) -> String {
    let words = |found: &Found| -> Vec<String> {
        let each = found.iter().flat_map(|(kind, counts)| {
            let sure_first = Confidence::ALL.iter().zip(counts).rev().filter(|(_, count)| **count > 0);
            sure_first.map(move |(confidence, count)| format!("{kind} {} {}", grouped(*count), confidence.as_str()))
        });
        each.collect()
    };
    let mut parts = words(&stats.found).join(", ");
    if !stats.in_key.is_empty() {
        let in_keys = format!("in keys {}", words(&stats.in_key).join(", "));
        parts = if parts.is_empty() { in_keys } else { format!("{parts}; {in_keys}") };
    }
    if parts.is_empty() { "-".to_owned() } else { parts }
}

fn note(verdict: &Verdict) -> String {
    let rule = verdict.rule.as_deref().unwrap_or("drop");
    format!("{rule}: {}", verdict.why)
}

fn total(found: &Found) -> u64 {
    found.values().flatten().sum()
}

/// Whether anything was found at or in the name of a path.
pub(super) fn is_hit(stats: &Stats) -> bool {
    !stats.found.is_empty() || !stats.in_key.is_empty()
}
