//! What a committed transaction adds to the metrics, and the check of the law of conservation.
//!
//! Only counts that are not zero touch a series, so the cost follows what happened, not the size of the policy.

use super::table::UNNAMED;
use super::{Labels, Metrics};
use crate::engine::report::Report;

impl Metrics {
    /// Adds what a committed transaction counted for one policy (by its place in [`Metrics::new`]); `now_ms` is the
    /// time of the commit.
    pub fn committed(&self, policy: usize, report: &Report, now_ms: i64) {
        let Some(labels) = self.policies.get(policy) else { return };
        let name = labels.policy.as_str();
        self.totals
            .lock()
            .unwrap_or_else(|held| held.into_inner())
            .entry(policy)
            .and_modify(|total| total.add(report))
            .or_insert_with(|| report.clone());
        add(&self.records, &[name], report.records());
        add(&self.events, &[name, "forwarded"], report.forwarded());
        add(&self.events, &[name, "dropped"], report.dropped());
        add(&self.events, &[name, "quarantined"], report.quarantined());
        add(&self.bytes, &["in"], report.bytes_in());
        add(&self.bytes, &["out"], report.bytes_out());
        for (reason, count) in report.drops() {
            add(&self.drops, &[name, reason.as_str()], count);
        }
        for (reason, count) in report.quarantines() {
            add(&self.quarantined, &[name, reason.as_str()], count);
        }
        for (route, result, reason, count) in report.openings() {
            add(&self.openings, &[name, labels.route(route), result, reason], count);
        }
        for (kind, result, count) in report.signals() {
            add(&self.signals, &[name, kind.as_str(), result.as_str()], count);
        }
        for (route, kind, action, count) in report.detections() {
            add(&self.detections, &[name, labels.route(route), kind.as_str(), action.as_str()], count);
        }
        let now_seconds = now_ms as f64 / 1000.0;
        for (route, rule, effect, count) in report.fields() {
            let rule = rule.and_then(|rule| labels.rules.get(rule)).map(String::as_str);
            add(&self.fields, &[name, labels.route(route), rule.unwrap_or(UNNAMED), effect.as_str()], count);
            if let Some(rule) = rule {
                self.rule_last_match.with_label_values(&[name, rule]).set(now_seconds);
            }
        }
        let wrong = disagreement(report, labels.routes.len());
        if wrong > 0 {
            self.conservation.with_label_values(&[name]).add(i64::try_from(wrong).unwrap_or(i64::MAX));
            tracing::error!(policy = %name, events = wrong, "the counts of a transaction do not add up: a fault of ours");
        }
    }
}

impl Labels {
    fn route(&self, route: usize) -> &str {
        self.routes.get(route).map_or("", String::as_str)
    }
}

fn add(counter: &prometheus::IntCounterVec, labels: &[&str], count: u64) {
    if count > 0 {
        counter.with_label_values(labels).inc_by(count);
    }
}

/// By how many events the counts disagree: reasons against outcomes, and openings against events on every route.
fn disagreement(report: &Report, routes: usize) -> u64 {
    let drops: u64 = report.drops().map(|(_, count)| count).sum();
    let quarantines: u64 = report.quarantines().map(|(_, count)| count).sum();
    let mut openings = vec![0u64; routes];
    for (route, _, _, count) in report.openings() {
        if let Some(sum) = openings.get_mut(route) {
            *sum += count;
        }
    }
    let routes: u64 = openings.iter().map(|sum| sum.abs_diff(report.events())).sum();
    drops.abs_diff(report.dropped()) + quarantines.abs_diff(report.quarantined()) + routes
}
