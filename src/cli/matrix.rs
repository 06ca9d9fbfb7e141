//! `vouch matrix`.

use super::stdout::Out;
use super::{CliError, Done, show};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vouch_report::{Matrix, MatrixFormat};
use vouch_spec::text::did_you_mean;

#[derive(clap::Args)]
pub struct Args {
    /// Run records, one of each build.
    #[arg(required = true)]
    records: Vec<PathBuf>,

    /// The format of the table: console, markdown or html.
    #[arg(long, value_name = "FORMAT", default_value = "console", value_parser = format)]
    format: MatrixFormat,
}

pub fn format(word: &str) -> Result<MatrixFormat, String> {
    let words = MatrixFormat::ALL.map(|(word, _)| word);
    MatrixFormat::parse(word).ok_or_else(|| format!("there is no format `{word}`; {}", did_you_mean(word, words)))
}

pub fn run(args: &Args) -> Done {
    let named = |path: &PathBuf| Ok((name(path), show::read(path)?));
    let records = args.records.iter().map(named).collect::<Result<Vec<_>, CliError>>()?;
    Out.write_all(Matrix::of(&records).render(args.format).as_bytes())?;
    Ok(Out.flush().map(|()| ExitCode::SUCCESS)?)
}

/// The name of the file, without its folder.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
