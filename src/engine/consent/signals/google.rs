//! Google consent mode, as it stands on hits: `gcs` (two storages) and `gcd` (four signals, each with its history).
//!
//! Google documents neither for readers; forms and letters are those that several independent readings agree on. So
//! anything that does not fit exactly is malformed and says nothing.
//!
//! | signal | purpose |
//! | --- | --- |
//! | `analytics_storage` | `analytics.audience` |
//! | `ad_personalization` | `ads.profile` |
//! | `ad_storage` and `ad_user_data`, both | `ads.measure` |
//! | every `*_storage` that is named | `storage.device` |
//!
//! `storage.device` does not tell kinds of storage apart, so one refused storage refuses it, and it is granted only if
//! every storage is. The trap: `t` is a grant by default, before anybody was asked. It is no choice of the person, and
//! grants nothing.

use super::says::{Known, Refusal, Says};

const AUDIENCE: Known = Known::of("analytics.audience");
const PROFILE: Known = Known::of("ads.profile");
const MEASURE: Known = Known::of("ads.measure");
const STORAGE: Known = Known::of("storage.device");

/// What one signal says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Granted,
    Denied,
    /// Not set, or granted by default.
    Unknown,
}

use State::{Denied, Granted, Unknown};

/// Reads `gcs`: `G1`, then `ad_storage` and `analytics_storage`, each `1` granted, `0` denied or `-` not set.
///
/// # Errors
/// Anything else is [`Refusal::Malformed`]; `G1--` says nothing and is [`Refusal::NoStatement`].
pub fn read_gcs(text: &str) -> Result<Says, Refusal> {
    let [b'G', b'1', ad_storage, analytics_storage] = *text.as_bytes() else { return Err(Refusal::Malformed) };
    let state = |byte| match byte {
        b'1' => Ok(Granted),
        b'0' => Ok(Denied),
        b'-' => Ok(Unknown),
        _ => Err(Refusal::Malformed),
    };
    says([state(ad_storage)?, state(analytics_storage)?, Unknown, Unknown])
}

/// Reads `gcd`: `1`, a digit, then four times a letter and a digit, for `ad_storage`, `analytics_storage`,
/// `ad_user_data` and `ad_personalization`. Letters: `l` not set; `p`, `q`, `m`, `u` denied; `r`, `n`, `v` granted;
/// `t` granted by default.
///
/// # Errors
/// Another length or letter is [`Refusal::Malformed`]; a string that sets nothing is [`Refusal::NoStatement`].
pub fn read_gcd(text: &str) -> Result<Says, Refusal> {
    let [b'1', d0, a, d1, b, d2, c, d3, d, d4] = *text.as_bytes() else { return Err(Refusal::Malformed) };
    if ![d0, d1, d2, d3, d4].iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Malformed);
    }
    let state = |byte| match byte {
        b'l' | b't' => Ok(Unknown),
        b'p' | b'q' | b'm' | b'u' => Ok(Denied),
        b'r' | b'n' | b'v' => Ok(Granted),
        _ => Err(Refusal::Malformed),
    };
    says([state(a)?, state(b)?, state(c)?, state(d)?])
}

fn says([ad_storage, analytics_storage, ad_user_data, ad_personalization]: [State; 4]) -> Result<Says, Refusal> {
    let mut says = Says::default();
    for (purpose, state) in [
        (STORAGE, both(ad_storage, analytics_storage)),
        (AUDIENCE, analytics_storage),
        (PROFILE, ad_personalization),
        (MEASURE, both(ad_storage, ad_user_data)),
    ] {
        match state {
            Granted => says.granted = says.granted.union(purpose),
            Denied => says.denied = says.denied.union(purpose),
            Unknown => {}
        }
    }
    if says == Says::default() { Err(Refusal::NoStatement) } else { Ok(says) }
}

/// Denied if one is, granted if both are.
fn both(a: State, b: State) -> State {
    match (a, b) {
        (Denied, _) | (_, Denied) => Denied,
        (Granted, Granted) => Granted,
        _ => Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(result: Result<Says, Refusal>) -> (Vec<&'static str>, Vec<&'static str>) {
        let says = result.unwrap();
        assert!(says.opted_out.is_empty() && says.at.is_none() && says.age.is_none() && !says.strict);
        (says.granted.names().collect(), says.denied.names().collect())
    }

    #[test]
    fn gcs_knows_two_storages() {
        assert_eq!(names(read_gcs("G111")), (vec!["storage.device", "analytics.audience"], vec![]));
        assert_eq!(
            names(read_gcs("G100")),
            (vec![], vec!["storage.device", "analytics.audience", "ads.measure"]),
            "nothing is said about ad_user_data, and one of two is enough to refuse"
        );
        assert_eq!(names(read_gcs("G101")), (vec!["analytics.audience"], vec!["storage.device", "ads.measure"]));
        assert_eq!(names(read_gcs("G110")), (vec![], vec!["storage.device", "analytics.audience"]));
        assert_eq!(names(read_gcs("G1-1")), (vec!["analytics.audience"], vec![]), "not every storage is granted");
        assert_eq!(read_gcs("G1--"), Err(Refusal::NoStatement));
    }

    #[test]
    fn gcd_knows_four_signals_and_how_they_came_about() {
        let all = vec!["storage.device", "analytics.audience", "ads.profile", "ads.measure"];
        for granted in ["11r1r1r1r5", "13n3n3n3n1", "11v1v1v1v5", "11r1n1v1r5"] {
            assert_eq!(names(read_gcd(granted)), (all.clone(), vec![]), "{granted}");
        }
        for denied in ["11p1p1p1p5", "11q1q1q1q5", "11m1m1m1m5", "11u1u1u1u5"] {
            assert_eq!(names(read_gcd(denied)), (vec![], all.clone()), "{denied}");
        }
        assert_eq!(
            names(read_gcd("11p1r1r1q5")),
            (vec!["analytics.audience"], vec!["storage.device", "ads.profile", "ads.measure"])
        );
    }

    #[test]
    fn a_default_grant_is_no_choice() {
        assert_eq!(read_gcd("11t1t1t1t5"), Err(Refusal::NoStatement));
        assert_eq!(read_gcd("13l3l3l3l1"), Err(Refusal::NoStatement));
        assert_eq!(names(read_gcd("11t1r1t1r5")), (vec!["analytics.audience", "ads.profile"], vec![]));
    }

    #[test]
    fn whatever_does_not_fit_exactly_says_nothing() {
        for bad in ["", "G", "G1", "G11", "G1111", "G211", "g111", "G112", "G1 1", "G11\u{e9}", "1111"] {
            assert_eq!(read_gcs(bad), Err(Refusal::Malformed), "{bad:?}");
        }
        for bad in [
            "",
            "11r1r1r1r",
            "11r1r1r1r51",
            "11r1r1r1x5",
            "11R1R1R1R5",
            "21r1r1r1r5",
            "11rrr1r1r5",
            "1rr1r1r1r5",
            "11r1r1r1r1r5",
            "13l3l3l2l1l1",
            "11r1r1r1\u{e9}",
            "11r1r1r1r ",
        ] {
            assert_eq!(read_gcd(bad), Err(Refusal::Malformed), "{bad:?}");
        }
    }
}
