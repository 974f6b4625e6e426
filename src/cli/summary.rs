//! A report in words: what came in, what became of it, and what was removed by rule.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::engine::policy::model::Policy;
use crate::engine::report::Report;

/// Writes the summary of one policy's report. It ends with the conservation equation (DESIGN §4).
pub(in crate::cli) fn write(out: &mut impl Write, policy: &Policy, report: &Report) -> io::Result<()> {
    let reasons = |items: Vec<(&'static str, u64)>| -> String {
        let list: Vec<String> = items.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
        if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) }
    };
    writeln!(out, "{}: {} records, {} events", policy.name, report.records(), report.events())?;
    writeln!(out, "  forwarded    {:>10}", report.forwarded())?;
    let drops = report.drops().map(|(reason, n)| (reason.as_str(), n)).collect();
    writeln!(out, "  dropped      {:>10}{}", report.dropped(), reasons(drops))?;
    let quarantines = report.quarantines().map(|(reason, n)| (reason.as_str(), n)).collect();
    writeln!(out, "  quarantined  {:>10}{}", report.quarantined(), reasons(quarantines))?;

    for (number, route) in policy.routes.iter().enumerate() {
        let openings: Vec<String> = report
            .openings()
            .filter(|(on, ..)| *on == number)
            .map(|(_, result, reason, n)| match reason {
                "" => format!("{result} {n}"),
                reason => format!("{result}: {reason} {n}"),
            })
            .collect();
        writeln!(out, "  {}  {}", route.topic, openings.join(", "))?;
        let mut rules: BTreeMap<Option<usize>, Vec<String>> = BTreeMap::new();
        for (_, rule, effect, n) in report.fields().filter(|(on, ..)| *on == number) {
            rules.entry(rule).or_default().push(format!("{effect} {n}"));
        }
        let unnamed = rules.remove(&None);
        for (rule, effects) in rules {
            let name = rule.and_then(|rule| policy.rules.get(rule)).map_or("", |rule| &rule.written);
            writeln!(out, "    {name:<36} {}", effects.join(", "))?;
        }
        if let Some(effects) = unnamed {
            writeln!(out, "    {:<36} {}", "fields that no rule names", effects.join(", "))?;
        }
        for (_, kind, action, n) in report.detections().filter(|(on, ..)| *on == number) {
            writeln!(out, "    found {:<30} {action} {n}", kind.category())?;
        }
    }
    writeln!(out, "  {}", equation(report))
}

/// `events = forwarded + dropped + quarantined`, with its numbers.
pub(in crate::cli) fn equation(report: &Report) -> String {
    let sign = if report.conserved() { "=" } else { "≠" };
    format!(
        "{} events {sign} {} forwarded + {} dropped + {} quarantined",
        report.events(),
        report.forwarded(),
        report.dropped(),
        report.quarantined()
    )
}
