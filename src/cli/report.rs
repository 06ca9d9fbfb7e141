//! `vouch report`.

use super::{Done, reports, show};
use std::path::PathBuf;
use std::process::ExitCode;
use vouch_load::record::LoadRecord;

#[derive(clap::Args)]
pub struct Args {
    /// The record of a run or a load.
    record: PathBuf,

    /// Make a report: a format (docs/reports.md lists them), and a file or `-` for standard output. May be repeated.
    #[arg(long = "report", value_name = "FORMAT=FILE", required = true)]
    reports: Vec<String>,
}

pub fn run(args: &Args) -> Done {
    if LoadRecord::is_in(&args.record) {
        reports::write_of_load(&args.reports, &args.record, &show::read_load(&args.record)?)?;
    } else {
        reports::write_of_run(&args.reports, &args.record, &show::read(&args.record)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
