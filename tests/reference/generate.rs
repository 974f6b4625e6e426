//! Generated policies and documents: small alphabets, so that rules, duplicates and escapes meet often.

use std::collections::BTreeMap;

use tamis::engine::action::{Action, Edge, Literal, Step as Rounding, TimeUnit};
use tamis::engine::consent::{PlaceSource, Preset, Purpose};
use tamis::engine::detect::Kinds;
use tamis::engine::path::{Selector, Step, Take};
use tamis::engine::policy::model::{
    Categories, Consent, Detect, FilePlace, Input, Law, OnHit, Partition, Policy, RecordRules, Route, Rule, Source,
    TokenDomain,
};

use super::model::Keys;
use super::paths::can_meet;
use super::random::Random;

const NAMES: &[&str] = &["a", "b", "c", "user", "phone", "é", "x.y", "a'b", "\"q\"", ""];
const PURPOSES: &[&str] =
    &["analytics.audience", "ads.profile", "ads.measure", "sale_share", "sensitive.use", "security.essential"];
/// The clock of the tests.
pub const NOW_MS: i64 = 1_795_499_669_549;
/// Seconds of an epoch of the domain `ads`.
pub const ROTATE: u64 = 3600;

fn purpose(name: &str) -> Purpose {
    Purpose::parse(name).expect("a known purpose")
}

/// A selector from steps, without the parser in between.
pub fn selector(steps: &[(bool, Take)]) -> Selector {
    Selector {
        steps: steps.iter().map(|(descendant, take)| Step { descendant: *descendant, take: take.clone() }).collect(),
    }
}

/// `$.name`
pub fn name(text: &str) -> Selector {
    selector(&[(false, Take::Name(text.to_owned()))])
}

/// `$..*`
pub fn everything() -> Selector {
    selector(&[(true, Take::Any)])
}

/// Keys for the domains of generated policies; the domain that rotates has lost the keys of most past epochs.
pub fn keys() -> Keys {
    let now = NOW_MS as u64 / 1000 / ROTATE;
    let ads = (now - 4..=now).filter(|epoch| *epoch == now || *epoch + 3 == now).map(|e| (e, [e as u8; 32])).collect();
    BTreeMap::from([("web".to_owned(), BTreeMap::from([(0, [7; 32])])), ("ads".to_owned(), ads)])
}

pub fn rule(selector: Selector, action: Action, routes: u64) -> Rule {
    Rule {
        written: selector.to_string(),
        selector,
        place: FilePlace { file: "generated.yaml".to_owned(), line: 1, column: 1 },
        action,
        category: None,
        needs: Vec::new(),
        routes,
    }
}

/// A policy with these rules on one route that is always open, and nothing else to it.
pub fn plain(rules: Vec<Rule>) -> Policy {
    Policy {
        name: "plain".to_owned(),
        digest: "d".repeat(64),
        input: Input { topics: vec!["in".to_owned()], split: None, time: None },
        subjects: Vec::new(),
        law: Law { preset: preset(), country: Some(PlaceSource::Fixed("FR".to_owned())), region: None, age: None },
        consent: Consent::default(),
        tokens: BTreeMap::from([
            ("web".to_owned(), TokenDomain { rotate_seconds: None }),
            ("ads".to_owned(), TokenDomain { rotate_seconds: Some(ROTATE) }),
        ]),
        routes: vec![Route {
            topic: "out".to_owned(),
            requires: vec![purpose("security.essential")],
            serves: Vec::new(),
            tokens: Some("web".to_owned()),
        }],
        rules,
        record: RecordRules {
            key: None,
            partition: Partition::Same,
            timestamp_step_ms: 60_000,
            headers: Vec::new(),
            forward_tombstones: false,
        },
        detect: Detect { kinds: Kinds::NONE, on_hit: OnHit::Mask, reason: Some("a test of identity".to_owned()) },
    }
}

fn preset() -> Preset {
    Preset::named("eea-us/2026-01").expect("the shipped preset")
}

/// `$: keep`, `$..*: keep`, detection off with a reason.
pub fn keep_all() -> Policy {
    plain(vec![rule(selector(&[]), Action::Keep, 1), rule(everything(), Action::Keep, 1)])
}

/// What a generated policy may contain.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Token rules.
    pub tokens: bool,
    /// Rules on single elements: removing elements moves the others.
    pub indexes: bool,
    /// Routes that consent may close, and several of them.
    pub consent: bool,
}

pub const EVERYTHING: Shape = Shape { tokens: true, indexes: true, consent: true };

/// Any policy that the checker would accept: no two different transforms can meet.
pub fn policy(random: &mut Random, shape: Shape) -> Policy {
    let mut policy = plain(Vec::new());
    if random.chance(25) {
        policy.input.split = Some(selector(&[(false, Take::Name("batch".to_owned())), (false, Take::Any)]));
    }
    if shape.consent {
        consent(random, &mut policy);
    }
    let all = (1 << policy.routes.len()) - 1;
    if random.chance(75) {
        policy.detect.kinds = Kinds::ALL;
        policy.detect.reason = None;
        policy.detect.on_hit =
            random.pick(&[OnHit::Mask, OnHit::Mask, OnHit::Mask, OnHit::DropField, OnHit::Quarantine]);
    }
    policy.record.timestamp_step_ms = random.pick(&[1, 1000, 60_000]);
    policy.record.headers = vec!["x-kept".to_owned()];
    if shape.consent && random.chance(5) {
        policy.record.key = Some(Source::Event(name("user")));
        policy.record.partition = Partition::ByKey;
    }
    if random.chance(40) {
        let root = rule(selector(&[]), Action::Keep, all);
        policy.rules.push(root);
    }
    if random.chance(45) {
        policy.rules.push(rule(everything(), Action::Keep, all));
    }
    for _ in 0..2 + random.below(7) {
        let steps = any_steps(random, shape.indexes);
        add(random, &mut policy, selector(&steps), all, shape);
        if let Some(at) = steps.iter().position(|(_, take)| matches!(take, Take::Index(_))) {
            // An index may be ruled only where `[*]` is ruled too.
            let mut every = steps;
            every[at].1 = Take::Any;
            add(random, &mut policy, selector(&every), all, shape);
        }
    }
    policy
}

fn consent(random: &mut Random, policy: &mut Policy) {
    policy.routes.clear();
    for at in 0..1 + random.below(3) {
        let first = if random.chance(45) { "security.essential" } else { random.pick(PURPOSES) };
        let mut requires = vec![purpose(first)];
        if random.chance(20) {
            requires.push(purpose("analytics.audience"));
        }
        requires.dedup();
        let serves = if random.chance(60) { vec![purpose(random.pick(PURPOSES))] } else { Vec::new() };
        let serves = serves.into_iter().filter(|purpose| !requires.contains(purpose)).collect();
        let tokens = Some(random.pick(&["web", "ads", "ads"]).to_string());
        policy.routes.push(Route { topic: format!("out.{at}"), requires, serves, tokens });
    }
    let event = |name_: &str| Source::Event(name(name_));
    policy.law.country = match random.below(4) {
        0 => Some(PlaceSource::Fixed("FR".to_owned())),
        1 => Some(PlaceSource::Fixed("US".to_owned())),
        2 => Some(PlaceSource::At(event("country"))),
        _ => None,
    };
    policy.consent.gpc = match random.below(3) {
        0 => Some(Source::Header("sec-gpc".to_owned())),
        1 => Some(event("gpc")),
        _ => None,
    };
    if random.chance(80) {
        let at = if policy.input.split.is_none() || random.chance(70) {
            event("consent")
        } else {
            Source::Envelope(name("consent"))
        };
        let map = [
            ("A", &["analytics.audience"][..]),
            ("B", &["ads.profile", "ads.measure"]),
            ("C", &["sensitive.use", "sale_share"]),
        ];
        let map = map.iter().map(|(key, list)| (key.to_string(), list.iter().map(|p| purpose(p)).collect())).collect();
        policy.consent.categories = Some(Categories { at, map });
    }
}

fn any_steps(random: &mut Random, indexes: bool) -> Vec<(bool, Take)> {
    let mut steps = Vec::new();
    for _ in 0..1 + random.below(3) {
        let take = match random.below(20) {
            0..=3 => Take::Any,
            4 if indexes => Take::Index(random.below(3)),
            _ => Take::Name(random.pick(NAMES).to_string()),
        };
        steps.push((random.chance(15), take));
    }
    steps
}

fn add(random: &mut Random, policy: &mut Policy, selector: Selector, all: u64, shape: Shape) {
    if policy.rules.iter().any(|rule| rule.selector == selector) {
        return;
    }
    let mut action = any_action(random, shape.tokens);
    let transform = |action: &Action| !matches!(action, Action::Keep | Action::Drop);
    if transform(&action) {
        let meeting: Vec<&Action> = policy
            .rules
            .iter()
            .filter(|rule| transform(&rule.action) && can_meet(&rule.selector.steps, &selector.steps))
            .map(|rule| &rule.action)
            .collect();
        if let Some(first) = meeting.first() {
            let same = meeting.iter().all(|other| other == first);
            action = if same { (*first).clone() } else { Action::Keep };
        }
    }
    let routes = if random.chance(75) { all } else { 1 << random.below(policy.routes.len()) };
    let mut rule = rule(selector, action, routes);
    if rule.action == Action::Keep && random.chance(25) {
        rule.category = Some(random.pick(&["contact.email", "id.network", "financial.card"]).to_string());
    }
    if rule.action != Action::Drop && random.chance(if shape.consent { 15 } else { 0 }) {
        let route = &policy.routes[random.below(policy.routes.len())];
        let listed: Vec<_> = route.requires.iter().chain(&route.serves).cloned().collect();
        rule.needs.push(listed[random.below(listed.len())].clone());
    }
    policy.rules.push(rule);
}

fn any_action(random: &mut Random, tokens: bool) -> Action {
    let text = |text: &str| Literal::String(text.to_owned());
    match random.below(17) {
        0..=3 => Action::Keep,
        4 | 5 => Action::Drop,
        6 | 16 if tokens => Action::Token { namespace: random.pick(&["", "order"]).to_string() },
        7 => Action::Mask { last: random.pick(&[0, 2, 4]) },
        8 => Action::RoundTime { step_ms: 60_000, unit: random.pick(&[None, Some(TimeUnit::Milliseconds)]) },
        9 => Action::RoundNumber(Rounding::parse(random.pick(&["10", "0.5"])).expect("a step")),
        10 => Action::Bucket(["0", "10", "100"].map(|edge| Edge::parse(edge).expect("an edge")).to_vec()),
        11 => Action::Ip { v4: random.pick(&[0, 16, 24, 32]), v6: random.pick(&[0, 40, 64, 128]) },
        12 => Action::Url { keep_query: vec!["page".to_owned()] },
        13 => Action::UserAgent,
        14 => Action::OneOf(vec![text("red"), Literal::Number("42".to_owned()), Literal::Null, Literal::Bool(true)]),
        _ => Action::Fixed(match random.below(3) {
            0 => text("fixed \"é\""),
            1 => Literal::Number("1.50".to_owned()),
            _ => Literal::Null,
        }),
    }
}

const STRINGS: &[&str] = &[
    "red",
    "",
    "blue sky",
    "été",
    "line\nbreak",
    "tab\tquote\" back\\slash",
    "42",
    "\u{7f}\u{1}",
    "😀 smile",
    "203.0.113.57",
    "2001:db8:85a3::8a2e:370:7334",
    "::ffff:198.51.100.7",
    "0.0.0.0",
    "https://shop.example/p/1?page=2&q=x#top",
    "https://u:p@shop.example:8443/a%20b?sort=up&page=%C3%A9",
    "not a url",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "2026-11-24T05:54:17.238Z",
    "2026-11-24T05:54:17+02:00",
    "2026-11-24",
    "camille.martin@example.org",
    "write to jonas@example.com or call +33 1 99 00 42 17",
    "4111 1111 1111 1111",
    "FR76 3000 6000 0112 3456 7890 189",
    "order A-77",
    "granted",
    "1",
    "33199004217",
];
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "1.0",
    "42",
    "-7",
    "3.14",
    "1e3",
    "1E+2",
    "-2.50",
    "12345678901234567890",
    "4111111111111111",
    "1795499669549",
    "99.99",
    "0.1e-7",
    "15",
    "1e999",
    "33199004217",
    "-3.3199004217e10",
];
const PERSONAL_KEYS: &[&str] = &["camille.martin@example.org", "203.0.113.57", "4111111111111111"];

/// A document for a policy: events of small names, with consent where the policy looks for it.
pub fn document(random: &mut Random, policy: &Policy) -> String {
    let mut out = String::new();
    space(random, &mut out);
    if policy.input.split.is_some() {
        match random.below(25) {
            0 => out.push_str("{\"sentAt\":1}"),
            1 => out.push_str("{\"batch\":{}}"),
            _ => envelope(random, &mut out, policy),
        }
    } else if random.chance(93) {
        event(random, &mut out, policy);
    } else {
        value(random, &mut out, 2, policy);
    }
    space(random, &mut out);
    out
}

fn envelope(random: &mut Random, out: &mut String, policy: &Policy) {
    out.push('{');
    if random.chance(30) {
        out.push_str("\"consent\": ");
        categories(random, out);
        out.push(',');
    }
    out.push_str("\"batch\":");
    space(random, out);
    let events = random.below(4);
    list(random, out, '[', ']', events, |random, out| {
        if random.chance(96) { event(random, out, policy) } else { value(random, out, 1, policy) }
    });
    if random.chance(20) {
        out.push_str(", \"a\": \"envelope\"");
    }
    out.push('}');
}

fn event(random: &mut Random, out: &mut String, policy: &Policy) {
    let members = random.below(7);
    list(random, out, '{', '}', members, |random, out| match random.below(24) {
        0..=3 => {
            out.push_str("\"consent\":");
            categories(random, out);
        }
        4 | 5 => out.push_str(&format!("\"country\" :\"{}\"", random.pick(&["FR", "US", "DE", "??"]))),
        6 => out.push_str(&format!(
            "\"gpc\": {}",
            random.pick(&["\"1\"", "1", "\"0\"", "true", "null", "\"0, 1\"", "\" 1\""])
        )),
        _ => member(random, out, 3, policy),
    });
}

fn categories(random: &mut Random, out: &mut String) {
    if random.chance(6) {
        return out.push_str(random.pick(&["null", "[]", "\"A\"", "[true]"]));
    }
    let members = random.below(4);
    list(random, out, '{', '}', members, |random, out| {
        let answer = random.pick(&["true", "true", "true", "false", "\"yes\"", "null", "0", "{\"granted\":false}"]);
        out.push_str(&format!("\"{}\":{answer}", random.pick(&["A", "B", "C", "Unmapped"])));
    });
}

fn list(
    random: &mut Random,
    out: &mut String,
    open: char,
    close: char,
    count: usize,
    mut item: impl FnMut(&mut Random, &mut String),
) {
    out.push(open);
    space(random, out);
    for at in 0..count {
        if at > 0 {
            out.push(',');
            space(random, out);
        }
        item(random, out);
        space(random, out);
    }
    out.push(close);
}

fn member(random: &mut Random, out: &mut String, depth: usize, policy: &Policy) {
    let key = if random.chance(3) { random.pick(PERSONAL_KEYS) } else { random.pick(NAMES) };
    text(random, out, key);
    space(random, out);
    out.push(':');
    space(random, out);
    let fits = suited(random, policy, key);
    match fits {
        Some(fit) if random.chance(40) => match fit.parse::<f64>() {
            Ok(_) => out.push_str(fit),
            Err(_) => text(random, out, fit),
        },
        _ => value(random, out, depth, policy),
    }
}

/// A value that fits the action of some rule on members of that name.
fn suited(random: &mut Random, policy: &Policy, key: &str) -> Option<&'static str> {
    let last = |rule: &&Rule| match rule.selector.steps.last().map(|step| &step.take) {
        Some(Take::Name(name)) => name == key,
        Some(Take::Any) => true,
        _ => false,
    };
    let rules: Vec<&Rule> = policy.rules.iter().filter(last).collect();
    let rule = rules.get(random.below(rules.len().max(1)))?;
    let strings = |range: std::ops::Range<usize>| &STRINGS[range];
    Some(match &rule.action {
        Action::Token { .. } => random.pick(&["order A-77", "42", "u-48213"]),
        Action::Ip { .. } => random.pick(strings(9..13)),
        Action::Url { .. } => random.pick(strings(13..15)),
        Action::UserAgent => random.pick(strings(16..18)),
        Action::RoundTime { .. } => random.pick(strings(18..20)),
        Action::RoundNumber(_) | Action::Bucket(_) => random.pick(&["0", "15", "99.99", "-7", "1e3"]),
        Action::OneOf(_) => random.pick(&["red", "42", "42.0"]),
        _ => return None,
    })
}

fn value(random: &mut Random, out: &mut String, depth: usize, policy: &Policy) {
    match random.below(if depth == 0 { 10 } else { 16 }) {
        // A lone surrogate: legal by the grammar, and no text can hold it.
        0 if random.chance(15) => out.push_str("\"red \\ud83d\""),
        0..=5 => {
            let chosen = random.pick(STRINGS);
            text(random, out, chosen);
        }
        6 | 7 => out.push_str(random.pick(NUMBERS)),
        8 => out.push_str(random.pick(&["true", "false"])),
        9 => out.push_str("null"),
        10..=13 => {
            let members = random.below(4);
            list(random, out, '{', '}', members, |random, out| member(random, out, depth - 1, policy));
        }
        _ => {
            let elements = random.below(4);
            list(random, out, '[', ']', elements, |random, out| value(random, out, depth - 1, policy));
        }
    }
}

/// A string literal, here and there with an escape that nobody asked for.
fn text(random: &mut Random, out: &mut String, text: &str) {
    let odd = random.chance(20);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '/' if odd => out.push_str("\\/"),
            c if (c as u32) < 32 || odd && random.chance(40) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let upper = random.chance(50);
                    out.push_str(&if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn space(random: &mut Random, out: &mut String) {
    if random.chance(12) {
        out.push_str(random.pick(&[" ", "  ", "\n", "\t", "\r\n "]));
    }
}
