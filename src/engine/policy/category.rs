//! The closed list of categories of personal data, each with its level of sensitivity.
//!
//! From `docs/policy.md`, "Categories". Level 0 is neutral, 1 indirect, 2 identifying, 3 high (keeping it asks for
//! `sensitive.use`), 4 special (GDPR articles 9 and 10, and their counterparts elsewhere).

/// A category and its level, 0 to 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Category {
    /// `contact.email`
    pub id: &'static str,
    /// Sensitivity.
    pub level: u8,
}

impl Category {
    /// The category of that name.
    pub fn named(id: &str) -> Option<Category> {
        CATEGORIES.iter().copied().find(|category| category.id == id)
    }
}

macro_rules! categories {
    ($($level:literal: $($id:literal)+;)+) => {
        /// Every category, by level.
        pub const CATEGORIES: &[Category] = &[$($(Category { id: $id, level: $level }),+),+];
    };
}

categories! {
    0: "event.name" "event.time" "site.id" "perf.timing" "perf.error" "tech.browser" "tech.os" "tech.screen" "tech.sdk";
    1: "device.ua" "location.coarse" "behavior.page" "behavior.media" "campaign.source" "campaign.medium" "campaign.name"
       "campaign.term" "campaign.content" "experiment.id" "experiment.variant" "url" "referrer" "demo.lang";
    2: "id.account" "id.device" "id.cookie" "id.ad" "id.click" "id.network" "id.social" "id.order" "contact.name" "contact.email"
       "contact.email.hashed" "contact.phone" "contact.postal" "behavior.purchase" "behavior.search" "content.freetext"
       "demo.age" "demo.gender";
    3: "financial.account" "financial.card" "financial.income" "financial.credit" "location.precise" "id.gov" "auth.secret"
       "content.private";
    4: "health.condition" "health.treatment" "health.record" "biometric.face" "biometric.voice" "biometric.fingerprint"
       "genetic" "origin" "belief" "union" "sex_life" "gender_identity" "criminal" "immigration" "child";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_is_listed_once() {
        let mut ids: Vec<&str> = CATEGORIES.iter().map(|category| category.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CATEGORIES.len());
        assert_eq!(Category::named("financial.card").map(|category| category.level), Some(3));
        assert_eq!(Category::named("contact"), None);
    }
}
