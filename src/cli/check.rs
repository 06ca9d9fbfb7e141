//! `vouch check`.

use super::stdout::Out;
use super::{Done, Selection, plan, target};
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
    // Both are read before either result is reported, so that one call shows every problem.
    let (plan, target) = (plan(&args.selection), target(args.target.as_deref()));
    if let (Err(first), Err(second)) = (&plan, &target)
        && let (super::CliError::Files(first), super::CliError::Files(second)) = (first, second)
    {
        let all = first.0.iter().chain(&second.0).cloned().collect();
        return Err(super::CliError::Files(vouch_spec::text::Diagnostics(all)));
    }
    let plan = plan?;
    target?;
    writeln!(Out, "{} cases: no problems found", plan.cases.len())?;
    Ok(ExitCode::SUCCESS)
}
