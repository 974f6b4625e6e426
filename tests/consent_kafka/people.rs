//! Five thousand made-up people: what they do and what they say, from a seed.

use crate::deploy::Seeded;
use crate::rules::{DAY_MS, Everything, PURPOSES, Place, Said, Seen, Statement};

pub const PEOPLE: u64 = 5_000;

/// One record of the consent topic, as text and as the rules take it.
#[derive(Clone)]
pub struct Choice {
    pub id: String,
    pub value: String,
    pub subject: String,
    pub statements: Vec<Statement>,
}

/// One event, as text and as the rules take it.
#[derive(Clone)]
pub struct Event {
    pub number: u64,
    pub topic: &'static str,
    pub partition: i32,
    pub value: String,
    pub timestamp: i64,
    pub seen: Seen,
}

pub struct People {
    pub seeded: Seeded,
    choices: u64,
    events: u64,
    past: Vec<(u64, Doing)>,
}

/// What somebody does, without a time of arrival.
#[derive(Clone)]
struct Doing {
    topic: &'static str,
    logged_in: bool,
    device: u64,
    at: Option<i64>,
    place: Place,
}

fn time(ms: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap())
}

impl People {
    pub fn new(seed: u64) -> People {
        People { seeded: Seeded(seed), choices: 0, events: 0, past: Vec::new() }
    }

    /// A fifth of the people do four fifths of everything, so that a year has some history.
    fn somebody(&mut self) -> u64 {
        if self.seeded.one_in(5) { self.seeded.below(PEOPLE) } else { self.seeded.below(PEOPLE / 5) * 5 }
    }

    /// The first device of every tenth is the first of the next person's, too; every third has a second one.
    fn device(&mut self, person: u64) -> u64 {
        match person % 10 {
            1 => person - 1,
            6 if self.seeded.one_in(2) => person - 1,
            _ if person.is_multiple_of(3) && self.seeded.one_in(2) => person + 1_000_000,
            _ => person,
        }
    }

    fn place(&mut self, person: u64) -> Place {
        // Some travel, and of some nobody knows where they are.
        let home = if self.seeded.one_in(40) { self.seeded.below(20) } else { person / 5 % 20 };
        match home {
            0..=8 => Place::France,
            9..=14 => Place::California,
            15..=18 => Place::Indiana,
            _ => Place::Nowhere,
        }
    }

    /// Something that somebody says at about `now`, by account, device or cookie; some of it comes late, some is dated
    /// ahead. `None` for one who has said enough: no more than 13 grants of a purpose are kept.
    pub fn choice(&mut self, now: i64, step: i64, known: &Everything) -> Option<Choice> {
        let person = self.somebody();
        let device = self.device(person);
        let (kind, name) = match self.seeded.below(6) {
            0..=2 if person % 4 != 3 => ("account", format!("acc-{person}")),
            0..=4 => ("device", format!("dev-{device}")),
            _ => ("cookie", format!("ck-{device}")),
        };
        let at = match self.seeded.below(20) {
            0 => now + self.seeded.below(2 * DAY_MS as u64) as i64,
            1..=3 => now - self.seeded.below(40 * DAY_MS as u64) as i64,
            _ => now - self.seeded.below(step as u64) as i64,
        };
        let (precision, unit) = [("ms", 1), ("ms", 1), ("s", 1_000), ("day", DAY_MS)][self.seeded.below(4) as usize];
        let (word, said) = match self.seeded.below(8) {
            0 => ("denied", Said::Refused),
            1 | 2 => ("withdrawn", Said::Refused),
            3 => ("objected", Said::Refused),
            _ => ("granted", Said::Granted),
        };
        if said == Said::Granted && known.grants(&name) >= 40 {
            return None;
        }
        let mut purposes: Vec<&'static str> = PURPOSES.into_iter().filter(|_| self.seeded.one_in(2)).collect();
        if purposes.is_empty() || self.seeded.one_in(3) {
            purposes = PURPOSES.to_vec();
        }
        let over_gpc = said == Said::Granted && self.seeded.one_in(4);
        let expires = (said == Said::Granted && self.seeded.one_in(6)).then(|| at + 30 * DAY_MS);
        self.choices += 1;
        let id = format!("c-{}", self.choices);
        let stances: Vec<String> = purposes.iter().map(|purpose| format!("\"{purpose}\":\"{word}\"")).collect();
        let mut more = String::new();
        if over_gpc {
            more.push_str(",\"overrides\":[\"gpc\"]");
        }
        if let Some(expires) = expires {
            more.push_str(&format!(",\"expires\":\"{}\"", time(expires)));
        }
        let value = format!(
            "{{\"v\":1,\"id\":\"{id}\",\"subject\":{{\"{kind}\":\"{name}\"}},\"purposes\":{{{}}},\"at\":\"{}\",\
             \"precision\":\"{precision}\",\"source\":\"form\"{more}}}",
            stances.join(","),
            time(at)
        );
        let from = at - at.rem_euclid(unit);
        let statement = |purpose| Statement { said, purpose, from, to: from + unit - 1, over_gpc, expires };
        Some(Choice { id, value, subject: name, statements: purposes.into_iter().map(statement).collect() })
    }

    /// Something that somebody does at about `now`; some of it comes late, some again.
    pub fn event(&mut self, now: i64, may_signal: impl Fn(&str) -> bool) -> Event {
        let replayed = !self.past.is_empty() && self.seeded.one_in(12);
        let (person, doing) = if replayed {
            self.past[self.seeded.below(self.past.len() as u64) as usize].clone()
        } else {
            let person = self.somebody();
            let late = match self.seeded.below(10) {
                0 => self.seeded.below(30 * DAY_MS as u64) as i64,
                // A clock that is ahead.
                1 => -(self.seeded.below(DAY_MS as u64) as i64),
                _ => self.seeded.below(7_200_000) as i64,
            };
            let doing = Doing {
                topic: ["web", "app", "pixel"][self.seeded.below(3) as usize],
                logged_in: person % 4 != 3 && self.seeded.below(5) < 3,
                device: self.device(person),
                at: (!self.seeded.one_in(100)).then_some(now - late),
                place: self.place(person),
            };
            if self.seeded.one_in(10) {
                self.past.push((person, doing.clone()));
            }
            (person, doing)
        };
        // A replay comes with the broker's time of then, or by another way with that of now.
        let timestamp = match doing.at {
            Some(at) if replayed && self.seeded.one_in(2) => at.min(now),
            _ => now - self.seeded.below(60_000) as i64,
        };
        let account = doing.logged_in.then(|| format!("acc-{person}"));
        let gpc = self.seeded.one_in(12) && account.as_ref().is_none_or(|account| may_signal(account));
        let (kind, here) = match doing.topic {
            "pixel" => ("cookie", format!("ck-{}", doing.device)),
            _ => ("device", format!("dev-{}", doing.device)),
        };
        let number = self.events;
        self.events += 1;
        let user = account.as_ref().map(|account| format!(",\"user\":\"{account}\"")).unwrap_or_default();
        let place = match doing.place {
            Place::France => ",\"country\":\"FR\"",
            Place::California => ",\"country\":\"US\",\"region\":\"US-CA\"",
            Place::Indiana => ",\"country\":\"US\",\"region\":\"IN\"",
            Place::Nowhere => "",
        };
        let at = doing.at.map_or("yesterday".to_owned(), time);
        let value = format!("{{\"n\":{number},\"{kind}\":\"{here}\"{user}{place},\"at\":\"{at}\"}}");
        let then = doing.at.map(|at| at.min(timestamp).min(now));
        let seen = Seen { account, here, place: doing.place, gpc, then };
        Event { number, topic: doing.topic, partition: (person % 4) as i32, value, timestamp, seen }
    }
}
