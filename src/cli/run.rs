//! `tamis run`: the pipeline of a deployment file, until SIGTERM or SIGINT.
//!
//! Everything that can be known before the first record is checked first, and told at once: the deployment file, its
//! policies, the keys, then the brokers. Exit 64 for what a file says, 2 for what the world says.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

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
    match start(&args).and_then(serve) {
        Ok(()) => Exit::Fine,
        Err(exit) => exit,
    }
}

fn start(args: &RunArgs) -> Result<Service, Exit> {
    let config = config::read(&args.config).map_err(|problems| {
        say(&problems.render(std::io::stderr().is_terminal()));
        Exit::Usage
    })?;
    logs::start(config.log);
    let policies = load::policies(&config.policies)?;
    look_at_brokers(&config, &policies)?;
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
    Ok(service)
}

fn look_at_brokers(config: &Config, policies: &[Policy]) -> Result<(), Exit> {
    let borrowed: Vec<&Policy> = policies.iter().collect();
    preflight::check(config, &borrowed).map_err(|problems| {
        for problem in &problems {
            say(&problem.to_string());
        }
        Exit::Failure
    })
}

/// Waits for a signal to stop, looking after the service meanwhile.
fn serve(mut service: Service) -> Result<(), Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        say(&format!("cannot wait for signals: {error}"));
        Exit::Failure
    })?;
    let waited = runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = second.tick() => service.tick()?,
            }
        }
    });
    if let Err(trouble) = waited {
        let trouble: String = trouble;
        tracing::error!("{trouble}");
        return Err(Exit::Failure);
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
