//! `vouch capture`.

mod installation;

use super::Done;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: CaptureCommand,
}

#[derive(clap::Subcommand)]
enum CaptureCommand {
    /// Store what a build leaves on its device, so that updates from it can be tested without that build.
    Installation(installation::Args),
}

pub fn run(args: &Args) -> Done {
    match &args.command {
        CaptureCommand::Installation(args) => installation::run(args),
    }
}
