//! A checked policy made ready for records: one automaton for every selector, and per route and state what to do.

use crate::engine::action::Action;
use crate::engine::consent::{PurposeSet, Resolver};
use crate::engine::detect::{Detector, Kind, Kinds};
use crate::engine::path::{Automaton, Selector, State, Take, TooComplex};
use crate::engine::policy::model::{Policy, Rule, Source};
use crate::engine::sources::{Slot, Sources};

/// Everything the engine looks up while it works. Immutable; shared by workers.
pub(in crate::engine) struct Compiled {
    pub policy: Policy,
    pub resolver: Resolver,
    pub detector: Detector,
    /// Selectors inside an event: rules, then event sources.
    pub event: Automaton,
    /// Selectors of the record's value around a batch: split, the split's container, then envelope sources.
    pub envelope: Option<Envelope>,
    pub sources: Sources,
    /// By event state: which slots a node there fills.
    pub event_slots: Vec<Box<[Slot]>>,
    /// By event state: whether some route has a rule there.
    ruled: Vec<bool>,
    pub routes: Vec<CompiledRoute>,
}

/// The automaton around a batch.
pub(in crate::engine) struct Envelope {
    pub automaton: Automaton,
    /// By state: whether a node there is an event.
    pub is_event: Vec<bool>,
    /// By state: whether a container there would hold the events.
    pub holds_events: Vec<bool>,
    /// By state: which slots a node there fills.
    pub slots: Vec<Box<[Slot]>>,
}

/// What one route does, by state of the event automaton.
pub(in crate::engine) struct CompiledRoute {
    pub requires: PurposeSet,
    pub key: KeyRule,
    /// Purposes that `tamis-purposes` may name, with their names.
    pub lists: Vec<(PurposeSet, String)>,
    /// By state.
    decisions: Vec<Option<Decision>>,
    /// By state: whether a rule of this route can apply to something beneath a node there.
    reaches: Vec<bool>,
}

/// Whether a route's records have keys. The key says what the field says that it is made of: a route that may not have
/// the field may not have its token as a key either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum KeyRule {
    /// The policy has none.
    None,
    /// The route drops the field.
    Withheld,
    /// Where these purposes are permitted, which the field asks for.
    Made(PurposeSet),
}

/// The one thing that is done to a scalar, after all rules on it have met.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Decision {
    /// The rule that wins: its action is done, and it is counted.
    pub rule: u16,
    /// What it does.
    pub does: Does,
    /// Purposes that must be permitted.
    pub needs: PurposeSet,
    /// A `needs` that the route does not list: never met.
    pub never: bool,
    /// Kinds whose category every rule here expects, so that they are not masked.
    pub expected: Kinds,
}

/// What a rule does, as far as it takes to choose a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Does {
    Drop,
    Keep,
    Token,
    /// An action that works on the value.
    Transform,
}

impl Does {
    fn of(action: &Action) -> Does {
        match action {
            Action::Drop => Does::Drop,
            Action::Keep => Does::Keep,
            Action::Token { .. } => Does::Token,
            _ => Does::Transform,
        }
    }
}

impl Compiled {
    pub(in crate::engine) fn new(policy: Policy) -> Result<Compiled, TooComplex> {
        let resolver = Resolver::new(&policy);
        let sources = Sources::new(&policy, &resolver);
        let mut selectors: Vec<&Selector> = policy.rules.iter().map(|rule| &rule.selector).collect();
        let rules = selectors.len();
        selectors.extend(sources.event.iter().map(|(selector, _)| selector));
        let event = Automaton::build(&selectors)?;
        let event_slots = slots(&event, rules, &sources.event);
        let envelope = policy.input.split.as_ref().map(|split| Envelope::new(split, &sources)).transpose()?;
        let routes: Vec<CompiledRoute> =
            (0..policy.routes.len()).map(|route| compile_route(&policy, &resolver, &event, route)).collect();
        let ruled = states(&event).map(|state| routes.iter().any(|route| route.decision(state).is_some())).collect();
        let detector = Detector::new(policy.detect.kinds);
        Ok(Compiled { resolver, detector, event, envelope, event_slots, ruled, routes, sources, policy })
    }

    /// Whether some route has a rule for a node in this state.
    #[inline]
    pub(in crate::engine) fn is_ruled(&self, state: State) -> bool {
        self.ruled.get(state.index()).copied().unwrap_or(false)
    }

    /// The rule with this number; numbers come from [`Decision`]s.
    pub(in crate::engine) fn rule(&self, rule: u16) -> Option<&Rule> {
        self.policy.rules.get(usize::from(rule))
    }
}

impl CompiledRoute {
    #[inline]
    pub(in crate::engine) fn decision(&self, state: State) -> Option<&Decision> {
        self.decisions.get(state.index())?.as_ref()
    }

    #[inline]
    pub(in crate::engine) fn reaches(&self, state: State) -> bool {
        self.reaches.get(state.index()).copied().unwrap_or(false)
    }
}

impl Envelope {
    fn new(split: &Selector, sources: &Sources) -> Result<Envelope, TooComplex> {
        let holder = Selector { steps: split.steps.split_last().map_or(Vec::new(), |(_, head)| head.to_vec()) };
        let mut selectors = vec![split, &holder];
        selectors.extend(sources.envelope.iter().map(|(selector, _)| selector));
        let automaton = Automaton::build(&selectors)?;
        let by_state = |id: u16, on: bool| -> Vec<bool> {
            states(&automaton).map(|state| on && automaton.accepts(state).contains(&id)).collect()
        };
        // `$.batch[*]` may hold no event; `$.event` that is not there is a path that is missing.
        let may_be_empty = split.steps.last().is_some_and(|step| step.take == Take::Any);
        Ok(Envelope {
            is_event: by_state(0, true),
            holds_events: by_state(1, may_be_empty),
            slots: slots(&automaton, 2, &sources.envelope),
            automaton,
        })
    }
}

/// By state: the slots of the sources whose selectors accept there; source selectors start at `first`.
fn slots(automaton: &Automaton, first: usize, sources: &[(Selector, Slot)]) -> Vec<Box<[Slot]>> {
    let slot = |&id: &u16| usize::from(id).checked_sub(first).and_then(|i| sources.get(i)).map(|(_, slot)| *slot);
    states(automaton).map(|state| automaton.accepts(state).iter().filter_map(slot).collect()).collect()
}

fn states(automaton: &Automaton) -> impl Iterator<Item = State> {
    (0..automaton.states()).map(State::numbered)
}

fn compile_route(policy: &Policy, resolver: &Resolver, event: &Automaton, number: usize) -> CompiledRoute {
    let (requires, serves) =
        policy.routes.get(number).map_or((&[][..], &[][..]), |route| (&route.requires[..], &route.serves[..]));
    let listed = resolver.set(requires).union(resolver.set(serves));
    let decisions: Vec<Option<Decision>> =
        states(event).map(|state| decide(policy, resolver, event.accepts(state), number, listed)).collect();
    let lists = requires
        .iter()
        .chain(serves)
        .map(|purpose| (resolver.set(std::slice::from_ref(purpose)), purpose.to_string()))
        .collect();
    let key = match &policy.record.key {
        None => KeyRule::None,
        Some(Source::Event(selector)) => match decisions.get(event.at(selector).index()).copied().flatten() {
            None => KeyRule::Made(PurposeSet::EMPTY),
            Some(decision) if decision.never || drops(policy, decision.rule) => KeyRule::Withheld,
            Some(decision) => KeyRule::Made(decision.needs),
        },
        Some(_) => KeyRule::Made(PurposeSet::EMPTY),
    };
    CompiledRoute { requires: resolver.set(requires), key, lists, reaches: reaches(event, &decisions), decisions }
}

fn drops(policy: &Policy, rule: u16) -> bool {
    policy.rules.get(usize::from(rule)).is_none_or(|rule| rule.action == Action::Drop)
}

/// One meaning whatever the order: `drop` absorbs, any transform beats `keep`, all `needs` add up (DESIGN §5).
fn decide(
    policy: &Policy,
    resolver: &Resolver,
    accepted: &[u16],
    route: usize,
    listed: PurposeSet,
) -> Option<Decision> {
    let mut decision: Option<(u8, Decision)> = None;
    for &number in accepted {
        let Some(rule) = policy.rules.get(usize::from(number)) else { continue };
        if rule.routes >> route & 1 == 0 {
            continue;
        }
        let strength = match rule.action {
            Action::Keep => 0,
            Action::Drop => 2,
            _ => 1,
        };
        let needs = resolver.set(&rule.needs);
        let mut expected = Kinds::NONE;
        for &kind in Kind::ALL.iter().filter(|kind| rule.category.as_deref() == Some(kind.category())) {
            expected = expected.with(kind);
        }
        let does = Does::of(&rule.action);
        let one = Decision { rule: number, does, needs, never: !listed.contains(needs), expected };
        decision = Some(match decision {
            None => (strength, one),
            Some((winning, so_far)) => (
                winning.max(strength),
                Decision {
                    rule: if strength > winning { number } else { so_far.rule },
                    does: if strength > winning { does } else { so_far.does },
                    needs: so_far.needs.union(needs),
                    never: so_far.never || one.never,
                    expected: so_far.expected.intersection(expected),
                },
            ),
        });
    }
    decision.map(|(_, decision)| decision)
}

/// By state: whether some state that can follow in one or more steps has a decision. Backwards to a fixed point.
fn reaches(event: &Automaton, decisions: &[Option<Decision>]) -> Vec<bool> {
    let mut reaches = vec![false; decisions.len()];
    loop {
        let mut changed = false;
        for state in states(event) {
            let now = event.successors(state).iter().any(|next| {
                decisions.get(next.index()).is_some_and(Option::is_some)
                    || reaches.get(next.index()).copied().unwrap_or(false)
            });
            if let Some(slot) = reaches.get_mut(state.index()) {
                changed |= *slot != now;
                *slot = now;
            }
        }
        if !changed {
            return reaches;
        }
    }
}
