//! What becomes of one field: the finds decide first, then its name, then what its values look like.

use crate::cli::scan::kinds;
use crate::cli::scan::names::{self, Role};
use crate::cli::scan::paths::{Entry, Step};
use crate::cli::scan::shape::Shape;
use crate::cli::scan::stats::{Stats, Type};
use crate::cli::scan::table::grouped;
use crate::engine::detect::Kind;

/// What is proposed for a field, and why.
pub(in crate::cli::scan) struct Verdict {
    /// The rule, as a policy writes it; `None`: no line, so that it is dropped.
    pub(in crate::cli::scan) rule: Option<String>,
    /// Why, in a few words.
    pub(in crate::cli::scan) why: String,
    /// A person must decide.
    pub(in crate::cli::scan) decide: bool,
    /// A purpose that the rule needs.
    pub(super) needs: Option<&'static str>,
}

impl Verdict {
    pub(super) fn dropped(why: impl Into<String>) -> Verdict {
        Verdict { rule: None, why: why.into(), decide: false, needs: None }
    }

    fn rule(rule: impl Into<String>, why: impl Into<String>) -> Verdict {
        Verdict { rule: Some(rule.into()), why: why.into(), decide: false, needs: None }
    }

    fn decide(self) -> Verdict {
        Verdict { decide: true, ..self }
    }
}

/// Ids of different things get tokens that do not agree by accident.
fn token(namespace: &str, why: impl Into<String>) -> Verdict {
    let namespace: String = namespace.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    let rule = if namespace.is_empty() { "token".to_owned() } else { format!("{{token: {{as: {namespace}}}}}") };
    Verdict::rule(rule, why)
}

/// Decides for a field of the event whose last name has this role.
pub(super) fn decide(entry: &Entry<'_>, role: Option<Role>) -> Verdict {
    let stats = entry.stats;
    if entry.steps.contains(&Step::Members) {
        return match stats.in_key.is_empty() {
            true => Verdict::dropped("beneath keys that look like data"),
            false => Verdict::dropped("beneath keys that are personal data"),
        };
    }
    if entry.mixed {
        return Verdict::dropped("stands beside an array in the same place: rules for both would meet").decide();
    }
    if !stats.found.is_empty() {
        return found(stats, role);
    }
    if stats.telling() == 0 {
        return Verdict::dropped("always null");
    }
    let name = entry.steps.iter().rev().find_map(|step| match step {
        Step::Name(name) => Some(names::words(name).concat()),
        _ => None,
    });
    let name = name.unwrap_or_default();
    if stats.is(Type::Boolean) == stats.telling() && role.is_none_or(|role| !hides(role)) {
        return Verdict::rule("keep", "yes or no");
    }
    role.and_then(|role| by_name(stats, role, &name)).unwrap_or_else(|| by_shape(stats, &name))
}

/// Something was found in some of its values.
fn found(stats: &Stats, role: Option<Role>) -> Verdict {
    let kinds: Vec<Kind> = stats.found.keys().copied().collect();
    let only = |wanted: &[Kind]| kinds.iter().all(|kind| wanted.contains(kind));
    let all = stats.hit * 50 >= stats.telling() * 49;
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let what = format!("{} in {} of {} values", names.join(", "), grouped(stats.hit), grouped(stats.telling()));
    if kinds.iter().any(|kind| kinds::level(*kind) >= 3) {
        return Verdict::dropped(format!("{what}, which is highly sensitive"));
    }
    if stats.looks(&[Shape::UserAgent]) {
        return Verdict::rule("user_agent", format!("{what}; browser and major version stay"));
    }
    if stats.looks(&[Shape::Url]) {
        let why = format!("{what}; parameters and fragment go, what is left is looked at");
        return Verdict::rule("url", why).decide();
    }
    if only(&[Kind::Ipv4, Kind::Ipv6]) && all {
        return Verdict::rule("{ip: {v4: 24, v6: 40}}", format!("{what}; the network stays"));
    }
    match role {
        Some(Role::Account) => Verdict::rule("token", format!("{what}; the id of a person")),
        Some(Role::Device | Role::Cookie | Role::AdId) => Verdict::rule("token", format!("{what}; the id of a device")),
        _ => Verdict::dropped(format!("{what}; to keep it, a rule must name the category and a purpose")).decide(),
    }
}

/// Roles that are dropped whatever stands there.
fn hides(role: Role) -> bool {
    use Role::*;
    matches!(
        role,
        Email
            | Phone
            | PersonName
            | Postal
            | Birth
            | Demographic
            | Secret
            | Money
            | Government
            | Precise
            | Special
            | Click
    )
}

fn by_name(stats: &Stats, role: Role, name: &str) -> Option<Verdict> {
    use Role::*;
    let short = stats.looks(&[Shape::Word, Shape::TwoCapitals, Shape::Label]);
    let campaign = |category: &str| match stats.few() {
        Some(_) if short => Some(Verdict {
            rule: Some(format!("{{keep: {category}, needs: ads.measure}}")),
            why: "names a campaign: only for whoever may measure it".to_owned(),
            decide: true,
            needs: Some("ads.measure"),
        }),
        _ => Some(Verdict::dropped("of a campaign by its name, but with more than its labels in it").decide()),
    };
    match role {
        Account => Some(Verdict::rule("token", "the id of a person, by its name")),
        Device | Cookie | AdId => Some(Verdict::rule("token", "the id of a device, by its name")),
        Session => Some(token("session", "the id of a session, by its name")),
        Message => Some(token("message", "the id of an event, by its name")),
        Order => Some(token("order", "the id of an order, by its name")),
        Id if stats.is(Type::Boolean) == 0 => {
            Some(token(name, "an id, by its name: keep it if it is of a thing and not of a person").decide())
        }
        Id => None,
        Email | Phone => Some(Verdict::dropped("how to reach a person, by its name").decide()),
        PersonName => Some(Verdict::dropped("the name of a person, by its name").decide()),
        Postal => Some(Verdict::dropped("of an address, by its name").decide()),
        Birth | Demographic => Some(Verdict::dropped("says who a person is, by its name").decide()),
        Secret => Some(Verdict::dropped("a secret, by its name")),
        Money => Some(Verdict::dropped("of an account, a card or an income, by its name").decide()),
        Government => Some(Verdict::dropped("an official number, by its name")),
        Precise => Some(Verdict::dropped("a precise place, by its name").decide()),
        Special => Some(Verdict::dropped("may be of a special category (GDPR art. 9), by its name").decide()),
        Click => Some(Verdict::dropped("the id of a click or recipient, by its name").decide()),
        FreeText => match stats.few() {
            // A label of a button, a title of a page that comes again and again.
            Some(different) if short => Some(kept(different).decide()),
            _ => Some(Verdict::dropped("text that people write, by its name").decide()),
        },
        Country if stats.looks(&[Shape::TwoCapitals]) => Some(Verdict::rule("{keep: location.coarse}", "a country")),
        Region if short => Some(Verdict::rule("{keep: location.coarse}", "a region, by its name").decide()),
        Country | Region => Some(Verdict::dropped("of a place, by its name").decide()),
        Ip => Some(Verdict::rule("{ip: {v4: 24, v6: 40}}", "an address, by its name; the network stays")),
        UserAgent => Some(Verdict::rule("user_agent", "a user agent, by its name; browser and major version stay")),
        CampaignSource => campaign("campaign.source"),
        CampaignMedium => campaign("campaign.medium"),
        CampaignName => campaign("campaign.name"),
        CampaignTerm => campaign("campaign.term"),
        CampaignContent => campaign("campaign.content"),
        Locale if short => Some(Verdict::rule("{keep: demo.lang}", "a language or time zone, by its name")),
        Url | Time | Locale => None,
    }
}

fn kept(different: usize) -> Verdict {
    let texts = match different {
        1 => "always the same text".to_owned(),
        _ => format!("{different} different texts, each more than once"),
    };
    Verdict::rule("keep", format!("{texts}: `one_of` would hold it to that"))
}

/// Nobody knows the name.
fn by_shape(stats: &Stats, name: &str) -> Verdict {
    let looks = |shapes: &[Shape]| stats.looks(shapes);
    if looks(&[Shape::IsoTime]) {
        return Verdict::rule("{round: 1m}", "a time; to the minute");
    }
    if looks(&[Shape::UnixSeconds]) {
        return Verdict::rule("{round: 1m, unit: s}", "a time in seconds; to the minute");
    }
    if looks(&[Shape::UnixMillis]) {
        return Verdict::rule("{round: 1m, unit: ms}", "a time in milliseconds; to the minute");
    }
    if looks(&[Shape::Url]) {
        return Verdict::rule("url", "a URL; parameters and fragment go").decide();
    }
    if looks(&[Shape::UserAgent]) {
        return Verdict::rule("user_agent", "a user agent; browser and major version stay");
    }
    if looks(&[Shape::Number]) {
        return Verdict::rule("keep", "a number of few digits");
    }
    if looks(&[Shape::Word, Shape::Label, Shape::TwoCapitals, Shape::Number]) {
        return match stats.few() {
            Some(different) => kept(different).decide(),
            None => Verdict::dropped("too many different texts to tell what they are").decide(),
        };
    }
    if looks(&[Shape::Id, Shape::LongNumber, Shape::Number, Shape::UnixSeconds, Shape::UnixMillis]) {
        return token(name, "an id, as it looks: keep it if it is of a thing and not of a person").decide();
    }
    Verdict::dropped("text that may say anything").decide()
}
