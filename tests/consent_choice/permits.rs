//! What an event permits, with choices and signals together: equal to the rules written to be read, and the law of the
//! house, that less consent never shows more.

use std::collections::BTreeSet;

use serde::Deserialize;
use tamis::engine::consent::choice::{Choice, History, Judged, Purposes, Stance, SubjectKey, insert};
use tamis::engine::consent::signals::says::{AgeBand, Moment, Precision};
use tamis::engine::consent::{
    About, Asked, Evidence, Permits, Preset, Purpose, PurposeSet, Regime, Resolver, Row, SubjectKind,
};
use tamis::engine::outcome::CloseReason;
use tamis::engine::policy::{SourceFile, read};

use super::model::{self, Said};
use super::random::Random;

/// Evidences that are generated.
const EVIDENCES: usize = 120_000;

const DAY: i64 = 86_400_000;
const DAWN: i64 = 20_700 * DAY;

const PURPOSES: [&str; 7] = [
    "ads.profile",
    "analytics.audience",
    "model.train",
    "sale_share",
    "security.essential",
    "sensitive.use",
    "x.loyalty",
];

const PRESETS: [(&str, &str); 4] = [
    ("eea-us/2026-01", include_str!("../../policies/presets/eea-us-2026-01.yaml")),
    ("fr/2026-01", include_str!("../../policies/presets/fr-2026-01.yaml")),
    ("uk/2026-01", include_str!("../../policies/presets/uk-2026-01.yaml")),
    ("us/2026-01", include_str!("../../policies/presets/us-2026-01.yaml")),
];

/// Where the rows of a preset are.
#[derive(Deserialize)]
struct Places {
    rows: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    countries: Vec<String>,
    #[serde(default)]
    regions: Vec<String>,
}

/// A preset, what the engine makes of it, and where its rows are.
struct Law {
    resolver: Resolver,
    preset: Preset,
    places: Places,
    expiry: Option<i64>,
}

fn laws() -> Vec<Law> {
    let law = |&(name, text): &(&str, &str), expiry: Option<i64>| {
        let routes: String =
            PURPOSES.iter().map(|purpose| format!("  lake.{purpose}: {{requires: [{purpose}]}}\n")).collect();
        let consent = expiry.map_or(String::new(), |days| format!(", expiry: {days}d"));
        let policy = format!(
            "tamis: 1\npolicy: p\ninput: {{topics: [t]}}\nsubjects: {{account: $.a}}\nlaw: {{preset: {name}, country: $.c, otherwise: strictest}}\nconsent: {{table: required{consent}}}\nroutes:\n{routes}fields: {{$.x: keep}}\n"
        );
        let reading = read(&[SourceFile::from_bytes("p.yaml", policy.as_bytes())]);
        assert!(!reading.has_errors(), "{policy}");
        Law {
            resolver: Resolver::new(&reading.policies[0]),
            preset: Preset::named(name).expect("embedded"),
            places: serde_saphyr::from_str(text).expect("a preset"),
            expiry: expiry.map(|days| days * DAY),
        }
    };
    PRESETS.iter().flat_map(|preset| [law(preset, None), law(preset, Some(2))]).collect()
}

/// Evidence in one piece.
#[derive(Clone)]
struct Case {
    country: Option<&'static str>,
    region: Option<&'static str>,
    gpc: bool,
    granted: BTreeSet<usize>,
    dated: Vec<(Moment, BTreeSet<usize>)>,
    denied: BTreeSet<usize>,
    opted_out: BTreeSet<usize>,
    age: Option<AgeBand>,
    event_ms: Option<i64>,
    now_ms: i64,
    /// `None`: the policy has no table.
    subjects: Option<Vec<(SubjectKind, Vec<Choice>)>>,
    ambiguous: bool,
}

fn time(random: &mut Random) -> i64 {
    DAWN + DAY * random.below(5) as i64 + random.pick(&[0, 0, 1, 999, 1000, 43_200_000, DAY - 1])
}

fn moment(random: &mut Random) -> Moment {
    Moment::new(time(random), random.pick(&[Precision::Ms, Precision::Ms, Precision::Second, Precision::Day]))
}

fn some(random: &mut Random, percent: u64) -> BTreeSet<usize> {
    (0..PURPOSES.len()).filter(|_| random.chance(percent)).collect()
}

fn choice(random: &mut Random) -> Choice {
    let mut statements = Vec::new();
    for purpose in some(random, 60) {
        let denial = random.pick(&[Stance::Denied, Stance::Objected, Stance::Withdrawn, Stance::OptOut]);
        let stance = if random.chance(75) { Stance::Granted } else { denial };
        statements.push((Purpose::parse(PURPOSES[purpose]).unwrap(), stance));
    }
    Choice {
        subject: SubjectKey::from_bytes([7; 16]),
        statements,
        everything_denied: random.chance(3),
        at: moment(random),
        expires_ms: random.chance(10).then(|| time(random)),
        age: random.chance(12).then(|| random.pick(AgeBand::ALL)),
        guardian: random.chance(40),
        overrides_gpc: random.chance(40),
    }
}

impl Case {
    fn any(random: &mut Random) -> Case {
        let now_ms = time(random);
        let kinds: Vec<SubjectKind> = SubjectKind::ALL.iter().copied().filter(|_| random.chance(25)).collect();
        let subjects = kinds.into_iter().map(|kind| (kind, (0..random.below(4)).map(|_| choice(random)).collect()));
        let subjects: Vec<_> = subjects.collect();
        Case {
            country: random.pick(&[
                None,
                Some("FR"),
                Some("fr"),
                Some("GB"),
                Some("US"),
                Some("US"),
                Some("UK"),
                Some("JP"),
            ]),
            region: random.pick(&[
                None,
                Some("CA"),
                Some("US-MD"),
                Some("wy"),
                Some("US-ZZ"),
                Some("FR-75"),
                Some("nowhere at all"),
            ]),
            gpc: random.chance(20),
            granted: some(random, 25),
            dated: (0..random.below(3)).map(|_| (moment(random), some(random, 40))).collect(),
            denied: some(random, 10),
            opted_out: some(random, 10),
            age: random.chance(15).then(|| random.pick(AgeBand::ALL)),
            event_ms: random.chance(90).then(|| time(random).min(now_ms)),
            now_ms,
            subjects: random.chance(85).then_some(subjects),
            ambiguous: random.chance(5),
        }
    }

    fn decide(&self, resolver: &Resolver) -> Permits {
        let set = |numbers: &BTreeSet<usize>| {
            let names: Vec<Purpose> = numbers.iter().map(|at| Purpose::parse(PURPOSES[*at]).unwrap()).collect();
            resolver.set(&names)
        };
        let mut purposes = Purposes::default();
        let mut histories: Vec<(SubjectKind, Vec<u8>)> = Vec::new();
        for (kind, choices) in self.subjects.iter().flatten() {
            let mut bytes = Vec::new();
            for choice in choices {
                choice.statements.iter().for_each(|(purpose, _)| {
                    purposes.learn(purpose);
                });
                insert(&mut bytes, choice, &purposes);
            }
            histories.push((*kind, bytes));
        }
        let abouts: Vec<About<'_>> =
            histories.iter().map(|(kind, bytes)| About { kind: *kind, history: History(bytes) }).collect();
        let dated: Vec<(Moment, PurposeSet)> = self.dated.iter().map(|(at, granted)| (*at, set(granted))).collect();
        resolver.decide(&Evidence {
            country: self.country,
            region: self.region,
            gpc: self.gpc,
            granted: set(&self.granted),
            dated: &dated,
            denied: set(&self.denied),
            opted_out: set(&self.opted_out),
            age: self.age,
            event_ms: self.event_ms,
            now_ms: self.now_ms,
            asked: self.subjects.as_ref().map(|_| Asked {
                purposes: &purposes,
                subjects: &abouts,
                ambiguous: self.ambiguous,
            }),
        })
    }

    /// What was said about every purpose of one subject, with what the event carries if it was said there.
    fn said(choices: &[Choice], purpose: usize, carried: Option<Moment>) -> Vec<Said> {
        let name = Purpose::parse(PURPOSES[purpose]).unwrap();
        let said = |stance, choice: &Choice| Said {
            purpose: None,
            stance,
            at: choice.at,
            expires_ms: choice.expires_ms,
            over_gpc: choice.overrides_gpc,
            guardian: choice.guardian,
            carried: false,
        };
        let mut all = Vec::new();
        for choice in choices {
            let about = choice.statements.iter().filter(|(of, _)| *of == name);
            all.extend(about.map(|(_, stance)| Said { purpose: Some(0), ..said(*stance, choice) }));
            all.extend(choice.everything_denied.then(|| said(Stance::Denied, choice)));
        }
        all.extend(carried.map(|at| Said {
            purpose: Some(0),
            stance: Stance::Granted,
            at,
            expires_ms: None,
            over_gpc: false,
            guardian: false,
            carried: true,
        }));
        all
    }
}

/// The rows that hold in a place, and whether the place is known.
fn rows<'a>(law: &'a Law, case: &Case) -> (Vec<&'a Row>, bool) {
    let all = || law.preset.rows().iter().zip(&law.places.rows);
    let country = case.country.map(str::to_uppercase);
    let Some(country) = country.filter(|code| all().any(|(_, place)| place.countries.contains(code))) else {
        return (law.preset.rows().iter().collect(), false);
    };
    let (elsewhere, region) = match case.region.map(str::to_uppercase) {
        None => (false, None),
        Some(text) => match text.split_once('-') {
            Some((of, region)) => (of != country, Some(region.to_owned())),
            None => (false, Some(text)),
        },
    };
    if elsewhere {
        return (law.preset.rows().iter().collect(), false);
    }
    let here = || all().filter(|(_, place)| place.countries.contains(&country));
    let named = |place: &Place| region.as_ref().is_some_and(|region| place.regions.contains(region));
    let exact: Vec<&Row> = here().filter(|(_, place)| named(place)).map(|(row, _)| row).collect();
    if exact.is_empty() { (here().map(|(row, _)| row).collect(), true) } else { (exact, true) }
}

/// DESIGN §6 and privacy.md §3.3, written to be read: why this purpose is closed for this event.
fn rules(law: &Law, case: &Case, purpose: usize) -> Option<CloseReason> {
    let name = Purpose::parse(PURPOSES[purpose]).unwrap();
    let (rows, known) = rows(law, case);
    let expiry = law.expiry.unwrap_or(rows.iter().map(|row| i64::from(row.expiry_days())).min().unwrap() * DAY);
    let nobody = Vec::new();
    let subjects = case.subjects.as_ref().unwrap_or(&nobody);

    let ages = subjects.iter().filter_map(|(_, choices)| {
        model::age(&choices.iter().filter_map(|choice| Some((choice.age?, choice.at))).collect::<Vec<_>>())
    });
    let age = ages.chain(case.age).min().unwrap_or(AgeBand::Adult);
    let not_for_children =
        ["ads.", "sale_share", "model.train"].iter().any(|start| PURPOSES[purpose].starts_with(start));
    let regime = match rows.iter().map(|row| row.regime(&name)).max().unwrap() {
        _ if age == AgeBand::Child && not_for_children => Regime::Prohibited,
        Regime::OptOut if age != AgeBand::Adult => Regime::OptIn,
        regime => regime,
    };
    let guardian_needed = match age {
        AgeBand::Child => true,
        AgeBand::Teen => rows.iter().any(|row| row.teens_need_a_guardian()),
        AgeBand::Adult => false,
    };

    // The latest dated grant that has begun; one that is dated ahead only to say why it does not count.
    let dates: Vec<Moment> =
        case.dated.iter().filter(|(_, granted)| granted.contains(&purpose)).map(|(at, _)| *at).collect();
    let begun = dates.iter().copied().filter(|at| at.ms <= case.now_ms).max_by_key(|at| at.ms);
    let carried = begun.or(dates.iter().copied().max_by_key(|at| at.ms));

    let ask = |choices: &[Choice], carried| {
        model::judge(&Case::said(choices, purpose, carried), 0, case.event_ms, case.now_ms, expiry)
    };
    let mut judged: Vec<(bool, Judged)> = Vec::new();
    for (kind, choices) in subjects {
        let device = matches!(kind, SubjectKind::Device | SubjectKind::Cookie | SubjectKind::AdId);
        let counts = device || *kind == SubjectKind::Account;
        judged.push((counts, ask(choices, carried.filter(|_| device))));
    }

    let mut closed: Vec<CloseReason> = Vec::new();
    for (_, one) in &judged {
        match *one {
            Judged::Denied { objects: false, .. } if regime == Regime::Exempt => {}
            Judged::Denied { stance: Stance::Withdrawn, .. } => closed.push(CloseReason::Withdrawn),
            Judged::Denied { stance: Stance::Objected, .. } => closed.push(CloseReason::Objected),
            Judged::Denied { stance: Stance::OptOut, .. } => closed.push(CloseReason::OptOutSignal),
            Judged::Denied { .. } => closed.push(CloseReason::Denied),
            _ => {}
        }
    }
    if case.denied.contains(&purpose) && regime != Regime::Exempt {
        closed.push(CloseReason::Denied);
    }
    let overridden = judged.iter().any(|one| match *one {
        (true, Judged::Granted { over_gpc, both, .. }) => {
            if guardian_needed {
                both
            } else {
                over_gpc
            }
        }
        _ => false,
    });
    let signal = case.opted_out.contains(&purpose) || (case.gpc && rows.iter().any(|row| row.gpc_denies(&name)));
    if signal && !overridden {
        closed.push(CloseReason::OptOutSignal);
    }
    if regime == Regime::Prohibited {
        closed.push(CloseReason::Prohibited);
    }
    if case.subjects.is_some() && case.ambiguous {
        closed.push(CloseReason::Ambiguous);
    }
    let opt_out = rows.iter().any(|row| row.regime(&name) == Regime::OptOut);
    if case.subjects.is_some() && subjects.is_empty() && opt_out {
        closed.push(CloseReason::NoSubject);
    }
    if let Some(first) = closed.into_iter().min() {
        return Some(first);
    }
    if regime != Regime::OptIn {
        return None;
    }

    // Somebody must have agreed.
    judged.extend(carried.map(|at| (true, ask(&[], Some(at)))));
    let mut why_not: Vec<CloseReason> = Vec::new();
    for one in judged.iter().filter(|(counts, _)| *counts).map(|(_, one)| *one) {
        match one {
            Judged::Granted { guardian, .. } if guardian || !guardian_needed => return None,
            Judged::Granted { .. } => why_not.push(CloseReason::NoGuardian),
            Judged::NotYet { .. } => why_not.push(CloseReason::NotYetGranted),
            Judged::Expired { .. } => why_not.push(CloseReason::Expired),
            _ => {}
        }
    }
    if case.granted.contains(&purpose) {
        if !guardian_needed {
            return None;
        }
        why_not.push(CloseReason::NoGuardian);
    }
    let matters = law.preset.rows().iter().any(|row| row.regime(&name) < Regime::OptIn);
    let silence = if !known && matters { CloseReason::UnknownPlace } else { CloseReason::NoSignal };
    Some(why_not.into_iter().min().unwrap_or(silence))
}

#[test]
fn the_engine_decides_by_the_rules() {
    let laws = laws();
    let mut met = BTreeSet::new();
    for seed in 0..EVIDENCES as u64 {
        let mut random = Random::new(seed);
        let (law, case) = (&laws[random.below(laws.len())], Case::any(&mut random));
        let permits = case.decide(&law.resolver);
        for (at, name) in PURPOSES.iter().enumerate() {
            let one = law.resolver.set(&[Purpose::parse(name).unwrap()]);
            let expected = rules(law, &case, at);
            assert_eq!(permits.close_reason(one), expected, "seed {seed}, {name}");
            assert_eq!(permits.permitted().contains(one), expected.is_none(), "seed {seed}, {name}");
            met.insert(expected.map_or("permitted", CloseReason::as_str));
        }
    }
    assert_eq!(met.len(), CloseReason::ALL.len() + 1, "every reason was met: {met:?}");
}

/// Every way to have a little less consent than in `case`.
fn less(case: &Case, random: &mut Random) -> Vec<(&'static str, Case)> {
    let mut all = Vec::new();
    let mut with = |name, change: &dyn Fn(&mut Case)| {
        let mut less = case.clone();
        change(&mut less);
        all.push((name, less));
    };
    let purpose = random.below(PURPOSES.len());
    let (at, pick) = (moment(random), random.below(16));
    let stance = random.pick(&[Stance::Denied, Stance::Objected, Stance::Withdrawn, Stance::OptOut]);
    let band = random.pick(AgeBand::ALL);
    with("a signal grants less", &|less| {
        less.granted.remove(&purpose);
    });
    with("a dated signal is gone", &|less| {
        if !less.dated.is_empty() {
            less.dated.remove(pick % less.dated.len());
        }
    });
    with("a dated signal grants less", &|less| {
        less.dated.iter_mut().for_each(|(_, granted)| {
            granted.remove(&purpose);
        });
    });
    with("a signal denies", &|less| {
        less.denied.insert(purpose);
    });
    with("a signal opts out", &|less| {
        less.opted_out.insert(purpose);
    });
    with("Global Privacy Control", &|less| less.gpc = true);
    with("an age", &|less| less.age = less.age.into_iter().chain([band]).min());
    with("ambiguous", &|less| less.ambiguous = true);
    with("no place", &|less| less.country = None);
    with("an unusable time", &|less| less.event_ms = None);
    // A region of another country makes the place unknown; without it, it may be known.
    if case.region.is_none_or(|region| !region.contains('-') || case.country.is_some_and(|c| region.starts_with(c))) {
        with("no region", &|less| less.region = None);
    }
    let Some(subjects) = &case.subjects else { return all };
    for (number, (_, choices)) in subjects.iter().enumerate() {
        let choices_of = |less: &mut Case| std::mem::take(&mut less.subjects.as_mut().unwrap()[number].1);
        with("a choice that denies", &|less| {
            let mut choices = choices_of(less);
            choices.push(Choice {
                statements: vec![(Purpose::parse(PURPOSES[purpose]).unwrap(), stance)],
                ..Choice::deny_all(SubjectKey::from_bytes([7; 16]), at)
            });
            choices.last_mut().unwrap().everything_denied = pick == 0;
            less.subjects.as_mut().unwrap()[number].1 = choices;
        });
        for gone in 0..choices.len() {
            with("a grant that was never made", &|less| {
                let mut choices = choices_of(less);
                choices[gone].statements.retain(|(_, stance)| *stance != Stance::Granted);
                less.subjects.as_mut().unwrap()[number].1 = choices;
            });
            with("a grant without a guardian, or that overrides nothing", &|less| {
                let mut choices = choices_of(less);
                choices[gone].guardian &= pick % 2 == 0;
                choices[gone].overrides_gpc &= pick % 2 == 1;
                less.subjects.as_mut().unwrap()[number].1 = choices;
            });
        }
    }
    // Between two grants there may be a gap, into which a later event falls and an earlier one does not.
    let grants = |choices: &[Choice], name: &str| {
        choices.iter().flat_map(|c| &c.statements).filter(|(p, s)| p.as_str() == name && *s == Stance::Granted).count()
    };
    let gap = subjects.iter().any(|(_, choices)| PURPOSES.iter().any(|name| grants(choices, name) > 1));
    if !gap && case.dated.is_empty() {
        with("an older event", &|less| less.event_ms = less.event_ms.map(|ms| ms.min(at.ms)));
    }
    all
}

#[test]
fn less_consent_never_shows_more() {
    let laws = laws();
    let mut compared = std::collections::BTreeMap::<&str, usize>::new();
    for seed in 0..EVIDENCES as u64 {
        let mut random = Random::new(seed ^ 0x1e55);
        let (law, case) = (&laws[random.below(laws.len())], Case::any(&mut random));
        let more = case.decide(&law.resolver).permitted();
        for (name, less) in less(&case, &mut random) {
            assert!(more.contains(less.decide(&law.resolver).permitted()), "seed {seed}: {name} shows more");
            *compared.entry(name).or_default() += 1;
        }
    }
    println!("{compared:?}");
    assert!(compared.len() == 15 && compared.values().all(|count| *count >= 10_000), "{compared:?}");
}
