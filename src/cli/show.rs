//! `vouch show`.

use super::load::shared::exit_code;
use super::stdout::Out;
use super::{CliError, Done};
use std::path::PathBuf;
use std::process::ExitCode;
use vouch_load::record::LoadRecord;
use vouch_report::{Console, Detail};
use vouch_runner::record::RunRecord;
use vouch_runner::report::print_stderr;

#[derive(clap::Args)]
pub struct Args {
    /// The record of a run or a load (`vouch run` and `vouch load` say where they write it).
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
    if LoadRecord::is_in(&args.record) {
        let record = read_load(&args.record)?;
        record.write_summary(&mut Out, console::colors_enabled())?;
        return Ok(exit_code(&record));
    }
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

/// Reads the record of a load that is named on the command line.
pub fn read_load(path: &std::path::Path) -> Result<LoadRecord, CliError> {
    LoadRecord::read(path).map_err(|error| CliError::Usage(error.to_string()))
}
