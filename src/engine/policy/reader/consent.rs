//! The section `consent`: whether choices are looked up, and where each signal of an event is.

use std::collections::BTreeMap;

use crate::engine::consent::Purpose;
use crate::engine::consent::signals::says::Known;
use crate::engine::consent::signals::tcf::Reader as TcfReader;

use super::super::keys::{
    CATEGORIES, CONSENT, CONSENT_IDS, GOOGLE, GPC, GPP, ONETRUST, SNOWPLOW, TCF, Table, US_PRIVACY,
};
use super::super::model::{Categories, ConsentIds, Gpp, Source, Tcf};
use super::super::problem::{Code, Problem};
use super::super::tree::{Entry, Node, Value};
use super::{Fields, Reader};

/// Thirteen months in seconds: nobody's consent lasts longer.
const MAX_EXPIRY_SECONDS: u64 = crate::engine::consent::MAX_EXPIRY_DAYS as u64 * 86_400;

impl Reader<'_> {
    pub(super) fn consent(&mut self, entry: &Entry) {
        self.draft.consent_span = Some(entry.key_span);
        let Some(fields) = self.fields(&entry.value, &CONSENT, entry.key_span) else { return };
        if let Some(node) = fields.get("table")
            && self.choice(node, "`consent.table`", &["none", "required"]) == Some("required")
        {
            self.draft.table = Some(node.span);
            self.draft.consent.table = true;
        }
        if let Some(node) = fields.get("expiry") {
            self.draft.consent.expiry_ms = self.expiry(node);
        }
        if let Some(fields) = self.signal(&fields, "tcf", &TCF) {
            let at = self.at(&fields, "at");
            let reader = fields.get("reader").and_then(|node| self.tcf_reader(node));
            let rests = fields.get("legitimate_interest");
            let legitimate_interest = rests.map_or(Known::EMPTY, |node| self.legitimate_interest(node));
            self.draft.consent.tcf = at.zip(reader).map(|(at, reader)| Tcf { at, reader, legitimate_interest });
        }
        if let Some(fields) = self.signal(&fields, "gpp", &GPP) {
            let (at, sid) = (self.at(&fields, "at"), self.at(&fields, "sid"));
            let reader = fields.get("reader").map_or(Some(TcfReader::Publisher), |node| self.tcf_reader(node));
            self.draft.consent.gpp = at.zip(reader).map(|(at, reader)| Gpp { at, sid, reader });
        }
        if let Some(fields) = self.signal(&fields, "us_privacy", &US_PRIVACY) {
            self.draft.consent.us_privacy = self.at(&fields, "at");
        }
        if let Some(fields) = self.signal(&fields, "gpc", &GPC) {
            self.draft.consent.gpc = self.at(&fields, "at");
        }
        if let Some(fields) = self.signal(&fields, "google", &GOOGLE) {
            self.draft.consent.gcs = self.at(&fields, "gcs");
            self.draft.consent.gcd = self.at(&fields, "gcd");
            self.draft.consent.google = self.inside(&fields, "state", "consent mode is a JSON object");
        }
        if let Some(fields) = self.signal(&fields, "onetrust", &ONETRUST) {
            let at = self.at(&fields, "at");
            let map = self.ids(&fields, &ONETRUST);
            self.draft.consent.onetrust = at.map(|at| Categories { at, map });
        }
        if let Some(fields) = self.signal(&fields, "categories", &CATEGORIES) {
            let at = self.inside(&fields, "at", "a map of categories is a JSON object");
            let map = self.ids(&fields, &CATEGORIES);
            self.draft.consent.categories = at.map(|at| Categories { at, map });
        }
        if let Some(fields) = self.signal(&fields, "consent_ids", &CONSENT_IDS) {
            let allowed = self.inside(&fields, "allowed", "a list of ids is a JSON array");
            let denied = self.inside(&fields, "denied", "a list of ids is a JSON array");
            let map = self.ids(&fields, &CONSENT_IDS);
            let lists = allowed.zip(denied);
            self.draft.consent.consent_ids = lists.map(|(allowed, denied)| ConsentIds { allowed, denied, map });
        }
        if let Some(fields) = self.signal(&fields, "snowplow", &SNOWPLOW) {
            let at = self.inside(&fields, "at", "consent preferences are a JSON object");
            let map = self.ids(&fields, &SNOWPLOW);
            self.draft.consent.snowplow = at.map(|at| Categories { at, map });
        }
    }

    fn signal<'n>(&mut self, fields: &Fields<'n>, name: &str, table: &'static Table) -> Option<Fields<'n>> {
        let entry = fields.entries.get(name)?;
        self.fields(&entry.value, table, entry.key_span)
    }

    fn at(&mut self, fields: &Fields<'_>, key: &str) -> Option<Source> {
        self.source(fields.get(key)?, "the signal").map(|source| source.value)
    }

    /// A place that only the record's value can have.
    fn inside(&mut self, fields: &Fields<'_>, key: &str, what: &str) -> Option<Source> {
        let source = self.source(fields.get(key)?, "the signal")?;
        if matches!(source.value, Source::Event(_) | Source::Envelope(_)) {
            return Some(source.value);
        }
        let message = format!("{what}, which only the record's value can hold");
        self.report(Problem::new(Code::BadSource, source.span, message).help("write `$.…` or `envelope.$.…`"));
        None
    }

    fn ids(&mut self, fields: &Fields<'_>, table: &Table) -> BTreeMap<String, Vec<Purpose>> {
        let mut map = BTreeMap::new();
        let Some(node) = fields.get("map") else { return map };
        let what = format!("`{}.map`", table.name);
        let entries = self.entries(node, &what);
        if entries.is_empty() && matches!(node.value, Value::Map(_)) {
            self.report(Problem::new(Code::BadValue, node.span, format!("{what} must not be empty")));
        }
        for entry in entries {
            if let Some(purposes) = self.purposes(&entry.value, "what an id stands for", false) {
                map.insert(entry.key.clone(), purposes.into_iter().map(|purpose| purpose.value).collect());
            }
        }
        map
    }

    fn expiry(&mut self, node: &Node) -> Option<i64> {
        let seconds = self.duration(node, "`consent.expiry`")?;
        if seconds > MAX_EXPIRY_SECONDS {
            let message = "consent does not last longer than 13 months";
            let help = "`expiry: 183d` is what the CNIL recommends; the ceiling of the TCF is `396d`";
            self.report(Problem::new(Code::BadDuration, node.span, message).help(help));
            return None;
        }
        i64::try_from(seconds).ok().map(|seconds| seconds.saturating_mul(1000))
    }

    fn tcf_reader(&mut self, node: &Node) -> Option<TcfReader> {
        let help = "`publisher` for your own purposes, or `vendor:755` with an id of the Global Vendor List";
        let Some(text) = node.text() else {
            self.wrong_type(node, "`reader`", "`publisher` or `vendor:<id>`");
            return None;
        };
        let id = |text: &str| text.parse().ok().filter(|id| *id > 0 && text.bytes().all(|b| b.is_ascii_digit()));
        let reader = match text.split_once(':') {
            None if text == "publisher" => Some(TcfReader::Publisher),
            Some(("vendor", id_text)) => id(id_text).map(TcfReader::Vendor),
            _ => None,
        };
        if reader.is_none() {
            let message = format!("`{text}` is not a reader of TC strings");
            self.report(Problem::new(Code::BadValue, node.span, message).help(help));
        }
        reader
    }

    /// Only purposes that the framework lets rest on legitimate interest.
    fn legitimate_interest(&mut self, node: &Node) -> Known {
        let mut known = Known::EMPTY;
        for purpose in self.purposes(node, "`legitimate_interest`", false).unwrap_or_default() {
            let one = Known::of(purpose.value.as_str());
            if LEGITIMATE_INTEREST.contains(one) && !one.is_empty() {
                known = known.union(one);
                continue;
            }
            let message = format!("`{}` cannot rest on legitimate interest", purpose.value);
            let allowed: Vec<&str> = LEGITIMATE_INTEREST.names().collect();
            let help = format!("under the TCF, only {} can", super::list(allowed.into_iter()));
            self.report(Problem::new(Code::BadValue, purpose.span, message).help(help));
        }
        known
    }
}

/// TCF Policies v4.0, appendix A: purposes 1 and 3 to 6 rest on consent alone.
const LEGITIMATE_INTEREST: Known = Known::of("ads.basic")
    .union(Known::of("ads.measure"))
    .union(Known::of("analytics.audience"))
    .union(Known::of("product.improve"));
