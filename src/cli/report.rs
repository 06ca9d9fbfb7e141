//! `vouch report`.

use super::reports::{self, ReportFile};
use super::{Done, show};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// A run record.
    record: PathBuf,

    /// Make a report: a format (docs/reports.md lists them), and a file or `-` for standard output. May be repeated.
    #[arg(long = "report", value_name = "FORMAT=FILE", required = true)]
    reports: Vec<ReportFile>,
}

pub fn run(args: &Args) -> Done {
    let record = show::read(&args.record)?;
    reports::write(&args.reports, &record)?;
    Ok(ExitCode::SUCCESS)
}
