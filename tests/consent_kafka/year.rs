//! A year of 5,000 made-up people in a minute, and an oracle that knows who may be where.
//!
//! The service runs in this process with a clock of the test; broker, topics and transactions are real. The year goes in
//! steps. In most, choices are read before events are written, and the oracle knows each answer. In every fifth, choices
//! and events are written together: an event may be decided before or after a choice that is under way, but in one
//! partition never before it again once it was after; and from the next step on the choice is known. Nothing else is
//! left open.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tamis::config;
use tamis::engine::consent::SubjectKind;
use tamis::engine::policy::{self, SourceFile};
use tamis::runtime::batch::Clock;
use tamis::runtime::service::Service;

use crate::asked_for;
use crate::broker::{shared, turn};
use crate::deploy::{CONSENT_PARTITIONS, Deployment, SOON, differs};
use crate::people::{Choice, Event, People};
use crate::rules::{DAY_MS, Everything, Rule, Statement};
use crate::wait::wait;

const STEPS: i64 = 40;

/// 2025-01-01: topics do not mind records of last year, since they keep them for ever.
const BEGIN: i64 = 1_735_689_600_000;

/// Outputs, the topics that feed them, and what they need.
const ROUTES: [(&str, &[&str], &[&str]); 3] = [
    ("stats", &["web", "app"], &["analytics.audience"]),
    ("ads", &["web", "app"], &["ads.profile", "sale_share"]),
    ("reach", &["pixel"], &["ads.measure"]),
];

fn policies(world: &Deployment) -> Vec<policy::model::Policy> {
    let head = |name: &str, topics: &str, here: &str| {
        format!(
            "tamis: 1\npolicy: {name}\ninput: {{topics: [{topics}], time: $.at}}\n\
             subjects: {{account: $.user, {here}: $.{here}}}\n\
             law: {{preset: eea-us/2026-01, country: $.country, region: $.region}}\n\
             consent: {{table: required, gpc: {{at: header.sec-gpc}}}}\nfields: {{$.n: keep}}\n\
             detect: {{kinds: none, reason: numbers are counted here}}\nroutes:\n"
        )
    };
    let route = |(name, _, needs): (&str, &[&str], &[&str])| {
        format!("  {}: {{requires: [{}]}}\n", world.topic(name), needs.join(", "))
    };
    let [stats, ads, reach] = ROUTES.map(route);
    let web = format!("{}, {}", world.topic("web"), world.topic("app"));
    let texts = [head("site", &web, "device") + &stats + &ads, head("pixel", &world.topic("pixel"), "cookie") + &reach];
    let files = texts.map(|text| SourceFile { name: "policy.yaml".to_owned(), text });
    let reading = policy::read(&files);
    assert!(!reading.has_errors(), "{:?}", reading.problems);
    reading.policies
}

/// What may become of one event: for each route of its topic whether it may be in it, or either.
struct Due {
    topic: &'static str,
    partition: i32,
    /// Per route: in it before what is under way is known, and after.
    before: BTreeMap<&'static str, bool>,
    may: BTreeMap<&'static str, BTreeSet<bool>>,
    /// The rules without which it would be otherwise on some route.
    hangs_on: BTreeSet<Rule>,
    /// The one choice that is under way, if it is one.
    under_way: Option<(u64, String)>,
}

/// What is under way in one step: who it is about, and what was said; the parts of one record belong together.
type UnderWay = Vec<(String, Vec<Statement>)>;

fn due(event: &Event, now: i64, step: u64, known: &Everything, under_way: &UnderWay) -> Due {
    let concerns: Vec<&(String, Vec<Statement>)> =
        under_way.iter().filter(|(subject, _)| event.seen.subjects().any(|own| own == subject)).collect();
    assert!(concerns.len() < 12, "too much at once about one event");
    let (mut may, mut before) = (BTreeMap::<_, BTreeSet<bool>>::new(), BTreeMap::new());
    for some in 0..1_u32 << concerns.len() {
        let chosen = concerns.iter().enumerate().filter(|(at, _)| some >> at & 1 == 1);
        let also: Vec<(String, Statement)> =
            chosen.flat_map(|(_, (subject, said))| said.iter().map(|one| (subject.clone(), *one))).collect();
        for (route, topics, needs) in ROUTES {
            if topics.contains(&event.topic) {
                let permitted = known.permits(needs, &event.seen, now, &also);
                may.entry(route).or_default().insert(permitted);
                before.entry(route).or_insert(permitted);
            }
        }
    }
    let routes = ROUTES.iter().filter(|(_, topics, _)| topics.contains(&event.topic));
    let hangs_on = routes.flat_map(|(_, _, needs)| known.hangs_on(needs, &event.seen, now)).collect();
    let under_way = if let [(subject, _)] = concerns[..] { Some((step, subject.clone())) } else { None };
    Due { topic: event.topic, partition: event.partition, before, may, hangs_on, under_way }
}

/// The service with the topics of its deployment.
struct Running {
    world: Deployment,
    service: Service,
    clock: Arc<AtomicI64>,
    markers: u64,
    written: u64,
}

impl Running {
    fn start() -> Running {
        let outputs = ROUTES.map(|(route, ..)| route);
        let world = Deployment::bare("year", shared(), &["web", "app", "pixel"], &outputs, 2);
        fs::write(world.file("policy.yaml"), "").unwrap();
        let config = config::read(&world.config("a")).unwrap_or_else(|_| panic!("the deployment file"));
        let clock = Arc::new(AtomicI64::new(BEGIN));
        let told = Arc::clone(&clock);
        let service = Service::by_clock(&config, policies(&world), Clock::new(move || told.load(Ordering::SeqCst)));
        Running { service: service.unwrap(), world, clock, markers: 0, written: 0 }
    }

    fn say(&self, choice: &Choice) {
        let partition = i32::from(choice.subject.bytes().next_back().is_some_and(|byte| byte % 2 == 1));
        self.world.send(&self.world.topic("consent"), partition, Some(&choice.id), &choice.value, false, None);
    }

    fn happen(&mut self, event: &Event) {
        let at = Some(event.timestamp);
        self.world.send(&self.world.topic(event.topic), event.partition, None, &event.value, event.seen.gpc, at);
        self.written += 1;
    }

    /// Waits until everything that was written to the consent topic has been read: somebody new speaks last in each
    /// partition, and is known.
    fn all_choices_read(&mut self) {
        let choices = self.service.shared().consent.as_ref().unwrap().choices();
        for partition in 0..CONSENT_PARTITIONS {
            self.markers += 1;
            let (id, name) = (format!("m-{}", self.markers), format!("marker-{}", self.markers));
            let value = format!(
                "{{\"v\":1,\"id\":\"{id}\",\"subject\":{{\"account\":\"{name}\"}},\"purposes\":{{\"x.marker\":\"granted\"}},\
                 \"at\":\"2025-01-01T00:00:00Z\",\"precision\":\"ms\",\"source\":\"form\"}}"
            );
            self.world.send(&self.world.topic("consent"), partition, Some(&id), &value, false, None);
            self.world.flush();
            let key = choices.index().subject(SubjectKind::Account, &name);
            let known = || {
                let mut known = false;
                choices.ask(&[key], &mut |history| known |= history.is_some()).is_ok() && known
            };
            assert!(wait(SOON, known), "the consent topic is not read");
        }
    }

    /// Waits until every event is decided and committed.
    fn all_events_done(&self) {
        self.world.flush();
        let done = || {
            let text = self.service.shared().metrics.text();
            let counts = text.lines().filter(|line| line.starts_with("tamis_events_total{"));
            counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
        };
        assert!(wait(SOON, || done() >= self.written), "{} of {}", done(), self.written);
        assert_eq!(done(), self.written);
    }
}

/// One step; returns what is due for its events.
fn step(
    number: i64,
    count: u64,
    running: &mut Running,
    people: &mut People,
    known: &mut Everything,
    dues: &mut BTreeMap<u64, Due>,
) {
    let length = 365 * DAY_MS / STEPS;
    let now = BEGIN + number * length;
    running.clock.store(now, Ordering::SeqCst);
    let together = number % 5 == 4;
    let mut choices: Vec<Choice> = (0..count / 4).filter_map(|_| people.choice(now, length, known)).collect();
    // Some are sent again, which changes nothing; a subject speaks at most once while events are on their way.
    let mut spoken = BTreeSet::new();
    choices.retain(|choice| !together || spoken.insert(choice.subject.clone()));
    let again: Vec<Choice> = choices.iter().step_by(9).cloned().collect();
    let mut signalled = BTreeSet::new();
    let mut events = Vec::new();
    for _ in 0..count {
        let event = people.event(now, |account| !signalled.contains(account) && !spoken.contains(account));
        if event.seen.gpc {
            signalled.extend(event.seen.account.clone());
        }
        events.push(event);
    }
    let mut under_way: UnderWay = Vec::new();
    let learn = |known: &mut Everything, said: UnderWay| {
        for (subject, statements) in said {
            statements.into_iter().for_each(|one| known.add(&subject, one));
        }
    };
    let said: UnderWay = choices.iter().map(|choice| (choice.subject.clone(), choice.statements.clone())).collect();
    if together {
        under_way.extend(said.clone());
    } else {
        choices.iter().chain(&again).for_each(|choice| running.say(choice));
        running.all_choices_read();
        learn(known, said.clone());
    }
    // What an event teaches is known to later steps, and perhaps to its neighbours.
    for event in &events {
        let taught = known.taught(&event.seen, now);
        if let Some((account, _)) = taught.first() {
            under_way.push((account.clone(), taught.iter().map(|(_, one)| *one).collect()));
        }
    }
    for event in &events {
        dues.insert(event.number, due(event, now, number as u64, known, &under_way));
    }
    let mut parts = choices.chunks(choices.len().div_ceil(8).max(1));
    for some in events.chunks(events.len().div_ceil(8).max(1)) {
        some.iter().for_each(|event| running.happen(event));
        if together {
            running.world.flush();
            parts.next().unwrap_or_default().iter().for_each(|choice| running.say(choice));
            running.world.flush();
            std::thread::sleep(Duration::from_millis(25));
        }
    }
    running.all_events_done();
    if together {
        running.all_choices_read();
    }
    learn(known, under_way);
}

#[test]
fn nobody_is_where_they_must_not_be_and_nobody_is_missing() {
    let Some(_turn) = turn() else { return };
    let began = Instant::now();
    let count = asked_for("TAMIS_YEAR", 48_000) / STEPS as u64;
    let mut running = Running::start();
    let heart = running.world.beat();
    let (mut people, mut known, mut dues) = (People::new(2025), Everything::default(), BTreeMap::new());
    for number in 1..=STEPS {
        step(number, count, &mut running, &mut people, &mut known, &mut dues);
    }
    let year = began.elapsed();
    let (mut sure, mut either, mut open, mut before, mut after) = (0, 0, 0, 0, 0);
    for (route, topics, _) in ROUTES {
        let numbers = running.world.numbers(route);
        let found: BTreeSet<u64> = numbers.iter().copied().collect();
        assert_eq!(
            found.len(),
            numbers.len(),
            "{route}: {}",
            differs(&numbers, &found.iter().copied().collect::<Vec<_>>())
        );
        open += found.len();
        let wrong: Vec<u64> = dues
            .iter()
            .filter(|(number, due)| due.may.get(route).is_some_and(|may| !may.contains(&found.contains(number))))
            .map(|(number, _)| *number)
            .collect();
        let stray: Vec<&u64> = found.iter().filter(|number| !topics.contains(&dues[number].topic)).collect();
        assert!(
            wrong.is_empty() && stray.is_empty(),
            "{route}: {} wrong: {:?}, {stray:?}",
            wrong.len(),
            &wrong[..wrong.len().min(8)]
        );
        // In one partition nobody goes back to before what was known.
        let mut passed = BTreeSet::new();
        for (number, due) in &dues {
            let Some(may) = due.may.get(route) else { continue };
            if may.len() == 1 {
                sure += 1;
                continue;
            }
            either += 1;
            let Some(what) = &due.under_way else { continue };
            let place = (due.topic, due.partition, what);
            if found.contains(number) == due.before[route] {
                before += 1;
                assert!(!passed.contains(&place), "{route}: event {number} was decided without what was known before");
            } else {
                after += 1;
                passed.insert(place);
            }
        }
    }
    eprintln!(
        "a year in {year:?}: {} events, {sure} answers due exactly and {either} either way (of those {before} decided before \
         and {after} after what was under way), {open} records out",
        dues.len()
    );
    // The year would find a rule that is broken.
    let hanging = Rule::ALL.map(|rule| (rule, dues.values().filter(|due| due.hangs_on.contains(&rule)).count()));
    eprintln!("events that hang on a rule: {hanging:?}");
    assert!(hanging.iter().all(|(_, events)| *events > 20), "{hanging:?}");
    assert!(sure > 20 * either && open > sure / 10 && before > 0 && after > 0);
    assert!(running.service.stop(Duration::from_secs(20)));
    drop(heart);
}
