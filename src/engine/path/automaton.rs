//! All selectors of a policy as one deterministic automaton: one transition per key or index, whatever the number of
//! rules.
//!
//! A state is a set of positions (selector, step). It is built whole before the first record (subset construction,
//! bounded), so that matching allocates nothing and its cost does not depend on the record.

use std::collections::{BTreeMap, BTreeSet};

use super::{Selector, Take};

/// At most so many states. A policy of 500 plain paths has about 1,500; only many `..` rules with `*` between them can
/// come near, and they are refused rather than left to eat memory.
const MAX_STATES: usize = 16_384;

/// At most so many transitions (states × labels, 4 bytes each): 64 MiB.
const MAX_TRANSITIONS: usize = 16 << 20;

/// The selectors together need more states than we build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the selectors together are too complex")]
pub struct TooComplex;

/// A state of the automaton. [`State::DEAD`] matches nothing, and nothing beneath it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(u32);

impl State {
    /// No selector can match here or beneath.
    pub const DEAD: State = State(0);

    /// Its number, dense from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The state with this number; one that the automaton does not have behaves as [`State::DEAD`].
    pub fn numbered(number: usize) -> State {
        State(u32::try_from(number).unwrap_or(0))
    }
}

/// What a key or an index means to the automaton: 0 and 1 are names and indexes that no selector names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Label(u32);

const OTHER_NAME: Label = Label(0);
const OTHER_INDEX: Label = Label(1);

/// Every selector at once.
pub struct Automaton {
    names: Names,
    /// Index values that selectors name, ascending; their labels follow the names'.
    indexes: Vec<usize>,
    labels: usize,
    next: Vec<State>,
    accepts: Vec<Box<[u16]>>,
    start: State,
}

/// A position: this many steps of that selector are matched.
type Position = (u16, u16);

impl Automaton {
    /// Builds it for selectors that are known by their place in the slice.
    pub fn build(selectors: &[&Selector]) -> Result<Automaton, TooComplex> {
        if selectors.len() > usize::from(u16::MAX) || selectors.iter().any(|s| s.steps.len() > usize::from(u16::MAX)) {
            return Err(TooComplex);
        }
        let steps = || selectors.iter().flat_map(|s| &s.steps).map(|step| &step.take);
        let names: BTreeSet<&str> =
            steps().filter_map(|take| if let Take::Name(name) = take { Some(name.as_str()) } else { None }).collect();
        let indexes: BTreeSet<usize> =
            steps().filter_map(|take| if let Take::Index(index) = take { Some(*index) } else { None }).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let indexes: Vec<usize> = indexes.into_iter().collect();
        let labels = 2 + names.len() + indexes.len();

        let sample = |label: usize| -> Key<'_> {
            match label {
                0 => Key::OtherName,
                1 => Key::OtherIndex,
                l => match names.get(l - 2) {
                    Some(name) => Key::Name(name),
                    None => indexes.get(l - 2 - names.len()).map_or(Key::OtherIndex, |&index| Key::Index(index)),
                },
            }
        };

        let first: Vec<Position> = (0..selectors.len()).map(|i| (i as u16, 0)).collect();
        let mut numbers: BTreeMap<Vec<Position>, State> = BTreeMap::from([(Vec::new(), State::DEAD)]);
        let mut sets: Vec<Vec<Position>> = vec![Vec::new()];
        let start = number(first, &mut numbers, &mut sets);
        let mut next = vec![State::DEAD; labels];
        let mut done = 1;
        while let Some(set) = sets.get(done).cloned() {
            for label in 0..labels {
                let target = advance(selectors, &set, sample(label));
                next.push(number(target, &mut numbers, &mut sets));
            }
            done += 1;
            if sets.len() > MAX_STATES || sets.len() * labels > MAX_TRANSITIONS {
                return Err(TooComplex);
            }
        }
        let accepts = sets
            .iter()
            .map(|set| {
                let whole = |&&(i, step): &&Position| {
                    selectors.get(usize::from(i)).is_some_and(|s| s.steps.len() == usize::from(step))
                };
                set.iter().filter(whole).map(|&(i, _)| i).collect()
            })
            .collect();
        Ok(Automaton { names: Names::new(&names), indexes, labels, next, accepts, start })
    }

    /// The state at `$`.
    pub fn start(&self) -> State {
        self.start
    }

    /// The state at the member of that name (unescaped bytes) of a node in state `state`.
    pub fn member(&self, state: State, name: &[u8]) -> State {
        self.follow(state, self.names.label(name))
    }

    /// As [`Self::member`]; says too whether no selector spells this name.
    #[inline]
    pub fn member_named(&self, state: State, name: &[u8]) -> (State, bool) {
        let label = self.names.label(name);
        (self.follow(state, label), label == OTHER_NAME)
    }

    /// The state at the element with that index.
    pub fn element(&self, state: State, index: usize) -> State {
        let label = match self.indexes.binary_search(&index) {
            Ok(place) => Label((2 + self.names.count + place) as u32),
            Err(_) => OTHER_INDEX,
        };
        self.follow(state, label)
    }

    /// Where a path of names and indexes leads; a path with other steps leads nowhere.
    pub fn at(&self, path: &Selector) -> State {
        path.steps.iter().fold(self.start(), |state, step| match &step.take {
            Take::Name(name) => self.member(state, name.as_bytes()),
            Take::Index(index) => self.element(state, *index),
            Take::Any => State::DEAD,
        })
    }

    /// The selectors that match a node in this state, ascending.
    pub fn accepts(&self, state: State) -> &[u16] {
        self.accepts.get(state.index()).map_or(&[], |set| set)
    }

    /// Whether nothing can match here or beneath.
    pub fn is_dead(&self, state: State) -> bool {
        state == State::DEAD
    }

    /// How many states there are.
    pub fn states(&self) -> usize {
        self.accepts.len()
    }

    /// Every state that can follow this one in one step.
    pub fn successors(&self, state: State) -> &[State] {
        let from = state.index() * self.labels;
        self.next.get(from..from + self.labels).unwrap_or(&[])
    }

    /// Every combination of selectors that can meet on one node of some document.
    pub fn accept_sets(&self) -> impl Iterator<Item = &[u16]> {
        self.accepts.iter().map(|set| &**set).filter(|set| !set.is_empty())
    }

    fn follow(&self, state: State, label: Label) -> State {
        self.next.get(state.index() * self.labels + label.0 as usize).copied().unwrap_or(State::DEAD)
    }
}

/// One representative key for a label.
#[derive(Clone, Copy)]
enum Key<'a> {
    Name(&'a str),
    Index(usize),
    OtherName,
    OtherIndex,
}

fn advance(selectors: &[&Selector], set: &[Position], key: Key<'_>) -> Vec<Position> {
    let mut target = BTreeSet::new();
    for &(i, at) in set {
        let Some(step) = selectors.get(usize::from(i)).and_then(|s| s.steps.get(usize::from(at))) else { continue };
        let taken = match (&step.take, key) {
            (Take::Any, _) => true,
            (Take::Name(name), Key::Name(key)) => name == key,
            (Take::Index(index), Key::Index(key)) => *index == key,
            _ => false,
        };
        if taken {
            target.insert((i, at + 1));
        }
        if step.descendant {
            target.insert((i, at));
        }
    }
    target.into_iter().collect()
}

fn number(set: Vec<Position>, numbers: &mut BTreeMap<Vec<Position>, State>, sets: &mut Vec<Vec<Position>>) -> State {
    let fresh = State(sets.len() as u32);
    *numbers.entry(set).or_insert_with_key(|set| {
        sets.push(set.clone());
        fresh
    })
}

/// The names that selectors spell, in an open-addressed table: a key of a record costs one hash of its first and last
/// eight bytes and, as a rule, one comparison. The table never grows from records, so hostile keys cannot fill it.
struct Names {
    slots: Vec<Name>,
    count: usize,
}

/// One name of the table. [`OTHER_NAME`] marks a free slot.
#[derive(Clone, Default)]
struct Name {
    ends: Ends,
    length: usize,
    label: Label,
    /// The whole name, where `ends` leave a part of it out.
    whole: Box<[u8]>,
}

/// The first and last eight bytes of a name; of one that is shorter than eight, what it has. With its length they are all
/// there is to a name of up to sixteen bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Ends {
    first: u64,
    last: u64,
}

impl Names {
    fn new(names: &[&str]) -> Names {
        let size = (names.len() * 4).next_power_of_two().max(8);
        let mut slots = vec![Name::default(); size];
        for (i, name) in names.iter().enumerate() {
            let name = name.as_bytes();
            let ends = Ends::of(name);
            let mut at = ends.hash(name.len()) as usize & (size - 1);
            while slots.get(at).is_some_and(|slot| slot.label != OTHER_NAME) {
                at = (at + 1) & (size - 1);
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = Name { ends, length: name.len(), label: Label(2 + i as u32), whole: name.into() };
            }
        }
        Names { slots, count: names.len() }
    }

    #[inline]
    fn label(&self, name: &[u8]) -> Label {
        let mask = self.slots.len() - 1;
        let ends = Ends::of(name);
        let mut at = ends.hash(name.len()) as usize & mask;
        while let Some(slot) = self.slots.get(at) {
            let same = slot.ends == ends && slot.length == name.len() && (name.len() <= 16 || *slot.whole == *name);
            // A free slot ends the search; it is also the same as an empty name that nobody spells.
            if same || slot.label == OTHER_NAME {
                return slot.label;
            }
            at = (at + 1) & mask;
        }
        OTHER_NAME
    }
}

impl Ends {
    #[inline]
    fn of(name: &[u8]) -> Ends {
        let four = |chunk: Option<&[u8; 4]>| chunk.map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
        match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(first), Some(last)) => Ends { first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last) },
            _ if name.len() >= 4 => Ends { first: four(name.first_chunk()), last: four(name.last_chunk()) },
            _ => Ends { first: name.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), last: 0 },
        }
    }

    #[inline]
    fn hash(self, length: usize) -> u64 {
        let mixed = self.first ^ self.last.rotate_left(29);
        let mixed = mixed.wrapping_add(length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn automaton(texts: &[&str]) -> Automaton {
        let selectors: Vec<Selector> = texts.iter().map(|t| Selector::parse(t).unwrap()).collect();
        Automaton::build(&selectors.iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_descendant_step_matches_at_every_depth() {
        let a = automaton(&["$..email", "$.user.*"]);
        let user = a.member(a.start(), b"user");
        assert_eq!(a.accepts(user), &[] as &[u16]);
        assert_eq!(a.accepts(a.member(user, b"email")), &[0, 1]);
        assert_eq!(a.accepts(a.member(a.member(user, b"x"), b"email")), &[0]);
        assert_eq!(a.accepts(a.element(user, 7)), &[1]);
    }

    #[test]
    fn what_no_selector_can_reach_is_dead() {
        let a = automaton(&["$.a.b"]);
        assert!(a.is_dead(a.member(a.start(), b"x")));
        assert!(a.is_dead(a.element(a.start(), 0)));
        assert!(!a.is_dead(a.member(a.start(), b"a")));
    }

    #[test]
    fn names_of_every_length_are_told_apart() {
        // One byte apart, at every place: in what the ends hold and between them.
        let base = "abcdefghijklmnopqrstuvwxyz";
        for length in 1..=base.len() {
            let name = &base[..length];
            let names = Names::new(&[name]);
            assert_eq!(names.label(name.as_bytes()), Label(2));
            for at in 0..length {
                let mut other = name.as_bytes().to_vec();
                other[at] = b'#';
                assert_eq!(names.label(&other), OTHER_NAME, "{name} {at}");
            }
            for other in [&base[..length - 1], &base[1..length]] {
                assert_eq!(names.label(other.as_bytes()), OTHER_NAME, "{name} {other}");
            }
        }
    }

    #[test]
    fn selectors_that_need_too_many_states_are_refused() {
        let wide: Vec<String> = (0..16).map(|i| format!("$..k{i}.*.*.*.*.*.*.*.*")).collect();
        let selectors: Vec<Selector> = wide.iter().map(|t| Selector::parse(t).unwrap()).collect();
        assert_eq!(Automaton::build(&selectors.iter().collect::<Vec<_>>()).err(), Some(TooComplex));
    }
}
