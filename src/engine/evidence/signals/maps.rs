//! Signals whose parts are put together: OneTrust's groups, Snowplow's preferences, Google's consent mode, and the list of
//! a GPP string's sections.

use super::Signals;
use crate::engine::consent::Resolver;
use crate::engine::consent::signals::says::{Refusal, Says};
use crate::engine::consent::signals::{onetrust, snowplow};
use crate::engine::report::SignalKind;
use crate::engine::sources::Ids;

/// Bytes of a list of GPP sections: those that there are, several times over.
const LONGEST_SIDS: usize = 512;

/// Parts of Snowplow's object.
#[derive(Default)]
pub(super) struct Preferences {
    event_type: String,
    basis: String,
    /// The object, or a part of it, is not what the schema says.
    pub(super) malformed: bool,
    pub(super) there: bool,
    /// By number in the policy's map: the scope is listed.
    listed: Vec<bool>,
}

impl Signals {
    /// An element of a list of GPP sections. A list longer than any is cut: it only tightens.
    pub(super) fn list_sid(&mut self, text: &str) {
        if self.sids.len() + text.len() >= LONGEST_SIDS {
            return self.malformed(SignalKind::Gpp);
        }
        if !self.sids.is_empty() {
            self.sids.push(',');
        }
        self.sids.push_str(text);
    }

    pub(super) fn consent_mode(&mut self, resolver: &Resolver) {
        if !self.google.is_there() {
            return;
        }
        let (says, malformed) = self.google.read();
        let refusal = if malformed { Refusal::Malformed } else { Refusal::NoStatement };
        let seen = self.seen(SignalKind::Google);
        if malformed || says == Says::default() {
            seen.refused.get_or_insert(refusal);
        } else {
            seen.ok = true;
        }
        self.hear(SignalKind::Google, says, resolver);
    }

    pub(super) fn onetrust(&mut self, text: &str, ids: &Ids) {
        self.gpc_in_onetrust = self.gpc_in_onetrust.max(Some(onetrust::gpc(text)));
        match onetrust::read(text) {
            Err(refusal) => {
                self.seen(SignalKind::OneTrust).refused.get_or_insert(refusal);
                self.denied = self.denied.union(Ids::all(&ids.onetrust));
            }
            Ok(groups) => {
                for (id, granted) in groups {
                    match ids.onetrust.iter().find(|(known, _)| known == id) {
                        Some((_, purposes)) => self.choose(SignalKind::OneTrust, *purposes, granted),
                        None => self.seen(SignalKind::OneTrust).unmapped = true,
                    }
                }
            }
        }
    }

    pub(super) fn preferences(&mut self, ids: &Ids) {
        if !self.snowplow.there && !self.snowplow.malformed {
            return;
        }
        let basis = (!self.snowplow.basis.is_empty()).then_some(self.snowplow.basis.as_str());
        let read = match self.snowplow.malformed {
            true => Err(Refusal::Malformed),
            false => snowplow::read(&self.snowplow.event_type, basis),
        };
        match read {
            Err(refusal) => {
                self.seen(SignalKind::Snowplow).refused.get_or_insert(refusal);
                if refusal == Refusal::Malformed {
                    self.denied = self.denied.union(Ids::all(&ids.snowplow));
                }
            }
            Ok(preferences) => {
                self.seen(SignalKind::Snowplow).ok = true;
                for (at, (_, purposes)) in ids.snowplow.iter().enumerate() {
                    let listed = self.snowplow.listed.get(at).copied().unwrap_or(false);
                    if let Some(granted) = preferences.scope(listed) {
                        self.choose(SignalKind::Snowplow, *purposes, granted);
                    }
                }
            }
        }
    }
}

impl Preferences {
    pub(super) fn clear(&mut self) {
        self.event_type.clear();
        self.basis.clear();
        self.malformed = false;
        self.there = false;
        self.listed.clear();
    }

    pub(super) fn say(&mut self, event_type: bool, text: &str) {
        self.there = true;
        let kept = if event_type { &mut self.event_type } else { &mut self.basis };
        self.malformed |= !kept.is_empty() && kept != text;
        if kept.is_empty() {
            kept.push_str(text);
        }
    }

    pub(super) fn list(&mut self, at: usize, scopes: usize) {
        self.listed.resize(scopes, false);
        if let Some(listed) = self.listed.get_mut(at) {
            *listed = true;
        }
    }
}
