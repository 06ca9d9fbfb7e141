//! `vouch check`.

use super::reports::{self, MistakesFile, ReportFile};
use super::stdout::Out;
use super::{CliError, Done, Selection, target};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use vouch_runner::museum::StoredInstallation;
use vouch_runner::target_file::PreviousSource;
use vouch_spec::text::{Diagnostics, OutsideText};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Also validate this target file.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// Also validate this load file. May be repeated.
    #[arg(long, value_name = "FILE")]
    load: Vec<PathBuf>,

    /// Also write the mistakes into a file, for a CI server: `sarif`, `junit`, `github-annotations` or `gitlab-code-quality`, and
    /// a file or `-` for standard output. May be repeated.
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<MistakesFile>,
}

pub fn run(args: &Args) -> Done {
    // All files are read before any is reported, so that one call shows all mistakes.
    let plan = args.selection.plan().map_err(CliError::from);
    let target = target(args.target.as_deref());
    let mut errors = Vec::new();
    let plan = plan.map_err(|error| errors.push(error)).ok();
    let target = target.map_err(|error| errors.push(error)).ok();
    if let Some(PreviousSource::Stored(folder)) = target.as_ref().and_then(|target| target.previous.as_ref()) {
        let stored = StoredInstallation::read(folder);
        errors.extend(stored.err().map(|error| CliError::Usage(OutsideText::line(&error.to_string()).into_string())));
    }
    for path in &args.load {
        errors.extend(check_load(path, target.as_ref()).err());
    }
    let (mistakes, other) = sorted(errors);
    let failure = other.as_ref().map(CliError::text);
    let files = args.reports.iter().map(|MistakesFile(report)| report);
    reports::write_mistakes(files.clone(), &mistakes, failure.as_deref())?;
    match (plan, other) {
        (Some(plan), None) if mistakes.0.is_empty() => {
            if !files.clone().any(ReportFile::is_stdout) {
                writeln!(Out, "{} cases: no problems found", plan.cases.len())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        (_, None) => Err(CliError::Files(mistakes)),
        (_, Some(other)) => Err(other),
    }
}

/// Everything that `vouch load` would refuse about a load file.
fn check_load(path: &std::path::Path, target: Option<&vouch_runner::target_file::Target>) -> Result<(), CliError> {
    let source = super::load::read(path)?;
    let file = super::load::parse(&source)?;
    let rotation = target.and_then(|target| target.profile.as_ref().and_then(|profile| target.rotation(profile)));
    let overrides = vouch_load::Overrides::default();
    let load = file.resolve(&overrides, rotation);
    load.map(|_| ()).map_err(|error| match super::load::plan_error(&file, &source, &error, &overrides) {
        CliError::Usage(error) => CliError::Usage(format!("{}: {error}", path.display())),
        error => error,
    })
}

/// The mistakes of all files, and the first error that is not about the content of a file.
fn sorted(errors: Vec<CliError>) -> (Diagnostics, Option<CliError>) {
    let (mut mistakes, mut other) = (Vec::new(), None);
    for error in errors {
        match error {
            CliError::Files(Diagnostics(of_file)) => mistakes.extend(of_file),
            error => other = other.or(Some(error)),
        }
    }
    (Diagnostics(mistakes), other)
}
