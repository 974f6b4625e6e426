//! The checkpoint: rows and offsets together in one file, so that a restart reads the rest of the topic and not all of it.
//!
//! Written aside, synced, renamed, the folder synced: after a crash there is the old file or the new one. What is read is
//! believed only as a whole: the file ends with its length and a MAC under a key derived from the index key, so a torn or
//! damaged file, one of another cluster, topic or key, and one that somebody edited are all the same to us: the topic is
//! read again from the beginning. Nothing of a row is ever in an error.
//!
//! The order makes it right while records arrive: offsets are taken first and rows after them. A row may then hold more
//! than the offsets say, and reading a choice twice changes nothing; it never holds less.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::table::{Row, SHARDS, Table};
use crate::engine::token::TokenKey;

/// First bytes of the file: what it is, and the version of its layout and of the histories in it.
const MAGIC: &[u8; 16] = b"tamis-consent-01";

/// Largest part that is read into memory at once. A shard of the largest table that fits a machine is far below.
const MAX_PART: u32 = 1 << 28;

/// Length and MAC.
const TRAILER: u64 = 8 + 32;

/// Whose choices a checkpoint holds. Two that differ in anything have nothing to do with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The cluster's id.
    pub(super) cluster: String,
    /// The consent topic.
    pub(super) topic: String,
    /// Tells one index key from another, and nothing about either.
    pub(super) key: [u8; 16],
}

/// How far one partition has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The next offset to read.
    pub(super) next: i64,
    /// What its last heartbeat said, Unix milliseconds.
    pub(super) heartbeat_ms: Option<i64>,
}

/// What was in a checkpoint besides rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    /// By partition.
    pub(super) marks: Vec<Mark>,
    /// Names of the purposes that the deployment added, in the order of their numbers.
    pub(super) purposes: Vec<String>,
}

/// Why a checkpoint is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("there is none")]
    Absent,
    #[error("it cannot be read: {0}")]
    Io(std::io::Error),
    #[error("it is not a checkpoint of this version")]
    Version,
    #[error("it is of another cluster or topic")]
    OtherTopic,
    #[error("it was made with another index key")]
    OtherKey,
    #[error("it is torn or was changed")]
    Damaged,
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Refused {
        match error.kind() {
            ErrorKind::UnexpectedEof => Refused::Damaged,
            ErrorKind::NotFound => Refused::Absent,
            _ => Refused::Io(error),
        }
    }
}

/// Why none was written; the old one stays.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwritten {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("another process is writing it: give each a checkpoint of its own")]
    Shared,
    #[error("the table is being read anew")]
    Overtaken,
    #[error("a row is longer than any row can be")]
    Row,
}

/// Writes a checkpoint and returns its size. `purposes` is asked when the rows are written, `valid` before the file
/// takes the place of the old one: false if the table was cleared in the meantime.
pub(super) fn write(
    path: &Path,
    identity: &Identity,
    seal: &TokenKey,
    marks: &[Mark],
    table: &Table,
    purposes: impl FnOnce() -> Vec<String>,
    valid: impl Fn() -> bool,
) -> Result<u64, Unwritten> {
    let aside = aside(path);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&aside)?;
    file.try_lock().map_err(|_| Unwritten::Shared)?;
    // What a writer left that was killed.
    file.set_len(0)?;
    let mut out = Out { file: BufWriter::with_capacity(1 << 20, file), hash: Sha256::new(), length: 0 };
    out.put(MAGIC)?;
    out.part(&head(identity, marks))?;
    let mut part = Vec::new();
    for shard in 0..SHARDS {
        part.clear();
        part.extend_from_slice(&[0; 4]);
        let (mut rows, mut fits) = (0u32, true);
        table.rows(shard, |row, bytes| {
            fits &= u16::try_from(bytes.len()).is_ok_and(|length| {
                part.extend_from_slice(&row.0);
                part.extend_from_slice(&length.to_le_bytes());
                part.extend_from_slice(bytes);
                true
            });
            rows += 1;
        });
        if !fits {
            return Err(Unwritten::Row);
        }
        if let Some(count) = part.first_chunk_mut() {
            *count = rows.to_le_bytes();
        }
        if !valid() {
            return Err(Unwritten::Overtaken);
        }
        out.part(&part)?;
    }
    part.clear();
    for name in purposes() {
        text(&name, &mut part);
    }
    out.part(&part)?;
    let length = out.length + TRAILER;
    out.put(&length.to_le_bytes())?;
    let Out { mut file, hash, .. } = out;
    file.write_all(&sealed(seal, hash))?;
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    if !valid() {
        return Err(Unwritten::Overtaken);
    }
    std::fs::rename(&aside, path)?;
    sync_folder(path)?;
    Ok(length)
}

/// Reads a checkpoint into an empty table. After an error the table holds part of it, and must be cleared.
pub(super) fn read(path: &Path, identity: &Identity, seal: &TokenKey, table: &Table) -> Result<Contents, Refused> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut input = In { file: BufReader::with_capacity(1 << 20, file), hash: Sha256::new(), left: length };
    if input.take(MAGIC.len()).ok().as_deref() != Some(MAGIC) {
        return Err(Refused::Version);
    }
    let head = input.part()?;
    let marks = check_head(&head, identity)?;
    for shard in 0..SHARDS {
        let part = input.part()?;
        let (count, rows) = part.split_first_chunk::<4>().ok_or(Refused::Damaged)?;
        let mut rows = Rows(rows);
        // A row has 18 bytes at least: a count that was changed does not make us ask for memory.
        let count = usize::try_from(u32::from_le_bytes(*count)).unwrap_or(usize::MAX).min(rows.0.len() / 18 + 1);
        if !table.restore(shard, count, &mut rows) || !rows.0.is_empty() {
            return Err(Refused::Damaged);
        }
    }
    let part = input.part()?;
    let (mut rest, mut purposes) = (part.as_slice(), Vec::new());
    while !rest.is_empty() {
        purposes.push(take_text(&mut rest).ok_or(Refused::Damaged)?);
    }
    let said = input.take(8)?;
    let (mut file, hash) = (input.file, input.hash);
    let (mut mac, mut more) = ([0; 32], [0; 1]);
    file.read_exact(&mut mac)?;
    let whole = said == length.to_le_bytes() && mac == sealed(seal, hash) && file.read(&mut more)? == 0;
    if whole { Ok(Contents { marks, purposes }) } else { Err(Refused::Damaged) }
}

fn head(identity: &Identity, marks: &[Mark]) -> Vec<u8> {
    let mut head = identity.key.to_vec();
    text(&identity.cluster, &mut head);
    text(&identity.topic, &mut head);
    for mark in marks {
        head.extend_from_slice(&mark.next.to_le_bytes());
        head.extend_from_slice(&mark.heartbeat_ms.unwrap_or(i64::MIN).to_le_bytes());
    }
    head
}

fn check_head(head: &[u8], identity: &Identity) -> Result<Vec<Mark>, Refused> {
    let (key, mut rest) = head.split_first_chunk::<16>().ok_or(Refused::Damaged)?;
    let cluster = take_text(&mut rest).ok_or(Refused::Damaged)?;
    let topic = take_text(&mut rest).ok_or(Refused::Damaged)?;
    if (&cluster, &topic) != (&identity.cluster, &identity.topic) {
        return Err(Refused::OtherTopic);
    }
    if *key != identity.key {
        return Err(Refused::OtherKey);
    }
    let (marks, rest) = rest.as_chunks::<16>();
    if marks.is_empty() || !rest.is_empty() {
        return Err(Refused::Damaged);
    }
    let mark = |[a, b, c, d, e, f, g, h, heartbeat @ ..]: &[u8; 16]| Mark {
        next: i64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
        heartbeat_ms: Some(i64::from_le_bytes(*heartbeat)).filter(|at| *at != i64::MIN),
    };
    Ok(marks.iter().map(mark).collect())
}

/// The rows of one part; ends at the first that is cut off.
struct Rows<'a>(&'a [u8]);

impl<'a> Iterator for Rows<'a> {
    type Item = (Row, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = self.0.split_first_chunk::<16>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (bytes, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        self.0 = rest;
        Some((Row(*key), bytes))
    }
}

/// A name: its length in two bytes, then itself. Those that we write have at most 249 characters.
fn text(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
    out.extend_from_slice(name.as_bytes());
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let (length, after) = rest.split_first_chunk::<2>()?;
    let (name, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *rest = after;
    Some(std::str::from_utf8(name).ok()?.to_owned())
}

struct Out {
    file: BufWriter<File>,
    hash: Sha256,
    length: u64,
}

impl Out {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// A stretch with its length before it.
    fn part(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= MAX_PART);
        let length = length.ok_or_else(|| std::io::Error::other("a part of the checkpoint is too large"))?;
        self.put(&length.to_le_bytes())?;
        self.put(bytes)
    }
}

struct In {
    file: BufReader<File>,
    hash: Sha256,
    left: u64,
}

impl In {
    fn take(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        // Never more than the file has, whatever a length in it says.
        self.left = self.left.checked_sub(length as u64).ok_or(ErrorKind::UnexpectedEof)?;
        let mut bytes = vec![0; length];
        self.file.read_exact(&mut bytes)?;
        self.hash.update(&bytes);
        Ok(bytes)
    }

    fn part(&mut self) -> Result<Vec<u8>, Refused> {
        let length = self.take(4)?.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
        if length > MAX_PART {
            return Err(Refused::Damaged);
        }
        Ok(self.take(usize::try_from(length).unwrap_or_default())?)
    }
}

/// The MAC over everything before it, by way of its digest.
fn sealed(seal: &TokenKey, hash: Sha256) -> [u8; 32] {
    let digest: [u8; 32] = hash.finalize().into();
    seal.mac([digest.as_slice()])
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// A new name is only there after a crash if its folder was synced.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
