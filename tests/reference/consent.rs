//! Consent, naively: the preset `eea-us/2026-01` as a few `if`s for the places that tests use, and reasons in their fixed order of priority.

use tamis::engine::consent::Purpose;
use tamis::engine::outcome::CloseReason;

/// What one event says about consent.
#[derive(Clone, Default)]
pub struct Signals {
    pub country: Option<String>,
    pub gpc: bool,
    pub granted: Vec<Purpose>,
    pub denied: Vec<Purpose>,
}

impl Signals {
    /// `None`: the purpose may be served.
    fn refusal(&self, purpose: &Purpose) -> Option<CloseReason> {
        let is = |name: &str| Purpose::parse(name).as_ref() == Some(purpose);
        let europe = matches!(self.country.as_deref(), Some("FR" | "DE"));
        let exempt = europe && is("security.essential");
        if self.denied.contains(purpose) && !exempt {
            return Some(CloseReason::Denied);
        }
        let ads = ["ads.basic", "ads.profile", "ads.measure"].iter().any(|name| is(name));
        if self.gpc && (is("sale_share") || ads && !europe) {
            return Some(CloseReason::OptOutSignal);
        }
        let opt_out = self.country.as_deref() == Some("US") && !is("sensitive.use");
        let permitted = is("security.essential") || opt_out || self.granted.contains(purpose);
        let known = matches!(self.country.as_deref(), Some("FR" | "DE" | "US"));
        // In an unknown place it matters that the United States would ask for no consent, but for this one purpose.
        let missing = if known || is("sensitive.use") { CloseReason::NoSignal } else { CloseReason::UnknownPlace };
        (!permitted).then_some(missing)
    }

    pub fn permits(&self, purpose: &Purpose) -> bool {
        self.refusal(purpose).is_none()
    }

    /// Why a route that requires these purposes is closed; the first reason of the fixed order wins.
    pub fn close_reason(&self, required: &[Purpose]) -> Option<CloseReason> {
        let reasons: Vec<_> = required.iter().filter_map(|purpose| self.refusal(purpose)).collect();
        let order = [CloseReason::Denied, CloseReason::OptOutSignal, CloseReason::Prohibited];
        order
            .into_iter()
            .chain([CloseReason::UnknownPlace, CloseReason::NoSignal])
            .find(|reason| reasons.contains(reason))
    }
}
