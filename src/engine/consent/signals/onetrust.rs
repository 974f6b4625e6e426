//! OneTrust's groups: `C0001:1,C0002:0`, alone or inside the whole value of its cookie `OptanonConsent`.
//!
//! The cookie is a query string (`isGpcEnabled=0&…&groups=C0001%3A1%2CC0002%3A0&…`). Group ids are each deployment's
//! own, so which purposes one stands for is the policy's `map`; ids are compared as they are. `1` is a grant, `0` a
//! denial.
//!
//! `isGpcEnabled=1` says that the browser sent Global Privacy Control when the cookie was written. It only tightens: `0`
//! says nothing, and anything else counts as on, but is remembered for nobody.
//!
//! The trap: half a list is not half a choice. A cut cookie could have lost a refusal, so one entry that cannot be read
//! makes the whole list malformed, and so do two `groups` in one cookie.

use super::gpp::Gpc;
use super::says::Refusal;

/// Characters a list may have: a cookie's limit (RFC 6265 §6.1, 4096 bytes with name and attributes).
pub const LONGEST: usize = 4096;

/// Longest group id. OneTrust's own have five characters, custom ones some ten.
const LONGEST_ID: usize = 64;

/// Reads the groups of a list or of a whole cookie value: each id, and whether it is granted. The same id may come
/// twice; a denial wins, as it does between ids that one purpose is mapped from.
///
/// # Errors
/// [`Refusal::Malformed`] if any entry cannot be read, or there is no list; nothing of a malformed list may be used.
pub fn read(text: &str) -> Result<impl Iterator<Item = (&str, bool)>, Refusal> {
    let list = list(text).ok_or(Refusal::Malformed)?;
    if entries(list).any(|entry| entry.is_none()) {
        return Err(Refusal::Malformed);
    }
    Ok(entries(list).flatten())
}

/// What a cookie says about Global Privacy Control, also if its groups cannot be read. Where the name stands and no
/// member has it, it is [`Gpc::Unreadable`].
pub fn gpc(text: &str) -> Gpc {
    if !text.contains("isGpcEnabled") {
        return Gpc::Absent;
    }
    let said = text.split('&').filter_map(|pair| pair.strip_prefix("isGpcEnabled=")).map(|value| match value {
        "1" | "true" => Gpc::On,
        "0" | "false" => Gpc::Off,
        _ => Gpc::Unreadable,
    });
    said.max().unwrap_or(Gpc::Unreadable)
}

/// The list inside a cookie, or the text itself.
fn list(text: &str) -> Option<&str> {
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    if !text.contains('=') {
        return Some(text);
    }
    let mut found = text.split('&').filter_map(|pair| pair.strip_prefix("groups="));
    let list = found.next()?;
    found.next().is_none().then_some(list)
}

/// Entries in order, `None` for one that cannot be read. Separators may be percent-encoded; an encoded id is not one
/// that OneTrust writes.
fn entries(list: &str) -> impl Iterator<Item = Option<(&str, bool)>> {
    Separated { rest: Some(list), comma: [",", "%2C", "%2c"] }.map(|entry| {
        let (id, state) = [":", "%3A", "%3a"].iter().find_map(|colon| entry.split_once(colon))?;
        let granted = match state {
            "1" => true,
            "0" => false,
            _ => return None,
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let fits = !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(plain);
        fits.then_some((id, granted))
    })
}

/// Splits at the first of several separators.
struct Separated<'a> {
    rest: Option<&'a str>,
    comma: [&'static str; 3],
}

impl<'a> Iterator for Separated<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.take()?;
        // The separator that comes first is the one with the shortest part before it.
        let first = self.comma.iter().filter_map(|comma| rest.split_once(comma)).min_by_key(|(before, _)| before.len());
        match first {
            Some((entry, after)) => {
                self.rest = Some(after);
                Some(entry)
            }
            None => Some(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(text: &str) -> Option<Vec<(&str, bool)>> {
        read(text).ok().map(Iterator::collect)
    }

    #[test]
    fn a_list_reads_alone_and_inside_its_cookie() {
        let expected = vec![("C0001", true), ("C0002", false), ("SPD_BG", true)];
        for text in [
            "C0001:1,C0002:0,SPD_BG:1",
            "C0001%3A1%2CC0002%3A0%2CSPD_BG%3A1",
            "C0001%3a1,C0002:0%2cSPD_BG:1",
            "isGpcEnabled=0&datestamp=Mon+Jan+05+2026&version=202401.1.0&groups=C0001%3A1%2CC0002%3A0%2CSPD_BG%3A1&hosts=",
            "groups=C0001:1,C0002:0,SPD_BG:1",
        ] {
            assert_eq!(groups(text).as_ref(), Some(&expected), "{text}");
        }
        assert_eq!(
            groups("C0002:1,C0002:0"),
            Some(vec![("C0002", true), ("C0002", false)]),
            "the caller lets a denial win"
        );
    }

    #[test]
    fn the_cookie_tells_of_global_privacy_control() {
        for (text, expected) in [
            ("C0001:1", Gpc::Absent),
            ("isGpcEnabled=0&groups=C0001%3A1", Gpc::Off),
            ("groups=C0001%3A1&isGpcEnabled=false", Gpc::Off),
            ("isGpcEnabled=1&datestamp=x&groups=C0001%3A1", Gpc::On),
            ("isGpcEnabled=true", Gpc::On),
            ("isGpcEnabled=0&isGpcEnabled=1", Gpc::On),
            ("isGpcEnabled=1&groups=C0001:?", Gpc::On),
            ("isGpcEnabled=", Gpc::Unreadable),
            ("isGpcEnabled=yes", Gpc::Unreadable),
            ("isGpcEnabled%3D1", Gpc::Unreadable),
            ("OptanonConsent=isGpcEnabled=0", Gpc::Unreadable),
        ] {
            assert!(gpc(text) == expected, "{text}");
        }
    }

    #[test]
    fn one_bad_entry_spoils_the_list() {
        for text in [
            "",
            "C0001",
            "C0001:",
            "C0001:2",
            "C0001:true",
            ":1",
            "C0001:1,",
            ",C0001:1",
            "C0001:1,,C0002:0",
            "C0001:1;C0002:0",
            "C0001:1, C0002:0",
            "C0001:1:0",
            "C%30001:1",
            "C0001%3A1%2",
            "a=b",
            "groups=",
            "groups=C0001:1&groups=C0002:1",
            "C0001:1&x=1",
            "é:1",
            "hosts=C0001:1",
        ] {
            assert_eq!(groups(text), None, "{text:?}");
        }
        let long = format!("{}:1", "a".repeat(65));
        assert_eq!(groups(&long), None);
        assert_eq!(groups(&"C0001:1,".repeat(600)), None);
    }
}
