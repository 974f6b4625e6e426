//! `tamis check`: is a policy right, and what does it say?
//!
//! Needs no broker, no keys and no network. All problems of all files come at once, on stdout: they are the answer. The
//! files are read as they would run together, so what they share or contradict is found too.

mod register;
mod show;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Exit, load};
use crate::engine::policy::problem::Severity;
use crate::engine::policy::{Reading, SourceFile, place, read, render, schema};
use register::Register;

/// What is asked.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CheckArgs {
    /// Policy files that are to run together
    #[arg(required_unless_present = "schema")]
    files: Vec<PathBuf>,
    /// Print what becomes of each field on each route, and for which purposes
    #[arg(long)]
    table: bool,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
    /// Print the table as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// The day on which presets are looked at, RFC 3339; today unless said
    #[arg(long, value_name = "TIME")]
    now: Option<jiff::Timestamp>,
    /// Print the JSON Schema of policy files and do nothing else
    #[arg(long, conflicts_with_all = ["files", "table", "json", "markdown"])]
    schema: bool,
}

/// Runs it. A closed pipe is nobody's problem.
pub(in crate::cli) fn run(args: CheckArgs) -> Exit {
    let mut answer = Vec::new();
    let exit = match check(&args, io::stdout().is_terminal(), &mut answer) {
        Ok(exit) | Err(exit) => exit,
    };
    let mut out = anstream::stdout();
    match out.write_all(&answer).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Failure,
        _ => exit,
    }
}

fn check(args: &CheckArgs, color: bool, out: &mut Vec<u8>) -> Result<Exit, Exit> {
    if args.schema {
        json_line(out, &schema());
        return Ok(Exit::Fine);
    }
    let mut files = Vec::new();
    for path in &args.files {
        files.push(SourceFile::from_bytes(path.display().to_string(), &load::file(path)?));
    }
    let reading = read(&files);
    let today = today(args.now);
    overdue(&reading, &today);
    let registers: Vec<Register<'_>> = if args.table || args.markdown || args.json {
        reading.policies.iter().filter_map(|policy| Register::of(policy, &reading)).collect()
    } else {
        Vec::new()
    };
    if args.json {
        json_line(out, &answer(args, &reading, &files, &registers, &today));
    } else {
        out.extend_from_slice(render(&reading.problems, &files, color).as_bytes());
        for register in &registers {
            if !out.is_empty() {
                out.push(b'\n');
            }
            let text = if args.markdown { show::markdown(register) } else { show::text(register) };
            out.extend_from_slice(text.as_bytes());
        }
        if registers.is_empty() {
            out.extend_from_slice(verdict(&reading, &files).as_bytes());
        }
    }
    Ok(if reading.has_errors() { Exit::Findings } else { Exit::Fine })
}

/// The last line: how it stands.
fn verdict(reading: &Reading, files: &[SourceFile]) -> String {
    let count = |severity| reading.problems.iter().filter(|problem| problem.severity() == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    let mut text = String::new();
    if !reading.problems.is_empty() {
        let say = |count: usize, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            _ => Some(format!("{count} {what}s")),
        };
        let parts = [say(errors, "error"), say(warnings, "warning"), say(notes, "note")];
        text.push_str(&format!("\n{}\n", parts.into_iter().flatten().collect::<Vec<_>>().join(", ")));
    }
    for (policy, file) in reading.policies.iter().zip(files) {
        let (routes, rules) = (policy.routes.len(), policy.rules.len());
        text.push_str(&format!(
            "{}: policy {}, {routes} route{}, {rules} rule{}, digest {}\n",
            file.name,
            policy.name,
            if routes == 1 { "" } else { "s" },
            if rules == 1 { "" } else { "s" },
            policy.digest
        ));
    }
    text
}

/// A day as presets write it; they compare as texts.
fn today(now: Option<jiff::Timestamp>) -> String {
    now.unwrap_or_else(jiff::Timestamp::now).strftime("%Y-%m-%d").to_string()
}

/// Says which presets should have been read again. It stops nobody: the law of a day does not end on it.
fn overdue(reading: &Reading, today: &str) {
    let mut talk = anstream::stderr();
    for policy in reading.policies.iter().filter(|policy| policy.law.preset.is_overdue(today)) {
        let preset = &policy.law.preset;
        let (policy, name, by) = (&policy.name, &preset.name, &preset.review_by);
        let _ =
            writeln!(talk, "warning: policy {policy}: preset {name} was to be reviewed by {by}; is there a newer one?");
    }
}

fn answer(args: &CheckArgs, reading: &Reading, files: &[SourceFile], registers: &[Register<'_>], today: &str) -> Value {
    let label = |label: &crate::engine::policy::problem::Label| {
        let at = place(label.span, files);
        json!({"file": at.file, "line": at.line, "column": at.column, "text": label.text})
    };
    let problems: Vec<Value> = reading
        .problems
        .iter()
        .map(|problem| {
            json!({
                "code": problem.code.as_str(),
                "severity": problem.severity().as_str(),
                "message": problem.message,
                "at": label(&problem.at),
                "others": problem.others.iter().map(label).collect::<Vec<_>>(),
                "help": problem.help,
            })
        })
        .collect();
    let policies: Vec<Value> = registers.iter().map(|register| show::json(register, args.table, today)).collect();
    json!({"ok": !reading.has_errors(), "problems": problems, "policies": policies})
}

fn json_line(out: &mut Vec<u8>, value: &Value) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}
