//! Generated values, 10,000 for each action and parameter: what is let through is left alone the second time.

use tamis::engine::action::Literal;

use super::*;

/// Seeded: the same values every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len() as u64) as usize]
    }

    fn number(&mut self) -> String {
        let sign = self.pick(&["", "", "-"]);
        let whole = match self.roll(4) {
            0 => "0".to_owned(),
            1 => (self.roll(1_000_000_000) * self.roll(1_000_000_000)).to_string(),
            _ => self.roll(100_000).to_string(),
        };
        let fraction = if self.roll(2) == 0 { format!(".{:03}", self.roll(1000)) } else { String::new() };
        let exponent =
            if self.roll(5) == 0 { format!("e{}{}", self.pick(&["", "+", "-"]), self.roll(40)) } else { String::new() };
        format!("{sign}{whole}{fraction}{exponent}")
    }

    fn time(&mut self) -> String {
        let (dash, colon) = self.pick::<(&str, &str)>(&[&("-", ":"), &("-", ":"), &("", "")]).to_owned();
        let date = format!("{:04}{dash}{:02}{dash}{:02}", self.roll(10_000), self.roll(12) + 1, self.roll(29) + 1);
        let clock = format!("{}{:02}{colon}{:02}", self.pick(&["T", " ", "t"]), self.roll(24), self.roll(60));
        let seconds = format!("{colon}{:02}", self.roll(61));
        let decimals = format!("{}{}", self.pick(&[".", ","]), self.roll(100_000_000));
        let offset = match self.roll(4) {
            0 => self.pick(&["", "Z", "z"]).to_owned(),
            _ => format!(
                "{}{:02}{}{}",
                self.pick(&["+", "-"]),
                self.roll(24),
                self.pick(&["", ":"]),
                self.pick(&["00", "30", "45"])
            ),
        };
        match self.roll(4) {
            0 => date,
            1 => date + &clock + &offset,
            2 => date + &clock + &seconds + &offset,
            _ => date + &clock + &seconds + &decimals + &offset,
        }
    }

    fn address(&mut self) -> String {
        match self.roll(4) {
            0 => format!("{}.{}.{}.{}", self.roll(256), self.roll(256), self.roll(256), self.roll(256)),
            1 => format!("::ffff:{}.{}.{}.{}", self.roll(256), self.roll(256), self.roll(256), self.roll(256)),
            2 => format!(
                "{}:{:x}::{:x}",
                self.pick(&["2001:db8", "2002", "64:ff9b"]),
                self.roll(65536),
                self.roll(65536)
            ),
            _ => (0..8)
                .map(|_| format!("{:x}", if self.roll(2) == 0 { 0 } else { self.roll(65536) }))
                .collect::<Vec<_>>()
                .join(":"),
        }
    }

    fn string(&mut self, pieces: &[&str], most: u64) -> String {
        (0..self.roll(most)).map(|_| self.pick(pieces)).collect()
    }
}

const TEXT: &[&str] = &[
    "a",
    "B",
    "é",
    "中",
    "7",
    "٣",
    "*",
    "@",
    ".",
    "example.com",
    "x@y.co",
    "-",
    " ",
    "_",
    "0",
    "\"",
    "\\",
    "\u{301}",
    "🙂",
    "\n",
    "'",
];
const URL: &[&str] = &[
    "https://",
    "http:",
    "/",
    "//",
    "shop.example",
    "?",
    "&",
    "=",
    "#",
    "page",
    "page=1",
    "p%61ge=2",
    "x=1",
    "@",
    "user:pw@",
    ":",
    ":80",
    ";",
    "+",
    "%",
    "%3A%2F%2F",
    "\\",
    ".",
    "..",
    "[::1]",
    " ",
    "é",
    "\"",
];
const AGENT: &[&str] = &[
    "Mozilla/5.0 ",
    "Chrome/120.0.0.0 ",
    "Safari/605.1 ",
    "Version/17.2 ",
    "Edg/119.1 ",
    "Opera/9.80 ",
    "Trident/7.0; ",
    "rv:11.0) ",
    "MSIE 10.0; ",
    "Chrome/",
    "12345 ",
    "curl/8 ",
    "Googlebot/2.1; ",
    "(",
    "; ",
    "Other",
    "Safari ",
    "IE/9 ",
    "alice ",
];

/// Applies twice and asks for the same JSON; returns how often something was let through.
fn idempotent(action: &Action, value: &str, as_number: bool) -> bool {
    let scalar = if as_number { Scalar::Number(value) } else { Scalar::String(value) };
    let Ok(once) = run(action, scalar) else { return false };
    let unescaped: Option<String> = serde_json::from_str(&once).ok();
    let again = match &unescaped {
        Some(text) => Scalar::String(text),
        None => Scalar::Number(&once),
    };
    assert_eq!(run(action, again).as_ref(), Ok(&once), "{action:?} on {value:?}");
    true
}

#[test]
fn actions_are_idempotent() {
    let mut dice = Dice(3);
    let mut check = |actions: &[Action], as_number: bool, make: &mut dyn FnMut(&mut Dice) -> String| {
        for action in actions {
            let passed = (0..10_000).filter(|_| idempotent(action, &make(&mut dice), as_number)).count();
            assert!(passed > 500, "{action:?} let only {passed} of 10,000 through: the generator proves little");
        }
    };
    check(&[Action::Mask { last: 0 }, Action::Mask { last: 3 }, Action::Mask { last: 9 }], false, &mut |dice| {
        dice.string(TEXT, 14)
    });
    let steps = [1000, 1500, 7000, 60_000, 90_000, 3_600_000, 86_400_000, 7 * 86_400_000];
    let times: Vec<Action> =
        steps.iter().flat_map(|step| [time(*step, None), time(*step, Some(TimeUnit::Milliseconds))]).collect();
    check(&times, false, &mut Dice::time);
    let units: Vec<Action> = steps
        .iter()
        .flat_map(|step| [time(*step, Some(TimeUnit::Seconds)), time(*step, Some(TimeUnit::Milliseconds))])
        .collect();
    check(&units, true, &mut Dice::number);
    check(&units, false, &mut Dice::number);
    check(&["10", "0.1", "0.25", "3", "1e5", "7e-7"].map(round), true, &mut Dice::number);
    check(&[bucket(&["-1e9", "0", "10", "1e2", "1000.50"])], true, &mut Dice::number);
    let prefixes = [(24, 40), (16, 48), (0, 0), (32, 128), (9, 65)];
    check(&prefixes.map(|(v4, v6)| Action::Ip { v4, v6 }), false, &mut Dice::address);
    check(&[url(&[]), url(&["page"]), url(&["page", "x"])], false, &mut |dice| dice.string(URL, 9));
    check(&[Action::UserAgent], false, &mut |dice| dice.string(AGENT, 8));
    check(
        &[Action::OneOf(vec![Literal::Number("0".into()), Literal::Number("1".into())]), Action::Keep],
        true,
        &mut |dice| dice.roll(3).to_string(),
    );
    check(
        &[Action::Fixed(Literal::String("x".into())), Action::Fixed(Literal::Number("1".into()))],
        false,
        &mut |dice| dice.string(TEXT, 3),
    );
}

#[test]
fn a_floored_time_is_never_later_and_less_than_a_grid_earlier() {
    let mut dice = Dice(5);
    for _ in 0..10_000 {
        let ms = dice.roll(1 << 31) as i64 * 1000 + dice.roll(1000) as i64;
        let step = [1000, 60_000, 90_000, 3_600_000, 86_400_000][dice.roll(5) as usize];
        let floored: i64 = number(&time(step, Some(TimeUnit::Milliseconds)), &ms.to_string())
            .expect("fits")
            .parse()
            .expect("a number");
        assert!(floored <= ms && ms - floored < step && floored % step == 0, "{ms} {step} {floored}");
    }
}
