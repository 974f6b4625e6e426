//! What a consent string costs, decoding it and taking its word with nothing cached; and what a decision costs: two
//! subjects keyed and asked for, three purposes resolved, with the event's signals known or with a TC string to decode.
//!
//!     cargo bench --bench consent                 the table of docs/performance.md
//!     cargo bench --bench consent -- --check      fails if a typical TC string or a decision with signals known takes over 1 µs,
//!                                                 a decision with a TC string over 3 µs, or any string over 1 ms
//!
//! Strings are made up, from a seed. They take turns within each round; time is the thread's CPU time, and the table has
//! the median of the rounds with the least and the most.

mod decision;
#[path = "../../tests/consent/encode/bits.rs"]
mod encode_bits;
#[path = "../../tests/consent/encode/tcf.rs"]
mod encode_tcf;
#[allow(dead_code, unreachable_pub)] // written for tests, which use all of it
#[path = "../../tests/reference/random.rs"]
mod random;

/// Where the writers look for it.
mod reference {
    pub(crate) use crate::random;
}

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;

use encode_tcf::NOW_MS;
use random::Random;
use tamis::engine::consent::signals::says::Known;
use tamis::engine::consent::signals::tcf::{self, Reader};
use tamis::engine::consent::signals::{gpp, usp};

const ROUNDS: usize = 101;

/// How often a string is read in a round: long enough for the clock.
const TIMES: u32 = 1_000;

struct Case {
    name: &'static str,
    text: String,
    read: Box<dyn Fn(&str) -> bool>,
    /// Whether it must be taken.
    taken: bool,
    most_ns: f64,
}

fn main() {
    let check = std::env::args().any(|word| word == "--check");
    let cases = cases();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (case, times) in cases.iter().zip(&mut times) {
            let start = thread_ns();
            for _ in 0..TIMES {
                assert_eq!((case.read)(black_box(&case.text)), case.taken, "{}", case.name);
            }
            times.push((thread_ns() - start) as f64 / f64::from(TIMES));
        }
    }
    let mut text = String::from("| what | characters | ns (min–max) |\n|---|---:|---:|\n");
    let mut slow = Vec::new();
    for (case, times) in cases.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let (least, median, most) = (times[0], times[ROUNDS / 2], times[ROUNDS - 1]);
        let _ = writeln!(text, "| {} | {} | {median:.0} ({least:.0}–{most:.0}) |", case.name, case.text.len());
        if median > case.most_ns {
            slow.push(format!("{}: {median:.0} ns, may be {:.0}", case.name, case.most_ns));
        }
    }
    let _ = write!(text, "\n{ROUNDS} rounds of {TIMES} readings each.\n");
    let _ = std::io::stdout().write_all(text.as_bytes());
    assert!(!check || slow.is_empty(), "too slow:\n{}", slow.join("\n"));
}

fn cases() -> Vec<Case> {
    let mut random = Random::new(7);
    let tc =
        |name, text, read: fn(&str) -> bool, taken, most_ns| Case { name, text, read: Box::new(read), taken, most_ns };
    let mut typical = encode_tcf::taken(&mut random);
    let ids = |random: &mut Random, highest: usize, percent| -> BTreeSet<u16> {
        (1..=highest).filter(|_| random.chance(percent)).map(|id| id as u16).collect()
    };
    // A banner of a news site: some 150 vendors by ranges, a bitfield's worth disclosed.
    typical.vendors = ids(&mut random, 1_300, 8).into_iter().chain([755]).collect();
    typical.vendor_interests = ids(&mut random, 1_300, 4);
    typical.disclosed = Some(typical.vendors.iter().copied().chain(ids(&mut random, 1_300, 10)).collect());
    typical.restrictions.clear();
    typical.allowed = None;
    let small = encode_tcf::Said {
        vendors: BTreeSet::from([42, 755]),
        vendor_interests: BTreeSet::from([755]),
        disclosed: Some(BTreeSet::from([42, 755, 793])),
        ..typical.clone()
    };
    let restricted = encode_tcf::Said {
        restrictions: (2..=10).map(|purpose| (purpose, 1, ids(&mut random, 1_300, 4))).collect(),
        ..typical.clone()
    };
    let text = |said: &encode_tcf::Said, random: &mut Random| {
        // Of both ways to write lists, the shorter, as platforms do.
        (0..64).map(|_| encode_tcf::string_in(24, said, random)).min_by_key(String::len).unwrap_or_default()
    };
    let mut hostile = encode_tcf::string_in(24, &small, &mut random);
    hostile.truncate(212 / 6);
    hostile.push_str(&"_".repeat(7_700 - hostile.len()));
    let typical_text = text(&typical, &mut random);
    let decision = std::rc::Rc::new(decision::Decision::new(NOW_MS));
    let (known, decoded) = (std::rc::Rc::clone(&decision), decision);
    let decisions = [
        Case {
            name: "decision, two subjects asked, signals known",
            text: String::new(),
            read: Box::new(move |_| known.decide(None)),
            taken: true,
            most_ns: 1_000.0,
        },
        Case {
            name: "decision, two subjects asked, and the typical TC string decoded",
            text: typical_text.clone(),
            read: Box::new(move |text| decoded.decide(Some(text))),
            taken: true,
            most_ns: 3_000.0,
        },
    ];
    let strings = vec![
        tc("TC string, few vendors, for the publisher", text(&small, &mut random), publisher, true, 1_000.0),
        tc("TC string, typical, for the publisher", typical_text.clone(), publisher, true, 1_000.0),
        tc("TC string, typical, for a vendor", typical_text.clone(), vendor, true, 1_000.0),
        tc("  with restrictions of nine purposes", text(&restricted, &mut random), vendor, true, 1_000_000.0),
        tc("hostile: overlapping ranges without end", hostile, publisher, false, 100_000.0),
        tc("GPP string with that TC string", format!("DBABMA~{typical_text}"), in_gpp, true, 2_000.0),
        tc("GPP string of California", "DBABBg~BVqqqqpY.YA".to_owned(), in_gpp, true, 1_000.0),
        tc("US Privacy string", "1YNN".to_owned(), |text| usp::read(text).is_ok(), true, 100.0),
    ];
    strings.into_iter().chain(decisions).collect()
}

fn publisher(text: &str) -> bool {
    tcf::decode(text).is_ok_and(|tcf| black_box(tcf.says(Reader::Publisher, Known::EMPTY, NOW_MS)).is_ok())
}

fn vendor(text: &str) -> bool {
    tcf::decode(text).is_ok_and(|tcf| black_box(tcf.says(Reader::Vendor(755), Known::EMPTY, NOW_MS)).is_ok())
}

fn in_gpp(text: &str) -> bool {
    gpp::decode(text).is_ok_and(|gpp| {
        black_box(gpp.says(None, Reader::Publisher, Known::EMPTY, NOW_MS).map(|found| found.says)).is_ok()
    })
}

fn thread_ns() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
