//! Payment card numbers: a range that issuers use today, a length it has, and the Luhn check.
//!
//! All three are needed: Luhn alone fires on every tenth number. Digits stand in one piece or in the groups that cards are
//! printed in, with one separator. What passes all three and is still something else is told by its own check: barcodes
//! (GS1) among the short Maestro lengths, and French establishment numbers (SIRET) among Diners'.
//! Linear: each group of digits starts at most one attempt, which reads at most five groups.

use super::context::{is_word, separator, starts_word};
use super::{Hit, Kind, Signs, digits};

/// ISO/IEC 7812-1: at most 19; the shortest in use are Maestro's 12.
const MIN_DIGITS: usize = 12;
const MAX_DIGITS: usize = 19;

/// First and last six digits of a range, and its lengths. Compiled from general knowledge of the networks' ranges, not
/// from one published list: to be checked against the networks' own before relying on a range's edge (RuPay's 8172 to
/// 8201 above all). None for legacy Visa with 13 digits, JCB with 15, enRoute, or UATP, whose numbers look like barcodes
/// and Unix times.
const RANGES: &[(u32, u32, &[usize])] = &[
    (220000, 220599, &[16, 17, 18, 19]),     // Mir, Borica
    (222100, 272099, &[16]),                 // Mastercard
    (300000, 305999, &[14, 16, 17, 18, 19]), // Diners
    (309500, 309599, &[14, 16, 17, 18, 19]), // Diners
    (340000, 349999, &[15]),                 // American Express
    (352800, 358999, &[16, 17, 18, 19]),     // JCB
    (360000, 369999, &[14, 16, 17, 18, 19]), // Diners
    (370000, 379999, &[15]),                 // American Express
    (380000, 399999, &[14, 16, 17, 18, 19]), // Diners
    (400000, 499999, &[16, 18, 19]),         // Visa
    (500000, 509999, &[16, 17, 18, 19]),     // Maestro, Elo, RuPay, Verve
    (501800, 501899, &[12, 13, 14, 15]),     // Maestro, short lengths
    (502000, 502099, &[12, 13, 14, 15]),
    (503800, 503899, &[12, 13, 14, 15]),
    (589300, 589399, &[12, 13, 14, 15]),
    (630400, 630499, &[12, 13, 14, 15]),
    (639000, 639099, &[12, 13, 14, 15]),
    (675900, 675999, &[12, 13, 14, 15]),
    (676100, 676399, &[12, 13, 14, 15]),
    (510000, 559999, &[16]),             // Mastercard
    (560000, 589999, &[16, 17, 18, 19]), // Maestro
    (600000, 609999, &[16, 17, 18, 19]), // Discover, RuPay, Hipercard
    (620000, 629999, &[16, 17, 18, 19]), // UnionPay
    (630000, 639999, &[16, 17, 18, 19]), // Maestro, InstaPayment
    (644000, 659999, &[16, 17, 18, 19]), // Discover, RuPay, Elo, Troy
    (670000, 679999, &[16, 17, 18, 19]), // Maestro
    (810000, 817199, &[16, 17, 18, 19]), // UnionPay
    (817200, 820199, &[16]),             // RuPay
    (860000, 860099, &[16]),             // Uzcard
    (979200, 979299, &[16]),             // Troy
    (986000, 986099, &[16]),             // Humo
];

/// How the digits are printed, longest first; a single group needs no entry.
const GROUPS: &[&[usize]] = &[
    &[4, 4, 4, 4, 3],
    &[6, 13],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 4, 1],
    &[4, 4, 4, 4],
    &[8, 8],
    &[4, 6, 5],
    &[4, 4, 4, 3],
    &[4, 6, 4],
    &[4, 4, 4, 2],
    &[4, 4, 4, 1],
    &[4, 4, 5],
    &[4, 4, 4],
];

pub(super) fn may(signs: &Signs) -> bool {
    signs.digits >= MIN_DIGITS
}

pub(super) fn find(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(start) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)).map(|n| n + at) {
        at = start + digits_at(bytes, start);
        if starts_word(bytes, start)
            && let Some(end) = card_end(bytes, start, at)
        {
            hits.push(Hit { kind: Kind::PaymentCard, start, end });
            at = end;
        }
    }
}

fn digits_at(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count())
}

/// Where the card number that starts with the group `start..end` ends.
fn card_end(bytes: &[u8], start: usize, end: usize) -> Option<usize> {
    let count = end - start;
    if count >= MIN_DIGITS {
        let neighbours = (before(bytes, start), after(bytes, end));
        let lonely = count >= 15 || (neighbours.0 != Some(b'-') && neighbours.1 != Some(b'-'));
        let whole = neighbours.0 != Some(b'.') && neighbours.1 != Some(b'.') && ends_card(bytes, end);
        return (lonely && whole && is_card(bytes.get(start..end)?)).then_some(end);
    }
    if !matches!(count, 4 | 6 | 8) {
        return None;
    }
    let (kind, _) = separator(bytes, end)?;
    // The first groups with one and the same separator between them: where each starts, and its length.
    let mut groups = [(0_usize, 0_usize); 5];
    let mut at = start;
    for (place, group) in groups.iter_mut().enumerate() {
        if place > 0 {
            let Some((_, length)) = separator(bytes, at).filter(|(found, _)| *found == kind) else { break };
            at += length;
        }
        *group = (at, digits_at_most(bytes, at, MAX_DIGITS));
        at += group.1;
    }
    let neighbour = || before(bytes, start).filter(|found| *found == b'.' || (*found == kind && kind != b' '));
    if groups.iter().map(|(_, length)| length).sum::<usize>() < MIN_DIGITS || neighbour().is_some() {
        return None;
    }
    GROUPS.iter().find_map(|pattern| {
        let mut digits = [0_u8; MAX_DIGITS];
        let (mut count, mut end) = (0, start);
        for (length, (at, found)) in pattern.iter().zip(groups) {
            if found != *length {
                return None;
            }
            end = at + length;
            digits.get_mut(count..count + length)?.copy_from_slice(bytes.get(at..end)?);
            count += length;
        }
        let more = after(bytes, end).is_some_and(|found| found == b'.' || (found == kind && kind != b' '));
        (!more && ends_card(bytes, end) && is_card(digits.get(..count)?)).then_some(end)
    })
}

/// Digits at `at`, counted no further than one more than `most`: long runs are not read again for each pattern.
fn digits_at_most(bytes: &[u8], at: usize, most: usize) -> usize {
    bytes.get(at..).map_or(0, |rest| rest.iter().take(most + 1).take_while(|b| b.is_ascii_digit()).count())
}

/// The separator that joins the group to more digits before it.
fn before(bytes: &[u8], start: usize) -> Option<u8> {
    // Separators of several bytes end in these: U+00A0, U+202F, U+2009 (spaces), U+2010 and U+2011 (hyphens).
    (1..=3).find_map(|length| {
        let at = start.checked_sub(length)?;
        let (kind, found) = separator(bytes, at)?;
        let digit = at.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        (found == length && digit).then_some(kind)
    })
}

/// The separator that joins the group to more digits after it.
fn after(bytes: &[u8], end: usize) -> Option<u8> {
    let (kind, length) = separator(bytes, end)?;
    bytes.get(end + length).is_some_and(u8::is_ascii_digit).then_some(kind)
}

fn ends_card(bytes: &[u8], end: usize) -> bool {
    bytes.get(end).is_none_or(|byte| !is_word(*byte))
}

/// The spelling of a JSON number is a card's: digits, or any spelling with the same value.
pub(super) fn is_number(number: &str) -> bool {
    number.len() >= MIN_DIGITS && digits::whole(number).is_some_and(|digits| is_card(digits.as_bytes()))
}

/// ASCII digits that are a card number, and nothing better known.
fn is_card(digits: &[u8]) -> bool {
    let count = digits.len();
    if !(MIN_DIGITS..=MAX_DIGITS).contains(&count) || !luhn(digits) {
        return false;
    }
    let prefix = digits.iter().take(6).fold(0_u32, |value, digit| value * 10 + u32::from(*digit - b'0'));
    let issued =
        RANGES.iter().any(|(first, last, lengths)| (*first..=*last).contains(&prefix) && lengths.contains(&count));
    let known = match count {
        12 | 13 => is_barcode(digits),
        14 => is_siret(digits),
        _ => false,
    };
    issued && !known
}

/// ISO/IEC 7812-1 annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit - b'0')) {
            (0, value) => value,
            (_, value) if value > 4 => value * 2 - 9,
            (_, value) => value * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// EAN-13 or UPC-A: the check digit of the GS1 General Specifications §7.9 is right.
fn is_barcode(digits: &[u8]) -> bool {
    let weighted = digits.iter().rev().enumerate().map(|(place, digit)| {
        let value = u32::from(*digit - b'0');
        if place % 2 == 0 { value } else { value * 3 }
    });
    weighted.sum::<u32>().is_multiple_of(10)
}

/// Establishment number of a French company (INSEE): a company number that passes Luhn itself, and most often a
/// serial below 100.
fn is_siret(digits: &[u8]) -> bool {
    let Some((company, serial)) = digits.split_at_checked(9) else { return false };
    luhn(company) && serial.starts_with(b"000")
}

/// Texts and what is found in them. Test numbers of the networks.
#[cfg(test)]
pub(super) const MATCHES: &[(&str, &str)] = &[
    ("4111111111111111", "4111111111111111"),
    ("Card 4111 1111 1111 1111 approved.", "4111 1111 1111 1111"),
    ("5500-0000-0000-0004", "5500-0000-0000-0004"),
    ("4111.1111.1111.1111", "4111.1111.1111.1111"),
    ("card=340000000000009.", "340000000000009"),
    ("3782 822463 10005", "3782 822463 10005"),
    ("30569309025904", "30569309025904"),
    ("3056 930902 5904", "3056 930902 5904"),
    ("2223003122003222", "2223003122003222"),
    ("6011000990139424", "6011000990139424"),
    ("3530111333300000", "3530111333300000"),
    ("6205500000000000004", "6205500000000000004"),
    ("6759649826438453", "6759649826438453"),
    ("501800000009", "501800000009"),
    ("4111 1111 1111 1111 12 2026", "4111 1111 1111 1111"),
    ("qty 12 4111111111111111 EUR", "4111111111111111"),
    ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "4111\u{a0}1111\u{a0}1111\u{a0}1111"),
    ("4111\u{2011}1111\u{2011}1111\u{2011}1111", "4111\u{2011}1111\u{2011}1111\u{2011}1111"),
    ("pay/4111111111111111/edit", "4111111111111111"),
    ("4111111111111111-1226", "4111111111111111"),
];

/// Texts in which nothing is found.
#[cfg(test)]
pub(super) const REFUSES: &[&str] = &[
    "4111111111111112",
    "411111111111111",
    "41111111111111111",
    "1234567890123456",
    "0000000000000000",
    "GA1.1.1706744568.1780648812",
    "1790218787832",
    "1790218787832971",
    "9782012594548",
    "4006381333931",
    "85001723700064",
    "a4111111111111111",
    "4111111111111111b",
    "1.4111111111111111",
    "4111111111111111.5",
    "1.4111.1111.1111.1111",
    "4111.1111.1111.1111.1",
    "4111-1111 1111-1111",
    "41 11111111111111",
    "4111-1111-1111-1111-1111",
    "12-4111-1111-1111-1111",
    "38235772100012",
    "550e8400-e29b-41d4-a716-446655440000",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "4111_1111_1111_1111",
    "2026-01-23T13:12:06.469Z",
];
