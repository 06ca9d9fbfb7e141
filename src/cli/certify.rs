//! `vouch certify`.

use super::certificate_views::{Files, Views, write_text};
use super::output_paths::check_distinct;
use super::rejudge::SuiteChoice;
use super::stdout::Out;
use super::{CliError, Done, show};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vouch_certificate::{Envelope, SigningKey, Statement, Warnings, check};
use vouch_runner::report::print_stderr;

#[derive(clap::Args)]
pub struct Args {
    /// A run record: of the whole suite, with a digest of the build, without failures.
    record: PathBuf,

    /// The private key: a file that `vouch keygen` made, `env:NAME` for an environment variable with its text, or `-` for
    /// standard input.
    #[arg(long, value_name = "KEY")]
    key: String,

    /// Write the certificate here, in place of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Certify a build that violates `should` clauses. The certificate lists them, and its result is WARNED.
    #[arg(long)]
    allow_warnings: bool,

    #[command(flatten)]
    views: Views,

    #[command(flatten)]
    suite: SuiteChoice,
}

pub fn run(args: &Args) -> Done {
    let output = args.output.as_deref().map(|path| ("--output", path));
    let outputs: Vec<_> = output.into_iter().chain(args.views.outputs()).collect();
    check_distinct(&[("RECORD", &args.record), ("--key", Path::new(&args.key))], &outputs)?;
    let record = show::read(&args.record)?;
    let refused =
        |what: String| CliError::NotReady(format!("vouch: {} is not certified: {what}", args.record.display()));
    let warnings = if args.allow_warnings { Warnings::Accepted } else { Warnings::Refused };
    check(&record, warnings).map_err(|error| refused(error.to_string()))?;
    let judgement = args.suite.judge(&record)?;
    if !judgement.same_suite {
        return Err(refused(format!(
            "it is of another suite (edition {}); certify with Vouch {}, or give the suite with --suite-files",
            record.started.suite.edition, record.started.vouch
        )));
    }
    if let Some(first) = judgement.disagreements.first() {
        let count = judgement.disagreements.len();
        return Err(refused(format!("{count} of its verdicts do not follow from what it recorded. {first}")));
    }
    let statement = Statement::of(&record).ok_or_else(|| refused("it has no valid time".into()))?;
    let key = SigningKey::read(&args.key)?;
    let envelope = Envelope::sign(&statement.to_payload(), &key)?;
    let text = serde_json::to_string_pretty(&envelope).map_err(std::io::Error::from)? + "\n";
    let certificate = args.output.as_deref().filter(|path| *path != Path::new("-"));
    match certificate {
        Some(path) => write_text("certificate", path, &text)?,
        None => Out.write_all(text.as_bytes())?,
    }
    let public_key = public_key_file(&args.key);
    let files = Files { certificate, key: public_key.as_deref(), record: &args.record };
    args.views.write(&statement, &record, &key.public_key(), &files)?;
    let result = statement.result();
    let (passed, not_tested) = (result.passed_tests.len(), result.vouch.not_tested.len());
    print_stderr(format!(
        "{}: {passed} clauses passed, {} with warnings or waivers, {not_tested} not tested; key {}",
        result.result,
        result.warned_tests.len(),
        key.public_key().id()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The file that `vouch keygen` wrote beside a private key.
fn public_key_file(private: &str) -> Option<PathBuf> {
    let is_file = private != "-" && !private.starts_with("env:");
    is_file.then(|| PathBuf::from(format!("{private}.pub")))
}
