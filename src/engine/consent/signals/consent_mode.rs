//! Google consent mode as a JSON object: `{"ad_storage":"granted","analytics_storage":"denied"}`, as pages hand it to
//! `gtag('consent', …)`, and as `consent` of a Measurement Protocol event has it (in capitals).
//!
//! The same words may stand under `default` (what the page assumed before anybody was asked) and `update` (what came of
//! asking). What stands beside them, or under `update`, is taken as the person's choice.
//!
//! | member | purpose |
//! | --- | --- |
//! | `analytics_storage` | `analytics.audience` |
//! | `ad_personalization` | `ads.profile` |
//! | `ad_storage` and `ad_user_data`, both | `ads.measure` |
//! | `personalization_storage` | `content.personalize` |
//! | `security_storage` | `security.essential` |
//! | every `*_storage` that is named | `storage.device` |
//!
//! The trap: a grant by default is no choice of the person, and grants nothing; a refusal by default refuses, as long as
//! no update grants. Anything but the two words is malformed, and read as a refusal: whoever wrote it meant to say
//! something. So is an object without any member that is known here, and something else than an object. `null` says
//! nothing.

use super::says::{Known, Says};
use crate::engine::action::Scalar;

/// The members that are read, in order.
pub const MEMBERS: [&str; 7] = [
    "ad_storage",
    "analytics_storage",
    "ad_user_data",
    "ad_personalization",
    "functionality_storage",
    "personalization_storage",
    "security_storage",
];

/// What one member says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Denied,
    Granted,
}

use State::{Denied, Granted};

/// What stands in the objects of one event. It holds what a person chose: it cannot be printed.
#[derive(Default)]
pub struct ConsentMode {
    chosen: [Option<State>; MEMBERS.len()],
    by_default: [Option<State>; MEMBERS.len()],
    /// A member that is known, whatever it says.
    known: bool,
    /// Some member.
    any: bool,
    /// Something that cannot be read.
    malformed: bool,
    /// What should be an object is none.
    no_object: bool,
}

impl ConsentMode {
    /// Everything that an object can grant or refuse.
    pub const SPEAKS: Known = Known::of("storage.device")
        .union(Known::of("analytics.audience"))
        .union(Known::of("ads.profile"))
        .union(Known::of("ads.measure"))
        .union(Known::of("content.personalize"))
        .union(Known::of("security.essential"));

    /// A member, by its place in [`MEMBERS`]; `by_default`: it stands under `default`. Said twice, the refusal counts.
    pub fn say(&mut self, member: usize, by_default: bool, value: Scalar<'_>) {
        self.known = true;
        let state = match value {
            Scalar::Null => return,
            Scalar::String("granted" | "GRANTED") => Granted,
            Scalar::String("denied" | "DENIED") => Denied,
            Scalar::Bool(_) | Scalar::Number(_) | Scalar::String(_) => return self.unfit(member, by_default),
        };
        self.set(member, by_default, state);
    }

    /// A member that is no word at all.
    pub fn unfit(&mut self, member: usize, by_default: bool) {
        self.known = true;
        self.malformed = true;
        self.set(member, by_default, Denied);
    }

    /// Any member, known or not.
    pub fn any(&mut self) {
        self.any = true;
    }

    /// What should be an object is none.
    pub fn no_object(&mut self) {
        self.no_object = true;
    }

    fn set(&mut self, member: usize, by_default: bool, state: State) {
        let states = if by_default { &mut self.by_default } else { &mut self.chosen };
        if let Some(kept) = states.get_mut(member)
            && *kept != Some(Denied)
        {
            *kept = Some(state);
        }
    }

    /// Whether there was anything.
    pub const fn is_there(&self) -> bool {
        self.any || self.known || self.no_object
    }

    /// What counts, and whether something was malformed.
    pub fn read(&self) -> (Says, bool) {
        let mut says = Says::default();
        if self.no_object || !self.known {
            says.denied = Self::SPEAKS;
            return (says, true);
        }
        let storages = ["ad_storage", "analytics_storage", "functionality_storage"];
        let storages = storages.into_iter().chain(["personalization_storage", "security_storage"]);
        let device = if storages.clone().any(|name| self.state(name) == Some(Denied)) {
            Some(Denied)
        } else {
            let asked = |name: &str| matches!(name, "ad_storage" | "analytics_storage") || self.names(name);
            let all = storages.filter(|name| asked(name)).all(|name| self.state(name) == Some(Granted));
            all.then_some(Granted)
        };
        for (purpose, state) in [
            ("storage.device", device),
            ("analytics.audience", self.state("analytics_storage")),
            ("ads.profile", self.state("ad_personalization")),
            ("ads.measure", both(self.state("ad_storage"), self.state("ad_user_data"))),
            ("content.personalize", self.state("personalization_storage")),
            ("security.essential", self.state("security_storage")),
        ] {
            match state {
                Some(Granted) => says.granted = says.granted.union(Known::of(purpose)),
                Some(Denied) => says.denied = says.denied.union(Known::of(purpose)),
                None => {}
            }
        }
        (says, self.malformed)
    }

    /// The choice, or else a refusal by default.
    fn state(&self, name: &str) -> Option<State> {
        let at = MEMBERS.iter().position(|member| *member == name)?;
        let chosen = self.chosen.get(at).copied().flatten();
        chosen.or_else(|| self.by_default.get(at).copied().flatten().filter(|state| *state == Denied))
    }

    fn names(&self, name: &str) -> bool {
        let at = MEMBERS.iter().position(|member| *member == name).unwrap_or(MEMBERS.len());
        [&self.chosen, &self.by_default].iter().any(|states| states.get(at).is_some_and(Option::is_some))
    }
}

/// Denied if one is, granted if both are.
fn both(a: Option<State>, b: Option<State>) -> Option<State> {
    match (a, b) {
        (Some(Denied), _) | (_, Some(Denied)) => Some(Denied),
        (Some(Granted), Some(Granted)) => Some(Granted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members as (name, value), those by default with a `?` before the name.
    fn read(members: &[(&str, Scalar<'_>)]) -> (Vec<&'static str>, Vec<&'static str>, bool) {
        let mut mode = ConsentMode::default();
        for (name, value) in members {
            let bare = name.trim_start_matches('?');
            mode.any();
            if let Some(at) = MEMBERS.iter().position(|member| *member == bare) {
                mode.say(at, bare != *name, *value);
            }
        }
        let (says, malformed) = mode.read();
        assert!(says.opted_out.is_empty() && says.at.is_none() && says.age.is_none() && !says.strict);
        (says.granted.names().collect(), says.denied.names().collect(), malformed)
    }

    const YES: Scalar<'_> = Scalar::String("granted");
    const NO: Scalar<'_> = Scalar::String("denied");

    #[test]
    fn each_member_speaks_of_its_purposes() {
        assert_eq!(read(&[("analytics_storage", YES)]), (vec!["analytics.audience"], vec![], false));
        assert_eq!(
            read(&[("analytics_storage", YES), ("ad_storage", YES)]),
            (vec!["storage.device", "analytics.audience"], vec![], false)
        );
        assert_eq!(
            read(&[("analytics_storage", YES), ("ad_storage", NO), ("ad_user_data", YES)]),
            (vec!["analytics.audience"], vec!["storage.device", "ads.measure"], false)
        );
        assert_eq!(
            read(&[("ad_user_data", Scalar::String("GRANTED")), ("ad_personalization", Scalar::String("DENIED"))]),
            (vec![], vec!["ads.profile"], false),
            "one of two is not both"
        );
        assert_eq!(
            read(&[("personalization_storage", YES), ("security_storage", NO), ("functionality_storage", YES)]),
            (vec!["content.personalize"], vec!["security.essential", "storage.device"], false).sorted()
        );
        let all: Vec<_> = MEMBERS.iter().map(|name| (*name, YES)).collect();
        let everything: Vec<_> = ConsentMode::SPEAKS.names().collect();
        assert_eq!(read(&all), (everything.clone(), vec![], false));
        let none: Vec<_> = MEMBERS.iter().map(|name| (*name, NO)).collect();
        assert_eq!(read(&none), (vec![], everything, false));
    }

    trait Sorted {
        fn sorted(self) -> Self;
    }

    impl Sorted for (Vec<&'static str>, Vec<&'static str>, bool) {
        fn sorted(mut self) -> Self {
            let order = |name: &&str| crate::engine::consent::Purpose::KNOWN.iter().position(|known| known == name);
            self.0.sort_by_key(order);
            self.1.sort_by_key(order);
            self
        }
    }

    #[test]
    fn a_default_grants_nothing_and_refuses_until_an_update_grants() {
        assert_eq!(read(&[("?analytics_storage", YES), ("?ad_storage", YES)]), (vec![], vec![], false));
        assert_eq!(read(&[("?analytics_storage", NO)]), (vec![], vec!["storage.device", "analytics.audience"], false));
        assert_eq!(
            read(&[("?analytics_storage", NO), ("analytics_storage", YES)]),
            (vec!["analytics.audience"], vec![], false)
        );
        assert_eq!(
            read(&[("?analytics_storage", YES), ("analytics_storage", NO)]),
            (vec![], vec!["storage.device", "analytics.audience"], false)
        );
        assert_eq!(
            read(&[("analytics_storage", YES), ("ad_storage", YES), ("?functionality_storage", YES)]),
            (vec!["analytics.audience"], vec![], false),
            "one storage is only granted by default"
        );
    }

    #[test]
    fn said_twice_the_refusal_counts() {
        for order in [[YES, NO], [NO, YES]] {
            let [a, b] = order;
            assert_eq!(
                read(&[("ad_personalization", a), ("ad_personalization", b)]),
                (vec![], vec!["ads.profile"], false)
            );
        }
    }

    #[test]
    fn what_cannot_be_read_refuses() {
        for bad in [
            Scalar::Bool(true),
            Scalar::Number("1"),
            Scalar::String(""),
            Scalar::String("Granted"),
            Scalar::String("granted "),
        ] {
            assert_eq!(read(&[("ad_personalization", bad)]), (vec![], vec!["ads.profile"], true));
            assert_eq!(
                read(&[("?ad_personalization", bad), ("ad_user_data", YES)]),
                (vec![], vec!["ads.profile"], true)
            );
        }
        let everything: Vec<_> = ConsentMode::SPEAKS.names().collect();
        assert_eq!(read(&[("Analytics", YES)]), (vec![], everything.clone(), true), "nothing that is known here");
        assert_eq!(read(&[("analytics_storage", Scalar::Null)]), (vec![], vec![], false));
        let mut mode = ConsentMode::default();
        assert!(!mode.is_there());
        mode.say(0, false, YES);
        mode.no_object();
        assert!(mode.is_there());
        let (says, malformed) = mode.read();
        assert!(malformed && says.granted.is_empty() && says.denied == ConsentMode::SPEAKS);
        mode.say(MEMBERS.len(), false, YES);
    }
}
