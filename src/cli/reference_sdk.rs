//! `vouch reference-sdk`.

use super::{CliError, Done, mutant, runtime};
use std::process::ExitCode;
use std::sync::Arc;
use vouch_sim::mutant::Mutation;
use vouch_sim::reference::adapter::{Reference, SdkFactory, TimeSource, serve};
use vouch_sim::reference::sdk::ports::Life;

#[derive(clap::Args)]
pub struct Args {
    /// Do not claim `clock`: live in the machine's own time.
    #[arg(long)]
    no_clock: bool,

    /// Plant a fault first, by its name in `vouch mutants`: an SDK from outside that is known to be wrong.
    #[arg(long, value_name = "FAULT")]
    inject: Option<String>,
}

pub fn run(args: &Args) -> Done {
    let assembly: Arc<dyn SdkFactory> = match &args.inject {
        None => Arc::new(Reference),
        Some(name) => match mutant(name)?.role {
            Mutation::Sdk(assembly) => assembly,
            other => return Err(CliError::Usage(format!("`{name}` sits in the {}, not in the SDK", other.word()))),
        },
    };
    let time = if args.no_clock { TimeSource::System } else { TimeSource::Harness };
    let runtime = runtime()?;
    runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout(), assembly, time, Life::default()));
    // The reader of standard input cannot be joined while it waits.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}
