//! The keys of the policy language, in one set of tables: what the reader knows, and what the JSON Schema says.
//!
//! A key that is not here is refused. A key that a later version will do is listed under `later` and refused by name:
//! ignoring it could open a route. The trap is a key that is listed and never read; a test plants a wrong value under
//! every one of them and expects a problem.

mod consent;

pub(in crate::engine::policy) use consent::*;

/// A mapping with a fixed set of keys.
#[derive(Debug)]
pub(in crate::engine::policy) struct Table {
    /// How problems call it, `law`; empty for the whole file.
    pub(in crate::engine::policy) name: &'static str,
    pub(in crate::engine::policy) doc: &'static str,
    pub(in crate::engine::policy) keys: &'static [Key],
    /// Known, and not done by this version: the key, and why or what instead.
    pub(in crate::engine::policy) later: &'static [(&'static str, &'static str)],
}

/// One key of a [`Table`].
#[derive(Debug)]
pub(in crate::engine::policy) struct Key {
    pub(in crate::engine::policy) name: &'static str,
    pub(in crate::engine::policy) required: bool,
    pub(in crate::engine::policy) shape: Shape,
    pub(in crate::engine::policy) doc: &'static str,
}

/// What may stand under a key.
#[derive(Debug)]
pub(in crate::engine::policy) enum Shape {
    /// `1`
    Version,
    /// The policy's name.
    Name,
    /// Free text, not empty.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Topic names, at least one.
    Topics,
    /// `$.batch[*]`
    Split,
    /// A place in the record.
    Source,
    /// A place in the record, or a code.
    Place,
    /// The name of a preset.
    Preset,
    /// `publisher` or `vendor:<id>`
    Reader,
    /// `10s`
    Duration,
    /// One purpose or a list of them.
    Purposes,
    /// Deployment-specific ids → purposes.
    PurposeMap,
    /// The name of a token domain.
    Domain,
    /// Domains → [`DOMAIN`].
    Domains,
    /// Topics → [`ROUTE`].
    Routes,
    /// Selectors → actions.
    Rules,
    /// `none`, or [`KEY_TOKEN`].
    RecordKey,
    /// Header names.
    Headers,
    /// `all`, `none`, or a list of detector kinds.
    Kinds,
    /// A whole number in this range.
    Whole(u64, u64),
    /// A list of words, which may be empty.
    Words,
    /// A duration, or a positive number.
    Round,
    /// Ascending numbers.
    Edges,
    /// A scalar.
    Literal,
    /// Scalars, at least one.
    Literals,
    /// `{}` or a category.
    Category,
    /// `{}`
    Nothing,
    /// A mapping of its own.
    Table(&'static Table),
}

const fn must(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, required: true, shape, doc }
}

const fn may(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, required: false, shape, doc }
}

pub(in crate::engine::policy) static POLICY: Table = Table {
    name: "",
    doc: "A Tamis policy: what of which events may go where, for which purposes.",
    keys: &[
        must("tamis", Shape::Version, "Version of the policy language."),
        must("policy", Shape::Name, "The policy's name."),
        must("input", Shape::Table(&INPUT), "Where events come from."),
        may("subjects", Shape::Table(&SUBJECTS), "Who an event is about."),
        must("law", Shape::Table(&LAW), "Which rules apply where."),
        must("consent", Shape::Table(&CONSENT), "Where consent is read from."),
        may("tokens", Shape::Domains, "Token domains: where tokens may be joined."),
        must("routes", Shape::Routes, "Output topics, and the purposes that open them."),
        must("fields", Shape::Rules, "Rules for every route. What no rule names is dropped."),
        may("record", Shape::Table(&RECORD), "What leaves as key, headers and timestamp."),
        may("detect", Shape::Table(&DETECT), "Personal data that is hunted in what rules keep."),
    ],
    later: &[
        ("decode", "nested encodings are not decoded yet; drop the field, or have the collector send it as JSON"),
        ("echo", "the echo guard is not there yet"),
        ("profile", "source profiles are not there yet; write the rules out"),
        ("shadow", "a candidate policy is named in the deployment file"),
        ("erasure", "erasable tokens are not there yet"),
    ],
};

pub(in crate::engine::policy) static INPUT: Table = Table {
    name: "input",
    doc: "Where events come from.",
    keys: &[
        must("topics", Shape::Topics, "Input topics; no other policy may read them."),
        may("split", Shape::Split, "Path of the events inside one record: names, then `[*]`."),
        may("time", Shape::Source, "The event's own time."),
    ],
    later: &[("decode", "nested encodings are not decoded yet; drop the field, or have the collector send it as JSON")],
};

pub(in crate::engine::policy) static SUBJECTS: Table = Table {
    name: "subjects",
    doc: "Kinds of subjects and where their ids are.",
    keys: &[
        may("account", Shape::Source, "A registered account."),
        may("device", Shape::Source, "A device."),
        may("cookie", Shape::Source, "A browser, by cookie."),
        may("ad_id", Shape::Source, "An advertising id."),
        may("email", Shape::Source, "An e-mail address."),
        may("phone", Shape::Source, "A phone number."),
        may("network", Shape::Source, "A network address."),
    ],
    later: &[],
};

pub(in crate::engine::policy) static LAW: Table = Table {
    name: "law",
    doc: "Which rules apply where.",
    keys: &[
        must("preset", Shape::Preset, "Dated legal defaults, pinned by name."),
        may("country", Shape::Place, "ISO 3166-1 code, or where it is read."),
        may("region", Shape::Place, "ISO 3166-2 code, or where it is read."),
        may("otherwise", Shape::Word(&["strictest"]), "What applies in unknown places; there is one answer."),
        may("age", Shape::Source, "Where the person's age band is: `child`, `teen` or `adult`."),
    ],
    later: &[("expired", "presets are not replaced by themselves; pin a newer one")],
};

pub(in crate::engine::policy) static DOMAIN: Table = Table {
    name: "tokens.<domain>",
    doc: "One token domain; `{}`: one key until it is changed.",
    keys: &[may("rotate", Shape::Duration, "A new key every so often.")],
    later: &[("erasable", "erasable tokens are not there yet"), ("salt", "erasable tokens are not there yet")],
};

pub(in crate::engine::policy) static ROUTE: Table = Table {
    name: "routes.<topic>",
    doc: "One output topic.",
    keys: &[
        must("requires", Shape::Purposes, "Purposes that must all be permitted for the route to open."),
        may("serves", Shape::Purposes, "Further purposes that a field may ask for."),
        may("tokens", Shape::Domain, "The domain of this route's tokens."),
        may("fields", Shape::Rules, "Rules for this route alone."),
    ],
    later: &[
        ("when", "routes cannot choose events yet"),
        ("preset", "destination presets are not there yet; write the rules out"),
        ("format", "there is one output format, JSON"),
    ],
};

pub(in crate::engine::policy) static RECORD: Table = Table {
    name: "record",
    doc: "What leaves as key, headers and timestamp.",
    keys: &[
        may("key", Shape::RecordKey, "`none`, or a token of one value."),
        may("partition", Shape::Word(&["same", "by_key"]), "The input's partition number, or by the hash of the key."),
        may("timestamp", Shape::Table(&TIMESTAMP), "How the record's timestamp is rounded."),
        may("headers", Shape::Headers, "Header names that may leave."),
        may("tombstones", Shape::Word(&["drop", "forward"]), "What becomes of records without a value."),
    ],
    later: &[],
};

pub(in crate::engine::policy) static KEY_TOKEN: Table = Table {
    name: "record.key",
    doc: "A token as record key.",
    keys: &[must("token", Shape::Source, "The value that becomes the token.")],
    later: &[],
};

pub(in crate::engine::policy) static TIMESTAMP: Table = Table {
    name: "record.timestamp",
    doc: "How the record's timestamp is rounded.",
    keys: &[must("round", Shape::Duration, "Floored in UTC to a multiple of this.")],
    later: &[],
};

pub(in crate::engine::policy) static DETECT: Table = Table {
    name: "detect",
    doc: "Personal data that is hunted in what rules keep.",
    keys: &[
        may("kinds", Shape::Kinds, "What is hunted."),
        may("on_hit", Shape::Word(&["mask", "drop", "quarantine"]), "What a find does."),
        may("reason", Shape::Text, "Why detection is off; required with `kinds: none`."),
    ],
    later: &[("echo", "the echo guard is not there yet"), ("only", "detection cannot be cut down to fields yet")],
};

/// One action: its name, whether the bare word is enough, and its parameters.
#[derive(Debug)]
pub(in crate::engine::policy) struct ActionKey {
    pub(in crate::engine::policy) name: &'static str,
    pub(in crate::engine::policy) bare: bool,
    pub(in crate::engine::policy) shape: Shape,
    pub(in crate::engine::policy) example: &'static str,
    pub(in crate::engine::policy) doc: &'static str,
}

const fn act(name: &'static str, bare: bool, shape: Shape, example: &'static str, doc: &'static str) -> ActionKey {
    ActionKey { name, bare, shape, example, doc }
}

pub(in crate::engine::policy) static ACTIONS: &[ActionKey] = &[
    act(
        "keep",
        true,
        Shape::Category,
        "{keep: contact.email}",
        "As it came; with a category, detectors expect it there.",
    ),
    act("drop", true, Shape::Nothing, "drop", "Not at all."),
    act("token", true, Shape::Table(&TOKEN), "token", "Keyed pseudonym."),
    act("mask", true, Shape::Table(&MASK), "mask", "Letters become *, digits 0."),
    act("round", false, Shape::Round, "{round: 1m}", "A time to a duration, a number to a step."),
    act("bucket", false, Shape::Edges, "{bucket: [0, 10, 100]}", "A number to the lower edge of its bucket."),
    act("ip", false, Shape::Table(&IP), "{ip: {v4: 24, v6: 40}}", "An address with its host bits zero."),
    act(
        "url",
        true,
        Shape::Table(&URL),
        "{url: {keep_query: [page]}}",
        "Scheme, host, path and the listed parameters.",
    ),
    act("user_agent", true, Shape::Nothing, "user_agent", "Browser and major version."),
    act("one_of", false, Shape::Literals, "{one_of: [Sign Up, Log In]}", "The value if it is listed, else dropped."),
    act("fixed", false, Shape::Literal, "{fixed: true}", "This value, whatever came."),
];

/// What may stand beside an action.
pub(in crate::engine::policy) const BESIDE: &[&str] = &["needs", "unit"];

/// Actions that a later version does.
pub(in crate::engine::policy) const LATER_ACTIONS: &[(&str, &str)] = &[
    ("decode", "nested encodings are not decoded yet; drop the field, or have the collector send it as JSON"),
    ("erasable", "erasable tokens are not there yet; use `token`"),
    ("noise", "noise is not added yet; use `round` or `bucket`"),
];

/// What people call actions elsewhere, and what ours are.
pub(in crate::engine::policy) const OTHER_WORDS: &[(&str, &str)] = &[
    ("allow", "`keep` lets a field through"),
    ("pass", "`keep` lets a field through"),
    ("include", "`keep` lets a field through"),
    ("remove", "`drop` takes a field out"),
    ("delete", "`drop` takes a field out"),
    ("redact", "`drop` takes a field out, `mask` hides its text"),
    ("hash", "a bare hash can be reversed by trying; `token` is keyed"),
    ("sha256", "a bare hash can be reversed by trying; `token` is keyed"),
    ("pseudonymize", "`token` makes keyed pseudonyms"),
    ("encrypt", "`token` makes keyed pseudonyms"),
    ("truncate", "`{round: 1h}` coarsens a time, `{ip: {v4: 24, v6: 40}}` an address, `url` a URL"),
    ("generalize", "`{round: …}`, `{bucket: […]}`, `{ip: …}` and `url` coarsen a value"),
    ("enum", "`{one_of: […]}` keeps listed values"),
];

pub(in crate::engine::policy) static TOKEN: Table = Table {
    name: "token",
    doc: "Keyed pseudonym.",
    keys: &[may("as", Shape::Name, "Keeps an order 42 apart from a user 42.")],
    later: &[
        ("erasable", "erasable tokens are not there yet"),
        ("domain", "a route has one domain: `routes.<topic>.tokens`"),
    ],
};

pub(in crate::engine::policy) static MASK: Table = Table {
    name: "mask",
    doc: "Letters become *, digits 0.",
    keys: &[may("last", Shape::Whole(1, 8), "Up to so many characters at the end stay, never more than a third.")],
    later: &[],
};

pub(in crate::engine::policy) static IP: Table = Table {
    name: "ip",
    doc: "How many bits of an address stay.",
    keys: &[
        must("v4", Shape::Whole(0, 32), "Of IPv4 addresses."),
        must("v6", Shape::Whole(0, 128), "Of IPv6 addresses."),
    ],
    later: &[],
};

pub(in crate::engine::policy) static URL: Table = Table {
    name: "url",
    doc: "What stays of a URL.",
    keys: &[may("keep_query", Shape::Words, "Names of the parameters that stay.")],
    later: &[],
};
