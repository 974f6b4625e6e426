//! The words of a policy's register, from which text, Markdown and JSON are laid out.

use crate::engine::consent::{PlaceSource, Purpose, Row};
use crate::engine::detect::Kinds;
use crate::engine::policy::model::{Categories, OnHit, Partition, Policy, Source};
use crate::engine::policy::problem::Code;
use crate::engine::policy::{Cell, FieldOutcome, Reading, Table};

/// What holds in one place, beside the regimes.
pub(super) struct PlaceFacts<'a> {
    pub(super) place: &'a str,
    pub(super) expiry_days: i64,
    /// Who consents for a person from 13 to 15.
    pub(super) teens: &'static str,
    /// What Global Privacy Control denies, of what the policy lists.
    pub(super) gpc: Vec<&'a Purpose>,
}

/// One policy, its table, and what it shares with others.
pub(super) struct Register<'a> {
    pub(super) policy: &'a Policy,
    pub(super) table: Table,
    /// Token domains that other files declare too.
    pub(super) shared_domains: Vec<String>,
}

impl<'a> Register<'a> {
    /// `None` only for selectors that the reader would have refused.
    pub(super) fn of(policy: &'a Policy, reading: &Reading) -> Option<Register<'a>> {
        let shared = reading.problems.iter().any(|problem| problem.code == Code::SharedDomain);
        let others = || reading.policies.iter().filter(|other| other.name != policy.name);
        let shared_domains =
            policy.tokens.keys().filter(|domain| shared && others().any(|o| o.tokens.contains_key(*domain)));
        Some(Register { policy, table: Table::of(policy).ok()?, shared_domains: shared_domains.cloned().collect() })
    }

    /// The rows of the preset, and anywhere else.
    pub(super) fn places(&self) -> Vec<PlaceFacts<'_>> {
        let listed: Vec<&Purpose> = self.table.regimes.iter().map(|(purpose, _)| purpose).collect();
        let days = |row: &Row| match self.policy.consent.expiry_ms {
            Some(ms) => ms / 86_400_000,
            None => i64::from(row.expiry_days()),
        };
        let facts = |place, rows: &'_ [Row]| PlaceFacts {
            place,
            expiry_days: rows.iter().map(days).min().unwrap_or(0),
            teens: if rows.iter().any(Row::teens_need_a_guardian) { "guardian" } else { "self" },
            gpc: listed.iter().filter(|it| rows.iter().any(|row| row.gpc_denies(it))).copied().collect(),
        };
        let rows = self.policy.law.preset.rows();
        let each = rows.iter().map(|row| facts(row.place.as_str(), std::slice::from_ref(row)));
        each.chain([facts("anywhere else", rows)]).collect()
    }

    /// What the policy says beside its fields: a word and a sentence each.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let policy = self.policy;
        let mut facts = vec![("digest", policy.digest.clone())];
        let split = policy.input.split.as_ref().map_or(String::new(), |split| format!(", events at {split}"));
        facts.push(("input", format!("{}{split}", policy.input.topics.join(", "))));
        facts.push(("law", law(policy)));
        facts.push(("consent", consent(policy)));
        facts.push(("record", record(policy)));
        facts.push(("detection", detection(policy)));
        if !self.shared_domains.is_empty() {
            let sentence = format!("{}: tokens can be joined with other policies'", self.shared_domains.join(", "));
            facts.push(("shared domains", sentence));
        }
        facts
    }
}

fn law(policy: &Policy) -> String {
    let place = |place: &Option<PlaceSource>| match place {
        Some(PlaceSource::Fixed(code)) => code.clone(),
        Some(PlaceSource::At(at)) => source(at),
        None => "unknown".to_owned(),
    };
    let law = &policy.law;
    let age = law.age.as_ref().map_or(String::new(), |at| format!(", age {}", source(at)));
    let (country, region) = (place(&law.country), place(&law.region));
    format!("{}, country {country}, region {region}{age}, elsewhere strictest", law.preset.name)
}

fn consent(policy: &Policy) -> String {
    let consent = &policy.consent;
    let mut parts = Vec::new();
    if consent.table {
        parts.push("choices are looked up".to_owned());
    }
    let ids = |ids: &Option<Categories>| ids.as_ref().map(|ids| ids.at.clone());
    let signals = [
        ("TC string", consent.tcf.as_ref().map(|tcf| tcf.at.clone())),
        ("GPP string", consent.gpp.as_ref().map(|gpp| gpp.at.clone())),
        ("US Privacy string", consent.us_privacy.clone()),
        ("Global Privacy Control", consent.gpc.clone()),
        ("Google gcs", consent.gcs.clone()),
        ("Google gcd", consent.gcd.clone()),
        ("Google consent mode", consent.google.clone()),
        ("categories", ids(&consent.categories)),
        ("OneTrust groups", ids(&consent.onetrust)),
        ("allowed ids", consent.consent_ids.as_ref().map(|ids| ids.allowed.clone())),
        ("denied ids", consent.consent_ids.as_ref().map(|ids| ids.denied.clone())),
        ("Snowplow preferences", ids(&consent.snowplow)),
    ];
    parts.extend(signals.iter().filter_map(|(name, at)| Some(format!("{name} at {}", source(at.as_ref()?)))));
    if parts.is_empty() { "no signal is read".to_owned() } else { parts.join(", ") }
}

fn record(policy: &Policy) -> String {
    let record = &policy.record;
    let key = match &record.key {
        Some(at) => format!("key token of {}", source(at)),
        None => "no key".to_owned(),
    };
    let partition = match record.partition {
        Partition::Same => "same partition",
        Partition::ByKey => "partition by key",
    };
    let headers = if record.headers.is_empty() {
        "no headers".to_owned()
    } else {
        format!("headers {}", record.headers.join(", "))
    };
    let tombstones = if record.forward_tombstones { "tombstones forwarded" } else { "tombstones dropped" };
    format!("{key}, {partition}, timestamp floored to {} ms, {headers}, {tombstones}", record.timestamp_step_ms)
}

fn detection(policy: &Policy) -> String {
    let detect = &policy.detect;
    let kinds: Vec<&str> = detect.kinds.iter().map(|kind| kind.as_str()).collect();
    let reason = detect.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    if kinds.is_empty() {
        return format!("OFF{reason}");
    }
    let hit = match detect.on_hit {
        OnHit::Mask => "a find is masked",
        OnHit::DropField => "a find drops the field",
        OnHit::Quarantine => "a find quarantines the event",
    };
    let which = if detect.kinds == Kinds::ALL { "all kinds".to_owned() } else { format!("only {}", kinds.join(", ")) };
    format!("{which}, {hit}{reason}")
}

/// A source as a policy writes it.
fn source(source: &Source) -> String {
    match source {
        Source::Event(selector) => selector.to_string(),
        Source::Envelope(selector) => format!("envelope.{selector}"),
        Source::Header(name) => format!("header.{name}"),
        Source::Key => "key".to_owned(),
        Source::Timestamp => "timestamp".to_owned(),
    }
}

/// "analytics.audience, ads.profile", or `-`
pub(super) fn purposes(purposes: &[Purpose]) -> String {
    if purposes.is_empty() {
        return "-".to_owned();
    }
    purposes.iter().map(Purpose::as_str).collect::<Vec<_>>().join(", ")
}

/// A cell in words. The first outcome is the row's own; the others hold where narrower lines name the field too.
pub(super) fn cell(cell: &Cell) -> String {
    cell.outcomes.iter().map(outcome).collect::<Vec<_>>().join(" / ")
}

fn outcome(outcome: &FieldOutcome) -> String {
    let Some(action) = &outcome.action else { return "-".to_owned() };
    let category = outcome.category.as_ref().map_or(String::new(), |category| format!(" {category}"));
    if outcome.needs.is_empty() {
        return format!("{action}{category}");
    }
    format!("{action}{category} if {}", outcome.needs.iter().map(Purpose::as_str).collect::<Vec<_>>().join(" and "))
}
