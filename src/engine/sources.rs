//! Where signals, places, subjects and times are read from, as slots that a scan fills.

use crate::engine::consent::{PlaceSource, PurposeSet, Resolver};
use crate::engine::json::scan::{ScalarKind, Span};
use crate::engine::path::{Selector, Step, Take};
use crate::engine::policy::model::{Policy, Source};

/// What a captured node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Slot {
    /// `consent.gpc.at`
    Gpc,
    /// A member of the categories object, mapped to these purposes.
    Category(PurposeSet),
    /// Any member of the categories object: counts those that nobody mapped.
    AnyCategory,
    /// The categories object itself: it is there.
    Categories,
    /// `law.country`
    Country,
    /// `law.region`
    Region,
    /// `input.time`
    Time,
    /// `record.key`
    Key,
}

/// A node that fills a slot.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Capture {
    pub slot: Slot,
    /// `None`: a container.
    pub kind: Option<ScalarKind>,
    /// Where; strings with their quotes.
    pub span: Span,
}

/// Every source of a policy, by where it is read.
pub(in crate::engine) struct Sources {
    pub event: Vec<(Selector, Slot)>,
    pub envelope: Vec<(Selector, Slot)>,
    /// Headers, the key, the record's timestamp.
    pub record: Vec<(Source, Slot)>,
    /// A one-market site's fixed codes.
    pub fixed_country: Option<String>,
    pub fixed_region: Option<String>,
}

impl Sources {
    pub(in crate::engine) fn new(policy: &Policy, resolver: &Resolver) -> Sources {
        let mut sources = Sources {
            event: Vec::new(),
            envelope: Vec::new(),
            record: Vec::new(),
            fixed_country: None,
            fixed_region: None,
        };
        if let Some(gpc) = &policy.consent.gpc {
            sources.add(gpc, Slot::Gpc);
        }
        if let Some(categories) = &policy.consent.categories {
            sources.add(&categories.at, Slot::Categories);
            sources.add_beneath(&categories.at, Take::Any, Slot::AnyCategory);
            for (name, purposes) in &categories.map {
                let take = Take::Name(name.clone());
                sources.add_beneath(&categories.at, take, Slot::Category(resolver.set(purposes)));
            }
        }
        sources.fixed_country = sources.add_place(policy.law.country.as_ref(), Slot::Country);
        sources.fixed_region = sources.add_place(policy.law.region.as_ref(), Slot::Region);
        if let Some(time) = &policy.input.time {
            sources.add(time, Slot::Time);
        }
        if let Some(key) = &policy.record.key {
            sources.add(key, Slot::Key);
        }
        sources
    }

    fn add(&mut self, source: &Source, slot: Slot) {
        match source {
            Source::Event(selector) => self.event.push((selector.clone(), slot)),
            Source::Envelope(selector) => self.envelope.push((selector.clone(), slot)),
            Source::Header(_) | Source::Key | Source::Timestamp => self.record.push((source.clone(), slot)),
        }
    }

    fn add_beneath(&mut self, source: &Source, take: Take, slot: Slot) {
        let beneath = |selector: &Selector| {
            let mut steps = selector.steps.clone();
            steps.push(Step { descendant: false, take });
            Selector { steps }
        };
        match source {
            Source::Event(selector) => self.event.push((beneath(selector), slot)),
            Source::Envelope(selector) => self.envelope.push((beneath(selector), slot)),
            Source::Header(_) | Source::Key | Source::Timestamp => {}
        }
    }

    fn add_place(&mut self, place: Option<&PlaceSource>, slot: Slot) -> Option<String> {
        match place? {
            PlaceSource::Fixed(code) => Some(code.clone()),
            PlaceSource::At(source) => {
                self.add(source, slot);
                None
            }
        }
    }
}
