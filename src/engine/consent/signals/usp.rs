//! US Privacy strings, version 1 (IAB Tech Lab, "U.S. Privacy String", 2019-11): `us_privacy`, and section 6 of GPP.
//!
//! Four characters: `1`, explicit notice, opt-out of sale, LSPA; each of the last three `Y`, `N` or `-`. Only the third
//! says something about the person: `Y` is an opt-out of sale. `N` is no grant. `1---` says that the law does not apply;
//! where it applies is not the string's to say, so it is no statement and relaxes nothing.
//!
//! Lower case is read like upper case, as the framework's own scripts do: it can only turn up more opt-outs. There is no
//! version 2, although a decoder that is around reads one.

use super::gpp::Value;
use super::says::{Known, Malformed, Refusal, Says};

/// A decoded US Privacy string. It holds what a person chose: it cannot be printed.
pub struct Usp {
    notice: Answer,
    opt_out: Answer,
    lspa: Answer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    NotApplicable,
}

impl Answer {
    fn read(byte: u8) -> Result<Answer, Malformed> {
        match byte {
            b'Y' | b'y' => Ok(Answer::Yes),
            b'N' | b'n' => Ok(Answer::No),
            b'-' => Ok(Answer::NotApplicable),
            _ => Err(Malformed::Character),
        }
    }

    fn character(self) -> char {
        match self {
            Answer::Yes => 'Y',
            Answer::No => 'N',
            Answer::NotApplicable => '-',
        }
    }
}

/// Reads the four characters.
///
/// # Errors
/// Not four of them, another version, or a character that its place does not allow.
pub fn decode(text: &str) -> Result<Usp, Malformed> {
    match *text.as_bytes() {
        [] => Err(Malformed::Empty),
        [b'1', notice, opt_out, lspa] => {
            Ok(Usp { notice: Answer::read(notice)?, opt_out: Answer::read(opt_out)?, lspa: Answer::read(lspa)? })
        }
        [b'0'..=b'9', _, _, _] => Err(Malformed::Version),
        [_, _, _, _] => Err(Malformed::Character),
        [_, _, _, _, ..] => Err(Malformed::TooLong),
        _ => Err(Malformed::Truncated),
    }
}

/// Reads a string and takes its word.
///
/// # Errors
/// It cannot be decoded, or says that it does not apply.
pub fn read(text: &str) -> Result<Says, Refusal> {
    decode(text)?.says()
}

impl Usp {
    /// What it says: nothing, or an opt-out of sale.
    ///
    /// # Errors
    /// [`Refusal::NotApplicable`] for `1---`.
    pub fn says(&self) -> Result<Says, Refusal> {
        let all = [self.notice, self.opt_out, self.lspa];
        if all.iter().all(|answer| *answer == Answer::NotApplicable) {
            return Err(Refusal::NotApplicable);
        }
        let opted_out = if self.opt_out == Answer::Yes { Known::of("sale_share") } else { Known::EMPTY };
        Ok(Says { opted_out, ..Says::default() })
    }

    /// Every field by the specification's name.
    pub fn fields(&self, each: &mut dyn FnMut(&'static str, Value)) {
        each("Version", Value::Number(1));
        each("Notice", Value::Character(self.notice.character()));
        each("OptOutSale", Value::Character(self.opt_out.character()));
        each("LspaCovered", Value::Character(self.lspa.character()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opts_out(text: &str) -> bool {
        let says = read(text).unwrap();
        assert!(says.granted.is_empty() && says.denied.is_empty() && !says.strict && says.at.is_none());
        !says.opted_out.is_empty()
    }

    #[test]
    fn only_the_third_character_speaks_about_the_person() {
        // privacy.md scenario e.
        assert!(!opts_out("1YNN"));
        assert!(opts_out("1-Y-"));
        assert_eq!(read("1---"), Err(Refusal::NotApplicable));
        for text in ["1NYY", "1YYN", "1yyn", "1-y-"] {
            assert!(opts_out(text), "{text}");
        }
        for text in ["1YNY", "1Y--", "1NN-", "1--Y"] {
            assert!(!opts_out(text), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for (text, refusal) in [
            ("", Refusal::Malformed),
            ("1", Refusal::Malformed),
            ("1YN", Refusal::Malformed),
            ("1YNNN", Refusal::Malformed),
            ("1YXN", Refusal::Malformed),
            ("1Y N", Refusal::Malformed),
            (" 1YN", Refusal::Malformed),
            ("2YNY", Refusal::Version),
            ("0YYY", Refusal::Version),
            ("1Yé", Refusal::Malformed),
            ("1YY\0", Refusal::Malformed),
        ] {
            assert_eq!(read(text), Err(refusal), "{text:?}");
        }
    }
}
