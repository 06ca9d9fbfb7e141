//! `vouch verify`.

use super::certificate_views::{Files, Views};
use super::output_paths::{Named, check_distinct};
use super::rejudge::SuiteChoice;
use super::stdout::Out;
use super::{CliError, Done, show};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use vouch_certificate::{Check, Envelope, Policy, PublicKey, Require, Statement, SuiteRule, verify};
use vouch_runner::record::build_digest;
use vouch_spec::text::read_file;

#[derive(clap::Args)]
pub struct Args {
    /// A certificate.
    certificate: PathBuf,

    /// The public key (PEM) of the team that certified.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// The run record of the certificate.
    #[arg(long, value_name = "FILE")]
    record: PathBuf,

    /// Which of the clauses that test the certified roles must have passed, with none left untested.
    #[arg(long, value_name = "LEVEL")]
    require: Option<Level>,

    /// The greatest age of the run, for example 30d.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    max_age: Option<Duration>,

    /// The suite that the run must have used: its SHA-256, or the number of the earliest edition that is accepted.
    #[arg(long, value_name = "SHA256|EDITION", value_parser = suite_rule)]
    suite: Option<SuiteRule>,

    /// Accept a build whose findings are waived. Without it, a certificate with waivers is refused.
    #[arg(long)]
    waivers_allowed: bool,

    /// The SHA-256 that the certified build must have.
    #[arg(long, value_name = "SHA256", value_parser = sha256)]
    build_digest: Option<String>,

    /// The build that must be the certified one: a file, a folder, or an image as oci:NAME@sha256:DIGEST.
    #[arg(long, value_name = "BUILD", conflicts_with = "build_digest")]
    build: Option<String>,

    #[command(flatten)]
    views: Views,

    #[command(flatten)]
    suite_files: SuiteChoice,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Level {
    /// Every `must` clause.
    Must,
    /// Every clause.
    All,
}

/// The longest certificate that is read, in bytes.
const MAX_CERTIFICATE: u64 = 4 << 20;

pub fn run(args: &Args) -> Done {
    let inputs: [Named<'_>; 3] = [("CERTIFICATE", &args.certificate), ("RECORD", &args.record), ("--key", &args.key)];
    check_distinct(&inputs, &args.views.outputs().collect::<Vec<_>>())?;
    let key = PublicKey::read(&args.key)?;
    let text = read_file(&args.certificate, MAX_CERTIFICATE).map_err(|error| {
        CliError::Usage(format!("cannot read the certificate {}: {error}", args.certificate.display()))
    })?;
    let envelope =
        Envelope::parse(&text).map_err(|error| CliError::Usage(format!("{}: {error}", args.certificate.display())))?;
    let policy = policy(args)?;
    // A record that was changed need not be readable: it is refused, and is not a mistake of the caller.
    let record = match show::read(&args.record) {
        Ok(record) => record,
        Err(CliError::Usage(what)) if args.record.is_file() => {
            writeln!(Out, "FAILED  record: {what}")?;
            return Ok(ExitCode::from(1));
        }
        Err(error) => return Err(error),
    };
    let judgement = args.suite_files.judge(&record)?;
    let checks = verify(&envelope, &key, (&record, &judgement), &policy, SystemTime::now());
    let failed = print_checks(&checks)?;
    if failed > 0 {
        writeln!(Out, "the certificate is refused")?;
        return Ok(ExitCode::from(1));
    }
    writeln!(Out, "the certificate is valid")?;
    // A refused certificate has no views: nobody should see them and believe them.
    let statement = envelope.verified_payload(&key).map_err(|error| error.to_string());
    let statement = statement.and_then(|payload| Statement::parse(&payload)).map_err(CliError::Usage)?;
    let files = Files { certificate: Some(&args.certificate), key: Some(&args.key), record: &args.record };
    args.views.write(&statement, &record, &key, &files)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints each check in a line. Returns how many failed.
pub fn print_checks(checks: &[Check]) -> Result<usize, CliError> {
    for check in checks {
        match &check.result {
            Ok(what) => writeln!(Out, "ok      {}: {what}", check.name)?,
            Err(what) => writeln!(Out, "FAILED  {}: {what}", check.name)?,
        }
    }
    Ok(checks.iter().filter(|check| check.result.is_err()).count())
}

fn policy(args: &Args) -> Result<Policy, CliError> {
    let of_build = args.build.as_deref().map(|build| build_digest(build, Path::new("."))).transpose();
    let of_build = of_build.map_err(|error| CliError::Usage(error.to_string()))?;
    Ok(Policy {
        require: args.require.map(|level| match level {
            Level::Must => Require::Must,
            Level::All => Require::All,
        }),
        max_age: args.max_age,
        suite: args.suite.clone(),
        waivers_allowed: args.waivers_allowed,
        build_sha256: args.build_digest.clone().or_else(|| of_build.map(|build| build.sha256)),
    })
}

fn sha256(text: &str) -> Result<String, String> {
    let text = text.strip_prefix("sha256:").unwrap_or(text).to_lowercase();
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest { Ok(text) } else { Err("write the 64 hexadecimal digits of a SHA-256".into()) }
}

fn suite_rule(text: &str) -> Result<SuiteRule, String> {
    // A digest may be of decimal digits alone.
    if let Ok(digest) = sha256(text) {
        return Ok(SuiteRule::Sha256(digest));
    }
    let edition = text.parse().map(SuiteRule::Edition);
    edition.map_err(|_| "write the 64 hexadecimal digits of a SHA-256, or the number of an edition".into())
}
