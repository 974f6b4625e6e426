//! Reading the consent topic: what counts, what does not and why, and whom a record that cannot be read still names.

use tamis::engine::consent::choice::{
    Choice, ConsentRecord, IndexKey, OptOutSource, Stance, SubjectKey, UnreadableReason, record,
};
use tamis::engine::consent::signals::says::{AgeBand, Moment, Precision};
use tamis::engine::consent::{Purpose, SubjectKind};

use super::random::Random;

/// A record with everything in it.
pub const FULL: &str = r#"{"v":1,"id":"c-1","subject":{"account":"u-1"},"purposes":{"ads.profile":"granted","x.loyalty":"objected"},"at":"2026-03-01T10:30:00.250+01:00","precision":"s","source":"form","expires":"2026-09-01T00:00:00Z","age_band":"teen","guardian":true,"overrides":["gpc"]}"#;

/// A record with what must be there.
pub const LEAST: &str = r#"{"v":1,"id":"c-1","subject":{"account":"u-1"},"purposes":{"ads.profile":"denied"},"at":"2026-03-01T09:30:00Z","precision":"ms","source":"form"}"#;

pub fn index() -> IndexKey {
    IndexKey::new([3; 32])
}

fn account(value: &str) -> SubjectKey {
    index().subject(SubjectKind::Account, value)
}

fn choice(key: &str, value: &str) -> Choice {
    match record::read(Some(key.as_bytes()), value.as_bytes(), &index()) {
        Ok(ConsentRecord::Choice(choice)) => choice,
        Ok(ConsentRecord::Heartbeat { .. }) => panic!("a heartbeat: {value}"),
        Err(unreadable) => panic!("{}: {value}", unreadable.reason),
    }
}

/// Why it cannot be read, and whom it names.
fn unreadable(key: Option<&[u8]>, value: &[u8]) -> (UnreadableReason, Vec<SubjectKey>) {
    match record::read(key, value, &index()) {
        Ok(_) => panic!("it was read"),
        Err(unreadable) => (unreadable.reason, unreadable.subjects),
    }
}

#[test]
fn every_member_is_read() {
    let full = choice("c-1", FULL);
    assert!(full.subject == account("u-1"));
    let statements: Vec<_> = full.statements.iter().map(|(purpose, stance)| (purpose.as_str(), *stance)).collect();
    assert_eq!(statements, [("ads.profile", Stance::Granted), ("x.loyalty", Stance::Objected)]);
    assert_eq!(full.at, Moment { ms: 1_772_357_400_000, precision: Precision::Second });
    assert_eq!((full.expires_ms, full.age), (Some(1_788_220_800_000), Some(AgeBand::Teen)));
    assert!(full.guardian && full.overrides_gpc && !full.everything_denied);
    let least = choice("c-1", LEAST);
    assert_eq!((least.expires_ms, least.age), (None, None));
    assert!(!least.guardian && !least.overrides_gpc);
    assert!(!choice("c-1", &FULL.replace(r#"["gpc"]"#, "[]")).overrides_gpc);
    assert!(!choice("c-1", &FULL.replace("\"guardian\":true", "\"guardian\":false")).guardian);
}

#[test]
fn spacing_order_and_escapes_do_not_matter() {
    let spaced = LEAST.replace(':', " : ").replace("T09 : 30 : 00Z", "T09:30:00Z");
    let escaped = LEAST.replace("\"id\"", r#""\u0069d""#).replace("ads.profile", r"ads\u002eprofile");
    let turned = r#"{"source":"form","precision":"ms","at":"2026-03-01T09:30:00Z","purposes":{"ads.profile":"denied"},"subject":{"account":"u-1"},"id":"c-1","v":1}"#;
    for same in [spaced.as_str(), &escaped, turned] {
        assert!(choice("c-1", same) == choice("c-1", LEAST), "{same}");
    }
}

#[test]
fn subjects_are_those_that_events_name() {
    let with = |subject: &str| choice("c-1", &LEAST.replace(r#""account":"u-1""#, subject)).subject;
    for kind in SubjectKind::ALL {
        assert!(with(&format!("\"{kind}\":\"v\"")) == index().subject(*kind, "v"), "{kind}");
    }
    assert!(with(r#""account":42"#) == account("42") && with(r#""account":"42""#) == account("42"));
    let mut spelled = Vec::new();
    account("u-1").write(&mut spelled);
    assert!(with(&format!("\"key\":\"{}\"", String::from_utf8(spelled).unwrap())) == account("u-1"));
    for bad in ["", "{}", "true", "null", "\"\"", "1.5", "1e3", "[\"u-1\"]", "\"\\ud800\""] {
        let bad = format!("\"account\":{bad}");
        let value = LEAST.replace(r#""account":"u-1""#, if bad.ends_with(':') { "" } else { &bad });
        assert!(unreadable(Some(b"c-1"), value.as_bytes()) == (UnreadableReason::Subject, vec![]), "{bad}");
    }
    for bad in [r#""user":"u-1""#, r#""key":"u-1""#, r#""key":1"#, r#""Account":"u-1""#] {
        let value = LEAST.replace(r#""account":"u-1""#, bad);
        assert!(unreadable(Some(b"c-1"), value.as_bytes()) == (UnreadableReason::Subject, vec![]), "{bad}");
    }
}

#[test]
fn what_is_wrong_has_a_word_and_the_subject_is_denied() {
    use UnreadableReason as Why;
    let long = format!("\"{}\"", "i".repeat(201));
    for (from, to, why) in [
        ("\"v\":1", "\"v\":2", Why::Version),
        ("\"v\":1", "\"v\":\"1\"", Why::Version),
        ("\"v\":1,", "", Why::Missing),
        ("\"id\":\"c-1\",", "", Why::Missing),
        ("\"c-1\"", "\"\"", Why::Id),
        ("\"c-1\"", "1", Why::Id),
        ("\"c-1\"", &long, Why::Id),
        ("\"c-1\"", "\"hb/0\"", Why::Id),
        ("\"c-1\"", "\"c-2\"", Why::Key),
        ("\"source\":\"form\"", "\"source\":\"form\",\"source\":\"form\"", Why::Duplicate),
        ("\"source\":\"form\"", "\"source\":\"form\",\"\\u0073ource\":\"form\"", Why::Duplicate),
        ("\"ads.profile\":\"granted\"", "\"ads.profile\":\"granted\",\"ads.profile\":\"granted\"", Why::Duplicate),
        ("\"source\":\"form\"", "\"source\":\"form\",\"note\":\"\"", Why::UnknownMember),
        ("\"source\":\"form\"", "\"source\":\"form\",\"\\ud800\":\"\"", Why::UnknownMember),
        ("\"ads.profile\"", "\"ads.profiles\"", Why::Purpose),
        ("{\"ads.profile\":\"granted\",\"x.loyalty\":\"objected\"}", "{}", Why::Purpose),
        ("{\"ads.profile\":\"granted\",\"x.loyalty\":\"objected\"}", "[\"ads.profile\"]", Why::Purpose),
        ("\"granted\"", "\"yes\"", Why::Stance),
        ("\"granted\"", "true", Why::Stance),
        ("\"granted\"", "\"opt_out\"", Why::Stance),
        ("2026-03-01T10:30:00.250+01:00", "2026-03-01", Why::Time),
        ("\"2026-09-01T00:00:00Z\"", "1788220800000", Why::Time),
        ("\"2026-09-01T00:00:00Z\"", "null", Why::Time),
        ("\"precision\":\"s\"", "\"precision\":\"minute\"", Why::Precision),
        ("\"precision\":\"s\",", "", Why::Missing),
        ("\"form\"", "\"\"", Why::Source),
        ("\"form\"", "\"jane@example.com\"", Why::Source),
        ("\"teen\"", "\"old\"", Why::AgeBand),
        ("\"teen\"", "null", Why::AgeBand),
        ("\"guardian\":true", "\"guardian\":\"true\"", Why::Guardian),
        ("[\"gpc\"]", "\"gpc\"", Why::Overrides),
        ("[\"gpc\"]", "{\"gpc\":\"gpc\"}", Why::Overrides),
        ("[\"gpc\"]", "[\"gpc\",\"gpc\"]", Why::Overrides),
        ("[\"gpc\"]", "[\"usp\"]", Why::Overrides),
        ("\"v\":1", "\"v\":01", Why::InvalidJson),
    ] {
        let value = FULL.replacen(from, to, 1);
        assert_ne!(value, FULL, "{from}");
        // A fault of the text hides what stands behind it; the subject stands before all of these but the last.
        let named = if why == Why::InvalidJson { vec![] } else { vec![account("u-1")] };
        let (reason, subjects) = unreadable(Some(b"c-1"), value.as_bytes());
        assert!(reason == why && subjects == named, "{to}: {reason}");
    }
    for key in [None, Some(b"c-2".as_slice()), Some(b""), Some(b"\xff")] {
        assert!(unreadable(key, FULL.as_bytes()) == (Why::Key, vec![account("u-1")]));
    }
}

#[test]
fn what_is_no_record_names_nobody() {
    use UnreadableReason as Why;
    for (value, why) in [
        ("", Why::InvalidJson),
        ("null", Why::Shape),
        ("[]", Why::Shape),
        ("\"subject\"", Why::Shape),
        ("{}", Why::Missing),
        (r#"{"v":1,"hb":"2026-03-01T09:30:00Z"}"#, Why::UnknownMember),
        (r#"{"subject":"u-1"}"#, Why::Missing),
        (r#"{"subject":["u-1"]}"#, Why::Missing),
        (r#"{"x":{"subject":{"account":"u-1"}}}"#, Why::UnknownMember),
    ] {
        let (reason, subjects) = unreadable(Some(b"c-1"), value.as_bytes());
        assert!(reason == why && subjects.is_empty(), "{value}: {reason}");
    }
}

#[test]
fn a_record_that_names_several_denies_each() {
    let two = LEAST.replace(r#""account":"u-1""#, r#""account":"u-1","device":"d-1""#);
    let mut both = vec![account("u-1"), index().subject(SubjectKind::Device, "d-1")];
    both.sort_unstable();
    assert!(unreadable(Some(b"c-1"), two.as_bytes()) == (UnreadableReason::Subject, both));
    let twice = LEAST.replace("\"purposes\"", r#""subject":{"account":"u-2"},"purposes""#);
    let mut both = vec![account("u-1"), account("u-2")];
    both.sort_unstable();
    assert!(unreadable(Some(b"c-1"), twice.as_bytes()) == (UnreadableReason::Duplicate, both));
}

/// Wherever a record is cut, its subject is named as soon as it is there as a whole, and never half of it.
#[test]
fn cut_records_name_their_subject_and_no_other() {
    let value = LEAST.replace("\"u-1\"", "4217");
    let whole = value.find("}").unwrap();
    for end in 0..value.len() {
        let (reason, subjects) = unreadable(Some(b"c-1"), &value.as_bytes()[..end]);
        assert_eq!(reason, UnreadableReason::InvalidJson, "{end}");
        let named = if end > whole { vec![account("4217")] } else { vec![] };
        assert!(subjects == named, "{end}");
    }
}

#[test]
fn size_depth_and_bytes_are_bounded() {
    use UnreadableReason as Why;
    let padded = |value: &str, length: usize| format!("{value}{}", " ".repeat(length - value.len()));
    assert!(choice("c-1", &padded(LEAST, record::MAX_BYTES)) == choice("c-1", LEAST));
    for (value, why) in [
        (padded(LEAST, record::MAX_BYTES + 1), Why::TooLarge),
        (LEAST.replace("\"form\"}", &format!("\"form\",\"x\":{}", "[".repeat(10_000))), Why::InvalidJson),
        (LEAST.replace("\"form\"}", &format!("\"form\",\"x\":[1{}]}}", ",1".repeat(3_000))), Why::InvalidJson),
    ] {
        assert!(unreadable(Some(b"c-1"), value.as_bytes()) == (why, vec![account("u-1")]), "{why}");
    }
    let mut value = LEAST.as_bytes().to_vec();
    let at = value.len() - 3;
    value[at] = 0xff;
    assert!(unreadable(Some(b"c-1"), &value) == (Why::NotUtf8, vec![account("u-1")]));
}

#[test]
fn heartbeats_are_read_by_their_key() {
    let value = br#"{"v":1,"hb":"2026-03-01T09:30:00.5Z"}"#;
    for (key, want) in [("hb/0", 0), ("hb/12", 12)] {
        match record::read(Some(key.as_bytes()), value, &index()) {
            Ok(ConsentRecord::Heartbeat { partition, at_ms }) => {
                assert_eq!((partition, at_ms), (want, 1_772_357_400_500));
            }
            _ => panic!("{key}"),
        }
    }
    for key in ["hb/", "hb/-1", "hb/01", "hb/+1", "hb/1 ", "hb/99999999999"] {
        assert!(unreadable(Some(key.as_bytes()), value) == (UnreadableReason::Heartbeat, vec![]), "{key}");
    }
    for value in [r#"{"v":2,"hb":"2026-03-01T09:30:00Z"}"#, r#"{"v":1}"#, r#"{"v":1,"hb":1772357400500}"#, "{", "1"] {
        assert!(unreadable(Some(b"hb/0"), value.as_bytes()) == (UnreadableReason::Heartbeat, vec![]), "{value}");
    }
    // Someone's choice under a heartbeat's key is still about someone.
    assert!(unreadable(Some(b"hb/0"), LEAST.as_bytes()) == (UnreadableReason::Heartbeat, vec![account("u-1")]));
}

#[test]
fn what_was_learned_reads_back_as_an_opt_out_and_names_nobody() {
    let purposes = ["sale_share", "ads.profile", "sale_share"].map(|name| Purpose::parse(name).unwrap());
    for source in OptOutSource::ALL {
        let (key, value) = record::learned(account("u-1"), *source, &purposes, 1_772_357_400_123).unwrap();
        assert!(
            (key.clone(), value.clone())
                == record::learned(account("u-1"), *source, &purposes, 1_772_357_400_123).unwrap()
        );
        let text = String::from_utf8(value).unwrap();
        assert!(!text.contains("u-1"), "{text}");
        let read = choice(std::str::from_utf8(&key).unwrap(), &text);
        assert!(read.subject == account("u-1"));
        let statements: Vec<_> = read.statements.iter().map(|(purpose, stance)| (purpose.as_str(), *stance)).collect();
        assert_eq!(statements, [("ads.profile", Stance::OptOut), ("sale_share", Stance::OptOut)]);
        assert_eq!(read.at, Moment { ms: 1_772_357_400_123, precision: Precision::Ms });
    }
    assert!(record::learned(account("u-1"), OptOutSource::Gpc, &[], 0).is_none());
    let ids: Vec<_> = [(account("u-1"), 1), (account("u-2"), 1), (account("u-1"), 2)]
        .map(|(subject, ms)| record::learned(subject, OptOutSource::Gpc, &purposes, 1_772_357_400_000 + ms).unwrap().0)
        .into();
    assert!(ids[0] != ids[1] && ids[0] != ids[2]);
    // The same moment, but elsewhere the signal denies more: compaction must keep both.
    let (fewer, _) = record::learned(account("u-1"), OptOutSource::Gpc, &purposes[..1], 1_772_357_400_001).unwrap();
    assert!(fewer != ids[0]);
    for ms in [i64::MIN, -1, i64::MAX] {
        let (key, value) = record::learned(account("u-1"), OptOutSource::Gpc, &purposes, ms).unwrap();
        assert!(record::read(Some(&key), &value, &index()).is_ok(), "{ms}");
    }
    // Only an objection is one: a yes or a no of the same source stays what it is.
    for word in ["granted", "denied", "withdrawn"] {
        let value = LEAST.replace("denied", word).replace("form", "gpc");
        assert_eq!(choice("c-1", &value).statements[0].1.as_str(), word);
    }
}

/// Bytes changed at random: no panic, nothing read that another parser does not read, and nobody named who is not there.
#[test]
fn changed_bytes_name_nobody_else() {
    let mut random = Random::new(7);
    let (mut read, mut named) = (0, 0);
    for _ in 0..100_000 {
        let mut value = random.pick(&[FULL, LEAST]).as_bytes().to_vec();
        for _ in 0..=random.below(2) {
            let at = random.below(value.len());
            match random.below(4) {
                0 => value[at] = random.next() as u8,
                1 => value[at] = random.pick(b"\"\\{}[]:, 01e.-"),
                2 => drop(value.remove(at)),
                _ => value.insert(at, random.pick(b"\"\\{}[]:, 01e.-ux")),
            }
        }
        let text = String::from_utf8_lossy(&value);
        let subjects = match record::read(Some(b"c-1"), &value, &index()) {
            Ok(ConsentRecord::Choice(choice)) => {
                assert!(serde_json::from_slice::<serde_json::Value>(&value).is_ok(), "{text}");
                read += 1;
                vec![choice.subject]
            }
            Ok(ConsentRecord::Heartbeat { .. }) => panic!("{text}"),
            Err(unreadable) => unreadable.subjects,
        };
        if text.contains(r#""subject":{"account":"u-1"}"#)
            && text.find("\"subject\"").unwrap() < text.find("purposes").unwrap_or(0)
        {
            named += usize::from(subjects == [account("u-1")]);
        } else if subjects == [account("u-1")] {
            assert!(text.contains("u-1"), "{text}");
        }
    }
    assert!(read > 2_000 && named > 50_000, "{read} read, {named} named");
}
