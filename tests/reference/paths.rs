//! JSONPath by recursion over the steps: which selectors match a place, which could match something beneath it, and
//! whether two selectors can ever meet.

use tamis::engine::path::{Selector, Step, Take};

/// One step down from a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Down {
    Key(String),
    Index(usize),
}

/// Does the selector match exactly this place?
pub fn matches(selector: &Selector, path: &[Down]) -> bool {
    walk(&selector.steps, path, &|rest| rest.is_empty())
}

/// Could the selector match something strictly beneath this place?
pub fn reaches_beneath(selector: &Selector, path: &[Down]) -> bool {
    walk(&selector.steps, path, &|rest| !rest.is_empty())
}

fn walk(steps: &[Step], path: &[Down], at_end: &dyn Fn(&[Step]) -> bool) -> bool {
    let Some((down, deeper)) = path.split_first() else { return at_end(steps) };
    let Some((step, rest)) = steps.split_first() else { return false };
    takes(&step.take, down) && walk(rest, deeper, at_end) || step.descendant && walk(steps, deeper, at_end)
}

fn takes(take: &Take, down: &Down) -> bool {
    match (take, down) {
        (Take::Any, _) => true,
        (Take::Name(name), Down::Key(key)) => name == key,
        (Take::Index(wanted), Down::Index(index)) => wanted == index,
        _ => false,
    }
}

/// Is there a place that both selectors match?
pub fn can_meet(a: &[Step], b: &[Step]) -> bool {
    match (a.split_first(), b.split_first()) {
        (None, None) => true,
        (Some((x, rest_a)), Some((y, rest_b))) => {
            let together = match (&x.take, &y.take) {
                (Take::Any, _) | (_, Take::Any) => true,
                (one, other) => one == other,
            };
            together && can_meet(rest_a, rest_b)
                || x.descendant && can_meet(a, rest_b)
                || y.descendant && can_meet(rest_a, b)
        }
        _ => false,
    }
}
