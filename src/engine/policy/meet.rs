//! Which rules can meet on one field, and what comes of it: conflicts, rules that never apply, what each line does.
//!
//! Exact, not a guess by patterns: the automaton of all selectors lists every combination that can meet on some node.
//! The law is the engine's: `drop` absorbs, any transform beats `keep`, all `needs` are required.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::action::Action;
use crate::engine::path::{Automaton, Selector, TooComplex};

/// What the law needs to know of a rule.
pub(super) struct Party<'a> {
    pub(super) action: &'a Action,
    pub(super) category: Option<&'a str>,
    pub(super) has_needs: bool,
    pub(super) routes: u64,
}

/// What comes of the meetings.
#[derive(Debug, Default)]
pub(super) struct Meetings {
    /// Pairs of rules that contradict each other on some field of some route, ascending.
    pub(super) conflicts: BTreeSet<(usize, usize)>,
    /// Per rule: the routes on which it decides something somewhere.
    pub(super) decides: Vec<u64>,
    /// Per rule: one that beats it.
    pub(super) beaten_by: Vec<Option<usize>>,
}

/// Every combination of rules that can meet on one node, each once.
pub(super) fn combinations(selectors: &[&Selector]) -> Result<(Automaton, BTreeSet<Vec<usize>>), TooComplex> {
    if selectors.len() > usize::from(u16::MAX) {
        return Err(TooComplex);
    }
    let automaton = Automaton::build(selectors)?;
    let sets = automaton.accept_sets().map(|set| set.iter().map(|rule| usize::from(*rule)).collect()).collect();
    Ok((automaton, sets))
}

/// Applies the law to every combination.
pub(super) fn meetings(parties: &[Party<'_>], sets: &BTreeSet<Vec<usize>>) -> Meetings {
    let mut out =
        Meetings { conflicts: BTreeSet::new(), decides: vec![0; parties.len()], beaten_by: vec![None; parties.len()] };
    for set in sets {
        let here: Vec<(usize, &Party<'_>)> = set.iter().filter_map(|rule| Some((*rule, parties.get(*rule)?))).collect();
        for (rule, party) in &here {
            let mut rest = party.routes;
            for (other, rival) in here.iter().filter(|(other, _)| other != rule) {
                if beats(rival, party) {
                    rest &= !rival.routes;
                    if let Some(slot) = out.beaten_by.get_mut(*rule) {
                        slot.get_or_insert(*other);
                    }
                }
            }
            if let Some(slot) = out.decides.get_mut(*rule) {
                *slot |= rest;
            }
        }
        conflicts(&here, &mut out.conflicts);
    }
    out
}

fn is_transform(action: &Action) -> bool {
    !matches!(action, Action::Keep | Action::Drop)
}

/// Whether `rival` leaves nothing for `party` to say where both apply.
fn beats(rival: &Party<'_>, party: &Party<'_>) -> bool {
    match (rival.action, party.action) {
        (Action::Drop, Action::Drop) => false,
        (Action::Drop, _) => true,
        // A beaten `keep` still asks for its `needs`.
        (rival, Action::Keep) => is_transform(rival) && !party.has_needs,
        _ => false,
    }
}

/// Pairs reported: who has a thousand conflicts wants to see some, not to wait for all.
const MAX_CONFLICTS: usize = 1000;

fn conflicts(here: &[(usize, &Party<'_>)], out: &mut BTreeSet<(usize, usize)>) {
    let dropped =
        here.iter().filter(|(_, party)| *party.action == Action::Drop).fold(0, |set, (_, party)| set | party.routes);
    let transformed =
        here.iter().filter(|(_, party)| is_transform(party.action)).fold(0, |set, (_, party)| set | party.routes);
    for (place, (first, one)) in here.iter().enumerate() {
        for (second, two) in here.iter().skip(place + 1) {
            let common = one.routes & two.routes & !dropped;
            let differ = match (one.action, two.action) {
                (Action::Keep, Action::Keep) => {
                    let both = one.category.is_some() && two.category.is_some();
                    both && one.category != two.category && common & !transformed != 0
                }
                (a, b) => is_transform(a) && is_transform(b) && a != b && common != 0,
            };
            if differ && out.len() < MAX_CONFLICTS {
                out.insert((*first, *second));
            }
        }
    }
}

/// For each rule, the combinations that it is part of.
pub(super) fn by_rule(sets: &BTreeSet<Vec<usize>>) -> BTreeMap<usize, Vec<&Vec<usize>>> {
    let mut map: BTreeMap<usize, Vec<&Vec<usize>>> = BTreeMap::new();
    for set in sets {
        for rule in set {
            map.entry(*rule).or_default().push(set);
        }
    }
    map
}
