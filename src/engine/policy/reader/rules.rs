//! `fields`: selectors, each with what is done there.
//!
//! Two lines of one mapping for the same fields are an error however they are spelled: selectors are compared as parsed.

use std::collections::BTreeMap;

use crate::engine::path::Selector;

use super::super::draft::DraftRule;
use super::super::problem::{Code, Problem, Span};
use super::super::tree::{Node, Value};
use super::Reader;

impl Reader<'_> {
    /// Reads one `fields` mapping for the routes of the set.
    pub(super) fn rules(&mut self, node: &Node, routes: u64, shared: bool) {
        let Value::Map(entries) = &node.value else {
            self.draft.rules_incomplete = true;
            self.wrong_type(node, "`fields`", "a mapping of selectors to actions");
            return;
        };
        let mut seen: BTreeMap<Selector, (Span, &str)> = BTreeMap::new();
        for entry in entries {
            let selector = self.rule_selector(&entry.key, entry.key_span);
            let said = self.said(&entry.value);
            let (Some(selector), Some(said)) = (selector.clone(), said) else {
                self.draft.rules_incomplete = true;
                if let Some(selector) = selector {
                    self.repeated(&mut seen, &selector, &entry.key, entry.key_span);
                }
                continue;
            };
            if self.repeated(&mut seen, &selector, &entry.key, entry.key_span) {
                continue;
            }
            self.draft.rules.push(DraftRule {
                written: entry.key.clone(),
                selector,
                span: entry.key_span,
                action: said.action,
                category: said.category,
                needs: said.needs,
                routes,
                shared,
            });
        }
    }

    /// Whether an earlier line has the same selector; reported then.
    fn repeated<'n>(
        &mut self,
        seen: &mut BTreeMap<Selector, (Span, &'n str)>,
        selector: &Selector,
        text: &'n str,
        span: Span,
    ) -> bool {
        let Some((first, spelled)) = seen.get(selector) else {
            seen.insert(selector.clone(), (span, text));
            return false;
        };
        let message = format!("`{text}` has two lines");
        let problem = Problem::new(Code::DuplicateSelector, span, message).label("again here");
        let problem =
            problem.other(*first, if *spelled == text { "first here" } else { "the same fields, spelled otherwise" });
        self.report(problem);
        true
    }

    fn rule_selector(&mut self, text: &str, span: Span) -> Option<Selector> {
        let record =
            text == "key" || text == "timestamp" || text.starts_with("header.") || text.starts_with("envelope.");
        if record {
            let message = format!("`{text}` is not a field of the event");
            let help = "what leaves as key, headers and timestamp is said under `record`; what lies around a batch never leaves";
            self.report(Problem::new(Code::SourceAsRule, span, message).help(help));
            return None;
        }
        let plain = span.end.saturating_sub(span.start) == text.len();
        self.selector(text, span, plain, 0)
    }
}
