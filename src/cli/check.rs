//! `vouch check`.

use super::stdout::Out;
use super::{CliError, Done, Selection, target};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Also validate this target file.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,
}

pub fn run(args: &Args) -> Done {
    // Both are read before either is reported, so that one call shows all mistakes.
    let (plan, target) = (args.selection.plan().map_err(CliError::from), target(args.target.as_deref()));
    if let (Err(first), Err(second)) = (&plan, &target)
        && let (CliError::Files(first), CliError::Files(second)) = (first, second)
    {
        let all = first.0.iter().chain(&second.0).cloned().collect();
        return Err(CliError::Files(vouch_spec::text::Diagnostics(all)));
    }
    let plan = plan?;
    target?;
    writeln!(Out, "{} cases: no problems found", plan.cases.len())?;
    Ok(ExitCode::SUCCESS)
}
