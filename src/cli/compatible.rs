//! `vouch compatible`.

use super::stdout::Out;
use super::verify::print_checks;
use super::{CliError, Done, show};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use vouch_certificate::{Part, PartKind, compatible};
use vouch_spec::text::did_you_mean;

#[derive(clap::Args)]
#[command(after_help = "Example:
  vouch compatible app=app.vouch sdk=sdk.vouch backend=backend.vouch cloud=cloud.vouch")]
pub struct Args {
    /// The parts: app, sdk, backend or cloud, each with the run record that its certificate is about. At least two.
    #[arg(required = true, num_args = 2.., value_name = "PART=RECORD")]
    parts: Vec<PartFile>,
}

/// A part and the path of its record.
#[derive(Clone, Debug)]
struct PartFile {
    kind: PartKind,
    path: PathBuf,
}

impl FromStr for PartFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, path) = text.split_once('=').ok_or("write PART=RECORD, for example sdk=sdk.vouch")?;
        let known = PartKind::ALL.iter().find(|(known, _)| *known == word);
        let words = PartKind::ALL.map(|(word, _)| word);
        let (_, kind) = known.ok_or_else(|| format!("there is no part `{word}`; {}", did_you_mean(word, words)))?;
        Ok(Self { kind: *kind, path: PathBuf::from(path) })
    }
}

/// Prints each check. The exit code is 1 if the parts do not fit.
pub fn run(args: &Args) -> Done {
    let mut parts: Vec<Part> = Vec::new();
    for PartFile { kind, path } in &args.parts {
        if parts.iter().any(|part| part.kind == *kind) {
            return Err(CliError::Usage(format!("the part {} is given twice", kind.word())));
        }
        parts.push(Part { kind: *kind, record: show::read(path)? });
    }
    parts.sort_by_key(|part| part.kind);
    let failed = print_checks(&compatible(&parts))?;
    match failed {
        0 => writeln!(Out, "the parts fit")?,
        _ => writeln!(Out, "the parts do not fit")?,
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}
