//! `tamis explain`: why each event came out as it did, for people and for machines.
//!
//! The same engine as `apply` and `run`; what is printed are names of the policy and of the preset, dates, reasons and
//! counts. Values are printed only when asked for, and then only to a terminal.

mod answer;
mod text;
mod words;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;

use crate::cli::offline::{self, Offline};
use crate::cli::records::{self, OwnedRecord};
use crate::cli::{Exit, load};
use crate::engine::Work;
use crate::engine::outcome::QuarantineReason;
use crate::engine::report::Report;

/// Arguments of `tamis explain`.
#[derive(Args)]
pub(in crate::cli) struct ExplainArgs {
    /// The policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Choices, as records of the consent topic, one JSON object a line
    #[arg(long, value_name = "FILE")]
    consent: Option<PathBuf>,
    /// Token keys; they matter only where the key of an event's time may be gone
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The time that counts as now, RFC 3339
    #[arg(long, value_name = "TIME")]
    now: Option<jiff::Timestamp>,
    /// Read whole records as JSON, one a line, instead of values
    #[arg(long)]
    records: bool,
    /// Answer as JSON, one event a line
    #[arg(long)]
    json: bool,
    /// Also print what came in and what goes out; only on a terminal
    #[arg(long, conflicts_with = "json")]
    show_values: bool,
}

/// Runs the verb.
pub(in crate::cli) fn run(args: ExplainArgs) -> Exit {
    let mut talk = anstream::stderr();
    if args.show_values && !io::stdout().is_terminal() {
        let _ = writeln!(talk, "--show-values prints to a terminal only: what is redirected here would be kept");
        return Exit::Usage;
    }
    let offline = match load::policy(&args.policy)
        .and_then(|policy| Offline::new(policy, args.keys.as_deref(), args.consent.as_deref(), args.now, false))
    {
        Ok(offline) => offline,
        Err(exit) => return exit,
    };
    match explain(&args, &offline, &mut io::stdin().lock()) {
        Ok(exit) => exit,
        // Whoever reads our output had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => {
            let _ = writeln!(talk, "cannot go on: {error}");
            Exit::Failure
        }
    }
}

fn explain(args: &ExplainArgs, offline: &Offline, input: &mut impl BufRead) -> Result<Exit, io::Error> {
    let Offline { engine, facts } = offline;
    let mut out = io::BufWriter::new(anstream::stdout());
    let (mut work, mut report) = (Work::new(), Report::new(engine));
    let (mut line, mut number) = (Vec::new(), 0);
    let topic = engine.policy().input.topics.first().map_or("", String::as_str);
    while input.read_until(b'\n', &mut line)? > 0 {
        number += 1;
        let value = line.trim_ascii_end();
        if value.is_empty() {
            line.clear();
            continue;
        }
        let plain = offline::plain(topic, number, facts.now_ms, value);
        let owned = if args.records { OwnedRecord::parse(value).map(Some) } else { Ok(None) };
        let explained = match owned {
            Ok(None) => engine.explain(&plain, facts, &mut work, &mut report),
            Ok(Some(owned)) => {
                owned.with(topic, facts.now_ms, |record| engine.explain(record, facts, &mut work, &mut report))
            }
            Err(_) => Ok(engine.explain_refused(&plain, QuarantineReason::InvalidJson, &mut work, &mut report)),
        };
        for explained in explained.map_err(io::Error::other)? {
            if args.json {
                writeln!(out, "{}", answer::json(engine.policy(), facts.now_ms, number, &explained))?;
                continue;
            }
            if report.records() > 1 || explained.index.is_some_and(|index| index > 0) {
                writeln!(out)?;
            }
            out.write_all(text::event(engine.policy(), facts.now_ms, number, &explained).as_bytes())?;
            if args.show_values {
                show(value, &work, explained.index, &mut out)?;
            }
        }
        out.flush()?;
        line.clear();
    }
    Ok(if report.quarantined() > 0 { Exit::Findings } else { Exit::Fine })
}

/// What came in, and what goes out on each route.
fn show(value: &[u8], work: &Work, index: Option<u32>, out: &mut impl Write) -> io::Result<()> {
    if index.unwrap_or(0) == 0 {
        writeln!(out, "\n  in   {}", String::from_utf8_lossy(value))?;
    }
    for output in work.outputs().filter(|output| Some(output.event()) == index) {
        let mut text = Vec::new();
        records::write_value(&output, &mut text);
        writeln!(out, "  out  {}  {}", output.topic(), String::from_utf8_lossy(&text))?;
    }
    Ok(())
}
