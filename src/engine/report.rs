//! Counts of what was done, by rule: never values.
//!
//! Every count belongs to an equation that [`Report::conserved`] checks: events are forwarded, dropped or quarantined,
//! and on each route an event has exactly one opening.

use crate::engine::consent::signals::says::Refusal;
use crate::engine::detect::Kind;
use crate::engine::outcome::{CloseReason, DropReason, Effect, Opening, Outcome, QuarantineReason, closed_list};
use crate::engine::policy::model::OnHit;

closed_list! {
    /// Kinds of consent-bearing inputs.
    SignalKind {
        /// Any of them: an event in which none was usable counts as absent.
        Any = "any",
        /// A TC string.
        Tcf = "tcf",
        /// A GPP string.
        Gpp = "gpp",
        /// A US Privacy string.
        UsPrivacy = "us_privacy",
        /// Global Privacy Control.
        Gpc = "gpc",
        /// Google consent mode, two storages.
        Gcs = "gcs",
        /// Google consent mode, four signals.
        Gcd = "gcd",
        /// Google consent mode, as an object.
        Google = "google",
        /// A map of categories that a consent platform wrote into the event.
        Categories = "categories",
        /// OneTrust's groups.
        OneTrust = "onetrust",
        /// Lists of allowed and denied ids.
        ConsentIds = "consent_ids",
        /// Snowplow's consent preferences.
        Snowplow = "snowplow",
        /// The person's age band.
        Age = "age",
    }
}

/// What came of looking for a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalResult {
    /// It was not there.
    Absent,
    /// It was read.
    Ok,
    /// It named an id that the policy does not map.
    Unmapped,
    /// A part of it could not be decoded, and was read in the strictest way.
    Strict,
    /// It was there, and counts as no signal: why.
    Refused(Refusal),
}

impl SignalResult {
    /// Those that are no refusals, in order; refusals come behind them.
    const FIRST: [SignalResult; 4] =
        [SignalResult::Absent, SignalResult::Ok, SignalResult::Unmapped, SignalResult::Strict];

    /// How many there are.
    const COUNT: usize = Self::FIRST.len() + Refusal::ALL.len();

    /// Every result, in order.
    pub fn all() -> impl Iterator<Item = SignalResult> + Clone {
        Self::FIRST.into_iter().chain(Refusal::ALL.iter().map(|refusal| SignalResult::Refused(*refusal)))
    }

    /// The word for it in metrics and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            SignalResult::Absent => "absent",
            SignalResult::Ok => "ok",
            SignalResult::Unmapped => "unmapped",
            SignalResult::Strict => "strict",
            SignalResult::Refused(refusal) => refusal.as_str(),
        }
    }

    const fn index(self) -> usize {
        match self {
            SignalResult::Absent => 0,
            SignalResult::Ok => 1,
            SignalResult::Unmapped => 2,
            SignalResult::Strict => 3,
            SignalResult::Refused(refusal) => Self::FIRST.len() + refusal.index(),
        }
    }
}

closed_list! {
    /// What a detector's hit did.
    DetectAction {
        /// The found part was replaced.
        Mask = "mask",
        /// The field, or the member with that key, went.
        Drop = "drop",
    }
}

impl DetectAction {
    /// What a policy's `on_hit` does to a field; `None`: the event goes to quarantine.
    pub(in crate::engine) const fn of(on_hit: OnHit) -> Option<DetectAction> {
        match on_hit {
            OnHit::Mask => Some(DetectAction::Mask),
            OnHit::DropField => Some(DetectAction::Drop),
            OnHit::Quarantine => None,
        }
    }
}

/// One counter; [`Layout`] says which.
pub(in crate::engine) type CounterId = u32;

/// Where each counter of a policy lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Layout {
    routes: usize,
    rules: usize,
}

const OPENINGS: usize = 1 + CloseReason::ALL.len() + DropReason::ALL.len() + 1;
const EVENTS: usize = 3;
const FIXED: usize = 3 + EVENTS + DropReason::ALL.len() + QuarantineReason::ALL.len() + SIGNALS;
const SIGNALS: usize = SignalKind::ALL.len() * SignalResult::COUNT;
const DETECTIONS: usize = Kind::ALL.len() * DetectAction::ALL.len();

impl Layout {
    pub(in crate::engine) fn new(routes: usize, rules: usize) -> Layout {
        Layout { routes, rules }
    }

    fn len(self) -> usize {
        self.fields_at() + self.routes * (self.rules + 1) * Effect::ALL.len()
    }

    const RECORDS: usize = 0;
    const BYTES_IN: usize = 1;
    const BYTES_OUT: usize = 2;
    const EVENTS_AT: usize = 3;
    const DROPS_AT: usize = Self::EVENTS_AT + EVENTS;
    const QUARANTINED_AT: usize = Self::DROPS_AT + DropReason::ALL.len();
    const SIGNALS_AT: usize = Self::QUARANTINED_AT + QuarantineReason::ALL.len();

    fn detections_at(self) -> usize {
        FIXED + self.routes * OPENINGS
    }

    fn fields_at(self) -> usize {
        self.detections_at() + self.routes * DETECTIONS
    }

    pub(in crate::engine) fn outcome(outcome: Outcome) -> [CounterId; 2] {
        match outcome {
            // The other counter is a reason; forwarding needs none, and no counter has the greatest number.
            Outcome::Forward => [Self::EVENTS_AT as u32, u32::MAX],
            Outcome::Drop(reason) => [Self::EVENTS_AT as u32 + 1, (Self::DROPS_AT + reason.index()) as u32],
            Outcome::Quarantine(reason) => [Self::EVENTS_AT as u32 + 2, (Self::QUARANTINED_AT + reason.index()) as u32],
        }
    }

    pub(in crate::engine) fn opening(route: usize, opening: Opening) -> CounterId {
        let within = match opening {
            Opening::Open => 0,
            Opening::Closed(reason) => 1 + reason.index(),
            Opening::Dropped(reason) => 1 + CloseReason::ALL.len() + reason.index(),
            Opening::Quarantined => OPENINGS - 1,
        };
        (FIXED + route * OPENINGS + within) as u32
    }

    pub(in crate::engine) fn signal(kind: SignalKind, result: SignalResult) -> CounterId {
        (Self::SIGNALS_AT + kind.index() * SignalResult::COUNT + result.index()) as u32
    }

    pub(in crate::engine) fn detection(self, route: usize, kind: Kind, action: DetectAction) -> CounterId {
        let within = kind.index() * DetectAction::ALL.len() + action.index();
        (self.detections_at() + route * DETECTIONS + within) as u32
    }

    /// `rule: None` counts what no rule named.
    #[inline]
    pub(in crate::engine) fn field(self, route: usize, rule: Option<u16>, effect: Effect) -> CounterId {
        let rule = rule.map_or(self.rules, usize::from);
        (self.fields_at() + (route * (self.rules + 1) + rule) * Effect::ALL.len() + effect.index()) as u32
    }
}

/// Counts of one policy.
#[derive(Clone)]
pub struct Report {
    layout: Layout,
    counts: Vec<u64>,
}

impl Report {
    /// All zero.
    pub fn new(engine: &crate::engine::Engine) -> Report {
        let layout = engine.layout();
        Report { layout, counts: vec![0; layout.len()] }
    }

    /// Adds the counts of another report of the same policy.
    pub fn add(&mut self, other: &Report) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// All zero again.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }

    pub(in crate::engine) fn count(&mut self, id: CounterId, by: u64) {
        if let Some(count) = self.counts.get_mut(id as usize) {
            *count += by;
        }
    }

    pub(in crate::engine) fn record(&mut self, bytes_in: usize, bytes_out: usize) {
        self.count(Layout::RECORDS as u32, 1);
        self.count(Layout::BYTES_IN as u32, bytes_in as u64);
        self.count(Layout::BYTES_OUT as u32, bytes_out as u64);
    }

    fn get(&self, at: usize) -> u64 {
        self.counts.get(at).copied().unwrap_or(0)
    }

    /// Records read.
    pub fn records(&self) -> u64 {
        self.get(Layout::RECORDS)
    }

    /// Bytes of record values read.
    pub fn bytes_in(&self) -> u64 {
        self.get(Layout::BYTES_IN)
    }

    /// Bytes of record values sent.
    pub fn bytes_out(&self) -> u64 {
        self.get(Layout::BYTES_OUT)
    }

    /// Events with at least one output record.
    pub fn forwarded(&self) -> u64 {
        self.get(Layout::EVENTS_AT)
    }

    /// Events that left nothing although nothing failed.
    pub fn dropped(&self) -> u64 {
        self.get(Layout::EVENTS_AT + 1)
    }

    /// Events in quarantine.
    pub fn quarantined(&self) -> u64 {
        self.get(Layout::EVENTS_AT + 2)
    }

    /// All events.
    pub fn events(&self) -> u64 {
        self.forwarded() + self.dropped() + self.quarantined()
    }

    /// Dropped events by reason; only what is not zero, here and below.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        nonzero(DropReason::ALL.iter().map(|&r| (r, self.get(Layout::DROPS_AT + r.index()))), |item| item.1)
    }

    /// Quarantined events by reason.
    pub fn quarantines(&self) -> impl Iterator<Item = (QuarantineReason, u64)> + '_ {
        let counts = QuarantineReason::ALL.iter().map(|&r| (r, self.get(Layout::QUARANTINED_AT + r.index())));
        nonzero(counts, |item| item.1)
    }

    /// Openings: route, result (`open`, `closed`, `dropped`, `quarantined`), reason (empty when there is none), count.
    pub fn openings(&self) -> impl Iterator<Item = (usize, &'static str, &'static str, u64)> + '_ {
        let all = (0..self.layout.routes).flat_map(move |route| {
            openings().map(move |opening| {
                let (result, reason) = match opening {
                    Opening::Open => ("open", ""),
                    Opening::Closed(reason) => ("closed", reason.as_str()),
                    Opening::Dropped(reason) => ("dropped", reason.as_str()),
                    Opening::Quarantined => ("quarantined", ""),
                };
                (route, result, reason, self.get(Layout::opening(route, opening) as usize))
            })
        });
        nonzero(all, |item| item.3)
    }

    /// Scalars: route, rule (`None`: no rule named them), what was done, count.
    pub fn fields(&self) -> impl Iterator<Item = (usize, Option<usize>, Effect, u64)> + '_ {
        let all = (0..self.layout.routes).flat_map(move |route| {
            (0..=self.layout.rules).flat_map(move |rule| {
                let named = (rule < self.layout.rules).then_some(rule);
                Effect::ALL.iter().map(move |&effect| {
                    let id = self.layout.field(route, named.map(|rule| rule as u16), effect);
                    (route, named, effect, self.get(id as usize))
                })
            })
        });
        nonzero(all, |item| item.3)
    }

    /// Detectors' hits: route, kind, what the hit did, count.
    pub fn detections(&self) -> impl Iterator<Item = (usize, Kind, DetectAction, u64)> + '_ {
        let all = (0..self.layout.routes).flat_map(move |route| {
            Kind::ALL.iter().flat_map(move |&kind| {
                DetectAction::ALL.iter().map(move |&action| {
                    (route, kind, action, self.get(self.layout.detection(route, kind, action) as usize))
                })
            })
        });
        nonzero(all, |item| item.3)
    }

    /// Consent signals: at most one count of each result per event and kind.
    pub fn signals(&self) -> impl Iterator<Item = (SignalKind, SignalResult, u64)> + '_ {
        let all = SignalKind::ALL.iter().flat_map(move |&kind| {
            SignalResult::all().map(move |result| (kind, result, self.get(Layout::signal(kind, result) as usize)))
        });
        nonzero(all, |item| item.2)
    }

    /// The law of conservation (DESIGN §4): every event has one outcome with one reason, and one opening per route.
    pub fn conserved(&self) -> bool {
        let reasons: u64 = self.drops().map(|(_, n)| n).sum();
        let failures: u64 = self.quarantines().map(|(_, n)| n).sum();
        let on_route = |route| openings().map(|o| self.get(Layout::opening(route, o) as usize)).sum::<u64>();
        reasons == self.dropped()
            && failures == self.quarantined()
            && (0..self.layout.routes).all(|route| on_route(route) == self.events())
    }
}

/// Every opening there can be on a route.
fn openings() -> impl Iterator<Item = Opening> {
    [Opening::Open, Opening::Quarantined]
        .into_iter()
        .chain(CloseReason::ALL.iter().map(|&reason| Opening::Closed(reason)))
        .chain(DropReason::ALL.iter().map(|&reason| Opening::Dropped(reason)))
}

fn nonzero<T>(items: impl Iterator<Item = T>, count: impl Fn(&T) -> u64) -> impl Iterator<Item = T> {
    items.filter(move |item| count(item) > 0)
}
