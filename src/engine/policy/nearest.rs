//! "Did you mean …?", asked only when a word is close to one that exists.

/// The closest of `words`, if at most a third of its letters differ (one letter for short words).
pub(crate) fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer words are never typing slips of ours, and the distance costs their product.
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let folded = word.to_lowercase().replace('-', "_");
    words
        .into_iter()
        .filter(|candidate| *candidate != word && candidate.len() <= LONGEST)
        .map(|candidate| (distance(&folded, &candidate.to_lowercase().replace('-', "_")), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (row, char_a) in a.chars().enumerate() {
        let mut current = vec![row + 1];
        let mut previous_b = None;
        for (column, &char_b) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = at(&last, column + 1) + 1;
            best = best.min(at(&current, column) + 1);
            best = best.min(at(&last, column) + usize::from(char_a != char_b));
            if previous_a == Some(char_b) && previous_b == Some(char_a) && column > 0 {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
            previous_b = Some(char_b);
        }
        before = std::mem::replace(&mut last, current);
        previous_a = Some(char_a);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words_are_suggested_and_far_ones_are_not() {
        let words = ["analytics.audience", "ads.profile", "keep", "drop", "round"];
        for (word, expected) in [
            ("analytics.audiance", Some("analytics.audience")),
            ("kepe", Some("keep")),
            ("Keep", Some("keep")),
            ("ads-profile", Some("ads.profile")),
            ("hash", None),
            ("", None),
            ("parse_duration", None),
        ] {
            assert_eq!(nearest(word, words), expected, "{word}");
        }
    }
}
