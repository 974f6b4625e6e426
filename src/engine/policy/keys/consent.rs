//! The keys under `consent`: where each signal is read from, one table a signal.

use super::{Shape, Table, may, must};

pub(in crate::engine::policy) static CONSENT: Table = Table {
    name: "consent",
    doc: "Where consent is read from.",
    keys: &[
        must(
            "table",
            Shape::Word(&["none", "required"]),
            "Whether choices are looked up in the consent table; `none`: the event carries all there is.",
        ),
        may("expiry", Shape::Duration, "How long a grant lasts; the preset says so where this does not."),
        may("tcf", Shape::Table(&TCF), "A TC string (IAB TCF 2)."),
        may("gpp", Shape::Table(&GPP), "A GPP string (IAB Global Privacy Platform)."),
        may("us_privacy", Shape::Table(&US_PRIVACY), "A US Privacy string (IAB, legacy)."),
        may("gpc", Shape::Table(&GPC), "Global Privacy Control."),
        may("google", Shape::Table(&GOOGLE), "Google consent mode, as it stands on hits or as an object."),
        may("categories", Shape::Table(&CATEGORIES), "A map of booleans, as consent tools write it."),
        may(
            "onetrust",
            Shape::Table(&ONETRUST),
            "OneTrust's groups, or its whole cookie, with Global Privacy Control.",
        ),
        may("consent_ids", Shape::Table(&CONSENT_IDS), "Lists of allowed and denied ids, as RudderStack writes them."),
        may("snowplow", Shape::Table(&SNOWPLOW), "Snowplow's consent preferences."),
    ],
    later: &[
        ("usp", "the key is `us_privacy`"),
        ("purposes", "maps of purposes are read as `categories`"),
        ("cache", "decoded signals need no cache"),
    ],
};

pub(in crate::engine::policy) static TCF: Table = Table {
    name: "consent.tcf",
    doc: "A TC string (IAB TCF 2).",
    keys: &[
        must("at", Shape::Source, "Where the string is."),
        must("reader", Shape::Reader, "Whose consent is asked for: `publisher`, or `vendor:<id>` of the vendor list."),
        may(
            "legitimate_interest",
            Shape::Purposes,
            "Purposes that rest on legitimate interest; consent alone counts for the others.",
        ),
    ],
    later: &[],
};

pub(in crate::engine::policy) static GPP: Table = Table {
    name: "consent.gpp",
    doc: "A GPP string (IAB Global Privacy Platform).",
    keys: &[
        must("at", Shape::Source, "Where the string is."),
        may(
            "sid",
            Shape::Source,
            "Where the list of its sections in force is, a text or a JSON array; it can only tighten.",
        ),
        may("reader", Shape::Reader, "Whose consent its TCF sections are asked for; `publisher` unless said."),
    ],
    later: &[],
};

pub(in crate::engine::policy) static US_PRIVACY: Table = Table {
    name: "consent.us_privacy",
    doc: "A US Privacy string (IAB, legacy): four characters.",
    keys: &[must("at", Shape::Source, "Where the string is.")],
    later: &[],
};

pub(in crate::engine::policy) static GPC: Table = Table {
    name: "consent.gpc",
    doc: "Global Privacy Control: on when the value is exactly `1`.",
    keys: &[must("at", Shape::Source, "Where the signal is, `header.sec-gpc`.")],
    later: &[],
};

pub(in crate::engine::policy) static GOOGLE: Table = Table {
    name: "consent.google",
    doc: "Google consent mode, as it stands on hits or as an object. A grant by default is no grant.",
    keys: &[
        may("gcs", Shape::Source, "Where `gcs` is."),
        may("gcd", Shape::Source, "Where `gcd` is."),
        may("state", Shape::Source, "Where the object of `granted` and `denied` is in the event."),
    ],
    later: &[],
};

pub(in crate::engine::policy) static CATEGORIES: Table = Table {
    name: "consent.categories",
    doc: "A map of booleans, as consent tools write it.",
    keys: &[
        must("at", Shape::Source, "Where the map is in the event."),
        must("map", Shape::PurposeMap, "Its keys, and the purposes that each stands for."),
    ],
    later: &[],
};

pub(in crate::engine::policy) static ONETRUST: Table = Table {
    name: "consent.onetrust",
    doc: "OneTrust's groups, or its whole cookie.",
    keys: &[
        must("at", Shape::Source, "Where the groups are."),
        must("map", Shape::PurposeMap, "Ids of groups, and the purposes that each stands for."),
    ],
    later: &[],
};

pub(in crate::engine::policy) static CONSENT_IDS: Table = Table {
    name: "consent.consent_ids",
    doc: "Lists of allowed and denied ids, as RudderStack writes them.",
    keys: &[
        must("allowed", Shape::Source, "Where the list of allowed ids is in the event."),
        must("denied", Shape::Source, "Where the list of denied ids is in the event."),
        must("map", Shape::PurposeMap, "Ids, and the purposes that each stands for."),
    ],
    later: &[],
};

pub(in crate::engine::policy) static SNOWPLOW: Table = Table {
    name: "consent.snowplow",
    doc: "Snowplow's consent preferences: an object with `eventType`, `basisForProcessing` and `consentScopes`.",
    keys: &[
        must("at", Shape::Source, "Where the object is in the event."),
        must("map", Shape::PurposeMap, "Scopes, and the purposes that each stands for."),
    ],
    later: &[],
};
