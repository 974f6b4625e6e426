//! What a value looks like, without keeping it.
//!
//! Shapes say what could be done with a field: round a time, cut a URL, make a token of an id. They are guesses from form alone,
//! counted per path; names (`super::names`) and finds weigh more. Signals are recognized by the engine's own readers.

use crate::engine::consent::signals::{google, gpp, onetrust, tcf, usp};

/// What a scalar looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A text without anything in it.
    Empty,
    /// A date with a time, or a date, ISO 8601.
    IsoTime,
    /// Unix time in seconds of this century, 2001 to 2065.
    UnixSeconds,
    /// The same in milliseconds.
    UnixMillis,
    /// `https://…`
    Url,
    /// `Mozilla/5.0 …`
    UserAgent,
    /// Two capital letters.
    TwoCapitals,
    /// UUIDs, hexadecimal and other long words with digits in them.
    Id,
    /// Digits, with a sign or a decimal point.
    Number,
    /// Seven digits or more: an id, as far as anybody can tell.
    LongNumber,
    /// One short word.
    Word,
    /// A few words without digits: `Signed Up`.
    Label,
    /// TC string.
    Tcf,
    /// GPP string.
    Gpp,
    /// US Privacy string.
    UsPrivacy,
    /// Google's `gcs`.
    Gcs,
    /// Google's `gcd`.
    Gcd,
    /// OneTrust's groups.
    OneTrust,
    /// Anything else.
    Free,
}

/// How many values had which shape.
pub(super) type Shapes = [u64; Shape::Free as usize + 1];

/// Longer than any signal, and than what is worth looking at.
const LONGEST: usize = 4096;

/// Words are shorter; what is longer and has no space is an id.
const LONGEST_WORD: usize = 24;

/// Names of events and buttons are shorter; what is longer is prose.
const LONGEST_LABEL: usize = 40;

/// The shape of a text.
pub(super) fn of_text(text: &str) -> Shape {
    let bytes = text.as_bytes();
    match bytes {
        [] => Shape::Empty,
        [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Shape::TwoCapitals,
        _ if text.len() > LONGEST => Shape::Free,
        _ if text.parse::<f64>().is_ok_and(f64::is_finite) => of_number(text),
        _ if is_iso_time(text) => Shape::IsoTime,
        _ if is_url(text) => Shape::Url,
        _ if text.starts_with("Mozilla/") => Shape::UserAgent,
        _ => of_signal(text).unwrap_or_else(|| of_word(text)),
    }
}

/// The shape of a number by its spelling.
pub(super) fn of_number(spelled: &str) -> Shape {
    const CENTURY: std::ops::Range<f64> = 1.0e9..3.0e9;
    match spelled.parse::<f64>() {
        Ok(number) if CENTURY.contains(&number) => Shape::UnixSeconds,
        Ok(number) if CENTURY.contains(&(number / 1000.0)) => Shape::UnixMillis,
        _ if spelled.bytes().filter(u8::is_ascii_digit).count() >= 7 && !spelled.contains('.') => Shape::LongNumber,
        _ => Shape::Number,
    }
}

fn is_iso_time(text: &str) -> bool {
    let day = text.as_bytes().iter().zip(b"dddd-dd-dd").all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        form => byte == form,
    });
    day && (10..=40).contains(&text.len())
        && text.as_bytes().get(10).is_none_or(|byte| matches!(byte, b'T' | b't' | b' '))
}

fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty() && (2..=10).contains(&scheme.len()) && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn of_signal(text: &str) -> Option<Shape> {
    match text.as_bytes() {
        [b'C', ..] if text.len() >= 40 && tcf::decode(text).is_ok() => Some(Shape::Tcf),
        [b'D', b'B', ..] if text.len() >= 8 && gpp::decode(text).is_ok() => Some(Shape::Gpp),
        [b'1', _, _, _] if usp::decode(text).is_ok() => Some(Shape::UsPrivacy),
        [b'G', b'1', _, _] if google::read_gcs(text).is_ok() => Some(Shape::Gcs),
        [b'1', ..] if text.len() == 10 && google::read_gcd(text).is_ok() => Some(Shape::Gcd),
        _ if text.contains(":0") || text.contains(":1") || text.contains("groups=") => {
            onetrust::read(text).is_ok().then_some(Shape::OneTrust)
        }
        _ => None,
    }
}

fn of_word(text: &str) -> Shape {
    let digits = text.chars().filter(|c| c.is_numeric()).count();
    let joins = |c: char| matches!(c, '_' | '-' | '.' | ':' | '/' | '+');
    let length = text.chars().count();
    if text.chars().all(|c| c.is_alphanumeric() || joins(c)) {
        return if digits >= 4 || length > LONGEST_WORD { Shape::Id } else { Shape::Word };
    }
    let spoken =
        text.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '&' | '\'' | '_' | ',' | '/' | '.' | ':'));
    if spoken && length <= LONGEST_LABEL { Shape::Label } else { Shape::Free }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_from_form() {
        for (text, shape) in [
            ("", Shape::Empty),
            ("2026-11-24T09:58:41.238Z", Shape::IsoTime),
            ("2026-11-24", Shape::IsoTime),
            ("1764000000", Shape::UnixSeconds),
            ("1764000000123", Shape::UnixMillis),
            ("17.5", Shape::Number),
            ("https://shop.example.com/?page=2", Shape::Url),
            ("Mozilla/5.0 (X11; Linux x86_64)", Shape::UserAgent),
            ("FR", Shape::TwoCapitals),
            ("e47de6e1-69f2-433c-9ae6-e90052a38b8d", Shape::Id),
            ("u-48213", Shape::Id),
            ("free", Shape::Word),
            ("Signed Up", Shape::Label),
            ("call 33 1 99 00 42 17", Shape::Free),
            ("48213077", Shape::LongNumber),
            ("4,5", Shape::Free),
            ("1YNN", Shape::UsPrivacy),
            ("DBABBg~BVqqqqpY.YA", Shape::Gpp),
            ("G110", Shape::Gcs),
            ("C0001:1,C0002:0", Shape::OneTrust),
            ("nan", Shape::Word),
        ] {
            assert_eq!(of_text(text), shape, "{text}");
        }
    }
}
