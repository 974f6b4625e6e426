//! Paths as a tree, generalized while they stream by: array indices become `[*]`, and keys that are data become `*`.
//!
//! A key is shown only if it looks like a name of a schema and came more than once, or is in our own lists; what a key may be is
//! unlimited, and it can be a person's. Members beneath other keys are counted together, as one path. Memory is bounded: from a number of
//! paths on new keys are counted together too, and at last not at all but by number. The trap: an object with very many keys
//! is a map, whose keys are data however they look.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use super::find::Find;
use super::names;
use super::shape;
use super::stats::{Stats, Type};
use super::walk::{Scalar, Sink};
use crate::engine::json::scan::Container;
use crate::engine::path::{Selector, Step as SelectorStep, Take};

/// Named paths that are kept apart. Events of a large site have some two thousand.
const MOST_NAMED: usize = 10_000;

/// Paths of any kind, `*` included.
const MOST: usize = 20_000;

/// An object with more different keys than this is a map. Large tracking plans have 100 properties on one object.
const MOST_MEMBERS: usize = 256;

/// The node that stands for what is beyond [`MOST`].
const BEYOND: u32 = u32::MAX;

/// The value, and what stands around it in the record: its key and headers.
const ROOT: u32 = 0;
const AROUND: u32 = 1;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The member of that name.
    Name(Box<str>),
    /// Members whose names are data.
    Members,
    /// Elements of an array.
    Elements,
}

struct Node {
    parent: u32,
    step: Step,
    members: BTreeMap<Box<str>, u32>,
    /// What all other members share.
    rest: Option<u32>,
    elements: Option<u32>,
    /// Its keys are data: none of them is a name.
    mapped: bool,
    stats: Stats,
}

impl Node {
    fn new(parent: u32, step: Step) -> Node {
        let (members, stats) = (BTreeMap::new(), Stats::default());
        Node { parent, step, members, rest: None, elements: None, mapped: false, stats }
    }
}

/// All paths that were seen.
pub(super) struct Tree {
    nodes: Vec<Node>,
    free: Vec<u32>,
    record: u64,
    event: u64,
    hasher: RandomState,
    /// Values, and those with a find, that no path was left for.
    pub(super) beyond: (u64, u64),
}

/// One path with what is known of it.
pub(super) struct Entry<'a> {
    /// From the root; for what stands around the value, the one name of it.
    pub(super) steps: Vec<Step>,
    /// It is of the record's key or headers.
    pub(super) around: bool,
    pub(super) stats: &'a Stats,
    /// Arrays and objects were both seen here, or members both by name and by `*`.
    pub(super) mixed: bool,
}

impl Tree {
    pub(super) fn new() -> Tree {
        Tree {
            nodes: vec![Node::new(BEYOND, Step::Members), Node::new(BEYOND, Step::Members)],
            free: Vec::new(),
            record: 0,
            event: 0,
            hasher: RandomState::new(),
            beyond: (0, 0),
        }
    }

    /// Whatever comes next is of another record.
    pub(super) fn begin(&mut self) {
        self.record += 1;
        self.event += 1;
    }

    /// The record's key (`key`) or a header (`header.<name>`), as text.
    pub(super) fn around(&mut self, name: &str, text: &str, finds: &[Find]) {
        let place = self.member(AROUND, name, &[]);
        self.scalar(place, Scalar::Text(text), finds);
    }

    fn live(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    fn child(&mut self, parent: u32, step: Step) -> u32 {
        if self.live() >= MOST {
            return BEYOND;
        }
        let node = Node::new(parent, step);
        match self.free.pop() {
            Some(number) => {
                self.nodes[number as usize] = node;
                number
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        }
    }

    fn rest(&mut self, of: u32) -> u32 {
        if let Some(rest) = self.nodes[of as usize].rest {
            return rest;
        }
        let rest = self.child(of, Step::Members);
        if rest != BEYOND {
            self.nodes[of as usize].rest = Some(rest);
        }
        rest
    }

    /// All named members of an object become `*`.
    fn fold(&mut self, of: u32, which: impl Fn(&str, &Stats) -> bool) {
        let members = std::mem::take(&mut self.nodes[of as usize].members);
        for (name, member) in members {
            if which(&name, &self.nodes[member as usize].stats) {
                let rest = self.rest(of);
                self.merge(rest, member);
            } else {
                self.nodes[of as usize].members.insert(name, member);
            }
        }
    }

    /// Adds a path and all beneath it to another, and frees it.
    fn merge(&mut self, into: u32, from: u32) {
        let members = std::mem::take(&mut self.nodes[from as usize].members);
        let (rest, elements) = (self.nodes[from as usize].rest.take(), self.nodes[from as usize].elements.take());
        let stats = std::mem::take(&mut self.nodes[from as usize].stats);
        self.free.push(from);
        if into == BEYOND {
            self.beyond.0 += stats.values;
            self.beyond.1 += stats.hit;
        } else {
            self.nodes[into as usize].stats.merge(stats);
        }
        let place = |tree: &mut Tree, step: Step| match into {
            BEYOND => BEYOND,
            into => tree.place(into, step),
        };
        for (name, member) in members {
            let under = place(self, Step::Name(name));
            self.merge(under, member);
        }
        if let Some(rest) = rest {
            let under = place(self, Step::Members);
            self.merge(under, rest);
        }
        if let Some(elements) = elements {
            let under = place(self, Step::Elements);
            self.merge(under, elements);
        }
    }

    /// The path one step further, made if it is new.
    fn place(&mut self, of: u32, step: Step) -> u32 {
        match step {
            Step::Name(name) => {
                let node = &self.nodes[of as usize];
                if let Some(member) = node.members.get(&name) {
                    return *member;
                }
                if node.mapped || self.live() >= MOST_NAMED {
                    return self.rest(of);
                }
                if node.members.len() >= MOST_MEMBERS {
                    self.fold(of, |_, _| true);
                    self.nodes[of as usize].mapped = true;
                    return self.rest(of);
                }
                let member = self.child(of, Step::Name(name.clone()));
                if member != BEYOND {
                    self.nodes[of as usize].members.insert(name, member);
                }
                member
            }
            Step::Members => self.rest(of),
            Step::Elements => {
                if let Some(elements) = self.nodes[of as usize].elements {
                    return elements;
                }
                let elements = self.child(of, Step::Elements);
                if elements != BEYOND {
                    self.nodes[of as usize].elements = Some(elements);
                }
                elements
            }
        }
    }

    /// Folds what must not be shown: keys that came once and are in no list, and keys of objects that are maps after all.
    pub(super) fn finish(&mut self) {
        let mut next = vec![ROOT, AROUND];
        while let Some(number) = next.pop() {
            let node = &self.nodes[number as usize];
            let counts = || node.members.values().map(|member| self.nodes[*member as usize].stats.values);
            let (keys, once) = (node.members.len() as u64, counts().filter(|count| *count < 2).count() as u64);
            let (objects, values) = (node.stats.is(Type::Object), counts().sum::<u64>());
            // Long tails and thin rows are how maps look; what a schema names there comes again and again all the same.
            let tail = keys >= 8 && once * 2 > keys;
            let thin = keys >= 24 && values * 20 < keys * objects;
            let least = if tail || thin { (objects / 10).max(10) } else { 2 };
            let listed = |name: &str| names::is_listed(name.strip_prefix("header.").unwrap_or(name));
            self.fold(number, |name, stats| stats.values < least && !listed(name));
            let node = &self.nodes[number as usize];
            next.extend(node.members.values().copied().chain(node.rest).chain(node.elements));
        }
    }

    /// Every path that has scalars, or finds in its key, in the order of their names.
    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        let mut entries = Vec::new();
        let mut next = vec![(AROUND, Vec::new(), true), (ROOT, Vec::new(), false)];
        while let Some((number, steps, around)) = next.pop() {
            let node = &self.nodes[number as usize];
            let parent = self.nodes.get(node.parent as usize).unwrap_or(node);
            let scalars = node.stats.values > node.stats.is(Type::Object) + node.stats.is(Type::Array);
            if scalars || !node.stats.in_key.is_empty() {
                let mixed = parent.elements.is_some() && (parent.rest.is_some() || !parent.members.is_empty());
                entries.push(Entry { steps: steps.clone(), around, stats: &node.stats, mixed });
            }
            let children = node.members.values().copied().chain(node.rest).chain(node.elements);
            let children: Vec<u32> = children.collect();
            for child in children.into_iter().rev() {
                let mut steps = steps.clone();
                steps.push(self.nodes[child as usize].step.clone());
                next.push((child, steps, around));
            }
        }
        entries
    }

    fn node(&self, steps: &[Step]) -> Option<&Node> {
        let end = steps.iter().try_fold(ROOT, |number, step| {
            let node = self.nodes.get(number as usize)?;
            match step {
                Step::Name(name) => node.members.get(name).copied(),
                Step::Members => node.rest,
                Step::Elements => node.elements,
            }
        });
        self.nodes.get(end? as usize)
    }

    /// What is known of the path with these steps.
    pub(super) fn at(&self, steps: &[Step]) -> Option<&Stats> {
        self.node(steps).map(|node| &node.stats)
    }

    /// Names of the members of an object, as far as they are shown, with what is known of each.
    pub(super) fn members(&self, steps: &[Step]) -> Vec<(&str, &Stats)> {
        let members = self.node(steps).into_iter().flat_map(|node| &node.members);
        members.map(|(name, number)| (&**name, &self.nodes[*number as usize].stats)).collect()
    }

    /// Objects with members by name, by their steps.
    pub(super) fn objects(&self) -> Vec<Vec<Step>> {
        let mut objects = Vec::new();
        let mut next = vec![(ROOT, Vec::new())];
        while let Some((number, steps)) = next.pop() {
            let node = &self.nodes[number as usize];
            for child in node.members.values().copied().chain(node.rest).chain(node.elements) {
                let mut inner = steps.clone();
                inner.push(self.nodes[child as usize].step.clone());
                next.push((child, inner));
            }
            if !node.members.is_empty() {
                objects.push(steps);
            }
        }
        objects.sort_by_key(Vec::len);
        objects
    }
}

impl Sink for Tree {
    type Place = u32;

    fn root(&mut self) -> u32 {
        ROOT
    }

    fn member(&mut self, of: u32, key: &str, finds: &[Find]) -> u32 {
        if of == BEYOND {
            self.beyond.1 += u64::from(!finds.is_empty());
            return BEYOND;
        }
        let place = match finds.is_empty() && is_schema_name(key) {
            true => self.place(of, Step::Name(key.into())),
            false => self.rest(of),
        };
        match self.nodes.get_mut(place as usize) {
            Some(node) => node.stats.name(finds),
            None => self.beyond.1 += u64::from(!finds.is_empty()),
        }
        place
    }

    fn element(&mut self, of: u32, _: usize) -> u32 {
        if of == BEYOND {
            return BEYOND;
        }
        let node = &self.nodes[of as usize];
        if of == ROOT || (node.parent == ROOT && node.step != Step::Elements) {
            self.event += 1;
        }
        self.place(of, Step::Elements)
    }

    fn scalar(&mut self, at: u32, scalar: Scalar<'_>, finds: &[Find]) {
        let (record, event) = (self.record, self.event);
        let Some(node) = self.nodes.get_mut(at as usize) else {
            self.beyond.0 += 1;
            self.beyond.1 += u64::from(!finds.is_empty());
            return;
        };
        let stats = &mut node.stats;
        match scalar {
            Scalar::Null => stats.touch(Type::Null, record, event),
            Scalar::Bool => stats.touch(Type::Boolean, record, event),
            Scalar::Number(spelled) => {
                stats.touch(Type::Number, record, event);
                stats.look(shape::of_number(spelled), self.hasher.hash_one(spelled), finds);
            }
            Scalar::Text(text) => {
                stats.touch(Type::Text, record, event);
                stats.look(shape::of_text(text), self.hasher.hash_one(text), finds);
            }
        }
    }

    fn open(&mut self, at: u32, container: Container) {
        let kind = if container == Container::Object { Type::Object } else { Type::Array };
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.stats.touch(kind, self.record, self.event);
        }
    }
}

/// Whether a key looks like a name that a developer gave: it says what stands there, and not whose it is. Names of headers
/// too.
pub(super) fn is_schema_name(key: &str) -> bool {
    let body = key.strip_prefix(['@', '$']).unwrap_or(key);
    let bytes = body.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/');
    if !(1..=48).contains(&bytes.len()) || !bytes.iter().all(plain) {
        return false;
    }
    // `line2` and `ga4` are names; `u-48213`, `2026-11-24` and `a1b2c3` are somebody's, some day's and some hash's.
    let runs = || bytes.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).filter(|length| *length > 0);
    let inside = |three: &[u8]| {
        three[0].is_ascii_digit()
            && three[1].is_ascii_alphabetic()
            && !(three[1].is_ascii_uppercase() && three[2].is_ascii_lowercase())
    };
    let numbered = runs().count() > 2 || runs().any(|length| length > 2) || bytes.windows(3).any(inside);
    if numbered || !bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
        return false;
    }
    // Names are made of words: small letters in a row. `aGVsbG8gd29ybGQ` is not.
    let turns =
        bytes.windows(2).filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
    bytes.len() < 12 || turns.count() * 4 <= bytes.len()
}

/// A path as it is shown: a selector as policies write it, with `.*` for members whose names are data.
pub(super) fn written(steps: &[Step], around: bool) -> String {
    let mut out = String::from(if around { "" } else { "$" });
    for step in steps {
        match step {
            Step::Name(name) if around => out.push_str(name),
            Step::Members if around => out.push_str("header.*"),
            Step::Name(name) => {
                let step = SelectorStep { descendant: false, take: Take::Name(name.to_string()) };
                out.push_str(Selector { steps: vec![step] }.to_string().trim_start_matches('$'));
            }
            Step::Members => out.push_str(".*"),
            Step::Elements => out.push_str("[*]"),
        }
    }
    out
}

#[cfg(test)]
mod tests;
