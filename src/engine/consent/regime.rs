//! How the law of a place treats a purpose when nobody has said anything yet.

use crate::engine::outcome::closed_list;

closed_list! {
    /// The rule that holds for one purpose in one place, from the most lenient to the strictest.
    Regime {
        /// Strictly necessary: permitted unless an opt-out signal objects.
        Exempt = "exempt",
        /// Permitted unless the person denied it.
        OptOut = "opt_out",
        /// Permitted only if the person granted it.
        OptIn = "opt_in",
        /// Never permitted.
        Prohibited = "prohibited",
    }
}

impl Regime {
    /// Reads `opt_in`, `opt_out`, `exempt` or `prohibited`.
    pub fn parse(text: &str) -> Option<Regime> {
        Regime::ALL.iter().copied().find(|regime| regime.as_str() == text)
    }

    /// The stricter of two: prohibited, then opt_in, opt_out, exempt.
    pub fn stricter(self, other: Regime) -> Regime {
        self.max(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_regime_wins_in_either_order() {
        use Regime::{Exempt, OptIn, OptOut, Prohibited};
        for (a, b, strictest) in [
            (Exempt, OptOut, OptOut),
            (OptOut, OptIn, OptIn),
            (OptIn, Prohibited, Prohibited),
            (Exempt, Exempt, Exempt),
        ] {
            assert_eq!(a.stricter(b), strictest);
            assert_eq!(b.stricter(a), strictest);
        }
    }

    #[test]
    fn names_read_back() {
        for regime in Regime::ALL {
            assert_eq!(Regime::parse(regime.as_str()), Some(*regime));
        }
        assert_eq!(Regime::parse("opt-in"), None);
    }
}
