//! `vouch merge`.

use super::reports::{self, ReportFile};
use super::stdout::Out;
use super::{CliError, Done, show};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vouch_report::{Console, Detail};
use vouch_runner::record::{NamedRecord, RecordWriter, RunRecord, merge};
use vouch_runner::report::print_stderr;

#[derive(clap::Args)]
pub struct Args {
    /// The records of all shards of one run, in any order.
    #[arg(required = true, value_name = "RECORDS")]
    records: Vec<PathBuf>,

    /// Write the record of the whole run here.
    #[arg(long, value_name = "FILE")]
    record: PathBuf,

    /// Make a report beside the console's: a format (docs/reports.md lists them), and a file or `-` for standard output. May be repeated.
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<ReportFile>,

    /// Report every case, also those that pass.
    #[arg(short, long)]
    verbose: bool,

    /// Show every finding in full.
    #[arg(long)]
    full: bool,
}

/// Writes the merged record and shows it as the whole run would have been shown. The exit code is that of the whole run.
pub fn run(args: &Args) -> Done {
    if args.records.iter().any(|path| is_same_file(path, &args.record)) {
        let what = format!("--record {} would replace one of the records to merge", args.record.display());
        return Err(CliError::Usage(what));
    }
    let read = |path: &PathBuf| Ok(NamedRecord { path: path.clone(), record: show::read(path)? });
    let shards = args.records.iter().map(read).collect::<Result<Vec<_>, CliError>>()?;
    let merged = merge(shards).map_err(|error| CliError::Usage(error.to_string()))?;
    reports::check_writable(&args.reports)?;
    write(&args.record, &merged)?;
    // What is reported is what the file says, with its digest.
    let merged = show::read(&args.record)?;
    if !args.reports.iter().any(ReportFile::is_stdout) {
        let detail = Detail { every_case: args.verbose, every_finding: args.full };
        merged.replay(&mut Console::new(Out, detail, console::colors_enabled()))?;
    }
    reports::write(&args.reports, &merged)?;
    print_stderr(format!("run record: {}", args.record.display()));
    Ok(ExitCode::from(merged.summary().outcome().exit_code()))
}

fn write(path: &Path, record: &RunRecord) -> Result<(), CliError> {
    let write = || record.replay(&mut RecordWriter::create(path)?);
    write().map_err(|error| CliError::Environment(format!("cannot write the run record {}: {error}", path.display())))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(one) == real(other)
}
