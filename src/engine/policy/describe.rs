//! Actions and durations in the words of the policy language, for problems and tables.

use crate::engine::action::{Action, Literal, TimeUnit};

/// The action as a policy would write it, on one line.
pub fn action(action: &Action) -> String {
    match action {
        Action::Keep => "keep".to_owned(),
        Action::Drop => "drop".to_owned(),
        Action::Token { namespace } if namespace.is_empty() => "token".to_owned(),
        Action::Token { namespace } => format!("token as {namespace}"),
        Action::Mask { last: 0 } => "mask".to_owned(),
        Action::Mask { last } => format!("mask, last {last}"),
        Action::RoundTime { step_ms, unit } => {
            let unit = match unit {
                Some(TimeUnit::Seconds) => " (s)",
                Some(TimeUnit::Milliseconds) => " (ms)",
                None => "",
            };
            format!("round {}{unit}", duration(step_ms / 1000))
        }
        Action::RoundNumber(step) => format!("round {}", step.written),
        Action::Bucket(edges) => {
            format!("bucket {}", edges.iter().map(|edge| edge.written.as_str()).collect::<Vec<_>>().join(" "))
        }
        Action::Ip { v4, v6 } => format!("ip /{v4} /{v6}"),
        Action::Url { keep_query } if keep_query.is_empty() => "url".to_owned(),
        Action::Url { keep_query } => format!("url ?{}", keep_query.join("&")),
        Action::UserAgent => "user_agent".to_owned(),
        Action::OneOf(values) => format!("one of {}", counted(values.len(), "value")),
        Action::Fixed(value) => format!("fixed {}", literal(value)),
    }
}

/// "1 value", "3 values"
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Number(text) => text.clone(),
        Literal::String(text) => format!("{text:?}"),
    }
}

/// Seconds in the largest unit that divides them.
pub(super) fn duration(seconds: i64) -> String {
    let fits = [(86_400, 'd'), (3600, 'h'), (60, 'm')].into_iter().find(|(unit, _)| seconds > 0 && seconds % unit == 0);
    match fits {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}
