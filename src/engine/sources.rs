//! Where signals, places, subjects and times are read from, as slots that a scan fills.

use std::collections::BTreeMap;

use crate::engine::consent::signals::consent_mode;
use crate::engine::consent::{PlaceSource, Purpose, PurposeSet, Resolver, SubjectKind};
use crate::engine::json::scan::{ScalarKind, Span};
use crate::engine::path::{Selector, Step, Take};
use crate::engine::policy::model::{Policy, Source};
use crate::engine::report::SignalKind;

/// What a captured node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Slot {
    /// `consent.gpc.at`
    Gpc,
    /// A text that one standard defines.
    Text(TextSignal),
    /// An element of a list of GPP sections.
    GppSid,
    /// The object of Google consent mode, or one inside it.
    Google,
    /// Any member of it: counts those that are not known.
    AnyGoogle,
    /// A member of it that is known.
    GoogleState {
        /// Its place in [`consent_mode::MEMBERS`].
        member: u8,
        /// It stands under `default`.
        by_default: bool,
    },
    /// A member of the categories object, mapped to these purposes.
    Category(PurposeSet),
    /// Any member of the categories object: counts those that nobody mapped.
    AnyCategory,
    /// The categories object itself: it is there.
    Categories,
    /// A list of allowed (`true`) or denied ids.
    ConsentIds,
    /// One of its ids.
    ConsentId(bool),
    /// The Snowplow object itself.
    Snowplow,
    /// Its event type.
    SnowplowType,
    /// Its basis for processing.
    SnowplowBasis,
    /// Its list of scopes.
    SnowplowScopes,
    /// One of them.
    SnowplowScope,
    /// `subjects`, by number in the policy.
    Subject(u8),
    /// `law.country`
    Country,
    /// `law.region`
    Region,
    /// `law.age`
    Age,
    /// `input.time`
    Time,
    /// `record.key`
    Key,
}

/// Signals that are one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum TextSignal {
    Tcf,
    Gpp,
    GppSid,
    UsPrivacy,
    Gcs,
    Gcd,
    OneTrust,
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
    pub ids: Ids,
    /// Kinds of signals that the policy reads.
    asked: Vec<SignalKind>,
}

/// Ids of consent platforms that are values, and what they stand for.
#[derive(Default)]
pub(in crate::engine) struct Ids {
    /// Everything that some category stands for.
    pub categories: PurposeSet,
    pub onetrust: Vec<(String, PurposeSet)>,
    pub consent_ids: Vec<(String, PurposeSet)>,
    pub snowplow: Vec<(String, PurposeSet)>,
}

impl Ids {
    /// Everything that some id stands for.
    pub(in crate::engine) fn all(map: &[(String, PurposeSet)]) -> PurposeSet {
        map.iter().fold(PurposeSet::EMPTY, |all, (_, purposes)| all.union(*purposes))
    }
}

impl Sources {
    pub(in crate::engine) fn new(policy: &Policy, resolver: &Resolver) -> Sources {
        let mut sources = Sources {
            event: Vec::new(),
            envelope: Vec::new(),
            record: Vec::new(),
            fixed_country: None,
            fixed_region: None,
            ids: Ids::default(),
            asked: SignalKind::ALL.iter().copied().filter(|kind| policy.reads(*kind)).collect(),
        };
        let ids = |map: &BTreeMap<String, Vec<Purpose>>| -> Vec<(String, PurposeSet)> {
            map.iter().map(|(id, purposes)| (id.clone(), resolver.set(purposes))).collect()
        };
        let consent = &policy.consent;
        if let Some(gpc) = &consent.gpc {
            sources.add(gpc, Slot::Gpc);
        }
        let texts = [
            (consent.tcf.as_ref().map(|tcf| &tcf.at), TextSignal::Tcf),
            (consent.gpp.as_ref().map(|gpp| &gpp.at), TextSignal::Gpp),
            (consent.gpp.as_ref().and_then(|gpp| gpp.sid.as_ref()), TextSignal::GppSid),
            (consent.us_privacy.as_ref(), TextSignal::UsPrivacy),
            (consent.gcs.as_ref(), TextSignal::Gcs),
            (consent.gcd.as_ref(), TextSignal::Gcd),
            (consent.onetrust.as_ref().map(|groups| &groups.at), TextSignal::OneTrust),
        ];
        for (at, signal) in texts {
            if let Some(at) = at {
                sources.add(at, Slot::Text(signal));
            }
        }
        if let Some(sid) = consent.gpp.as_ref().and_then(|gpp| gpp.sid.as_ref()) {
            sources.add_beneath(sid, &[Take::Any], Slot::GppSid);
        }
        if let Some(object) = &consent.google {
            sources.add_google(object);
        }
        if let Some(categories) = &consent.categories {
            sources.add(&categories.at, Slot::Categories);
            sources.add_beneath(&categories.at, &[Take::Any], Slot::AnyCategory);
            sources.ids.categories = Ids::all(&ids(&categories.map));
            for (name, purposes) in &categories.map {
                sources.add_beneath(
                    &categories.at,
                    &[Take::Name(name.clone())],
                    Slot::Category(resolver.set(purposes)),
                );
            }
        }
        if let Some(groups) = &consent.onetrust {
            sources.ids.onetrust = ids(&groups.map);
        }
        if let Some(lists) = &consent.consent_ids {
            sources.ids.consent_ids = ids(&lists.map);
            for (list, allowed) in [(&lists.allowed, true), (&lists.denied, false)] {
                sources.add(list, Slot::ConsentIds);
                sources.add_beneath(list, &[Take::Any], Slot::ConsentId(allowed));
            }
        }
        if let Some(snowplow) = &consent.snowplow {
            sources.ids.snowplow = ids(&snowplow.map);
            let name = |name: &str| Take::Name(name.to_owned());
            sources.add(&snowplow.at, Slot::Snowplow);
            sources.add_beneath(&snowplow.at, &[name("eventType")], Slot::SnowplowType);
            sources.add_beneath(&snowplow.at, &[name("basisForProcessing")], Slot::SnowplowBasis);
            sources.add_beneath(&snowplow.at, &[name("consentScopes")], Slot::SnowplowScopes);
            sources.add_beneath(&snowplow.at, &[name("consentScopes"), Take::Any], Slot::SnowplowScope);
        }
        if consent.table {
            for (number, (_, at)) in (0..).zip(&policy.subjects) {
                sources.add(at, Slot::Subject(number));
            }
        }
        if let Some(age) = &policy.law.age {
            sources.add(age, Slot::Age);
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

    /// Whether the policy reads this kind of signal.
    pub(in crate::engine) fn asks(&self, kind: SignalKind) -> bool {
        self.asked.contains(&kind)
    }

    /// Every kind of signal that the policy reads, in order.
    pub(in crate::engine) fn asked(&self) -> impl Iterator<Item = SignalKind> {
        self.asked.iter().copied()
    }

    fn add(&mut self, source: &Source, slot: Slot) {
        match source {
            Source::Event(selector) => self.event.push((selector.clone(), slot)),
            Source::Envelope(selector) => self.envelope.push((selector.clone(), slot)),
            Source::Header(_) | Source::Key | Source::Timestamp => self.record.push((source.clone(), slot)),
        }
    }

    fn add_beneath(&mut self, source: &Source, takes: &[Take], slot: Slot) {
        let beneath = |selector: &Selector| {
            let mut steps = selector.steps.clone();
            steps.extend(takes.iter().map(|take| Step { descendant: false, take: take.clone() }));
            Selector { steps }
        };
        match source {
            Source::Event(selector) => self.event.push((beneath(selector), slot)),
            Source::Envelope(selector) => self.envelope.push((beneath(selector), slot)),
            Source::Header(_) | Source::Key | Source::Timestamp => {}
        }
    }

    fn add_google(&mut self, object: &Source) {
        let name = |name: &str| Take::Name(name.to_owned());
        self.add(object, Slot::Google);
        self.add_beneath(object, &[Take::Any], Slot::AnyGoogle);
        for inside in ["default", "update"] {
            self.add_beneath(object, &[name(inside)], Slot::Google);
        }
        for (member, known) in (0..).zip(consent_mode::MEMBERS) {
            let slot = |by_default| Slot::GoogleState { member, by_default };
            self.add_beneath(object, &[name(known)], slot(false));
            self.add_beneath(object, &[name("update"), name(known)], slot(false));
            self.add_beneath(object, &[name("default"), name(known)], slot(true));
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

impl Policy {
    /// Whether the policy reads this kind of signal.
    pub fn reads(&self, kind: SignalKind) -> bool {
        let consent = &self.consent;
        match kind {
            SignalKind::Any => SignalKind::ALL.iter().any(|kind| *kind != SignalKind::Any && self.reads(*kind)),
            SignalKind::Tcf => consent.tcf.is_some(),
            SignalKind::Gpp => consent.gpp.is_some(),
            SignalKind::UsPrivacy => consent.us_privacy.is_some(),
            SignalKind::Gpc => consent.gpc.is_some(),
            SignalKind::Gcs => consent.gcs.is_some(),
            SignalKind::Gcd => consent.gcd.is_some(),
            SignalKind::Google => consent.google.is_some(),
            SignalKind::Categories => consent.categories.is_some(),
            SignalKind::OneTrust => consent.onetrust.is_some(),
            SignalKind::ConsentIds => consent.consent_ids.is_some(),
            SignalKind::Snowplow => consent.snowplow.is_some(),
            SignalKind::Age => self.law.age.is_some(),
        }
    }

    /// Whether opt-out signals that arrive with an account are remembered for it, in the consent topic.
    pub fn remembers_opt_outs(&self) -> bool {
        // OneTrust's cookie carries Global Privacy Control.
        let signals = [SignalKind::Gpc, SignalKind::UsPrivacy, SignalKind::Gpp, SignalKind::OneTrust];
        let account = self.subjects.iter().any(|(kind, _)| *kind == SubjectKind::Account);
        self.consent.table && account && signals.iter().any(|kind| self.reads(*kind))
    }
}
