//! What the shop's pages send: one event of Segment's tracking format, about one person.
//!
//! Like real events, most of it nobody asked for: the library adds addresses, agents and campaign ids, developers put
//! people into URLs, titles and free text, and once in a while into a key.

use serde_json::{Map, Value, json};

use crate::cli::demo::shop::people::Person;
use crate::cli::demo::shop::random::Random;

/// What happens in the shop, and how often in a hundred.
const CALLS: &[(&str, u64)] = &[
    ("page", 40),
    ("Product Viewed", 22),
    ("Product Added", 9),
    ("Checkout Started", 3),
    ("Order Completed", 8),
    ("Signed Up", 5),
    ("identify", 6),
    ("Search", 7),
];

const PAGES: &[&str] = &["Home", "Category", "Product", "Cart", "Checkout", "Help", "Returns"];

const PRODUCTS: &[(&str, &str, f64)] = &[
    ("Sieve, fine mesh", "Kitchen", 18.5),
    ("Colander, enamel", "Kitchen", 32.0),
    ("Tea strainer", "Tea", 7.9),
    ("Flour sifter", "Baking", 14.25),
    ("Drum sieve, 30 cm", "Baking", 41.0),
    ("Spider skimmer", "Kitchen", 11.4),
];

/// One event at this time, in milliseconds since 1970.
pub fn event(random: &mut Random, person: &Person, now_ms: i64) -> Value {
    let call = call(random);
    let at = time(now_ms - random.between(0, 4000) as i64);
    let mut event = Map::new();
    let kind = if matches!(call, "page" | "identify") { call } else { "track" };
    event.insert("type".to_owned(), json!(kind));
    event.insert("messageId".to_owned(), json!(format!("ajs-next-{}-{}", now_ms, random.hex(12))));
    event.insert("anonymousId".to_owned(), json!(person.device));
    // Before they sign in, people have no account; a tracking library then sends null.
    let known = random.percent(60) || matches!(call, "identify" | "Order Completed" | "Signed Up");
    event.insert("userId".to_owned(), if known { json!(person.account) } else { Value::Null });
    match kind {
        "track" => drop(event.insert("event".to_owned(), json!(call))),
        "page" => drop(event.insert("name".to_owned(), json!(random.one(PAGES)))),
        _ => {}
    }
    event.insert("properties".to_owned(), properties(random, person, call));
    if matches!(call, "identify" | "Signed Up") {
        event.insert("traits".to_owned(), traits(random, person));
    }
    event.insert("context".to_owned(), context(random, person, call));
    event.insert("timestamp".to_owned(), json!(at));
    event.insert("sentAt".to_owned(), json!(time(now_ms)));
    event.insert("originalTimestamp".to_owned(), json!(at));
    event.insert("channel".to_owned(), json!("client"));
    event.insert("version".to_owned(), json!(2));
    event.insert("integrations".to_owned(), json!({"All": true, "Ad Network": {"clickId": random.hex(16)}}));
    event.insert("_metadata".to_owned(), json!({"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []}));
    Value::Object(event)
}

/// `2026-01-31T12:34:56.789Z`
pub fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| "1970-01-01T00:00:00.000Z".to_owned(), |t| format!("{t:.3}"))
}

fn call(random: &mut Random) -> &'static str {
    let mut left = random.between(0, CALLS.iter().map(|(_, share)| share).sum());
    for (call, share) in CALLS {
        if left < *share {
            return call;
        }
        left -= share;
    }
    "page"
}

fn properties(random: &mut Random, person: &Person, call: &str) -> Value {
    match call {
        "page" => json!({
            "title": title(random, person), "path": "/sieves", "referrer": referrer(random, person),
            "search": "?sort=price", "url": url(random, person),
        }),
        "Search" => json!({ "query": search(random, person), "results": random.between(0, 40) }),
        "Order Completed" => order(random, person),
        "Checkout Started" => cart(random, person),
        "Signed Up" => json!({"method": "form", "email": person.email, "newsletter": random.percent(50)}),
        "identify" => json!({}),
        _ => {
            let (name, category, price) = PRODUCTS[random.between(0, PRODUCTS.len() as u64) as usize];
            json!({
                "product_id": format!("sku-{}", random.between(100, 999)), "name": name, "category": category,
                "price": price, "value": price, "currency": person.place.currency, "quantity": random.between(1, 4),
                "image_url": "https://cdn.example.com/img/sieve.jpg",
            })
        }
    }
}

/// What is bought. Where a shop has gift cards and refunds, their numbers end up in fields that were meant for others.
fn cart(random: &mut Random, person: &Person) -> Value {
    let mut total = 0.0;
    let products: Vec<Value> = (0..random.between(1, 4))
        .map(|_| {
            let (name, category, price) = PRODUCTS[random.between(0, PRODUCTS.len() as u64) as usize];
            total += price;
            let (sku, category) = match random.between(0, 50) {
                0 | 1 => (format!("gift {}", person.card), category.to_owned()),
                2 => (format!("refund {}", person.iban), category.to_owned()),
                3 => ("gift-card".to_owned(), format!("Gifts, tell {}", person.phone)),
                _ => (format!("sku-{}", random.between(100, 999)), category.to_owned()),
            };
            json!({"product_id": sku, "sku": sku, "name": name, "category": category, "price": price, "quantity": 1})
        })
        .collect();
    let total = (total * 100.0_f64).round() / 100.0;
    json!({
        "order_id": format!("o-{}", random.between(100_000, 999_999)),
        "total": total, "revenue": total, "currency": person.place.currency, "products": products,
    })
}

fn order(random: &mut Random, person: &Person) -> Value {
    let mut order = cart(random, person);
    order["payment"] = json!({"method": "card", "card_number": person.card});
    order["shipping"] = json!({"name": format!("{} {}", person.first, person.last), "street": person.street,
        "city": person.place.city, "phone": person.phone});
    if random.percent(30) {
        let note = match random.between(0, 3) {
            0 => format!("please call {} before delivery", person.phone),
            1 => format!("refund to {}", person.iban),
            _ => format!("charge {} again, mail {}", person.card, person.email),
        };
        order["note"] = json!(note);
    }
    if random.percent(4) {
        // A developer used the address as a key.
        order["recipients"] = json!({ person.email.clone(): "owner" });
    }
    order
}

fn traits(random: &mut Random, person: &Person) -> Value {
    json!({
        "email": person.email, "firstName": person.first, "lastName": person.last, "phone": person.phone,
        "address": {"street": person.street, "city": person.place.city, "country": person.place.country},
        "iban": person.iban, "plan": random.one(&["free", "premium", "business"]), "logins": random.between(0, 150),
    })
}

/// The page's address, with what links and forms put there.
fn url(random: &mut Random, person: &Person) -> String {
    let shop = "https://shop.example.com";
    match random.between(0, 20) {
        0 => format!("{shop}/account/{}/orders?page=2", person.email),
        1 | 2 => format!("{shop}/sieves?page=2&sort=price&email={}", person.email.replace('@', "%40")),
        3 | 4 => format!("{shop}/sieves?page=2&uid={}&gclid={}", person.account, random.hex(16)),
        5 | 6 => format!("{shop}/sieves?sort=price&fbclid={}#token={}", random.hex(16), random.hex(16)),
        _ => format!("{shop}/sieves?page=2&sort=price"),
    }
}

fn referrer(random: &mut Random, person: &Person) -> String {
    match random.between(0, 25) {
        0 => format!("https://mail.example.com/read/{}", person.email),
        _ => "https://search.example.com/?q=tamis".to_owned(),
    }
}

/// A campaign; some teams write the recipient or the sender's server into it.
fn campaign(random: &mut Random, person: &Person) -> Value {
    let (name, source) = match random.between(0, 40) {
        0 => (format!("winback {}", person.email), "newsletter".to_owned()),
        1 => ("autumn".to_owned(), person.ip.clone()),
        _ => ("autumn".to_owned(), "newsletter".to_owned()),
    };
    json!({"name": name, "source": source, "medium": "email", "content": random.hex(8)})
}

fn title(random: &mut Random, person: &Person) -> String {
    match random.between(0, 12) {
        0 => format!("Welcome back, {} {}", person.first, person.last),
        1 => format!("Orders of {} | Sieve Shop", person.email),
        2 => "Siebe & Küchenhelfer | Sieve Shop".to_owned(),
        _ => "Sieves | Sieve Shop".to_owned(),
    }
}

fn search(random: &mut Random, person: &Person) -> String {
    match random.between(0, 10) {
        0 => person.email.clone(),
        1 => format!("order {}", person.phone),
        _ => random.one(&["tamis", "tea strainer", "fine mesh", "passoire"]).to_owned(),
    }
}

fn context(random: &mut Random, person: &Person, call: &str) -> Value {
    let mut context = json!({
        "ip": person.ip,
        "userAgent": person.browser,
        "locale": person.place.locale,
        "timezone": "UTC",
        "page": {"path": "/sieves", "referrer": referrer(random, person), "search": "?page=2&sort=price",
            "title": title(random, person), "url": url(random, person)},
        "screen": {"width": 1920, "height": 1080, "density": 2},
        "campaign": campaign(random, person),
        "library": {"name": "analytics.js", "version": "next-1.81.0"},
        "geo": {"country": person.place.country, "region": person.place.region, "city": person.place.city},
    });
    context["userAgentData"] = json!({"brands": [{"brand": "Not;A=Brand", "version": "8"},
        {"brand": "Chromium", "version": "141"}], "mobile": false, "platform": "Linux"});
    context["os"] = json!({"name": "Linux", "version": "6.12"});
    context["network"] = json!({"bluetooth": false, "cellular": false, "wifi": true, "carrier": null});
    if call == "page" {
        context["referrer"] =
            json!({"type": "search", "name": "Search Example", "link": "https://search.example.com/"});
    }
    if let Some((analytics, advertising)) = person.consent {
        context["consent"] = json!({"categoryPreferences": {"Analytics": analytics, "Advertising": advertising}});
    }
    context
}
