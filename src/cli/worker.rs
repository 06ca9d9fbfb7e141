//! `vouch worker`.

use super::signals::{INTERRUPTED, interrupts};
use super::stdout::Out;
use super::{CliError, Done, runtime, target};
use crate::cli::load::shared::profile;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use vouch_load::locust::{EngineParts, WaitTime, WorkerEvent, WorkerExit, WorkerOptions, run_worker};
use vouch_load::tls_config;
use vouch_runner::report::print_stderr;

#[derive(clap::Args)]
pub struct Args {
    /// Where the Locust master listens for workers.
    #[arg(short, long, value_name = "HOST:PORT", default_value = "127.0.0.1:5557")]
    master: String,

    /// The load file: fleet, tokens, realm, workloads of your own. Without it, the one of the master's --vouch-load.
    #[arg(short, long, value_name = "FILE")]
    load: Option<PathBuf>,

    /// The target file: its cloud gets the load, through its backend where it has one. Without it, the simulated cloud is
    /// started and gets it.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// How long a user pauses before its workload comes again: "500ms", "1s..3s". Without it, the master's --vouch-wait,
    /// or a second.
    #[arg(short, long, value_name = "TIME")]
    wait: Option<WaitTime>,

    /// How long the master may be out of reach before the worker ends.
    #[arg(long, value_name = "TIME", default_value = "5m")]
    connect_timeout: humantime::Duration,

    /// The wire profile, where the target file names none: junction, gcip or standard.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// A PEM file with certificates to trust besides the machine's own.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

pub fn run(args: &Args) -> Done {
    let port = args.master.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        return Err(CliError::Usage(format!(
            "`{}` names no master; write HOST:PORT, for example 127.0.0.1:5557",
            args.master
        )));
    }
    let target = target(args.target.as_deref())?;
    let profile = profile(args.profile.as_deref(), &target)?;
    if let Some(path) = args.load.as_ref().filter(|path| !path.is_file()) {
        return Err(CliError::Usage(format!("there is no load file {}", path.display())));
    }
    let tls = tls_config(args.ca.as_deref(), &[]).map_err(|error| CliError::Usage(error.to_string()))?;
    let options = WorkerOptions {
        master: args.master.clone(),
        load: args.load.clone(),
        wait: args.wait,
        connect_timeout: Duration::from(args.connect_timeout),
        engine_parts: EngineParts { target, profile, tls, program: super::program()? },
    };
    runtime()?.block_on(serve(options))
}

async fn serve(options: WorkerOptions) -> Done {
    let mut interrupted = interrupts();
    let mut on_event = |event: WorkerEvent| match event {
        WorkerEvent::Note(note) => print_stderr(format!("vouch worker: {note}")),
        // Who does not read the summaries has the master's.
        WorkerEvent::Summary(summary) => drop(writeln!(Out, "{summary}")),
    };
    match run_worker(options, &mut interrupted, &mut on_event).await {
        WorkerExit::Quit => Ok(ExitCode::SUCCESS),
        WorkerExit::Interrupted => Ok(ExitCode::from(INTERRUPTED)),
        WorkerExit::NoMaster(why) => {
            Err(CliError::Environment(format!("{why}; is the address right, and is Locust started with --master?")))
        }
    }
}
