//! Global Privacy Control (W3C): the header `Sec-GPC`, or a field that a page's script copied from the browser.
//!
//! As a header only the value `1` counts (W3C GPC §3.1: the field value is the single character `1`); `0` or `true` are no
//! signal. Proxies join a header that is sent twice with a comma and leave white space around it (RFC 9110 §5.3, §5.5):
//! a `1` between commas is on. As a JSON field, `true` counts too, because `navigator.globalPrivacyControl` is a boolean
//! and that is what scripts send. Reading more values as "on" could only close more, but it would report an objection
//! that nobody made.

use crate::engine::action::Scalar;

/// Whether a header's text turns the signal on: exactly `1`, alone or between commas.
pub fn read(text: &str) -> bool {
    text.split(',').any(|part| part.trim_matches([' ', '\t']) == "1")
}

/// Whether a JSON field turns the signal on: `"1"`, `1` or `true`.
pub fn read_scalar(value: Scalar<'_>) -> bool {
    match value {
        Scalar::String(text) | Scalar::Number(text) => read(text),
        Scalar::Bool(on) => on,
        Scalar::Null => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_one_turns_the_header_on() {
        for on in ["1", "1 ", " 1", "\t1", "1,1", "1, 1", "0, 1"] {
            assert!(read(on), "{on:?}");
        }
        for off in ["", "0", "01", "1 1", "true", "yes", "\u{FF11}", "\u{A0}1", "1\0", ",", "11", "1;q=1"] {
            assert!(!read(off), "{off:?}");
        }
    }

    #[test]
    fn a_script_may_send_the_boolean_of_the_browser() {
        assert!(read_scalar(Scalar::Bool(true)));
        assert!(read_scalar(Scalar::String("1")));
        assert!(read_scalar(Scalar::Number("1")));
        for off in
            [Scalar::Bool(false), Scalar::Null, Scalar::String("true"), Scalar::Number("1.0"), Scalar::Number("0")]
        {
            assert!(!read_scalar(off));
        }
    }
}
