//! A policy from what was seen: conservative, with a reason on every line.
//!
//! It is a draft for a person, and must be right as it stands: what looks personal is dropped, made a token or coarser; what
//! nobody can tell is dropped. Where a person has to decide, the line says DECIDE. No value is in it, so lists of allowed values
//! (`one_of`) are left to whoever knows them.

mod field;
mod signals;
mod write;

pub(super) use field::Verdict;
pub(super) use write::policy;

use std::collections::BTreeMap;

use super::names::{self, Role};
use super::paths::{Entry, Step, Tree, written};
use super::shape::Shape;
use super::stats::{Stats, Type};
use signals::Signals;

/// Members of a request that hold its events, as SDKs and collectors name them.
const BATCHES: &[&str] = &["batch", "events", "data", "records", "messages", "hits"];

/// What is proposed, with what it rests on.
pub(super) struct Proposal<'a> {
    /// Where one record carries many events.
    pub(super) split: Option<Vec<Step>>,
    /// Events, of which each path was seen in some.
    pub(super) events: u64,
    pub(super) fields: Vec<Field<'a>>,
    sources: BTreeMap<Slot, (String, u64)>,
    signals: Signals,
}

/// What a policy reads of an event besides its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Subject(&'static str),
    Time,
    Country,
    Region,
}

/// One path, and what becomes of it.
pub(super) struct Field<'a> {
    pub(super) entry: Entry<'a>,
    /// From the root of the record, as it is shown.
    pub(super) path: String,
    /// From the event on, as a rule names it; `None` around the events.
    pub(super) selector: Option<String>,
    pub(super) verdict: Verdict,
}

impl Field<'_> {
    /// In how many of how many events, or records where it stands around them.
    pub(super) fn seen(&self, proposal: &Proposal<'_>, records: u64) -> (u64, u64) {
        match (&proposal.split, &self.selector) {
            (Some(_), Some(_)) => (self.entry.stats.events.min(proposal.events), proposal.events),
            _ => (self.entry.stats.records.min(records), records),
        }
    }
}

/// Makes the proposal; `records` were read.
pub(super) fn propose(tree: &Tree, records: u64) -> Proposal<'_> {
    let split = split(tree, records);
    let events = split.as_deref().and_then(|split| tree.at(split)).map_or(records, |stats| stats.values);
    let signals = Signals::of(tree, split.as_deref());
    let mut proposal = Proposal { events, fields: Vec::new(), sources: BTreeMap::new(), signals, split };
    for entry in tree.entries() {
        let inside = inside(&entry, proposal.split.as_deref());
        let source = source(&entry, inside);
        let role = names::role(&entry.steps);
        let signal = source.as_deref().is_some_and(|source| proposal.signals.reads(source));
        let seen = match (inside, &proposal.split) {
            (Some(_), Some(_)) => (entry.stats.events, events),
            _ => (entry.stats.records, records),
        };
        if let (Some(source), Some(role), false) = (source, role, signal) {
            proposal.read(source, role, entry.stats, seen);
        }
        let verdict = match (inside, signal) {
            (_, true) => Verdict::dropped("says something about consent: it is read, and does not leave"),
            (None, _) if entry.around => Verdict::dropped("of the record, not of the event: it does not leave"),
            (None, _) => Verdict::dropped("stands around the events: it does not leave"),
            (Some(_), _) => field::decide(&entry, role),
        };
        let selector = inside.map(|steps| written(steps, false));
        let path = written(&entry.steps, entry.around);
        proposal.fields.push(Field { path, selector, verdict, entry });
    }
    proposal
}

impl Proposal<'_> {
    /// A place from which a subject, the time or the place of an event can be read. It must be there in many events: in one of a
    /// thousand it is of something else, such as an address that a parcel goes to. The one that is there most often counts.
    fn read(&mut self, source: String, role: Role, stats: &Stats, (seen, of): (u64, u64)) {
        let scalar = stats.is(Type::Object) + stats.is(Type::Array) == 0;
        let shapes: &[Shape] = match role {
            Role::Time => &[Shape::IsoTime, Shape::UnixSeconds, Shape::UnixMillis],
            Role::Country => &[Shape::TwoCapitals],
            Role::Region => &[Shape::TwoCapitals, Shape::Word],
            _ => &[],
        };
        let (slot, least) = match role {
            Role::Account => (Slot::Subject("account"), 10),
            Role::Device => (Slot::Subject("device"), 10),
            Role::Cookie => (Slot::Subject("cookie"), 10),
            Role::AdId => (Slot::Subject("ad_id"), 10),
            Role::Time => (Slot::Time, 90),
            Role::Country => (Slot::Country, 50),
            Role::Region => (Slot::Region, 50),
            _ => return,
        };
        let usable = scalar && (shapes.is_empty() || stats.looks(shapes));
        if !usable || seen * 100 < of * least {
            return;
        }
        // Of several that are there as often: the name that says it best, then the shortest path.
        let rank = |source: &str, seen: u64| {
            (std::cmp::Reverse(seen), !source.ends_with("timestamp"), source.matches('.').count())
        };
        let known = self.sources.get(&slot).map(|(source, seen)| rank(source, *seen));
        if known.is_none_or(|known| rank(&source, seen) < known) {
            self.sources.insert(slot, (source, seen));
        }
    }

    /// Where something is read from, if a place for it was found.
    fn source(&self, slot: Slot) -> Option<&str> {
        self.sources.get(&slot).map(|(source, _)| source.as_str())
    }
}

/// The steps from the event on; `None` for what stands around it.
fn inside<'a>(entry: &'a Entry<'_>, split: Option<&[Step]>) -> Option<&'a [Step]> {
    match split {
        _ if entry.around => None,
        None => Some(&entry.steps),
        Some(split) => entry.steps.strip_prefix(split),
    }
}

/// Where one value is read, as a policy writes it; `None` where there may be several, or the names are data.
fn source(entry: &Entry<'_>, inside: Option<&[Step]>) -> Option<String> {
    let steps = inside.unwrap_or(&entry.steps);
    if steps.is_empty() || !steps.iter().all(|step| matches!(step, Step::Name(_))) {
        return None;
    }
    let written = written(steps, entry.around);
    Some(if inside.is_none() && !entry.around { format!("envelope.{written}") } else { written })
}

/// The array that nearly every record carries its events in, if there is one.
fn split(tree: &Tree, records: u64) -> Option<Vec<Step>> {
    let named = BATCHES.iter().map(|name| vec![Step::Name((*name).into()), Step::Elements]);
    named.chain([vec![Step::Elements]]).find(|steps| {
        tree.at(steps).is_some_and(|stats| {
            stats.values > 0 && stats.is(Type::Object) == stats.values && stats.records * 50 >= records * 49
        })
    })
}
