//! A checked policy: what the reader hands to the engine once no problem is left.
//!
//! Everything here is policy text (names that a privacy officer wrote), never data of a record: it may be printed.

use std::collections::BTreeMap;

use crate::engine::action::Action;
use crate::engine::consent::signals::consent_mode::ConsentMode;
use crate::engine::consent::signals::says::Known;
use crate::engine::consent::signals::tcf::Reader;
use crate::engine::consent::{PlaceSource, Preset, Purpose, SubjectKind};
use crate::engine::detect::Kinds;
use crate::engine::path::Selector;

/// A policy without problems.
#[derive(Clone, Debug)]
pub struct Policy {
    /// `policy:`
    pub name: String,
    /// Lower-case hex SHA-256 of the file's bytes: changes when anything in the file changes.
    pub digest: String,
    /// `input:`
    pub input: Input,
    /// `subjects:`, in the order written.
    pub subjects: Vec<(SubjectKind, Source)>,
    /// `law:`
    pub law: Law,
    /// `consent:`
    pub consent: Consent,
    /// `tokens:` by domain.
    pub tokens: BTreeMap<String, TokenDomain>,
    /// `routes:`, in the order written; at most [`MAX_ROUTES`].
    pub routes: Vec<Route>,
    /// Every rule, shared ones first, in the order written.
    pub rules: Vec<Rule>,
    /// `record:`
    pub record: RecordRules,
    /// `detect:`
    pub detect: Detect,
}

impl Policy {
    /// Every purpose that the policy names, as often as it does.
    pub fn purposes(&self) -> impl Iterator<Item = &Purpose> {
        let routes = self.routes.iter().flat_map(|route| route.requires.iter().chain(&route.serves));
        routes.chain(self.rules.iter().flat_map(|rule| &rule.needs)).chain(self.consent.mapped())
    }
}

/// More routes than this is refused: route sets are one machine word.
pub const MAX_ROUTES: usize = 64;

/// `input:`
#[derive(Clone, Debug)]
pub struct Input {
    /// Topics this policy reads; one policy per topic.
    pub topics: Vec<String>,
    /// Path of the events inside one record.
    pub split: Option<Selector>,
    /// The event's own time.
    pub time: Option<Source>,
}

/// Where a subject, time, place or signal is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `$…`: the event.
    Event(Selector),
    /// `envelope.$…`: the record's value around a batch.
    Envelope(Selector),
    /// `header.<name>`, lower case.
    Header(String),
    /// `key`: the record key as UTF-8 text.
    Key,
    /// `timestamp`: the record's.
    Timestamp,
}

/// `law:`
#[derive(Clone, Debug)]
pub struct Law {
    /// The dated preset, read.
    pub preset: Preset,
    /// Country: ISO 3166-1 alpha-2.
    pub country: Option<PlaceSource>,
    /// Region: ISO 3166-2 subdivision, with or without the country's prefix.
    pub region: Option<PlaceSource>,
    /// The person's age band.
    pub age: Option<Source>,
}

/// `consent:`
#[derive(Clone, Debug, Default)]
pub struct Consent {
    /// `table: required`: choices are looked up; `none`: the event carries all there is.
    pub table: bool,
    /// `expiry`, in milliseconds: how long a grant lasts; `None`: as the preset says.
    pub expiry_ms: Option<i64>,
    /// `tcf`
    pub tcf: Option<Tcf>,
    /// `gpp`
    pub gpp: Option<Gpp>,
    /// `us_privacy.at`
    pub us_privacy: Option<Source>,
    /// `gpc.at`: Global Privacy Control, on when exactly `1`.
    pub gpc: Option<Source>,
    /// `google.gcs`
    pub gcs: Option<Source>,
    /// `google.gcd`
    pub gcd: Option<Source>,
    /// `google.state`: consent mode as an object.
    pub google: Option<Source>,
    /// `categories`: a map of booleans by deployment-specific ids.
    pub categories: Option<Categories>,
    /// `onetrust`: a list of groups in one text.
    pub onetrust: Option<Categories>,
    /// `consent_ids`: lists of allowed and denied ids.
    pub consent_ids: Option<ConsentIds>,
    /// `snowplow`: an object with an event type and scopes.
    pub snowplow: Option<Categories>,
}

impl Consent {
    /// Purposes of the closed list that a signal with purposes of its own can grant.
    pub fn spoken(&self) -> Known {
        let tcf = self.tcf.iter().map(|_| Tcf::SPEAKS);
        let gpp = self.gpp.iter().map(|_| Known::ALL.without(Known::of("security.essential")));
        let google = self.gcs.iter().chain(&self.gcd).map(|_| GOOGLE_SPEAKS);
        let object = self.google.iter().map(|_| ConsentMode::SPEAKS);
        tcf.chain(gpp).chain(google).chain(object).fold(Known::EMPTY, Known::union)
    }

    /// Every purpose that a map of ids names.
    pub fn mapped(&self) -> impl Iterator<Item = &Purpose> {
        let maps = [&self.categories, &self.onetrust, &self.snowplow].into_iter().flatten().map(|ids| &ids.map);
        let lists = self.consent_ids.iter().map(|ids| &ids.map);
        maps.chain(lists).flat_map(|map| map.values().flatten())
    }
}

/// `consent.tcf`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcf {
    /// Where the string is.
    pub at: Source,
    /// Whose consent is asked for.
    pub reader: Reader,
    /// Purposes that rest on legitimate interest.
    pub legitimate_interest: Known,
}

impl Tcf {
    /// Purposes that a TC string can grant.
    const SPEAKS: Known = Known::of("storage.device")
        .union(Known::of("analytics.audience"))
        .union(Known::of("product.improve"))
        .union(Known::of("content.personalize"))
        .union(Known::of("ads.basic"))
        .union(Known::of("ads.profile"))
        .union(Known::of("ads.measure"))
        .union(Known::of("sensitive.use"));
}

/// Purposes that Google consent mode can grant.
const GOOGLE_SPEAKS: Known = Known::of("storage.device")
    .union(Known::of("analytics.audience"))
    .union(Known::of("ads.profile"))
    .union(Known::of("ads.measure"));

/// `consent.gpp`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpp {
    /// Where the string is.
    pub at: Source,
    /// Where the list of sections in force is.
    pub sid: Option<Source>,
    /// Whose consent its TCF sections are asked for.
    pub reader: Reader,
}

/// Ids of a consent platform and what they stand for.
#[derive(Clone, Debug)]
pub struct Categories {
    /// Where the object (`Event` or `Envelope`) or the text is.
    pub at: Source,
    /// Its ids, case-sensitive, and the purposes each stands for.
    pub map: BTreeMap<String, Vec<Purpose>>,
}

/// `consent.consent_ids`
#[derive(Clone, Debug)]
pub struct ConsentIds {
    /// Where the list of allowed ids is.
    pub allowed: Source,
    /// Where the list of denied ids is.
    pub denied: Source,
    /// The ids, case-sensitive, and the purposes each stands for.
    pub map: BTreeMap<String, Vec<Purpose>>,
}

/// One token domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenDomain {
    /// `rotate`, in seconds; `None`: one key until changed.
    pub rotate_seconds: Option<u64>,
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// The output topic.
    pub topic: String,
    /// Every one must be permitted for the route to open. Never empty.
    pub requires: Vec<Purpose>,
    /// Purposes a field may ask for in its `needs`.
    pub serves: Vec<Purpose>,
    /// The token domain, where a rule of the route makes tokens.
    pub tokens: Option<String>,
}

/// One rule: a selector, an action, and its conditions.
#[derive(Clone, Debug)]
pub struct Rule {
    /// As written in the policy: the metric label.
    pub written: String,
    /// Parsed.
    pub selector: Selector,
    /// Where it stands.
    pub place: FilePlace,
    /// What it does.
    pub action: Action,
    /// `{keep: <category>}`: the category expected there, not masked by detectors.
    pub category: Option<String>,
    /// Purposes that must all be permitted, else the field is dropped.
    pub needs: Vec<Purpose>,
    /// The routes it is for: bit `i` is `routes[i]`.
    pub routes: u64,
}

/// A place in a policy file; line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The file as it was named to us.
    pub file: String,
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// `record:`
#[derive(Clone, Debug)]
pub struct RecordRules {
    /// `key: {token: <source>}`; `None`: no key.
    pub key: Option<Source>,
    /// `partition: same` (the default without a key) or `by_key`.
    pub partition: Partition,
    /// What the output timestamp is floored to, in milliseconds, at least 1. Resolved by the reader: as written
    /// (`timestamp: {round: …}`), else as the rule on `input.time` rounds, else 1 where that field is kept, else a minute.
    pub timestamp_step_ms: i64,
    /// Header names that may leave, lower case.
    pub headers: Vec<String>,
    /// `tombstones: forward`
    pub forward_tombstones: bool,
}

/// Where an output record goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partition {
    /// The input's partition number.
    #[default]
    Same,
    /// By the hash of the token key (`murmur2_random`).
    ByKey,
}

/// `detect:`
#[derive(Clone, Debug)]
pub struct Detect {
    /// Kinds that are looked for; empty only with `reason`.
    pub kinds: Kinds,
    /// What a hit in a string does.
    pub on_hit: OnHit,
    /// Why detection is off.
    pub reason: Option<String>,
}

/// What a detector's hit does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnHit {
    /// The found part becomes `[category]`.
    #[default]
    Mask,
    /// The whole field goes.
    DropField,
    /// The event goes to quarantine.
    Quarantine,
}
