//! The register: field × route × purpose, as a static table.
//!
//! What a line shows is exact: the law is applied to every combination of rules that can meet on a field the line names.
//! Where narrower lines change the answer for some of those fields, a cell has several outcomes; the first is what
//! holds for fields that no other line names. The table says nothing about values: what fits no action is dropped.

use std::collections::BTreeSet;

use crate::engine::action::Action;
use crate::engine::consent::{Purpose, Resolver};
use crate::engine::path::{Automaton, Selector, TooComplex};

use super::describe;
use super::meet::{by_rule, combinations};
use super::model::{Policy, Route, Rule, Source};

/// The register of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The lines, in the order of the policy.
    pub rows: Vec<Row>,
    /// What becomes of the record's key on each route; empty if records have none.
    pub key: Vec<Cell>,
    /// Each purpose that a route lists, and its regime in each place of the preset: the place and the regime.
    pub regimes: Vec<(Purpose, Vec<(String, &'static str)>)>,
}

/// One selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// As first written.
    pub field: String,
    /// Line of the policy file.
    pub line: usize,
    /// One cell for each route, in the order of the policy.
    pub cells: Vec<Cell>,
}

/// What can become of the fields of a row on one route; the first outcome is the row's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// At least one.
    pub outcomes: Vec<FieldOutcome>,
}

/// One thing that can become of a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldOutcome {
    /// In words, `keep`; `None`: dropped.
    pub action: Option<String>,
    /// The category that detectors expect there.
    pub category: Option<String>,
    /// Purposes that must be permitted beyond those that the route requires.
    pub needs: Vec<Purpose>,
}

impl Table {
    /// The register of a policy.
    ///
    /// # Errors
    ///
    /// [`TooComplex`] where the selectors need more states than are built; such a policy does not pass [`super::read`].
    pub fn of(policy: &Policy) -> Result<Table, TooComplex> {
        let selectors: Vec<&Selector> = policy.rules.iter().map(|rule| &rule.selector).collect();
        let (automaton, sets) = combinations(&selectors)?;
        let with_rule = by_rule(&sets);
        let mut shown: BTreeSet<&Selector> = BTreeSet::new();
        let mut rows = Vec::new();
        for (index, rule) in policy.rules.iter().enumerate() {
            if !shown.insert(&rule.selector) {
                continue;
            }
            let mut sets: Vec<&Vec<usize>> = with_rule.get(&index).cloned().unwrap_or_default();
            sets.sort_by_key(|set| set.len());
            let cells =
                policy.routes.iter().enumerate().map(|(route, head)| cell(policy, &sets, route, head)).collect();
            rows.push(Row { field: rule.written.clone(), line: rule.place.line, cells });
        }
        Ok(Table { rows, key: key(policy, &automaton), regimes: regimes(policy) })
    }
}

/// The key is under the law of the field that it is made of, where a rule names that (`compile::KeyRule`).
fn key(policy: &Policy, automaton: &Automaton) -> Vec<Cell> {
    let Some(source) = &policy.record.key else { return Vec::new() };
    let accepted = match source {
        Source::Event(path) => automaton.accepts(automaton.at(path)),
        _ => &[],
    };
    let one = |(index, route): (usize, &Route)| {
        let here = accepted.iter().filter_map(|rule| policy.rules.get(usize::from(*rule)));
        let here: Vec<&Rule> = here.filter(|rule| rule.routes >> index & 1 != 0).collect();
        let token = Some("token".to_owned());
        let outcome = match here.is_empty() {
            true => FieldOutcome { action: token, category: None, needs: Vec::new() },
            false => outcome(&here, route),
        };
        let outcome = match outcome.action {
            None => outcome,
            Some(_) => FieldOutcome { action: Some("token".to_owned()), category: None, ..outcome },
        };
        Cell { outcomes: vec![outcome] }
    };
    policy.routes.iter().enumerate().map(one).collect()
}

fn cell(policy: &Policy, sets: &[&Vec<usize>], index: usize, route: &Route) -> Cell {
    let bit = u32::try_from(index).ok().and_then(|shift| 1u64.checked_shl(shift)).unwrap_or(0);
    let mut outcomes: Vec<FieldOutcome> = Vec::new();
    for set in sets {
        let rules: Vec<&Rule> =
            set.iter().filter_map(|rule| policy.rules.get(*rule)).filter(|rule| rule.routes & bit != 0).collect();
        let outcome = outcome(&rules, route);
        if !outcomes.contains(&outcome) {
            outcomes.push(outcome);
        }
    }
    Cell { outcomes }
}

/// The law of DESIGN §5, on paper.
fn outcome(rules: &[&Rule], route: &Route) -> FieldOutcome {
    let dropped = FieldOutcome { action: None, category: None, needs: Vec::new() };
    let needs: BTreeSet<&Purpose> = rules.iter().flat_map(|rule| &rule.needs).collect();
    let listed = |purpose: &Purpose| route.requires.contains(purpose) || route.serves.contains(purpose);
    if rules.is_empty()
        || rules.iter().any(|rule| rule.action == Action::Drop)
        || needs.iter().any(|purpose| !listed(purpose))
    {
        return dropped;
    }
    let transform = rules.iter().find(|rule| rule.action != Action::Keep);
    FieldOutcome {
        action: Some(transform.map_or_else(|| "keep".to_owned(), |rule| describe::action(&rule.action))),
        category: if transform.is_some() { None } else { expected(rules) },
        needs: needs.into_iter().filter(|purpose| !route.requires.contains(purpose)).cloned().collect(),
    }
}

/// The category that all of them expect: one `keep` without it leaves detectors at work.
fn expected(rules: &[&Rule]) -> Option<String> {
    let (first, rest) = rules.split_first()?;
    first.category.clone().filter(|_| rest.iter().all(|rule| rule.category == first.category))
}

fn regimes(policy: &Policy) -> Vec<(Purpose, Vec<(String, &'static str)>)> {
    let listed: BTreeSet<&Purpose> =
        policy.routes.iter().flat_map(|route| route.requires.iter().chain(&route.serves)).collect();
    let resolver = Resolver::new(policy);
    listed
        .into_iter()
        .map(|purpose| {
            let rows = policy.law.preset.rows().iter();
            let mut places: Vec<(String, &'static str)> =
                rows.map(|row| (row.place.clone(), row.regime(purpose).as_str())).collect();
            places.push(("anywhere else".to_owned(), resolver.regime(None, None, purpose).as_str()));
            (purpose.clone(), places)
        })
        .collect()
}
