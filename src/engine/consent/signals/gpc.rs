//! Global Privacy Control (W3C): the header `Sec-GPC`, or a field that a page's script copied from the browser.
//!
//! Only the exact value `1` counts (W3C GPC §3.1: the field value is the single character `1`), in a JSON field as the
//! string or the number; `0`, `true` or ` 1` are no signal. Reading more values as "on" could only close more, but it
//! would report an objection that nobody made.

/// Whether a header's or a field's text turns the signal on: exactly `1`.
pub fn read(text: &str) -> bool {
    text == "1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_one_turns_the_header_on() {
        assert!(read("1"));
        for off in ["", "0", "01", "1 ", " 1", "1,1", "true", "yes", "\u{FF11}", "1\0"] {
            assert!(!read(off), "{off:?}");
        }
    }
}
