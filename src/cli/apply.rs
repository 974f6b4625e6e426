//! `tamis apply`: stdin → stdout through the same engine that `run` uses, without Kafka.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use clap::Args;

use crate::cli::offline::{self, Offline};
use crate::cli::records::{self, OwnedRecord};
use crate::cli::{Exit, load, summary};
use crate::engine::json::text::write_string;
use crate::engine::outcome::QuarantineReason;
use crate::engine::report::Report;
use crate::engine::{Engine, Facts, Work};

/// Arguments of `tamis apply`.
#[derive(Args)]
pub(in crate::cli) struct ApplyArgs {
    /// The policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Read (and print) whole records as JSON, one a line, instead of values
    #[arg(long)]
    records: bool,
    /// Print this route's values alone
    #[arg(long, value_name = "TOPIC")]
    route: Option<String>,
    /// Token keys; without it a throw-away key, and the tokens of this call agree only with each other
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Choices, as records of the consent topic, one JSON object a line
    #[arg(long, value_name = "FILE")]
    consent: Option<PathBuf>,
    /// The time that counts as now, RFC 3339
    #[arg(long, value_name = "TIME")]
    now: Option<jiff::Timestamp>,
}

/// Runs the verb.
pub(in crate::cli) fn run(args: ApplyArgs) -> Exit {
    match apply(&args) {
        Ok(exit) | Err(Stop::Exit(exit)) => exit,
        // Whoever reads our output had enough.
        Err(Stop::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(Stop::Io(error)) => {
            let _ = writeln!(anstream::stderr(), "cannot go on: {error}");
            Exit::Failure
        }
    }
}

enum Stop {
    Exit(Exit),
    Io(io::Error),
}

impl From<Exit> for Stop {
    fn from(exit: Exit) -> Stop {
        Stop::Exit(exit)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

fn apply(args: &ApplyArgs) -> Result<Exit, Stop> {
    let policy = load::policy(&args.policy)?;
    let mut talk = anstream::stderr();
    let route = match &args.route {
        None => None,
        Some(topic) => Some(policy.routes.iter().position(|route| route.topic == *topic).ok_or_else(|| {
            let topics: Vec<&str> = policy.routes.iter().map(|route| route.topic.as_str()).collect();
            let _ = writeln!(talk, "the policy has no such route; it has: {}", topics.join(", "));
            Exit::Usage
        })?),
    };
    let offline = Offline::new(policy, args.keys.as_deref(), args.consent.as_deref(), args.now, true)?;
    let report = stream(args, &offline.engine, &offline.facts, route, &mut io::stdin().lock())?;
    summary::write(&mut talk, offline.engine.policy(), &report)?;
    Ok(if report.quarantined() > 0 { Exit::Findings } else { Exit::Fine })
}

fn stream(
    args: &ApplyArgs,
    engine: &Engine,
    facts: &Facts,
    route: Option<usize>,
    input: &mut impl BufRead,
) -> Result<Report, io::Error> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut talk = anstream::stderr();
    let (mut work, mut report) = (Work::new(), Report::new(engine));
    let (mut line, mut text, mut number) = (Vec::new(), Vec::new(), 0);
    let topic = engine.policy().input.topics.first().map_or("", String::as_str);
    while input.read_until(b'\n', &mut line)? > 0 {
        number += 1;
        let value = line.trim_ascii_end();
        if value.is_empty() {
            line.clear();
            continue;
        }
        let plain = offline::plain(topic, number, facts.now_ms, value);
        if args.records {
            match OwnedRecord::parse(value) {
                Ok(owned) => owned
                    .with(topic, facts.now_ms, |record| engine.process(record, facts, &mut work, &mut report))
                    .map_err(io::Error::other)?,
                Err(_) => engine.refuse(&plain, QuarantineReason::InvalidJson, &mut work, &mut report),
            }
        } else {
            engine.process(&plain, facts, &mut work, &mut report).map_err(io::Error::other)?;
        }
        for note in work.notes() {
            let event = note.index().map_or(String::new(), |index| format!(", event {index}"));
            writeln!(talk, "line {number}{event}: quarantined: {}", note.reason())?;
        }
        text.clear();
        for output in work.outputs().filter(|output| route.is_none_or(|route| output.route() == route)) {
            if args.records {
                records::write(&output, &mut text);
            } else if route.is_some() {
                records::write_value(&output, &mut text);
                text.push(b'\n');
            } else {
                text.extend_from_slice(b"{\"route\":");
                write_string(output.topic(), &mut text);
                text.extend_from_slice(b",\"value\":");
                records::write_value(&output, &mut text);
                text.extend_from_slice(b"}\n");
            }
        }
        out.write_all(&text)?;
        line.clear();
    }
    out.flush()?;
    Ok(report)
}
