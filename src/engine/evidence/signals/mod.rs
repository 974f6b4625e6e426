//! What the signals of one event say, all together.
//!
//! Signals add up: what one of them denies is denied, and what one grants is granted unless another denies it. The trap is
//! a signal that is there twice with different contents: nobody knows which is meant, so only what both grant counts,
//! and every denial of either does.

mod maps;
mod told;

use crate::engine::action::Scalar;
use crate::engine::compile::Compiled;
use crate::engine::consent::choice::OptOutSource;
use crate::engine::consent::signals::consent_mode::ConsentMode;
use crate::engine::consent::signals::gpp::Gpc;
use crate::engine::consent::signals::says::{AgeBand, Known, Moment, Refusal, Says};
use crate::engine::consent::signals::tcf::Reader;
use crate::engine::consent::signals::{categories, consent_management, google, gpc, gpp, tcf, usp};
use crate::engine::consent::{PurposeSet, Resolver};
use crate::engine::report::SignalKind;
use crate::engine::sources::{Ids, Slot, TextSignal};
use maps::Preferences;

const _: () = assert!(SignalKind::ALL.len() <= 16, "a kind more than `touched` has bits");

/// The signals of one event; buffers are reused.
#[derive(Default)]
pub(in crate::engine) struct Signals {
    texts: String,
    spans: Vec<(TextSignal, usize, usize)>,
    seen: [Seen; SignalKind::ALL.len()],
    /// By kind, a bit each: something was seen. Most events have few kinds, and clearing all would be felt.
    touched: u16,
    gpc_on: bool,
    gpc_in_gpp: Option<Gpc>,
    gpc_in_onetrust: Option<Gpc>,
    granted: PurposeSet,
    denied: PurposeSet,
    dated: Vec<(Moment, PurposeSet)>,
    opted_out: Known,
    by_us_privacy: Known,
    by_gpp: Known,
    age: Option<AgeBand>,
    snowplow: Preferences,
    google: ConsentMode,
    /// Elements of a list of GPP sections, joined by commas.
    sids: String,
}

/// What was seen of a kind of signal.
#[derive(Clone, Copy, Default)]
struct Seen {
    ok: bool,
    unmapped: bool,
    strict: bool,
    refused: Option<Refusal>,
    granted: PurposeSet,
    denied: PurposeSet,
    opted_out: Known,
    /// When what it grants was granted.
    at: Option<Moment>,
}

impl Signals {
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.spans.clear();
        if self.touched != 0 {
            self.seen = Default::default();
            self.touched = 0;
        }
        self.gpc_on = false;
        self.gpc_in_gpp = None;
        self.gpc_in_onetrust = None;
        self.granted = PurposeSet::EMPTY;
        self.denied = PurposeSet::EMPTY;
        self.dated.clear();
        self.opted_out = Known::EMPTY;
        self.by_us_privacy = Known::EMPTY;
        self.by_gpp = Known::EMPTY;
        self.age = None;
        self.snowplow.clear();
        self.google = ConsentMode::default();
        self.sids.clear();
    }

    /// Whether Global Privacy Control counts as on: it is, or what may say so in a GPP string or in OneTrust's cookie
    /// cannot be read.
    pub(in crate::engine) fn gpc_applies(&self) -> bool {
        self.gpc_on || [self.gpc_in_gpp, self.gpc_in_onetrust].into_iter().flatten().any(Gpc::applies)
    }

    /// Whether Global Privacy Control is on, in so many words.
    pub(in crate::engine) fn gpc_is_on(&self) -> bool {
        self.gpc_on || [self.gpc_in_gpp, self.gpc_in_onetrust].contains(&Some(Gpc::On))
    }

    pub(in crate::engine) fn granted(&self) -> PurposeSet {
        self.granted
    }

    pub(in crate::engine) fn denied(&self) -> PurposeSet {
        self.denied
    }

    pub(in crate::engine) fn dated(&self) -> &[(Moment, PurposeSet)] {
        &self.dated
    }

    pub(in crate::engine) fn opted_out(&self) -> Known {
        self.opted_out
    }

    pub(in crate::engine) fn age(&self) -> Option<AgeBand> {
        self.age
    }

    /// What each opt-out signal of the event denies, where `gpc` is what Global Privacy Control denies in this place.
    pub(in crate::engine) fn opt_outs(&self, gpc: Known) -> impl Iterator<Item = (OptOutSource, Known)> {
        let none = |off: bool, known| if off { Known::EMPTY } else { known };
        [
            (OptOutSource::Gpc, none(!self.gpc_on && self.gpc_in_onetrust != Some(Gpc::On), gpc)),
            (OptOutSource::Usp, self.by_us_privacy),
            (OptOutSource::Gpp, self.by_gpp.union(none(self.gpc_in_gpp != Some(Gpc::On), gpc))),
        ]
        .into_iter()
        .filter(|(_, denied)| !denied.is_empty())
    }

    /// A scalar that fills a slot of a signal.
    pub(super) fn take(&mut self, slot: Slot, scalar: Scalar<'_>, ids: &Ids) {
        match (slot, scalar) {
            (Slot::Gpc, scalar) => {
                if gpc::read_scalar(scalar) {
                    self.seen(SignalKind::Gpc).ok = true;
                    self.gpc_on = true;
                } else if !matches!(scalar, Scalar::Null) {
                    self.malformed(SignalKind::Gpc);
                }
            }
            (
                Slot::Text(_)
                | Slot::GppSid
                | Slot::Categories
                | Slot::Google
                | Slot::ConsentIds
                | Slot::Snowplow
                | Slot::Age,
                Scalar::Null,
            ) => {}
            (Slot::Text(signal), Scalar::String(text)) => self.say(signal, text),
            // `gpp_sid` is a number where there is one section.
            (Slot::Text(TextSignal::GppSid), Scalar::Number(text)) => self.say(TextSignal::GppSid, text),
            (Slot::GppSid, Scalar::String(text) | Scalar::Number(text)) => self.list_sid(text),
            (Slot::AnyGoogle, _) => self.google.any(),
            (Slot::GoogleState { member, by_default }, scalar) => {
                self.google.say(usize::from(member), by_default, scalar);
            }
            (Slot::Category(purposes), scalar) => match categories::read(scalar) {
                Some(granted) => self.choose(SignalKind::Categories, purposes, granted),
                None if matches!(scalar, Scalar::Null) => {}
                None => self.refuse(SignalKind::Categories, purposes),
            },
            (Slot::AnyCategory, _) => self.seen(SignalKind::Categories).unmapped = true,
            (Slot::ConsentId(allowed), scalar) => match consent_management::read(scalar) {
                Some(id) => match ids.consent_ids.iter().find(|(known, _)| known == id) {
                    Some((_, purposes)) => self.choose(SignalKind::ConsentIds, *purposes, allowed),
                    None => self.seen(SignalKind::ConsentIds).unmapped = true,
                },
                None if allowed || matches!(scalar, Scalar::Null) => self.malformed(SignalKind::ConsentIds),
                // Something is denied, and nobody knows what.
                None => self.unfit(Slot::ConsentIds, ids),
            },
            (Slot::SnowplowType, Scalar::String(text)) => self.snowplow.say(true, text),
            (Slot::SnowplowBasis, Scalar::String(text)) => self.snowplow.say(false, text),
            (Slot::SnowplowBasis | Slot::SnowplowScopes, Scalar::Null) => {}
            (Slot::SnowplowScope, Scalar::String(text)) => {
                self.snowplow.there = true;
                match ids.snowplow.iter().position(|(known, _)| known == text) {
                    Some(at) => self.snowplow.list(at, ids.snowplow.len()),
                    None => self.seen(SignalKind::Snowplow).unmapped = true,
                }
            }
            (Slot::Age, scalar) => self.say_age(scalar, ids),
            (slot, _) => self.unfit(slot, ids),
        }
    }

    /// A container where a slot wants a scalar, another container than it wants, or a text that no Unicode text can hold.
    /// Somebody's choices are there and cannot be read: what a map or list of ids could deny is denied.
    pub(super) fn unfit(&mut self, slot: Slot, ids: &Ids) {
        match slot {
            Slot::Gpc => self.malformed(SignalKind::Gpc),
            Slot::Text(TextSignal::OneTrust) => self.refuse(SignalKind::OneTrust, Ids::all(&ids.onetrust)),
            Slot::Text(signal) => self.malformed(signal.kind()),
            Slot::GppSid => self.malformed(SignalKind::Gpp),
            Slot::Google => self.google.no_object(),
            Slot::GoogleState { member, by_default } => self.google.unfit(usize::from(member), by_default),
            Slot::Category(purposes) => self.refuse(SignalKind::Categories, purposes),
            Slot::Categories => self.refuse(SignalKind::Categories, ids.categories),
            Slot::ConsentId(true) => self.malformed(SignalKind::ConsentIds),
            Slot::ConsentId(false) | Slot::ConsentIds => {
                self.refuse(SignalKind::ConsentIds, Ids::all(&ids.consent_ids));
            }
            Slot::Snowplow | Slot::SnowplowType | Slot::SnowplowBasis | Slot::SnowplowScopes | Slot::SnowplowScope => {
                self.snowplow.malformed = true;
            }
            // Somebody said how old the person is, and it cannot be read: as young as can be.
            Slot::Age => {
                self.malformed(SignalKind::Age);
                self.age = Some(AgeBand::Child);
            }
            Slot::AnyCategory
            | Slot::AnyGoogle
            | Slot::Subject(_)
            | Slot::Country
            | Slot::Region
            | Slot::Time
            | Slot::Key => {}
        }
    }

    /// Reads the texts, once all of them are there.
    pub(super) fn conclude(&mut self, compiled: &Compiled, now_ms: i64) {
        self.preferences(&compiled.sources.ids);
        self.consent_mode(&compiled.resolver);
        if self.spans.is_empty() {
            return;
        }
        let spans = std::mem::take(&mut self.spans);
        let texts = std::mem::take(&mut self.texts);
        let text = |&(_, start, end): &(TextSignal, usize, usize)| texts.get(start..end).unwrap_or_default();
        let list = std::mem::take(&mut self.sids);
        let listed = || Some(list.as_str()).filter(|list| !list.is_empty());
        let sids = || spans.iter().filter(|(signal, ..)| *signal == TextSignal::GppSid).map(text).chain(listed());
        for signal in TextSignal::READ {
            let mut heard: Option<Says> = None;
            for (number, span) in spans.iter().filter(|(one, ..)| *one == signal).enumerate() {
                let says = match signal {
                    TextSignal::Gpp => self.gpp(text(span), sids(), compiled, now_ms),
                    TextSignal::OneTrust => {
                        self.onetrust(text(span), &compiled.sources.ids);
                        continue;
                    }
                    _ => self.text(signal, text(span), compiled, now_ms),
                };
                let says = says.unwrap_or_default();
                self.by(signal, says.opted_out);
                heard = Some(if number == 0 { says } else { heard.unwrap_or_default().both(says) });
            }
            if let Some(says) = heard {
                self.hear(signal.kind(), says, &compiled.resolver);
            }
        }
        self.spans = spans;
        self.texts = texts;
        self.sids = list;
    }

    fn text(&mut self, signal: TextSignal, text: &str, compiled: &Compiled, now_ms: i64) -> Option<Says> {
        let result = match (signal, &compiled.policy.consent.tcf) {
            (TextSignal::Tcf, Some(policy)) => tcf::decode(text)
                .map_err(Refusal::from)
                .and_then(|string| string.says(policy.reader, policy.legitimate_interest, now_ms)),
            (TextSignal::UsPrivacy, _) => usp::read(text),
            (TextSignal::Gcs, _) => google::read_gcs(text),
            (TextSignal::Gcd, _) => google::read_gcd(text),
            _ => return None,
        };
        self.result(signal.kind(), result)
    }

    fn gpp<'a>(
        &mut self,
        text: &str,
        sids: impl Iterator<Item = &'a str>,
        compiled: &Compiled,
        now_ms: i64,
    ) -> Option<Says> {
        let reader = compiled.policy.consent.gpp.as_ref().map_or(Reader::Publisher, |gpp| gpp.reader);
        let string = gpp::decode(text).map_err(Refusal::from);
        let mut sum: Option<Says> = None;
        // Without a list of sections in force, and with each of those that were sent: all of them only tighten.
        for sid in sids.map(Some).chain([None]) {
            let read = string.as_ref().map_err(|refusal| *refusal);
            let says = read.and_then(|string| string.says(sid, reader, Known::EMPTY, now_ms)).map(|read| {
                self.gpc_in_gpp = self.gpc_in_gpp.max(Some(read.gpc));
                read.says
            });
            let says = self.result(SignalKind::Gpp, says).unwrap_or_default();
            sum = Some(sum.map_or(says, |so_far| so_far.both(says)));
        }
        sum
    }

    fn result(&mut self, kind: SignalKind, result: Result<Says, Refusal>) -> Option<Says> {
        let seen = self.seen(kind);
        match result {
            Ok(says) => {
                seen.ok = true;
                seen.strict |= says.strict;
                Some(says)
            }
            Err(refusal) => {
                seen.refused.get_or_insert(refusal);
                None
            }
        }
    }

    fn hear(&mut self, kind: SignalKind, says: Says, resolver: &Resolver) {
        let granted = resolver.of_known(says.granted);
        let denied = resolver.of_known(says.denied);
        let seen = self.seen(kind);
        (seen.granted, seen.denied, seen.opted_out, seen.at) = (granted, denied, says.opted_out, says.at);
        match says.at {
            Some(at) => self.dated.push((at, granted)),
            None => self.granted = self.granted.union(granted),
        }
        self.denied = self.denied.union(denied);
        self.opted_out = self.opted_out.union(says.opted_out);
        self.age = [self.age, says.age].into_iter().flatten().min();
    }

    fn by(&mut self, signal: TextSignal, opted_out: Known) {
        match signal {
            TextSignal::UsPrivacy => self.by_us_privacy = self.by_us_privacy.union(opted_out),
            TextSignal::Gpp => self.by_gpp = self.by_gpp.union(opted_out),
            _ => {}
        }
    }

    fn choose(&mut self, kind: SignalKind, purposes: PurposeSet, granted: bool) {
        let seen = self.seen(kind);
        seen.ok = true;
        let own = if granted { &mut seen.granted } else { &mut seen.denied };
        *own = own.union(purposes);
        let set = if granted { &mut self.granted } else { &mut self.denied };
        *set = set.union(purposes);
    }

    fn say(&mut self, signal: TextSignal, text: &str) {
        let known =
            |&(one, start, end): &(TextSignal, usize, usize)| one == signal && self.texts.get(start..end) == Some(text);
        if !self.spans.iter().any(known) {
            let start = self.texts.len();
            self.texts.push_str(text);
            self.spans.push((signal, start, self.texts.len()));
        }
    }

    /// A band by its word, or an age in years.
    fn say_age(&mut self, scalar: Scalar<'_>, ids: &Ids) {
        let band = match scalar {
            Scalar::String(text) => AgeBand::ALL.iter().copied().find(|band| band.as_str() == text),
            Scalar::Number(text) => text.parse::<u8>().ok().map(|years| match years {
                0..13 => AgeBand::Child,
                13..16 => AgeBand::Teen,
                _ => AgeBand::Adult,
            }),
            Scalar::Null | Scalar::Bool(_) => None,
        };
        match band {
            Some(band) => {
                self.seen(SignalKind::Age).ok = true;
                self.age = [self.age, Some(band)].into_iter().flatten().min();
            }
            None => self.unfit(Slot::Age, ids),
        }
    }

    /// Malformed, and what it could deny is denied.
    fn refuse(&mut self, kind: SignalKind, purposes: PurposeSet) {
        self.malformed(kind);
        self.denied = self.denied.union(purposes);
    }

    fn malformed(&mut self, kind: SignalKind) {
        self.seen(kind).refused.get_or_insert(Refusal::Malformed);
    }

    #[expect(clippy::indexing_slicing, reason = "one place for each kind, by its own index")]
    fn seen(&mut self, kind: SignalKind) -> &mut Seen {
        self.touched |= 1 << kind.index();
        &mut self.seen[kind.index()]
    }
}

impl Says {
    /// What counts of a signal that is there twice: what both grant, since the earlier date, and what either denies.
    fn both(self, other: Says) -> Says {
        Says {
            granted: self.granted.intersection(other.granted),
            denied: self.denied.union(other.denied),
            opted_out: self.opted_out.union(other.opted_out),
            at: self.at.zip(other.at).map(|(a, b)| if a.earliest() <= b.earliest() { a } else { b }),
            age: [self.age, other.age].into_iter().flatten().min(),
            strict: self.strict || other.strict,
        }
    }
}

impl TextSignal {
    /// Those that say something by themselves.
    const READ: [TextSignal; 6] = [
        TextSignal::Tcf,
        TextSignal::Gpp,
        TextSignal::UsPrivacy,
        TextSignal::Gcs,
        TextSignal::Gcd,
        TextSignal::OneTrust,
    ];

    fn kind(self) -> SignalKind {
        match self {
            TextSignal::Tcf => SignalKind::Tcf,
            TextSignal::Gpp | TextSignal::GppSid => SignalKind::Gpp,
            TextSignal::UsPrivacy => SignalKind::UsPrivacy,
            TextSignal::Gcs => SignalKind::Gcs,
            TextSignal::Gcd => SignalKind::Gcd,
            TextSignal::OneTrust => SignalKind::OneTrust,
        }
    }
}
