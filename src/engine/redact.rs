//! What a detector found becomes `[category]` in the text around it.

use crate::engine::detect::Hit;
use crate::engine::json::scan::Span;
use crate::engine::json::splice::Splice;
use crate::engine::json::text;

/// In a JSON string without escapes, whose inside begins at `at`.
pub(in crate::engine) fn plain(at: usize, hits: &[Hit], splice: &mut Splice<'_>) {
    for hit in hits {
        splice.replace(at + hit.start, at + hit.end, |out| write_category(hit, out));
    }
}

/// In a JSON string with escapes: `raw` is its inside, which begins at `at`; hits are offsets in what it says. Escapes
/// outside the hits stay as they were spelled.
pub(in crate::engine) fn escaped(raw: &str, at: usize, hits: &[Hit], decoded: &mut String, splice: &mut Splice<'_>) {
    let mut escapes: Vec<(usize, Span)> = Vec::new();
    decoded.clear();
    text::unescape_mapped(raw, decoded, |filled, span| escapes.push((filled, span)));
    // Both sides ascend: walk the escapes once.
    let mut walked = escapes.iter().peekable();
    let mut shift: (usize, usize) = (0, 0); // decoded offset, raw offset behind the last escape passed
    let mut raw_of = |offset: usize, end: bool| {
        while let Some(&&(filled, span)) = walked.peek() {
            let behind = filled + decoded.get(filled..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            // A hit that starts at an escape starts before it; one that ends behind it ends behind it.
            if if end { offset < behind } else { offset <= filled } {
                break;
            }
            shift = (behind, span.end as usize);
            walked.next();
        }
        shift.1 + (offset - shift.0)
    };
    for hit in hits {
        let start = raw_of(hit.start, false);
        let end = raw_of(hit.end, true);
        splice.replace(at + start, at + end, |out| write_category(hit, out));
    }
}

/// In plain text.
pub(in crate::engine) fn text(text: &str, hits: &[Hit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for hit in hits {
        out.push_str(text.get(done..hit.start).unwrap_or(""));
        out.push('[');
        out.push_str(hit.kind.category());
        out.push(']');
        done = hit.end;
    }
    out.push_str(text.get(done..).unwrap_or(""));
    out
}

fn write_category(hit: &Hit, out: &mut Vec<u8>) {
    out.push(b'[');
    out.extend_from_slice(hit.kind.category().as_bytes());
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::detect::Kind;

    fn masked(raw: &str, start: usize, end: usize) -> String {
        let mut out = Vec::new();
        let mut splice = Splice::new(raw.as_bytes(), 0, &mut out);
        escaped(raw, 0, &[Hit { kind: Kind::Email, start, end }], &mut String::new(), &mut splice);
        splice.finish(raw.len());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_outside_a_hit_stay_as_they_were_spelled() {
        // é a @ b é, where the hit is a@b.
        assert_eq!(masked(r"\u00e9a\u0040b\u00e9", 2, 5), r"\u00e9[contact.email]\u00e9");
        assert_eq!(masked(r"a\u0040b", 0, 3), "[contact.email]");
        assert_eq!(masked(r"\u0061@\u0062\n", 0, 3), r"[contact.email]\n");
        assert_eq!(masked(r"x\ty", 1, 2), "x[contact.email]y");
        assert_eq!(masked(r"\ud83d\ude00z", 4, 5), r"\ud83d\ude00[contact.email]");
    }
}
