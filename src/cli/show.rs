//! `vouch show`.

use super::stdout::Out;
use super::{CliError, Done};
use std::path::PathBuf;
use std::process::ExitCode;
use vouch_report::{Console, Detail};
use vouch_runner::record::RunRecord;
use vouch_runner::report::print_stderr;

#[derive(clap::Args)]
pub struct Args {
    /// A run record (`vouch run` says where it writes it).
    record: PathBuf,

    /// Report every case, also those that pass.
    #[arg(short, long)]
    verbose: bool,

    /// Show every finding in full.
    #[arg(long)]
    full: bool,
}

/// Prints what the console showed. The exit code is that of the run.
pub fn run(args: &Args) -> Done {
    let record = read(&args.record)?;
    let detail = Detail { every_case: args.verbose, every_finding: args.full };
    record.replay(&mut Console::new(Out, detail, console::colors_enabled()))?;
    if record.written_summary.is_none() {
        print_stderr("vouch: the record ends early: the run was killed");
    }
    Ok(ExitCode::from(record.summary().outcome().exit_code()))
}

/// Reads a record that is named on the command line.
pub fn read(path: &std::path::Path) -> Result<RunRecord, CliError> {
    RunRecord::read(path).map_err(|error| CliError::Usage(error.to_string()))
}
