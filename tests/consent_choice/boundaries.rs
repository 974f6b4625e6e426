//! The edges of the rules, one by one, and the scenarios of privacy.md §3.4 that choices alone decide.

use tamis::engine::consent::Purpose;
use tamis::engine::consent::choice::{Choice, History, Judged, Purposes, Stance, SubjectKey, insert};
use tamis::engine::consent::signals::says::{AgeBand, Moment, Precision};

const DAY: i64 = 86_400_000;
/// Midnight, UTC.
const D: i64 = 20_700 * DAY;
const HOUR: i64 = 3_600_000;
/// Half a year, the usual expiry.
const EXPIRY: i64 = 183 * DAY;

/// The place of `ads.profile` in the closed list.
const ADS: u8 = 5;

fn ms(ms: i64) -> Moment {
    Moment { ms, precision: Precision::Ms }
}

fn say(stance: Stance, at: Moment) -> Choice {
    let statements = vec![(Purpose::parse("ads.profile").unwrap(), stance)];
    Choice { statements, everything_denied: false, ..Choice::deny_all(SubjectKey::from_bytes([1; 16]), at) }
}

fn grant(at: i64) -> Choice {
    say(Stance::Granted, ms(at))
}

fn bytes(choices: &[Choice]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for choice in choices {
        insert(&mut bytes, choice, &Purposes::default());
    }
    bytes
}

fn judge(choices: &[Choice], event: i64, now: i64) -> Judged {
    History(&bytes(choices)).judge(ADS, Some(event), now, EXPIRY)
}

fn permits(choices: &[Choice], event: i64, now: i64) -> bool {
    matches!(judge(choices, event, now), Judged::Granted { .. })
}

fn denied(choices: &[Choice], event: i64, now: i64) -> Option<Stance> {
    match judge(choices, event, now) {
        Judged::Denied { stance, .. } => Some(stance),
        _ => None,
    }
}

#[test]
fn at_one_instant_the_strictest_wins() {
    for stance in [Stance::Denied, Stance::Objected, Stance::Withdrawn] {
        assert_eq!(denied(&[grant(D), say(stance, ms(D))], D + 1, D + 1), Some(stance));
        assert!(permits(&[grant(D + 1), say(stance, ms(D))], D + 1, D + 1), "a millisecond later");
    }
    let all = [Stance::Objected, Stance::Withdrawn, Stance::Denied].map(|stance| say(stance, ms(D)));
    assert_eq!(denied(&all, D, D), Some(Stance::Withdrawn));
    assert_eq!(denied(&all[..1], D, D), Some(Stance::Objected));
    assert_eq!(denied(&[all[0].clone(), all[2].clone()], D, D), Some(Stance::Objected));
}

#[test]
fn overlapping_intervals_are_a_tie() {
    let withdrawn = say(Stance::Withdrawn, ms(D + 14 * HOUR));
    let day = |start: i64| say(Stance::Granted, Moment { ms: start, precision: Precision::Day });
    // c) a string of the day says yes, withdrawn at 14:00: no; the next day's string: yes.
    assert_eq!(denied(&[day(D), withdrawn.clone()], D + 2 * DAY, D + 2 * DAY), Some(Stance::Withdrawn));
    assert!(permits(&[day(D + DAY), withdrawn.clone()], D + 2 * DAY, D + 2 * DAY));
    // The other way: a withdrawal of that day undoes a grant at its last millisecond, not the next one.
    let withdrawn = say(Stance::Withdrawn, Moment { ms: D, precision: Precision::Day });
    assert!(!permits(&[grant(D + DAY - 1), withdrawn.clone()], D + DAY, D + DAY));
    assert!(permits(&[grant(D + DAY), withdrawn], D + DAY, D + DAY));
    let second = say(Stance::Denied, Moment { ms: D, precision: Precision::Second });
    assert!(!permits(&[grant(D + 999), second.clone()], D + 999, D + 999));
    assert!(permits(&[grant(D + 1000), second], D + 1000, D + 1000));
}

#[test]
fn a_grant_begins_when_it_has_certainly_begun() {
    // a) grant at 10:00, an event of 09:59 that arrives at 10:01.
    let (nine_59, ten) = (D + 10 * HOUR - 60_000, D + 10 * HOUR);
    assert_eq!(judge(&[grant(ten)], nine_59, ten + 60_000), Judged::NotYet { at: ms(ten) });
    assert!(!permits(&[grant(ten)], ten - 1, ten));
    assert!(permits(&[grant(ten)], ten, ten));
    for (precision, last) in [(Precision::Second, 999), (Precision::Day, DAY - 1)] {
        let grant = say(Stance::Granted, Moment { ms: D, precision });
        assert!(!permits(std::slice::from_ref(&grant), D + last - 1, D + 2 * DAY));
        assert!(permits(&[grant], D + last, D + 2 * DAY));
    }
}

#[test]
fn expiry_is_to_the_millisecond_on_both_clocks() {
    let choices = [grant(D)];
    assert!(permits(&choices, D + EXPIRY, D + EXPIRY));
    assert_eq!(judge(&choices, D + EXPIRY, D + EXPIRY + 1), Judged::Expired { at: ms(D) });
    assert_eq!(judge(&choices, D + EXPIRY + 1, D + EXPIRY + 1), Judged::Expired { at: ms(D) });
    // Its own end, where that is earlier; never where it is later.
    for (own, limit) in [(D + DAY, D + DAY), (D + 2 * EXPIRY, D + EXPIRY)] {
        let choices = [Choice { expires_ms: Some(own), ..grant(D) }];
        assert!(permits(&choices, limit, limit));
        assert!(!permits(&choices, limit, limit + 1) && !permits(&choices, limit + 1, limit + 1));
    }
    let ended_before_it_began = [Choice { expires_ms: Some(D - 1), ..grant(D) }];
    assert_eq!(judge(&ended_before_it_began, D, D), Judged::Expired { at: ms(D) });
    // The expiry counts from the earliest instant of a day.
    let day = [say(Stance::Granted, Moment { ms: D, precision: Precision::Day })];
    assert!(permits(&day, D + EXPIRY, D + EXPIRY) && !permits(&day, D + EXPIRY, D + EXPIRY + 1));
}

#[test]
fn denials_do_not_expire_and_an_expired_grant_lifts_none() {
    let denied_long_ago = Choice { expires_ms: Some(D + 1), ..say(Stance::Denied, ms(D)) };
    assert_eq!(denied(std::slice::from_ref(&denied_long_ago), D + 10 * EXPIRY, D + 10 * EXPIRY), Some(Stance::Denied));
    let choices = [denied_long_ago, grant(D + DAY)];
    assert!(permits(&choices, D + DAY, D + DAY));
    assert_eq!(denied(&choices, D + DAY, D + DAY + EXPIRY + 1), Some(Stance::Denied));
    // Before the grant the denial was in force, and before the denial nothing was allowed backwards.
    assert_eq!(denied(&choices, D + 1, D + 2 * DAY), Some(Stance::Denied));
    assert_eq!(denied(&choices, D - 1, D + 2 * DAY), Some(Stance::Denied));
}

/// o) Consent renewed in month 5: late events of month 4 still pass, in month 7, too, when only the renewal is in force.
#[test]
fn a_renewal_keeps_since() {
    let month = 30 * DAY;
    let renewed = [grant(D), grant(D + 5 * month)];
    for now in [D + 5 * month, D + 7 * month] {
        match judge(&renewed, D + 4 * month, now) {
            Judged::Granted { since_ms, at, .. } => assert_eq!((since_ms, at), (D, ms(D + 5 * month))),
            other => panic!("{other:?}"),
        }
    }
    // A gap is a gap: what happened in it stays closed.
    let after_a_gap = [grant(D), grant(D + 8 * month)];
    assert_eq!(judge(&after_a_gap, D + 7 * month, D + 9 * month), Judged::Expired { at: ms(D) });
    assert!(permits(&after_a_gap, D + 4 * month, D + 9 * month));
}

/// b), j), m), n), p) without the corrections.
#[test]
fn a_withdrawal_reaches_everything_that_is_not_yet_written() {
    let ten = D + 10 * HOUR;
    let withdrawn = say(Stance::Withdrawn, ms(ten));
    // b) and j): whatever the event's time, late or in a replay.
    let choices = [grant(D), withdrawn.clone()];
    for (event, now) in [(ten - 120_000, ten + 300_000), (ten - 30 * DAY, ten + DAY), (ten + DAY, ten + DAY)] {
        assert_eq!(denied(&choices, event, now), Some(Stance::Withdrawn));
    }
    // n) An older grant that arrives later changes nothing, down to the bytes.
    assert_eq!(bytes(&[withdrawn.clone(), grant(ten - HOUR)]), bytes(std::slice::from_ref(&withdrawn)));
    // p) Grants of 08:00 and 12:00 are known, the withdrawal of 10:00 comes last.
    let choices = [grant(D + 8 * HOUR), grant(D + 12 * HOUR), withdrawn];
    let now = D + 14 * HOUR;
    assert_eq!(denied(&choices, D + 9 * HOUR, now), Some(Stance::Withdrawn));
    assert_eq!(denied(&choices, D + 11 * HOUR, now), Some(Stance::Withdrawn));
    assert!(permits(&choices, D + 13 * HOUR, now));
}

#[test]
fn without_a_usable_event_time_no_stored_grant_applies() {
    let granted = bytes(&[grant(D)]);
    assert_eq!(History(&granted).judge(ADS, None, D + 1, EXPIRY), Judged::NotYet { at: ms(D) });
    let denied = bytes(&[grant(D), say(Stance::Objected, ms(D - 1))]);
    let judged = History(&denied).judge(ADS, None, D + 1, EXPIRY);
    assert_eq!(judged, Judged::Denied { stance: Stance::Objected, objects: true, at: ms(D - 1) });
    assert_eq!(History(&[]).judge(ADS, None, D, EXPIRY), Judged::Silent);
}

#[test]
fn a_clock_that_runs_ahead_only_forbids() {
    assert_eq!(judge(&[grant(D + DAY)], D, D), Judged::NotYet { at: ms(D + DAY) });
    assert_eq!(judge(&[grant(D + DAY)], D + DAY, D), Judged::NotYet { at: ms(D + DAY) });
    let ahead = [grant(D), say(Stance::Withdrawn, ms(D + 365 * DAY))];
    assert_eq!(denied(&ahead, D + 1, D + 1), Some(Stance::Withdrawn));
}

/// DESIGN §6: an opt-out signal binds the account; 11 CCR § 7025(c)(3)–(4): until the person says that this overrides it.
#[test]
fn an_opt_out_signal_is_lifted_only_by_a_later_grant_that_overrides_it() {
    let signal = || say(Stance::OptOut, ms(D));
    let over = |at| Choice { overrides_gpc: true, ..grant(at) };
    let (event, now) = (D + 10 * DAY, D + 10 * DAY);
    assert_eq!(denied(&[signal(), grant(D + DAY)], event, now), Some(Stance::OptOut));
    assert_eq!(denied(&[signal(), over(D)], event, now), Some(Stance::OptOut), "not provably later");
    assert!(matches!(
        judge(&[signal(), over(D + 1)], event, now),
        Judged::Granted { over_gpc: true, guardian: false, both: false, .. }
    ));
    assert_eq!(denied(&[signal(), over(D + 1)], D, now), Some(Stance::OptOut), "before it was overridden");
    assert_eq!(denied(&[over(D - 1), signal()], event, now), Some(Stance::OptOut), "a signal after the grant");
    // A person's own no is the reason before the signal, until a grant lifts it.
    let no = say(Stance::Denied, ms(D - DAY));
    assert_eq!(denied(&[signal(), no.clone()], event, now), Some(Stance::Denied));
    assert_eq!(denied(&[signal(), no, grant(D + 1)], event, now), Some(Stance::OptOut));
}

/// An objection closes exempt purposes, too; saying no to something else later does not take it back.
#[test]
fn an_objection_stands_behind_later_denials() {
    let judged = judge(&[say(Stance::Objected, ms(D)), say(Stance::Denied, ms(D + 1))], D + 2, D + 2);
    assert_eq!(judged, Judged::Denied { stance: Stance::Denied, objects: true, at: ms(D + 1) });
    let judged = judge(&[say(Stance::Denied, ms(D + 1))], D + 2, D + 2);
    assert_eq!(judged, Judged::Denied { stance: Stance::Denied, objects: false, at: ms(D + 1) });
}

/// What cannot be read denies every purpose, a deployment's own ones too, until a later yes to each.
#[test]
fn what_cannot_be_read_denies_everything() {
    let unread = Choice::deny_all(SubjectKey::from_bytes([1; 16]), ms(D));
    let all = bytes(&[grant(D - 1), unread.clone()]);
    assert_eq!(all.len(), 16);
    for purpose in [0, ADS, 11, 210] {
        let judged = History(&all).judge(purpose, Some(D + 1), D + 1, EXPIRY);
        assert_eq!(judged, Judged::Denied { stance: Stance::Denied, objects: true, at: ms(D) });
    }
    let lifted = bytes(&[unread, grant(D + 1)]);
    assert!(matches!(History(&lifted).judge(ADS, Some(D + 1), D + 1, EXPIRY), Judged::Granted { .. }));
    assert!(matches!(History(&lifted).judge(ADS + 1, Some(D + 1), D + 1, EXPIRY), Judged::Denied { .. }));
}

/// Guardian and override must hold for both clocks by themselves, and together only where one grant is both.
#[test]
fn flags_are_those_of_grants_that_suffice_by_themselves() {
    let guardian = |at| Choice { guardian: true, ..grant(at) };
    let over = |at| Choice { overrides_gpc: true, ..grant(at) };
    let flags = |choices: &[Choice], event| match judge(choices, event, D + 10) {
        Judged::Granted { over_gpc, guardian, both, .. } => (over_gpc, guardian, both),
        other => panic!("{other:?}"),
    };
    assert_eq!(flags(&[guardian(D), over(D + 5)], D + 6), (true, true, false));
    assert_eq!(flags(&[guardian(D), over(D + 5)], D + 4), (false, true, false));
    let full = Choice { guardian: true, ..over(D) };
    assert_eq!(flags(&[full], D), (true, true, true));
}

/// A dated grant that the event itself carries is one more member of the set.
#[test]
fn a_carried_grant_lifts_what_it_is_provably_later_than() {
    let stored = bytes(&[say(Stance::Withdrawn, ms(D + 14 * HOUR))]);
    let day = |start| Some(Moment { ms: start, precision: Precision::Day });
    let at = D + DAY + 9 * HOUR;
    let judge = |carried, event| History(&stored).judge_with(ADS, carried, event, at, EXPIRY);
    // c) again, now in the event of that day and of the next.
    assert!(matches!(judge(day(D), Some(at)), Judged::Denied { .. }));
    assert!(matches!(judge(day(D + DAY), Some(at)), Judged::Granted { .. }));
    assert!(matches!(judge(day(D + DAY), None), Judged::Granted { .. }), "it covers the event that carries it");
    let late = History(&[]).judge_with(ADS, day(D), Some(at), D + EXPIRY + 1, EXPIRY);
    assert!(matches!(late, Judged::Expired { .. }), "and is over now like any other");
    let opted_out = bytes(&[say(Stance::OptOut, ms(D - DAY))]);
    let judged = History(&opted_out).judge_with(ADS, day(D + DAY), Some(at), at, EXPIRY);
    assert!(matches!(judged, Judged::Denied { stance: Stance::OptOut, .. }));
}

/// The latest word on an age, and of several that may be the latest the youngest.
#[test]
fn ages_follow_the_latest_word() {
    let age = |band, at| Choice { age: Some(band), ..say(Stance::Denied, at) };
    let day = Moment { ms: D, precision: Precision::Day };
    for (said, want) in [
        (vec![age(AgeBand::Teen, ms(D)), age(AgeBand::Adult, ms(D + 1))], AgeBand::Adult),
        (vec![age(AgeBand::Teen, ms(D)), age(AgeBand::Adult, ms(D))], AgeBand::Teen),
        (vec![age(AgeBand::Child, day), age(AgeBand::Adult, ms(D + DAY - 1))], AgeBand::Child),
        (vec![age(AgeBand::Child, day), age(AgeBand::Adult, ms(D + DAY))], AgeBand::Adult),
    ] {
        assert_eq!(History(&bytes(&said)).age(), Some(want));
    }
    assert_eq!(History(&bytes(&[grant(D)])).age(), None);
}

/// Both contents of an id that was used twice are members: the later date counts, and of one date the stricter.
#[test]
fn an_id_that_is_used_twice_is_two_statements() {
    for order in [[Stance::Granted, Stance::Denied], [Stance::Denied, Stance::Granted]] {
        assert_eq!(denied(&order.map(|stance| say(stance, ms(D))), D, D), Some(Stance::Denied));
    }
}
