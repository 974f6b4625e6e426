//! What a rule does to a scalar: one file per action.
//!
//! Every action is a pure, total function of the value and its parameters. Actions other than `token` are idempotent.
//! A value whose type or form does not fit is dropped, never passed. `keep`, `drop` and `token` belong to the engine,
//! which alone knows keys and consent; here `token` drops, so that a forgotten case cannot let a raw value through.

mod bucket;
mod decimal;
mod fixed;
mod ip;
mod mask;
mod one_of;
mod round_number;
mod round_time;
mod url;
mod user_agent;

use crate::engine::json::scan::plain_run;
use crate::engine::json::text::write_string;
use crate::engine::outcome::Effect;

pub(crate) use decimal::Decimal;

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

impl Action {
    /// What the counters call it when it succeeds.
    pub const fn effect(&self) -> Effect {
        match self {
            Self::Keep => Effect::Keep,
            Self::Drop => Effect::Drop,
            Self::Token { .. } => Effect::Token,
            Self::Mask { .. } => Effect::Mask,
            Self::RoundTime { .. } | Self::RoundNumber(_) => Effect::Round,
            Self::Bucket(_) => Effect::Bucket,
            Self::Ip { .. } => Effect::Ip,
            Self::Url { .. } => Effect::Url,
            Self::UserAgent => Effect::UserAgent,
            Self::OneOf(_) => Effect::OneOf,
            Self::Fixed(_) => Effect::Fixed,
        }
    }
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

pub use bucket::Edge;
pub use round_number::Step;

/// What became of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The value's own bytes stay: the action would write what is there.
    Kept,
    /// JSON text was appended to the output.
    Wrote,
    /// Nothing was written, and the value goes; counted under this effect.
    Dropped(Effect),
}

/// Applies an action to a value. On [`Applied::Wrote`] exactly one JSON scalar was appended to `out`; otherwise `out` is
/// as it was.
pub fn apply(action: &Action, value: Scalar<'_>, out: &mut Vec<u8>) -> Applied {
    match action {
        Action::Keep => Applied::Kept,
        Action::Drop | Action::Token { .. } => Applied::Dropped(Effect::Drop),
        Action::Mask { last } => mask::apply(*last, value, out),
        Action::RoundTime { step_ms, unit } => round_time::apply(*step_ms, *unit, value, out),
        Action::RoundNumber(step) => round_number::apply(step, value, out),
        Action::Bucket(edges) => bucket::apply(edges, value, out),
        Action::Ip { v4, v6 } => ip::apply(*v4, *v6, value, out),
        Action::Url { keep_query } => url::apply(keep_query, value, out),
        Action::UserAgent => user_agent::apply(value, out),
        Action::OneOf(literals) => one_of::apply(literals, value),
        Action::Fixed(literal) => fixed::apply(literal, out),
    }
}

/// The value's type or form is not one the action works on.
const UNFIT: Applied = Applied::Dropped(Effect::DropType);

/// Appends a JSON string whose text `fill` appends piece by piece, or leaves the value alone where that is the text it
/// has. `fill` says `None` where the value does not fit.
fn write_or_keep(was: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Applied {
    let start = out.len();
    out.push(b'"');
    let fits = fill(out).is_some();
    let text = out.get(start + 1..).unwrap_or(&[]);
    let same = text == was.as_bytes();
    if fits && !same && plain_run(text, 0) == text.len() {
        out.push(b'"');
        return Applied::Wrote;
    }
    if !fits || same {
        out.truncate(start);
        return if fits { Applied::Kept } else { UNFIT };
    }
    let text = String::from_utf8(out.split_off(start + 1));
    out.truncate(start);
    text.map_or(UNFIT, |text| {
        write_string(&text, out);
        Applied::Wrote
    })
}
