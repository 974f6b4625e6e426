//! The command line: one file per verb, and the only place that prints.
//!
//! Answers go to stdout, talk to stderr. Exit codes are a contract: 0 fine, 1 findings, 2 failure, 64 bad usage or
//! configuration.

mod apply;
mod check;
mod choices;
mod consent;
mod explain;
mod keys;
mod load;
mod offline;
mod records;
mod run;
mod scan;
mod summary;
mod test;

pub mod demo;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a verb ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Fine = 0,
    /// It ran, and found something to look at: a problem in a policy, a quarantined event.
    Findings = 1,
    /// It could not do its work.
    Failure = 2,
    /// Bad usage, or a file that it was told to use is wrong.
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// A streaming data-minimization proxy for Kafka. It lets through only what the policy and the person's consent allow.
#[derive(Parser)]
#[command(name = "tamis", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Minimize events from stdin to stdout: the same engine, without Kafka
    Apply(apply::ApplyArgs),
    /// Check policies: all problems at once, and what becomes of each field
    Check(check::CheckArgs),
    /// What a consent string says, what of it counts, and why not
    Consent(consent::ConsentArgs),
    /// Why each event came out as it did: which law, which choice, which line of which file
    Explain(explain::ExplainArgs),
    /// The whole pipeline on an embedded broker, with made-up traffic, live in this terminal
    Demo(demo::DemoArgs),
    /// Run the pipeline of a deployment file: Kafka to Kafka, until SIGTERM or SIGINT
    Run(run::RunArgs),
    /// Make a file of token keys, or add keys to one
    Keys(keys::KeysArgs),
    /// What personal data is where in a sample, and a first policy for it
    Scan(scan::ScanArgs),
    /// Run the cases that stand beside a policy
    Test(test::TestArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    crate::runtime::logs::hide_panic_messages();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; everything else is bad usage. A closed pipe is nobody's problem.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Fine }.into();
        }
    };
    match cli.verb {
        Verb::Apply(args) => apply::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Consent(args) => consent::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Demo(args) => demo::run(&args),
        Verb::Run(args) => run::run(args),
        Verb::Keys(args) => keys::run(args),
        Verb::Scan(args) => scan::run(args),
        Verb::Test(args) => test::run(args),
    }
    .into()
}
