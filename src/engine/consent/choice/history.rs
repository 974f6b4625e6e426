//! What is kept of a subject: the set of its statements, as bytes. What they mean is in [`super::judge`].
//!
//! [`insert`] gives the same bytes for any order, repetition and interleaving of the same choices. What can no longer
//! change any answer is not kept: grants that a denial has overtaken, and denials before the last, the last objection and
//! the last opt-out signal, each of which is asked for by itself. Of the rest only grants can be many, and only the
//! latest [`GRANTS`] of a purpose stay: forgetting a grant can only forbid. The trap is any rule that looks at what happens
//! to be kept: whether a statement stays may depend on nothing but the statements that were ever made, else two tables
//! that met them in another order would disagree.

use super::statement::{AGE, EVERYTHING, Statement};
use super::{Choice, Stance};
use crate::engine::consent::Purpose;

/// Grants of one purpose that are kept: with at most three denials (the last, the last objection, the last opt-out
/// signal) that is 16 statements a purpose.
pub const GRANTS: usize = 13;

/// A deployment's own purposes that can be numbered.
const OWN: usize = 200;

/// Numbers for purposes: those of the closed list by their place, a deployment's own ones as they were learned.
///
/// A table has one, and its snapshot keeps the names of [`Purposes::own`], in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purposes {
    own: Vec<Purpose>,
}

impl Purposes {
    /// Those of the closed list alone.
    pub const NONE: Purposes = Purposes { own: Vec::new() };

    /// The number of a purpose, if it has one.
    pub fn number(&self, purpose: &Purpose) -> Option<u8> {
        let known = Purpose::KNOWN.iter().position(|known| *known == purpose.as_str());
        let own = || self.own.iter().position(|own| own == purpose).map(|at| at + Purpose::KNOWN.len());
        known.or_else(own).and_then(|number| u8::try_from(number).ok())
    }

    /// The number of a purpose, which it is given if it has none. `None`: 200 own purposes have numbers already, and
    /// [`insert`] takes a denial of this one as a denial of everything.
    pub fn learn(&mut self, purpose: &Purpose) -> Option<u8> {
        if self.number(purpose).is_none() && self.own.len() < OWN {
            self.own.push(purpose.clone());
        }
        self.number(purpose)
    }

    /// Whether every purpose of a choice has a number: [`insert`] wants it so.
    pub fn know(&self, choice: &Choice) -> bool {
        choice.statements.iter().all(|(purpose, _)| self.number(purpose).is_some())
    }

    /// A deployment's own purposes, in the order of their numbers; learning them in this order gives these numbers again.
    pub fn own(&self) -> &[Purpose] {
        &self.own
    }
}

/// Adds a choice to the bytes of its subject; says whether they changed.
///
/// Let `purposes` learn the choice's purposes first. Without a number, a grant is forgotten and a denial is taken as one
/// of everything.
pub fn insert(bytes: &mut Vec<u8>, choice: &Choice, purposes: &Purposes) -> bool {
    let mut changed = false;
    for (purpose, stance) in &choice.statements {
        changed |= match (purposes.number(purpose), *stance) {
            (Some(number), Stance::Granted) => {
                let grant = Statement::grant(choice.at, choice.overrides_gpc, choice.guardian, choice.expires_ms);
                put(bytes, number, grant)
            }
            (Some(number), denial) => put(bytes, number, Statement::denial(denial, choice.at)),
            (None, Stance::Granted) => false,
            (None, _) => put(bytes, EVERYTHING, Statement::denial(Stance::Denied, choice.at)),
        };
    }
    if choice.everything_denied {
        changed |= put(bytes, EVERYTHING, Statement::denial(Stance::Denied, choice.at));
    }
    if let Some(band) = choice.age {
        changed |= put(bytes, AGE, Statement::age(band, choice.at));
    }
    changed
}

/// Adds one statement to its purpose's group; groups stand in the order of their numbers.
fn put(bytes: &mut Vec<u8>, purpose: u8, statement: Statement) -> bool {
    let (mut start, mut end) = (0, 0);
    let mut group = Vec::with_capacity(GRANTS + 4);
    let mut rest = bytes.as_slice();
    while let Some((about, kept, behind)) = Statement::read(rest)
        && about <= purpose
    {
        end = bytes.len() - behind.len();
        if about < purpose {
            start = end;
        } else if kept == statement {
            return false;
        } else {
            group.push(kept);
        }
        rest = behind;
    }
    group.push(statement);
    if purpose == AGE {
        keep_ages(&mut group)
    } else {
        keep_statements(&mut group)
    }
    // What is not kept itself displaces nothing.
    let changed = group.contains(&statement);
    if changed {
        let mut written = Vec::with_capacity(group.len() * 8);
        group.iter().for_each(|kept| kept.write(purpose, &mut written));
        bytes.splice(start..end, written);
    }
    changed
}

/// What can still change an answer, in order.
fn keep_statements(group: &mut Vec<Statement>) {
    let last = |of: fn(Stance) -> bool| {
        let denials = group.iter().filter(|kept| of(kept.stance()));
        denials.max_by_key(|kept| (kept.at.latest(), kept.stance(), kept.order())).copied()
    };
    let denial = last(Stance::is_denial);
    let objection = last(|stance| stance == Stance::Objected);
    let opt_out = last(|stance| stance == Stance::OptOut);
    group.retain(|kept| match kept.stance() {
        Stance::Granted => denial.is_none_or(|denial| kept.at.earliest() > denial.at.latest()),
        _ => [denial, objection, opt_out].contains(&Some(*kept)),
    });
    group.sort_by_key(Statement::order);
    let mut over = group.iter().filter(|kept| kept.stance() == Stance::Granted).count().saturating_sub(GRANTS);
    group.retain(|kept| {
        let forgotten = over > 0 && kept.stance() == Stance::Granted;
        over -= usize::from(forgotten);
        !forgotten
    });
}

/// What may be the latest word on an age: each that is not provably older than another. At most one band and precision
/// each, so they need no bound.
fn keep_ages(group: &mut Vec<Statement>) {
    let newest = group.iter().map(|kept| kept.at.earliest()).max().unwrap_or(i64::MIN);
    group.retain(|kept| kept.at.latest() >= newest);
    group.sort_by_key(Statement::order);
}
