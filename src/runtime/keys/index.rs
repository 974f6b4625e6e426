//! The index key: who somebody is in the consent table.
//!
//! One secret, three keys. Subject keys are MACs of `<kind>` 0x1F `<value>`; what is derived here are MACs of texts
//! without 0x1F, so that none of them can be a subject's. The trap: subjects are not found again under another index key.
//! Every choice that was sent by its `sk1:` key and every checkpoint is lost with it; choices that name their subject by
//! account, device or address are found again when the topic is read anew.

use zeroize::Zeroize;

use crate::engine::consent::choice::IndexKey;
use crate::engine::token::TokenKey;

/// The index key and what is derived from it. No `Debug`: it is all secrets.
pub struct Index {
    /// Makes subject keys.
    pub key: IndexKey,
    /// Authenticates checkpoints of the table.
    pub seal: TokenKey,
    /// Tells one index key from another, and nothing about either.
    pub check: [u8; 16],
}

impl Index {
    /// From the secret of the key file.
    pub fn new(mut secret: [u8; 32]) -> Index {
        let derive = TokenKey::new(secret);
        let check = derive.mac([b"checkpoint: which index key".as_slice()]);
        let seal = TokenKey::new(derive.mac([b"checkpoint: seal".as_slice()]));
        let key = IndexKey::new(secret);
        secret.zeroize();
        Index { key, seal, check: std::array::from_fn(|at| check.get(at).copied().unwrap_or_default()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_keys_are_told_apart_and_give_the_same_each_time() {
        let (one, again, other) = (Index::new([1; 32]), Index::new([1; 32]), Index::new([2; 32]));
        assert_eq!(one.check, again.check);
        assert_ne!(one.check, other.check);
        assert_eq!(one.seal.mac([b"x".as_slice()]), again.seal.mac([b"x".as_slice()]));
        assert_ne!(one.seal.mac([b"x".as_slice()]), other.seal.mac([b"x".as_slice()]));
    }
}
