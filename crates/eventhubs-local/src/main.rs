//! The server as a program: serves until SIGTERM or SIGINT, then exits 0.

mod cli;
mod config;
mod control;
mod security;
mod units;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use eventhubs_local::StartError;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Large buffers come and go with every batch; this allocator does not give their pages back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A configuration that cannot be, as other programs of its kind say it.
const CONFIG: u8 = 78;
const UNAVAILABLE: u8 = 69;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let plan = match cli::Args::parse().plan() {
        Ok(plan) => plan,
        Err(error) => return fail(&error, CONFIG),
    };
    for key in &plan.ignored {
        eprintln!("eventhubs-local: `{key}` has no effect here and is ignored");
    }
    match serve(plan).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error, code(&*error)),
    }
}

fn code(error: &(dyn std::error::Error + 'static)) -> u8 {
    match error.downcast_ref() {
        Some(StartError::Hub { .. } | StartError::Namespace { .. }) => CONFIG,
        _ => UNAVAILABLE,
    }
}

fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("eventhubs-local: {error}");
    ExitCode::from(code)
}

/// Says it on standard output. Who cannot be told can still be served: a full disk or a closed pipe ends nothing.
fn tell(line: std::fmt::Arguments<'_>) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}") {
        // Standard error may be full, too.
        drop(writeln!(
            std::io::stderr(),
            "eventhubs-local: cannot write to standard output: {error}"
        ));
    }
}

async fn serve(plan: cli::Plan) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Arc::new(plan.builder.start()?);
    let control = match plan.control {
        Some(address) => Some(control::listen(&address, Arc::clone(&server)).await?),
        None => None,
    };
    tell(format_args!("listening on {}: {}", server.addr(), server.connection_string()));
    if let Some(address) = control {
        tell(format_args!("control on http://{address}/"));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    server.stop();
    Ok(())
}
