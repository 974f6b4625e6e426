//! `user_agent`: browser family and major version, such as `Chrome/120`; anything unknown is `Other`.
//!
//! The answer is closed: a name of the table and at most four digits, so that a user agent cannot carry an identifier
//! through. Order decides, since browsers name each other: programs that say what they are first, then the browsers that
//! pretend to be Chrome or Safari, then these. Reduced user agents (`Chrome/120.0.0.0`) read like full ones.

use super::{Applied, Scalar, UNFIT, write_or_keep};

/// Product token in the text, and the family it is counted as. The first row whose token occurs decides.
const PRODUCTS: &[(&str, &str)] = &[
    ("Googlebot", "Googlebot"),
    ("Googlebot-Image", "Googlebot"),
    ("AdsBot-Google", "AdsBot-Google"),
    ("bingbot", "bingbot"),
    ("YandexBot", "YandexBot"),
    ("Baiduspider", "Baiduspider"),
    ("DuckDuckBot", "DuckDuckBot"),
    ("Applebot", "Applebot"),
    ("facebookexternalhit", "facebookexternalhit"),
    ("Twitterbot", "Twitterbot"),
    ("LinkedInBot", "LinkedInBot"),
    ("AhrefsBot", "AhrefsBot"),
    ("SemrushBot", "SemrushBot"),
    ("GPTBot", "GPTBot"),
    ("PetalBot", "PetalBot"),
    ("HeadlessChrome", "HeadlessChrome"),
    ("Edg", "Edge"),
    ("EdgA", "Edge"),
    ("EdgiOS", "Edge"),
    ("Edge", "Edge"),
    ("OPR", "Opera"),
    ("OPT", "Opera"),
    ("OPiOS", "Opera"),
    ("Opera", "Opera"),
    ("SamsungBrowser", "SamsungBrowser"),
    ("Vivaldi", "Vivaldi"),
    ("YaBrowser", "YaBrowser"),
    ("UCBrowser", "UCBrowser"),
    ("DuckDuckGo", "DuckDuckGo"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Chromium", "Chrome"),
    ("MSIE", "IE"),
    ("Trident", "IE"),
    ("IE", "IE"),
    ("Safari", "Safari"),
    ("okhttp", "okhttp"),
    ("curl", "curl"),
    ("Wget", "Wget"),
    ("python-requests", "python-requests"),
    ("Python-urllib", "Python-urllib"),
    ("aiohttp", "aiohttp"),
    ("Go-http-client", "Go-http-client"),
    ("node-fetch", "node-fetch"),
    ("axios", "axios"),
    ("Apache-HttpClient", "Apache-HttpClient"),
    ("PostmanRuntime", "PostmanRuntime"),
    ("CFNetwork", "CFNetwork"),
    ("Dalvik", "Dalvik"),
];

/// Browsers have three digits today; more would be room for something else.
const MAX_DIGITS: usize = 4;

/// Longer user agents are not read to their end: browsers' have 100 to 250 bytes.
const MAX_TOKENS: usize = 64;

/// Writes the family and major version.
pub(super) fn apply(value: Scalar<'_>, out: &mut Vec<u8>) -> Applied {
    let Scalar::String(text) = value else { return UNFIT };
    write_or_keep(text, out, |out| {
        let Some((name, major)) = family(text) else {
            out.extend_from_slice(b"Other");
            return Some(());
        };
        out.extend_from_slice(name.as_bytes());
        out.push(b'/');
        out.extend_from_slice(major.as_bytes());
        Some(())
    })
}

fn family(text: &str) -> Option<(&'static str, &str)> {
    // In every browser's user agent, and no answer.
    let common = |name: &str| matches!(name, "Mozilla" | "AppleWebKit" | "Gecko" | "Mobile" | "NT");
    let row_of = |name: &str| PRODUCTS.iter().position(|(token, _)| *token == name);
    let rank = |name: &str| if common(name) { None } else { row_of(name) };
    let (row, major) =
        products(text).filter_map(|(name, major)| Some((rank(name)?, major))).min_by_key(|(row, _)| *row)?;
    let (token, name) = PRODUCTS.get(row)?;
    // Safari and Opera before 15 keep their own version under another name; Internet Explorer 11 says `rv:`.
    let elsewhere = match *token {
        "Safari" | "Opera" => "Version",
        "Trident" => "rv",
        _ => return Some((name, major)),
    };
    let own = products(text).find(|(name, _)| *name == elsewhere);
    Some((name, own.map_or(major, |(_, major)| major)))
}

/// Every `Name/12…`, `Name 12…` (as `MSIE 10.0`) and `rv:11…` of the text, with the digits before its first dot.
fn products(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split([' ', ';', '(', ')', ','])
        .take(MAX_TOKENS)
        .scan("", |before, token| {
            let (name, version) = match token.split_once(['/', ':']) {
                Some(split) => split,
                None => (*before, token),
            };
            *before = token;
            Some(major(version).map(|major| (name, major)))
        })
        .flatten()
}

fn major(version: &str) -> Option<&str> {
    let end = version.bytes().take_while(u8::is_ascii_digit).count();
    version.get(..end).filter(|digits| !digits.is_empty() && digits.len() <= MAX_DIGITS)
}
