//! `ip`: an address with its host bits zero.
//!
//! The whole string must be one address: a port, brackets, a zone or a list do not fit and are dropped. IPv4 in IPv6 dress
//! (`::ffff:203.0.113.7`) is IPv4. The trap: 6to4 and NAT64 addresses carry an IPv4 address inside their prefix, so that
//! an IPv6 length alone could leave all of it; what IPv4 may keep bounds them too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Applied, Scalar, UNFIT, write_or_keep};

/// Writes the address with only the first `v4` or `v6` bits, in the text form of RFC 5952.
pub(super) fn apply(v4: u8, v6: u8, value: Scalar<'_>, out: &mut Vec<u8>) -> Applied {
    let Scalar::String(text) = value else { return UNFIT };
    let address = match dotted(text) {
        Some(address) => IpAddr::V4(address),
        None => match text.parse() {
            Ok(address) => address,
            Err(_) => return UNFIT,
        },
    };
    let cut = match address {
        IpAddr::V4(address) => IpAddr::V4(cut_v4(address, v4)),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => IpAddr::V4(cut_v4(mapped, v4)),
            None => IpAddr::V6(cut_v6(address, v4, v6)),
        },
    };
    write_or_keep(text, out, |out| {
        match cut {
            IpAddr::V4(cut) => write_v4(cut, out),
            IpAddr::V6(cut) => out.extend_from_slice(cut.to_string().as_bytes()),
        }
        Some(())
    })
}

/// Reads what the standard library reads as an IPv4 address, in one pass: most addresses are.
fn dotted(text: &str) -> Option<Ipv4Addr> {
    let (mut bits, mut dots, mut octet) = (0, 0, None);
    for byte in text.bytes() {
        match (byte, octet) {
            (b'0'..=b'9', None) => octet = Some(u32::from(byte - b'0')),
            // A zero in front may mean octal.
            (b'0'..=b'9', Some(so_far @ 1..)) => {
                octet = Some(so_far * 10 + u32::from(byte - b'0')).filter(|octet| *octet <= 255);
                octet?;
            }
            (b'.', Some(done)) if dots < 3 => {
                bits = bits << 8 | done;
                dots += 1;
                octet = None;
            }
            _ => return None,
        }
    }
    Some(Ipv4Addr::from_bits(bits << 8 | octet?)).filter(|_| dots == 3)
}

/// Dotted decimal, without the detour over a formatter: addresses are in nearly every event.
fn write_v4(address: Ipv4Addr, out: &mut Vec<u8>) {
    for (i, octet) in address.octets().into_iter().enumerate() {
        if i > 0 {
            out.push(b'.');
        }
        if octet >= 100 {
            out.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            out.push(b'0' + octet / 10 % 10);
        }
        out.push(b'0' + octet % 10);
    }
}

fn cut_v4(address: Ipv4Addr, bits: u8) -> Ipv4Addr {
    let host = u32::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & !host)
}

fn cut_v6(address: Ipv6Addr, v4: u8, v6: u8) -> Ipv6Addr {
    let v4 = v4.min(32);
    let bits = match address.segments() {
        // 6to4, RFC 3056: bits 16 to 48 are an IPv4 address.
        [0x2002, ..] => v6.min(16 + v4),
        // NAT64, RFC 6052: the last 32 bits are one.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => v6.min(96 + v4),
        // IPv4-compatible, RFC 4291 §2.5.5.1 (deprecated): likewise.
        [0, 0, 0, 0, 0, 0, ..] => v6.min(96 + v4),
        _ => v6,
    };
    let host = u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & !host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_decimals_are_those_of_the_standard_library() {
        let parts =
            ["", "0", "00", "1", "01", "9", "10", "99", "100", "255", "256", "999", "1000", "a", "-1", " 1", "é"];
        for a in parts {
            for b in parts {
                let rest =
                    [format!("{b}.3.4"), format!("2.{b}.4"), format!("2.3.{b}"), b.to_owned(), format!("{b}.2.3.4")];
                for text in rest.iter().map(|rest| format!("{a}.{rest}")).chain([a.to_owned(), format!("{a}.2.3.{b}.")])
                {
                    assert_eq!(dotted(&text), text.parse().ok(), "{text}");
                }
            }
        }
    }
}
