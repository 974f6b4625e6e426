//! Structured logs on standard error: text for people or one JSON object a line.
//!
//! What may be logged: counts, codes, names from the configuration and the policies, and coordinates. Never anything of
//! a record. The trap: the standard panic hook prints the panic's message, and messages of slicing and `unwrap` quote
//! the value; ours prints the place only.

use std::io::Write;
use std::panic::PanicHookInfo;

use crate::config::{Log, LogFormat};

/// Starts logging and replaces the panic hook. The first call in a process counts, later ones change nothing.
pub fn start(log: Log) {
    let builder = tracing_subscriber::fmt().with_max_level(log.level).with_writer(std::io::stderr).with_target(false);
    let _ = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    hide_panic_messages();
}

/// Replaces the panic hook by one that says where, not what. For verbs that do not log, too.
pub fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|panic| report(panic, tracing::enabled!(tracing::Level::ERROR))));
}

fn report(panic: &PanicHookInfo<'_>, logging: bool) {
    let place =
        panic.location().map_or_else(|| "an unknown place".to_owned(), |at| format!("{}:{}", at.file(), at.line()));
    if logging {
        tracing::error!(place = %place, "panic: a fault of ours; its message is not shown, for it may quote a record");
    } else {
        // Nobody is left to tell if standard error is gone.
        let _ =
            writeln!(std::io::stderr(), "tamis: panic at {place}; its message is not shown, for it may quote a record");
    }
}
