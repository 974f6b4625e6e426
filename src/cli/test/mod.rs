//! `tamis test`: runs the cases that stand beside a policy through the engine, and shows where they differ.
//!
//! Cases are made-up events, so what they give is printed whole; do not put real events into them. Token keys are fixed
//! (anyone can compute them), so that a case can say which token it expects.

mod cases;
mod run;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::{Exit, load};
use crate::engine::Engine;
use cases::CaseFile;

/// Arguments of `tamis test`.
#[derive(Args)]
pub(in crate::cli) struct TestArgs {
    /// Policies, each with its cases beside it (`web.yaml`, `web.cases.yaml`), or files of cases
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Name every case, not only those that fail
    #[arg(long)]
    list: bool,
}

/// Runs the verb.
pub(in crate::cli) fn run(args: TestArgs) -> Exit {
    let mut worst = Exit::Fine;
    for file in &args.files {
        match run_file(file, args.list) {
            Ok(exit) => worst = if exit as u8 > worst as u8 { exit } else { worst },
            // Whoever reads our output had enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::Fine,
            Err(error) => {
                let _ = writeln!(anstream::stderr(), "cannot go on: {error}");
                return Exit::Failure;
            }
        }
    }
    worst
}

fn run_file(named: &Path, list: bool) -> io::Result<Exit> {
    let path = cases_of(named);
    let bytes = match load::file(&path) {
        Ok(bytes) => bytes,
        Err(exit) => return Ok(exit),
    };
    let mut talk = anstream::stderr();
    let file = match CaseFile::read(&bytes) {
        Ok(file) => file,
        Err(problem) => {
            writeln!(talk, "{}: {problem}", path.display())?;
            return Ok(Exit::Usage);
        }
    };
    let policy = path.parent().unwrap_or(Path::new("")).join(&file.policy);
    let policy = match load::policy(&policy) {
        Ok(policy) => policy,
        Err(exit) => return Ok(exit),
    };
    let engine = match Engine::new(policy) {
        Ok(engine) => engine,
        Err(error) => {
            writeln!(talk, "{error}")?;
            return Ok(Exit::Usage);
        }
    };
    let mut out = anstream::stdout();
    let mut failed = 0;
    for case in &file.cases {
        let differences = run::case(&engine, &file, case);
        if differences.is_empty() {
            if list {
                writeln!(out, "ok      {}", case.name)?;
            }
            continue;
        }
        failed += 1;
        writeln!(out, "FAILED  {}", case.name)?;
        for difference in differences {
            writeln!(out, "{difference}")?;
        }
    }
    let ran = file.cases.len();
    let passed = ran - failed;
    writeln!(out, "{}: {passed} of {ran} cases as expected", engine.policy().name)?;
    Ok(if failed > 0 { Exit::Findings } else { Exit::Fine })
}

/// `web.yaml` → `web.cases.yaml`; a file of cases is itself.
fn cases_of(named: &Path) -> PathBuf {
    let name = named.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.ends_with(".cases.yaml") || name.ends_with(".cases.yml") {
        return named.to_owned();
    }
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or(name);
    named.with_file_name(format!("{stem}.cases.yaml"))
}
