//! `tamis scan`: which paths of a sample hold what, and a first policy that a person can review.
//!
//! It reads a file, stdin or a sample of a topic once and keeps counts, so that a long input needs no more memory than a
//! short one. It prints paths, kinds, counts and reasons, and never a value: what is personal must not leave by the tool
//! that looks for it. Keys are data too, so those that do not look like a schema's are shown as `*`.

mod find;
mod input;
mod kinds;
mod names;
mod paths;
mod propose;
mod report;
mod shape;
mod spans;
mod stats;
mod table;
mod topic;
mod walk;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Exit;
use crate::cli::records::OwnedRecord;
use crate::engine::outcome::QuarantineReason;
use crate::engine::record::Record;
use input::{Line, Progress, Unit};
use paths::Tree;
use spans::Spans;
use walk::Walker;

/// Arguments of `tamis scan`.
#[derive(Args)]
pub(in crate::cli) struct ScanArgs {
    /// Events as JSON, one a line; `-` or nothing: stdin
    #[arg(value_name = "FILE", conflicts_with_all = ["topic", "kinds"])]
    file: Option<PathBuf>,
    /// Read whole records as JSON, one a line, instead of values
    #[arg(long, conflicts_with_all = ["topic", "kinds"])]
    records: bool,
    /// Read a sample of this topic; nothing is committed, and no consumer group joined
    #[arg(long, value_name = "TOPIC", requires = "config", conflicts_with = "kinds")]
    topic: Option<String>,
    /// The deployment file that says how to reach Kafka; only its `kafka` section is read
    #[arg(long, value_name = "FILE", requires = "topic")]
    config: Option<PathBuf>,
    /// Most records to read: of a topic the latest, 10,000 unless said; of a file the first, all unless said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Read the topic from its beginning instead of its end
    #[arg(long, requires = "topic")]
    from_beginning: bool,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    /// Print the proposed policy and nothing else
    #[arg(long, conflicts_with_all = ["json", "spans", "kinds"])]
    policy: bool,
    /// Print each find with its exact place, one a line, as JSON. Paths hold keys as they came, which can be personal
    #[arg(long, requires = "json", conflicts_with_all = ["topic", "kinds"])]
    spans: bool,
    /// Print the kinds of personal data that are looked for, and do nothing else
    #[arg(long)]
    kinds: bool,
}

/// What was read.
#[derive(Default)]
pub(in crate::cli) struct Seen {
    /// Records whose value is JSON.
    records: u64,
    /// Others, by why they are not.
    unreadable: BTreeMap<&'static str, u64>,
    /// Records without a value.
    tombstones: u64,
}

impl Seen {
    fn refuse(&mut self, reason: QuarantineReason) {
        *self.unreadable.entry(reason.as_str()).or_default() += 1;
    }
}

/// Why it ends early.
enum Stop {
    Exit(Exit),
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

/// Runs the verb.
pub(in crate::cli) fn run(args: ScanArgs) -> Exit {
    match scan(&args) {
        Ok(exit) | Err(Stop::Exit(exit)) => exit,
        // Whoever reads our output had enough.
        Err(Stop::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(Stop::Io(error)) => {
            let _ = writeln!(anstream::stderr(), "cannot go on: {error}");
            Exit::Failure
        }
    }
}

fn scan(args: &ScanArgs) -> Result<Exit, Stop> {
    let mut out = anstream::stdout();
    if args.kinds {
        let text = if args.json { format!("{:#}\n", kinds::json()) } else { kinds::text() };
        out.write_all(text.as_bytes())?;
        out.flush()?;
        return Ok(Exit::Fine);
    }
    if args.spans {
        return spans(args);
    }
    let (mut seen, mut tree, mut walker) = (Seen::default(), Tree::new(), Walker::new());
    match (&args.topic, &args.config) {
        (Some(topic), Some(config)) => {
            topic::read(args, topic, config, &mut seen, &mut tree, &mut walker).map_err(Stop::Exit)?
        }
        _ => lines(
            args,
            &mut |line, number, seen| {
                line_of(args.records, line, number, seen, &mut tree, &mut walker);
                Ok(())
            },
            &mut seen,
        )?,
    }
    tree.finish();
    let proposal = propose::propose(&tree, seen.records);
    let policy = propose::policy(&proposal, args.topic.as_deref());
    if args.policy {
        let Some(policy) = policy else {
            let _ = writeln!(anstream::stderr(), "there is nothing to propose: no field of these events could be kept");
            return Ok(Exit::Failure);
        };
        out.write_all(policy.as_bytes())?;
        out.flush()?;
        return Ok(Exit::Fine);
    }
    if args.json {
        let answer = report::json(&seen, &tree, &proposal, policy.as_deref());
        writeln!(out, "{answer:#}")?;
    } else {
        out.write_all(report::text(&seen, &tree, &proposal).as_bytes())?;
        let _ = writeln!(anstream::stderr(), "`--policy` prints the proposal as a policy, with a reason on every line");
    }
    out.flush()?;
    let hit = tree.beyond.1 > 0 || proposal.fields.iter().any(|field| report::is_hit(field.entry.stats));
    Ok(if hit || !seen.unreadable.is_empty() { Exit::Findings } else { Exit::Fine })
}

/// One find a line, while the lines stream by.
fn spans(args: &ScanArgs) -> Result<Exit, Stop> {
    let (mut seen, mut walker) = (Seen::default(), Walker::new());
    let mut spans = Spans::new(io::BufWriter::new(io::stdout().lock()));
    let each = &mut |line: &[u8], number: u64, seen: &mut Seen| {
        let owned = if args.records { OwnedRecord::parse(line).map(Some) } else { Ok(None) };
        let mut value = |value: &[u8]| {
            let read = walker.reads(value).and_then(|()| {
                spans.at_line(number);
                walker.walk(value, &mut spans)
            });
            match read {
                Ok(()) => seen.records += 1,
                Err(reason) => seen.refuse(reason),
            }
        };
        match owned {
            Ok(None) => value(line),
            Ok(Some(owned)) => owned.with("", 0, |record| record.value.map(&mut value)).unwrap_or_default(),
            Err(_) => seen.refuse(QuarantineReason::InvalidJson),
        }
        spans.found().map(drop)
    };
    lines(args, each, &mut seen)?;
    spans.flush()?;
    for (reason, count) in &seen.unreadable {
        let _ = writeln!(anstream::stderr(), "{count} could not be read: {reason}");
    }
    let nothing = spans.found()? == 0 && seen.unreadable.is_empty();
    Ok(if nothing { Exit::Fine } else { Exit::Findings })
}

/// A line is looked at: its bytes, its number from 1.
type Each<'a> = &'a mut dyn FnMut(&[u8], u64, &mut Seen) -> io::Result<()>;

/// Every line of the file, or of stdin, that is not empty.
fn lines(args: &ScanArgs, each: Each<'_>, seen: &mut Seen) -> Result<(), Stop> {
    match args.file.as_deref().filter(|file| *file != Path::new("-")) {
        Some(path) => {
            let cannot = |error: io::Error| {
                let _ = writeln!(anstream::stderr(), "cannot read {}: {error}", path.display());
                Stop::Exit(Exit::Usage)
            };
            let file = File::open(path).map_err(cannot)?;
            let total = file.metadata().ok().map(|data| data.len());
            read(args, &mut BufReader::with_capacity(1 << 16, file), total, each, seen)?;
        }
        None => {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                let _ = writeln!(anstream::stderr(), "reads events from this terminal, one a line, until Ctrl-D");
            }
            read(args, &mut stdin.lock(), None, each, seen)?;
        }
    }
    Ok(())
}

fn read(
    args: &ScanArgs,
    input: &mut impl BufRead,
    total: Option<u64>,
    each: Each<'_>,
    seen: &mut Seen,
) -> io::Result<()> {
    let mut progress = Progress::new(Unit::Bytes, total);
    // A record around a value of the longest kind has some bytes more.
    let longest = Walker::new().longest() * 2;
    let (mut line, mut number, mut done, mut taken) = (Vec::new(), 0, 0, 0);
    while args.limit.is_none_or(|limit| taken < limit) {
        let (what, bytes) = input::next(input, longest, &mut line)?;
        number += 1;
        done += bytes;
        match what {
            Line::End => break,
            Line::TooLong => seen.refuse(QuarantineReason::TooLarge),
            Line::Read if line.trim_ascii().is_empty() => continue,
            Line::Read => each(line.trim_ascii_end(), number, seen)?,
        }
        taken += 1;
        progress.at(done, seen.records);
    }
    Ok(())
}

fn line_of(records: bool, line: &[u8], number: u64, seen: &mut Seen, tree: &mut Tree, walker: &mut Walker) {
    if !records {
        let record = crate::cli::offline::plain("", number as i64, 0, line);
        return one(&record, seen, tree, walker);
    }
    match OwnedRecord::parse(line) {
        Ok(owned) => owned.with("", 0, |record| one(record, seen, tree, walker)),
        Err(_) => seen.refuse(QuarantineReason::InvalidJson),
    }
}

/// One record into the tree; whole, or not at all.
fn one(record: &Record<'_>, seen: &mut Seen, tree: &mut Tree, walker: &mut Walker) {
    let read = record.value.map(|value| walker.reads(value));
    match read {
        Some(Err(reason)) => return seen.refuse(reason),
        Some(Ok(())) => seen.records += 1,
        None => seen.tombstones += 1,
    }
    tree.begin();
    if let Some(value) = record.value {
        // It was read to its end a moment ago.
        let _ = walker.walk(value, tree);
    }
    let headers = record.headers.iter().filter_map(|header| {
        Some((
            format!("header.{}", header.name.to_ascii_lowercase()),
            header.name,
            std::str::from_utf8(header.value?).ok()?,
        ))
    });
    let key = record.key.and_then(|key| std::str::from_utf8(key).ok()).map(|key| ("key".to_owned(), "key", key));
    for (place, name, text) in headers.chain(key) {
        let finds = walker.plain(name, text);
        tree.around(&place, text, finds);
    }
}
