//! What goes to the quarantine topic, and the breaker that stops a pipeline that quarantines too much.
//!
//! A note holds coordinates, a reason and the policy's digest. It never holds a value: the raw topic still has the
//! record. The breaker counts what was committed, per policy, over the last minute; when it trips, the policy's topics
//! are paused and nothing is lost. The trap: it must not trip on a handful of bad events in a quiet hour.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::engine::QuarantineNote;
use crate::engine::report::Report;
use crate::runtime::batch::{Shared, now_ms};
use crate::runtime::pipeline::lock;
use crate::runtime::state::HaltReason;

/// Fewer quarantined events than this in the window never trip the breaker.
pub const BREAKER_FLOOR: u64 = 100;

/// The breaker's window, in milliseconds.
pub const BREAKER_WINDOW_MS: i64 = 60_000;

/// The record key of a note: `topic/partition/offset/index`, without the index where there is none.
pub fn note_key(note: &QuarantineNote<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(format!("{}/{}/{}", note.topic(), note.partition(), note.offset()).as_bytes());
    if let Some(index) = note.index() {
        out.extend_from_slice(format!("/{index}").as_bytes());
    }
}

/// The record value of a note, at the time `now_ms`.
pub fn note_value(note: &QuarantineNote<'_>, now_ms: i64, out: &mut Vec<u8>) {
    let value = value_text(
        [note.topic(), note.reason().as_str(), note.policy_digest()],
        note.partition(),
        note.offset(),
        note.index(),
        now_ms,
    );
    out.clear();
    out.extend_from_slice(value.as_bytes());
}

/// `words`: topic, reason and policy digest. None of them needs escaping: Kafka allows `[a-zA-Z0-9._-]` in a topic's
/// name, reasons come from a closed list, and a digest is hexadecimal.
fn value_text(words: [&str; 3], partition: i32, offset: i64, index: Option<u32>, now_ms: i64) -> String {
    let [topic, reason, policy] = words;
    let index = index.map_or_else(|| "null".to_owned(), |index| index.to_string());
    let at = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    format!(
        "{{\"v\":1,\"topic\":\"{topic}\",\"partition\":{partition},\"offset\":{offset},\"index\":{index},\
         \"reason\":\"{reason}\",\"policy\":\"{policy}\",\"at\":\"{at:.3}\"}}"
    )
}

/// Trips when more than a share of the events of the last minute, and at least [`BREAKER_FLOOR`], went to quarantine.
pub struct Breaker {
    max_ratio: f64,
    windows: Vec<Mutex<Window>>,
}

#[derive(Default)]
struct Window {
    /// Second, events, quarantined.
    seconds: VecDeque<(i64, u64, u64)>,
}

impl Breaker {
    /// For so many policies. `max_ratio` is a share, 0.05 for five per cent.
    pub fn new(policies: usize, max_ratio: f64) -> Breaker {
        Breaker { max_ratio, windows: (0..policies).map(|_| Mutex::default()).collect() }
    }

    /// Counts a committed batch of a policy, and halts the policy if that was too much.
    pub fn observe(&self, policy: usize, report: &Report, shared: &Shared) {
        if self.count(policy, report.events(), report.quarantined(), now_ms())
            && shared.state.halt(policy, HaltReason::QuarantineRatio, true)
        {
            let name = shared.engines.get(policy).map_or("", |engine| &engine.policy().name);
            tracing::error!(policy = %name, "halted: too many events went to quarantine; its topics wait");
            shared.metrics.halted(HaltReason::QuarantineRatio, true);
        }
    }

    /// Adds to the window. True if the breaker trips; the window then starts anew, for when the halt is lifted.
    fn count(&self, policy: usize, events: u64, quarantined: u64, now_ms: i64) -> bool {
        let Some(window) = self.windows.get(policy) else { return false };
        let mut window = lock(window);
        let second = now_ms.div_euclid(1000);
        match window.seconds.back_mut() {
            Some(last) if last.0 == second => {
                last.1 += events;
                last.2 += quarantined;
            }
            _ => window.seconds.push_back((second, events, quarantined)),
        }
        window.seconds.retain(|(at, ..)| *at > second - BREAKER_WINDOW_MS / 1000);
        let (events, bad) = window.seconds.iter().fold((0, 0), |(e, q), second| (e + second.1, q + second.2));
        let trips = bad >= BREAKER_FLOOR && bad as f64 > self.max_ratio * events as f64;
        if trips {
            window.seconds.clear();
        }
        trips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_coordinates_and_nothing_else() {
        assert_eq!(
            value_text(["collector.web", "invalid_json", "ab12"], 3, 17, Some(2), 1_700_000_000_123),
            r#"{"v":1,"topic":"collector.web","partition":3,"offset":17,"index":2,"reason":"invalid_json","policy":"ab12","at":"2023-11-14T22:13:20.123Z"}"#
        );
        assert!(value_text(["t", "shape", "00"], 0, 0, None, 0).contains(r#""index":null"#));
    }

    #[test]
    fn the_breaker_wants_both_a_share_and_a_number() {
        let breaker = Breaker::new(1, 0.05);
        assert!(!breaker.count(0, 99, 99, 1_000), "too few");
        assert!(breaker.count(0, 1, 1, 1_000), "a hundred of a hundred");
        assert!(!breaker.count(0, 99, 99, 2_000), "starts anew");
        assert!(!breaker.count(0, 10_000, 0, 3_000));
        assert!(!breaker.count(0, 0, 400, 4_000), "499 of 10 099 are less than five per cent");
        assert!(breaker.count(0, 0, 10, 5_000));
    }

    #[test]
    fn the_breaker_forgets_after_a_minute() {
        let breaker = Breaker::new(1, 0.05);
        assert!(!breaker.count(0, 99, 99, 0));
        assert!(!breaker.count(0, 99, 99, 60_000));
        assert!(breaker.count(0, 1, 1, 61_000 - 1));
    }
}
