//! What inserting, judging and reading cost. Run it in release to get numbers; here it only shows that it runs.
//!
//!     cargo test --release --test consent_choice speed -- --ignored --nocapture

use std::hint::black_box;
use std::time::Instant;

use tamis::engine::consent::Purpose;
use tamis::engine::consent::choice::{
    Choice, ConsentRecord, History, IndexKey, Purposes, Stance, SubjectKey, insert, record,
};
use tamis::engine::consent::signals::says::{Moment, Precision};

const ROUNDS: u32 = 1_000_000;
const AT: i64 = 1_772_357_400_000;

fn nanoseconds(name: &str, mut work: impl FnMut(u32)) {
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            (0..ROUNDS).for_each(&mut work);
            start.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
        })
        .fold(f64::MAX, f64::min);
    println!("{name:<44} {best:>8.1} ns");
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let purposes = Purposes::default();
    let choice = |stance, at| Choice {
        statements: ["analytics.audience", "ads.profile", "ads.measure"]
            .map(|name| (Purpose::parse(name).unwrap(), stance))
            .to_vec(),
        everything_denied: false,
        ..Choice::deny_all(SubjectKey::from_bytes([1; 16]), Moment { ms: at, precision: Precision::Ms })
    };
    let first = choice(Stance::Granted, AT);
    let renewals: Vec<Choice> = (1..4).map(|n| choice(Stance::Granted, AT + n * 86_400_000)).collect();
    let withdrawal = choice(Stance::Withdrawn, AT + 5 * 86_400_000);
    let mut bytes = Vec::new();
    nanoseconds("insert, 3 purposes, first choice", |_| {
        bytes.clear();
        black_box(insert(&mut bytes, black_box(&first), &purposes));
    });
    println!("{:<44} {:>8} bytes", "a subject with 3 purposes", bytes.len());
    nanoseconds("insert, 3 purposes, came before", |_| {
        black_box(insert(&mut bytes, black_box(&first), &purposes));
    });
    for renewal in &renewals {
        insert(&mut bytes, renewal, &purposes);
    }
    let twelve = bytes.clone();
    nanoseconds("insert, 3 purposes, withdrawal over 12 grants", |_| {
        bytes.clone_from(&twelve);
        black_box(insert(&mut bytes, black_box(&withdrawal), &purposes));
    });
    let granted = {
        let mut bytes = Vec::new();
        insert(&mut bytes, &first, &purposes);
        bytes
    };
    let now = Some(AT + 10);
    for (name, history) in [("3 grants", &granted), ("12 grants", &twelve), ("3 withdrawals", &bytes)] {
        nanoseconds(&format!("judge one purpose, {name}"), |n| {
            let purpose = [1, 5, 6][n as usize % 3];
            black_box(History(black_box(history)).judge(purpose, now, AT + 20, 183 * 86_400_000));
        });
    }
    let index = IndexKey::new([1; 32]);
    let value = br#"{"v":1,"id":"0192f0c4-5b1e-7a11-8a54-3d1d2b7c9e01","subject":{"account":"u-48213"},"purposes":{"analytics.audience":"granted","ads.profile":"denied","ads.measure":"denied"},"at":"2026-03-01T09:30:00.250Z","precision":"ms","source":"cmp"}"#;
    let key = b"0192f0c4-5b1e-7a11-8a54-3d1d2b7c9e01";
    nanoseconds("read a record of 3 purposes", |_| {
        let read = record::read(Some(key), black_box(value), &index);
        assert!(matches!(black_box(read), Ok(ConsentRecord::Choice(_))));
    });
}
