//! A sample of a topic, through the deployment file's own way to Kafka.

use std::io::{IsTerminal, Write};
use std::path::Path;

use super::input::{Progress, Unit};
use super::paths::Tree;
use super::walk::Walker;
use super::{ScanArgs, Seen, one};
use crate::cli::Exit;
use crate::config;
use crate::runtime::kafka::sample::{self, Begin, Sample};

/// Records that are looked at unless somebody says otherwise: enough to see what comes once in a thousand.
const LIMIT: u64 = 10_000;

pub(super) fn read(
    args: &ScanArgs,
    topic: &str,
    file: &Path,
    seen: &mut Seen,
    tree: &mut Tree,
    walker: &mut Walker,
) -> Result<(), Exit> {
    let mut talk = anstream::stderr();
    let cluster = config::cluster(file).map_err(|problems| {
        let _ = writeln!(talk, "{}", problems.render(std::io::stderr().is_terminal()));
        Exit::Usage
    })?;
    let begin = if args.from_beginning { Begin::Beginning } else { Begin::End };
    let sample = Sample { topic, limit: args.limit.unwrap_or(LIMIT), begin };
    let mut progress = Progress::new(Unit::Records, Some(sample.limit));
    let mut done = 0;
    let taken = sample::read(&cluster, &sample, &mut |record| {
        one(record, seen, tree, walker);
        done += 1;
        progress.at(done, seen.records);
    });
    drop(progress);
    taken.map_err(|what| {
        let _ = writeln!(talk, "cannot read {topic}: {what}");
        Exit::Failure
    })
}
