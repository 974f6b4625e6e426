//! Actions, naively. Those whose rules are a page of their own (URL, user agent, time, decimal arithmetic) are the
//! product's, which golden files test; here they only have to be applied in the right places.

use sha2::{Digest, Sha256};
use tamis::engine::action::{self, Action, Applied, Literal, Scalar};
use tamis::engine::detect::{self, Detector, Kinds};
use tamis::engine::outcome::Effect;

use super::json::{Kind, Node, quote};

/// The JSON text that replaces the scalar, or why it goes.
pub type Result = std::result::Result<String, Effect>;

/// The product's view of a scalar.
pub fn scalar<'a>(node: &'a Node<'a>) -> Scalar<'a> {
    match &node.kind {
        Kind::Null => Scalar::Null,
        Kind::Bool(value) => Scalar::Bool(*value),
        Kind::Number(text) => Scalar::Number(text),
        Kind::String(text) => Scalar::String(&text.text),
        Kind::Array(_) | Kind::Object(_) => unreachable!("a container is not a scalar"),
    }
}

/// Applies an action other than keep, drop and token.
pub fn apply(action: &Action, node: &Node<'_>) -> Result {
    if matches!(&node.kind, Kind::String(text) if text.lossy) && !matches!(action, Action::Fixed(_)) {
        return Err(Effect::DropType);
    }
    match action {
        Action::Fixed(literal) => Ok(write(literal)),
        Action::OneOf(listed) => {
            let found = listed.iter().any(|literal| same(literal, &node.kind));
            found.then(|| node.source.to_owned()).ok_or(Effect::DropUnlisted)
        }
        Action::Mask { last } => mask(node, *last),
        Action::Ip { v4, v6 } => ip(node, *v4, *v6),
        other => {
            let mut out = Vec::new();
            match action::apply(other, scalar(node), &mut out) {
                Applied::Kept => Ok(node.source.to_owned()),
                Applied::Wrote => Ok(String::from_utf8(out).expect("actions write UTF-8")),
                Applied::Dropped(effect) => Err(effect),
            }
        }
    }
}

fn write(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Number(text) => text.clone(),
        Literal::String(text) => quote(text),
    }
}

fn same(literal: &Literal, kind: &Kind<'_>) -> bool {
    match (literal, kind) {
        (Literal::Null, Kind::Null) => true,
        (Literal::Bool(a), Kind::Bool(b)) => a == b,
        (Literal::Number(a), Kind::Number(b)) => a.parse::<f64>() == b.parse::<f64>(),
        (Literal::String(a), Kind::String(b)) => *a == b.text,
        _ => false,
    }
}

/// Texts that an action leaves as they are keep their spelling.
fn text_or_source(node: &Node<'_>, before: &str, after: &str) -> Result {
    Ok(if before == after { node.source.to_owned() } else { quote(after) })
}

fn mask(node: &Node<'_>, last: usize) -> Result {
    let Kind::String(text) = &node.kind else { return Err(Effect::DropType) };
    let is_email = |text: &str| {
        let mut hits = Vec::new();
        Detector::new(Kinds::NONE.with(detect::Kind::Email)).text(text, &mut hits);
        hits.iter().any(|hit| hit.end - hit.start == text.len())
    };
    if is_email(&text.text) {
        return text_or_source(node, &text.text, "*@*");
    }
    let characters: Vec<char> = text.text.chars().collect();
    let first_kept = characters.len() - last.min(characters.len() / 3);
    let masked: String = characters
        .iter()
        .enumerate()
        .map(|(at, c)| match c {
            _ if at >= first_kept => *c,
            c if c.is_numeric() => '0',
            c if c.is_alphabetic() => '*',
            c if c.is_ascii() || c.is_whitespace() => *c,
            // Latin-1, general and ideographic punctuation; what else Unicode has can spell something.
            c if "¡¢£¤¥¦§¨©«¬®¯°±²³´¶·¸¹»¿‐‑‒–—―‖‗‘’‚‛“”„‟†‡•‣․‥…‧‰‱′″‴‵‶‷‸‹›※‼‽‾‿⁀⁁⁂⁃⁄⁅⁆⁇⁈⁉⁊⁋⁌⁍⁎⁏⁐⁑⁒⁓⁔⁕⁖⁗⁘⁙⁚⁛⁜⁝⁞、。〃〈〉《》「」".contains(*c) => *c,
            _ => '*',
        })
        .collect();
    // What stays at the end may be an address by itself once the rest is stars.
    text_or_source(node, &text.text, if last > 0 && is_email(&masked) { "*@*" } else { &masked })
}

fn ip(node: &Node<'_>, v4: u8, v6: u8) -> Result {
    let Kind::String(text) = &node.kind else { return Err(Effect::DropType) };
    let address = text.text.parse::<std::net::IpAddr>().map_err(|_| Effect::DropType)?.to_canonical();
    let cut = match address {
        std::net::IpAddr::V4(a) => {
            let bits = u32::from(a).checked_shr(32 - u32::from(v4)).unwrap_or(0);
            std::net::IpAddr::from(bits.checked_shl(32 - u32::from(v4)).unwrap_or(0).to_be_bytes())
        }
        std::net::IpAddr::V6(a) => {
            let bits = u128::from(a).checked_shr(128 - u32::from(v6)).unwrap_or(0);
            std::net::IpAddr::from(bits.checked_shl(128 - u32::from(v6)).unwrap_or(0).to_be_bytes())
        }
    };
    text_or_source(node, &text.text, &cut.to_string())
}

/// HMAC-SHA-256 as RFC 2104 spells it.
fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let pad = |byte: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ byte).collect() };
    let inner = Sha256::digest([pad(0x36), message.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).into()
}

/// The token without quotes: 128 bits of the MAC in RFC 4648 base32, lower case, no padding.
pub fn token(key: &[u8; 32], domain: &str, epoch: u64, namespace: &str, canonical: &str) -> String {
    let mac = hmac(key, format!("t1\0{namespace}\0{canonical}").as_bytes());
    let bits: String = mac[..16].iter().map(|byte| format!("{byte:08b}")).collect();
    let text: String = format!("{bits:0<130}")
        .as_bytes()
        .chunks(5)
        .map(|five| usize::from_str_radix(std::str::from_utf8(five).unwrap_or(""), 2).unwrap_or(0))
        .map(|value| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[value]))
        .collect();
    format!("t1.{domain}.{epoch}.{text}")
}

/// What a token is made of: `Ok(None)` for null, which stays.
pub fn canonical(node: &Node<'_>) -> std::result::Result<Option<String>, Effect> {
    match &node.kind {
        Kind::Null => Ok(None),
        // Two different strings with lone surrogates would make the same token.
        Kind::String(text) if !text.text.is_empty() && !text.lossy => Ok(Some(text.text.clone())),
        Kind::Number("-0") => Ok(Some("0".to_owned())),
        Kind::Number(text) if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => Ok(Some((*text).to_owned())),
        _ => Err(Effect::DropType),
    }
}
