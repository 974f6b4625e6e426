//! Reading the files that verbs are pointed at, with their problems told on stderr.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::cli::Exit;
use crate::engine::policy::model::Policy;
use crate::engine::policy::{self, SourceFile, render};
use crate::engine::token::KeyRing;
use crate::runtime::keys::{self, KeyFile};

/// Reads a file's bytes, or says why not.
pub(in crate::cli) fn file(path: &Path) -> Result<Vec<u8>, Exit> {
    std::fs::read(path).map_err(|error| {
        let _ = writeln!(anstream::stderr(), "cannot read {}: {error}", path.display());
        Exit::Usage
    })
}

/// Reads policies that must be without errors; warnings are told, and do not stop anybody.
pub(in crate::cli) fn policies(paths: &[PathBuf]) -> Result<Vec<Policy>, Exit> {
    let mut files = Vec::new();
    for path in paths {
        files.push(SourceFile::from_bytes(path.display().to_string(), &file(path)?));
    }
    let reading = policy::read(&files);
    if !reading.problems.is_empty() {
        let color = std::io::stderr().is_terminal();
        let _ = writeln!(anstream::stderr(), "{}", render(&reading.problems, &files, color));
    }
    if reading.has_errors() { Err(Exit::Usage) } else { Ok(reading.policies) }
}

/// Reads one policy.
pub(in crate::cli) fn policy(path: &Path) -> Result<Policy, Exit> {
    policies(&[path.to_path_buf()])?.pop().ok_or(Exit::Usage)
}

/// Reads a key file that must fit these policies.
pub(in crate::cli) fn keys(path: &Path, policies: &[Policy]) -> Result<KeyRing, Exit> {
    let mut talk = anstream::stderr();
    let ring = KeyFile::load(path).map(|file| file.ring()).map_err(|error| {
        let _ = writeln!(talk, "{error}");
        Exit::Usage
    })?;
    let mismatches: Vec<String> = policies.iter().flat_map(|policy| keys::mismatches(policy, &ring)).collect();
    for mismatch in &mismatches {
        let _ = writeln!(talk, "{mismatch}");
    }
    if mismatches.is_empty() { Ok(ring) } else { Err(Exit::Usage) }
}
