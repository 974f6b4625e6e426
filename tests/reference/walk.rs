//! What becomes of one event on one route: rules, conflicts, containers and detection, node by node.

use tamis::engine::action::Action;
use tamis::engine::consent::Purpose;
use tamis::engine::outcome::Effect;
use tamis::engine::policy::model::{OnHit, Policy, Rule};

use super::actions;
use super::consent::Signals;
use super::json::{self, Kind, Node, Slot, quote};
use super::model::{Reference, down};
use super::paths::{Down, matches, reaches_beneath};

/// One walk: an event on a route.
pub struct Walk<'w> {
    pub reference: &'w Reference<'w>,
    pub route: usize,
    pub signals: &'w Signals,
    pub epoch: u64,
    /// Something personal was found in what rules left.
    pub detected: bool,
    pub effects: Vec<Effect>,
    pub met: Vec<&'static str>,
}

/// The rules of a route that accept at a place.
pub fn rules_at<'p>(policy: &'p Policy, route: usize, path: &[Down]) -> Vec<&'p Rule> {
    let on_route = |rule: &&Rule| rule.routes & (1 << route) != 0;
    policy.rules.iter().filter(on_route).filter(|rule| matches(&rule.selector, path)).collect()
}

impl Walk<'_> {
    /// The text of what is left of a node; `None` where nothing is.
    pub fn node(&mut self, node: &Node<'_>, path: &mut Vec<Down>) -> Option<String> {
        let policy = self.reference.policy;
        let accepted = rules_at(policy, self.route, path);
        let drops = accepted.iter().any(|rule| rule.action == Action::Drop);
        let transform = accepted.iter().find(|rule| !matches!(rule.action, Action::Drop | Action::Keep));
        let keeps = accepted.iter().any(|rule| rule.action == Action::Keep);
        if accepted.len() > 1 && (drops || transform.is_some()) {
            self.met.push("conflict");
        }
        if drops {
            return self.gone(Effect::Drop);
        }
        if accepted.iter().flat_map(|rule| &rule.needs).any(|purpose| !self.serves(purpose)) {
            return self.gone(Effect::DropNeeds);
        }
        match &node.kind {
            Kind::Array(slots) | Kind::Object(slots) => {
                if transform.is_some() {
                    return self.gone(Effect::DropShape);
                }
                if slots.is_empty() {
                    self.met.push("empty container");
                    return if keeps { Some(node.source.to_owned()) } else { self.gone(Effect::Drop) };
                }
                let beneath = policy
                    .rules
                    .iter()
                    .any(|rule| rule.routes & (1 << self.route) != 0 && reaches_beneath(&rule.selector, path));
                if !beneath {
                    return self.gone(if keeps { Effect::DropShape } else { Effect::Drop });
                }
                self.container(node, slots, path)
            }
            _ => match transform {
                Some(rule) => self.transform(rule, node, path),
                None if keeps => {
                    // What one of the rules does not expect is masked.
                    let mut expected: Vec<&str> = accepted.iter().filter_map(|rule| rule.category.as_deref()).collect();
                    expected.retain(|category| accepted.iter().all(|rule| rule.category.as_deref() == Some(*category)));
                    self.kept(node, node.source.to_owned(), path, &expected, Effect::Keep)
                }
                None => self.gone(Effect::Drop),
            },
        }
    }

    fn gone(&mut self, effect: Effect) -> Option<String> {
        self.effects.push(effect);
        match effect {
            Effect::DropShape => self.met.push("shape"),
            Effect::DropNeeds => self.met.push("needs"),
            _ => {}
        }
        None
    }

    fn stays(&mut self, effect: Effect, text: String) -> Option<String> {
        self.effects.push(effect);
        Some(text)
    }

    /// A purpose in a rule's `needs` counts where the route lists it and the event permits it.
    fn serves(&self, purpose: &Purpose) -> bool {
        let route = &self.reference.policy.routes[self.route];
        (route.requires.contains(purpose) || route.serves.contains(purpose)) && self.signals.permits(purpose)
    }

    fn container(&mut self, node: &Node<'_>, slots: &[Slot<'_>], path: &mut Vec<Down>) -> Option<String> {
        let mut kept = Vec::new();
        let mut seen = Vec::new();
        for (index, slot) in slots.iter().enumerate() {
            if let Some(key) = &slot.key {
                if seen.contains(&&key.text) {
                    self.met.push("duplicate key");
                }
                seen.push(&key.text);
                if key.source.contains('\\') {
                    self.met.push("escaped key");
                }
            }
            let key = slot.key.as_ref();
            if key.is_some_and(|key| self.personal_key(&key.text)) {
                self.gone(Effect::DropDetected);
                continue;
            }
            path.push(down(slot, index));
            let value = self.node(&slot.node, path);
            path.pop();
            let Some(value) = value else { continue };
            kept.push(format!("{}{}{}{}", slot.before, key.map_or("", |key| key.source), value, slot.after));
        }
        if kept.is_empty() {
            self.met.push("emptied container");
            return None;
        }
        let (open, close) = if matches!(node.kind, Kind::Object(_)) { ('{', '}') } else { ('[', ']') };
        Some(format!("{open}{}{close}", kept.join(",")))
    }

    fn personal_key(&self, key: &str) -> bool {
        let mut hits = Vec::new();
        if !self.reference.named.iter().any(|name| name == key) {
            self.reference.detector.text(key, &mut hits);
        }
        !hits.is_empty()
    }

    fn transform(&mut self, rule: &Rule, node: &Node<'_>, path: &[Down]) -> Option<String> {
        let Action::Token { namespace } = &rule.action else {
            return match actions::apply(&rule.action, node) {
                Err(effect) => self.gone(effect),
                Ok(text) if matches!(rule.action, Action::Url { .. }) => {
                    let parsed = json::parse(&text).expect("actions write JSON");
                    self.kept(&parsed.root, text.clone(), path, &[], Effect::Url)
                }
                Ok(text) => self.stays(rule.action.effect(), text),
            };
        };
        match actions::canonical(node) {
            Err(effect) => self.gone(effect),
            Ok(None) => self.stays(Effect::Token, node.source.to_owned()),
            Ok(Some(canonical)) => {
                let domain = self.reference.policy.routes[self.route].tokens.as_deref().unwrap_or("");
                let key = self.reference.keys.get(domain).and_then(|epochs| epochs.get(&self.epoch));
                let Some(key) = key else { return self.gone(Effect::DropEpochGone) };
                self.stays(Effect::Token, quote(&actions::token(key, domain, self.epoch, namespace, &canonical)))
            }
        }
    }

    /// Detection over what a rule left: `text` as it stands, unless something personal is found in it.
    fn kept(
        &mut self,
        node: &Node<'_>,
        text: String,
        path: &[Down],
        expected: &[&str],
        effect: Effect,
    ) -> Option<String> {
        let on_hit = self.reference.policy.detect.on_hit;
        let detector = &self.reference.detector;
        match &node.kind {
            Kind::String(value) => {
                let mut hits = Vec::new();
                detector.text_under(nearest_key(path), &value.text, &mut hits);
                hits.retain(|hit| !expected.contains(&hit.kind.category()));
                if hits.is_empty() {
                    self.effects.push(effect);
                    return Some(text);
                }
                self.detected = true;
                self.met.push("detected");
                if on_hit != OnHit::Mask {
                    return self.gone(Effect::DropDetected);
                }
                let mut out = String::from("\"");
                for ((at, _), spelled) in value.text.char_indices().zip(&value.spelled) {
                    match hits.iter().find(|hit| (hit.start..hit.end).contains(&at)) {
                        Some(hit) if hit.start == at => out.push_str(&format!("[{}]", hit.kind.category())),
                        Some(_) => {}
                        None => out.push_str(spelled),
                    }
                }
                out.push('"');
                self.effects.push(effect);
                Some(out)
            }
            Kind::Number(number) => match detector.number(number, nearest_key(path)) {
                Some(kind) if !expected.contains(&kind.category()) => {
                    self.detected = true;
                    self.met.push("detected");
                    if on_hit == OnHit::Mask {
                        self.stays(effect, "null".to_owned())
                    } else {
                        self.gone(Effect::DropDetected)
                    }
                }
                _ => self.stays(effect, text),
            },
            _ => self.stays(effect, text),
        }
    }
}

/// The key that a value stands under: for elements, that of the array.
fn nearest_key(path: &[Down]) -> Option<&str> {
    path.iter().rev().find_map(|down| match down {
        Down::Key(key) => Some(key.as_str()),
        Down::Index(_) => None,
    })
}
