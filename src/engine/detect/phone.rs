//! Phone numbers in international form: `+`, a calling code in use, and as many digits as that code takes.
//!
//! National forms are not looked for: without a region any number of nine digits is one. Digits may stand in groups, with
//! one separator between them and parentheses. Of several groups the longest valid start is the number, so that an order number
//! behind it is left. In JSON numbers, which cannot carry a `+`, the key has to say that it is a phone.

use super::context::{is_word, separator, words};
use super::{Hit, Kind, Signs, digits};

/// ITU-T E.164 §6: fifteen digits, calling code included.
const MAX_DIGITS: usize = 15;

/// Shorter international numbers are those of a few islands, and look like scores (`+28 505`).
const MIN_DIGITS: usize = 8;

/// Calling codes in use, and how many digits may follow: the possible lengths of libphonenumber's metadata (release
/// 9.0.43), over all regions of a code, cut to 15 and at least [`MIN_DIGITS`] digits together with the code. For code 1 its
/// shorter, local-only lengths are left out.
#[rustfmt::skip]
const CODES: &[(u32, usize, usize)] = &[
    (1, 10, 10), (7, 10, 14), (20, 8, 10), (27, 6, 10), (30, 10, 12), (31, 6, 11), (32, 8, 9), (33, 9, 9), (34, 9, 9),
    (36, 8, 9), (39, 6, 12), (40, 6, 9), (41, 9, 12), (43, 6, 13), (44, 7, 10), (45, 8, 8), (46, 6, 12), (47, 6, 8),
    (48, 6, 10), (49, 6, 13), (51, 8, 9), (52, 10, 10), (53, 6, 10), (54, 10, 11), (55, 8, 11), (56, 9, 11),
    (57, 8, 11), (58, 10, 10), (60, 8, 10), (61, 6, 12), (62, 7, 13), (63, 6, 13), (64, 6, 10), (65, 8, 11),
    (66, 8, 13), (81, 8, 13), (82, 6, 13), (84, 7, 10), (86, 7, 12), (90, 7, 13), (91, 8, 13), (92, 8, 12),
    (93, 9, 9), (94, 9, 9), (95, 6, 10), (98, 6, 10), (211, 9, 9), (212, 9, 9), (213, 8, 9), (216, 8, 8), (218, 9, 9),
    (220, 7, 9), (221, 9, 9), (222, 8, 8), (223, 8, 8), (224, 8, 9), (225, 10, 10), (226, 8, 8), (227, 8, 8),
    (228, 8, 8), (229, 10, 10), (230, 7, 10), (231, 7, 9), (232, 8, 8), (233, 8, 9), (234, 10, 12), (235, 8, 8),
    (236, 8, 8), (237, 8, 9), (238, 7, 7), (239, 7, 7), (240, 9, 9), (241, 7, 8), (242, 9, 9), (243, 7, 10),
    (244, 9, 9), (245, 7, 9), (246, 7, 7), (247, 5, 6), (248, 7, 7), (249, 9, 9), (250, 8, 9), (251, 9, 9),
    (252, 6, 9), (253, 8, 8), (254, 7, 10), (255, 9, 9), (256, 9, 9), (257, 8, 8), (258, 8, 9), (260, 9, 9),
    (261, 9, 9), (262, 9, 9), (263, 7, 10), (264, 8, 9), (265, 7, 9), (266, 8, 8), (267, 7, 10), (268, 8, 9),
    (269, 7, 7), (290, 5, 5), (291, 7, 7), (297, 7, 7), (298, 6, 6), (299, 6, 6), (350, 8, 8), (351, 9, 9),
    (352, 5, 11), (353, 7, 10), (354, 7, 9), (355, 6, 9), (356, 8, 8), (357, 8, 8), (358, 5, 12), (359, 6, 12),
    (370, 8, 8), (371, 8, 8), (372, 7, 10), (373, 8, 8), (374, 8, 8), (375, 6, 11), (376, 6, 9), (377, 8, 9),
    (378, 8, 10), (380, 9, 10), (381, 6, 12), (382, 8, 9), (383, 8, 12), (385, 7, 9), (386, 5, 8), (387, 8, 9),
    (389, 8, 8), (420, 9, 12), (421, 6, 9), (423, 7, 9), (500, 5, 5), (501, 7, 11), (502, 8, 11), (503, 7, 11),
    (504, 8, 11), (505, 8, 8), (506, 8, 10), (507, 7, 11), (508, 6, 9), (509, 8, 8), (590, 9, 9), (591, 8, 9),
    (592, 7, 7), (593, 8, 11), (594, 9, 9), (595, 6, 11), (596, 9, 9), (597, 6, 7), (598, 5, 12), (599, 7, 8),
    (670, 7, 8), (672, 6, 6), (673, 7, 7), (674, 7, 7), (675, 7, 8), (676, 5, 7), (677, 5, 7), (678, 5, 7),
    (679, 7, 11), (680, 7, 7), (681, 6, 9), (682, 5, 5), (683, 5, 7), (685, 5, 10), (686, 5, 8), (687, 6, 6),
    (688, 5, 7), (689, 6, 9), (690, 5, 7), (691, 7, 7), (692, 7, 7), (800, 8, 8), (808, 8, 8), (850, 8, 10),
    (852, 5, 11), (853, 7, 8), (855, 8, 10), (856, 8, 10), (870, 9, 12), (878, 12, 12), (880, 6, 10), (881, 9, 10),
    (882, 7, 12), (883, 8, 12), (886, 7, 11), (888, 11, 11), (960, 7, 10), (961, 7, 8), (962, 8, 9), (963, 8, 9),
    (964, 8, 10), (965, 7, 8), (966, 9, 10), (967, 7, 9), (968, 7, 9), (970, 8, 10), (971, 5, 12), (972, 7, 12),
    (973, 8, 8), (974, 7, 11), (975, 7, 8), (976, 8, 10), (977, 8, 11), (979, 9, 9), (992, 9, 9), (993, 8, 8),
    (994, 9, 9), (995, 9, 9), (996, 9, 10), (998, 9, 9),
];

/// Words of a key that say that a number is a phone's. Compared after folding case and accents.
const KEY_WORDS: &[&str] = &[
    "phone",
    "phones",
    "tel",
    "telephone",
    "mobile",
    "mobil",
    "handy",
    "telefon",
    "telefono",
    "telefone",
    "telefoon",
    "movil",
    "cellulare",
    "celular",
    "cell",
    "cellphone",
    "portable",
    "gsm",
    "msisdn",
    "whatsapp",
    "fax",
    "tlf",
    "telno",
    "mobiltelefon",
    "handynummer",
    "telefonnummer",
    "rufnummer",
    "puhelin",
    "komorka",
];

/// Beginnings and ends of words run together: `phonenumber`, `homephone`.
const KEY_STARTS: &[&str] = &["phonen", "telephone", "telefon", "mobilen", "mobilephone", "mobiln", "cellphone"];
const KEY_ENDS: &[&str] = &["phone", "telefon", "telefono", "mobile"];
const NO_PHONES: &[&str] = &["headphone", "microphone", "saxophone", "xylophone", "megaphone", "automobile"];

/// Last words of a key that say that the number is something about a phone.
const ABOUT: &[&str] = &["at", "ts", "time", "timestamp", "date", "count", "length", "price", "ms", "version"];

pub(super) fn may(signs: &Signs) -> bool {
    signs.pluses > 0 && signs.digits >= MIN_DIGITS
}

pub(super) fn find(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut free = 0;
    for plus in memchr::memchr_iter(b'+', bytes) {
        let inside_word = plus.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(|byte| is_word(*byte));
        if plus < free || inside_word {
            continue;
        }
        if let Some(end) = number_end(bytes, plus + 1) {
            hits.push(Hit { kind: Kind::Phone, start: plus, end });
            free = end;
        }
    }
}

/// Where the number after a `+` ends.
fn number_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut digits = Digits::default();
    let mut found = None;
    let mut at = start;
    if bytes.get(at) == Some(&b'(') {
        at += 1;
    }
    loop {
        // `+44 (0)20 …`: the trunk zero is not dialled from abroad.
        if bytes.get(at..at + 3) == Some(b"(0)") && digits.count > 0 {
            at += 3;
        } else if bytes.get(at) == Some(&b'(') {
            at += 1;
        }
        let group = at;
        while let Some(digit) = bytes.get(at).filter(|b| b.is_ascii_digit()) {
            if !digits.push(*digit) {
                return found;
            }
            at += 1;
        }
        if at == group {
            return found;
        }
        if digits.is_number() {
            found = Some(at);
        }
        if bytes.get(at) == Some(&b')') {
            at += 1;
        }
        match separator(bytes, at) {
            Some((_, length)) => at += length,
            None if bytes.get(at) == Some(&b'/') => at += 1,
            None if matches!(bytes.get(at), Some(b'(' | b'0'..=b'9')) => {}
            None => return found,
        }
    }
}

#[derive(Default)]
struct Digits {
    value: u64,
    count: usize,
}

impl Digits {
    /// Takes a digit; false where there are too many.
    fn push(&mut self, digit: u8) -> bool {
        self.value = self.value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        self.count += 1;
        self.count <= MAX_DIGITS
    }

    /// The digits so far are a calling code and a number of a length that it takes.
    fn is_number(&self) -> bool {
        if self.count < MIN_DIGITS {
            return false;
        }
        (1..=3).any(|length| {
            let rest = self.count - length;
            let Some(power) = u32::try_from(rest).ok().and_then(|rest| 10_u64.checked_pow(rest)) else { return false };
            let code = self.value / power;
            let row =
                CODES.binary_search_by_key(&code, |(code, _, _)| u64::from(*code)).ok().and_then(|at| CODES.get(at));
            // In the North American plan, area codes do not begin with 0 or 1.
            row.is_some_and(|(code, min, max)| {
                let area = self.value % power / (power / 10).max(1);
                (*min..=*max).contains(&rest) && (*code != 1 || area >= 2)
            })
        })
    }
}

/// A JSON number, or a text that looks like one, could be a phone's by its spelling: 8 to 15 digits, however written.
pub(super) fn is_number(number: &str) -> bool {
    // Asked of every text and number that is kept: most begin otherwise, or are too short to have so many digits.
    let begins = matches!(number.as_bytes().first(), Some(b'0'..=b'9' | b'-'));
    let short = number.len() < MIN_DIGITS && !number.bytes().any(|byte| byte | 0x20 == b'e');
    if !begins || short {
        return false;
    }
    digits::whole(number).is_some_and(|digits| (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len()))
}

/// The key says that its number is a phone's.
pub(super) fn is_key(key: &str) -> bool {
    let words = words(key);
    let says = |word: &String| {
        let word = word.as_str();
        let plural = word.strip_suffix('s').unwrap_or(word);
        !NO_PHONES.contains(&plural)
            && (KEY_WORDS.contains(&word)
                || KEY_STARTS.iter().any(|start| word.starts_with(start))
                || KEY_ENDS.iter().any(|end| plural.ends_with(end)))
    };
    words.iter().any(says) && !words.last().is_some_and(|word| ABOUT.contains(&word.as_str()))
}

/// Texts and what is found in them.
#[cfg(test)]
pub(super) const MATCHES: &[(&str, &str)] = &[
    ("+33123456789", "+33123456789"),
    ("call +33 1 23 45 67 89 now", "+33 1 23 45 67 89"),
    ("+1 (617) 555-0123", "+1 (617) 555-0123"),
    ("+1-555-123-4567", "+1-555-123-4567"),
    ("+44 (0)20 7946 0958", "+44 (0)20 7946 0958"),
    ("+49(0)30/123456", "+49(0)30/123456"),
    ("+(33)123456789", "+(33)123456789"),
    ("tel:+34.912.345.678;ext=2", "+34.912.345.678"),
    ("+1 617 555 0123 2026 0001", "+1 617 555 0123"),
    ("https://shop.example/account/+34636571928/edit", "+34636571928"),
    ("+39\u{a0}06\u{202f}1234\u{a0}5678", "+39\u{a0}06\u{202f}1234\u{a0}5678"),
    ("(+33123456789)", "+33123456789"),
    ("+55 21 98765-4321", "+55 21 98765-4321"),
];

/// Texts in which nothing is found.
#[cfg(test)]
pub(super) const REFUSES: &[&str] = &[
    "+71 554 pts",
    "+28 505 pts depuis le 27/09/2026",
    "+",
    "+ 33 1",
    "1+33123456789",
    "+0123456789",
    "+999123456789",
    "+331234567",
    "+3312345678901234",
    "033123456789",
    "0033123456789",
    "+1 017 555 0123",
    "+2026-01-23",
    "v1.2.3+20230101123",
    "UTC+02:00",
    "+33",
];
