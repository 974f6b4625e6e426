//! Tests of `bits.rs`.

use super::*;

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    base64url(text, &mut out).map(|()| out)
}

#[test]
fn fields_of_every_width_read_as_their_bits() {
    let bytes: Vec<u8> = (0..24u8).map(|at| at.wrapping_mul(89) ^ 0x5A).collect();
    let text: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    for start in 0..70 {
        for n in 0..=64 {
            let mut bits = Bits::new(&bytes);
            bits.skip(start).unwrap();
            let expected = u64::from_str_radix(&format!("0{}", &text[start..start + n]), 2).unwrap();
            assert_eq!(bits.look(n), Some(expected), "{n} bits at {start}");
            assert_eq!(bits.take(n), Some(expected), "{n} bits at {start}");
            assert_eq!(bits.position(), start + n);
        }
    }
}

#[test]
fn nothing_is_read_past_the_end() {
    let mut bits = Bits::new(&[0xFF, 0x01]);
    assert_eq!(bits.take(65), None);
    assert_eq!(bits.take(17), None);
    assert_eq!(bits.take(16), Some(0xFF01));
    assert_eq!((bits.take(1), bits.flag(), bits.left()), (None, None, 0));
    assert_eq!(bits.take(0), Some(0));

    let mut cut = Bits::within(&[0xFF, 0xFF], 12);
    assert_eq!((cut.take(13), cut.bit(11), cut.bit(12)), (None, Some(true), None));
    assert_eq!((cut.take(12), cut.skip(1)), (Some(0xFFF), None));
    assert_eq!(Bits::within(&[0xFF], 100).left(), 8);
}

#[test]
fn text_is_read_six_bits_a_character() {
    assert_eq!(decoded("AAAA").unwrap(), [0, 0, 0]);
    assert_eq!(decoded("-_-_").unwrap(), [0xFB, 0xFF, 0xBF]);
    assert_eq!(decoded("Zm9vYmFy").unwrap(), b"foobar");
    // Twelve bits: one byte and the four bits behind it. Six: one byte, of which two bits were not written.
    assert_eq!(decoded("YA").unwrap(), [0x60, 0x00]);
    assert_eq!(decoded("_").unwrap(), [0xFC]);
    assert_eq!(decoded("___").unwrap(), [0xFF, 0xFF, 0xC0]);
}

#[test]
fn every_character_has_its_sextet_and_no_other_character_has_one() {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for byte in 0..=255u8 {
        match alphabet.bytes().position(|known| known == byte) {
            Some(value) => assert_eq!(usize::from(sextet(byte)), value),
            None => assert_eq!(sextet(byte), BAD),
        }
    }
}

#[test]
fn what_is_not_base64url_is_refused_wherever_it_stands() {
    for bad in ["", "=", "AA==", "AA+A", "AA/A", "A A", " AAAA", "AAAA\n", "AAAAé", "AAAAA.", "AAA\0"] {
        assert!(decoded(bad).is_none(), "{bad:?}");
    }
}

#[test]
fn fibonacci_numbers_end_with_two_ones() {
    // From the specification of GPP: 1 = 11, 2 = 011, 3 = 0011, 4 = 1011, 5 = 00011, 6 = 10011, 7 = 01011.
    for (code, value) in [(0b11, 1), (0b011, 2), (0b0011, 3), (0b1011, 4), (0b00011, 5), (0b10011, 6), (0b01011, 7)] {
        let width = match value {
            1 => 2,
            2 => 3,
            3 | 4 => 4,
            _ => 5,
        };
        let byte = (code as u8) << (8 - width);
        let bytes = [byte];
        let mut bits = Bits::new(&bytes);
        assert_eq!((bits.fibonacci(), bits.position()), (Some(value), width), "{value}");
    }
}

#[test]
fn fibonacci_codes_without_an_end_or_too_large_are_refused() {
    for endless in [&[0u8; 40][..], &[0xAA; 40], &[]] {
        let mut bits = Bits::new(endless);
        assert_eq!((bits.fibonacci(), bits.position()), (None, 0));
    }
    // Ends only after more places than a number of 64 bits has.
    let mut far = [0u8; 20];
    far[19] = 0b11;
    assert_eq!(Bits::new(&far).fibonacci(), None);
}
