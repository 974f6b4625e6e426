//! The engine, naively: what must come out of one record under one policy.

use std::collections::BTreeMap;

use tamis::engine::action::Action;
use tamis::engine::consent::{PlaceSource, Purpose};
use tamis::engine::detect::Detector;
use tamis::engine::outcome::{DropReason, Effect, Opening, Outcome, QuarantineReason};
use tamis::engine::path::{Selector, Take};
use tamis::engine::policy::model::{OnHit, Policy, Source};
use tamis::engine::record::Record;

use super::actions;
use super::consent::Signals;
use super::json::{self, Kind, Node, Slot};
use super::paths::{Down, matches};
use super::walk::{Walk, rules_at};

/// What must become of a record.
pub struct Expected {
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
}

pub struct Event {
    /// Place in the batch; `None` where the record cannot be read.
    pub index: Option<u32>,
    pub outcome: Outcome,
    pub openings: Vec<Opening>,
    /// By route: what leaves.
    pub outputs: Vec<Option<Output>>,
    /// What conflict resolution, shape, needs and the like had to do: for coverage.
    pub met: Vec<&'static str>,
}

#[derive(PartialEq, Eq)]
pub struct Output {
    pub key: Option<String>,
    pub value: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub timestamp: Option<i64>,
}

/// The keys of the tests: by domain, by epoch.
pub type Keys = BTreeMap<String, BTreeMap<u64, [u8; 32]>>;

/// One policy with what is constant for it.
pub struct Reference<'p> {
    pub policy: &'p Policy,
    pub keys: &'p Keys,
    now_ms: i64,
    pub detector: Detector,
    /// Names that the policy spells: they are not looked at by detectors.
    pub named: Vec<String>,
}

/// An event in its record.
struct Place<'r> {
    record: &'r Record<'r>,
    envelope: &'r Node<'r>,
    event: &'r Node<'r>,
}

impl<'p> Reference<'p> {
    pub fn new(policy: &'p Policy, keys: &'p Keys, now_ms: i64) -> Reference<'p> {
        let named = selectors(policy).flat_map(|selector| &selector.steps).filter_map(|step| match &step.take {
            Take::Name(name) => Some(name.clone()),
            _ => None,
        });
        let named = named.collect();
        Reference { policy, keys, now_ms, detector: Detector::new(policy.detect.kinds), named }
    }

    pub fn expect(&self, record: &Record<'_>) -> Expected {
        let whole = |outcome: Outcome, opening: Opening| {
            let outputs = self.policy.routes.iter().map(|_| None).collect();
            let openings = vec![opening; self.policy.routes.len()];
            vec![Event { index: None, outcome, openings, outputs, met: Vec::new() }]
        };
        let quarantine = |reason| whole(Outcome::Quarantine(reason), Opening::Quarantined);
        let mut effects = Vec::new();
        let events = match record.value {
            None => whole(Outcome::Drop(DropReason::Tombstone), Opening::Dropped(DropReason::Tombstone)),
            Some([0, ..]) => quarantine(QuarantineReason::FramedValue),
            Some(bytes) => match std::str::from_utf8(bytes).ok().and_then(json::parse) {
                None => quarantine(QuarantineReason::InvalidJson),
                Some(document) => match &self.policy.input.split {
                    None => {
                        let place = Place { record, envelope: &document.root, event: &document.root };
                        let mut event = self.event(&place, 0, &mut effects);
                        for output in event.outputs.iter_mut().flatten() {
                            output.value = format!("{}{}{}", document.before, output.value, document.after);
                        }
                        vec![event]
                    }
                    Some(split) => match batch(split, &document.root) {
                        None => quarantine(QuarantineReason::Shape),
                        Some(found) => found
                            .into_iter()
                            .enumerate()
                            .map(|(index, event)| {
                                let place = Place { record, envelope: &document.root, event };
                                self.event(&place, index as u32, &mut effects)
                            })
                            .collect(),
                    },
                },
            },
        };
        Expected { events, effects }
    }

    fn event(&self, place: &Place<'_>, index: u32, effects: &mut Vec<Effect>) -> Event {
        let routes = self.policy.routes.len();
        let quarantine = |reason| Event {
            index: Some(index),
            outcome: Outcome::Quarantine(reason),
            openings: vec![Opening::Quarantined; routes],
            outputs: (0..routes).map(|_| None).collect(),
            met: Vec::new(),
        };
        let signals = self.signals(place);
        let time = place.record.timestamp.unwrap_or(self.now_ms).min(self.now_ms);
        let mut event = Event {
            index: Some(index),
            outcome: Outcome::Drop(DropReason::AllClosed),
            openings: Vec::new(),
            outputs: Vec::new(),
            met: Vec::new(),
        };
        for (at, route) in self.policy.routes.iter().enumerate() {
            if let Some(reason) = signals.close_reason(&route.requires) {
                event.openings.push(Opening::Closed(reason));
                event.outputs.push(None);
                continue;
            }
            let epoch = self.epoch(at, time);
            let mut walk = Walk {
                reference: self,
                route: at,
                signals: &signals,
                epoch,
                detected: false,
                effects: Vec::new(),
                met: Vec::new(),
            };
            let value = walk.node(place.event, &mut Vec::new());
            if walk.detected && self.policy.detect.on_hit == OnHit::Quarantine {
                return quarantine(QuarantineReason::Detected);
            }
            let key = match &value {
                Some(_) => self.key(at, place, &signals, epoch),
                None => Ok(None),
            };
            let key = key.unwrap_or_default();
            effects.append(&mut walk.effects);
            event.met.append(&mut walk.met);
            event.openings.push(match value {
                Some(_) => Opening::Open,
                None => Opening::Dropped(DropReason::Empty),
            });
            event.outputs.push(value.map(|value| Output { key, ..self.output(at, place, &signals, value) }));
        }
        event.outcome = if event.openings.contains(&Opening::Open) {
            Outcome::Forward
        } else if event.openings.contains(&Opening::Dropped(DropReason::Empty)) {
            Outcome::Drop(DropReason::Empty)
        } else {
            Outcome::Drop(DropReason::AllClosed)
        };
        event
    }

    /// The record's key on a route; an error where there must be one and cannot be.
    fn key(&self, at: usize, place: &Place<'_>, signals: &Signals, epoch: u64) -> Result<Option<String>, ()> {
        let Some(source @ Source::Event(selector)) = &self.policy.record.key else { return Ok(None) };
        let path: Vec<Down> = selector
            .steps
            .iter()
            .map(|step| match &step.take {
                Take::Name(name) => Down::Key(name.clone()),
                _ => panic!("the tests make keys of named fields"),
            })
            .collect();
        let route = &self.policy.routes[at];
        let rules = rules_at(self.policy, at, &path);
        let served = |purpose: &Purpose| {
            (route.requires.contains(purpose) || route.serves.contains(purpose)) && signals.permits(purpose)
        };
        if rules.iter().any(|rule| rule.action == Action::Drop || !rule.needs.iter().all(served)) {
            return Ok(None);
        }
        let mut said: Vec<String> = Vec::new();
        for node in self.nodes(source, place) {
            said.extend(actions::canonical(node).map_err(|_| ())?);
        }
        said.dedup();
        let [text] = said.as_slice() else { return Err(()) };
        let domain = route.tokens.as_deref().unwrap_or("");
        let key = self.keys.get(domain).and_then(|epochs| epochs.get(&epoch)).ok_or(())?;
        Ok(Some(actions::token(key, domain, epoch, "", text)))
    }

    fn epoch(&self, route: usize, time_ms: i64) -> u64 {
        let domain = self.policy.routes[route].tokens.as_ref().and_then(|name| self.policy.tokens.get(name));
        match domain.and_then(|domain| domain.rotate_seconds) {
            Some(seconds) => time_ms.div_euclid(1000) as u64 / seconds,
            None => 0,
        }
    }

    fn output(&self, route: usize, place: &Place<'_>, signals: &Signals, value: String) -> Output {
        let rules = &self.policy.record;
        let mut headers = Vec::new();
        for name in &rules.headers {
            for header in place.record.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)) {
                headers.extend(header.value.map(|bytes| (name.clone(), bytes.to_vec())));
            }
        }
        headers.push(("tamis-policy".to_owned(), self.policy.digest.clone().into_bytes()));
        let listed = &self.policy.routes[route];
        let listed = listed.requires.iter().chain(&listed.serves);
        let purposes: Vec<String> = listed.filter(|p| signals.permits(p)).map(ToString::to_string).collect();
        headers.push(("tamis-purposes".to_owned(), purposes.join(",").into_bytes()));
        if signals.gpc {
            headers.push(("tamis-gpc".to_owned(), b"1".to_vec()));
        }
        let timestamp = place.record.timestamp.map(|ms| ms - ms.rem_euclid(rules.timestamp_step_ms));
        Output { key: None, value, headers, timestamp }
    }

    fn signals(&self, place: &Place<'_>) -> Signals {
        let law = &self.policy.law;
        let country = match &law.country {
            None => None,
            Some(PlaceSource::Fixed(code)) => Some(code.clone()),
            Some(PlaceSource::At(source)) => self.said_once(source, place),
        };
        let gpc = self.policy.consent.gpc.as_ref().is_some_and(|source| {
            let on = |text: &Option<String>| {
                let parts = text.as_deref().unwrap_or("").split(',');
                parts.map(|part| part.trim_matches(|c| c == ' ' || c == '\t')).any(|part| part == "1")
            };
            let text = self.texts(source, place).iter().any(on);
            // `navigator.globalPrivacyControl` is a boolean, and scripts send it as such.
            text || self.nodes(source, place).iter().any(|node| matches!(node.kind, Kind::Bool(true)))
        });
        let mut signals = Signals { country, gpc, ..Signals::default() };
        if let Some(categories) = &self.policy.consent.categories {
            for object in self.nodes(&categories.at, place) {
                let members = match &object.kind {
                    Kind::Object(members) => members,
                    Kind::Null => continue,
                    // Choices that nobody can read: all of them may be denials.
                    _ => {
                        signals.denied.extend(categories.map.values().flatten().cloned());
                        continue;
                    }
                };
                for member in members {
                    let key = member.key.as_ref().map_or("", |key| key.text.as_str());
                    let purposes: &[Purpose] = categories.map.get(key).map_or(&[], Vec::as_slice);
                    match member.node.kind {
                        Kind::Bool(true) => signals.granted.extend_from_slice(purposes),
                        Kind::Null => {}
                        _ => signals.denied.extend_from_slice(purposes),
                    }
                }
            }
        }
        signals
    }

    fn nodes<'r>(&self, source: &Source, place: &Place<'r>) -> Vec<&'r Node<'r>> {
        let mut found = Vec::new();
        match source {
            Source::Event(selector) => select(selector, place.event, &mut Vec::new(), &mut found),
            Source::Envelope(selector) => select(selector, place.envelope, &mut Vec::new(), &mut found),
            Source::Header(_) | Source::Key | Source::Timestamp => {}
        }
        found
    }

    /// A place that is said once, or always the same; null says nothing, and anything else makes it unknown.
    fn said_once(&self, source: &Source, place: &Place<'_>) -> Option<String> {
        let mut said: Option<String> = None;
        for node in self.nodes(source, place) {
            match &node.kind {
                Kind::Null => {}
                Kind::String(text) if !text.lossy && said.as_ref().is_none_or(|said| *said == text.text) => {
                    said = Some(text.text.clone());
                }
                _ => return None,
            }
        }
        said
    }

    /// The texts found at a source; `None` stands for something found that is not a text.
    fn texts(&self, source: &Source, place: &Place<'_>) -> Vec<Option<String>> {
        match source {
            Source::Header(name) => place
                .record
                .headers
                .iter()
                .filter(|header| header.name.eq_ignore_ascii_case(name))
                .map(|header| header.value.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()))
                .collect(),
            _ => self
                .nodes(source, place)
                .into_iter()
                .map(|node| match &node.kind {
                    Kind::String(text) => Some(text.text.clone()),
                    Kind::Number(text) => Some((*text).to_owned()),
                    _ => None,
                })
                .collect(),
        }
    }
}

/// Every selector that the policy spells: rules, and where it reads places, signals and the batch.
fn selectors(policy: &Policy) -> impl Iterator<Item = &Selector> {
    let places = [&policy.law.country, &policy.law.region].into_iter().flatten().filter_map(|place| match place {
        PlaceSource::At(source) => Some(source),
        PlaceSource::Fixed(_) => None,
    });
    let sources = places
        .chain(&policy.consent.gpc)
        .chain(policy.consent.categories.iter().map(|categories| &categories.at))
        .chain(&policy.input.time)
        .chain(&policy.record.key)
        .chain(policy.subjects.iter().map(|(_, source)| source));
    let sources = sources.filter_map(|source| match source {
        Source::Event(selector) | Source::Envelope(selector) => Some(selector),
        Source::Header(_) | Source::Key | Source::Timestamp => None,
    });
    policy.rules.iter().map(|rule| &rule.selector).chain(sources).chain(&policy.input.split)
}

/// The events of a batch; `None` where the path of the batch is missing.
fn batch<'r>(split: &Selector, root: &'r Node<'r>) -> Option<Vec<&'r Node<'r>>> {
    let (last, parent) = split.steps.split_last()?;
    assert!(last.take == Take::Any && !last.descendant, "the tests split on a path that ends in [*]");
    let mut holders = Vec::new();
    select(&Selector { steps: parent.to_vec() }, root, &mut Vec::new(), &mut holders);
    let containers: Vec<_> = holders
        .iter()
        .filter_map(|node| match &node.kind {
            Kind::Array(slots) | Kind::Object(slots) => Some(slots),
            _ => None,
        })
        .collect();
    (!containers.is_empty()).then(|| containers.into_iter().flatten().map(|slot| &slot.node).collect())
}

fn select<'r>(selector: &Selector, node: &'r Node<'r>, path: &mut Vec<Down>, found: &mut Vec<&'r Node<'r>>) {
    if matches(selector, path) {
        found.push(node);
    }
    let (Kind::Array(slots) | Kind::Object(slots)) = &node.kind else { return };
    for (index, slot) in slots.iter().enumerate() {
        path.push(down(slot, index));
        select(selector, &slot.node, path, found);
        path.pop();
    }
}

pub fn down(slot: &Slot<'_>, index: usize) -> Down {
    match &slot.key {
        Some(key) => Down::Key(key.text.clone()),
        None => Down::Index(index),
    }
}
