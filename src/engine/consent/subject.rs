//! Who an event may be about.

use crate::engine::outcome::closed_list;

closed_list! {
    /// Kinds of subjects, as `subjects:` of a policy spells them.
    SubjectKind {
        /// A registered account.
        Account = "account",
        /// A device.
        Device = "device",
        /// A browser, by cookie.
        Cookie = "cookie",
        /// An advertising id.
        AdId = "ad_id",
        /// An e-mail address.
        Email = "email",
        /// A phone number.
        Phone = "phone",
        /// A network address.
        Network = "network",
    }
}

impl SubjectKind {
    /// Reads the name that policies use; anything else is `None`.
    pub fn parse(text: &str) -> Option<SubjectKind> {
        SubjectKind::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_read_back_and_near_misses_do_not() {
        for kind in SubjectKind::ALL {
            assert_eq!(SubjectKind::parse(kind.as_str()), Some(*kind));
        }
        for bad in ["", "Account", "adid", "user"] {
            assert_eq!(SubjectKind::parse(bad), None);
        }
    }
}
