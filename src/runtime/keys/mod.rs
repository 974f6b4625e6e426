//! The key file: where token keys live, and how they reach the engine.
//!
//! A [`KeyFile`] is what stands in the file; a [`KeyRing`] is what the engine uses; [`LiveKeys`] is both, for a process
//! that runs on. Nothing here prints a key, and no error quotes the file. The trap: a file that others may read is
//! refused even if its content is right, because who reads it can link tokens to people from then on.

mod disk;
mod fit;
mod index;
mod text;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

pub use fit::{domains_of, mismatches, throw_away};
pub use index::Index;

use crate::engine::token::{DomainKeys, KeyRing, TokenKey};

/// A random 256-bit key.
type Secret = Zeroizing<[u8; 32]>;

/// Most epochs that one command adds: enough for a year of days, and an epoch mistyped as a count is refused.
pub const MAX_AHEAD: u64 = 400;

/// What stands in a key file. No `Debug`: it is all secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    event_id: Secret,
    index: Option<Secret>,
    domains: BTreeMap<String, Domain>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Domain {
    rotate_seconds: Option<u64>,
    keys: BTreeMap<u64, Secret>,
}

/// A domain that a new file should have keys for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDomain {
    /// `[a-z0-9-]{1,32}`
    pub name: String,
    /// Length of an epoch in seconds; `None`: one key until changed.
    pub rotate_seconds: Option<u64>,
}

/// Why keys cannot be used. Texts name files, domains and epochs, and say what to do; never a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system says no.
    #[error("key file `{path}`: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        error: std::io::Error,
    },
    /// Group or others may read or write it.
    #[error("key file `{path}` has mode {mode:04o}, so others than its owner may use it; run `chmod 600 {path}`")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key file is there already; keys are never overwritten.
    #[error(
        "`{path}` exists, and keys are never overwritten; name another file, or `tamis keys add-epoch` adds to this one"
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another command holds the file, or one was interrupted.
    #[error(
        "`{path}` exists: another command is changing the key file, or one was interrupted; if none runs, delete it"
    )]
    Busy {
        /// The file written aside.
        path: PathBuf,
    },
    /// It is not a key file, or something in it is wrong: every problem.
    #[error("key file {0}")]
    Wrong(Problems),
    /// The system gave no randomness.
    #[error("the operating system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Every problem of one file, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file as it was named.
    pub file: String,
    /// What is wrong.
    pub problems: Vec<String>,
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`:", self.file)?;
        match self.problems.as_slice() {
            [one] => write!(f, " {one}"),
            several => several.iter().try_for_each(|problem| write!(f, "\n  {problem}")),
        }
    }
}

impl KeyFile {
    /// Fresh random keys: for a domain without rotation one, else for the epoch of `now_ms` and the next.
    ///
    /// # Errors
    /// No randomness; a domain that is named twice or badly.
    pub fn generate(domains: &[NewDomain], now_ms: i64) -> Result<KeyFile, KeyError> {
        let mut file = KeyFile { event_id: random()?, index: Some(random()?), domains: BTreeMap::new() };
        for domain in domains {
            file.add_domain(domain, now_ms)?;
        }
        Ok(file)
    }

    /// Reads and checks a file; refuses one that others than its owner may use.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load(path: &Path) -> Result<KeyFile, KeyError> {
        let text = disk::read(path)?;
        text::read(&text).map_err(|problems| wrong(path, problems))
    }

    /// Writes a new file, readable by its owner alone from its first byte; never over an existing one.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn create(&self, path: &Path) -> Result<(), KeyError> {
        disk::create(path, &text::write(self))
    }

    /// Reads a file, lets `change` add to it, and puts the result in its place in one step. Nothing that was there is
    /// changed or removed.
    ///
    /// # Errors
    /// See [`KeyError`]; whatever `change` says.
    pub fn extend<T>(path: &Path, change: impl FnOnce(&mut KeyFile) -> Result<T, KeyError>) -> Result<T, KeyError> {
        let lock = disk::Aside::open(path)?;
        let before = KeyFile::load(path)?;
        let mut after = before.clone();
        let answer = change(&mut after)?;
        let lost = before.differences(&after);
        if !lost.is_empty() {
            return Err(wrong(path, lost));
        }
        lock.replace(&text::write(&after))?;
        Ok(answer)
    }

    /// Adds a domain with its first keys.
    ///
    /// # Errors
    /// It is there already, or its name is none.
    pub fn add_domain(&mut self, domain: &NewDomain, now_ms: i64) -> Result<(), KeyError> {
        let refuse = |problem: String| KeyError::Wrong(Problems { file: domain.name.clone(), problems: vec![problem] });
        if !text::is_domain(&domain.name) {
            return Err(refuse("a domain has 1 to 32 of the characters a-z, 0-9 and -".to_owned()));
        }
        if self.domains.contains_key(&domain.name) {
            return Err(refuse("this domain is named already".to_owned()));
        }
        let entry = Domain { rotate_seconds: domain.rotate_seconds, keys: BTreeMap::new() };
        self.domains.insert(domain.name.clone(), entry);
        self.add_epochs(&domain.name, now_ms, u64::from(domain.rotate_seconds.is_some())).map(drop)
    }

    /// Adds the keys that are missing for the epoch of `now_ms` and the `ahead` next ones; returns the epochs added.
    ///
    /// # Errors
    /// The domain is not there, or does not rotate and has its key.
    pub fn add_epochs(&mut self, name: &str, now_ms: i64, ahead: u64) -> Result<Vec<u64>, KeyError> {
        let refuse =
            |problem: &str| KeyError::Wrong(Problems { file: name.to_owned(), problems: vec![problem.to_owned()] });
        let domain = self
            .domains
            .get_mut(name)
            .ok_or_else(|| refuse("no such domain in the key file; `tamis keys add-domain` adds one"))?;
        if domain.rotate_seconds.is_none() && domain.keys.contains_key(&0) {
            return Err(refuse("this domain does not rotate: it has its one key"));
        }
        let now = DomainKeys::new(domain.rotate_seconds, BTreeMap::new()).epoch_at(now_ms);
        let last = if domain.rotate_seconds.is_some() { now.saturating_add(ahead.min(MAX_AHEAD)) } else { now };
        let mut added = Vec::new();
        for epoch in now..=last {
            if let Entry::Vacant(free) = domain.keys.entry(epoch) {
                free.insert(random()?);
                added.push(epoch);
            }
        }
        Ok(added)
    }

    /// Adds the key of subjects in the consent table, unless there is one. True if it was added.
    ///
    /// # Errors
    /// No randomness.
    pub fn add_index(&mut self) -> Result<bool, KeyError> {
        if self.index.is_some() {
            return Ok(false);
        }
        self.index = Some(random()?);
        Ok(true)
    }

    /// The key of subjects in the consent table, if the file has one.
    pub fn index(&self) -> Option<Index> {
        self.index.as_ref().map(|secret| Index::new(**secret))
    }

    /// The ring that the engine uses.
    pub fn ring(&self) -> KeyRing {
        let domains = self.domains.iter().map(|(name, domain)| {
            let keys = domain.keys.iter().map(|(epoch, secret)| (*epoch, TokenKey::new(**secret))).collect();
            (name.clone(), DomainKeys::new(domain.rotate_seconds, keys))
        });
        KeyRing::new(domains.collect(), TokenKey::new(*self.event_id))
    }

    /// Names of the domains.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.keys().map(String::as_str)
    }

    /// What `newer` changed or no longer has, in words. Keys that were only added are no difference.
    fn differences(&self, newer: &KeyFile) -> Vec<String> {
        let mut found = Vec::new();
        if self.event_id != newer.event_id {
            found.push("the key of event ids changed".to_owned());
        }
        match (&self.index, &newer.index) {
            (Some(_), None) => found.push("the index key is gone".to_owned()),
            (Some(old), Some(new)) if old != new => found.push("the index key changed".to_owned()),
            _ => {}
        }
        for (name, domain) in &self.domains {
            let Some(new) = newer.domains.get(name) else {
                found.push(format!("domain `{name}` is gone"));
                continue;
            };
            if domain.rotate_seconds != new.rotate_seconds {
                found.push(format!("`rotate` of domain `{name}` changed"));
            }
            for (epoch, secret) in &domain.keys {
                match new.keys.get(epoch) {
                    None => found.push(format!("the key of domain `{name}`, epoch {epoch}, is gone")),
                    Some(other) if other != secret => {
                        found.push(format!("the key of domain `{name}`, epoch {epoch}, changed"));
                    }
                    Some(_) => {}
                }
            }
        }
        found
    }

    fn size(&self) -> usize {
        self.domains.values().map(|domain| domain.keys.len()).sum()
    }
}

/// The keys of a running process: added keys are taken in while it runs, changed and removed ones are not.
pub struct LiveKeys {
    path: PathBuf,
    file: KeyFile,
    ring: Arc<KeyRing>,
}

impl LiveKeys {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn open(path: &Path) -> Result<LiveKeys, KeyError> {
        let file = KeyFile::load(path)?;
        Ok(LiveKeys { path: path.to_owned(), ring: Arc::new(file.ring()), file })
    }

    /// The ring for the next batch.
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring)
    }

    /// The key of subjects in the consent table, if the file had one when it was read.
    pub fn index(&self) -> Option<Index> {
        self.file.index()
    }

    /// Reads the file again and takes in what was added; returns how many keys that were. After an error the keys in use
    /// stay as they were.
    ///
    /// # Errors
    /// See [`KeyError`]; [`KeyError::Wrong`] also where a key in use was changed or removed, which asks for a restart.
    pub fn refresh(&mut self) -> Result<usize, KeyError> {
        let newer = KeyFile::load(&self.path)?;
        let mut lost = self.file.differences(&newer);
        if !lost.is_empty() {
            lost.push("the keys in use stay; restart to use the file as it is".to_owned());
            return Err(wrong(&self.path, lost));
        }
        let added = newer.size() - self.file.size();
        if newer != self.file {
            self.ring = Arc::new(newer.ring());
            self.file = newer;
        }
        Ok(added)
    }
}

/// Reads `30d`, `12h`, `90m` or `10s`, in seconds; more than nothing, up to ten years.
pub fn parse_period(text: &str) -> Option<u64> {
    text::parse_period(text)
}

fn wrong(path: &Path, problems: Vec<String>) -> KeyError {
    KeyError::Wrong(Problems { file: path.display().to_string(), problems })
}

fn random() -> Result<Secret, KeyError> {
    let mut secret = Secret::new([0; 32]);
    getrandom::fill(secret.as_mut_slice()).map_err(KeyError::Random)?;
    Ok(secret)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
