//! A made-up shop: seeded tracking traffic as a collector would write it to Kafka, for the demo and the benchmarks.
//!
//! Most records are batches of one browser's events; some are what collectors also let through: broken JSON, framed
//! values, empty batches. [`people`] says why nobody in it is real, [`hunt`] counts what is left of them.

pub mod events;
pub mod hunt;
pub mod people;
pub mod random;

use serde_json::{Value, json};

use people::Person;
use random::Random;

/// One record to be produced.
pub struct Made {
    /// The collector's record key: the device, raw.
    pub key: String,
    /// HTTP headers that the collector forwards as record headers.
    pub headers: Vec<(&'static str, String)>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// How many events a reader of the value counts (an unreadable record is one, an empty batch none).
    pub events: u64,
    /// Well-formed, with at least one event.
    pub sound: bool,
}

/// The shop. Two with one seed make the same traffic, given the same times.
pub struct Shop {
    random: Random,
    visitors: Vec<Person>,
}

/// People who are in the shop at one time.
const VISITORS: usize = 400;

impl Shop {
    /// Opens with its visitors.
    pub fn new(seed: u64) -> Shop {
        let mut random = Random::new(seed);
        let visitors = (0..VISITORS).map(|_| Person::invent(&mut random)).collect();
        Shop { random, visitors }
    }

    /// The next record at this time, in milliseconds since 1970.
    pub fn record(&mut self, now_ms: i64) -> Made {
        if self.random.percent(2) {
            let gone = self.random.between(0, VISITORS as u64) as usize;
            self.visitors[gone] = Person::invent(&mut self.random);
        }
        let person = &self.visitors[self.random.between(0, VISITORS as u64) as usize];
        let random = &mut self.random;
        let count = 1 + random.between(0, 4) * random.between(0, 2);
        let batch: Vec<Value> = (0..count).map(|_| events::event(random, person, now_ms)).collect();
        let body = json!({"batch": batch, "sentAt": events::time(now_ms), "writeKey": "made-up-write-key"});
        let (value, events, sound) = broken(random, body, count);
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", person.browser.to_owned()),
            ("x-forwarded-for", person.ip.clone()),
            ("cookie", format!("uid={}; session={}", person.account, random.hex(16))),
        ];
        if person.gpc {
            headers.push(("Sec-GPC", "1".to_owned()));
        }
        Made { key: person.device.clone(), headers, value, events, sound }
    }

    /// One event on its own, for benchmarks.
    pub fn event(&mut self, now_ms: i64) -> Value {
        let person = &self.visitors[self.random.between(0, VISITORS as u64) as usize];
        events::event(&mut self.random, person, now_ms)
    }
}

/// The body as bytes; about one in fifty is not what a collector should have written.
fn broken(random: &mut Random, mut body: Value, count: u64) -> (Option<Vec<u8>>, u64, bool) {
    let mut text = body.to_string().into_bytes();
    match random.between(0, 400) {
        // A connection that broke off.
        0..=1 => {
            text.truncate(text.len() * 2 / 3);
            (Some(text), 1, false)
        }
        // Latin-1 where UTF-8 was promised.
        2 => {
            text.splice(2..2, *b"\xe9t\xe9");
            (Some(text), 1, false)
        }
        // Schema-registry framing.
        3 => {
            text.splice(0..0, [0, 0, 0, 0, 7]);
            (Some(text), 1, false)
        }
        // No batch in it.
        4 => {
            if let Some(all) = body.as_object_mut() {
                all.remove("batch");
            }
            (Some(body.to_string().into_bytes()), 1, false)
        }
        // A tombstone, and a batch with nothing in it.
        5 => (None, 1, false),
        6..=7 => {
            body["batch"] = json!([]);
            (Some(body.to_string().into_bytes()), 0, false)
        }
        _ => (Some(text), count, true),
    }
}

#[cfg(test)]
mod tests {
    use super::hunt::{CATEGORIES, Counts, Hunter};
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    #[test]
    fn a_seed_makes_the_same_traffic() {
        let (mut one, mut two) = (Shop::new(5), Shop::new(5));
        for _ in 0..200 {
            let (a, b) = (one.record(NOW), two.record(NOW));
            assert!(a.value == b.value && a.key == b.key && a.headers == b.headers);
        }
    }

    #[test]
    fn the_traffic_has_everything_a_shop_sends() {
        let mut shop = Shop::new(1);
        let (mut sound, mut odd, mut gpc, mut silent, mut bytes, mut events) = (0, 0, 0, 0, 0, 0);
        let mut planted = Counts::default();
        let hunter = Hunter::new();
        for _ in 0..4000 {
            let made = shop.record(NOW);
            let value = made.value.unwrap_or_default();
            hunter.count(&value, &mut planted);
            gpc += u64::from(made.headers.iter().any(|(name, _)| *name == "Sec-GPC"));
            if made.sound {
                sound += 1;
                events += made.events;
                bytes += value.len() as u64;
                let body: Value = serde_json::from_slice(&value).unwrap();
                assert_eq!(body["batch"].as_array().unwrap().len() as u64, made.events);
                silent += u64::from(body["batch"][0]["context"].get("consent").is_none());
            } else {
                odd += 1;
            }
        }
        // Under the quarantine breaker's 5 %, and never none.
        assert!((20..160).contains(&odd), "{odd} of 4000 are odd");
        assert!(gpc > 200 && silent > 500, "{gpc} with GPC, {silent} without consent");
        assert!((1500..2100).contains(&(bytes / events)), "{} bytes an event, {sound} sound", bytes / events);
        for (category, count) in CATEGORIES.iter().zip(planted) {
            assert!(count > 20, "{category} occurs {count} times");
        }
    }
}
