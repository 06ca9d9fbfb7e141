//! `vouch history`.

use super::stdout::Out;
use super::{CliError, Done, matrix, show};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vouch_load::record::LoadRecord;
use vouch_report::{History, MatrixFormat};
use vouch_runner::report::print_stderr;

/// The longest chain of folders that is followed.
const MAX_DEPTH: usize = 8;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  vouch history records
  vouch history records --format markdown >> \"$GITHUB_STEP_SUMMARY\"")]
pub struct Args {
    /// A folder of run records (`*.vouch`), with its subfolders.
    folder: PathBuf,

    /// Only the runs of this target, by its name in the records.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// The format: console, markdown or html.
    #[arg(long, value_name = "FORMAT", default_value = "console", value_parser = matrix::format)]
    format: MatrixFormat,
}

/// Prints trends, the first record that broke each clause, and flaky cases. A file that is no record is a warning.
pub fn run(args: &Args) -> Done {
    let mut files = Vec::new();
    collect(&args.folder, MAX_DEPTH, &mut files)?;
    files.sort();
    let mut history = History::new();
    for file in &files {
        // The records of loads lie in the same folder.
        if LoadRecord::is_in(file) {
            continue;
        }
        match show::read(file) {
            Ok(record) if args.target.as_ref().is_some_and(|target| record.started.target != *target) => {}
            Ok(record) => history.add(&name(file, &args.folder), &record),
            Err(CliError::Usage(what)) => print_stderr(format!("vouch: {what}; it is left out")),
            Err(error) => return Err(error),
        }
    }
    if history.is_empty() {
        let of = args.target.as_ref().map(|target| format!(" of the target {target}")).unwrap_or_default();
        let folder = args.folder.display();
        return Err(CliError::Usage(format!("{folder} has no run record{of} (a file that ends in .vouch)")));
    }
    Out.write_all(history.render(args.format).as_bytes())?;
    Ok(Out.flush().map(|()| ExitCode::SUCCESS)?)
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let failed = |error| CliError::Usage(format!("cannot read the folder {}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        if kind.is_dir() && depth > 0 {
            collect(&path, depth - 1, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "vouch") {
            files.push(path);
        }
    }
    Ok(())
}

/// The path in the folder.
fn name(file: &Path, folder: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).to_string_lossy().into_owned()
}
