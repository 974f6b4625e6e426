//! Key files on a disk: who may read them, and how they are replaced.
//!
//! A file is readable by its owner alone from its first byte, is written aside, synced, and put in place in one step, so
//! that a crash leaves the old file or the new one. The file written aside is also the lock: two commands that add keys
//! at once would lose the keys of one of them.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{KeyError, wrong};

/// Larger than any real key file (a year of daily keys for a hundred domains is 3 MB).
const MAX_BYTES: u64 = 8 << 20;

/// Reads the text of a key file after its permissions were found good, on the same open file.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let io = |error| KeyError::Io { path: path.to_owned(), error };
    let mut file = File::open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::TooOpen { path: path.to_owned(), mode });
    }
    if meta.len() > MAX_BYTES {
        return Err(wrong(path, vec!["too large to be a key file".to_owned()]));
    }
    // As large as the file, so that the text is not copied while it grows; such copies would not be wiped.
    let room = usize::try_from(meta.len()).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    (&mut file).take(MAX_BYTES).read_to_end(&mut bytes).map_err(io)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(wrong(path, vec!["not UTF-8 text".to_owned()])),
    }
}

/// Writes a file that was not there before.
pub(super) fn create(path: &Path, text: &str) -> Result<(), KeyError> {
    if path.symlink_metadata().is_ok() {
        return Err(KeyError::Exists { path: path.to_owned() });
    }
    let mut aside = Aside::beside(path)?;
    aside.write(text)?;
    // A link fails where a name exists, a rename would replace what came to be there in the meantime.
    std::fs::hard_link(&aside.path, path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_owned() },
        _ => KeyError::Io { path: path.to_owned(), error },
    })?;
    sync_folder(path)
}

/// The file written aside, removed when dropped unless it took the place of the other.
pub(super) struct Aside {
    path: PathBuf,
    target: PathBuf,
    file: File,
    /// Whether the name is no longer ours: someone else may hold it by now.
    gone: bool,
}

impl Aside {
    /// For a key file that exists; a link is followed, so that the file it names is the one replaced.
    pub(super) fn open(path: &Path) -> Result<Aside, KeyError> {
        let target = path.canonicalize().map_err(|error| KeyError::Io { path: path.to_owned(), error })?;
        Aside::beside(&target)
    }

    fn beside(target: &Path) -> Result<Aside, KeyError> {
        let mut name = target.as_os_str().to_owned();
        name.push(".new");
        let path = PathBuf::from(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match file {
            Ok(file) => Ok(Aside { path, target: target.to_owned(), file, gone: false }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(KeyError::Busy { path }),
            Err(error) => Err(KeyError::Io { path, error }),
        }
    }

    /// Takes the place of the key file, with the same owner.
    pub(super) fn replace(mut self, text: &str) -> Result<(), KeyError> {
        let io = |path: &Path, error| KeyError::Io { path: path.to_owned(), error };
        self.write(text)?;
        let old = std::fs::metadata(&self.target).map_err(|error| io(&self.target, error))?;
        let new = self.file.metadata().map_err(|error| io(&self.path, error))?;
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            // Else a command run as root would leave a file that the service cannot read.
            std::os::unix::fs::fchown(&self.file, Some(old.uid()), Some(old.gid()))
                .map_err(|error| io(&self.path, error))?;
        }
        std::fs::rename(&self.path, &self.target).map_err(|error| io(&self.target, error))?;
        self.gone = true;
        sync_folder(&self.target)
    }

    fn write(&mut self, text: &str) -> Result<(), KeyError> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|error| KeyError::Io { path: self.path.clone(), error })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.gone {
            // If it stays, the next command says so and how to go on.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A new name is only there after a crash if its folder was synced.
fn sync_folder(path: &Path) -> Result<(), KeyError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| KeyError::Io { path: folder.to_owned(), error })
}
