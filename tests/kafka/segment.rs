//! Log segments of a broker as they lie on its disk, to damage them. Batches are those of KIP-98: base offset (8 bytes),
//! length of the rest (4), leader epoch (4), magic (1), CRC (4), attributes (2), last offset delta (4), and so on.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::broker::Broker;

/// Which byte of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// The version of its layout.
    Magic,
    /// The first of its checksum.
    Checksum,
    /// One of its last record.
    Record,
}

/// The first segment of a partition.
pub struct Segment(PathBuf);

impl Segment {
    pub fn of(broker: &Broker, topic: &str, partition: i32) -> Segment {
        Segment(broker.data().join(format!("{topic}-{partition}/00000000000000000000.log")))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a byte stands of the batch that has this offset.
    pub fn find(&self, offset: i64, place: Place) -> u64 {
        let segment = fs::read(&self.0).unwrap();
        let mut at = 0;
        loop {
            let base = i64::from_be_bytes(segment[at..at + 8].try_into().unwrap());
            let length = usize::try_from(i32::from_be_bytes(segment[at + 8..at + 12].try_into().unwrap())).unwrap();
            let last = base + i64::from(i32::from_be_bytes(segment[at + 23..at + 27].try_into().unwrap()));
            if (base..=last).contains(&offset) {
                return match place {
                    Place::Magic => at + 16,
                    Place::Checksum => at + 17,
                    Place::Record => at + 12 + length - 3,
                } as u64;
            }
            at += 12 + length;
        }
    }

    /// Turns bits over; twice is as if nothing had been.
    pub fn flip(&self, at: u64, bits: u8) {
        let file = fs::OpenOptions::new().read(true).write(true).open(&self.0).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ bits], at).unwrap();
    }
}
