//! `vouch diff`.

use super::stdout::Out;
use super::{Done, show};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// The run record of the old build.
    old: PathBuf,

    /// The run record of the new build.
    new: PathBuf,
}

/// Prints what changed. The exit code is 1 if the new build fails a case that the old one passed.
pub fn run(args: &Args) -> Done {
    let diff = vouch_report::diff(&show::read(&args.old)?, &show::read(&args.new)?);
    Out.write_all(diff.to_text().as_bytes())?;
    Out.flush()?;
    Ok(ExitCode::from(u8::from(diff.has_regression())))
}
