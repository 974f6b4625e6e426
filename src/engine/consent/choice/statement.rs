//! One statement of a history as bytes: what, how exactly, since when, until when.
//!
//! `purpose` 1 byte · flags 1 byte (bits 0–2 what is said, 3–4 precision, 5 overrides an opt-out, 6 guardian, 7 expires) ·
//! `at` 6 bytes, Unix milliseconds, big-endian · `expires` 6 bytes where flag 7 is set. Reading is total: what no writer
//! here makes is read as a denial, and a torn tail is no statement.

use super::Stance;
use crate::engine::consent::signals::says::{AgeBand, Moment, Precision};

/// In the place of a purpose: how old the person is.
pub(super) const AGE: u8 = 254;

/// In the place of a purpose: every purpose there is or will be.
pub(super) const EVERYTHING: u8 = 255;

/// The last millisecond that six bytes hold, in the year 10889.
const LATEST_MS: i64 = (1 << 48) - 1;

/// Bytes of the longest statement.
const LONGEST: usize = 14;

/// What was said about one purpose, and when.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement {
    /// A [`Stance`], or under [`AGE`] an [`AgeBand`], by its index.
    code: u8,
    pub(super) at: Moment,
    pub(super) over_gpc: bool,
    pub(super) guardian: bool,
    pub(super) expires_ms: Option<i64>,
}

impl Statement {
    /// A yes. Only grants expire, override and need guardians.
    pub(super) fn grant(at: Moment, over_gpc: bool, guardian: bool, expires_ms: Option<i64>) -> Statement {
        let expires_ms = expires_ms.map(|ms| ms.clamp(0, LATEST_MS));
        Statement { over_gpc, guardian, expires_ms, ..Statement::plain(Stance::Granted as u8, at) }
    }

    /// A no.
    pub(super) fn denial(stance: Stance, at: Moment) -> Statement {
        Statement::plain(stance as u8, at)
    }

    /// An age.
    pub(super) fn age(band: AgeBand, at: Moment) -> Statement {
        Statement::plain(band as u8, at)
    }

    fn plain(code: u8, at: Moment) -> Statement {
        let at = Moment { ms: at.ms.clamp(0, LATEST_MS), ..at };
        Statement { code, at, over_gpc: false, guardian: false, expires_ms: None }
    }

    pub(super) fn stance(&self) -> Stance {
        Stance::ALL.get(usize::from(self.code)).copied().unwrap_or(Stance::OptOut)
    }

    pub(super) fn band(&self) -> AgeBand {
        AgeBand::ALL.get(usize::from(self.code)).copied().unwrap_or(AgeBand::Child)
    }

    /// The last millisecond at which a grant counts, where grants count for `expiry_ms`.
    pub(super) fn limit_ms(&self, expiry_ms: i64) -> i64 {
        let limit = self.at.earliest().saturating_add(expiry_ms);
        self.expires_ms.map_or(limit, |own| own.min(limit))
    }

    /// A total order, by date first.
    pub(super) fn order(&self) -> impl Ord + use<> {
        (self.at.ms, self.at.precision, self.code, self.over_gpc, self.guardian, self.expires_ms)
    }

    /// Appends it.
    pub(super) fn write(&self, purpose: u8, out: &mut Vec<u8>) {
        let flags = self.code
            | (self.at.precision as u8) << 3
            | u8::from(self.over_gpc) << 5
            | u8::from(self.guardian) << 6
            | u8::from(self.expires_ms.is_some()) << 7;
        out.reserve(LONGEST);
        out.extend_from_slice(&[purpose, flags]);
        for ms in std::iter::once(self.at.ms).chain(self.expires_ms) {
            out.extend(ms.to_be_bytes().iter().skip(2));
        }
    }

    /// The first statement of `bytes` with its purpose, and what is behind it.
    #[inline]
    pub(super) fn read(bytes: &[u8]) -> Option<(u8, Statement, &[u8])> {
        let (&[purpose, flags], rest) = bytes.split_first_chunk::<2>()?;
        let (ms, mut rest) = read_ms(rest)?;
        let mut expires_ms = None;
        if flags & 1 << 7 != 0 {
            let (own, behind) = read_ms(rest)?;
            (expires_ms, rest) = (Some(own), behind);
        }
        let precision = Precision::ALL.get(usize::from(flags >> 3 & 3)).copied().unwrap_or(Precision::Day);
        let statement = Statement {
            code: flags & 7,
            at: Moment { ms, precision },
            over_gpc: flags & 1 << 5 != 0,
            guardian: flags & 1 << 6 != 0,
            expires_ms,
        };
        Some((purpose, statement, rest))
    }
}

#[inline]
fn read_ms(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (&[a, b, c, d, e, f], rest) = bytes.split_first_chunk::<6>()?;
    Some((i64::from_be_bytes([0, 0, a, b, c, d, e, f]), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(ms: i64, precision: Precision) -> Moment {
        Moment { ms, precision }
    }

    #[test]
    fn statements_read_back_and_take_eight_bytes_or_fourteen() {
        let mut bytes = Vec::new();
        let at = moment(1_767_225_600_123, Precision::Second);
        let said = [
            Statement::denial(Stance::Withdrawn, at),
            Statement::grant(at, true, false, Some(1_800_000_000_000)),
            Statement::grant(moment(LATEST_MS, Precision::Day), false, true, None),
            Statement::denial(Stance::OptOut, moment(0, Precision::Ms)),
        ];
        for (purpose, statement) in said.iter().enumerate() {
            statement.write(u8::try_from(purpose).unwrap(), &mut bytes);
        }
        assert_eq!(bytes.len(), 8 + 14 + 8 + 8);
        let mut rest = bytes.as_slice();
        for (purpose, statement) in said.iter().enumerate() {
            let (read, again, behind) = Statement::read(rest).unwrap();
            assert!(usize::from(read) == purpose && again == *statement);
            rest = behind;
        }
        assert!(Statement::read(rest).is_none());
    }

    #[test]
    fn torn_bytes_are_no_statement_and_unknown_codes_deny() {
        let mut bytes = Vec::new();
        Statement::grant(moment(5, Precision::Ms), false, false, Some(9)).write(3, &mut bytes);
        for end in 0..bytes.len() {
            assert!(Statement::read(&bytes[..end]).is_none(), "{end}");
        }
        for code in 5..8 {
            bytes[1] = bytes[1] & !7 | code;
            let (_, statement, _) = Statement::read(&bytes).unwrap();
            assert_eq!((statement.stance(), statement.band()), (Stance::OptOut, AgeBand::Child));
        }
    }

    #[test]
    fn dates_beyond_six_bytes_are_moved_to_the_edge() {
        for (ms, want) in [(-1, 0), (i64::MIN, 0), (LATEST_MS + 1, LATEST_MS), (i64::MAX, LATEST_MS)] {
            assert_eq!(Statement::denial(Stance::Denied, moment(ms, Precision::Ms)).at.ms, want);
        }
    }
}
