//! Policies and keys together: which domains policies ask for, whether a ring has them, and rings for trying out.
//!
//! A domain is one thing for a whole key file: policies that name it share its keys and must agree on its period.

use std::collections::{BTreeMap, BTreeSet};

use super::{KeyError, NewDomain, random, text};
use crate::engine::policy::model::Policy;
use crate::engine::token::{DomainKeys, KeyRing, TokenKey};

/// Epochs for which a throw-away ring has keys: 33 years of 30 days, more than a year of days.
const THROW_AWAY_EPOCHS: u64 = 400;

/// Random keys for every domain of these policies, for trying things out: they end with the process, and so does every
/// way to join its tokens with others.
///
/// # Errors
/// No randomness.
pub fn throw_away<'a>(policies: impl IntoIterator<Item = &'a Policy>, now_ms: i64) -> Result<KeyRing, KeyError> {
    let mut domains = BTreeMap::new();
    for (name, domain) in policies.into_iter().flat_map(|policy| &policy.tokens) {
        let now = DomainKeys::new(domain.rotate_seconds, BTreeMap::new()).epoch_at(now_ms);
        // Events of the past get tokens too, as they would have when they happened.
        let mut keys = BTreeMap::new();
        for epoch in now.saturating_sub(THROW_AWAY_EPOCHS)..=now.saturating_add(1) {
            keys.insert(epoch, TokenKey::new(*random()?));
        }
        domains.insert(name.clone(), DomainKeys::new(domain.rotate_seconds, keys));
    }
    Ok(KeyRing::new(domains, TokenKey::new(*random()?)))
}

/// Where a policy and the keys do not fit together: a domain without keys, or another `rotate`. Empty: they fit.
/// Whether there is a key for the epoch of now is the engine's question, because the answer changes with time.
pub fn mismatches(policy: &Policy, ring: &KeyRing) -> Vec<String> {
    let mut found = Vec::new();
    for (name, domain) in &policy.tokens {
        let Some(keys) = ring.domain(name) else {
            found.push(format!(
                "policy `{}` makes tokens in the domain `{name}`, for which the key file has no keys; \
                 `tamis keys add-domain` adds it",
                policy.name
            ));
            continue;
        };
        if keys.rotate_seconds() != domain.rotate_seconds {
            found.push(format!(
                "policy `{}` says {} for the domain `{name}`, the key file says {}; both must say the same",
                policy.name,
                rotation(domain.rotate_seconds),
                rotation(keys.rotate_seconds())
            ));
        }
    }
    found
}

fn rotation(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "no rotation".to_owned(), |seconds| format!("`rotate: {}`", text::period(seconds)))
}

/// The domains of these policies, each once. Two policies may share a domain, but must agree on its `rotate`.
///
/// # Errors
/// The domains that policies disagree about, in words.
pub fn domains_of<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Result<Vec<NewDomain>, Vec<String>> {
    let mut found: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    let mut disagree = BTreeSet::new();
    for (name, domain) in policies.into_iter().flat_map(|policy| &policy.tokens) {
        if found.insert(name, domain.rotate_seconds).is_some_and(|before| before != domain.rotate_seconds) {
            disagree.insert(format!("the policies disagree about `rotate` of the domain `{name}`"));
        }
    }
    if !disagree.is_empty() {
        return Err(disagree.into_iter().collect());
    }
    let domain = |(name, rotate_seconds): (&str, Option<u64>)| NewDomain { name: name.to_owned(), rotate_seconds };
    Ok(found.into_iter().map(domain).collect())
}
