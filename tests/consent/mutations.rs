//! Mutated strings of every standard: no panic, no string that takes over a millisecond, and none that gains a grant which
//! a second, independent reader does not find in the same mutant.
//!
//! `TAMIS_MUTATIONS` is the number of mutants, over all standards; 100,000 unless told. A seed belongs to each mutant: a
//! failure names it, and `TAMIS_FIRST_MUTANT` begins there.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::reference::random::Random;
use crate::standards::{STANDARDS, Standard};

/// What one string may take of a processor. Test builds are slower, and CI is not alone on its machine.
const MOST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 20 } else { 1 });

/// Characters that mutants are made of, beside those of strings.
const ODD: &[char] = &['.', '~', '=', '+', '/', ' ', '1', 'Y', 'N', '-', 'é', '\0', ',', ':', '|'];
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[test]
fn mutants_never_panic_never_take_long_and_never_gain_a_grant() {
    let total = std::env::var("TAMIS_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000usize);
    for standard in STANDARDS {
        run(standard, total / STANDARDS.len());
    }
}

fn run(standard: &Standard, mutants: usize) {
    let name = standard.name;
    let (mut granting, mut drawn, mut still, mut slowest) = (0, 0, 0, Duration::ZERO);
    let first = std::env::var("TAMIS_FIRST_MUTANT").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    for seed in first..first + mutants as u64 {
        let mut random = Random::new(seed ^ 0x7363_6967_6e61_6c73);
        let base = (standard.draw)(&mut random);
        if seed % 10 == 0 {
            drawn += 1;
            granting += usize::from(!(standard.product)(&base).is_empty());
        }
        let mutant = mutate(&base, standard, &mut random);
        let (grants, took) = timed(standard, &mutant);
        slowest = slowest.max(took);
        assert!(took <= MOST, "{name}, seed {seed}: {took:?} for {} bytes", mutant.len());
        if grants.is_empty() {
            continue;
        }
        still += 1;
        let found = (standard.naive)(&mutant);
        let gained: Vec<&String> = grants.difference(&found).collect();
        assert!(
            gained.is_empty(),
            "{name}, seed {seed}: only the product finds {gained:?} in\n{mutant}\nmade of\n{base}"
        );
    }
    assert!(granting * 100 >= drawn * standard.granting, "{name}: only {granting} of {drawn} strings grant anything");
    println!("{name}: {mutants} mutants, {still} of them still granted something, the slowest took {slowest:?}");
}

/// The least of up to five tries, in the thread's own time: what is over the bound once may have met an interrupt.
fn timed(standard: &Standard, text: &str) -> (crate::standards::Grants, Duration) {
    let mut least = Duration::MAX;
    let mut grants = Default::default();
    for _ in 0..5 {
        let start = thread_time();
        grants = (standard.product)(text);
        least = least.min(thread_time().saturating_sub(start));
        if least <= MOST {
            break;
        }
    }
    (grants, least)
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// One to four changes of all kinds that writers, networks and attackers make.
fn mutate(text: &str, standard: &Standard, random: &mut Random) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.below(4) {
        change(&mut text, standard, random);
    }
    text.into_iter().collect()
}

fn change(text: &mut Vec<char>, standard: &Standard, random: &mut Random) {
    if text.is_empty() {
        text.push('C');
    }
    let at = random.below(text.len());
    match random.below(12) {
        // One bit of one character: most of these stay well formed.
        0..=3 => text[at] = flip(text[at], random),
        4 => text[at] = character(random),
        5 => text.insert(at, character(random)),
        6 => drop(text.remove(at)),
        7 => text.truncate(at),
        8 => {
            let part: Vec<char> = text[at..(at + 1 + random.below(30)).min(text.len())].to_vec();
            let to = random.below(text.len());
            text.splice(to..to, part);
        }
        9 => {
            // The head of one string and the tail of another.
            let other: Vec<char> = (standard.draw)(random).chars().collect();
            text.truncate(at);
            text.extend(&other[random.below(other.len())..]);
        }
        10 => shuffle(text, random),
        // Runs of one character: counts and ranges at their ends.
        _ => {
            let fill = random.pick(&['A', '_', '-', 'g']);
            let end = (at + 1 + random.below(60)).min(text.len());
            text[at..end].fill(fill);
        }
    }
}

fn flip(character: char, random: &mut Random) -> char {
    match BASE64URL.find(character) {
        Some(value) => BASE64URL.chars().nth(value ^ (1 << random.below(6))).unwrap(),
        None => random.pick(ODD),
    }
}

fn character(random: &mut Random) -> char {
    if random.chance(20) { random.pick(ODD) } else { BASE64URL.chars().nth(random.below(64)).unwrap() }
}

/// Segments or sections in another order, one of them twice or left out.
fn shuffle(text: &mut Vec<char>, random: &mut Random) {
    let whole: String = text.iter().collect();
    let separator = if whole.contains('~') && random.chance(50) { '~' } else { '.' };
    let mut parts: Vec<&str> = whole.split(separator).collect();
    let at = random.below(parts.len());
    match random.below(3) {
        0 => parts.swap(0, at),
        1 => parts.push(parts[at]),
        _ => drop(parts.remove(at)),
    }
    *text = parts.join(&separator.to_string()).chars().collect();
}
