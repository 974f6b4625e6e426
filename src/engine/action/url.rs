//! `url`: scheme, host, path, and the query parameters that the policy lists.
//!
//! What stays is spliced from the text, byte for byte; userinfo, fragment and unlisted parameters go. Relative references
//! fit if they start with `/`, `.`, `?` or `#`: anything else might as well be free text. `mailto:`, `data:` and other
//! schemes without an authority do not fit.
//! The trap: parsers disagree. Where two readers of a text could see two URLs in it (a backslash, a control character,
//! a second `?` or a `;` in a parameter, a URL inside the path), the part, or the whole, goes.

use super::{Applied, Scalar, UNFIT, write_or_keep};

/// Schemes that mean content or a person, whatever follows them.
const NO_PLACE: [&str; 9] = ["javascript", "vbscript", "data", "blob", "file", "mailto", "tel", "sms", "view-source"];

/// A URL cut into what may stay. Everything is a slice of the text.
struct Parts<'a> {
    /// With its colon; empty for relative references.
    scheme: &'a str,
    /// Host and port, where there is an authority.
    host: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    /// Nothing of the text stands between these parts or around them.
    whole: bool,
}

/// Where a URL's query and fragment begin, found in one pass over its bytes.
struct Survey {
    /// Length of what is before the query and the fragment.
    place: usize,
    /// Where the query lies, without its question mark.
    query: Option<(usize, usize)>,
    ascii: bool,
}

/// What a byte of a URL means for where its parts begin.
#[derive(Clone, Copy)]
enum Class {
    Plain,
    Control,
    /// Not ASCII.
    Beyond,
    Fragment,
    Query,
    /// Readers disagree about it before the query.
    Misread,
}

/// A look-up a byte: most bytes are plain, and whatever else is asked would be asked of each of them.
#[expect(clippy::indexing_slicing, reason = "worked out by the compiler, which would say so")]
static CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            0..0x20 | 0x7F => Class::Control,
            0x80.. => Class::Beyond,
            b'#' => Class::Fragment,
            b'?' => Class::Query,
            b'\\' | b' ' | b';' => Class::Misread,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
};

impl Survey {
    /// `None`: a byte that makes readers disagree. Browsers strip tabs and line breaks wherever they stand and read `\`
    /// as `/`; spaces are not part of a URL; `;` starts path parameters, which no policy lists yet.
    fn of(text: &str) -> Option<Survey> {
        let (mut query, mut end, mut ascii) = (None, text.len(), true);
        for (at, &byte) in text.as_bytes().iter().enumerate() {
            match CLASSES.get(usize::from(byte)) {
                Some(Class::Plain) => {}
                Some(Class::Control) | None => return None,
                Some(Class::Beyond) => ascii = false,
                _ if end < at => {}
                Some(Class::Fragment) => end = at,
                Some(Class::Query) => query = query.or(Some(at)),
                Some(Class::Misread) if query.is_none() => return None,
                Some(Class::Misread) => {}
            }
        }
        Some(Survey { place: query.unwrap_or(end), query: query.map(|at| (at + 1, end)), ascii })
    }
}

/// Writes the URL without what the policy does not list.
pub(super) fn apply(keep_query: &[String], value: Scalar<'_>, out: &mut Vec<u8>) -> Applied {
    let Scalar::String(text) = value else { return UNFIT };
    let Some(parts) = split(text) else { return UNFIT };
    if parts.whole && parts.query.is_none_or(|query| parameters(query).all(|parameter| stays(parameter, keep_query))) {
        return Applied::Kept;
    }
    write_or_keep(text, out, |out| {
        out.extend_from_slice(parts.scheme.as_bytes());
        if let Some(host) = parts.host {
            out.extend_from_slice(b"//");
            out.extend_from_slice(host.as_bytes());
        }
        out.extend_from_slice(parts.path.as_bytes());
        let mut separator = b'?';
        let query = parts.query.unwrap_or("");
        for parameter in parameters(query).filter(|parameter| stays(parameter, keep_query)) {
            out.push(separator);
            out.extend_from_slice(parameter);
            separator = b'&';
        }
        Some(())
    })
}

fn split(text: &str) -> Option<Parts<'_>> {
    let Survey { place, query, ascii } = Survey::of(text)?;
    // Browsers strip spaces at the ends before they parse; what is not ASCII has more kinds of them, and of controls.
    if text.starts_with(' ') || text.ends_with(' ') {
        return None;
    }
    if !ascii && (text.trim() != text || text.chars().any(char::is_control)) {
        return None;
    }
    let whole = query.map_or(place, |(_, end)| end) == text.len();
    let (place, query) = (text.get(..place)?, query.and_then(|(start, end)| text.get(start..end)));
    let (scheme, rest) = split_scheme(place)?;
    let parts = match rest.strip_prefix("//") {
        Some(rest) => {
            let mut end = rest.bytes().position(|byte| !is_in_name(byte)).unwrap_or(rest.len());
            let named = end > 0 && matches!(rest.as_bytes().get(end), None | Some(b'/'));
            if !named {
                end = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
            }
            let (authority, path) = rest.split_at_checked(end)?;
            let host = if named { authority } else { authority.rsplit_once('@').map_or(authority, |(_, host)| host) };
            if !(named || is_host(host)) || !is_place(scheme) {
                return None;
            }
            Parts { scheme, host: Some(host), path, query, whole: whole && host.len() == authority.len() }
        }
        None if !scheme.is_empty() => return None,
        None if rest.is_empty() || rest.starts_with(['/', '.']) => {
            Parts { scheme, host: None, path: rest, query, whole }
        }
        None => return None,
    };
    // A URL inside the path has its own userinfo and parameters; `//` where a path begins would read as an authority.
    let nested = has_nested(parts.path);
    (!nested && (parts.host.is_some() || !parts.path.starts_with("//"))).then_some(parts)
}

/// A scheme with its slash (servers merge `//`, so one is enough), or a name and a password: a `:` with `/` right behind it
/// or `@` anywhere behind it, each plain or percent-encoded however often.
fn has_nested(path: &str) -> bool {
    let bytes = path.as_bytes();
    if memchr::memchr2(b':', b'%', bytes).is_none() {
        return false;
    }
    let (mut at, mut colon, mut just) = (0, false, false);
    while let Some((byte, length)) = unit(bytes, at) {
        match byte {
            b'/' | b'\\' if just => return true,
            b'@' if colon => return true,
            _ => {}
        }
        just = byte == b':';
        colon |= just;
        at += length;
    }
    false
}

/// What stands at `at`, with percent-encoding taken off (`%3a`, `%253A`, …), and how many bytes spell it.
fn unit(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let first = *bytes.get(at)?;
    let pair = |at: usize| match (hex(bytes.get(at)), hex(bytes.get(at + 1))) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        _ => None,
    };
    let (mut end, mut byte) = (at + 1, first);
    while byte == b'%'
        && let Some(decoded) = pair(end)
    {
        byte = decoded;
        end += 2;
    }
    Some((byte, end - at))
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Whether the scheme, with its colon, leads to a place.
fn is_place(scheme: &str) -> bool {
    let name = scheme.strip_suffix(':').unwrap_or(scheme);
    name == "https" || name == "http" || !NO_PLACE.iter().any(|listed| name.eq_ignore_ascii_case(listed))
}

/// Cuts `scheme:` off (RFC 3986 §3.1); `None` where a colon stands after something that is no scheme.
fn split_scheme(place: &str) -> Option<(&str, &str)> {
    // What nearly every URL begins with needs no look at its letters.
    for (known, length) in [("https://", 6), ("http://", 5)] {
        if place.starts_with(known) {
            return place.split_at_checked(length);
        }
    }
    let Some((scheme, rest)) = place.split_once(':').filter(|(scheme, _)| !scheme.contains('/')) else {
        return Some(("", place));
    };
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !named {
        return None;
    }
    place.split_at_checked(place.len() - rest.len())
}

/// What nearly every host name is made of, and nothing that ends one.
#[inline]
fn is_in_name(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-')
}

/// A host name, an address, or an address in brackets, and a port. Anything else may be half a password:
/// `http://user:pa/ss@host/` ends its authority at the first slash.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => (name, port),
            None => return false,
        },
        None => host.find(':').and_then(|at| host.split_at_checked(at)).unwrap_or((host, "")),
    };
    let bracketed = host.starts_with('[');
    let fits = |c: char| match c {
        ':' => bracketed,
        '.' | '-' | '_' => true,
        _ => c.is_alphanumeric(),
    };
    let numbered = port.strip_prefix(':').map_or(port.is_empty(), |port| port.bytes().all(|b| b.is_ascii_digit()));
    !name.is_empty() && name.chars().all(fits) && numbered
}

/// What a query is made of.
fn parameters(query: &str) -> impl Iterator<Item = &[u8]> {
    query.as_bytes().split(|byte| *byte == b'&')
}

/// A listed parameter, whose value no reader could take for more than one.
fn stays(parameter: &[u8], keep_query: &[String]) -> bool {
    // Letters, digits and what is around them need no second look.
    let mut equals = None;
    let simple = parameter.iter().enumerate().all(|(at, byte)| match byte {
        b'=' => {
            equals = equals.or(Some(at));
            true
        }
        byte => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'),
    });
    let equals = equals.or_else(|| if simple { None } else { memchr::memchr(b'=', parameter) });
    let (name, value) = match equals.and_then(|at| Some((parameter.get(..at)?, parameter.get(at + 1..)?))) {
        Some(parts) => parts,
        None => (parameter, &[][..]),
    };
    let plain = simple || memchr::memchr2(b'%', b'+', name).is_none();
    let listed = |listed: &String| if plain { name == listed.as_bytes() } else { decoded(name).eq(listed.bytes()) };
    !parameter.is_empty()
        && keep_query.iter().any(listed)
        && (simple
            || memchr::memchr2(b';', b'?', value).is_none()
                && memchr::memchr(b' ', parameter).is_none()
                && std::str::from_utf8(parameter).is_ok_and(|text| !text.contains(char::is_whitespace)))
}

/// The bytes of a parameter name: `+` is a space, `%41` is `A`, and a `%` without two hex digits is itself.
fn decoded(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *bytes.get(at)?;
        at += 1;
        if byte == b'+' {
            return Some(b' ');
        }
        let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (byte, hex(at), hex(at + 1)) {
            (b'%', Some(high), Some(low)) => {
                at += 2;
                u8::try_from(high * 16 + low).ok()
            }
            _ => Some(byte),
        }
    })
}
