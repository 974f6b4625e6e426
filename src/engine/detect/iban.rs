//! International bank account numbers: a country of the registry, its length and structure, and the check of ISO 13616 (mod 97).
//!
//! Upper or lower case, in one piece or in fours with one separator. The structure matters: a check of two digits
//! alone is right for every 97th random text. Anchored where two letters at a word's start are followed by two digits.

use super::context::{ends_word, is_word, separator, starts_word};
use super::{Hit, Kind, Signs};

/// The shortest is Norway's.
const MIN_LENGTH: usize = 15;

/// Account numbers are digits but for the bank's letters even where the registry would allow more letters; Malta's, with
/// four letters, has the fewest that are certain. Keeps words out.
const MIN_DIGITS: usize = 7;

/// SWIFT IBAN registry, release 101, as python-stdnum 2.2 carries it: country, and what follows the two check digits (`n`
/// digits, `a` letters, `c` both).
#[rustfmt::skip]
const STRUCTURES: &[(&str, &str)] = &[
    ("AD", "n8 c12"), ("AE", "n19"), ("AL", "n8 c16"), ("AT", "n16"), ("AZ", "a4 c20"), ("BA", "n16"), ("BE", "n12"),
    ("BG", "a4 n6 c8"), ("BH", "a4 c14"), ("BI", "n23"), ("BR", "n23 a1 c1"), ("BY", "c4 n4 c16"), ("CH", "n5 c12"),
    ("CR", "n18"), ("CY", "n8 c16"), ("CZ", "n20"), ("DE", "n18"), ("DJ", "n23"), ("DK", "n14"), ("DO", "c4 n20"),
    ("EE", "n16"), ("EG", "n25"), ("ES", "n20"), ("FI", "n14"), ("FK", "a2 n12"), ("FO", "n14"), ("FR", "n10 c11 n2"),
    ("GB", "a4 n14"), ("GE", "a2 n16"), ("GI", "a4 c15"), ("GL", "n14"), ("GR", "n7 c16"), ("GT", "c24"),
    ("HN", "a4 n20"), ("HR", "n17"), ("HU", "n24"), ("IE", "a4 n14"), ("IL", "n19"), ("IQ", "a4 n15"), ("IS", "n22"),
    ("IT", "a1 n10 c12"), ("JO", "a4 n4 c18"), ("KW", "a4 c22"), ("KZ", "n3 c13"), ("LB", "n4 c20"), ("LC", "a4 c24"),
    ("LI", "n5 c12"), ("LT", "n16"), ("LU", "n3 c13"), ("LV", "a4 c13"), ("LY", "n21"), ("MC", "n10 c11 n2"),
    ("MD", "c20"), ("ME", "n18"), ("MK", "n3 c10 n2"), ("MN", "n16"), ("MR", "n23"), ("MT", "a4 n5 c18"),
    ("MU", "a4 n19 a3"), ("NI", "a4 n20"), ("NL", "a4 n10"), ("NO", "n11"), ("OM", "n3 c16"), ("PK", "a4 c16"),
    ("PL", "n24"), ("PS", "a4 c21"), ("PT", "n21"), ("QA", "a4 c21"), ("RO", "a4 c16"), ("RS", "n18"),
    ("RU", "n14 c15"), ("SA", "n2 c18"), ("SC", "a4 n20 a3"), ("SD", "n14"), ("SE", "n20"), ("SI", "n15"),
    ("SK", "n20"), ("SM", "a1 n10 c12"), ("SO", "n19"), ("ST", "n21"), ("SV", "a4 n20"), ("TL", "n19"), ("TN", "n20"),
    ("TR", "n6 c16"), ("UA", "n6 c19"), ("VA", "n18"), ("VG", "a4 n16"), ("XK", "n16"), ("YE", "a4 n4 c18"),
];

pub(super) fn may(signs: &Signs) -> bool {
    signs.digits >= MIN_DIGITS
}

pub(super) fn find(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    if bytes.len() < MIN_LENGTH {
        return;
    }
    let mut at = 0;
    while let Some(letters) = next_anchor(bytes, at) {
        at = letters + 4;
        if let Some(end) = account_end(bytes, letters) {
            hits.push(Hit { kind: Kind::Iban, start: letters, end });
            at = end;
        }
    }
}

/// Where the next `LLDD` at a word's start begins, not before `from`.
fn next_anchor(bytes: &[u8], from: usize) -> Option<usize> {
    let windows = bytes.get(from..)?.windows(4);
    let is_anchor = |window: &[u8]| match window {
        [a, b, c, d] => c.is_ascii_digit() && d.is_ascii_digit() && a.is_ascii_alphabetic() && b.is_ascii_alphabetic(),
        _ => false,
    };
    windows.enumerate().find(|(at, window)| is_anchor(window) && starts_word(bytes, from + at)).map(|(at, _)| from + at)
}

/// Where the account number that starts at `start` ends.
fn account_end(bytes: &[u8], start: usize) -> Option<usize> {
    let country = [bytes.get(start)?.to_ascii_uppercase(), bytes.get(start + 1)?.to_ascii_uppercase()];
    let row = STRUCTURES.binary_search_by_key(&country.as_slice(), |(country, _)| country.as_bytes()).ok()?;
    let (_, structure) = STRUCTURES.get(row)?;
    let mut reader = Reader { bytes, at: start, taken: 0, separator: None };
    let mut digits = 0;
    // ISO 7064 MOD 97-10 over the text with its first four characters moved to the end.
    let mut head = 0;
    for class in ['a', 'a', 'n', 'n'] {
        head = shifted(head, reader.next(class)?)?;
    }
    let head_width = 1_000_000; // two letters and two digits
    let mut rest = 0;
    for part in structure.split(' ') {
        let class = part.chars().next()?;
        for _ in 0..part.get(1..)?.parse::<u8>().ok()? {
            let byte = reader.next(class)?;
            digits += usize::from(byte.is_ascii_digit());
            rest = shifted(rest, byte)? % 97;
        }
    }
    let check = (rest * head_width + head) % 97;
    (check == 1 && digits + 2 >= MIN_DIGITS && ends_word(bytes, reader.at)).then_some(reader.at)
}

fn shifted(value: u64, byte: u8) -> Option<u64> {
    let number = u64::from(char::from(byte).to_digit(36)?);
    Some(if number < 10 { value * 10 + number } else { value * 100 + number })
}

/// Takes one character after the other, over a separator after each four where the first four have one.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    taken: usize,
    separator: Option<u8>,
}

impl Reader<'_> {
    fn next(&mut self, class: char) -> Option<u8> {
        if self.taken > 0 && self.taken.is_multiple_of(4) {
            let found = separator(self.bytes, self.at);
            let kind = found.map(|(kind, _)| kind);
            if self.taken == 4 {
                self.separator = kind;
            } else if self.separator != kind {
                return None;
            }
            self.at += found.map_or(0, |(_, length)| length);
        }
        let byte = *self.bytes.get(self.at)?;
        let fits = match class {
            'n' => byte.is_ascii_digit(),
            'a' => byte.is_ascii_alphabetic(),
            _ => is_word(byte),
        };
        self.at += 1;
        self.taken += 1;
        fits.then_some(byte)
    }
}

/// Texts and what is found in them. Numbers of the registry's own examples.
#[cfg(test)]
pub(super) const MATCHES: &[(&str, &str)] = &[
    ("GB29NWBK60161331926819", "GB29NWBK60161331926819"),
    ("gb29nwbk60161331926819", "gb29nwbk60161331926819"),
    ("IBAN: GB29 NWBK 6016 1331 9268 19.", "GB29 NWBK 6016 1331 9268 19"),
    ("DE89370400440532013000", "DE89370400440532013000"),
    ("iban=DE89-3704-0044-0532-0130-00&x=1", "DE89-3704-0044-0532-0130-00"),
    ("(FR1420041010050500013M02606)", "FR1420041010050500013M02606"),
    ("NO9386011117947", "NO9386011117947"),
    ("MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"),
    ("NL91\u{a0}ABNA\u{a0}0417\u{a0}1643\u{a0}00", "NL91\u{a0}ABNA\u{a0}0417\u{a0}1643\u{a0}00"),
    ("NL91 ABNA 0417 1643 00 2026", "NL91 ABNA 0417 1643 00"),
    ("ES9121000418450200051332", "ES9121000418450200051332"),
    ("CH9300762011623852957", "CH9300762011623852957"),
    ("LC55HEMM000100010012001200023015", "LC55HEMM000100010012001200023015"),
];

/// Texts in which nothing is found.
#[cfg(test)]
pub(super) const REFUSES: &[&str] = &[
    "GB29NWBK60161331926818",
    "GB29 NWBK 6016 1331 9268 18",
    "GB29NWBK6016133192681",
    "GB29NWBK601613319268190",
    "XGB29NWBK60161331926819",
    "GB29NWBK60161331926819a",
    "ZZ29NWBK60161331926819",
    "GB29 NWBK60161331926819",
    "GB29NWBK 6016 1331 9268 19",
    "GB29 NWBK-6016 1331-9268 19",
    "FR5230491078389890726013057",
    "BE76756805532572",
    "FR54186782071",
    "DE00370400440532013000",
    "GB29",
    "DE89",
];
