//! Records of the topic and what they leave in the table.

use std::time::Duration;

use super::*;
use crate::engine::consent::choice::{History, Judged, SubjectKey};
use crate::engine::consent::{Purpose, SubjectKind};
use crate::runtime::consent::Word;
use crate::runtime::keys::Index;

const AT: i64 = 1_790_000_000_000;
const YEAR: i64 = 365 * 86_400_000;

fn consent() -> Consent {
    Consent::new(Index::new([7; 32]), Duration::from_secs(60))
}

fn choice(id: &str, account: &str, purpose: &str, stance: &str, at: &str) -> String {
    format!(
        "{{\"v\":1,\"id\":\"{id}\",\"subject\":{{\"account\":\"{account}\"}},\"purposes\":{{\"{purpose}\":\"{stance}\"}},\
         \"at\":\"{at}\",\"precision\":\"ms\",\"source\":\"form\"}}"
    )
}

/// Applies a record and gives the result's word, or what a heartbeat says.
fn apply(consent: &Consent, key: &str, value: Option<&str>) -> String {
    let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
    let taken = Taken { partition: 3, offset: 9, key, value, timestamp_ms: AT };
    let mut denied = 0;
    let became = Applier::default().apply(consent, &taken, &mut |_| denied += 1);
    let denied = if denied == 0 { String::new() } else { format!(", {denied} denied") };
    match became {
        Became::Heartbeat(at_ms) => format!("heartbeat {at_ms}"),
        Became::Choice(result, None) => format!("{result}{denied}"),
        Became::Choice(result, Some(reason)) => format!("{result}, {reason}{denied}"),
    }
}

fn account(consent: &Consent, name: &str) -> SubjectKey {
    consent.index().subject(SubjectKind::Account, name)
}

/// What holds for an account and a purpose now; `None`: the account is not known, or the purpose has no number.
fn judged(consent: &Consent, name: &str, purpose: &str) -> Option<bool> {
    let mut bytes = None;
    let word = consent.ask(&[account(consent, name)], |found| bytes = found.map(<[u8]>::to_vec));
    assert_eq!(word, Word::Cold, "nothing here reads a topic to its end");
    let number = consent.purposes().number(&Purpose::parse(purpose).unwrap())?;
    let bytes = bytes?;
    Some(matches!(History(&bytes).judge(number, Some(AT), AT, YEAR), Judged::Granted { .. }))
}

#[test]
fn a_choice_is_applied_once_however_often_it_comes() {
    let consent = consent();
    let granted = choice("c1", "u-1", "ads.profile", "granted", "2026-01-01T00:00:00.000Z");
    assert_eq!(apply(&consent, "c1", Some(&granted)), "applied");
    assert_eq!(apply(&consent, "c1", Some(&granted)), "repeated");
    assert_eq!(judged(&consent, "u-1", "ads.profile"), Some(true));
    assert_eq!(judged(&consent, "u-2", "ads.profile"), None);
    let withdrawn = choice("c2", "u-1", "ads.profile", "withdrawn", "2026-02-01T00:00:00.000Z");
    assert_eq!(apply(&consent, "c2", Some(&withdrawn)), "applied, 1 denied");
    assert_eq!(apply(&consent, "c1", Some(&granted)), "repeated", "an old grant that comes again");
    assert_eq!(judged(&consent, "u-1", "ads.profile"), Some(false));
    assert_eq!(consent.subjects(), 1);
}

#[test]
fn a_tombstone_says_nothing() {
    let consent = consent();
    let denied = choice("c1", "u-1", "ads.profile", "denied", "2026-01-01T00:00:00.000Z");
    apply(&consent, "c1", Some(&denied));
    assert_eq!(apply(&consent, "c1", None), "tombstone");
    assert_eq!(judged(&consent, "u-1", "ads.profile"), Some(false));
}

#[test]
fn what_cannot_be_read_denies_whom_it_names_and_else_is_counted() {
    let consent = consent();
    let granted = choice("c1", "u-1", "ads.profile", "granted", "2026-01-01T00:00:00.000Z");
    apply(&consent, "c1", Some(&granted));
    let odd = choice("c2", "u-1", "ads.profile", "refused", "2026-01-02T00:00:00.000Z");
    assert_eq!(apply(&consent, "c2", Some(&odd)), "unreadable_denied, stance, 1 denied");
    assert_eq!(judged(&consent, "u-1", "ads.profile"), Some(false));
    assert_eq!(apply(&consent, "c2", Some(&odd)), "unreadable_denied, stance", "the same denial again");
    assert!(apply(&consent, "c3", Some("{\"v\":1")).starts_with("unattributable, "));
    assert_eq!(consent.subjects(), 1);
}

#[test]
fn purposes_of_a_deployment_are_numbered_as_they_come() {
    let consent = consent();
    for (number, purpose) in ["x.one", "x.two", "x.one"].iter().enumerate() {
        let id = format!("c{number}");
        let record = choice(&id, &format!("u-{number}"), purpose, "granted", "2026-01-01T00:00:00.000Z");
        assert_eq!(apply(&consent, &id, Some(&record)), "applied");
    }
    assert_eq!(judged(&consent, "u-2", "x.one"), Some(true));
    assert_eq!(judged(&consent, "u-1", "x.two"), Some(true));
    assert_eq!(judged(&consent, "u-1", "x.one"), Some(false));
    assert_eq!(judged(&consent, "u-1", "x.three"), None);
    let names: Vec<String> = consent.purposes().own().iter().map(|own| own.as_str().to_owned()).collect();
    assert_eq!(names, ["x.one", "x.two"]);
    assert!(consent.number(&names) && !consent.number(&["x.one".to_owned(), "x.one".to_owned()]));
}

#[test]
fn a_denial_of_more_purposes_than_can_be_numbered_is_one_of_everything() {
    let consent = consent();
    for number in 0..200 {
        let id = format!("c{number}");
        let record = choice(&id, "u-1", &format!("x.p{number}"), "granted", "2026-01-01T00:00:00.000Z");
        assert_eq!(apply(&consent, &id, Some(&record)), "applied");
    }
    assert_eq!(judged(&consent, "u-1", "x.p199"), Some(true));
    let granted = choice("more", "u-1", "x.more", "granted", "2026-01-01T00:00:00.000Z");
    assert_eq!(apply(&consent, "more", Some(&granted)), "repeated", "it can never count, so it is not kept");
    let denied = choice("less", "u-1", "x.more", "denied", "2026-01-01T00:00:00.000Z");
    assert_eq!(apply(&consent, "less", Some(&denied)), "applied, 1 denied");
    assert_eq!(judged(&consent, "u-1", "x.p199"), Some(false));
}

#[test]
fn heartbeats_count_in_their_own_partition() {
    let consent = consent();
    let beat = "{\"v\":1,\"hb\":\"2026-09-21T14:13:20Z\"}";
    assert_eq!(apply(&consent, "hb/3", Some(beat)), "heartbeat 1790000000000");
    assert_eq!(apply(&consent, "hb/2", Some(beat)), "misplaced");
    assert_eq!(apply(&consent, "hb/3", Some("{\"v\":1,\"hb\":\"now\"}")), "unattributable, heartbeat");
    assert_eq!(consent.subjects(), 0);
}
