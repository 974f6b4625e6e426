//! Every kind's own examples, and what holds for all kinds: finds ascend on character boundaries, and the prefilter hides
//! none. Needs the private table; figures on labelled events and bounds on time are in `tests/detectors.rs`.

use super::*;

type Examples = (Kind, &'static [(&'static str, &'static str)], &'static [&'static str]);

const EXAMPLES: &[Examples] = &[
    (Kind::Email, email::MATCHES, email::REFUSES),
    (Kind::Ipv4, ipv4::MATCHES, ipv4::REFUSES),
    (Kind::Ipv6, ipv6::MATCHES, ipv6::REFUSES),
    (Kind::Phone, phone::MATCHES, phone::REFUSES),
    (Kind::PaymentCard, payment_card::MATCHES, payment_card::REFUSES),
    (Kind::Iban, iban::MATCHES, iban::REFUSES),
];

fn found(kinds: Kinds, text: &str) -> Vec<(Kind, &str)> {
    let mut hits = Vec::new();
    Detector::new(kinds).text(text, &mut hits);
    hits.iter().map(|hit| (hit.kind, text.get(hit.start..hit.end).expect("character boundaries"))).collect()
}

#[test]
fn the_table_has_a_row_per_kind_in_order_and_each_has_examples() {
    let rows: Vec<Kind> = KINDS.iter().map(|row| row.kind).collect();
    assert_eq!(rows, Kind::ALL);
    let examples: Vec<Kind> = EXAMPLES.iter().map(|(kind, _, _)| *kind).collect();
    assert_eq!(examples, Kind::ALL);
}

#[test]
fn every_example_that_must_match_does() {
    for (kind, matches, _) in EXAMPLES {
        for (text, want) in *matches {
            let found = found(Kinds::NONE.with(*kind), text);
            assert_eq!(found.first(), Some(&(*kind, *want)), "{kind} in {text:?}");
        }
    }
}

#[test]
fn every_example_that_must_not_match_does_not() {
    for (kind, _, refuses) in EXAMPLES {
        for text in *refuses {
            assert_eq!(found(Kinds::NONE.with(*kind), text), [], "{kind} in {text:?}");
        }
    }
}

#[test]
fn kinds_that_are_off_are_not_found() {
    for (kind, matches, _) in EXAMPLES {
        let others = Kind::ALL.iter().copied().filter(|other| other != kind).collect();
        for (text, _) in *matches {
            assert!(found(others, text).iter().all(|(found, _)| found != kind), "{text:?}");
        }
        assert_eq!(found(Kinds::NONE, matches[0].0), []);
    }
}

#[test]
fn overlapping_finds_become_one_that_covers_them_all() {
    assert_eq!(found(Kinds::ALL, "+33123456789@example.com"), [(Kind::Email, "+33123456789@example.com")]);
    assert_eq!(found(Kinds::ALL, "::ffff:203.0.113.7"), [(Kind::Ipv6, "::ffff:203.0.113.7")]);
    assert_eq!(
        found(Kinds::ALL, "a@example.com b@example.org 203.0.113.7"),
        [(Kind::Email, "a@example.com"), (Kind::Email, "b@example.org"), (Kind::Ipv4, "203.0.113.7")]
    );
}

#[test]
fn joined_finds_take_the_kind_of_the_longest() {
    let hit = |kind, start, end| Hit { kind, start, end };
    let mut hits =
        vec![hit(Kind::Iban, 8, 20), hit(Kind::Phone, 0, 6), hit(Kind::Email, 4, 10), hit(Kind::Ipv4, 20, 24)];
    join_overlaps(&mut hits);
    assert_eq!(hits, [hit(Kind::Iban, 0, 20), hit(Kind::Ipv4, 20, 24)]);
}

#[test]
fn a_key_tells_a_version_from_an_address() {
    let mut hits = Vec::new();
    let detector = Detector::new(Kinds::ALL);
    for (key, text, count) in [
        (Some("app_version"), "9.23.8.85", 0),
        (Some("firmwareVersion"), "9.23.8.85", 0),
        (Some("fw"), "9.23.8.85", 0),
        (Some("ip"), "9.23.8.85", 1),
        (None, "9.23.8.85", 1),
        (Some("version"), "from 9.23.8.85", 1),
        (Some("version"), "a@example.com", 1),
    ] {
        detector.text_under(key, text, &mut hits);
        assert_eq!(hits.len(), count, "{key:?} {text}");
    }
}

#[test]
fn cards_in_numbers_are_found_under_any_key() {
    let detector = Detector::new(Kinds::ALL);
    for number in
        ["4111111111111111", "-4111111111111111", "4111111111111111.0", "4.111111111111111e15", "501800000009"]
    {
        assert_eq!(detector.number(number, None), Some(Kind::PaymentCard), "{number}");
    }
    for number in ["4111111111111111.5", "1790218787832", "4006381333931", "1e15", "0", "4111111111111112"] {
        assert_eq!(detector.number(number, None), None, "{number}");
    }
    assert_eq!(Detector::new(Kinds::NONE.with(Kind::Phone)).number("4111111111111111", None), None);
}

#[test]
fn phones_in_numbers_are_found_only_under_keys_that_say_so() {
    let detector = Detector::new(Kinds::ALL);
    for key in [
        "phone",
        "phone_number",
        "phoneNumber",
        "phonenumber",
        "PHONE",
        "tel",
        "user.tel",
        "mobile",
        "Téléphone",
        "telefon",
        "Handy",
        "móvil",
        "cellulare",
        "homephone",
        "billing-phone",
        "mobilePhone",
        "msisdn",
        "phone2",
        "Telefonnummer",
    ] {
        assert_eq!(detector.number("33123456789", Some(key)), Some(Kind::Phone), "{key}");
    }
    for key in [
        "id",
        "hotel",
        "telemetry",
        "headphones",
        "timestamp",
        "phone_verified_at",
        "automobile",
        "total",
        "microphoneCount",
        "",
    ] {
        assert_eq!(detector.number("33123456789", Some(key)), None, "{key}");
    }
    for number in ["1234567", "1234567890123456", "33123456789.5", "3e6"] {
        assert_eq!(detector.number(number, Some("phone")), None, "{number}");
    }
    for number in ["33123456789.0", "-33123456789", "3.3123456789e10"] {
        assert_eq!(detector.number(number, Some("phone")), Some(Kind::Phone), "{number}");
    }
}

/// A small generator, seeded: the tests find the same texts every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % sides
    }
}

#[test]
fn hits_ascend_do_not_overlap_and_lie_on_character_boundaries_in_any_text() {
    let pieces = [
        "a",
        "é",
        "中",
        "@",
        ".",
        ":",
        "::",
        "+",
        "-",
        " ",
        "(",
        ")",
        "/",
        "\"",
        "'",
        "%",
        "1",
        "9",
        "203",
        "4111",
        "1111",
        "GB29",
        "DE",
        "ab",
        "f",
        "com",
        "example.com",
        "2001:db8",
        "\u{a0}",
        "\u{202f}",
        "\u{200b}",
        "\u{301}",
        "🙂",
        "x@",
        "+33",
        "v",
        "from",
        "_",
        "\\",
        "\0",
    ];
    let mut dice = Dice(7);
    let mut hits = Vec::new();
    let mut total = 0;
    for _ in 0..20_000 {
        let text: String = (0..dice.roll(24)).map(|_| pieces[dice.roll(pieces.len())]).collect();
        Detector::new(Kinds::ALL).text(&text, &mut hits);
        total += hits.len();
        let mut end = 0;
        for hit in &hits {
            assert!(hit.start >= end && hit.end > hit.start && text.get(hit.start..hit.end).is_some(), "{text:?}");
            end = hit.end;
        }
    }
    assert!(total > 500, "the generator hits too rarely to prove anything: {total}");
}

#[test]
fn the_prefilter_never_hides_a_find() {
    let mut dice = Dice(11);
    let mut seen = 0;
    for _ in 0..20_000 {
        let (_, matches, refuses) = EXAMPLES[dice.roll(EXAMPLES.len())];
        let mut text: Vec<char> = match dice.roll(3) {
            0 => refuses[dice.roll(refuses.len())].chars().collect(),
            _ => matches[dice.roll(matches.len())].0.chars().collect(),
        };
        for _ in 0..dice.roll(3) {
            let at = dice.roll(text.len() + 1);
            text.insert(at, ['1', '@', ':', '.', ' ', 'x'][dice.roll(6)]);
        }
        let text: String = text.into_iter().collect();
        let mut all = Vec::new();
        KINDS.iter().for_each(|row| (row.find)(&text, &mut all));
        if all.len() > 1 {
            join_overlaps(&mut all);
        }
        let mut hits = Vec::new();
        Detector::new(Kinds::ALL).text(&text, &mut hits);
        assert_eq!(hits, all, "{text:?}");
        seen += hits.len();
    }
    assert!(seen > 5_000, "{seen}");
}
