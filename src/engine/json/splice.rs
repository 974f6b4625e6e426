//! Copies what stays: removals and replacements in ascending order, everything between them byte for byte.

/// Writes an edited copy of `input` to the end of `out`.
///
/// Edits come in ascending order. A [`Mark`] taken earlier can be returned to, which forgets the edits since.
pub struct Splice<'a> {
    input: &'a [u8],
    out: &'a mut Vec<u8>,
    /// Everything of `input` before this offset is written or removed.
    copied: usize,
}

/// A moment of a [`Splice`].
#[derive(Clone, Copy)]
pub struct Mark {
    written: usize,
    copied: usize,
}

impl<'a> Splice<'a> {
    /// Starts at offset `from` of `input`.
    pub fn new(input: &'a [u8], from: usize, out: &'a mut Vec<u8>) -> Splice<'a> {
        Splice { input, out, copied: from }
    }

    /// The bytes that are edited.
    pub fn input(&self) -> &'a [u8] {
        self.input
    }

    /// This moment.
    pub fn mark(&self) -> Mark {
        Mark { written: self.out.len(), copied: self.copied }
    }

    /// Forgets every edit since `mark`.
    pub fn return_to(&mut self, mark: Mark) {
        self.out.truncate(mark.written);
        self.copied = mark.copied;
    }

    /// Leaves out `start..end`.
    #[inline]
    pub fn remove(&mut self, start: usize, end: usize) {
        self.copy_to(start);
        self.copied = end;
    }

    /// Puts what `write` appends in the place of `start..end`.
    #[inline]
    pub fn replace<T>(&mut self, start: usize, end: usize, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.copy_to(start);
        self.copied = end;
        write(self.out)
    }

    /// Copies the rest up to `end`.
    pub fn finish(mut self, end: usize) {
        self.copy_to(end);
    }

    #[inline]
    fn copy_to(&mut self, end: usize) {
        if let Some(kept) = self.input.get(self.copied..end) {
            self.out.extend_from_slice(kept);
        }
        self.copied = self.copied.max(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_edited_is_copied() {
        let mut out = b"before ".to_vec();
        let mut splice = Splice::new(b"0123456789", 1, &mut out);
        splice.remove(2, 4);
        let mark = splice.mark();
        splice.remove(5, 6);
        splice.return_to(mark);
        splice.replace(6, 8, |out| out.extend_from_slice(b"six-seven"));
        splice.finish(9);
        assert_eq!(out, b"before 145six-seven8");
    }
}
