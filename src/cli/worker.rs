//! `vouch worker`.

use super::signals::{INTERRUPTED, interrupts};
use super::stdout::Out;
use super::{CliError, Done, runtime, target};
use crate::cli::load::shared::{profile, tls};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use vouch_load::locust::{EngineParts, WaitTime, WorkerEvent, WorkerExit, WorkerOptions, run_worker};
use vouch_runner::report::print_stderr;

#[derive(clap::Args)]
pub struct Args {
    /// Address of the Locust master.
    #[arg(short, long, value_name = "HOST:PORT", default_value = "127.0.0.1:5557")]
    master: String,

    /// The load file: installations, tokens, realm, your own workloads. Default: the file of the master's --vouch-load.
    #[arg(short, long, value_name = "FILE")]
    load: Option<PathBuf>,

    /// The target file. The load goes to its cloud, and through its backend if it has one. Default: Vouch starts the mock
    /// cloud and loads it.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// Pause of a user before it repeats its workload: "500ms", "1s..3s". Default: the master's --vouch-wait, else one
    /// second.
    #[arg(short, long, value_name = "TIME")]
    wait: Option<WaitTime>,

    /// How long the worker tries to reach the master before it exits.
    #[arg(long, value_name = "TIME", default_value = "5m")]
    connect_timeout: humantime::Duration,

    /// The wire profile, if the target file names none: junction, gcip or standard.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// A PEM file with CA certificates to trust in addition to those of the operating system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

pub fn run(args: &Args) -> Done {
    let port = args.master.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        return Err(CliError::Usage(format!(
            "`{}` is not an address; write HOST:PORT, for example 127.0.0.1:5557",
            args.master
        )));
    }
    let target = target(args.target.as_deref())?;
    let profile = profile(args.profile.as_deref(), &target)?;
    if let Some(path) = args.load.as_ref().filter(|path| !path.is_file()) {
        return Err(CliError::Usage(format!("there is no load file {}", path.display())));
    }
    let tls = tls(args.ca.as_deref(), &target, &[])?;
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
        // A failed write is ignored: the master has the statistics too.
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
