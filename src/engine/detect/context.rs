//! What stands around a find: boundaries, and words that say it is something else.
//!
//! Versions and section numbers look like IPv4 addresses. Only a word right before the number, a product token or the key
//! decides that it is one; everything less certain stays an address, since a masked version costs little and an address
//! that gets through is a leak.

/// How far back a word may begin: longer than "downgrade from" and a version of four parts.
const LOOK_BACK: usize = 56;

/// Words right before a version or section number.
const VERSION_WORDS: &[&str] = &[
    "v",
    "ver",
    "version",
    "versao",
    "versión",
    "versione",
    "firmware",
    "fw",
    "build",
    "release",
    "sdk",
    "oid",
    "section",
    "chap",
    "chapter",
    "chapitre",
    "kapitel",
    "capítulo",
    "capitolo",
    "abschnitt",
    "sección",
    "sezione",
    "§",
];

/// `<word> from 1.2.3.4 to 1.2.3.5` is about versions.
const CHANGE_WORDS: &[&str] = &["upgrade", "upgraded", "upgrading", "downgrade", "downgraded"];

/// `host/203.0.113.7` is an address, not a product of that name.
const PLACE_WORDS: &[&str] =
    &["ip", "ipv4", "addr", "address", "host", "from", "src", "dst", "via", "remote", "peer", "client"];

/// Keys that name a version, after [`normalized`]: the whole key, or its last word for the first three.
const VERSION_KEYS: &[&str] = &["version", "firmware", "oid", "fw", "ver", "v", "build", "release", "sdk", "section"];

/// What has a version and is written in one word with it: `appversion`. A `conversion` is none.
const VERSIONED: &[&str] = &[
    "app", "os", "sdk", "client", "server", "browser", "api", "lib", "library", "plugin", "engine", "kernel",
    "package", "module", "software", "firmware", "hardware", "driver", "product", "platform", "device", "min", "max",
    "new", "old", "ios", "android", "sub",
];

/// Products that user agents name, besides those that stand in a list of products.
const PRODUCTS: &[&str] = &[
    "mozilla",
    "chrome",
    "chromium",
    "headlesschrome",
    "crios",
    "crmo",
    "firefox",
    "fxios",
    "safari",
    "version",
    "edg",
    "edga",
    "edgios",
    "edge",
    "opr",
    "opera",
    "opios",
    "samsungbrowser",
    "ucbrowser",
    "yabrowser",
    "vivaldi",
    "brave",
    "electron",
    "applewebkit",
    "webkit",
    "gecko",
    "trident",
    "msie",
    "gsa",
    "dalvik",
    "okhttp",
    "curl",
    "wget",
    "cfnetwork",
    "darwin",
    "silk",
    "miuibrowser",
    "huaweibrowser",
    "duckduckgo",
    "instagram",
    "fbav",
    "fban",
    "whale",
    "postman",
    "postmanruntime",
    "java",
    "python",
    "node",
    "go-http-client",
    "android",
    "ios",
    "windows",
    "linux",
];

/// Words before `release` that make it something that is done to an address.
const LEASES: &[&str] = &["dhcp", "lease", "ip", "address", "ipv4"];

/// A number or letter of ASCII. Others (`–`, `é`, `中`) end a run of digits as a space does: that finds more, not less.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// The byte before `at` is no part of a word.
pub(super) fn starts_word(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| bytes.get(before)).is_none_or(|byte| !is_word(*byte))
}

/// The byte at `at` is no part of a word.
pub(super) fn ends_word(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| !is_word(*byte))
}

/// A separator between groups of digits that starts at `at`: which one, and its length in bytes.
pub(super) fn separator(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    match bytes.get(at..)? {
        [byte @ (b' ' | b'-' | b'.'), ..] => Some((*byte, 1)),
        // U+00A0 no-break space, U+202F narrow no-break space, U+2009 thin space: how typesetters group digits.
        [0xC2, 0xA0, ..] => Some((b' ', 2)),
        [0xE2, 0x80, 0xAF | 0x89, ..] => Some((b' ', 3)),
        // U+2010 hyphen, U+2011 no-break hyphen.
        [0xE2, 0x80, 0x90 | 0x91, ..] => Some((b'-', 3)),
        _ => None,
    }
}

/// Lower case, without separators, accents of Latin letters folded: `Téléphone_Mobile` is `telephonemobile`.
pub(super) fn normalized(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).map(fold).collect()
}

/// Words of a name: at separators, digits, and where lower case turns to upper case. Normalized.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for c in name.chars() {
        let starts = !c.is_alphabetic() || (before_lower && c.is_uppercase());
        if starts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        before_lower = c.is_lowercase();
        if let (true, Some(word)) = (c.is_alphabetic(), words.last_mut()) {
            word.extend(c.to_lowercase().map(fold));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn fold(c: char) -> char {
    match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => 'a',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        _ => c,
    }
}

/// The key of a JSON member says that its value is a version.
pub(super) fn names_a_version(key: &str) -> bool {
    let name = normalized(key);
    let whole = |word: &str| VERSION_KEYS.iter().take(3).any(|end| *end == word) || is_versioned(word);
    VERSION_KEYS.contains(&name.as_str()) || words(key).last().is_some_and(|word| whole(word))
}

/// `appversion`, in one word.
fn is_versioned(word: &str) -> bool {
    word.strip_suffix("version").is_some_and(|of| VERSIONED.contains(&of))
}

/// The dotted number that starts at `at` is a version or section number, by what stands before it.
pub(super) fn is_version(text: &str, at: usize) -> bool {
    let mut from = at.saturating_sub(LOOK_BACK);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let Some(before) = text.get(from..at) else { return false };
    is_product(before, from == 0, text.get(at..).unwrap_or("")) || follows_word(before)
}

/// `Chrome/` or `sdk/` right before it, with nothing before the name that would make it a path. Products that nobody knows
/// have capitals, and other products or a comment beside them (RFC 9110 §10.1.5): `session/203.0.113.7` and
/// `Login/203.0.113.7` are names with an address.
fn is_product(before: &str, whole: bool, from: &str) -> bool {
    let Some(before) = before.strip_suffix('/') else { return false };
    let name = before.rsplit([' ', ';', '(', ',', '"', '=', '\t', '\n']).next().unwrap_or("");
    let cut = name.len() == before.len() && !whole;
    let lower = name.to_ascii_lowercase();
    let capital = name.starts_with(|c: char| c.is_ascii_uppercase());
    let product = VERSION_WORDS.contains(&lower.as_str())
        || PRODUCTS.contains(&lower.as_str())
        || (capital && stands_in_a_list(before, name, from));
    !cut && product
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !PLACE_WORDS.contains(&lower.as_str())
}

/// Another product stands before it, or a product or comment behind it.
fn stands_in_a_list(before: &str, name: &str, from: &str) -> bool {
    let earlier = before.strip_suffix(name).unwrap_or("").trim_end_matches(' ');
    let earlier = earlier.ends_with(')') || earlier.rsplit(' ').next().is_some_and(is_product_token);
    let mut behind = from.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').split(' ');
    let later =
        behind.next() == Some("") && behind.next().is_some_and(|next| next.starts_with('(') || is_product_token(next));
    earlier || later
}

/// `Darwin/23.1.0`
fn is_product_token(token: &str) -> bool {
    token.split_once('/').is_some_and(|(name, version)| {
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !name.is_empty() && name.chars().all(part) && version.starts_with(|c: char| c.is_ascii_digit())
    })
}

fn follows_word(before: &str) -> bool {
    let mut rest = before;
    let mut word = || {
        let trimmed = rest.trim_end_matches([' ', '=', ':', '"', '\'', '\\', '(', '[', '~', '#', '>']);
        if rest.len() - trimmed.len() > 5 {
            return String::new();
        }
        // `chap. 1.2.3.4` is an abbreviation, `a new version. 203.0.113.4 …` the end of a sentence.
        let (trimmed, dot) = match trimmed.strip_suffix('.') {
            Some(trimmed) => (trimmed, true),
            None => (trimmed, false),
        };
        let start = trimmed.rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '§')));
        let start =
            start.map_or(0, |at| at + trimmed.get(at..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8));
        let found = trimmed.get(start..).unwrap_or("").to_lowercase();
        rest = trimmed.get(..start).unwrap_or("");
        if dot && found.len() > 4 { String::new() } else { found }
    };
    let first = word();
    let end = first.rsplit(['_', '-', '.']).next().unwrap_or("");
    if end == "release" {
        return !LEASES.contains(&word().as_str());
    }
    if VERSION_WORDS.contains(&end) || is_versioned(end) {
        return true;
    }
    let is_change = |word: String| CHANGE_WORDS.contains(&word.as_str());
    match first.as_str() {
        "from" => is_change(word()),
        "to" => {
            let number = word();
            let dotted = number.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
            dotted && word() == "from" && is_change(word())
        }
        _ => false,
    }
}
