//! The policy reader answers any bytes: it never panics, and it hands over a policy exactly if it reports no error.
//!
//! Seeded, so that a failure can be repeated. The fuzz target of the same name goes on where this stops.

use tamis::engine::Engine;
use tamis::engine::policy::{SourceFile, Table, place, read, render};

const ITERATIONS: usize = 20_000;

/// xorshift64*: small, seeded, good enough to choose bytes.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }
}

/// Words that stand in policies, and some that must not.
const WORDS: &[&str] = &[
    "keep",
    "drop",
    "token",
    "mask",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "- ",
    "\n",
    "\n  ",
    "$..*",
    "$.a[*]",
    "$.a[0]",
    "*x",
    "&x ",
    "<<",
    "|\n ",
    "\"",
    "'",
    "#",
    "!!str ",
    "---\n",
    "é",
    "\u{1F600}",
    "\u{FEFF}",
    "\0",
    "needs: ads.profile",
    "rotate: 30d",
    "1m",
    "1e309",
    "-0.0",
    "0x1F",
    ".nan",
    "99999999999999999999d",
    "envelope.$.x",
    "header.x",
    "key",
    "timestamp",
    "$['\\u00e9']",
    "$[?@.a]",
    "requires: []",
    "{keep: contact.email}",
    "{round: 1m, unit: s}",
    "{bucket: [1, 0]}",
    "{ip: {v4: 33, v6: 0}}",
    "fields:",
    "routes:",
];

fn mutate(text: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=[0, 0, 1, 5][dice.below(4)] {
        let at = dice.below(bytes.len() + 1);
        match dice.below(7) {
            0 => {
                let word = WORDS[dice.below(WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
            1 if at < bytes.len() => bytes[at] = dice.next() as u8,
            2 => {
                let end = (at + dice.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let end = (at + dice.below(60)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = dice.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            4 => {
                let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                if lines.len() > 1 {
                    let (from, to) = (dice.below(lines.len()), dice.below(lines.len()));
                    let line = lines[from];
                    lines.insert(to, line);
                }
                bytes = lines.concat();
            }
            5 if at < bytes.len() => bytes[at] = b" :{}[],'\"#&*!|>-?%@`\n\t"[dice.below(22)],
            _ => {}
        }
    }
    bytes
}

fn seeds() -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy.md")).expect("docs/policy.md");
    let mut seeds: Vec<String> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect();
    seeds.push(include_str!("golden/policy/design.yaml").to_owned());
    seeds.push(include_str!("golden/policy/five.yaml").to_owned());
    seeds
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let seeds = seeds();
    let mut dice = Dice(0x7A31_5EED);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..ITERATIONS {
        let mut files = vec![SourceFile::from_bytes("a.yaml", &mutate(&seeds[dice.below(seeds.len())], &mut dice))];
        if dice.below(4) == 0 {
            files.push(SourceFile::from_bytes("b.yaml", &mutate(&seeds[dice.below(seeds.len())], &mut dice)));
        }
        let reading = read(&files);
        let shown = render(&reading.problems, &files, dice.below(2) == 0);
        assert_eq!(shown.is_empty(), reading.problems.is_empty());
        for problem in &reading.problems {
            let at = place(problem.at.span, &files);
            assert!(at.line >= 1 && at.column >= 1 && !at.file.is_empty());
        }
        assert_eq!(reading.policies.len(), if reading.has_errors() { 0 } else { files.len() });
        accepted += usize::from(!reading.has_errors());
        refused += usize::from(reading.has_errors());
        for policy in reading.policies {
            Table::of(&policy).expect("an accepted policy has a table");
            Engine::new(policy).expect("an accepted policy makes an engine");
        }
    }
    assert!(accepted > ITERATIONS / 50 && refused > ITERATIONS / 2, "{accepted} accepted, {refused} refused");
}
