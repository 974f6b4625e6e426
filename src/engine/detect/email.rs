//! E-mail addresses: `local@domain`, where the domain has a dot and ends in something like a top-level domain.
//!
//! Anchored at each `@`, reading outwards, so that work is linear. The domain is not checked against a list: mail to a made-up or
//! internal domain still names a person. What looks alike and is not: file names (`hero@2x.png`), packages
//! (`lodash@4.17.21`), handles. Characters that RFC 5322 allows in the local part but text uses as punctuation are
//! taken inside it and trimmed at its start.

use super::{Hit, Kind, Signs};

/// RFC 5321 §4.5.3.1: 64 octets of local part; more room, so that a longer run leaves no readable end.
const MAX_LOCAL: usize = 254;

/// RFC 1035 §2.3.4.
const MAX_LABEL: usize = 63;

/// How far back the opening quote of `"john doe"@example.com` is looked for.
const MAX_QUOTED: usize = 66;

/// Endings of files that carry a scale factor: `hero@2x.png`.
const IMAGE_ENDINGS: &[&str] =
    &["png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "heic", "ico", "bmp", "pdf", "css", "js", "json"];

pub(super) fn may(signs: &Signs) -> bool {
    signs.ats > 0
}

pub(super) fn find(text: &str, hits: &mut Vec<Hit>) {
    let mut free = 0;
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        if let Some((start, end)) = around(text, free, at) {
            hits.push(Hit { kind: Kind::Email, start, end });
            free = end;
        }
    }
}

/// The whole text is one address.
pub(crate) fn is_email(text: &str) -> bool {
    memchr::memchr(b'@', text.as_bytes()).and_then(|at| around(text, 0, at)) == Some((0, text.len()))
}

/// The address around the `@` at `at`, not reaching before `free`.
fn around(text: &str, free: usize, at: usize) -> Option<(usize, usize)> {
    let start = local_start(text.get(free..at)?)? + free;
    let end = at + 1 + domain_length(text.get(at + 1..)?)?;
    Some((start, end))
}

fn local_start(before: &str) -> Option<usize> {
    if let Some(inside) = before.strip_suffix('"') {
        let quoted: usize = inside.chars().rev().take(MAX_QUOTED).take_while(|c| *c != '"').map(char::len_utf8).sum();
        let open = inside.len().checked_sub(quoted + 1)?;
        // In JSON within text, the quotes around `": "` are those of a name and of a value that begins with `@`.
        let named = inside.get(open + 1..)?;
        let named = named.starts_with(char::is_alphanumeric) && named.ends_with(char::is_alphanumeric);
        return (named && inside.as_bytes().get(open) == Some(&b'"')).then_some(open);
    }
    let run: usize = before.chars().rev().take(MAX_LOCAL).take_while(|c| is_local(*c)).map(char::len_utf8).sum();
    let start = before.len() - run;
    let local = before.get(start..)?;
    let trimmed = local.trim_start_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
    (!trimmed.is_empty()).then_some(before.len() - trimmed.len())
}

fn is_local(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '%' | '\'' | '!' | '#' | '$' | '*' | '~' | '^')
    } else {
        c.is_alphanumeric() || is_part(c)
    }
}

/// No letter, and part of one or not seen: combining marks (a decomposed `é`), joiners, zero-width spaces, soft hyphens.
fn is_part(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
        || matches!(c, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

/// Length of the longest domain at the start: dot-separated labels, the last of which could be a top-level domain.
fn domain_length(after: &str) -> Option<usize> {
    let mut end = None;
    let mut label_start = 0;
    let mut first = "";
    let mut numeric = true;
    for count in 0_usize.. {
        let rest = after.get(label_start..)?;
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'-').count();
        // Labels beyond ASCII (internationalized mail) take the slower way.
        let length = match rest.as_bytes().get(length) {
            Some(byte) if !byte.is_ascii() => {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '-' || is_part(c))).unwrap_or(rest.len())
            }
            _ => length,
        };
        let run = rest.get(..length)?;
        let label = run.trim_end_matches('-');
        if label.is_empty() || label.starts_with('-') || label.len() > MAX_LABEL {
            break;
        }
        if count == 0 {
            first = label;
        }
        // `4.17.21-beta.rc` is a version, `163.126.com` a domain.
        numeric &= count > 1 || label.starts_with(|c: char| c.is_ascii_digit());
        let digits = first.bytes().all(|b| b.is_ascii_digit());
        if count == 2 && numeric && digits && (label.starts_with(|c: char| c.is_ascii_digit()) || is_pre_release(label))
        {
            return None;
        }
        if count > 0 && is_top_level(label) {
            end = Some(label_start + label.len());
        }
        if label.len() < run.len() || rest.as_bytes().get(length) != Some(&b'.') {
            break;
        }
        label_start += length + 1;
    }
    let end = end?;
    let last = after.get(..end)?.rsplit('.').next()?;
    let scale = first.strip_suffix(['x', 'X']).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let file = scale && IMAGE_ENDINGS.contains(&last.to_ascii_lowercase().as_str());
    (!file).then_some(end)
}

/// Words that versions end in.
fn is_pre_release(label: &str) -> bool {
    const WORDS: &[&str] = &[
        "alpha", "beta", "rc", "dev", "next", "canary", "snapshot", "pre", "preview", "post", "final", "js", "min",
        "tgz",
    ];
    WORDS.iter().any(|word| label.eq_ignore_ascii_case(word))
}

fn is_top_level(label: &str) -> bool {
    let encoded = label.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("xn--"));
    encoded || (label.chars().nth(1).is_some() && label.chars().all(|c| c.is_alphabetic() || is_part(c)))
}

/// Texts and what is found in them.
#[cfg(test)]
pub(super) const MATCHES: &[(&str, &str)] = &[
    ("alice@example.com", "alice@example.com"),
    ("Contact us at support@example.com.", "support@example.com"),
    ("to=john.doe+tag@mail.example.co.uk&x", "john.doe+tag@mail.example.co.uk"),
    ("(billing-team@sub.example.org), thanks", "billing-team@sub.example.org"),
    ("JANE.DOE@EXAMPLE.ORG", "JANE.DOE@EXAMPLE.ORG"),
    ("a@b.co", "a@b.co"),
    ("zoé.müller@bücher.example", "zoé.müller@bücher.example"),
    ("x@xn--bcher-kva.xn--p1ai", "x@xn--bcher-kva.xn--p1ai"),
    ("https://shop.example/u/anne@example.net/edit", "anne@example.net"),
    ("'bob@example.com'", "bob@example.com"),
    ("**bob@example.com**", "bob@example.com"),
    ("o'brien@example.com", "o'brien@example.com"),
    ("\"john doe\"@example.com", "\"john doe\"@example.com"),
    ("a@b@example.com", "b@example.com"),
    ("bob@example.com_copy", "bob@example.com"),
    ("bob@example.com.2", "bob@example.com"),
    ("bob@example.com-", "bob@example.com"),
    ("user@2x.example", "user@2x.example"),
    ("user@163.com", "user@163.com"),
    ("mailto:bob@example.com?subject=x", "bob@example.com"),
    ("_ann_@example.com", "_ann_@example.com"),
    ("zoe\u{301}@example.com", "zoe\u{301}@example.com"),
    ("ali\u{200B}ce@example.com", "ali\u{200B}ce@example.com"),
    ("bob@exa\u{AD}mple.com", "bob@exa\u{AD}mple.com"),
    ("bob@163.126.com", "bob@163.126.com"),
];

/// Texts in which nothing is found.
#[cfg(test)]
pub(super) const REFUSES: &[&str] = &[
    "@",
    "@alone",
    "not-an-email@",
    "a@b",
    "a@b.c",
    "hero@2x.png",
    "banner-290@3x.PNG",
    "lodash@4.17.21",
    "@scope/ui@1.2.0",
    "asset lodash@4.17.20 missing",
    "pkg@1.2.3-beta.rc",
    "390x844@3x",
    "ff.recs.rank3@86%",
    "@the.daily.deals",
    "@media (max-width:600px)",
    "https://example.com/@user/profile",
    "[a-z]+@[a-z]+",
    "a@.com",
    "a@-x.com",
    "x@10.0.0.1",
    "\"@example.com",
    "....@example.com",
    "{\"mention\": \"@the.daily.deals\"}",
    "\"a\", \"@acme.support\"",
    "alice@example..com",
    "5 @ 3.50 EUR",
];
