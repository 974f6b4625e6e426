//! What a rule does to a scalar: one file per action.
//!
//! Every action is a pure, total function of the value and its parameters. Actions other than `token` are idempotent.
//! A value whose type or form does not fit is dropped, never passed.

/// A JSON scalar, decoded. It may be personal: no `Debug`, no `Display`.
#[derive(Clone, Copy)]
pub enum Scalar<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it was spelled.
    Number(&'a str),
    /// A string, unescaped.
    String(&'a str),
}

/// What a rule says to do, with its parameters; closed list of DESIGN §5.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Byte for byte as it came.
    Keep,
    /// Not at all.
    Drop,
    /// Keyed pseudonym; `namespace` is empty or what `{token: {as: …}}` says.
    Token {
        /// Keeps an order 42 apart from a user 42.
        namespace: String,
    },
    /// Letters → `*`, digits → `0`, an e-mail → `*@*`; up to `last` characters stay, never more than a third.
    Mask {
        /// How many trailing characters may stay.
        last: usize,
    },
    /// Time floored in UTC to a multiple of `step_ms`, notation kept.
    RoundTime {
        /// Milliseconds, at least 1000.
        step_ms: i64,
        /// What a number means; `None`: numbers do not fit.
        unit: Option<TimeUnit>,
    },
    /// Number rounded to the nearest multiple of this step.
    RoundNumber(Step),
    /// Lower edge of the bucket; ascending, at least one.
    Bucket(Vec<Edge>),
    /// Address with host bits zero: prefix lengths that stay.
    Ip {
        /// 0 to 32.
        v4: u8,
        /// 0 to 128.
        v6: u8,
    },
    /// Scheme, host, path, and these query parameters.
    Url {
        /// Names of parameters that stay, decoded.
        keep_query: Vec<String>,
    },
    /// `Family/major`.
    UserAgent,
    /// The value if it is listed, else dropped.
    OneOf(Vec<Literal>),
    /// This value, whatever came.
    Fixed(Literal),
}

/// Unit of a time that is written as a number (Unix time).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// A scalar written in the policy: policy text, not personal.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A JSON number, as spelled in the policy.
    Number(String),
    /// A string.
    String(String),
}

/// A positive decimal step for rounding numbers, exact.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// As spelled in the policy.
    pub written: String,
}

/// The lower edge of a bucket, exact.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// As spelled in the policy: what is written out.
    pub written: String,
}
