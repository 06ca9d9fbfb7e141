//! `vouch suite`.

use super::stdout::Out;
use super::{CliError, Done};
use crate::{Existing, ExportError, export};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Write the bundled suite into a folder: clauses, scenarios and wire snapshots.
    ///
    /// `vouch run FOLDER` then runs your copy, with your changes.
    Export {
        /// The folder. It must be empty, or not exist yet.
        folder: PathBuf,

        /// Write into a folder that is not empty, over files of the same names.
        #[arg(long)]
        force: bool,
    },
}

pub fn run(args: &Args) -> Done {
    let Command::Export { folder, force } = &args.command;
    let existing = if *force { Existing::Overwrite } else { Existing::Refuse };
    let files = export(folder, existing).map_err(|error| match error {
        ExportError::NotEmpty(_) => CliError::Usage(error.to_string()),
        ExportError::Io { .. } => CliError::Environment(error.to_string()),
    })?;
    writeln!(Out, "{files} files written; `vouch run {}` runs them", folder.display())?;
    Ok(ExitCode::SUCCESS)
}
