//! Consent signals that were seen, each as a line of the policy's `consent` section.
//!
//! Strings are recognized by what they say, maps by their name and members. What a key of a banner means is guessed from its
//! words and marked for a person; a key that cannot be guessed is not mapped, so it opens nothing.

use super::write::scalar;
use crate::cli::scan::names;
use crate::cli::scan::paths::{Step, Tree, written};
use crate::cli::scan::shape::Shape;
use crate::cli::scan::stats::{Stats, Type};

/// Words of a banner's categories, and what they stand for.
const WORDS: &[(&[&str], &str)] = &[
    (
        &[
            "analytics",
            "analytic",
            "statistics",
            "statistic",
            "stats",
            "performance",
            "measurement",
            "audience",
            "statistik",
            "statistiques",
            "estadisticas",
            "statistiche",
        ],
        "analytics.audience",
    ),
    (
        &[
            "advertising",
            "ads",
            "ad",
            "marketing",
            "targeting",
            "publicite",
            "werbung",
            "publicidad",
            "pubblicita",
            "c0004",
        ],
        "[ads.profile, ads.measure]",
    ),
    (
        &["personalization", "personalisation", "functional", "preferences", "fonctionnel", "funktional", "c0003"],
        "content.personalize",
    ),
    (&["essential", "necessary", "required", "strictly", "notwendig", "necessaires"], "security.essential"),
];

/// Members of Google's consent state.
const GOOGLE: &[&str] = &["ad_storage", "analytics_storage", "ad_user_data", "ad_personalization"];

/// What was seen of signals.
#[derive(Default)]
pub(super) struct Signals {
    /// Lines of the section, each with its reason.
    pub(super) lines: Vec<(String, String)>,
    /// Sources that they read; with a dot at its end, all beneath.
    sources: Vec<String>,
}

/// One place that a signal may be read from.
struct Place<'a> {
    source: String,
    name: String,
    stats: &'a Stats,
}

impl Signals {
    pub(super) fn of(tree: &Tree, split: Option<&[Step]>) -> Signals {
        let mut signals = Signals::default();
        let places: Vec<Place<'_>> = tree
            .entries()
            .into_iter()
            .filter_map(|entry| {
                let inside = super::inside(&entry, split);
                let name = match entry.steps.last()? {
                    Step::Name(name) => names::words(name).concat(),
                    _ => return None,
                };
                Some(Place { source: super::source(&entry, inside)?, name, stats: entry.stats })
            })
            .collect();
        signals.strings(&places);
        signals.google(&places, tree, split);
        signals.maps(tree, split);
        signals
    }

    /// Whether a signal reads what stands at this source.
    pub(super) fn reads(&self, source: &str) -> bool {
        self.sources.iter().any(|read| match read.ends_with('.') {
            true => source.starts_with(read.as_str()),
            false => source == read,
        })
    }

    fn add(&mut self, source: &str, line: String, why: &str) {
        self.sources.push(source.to_owned());
        self.lines.push((line, why.to_owned()));
    }

    fn strings(&mut self, places: &[Place<'_>]) {
        let first = |shape| places.iter().find(|place| place.stats.looks(&[shape]));
        if let Some(Place { source, .. }) = first(Shape::Tcf) {
            self.add(
                source,
                format!("tcf: {{at: {}, reader: publisher}}", scalar(source)),
                "TC strings; `vendor:<id>` if you are one",
            );
        }
        if let Some(Place { source, .. }) = first(Shape::Gpp) {
            let sid =
                places.iter().find(|place| matches!(place.name.as_str(), "gppsid" | "sid" | "applicablesections"));
            let sid = sid.filter(|place| place.name != "sid" || place.source.contains("gpp"));
            let with = sid.map_or(String::new(), |sid| format!(", sid: {}", scalar(&sid.source)));
            self.sources.extend(sid.map(|sid| sid.source.clone()));
            self.add(source, format!("gpp: {{at: {}{with}}}", scalar(source)), "GPP strings");
        }
        if let Some(Place { source, .. }) = first(Shape::UsPrivacy) {
            self.add(source, format!("us_privacy: {{at: {}}}", scalar(source)), "US Privacy strings");
        }
        let gpc = places.iter().find(|place| {
            matches!(place.name.as_str(), "gpc" | "secgpc" | "headersecgpc" | "globalprivacycontrol" | "gpcenabled")
        });
        match gpc {
            Some(Place { source, .. }) => {
                self.add(source, format!("gpc: {{at: {}}}", scalar(source)), "Global Privacy Control");
            }
            None => {
                let why = "not seen; collectors must copy the HTTP header Sec-GPC to the record";
                self.add("header.sec-gpc", "gpc: {at: header.sec-gpc}".to_owned(), why);
            }
        }
        if let Some(Place { source, .. }) = first(Shape::OneTrust) {
            let map = "{C0002: analytics.audience, C0003: content.personalize, C0004: [ads.profile, ads.measure]}";
            let why = "OneTrust's groups. DECIDE what yours mean: their ids can be changed";
            self.add(source, format!("onetrust: {{at: {}, map: {map}}}", scalar(source)), why);
        }
    }

    fn google(&mut self, places: &[Place<'_>], tree: &Tree, split: Option<&[Step]>) {
        let named = |name: &str, shape| {
            places
                .iter()
                .find(|place| place.name == name && place.stats.looks(&[shape]))
                .map(|place| place.source.clone())
        };
        let objects = tree.objects().into_iter().filter_map(|steps| {
            let is = tree.members(&steps).iter().any(|(name, _)| GOOGLE.contains(name));
            source_of(&steps, split).filter(|_| is)
        });
        let state = objects.into_iter().next();
        let parts = [("gcs", named("gcs", Shape::Gcs)), ("gcd", named("gcd", Shape::Gcd)), ("state", state)];
        let written: Vec<String> = parts
            .into_iter()
            .filter_map(|(part, source)| {
                let source = source?;
                self.sources.push(if part == "state" { format!("{source}.") } else { source.clone() });
                Some(format!("{part}: {}", scalar(&source)))
            })
            .collect();
        if !written.is_empty() {
            self.lines.push((format!("google: {{{}}}", written.join(", ")), "Google's consent mode".to_owned()));
        }
    }

    /// An object of booleans whose name speaks of consent.
    fn maps(&mut self, tree: &Tree, split: Option<&[Step]>) {
        for steps in tree.objects() {
            let members = tree.members(&steps);
            let booleans =
                members.iter().all(|(_, stats)| stats.is(Type::Boolean) == stats.telling() && stats.telling() > 0);
            let about = steps.iter().any(|step| match step {
                Step::Name(name) => names::words(name)
                    .iter()
                    .any(|word| matches!(word.as_str(), "consent" | "consents" | "cookies" | "gdpr" | "cmp")),
                _ => false,
            });
            let Some(source) = source_of(&steps, split).filter(|_| booleans && about) else { continue };
            if members
                .iter()
                .all(|(name, _)| matches!(names::words(name).concat().as_str(), "gpc" | "globalprivacycontrol"))
            {
                continue;
            }
            let (mut map, mut unknown) = (Vec::new(), Vec::new());
            for (name, _) in members {
                let words = names::words(name);
                let purpose = WORDS.iter().find(|(known, _)| words.iter().any(|word| known.contains(&word.as_str())));
                match purpose {
                    Some((_, purpose)) => map.push(format!("'{name}': {purpose}")),
                    None => unknown.push(name.to_owned()),
                }
            }
            if map.is_empty() {
                continue;
            }
            let mut why = "the banner's categories. DECIDE what each stands for".to_owned();
            if !unknown.is_empty() {
                why.push_str(&format!("; not mapped: {}", unknown.join(", ")));
            }
            self.lines.push((format!("categories: {{at: {}, map: {{{}}}}}", scalar(&source), map.join(", ")), why));
            self.sources.push(format!("{source}."));
            return;
        }
    }
}

/// As `super::source`, of an object.
fn source_of(steps: &[Step], split: Option<&[Step]>) -> Option<String> {
    let inside = match split {
        None => Some(steps),
        Some(split) => steps.strip_prefix(split),
    };
    let path = inside.unwrap_or(steps);
    if path.is_empty() || !path.iter().all(|step| matches!(step, Step::Name(_))) {
        return None;
    }
    let written = written(path, false);
    Some(if inside.is_none() { format!("envelope.{written}") } else { written })
}
