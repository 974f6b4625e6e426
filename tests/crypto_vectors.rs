//! Wycheproof's HMAC-SHA-256 vectors through the keyed state that makes tokens.
//!
//! The folder of shared vectors lies beside the repository; without it the test says so and proves nothing.

#![allow(clippy::print_stdout)] // says what was skipped

use std::path::PathBuf;

use tamis::engine::token::TokenKey;

#[derive(serde::Deserialize)]
struct Suite {
    #[serde(rename = "testGroups")]
    groups: Vec<Group>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    key_size: usize,
    tag_size: usize,
    tests: Vec<Case>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    key: String,
    msg: String,
    tag: String,
    result: String,
}

fn shared(path: &str) -> PathBuf {
    std::env::var_os("TAMIS_SHARED_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from)
        .join(path)
}

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2));
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn hmac_sha256_agrees_with_wycheproof() {
    let Ok(text) = std::fs::read_to_string(shared("crypto-vectors/hmac_sha256_test.json")) else {
        println!("skipped: no shared vectors");
        return;
    };
    let suite: Suite = serde_json::from_str(&text).unwrap();
    let (mut ran, mut too_long) = (0, 0);
    for group in &suite.groups {
        assert_eq!(group.tag_size % 8, 0);
        for case in &group.tests {
            let key = bytes(&case.key);
            assert_eq!(key.len() * 8, group.key_size);
            // Our keys have 256 bits. Shorter keys are the same key padded with zeros (RFC 2104 §2), so they apply;
            // longer ones are hashed first, which we never do.
            let mut secret = [0; 32];
            let Some(head) = secret.get_mut(..key.len()) else {
                too_long += 1;
                continue;
            };
            head.copy_from_slice(&key);
            let message = bytes(&case.msg);
            let tag = bytes(&case.tag);
            let whole = TokenKey::new(secret).mac([message.as_slice()]);
            let agrees = whole[..group.tag_size / 8] == tag[..];
            assert_eq!(agrees, case.result == "valid", "case {}", case.tc_id);
            // Fed in two parts, it is the same text.
            let (front, back) = message.split_at(message.len() / 2);
            assert_eq!(TokenKey::new(secret).mac([front, back]), whole, "case {}", case.tc_id);
            ran += 1;
        }
    }
    assert_eq!(ran + too_long, 174, "every vector is accounted for");
    assert!(ran >= 112, "only {ran} vectors applied");
}
