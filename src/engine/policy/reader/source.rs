//! Selectors and sources: `$…`, `envelope.$…`, `header.<name>`, `key`, `timestamp`; and places.
//!
//! A source names one value. What could name several (`*`, `..`) is refused, because "which one?" has no safe answer.

use crate::engine::consent::PlaceSource;
use crate::engine::path::{Selector, SelectorErrorKind, Take};

use super::super::draft::At;
use super::super::model::Source;
use super::super::problem::{Code, Problem, Span};
use super::super::tree::{Node, Value};
use super::Reader;

const SOURCES: &str = "a value is read from `$…` (the event), `envelope.$…` (the record around a batch), `header.<name>`, \
                       `key` or `timestamp`";

impl Reader<'_> {
    /// Parses a selector that begins `skip` bytes into the scalar at `span`.
    pub(super) fn selector(&mut self, text: &str, span: Span, plain: bool, skip: usize) -> Option<Selector> {
        let error = match Selector::parse(text) {
            Ok(selector) => return Some(selector),
            Err(error) => error,
        };
        let at = if plain { span.start + skip + error.at } else { span.start };
        let span = if at < span.end { Span { start: at, ..span } } else { span };
        let (code, message, help) = match error.kind {
            SelectorErrorKind::Syntax => (
                Code::SelectorSyntax,
                format!("`{text}` is not a JSONPath selector (RFC 9535)"),
                "a selector is `$` and then `.name`, `['any name']`, `[*]`, `.*`, `[0]` or `..name`",
            ),
            SelectorErrorKind::TooLong => {
                (Code::SelectorTooLong, "the selector is too long".to_owned(), "use `..` or `*` to name what lies deep")
            }
            SelectorErrorKind::Filter => (
                Code::SelectorFilter,
                format!("`{text}` chooses by value, and a rule must not depend on values"),
                "name the field itself; `one_of` keeps listed values only",
            ),
            SelectorErrorKind::Slice => (
                Code::SelectorSlice,
                format!("`{text}` takes a slice, which is not supported"),
                "`[*]` names every element",
            ),
            SelectorErrorKind::NegativeIndex => (
                Code::SelectorNegativeIndex,
                format!("`{text}` counts from the end, which is not known while an array streams by"),
                "`[*]` names every element, `[0]` the first",
            ),
            SelectorErrorKind::Union => {
                (Code::SelectorUnion, format!("`{text}` names several things in one step"), "write one line for each")
            }
        };
        self.report(Problem::new(code, span, message).help(help));
        None
    }

    /// A place that one value is read from.
    pub(super) fn source(&mut self, node: &Node, what: &str) -> Option<At<Source>> {
        let Some(text) = node.text() else {
            self.wrong_type(node, what, "a place such as `$.userId` or `header.sec-gpc`");
            return None;
        };
        let plain = matches!(node.value, Value::Plain(_));
        let span = node.span;
        let value = match text {
            "key" => Source::Key,
            "timestamp" => Source::Timestamp,
            _ => {
                if let Some(name) = text.strip_prefix("header.") {
                    Source::Header(self.header_name(name, span)?)
                } else if let Some(path) = text.strip_prefix("envelope.").filter(|path| path.starts_with('$')) {
                    self.draft.envelopes.push(span);
                    Source::Envelope(self.single(path, span, plain, "envelope.".len())?)
                } else if text.starts_with('$') {
                    Source::Event(self.single(text, span, plain, 0)?)
                } else {
                    let problem = Problem::new(Code::BadSource, span, format!("{what} cannot be read from `{text}`"));
                    let word =
                        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
                    let problem = match text.strip_prefix("headers.") {
                        Some(name) => problem.label(format!("did you mean `header.{name}`?")),
                        None if text.starts_with("envelope.") => problem.help("`envelope.` is followed by `$`"),
                        None if word => problem.label(format!("did you mean `$.{text}`?")).help(SOURCES),
                        None => problem.help(SOURCES),
                    };
                    self.report(problem);
                    return None;
                }
            }
        };
        self.draft.sources.push(At { value: value.clone(), span });
        Some(At { value, span })
    }

    fn single(&mut self, text: &str, span: Span, plain: bool, skip: usize) -> Option<Selector> {
        let selector = self.selector(text, span, plain, skip)?;
        if selector.steps.iter().any(|step| step.descendant || step.take == Take::Any) {
            let message = format!("`{text}` can name several values, and one is needed here");
            self.report(
                Problem::new(Code::SourceNotSingle, span, message).help("write the whole path, without `*` and `..`"),
            );
            return None;
        }
        Some(selector)
    }

    /// A header's name, in lower case (RFC 9110 token).
    pub(super) fn header_name(&mut self, name: &str, span: Span) -> Option<String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || name.len() > 128 || !name.chars().all(fits) {
            self.report(Problem::new(Code::BadValue, span, "this cannot be the name of a header"));
            return None;
        }
        Some(name.to_ascii_lowercase())
    }

    /// A country or region: where it is read, or a code.
    pub(super) fn place(&mut self, node: &Node, region: bool) -> Option<PlaceSource> {
        let what = if region { "the region" } else { "the country" };
        let Some(text) = node.text() else {
            self.wrong_type(node, what, "a code or a place such as `$.country`");
            return None;
        };
        let is_source =
            text.starts_with(['$']) || text.starts_with("envelope.") || text.starts_with("header.") || text == "key";
        if is_source {
            return self.source(node, what).map(|source| PlaceSource::At(source.value));
        }
        let code = text.to_ascii_uppercase();
        let fits = if region { is_region(&code) } else { COUNTRIES.split(' ').any(|country| country == code) };
        if fits {
            return Some(PlaceSource::Fixed(code));
        }
        let help = if region {
            "write an ISO 3166-2 code such as `US-CA`, or where it is read, such as `$.context.geo.region`"
        } else {
            "write an ISO 3166-1 code such as `FR` (the United Kingdom is `GB`), or where it is read, such as `$.country`"
        };
        let message = format!("`{text}` is not the code of a {}", if region { "region" } else { "country" });
        self.report(Problem::new(Code::BadPlace, node.span, message).help(help));
        None
    }
}

/// The form of an ISO 3166-2 code, with or without its country.
fn is_region(code: &str) -> bool {
    let part = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    match code.split_once('-') {
        Some((country, rest)) => COUNTRIES.split(' ').any(|known| known == country) && part(rest),
        None => part(code),
    }
}

/// ISO 3166-1 alpha-2, the officially assigned codes.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM \
    FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO \
    JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
    MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA \
    SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US \
    UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_country_list_is_whole() {
        let countries: Vec<&str> = COUNTRIES.split_whitespace().collect();
        assert_eq!(countries.len(), 249);
        assert_eq!(COUNTRIES.split(' ').filter(|country| country.len() == 2).count(), 249);
        assert!(
            is_region("US-CA") && is_region("CA") && is_region("FR-75") && !is_region("UK-LND") && !is_region("US-")
        );
    }
}
