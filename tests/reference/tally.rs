//! What was met over many cases, and the smallest of those that fail.

use std::collections::BTreeMap;

use tamis::engine::outcome::{Opening, Outcome};
use tamis::engine::policy::model::Policy;

use super::bench::{Around, Got};
use super::model::{Event, Expected, Output};

/// A difference between engine and reference, or nothing.
pub fn difference(expected: &Expected, got: &Got) -> Option<String> {
    if !got.conserved {
        return Some("the report is not conserved".to_owned());
    }
    let quarantined = expected.events.iter().filter(|e| matches!(e.outcome, Outcome::Quarantine(_))).count();
    if quarantined != got.notes {
        return Some(format!("{quarantined} notes expected, got {}", got.notes));
    }
    if expected.events.len() != got.events.len() {
        return Some(format!("{} events expected, got {}", expected.events.len(), got.events.len()));
    }
    for (at, (event, (outcome, openings))) in expected.events.iter().zip(&got.events).enumerate() {
        if event.outcome != *outcome || event.openings != *openings {
            return Some(format!(
                "event {at}: expected {:?} {:?}, got {outcome:?} {openings:?}",
                event.outcome, event.openings
            ));
        }
        for (route, output) in event.outputs.iter().enumerate() {
            let made = got.outputs.get(&(at as u32, route));
            let show = |output: Option<&Output>| match output {
                Some(output) => {
                    let headers: Vec<_> = output.headers.iter().map(|(n, v)| (n, String::from_utf8_lossy(v))).collect();
                    format!("{:?} {headers:?} {:?}\n{}", output.key, output.timestamp, output.value)
                }
                None => "nothing".to_owned(),
            };
            if output.as_ref() != made {
                return Some(format!(
                    "event {at} route {route}: expected {}\ngot {}",
                    show(output.as_ref()),
                    show(made)
                ));
            }
        }
    }
    None
}

#[derive(Default)]
pub struct Tally {
    pub counts: BTreeMap<String, usize>,
    /// By kind of difference: size and text of the smallest failing case.
    smallest: BTreeMap<String, (usize, String)>,
    failures: usize,
}

impl Tally {
    pub fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    pub fn event(&mut self, event: &Event) {
        self.count(format!("outcome {:?}", event.outcome));
        for opening in &event.openings {
            self.count(match opening {
                Opening::Closed(reason) => format!("closed {reason}"),
                other => format!("opening {other:?}"),
            });
        }
        event.met.iter().for_each(|met| self.count(*met));
    }

    pub fn failed(&mut self, policy: &Policy, document: &[u8], around: &Around, difference: &str) {
        self.failures += 1;
        let size = policy.rules.len() * 30 + policy.routes.len() * 30 + document.len();
        let kind: String =
            difference.split('\n').next().unwrap_or("").chars().filter(|c| !c.is_ascii_digit()).take(50).collect();
        if self.smallest.get(&kind).is_none_or(|(smallest, _)| size < *smallest) {
            let rules: Vec<String> = policy
                .rules
                .iter()
                .map(|r| {
                    format!(
                        "  {} {:?} {:?} needs {:?} routes {:b}",
                        r.selector, r.action, r.category, r.needs, r.routes
                    )
                })
                .collect();
            let text = format!(
                "rules\n{}\nroutes {:?}\nconsent {:?} country {:?} split {:?} detect {:?}\nheaders gpc {:?} timestamp {:?}\ndocument\n{}\n{difference}",
                rules.join("\n"),
                policy.routes,
                policy.consent,
                policy.law.country,
                policy.input.split.is_some(),
                policy.detect,
                around.gpc,
                around.timestamp,
                String::from_utf8_lossy(document),
            );
            self.smallest.insert(kind, (size, text));
        }
    }

    pub fn merge(mut self, other: Tally) -> Tally {
        other.counts.into_iter().for_each(|(what, count)| *self.counts.entry(what).or_default() += count);
        self.failures += other.failures;
        for (kind, case) in other.smallest {
            if self.smallest.get(&kind).is_none_or(|mine| case.0 < mine.0) {
                self.smallest.insert(kind, case);
            }
        }
        self
    }

    pub fn finish(self, title: &str) -> BTreeMap<String, usize> {
        println!("{title}");
        self.counts.iter().for_each(|(what, count)| println!("  {count:>8}  {what}"));
        let mut cases: Vec<_> = self.smallest.into_values().collect();
        cases.sort();
        let cases: Vec<String> = cases.into_iter().take(5).map(|(_, text)| text).collect();
        assert!(cases.is_empty(), "{} cases differ; the smallest:\n\n{}", self.failures, cases.join("\n\n"));
        self.counts
    }
}
