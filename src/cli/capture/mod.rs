//! `vouch capture`.

mod installation;
mod session;

use super::Done;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<CaptureCommand>,

    #[command(flatten)]
    session: session::Args,
}

#[derive(clap::Subcommand)]
enum CaptureCommand {
    /// Store what a build leaves on its device, so that updates from it can be tested without that build.
    Installation(installation::Args),
}

/// Captures the traffic of a session, or an installation.
pub fn run(args: &Args) -> Done {
    match &args.command {
        Some(CaptureCommand::Installation(args)) => installation::run(args),
        None => session::run(&args.session),
    }
}
