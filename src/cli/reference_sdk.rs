//! `vouch reference-sdk`.

use super::{CliError, Done, mutant, runtime};
use std::process::ExitCode;
use std::sync::Arc;
use vouch_sim::mutant::Mutation;
use vouch_sim::reference::adapter::{ReferenceSdk, SdkFactory, TimeSource, serve};
use vouch_sim::reference::sdk::ports::ProcessLifetime;

#[derive(clap::Args)]
pub struct Args {
    /// Do not claim the capability `clock`; use the machine's clock.
    #[arg(long)]
    no_clock: bool,

    /// Run the SDK mutant with this name, as listed by `vouch mutants`.
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
}

pub fn run(args: &Args) -> Done {
    let assembly: Arc<dyn SdkFactory> = match &args.mutant {
        None => Arc::new(ReferenceSdk),
        Some(name) => match mutant(name)?.mutation {
            Mutation::Sdk(assembly) => assembly,
            other => {
                return Err(CliError::Usage(format!("`{name}` is a mutant of the {}, not of the SDK", other.word())));
            }
        },
    };
    let locale = std::env::var("LANG").unwrap_or_default();
    let assembly = assembly.in_locale(&locale).unwrap_or(assembly);
    let time = if args.no_clock { TimeSource::System } else { TimeSource::Harness };
    let runtime = runtime()?;
    runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout(), assembly, time, ProcessLifetime::default()));
    // The reader of standard input cannot be joined while it waits.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}
