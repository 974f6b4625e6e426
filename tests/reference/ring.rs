//! Key rings of tests: plain keys that the reference knows too.

use std::collections::BTreeMap;

use tamis::engine::policy::model::Policy;
use tamis::engine::token::{DomainKeys, KeyRing, TokenKey};

use super::generate::ROTATE;
use super::model::Keys;

/// The product's ring over the keys of the reference; the domain `ads` rotates.
pub fn ring(keys: &Keys) -> KeyRing {
    let domain = |(name, epochs): (&String, &BTreeMap<u64, [u8; 32]>)| {
        let rotate = (name == "ads").then_some(ROTATE);
        let epochs = epochs.iter().map(|(epoch, key)| (*epoch, TokenKey::new(*key))).collect();
        (name.clone(), DomainKeys::new(rotate, epochs))
    };
    KeyRing::new(keys.iter().map(domain).collect(), TokenKey::new([9; 32]))
}

/// A ring with a key for every domain of a policy, for the epoch of `now_ms`.
pub fn ring_of(policy: &Policy, now_ms: i64) -> KeyRing {
    let domains = policy.tokens.iter().map(|(name, domain)| {
        let epoch = domain.rotate_seconds.map_or(0, |seconds| now_ms as u64 / 1000 / seconds);
        let keys = BTreeMap::from([(epoch, TokenKey::new([5; 32]))]);
        (name.clone(), DomainKeys::new(domain.rotate_seconds, keys))
    });
    KeyRing::new(domains.collect(), TokenKey::new([9; 32]))
}
