//! Three seeded corpora of made-up events: what trackers send, small, middling and large.
//!
//! Sizes are those of real traffic: Segment's calls around 1.7 KB, GA4's measurement protocol around 0.4 KB, a shop's
//! order export around 3.4 KB. About one free string in ten holds personal data. The same seed makes the same bytes.

use serde_json::{Value, json};
use tamis::cli::demo::shop::Shop;
use tamis::cli::demo::shop::events::time;
use tamis::cli::demo::shop::people::Person;
use tamis::cli::demo::shop::random::Random;

/// Events of one shape.
pub(crate) struct Corpus {
    /// Its name in tables.
    pub(crate) name: &'static str,
    /// One JSON text each.
    pub(crate) events: Vec<Vec<u8>>,
}

impl Corpus {
    /// All bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.events.iter().map(Vec::len).sum()
    }
}

/// The three, of so many events each.
pub(crate) fn all(count: usize, now_ms: i64) -> Vec<Corpus> {
    let mut shop = Shop::new(11);
    let (mut small, mut large) = (Random::new(12), Random::new(13));
    vec![
        corpus("segment", count, || shop.event(now_ms)),
        corpus("ga4", count, || ga4(&mut small, now_ms)),
        corpus("shop", count, || order(&mut large, now_ms)),
    ]
}

fn corpus(name: &'static str, count: usize, mut make: impl FnMut() -> Value) -> Corpus {
    Corpus { name, events: (0..count).map(|_| make().to_string().into_bytes()).collect() }
}

fn ga4(random: &mut Random, now_ms: i64) -> Value {
    let person = Person::invent(random);
    let mut title = "Sieves | Sieve Shop".to_owned();
    if random.percent(10) {
        title = format!("Orders of {}", person.email);
    }
    json!({
        "client_id": format!("{}.{}", random.between(1_000_000_000, 2_000_000_000), now_ms / 1000),
        "user_id": person.account,
        "timestamp_micros": now_ms * 1000,
        "events": [{
            "name": random.one(&["page_view", "view_item", "add_to_cart"]),
            "params": {
                "session_id": now_ms / 1000, "engagement_time_msec": random.between(1, 90_000),
                "page_location": "https://shop.example.com/sieves?page=2&sort=price", "page_title": title,
                "page_referrer": "https://search.example.com/", "engaged_session_event": 1,
                "value": random.between(100, 9000) as f64 / 100.0, "currency": person.place.currency,
            },
        }],
        "ip_override": person.ip,
    })
}

fn order(random: &mut Random, now_ms: i64) -> Value {
    let person = Person::invent(random);
    let address = |kind: &str| {
        json!({"kind": kind, "name": format!("{} {}", person.first, person.last), "street": person.street,
            "city": person.place.city, "country": person.place.country, "phone": person.phone, "zip": "00000"})
    };
    let items: Vec<Value> = (0..7)
        .map(|at| {
            let note = match random.between(0, 10) {
                0 => format!("ask {} first", person.email),
                _ => "pack well, the rim bends easily".to_owned(),
            };
            json!({
                "sku": format!("sku-{}", random.between(100, 999)), "name": "Sieve, fine mesh", "brand": "Made Up & Sons",
                "category": "Kitchen", "variant": random.one(&["steel", "brass", "enamel"]), "position": at,
                "price": random.between(500, 9000) as f64 / 100.0, "quantity": random.between(1, 4), "note": note,
                "image": "https://cdn.example.com/img/sieve.jpg?w=640", "coupon": random.hex(8),
                "warehouse": {"code": random.one(&["LYS", "LEJ", "LBA"]), "shelf": random.hex(4)},
            })
        })
        .collect();
    json!({
        "type": "order", "version": "3.2", "orderId": format!("o-{}", random.between(100_000, 999_999)),
        "createdAt": time(now_ms), "channel": "web", "locale": person.place.locale, "currency": person.place.currency,
        "customer": {"id": person.account, "email": person.email, "firstName": person.first, "lastName": person.last,
            "device": person.device, "ip": person.ip, "userAgent": person.browser, "segments": ["newsletter", "repeat"]},
        "addresses": [address("shipping"), address("billing")],
        "items": items,
        "payment": {"method": "card", "card": person.card, "iban": person.iban, "status": "authorized"},
        "totals": {"net": 81.2, "tax": 16.24, "gross": 97.44, "discount": 0},
        "url": "https://shop.example.com/checkout/done?step=4&sort=price",
        "comment": if random.percent(10) { format!("call {}", person.phone) } else { "leave it at the door".to_owned() },
        "tags": ["autumn", "sale", random.one(&["a", "b"])],
    })
}
