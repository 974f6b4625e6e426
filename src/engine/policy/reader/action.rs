//! What a rule says: an action, its parameters, and `needs`.
//!
//! Either one word (`keep`) or a mapping with exactly one action in it (`{token: {as: order}, needs: ads.profile}`).
//! A `round` is a time where a duration stands, a number where a number stands; `unit` belongs to times only.

use std::cmp::Ordering;

use crate::engine::action::{Action, Edge, Literal, Step, TimeUnit};
use crate::engine::consent::Purpose;

use super::super::category::{CATEGORIES, Category};
use super::super::draft::At;
use super::super::keys::{ACTIONS, ActionKey, BESIDE, IP, LATER_ACTIONS, MASK, OTHER_WORDS, Shape, TOKEN, URL};
use super::super::nearest::nearest;
use super::super::problem::{Code, Problem, Span};
use super::super::tree::{Entry, Node, Value};
use super::scalar::looks_like_duration;
use super::{Reader, list};

/// An action as read, with what stands beside it.
pub(super) struct Said {
    pub(super) action: At<Action>,
    pub(super) category: Option<At<String>>,
    pub(super) needs: Vec<At<Purpose>>,
}

impl Said {
    fn only(action: Action, span: Span) -> Said {
        Said { action: At { value: action, span }, category: None, needs: Vec::new() }
    }
}

impl Reader<'_> {
    /// Reads what a rule says; `None` where that is not clear.
    pub(super) fn said(&mut self, node: &Node) -> Option<Said> {
        match &node.value {
            Value::Plain(word) | Value::Quoted(word) => self.bare(word, node),
            Value::Map(entries) => self.mapped(entries, node),
            Value::Empty | Value::List(_) => {
                self.wrong_type(node, "a rule", "an action such as `keep`, `token` or `{round: 1m}`");
                None
            }
        }
    }

    fn bare(&mut self, word: &str, node: &Node) -> Option<Said> {
        let key = self.action_key(word, node.span)?;
        if !key.bare {
            let message = format!("`{word}` does not say how");
            let help = format!("for example `{}`: {}", key.example, key.doc);
            self.report(Problem::new(Code::BadValue, node.span, message).help(help));
            return None;
        }
        let action = match key.name {
            "keep" => Action::Keep,
            "drop" => Action::Drop,
            "token" => Action::Token { namespace: String::new() },
            "mask" => Action::Mask { last: 0 },
            "url" => Action::Url { keep_query: Vec::new() },
            "user_agent" => Action::UserAgent,
            _ => return None,
        };
        Some(Said::only(action, node.span))
    }

    /// The action of that name; an unknown one is reported.
    fn action_key(&mut self, word: &str, span: Span) -> Option<&'static ActionKey> {
        if let Some(key) = ACTIONS.iter().find(|key| key.name == word) {
            return Some(key);
        }
        if let Some((_, why)) = LATER_ACTIONS.iter().find(|(name, _)| *name == word) {
            let message = format!("the action `{word}` is not supported by this version");
            self.report(Problem::new(Code::Unsupported, span, message).help(*why));
            return None;
        }
        let problem = Problem::new(Code::UnknownAction, span, format!("there is no action `{word}`"));
        let names = ACTIONS.iter().map(|key| key.name);
        let other = OTHER_WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        let problem = match (other, nearest(word, names.clone().chain(BESIDE.iter().copied()))) {
            (Some((_, ours)), _) => problem.help(*ours),
            (None, Some(name)) => problem.label(format!("did you mean `{name}`?")),
            (None, None) => problem.help(format!("actions are {}", list(names))),
        };
        self.report(problem);
        None
    }

    fn mapped(&mut self, entries: &[Entry], node: &Node) -> Option<Said> {
        let mut action: Option<(&Entry, &'static ActionKey)> = None;
        let (mut needs, mut unit): (Option<&Entry>, Option<&Entry>) = (None, None);
        let mut clear = true;
        for entry in entries {
            let beside = match entry.key.as_str() {
                "needs" => Some(&mut needs),
                "unit" => Some(&mut unit),
                _ => None,
            };
            if let Some(slot) = beside {
                if let Some(first) = slot {
                    let first = first.key_span;
                    self.duplicate_key(entry, first);
                } else {
                    *slot = Some(entry);
                }
                continue;
            }
            let Some(key) = self.action_key(&entry.key, entry.key_span) else {
                clear = false;
                continue;
            };
            match action {
                Some((first, _)) if first.key == entry.key => self.duplicate_key(entry, first.key_span),
                Some((first, _)) => {
                    clear = false;
                    let message = format!("one rule cannot `{}` and `{}`", first.key, entry.key);
                    let problem = Problem::new(Code::OneAction, entry.key_span, message);
                    self.report(problem.label("second action").other(first.key_span, "first action"));
                }
                None => action = Some((entry, key)),
            }
        }
        if action.is_none() && clear {
            let message = "this rule has no action";
            let names = ACTIONS.iter().map(|key| key.name);
            self.report(Problem::new(Code::OneAction, node.span, message).help(format!("actions are {}", list(names))));
        }
        let wanted = needs.map(|entry| self.purposes(&entry.value, "`needs`", false));
        let (entry, key) = action?;
        let mut said = self.parameters(entry, key, unit)?;
        if let (Some(needs), Action::Drop) = (needs, &said.action.value) {
            let message = "a field that is dropped needs no purpose";
            self.report(
                Problem::new(Code::NeedsOnDrop, needs.key_span, message)
                    .help("leave `needs` out, or choose another action"),
            );
            return Some(said);
        }
        said.needs = match wanted {
            Some(wanted) => wanted?,
            None => Vec::new(),
        };
        clear.then_some(said)
    }

    fn parameters(&mut self, entry: &Entry, key: &'static ActionKey, unit: Option<&Entry>) -> Option<Said> {
        let node = &entry.value;
        let span = entry.key_span;
        if let Some(unit) = unit
            && key.name != "round"
        {
            let message = format!("`unit` says what a number means for `round`, not for `{}`", key.name);
            self.report(Problem::new(Code::UnknownKey, unit.key_span, message));
        }
        let nothing_said = matches!(&node.value, Value::Map(entries) if entries.is_empty());
        let action = match key.name {
            "keep" if nothing_said => Action::Keep,
            "keep" => {
                let category = self.category(node)?;
                return Some(Said { category: Some(category), ..Said::only(Action::Keep, span) });
            }
            "drop" | "user_agent" => {
                if !nothing_said {
                    self.wrong_type(node, &format!("`{}`", key.name), "`{}`: it has no parameters");
                    return None;
                }
                if key.name == "drop" { Action::Drop } else { Action::UserAgent }
            }
            "token" => {
                let fields = self.fields(node, &TOKEN, span)?;
                let namespace = match fields.get("as") {
                    Some(node) => self.name(node, "`as`")?.value,
                    None => String::new(),
                };
                Action::Token { namespace }
            }
            "mask" => {
                let fields = self.fields(node, &MASK, span)?;
                let last = match fields.get("last") {
                    Some(node) => self.whole_of(node, &MASK.keys.first()?.shape, "`last`")?,
                    None => 0,
                };
                Action::Mask { last: usize::try_from(last).ok()? }
            }
            "round" => self.round(node, unit)?,
            "bucket" => self.bucket(node)?,
            "ip" => {
                let fields = self.fields(node, &IP, span)?;
                let bits: Vec<Option<u64>> = IP
                    .keys
                    .iter()
                    .map(|key| self.whole_of(fields.get(key.name)?, &key.shape, &format!("`{}`", key.name)))
                    .collect();
                let [Some(v4), Some(v6)] = bits.as_slice() else { return None };
                Action::Ip { v4: u8::try_from(*v4).ok()?, v6: u8::try_from(*v6).ok()? }
            }
            "url" => {
                let fields = self.fields(node, &URL, span)?;
                let keep_query = match fields.get("keep_query") {
                    Some(node) => self.words(node, "`keep_query`")?,
                    None => Vec::new(),
                };
                Action::Url { keep_query }
            }
            "one_of" => {
                let items = self.items(node, "`one_of`", false)?;
                let found: Vec<At<Literal>> = items
                    .iter()
                    .filter_map(|item| Some(At { value: self.literal(item, "a value")?, span: item.span }))
                    .collect();
                self.no_repeats(&found, show);
                if found.len() != items.len() {
                    return None;
                }
                Action::OneOf(found.into_iter().map(|item| item.value).collect())
            }
            "fixed" => Action::Fixed(self.literal(node, "`fixed`")?),
            _ => return None,
        };
        Some(Said::only(action, span))
    }

    fn whole_of(&mut self, node: &Node, shape: &Shape, what: &str) -> Option<u64> {
        match shape {
            Shape::Whole(low, high) => self.whole(node, what, *low, *high),
            _ => None,
        }
    }

    fn words(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        let items = self.items(node, what, true)?;
        let mut found = Vec::new();
        for item in items {
            match item.text() {
                Some(text) => found.push(At { value: text.to_owned(), span: item.span }),
                None => self.wrong_type(item, &format!("an item of {what}"), "a word"),
            }
        }
        self.no_repeats(&found, String::clone);
        (found.len() == items.len()).then(|| found.into_iter().map(|word| word.value).collect())
    }

    fn category(&mut self, node: &Node) -> Option<At<String>> {
        let Some(text) = node.text() else {
            self.wrong_type(node, "`keep`", "`{}` or a category such as `contact.email`");
            return None;
        };
        if text == "opaque" {
            let message = "`keep: opaque` is not supported by this version";
            let help = "`keep` lets the field through; detectors look at it";
            self.report(Problem::new(Code::Unsupported, node.span, message).help(help));
            return None;
        }
        if Category::named(text).is_some() {
            return Some(At { value: text.to_owned(), span: node.span });
        }
        let problem = Problem::new(Code::UnknownCategory, node.span, format!("there is no category `{text}`"));
        let ids = CATEGORIES.iter().map(|category| category.id);
        let family = text.trim_end_matches(['*', '.']);
        let members: Vec<&str> =
            ids.clone().filter(|id| id.strip_prefix(family).is_some_and(|rest| rest.starts_with('.'))).collect();
        let problem = match nearest(text, ids) {
            Some(id) => problem.label(format!("did you mean `{id}`?")),
            None if !family.is_empty() && !members.is_empty() => {
                problem.help(format!("categories that begin so are {}", list(members.into_iter())))
            }
            None => problem.help("docs/policy.md lists every category"),
        };
        self.report(problem);
        None
    }

    fn round(&mut self, node: &Node, unit: Option<&Entry>) -> Option<Action> {
        let meant = "a duration such as `1m` for a time, or a number such as `10`";
        let Some(text) = node.text() else {
            self.wrong_type(node, "`round`", meant);
            return None;
        };
        if looks_like_duration(text) {
            let seconds = self.duration(node, "`round`")?;
            let unit = match unit {
                Some(entry) => Some(match self.choice(&entry.value, "`unit`", &["s", "ms"])? {
                    "s" => TimeUnit::Seconds,
                    _ => TimeUnit::Milliseconds,
                }),
                None => None,
            };
            return Some(Action::RoundTime { step_ms: i64::try_from(seconds).ok()?.checked_mul(1000)?, unit });
        }
        if let Some(unit) = unit {
            let message = "`unit` says what a number means for a time, and this rounds a number";
            let help = "a time is rounded to a duration: `{round: 1m, unit: ms}`";
            self.report(Problem::new(Code::UnknownKey, unit.key_span, message).help(help));
            return None;
        }
        let step = if matches!(node.value, Value::Plain(_)) { Step::parse(text) } else { None };
        if step.is_none() {
            self.report(Problem::new(Code::BadValue, node.span, format!("`round` must be {meant}, more than zero")));
        }
        step.map(Action::RoundNumber)
    }

    fn bucket(&mut self, node: &Node) -> Option<Action> {
        let items = self.items(node, "`bucket`", false)?;
        let mut edges: Vec<(Edge, Span)> = Vec::new();
        let mut clear = true;
        for item in items {
            let text = item.text().filter(|_| matches!(item.value, Value::Plain(_)));
            let Some(edge) = text.and_then(Edge::parse) else {
                clear = false;
                self.report(Problem::new(Code::BadValue, item.span, "an edge of `bucket` must be a number"));
                continue;
            };
            if let Some((before, span)) = edges.last()
                && before.compare(&edge) != Ordering::Less
            {
                clear = false;
                let problem = Problem::new(Code::BadValue, item.span, "the edges of `bucket` must ascend");
                self.report(problem.label("not more").other(*span, "than this"));
            }
            edges.push((edge, item.span));
        }
        clear.then(|| Action::Bucket(edges.into_iter().map(|(edge, _)| edge).collect()))
    }
}

fn show(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Number(text) | Literal::String(text) => text.clone(),
    }
}
