//! What every subject has chosen, in memory: subject key → history bytes.
//!
//! It stores bytes and knows nothing of what they say: the engine made them and reads them. Sharded, so that one record
//! of the consent topic never stops the look-ups of other subjects, and so that growing moves a thousandth at a time.
//! The trap: while the table is being read anew, a subject that is not found may be one that is not read *yet*; who
//! asks must look at [`Standing`](super::standing::Standing) after the answer, not before.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bits of the key that choose the shard. At 10 million subjects a shard has 10,000 rows: growing one, the longest that
/// a look-up can wait for, takes less than a millisecond.
const SHARD_BITS: u32 = 10;

/// How many shards there are.
pub(super) const SHARDS: usize = 1 << SHARD_BITS;

/// A subject's key as it is kept: 128 bits of a keyed MAC. No `Debug`: it stands for a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row(pub(super) [u8; 16]);

impl Row {
    /// The shard: the first bits.
    fn shard(self) -> usize {
        let [first, second, ..] = self.0;
        usize::from(u16::from_be_bytes([first, second]) >> (16 - SHARD_BITS))
    }
}

impl Hash for Row {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// Takes the last bits of the key as they are: a MAC is uniform, and no one can choose it without the index key. Only a
/// writer of the consent topic can, by sending keys instead of subjects, and could do worse.
#[derive(Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Shard = HashMap<Row, Box<[u8]>, BuildHasherDefault<Uniform>>;

/// See the module.
pub(super) struct Table {
    shards: Box<[RwLock<Shard>]>,
    subjects: AtomicUsize,
}

impl Default for Table {
    fn default() -> Table {
        Table { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), subjects: AtomicUsize::new(0) }
    }
}

impl Table {
    /// How many subjects have a row.
    pub(super) fn subjects(&self) -> usize {
        self.subjects.load(Ordering::Relaxed)
    }

    /// Hands the history of each row to `each`, in order; `None` where there is none. `each` copies and returns: the
    /// shard is locked for as long as it takes.
    pub(super) fn look(&self, rows: impl IntoIterator<Item = Row>, mut each: impl FnMut(Option<&[u8]>)) {
        for row in rows {
            let Some(shard) = self.shards.get(row.shard()) else { continue };
            let shard = shard.read().unwrap_or_else(|held| held.into_inner());
            each(shard.get(&row).map(|bytes| &**bytes));
        }
    }

    /// Lets `change` work on the history of a row in `scratch`, an empty one if there is none, and keeps the result if
    /// it says that something changed. Returns what it says.
    pub(super) fn change(&self, row: Row, scratch: &mut Vec<u8>, change: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let Some(shard) = self.shards.get(row.shard()) else { return false };
        scratch.clear();
        let mut shard = shard.write().unwrap_or_else(|held| held.into_inner());
        let old = shard.get_mut(&row);
        if let Some(bytes) = &old {
            scratch.extend_from_slice(bytes);
        }
        if !change(scratch) {
            return false;
        }
        match old {
            Some(bytes) if bytes.len() == scratch.len() => bytes.copy_from_slice(scratch),
            Some(bytes) => *bytes = scratch.as_slice().into(),
            None => {
                shard.insert(row, scratch.as_slice().into());
                self.subjects.fetch_add(1, Ordering::Relaxed);
            }
        }
        true
    }

    /// Forgets everything. Look-ups must be refused by then.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let old = std::mem::take(&mut *shard.write().unwrap_or_else(|held| held.into_inner()));
            self.subjects.fetch_sub(old.len(), Ordering::Relaxed);
        }
    }

    /// Stores rows of one shard as they were in a checkpoint, `count` of them. False, with some of them stored, if one
    /// is not of that shard or the rows end early.
    pub(super) fn restore<'a>(&self, shard: usize, count: usize, rows: impl Iterator<Item = (Row, &'a [u8])>) -> bool {
        let Some(rest) = self.shards.get(shard) else { return false };
        let mut rest = rest.write().unwrap_or_else(|held| held.into_inner());
        // Room for all at once: rows come in the order of a table of this size, which one that still grows would pile up.
        rest.reserve(count);
        let before = rest.len();
        let mut stored = 0;
        for (row, bytes) in rows {
            if row.shard() != shard {
                break;
            }
            rest.insert(row, bytes.into());
            stored += 1;
        }
        self.subjects.fetch_add(rest.len() - before, Ordering::Relaxed);
        stored == count
    }

    /// Hands every row of one shard to `each`, in no order. Look-ups go on meanwhile, changes of this shard wait.
    #[expect(clippy::iter_over_hash_type, reason = "rows are a set: whoever needs an order sorts them")]
    pub(super) fn rows(&self, shard: usize, mut each: impl FnMut(Row, &[u8])) {
        let Some(shard) = self.shards.get(shard) else { return };
        for (row, bytes) in &*shard.read().unwrap_or_else(|held| held.into_inner()) {
            each(*row, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that differ in every part of the key.
    fn row(number: u64) -> Row {
        let mixed = u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        Row((mixed ^ mixed >> 67).to_le_bytes())
    }

    fn set(table: &Table, number: u64, bytes: &[u8]) -> bool {
        table.change(row(number), &mut Vec::new(), |history| {
            let changed = history != bytes;
            bytes.clone_into(history);
            changed
        })
    }

    fn get(table: &Table, number: u64) -> Option<Vec<u8>> {
        let mut found = None;
        table.look([row(number)], |bytes| found = bytes.map(<[u8]>::to_vec));
        found
    }

    #[test]
    fn rows_are_found_again_and_only_changes_are_kept() {
        let table = Table::default();
        assert_eq!(get(&table, 1), None);
        for number in 0..20_000 {
            assert!(set(&table, number, &number.to_le_bytes()));
        }
        assert_eq!(table.subjects(), 20_000);
        assert!(!set(&table, 7, &7u64.to_le_bytes()), "the same again");
        assert!(set(&table, 7, b"other, and longer than before"));
        assert_eq!(get(&table, 7).unwrap(), b"other, and longer than before");
        assert_eq!(get(&table, 19_999).unwrap(), 19_999u64.to_le_bytes());
        assert_eq!(get(&table, 20_000), None);
        assert_eq!(table.subjects(), 20_000);
        table.clear();
        assert_eq!((table.subjects(), get(&table, 7)), (0, None));
    }

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        let table = Table::default();
        set(&table, 1, b"one");
        set(&table, 3, b"three");
        let mut found = Vec::new();
        table.look([1, 2, 3, 1].map(row), |bytes| found.push(bytes.map(<[u8]>::to_vec)));
        assert_eq!(found, [Some(b"one".to_vec()), None, Some(b"three".to_vec()), Some(b"one".to_vec())]);
    }

    #[test]
    fn what_change_refuses_leaves_no_row() {
        let table = Table::default();
        assert!(!table.change(row(1), &mut Vec::new(), |_| false));
        assert_eq!((table.subjects(), get(&table, 1)), (0, None));
    }

    #[test]
    fn uniform_keys_fill_shards_evenly() {
        let table = Table::default();
        let mut made = sha2_rows(50_000);
        made.sort();
        for row in &made {
            table.change(*row, &mut Vec::new(), |bytes| {
                bytes.push(1);
                true
            });
        }
        let mut sizes = Vec::new();
        for shard in 0..SHARDS {
            let mut size = 0;
            table.rows(shard, |_, _| size += 1);
            sizes.push(size);
        }
        assert_eq!(sizes.iter().sum::<i32>(), 50_000);
        assert!(sizes.iter().all(|size| (10..120).contains(size)), "{:?}", sizes.iter().max());
    }

    fn sha2_rows(count: u32) -> Vec<Row> {
        use sha2::{Digest, Sha256};
        let row = |number: u32| {
            let digest: [u8; 32] = Sha256::digest(number.to_le_bytes()).into();
            Row(std::array::from_fn(|at| digest[at]))
        };
        (0..count).map(row).collect()
    }
}
