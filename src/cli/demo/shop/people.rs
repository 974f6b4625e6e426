//! Made-up people. Nobody here exists, and no address, number or account can be reached.
//!
//! E-mails are at example.com and example.org (RFC 2606), addresses from the documentation ranges (RFC 5737, RFC 3849),
//! phones from the ranges kept for fiction (Ofcom, ARCEP, NANPA 555-01xx), cards and IBANs from published test numbers.
//! Every value carries a mark that [`super::hunt`] looks for, so that what is left of it can be counted anywhere.

use crate::cli::demo::shop::random::Random;

/// Someone who visits the shop.
pub struct Person {
    /// `usr_…`, once signed in.
    pub account: String,
    /// The browser's anonymous id.
    pub device: String,
    /// Given name.
    pub first: &'static str,
    /// Family name.
    pub last: &'static str,
    /// E-mail address.
    pub email: String,
    /// E.164.
    pub phone: String,
    /// IPv4 or IPv6.
    pub ip: String,
    /// User agent of the browser.
    pub browser: &'static str,
    /// A line of a postal address.
    pub street: String,
    /// Where, as a tracking library reports it.
    pub place: Place,
    /// A test card number, spaced or not.
    pub card: &'static str,
    /// A published example IBAN.
    pub iban: &'static str,
    /// What the consent banner says; `None`: the banner was not answered or did not load.
    pub consent: Option<(bool, bool)>,
    /// Sends `Sec-GPC: 1`.
    pub gpc: bool,
}

/// A place, as far as it is known.
#[derive(Clone, Copy)]
pub struct Place {
    /// ISO 3166-1, or nothing.
    pub country: Option<&'static str>,
    /// ISO 3166-2 subdivision code, where the country needs one.
    pub region: Option<&'static str>,
    /// A city.
    pub city: &'static str,
    /// BCP 47.
    pub locale: &'static str,
    /// ISO 4217.
    pub currency: &'static str,
}

const fn place(
    country: Option<&'static str>,
    region: Option<&'static str>,
    city: &'static str,
    locale: &'static str,
    currency: &'static str,
) -> Place {
    Place { country, region, city, locale, currency }
}

const PLACES: &[Place] = &[
    place(Some("FR"), None, "Lyon", "fr-FR", "EUR"),
    place(Some("FR"), None, "Nantes", "fr-FR", "EUR"),
    place(Some("DE"), None, "Leipzig", "de-DE", "EUR"),
    place(Some("GB"), None, "Leeds", "en-GB", "GBP"),
    place(Some("US"), Some("CA"), "Fresno", "en-US", "USD"),
    place(Some("US"), Some("CA"), "Oakland", "en-US", "USD"),
    place(Some("US"), Some("TX"), "Austin", "en-US", "USD"),
    place(Some("US"), Some("NY"), "Albany", "en-US", "USD"),
    place(None, None, "unknown", "en", "EUR"),
];

pub(super) const FIRST: &[&str] =
    &["Ada", "Amélie", "Bastien", "Chloé", "Dora", "Emil", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Katya"];

/// Family names that occur nowhere else in the traffic.
pub(super) const LAST: &[&str] =
    &["Imaginova", "Fictionnel", "Erfunden", "Madeup", "Inventado", "Nonesuch", "Niemandt", "Fabulata"];

const BROWSERS: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
];

pub(super) const CARDS: &[&str] =
    &["4242424242424242", "4242 4242 4242 4242", "5555555555554444", "5555-5555-5555-4444", "378282246310005"];

pub(super) const IBANS: &[&str] =
    &["DE89370400440532013000", "FR1420041010050500013M02606", "GB82WEST12345698765432", "DE89 3704 0044 0532 0130 00"];

impl Person {
    /// The next visitor.
    pub fn invent(random: &mut Random) -> Person {
        let first = random.one(FIRST);
        let last = random.one(LAST);
        let plain = if first.is_ascii() { first.to_lowercase() } else { format!("v{}", random.between(10, 99)) };
        let place = PLACES[random.between(0, PLACES.len() as u64) as usize];
        let consent = random.percent(72).then(|| (random.percent(75), random.percent(45)));
        Person {
            account: format!("usr_{}", random.between(10_000, 99_999)),
            device: format!(
                "d0d0{}-{}-4{}-a{}-{}",
                random.hex(4),
                random.hex(4),
                random.hex(3),
                random.hex(3),
                random.hex(12)
            ),
            first,
            last,
            email: format!(
                "{plain}.{}{}@example.{}",
                last.to_lowercase(),
                random.between(1, 999),
                random.one(&["com", "org"])
            ),
            phone: match place.country {
                Some("FR") => format!("+3319900{:04}", random.between(0, 10_000)),
                Some("US") => format!("+120255501{:02}", random.between(0, 100)),
                _ => format!("+442079460{:03}", random.between(0, 1000)),
            },
            ip: address(random),
            browser: random.one(BROWSERS),
            street: format!("{} Nowhere Lane", random.between(1, 200)),
            place,
            card: random.one(CARDS),
            iban: random.one(IBANS),
            consent,
            gpc: random.percent(if place.country == Some("US") { 20 } else { 8 }),
        }
    }
}

/// A documentation address. The host part of an IPv4 is never 0, and an IPv6 ends in `::bad`: what is left of an
/// address after its host bits are cleared can be told from the address.
fn address(random: &mut Random) -> String {
    if random.percent(80) {
        let network = random.one(&["192.0.2", "198.51.100", "203.0.113"]);
        format!("{network}.{}", random.between(100, 255))
    } else {
        format!("2001:db8:{:x}:{:x}::bad", random.between(0x100, 0xffff), random.between(1, 0xffff))
    }
}
