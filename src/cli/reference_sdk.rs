//! `vouch reference-sdk`.

use super::{Done, runtime};
use crate::reference::adapter::{Reference, TimeSource, serve};
use crate::reference::sdk::ports::Life;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Args)]
pub struct Args {
    /// Do not claim `clock`: live in the machine's own time.
    #[arg(long)]
    no_clock: bool,
}

pub fn run(args: &Args) -> Done {
    let time = if args.no_clock { TimeSource::System } else { TimeSource::Harness };
    let runtime = runtime()?;
    runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout(), Arc::new(Reference), time, Life::default()));
    // The reader of standard input cannot be joined while it waits.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}
