//! `vouch completions`.

use super::stdout::Out;
use super::{Cli, Done};
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// The shell to write for.
    shell: Shell,
}

pub fn run(args: &Args) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "vouch", &mut script);
    Out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
