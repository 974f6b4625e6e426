//! Writes US Privacy strings.

#![allow(dead_code, unreachable_pub, missing_docs)] // each test binary uses its part

use crate::reference::random::Random;

/// Four characters, the last three at random.
pub fn usp(random: &mut Random) -> (String, [char; 3]) {
    let answers = [(); 3].map(|()| random.pick(&['Y', 'N', '-']));
    (format!("1{}", answers.iter().collect::<String>()), answers)
}
