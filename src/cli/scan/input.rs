//! Lines of a file or of stdin, one at a time, however long they are; and how far we are, on a terminal.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::table::grouped;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// It is in the buffer.
    Read,
    /// It has more bytes than are read of one; the rest was passed over.
    TooLong,
    /// There is no more.
    End,
}

/// Overwrites `line` with the next one, without its line break, and tells how many bytes were taken.
pub(super) fn next(input: &mut impl BufRead, longest: usize, line: &mut Vec<u8>) -> io::Result<(Line, u64)> {
    line.clear();
    let (mut taken, mut long) = (0, false);
    loop {
        let bytes = match input.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = memchr::memchr(b'\n', bytes);
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes);
        if line.len() + part.len() > longest {
            long = true;
            line.clear();
        } else if !long {
            line.extend_from_slice(part);
        }
        let (used, last) = (part.len() + usize::from(end.is_some()), end.is_some() || bytes.is_empty());
        input.consume(used);
        taken += used as u64;
        if last {
            let read = if long { Line::TooLong } else { Line::Read };
            return Ok((if taken == 0 { Line::End } else { read }, taken));
        }
    }
}

/// Shorter work needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks of a person.
const FRAME: Duration = Duration::from_millis(200);

/// A line on stderr that says how far we are: only on a terminal, and gone when it is dropped.
pub(super) struct Progress {
    /// Of how much; `None` where nobody knows.
    total: Option<u64>,
    /// What is counted: `MB` of bytes, or `records`.
    unit: Unit,
    next: Option<Instant>,
    shown: bool,
}

/// What a bar counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Records,
}

impl Progress {
    pub(super) fn new(unit: Unit, total: Option<u64>) -> Progress {
        let next = io::stderr().is_terminal().then(|| Instant::now() + PATIENCE);
        Progress { total: total.filter(|total| *total > 0), unit, next, shown: false }
    }

    /// So much is done, `events` events among it.
    pub(super) fn at(&mut self, done: u64, events: u64) {
        if self.next.is_none_or(|next| Instant::now() < next) {
            return;
        }
        self.next = Some(Instant::now() + FRAME);
        self.shown = true;
        let _ = write!(io::stderr(), "\r\x1b[K{}", bar(self.unit, done, self.total, events));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn bar(unit: Unit, done: u64, total: Option<u64>, events: u64) -> String {
    const CELLS: u64 = 24;
    let amount = |amount: u64| match unit {
        Unit::Bytes => format!("{} MB", grouped(amount / 1_000_000)),
        Unit::Records => format!("{} records", grouped(amount)),
    };
    match total {
        Some(total) => {
            let done = done.min(total);
            let full = (done * CELLS / total) as usize;
            let (full, rest) = ("█".repeat(full), "░".repeat(CELLS as usize - full));
            format!("{full}{rest} {:>3} % of {}, {} events", done * 100 / total, amount(total), grouped(events))
        }
        None => format!("{}, {} events", amount(done), grouped(events)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_they_end_and_long_ones_are_passed_over() {
        // A buffer of three bytes: lines come in pieces.
        let mut input = io::BufReader::with_capacity(3, &b"abcde\n\n0123456789\nz"[..]);
        let mut line = Vec::new();
        let mut lines = Vec::new();
        while let (what @ (Line::Read | Line::TooLong), _) = next(&mut input, 5, &mut line).unwrap() {
            lines.push((what, String::from_utf8(line.clone()).unwrap()));
        }
        let read = |text: &str| (Line::Read, text.to_owned());
        assert_eq!(lines, [read("abcde"), read(""), (Line::TooLong, String::new()), read("z")]);
    }

    #[test]
    fn the_bar_says_how_much_of_what() {
        let half = bar(Unit::Bytes, 6_000_000, Some(12_000_000), 34_567);
        assert_eq!(half, format!("{}{}  50 % of 12 MB, 34,567 events", "█".repeat(12), "░".repeat(12)));
        assert_eq!(bar(Unit::Records, 1200, None, 1200), "1,200 records, 1,200 events");
    }
}
