//! `tamis run`: the pipeline of a deployment file, until SIGTERM or SIGINT.
//!
//! Everything that can be known before the first record is checked first, and told at once: the deployment file, its
//! policies, the keys, then the brokers. Exit 64 for what a file says, 2 for what the world says.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::{Exit, load};
use crate::config::{self, Config};
use crate::engine::policy::model::Policy;
use crate::runtime::kafka::preflight;
use crate::runtime::logs;
use crate::runtime::service::{Service, Unfit};

/// How long a stop may take; orchestrators wait 10 s at least before they kill.
const STOP: Duration = Duration::from_secs(9);

/// Arguments of `tamis run`.
#[derive(Args)]
pub(in crate::cli) struct RunArgs {
    /// The deployment file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the pipeline.
pub(in crate::cli) fn run(args: RunArgs) -> Exit {
    let done = Signals::new().and_then(|mut signals| match start(&args, &mut signals)? {
        Some(service) => serve(service, &mut signals),
        None => Ok(()),
    });
    match done {
        Ok(()) => Exit::Fine,
        Err(exit) => exit,
    }
}

/// SIGTERM and SIGINT, heard from before the first look at the brokers.
struct Signals {
    runtime: tokio::runtime::Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Signals, Exit> {
        let cannot = |error: std::io::Error| {
            say(&format!("cannot wait for signals: {error}"));
            Exit::Failure
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
        let heard =
            runtime.block_on(async { Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)) });
        let (terminate, interrupt) = heard.map_err(cannot)?;
        Ok(Signals { runtime, terminate, interrupt })
    }

    /// Waits so long, but no longer than until we are asked to stop, now or at any time before.
    fn asked(&mut self, wait: Duration) -> bool {
        let (terminate, interrupt) = (&mut self.terminate, &mut self.interrupt);
        self.runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => true,
                _ = interrupt.recv() => true,
                () = tokio::time::sleep(wait) => false,
            }
        })
    }
}

/// `None`: asked to stop before it began.
fn start(args: &RunArgs, signals: &mut Signals) -> Result<Option<Service>, Exit> {
    let config = config::read(&args.config).map_err(|problems| {
        say(&problems.render(std::io::stderr().is_terminal()));
        Exit::Usage
    })?;
    logs::start(config.log);
    let policies = load::policies(&config.policies)?;
    let Some((config, policies)) = look_at_brokers(config, policies, signals)? else {
        tracing::info!("stopped before it began");
        return Ok(None);
    };
    let names: Vec<String> = policies.iter().map(|policy| format!("{} {:.12}", policy.name, policy.digest)).collect();
    let service = Service::start(&config, policies).map_err(|unfit| {
        say(&unfit.to_string());
        match unfit {
            Unfit::Keys(_) | Unfit::TooComplex(_) => Exit::Usage,
            Unfit::Other(_) => Exit::Failure,
        }
    })?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        group = %config.group,
        instance = %config.instance,
        workers = config.workers,
        policies = %names.join(", "),
        admin = %service.admin(),
        "runs"
    );
    Ok(Some(service))
}

/// Preflight, which may wait long for brokers, on a thread of its own so that a stop need not wait for it.
fn look_at_brokers(
    config: Config,
    policies: Vec<Policy>,
    signals: &mut Signals,
) -> Result<Option<(Config, Vec<Policy>)>, Exit> {
    let look = move || {
        let found = preflight::check(&config, &policies.iter().collect::<Vec<_>>());
        (found, config, policies)
    };
    let looking = std::thread::Builder::new().name("preflight".to_owned()).spawn(look).map_err(|error| {
        say(&format!("cannot start a thread: {error}"));
        Exit::Failure
    })?;
    while !looking.is_finished() {
        if signals.asked(Duration::from_millis(20)) {
            return Ok(None);
        }
    }
    // The log says where it panicked.
    let (found, config, policies) = looking.join().map_err(|_| Exit::Failure)?;
    match found {
        Ok(()) => Ok(Some((config, policies))),
        Err(problems) => {
            for problem in &problems {
                say(&problem.to_string());
            }
            Err(Exit::Failure)
        }
    }
}

/// Waits for a signal to stop, looking after the service meanwhile.
fn serve(mut service: Service, signals: &mut Signals) -> Result<(), Exit> {
    while !signals.asked(Duration::from_secs(1)) {
        if let Err(trouble) = service.tick() {
            tracing::error!("{trouble}");
            return Err(Exit::Failure);
        }
    }
    tracing::info!("stops");
    if service.stop(STOP) {
        tracing::info!("has stopped");
        Ok(())
    } else {
        tracing::error!("did not stop in time; what was not committed is read again by the next start");
        Err(Exit::Failure)
    }
}

fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
