//! `tamis keys`: makes key files and adds keys to them.
//!
//! What it says names files, domains and epochs; a key is never shown, and there is no command that shows one.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::{Exit, load};
use crate::runtime::keys::{self, KeyError, KeyFile, MAX_AHEAD, NewDomain};

/// `tamis keys …`
#[derive(Debug, Args)]
pub(in crate::cli) struct KeysArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key file with fresh random keys; an existing file is never overwritten
    New {
        /// The file to make; its owner alone may read it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Make keys for every token domain of this policy
        #[arg(long, value_name = "FILE")]
        policy: Vec<PathBuf>,
        /// Make keys for this domain, with a period if its keys rotate: `web`, `ads:30d`
        #[arg(long, value_name = "DOMAIN[:PERIOD]", value_parser = parse_domain)]
        domain: Vec<NewDomain>,
    },
    /// Add the keys that a rotating domain needs for the epoch of now and the next ones
    AddEpoch {
        /// The key file
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
        /// The domain
        #[arg(long, value_name = "DOMAIN")]
        domain: String,
        /// How many epochs after the one of now
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=MAX_AHEAD))]
        ahead: u64,
    },
    /// Add a domain and its first keys to a key file
    AddDomain {
        /// The key file
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
        /// The domain, with a period if its keys rotate: `web`, `ads:30d`
        #[arg(long, value_name = "DOMAIN[:PERIOD]", value_parser = parse_domain)]
        domain: NewDomain,
    },
    /// Add the key by which the consent table knows people to a key file that has none
    AddIndex {
        /// The key file
        #[arg(long, value_name = "FILE")]
        keys: PathBuf,
    },
}

/// Runs the command.
pub(in crate::cli) fn run(args: KeysArgs) -> Exit {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let done = match args.command {
        Command::New { out, policy, domain } => new(&out, &policy, domain, now_ms),
        Command::AddEpoch { keys, domain, ahead } => add_epoch(&keys, &domain, ahead, now_ms),
        Command::AddDomain { keys, domain } => add_domain(&keys, &domain, now_ms),
        Command::AddIndex { keys } => add_index(&keys),
    };
    // Where nobody listens any more, what was done is done all the same.
    match done {
        Ok(said) => {
            let _ = writeln!(anstream::stdout(), "{said}");
            Exit::Fine
        }
        Err(Failure::Told(exit)) => exit,
        Err(Failure::Usage(said)) => {
            let _ = writeln!(anstream::stderr(), "{said}");
            Exit::Usage
        }
        Err(Failure::Keys(error)) => {
            let _ = writeln!(anstream::stderr(), "{error}");
            Exit::Failure
        }
    }
}

enum Failure {
    /// Already said.
    Told(Exit),
    Usage(String),
    Keys(KeyError),
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Failure {
        Failure::Keys(error)
    }
}

fn new(path: &Path, policies: &[PathBuf], mut domains: Vec<NewDomain>, now_ms: i64) -> Result<String, Failure> {
    for domain in domains_of(policies)? {
        match domains.iter().find(|known| known.name == domain.name) {
            None => domains.push(domain),
            Some(known) if *known == domain => {}
            Some(_) => {
                return Err(Failure::Usage(format!(
                    "--domain and the policies disagree about the period of the domain `{}`",
                    domain.name
                )));
            }
        }
    }
    if domains.is_empty() && policies.is_empty() {
        return Err(Failure::Usage("which domains? name a policy with --policy, or domains with --domain".to_owned()));
    }
    let file = KeyFile::generate(&domains, now_ms)?;
    file.create(path)?;
    let names: Vec<&str> = file.domains().collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Ok(format!(
        "made `{}` (domains: {names}); keep a copy apart from the data: without it no new token joins an old one",
        path.display()
    ))
}

fn add_epoch(path: &Path, domain: &str, ahead: u64, now_ms: i64) -> Result<String, Failure> {
    let added = KeyFile::extend(path, |file| file.add_epochs(domain, now_ms, ahead))?;
    Ok(match (added.first(), added.last()) {
        (Some(first), Some(last)) if first == last => format!("added a key to domain `{domain}` for epoch {first}"),
        (Some(first), Some(last)) => {
            format!("added {} keys to domain `{domain}` for epochs {first} to {last}", added.len())
        }
        _ => format!("domain `{domain}` has these keys already"),
    })
}

fn add_domain(path: &Path, domain: &NewDomain, now_ms: i64) -> Result<String, Failure> {
    KeyFile::extend(path, |file| file.add_domain(domain, now_ms))?;
    Ok(format!("added the domain `{}` to `{}`", domain.name, path.display()))
}

fn add_index(path: &Path) -> Result<String, Failure> {
    let added = KeyFile::extend(path, KeyFile::add_index)?;
    Ok(if added {
        format!(
            "added the index key to `{}`; every instance needs this file before it follows the consent topic",
            path.display()
        )
    } else {
        format!("`{}` has an index key already", path.display())
    })
}

fn domains_of(paths: &[PathBuf]) -> Result<Vec<NewDomain>, Failure> {
    let policies = load::policies(paths).map_err(Failure::Told)?;
    keys::domains_of(&policies).map_err(|problems| Failure::Usage(problems.join("\n")))
}

fn parse_domain(text: &str) -> Result<NewDomain, String> {
    let (name, period) = match text.split_once(':') {
        None => (text, None),
        Some((name, period)) => (name, Some(period)),
    };
    let rotate_seconds = match period {
        None => None,
        Some(period) => Some(keys::parse_period(period).ok_or("a period is a whole number and its unit, such as 30d")?),
    };
    Ok(NewDomain { name: name.to_owned(), rotate_seconds })
}
