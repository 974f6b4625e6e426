//! What the demo shows, as plain data: made from committed counts, and from what was read back from the topics.
//!
//! Screen, plain lines and summary are drawn from a [`View`] and nothing else, so that all three tell the same. The
//! trap: equations hold between numbers of one moment only, so a view takes all of them from one copy of the report.

use std::fmt::Write as _;

use crate::engine::outcome::Effect;
use crate::engine::policy::model::{Policy, Rule};
use crate::engine::report::Report;

use super::sample::Sample;
use super::shop::hunt::{CATEGORIES, Counts};

/// One moment of the demo.
#[derive(Default)]
pub(super) struct View {
    /// The policy's name.
    pub(super) policy: String,
    /// Since the traffic began.
    pub(super) seconds: u64,
    /// Events a second, of late.
    pub(super) rate: u64,
    /// Records committed.
    pub(super) records: u64,
    /// Their events: forwarded, dropped, quarantined.
    pub(super) outcomes: [u64; 3],
    /// Dropped events by reason.
    pub(super) drops: Vec<(&'static str, u64)>,
    /// Quarantined events by reason.
    pub(super) quarantines: Vec<(&'static str, u64)>,
    /// Whether every equation of the report holds.
    pub(super) conserved: bool,
    /// Bytes of values in and out.
    pub(super) bytes: [u64; 2],
    /// Rules that took something away or changed it: rule, what was done, how often on all routes; most frequent first.
    pub(super) rules: Vec<(String, &'static str, u64)>,
    /// Per route: topic, then result (with reason) and count; the first is `open`.
    pub(super) routes: Vec<(String, Vec<(String, u64)>)>,
    /// Detectors' hits: kind, what was done, how often on all routes.
    pub(super) detections: Vec<(&'static str, &'static str, u64)>,
    /// What of the made-up people went in.
    pub(super) planted: Counts,
    /// What of them is in each route's topic, read back from the broker.
    pub(super) left: Vec<Counts>,
    /// Rules that keep a category of personal data on purpose, in words.
    pub(super) kept: Vec<String>,
    /// One event before and after.
    pub(super) sample: Option<Sample>,
    /// `host:port` of the embedded broker.
    pub(super) broker: String,
    /// Where `/metrics` is.
    pub(super) metrics: String,
    /// What is wrong, if anything.
    pub(super) trouble: Option<String>,
}

impl View {
    /// Takes the counts of a report.
    pub(super) fn count(&mut self, report: &Report, policy: &Policy) {
        self.policy = policy.name.clone();
        self.records = report.records();
        self.outcomes = [report.forwarded(), report.dropped(), report.quarantined()];
        self.drops = report.drops().map(|(reason, count)| (reason.as_str(), count)).collect();
        self.quarantines = report.quarantines().map(|(reason, count)| (reason.as_str(), count)).collect();
        self.conserved = report.conserved();
        self.bytes = [report.bytes_in(), report.bytes_out()];
        self.rules = rules(report, policy);
        self.routes = policy.routes.iter().map(|route| (route.topic.clone(), vec![("open".to_owned(), 0)])).collect();
        for (route, result, reason, count) in report.openings() {
            let Some((_, results)) = self.routes.get_mut(route) else { continue };
            match result {
                "open" => results[0].1 += count,
                _ if reason.is_empty() => results.push((result.to_owned(), count)),
                _ => results.push((format!("{result} {reason}"), count)),
            }
        }
        for (_, results) in &mut self.routes {
            // Open, closed, dropped, quarantined: the alphabet's order, but for the first.
            results[1..].sort();
        }
        self.kept = policy.rules.iter().filter_map(kept).collect();
        self.detections.clear();
        for (_, kind, action, count) in report.detections() {
            let (kind, action) = (kind.as_str(), action.as_str());
            match self.detections.iter_mut().find(|known| known.0 == kind && known.1 == action) {
                Some(known) => known.2 += count,
                None => self.detections.push((kind, action, count)),
            }
        }
    }

    /// All events.
    pub(super) fn events(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// `100 events = 60 forwarded + 30 dropped + 10 quarantined`
    pub(super) fn equation(&self) -> String {
        let [forwarded, dropped, quarantined] = self.outcomes.map(grouped);
        format!(
            "{} events = {forwarded} forwarded + {dropped} dropped + {quarantined} quarantined",
            grouped(self.events())
        )
    }

    /// Categories with what went in and what is left in each topic.
    pub(super) fn categories(&self) -> impl Iterator<Item = (&'static str, u64, Vec<u64>)> + '_ {
        CATEGORIES.iter().enumerate().map(|(at, name)| {
            let left = self.left.iter().map(|counts| counts[at]).collect();
            (*name, self.planted[at], left)
        })
    }
}

/// What rules did, other than keep; the same rule on several routes is one line.
fn rules(report: &Report, policy: &Policy) -> Vec<(String, &'static str, u64)> {
    let mut rules: Vec<(String, &'static str, u64)> = Vec::new();
    for (_, rule, effect, count) in report.fields() {
        if effect == Effect::Keep {
            continue;
        }
        let written = rule.and_then(|at| policy.rules.get(at)).map_or("unnamed", |rule| &rule.written);
        match rules.iter_mut().find(|known| known.0 == written && known.1 == effect.as_str()) {
            Some(known) => known.2 += count,
            None => rules.push((written.to_owned(), effect.as_str(), count)),
        }
    }
    rules.sort_by(|one, two| two.2.cmp(&one.2).then_with(|| one.0.cmp(&two.0)));
    rules
}

/// `$.traits.email (contact.email, for ads.profile)`
fn kept(rule: &Rule) -> Option<String> {
    let category = rule.category.as_ref()?;
    let purposes: Vec<String> = rule.needs.iter().map(ToString::to_string).collect();
    let purposes = if purposes.is_empty() { String::new() } else { format!(", for {}", purposes.join(" and ")) };
    Some(format!("{} ({category}{purposes})", rule.written))
}

/// `1,234,567`
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `a 1 · b 2`; empty when there is nothing.
pub(super) fn listed<'a>(items: impl IntoIterator<Item = (&'a str, u64)>) -> String {
    let mut out = String::new();
    for (name, count) in items {
        let dot = if out.is_empty() { "" } else { " · " };
        let _ = write!(out, "{dot}{name} {}", grouped(count));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{View, grouped, listed};

    #[test]
    fn numbers_are_read_in_threes() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
        assert_eq!(listed([("a", 1), ("b", 1200)]), "a 1 · b 1,200");
    }

    #[test]
    fn the_equation_adds_up() {
        let view = View { outcomes: [1000, 20, 3], ..View::default() };
        assert_eq!(view.equation(), "1,023 events = 1,000 forwarded + 20 dropped + 3 quarantined");
    }
}
