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
    let Ok(address) = text.parse::<IpAddr>() else { return UNFIT };
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
