//! Any arrival order, repetition and interleaving of the same choices gives the same bytes and the model's judgement.

use std::collections::BTreeMap;

use tamis::engine::consent::Purpose;
use tamis::engine::consent::choice::history::GRANTS;
use tamis::engine::consent::choice::{Choice, History, Judged, Purposes, Stance, SubjectKey, insert};
use tamis::engine::consent::signals::says::{AgeBand, Moment, Precision};

use super::model::{self, Said};
use super::random::Random;

/// Sets that are generated.
const SETS: usize = 120_000;

const DAY: i64 = 86_400_000;
/// Start of a day in UTC.
const DAWN: i64 = 20_700 * DAY;

const PURPOSES: [&str; 4] = ["analytics.audience", "ads.profile", "sale_share", "x.loyalty"];
const SUBJECT: SubjectKey = SubjectKey::from_bytes([7; 16]);

fn purposes() -> Purposes {
    let mut purposes = Purposes::default();
    for name in PURPOSES {
        purposes.learn(&Purpose::parse(name).unwrap());
    }
    purposes
}

fn number(name: &str) -> u8 {
    purposes().number(&Purpose::parse(name).unwrap()).unwrap()
}

/// Times that meet each other's edges: within milliseconds, seconds and days of each other.
fn time(random: &mut Random) -> i64 {
    let near = random.pick(&[0, 0, 1, 999, 1000, 1001, 43_200_000, DAY - 1]);
    DAWN + DAY * random.below(6) as i64 + near
}

fn moment(random: &mut Random, exact: bool) -> Moment {
    let precision = if exact {
        Precision::Ms
    } else {
        random.pick(&[Precision::Ms, Precision::Ms, Precision::Second, Precision::Day])
    };
    Moment::new(time(random), precision)
}

struct Shape {
    exact: bool,
    many_grants: bool,
}

fn choice(random: &mut Random, shape: &Shape) -> Choice {
    let grants = if shape.many_grants { 95 } else { 55 };
    let mut statements = Vec::new();
    for name in PURPOSES {
        if random.chance(50) {
            let denials = [Stance::Denied, Stance::Objected, Stance::Withdrawn, Stance::OptOut];
            let denials = if shape.exact { &denials[..3] } else { &denials[..] };
            let stance = if random.chance(grants) { Stance::Granted } else { random.pick(denials) };
            statements.push((Purpose::parse(name).unwrap(), stance));
        }
    }
    Choice {
        subject: SUBJECT,
        statements,
        everything_denied: random.chance(2),
        at: moment(random, shape.exact),
        expires_ms: random.chance(15).then(|| time(random)),
        age: random.chance(15).then(|| random.pick(AgeBand::ALL)),
        guardian: random.chance(30),
        overrides_gpc: random.chance(30),
    }
}

/// What the model keeps of a choice.
fn said(choice: &Choice, all: &mut Vec<Said>) {
    let plain = Said {
        purpose: None,
        stance: Stance::Denied,
        at: choice.at,
        expires_ms: None,
        over_gpc: false,
        guardian: false,
        carried: false,
    };
    for (purpose, stance) in &choice.statements {
        let purpose = Some(number(purpose.as_str()));
        let (over_gpc, guardian) = (choice.overrides_gpc, choice.guardian);
        all.push(Said {
            purpose,
            stance: *stance,
            at: choice.at,
            expires_ms: choice.expires_ms,
            over_gpc,
            guardian,
            ..plain
        });
    }
    if choice.everything_denied {
        all.push(plain);
    }
}

/// The bytes of these choices in a new order, some of them twice, some cut into one choice per purpose.
fn arrive(random: &mut Random, choices: &[Choice], purposes: &Purposes) -> Vec<u8> {
    let mut order: Vec<Choice> = Vec::new();
    for choice in choices {
        for _ in 0..=usize::from(random.chance(30)) {
            if random.chance(20) {
                let part = |statements| Choice { statements, ..choice.clone() };
                order.extend(choice.statements.iter().map(|one| part(vec![one.clone()])));
                order.push(part(Vec::new()));
            } else {
                order.push(choice.clone());
            }
        }
    }
    let mut bytes = Vec::new();
    for left in (1..=order.len()).rev() {
        let next = order.swap_remove(random.below(left));
        let before = bytes.clone();
        let changed = insert(&mut bytes, &next, purposes);
        assert_eq!(changed, bytes != before, "what insert says of itself");
        assert!(!insert(&mut bytes, &next, purposes), "a choice that came twice");
    }
    bytes
}

fn kind(judged: Judged) -> Judged {
    let at = Moment { ms: 0, precision: Precision::Ms };
    match judged {
        Judged::Expired { .. } => Judged::Expired { at },
        Judged::NotYet { .. } => Judged::NotYet { at },
        other => other,
    }
}

/// Whether `less` permits nothing that `more` does not.
fn implies(less: Judged, more: Judged) -> bool {
    match (less, more) {
        (
            Judged::Granted { over_gpc, guardian, both, .. },
            Judged::Granted { over_gpc: over, guardian: guarded, both: full, .. },
        ) => (!over_gpc || over) && (!guardian || guarded) && (!both || full),
        (Judged::Granted { .. }, _) => false,
        // Denials are never forgotten.
        (Judged::Denied { objects, .. }, Judged::Denied { objects: other, .. }) => objects == other,
        (_, Judged::Denied { .. }) => false,
        _ => true,
    }
}

fn name(judged: Judged) -> &'static str {
    match judged {
        Judged::Silent => "silent",
        Judged::Granted { .. } => "granted",
        Judged::NotYet { .. } => "not yet",
        Judged::Expired { .. } => "expired",
        Judged::Denied { stance, .. } => stance.as_str(),
    }
}

/// One generated set; counts the answers it met.
fn one(seed: u64, purposes: &Purposes, met: &mut BTreeMap<&'static str, usize>) {
    let mut random = Random::new(seed);
    let shape = Shape { exact: random.chance(25), many_grants: random.chance(5) };
    let size = if shape.many_grants { 20 + random.below(30) } else { 1 + random.below(7) };
    let choices: Vec<Choice> = (0..size).map(|_| choice(&mut random, &shape)).collect();
    let bytes = arrive(&mut random, &choices, purposes);
    assert!(arrive(&mut random, &choices, purposes) == bytes, "seed {seed}: another order, other bytes");
    let history = History(&bytes);
    assert!(history.is_whole(), "seed {seed}");
    let mut all = Vec::new();
    choices.iter().for_each(|choice| said(choice, &mut all));
    let ages: Vec<_> = choices.iter().filter_map(|choice| Some((choice.age?, choice.at))).collect();
    assert_eq!(history.age(), model::age(&ages), "seed {seed}: age");
    for _ in 0..4 {
        let purpose = number(random.pick(&PURPOSES));
        let expiry = random.pick(&[1, 1000, DAY, 3 * DAY, 30 * DAY]);
        let event = random.chance(95).then(|| time(&mut random) + random.pick(&[0, 0, DAY, expiry]));
        let now = event.unwrap_or(DAWN) + random.pick(&[0, 0, 1, 1000, DAY, expiry, -1]);
        let judged = history.judge(purpose, event, now, expiry);
        let model = model::judge(&all, purpose, event, now, expiry);
        let grants = all.iter().filter(|said| said.purpose == Some(purpose) && said.stance == Stance::Granted);
        let what = format!("seed {seed}, purpose {purpose}, event {event:?}, now {now}, expiry {expiry}");
        if grants.count() <= GRANTS {
            assert_eq!(kind(judged), kind(model), "{what}\n{all:#?}");
        } else {
            assert!(implies(judged, model), "{what}: {judged:?} where nothing is forgotten: {model:?}");
            *met.entry("many grants").or_default() += 1;
        }
        if let (true, Some(event)) = (shape.exact, event) {
            let permitted = matches!(model, Judged::Granted { .. });
            assert_eq!(permitted, model::fold(&all, purpose, event, now, expiry), "{what}: the two models");
        }
        *met.entry(name(judged)).or_default() += 1;
    }
}

#[test]
fn any_arrival_gives_the_same_bytes_and_the_judgement_of_the_model() {
    let purposes = purposes();
    let parts: Vec<BTreeMap<&str, usize>> = std::thread::scope(|scope| {
        let work = |part: usize| {
            let purposes = &purposes;
            move || {
                let mut met = BTreeMap::new();
                (part..SETS).step_by(2).for_each(|seed| one(seed as u64, purposes, &mut met));
                met
            }
        };
        let handles: Vec<_> = (0..2).map(|part| scope.spawn(work(part))).collect();
        handles.into_iter().map(|handle| handle.join().expect("a part panicked")).collect()
    });
    let mut met = BTreeMap::<&str, usize>::new();
    parts.into_iter().flatten().for_each(|(name, count)| *met.entry(name).or_default() += count);
    println!("{SETS} sets: {met:?}");
    let names =
        ["silent", "granted", "not yet", "expired", "denied", "objected", "withdrawn", "opt_out", "many grants"];
    for name in names {
        assert!(met.get(name).is_some_and(|count| *count >= 1000), "{name} was met too rarely: {met:?}");
    }
}

/// The last denial of each kind outlives any number of grants, and no purpose takes more than 16 statements.
#[test]
fn a_flood_of_grants_forgets_grants_only() {
    let purposes = purposes();
    let ads = Purpose::parse("ads.profile").unwrap();
    let mut bytes = Vec::new();
    let mut put = |stance, day: i64| {
        let at = Moment::new(DAWN + day * DAY, Precision::Ms);
        let choice = Choice {
            statements: vec![(ads.clone(), stance)],
            everything_denied: false,
            ..Choice::deny_all(SUBJECT, at)
        };
        insert(&mut bytes, &choice, &purposes);
    };
    put(Stance::Objected, 0);
    put(Stance::Withdrawn, 1);
    put(Stance::OptOut, 2);
    (3..500).for_each(|day| put(Stance::Granted, day));
    assert_eq!(bytes.len(), 16 * 8);
    let judged = History(&bytes).judge(number("ads.profile"), Some(DAWN + 500 * DAY), DAWN + 500 * DAY, 30 * DAY);
    assert_eq!(
        judged,
        Judged::Denied { stance: Stance::OptOut, objects: true, at: Moment::new(DAWN + 2 * DAY, Precision::Ms) }
    );
    assert!(History(&bytes).opted_out(number("ads.profile")) && !History(&bytes).opted_out(number("sale_share")));
}

/// More own purposes than there are numbers for: their grants are forgotten, their denials close everything.
#[test]
fn purposes_without_a_number_only_forbid() {
    let mut purposes = Purposes::default();
    for n in 0..200 {
        assert_eq!(purposes.learn(&Purpose::parse(&format!("x.p{n}")).unwrap()), Some(11 + n));
    }
    let late = Purpose::parse("x.late").unwrap();
    assert_eq!((purposes.learn(&late), purposes.own().len()), (None, 200));
    let at = Moment::new(DAWN, Precision::Ms);
    let say = |stance| Choice {
        statements: vec![(late.clone(), stance)],
        everything_denied: false,
        ..Choice::deny_all(SUBJECT, at)
    };
    let mut bytes = Vec::new();
    assert!(!purposes.know(&say(Stance::Granted)));
    assert!(!insert(&mut bytes, &say(Stance::Granted), &purposes));
    assert!(insert(&mut bytes, &say(Stance::Denied), &purposes));
    let judged = History(&bytes).judge(0, Some(DAWN), DAWN, DAY);
    assert_eq!(judged, Judged::Denied { stance: Stance::Denied, objects: true, at });
}

/// What a snapshot hands back is looked at before it is believed, and bytes that nobody wrote never panic.
#[test]
fn any_bytes_are_judged() {
    let mut random = Random::new(1);
    let mut whole = 0;
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.below(60)).map(|_| random.next() as u8 & random.pick(&[0xff, 3])).collect();
        let history = History(&bytes);
        whole += usize::from(history.is_whole());
        for purpose in [0, 1, 254, 255] {
            history.judge(purpose, Some(DAWN), DAWN, i64::MAX);
            history.judge_with(purpose, Some(Moment::new(i64::MAX, Precision::Day)), None, i64::MIN, i64::MIN);
        }
        history.age();
    }
    assert!(whole > 100, "{whole}");
}
