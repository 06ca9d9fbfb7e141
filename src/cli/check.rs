//! `vouch check`.

use super::stdout::Out;
use super::{CliError, Done, Selection, target};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use vouch_spec::text::Diagnostics;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Also validate this target file.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// Also validate this load file. May be repeated.
    #[cfg(feature = "load")]
    #[arg(long, value_name = "FILE")]
    load: Vec<PathBuf>,
}

pub fn run(args: &Args) -> Done {
    // All files are read before any is reported, so that one call shows all mistakes.
    let plan = args.selection.plan().map_err(CliError::from);
    let target = target(args.target.as_deref());
    let mut errors = Vec::new();
    let plan = plan.map_err(|error| errors.push(error)).ok();
    let target = target.map_err(|error| errors.push(error)).ok();
    #[cfg(feature = "load")]
    for path in &args.load {
        errors.extend(check_load(path, target.as_ref()).err());
    }
    match (plan, target) {
        (Some(plan), Some(_)) if errors.is_empty() => {
            writeln!(Out, "{} cases: no problems found", plan.cases.len())?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(merge(errors)),
    }
}

/// Everything that `vouch load` would refuse about a load file.
#[cfg(feature = "load")]
fn check_load(path: &std::path::Path, target: Option<&vouch_runner::target_file::Target>) -> Result<(), CliError> {
    let file = super::load::read_file(path)?;
    let rotation = target.and_then(|target| target.profile.as_ref().and_then(|profile| target.rotation(profile)));
    let load = file.resolve(&vouch_load::Overrides::default(), rotation);
    load.map(|_| ()).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))
}

/// One error with the mistakes of all files, or the first error that is not about the content of a file.
fn merge(errors: Vec<CliError>) -> CliError {
    let mut all = Vec::new();
    for error in errors {
        match error {
            CliError::Files(Diagnostics(mistakes)) => all.extend(mistakes),
            other => return other,
        }
    }
    CliError::Files(Diagnostics(all))
}
