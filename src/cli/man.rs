//! `vouch man`.

use super::stdout::Out;
use super::{Cli, CliError, Done};
use clap::CommandFactory;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// The folder to write into, for example ~/.local/share/man/man1. It is created if it is missing.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub fn run(args: &Args) -> Done {
    let write = || {
        std::fs::create_dir_all(&args.folder)?;
        clap_mangen::generate_to(Cli::command(), &args.folder)?;
        Ok(std::fs::read_dir(&args.folder)?.count())
    };
    let pages = write().map_err(|error: std::io::Error| {
        CliError::Environment(format!("cannot write the man pages to {}: {error}", args.folder.display()))
    })?;
    writeln!(
        Out,
        "{} has {pages} files; `man {}` shows the first page",
        args.folder.display(),
        args.folder.join("vouch.1").display()
    )?;
    Ok(ExitCode::SUCCESS)
}
